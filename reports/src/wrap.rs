//! Running text in lines.

use unicode_width::UnicodeWidthStr;

/// Width of text that does not go to a terminal, in characters.
pub const WIDTH: usize = 100;

/// What is printed as a space and never broken at (a no-break space).
pub const NO_BREAK: char = '\u{a0}';

/// Lines of at most `width` columns, broken at spaces; a word that is longer stands on a line of its own.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if used > 0 && used + 1 + word.width() > width {
            lines.push(String::new());
            used = 0;
        }
        if let Some(line) = lines.last_mut() {
            if used > 0 {
                line.push(' ');
                used += 1;
            }
            line.extend(word.chars().map(|c| if c == NO_BREAK { ' ' } else { c }));
            used += word.width();
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
