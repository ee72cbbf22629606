//! Boxes of other makers that stand beside Cisco's, as far as their documents say what they do to
//! TCP options.

pub(crate) mod audit;
pub(crate) mod linux;
pub(crate) mod panos;
pub(crate) mod snort;
