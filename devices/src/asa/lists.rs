//! Access lists by their names, and the access groups that put them on interfaces.
//!
//! Before 9.0 lists of IPv6 are kinds of their own (`ipv6 access-list`): `any` in them is all of IPv6, and an
//! interface takes one list of each version of IP for each direction. From 9.0 on a list holds both (ASA
//! command reference 8.4, `ipv6 access-list` and `access-group`; release notes of 9.0).

use std::collections::BTreeMap;
use std::net::IpAddr;

use sim_core::engine::device::ConfigLine;

use crate::config::access_list::AccessList;

use super::config::AsaConfig;

/// `access-group LIST in interface NAME`, or `global`.
#[derive(Clone, Debug)]
pub(super) struct AccessGroup {
    pub(super) list: String,
    pub(super) inbound: bool,
    /// `None`: global.
    pub(super) interface: Option<String>,
    /// The global list, which is asked after an interface's own: what neither names is denied (ASA CLI configuration
    /// guide, access rules, "Implicit Deny").
    pub(super) then: Option<String>,
    /// What its list rules.
    pub(super) of: Family,
    pub(super) place: ConfigLine,
}

/// The versions of IP that a list rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Both,
    V4,
    V6,
}

impl Family {
    pub(super) fn holds(self, address: IpAddr) -> bool {
        match self {
            Self::Both => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }

    /// Before `TCP`, where one version alone is meant.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Both => "",
            Self::V4 => "IPv4 ",
            Self::V6 => "IPv6 ",
        }
    }
}

impl AccessGroup {
    /// `access list IN`, `access lists IN and GLOBAL`.
    pub(super) fn called(&self) -> String {
        match &self.then {
            Some(global) => format!("access lists {} and {global}", self.list),
            None => format!("access list {}", self.list),
        }
    }

    fn is_at(&self, inbound: bool, interface: Option<&str>) -> bool {
        self.inbound == inbound && self.interface.as_deref() == interface
    }

    /// True when it is put where the other is, and rules the same.
    fn replaces(&self, other: &Self) -> bool {
        self.is_at(other.inbound, other.interface.as_deref()) && self.of == other.of
    }
}

impl AsaConfig {
    /// The list of this name, of whichever kind.
    pub(super) fn access_list(&self, name: &str) -> Option<&AccessList> {
        self.access_lists.get(name).or_else(|| self.ipv6_lists.get(name))
    }

    /// Names of lists of both kinds.
    pub(super) fn list_names(&self) -> impl Iterator<Item = &str> + Clone {
        self.access_lists.keys().chain(self.ipv6_lists.keys()).map(String::as_str)
    }

    /// The list of an access group.
    pub(super) fn list_of(&self, group: &AccessGroup) -> Option<&AccessList> {
        if let Some(global) = &group.then {
            return self.joined_lists.get(&(group.list.clone(), global.clone()));
        }
        self.lists_of(group.of).get(&group.list)
    }

    fn lists_of(&self, family: Family) -> &BTreeMap<String, AccessList> {
        if family == Family::V6 { &self.ipv6_lists } else { &self.access_lists }
    }

    /// Puts the global list behind the interfaces' own.
    fn join_global(&mut self) {
        let globals: Vec<(Family, String)> = self
            .access_groups
            .iter()
            .filter(|group| group.is_at(true, None))
            .map(|group| (group.of, group.list.clone()))
            .collect();
        let mut groups = std::mem::take(&mut self.access_groups);
        for group in groups.iter_mut().filter(|group| group.inbound && group.interface.is_some()) {
            let Some((of, global)) = globals.iter().find(|(of, _)| *of == group.of) else {
                continue;
            };
            let lists = self.lists_of(*of);
            let both = [lists.get(&group.list), lists.get(global)];
            let joined = AccessList::joined(both.into_iter().flatten());
            self.joined_lists.entry((group.list.clone(), global.clone())).or_insert(joined);
            group.then = Some(global.clone());
        }
        self.access_groups = groups;
    }

    /// The versions of IP that lists tell apart.
    pub(super) fn families(&self) -> &'static [Family] {
        if self.ipv6_lists.is_empty() { &[Family::Both] } else { &[Family::V4, Family::V6] }
    }

    /// `no access-group LIST …`: the list of the other version of IP stays.
    pub(super) fn unapply(&mut self, list: &str, inbound: bool, interface: Option<&str>) {
        let (v4, v6) = (self.access_lists.contains_key(list), self.ipv6_lists.contains_key(list));
        let other = match (v4, v6) {
            (true, false) => Some(&self.ipv6_lists),
            (false, true) => Some(&self.access_lists),
            _ => None,
        };
        self.access_groups.retain(|group| {
            !group.is_at(inbound, interface)
                || other.is_some_and(|lists| lists.contains_key(&group.list))
        });
    }

    /// Of the access groups that the text gives, those in effect: an interface has one for each direction,
    /// the last that was given. One whose list is not defined is refused, and leaves the earlier one.
    pub(super) fn settle_groups(&mut self) {
        let separate = !self.ipv6_lists.is_empty();
        let mut bound: Vec<AccessGroup> = Vec::new();
        for group in std::mem::take(&mut self.access_groups) {
            let of_v4 = if separate { Family::V4 } else { Family::Both };
            let kinds = [(of_v4, &self.access_lists), (Family::V6, &self.ipv6_lists)];
            let kinds = kinds.iter().filter(|(_, lists)| lists.contains_key(&group.list));
            let found: Vec<Family> = kinds.map(|(of, _)| *of).collect();
            if found.is_empty() {
                self.refused_groups.push(group);
                continue;
            }
            for of in found {
                let group = AccessGroup { of, ..group.clone() };
                bound.retain(|earlier| !group.replaces(earlier));
                bound.push(group);
            }
        }
        self.access_groups = bound;
        self.join_global();
    }
}

#[cfg(test)]
mod tests {
    use crate::asa::PLATFORM;
    use crate::audit::Effect;
    use crate::config::ConfigText;

    const TWO: &str = "ASA Version 8.4(2)\ninterface GigabitEthernet0\n nameif outside\n security-level 0\n\
                       interface GigabitEthernet1\n nameif dmz\n security-level 50\n\
                       access-list o4 extended permit tcp any host 172.16.0.21 eq www\n";
    const OWN: &str = "ipv6 access-list o6 permit tcp any host 2005::21 eq www\n";
    const GROUPS: &str = "access-group o4 in interface outside\n";

    /// Each dropped class with its way, and each warning with its line.
    fn told(text: &str) -> (Vec<String>, Vec<(u32, String)>) {
        let audit = (PLATFORM.audit)(ConfigText::new("fw", text));
        let dropped = audit.verdicts.iter().filter(|v| v.effect == Effect::Drop);
        let dropped = dropped.map(|v| format!("{} | {}", v.traffic, v.direction)).collect();
        (dropped, audit.warnings.into_iter().map(|w| (w.line, w.message)).collect())
    }

    #[test]
    fn lists_of_ipv6_before_9_0() {
        let from = "interface outside, opened from its side";
        let v4 = format!("IPv4 TCP that is not permitted by access list o4 | {from}");
        let v6 = format!("IPv6 TCP that is not permitted by access list o6 | {from}");
        let back = "all TCP | back out of the interface that it came in by".to_owned();
        let both = format!("{TWO}{OWN}{GROUPS}access-group o6 in interface outside\n");
        assert_eq!(told(&both), (vec![v4.clone(), v6, back.clone()], vec![]));
        // What only the list of the other version of IP rules is left to the levels.
        let level = "all IPv6 TCP | opened from interface outside towards dmz".to_owned();
        assert_eq!(told(&format!("{TWO}{OWN}{GROUPS}")), (vec![v4, level, back], vec![]));
        let any = both.replace("permit tcp any host 2005::21 eq www", "permit ip any any");
        assert!(!told(&any).0.iter().any(|row| row.starts_with("IPv6")), "{:?}", told(&any));
        let gone = format!("{both}no access-group o6 in interface outside\n");
        assert!(told(&gone).0.iter().any(|row| row.starts_with("IPv4")), "{:?}", told(&gone));
        let without = format!("{both}no ipv6 access-list o6\n");
        assert_eq!(told(&without).1.len(), 1, "{:?}", told(&without));
    }

    /// What an interface's own list does not name, the global one is asked.
    #[test]
    fn the_global_list_comes_after_the_interfaces_own() {
        let global = "access-list g extended permit ip any any\naccess-group g global\n";
        let (dropped, warned) = told(&format!("{TWO}{GROUPS}{global}"));
        assert_eq!(dropped, ["all TCP | back out of the interface that it came in by"]);
        assert_eq!(warned, []);
        let narrow = global.replace("ip any any", "tcp any any eq 22");
        let (dropped, _) = told(&format!("{TWO}{GROUPS}{narrow}"));
        let both = "TCP that is not permitted by access lists o4 and g | interface outside, opened from its side";
        assert_eq!(dropped[0], both);
    }

    /// A list of Ethernet types leaves TCP to the other list of the interface.
    #[test]
    fn lists_of_ethernet_types() {
        let ether = "access-list e ethertype permit bpdu\naccess-group e in interface dmz\naccess-group e in interface outside\n";
        let (dropped, warned) = told(&format!("{TWO}{GROUPS}{ether}"));
        let own =
            "TCP that is not permitted by access list o4 | interface outside, opened from its side";
        assert_eq!(dropped, [own, "all TCP | back out of the interface that it came in by"]);
        assert_eq!(warned, []);
        let all = ether.replace("permit bpdu", "deny any");
        assert_eq!(told(&format!("{TWO}{GROUPS}{all}")).1.len(), 1);
    }

    /// What an entry of a group that is not defined may name is unknown.
    #[test]
    fn entries_of_groups_that_are_not_defined() {
        let text = "access-list x extended permit tcp any any object-group NONE\naccess-group x in interface outside\n";
        let audit = (PLATFORM.audit)(ConfigText::new("fw", text));
        let open = audit.verdicts.iter().find(|v| v.effect == Effect::Unknown).expect("a verdict");
        assert_eq!(open.traffic, "TCP that an entry of access list x may name");
    }

    /// It is a qualifier of IOS's lists.
    #[test]
    fn established_is_refused() {
        let line = "access-list o4 extended permit tcp any any established\n";
        let (dropped, warned) = told(&format!("{line}{TWO}{GROUPS}"));
        assert!(dropped[0].starts_with("TCP that is not permitted by access list o4"));
        assert_eq!(warned, [(1, "established is IOS's: this line is refused".to_owned())]);
    }

    #[test]
    fn a_refused_access_group_leaves_the_earlier_one() {
        let text = format!("{TWO}{GROUPS}access-group NOSUCH in interface outside\n");
        let (dropped, warned) = told(&text);
        assert!(dropped[0].starts_with("TCP that is not permitted by access list o4"));
        assert!(!dropped.iter().any(|row| row.contains("towards dmz")), "{dropped:?}");
        assert_eq!(warned.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [10], "{warned:?}");
        // The last that is not refused is the one in effect.
        let two = format!(
            "access-list p permit tcp any any\n{text}access-group p in interface outside\n"
        );
        assert!(!told(&two).0[0].contains("not permitted"), "{:?}", told(&two));
    }
}
