//! The user's wish to end: SIGINT and SIGTERM.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

use crate::error::{Doing, LiveError};

/// The signal that came; 0: none.
static CAME: AtomicI32 = AtomicI32::new(0);

/// From now on SIGINT and SIGTERM set what is returned, for [`crate::run`] to see; the second one ends the
/// process as it would have without (the system then removes what the run had made).
///
/// # Errors
/// The system refuses.
pub fn interrupted() -> Result<Arc<AtomicBool>, LiveError> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // SAFETY: a store into an atomic is async-signal-safe.
        #[allow(unsafe_code)]
        let remember = || unsafe {
            low_level::register(signal, move || CAME.store(signal, Ordering::Relaxed))
        };
        flag::register_conditional_default(signal, Arc::clone(&interrupted))
            .and_then(|_| remember())
            .and_then(|_| flag::register(signal, Arc::clone(&interrupted)))
            .doing(|| "watch for signals".into())?;
    }
    Ok(interrupted)
}

/// Ends the process as the signal would have that came: who started it, a shell in a loop for one, sees that it
/// was interrupted. Returns where none came.
pub fn end_as_interrupted() {
    let signal = CAME.load(Ordering::Relaxed);
    if signal != 0 {
        let _ = low_level::emulate_default_handler(signal);
    }
}
