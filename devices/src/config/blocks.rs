//! Which lines open a block and which belong to one.
//!
//! Indentation is honoured where there is any. In text without (or after prompts), a line belongs to
//! the open block when it is one of its commands. A block that is not modelled is skipped with its
//! lines.

use super::ConfigText;
use super::lines::Line;

/// A product's grammar, as the block reader drives it.
pub trait Grammar {
    /// Takes a command of the global mode, which may open a block; false when it is none that
    /// concerns the model.
    fn outer(&mut self, line: &Line<'_>) -> bool;

    /// Takes a command of the open block; false when it is none of its commands, or none is open.
    fn inner(&mut self, line: &Line<'_>) -> bool;

    /// A line that is indented under the open block, and none of its commands.
    fn unknown(&mut self, line: &Line<'_>);

    /// A line that is nothing that the model reads; it may be a slip of the pen in a command of the
    /// open block. It opens a block that is not modelled.
    fn skip(&mut self, line: &Line<'_>);
}

/// Reads a whole text.
pub fn read(text: ConfigText<'_>, grammar: &mut dyn Grammar) {
    read_lines(&text.lines(), grammar);
}

/// Reads the lines of a text.
pub fn read_lines(lines: &[Line<'_>], grammar: &mut dyn Grammar) {
    let mut opened_at = 0;
    let mut first = true;
    for line in lines.iter().filter(|line| !moves(line)) {
        // What it shows stands under no command, however far it is indented.
        if shows(line) {
            first = true;
            continue;
        }
        let inside = !first && line.indent > opened_at;
        first = false;
        // Where all of a configuration is indented, grammars see it as if it were not.
        let (whole, indent) = (line.indent, if inside { line.indent - opened_at } else { 0 });
        let mut moved;
        let mut line = line;
        if indent != whole {
            moved = line.clone();
            moved.indent = indent;
            line = &moved;
        }
        if inside && grammar.inner(line) {
            continue;
        }
        if grammar.outer(line) {
            opened_at = whole;
        } else if inside {
            grammar.unknown(line);
        } else if !grammar.inner(line) {
            grammar.skip(line);
            opened_at = whole;
        }
    }
}

/// True for a command that shows something, also cut as it is typed: `sh run`.
pub(crate) fn shows(line: &Line<'_>) -> bool {
    matches!(line.words.as_slice(), ["show" | "sho" | "sh", _, ..])
}

/// True for commands that only move between modes. Leaving one is not needed to know where the next
/// line belongs, and what is indented under `configure terminal` is not inside of anything.
fn moves(line: &Line<'_>) -> bool {
    matches!(
        line.words.as_slice(),
        ["exit" | "exi" | "ex" | "end" | "enable" | "en"]
            | ["configure" | "config" | "conf", "terminal" | "term" | "t"]
            | ["do", "wr" | "write", ..]
            | ["wr" | "write"]
            | ["write" | "wr", "memory" | "mem"]
    )
}

/// Says that `word` is unknown where `known` are expected, if it looks like one of them.
pub(crate) fn slip(line: &Line<'_>, known: &[&str], found: &mut super::Diagnostics) {
    let word = line.words[0];
    // What only begins like one of them is another command of the product.
    if word.len() < 4 || known.iter().any(|k| word.starts_with(k)) {
        return;
    }
    if let Some(meant) = super::words::nearest(word, known.iter().copied()) {
        found
            .error(line, word, format!("unknown command `{word}`"))
            .help(format!("did you mean {meant}?"));
    }
}
