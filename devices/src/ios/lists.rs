//! Access lists on the interfaces of systems that write them much as IOS does, and whose commands are
//! else their own: IOS XR and NX-OS.

use std::collections::BTreeMap;

use crate::audit::{Because, Effect, Verdict};
use crate::config::access_list::{self, AccessList, Dialect, Entry, Reading};
use crate::config::objects::{self, Objects};
use crate::config::route_map::RouteMapEntry;
use crate::config::words::{interface_key, interface_names, is_interface};
use crate::config::{ConfigText, Diagnostics, Line};

use crate::nbar::grammar::Block as QualityBlock;

use super::audit::Probes;
use super::own_addresses::OwnAddresses;
use super::{Interface, IosConfig, Named, Through, policies, vlan_filters};

/// The open block.
enum Block {
    None,
    /// Several of a range.
    Interface(Vec<usize>),
    RouteMap(String),
    List(String),
    Object(objects::Block),
    Quality(QualityBlock),
}

/// What a list that is not defined does on an interface. One without entries permits all: the implicit deny takes effect with
/// the first (for IOS XR: *IOS-XR ACLs*, ericroc.how/ios-xr-acls.html, "Implicit Entries"; for NX-OS as one that is not
/// defined).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undefined {
    /// All may pass: it is taken for one without entries (*Cisco Nexus 9000 Series NX-OS Security Configuration Guide*,
    /// "Guidelines and Limitations for IP ACLs").
    Permits,
    /// Not documented.
    Unknown,
}

/// What the access lists of a text's interfaces permit and drop, `what` (as `routers`) leaving TCP options
/// alone; nothing when no interface has one.
pub(crate) fn verdicts(
    text: ConfigText<'_>,
    what: &str,
    undefined: Undefined,
    found: &mut Diagnostics,
) -> Vec<Verdict> {
    let all = text.lines();
    let acts =
        |line: &Line<'_>| binds(line) || policies::drops(line) || vlan_filters::filters(line);
    if !all.iter().any(acts) {
        return Vec::new();
    }
    let objects = objects_of(&all, found);
    let (config, known_lines) = (IosConfig::default(), Objects::default());
    let places = BTreeMap::new();
    let mut reader = Reader { text, undefined, found, config, places, objects, known_lines };
    let mut block = Block::None;
    for line in all.iter() {
        block = reader.read(line, block);
    }
    reader.check(&all);
    policies::forget_harmless(&mut reader.config);
    let (lists, rest) = (&reader.config.access_lists, vlan_filters::Rest::Open);
    let mut known = vlan_filters::verdicts(text, lists, rest, reader.found);
    known.extend(reader.take_unknown());
    let is_bare = |i: &Interface| {
        let named = [&i.access, &i.access_v6, &i.service, &i.policy];
        named.into_iter().flatten().all(Option::is_none) && i.unread.is_empty()
    };
    if known.is_empty() && reader.config.interfaces.iter().all(is_bare) {
        return known;
    }
    let own = OwnAddresses::of(&all, &reader.config);
    Probes::of(reader.config).lists(what, own, known)
}

/// The groups of objects, which may stand behind the lists that name them.
fn objects_of(all: &[Line<'_>], found: &mut Diagnostics) -> Objects {
    let mut objects = Objects::default();
    let mut block = None;
    for line in all {
        if let Some(opened) = objects.outer(line) {
            block = Some(opened);
        } else if let Some(open) = &block
            && !objects.inner(open, line, found)
        {
            block = None;
        }
    }
    objects
}

/// True for a line that puts an access list, or a route-map, on an interface, whatever it says in particular.
fn binds(line: &Line<'_>) -> bool {
    matches!(
        line.words.as_slice(),
        ["ip" | "ipv4" | "ipv6", "access-group" | "traffic-filter", ..]
            | ["ip" | "ipv6", "port", "access-group" | "traffic-filter", ..]
            | ["ip" | "ipv6", "policy", "route-map", ..]
    )
}

/// The lists that a line puts on an interface, and the direction.
fn attached<'l>(words: &[&'l str]) -> Option<(Vec<&'l str>, Through, bool)> {
    let (family, rest) = match words {
        [family @ ("ip" | "ipv4" | "ipv6"), "access-group" | "traffic-filter", rest @ ..]
        | [family @ ("ip" | "ipv6"), "port", "access-group" | "traffic-filter", rest @ ..] => {
            (*family, rest)
        }
        _ => return None,
    };
    let at = rest.iter().position(|w| matches!(*w, "in" | "out" | "ingress" | "egress"))?;
    let through = match rest[at] {
        "in" | "ingress" => Through::In,
        _ => Through::Out,
    };
    // `common` names a list that is asked first.
    let names: Vec<&str> = rest[..at].iter().copied().filter(|w| *w != "common").collect();
    (!names.is_empty()).then_some((names, through, family == "ipv6"))
}

struct Reader<'t, 'd> {
    text: ConfigText<'t>,
    undefined: Undefined,
    found: &'d mut Diagnostics,
    config: IosConfig,
    /// Where each interface is among them.
    places: BTreeMap<String, usize>,
    objects: Objects,
    /// The groups once more, to tell which lines are theirs.
    known_lines: Objects,
}

impl Reader<'_, '_> {
    /// Takes a line; the block that is open after it.
    fn read(&mut self, line: &Line<'_>, open: Block) -> Block {
        match line.words.as_slice() {
            [first, name @ ..] if is_interface(first) && !name.is_empty() => {
                // How IOS XR says what kind it is.
                let kinds = ["l2transport", "point-to-point", "multipoint"];
                let name: Vec<&str> =
                    name.iter().filter(|word| !kinds.contains(word)).copied().collect();
                let interfaces = &mut self.config.interfaces;
                // Opened again, an interface keeps what it has.
                let places = interface_names(&name).into_iter().map(|name| {
                    *self.places.entry(interface_key(&name)).or_insert_with(|| {
                        interfaces.push(Interface { name, ..Interface::default() });
                        interfaces.len() - 1
                    })
                });
                return Block::Interface(places.collect());
            }
            // NX-OS's policy routing is written as IOS's; IOS XR has none.
            ["route-map", name, rest @ ..] => {
                let permit = !rest.contains(&"deny");
                let map = self.config.route_maps.entry((*name).to_owned()).or_default();
                map.push(RouteMapEntry { permit, ..RouteMapEntry::default() });
                return Block::RouteMap((*name).to_owned());
            }
            ["no", "ip" | "ipv4" | "ipv6", "access-list", name] => {
                self.config.access_lists.remove(*name);
                return Block::None;
            }
            // IOS XR takes an entry on the same line.
            ["ipv4" | "ipv6", "access-list", name, entry @ ..] if !entry.is_empty() => {
                self.entry(name, entry, line);
                return Block::None;
            }
            ["ip" | "ipv4" | "ipv6", "access-list", name] => {
                self.config.access_lists.entry((*name).to_owned()).or_default();
                return Block::List((*name).to_owned());
            }
            _ => {}
        }
        if let Some(block) = self.known_lines.outer(line) {
            return Block::Object(block);
        }
        let written = policies::as_ios(line);
        // What of classes and policies is not read drops nothing.
        let quiet = &mut Diagnostics::new(self.text.file);
        if let Some(Some(block)) = self.config.quality.outer(&written, self.text, quiet) {
            return Block::Quality(block);
        }
        match &open {
            Block::RouteMap(name) => {
                if let Some(entry) =
                    self.config.route_maps.get_mut(name).and_then(|map| map.last_mut())
                {
                    entry.read(line, self.text);
                }
                if line.indent > 0 {
                    return open;
                }
            }
            Block::Interface(places) => {
                if let Some((name, through)) = policies::attached(line) {
                    let named = Named { name: name.to_owned(), place: self.text.place(line) };
                    for at in places {
                        let slot = &mut self.config.interfaces[*at].service[through as usize];
                        *slot = Some(named.clone());
                    }
                    return open;
                }
                if let ["no", rest @ ..] = line.words.as_slice()
                    && let Some((_, through, is_v6)) = attached(rest)
                {
                    for at in places {
                        let interface = &mut self.config.interfaces[*at];
                        let groups =
                            if is_v6 { &mut interface.access_v6 } else { &mut interface.access };
                        groups[through as usize] = None;
                    }
                    return open;
                }
                if let [family @ ("ip" | "ipv6"), "policy", "route-map", name] =
                    line.words.as_slice()
                {
                    let place = self.text.place(line);
                    let named = Named { name: (*name).to_owned(), place };
                    for at in places {
                        let policy = &mut self.config.interfaces[*at].policy;
                        policy[usize::from(*family == "ipv6")] = Some(named.clone());
                    }
                    return open;
                }
                if let Some((names, through, is_v6)) = attached(&line.words) {
                    let named = Named { name: names.join(" "), place: self.text.place(line) };
                    for at in places {
                        let interface = &mut self.config.interfaces[*at];
                        let groups =
                            if is_v6 { &mut interface.access_v6 } else { &mut interface.access };
                        groups[through as usize] = Some(named.clone());
                    }
                    return open;
                }
                if binds(line) {
                    let why = "this puts an access list here in a way that is not understood";
                    self.found.warn(line, "", why);
                    for at in places {
                        let unread = &mut self.config.interfaces[*at].unread;
                        unread.push((self.text.place(line), why.to_owned()));
                    }
                    return open;
                }
            }
            Block::List(name) => {
                let first = line.words[0];
                if first.parse::<u32>().is_ok() || matches!(first, "permit" | "deny" | "remark") {
                    self.entry(name, &line.words, line);
                    return open;
                }
                if let ["no", rest @ ..] = line.words.as_slice() {
                    if let Some(list) = self.config.access_lists.get_mut(name) {
                        list.remove(rest);
                    }
                    return open;
                }
                // What all entries have in common, and where TCP has no part.
                if line.indent > 0 && !matches!(first, "statistics" | "fragments" | "ignore") {
                    let message = format!("expected permit or deny in access list {name}");
                    self.found.warn(line, first, message.clone());
                    let entry = Entry::open(self.text.place(line), message);
                    let list = self.config.access_lists.entry(name.clone()).or_default();
                    list.add(&line.words, Reading::Entry(entry));
                    return open;
                }
            }
            Block::Object(block) => {
                if self.known_lines.inner(block, line, &mut Diagnostics::new(self.text.file)) {
                    return open;
                }
            }
            Block::Quality(block) => {
                if let Some(block) = self.config.quality.inner(*block, &written, self.text, quiet) {
                    return Block::Quality(block);
                }
            }
            Block::None => {}
        }
        if line.indent > 0 { open } else { Block::None }
    }

    fn entry(&mut self, name: &str, words: &[&str], line: &Line<'_>) {
        let (text, objects) = (self.text, &self.objects);
        let entry = access_list::entry(Dialect::Ios, words, objects, line, text, self.found);
        let list = self.config.access_lists.entry(name.to_owned()).or_default();
        list.add(words, entry);
    }

    /// Takes off their interfaces the lists that are not defined, where nobody says what those do.
    fn take_unknown(&mut self) -> Vec<Verdict> {
        let lists = &self.config.access_lists;
        let missing =
            |name: &str| self.undefined == Undefined::Unknown && !lists.contains_key(name);
        let mut verdicts = Vec::new();
        for interface in &mut self.config.interfaces {
            for group in interface.access.iter_mut().chain(&mut interface.access_v6) {
                let Some(Named { name, place }) = group.take_if(|g| missing(&g.name)) else {
                    continue;
                };
                let why = format!(
                    "access list {name} is not defined; whether it then permits or drops everything is not \
                     documented"
                );
                verdicts.push(Verdict {
                    traffic: "all TCP".into(),
                    direction: format!("interface {}, both directions", interface.name),
                    effect: Effect::Unknown,
                    because: vec![Because::line(&place, why)],
                });
            }
        }
        verdicts
    }

    /// Puts lists together that are asked one after the other, and says which there are not.
    fn check(&mut self, all: &[Line<'_>]) {
        for line in all {
            let Some((names, ..)) = attached(&line.words) else { continue };
            for name in &names {
                let why = match self.config.access_lists.get(*name) {
                    Some(list) if list.has_entries => continue,
                    Some(_) => "has no entries: everything is permitted",
                    None if self.undefined == Undefined::Permits => {
                        "is not defined: everything is permitted"
                    }
                    None => "is not defined",
                };
                let message = format!("access list {name} {why}");
                self.found.warn(line, name, message);
            }
            if names.len() > 1 && names.iter().all(|n| self.config.access_lists.contains_key(*n)) {
                let of = names.iter().filter_map(|name| self.config.access_lists.get(*name));
                let list = AccessList::joined(of);
                self.config.access_lists.insert(names.join(" "), list);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_ios_xr_and_nx_os() {
        let lists = "ipv4 access-list both\n 10 permit tcp any any eq 22\n 20 deny tcp host 10.1.1.1 any eq 80\n!\nipv4 access-list web\n 10 permit tcp any any eq 80\n!\n";
        let check = |text: &str, expected: &[(Effect, &str, &str, u32)], warned: &str| {
            let mut found = Diagnostics::new("xr.cfg");
            let verdicts = verdicts(
                ConfigText::new("xr.cfg", text),
                "routers",
                Undefined::Unknown,
                &mut found,
            );
            let told: Vec<_> = verdicts
                .iter()
                .map(|v| {
                    let line = v.because[0].line.unwrap_or(0);
                    (v.effect, v.traffic.as_str(), v.direction.as_str(), line)
                })
                .collect();
            assert_eq!(told, expected, "{text}");
            let said: Vec<_> = found.into_all().into_iter().map(|d| d.message).collect();
            assert_eq!(said.join("; "), warned, "{text}");
        };
        let permitted = "TCP that is permitted";
        let refused = |list: &str| format!("TCP that is not permitted by access list {list}");
        let [from, towards] = ["opened from its side", "opened towards it"]
            .map(|way| format!("interface Gi0/0/0/0, {way}"));
        let rest = "every other interface, both directions";
        let attach = |how: &str| format!("{lists}interface Gi0/0/0/0\n {how}\n!\n");
        check(
            &attach("ipv4 access-group web ingress"),
            &[
                (Effect::Pass, permitted, &from, 9),
                (Effect::Drop, &refused("web"), &from, 9),
                // A list keeps no state: it drops the answers, too.
                (Effect::Drop, &refused("web"), &towards, 9),
                (Effect::Pass, "all TCP", rest, 0),
            ],
            "",
        );
        let split =
            format!("{}interface Gi0/0/0/0\n mtu 9000\n", attach("ipv4 access-group web ingress"));
        let again = split.replace(
            "interface Gi0/0/0/0\n ipv4",
            "interface Gi0/0/0/0\n!\ninterface GigabitEthernet0/0/0/0\n ipv4",
        );
        let count = |text: &str| {
            let mut found = Diagnostics::new("xr.cfg");
            verdicts(ConfigText::new("xr.cfg", text), "routers", Undefined::Unknown, &mut found)
                .len()
        };
        assert_eq!([count(&split), count(&again)], [4, 4], "opened again, an interface is one");
        let off =
            format!("{} no ipv4 access-group web ingress\n", split.replace(" mtu 9000\n", ""));
        assert_eq!(count(&off), 0, "taken off again: {off}");
        // Of a range, each.
        let range = attach("ipv4 access-group web ingress")
            .replace("interface Gi0/0/0/0", "interface Gi0/0/0/0-2");
        assert_eq!(count(&range), 4, "all that are alike together");
        // The common list is asked first; what it does not name, the interface's own may permit.
        check(
            &attach("ipv4 access-group common both web ingress"),
            &[
                (Effect::Pass, permitted, &from, 9),
                (Effect::Drop, &refused("both web"), &from, 9),
                (Effect::Drop, &refused("both web"), &towards, 9),
                (Effect::Pass, "all TCP", rest, 0),
            ],
            "",
        );
        let kind = attach("ipv4 access-group web ingress")
            .replace("Gi0/0/0/0\n", "Gi0/0/0/0 l2transport\n");
        let marked = kind.replace(
            "any any eq 80\n!",
            "any any eq 80 set qos-group 5 default nexthop1 ipv4 10.0.0.1\n!",
        );
        check(
            &marked,
            &[
                (Effect::Pass, permitted, &from, 9),
                (Effect::Drop, &refused("web"), &from, 9),
                (Effect::Drop, &refused("web"), &towards, 9),
                (Effect::Pass, "all TCP", rest, 0),
            ],
            "",
        );
        check(
            &attach("ipv4 access-group none egress"),
            &[
                (Effect::Unknown, "all TCP", "interface Gi0/0/0/0, both directions", 9),
                (Effect::Pass, "all TCP", rest, 0),
            ],
            "access list none is not defined",
        );
        check(lists, &[], "");
        let hole = "ip access-list BAD\n  10 permit tcp any host 203.0.113.9\nroute-map HOLE permit 10\n  match ip address BAD\n  set interface null0\ninterface Gi0/0/0/0\n  ip policy route-map HOLE\n";
        check(
            hole,
            &[
                (Effect::Drop, "TCP that route-map HOLE sends to Null0", &from, 5),
                (Effect::Pass, permitted, &from, 7),
                // The answers to that host.
                (Effect::Drop, "TCP that route-map HOLE sends to Null0", &towards, 5),
                (Effect::Pass, permitted, &towards, 7),
                (Effect::Pass, "all TCP", rest, 0),
            ],
            "",
        );
        let nexus = "ip access-list WEB\n  statistics per-entry\n  10 permit tcp 10.0.0.0/8 any eq 443\n  20 deny ip any any log\ninterface Gi0/0/0/0\n  ip access-group WEB out\n";
        check(
            nexus,
            &[
                (Effect::Drop, &refused("WEB"), &from, 4),
                (Effect::Pass, permitted, &towards, 6),
                (Effect::Drop, &refused("WEB"), &towards, 4),
                (Effect::Pass, "all TCP", rest, 0),
            ],
            "",
        );
    }

    #[test]
    fn lists_without_entries_and_undefined_ones() {
        let empty = "ip access-list NONE\n  statistics per-entry\n  10 remark soon\ninterface Ethernet1/1\n  ip access-group NONE in\n";
        let told = |undefined, text| {
            let mut found = Diagnostics::new("n");
            let verdicts = verdicts(ConfigText::new("n", text), "switches", undefined, &mut found);
            let effects: Vec<_> = verdicts.iter().map(|v| v.effect).collect();
            (effects, found.len())
        };
        assert_eq!(told(Undefined::Permits, empty), (vec![Effect::Pass; 3], 1));
        assert_eq!(told(Undefined::Unknown, empty), (vec![Effect::Pass; 3], 1));
        let none = "interface Ethernet1/1\n  ip access-group NONE in\n";
        assert_eq!(told(Undefined::Permits, none), (vec![Effect::Pass; 3], 1));
        assert_eq!(told(Undefined::Unknown, none), (vec![Effect::Unknown, Effect::Pass], 1));
    }

    /// What becomes of traffic, without its lines.
    fn told(text: &str) -> Vec<(Effect, String)> {
        let mut found = Diagnostics::new("t.cfg");
        let text = ConfigText::new("t.cfg", text);
        let verdicts = verdicts(text, "routers", Undefined::Unknown, &mut found);
        assert_eq!(found.into_all(), []);
        verdicts.into_iter().map(|v| (v.effect, format!("{} {}", v.traffic, v.direction))).collect()
    }

    #[test]
    fn ipv4_is_a_protocol_in_ios_xr() {
        let told = told(
            "ipv4 access-list A\n 10 deny ipv4 host 10.9.9.9 any\n 20 permit ipv4 any any\n!\ninterface Gi0\n ipv4 access-group A ingress\n",
        );
        let from = |effect, what: &str| {
            told.contains(&(effect, format!("{what} interface Gi0, opened from its side")))
        };
        assert!(from(Effect::Pass, "TCP that is permitted"), "{told:?}");
        assert!(from(Effect::Drop, "TCP that is not permitted by access list A"), "{told:?}");
    }

    /// What is not understood is warned of and open.
    #[test]
    fn what_is_not_understood() {
        let told = |text: &str| {
            let mut found = Diagnostics::new("n");
            let read = ConfigText::new("n", text);
            let verdicts = verdicts(read, "switches", Undefined::Permits, &mut found);
            let told: Vec<_> = verdicts.iter().map(|v| (v.effect, v.because[0].line)).collect();
            (told, found.len())
        };
        let on = "interface Eth1\n ip access-group A in\n";
        let entry = format!("ip access-list A\n 10 permit tcp any any tcp-option-length 8\n{on}");
        assert_eq!(told(&entry).0[0], (Effect::Unknown, Some(2)));
        let other = format!("ip access-list A\n frob\n 10 permit ip any any\n{on}");
        assert_eq!((told(&other).0[0], told(&other).1), ((Effect::Unknown, Some(2)), 1));
        let unbound = "interface Eth1\n ip access-group A\n";
        assert_eq!((told(unbound).0[0], told(unbound).1), ((Effect::Unknown, Some(2)), 1));
        let behind = "ip access-list A\n 10 permit tcp any addrgroup G eq 80\nobject-group ip address G\n 10 host 10.1.1.1\ninterface Eth1\n ip access-group A in\n";
        assert_eq!((told(behind).0[0], told(behind).1), ((Effect::Pass, Some(6)), 0));
        let of_xr = "ipv4 access-list A 10 permit tcp any host 10.0.1.1 nexthop1 ipv4 10.0.100.1\ninterface Gi0\n ipv4 access-group A ingress\n";
        assert_eq!((told(of_xr).0[0], told(of_xr).1), ((Effect::Pass, Some(3)), 0));
    }

    #[test]
    fn ipv6_has_lists_of_its_own() {
        let told = told(
            "ipv6 access-list V6\n 10 deny tcp any any eq 22\n 20 permit ipv6 any any\n!\ninterface Gi0\n ipv6 access-group V6 ingress\n",
        );
        let (way, rest) = ("interface Gi0, opened from its side", "all TCP every other interface");
        for (effect, what) in [
            (Effect::Pass, format!("TCP over IPv6 that is permitted {way}")),
            (Effect::Drop, format!("TCP over IPv6 that is not permitted by access list V6 {way}")),
        ] {
            assert!(told.contains(&(effect, what)), "{told:?}");
        }
        assert!(told.iter().any(|(_, what)| what.starts_with(rest)), "{told:?}");
        assert!(!told.iter().any(|(_, what)| what.starts_with("TCP that is")), "{told:?}");
    }

    #[test]
    fn groups_of_addresses_and_ports_of_nx_os() {
        for member in ["host 2.2.2.2", "10.0.0.0/8", "192.0.2.0 0.0.0.255"] {
            let told = told(&format!(
                "object-group ip address g1\n  10 {member}\nobject-group ip port p1\n  10 eq 80\nip access-list L\n  20 permit tcp addrgroup g1 any portgroup p1\ninterface Eth1\n  ip access-group L in\n",
            ));
            let passes = "TCP that is permitted interface Eth1, opened from its side";
            assert!(told.contains(&(Effect::Pass, passes.to_owned())), "{member}: {told:?}");
        }
    }
}
