//! NewReno's window (RFC 5681 §3.1, RFC 6582): one segment per acknowledged segment in slow start,
//! one per window in congestion avoidance, half of it on congestion.

use super::Window;

/// Grows the window by what was acknowledged.
#[inline(always)] // once for each acknowledgement
pub(super) fn grow(window: &mut Window, mut acked: u32) {
    if window.in_slow_start() {
        acked = window.slow_start(acked);
        if acked == 0 {
            return;
        }
    }
    window.additive_increase(window.cwnd, acked);
}

/// The threshold after congestion. Half of the window as Linux has it; RFC 5681 halves what is in
/// flight, which is the same for a sender that grows its window only while it uses all of it.
#[must_use]
pub(super) fn reduced(cwnd: u32) -> u32 {
    (cwnd / 2).max(2)
}
