//! What policies drop by the protocol that NBAR recognises, where no port tells it, or by a mark: no connection that is
//! tried shows them, so their classes are told of by name.

use std::sync::Arc;

use sim_core::engine::device::ConfigLine;

use crate::audit::{Because, Effect};
use crate::config::words::port;
use crate::nbar::config::{Action, On};

use super::audit::Probes;
use super::{Interface, IosConfig};

/// Policies inside a policy, and class-maps that one is made of.
const NESTED_MAX: usize = 32;
/// Protocols that are named.
const NAMED_MAX: usize = 3;

/// Protocols, the first of many.
pub(super) fn named(protocols: &[&str]) -> String {
    match protocols.split_at_checked(NAMED_MAX) {
        Some((first, rest)) if !rest.is_empty() => {
            format!("{} and {} more", first.join(", "), rest.len())
        }
        _ => protocols.join(", "),
    }
}

impl Probes {
    /// Classes of an interface's policies that are dropped where a protocol is recognised.
    pub(super) fn recognised(&mut self, interface: &Interface, called: &str) {
        let config = Arc::clone(&self.config);
        let direction = format!("{called}, both directions");
        for policy in interface.service.iter().flatten() {
            for (class, place) in config.dropped_classes(&policy.name) {
                let (protocols, marks) = config.untried(class);
                if !protocols.is_empty() {
                    let traffic = format!("class {class}: TCP recognised as {}", named(&protocols));
                    let rule = format!("class {class}: dropped once the protocol is recognised");
                    self.say(traffic, &direction, Effect::Drop, vec![Because::line(place, rule)]);
                }
                if let Some(mark) = marks {
                    let traffic = format!("class {class}: TCP that {mark} names");
                    let rule = format!("class {class}: dropped where it is marked so");
                    self.say(traffic, &direction, Effect::Drop, vec![Because::line(place, rule)]);
                }
            }
        }
    }
}

impl IosConfig {
    /// The classes that a policy drops, or one inside it, with the lines that say so.
    pub(super) fn dropped_classes(&self, policy: &str) -> Vec<(&str, &ConfigLine)> {
        let mut policies: Vec<&str> = vec![policy];
        let mut classes = Vec::new();
        let mut next = 0;
        while let Some(name) = policies.get(next).filter(|_| next < NESTED_MAX) {
            next += 1;
            let inside = self.quality.policy(name).map_or(&[][..], |policy| &policy.classes);
            for class in inside {
                for (action, place) in &class.actions {
                    match action {
                        Action::Nested(name) => policies.push(name),
                        Action::Drop => classes.push((class.name.as_str(), place)),
                        _ => {}
                    }
                }
            }
        }
        classes
    }

    /// The protocols of a class-map, or of those that it is made of, that are told by no port; and the first line that
    /// asks for a mark, which no connection that is tried has.
    fn untried(&self, class: &str) -> (Vec<&str>, Option<&str>) {
        // The connections that are tried say HTTP, over TCP; the others are of no connection of TCP.
        const TRIED: [&str; 14] = [
            "http", "tcp", "unknown", "udp", "icmp", "gre", "ipsec", "egp", "eigrp", "ipinip",
            "arp", "cdp", "ip", "ipv6",
        ];
        let mut maps: Vec<&str> = vec![class];
        let (mut protocols, mut mark) = (Vec::new(), None);
        let mut next = 0;
        while let Some(name) = maps.get(next).filter(|_| next < NESTED_MAX) {
            next += 1;
            let criteria = self.quality.class(name).into_iter().flat_map(|map| &map.criteria);
            for criterion in criteria.filter(|criterion| !criterion.negated) {
                match &criterion.on {
                    On::Protocol(name, _)
                        if port(name).is_none() && !TRIED.contains(&name.as_str()) =>
                    {
                        protocols.push(name.as_str());
                    }
                    On::Class(name) => maps.push(name),
                    On::Dscp(values) if !values.contains(&0) => {
                        mark.get_or_insert(criterion.place.text.as_str());
                    }
                    _ => {}
                }
            }
        }
        (protocols, mark)
    }
}

#[cfg(test)]
mod tests {
    use crate::config::ConfigText;
    use crate::ios::audit::IOS;

    /// A class that is dropped by what its connections say is no plain pass.
    #[test]
    fn classes_that_are_dropped_once_recognised() {
        let text = "class-map match-any P2P\n match protocol bittorrent\n match protocol edonkey\n match protocol gnutella\n match protocol winmx\npolicy-map P\n class P2P\n  drop\ninterface a\n service-policy output P\n";
        let told = |text: &str| {
            let audit = (IOS.audit)(ConfigText::new("r.cfg", text));
            let rows: Vec<String> = audit
                .verdicts
                .iter()
                .map(|v| format!("{} | {} | {}", v.effect, v.traffic, v.direction))
                .collect();
            (rows, audit.warnings.len())
        };
        let row = "drop | class P2P: TCP recognised as bittorrent, edonkey, gnutella and 1 more | interface a, both directions";
        let (rows, warnings) = told(text);
        assert!(rows.iter().any(|r| r == row), "{rows:#?}");
        assert_eq!(warnings, 1, "one for the class, not one for each protocol");
        let marked = text.replace("match protocol bittorrent", "match ip dscp 1");
        let row = "drop | class P2P: TCP that match ip dscp 1 names | interface a, both directions";
        assert!(told(&marked).0.iter().any(|r| r == row), "{:#?}", told(&marked).0);
        let (rows, _) = told(&text.replace("  drop\n", "  set dscp af11\n"));
        assert!(!rows.iter().any(|r| r.starts_with("drop")), "{rows:#?}");
    }
}
