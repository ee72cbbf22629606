//! Two runs side by side, differences first.
//!
//! Both sides are read from what a results folder holds ([`side`]: `summary.json` and `series.csv`),
//! whether it stands on disk or was just made: a comparison can say no more than the files do.
//! [`difference`] says what differs, [`text`] prints it, [`chart`] draws both deliveries.

pub mod chart;
mod difference;
#[cfg(test)]
mod golden;
mod side;
mod text;

pub use difference::{Comparison, Matter, Pair, Value};
pub use side::{ReadError, Side};
pub use text::render;
