//! Tunnels that end at the box: what comes out of one is asked by no access list and held back by no security level of a
//! higher interface, by default (ASA command reference, `sysopt connection permit-vpn`).

use std::collections::BTreeSet;

use crate::config::Line;

use super::config::AsaConfig;
use super::own;

/// Interfaces at which tunnels end.
#[derive(Debug, Default)]
pub(super) struct Tunnels {
    /// Those with a crypto map, or where the VPN portal listens: what comes in there in the clear is asked as ever.
    ends: BTreeSet<String>,
    /// Virtual tunnel interfaces: all that comes in by one comes out of its tunnel.
    virtuals: BTreeSet<String>,
}

impl Tunnels {
    /// The tunnels of a text; none where it has access lists ask them, too.
    pub(super) fn of(config: &AsaConfig, all: &[Line<'_>]) -> Self {
        let is_asked = |line: &Line<'_>| {
            matches!(
                line.words.as_slice(),
                ["no", "sysopt", "connection", "permit-vpn" | "permit-ipsec", ..]
            )
        };
        if all.iter().any(is_asked) {
            return Self::default();
        }
        let (_, portals) = own::portal(config, all);
        let ends = portals.into_iter().map(|(name, _)| name.to_owned()).collect();
        let mut tunnels = Self { ends, ..Self::default() };
        let mut is_virtual = false;
        for line in all {
            match line.words.as_slice() {
                ["interface" | "int", name, ..] => {
                    is_virtual = name.to_ascii_lowercase().starts_with("tunnel");
                }
                ["nameif", name] if is_virtual => _ = tunnels.virtuals.insert((*name).to_owned()),
                ["crypto", "map", _, "interface", name] => {
                    tunnels.ends.insert((*name).to_owned());
                }
                _ => {}
            }
        }
        tunnels
    }

    /// True where some connections come out of tunnels, and others do not.
    pub(super) fn end_at(&self, interface: &str) -> bool {
        self.ends.contains(interface)
    }

    /// True for a virtual tunnel interface.
    pub(super) fn is_virtual(&self, interface: &str) -> bool {
        self.virtuals.contains(interface)
    }

    /// The interfaces at which tunnels end, of either kind.
    pub(super) fn interfaces(&self) -> impl Iterator<Item = &str> {
        self.ends.union(&self.virtuals).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use crate::asa::PLATFORM;
    use crate::config::ConfigText;

    const TWO: &str = "ASA Version 9.8(2)\ninterface G0\n nameif outside\n security-level 0\ninterface G1\n nameif inside\n security-level 100\n";

    fn rows(text: &str) -> Vec<String> {
        let audit = (PLATFORM.audit)(ConfigText::new("fw", text));
        let row =
            |v: &crate::audit::Verdict| format!("{} | {} | {}", v.effect, v.traffic, v.direction);
        audit.verdicts.iter().map(row).filter(|row| row.contains("towards inside")).collect()
    }

    #[test]
    fn what_comes_out_of_tunnels() {
        let clear = "drop | all TCP | opened from interface outside towards inside";
        let beside = "drop | all TCP that comes out of no tunnel | opened from interface outside towards inside";
        assert_eq!(rows(TWO), [clear]);
        let map = format!("{TWO}crypto map M interface outside\n");
        assert_eq!(rows(&map), [beside]);
        assert_eq!(rows(&format!("{TWO}webvpn\nenable outside\nanyconnect enable\n")), [beside]);
        assert_eq!(rows(&format!("{map}no sysopt connection permit-vpn\n")), [clear]);
        let vti = format!("{TWO}interface Tunnel1\n nameif vti\n tunnel mode ipsec ipv4\n");
        assert_eq!(rows(&vti), [clear]);
        let asked = format!("{vti}no sysopt connection permit-vpn\n");
        assert_eq!(rows(&asked).len(), 2, "{:#?}", rows(&asked));
    }

    /// A list of what goes out elsewhere does not ask it either, and that is said.
    #[test]
    fn lists_that_are_not_asked() {
        let text = format!(
            "{TWO}crypto map M interface outside\naccess-list L extended deny ip any any\naccess-group L out interface inside\n"
        );
        let warned = |text: &str| {
            let audit = (PLATFORM.audit)(ConfigText::new("fw", text));
            let told =
                audit.warnings.into_iter().filter(|w| w.message.contains("come out of tunnels"));
            told.map(|w| w.line).collect::<Vec<_>>()
        };
        assert_eq!(warned(&text), [10]);
        assert_eq!(warned(&text.replace("crypto map M interface outside\n", "")), [0; 0]);
    }

    #[test]
    fn interfaces_that_are_shut_down() {
        let shut = TWO.replace("nameif outside\n", "nameif outside\n shutdown\n");
        let drops = |text: &str| -> Vec<String> {
            let audit = (PLATFORM.audit)(ConfigText::new("fw", text));
            let drops = audit.verdicts.into_iter().filter(|v| v.effect.word() == "drop");
            drops.map(|v| format!("{} {:?}", v.direction, v.because[0].line)).collect()
        };
        assert_eq!(drops(&shut)[0], "interface outside, both directions Some(4)");
        assert_eq!(drops(&shut).len(), 2, "{:#?}", drops(&shut));
        let up = shut.replace("level 0\n", "level 0\n no shutdown\n");
        assert_eq!(
            drops(&up),
            drops(TWO).iter().map(|d| d.replace("Some(4)", "Some(5)")).collect::<Vec<_>>()
        );
    }
}
