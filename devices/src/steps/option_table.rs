//! A normaliser's table of TCP options: which kinds pass, are cleared to NOPs, or make the packet go.
//!
//! The `tcp-options` lines of ASA and ACE fill it, each product with its own grammar and defaults.

use std::ops::RangeInclusive;
use std::sync::Arc;

use sim_core::engine::device::Rule;
use sim_core::wire::options::kind;

use super::Pass;
use super::options::{Edit, edit};

/// What is done to something unusual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It passes.
    Allow,
    /// It is cleared: an option becomes NOPs.
    Clear,
    /// The packet is dropped.
    Drop,
}

/// What a line says about a range of option kinds.
#[derive(Clone, Debug)]
pub struct OptionRule {
    /// The kinds that it names.
    pub kinds: RangeInclusive<u8>,
    /// What is done to them.
    pub action: Action,
    /// The line, or the default.
    pub rule: Arc<Rule>,
}

/// All of a normaliser's lines; the last that names a kind decides.
#[derive(Clone, Debug, Default)]
pub struct OptionTable(pub Vec<OptionRule>);

/// What became of a packet's options.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// Options cleared.
    pub cleared: u64,
    /// The rule that makes the packet go.
    pub refused: Option<Arc<Rule>>,
    /// The rule that let option 30 pass, when one did.
    pub allowed_mptcp: Option<Arc<Rule>>,
}

impl OptionTable {
    /// The line that decides about an option kind, if one does.
    #[must_use]
    pub fn of(&self, kind: u8) -> Option<&OptionRule> {
        self.0.iter().rev().find(|rule| rule.kinds.contains(&kind))
    }

    /// Applies the table to a packet. Kinds of no line pass when they are
    /// [known by default](known_by_default), and are cleared by the rule `otherwise`.
    pub fn apply(&self, pass: &mut Pass<'_>, otherwise: &Arc<Rule>) -> Judged {
        let mut judged = Judged::default();
        let Judged { refused, allowed_mptcp, .. } = &mut judged;
        let cleared = edit(pass, |option| match self.of(option.kind) {
            Some(line) => match line.action {
                Action::Clear => Some((Edit::Nop, &line.rule)),
                Action::Drop => {
                    refused.get_or_insert_with(|| Arc::clone(&line.rule));
                    None
                }
                Action::Allow => {
                    if option.kind == kind::MPTCP {
                        allowed_mptcp.get_or_insert_with(|| Arc::clone(&line.rule));
                    }
                    None
                }
            },
            None if known_by_default(option.kind) => None,
            None => Some((Edit::Nop, otherwise)),
        });
        judged.cleared = cleared;
        judged
    }
}

/// True for the option kinds that pass unless a line says otherwise: those that the normalisers of ASA
/// and ACE have names for.
#[must_use]
pub const fn known_by_default(option: u8) -> bool {
    matches!(option, 0..=5 | kind::TIMESTAMPS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{SYN_OPTIONS, packet, pass, with_options};
    use sim_core::engine::device::Effects;

    #[test]
    fn the_last_line_decides_and_the_rest_is_cleared() {
        let rule = |text: &str| Rule::default(text, "test");
        let check = |lines: &[(RangeInclusive<u8>, Action)], cleared, refused, allowed| {
            let rules = lines.iter().map(|(kinds, action)| OptionRule {
                kinds: kinds.clone(),
                action: *action,
                rule: rule("line"),
            });
            let table = OptionTable(rules.collect());
            let mut p = with_options(packet(), &SYN_OPTIONS);
            let mut effects = Effects::default();
            let judged = table.apply(&mut pass(&mut p, &mut effects), &rule("default"));
            assert_eq!(
                (judged.cleared, judged.refused.is_some(), judged.allowed_mptcp.is_some()),
                (cleared, refused, allowed),
                "{lines:?}"
            );
            assert_eq!(p.options.has(30), cleared == 0 || allowed || refused, "{lines:?}");
        };
        use Action::{Allow, Clear, Drop};
        check(&[], 1, false, false);
        check(&[(30..=30, Allow)], 0, false, true);
        check(&[(30..=30, Allow), (20..=255, Clear)], 1, false, false);
        check(&[(20..=255, Drop)], 0, true, false);
        check(&[(30..=30, Allow), (3..=4, Clear)], 2, false, true);
    }
}
