//! A capture through a model: what became of each connection, and what left the model as a capture.

use std::collections::BTreeMap;

use devices::steps::track::Sender;
use reports::captures::comment;
use sim_core::engine::device::{Change, Device, PortId, PortPair, Rule, Side, Signed};
use sim_core::time::SimTime;
use sim_core::wire::packet::{Flow, PacketUid};
use sim_core::wire::pcapng::PcapngWriter;

use crate::connections::{Connection, Inside, connections};
use crate::missed::{self, Missed};
use crate::passing::{Ends, Input, Order, Output, Passed, pass};
use crate::trace::{Seen, Trace};

/// What came of a capture.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// One for each connection, in the order of their first packets.
    pub connections: Vec<ConnectionReplayed>,
    /// Connections of which the sides are not known, by their flows: not passed through the model.
    pub sideless: Vec<Flow>,
    /// What the capture has missed.
    pub missed: Vec<Missed>,
    /// What left the model, as pcapng.
    pub capture: Vec<u8>,
}

/// What came of a connection.
#[derive(Clone, Debug)]
pub struct ConnectionReplayed {
    /// From the end that opened it to the other.
    pub flow: Flow,
    /// True when who opened it is a guess: neither SYN nor SYN/ACK was captured.
    pub guessed: bool,
    /// Packets in the capture.
    pub packets: u64,
    /// Of them, how many left the model as they came.
    pub untouched: u64,
    /// How many left it changed.
    pub changed: u64,
    /// How many did not leave it.
    pub stopped: u64,
    /// How many were not sent, because the SYN that their sender waits for did not arrive.
    pub unsent: u64,
    /// Packets of the model's own making.
    pub made: u64,
    /// What the model did, in the order in which it did each first.
    pub acts: Vec<Act>,
}

/// Something that the model did, as often as it did it.
#[derive(Clone, Debug)]
pub struct Act {
    /// What, in words.
    pub what: String,
    /// To packets of which end.
    pub sender: Sender,
    /// Why.
    pub rule: std::sync::Arc<Rule>,
    /// How often.
    pub times: u64,
    /// Frame of the capture of the first one.
    pub first: u32,
}

/// Passes a capture through a device that was not wired yet; `name` is what comments call it.
pub fn replay_trace(
    trace: &Trace,
    device: &mut dyn Device,
    name: &str,
    inside: &Inside,
) -> Replayed {
    device.wire(&[PortPair { path: "capture".into() }]);
    let all = connections(trace.packets.iter().map(|seen| &seen.packet));
    let (mut sideless, mut ends, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    for connection in all {
        match inside.sides(connection.flow, connection.packets.first().copied(), trace) {
            Some(sides) => {
                let isn = connection.isn;
                ends.push(Ends { ports: sides.map(port), isn });
                kept.push(connection);
            }
            None => sideless.push(connection.flow),
        }
    }
    // In the order of the capture, each with its connection; what stands in for what the capture has missed
    // goes before what shows it.
    let (mut order, mut missed, mut budget) = (Vec::new(), Vec::new(), missed::budget());
    for (at, connection) in kept.iter().enumerate() {
        let (told, stand_ins) = missed::missed(connection, &trace.packets, &mut budget);
        missed.extend(told);
        order.extend(stand_ins.into_iter().map(|s| (s.before, at, s.sender, Some(s.packet))));
        order.extend(connection.packets.iter().map(|&(index, sender)| (index, at, sender, None)));
    }
    order.sort_by_key(|(index, .., stand_in)| (*index, stand_in.is_none()));
    let seen: Vec<Option<&Seen>> = order
        .iter()
        .map(|(index, .., stand_in)| stand_in.is_none().then(|| &trace.packets[*index]))
        .collect();
    let inputs: Vec<Input> = order
        .into_iter()
        .map(|(index, connection, sender, stand_in)| {
            let Seen { at, ref packet, .. } = trace.packets[index];
            let packet = stand_in.unwrap_or_else(|| packet.clone());
            Input { at, connection, sender, packet, shift: 0, growth: 0 }
        })
        .collect();
    let passed = pass(device, &inputs, &ends, Order::Causal);
    let mut signatures: BTreeMap<PacketUid, Vec<&Signed>> = BTreeMap::new();
    for signed in &passed.signed {
        signatures.entry(signed.packet).or_default().push(signed);
    }
    let connections = told(&kept, &inputs, &seen, &passed);
    let capture = capture(trace, &seen, &passed, &signatures, (device.model(), name));
    Replayed { connections, sideless, missed, capture }
}

const fn port(side: Side) -> PortId {
    match side {
        Side::Inside => PortId(0),
        Side::Outside => PortId(1),
    }
}

fn told(
    connections: &[Connection],
    inputs: &[Input],
    seen: &[Option<&Seen>],
    passed: &Passed,
) -> Vec<ConnectionReplayed> {
    let mut told: Vec<ConnectionReplayed> = connections
        .iter()
        .map(|connection| ConnectionReplayed {
            flow: connection.flow,
            guessed: !connection.opening_seen,
            packets: connection.packets.len() as u64,
            untouched: 0,
            changed: 0,
            stopped: 0,
            unsent: 0,
            made: 0,
            acts: Vec::new(),
        })
        .collect();
    let mut left = vec![None; inputs.len()];
    for output in &passed.outputs {
        match (output.input, output.to) {
            (Some(index), _) => left[index] = Some(&output.packet),
            (None, Some((connection, _))) => told[connection].made += 1,
            (None, None) => {}
        }
    }
    for (index, input) in inputs.iter().enumerate().filter(|(index, _)| seen[*index].is_some()) {
        let told = &mut told[input.connection];
        match (&passed.sent[index], left[index]) {
            (None, _) => told.unsent += 1,
            (Some(_), None) => told.stopped += 1,
            (Some(sent), Some(left)) if sent == left => told.untouched += 1,
            (Some(_), Some(_)) => told.changed += 1,
        }
    }
    for signed in &passed.signed {
        let Some(index) = passed.input_of(signed) else { continue };
        let Some(of) = seen[index] else { continue };
        let input = &inputs[index];
        let acts = &mut told[input.connection].acts;
        let what = what(&signed.change);
        let same = |act: &&mut Act| {
            act.what == what && act.sender == input.sender && act.rule == signed.rule
        };
        match acts.iter_mut().find(same) {
            Some(act) => act.times += 1,
            None => acts.push(Act {
                what,
                sender: input.sender,
                rule: signed.rule.clone(),
                times: 1,
                first: of.frame,
            }),
        }
    }
    told
}

/// A change in words that are the same for each packet of a connection.
fn what(change: &Change) -> String {
    match change {
        Change::Field { name } => format!("changed the {name}"),
        change => change.to_string(),
    }
}

/// What left the model, and what passes any device, as pcapng: an interface for each side.
fn capture(
    trace: &Trace,
    seen: &[Option<&Seen>],
    passed: &Passed,
    signatures: &BTreeMap<PacketUid, Vec<&Signed>>,
    (model, name): (&str, &str),
) -> Vec<u8> {
    let written = (|| {
        let mut writer = PcapngWriter::new(Vec::new())?;
        let sides = [writer.interface("inside")?, writer.interface("outside")?];
        let epoch = |at: SimTime| SimTime(trace.epoch_ns.saturating_add(at.as_nanos()));
        let mut others = trace.others.iter().peekable();
        let is_stand_in =
            |output: &&Output| output.input.is_some_and(|index| seen[index].is_none());
        for output in passed.outputs.iter().filter(|output| !is_stand_in(output)) {
            while let Some(other) = others.next_if(|other| other.at <= output.at) {
                let at = epoch(other.at);
                writer.bytes(sides[1], at, &other.bytes, other.original_len, None)?;
            }
            let said: Vec<String> = match (output.input, signatures.get(&output.packet.uid)) {
                (_, Some(all)) => {
                    all.iter().map(|s| comment(model, name, &s.change, &s.rule)).collect()
                }
                (None, None) => vec![format!("{model} \"{name}\" made this packet")],
                (Some(_), None) => Vec::new(),
            };
            let said = (!said.is_empty()).then(|| said.join("; "));
            let side = sides[usize::from(output.port.side() == Side::Outside)];
            let packet = &output.packet;
            let mut bytes = Vec::new();
            packet.emit(&mut bytes);
            // Payload that was not captured is not written either.
            let captured = output.input.and_then(|index| seen[index]);
            if let Some(cut) = captured.filter(|seen| seen.present < seen.packet.payload.len) {
                let headers = packet.wire_len() - packet.payload.len;
                bytes.truncate((headers + cut.present.min(packet.payload.len)) as usize);
            }
            let len = packet.wire_len();
            writer.bytes(side, epoch(output.at), &bytes, len, said.as_deref())?;
        }
        for other in others {
            writer.bytes(sides[1], epoch(other.at), &other.bytes, other.original_len, None)?;
        }
        writer.finish()
    })();
    written.expect("a Vec takes every write")
}
