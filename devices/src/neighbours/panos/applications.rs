//! Which applications a rule names, as far as it matters whether they are of TCP.

use std::collections::{BTreeMap, BTreeSet};

/// Applications of protocols that never use TCP: IP protocols of their own, and NTP (RFC 5905), DHCP (RFC 2131),
/// TFTP (RFC 1350) and QUIC (RFC 9000), which are of UDP.
const NEVER_TCP: [&str; 15] = [
    "ping",
    "ping6",
    "icmp",
    "ipv6-icmp",
    "igmp",
    "ospf",
    "eigrp",
    "pim",
    "vrrp",
    "gre",
    "ipsec-ah",
    "ntp",
    "dhcp",
    "tftp",
    "quic",
];

/// The applications that the text defines or puts in groups.
#[derive(Debug, Default)]
pub(super) struct Applications<'t> {
    /// The default ports of those that the text defines.
    ports: BTreeMap<&'t str, Vec<&'t str>>,
    groups: BTreeMap<&'t str, Vec<&'t str>>,
}

impl<'t> Applications<'t> {
    /// Takes `application NAME default port [ tcp/80 udp/53 ]`, or another default by which it is known.
    pub(super) fn define(&mut self, name: &'t str, default: &[&'t str]) {
        self.ports.entry(name).or_default().extend(default);
    }

    /// Takes members of a group.
    pub(super) fn group(&mut self, name: &'t str, members: impl Iterator<Item = &'t str>) {
        self.groups.entry(name).or_default().extend(members);
    }

    /// True for one that the text defines with its ports, and for a group.
    pub(super) fn defines(&self, name: &str) -> bool {
        self.ports.contains_key(name) || self.groups.contains_key(name)
    }

    /// The applications that these names stand for.
    pub(super) fn expand(&self, names: &[&'t str]) -> BTreeSet<&'t str> {
        let mut left = names.to_vec();
        let (mut all, mut seen) = (BTreeSet::new(), BTreeSet::new());
        while let Some(name) = left.pop() {
            match self.groups.get(name) {
                Some(members) if seen.insert(name) => left.extend(members),
                Some(_) => {}
                None => {
                    all.insert(name);
                }
            }
        }
        all
    }

    /// True when connections of TCP may be of one of these; `by_default`: on the ports that are the application's own.
    pub(super) fn may_be_tcp(&self, names: &[&'t str], by_default: bool) -> bool {
        let of_tcp = |name: &&str| match self.ports.get(name) {
            Some(ports) => !by_default || ports.iter().any(|port| port.starts_with("tcp/")),
            None => !NEVER_TCP.contains(name),
        };
        names.is_empty() || self.expand(names).iter().any(of_tcp)
    }
}

#[cfg(test)]
mod tests {
    use crate::audit::audit;
    use crate::config::ConfigText;

    fn told(settings: &str) -> (Vec<String>, Vec<String>) {
        let text = format!(
            "set deviceconfig setting tcp strip-mptcp-option no\nset rulebase security rules R from a to b action allow\n{settings}"
        );
        let audit = audit(ConfigText::new("p", &text), None).1;
        let rows = audit.verdicts.iter().map(|v| format!("{} {}", v.effect, v.traffic)).collect();
        (rows, audit.warnings.iter().map(|w| format!("{}: {}", w.line, w.message)).collect())
    }

    /// A rule whose applications no connection of TCP can be of lets none through.
    #[test]
    fn applications_that_are_never_of_tcp() {
        let check = |settings: &str, is_told: bool| {
            let rows = told(settings).0;
            let row = rows.iter().any(|row| row.ends_with("TCP that rule R names"));
            assert_eq!(row, is_told, "{settings}{rows:#?}");
        };
        let rule = |what: &str| format!("set rulebase security rules R {what}\n");
        let web = "set service web protocol tcp port 80\n";
        check(&rule("application [ ntp ping ] service application-default"), false);
        check(&(rule("application ntp service web") + web), false);
        check(&rule("application [ ntp ssh ] service application-default"), true);
        let group = "set application-group G members [ ntp dhcp ]\n";
        check(&(rule("application G") + group), false);
        let own = "set application own default port [ udp/700 ]\n";
        check(&(rule("application own service application-default") + own), false);
        check(
            &(rule("application own service application-default") + &own.replace("udp", "tcp")),
            true,
        );
        let warned = told(&rule("application ntp service service-http")).1;
        assert!(
            warned[0].starts_with("3: rule R names applications of other protocols than TCP"),
            "{warned:?}"
        );
        assert_eq!(told(&rule("application ntp service application-default")).1, [""; 0]);
    }

    /// With option 30 a connection has only a part of the data that tells its application.
    #[test]
    fn applications_of_subflows() {
        let rule = "set rulebase security rules R application ssh\n";
        let warned = told(rule).1;
        assert!(
            warned[0].starts_with("3: a subflow carries only a part of the data"),
            "{warned:?}"
        );
        let stripped = format!("{rule}set deviceconfig setting tcp strip-mptcp-option yes\n");
        assert_eq!(told(&stripped).1, [""; 0]);
        let given = format!(
            "{rule}set rulebase application-override rules O from a to b protocol tcp port 22 application ssh\n"
        );
        let text = told(&given);
        assert_eq!(text.1, [""; 0]);
    }
}
