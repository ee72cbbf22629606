//! What writes to and reads from a connection.

pub mod marks;
mod script;
pub mod source;

pub use script::Script;

use std::sync::Arc;

use crate::record::story::End;
use crate::time::SimDuration;
use crate::units::{BitRate, ByteSize};

/// What the two applications of a connection do. The client is the host that opens it.
#[derive(Clone, Debug, PartialEq)]
pub enum AppConfig {
    /// The client writes as much as the connection takes: `bytes` in all, or until `duration` has
    /// passed since the connection was opened; then it closes.
    Bulk {
        /// Total.
        bytes: Option<ByteSize>,
        /// Time limit.
        duration: Option<SimDuration>,
        /// True: the server writes and the client reads.
        download: bool,
    },
    /// The client writes at a constant rate for `duration` from the opening on; then it closes.
    /// What the connection does not take at once waits in the application and is not lost.
    Stream {
        /// Rate of the writes.
        rate: BitRate,
        /// How long.
        duration: SimDuration,
        /// True: the server writes and the client reads.
        download: bool,
    },
    /// The client sends `request` bytes, the server answers with `response` bytes; the next request
    /// follows `pause` after the response has been read; `count` times; then the client closes.
    RequestResponse {
        /// Size of a request.
        request: ByteSize,
        /// Size of a response.
        response: ByteSize,
        /// Number of exchanges.
        count: u32,
        /// Think time between.
        pause: SimDuration,
    },
    /// The client sends a header, waits, sends `up` bytes and closes its direction; when the server has
    /// read to that end it sends `down` bytes and closes (the work of the kernel measurements).
    UpThenDown {
        /// Bytes up, after the header.
        up: ByteSize,
        /// Bytes down.
        down: ByteSize,
        /// Bytes of the header; 0: none.
        header: ByteSize,
        /// Time between the opening and the header.
        idle: SimDuration,
        /// Time between the header and the rest.
        pause: SimDuration,
        /// Both directions at once: the server does not wait.
        duplex: bool,
        /// With `duplex`: bytes of the server's own header, before `down`.
        down_header: ByteSize,
        /// Time between that header and what follows.
        down_pause: SimDuration,
    },
    /// The two speak in turns, each turn once everything before it was read; then the client closes.
    /// What is written is these very bytes.
    Dialogue {
        /// The turns, in order.
        turns: Arc<[Turn]>,
    },
}

/// One turn of a dialogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Somebody speaks.
    Says {
        /// Who.
        by: End,
        /// What.
        text: Arc<[u8]>,
    },
    /// Whoever speaks next waits so long before it.
    Pause(SimDuration),
}
