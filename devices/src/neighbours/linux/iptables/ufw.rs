//! Pieces of ufw's rules: its files hold chains that ufw's own rules send packets to (ufw-framework(8), `before.rules`,
//! `user.rules`, `after.rules`).

use crate::config::ConfigText;
use crate::neighbours::linux::UFW;
use crate::neighbours::linux::matches::Match;
use crate::neighbours::linux::rules::{Read, Ruleset};
use crate::neighbours::linux::target::Target;

/// The order in which a packet comes to them.
const PARTS: [&str; 3] = ["before", "user", "after"];

/// The chains of filter that packets pass.
const CHAINS: [&str; 3] = ["INPUT", "OUTPUT", "FORWARD"];

/// True for a text that holds some: ufw adds them to what is there (`iptables-restore --noflush`).
pub(super) fn is_of_it(text: &str) -> bool {
    text.contains(":ufw")
}

/// Where a text holds pieces of ufw, sends what comes to the chains of filter on to them, and from there to what the text
/// does not tell. Chains in which it has rules of its own are as they are.
pub(super) fn complete(all: &mut Ruleset, table: usize, is_six: bool, text: ConfigText<'_>) {
    let ufw = if is_six { "ufw6" } else { "ufw" };
    let first_of = |all: &Ruleset, name: &str| {
        let at = all.of_chain(all.chain(table, name)?, 0)?;
        Some(all.entries[at].line)
    };
    // The pieces of each chain, with the line of the first rule of each.
    let held = CHAINS.map(|chain| {
        let names = PARTS.map(|part| format!("{ufw}-{part}-{}", chain.to_ascii_lowercase()));
        let with_line = |name: String| first_of(all, &name).map(|line| (name, line));
        names.into_iter().filter_map(with_line).collect::<Vec<_>>()
    });
    let Some(first) = held.iter().flatten().map(|(_, line)| *line).min() else { return };
    let lines = text.lines();
    for (chain, held) in CHAINS.into_iter().zip(held) {
        if first_of(all, chain).is_some() {
            continue;
        }
        let rest = held.last().map_or(first, |(_, line)| *line);
        // The pieces that come first let on what is known; so does ufw where a text does not hold them.
        let has_first = held.iter().any(|(name, _)| name.contains("-before-"));
        let known = Match::State(vec!["ESTABLISHED".to_owned(), "RELATED".to_owned()]);
        let known = (!has_first).then(|| (vec![(false, known)], Target::Accept, rest));
        let jumps = held.into_iter().map(|(name, line)| (Vec::new(), Target::Jump(name), line));
        let open = (Vec::new(), Target::Unknown(UFW.to_owned()), rest);
        for (matches, target, number) in known.into_iter().chain(jumps).chain([open]) {
            let Some(line) = lines.iter().find(|line| line.number == number) else { continue };
            let marks = Vec::new();
            let read = Read { matches, doubt: None, asks: None, limit: None, marks, target };
            all.add((table, chain), None, read, line, None);
        }
    }
}
