//! Where everything in the throughput chart stands, and how it looks.

use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;
use sim_core::time::SimDuration;

use super::canvas::{Align, Canvas, Font, Point};
use super::marks;
use super::palette;
use super::throughput::{Layer, Panel, Picture};
use super::ticks;

const WIDTH: f64 = 1600.0;
const MARGIN: f64 = 40.0;
/// From the left edge to the plots: the axis title and its figures.
const LEFT: f64 = 116.0;
const TITLE_HEIGHT: f64 = 84.0;
/// Below the last plot: figures, the axis title and what the line means.
const BOTTOM: f64 = 114.0;
/// Above each plot: verdict and text.
const HEAD_LINE: f64 = 27.0;
const LANE: f64 = 24.0;
const LANES_MAX: usize = 4;
const LEGEND_LINE: f64 = 56.0;
const LEGEND_LINE_LOW: f64 = 27.0;

const TITLE: Font = Font::new(34.0).bold();
const VERDICT: Font = Font::new(21.0).bold();
const TEXT: Font = Font::new(18.0).colour(palette::FAINT);
const AXIS: Font = Font::new(18.0);
const TICK: Font = Font::new(17.0).colour(palette::FAINT);
const LABEL: Font = Font::new(16.0);
const LEGEND: Font = Font::new(19.0);
const LEGEND_NOTE: Font = Font::new(16.0).colour(palette::FAINT);

/// Why the line may pass the bound, and leave the areas below it, for a moment.
const CAPTION: &str = "delivered: in order. Data that waits for an earlier byte counts when that byte comes, \
                       so a gap is followed by a peak.";

/// Size of a picture, in units: 1600 × 900 for one or two connections, higher for more.
pub(super) fn size(picture: &Picture) -> (u32, u32) {
    (WIDTH as u32, 900 + 340 * picture.panels.len().saturating_sub(2) as u32)
}

/// Draws a picture.
pub(super) fn draw<DB: DrawingBackend>(canvas: &Canvas<'_, DB>, picture: &Picture) {
    canvas.fill(palette::PAPER);
    let title = canvas.cut(&picture.title, TITLE, WIDTH - 2.0 * MARGIN);
    canvas.text(&title, (MARGIN, 50.0), TITLE, Align::Left);
    let legend_width = legend_width(canvas, picture);
    let bottom = f64::from(size(picture).1) - BOTTOM;
    let each = (bottom - TITLE_HEIGHT) / picture.panels.len().max(1) as f64;
    // Several panels have less room each: fewer lines of text, notes beside the names.
    let beside = picture.panels.len() > 1;
    for (k, panel) in picture.panels.iter().enumerate() {
        let top = TITLE_HEIGHT + each * k as f64;
        // Between panels there is room for the figures of the time axis.
        let last = k + 1 == picture.panels.len();
        let plot_bottom = if last { bottom } else { top + each - 44.0 };
        let top = head(canvas, panel, top, if beside { 3 } else { 4 });
        let right = WIDTH - MARGIN - legend_width;
        let labels = marks_of(canvas, panel, picture.end_s, right);
        let lanes = labels.iter().filter_map(|label| label.lane).max().map_or(0, |lane| lane + 1);
        let plot = Plot {
            left: LEFT,
            right,
            top: top + 10.0 + LANE * lanes as f64,
            bottom: plot_bottom,
            end_s: picture.end_s,
            highest: highest(panel),
        };
        plot.draw(canvas, panel, &labels);
        legend(canvas, entries(panel), (right + 32.0, plot.top), plot.bottom, beside);
    }
    let middle = f64::midpoint(LEFT, WIDTH - MARGIN - legend_width);
    let below = bottom + 58.0;
    canvas.text("time (s)", (middle, below), AXIS, Align::Middle);
    let interval = SimDuration((picture.interval_s * 1e9).round() as u64);
    let mean = format!("means over {interval}");
    canvas.text(&mean, (WIDTH - MARGIN, below), TICK, Align::Right);
    canvas.text(CAPTION, (LEFT, below + 30.0), LEGEND_NOTE, Align::Left);
}

/// The verdict and its text; returns where the rest begins.
fn head<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    panel: &Panel,
    top: f64,
    lines_max: usize,
) -> f64 {
    let y = top + HEAD_LINE / 2.0;
    let name = canvas.cut(&panel.name, VERDICT, 400.0);
    canvas.text(&name, (MARGIN, y), VERDICT, Align::Left);
    let x = MARGIN + canvas.text_width(&name, VERDICT) + 16.0;
    canvas.text(&panel.verdict, (x, y), VERDICT.colour(panel.colour), Align::Left);
    let lines = canvas.wrap(&panel.text, TEXT, WIDTH - 2.0 * MARGIN, lines_max);
    let mut y = y;
    for line in lines.iter().filter(|line| !line.is_empty()) {
        y += HEAD_LINE;
        canvas.text(line, (MARGIN, y), TEXT, Align::Left);
    }
    y + HEAD_LINE / 2.0
}

/// The highest value of the axis: room above the bound and above what is stacked; a burst of
/// delivery may be higher and is then cut, with its height written.
fn highest(panel: &Panel) -> f64 {
    let stacked = (0..panel.total.len())
        .map(|k| panel.layers.iter().filter_map(|l| l.points.get(k)).map(|p| p.1).sum::<f64>())
        .fold(panel.bound.unwrap_or(0.0), f64::max);
    let burst = panel.total.iter().map(|point| point.1).fold(0.0, f64::max);
    let highest = if burst <= stacked * 1.5 { burst.max(stacked) } else { stacked };
    if highest <= 0.0 { 1.0 } else { highest * 1.12 }
}

/// An event's line and where its label stands.
struct Label {
    at_s: f64,
    text: String,
    lane: Option<marks::Lane>,
    important: bool,
}

fn marks_of<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    panel: &Panel,
    end_s: f64,
    right: f64,
) -> Vec<Label> {
    let x = |at_s: f64| LEFT + (right - LEFT) * at_s / end_s;
    let texts: Vec<String> = panel
        .marks
        .iter()
        .map(|mark| canvas.cut(&mark.label, LABEL, (WIDTH - MARGIN - x(mark.at_s)).min(360.0)))
        .collect();
    let spans: Vec<(f64, f64, bool)> = panel
        .marks
        .iter()
        .zip(&texts)
        .map(|(mark, text)| (x(mark.at_s), canvas.text_width(text, LABEL) + 20.0, mark.important))
        .collect();
    let lanes = marks::lanes(&spans, LANES_MAX);
    let labels = panel.marks.iter().zip(texts).zip(lanes);
    labels
        .map(|((mark, text), lane)| Label {
            at_s: mark.at_s,
            text,
            lane,
            important: mark.important,
        })
        .collect()
}

/// One set of axes.
struct Plot {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    end_s: f64,
    highest: f64,
}

impl Plot {
    fn point(&self, (s, mbps): (f64, f64)) -> Point {
        let x = self.left + (self.right - self.left) * (s / self.end_s).clamp(0.0, 1.0);
        let y = self.bottom - (self.bottom - self.top) * (mbps / self.highest).clamp(0.0, 1.0);
        (x, y)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>, panel: &Panel, labels: &[Label]) {
        if let Some((from, to)) = panel.stall {
            let (from, to) = (self.point((from, self.highest)), self.point((to, 0.0)));
            canvas.rect(from, to, palette::STALL);
        }
        self.grid(canvas);
        self.layers(canvas, &panel.layers);
        self.bound(canvas, panel);
        self.total(canvas, &panel.total);
        self.axes(canvas);
        self.events(canvas, labels);
    }

    fn grid<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) {
        let wanted = ((self.bottom - self.top) / 70.0).max(4.0) as usize;
        let (values, decimals) = ticks::ticks(self.highest, wanted);
        for value in values {
            let (_, y) = self.point((0.0, value));
            if value > 0.0 {
                canvas.line(&[(self.left, y), (self.right, y)], palette::GRID, 1.0);
            }
            let text = format!("{value:.decimals$}");
            canvas.text(&text, (self.left - 12.0, y), TICK, Align::Right);
        }
        let wanted = ((self.right - self.left) / 110.0) as usize;
        let (values, decimals) = ticks::ticks(self.end_s, wanted);
        for value in values {
            let (x, _) = self.point((value, 0.0));
            canvas.line(&[(x, self.bottom), (x, self.bottom + 6.0)], palette::INK, 1.0);
            let text = format!("{value:.decimals$}");
            canvas.text(&text, (x, self.bottom + 24.0), TICK, Align::Middle);
        }
        let middle = f64::midpoint(self.top, self.bottom);
        canvas.text("goodput (Mbps)", (MARGIN + 8.0, middle), AXIS, Align::Upwards);
    }

    fn layers<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>, layers: &[Layer]) {
        let count = layers.iter().map(|layer| layer.points.len()).max().unwrap_or(0);
        let mut below = vec![0.0; count];
        for layer in layers.iter().filter(|layer| layer.points.iter().any(|p| p.1 > 0.0)) {
            let floor = layer.points.iter().zip(&below).map(|(p, base)| self.point((p.0, *base)));
            let mut outline: Vec<Point> = floor.collect();
            let ceiling: Vec<Point> =
                layer.points.iter().zip(&below).map(|(p, b)| self.point((p.0, b + p.1))).collect();
            outline.extend(ceiling.iter().rev());
            canvas.polygon(&outline, palette::tint(layer.colour));
            below.iter_mut().zip(&layer.points).for_each(|(base, point)| *base += point.1);
        }
    }

    fn bound<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>, panel: &Panel) {
        if let Some(bound) = panel.bound {
            let (_, y) = self.point((0.0, bound));
            canvas.dashes((self.left, y), (self.right, y), palette::INK, DASH);
        }
    }

    fn total<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>, total: &[(f64, f64)]) {
        let points: Vec<Point> = total.iter().map(|point| self.point(*point)).collect();
        canvas.line(&points, palette::INK, TOTAL_WIDTH);
        let burst = total.iter().copied().filter(|point| point.1 > self.highest);
        let Some(burst) = burst.reduce(|a, b| if b.1 >= a.1 { b } else { a }) else { return };
        // Beside the interval, whose end is its last point; on a plate, since another may be near.
        let (x, y) = self.point(burst);
        let text = format!("up to {:.0}", burst.1);
        let width = canvas.text_width(&text, LABEL);
        let left = if self.right - x > width + 14.0 { x + 6.0 } else { x - width - 14.0 };
        let plate = ((left, y + 2.0), (left + width + 8.0, y + 25.0));
        canvas.rect(plate.0, plate.1, palette::PAPER);
        canvas.text(&text, (left + 4.0, y + 14.0), LABEL, Align::Left);
    }

    fn axes<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) {
        let corner = [(self.left, self.top), (self.left, self.bottom), (self.right, self.bottom)];
        canvas.line(&corner, palette::INK, 1.4);
    }

    fn events<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>, labels: &[Label]) {
        for label in labels {
            let (x, _) = self.point((label.at_s, 0.0));
            let colour = if label.important { palette::BAD } else { palette::FAINT };
            let Some(lane) = label.lane else {
                canvas.line(&[(x, self.top - 5.0), (x, self.top)], colour, 1.0);
                continue;
            };
            let y = self.top - 4.0 - LANE * (lane as f64 + 0.5);
            canvas.dashes((x, y - LANE * 0.4), (x, self.bottom), colour, (3.0, 3.0));
            canvas.text(&label.text, (x + 7.0, y), LABEL.colour(colour), Align::Left);
        }
    }
}

const DASH: (f64, f64) = (11.0, 7.0);
const TOTAL_WIDTH: f64 = 2.4;
const SWATCH: f64 = 24.0;

/// What one entry of the legend shows before its name.
enum Swatch {
    Area(RGBColor),
    Line,
    Dashes,
}

/// One entry of the legend.
struct Entry {
    swatch: Swatch,
    name: String,
    note: String,
    /// There is something of it in the plot.
    used: bool,
}

/// Entries in the order in which their things stand above each other.
fn entries(panel: &Panel) -> Vec<Entry> {
    let bound = panel.bound.map(|bound| Entry {
        swatch: Swatch::Dashes,
        name: "most possible".into(),
        note: crate::figures::rate(bound * 1e6),
        used: true,
    });
    let total = Entry {
        swatch: Swatch::Line,
        name: "delivered".into(),
        note: panel.total_mean.clone(),
        used: true,
    };
    let layers = panel.layers.iter().rev().map(|layer| Entry {
        swatch: Swatch::Area(palette::tint(layer.colour)),
        name: layer.name.clone(),
        note: layer.note.clone(),
        used: layer.points.iter().any(|point| point.1 > 0.0),
    });
    let stall = panel.stall.map(|(from, to)| Entry {
        swatch: Swatch::Area(palette::STALL),
        name: "longest stall".into(),
        note: format!("{:.2} s at {from:.1} s", to - from),
        used: true,
    });
    bound.into_iter().chain([total]).chain(layers).chain(stall).collect()
}

fn legend_width<DB: DrawingBackend>(canvas: &Canvas<'_, DB>, picture: &Picture) -> f64 {
    let beside = picture.panels.len() > 1;
    let widths = picture.panels.iter().flat_map(entries).map(|entry| {
        let name = canvas.text_width(&entry.name, LEGEND);
        let note = canvas.text_width(&entry.note, LEGEND_NOTE);
        if beside { name + 10.0 + note } else { name.max(note) }
    });
    (widths.fold(0.0, f64::max) + SWATCH + 48.0).clamp(190.0, 340.0)
}

/// Names with their notes below them or beside them, as many as there is room for.
fn legend<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    mut entries: Vec<Entry>,
    (x, top): Point,
    bottom: f64,
    beside: bool,
) {
    let text_x = x + SWATCH + 12.0;
    let room = WIDTH - MARGIN - text_x;
    let beside = beside || bottom - top < LEGEND_LINE * entries.len() as f64 - 10.0;
    let line = if beside { LEGEND_LINE_LOW } else { LEGEND_LINE };
    let fit = ((bottom - top) / line).round().max(1.0) as usize;
    let left_out = entries.len().saturating_sub(fit);
    if left_out > 0 {
        // Paths that carried nothing go first, the highest first.
        entries.sort_by_key(|entry| !entry.used);
        entries.truncate(fit - 1);
    }
    let mut y = top + 14.0;
    for Entry { swatch, name, note, .. } in entries {
        match swatch {
            Swatch::Area(colour) => canvas.rect((x, y - 10.0), (x + SWATCH, y + 10.0), colour),
            Swatch::Line => canvas.line(&[(x, y), (x + SWATCH, y)], palette::INK, TOTAL_WIDTH),
            Swatch::Dashes => canvas.dashes((x, y), (x + SWATCH, y), palette::INK, (9.0, 6.0)),
        }
        let name = canvas.cut(&name, LEGEND, room);
        canvas.text(&name, (text_x, y), LEGEND, Align::Left);
        let at = match beside {
            true => (text_x + canvas.text_width(&name, LEGEND) + 10.0, y + 1.0),
            false => (text_x, y + 23.0),
        };
        let note = canvas.cut(&note, LEGEND_NOTE, WIDTH - MARGIN - at.0);
        canvas.text(&note, at, LEGEND_NOTE, Align::Left);
        y += line;
    }
    if left_out > 0 {
        let more = format!("and {} more", left_out + 1);
        canvas.text(&more, (text_x, y), LEGEND_NOTE, Align::Left);
    }
}
