//! The congestion window and the two ways in which it grows (RFC 5681 §3.1).

/// A slow start threshold above every window: slow start goes on until something ends it.
const INFINITE_SSTHRESH: u32 = 0x7fff_ffff;

/// A congestion window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The window, in segments; at least 1.
    pub cwnd: u32,
    /// The slow start threshold, in segments.
    pub ssthresh: u32,
    /// Segments acknowledged that have not yet grown the window.
    credit: u32,
}

impl Window {
    /// A window in slow start, of `initial` segments.
    #[must_use]
    pub fn new(initial: u32) -> Self {
        Self { cwnd: initial.max(1), ssthresh: INFINITE_SSTHRESH, credit: 0 }
    }

    /// True below the threshold.
    #[must_use]
    #[inline]
    pub const fn in_slow_start(&self) -> bool {
        self.cwnd < self.ssthresh
    }

    /// The threshold; `None` before the first loss has set one.
    #[must_use]
    pub const fn known_ssthresh(&self) -> Option<u32> {
        if self.ssthresh == INFINITE_SSTHRESH { None } else { Some(self.ssthresh) }
    }

    /// Grows by what was acknowledged, up to the threshold; returns what was acknowledged beyond it.
    #[inline]
    pub(super) fn slow_start(&mut self, acked: u32) -> u32 {
        let grown = self.cwnd.saturating_add(acked).min(self.ssthresh);
        let rest = acked - (grown - self.cwnd);
        self.cwnd = grown;
        rest
    }

    /// Grows by one for every `per` segments acknowledged.
    #[inline]
    pub(super) fn additive_increase(&mut self, per: u32, acked: u32) {
        let per = per.max(1);
        // Credit gathered while `per` was higher counts for one segment only (as in Linux).
        if self.credit >= per {
            self.credit = 0;
            self.cwnd = self.cwnd.saturating_add(1);
        }
        self.credit = self.credit.saturating_add(acked);
        if self.credit >= per {
            self.cwnd = self.cwnd.saturating_add(self.credit / per);
            self.credit %= per;
        }
    }

    /// True where one more segment acknowledged does not grow the window, at one for each window
    /// acknowledged or slower.
    #[inline]
    pub(super) const fn only_counts_next(&self) -> bool {
        !self.in_slow_start() && self.credit.saturating_add(1) < self.cwnd
    }

    /// Forgets the credit: growth begins anew after a reduction.
    pub(super) const fn forget_credit(&mut self) {
        self.credit = 0;
    }
}
