//! Commands that change what was set before: `delete`, `move`, `rename` and `copy` of PAN-OS's set format, each
//! followed where it stands (PAN-OS CLI Quick Start, Modify the Configuration).

use crate::config::{ConfigText, Line};

use super::statements::{Settings, words_of};

/// Commands that are followed: each looks at all that was set before it.
const COMMANDS_MAX: usize = 1_000;

/// Rulebases whose rules one command may give several settings.
const RULEBASES: [&str; 2] = ["security", "decryption"];

/// A setting as far as the commands before have left it.
#[derive(Clone)]
pub(super) struct Set<'t> {
    /// With the word `set`.
    pub(super) words: Vec<&'t str>,
    pub(super) line: u32,
    pub(super) text: &'t str,
}

impl<'t> Set<'t> {
    /// What stands behind these words.
    fn behind(&self, path: &[&str]) -> Option<&[&'t str]> {
        let (begin, rest) = self.words.get(1..)?.split_at_checked(path.len())?;
        (begin == path).then_some(rest)
    }
}

/// True for a command that changes what was set.
pub(super) fn is_change(line: &Line<'_>) -> bool {
    matches!(line.words[0], "delete" | "move" | "rename" | "copy")
}

/// What the commands of a text leave, and the lines of those that are not followed.
pub(super) fn followed<'t>(text: ConfigText<'t>) -> (Vec<Set<'t>>, Vec<u32>) {
    let all = text.lines();
    let (mut sets, mut unread, mut changes) = (Vec::new(), Vec::new(), 0);
    let mut words = Vec::new();
    for line in all.iter() {
        words_of(line.text(), &mut words);
        if line.words[0] == "set" {
            take_apart(&words, line, &mut sets);
        } else if is_change(line) {
            changes += 1;
            let is_followed = changes <= COMMANDS_MAX && follow(&words, &mut sets);
            if !is_followed && !is_of_no_weight(&words, &sets) {
                unread.push(line.number);
            }
        }
    }
    (sets, unread)
}

/// True for a command that deletes what decides of no connection, or all rules of a kind where the text has none before
/// it: what stands after it is all there is.
fn is_of_no_weight(words: &[&str], sets: &[Set<'_>]) -> bool {
    let is_base = |word: &str| matches!(word, "rulebase" | "pre-rulebase" | "post-rulebase");
    let has_none =
        |of: &[&str]| !sets.iter().any(|set| set.words.windows(of.len()).any(|w| w == of));
    match words {
        ["delete", "mgt-config", ..] | ["delete", "deviceconfig", "system", ..] => true,
        ["delete", .., base] if is_base(base) => has_none(&[base]),
        ["delete", .., base, kind] | ["delete", .., base, kind, "rules"] if is_base(base) => {
            has_none(&[base, kind])
        }
        _ => false,
    }
}

/// Keeps a setting; those of a rule, of which one command may have several, each for itself.
fn take_apart<'t>(words: &[&'t str], line: &Line<'t>, sets: &mut Vec<Set<'t>>) {
    let mut keep =
        |words: Vec<&'t str>| sets.push(Set { words, line: line.number, text: line.text() });
    match place_of_rule(words).filter(|at| RULEBASES.contains(&words[at - 1])) {
        Some(at) if words.len() > at + 2 => {
            let (path, settings) = words.split_at(at + 2);
            for setting in Settings(settings) {
                keep(path.iter().chain(setting).copied().collect());
            }
        }
        _ => keep(words.to_vec()),
    }
}

/// Where the word `rules` stands before a rule's name.
fn place_of_rule(words: &[&str]) -> Option<usize> {
    let at = words.iter().position(|word| *word == "rules")?;
    (at > 0 && words.len() > at + 1).then_some(at)
}

/// Does what a command says; false where it finds nothing to do it to.
fn follow<'t>(words: &[&'t str], sets: &mut Vec<Set<'t>>) -> bool {
    let [command, path @ ..] = words else { return false };
    if *command == "delete" {
        return delete(path, sets);
    }
    let Some(at) = place_of_rule(path) else { return false };
    let (rule, rest) = path.split_at(at + 2);
    match (*command, rest) {
        ("move", _) => move_rule(rule, rest, sets),
        ("rename", ["to", new]) => {
            let mut is_found = false;
            for set in sets.iter_mut().filter(|set| set.behind(rule).is_some()) {
                set.words[at + 2] = new;
                is_found = true;
            }
            is_found
        }
        ("copy", ["to", new]) => {
            let mut copies: Vec<Set<'_>> =
                sets.iter().filter(|set| set.behind(rule).is_some()).cloned().collect();
            copies.iter_mut().for_each(|set| set.words[at + 2] = new);
            let is_found = !copies.is_empty();
            sets.append(&mut copies);
            is_found
        }
        _ => false,
    }
}

/// Takes away what begins with these words, or the members that they end with.
fn delete(path: &[&str], sets: &mut Vec<Set<'_>>) -> bool {
    let before = sets.len();
    sets.retain(|set| set.behind(path).is_none());
    if sets.len() < before {
        return true;
    }
    let (path, members) = match path.iter().position(|word| *word == "[") {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => path.split_at(path.len().saturating_sub(1)),
    };
    let mut is_found = false;
    sets.retain_mut(|set| {
        if !matches!(set.behind(path), Some([first, ..]) if *first == "[" || members.contains(first)) {
            return true;
        }
        let values = path.len() + 1;
        let before = set.words.len();
        let mut at = 0;
        set.words.retain(|word| {
            at += 1;
            at <= values || matches!(*word, "[" | "]") || !members.contains(word)
        });
        is_found |= set.words.len() < before;
        set.words[values..].iter().any(|word| !matches!(*word, "[" | "]"))
    });
    is_found
}

/// Puts a rule first or last of its rulebase, or beside another one.
fn move_rule<'t>(rule: &[&str], to: &[&str], sets: &mut Vec<Set<'t>>) -> bool {
    let rulebase = &rule[..rule.len() - 1];
    let beside = |set: &Set<'_>| match to {
        [_, other] => set.behind(rulebase).is_some_and(|rest| rest.first() == Some(other)),
        _ => set.behind(rulebase).is_some(),
    };
    let is_moved = |set: &Set<'_>| set.behind(rule).is_some();
    if !sets.iter().any(is_moved) || matches!(to, [_, other] if rule.last() == Some(other)) {
        return false;
    }
    let (moved, mut others): (Vec<Set<'t>>, Vec<Set<'t>>) = sets.drain(..).partition(is_moved);
    let place = match to {
        ["top"] | ["before", _] => others.iter().position(beside),
        ["bottom"] | ["after", _] => others.iter().rposition(beside).map(|at| at + 1),
        _ => None,
    };
    // Alone in its rulebase it is first and last already.
    let is_alone = matches!(to, ["top" | "bottom"]) && place.is_none();
    let at = place.unwrap_or(others.len());
    others.splice(at..at, moved);
    *sets = others;
    place.is_some() || is_alone
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::audit;

    /// What is left, without the word `set`, and the lines that were not followed.
    fn left(text: &str) -> (Vec<String>, Vec<u32>) {
        let (sets, unread) = followed(ConfigText::new("p", text));
        (sets.iter().map(|set| set.words[1..].join(" ")).collect(), unread)
    }

    #[test]
    fn what_is_deleted_is_gone() {
        let check = |text: &str, expected: &[&str], unread: &[u32]| {
            let (sets, lines) = left(text);
            assert_eq!(
                (sets.iter().map(String::as_str).collect::<Vec<_>>(), &lines[..]),
                (expected.to_vec(), unread),
                "{text}"
            );
        };
        let rule = "set rulebase security rules R from [ a b ] to c action allow\n";
        let apart = [
            "rulebase security rules R from [ a b ]",
            "rulebase security rules R to c",
            "rulebase security rules R action allow",
        ];
        check(&format!("{rule}delete rulebase security rules R\n"), &[], &[]);
        check(&format!("{rule}delete rulebase security rules R to\n"), &[apart[0], apart[2]], &[]);
        check(
            &format!("{rule}delete rulebase security rules R to c\n"),
            &[apart[0], apart[2]],
            &[],
        );
        let one = ["rulebase security rules R from [ b ]", apart[1], apart[2]];
        check(&format!("{rule}delete rulebase security rules R from a\n"), &one, &[]);
        check(&format!("{rule}delete rulebase security rules R from [ a b ]\n"), &apart[1..], &[]);
        check(&format!("{rule}delete rulebase security rules S\n"), &apart, &[2]);
        check(&format!("{rule}delete rulebase security rules R from z\n"), &apart, &[2]);
        // In its order: what is set afterwards stands.
        check(
            "delete deviceconfig setting tcp\nset deviceconfig setting tcp strip-mptcp-option no\n",
            &["deviceconfig setting tcp strip-mptcp-option no"],
            &[1],
        );
    }

    /// A script that begins with a clean slate loses nothing by it.
    #[test]
    fn what_was_there_before_the_text() {
        let rule = "set rulebase security rules R action allow\n";
        let unread = |text: &str| left(text).1;
        for deleted in ["mgt-config users administrator", "deviceconfig system login-banner"] {
            assert_eq!(unread(&format!("{rule}delete {deleted}\n")), [0; 0], "{deleted}");
        }
        for deleted in ["rulebase", "rulebase security", "rulebase security rules"] {
            assert_eq!(unread(&format!("delete {deleted}\n{rule}")), [0; 0], "{deleted}");
            // Rules of another scope are not what is meant.
            let elsewhere = format!("{rule}delete vsys vsys1 {deleted}\n");
            assert_eq!(unread(&elsewhere), [2], "{deleted}");
        }
        assert_eq!(unread(&format!("delete rulebase security rules S\n{rule}")), [1]);
    }

    #[test]
    fn rules_are_moved_renamed_and_copied() {
        let three = "set rulebase security rules \"A a\" action allow\nset rulebase security rules B action deny\nset rulebase security rules C action drop\nset rulebase nat rules N service any\n";
        let order = |command: &str| -> String {
            let (sets, unread) = left(&format!("{three}{command}\n"));
            assert!(unread.is_empty(), "{command}");
            let security =
                sets.iter().filter_map(|set| set.strip_prefix("rulebase security rules "));
            security.filter_map(|set| set.chars().next()).collect()
        };
        assert_eq!(order("move rulebase security rules C top"), "CAB");
        assert_eq!(order("move rulebase security rules \"A a\" bottom"), "BCA");
        assert_eq!(order("move rulebase security rules \"A a\" after B"), "BAC");
        assert_eq!(order("move rulebase security rules C before B"), "ACB");
        assert_eq!(order("move rulebase nat rules N top"), "ABC");
        assert_eq!(order("rename rulebase security rules B to D"), "ADC");
        assert_eq!(order("copy rulebase security rules B to D"), "ABCD");
        for command in [
            "move rulebase security rules X top",
            "move rulebase security rules C after X",
            "rename address a to b",
        ] {
            assert_eq!(left(&format!("{three}{command}\n")).1, [5], "{command}");
        }
    }

    #[test]
    fn the_audit_follows_them() {
        let text = "set deviceconfig setting tcp strip-mptcp-option no\nset rulebase security rules A from any to any source any destination any application any service any action deny\nset rulebase security rules B from a to b action allow\nmove rulebase security rules B before A\n";
        let audit = |text: &str| audit(ConfigText::new("p", text), None).1;
        let told: Vec<_> =
            audit(text).verdicts.iter().map(|v| (v.effect.word(), v.direction.clone())).collect();
        let row = |effect, way: &str| (effect, way.to_owned());
        assert_eq!(told, [row("pass", "zone a to zone b"), row("drop", "zone any to zone any")]);
        assert!(audit(text).warnings.is_empty());
        let off = format!("{text}delete deviceconfig setting tcp strip-mptcp-option\n");
        assert_eq!(audit(&off).verdicts[0].effect.word(), "strip");
        let lost = format!("{text}delete rulebase security rules Z\n");
        let said = &audit(&lost).warnings[0];
        assert!(said.line == 5 && said.message.contains("not followed"), "{}", said.message);
    }
}
