//! A line that says what is going on, on a terminal, when it takes more than two seconds.

use std::io::{self, IsTerminal};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::ProgressBar;

/// Work that ends sooner says nothing.
const PATIENCE: Duration = Duration::from_secs(2);
const TICK: Duration = Duration::from_millis(100);

/// Shows what is going on until it is dropped.
pub(crate) struct Progress {
    shown: Option<(Sender<String>, JoinHandle<()>)>,
}

impl Progress {
    /// Nothing is shown yet, and never when standard error is no terminal.
    #[expect(
        clippy::disallowed_methods,
        reason = "the simulation holds this thread; only a second one can draw"
    )]
    pub(crate) fn start() -> Self {
        if !io::stderr().is_terminal() {
            return Self { shown: None };
        }
        let (sender, messages) = mpsc::channel::<String>();
        let drawer = std::thread::spawn(move || {
            let mut current = String::new();
            let mut patience = PATIENCE;
            let mut bar: Option<ProgressBar> = None;
            loop {
                match messages.recv_timeout(patience) {
                    Ok(message) => current = message,
                    Err(RecvTimeoutError::Timeout) => {
                        patience = TICK;
                        let bar = bar.get_or_insert_with(ProgressBar::new_spinner);
                        bar.set_message(current.clone());
                        bar.tick();
                    }
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
            if let Some(bar) = bar {
                bar.finish_and_clear();
            }
        });
        Self { shown: Some((sender, drawer)) }
    }

    /// What is going on now.
    pub(crate) fn say(&self, message: String) {
        if let Some((sender, _)) = &self.shown {
            // The drawer ends only when this sender does.
            let _ = sender.send(message);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((sender, drawer)) = self.shown.take() {
            drop(sender);
            // A drawer that panicked has drawn its last; nothing depends on it.
            let _ = drawer.join();
        }
    }
}
