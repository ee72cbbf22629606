//! A canvas in whole-slide units over plotters' backends.
//!
//! Backends of plotters know whole pixels only, and its lines on bitmaps are not smooth. So both
//! pictures are drawn larger: the SVG is scaled by its view box, the bitmap by averaging.

use std::sync::Once;

use plotters::backend::{BitMapBackend, SVGBackend};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{Drawable, PathElement, PointCollection, Polygon, Rectangle};
use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    Color, FontDesc, FontFamily, FontStyle, FontTransform, RGBColor, TextStyle, register_font,
};

use super::palette;

/// Backend pixels per unit, of an SVG.
const SCALE_SVG: u32 = 3;
/// The same of a bitmap, where each costs time: four shades between a line and its ground are smooth
/// enough.
const SCALE_BITMAP: u32 = 2;
/// What a viewer of the SVG may use; bitmaps and widths use the first, which is embedded.
const FAMILY: &str = "DejaVu Sans, Verdana, Segoe UI, Helvetica, Arial, sans-serif";
/// Plotters' size of a font whose em is 1: for SVG it divides by this; on bitmaps it is the height of
/// DejaVu Sans from descent to ascent.
const EM_SVG: f64 = 1.24;
const EM_BITMAP: f64 = 1.164;
const IN_MEMORY: &str = "drawing to memory with an embedded font cannot fail";

/// A point, in units from the upper left corner.
pub(super) type Point = (f64, f64);

/// Where a canvas draws.
pub(super) struct Canvas<'a, DB: DrawingBackend> {
    area: &'a DrawingArea<DB, Shift>,
    /// Backend pixels per unit.
    scale: f64,
    /// The backend's size of a font whose em is 1.
    em: f64,
    /// How far the backend sets the middle of a text too high, in ems.
    text_too_high: f64,
    /// The backend draws a sharp corner of a line as a long thorn: such a corner parts the line.
    has_thorns: bool,
}

/// How text looks.
#[derive(Clone, Copy)]
pub(super) struct Font {
    /// Height of the em, in units.
    pub(super) size: f64,
    /// Colour.
    pub(super) colour: RGBColor,
    /// Bold or not.
    pub(super) bold: bool,
}

/// Which part of a text stands at its point; the middle of its height always does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Middle,
    Right,
    /// In the middle and turned to be read from below.
    Upwards,
}

/// Draws an SVG of `size` units, called `name` where it cannot be seen.
pub(super) fn svg(
    size: (u32, u32),
    name: &str,
    draw: impl FnOnce(&Canvas<'_, SVGBackend<'_>>),
) -> String {
    register_fonts();
    let (width, height) = (size.0 * SCALE_SVG, size.1 * SCALE_SVG);
    let mut out = String::new();
    {
        let area = SVGBackend::with_string(&mut out, (width, height)).into_drawing_area();
        let scale = f64::from(SCALE_SVG);
        draw(&Canvas { area: &area, scale, em: EM_SVG, text_too_high: 0.0, has_thorns: false });
        area.present().expect(IN_MEMORY);
    }
    // The view box keeps the size in backend pixels; what is shown is the size in units.
    let drawn = out.split_once('\n').map_or("", |(_, drawn)| drawn);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{}\" height=\"{}\" \
         viewBox=\"0 0 {width} {height}\">\n<title>{}</title>\n{drawn}",
        size.0,
        size.1,
        name.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
    )
}

/// Draws a PNG of `size` pixels.
pub(super) fn png(size: (u32, u32), draw: impl FnOnce(&Canvas<'_, BitMapBackend<'_>>)) -> Vec<u8> {
    register_fonts();
    let (width, height) = (size.0 * SCALE_BITMAP, size.1 * SCALE_BITMAP);
    let mut pixels = vec![0; (width * height * 3) as usize];
    {
        let area = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
        let scale = f64::from(SCALE_BITMAP);
        draw(&Canvas { area: &area, scale, em: EM_BITMAP, text_too_high: 0.14, has_thorns: true });
        area.present().expect(IN_MEMORY);
    }
    encode(size, &average(&pixels, size))
}

/// The mean of each square of `SCALE_BITMAP` by `SCALE_BITMAP` pixels.
fn average(large: &[u8], (width, height): (u32, u32)) -> Vec<u8> {
    let (width, height, scale) = (width as usize, height as usize, SCALE_BITMAP as usize);
    let row_bytes = width * scale * 3;
    let mut small = Vec::with_capacity(width * height * 3);
    let mut sums = vec![0u32; width * 3];
    for rows in large.chunks_exact(row_bytes * scale).take(height) {
        sums.fill(0);
        for row in rows.chunks_exact(row_bytes) {
            for (sum, square) in sums.chunks_exact_mut(3).zip(row.chunks_exact(3 * scale)) {
                for pixel in square.chunks_exact(3) {
                    sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += u32::from(*value));
                }
            }
        }
        small.extend(sums.iter().map(|sum| (sum / (SCALE_BITMAP * SCALE_BITMAP)) as u8));
    }
    small
}

fn encode((width, height): (u32, u32), pixels: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().expect(IN_MEMORY);
    writer.write_image_data(pixels).expect(IN_MEMORY);
    writer.finish().expect(IN_MEMORY);
    out
}

fn register_fonts() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let normal = include_bytes!("../../fonts/DejaVuSans-subset.ttf");
        let bold = include_bytes!("../../fonts/DejaVuSans-Bold-subset.ttf");
        for (style, bytes) in [(FontStyle::Normal, &normal[..]), (FontStyle::Bold, &bold[..])] {
            assert!(register_font(FAMILY, style, bytes).is_ok(), "the embedded font is a font");
        }
    });
}

impl<DB: DrawingBackend> Canvas<'_, DB> {
    /// Fills everything.
    pub(super) fn fill(&self, colour: RGBColor) {
        self.area.fill(&colour).expect(IN_MEMORY);
    }

    /// A filled rectangle.
    pub(super) fn rect(&self, from: Point, to: Point, colour: RGBColor) {
        self.put(&Rectangle::new([self.pixel(from), self.pixel(to)], colour.filled()));
    }

    /// A filled polygon.
    pub(super) fn polygon(&self, points: &[Point], colour: RGBColor) {
        let points: Vec<(i32, i32)> = points.iter().map(|point| self.pixel(*point)).collect();
        self.put(&Polygon::new(points, colour));
    }

    /// A line through points, `width` units wide.
    pub(super) fn line(&self, points: &[Point], colour: RGBColor, width: f64) {
        let mut points: Vec<(i32, i32)> = points.iter().map(|point| self.pixel(*point)).collect();
        points.dedup();
        let style = colour.stroke_width((width * self.scale).round() as u32);
        let mut from = 0;
        for (k, corner) in points.windows(3).enumerate() {
            if self.has_thorns && is_sharp(corner) {
                self.put(&PathElement::new(points[from..k + 2].to_vec(), style));
                from = k + 1;
            }
        }
        self.put(&PathElement::new(points[from..].to_vec(), style));
    }

    /// A dashed straight line, level or upright.
    pub(super) fn dashes(&self, from: Point, to: Point, colour: RGBColor, (on, off): (f64, f64)) {
        let length = (to.0 - from.0).hypot(to.1 - from.1);
        let along = |d: f64| {
            let part = (d / length).min(1.0);
            (from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part)
        };
        let mut d = 0.0;
        while d < length {
            self.line(&[along(d), along(d + on)], colour, if on > 4.0 { 2.0 } else { 1.4 });
            d += on + off;
        }
    }

    /// A line of text.
    pub(super) fn text(&self, text: &str, at: Point, font: Font, align: Align) {
        let h_pos = match align {
            Align::Left => HPos::Left,
            Align::Middle | Align::Upwards => HPos::Center,
            Align::Right => HPos::Right,
        };
        let mut desc = font.desc(self.em * self.scale);
        if align == Align::Upwards {
            desc = desc.transform(FontTransform::Rotate270);
        }
        let style = TextStyle::from(desc).color(&font.colour).pos(Pos::new(h_pos, VPos::Center));
        let drop = font.size * self.text_too_high;
        let at = if align == Align::Upwards { (at.0 + drop, at.1) } else { (at.0, at.1 + drop) };
        self.area.draw_text(text, &style, self.pixel(at)).expect(IN_MEMORY);
    }

    /// Width of a line of text, in units.
    pub(super) fn text_width(&self, text: &str, font: Font) -> f64 {
        // The same for both backends, so that both pictures have one layout.
        let style = TextStyle::from(font.desc(EM_BITMAP * f64::from(SCALE_SVG)));
        let (width, _) = self.area.estimate_text_size(text, &style).expect(IN_MEMORY);
        f64::from(width) / f64::from(SCALE_SVG)
    }

    /// The text, cut to a width with an ellipsis where it is too long.
    pub(super) fn cut(&self, text: &str, font: Font, width: f64) -> String {
        if self.text_width(text, font) <= width {
            return text.into();
        }
        let mut kept: Vec<char> = text.chars().collect();
        loop {
            kept.pop();
            let cut: String = kept.iter().collect::<String>().trim_end().to_owned() + "…";
            if kept.is_empty() || self.text_width(&cut, font) <= width {
                return cut;
            }
        }
    }

    /// The text in lines of a width, at most `lines_max`, the last one cut.
    pub(super) fn wrap(&self, text: &str, font: Font, width: f64, lines_max: usize) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        let mut words = text.split(' ').peekable();
        while let Some(word) = words.next() {
            let longer = lines.last().map(|line| format!("{line} {word}"));
            match longer.filter(|line| self.text_width(line, font) <= width) {
                Some(longer) => {
                    *lines.last_mut().expect("a longer line has a line before") = longer
                }
                None if lines.len() < lines_max => lines.push(self.cut(word, font, width)),
                None => {
                    let rest: Vec<&str> = std::iter::once(word).chain(words.by_ref()).collect();
                    if let Some(last) = lines.last_mut() {
                        *last = self.cut(&format!("{last} {}", rest.join(" ")), font, width);
                    }
                }
            }
        }
        lines
    }

    fn pixel(&self, (x, y): Point) -> (i32, i32) {
        ((x * self.scale).round() as i32, (y * self.scale).round() as i32)
    }

    fn put<E>(&self, element: &E)
    where
        for<'b> &'b E: PointCollection<'b, (i32, i32)>,
        E: Drawable<DB>,
    {
        self.area.draw(element).expect(IN_MEMORY);
    }
}

/// Does a line through three points turn by more than a right angle?
fn is_sharp(points: &[(i32, i32)]) -> bool {
    let [a, b, c] = points else { return false };
    let way =
        |from: &(i32, i32), to: &(i32, i32)| (i64::from(to.0 - from.0), i64::from(to.1 - from.1));
    let (first, second) = (way(a, b), way(b, c));
    first.0 * second.0 + first.1 * second.1 < 0
}

impl Font {
    /// Text of this size.
    pub(super) const fn new(size: f64) -> Self {
        Self { size, colour: palette::INK, bold: false }
    }

    /// The same, in another colour.
    pub(super) const fn colour(self, colour: RGBColor) -> Self {
        Self { colour, ..self }
    }

    /// The same, bold.
    pub(super) const fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    fn desc(self, em: f64) -> FontDesc<'static> {
        let style = if self.bold { FontStyle::Bold } else { FontStyle::Normal };
        let size = self.size * em;
        FontDesc::new(FontFamily::Name(FAMILY), size, style)
    }
}
