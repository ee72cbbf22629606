//! Ports of global addresses, given out to inside hosts that share them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// Ports are kept within the group of the original one (Cisco, "NAT: how it works": PAT).
const GROUPS: [(u16, u16); 3] = [(1, 511), (512, 1023), (1024, 65_535)];
/// Global ports given out.
#[derive(Debug, Default)]
pub(crate) struct PortsInUse {
    used: BTreeSet<(IpAddr, u16)>,
    next: BTreeMap<(IpAddr, u16), u16>,
}

impl PortsInUse {
    /// The port `wanted` of `global`, or the next free one of its group.
    pub(crate) fn take(&mut self, global: IpAddr, wanted: u16) -> Option<u16> {
        if self.used.insert((global, wanted)) {
            return Some(wanted);
        }
        let &(first, last) = GROUPS.iter().find(|(_, last)| wanted <= *last)?;
        let next = self.next.entry((global, first)).or_insert(first);
        for _ in first..=last {
            let port = *next;
            *next = if port == last { first } else { port + 1 };
            if self.used.insert((global, port)) {
                return Some(port);
            }
        }
        None
    }

    /// True when [`PortsInUse::take`] would find a port.
    pub(crate) fn has_free(&self, global: IpAddr, wanted: u16) -> bool {
        let group = GROUPS.iter().find(|(_, last)| wanted <= *last);
        let used = |first, last| self.used.range((global, first)..=(global, last)).count();
        group.is_some_and(|&(first, last)| used(first, last) <= usize::from(last - first))
    }

    /// A port is free again.
    pub(crate) fn give_back(&mut self, global: SocketAddr) {
        self.used.remove(&(global.ip(), global.port()));
    }
}
