//! What the connections of one host share: addresses, routes, ports, tables of flows and tokens.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::config::HostConfig;
use crate::engine::device::in_prefix;
use crate::rng::Stream;
use crate::time::{SimDuration, SimTime};
use crate::wire::packet::{Flow, Packet};
use crate::wire::seq::Seq;

/// Index of an endpoint (one end of a connection) in the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointId(pub u32);

/// Ephemeral ports (Linux's default `ip_local_port_range`).
const PORTS: std::ops::RangeInclusive<u16> = 32_768..=60_999;

/// An own address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalAddress {
    /// The address.
    pub address: IpAddr,
    /// The interface it belongs to.
    pub interface: u8,
}

#[derive(Clone, Copy, Debug)]
struct Route {
    network: IpAddr,
    prefix_len: u8,
    interface: u8,
    /// Its interface has lost its address, and the network with it.
    is_gone: bool,
}

/// A flow as this host sends it, in a form that is quick to compare and to hash: IPv4 addresses mapped
/// into IPv6, both ports in one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct FlowKey {
    local: u128,
    remote: u128,
    ports: u32,
}

impl FlowKey {
    #[inline]
    fn new(local: (IpAddr, u16), remote: (IpAddr, u16)) -> Self {
        let bits = |address| match address {
            IpAddr::V4(a) => 0xffff_0000_0000 | u128::from(a.to_bits()),
            IpAddr::V6(a) => a.to_bits(),
        };
        let ports = u32::from(local.1) << 16 | u32::from(remote.1);
        Self { local: bits(local.0), remote: bits(remote.0), ports }
    }

    fn of(flow: &Flow) -> Self {
        Self::new((flow.src.ip(), flow.src.port()), (flow.dst.ip(), flow.dst.port()))
    }
}

/// A flow that packets came in for, as they show it: what it is looked up by costs more than to compare.
#[derive(Clone, Copy, Debug)]
struct Recent {
    src: IpAddr,
    dst: IpAddr,
    src_port: u16,
    dst_port: u16,
    found: (EndpointId, u8),
}

impl Recent {
    #[inline]
    fn is_of(&self, packet: &Packet) -> bool {
        self.src_port == packet.src_port
            && self.dst_port == packet.dst_port
            && self.src == packet.src
            && self.dst == packet.dst
    }
}

/// What the connections of one host share. What every packet asks for comes first.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct HostStack {
    /// The flows found last, the very last first: on most hosts the next packet is of one of them.
    recent: [Option<Recent>; 2],
    /// Settings.
    pub config: Arc<HostConfig>,
    /// Own addresses, in the order in which they were added.
    pub addresses: Vec<LocalAddress>,
    /// Route by source address first (`ip rule from ADDRESS`).
    pub source_routing: bool,
    /// MTU of each interface.
    pub mtus: Vec<u32>,
    /// Every address that was ever an own one, in the order of their IDs.
    known: Vec<IpAddr>,
    routes: Vec<Route>,
    flows: FxHashMap<FlowKey, (EndpointId, u8)>,
    tokens: FxHashMap<u32, EndpointId>,
    listening: Vec<u16>,
    next_port: u16,
    blackholes: u32,
    /// Addresses that it had.
    lost_addresses: Vec<LocalAddress>,
    /// Own addresses that MPTCP uses no more.
    withdrawn: Vec<IpAddr>,
    /// Addresses of which the priority was changed: whether each is a backup now.
    priorities: Vec<(IpAddr, bool)>,
    disabled_until: SimTime,
    path_mtus: Vec<PathMtu>,
    /// Subflows that are over, by their flows.
    time_wait: FxHashMap<FlowKey, TimeWait>,
}

/// A subflow that is closed in both directions, and what a new one with its addresses and ports must
/// show meanwhile (RFC 9293 §3.6.1, RFC 6191).
#[derive(Clone, Copy, Debug)]
pub struct TimeWait {
    /// Whose it was: what still comes for it is answered by that.
    pub of: (EndpointId, u8),
    /// When its addresses and ports are free; the end that closed second does not wait.
    pub until: SimTime,
    /// The next sequence number that the peer would send.
    pub next: Seq,
    /// The peer's last timestamp, where there are timestamps.
    pub timestamp: Option<u32>,
}

impl TimeWait {
    /// May this SYN open a new connection (`tcp_timewait_state_process`)?
    fn admits(&self, now: SimTime, syn: &Packet) -> bool {
        if now >= self.until || self.next.before(syn.seq) {
            return true;
        }
        let newer = |(old, (new, _)): (u32, (u32, u32))| (new.wrapping_sub(old) as i32) > 0;
        self.timestamp.zip(syn.options.timestamps()).is_some_and(newer)
    }
}

/// What a router has told about the way from an own address to another one.
#[derive(Clone, Copy, Debug)]
struct PathMtu {
    src: IpAddr,
    dst: IpAddr,
    mtu: u32,
    until: SimTime,
}

/// How long that is believed (Linux's `net.ipv4.route.mtu_expires`).
const PATH_MTU_EXPIRES: SimDuration = SimDuration::from_secs(600);

impl HostStack {
    /// A host without addresses.
    #[must_use]
    pub fn new(config: HostConfig) -> Self {
        Self {
            config: Arc::new(config),
            addresses: Vec::new(),
            lost_addresses: Vec::new(),
            withdrawn: Vec::new(),
            priorities: Vec::new(),
            known: Vec::new(),
            source_routing: true,
            mtus: Vec::new(),
            routes: Vec::new(),
            flows: FxHashMap::default(),
            recent: [None; 2],
            tokens: FxHashMap::default(),
            listening: Vec::new(),
            next_port: *PORTS.start(),
            blackholes: 0,
            disabled_until: SimTime::ZERO,
            path_mtus: Vec::new(),
            time_wait: FxHashMap::default(),
        }
    }

    /// Adds an own address.
    pub fn add_address(&mut self, address: IpAddr, interface: u8) {
        self.withdrawn.retain(|&withdrawn| withdrawn != address);
        if !self.owns(address) {
            self.addresses.push(LocalAddress { address, interface });
            self.recent = [None, None];
        }
        self.set_gone(address, interface, false);
        if !self.known.contains(&address) {
            self.known.push(address);
        }
    }

    /// Address ID of an own address, from 1 (RFC 8684 §3.4.1): it is the address's for good, whichever
    /// others come and go, and still when it returns itself. (The address of a connection's first
    /// subflow has ID 0 in that connection.) An address beyond the 255th shares the last ID.
    #[must_use]
    pub fn address_id(&self, address: IpAddr) -> Option<u8> {
        let position = self.known.iter().position(|&a| a == address)?;
        Some(u8::try_from(position + 1).unwrap_or(u8::MAX))
    }

    /// Adds a route to `network`/`prefix_len` by `interface`.
    pub fn add_route(&mut self, network: IpAddr, prefix_len: u8, interface: u8) {
        self.routes.push(Route { network, prefix_len, interface, is_gone: false });
    }

    /// The routes: network, length of its prefix, interface; the last of equal ones counts.
    pub fn routes(&self) -> impl Iterator<Item = (IpAddr, u8, u8)> {
        self.routes.iter().map(|r| (r.network, r.prefix_len, r.interface))
    }

    /// The interface for a packet from `src` to `dst`; `None`: unreachable.
    #[must_use]
    pub fn route(&self, src: IpAddr, dst: IpAddr) -> Option<u8> {
        let own = self.addresses.iter().find(|a| a.address == src).map(|a| a.interface);
        if own.is_none() && self.lost_addresses.iter().any(|a| a.address == src) {
            return None;
        }
        if self.source_routing && own.is_some() {
            return own;
        }
        self.route_to(dst).or_else(|| own.filter(|_| !self.has_lost_route(dst)))
    }

    /// True where a way there was lost with an interface's address.
    fn has_lost_route(&self, dst: IpAddr) -> bool {
        self.routes.iter().any(|r| r.is_gone && in_prefix(dst, r.network, r.prefix_len))
    }

    /// The interface that packets from `src` to `dst` took, if only while `src` was an own address.
    #[must_use]
    pub fn past_route(&self, src: IpAddr, dst: IpAddr) -> Option<u8> {
        let lost = self.lost_addresses.iter().find(|a| a.address == src && !self.owns(src));
        match lost {
            Some(lost) if self.source_routing => Some(lost.interface),
            _ => self.route(src, dst),
        }
    }

    /// An own address goes away, and with an interface's last one the routes over it (Linux, `fib_sync_down_addr`).
    pub fn remove_address(&mut self, address: IpAddr) {
        let lost = self.addresses.iter().find(|a| a.address == address).copied();
        self.addresses.retain(|a| a.address != address);
        self.recent = [None, None];
        let Some(lost) = lost else { return };
        self.lost_addresses.push(lost);
        let is_like = |a: &LocalAddress| {
            (a.interface, a.address.is_ipv4()) == (lost.interface, address.is_ipv4())
        };
        if !self.addresses.iter().any(is_like) {
            self.set_gone(address, lost.interface, true);
        }
    }

    fn set_gone(&mut self, address: IpAddr, interface: u8, is_gone: bool) {
        let is_such =
            |r: &&mut Route| (r.interface, r.network.is_ipv4()) == (interface, address.is_ipv4());
        self.routes.iter_mut().filter(is_such).for_each(|route| route.is_gone = is_gone);
    }

    fn route_to(&self, dst: IpAddr) -> Option<u8> {
        let matching =
            self.routes.iter().filter(|r| !r.is_gone && in_prefix(dst, r.network, r.prefix_len));
        matching.max_by_key(|r| r.prefix_len).map(|r| r.interface)
    }

    /// The own address that a packet to `dst` gets when nobody chose one.
    #[must_use]
    pub fn source_for(&self, dst: IpAddr) -> Option<IpAddr> {
        let interface = self.route_to(dst);
        if interface.is_none() && self.has_lost_route(dst) {
            return None;
        }
        let same_family = self.addresses.iter().filter(|a| a.address.is_ipv4() == dst.is_ipv4());
        let mut candidates = same_family.filter(|a| interface.is_none_or(|i| a.interface == i));
        candidates.next().map(|a| a.address)
    }

    /// Largest packet from this address to that one, as far as is known: the interface's MTU, or what a
    /// router has told.
    #[must_use]
    pub fn mtu_of(&self, now: SimTime, src: IpAddr, dst: IpAddr) -> u32 {
        let interface = self.route(src, dst).unwrap_or(0);
        let mtu = self.mtus.get(usize::from(interface)).copied().unwrap_or(1500);
        let is_told = |p: &&PathMtu| (p.src, p.dst) == (src, dst) && now < p.until;
        self.path_mtus.iter().find(is_told).map_or(mtu, |told| told.mtu.min(mtu))
    }

    /// A router has told that the way from `src` to `dst` takes packets of `mtu` bytes at most.
    pub fn note_path_mtu(&mut self, now: SimTime, src: IpAddr, dst: IpAddr, mtu: u32) {
        self.path_mtus.retain(|p| now < p.until && (p.src, p.dst) != (src, dst));
        self.path_mtus.push(PathMtu { src, dst, mtu, until: now + PATH_MTU_EXPIRES });
    }

    /// True when the address is this host's.
    #[must_use]
    #[inline]
    pub fn owns(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|a| a.address == address)
    }

    /// MPTCP uses an own address no more, until it is added again.
    pub fn remove_endpoint(&mut self, address: IpAddr) {
        self.withdrawn.push(address);
    }

    /// True for an own address that MPTCP may announce or open subflows from.
    #[must_use]
    pub fn is_endpoint(&self, address: IpAddr) -> bool {
        self.owns(address) && !self.withdrawn.contains(&address)
    }

    /// An own address becomes a backup, or is one no more.
    pub(crate) fn set_backup(&mut self, address: IpAddr, backup: bool) {
        self.priorities.retain(|(of, _)| *of != address);
        self.priorities.push((address, backup));
    }

    /// True for a backup; `configured`: it was one at first.
    pub(crate) fn is_backup(&self, address: IpAddr, configured: bool) -> bool {
        let changed = self.priorities.iter().find(|(of, _)| *of == address);
        changed.map_or(configured, |(_, backup)| *backup)
    }

    /// Accepts connections on `port`.
    pub fn listen(&mut self, port: u16) {
        if !self.is_listening(port) {
            self.listening.push(port);
        }
    }

    /// True when somebody accepts connections on `port`.
    #[must_use]
    pub fn is_listening(&self, port: u16) -> bool {
        self.listening.contains(&port)
    }

    /// Begins the ephemeral ports at a random one, as hosts do (RFC 6056).
    pub fn draw_first_port(&mut self, rng: &mut Stream) {
        let count = u64::from(PORTS.end() - PORTS.start()) + 1;
        self.next_port = PORTS.start() + rng.below(count) as u16;
    }

    /// True while SYNs do not offer MPTCP, because those that did vanished.
    #[must_use]
    pub fn avoids_mptcp(&self, now: SimTime) -> bool {
        now < self.disabled_until
    }

    /// A SYN without MP_CAPABLE got through where those with it had vanished: remember that, longer
    /// each time (Linux's `mptcp_active_disable`: at most 64 times as long).
    pub fn note_blackhole(&mut self, now: SimTime) {
        let timeout = self.config.blackhole_timeout * (1 << self.blackholes.min(6));
        self.blackholes += 1;
        self.disabled_until = now + timeout;
    }

    /// An unused local port for a subflow from `src` to `dst`; `None` when all are taken, if only by
    /// subflows in TIME-WAIT (`EADDRNOTAVAIL`).
    pub fn ephemeral(&mut self, now: SimTime, src: IpAddr, dst: SocketAddr) -> Option<SocketAddr> {
        for _ in PORTS {
            let local = SocketAddr::new(src, self.next_port);
            let next = self.next_port + 1;
            self.next_port = if PORTS.contains(&next) { next } else { *PORTS.start() };
            let key = FlowKey::of(&Flow { src: local, dst });
            let waits = self.time_wait.get(&key).is_some_and(|wait| now < wait.until);
            if !waits && !self.flows.contains_key(&key) {
                return Some(local);
            }
        }
        None
    }

    /// A subflow is closed in both directions.
    pub fn retire(&mut self, flow: &Flow, wait: TimeWait) {
        self.remove(flow);
        self.time_wait.insert(FlowKey::of(flow), wait);
    }

    /// The subflow that was a packet's once, and is over; a SYN that may open a new one makes place.
    pub fn find_retired(&mut self, now: SimTime, packet: &Packet) -> Option<(EndpointId, u8)> {
        let key = FlowKey::new((packet.dst, packet.dst_port), (packet.src, packet.src_port));
        let wait = self.time_wait.get(&key)?;
        if packet.flags.is_initial_syn() && wait.admits(now, packet) {
            self.time_wait.remove(&key);
            return None;
        }
        Some(wait.of)
    }

    /// The subflow that a packet which came in is for, if it is the one that [`HostStack::find`] found
    /// last; the destination is an own address then.
    #[must_use]
    #[inline(always)] // once for each packet
    pub fn find_recent(&self, packet: &Packet) -> Option<(EndpointId, u8)> {
        let [last, before] = &self.recent;
        let is_it = |recent: &&Recent| recent.is_of(packet);
        let recent = last.as_ref().filter(is_it).or_else(|| before.as_ref().filter(is_it))?;
        Some(recent.found)
    }

    /// The subflow that a packet for an own address is for.
    #[must_use]
    pub fn find(&mut self, packet: &Packet) -> Option<(EndpointId, u8)> {
        let key = FlowKey::new((packet.dst, packet.dst_port), (packet.src, packet.src_port));
        let found = *self.flows.get(&key)?;
        let Packet { src, dst, src_port, dst_port, .. } = *packet;
        let recent = Recent { src, dst, src_port, dst_port, found };
        self.recent = [Some(recent), self.recent[0]];
        Some(found)
    }

    /// Forgets which subflow was found last: the addresses may change.
    pub(crate) fn forget_recent(&mut self) {
        self.recent = [None; 2];
    }

    /// The subflow whose segments go from `flow`'s source to its destination.
    #[must_use]
    pub fn find_flow(&self, flow: &Flow) -> Option<(EndpointId, u8)> {
        self.flows.get(&FlowKey::of(flow)).copied()
    }

    /// Registers a subflow.
    pub fn insert(&mut self, flow: Flow, endpoint: EndpointId, subflow: u8) {
        let key = FlowKey::of(&flow);
        self.time_wait.remove(&key);
        self.flows.insert(key, (endpoint, subflow));
        self.recent = [None; 2];
    }

    /// Forgets a subflow.
    pub fn remove(&mut self, flow: &Flow) {
        self.flows.remove(&FlowKey::of(flow));
        self.recent = [None; 2];
    }

    /// The connection that this token names.
    #[must_use]
    pub fn by_token(&self, token: u32) -> Option<EndpointId> {
        self.tokens.get(&token).copied()
    }

    /// Registers a token; false when it is taken (the key must be drawn again, RFC 8684 §3.1).
    pub fn insert_token(&mut self, token: u32, endpoint: EndpointId) -> bool {
        if self.tokens.contains_key(&token) {
            return false;
        }
        self.tokens.insert(token, endpoint);
        true
    }

    /// Forgets a token.
    pub fn remove_token(&mut self, token: u32) {
        self.tokens.remove(&token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::packet::Flags;

    const SECOND: u64 = 1_000_000_000;

    fn host() -> (HostStack, IpAddr, SocketAddr) {
        let stack = HostStack::new(HostConfig::default());
        (stack, [10, 0, 0, 1].into(), ([10, 0, 0, 2], 80).into())
    }

    #[test]
    fn ports_in_time_wait_run_out_and_come_back() {
        let (mut stack, src, dst) = host();
        let count = PORTS.len() as u64;
        let until = SimTime(60 * SECOND);
        for n in 0..count {
            let local = stack.ephemeral(SimTime::ZERO, src, dst).expect("a free port");
            let wait =
                TimeWait { of: (EndpointId(n as u32), 0), until, next: Seq(1), timestamp: None };
            stack.retire(&Flow { src: local, dst }, wait);
        }
        assert_eq!(stack.ephemeral(SimTime(59 * SECOND), src, dst), None);
        let other = ([10, 0, 0, 3], 80).into();
        assert!(stack.ephemeral(SimTime::ZERO, src, other).is_some(), "free for another server");
        assert!(stack.ephemeral(until, src, dst).is_some(), "after two maximum segment lifetimes");
    }

    #[test]
    fn a_syn_that_cannot_be_an_old_one_ends_time_wait() {
        let check = |at: u64, seq: u32, timestamp: Option<u32>, admitted: bool| {
            let (mut stack, src, dst) = host();
            let flow = Flow { src: (src, 5001).into(), dst };
            let wait = TimeWait {
                of: (EndpointId(7), 1),
                until: SimTime(60 * SECOND),
                next: Seq(1000),
                timestamp: Some(500),
            };
            stack.retire(&flow, wait);
            let mut syn = Packet::new(dst, flow.src);
            (syn.flags, syn.seq) = (Flags::SYN, Seq(seq));
            if let Some(value) = timestamp {
                syn.options.push(&[8, 10]).unwrap();
                syn.options.push(&value.to_be_bytes()).unwrap();
                syn.options.push(&[0; 4]).unwrap();
            }
            let found = stack.find_retired(SimTime(at * SECOND), &syn);
            assert_eq!(found.is_none(), admitted, "{at} s, {seq}, {timestamp:?}");
            syn.flags = Flags::ACK;
            let late = stack.find_retired(SimTime(at * SECOND), &syn);
            assert_eq!(late.is_none(), admitted, "anything else is answered by the old one");
        };
        check(1, 999, None, false);
        check(1, 1001, None, true);
        check(1, 999, Some(500), false);
        check(1, 999, Some(501), true);
        check(60, 999, None, true);
    }
}
