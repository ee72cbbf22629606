//! The entries of an access list in their order, most of which a packet passes by at a glance.

use std::net::IpAddr;
use std::ops::Deref;

use sim_core::wire::packet::Flow;

use super::{Addresses, Entry, Set};

/// Entries by their numbers.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    all: Vec<Entry>,
    /// Of each entry.
    reaches: Vec<Reach>,
}

impl Deref for Entries {
    type Target = [Entry];

    fn deref(&self) -> &[Entry] {
        &self.all
    }
}

impl Entries {
    /// Puts an entry behind those whose numbers are not above its own.
    pub(super) fn insert(&mut self, entry: Entry) {
        let at = self.all.partition_point(|e| e.sequence <= entry.sequence);
        self.reaches.insert(at, Reach::of(&entry));
        self.all.insert(at, entry);
    }

    /// The entry stands for the whole list.
    pub(super) fn replace_first(&mut self, entry: Entry) {
        if let Some(first) = self.all.first_mut() {
            self.reaches[0] = Reach::of(&entry);
            *first = entry;
        }
    }

    /// Moves the entries from this number on down by one.
    pub(super) fn move_down(&mut self, sequence: u32) {
        let moved = self.all.iter_mut().filter(|e| e.sequence >= sequence);
        moved.for_each(|e| e.sequence = e.sequence.saturating_add(1));
    }

    /// Keeps the entries that are wanted.
    pub(super) fn retain(&mut self, wanted: impl Fn(&Entry) -> bool) {
        self.all.retain(wanted);
        self.reaches = self.all.iter().map(Reach::of).collect();
    }

    /// The entries that may name packets of this flow by its addresses, in order; no other does.
    pub(super) fn reaching(&self, flow: Flow) -> impl Iterator<Item = &Entry> {
        let addresses = match (flow.src.ip(), flow.dst.ip()) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                Some([source.into(), destination.into()])
            }
            _ => None,
        };
        let reaching = self.reaches.iter().zip(&self.all);
        reaching.filter(move |(reach, _)| addresses.is_none_or(|a| reach.holds(a))).map(|(_, e)| e)
    }
}

/// Which source and destination of IPv4 an entry may name: those that differ from `base` in none of the `bits`.
#[derive(Clone, Copy, Debug)]
struct Reach {
    base: [u32; 2],
    bits: [u32; 2],
}

impl Reach {
    fn of(entry: &Entry) -> Self {
        let of = |set: &Set| match *set {
            Set::One(Addresses::Masked(base, bits)) => (u32::from(base), bits),
            Set::One(Addresses::Prefix(IpAddr::V4(network), length)) => {
                (network.into(), u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0))
            }
            _ => (0, 0),
        };
        let [source, destination] = [of(&entry.source), of(&entry.destination)];
        Self { base: [source.0, destination.0], bits: [source.1, destination.1] }
    }

    #[inline]
    fn holds(self, addresses: [u32; 2]) -> bool {
        let differs = |i: usize| (addresses[i] ^ self.base[i]) & self.bits[i];
        differs(0) | differs(1) == 0
    }
}
