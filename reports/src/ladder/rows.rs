//! From sightings to rows: each packet with its way, what devices did to it, and how it ended.

use sim_core::engine::capture::Captured;
use sim_core::record::{ChangeRecord, RunRecord};
use sim_core::time::SimTime;
use sim_core::wire::packet::{Flags, PacketUid};

use super::options::spell_out;
use super::{Arrow, Column, Ending, Folded, Note, Row};
use crate::explain::matters;
use crate::figures::printable;
use crate::messages::{Language, Message};
use crate::sightings::Sightings;

/// Every row of connection `index`, in order of time.
pub(super) fn rows(
    record: &RunRecord,
    index: usize,
    sightings: &Sightings<'_>,
    columns: &[Column],
    language: Language,
) -> Vec<Row> {
    let mut rows: Vec<(SimTime, Row)> = Vec::new();
    let ended = record.connections[index].completed_at.unwrap_or(record.ended_at);
    for event in record.timeline.iter().filter(|event| event.at <= ended) {
        let row = Row::Event { at: event.at, label: printable(&event.label) };
        rows.push((event.at, row));
    }
    for packet in sightings.packets() {
        let arrow = arrow(record, index, packet, sightings, columns, language);
        rows.extend(arrow.map(|arrow| (arrow.at, Row::Packet(arrow))));
    }
    for folded in record.captures.iter().flat_map(|captures| &captures.folded) {
        if folded.connection as usize == index {
            let (from, to) = (folded.from, folded.to);
            let (data, acks, bytes) = (folded.data, folded.acks, folded.bytes);
            rows.push((from, Row::Folded(Folded { from, to, data, acks, bytes })));
        }
    }
    rows.sort_by_key(|(at, _)| *at); // stable: packets stay in the order in which they were seen
    rows.into_iter().map(|(_, row)| row).collect()
}

fn arrow(
    record: &RunRecord,
    index: usize,
    packet: PacketUid,
    sightings: &Sightings<'_>,
    columns: &[Column],
    language: Language,
) -> Option<Arrow> {
    let connection = &record.connections[index];
    let seen: Vec<&Captured> = sightings.of(packet).map(|(_, seen)| seen).collect();
    let (first, last) = (*seen.first()?, *seen.last()?);
    let column = |node: &str| columns.iter().position(|column| column.name == node);
    let subflow = first.of.and_then(|(_, k)| connection.subflows.get(k as usize));
    let mut stops: Vec<usize> = Vec::new();
    for at in seen.iter().filter_map(|seen| column(sightings.node(seen))) {
        if stops.last() != Some(&at) {
            stops.push(at);
        }
    }
    let from_client = match subflow {
        Some(subflow) => {
            let client = subflow.flow.src;
            first.packet.source() == client || first.packet.destination() != client
        }
        None => true,
    };
    let client = 0;
    let server = column(&connection.server).unwrap_or(columns.len() - 1);
    // A packet that was noticed on its way was sent by the end that it comes from.
    if !first.sent {
        let sender = if from_client { client } else { server };
        if stops.first() != Some(&sender) {
            stops.insert(0, sender);
        }
    }
    let opens = first.packet.flags.has(Flags::SYN);
    let ours = record.changes.iter().filter(|change| change.packet == packet);
    let changes: Vec<&ChangeRecord> = ours.filter(|c| opens || matters(&c.change)).collect();
    let end = if !last.sent && is_host(columns, column(sightings.node(last))) {
        Ending::Arrived
    } else if changes.iter().any(|c| c.change.stops_packet()) || !last.sent {
        Ending::Stopped
    } else {
        Ending::Lost
    };
    // Behind a translation every number and address is another: that is told where it begins.
    let (text, became) = (spell_out(&first.packet), spell_out(&last.packet));
    let is_other = if opens { became != text } else { carried(&became) != carried(&text) };
    let path = subflow.map(|subflow| {
        let at = record.paths.iter().position(|path| path.name == subflow.path);
        (printable(&subflow.path), at.unwrap_or(0))
    });
    Some(Arrow {
        at: first.at,
        path,
        stops: if stops.is_empty() {
            vec![if from_client { client } else { server }]
        } else {
            stops
        },
        towards: if from_client { server } else { client },
        end,
        changes: notes(record, &changes, columns, language),
        became: is_other.then_some(became),
        text,
    })
}

/// What a segment carries, without its flags and numbers.
fn carried(text: &str) -> &str {
    text.split_once(" | ").map_or("", |(_, carried)| carried)
}

fn is_host(columns: &[Column], column: Option<usize>) -> bool {
    column.is_some_and(|at| columns[at].model.is_none())
}

fn notes(
    record: &RunRecord,
    changes: &[&ChangeRecord],
    columns: &[Column],
    language: Language,
) -> Vec<Note> {
    let note = |change: &&&ChangeRecord| {
        let device = record.device(change.device);
        let column = columns.iter().position(|column| column.name == device.name)?;
        let text = language.say(&Message::Change { device, change });
        let matters = matters(&change.change) && !change.change.allows();
        Some(Note { column, text, matters })
    };
    changes.iter().filter_map(|change| note(&change)).collect()
}
