//! The grammar: servers and farms, stickiness, classes, policies, parameter-maps, interfaces.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;

use crate::config::access_list::{self, Dialect};
use crate::config::blocks::{self, Grammar};
use crate::config::objects::{self, Objects};
use crate::config::words::{netmask, port, prefix};
use crate::config::{ConfigText, Diagnostics, Line, quoted};

use super::config::{
    AceConfig, BalanceClass, ClassMap, CookieSticky, Farm, HttpClass, HttpMatch, Interface, Key,
    LoadBalance, MatchOn, Member, MultiClass, MultiMatch, Parameters, Predictor, RServer, Sticky,
    To,
};
use super::normalizer::Normalizer;

/// The open block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    None,
    /// Not modelled.
    Other,
    RServer(usize),
    /// With the member that is open in it.
    Farm(usize, Option<usize>),
    Sticky(usize),
    Cookie(usize),
    Http(usize),
    Parameters(usize),
    Class(usize),
    /// With the class that is open in it.
    Balance(usize, Option<usize>),
    /// With the class that is open in it.
    Multi(usize, Option<usize>),
    Interface(usize),
    /// A group of objects ([`Reader::group`]).
    Group,
}

/// Types of parameter-maps (ACE command reference, parameter-map type).
const PARAMETERS: [&str; 9] =
    ["connection", "dns", "generic", "http", "optimization", "rtsp", "sip", "skinny", "ssl"];

const PROXY: &str = "this makes ACE a proxy: TCP options do not cross it";

/// Reads a configuration.
pub(super) fn read(text: ConfigText<'_>, found: &mut Diagnostics) -> AceConfig {
    let config = AceConfig::default();
    let mut reader = Reader {
        text,
        found,
        config,
        block: Block::None,
        objects: Objects::default(),
        group: None,
        indented: false,
    };
    blocks::read(text, &mut reader);
    reader.config
}

struct Reader<'t, 'd> {
    text: ConfigText<'t>,
    found: &'d mut Diagnostics,
    config: AceConfig,
    block: Block,
    objects: Objects,
    /// The group that is open, or was last.
    group: Option<objects::Block>,
    /// True once a line was indented: one that is not then stands outside the open block.
    indented: bool,
}

/// The index of the item of this name, which is added when there is none.
fn open<T>(all: &mut Vec<T>, known: impl Fn(&T) -> bool, new: impl FnOnce() -> T) -> usize {
    all.iter().position(known).unwrap_or_else(|| {
        all.push(new());
        all.len() - 1
    })
}

impl Grammar for Reader<'_, '_> {
    fn outer(&mut self, line: &Line<'_>) -> bool {
        if let Some(block) = self.objects.outer(line) {
            self.group = Some(block);
            self.block = Block::Group;
            return true;
        }
        let place = || self.text.place(line);
        let config = &mut self.config;
        self.block = match line.words.as_slice() {
            ["rserver", "host", name] => Block::RServer(open(
                &mut config.rservers,
                |r| r.name == *name,
                || RServer {
                    name: (*name).to_owned(),
                    address: None,
                    in_service: false,
                    place: place(),
                },
            )),
            ["serverfarm", "host", name] => {
                let at = open(
                    &mut config.farms,
                    |f| f.name == *name,
                    || Farm {
                        name: (*name).to_owned(),
                        predictor: None,
                        members: Vec::new(),
                        place: place(),
                    },
                );
                Block::Farm(at, None)
            }
            ["sticky", "ip-netmask", mask, "address", by, name] => {
                let Some(key) = key(by, mask) else {
                    let message =
                        "expected sticky ip-netmask MASK address source|destination|both NAME";
                    self.found.error(line, "", message);
                    return true;
                };
                config.sticky.push(Sticky {
                    name: (*name).to_owned(),
                    key,
                    farm: None,
                    timeout_minutes: 1440,
                    place: place(),
                });
                Block::Sticky(config.sticky.len() - 1)
            }
            ["sticky", "http-cookie", cookie, name] => {
                config.cookies.push(CookieSticky {
                    name: (*name).to_owned(),
                    cookie: (*cookie).to_owned(),
                    farm: None,
                    place: place(),
                });
                Block::Cookie(config.cookies.len() - 1)
            }
            ["class-map", "type", "http", "loadbalance", rest @ ..] => match rest.last() {
                Some(name) => Block::Http(open(
                    &mut config.http_classes,
                    |c| c.name == *name,
                    || HttpClass {
                        name: (*name).to_owned(),
                        any: rest.first() == Some(&"match-any"),
                        matches: Vec::new(),
                    },
                )),
                None => Block::Other,
            },
            ["sticky", method, ..] if *method != "ip-netmask" => {
                let message =
                    format!("sticky {method} is not modelled: connections are not kept together");
                self.found.warn(line, method, message);
                Block::Other
            }
            ["parameter-map", "type", "connection", name] => Block::Parameters(open(
                &mut config.parameters,
                |p| p.name == *name,
                || Parameters {
                    name: (*name).to_owned(),
                    normalizer: Normalizer::factory(),
                    place: place(),
                },
            )),
            ["class-map", "match-any" | "match-all", name] | ["class-map", name] => {
                Block::Class(open(
                    &mut config.classes,
                    |c| c.name == *name,
                    || ClassMap {
                        name: (*name).to_owned(),
                        any: line.words[1] == "match-any",
                        matches: Vec::new(),
                    },
                ))
            }
            ["policy-map", "type", "loadbalance", rest @ ..] => match rest.last() {
                Some(name) => {
                    let at = open(
                        &mut config.balancing,
                        |b| b.name == *name,
                        || LoadBalance { name: (*name).to_owned(), classes: Vec::new() },
                    );
                    Block::Balance(at, None)
                }
                None => Block::Other,
            },
            ["policy-map", "multi-match", name] => {
                let at = open(
                    &mut config.multi,
                    |m| m.name == *name,
                    || MultiMatch { name: (*name).to_owned(), classes: Vec::new(), place: place() },
                );
                Block::Multi(at, None)
            }
            ["policy-map", "type", .., name] => {
                config.other_policies.push((*name).to_owned());
                Block::Other
            }
            ["parameter-map", "type", kind, ..] if !PARAMETERS.contains(kind) => {
                let message = format!("expected a type of parameters, found {}", quoted(kind));
                self.found
                    .error(line, kind, message)
                    .help(format!("one of {}; nothing under it is read", PARAMETERS.join(", ")));
                Block::Other
            }
            ["class-map" | "policy-map" | "parameter-map", "type", ..] => Block::Other,
            ["interface" | "int", name @ ..] => {
                let name = name.join(" ");
                let called = name.clone();
                // Opened again, an interface keeps what it has.
                Block::Interface(open(
                    &mut config.interfaces,
                    |i| i.name == called,
                    || Interface { name, ..Interface::default() },
                ))
            }
            ["access-list", _, "resequence", ..] => Block::None,
            ["no", "access-list", name, rest @ ..] => {
                access_list::withdraw(&mut config.access_lists, name, rest, &line.words[1..]);
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
            ["service-policy", "input", name] if self.indented || !self.block.is_interface() => {
                config.services.push(((*name).to_owned(), None, place()));
                Block::None
            }
            ["access-group", direction, ..] if *direction != "input" => {
                let message = "expected access-group input NAME";
                self.found.error(line, direction, message);
                Block::None
            }
            ["access-group", "input", name] if self.indented || !self.block.is_interface() => {
                config.access_group = Some(((*name).to_owned(), place()));
                Block::None
            }
            _ => return false,
        };
        true
    }

    fn inner(&mut self, line: &Line<'_>) -> bool {
        self.indented |= line.indent > 0;
        if line.words[0] == "description" && self.block != Block::None {
            return true;
        }
        match self.block {
            Block::None => false,
            Block::Other => line.indent > 0 && !is_global(line),
            Block::Group => match &self.group {
                Some(group) => self.objects.inner(group, line, self.found),
                None => false,
            },
            Block::RServer(at) => self.rserver(at, line),
            Block::Farm(at, member) => self.farm(at, member, line),
            Block::Sticky(at) => self.sticky(at, line),
            Block::Cookie(at) => {
                match line.words.as_slice() {
                    ["serverfarm", name, ..] => {
                        self.config.cookies[at].farm = Some((*name).to_owned());
                    }
                    ["cookie" | "timeout" | "replicate" | "static" | "no", ..] => {}
                    _ => return line.indent > 0,
                }
                true
            }
            Block::Http(at) => self.http_class(at, line),
            Block::Parameters(at) => {
                self.config.parameters[at].normalizer.command(line, self.text, self.found)
            }
            Block::Class(at) => self.class(at, line),
            Block::Balance(at, class) => self.balance(at, class, line),
            Block::Multi(at, class) => self.multi(at, class, line),
            Block::Interface(at) => self.interface(at, line),
        }
    }

    fn unknown(&mut self, line: &Line<'_>) {
        let block = match self.block {
            Block::None | Block::Other | Block::Group | Block::Interface(_) | Block::RServer(_) => {
                return;
            }
            Block::Parameters(_) => return Normalizer::unknown(line, self.found),
            Block::Farm(..) => "a serverfarm",
            Block::Sticky(_) => "a sticky group",
            Block::Cookie(_) => "a sticky group",
            Block::Class(_) | Block::Http(_) => "a class-map",
            Block::Balance(..) | Block::Multi(..) => "a policy-map",
        };
        let word = line.words[0];
        self.found.error(line, word, format!("unknown command in {block}: {}", quoted(word)));
    }

    fn skip(&mut self, line: &Line<'_>) {
        let known: &[&str] = match self.block {
            Block::Parameters(_) => &["tcp-options", "random-sequence-number"],
            Block::Farm(..) => &["predictor", "rserver", "inservice"],
            Block::Multi(..) => &["class", "loadbalance", "connection"],
            _ => &["parameter-map", "class-map", "policy-map", "serverfarm", "rserver"],
        };
        let config = &self.config;
        let has_policies = !(config.multi.is_empty()
            && config.balancing.is_empty()
            && config.other_policies.is_empty());
        if line.words[0] == "class" && line.words.len() > 1 && !has_policies {
            let message =
                "a class stands in a policy-map, and none is open: what is under it is not read";
            self.found.error(line, "class", message);
        } else {
            blocks::slip(line, known, self.found);
        }
        self.block = Block::Other;
    }
}

/// True for a command that stands in no block that is not modelled: where one seems to, words of a page stand
/// before a configuration that is indented as a whole.
fn is_global(line: &Line<'_>) -> bool {
    match line.words.as_slice() {
        ["rserver" | "serverfarm", "host", _] | ["interface", "vlan", _] => true,
        [first, _, ..] => {
            matches!(*first, "access-list" | "parameter-map" | "class-map" | "policy-map")
        }
        _ => false,
    }
}

impl Block {
    const fn is_interface(self) -> bool {
        matches!(self, Self::Interface(_))
    }
}

/// Which addresses count.
fn key(by: &str, mask: &str) -> Option<Key> {
    netmask(mask)?;
    let mask = u32::from(mask.parse::<Ipv4Addr>().ok()?);
    let (source, destination) = match by {
        "source" => (true, false),
        "destination" => (false, true),
        "both" => (true, true),
        _ => return None,
    };
    Some(Key { source, destination, mask })
}

impl Reader<'_, '_> {
    fn rserver(&mut self, at: usize, line: &Line<'_>) -> bool {
        let server = &mut self.config.rservers[at];
        match line.words.as_slice() {
            ["ip", "address", address] => match address.parse() {
                Ok(address) => server.address = Some(address),
                Err(_) => {
                    let message = format!("expected an address, found {}", quoted(address));
                    self.found.error(line, address, message);
                }
            },
            ["inservice", ..] => server.in_service = true,
            ["no", "inservice"] => server.in_service = false,
            _ => return line.indent > 0,
        }
        true
    }

    fn farm(&mut self, at: usize, member: Option<usize>, line: &Line<'_>) -> bool {
        let place = self.text.place(line);
        let farm = &mut self.config.farms[at];
        match line.words.as_slice() {
            ["predictor", rest @ ..] => {
                let predictor = match rest {
                    ["roundrobin"] => Predictor::RoundRobin,
                    ["leastconns", ..] => Predictor::LeastConnections,
                    ["hash", "address", rest @ ..] => {
                        let by = rest.iter().find(|w| matches!(**w, "source" | "destination"));
                        let mask = rest.iter().find(|w| netmask(w).is_some());
                        let mask = mask.copied().unwrap_or("255.255.255.255");
                        let Some(key) = key(by.copied().unwrap_or("both"), mask) else {
                            return true;
                        };
                        Predictor::HashAddress(key)
                    }
                    [given, ..] => {
                        let message =
                            format!("predictor {given} is not modelled: roundrobin is used");
                        self.found.warn(line, given, message);
                        return true;
                    }
                    [] => {
                        self.found.error(line, "", "expected a method after predictor");
                        return true;
                    }
                };
                farm.predictor = Some((predictor, place));
            }
            ["rserver", name, rest @ ..] => {
                let port = match rest.first() {
                    None => None,
                    Some(word) => match port(word) {
                        Some(port) => Some(port),
                        None => {
                            let message = format!("expected a port, found {}", quoted(word));
                            self.found.error(line, word, message);
                            return true;
                        }
                    },
                };
                let (name, in_service) = ((*name).to_owned(), false);
                farm.members.push(Member { name, port, in_service, place });
                self.block = Block::Farm(at, Some(farm.members.len() - 1));
            }
            ["inservice", ..] => {
                if let Some(member) = member {
                    farm.members[member].in_service = true;
                }
            }
            ["weight", ..] => {
                self.found.warn(line, line.words[0], "weights are not modelled: all are equal");
            }
            ["conn-limit", ..] => {
                let message =
                    "limits of real servers are not modelled: they take any number of connections";
                self.found.warn(line, line.words[0], message);
            }
            ["probe" | "failaction" | "retcode" | "backup-rserver", ..]
            | ["cookie-string" | "rate-limit" | "partial-threshold" | "transparent", ..]
            | ["no", ..] => {}
            _ => return false,
        }
        true
    }

    fn sticky(&mut self, at: usize, line: &Line<'_>) -> bool {
        let sticky = &mut self.config.sticky[at];
        match line.words.as_slice() {
            ["serverfarm", name, ..] => sticky.farm = Some((*name).to_owned()),
            ["timeout", minutes] => match minutes.parse() {
                Ok(minutes) => sticky.timeout_minutes = minutes,
                Err(_) => {
                    let message = format!("expected minutes, found {}", quoted(minutes));
                    self.found.error(line, minutes, message);
                }
            },
            ["replicate" | "static" | "timeout" | "no", ..] | ["8", ..] => {}
            _ => return false,
        }
        true
    }

    fn class(&mut self, at: usize, line: &Line<'_>) -> bool {
        // Lines may be numbered.
        let words = match line.words.as_slice() {
            [number, rest @ ..] if number.parse::<u32>().is_ok() => rest,
            words => words,
        };
        let on = match words {
            ["match", "any"] => Some(MatchOn::Any),
            ["match", "virtual-address", rest @ ..] => virtual_address(rest),
            ["match", "port", "tcp", rest @ ..] => ports(rest).map(MatchOn::Port),
            ["match", "port", ..] => Some(MatchOn::Nothing),
            ["match", side @ ("source-address" | "destination-address"), rest @ ..] => {
                address(rest).map(|(address, length)| match *side {
                    "source-address" => MatchOn::Source(address, length),
                    _ => MatchOn::Destination(address, length),
                })
            }
            ["match", "access-list", name] => Some(MatchOn::AccessList((*name).to_owned())),
            ["match", ..] => None,
            _ => return false,
        };
        match on {
            Some(on) => {
                let place = self.text.place(line);
                self.config.classes[at].matches.push((on, place));
            }
            None => {
                let given = words.get(1).copied().unwrap_or("");
                self.found
                    .error(line, given, format!("cannot read what follows match: {}", quoted(given)))
                    .help("match virtual-address ADDRESS [MASK] tcp {any | eq PORT | range FIRST LAST}");
            }
        }
        true
    }

    fn http_class(&mut self, at: usize, line: &Line<'_>) -> bool {
        let words = match line.words.as_slice() {
            [number, rest @ ..] if number.parse::<u32>().is_ok() => rest,
            words => words,
        };
        let read = match words {
            ["match", "http", rest @ ..] => http_match(rest, line, self.found),
            ["match", "source-address", rest @ ..] => {
                address(rest).map(|(address, length)| HttpMatch::Source(address, length))
            }
            ["match", "class-map", name] => Some(HttpMatch::Class((*name).to_owned())),
            ["match", given, ..] => {
                let message = format!("match {given} is not modelled: no request fits it");
                self.found.warn(line, given, message);
                Some(HttpMatch::Nothing)
            }
            _ => return false,
        };
        self.config.http_classes[at].matches.extend(read);
        true
    }

    fn balance(&mut self, at: usize, class: Option<usize>, line: &Line<'_>) -> bool {
        let place = self.text.place(line);
        let classes = &mut self.config.balancing[at].classes;
        let to = match line.words.as_slice() {
            ["class", name, ..] => {
                classes.push(BalanceClass {
                    name: (*name).to_owned(),
                    inline: None,
                    to: None,
                    reads: None,
                    place,
                });
                self.block = Block::Balance(at, Some(classes.len() - 1));
                return true;
            }
            ["serverfarm", name, ..] => To::Farm((*name).to_owned()),
            ["sticky-serverfarm", name] => To::Sticky((*name).to_owned()),
            ["drop"] => To::Drop,
            ["forward"] => To::Forward,
            ["match", name, "http", rest @ ..] => {
                let inline = http_match(rest, line, self.found);
                let name = (*name).to_owned();
                classes.push(BalanceClass { name, inline, to: None, reads: None, place });
                self.block = Block::Balance(at, Some(classes.len() - 1));
                return true;
            }
            ["insert-http" | "action" | "compress" | "ssl-proxy", ..] => {
                self.found.warn(line, line.words[0], PROXY);
                if let Some(class) = class.and_then(|class| classes.get_mut(class)) {
                    class.reads = Some(place);
                }
                return true;
            }
            ["match" | "set" | "nat", ..] => return true,
            _ => return false,
        };
        match class.and_then(|class| classes.get_mut(class)) {
            Some(class) => class.to = Some((to, place)),
            None => {
                let message = "this action belongs to a class, and none is open";
                self.found.error(line, line.words[0], message);
            }
        }
        true
    }

    fn multi(&mut self, at: usize, class: Option<usize>, line: &Line<'_>) -> bool {
        let place = self.text.place(line);
        let classes = &mut self.config.multi[at].classes;
        if let ["class", name, ..] = line.words.as_slice() {
            classes.push(MultiClass {
                name: (*name).to_owned(),
                in_service: false,
                balance: None,
                connection: None,
                proxy: None,
                place,
            });
            self.block = Block::Multi(at, Some(classes.len() - 1));
            return true;
        }
        let Some(class) = class.and_then(|class| classes.get_mut(class)) else { return false };
        match line.words.as_slice() {
            ["loadbalance", "vip", "inservice", ..] => class.in_service = true,
            ["loadbalance", "policy", name] => class.balance = Some(((*name).to_owned(), place)),
            ["connection", "advanced-options", name] => {
                class.connection = Some(((*name).to_owned(), place));
            }
            ["connection", given, ..] => {
                let message = format!("expected advanced-options, found {}", quoted(given));
                self.found.error(line, given, message);
            }
            ["ssl-proxy", ..] | ["inspect", "http" | "ftp" | "rtsp" | "sip" | "skinny", ..] => {
                self.found.warn(line, line.words[0], PROXY);
                class.proxy = Some(place);
            }
            ["nat", ..] => {
                self.found.warn(line, "nat", "source translation is not modelled");
            }
            ["loadbalance" | "appl-parameter" | "inspect" | "kal-ap-tag" | "no", ..] => {}
            _ => return false,
        }
        true
    }

    fn interface(&mut self, at: usize, line: &Line<'_>) -> bool {
        let place = self.text.place(line);
        let interface = &mut self.config.interfaces[at];
        match line.words.as_slice() {
            ["service-policy", "input", name] => {
                self.config.services.push(((*name).to_owned(), Some(at), place));
            }
            ["access-group", "input", name] => {
                interface.access_group = Some(((*name).to_owned(), place));
            }
            ["access-group", "output", name] => {
                interface.access_group_out = Some(((*name).to_owned(), place));
            }
            ["no", "access-group", "input", _] => interface.access_group = None,
            ["no", "access-group", "output", _] => interface.access_group_out = None,
            ["access-group" | "service-policy", ..] => {
                let message =
                    "expected access-group input or output NAME, or service-policy input NAME";
                self.found.error(line, line.words[0], message);
            }
            ["no", "normalization"] => interface.normalization_off = Some(place),
            ["normalization", ..] => interface.normalization_off = None,
            [
                "ip" | "ipv6" | "shutdown" | "peer" | "alias" | "mac-sticky" | "no" | "nat-pool",
                ..,
            ] => {}
            _ => return line.indent > 0,
        }
        true
    }
}

/// What follows `match http`: `url PATTERN`, `header NAME header-value PATTERN`, `cookie NAME
/// cookie-value PATTERN`.
fn http_match(words: &[&str], line: &Line<'_>, found: &mut Diagnostics) -> Option<HttpMatch> {
    let mut pattern = |word: &str| {
        // A compiled pattern is kept small: a text from anywhere decides its size.
        let built = regex::bytes::RegexBuilder::new(&format!("^(?:{})$", word.trim_matches('"')))
            .size_limit(1 << 20)
            .unicode(false)
            .build();
        match built {
            Ok(built) => Some(built),
            Err(_) => {
                found.error(line, word, format!("cannot read the pattern {}", quoted(word)));
                None
            }
        }
    };
    match words {
        ["url", word, ..] => pattern(word).map(HttpMatch::Url),
        ["header", name, "header-value", word] => {
            pattern(word).map(|p| HttpMatch::Header((*name).to_owned(), p))
        }
        ["cookie", name, "cookie-value", word] => {
            pattern(word).map(|p| HttpMatch::Cookie((*name).to_owned(), p))
        }
        _ => {
            let given = words.first().copied().unwrap_or("");
            let message = format!("match http {given} is not modelled: no request fits it");
            found.warn(line, given, message);
            Some(HttpMatch::Nothing)
        }
    }
}

/// `ADDRESS [MASK] {any | tcp {any | eq PORT | range FIRST LAST} | udp …}`.
fn virtual_address(words: &[&str]) -> Option<MatchOn> {
    let (address, length, rest) = match words {
        [address, mask, rest @ ..] if netmask(mask).is_some() => {
            (address.parse::<IpAddr>().ok()?, netmask(mask)?, rest)
        }
        [word, rest @ ..] => match prefix(word) {
            Some((address, length)) => (address, length, rest),
            None => {
                let address = word.parse::<IpAddr>().ok()?;
                (address, if address.is_ipv4() { 32 } else { 128 }, rest)
            }
        },
        [] => return None,
    };
    let ports = match rest {
        ["any"] | ["tcp"] => 0..=u16::MAX,
        ["tcp", rest @ ..] => ports(rest)?,
        ["udp", ..] => return Some(MatchOn::Nothing),
        _ => return None,
    };
    Some(MatchOn::Virtual { address, length, ports })
}

fn ports(words: &[&str]) -> Option<RangeInclusive<u16>> {
    match words {
        ["any"] => Some(0..=u16::MAX),
        ["eq", "any"] => Some(0..=u16::MAX),
        ["eq", one] => port(one).map(|one| one..=one),
        ["range", first, last] => Some(port(first)?..=port(last)?),
        _ => None,
    }
}

/// `ADDRESS [MASK]`.
fn address(words: &[&str]) -> Option<(IpAddr, u8)> {
    match words {
        [address, mask] => Some((address.parse().ok()?, netmask(mask)?)),
        [word] => prefix(word).or_else(|| {
            let address = word.parse::<IpAddr>().ok()?;
            Some((address, if address.is_ipv4() { 32 } else { 128 }))
        }),
        _ => None,
    }
}
