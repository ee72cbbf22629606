//! Rules, the chains that they stand in, and the places of a packet's way at which it meets those.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use sim_core::engine::device::{ConfigLine, Rule};
use sim_core::wire::packet::Packet;

use crate::config::Line;

use super::hosts::Hosts;
use super::marks::Marking;
use super::matches::{Circumstances, Conditions, Match};
use super::target::Target;

/// Where in its way through the router a packet meets a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hook {
    Ingress,
    Prerouting,
    /// Packets for this host.
    Input,
    Forward,
    /// Packets of this host.
    Output,
    Postrouting,
    Egress,
}

impl Hook {
    /// True for chains that packets pass on their way out, of which this host's own pass no others.
    pub(super) const fn is_of_what_leaves(self) -> bool {
        matches!(self, Self::Output | Self::Postrouting | Self::Egress)
    }
}

/// True for the chains of translation in which a connection gets another destination (Linux,
/// net/netfilter/nf_nat_core.c: `HOOK2MANIP`).
pub(super) const fn translates_destinations(hook: Hook) -> bool {
    matches!(hook, Hook::Prerouting | Hook::Output)
}

/// Added to the places of the tables of iptables where a text has tables of nftables, too.
const OF_IPTABLES: usize = usize::MAX / 2;

/// A chain that packets pass without being sent to it.
#[derive(Clone, Debug)]
pub(super) struct Base {
    /// Place of its table: chains of the same name of different tables are different chains.
    pub(super) table: usize,
    pub(super) chain: String,
    pub(super) hook: Hook,
    /// Of the chains at a hook packets pass the one of the lowest first.
    pub(super) priority: (i32, i32),
    /// Packets pass it before conntrack has seen them: of every one the state is INVALID (Linux, `nf_ct_get`).
    pub(super) is_before_conntrack: bool,
    /// It translates addresses, and only a connection's first packet passes it.
    pub(super) is_nat: bool,
    /// Answers pass it before they get back the address that a rule took from who opened their connection.
    pub(super) is_before_nat: bool,
    /// Frames pass it between the ports of a bridge, and what is routed does not.
    pub(super) is_bridges: bool,
    /// The packets that pass it.
    pub(super) when: Vec<(bool, Match)>,
    /// It drops what no rule has decided.
    pub(super) policy: Option<Arc<Rule>>,
}

/// One rule.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) matches: Conditions,
    /// Interfaces are among them: of thousands of rules few name any.
    pub(super) names_interfaces: bool,
    /// A condition of which a text does not tell whether it holds.
    pub(super) doubt: Option<String>,
    /// The same in full, where it is one for a packet whichever rule asks.
    pub(super) asks: Option<Box<str>>,
    /// It holds up to a rate, or beyond one.
    pub(super) limit: Option<Limit>,
    /// How it changes marks, before what else it does.
    pub(super) marks: Box<[Marking]>,
    pub(super) target: Target,
    /// Its line, and the line's number.
    pub(super) text: Box<str>,
    pub(super) line: u32,
    /// What changes are signed with. Of thousands of rules few are ever met: it is made when one is.
    rule: OnceLock<Arc<Rule>>,
}

/// All rules.
#[derive(Clone, Debug, Default)]
pub(super) struct Ruleset {
    file: String,
    pub(super) entries: Vec<Entry>,
    /// Places of the rules of each chain, in order.
    chains: Vec<Vec<usize>>,
    /// Table and name of each of them.
    names: Vec<(usize, Box<str>)>,
    /// Place of each.
    places: BTreeMap<(usize, Box<str>), usize>,
    /// The chain that got the last rule: mostly that of the next one.
    last: usize,
    /// Names of the chains of users.
    pub(super) of_users: BTreeSet<String>,
    /// The text is one of ip6tables alone.
    pub(super) is_of_ipv6: bool,
    /// In the order in which a packet passes them.
    pub(super) bases: Vec<Base>,
    /// Chains that packets pass and that are not followed: they translate addresses, or no TCP comes to them.
    pub(super) roots: Vec<(usize, String)>,
    /// Hosts that variables without a value call.
    pub(super) hosts: Hosts,
    /// The manual that rules rest on.
    source: &'static str,
    /// Chains of rules that give connections other addresses to come from, in the order in which a connection's first packet
    /// passes them.
    pub(super) masking: Vec<Base>,
    /// The first rule that translates addresses.
    pub(super) translates: Option<ConfigLine>,
}

impl Entry {
    /// True when it is asked whether a process of this host has a socket for the packet, which the text does not tell
    /// (iptables-extensions(8), socket; nft(8), SOCKET EXPRESSION).
    pub(super) fn asks_for_sockets(&self) -> bool {
        self.doubt.as_deref() == Some("socket")
    }

    /// True when it asks for a mark.
    pub(super) fn asks_for_mark(&self) -> bool {
        self.matches.iter().any(|(_, on)| matches!(on, Match::Mark { .. }))
    }

    /// True when it asks for a mark that the text does not tell.
    pub(super) fn asks_for_open_mark(&self, around: &Circumstances<'_>) -> bool {
        self.matches.iter().any(|(_, on)| on.is_of_open_mark(around))
    }

    /// True when it cannot be told, or depends on how much comes, whether it holds.
    pub(super) const fn is_open(&self) -> bool {
        self.doubt.is_some() || self.limit.is_some()
    }

    /// True when every condition holds; `dared`: the one that cannot be told holds, too, or what comes is more than the
    /// rule's limit.
    pub(super) fn matches(&self, packet: &Packet, around: Circumstances<'_>, dared: bool) -> bool {
        let may_hold = match (&self.doubt, self.limit) {
            (Some(_), _) => dared,
            (None, Some(limit)) => limit.is_usual() != dared,
            (None, None) => true,
        };
        may_hold && self.matches.iter().all(|(negated, on)| on.holds(*negated, packet, around))
    }
}

impl Ruleset {
    /// What the changes of an entry are signed with.
    pub(super) fn rule(&self, entry: &Entry) -> Arc<Rule> {
        let rule = entry.rule.get_or_init(|| {
            let (file, text) = (self.file.clone(), entry.text.to_string());
            Rule::config(&*entry.text, ConfigLine { file, line: entry.line, text }, self.source)
        });
        Arc::clone(rule)
    }

    /// None yet, of this file.
    pub(super) fn of(file: &str, source: &'static str) -> Self {
        Self { file: file.to_owned(), source, ..Self::default() }
    }

    /// Makes place for so many rules.
    pub(super) fn reserve(&mut self, many: usize) {
        self.entries.reserve(many);
    }

    /// The place of a chain that has rules.
    pub(super) fn chain(&self, table: usize, name: &str) -> Option<usize> {
        self.places.get(&(table, name.into())).copied()
    }

    /// Adds a rule to a chain, at its end or at this place in it.
    pub(super) fn add(
        &mut self,
        (table, chain): (usize, &str),
        before: Option<usize>,
        Read { matches, doubt, asks, limit, marks, target }: Read,
        line: &Line<'_>,
        rule: Option<Arc<Rule>>,
    ) {
        let at = self.entries.len();
        let is_last = |(of, name): &(usize, Box<str>)| *of == table && **name == *chain;
        if !self.names.get(self.last).is_some_and(is_last) {
            let new = self.chains.len();
            let named = (table, Box::from(chain));
            self.last = *self.places.entry(named.clone()).or_insert(new);
            if self.last == new {
                self.chains.push(Vec::new());
                self.names.push(named);
            }
        }
        let of_chain = &mut self.chains[self.last];
        let end = of_chain.len();
        of_chain.insert(before.map_or(end, |before| before.min(end)), at);
        self.entries.push(Entry {
            names_interfaces: matches.iter().any(|(_, on)| on.is_of_interfaces()),
            matches: matches.into(),
            doubt,
            asks,
            limit,
            marks: marks.into(),
            target,
            text: line.text().into(),
            line: line.number,
            rule: rule.map_or_else(OnceLock::new, OnceLock::from),
        });
    }

    /// Orders the chains that packets pass by hook, then by priority; equals stay in the order of the text.
    pub(super) fn in_order(&mut self) {
        self.bases.sort_by_key(|base| (base.hook, base.priority));
        self.masking.sort_by_key(|base| (base.hook, base.priority));
    }

    /// Takes the rules of iptables that the text has beside these of nftables: their tables are others, and of rules of one
    /// version of IP alone that one is meant.
    pub(super) fn join(&mut self, mut other: Self) {
        let (rules, chains) = (self.entries.len(), self.chains.len());
        let moved = |table: usize| table + OF_IPTABLES;
        self.entries.append(&mut other.entries);
        self.chains.extend(
            other.chains.into_iter().map(|chain| chain.into_iter().map(|at| at + rules).collect()),
        );
        self.names.extend(other.names.into_iter().map(|(table, name)| (moved(table), name)));
        let places = other.places.into_iter();
        self.places.extend(places.map(|((table, name), at)| ((moved(table), name), at + chains)));
        self.of_users.append(&mut other.of_users);
        self.roots.extend(other.roots.into_iter().map(|(table, name)| (moved(table), name)));
        self.hosts = other.hosts;
        self.translates = self.translates.take().or(other.translates);
        for base in other.bases.iter_mut().chain(&mut other.masking) {
            base.table = moved(base.table);
            if base.when.is_empty() {
                base.when.push((!other.is_of_ipv6, Match::Version6));
            }
        }
        self.bases.append(&mut other.bases);
        self.masking.append(&mut other.masking);
        self.in_order();
    }

    /// Takes away the rules of a table, or of one of its chains.
    pub(super) fn flush(&mut self, table: usize, chain: Option<&str>) {
        for ((of, name), rules) in self.names.iter().zip(&mut self.chains) {
            if *of == table && chain.is_none_or(|chain| **name == *chain) {
                rules.clear();
            }
        }
    }

    /// Chains that what comes to these comes to.
    pub(super) fn reached<'a>(
        &'a self,
        from: impl Iterator<Item = (usize, &'a str)>,
    ) -> BTreeSet<(usize, String)> {
        let mut left: Vec<(usize, &str)> = from.collect();
        let owned = |(table, chain): &(usize, &str)| (*table, (*chain).to_owned());
        let mut reached: BTreeSet<(usize, String)> = left.iter().map(owned).collect();
        while let Some((table, chain)) = left.pop() {
            let rules = self.chain(table, chain).map_or(&[][..], |chain| self.rules_of(chain));
            for at in rules {
                if let Target::Jump(name) | Target::Goto(name) = &self.entries[*at].target
                    && reached.insert((table, name.clone()))
                {
                    left.push((table, name));
                }
            }
        }
        reached
    }

    /// The first rules of chains that no rule of the text sends packets to.
    pub(super) fn unreached(&self) -> Vec<usize> {
        let bases = self.bases.iter().map(|base| (base.table, base.chain.as_str()));
        let roots = self.roots.iter().map(|(table, chain)| (*table, chain.as_str()));
        let reached = self.reached(bases.chain(roots));
        let does = |at: &usize| self.entries[*at].target != Target::Count;
        let chains = self.names.iter().zip(&self.chains);
        chains
            .filter(|((table, name), rules)| {
                rules.iter().any(does) && !reached.contains(&(*table, name.to_string()))
            })
            .filter_map(|(_, rules)| rules.first().copied())
            .collect()
    }

    /// Forgets what masks, where no chain sees it: those that ask for destinations stand behind the translation.
    pub(super) fn without_unseen_masks(&mut self) {
        let mut is_seen = self.entries.iter().any(|e| matches!(e.target, Target::Take { .. }));
        let is_early = |base: &Base| base.is_before_nat;
        super::paths::each_of(self, is_early, |path| {
            is_seen |= path.conditions().any(|(_, on)| on.is_of_destination_address());
            !is_seen
        });
        if !is_seen {
            self.masking.clear();
        }
    }

    /// A chain that packets pass, by its place: those of rules that mask come last.
    pub(super) fn base(&self, at: usize) -> Option<&Base> {
        self.bases.get(at).or_else(|| self.masking.get(at.checked_sub(self.bases.len())?))
    }

    /// Takes away what a bridge does with its frames, where a router stands beside it: what is routed meets none of those
    /// chains (nft(8), BRIDGE ADDRESS FAMILY).
    pub(super) fn take_bridged(&mut self) -> Option<Self> {
        let bridges = self.bases.iter().filter(|base| base.is_bridges).count();
        if bridges == 0 || bridges == self.bases.len() {
            return None;
        }
        let mut bridged = self.clone();
        bridged.bases.retain(|base| base.is_bridges);
        bridged.masking.retain(|base| base.is_bridges);
        self.bases.retain(|base| !base.is_bridges);
        self.masking.retain(|base| !base.is_bridges);
        Some(bridged)
    }

    /// What a chain does that the text does not hold is not known.
    pub(super) fn without_chain(&mut self, is_held: impl Fn(usize, &str) -> bool) {
        for ((table, _), rules) in self.names.iter().zip(&self.chains) {
            for at in rules {
                let target = &mut self.entries[*at].target;
                if let Target::Jump(name) | Target::Goto(name) = target
                    && !is_held(*table, name)
                {
                    *target = Target::Unknown(std::mem::take(name));
                }
            }
        }
    }

    /// Takes away where chains lead back to themselves, which the kernel refuses (Linux, `mark_source_chains`,
    /// `nf_tables_check_loops`): the rules that do.
    pub(super) fn break_loops(&mut self) -> Vec<usize> {
        #[derive(Clone, Copy, PartialEq)]
        enum Seen {
            No,
            Within,
            Done,
        }
        let mut seen = vec![Seen::No; self.chains.len()];
        let mut looping = Vec::new();
        for first in 0..self.chains.len() {
            let mut within: Vec<(usize, usize)> = Vec::new();
            if seen[first] == Seen::No {
                within.push((first, 0));
            }
            while let Some((chain, next)) = within.last_mut() {
                seen[*chain] = Seen::Within;
                let Some(at) = self.of_chain(*chain, *next) else {
                    seen[*chain] = Seen::Done;
                    within.pop();
                    continue;
                };
                *next += 1;
                let table = self.names[*chain].0;
                if let Target::Jump(name) | Target::Goto(name) = &self.entries[at].target
                    && let Some(called) = self.chain(table, name)
                {
                    match seen[called] {
                        Seen::No => within.push((called, 0)),
                        Seen::Within => looping.push(at),
                        Seen::Done => {}
                    }
                }
            }
        }
        for at in &looping {
            let target = &mut self.entries[*at].target;
            if let Target::Jump(name) | Target::Goto(name) = target {
                *target = Target::Unknown(std::mem::take(name));
            }
        }
        looping
    }

    /// The rules of a chain.
    pub(super) fn rules_of(&self, chain: usize) -> &[usize] {
        self.chains.get(chain).map_or(&[], Vec::as_slice)
    }

    /// The rule of a chain that stands at this place in it.
    pub(super) fn of_chain(&self, chain: usize, at: usize) -> Option<usize> {
        self.chains.get(chain)?.get(at).copied()
    }
}

/// What a rule says.
pub(super) struct Read {
    pub(super) matches: Vec<(bool, Match)>,
    pub(super) doubt: Option<String>,
    pub(super) asks: Option<Box<str>>,
    pub(super) limit: Option<Limit>,
    pub(super) marks: Vec<Marking>,
    pub(super) target: Target,
}

/// Of which part of what comes a rule holds that looks at more than one packet (iptables-extensions(8): limit, hashlimit,
/// connlimit, recent, rpfilter; nft(8), LIMIT STATEMENT, FIB EXPRESSIONS).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    UpTo,
    Beyond,
    /// What came in by the interface by which its source is reached.
    ReversePath,
    /// What came in by another.
    OffPath,
}

impl Limit {
    /// True where a rule holds of what is usual: a limit is set beyond that, and who opens a connection is mostly where
    /// the routes say.
    pub(super) const fn is_usual(self) -> bool {
        matches!(self, Self::UpTo | Self::ReversePath)
    }

    /// True for one of how much comes.
    pub(super) const fn is_of_amount(self) -> bool {
        matches!(self, Self::UpTo | Self::Beyond)
    }
}
