//! The story as text for a terminal.

use sim_core::engine::device::{Origin, Rule};
use sim_core::record::ConnectionRecord;
use unicode_width::UnicodeWidthStr;

use super::{Advice, Request, Step, What, advice, steps, summary};
use crate::figures::{instant, printable};
use crate::messages::{Label, Message};
use crate::sightings::Frame;
use crate::style::{Style, paint};
use crate::text::verdict_style;
use crate::wrap::wrap;

/// Columns between what a line names and what it says.
const GAP: usize = 2;

/// The whole story in lines of at most `width` columns, with a line break at its end.
#[must_use]
pub fn render(request: &Request<'_>, width: usize) -> String {
    let say = |message| request.language.say(&message);
    let mut out = vec![paint(Style::Strong, &printable(&request.record.title))];
    for (index, connection) in request.connections() {
        out.push(String::new());
        heading(&mut out, request, connection, width);
        section(&mut out, &say(Message::Label(Label::WhatHappened)));
        let steps = steps(request.record, index);
        let times = steps.iter().map(|step| instant(step.at).width()).max().unwrap_or(0);
        for step in &steps {
            told(&mut out, request, step, times, width);
        }
        section(&mut out, &say(Message::Label(Label::WhatCanBeDone)));
        for advice in advice(connection, &steps) {
            advise(&mut out, request, &advice, width);
        }
    }
    out.push(String::new());
    out.push(paint(Style::Faint, &say(Message::Label(Label::CapturesHint))));
    out.join("\n") + "\n"
}

fn heading(
    out: &mut Vec<String>,
    request: &Request<'_>,
    connection: &ConnectionRecord,
    width: usize,
) {
    let say = |message| request.language.say(&message);
    out.push(format!(
        "{}  {} → {}  {}",
        paint(Style::Strong, &printable(&connection.name)),
        printable(&connection.client),
        printable(&connection.server),
        paint(verdict_style(connection), &say(Message::Verdict(connection)))
    ));
    if let Some(cause) = &connection.outcome.cause {
        let because = say(Message::Label(Label::Because));
        let text = format!("{because} {}", say(Message::Cause(cause)));
        indented(out, &text, 2, width);
    }
}

fn section(out: &mut Vec<String>, title: &str) {
    out.push(String::new());
    out.push(paint(Style::Faint, title));
}

/// A step: when, the sentence, and below it what it rests on.
fn told(out: &mut Vec<String>, request: &Request<'_>, step: &Step<'_>, times: usize, width: usize) {
    let sentence = request.language.say(&Message::Step(step));
    let style = match &step.what {
        What::Change { change, .. } if !change.change.allows() => Style::Fair,
        _ => Style::Plain,
    };
    let margin = 2 + times + GAP;
    for (k, line) in wrap(&sentence, width.saturating_sub(margin)).iter().enumerate() {
        let at = if k == 0 { instant(step.at) } else { String::new() };
        let pad = " ".repeat(times.saturating_sub(at.width()) + 2);
        out.push(format!(
            "{pad}{}{}{}",
            paint(Style::Faint, &at),
            " ".repeat(GAP),
            paint(style, line)
        ));
    }
    let rows = details(request, step);
    let names = rows.iter().map(|(name, _)| name.width()).max().unwrap_or(0);
    for (name, text) in rows {
        let room = width.saturating_sub(margin + names + GAP);
        for (k, line) in wrap(&text, room).iter().enumerate() {
            let name = if k == 0 { name.as_str() } else { "" };
            let pad = " ".repeat(names - name.width() + GAP);
            out.push(format!("{}{}{pad}{line}", " ".repeat(margin), paint(Style::Faint, name)));
        }
    }
}

/// What a step rests on, by name.
fn details(request: &Request<'_>, step: &Step<'_>) -> Vec<(String, String)> {
    let label = |label| request.language.say(&Message::Label(label));
    let mut rows = Vec::new();
    if let What::Change { change, .. } = &step.what {
        rows.push((label(Label::Rule), rule(request, &change.rule)));
        if let Some(because) = change.rule.because() {
            let words = request.language.say(&Message::Because(&change.rule, because));
            rows.push((label(Label::Missing), words));
        }
    }
    if let Some(packet) = step.packet {
        rows.push((label(Label::Packet), summary(packet)));
    }
    let file = |frame: &Frame| format!("{} {}", printable(&frame.file), frame.frame);
    match step.frames.as_slice() {
        [] => {}
        [one] => rows.push((label(Label::Frame), file(one))),
        [before, after, ..] => {
            let after = format!("{} {}", label(Label::FrameAfter), file(after));
            rows.push((label(Label::Frame), format!("{}, {after}", file(before))));
        }
    }
    rows
}

/// `tcp-options range 9 255 clear (its default; Cisco 116519)`.
fn rule(request: &Request<'_>, rule: &Rule) -> String {
    let label = |label| request.language.say(&Message::Label(label));
    let origin = match &rule.origin {
        Origin::Default { .. } => label(Label::Default),
        Origin::Config(line) => format!("{}:{}", line.file, line.line),
        Origin::Scenario => label(Label::ByScenario),
    };
    printable(&format!("{} ({origin}; {})", rule.text, rule.source))
}

/// Advice: the sentence, the lines to enter as they are, what speaks against it.
fn advise(out: &mut Vec<String>, request: &Request<'_>, advice: &Advice<'_>, width: usize) {
    let label = |label| request.language.say(&Message::Label(label));
    indented(out, &request.language.say(&Message::Advice(advice)), 2, width);
    let Advice::Device { remedy, .. } = advice else { return };
    if !remedy.lines.is_empty() {
        indented(out, &label(Label::Lines), 4, width);
        out.extend(remedy.lines.iter().map(|line| {
            let line = format!("      {}", printable(line));
            paint(Style::Good, &line)
        }));
    }
    if let Some(caution) = &remedy.caution {
        let caution = printable(request.language.of(caution));
        indented(out, &format!("{} {caution}", label(Label::Caution)), 4, width);
    }
    indented(out, &format!("({})", remedy.source), 4, width);
}

fn indented(out: &mut Vec<String>, text: &str, indent: usize, width: usize) {
    let margin = " ".repeat(indent);
    out.extend(
        wrap(text, width.saturating_sub(indent)).iter().map(|line| format!("{margin}{line}")),
    );
}
