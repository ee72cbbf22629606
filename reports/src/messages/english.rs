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
            let because = match (because, near) {
                (Some(because), Some(near)) => format!(": {}", placed(because, near)),
                (Some(because), None) => format!(": {because}"),
                (None, Some(near)) => format!(" ({near})"),
                (None, None) => String::new(),
            };
            format!("by its default ({rule}){because}")
        }
        Reason::Config { rule, line } => format!("by its configuration ({rule}; {line})"),
        Reason::Scenario { rule } => format!("as the scenario sets it ({rule})"),
    }
}

/// What is missing or does not match, with `file:line` where it names that line, or else at its end.
fn placed(because: &str, near: &str) -> String {
    let number = near.rsplit(':').next().unwrap_or_default();
    let line = format!("(line {number})");
    if because.contains(&line) {
        because.replacen(&line, &format!("({near})"), 1)
    } else {
        format!("{because} ({near})")
    }
}

fn packet_and_time(on: Option<(&str, SimTime)>) -> String {
    on.map(|(packet, at)| format!(" ({packet}, at {})", instant(at))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_named_once() {
        let check = |because, expect| assert_eq!(placed(because, "a.cfg:21"), expect);
        check("nothing activates map m (line 21)", "nothing activates map m (a.cfg:21)");
        check("class c (line 2) does not match", "class c (line 2) does not match (a.cfg:21)");
        check("class c (line 212)", "class c (line 212) (a.cfg:21)");
    }
}
