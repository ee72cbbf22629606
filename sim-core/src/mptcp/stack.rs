//! What the connections of one host share: addresses, routes, ports, tables of flows and tokens.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::config::HostConfig;
use crate::engine::device::in_prefix;
use crate::rng::Stream;
use crate::time::SimTime;
use crate::wire::packet::{Flow, Packet};

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

/// What the connections of one host share.
/// What every packet asks for comes first.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct HostStack {
    /// The flow found last: on most hosts the next packet is of the same.
    recent: Option<(FlowKey, (EndpointId, u8))>,
    /// Settings.
    pub config: Arc<HostConfig>,
    /// Own addresses, in the order in which they were added: address ID = position + 1, except for
    /// the address of a connection's first subflow, which has ID 0 in that connection.
    pub addresses: Vec<LocalAddress>,
    /// Route by source address first (`ip rule from ADDRESS`).
    pub source_routing: bool,
    /// MTU of each interface.
    pub mtus: Vec<u32>,
    routes: Vec<Route>,
    flows: FxHashMap<FlowKey, (EndpointId, u8)>,
    tokens: FxHashMap<u32, EndpointId>,
    listening: Vec<u16>,
    next_port: u16,
    blackholes: u32,
    disabled_until: SimTime,
}

impl HostStack {
    /// A host without addresses.
    #[must_use]
    pub fn new(config: HostConfig) -> Self {
        Self {
            config: Arc::new(config),
            addresses: Vec::new(),
            source_routing: true,
            mtus: Vec::new(),
            routes: Vec::new(),
            flows: FxHashMap::default(),
            recent: None,
            tokens: FxHashMap::default(),
            listening: Vec::new(),
            next_port: *PORTS.start(),
            blackholes: 0,
            disabled_until: SimTime::ZERO,
        }
    }

    /// Adds a route to `network`/`prefix_len` by `interface`.
    pub fn add_route(&mut self, network: IpAddr, prefix_len: u8, interface: u8) {
        self.routes.push(Route { network, prefix_len, interface });
    }

    /// The routes: network, length of its prefix, interface; the last of equal ones counts.
    pub fn routes(&self) -> impl Iterator<Item = (IpAddr, u8, u8)> {
        self.routes.iter().map(|r| (r.network, r.prefix_len, r.interface))
    }

    /// The interface for a packet from `src` to `dst`; `None`: unreachable.
    #[must_use]
    pub fn route(&self, src: IpAddr, dst: IpAddr) -> Option<u8> {
        let own = self.addresses.iter().find(|a| a.address == src).map(|a| a.interface);
        if self.source_routing && own.is_some() {
            return own;
        }
        self.route_to(dst).or(own)
    }

    fn route_to(&self, dst: IpAddr) -> Option<u8> {
        let matching = self.routes.iter().filter(|r| in_prefix(dst, r.network, r.prefix_len));
        matching.max_by_key(|r| r.prefix_len).map(|r| r.interface)
    }

    /// The own address that a packet to `dst` gets when nobody chose one.
    #[must_use]
    pub fn source_for(&self, dst: IpAddr) -> Option<IpAddr> {
        let interface = self.route_to(dst);
        let same_family = self.addresses.iter().filter(|a| a.address.is_ipv4() == dst.is_ipv4());
        let mut candidates = same_family.filter(|a| interface.is_none_or(|i| a.interface == i));
        candidates.next().map(|a| a.address)
    }

    /// MTU of the interface that packets from this address leave by.
    #[must_use]
    pub fn mtu_of(&self, src: IpAddr, dst: IpAddr) -> u32 {
        let interface = self.route(src, dst).unwrap_or(0);
        self.mtus.get(usize::from(interface)).copied().unwrap_or(1500)
    }

    /// True when the address is this host's.
    #[must_use]
    #[inline]
    pub fn owns(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|a| a.address == address)
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

    /// An unused local port for a subflow from `src` to `dst`.
    pub fn ephemeral(&mut self, src: IpAddr, dst: SocketAddr) -> SocketAddr {
        loop {
            let local = SocketAddr::new(src, self.next_port);
            let next = self.next_port + 1;
            self.next_port = if PORTS.contains(&next) { next } else { *PORTS.start() };
            if !self.flows.contains_key(&FlowKey::of(&Flow { src: local, dst })) {
                return local;
            }
        }
    }

    /// The subflow that a packet which came in is for, if it is the one that [`HostStack::find`] found
    /// last; the destination is an own address then.
    #[must_use]
    #[inline]
    pub fn find_recent(&self, packet: &Packet) -> Option<(EndpointId, u8)> {
        let (recent, found) = self.recent?;
        let key = FlowKey::new((packet.dst, packet.dst_port), (packet.src, packet.src_port));
        (recent == key).then_some(found)
    }

    /// The subflow that a packet for an own address is for.
    #[must_use]
    pub fn find(&mut self, packet: &Packet) -> Option<(EndpointId, u8)> {
        let key = FlowKey::new((packet.dst, packet.dst_port), (packet.src, packet.src_port));
        let found = *self.flows.get(&key)?;
        self.recent = Some((key, found));
        Some(found)
    }

    /// Forgets which subflow was found last: the addresses may change.
    pub(crate) fn forget_recent(&mut self) {
        self.recent = None;
    }

    /// Registers a subflow.
    pub fn insert(&mut self, flow: Flow, endpoint: EndpointId, subflow: u8) {
        self.flows.insert(FlowKey::of(&flow), (endpoint, subflow));
        self.recent = None;
    }

    /// Forgets a subflow.
    pub fn remove(&mut self, flow: &Flow) {
        self.flows.remove(&FlowKey::of(flow));
        self.recent = None;
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
