//! How news gets from the hosts' threads to the one that carries packets.
//!
//! A channel without locks would do harm here. Such a channel waits for a sender that was interrupted in the
//! middle of a message by yielding to it (std's `mpsc` does), and a real-time thread yields to none of lower
//! priority: the thread that carries packets would keep the processor for ever from the very host that it
//! waits for. With a lock it sleeps, and the host goes on.

use std::sync::{Arc, Mutex, PoisonError};

use super::News;

/// Letters in order of posting; all copies are the same box.
#[derive(Clone, Debug, Default)]
pub(crate) struct Letterbox {
    letters: Arc<Mutex<Vec<News>>>,
}

impl Letterbox {
    /// Posts news.
    pub(crate) fn send(&self, news: News) {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner).push(news);
    }

    /// Empties the box.
    pub(crate) fn take(&self) -> Vec<News> {
        std::mem::take(&mut self.letters.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
