//! The lines of a configuration and the words on them.
//!
//! Text comes from `show running-config`, from a web page or from a terminal session, so this layer
//! takes away what is none of the configuration: comments, banners, certificates in hexadecimal,
//! pager marks and prompts. Columns always refer to the line as the user sees it in the file.

/// One line that says something.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// Line number, from 1.
    pub number: u32,
    /// Blanks before the first word; 0 after a prompt.
    pub indent: usize,
    /// The words, in order. Never empty.
    pub words: Vec<&'a str>,
    raw: &'a str,
}

impl<'a> Line<'a> {
    /// The line without surrounding blanks, prompt and pager marks.
    #[must_use]
    pub fn text(&self) -> &'a str {
        let start = self.offset(self.words[0]);
        self.raw[start..].trim_end()
    }

    /// First column of `word` and the one after it, in characters from 1. `word` is one of the line's
    /// words (or a part of one); otherwise the whole text is meant.
    #[must_use]
    pub fn columns(&self, word: &str) -> (u32, u32) {
        let inside = self.raw.as_bytes().as_ptr_range().contains(&word.as_ptr());
        let word = if inside && !word.is_empty() { word } else { self.text() };
        let start = self.raw[..self.offset(word)].chars().count() as u32 + 1;
        (start, start + word.chars().count() as u32)
    }

    /// Everything from `word` (one of the line's words) to the end of the line.
    #[must_use]
    pub fn rest_from(&self, word: &str) -> &'a str {
        self.raw[self.offset(word)..].trim_end()
    }

    fn offset(&self, word: &str) -> usize {
        // `word` borrows from `raw`, so the difference of the addresses is its place in it.
        (word.as_ptr() as usize).saturating_sub(self.raw.as_ptr() as usize).min(self.raw.len())
    }
}

/// Text to leave out until its end is seen.
enum Skip {
    Nothing,
    /// A banner of several lines, to the line that holds this mark.
    Banner(String),
    /// Certificate bytes, to `quit`.
    Certificate,
}

/// All lines that say something, in order.
#[must_use]
pub fn lines(text: &str) -> Vec<Line<'_>> {
    let mut found = Vec::new();
    let mut skip = Skip::Nothing;
    for (number, raw) in (1..).zip(text.split('\n')) {
        match &skip {
            Skip::Banner(mark) => {
                if raw.contains(mark.as_str()) {
                    skip = Skip::Nothing;
                }
                continue;
            }
            Skip::Certificate => {
                if raw.trim() == "quit" {
                    skip = Skip::Nothing;
                }
                continue;
            }
            Skip::Nothing => {}
        }
        let Some(line) = read(number, raw) else { continue };
        match line.words.as_slice() {
            ["banner", _, first, ..] => skip = banner(&line, first),
            ["certificate", ..] if line.indent > 0 => skip = Skip::Certificate,
            _ => {}
        }
        found.push(line);
    }
    found
}

fn read(number: u32, raw: &str) -> Option<Line<'_>> {
    let raw = raw.trim_end_matches('\r');
    // A pager leaves its mark and the backspaces that wiped it before the line's own text.
    let shown = raw.rfind(['\u{8}', '\r']).map_or(0, |at| at + 1);
    let mut content = raw[shown..].trim_start_matches('\u{feff}');
    for mark in ["<--- More --->", "--More--"] {
        content = content.trim_start().strip_prefix(mark).unwrap_or(content);
    }
    let mut indent = content.len() - content.trim_start().len();
    content = content.trim();
    if let Some(command) = after_prompt(content) {
        (content, indent) = (command.trim_start(), 0);
    }
    if content.is_empty() || content.starts_with(['!', ':']) {
        return None;
    }
    Some(Line { number, indent, words: content.split_whitespace().collect(), raw })
}

/// The command after a prompt such as `ciscoasa(config-tcp-map)#`.
fn after_prompt(content: &str) -> Option<&str> {
    let first = content.split_whitespace().next()?;
    let prompt = first.find(['#', '>']).map(|at| &first[..=at])?;
    let host = &prompt[..prompt.len() - 1];
    let named = host.starts_with(|c: char| c.is_ascii_alphanumeric())
        && host.chars().all(|c| c.is_ascii_alphanumeric() || "-_./()".contains(c));
    named.then(|| &content[prompt.len()..])
}

/// `banner motd ^C … ^C` (IOS) runs to the second mark; `banner motd text` (ASA) is one line.
fn banner(line: &Line<'_>, first: &str) -> Skip {
    let mut chars = first.chars();
    let mark = match (chars.next(), chars.next()) {
        (Some('^'), Some(letter)) => format!("^{letter}"),
        (Some(other), _) if !other.is_alphanumeric() => other.to_string(),
        _ => return Skip::Nothing,
    };
    if line.rest_from(first)[mark.len()..].contains(&mark) {
        return Skip::Nothing;
    }
    Skip::Banner(mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_that_say_something() {
        let check = |text: &str, expected: &[(u32, usize, &str)]| {
            let found = lines(text);
            let found: Vec<_> = found.iter().map(|l| (l.number, l.indent, l.text())).collect();
            assert_eq!(found, expected, "{text:?}");
        };
        check("a b\r\n!\n: Saved\n\n  c  d \n", &[(1, 0, "a b"), (5, 2, "c  d")]);
        check("banner motd ^C\ntcp-map x\n^C\nend", &[(1, 0, "banner motd ^C"), (4, 0, "end")]);
        check("banner motd ^Chello^C\nend", &[(1, 0, "banner motd ^Chello^C"), (2, 0, "end")]);
        check("banner motd Keep out\nend", &[(1, 0, "banner motd Keep out"), (2, 0, "end")]);
        check("asa(config-tcp-map)#  tcp-options x", &[(1, 0, "tcp-options x")]);
        check("hostname#", &[]);
        check("<--- More --->\r              \r class x", &[(1, 1, "class x")]);
        check(
            " certificate 01\n 3082 tcp-map\n quit\nend",
            &[(1, 1, "certificate 01"), (4, 0, "end")],
        );
        check("\u{feff}tcp-map x", &[(1, 0, "tcp-map x")]);
    }

    #[test]
    fn columns_count_characters_of_the_line_as_it_stands() {
        let text = "  é  range 30 300 allow";
        let all = lines(text);
        assert_eq!(all[0].columns(all[0].words[3]), (15, 18));
        assert_eq!(all[0].columns(""), (3, 24), "the whole text");
        assert_eq!(all[0].columns("elsewhere"), (3, 24));
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(text in "[ -~\n\r\t\u{8}é^#>]{0,200}") {
            for line in lines(&text) {
                for word in &line.words { let _ = line.columns(word); }
                let _ = line.text();
            }
        }
    }
}
