//! Balanced linked adaptation (Peng, Walid, Hwang and Low, 2014; draft-walid-mptcp-congestion-control),
//! as in the out-of-tree kernel's `mptcp_balia.c`.

use super::{Sibling, Window, reno, shares};

/// Grows the window of subflow `me` by x/(rtt (Σx)²) · (1+α)/2 · (4+α)/5 per acknowledged segment,
/// where x = cwnd/rtt and α = max x / x.
pub(super) fn grow(window: &mut Window, mut acked: u32, siblings: &[Sibling], me: usize) {
    if !shares(siblings, me) {
        return reno::grow(window, acked);
    }
    if window.in_slow_start() {
        acked = window.slow_start(acked);
    }
    if acked > 0 {
        window.additive_increase(segments_per_increase(siblings, me) as u32, acked);
    }
}

/// How many segments must be acknowledged for the window to grow by one.
fn segments_per_increase(siblings: &[Sibling], me: usize) -> f64 {
    let (greatest, total) = rates(siblings);
    let mine = siblings[me].rate();
    let alpha = greatest / mine;
    let share = mine / (siblings[me].rtt_f64() * total * total);
    10.0 / (share * (1.0 + alpha) * (4.0 + alpha))
}

/// The threshold after congestion: less cwnd/2 · min(α, 1.5), so a window off the best path gives way
/// by up to three quarters.
#[must_use]
pub(super) fn reduced(cwnd: u32, siblings: &[Sibling], me: usize) -> u32 {
    if !shares(siblings, me) {
        return reno::reduced(cwnd);
    }
    let alpha = rates(siblings).0 / siblings[me].rate();
    let factor = if alpha < 1.5 { alpha } else { 1.5 };
    let less = f64::from(cwnd) / 2.0 * factor;
    (f64::from(cwnd) - less).max(1.0) as u32
}

/// The greatest and the total of the subflows' rates.
fn rates(siblings: &[Sibling]) -> (f64, f64) {
    siblings
        .iter()
        .filter(|s| s.usable())
        .map(Sibling::rate)
        .fold((0.0, 0.0), |(greatest, total), rate| (rate.max(greatest), total + rate))
}

#[cfg(test)]
mod tests {
    use super::super::tests::siblings;
    use super::*;

    #[test]
    fn increases_and_decreases() {
        let check = |rtts_ms: [u64; 2], per: [f64; 2], after: [u32; 2]| {
            let siblings = siblings(&[10, 10], &rtts_ms);
            for me in 0..2 {
                let got = segments_per_increase(&siblings, me);
                assert!((got - per[me]).abs() < 1e-9, "{rtts_ms:?}: {got}");
                assert_eq!(reduced(10, &siblings, me), after[me]);
            }
        };
        // Equal paths: α = 1, each grows by 1/(4 cwnd).
        check([20, 20], [40.0, 40.0], [5, 5]);
        // x = 1 and 0.5 per ms, Σx = 1.5. α = 1: 1/(10·2.25) → 22.5. α = 2: 0.5/(20·2.25)·(3/2)·(6/5)
        // → 50, and a loss takes 10/2·1.5.
        check([10, 20], [22.5, 50.0], [5, 2]);
    }

    /// The kernel's form: one more after (Σx)²·10·cwnd / ((x + max x)·(4x + max x)) segments; and no window that
    /// is lowered goes below one segment.
    #[test]
    fn windows_move_as_the_kernel_says() {
        for (cwnds, rtts_ms) in
            [([10, 10], [20, 20]), ([4, 30], [150, 25]), ([17, 3], [20, 300]), ([64, 12], [90, 10])]
        {
            let siblings = siblings(&cwnds, &rtts_ms);
            let x = [0, 1].map(|i| f64::from(cwnds[i]) / (rtts_ms[i] as f64 / 1e3));
            let (total, best) = (x[0] + x[1], x[0].max(x[1]));
            for me in 0..2 {
                let per = total * total * 10.0 * f64::from(cwnds[me])
                    / ((x[me] + best) * (4.0 * x[me] + best));
                let mut window = Window::new(cwnds[me]);
                window.ssthresh = 1;
                let mut acks = 0;
                while window.cwnd == cwnds[me] {
                    grow(&mut window, 1, &siblings, me);
                    acks += 1;
                }
                assert_eq!(acks, per as u32, "{cwnds:?} {rtts_ms:?} {me}");
                let less = f64::from(cwnds[me]) / 2.0 * (best / x[me]).min(1.5);
                let after = (f64::from(cwnds[me]) - less).max(1.0) as u32;
                assert_eq!(reduced(cwnds[me], &siblings, me), after, "{cwnds:?} {rtts_ms:?} {me}");
                assert_eq!(reduced(1, &siblings, me), 1);
            }
        }
    }
}
