//! Virtual systems, and what goes from one to another without leaving the firewall.

use std::collections::BTreeSet;

use sim_core::engine::device::ConfigLine;

use crate::audit::{Because, Effect};

use super::statements::Statement;

const SOURCE: &str = "PAN-OS Administrator's Guide, Virtual Systems, External Zone";

/// Those of a text.
#[derive(Debug, Default)]
pub(super) struct Systems<'t> {
    /// The ones that have zones.
    names: BTreeSet<&'t str>,
    /// Which has a zone of type external for which other one.
    external: BTreeSet<(&'t str, &'t str)>,
    /// The first line that makes such a zone.
    place: Option<ConfigLine>,
}

impl<'t> Systems<'t> {
    /// Takes what a statement says of a zone's network.
    pub(super) fn zone(
        &mut self,
        scope: Option<&'t str>,
        network: &[&'t str],
        statement: &Statement<'_, 't>,
    ) {
        let Some(scope) = scope else { return };
        self.names.insert(scope);
        if let ["external", others @ ..] = network {
            let others = others.iter().filter(|word| !matches!(**word, "[" | "]" | "member"));
            self.external.extend(others.map(|other| (scope, *other)));
            self.place.get_or_insert_with(|| statement.place());
        }
    }

    /// The virtual systems that have zones.
    pub(super) fn names(&self) -> &BTreeSet<&'t str> {
        &self.names
    }

    /// What becomes of connections from one to another: none opens unless each has an external zone for the other.
    /// Those that may open are asked of the rules of both, one after the other.
    pub(super) fn between(&self) -> Vec<(String, Effect, Because)> {
        let is_shut = |one: &str, other: &str| {
            !(self.external.contains(&(one, other)) && self.external.contains(&(other, one)))
        };
        let mut shut: Vec<String> = Vec::new();
        let mut is_open = false;
        for one in &self.names {
            let others = self.names.iter().copied().filter(|other| other != one);
            let (to, open): (Vec<&str>, Vec<&str>) = others.partition(|other| is_shut(one, other));
            is_open |= !open.is_empty();
            if !to.is_empty() {
                shut.push(format!("{one} to {}", to.join(", ")));
            }
        }
        if self.names.len() < 2 {
            return Vec::new();
        }
        let mut told = Vec::new();
        let lacking = "an external zone of each of the two virtual systems for the other is needed";
        let because = match &self.place {
            Some(place) => Because::line(place, format!("{lacking}, and this is one ({SOURCE})")),
            None => Because::default(format!("{lacking}, and the text has none ({SOURCE})")),
        };
        if is_open {
            told.extend(shut.into_iter().map(|way| (way, Effect::Drop, because.clone())));
            let why = "each of the two virtual systems asks its own rules: both are not judged together here";
            let because = self.place.as_ref().map(|place| Because::line(place, why));
            told.extend(because.map(|because| {
                ("between virtual systems with external zones".to_owned(), Effect::Unknown, because)
            }));
        } else {
            told.push(("between virtual systems".to_owned(), Effect::Drop, because));
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use crate::audit::audit;
    use crate::config::ConfigText;

    /// From one virtual system to another only by external zones, one on each side.
    #[test]
    fn zones_of_other_virtual_systems() {
        let rows = |zones: &str| {
            let text = format!(
                "set vsys vsys1 zone a network layer3 ethernet1/1\nset vsys vsys2 zone b network layer3 ethernet1/2\nset vsys vsys1 rulebase security rules R from any to any action allow\nset vsys vsys2 rulebase security rules R from any to any action allow\n{zones}"
            );
            let verdicts = audit(ConfigText::new("p", &text), None).1.verdicts;
            let told = verdicts.into_iter().skip(2);
            told.map(|v| (v.effect.word(), v.direction, v.because[0].line)).collect::<Vec<_>>()
        };
        let row = |effect, way: &str, line| (effect, way.to_owned(), line);
        assert_eq!(rows(""), [row("drop", "between virtual systems", None)]);
        let one = "set vsys vsys1 zone e network external vsys2\n";
        assert_eq!(rows(one), [row("drop", "between virtual systems", Some(5))]);
        let both = format!("{one}set vsys vsys2 zone e network external [ vsys1 ]\n");
        let open = "between virtual systems with external zones";
        assert_eq!(rows(&both), [row("unknown", open, Some(5))]);
        let third = format!("{both}set vsys vsys3 zone c network layer3 ethernet1/3\n");
        let shut = |way| row("drop", way, Some(5));
        let ways = ["vsys1 to vsys3", "vsys2 to vsys3", "vsys3 to vsys1, vsys2"].map(shut);
        assert_eq!(rows(&third)[..3], ways);
    }
}
