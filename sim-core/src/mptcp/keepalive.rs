//! Keepalive (RFC 9293 §3.8.4, Linux's `tcp_keepalive_timer`): a subflow from which nothing has come for
//! a long time, and on which nothing is in flight, is probed; without any answer it is given up.

use super::counters::Counter;
use super::endpoint::{Endpoint, Io, Life};
use super::subflow::State;
use crate::record::story::{Fact, ResetCause};
use crate::time::{SimDuration, SimTime};

/// When to probe a silent peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// Silence before the first probe (`tcp_keepalive_time`).
    pub idle: SimDuration,
    /// Time between probes (`tcp_keepalive_intvl`).
    pub interval: SimDuration,
    /// Unanswered probes after which the subflow is given up (`tcp_keepalive_probes`).
    pub probes: u32,
}

/// What one subflow remembers for it.
#[derive(Clone, Copy, Debug)]
pub struct Silence {
    /// When something last came in, or was probed for.
    since: SimTime,
    /// Probes sent since something came in.
    probes: u32,
}

impl Silence {
    /// Something came in.
    #[must_use]
    pub const fn broken(now: SimTime) -> Self {
        Self { since: now, probes: 0 }
    }

    /// When something last came in, or was probed for.
    pub(super) const fn since(&self) -> SimTime {
        self.since
    }
}

impl Endpoint {
    /// When subflow `i` is to be probed, or given up.
    pub(super) fn keepalive_at(&self, i: usize) -> SimTime {
        let s = &self.subflows[i];
        let Some(keepalive) = self.config.keepalive else { return SimTime::NEVER };
        if self.life != Life::Active || s.state != State::Established || !s.tx.is_idle() {
            return SimTime::NEVER;
        }
        let wait = if s.silence.probes == 0 { keepalive.idle } else { keepalive.interval };
        s.silence.since + wait
    }

    /// The time of [`Endpoint::keepalive_at`] has come.
    pub(super) fn on_keepalive(&mut self, io: &mut Io<'_>, i: usize) {
        let Some(keepalive) = self.config.keepalive else { return };
        let silence = &mut self.subflows[i].silence;
        if silence.probes >= keepalive.probes {
            self.tell(io.now, i, None, Fact::TimedOut);
            self.send_rst(io, i, ResetCause::ConnectionOver, None);
            self.fail_subflow(io, i);
            return;
        }
        *silence = Silence { since: io.now, probes: silence.probes + 1 };
        self.counters.count(Counter::TcpKeepAlive);
        self.send_window_probe(io, i);
    }
}
