//! Statements that give packets and connections marks: `meta mark set 1`, `ct mark set meta mark & 0xff`.

use crate::neighbours::linux::marks::{Marking, number};

use super::{SELECTORS, STATEMENTS, Statement, rest_of_value};

/// Words that begin a statement behind a mark's value.
const BEHIND: [&str; 9] =
    ["tproxy", "redirect", "dnat", "snat", "masquerade", "mark", "log", "flow", ";"];

impl<'t> Statement<'_, '_, 't> {
    /// The value that a mark is given; how many words it has.
    pub(super) fn marked(&mut self, of_connection: bool, words: &[&'t str]) -> usize {
        let (mut marking, mut length) = match words {
            ["meta", "mark", ..] | ["ct", "mark", ..] => {
                let is_own = (words[0] == "ct") == of_connection;
                let begin = if is_own { Marking::kept } else { Marking::other };
                (begin(of_connection), 2)
            }
            ["mark", ..] if of_connection => (Marking::other(true), 1),
            ["mark", ..] => (Marking::kept(false), 1),
            [word, ..] => match number(word) {
                Some(value) => (Marking::value(of_connection, value), 1),
                None => (Marking::open(of_connection), 1),
            },
            [] => (Marking::open(of_connection), 0),
        };
        while let [operator, word, ..] = words.get(length..).unwrap_or(&[]) {
            let bits = number(word);
            marking = match (*operator, bits) {
                ("&" | "and", Some(bits)) => marking.and(bits),
                ("|" | "or", Some(bits)) => marking.or(bits),
                ("^" | "xor", Some(bits)) => marking.xor(bits),
                ("&" | "and" | "|" | "or" | "^" | "xor" | "<<" | ">>", _) => {
                    Marking::open(of_connection)
                }
                _ => break,
            };
            length += 2;
        }
        // Of a map, of a lot: not told.
        let rest = words.get(length..).unwrap_or(&[]);
        let is_whole = rest.first().is_none_or(|word| {
            STATEMENTS.contains(word) || SELECTORS.contains(word) || BEHIND.contains(word)
        });
        if !is_whole || marking == Marking::open(of_connection) {
            marking = Marking::open(of_connection);
            length += rest_of_value(rest);
        }
        if self.reader.names.asks_for_marks {
            self.marks.push(marking);
        }
        length
    }
}
