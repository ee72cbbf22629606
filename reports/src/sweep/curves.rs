//! A figure against an axis, and a distribution: the plot that both are drawn in.

use plotters::style::RGBColor;

use super::AxisInfo;
use super::answer::{Curve, CurvePoint};
use super::svg::{Anchor, Font, Svg};
use crate::chart::palette::{self, FAINT, GRID, INK};
use crate::chart::ticks::ticks;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 394.0;
const LEFT: f64 = 64.0;
const BOTTOM: f64 = 344.0;
/// Under the note, so that the name of the highest curve does not meet it.
const TOP: f64 = 34.0;
/// More curves than this cannot be told apart; the table has them all.
pub(super) const CURVES_MAX: usize = 9;
/// An axis that spans more than this factor is logarithmic.
const LOG_FROM: f64 = 30.0;

/// Places of values on paper.
pub(super) struct Plot {
    pub(super) svg: Svg,
    right: f64,
    x: Scale,
    y_most: f64,
}

/// Places along the bottom.
pub(super) enum Scale {
    /// `whole`: all values are whole numbers, and so are the ticks.
    Linear {
        from: f64,
        to: f64,
        whole: bool,
    },
    Log {
        from: f64,
        to: f64,
    },
    Words(Vec<String>),
}

impl Scale {
    /// A scale for numbers: logarithmic where they span decades.
    pub(super) fn of_numbers(numbers: impl Iterator<Item = f64> + Clone) -> Self {
        let least = numbers.clone().fold(f64::INFINITY, f64::min);
        let whole = numbers.clone().all(|number| number.fract() == 0.0);
        let most = numbers.fold(f64::NEG_INFINITY, f64::max);
        if least > 0.0 && most / least >= LOG_FROM {
            return Self::Log { from: least, to: most };
        }
        let from = if least > 0.0 && least < most * 0.7 { 0.0 } else { least };
        match most > from {
            true => Self::Linear { from, to: most, whole },
            false => Self::Linear { from: from - 0.5, to: most + 0.5, whole },
        }
    }

    fn part(&self, x: f64) -> f64 {
        match self {
            Self::Linear { from, to, .. } => (x - from) / (to - from),
            Self::Log { from, to } => (x / from).ln() / (to / from).ln(),
            Self::Words(words) => (x + 0.5) / words.len().max(1) as f64,
        }
    }

    fn ticks(&self) -> Vec<(f64, String)> {
        match self {
            Self::Linear { from, to, whole } => {
                let (ticks, decimals) = ticks(to - from, 8);
                let step = ticks.get(1).copied().unwrap_or(1.0);
                let (step, decimals) =
                    if *whole && step < 1.0 { (1.0, 0) } else { (step, decimals) };
                let first = (from / step).ceil() as i64;
                let last = (to / step + 1e-9).floor() as i64;
                let label = |k: i64| (k as f64 * step, format!("{:.decimals$}", k as f64 * step));
                (first..=last).map(label).collect()
            }
            Self::Log { from, to } => {
                let decades = from.log10().floor() as i32..=to.log10().ceil() as i32;
                let wide = to / from > 1e4;
                let steps: &[f64] = if wide { &[1.0] } else { &[1.0, 2.0, 5.0] };
                decades
                    .flat_map(|decade| steps.iter().map(move |step| step * 10f64.powi(decade)))
                    .filter(|tick| (from * 0.999..=to * 1.001).contains(tick))
                    .map(|tick| (tick, number(tick)))
                    .collect()
            }
            Self::Words(words) => {
                (0..).zip(words).map(|(k, w)| (f64::from(k), w.clone())).collect()
            }
        }
    }
}

/// A number with as many digits as it needs, at most four.
pub(super) fn number(value: f64) -> String {
    let digits =
        if value == 0.0 { 0 } else { (3 - value.abs().log10().floor() as i32).clamp(0, 9) };
    let text = format!("{value:.*}", digits as usize);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

impl Plot {
    /// Axes, grid and headings, with room to the right for the names of curves.
    pub(super) fn new(
        x: Scale,
        x_heading: &str,
        (y_most, y_heading): (f64, &str),
        names: &[&str],
    ) -> Self {
        let font = Font::new(12.0, INK);
        let widest = names.iter().map(|name| font.width(name)).fold(0.0, f64::max);
        let right = WIDTH - (widest + 34.0).clamp(24.0, 240.0);
        let y_most = if y_most > 0.0 { y_most } else { 1.0 };
        let mut plot = Self { svg: Svg::new(WIDTH, HEIGHT), right, x, y_most };
        let (levels, decimals) = ticks(y_most, 6);
        let small = Font::new(11.5, FAINT);
        for level in levels {
            let y = plot.y(level);
            plot.svg.line(&[(LEFT, y), (right, y)], GRID, 1.0);
            let label = format!("{level:.decimals$}");
            plot.svg.text(&label, (LEFT - 8.0, y), small.anchor(Anchor::End));
        }
        let ticks = plot.x.ticks();
        let room = (right - LEFT) / ticks.len().max(1) as f64 - 6.0;
        for (at, label) in ticks {
            let x = plot.x(at);
            plot.svg.line(&[(x, BOTTOM), (x, BOTTOM + 4.0)], FAINT, 1.0);
            let label = small.cut(&label, room.max(24.0));
            plot.svg.text(&label, (x, BOTTOM + 15.0), small.anchor(Anchor::Middle));
        }
        plot.svg.line(&[(LEFT, BOTTOM), (right, BOTTOM)], FAINT, 1.0);
        let heading = Font::new(12.5, INK).anchor(Anchor::Middle);
        let middle = f64::midpoint(LEFT, right);
        plot.svg.text(x_heading, (middle, HEIGHT - 12.0), heading);
        plot.svg.turned(y_heading, (14.0, f64::midpoint(TOP, BOTTOM)), heading, -90);
        plot
    }

    pub(super) fn x(&self, x: f64) -> f64 {
        LEFT + 8.0 + self.x.part(x) * (self.right - LEFT - 16.0)
    }

    pub(super) fn y(&self, y: f64) -> f64 {
        BOTTOM - (y / self.y_most).clamp(0.0, 1.0) * (BOTTOM - TOP)
    }

    /// Names beside the ends of their curves, none over another; each with its mark.
    pub(super) fn names(&mut self, ends: &[(f64, &str)]) {
        const LINE: f64 = 17.0;
        let mut order: Vec<usize> = (0..ends.len()).collect();
        order.sort_by(|a, b| ends[*a].0.total_cmp(&ends[*b].0));
        let mut places: Vec<f64> = Vec::new();
        for &k in &order {
            let free = places.last().map_or(TOP, |last| last + LINE);
            places.push(ends[k].0.max(free));
        }
        // What was pushed out at the bottom pushes back up.
        let mut limit = BOTTOM;
        for place in places.iter_mut().rev() {
            *place = place.min(limit);
            limit = *place - LINE;
        }
        for (&k, y) in order.iter().zip(places) {
            let colour = palette::path(k);
            self.svg.mark((self.right + 14.0, y), k, colour);
            let font = Font::new(12.0, INK);
            let name = font.cut(ends[k].1, WIDTH - self.right - 26.0);
            self.svg.text(&name, (self.right + 24.0, y), font);
        }
    }

    pub(super) fn finish(mut self, note: &str, title: &str) -> String {
        let font = Font::new(10.5, FAINT).anchor(Anchor::End);
        self.svg.text(note, (WIDTH - 8.0, 8.0), font);
        self.svg.finish(title)
    }
}

/// The picture of means with their intervals.
pub(super) fn draw(curves: &[Curve], axis: &AxisInfo, y_heading: &str, title: &str) -> String {
    let shown = &curves[..curves.len().min(CURVES_MAX)];
    let points = || shown.iter().flat_map(|curve| &curve.points);
    let numeric = points().all(|point| point.x.is_some()) && points().next().is_some();
    let scale = if numeric {
        Scale::of_numbers(points().filter_map(|point| point.x))
    } else {
        let mut words: Vec<String> = axis.values.clone().unwrap_or_default();
        for point in points() {
            if !words.contains(&point.label) {
                words.push(point.label.clone());
            }
        }
        Scale::Words(words)
    };
    let top = |point: &CurvePoint| point.mean.map_or(0.0, |mean| mean.high.unwrap_or(mean.value));
    let most = points().map(top).fold(0.0, f64::max);
    let names: Vec<&str> = shown.iter().filter_map(|curve| curve.label.as_deref()).collect();
    let mut plot = Plot::new(scale, &axis.heading(), (most, y_heading), &names);
    let mut ends = Vec::new();
    for (k, curve) in shown.iter().enumerate() {
        let place = |point: &CurvePoint, plot: &Plot| match (&plot.x, point.x) {
            (Scale::Words(words), _) => {
                let index = words.iter().position(|word| *word == point.label).unwrap_or(0);
                // Side by side, so that none hides another.
                let aside = (k as f64 - (shown.len() as f64 - 1.0) / 2.0) * 10.0;
                plot.x(index as f64) + aside
            }
            (_, x) => plot.x(x.unwrap_or(0.0)),
        };
        curve_of(&mut plot, curve, k, numeric, place);
        if let (Some(name), Some(last)) = (&curve.label, curve.points.last()) {
            ends.push((plot.y(last.mean.map_or(0.0, |mean| mean.value)), name.as_str()));
        }
    }
    plot.names(&ends);
    let note = match curves.len() > CURVES_MAX {
        true => "Mean of the runs, 95 % interval (Student). More curves: see the table.",
        false => "Mean of the runs, 95 % interval (Student).",
    };
    plot.finish(note, title)
}

fn curve_of(
    plot: &mut Plot,
    curve: &Curve,
    k: usize,
    numeric: bool,
    place: impl Fn(&CurvePoint, &Plot) -> f64,
) {
    let colour: RGBColor = palette::path(k);
    let at = |plot: &Plot, pick: fn(&super::Estimate) -> f64| -> Vec<(f64, f64)> {
        let points = curve.points.iter();
        points.filter_map(|p| Some((place(p, plot), plot.y(pick(p.mean.as_ref()?))))).collect()
    };
    if numeric {
        let mut band = at(plot, |mean| mean.high.unwrap_or(mean.value));
        band.extend(at(plot, |mean| mean.low.unwrap_or(mean.value)).into_iter().rev());
        plot.svg.area(&band, colour);
        let line = at(plot, |mean| mean.value);
        plot.svg.line(&line, colour, 2.0);
    }
    for point in &curve.points {
        let Some(mean) = point.mean else { continue };
        let (x, y) = (place(point, plot), plot.y(mean.value));
        let where_ = match point.between {
            Some((from, to)) => format!("{} to {}", number(from), number(to)),
            None => point.label.clone(),
        };
        let name = curve.label.as_deref().map(|name| format!("{name}, ")).unwrap_or_default();
        let spread = match (mean.low, mean.high) {
            (Some(low), Some(high)) => format!(" ({} to {})", number(low), number(high)),
            _ => String::new(),
        };
        let about = format!("{name}{where_}: {}{spread}, {} runs", number(mean.value), point.runs);
        let whisker = mean.low.zip(mean.high).map(|(low, high)| (plot.y(low), plot.y(high)));
        plot.svg.link(&format!("#run-{}", point.example.run), &about, |svg| {
            if let Some((low, high)) = whisker {
                svg.line(&[(x, low), (x, high)], colour, 1.4);
                for end in [low, high] {
                    svg.line(&[(x - 4.0, end), (x + 4.0, end)], colour, 1.4);
                }
            }
            svg.mark((x, y), k, colour);
        });
    }
}
