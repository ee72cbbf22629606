//! A request to the kernel that processors without work wait in a loop instead of halting (PM QoS, the kernel's
//! Documentation/power/pm_qos_interface.rst). It holds as long as its file is open, so no end of a process, however
//! sudden, leaves it behind.

use std::fs::{File, OpenOptions, read_to_string};
use std::io::Write;

const DEVICE: &str = "/dev/cpu_dma_latency";
/// What a processor does first when it has no work.
const FIRST_STATE: &str = "/sys/devices/system/cpu/cpu0/cpuidle/state0/name";
/// Microseconds that waking up may take: none, and as long as it likes (the kernel's default).
const AT_ONCE: i32 = 0;
const WHENEVER: i32 = 2_000_000_000;

/// The request.
#[derive(Debug)]
pub(crate) struct IdlePolling {
    device: File,
    asked: bool,
}

impl IdlePolling {
    /// None where the kernel cannot do that, or this process may not ask for it.
    pub(crate) fn open() -> Option<Self> {
        let name = read_to_string(FIRST_STATE).ok()?;
        let device = OpenOptions::new().write(true).open(DEVICE).ok()?;
        let mut polling = Self { device, asked: true };
        polling.ask(false);
        (name.trim() == "POLL").then_some(polling)
    }

    /// Asks for it, or no longer.
    pub(crate) fn ask(&mut self, wanted: bool) {
        if wanted != self.asked {
            let latency = if wanted { AT_ONCE } else { WHENEVER };
            // Latency is better with it, that is all: a refusal is no error.
            let _ = self.device.write_all(&latency.to_ne_bytes());
            self.asked = wanted;
        }
    }

    /// Whether it is asked for.
    #[cfg(test)]
    pub(crate) const fn is_asked(&self) -> bool {
        self.asked
    }
}
