//! The connections of a scenario.

use serde::Deserialize;
use sim_core::app::{self, AppConfig};
use sim_core::record::story::End;
use sim_core::time::SimDuration;
use sim_core::units::{BitRate, ByteSize};

/// Port that is called where the scenario says none. What is sent is no protocol's, so it is not sent to
/// a protocol's port: Wireshark would take it for a broken one.
const DEFAULT_PORT: u16 = 5001;

/// One connection and what its applications do.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Traffic {
    /// As much as the connection takes.
    Bulk {
        /// Name, for expectations and results.
        name: String,
        /// Host that opens the connection.
        from: String,
        /// Host that is called.
        to: String,
        /// When it is opened; none: at the start.
        #[serde(default)]
        start: Option<SimDuration>,
        /// Port that is called; none: 5001.
        #[serde(default)]
        port: Option<u16>,
        /// Who sends; none: `Up`.
        #[serde(default)]
        direction: Direction,
        /// How much in all.
        #[serde(default)]
        bytes: Option<ByteSize>,
        /// For how long.
        #[serde(default)]
        duration: Option<SimDuration>,
    },
    /// A constant rate.
    Stream {
        /// Name, for expectations and results.
        name: String,
        /// Host that opens the connection.
        from: String,
        /// Host that is called.
        to: String,
        /// When it is opened; none: at the start.
        #[serde(default)]
        start: Option<SimDuration>,
        /// Port that is called; none: 5001.
        #[serde(default)]
        port: Option<u16>,
        /// Who sends; none: `Up`.
        #[serde(default)]
        direction: Direction,
        /// Rate of the writes.
        rate: BitRate,
        /// For how long.
        duration: SimDuration,
    },
    /// Requests and responses in turn.
    RequestResponse {
        /// Name, for expectations and results.
        name: String,
        /// Host that opens the connection and asks.
        from: String,
        /// Host that is called and answers.
        to: String,
        /// When it is opened; none: at the start.
        #[serde(default)]
        start: Option<SimDuration>,
        /// Port that is called; none: 5001.
        #[serde(default)]
        port: Option<u16>,
        /// Size of a request.
        request: ByteSize,
        /// Size of a response.
        response: ByteSize,
        /// Number of exchanges.
        count: u32,
        /// Time from a response to the next request; none: 0.
        #[serde(default)]
        pause: Option<SimDuration>,
    },
    /// A transfer up, then one down.
    UpThenDown {
        /// Name, for expectations and results.
        name: String,
        /// Host that opens the connection and sends first.
        from: String,
        /// Host that is called.
        to: String,
        /// When it is opened; none: at the start.
        #[serde(default)]
        start: Option<SimDuration>,
        /// Port that is called; none: 5001.
        #[serde(default)]
        port: Option<u16>,
        /// Bytes up.
        up: ByteSize,
        /// Bytes down.
        down: ByteSize,
        /// Bytes sent before `up`, as a header; none: 0.
        #[serde(default)]
        header: Option<ByteSize>,
        /// Time between the opening and the first byte; none: 0 s.
        #[serde(default)]
        idle: Option<SimDuration>,
        /// Time between the header and the rest; none: 0 s.
        #[serde(default)]
        pause: Option<SimDuration>,
        /// Both directions at once; none: false.
        #[serde(default)]
        duplex: Option<bool>,
        /// With `duplex`: bytes that the called end sends before `down`, as its header; none: 0.
        #[serde(default)]
        down_header: Option<ByteSize>,
        /// Time between that header and what follows; none: 0 s.
        #[serde(default)]
        down_pause: Option<SimDuration>,
    },
    /// The two speak in turns, and what they say is these very bytes: a protocol that a device reads.
    Dialogue {
        /// Name, for expectations and results.
        name: String,
        /// Host that opens the connection.
        from: String,
        /// Host that is called.
        to: String,
        /// When it is opened; none: at the start.
        #[serde(default)]
        start: Option<SimDuration>,
        /// Port that is called; none: 5001.
        #[serde(default)]
        port: Option<u16>,
        /// What is said, in order; each turn waits for those before it.
        turns: Vec<Turn>,
    },
    /// A program of the user's, run unmodified in a host; live runs only.
    Command(Command),
}

/// A program that is run in a host of a live run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// Name; none: the program's.
    #[serde(default)]
    pub name: Option<String>,
    /// Where it runs.
    pub host: String,
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// When it is started; none: at the start.
    #[serde(default)]
    pub start: Option<SimDuration>,
    /// The run does not wait for its end, but ends it: for servers; none: false.
    #[serde(default)]
    pub background: bool,
    /// Its TCP sockets become MPTCP sockets, by `mptcpize`; none: true, unless the host is `TcpOnly`.
    #[serde(default)]
    pub mptcpize: Option<bool>,
}

/// One turn of a dialogue.
#[derive(Clone, Debug, Deserialize)]
pub enum Turn {
    /// The host that opened the connection says this.
    Client(String),
    /// The host that was called says this.
    Server(String),
    /// The host that opened the connection says so many times the letter x.
    ClientFill(ByteSize),
    /// The host that was called says so many times the letter x.
    ServerFill(ByteSize),
    /// Whoever speaks next waits so long: what was said before has gone out by itself.
    Pause(SimDuration),
}

impl Turn {
    fn said(&self) -> app::Turn {
        let says = |by, text| app::Turn::Says { by, text };
        let fill = |size: ByteSize| vec![b'x'; size.0 as usize].into();
        match self {
            Self::Client(text) => says(End::Client, text.as_bytes().into()),
            Self::Server(text) => says(End::Server, text.as_bytes().into()),
            Self::ClientFill(size) => says(End::Client, fill(*size)),
            Self::ServerFill(size) => says(End::Server, fill(*size)),
            Self::Pause(pause) => app::Turn::Pause(*pause),
        }
    }

    /// Its length in bytes.
    #[must_use]
    pub const fn len(&self) -> u64 {
        match self {
            Self::Client(text) | Self::Server(text) => text.len() as u64,
            Self::ClientFill(size) | Self::ServerFill(size) => size.0,
            Self::Pause(_) => 0,
        }
    }

    /// True when nothing is said.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Longest dialogue, in bytes: it is kept in memory.
pub const DIALOGUE_MAX: u64 = 64 << 20;

/// Who sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Direction {
    /// The host that opened the connection.
    #[default]
    Up,
    /// The host that was called.
    Down,
}

impl Traffic {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Bulk { name, .. }
            | Self::Stream { name, .. }
            | Self::RequestResponse { name, .. }
            | Self::UpThenDown { name, .. }
            | Self::Dialogue { name, .. } => name,
            Self::Command(Command { name, argv, .. }) => {
                name.as_deref().or(argv.first().map(String::as_str)).unwrap_or_default()
            }
        }
    }

    /// The program, if it is one.
    #[must_use]
    pub fn command(&self) -> Option<&Command> {
        match self {
            Self::Command(command) => Some(command),
            _ => None,
        }
    }

    /// The host that opens the connection, and the one that is called; of a program, its host.
    #[must_use]
    pub fn ends(&self) -> (&str, &str) {
        match self {
            Self::Bulk { from, to, .. }
            | Self::Stream { from, to, .. }
            | Self::RequestResponse { from, to, .. }
            | Self::UpThenDown { from, to, .. }
            | Self::Dialogue { from, to, .. } => (from, to),
            Self::Command(Command { host, .. }) => (host, host),
        }
    }

    /// When the connection is opened.
    #[must_use]
    pub fn start(&self) -> SimDuration {
        match self {
            Self::Bulk { start, .. }
            | Self::Stream { start, .. }
            | Self::RequestResponse { start, .. }
            | Self::UpThenDown { start, .. }
            | Self::Dialogue { start, .. }
            | Self::Command(Command { start, .. }) => start.unwrap_or(SimDuration::ZERO),
        }
    }

    /// The port that is called.
    #[must_use]
    pub fn port(&self) -> u16 {
        match self {
            Self::Bulk { port, .. }
            | Self::Stream { port, .. }
            | Self::RequestResponse { port, .. }
            | Self::UpThenDown { port, .. }
            | Self::Dialogue { port, .. } => port.unwrap_or(DEFAULT_PORT),
            Self::Command(_) => DEFAULT_PORT,
        }
    }

    /// How long the application writes, where that is limited.
    #[must_use]
    pub fn duration(&self) -> Option<SimDuration> {
        match self {
            Self::Stream { duration, .. } => Some(*duration),
            Self::Bulk { duration, .. } => *duration,
            Self::RequestResponse { .. }
            | Self::UpThenDown { .. }
            | Self::Dialogue { .. }
            | Self::Command(_) => None,
        }
    }

    /// What the two applications do; `None` of a program, which nobody simulates.
    #[must_use]
    pub fn app(&self) -> Option<AppConfig> {
        Some(match *self {
            Self::Command(_) => return None,
            Self::Dialogue { ref turns, .. } => {
                AppConfig::Dialogue { turns: turns.iter().map(Turn::said).collect() }
            }
            Self::Bulk { bytes, duration, direction, .. } => {
                AppConfig::Bulk { bytes, duration, download: direction == Direction::Down }
            }
            Self::Stream { rate, duration, direction, .. } => {
                AppConfig::Stream { rate, duration, download: direction == Direction::Down }
            }
            Self::RequestResponse { request, response, count, pause, .. } => {
                let pause = pause.unwrap_or(SimDuration::ZERO);
                AppConfig::RequestResponse { request, response, count, pause }
            }
            Self::UpThenDown {
                up,
                down,
                header,
                idle,
                pause,
                duplex,
                down_header,
                down_pause,
                ..
            } => AppConfig::UpThenDown {
                up,
                down,
                header: header.unwrap_or(ByteSize(0)),
                idle: idle.unwrap_or(SimDuration::ZERO),
                pause: pause.unwrap_or(SimDuration::ZERO),
                duplex: duplex.unwrap_or(false),
                down_header: down_header.unwrap_or(ByteSize(0)),
                down_pause: down_pause.unwrap_or(SimDuration::ZERO),
            },
        })
    }
}
