//! The log of a router: lines as its console shows them, stamped with the time since its start
//! (`service timestamps log uptime`).

use std::collections::VecDeque;

use sim_core::time::SimTime;

/// Lines that are kept; the oldest go first, as in `logging buffered`.
const LINES_MAX: usize = 1000;

/// The newest messages.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    lines: VecDeque<String>,
}

impl Log {
    /// Adds a message: `%FW-6-SESS_AUDIT_TRAIL: …`.
    pub(crate) fn say(&mut self, now: SimTime, id: &str, text: impl AsRef<str>) {
        if self.lines.len() == LINES_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(format!("{}: %{id}: {}", clock(now), text.as_ref()));
    }

    /// `show logging`.
    pub(crate) fn show(&self) -> Vec<String> {
        if self.lines.is_empty() {
            return Vec::new();
        }
        let heading = std::iter::once("show logging".to_owned());
        heading.chain(self.lines.iter().cloned()).collect()
    }
}

/// Hours, minutes and seconds: `00:01:05`.
pub(crate) fn clock(time: SimTime) -> String {
    let seconds = time.as_nanos() / 1_000_000_000;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
