//! The heart of option30: a deterministic discrete-event engine, byte-exact TCP and MPTCP
//! endpoints, and the record of what happened.
//!
//! This crate knows no product, no file format and no chart. Nothing in it reads a clock, opens a
//! socket or a file, or starts a thread: time and randomness are arguments.
//!
//! - [`time`], [`units`], [`rng`], [`suggest`]: integer nanoseconds, rates and sizes, seeded random
//!   streams, the nearest known word.
//! - [`wire`]: IPv4, IPv6, TCP and the options of both MPTCP versions, exact to the byte.
//! - [`engine`]: event queue, world, nodes, links, queues and impairments; the [`engine::device::Device`]
//!   trait that every model implements.
//! - [`tcp`]: one subflow: handshake, sender, receiver, RTT estimation, congestion control.
//! - [`mptcp`]: the connection: keys, data sequence mapping, path managers, schedulers, fallback.
//! - [`app`]: what writes to and reads from a connection.
//! - [`record`]: everything that happened, signed by who did it; verdicts are read from it.

pub mod app;
pub mod engine;
pub mod mptcp;
pub mod record;
pub mod rng;
pub mod suggest;
pub mod tcp;
pub mod time;
pub mod units;
pub mod wire;
