//! Captures for Wireshark: a pcapng file for each end of a link, with a comment on every packet that a
//! device has changed by then.

use std::collections::BTreeMap;

use sim_core::engine::capture::Captures;
use sim_core::engine::device::{Change, Origin, Rule};
use sim_core::record::{ChangeRecord, RunRecord};
use sim_core::wire::packet::PacketUid;
use sim_core::wire::pcapng::PcapngWriter;

use crate::folder::File;

/// `captures/*.pcapng` of a run that was asked to capture; nothing of one that was not. Stamps count
/// from the start of the run.
#[must_use]
pub fn files(record: &RunRecord) -> Vec<File> {
    let Some(captures) = record.captures.as_ref().filter(|captures| captures.complete) else {
        return Vec::new();
    };
    let comments = comments(record, captures);
    let each = captures.interfaces.iter().enumerate();
    each.map(|(index, interface)| {
        File::new(
            file_name(&interface.name),
            one(captures, index as u32, &interface.name, &comments),
        )
    })
    .collect()
}

/// The capture file of an interface, in the results folder.
#[must_use]
pub fn file_name(interface: &str) -> String {
    format!("captures/{}.pcapng", plain(interface))
}

/// Device and path names are a user's text: only letters that every file system takes are kept.
pub(crate) fn plain(name: &str) -> String {
    let keep = |c: char| if c.is_alphanumeric() || matches!(c, '.' | '_') { c } else { '-' };
    name.chars().map(keep).collect()
}

fn one(captures: &Captures, index: u32, name: &str, comments: &BTreeMap<usize, String>) -> Vec<u8> {
    let written = (|| {
        let mut writer = PcapngWriter::new(Vec::new())?;
        let interface = writer.interface(name)?;
        for (k, captured) in captures.packets.iter().enumerate() {
            if captured.interface == index {
                let comment = comments.get(&k).map(String::as_str);
                writer.packet(interface, captured.at, &captured.packet, comment)?;
            }
        }
        writer.finish()
    })();
    written.expect("a Vec takes every write")
}

/// What devices had done to each captured packet by the time it was captured, by its position.
fn comments(record: &RunRecord, captures: &Captures) -> BTreeMap<usize, String> {
    let mut changes: BTreeMap<PacketUid, Vec<&ChangeRecord>> = BTreeMap::new();
    for change in &record.changes {
        changes.entry(change.packet).or_default().push(change);
    }
    // A change shows from the device's sending side on, which has the same time as its receiving one.
    let mut shown: BTreeMap<PacketUid, Vec<&str>> = BTreeMap::new();
    let mut comments = BTreeMap::new();
    for (k, captured) in captures.packets.iter().enumerate() {
        let uid = captured.packet.uid;
        let Some(changes) = changes.get(&uid) else { continue };
        let node = captures.interfaces[captured.interface as usize].node.as_str();
        let left = shown.entry(uid).or_default();
        if captured.sent && !left.contains(&node) {
            left.push(node);
        }
        let visible = changes.iter().filter(|c| {
            c.at <= captured.at && left.contains(&record.device(c.device).name.as_str())
        });
        let lines: Vec<String> = visible.map(|c| sentence(record, c)).collect();
        if !lines.is_empty() {
            comments.insert(k, lines.join("; "));
        }
    }
    comments
}

fn sentence(record: &RunRecord, change: &ChangeRecord) -> String {
    let device = record.device(change.device);
    comment(device.model, &device.name, &change.change, &change.rule)
}

/// What a device did to a packet, in a sentence for the packet's comment.
#[must_use]
pub fn comment(model: &str, device: &str, change: &Change, rule: &Rule) -> String {
    let place = match &rule.origin {
        Origin::Config(line) => format!(" ({}:{})", line.file, line.line),
        Origin::Default { .. } => " (default)".to_owned(),
        Origin::Scenario => String::new(),
    };
    format!("{model} \"{device}\" {change}: {}{place}", rule.text)
}
