//! Where everything in a [`Picture`] stands, and how it looks on a slide.

use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;

use super::canvas::{Align, Canvas, Font, Point};
use super::picture::{Axis, Bar, Body, Lane, Line, Picture, Plot, Shape, Span};
use super::{marks, palette, reduce, ticks};

/// Size of a picture, in units.
pub(super) const SIZE: (u32, u32) = (WIDTH as u32, HEIGHT as u32);
const WIDTH: f64 = 1600.0;
const HEIGHT: f64 = 900.0;
const MARGIN: f64 = 40.0;
/// From the left edge to the plots: the axis title and its figures.
const LEFT: f64 = 128.0;
/// The same where the rows' names stand there.
const LEFT_LANES: f64 = 250.0;
/// Below the last plot: figures, the axis title and the caption.
const BOTTOM: f64 = 114.0;
/// Between two plots.
const GAP: f64 = 26.0;
/// A lane of event labels.
const LABEL_LANE: f64 = 24.0;
const LABEL_LANES_MAX: usize = 3;
const SWATCH: f64 = 24.0;

const TITLE: Font = Font::new(34.0).bold();
const TEXT: Font = Font::new(18.0).colour(palette::FAINT);
const AXIS: Font = Font::new(18.0);
const TICK: Font = Font::new(17.0).colour(palette::FAINT);
const LABEL: Font = Font::new(16.0);
const LEGEND: Font = Font::new(19.0);
const NOTE: Font = Font::new(16.0).colour(palette::FAINT);

/// Draws a picture.
pub(super) fn draw<DB: DrawingBackend>(canvas: &Canvas<'_, DB>, picture: &Picture) {
    canvas.fill(palette::PAPER);
    let title = canvas.cut(&picture.title, TITLE, WIDTH - 2.0 * MARGIN);
    canvas.text(&title, (MARGIN, 50.0), TITLE, Align::Left);
    let mut y = 84.0;
    for line in canvas.wrap(&picture.about, TEXT, WIDTH - 2.0 * MARGIN, 2) {
        canvas.text(&line, (MARGIN, y + 10.0), TEXT, Align::Left);
        y += 27.0;
    }
    let legend = legend_width(canvas, picture);
    let has_lanes = picture.plots.iter().any(|plot| matches!(plot.body, Body::Lanes(_)));
    let left = if has_lanes { LEFT_LANES } else { LEFT };
    let right = WIDTH - MARGIN - legend;
    let x = |at: f64| left + (right - left) * (at / picture.x.end).clamp(0.0, 1.0);
    let labels = labels(canvas, picture, x);
    let lanes = labels.iter().filter_map(|label| label.lane).max().map_or(0, |lane| lane + 1);
    let top = y + 16.0 + LABEL_LANE * lanes as f64;
    let count = picture.plots.len().max(1) as f64;
    let each = (HEIGHT - BOTTOM - top - GAP * (count - 1.0)) / count;
    for (k, plot) in picture.plots.iter().enumerate() {
        let top = top + (each + GAP) * k as f64;
        let frame = Frame { left, right, top, bottom: top + each, end: picture.x.end };
        frame.draw(canvas, plot, &picture.x);
        let has_names = matches!(plot.body, Body::Lanes(_));
        if !has_names {
            legend_of(canvas, plot, (right + 32.0, frame.top), frame.bottom);
        }
    }
    for label in &labels {
        label.draw(canvas, top, HEIGHT - BOTTOM);
    }
    axis(canvas, &picture.x, x);
    let below = HEIGHT - BOTTOM + 58.0;
    canvas.text(picture.x.label, (f64::midpoint(left, right), below), AXIS, Align::Middle);
    let caption = canvas.cut(picture.caption, NOTE, WIDTH - left - MARGIN);
    canvas.text(&caption, (left, below + 30.0), NOTE, Align::Left);
}

fn axis<DB: DrawingBackend>(canvas: &Canvas<'_, DB>, axis: &Axis, x: impl Fn(f64) -> f64) {
    let wanted = ((x(axis.end) - x(0.0)) / 110.0) as usize;
    let (values, decimals) = ticks::ticks(axis.end, wanted);
    let round = || values.iter().map(|v| (*v, format!("{v:.decimals$}"))).collect();
    let named = |ticks: &Vec<(f64, &str)>| ticks.iter().map(|(v, n)| (*v, n.to_string())).collect();
    let ticks: Vec<(f64, String)> = axis.ticks.as_ref().map_or_else(round, named);
    let bottom = HEIGHT - BOTTOM;
    for (value, text) in ticks {
        let x = x(value);
        canvas.line(&[(x, bottom), (x, bottom + 6.0)], palette::INK, 1.0);
        canvas.text(&text, (x, bottom + 24.0), TICK, Align::Middle);
    }
}

/// An event's line and where its label stands.
struct Label {
    x: f64,
    text: String,
    lane: Option<marks::Lane>,
    colour: RGBColor,
}

fn labels<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    picture: &Picture,
    x: impl Fn(f64) -> f64,
) -> Vec<Label> {
    let texts: Vec<String> = picture
        .marks
        .iter()
        .map(|mark| canvas.cut(&mark.label, LABEL, (WIDTH - MARGIN - x(mark.at_s)).min(360.0)))
        .collect();
    let marks = picture.marks.iter().zip(&texts);
    let spans: Vec<(f64, f64, bool)> = marks
        .map(|(m, text)| (x(m.at_s), canvas.text_width(text, LABEL) + 20.0, m.important))
        .collect();
    let lanes = marks::lanes(&spans, LABEL_LANES_MAX);
    let marks = picture.marks.iter().zip(texts).zip(lanes);
    marks
        .map(|((mark, text), lane)| Label {
            x: x(mark.at_s),
            text,
            lane,
            colour: if mark.important { palette::BAD } else { palette::FAINT },
        })
        .collect()
}

impl Label {
    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>, top: f64, bottom: f64) {
        let Some(lane) = self.lane else {
            canvas.line(&[(self.x, top - 5.0), (self.x, top)], self.colour, 1.0);
            return;
        };
        let y = top - 4.0 - LABEL_LANE * (lane as f64 + 0.5);
        canvas.dashes((self.x, y - 10.0), (self.x, bottom), self.colour, (3.0, 3.0));
        canvas.text(&self.text, (self.x + 7.0, y), LABEL.colour(self.colour), Align::Left);
    }
}

/// One set of axes.
struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    end: f64,
}

impl Frame {
    fn x(&self, at: f64) -> f64 {
        self.left + (self.right - self.left) * (at / self.end).clamp(0.0, 1.0)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>, plot: &Plot, axis: &Axis) {
        match &plot.body {
            Body::Values { lines, highest, .. } => {
                let highest = highest.unwrap_or_else(|| top_of(lines));
                self.grid(canvas, plot, highest);
                for tick in axis.ticks.iter().flatten() {
                    let x = self.x(tick.0);
                    canvas.line(&[(x, self.top), (x, self.bottom)], palette::GRID, 1.0);
                }
                self.lines(canvas, lines, highest);
                let corner =
                    [(self.left, self.top), (self.left, self.bottom), (self.right, self.bottom)];
                canvas.line(&corner, palette::INK, 1.4);
            }
            Body::Lanes(lanes) => self.lanes(canvas, lanes),
        }
    }

    fn grid<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>, plot: &Plot, highest: f64) {
        let wanted = ((self.bottom - self.top) / 45.0).clamp(2.0, 9.0) as usize;
        let (values, decimals) = ticks::ticks(highest, wanted);
        for value in values {
            let y = self.bottom - (self.bottom - self.top) * value / highest;
            if value > 0.0 {
                canvas.line(&[(self.left, y), (self.right, y)], palette::GRID, 1.0);
            }
            let text = format!("{value:.decimals$}");
            canvas.text(&text, (self.left - 12.0, y), TICK, Align::Right);
        }
        let middle = f64::midpoint(self.top, self.bottom);
        canvas.text(&plot.label, (MARGIN + 8.0, middle), AXIS, Align::Upwards);
    }

    fn lines<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>, lines: &[Line], highest: f64) {
        let column = self.end / (self.right - self.left);
        let place = |x: f64, y: f64| {
            let part = (y / highest).clamp(0.0, 1.0);
            (self.x(x), self.bottom - (self.bottom - self.top) * part)
        };
        let mut below: Vec<f64> = Vec::new();
        for line in lines {
            let points = reduce::columns(&line.points, column);
            match line.shape {
                Shape::Area => {
                    below.resize(line.points.len(), 0.0);
                    let floor = line.points.iter().zip(&below).map(|(p, b)| place(p.x, *b));
                    let mut outline: Vec<Point> = floor.collect();
                    let ceiling = line.points.iter().zip(&below).rev();
                    outline.extend(ceiling.map(|(p, b)| place(p.x, b + p.last)));
                    canvas.polygon(&outline, palette::tint(line.colour));
                    below.iter_mut().zip(&line.points).for_each(|(b, p)| *b += p.last);
                }
                Shape::Dashed => {
                    for pair in points.windows(2) {
                        let (from, to) =
                            (place(pair[0].x, pair[0].last), place(pair[1].x, pair[1].last));
                        canvas.dashes(from, to, line.colour, (11.0, 7.0));
                    }
                }
                Shape::Straight | Shape::Hold => {
                    let outline = outline(&points, line.shape == Shape::Hold);
                    let outline: Vec<Point> = outline.iter().map(|(x, y)| place(*x, *y)).collect();
                    canvas.line(&outline, line.colour, 2.0);
                }
                Shape::Dots | Shape::Diamonds => {
                    for point in &points {
                        let (from, to) = (place(point.x, point.low), place(point.x, point.high));
                        dot(canvas, from, to, line);
                    }
                }
            }
        }
    }

    fn lanes<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>, lanes: &[Lane]) {
        let each = ((self.bottom - self.top) / lanes.len().max(1) as f64).min(130.0);
        let bottom = HEIGHT - BOTTOM;
        canvas.line(&[(self.left, bottom), (self.right, bottom)], palette::INK, 1.4);
        for (k, lane) in lanes.iter().enumerate() {
            let middle = self.top + each * (k as f64 + 0.5);
            let name = canvas.cut(&lane.name, LEGEND, self.left - MARGIN - 16.0);
            canvas.text(&name, (MARGIN, middle - 11.0), LEGEND, Align::Left);
            let note = canvas.cut(&lane.note, NOTE, self.left - MARGIN - 16.0);
            canvas.text(&note, (MARGIN, middle + 12.0), NOTE, Align::Left);
            let half = (each * 0.3).min(28.0);
            for (from, to, bar) in &lane.bars {
                // What lasts too short to be seen is still shown.
                let (from, to) = (self.x(*from), self.x(*to).max(self.x(*from) + 1.5));
                let (half, colour) = match bar {
                    Bar::Busy => (half, palette::tint(lane.colour)),
                    Bar::Idle => (2.0, lane.colour),
                    Bar::Stalled => (half, palette::BAD),
                };
                canvas.rect((from, middle - half), (to, middle + half), colour);
            }
            let mut free = f64::NEG_INFINITY;
            for (at, text) in &lane.moments {
                let x = self.x(*at);
                let line = [(x, middle - half - 4.0), (x, middle + half)];
                canvas.line(&line, palette::INK, 1.6);
                let width = canvas.text_width(text, LABEL);
                if x > free && x + width + 8.0 < self.right {
                    canvas.text(text, (x, middle + half + 14.0), LABEL, Align::Left);
                    free = x + width + 12.0;
                }
            }
        }
    }
}

/// The corners of a line: every span from its lowest to its highest, the last value held where it does.
fn outline(points: &[Span], holds: bool) -> Vec<(f64, f64)> {
    let mut corners: Vec<(f64, f64)> = Vec::with_capacity(points.len() * 2);
    for point in points {
        if let Some((_, before)) = corners.last().copied().filter(|_| holds) {
            corners.push((point.x, before));
        }
        if point.low != point.high {
            corners.extend([(point.x, point.low), (point.x, point.high)]);
        }
        corners.push((point.x, point.last));
    }
    corners
}

fn dot<DB: DrawingBackend>(canvas: &Canvas<'_, DB>, from: Point, to: Point, line: &Line) {
    if line.shape == Shape::Dots {
        canvas.rect((from.0 - 1.3, to.1 - 1.3), (from.0 + 1.3, from.1 + 1.3), line.colour);
        return;
    }
    let (x, half) = (from.0, 5.0);
    let around = [(x, to.1 - half), (x + half, to.1), (x + half, from.1), (x, from.1 + half)];
    let back = [(x - half, from.1), (x - half, to.1)];
    canvas.polygon(&[&around[..], &back[..]].concat(), line.colour);
}

/// Room above the highest value.
fn top_of(lines: &[Line]) -> f64 {
    let areas = lines.iter().filter(|line| line.shape == Shape::Area);
    let mut stacked: Vec<f64> = Vec::new();
    for line in areas {
        stacked.resize(stacked.len().max(line.points.len()), 0.0);
        stacked.iter_mut().zip(&line.points).for_each(|(sum, point)| *sum += point.last);
    }
    let others = lines.iter().filter(|line| line.shape != Shape::Area);
    let values = others.flat_map(|line| &line.points).map(|point| point.high);
    let highest = values.chain(stacked).fold(0.0, f64::max);
    if highest <= 0.0 { 1.0 } else { highest * 1.08 }
}

fn value_lines(plot: &Plot) -> &[Line] {
    match &plot.body {
        Body::Values { lines, .. } => lines,
        Body::Lanes(_) => &[],
    }
}

fn legend_width<DB: DrawingBackend>(canvas: &Canvas<'_, DB>, picture: &Picture) -> f64 {
    let lines = picture.plots.iter().flat_map(value_lines);
    let widths = lines.map(|line| {
        canvas.text_width(&line.name, LEGEND) + 10.0 + canvas.text_width(&line.note, NOTE)
    });
    match widths.reduce(f64::max) {
        Some(width) => (width + SWATCH + 48.0).clamp(170.0, 360.0),
        None => 0.0,
    }
}

fn legend_of<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    plot: &Plot,
    (x, top): Point,
    bottom: f64,
) {
    const LINE: f64 = 27.0;
    let lines = value_lines(plot);
    let text_x = x + SWATCH + 12.0;
    let room = WIDTH - MARGIN - text_x;
    let fit = ((bottom - top) / LINE).floor().max(1.0) as usize;
    let shown = if lines.len() > fit { fit - 1 } else { lines.len() };
    let mut y = top + 14.0;
    for line in lines.iter().take(shown) {
        match line.shape {
            Shape::Area => {
                let colour = palette::tint(line.colour);
                canvas.rect((x, y - 10.0), (x + SWATCH, y + 10.0), colour);
            }
            Shape::Straight | Shape::Hold => {
                canvas.line(&[(x, y), (x + SWATCH, y)], line.colour, 3.0);
            }
            Shape::Dashed => canvas.dashes((x, y), (x + SWATCH, y), line.colour, (9.0, 6.0)),
            Shape::Dots => {
                for k in 0..3 {
                    let at = (x + SWATCH * (f64::from(k) + 0.5) / 3.0, y);
                    dot(canvas, at, at, line);
                }
            }
            Shape::Diamonds => {
                let at = (x + SWATCH / 2.0, y);
                dot(canvas, at, at, line);
            }
        }
        let name = canvas.cut(&line.name, LEGEND, room);
        canvas.text(&name, (text_x, y), LEGEND, Align::Left);
        let at = text_x + canvas.text_width(&name, LEGEND) + 10.0;
        let note = canvas.cut(&line.note, NOTE, WIDTH - MARGIN - at);
        canvas.text(&note, (at, y + 1.0), NOTE, Align::Left);
        y += LINE;
    }
    if shown < lines.len() {
        let more = format!("and {} more", lines.len() - shown);
        canvas.text(&more, (text_x, y), NOTE, Align::Left);
    }
}
