//! Which rules a packet can come to, and by which others: chains that call each other.

use super::matches::{Conditions, Match};
use super::rules::{Base, Limit, Ruleset};
use super::target::Target;

/// Most chains that call one another.
const DEPTH_MAX: usize = 12;
/// Most rules that are come to: a chain that is called from many places counts for each.
const RULES_MAX: usize = 100_000;

/// A rule, and how a packet comes to it.
pub(super) struct Path<'p, 'r> {
    rules: &'r Ruleset,
    pub(super) base: &'r Base,
    /// The rules that call its chain, outermost first, and itself.
    pub(super) entries: &'p [usize],
}

impl<'r> Path<'_, 'r> {
    /// All conditions on the way, outermost first.
    pub(super) fn conditions(&self) -> impl Iterator<Item = &'r (bool, Match)> + use<'_, 'r> {
        let of = |at: &usize| -> &'r Conditions { &self.rules.entries[*at].matches };
        self.base.when.iter().chain(self.entries.iter().flat_map(of))
    }

    /// True when a rule on the way names interfaces, or their chain is of some.
    pub(super) fn names_interfaces(&self) -> bool {
        self.entries.iter().any(|at| self.rules.entries[*at].names_interfaces)
            || self.base.when.iter().any(|(_, on)| on.is_of_interfaces())
    }

    /// The rules that call the chain of the last one, where that names no interfaces of its own.
    pub(super) fn callers_alone(&self) -> Option<&[usize]> {
        let (last, callers) = self.entries.split_last()?;
        (!self.rules.entries[*last].names_interfaces).then_some(callers)
    }

    /// Those of the rules on the way whose conditions cannot be told; what holds beyond a limit alone is none of them.
    pub(super) fn doubts(&self) -> impl Iterator<Item = usize> + use<'_, 'r> {
        let rules = self.rules;
        self.entries.iter().copied().filter(|at| {
            let entry = &rules.entries[*at];
            entry.doubt.is_some() && entry.limit.is_none_or(Limit::is_usual)
        })
    }

    /// Those that hold up to a limit or beyond one.
    pub(super) fn limits(&self) -> impl Iterator<Item = usize> + use<'_, 'r> {
        let rules = self.rules;
        self.entries.iter().copied().filter(|at| {
            let entry = &rules.entries[*at];
            entry.limit.is_some_and(|limit| entry.doubt.is_none() || !limit.is_usual())
        })
    }

    /// The rule itself.
    pub(super) fn last(&self) -> usize {
        self.entries.last().copied().unwrap_or(0)
    }
}

/// Hands on each rule that does something to a packet, until `take` says that it is enough.
pub(super) fn each<'r>(rules: &'r Ruleset, take: impl FnMut(&Path<'_, 'r>) -> bool) {
    each_of(rules, |_| true, take);
}

/// The same, of some chains that packets pass.
pub(super) fn each_of<'r>(
    rules: &'r Ruleset,
    is_meant: impl Fn(&Base) -> bool,
    mut take: impl FnMut(&Path<'_, 'r>) -> bool,
) {
    let mut left = RULES_MAX;
    for base in rules.bases.iter().chain(&rules.masking).filter(|base| is_meant(base)) {
        // The chains that are gone through: each with the place of the next rule in it.
        let first = rules.chain(base.table, &base.chain);
        let mut chains: Vec<(usize, usize)> = first.map(|chain| (chain, 0)).into_iter().collect();
        let mut entries: Vec<usize> = Vec::new();
        while let Some((chain, next)) = chains.last_mut() {
            let at = rules.rules_of(*chain).get(*next).copied().filter(|_| left > 0);
            let Some(at) = at else {
                chains.pop();
                entries.pop();
                continue;
            };
            *next += 1;
            left -= 1;
            match &rules.entries[at].target {
                Target::Count if rules.entries[at].marks.is_empty() => {}
                Target::Jump(name) | Target::Goto(name) => {
                    let called = rules.chain(base.table, name);
                    let is_open = |chain: usize| chains.iter().any(|(of, _)| *of == chain);
                    if let Some(called) = called.filter(|called| !is_open(*called))
                        && chains.len() < DEPTH_MAX
                    {
                        chains.push((called, 0));
                        entries.push(at);
                    }
                }
                _ => {
                    entries.push(at);
                    let goes_on = take(&Path { rules, base, entries: &entries });
                    entries.pop();
                    if !goes_on {
                        return;
                    }
                }
            }
        }
    }
}
