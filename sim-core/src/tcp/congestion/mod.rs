//! Congestion control: the window of one subflow, and for the coupled algorithms its share in the
//! connection's.
//!
//! The sender tells what it sees ([`Congestion::on_ack`], [`Congestion::on_congestion`], …) and obeys
//! [`Congestion::window`]. In fast recovery the sender itself shrinks the window to the threshold
//! (proportional rate reduction, RFC 6937) where [`Congestion::uses_prr`] says so.
//!
//! The coupled algorithms ([`Congestion::is_coupled`]) look at all subflows of the connection; with
//! fewer than two that can send they are Reno (wVegas: Vegas). The others ignore `siblings`, so an
//! empty slice will do.

mod balia;
mod bbr;
#[cfg(test)]
mod bottleneck;
mod cubic;
mod lia;
mod olia;
mod reno;
#[cfg(test)]
mod tests;
mod window;
mod wvegas;

pub use window::Window;

use crate::mptcp::config::CongestionKind;
use crate::time::{SimDuration, SimTime};
use bbr::Bbr;
use cubic::Cubic;
use olia::Olia;
use wvegas::WVegas;

/// What an ACK told the sender. Segments are counted, as in Linux.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AckSample {
    /// The time.
    pub now: SimTime,
    /// Segments newly delivered: acknowledged cumulatively or by SACK.
    pub acked: u32,
    /// The cumulative acknowledgement moved. Duplicate ACKs do not grow a window (RFC 5681 §3.2).
    pub advances: bool,
    /// Round-trip time of the newest segment acknowledged, unless it was sent more than once.
    pub rtt: Option<SimDuration>,
    /// Smoothed round-trip time.
    pub srtt: SimDuration,
    /// Least round-trip time that the sender knows.
    pub min_rtt: SimDuration,
    /// Segments in flight after this ACK.
    pub in_flight: u32,
    /// Segments in flight before it.
    pub prior_in_flight: u32,
    /// The sender uses its whole window, so that a larger one would make a difference (RFC 7661; in
    /// Linux `tcp_is_cwnd_limited`: in slow start, more than half of it).
    pub cwnd_limited: bool,
    /// In fast recovery. False in the slow start after a timeout.
    pub in_recovery: bool,
    /// Segments newly found lost.
    pub lost: u32,
    /// Segments delivered in all, this ACK's included.
    pub delivered: u64,
    /// `delivered` as it was when the newest acknowledged segment was sent.
    pub prior_delivered: u64,
    /// Time that the rate sample spans; zero when there is none.
    pub interval: SimDuration,
    /// Segments delivered in `interval`.
    pub rate_delivered: u32,
    /// The newest acknowledged segment was sent while the application had nothing more to send.
    pub app_limited: bool,
    /// Payload of a full segment, in bytes.
    pub mss: u32,
}

impl AckSample {
    /// True when a loss-based window may grow.
    #[inline]
    const fn grows(&self) -> bool {
        self.advances && self.cwnd_limited && !self.in_recovery
    }
}

/// What a coupled algorithm sees of a subflow, its own included.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sibling {
    /// The window, in segments.
    pub cwnd: u32,
    /// Smoothed round-trip time; zero while there is none.
    pub srtt: SimDuration,
    /// Below its threshold.
    pub in_slow_start: bool,
    /// Established and able to send.
    pub open: bool,
    /// OLIA: bytes acknowledged since the last loss or between the last two, the greater.
    pub loss_interval: u64,
    /// wVegas: segments per nanosecond when the subflow last weighed itself; zero while it does not.
    pub vegas_rate: f64,
}

impl Sibling {
    fn usable(&self) -> bool {
        self.open && self.srtt > SimDuration::ZERO
    }

    fn cwnd_f64(&self) -> f64 {
        f64::from(self.cwnd)
    }

    /// Segments per nanosecond.
    fn rate(&self) -> f64 {
        self.cwnd_f64() / self.rtt_f64()
    }

    /// Smoothed round-trip time in nanoseconds.
    fn rtt_f64(&self) -> f64 {
        self.srtt.as_nanos() as f64
    }
}

/// True when the subflow shares its connection with another one that can send.
fn shares(siblings: &[Sibling], me: usize) -> bool {
    siblings.get(me).is_some_and(Sibling::usable)
        && siblings.iter().filter(|s| s.usable()).count() > 1
}

/// Where the sender is between a loss and its repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    Recovery,
    /// After a timeout; `progress`: something was acknowledged since.
    Loss {
        progress: bool,
    },
}

/// What remembers much is apart, so that the others' subflows are small.
#[derive(Clone, Debug)]
enum Algorithm {
    Reno,
    Cubic(Box<Cubic>),
    Lia,
    Olia(Olia),
    Balia,
    WVegas(Box<WVegas>),
    Bbr(Box<Bbr>),
}

/// The congestion control of one subflow.
#[derive(Clone, Debug)]
pub struct Congestion {
    window: Window,
    initial_window: u32,
    phase: Phase,
    /// The window before the last reduction, to undo it.
    prior: Window,
    delivered: u64,
    algorithm: Algorithm,
}

impl Congestion {
    /// An algorithm that begins with a window of that many segments.
    #[must_use]
    pub fn new(kind: CongestionKind, initial_window: u32) -> Self {
        let algorithm = match kind {
            CongestionKind::Reno => Algorithm::Reno,
            CongestionKind::Cubic => Algorithm::Cubic(Box::default()),
            CongestionKind::Bbr => Algorithm::Bbr(Box::new(Bbr::new())),
            CongestionKind::Lia => Algorithm::Lia,
            CongestionKind::Olia => Algorithm::Olia(Olia::default()),
            CongestionKind::Balia => Algorithm::Balia,
            CongestionKind::WVegas => Algorithm::WVegas(Box::default()),
        };
        let window = Window::new(initial_window);
        Self {
            window,
            initial_window: window.cwnd,
            phase: Phase::Open,
            prior: window,
            delivered: 0,
            algorithm,
        }
    }

    /// The window.
    #[must_use]
    #[inline]
    pub const fn window(&self) -> &Window {
        &self.window
    }

    /// The window, for the sender's rate reduction and for a scheduler's penalties.
    #[inline]
    pub const fn window_mut(&mut self) -> &mut Window {
        &mut self.window
    }

    /// True when the algorithm looks at `siblings`.
    #[must_use]
    pub const fn is_coupled(&self) -> bool {
        match self.algorithm {
            Algorithm::Lia | Algorithm::Olia(_) | Algorithm::Balia | Algorithm::WVegas(_) => true,
            Algorithm::Reno | Algorithm::Cubic(_) | Algorithm::Bbr(_) => false,
        }
    }

    /// True when the sender is to reduce the window in fast recovery. BBR does it itself.
    #[must_use]
    pub const fn uses_prr(&self) -> bool {
        !matches!(self.algorithm, Algorithm::Bbr(_))
    }

    /// Bytes of payload per second at which the algorithm wants to be paced, if at all.
    #[must_use]
    pub fn pacing_rate(&self) -> Option<u64> {
        match &self.algorithm {
            Algorithm::Bbr(bbr) => bbr.pacing_rate(),
            _ => None,
        }
    }

    /// The rate that an algorithm which paces sets out with.
    pub(super) fn first_rate(&self, bytes_in_window: u64, srtt: SimDuration) -> Option<u64> {
        match &self.algorithm {
            Algorithm::Bbr(_) => Some(Bbr::first_rate(bytes_in_window, srtt)),
            _ => None,
        }
    }

    /// What the other subflows of the connection see of this one.
    #[must_use]
    #[inline]
    pub fn snapshot(&self, srtt: SimDuration, open: bool) -> Sibling {
        let (loss_interval, vegas_rate) = match &self.algorithm {
            Algorithm::Olia(olia) => (olia.loss_interval(), 0.0),
            Algorithm::WVegas(vegas) => (0, vegas.rate()),
            _ => (0, 0.0),
        };
        let Window { cwnd, .. } = self.window;
        let in_slow_start = self.window.in_slow_start();
        Sibling { cwnd, srtt, in_slow_start, open, loss_interval, vegas_rate }
    }

    /// An ACK has come in. `siblings[me]` is this subflow as it was before the ACK.
    #[inline]
    pub fn on_ack(&mut self, ack: &AckSample, siblings: &[Sibling], me: usize) {
        if let Phase::Loss { progress } = &mut self.phase {
            *progress |= ack.advances;
        }
        self.delivered = ack.delivered;
        let window = &mut self.window;
        match &mut self.algorithm {
            Algorithm::Reno => {
                if ack.grows() {
                    reno::grow(window, ack.acked);
                }
            }
            Algorithm::Cubic(cubic) => {
                cubic.measure(window, ack);
                if ack.grows() {
                    cubic.grow(window, ack);
                }
            }
            Algorithm::Lia => {
                if ack.grows() {
                    lia::grow(window, ack.acked, siblings, me);
                }
            }
            Algorithm::Olia(olia) => {
                olia.measure(ack);
                if ack.grows() {
                    olia.grow(window, ack, siblings, me);
                }
            }
            Algorithm::Balia => {
                if ack.grows() {
                    balia::grow(window, ack.acked, siblings, me);
                }
            }
            Algorithm::WVegas(vegas) => {
                vegas.measure(ack);
                if !ack.in_recovery {
                    vegas.grow(window, ack, siblings, me);
                }
            }
            Algorithm::Bbr(bbr) => bbr.on_ack(window, ack),
        }
    }

    /// False where [`Congestion::on_next_acked`] only notes one more segment of those that it takes to grow:
    /// the siblings are not looked at then.
    #[inline]
    pub fn may_grow(&self) -> bool {
        // No algorithm of the linked increases grows faster than Reno.
        !(matches!(self.algorithm, Algorithm::Lia)
            && self.phase == Phase::Open
            && self.window.only_counts_next())
    }

    /// The short way of [`Congestion::on_ack`]: one segment was acknowledged in its turn, nothing being lost or
    /// repaired; `limited` is [`AckSample::cwnd_limited`], `delivered` is [`AckSample::delivered`]. False
    /// where the algorithm asks for more than that.
    #[inline(always)] // once for each acknowledgement
    pub fn on_next_acked(
        &mut self,
        limited: bool,
        delivered: u64,
        siblings: &[Sibling],
        me: usize,
    ) -> bool {
        if self.phase != Phase::Open {
            return false;
        }
        match self.algorithm {
            Algorithm::Reno if limited => reno::grow(&mut self.window, 1),
            Algorithm::Lia if limited => lia::grow(&mut self.window, 1, siblings, me),
            Algorithm::Balia if limited => balia::grow(&mut self.window, 1, siblings, me),
            Algorithm::Reno | Algorithm::Lia | Algorithm::Balia => {}
            _ => return false,
        }
        self.delivered = delivered;
        true
    }

    /// Fast recovery begins: the threshold is set; the window follows by the sender's rate
    /// reduction.
    pub fn on_congestion(&mut self, siblings: &[Sibling], me: usize) {
        self.reduce(siblings, me);
        self.phase = Phase::Recovery;
    }

    /// Everything that was outstanding when recovery began, by duplicate ACKs or by timeout, has been
    /// acknowledged.
    pub fn on_recovery_end(&mut self) {
        if self.phase == Phase::Recovery && self.uses_prr() {
            self.window.cwnd = self.window.ssthresh;
        }
        self.phase = Phase::Open;
        match &mut self.algorithm {
            Algorithm::WVegas(vegas) => vegas.restart(self.delivered),
            Algorithm::Bbr(bbr) => bbr.on_recovery_end(),
            _ => {}
        }
    }

    /// The retransmission timer has run out: slow start from one segment. The threshold is lowered
    /// once for each window of data, not again by the timer's next rounds (RFC 5681 §3.1).
    pub fn on_timeout(&mut self, siblings: &[Sibling], me: usize) {
        match self.phase {
            Phase::Open | Phase::Loss { progress: true } => self.reduce(siblings, me),
            Phase::Recovery | Phase::Loss { progress: false } => {}
        }
        self.phase = Phase::Loss { progress: false };
        self.window.cwnd = 1;
        self.window.forget_credit();
        match &mut self.algorithm {
            Algorithm::Cubic(cubic) => cubic.on_timeout(self.delivered),
            Algorithm::WVegas(vegas) => vegas.on_loss(),
            Algorithm::Bbr(bbr) => bbr.on_timeout(),
            _ => {}
        }
    }

    /// The loss was none (RFC 3522, RFC 5682): the window and threshold from before come back, and the end of the
    /// recovery changes neither (Linux `tcp_undo_cwnd_reduction`, `tcp_end_cwnd_reduction`).
    pub fn undo(&mut self) {
        self.window.cwnd = self.window.cwnd.max(self.prior.cwnd);
        self.window.ssthresh = self.window.ssthresh.max(self.prior.ssthresh);
        self.phase = Phase::Open;
        match &mut self.algorithm {
            Algorithm::WVegas(vegas) => vegas.restart(self.delivered),
            Algorithm::Bbr(bbr) => bbr.undo(),
            _ => {}
        }
    }

    /// Sending begins again after `idle`, in which nothing was in flight. The window is halved for
    /// every retransmission timeout that has passed, not below the initial one (RFC 2861); BBR paces
    /// instead.
    pub fn on_idle_restart(&mut self, now: SimTime, idle: SimDuration, rto: SimDuration) {
        match &mut self.algorithm {
            Algorithm::Cubic(cubic) => cubic.on_idle(now, idle),
            Algorithm::WVegas(vegas) if idle > rto => vegas.restart(self.delivered),
            Algorithm::Bbr(bbr) => return bbr.on_idle(&mut self.window, now),
            _ => {}
        }
        if idle > rto && rto > SimDuration::ZERO {
            let window = &mut self.window;
            window.ssthresh = current_ssthresh(window, self.phase);
            let halvings = ((idle.as_nanos() - 1) / rto.as_nanos()).min(31);
            let floor = self.initial_window.min(window.cwnd);
            window.cwnd = (window.cwnd >> halvings).max(floor);
        }
    }

    fn reduce(&mut self, siblings: &[Sibling], me: usize) {
        self.prior = self.window;
        self.prior.ssthresh = current_ssthresh(&self.window, self.phase);
        let window = &mut self.window;
        let cwnd = window.cwnd;
        window.ssthresh = match &mut self.algorithm {
            Algorithm::Reno | Algorithm::Lia => reno::reduced(cwnd),
            Algorithm::Cubic(cubic) => cubic.reduced(cwnd),
            Algorithm::Olia(olia) => {
                olia.on_loss();
                reno::reduced(cwnd)
            }
            Algorithm::Balia => balia::reduced(cwnd, siblings, me),
            Algorithm::WVegas(vegas) => {
                vegas.on_loss();
                reno::reduced(cwnd)
            }
            Algorithm::Bbr(bbr) => {
                bbr.on_loss(window);
                window.ssthresh
            }
        };
        window.forget_credit();
    }
}

/// What the threshold is worth: outside a reduction no less than three quarters of the window that
/// the path carries (Linux `tcp_current_ssthresh`).
fn current_ssthresh(window: &Window, phase: Phase) -> u32 {
    match phase {
        Phase::Recovery => window.ssthresh,
        _ => window.ssthresh.max((u64::from(window.cwnd) * 3 / 4) as u32),
    }
}
