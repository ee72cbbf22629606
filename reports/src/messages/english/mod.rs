//! The English catalogue.

mod story;

use sim_core::engine::device::{Rule, Wording};
use sim_core::record::ConnectionRecord;
use sim_core::record::outcome::{Blame, Cause, CauseLink, Verdict};
use sim_core::record::story::End;

use super::{Label, Marks, Message, Place, located, place, place_of, product, tells_packet};
use crate::figures::{instant, plural, printable};
use crate::subflows_established;

/// Words for a message.
pub(super) fn say(message: &Message<'_>) -> String {
    printable(&match message {
        Message::Cause(cause) => self::cause(cause),
        Message::Why(cause) => format!("Because {}.", self::cause(cause)),
        Message::Verdict(connection) => verdict(connection),
        Message::Step(step) => story::step(step),
        Message::Because(rule, because) => placed(rule, because),
        Message::Advice(advice) => story::advice(advice),
        Message::Change { device, change } => {
            let what = change.change.to_string();
            format!("{} {what} ({})", device.name, place_of(&change.rule, "default", "scenario"))
        }
        Message::Folded { data, acks, bytes } => story::folded(*data, *acks, *bytes),
        Message::Label(label) => self::label(*label).into(),
    })
}

const MARKS: Marks = Marks { line: ("(line ", ")"), place: (" (", ")") };

fn cause(cause: &Cause) -> String {
    let links = cause.links.iter().enumerate();
    let told = links.map(|(k, link)| self::link(link, tells_packet(cause, k)));
    told.collect::<Vec<_>>().join("; then ")
}

fn link(link: &CauseLink, names_packet: bool) -> String {
    let packet_and_time = || match link.packet.as_ref().filter(|_| names_packet) {
        Some(packet) => format!(" ({packet}, at {})", instant(link.at)),
        None => String::new(),
    };
    match &link.who {
        Blame::Device { device, model, change, rule } => {
            let packet = link.packet.as_ref().map(|packet| (packet.to_string(), place(change)));
            let what = did(&change.to_string(), packet);
            let at = instant(link.at);
            format!("{} \"{device}\" {what} at {at}, {}", product(model), why(rule))
        }
        Blame::Endpoint { end, host, act } => {
            let host = if host == self::end(*end) { String::new() } else { format!(" \"{host}\"") };
            format!("the {}{host} {act}{}", self::end(*end), packet_and_time())
        }
        Blame::Network(trouble) => format!("{trouble}{}", packet_and_time()),
    }
}

/// An action on a packet. Actions say "it" for the packet where they speak of it at all.
fn did(action: &str, packet: Option<(String, Place)>) -> String {
    let named = match &packet {
        Some((packet, _)) => format!("the {packet}"),
        None => "a packet".into(),
    };
    let mut words: Vec<&str> = action.split(' ').collect();
    if let Some(it) = words.iter().position(|word| *word == "it") {
        words[it] = &named;
        return words.join(" ");
    }
    match packet {
        Some((_, Place::Inside)) => format!("{action} in {named}"),
        Some((_, Place::Whole)) => format!("{action} on {named}"),
        None => action.into(),
    }
}

/// An end of a connection.
pub(super) const fn end(end: End) -> &'static str {
    match end {
        End::Client => "client",
        End::Server => "server",
    }
}

fn why(rule: &Rule) -> String {
    let text = &rule.text;
    let line = rule.line().map(|line| format!("{}:{}", line.file, line.line));
    match (rule.is_default(), rule.because(), line) {
        (true, Some(because), _) => {
            format!("by its default ({text}): {}", placed(rule, because))
        }
        (true, None, Some(near)) => format!("by its default ({text}) ({near})"),
        (true, None, None) => format!("by its default ({text})"),
        (false, _, Some(line)) => format!("by its configuration ({text}; {line})"),
        (false, _, None) => format!("as the scenario sets it ({text})"),
    }
}

/// What is missing or does not match, with its place.
fn placed(rule: &Rule, because: &Wording) -> String {
    match rule.line() {
        Some(line) => located(&because.english, &format!("{}:{}", line.file, line.line), &MARKS),
        None => because.english.clone(),
    }
}

fn verdict(connection: &ConnectionRecord) -> String {
    match connection.outcome.verdict {
        Verdict::Mptcp => format!("MPTCP, {}", plural(subflows_established(connection), "subflow")),
        Verdict::Fallback => "fallback to plain TCP".into(),
        Verdict::Failed(failure) => format!("failed: {}", super::failure(failure)),
    }
}

const fn label(label: Label) -> &'static str {
    match label {
        Label::Because => "because",
        Label::WhatHappened => "what happened",
        Label::WhatCanBeDone => "what can be done",
        Label::Packet => "packet",
        Label::Rule => "rule",
        Label::Default => "its default",
        Label::ByScenario => "set by the scenario",
        Label::Missing => "why",
        Label::Frame => "frame",
        Label::FrameAfter => "after",
        Label::Lines => "Lines to enter:",
        Label::Caution => "But:",
        Label::Source => "source",
        Label::Lost => "lost",
        Label::LadderKey => {
            "✱ changed by a device (dashed from there on)   ■ stopped by a device   × lost by a link"
        }
        Label::CapturesHint => {
            "Frames are numbered as run --pcap writes them, in the results folder."
        }
    }
}
