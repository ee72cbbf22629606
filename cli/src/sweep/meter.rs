//! How far a sweep is: runs, rate, time left. A bar on a terminal, a line now and then elsewhere.

use std::io::{self, IsTerminal};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Lines for those who read a log.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Counts runs.
pub(super) struct Meter {
    bar: ProgressBar,
    failed: AtomicU64,
    log: Option<Mutex<Instant>>,
    started: Instant,
}

impl Meter {
    /// None of so many yet.
    pub(super) fn start(runs: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(runs), ProgressDrawTarget::stderr());
        let style = "{bar:30} {human_pos} of {human_len} runs  {per_sec}  {eta} left {msg}";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        let started = now();
        let log = (!io::stderr().is_terminal()).then(|| Mutex::new(started));
        Self { bar, failed: AtomicU64::new(0), log, started }
    }

    /// Moves to so many.
    pub(super) fn set(&self, runs: u64) {
        self.bar.set_position(runs);
        self.log_line();
    }

    /// Words behind the bar.
    pub(super) fn say(&self, words: String) {
        self.bar.set_message(words);
    }

    /// One more.
    pub(super) fn done(&self, failed: bool) {
        if failed {
            let failed = self.failed.fetch_add(1, Ordering::Relaxed) + 1;
            self.bar.set_message(format!(" {failed} without a result"));
        }
        self.bar.inc(1);
        self.log_line();
    }

    fn log_line(&self) {
        let Some(last) = &self.log else { return };
        let Ok(mut last) = last.try_lock() else { return };
        if last.elapsed() >= LINE_EVERY {
            *last = now();
            let (done, all) = (self.bar.position(), self.bar.length().unwrap_or(0));
            let rate = done as f64 / self.started.elapsed().as_secs_f64();
            let left = all.saturating_sub(done) as f64 / rate.max(1e-9);
            anstream::eprintln!("{done} of {all} runs, {rate:.0}/s, {left:.0} s left");
        }
    }

    /// All are done; a log is told how long it took.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
        let (done, seconds) = (self.bar.position(), self.started.elapsed().as_secs_f64());
        let rate = done as f64 / seconds.max(1e-9);
        anstream::eprintln!("{done} runs in {seconds:.1} s, {rate:.0}/s");
    }
}

#[expect(clippy::disallowed_methods, reason = "how long the user waits is told by the wall clock")]
pub(super) fn now() -> Instant {
    Instant::now()
}
