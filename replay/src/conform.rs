//! Holds a model against a real box: what went into the box goes into the model, and what came out of
//! the two is compared, packet by packet.
//!
//! Sequence shifts, translated ports and cookies are chosen at random by both: that there is one is
//! compared, its value is not.

use std::collections::BTreeSet;
use std::sync::Arc;

use devices::steps::track::Sender;
use reports::ladder::options::spell_out;
use sim_core::engine::device::{Device, PortPair, Rule, Side, Signed};
use sim_core::time::SimTime;
use sim_core::wire::options::kind;
use sim_core::wire::packet::{Flags, Flow, Packet, Protocol};

use crate::align::{Sight, Time, align};
use crate::crossing::{Came, Crossing, about};
use crate::difference::{Difference, Field, NONE, differences};
use crate::passing::{Order, Output, Passed, pass};

/// What the two did with a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// Both let it out, with these differences: first the box's, then the model's.
    Fields(Vec<Difference>),
    /// The box let this out, the model did not: in words.
    OnlyBox(String),
    /// The model let this out, the box did not: in words.
    OnlyModel(String),
}

/// A packet that the model treats otherwise than the box did.
#[derive(Clone, Debug)]
pub struct Mismatch {
    /// When.
    pub at: SimTime,
    /// Which end sent it (or would have, where a box made it).
    pub sender: Sender,
    /// The packet that it was when it went in, where there is one: an index of [`Crossing::inputs`].
    pub input: Option<usize>,
    /// What came out of the box.
    pub came: Option<Came>,
    /// What differs.
    pub otherwise: Otherwise,
    /// What the model did to it, and why.
    pub acts: Vec<(String, Arc<Rule>)>,
}

/// How the model did with a connection.
#[derive(Clone, Debug)]
pub struct Conformed {
    /// As its opener saw it.
    pub flow: Flow,
    /// As the other end saw it, where it was seen there.
    pub far: Option<Flow>,
    /// On which side its opener is.
    pub opener: Side,
    /// Packets that came out of the box.
    pub packets: usize,
    /// Packets that the model treats otherwise, in order of time.
    pub mismatches: Vec<Mismatch>,
}

/// Holds a device that was not wired yet against a box; fields in `ignored` are not compared.
pub fn conform(
    crossing: &Crossing,
    device: &mut dyn Device,
    ignored: &BTreeSet<String>,
) -> Vec<Conformed> {
    device.wire(&[PortPair { path: "capture".into() }]);
    let passed = pass(device, &crossing.inputs, &crossing.ends, Order::Captured);
    let mut outputs: Vec<[Vec<&Output>; 2]> = vec![Default::default(); crossing.connections.len()];
    for output in &passed.outputs {
        if let Some((connection, end)) = output.to {
            outputs[connection][end as usize].push(output);
        }
    }
    let mut signed: Vec<Vec<&Signed>> = vec![Vec::new(); crossing.inputs.len()];
    for of_it in &passed.signed {
        if let Some(input) = passed.input_of(of_it) {
            signed[input].push(of_it);
        }
    }
    let comparing = Comparing { crossing, passed: &passed, signed, ignored };
    let each = crossing.connections.iter().zip(&outputs);
    each.map(|(crossed, outputs)| {
        let mut mismatches = Vec::new();
        for end in [Sender::Initiator, Sender::Responder] {
            let came = &crossed.came[end as usize];
            let (errors, segments): (Vec<&Output>, Vec<&Output>) = outputs[end as usize]
                .iter()
                .copied()
                .partition(|output| output.packet.protocol != Protocol::Tcp);
            mismatches.extend(comparing.compare(came, &segments, end.peer()));
            let told = &crossed.errors[end as usize];
            mismatches.extend(comparing.compare_errors(told, &errors, end.peer()));
        }
        mismatches.sort_by_key(|mismatch| (mismatch.at, mismatch.input));
        Conformed {
            flow: crossed.flow,
            far: crossed.far,
            opener: crossed.sides[Sender::Initiator as usize],
            packets: crossed.came.iter().map(Vec::len).sum(),
            mismatches,
        }
    })
    .collect()
}

struct Comparing<'a> {
    crossing: &'a Crossing,
    passed: &'a Passed,
    /// What the model signed, by packet.
    signed: Vec<Vec<&'a Signed>>,
    ignored: &'a BTreeSet<String>,
}

impl Comparing<'_> {
    /// Compares what came out of the two towards one end.
    fn compare(&self, came: &[Came], outputs: &[&Output], sender: Sender) -> Vec<Mismatch> {
        let ins: Vec<Sight<'_>> =
            came.iter().map(|came| Sight { at: came.at, packet: &came.packet }).collect();
        let outs: Vec<Sight<'_>> =
            outputs.iter().map(|out| Sight { at: out.at, packet: &out.plain }).collect();
        let aligned = align(&ins, &outs, 0, Time::Either);
        let mut found = Vec::new();
        let mut is_matched = vec![false; came.len()];
        let mut pieces = vec![0; came.len()];
        aligned.of.iter().flatten().for_each(|&i| pieces[i] += 1);
        // One for one: neither of them was cut or merged.
        let alone =
            |of: &Vec<usize>| of.first().copied().filter(|&i| of.len() == 1 && pieces[i] == 1);
        let pairs: Vec<usize> = aligned.of.iter().filter_map(alone).collect();
        let mut order = in_order(&pairs).into_iter().zip(1..);
        for (out, of) in outputs.iter().zip(&aligned.of) {
            let Some(i) = alone(of) else {
                found.push(self.only_model(out, sender));
                continue;
            };
            is_matched[i] = true;
            let mut fields = self.differences(&came[i], out);
            if let Some((false, at)) = order.next() {
                fields.extend(self.order(pairs.iter().filter(|&&other| other <= i).count(), at));
            }
            if !fields.is_empty() {
                let input = came[i].inputs.first().copied().or(out.input);
                let otherwise = Otherwise::Fields(fields);
                found.push(self.mismatch(came[i].at, sender, input, Some(&came[i]), otherwise));
            }
        }
        for (came, _) in came.iter().zip(is_matched).filter(|(_, matched)| !matched) {
            let input = came.inputs.first().copied();
            let otherwise = Otherwise::OnlyBox(spell_out(&came.packet));
            found.push(self.mismatch(came.at, sender, input, Some(came), otherwise));
        }
        found
    }

    /// A packet that others overtook, or that overtook them, in one of the two only: its place among those that
    /// both let out.
    fn order(&self, of_box: usize, of_model: usize) -> Option<Difference> {
        let (before, after) = (of_box.to_string(), of_model.to_string());
        let difference = Difference { field: Field::Order, before, after };
        (!self.ignored.contains(&difference.field.word())).then_some(difference)
    }

    /// Compares the ICMP errors that the two made towards one end, by what they say of which segment.
    fn compare_errors(&self, told: &[Came], outputs: &[&Output], sender: Sender) -> Vec<Mismatch> {
        let mut left: Vec<&Came> = told.iter().collect();
        let mut found = Vec::new();
        for out in outputs {
            let said = about(&out.packet);
            match left.iter().position(|came| about(&came.packet) == said) {
                Some(same) => drop(left.remove(same)),
                None => found.push(self.only_model(out, sender)),
            }
        }
        for came in left {
            let otherwise = Otherwise::OnlyBox(spell_out(&came.packet));
            found.push(self.mismatch(came.at, sender, None, Some(came), otherwise));
        }
        found
    }

    fn only_model(&self, out: &Output, sender: Sender) -> Mismatch {
        let said = spell_out(&out.plain);
        self.mismatch(out.at, sender, out.input, None, Otherwise::OnlyModel(said))
    }

    fn mismatch(
        &self,
        at: SimTime,
        sender: Sender,
        input: Option<usize>,
        came: Option<&Came>,
        otherwise: Otherwise,
    ) -> Mismatch {
        let signed = input.into_iter().flat_map(|input| &self.signed[input]);
        let acts = signed.map(|s| (s.change.to_string(), Arc::clone(&s.rule))).collect();
        Mismatch { at, sender, input, came: came.cloned(), otherwise, acts }
    }

    /// What differs between what came out of the two, but for what each chose at random.
    fn differences(&self, came: &Came, out: &Output) -> Vec<Difference> {
        let mut all = differences(&came.packet, &out.plain);
        let input = came.inputs.first().map(|&i| &self.crossing.inputs[i]);
        let sent = out.input.and_then(|i| self.passed.sent[i].as_ref());
        if let (Some(input), Some(sent)) = (input, sent) {
            let ports =
                |packet: &sim_core::wire::packet::Packet| (packet.src_port, packet.dst_port);
            let ((a, b), (from_a, from_b)) = (ports(&came.packet), ports(&input.packet));
            let ((c, d), (from_c, from_d)) = (ports(&out.packet), ports(sent));
            // That both give another port is the same, whichever they give.
            all.retain(|difference| match difference.field {
                Field::SourcePort => !(a != from_a && c != from_c),
                Field::DestinationPort => !(b != from_b && d != from_d),
                _ => true,
            });
            let shifts = [input.shift, out.packet.seq.0.wrapping_sub(sent.seq.0)];
            let words = |by: u32| if by == 0 { "as it was sent" } else { "shifted" };
            let opens = came.packet.flags.has(Flags::SYN);
            if opens && words(shifts[0]) != words(shifts[1]) {
                let [before, after] = shifts.map(|by| words(by).to_owned());
                all.push(Difference { field: Field::Sequence, before, after });
            }
        } else {
            // A packet of the box's own making: its clock, its counters and its ports are its own.
            all.retain(|difference| {
                !matches!(
                    difference.field,
                    Field::IpId
                        | Field::Ttl
                        | Field::SourcePort
                        | Field::DestinationPort
                        | Field::Option(kind::TIMESTAMPS, _)
                ) || difference.before == NONE
                    || difference.after == NONE
            });
        }
        all.retain(|difference| !self.ignored.contains(&difference.field.word()));
        // Of an option that one of them took away it is told how.
        let how = |from: Option<&Packet>, to: &Packet, field: Field| {
            let changes = from.map(|from| differences(from, to)).unwrap_or_default();
            changes.into_iter().find(|change| change.field == field).map(|change| change.after)
        };
        for difference in &mut all {
            if difference.before == NONE {
                let from = input.map(|input| &input.packet);
                let how = how(from, &came.packet, difference.field);
                difference.before = how.unwrap_or_else(|| NONE.into());
            }
            if difference.after == NONE {
                let from = out.input.map(|i| &self.crossing.inputs[i].packet);
                let how = how(from, &out.plain, difference.field);
                difference.after = how.unwrap_or_else(|| NONE.into());
            }
        }
        all
    }
}

/// Which of these distinct numbers are in order: as many as possible, the longest run that rises.
fn in_order(numbers: &[usize]) -> Vec<bool> {
    // The last number of the best run of each length, by its place, and what stands before each in its run.
    let mut ends: Vec<usize> = Vec::new();
    let mut before = vec![None; numbers.len()];
    for (at, number) in numbers.iter().enumerate() {
        let len = ends.partition_point(|&end| numbers[end] < *number);
        before[at] = len.checked_sub(1).map(|last| ends[last]);
        match ends.get_mut(len) {
            Some(end) => *end = at,
            None => ends.push(at),
        }
    }
    let mut holds = vec![false; numbers.len()];
    let mut next = ends.last().copied();
    while let Some(at) = next {
        holds[at] = true;
        next = before[at];
    }
    holds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_possible_are_in_order() {
        let kept = |numbers: &[usize]| -> Vec<usize> {
            let all = in_order(numbers);
            numbers.iter().zip(all).filter(|(_, holds)| *holds).map(|(n, _)| *n).collect()
        };
        assert_eq!(kept(&[]), [0; 0]);
        assert_eq!(kept(&[1, 2, 3]), [1, 2, 3]);
        assert_eq!(kept(&[2, 3, 4, 1]), [2, 3, 4]);
        assert_eq!(kept(&[5, 1, 2, 9, 3, 4]), [1, 2, 3, 4]);
    }
}
