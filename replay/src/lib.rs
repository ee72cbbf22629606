//! What a device model does to packets that were captured or written down, without a world around it.
//!
//! - [`Trace`] reads a capture; [`connections`] tells its connections apart;
//! - [`passing`] passes packets through a model, and takes the place of the ends that would follow
//!   what the model does to numbers and addresses;
//! - [`replay_trace`] does so with one capture and says what became of each connection;
//! - [`crossing`] takes the captures of both sides of a real box together, [`align`] finds the packets of
//!   one side among those of the other, [`conform`] holds a model against them, and [`fit`] looks for
//!   rules that explain the box;
//! - [`probe`] has the probe suite, and keeps what comes of it in golden files;
//! - [`difference`] says what two packets differ in, field by field and option by option.

pub mod align;
pub mod conform;
pub mod connections;
pub mod crossing;
pub mod difference;
pub mod fit;
pub mod missed;
mod pairing;
pub mod passing;
pub mod probe;
pub mod replay;
pub mod trace;
pub mod view;

pub use replay::{Replayed, replay_trace};
pub use trace::Trace;
