//! Pieces of ufw's rules: its files hold chains that ufw's own rules send packets to (ufw-framework(8), `before.rules`,
//! `user.rules`, `after.rules`).

use crate::config::ConfigText;
use crate::neighbours::linux::UFW;
use crate::neighbours::linux::rules::{Read, Ruleset};
use crate::neighbours::linux::target::Target;

/// The order in which a packet comes to them.
const PARTS: [&str; 3] = ["before", "user", "after"];

/// Sends what comes to a chain of filter on to those of ufw that the text holds, where it has no rules of its own for that,
/// and from there to what the text does not tell.
pub(super) fn complete(all: &mut Ruleset, table: usize, is_six: bool, text: ConfigText<'_>) {
    let ufw = if is_six { "ufw6" } else { "ufw" };
    for chain in ["INPUT", "OUTPUT", "FORWARD"] {
        let first_of = |all: &Ruleset, name: &str| {
            let rules = all.chain(table, name)?;
            all.of_chain(rules, 0)
        };
        let parts = PARTS.map(|part| format!("{ufw}-{part}-{}", chain.to_ascii_lowercase()));
        let held: Vec<(&String, u32)> = parts
            .iter()
            .filter_map(|name| Some((name, all.entries[first_of(all, name)?].line)))
            .collect();
        if held.is_empty() || first_of(all, chain).is_some() {
            continue;
        }
        let lines = text.lines();
        let to = |name: &String| Target::Jump(name.clone());
        let jumps = held.iter().map(|(name, line)| (to(name), *line));
        let rest = (Target::Unknown(UFW.to_owned()), held[held.len() - 1].1);
        for (target, number) in jumps.chain([rest]) {
            let Some(line) = lines.iter().find(|line| line.number == number) else { continue };
            let (matches, marks) = (Vec::new(), Vec::new());
            let read = Read { matches, doubt: None, asks: None, limit: None, marks, target };
            all.add((table, chain), None, read, line, None);
        }
    }
}
