//! What the script asks for when its time has come: links that change, addresses that come and go,
//! connections that are opened, given up or attacked.

use super::world::{Action, LinkId, NodeId, NodeKind, World};
use crate::mptcp::endpoint::{Endpoint, Io, Life};
use crate::mptcp::stack::EndpointId;
use crate::record::story::End;
use crate::wire::packet::{Flags, Flow, Packet, PacketUid};
use crate::wire::seq::Seq;

impl World {
    #[inline(never)]
    pub(super) fn on_script(&mut self, entry: u32) {
        let entry = &mut self.script[entry as usize];
        if let Some(event) = entry.event.take() {
            self.timeline.push(event);
        }
        let action = entry.action.clone();
        if self.concerns_outside(&action) {
            self.requests.push(action);
            return;
        }
        match action {
            Action::Connect(id) => self.open(id),
            Action::LinkDown(link) => {
                for index in [2 * link.0, 2 * link.0 + 1] {
                    for packet in self.directions[index as usize].transmission.cut(self.now) {
                        self.outbox.pool.free(packet);
                    }
                }
            }
            Action::LinkUp(link) => {
                for index in [2 * link.0, 2 * link.0 + 1] {
                    self.directions[index as usize].transmission.restore();
                }
            }
            Action::SetLink { link, forward, backward } => {
                for (index, config) in [(2 * link.0, forward), (2 * link.0 + 1, backward)] {
                    if let Some(config) = config {
                        let direction = &mut self.directions[index as usize];
                        direction.transmission.set_config(*config);
                    }
                }
            }
            Action::Reload(node) => {
                if let NodeKind::Device { device, .. } = &mut self.nodes[node.0 as usize].kind {
                    device.reload(self.now);
                }
            }
            Action::EndpointRemoved { host, address } => {
                self.stack_mut(host).remove_endpoint(address);
                self.each_endpoint(host, |endpoint, io| endpoint.remove_address(io, address));
            }
            Action::AddressRemoved { host, address } => {
                // Told while the address is still there: its packets have their way.
                if self.stack_mut(host).is_endpoint(address) {
                    self.each_endpoint(host, |endpoint, io| endpoint.remove_address(io, address));
                }
                self.stack_mut(host).remove_address(address);
            }
            Action::AddressAdded { host, port, address } => {
                self.add_address(host, port, address);
                self.each_endpoint(host, |endpoint, io| endpoint.add_address(io, address));
            }
            Action::SetBackup { host, address, backup } => {
                // Linux tells nobody of what does not change.
                self.each_endpoint(host, |endpoint, io| endpoint.set_backup(io, address, backup));
                self.stack_mut(host).set_backup(address, backup);
            }
            Action::Abort { connection, end } => {
                let c = &self.connections[connection.0 as usize];
                let id = if end == End::Client { c.client } else { c.server };
                if let Some(id) = id {
                    let host = self.endpoint_hosts[id.0 as usize];
                    let NodeKind::Host(stack) = &mut self.nodes[host.0 as usize].kind else {
                        return;
                    };
                    let mut io = Io { now: self.now, host: stack, outbox: &mut self.outbox };
                    self.endpoints[id.0 as usize].fast_close(&mut io);
                    self.after_endpoint(id);
                }
            }
            Action::InjectReset { link, to_client, to_server } => {
                self.inject_resets(link, to_client, to_server);
            }
        }
    }

    /// The host, or the end, that the action is for is outside the world.
    fn concerns_outside(&self, action: &Action) -> bool {
        let host = match *action {
            Action::Connect(id) => self.connections[id.0 as usize].spec.client,
            Action::EndpointRemoved { host, .. }
            | Action::AddressRemoved { host, .. }
            | Action::AddressAdded { host, .. }
            | Action::SetBackup { host, .. } => host,
            Action::Abort { connection, end } => {
                let spec = &self.connections[connection.0 as usize].spec;
                if end == End::Client { spec.client } else { spec.server }
            }
            _ => return false,
        };
        matches!(self.nodes[host.0 as usize].kind, NodeKind::Outside(_))
    }

    fn each_endpoint(&mut self, host: NodeId, mut act: impl FnMut(&mut Endpoint, &mut Io<'_>)) {
        for i in 0..self.endpoints.len() {
            if self.endpoint_hosts[i] != host || self.endpoints[i].life != Life::Active {
                continue;
            }
            let NodeKind::Host(stack) = &mut self.nodes[host.0 as usize].kind else { return };
            let mut io = Io { now: self.now, host: stack, outbox: &mut self.outbox };
            act(&mut self.endpoints[i], &mut io);
            self.after_endpoint(EndpointId(i as u32));
        }
    }

    /// Forges resets, with the sequence numbers that somebody on the link would have seen.
    fn inject_resets(&mut self, link: LinkId, to_client: bool, to_server: bool) {
        let towards_peer = |end: End| if end == End::Client { to_server } else { to_client };
        let mut forged: Vec<(NodeId, Flow, Seq)> = Vec::new();
        for (endpoint, &host) in self.endpoints.iter().zip(&self.endpoint_hosts) {
            for (i, s) in endpoint.subflows.iter().enumerate() {
                if s.is_alive() && towards_peer(endpoint.end) {
                    forged.push((host, s.flow, endpoint.next_sequence(i)));
                }
            }
        }
        for end in self.outside.iter().filter(|e| towards_peer(e.end)) {
            let alive = end.subflows.iter().filter(|s| s.ended_at.is_none());
            forged.extend(alive.map(|s| (end.host, s.flow, s.next_sequence)));
        }
        let path = self.directions[2 * link.0 as usize].path;
        for (host, flow, seq) in forged {
            let (NodeKind::Host(stack) | NodeKind::Outside(stack)) =
                &self.nodes[host.0 as usize].kind
            else {
                continue;
            };
            let port = stack.route(flow.src.ip(), flow.dst.ip());
            let leaves = port.and_then(|p| {
                self.nodes[host.0 as usize].ports.get(usize::from(p)).copied().flatten()
            });
            if leaves.is_none_or(|d| self.directions[d as usize].path != path) {
                continue;
            }
            let mut packet = Packet::new(flow.src, flow.dst);
            packet.flags = Flags::RST;
            packet.seq = seq;
            self.stray_uid += 1;
            packet.uid = PacketUid(self.stray_uid);
            let packet = self.outbox.pool.boxed(packet);
            self.send_from_host(host, packet);
        }
    }
}
