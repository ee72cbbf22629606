//! Fewer points, without losing a peak: one span for each column of pixels.

use super::picture::Span;

/// Points of one column become one span, at the place of the first of them. Columns are `width` of the
/// axis wide.
pub(super) fn columns(points: &[Span], width: f64) -> Vec<Span> {
    let mut out: Vec<Span> = Vec::new();
    let mut column = f64::NEG_INFINITY;
    for point in points {
        let here = (point.x / width).floor();
        match out.last_mut() {
            Some(last) if here == column => {
                last.low = last.low.min(point.low);
                last.high = last.high.max(point.high);
                last.last = point.last;
            }
            _ => {
                column = here;
                out.push(*point);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_keep_peaks() {
        let points: Vec<Span> = (0..3_000_000)
            .map(|k| match k {
                1_234_567 => Span::one(f64::from(k), 99.0),
                2_345_678 => Span::one(f64::from(k), -5.0),
                _ => Span::one(f64::from(k), f64::from(k % 3)),
            })
            .collect();
        let reduced = columns(&points, 3_000_000.0 / 1200.0);
        assert_eq!(reduced.len(), 1200);
        assert!(reduced.iter().any(|span| span.high == 99.0));
        assert!(reduced.iter().any(|span| span.low == -5.0));
        assert!(reduced.is_sorted_by(|a, b| a.x < b.x));
    }

    #[test]
    fn few_points_stay() {
        let points = [Span::one(0.0, 1.0), Span::one(5.0, 2.0)];
        assert_eq!(columns(&points, 1.0), points);
        assert_eq!(columns(&[], 1.0), []);
    }
}
