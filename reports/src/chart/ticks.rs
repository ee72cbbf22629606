//! Round values for axes.

/// Round values from zero to `highest`, at most about `wanted` of them, and the decimals that they
/// need.
pub(crate) fn ticks(highest: f64, wanted: usize) -> (Vec<f64>, usize) {
    let step = step(highest / wanted.max(1) as f64);
    let whole = |decimals: &i32| {
        let scaled = step * 10f64.powi(*decimals);
        (scaled - scaled.round()).abs() < 1e-6 * scaled
    };
    let decimals = (0..9).find(whole).unwrap_or(9) as usize;
    // The tolerance keeps the last tick where the division leaves it a bit short.
    let count = (highest / step + 1e-6).floor() as usize;
    ((0..=count).map(|k| k as f64 * step).collect(), decimals)
}

/// The smallest of 1, 2, 2.5, 5 times a power of ten that is not under `least`.
pub(super) fn step(least: f64) -> f64 {
    if least.is_nan() || least <= 0.0 || least.is_infinite() {
        return 1.0;
    }
    let power = 10f64.powf(least.log10().floor());
    let round = [1.0, 2.0, 2.5, 5.0].into_iter().find(|m| m * power >= least * (1.0 - 1e-9));
    round.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        for (highest, wanted, expect, decimals) in [
            (10.0, 5, vec![0.0, 2.0, 4.0, 6.0, 8.0, 10.0], 0),
            (9.4, 5, vec![0.0, 2.0, 4.0, 6.0, 8.0], 0),
            (9.7, 4, vec![0.0, 2.5, 5.0, 7.5], 1),
            (0.9, 2, vec![0.0, 0.5], 1),
            (30.0, 6, vec![0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0], 0),
            (0.0, 6, vec![0.0], 0),
        ] {
            assert_eq!(ticks(highest, wanted), (expect, decimals), "{highest}");
        }
    }
}
