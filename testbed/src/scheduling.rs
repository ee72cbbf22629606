//! When threads run: packets must not wait for whatever else the machine does.

// Calls of the system that no library wraps, each with its proof.
#![allow(unsafe_code)]

/// Priority among the real-time threads of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Priority {
    /// An application of the scenario.
    Host = 1,
    /// The thread that carries packets.
    Wire = 2,
}

/// The calling thread runs before all that is not real-time (SCHED_FIFO), where the user may ask for that
/// (root, or RLIMIT_RTPRIO); else as before. Programs that it starts run as usual.
pub(crate) fn prefer(priority: Priority) {
    // SAFETY: `sched_param` is a C structure of integers: all zeros is a valid value.
    let mut parameters: libc::sched_param = unsafe { std::mem::zeroed() };
    parameters.sched_priority = priority as libc::c_int;
    let policy = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
    // SAFETY: 0 is the calling thread, and `parameters` is initialised and outlives the call. A refusal
    // changes nothing.
    let _ = unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) };
}

/// The calling thread runs only where nothing else wants to (SCHED_IDLE); false where the system refuses.
#[must_use]
pub(crate) fn yield_to_all() -> bool {
    // SAFETY: as in `prefer`; SCHED_IDLE wants priority 0.
    let parameters: libc::sched_param = unsafe { std::mem::zeroed() };
    // SAFETY: as in `prefer`.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const parameters) == 0 }
}
