//! Phases of loss recovery: fast recovery with proportional rate reduction (RFC 6937), the time after a
//! timeout with F-RTO (RFC 5682), and what is taken back when a reduction turns out to be wrong.

use super::undo::Undone;
use super::{Acked, Hold, Phase, Sender};
use crate::tcp::congestion::Sibling;

/// What an acknowledgement says to recovery.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    /// The cumulative acknowledgement advanced.
    pub(super) advanced: bool,
    /// Segments newly delivered.
    pub(super) delivered: u32,
    /// Segments newly found lost.
    pub(super) newly_lost: u32,
    /// It says that something arrived out of order: a new SACK block, or a duplicate acknowledgement.
    pub(super) out_of_order: bool,
    /// When what it echoes was sent, in milliseconds of the clock (RFC 7323).
    pub(super) echoed_ms: Option<u64>,
}

impl Sender {
    pub(super) fn step_phase(
        &mut self,
        acked: &mut Acked,
        progress: &Progress,
        siblings: &[Sibling],
        me: usize,
    ) {
        match self.phase {
            Phase::Open if self.lost > 0 => {
                self.prior_cwnd = self.congestion.window().cwnd;
                self.undo.begin(self.una);
                self.congestion.on_congestion(siblings, me);
                self.phase = Phase::Recovery { high: self.next };
                self.prr_delivered = 0;
                self.prr_out = 0;
                self.reduce(progress);
            }
            Phase::Open => {}
            Phase::Recovery { high } if self.una >= high => {
                if self.undo.is_due(progress.echoed_ms) {
                    acked.undone = Some(Undone::Recovery);
                    self.take_back();
                }
                self.reopen();
            }
            Phase::Recovery { .. } => {
                if progress.advanced && self.undo.is_answered_too_soon(progress.echoed_ms) {
                    acked.undone = Some(Undone::Partly);
                    self.take_back();
                    self.reopen();
                    return;
                }
                if self.undo.is_all_duplicate() {
                    acked.undone = Some(Undone::Duplicates);
                    self.take_back();
                    self.reopen();
                    return;
                }
                if !self.sack && progress.advanced {
                    // A partial acknowledgement: the next hole is lost too (RFC 6582 §3.2).
                    self.mark_lost(0);
                }
                self.reduce(progress);
            }
            Phase::Loss { high } => self.step_loss(high, acked, progress),
        }
    }

    /// After a timeout (`tcp_process_loss`): was it spurious?
    fn step_loss(&mut self, high: u64, acked: &mut Acked, progress: &Progress) {
        if progress.advanced && self.undo.is_due(progress.echoed_ms) {
            acked.undone = Some(Undone::Loss);
        } else if self.frto && self.original_delivered {
            // RFC 5682 §3.1 step 3.b: data that was never sent again has arrived.
            acked.undone = Some(Undone::Timeout);
        }
        if acked.undone.is_some() {
            self.take_back();
            self.reopen();
            return;
        }
        let recovered = self.una >= high;
        if self.frto {
            if self.next > high {
                if progress.out_of_order {
                    self.frto = false; // step 3.a: the loss was real
                }
            } else if progress.advanced && !recovered {
                self.hold = Hold::ForNewData; // step 2.b
            }
        }
        if recovered {
            self.reopen();
        }
    }

    fn reopen(&mut self) {
        self.phase = Phase::Open;
        self.congestion.on_recovery_end();
        self.duplicate_acks = 0;
        if !self.sack {
            self.sacked = 0;
        }
        self.undo.end();
        self.frto = false;
    }

    /// Proportional rate reduction (RFC 6937), as Linux's `tcp_cwnd_reduction`.
    fn reduce(&mut self, progress: &Progress) {
        let Progress { advanced, delivered, newly_lost, .. } = *progress;
        if !self.congestion.uses_prr() {
            return; // a model-based control sets its window itself
        }
        let in_flight = self.in_flight();
        let ssthresh = self.congestion.window().ssthresh;
        self.prr_delivered += delivered;
        let send = if in_flight > ssthresh {
            let target = u64::from(ssthresh) * u64::from(self.prr_delivered)
                + u64::from(self.prior_cwnd)
                - 1;
            ((target / u64::from(self.prior_cwnd.max(1))) as u32).saturating_sub(self.prr_out)
        } else {
            let mut send = delivered.max(self.prr_delivered.saturating_sub(self.prr_out));
            if advanced && newly_lost == 0 {
                send += 1;
            }
            send.min(ssthresh - in_flight)
        };
        let send = if self.prr_out == 0 { send.max(1) } else { send };
        self.congestion.window_mut().cwnd = in_flight + send;
    }
}
