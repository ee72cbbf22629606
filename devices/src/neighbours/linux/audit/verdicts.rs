//! What becomes of the connections on a way: each is tried through the router, and those of one fate are told
//! together.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use sim_core::engine::device::{Device, Origin, PortId, Rule};
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::packet::Flow;

use crate::audit::probe::{Attempt, probe};
use crate::audit::{Because, Effect, Verdict};
use crate::neighbours::audit::{CLIENT, SERVER};
use crate::neighbours::linux::paths::each_of;
use crate::neighbours::linux::rules::{Hook, Limit, Ruleset};
use crate::neighbours::linux::target::Target;
use crate::neighbours::linux::{Linux, Routed, loopback_mss};

use super::class::Class;
use super::flows::{Call, Flows, Named};
use super::loopback;
use super::ways::{End, Way};

mod overlaps;
mod proofs;

/// Most rules that ask for marks that are not told, each of which may be the one that holds.
const OPEN_MAX: usize = 16;

/// What becomes of a connection, and why.
type Outcome = (Effect, Vec<Because>);

/// Whether a connection is one of IPv6, and what becomes of it.
type OfVersion = (bool, Option<Outcome>);

/// A router that connections are tried through.
#[derive(Debug)]
pub(super) struct Tried {
    linux: Linux,
    /// Where what opens a connection is.
    ingress: PortId,
    at: SimTime,
    /// A rule sent the last connection elsewhere: whether to a process of this host, though another was called.
    sent: Option<bool>,
    /// That rule.
    by: Option<Arc<Rule>>,
    /// Once a connection was translated.
    asked: Option<AskedOf>,
    /// Rules change marks.
    gives_marks: bool,
    /// The addresses that no rule names, of IPv4 and of IPv6.
    ends: [[IpAddr; 2]; 2],
    /// The line of a rule that decides of what several classes have in common, where more such is there than has a row.
    pub(super) untold: Option<u32>,
}

const fn effect(outcome: &Option<Outcome>) -> Option<Effect> {
    match outcome {
        Some((effect, _)) => Some(*effect),
        None => None,
    }
}

/// What rules ask of a destination: of connections that are forwarded, and of those for this host itself.
#[derive(Clone, Copy, Debug, Default)]
struct AskedOf {
    of_forwarded: bool,
    of_host: bool,
    /// The address of those for this host.
    address_of_host: bool,
}

impl AskedOf {
    fn of(rules: &Ruleset) -> Self {
        let mut asked = Self::default();
        each_of(
            rules,
            |base| !base.is_nat,
            |path| {
                let is_asked = path.conditions().any(|(_, on)| on.is_of_destination());
                asked.of_forwarded |= is_asked && path.base.hook == Hook::Forward;
                if matches!(path.base.hook, Hook::Input) {
                    asked.of_host |= is_asked;
                    asked.address_of_host |=
                        path.conditions().any(|(_, on)| on.is_of_destination_address());
                }
                true
            },
        );
        asked
    }

    /// True when rules treat the destinations that a connection may have got differently. Of this host's addresses
    /// the text does not tell which one it is.
    const fn tell_apart(self, routed: &Routed) -> bool {
        if routed.is_here {
            let is_moved = routed.is_taken && !routed.is_proxied;
            routed.is_open && self.of_host || is_moved && self.address_of_host
        } else {
            routed.is_open && self.of_forwarded
        }
    }
}

impl Tried {
    /// A router at which nothing has been tried yet.
    pub(super) fn of(linux: Linux) -> Self {
        let gives_marks = linux.rules.entries.iter().any(|entry| !entry.marks.is_empty());
        let (ingress, at) = (PortId(0), SimTime::ZERO);
        let ends = [[CLIENT.ip(), SERVER.ip()], [Ipv6Addr::UNSPECIFIED.into(); 2]];
        let (sent, by, asked, untold) = (None, None, None, None);
        Self { linux, ingress, at, sent, by, asked, gives_marks, ends, untold }
    }

    /// What becomes of a connection; nothing where it takes another way than the one that is tried. Where rules ask for
    /// marks that the text does not tell, any of them may be the one that holds, or none.
    fn one(&mut self, call: Call, dared: &[usize]) -> Option<Outcome> {
        self.linux.held.clear();
        let none = self.once(call, dared);
        let sent = self.sent;
        let mut opened = std::mem::take(&mut self.linux.opened);
        opened.sort_unstable();
        opened.dedup();
        for at in opened.into_iter().take(OPEN_MAX) {
            self.linux.held = vec![at];
            let other = self.once(call, dared);
            if effect(&other) != effect(&none) {
                let rules = &self.linux.rules;
                let rule = Because::rule(&rules.rule(&rules.entries[at]));
                let why = "the mark that this rule asks for the text does not tell";
                return Some((Effect::Unknown, vec![rule, Because::default(why)]));
            }
        }
        self.sent = sent;
        none
    }

    /// The same, where it is known which of those hold.
    fn once(&mut self, call: Call, dared: &[usize]) -> Option<Outcome> {
        let Call { mut flow, calls_host, mut supposed } = call;
        self.by = None;
        if self.linux.is_of_loopback() {
            flow = loopback::of_one_address(flow, &self.ends)?;
            supposed.mss.get_or_insert(loopback_mss(flow.dst.is_ipv6()));
        }
        self.at += SimDuration::from_secs(60);
        self.linux.reload(self.at);
        self.linux.dared.clear();
        self.linux.dared.extend(dared);
        self.linux.met = None;
        self.linux.opened.clear();
        self.linux.refused = [None; 2];
        self.linux.is_doubted = false;
        self.linux.calls_host = calls_host;
        self.linux.supposed = supposed;
        let attempt =
            Attempt { ingress: self.ingress, client: flow.src, server: flow.dst, at: self.at };
        let probed = probe(&mut self.linux, attempt);
        let refused = self.linux.refused[usize::from(self.ingress.0)];
        if let Some(met) = self.linux.met.take().filter(|met| !met.is_idle(refused)) {
            return Some((
                Effect::Unknown,
                vec![Because::rule(&met.rule), Because::default(met.why)],
            ));
        }
        let routed = std::mem::take(&mut self.linux.routed);
        let is_of_host = self.linux.is_host;
        self.sent = routed.by.as_ref().map(|_| routed.is_taken && !is_of_host);
        self.by.clone_from(&routed.by);
        if is_of_host && !routed.is_here || !is_of_host && routed.is_here && calls_host {
            return None;
        }
        let is_callers = self.ingress == PortId(1);
        let mut because = probed.because;
        if let Some(rule) = &routed.by {
            if self.asked.get_or_insert_with(|| AskedOf::of(&self.linux.rules)).tell_apart(&routed)
            {
                let why = "where this rule sends a connection to, and so what the rules for it say, the text does \
                           not tell";
                return Some((Effect::Unknown, vec![Because::rule(rule), Because::default(why)]));
            }
            if routed.is_taken
                && (is_callers || !is_of_host || routed.is_proxied || routed.is_elsewhere)
                && matches!(probed.effect, Effect::Pass | Effect::Strip)
            {
                let why = "a process of this host is the TCP peer";
                return Some((Effect::Terminate, vec![Because::rule(rule), Because::default(why)]));
            }
        }
        // A line for what comes in is not where one looks for what keeps a host from calling others.
        let answers = self.ingress.peer();
        let is_of_answers =
            self.linux.refused[usize::from(answers.0)].is_some() && refused.is_none();
        if is_of_host && is_callers && probed.effect == Effect::Drop && is_of_answers {
            because.push(Because::default("what answers the host's packets is dropped"));
        }
        if because.is_empty() {
            let why = match self.linux.is_host {
                false => "no rule for forwarded packets touches TCP options",
                true => "no rule for this host's packets touches TCP options",
            };
            because.push(Because::default(why));
        }
        Some((probed.effect, because))
    }

    /// Connections that are tried from now on take this way.
    fn take(&mut self, way: &Way) {
        self.linux.interfaces = Some(way.names.clone());
        self.linux.is_host = way.end != End::Neither;
        self.ingress = PortId(u8::from(way.end == End::Caller));
    }

    /// What becomes of a connection on a way; unknown where it comes to a rule whose conditions cannot be told.
    pub(super) fn alone(&mut self, way: &Way, flow: Flow) -> Option<Effect> {
        self.take(way);
        let effect = effect(&self.one(flow.into(), &[]));
        effect.map(|effect| if self.linux.is_doubted { Effect::Unknown } else { effect })
    }

    /// What becomes of a connection that calls this host and that a rule sends on to another, by whichever interface that is
    /// reached: the text does not tell by which.
    fn sent_on(&mut self, call: Call, way: &Way, ways: &[Way]) -> Option<Outcome> {
        let by = self.by.take()?;
        let on = ways.iter().filter(|on| on.end == End::Neither && on.names[0] == way.names[0]);
        let mut outcomes: Vec<Outcome> = Vec::new();
        for on in on {
            self.take(on);
            outcomes.extend(self.one(Call { calls_host: true, ..call }, &[]));
        }
        self.take(way);
        // Who is sent on is behind the interface to which that is let through, if there is one.
        let (effect, mut because) =
            outcomes.into_iter().min_by_key(|(effect, _)| *effect == Effect::Drop)?;
        let mut rule = Because::rule(&by);
        if let Origin::Config(place) = &by.origin {
            rule = Because::line(
                place,
                "this rule sends it on to another, as is said of what is forwarded",
            );
        }
        because.insert(0, rule);
        Some((effect, because))
    }

    /// What becomes of each of the connections on a way, which is not named yet, and one of all `ways`.
    pub(super) fn between(&mut self, way: &Way, flows: &Flows, ways: &[Way]) -> Vec<Verdict> {
        self.take(way);
        self.ends = flows.unnamed.ends;
        let is_of_host = self.linux.is_host;
        let flows = &*if is_of_host { flows.of_host() } else { Cow::Borrowed(flows) };
        let only_six = self.linux.rules.is_of_ipv6;
        let unnamed = |is_six: bool| Call::from(flows.unnamed.flow(is_six));
        let rest = self.one(unnamed(only_six), &[]);
        // What no rule names, of IPv4 and of IPv6; of one version only where the text speaks of one.
        let rests = match flows.tells_versions {
            true => [rest.clone(), self.one(unnamed(true), &[])],
            false => [rest.clone(), rest.clone()],
        };
        let mut rows: Vec<Row> = Vec::new();
        let mut say = |traffic: String, class: Option<&Class>, outcome: Option<Outcome>| {
            let Some(outcome) = outcome else { return };
            let at = rows.iter().position(|row| row.outcome == outcome).unwrap_or_else(|| {
                rows.push(Row::of(outcome));
                rows.len() - 1
            });
            if !rows[at].traffic.contains(&traffic) {
                rows[at].traffic.push(traffic);
                rows[at].classes.extend(class.cloned());
            }
        };
        // What a rule hands to this host's processes meets the host's rules, too.
        let hands = self.linux.rules.entries.iter().any(|entry| match &entry.target {
            Target::Take { .. } => true,
            Target::Translate(to) => to.is_here,
            _ => false,
        });
        let mine = |named: &&Named| {
            named.is_host.is_none_or(|is_host| is_host == is_of_host || is_host && hands)
        };
        // One connection for each effect, by which rules that may hold are tried again.
        let mut seen: Vec<(Effect, Call)> = Vec::new();
        seen.extend(effect(&rest).map(|effect| (effect, unnamed(only_six))));
        if rests[0] != rests[1] {
            seen.extend(effect(&rests[1]).map(|effect| (effect, unnamed(true))));
        }
        // Those that rules send elsewhere, and whether a process of this host takes them.
        let mut sent: Vec<(&Named, (Effect, Call), bool)> = Vec::new();
        let mut tried: Vec<(Cow<'_, Named>, Vec<OfVersion>)> = Vec::new();
        let is_class = |named: &&Named| named.doubts.is_empty() && !named.traffic.is_any();
        for named in flows.named.iter().filter(mine).filter(is_class) {
            let mut told: Vec<OfVersion> = Vec::new();
            for (is_six, flow) in versions(named, flows) {
                let call = named.called(flow);
                let mut outcome = self.one(call, &[]);
                if outcome.is_none() && rest.is_some() && way.end == End::Called {
                    // An address that rules name is told of where it is forwarded.
                    if named.traffic.destinations.is_none() {
                        outcome = self.sent_on(call, way, ways);
                    }
                    told.push((is_six, outcome));
                    continue;
                }
                if let Some(effect) = effect(&outcome) {
                    let new = (effect, call);
                    let is_alike = |(seen, other): &(Effect, Call)| {
                        *seen == effect && other.flow.src.is_ipv6() == flow.src.is_ipv6()
                    };
                    if !seen.iter().any(is_alike) {
                        seen.push(new);
                    }
                    sent.extend(self.sent.map(|is_taken| (named, new, is_taken)));
                }
                told.push((is_six, outcome));
            }
            tried.push((Cow::Borrowed(named), told));
        }
        self.split(&mut tried, flows, way);
        // The same connections may be those of a rule on another way, too.
        let crossed = self.crossed(&tried, flows, way);
        let crossed: Vec<Call> = crossed.into_iter().map(|at| tried[at].0.call()).collect();
        for (named, _) in tried.iter_mut().filter(|(named, _)| crossed.contains(&named.call())) {
            named.to_mut().traffic.is_in_part = true;
        }
        // What two classes have in common and fares as neither is told by both names, in rows of its own, which go before
        // what is wider.
        let mut common: Vec<Row> = Vec::new();
        for (class, outcome) in self.common(&tried, flows, way) {
            let at = common.iter().position(|row| row.outcome == outcome).unwrap_or_else(|| {
                common.push(Row::of(outcome));
                common.len() - 1
            });
            common[at].traffic.push(format!("TCP{class}"));
            common[at].classes.push(class);
        }
        // What another row's rule names, too, and what becomes of it is what becomes of the rest.
        let is_rest = |(is_six, outcome): &OfVersion| {
            *outcome == rests[usize::from(flows.tells_versions && *is_six)]
        };
        let (alike, others): (Vec<_>, Vec<_>) =
            tried.iter().partition(|(_, told)| told.iter().all(is_rest));
        for (named, _) in &alike {
            let general = flows.unnamed.flow(named.flow.dst.is_ipv6());
            for (other, told) in &others {
                let is_alike = |outcome| [None, effect(&rest)].contains(&effect(outcome));
                if told.iter().all(|(_, outcome)| is_alike(outcome)) {
                    continue;
                }
                // A connection that both name.
                let flow = named.of_both(&other.flow, general);
                let both =
                    Call { supposed: named.supposed.or(other.supposed), ..named.called(flow) };
                let is_theirs = flow.src.is_ipv6() == flow.dst.is_ipv6()
                    && (other.is_like(&both, general) || self.is_named_by(both, other, way))
                    && (both == named.call() || self.is_named_by(both, named, way));
                if !is_theirs {
                    continue;
                }
                let of_both = self.one(both, &[]);
                if both == named.call() || effect(&of_both) == effect(&rest) {
                    say(format!("TCP{}", named.traffic), Some(&named.traffic), of_both);
                    break;
                }
            }
        }
        for (named, told) in &tried {
            let traffic = &named.traffic;
            match told.as_slice() {
                [(_, four), (_, six)] if four == six => {
                    if *four != rests[0] || *six != rests[1] {
                        say(format!("TCP{traffic}"), Some(traffic), four.clone());
                    }
                }
                [_, _] => {
                    for (is_six, outcome) in told {
                        if *outcome != rests[usize::from(*is_six)] {
                            let version = if *is_six { 6 } else { 4 };
                            let traffic_of_version = format!("TCP over IPv{version}{traffic}");
                            say(traffic_of_version, Some(traffic), outcome.clone());
                        }
                    }
                }
                _ => {
                    for (is_six, outcome) in told {
                        let is_other = flows.tells_versions && *is_six;
                        if *outcome != rests[usize::from(is_other)] {
                            say(format!("TCP{traffic}"), Some(traffic), outcome.clone());
                        }
                    }
                }
            }
        }
        // Those from one network that fare alike, to all of theirs.
        let mut pairs: Vec<(Class, Option<Outcome>)> = Vec::new();
        let is_named = |flow: &Flow| {
            flows.named.iter().any(|named| named.doubts.is_empty() && named.flow == *flow)
        };
        for (class, flow) in flows.between_networks() {
            if only_six || is_named(&flow) {
                continue;
            }
            let outcome = self.one(flow.into(), &[]);
            let [client, server] = flows.unnamed.ends[0];
            let ends = [
                Flow { dst: SocketAddr::new(server, flow.dst.port()), ..flow },
                Flow { src: SocketAddr::new(client, flow.src.port()), ..flow },
            ];
            // Neither end's own row tells it.
            let mut is_other =
                |end: &Flow| effect(&self.one((*end).into(), &[])) != effect(&outcome);
            if effect(&outcome) == effect(&rest) || !ends.iter().all(&mut is_other) {
                continue;
            }
            let is_like = |(of, known): &&mut (Class, Option<Outcome>)| {
                of.sources == class.sources && *known == outcome
            };
            match pairs.iter_mut().find(is_like) {
                Some((of, _)) => of.add_destinations(&class),
                None => {
                    seen.extend(effect(&outcome).map(|effect| (effect, flow.into())));
                    pairs.push((class, outcome));
                }
            }
        }
        for (class, outcome) in pairs {
            say(format!("TCP{class}"), Some(&class), outcome);
        }
        // Rules whose conditions cannot be told, with the reason; those of one condition that decide together
        // are told where none of them decides alone.
        let mut decide: Vec<(&Named, Vec<usize>, bool)> = Vec::new();
        let mut limited: Vec<(String, &[usize])> = Vec::new();
        let is_open = |named: &&Named| !named.doubts.is_empty() || !named.limits.is_empty();
        for named in flows.named.iter().filter(mine).filter(is_open) {
            let call = named.call();
            let of_its_own = !seen.iter().any(|(_, seen)| *seen == call);
            // What takes another way unless the rule holds is held against what no rule names.
            let own = of_its_own.then(|| self.one(call, &[]).or_else(|| rest.clone()));
            let own = own.and_then(|own| effect(&own)).map(|effect| (effect, call));
            let dared = self.alike(&named.doubts);
            let is_shared = dared.len() > named.doubts.len();
            // Of one condition a packet of each end may fit it, or both.
            let ends: &[Option<PortId>] =
                if is_shared { &[None, Some(PortId(0)), Some(PortId(1))] } else { &[None] };
            // What of these fits the rule's conditions that can be told.
            let general = flows.unnamed.flow(named.flow.dst.is_ipv6());
            let mut fitting: Vec<(Effect, Call)> = Vec::new();
            for (_, other) in seen.iter().filter(|_| named.flow != general) {
                let call = Call {
                    flow: named.of_both(&other.flow, general),
                    calls_host: other.calls_host || named.calls_host,
                    supposed: named.supposed.or(other.supposed),
                };
                let is_known = |(_, known): &(Effect, Call)| *known == call;
                if !own.iter().chain(&seen).chain(&fitting).any(is_known)
                    && call.flow.src.is_ipv6() == call.flow.dst.is_ipv6()
                    && self.is_named_by(call, named, way)
                {
                    fitting.extend(effect(&self.one(call, &[])).map(|effect| (effect, call)));
                }
            }
            let fits = |(_, call): &&(Effect, Call)| {
                named.traffic.is_any() || self.is_named_by(*call, named, way)
            };
            let alike: Vec<_> = seen.iter().filter(fits).copied().collect();
            let tried: Vec<_> = own.iter().chain(&alike).chain(&fitting).collect();
            if named.doubts.is_empty() {
                let beyond = tried.iter().find_map(|(within, call)| {
                    let outcome = self.one(*call, &named.limits)?;
                    (outcome.0 != *within).then_some(outcome)
                });
                if let Some((mut effect, mut because)) = beyond {
                    let is_open = |at: &usize| self.linux.rules.entries[*at].doubt.is_some();
                    let open: Vec<usize> = named.limits.iter().copied().filter(is_open).collect();
                    if !open.is_empty() {
                        effect = Effect::Unknown;
                        because = self.doubted(&open);
                    }
                    let told: Vec<usize> =
                        named.limits.iter().copied().filter(|at| !open.contains(at)).collect();
                    because.extend(self.limited(&told));
                    let of_amount = |at: &usize| {
                        self.linux.rules.entries[*at].limit.is_some_and(Limit::is_of_amount)
                    };
                    let which = match named.limits.iter().any(of_amount) {
                        true => "beyond the limit of this rule",
                        false => "that comes in where its source is not reached",
                    };
                    let traffic = format!("TCP{} {which}", named.traffic);
                    limited.push((traffic.clone(), &*named.limits));
                    say(traffic, None, Some((effect, because)));
                }
                continue;
            }
            // Another line that does the same is no difference.
            let mut differs = |end: Option<PortId>, dared: &[usize]| {
                self.linux.daring = end;
                let differs = tried.iter().any(|(before, call)| {
                    self.one(*call, dared).is_some_and(|(effect, _)| effect != *before)
                });
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
                    None,
                    Some((Effect::Unknown, because)),
                );
            }
        }
        // By another name than those of the rules that are asked of them afterwards; what a process of this host takes
        // is asked for by other rules.
        // Rules that decide alone go before those that others of the same condition decide with.
        decide.sort_by_key(|(.., alone)| !alone);
        let mut of_sent: Vec<(&Named, Vec<usize>)> =
            decide.into_iter().map(|(named, dared, _)| (named, dared)).collect();
        let said = of_sent.len();
        if sent.iter().any(|(.., is_taken)| *is_taken) {
            let of_host = |named: &&Named| !named.doubts.is_empty() && named.is_host == Some(true);
            let of_host = flows.named.iter().filter(of_host);
            of_sent.extend(of_host.map(|named| (named, self.alike(&named.doubts))));
        }
        for (named, (before, call), _) in sent {
            let deciding = of_sent.iter().position(|(_, dared)| {
                self.one(call, dared).is_some_and(|(effect, _)| effect != before)
            });
            // What any connection may fit is said once.
            let is_new = |at: &usize| *at >= said || !of_sent[*at].0.traffic.is_any();
            if let Some((doubted, _)) = deciding.filter(is_new).map(|at| &of_sent[at]) {
                let because = self.doubted(&doubted.doubts);
                let traffic = format!("TCP{} that this rule names", named.traffic);
                say(traffic, None, Some((Effect::Unknown, because)));
            }
        }
        rows.extend(common);
        // Who looks for the first row that is of a connection finds what of it is not known.
        rows.sort_by_key(|row| row.outcome.0 != Effect::Unknown);
        narrower_first(&mut rows);
        self.limits_first(&mut rows, &tried, limited, flows);
        self.proofread(&mut rows, &tried, &rests, flows, way);
        let others = |traffic: &str, outcome: Option<Outcome>| {
            Some(Row { traffic: vec![traffic.to_owned()], ..Row::of(outcome?) })
        };
        if rests[0] != rests[1] {
            rows.extend(others("all other TCP over IPv6", rests[1].clone()));
        }
        let all = if rows.is_empty() { "all TCP" } else { "all other TCP" };
        rows.extend(others(all, rest));
        // Of IPv4 such a text says nothing.
        if only_six {
            for name in rows.iter_mut().flat_map(|row| &mut row.traffic) {
                *name = name.replacen("TCP", "TCP over IPv6", 1);
            }
        }
        let verdict = |Row { outcome: (effect, because), traffic, .. }: Row| Verdict {
            traffic: of_both_versions(traffic).join(", "),
            direction: String::new(),
            effect,
            because,
        };
        rows.into_iter().map(verdict).collect()
    }

    /// What goes beyond limits (the names, and the rules) is told before what is within them, and after what the rules do not
    /// limit.
    fn limits_first(
        &mut self,
        rows: &mut Vec<Row>,
        tried: &[(Cow<'_, Named>, Vec<OfVersion>)],
        limited: Vec<(String, &[usize])>,
        flows: &Flows,
    ) {
        let mut left = flows.parts_max;
        for (name, limits) in limited {
            let Some(at) = rows.iter().position(|row| row.traffic.contains(&name)) else {
                continue;
            };
            let beyond = rows[at].outcome.0;
            let mut is_within = |class: &Class| {
                let name = class.to_string();
                let named = tried.iter().find(|(named, _)| named.traffic.to_string() == name);
                left = left.saturating_sub(1);
                named.filter(|_| left > 0).is_some_and(|(named, _)| {
                    let mut flows = versions(named, flows).into_iter().map(|(_, flow)| flow);
                    flows.any(|flow| effect(&self.one(named.called(flow), limits)) == Some(beyond))
                })
            };
            let first = (0..at).find_map(|before| {
                let row = &rows[before];
                let differs = ![Effect::Unknown, beyond].contains(&row.outcome.0);
                let within: Vec<bool> =
                    row.classes.iter().filter(|_| differs).map(&mut is_within).collect();
                within.contains(&true).then_some((before, within))
            });
            let Some((first, within)) = first else { continue };
            let limit = rows.remove(at);
            rows.insert(first, limit);
            if within.contains(&false) && rows[first + 1].traffic.len() == within.len() {
                let unlimited = rows[first + 1].part(|at| !within[at]);
                rows[first + 1] = rows[first + 1].part(|at| within[at]);
                rows.insert(first, unlimited);
            }
        }
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

    /// The rules whose limits are meant.
    fn limited(&self, limits: &[usize]) -> impl Iterator<Item = Because> {
        let rules = &self.linux.rules;
        let of = |at: &usize| match &rules.rule(&rules.entries[*at]).origin {
            Origin::Config(place) => Some(Because::line(
                place,
                match rules.entries[*at].limit.is_none_or(Limit::is_of_amount) {
                    true => "more comes than its limit",
                    false => "the reverse path check fails",
                },
            )),
            _ => None,
        };
        limits.iter().rev().filter_map(of)
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

/// Connections of one fate: their names, and the classes of those that any connection is one of or is not.
struct Row {
    outcome: Outcome,
    traffic: Vec<String>,
    classes: Vec<Class>,
    /// It tells of what several classes have in common.
    is_added: bool,
}

impl Row {
    const fn of(outcome: Outcome) -> Self {
        Self { outcome, traffic: Vec::new(), classes: Vec::new(), is_added: false }
    }

    /// Some of its classes, each of which has a name.
    fn part(&self, is_of: impl Fn(usize) -> bool) -> Self {
        let both = self.traffic.iter().zip(&self.classes).enumerate();
        let some = both.filter(|(at, _)| is_of(*at));
        let (traffic, classes) =
            some.map(|(_, (name, class))| (name.clone(), class.clone())).unzip();
        Self { outcome: self.outcome.clone(), traffic, classes, is_added: self.is_added }
    }
}

/// Of two rows the one goes first that has a part of the other one's connections, so that the first that fits a connection
/// tells of it; what crosses stays as it is.
fn narrower_first(rows: &mut [Row]) {
    let has_part_of = |mine: &Row, other: &Row| {
        let effects = [mine.outcome.0, other.outcome.0];
        effects[0] != effects[1]
            && !effects.contains(&Effect::Unknown)
            && mine.classes.iter().any(|class| other.classes.iter().any(|of| class.is_part_of(of)))
    };
    // Rows may have parts of each other.
    let mut left = rows.len();
    let mut at = 0;
    while at < rows.len() && left > 0 {
        let later = (at + 1..rows.len()).find(|later| {
            has_part_of(&rows[*later], &rows[at]) && !has_part_of(&rows[at], &rows[*later])
        });
        match later {
            Some(later) => {
                rows[at..=later].rotate_right(1);
                left -= 1;
            }
            None => at += 1,
        }
    }
}

/// Classes of which a row has those over IPv4 and those over IPv6 are one; those of one version that it has of both are none.
fn of_both_versions(mut traffic: Vec<String>) -> Vec<String> {
    let whole = |name: &String| {
        let rest =
            name.strip_prefix("TCP over IPv4").or_else(|| name.strip_prefix("TCP over IPv6"))?;
        Some(format!("TCP{rest}"))
    };
    let parts: Vec<bool> =
        traffic.iter().map(|name| whole(name).is_some_and(|of| traffic.contains(&of))).collect();
    let mut parts = parts.into_iter();
    traffic.retain(|_| !parts.next().unwrap_or_default());
    let mut at = 0;
    while let Some(name) = traffic.get(at) {
        let other = name.strip_prefix("TCP over IPv4").map(|rest| format!("TCP over IPv6{rest}"));
        if let Some(six) = other.and_then(|other| traffic.iter().position(|name| *name == other)) {
            let both = traffic.remove(six).replacen(" over IPv6", "", 1);
            let four = at - usize::from(six < at);
            traffic[four] = both;
        }
        at += 1;
    }
    traffic
}

/// The connection that is tried of each version of IP that a class is of.
fn versions(named: &Named, flows: &Flows) -> Vec<(bool, Flow)> {
    let versions: &[bool] = match (named.is_of_ipv6, flows.tells_versions) {
        (Some(true), _) => &[true],
        (None, true) => &[false, true],
        _ => &[false],
    };
    let of = |is_six: &bool| {
        let mut flow = named.flow;
        if named.is_of_ipv6.is_none() && *is_six {
            let [client, server] = flows.unnamed.ends[1];
            flow.src.set_ip(client);
            flow.dst.set_ip(server);
        }
        (*is_six, flow)
    };
    versions.iter().map(of).collect()
}

fn line_of(rule: &Arc<Rule>) -> Because {
    match &rule.origin {
        Origin::Config(place) => Because::line(place, "this rule may hold"),
        _ => Because::rule(rule),
    }
}
