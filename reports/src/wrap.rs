//! Running text in lines.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Width of text that does not go to a terminal, in characters.
pub const WIDTH: usize = 100;

/// What is printed as a space and never broken at (a no-break space).
pub const NO_BREAK: char = '\u{a0}';

/// What must not begin a line in Japanese text (a part of JIS X 4051's rules).
const NOT_FIRST: &str = "。、，．・：；？！）」』】ーっゃゅょァィゥェォッャュョ";
/// What must not end one.
const NOT_LAST: &str = "（「『【";

/// Lines of at most `width` columns, broken at spaces and between wide characters, which are written
/// without spaces; a word that is longer stands on a line of its own.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        for (k, piece) in pieces(word).enumerate() {
            let gap = usize::from(k == 0 && used > 0);
            let taken = columns(piece);
            if used > 0 && used + gap + taken > width {
                lines.push(String::new());
                used = 0;
            }
            if let Some(line) = lines.last_mut() {
                if gap == 1 && used > 0 {
                    line.push(' ');
                    used += 1;
                }
                for (k, part) in piece.split(NO_BREAK).enumerate() {
                    line.push_str(if k > 0 { " " } else { "" });
                    line.push_str(part);
                }
                used += taken;
            }
        }
    }
    lines
}

/// The columns that a text takes. Most of what is printed is ASCII without control characters, a column for each.
pub(crate) fn columns(text: &str) -> usize {
    if is_plain(text) { text.len() } else { text.width() }
}

/// True for ASCII without control characters.
pub(crate) fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// The parts of a word between which a line may break.
fn pieces(mut word: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let (piece, rest) = word.split_at(first_break(word));
        word = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

/// The first place in a word at which a line may break: between wide characters, else its end.
fn first_break(word: &str) -> usize {
    if word.is_ascii() {
        return word.len();
    }
    let wide = |c: char| c.width() == Some(2);
    let after = word.char_indices().skip(1);
    let mut pairs = word.chars().zip(after);
    let place = pairs.find_map(|(c, (at, next))| {
        let parted = wide(c) || wide(next);
        (parted && !NOT_LAST.contains(c) && !NOT_FIRST.contains(next)).then_some(at)
    });
    place.unwrap_or(word.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_any_text() {
        for text in ["", "a b~", "\t", "é", "表", "a\u{7f}", "\r\n", "\u{a0}"] {
            assert_eq!(columns(text), text.width(), "{text:?}");
        }
    }

    #[test]
    fn breaks_at_spaces() {
        let check = |text, width, expect: &[&str]| assert_eq!(wrap(text, width), expect, "{text}");
        check("", 10, &[""]);
        check("one two three", 7, &["one two", "three"]);
        check("one two three", 100, &["one two three"]);
        check("a-very-long-name is", 6, &["a-very-long-name", "is"]);
        check("at\u{a0}0.1\u{a0}s by it", 9, &["at 0.1 s", "by it"]);
        check("経路 経路", 5, &["経路", "経路"]);
    }

    #[test]
    fn breaks_between_wide_characters() {
        let check = |text, width, expect: &[&str]| assert_eq!(wrap(text, width), expect, "{text}");
        check("経路を変更しました", 8, &["経路を変", "更しまし", "た"]);
        check("変更しました。", 12, &["変更しまし", "た。"]);
        check("値（オプション）", 4, &["値", "（オ", "プ", "ショ", "ン）"]);
        check("MP_CAPABLEのない", 12, &["MP_CAPABLEの", "ない"]);
    }
}
