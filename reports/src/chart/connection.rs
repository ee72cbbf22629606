//! The pictures of one connection: goodput, data sequence, windows and queues, latency, stalls.
//!
//! What was not observed ([`sim_core::record::detail`]) is not drawn: those pictures are left out.

use plotters::style::RGBColor;
use sim_core::record::detail::{ConnectionDetail, SubflowDetail};
use sim_core::record::{ConnectionRecord, RunRecord};
use sim_core::time::SimTime;

use super::palette;
use super::picture::Picture;
use super::throughput::{self, Mark, end_of_time, with_events};
use super::{goodput, latency, sequence, timeline, windows};
use crate::figures::printable;

/// One connection of a run, and what pictures of it have in common.
pub(super) struct Subject<'a> {
    pub(super) record: &'a RunRecord,
    pub(super) connection: &'a ConnectionRecord,
    pub(super) detail: Option<&'a ConnectionDetail>,
    /// End of the time axis, in seconds.
    pub(super) end_s: f64,
}

/// One subflow of a connection.
pub(super) struct Member<'a> {
    pub(super) index: usize,
    /// The path's name; from its second subflow on, the subflow's number too.
    pub(super) name: String,
    /// The path's colour.
    pub(super) colour: RGBColor,
    pub(super) detail: Option<&'a SubflowDetail>,
    /// When it could no longer send, in seconds.
    pub(super) end_s: f64,
}

/// The kinds of pictures of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Goodput of each path, stacked, and in all.
    Goodput,
    /// Which part of the stream went out when, over which subflow.
    Sequence,
    /// Congestion windows, round-trip times and queues.
    Windows,
    /// What was delivered when, and what was not.
    Timeline,
    /// How long bytes took.
    Latency,
}

impl Kind {
    /// All, in the order in which they are shown.
    pub(crate) const ALL: [Self; 5] =
        [Self::Goodput, Self::Timeline, Self::Sequence, Self::Windows, Self::Latency];

    /// A word for files and links.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Goodput => "goodput",
            Self::Sequence => "sequence",
            Self::Windows => "windows",
            Self::Timeline => "timeline",
            Self::Latency => "latency",
        }
    }

    /// The picture of a connection, by its index, as far as there is something to draw.
    pub(crate) fn picture(self, record: &RunRecord, index: usize) -> Option<Picture> {
        let subject = Subject::new(record, index)?;
        match self {
            Self::Goodput => goodput::picture(&subject),
            Self::Sequence => sequence::picture(&subject),
            Self::Windows => windows::picture(&subject),
            Self::Timeline => timeline::picture(&subject),
            Self::Latency => latency::picture(&subject),
        }
    }
}

impl<'a> Subject<'a> {
    fn new(record: &'a RunRecord, index: usize) -> Option<Self> {
        let connection = record.connections.get(index)?;
        let detail = record.detail.as_ref().and_then(|detail| detail.connections.get(index));
        let end_s = end_of_time(record).as_secs_f64().max(1e-6);
        Some(Self { record, connection, detail, end_s })
    }

    /// The connection's name and ends, to begin a picture's text with.
    pub(super) fn name(&self) -> String {
        let connection = self.connection;
        let (from, to) = (printable(&connection.client), printable(&connection.server));
        format!("{}, {from} → {to}", printable(&connection.name))
    }

    /// Events of the scenario and what the endpoints suffered.
    pub(super) fn marks(&self) -> Vec<Mark> {
        with_events(self.record, throughput::marks(self.connection), self.end_s)
    }

    /// The subflows.
    pub(super) fn members(&self) -> impl Iterator<Item = Member<'a>> + '_ {
        let subflows = &self.connection.subflows;
        subflows.iter().enumerate().map(|(index, subflow)| {
            let earlier = subflows[..index].iter().any(|before| before.path == subflow.path);
            let path = printable(&subflow.path);
            let name = if earlier { format!("{path} ({})", index + 1) } else { path };
            let place = self.record.paths.iter().position(|path| path.name == subflow.path);
            let end = subflow.ended_at.or(self.connection.completed_at);
            let end_s = end.map_or(self.end_s, SimTime::as_secs_f64).min(self.end_s);
            Member {
                index,
                name,
                colour: place.map_or(palette::FAINT, palette::path),
                detail: self.detail.and_then(|detail| detail.subflows.get(index)),
                end_s,
            }
        })
    }
}
