//! What an operator would see, in the forms of `show conn`, `show service-policy`, `show asp drop` and the
//! log.

use std::collections::BTreeMap;

use sim_core::engine::device::Side;

use crate::steps::track::{Connection, Phase};

use super::config::PolicyMap;
use super::policy::Treatment;
use super::syslog::idle;
use super::{Asa, State};

/// Reasons of `show asp drop` with their texts (ASA command reference, show asp drop).
const REASONS: [(&str, &str); 27] = [
    ("acl-drop", "Flow is denied by configured rule"),
    ("bad-tcp-cksum", "Bad TCP checksum"),
    ("conn-limit", "Connection limit reached"),
    ("inspect-dns-invalid-pak", "DNS Inspect invalid packet"),
    ("inspect-dns-pak-too-long", "DNS Inspect packet too long"),
    ("intercept-unexpected", "Intercept unexpected packet"),
    ("nat-no-xlate-to-pat-pool", "Connection to PAT address without pre-existing xlate"),
    ("nat-rpf-failed", "NAT reverse path failed"),
    ("nat-xlate-failed", "NAT failed"),
    ("tcp-ack-syn-diff", "TCP ACK in SYNACK invalid"),
    ("tcp-bad-option-list", "TCP option list invalid"),
    ("tcp-buffer-full", "TCP Out-of-Order packet buffer full"),
    ("tcp-buffer-timeout", "TCP Out-of-Order packet buffer timeout"),
    ("tcp-dup-in-queue", "TCP dup of packet in Out-of-Order queue"),
    ("tcp-invalid-ack", "TCP invalid ACK"),
    ("tcp-mss-exceeded", "TCP data exceeded MSS"),
    ("tcp-not-syn", "First TCP packet not SYN"),
    ("tcp-reserved-set", "TCP reserved flags set"),
    ("tcp-seq-past-win", "TCP packet SEQ past window"),
    ("tcp-seq-syn-diff", "TCP SEQ in SYN/SYNACK invalid"),
    ("tcp-syn-data", "TCP SYN with data"),
    ("tcp-synack-data", "TCP SYNACK with data"),
    ("tcpnorm-rexmit-bad", "TCP bad retransmission"),
    ("tcpnorm-win-variation", "TCP unexpected window size variation"),
    ("ttl-exceeded", "ttl exceeded"),
    ("inspect-fail", "Inspection failure"),
    ("shunned", "Flow shunned"),
];

/// Counters of a tcp-map, in the order and with the labels of `show service-policy`; those of options
/// stand in a block of their own. That there is such a block is recalled, not verified.
const MAP: [&str; 15] = [
    "Retransmission drops",
    "TCP checksum drops",
    "Exceeded MSS drops",
    "SYN with data drops",
    "Invalid ACK drops",
    "SYN-ACK with data drops",
    "Out-of-order (OoO) packets",
    "OoO no buffer drops",
    "OoO buffer timeout drops",
    "SEQ past window drops",
    "Reserved bit cleared",
    "Reserved bit drops",
    "IP TTL modified",
    "Urgent flag cleared",
    "Window varied resets",
];
const OPTIONS: [&str; 5] = [
    "Selective ACK cleared",
    "Timestamp cleared",
    "Window scale cleared",
    "Other options cleared",
    "Other options drops",
];

/// The counters of a tcp-map, by label.
pub(super) type Tally = BTreeMap<&'static str, u64>;

/// The counter of a drop for this `show asp drop` reason.
pub(super) fn counter_of(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "tcpnorm-rexmit-bad" => MAP[0],
        "bad-tcp-cksum" => MAP[1],
        "tcp-mss-exceeded" => MAP[2],
        "tcp-syn-data" => MAP[3],
        "tcp-invalid-ack" => MAP[4],
        "tcp-synack-data" => MAP[5],
        "tcp-buffer-full" => MAP[7],
        "tcp-buffer-timeout" => MAP[8],
        "tcp-seq-past-win" => MAP[9],
        "tcp-reserved-set" => MAP[11],
        "tcpnorm-win-variation" => MAP[14],
        "tcp-bad-option-list" => OPTIONS[4],
        _ => return None,
    })
}

impl Asa {
    /// Counts for the tcp-map that rules a connection, if one does.
    pub(super) fn tally(&mut self, treatment: &Treatment, what: &'static str, n: u64) {
        if let Some(map) = treatment.map
            && n > 0
        {
            *self.tallies.entry(map).or_default().entry(what).or_default() += n;
        }
    }

    /// `show conn`, `show service-policy`, `show asp drop`, `show logging`.
    pub(super) fn show(&self) -> Vec<String> {
        let mut lines = vec!["show conn".to_owned()];
        lines.push(format!("{} in use, {} most used", self.table.len(), self.table.most()));
        lines.extend(self.table.iter().map(|c| self.connection_line(c)));
        if !self.policy.config.services.is_empty() {
            lines.push("show service-policy".to_owned());
            self.show_service_policy(&mut lines);
        }
        lines.extend(self.nat.iter().flat_map(|nat| nat.show()));
        lines.push("show asp drop".to_owned());
        self.show_asp_drop(&mut lines);
        lines.push("show logging".to_owned());
        lines.extend(self.syslog.lines().cloned());
        if self.syslog.left_out() > 0 {
            lines.push(format!("({} more messages are not shown)", self.syslog.left_out()));
        }
        lines
    }

    fn show_asp_drop(&self, lines: &mut Vec<String>) {
        let line = |reason: &str, count: u64| {
            let text =
                REASONS.iter().find(|(name, _)| *name == reason).map_or("", |(_, text)| text);
            let label = format!("  {text} ({reason})");
            format!("{label:<66}{count:>14}")
        };
        let of_flows =
            |reason: &str| matches!(reason, "inspect-ftp" | "inspect-http" | "inspect-sip");
        let frames = self.counters.drops.iter().filter(|(reason, _)| !of_flows(reason));
        lines.push("Frame drop:".to_owned());
        lines.extend(frames.map(|(reason, count)| line(reason, *count)));
        lines.extend([String::new(), "Last clearing: Never".to_owned(), String::new()]);
        lines.push("Flow drop:".to_owned());
        if self.counters.failed_inspections > 0 {
            lines.push(line("inspect-fail", self.counters.failed_inspections));
        }
        lines.extend([String::new(), "Last clearing: Never".to_owned()]);
    }

    fn show_service_policy(&self, lines: &mut Vec<String>) {
        for service in &self.policy.config.services {
            let Some(map) = self.policy.config.policy_map(&service.policy) else { continue };
            lines.push(match &service.interface {
                None => "Global policy:".to_owned(),
                Some(interface) => format!("Interface {interface}:"),
            });
            lines.push(format!("  Service-policy: {}", map.name));
            self.show_classes(map, lines);
        }
    }

    fn show_classes(&self, map: &PolicyMap, lines: &mut Vec<String>) {
        use super::config::Advanced;
        let config = &self.policy.config;
        for class in &map.classes {
            lines.push(format!("    Class-map: {}", class.name));
            for inspect in &class.inspections {
                let seen = self.inspected.get(&inspect.place.line).copied().unwrap_or_default();
                let name = inspect.map.as_deref().map_or(String::new(), |map| format!(" {map}"));
                lines.push(format!(
                    "      Inspect: {}{name}, packet {}, lock fail 0, drop {}, reset-drop {}",
                    inspect.protocol, seen.packets, seen.drops, seen.resets
                ));
            }
            match &class.connection.advanced {
                Some((Advanced::StateBypass, _)) => {
                    lines
                        .push("      Set connection advanced-options: tcp-state-bypass".to_owned());
                }
                Some((Advanced::TcpMap(name), _)) => {
                    lines.push(format!("      Set connection advanced-options: {name}"));
                    let at = config.tcp_maps.iter().position(|m| m.name == *name);
                    let none = Tally::new();
                    let tally = at.and_then(|at| self.tallies.get(&at)).unwrap_or(&none);
                    counters(&MAP, tally, 8, lines);
                    lines.push("        TCP-options:".to_owned());
                    counters(&OPTIONS, tally, 10, lines);
                }
                None => {}
            }
        }
    }

    fn connection_line(&self, connection: &Connection<State>) -> String {
        let ([inside, outside], from) =
            self.syslog.seen(&self.policy.interfaces, connection.state.opened_from);
        let opened = connection.opened;
        let (near, far) = match from {
            Side::Inside => (opened.src, opened.dst),
            Side::Outside => (opened.dst, opened.src),
        };
        let bypass = if connection.state.treatment.bypass.is_some() { "b" } else { "" };
        let from_outside = if from == Side::Outside { "B" } else { "" };
        let flags = match connection.phase {
            Phase::SynSent if from_outside.is_empty() => "saA",
            Phase::SynSent => "SaAB",
            Phase::SynReceived if from_outside.is_empty() => "aA",
            Phase::SynReceived => "aB",
            Phase::Established => "UIO",
            Phase::HalfClosed | Phase::Closed => "UfIO",
        };
        let flags = match connection.phase {
            Phase::SynSent | Phase::SynReceived => flags.to_owned(),
            _ => format!("{flags}{from_outside}"),
        };
        format!(
            "TCP {outside} {}:{} {inside} {}:{}, idle {}, bytes {}, flags {flags}{bypass}",
            far.ip(),
            far.port(),
            near.ip(),
            near.port(),
            idle(self.now, connection.last),
            connection.ends.iter().map(|e| e.bytes).sum::<u64>(),
        )
    }
}

/// Two to a line, as the device prints them.
fn counters(labels: &[&str], tally: &Tally, indent: usize, lines: &mut Vec<String>) {
    let blank = " ".repeat(indent);
    for pair in labels.chunks(2) {
        let cells: Vec<String> = pair
            .iter()
            .map(|label| format!("{label:<26}: {:<10}", tally.get(label).copied().unwrap_or(0)))
            .collect();
        lines.push(format!("{blank}{}", cells.join(" ")).trim_end().to_owned());
    }
}
