//! Passes packets through one device in order of time, its timers included: what the engine does in a
//! run, for those who have packets and no world (an audit, a replayed capture, a probe).

use sim_core::engine::device::{Device, Effects, Forwarding, PortId, Signed};
use sim_core::time::SimTime;
use sim_core::wire::packet::{Packet, PacketUid};

/// Timers that may fire at one time: a device that wants more is not waited for.
const TIMERS_MAX: u32 = 10_000;

/// A packet that left the device.
#[derive(Clone, Debug)]
pub struct Left {
    /// When.
    pub at: SimTime,
    /// By which port.
    pub port: PortId,
    /// The packet; one that was passed on or held back has the identity with which it came.
    pub packet: Packet,
}

/// What came of the packets and timers so far.
#[derive(Clone, Debug, Default)]
pub struct Came {
    /// What left, in order.
    pub left: Vec<Left>,
    /// What was done and why, in order.
    pub signed: Vec<Signed>,
}

/// A device and the time that it has been told.
pub struct Driver<'d> {
    device: &'d mut dyn Device,
    now: SimTime,
    effects: Effects,
}

impl<'d> Driver<'d> {
    /// From `now` on; the packets that the device makes are numbered from `first_uid` on.
    pub fn new(device: &'d mut dyn Device, now: SimTime, first_uid: PacketUid) -> Self {
        Self { device, now, effects: Effects::new(first_uid) }
    }

    /// The time that the device was last told.
    #[must_use]
    pub const fn now(&self) -> SimTime {
        self.now
    }

    /// When the device next wants to be called, if it does.
    #[must_use]
    pub fn next_timeout(&self) -> Option<SimTime> {
        self.device.next_timeout()
    }

    /// Lets the timers fire that are due by `to`, each at its time. Time does not go back.
    pub fn advance(&mut self, to: SimTime, came: &mut Came) {
        let mut at_once = 0;
        while let Some(due) = self.device.next_timeout().filter(|&due| due <= to) {
            at_once = if due > self.now { 0 } else { at_once + 1 };
            if at_once > TIMERS_MAX {
                break;
            }
            self.now = self.now.max(due);
            self.device.on_timeout(self.now, &mut self.effects);
            self.collect(came);
        }
        self.now = self.now.max(to);
    }

    /// Gives the device a packet at `at`, or now if that is past, after the timers that are due by then.
    pub fn pass(
        &mut self,
        at: SimTime,
        ingress: PortId,
        mut packet: Packet,
        came: &mut Came,
    ) -> Forwarding {
        self.advance(at, came);
        let forwarding = self.device.process(self.now, ingress, &mut packet, &mut self.effects);
        self.collect(came);
        let out = match forwarding {
            Forwarding::Through => Some(ingress.peer()),
            Forwarding::To(port) => Some(port),
            Forwarding::Drop | Forwarding::Consumed => None,
        };
        came.left.extend(out.map(|port| Left { at: self.now, port, packet }));
        forwarding
    }

    fn collect(&mut self, came: &mut Came) {
        came.signed.append(&mut self.effects.changes);
        let emitted = self.effects.emitted.drain(..);
        came.left.extend(emitted.map(|(port, packet)| Left { at: self.now, port, packet }));
    }
}
