//! The words and marks that a text of nftables is made of, and what stands in braces among them.

use std::collections::BTreeMap;

use crate::config::Line;

use super::is_nft;

/// A word, a mark of punctuation, or the end of a line (`\n`); with the place of its line.
#[derive(Clone, Copy)]
pub(super) struct Token<'t> {
    pub(super) text: &'t str,
    pub(super) line: usize,
}

/// True for a mark that is a token of its own.
const fn is_mark(byte: u8) -> bool {
    matches!(byte, b'{' | b'}' | b';' | b',' | b'(' | b')' | b'|')
}

/// True for what ends a word. A shell's quotes and backslashes stand around what nft reads.
const fn ends_word(byte: u8) -> bool {
    is_mark(byte) || byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'\\' | b'#')
}

/// The tokens of a text of this length, without its remarks.
pub(super) fn tokens_of<'t>(lines: &[Line<'t>], text: &str) -> Vec<Token<'t>> {
    let mut tokens = Vec::with_capacity(text.len() / 5);
    let is_of_iptables = text.contains("is managed by iptables-nft");
    for (at, line) in lines.iter().enumerate() {
        let text = line.text();
        let bytes = text.as_bytes();
        let mut add = |token| tokens.push(Token { text: token, line: at });
        let (mut begin, mut here) = (0, 0);
        let mut goes_on = false;
        while let Some(&byte) = bytes.get(here) {
            if !ends_word(byte) {
                here += 1;
                continue;
            }
            // `${NAME}` of a shell, or of what makes the text of a template, is a part of a word.
            if byte == b'{'
                && here > 0
                && bytes[here - 1] == b'$'
                && let Some(length) = text[here..].find('}')
            {
                here += length + 1;
                continue;
            }
            if begin < here {
                word(&text[begin..here], &mut add);
            }
            here += 1;
            begin = here;
            goes_on = byte == b'\\' && begin == bytes.len();
            if byte == b'#' {
                let rest = text[here..].trim_start();
                let is_foreign = is_of_iptables && !rest.is_empty() && !rest.starts_with("handle ");
                begin = bytes.len();
                if is_foreign && here > 1 {
                    // A condition stands before the counter, a target behind it.
                    let name = rest.split_whitespace().next().unwrap_or("");
                    let name = name.trim_end_matches(':');
                    add("xt");
                    if let Some(at) = text[here..].find(" counter ") {
                        add("match");
                        add(name);
                        (begin, here) = (here + at, here + at);
                        continue;
                    }
                    add("target");
                    add(name);
                }
                break;
            }
            // `nft "add rule …"` is a command in quotes.
            let is_command = byte == b'"'
                && text[..begin - 1]
                    .trim_end()
                    .rsplit(char::is_whitespace)
                    .next()
                    .is_some_and(is_nft);
            if byte == b'"'
                && !is_command
                && let Some(length) = text[begin..].find('"')
                && !text[begin..begin + length].contains(['{', ';'])
            {
                add(&text[begin..begin + length]);
                begin += length + 1;
                here = begin;
            } else if is_mark(byte) {
                add(&text[here - 1..begin]);
            }
        }
        if begin < bytes.len() {
            word(&text[begin..], &mut add);
        }
        if !goes_on {
            add("\n");
        }
    }
    if text.contains(" - ") {
        join_ranges(&mut tokens, lines);
    }
    tokens
}

/// Of ranges with blanks in them (`1000 - 2000`) one token each.
fn join_ranges<'t>(tokens: &mut Vec<Token<'t>>, lines: &[Line<'t>]) {
    let is_end = |word: &str| word.starts_with(|c: char| c.is_ascii_hexdigit());
    let mut joined = 0;
    let mut from = 0;
    while from < tokens.len() {
        let mut token = tokens[from];
        from += 1;
        if let [dash, last, ..] = &tokens[from..]
            && dash.text == "-"
            && [token.line, last.line] == [dash.line; 2]
            && is_end(token.text)
            && is_end(last.text)
            && token.text.contains(|c: char| c.is_ascii_digit())
        {
            let whole = lines[token.line].text();
            let place = |word: &str| word.as_ptr() as usize - whole.as_ptr() as usize;
            token.text = &whole[place(token.text)..place(last.text) + last.text.len()];
            from += 2;
        }
        tokens[joined] = token;
        joined += 1;
    }
    tokens.truncate(joined);
}

/// True for a variable of a shell, or of what makes the text of a template (`$NAME`, `${NAME}`, `%NAME%`, `@@NAME@@`): the
/// text does not hold its value.
pub(super) fn is_open(word: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|c| c == b'_' || c.is_ascii_alphanumeric())
    };
    let within = |mark: &str| word.strip_prefix(mark)?.strip_suffix(mark);
    word.len() > 1 && word.starts_with('$')
        || ["%", "@@"].into_iter().filter_map(within).any(is_name)
}

/// `80:` of a map is two tokens; of `fe80::` the colons are its own.
fn word<'t>(word: &'t str, add: &mut impl FnMut(&'t str)) {
    match word.strip_suffix(':') {
        Some(key) if !key.is_empty() && !key.ends_with(':') => {
            add(key);
            add(":");
        }
        _ => add(word),
    }
}

/// Names for the chains that stand in braces behind `jump` or `goto`, by the place of the brace.
pub(super) fn in_braces(tokens: &[Token<'_>]) -> BTreeMap<usize, String> {
    let opens = |(at, pair): (usize, &[Token<'_>])| {
        let [jump, brace] = pair else { return None };
        let is_one = matches!(jump.text, "jump" | "goto") && brace.text == "{";
        is_one.then(|| (at + 1, format!("(in braces {at})")))
    };
    tokens.windows(2).enumerate().filter_map(opens).collect()
}

/// The elements of a set's words; in braces within them stand those of a value.
pub(super) fn elements<'w, 't>(words: &'w [&'t str]) -> Vec<&'w [&'t str]> {
    let of = words.split(|word| matches!(*word, "," | "{" | "}"));
    of.filter(|element| !element.is_empty()).collect()
}

/// How many words there are up to the closing brace, without it.
pub(super) fn block(words: &[&str]) -> usize {
    let mut depth = 0;
    let closes = |word: &&str| {
        depth += match *word {
            "{" => 1,
            "}" => -1,
            _ => 0,
        };
        depth < 0
    };
    words.iter().position(closes).unwrap_or(words.len())
}
