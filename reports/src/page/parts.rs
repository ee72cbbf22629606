//! Pieces that several pages share.

use maud::{Markup, html};

use crate::style::Style;

/// A verdict in words, with a sign that does not need colour.
pub(super) fn verdict(words: &str, style: Style) -> Markup {
    html! {
        span.verdict.(class(style)) {
            span.sign aria-hidden="true" { (sign(style)) }
            " " (words)
        }
    }
}

/// How a style is called in the style sheet.
pub(super) const fn class(style: Style) -> &'static str {
    match style {
        Style::Plain | Style::Strong => "plain",
        Style::Faint => "faint",
        Style::Good => "good",
        Style::Fair => "fair",
        Style::Bad => "bad",
    }
}

const fn sign(style: Style) -> &'static str {
    match style {
        Style::Good => "✓",
        Style::Fair => "!",
        Style::Bad => "✕",
        Style::Plain | Style::Strong | Style::Faint => "·",
    }
}

/// A figure with its name.
pub(super) fn figure(name: &str, value: &str, note: &str) -> Markup {
    html! {
        div.figure {
            dt { (name) }
            dd { (value) @if !note.is_empty() { " " small { (note) } } }
        }
    }
}

/// A section with its heading.
pub(crate) fn section(id: &str, name: &str, content: &Markup) -> Markup {
    html! {
        section id=(id) aria-labelledby={ (id) "-name" } {
            h2 id={ (id) "-name" } { (name) }
            (content)
        }
    }
}
