//! Opportunistic linked increases (Khalili et al., 2012; draft-khalili-mptcp-congestion-control), as in
//! the out-of-tree kernel's `mptcp_olia.c`: like LIA, and windows move from the paths with the largest
//! windows to the best paths where those are not the same.

use super::{AckSample, Sibling, Window, reno, shares};

/// The state of one OLIA window.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Olia {
    /// Bytes acknowledged since the last loss.
    since_loss: u64,
    /// Bytes acknowledged between the last two losses.
    between_losses: u64,
    /// The part of a segment by which the window has grown or shrunk so far.
    credit: f64,
}

impl Olia {
    /// What the siblings judge the path by: the bytes that it carries between losses.
    pub(super) fn loss_interval(&self) -> u64 {
        self.since_loss.max(self.between_losses)
    }

    /// Counts what the path carries, in recovery as well.
    pub(super) fn measure(&mut self, ack: &AckSample) {
        self.since_loss += u64::from(ack.acked) * u64::from(ack.mss);
    }

    /// A loss: by duplicate ACKs or by timeout.
    pub(super) fn on_loss(&mut self) {
        // Losses of one window count once: nothing was carried between them.
        if self.since_loss > 0 {
            self.between_losses = self.since_loss;
            self.since_loss = 0;
        }
        self.credit = 0.0;
    }

    /// Grows the window of subflow `me` by (cwnd/rtt²)/(Σ cwnd/rtt)² + α/cwnd per acknowledged segment.
    pub(super) fn grow(
        &mut self,
        window: &mut Window,
        ack: &AckSample,
        siblings: &[Sibling],
        me: usize,
    ) {
        if !shares(siblings, me) {
            return reno::grow(window, ack.acked);
        }
        let mut acked = ack.acked;
        if window.in_slow_start() {
            acked = window.slow_start(acked);
        }
        if acked == 0 {
            return;
        }
        self.credit += f64::from(acked) * increase(window.cwnd, siblings, me);
        if self.credit >= 1.0 {
            let whole = self.credit as u32;
            window.cwnd = window.cwnd.saturating_add(whole);
            self.credit -= f64::from(whole);
        } else if self.credit <= -1.0 {
            window.cwnd = window.cwnd.saturating_sub(1).max(1);
            self.credit = 0.0;
        }
    }
}

fn increase(cwnd: u32, siblings: &[Sibling], me: usize) -> f64 {
    let cwnd = f64::from(cwnd);
    let rtt = siblings[me].rtt_f64();
    let total: f64 = siblings.iter().filter(|s| s.usable()).map(Sibling::rate).sum();
    cwnd / (rtt * rtt) / (total * total) + alpha(siblings, me) / cwnd
}

/// α: positive on the best paths whose windows are not the largest, negative on the paths with the
/// largest windows where there are such, else zero. Over all paths it sums up to zero.
fn alpha(siblings: &[Sibling], me: usize) -> f64 {
    let usable = || siblings.iter().filter(|s| s.usable());
    let quality = |s: &Sibling| s.loss_interval as f64 / (s.rtt_f64() * s.rtt_f64());
    let largest = usable().map(|s| s.cwnd).max().unwrap_or(0);
    let best = usable().map(quality).fold(0.0, f64::max);
    let is_largest = |s: &Sibling| s.cwnd == largest;
    let is_collected = |s: &Sibling| quality(s) >= best && !is_largest(s);

    let collected = usable().filter(|s| is_collected(s)).count();
    if collected == 0 {
        return 0.0;
    }
    let paths = usable().count() as f64;
    if is_collected(&siblings[me]) {
        1.0 / (paths * collected as f64)
    } else if is_largest(&siblings[me]) {
        -1.0 / (paths * usable().filter(|s| is_largest(s)).count() as f64)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{ack, siblings};
    use super::*;

    #[test]
    fn alpha_moves_windows_to_the_best_paths() {
        let table: [(&[u32], &[u64], &[f64]); 5] = [
            // The best path has the largest window already.
            (&[10, 10], &[5, 5], &[0.0, 0.0]),
            (&[20, 10], &[9, 5], &[0.0, 0.0]),
            // The second is the best, the first the largest.
            (&[20, 10], &[5, 9], &[-0.5, 0.5]),
            (&[20, 10, 20], &[5, 9, 5], &[-1.0 / 6.0, 1.0 / 3.0, -1.0 / 6.0]),
            // Neither best nor largest: left alone.
            (&[20, 10, 5], &[5, 9, 5], &[-1.0 / 3.0, 1.0 / 3.0, 0.0]),
        ];
        for (cwnds, intervals, expected) in table {
            let mut siblings = siblings(cwnds, &[20; 3][..cwnds.len()]);
            for (sibling, interval) in siblings.iter_mut().zip(intervals) {
                sibling.loss_interval = *interval;
            }
            let alphas: Vec<_> = (0..cwnds.len()).map(|me| alpha(&siblings, me)).collect();
            assert_eq!(alphas, expected, "{cwnds:?} {intervals:?}");
        }
    }

    #[test]
    fn equal_paths_share_the_growth_of_one() {
        let siblings = siblings(&[10, 10], &[20, 20]);
        assert!((increase(10, &siblings, 0) - 1.0 / 40.0).abs() < 1e-12);
    }

    #[test]
    fn the_largest_window_shrinks_for_the_best_path() {
        let mut siblings = siblings(&[10, 2], &[200, 10]);
        siblings[1].loss_interval = 1000;
        let mut window = Window::new(10);
        window.ssthresh = 1;
        let mut olia = Olia::default();
        for _ in 0..30 {
            olia.grow(&mut window, &ack(1), &siblings, 0);
        }
        assert_eq!(window.cwnd, 9);
    }

    #[test]
    fn the_loss_interval_is_the_longer_one() {
        let mut olia = Olia::default();
        let mut carry = |acked, loss: bool| {
            olia.measure(&ack(acked));
            if loss {
                olia.on_loss();
            }
            olia.loss_interval() / 1400
        };
        let seen = [carry(5, false), carry(5, true), carry(0, true), carry(3, false)];
        assert_eq!(seen, [5, 10, 10, 10]);
        assert_eq!([carry(9, false), carry(0, true), carry(1, false)], [12, 12, 12]);
    }
}
