//! The user's wish to end: SIGINT and SIGTERM.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::error::{Doing, LiveError};

/// From now on SIGINT and SIGTERM set what is returned, for [`crate::run`] to see; the second one ends the
/// process as it would have without (the system then removes what the run had made).
///
/// # Errors
/// The system refuses.
pub fn interrupted() -> Result<Arc<AtomicBool>, LiveError> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register_conditional_default(signal, Arc::clone(&interrupted))
            .and_then(|_| flag::register(signal, Arc::clone(&interrupted)))
            .doing(|| "watch for signals".into())?;
    }
    Ok(interrupted)
}
