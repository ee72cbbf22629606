//! Puts together the lines of a text protocol.

use sim_core::wire::seq::Seq;

/// Longest line that is waited for; a longer one is taken in pieces of this length.
const LINE_MAX: usize = 8192;

/// A line: where its first byte stands in the stream, and its bytes with the line's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TextLine {
    pub(super) at: Seq,
    pub(super) bytes: Vec<u8>,
}

impl TextLine {
    /// Without the line's end; bytes that are no text are replaced.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).trim_end_matches(['\r', '\n']).to_owned()
    }
}

/// The part of a line that was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    at: Seq,
    partial: Vec<u8>,
}

impl Lines {
    /// Takes bytes; the lines that they complete.
    pub(super) fn take(&mut self, at: Seq, bytes: &[u8]) -> Vec<TextLine> {
        let mut lines = Vec::new();
        for (byte, offset) in bytes.iter().zip(0u32..) {
            if self.partial.is_empty() {
                self.at = at.add(offset);
            }
            self.partial.push(*byte);
            if *byte == b'\n' || self.partial.len() == LINE_MAX {
                lines.push(TextLine { at: self.at, bytes: std::mem::take(&mut self.partial) });
            }
        }
        lines
    }

    /// What there is of the line that is not complete.
    pub(super) fn partial(&self) -> &[u8] {
        &self.partial
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_across_segments() {
        let mut lines = Lines::default();
        assert_eq!(lines.take(Seq(10), b"HE"), []);
        let found = lines.take(Seq(12), b"LO\r\nB\r\nC");
        let found: Vec<_> = found.iter().map(|l| (l.at.0, l.text())).collect();
        assert_eq!(found, [(10, "HELO".to_owned()), (16, "B".to_owned())]);
        assert_eq!(lines.partial(), b"C");
    }
}
