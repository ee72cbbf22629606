//! A plain drawing of curves: Mbit/s against kB.

use std::fmt::Write;

const SIZE: (f64, f64) = (960.0, 540.0);
const MARGIN: (f64, f64) = (70.0, 60.0);
const COLOURS: [&str; 6] = ["#777777", "#bbbbbb", "#c44e52", "#4c72b0", "#55a868", "#8172b2"];

/// An SVG of curves by name; both axes begin at 0.
pub(crate) fn svg(title: &str, lines: &[(&str, Vec<(f64, f64)>)]) -> String {
    let greatest = |of: fn(&(f64, f64)) -> f64| {
        lines.iter().flat_map(|(_, points)| points.iter().map(of)).fold(1.0, f64::max)
    };
    let (right, top) = (greatest(|p| p.0), greatest(|p| p.1).ceil());
    let x = |value: f64| MARGIN.0 + value / right * (SIZE.0 - 2.0 * MARGIN.0 - 150.0);
    let y = |value: f64| SIZE.1 - MARGIN.1 - value / top * (SIZE.1 - 2.0 * MARGIN.1);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" \
         font-size=\"14\"><rect width=\"100%\" height=\"100%\" fill=\"white\"/>\
         <text x=\"{}\" y=\"30\" font-size=\"18\">{title}</text>\n",
        SIZE.0, SIZE.1, MARGIN.0
    );
    let mut put = |text: String| {
        // Writing to a string does not fail.
        let _ = writeln!(out, "{text}");
    };
    for step in 0..=10 {
        let (kb, mbps) = (right * f64::from(step) / 10.0, top * f64::from(step) / 10.0);
        put(format!(
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{kb:.0}</text>",
            x(kb),
            y(0.0) + 20.0
        ));
        put(format!(
            "<line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{2:.1}\" y2=\"{2:.1}\" stroke=\"#eee\"/>",
            x(0.0),
            x(right),
            y(mbps)
        ));
        put(format!(
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{mbps:.1}</text>",
            x(0.0) - 8.0,
            y(mbps) + 5.0
        ));
    }
    put(format!("<text x=\"{:.1}\" y=\"{:.1}\">buffer, kB</text>", x(right / 2.0), SIZE.1 - 15.0));
    put("<text x=\"10\" y=\"50\">Mbit/s</text>".to_owned());
    for (k, (name, points)) in lines.iter().enumerate() {
        let colour = COLOURS[k % COLOURS.len()];
        let path: Vec<String> =
            points.iter().map(|&(kb, mbps)| format!("{:.1},{:.1}", x(kb), y(mbps))).collect();
        put(format!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"3\"/>",
            path.join(" ")
        ));
        let at = 80.0 + 24.0 * k as f64;
        put(format!(
            "<text x=\"{:.1}\" y=\"{at:.1}\" fill=\"{colour}\">{name}</text>",
            SIZE.0 - 205.0
        ));
    }
    put("</svg>".to_owned());
    out
}
