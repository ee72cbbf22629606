//! What an operator would see.

use sim_core::engine::device::Side;

use crate::steps::track::{Connection, Phase};

use super::{Asa, State};

/// Reasons of `show asp drop` with their texts (ASA command reference, show asp drop).
const REASONS: [(&str, &str); 14] = [
    ("acl-drop", "Flow is denied by configured rule"),
    ("bad-tcp-cksum", "Bad TCP checksum"),
    ("conn-limit", "Connection limit reached"),
    ("tcp-ack-syn-diff", "TCP ACK in SYNACK invalid"),
    ("tcp-bad-option-list", "TCP option list invalid"),
    ("tcp-intercept", "TCP intercept, unexpected packet"),
    ("tcp-invalid-ack", "TCP invalid ACK"),
    ("tcp-mss-exceeded", "TCP data exceeded MSS"),
    ("tcp-not-syn", "First TCP packet not SYN"),
    ("tcp-reserved-set", "TCP reserved flags set"),
    ("tcp-seq-past-win", "TCP packet SEQ past window"),
    ("tcp-seq-syn-diff", "TCP SEQ in SYN/SYNACK invalid"),
    ("tcp-syn-data", "TCP SYN with data"),
    ("tcp-synack-data", "TCP SYNACK with data"),
];

impl Asa {
    /// `show conn` and `show asp drop`.
    pub(super) fn show(&self) -> Vec<String> {
        let mut lines = vec!["show conn".to_owned()];
        lines.push(format!("{} in use, {} most used", self.table.len(), self.table.most()));
        lines.extend(self.table.iter().map(|c| self.connection_line(c)));
        lines.push("show asp drop".to_owned());
        lines.push("Frame drop:".to_owned());
        for (reason, count) in &self.counters.drops {
            let text = REASONS.iter().find(|(name, _)| name == reason).map_or("", |(_, text)| text);
            let label = format!("  {text} ({reason})");
            lines.push(format!("{label:<56} {count:>12}"));
        }
        lines
    }

    fn connection_line(&self, connection: &Connection<State>) -> String {
        let [inside, outside] = &self.policy.interfaces;
        let opened = connection.opened;
        let (near, far) = match connection.state.opened_from {
            Side::Inside => (opened.src, opened.dst),
            Side::Outside => (opened.dst, opened.src),
        };
        let bypass = if connection.state.treatment.bypass.is_some() { "b" } else { "" };
        let flags = match connection.phase {
            Phase::SynSent => "saA",
            Phase::SynReceived => "aA",
            Phase::Established | Phase::HalfClosed | Phase::Closed => "UIO",
        };
        format!(
            "TCP {outside} {}:{} {inside} {}:{}, idle 0:00:00, bytes {}, flags {flags}{bypass}",
            far.ip(),
            far.port(),
            near.ip(),
            near.port(),
            connection.ends.iter().map(|e| e.bytes).sum::<u64>(),
        )
    }
}
