//! What becomes of the connections on a way: each is tried through the router, and those of one fate are told
//! together.

use std::net::SocketAddr;
use std::sync::Arc;

use sim_core::engine::device::{Device, Origin, PortId, Rule};
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::packet::{Flags, Flow, Packet};

use crate::audit::probe::{Attempt, probe};
use crate::audit::{Because, Effect, Verdict};
use crate::neighbours::linux::Linux;
use crate::neighbours::linux::matches::Circumstances;

use super::flows::{Flows, Named};
use super::ways::{End, Way};

/// What becomes of a connection, and why.
type Outcome = (Effect, Vec<Because>);

/// A router that connections are tried through.
pub(super) struct Tried {
    linux: Linux,
    /// Where what opens a connection is.
    ingress: PortId,
    at: SimTime,
}

impl Tried {
    /// A router at which nothing has been tried yet.
    pub(super) const fn of(linux: Linux) -> Self {
        Self { linux, ingress: PortId(0), at: SimTime::ZERO }
    }

    fn one(&mut self, flow: Flow, dared: &[usize]) -> Outcome {
        self.at += SimDuration::from_secs(60);
        self.linux.reload(self.at);
        self.linux.dared.clear();
        self.linux.dared.extend(dared);
        self.linux.met = None;
        let attempt =
            Attempt { ingress: self.ingress, client: flow.src, server: flow.dst, at: self.at };
        let probed = probe(&mut self.linux, attempt);
        if let Some(rule) = self.linux.met.take() {
            let why = "what its target does is not known: it is not modelled, or a chain that the text does not hold";
            return (Effect::Unknown, vec![Because::rule(&rule), Because::default(why)]);
        }
        let mut because = probed.because;
        if because.is_empty() {
            let why = match self.linux.is_host {
                false => "no rule for forwarded packets touches TCP options",
                true => "no rule for this host's packets touches TCP options",
            };
            because.push(Because::default(why));
        }
        (probed.effect, because)
    }

    /// What becomes of each of the connections on a way, which is not named yet.
    pub(super) fn between(&mut self, way: &Way, flows: &Flows) -> Vec<Verdict> {
        self.linux.interfaces = Some(way.names.clone());
        let is_of_host = way.end != End::Neither;
        self.linux.is_host = is_of_host;
        self.ingress = PortId(u8::from(way.end == End::Caller));
        let only_six = self.linux.rules.is_of_ipv6;
        let rest = self.one(flows.unnamed.flow(only_six), &[]);
        // What no rule names, of IPv4 and of IPv6; of one version only where the text speaks of one.
        let rests = match flows.tells_versions {
            true => [rest.clone(), self.one(flows.unnamed.flow(true), &[])],
            false => [rest.clone(), rest.clone()],
        };
        let mut rows: Vec<(Outcome, Vec<String>)> = Vec::new();
        let mut say = |traffic: String, outcome: Outcome| match rows
            .iter_mut()
            .find(|(known, _)| *known == outcome)
        {
            Some((_, all)) if all.contains(&traffic) => {}
            Some((_, all)) => all.push(traffic),
            None => rows.push((outcome, vec![traffic])),
        };
        let mine = |named: &&Named| named.is_host.is_none_or(|is_host| is_host == is_of_host);
        // One connection for each effect, by which rules that may hold are tried again.
        let mut seen: Vec<(Outcome, Flow)> = vec![(rest.clone(), flows.unnamed.flow(only_six))];
        if rests[0] != rests[1] {
            seen.push((rests[1].clone(), flows.unnamed.flow(true)));
        }
        let mut tried: Vec<(&Named, Vec<(bool, Outcome)>)> = Vec::new();
        for named in flows.named.iter().filter(mine).filter(|named| named.doubts.is_empty()) {
            let versions: &[bool] = match (named.is_of_ipv6, flows.tells_versions) {
                (Some(true), _) => &[true],
                (None, true) => &[false, true],
                _ => &[false],
            };
            let mut told: Vec<(bool, Outcome)> = Vec::new();
            for is_six in versions {
                let mut flow = named.flow;
                if named.is_of_ipv6.is_none() && *is_six {
                    let [client, server] = flows.unnamed.ends[1];
                    flow.src.set_ip(client);
                    flow.dst.set_ip(server);
                }
                let outcome = self.one(flow, &[]);
                if !seen.iter().any(|((effect, _), _)| *effect == outcome.0) {
                    seen.push((outcome.clone(), flow));
                }
                told.push((*is_six, outcome));
            }
            tried.push((named, told));
        }
        // What another row's rule names, too, and what becomes of it is what becomes of the rest.
        let is_rest = |(is_six, outcome): &(bool, Outcome)| {
            *outcome == rests[usize::from(flows.tells_versions && *is_six)]
        };
        let (alike, others): (Vec<_>, Vec<_>) =
            tried.iter().partition(|(_, told)| told.iter().all(is_rest));
        for (named, _) in alike {
            let general = flows.unnamed.flow(named.flow.dst.is_ipv6());
            let mut is_exception = false;
            for (other, told) in &others {
                if is_exception || told.iter().all(|(_, outcome)| outcome.0 == rest.0) {
                    continue;
                }
                // A connection that both name.
                let flow = named.of_both(other, general);
                is_exception = flow.src.is_ipv6() == flow.dst.is_ipv6()
                    && self.is_named_by(flow, other, way)
                    && (flow == named.flow
                        || self.is_named_by(flow, named, way) && self.one(flow, &[]) == rest);
            }
            if is_exception {
                say(format!("TCP{}", named.traffic), rest.clone());
            }
        }
        for (named, told) in tried {
            let traffic = &named.traffic;
            match told.as_slice() {
                [(_, four), (_, six)] if four == six => {
                    if *four != rests[0] || *six != rests[1] {
                        say(format!("TCP{traffic}"), four.clone());
                    }
                }
                [_, _] => {
                    for (is_six, outcome) in told {
                        if outcome != rests[usize::from(is_six)] {
                            let version = if is_six { 6 } else { 4 };
                            say(format!("TCP over IPv{version}{traffic}"), outcome);
                        }
                    }
                }
                _ => {
                    for (is_six, outcome) in told {
                        let is_other = flows.tells_versions && is_six;
                        if outcome != rests[usize::from(is_other)] {
                            say(format!("TCP{traffic}"), outcome);
                        }
                    }
                }
            }
        }
        for (traffic, flow) in flows.between_sources().filter(|_| rests[0] == rests[1]) {
            let outcome = self.one(flow, &[]);
            let [client, server] = flows.unnamed.ends[0];
            let ends = [
                Flow { dst: SocketAddr::new(server, flow.dst.port()), ..flow },
                Flow { src: SocketAddr::new(client, flow.src.port()), ..flow },
            ];
            if outcome.0 != rest.0 && ends.iter().all(|end| self.one(*end, &[]).0 == rest.0) {
                say(traffic, outcome);
            }
        }
        // Rules whose conditions cannot be told, with the reason; those of one condition that decide together
        // are told where none of them decides alone.
        let mut decide: Vec<(&Named, Vec<usize>, bool)> = Vec::new();
        for named in flows.named.iter().filter(mine).filter(|named| !named.doubts.is_empty()) {
            let of_its_own = !seen.iter().any(|(_, flow)| *flow == named.flow);
            let own = of_its_own.then(|| (self.one(named.flow, &[]), named.flow));
            let dared = self.alike(&named.doubts);
            let is_shared = dared.len() > named.doubts.len();
            // Of one condition a packet of each end may fit it, or both.
            let ends: &[Option<PortId>] =
                if is_shared { &[None, Some(PortId(0)), Some(PortId(1))] } else { &[None] };
            let tried: Vec<_> = own.iter().chain(&seen).collect();
            // Another line that does the same is no difference.
            let mut differs = |end: Option<PortId>, dared: &[usize]| {
                self.linux.daring = end;
                let differs =
                    tried.iter().any(|((effect, _), flow)| self.one(*flow, dared).0 != *effect);
                self.linux.daring = None;
                differs
            };
            if ends.iter().any(|end| differs(*end, &dared)) {
                let alone = !is_shared || differs(None, &named.doubts);
                decide.push((named, dared, alone));
            }
        }
        for (named, dared, alone) in &decide {
            let is_covered = |(_, of, alone): &(&Named, Vec<usize>, bool)| *alone && of == dared;
            if *alone || !decide.iter().any(is_covered) {
                let because = self.doubted(&named.doubts);
                say(
                    format!("TCP{} that this rule names", named.traffic),
                    (Effect::Unknown, because),
                );
            }
        }
        if rests[0] != rests[1] {
            let [_, six] = rests;
            say("all other TCP over IPv6".to_owned(), six);
        }
        let all = if rows.is_empty() { "all TCP" } else { "all other TCP" };
        rows.push((rest, vec![all.to_owned()]));
        // Of IPv4 such a text says nothing.
        if only_six {
            for name in rows.iter_mut().flat_map(|(_, names)| names) {
                *name = name.replacen("TCP", "TCP over IPv6", 1);
            }
        }
        let verdict = |((effect, because), traffic): (Outcome, Vec<String>)| Verdict {
            traffic: traffic.join(", "),
            direction: String::new(),
            effect,
            because,
        };
        rows.into_iter().map(verdict).collect()
    }

    /// True when the first packet of a connection comes by a way to a rule that names others.
    fn is_named_by(&self, flow: Flow, other: &Named, way: &Way) -> bool {
        let rules = &self.linux.rules;
        let mut syn = Packet::new(flow.src, flow.dst);
        syn.flags = Flags::SYN;
        let [near, far] = [way.names[0].as_str(), way.names[1].as_str()];
        let (interfaces, host) = match way.end {
            End::Neither => ([near, far], None),
            End::Called => ([near, far], Some(true)),
            End::Caller => ([far, near], Some(false)),
        };
        let around = Circumstances { state: "NEW", interfaces: Some(interfaces), host };
        let (base, path) = &other.path;
        let when = rules.bases.get(*base).into_iter().flat_map(|base| base.when.iter());
        let asked = path.iter().flat_map(|at| rules.entries[*at].matches.iter());
        when.chain(asked).all(|(negated, on)| on.holds(*negated, &syn, around))
    }

    /// Rules that cannot be told, and those others that ask the same of a packet.
    fn alike(&self, doubts: &[usize]) -> Vec<usize> {
        let entries = &self.linux.rules.entries;
        let asked: Vec<&str> =
            doubts.iter().filter_map(|at| entries[*at].asks.as_deref()).collect();
        let mut all = doubts.to_vec();
        if !asked.is_empty() {
            let asks =
                |at: &usize| entries[*at].asks.as_deref().is_some_and(|a| asked.contains(&a));
            all.extend((0..entries.len()).filter(|at| !doubts.contains(at)).filter(asks));
        }
        all.sort_unstable();
        all
    }

    /// Why it cannot be told whether these rules hold, the last of them first: it is what is done.
    fn doubted(&self, doubts: &[usize]) -> Vec<Because> {
        let rules = &self.linux.rules;
        let entries = doubts.iter().rev().map(|at| &rules.entries[*at]);
        let each = entries.map(|entry| {
            let doubt = entry.doubt.as_deref().unwrap_or("");
            let why = format!("whether a connection fits {doubt} the text does not tell");
            [line_of(&rules.rule(entry)), Because::default(why)]
        });
        each.flatten().collect()
    }
}

fn line_of(rule: &Arc<Rule>) -> Because {
    match &rule.origin {
        Origin::Config(place) => Because::line(place, "this rule may hold"),
        _ => Because::rule(rule),
    }
}
