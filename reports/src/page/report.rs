//! `report.html`: one run.

use maud::{Markup, html};
use sim_core::record::{
    CommandRecord, ConnectionRecord, DeviceRecord, SubflowOutcome, SubflowRecord, SubflowRole,
};
use sim_core::time::SimDuration;

use super::data::{self, Chart, Pictures};
use super::document::Document;
use super::parts::{figure, section, verdict};
use super::sources::{self, Source};
use super::story;
use crate::figures::{count, instant, plural, printable, rate, share, size, span};
use crate::messages::{self, Language};
use crate::summary::Latency;
use crate::{Report, Style, subflows_established, text};

/// What a page shows besides the report.
#[derive(Clone, Copy, Debug)]
pub struct Material<'a> {
    /// The scenario's and the configurations' texts.
    pub sources: &'a [Source<'a>],
    /// Other files of the results folder, by their names there.
    pub files: &'a [String],
    /// Where it ran: `linux x86_64`.
    pub platform: &'a str,
}

/// The page.
#[must_use]
pub fn report(report: &Report<'_>, material: &Material<'_>) -> String {
    let record = report.record;
    let pictures = data::pictures(record);
    let mut parts: Vec<(&str, &str, Markup)> = vec![
        ("verdict", "Verdict", verdicts(report, material)),
        ("charts", "Charts", charts(&pictures)),
    ];
    if record.captures.is_some() {
        parts.push(("story", "Story", story::markup(record, material)));
        parts.push(("packets", "Packets", story::ladders(record)));
    }
    parts.push(("subflows", "Subflows", subflows(report, material)));
    if !record.devices.is_empty() {
        parts.push(("devices", "Devices", devices(&record.devices)));
    }
    if !material.sources.is_empty() {
        parts.push(("texts", "Texts", sources::markup(report, material.sources)));
    }
    let programs = record.live.iter().flat_map(|live| &live.commands);
    if programs.clone().next().is_some() {
        parts.push(("programs", "Programs", programs_markup(programs)));
    }
    parts.push(("reproduce", "Reproduce", reproduce(report, material)));
    let sections: Vec<(&str, &str)> = parts.iter().map(|(id, name, _)| (*id, *name)).collect();
    let title = printable(if record.title.is_empty() { &record.scenario } else { &record.title });
    Document {
        title: &format!("{title} · option30"),
        sections: &sections,
        heading: heading(report, &title),
        body: html! {
            @for (id, name, content) in &parts { (section(id, name, content)) }
        },
        data: Some(data::json(&pictures)),
    }
    .render()
}

fn heading(report: &Report<'_>, title: &str) -> Markup {
    let record = report.record;
    html! {
        h1 { (title) }
        p.meta {
            code { (printable(&record.scenario)) }
            " · seed " (record.seed)
            " · " (text::how_long(record))
            " · " (count(record.events)) " events"
        }
    }
}

/// The users' own programs and what they said.
fn programs_markup<'a>(programs: impl Iterator<Item = &'a CommandRecord>) -> Markup {
    html! {
        @for program in programs {
            h3 { code { (printable(&program.argv.join(" "))) } }
            p { (printable(&program.host)) ": " (text::program_ended(program)) }
            @if !program.output.is_empty() {
                pre { @for line in program.output.lines() { (printable(line)) "\n" } }
            }
        }
    }
}

fn verdicts(report: &Report<'_>, material: &Material<'_>) -> Markup {
    html! {
        div.cards { @for connection in &report.record.connections { (card(connection, material)) } }
        (expectations(report))
        @if !report.warnings.is_empty() {
            div.warnings role="note" {
                h3 { "To check before trusting this" }
                ul { @for warning in report.warnings { li { (printable(warning)) } } }
            }
        }
    }
}

fn card(connection: &ConnectionRecord, material: &Material<'_>) -> Markup {
    let (words, style) = text::verdict(connection);
    let class = super::parts::class(style);
    html! {
        article.card.(class) {
            header {
                h3 {
                    (printable(&connection.name)) " "
                    small { (printable(&connection.client)) " → " (printable(&connection.server)) }
                }
                (verdict(&words, style))
            }
            @if let Some(cause) = &connection.outcome.cause {
                p.cause {
                    "Because " (messages::cause(cause, Language::English)) "."
                    (sources::links(cause, material.sources))
                }
            }
            (meter(connection))
            dl.figures { (figures(connection)) }
        }
    }
}

/// Goodput beside what was possible.
fn meter(connection: &ConnectionRecord) -> Markup {
    let goodput = rate(connection.goodput_bps);
    html! {
        @if let Some(bound) = connection.bound_bps {
            @let part = share(connection.goodput_bps, bound);
            div.goodput {
                p { b { (goodput) } " of the " (rate(bound)) " that the paths could give (" (part) ")" }
                meter min="0" max=(format!("{bound:.0}"))
                    value=(format!("{:.0}", connection.goodput_bps.min(bound)))
                    aria-label="Goodput as a part of the most possible" { (part) }
            }
        } @else {
            div.goodput { p { b { (goodput) } " goodput" } }
        }
    }
}

fn figures(connection: &ConnectionRecord) -> Markup {
    let stall = connection.longest_stall;
    let (stalled, stalled_at) = match stall.as_nanos() {
        0 => ("none".to_owned(), String::new()),
        _ => (span(stall), format!("at {}", instant(connection.longest_stall_at))),
    };
    let intact = if connection.stream_intact { "every byte right" } else { "a WRONG byte" };
    let done = match connection.completed_at {
        Some(at) => instant(at),
        None => "not complete".into(),
    };
    let (tried, established) = (connection.subflows.len(), subflows_established(connection));
    let ms = |ms: f64| span(SimDuration((ms * 1e6) as u64));
    html! {
        (figure("Subflows", &established.to_string(), &format!("of {tried} tried")))
        (figure("Delivered", &size(connection.bytes_delivered), intact))
        (figure("Complete", &done, ""))
        (figure("Longest stall", &stalled, &stalled_at))
        @if let Some(latency) = Latency::of(connection) {
            (figure("Latency", &ms(latency.p50), &format!("99 %: {}", ms(latency.p99))))
        }
    }
}

fn expectations(report: &Report<'_>) -> Markup {
    let met = report.expectations.iter().filter(|expectation| expectation.passed).count();
    let all = report.expectations.len();
    if all == 0 {
        return html! {};
    }
    let style = if met == all { Style::Good } else { Style::Bad };
    html! {
        details.expectations open[met < all] {
            summary { (verdict(&format!("{met} of {all} expectations met"), style)) }
            ul {
                @for expectation in report.expectations {
                    @let word = if expectation.passed { "met" } else { "NOT met" };
                    @let style = if expectation.passed { Style::Good } else { Style::Bad };
                    li {
                        (verdict(word, style)) " " (printable(&expectation.sentence))
                        " " span.faint { "line " (expectation.line) }
                    }
                }
            }
        }
    }
}

pub(super) fn charts(pictures: &[Pictures]) -> Markup {
    html! {
        p.hint #chart-help {
            "Drag over a chart to look closer, then drag to move. Ctrl and the wheel, or + and −, zoom; "
            "arrow keys move, 0 shows all. Names below a chart hide and show what they name."
        }
        noscript { p.warnings {
            "This page draws its charts with its own script, which does not run here. The same charts \
             stand as pictures beside this file."
        } }
        @if pictures.len() > 1 {
            p.choose {
                label for="connection" { "Connection" } " "
                select #connection {
                    @for (k, pictures) in pictures.iter().enumerate() {
                        option value=(k) { (pictures.name) }
                    }
                }
            }
        }
        @for (k, pictures) in pictures.iter().enumerate() {
            div.connection data-connection=(k) hidden[k > 0] {
                @for (j, chart) in pictures.charts.iter().enumerate() { (figure_of(k, j, chart)) }
            }
        }
    }
}

fn figure_of(connection: usize, index: usize, chart: &Chart) -> Markup {
    let id = format!("chart-{connection}-{index}");
    html! {
        figure.chart id=(id) data-kind=(chart.kind) aria-labelledby={ (id) "-title" } {
            div.tools role="group" aria-label={ "Zoom of " (chart.title) } {
                button type="button" data-do="in" title="Look closer (+)" aria-label="Look closer" { "+" }
                button type="button" data-do="out" title="Look from further (−)"
                    aria-label="Look from further" { "−" }
                button type="button" data-do="all" title="Show all (0)" { "All" }
            }
            h3 id={ (id) "-title" } { (chart.title) }
            p.about { (chart.about) }
            canvas tabindex="0" role="img" aria-label={ (chart.title) ". " (chart.about) }
                aria-describedby="chart-help" {}
            div.legend role="group" aria-label={ "Series of " (chart.title) } {}
            figcaption { (chart.caption) }
        }
    }
}

fn subflows(report: &Report<'_>, material: &Material<'_>) -> Markup {
    html! {
        @for connection in &report.record.connections {
            @if report.record.connections.len() > 1 { h3 { (printable(&connection.name)) } }
            div.scroll tabindex="0" role="region" aria-label={ "Subflows of " (printable(&connection.name)) } {
                table.figures {
                    thead { tr {
                        th scope="col" { "Path" }
                        th scope="col" { "Role" }
                        th scope="col" { "Outcome" }
                        th scope="col" { "From → to" }
                        th.r scope="col" { "Bytes" }
                        th.r scope="col" { "Share" }
                        th.r scope="col" { "Goodput" }
                        th.r scope="col" { "Sent again" }
                    } }
                    tbody {
                        @let all: u64 = connection.subflows.iter().map(|s| s.bytes).sum();
                        @for subflow in &connection.subflows { (subflow_row(subflow, all, material)) }
                    }
                }
            }
        }
        @if report.record.connections.iter().any(has_counters) { (counters(report)) }
    }
}

fn has_counters(connection: &ConnectionRecord) -> bool {
    !connection.client_counters.is_empty() || !connection.server_counters.is_empty()
}

fn subflow_row(subflow: &SubflowRecord, all: u64, material: &Material<'_>) -> Markup {
    let at = subflow.ended_at.map(|at| format!(" at {}", instant(at))).unwrap_or_default();
    let (outcome, style) = match subflow.outcome {
        SubflowOutcome::Established => ("established".to_owned(), Style::Good),
        SubflowOutcome::Reset => (format!("reset{at}"), Style::Fair),
        SubflowOutcome::Refused => (format!("refused{at}"), Style::Bad),
        SubflowOutcome::TimedOut => (format!("timed out{at}"), Style::Bad),
    };
    let role = match subflow.role {
        SubflowRole::Initial => "first",
        SubflowRole::Join => "join",
    };
    html! {
        tr {
            th scope="row" { (printable(&subflow.path)) }
            td { (role) }
            td { (verdict(&outcome, style)) }
            td { code { (subflow.flow.src) } " → " code { (subflow.flow.dst) } }
            td.r { (size(subflow.bytes)) }
            td.r { (share(subflow.bytes as f64, all as f64)) }
            td.r { (rate(subflow.goodput_bps)) }
            td.r { (count(subflow.retransmissions)) }
        }
        @if let Some(cause) = &subflow.cause {
            tr.cause { td {} td colspan="7" {
                "Because " (messages::cause(cause, Language::English)) "."
                (sources::links(cause, material.sources))
            } }
        }
    }
}

fn counters(report: &Report<'_>) -> Markup {
    html! {
        details {
            summary { "Counters of the hosts, with the kernel's names" }
            @for connection in report.record.connections.iter().filter(|c| has_counters(c)) {
                h3 { (printable(&connection.name)) }
                div.columns {
                    @for (host, counters) in [
                        (&connection.client, &connection.client_counters),
                        (&connection.server, &connection.server_counters),
                    ] {
                        table.figures {
                            caption { (printable(host)) }
                            tbody { @for (name, n) in counters {
                                tr { th scope="row" { code { (name) } } td.r { (count(*n)) } }
                            } }
                        }
                    }
                }
            }
        }
    }
}

fn devices(devices: &[DeviceRecord]) -> Markup {
    html! {
        @for device in devices {
            article.device {
                h3 { (printable(&device.name)) " " small { (messages::product(device.model)) } }
                @for warning in &device.warnings { p.fair { (printable(warning)) } }
                div.columns {
                    table.figures {
                        caption { "Changed" }
                        tbody {
                            @if device.changes.is_empty() { tr { td { "nothing" } } }
                            @for (kind, n) in &device.changes {
                                tr { th scope="row" { (printable(kind)) } td.r { (count(*n)) } }
                            }
                        }
                    }
                    @if !device.counters.is_empty() {
                        table.figures {
                            caption { "Counters" }
                            tbody { @for (name, n) in &device.counters {
                                tr { th scope="row" { (printable(name)) } td.r { (count(*n)) } }
                            } }
                        }
                    }
                }
                @if !device.report.is_empty() {
                    details {
                        summary { "What an operator would see" }
                        pre tabindex="0" { @for line in &device.report { (printable(line)) "\n" } }
                    }
                }
            }
        }
    }
}

fn reproduce(report: &Report<'_>, material: &Material<'_>) -> Markup {
    html! {
        p { "The same scenario and seed give the same bytes, everywhere and in every build:" }
        div.command {
            pre tabindex="0" { code #command { (printable(report.replay)) } }
            button type="button" data-copy="command" { "Copy" }
        }
        dl.figures {
            (figure("option30", env!("CARGO_PKG_VERSION"), ""))
            (figure("Seed", &report.record.seed.to_string(), ""))
            (figure("Platform", material.platform, ""))
            (figure("Paths", &plural(report.record.paths.len(), "path"), ""))
        }
        @if !material.files.is_empty() {
            p { "Beside this file:" }
            ul.files { @for file in material.files { li { a href=(link(file)) { (printable(file)) } } } }
        }
    }
}

/// A file's name as a relative link: what has a meaning in links is written by its number.
pub(super) fn link(file: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let part =
        |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    file.bytes().map(part).collect()
}
