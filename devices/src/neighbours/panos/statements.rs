//! The settings of a PAN-OS configuration in the forms that it comes in.

use sim_core::engine::device::ConfigLine;

use crate::config::{ConfigText, Line};

use super::commands::{self, is_change};

/// A setting: the words of a `set` command, or the names of the elements around a value in XML.
pub(super) struct Statement<'s, 't> {
    pub(super) words: &'s [&'t str],
    pub(super) file: &'t str,
    pub(super) line: u32,
    /// Of the line.
    pub(super) text: &'t str,
}

impl Statement<'_, '_> {
    pub(super) fn place(&self) -> ConfigLine {
        ConfigLine { file: self.file.to_owned(), line: self.line, text: self.text.to_owned() }
    }
}

/// Hands on the settings of a text, one after the other: of `set` commands, of the XML that the device
/// exports, or of the blocks in braces that it shows. Gives the lines of commands that are not followed.
pub(super) fn each_statement<'t>(
    text: ConfigText<'t>,
    mut take: impl FnMut(Statement<'_, 't>),
) -> Vec<u32> {
    if text.text.trim_start().starts_with('<') {
        each_element(text, take);
        return Vec::new();
    }
    let all = text.lines();
    let shows = |line: &Line<'_>| !line.text().starts_with("set ") && line.text().ends_with('{');
    if all.iter().any(shows) {
        each_in_braces(text, take);
        return Vec::new();
    }
    if all.iter().any(is_change) {
        let (sets, unread) = commands::followed(text);
        for set in &sets {
            take(Statement { words: &set.words, file: text.file, line: set.line, text: set.text });
        }
        return unread;
    }
    let mut quoted = Vec::new();
    for line in all.iter().filter(|line| line.words[0] == "set") {
        let command = line.text();
        let words = if command.contains('"') {
            words_of(command, &mut quoted);
            &quoted
        } else {
            line.words.as_slice()
        };
        take(Statement { words, file: text.file, line: line.number, text: command });
    }
    Vec::new()
}

/// Settings of a rule, of which one command may have several.
const SETTINGS: [&str; 30] = [
    "from",
    "to",
    "source",
    "destination",
    "application",
    "service",
    "action",
    "disabled",
    "rule-type",
    "source-user",
    "category",
    "schedule",
    "type",
    "profile",
    "profile-setting",
    "log-start",
    "log-end",
    "log-setting",
    "negate-source",
    "negate-destination",
    "description",
    "hip-profiles",
    "source-hip",
    "destination-hip",
    "tag",
    "group-tag",
    "option",
    "icmp-unreachable",
    "target",
    "uuid",
];

/// The settings of a rule that one command gives: each with its values.
pub(super) struct Settings<'w, 't>(pub(super) &'w [&'t str]);

impl<'w, 't> Iterator for Settings<'w, 't> {
    type Item = &'w [&'t str];

    fn next(&mut self) -> Option<Self::Item> {
        let (_, values) = self.0.split_first()?;
        let (setting, rest) = self.0.split_at(1 + length_of(values));
        self.0 = rest;
        Some(setting)
    }
}

/// How many words are a setting's values; those of a list stand in brackets.
fn length_of(words: &[&str]) -> usize {
    let mut is_list = false;
    let ends = |(at, word): (usize, &&str)| {
        match *word {
            "[" => is_list = true,
            "]" => is_list = false,
            _ => {}
        }
        (at > 0 && !is_list && SETTINGS.contains(word)).then_some(at)
    };
    words.iter().enumerate().find_map(ends).unwrap_or(words.len())
}

/// The words of a command; quotes hold together what has blanks.
pub(super) fn words_of<'t>(command: &'t str, words: &mut Vec<&'t str>) {
    words.clear();
    for (at, part) in command.split('"').enumerate() {
        match at % 2 {
            0 => words.extend(part.split_whitespace()),
            _ => words.push(part),
        }
    }
}

/// Hands on the values of an XML text, each with the names of the elements around it; an `entry` goes by
/// its name.
fn each_element<'t>(text: ConfigText<'t>, mut take: impl FnMut(Statement<'_, 't>)) {
    let mut open: Vec<&str> = Vec::new();
    let all: Vec<&str> = text.text.lines().collect();
    let (mut at, mut line) = (0, 1);
    while let Some(start) = text.text[at..].find('<').map(|start| at + start) {
        let value = text.text[at..start].trim();
        line += text.text[at..start].matches('\n').count() as u32;
        let rest = &text.text[start..];
        let (end, is_comment) = match rest.strip_prefix("<!--") {
            Some(comment) => (comment.find("-->").map(|end| end + 7), true),
            None => (rest.find('>').map(|end| end + 1), false),
        };
        let Some(end) = end else { break };
        let tag = &rest[..end];
        if !is_comment && tag.starts_with("</") {
            if !value.is_empty() && open.last().is_some_and(|name| WANTED.contains(name)) {
                let raw = all.get(line as usize - 1).map_or("", |raw| raw.trim());
                open.push(value);
                take(Statement { words: &open, file: text.file, line, text: raw });
                open.pop();
            }
            open.pop();
        } else if let Some(name) = tag.strip_suffix("/>").and_then(|tag| tag.strip_prefix('<')) {
            if EMPTY_WANTED.contains(&name) {
                let raw = all.get(line as usize - 1).map_or("", |raw| raw.trim());
                open.push(name);
                take(Statement { words: &open, file: text.file, line, text: raw });
                open.pop();
            }
        } else if !is_comment && !tag.starts_with("<?") {
            let element = tag[1..end - 1].split_whitespace().next().unwrap_or("");
            let name = tag.split_once("name=\"").and_then(|(_, rest)| rest.split('"').next());
            open.push(name.filter(|_| element == "entry").unwrap_or(element));
        }
        line += tag.matches('\n').count() as u32;
        at = start + end;
    }
}

/// Hands on the settings of blocks in braces: `zone { a { network { layer3 [ ethernet1/1 ]; } } }`.
fn each_in_braces<'t>(text: ConfigText<'t>, mut take: impl FnMut(Statement<'_, 't>)) {
    // The words around, and how many of them each open block has given.
    let (mut words, mut blocks): (Vec<&str>, Vec<usize>) = (Vec::new(), Vec::new());
    let mut begun = 0;
    for line in text.lines().iter() {
        let raw = line.text();
        let code = if raw.contains('"') { raw } else { raw.split('#').next().unwrap_or(raw) };
        for (part, is_quoted) in parts_of(code) {
            match part {
                word if is_quoted => {
                    words.push(word);
                    begun += 1;
                }
                "{" => {
                    blocks.push(begun);
                    begun = 0;
                }
                "}" => {
                    words.truncate(words.len() - begun);
                    begun = blocks.pop().unwrap_or(0);
                    words.truncate(words.len() - begun);
                    begun = 0;
                }
                ";" => {
                    let statement =
                        Statement { words: &words, file: text.file, line: line.number, text: raw };
                    take(statement);
                    words.truncate(words.len() - begun);
                    begun = 0;
                }
                word => {
                    words.push(word);
                    begun += 1;
                }
            }
        }
    }
}

/// The words and marks of a line, and which of them are quoted.
fn parts_of(code: &str) -> impl Iterator<Item = (&str, bool)> {
    code.split('"').enumerate().flat_map(|(at, piece)| {
        let is_quoted = at % 2 == 1;
        let bare = if is_quoted { "" } else { piece };
        let bare = bare.split_whitespace().flat_map(marks_apart).map(|part| (part, false));
        bare.chain(is_quoted.then_some((piece, true)))
    })
}

/// A word, and the marks that stand at its ends.
fn marks_apart(word: &str) -> impl Iterator<Item = &str> {
    const MARKS: [char; 5] = ['{', '}', ';', '[', ']'];
    let mut rest = word;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = if MARKS.contains(&first) { 1 } else { rest.find(MARKS).unwrap_or(rest.len()) };
        let (part, left) = rest.split_at(end);
        rest = left;
        Some(part)
    })
}

/// Elements whose values are looked at.
const WANTED: [&str; 22] = [
    "category",
    "filter",
    "fqdn",
    "ip-netmask",
    "ip-range",
    "ip-wildcard",
    "protocol",
    "url",
    "strip-mptcp-option",
    "zone-protection-profile",
    "member",
    "action",
    "disabled",
    "rule-type",
    "port",
    "interface",
    "translated-address",
    "activate-rate",
    "enable",
    "ssl-inbound-inspection",
    "application",
    "schedule",
];

/// Elements without a value that say something.
const EMPTY_WANTED: [&str; 3] = ["ssh-proxy", "deny", "discard"];
