//! Colours: Okabe and Ito's eight, told apart with every common kind of colour blindness
//! (<https://jfly.uni-koeln.de/color/>).

use plotters::style::RGBColor;

/// Lines, ticks and text.
pub(crate) const INK: RGBColor = RGBColor(33, 37, 41);
/// Text beside the point.
pub(crate) const FAINT: RGBColor = RGBColor(95, 102, 110);
/// Grid lines.
pub(crate) const GRID: RGBColor = RGBColor(222, 225, 229);
/// A time in which nothing was delivered.
pub(crate) const STALL: RGBColor = RGBColor(228, 230, 233);
/// Behind everything.
pub(crate) const PAPER: RGBColor = RGBColor(255, 255, 255);
/// As wanted (bluish green, darkened for text).
pub(crate) const GOOD: RGBColor = RGBColor(0, 118, 86);
/// It works, but not as wanted (orange, darkened for text).
pub(crate) const FAIR: RGBColor = RGBColor(176, 96, 0);
/// It does not work (vermillion, darkened for text).
pub(crate) const BAD: RGBColor = RGBColor(186, 60, 0);

/// Without black, which is the total's, and with yellow last, which is faint on white.
const PATHS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(213, 94, 0),
    RGBColor(240, 228, 66),
];

/// The colour of the path with this index; from the eighth on, darker ones.
pub(crate) fn path(index: usize) -> RGBColor {
    let RGBColor(r, g, b) = PATHS[index % PATHS.len()];
    let keep = 0.7_f64.powi((index / PATHS.len()).min(4) as i32);
    let darker = |v: u8| (f64::from(v) * keep) as u8;
    RGBColor(darker(r), darker(g), darker(b))
}

/// A colour for areas, so that lines stand out before them.
pub(crate) fn tint(RGBColor(r, g, b): RGBColor) -> RGBColor {
    let lighter = |v: u8| 255 - ((255 - u32::from(v)) * 72 / 100) as u8;
    RGBColor(lighter(r), lighter(g), lighter(b))
}

/// A colour for what stands out before the same colour.
pub(crate) fn strong(RGBColor(r, g, b): RGBColor) -> RGBColor {
    let darker = |v: u8| (u32::from(v) * 55 / 100) as u8;
    RGBColor(darker(r), darker(g), darker(b))
}
