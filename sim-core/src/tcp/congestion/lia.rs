//! Linked increases (RFC 6356): all subflows together take no more than one TCP would on the best
//! path. Slow start and decrease are those of Reno.

use super::{Sibling, Window, reno, shares};

/// Grows the window of one subflow by min(α/total, 1/cwnd) for each acknowledged segment.
pub(super) fn grow(window: &mut Window, mut acked: u32, siblings: &[Sibling], me: usize) {
    if !shares(siblings, me) {
        return reno::grow(window, acked);
    }
    if window.in_slow_start() {
        acked = window.slow_start(acked);
    }
    if acked > 0 {
        let per = segments_per_increase(siblings) as u32;
        window.additive_increase(per.max(window.cwnd), acked);
    }
}

/// total/α: how many segments must be acknowledged for the total to grow by one, before the bound
/// that a subflow grows no faster than Reno. With α = total · max(c/rtt²) / (Σ c/rtt)², the total
/// cancels.
fn segments_per_increase(siblings: &[Sibling]) -> f64 {
    let (mut best, mut rate) = (0.0, 0.0);
    for sibling in siblings.iter().filter(|s| s.usable()) {
        let (cwnd, rtt) = (sibling.cwnd_f64(), sibling.rtt_f64());
        let numerator = cwnd / (rtt * rtt);
        best = if numerator > best { numerator } else { best };
        rate += cwnd / rtt;
    }
    rate * rate / best
}

#[cfg(test)]
mod tests {
    use super::super::tests::siblings;
    use super::*;

    #[test]
    fn alpha_of_rfc_6356() {
        let table: [(&[u32], &[u64], f64); 4] = [
            (&[10, 10], &[20, 20], 0.5),
            (&[10, 20], &[20, 100], 1.530_612),
            (&[10, 10, 10], &[50, 50, 50], 0.333_333),
            (&[50, 5], &[100, 10], 2.75),
        ];
        for (cwnds, rtts_ms, expected) in table {
            let total: u32 = cwnds.iter().sum();
            let alpha = f64::from(total) / segments_per_increase(&siblings(cwnds, rtts_ms));
            assert!((alpha - expected).abs() < 1e-6, "{cwnds:?} {rtts_ms:?}: {alpha}");
        }
    }

    #[test]
    fn a_subflow_grows_by_alpha_of_the_total_and_no_faster_than_reno() {
        // α = 0.5: the total of 20 grows by one in 40 segments. α = 2.75: in 20, but Reno's bound of
        // one per window of 50 holds. α = 0.8: in 62.5.
        let table: [(&[u32], &[u64], u32); 3] =
            [(&[10, 10], &[20, 20], 40), (&[50, 5], &[100, 10], 50), (&[10, 40], &[10, 10], 62)];
        for (cwnds, rtts_ms, per) in table {
            let siblings = siblings(cwnds, rtts_ms);
            let mut window = Window::new(cwnds[0]);
            window.ssthresh = 1;
            let mut acks = 0;
            while window.cwnd == cwnds[0] {
                acks += 1;
                grow(&mut window, 1, &siblings, 0);
            }
            assert_eq!(acks, per, "{cwnds:?}");
        }
    }
}
