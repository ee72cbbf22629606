//! `show ip inspect sessions` and `show ip inspect statistics`.

use crate::steps::track::{Connection, Phase};

use super::{Cbac, Session};

/// Tells sessions of one heading.
type Holds = fn(Phase) -> bool;

/// Sessions of a phase, as IOS heads them.
pub(crate) const HEADINGS: [(&str, Holds); 3] = [
    ("Established Sessions", |phase| matches!(phase, Phase::Established)),
    ("Half-open Sessions", |phase| phase < Phase::Established),
    ("Terminating Sessions", |phase| phase > Phase::Established),
];

/// `[estab:half-open:terminating]`.
pub(crate) fn counts(phases: impl Iterator<Item = Phase>) -> String {
    let mut counts = [0u32; 3];
    for phase in phases {
        for (count, (_, holds)) in counts.iter_mut().zip(HEADINGS) {
            *count += u32::from(holds(phase));
        }
    }
    let [open, half, ending] = counts;
    format!("[{open}:{half}:{ending}]")
}

impl Cbac {
    pub(super) fn sessions(&self) -> Vec<String> {
        let mut shown = vec!["show ip inspect sessions".to_owned()];
        for (title, holds) in HEADINGS {
            let mut sessions = self.table.iter().filter(|c| holds(c.phase)).peekable();
            if sessions.peek().is_some() {
                shown.push(title.to_owned());
                shown.extend(sessions.map(line));
            }
        }
        let counts = counts(self.table.iter().map(|c| c.phase));
        shown.push("show ip inspect statistics".to_owned());
        shown.push(format!(
            "Session creations since subsystem startup or last reset {}",
            self.created
        ));
        shown.push(format!("Current session counts (estab/half-open/terminating) {counts}"));
        shown.push(format!(
            "Maxever session counts (estab/half-open/terminating) [{}:{}:{}]",
            self.table.most(),
            self.most_half_open,
            self.most_ending
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
