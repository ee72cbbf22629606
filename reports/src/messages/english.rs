//! The English catalogue.

use sim_core::record::story::End;
use sim_core::time::SimTime;

use super::{Message, Place, Reason, product};
use crate::figures::{instant, printable};

/// Words for a message.
pub(super) fn say(message: &Message<'_>) -> String {
    printable(&match message {
        Message::Device { model, device, action, packet, at, reason } => {
            let what = did(action, *packet);
            let at = instant(*at);
            format!("{} \"{device}\" {what} at {at}, {}", product(model), why(reason))
        }
        Message::Endpoint { end, host, action, on } => {
            let host = host.map(|host| format!(" \"{host}\"")).unwrap_or_default();
            format!("the {}{host} {action}{}", self::end(*end), packet_and_time(*on))
        }
        Message::Network { action, on } => format!("{action}{}", packet_and_time(*on)),
        Message::Chain(messages) => messages.iter().map(say).collect::<Vec<_>>().join("; then "),
    })
}

/// An action on a packet. Actions say "it" for the packet where they speak of it at all.
fn did(action: &str, packet: Option<(&str, Place)>) -> String {
    let named = packet.map_or("a packet".into(), |(packet, _)| format!("the {packet}"));
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

fn why(reason: &Reason<'_>) -> String {
    match reason {
        Reason::Default { rule, because, near } => {
            let because = because.map(|because| format!(": {because}")).unwrap_or_default();
            let near = near.as_ref().map(|near| format!(" ({near})")).unwrap_or_default();
            format!("by its default ({rule}){because}{near}")
        }
        Reason::Config { rule, line } => format!("by its configuration ({rule}; {line})"),
        Reason::Scenario { rule } => format!("as the scenario sets it ({rule})"),
    }
}

fn packet_and_time(on: Option<(&str, SimTime)>) -> String {
    on.map(|(packet, at)| format!(" ({packet}, at {})", instant(at))).unwrap_or_default()
}
