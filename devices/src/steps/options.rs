//! Blanks or removes TCP options, by kind or by MPTCP subtype.

use std::sync::Arc;

use sim_core::engine::device::{Change, Rule};
use sim_core::wire::mptcp::Subtype;
use sim_core::wire::options::{MAX_OPTIONS_LEN, Options, RawOption, kind};

use super::Pass;

/// What to do to one option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Overwrite every byte of it, kind and length included, with NOP: the header keeps its length.
    Nop,
    /// Overwrite every byte of it with EOL, which also hides from a receiver whatever follows.
    Eol,
    /// Cut it out: the header shrinks.
    Remove,
}

/// Edits the options for which `decide` names an edit and its rule; returns how many those were.
/// Padding (EOL, NOP) is never asked about; every option is judged as it stood on arrival.
pub fn edit<'r>(
    pass: &mut Pass<'_>,
    mut decide: impl FnMut(&RawOption<'_>) -> Option<(Edit, &'r Arc<Rule>)>,
) -> u64 {
    if pass.packet.options.is_empty() {
        return 0;
    }
    let arrived = pass.packet.options.clone();
    let mut kept = Options::new();
    let (mut edited, mut removed) = (0, false);
    for option in arrived.iter() {
        let decision = match option.kind {
            kind::EOL | kind::NOP => None,
            _ => decide(&option),
        };
        let (edit, rule) = match decision {
            None => {
                // A part of 40 bytes never exceeds them.
                let _ = kept.push(option.bytes);
                continue;
            }
            Some(decision) => decision,
        };
        edited += 1;
        let subtype = Subtype::of(&option);
        let change = match edit {
            Edit::Nop | Edit::Eol => {
                let with = if edit == Edit::Nop { kind::NOP } else { kind::EOL };
                pass.packet.options.fill(option.span(), with);
                let _ = kept.push(&[with; MAX_OPTIONS_LEN][..option.bytes.len()]);
                Change::OptionBlanked { kind: option.kind, subtype, with }
            }
            Edit::Remove => {
                removed = true;
                Change::OptionRemoved { kind: option.kind, subtype }
            }
        };
        pass.sign(rule, change);
    }
    if removed {
        while !kept.len().is_multiple_of(4) && kept.push(&[kind::EOL]).is_ok() {}
        pass.packet.options = kept;
    }
    edited
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{packet, pass};
    use sim_core::engine::device::Effects;

    #[test]
    fn edits() {
        let rule = Rule::default("test", "test");
        let check = |before: &[u8], edit_kinds: &[(u8, Edit)], after: &[u8]| {
            let mut p = packet();
            p.options = Options::from_bytes(before).unwrap();
            let mut effects = Effects::default();
            let edited = edit(&mut pass(&mut p, &mut effects), |o| {
                edit_kinds.iter().find(|(k, _)| *k == o.kind).map(|&(_, e)| (e, &rule))
            });
            assert_eq!(p.options.as_bytes(), after, "{before:?} {edit_kinds:?}");
            assert_eq!(edited as usize, effects.changes.len());
        };
        let syn = [2, 4, 5, 180, 4, 2, 30, 4, 0x01, 0x81, 1, 1];
        check(&syn, &[(30, Edit::Nop)], &[2, 4, 5, 180, 4, 2, 1, 1, 1, 1, 1, 1]);
        check(&syn, &[(30, Edit::Eol)], &[2, 4, 5, 180, 4, 2, 0, 0, 0, 0, 1, 1]);
        check(&syn, &[(30, Edit::Remove)], &[2, 4, 5, 180, 4, 2, 1, 1]);
        check(&syn, &[(4, Edit::Remove), (30, Edit::Nop)], &[2, 4, 5, 180, 1, 1, 1, 1, 1, 1, 0, 0]);
        check(&syn, &[(2, Edit::Eol), (30, Edit::Nop)], &[0, 0, 0, 0, 4, 2, 1, 1, 1, 1, 1, 1]);
        check(&syn, &[(1, Edit::Remove)], &syn);
        // Two removals leave no more padding than one header needs.
        check(&[4, 2, 8, 2, 4, 2, 1, 1], &[(4, Edit::Remove)], &[8, 2, 1, 1]);
        check(&[1, 30, 9, 9], &[(30, Edit::Nop)], &[1, 1, 1, 1]);
    }
}
