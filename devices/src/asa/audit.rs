//! What an ASA's configuration does to MPTCP, for each class of traffic and interface: a connection
//! that the class matches is passed through the model.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use sim_core::engine::device::{ConfigLine, PortId, Side};
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::packet::{Flags, Flow};

use crate::audit::platform::{HEADER, Platform};
use crate::audit::probe::{Attempt, probe};
use crate::audit::{Audit, Because, Effect, Verdict};
use crate::config::access_list::{AccessList, Between};
use crate::config::{ConfigText, Diagnostics, Line, crypto, reachability, time_ranges};
use crate::spec::DeviceContext;

use super::access::{self, Access};
use super::config::{Advanced, AsaConfig, Interface, Kind, MatchOn, PolicyClass, PolicyMap};
use super::lists::AccessGroup;
use super::tcp_map::SEED;
use super::tunnels::Tunnels;
use super::{Asa, access_policy, explain, grammar, levels, names, own, policy_route, touches};

/// In the list of platforms.
pub(crate) const PLATFORM: Platform = Platform {
    name: "asa",
    product: "Cisco ASA",
    marks: &[
        ("ASA Version", HEADER),
        (": Hardware:   ASA", HEADER),
        ("PIX Version 7", HEADER),
        ("PIX Version 8", HEADER),
        ("tcp-map ", 50),
        ("tcp-options ", 10),
        ("set connection ", 20),
        ("service-policy global_policy global", 50),
        ("match default-inspection-traffic", 50),
        ("nameif ", 20),
        ("admin-context ", 30),
        ("allocate-interface ", 30),
        ("changeto context ", 30),
        ("config-url ", 30),
        ("security-level ", 20),
        ("same-security-traffic", 20),
        ("access-list * extended", 5),
        ("access-list * line * extended", 5),
        ("network-object ", 20),
        ("port-object ", 20),
        ("clear configure ", 20),
        ("access-group ", 5),
        ("sysopt connection", 20),
        ("object network", 5),
        ("object-group ", 1),
        ("nat (", 20),
        ("global (", 20),
        ("static (", 20),
        ("asdm ", 10),
        ("threat-detection ", 10),
        ("tunnel-group ", 10),
        ("crypto ikev1", 3),
        ("mtu inside", 10),
        ("mtu outside", 10),
        ("service-policy ", 4),
        ("service-policy * interface ", 50),
        ("service-policy * global", 50),
        ("access-group * in interface ", 20),
        ("policy-map global_policy", 20),
        ("class inspection_default", 20),
        ("policy-map type inspect dns", 20),
        ("protocol-violation action", 30),
        ("match port tcp ", 30),
        ("inspect dns", 20),
        ("inspect esmtp", 20),
        ("inspect ftp", 20),
        ("inspect http", 20),
        ("inspect icmp", 20),
        ("inspect sip", 20),
        ("aaa authentication ssh console", 10),
        ("timeout xlate ", 10),
        ("route inside ", 10),
        ("route outside ", 10),
    ],
    knows: None,
    audit,
};

/// A pair of interfaces that stand for all that are alike, and how a user calls them.
struct Scope {
    called: String,
    interfaces: [String; 2],
}

/// Stands for an interface that the configuration says nothing about.
const OTHER: &str = "(another interface)";

/// Reads a text and says what becomes of MPTCP.
fn audit(text: ConfigText<'_>) -> Audit {
    audit_lina(text, false)
}

/// In the list of platforms.
pub(crate) const FWSM: Platform = Platform {
    name: "fwsm",
    product: "Cisco Firewall Services Module",
    marks: &[("FWSM Version", HEADER), ("! Compiled for fwsm ", HEADER)],
    knows: None,
    audit: |text| audit_as(Some(Kind::Fwsm), text, false),
};

/// As an ASA, or as an FTD's data path: there a tcp-map that the text names and does not hold is in
/// effect all the same, and Snort comes after.
pub(crate) fn audit_lina(text: ConfigText<'_>, snort: bool) -> Audit {
    audit_as(None, text, snort)
}

/// As [`audit_lina`]; `kind`: whose text it is, where the text need not say.
fn audit_as(kind: Option<Kind>, text: ConfigText<'_>, snort: bool) -> Audit {
    let mut found = Diagnostics::new(text.file);
    let mut config = grammar::read(text, &mut found);
    config.kind = kind.unwrap_or(config.kind);
    if snort {
        config.apply_global_policy();
    }
    let config = Arc::new(config);
    explain::warn(&config, None, snort, text, &mut found);
    names::warn(!snort, text, &mut found);
    if !snort {
        warn_of_ftd(&text.lines(), &mut found);
    }
    crypto::warn(&text.lines(), |list| config.access_list(list).is_some(), &mut found);
    reachability::warn(&text.lines(), &mut found);
    time_ranges::warn(text, &text.lines(), &mut found);
    let (mut verdicts, mut matched) = (Vec::new(), BTreeMap::new());
    for scope in scopes(&config) {
        verdicts.extend(scope_verdicts(&config, &scope, snort, &mut matched));
    }
    // The system's own part of a box with several contexts: what crosses it, the contexts' texts decide.
    if let Some(place) =
        config.elsewhere.as_ref().filter(|_| config.interfaces.iter().all(|i| i.name.is_none()))
    {
        let why = "what crosses a context its own configuration decides, which is not in this text";
        for verdict in &mut verdicts {
            verdict.effect = Effect::Unknown;
            verdict.because = vec![Because::line(place, why)];
        }
    }
    verdicts.extend(own::services(&config, text));
    verdicts.extend(refused(&config));
    verdicts.extend(unread(&config));
    verdicts.extend(policy_route::refused(&config, text));
    verdicts.extend(levels::closed(&config));
    let tunnels = Tunnels::of(&config, &text.lines());
    // An FTD has no security levels.
    match snort {
        true => verdicts.extend(access_policy::missing(&config)),
        false => verdicts.extend(levels::refused(&config, &tunnels)),
    }
    let unmatched = matched.into_iter().filter(|(_, found)| !found).map(|(place, _)| place);
    let unmatched: Vec<ConfigLine> = unmatched.collect();
    touches::warn(&config, &verdicts, &unmatched, &tunnels, snort, text, &mut found);
    Audit { version: config.version.clone(), verdicts, warnings: found.into_all() }
}

/// Says that a text read as an ASA's has what only an FTD writes, at the first such line.
fn warn_of_ftd(all: &[Line<'_>], found: &mut Diagnostics) {
    let is_ftd =
        |line: &&Line<'_>| matches!(line.words.as_slice(), ["access-list", _, "advanced", ..]);
    if let Some(line) = all.iter().find(is_ftd) {
        let message = "only an FTD has access lists that are advanced: it has no security levels, and its own tcp-map \
                       may let option 30 pass";
        found.warn(line, "advanced", message).help("--platform ftd reads the text as an FTD's");
    }
}

/// Interfaces with a policy of their own, then all others.
fn scopes(config: &AsaConfig) -> Vec<Scope> {
    let mut named: Vec<&String> = Vec::new();
    for interface in config.services.iter().filter_map(|s| s.interface.as_ref()) {
        if !named.contains(&interface) {
            named.push(interface);
        }
    }
    let mut all: Vec<Scope> = named
        .iter()
        .map(|name| Scope {
            called: format!("interface {name}, both directions"),
            interfaces: [(*name).clone(), OTHER.to_owned()],
        })
        .collect();
    let every = if named.is_empty() { "every interface" } else { "every other interface" };
    all.push(Scope {
        called: format!("{every}, both directions"),
        interfaces: [OTHER.to_owned(), OTHER.to_owned()],
    });
    all
}

fn scope_verdicts(
    config: &Arc<AsaConfig>,
    scope: &Scope,
    snort: bool,
    matched: &mut BTreeMap<ConfigLine, bool>,
) -> Vec<Verdict> {
    let context = DeviceContext { name: "audit", seed: 1, default_farm: None };
    let access = Access::open(scope.interfaces.clone());
    let mut asa = Asa::new(Arc::clone(config), true, scope.interfaces.clone(), access, &context);
    let mut verdicts: Vec<Verdict> = Vec::new();
    let mut at = SimTime::ZERO;
    let mut judge = |asa: &mut Asa, traffic: String, flow: Flow, chain: Vec<Because>| -> Verdict {
        at += SimDuration::from_secs(60);
        let attempt = Attempt { ingress: PortId(0), client: flow.src, server: flow.dst, at };
        let probed = probe(asa, attempt);
        let mut because = probed.because;
        if probed.effect != Effect::Strip {
            let named = |b: &Because, all: &[Because]| all.iter().any(|known| known.line == b.line);
            let chain: Vec<_> = chain.into_iter().filter(|b| !named(b, &because)).collect();
            because.extend(chain);
        }
        let direction = scope.called.clone();
        Verdict { traffic, direction, effect: probed.effect, because }
    };
    // One that is both the interface's and the global one is told once.
    let mut in_force: Vec<(usize, PolicyMap)> = Vec::new();
    for (at, map) in asa.policy.policies(Side::Inside) {
        if !in_force.iter().any(|(_, known)| known.name == map.name) {
            in_force.push((at, map.clone()));
        }
    }
    // Classes of which it is not told whom they name, and which change nothing.
    let mut harmless: Vec<ConfigLine> = Vec::new();
    for (policy_at, map) in &in_force {
        for (class_at, class) in map.classes.iter().enumerate() {
            if class.connection.place.is_none() {
                continue;
            }
            let before = &map.classes[..=class_at];
            let mut open = lists_of(config, class).into_iter().flat_map(AccessList::open_samples);
            let doubtful = open.find_map(|f| Some((f, class_doubt(config, before, f)?)));
            // Settings that leave the normaliser as it is by default change nothing of what is stripped outside of
            // the class, too.
            let is_doubtful = doubtful.is_some();
            let is_told = doubtful.filter(|(flow, _)| {
                let leaves = class.connection.advanced.is_none() && !snort;
                !leaves || judge(&mut asa, String::new(), *flow, Vec::new()).effect != Effect::Strip
            });
            let ruled = |flow: &Flow| {
                let ruling = asa.policy.ruling(*flow, PortId(0));
                ruling.is_some_and(|r| (r.policy, r.class) == (*policy_at, class_at))
            };
            if is_doubtful {
                *matched.entry(class.place.clone()).or_default() = true;
            }
            if is_doubtful && is_told.is_none() {
                harmless.push(class.place.clone());
            }
            if let Some((_, because)) = is_told {
                verdicts.push(Verdict {
                    traffic: format!("{}: what it may name", described(config, class)),
                    direction: scope.called.clone(),
                    effect: Effect::Unknown,
                    because: vec![because],
                });
            }
            let sure = |flow: &Flow| ruled(flow) && class_doubt(config, before, *flow).is_none();
            let witness = witnesses(config, class).into_iter().find(sure);
            if may_match(config, class) {
                *matched.entry(class.place.clone()).or_default() |= witness.is_some();
            }
            if let Some(flow) = witness {
                let chain = chain(config, map, class);
                if snort && let Some(because) = missing_map(config, class) {
                    verdicts.push(Verdict {
                        traffic: described(config, class),
                        direction: scope.called.clone(),
                        effect: Effect::Unknown,
                        because: vec![because],
                    });
                    continue;
                }
                verdicts.push(judge(&mut asa, described(config, class), flow, chain));
            }
        }
    }
    let sure = |flow: Flow| {
        let mut classes = in_force
            .iter()
            .flat_map(|(_, map)| &map.classes)
            .filter(|class| !harmless.contains(&class.place));
        classes.all(|class| class_doubt(config, [class], flow).is_none())
    };
    // What the lists of classes deny, they leave to others.
    let classes = in_force.iter().flat_map(|(_, map)| &map.classes);
    let denied = classes
        .filter(|class| class.connection.place.is_some())
        .flat_map(|class| lists_of(config, class))
        .flat_map(AccessList::refused_samples);
    let unruled = general()
        .into_iter()
        .chain(denied)
        .find(|f| asa.policy.ruling(*f, PortId(0)).is_none() && sure(*f));
    if snort
        && unruled.is_some()
        && !config
            .policy_maps
            .iter()
            .flat_map(|p| &p.classes)
            .any(|c| c.connection.advanced.is_some())
    {
        verdicts.push(without_map(scope));
    } else if let Some(flow) = unruled {
        let alone = verdicts.is_empty();
        let refuses = !config.access_groups.is_empty()
            || config.kind == Kind::Fwsm
            || (!snort && config.interfaces.iter().any(|i| i.name.is_some()));
        let traffic = match (alone, refuses) {
            (true, false) => "all TCP",
            (true, true) => "TCP that is permitted",
            (false, _) => "all other TCP",
        };
        verdicts.push(judge(&mut asa, traffic.into(), flow, Vec::new()));
    }
    verdicts
}

/// What the access groups drop: for each, a connection that its list refuses.
pub(super) fn refused(config: &AsaConfig) -> Vec<Verdict> {
    let direction = |group: &AccessGroup| {
        let way = if group.inbound { "opened from its side" } else { "opened towards it" };
        match &group.interface {
            Some(interface) => format!("interface {interface}, {way}"),
            None => format!("every interface without an inward access list of its own, {way}"),
        }
    };
    let open = |group: &AccessGroup| {
        let list = config.list_of(group)?;
        let pairs = crossings(config, list);
        let flows = list.open_samples().into_iter().filter(|f| group.of.holds(f.src.ip()));
        let crossing = flows.flat_map(|flow| pairs.iter().map(move |between| (*between, flow)));
        let because = crossing.filter_map(|(at, flow)| doubt(list, at, flow)).next()?;
        Some(Verdict {
            traffic: format!("{}TCP that an entry of {} may name", group.of.name(), group.called()),
            direction: direction(group),
            effect: Effect::Unknown,
            because: vec![because],
        })
    };
    let verdict = |group: &AccessGroup| {
        let list = config.list_of(group)?;
        // What no entry names in particular tells best which line refuses the rest.
        let flows = general().into_iter().chain(list.refused_samples()).chain(list.samples());
        let pairs = crossings(config, list);
        let flows = flows.filter(|flow| group.of.holds(flow.src.ip()));
        let flows = flows.filter(|flow| pairs.iter().all(|at| doubt(list, *at, *flow).is_none()));
        let rule = flows
            .flat_map(|flow| pairs.iter().map(move |between| (*between, flow)))
            .find_map(|(between, flow)| access::permitted(config, group, between, flow).err())?;
        Some(Verdict {
            traffic: format!("{}TCP that is not permitted by {}", group.of.name(), group.called()),
            direction: direction(group),
            effect: Effect::Drop,
            because: vec![Because::rule(&rule)],
        })
    };
    config.access_groups.iter().flat_map(|group| [open(group), verdict(group)]).flatten().collect()
}

/// Access groups that are not understood.
pub(super) fn unread(config: &AsaConfig) -> impl Iterator<Item = Verdict> {
    config.unread.iter().map(|place| {
        let why = "where which access list is put is not understood";
        Verdict {
            traffic: "all TCP".into(),
            direction: "the interface of this access group, if there is one".into(),
            effect: Effect::Unknown,
            because: vec![Because::line(place, why)],
        }
    })
}

/// The entry of a list that makes it open what becomes of a connection.
fn doubt(list: &AccessList, at: Between<'_>, flow: Flow) -> Option<Because> {
    let entry = list.doubt(at, flow, Flags::SYN)?;
    Some(Because::line(&entry.place, entry.why_open()))
}

/// The lists that a class asks.
fn lists_of<'c>(config: &'c AsaConfig, class: &PolicyClass) -> Vec<&'c AccessList> {
    let criteria = config.class_map(&class.name).into_iter().flat_map(|map| &map.matches);
    let list = |on: &MatchOn| match on {
        MatchOn::AccessList(name) => config.access_list(name),
        _ => None,
    };
    criteria.filter_map(|criterion| list(&criterion.on)).collect()
}

/// The entry of a list of these classes, those with connection settings, that makes it open which of them rules.
fn class_doubt<'c>(
    config: &'c AsaConfig,
    classes: impl IntoIterator<Item = &'c PolicyClass>,
    flow: Flow,
) -> Option<Because> {
    let ruling = classes.into_iter().filter(|class| class.connection.place.is_some());
    let lists = ruling.flat_map(|class| lists_of(config, class));
    lists.filter_map(|list| doubt(list, ["", ""], flow)).next()
}

/// Pairs of interfaces that a list tells apart: those of the text, or those that the list asks for and
/// another, of which it does not.
fn crossings<'c>(config: &'c AsaConfig, list: &'c AccessList) -> Vec<Between<'c>> {
    let asked = list.interfaces();
    if asked.is_empty() {
        return vec![["", ""]];
    }
    let nameif = |i: &'c Interface| i.name.as_ref().map(|(name, _)| name.as_str());
    let known: Vec<&str> = config.interfaces.iter().filter_map(nameif).collect();
    let names = if known.is_empty() { asked.into_iter().collect() } else { known };
    let names = names.into_iter().chain([""]).take(INTERFACES_MAX);
    let pairs = names.clone().flat_map(|from| names.clone().map(move |to| [from, to]));
    pairs.filter(|[from, to]| from != to).collect()
}

/// Interfaces that connections are tried between.
const INTERFACES_MAX: usize = 8;

/// True for a class that seems to be meant for TCP: its match lines are read, and none is of another
/// protocol.
fn may_match(config: &AsaConfig, class: &PolicyClass) -> bool {
    config.class_map(&class.name).is_some_and(|map| {
        let other = |on: &MatchOn| matches!(on, MatchOn::Nothing | MatchOn::DefaultInspection);
        !map.matches.is_empty() && !map.matches.iter().any(|m| other(&m.on))
    })
}

/// A tcp-map of an FTD that the text names and does not hold.
fn missing_map(config: &AsaConfig, class: &PolicyClass) -> Option<Because> {
    let Some((Advanced::TcpMap(name), place)) = &class.connection.advanced else { return None };
    if config.tcp_map(name).is_some() {
        return None;
    }
    let why = format!(
        "the text does not hold tcp-map {name}, which decides (an FTD makes it by itself or takes it from a \
         FlexConfig object): add the output of `show running-config all tcp-map`"
    );
    Some(Because::line(place, why))
}

/// An FTD's text without the policy that decides.
fn without_map(scope: &Scope) -> Verdict {
    let why = format!(
        "an FTD inspects deeply, and option 30 does not cross it by default ({SEED}); the text does not hold \
         the class with `set connection advanced-options UM_STATIC_TCP_MAP` and the tcp-map of that name, \
         which an FTD makes by itself or takes from a FlexConfig object, and which may let it pass: add the \
         output of `show running-config all`"
    );
    Verdict {
        traffic: "TCP that is permitted".into(),
        direction: scope.called.clone(),
        effect: Effect::Strip,
        because: vec![Because::default(why)],
    }
}

/// `class web: match port tcp eq www`.
fn described(config: &AsaConfig, class: &PolicyClass) -> String {
    let matches = config
        .class_map(&class.name)
        .map_or("", |map| map.matches.first().map_or("", |criterion| &criterion.place.text));
    match matches {
        "" => format!("class {}", class.name),
        matches => format!("class {}: {matches}", class.name),
    }
}

/// The lines by which a class's connection settings reach the traffic.
fn chain(config: &AsaConfig, map: &PolicyMap, class: &PolicyClass) -> Vec<Because> {
    let mut all = Vec::new();
    let mut add = |place: &ConfigLine, rule: String| all.push(Because::line(place, rule));
    match &class.connection.advanced {
        Some((Advanced::TcpMap(name), place)) => {
            add(place, format!("the connections of the class are normalised by tcp-map {name}"));
        }
        Some((Advanced::StateBypass, place)) => {
            add(place, "the normaliser does not see the connections of the class".into());
        }
        None => {}
    }
    let criterion = config.class_map(&class.name).and_then(|m| m.matches.first());
    if let Some(criterion) = criterion {
        add(&criterion.place, format!("the connections of class {}", class.name));
    }
    if let Some(service) = config.services.iter().find(|s| s.policy == map.name) {
        add(&service.place, format!("activates policy-map {}", map.name));
    }
    all
}

/// Connections that the class may match, to be tried in order.
fn witnesses(config: &AsaConfig, class: &PolicyClass) -> Vec<Flow> {
    let mut all = Vec::new();
    for criterion in config.class_map(&class.name).iter().flat_map(|map| &map.matches) {
        match &criterion.on {
            MatchOn::AccessList(name) => {
                if let Some(list) = config.access_list(name) {
                    all.extend(list.samples());
                }
            }
            MatchOn::TcpPort(ports) => {
                let ends = [*ports.start(), *ports.end()];
                all.extend(ends.into_iter().flat_map(|port| {
                    general().into_iter().map(move |mut flow| {
                        flow.dst.set_port(port);
                        flow
                    })
                }));
            }
            MatchOn::Any | MatchOn::DefaultInspection | MatchOn::Nothing => {}
        }
    }
    all.extend(general());
    all
}

/// Connections that configurations seldom name.
pub(super) fn general() -> Vec<Flow> {
    let hosts: [(IpAddr, IpAddr); 3] = [
        (Ipv4Addr::new(198, 51, 100, 71).into(), Ipv4Addr::new(203, 0, 113, 72).into()),
        (Ipv4Addr::new(10, 171, 71, 71).into(), Ipv4Addr::new(203, 0, 113, 72).into()),
        (
            Ipv6Addr::new(0x2001, 0xdb8, 0x71, 0, 0, 0, 0, 1).into(),
            Ipv6Addr::new(0x2001, 0xdb8, 0x72, 0, 0, 0, 0, 1).into(),
        ),
    ];
    let ports = [5001, 47_101, 443, 80, 22];
    hosts
        .into_iter()
        .flat_map(|(client, server)| {
            ports.into_iter().map(move |port| Flow {
                src: SocketAddr::new(client, 40_471),
                dst: SocketAddr::new(server, port),
            })
        })
        .collect()
}

/// Why option 30 should rather be removed.
pub(super) fn advice() -> String {
    format!("where inspection is needed, option 30 is better removed ({SEED})")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUR_STEPS: &str = "ASA Version 9.8(2)\ntcp-map m\n  tcp-options range 30 30 allow\nclass-map c\n  \
                              match any\npolicy-map p\n  class c\n    set connection \
                              advanced-options m\nservice-policy p global\n";

    fn audited(text: &str) -> Vec<(String, String, Effect, Vec<Option<u32>>)> {
        let audit = audit(ConfigText::new("fw.cfg", text));
        let verdicts = audit.verdicts.into_iter().map(|v| {
            let lines = v.because.iter().map(|b| b.line).collect();
            (v.traffic, v.direction, v.effect, lines)
        });
        verdicts.collect()
    }

    /// A policy that an interface has and that is global as well.
    #[test]
    fn a_policy_in_force_twice_is_told_once() {
        let rows = audited(&format!("{FOUR_STEPS}service-policy p interface inside\n"));
        let ways: Vec<&str> = rows.iter().map(|(_, direction, ..)| direction.as_str()).collect();
        assert_eq!(
            ways,
            ["interface inside, both directions", "every other interface, both directions"]
        );
    }

    /// What a class may name is open only where it matters.
    #[test]
    fn classes_that_change_nothing_of_what_is_stripped() {
        let text = "access-list A extended permit tcp any object S eq 80\nclass-map c\n match access-list A\npolicy-map p\n class c\n  set connection embryonic-conn-max 50\nservice-policy p interface outside\n";
        assert!(audited(text).iter().all(|row| row.2 == Effect::Strip), "{:?}", audited(text));
        let warnings = audit(ConfigText::new("fw", text)).warnings;
        assert!(!warnings.iter().any(|w| w.message.contains("is found that")), "{warnings:?}");
        let bypass = text.replace("embryonic-conn-max 50", "advanced-options tcp-state-bypass");
        assert_eq!(audited(&bypass)[0].2, Effect::Unknown);
        // Behind another word no class is named.
        let wrong = text.replace(" class c\n", " class no c\n class d\n");
        let warnings = audit(ConfigText::new("fw", &wrong)).warnings;
        let lines: Vec<u32> = warnings.iter().map(|w| w.line).collect();
        assert!(lines.contains(&5), "{warnings:?}");
    }

    /// What a class's list denies stays outside of the class.
    #[test]
    fn what_the_list_of_a_class_denies() {
        let list = "access-list L extended deny tcp any host 10.0.0.5 eq 443\naccess-list L extended permit tcp any any\n";
        let text = FOUR_STEPS.replace("match any", "match access-list L") + list;
        let rows = audited(&text);
        let effects: Vec<_> = rows.iter().map(|row| (row.0.as_str(), row.2)).collect();
        assert_eq!(
            effects,
            [("class c: match access-list L", Effect::Pass), ("all other TCP", Effect::Strip)]
        );
    }

    /// The text of the system execution space has no traffic of its own.
    #[test]
    fn contexts_whose_configurations_are_elsewhere() {
        let text = "hostname fw\ninterface GigabitEthernet0/0\ncontext A\n  allocate-interface GigabitEthernet0/0\n  config-url disk0:/a.cfg\n";
        let rows = audited(text);
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].2, &rows[0].3[..]), (Effect::Unknown, &[Some(5)][..]));
    }

    #[test]
    fn verdicts() {
        let check = |text: &str, expected: &[(&str, &str, Effect, &[Option<u32>])]| {
            let found = audited(text);
            let found: Vec<_> =
                found.iter().map(|(t, d, e, l)| (&**t, &**d, *e, l.as_slice())).collect();
            assert_eq!(found, expected, "{text}");
        };
        let every = "every interface, both directions";
        check("hostname fw\n", &[("all TCP", every, Effect::Strip, &[None])]);
        let four = [(
            "class c: match any",
            every,
            Effect::Pass,
            &[Some(3), Some(8), Some(5), Some(9)][..],
        )];
        check(FOUR_STEPS, &four);
        check(
            &FOUR_STEPS.replace("match any", "match port tcp eq 80"),
            &[
                (
                    "class c: match port tcp eq 80",
                    every,
                    Effect::Pass,
                    &[Some(3), Some(8), Some(5), Some(9)],
                ),
                ("all other TCP", every, Effect::Strip, &[Some(5)]),
            ],
        );
        check(
            &FOUR_STEPS.replace("30 allow", "30 drop"),
            &[("class c: match any", every, Effect::Drop, &[Some(3), Some(8), Some(5), Some(9)])],
        );
        check(
            &FOUR_STEPS.replace("global", "interface outside"),
            &[
                (
                    "class c: match any",
                    "interface outside, both directions",
                    Effect::Pass,
                    &[Some(3), Some(8), Some(5), Some(9)],
                ),
                ("all TCP", "every other interface, both directions", Effect::Strip, &[Some(9)]),
            ],
        );
        let list = "access-list web extended permit tcp any host 10.9.9.9 eq www\n";
        check(
            &format!("{list}{}", FOUR_STEPS.replace("match any", "match access-list web")),
            &[
                (
                    "class c: match access-list web",
                    every,
                    Effect::Pass,
                    &[Some(4), Some(9), Some(6), Some(10)],
                ),
                ("all other TCP", every, Effect::Strip, &[Some(6)]),
            ],
        );
        check(
            &FOUR_STEPS.replace("advanced-options m", "advanced-options tcp-state-bypass"),
            &[("class c: match any", every, Effect::Pass, &[Some(8), Some(5), Some(9)])],
        );
        // Access groups: what they drop, whichever line does it.
        let group = "access-list in extended deny tcp any any eq 6881\naccess-list in extended permit tcp any any\naccess-group in in interface inside\n";
        let permitted = ("TCP that is permitted", every, Effect::Strip, &[None][..]);
        let refused = "TCP that is not permitted by access list in";
        let side = "interface inside, opened from its side";
        check(group, &[permitted, (refused, side, Effect::Drop, &[Some(1)])]);
        check(
            &group.replace(
                "access-group in in interface inside",
                "access-group in out interface inside",
            ),
            &[
                permitted,
                (refused, "interface inside, opened towards it", Effect::Drop, &[Some(1)]),
            ],
        );
        check(
            "access-list in extended permit tcp any any eq 123\naccess-group in global\n",
            &[
                permitted,
                (
                    refused,
                    "every interface without an inward access list of its own, opened from its side",
                    Effect::Drop,
                    &[Some(2)],
                ),
            ],
        );
        let open =
            "access-list in extended permit ip any any\naccess-group in in interface inside\n";
        check(open, &[permitted]);
        check(
            &FOUR_STEPS.replace("service-policy p global\n", ""),
            &[("all TCP", every, Effect::Strip, &[Some(6)])],
        );
    }

    /// A part of a configuration that uses the class-map that an ASA comes with.
    #[test]
    fn the_factory_class_is_defined() {
        let text = "policy-map global_policy\n class inspection_default\n  inspect ftp\n\
                    service-policy global_policy global\n";
        let warned = |text: &str| {
            let audit = audit(ConfigText::new("fw.cfg", text));
            audit.warnings.iter().any(|w| w.message.contains("not defined"))
        };
        assert!(!warned(text));
        assert!(warned(&text.replace("inspection_default", "inspection_web")));
    }

    #[test]
    fn several_configurations_in_a_text_are_told() {
        let text = format!("{FOUR_STEPS}: end\n{FOUR_STEPS}");
        let config = ConfigText::new("fw.cfg", &text);
        let (_, audit) = crate::audit::audit(config, None);
        let found: Vec<_> = audit.warnings.iter().map(|w| (w.line, &*w.message)).collect();
        assert!(
            found.iter().any(|(line, says)| *line == 11 && says.contains("another configuration"))
        );
    }

    /// Groups of groups do not grow beyond the lines that fill them.
    #[test]
    fn groups_that_hold_each_other_twice() {
        let mut text = "object-group network g0\n network-object host 10.0.0.1\n".to_owned();
        for n in 1..200 {
            let below = n - 1;
            text += &format!(
                "object-group network g{n}\n group-object g{below}\n group-object g{below}\n\
                 object-group service s{n} tcp\n port-object eq {n}\n group-object s{below}\n group-object s{below}\n"
            );
        }
        text += "access-list l permit tcp object-group g199 any object-group s199\n";
        let audit = audit(ConfigText::new("fw.cfg", &text));
        assert_eq!(audit.verdicts.len(), 1);
    }

    #[test]
    fn what_else_touches_mptcp() {
        let check = |text: &str, expected: &[(u32, &str)]| {
            let audit = audit(ConfigText::new("fw.cfg", text));
            let found: Vec<_> = audit.warnings.iter().map(|w| (w.line, &*w.message)).collect();
            assert_eq!(found.len(), expected.len(), "{found:?}");
            for ((line, message), (expected_line, says)) in found.into_iter().zip(expected) {
                assert_eq!(line, *expected_line);
                assert!(message.contains(says), "{message}");
            }
        };
        check(FOUR_STEPS, &[]);
        let idle = FOUR_STEPS.replace("service-policy p global\n", "");
        let would =
            "policy-map p: with one, tcp-map m would let option 30 of class c (match any) pass";
        check(&idle, &[(6, would)]);
        let bypass = idle.replace("advanced-options m", "advanced-options tcp-state-bypass");
        let would = would.replace("tcp-map m", "tcp-state-bypass");
        check(&bypass, &[(2, "no policy-map uses tcp-map m"), (6, &would)]);
        check(&idle.replace("30 30 allow", "30 30 clear"), &[(6, "activates policy-map p")]);
        let translated = "static (inside,outside) tcp interface 80 10.0.0.5 80 netmask \
                          255.255.255.255\nstatic (inside,outside) 192.0.2.1 10.0.0.6 netmask \
                          255.255.255.255 tcp 100 50\n";
        check(
            &format!("{FOUR_STEPS}{translated}"),
            &[
                (10, "addresses are translated"),
                (10, "no nameif"),
                (11, "above 50 half-open connections of this"),
            ],
        );
        let shadowed = FOUR_STEPS
            .replace("policy-map p\n", "class-map d\n match port tcp eq 80\npolicy-map p\n")
            .replace("service-policy", "  class d\n    set connection conn-max 0\nservice-policy");
        check(&shadowed, &[(11, "no TCP connection is found")]);
        let elsewhere = "policy-map q\n class class-default\n  set connection conn-max 0\n\
                         service-policy q interface outside\n";
        check(&format!("{FOUR_STEPS}{elsewhere}"), &[]);
        let named = "name 10.1.1.5 web\naccess-list l extended permit tcp any host web eq www\n";
        check(&format!("{named}{FOUR_STEPS}"), &[]);
        check(
            &FOUR_STEPS.replace(
                "advanced-options m",
                "advanced-options m embryonic-conn-max 9 conn-max 0",
            ),
            &[(8, "TCP Intercept")],
        );
        check(
            &format!(
                "{}\nnat (inside,outside) source dynamic any interface\n",
                FOUR_STEPS
                    .replace("advanced-options m\n", "advanced-options m\n    inspect http\n")
            ),
            &[
                (9, "inspect http sees only a part"),
                (12, "addresses are translated"),
                (12, "no nameif"),
            ],
        );
        check(
            &FOUR_STEPS.replace("range 30 30 allow", "range 30 30 alow"),
            &[(3, "expected allow")],
        );
        check("class-map\npolicy-map\n", &[(1, "expected a name"), (2, "expected a name")]);
    }

    /// A group's mask may have holes: the bits that it has count.
    #[test]
    fn masks_with_holes() {
        let rows = |mask: &str| -> Vec<(Effect, String)> {
            let text = format!(
                "object-group network G\n network-object 10.0.0.128 {mask}\naccess-list L extended permit tcp any object-group G eq 443\naccess-group L in interface outside\n"
            );
            let audit = audit(ConfigText::new("asa", &text));
            let warned = audit.warnings.iter().any(|w| w.message.contains("expected a netmask"));
            assert_eq!(warned, mask.starts_with('0'), "{:?}", audit.warnings);
            audit.verdicts.into_iter().map(|v| (v.effect, v.traffic)).collect()
        };
        let known = rows("255.0.0.192");
        assert!(known.iter().all(|(effect, _)| *effect != Effect::Unknown), "{known:?}");
        let unknown = rows("0.0.0.63");
        assert!(unknown.iter().any(|(effect, _)| *effect == Effect::Unknown), "{unknown:?}");
    }

    /// What an entry that is not understood may name is unknown.
    #[test]
    fn entries_that_are_not_understood() {
        let rows = |text: &str| -> Vec<(Effect, String, Option<u32>)> {
            let found = audited(text).into_iter();
            found.map(|(t, d, e, l)| (e, format!("{t} | {d}"), l[0])).collect()
        };
        let text = "access-list L extended permit tcp any any eq 25 time-range W\naccess-list L extended deny ip any any\naccess-group L in interface outside\n";
        let found = rows(text);
        let from = "interface outside, opened from its side";
        let open = format!("TCP that an entry of access list L may name | {from}");
        let refused = format!("TCP that is not permitted by access list L | {from}");
        assert!(found.contains(&(Effect::Unknown, open.clone(), Some(1))), "{found:#?}");
        assert!(found.contains(&(Effect::Drop, refused, Some(2))), "{found:#?}");
        let all = text.replace("any any eq 25", "user X any any");
        let found = rows(&all);
        assert!(found.contains(&(Effect::Unknown, open, Some(1))), "{found:#?}");
        assert!(!found.iter().any(|(e, ..)| *e == Effect::Drop), "{found:#?}");
        // The line behind it glued to a port: what is open is that port alone.
        let glued = text.replace("eq 25 time-range W", "eq 587pager lines 24");
        let found = rows(&glued);
        for (effect, what) in [(Effect::Unknown, "may name"), (Effect::Drop, "not permitted")] {
            assert!(found.iter().any(|(e, t, _)| *e == effect && t.contains(what)), "{found:#?}");
        }
        let shown = "access-list L; 2 elements; name hash: 0x1\naccess-list L line 1 extended permit tcp any any eq www (hitcnt=5) 0x2\naccess-group L in interface outside\n";
        assert!(!rows(shown).iter().any(|(e, ..)| *e == Effect::Unknown), "{:#?}", rows(shown));
        let gone = |what: &str| {
            let refused = rows(&format!("{text}{what}\n")).into_iter();
            refused.filter(|(e, ..)| matches!(e, Effect::Unknown)).count()
        };
        assert_eq!(gone("no access-list L extended permit tcp any any eq 25 time-range W"), 0);
        assert_eq!(gone("no access-list L"), 1, "an ASA refuses that");
        assert_eq!(gone("clear configure access-list L"), 0);
        assert_eq!(gone("no access-list L extended permit tcp any any eq 26"), 1);
        // A list of which every entry is refused is none: so is the group that names it.
        let none =
            "access-list L extended permit ip 10.0.0.1 any\naccess-group L in interface outside\n";
        let refused = audit(ConfigText::new("fw", none)).warnings;
        assert!(!rows(none).iter().any(|(e, ..)| *e == Effect::Drop), "{:#?}", rows(none));
        assert!(refused.iter().any(|w| w.line == 2 && w.message.contains("is not defined")));
        let control = text.replace("interface outside", "interface outside control-plane");
        assert_eq!(rows(&control).len(), 1, "{:#?}", rows(&control));
        let unread =
            rows("access-list L extended deny ip any any\naccess-group L inn interface x\n");
        assert!(unread.iter().any(|(e, ..)| *e == Effect::Unknown), "{unread:#?}");
        // A class of which nothing is understood, and that changes nothing of what is stripped.
        let idle = "access-list C extended permit tcp any any eq x0\nclass-map c\n match access-list C\npolicy-map p\n class c\n  set connection conn-max 100\nservice-policy p global\n";
        let found = rows(idle);
        assert!(matches!(&found[..], [(Effect::Strip, ..)]), "{found:#?}");
        let class = format!(
            "access-list C extended deny tcp any any frob\naccess-list C extended permit tcp any any eq 80\n{}",
            FOUR_STEPS.replace("match any", "match access-list C")
        );
        let found = rows(&class);
        assert_eq!(found[0].0, Effect::Unknown, "{found:#?}");
        // What the class names neither way keeps to the default.
        let [_, other] = &found[..] else { panic!("{found:#?}") };
        assert!(other.0 == Effect::Strip && other.1.starts_with("all other TCP"), "{found:#?}");
    }
}
