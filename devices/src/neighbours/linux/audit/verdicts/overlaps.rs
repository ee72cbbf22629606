//! What classes have in common: connections that more than one of them names, and what becomes of those.

use std::borrow::Cow;

use sim_core::wire::packet::{Flags, Packet};

use crate::neighbours::linux::audit::class::Class;
use crate::neighbours::linux::audit::flows::{Call, Flows, Named};
use crate::neighbours::linux::audit::loopback;
use crate::neighbours::linux::audit::parts::Split;
use crate::neighbours::linux::audit::ways::{End, Way};
use crate::neighbours::linux::matches::Circumstances;
use crate::neighbours::linux::rules::Base;

use super::{OfVersion, Outcome, Tried, effect, versions};

impl Tried {
    /// Of classes of which other rules name a part, each part is tried: a class keeps those that share the fate of the
    /// connection that was tried, and others that no class with their fate names are classes of their own.
    pub(super) fn split(
        &mut self,
        tried: &mut Vec<(Cow<'_, Named>, Vec<OfVersion>)>,
        flows: &Flows,
        way: &Way,
    ) {
        let mut left = flows.parts_max;
        let mut of_parts: Vec<(Named, Vec<OfVersion>)> = Vec::new();
        for (named, told) in tried.iter_mut() {
            let Some(split) = Split::of(named, &flows.unnamed) else { continue };
            if !split.is_tried(&mut left) {
                named.to_mut().traffic.is_in_part = true;
                continue;
            }
            let mut groups: Vec<(Vec<OfVersion>, Vec<usize>)> = Vec::new();
            for (at, part) in split.each(&flows.unnamed).iter().enumerate() {
                let each = versions(part, flows);
                let of_part: Vec<OfVersion> = each
                    .into_iter()
                    .map(|(is_six, flow)| (is_six, self.one(part.called(flow), &[])))
                    .collect();
                match groups.iter_mut().find(|(known, _)| *known == of_part) {
                    Some((_, places)) => places.push(at),
                    None => groups.push((of_part, vec![at])),
                }
            }
            if groups.len() < 2 {
                continue;
            }
            for (of_group, places) in groups {
                let joined = split.joined(&places, &flows.unnamed);
                if of_group == *told {
                    named.to_mut().traffic = joined.traffic;
                } else {
                    of_parts.push((joined, of_group));
                }
            }
        }
        for (part, told) in of_parts {
            let is_theirs = |(other, of): &(Cow<'_, Named>, Vec<OfVersion>)| {
                let is_of = |(is_six, outcome): &OfVersion| {
                    let is_such =
                        |(six, of): &OfVersion| six == is_six && effect(of) == effect(outcome);
                    of.iter().any(is_such)
                };
                told.iter().all(is_of) && self.is_named_by(part.call(), other, way)
            };
            if !tried.iter().any(is_theirs) {
                tried.push((Cow::Owned(part), told));
            }
        }
    }

    /// Classes of which connections that another class has, too, fare as those: what earlier rules decide of them is not
    /// what their own rule does.
    pub(super) fn crossed(
        &mut self,
        tried: &[(Cow<'_, Named>, Vec<OfVersion>)],
        flows: &Flows,
        way: &Way,
    ) -> Vec<usize> {
        let of_version = |told: &[OfVersion], is_six: bool| {
            let mut told = told.iter();
            told.find(|(six, _)| *six == is_six).and_then(|(_, outcome)| effect(outcome))
        };
        let mut left = flows.parts_max;
        let mut crossed = Vec::new();
        for (at, (mine, of_mine)) in tried.iter().enumerate() {
            let general = flows.unnamed.flow(mine.flow.dst.is_ipv6());
            let is_crossed = tried.iter().any(|(other, of_other)| {
                let call = Call {
                    flow: mine.of_both(&other.flow, general),
                    calls_host: mine.calls_host || other.calls_host,
                    supposed: mine.supposed.or(other.supposed),
                };
                let is_six = call.flow.dst.is_ipv6();
                let effects = [of_version(of_mine, is_six), of_version(of_other, is_six)];
                if left == 0
                    || effects[0] == effects[1]
                    || effects.iter().any(Option::is_none)
                    // The narrower of two classes is the one that is read.
                    || [mine, other].iter().any(|named| call == named.call() || named.is_of_answers)
                    || call.flow.src.is_ipv6() != is_six
                    || ![mine, other].iter().all(|named| self.is_named_by(call, named, way))
                {
                    return false;
                }
                left -= 1;
                effect(&self.one(call, &[])) == effects[1]
            });
            crossed.extend(is_crossed.then_some(at));
        }
        crossed
    }

    /// What two classes have in common and fares otherwise than either of them.
    pub(super) fn common(
        &mut self,
        tried: &[(Cow<'_, Named>, Vec<OfVersion>)],
        flows: &Flows,
        way: &Way,
    ) -> Vec<(Class, Outcome)> {
        let mut left = flows.parts_max;
        let mut all: Vec<(Class, Outcome)> = Vec::new();
        for (mine, of_mine) in tried {
            let general = flows.unnamed.flow(mine.flow.dst.is_ipv6());
            for (other, of_other) in tried {
                let call = Call {
                    flow: mine.of_both(&other.flow, general),
                    calls_host: mine.calls_host || other.calls_host,
                    supposed: mine.supposed.or(other.supposed),
                };
                let [source, destination] = [call.flow.src, call.flow.dst].map(|end| end.is_ipv6());
                if left == 0
                    || source != destination
                    || [mine, other].iter().any(|named| {
                        call == named.call() || named.is_of_answers || !named.limits.is_empty()
                    })
                    || !other.is_like(&call, general) && !self.is_named_by(call, other, way)
                {
                    continue;
                }
                let is_plain = [mine, other].iter().all(|named| named.traffic.others.is_empty());
                let joined = mine.traffic.joined(&other.traffic).filter(|_| is_plain);
                let Some(class) = joined else { continue };
                if all.iter().any(|(known, _)| known.to_string() == class.to_string())
                    || !self.is_named_by(call, mine, way)
                {
                    continue;
                }
                left -= 1;
                let Some(outcome) = self.one(call, &[]) else { continue };
                let is_such = |(_, known): &OfVersion| effect(known) == Some(outcome.0);
                let fares_so = |told: &[OfVersion]| told.iter().any(is_such);
                // Nor by another one that has them and is read before those.
                let has = |(named, _): &&(Cow<'_, Named>, _)| class.is_within(&named.traffic);
                let is_read = |(named, told): &(Cow<'_, Named>, Vec<OfVersion>)| {
                    fares_so(told)
                        && !tried.iter().filter(has).any(|(before, told)| {
                            !fares_so(told) && before.traffic.is_part_of(&named.traffic)
                        })
                };
                let is_told = tried.iter().filter(has).any(is_read);
                if !is_told && !fares_so(of_mine) && !fares_so(of_other) {
                    all.push((class, outcome));
                }
            }
        }
        all
    }

    /// True when the first packet of a connection, or what answers it, comes by a way to a rule that names others.
    pub(super) fn is_named_by(&self, call: Call, other: &Named, way: &Way) -> bool {
        let rules = &self.linux.rules;
        let Call { mut flow, supposed, .. } = call;
        if self.linux.is_of_loopback() {
            let Some(alike) = loopback::of_one_address(flow, &self.ends) else { return false };
            flow = alike;
        }
        let (flow, flags, state) = match other.is_of_answers {
            true => (flow.reversed(), Flags::SYN.with(Flags::ACK), "ESTABLISHED"),
            false => (flow, Flags::SYN, "NEW"),
        };
        let mut packet = Packet::new(flow.src, flow.dst);
        packet.flags = flags;
        let [near, far] = [way.names[0].as_str(), way.names[1].as_str()];
        // Whether it is on its way to what stands behind the far interface, which may be this host.
        let is_inward = (way.end != End::Caller) != other.is_of_answers;
        let is_of_host = way.end != End::Neither;
        let [of_packet, of_connection] = supposed.marks;
        let around = |base: &Base| {
            // What this host sends to itself goes out before it comes in.
            let is_inward = match near {
                "lo" if is_of_host => !base.hook.is_of_what_leaves(),
                _ => is_inward,
            };
            Circumstances {
                state,
                interfaces: Some(if is_inward { [near, far] } else { [far, near] }),
                hosts: [!is_inward, is_inward].map(|it| is_of_host && (it || near == "lo")),
                is_sent: is_of_host && !is_inward,
                is_translated: false,
                is_reply: Some(other.is_of_answers),
                socket: None,
                mss: supposed.mss.filter(|_| !other.is_of_answers),
                // What rules make of marks on the way is left open.
                mark: (!self.gives_marks).then_some(if other.is_of_answers {
                    0
                } else {
                    of_packet
                }),
                connection_mark: Some((!self.gives_marks).then_some(of_connection)),
                owner: supposed.owner,
            }
        };
        other.paths.iter().any(|(base, path)| {
            let Some(base) = rules.base(*base) else { return false };
            let asked = path.iter().flat_map(|at| rules.entries[*at].matches.iter());
            let around = around(base);
            base.when.iter().chain(asked).all(|(negated, on)| on.holds(*negated, &packet, around))
        })
    }
}
