//! The packet ladder: hosts and devices as columns, packets as arrows, MPTCP options spelled out, what a
//! device changed marked, with its rule; handshakes, joins, fallback and close in full, the bulk folded.
//!
//! [`Ladder`] is what is drawn, without a place on any page; [`svg`] and [`text`] draw it.

mod columns;
mod fold;
pub mod options;
mod rows;
mod svg;
#[cfg(test)]
mod tests;
mod text;

pub use svg::{sheets, svg};
pub use text::text;

use sim_core::record::RunRecord;
use sim_core::time::SimTime;

use crate::folder::File;
use crate::messages::Language;
use crate::sightings::Sightings;

/// A ladder of one connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Ladder {
    /// Name of the connection, and its verdict.
    pub title: String,
    /// From the client on.
    pub columns: Vec<Column>,
    /// In order of time.
    pub rows: Vec<Row>,
}

/// A host or a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The model of a device; none for a host.
    pub model: Option<&'static str>,
}

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// A packet.
    Packet(Arrow),
    /// Segments that are not drawn one by one.
    Folded(Folded),
    /// The scenario made something happen.
    Event {
        /// When.
        at: SimTime,
        /// What.
        label: String,
    },
}

/// Segments that are not drawn one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Folded {
    /// When the first was sent.
    pub from: SimTime,
    /// When the last was.
    pub to: SimTime,
    /// With payload.
    pub data: u64,
    /// Without.
    pub acks: u64,
    /// Payload in bytes.
    pub bytes: u64,
}

/// A packet on its way.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrow {
    /// When it was first seen.
    pub at: SimTime,
    /// Name of its path, and that path's index in the record.
    pub path: Option<(String, usize)>,
    /// What it was at first.
    pub text: String,
    /// Columns that it reached, in order; at least one.
    pub stops: Vec<usize>,
    /// Where it was going.
    pub towards: usize,
    /// How it ended.
    pub end: Ending,
    /// What devices did to it, in order.
    pub changes: Vec<Note>,
    /// What it was at last, when that is something else.
    pub became: Option<String>,
}

/// How a packet's way ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It arrived.
    Arrived,
    /// A device stopped it.
    Stopped,
    /// It was not seen again: a link lost it.
    Lost,
}

/// What a device did to a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Column of the device.
    pub column: usize,
    /// What, with its rule, in the ladder's language.
    pub text: String,
    /// It comes in the way of MPTCP (else addresses, sequence numbers, other options, what was let through).
    pub matters: bool,
}

/// Connections of a run that get a picture.
const PICTURES_MAX: usize = 8;

/// `ladder.svg`, and `ladder-2.svg` and so on for further connections; nothing of a run that was not
/// watched.
#[must_use]
pub fn files(record: &RunRecord, language: Language) -> Vec<File> {
    let drawn = (0..record.connections.len().min(PICTURES_MAX)).filter_map(|index| {
        let ladder = Ladder::new(record, index, language)?;
        let name = match index {
            0 => "ladder.svg".to_owned(),
            _ => format!("ladder-{}.svg", index + 1),
        };
        Some(File::new(name, svg(&ladder, language)))
    });
    drawn.collect()
}

impl Ladder {
    /// The ladder of connection `index`; `None` when the run neither captured nor watched.
    #[must_use]
    pub fn new(record: &RunRecord, index: usize, language: Language) -> Option<Self> {
        let connection = record.connections.get(index)?;
        let sightings = Sightings::new(record, index)?;
        let columns = columns::columns(record, connection, &sightings);
        let rows = rows::rows(record, index, &sightings, &columns, language);
        let verdict = language.say(&crate::messages::Message::Verdict(connection));
        let title = crate::figures::printable(&format!("{}: {verdict}", connection.name));
        Some(Self { title, columns, rows: fold::fold(rows) })
    }
}
