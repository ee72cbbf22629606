//! `compare.html`: two runs beside each other.

use maud::{Markup, html};

use super::data;
use super::document::Document;
use super::parts::{section, verdict};
use crate::Style;
use crate::compare::{self, Comparison, Matter, Pair, Side, Value};
use crate::figures::printable;

/// The page.
#[must_use]
pub fn compare(a: &Side, b: &Side) -> String {
    let comparison = Comparison::new(a, b);
    let pictures = data::of_picture("delivered", compare::chart::picture(a, b));
    let mut parts = vec![
        ("connections", "Connections", pairs(&comparison.connections)),
        ("charts", "Charts", super::report::charts(&pictures)),
    ];
    if !comparison.devices.is_empty() {
        parts.push(("devices", "Devices", pairs(&comparison.devices)));
    }
    parts.push(("reproduce", "Reproduce", reproduce(&comparison)));
    let sections: Vec<(&str, &str)> = parts.iter().map(|(id, name, _)| (*id, *name)).collect();
    Document {
        title: &format!("{} and {} · option30", printable(&a.label), printable(&b.label)),
        sections: &sections,
        heading: heading(&comparison),
        body: html! { @for (id, name, content) in &parts { (section(id, name, content)) } },
        data: Some(data::json(&pictures)),
    }
    .render()
}

fn heading(comparison: &Comparison) -> Markup {
    let style = if comparison.same { Style::Good } else { Style::Fair };
    html! {
        h1 { "Two runs beside each other" }
        dl.sides {
            @for (letter, run) in [("A", &comparison.a), ("B", &comparison.b)] {
                dt { (letter) }
                dd {
                    b { (printable(&run.title)) }
                    " " span.faint {
                        (printable(&run.label)) " · seed " (run.seed)
                        @if run.expected > 0 {
                            " · " (run.met) " of " (run.expected) " expectations met"
                        }
                    }
                }
            }
        }
        p { (verdict(&comparison.in_short(), style)) }
    }
}

fn pairs(pairs: &[Pair]) -> Markup {
    html! {
        @for pair in pairs {
            @let (different, same): (Vec<&Matter>, Vec<&Matter>) =
                pair.matters.iter().partition(|matter| matter.differs);
            h3 { (printable(&pair.name)) }
            @if different.is_empty() {
                p.faint { "The same on both sides." }
            } @else {
                (table(&pair.name, &different))
            }
            @if !same.is_empty() {
                details { summary { "What is the same (" (same.len()) ")" } (table(&pair.name, &same)) }
            }
        }
    }
}

fn table(name: &str, matters: &[&Matter]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label={ "Comparison of " (printable(name)) } {
            table.figures.compared {
                thead { tr {
                    td {}
                    th scope="col" { "A" }
                    th scope="col" { "B" }
                    th scope="col" { "Change" }
                } }
                tbody { @for matter in matters {
                    tr {
                        th scope="row" { (printable(&matter.name)) }
                        td { (value(matter.a.as_ref())) }
                        td { (value(matter.b.as_ref())) }
                        td { (matter.change.as_deref().unwrap_or_default()) }
                    }
                } }
            }
        }
    }
}

fn value(value: Option<&Value>) -> Markup {
    html! {
        @match value {
            Some(value) => (printable(&value.text)),
            None => span.faint { "–" },
        }
    }
}

fn reproduce(comparison: &Comparison) -> Markup {
    html! {
        @for (letter, run) in [("A", &comparison.a), ("B", &comparison.b)] {
            div.command {
                pre tabindex="0" { code id={ "command-" (letter) } { (printable(&run.replay)) } }
                button type="button" data-copy={ "command-" (letter) } { "Copy" }
            }
        }
    }
}
