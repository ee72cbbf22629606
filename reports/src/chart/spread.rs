//! A figure of many runs, with its spread: every run a dot, the mean and its confidence interval.

use plotters::prelude::DrawingBackend;

use super::canvas::{self, Align, Canvas, Font};
use super::{palette, ticks};
use crate::figures::printable;

/// The whole chart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spread {
    /// What it shows.
    pub title: String,
    /// What is measured, with its unit: `goodput (Mbps)`.
    pub label: String,
    /// What the interval is: `95 % confidence interval of the mean`.
    pub interval: String,
    /// From the top down.
    pub groups: Vec<Sample>,
}

/// Runs of one kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// What they have in common.
    pub name: String,
    /// The figure of each run.
    pub values: Vec<f64>,
    /// Their mean, or another middle.
    pub middle: f64,
    /// From and to, where there are runs enough to say.
    pub interval: Option<(f64, f64)>,
}

/// The chart as SVG.
#[must_use]
pub fn svg(spread: &Spread) -> String {
    let name = format!("{}. {}.", printable(&spread.title), printable(&spread.label));
    canvas::svg(size(spread), &name, |canvas| draw(canvas, spread))
}

/// The chart as PNG, 1600 pixels wide.
#[must_use]
pub fn png(spread: &Spread) -> Vec<u8> {
    canvas::png(size(spread), |canvas| draw(canvas, spread))
}

const WIDTH: f64 = 1600.0;
const HEIGHT: f64 = 900.0;
const MARGIN: f64 = 40.0;
const TOP: f64 = 110.0;
const BOTTOM: f64 = 120.0;
const NAMES: f64 = 360.0;
/// The figures at the right.
const FIGURES: f64 = 190.0;
const ROW_MIN: f64 = 30.0;
const ROW_MAX: f64 = 84.0;

const TITLE: Font = Font::new(34.0).bold();
const NAME: Font = Font::new(18.0);
const TICK: Font = Font::new(17.0).colour(palette::FAINT);
const NOTE: Font = Font::new(16.0).colour(palette::FAINT);

fn row_height(spread: &Spread) -> f64 {
    ((HEIGHT - TOP - BOTTOM) / spread.groups.len().max(1) as f64).clamp(ROW_MIN, ROW_MAX)
}

fn size(spread: &Spread) -> (u32, u32) {
    let height = TOP + row_height(spread) * spread.groups.len() as f64 + BOTTOM;
    (WIDTH as u32, height as u32)
}

fn draw<DB: DrawingBackend>(canvas: &Canvas<'_, DB>, spread: &Spread) {
    canvas.fill(palette::PAPER);
    let title = canvas.cut(&printable(&spread.title), TITLE, WIDTH - 2.0 * MARGIN);
    canvas.text(&title, (MARGIN, 50.0), TITLE, Align::Left);
    let (left, right) = (MARGIN + NAMES, WIDTH - MARGIN - FIGURES);
    let values = spread.groups.iter().flat_map(|sample| {
        let interval = sample.interval.map(|(_, to)| to);
        sample.values.iter().copied().chain(interval).chain([sample.middle])
    });
    let highest = values.filter(|value| value.is_finite()).fold(0.0, f64::max) * 1.05;
    let highest = if highest > 0.0 { highest } else { 1.0 };
    let place = |value: f64| left + (right - left) * (value / highest).clamp(0.0, 1.0);
    let bottom = f64::from(size(spread).1) - BOTTOM;
    let (marks, decimals) = ticks::ticks(highest, 10);
    for value in marks {
        let x = place(value);
        canvas.line(&[(x, TOP), (x, bottom)], palette::GRID, 1.0);
        canvas.text(&format!("{value:.decimals$}"), (x, bottom + 24.0), TICK, Align::Middle);
    }
    canvas.line(&[(left, TOP), (left, bottom), (right, bottom)], palette::INK, 1.4);
    let label = printable(&spread.label);
    canvas.text(&label, (f64::midpoint(left, right), bottom + 58.0), NAME, Align::Middle);
    let height = row_height(spread);
    for (k, sample) in spread.groups.iter().enumerate() {
        let y = TOP + height * (k as f64 + 0.5);
        let name = canvas.cut(&printable(&sample.name), NAME, NAMES - 20.0);
        canvas.text(&name, (MARGIN, y), NAME, Align::Left);
        let half = (height * 0.22).min(12.0);
        if let Some((from, to)) = sample.interval {
            let colour = palette::tint(palette::path(0));
            canvas.rect(
                (place(from), y - half),
                (place(to).max(place(from) + 1.5), y + half),
                colour,
            );
        }
        for value in &sample.values {
            let x = place(*value);
            canvas.rect((x - 1.0, y - half * 0.7), (x + 1.0, y + half * 0.7), palette::FAINT);
        }
        let x = place(sample.middle);
        let top = y - half - 3.0;
        canvas.rect((x - 2.0, top), (x + 2.0, y + half + 3.0), palette::strong(palette::path(0)));
        let figures = match sample.interval {
            Some((from, to)) => format!("{:.2}  ({from:.2} to {to:.2})", sample.middle),
            None => format!("{:.2}", sample.middle),
        };
        canvas.text(&figures, (right + 16.0, y), NOTE, Align::Left);
    }
    let interval = printable(&spread.interval);
    let caption = format!("Thick line: the mean. Blue: {interval}. Thin lines: single runs.");
    canvas.text(&caption, (left, bottom + 88.0), NOTE, Align::Left);
}
