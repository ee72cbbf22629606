//! What the next events will need is asked of memory before they come: with thousands of flows nothing of
//! theirs is in the cache any more when their turn comes, and a processor that has to wait for one line
//! after another waits longer than it works. Asking changes nothing but the time that it takes.
//!
//! An event is followed in steps, each when what the step before asked for has come: the link; the packet at
//! its head and where it goes on to; there the end of the connection and its subflow, or the next link.

use std::mem::offset_of;

use super::queue::Target;
use super::world::{Connection, LinkDirection, World};
use crate::mptcp::endpoint::Endpoint;
use crate::mptcp::subflow::Subflow;
use crate::record::story::End;

/// Bytes that the cache takes at once.
const LINE: usize = 64;

/// Asks for a value's lines, the first `bytes` of it at most. Nothing is read: any address will do.
#[inline(always)]
fn ask<T>(value: *const T, bytes: usize) {
    let bytes = bytes.min(size_of::<T>()).max(1);
    for at in (0..bytes).step_by(LINE) {
        ask_line(value.cast::<u8>().wrapping_add(at));
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
#[allow(unsafe_code)]
fn ask_line(address: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a prefetch is a hint. It reads and writes no memory that the program can see, and raises no
    // fault, whatever the address is; SSE, which it belongs to, is part of every x86-64 processor.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn ask_line(_address: *const u8) {}

impl World {
    /// Looks ahead in the queue. Worlds that are small enough to stay in the cache have fewer events
    /// waiting than the first step looks ahead, and pay nothing.
    #[inline(never)]
    pub(super) fn look_ahead(&self) {
        let Some(target) = self.queue.upcoming(9) else { return };
        match target {
            Target::Link(index) => {
                if let Some(direction) = self.directions.get(index as usize) {
                    ask(direction, offset_of!(LinkDirection, path));
                }
            }
            Target::Endpoint(id) => self.ask_for_endpoint(id),
            Target::Node(_) | Target::Script(_) => {}
        }
        let steps =
            [Self::ask_for_place, Self::ask_for_packet, Self::ask_for_end, Self::ask_for_lists];
        for (after, step) in [7, 5, 3, 1].into_iter().zip(steps) {
            if let Some(Target::Link(index)) = self.queue.upcoming(after)
                && let Some(direction) = self.directions.get(index as usize)
            {
                step(self, direction);
            }
        }
    }

    #[inline]
    fn ask_for_endpoint(&self, id: u32) {
        if let Some(endpoint) = self.endpoints.get(id as usize) {
            ask(endpoint, Endpoint::HOT);
        }
    }

    /// Where the packet at a link's head stands, and who will get it.
    #[inline]
    fn ask_for_place(&self, direction: &LinkDirection) {
        direction.transmission.ask_for_head(ask_line);
        match direction.shortcut {
            Some((_, out)) => {
                if let Some(out) = self.directions.get(out as usize) {
                    ask(out, offset_of!(LinkDirection, path));
                }
            }
            None if direction.receiver != u32::MAX => {
                self.ask_for_endpoint(direction.receiver);
                if let Some(node) = self.nodes.get(direction.to.0.0 as usize) {
                    ask(node, 3 * LINE);
                }
            }
            None => {}
        }
    }

    /// The packet itself, and the state of those who will get it.
    #[inline]
    fn ask_for_packet(&self, direction: &LinkDirection) {
        let is_passed_on = direction.shortcut.is_some();
        if let Some(packet) = direction.transmission.head() {
            ask(packet, if is_passed_on { LINE } else { usize::MAX });
        }
        if let Some((_, out)) = direction.shortcut {
            if let Some(out) = self.directions.get(out as usize) {
                out.transmission.ask_for_tail(ask_line);
            }
        } else if let Some(endpoint) = self.endpoints.get(direction.receiver as usize) {
            if let Some(subflow) = endpoint.subflows.get(usize::from(direction.receiver_subflow)) {
                ask(subflow, Subflow::HOT);
            }
            if let Some(connection) = self.connections.get(endpoint.connection as usize) {
                ask(connection, offset_of!(Connection, spec));
            }
        }
    }

    /// What a subflow has in flight, the link that it answers by, and the other end of the connection,
    /// which knows when the bytes were written.
    #[inline]
    fn ask_for_end(&self, direction: &LinkDirection) {
        if direction.shortcut.is_some() {
            return;
        }
        let Some(endpoint) = self.endpoints.get(direction.receiver as usize) else { return };
        if let Some(subflow) = endpoint.subflows.get(usize::from(direction.receiver_subflow)) {
            subflow.tx.ask_for_flight(ask_line);
        }
        if let Some(node) = self.nodes.get(direction.to.0.0 as usize)
            && let Some(way) = &node.ways[0]
            && let Some(out) = self.directions.get(way.direction as usize)
        {
            ask(out, offset_of!(LinkDirection, path));
        }
        if endpoint.app.only_reads()
            && let Some(connection) = self.connections.get(endpoint.connection as usize)
        {
            let writer =
                if endpoint.end == End::Server { connection.client } else { connection.server };
            if let Some(writer) = writer.and_then(|id| self.endpoints.get(id.0 as usize)) {
                ask(&writer.app.marks, usize::MAX);
            }
            connection.tracker.ask_for_lists(ask_line);
        }
    }

    /// The lists that what was asked for before points to.
    #[inline]
    fn ask_for_lists(&self, direction: &LinkDirection) {
        if direction.shortcut.is_some() {
            return;
        }
        if let Some(node) = self.nodes.get(direction.to.0.0 as usize)
            && let Some(way) = &node.ways[0]
            && let Some(out) = self.directions.get(way.direction as usize)
        {
            out.transmission.ask_for_tail(ask_line);
        }
        let Some(endpoint) = self.endpoints.get(direction.receiver as usize) else { return };
        if endpoint.app.only_reads() {
            if let Some(connection) = self.connections.get(endpoint.connection as usize) {
                let writer =
                    if endpoint.end == End::Server { connection.client } else { connection.server };
                if let Some(writer) = writer.and_then(|id| self.endpoints.get(id.0 as usize)) {
                    writer.app.marks.ask_for_front(ask_line);
                }
            }
        } else {
            endpoint.app.marks.ask_for_back(ask_line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the `unsafe` above claims: an address that must never be read does no harm, and none is read.
    #[test]
    fn any_address_will_do() {
        let freed = {
            let value = Box::new([7u8; 4 * LINE]);
            let freed: *const [u8; 4 * LINE] = &raw const *value;
            freed
        };
        ask(freed, usize::MAX);
        for address in [0, 1, LINE - 1, 1 << 47, 1 << 63, usize::MAX - 1, usize::MAX] {
            ask_line(std::ptr::without_provenance(address));
            ask::<[u8; 4 * LINE]>(std::ptr::without_provenance(address), usize::MAX);
        }
    }
}
