//! What the configuration of an IOS or IOS-XE router does to MPTCP: a connection of each kind is passed
//! through the model, between the interfaces that matter to it.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rustc_hash::FxHashMap;
use sim_core::engine::device::{ConfigLine, Device, PortId};
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::packet::Flow;

use crate::audit::platform::{HEADER, Platform};
use crate::audit::probe::{Attempt, probe};
use crate::audit::{Audit, Because, Effect, Verdict};
use crate::config::words::port;
use crate::config::{
    ConfigText, Diagnostics, Line, crypto, management_plane, reachability, time_ranges,
};
use crate::nat::config::NatConfig;
use crate::nbar::config as nbar;
use crate::spec::DeviceContext;
use crate::zbfw::zones::{Action, On};

use super::own_addresses::OwnAddresses;
use super::router::IosRouter;
use super::{Interface, IosConfig, grammar, recognised, skipped, vlan_filters, vrfs, warn};

mod zones;

use zones::{Called, translated_before_zones};

pub(super) const SEED: &str = "Cisco 116519, MPTCP and Product Support Overview";

/// In the list of platforms.
pub(crate) const IOS: Platform = Platform {
    name: "ios",
    product: "Cisco IOS",
    marks: &[
        ("version 12.", HEADER),
        ("version 15.", HEADER),
        ("version 11.", HEADER),
        ("ip inspect", 20),
        ("vlan access-map ", 1),
        ("vlan filter ", 1),
        ("ip nat inside source", 20),
        ("ip nat outside", 10),
        ("zone security", 20),
        ("zone-pair security", 20),
        ("class-map type inspect", 10),
        ("policy-map type inspect", 10),
        ("class type inspect ", 30),
        ("ip access-list extended", 5),
        ("ip access-group * in", 2),
        ("ip access-group * out", 2),
        ("ipv6 traffic-filter ", 5),
        ("ip access-list standard", 5),
        ("ip cef", 10),
        ("ip nbar", 20),
        ("ip tcp intercept", 20),
        ("service-policy input", 10),
        ("service-policy output", 10),
        ("service-policy type inspect", 20),
        ("service timestamps", 5),
        ("Current configuration : ", 50),
        ("Building configuration", 3),
        ("vrf definition ", 3),
        ("ip vrf ", 2),
        ("spanning-tree portfast", 2),
        ("no ip proxy-arp", 2),
        ("line vty", 3),
        ("ip address", 1),
        ("ip route ", 1),
        ("interface GigabitEthernet", 1),
        ("interface FastEthernet", 1),
        ("interface Serial", 1),
        ("interface Dialer", 1),
        ("interface Tunnel", 1),
        ("interface ATM", 1),
        ("interface BVI", 1),
        ("router ospf ", 1),
        ("router bgp ", 1),
        ("router eigrp ", 1),
        ("route-map ", 1),
    ],
    knows: Some(skipped::knows),
    audit,
};

/// In the list of platforms.
pub(crate) const IOS_XE: Platform = Platform {
    name: "ios-xe",
    product: "Cisco IOS-XE",
    marks: &[
        ("version 16.", HEADER),
        ("version 17.", HEADER),
        ("version 03.", HEADER),
        ("version 3.", HEADER),
        ("platform qfp", 20),
        ("platform punt-keepalive", 20),
    ],
    knows: Some(skipped::knows),
    audit,
};

/// Reads a text and says what becomes of MPTCP.
fn audit(text: ConfigText<'_>) -> Audit {
    let mut found = Diagnostics::new(text.file);
    let all = text.lines();
    let mut config = grammar::read_lines(text, &all, &mut found);
    warn::names(&config, &all, &mut found);
    crypto::warn(&all, |list| config.access_lists.contains_key(list), &mut found);
    crypto::beside_lists(&all, &mut found);
    if config.has_zones() {
        crate::zbfw::warn_of_names(&config, &all, &mut found);
    }
    touches(&config, &all, &mut found);
    reachability::warn(&all, &mut found);
    management_plane::warn(&all, &mut found);
    time_ranges::warn(text, &all, &mut found);
    let version = config.version.clone();
    let translated = translated_before_zones(&config, &all, &mut found);
    let own = OwnAddresses::of(&all, &config);
    // Who is translated to what is another question; a probe goes where it is sent.
    let nat = std::mem::take(&mut config.nat);
    let mut probes = Probes { translated, own, nat, ..Probes::of(config) };
    let config = Arc::clone(&probes.config);
    probes.verdicts.extend(vrfs::apart(&config, text, &all));
    if config.has_zones() {
        probes.zones();
        probes.lists_beside_zones();
    } else {
        probes.interfaces();
    }
    probes.intercepted();
    let lists = &config.access_lists;
    let rest = vlan_filters::Rest::Drops;
    probes.verdicts.extend(vlan_filters::verdicts(text, lists, rest, &mut found));
    probes.rest("IOS leaves");
    Audit { version, verdicts: probes.verdicts, warnings: found.into_all() }
}

/// Connections that are tried, and what became of them.
pub(super) struct Probes {
    pub(super) config: Arc<IosConfig>,
    at: SimTime,
    pub(super) verdicts: Vec<Verdict>,
    /// Addresses, and ports where those are named, that what comes from outside has no longer when it meets the zones.
    translated: Vec<Called>,
    /// What ends in the router, and does not cross it.
    pub(super) own: OwnAddresses,
    /// What is translated, which the router that is tried does not.
    pub(super) nat: NatConfig,
    /// Where the verdicts of a direction are, as far as they have been looked at.
    of_direction: FxHashMap<String, Vec<usize>>,
    looked_at: usize,
}

impl Probes {
    pub(super) fn of(config: IosConfig) -> Self {
        Self {
            config: Arc::new(config),
            at: SimTime::ZERO,
            verdicts: Vec::new(),
            translated: Vec::new(),
            own: OwnAddresses::default(),
            nat: NatConfig::default(),
            of_direction: FxHashMap::default(),
            looked_at: 0,
        }
    }

    /// What the access lists of the interfaces permit, `what` leaving TCP options alone, after what
    /// is known of other interfaces.
    pub(super) fn lists(
        mut self,
        what: &str,
        own: OwnAddresses,
        known: Vec<Verdict>,
    ) -> Vec<Verdict> {
        (self.own, self.verdicts) = (own, known);
        self.interfaces();
        self.rest(&format!("{what} leave"));
        self.verdicts
    }

    /// The router between two interfaces, to be tried.
    pub(super) fn between(&self, from: &Interface, to: &Interface) -> IosRouter {
        let sides = [Some(from.clone()), Some(to.clone())];
        IosRouter::new("ios", Arc::clone(&self.config), sides, &CONTEXT)
    }

    /// What becomes of a connection through a router, which has forgotten those before.
    pub(super) fn try_one(&mut self, router: &mut IosRouter, flow: Flow) -> (Effect, Vec<Because>) {
        self.at += SimDuration::from_secs(1);
        router.reload(self.at);
        let attempt =
            Attempt { ingress: PortId(0), client: flow.src, server: flow.dst, at: self.at };
        let probed = probe(router, attempt);
        (probed.effect, probed.because)
    }

    pub(super) fn say(
        &mut self,
        traffic: String,
        direction: &str,
        effect: Effect,
        because: Vec<Because>,
    ) {
        for (at, verdict) in self.verdicts.iter().enumerate().skip(self.looked_at) {
            self.of_direction.entry(verdict.direction.clone()).or_default().push(at);
        }
        self.looked_at = self.verdicts.len();
        let mut known = self.of_direction.get(direction).into_iter().flatten();
        if !known.any(|at| self.verdicts[*at].traffic == traffic) {
            let direction = direction.to_owned();
            self.verdicts.push(Verdict { traffic, direction, effect, because });
        }
    }

    /// Connections that TCP intercept answers.
    fn intercepted(&mut self) {
        let Some(list) = self.config.intercept.list.clone() else { return };
        if self.config.intercept.watch {
            return;
        }
        if !self.config.access_lists.contains_key(&list.name) {
            let why = format!(
                "access list {} is not defined in the text: which connections the router answers itself is \
                 not known",
                list.name
            );
            let because = vec![Because::line(&list.place, why)];
            self.say("TCP that is intercepted".into(), EVERYWHERE, Effect::Unknown, because);
            return;
        }
        let samples =
            self.config.access_lists.get(&list.name).map_or_else(Vec::new, |list| list.samples());
        let bare = Interface::default();
        let mut router = self.between(&bare, &bare);
        for flow in samples {
            let (effect, because) = self.try_one(&mut router, flow);
            if effect == Effect::Terminate {
                let traffic = format!("TCP that access list {} permits", list.name);
                self.say(traffic, EVERYWHERE, effect, because);
                return;
            }
        }
    }

    /// Everything else: a router that touches no option.
    fn rest(&mut self, who_leaves: &str) {
        let because = vec![Because::default(format!("{who_leaves} TCP options alone ({SEED})"))];
        let pairs = &self.config.zones.pairs;
        let within = match pairs.iter().any(|pair| pair.source == pair.destination) {
            true => "within any other zone, or between interfaces of none",
            false => "within a zone, or between interfaces of none",
        };
        let lists = |i: &Interface| i.access.iter().chain(&i.access_v6).any(Option::is_some);
        let has_lists = self.config.interfaces.iter().any(lists);
        let permitted = if has_lists { "TCP that is permitted" } else { "all TCP" };
        let (traffic, direction) = match (self.verdicts.is_empty(), self.config.has_zones()) {
            (true, _) => ("all TCP", EVERYWHERE),
            (false, _) if self.verdicts.iter().any(|v| v.direction == EVERYWHERE) => {
                ("all other TCP", EVERYWHERE)
            }
            (false, true) => (permitted, within),
            (false, false) => ("all TCP", "every other interface, both directions"),
        };
        self.say(traffic.into(), direction, Effect::Pass, because);
    }
}

/// The direction of what holds at whatever interface.
const EVERYWHERE: &str = "every interface, both directions";

/// Of the routers that are built to be tried.
const CONTEXT: DeviceContext<'static> =
    DeviceContext { name: "audit", seed: 1, default_farm: None };

/// The port that a client calls from.
pub(super) const CLIENT_PORT: u16 = 40_471;

pub(super) const PORTS: [u16; 8] = [5001, 47_101, 443, 80, 22, 25, 21, 53];

/// A connection over IPv4 that configurations seldom name.
pub(super) fn general(port: u16) -> Flow {
    Flow {
        src: SocketAddr::new(Ipv4Addr::new(198, 51, 100, 71).into(), CLIENT_PORT),
        dst: SocketAddr::new(Ipv4Addr::new(203, 0, 113, 72).into(), port),
    }
}

/// Protocols of which no inspection sees more than that they are there.
const ENCRYPTED: [&str; 5] = ["https", "ssh", "ldaps", "imaps", "pop3s"];

/// Protocols that TCP does not carry.
const OVER_UDP: [&str; 11] = [
    "udp", "ntp", "snmp", "snmptrap", "tftp", "bootpc", "bootps", "isakmp", "radius", "rip",
    "syslog",
];

/// Why option 30 should rather be removed.
pub(crate) fn advice() -> String {
    format!("where inspection is needed, option 30 is better removed ({SEED})")
}

/// Says what else touches MPTCP: translation, inspection above TCP, limits, classification.
fn touches(config: &IosConfig, all: &[Line<'_>], found: &mut Diagnostics) {
    let advice = advice();
    let mut notes: Vec<(ConfigLine, String)> = Vec::new();
    if let Some(place) = warn::translating(config) {
        let message = "addresses are translated: an ADD_ADDR option still carries the address behind the \
                       translation, and a join to it fails; gateways that rewrite payload (ip nat \
                       service) break the DSS mapping";
        notes.push((place.clone(), message.to_owned()));
    }
    for (name, protocols) in &config.inspections.rules {
        let reads = |name: &str| {
            port(name).is_some() && !ENCRYPTED.contains(&name) && !OVER_UDP.contains(&name)
        };
        let is_applied =
            |i: &super::Interface| i.inspect.iter().flatten().any(|on| on.name == *name);
        if !config.interfaces.iter().any(is_applied) {
            if let Some(first) = protocols.first() {
                let message =
                    format!("inspection rule {name} is on no interface: it inspects nothing");
                notes.push((first.place.clone(), message));
            }
            continue;
        }
        for protocol in protocols.iter().filter(|p| p.is_layer_7() && reads(&p.name)) {
            let message = format!(
                "inspection of {} (rule {name}) sees only a part of the stream when MPTCP splits it: {advice}",
                protocol.name
            );
            notes.push((protocol.place.clone(), message));
        }
    }
    let inspected = config.zones.policies.iter().flat_map(|policy| &policy.classes);
    for class in inspected.filter(|c| matches!(c.action, Some((Action::Inspect(_), _)))) {
        for criterion in config.zones.class(&class.name).iter().flat_map(|map| &map.criteria) {
            let On::Protocol(name) = &criterion.on else { continue };
            let reads = !ENCRYPTED.contains(&name.as_str())
                && !OVER_UDP.contains(&name.as_str())
                && name != "tcp"
                && port(name).is_some();
            let known =
                notes.iter().any(|(place, _): &(ConfigLine, String)| *place == criterion.place);
            if reads && !criterion.negated && !known {
                let message = format!(
                    "inspection of {name} (class {}) sees only a part of the stream when MPTCP splits it: {advice}",
                    class.name
                );
                notes.push((criterion.place.clone(), message));
            }
        }
    }
    for class in &config.quality.classes {
        let policies = config.quality.policies.iter().flat_map(|policy| &policy.classes);
        let mut uses = policies.filter(|c| c.name == class.name).peekable();
        if uses.peek().is_none() {
            continue;
        }
        let drops = uses.flat_map(|c| &c.actions).any(|(action, _)| *action == nbar::Action::Drop);
        let asked = class.criteria.iter().filter_map(|criterion| match &criterion.on {
            nbar::On::Protocol(name, _) => Some((name.as_str(), &criterion.place)),
            _ => None,
        });
        let (names, places): (Vec<&str>, Vec<&ConfigLine>) = asked.unzip();
        let Some(first) = places.first() else { continue };
        let mut message = format!(
            "a subflow that joins shows no beginning of the stream: match protocol {} does not \
             recognise it, and it is treated as class-default",
            recognised::named(&names)
        );
        if drops {
            message += "; where it is recognised, the connection is dropped";
        }
        notes.push(((*first).clone(), message));
    }
    // Parameter-maps of inspected classes that a zone-pair has.
    let zones = &config.zones;
    let attached = zones.pairs.iter().filter_map(|pair| zones.policy(&pair.policy.as_ref()?.name));
    let used: BTreeSet<&str> = attached
        .flat_map(|policy| &policy.classes)
        .filter_map(|class| match &class.action {
            Some((Action::Inspect(Some(name)), _)) => Some(name.as_str()),
            _ => None,
        })
        .collect();
    let parameters = zones.parameters.iter().filter(|p| used.contains(&*p.name));
    let of_hosts = parameters.clone().filter_map(|p| p.marks.host_place.as_ref());
    for place in of_hosts.chain(&config.inspections.marks.host_place) {
        let message =
            "each subflow that is being opened counts as a half-open connection to its host";
        notes.push((place.clone(), message.to_owned()));
    }
    for (most, place) in parameters.filter_map(|p| p.sessions.as_ref()) {
        let message = format!(
            "at most {most} sessions: each subflow counts as one, and those above are dropped"
        );
        notes.push((place.clone(), message));
    }
    if let Some((limit, place)) = config.zones.syn_flood() {
        let message = format!(
            "above {limit} half-open sessions (each subflow that is being opened is one) the firewall answers \
             SYNs itself, without option 30: those connections are plain TCP (SYN cookies)"
        );
        notes.push((place.clone(), message));
    }
    for (place, message) in notes {
        if let Ok(at) = all.binary_search_by_key(&place.line, |l| l.number) {
            found.warn(&all[at], "", message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audited(text: &str) -> Vec<String> {
        let audit = audit(ConfigText::new("r.cfg", text));
        let line = |b: &Because| b.line.map_or("default".to_owned(), |l| l.to_string());
        let verdicts = audit.verdicts.iter().map(|v| {
            let lines: Vec<String> = v.because.iter().map(line).collect();
            format!("{} | {} | {} | {}", v.traffic, v.direction, v.effect, lines.join(" "))
        });
        verdicts.collect()
    }

    #[test]
    fn verdicts() {
        assert_eq!(
            audited("version 15.1\nhostname r\n"),
            ["all TCP | every interface, both directions | pass | default"]
        );
        let zones = "version 15.1\nzone security in\nzone security out\nclass-map type inspect match-any WEB\n match protocol http\n match protocol https\npolicy-map type inspect P\n class type inspect WEB\n  inspect\n class class-default\n  drop\nzone-pair security Z source in destination out\n service-policy type inspect P\n";
        assert_eq!(
            audited(zones),
            [
                "class WEB: match protocol http, match protocol https | zone in to zone out | pass | 9",
                "all other TCP | zone in to zone out | drop | 11 5",
                "all TCP | between other zones | drop | default",
                "all TCP | within a zone, or between interfaces of none | pass | default",
            ]
        );
        let cbac = "version 12.4\nip inspect name FW tcp\ninterface Serial0\n ip address 192.0.2.1 255.255.255.0\n ip access-group 101 in\n ip inspect FW out\naccess-list 101 permit icmp any any\naccess-list 101 deny ip any any\n";
        assert_eq!(
            audited(cbac),
            [
                "TCP that is not permitted by access list 101 | interface Serial0, opened from its side | drop | 8",
                "TCP that is permitted | interface Serial0, opened towards it | pass | 6",
                "all TCP | every other interface, both directions | pass | default",
            ]
        );
        let intercept = "access-list 120 permit tcp any host 10.1.1.2\nip tcp intercept list 120\n";
        assert_eq!(
            audited(intercept),
            [
                "TCP that access list 120 permits | every interface, both directions | terminate | 2",
                "all other TCP | every interface, both directions | pass | default",
            ]
        );
    }

    #[test]
    fn zone_pairs_of_the_router_itself() {
        let text = "zone security OUT\nip access-list extended A\n permit tcp any any eq 22\nclass-map type inspect match-any C\n match access-group name A\npolicy-map type inspect P\n class type inspect C\n  inspect\n class class-default\n  drop\nzone-pair security OS source OUT destination self\n service-policy type inspect P\n";
        assert_eq!(
            audited(text)[..2],
            [
                "class C: match access-group name A | zone OUT to self (the router) | terminate | 8",
                "all other TCP | zone OUT to self (the router) | drop | 10 5",
            ]
        );
    }

    /// What the router itself answers is permitted where no zone-pair of that direction says otherwise.
    #[test]
    fn answers_of_the_router_itself() {
        let text = "zone security OUT\nip access-list extended A\n permit tcp any any eq 22\nclass-map type inspect match-any C\n match access-group name A\npolicy-map type inspect P\n class type inspect C\n  pass\n class class-default\n  drop\nzone-pair security OS source OUT destination self\n service-policy type inspect P\n";
        let row =
            "class C: match access-group name A | zone OUT to self (the router) | terminate | 8";
        assert_eq!(audited(text)[0], row);
        let back = "zone-pair security SO source self destination OUT\n service-policy type inspect N\npolicy-map type inspect N\n class class-default\n  drop\n";
        assert!(audited(&format!("{text}{back}"))[0].contains("| drop |"));
    }

    /// A zone-pair with the router itself changes nothing before it has a policy.
    #[test]
    fn zone_pairs_of_the_router_itself_without_a_policy() {
        let text = "zone security OUT\npolicy-map type inspect P\n class class-default\n  pass\nzone-pair security OS source OUT destination self\n service-policy type inspect P\nzone-pair security SO source self destination OUT\n";
        let rows = |text: &str| audited(text)[..2].to_vec();
        assert_eq!(
            rows(text),
            [
                "all other TCP | zone OUT to self (the router) | terminate | 4",
                "all TCP | self (the router) to zone OUT | pass | 7"
            ]
        );
        let says = |text: &str| audit(ConfigText::new("r.cfg", text)).warnings[0].message.clone();
        assert!(says(text).contains("passes this way"), "{}", says(text));
        // The policy may be in another piece of the configuration.
        let named = format!("{text} service-policy type inspect MISSING\n");
        assert_eq!(rows(&named)[1], "all TCP | self (the router) to zone OUT | unknown | 8");
        let others = text.replace("source self", "source IN") + "zone security IN\n";
        assert_eq!(rows(&others)[1], "all TCP | zone IN to zone OUT | drop | 7");
        assert!(says(&others).contains("drops everything"), "{}", says(&others));
    }

    /// The reason why a class without an action drops is that it has none.
    #[test]
    fn classes_without_an_action() {
        let text = "zone security in\nzone security out\naccess-list 100 permit ip any any\nclass-map type inspect match-all C\n match access-group 100\npolicy-map type inspect P\n class type inspect C\n  *inspect* / drop / pass\nzone-pair security Z source in destination out\n service-policy type inspect P\n";
        let audit = audit(ConfigText::new("r.cfg", text));
        let reason = &audit.verdicts[0].because[0];
        assert_eq!((audit.verdicts[0].effect, reason.line), (Effect::Drop, Some(7)));
        assert!(reason.rule.contains("class C (line 7) has no action"), "{}", reason.rule);
    }

    /// Of many entries that deny, the first are named and the others counted.
    #[test]
    fn entries_that_deny_are_counted() {
        let list = |many: u32| -> Vec<String> {
            let entry = |n: u32| format!(" deny tcp any 192.0.{n}.0 0.0.0.255\n");
            let entries: String = (1..=many).map(entry).collect();
            let text = format!(
                "ip access-list extended L\n{entries} permit ip any any\ninterface a\n ip access-group L in\n"
            );
            let audit = audit(ConfigText::new("r.cfg", &text));
            let row = audit.verdicts.into_iter().find(|v| v.effect == Effect::Drop).unwrap();
            row.because.into_iter().map(|b| b.rule).collect()
        };
        assert_eq!(list(4)[1..], ["denies, too"; 3]);
        assert_eq!(list(6)[1..], ["denies, too", "denies, too", "denies, too (and 2 more)"]);
    }

    /// Of the entries that deny answers, those alone are counted that answers come to.
    #[test]
    fn entries_that_deny_answers_are_counted() {
        let text = "ip access-list extended L\n deny ip 10.0.0.0 0.255.255.255 any\n deny ip 172.16.0.0 0.15.255.255 any\n permit tcp any any established\n deny ip any any\ninterface a\n ip access-group L in\n";
        let rows = |text: &str, way: &str| -> Vec<Option<u32>> {
            let audit = audit(ConfigText::new("r.cfg", text));
            let is_meant = |v: &&Verdict| v.effect == Effect::Drop && v.direction.ends_with(way);
            let row = audit.verdicts.iter().find(is_meant).unwrap();
            row.because.iter().map(|b| b.line).collect()
        };
        assert_eq!(rows(text, "towards it"), [Some(2), Some(3)]);
        assert_eq!(rows(text, "from its side"), [Some(5), Some(2), Some(3)]);
        // Some answers are left to it, where not all are permitted before it.
        let narrow =
            text.replace("tcp any any established", "tcp any 10.1.0.0 0.0.0.255 established");
        assert_eq!(rows(&narrow, "towards it"), [Some(5), Some(2), Some(3)]);
    }

    /// What a list says stands in lines of their own.
    #[test]
    fn entries_on_the_line_of_their_list() {
        for entry in ["permit tcp any any", "10 deny tcp any any", "remark none"] {
            let text =
                format!("ip access-list extended L {entry}\ninterface a\n ip access-group L in\n");
            let audit = audit(ConfigText::new("r.cfg", &text));
            let first = &audit.warnings[0];
            assert_eq!(first.line, 1, "{:?}", audit.warnings);
            assert!(first.message.contains("lines of their own"), "{first:?}");
        }
    }

    /// A line that denies is not said twice.
    #[test]
    fn a_line_is_said_once() {
        let text = "access-list 101 deny ip any any\ninterface a\n ip access-group 101 in\n";
        let audit = audit(ConfigText::new("r.cfg", text));
        let row = audit.verdicts.iter().find(|v| v.effect == Effect::Drop).unwrap();
        let (text, rule) = (&*row.because[0].text, &*row.because[0].rule);
        assert_eq!((text, rule), ("access-list 101 deny ip any any", "refused (access list)"));
    }

    /// Where nothing is bound that drops, all TCP passes.
    #[test]
    fn policies_that_drop_nothing() {
        let text = "class-map V\n match dscp ef\npolicy-map P\n class V\n  priority percent 20\ninterface a\n service-policy output P\n";
        assert_eq!(audited(text)[0], "all TCP | interface a, opened from its side | pass | 7");
        let drops = text.replace("priority percent 20", "drop");
        assert!(audited(&drops)[0].starts_with("TCP that is permitted |"), "{:?}", audited(&drops));
    }

    /// Keywords are taken in capitals, and cut.
    #[test]
    fn keywords_in_capitals_and_cut() {
        let zones = "zone security in\nzone security out\nparameter-map type inspect PM\n tcp max-incomplete host 10\nclass-map type inspect match-any C\n match protocol tcp\npolicy-map type inspect P\n class type inspect C\n  inspect PM\nzone-pair security Z source in destination out\n service-policy type inspect P\n";
        let typed = zones
            .replace("type inspect", "type INSPECT")
            .replace("class-map", "Class-Map")
            .replace("zone-pair security", "zone-p sec")
            .replace("  inspect PM", "  Inspect PM");
        assert_eq!(audited(&typed), audited(zones));
        assert_eq!(warned(&typed), warned(zones));
        let lists = "ac 110 per ip 10.0.0.0 0.0.0.255 any\nac 110 den tcp any any eq WWW\nint e0/0\nip access-g 110 in\nip cef\n";
        let (platform, audit) = crate::audit::audit(ConfigText::new("r.cfg", lists), None);
        assert_eq!(platform.map(|p| p.name), Some("ios"));
        let drop = audit.verdicts.iter().find(|v| v.effect == Effect::Drop).unwrap();
        assert!(drop.traffic.contains("access list 110"), "{drop:?}");
        assert_eq!(audit.warnings, []);
    }

    /// What is shown at a prompt is nothing of the configuration.
    #[test]
    fn commands_that_show() {
        let text = "CE2#sh run\nCE2#sh running-config \nversion 15.2\nhostname CE2\n";
        assert_eq!(warned(text), [0; 0]);
    }

    /// Limits of parameter-maps that are in use.
    #[test]
    fn limits_of_sessions() {
        let text = "zone security in\nzone security out\nparameter-map type inspect PM\n sessions maximum 100\n tcp max-incomplete host 10\nclass-map type inspect match-any C\n match protocol tcp\npolicy-map type inspect P\n class type inspect C\n  inspect PM\nzone-pair security Z source in destination out\n service-policy type inspect P\n";
        let warned = |text: &str| -> Vec<u32> {
            audit(ConfigText::new("r.cfg", text)).warnings.iter().map(|w| w.line).collect()
        };
        assert_eq!(warned(text), [4, 5]);
        assert_eq!(warned(&text.replace("  inspect PM", "  inspect")), [0; 0]);
    }

    /// An interface of no zone reaches none of a zone.
    #[test]
    fn interfaces_of_no_zone() {
        let text = "zone security in\ninterface a\n zone-member security in\ninterface b\n";
        let row = "all TCP | between an interface of a zone and one of none | drop | default";
        let rows = |more: &str| audited(&format!("{text}{more}"));
        assert!(rows(" ip address 10.0.0.1 255.0.0.0\n").iter().any(|r| r == row));
        assert!(!rows(" switchport\n").iter().any(|r| r == row));
        // What crosses the router of one zone goes by an interface that the text does not hold.
        let alone = audited("zone security in\ninterface a\n zone-member security in\n");
        assert!(alone.iter().any(|r| r == row), "{alone:?}");
        // Unless the zone of those that are in none is there.
        let default = "zone security default\n ip address 10.0.0.1 255.0.0.0\n";
        assert!(
            !rows(&format!(" ip address 10.0.0.1 255.0.0.0\n{default}")).iter().any(|r| r == row)
        );
    }

    /// A list of IPv6 is none that `ip access-group` finds, and the reverse.
    #[test]
    fn lists_of_the_other_version() {
        let text = "ipv6 access-list SIX\n deny ipv6 any any\nip access-list extended FOUR\n deny ip any any\ninterface a\n ip address 10.0.0.1 255.0.0.0\n ip access-group SIX in\n ipv6 traffic-filter FOUR out\n";
        assert_eq!(warned(text), [7, 8]);
        assert!(!audited(text).iter().any(|row| row.contains("| drop |")), "{:?}", audited(text));
        // Of two of one name each is its own.
        let both = text.replace("extended FOUR", "extended SIX").replace("FOUR", "SIX");
        assert_eq!(warned(&both), [0; 0]);
    }

    /// What is routed from a bridge group comes by its BVI (Cisco, *Configuring Transparent Bridging*: integrated routing and
    /// bridging).
    #[test]
    fn members_of_a_bridge_group() {
        let text = "ip inspect name F tcp\naccess-list 103 deny ip any any\nbridge irb\nbridge 1 route ip\ninterface Vlan1\n ip inspect F in\n bridge-group 1\ninterface FastEthernet4\n ip address 192.0.2.1 255.255.255.0\n ip access-group 103 in\ninterface BVI1\n ip address 10.0.0.1 255.255.255.0\n";
        // The rule that inspects is then on no interface.
        assert_eq!(warned(text), [1, 6]);
        let passes = |text: &str| {
            audited(text).iter().any(|row| row.contains("Vlan1") && row.contains("| pass |"))
        };
        assert!(!passes(text), "{:?}", audited(text));
        let routed = text.replace(" bridge-group 1\n", " ip address 10.0.1.1 255.255.255.0\n");
        assert!(passes(&routed), "{:?}", audited(&routed));
    }

    /// What is passed without a session comes back where the policy of the other way names its server.
    #[test]
    fn answers_of_what_is_passed_without_a_session() {
        let text = "zone security a\nzone security b\nip access-list extended BACK\n permit tcp 192.168.0.0 0.0.255.255 any\nclass-map type inspect match-any BACK\n match access-group name BACK\npolicy-map type inspect THERE\n class class-default\n  pass\npolicy-map type inspect HERE\n class type inspect BACK\n  pass\nzone-pair security AB source a destination b\n service-policy type inspect THERE\nzone-pair security BA source b destination a\n service-policy type inspect HERE\n";
        let rows = audited(text);
        let place = |row: &str| rows.iter().position(|is| is.starts_with(row));
        let back = place("other TCP whose answers class BACK lets back | zone a to zone b | pass");
        let rest = place("all other TCP | zone a to zone b | drop");
        assert!(back.is_some() && back < rest, "{rows:#?}");
    }

    /// NAT comes before the zones on the way in: a list of the addresses that others call names nothing there.
    #[test]
    fn lists_of_translated_addresses_beside_zones() {
        let text = "zone security in\nzone security out\nip access-list extended L\n permit tcp any host 192.0.2.10 eq 443\nclass-map type inspect C\n match access-group name L\npolicy-map type inspect P\n class type inspect C\n  inspect\nzone-pair security Z source out destination in\n service-policy type inspect P\ninterface a\n ip address 192.0.2.1 255.255.255.0\n ip nat outside\n zone-member security out\ninterface b\n ip address 10.0.0.1 255.255.255.0\n ip nat inside\n zone-member security in\nip nat inside source static 10.0.0.10 192.0.2.10\n";
        assert!(warned(text).contains(&4), "{:?}", warned(text));
        let is_passed = |text: &str| {
            audited(text).iter().any(|row| row.contains("class C") && row.contains("| pass |"))
        };
        assert!(!is_passed(text), "{:?}", audited(text));
        // Of one port that is translated, others are called as they are.
        let port =
            text.replace("static 10.0.0.10 192.0.2.10", "static tcp 10.0.0.10 80 192.0.2.10 80");
        assert!(is_passed(&port) && !warned(&port).contains(&4), "{:?}", audited(&port));
        let local = text.replace("any host 192.0.2.10", "any host 10.0.0.10");
        assert!(is_passed(&local), "{:?}", audited(&local));
        assert!(!warned(&local).contains(&4));
    }

    /// Interfaces of different VRFs do not reach each other, unless something leads from one table to another.
    #[test]
    fn interfaces_of_different_vrfs() {
        let text = "vrf definition A\n rd 1:1\n route-target both 1:1\nvrf definition B\n route-target both 1:2\ninterface a\n vrf forwarding A\n ip address 10.0.0.1 255.255.255.0\ninterface b\n vrf forwarding B\n ip address 10.1.0.1 255.255.255.0\n";
        let row = "all TCP | between interfaces of different VRFs | drop | 7";
        assert_eq!(audited(text)[0], row);
        let is_apart = |text: &str| audited(text).iter().any(|is| is == row);
        assert!(!is_apart(&text.replace("forwarding B", "forwarding A")));
        assert!(!is_apart(&text.replace("both 1:2", "both 1:2\n route-target import 1:1")));
        assert!(!is_apart(&format!("{text}ip route vrf A 10.9.0.0 255.255.0.0 10.1.0.9 global\n")));
        assert!(!is_apart(&format!("{text}ip route vrf A 10.9.0.0 255.255.0.0 b 10.1.0.9\n")));
        assert!(is_apart(&format!("{text}ip route vrf A 10.9.0.0 255.255.0.0 a 10.0.0.9\n")));
        // The table of those that are in none is one, too.
        assert!(is_apart(&text.replace(" vrf forwarding B\n", "")));
    }

    /// Where policy routing takes packets another way, the lists of the routing table's are not asked.
    #[test]
    fn policy_routing_around_a_list() {
        let text = "interface a\n ip address 10.0.0.1 255.255.255.0\n ip policy route-map R\ninterface b\n ip address 10.1.0.1 255.255.255.0\n ip access-group 102 out\naccess-list 102 deny tcp any any eq 25\naccess-list 102 permit ip any any\naccess-list 10 permit any\nroute-map R permit 10\n match ip address 10\n set ip next-hop 10.0.0.9\n";
        assert_eq!(warned(text), [3]);
        assert_eq!(warned(&text.replace(" ip access-group 102 out\n", "")), [0; 0]);
    }

    /// Texts as they are pasted: from a terminal, from a page, with what stands around them.
    #[test]
    fn shapes_of_text() {
        let outward = "ip inspect name FW tcp\ninterface Serial0\n ip access-group 101 in\n ip inspect FW out\naccess-list 101 deny ip any any\n";
        let expected = audited(outward);
        assert!(expected[0].contains("drop") && expected[1].contains("pass"), "{expected:?}");
        let same = |text: &str| {
            let bare = |found: Vec<String>| -> Vec<String> {
                found.iter().map(|v| v.rsplit_once(" | ").unwrap().0.to_owned()).collect()
            };
            assert_eq!(bare(audited(text)), bare(expected.clone()), "{text}");
        };
        let prompts: String = outward.lines().map(|l| format!("r1(config-if)#{l}\n")).collect();
        same(&prompts);
        same(&format!("r1#conf t\n{prompts}r1(config)#end\nr1#wr\n"));
        same(&outward.replace('\n', "\r"));
        same(&outward.replace('\n', "\r\n"));
        same(&format!("```\n{outward}```\n"));
        same(&outward.replace("interface Serial0", "int Serial0"));
        // Without indentation, other commands of the interface do not close it.
        let flat: String = outward.lines().map(|l| format!("{}\n", l.trim())).collect();
        same(&flat);
        let between = "Serial0\nno shutdown\nno ip redirects\nspeed auto\ndescription to the provider\nip virtual-reassembly in\n";
        same(&flat.replace("Serial0\n", between));
        assert_eq!(
            audit(ConfigText::new("r.cfg", &flat.replace("Serial0\n", between))).warnings,
            []
        );
        same(&outward.replace("access-list 101", "exit\naccess-list 101"));
        let indented: String = outward.lines().map(|l| format!("    {l}\n")).collect();
        same(&format!("enable\n  configure terminal\n{indented}    exit\n  end\n"));
        same(&format!("banner login C\n Keep\n interface out\nC\n{outward}"));
        same(&format!(
            "------------------ show version ------------------\nCisco IOS Software\n\
             ------------------ show running-config ------------------\n{outward}\
             ------------------ show interfaces ------------------\naccess-list 101 permit ip any any\n"
        ));
    }

    /// IOS permits everything where the list that an interface names has no entries.
    #[test]
    fn lists_without_entries() {
        let group = "interface a\n ip access-group L in\n";
        let drops = |list: &str| {
            let audit = audit(ConfigText::new("r.cfg", &format!("{list}{group}")));
            let said = audit.warnings.iter().any(|w| w.message.contains("everything is permitted"));
            let drops = audit.verdicts.iter().any(|v| v.effect == Effect::Drop);
            assert_ne!(said, drops, "{list}: {:?}", audit.warnings);
            drops
        };
        assert!(!drops(""));
        assert!(!drops("ip access-list extended L\n"));
        assert!(!drops("ip access-list extended L\n remark nothing yet\n 10 remark nor here\n"));
        assert!(!drops("access-list 7 remark nothing\n"));
        assert!(drops("ip access-list extended L\n permit udp any any\n"));
    }

    #[test]
    fn zones_that_only_their_members_name() {
        let text =
            "interface a\n zone-member security IN\ninterface b\n zone-member security OUT\n";
        let found = audited(text);
        assert!(found[0].starts_with("all TCP | between other zones | drop"), "{found:?}");
    }

    /// What the router itself opens goes out without a zone-pair of its own, and the answers meet the policy of the way in.
    #[test]
    fn answers_to_the_router_itself() {
        let inward = "zone security out\ninterface a\n zone-member security out\nip access-list extended SSH\n permit tcp any any eq 22\nclass-map type inspect match-any S\n match access-group name SSH\npolicy-map type inspect P\n class type inspect S\n  inspect\n class class-default\n  drop\nzone-pair security I source out destination self\n service-policy type inspect P\n";
        let row = "all TCP | self (the router) to zone out | drop";
        let has = |text: &str| audited(text).iter().any(|said| said.starts_with(row));
        assert!(has(inward), "{:?}", audited(inward));
        let outward = "class-map type inspect match-any T\n match protocol tcp\npolicy-map type inspect Q\n class type inspect T\n  inspect\nzone-pair security O source self destination out\n service-policy type inspect Q\n";
        assert!(!has(&format!("{inward}{outward}")));
        assert!(!has(&inward.replace("  inspect", "  pass").replace("eq 22", "")));
    }

    /// A tunnel's template without a zone is an interface, too.
    #[test]
    fn an_unnumbered_interface_of_no_zone() {
        let text = "zone security in\nzone security out\ninterface a\n ip address 10.0.0.1 255.255.255.0\n zone-member security in\ninterface b\n zone-member security out\ninterface Virtual-Template1 type tunnel\n ip unnumbered a\n";
        let row = "all TCP | between an interface of a zone and one of none | drop";
        let said = audited(text);
        assert!(said.iter().any(|said| said.starts_with(row)), "{said:?}");
    }

    /// What a narrow entry denies is said, where the rest is permitted.
    #[test]
    fn a_list_that_denies_little() {
        let text = "ip access-list extended L\n deny tcp any 192.0.2.0 0.0.0.255 eq www\n permit ip any any\ninterface a\n ip access-group L in\n";
        let found = audited(text);
        let dropped = |v: &&String| v.contains("from its side | drop | 2");
        assert_eq!(found.iter().filter(dropped).count(), 1, "{found:?}");
    }

    #[test]
    fn the_list_that_drops_is_named() {
        let text = "access-list 1 permit any\nip access-list extended NO\n deny tcp any any eq 22\n permit ip any any\ninterface a\n ip access-group 1 in\n ip access-group NO out\n";
        let found = audited(text);
        let dropped: Vec<_> = found.iter().filter(|v| v.contains("| drop |")).collect();
        assert!(!dropped.is_empty(), "{found:?}");
        assert!(dropped.iter().all(|v| v.contains("by access list NO")), "{dropped:?}");
    }

    #[test]
    fn groups_of_objects() {
        let list = |entries: &str| {
            let text = format!(
                "object-group network SERVERS\n host 10.1.1.2\n 10.2.0.0 255.255.0.0\n range 10.3.0.1 10.3.0.9\nobject-group network ALL\n group-object SERVERS\nobject-group service WEB\n tcp eq www\n tcp source gt 1023 eq 443\n udp eq 53\nobject-group ip port OLD\n eq 80\nip access-list extended IN\n{entries} deny ip any any\ninterface Serial0\n ip access-group IN in\n"
            );
            let audit = audit(ConfigText::new("r.cfg", &text));
            assert!(audit.warnings.is_empty(), "{:?}", audit.warnings);
            audit
                .verdicts
                .iter()
                .any(|v| v.effect == Effect::Pass && v.direction.ends_with("opened from its side"))
        };
        assert!(list(
            " permit object-group WEB any object-group SERVERS\n permit tcp any any established\n"
        ));
        assert!(list(" permit tcp any object-group ALL eq 5001\n"));
        assert!(list(" permit tcp any addrgroup ALL portgroup OLD\n"));
        assert!(!list(" permit udp any object-group ALL\n"));
    }

    #[test]
    fn interfaces_with_the_same_rules_are_told_of_together() {
        let one = |n: u32| format!("interface Gi1/{n}\n ip access-group 1 in\n");
        let text: String = (1..=40).map(one).collect::<String>() + "access-list 1 permit any\n";
        let found = audited(&text);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].contains("interfaces Gi1/1, Gi1/2 and 38 more"), "{found:?}");
    }

    #[test]
    fn what_else_touches_mptcp() {
        let says = |text: &str| {
            let audit = audit(ConfigText::new("r.cfg", text));
            audit.warnings.first().map(|w| (w.line, w.message.clone())).unwrap_or_default()
        };
        let zones = "class-map type inspect match-any W\n match protocol https\n match protocol http\npolicy-map type inspect P\n class type inspect W\n  inspect\nzone security a\nzone security b\nzone-pair security Z source a destination b\n service-policy type inspect P\n";
        assert!(says(zones).1.contains("option 30 is better removed") && says(zones).0 == 3);
        let nat = "interface a\n ip address 192.0.2.1 255.255.255.0\n ip nat outside\naccess-list 1 permit any\nip nat inside source list 1 interface a overload\n";
        assert!(says(nat).1.contains("ADD_ADDR") && says(nat).0 == 5);
        assert!(
            says("ip inspect name F http\ninterface a\n ip inspect F out\n")
                .1
                .contains("part of the stream")
        );
        assert!(says("ip inspect name F http\ninterface a\n").1.contains("F is on no interface"));
        let over_udp = "ip inspect name F ntp\ninterface a\n ip inspect F out\n";
        assert_eq!(says(over_udp).1, "");
        let class = "class-map C\n match protocol http\npolicy-map P\n class C\n  drop\ninterface a\n service-policy output P\n";
        assert!(says(class).1.contains("does not recognise"));
    }

    fn warned(text: &str) -> Vec<u32> {
        audit(ConfigText::new("r.cfg", text)).warnings.iter().map(|w| w.line).collect()
    }

    /// A command that interfaces alone have does nothing where none is open, and that is said.
    #[test]
    fn commands_of_interfaces_where_none_is_open() {
        let text =
            "access-list 101 permit tcp any any eq 80\n#interface fa0/1\nip access-group 101 out\n";
        assert!(warned(text).contains(&3), "{:?}", warned(text));
        let open = text.replace('#', "");
        assert_eq!(warned(&open), [0; 0]);
        let left =
            open.replace("ip access-group", "ip route 0.0.0.0 0.0.0.0 fa0/1\nip access-group");
        assert_eq!(warned(&left), [4]);
        assert_eq!(warned("interface a\nrouter ospf 1\nip nat inside\n"), [3]);
    }

    /// Where a text is not indented, an interface stays open behind commands that the global mode has as well.
    #[test]
    fn interfaces_stay_open_behind_their_commands() {
        let between = "ip vrf forwarding A\nvrf forwarding A\nstandby version 2\nstandby 1 ip 10.0.0.1\nstandby 2 ipv6 2001:db8::1/64\nvrrp 1 ip 10.0.0.1\nglbp 1 ip 10.0.0.1\nipv6 traffic-filter B out\ncdp enable\nspanning-tree portfast\nntp disable\nmpls ip\ncrypto map M\nip dhcp snooping trust\nlogging event link-status\nno lldp transmit\n";
        let text = format!(
            "access-list 100 permit ip any any\ncrypto map M 10 ipsec-isakmp\nset peer 10.0.0.1\nmatch address 100\nipv6 access-list B\npermit ipv6 any any\ninterface g0/0\n{between}ip nat inside\n"
        );
        assert_eq!(warned(&text), [0; 0], "{:?}", audit(ConfigText::new("r.cfg", &text)).warnings);
        for global in [
            "cdp run",
            "spanning-tree mode pvst",
            "crypto map M 10 ipsec-isakmp",
            "ntp server 10.0.0.1",
            "ip vrf A",
            "vrf definition A",
            "ip dhcp snooping",
        ] {
            assert_eq!(warned(&format!("interface a\n{global}\nip nat inside\n")), [3], "{global}");
        }
    }

    /// An interface is found by its name, however that is cut.
    #[test]
    fn names_of_interfaces_that_are_cut() {
        let text = "access-list 1 permit any\ninterface g0/0/0\n ip address 192.0.2.1 255.255.255.0\n ip nat outside\nip nat inside source list 1 interface GigabitEthernet0/0/0 overload\n";
        for (cut, whole) in [
            ("g0/0/0", "GigabitEthernet0/0/0"),
            ("gi0/1", "GigabitEthernet0/1"),
            ("Fa0/0", "FastEthernet 0/0"),
            ("Se0/0", "Serial0/0"),
            ("at0", "ATM0"),
        ] {
            for (opened, named) in [(cut, whole), (whole, cut)] {
                let text = text
                    .replace("g0/0/0", opened)
                    .replace("GigabitEthernet0/0/0", &named.replace(' ', ""));
                let found = audit(ConfigText::new("r.cfg", &text)).warnings;
                let said: Vec<&str> = found.iter().map(|w| &*w.message).collect();
                let [translated] = &said[..] else { panic!("{opened} {named} {said:?}") };
                assert!(translated.contains("ADD_ADDR"), "{said:?}");
            }
        }
    }

    /// That nothing is translated and that addresses are is never said of one text.
    #[test]
    fn translation_is_told_of_where_there_is_any() {
        let said = |text: &str, what: &str| {
            let found = audit(ConfigText::new("r.cfg", text)).warnings;
            found.iter().any(|w| w.message.contains(what))
        };
        let sides = "interface a\n ip nat inside\ninterface b\n ip address 192.0.2.1 255.255.255.0\n ip nat outside\naccess-list 1 permit any\nip nat pool P 192.0.2.8 192.0.2.9 prefix-length 24\n";
        let dynamic = "ip nat inside source list 1 interface b overload\n";
        let fixed = "ip nat inside source static tcp 10.0.0.1 80 192.0.2.1 80\n";
        for (text, is_translating) in [
            (format!("{sides}{dynamic}"), true),
            (format!("{sides}{fixed}"), true),
            (format!("{sides}{dynamic}").replace("source list 1", "source list 2"), false),
            (format!("{sides}{dynamic}").replace("interface b o", "interface c o"), false),
            (format!("{sides}{dynamic}").replace("source list 1", "source list global-list"), true),
            (format!("{sides}{dynamic}").replace("interface b o", "pool P o"), true),
            (format!("{sides}{dynamic}").replace("interface b o", "pool Q o"), false),
            (format!("{sides}{dynamic}{fixed}").replace(" ip nat", " no ip nat"), false),
        ] {
            let is_said =
                [said(&text, "addresses are translated"), said(&text, "nothing is translated")];
            assert_eq!(is_said, [is_translating, !is_translating], "{text}");
        }
    }

    /// `established` is TCP's alone (Cisco IOS Security Command Reference, permit (IP)).
    #[test]
    fn established_of_other_protocols() {
        let entries = |entries: &str| {
            format!("ip access-list extended L\n{entries}interface a\n ip access-group L in\n")
        };
        let tcp = " permit tcp any any established\n";
        assert_eq!(warned(&entries(tcp)), [0; 0]);
        for of in ["udp", "ip", "gre", "icmp"] {
            let text = entries(&format!("{tcp} permit {of} any any established\n"));
            assert_eq!(warned(&text), [3], "{of}");
            let remarked = entries(&format!("{tcp} remark nothing\n"));
            assert_eq!(audited(&text), audited(&remarked), "{of}");
            let v6 = text
                .replace("ip access-list extended", "ipv6 access-list")
                .replace("ip access-group", "ipv6 traffic-filter")
                .replace(" ip any", " ipv6 any");
            assert_eq!(warned(&v6), [3], "{v6}");
        }
        let named = " permit udp object-group established any\n";
        let text = format!("object-group network established\n host 10.0.0.1\n{}", entries(named));
        assert_eq!(warned(&text), [0; 0]);
        // A list of such lines alone has no entry.
        let alone = entries(" permit udp any any established\n");
        assert_eq!(warned(&alone), [2, 4]);
        assert!(!audited(&alone).iter().any(|row| row.contains("| drop |")));
    }

    /// Blocks that are not read, as they are typed: without indentation, and left by `ex`.
    #[test]
    fn blocks_as_they_are_typed() {
        let text = "conf t\nint g0/2\nip add dhcp\nex\nrouter ospf 1\nrouter-id 3.3.3.3\nredistribute static\nno auto-summary\nnetwork 3.3.3.3 0.0.0.0 area 0\nex\nrouter rip\nversion 2\nnetwork 10.0.0.0\nip dhcp pool P\nnetwork 10.0.0.0 255.0.0.0\ndefault-router 10.0.0.1\ncrypto isakmp policy 1\nencr aes\ngroup 2\ncrypto map M 1 ipsec-isakmp\nset peer 10.0.0.1\nmatch address 100\naccess-list 1 permit any\ninter g0/2\nip nat outside\nint g0/1\nip nat inside\ndo wr\n";
        assert_eq!(warned(text), [0; 0], "{:?}", audit(ConfigText::new("r.cfg", text)).warnings);
        let translated =
            text.replace("inter g0/2", "ip nat inside source list 1 int g0/2 overload\ninter g0/2");
        let found = audit(ConfigText::new("r.cfg", &translated)).warnings;
        let said: Vec<&str> = found.iter().map(|w| &*w.message).collect();
        let [translated, no_address] = &said[..] else { panic!("{said:?}") };
        assert!(
            translated.contains("ADD_ADDR") && no_address.contains("address of g0/2"),
            "{said:?}"
        );
    }
}
