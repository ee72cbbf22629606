//! Dumps that a script prints line by line into `iptables-restore`.

use std::borrow::Cow;

use super::shell::is_restore;

/// A text in which the lines of such a dump stand by themselves, each in its place: of
/// `( echo "-A INPUT -j DROP"; … ) | iptables-restore`, one command on a line, what `echo` prints. Dumps of IPv6
/// stay as they are: nothing in them says that they are of it.
pub(super) fn read_out(text: &str) -> Cow<'_, str> {
    let mut lines: Vec<&str> = text.lines().collect();
    // Brackets that are open, with their lines.
    let mut opened: Vec<(char, usize)> = Vec::new();
    let mut is_changed = false;
    for at in 0..lines.len() {
        let line = lines[at].trim();
        if line == "(" {
            opened.push(('(', at));
        } else if line == "{" || line.ends_with("() {") {
            opened.push(('{', at));
        } else if line.starts_with('}') {
            opened.pop_if(|(bracket, _)| *bracket == '{');
        } else if line.starts_with(')')
            && let Some(place) = opened.iter().rposition(|(bracket, _)| *bracket == '(')
        {
            let (_, from) = opened[place];
            opened.truncate(place);
            let into = line.split_once('|').and_then(|(_, into)| into.split_whitespace().next());
            if into.is_some_and(|program| is_restore(program) && !program.contains('6')) {
                lines[from..=at].iter_mut().for_each(|line| *line = printed(line));
                is_changed = true;
            }
        }
    }
    if is_changed { Cow::Owned(lines.join("\n")) } else { Cow::Borrowed(text) }
}

/// What a command prints, without its quotes; nothing of the brackets, and other commands as they are.
fn printed(command: &str) -> &str {
    let command = command.trim();
    let Some(said) = command.strip_prefix("echo ").map(str::trim) else {
        return if command.starts_with(['(', ')']) { "" } else { command };
    };
    let bare = ['"', '\''].iter().find_map(|quote| said.strip_prefix(*quote)?.strip_suffix(*quote));
    bare.unwrap_or(said).trim()
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
            ["", "*filter", "# accept", ":FORWARD DROP [0:0]", "-A FORWARD -j LOG", "COMMIT", ""]
        );
        assert_eq!(lines[8..], ["}", "(", "echo x", ") | cat"]);
        let apart = "f() {\nfunction g {\necho a\n}\n(\nif x; then\necho -A INPUT -j DROP\nfi\n{ y; }\n) | iptables-restore\niptables -F\n}\n";
        let expected = "f() {\nfunction g {\necho a\n}\n\nif x; then\n-A INPUT -j DROP\nfi\n{ y; }\n\niptables -F\n}";
        assert_eq!(read_out(apart), expected, "what else stands there stays");
        for kept in [
            "(\necho x\n) | cat\n",
            "(\necho x\n) | ip6tables-restore\n",
            "}\n) | iptables-restore\n",
        ] {
            assert_eq!(read_out(kept), kept);
        }
    }
}
