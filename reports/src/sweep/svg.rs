//! Pictures as SVG text: shapes, words and links. Words from files are escaped.

use std::fmt::Write;

use plotters::style::RGBColor;

use crate::figures::printable;

/// What a viewer may use.
const FAMILY: &str = "DejaVu Sans, Verdana, Segoe UI, Helvetica, Arial, sans-serif";
/// Mean width of a letter, in ems: enough to keep words apart.
const LETTER: f64 = 0.6;

/// A picture.
pub(super) struct Svg {
    width: f64,
    height: f64,
    body: String,
}

/// Which end of a text stands at its point.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text looks.
#[derive(Clone, Copy)]
pub(super) struct Font {
    pub(super) size: f64,
    pub(super) colour: RGBColor,
    pub(super) bold: bool,
    pub(super) anchor: Anchor,
}

impl Font {
    pub(super) const fn new(size: f64, colour: RGBColor) -> Self {
        Self { size, colour, bold: false, anchor: Anchor::Start }
    }

    pub(super) const fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    pub(super) const fn anchor(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }

    /// About how wide a text is.
    pub(super) fn width(self, text: &str) -> f64 {
        text.chars().count() as f64 * self.size * LETTER
    }

    /// About how many letters a width has room for; at least one.
    pub(super) fn letters(self, width: f64) -> usize {
        (width / (self.size * LETTER)).max(1.0) as usize
    }

    /// The text, cut with an ellipsis to about this width.
    pub(super) fn cut(self, text: &str, width: f64) -> String {
        let most = self.letters(width);
        if text.chars().count() <= most {
            return text.to_owned();
        }
        let kept: String = text.chars().take(most - 1).collect();
        format!("{}…", kept.trim_end())
    }
}

/// Text for XML and HTML: no letter of it is markup.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// `#0072b2`.
pub(super) fn hex(RGBColor(r, g, b): RGBColor) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

impl Svg {
    /// An empty picture; its background is the page's.
    pub(super) const fn new(width: f64, height: f64) -> Self {
        Self { width, height, body: String::new() }
    }

    fn put(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = self.body.write_fmt(element);
        self.body.push('\n');
    }

    /// A filled rectangle.
    pub(super) fn rect(&mut self, (x, y): (f64, f64), (w, h): (f64, f64), fill: &str) {
        if w > 0.0 && h > 0.0 {
            self.put(format_args!(
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" fill=\"{fill}\"/>"
            ));
        }
    }

    /// A line through points.
    pub(super) fn line(&mut self, points: &[(f64, f64)], colour: RGBColor, width: f64) {
        self.dashed(points, colour, width, "");
    }

    /// The same, with dashes as SVG writes them.
    pub(super) fn dashed(
        &mut self,
        points: &[(f64, f64)],
        colour: RGBColor,
        width: f64,
        dashes: &str,
    ) {
        let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let dashes = match dashes {
            "" => String::new(),
            dashes => format!(" stroke-dasharray=\"{dashes}\""),
        };
        self.put(format_args!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{width}\" \
             stroke-linejoin=\"round\"{dashes}/>",
            points.join(" "),
            hex(colour)
        ));
    }

    /// A filled area, mostly transparent.
    pub(super) fn area(&mut self, points: &[(f64, f64)], colour: RGBColor) {
        let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        self.put(format_args!(
            "<polygon points=\"{}\" fill=\"{}\" fill-opacity=\"0.15\"/>",
            points.join(" "),
            hex(colour)
        ));
    }

    /// A mark, of a form of its own for each index, so that colour is not needed to tell them apart.
    pub(super) fn mark(&mut self, (x, y): (f64, f64), index: usize, colour: RGBColor) {
        let fill = hex(colour);
        let polygon = |svg: &mut Self, corners: &[(f64, f64)]| {
            let points: Vec<String> =
                corners.iter().map(|(dx, dy)| format!("{:.1},{:.1}", x + dx, y + dy)).collect();
            svg.put(format_args!(
                "<polygon points=\"{}\" fill=\"{fill}\" stroke=\"#fff\" stroke-width=\"1\"/>",
                points.join(" ")
            ));
        };
        match index % 5 {
            0 => self.put(format_args!(
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.5\" fill=\"{fill}\" stroke=\"#fff\"/>"
            )),
            1 => polygon(self, &[(-4.2, -4.2), (4.2, -4.2), (4.2, 4.2), (-4.2, 4.2)]),
            2 => polygon(self, &[(0.0, -5.5), (5.2, 4.0), (-5.2, 4.0)]),
            3 => polygon(self, &[(0.0, -5.8), (5.8, 0.0), (0.0, 5.8), (-5.8, 0.0)]),
            _ => polygon(self, &[(0.0, 5.5), (5.2, -4.0), (-5.2, -4.0)]),
        }
    }

    /// A line of text; the middle of its height is at the point.
    pub(super) fn text(&mut self, text: &str, (x, y): (f64, f64), font: Font) {
        self.turned(text, (x, y), font, 0);
    }

    /// The same, turned by so many degrees.
    pub(super) fn turned(&mut self, text: &str, (x, y): (f64, f64), font: Font, degrees: i32) {
        let anchor = match font.anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let turn = match degrees {
            0 => String::new(),
            degrees => format!(" transform=\"rotate({degrees} {x:.1} {y:.1})\""),
        };
        let weight = if font.bold { " font-weight=\"bold\"" } else { "" };
        self.put(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" dy=\"0.36em\" font-size=\"{}\" fill=\"{}\" \
             text-anchor=\"{anchor}\"{weight}{turn}>{}</text>",
            font.size,
            hex(font.colour),
            escaped(text)
        ));
    }

    /// What `draw` draws, as a link within the page, with words that appear over it.
    pub(super) fn link(&mut self, to: &str, words: &str, draw: impl FnOnce(&mut Self)) {
        self.put(format_args!("<a href=\"{}\"><title>{}</title>", escaped(to), escaped(words)));
        draw(self);
        self.put(format_args!("</a>"));
    }

    /// The picture's text.
    pub(super) fn finish(self, title: &str) -> String {
        let Self { width, height, body } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{width:.0}\" \
             height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\" \
             font-family=\"{FAMILY}\">\n<title>{}</title>\n<defs><pattern id=\"failed\" width=\"6\" \
             height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><rect \
             width=\"6\" height=\"6\" fill=\"#b03a00\"/><rect width=\"2\" height=\"6\" \
             fill=\"#e8804f\"/></pattern></defs>\n<rect width=\"{width:.0}\" height=\"{height:.0}\" \
             fill=\"#fff\"/>\n{body}</svg>\n",
            escaped(title)
        )
    }
}
