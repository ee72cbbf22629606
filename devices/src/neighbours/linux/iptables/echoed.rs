//! Dumps that a script prints line by line into `iptables-restore`.

use std::borrow::Cow;

use super::shell::is_restore;

/// A text in which the lines of such a dump stand by themselves, each in its place: of
/// `( echo "-A INPUT -j DROP"; … ) | iptables-restore`, one command on a line, what `echo` prints. Dumps of IPv6
/// stay as they are: nothing in them says that they are of it.
pub(super) fn read_out(text: &str) -> Cow<'_, str> {
    let mut lines: Vec<&str> = text.lines().collect();
    let mut opened: Vec<usize> = Vec::new();
    let mut is_changed = false;
    for at in 0..lines.len() {
        let line = lines[at].trim();
        if matches!(line, "(" | "{") || line.ends_with("() {") {
            opened.push(at);
        } else if line.starts_with([')', '}'])
            && let Some(from) = opened.pop()
            && let Some((_, into)) = line.split_once('|')
            && into
                .split_whitespace()
                .next()
                .is_some_and(|word| is_restore(word) && !word.contains('6'))
        {
            for line in &mut lines[from..=at] {
                *line = printed(line.trim()).unwrap_or_default();
            }
            is_changed = true;
        }
    }
    if is_changed { Cow::Owned(lines.join("\n")) } else { Cow::Borrowed(text) }
}

/// What a command prints, without its quotes.
fn printed(command: &str) -> Option<&str> {
    let said = command.strip_prefix("echo ")?.trim();
    let bare = ['"', '\''].iter().find_map(|quote| said.strip_prefix(*quote)?.strip_suffix(*quote));
    Some(bare.unwrap_or(said).trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_in_their_places() {
        let text = "start() {\n(\n echo '*filter'\n # accept\n echo :FORWARD DROP [0:0]\n echo \"-A FORWARD -j LOG \"\n echo COMMIT\n) | $IPTABLES_RESTORE; RES=$?\n}\n(\necho x\n) | cat\n";
        let read = read_out(text);
        let lines: Vec<&str> = read.lines().collect();
        assert_eq!(
            lines[1..8],
            ["", "*filter", "", ":FORWARD DROP [0:0]", "-A FORWARD -j LOG", "COMMIT", ""]
        );
        assert_eq!(lines[8..], ["}", "(", "echo x", ") | cat"]);
        assert_eq!(read_out("(\necho x\n) | cat\n"), "(\necho x\n) | cat\n");
    }
}
