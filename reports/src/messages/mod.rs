//! The sentences that reports say, from one catalogue per language.
//!
//! [`Message`] is what is to be said, without words; a catalogue ([`english`]) gives it words. A
//! language is added by a module with the same function and a variant of [`Language`].

mod english;

use sim_core::record::outcome::{Blame, Cause, CauseLink, Failure};
use sim_core::record::story::End;
use sim_core::time::SimTime;

/// A language that reports can be read in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
}

/// One thing to be said.
#[derive(Clone, Debug, PartialEq)]
pub enum Message<'a> {
    /// A device did something.
    Device {
        /// Its model, as in scenario files.
        model: &'a str,
        /// Its name.
        device: &'a str,
        /// What it did.
        action: &'a str,
        /// The packet, and whether the action changed something inside it.
        packet: Option<(&'a str, Place)>,
        /// When.
        at: SimTime,
        /// Why.
        reason: Reason<'a>,
    },
    /// An endpoint did something.
    Endpoint {
        /// Which end.
        end: End,
        /// Its host's name, where that says more than the end.
        host: Option<&'a str>,
        /// What it did.
        action: &'a str,
        /// On which packet and when.
        on: Option<(&'a str, SimTime)>,
    },
    /// The network did something.
    Network {
        /// What.
        action: &'a str,
        /// On which packet and when.
        on: Option<(&'a str, SimTime)>,
    },
    /// One after the other, the root first.
    Chain(Vec<Self>),
}

/// Where a device's action took place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Inside the packet: something in it was changed.
    Inside,
    /// On the packet as a whole, or because of it.
    Whole,
}

/// Why a device did it.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason<'a> {
    /// The product's default.
    Default {
        /// The rule.
        rule: &'a str,
        /// What is missing or does not match.
        because: Option<&'a str>,
        /// The line that this speaks of, as `file:line`.
        near: Option<String>,
    },
    /// A configuration line.
    Config {
        /// The rule.
        rule: &'a str,
        /// The line, as `file:line`.
        line: String,
    },
    /// A setting of the scenario.
    Scenario {
        /// The rule.
        rule: &'a str,
    },
}

impl Language {
    /// Words for a message.
    #[must_use]
    pub fn say(self, message: &Message<'_>) -> String {
        match self {
            Self::English => english::say(message),
        }
    }
}

/// A cause in one plain sentence, without a full stop.
#[must_use]
pub fn cause(cause: &Cause, language: Language) -> String {
    language.say(&Message::of_cause(cause))
}

/// A device model as its vendor writes it.
#[must_use]
pub fn product(model: &str) -> &str {
    match model {
        "asa" => "ASA",
        "ftd" => "FTD",
        "cbac" => "IOS CBAC",
        "zbfw" => "IOS ZBFW",
        "ace" => "ACE",
        "nat" => "NAT",
        other => other,
    }
}

/// In what way a connection failed.
#[must_use]
pub const fn failure(failure: Failure) -> &'static str {
    match failure {
        Failure::NeverConnected => "never connected",
        Failure::Reset => "reset before everything was delivered",
        Failure::Stalled => "stalled with data waiting",
        Failure::WrongStream => "the delivered stream is not the one written",
    }
}

impl<'a> Message<'a> {
    /// What a cause says.
    #[must_use]
    pub fn of_cause(cause: &'a Cause) -> Self {
        let mut told = None;
        let mut messages = cause.links.iter().map(|link| {
            // What follows on the packet that was just named need not name it again.
            let again = told == Some(&link.packet);
            told = Some(&link.packet);
            Self::of_link(link, !again)
        });
        match (messages.next(), messages.next()) {
            (Some(only), None) => only,
            (first, second) => {
                Self::Chain(first.into_iter().chain(second).chain(messages).collect())
            }
        }
    }

    fn of_link(link: &'a CauseLink, names_packet: bool) -> Self {
        let on = link.packet.as_deref().filter(|_| names_packet);
        let on = on.map(|packet| (packet, link.at));
        match &link.who {
            Blame::Device {
                device, model, action, label, rule, is_default, because, line, ..
            } => {
                let near = line.as_ref().map(|line| format!("{}:{}", line.file, line.line));
                let reason = match (is_default, near) {
                    (true, near) => Reason::Default { rule, because: because.as_deref(), near },
                    (false, Some(line)) => Reason::Config { rule, line },
                    (false, None) => Reason::Scenario { rule },
                };
                let packet = link.packet.as_deref().map(|packet| (packet, place(label)));
                Self::Device { model, device, action, packet, at: link.at, reason }
            }
            Blame::Endpoint { end, host, action } => Self::Endpoint {
                end: *end,
                host: (host != english::end(*end)).then_some(host.as_str()),
                action,
                on,
            },
            Blame::Network { action } => Self::Network { action, on },
        }
    }
}

/// Changes of an option or a field happen inside a packet, all others to it.
fn place(label: &str) -> Place {
    let inside = label.starts_with("option-")
        || label.ends_with("-changed")
        || label.ends_with("-rewritten")
        || label == "isn-randomised";
    if inside { Place::Inside } else { Place::Whole }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn check(cause_of: Cause, expect: &str) {
        assert_eq!(cause(&cause_of, Language::English), expect);
    }

    #[test]
    fn a_cause_is_one_sentence() {
        check(
            fixture::cause_default(),
            "ASA \"edge\" replaced option 30 (MP_CAPABLE) by NOPs in the SYN of the first subflow at \
             0.000 s, by its default (tcp-options range 9 255 clear): no service-policy activates \
             policy-map my-policy-map (configs/x.cfg:7)",
        );
        check(
            fixture::cause_two_servers(),
            "ACE \"balancer\" balanced the MP_JOIN SYN over lte to real server web2 (10.1.0.12:80) at \
             0.061 s, by its configuration (serverfarm WEB: predictor roundrobin; \
             configs/ace.cfg:12); then the server \"web2\" reset the subflow: it knows no connection \
             with that token",
        );
        check(fixture::cause_not_spoken(), "the server does not speak MPTCP");
        check(fixture::cause_network(), "nobody answered: path dsl was down (SYN, at 0.000 s)");
        check(
            fixture::cause_scenario(),
            "custom \"strip\" cut out option 30 (DSS) in the first data segment at 1.000 s, as the \
             scenario sets it (remove option 30)",
        );
    }
}
