//! The English catalogue.

use sim_core::record::story::End;
use sim_core::time::SimTime;

use super::{Message, Reason, Relation, product};
use crate::figures::{instant, printable};

/// Words for a message.
pub(super) fn say(message: &Message<'_>) -> String {
    printable(&match message {
        Message::Device { model, device, action, packet, at, reason } => {
            let at = instant(*at);
            let what = match packet {
                Some((Relation::Inside, packet)) => format!("{action} in the {packet} at {at}"),
                Some((Relation::Whole, packet)) => format!("{action} ({packet}, at {at})"),
                None => format!("{action} at {at}"),
            };
            format!("{} \"{device}\" {what}, {}", product(model), why(reason))
        }
        Message::Endpoint { end, host, action, on } => {
            let host = host.map(|host| format!(" \"{host}\"")).unwrap_or_default();
            format!("the {}{host} {action}{}", self::end(*end), packet_and_time(*on))
        }
        Message::Network { action, on } => format!("{action}{}", packet_and_time(*on)),
        Message::Chain(messages) => messages.iter().map(say).collect::<Vec<_>>().join("; then "),
    })
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
