//! A line that says what is going on, on a terminal, when it takes more than two seconds.

use std::io::{self, IsTerminal};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

/// Work that ends sooner says nothing.
const PATIENCE: Duration = Duration::from_secs(2);
const TICK: Duration = Duration::from_millis(100);

/// Shows what is going on until it is dropped.
pub(crate) struct Progress {
    shown: Option<(Sender<Doing>, JoinHandle<()>)>,
}

/// What is going on.
struct Doing {
    message: String,
    /// Since when and how long at most, for what the wall clock ends.
    within: Option<(Instant, Duration)>,
}

impl Doing {
    fn text(&self) -> String {
        match self.within {
            None => self.message.clone(),
            Some((since, longest)) => format!(
                "{}: {} s of at most {} s",
                self.message,
                since.elapsed().as_secs(),
                longest.as_secs()
            ),
        }
    }
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
        let (sender, messages) = mpsc::channel::<Doing>();
        let drawer = std::thread::spawn(move || {
            let mut current = None;
            let mut patience = PATIENCE;
            let mut bar: Option<ProgressBar> = None;
            loop {
                match messages.recv_timeout(patience) {
                    Ok(doing) => current = Some(doing),
                    Err(RecvTimeoutError::Timeout) => {
                        patience = TICK;
                        let bar = bar.get_or_insert_with(ProgressBar::new_spinner);
                        bar.set_message(current.as_ref().map(Doing::text).unwrap_or_default());
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
        self.show(Doing { message, within: None });
    }

    /// What is going on from now on, for so long at most.
    #[expect(clippy::disallowed_methods, reason = "the wall clock ends what this is said of")]
    pub(crate) fn say_within(&self, message: String, longest: Duration) {
        self.show(Doing { message, within: Some((Instant::now(), longest)) });
    }

    fn show(&self, doing: Doing) {
        if let Some((sender, _)) = &self.shown {
            // The drawer ends only when this sender does.
            let _ = sender.send(doing);
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
