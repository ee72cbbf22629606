//! The grammar: what the lines mean that concern TCP connections.

use std::collections::BTreeMap;

use crate::config::access_list::{self, Dialect};
use crate::config::blocks::{self, Grammar};
use crate::config::objects::{self, Objects};
use crate::config::words::{interface_key, nearest, port};
use crate::config::{ConfigText, Diagnostics, Line, quoted};

use super::config::{
    AsaConfig, ClassMap, ConnectionActions, Inspect, Interface, Kind, Match, MatchOn, PolicyClass,
    PolicyMap, Service,
};
use super::layer7;
use super::lists::{AccessGroup, Family};
use super::nat::{self, Nat, Old};
use super::tcp_map::TcpMap;

/// The block that the next line may belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Block {
    None,
    /// Not modelled.
    Other,
    Layer7(layer7::Block),
    Interface(usize),
    TcpMap(usize),
    ClassMap(usize),
    Object(objects::Block),
    /// With the class that is open in it.
    PolicyMap(usize, Option<usize>),
}

/// Reads a configuration.
pub(super) fn read(text: ConfigText<'_>, found: &mut Diagnostics) -> AsaConfig {
    read_as(Kind::default(), text, found)
}

/// As [`read`]; `kind`: whose text it is, where its own lines do not say.
pub(super) fn read_as(kind: Kind, text: ConfigText<'_>, found: &mut Diagnostics) -> AsaConfig {
    let (config, objects) = (AsaConfig { kind, ..AsaConfig::default() }, Objects::default());
    let old = Old::default();
    let ports = BTreeMap::new();
    let mut reader = Reader { text, found, config, block: Block::None, objects, old, ports };
    blocks::read(text, &mut reader);
    let Reader { mut config, old, found, .. } = reader;
    let mut without_global = Vec::new();
    let rules = old.into_rules(|line, id| without_global.push((line, id)));
    config.lists_see_mapped = !rules.is_empty();
    config.nats.extend(rules);
    if !without_global.is_empty() {
        let all = text.lines();
        for (line, id) in without_global {
            if let Some(line) = all.iter().find(|l| l.number == line) {
                let message = format!("no global (…) {id} belongs to it: it translates nothing");
                found.warn(line, "", message);
            }
        }
    }
    add_factory_class(&mut config, text, found);
    config.settle_groups();
    config
}

/// The class-map that an ASA comes with. It takes a policy-map's `class` only when the class-map exists, so
/// a text that uses this one and does not hold it is a part of a configuration.
fn add_factory_class(config: &mut AsaConfig, text: ConfigText<'_>, found: &mut Diagnostics) {
    const FACTORY: &str = "inspection_default";
    let mut classes = config.policy_maps.iter().flat_map(|policy| &policy.classes);
    if config.class_map(FACTORY).is_none()
        && let Some(class) = classes.find(|class| class.name == FACTORY)
    {
        let place = class.place.clone();
        // A whole configuration would show it.
        let all = text.lines();
        if config.version.is_some()
            && let Ok(at) = all.binary_search_by_key(&place.line, |l| l.number)
        {
            let message = format!(
                "class-map {FACTORY} is not in the text: it is read as an ASA comes with it"
            );
            found.warn(&all[at], FACTORY, message);
        }
        let on = MatchOn::DefaultInspection;
        let matches = vec![Match { place: place.clone(), on }];
        config.class_maps.push(ClassMap { name: FACTORY.to_owned(), place, matches });
    }
}

/// True for a command that stands in no block that is not modelled: where one seems to, words of a page, or
/// its prompt, stand before a configuration that is indented as a whole.
fn is_global(line: &Line<'_>) -> bool {
    match line.words.as_slice() {
        ["ASA", "Version", _, ..] | ["object", "network" | "service", _] => true,
        [first, _, ..] => {
            matches!(
                *first,
                "tcp-map" | "class-map" | "policy-map" | "access-list" | "access-group"
            )
        }
        _ => false,
    }
}

struct Reader<'t, 'd> {
    text: ConfigText<'t>,
    found: &'d mut Diagnostics,
    config: AsaConfig,
    block: Block,
    objects: Objects,
    old: Old,
    /// Where the interface of each port is.
    ports: BTreeMap<String, usize>,
}

impl Grammar for Reader<'_, '_> {
    fn outer(&mut self, line: &Line<'_>) -> bool {
        if let Some(block) = self.objects.outer(line) {
            self.block = Block::Object(block);
            return true;
        }
        // Where nothing is indented, a rule of the open object.
        if let (["nat", _, word, ..], Block::Object(objects::Block::Network(name))) =
            (line.words.as_slice(), &self.block)
            && nat::kind(word).is_some()
        {
            let name = name.clone();
            self.nat(Some(&name), line);
            return true;
        }
        if let ["class-map", "type", "management", name] = line.words.as_slice() {
            // It selects connections to the ASA itself.
            let (name, place) = ((*name).to_owned(), self.text.place(line));
            let matches = vec![Match { place: place.clone(), on: MatchOn::Nothing }];
            self.config.class_maps.push(ClassMap { name, place, matches });
            self.block = Block::Other;
            return true;
        }
        if let Some(block) = self.config.layer7.outer(line, self.found) {
            self.block = Block::Layer7(block);
            return true;
        }
        if self.objects.name(line) {
            self.block = Block::None;
            return true;
        }
        let place = || self.text.place(line);
        let config = &mut self.config;
        self.block = match line.words.as_slice() {
            ["ASA" | "PIX" | "FWSM" | "NGFW", "Version" | "VERSION" | "version", version, ..] => {
                config.version = Some(version.trim_end_matches(',').to_owned());
                // An FTD has no security levels.
                config.same_security_permitted |= line.words[0] == "NGFW";
                if line.words[0] == "FWSM" {
                    config.kind = Kind::Fwsm;
                }
                Block::None
            }
            // As PIX before 7.0 and FWSM before 3.1 write it.
            ["nameif", _, name, level] if level.starts_with("security") => {
                let level = level.trim_start_matches("security").parse::<u8>().ok();
                config.interfaces.push(Interface {
                    name: Some(((*name).to_owned(), place())),
                    security_level: level.map(|level| (level.min(100), place())),
                    ..Interface::default()
                });
                Block::None
            }
            ["nameif" | "security-level", _] if !matches!(self.block, Block::Interface(_)) => {
                self.found.warn(
                    line,
                    "",
                    "no interface is being configured here: the line is not read",
                );
                Block::None
            }
            ["conduit", "permit", ..] => {
                config.conduit.get_or_insert_with(place);
                Block::None
            }
            ["interface" | "int", port @ ..] => {
                let port = interface_key(&port.concat());
                let bvi = port.strip_prefix("bvi").and_then(|number| number.parse().ok());
                // Opened again, an interface keeps what it has.
                let at = *self.ports.entry(port).or_insert_with(|| {
                    config.interfaces.push(Interface { bvi, ..Interface::default() });
                    config.interfaces.len() - 1
                });
                Block::Interface(at)
            }
            ["firewall", "transparent"] => {
                config.is_transparent = true;
                Block::None
            }
            ["tcp-map", name] => {
                let known = config.tcp_maps.iter().position(|m| m.name == *name);
                Block::TcpMap(known.unwrap_or_else(|| {
                    config.tcp_maps.push(TcpMap::new(name, place()));
                    config.tcp_maps.len() - 1
                }))
            }
            ["class-map", "match-any" | "match-all", name] | ["class-map", name] => {
                let known = config.class_maps.iter().position(|m| m.name == *name);
                Block::ClassMap(known.unwrap_or_else(|| {
                    let (name, place) = ((*name).to_owned(), place());
                    config.class_maps.push(ClassMap { name, place, matches: Vec::new() });
                    config.class_maps.len() - 1
                }))
            }
            ["policy-map", name] => {
                let known = config.policy_maps.iter().position(|m| m.name == *name);
                let at = known.unwrap_or_else(|| {
                    let (name, place) = ((*name).to_owned(), place());
                    config.policy_maps.push(PolicyMap { name, place, classes: Vec::new() });
                    config.policy_maps.len() - 1
                });
                Block::PolicyMap(at, None)
            }
            ["tcp-map" | "class-map" | "policy-map" | "service-policy" | "access-list"] => {
                let message = format!("expected a name after {}", line.words[0]);
                self.found.error(line, "", message);
                Block::Other
            }
            ["tcp-map" | "policy-map", _, extra, ..] | ["class-map", _, extra, ..] => {
                self.found.error(
                    line,
                    extra,
                    format!("expected the end of the line, found `{extra}`"),
                );
                Block::Other
            }
            ["service-policy", policy, rest @ ..] => {
                let interface = match rest {
                    ["global"] => None,
                    ["interface", name] | ["interface", name, "fail-close"] => {
                        Some((*name).to_owned())
                    }
                    _ => {
                        let given = rest.first().copied().unwrap_or("");
                        let message =
                            format!("expected global or interface NAME, found {}", quoted(given));
                        self.found.error(line, given, message);
                        return true;
                    }
                };
                let place = place();
                config.services.push(Service { policy: (*policy).to_owned(), interface, place });
                Block::None
            }
            ["no", "service-policy", policy, rest @ ..] => {
                let interface = match rest {
                    ["interface", name, ..] => Some(*name),
                    _ => None,
                };
                config
                    .services
                    .retain(|s| s.policy != *policy || s.interface.as_deref() != interface);
                Block::None
            }
            ["access-list", "mode" | "alert-interval" | "deny-flow-max", ..]
            | ["access-list", "commit" | "compiled"]
            | ["access-list", _, "compiled"] => Block::None,
            // Headings of `show access-list`.
            ["access-list", "cached", "ACL", ..] => Block::None,
            ["access-list", name, _, elements, ..]
                if name.ends_with(';') && elements.starts_with("element") =>
            {
                Block::None
            }
            // PIX 6 alone takes a list away by its name (PIX Firewall 6.3 command reference, `access-list`).
            ["no", "access-list", name] if config.kind != Kind::Pix6 => {
                let message = format!(
                    "an ASA refuses this, an entry is missing: list {name} keeps its entries"
                );
                let help = format!("clear configure access-list {name} takes it away");
                self.found.warn(line, "", message).help(help);
                Block::None
            }
            ["no", "access-list", name, rest @ ..] => {
                access_list::withdraw(&mut config.access_lists, name, rest, &line.words[1..]);
                Block::None
            }
            ["clear", "configure", "access-list", names @ ..] => {
                config
                    .access_lists
                    .retain(|name, _| !names.is_empty() && !names.contains(&&**name));
                Block::None
            }
            // Lists of Ethernet types leave IP alone, but for one that denies all (ASA CLI configuration guide,
            // access rules, "Implicit Deny").
            ["access-list", name, "ethertype", rest @ ..] => {
                if let ["deny", "any", ..] = rest {
                    let message = "this list of Ethernet types denies IP as well: where it is put, nothing crosses";
                    self.found.warn(line, "deny", message);
                }
                config.ethertype_lists.insert((*name).to_owned());
                Block::None
            }
            ["access-list", name, rest @ ..] => {
                let entry = access_list::entry(
                    Dialect::Asa,
                    rest,
                    &self.objects,
                    line,
                    self.text,
                    self.found,
                );
                access_list::extend(&mut config.access_lists, name, rest, entry);
                Block::None
            }
            ["no", "ipv6", "access-list", name, rest @ ..] => {
                access_list::withdraw(&mut config.ipv6_lists, name, rest, &line.words[1..]);
                Block::None
            }
            ["ipv6", "access-list", name, rest @ ..] if !rest.is_empty() => {
                let entry = access_list::entry(
                    Dialect::Asa,
                    rest,
                    &self.objects,
                    line,
                    self.text,
                    self.found,
                );
                access_list::extend(&mut config.ipv6_lists, name, rest, entry.of_ipv6());
                Block::None
            }
            ["access-group", list, ..] if config.ethertype_lists.contains(*list) => Block::None,
            // What is for the box itself crosses it not.
            ["access-group", .., "control-plane"] => Block::None,
            ["access-group", list, direction @ ("in" | "out"), "interface", name]
            | [
                "access-group",
                list,
                direction @ ("in" | "out"),
                "interface",
                name,
                "per-user-override",
            ] => {
                config.access_groups.push(AccessGroup {
                    of: Family::Both,
                    then: None,
                    list: (*list).to_owned(),
                    inbound: *direction == "in",
                    interface: Some((*name).to_owned()),
                    place: place(),
                });
                Block::None
            }
            ["no", "access-group", list, direction @ ("in" | "out"), "interface", name] => {
                config.unapply(list, *direction == "in", Some(name));
                Block::None
            }
            ["no", "access-group", list, "global"] => {
                config.unapply(list, true, None);
                Block::None
            }
            ["context", _] => Block::None,
            ["config-url", url, ..] => {
                config.elsewhere.get_or_insert_with(place);
                let message = format!("this context's configuration is in {url}, not in this text");
                self.found.warn(line, url, message);
                Block::None
            }
            ["timeout", settings @ ..] => {
                config.timeouts.read(settings, line, self.found);
                Block::None
            }
            ["access-group", list, "global"] => {
                config.access_groups.push(AccessGroup {
                    of: Family::Both,
                    then: None,
                    list: (*list).to_owned(),
                    inbound: true,
                    interface: None,
                    place: place(),
                });
                Block::None
            }
            ["access-group", ..] => {
                let message = "expected access-group LIST in|out interface NAME, or LIST global";
                self.found.error(line, "", message);
                config.unread.push(place());
                Block::None
            }
            ["access", "list" | "group", ..] => {
                let meant = format!("access-{}", line.words[1]);
                self.found
                    .error(line, "access", "unknown command `access`".to_owned())
                    .help(format!("did you mean {meant}?"));
                Block::None
            }
            ["same-security-traffic", "permit", "inter-interface"] => {
                config.same_security_permitted = true;
                Block::None
            }
            ["same-security-traffic", "permit", "intra-interface"] => {
                config.hairpins_permitted = true;
                Block::None
            }
            ["sysopt", "connection", "tcpmss", rest @ ..] => {
                let (value, slot) = match rest {
                    ["minimum", value] => (*value, &mut config.mss_minimum),
                    [value] => (*value, &mut config.mss_maximum),
                    _ => ("", &mut config.mss_maximum),
                };
                match value.parse() {
                    Ok(mss) => *slot = Some((mss, self.text.place(line))),
                    Err(_) => {
                        let message =
                            format!("expected a segment size in bytes, found {}", quoted(value));
                        self.found.error(line, value, message);
                    }
                }
                Block::None
            }
            ["no", "sysopt", "connection", "tcpmss", "minimum", ..] => {
                config.mss_minimum = None;
                Block::None
            }
            ["no", "sysopt", "connection", "tcpmss", ..] => {
                config.mss_maximum = None;
                Block::None
            }
            ["nat", ..] => {
                self.nat(None, line);
                Block::None
            }
            ["static" | "global", ..] if self.old_translation(line) => Block::None,
            _ => return false,
        };
        true
    }

    fn inner(&mut self, line: &Line<'_>) -> bool {
        match self.block {
            Block::None => false,
            Block::Other => line.indent > 0 && !is_global(line),
            Block::Layer7(ref block) => {
                self.config.layer7.inner(block, line, self.text, self.found)
            }
            Block::Interface(at) => self.interface(at, line),
            Block::Object(objects::Block::Network(ref name)) if line.words[0] == "nat" => {
                let name = name.clone();
                self.nat(Some(&name), line);
                true
            }
            Block::Object(ref block) => self.objects.inner(block, line, self.found),
            Block::TcpMap(at) => self.config.tcp_maps[at].command(line, self.text, self.found),
            Block::ClassMap(at) => self.class_map(at, line),
            Block::PolicyMap(at, class) => self.policy_map(at, class, line),
        }
    }

    fn unknown(&mut self, line: &Line<'_>) {
        let word = line.words[0];
        match self.block {
            Block::None
            | Block::Other
            | Block::Layer7(_)
            | Block::Interface(_)
            | Block::Object(_) => {}
            Block::TcpMap(_) => TcpMap::unknown(line, self.found),
            Block::ClassMap(_) => {
                self.found.error(
                    line,
                    word,
                    format!("unknown command in a class-map: {}", quoted(word)),
                );
            }
            Block::PolicyMap(..) => {
                self.found.error(
                    line,
                    word,
                    format!("unknown command in a policy-map: {}", quoted(word)),
                );
            }
        }
    }

    fn skip(&mut self, line: &Line<'_>) {
        let known: &[&str] = match self.block {
            Block::TcpMap(_) => &["tcp-options", "urgent-flag", "exceed-mss", "reserved-bits"],
            Block::ClassMap(_) => &["match"],
            Block::PolicyMap(..) => &["class", "inspect"],
            _ => &["tcp-map", "class-map", "policy-map", "service-policy"],
        };
        blocks::slip(line, known, self.found);
        // Where a text is not indented, an interface is open until another command is: what is read of one
        // stands nowhere else.
        if !matches!(self.block, Block::Interface(_)) {
            self.block = Block::Other;
        }
    }
}

impl Reader<'_, '_> {
    /// A `nat` line of the global mode, or of an object.
    fn nat(&mut self, object: Option<&str>, line: &Line<'_>) {
        // As before 8.3: `nat (inside) 1 0 0`.
        let between = line.words.get(1).copied().unwrap_or("");
        if between.starts_with('(') && !between.contains(',') {
            self.old_translation(line);
            return;
        }
        if between.starts_with('(') && !between.ends_with(')') {
            let message = "expected (REAL,MAPPED) without a blank: this line translates nothing";
            self.found.warn(line, between, message);
            return;
        }
        let Some(nat) = Nat::read(object, &self.objects, line, self.text, self.found) else {
            return;
        };
        if !nat.is_identity() {
            self.config.translation.get_or_insert_with(|| nat.place.clone());
        }
        // An object has one rule, the one that was given last.
        let is_replaced = |old: &Nat| object.is_some() && old.object.as_deref() == object;
        self.config.nats.retain(|old| !is_replaced(old));
        self.config.nats.push(nat);
    }

    /// A line that translates addresses, as before 8.3; `nat (inside) 0` exempts. False when it is none.
    fn old_translation(&mut self, line: &Line<'_>) -> bool {
        let interfaces = |word: &str| word.starts_with('(');
        let translates = match line.words.as_slice() {
            ["nat", first, rest @ ..] => interfaces(first) && rest.first() != Some(&"0"),
            ["static" | "global", first, ..] => interfaces(first),
            _ => false,
        };
        if translates {
            // `… tcp CONNECTIONS EMBRYONIC`, as before 8.3.
            let number = |at: usize| line.words.get(at).and_then(|w| w.parse::<u32>().ok());
            if let Some(at) = line.words.iter().rposition(|w| *w == "tcp")
                && let (Some(_), Some(limit @ 1..)) = (number(at + 1), number(at + 2))
            {
                self.config.translation_limits.push((limit, self.text.place(line)));
            }
            self.config.translation.get_or_insert_with(|| self.text.place(line));
        }
        self.old.take(&self.objects, line, self.text, self.found)
    }

    fn interface(&mut self, at: usize, line: &Line<'_>) -> bool {
        let interface = &mut self.config.interfaces[at];
        match line.words.as_slice() {
            ["nameif", name] => {
                if let Some((old, place)) = interface.name.as_ref().filter(|(old, _)| old != name) {
                    let message = format!(
                        "this interface is {old} already (line {}): the name is replaced",
                        place.line
                    );
                    self.found.warn(line, name, message);
                }
                interface.name = Some(((*name).to_owned(), self.text.place(line)));
            }
            ["security-level", level] => {
                match level.parse::<u8>().ok().filter(|level| *level <= 100) {
                    Some(level) => interface.security_level = Some((level, self.text.place(line))),
                    None => {
                        let message =
                            format!("expected a level from 0 to 100, found {}", quoted(level));
                        self.found.error(line, level, message);
                    }
                }
            }
            ["shutdown"] => interface.shut_down = Some(self.text.place(line)),
            ["no", "shutdown"] => interface.shut_down = None,
            ["management-only", ..] => interface.management_only = Some(self.text.place(line)),
            ["ip", "address", address, ..] => {
                interface.address = address.parse().ok();
                if let (Some((name, _)), Some(address)) = (&interface.name, interface.address) {
                    self.objects.set_interface(name, address.into());
                }
            }
            ["bridge-group", number] => {
                interface.bridge_group = number.parse().ok().map(|n| (n, self.text.place(line)));
            }
            ["policy-route", "route-map", map] => interface.policy_route = Some((*map).to_owned()),
            ["no", "policy-route", "route-map", ..] => interface.policy_route = None,
            _ => return line.indent > 0,
        }
        true
    }

    fn class_map(&mut self, at: usize, line: &Line<'_>) -> bool {
        let on = match line.words.as_slice() {
            ["description", ..] => return true,
            ["no", "match", ..] => {
                self.config.class_maps[at].matches.clear();
                return true;
            }
            ["match", "any"] => MatchOn::Any,
            ["match", "access-list", name] => MatchOn::AccessList((*name).to_owned()),
            ["match", "default-inspection-traffic"] => MatchOn::DefaultInspection,
            ["match", "port", "tcp", rest @ ..] => match rest {
                ["eq", one] => match self.port(line, one) {
                    Some(one) => MatchOn::TcpPort(one..=one),
                    None => return true,
                },
                ["range", first, last] => match (self.port(line, first), self.port(line, last)) {
                    (Some(first), Some(last)) => MatchOn::TcpPort(first..=last),
                    _ => return true,
                },
                _ => {
                    let given = rest.first().copied().unwrap_or("");
                    let message =
                        format!("expected eq PORT or range FIRST LAST, found {}", quoted(given));
                    self.found.error(line, given, message);
                    return true;
                }
            },
            ["match", "port", "udp" | "sctp", ..] => MatchOn::Nothing,
            [
                "match",
                criterion @ ("dscp" | "precedence" | "rtp" | "tunnel-group" | "flow"),
                ..,
            ] => {
                let message =
                    format!("match {criterion} is not modelled: this class matches nothing");
                self.found.warn(line, criterion, message);
                MatchOn::Nothing
            }
            ["match", rest @ ..] => {
                let given = rest.first().copied().unwrap_or("");
                let report = self.found.error(
                    line,
                    given,
                    format!("unknown criterion {} after match", quoted(given)),
                );
                let known = ["any", "access-list", "port", "default-inspection-traffic"];
                match nearest(given, known) {
                    Some(meant) => report.help(format!("did you mean {meant}?")),
                    None => report.help(format!("expected one of {}", known.join(", "))),
                }
                return true;
            }
            _ => return false,
        };
        let place = self.text.place(line);
        self.config.class_maps[at].matches.push(Match { place, on });
        true
    }

    fn port(&mut self, line: &Line<'_>, word: &str) -> Option<u16> {
        let number = port(word);
        if number.is_none() {
            self.found.error(line, word, format!("expected a TCP port, found {}", quoted(word)));
        }
        number
    }

    fn policy_map(&mut self, at: usize, class: Option<usize>, line: &Line<'_>) -> bool {
        /// Actions of a class that do not touch TCP options.
        const OTHER: [&str; 12] = [
            "csc",
            "cxsc",
            "flow-export",
            "ips",
            "police",
            "priority",
            "service-policy",
            "sfr",
            "shape",
            "user-statistics",
            "description",
            "exit",
        ];
        let place = self.text.place(line);
        let classes = &mut self.config.policy_maps[at].classes;
        match line.words.as_slice() {
            ["class", name] => {
                let known = classes.iter().position(|c| c.name == *name);
                let class = known.unwrap_or_else(|| {
                    classes.push(PolicyClass {
                        name: (*name).to_owned(),
                        place,
                        connection: ConnectionActions::default(),
                        inspections: Vec::new(),
                    });
                    classes.len() - 1
                });
                self.block = Block::PolicyMap(at, Some(class));
                return true;
            }
            ["class", _, extra, ..] => {
                let message = format!("expected class NAME, found {} behind it", quoted(extra));
                self.found.error(line, extra, message).help("what is under it is not read");
                self.block = Block::PolicyMap(at, None);
                return true;
            }
            ["description", ..] => return true,
            ["no", "class", name] => {
                classes.retain(|c| c.name != *name);
                self.block = Block::PolicyMap(at, None);
                return true;
            }
            _ => {}
        }
        let class = class.and_then(|class| classes.get_mut(class));
        match (line.words.as_slice(), class) {
            (["set" | "inspect", ..], None) => {
                self.found
                    .error(line, line.words[0], "this action belongs to a class, and none is open")
                    .help("put `class NAME` before it");
            }
            (["set", "connection", rest @ ..], Some(class)) => {
                class.connection.read(rest, line, self.text, self.found);
            }
            (["inspect", protocol, rest @ ..], Some(class)) => {
                let strict = rest.first() == Some(&"strict");
                let map = rest.get(usize::from(strict)).map(|map| (*map).to_owned());
                let protocol = (*protocol).to_owned();
                class.inspections.push(Inspect { protocol, map, strict, place });
            }
            (["no", "inspect", protocol, ..], Some(class)) => {
                class.inspections.retain(|i| i.protocol != *protocol);
            }
            (["set", given, ..], Some(_)) => {
                let message = format!("expected connection after set, found {}", quoted(given));
                self.found.error(line, given, message);
            }
            (["no", "set", "connection", what, ..], Some(class)) => class.connection.forget(what),
            (["no", ..], Some(_)) => {}
            ([action, ..], _) if OTHER.contains(action) => {}
            _ => return false,
        }
        true
    }
}
