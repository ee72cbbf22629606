//! Distributions as a picture: which part of the values is not more than …

use super::answer::SpreadLine;
use super::curves::{CURVES_MAX, Plot, Scale, number};
use crate::chart::palette;

/// Steps of a line: more are finer than a pixel.
const STEPS_MAX: u64 = 400;
/// The tails beyond are outside of the picture where they would make most of it.
const TAIL: f64 = 0.001;

/// The picture of distributions.
pub(super) fn draw(lines: &[SpreadLine], x_heading: &str, title: &str) -> String {
    let shown = &lines[..lines.len().min(CURVES_MAX)];
    let ends = shown.iter().flat_map(|line| [line.quantile(TAIL), line.quantile(1.0 - TAIL)]);
    let ends: Vec<f64> = if shown.is_empty() { vec![0.0, 1.0] } else { ends.collect() };
    let scale = Scale::of_numbers(ends.iter().copied());
    let (least, most) =
        ends.iter().fold((f64::INFINITY, 0.0_f64), |(a, b), &end| (a.min(end), b.max(end)));
    let names: Vec<&str> = shown.iter().filter_map(|line| line.label.as_deref()).collect();
    let mut plot = Plot::new(scale, x_heading, (100.0, "part of the values, %"), &names);
    let mut ends = Vec::new();
    for (k, line) in shown.iter().enumerate() {
        let colour = palette::path(k);
        let mut points: Vec<(f64, f64)> = Vec::new();
        let (all, mut sum, mut drawn) = (line.values.len(), 0, 0);
        for step in line.values.iter_recorded() {
            let before = sum;
            sum += step.count_at_value();
            if (sum - drawn) * STEPS_MAX < all && sum < all {
                continue;
            }
            drawn = sum;
            let value = (step.value_iterated_to() as f64 / line.scale).clamp(least, most);
            let x = plot.x(value);
            let level = |count: u64| 100.0 * count as f64 / all as f64;
            let from = if points.is_empty() { 0.0 } else { level(before) };
            points.push((x, plot.y(from)));
            points.push((x, plot.y(level(sum))));
        }
        plot.svg.line(&points, colour, 2.2);
        let median = line.quantile(0.5);
        let name = line.label.as_deref().map(|name| format!("{name}: ")).unwrap_or_default();
        let about = format!(
            "{name}median {}, 5 % {}, 95 % {}, {} runs",
            number(median),
            number(line.quantile(0.05)),
            number(line.quantile(0.95)),
            line.runs
        );
        let place = (plot.x(median.clamp(least, most)), plot.y(50.0));
        plot.svg.link(&format!("#run-{}", line.example.run), &about, |svg| {
            svg.mark(place, k, colour);
        });
        if let Some(name) = &line.label {
            ends.push((plot.y(96.0) + 17.0 * k as f64, name.as_str()));
        }
    }
    plot.names(&ends);
    plot.finish("Marks: medians.", title)
}
