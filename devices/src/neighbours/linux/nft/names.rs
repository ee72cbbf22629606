//! What a text of nftables gives names to: sets and maps with their elements, and values.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::FAMILIES;
use super::tokens::Token;

/// The elements of a set or a map.
#[derive(Default)]
pub(super) struct Set<'t> {
    /// As they stand between the braces.
    pub(super) words: Vec<&'t str>,
    /// Packets add to it, or elements leave it in time.
    pub(super) changes: bool,
}

/// What a text gives names to.
pub(super) struct Names<'t> {
    /// Sets and maps, by family and name of their table and their own.
    pub(super) sets: BTreeMap<(&'t str, &'t str, &'t str), Rc<Set<'t>>>,
    /// Values of `define`.
    values: BTreeMap<&'t str, Vec<&'t str>>,
    /// A rule gives connections another destination.
    pub(super) has_dnat: bool,
    /// Another file belongs to the text.
    pub(super) has_more: bool,
}

impl<'t> Names<'t> {
    pub(super) fn of(tokens: &[Token<'t>]) -> Self {
        let mut values: BTreeMap<&'t str, Vec<&'t str>> = BTreeMap::new();
        let mut sets: BTreeMap<_, Set<'t>> = BTreeMap::new();
        let word = |at: usize| tokens.get(at).map_or("", |token| token.text);
        let inside = |at: usize| {
            let rest = tokens.get(at..).unwrap_or(&[]);
            let mut depth = 0;
            rest.iter().map(|token| token.text).filter(|word| *word != "\n").take_while(
                move |word| {
                    depth += match *word {
                        "{" => 1,
                        "}" => -1,
                        _ => 0,
                    };
                    depth >= 0
                },
            )
        };
        let (mut family, mut table, mut set) = ("ip", "", "");
        let (mut has_dnat, mut has_more) = (false, false);
        for (at, token) in tokens.iter().enumerate() {
            match token.text {
                "table" => {
                    let named = FAMILIES.contains(&word(at + 1));
                    family = if named { word(at + 1) } else { "ip" };
                    table = word(at + 1 + usize::from(named));
                }
                "set" | "map" if word(at + 2) == "{" => {
                    set = word(at + 1);
                    sets.entry((family, table, set)).or_default();
                }
                // `add set ip f s { … }`
                "set" | "map" if word(at + 4) == "{" && FAMILIES.contains(&word(at + 1)) => {
                    (family, table, set) = (word(at + 1), word(at + 2), word(at + 3));
                    sets.entry((family, table, set)).or_default();
                }
                "flags" if !set.is_empty() => {
                    let said = tokens[at + 1..].iter().map(|token| token.text);
                    let mut said = said.take_while(|word| !matches!(*word, ";" | "\n" | "}"));
                    if said.any(|flag| matches!(flag, "dynamic" | "timeout")) {
                        sets.entry((family, table, set)).or_default().changes = true;
                    }
                }
                "elements" if word(at + 1) == "=" => {
                    let of = sets.entry((family, table, set)).or_default();
                    match word(at + 2) {
                        "{" => of.words.extend(inside(at + 3)),
                        value => of.words.push(value),
                    }
                }
                "element" => {
                    let named = FAMILIES.contains(&word(at + 1));
                    let of = at + 1 + usize::from(named);
                    if word(of + 2) == "{" {
                        let family = if named { word(at + 1) } else { "ip" };
                        let known = sets.entry((family, word(of), word(of + 1))).or_default();
                        if !known.words.is_empty() {
                            known.words.push(",");
                        }
                        known.words.extend(inside(of + 3));
                    }
                }
                "chain" => set = "",
                "dnat" | "redirect" | "include" => {
                    has_more |= token.text == "include";
                    has_dnat |= at == 0 || word(at - 1) != "status";
                }
                "define" | "redefine" if word(at + 2) == "=" => {
                    let value = match word(at + 3) {
                        "{" => std::iter::once("{").chain(inside(at + 4)).chain(["}"]).collect(),
                        _ => {
                            let rest = tokens[at + 3..].iter().map(|token| token.text);
                            rest.take_while(|word| !matches!(*word, "\n" | ";")).collect()
                        }
                    };
                    values.insert(word(at + 1), value);
                }
                _ => {}
            }
        }
        let mut names = Self { sets: BTreeMap::new(), values, has_dnat, has_more };
        for (name, set) in sets {
            let mut words = Vec::with_capacity(set.words.len());
            names.put_in(set.words.into_iter(), &mut words);
            // `{ $here, $there }`, each of several.
            words.retain(|word| !matches!(*word, "{" | "}"));
            names.sets.insert(name, Rc::new(Set { words, changes: set.changes }));
        }
        names
    }

    /// Adds the words of a rule, each value in its name's place. A value may be made of others.
    pub(super) fn put_in(&self, words: impl Iterator<Item = &'t str>, all: &mut Vec<&'t str>) {
        for word in words {
            match word.strip_prefix('$').and_then(|name| self.values.get(name)) {
                Some(value) => {
                    for word in value {
                        match word.strip_prefix('$').and_then(|name| self.values.get(name)) {
                            Some(inner) => all.extend(inner),
                            None => all.push(word),
                        }
                    }
                }
                None => all.push(word),
            }
        }
    }
}
