//! The frame of the grammar: interfaces, access lists and route-maps here, the features' own commands
//! in their folders; what concerns none of them is passed over knowingly ([`super::skipped`]).

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use sim_core::engine::device::Side;

use crate::config::access_list::{self, Dialect, Entry, Reading};
use crate::config::blocks::{self, Grammar};
use crate::config::objects::{self, Objects};
use crate::config::route_map::RouteMapEntry;
use crate::config::words::{
    interface_key, interface_names, is_interface, nearest, netmask, without_note,
};
use crate::config::{ConfigText, Diagnostics, Line, quoted};
use crate::nbar::grammar::Block as QualityBlock;
use crate::zbfw::zones::Block as ZoneBlock;

use super::out_of_force::{self, Versions};
use super::{Interface, IosConfig, Named, Through, skipped};

/// The open block.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Block {
    None,
    /// Not modelled.
    Other,
    /// Read elsewhere or not modelled, with the words that its lines begin with.
    Of(&'static [&'static str]),
    /// Behind a line that seems to be a page's.
    Prose,
    /// What reaches the router itself.
    ControlPlane,
    /// Several of a range.
    Interface(Vec<usize>),
    AccessList(String),
    RouteMap(String),
    Object(objects::Block),
    Zones(ZoneBlock),
    Quality(QualityBlock),
}

/// Reads a configuration.
pub(crate) fn read(text: ConfigText<'_>, found: &mut Diagnostics) -> IosConfig {
    read_lines(text, &text.lines(), found)
}

/// Reads the lines of a text.
pub(super) fn read_lines(
    text: ConfigText<'_>,
    lines: &[Line<'_>],
    found: &mut Diagnostics,
) -> IosConfig {
    let (config, objects) = (IosConfig::default(), Objects::default());
    let places = BTreeMap::new();
    let (block, versions) = (Block::None, Versions::default());
    let mut reader = Reader { text, found, config, block, objects, places, versions };
    blocks::read_lines(lines, &mut reader);
    let Reader { mut config, versions, found, .. } = reader;
    out_of_force::take_off(&mut config, &versions, lines, found);
    config
}

struct Reader<'t, 'd> {
    text: ConfigText<'t>,
    found: &'d mut Diagnostics,
    config: IosConfig,
    block: Block,
    objects: Objects,
    /// Where an interface is among the interfaces, by its name.
    places: BTreeMap<String, usize>,
    /// Which version of IP each access list is of.
    versions: Versions,
}

impl Grammar for Reader<'_, '_> {
    fn outer(&mut self, line: &Line<'_>) -> bool {
        if let Some(block) = self.config.zones.outer(line, self.text, self.found) {
            self.block = Block::Zones(block);
            return true;
        }
        if self.config.inspections.outer(line, self.text, self.found) {
            self.block = Block::None;
            return true;
        }
        if let Some(block) = self.config.quality.outer(line, self.text, self.found) {
            self.block = block.map_or(Block::None, Block::Quality);
            return true;
        }
        if self.config.nat.outer(line, self.text, self.found) {
            // Ranges of a pool stand on lines of their own, which `outer` takes as well.
            self.block = Block::None;
            return true;
        }
        if let Some(block) = self.objects.outer(line) {
            self.block = Block::Object(block);
            return true;
        }
        match line.words.as_slice() {
            // RIP has a command of that name.
            ["version", version]
                if line.indent == 0
                    && !matches!(self.block, Block::Of(words) if words.contains(&"version")) =>
            {
                self.config.version = Some((*version).to_owned());
                self.block = Block::None;
            }
            ["control-plane", ..] => self.block = Block::ControlPlane,
            ["ip", "tcp", "intercept", rest @ ..] => {
                self.intercept(rest, line);
                self.block = Block::None;
            }
            ["route-map", name, rest @ ..] => {
                let permit = rest.first() != Some(&"deny");
                let map = self.config.route_maps.entry((*name).to_owned()).or_default();
                map.push(RouteMapEntry { permit, ..RouteMapEntry::default() });
                self.block = Block::RouteMap((*name).to_owned());
            }
            [first, name @ ..] if is_interface(first) && !name.is_empty() => {
                let interfaces = &mut self.config.interfaces;
                let names = interface_names(name).into_iter();
                let places = names.map(|name| {
                    *self.places.entry(interface_key(&name)).or_insert_with(|| {
                        interfaces.push(Interface { name, ..Interface::default() });
                        interfaces.len() - 1
                    })
                });
                self.block = Block::Interface(places.collect());
            }
            ["ip", "access-list", "extended" | "standard", name]
            | ["ipv6", "access-list", name] => {
                let Versions { four, six } = &mut self.versions;
                let of_version = if line.words[0] == "ip" { four } else { six };
                of_version.insert((*name).to_owned());
                self.config.access_lists.entry((*name).to_owned()).or_default();
                self.block = Block::AccessList((*name).to_owned());
            }
            ["ip", "access-list", "extended" | "standard", name, word, ..]
                if matches!(*word, "permit" | "deny" | "remark")
                    || word.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                let message = format!(
                    "what list {name} says stands in lines of their own: this line is refused"
                );
                self.found.error(line, word, message);
                self.block = Block::None;
            }
            ["vlan", "access-map", ..] => self.block = Block::Of(&["match", "action"]),
            ["mac", "access-list", ..] => self.block = Block::Of(&["permit", "deny", "remark"]),
            ["ip", "access-list", kind, _] if matches!(nearest(kind, ["extended", "standard"]), Some(meant) if meant != *kind) =>
            {
                let message = format!("expected extended or standard, found {}", quoted(kind));
                self.found.error(line, kind, message);
                self.block = Block::None;
            }
            ["access-list", name, ..] if !is_of_ip(name) => self.block = Block::None,
            ["no", "access-list", name] | ["no", "ip" | "ipv6", "access-list", .., name] => {
                self.config.access_lists.remove(*name);
                self.block = Block::None;
            }
            ["access-list", name, action @ ("permit" | "deny"), word, ..]
                if is_extended(name) && is_address(word) =>
            {
                let message = format!("expected a protocol (ip, tcp, …), found {}", quoted(word));
                self.found.error(line, word, message.clone());
                let (place, rest) = (self.text.place(line), &line.words[2..]);
                let list = self.config.access_lists.entry((*name).to_owned()).or_default();
                match *action {
                    // Refused or not, a list of nothing else lets all through.
                    "permit" => list.add_doubtful(rest, Entry::acting(true, place, message)),
                    // Refused, it leaves what is behind the entries before it: the implicit deny.
                    _ if list.has_entries => {
                        let entry = Entry::acting(false, place, message);
                        list.add(rest, Reading::Entry(entry));
                    }
                    _ => list.add(rest, Reading::Entry(Entry::open(place, message))),
                }
                self.block = Block::None;
            }
            ["access-list", name, rest @ ..] => {
                self.versions.four.insert((*name).to_owned());
                let entry = access_list::entry(
                    Dialect::Ios,
                    rest,
                    &self.objects,
                    line,
                    self.text,
                    self.found,
                );
                access_list::extend(&mut self.config.access_lists, name, rest, entry);
                self.block = Block::None;
            }
            _ => return false,
        }
        true
    }

    fn inner(&mut self, line: &Line<'_>) -> bool {
        if let Block::Interface(places) = &mut self.block {
            let places = std::mem::take(places);
            let is_its = self.range(&places, line);
            self.block = Block::Interface(places);
            return is_its;
        }
        match &self.block {
            Block::None => false,
            Block::Other => line.indent > 0,
            Block::Of(words) => line.indent > 0 || words.contains(&line.words[0]),
            Block::Prose => line.indent > 0 && !is_global(line),
            Block::ControlPlane => {
                if let ["service-policy", "input" | "output", name] = line.words.as_slice() {
                    self.config.control_plane.push((*name).to_owned());
                    return true;
                }
                line.indent > 0
            }
            Block::Interface(_) => false,
            Block::AccessList(name) => {
                let first = line.words[0];
                let entry = first.parse::<u32>().is_ok()
                    || matches!(
                        first,
                        "permit" | "deny" | "remark" | "evaluate" | "sequence" | "dynamic"
                    );
                if let ["no", rest @ ..] = line.words.as_slice()
                    && let Some(list) = self.config.access_lists.get_mut(name)
                {
                    list.remove(rest);
                    return true;
                }
                if entry {
                    let read = access_list::entry(
                        Dialect::Ios,
                        &line.words,
                        &self.objects,
                        line,
                        self.text,
                        self.found,
                    );
                    if let Some(list) = self.config.access_lists.get_mut(name) {
                        list.add(&line.words, read);
                    }
                }
                entry
            }
            Block::RouteMap(name) => {
                let entry = self.config.route_maps.get_mut(name).and_then(|map| map.last_mut());
                match line.words.as_slice() {
                    ["match" | "set", ..] => {
                        if let ["match", "interface", ..] = line.words.as_slice() {
                            let message = "match interface in a route-map is not modelled: it holds for every packet";
                            self.found.warn(line, "interface", message);
                        }
                        if let Some(entry) = entry {
                            entry.read(line, self.text);
                        }
                    }
                    ["description" | "continue", ..] => {}
                    _ => return false,
                }
                true
            }
            Block::Object(block) => self.objects.inner(block, line, self.found),
            Block::Quality(block) => {
                match self.config.quality.inner(*block, line, self.text, self.found) {
                    Some(block) => {
                        self.block = Block::Quality(block);
                        true
                    }
                    None => false,
                }
            }
            Block::Zones(block) => {
                let block = block.clone();
                match self.config.zones.inner(block, line, self.text, self.found) {
                    Some(block) => {
                        self.block = Block::Zones(block);
                        true
                    }
                    None => false,
                }
            }
        }
    }

    fn unknown(&mut self, line: &Line<'_>) {
        match &self.block {
            Block::None
            | Block::Other
            | Block::Of(_)
            | Block::Prose
            | Block::ControlPlane
            | Block::RouteMap(_)
            | Block::Object(_) => {}
            Block::Interface(_) => skipped::of_interface(line, self.found),
            Block::AccessList(name) => {
                let message = format!("expected permit or deny in access list {name}");
                self.found.error(line, line.words[0], message);
            }
            Block::Quality(block) => block.unknown(line, self.found),
            Block::Zones(block) => block.unknown(line, self.found),
        }
    }

    fn skip(&mut self, line: &Line<'_>) {
        if matches!(self.block, Block::Interface(_)) && skipped::goes_on(line) {
            return;
        }
        let known: &[&str] = match &self.block {
            Block::Zones(block) => block.commands(),
            Block::Quality(block) => block.commands(),
            _ => &["class-map", "policy-map", "zone-pair", "zone-member", "access-list"],
        };
        let opened = skipped::commands_of(line);
        self.block = if opened.is_empty() { Block::Other } else { Block::Of(opened) };
        if skipped::is_of_interfaces(line) {
            let message =
                "no interface is open here, which alone has this command: the line is passed over";
            self.found.warn(line, "", message);
        } else if !skipped::is_known(line) {
            blocks::slip(line, known, self.found);
            if !self.found.tells_of(line) {
                skipped::unknown(line, self.found);
            }
            // A command that opens a block has fewer words, most times (`sdwan`, with interfaces under it).
            if line.words.len() > 2 || line.text().ends_with(':') {
                self.block = Block::Prose;
            }
        }
    }
}

/// True for a command of the global mode that opens what is read: behind words of a page, a configuration may
/// be indented as a whole.
fn is_global(line: &Line<'_>) -> bool {
    match line.words.as_slice() {
        ["interface", name, ..] => name.starts_with(|c: char| c.is_ascii_uppercase()),
        ["ip", "access-list", "extended" | "standard", _] | ["zone", "security", _] => true,
        ["access-list", _, "permit" | "deny", ..] | ["ip", "inspect", "name", ..] => true,
        [first, _, ..] => matches!(*first, "class-map" | "policy-map" | "zone-pair" | "version"),
        _ => false,
    }
}

/// Letters in the place of an address's numbers, as `a.b.c.d` and `10.1.x.x`.
fn is_placeholder(word: &str) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    let is_part = |part: &&str| !part.is_empty() && part.chars().all(char::is_alphanumeric);
    parts.len() == 4 && parts.iter().all(is_part) && word.parse::<Ipv4Addr>().is_err()
}

/// Where an interface gets its address from, in place of one.
const GIVEN: [&str; 6] = ["dhcp", "negotiated", "pool", "autoconfig", "slarp", "prefix"];

impl Reader<'_, '_> {
    /// A line of one interface, or of all of a range, which are told of once.
    fn range(&mut self, places: &[usize], line: &Line<'_>) -> bool {
        let Some((first, rest)) = places.split_first() else { return false };
        let is_its = self.interface(*first, line);
        let mut quiet = Diagnostics::new(self.text.file);
        std::mem::swap(self.found, &mut quiet);
        for at in rest {
            self.interface(*at, line);
        }
        std::mem::swap(self.found, &mut quiet);
        is_its
    }

    fn interface(&mut self, at: usize, line: &Line<'_>) -> bool {
        let named =
            |name: &str| Some(Named { name: name.to_owned(), place: self.text.place(line) });
        let interface = &mut self.config.interfaces[at];
        match without_note(&line.words) {
            ["ip", "access-group", name, direction @ ("in" | "out")] => {
                interface.access[through(direction)] = named(name);
            }
            ["ipv6", "traffic-filter", name, direction @ ("in" | "out")] => {
                interface.access_v6[through(direction)] = named(name);
            }
            ["ip" | "ipv6", "inspect", name, direction @ ("in" | "out")]
            | ["ip" | "ipv6", "inspect", name, direction @ ("in" | "out"), "redundancy", ..] => {
                interface.inspect[through(direction)] = named(name);
            }
            ["no" | "default", rest @ ..] if binding(rest).is_some() => self.unbind(at, rest),
            ["ip", "access-group", name] => {
                self.found.error(line, name, "expected in or out after the access list");
                self.leave_open(at, line, "it does not say in or out");
            }
            ["ip", "access-group" | "inspect", _, other] => {
                self.found.error(line, other, format!("expected in or out, found `{other}`"));
                self.leave_open(at, line, "it does not say in or out");
            }
            ["ip", "policy", "route-map", name] => interface.policy[0] = named(name),
            ["ipv6", "policy", "route-map", name] => interface.policy[1] = named(name),
            ["no", "ip", "policy", "route-map", ..] => interface.policy[0] = None,
            ["no", "ipv6", "policy", "route-map", ..] => interface.policy[1] = None,
            ["bridge-group", number] => interface.bridge_group = Some((*number).to_owned()),
            ["no", "bridge-group", ..] => interface.bridge_group = None,
            ["shutdown"] => interface.shut_down = Some(self.text.place(line)),
            ["no", "shutdown"] => interface.shut_down = None,
            ["zone-member", "security", zone] => interface.zone = named(zone),
            ["zone-member", ..] => {
                let message = "expected zone-member security ZONE: the interface is put in no zone";
                self.found.error(line, "zone-member", message);
            }
            ["ip", "nat", "inside"] => interface.nat = Some(Side::Inside),
            ["ip", "nat", "outside"] => interface.nat = Some(Side::Outside),
            ["ip", "address", address, mask, rest @ ..] if address.parse::<Ipv4Addr>().is_ok() => {
                interface.has_address = true;
                if netmask(mask).is_none() {
                    self.found.error(line, mask, format!("expected a netmask, found `{mask}`"));
                } else if rest.is_empty() {
                    interface.address = address.parse().ok();
                }
            }
            ["ip", "address", word, ..] if is_placeholder(word) || !GIVEN.contains(word) => {
                // Its interface has an address all the same; pages hide many.
                let first = !self.config.interfaces.iter().any(|i| i.is_address_hidden);
                if first {
                    let message = format!("expected an address, found {}", quoted(word));
                    self.found.warn(line, word, message);
                }
                let interface = &mut self.config.interfaces[at];
                (interface.has_address, interface.is_address_hidden) = (true, true);
            }
            ["ip", "address", ..] | ["ip", "unnumbered", _, ..] => interface.has_address = true,
            ["ipv6", "address", ..] => (interface.has_address, interface.has_v6) = (true, true),
            ["mtu", value] | ["ip", "mtu", value] => match value.parse() {
                // What IP may fill of it is the smaller of the two.
                Ok(mtu @ 64..=65_535) => {
                    let smaller = interface.mtu.as_ref().is_none_or(|(old, _)| mtu < *old);
                    if smaller {
                        interface.mtu = Some((mtu, self.text.place(line)));
                    }
                }
                _ => {
                    let message = format!("expected an MTU of 64 to 65535 bytes, found `{value}`");
                    self.found.error(line, value, message);
                }
            },
            ["ip" | "ipv6", "unreachables"] => interface.is_silent = false,
            ["no", "ip" | "ipv6", "unreachables"] => interface.is_silent = true,
            ["ip", "tcp", "adjust-mss", value] => match value.parse() {
                Ok(mss @ 500..=1460) => {
                    interface.adjust_mss = Some((mss, self.text.place(line)));
                }
                _ => {
                    let message = format!("expected an MSS of 500 to 1460 bytes, found `{value}`");
                    self.found.error(line, value, message);
                }
            },
            ["service-policy", direction @ ("input" | "output"), name] => {
                let through = if *direction == "input" { Through::In } else { Through::Out };
                interface.service[through as usize] = named(name);
            }
            ["ip", "nbar", "protocol-discovery", ..] => {
                interface.discovery = Some(self.text.place(line));
            }
            words if binding(words).is_some() => {
                let message = "this puts a list or a policy here in a way that is not understood";
                self.found.warn(line, "", message);
                self.leave_open(at, line, message);
            }
            _ => return false,
        }
        true
    }

    /// What becomes of traffic through an interface is open because of a line.
    fn leave_open(&mut self, at: usize, line: &Line<'_>, why: &str) {
        self.config.interfaces[at].unread.push((self.text.place(line), why.to_owned()));
    }

    /// Takes a list or a policy off an interface: what stands behind `no`.
    fn unbind(&mut self, at: usize, words: &[&str]) {
        let interface = &mut self.config.interfaces[at];
        let names = match binding(words) {
            Some(Binding::Access) => &mut interface.access,
            Some(Binding::AccessV6) => &mut interface.access_v6,
            Some(Binding::Inspection) => &mut interface.inspect,
            Some(Binding::Policy) => &mut interface.service,
            None => return,
        };
        let is_in = words.iter().any(|w| matches!(*w, "in" | "input"));
        let is_out = words.iter().any(|w| matches!(*w, "out" | "output"));
        for (direction, group) in [is_in || !is_out, is_out || !is_in].into_iter().zip(names) {
            if direction {
                *group = None;
            }
        }
    }

    fn intercept(&mut self, words: &[&str], line: &Line<'_>) {
        let intercept = &mut self.config.intercept;
        match words {
            ["list", name] => {
                let place = self.text.place(line);
                intercept.list = Some(Named { name: (*name).to_owned(), place });
            }
            ["mode", "watch"] => intercept.watch = true,
            ["mode", "intercept"] => intercept.watch = false,
            ["mode", rest @ ..] => {
                let given = rest.first().copied().unwrap_or("mode");
                let message = format!("expected mode intercept or watch, found {}", quoted(given));
                self.found.error(line, given, message);
            }
            [
                "connection-timeout" | "finrst-timeout" | "watch-timeout" | "drop-mode"
                | "max-incomplete" | "one-minute",
                ..,
            ] => {
                self.found.warn(line, words[0], "only list and mode of TCP intercept are modelled");
            }
            _ => {
                let given = words.first().copied().unwrap_or("");
                let message = format!("expected list NAME or mode, found {}", quoted(given));
                self.found.error(line, given, message);
            }
        }
    }
}

/// What a line of an interface puts there.
enum Binding {
    Access,
    AccessV6,
    Inspection,
    Policy,
}

/// What a line puts on an interface, whatever it says in particular; policies of a type that drops nothing
/// are none.
fn binding(words: &[&str]) -> Option<Binding> {
    Some(match words {
        ["ip" | "ipv4", "access-group", ..] => Binding::Access,
        ["ipv6", "access-group" | "traffic-filter", ..] => Binding::AccessV6,
        ["ip" | "ipv6", "inspect", ..] => Binding::Inspection,
        ["service-policy", "type", "access-control", ..] => Binding::Policy,
        ["service-policy", "type", ..] => return None,
        ["service-policy", ..] => Binding::Policy,
        _ => return None,
    })
}

/// False for numbers of lists that name no packets of IP: protocol types, MAC addresses, IPX; and for
/// the settings of all lists.
fn is_of_ip(name: &str) -> bool {
    match name.parse::<u32>() {
        Ok(number) => matches!(number, 1..=199 | 1300..=2699),
        Err(_) => !matches!(name, "compiled" | "rate-limit"),
    }
}

/// True for numbers of extended lists.
fn is_extended(name: &str) -> bool {
    name.parse::<u32>().is_ok_and(|number| matches!(number, 100..=199 | 2000..=2699))
}

/// True for what begins an address where a protocol is expected.
fn is_address(word: &str) -> bool {
    matches!(word, "any" | "host") || word.parse::<Ipv4Addr>().is_ok()
}

fn through(word: &str) -> usize {
    (if word == "in" { Through::In } else { Through::Out }) as usize
}
