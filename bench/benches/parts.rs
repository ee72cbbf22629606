//! Parts of a packet's way, each by itself: nanoseconds per operation.
//!
//! `cargo bench -p bench --bench parts -- event-queue-16 endpoint-step@100000`: those two, the second one
//! a hundred thousand times; without an argument, all.

use std::hint::black_box;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use devices::{DeviceContext, DeviceSpec};
use sim_core::app::AppConfig;
use sim_core::app::source::App;
use sim_core::engine::device::{Effects, Forwarding, PortId};
use sim_core::engine::queue::{EventQueue, Target};
use sim_core::mptcp::config::{CongestionKind, HostConfig, Profile};
use sim_core::mptcp::endpoint::{Endpoint, EndpointSetup, Io, Outbox};
use sim_core::mptcp::stack::{EndpointId, HostStack};
use sim_core::record::story::End;
use sim_core::rng::Stream;
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::mptcp::{DataSeq, Dss, Mapping};
use sim_core::wire::options::{Options, kind};
use sim_core::wire::packet::{Flags, Packet, PacketUid};
use sim_core::wire::payload::{Payload, StreamId};
use sim_core::wire::seq::Seq;

/// A part: a name, how often it is done by itself, and what does it so often.
struct Part {
    name: &'static str,
    times: u64,
    work: fn(u64),
}

const PARTS: [Part; 8] = [
    Part { name: "event-queue-16", times: 5_000_000, work: |n| event_queue(16, n) },
    Part { name: "event-queue-4000", times: 5_000_000, work: |n| event_queue(4000, n) },
    Part { name: "event-queue-100000", times: 5_000_000, work: |n| event_queue(100_000, n) },
    Part { name: "option-read", times: 5_000_000, work: option_read },
    Part { name: "option-edit", times: 5_000_000, work: option_edit },
    Part { name: "device-pass-switch", times: 2_000_000, work: |n| device_pass("Switch()", n) },
    Part { name: "device-pass-asa", times: 1_000_000, work: |n| device_pass("Asa()", n) },
    Part { name: "endpoint-step", times: 500_000, work: endpoint_step },
];

#[allow(clippy::disallowed_methods)] // a bench measures wall time
fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let words = if wanted.is_empty() {
        PARTS.iter().map(|part| part.name.to_owned()).collect()
    } else {
        wanted
    };
    for word in words {
        let (name, times) = word.split_once('@').unwrap_or((&word, ""));
        let Some(part) = PARTS.iter().find(|part| part.name == name) else {
            let names: Vec<_> = PARTS.iter().map(|part| part.name).collect();
            eprintln!("there is no part {name}; there are {}", names.join(", "));
            std::process::exit(2);
        };
        let times = times.parse().unwrap_or(part.times);
        let started = Instant::now();
        (part.work)(times);
        let wall = started.elapsed().as_secs_f64();
        println!("{name:20} {:8.1} ns  {times} times", wall * 1e9 / times as f64);
    }
}

/// The hold model: an event is taken and another scheduled, with so many pending.
fn event_queue(pending: u32, times: u64) {
    let mut queue = EventQueue::default();
    let mut draw = Stream::new(1, "event queue");
    let mut later = |now: SimTime| now + SimDuration(1_000 + draw.below(20_000_000));
    for i in 0..pending {
        queue.push(later(SimTime::ZERO), Target::Link(i));
    }
    for _ in 0..times {
        let (now, target) = queue.pop().expect("as many are scheduled as are taken");
        queue.push(later(now), black_box(target));
    }
}

/// The options of an ordinary segment with data: timestamps and a DSS.
fn usual_options() -> Options {
    let mut options =
        Options::from_bytes(&[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]).expect("12 bytes");
    let mapping = Mapping { dsn: DataSeq::Short(7), ssn: 1, len: 1428, checksum: None };
    let dss = Dss { data_fin: false, ack: Some(DataSeq::Short(9)), mapping: Some(mapping) };
    dss.emit(&mut options).expect("it fits");
    options.pad();
    options
}

fn option_read(times: u64) {
    let options = usual_options();
    for _ in 0..times {
        let options = black_box(&options);
        black_box((options.timestamps(), Dss::alone_in(options)));
    }
}

/// What a normaliser does: find option 30 and make NOPs of it.
fn option_edit(times: u64) {
    let options = usual_options();
    for _ in 0..times {
        let mut options = black_box(&options).clone();
        let found = options.iter().find(|option| option.kind == kind::MPTCP).map(|o| o.span());
        if let Some(span) = found {
            options.fill(span, kind::NOP);
        }
        black_box(options);
    }
}

fn address(last: u8) -> IpAddr {
    [10, 0, 0, last].into()
}

/// A segment with data of an established subflow passes a device.
fn device_pass(spec: &str, times: u64) {
    let context = DeviceContext { name: "box", seed: 1, default_farm: None };
    let spec = match spec {
        "Asa()" => DeviceSpec::Asa { config: None, inside: None, outside: None },
        _ => DeviceSpec::Switch {},
    };
    let Ok(mut built) = spec.build(&context, None) else { panic!("a device without settings") };
    let mut effects = Effects::new(PacketUid(1 << 63));
    let (client, server): (SocketAddr, SocketAddr) =
        ((address(1), 40_000).into(), (address(2), 80).into());
    let mut pass = |port: u8, packet: &mut Packet| {
        let passed = built.device.process(SimTime::ZERO, PortId(port), packet, &mut effects);
        assert!(matches!(passed, Forwarding::Through | Forwarding::To(_)), "{:?}", effects.changes);
        effects.changes.clear();
        effects.emitted.clear();
    };
    let mut syn = Packet::new(client, server);
    syn.flags = Flags::SYN;
    syn.window = u16::MAX;
    let _ = syn.options.push(&[kind::MSS, 4, 0x05, 0xb4]);
    pass(0, &mut syn);
    let mut answer = Packet::new(server, client);
    answer.flags = Flags::SYN.with(Flags::ACK);
    answer.window = u16::MAX;
    answer.options = syn.options.clone();
    answer.ack = syn.seq.add(1);
    pass(1, &mut answer);
    let mut data = Packet::new(client, server);
    data.flags = Flags::ACK;
    data.window = u16::MAX;
    data.options = usual_options();
    data.payload = Payload::described(StreamId(0), 0, 1428);
    let mut ack = Packet { payload: Payload::default(), ..data.clone() };
    (ack.src, ack.dst, ack.src_port, ack.dst_port) =
        (data.dst, data.src, data.dst_port, data.src_port);
    // A segment and its acknowledgement by turns: it stays within the window. Each end acknowledges the
    // numbers that it saw, which are not those that were sent where the device shifts them.
    data.ack = answer.seq.add(1);
    ack.seq = Seq(1);
    for i in 0..times.div_ceil(2) {
        let mut packet = data.clone();
        packet.seq = Seq(1).add((i * 1428) as u32);
        pass(0, black_box(&mut packet));
        let seen_to = packet.seq.add(1428);
        let mut packet = ack.clone();
        packet.ack = seen_to;
        pass(1, black_box(&mut packet));
    }
}

/// Two ends of an MPTCP connection, without links between them: a segment with data is sent, received,
/// acknowledged, and the acknowledgement is taken.
fn endpoint_step(times: u64) {
    let config = HostConfig {
        profile: Profile::Rfc8684,
        congestion: CongestionKind::Lia,
        quick_ack: true,
        ..HostConfig::default()
    };
    let host = |last| {
        let mut host = HostStack::new(config.clone());
        host.add_address(address(last), 0);
        host.listen(80);
        host
    };
    let bulk = AppConfig::Bulk { bytes: None, duration: None, download: false };
    let setup = |id, end| {
        let streams = if id == 0 { (StreamId(0), StreamId(1)) } else { (StreamId(1), StreamId(0)) };
        EndpointSetup {
            id: EndpointId(id),
            connection: 0,
            end,
            app: App::new(&bulk, end, streams, SimTime::ZERO),
            rng: Stream::new(1, "endpoint"),
            sample_interval: SimDuration::from_secs(1),
        }
    };
    let (mut here, mut there) = (host(1), host(2));
    let mut outbox = Outbox::default();
    let mut now = SimTime::ZERO;
    let mut io = Io { now, host: &mut here, outbox: &mut outbox };
    let server = (address(2), 80).into();
    let mut client = Endpoint::connect(setup(0, End::Client), &mut io, address(1), server);
    let syn = outbox.sent.pop().expect("a SYN");
    let mut io = Io { now, host: &mut there, outbox: &mut outbox };
    let mut server = Endpoint::accept(setup(1, End::Server), &mut io, &syn, 0);
    let mut to_client = std::mem::take(&mut outbox.sent);
    let mut steps = 0;
    // Half a round trip at a time: what the server sent, then what the client sends on it.
    while steps < times {
        now += SimDuration::from_millis(10);
        let mut io = Io { now, host: &mut here, outbox: &mut outbox };
        for mut packet in to_client.drain(..) {
            client.on_packet(&mut io, 0, &mut packet);
            io.outbox.pool.free(packet);
        }
        let mut to_server = std::mem::take(&mut outbox.sent);
        assert!(!to_server.is_empty(), "the window never closes");
        now += SimDuration::from_millis(10);
        let mut io = Io { now, host: &mut there, outbox: &mut outbox };
        for mut packet in to_server.drain(..) {
            steps += u64::from(!packet.payload.is_empty());
            server.on_packet(&mut io, 0, &mut packet);
            io.outbox.pool.free(packet);
        }
        to_client = std::mem::take(&mut outbox.sent);
    }
    black_box(&server);
}
