//! The configuration of an IPS: `service` sections, in which lines open blocks that `exit` closes;
//! indentation is common and means nothing.

use std::ops::RangeInclusive;

use sim_core::engine::device::ConfigLine;

use crate::audit::platform::version_after;
use crate::config::words::nearest;
use crate::config::{ConfigText, Diagnostics, Line, quoted};

/// Actions of `event-action` (Cisco IPS 7.1 CLI configuration guide, event actions).
const ACTIONS: [&str; 16] = [
    "deny-attacker-inline",
    "deny-attacker-service-pair-inline",
    "deny-attacker-victim-pair-inline",
    "deny-connection-inline",
    "deny-packet-inline",
    "log-attacker-packets",
    "log-pair-packets",
    "log-victim-packets",
    "modify-packet-inline",
    "produce-alert",
    "produce-verbose-alert",
    "request-block-connection",
    "request-block-host",
    "request-rate-limit",
    "request-snmp-trap",
    "reset-tcp-connection",
];

/// A configuration, read.
#[derive(Clone, Debug, Default)]
pub(super) struct IpsConfig {
    pub(super) version: Option<String>,
    pub(super) signatures: Vec<SignatureConfig>,
    /// A virtual sensor has a pair of interfaces (inline), or a single one (promiscuous).
    pub(super) inline: Option<(bool, ConfigLine)>,
}

/// A signature, as far as lines set it.
#[derive(Clone, Debug)]
pub(super) struct SignatureConfig {
    pub(super) id: u32,
    pub(super) sub: u32,
    pub(super) place: ConfigLine,
    pub(super) enabled: bool,
    pub(super) actions: Option<(Vec<String>, ConfigLine)>,
    pub(super) regex: Option<(String, ConfigLine)>,
    pub(super) ports: Vec<RangeInclusive<u16>>,
    /// True: in what clients send; false: in what servers send.
    pub(super) to_service: Option<bool>,
}

impl SignatureConfig {
    /// True when it has one of these actions.
    pub(super) fn acts(&self, wanted: &[&str]) -> bool {
        let is_wanted = |action: &String| wanted.contains(&action.as_str());
        self.enabled && self.actions.as_ref().is_some_and(|(all, _)| all.iter().any(is_wanted))
    }
}

impl IpsConfig {
    /// The signature of this number.
    pub(super) fn signature(&self, id: u32, sub: u32) -> Option<&SignatureConfig> {
        self.signatures.iter().find(|s| (s.id, s.sub) == (id, sub))
    }
}

/// Reads a configuration.
pub(super) fn read(text: ConfigText<'_>, found: &mut Diagnostics) -> IpsConfig {
    // The version stands in a comment.
    let version = version_after(text.text, &["! Version ", "Version "]);
    let mut config = IpsConfig { version, ..IpsConfig::default() };
    let mut section = String::new();
    for line in text.lines().iter() {
        match line.words.as_slice() {
            ["service", name, ..] => section = (*name).to_owned(),
            words if section == "signature-definition" => {
                signature_line(&mut config, words, line, text, found);
            }
            ["physical-interface", ..] if section == "analysis-engine" => {
                config.inline.get_or_insert((false, text.place(line)));
            }
            ["logical-interface", ..] if section == "analysis-engine" => {
                config.inline = Some((true, text.place(line)));
            }
            _ => {}
        }
    }
    config
}

fn signature_line(
    config: &mut IpsConfig,
    words: &[&str],
    line: &Line<'_>,
    text: ConfigText<'_>,
    found: &mut Diagnostics,
) {
    if let ["signatures", id, sub] = words {
        let (Ok(id), Ok(sub)) = (id.parse(), sub.parse()) else {
            found.error(line, id, format!("expected two numbers, found {}", quoted(id)));
            return;
        };
        let known = config.signatures.iter().position(|s| (s.id, s.sub) == (id, sub));
        let signature = known.map_or_else(
            || SignatureConfig {
                id,
                sub,
                place: text.place(line),
                enabled: true,
                actions: None,
                regex: None,
                ports: Vec::new(),
                to_service: None,
            },
            |at| config.signatures.remove(at),
        );
        config.signatures.push(signature);
        return;
    }
    let Some(signature) = config.signatures.last_mut() else { return };
    match words {
        ["event-action", actions] => {
            let actions: Vec<String> = actions.split('|').map(str::to_owned).collect();
            for action in &actions {
                if !ACTIONS.contains(&action.as_str()) {
                    let report = found.error(
                        line,
                        words[1],
                        format!("unknown event action {}", quoted(action)),
                    );
                    if let Some(meant) = nearest(action, ACTIONS) {
                        report.help(format!("did you mean {meant}?"));
                    }
                }
            }
            signature.actions = Some((actions, text.place(line)));
        }
        ["event-action"] => {
            found.error(line, "", "expected an action, or several with | between them");
        }
        ["regex-string", first, ..] => {
            signature.regex = Some((line.rest_from(first).to_owned(), text.place(line)));
        }
        ["service-ports", list] => match ports(list) {
            Some(ports) => signature.ports = ports,
            None => {
                found.error(
                    line,
                    list,
                    format!("expected ports such as 80,8000-8080, found {}", quoted(list)),
                );
            }
        },
        ["direction", "to-service"] => signature.to_service = Some(true),
        ["direction", "from-service"] => signature.to_service = Some(false),
        ["enabled", value] => signature.enabled = *value == "true",
        ["retired", "true"] => signature.enabled = false,
        // Names, ratings, engines and parameters that do not matter here.
        _ => {}
    }
}

/// `80,8000-8080`.
fn ports(list: &str) -> Option<Vec<RangeInclusive<u16>>> {
    list.split(',')
        .map(|part| match part.split_once('-') {
            Some((first, last)) => Some(first.parse().ok()?..=last.parse().ok()?),
            None => part.parse().ok().map(|port| port..=port),
        })
        .collect()
}
