//! Security levels: between which interfaces nothing may be opened.
//!
//! Without an access list at the interface that it comes in by, a connection opens only towards a lower
//! level. Between equal levels, and back out of the same interface, nothing opens unless
//! `same-security-traffic` permits it, access list or not (ASA CLI configuration guide, security levels).
//! A PIX before 7.0 has no such command, and `conduit` beside access lists (PIX Firewall 6.3 command reference). A FWSM
//! lets nothing in by an interface that has no access list, whatever the levels ([`UNLISTED`]).

use sim_core::engine::device::ConfigLine;

use crate::audit::{Because, Effect, Verdict};

use super::access::UNLISTED;
use super::config::{AsaConfig, Interface, Kind};
use super::lists::Family;
use super::tunnels::Tunnels;

impl Interface {
    /// Its security level: 100 for `inside`, 0 for others that have no line of it.
    pub(super) fn level(&self) -> u8 {
        let inside = self.name.as_ref().is_some_and(|(name, _)| name == "inside");
        self.security_level.as_ref().map_or(if inside { 100 } else { 0 }, |(level, _)| *level)
    }
}

/// What interfaces drop that are shut down, or for management alone.
pub(super) fn closed(config: &AsaConfig) -> Vec<Verdict> {
    let named = config.interfaces.iter().filter_map(Named::of);
    let verdict = |named: Named<'_>| {
        let Interface { shut_down, management_only, .. } = named.interface;
        let shut =
            shut_down.as_ref().map(|place| (place, "nothing crosses it until it is brought up"));
        let managing = || {
            let place = management_only.as_ref()?;
            Some((place, "only the box itself is reached by this interface"))
        };
        let (place, why) = shut.or_else(managing)?;
        Some(Verdict {
            traffic: "all TCP".into(),
            direction: format!("interface {}, both directions", named.name),
            effect: Effect::Drop,
            because: vec![Because::line(place, why)],
        })
    };
    named.filter_map(verdict).collect()
}

/// What the levels drop, from each interface; nothing when the text has no interfaces.
pub(super) fn refused(config: &AsaConfig, tunnels: &Tunnels) -> Vec<Verdict> {
    let named = config.interfaces.iter().filter_map(Named::of);
    let is_open =
        |i: &Interface| i.management_only.is_none() && i.shut_down.is_none() && i.bvi.is_none();
    let passing: Vec<Named<'_>> = named.filter(|n| is_open(n.interface)).collect();
    let mut verdicts = Vec::new();
    for from in &passing {
        let others = passing.iter().filter(|to| to.name != from.name);
        let (within, across): (Vec<_>, Vec<_>) =
            others.partition(|to| from.group().is_some() && to.group() == from.group());
        if !within.is_empty() {
            verdicts.extend(of_levels(config, tunnels, from, &[from.name], &within));
        }
        let isolated = |of: &Named<'_>| of.group().is_some() && of.router(config).is_none();
        let (apart, routed): (Vec<_>, Vec<_>) =
            across.into_iter().partition(|to| isolated(from) || isolated(to));
        verdicts.extend(between_groups(config, from, &apart));
        let ends: Option<Vec<Named<'_>>> =
            routed.iter().map(|to| Some(Named { name: to.name, ..to.routed(config)? })).collect();
        if let (Some(router), Some(ends)) = (from.routed(config), ends)
            && (within.is_empty() || !ends.is_empty())
        {
            let entered = [from.name, router.name];
            let from = Named { name: from.name, ..router };
            let ends: Vec<_> = ends.iter().collect();
            verdicts.extend(of_levels(config, tunnels, &from, &entered, &ends));
        }
    }
    if passing.is_empty() && config.kind == Kind::Fwsm {
        let which = "without an access list of its own";
        verdicts.push(unlisted_fwsm(Family::Both, which, Because::default(UNLISTED)));
    }
    if !passing.is_empty() && !config.hairpins_permitted {
        let rule = match config.kind {
            Kind::Pix6 => "nothing leaves by the interface it came in by",
            _ => {
                "nothing leaves by the interface it came in by without same-security-traffic permit intra-interface, \
                 by default"
            }
        };
        verdicts.push(Verdict {
            traffic: "all TCP".into(),
            direction: "back out of the interface that it came in by".into(),
            effect: Effect::Drop,
            because: vec![Because::default(rule)],
        });
    }
    verdicts
}

/// What the levels drop between an interface and others; `entered`: whose access lists rule what comes in.
fn of_levels(
    config: &AsaConfig,
    tunnels: &Tunnels,
    from: &Named<'_>,
    entered: &[&String],
    others: &[&Named<'_>],
) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    let others = || others.iter().copied();
    let is_higher = |to: &&Named<'_>| to.level > from.level && !tunnels.is_virtual(from.name);
    let higher: Vec<_> = others().filter(is_higher).collect();
    let towards = "without an access list, a connection opens only towards a lower security level";
    let families = config.families().iter().copied();
    let is_listed = |of: Family| entered.iter().any(|name| listed(config, name, of));
    let unlisted: Vec<Family> = families.filter(|of| !is_listed(*of)).collect();
    let of = match unlisted.as_slice() {
        [] => None,
        [one] => Some(*one),
        _ => Some(Family::Both),
    };
    match (of, config.kind) {
        (Some(of), Kind::Fwsm) => {
            verdicts.push(unlisted_fwsm(of, from.name, Because::line(from.named, UNLISTED)));
        }
        (Some(of), _) => verdicts.extend(
            drop(from, &higher, of, towards)
                .map(|verdict| beside_conduits(config, verdict))
                .map(|verdict| beside_tunnels(tunnels, from, verdict)),
        ),
        (None, _) => {}
    }
    let equal: Vec<_> =
        others().filter(|to| to.level == from.level && !config.same_security_permitted).collect();
    let between = match config.kind {
        Kind::Pix6 => "between equal security levels nothing crosses",
        _ => {
            "between equal security levels nothing crosses without same-security-traffic permit inter-interface"
        }
    };
    verdicts.extend(drop(from, &equal, Family::Both, between));
    verdicts
}

/// What a bridge group keeps within it: in transparent mode all, else where its BVI has no name (ASA CLI configuration guide,
/// bridge groups).
fn between_groups(config: &AsaConfig, from: &Named<'_>, others: &[&Named<'_>]) -> Option<Verdict> {
    let first = others.first()?;
    let names: Vec<&str> = others.iter().map(|to| to.name.as_str()).collect();
    let rule = match config.is_transparent {
        true => "in transparent mode nothing goes from one bridge group to another",
        false => "nothing goes out of a bridge group whose BVI has no name",
    };
    let place = [from, *first].into_iter().find_map(|of| of.interface.bridge_group.as_ref());
    Some(Verdict {
        traffic: "all TCP".into(),
        direction: format!("opened from interface {} towards {}", from.name, names.join(", ")),
        effect: Effect::Drop,
        because: place.map(|(_, place)| Because::line(place, rule)).into_iter().collect(),
    })
}

/// What enters a FWSM by an interface without an access list.
fn unlisted_fwsm(of: Family, interface: &str, because: Because) -> Verdict {
    Verdict {
        traffic: format!("all {}TCP", of.name()),
        direction: format!("opened from interface {interface}"),
        effect: Effect::Drop,
        because: vec![because],
    }
}

/// Where a PIX has conduits, they may open what the levels do not.
fn beside_conduits(config: &AsaConfig, mut verdict: Verdict) -> Verdict {
    if let Some(place) = config.conduit.as_ref().filter(|_| config.kind == Kind::Pix6) {
        verdict.traffic = "TCP that no conduit permits".into();
        verdict.because.push(Because::line(place, "conduits permit what they name"));
    }
    verdict
}

/// Where tunnels end, what comes out of them is let in.
fn beside_tunnels(tunnels: &Tunnels, from: &Named<'_>, mut verdict: Verdict) -> Verdict {
    if tunnels.end_at(from.name) {
        verdict.traffic += " that comes out of no tunnel";
        let rule = "what comes out of a tunnel that ends here is let in (sysopt connection permit-vpn), by default";
        verdict.because.push(Because::default(rule));
    }
    verdict
}

/// An interface that has a name.
#[derive(Clone, Copy)]
struct Named<'c> {
    interface: &'c Interface,
    name: &'c String,
    level: u8,
    /// The line that names it.
    named: &'c ConfigLine,
    /// The line that gives the level, or else the name.
    place: &'c ConfigLine,
}

impl<'c> Named<'c> {
    fn of(interface: &'c Interface) -> Option<Self> {
        let (name, named) = interface.name.as_ref()?;
        let place = interface.security_level.as_ref().map_or(named, |(_, place)| place);
        Some(Self { interface, name, level: interface.level(), named, place })
    }

    fn group(&self) -> Option<u16> {
        self.interface.bridge_group.as_ref().map(|(group, _)| *group)
    }

    /// The BVI of its bridge group, where that routes.
    fn router(&self, config: &'c AsaConfig) -> Option<Self> {
        let group = self.group()?;
        let is_its = |interface: &&Interface| interface.bvi == Some(group);
        let bvi = config.interfaces.iter().find(is_its).filter(|_| !config.is_transparent)?;
        Self::of(bvi)
    }

    /// Who speaks for it towards interfaces outside of its bridge group: levels of its own hold within that.
    fn routed(&self, config: &'c AsaConfig) -> Option<Self> {
        match self.group() {
            Some(_) => self.router(config),
            None => Some(*self),
        }
    }
}

/// True when an access list rules what enters here of this version of IP.
fn listed(config: &AsaConfig, from: &str, of: Family) -> bool {
    config.access_groups.iter().any(|g| {
        let here = g.interface.as_ref().is_none_or(|interface| interface == from);
        g.inbound && here && g.of == of
    })
}

fn drop(from: &Named<'_>, towards: &[&Named<'_>], of: Family, rule: &str) -> Option<Verdict> {
    let first = towards.first()?;
    let names: Vec<&str> = towards.iter().map(|to| to.name.as_str()).collect();
    Some(Verdict {
        traffic: format!("all {}TCP", of.name()),
        direction: format!("opened from interface {} towards {}", from.name, names.join(", ")),
        effect: Effect::Drop,
        because: vec![
            Because::line(from.place, rule),
            Because::line(first.place, format!("the level of interface {}", first.name)),
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asa::PLATFORM;
    use crate::config::ConfigText;

    const THREE: &str = "interface G0\n nameif outside\n security-level 0\ninterface G1\n nameif inside\ninterface \
                         G2\n nameif dmz\n security-level 50\n";

    fn told(text: &str) -> Vec<(String, Option<u32>)> {
        let audit = (PLATFORM.audit)(ConfigText::new("fw", text));
        let dropped = audit.verdicts.iter().filter(|v| v.effect == Effect::Drop);
        dropped.map(|v| (v.direction.clone(), v.because[0].line)).collect()
    }

    #[test]
    fn what_levels_drop() {
        let check = |text: &str, expected: &[(&str, Option<u32>)]| {
            let expected: Vec<_> = expected.iter().map(|(d, l)| ((*d).to_owned(), *l)).collect();
            assert_eq!(told(text), expected, "{text}");
        };
        let back = ("back out of the interface that it came in by", None);
        let from_outside = ("opened from interface outside towards inside, dmz", Some(3));
        let from_dmz = ("opened from interface dmz towards inside", Some(8));
        check(THREE, &[from_outside, from_dmz, back]);
        // Opened again, by whatever name, an interface is the same one.
        let again = THREE.replace(" security-level 50\n", "") + "int g2\n security-level 50\n";
        check(&again, &[from_outside, ("opened from interface dmz towards inside", Some(9)), back]);
        let hairpin = format!("{THREE}same-security-traffic permit intra-interface\n");
        check(&hairpin, &[from_outside, from_dmz]);
        let listed = format!(
            "{THREE}access-list in extended permit tcp any any\naccess-group in in interface outside\n"
        );
        assert!(!told(&listed).iter().any(|(direction, _)| direction == from_outside.0));
        let equal = THREE.replace("level 50", "level 100");
        let [one, other] = [
            ("opened from interface inside towards dmz", Some(5)),
            ("opened from interface dmz towards inside", Some(8)),
        ];
        check(&equal, &[from_outside, one, other, back]);
        check(
            &format!("{equal}same-security-traffic permit inter-interface\n"),
            &[from_outside, back],
        );
        let managing = THREE.replace("nameif dmz", "nameif dmz\n management-only");
        let outside = ("opened from interface outside towards inside", Some(3));
        check(&managing, &[("interface dmz, both directions", Some(8)), outside, back]);
        check("hostname fw\n", &[]);
        let ftd = crate::asa::audit::audit_lina(ConfigText::new("fw", &managing), true);
        let dropped: Vec<_> = ftd.verdicts.iter().filter(|v| v.effect == Effect::Drop).collect();
        assert_eq!(dropped.len(), 1, "an FTD has no levels: {dropped:?}");
        assert_eq!(dropped[0].direction, "interface dmz, both directions");
        // As people type it.
        let typed = THREE.replace("interface ", "int ").replace("\n ", "\n");
        check(&typed, &[from_outside, from_dmz, back]);
        let lost = (PLATFORM.audit)(ConfigText::new("fw", "hostname a\nnameif inside\n"));
        assert_eq!(lost.warnings[0].line, 2);
        // A FWSM lets nothing in without a list, from inside neither.
        let fwsm = format!(
            "FWSM Version 3.2(5)\n{THREE}access-list in extended permit tcp any any\naccess-group in in interface outside\n"
        );
        let unlisted =
            [("opened from interface inside", Some(6)), ("opened from interface dmz", Some(8))];
        check(&fwsm, &[unlisted[0], unlisted[1], back]);
        check(
            "FWSM Version 2.3(4)\n",
            &[("opened from interface without an access list of its own", None)],
        );
        let old = "FWSM Version 2.3(4)\nnameif vlan10 inside security100\n";
        check(old, &[("opened from interface inside", Some(2)), back]);
    }

    /// Levels of what belongs to a bridge group hold within it; beyond it its BVI's do, where it has a name.
    #[test]
    fn bridge_groups() {
        let port = |n: u8, name: &str, level: u8, group: u8| {
            format!(
                "interface G{n}\n bridge-group {group}\n nameif {name}\n security-level {level}\n"
            )
        };
        let members = port(0, "outside1", 0, 1)
            + &port(1, "outside2", 0, 1)
            + &port(2, "inside1", 100, 2)
            + "interface G3\n nameif dmz\n security-level 50\n";
        let routed = "interface BVI1\n nameif near\n security-level 100\ninterface BVI 2\n nameif far\n security-level 0\n";
        let check = |text: &str, expected: &[(&str, u32)]| {
            let mut found = told(text);
            found.pop();
            let expected: Vec<_> =
                expected.iter().map(|(d, l)| ((*d).to_owned(), Some(*l))).collect();
            assert_eq!(found, expected, "{text}");
        };
        check(
            &format!("{members}{routed}"),
            &[
                ("opened from interface outside1 towards outside2", 4),
                ("opened from interface outside2 towards outside1", 8),
                ("opened from interface inside1 towards outside1, outside2, dmz", 21),
                ("opened from interface dmz towards outside1, outside2", 15),
            ],
        );
        // A list of the BVI rules what its members send beyond the group.
        let list = "access-list L extended permit ip any any\naccess-group L in interface far\n";
        let found = told(&format!("{members}{routed}{list}"));
        assert!(!found.iter().any(|(d, _)| d.contains("inside1 towards")), "{found:?}");
        let unnamed = routed.replace("nameif far", "description far");
        let found = told(&format!("{members}{unnamed}"));
        let apart = "opened from interface inside1 towards outside1, outside2, dmz".to_owned();
        assert!(found.contains(&(apart, Some(10))), "{found:#?}");
        let transparent =
            format!("firewall transparent\n{members}interface BVI1\ninterface BVI2\n");
        let found = told(&transparent);
        let apart = "opened from interface outside1 towards inside1, dmz".to_owned();
        assert!(found.contains(&(apart, Some(3))), "{found:#?}");
    }

    #[test]
    fn a_level_that_is_none_is_told() {
        for level in ["zero", "101"] {
            let text = format!("interface G0\n nameif outside\n security-level {level}\n");
            let audit = (PLATFORM.audit)(ConfigText::new("fw", &text));
            let told: Vec<_> =
                audit.warnings.iter().map(|w| (w.line, w.message.as_str())).collect();
            let message = format!("expected a level from 0 to 100, found `{level}`");
            assert_eq!(told, [(3, message.as_str())]);
        }
    }
}
