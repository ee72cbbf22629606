//! The discrete-event engine and the contract of everything that it drives.

pub mod device;
pub mod link;
