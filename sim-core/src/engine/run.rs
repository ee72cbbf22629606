//! The event loop.

use super::capture::Port;
use super::device::{Forwarding, PortId};
use super::forwarding::lives_on;
use super::outside::{OutsideLife, outside_index};
use super::queue::Target;
use super::transmission::{Fate, Kind, LossKind};
use super::world::{CaptureInterface, ConnectionId, NodeId, NodeKind, Way, World};
use crate::app::source::App;
use crate::mptcp::endpoint::{Endpoint, EndpointSetup, Io, Life, origin_of};
use crate::mptcp::handshake::join_token;
use crate::mptcp::output::stray_reset;
use crate::mptcp::stack::EndpointId;
use crate::record::RunRecord;
use crate::record::series;
use crate::record::story::End;
use crate::rng::Stream;
use crate::time::SimTime;
use crate::wire::icmp::{Quote, Reason, unnumbered};
use crate::wire::mptcp::ResetReason;
use crate::wire::packet::{Packet, PacketUid, Protocol};
use crate::wire::payload::StreamId;

impl World {
    /// Runs until every connection has ended, or to `limit`; yields the record.
    #[must_use]
    pub fn run(mut self, limit: SimTime) -> RunRecord {
        self.wire_devices();
        self.run_all(limit);
        self.finish()
    }

    /// Processes the next event.
    pub(super) fn step(&mut self) {
        if let Some((now, target)) = self.queue.pop() {
            self.process(now, target);
        }
    }

    /// Processes an event that was taken from the queue.
    #[inline(always)] // once for each event
    pub(super) fn process(&mut self, now: SimTime, target: Target) {
        self.now = now;
        self.events += 1;
        if self.queue.is_deep() {
            self.look_ahead();
        }
        if let Target::Link(direction) = target {
            self.on_arrival(direction);
        } else {
            self.on_other_event(target);
        }
        if !self.moving.is_empty() {
            self.settle();
        }
    }

    /// Anything but an arrival: rare, and apart from what is done for each hop.
    #[inline(never)]
    fn on_other_event(&mut self, target: Target) {
        match target {
            Target::Link(direction) => self.on_arrival(direction),
            Target::Endpoint(id) => self.on_endpoint_timer(EndpointId(id)),
            Target::Node(id) => self.on_device_timer(NodeId(id)),
            Target::Script(entry) => self.on_script(entry),
        }
    }

    /// A packet may have come to the end of a link.
    #[inline(always)]
    fn on_arrival(&mut self, direction: u32) {
        let link = &mut self.directions[direction as usize];
        let (packet, next) = link.transmission.arrive(self.now);
        if let Some(at) = next {
            self.queue.push(at, Target::Link(direction));
        }
        let Some(mut packet) = packet else { return };
        let (to, shortcut) = (link.to, link.shortcut);
        match shortcut {
            Some((dst, out)) if dst == packet.dst && self.watch.is_none() => {
                if lives_on(&mut packet) {
                    self.transmit(out, packet);
                } else {
                    self.outbox.pool.free(packet);
                }
            }
            None if self.watch.is_none() => self.receive(to, direction, packet),
            _ => self.deliver(to, Some(direction), packet),
        }
    }

    /// A packet has come to the end of a link behind which no router has a shortcut: mostly a host, and one
    /// that knows its flow.
    #[inline(always)] // once for each packet
    fn receive(&mut self, to: (NodeId, u8), by: u32, mut packet: Box<Packet>) {
        let id = to.0;
        if let NodeKind::Host(stack) = &mut self.nodes[id.0 as usize].kind
            && let Some((endpoint, subflow)) = stack.find_recent(&packet)
            && packet.protocol == Protocol::Tcp
        {
            if self.queue.is_deep() {
                let direction = &mut self.directions[by as usize];
                (direction.receiver, direction.receiver_subflow) = (endpoint.0, subflow);
            }
            let mut io = Io { now: self.now, host: stack, outbox: &mut self.outbox };
            let end = &mut self.endpoints[endpoint.0 as usize];
            end.on_packet(&mut io, usize::from(subflow), &mut packet);
            self.outbox.pool.free(packet);
            self.after_endpoint_of(id, endpoint);
        } else {
            self.deliver(to, Some(by), packet);
        }
    }

    /// Delivers what moves without delay, until nothing does.
    pub(super) fn settle(&mut self) {
        while let Some((node, port, packet)) = self.moving.pop_front() {
            self.deliver((node, port), None, packet);
        }
    }

    /// A packet has reached a port of a node, over a link's direction unless over an ideal wire.
    #[inline(never)]
    fn deliver(&mut self, (id, port): (NodeId, u8), by: Option<u32>, mut packet: Box<Packet>) {
        if self.watch.is_some() {
            self.capture_packet(id, port, false, &packet);
        }
        match &mut self.nodes[id.0 as usize].kind {
            NodeKind::Host(_) => self.receive_anyhow(id, by, packet),
            NodeKind::Outside(_) => self.arrivals.push((id, port, packet)),
            NodeKind::Device { .. } => self.pass_device(id, port, packet),
            NodeKind::Router(table) => {
                let way = table.lookup(packet.dst, || packet.flow());
                let Some(way) = way.filter(|_| lives_on(&mut packet)) else {
                    self.outbox.pool.free(packet);
                    return;
                };
                if let Some(by) = by.filter(|_| way.is_only) {
                    let out = self.nodes[id.0 as usize].ports.get(usize::from(way.port));
                    let shortcut = out.copied().flatten().map(|out| (packet.dst, out));
                    self.directions[by as usize].shortcut = shortcut;
                }
                self.send(id, way.port, packet);
            }
            NodeKind::Switch(learnt) => {
                learnt.learn(packet.src, port);
                match learnt.lookup(packet.dst) {
                    Some(out) if out != port => self.send(id, out, packet),
                    Some(_) => self.outbox.pool.free(packet),
                    None => self.flood(id, port, packet),
                }
            }
        }
    }

    #[inline(never)]
    fn flood(&mut self, id: NodeId, port: u8, packet: Box<Packet>) {
        let ports = self.nodes[id.0 as usize].ports.len() as u8;
        for out in (0..ports).filter(|&p| p != port) {
            let copy = self.outbox.pool.boxed((*packet).clone());
            self.send(id, out, copy);
        }
        self.outbox.pool.free(packet);
    }

    /// Sends a packet out of a port.
    pub(super) fn send(&mut self, id: NodeId, port: u8, packet: Box<Packet>) {
        let Some(Some(index)) = self.nodes[id.0 as usize].ports.get(usize::from(port)).copied()
        else {
            self.outbox.pool.free(packet); // nothing is connected there
            return;
        };
        if self.watch.is_some() {
            self.capture_packet(id, port, true, &packet);
        }
        self.transmit(index, packet);
    }

    /// Sends a packet over a direction of a link.
    #[inline(always)] // once for each hop
    fn transmit(&mut self, index: u32, packet: Box<Packet>) {
        let link = &mut self.directions[index as usize].transmission;
        if !link.is_careless(packet.wire_len()) || self.observer.is_some() {
            return self.transmit_with_care(index, packet);
        }
        self.packet_hops += 1;
        match link.send_careless(self.now, packet) {
            Ok(Some(at)) => self.queue.push(at, Target::Link(index)),
            Ok(None) => {}
            Err(packet) => self.outbox.pool.free(packet),
        }
    }

    #[inline(never)]
    fn transmit_with_care(&mut self, index: u32, packet: Box<Packet>) {
        match self.directions[index as usize].transmission.kind() {
            Kind::Steady => self.put_on_link(index, packet),
            Kind::Impaired => self.transmit_impaired(index, packet),
            Kind::Wire => self.transmit_by_wire(index, packet),
        }
    }

    fn transmit_by_wire(&mut self, index: u32, packet: Box<Packet>) {
        let direction = &self.directions[index as usize];
        if direction.transmission.is_up() {
            self.moving.push_back((direction.to.0, direction.to.1, packet));
        } else {
            self.put_on_link(index, packet);
        }
    }

    fn transmit_impaired(&mut self, index: u32, mut packet: Box<Packet>) {
        let direction = &mut self.directions[index as usize];
        if let Some(bit) = direction.transmission.corrupts() {
            packet.checksum_fault ^= 1 << (bit % 16);
        }
        let copy = direction.transmission.duplicates().then(|| (*packet).clone());
        self.put_on_link(index, packet);
        if let Some(copy) = copy {
            let copy = self.outbox.pool.boxed(copy);
            self.put_on_link(index, copy);
        }
    }

    fn put_on_link(&mut self, index: u32, packet: Box<Packet>) {
        self.packet_hops += 1;
        let direction = &mut self.directions[index as usize];
        let idle_since = direction.transmission.idle_at();
        let fate = direction.transmission.send(self.now, packet);
        if self.observer.is_some() {
            self.show_link(index, idle_since, matches!(fate, Fate::Lost(..)));
        }
        match fate {
            Fate::Sent { head: Some(at) } => self.queue.push(at, Target::Link(index)),
            Fate::Sent { head: None } => {}
            Fate::Lost(LossKind::TooBig, packet) => self.answer_too_big(index, packet),
            Fate::Lost(LossKind::Queue | LossKind::Random | LossKind::Down, packet) => {
                self.outbox.pool.free(packet);
            }
        }
    }

    /// A link does not take a packet of this length: its first router says so to the sender. A switch is
    /// none, and says nothing.
    #[cold]
    fn answer_too_big(&mut self, index: u32, packet: Box<Packet>) {
        let mtu = self.directions[index as usize].transmission.config().mtu;
        let (node, port) = self.directions[index as usize ^ 1].to;
        let from = unnumbered(packet.src.is_ipv4());
        let is_switch = matches!(self.nodes[node.0 as usize].kind, NodeKind::Switch(_));
        let error = Packet::icmp_error(from, &packet, Reason::TooBig { mtu }, Quote::AsMuchAsFits);
        self.outbox.pool.free(packet);
        if let Some(mut error) = error.filter(|_| !is_switch) {
            self.stray_uid += 1;
            error.uid = PacketUid(self.stray_uid);
            let error = self.outbox.pool.boxed(error);
            self.moving.push_back((node, port, error));
        }
    }

    /// Shows the observer that a packet was given to a link.
    #[cold]
    fn show_link(&mut self, index: u32, idle_since: SimTime, lost: bool) {
        let direction = &self.directions[index as usize];
        if let (Some(observer), Some(path)) = (&mut self.observer, direction.path) {
            let way = (path.0 as usize, index % 2 == 1);
            observer.link(self.now, way, idle_since, &direction.transmission, lost);
        }
    }

    #[inline(never)]
    fn pass_device(&mut self, id: NodeId, port: u8, mut packet: Box<Packet>) {
        let NodeKind::Device { device, effects, record, .. } = &mut self.nodes[id.0 as usize].kind
        else {
            return;
        };
        let ingress = PortId(port);
        let flags = packet.flags;
        let forwarding = match packet.protocol {
            Protocol::Tcp => device.process(self.now, ingress, &mut packet, effects),
            Protocol::IcmpError => device.process_icmp(self.now, ingress, &mut packet, effects),
        };
        let record = *record;
        for signed in effects.changes.drain(..) {
            if let Some(watch) = &mut self.watch {
                watch.changed(signed.packet, &signed.change);
            }
            self.recorder.take(self.now, record, flags, signed);
        }
        self.send_emitted(id);
        match forwarding {
            Forwarding::Through => self.send(id, ingress.peer().0, packet),
            Forwarding::To(out) => self.send(id, out.0, packet),
            Forwarding::Drop | Forwarding::Consumed => self.outbox.pool.free(packet),
        }
        self.arm_device(id);
    }

    fn send_emitted(&mut self, id: NodeId) {
        loop {
            let NodeKind::Device { effects, .. } = &mut self.nodes[id.0 as usize].kind else {
                return;
            };
            if effects.emitted.is_empty() {
                return;
            }
            let emitted = std::mem::take(&mut effects.emitted);
            for (port, packet) in emitted {
                let packet = self.outbox.pool.boxed(packet);
                self.send(id, port.0, packet);
            }
        }
    }

    fn arm_device(&mut self, id: NodeId) {
        let now = self.now;
        if let NodeKind::Device { device, armed, .. } = &mut self.nodes[id.0 as usize].kind
            && let Some(at) = device.next_timeout()
        {
            let at = at.max(now);
            if at < *armed {
                *armed = at;
                self.queue.push(at, Target::Node(id.0));
            }
        }
    }

    #[inline(never)]
    fn on_device_timer(&mut self, id: NodeId) {
        let NodeKind::Device { device, armed, effects, record } =
            &mut self.nodes[id.0 as usize].kind
        else {
            return;
        };
        if *armed != self.now {
            return; // another, earlier timer took this one's place
        }
        *armed = SimTime::NEVER;
        if device.next_timeout().is_some_and(|at| at <= self.now) {
            device.on_timeout(self.now, effects);
        }
        let record = *record;
        for signed in effects.changes.drain(..) {
            if let Some(watch) = &mut self.watch {
                watch.changed(signed.packet, &signed.change);
            }
            self.recorder.take(self.now, record, crate::wire::packet::Flags(0), signed);
        }
        self.send_emitted(id);
        self.arm_device(id);
    }

    /// A packet has reached a host.
    fn receive_anyhow(&mut self, id: NodeId, by: Option<u32>, mut packet: Box<Packet>) {
        let now = self.now;
        let NodeKind::Host(stack) = &mut self.nodes[id.0 as usize].kind else { return };
        let recent = stack.find_recent(&packet);
        if recent.is_none() && !stack.owns(packet.dst) {
            self.outbox.pool.free(packet); // flooded here by a switch
            return;
        }
        if packet.protocol == Protocol::IcmpError {
            self.receive_icmp(id, packet);
            return;
        }
        if let Some((endpoint, subflow)) = recent.or_else(|| stack.find(&packet)) {
            if let Some(by) = by {
                let direction = &mut self.directions[by as usize];
                (direction.receiver, direction.receiver_subflow) = (endpoint.0, subflow);
            }
            let mut io = Io { now, host: stack, outbox: &mut self.outbox };
            self.endpoints[endpoint.0 as usize].on_packet(
                &mut io,
                usize::from(subflow),
                &mut packet,
            );
            self.outbox.pool.free(packet);
            self.after_endpoint_of(id, endpoint);
            return;
        }
        if packet.checksum_fault == 0 {
            self.receive_unknown(id, &packet);
        }
        self.outbox.pool.free(packet);
    }

    /// An ICMP error is for the subflow whose segment it quotes.
    #[cold]
    fn receive_icmp(&mut self, id: NodeId, packet: Box<Packet>) {
        let NodeKind::Host(stack) = &mut self.nodes[id.0 as usize].kind else { return };
        let error = packet.icmp().filter(|_| packet.checksum_fault == 0);
        let flow = error.and_then(|error| error.flow());
        if let Some((endpoint, subflow)) = flow.and_then(|flow| stack.find_flow(&flow)) {
            let mut io = Io { now: self.now, host: stack, outbox: &mut self.outbox };
            self.endpoints[endpoint.0 as usize].on_icmp(&mut io, usize::from(subflow), &packet);
            self.after_endpoint(endpoint);
        }
        self.outbox.pool.free(packet);
    }

    /// A packet of no known subflow: a SYN, a join, or something to reset.
    #[inline(never)]
    fn receive_unknown(&mut self, id: NodeId, packet: &Packet) {
        let now = self.now;
        let (_, index) = origin_of(packet.uid);
        let NodeKind::Host(stack) = &mut self.nodes[id.0 as usize].kind else { return };
        if let Some((endpoint, subflow)) = stack.find_retired(now, packet) {
            let mut io = Io { now, host: stack, outbox: &mut self.outbox };
            let mut late = packet.clone();
            self.endpoints[endpoint.0 as usize].on_packet(&mut io, subflow.into(), &mut late);
            self.after_endpoint(endpoint);
            return;
        }
        if packet.flags.is_initial_syn() {
            let speaks = stack.config.profile != crate::mptcp::config::Profile::TcpOnly;
            if let Some(token) = join_token(packet).filter(|_| speaks) {
                let known = stack.by_token(token);
                if let Some(endpoint) = known {
                    let mut io = Io { now, host: stack, outbox: &mut self.outbox };
                    self.endpoints[endpoint.0 as usize].accept_join(&mut io, packet, index);
                    self.after_endpoint(endpoint);
                } else {
                    self.note_unknown_token(id, packet);
                    self.reset_stray(id, packet, Some(ResetReason::MPTCP));
                }
                return;
            }
            if stack.is_listening(packet.dst_port) {
                self.accept(id, packet, index);
                return;
            }
        }
        self.reset_stray(id, packet, None);
    }

    fn reset_stray(&mut self, id: NodeId, packet: &Packet, reason: Option<ResetReason>) {
        self.stray_uid += 1;
        if let Some(reset) = stray_reset(packet, PacketUid(self.stray_uid), reason) {
            let reset = self.outbox.pool.boxed(reset);
            self.send_from_host(id, reset);
        }
    }

    /// A SYN for a listening port. The connection that it belongs to is known by who made the packet;
    /// a device's own SYN (a proxy's) belongs to the first connection to this host without a server.
    fn accept(&mut self, id: NodeId, packet: &Packet, index: usize) {
        let connection = match self.connection_of(packet.uid) {
            Some((connection, _)) => connection.0,
            None => {
                let waiting =
                    |c: &super::world::Connection| c.server.is_none() && c.client.is_some();
                match self.connections.iter().position(waiting) {
                    Some(c) => c as u32,
                    None => return self.reset_stray(id, packet, None),
                }
            }
        };
        let endpoint_id = EndpointId(self.endpoints.len() as u32);
        let setup = self.setup(endpoint_id, ConnectionId(connection), End::Server);
        let NodeKind::Host(stack) = &mut self.nodes[id.0 as usize].kind else { return };
        let mut io = Io { now: self.now, host: stack, outbox: &mut self.outbox };
        let endpoint = Endpoint::accept(setup, &mut io, packet, index);
        self.endpoints.push(endpoint);
        self.endpoint_hosts.push(id);
        // A join whose option was lost opens a connection of its own on the server, which is not the
        // other end of the client's.
        let slot = &mut self.connections[connection as usize].server;
        if slot.is_none() && index == 0 {
            *slot = Some(endpoint_id);
        }
        self.after_endpoint(endpoint_id);
    }

    fn setup(&self, id: EndpointId, connection: ConnectionId, end: End) -> EndpointSetup {
        let c = &self.connections[connection.0 as usize];
        let up = StreamId(2 * connection.0);
        let down = StreamId(2 * connection.0 + 1);
        let (streams, side) = match end {
            End::Client => ((up, down), "client"),
            End::Server => ((down, up), "server"),
        };
        // Each server of a balanced address draws for itself.
        let name = format!("connection {} {side} {}", c.spec.name, id.0);
        EndpointSetup {
            id,
            connection: connection.0,
            end,
            app: App::new(&c.spec.app, end, streams, self.now),
            rng: Stream::new(self.seed, &name),
            sample_interval: self.intervals.length(),
        }
    }

    pub(super) fn open(&mut self, id: ConnectionId) {
        let endpoint_id = EndpointId(self.endpoints.len() as u32);
        let setup = self.setup(endpoint_id, id, End::Client);
        let spec = &self.connections[id.0 as usize].spec;
        let (host, local, server) = (spec.client, spec.client_address, spec.server_address);
        let NodeKind::Host(stack) = &mut self.nodes[host.0 as usize].kind else { return };
        let mut io = Io { now: self.now, host: stack, outbox: &mut self.outbox };
        let endpoint = Endpoint::connect(setup, &mut io, local, server);
        self.endpoints.push(endpoint);
        self.endpoint_hosts.push(host);
        self.connections[id.0 as usize].client = Some(endpoint_id);
        self.after_endpoint(endpoint_id);
    }

    #[inline(never)]
    fn on_endpoint_timer(&mut self, id: EndpointId) {
        let endpoint = &mut self.endpoints[id.0 as usize];
        if endpoint.armed != self.now {
            return; // another, earlier timer took this one's place
        }
        endpoint.armed = SimTime::NEVER;
        if endpoint.deadline() <= self.now {
            let host = self.endpoint_hosts[id.0 as usize];
            let NodeKind::Host(stack) = &mut self.nodes[host.0 as usize].kind else { return };
            let mut io = Io { now: self.now, host: stack, outbox: &mut self.outbox };
            endpoint.on_timer(&mut io);
        }
        self.after_endpoint(id);
    }

    /// Takes what an endpoint left: packets, deliveries, its next deadline.
    pub(super) fn after_endpoint(&mut self, id: EndpointId) {
        self.after_endpoint_of(self.endpoint_hosts[id.0 as usize], id);
    }

    #[inline(always)] // once for each packet
    fn after_endpoint_of(&mut self, host: NodeId, id: EndpointId) {
        if self.observer.is_some() || self.watch.is_some() {
            self.show_endpoint(id);
        }
        if let Some(packet) = self.outbox.sent.pop() {
            if self.outbox.sent.is_empty() {
                self.send_from_host(host, packet);
            } else {
                self.outbox.sent.push(packet);
                self.send_all(host);
            }
        }
        if self.endpoints[id.0 as usize].has_fresh {
            self.measure(id);
        }
        let endpoint = &mut self.endpoints[id.0 as usize];
        if std::mem::take(&mut endpoint.keeps_deadline) {
            debug_assert!(endpoint.deadline().max(self.now) >= endpoint.armed);
            debug_assert_eq!(endpoint.life, Life::Active);
            return;
        }
        let at = endpoint.deadline();
        if at < endpoint.armed {
            let at = at.max(self.now);
            endpoint.armed = at;
            self.queue.push(at, Target::Endpoint(id.0));
        }
        if endpoint.life != Life::Active {
            self.consider_done(id);
        }
    }

    /// Sends what an endpoint left, in order.
    #[inline(never)]
    fn send_all(&mut self, host: NodeId) {
        let mut sent = std::mem::take(&mut self.outbox.sent);
        for packet in sent.drain(..) {
            self.send_from_host(host, packet);
        }
        self.outbox.sent = sent;
    }

    /// Shows the observer what an end of a connection sends now (a stray server is no end), and those who
    /// watch what happened to it.
    #[cold]
    fn show_endpoint(&mut self, id: EndpointId) {
        let endpoint = &self.endpoints[id.0 as usize];
        if let Some(watch) = &mut self.watch {
            watch.hear(id.0 as usize, &endpoint.story);
        }
        let connection = &self.connections[endpoint.connection as usize];
        let is_end = connection.client == Some(id) || connection.server == Some(id);
        if let Some(observer) = self.observer.as_mut().filter(|_| is_end) {
            observer.endpoint(self.now, endpoint, &self.outbox.sent);
        }
    }

    #[inline(always)]
    pub(super) fn send_from_host(&mut self, host: NodeId, packet: Box<Packet>) {
        if self.watch.is_none() {
            let [last, before] = &self.nodes[host.0 as usize].ways;
            let way = match (last, before) {
                (Some(way), _) if way.takes(&packet) => Some(way.direction),
                (_, Some(way)) if way.takes(&packet) => Some(way.direction),
                _ => None,
            };
            if let Some(direction) = way {
                return self.transmit(direction, packet);
            }
        }
        self.send_by_route(host, packet);
    }

    /// Sends a packet of a host where its addresses and routes say.
    #[inline(never)]
    fn send_by_route(&mut self, host: NodeId, packet: Box<Packet>) {
        let (NodeKind::Host(stack) | NodeKind::Outside(stack)) = &self.nodes[host.0 as usize].kind
        else {
            return;
        };
        let port = stack.route(packet.src, packet.dst);
        // A host does not send what its own interface cannot take (DF is set: EMSGSIZE).
        let fits = |port: &u8| {
            stack.mtus.get(usize::from(*port)).is_none_or(|&mtu| packet.wire_len() <= mtu)
        };
        let Some(port) = port.filter(fits) else {
            self.outbox.pool.free(packet);
            return;
        };
        let mtu = stack.mtus.get(usize::from(port)).copied().unwrap_or(u32::MAX);
        let node = &mut self.nodes[host.0 as usize];
        if let Some(Some(direction)) = node.ports.get(usize::from(port)).copied() {
            let way = Way { src: packet.src, dst: packet.dst, direction, mtu };
            node.ways = [Some(way), node.ways[0]];
        }
        self.send(host, port, packet);
    }

    /// Moves fresh deliveries into the connection's measurements.
    #[inline(never)]
    fn measure(&mut self, id: EndpointId) {
        let endpoint = &mut self.endpoints[id.0 as usize];
        endpoint.has_fresh = false;
        let connection = &mut self.connections[endpoint.connection as usize];
        let is_end = connection.client == Some(id) || connection.server == Some(id);
        if !is_end {
            return;
        }
        let interval = self.intervals.index_of(self.now);
        for subflow in &mut endpoint.subflows {
            if subflow.fresh_bytes > 0 {
                let bytes = std::mem::take(&mut subflow.fresh_bytes);
                let all = &mut connection.tracker.series;
                series::add(&mut all.subflow_mut(subflow.index).bytes, interval, bytes);
            }
        }
        if endpoint.fresh_delivered == 0 {
            return;
        }
        let bytes = std::mem::take(&mut endpoint.fresh_delivered);
        let (index, end) = (endpoint.connection as usize, endpoint.end);
        self.delivered(index, end, self.now, bytes);
    }

    /// A connection is done when both ends have ended, or its client has and no server ever knew of it: a client
    /// that gives up is over before its peer has heard of that.
    fn consider_done(&mut self, id: EndpointId) {
        self.consider_connection(self.endpoints[id.0 as usize].connection as usize);
    }

    pub(super) fn consider_connection(&mut self, index: usize) {
        let connection = &self.connections[index];
        if connection.done {
            return;
        }
        let ended = |e: Option<EndpointId>| {
            e.is_none_or(|e| match outside_index(e) {
                Some(i) => self.outside[i].life != OutsideLife::Active,
                None => self.endpoints[e.0 as usize].is_finished(),
            })
        };
        if connection.client.is_some() && ended(connection.client) && ended(connection.server) {
            let ends = [connection.client, connection.server];
            self.connections[index].done = true;
            self.open_connections -= 1;
            for id in ends.into_iter().flatten().filter(|id| outside_index(*id).is_none()) {
                self.endpoints[id.0 as usize].shrink();
            }
            self.connections[index].tracker.shrink();
        }
    }

    #[cold]
    fn capture_packet(&mut self, id: NodeId, port: u8, sent: bool, packet: &Packet) {
        let Some(watch) = &mut self.watch else { return };
        let node = &self.nodes[id.0 as usize];
        let is_host = matches!(node.kind, NodeKind::Host(_) | NodeKind::Outside(_));
        let of = match origin_of(packet.uid) {
            (endpoint, local) if packet.uid.0 >> 62 == 0 => {
                self.endpoints.get(endpoint.0 as usize).and_then(|endpoint| {
                    let subflow = endpoint.subflows.get(local)?;
                    Some((endpoint.connection, subflow.index as u32))
                })
            }
            _ => None,
        };
        let name = || {
            let path = node.ports.get(usize::from(port)).copied().flatten();
            let path = path.and_then(|d| self.directions[d as usize].path);
            let side = match node.kind {
                NodeKind::Device { .. } if port.is_multiple_of(2) => " inside",
                NodeKind::Device { .. } => " outside",
                _ => "",
            };
            let path = match path {
                Some(path) => self.paths[path.0 as usize].name.clone(),
                None => format!("port {port}"),
            };
            let name = format!("{}{side} {path}", node.name);
            CaptureInterface { node: node.name.clone(), name }
        };
        watch.see(self.now, Port { node: id.0, port, is_host }, sent, packet, of, name);
    }
}
