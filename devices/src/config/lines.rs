//! The lines of a configuration and the words on them.
//!
//! Text comes from `show running-config`, from a web page or from a terminal session, so this layer
//! takes away what is none of the configuration: comments, banners, certificates in hexadecimal,
//! pager marks and prompts, the fences and ticks of Markdown, and all of a `show tech-support` but its
//! configuration. Columns always refer to the line as the user sees it in the file.

use std::borrow::Cow;
use std::ops::{Deref, Range};
use std::sync::Arc;

use super::keywords;

/// One line that says something.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// Line number, from 1.
    pub number: u32,
    /// Blanks before the first word; 0 after a prompt.
    pub indent: usize,
    /// The words, in order, keywords written out. Never empty.
    pub words: Words<'a>,
    /// The words as they stand in the line, where that is otherwise.
    given: Option<Words<'a>>,
    raw: &'a str,
}

impl<'a> Line<'a> {
    /// The line without surrounding blanks, prompt and pager marks.
    #[must_use]
    pub fn text(&self) -> &'a str {
        text_of(self.raw, self.given.as_ref().unwrap_or(&self.words))
    }

    /// True behind the prompt of a configuration mode: `Router(config)# …`.
    pub(crate) fn is_typed(&self) -> bool {
        let given = self.given.as_ref().unwrap_or(&self.words);
        let first = given.first().map_or(0, |first| self.offset(first));
        self.raw[..first].contains("(config")
    }

    /// The line's text with its keywords written out.
    #[must_use]
    pub fn written_out(&self) -> Cow<'a, str> {
        match &self.given {
            Some(_) => Cow::Owned(self.words.join(" ")),
            None => Cow::Borrowed(self.text()),
        }
    }

    /// What of the line a word stands for.
    fn as_given<'w>(&'w self, word: &'w str) -> &'w str {
        let Some(given) = self.given.as_ref().filter(|given| given.len() == self.words.len())
        else {
            return word;
        };
        let is_it = |own: &&str| std::ptr::eq(*own, word);
        self.words.iter().position(is_it).map_or(word, |at| given[at])
    }

    /// First column of `word` and the one after it, in characters from 1. `word` is one of the line's
    /// words (or a part of one); otherwise the whole text is meant.
    #[must_use]
    pub fn columns(&self, word: &str) -> (u32, u32) {
        let word = self.as_given(word);
        let inside = self.raw.as_bytes().as_ptr_range().contains(&word.as_ptr());
        let word = if inside && !word.is_empty() { word } else { self.text() };
        let start = self.raw[..self.offset(word)].chars().count() as u32 + 1;
        (start, start + word.chars().count() as u32)
    }

    /// Everything from `word` (one of the line's words) to the end of the line.
    #[must_use]
    pub fn rest_from(&self, word: &str) -> &'a str {
        rest_from(self.raw, self.given.as_ref().unwrap_or(&self.words), self.as_given(word))
    }

    fn offset(&self, word: &str) -> usize {
        offset_in(self.raw, word)
    }
}

/// A line's text from its first word to its last.
fn text_of<'a>(raw: &'a str, words: &[&str]) -> &'a str {
    rest_from(raw, words, words.first().copied().unwrap_or(""))
}

/// A line's text from one of its words to the last.
fn rest_from<'a>(raw: &'a str, words: &[&str], word: &str) -> &'a str {
    let first = offset_in(raw, word);
    let end = words.last().map_or(0, |last| offset_in(raw, last) + last.len());
    raw[first..end.max(first)].trim_end()
}

/// Most lines that a banner is looked through for its end: a mark that comes only later is none.
const BANNER_LINES_MAX: usize = 200;

/// Most lines of a certificate in hexadecimal.
const CERTIFICATE_LINES_MAX: usize = 1000;

/// All lines that say something, in order.
#[must_use]
pub fn lines(text: &str) -> Vec<Line<'_>> {
    let all: Vec<&str> = text.split(break_of(text)).collect();
    let sections = Sections::of(text, &all);
    let has = Has::of(text);
    let mut found = Found::default();
    let mut at = 0;
    while at < all.len() {
        let here = at;
        at += 1;
        if !sections.hold(here) {
            continue;
        }
        let first = found.lines.len();
        found.read(here as u32 + 1, all[here], has);
        let Some(line) = found.lines.get(first) else { continue };
        match &found.words[line.words.clone()] {
            words @ ["banner", _, mark, ..] => {
                at = banner_end(&all, here, words.len(), rest_from(line.raw, words, mark));
            }
            ["certificate", ..] => at = certificate_end(&all, at),
            _ => {}
        }
    }
    found.into_lines()
}

/// What ends a line: a carriage return alone in texts of some terminals and old systems. (A pager's mark
/// has carriage returns in its line.)
pub(crate) fn break_of(text: &str) -> char {
    let one_line = !text.contains('\r') || text.contains("More --");
    if text.contains('\n') || one_line { '\n' } else { '\r' }
}

/// The sections of a text that hold the configuration: of a page what stands in fences, of `show
/// tech-support` what stands under `show running-config`.
struct Sections(Option<Vec<std::ops::Range<usize>>>);

impl Sections {
    fn of(text: &str, all: &[&str]) -> Self {
        if text.contains("```") {
            return Self::fenced(all);
        }
        if !text.contains("-----") {
            return Self(None);
        }
        let title = |line: &str| {
            let title = line.trim_start().strip_prefix("-----")?.trim_start_matches('-');
            let title = title.trim_end().strip_suffix("-----")?.trim_end_matches('-').trim();
            title.starts_with("show ").then(|| title.to_owned())
        };
        let mut starts =
            (0..).zip(all).filter_map(|(at, line)| Some((at, title(line)?))).peekable();
        let mut held = Vec::new();
        while let Some((at, title)) = starts.next() {
            let end = starts.peek().map_or(all.len(), |(next, _)| *next);
            if title.starts_with("show run") {
                held.push(at + 1..end);
            }
        }
        Self((!held.is_empty()).then_some(held))
    }

    /// What stands in the fences of a page, however much is written around them; all of a text in which
    /// a fence stays open.
    fn fenced(all: &[&str]) -> Self {
        let is_fence = |(at, line): (usize, &&str)| line.trim().starts_with("```").then_some(at);
        let fences: Vec<usize> = all.iter().enumerate().filter_map(is_fence).collect();
        let held = || fences.chunks(2).map(|pair| pair[0] + 1..pair[1]).collect();
        Self((!fences.is_empty() && fences.len().is_multiple_of(2)).then(held))
    }

    fn hold(&self, at: usize) -> bool {
        self.0.as_ref().is_none_or(|held| held.iter().any(|range| range.contains(&at)))
    }
}

/// What of a terminal a text has at all: most have nothing, and need not be looked through line by line.
#[derive(Clone, Copy)]
struct Has {
    /// Carriage returns or backspaces.
    controls: bool,
    pager: bool,
    prompts: bool,
    markdown: bool,
    /// Bold text of Markdown.
    bold: bool,
    /// Remarks behind commands.
    remarks: bool,
    /// Tags of a language for templates.
    tags: bool,
}

impl Has {
    fn of(text: &str) -> Self {
        Self {
            controls: text.contains('\r') || text.contains('\x08'),
            pager: text.contains("More --") || text.contains("--More--"),
            prompts: text.contains('#') || text.contains('>'),
            markdown: text.contains('`'),
            bold: text.contains("**"),
            remarks: text.contains(" ! "),
            tags: has_tags(text),
        }
    }
}

/// The words of a line. Those of all lines of a text stand in one piece of memory: a line costs no
/// allocation.
#[derive(Clone, Debug)]
pub struct Words<'a> {
    all: Arc<Vec<&'a str>>,
    place: Range<usize>,
}

impl<'a> Words<'a> {
    /// All of them.
    #[must_use]
    pub fn as_slice(&self) -> &[&'a str] {
        &self.all[self.place.clone()]
    }
}

impl<'a> FromIterator<&'a str> for Words<'a> {
    fn from_iter<T: IntoIterator<Item = &'a str>>(words: T) -> Self {
        let all: Vec<&str> = words.into_iter().collect();
        Self { place: 0..all.len(), all: Arc::new(all) }
    }
}

impl<'a> Deref for Words<'a> {
    type Target = [&'a str];

    fn deref(&self) -> &Self::Target {
        self.as_slice()
    }
}

/// What is found in a text.
#[derive(Default)]
struct Found<'a> {
    /// Of all lines.
    words: Vec<&'a str>,
    lines: Vec<FoundLine<'a>>,
}

struct FoundLine<'a> {
    number: u32,
    indent: usize,
    words: Range<usize>,
    raw: &'a str,
}

impl<'a> Found<'a> {
    fn into_lines(self) -> Vec<Line<'a>> {
        let all = Arc::new(self.words);
        let lines = self.lines.into_iter();
        let mut written = Vec::new();
        lines
            .map(|FoundLine { number, indent, words, raw }| {
                let words = Words { all: Arc::clone(&all), place: words };
                let (words, given) = match keywords::write_out(&words, &mut written) {
                    true => (written.iter().copied().collect(), Some(words)),
                    false => (words, None),
                };
                Line { number, indent, words, given, raw }
            })
            .collect()
    }

    /// Takes the commands of a line: none, one, or several with their prompts between them.
    fn read(&mut self, number: u32, mut raw: &'a str, has: Has) {
        let mut content = raw;
        if has.controls {
            raw = raw.trim_end_matches('\r');
            // A pager leaves its mark and the backspaces that wiped it before the line's own text.
            let wiped = |byte: &u8| matches!(byte, 8 | b'\r');
            let shown = raw.as_bytes().iter().rposition(wiped).map_or(0, |at| at + 1);
            content = &raw[shown..];
        }
        content = content.strip_prefix('\u{feff}').unwrap_or(content);
        if has.pager {
            for mark in ["<--- More --->", "--More--"] {
                content = content.trim_start().strip_prefix(mark).unwrap_or(content);
            }
        }
        let mut indent = content.len() - content.trim_start().len();
        content = content.trim();
        if has.markdown && content.starts_with("```") {
            return;
        }
        if has.markdown
            && let Some(ticked) = content.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'))
        {
            content = ticked.trim();
            raw = &raw[..offset_in(raw, content) + content.len()];
        }
        if has.bold
            && let Some(bold) = content.strip_prefix("**").and_then(|rest| rest.strip_suffix("**"))
            && bold.starts_with(char::is_alphanumeric)
        {
            content = bold.trim();
            raw = &raw[..offset_in(raw, content) + content.len()];
        }
        if has.prompts
            && let Some(command) = after_prompt(content)
        {
            (content, indent) = (command.trim_start(), 0);
        }
        if content.is_empty()
            || content.starts_with(['!', ':'])
            || is_remark(content)
            || has.tags && is_tag(content)
        {
            return;
        }
        if has.prompts
            && content.contains("(config")
            && let Some(prompt) =
                content.split_whitespace().rev().find(|word| is_config_prompt(word))
        {
            let at = offset_in(content, prompt);
            let earlier = content[..at].trim_end();
            // The earlier commands go first.
            if !earlier.is_empty() {
                self.read(number, &raw[..offset_in(raw, earlier) + earlier.len()], has);
            }
            (content, indent) = (content[at + prompt.len()..].trim_start(), 0);
        }
        let first = self.words.len();
        split(content, &mut self.words);
        // `command ! what it does`, as pages write it; to iptables and nftables the mark negates.
        if has.remarks
            && !content.starts_with('-')
            && !["tables ", " -A ", " -I ", " -j "].iter().any(|of| content.contains(of))
            && let Some(at) = self.words[first..].iter().position(|word| *word == "!")
            && !matches!(
                self.words[first..first + at].last(),
                Some(&("flags" | "state" | "status"))
            )
        {
            self.words.truncate(first + at);
        }
        let words = first..self.words.len();
        if !words.is_empty() {
            self.lines.push(FoundLine { number, indent, words, raw });
        }
    }
}

/// `# …` is how a page or a script remarks, `## …` or `##…` a heading of a page, `- …` an item of its lists. `#exit`
/// is StarOS's.
fn is_remark(content: &str) -> bool {
    let heading = content.starts_with('#') && !content.starts_with("#exit");
    heading || content.starts_with("- ")
}

/// Where the tags of a language for templates begin and end: FreeMarker's, Jinja's, and those of embedded Ruby.
const TAGS: [(&str, &str); 5] =
    [("<#", ">"), ("</#", ">"), ("{%", "%}"), ("{#", "#}"), ("<%", "%>")];

/// True for a text that may have lines of them.
pub(crate) fn has_tags(text: &str) -> bool {
    let begins = |pair: &[u8]| matches!(pair, b"<#" | b"/#" | b"{%" | b"{#" | b"<%");
    text.as_bytes().windows(2).any(begins)
}

/// True for a line that is one of a template's language, and none of the configuration's: `{% if vlan %}`.
pub(crate) fn is_tag(content: &str) -> bool {
    TAGS.iter().any(|(begins, ends)| content.starts_with(begins) && content.ends_with(ends))
}

/// Adds the words of a text.
fn split<'a>(text: &'a str, words: &mut Vec<&'a str>) {
    if !text.is_ascii() {
        words.extend(text.split_whitespace());
        return;
    }
    let mut begins = None;
    for (at, byte) in text.bytes().enumerate() {
        match (begins, byte.is_ascii_whitespace()) {
            (None, false) => begins = Some(at),
            (Some(first), true) => {
                words.push(&text[first..at]);
                begins = None;
            }
            _ => {}
        }
    }
    if let Some(first) = begins {
        words.push(&text[first..]);
    }
}

/// `word` borrows from `raw`, so the difference of the addresses is its place in it.
fn offset_in(raw: &str, word: &str) -> usize {
    (word.as_ptr() as usize).saturating_sub(raw.as_ptr() as usize).min(raw.len())
}

/// A prompt of a configuration mode, as `fw(config-pmap)#`.
fn is_config_prompt(word: &str) -> bool {
    word.ends_with('#') && word.contains("(config")
}

/// The command after a prompt such as `ciscoasa(config-tcp-map)#`.
fn after_prompt(content: &str) -> Option<&str> {
    let first = content.split_whitespace().next()?;
    let prompt = first.find(['#', '>']).map(|at| &first[..=at])?;
    let host = &prompt[..prompt.len() - 1];
    let named = (host.starts_with(|c: char| c.is_ascii_alphanumeric())
        || host.starts_with("(config"))
        // IOS XR's begin with the route processor, `RP/0/RP0/CPU0:r1#`.
        && host.strip_prefix("RP/").unwrap_or(host).chars().all(|c| {
            c.is_ascii_alphanumeric() || "-_./()".contains(c) || c == ':' && host.starts_with("RP/")
        });
    named.then(|| &content[prompt.len()..])
}

/// The line after a banner that begins in line `here`, of so many words, with its text. `banner motd ^C … ^C`
/// (IOS) runs to the second mark, `banner motd text` (ASA) is one line. Text that only begins as a mark does
/// is told from one by what follows: no banner holds commands of a configuration.
fn banner_end(all: &[&str], here: usize, words: usize, text: &str) -> usize {
    let first = text.split_whitespace().next().unwrap_or("");
    let mut chars = first.chars();
    let (mark, certain) = match (chars.next(), chars.next()) {
        (Some('^'), Some(letter)) => (format!("^{letter}"), true),
        (Some(other), _) if other.is_control() => (other.to_string(), true),
        (Some(other), _) if !other.is_alphanumeric() => (other.to_string(), false),
        // The letter that a caret was lost from: it stands alone.
        (Some(letter), None) if words == 3 => (letter.to_string(), false),
        _ => return here + 1,
    };
    let letter = mark.starts_with(char::is_alphanumeric);
    if !letter && text[mark.len()..].contains(&mark) {
        return here + 1;
    }
    for (at, raw) in all.iter().enumerate().skip(here + 1).take(BANNER_LINES_MAX) {
        let shown = raw.trim();
        if if letter { shown.ends_with(&mark) } else { raw.contains(&mark) } {
            return at + 1;
        }
        const COMMANDS: [&str; 8] = [
            "banner ",
            "interface ",
            "access-list ",
            "class-map ",
            "policy-map ",
            "service-policy ",
            "tcp-map ",
            "line vty",
        ];
        if !certain && COMMANDS.iter().any(|command| shown.starts_with(command)) {
            return here + 1;
        }
    }
    if certain { all.len() } else { here + 1 }
}

/// The line after a certificate: `quit` ends its bytes; without it, the last line that is nothing else.
fn certificate_end(all: &[&str], from: usize) -> usize {
    let is_hex = |word: &str| word.chars().all(|c| c.is_ascii_hexdigit());
    let begins = all.get(from).and_then(|line| line.split_whitespace().next()).is_some_and(is_hex);
    if !begins {
        return from;
    }
    let rest = &all[from..];
    let quit = rest.iter().take(CERTIFICATE_LINES_MAX).position(|line| line.trim() == "quit");
    let bytes = |line: &&str| line.split_whitespace().all(is_hex);
    quit.map_or_else(|| from + rest.iter().take_while(|l| bytes(l)).count(), |at| from + at + 1)
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
        check(" RP/0/RP0/CPU0:r-1#show run\na:b#c", &[(1, 0, "show run"), (2, 0, "a:b#c")]);
        check("a b ! why\nc!d", &[(1, 0, "a b"), (2, 0, "c!d")]);
        check("## Zones\n- one\nend", &[(3, 0, "end")]);
        check("# Zones\nend\nr# end", &[(2, 0, "end"), (3, 0, "end")]);
        check("<--- More --->\r              \r class x", &[(1, 1, "class x")]);
        check(
            " certificate 01\n 3082 tcp-map\n quit\nend",
            &[(1, 1, "certificate 01"), (4, 0, "end")],
        );
        check("\u{feff}tcp-map x", &[(1, 0, "tcp-map x")]);
        check("a\rb c\r", &[(1, 0, "a"), (2, 0, "b c")]);
        check("```\n`tcp-map x`\n```", &[(2, 0, "tcp-map x")]);
        check("a\n **b c**\n****", &[(1, 0, "a"), (2, 1, "b c"), (3, 0, "****")]);
        check(
            "Prose, and\n```\na b\n```\nmore: ip any\n```cisco\nc\n```",
            &[(3, 0, "a b"), (7, 0, "c")],
        );
        check("<#if x>\n  a\n  </#if>\n  b", &[(2, 2, "a"), (4, 2, "b")]);
        check("{% if x %}\na {{ b }}\n{%- endif %}\n{# c #}", &[(2, 0, "a {{ b }}")]);
        check("a\n```\nb", &[(1, 0, "a"), (3, 0, "b")]);
        check("(config)# class-map c", &[(1, 0, "class-map c")]);
        check(
            "fw(config)# tcp-map m fw(config-tcp-map)# urgent-flag allow",
            &[(1, 0, "tcp-map m"), (1, 0, "urgent-flag allow")],
        );
        check("certificate 01\n 3082 ff\nend", &[(1, 0, "certificate 01"), (3, 0, "end")]);
        check("banner motd C\n  Keep out!\nC\nend", &[(1, 0, "banner motd C"), (4, 0, "end")]);
        check("banner motd # One\nend", &[(1, 0, "banner motd # One"), (2, 0, "end")]);
        check(
            "banner motd - a\ninterface x\nname b-c",
            &[(1, 0, "banner motd - a"), (2, 0, "interface x"), (3, 0, "name b-c")],
        );
        check(
            "-- \n----- show version -----\nCisco\n----- show running-config -----\nend\n\
             ----- show tech -----\nx",
            &[(5, 0, "end")],
        );
    }

    #[test]
    fn keywords_are_written_out_and_columns_are_the_texts() {
        let all = lines("  é ac 110 per TCP any host a\n ac 110 per TCP any ANY");
        let words = all[1].words.as_slice();
        assert_eq!(words, ["access-list", "110", "permit", "tcp", "any", "any"]);
        assert_eq!(all[1].text(), "ac 110 per TCP any ANY");
        assert_eq!(all[1].columns(words[2]), (9, 12));
        assert_eq!(all[1].rest_from(words[3]), "TCP any ANY");
        assert_eq!(all[0].written_out(), all[0].text());
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
                for word in line.words.iter() { let _ = line.columns(word); }
                let _ = line.text();
            }
        }
    }
}
