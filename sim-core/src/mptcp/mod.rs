//! The MPTCP connection: keys, data sequence mapping, path managers, schedulers, fallback.
//!
//! An [`endpoint::Endpoint`] is one end of a connection. It knows neither the engine nor a clock:
//! packets and the time come in, packets and records go out ([`endpoint::Io`]), and
//! [`endpoint::Endpoint::deadline`] says when it wants to be called again. Plain TCP is a connection
//! with one subflow that never offers MPTCP.
//!
//! Positions in the data stream are `u64` offsets: the byte at offset 0 has the data sequence number
//! IDSN + 1.

mod closing;
pub mod config;
pub mod counters;
mod data_receive;
mod data_send;
pub mod endpoint;
mod fragments;
pub mod handshake;
pub mod keepalive;
pub mod output;
mod path_manager;
pub mod path_mtu;
mod receive_window;
mod scheduler;
mod segment;
mod send_queue;
pub mod small_segments;
pub mod stack;
mod steady;
pub mod subflow;
pub mod unmapped;
mod waiting;
