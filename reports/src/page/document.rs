//! The frame of every page: one self-contained file that asks the network for nothing. A content
//! security policy allows this style and these scripts by their hash and nothing else, so that whatever a
//! name in a scenario may hold, it stays text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

const STYLE: &str = concat!(
    include_str!("style/base.css"),
    include_str!("style/report.css"),
    include_str!("style/table.css"),
    include_str!("style/sweep.css"),
    include_str!("style/print.css")
);
const THEME: &str = include_str!("script/theme.js");
const PAGE: &str = concat!(
    "'use strict';\n",
    include_str!("script/data.js"),
    include_str!("script/paint.js"),
    include_str!("script/chart.js"),
    include_str!("script/table.js"),
    include_str!("script/page.js")
);

/// A page.
pub(crate) struct Document<'a> {
    /// What a window or a tab calls it.
    pub(crate) title: &'a str,
    /// Links to its sections: the id and the name of each.
    pub(crate) sections: &'a [(&'a str, &'a str)],
    /// Above the sections: headings.
    pub(crate) heading: Markup,
    /// Everything else.
    pub(crate) body: Markup,
    /// Pictures for the script, as JSON.
    pub(crate) data: Option<String>,
}

impl Document<'_> {
    /// The file's text.
    pub(crate) fn render(self) -> String {
        let policy = format!(
            "default-src 'none'; style-src '{}'; script-src '{}' '{}'; base-uri 'none'; form-action 'none'",
            hash(STYLE),
            hash(THEME),
            hash(PAGE)
        );
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(policy);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="generator" content=(concat!("option30 ", env!("CARGO_PKG_VERSION")));
                    title { (self.title) }
                    style { (PreEscaped(STYLE)) }
                    // Before anything is shown, so that nothing flashes in the other theme.
                    script { (PreEscaped(THEME)) }
                }
                body {
                    a.skip href="#content" { "To the content" }
                    header.top {
                        div.bar {
                            span.brand { "option" b { "30" } }
                            nav aria-label="Sections" {
                                @for (id, name) in self.sections { a href={ "#" (id) } { (name) } }
                            }
                            button #theme type="button" title="Light, dark, or as the system has it" {
                                span aria-hidden="true" { "◐" } " " span.word { "Theme: system" }
                            }
                        }
                    }
                    div.heading role="region" aria-label="What this is" { (self.heading) }
                    main #content tabindex="-1" { (self.body) }
                    @if let Some(data) = &self.data {
                        script #data type="application/json" { (PreEscaped(data)) }
                    }
                    script { (PreEscaped(PAGE)) }
                }
            }
        };
        page.into_string() + "\n"
    }
}

/// A source expression of a content security policy for an element's text.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}
