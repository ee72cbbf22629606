//! VLAN access maps of Catalyst and Nexus switches (`vlan access-map`, `vlan filter`): they drop what is bridged
//! within a VLAN and what is routed into or out of it. Which TCP they drop is not read.

use crate::audit::{Because, Effect, Verdict};
use crate::config::{ConfigText, Diagnostics, Line};

/// A verdict for the VLANs of each map that may drop something; those without a definition are warned of.
pub(super) fn verdicts(text: ConfigText<'_>, found: &mut Diagnostics) -> Vec<Verdict> {
    let all = text.lines();
    let mut verdicts = Vec::new();
    for line in all.iter() {
        let ["vlan", "filter", map, "vlan-list", vlans @ ..] = line.words.as_slice() else {
            continue;
        };
        let why = match forwards(&all, map) {
            Some(true) => continue,
            Some(false) => {
                found.warn(
                    line,
                    map,
                    "VLAN access maps are not modelled: what this drops is unknown",
                );
                format!("which TCP vlan access-map {map} drops is not read")
            }
            None => {
                found.warn(line, map, format!("vlan access-map {map} is not defined in the text"));
                format!("vlan access-map {map} is not defined in the text")
            }
        };
        verdicts.push(Verdict {
            traffic: "all TCP".into(),
            direction: format!("within, into and out of VLANs {}", vlans.join(" ")),
            effect: Effect::Unknown,
            because: vec![Because::line(&text.place(line), why)],
        });
    }
    verdicts
}

/// Whether a map forwards everything: its entries ask for nothing and drop nothing.
fn forwards(all: &[Line<'_>], map: &str) -> Option<bool> {
    let (mut inside, mut defined, mut forwards) = (false, false, true);
    for line in all {
        match line.words.as_slice() {
            ["vlan", "access-map", name, ..] => {
                inside = name == &map;
                defined |= inside;
            }
            ["match" | "action", rest @ ..] if inside => forwards &= *rest == ["forward"],
            _ => inside &= line.indent > 0,
        }
    }
    defined.then_some(forwards)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_vlan_maps_may_drop_is_unknown() {
        let told = |map: &str| {
            let text = format!("{map}vlan filter M vlan-list 10-12,20\n");
            let mut found = Diagnostics::new("s");
            let verdicts = verdicts(ConfigText::new("s", &text), &mut found);
            (verdicts.iter().map(|v| v.effect).collect::<Vec<_>>(), found.len())
        };
        let map = "vlan access-map M 10\n match ip address A\n action drop\nvlan access-map M 20\n action forward\n";
        assert_eq!(told(map), (vec![Effect::Unknown], 1));
        assert_eq!(told(""), (vec![Effect::Unknown], 1));
        assert_eq!(told("vlan access-map M 10\n action forward\n"), (vec![], 0));
    }
}
