//! What the `nat` lines say: twice NAT of the global mode, and network object NAT.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;

use sim_core::engine::device::ConfigLine;

use crate::config::access_list::{Addresses, network};
use crate::config::group::Group;
use crate::config::objects::Objects;
use crate::config::words::port;
use crate::config::{ConfigText, Diagnostics, Line, quoted};

/// Addresses, from the first to the last of each range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::asa) struct Ranges(pub(super) Vec<RangeInclusive<u32>>);

impl Ranges {
    fn any() -> Self {
        Self(vec![0..=u32::MAX])
    }

    fn of(members: &Group<Addresses>) -> Self {
        Self(members.iter().filter_map(|a| range(*a)).collect())
    }

    /// How many addresses there are.
    pub(super) fn len(&self) -> u64 {
        self.0.iter().map(|r| u64::from(r.end() - r.start()) + 1).sum()
    }

    /// The place of an address among them.
    pub(super) fn position(&self, address: IpAddr) -> Option<u64> {
        let IpAddr::V4(address) = address else { return None };
        let address = u32::from(address);
        let mut before = 0;
        for range in &self.0 {
            if range.contains(&address) {
                return Some(before + u64::from(address - range.start()));
            }
            before += u64::from(range.end() - range.start()) + 1;
        }
        None
    }

    /// The address at a place.
    pub(super) fn get(&self, mut at: u64) -> Option<IpAddr> {
        for range in &self.0 {
            let len = u64::from(range.end() - range.start()) + 1;
            if at < len {
                return Some(Ipv4Addr::from(range.start() + at as u32).into());
            }
            at -= len;
        }
        None
    }
}

/// IPv4 addresses as a range.
fn range(addresses: Addresses) -> Option<RangeInclusive<u32>> {
    let v4 = |address: IpAddr| match address {
        IpAddr::V4(address) => Some(u32::from(address)),
        IpAddr::V6(_) => None,
    };
    Some(match addresses {
        Addresses::Any | Addresses::AnyV4 => 0..=u32::MAX,
        Addresses::AnyV6 => return None,
        Addresses::Masked(base, bits) => {
            let first = u32::from(base) & bits;
            first..=first | !bits
        }
        Addresses::Prefix(network, length) => {
            let bits = u32::MAX.checked_shl(32 - u32::from(length.min(32))).unwrap_or(0);
            let first = v4(network)? & bits;
            first..=first | !bits
        }
        Addresses::Range(first, last) => v4(first)?..=v4(last)?,
    })
}

/// What a source becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::asa) enum Mapped {
    /// One address for each.
    Static(Ranges),
    /// The address of the interface, one for one host.
    StaticInterface,
    /// An address of these for each host, as long as there are some; then the interface's, if it says so.
    Pool(Ranges, bool),
    /// Ports of these addresses; then of the interface's, if it says so.
    Ports(Ranges, bool),
}

/// In which part of the table a rule stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::asa) enum Section {
    /// Twice NAT.
    Manual = 1,
    /// Network object NAT.
    Auto = 2,
    /// Twice NAT `after-auto`.
    AfterAuto = 3,
}

/// A `nat` line.
#[derive(Clone, Debug)]
pub(in crate::asa) struct Nat {
    pub(super) section: Section,
    /// The real and the mapped interface; `None`: any.
    pub(super) interfaces: [Option<String>; 2],
    /// The object that it stands in.
    pub(in crate::asa) object: Option<String>,
    pub(super) real: Ranges,
    pub(super) mapped: Mapped,
    /// `destination static MAPPED REAL`.
    pub(super) destination: Option<[Ranges; 2]>,
    /// `service tcp REAL MAPPED` of a static rule: the real port and the mapped one.
    pub(super) ports: Option<(u16, u16)>,
    /// Only the real side opens connections by it.
    pub(super) unidirectional: bool,
    /// What follows the interfaces, as `show nat` repeats it.
    pub(super) words: String,
    pub(in crate::asa) place: ConfigLine,
}

/// `static` or `dynamic`, however shortened: no other word that may stand there begins as they do.
pub(in crate::asa) fn kind(word: &str) -> Option<&'static str> {
    let kinds = [("static", 2), ("dynamic", 1)];
    let is_one = |(kind, least): &(&str, usize)| word.len() >= *least && kind.starts_with(word);
    kinds.into_iter().find(is_one).map(|(kind, _)| kind)
}

impl Nat {
    pub(super) const fn is_static(&self) -> bool {
        matches!(self.mapped, Mapped::Static(_) | Mapped::StaticInterface)
    }

    /// True when addresses stay what they are: an exemption.
    pub(in crate::asa) fn is_identity(&self) -> bool {
        let same = |pair: &[Ranges; 2]| pair[0] == pair[1];
        matches!(&self.mapped, Mapped::Static(mapped) if *mapped == self.real)
            && self.destination.as_ref().is_none_or(same)
    }

    /// True where it says what becomes of this address.
    pub(in crate::asa) fn names(&self, address: IpAddr) -> bool {
        self.real.position(address).is_some()
    }

    /// Of a rule that many share: the interfaces of those and of the others, and an address that it translates.
    pub(in crate::asa) fn shared(&self) -> Option<([&str; 2], IpAddr)> {
        let [Some(real), Some(mapped)] = &self.interfaces else { return None };
        let is_plain = !self.is_static() && self.destination.is_none();
        let address = self.real.get(self.real.len().saturating_sub(1).min(5))?;
        is_plain.then_some(([real, mapped], address))
    }

    /// Reads a line that begins with `nat (REAL,MAPPED)`, inside of an object or not; `None` when it is none,
    /// cannot be read (which is said), or is switched off.
    pub(in crate::asa) fn read(
        object: Option<&str>,
        objects: &Objects,
        line: &Line<'_>,
        text: ConfigText<'_>,
        found: &mut Diagnostics,
    ) -> Option<Self> {
        let (between, mut words) = match line.words.as_slice() {
            ["nat", between, rest @ ..] if between.starts_with('(') => (*between, rest),
            ["nat", rest @ ..]
                if rest.first().is_some_and(|word| *word == "source" || kind(word).is_some()) =>
            {
                ("(any,any)", rest)
            }
            _ => return None,
        };
        let inner = between.strip_prefix('(').and_then(|b| b.strip_suffix(')'))?;
        let (real, mapped) = inner.split_once(',')?;
        let named = |name: &str| (name != "any").then(|| name.to_owned());
        let interfaces = [named(real), named(mapped)];
        if words.contains(&"inactive") {
            return None;
        }
        let mut reader = Reader { objects, line, found };
        let mut section = Section::Manual;
        if let ["after-auto", rest @ ..] = words {
            (section, words) = (Section::AfterAuto, rest);
        }
        if let [number, rest @ ..] = words
            && number.parse::<u32>().is_ok()
        {
            words = rest;
        }
        let shown = words.join(" ");
        let (real, kind, rest) = match (object, words) {
            (Some(object), [word, rest @ ..]) if kind(word).is_some() => {
                section = Section::Auto;
                (Ranges::of(objects.network(object)?), kind(word)?, rest)
            }
            (None, ["source", word, real, rest @ ..]) if kind(word).is_some() => {
                (reader.ranges(real)?, kind(word)?, rest)
            }
            _ => {
                let given = words.first().copied().unwrap_or("");
                let message = format!("expected static or dynamic, found {}", quoted(given));
                reader.found.error(line, given, message);
                return None;
            }
        };
        let mapped = reader.mapped(kind, rest)?;
        let after = |word: &str| {
            let at = rest.iter().position(|w| *w == word)?;
            Some(&rest[at + 1..])
        };
        let destination = match after("destination") {
            Some(["static", interface @ "interface", ..]) => {
                let message =
                    "destination static interface is not modelled: this line translates nothing";
                reader.found.warn(line, interface, message);
                return None;
            }
            Some(["static", mapped, real, ..]) => {
                Some([reader.ranges(mapped)?, reader.ranges(real)?])
            }
            _ => None,
        };
        let ports = match after("service") {
            Some(["tcp", real, mapped, ..]) => Some((reader.port(real)?, reader.port(mapped)?)),
            Some(["udp" | "sctp", ..]) => return None,
            Some(_) => {
                let message =
                    "service objects of twice NAT are not modelled: this line translates nothing";
                reader.found.warn(line, "service", message);
                return None;
            }
            None => None,
        };
        Some(Self {
            section,
            interfaces,
            object: object.map(str::to_owned),
            real,
            mapped,
            destination,
            ports,
            unidirectional: rest.contains(&"unidirectional"),
            words: shown,
            place: text.place(line),
        })
    }
}

struct Reader<'r, 'l, 'd> {
    objects: &'r Objects,
    line: &'r Line<'l>,
    found: &'d mut Diagnostics,
}

impl Reader<'_, '_, '_> {
    /// The addresses of an object, or of an address as it is.
    fn ranges(&mut self, word: &str) -> Option<Ranges> {
        if word == "any" || word == "any4" {
            return Some(Ranges::any());
        }
        if let Some(members) = self.objects.network(word) {
            return Some(Ranges::of(members));
        }
        let one = network(&["host", word]).and_then(range);
        if one.is_none() {
            let message =
                format!("network object {word} is not defined: this line translates nothing");
            self.found.warn(self.line, word, message);
        }
        one.map(|one| Ranges(vec![one]))
    }

    fn mapped(&mut self, kind: &str, words: &[&str]) -> Option<Mapped> {
        let to_interface =
            words.iter().take_while(|w| **w != "destination").any(|w| *w == "interface");
        Some(match (kind, words) {
            ("static", ["interface" | "int", ..]) => Mapped::StaticInterface,
            ("static", [name, ..]) => Mapped::Static(self.ranges(name)?),
            (_, ["interface" | "int", ..]) => Mapped::Ports(Ranges::default(), true),
            (_, ["pat-pool", name, ..]) => Mapped::Ports(self.ranges(name)?, to_interface),
            (_, [name, ..]) => {
                let addresses = self.ranges(name)?;
                match addresses.len() {
                    1 => Mapped::Ports(addresses, to_interface),
                    _ => Mapped::Pool(addresses, to_interface),
                }
            }
            _ => {
                self.found.error(self.line, "", "expected what the source is translated to");
                return None;
            }
        })
    }

    fn port(&mut self, word: &str) -> Option<u16> {
        let number = port(word);
        if number.is_none() {
            self.found.error(
                self.line,
                word,
                format!("expected a TCP port, found {}", quoted(word)),
            );
        }
        number
    }
}

/// The order in which rules are looked at (ASA CLI guide, NAT rule order): section by section; network object
/// NAT has static rules before dynamic ones, then fewer real addresses, lower ones, and names by the alphabet.
pub(super) fn in_order(mut all: Vec<Nat>) -> Vec<Nat> {
    all.sort_by_cached_key(|nat| {
        let first = nat.real.0.first().map_or(0, |r| *r.start());
        let own = (!nat.is_static(), nat.real.len(), first, nat.object.clone());
        (nat.section, (nat.section == Section::Auto).then_some(own))
    });
    all
}
