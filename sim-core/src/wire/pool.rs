//! Packets are boxes that are used again: moving one is moving a pointer, and none is allocated per
//! packet once a run has warmed up.

use std::net::SocketAddr;

use super::packet::{Flags, Packet, PacketUid, Protocol};
use super::seq::Seq;

/// Boxes that are free.
#[derive(Debug, Default)]
pub struct Pool {
    // The boxes themselves are the point: they are handed on without moving the packet.
    #[allow(clippy::vec_box)]
    spare: Vec<Box<Packet>>,
}

impl Pool {
    /// A blank packet from `src` to `dst`, as [`Packet::new`] makes it.
    #[inline(always)] // once for each packet
    pub fn packet(&mut self, src: &SocketAddr, dst: &SocketAddr) -> Box<Packet> {
        let Some(mut packet) = self.spare.pop() else { return Self::another(src, dst) };
        packet.uid = PacketUid(0);
        packet.src = src.ip();
        packet.dst = dst.ip();
        packet.src_port = src.port();
        packet.dst_port = dst.port();
        packet.seq = Seq(0);
        packet.ack = Seq(0);
        packet.flags = Flags(0);
        packet.protocol = Protocol::Tcp;
        packet.reserved = 0;
        packet.ttl = 64;
        packet.tos = 0;
        packet.window = 0;
        packet.urgent = 0;
        packet.ip_id = 0;
        packet.checksum_fault = 0;
        packet.options.clear();
        packet
    }

    #[cold]
    #[inline(never)]
    fn another(src: &SocketAddr, dst: &SocketAddr) -> Box<Packet> {
        Box::new(Packet::new(*src, *dst))
    }

    /// A box with this packet in it.
    pub fn boxed(&mut self, packet: Packet) -> Box<Packet> {
        match self.spare.pop() {
            Some(mut spare) => {
                *spare = packet;
                spare
            }
            None => Box::new(packet),
        }
    }

    /// Takes a box back.
    #[inline]
    pub fn free(&mut self, mut packet: Box<Packet>) {
        packet.payload.bytes = None;
        packet.payload.len = 0;
        self.spare.push(packet);
    }
}
