//! Translation as it was written before 8.3: `nat (IF) ID …` and `global (IF) ID …`, which belong together
//! by their number, and `static (REAL,MAPPED) …`. Each becomes a rule as 8.3 has them.

use std::net::{IpAddr, Ipv4Addr};

use sim_core::engine::device::ConfigLine;

use crate::config::objects::Objects;
use crate::config::words::port;
use crate::config::{ConfigText, Diagnostics, Line, quoted};

use super::config::{Mapped, Nat, Ranges, Section};

/// The lines, as far as they have been read.
#[derive(Clone, Debug, Default)]
pub(in crate::asa) struct Old {
    statics: Vec<Nat>,
    sources: Vec<Source>,
    globals: Vec<Global>,
}

/// `nat (IF) ID NETWORK MASK`.
#[derive(Clone, Debug)]
struct Source {
    interface: String,
    id: u32,
    real: Ranges,
    line: u32,
    words: String,
    place: ConfigLine,
}

/// `global (IF) ID ADDRESSES`; `None`: the interface's own.
#[derive(Clone, Debug)]
struct Global {
    interface: String,
    id: u32,
    addresses: Option<Ranges>,
}

impl Old {
    /// Takes a line; false when it is none of these commands.
    pub(in crate::asa) fn take(
        &mut self,
        objects: &Objects,
        line: &Line<'_>,
        text: ConfigText<'_>,
        found: &mut Diagnostics,
    ) -> bool {
        let in_brackets = |word: &str| {
            let inner = word.strip_prefix('(').and_then(|w| w.strip_suffix(')'))?;
            Some(inner.to_owned())
        };
        let mut reader = Reader { objects, line, found };
        match line.words.as_slice() {
            ["global", interface, id, to, ..] => {
                let (Some(interface), Ok(id)) = (in_brackets(interface), id.parse()) else {
                    return false;
                };
                let addresses = match *to {
                    "interface" => None,
                    range => match reader.range(range) {
                        Some(addresses) => Some(addresses),
                        None => return true,
                    },
                };
                self.globals.push(Global { interface, id, addresses });
            }
            ["nat", interface, id, rest @ ..] => {
                let (Some(interface), Ok(id)) = (in_brackets(interface), id.parse::<u32>()) else {
                    return false;
                };
                if interface.contains(',') {
                    return false;
                }
                let real = match rest {
                    ["access-list", ..] => {
                        reader.not_modelled(match id {
                            0 => "exemption by access list is not modelled: what it exempts is translated here",
                            _ => "translation by access list is not modelled: this line translates nothing",
                        });
                        return true;
                    }
                    [network, mask, ..] if *mask == "0" || mask.contains('.') => {
                        reader.network(network, mask)
                    }
                    [network, ..] => reader.network(network, "255.255.255.255"),
                    [] => None,
                };
                let Some(real) = real else { return true };
                let words = line.words[1..].join(" ");
                let (line, place) = (line.number, text.place(line));
                self.sources.push(Source { interface, id, real, line, words, place });
            }
            ["static", between, rest @ ..] => {
                let Some(between) = in_brackets(between) else { return false };
                let Some((real, mapped)) = between.split_once(',') else { return false };
                let interfaces = [Some(real.to_owned()), Some(mapped.to_owned())];
                if let Some(nat) = reader.fixed(interfaces, rest, text) {
                    self.statics.push(nat);
                }
            }
            _ => return false,
        }
        true
    }

    /// The rules; sources that no `global` belongs to are said, by `say`, with their line.
    pub(in crate::asa) fn into_rules(self, mut say: impl FnMut(u32, u32)) -> Vec<Nat> {
        let mut rules = self.statics;
        for source in &self.sources {
            if source.id == 0 {
                let mapped = Mapped::Static(source.real.clone());
                rules.push(Nat { unidirectional: true, ..source.rule(None, mapped) });
                continue;
            }
            let own = || self.globals.iter().filter(|g| g.id == source.id);
            if own().next().is_none() {
                say(source.line, source.id);
            }
            let mut done: Vec<&str> = Vec::new();
            for interface in own().map(|g| &*g.interface) {
                if done.contains(&interface) {
                    continue;
                }
                done.push(interface);
                let here = || own().filter(|g| g.interface == *interface);
                let to_interface = here().any(|g| g.addresses.is_none());
                // A range is given out by addresses, a single address by ports; ranges come first.
                let of = |pool: bool| {
                    let wanted = here().filter_map(|g| g.addresses.as_ref());
                    let wanted = wanted.filter(|r| (r.len() > 1) == pool);
                    Ranges(wanted.flat_map(|r| r.0.iter().cloned()).collect())
                };
                let (pool, ports) = (of(true), of(false));
                let and_ports = ports.len() > 0 || to_interface;
                if pool.len() > 0 {
                    let mapped = Mapped::Pool(pool, to_interface);
                    rules.push(source.rule(Some(interface), mapped));
                } else if and_ports {
                    let mapped = Mapped::Ports(ports, to_interface);
                    rules.push(source.rule(Some(interface), mapped));
                }
            }
        }
        rules
    }
}

impl Source {
    fn rule(&self, mapped_interface: Option<&str>, mapped: Mapped) -> Nat {
        Nat {
            section: Section::Auto,
            interfaces: [Some(self.interface.clone()), mapped_interface.map(str::to_owned)],
            object: None,
            real: self.real.clone(),
            mapped,
            destination: None,
            ports: None,
            unidirectional: false,
            words: self.words.clone(),
            place: self.place.clone(),
        }
    }
}

struct Reader<'r, 'l, 'd> {
    objects: &'r Objects,
    line: &'r Line<'l>,
    found: &'d mut Diagnostics,
}

impl Reader<'_, '_, '_> {
    /// What follows the interfaces of a `static` line.
    fn fixed(
        &mut self,
        interfaces: [Option<String>; 2],
        words: &[&str],
        text: ConfigText<'_>,
    ) -> Option<Nat> {
        let (ports, mapped, real, rest) = match words {
            ["tcp", mapped, mapped_port, real, real_port, rest @ ..] => {
                let ports = (self.port(real_port)?, self.port(mapped_port)?);
                (Some(ports), *mapped, *real, rest)
            }
            ["udp", ..] => return None,
            [mapped, real, rest @ ..] => (None, *mapped, *real, rest),
            _ => {
                self.found.error(self.line, "", "expected static (REAL,MAPPED) MAPPED REAL");
                return None;
            }
        };
        if real == "access-list" || rest.contains(&"access-list") {
            let message =
                "static translation by access list is not modelled: this line translates nothing";
            self.not_modelled(message);
            return None;
        }
        let mask = rest.iter().position(|w| *w == "netmask").and_then(|at| rest.get(at + 1));
        let mask = mask.copied().unwrap_or("255.255.255.255");
        let mapped = match mapped {
            "interface" => Mapped::StaticInterface,
            address => Mapped::Static(self.network(address, mask)?),
        };
        Some(Nat {
            section: Section::Auto,
            interfaces,
            object: None,
            real: self.network(real, mask)?,
            mapped,
            destination: None,
            ports,
            unidirectional: false,
            words: self.line.words[1..].join(" "),
            place: text.place(self.line),
        })
    }

    fn not_modelled(&mut self, message: &str) {
        self.found.warn(self.line, "access-list", message);
    }

    fn address(&mut self, word: &str) -> Option<u32> {
        match (word, self.objects.address(word)) {
            ("0", _) => Some(0),
            (_, Some(IpAddr::V4(address))) => Some(u32::from(address)),
            _ => {
                let message = format!(
                    "{} is no address and no name of one: this line translates nothing",
                    quoted(word)
                );
                self.found.warn(self.line, word, message);
                None
            }
        }
    }

    fn network(&mut self, address: &str, mask: &str) -> Option<Ranges> {
        let first = self.address(address)?;
        let bits = match mask {
            "0" => 0,
            mask => mask.parse::<Ipv4Addr>().map_or(u32::MAX, u32::from),
        };
        Some(Ranges(vec![first & bits..=first | !bits]))
    }

    /// `A-B`, or one address.
    fn range(&mut self, word: &str) -> Option<Ranges> {
        let both = word.split_once('-').filter(|(first, _)| first.parse::<Ipv4Addr>().is_ok());
        let (first, last) = both.unwrap_or((word, word));
        let (first, last) = (self.address(first)?, self.address(last)?);
        Some(Ranges(vec![first.min(last)..=last.max(first)]))
    }

    fn port(&mut self, word: &str) -> Option<u16> {
        let number = port(word);
        if number.is_none() {
            let message = format!("expected a TCP port, found {}", quoted(word));
            self.found.error(self.line, word, message);
        }
        number
    }
}
