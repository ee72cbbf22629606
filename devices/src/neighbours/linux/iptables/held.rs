//! Files that a script holds for a program (`iptables-restore <<EOF`): the shell puts the values of variables into them, where
//! it is not told otherwise (`<<'EOF'`; POSIX, Shell Command Language, "Here-Document").

use crate::config::Line;

/// Such a file, as the line before it tells of it.
pub(super) struct Held<'a> {
    /// The word that ends it.
    pub(super) end: &'a str,
    is_expanded: bool,
}

impl<'a> Held<'a> {
    /// The file that begins behind this line: `<<EOF`, `<<-'EOF'`, `<< EOF`.
    pub(super) fn of(words: &[&'a str]) -> Option<Self> {
        let at =
            words.iter().position(|word| word.starts_with("<<") && !word.starts_with("<<<"))?;
        let named = words[at][2..].trim_start_matches('-');
        let word = if named.is_empty() { words.get(at + 1)? } else { named };
        let end = word.trim_matches(['"', '\'']).trim_start_matches('\\');
        Some(Self { end, is_expanded: end.len() == word.len() })
    }
}

/// Places of the lines into which the shell puts values.
pub(super) fn expanded(lines: &[Line<'_>]) -> Vec<usize> {
    let mut all = Vec::new();
    let mut file: Option<Held<'_>> = None;
    for (at, line) in lines.iter().enumerate() {
        match &file {
            Some(held) if line.words.as_slice() == [held.end] => file = None,
            Some(held) => all.extend(held.is_expanded.then_some(at)),
            None => file = Held::of(&line.words),
        }
    }
    all
}
