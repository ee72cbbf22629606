//! `conform` on captures that were made by running one model: it accepts that model, and finds the first
//! packet that each other one treats otherwise. Which models treat the packets alike is not a list: it
//! follows from what each of them lets out when it is probed by itself. By default each model is held against
//! itself and against a part of the others; `OPTION30_EVERY_PAIR=1` holds it against all, in two minutes.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{capture, devices};
use devices::steps::track::Sender;
use replay::conform::conform;
use replay::connections::Inside;
use replay::crossing::Crossing;
use replay::passing::{Input, Passed};
use replay::probe::dialogue::SERVER;
use replay::probe::outcome::passed;
use replay::probe::suite;
use scenarios::{DEFAULT_SEED, DeviceFile};
use sim_core::engine::device::Side;
use sim_core::wire::options::{Options, kind};
use sim_core::wire::packet::{Flags, Packet};

/// Time of a packet, and all that may be held against another device's, by connection and receiver.
type Observed = BTreeMap<(usize, usize), Vec<(u64, String)>>;

/// What a device lets out, without what it chooses at random: an account that knows nothing of
/// alignment.
fn observed(passed: &Passed) -> Observed {
    let mut all = Observed::new();
    for output in &passed.outputs {
        let Some((connection, end)) = output.to else { continue };
        let mut packet = output.plain.clone();
        packet.uid = Default::default();
        let sent = output.input.and_then(|index| passed.sent[index].as_ref());
        let mut shifted = None;
        match sent {
            Some(sent) => {
                if packet.src_port != sent.src_port {
                    packet.src_port = 0;
                }
                if packet.dst_port != sent.dst_port {
                    packet.dst_port = 0;
                }
                if sent.flags.has(Flags::SYN) {
                    shifted = Some(output.packet.seq != sent.seq);
                }
            }
            None => made(&mut packet),
        }
        let bytes = packet.payload.to_vec();
        packet.payload = Default::default();
        let text = format!("{shifted:?} {packet:?} {bytes:?}");
        all.entry((connection, end as usize)).or_default().push((output.at.0, text));
    }
    all
}

/// Without what is a maker's own.
fn made(packet: &mut Packet) {
    (packet.ttl, packet.ip_id, packet.src_port, packet.dst_port) = (0, 0, 0, 0);
    let mut options = packet.options.clone();
    if let Some(span) = packet.options.find(kind::TIMESTAMPS).map(|o| o.span()) {
        options.bytes_mut()[span][2..].fill(0);
    }
    packet.options = Options::from_bytes(options.as_bytes()).unwrap();
}

/// The first connection in which two differ.
fn first_difference(a: &Observed, b: &Observed) -> Option<usize> {
    let keys: BTreeSet<_> = a.keys().chain(b.keys()).collect();
    let packets = |all: &Observed, key| -> Vec<String> {
        all.get(key).into_iter().flatten().map(|(_, text)| text.clone()).collect()
    };
    keys.into_iter().find(|key| packets(a, key) != packets(b, key)).map(|&(c, _)| c)
}

struct Run {
    name: String,
    file: DeviceFile,
}

fn run(file: &DeviceFile, like: &DeviceFile) -> (Vec<Input>, Vec<[Side; 2]>, Passed) {
    let server = like.virtual_address().unwrap_or(SERVER);
    let probes = suite(server);
    let mut built = file.build(DEFAULT_SEED).unwrap();
    let (inputs, passed) = passed(built.device.as_mut(), &probes);
    let sides = probes.iter().map(|probe| probe.ends().ports.map(|port| port.side())).collect();
    (inputs, sides, passed)
}

#[test]
fn each_model_is_told_from_every_other() {
    // Thousands of pairs: in how many parts they are, of which one is looked at.
    let parts = if std::env::var_os("OPTION30_EVERY_PAIR").is_some() { 1 } else { 8 };
    let all: Vec<Run> = devices().into_iter().map(|(name, file)| Run { name, file }).collect();
    assert!(all.len() > 60, "{}", all.len());
    // What each lets out of the traffic that is made for a device with this virtual address.
    let mut observations: BTreeMap<(usize, String), Observed> = BTreeMap::new();
    let none = BTreeSet::new();
    let (mut alike, mut told_apart, mut wrong) = (0, 0, String::new());
    for (s, box_run) in all.iter().enumerate() {
        let traffic = format!("{:?}", box_run.file.virtual_address());
        let probes = suite(box_run.file.virtual_address().unwrap_or(SERVER));
        let (inputs, sides, passed) = run(&box_run.file, &box_run.file);
        let before = capture(&inputs, &passed, Side::Inside, &sides);
        let after = capture(&inputs, &passed, Side::Outside, &sides);
        let inside: Inside = "10.0.0.0/16".parse().unwrap();
        let crossing = Crossing::new(&before, &after, Some(&inside));
        let of_box = observed(&passed);
        let looked_at = |t: usize| s == t || (s * 7 + t).is_multiple_of(parts);
        for (t, model) in all.iter().enumerate().filter(|(t, _)| looked_at(*t)) {
            let of_model = observations
                .entry((t, traffic.clone()))
                .or_insert_with(|| observed(&run(&model.file, &box_run.file).2));
            let expected = first_difference(&of_box, of_model);
            let seed = if s == t { DEFAULT_SEED + 1 } else { DEFAULT_SEED };
            let mut built = model.file.build(seed).unwrap();
            let conformed = conform(&crossing, built.device.as_mut(), &none);
            // Connections of the captures by the port of their opener, which each probe has for itself.
            let found = conformed
                .iter()
                .filter(|connection| !connection.mismatches.is_empty())
                .map(|connection| probe_of(connection.flow.src.port(), &inputs))
                .min();
            if found != expected {
                let name = |at: Option<usize>| {
                    at.map(|at| probes.get(at).map_or("of no probe", |probe| probe.name.as_str()))
                };
                let what = conformed.iter().find_map(|c| c.mismatches.first());
                let what = what.map(|m| (m.sender, m.input, &m.otherwise));
                let (found, expected) = (name(found), name(expected));
                wrong.push_str(&format!(
                    "{} through {}: found {found:?}, expected {expected:?}: {what:?}\n",
                    box_run.name, model.name
                ));
            }
            match found {
                Some(_) => told_apart += 1,
                None => alike += 1,
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    println!("{} devices: {alike} pairs treat all alike, {told_apart} are told apart", all.len());
    assert!(alike < all.len() * 12, "{alike} pairs alike");
}

fn probe_of(port: u16, inputs: &[Input]) -> usize {
    let opens = |input: &&Input| input.sender == Sender::Initiator && input.packet.src_port == port;
    inputs.iter().find(opens).map_or(usize::MAX, |input| input.connection)
}
