//! The probe suite: short connections, each about one thing, which show what a device does to every kind
//! of handshake, option and segment. What came of them is kept in golden files and held against a model
//! after it was changed.
//!
//! - [`suite`](mod@suite) has the probes, [`dialogue`] writes them;
//! - [`outcome`] passes them through a device and says what came of each packet;
//! - [`golden`] keeps that in a file, and compares.

pub mod dialogue;
pub mod golden;
pub mod outcome;
pub mod suite;

pub use dialogue::Probe;
pub use outcome::{Came, come};
pub use suite::suite;
