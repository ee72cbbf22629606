//! `show ip inspect sessions` and `show ip inspect statistics`.

use crate::steps::track::{Connection, Phase};

use super::{Cbac, Session};

impl Cbac {
    pub(super) fn sessions(&self, open: usize, half: usize) -> Vec<String> {
        let (full, opening): (Vec<_>, Vec<_>) =
            self.table.iter().partition(|c| c.phase >= Phase::Established);
        let mut shown = vec!["show ip inspect sessions".to_owned()];
        for (title, sessions) in [("Established Sessions", full), ("Half-open Sessions", opening)] {
            if !sessions.is_empty() {
                shown.push(title.to_owned());
                shown.extend(sessions.into_iter().map(line));
            }
        }
        shown.push("show ip inspect statistics".to_owned());
        shown.push(format!(
            "Session creations since subsystem startup or last reset {}",
            self.created
        ));
        shown.push(format!(
            "Current session counts (estab/half-open/terminating) [{open}:{half}:0]"
        ));
        shown.push(format!(
            "Maxever session counts (estab/half-open/terminating) [{}:{}:0]",
            self.table.most(),
            self.most_half_open
        ));
        shown
    }
}

fn line(c: &Connection<Session>) -> String {
    format!(
        " Session {} ({})=>({}) {} {}",
        handle(c.state.number),
        c.opened.src,
        c.opened.dst,
        c.state.protocol,
        state(c.phase)
    )
}

/// The address of a session's record, as IOS prints it.
pub(crate) fn handle(number: u64) -> String {
    format!("{:08X}", 0x6500_0000 + (number & 0xffff) * 0x2ac)
}

/// The state of a session, in IOS's words.
pub(crate) const fn state(phase: Phase) -> &'static str {
    match phase {
        Phase::SynSent | Phase::SynReceived => "SIS_OPENING",
        Phase::Established => "SIS_OPEN",
        Phase::HalfClosed | Phase::Closed => "SIS_CLOSING",
    }
}
