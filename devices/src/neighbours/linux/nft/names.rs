//! What a text of nftables gives names to: sets and maps with their elements, and values.

use std::collections::{BTreeMap, BTreeSet};
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

/// Values of `define`; nothing for one that is given another value later.
type Values<'t> = BTreeMap<&'t str, Option<Vec<&'t str>>>;

/// What a text gives names to.
pub(super) struct Names<'t> {
    /// Sets and maps, by family and name of their table and their own.
    pub(super) sets: BTreeMap<(&'t str, &'t str, &'t str), Rc<Set<'t>>>,
    /// Limits, by the same: whether what is beyond them is meant.
    pub(super) limits: BTreeMap<(&'t str, &'t str, &'t str), bool>,
    values: Values<'t>,
    /// A rule gives connections another destination.
    pub(super) has_dnat: bool,
    /// Another file belongs to the text.
    pub(super) has_more: bool,
    /// Names are used to which the text gives no values.
    pub(super) lacks_values: bool,
    /// Rules name interfaces, beside that of what a host sends to itself.
    pub(super) names_interfaces: bool,
    /// Rules ask for marks: without those nothing depends on them.
    pub(super) asks_for_marks: bool,
}

impl<'t> Names<'t> {
    pub(super) fn of(tokens: &[Token<'t>]) -> Self {
        let mut values = Values::new();
        let mut sets: BTreeMap<_, Set<'t>> = BTreeMap::new();
        let mut limits = BTreeMap::new();
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
        let (mut has_dnat, mut has_more, mut asks_for_marks) = (false, false, false);
        let mut names_interfaces = false;
        let mut computed: BTreeSet<&str> = BTreeSet::new();
        let mut depth = 0u32;
        for (at, token) in tokens.iter().enumerate() {
            match token.text {
                "{" => depth += 1,
                "}" => depth = depth.saturating_sub(1),
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
                "limit" if word(at + 2) == "{" => {
                    let is_beyond = inside(at + 3).any(|word| word == "over");
                    limits.insert((family, table, word(at + 1)), is_beyond);
                }
                "flags" if !set.is_empty() => {
                    let said = tokens[at + 1..].iter().map(|token| token.text);
                    let mut said = said.take_while(|word| !matches!(*word, ";" | "\n" | "}"));
                    if said.any(|flag| matches!(flag, "dynamic" | "timeout")) {
                        sets.entry((family, table, set)).or_default().changes = true;
                    }
                }
                // Blanks may stand around the sign.
                "elements" | "elements="
                    if token.text.ends_with('=') || word(at + 1).starts_with('=') =>
                {
                    let (glued, first) = match (token.text.ends_with('='), word(at + 1)) {
                        (true, _) => ("", at + 1),
                        (false, sign) => (&sign[1..], at + 2),
                    };
                    let of = sets.entry((family, table, set)).or_default();
                    match word(first) {
                        _ if !glued.is_empty() => of.words.push(glued),
                        "{" => of.words.extend(inside(first + 1)),
                        value => of.words.push(value),
                    }
                }
                glued if glued.starts_with("elements=$") => {
                    let of = sets.entry((family, table, set)).or_default();
                    of.words.push(&glued["elements=".len()..]);
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
                "iif" | "oif" | "iifname" | "oifname" => names_interfaces |= word(at + 1) != "lo",
                // `mark set 1`, `mark set ct mark`: neither asks.
                "mark" => {
                    let sets = |at: Option<usize>| at.is_some_and(|at| word(at) == "set");
                    let is_value = sets(at.checked_sub(1)) || sets(at.checked_sub(2));
                    asks_for_marks |= word(at + 1) != "set" && !is_value;
                }
                // They lead to a proxy, too.
                "tproxy" => asks_for_marks = true,
                "dnat" | "redirect" | "include" => {
                    has_more |= token.text == "include";
                    has_dnat |= at == 0 || word(at - 1) != "status";
                }
                "define" | "redefine" => {
                    if let Some((name, value)) = defined(&tokens[at + 1..], &values) {
                        let value = Some(value);
                        // Which of two values a rule means depends on where it stands.
                        let is_new = values.get(name).is_none_or(|known| *known == value);
                        values.insert(name, value.filter(|_| is_new));
                    }
                }
                "undefine" => {
                    values.insert(word(at + 1), None);
                }
                "for" | "read" if depth == 0 => {
                    values.insert(word(at + 1), None);
                }
                // A shell's, of a script that calls nft.
                set if at == 0
                    || matches!(word(at - 1), "\n" | ";")
                    || depth == 0 && !matches!(word(at - 1), "define" | "redefine") =>
                {
                    if let Some((name, behind)) = set.split_once('=')
                        && let Some(name) = variable(name.strip_suffix('+').unwrap_or(name))
                    {
                        let before = tokens[..at].iter().rev().map(|token| token.text);
                        let before = before.take_while(|word| *word != "\n");
                        let sets = |word: &str| word == ";" || word.contains('=');
                        let is_surely = depth == 0
                            && !set.starts_with(&format!("{name}+"))
                            && before.enumerate().all(|(n, word)| {
                                n < WORDS_BEFORE && sets(word) && (n > 0 || word == ";")
                            });
                        let rest = tokens[at + 1..].iter().map(|token| token.text);
                        let value = is_surely.then(|| of_shell(behind, rest, &values)).flatten();
                        let known = values.get(name);
                        // One value that is made by a command is like one that the text does not give.
                        if value.is_none() && is_surely && known.is_none() {
                            computed.insert(name);
                        } else {
                            computed.remove(name);
                        }
                        let is_new = known.is_none_or(|known| *known == value);
                        values.insert(name, value.filter(|_| is_new));
                    }
                }
                _ => {}
            }
        }
        values.retain(|name, _| !computed.contains(name));
        let lacks = |token: &Token<'t>| {
            let name = token.text.strip_prefix("elements=").unwrap_or(token.text);
            let name = name.strip_prefix('$').filter(|name| !name.is_empty());
            name.is_some_and(|name| !values.contains_key(name))
        };
        let lacks_values = tokens.iter().any(lacks);
        let sets_of = BTreeMap::new();
        let mut names = Self {
            sets: sets_of,
            limits,
            values,
            has_dnat,
            has_more,
            lacks_values,
            names_interfaces,
            asks_for_marks,
        };
        for (name, set) in sets {
            let mut words = Vec::with_capacity(set.words.len());
            names.put_in(set.words.into_iter(), &mut words);
            // `{ $here, $there }`, each of several.
            words.retain(|word| !matches!(*word, "{" | "}"));
            names.sets.insert(name, Rc::new(Set { words, changes: set.changes }));
        }
        names
    }

    /// True when the text gives a name values, which of them a rule means is not told.
    pub(super) fn is_given(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Adds the words of a rule, each value in its name's place.
    pub(super) fn put_in(&self, words: impl Iterator<Item = &'t str>, all: &mut Vec<&'t str>) {
        put_in(&self.values, words, all);
    }
}

/// Most words before an assignment on its line that are looked at: behind more than these it may be one of any command.
const WORDS_BEFORE: usize = 64;

/// Most words of a value: it may be made of others many times over.
const WORDS_MAX: usize = 100_000;

fn put_in<'t>(values: &Values<'t>, words: impl Iterator<Item = &'t str>, all: &mut Vec<&'t str>) {
    for word in words {
        let name = word.strip_prefix('$');
        let bare = |name: &'t str| name.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
        match name.and_then(|name| values.get(bare(name).unwrap_or(name))) {
            Some(Some(value)) if all.len() < WORDS_MAX => all.extend(value),
            _ => all.push(word),
        }
    }
}

/// The name and the words of a value: `WAN = eth0`, `WAN= { eth0, eth1 }`, `WAN=eth0`. Other values that it is made
/// of stand in it with their words.
fn defined<'t>(tokens: &[Token<'t>], values: &Values<'t>) -> Option<(&'t str, Vec<&'t str>)> {
    let (first, rest) = tokens.split_first()?;
    let (name, behind, rest) = match first.text.split_once('=') {
        Some((name, behind)) => (name, behind, rest),
        None => {
            let (second, rest) = rest.split_first()?;
            (first.text, second.text.strip_prefix('=')?, rest)
        }
    };
    let mut depth = 0;
    let goes_on = |word: &&str| {
        depth += match *word {
            "{" => 1,
            "}" => -1,
            _ => 0,
        };
        depth > 0 || !matches!(*word, "\n" | ";")
    };
    let said = rest.iter().map(|token| token.text).take_while(goes_on);
    let behind = Some(behind).filter(|behind| !behind.is_empty());
    let mut words = Vec::new();
    put_in(values, behind.into_iter().chain(said).filter(|word| *word != "\n"), &mut words);
    Some((name, words))
}

/// A word that may be the name of a shell's variable.
fn variable(name: &str) -> Option<&str> {
    let is_one = !name.is_empty() && name.bytes().all(|c| c == b'_' || c.is_ascii_alphanumeric());
    is_one.then_some(name)
}

/// The words of a shell's value, where they are plain and all that stands on the line: `P=22`, `P="22, 80"`. None of a
/// command's output, nor of what a command has before it.
fn of_shell<'t>(
    behind: &'t str,
    rest: impl Iterator<Item = &'t str>,
    values: &Values<'t>,
) -> Option<Vec<&'t str>> {
    let said = rest.take_while(|word| !matches!(*word, "\n" | ";"));
    let said = Some(behind).into_iter().chain(said);
    // A string in quotes is one word to the reader of words.
    let apart = |word: &'t str| {
        word.split_inclusive(',').flat_map(|part| match part.strip_suffix(',') {
            Some(part) => [part, ","],
            None => [part, ""],
        })
    };
    let parts = said.flat_map(str::split_whitespace).flat_map(apart);
    let mut words = Vec::new();
    put_in(values, parts.filter(|word| !word.is_empty()), &mut words);
    let is_plain = |word: &&str| !word.contains(['$', '`', '(', ')', '|', '&', '<', '>', '*', '?']);
    let is_list =
        words.windows(2).all(|pair| pair.iter().any(|word| matches!(*word, "," | "{" | "}")));
    (!words.is_empty() && is_list && words.iter().all(is_plain)).then_some(words)
}

#[cfg(test)]
mod tests {
    use crate::audit::audit;
    use crate::config::ConfigText;

    /// What is accepted where this is defined.
    fn accepted(defined: &str, asks: &str) -> String {
        let text = format!(
            "{defined}\ntable inet f {{\n set s {{ type inet_service; elements = $P }}\n chain c {{\n  type filter hook forward priority 0; policy drop;\n  ct state established accept\n  {asks} accept\n }}\n}}\n"
        );
        let (_, audit) = audit(ConfigText::new("f.nft", &text), None);
        let row = &audit.verdicts[0];
        format!("{} {}", row.effect, row.traffic)
    }

    #[test]
    fn values_in_every_spacing() {
        for defined in [
            "define P = { 22, 80 }",
            "define P= { 22,80 }",
            "define P ={22, 80}",
            "define P={22,80}",
            "define P = {\n  22,\n  80,\n}",
            "define Q=22; define P = { $Q, 80 }",
            "define A = 22\ndefine B = $A\ndefine C = { $B, 80 }\ndefine P = $C",
        ] {
            let said = "pass TCP to port 22, 80";
            assert_eq!(accepted(defined, "tcp dport $P"), said, "{defined}");
            assert_eq!(accepted(defined, "tcp dport @s"), said, "{defined}");
        }
        assert_eq!(accepted("define P=22", "tcp dport $P"), "pass TCP to port 22");
        assert_eq!(
            accepted("define P=22\ndefine N= 10.0.0.1", "ip daddr $N tcp dport $P"),
            "pass TCP to 10.0.0.1/32 to port 22"
        );
    }

    /// Values of a shell, in a script that calls nft.
    #[test]
    fn values_of_a_shell() {
        let script = |set: &str, asks: &str| {
            let text = format!(
                "#!/bin/sh\nNFT=\"nft\"\n{set}\n$NFT add table ip f\n$NFT add chain ip f c '{{ type filter hook forward priority 0; policy drop; }}'\n$NFT add rule ip f c ct state established accept\n$NFT add rule ip f c {asks} accept\n"
            );
            let (_, audit) = audit(ConfigText::new("f.sh", &text), None);
            let row = &audit.verdicts[0];
            format!("{} {}", row.effect, row.traffic)
        };
        for (set, asks) in
            [("P=22", "tcp dport $P"), ("P=\"22\"", "tcp dport ${P}"), ("P='22'", "tcp dport $P")]
        {
            assert_eq!(script(set, asks), "pass TCP over IPv4 to port 22", "{set}");
        }
        for (set, asks) in [
            ("P=22,80", "tcp dport { $P }"),
            ("P=\"22, 80\"", "tcp dport { $P }"),
            ("P='{ 22, 80 }'", "tcp dport $P"),
            ("A=22\nP=\"$A,80\"", "tcp dport {$P}"),
            ("A=22; P=\"$A,80\"", "tcp dport {$P}"),
        ] {
            let said = "pass TCP over IPv4 to port 22, 80";
            assert_eq!(script(set, asks), said, "{set}");
        }
        for set in [
            "P=22\nP=23",
            "P=22\nP=$(cat port)",
            "P=$(cat port)\nP=22",
            "P=$(cat port)",
            "P=`cat port`",
            "P=22$SUFFIX",
            "P=22 true",
            "P=22\n[ -z \"$1\" ] && P=23",
            "P=22\nP+=,80",
            "P=22\nset_port() {\n P=23\n}",
            "P=22\nread P",
            "P=22\nfor P in 23 24",
        ] {
            let open = script(set, "tcp dport $P");
            assert!(open.starts_with("unknown"), "{set}: {open}");
        }
        // An interface that a command tells is called by its name.
        for set in
            ["W=\"$(ip route | head -n1)\"", "W=\"$(ip route)\"\nip rule add fwmark 1 table $T"]
        {
            let rest = script(set, "iifname != \"$W\"");
            assert!(rest.starts_with("pass"), "{set}: {rest}");
        }
    }

    /// Which of two values is meant is not told, nor one that the text does not hold.
    #[test]
    fn values_that_are_not_told() {
        for defined in ["define P = 22\nredefine P = 80", "define P = 22\nundefine P", ""] {
            let said = "unknown TCP that this rule names";
            assert_eq!(accepted(defined, "tcp dport $P"), said, "{defined}");
            if !defined.is_empty() {
                assert_eq!(accepted(defined, "iifname $P"), said, "{defined}");
            }
        }
    }
}
