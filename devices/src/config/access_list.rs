//! Access lists, as far as TCP and ICMP errors are concerned: extended and standard, numbered and named.
//!
//! ASA and ACE write netmasks, IOS writes wildcards; else the dialects differ in little.
//!
//! What of an entry is not understood stays in the list: which packets it names is then open, and nothing
//! behind it is certain for a packet that it may name ([`AccessList::doubt`]).

mod entries;
mod reading;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;

use sim_core::engine::device::{ConfigLine, in_prefix};
use sim_core::wire::icmp::Reason;
use sim_core::wire::packet::{Flags, Flow};

use super::group::Group;
use super::objects::Service;

pub use entries::Entries;
pub use reading::{Reading, entry, network, ports_of};

/// Whose way of writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// ASA and ACE: `10.0.0.0 255.0.0.0`; a standard list names destinations.
    Asa,
    /// IOS: `10.0.0.0 0.255.255.255`; a standard list names sources.
    Ios,
}

/// An access list: its entries in order. What no entry names is denied.
#[derive(Clone, Debug, Default)]
pub struct AccessList {
    /// Entries that can match TCP or an ICMP error.
    pub entries: Entries,
    /// True once it has an entry of any protocol: remarks are none.
    pub has_entries: bool,
    /// The highest number of a line.
    last: u32,
    /// Lines that came out of order.
    moves: usize,
    /// Of an entry it is open what it names.
    is_open: bool,
}

/// One line of an access list that can match TCP or an ICMP error.
#[derive(Clone, Debug)]
pub struct Entry {
    /// True for `permit`.
    pub permit: bool,
    /// It is known whether it permits or denies.
    acts: bool,
    names: Names,
    source: Set,
    destination: Set,
    /// One of these must hold.
    services: Services,
    established: bool,
    /// The flags that it asks for.
    flags: Option<AskedFlags>,
    /// Why it is open which packets it names.
    doubt: Option<String>,
    /// What it names and the text does not define.
    undefined: Option<String>,
    /// Its number in the list.
    sequence: u32,
    /// The interfaces that the packet must enter and leave by: an FTD's `ifc NAME` before an address.
    interfaces: [Option<String>; 2],
    /// Its line.
    pub place: ConfigLine,
}

/// Flags of TCP that an entry asks for: `syn`, `match-all +syn -ack`.
#[derive(Clone, Copy, Debug, Default)]
struct AskedFlags {
    /// One of them is enough.
    any: bool,
    set: Flags,
    clear: Flags,
}

impl AskedFlags {
    fn hold(self, flags: Flags) -> bool {
        if !self.any {
            return flags.has(self.set) && flags.without(self.clear) == flags;
        }
        flags.without(self.set) != flags || self.clear.without(flags) != Flags::default()
    }
}

impl Entry {
    /// True where it names whatever another entry does, of packets with flags that it names: as far as they are written
    /// alike.
    pub(crate) fn leaves_nothing_to(&self, other: &Self) -> bool {
        let takes = |mine: &Set, others: &Set| match (mine, others) {
            (Set::One(Addresses::Any), _) => true,
            (Set::One(mine), Set::One(others)) => mine == others,
            _ => false,
        };
        let takes_services = match (&self.services, &other.services) {
            (Services::One(mine), Services::One(others)) => {
                *mine == Service::default() || mine == others
            }
            _ => false,
        };
        self.doubt.is_none()
            && takes(&self.source, &other.source)
            && takes(&self.destination, &other.destination)
            && takes_services
    }
}

/// The interfaces that a packet enters and leaves by, where an entry may ask for them.
pub type Between<'a> = [&'a str; 2];

/// Where no entry can ask for an interface.
const ANYWHERE: Between<'static> = ["", ""];

/// Where an entry's packets come from or go to.
#[derive(Clone, Debug)]
enum Set {
    One(Addresses),
    /// The members of a group.
    Group(Arc<Group<Addresses>>),
}

impl Set {
    #[inline]
    fn contain(&self, address: IpAddr) -> bool {
        match self {
            Self::One(one) => one.contain(address),
            Self::Group(group) => group.iter().any(|a| a.contain(address)),
        }
    }

    /// True when it may contain more than is known.
    fn is_open(&self) -> bool {
        matches!(self, Self::Group(group) if group.is_open())
    }

    fn sample(&self, v4: bool, host: u8) -> Option<IpAddr> {
        match self {
            Self::One(one) => one.sample(v4, host),
            Self::Group(group) => group.iter().find_map(|a| a.sample(v4, host)),
        }
    }
}

/// What an entry's packets are for.
#[derive(Clone, Debug)]
enum Services {
    One(Service),
    /// The members of a group.
    Group(Arc<Group<Service>>),
}

impl Services {
    fn hold(&self, source: u16, destination: u16) -> bool {
        let fits = |s: &Service| holds(&s.source, source) && holds(&s.destination, destination);
        match self {
            Self::One(one) => fits(one),
            Self::Group(group) => group.iter().any(fits),
        }
    }

    fn is_open(&self) -> bool {
        matches!(self, Self::Group(group) if group.is_open())
    }

    fn first(&self, most: usize) -> Vec<&Service> {
        match self {
            Self::One(one) => vec![one],
            Self::Group(group) => group.iter().take(most).collect(),
        }
    }
}

/// The protocols that an entry names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    /// All of IP.
    All,
    Tcp,
    Icmp(Errors),
}

/// The ICMP errors that an entry names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Errors {
    Any,
    Unreachable,
    TooBig,
    Prohibited,
    TimeExceeded,
}

impl Errors {
    /// What follows the addresses of an entry; `None` for messages that are no errors.
    fn read(words: &[&str]) -> Option<Self> {
        Some(match words {
            [] | ["log" | "log-input", ..] => Self::Any,
            ["3", "4", ..] | ["packet-too-big" | "fragmentation-needed", ..] => Self::TooBig,
            ["3", "13", ..] | ["administratively-prohibited", ..] => Self::Prohibited,
            ["3" | "unreachable", ..] => Self::Unreachable,
            ["11" | "time-exceeded" | "ttl-exceeded", ..] => Self::TimeExceeded,
            _ => return None,
        })
    }

    fn name(self, reason: Reason, v4: bool) -> bool {
        let unreachable = match reason {
            Reason::TooBig { .. } => v4,
            Reason::Prohibited => true,
            Reason::TimeExceeded => false,
            Reason::Other { kind, .. } => kind == if v4 { 3 } else { 1 },
        };
        match self {
            Self::Any => true,
            Self::Unreachable => unreachable,
            Self::TooBig => matches!(reason, Reason::TooBig { .. }),
            Self::Prohibited => reason == Reason::Prohibited,
            Self::TimeExceeded => reason == Reason::TimeExceeded,
        }
    }
}

/// A set of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Addresses {
    /// All.
    Any,
    /// All of IPv4.
    AnyV4,
    /// All of IPv6.
    AnyV6,
    /// Address and the bits of it that count.
    Masked(Ipv4Addr, u32),
    /// Network and length of its prefix.
    Prefix(IpAddr, u8),
    /// From the first to the last.
    Range(IpAddr, IpAddr),
}

impl Addresses {
    fn host(address: IpAddr) -> Self {
        Self::Prefix(address, if address.is_ipv4() { 32 } else { 128 })
    }

    /// One of the addresses, of the wanted family; `host` tells two samples of a large network apart.
    fn sample(self, v4: bool, host: u8) -> Option<IpAddr> {
        let any_v4 = IpAddr::V4(Ipv4Addr::new(198, 51, 100, host));
        let any_v6 = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, host.into(), 0, 0, 0, 0, 1));
        let sample = match self {
            Self::Any => {
                if v4 {
                    any_v4
                } else {
                    any_v6
                }
            }
            Self::AnyV4 => any_v4,
            Self::AnyV6 => any_v6,
            Self::Masked(base, bits) => {
                let free = !bits & u32::from(host);
                IpAddr::V4(Ipv4Addr::from((u32::from(base) & bits) | free))
            }
            // A host of it, not its own address.
            Self::Prefix(IpAddr::V4(network), length) => {
                let bits = u32::MAX.checked_shr(length.into()).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from(u32::from(network) | (bits & u32::from(host))))
            }
            Self::Prefix(IpAddr::V6(network), length) => {
                let bits = u128::MAX.checked_shr(length.into()).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from(u128::from(network) | (bits & u128::from(host))))
            }
            Self::Range(first, _) => first,
        };
        (sample.is_ipv4() == v4).then_some(sample)
    }

    #[inline]
    fn contain(self, address: IpAddr) -> bool {
        match (self, address) {
            (Self::Any, _) | (Self::AnyV4, IpAddr::V4(_)) | (Self::AnyV6, IpAddr::V6(_)) => true,
            (Self::Masked(base, bits), IpAddr::V4(address)) => {
                (u32::from(address) ^ u32::from(base)) & bits == 0
            }
            (Self::Prefix(network, length), _) => in_prefix(address, network, length),
            (Self::Range(first, last), _) => {
                address.is_ipv4() == first.is_ipv4() && (first..=last).contains(&address)
            }
            _ => false,
        }
    }
}

/// `access-list NAME`, with what has been read of the words behind the name: a list of which every entry is refused is not made.
pub fn extend(lists: &mut BTreeMap<String, AccessList>, name: &str, words: &[&str], read: Reading) {
    if !matches!(read, Reading::Refused) {
        lists.entry(name.to_owned()).or_default().add(words, read);
    }
}

/// `no access-list NAME`, with what follows the name: the list is taken away, or the entry that is written so.
pub fn withdraw(
    lists: &mut BTreeMap<String, AccessList>,
    name: &str,
    rest: &[&str],
    written: &[&str],
) {
    if rest.is_empty() {
        lists.remove(name);
    } else if let Some(list) = lists.get_mut(name) {
        list.remove(written);
    }
}

impl AccessList {
    /// Takes what [`entry`] has read from these words.
    pub fn add(&mut self, words: &[&str], read: Reading) {
        let read = match read {
            Reading::Entry(entry) => Some(entry),
            Reading::OtherTraffic => None,
            Reading::Refused => return,
        };
        let places = ["line", "sequence"];
        let is_place = |w: &&&str| places.contains(*w) || w.parse::<u32>().is_ok();
        let is_entry = words.iter().find(|w| !is_place(w)).is_some_and(|w| *w != "remark");
        self.has_entries |= is_entry;
        let (number, is_place_of_line) = match words {
            ["line", number, ..] => (number.parse().ok(), true),
            ["sequence", number, ..] | [number, ..] => (number.parse().ok(), false),
            [] => (None, false),
        };
        let sequence = number.unwrap_or_else(|| self.last.saturating_add(1));
        self.moves += usize::from(sequence < self.last);
        if self.moves > MOVES_MAX {
            // To put them all in their places would take time that grows with the square of the text.
            if let Some(entry) = read {
                let why = format!("more than {MOVES_MAX} lines of its list are out of order");
                self.entries.replace_first(Entry::open(entry.place, why));
                self.is_open = true;
            }
            return;
        }
        // An ASA moves the lines from there on down; IOS finds the place that is free.
        if is_place_of_line && sequence < self.last {
            self.entries.move_down(sequence);
            self.last = self.last.saturating_add(1);
        }
        self.last = self.last.max(sequence);
        let Some(entry) = read else { return };
        self.is_open |= entry.is_open();
        self.entries.insert(Entry { sequence, ..entry });
    }

    /// Takes an entry that the system may refuse: a list of such ones alone may have no entry.
    pub fn add_doubtful(&mut self, words: &[&str], read: Entry) {
        let has_entries = self.has_entries;
        self.add(words, Reading::Entry(read));
        self.has_entries = has_entries;
    }

    /// Several lists that are asked one after the other.
    #[must_use]
    pub fn joined<'a>(lists: impl Iterator<Item = &'a Self>) -> Self {
        let mut all = Self::default();
        for list in lists {
            all.has_entries |= list.has_entries;
            all.is_open |= list.is_open;
            let numbered = list.entries.iter().zip(all.last.saturating_add(1)..);
            let numbered = numbered.map(|(e, sequence)| Entry { sequence, ..e.clone() });
            numbered.for_each(|e| all.entries.insert(e));
            all.last = all.entries.last().map_or(all.last, |e| e.sequence);
        }
        all
    }

    /// Takes away the entry that follows `no`: by its number, or as it was written.
    pub fn remove(&mut self, words: &[&str]) {
        let bare = |entry: &Entry| {
            let words: Vec<String> = entry.place.text.split_whitespace().map(Into::into).collect();
            words
        };
        match words {
            ["sequence", number] | [number] if number.parse::<u32>().is_ok() => {
                self.entries.retain(|e| *number != e.sequence.to_string());
            }
            _ => self
                .entries
                .retain(|e| !bare(e).iter().map(String::as_str).eq(words.iter().copied())),
        }
    }

    /// Flows that the entries name, each of which the list may still deny by an earlier entry: for the
    /// first entries one flow each.
    #[must_use]
    pub fn samples(&self) -> Vec<Flow> {
        let wanted = self.entries.iter().filter(|e| e.permit && e.is_sampled());
        wanted.take(SAMPLES_MAX).flat_map(Entry::samples).collect()
    }

    /// As [`AccessList::samples`], of the entries that deny.
    #[must_use]
    pub fn refused_samples(&self) -> Vec<Flow> {
        let wanted = self.entries.iter().filter(|e| !e.permit && e.is_sampled());
        wanted.take(SAMPLES_MAX).flat_map(Entry::samples).collect()
    }

    /// As [`AccessList::samples`], of the entries that permit answers, or any packet with other flags than a
    /// SYN's.
    #[must_use]
    pub fn answer_samples(&self) -> Vec<Flow> {
        let wanted = self.entries.iter().filter(|e| {
            e.permit && e.doubt.is_none() && e.names_tcp() && (e.established || e.flags.is_some())
        });
        wanted.take(SAMPLES_MAX).flat_map(Entry::samples).collect()
    }

    /// As [`AccessList::samples`], of which an entry may make it open what becomes of them: of what open entries
    /// name themselves, and of what others do behind them.
    #[must_use]
    pub fn open_samples(&self) -> Vec<Flow> {
        if !self.is_open {
            return Vec::new();
        }
        let open = |e: &&Entry| e.is_open() && !e.established && e.names_tcp();
        let wanted = self.entries.iter().filter(open).take(SAMPLES_MAX);
        let behind = self.entries.iter().skip_while(|e| !open(e)).filter(|e| e.is_sampled());
        // What an open group may hold beside what is known of it, then all the others.
        let beyond = wanted.clone().flat_map(|entry| entry.samples_of(true));
        let known = wanted.chain(behind.take(SAMPLES_MAX)).flat_map(Entry::samples);
        beyond.chain(known).collect()
    }

    /// The entry that makes it open what becomes of a packet: it may name it, none before it does for certain, and
    /// what comes after it, down to the end where nothing is permitted, does otherwise.
    #[must_use]
    pub fn doubt(&self, at: Between<'_>, flow: Flow, flags: Flags) -> Option<&Entry> {
        if !self.is_open {
            return None;
        }
        let mut may = self.entries.reaching(flow).filter(|e| e.may_name(at, flow, flags));
        let first = may.next()?;
        if first.names(at, flow, flags) {
            return None;
        }
        if !first.acts {
            return Some(first);
        }
        for next in may {
            if next.permit != first.permit || !next.acts {
                return Some(first);
            }
            if next.names(at, flow, flags) {
                return None;
            }
        }
        first.permit.then_some(first)
    }

    /// The interfaces that the entries ask for.
    #[must_use]
    pub fn interfaces(&self) -> BTreeSet<&str> {
        self.entries.iter().flat_map(|e| &e.interfaces).flatten().map(String::as_str).collect()
    }

    /// The first entry that names a packet of this flow with these flags.
    #[must_use]
    pub fn matching(&self, flow: Flow, flags: Flags) -> Option<&Entry> {
        self.matching_between(ANYWHERE, flow, flags)
    }

    /// As [`AccessList::matching`], for a packet that crosses between two interfaces.
    #[must_use]
    pub fn matching_between(&self, at: Between<'_>, flow: Flow, flags: Flags) -> Option<&Entry> {
        self.entries.reaching(flow).find(|e| e.names(at, flow, flags))
    }
}

impl AccessList {
    /// The first entry that names an ICMP error from `src` to `dst`.
    #[must_use]
    pub fn matching_icmp(&self, src: IpAddr, dst: IpAddr, reason: Reason) -> Option<&Entry> {
        self.matching_icmp_between(ANYWHERE, src, dst, reason)
    }

    /// As [`AccessList::matching_icmp`], for a message that crosses between two interfaces.
    #[must_use]
    pub fn matching_icmp_between(
        &self,
        at: Between<'_>,
        src: IpAddr,
        dst: IpAddr,
        reason: Reason,
    ) -> Option<&Entry> {
        self.entries.iter().find(|e| {
            let named = match e.names {
                Names::All => true,
                Names::Tcp => false,
                Names::Icmp(errors) => errors.name(reason, src.is_ipv4()),
            };
            named
                && e.doubt.is_none()
                && e.is_between(at)
                && e.source.contain(src)
                && e.destination.contain(dst)
        })
    }
}

impl Entry {
    /// As it stands in a list of IPv6 alone: `any` is all of IPv6.
    #[must_use]
    pub fn of_ipv6(mut self) -> Self {
        for set in [&mut self.source, &mut self.destination] {
            if let Set::One(all @ Addresses::Any) = set {
                *all = Addresses::AnyV6;
            }
        }
        self
    }

    fn is_between(&self, at: Between<'_>) -> bool {
        self.interfaces.iter().zip(at).all(|(asked, is)| asked.as_ref().is_none_or(|a| a == is))
    }

    /// True for the packets that it names for certain.
    #[inline]
    fn names(&self, at: Between<'_>, flow: Flow, flags: Flags) -> bool {
        // What tells most entries apart comes first.
        self.source.contain(flow.src.ip())
            && self.destination.contain(flow.dst.ip())
            && self.services.hold(flow.src.port(), flow.dst.port())
            && self.doubt.is_none()
            && self.asks_for(at, flags)
    }

    /// True for the packets that it names, or may name.
    fn may_name(&self, at: Between<'_>, flow: Flow, flags: Flags) -> bool {
        self.asks_for(at, flags)
            && (self.source.contain(flow.src.ip()) || self.source.is_open())
            && (self.destination.contain(flow.dst.ip()) || self.destination.is_open())
            && (self.services.hold(flow.src.port(), flow.dst.port()) || self.services.is_open())
    }

    fn asks_for(&self, at: Between<'_>, flags: Flags) -> bool {
        self.names_tcp()
            && self.is_between(at)
            && (!self.established || flags.has(Flags::ACK) || flags.has(Flags::RST))
            && self.flags.is_none_or(|asked| asked.hold(flags))
    }

    /// True when it may name packets that it is not known to name.
    fn is_open(&self) -> bool {
        let [source, destination] = [&self.source, &self.destination].map(Set::is_open);
        self.doubt.is_some() || source || destination || self.services.is_open()
    }

    /// Why it is open which packets it names.
    #[must_use]
    pub fn why_open(&self) -> String {
        let why = self.doubt.as_deref().or(self.undefined.as_deref());
        let why = why.unwrap_or("not all that its groups hold is known");
        format!("which packets this entry names is open: {why}")
    }

    fn is_sampled(&self) -> bool {
        self.doubt.is_none() && !self.established && self.names_tcp()
    }

    fn names_tcp(&self) -> bool {
        !matches!(self.names, Names::Icmp(_))
    }

    /// A flow for each service, between one pair of addresses of each family.
    fn samples(&self) -> Vec<Flow> {
        self.samples_of(false)
    }

    /// As [`Entry::samples`]; `beyond`: of open groups, addresses that are not known to be in them.
    fn samples_of(&self, beyond: bool) -> Vec<Flow> {
        // Of an open group without a known member, an address that nothing else names.
        let sample = |set: &Set, v4, host| {
            let known = set.sample(v4, host).filter(|_| !(beyond && set.is_open()));
            known.or_else(|| {
                let any = if v4 { Addresses::AnyV4 } else { Addresses::AnyV6 };
                if set.is_open() { any.sample(v4, host) } else { None }
            })
        };
        let pairs = [true, false].into_iter().filter_map(|v4| {
            Some((sample(&self.source, v4, 71)?, sample(&self.destination, v4, 72)?))
        });
        // A port as such connections have, then the last of what the entry names.
        let natural = |ports: &[RangeInclusive<u16>], any| {
            let named = |port: &u16| holds(ports, *port);
            let known = [any].into_iter().chain(NATURAL_PORTS).find(named);
            known
                .or_else(|| ports.first().map(|p| (*p.start()).max(1).min(*p.end())))
                .unwrap_or(any)
        };
        let last = |ports: &[RangeInclusive<u16>], any| ports.last().map_or(any, |p| *p.end());
        let unknown = Service::default();
        let mut services = self.services.first(SAMPLES_MAX);
        if services.is_empty() && self.services.is_open() {
            services.push(&unknown);
        }
        pairs
            .flat_map(|(src, dst)| {
                services.iter().flat_map(move |service| {
                    let flow = |from, to| Flow {
                        src: SocketAddr::new(src, from),
                        dst: SocketAddr::new(dst, to),
                    };
                    let ends = [
                        flow(natural(&service.source, 40_471), natural(&service.destination, 5001)),
                        flow(last(&service.source, 40_471), last(&service.destination, 5001)),
                    ];
                    let several = ends[0] != ends[1];
                    ends.into_iter().take(1 + usize::from(several))
                })
            })
            .collect()
    }
}

/// Lines of a list that may be out of order.
const MOVES_MAX: usize = 1000;

/// Ports that are tried first of those that an entry names.
const NATURAL_PORTS: [u16; 8] = [443, 80, 22, 25, 53, 8080, 3389, 50_000];

/// Entries that samples are taken from.
const SAMPLES_MAX: usize = 32;

fn holds(ports: &[RangeInclusive<u16>], port: u16) -> bool {
    ports.is_empty() || ports.iter().any(|p| p.contains(&port))
}

#[cfg(test)]
mod tests;
