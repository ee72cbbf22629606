//! The MPTCP connection: keys, data sequence mapping, path managers, schedulers, fallback.

pub mod config;
