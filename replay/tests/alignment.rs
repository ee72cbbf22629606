//! Random boxes between two captures of one direction: whatever they shift, translate, cut, merge, drop,
//! send again, lengthen and make themselves, each packet is found again.

use proptest::prelude::*;
use replay::align::{Sight, Time, align};
use sim_core::time::SimTime;
use sim_core::wire::packet::{Flags, Packet};
use sim_core::wire::payload::{Payload, StreamId};
use sim_core::wire::seq::Seq;

/// What a box does to a segment.
#[derive(Clone, Copy, Debug)]
enum Act {
    Pass,
    /// Lost, and sent again by its sender.
    Lose,
    Split,
    /// Merged with the next one.
    Merge,
    /// A packet of the box's own follows.
    Make,
}

fn acts() -> impl Strategy<Value = Vec<(u32, Act)>> {
    let act = prop_oneof![
        4 => Just(Act::Pass),
        1 => Just(Act::Lose),
        2 => Just(Act::Split),
        2 => Just(Act::Merge),
        1 => Just(Act::Make),
    ];
    proptest::collection::vec((2u32..1400, act), 1..40)
}

#[derive(Default)]
struct World {
    ins: Vec<(SimTime, Packet)>,
    outs: Vec<(SimTime, Packet)>,
    truth: Vec<Vec<usize>>,
}

impl World {
    fn out(&mut self, at: u64, packet: Packet, of: Vec<usize>) {
        self.outs.push((SimTime(at), packet));
        self.truth.push(of);
    }
}

/// Between two packets, and from a loss to what is sent again.
const STEP: u64 = 1_000_000;
const AGAIN: u64 = 300_000_000;

fn world(
    acts: &[(u32, Act)],
    isn: u32,
    by: u32,
    with_syn: bool,
    longer: Option<(usize, u32)>,
) -> World {
    let mut world = World::default();
    let client = Packet::new("10.0.0.1:4000".parse().unwrap(), "10.0.0.2:80".parse().unwrap());
    let translated = |packet: &Packet, seq: Seq| {
        let mut packet = packet.clone();
        (packet.src, packet.src_port) = ("192.0.2.1".parse().unwrap(), 61_000);
        packet.seq = seq;
        packet
    };
    let mut seq = Seq(isn);
    let mut at = 0;
    if with_syn {
        let syn = Packet { flags: Flags::SYN, seq, ..client.clone() };
        world.ins.push((SimTime(at), syn.clone()));
        world.out(at + 10, translated(&syn, seq.add(by)), vec![0]);
    }
    seq = seq.add(1);
    let (mut added, mut waiting): (u32, Option<(Packet, usize)>) = (by, None);
    let mut offset = 0;
    for (index, &(len, act)) in acts.iter().enumerate() {
        at += STEP;
        let packet = Packet {
            flags: Flags::ACK,
            seq,
            payload: Payload::described(StreamId(3), offset, len),
            ..client.clone()
        };
        seq = seq.add(len);
        offset += u64::from(len);
        world.ins.push((SimTime(at), packet.clone()));
        let input = world.ins.len() - 1;
        let mut shown = translated(&packet, packet.seq.add(added));
        if let Some((first, of)) = waiting.take() {
            let mut merged = first;
            let bytes = [merged.payload.to_vec(), shown.payload.to_vec()].concat();
            merged.payload = Payload::literal(bytes);
            world.out(at + 10, merged, vec![of, input]);
            continue;
        }
        if let Some((_, more)) = longer.filter(|&(which, _)| which == index) {
            shown.payload =
                Payload::literal([shown.payload.to_vec(), vec![9; more as usize]].concat());
            world.out(at + 10, shown, vec![input]);
            added = added.wrapping_add(more);
            continue;
        }
        match act {
            Act::Pass => world.out(at + 10, shown, vec![input]),
            Act::Lose => {
                at += AGAIN;
                world.ins.push((SimTime(at), packet));
                world.out(at + 10, shown, vec![input + 1]);
            }
            Act::Split => {
                let half = len / 2;
                let mut second = shown.clone();
                second.payload = shown.payload.slice(half, len - half);
                second.seq = shown.seq.add(half);
                shown.payload = shown.payload.slice(0, half);
                world.out(at + 10, shown, vec![input]);
                world.out(at + 10, second, vec![input]);
            }
            Act::Merge if index + 1 < acts.len() => waiting = Some((shown, input)),
            Act::Merge => world.out(at + 10, shown, vec![input]),
            Act::Make => {
                let rst = Packet { flags: Flags::RST, payload: Payload::empty(), ..shown.clone() };
                world.out(at + 10, shown, vec![input]);
                world.out(at + 20, rst, vec![]);
            }
        }
    }
    world
}

fn found(world: &World, time: Time) -> Vec<Vec<usize>> {
    let sights = |all: &'_ [(SimTime, Packet)]| -> Vec<(SimTime, Packet)> { all.to_vec() };
    let (ins, outs) = (sights(&world.ins), sights(&world.outs));
    let ins: Vec<_> = ins.iter().map(|(at, packet)| Sight { at: *at, packet }).collect();
    let outs: Vec<_> = outs.iter().map(|(at, packet)| Sight { at: *at, packet }).collect();
    align(&ins, &outs, 0, time).of
}

proptest! {
    #[test]
    fn each_packet_is_found_again(
        acts in acts(),
        isn in any::<u32>(),
        by in any::<u32>(),
    ) {
        let world = world(&acts, isn, by, true, None);
        prop_assert_eq!(found(&world, Time::Causal), world.truth);
    }

    #[test]
    fn without_a_syn_the_shift_is_learned_from_what_looks_alike(
        lengths in proptest::collection::hash_set(2u32..1400, 3..30),
        isn in any::<u32>(),
        by in any::<u32>(),
    ) {
        let acts: Vec<_> = lengths.into_iter().map(|len| (len, Act::Pass)).collect();
        let world = world(&acts, isn, by, false, None);
        prop_assert_eq!(found(&world, Time::Causal), world.truth);
    }

    #[test]
    fn payload_may_become_longer(
        lengths in proptest::collection::vec(50u32..1400, 3..30),
        which in 0usize..30,
        more in 1u32..40,
        by in any::<u32>(),
    ) {
        let acts: Vec<_> = lengths.into_iter().map(|len| (len, Act::Pass)).collect();
        let world = world(&acts, 7, by, true, Some((which % acts.len(), more)));
        prop_assert_eq!(found(&world, Time::Causal), world.truth);
    }

    #[test]
    fn two_accounts_of_one_side_agree(acts in acts(), isn in any::<u32>()) {
        let world = world(&acts, isn, 0, true, None);
        let same = World { ins: world.outs.clone(), outs: world.outs, ..World::default() };
        let alone: Vec<_> = (0..same.outs.len()).map(|i| vec![i]).collect();
        prop_assert_eq!(found(&same, Time::Either), alone);
    }
}
