//! `explain`: the story of a connection in plain sentences, each with its packet, device, rule and
//! configuration line, and the frame that shows it; at the end what an engineer can do.

mod advice;
mod json;
mod packet;
mod steps;
mod text;

pub use advice::{Advice, advice};
pub use json::Explanation;
pub use packet::summary;
pub use steps::{Step, What, matters, steps};
pub use text::render;

use sim_core::record::{ConnectionRecord, RunRecord};

use crate::messages::Language;

/// What is explained, and in which language.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The run; it should have watched for the packets that tell the story.
    pub record: &'a RunRecord,
    /// Only the connection of this name; all when `None`.
    pub connection: Option<&'a str>,
    /// The language.
    pub language: Language,
}

impl<'a> Request<'a> {
    /// The connections that are asked for, with their indices.
    pub fn connections(&self) -> impl Iterator<Item = (usize, &'a ConnectionRecord)> {
        let wanted = self.connection;
        let all = self.record.connections.iter().enumerate();
        all.filter(move |(_, connection)| wanted.is_none_or(|name| connection.name == name))
    }
}
