//! What happened to each connection, step by step, and what can be done: as `explain` tells it, in every
//! language that it speaks.

use maud::{Markup, PreEscaped, html};
use sim_core::record::RunRecord;

use super::report::{Material, link};
use super::sources;
use crate::explain::{Advice, Step, What, advice, steps, summary};
use crate::figures::{instant, printable};
use crate::ladder::{self, Ladder};
use crate::messages::{Label, Language, Message};

const LANGUAGES: [(Language, &str); 2] =
    [(Language::English, "English"), (Language::Japanese, "日本語")];

/// The stories; `shown` is the language until another is chosen.
pub(super) fn markup(record: &RunRecord, shown: Language, material: &Material<'_>) -> Markup {
    html! {
        p.choose {
            label for="language" { "Language" } " "
            select #language {
                @for (language, name) in LANGUAGES {
                    option value=(language.tag()) lang=(language.tag()) selected[language == shown] { (name) }
                }
            }
        }
        @for (language, _) in LANGUAGES {
            div.told lang=(language.tag()) hidden[language != shown] { (told(record, material, language)) }
        }
    }
}

/// Connections whose ladder stands in the page; the others' are files beside it.
const LADDERS_MAX: usize = 4;

/// The packets that tell each connection's story, between the hosts and devices that they passed.
pub(super) fn ladders(record: &RunRecord, language: Language) -> Markup {
    html! {
        @for (index, connection) in record.connections.iter().enumerate().take(LADDERS_MAX) {
            @if let Some(ladder) = Ladder::new(record, index, language) {
                @let name = printable(&connection.name);
                @if record.connections.len() > 1 { h3 { (name) } }
                div.ladder tabindex="0" role="region" aria-label={ "Packets of " (name) } {
                    // Drawn by this crate, which escapes every text in it.
                    @for sheet in ladder::sheets(&ladder, language) { (PreEscaped(sheet)) }
                }
            }
        }
    }
}

fn told(record: &RunRecord, material: &Material<'_>, language: Language) -> Markup {
    let label = |label| language.say(&Message::Label(label));
    html! {
        @for (index, connection) in record.connections.iter().enumerate() {
            @let steps = steps(record, index);
            @if record.connections.len() > 1 { h3 { (printable(&connection.name)) } }
            ol.story {
                @for step in &steps { (step_of(step, material, language)) }
            }
            h3 { (label(Label::WhatCanBeDone)) }
            @for advice in advice(connection, &steps) { (advised(&advice, language)) }
        }
    }
}

fn step_of(step: &Step<'_>, material: &Material<'_>, language: Language) -> Markup {
    let label = |label| language.say(&Message::Label(label));
    let class = match &step.what {
        What::Change { change, .. } if !change.change.allows() => "change",
        What::Event(_) => "event",
        _ => "fact",
    };
    html! {
        li.(class) {
            time { (instant(step.at)) }
            div {
                p { (printable(&language.say(&Message::Step(step)))) }
                @if let What::Change { change, .. } = &step.what {
                    p.rests {
                        (label(Label::Rule)) " " code { (printable(&change.rule.text)) }
                        " " (printable(change.rule.source))
                        (sources::link_to(&change.rule, material.sources))
                    }
                }
                @if let Some(packet) = step.packet {
                    p.rests { code { (printable(&summary(packet))) } }
                }
                @for frame in &step.frames {
                    @if material.files.contains(&frame.file) {
                        p.rests {
                            (label(Label::Frame)) " "
                            a href=(link(&frame.file)) { (printable(&frame.file)) } " " (frame.frame)
                        }
                    }
                }
            }
        }
    }
}

fn advised(advice: &Advice<'_>, language: Language) -> Markup {
    let label = |label| language.say(&Message::Label(label));
    html! {
        div.advice {
            p { (printable(&language.say(&Message::Advice(advice)))) }
            @if let Advice::Device { remedy, .. } = advice {
                @if !remedy.lines.is_empty() {
                    pre tabindex="0" { @for line in &remedy.lines { (printable(line)) "\n" } }
                }
                @if let Some(caution) = &remedy.caution {
                    p.caution { (label(Label::Caution)) " " (printable(language.of(caution))) }
                }
                p.rests { (label(Label::Source)) " " (printable(remedy.source)) }
            }
        }
    }
}
