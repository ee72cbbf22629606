//! A Linux router with netfilter: TCPOPTSTRIP blanks options, TCPMSS clamps the MSS, SYNPROXY answers
//! SYNs for the servers, and rules drop.

mod answer;
mod audit;
mod hosts;
mod iptables;
mod marks;
mod matches;
mod nft;
mod paths;
mod remedy;
mod rules;
mod target;
#[cfg(test)]
mod tests;
mod translation;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use sim_core::engine::device::{Change, Device, Effects, Forwarding, PortId, Rule, in_prefix};
use sim_core::rng::Stream;
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::packet::Packet;
use sim_core::wire::seq::Seq;

use crate::catalogue::{MODELLED, ModelInfo};
use crate::config::{ConfigDiagnostic, ConfigText, Diagnostics};
use crate::ios::{Refused, refuse};
use crate::spec::DeviceContext;
use crate::steps::isn::Shift;
use crate::steps::options::{Edit, edit};
use crate::steps::syn_proxy::{Step, SynProxy};
use crate::steps::track::{ConnectionId, Sender, Table, Timeouts};
use crate::steps::{Pass, mss, ttl};

use answer::answer;
pub use audit::Netfilter;
pub(crate) use audit::PLATFORM;
use hosts::Hosts;
use marks::Supposed;
use matches::Circumstances;
use rules::{Base, Entry, Hook, Ruleset};
use target::Target;

const MAN: &str = "iptables-extensions(8)";
const CONNTRACK: &str = "Linux, net.netfilter.nf_conntrack_tcp_timeout_*";

/// In the catalogue.
pub(crate) const INFO: ModelInfo = ModelInfo {
    name: "Linux",
    product: "Linux router with netfilter (iptables)",
    summary: "Leaves options alone unless a rule says otherwise: TCPOPTSTRIP makes NOPs of those that it \
              names, SYNPROXY answers SYNs with options of its own, so that MPTCP falls back.",
    defaults: &[
        ("TCP options", "not touched", MAN),
        (
            "TCPOPTSTRIP --strip-options; reset tcp option",
            "every byte of the option becomes NOP",
            MAN,
        ),
        ("SYNPROXY", "answers in the server's place; MPTCP is not offered on", MAN),
        ("SYNPROXY's options", "the MSS and no other", MODELLED),
        ("conntrack timeouts", "established 5 days, syn_sent 120 s", CONNTRACK),
    ],
    settings: &[(
        "config",
        "path of the rules of iptables or nftables: as they are listed, or as commands",
    )],
    configuration: "tables raw, mangle and filter: chains PREROUTING, FORWARD and POSTROUTING; matches -s, \
                    -d, -p, --sport, --dport, multiport, --syn, --tcp-flags, --tcp-option, --mss, --state, --ctstate \
                    and --mark; targets ACCEPT, DROP, REJECT, TCPOPTSTRIP, TCPMSS, SYNPROXY, MARK, CONNMARK, RETURN, and \
                    chains of users (-j, -g). Of nftables: chains with the hooks prerouting, forward and postrouting, \
                    addresses, ports, interfaces, ct state, tcp flags and options, sets, verdict maps",
    example: "*mangle\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p tcp -j TCPOPTSTRIP --strip-options \
              30\nCOMMIT\n",
    notes: &[
        "Without rules it is a router.",
        "Interfaces (-i, -o) are not told apart: a rule that names one is said not to be modelled.",
    ],
};

const TIMEOUTS: Timeouts = Timeouts {
    embryonic: SimDuration::from_secs(120),
    idle: SimDuration::from_secs(432_000),
    half_closed: SimDuration::from_secs(120),
    closed: SimDuration::from_secs(10),
};

/// Stands for what a file does that is included.
const INCLUDED: &str = "include";
/// The same of a table of the family netdev, whose chains give packets no other destination.
const INCLUDED_EARLY: &str = "include (netdev)";

/// Stands for what ufw does behind the chains that a text holds.
const UFW: &str = "ufw";

/// Most rules that a packet is held against in a chain: where chains call others many times over that has no end.
const STEPS_MAX: usize = 100_000;

/// The MSS that a host offers over the loopback interface, whose MTU is 65,536 (Linux, drivers/net/loopback.c), and whose packets
/// are of 65,535 bytes at most.
const fn loopback_mss(is_six: bool) -> u16 {
    if is_six { 65_476 } else { 65_495 }
}

/// What is kept about a connection.
#[derive(Debug)]
struct State {
    /// An end of it is this host.
    is_here: bool,
    /// Its mark; nothing: one that the text does not tell.
    mark: Option<u32>,
    /// The address that its packets come from, and that answers are sent to.
    mask: Option<IpAddr>,
    /// This host's own routes lead it back to a proxy of its own.
    loops: bool,
    proxy: Option<(SynProxy, Arc<Rule>)>,
    shift: Shift,
}

impl Default for State {
    fn default() -> Self {
        let (is_here, mark, mask, loops) = (false, Some(0), None, false);
        Self { is_here, mark, mask, loops, proxy: None, shift: Shift::default() }
    }
}

/// Where a connection goes to, and by which rule.
#[derive(Clone, Debug, Default)]
struct Routed {
    /// An end of it is this host.
    is_here: bool,
    /// The rule that gave it another destination, or a process of this host for its peer.
    by: Option<Arc<Rule>>,
    /// That destination is one of several, or not told.
    is_open: bool,
    /// A process of this host is the peer of who opened it.
    is_taken: bool,
    /// It is a proxy, whoever was called, this host itself among them; the destination stays as it was.
    is_proxied: bool,
    /// It has another port than the one that was called.
    is_elsewhere: bool,
}

/// A rule of which it is not known what it does.
#[derive(Clone, Debug)]
struct Met {
    rule: Arc<Rule>,
    why: &'static str,
    /// It lets on or drops, and changes no packet's way.
    may_only_drop: bool,
    /// The place of the last chain that has such a rule.
    place: usize,
}

impl Met {
    /// Of several the one tells that may do most, and of equals the first.
    fn add_to(self, all: &mut Option<Self>) {
        match all {
            Some(known) if !known.may_only_drop || self.may_only_drop => {
                known.place = known.place.max(self.place);
            }
            _ => *all = Some(self),
        }
    }

    /// True when a later chain drops a packet whatever this rule does.
    fn is_idle(&self, refused: Option<usize>) -> bool {
        self.may_only_drop && refused.is_some_and(|place| place > self.place)
    }
}

/// What is known of a packet on its way through the chains.
struct Course {
    found: Option<(ConnectionId, Sender)>,
    is_tracked: bool,
    /// An end of its connection is this host.
    is_here: bool,
    /// On its way to what stands at the second port; what this host sends to itself goes out before it comes in.
    is_inward: bool,
    /// It leaves by the loopback interface, and comes in by it again, though another host is called.
    loops: bool,
    is_translated: bool,
    /// A rule has said where it goes to, if only where it went before: later chains of translation are not asked.
    is_bound: bool,
    /// The packet's mark, and the connection's; nothing: one that the text does not tell.
    marks: [Option<u32>; 2],
    /// The rule that gave it its mark.
    marked_by: Option<Arc<Rule>>,
    /// Where the connection comes from, if not from who opened it.
    mask: Option<IpAddr>,
}

/// The device.
#[derive(Debug)]
pub(crate) struct Linux {
    rules: Ruleset,
    /// The interfaces at its ports, where they are told apart.
    interfaces: Option<[String; 2]>,
    /// Rules whose conditions cannot be told, which are taken to hold.
    dared: Vec<usize>,
    /// Only packets that arrive here fit those conditions.
    daring: Option<PortId>,
    /// What stands at its second port is this host itself: nothing is forwarded.
    is_host: bool,
    /// The first rule that a packet met of which it is not known what it does, and why.
    met: Option<Met>,
    /// The place of the chain that packets are in.
    place: usize,
    /// Packets that arrived at each port were refused: the place of the chain.
    refused: [Option<usize>; 2],
    /// Rules that ask for a mark that the text does not tell, and what is taken to hold of them.
    opened: Vec<usize>,
    held: Vec<usize>,
    /// A packet met a rule that holds of it or does not: the text does not tell.
    is_doubted: bool,
    /// Connections get the destinations that rules give them: a scenario's hosts have no others than their own.
    translates: bool,
    /// Connections are called by an address of this host.
    calls_host: bool,
    /// What rules ask of connections and the text does not tell.
    supposed: Supposed,
    /// The marks of what proxies take, by which routes lead it to this host.
    proxied: Vec<u32>,
    /// Rules ask for marks, which what is queued for a process may come back with.
    asks_for_marks: bool,
    /// Stand for its own addresses of IPv4 and IPv6, which no text tells.
    stand_ins: [IpAddr; 2],
    /// How the last connection was routed.
    routed: Routed,
    hop: Arc<Rule>,
    table: Table<State>,
    random: Stream,
    /// Packets by rule, in the order of the rules.
    hits: BTreeMap<usize, u64>,
}

/// Builds the device.
///
/// # Errors
/// Rules that iptables would refuse.
pub(crate) fn build(
    context: &DeviceContext<'_>,
    text: Option<ConfigText<'_>>,
) -> Result<(Linux, Vec<ConfigDiagnostic>), Vec<ConfigDiagnostic>> {
    let mut found = Diagnostics::new(text.map_or("", |t| t.file));
    let mut rules = text.map_or_else(Ruleset::default, |t| rules_of(t, &mut found));
    rules.take_bridged();
    if let Some(text) = text {
        warn_of_interfaces(&rules, text, &mut found);
        warn_of_limits(&rules, text, &mut found);
    }
    let warnings = found.into_result()?;
    Ok((Linux::new(rules, context), warnings))
}

/// The rules of a text of iptables or nftables.
fn rules_of(text: ConfigText<'_>, found: &mut Diagnostics) -> Ruleset {
    let all = text.lines();
    let mut rules = match nft::is_one(text) {
        true => {
            // A script may call both programs.
            let is_of_both = iptables::is_given_rules(text);
            if !is_of_both {
                iptables::alternatives::warn_of_all(&all, found);
            }
            let mut rules = nft::read(text, found);
            if is_of_both {
                let hosts = std::mem::take(&mut rules.hosts);
                rules.join(iptables::read(text, hosts, found));
            }
            rules
        }
        false => iptables::read(text, Hosts::default(), found),
    };
    let mut say = |number: u32, message: &str| {
        if let Ok(at) = all.binary_search_by_key(&number, |line| line.number) {
            found.warn(&all[at], "", message);
        }
    };
    for at in rules.break_loops() {
        let message = "this chain leads back to itself: the kernel refuses the rules, and what is in force the text does not tell";
        say(rules.entries[at].line, message);
    }
    rules.without_unseen_masks();
    for at in rules.unreached() {
        let message = "no rule of the text sends packets to this chain: what it does is not said";
        say(rules.entries[at].line, message);
    }
    rules
}

/// Says what of the rules a scenario does not have: it tells no interfaces apart, and nothing speaks with the
/// router itself.
fn warn_of_interfaces(rules: &Ruleset, text: ConfigText<'_>, found: &mut Diagnostics) {
    let all = text.lines();
    let line =
        |number: u32| all.binary_search_by_key(&number, |line| line.number).ok().map(|at| &all[at]);
    let mut of_host: Vec<usize> = Vec::new();
    let mut of_forwarded: Vec<usize> = Vec::new();
    let mut translating: Vec<usize> = Vec::new();
    paths::each(rules, |path| {
        match path.base.hook {
            _ if matches!(
                rules.entries[path.last()].target,
                Target::Translate(_) | Target::Take { .. }
            ) =>
            {
                translating.push(path.last());
            }
            _ if path.base.is_nat => {}
            Hook::Input | Hook::Output => of_host.push(path.last()),
            _ => of_forwarded.push(path.last()),
        }
        true
    });
    of_forwarded.sort_unstable();
    of_host.sort_unstable();
    of_host.dedup();
    let is_forwarded = |at: usize| of_forwarded.binary_search(&at).is_ok();
    for (at, entry) in rules.entries.iter().enumerate() {
        let names = entry.matches.iter().any(|(_, on)| on.is_of_interfaces());
        let calls = matches!(entry.target, Target::Jump(_) | Target::Goto(_));
        if names
            && (calls || is_forwarded(at))
            && let Some(line) = line(entry.line)
        {
            let message = "interfaces are not told apart here: this rule does nothing";
            found.warn(line, "", message);
        }
    }
    translating.sort_unstable();
    translating.dedup();
    for at in translating {
        if let Some(line) = line(rules.entries[at].line) {
            let message = "a scenario's connections keep the destinations that they call: this rule does nothing";
            found.warn(line, "", message);
        }
    }
    for base in rules.bases.iter().filter(|base| !base.is_nat) {
        let names = base.when.iter().any(|(_, on)| on.is_of_interfaces());
        let first = rules.chain(base.table, &base.chain).and_then(|c| rules.of_chain(c, 0));
        if names
            && let Some(first) = first
            && let Some(line) = line(rules.entries[first].line)
        {
            let message = "interfaces are not told apart here: the rules of this chain, which is one interface's, do nothing";
            found.warn(line, "", message);
        }
    }
    for at in of_host.into_iter().filter(|at| !is_forwarded(*at)) {
        let entry = &rules.entries[at];
        if matches!(entry.target, Target::SynProxy | Target::Strip(_))
            && let Some(line) = line(entry.line)
        {
            let message =
                "this rule concerns connections of this host itself, which no scenario has";
            found.warn(line, "", message);
        }
    }
}

/// Says which rules look at more than one packet: what comes is not counted, and nothing has routes.
fn warn_of_limits(rules: &Ruleset, text: ConfigText<'_>, found: &mut Diagnostics) {
    let all = text.lines();
    for entry in rules.entries.iter().filter(|entry| entry.target != Target::Count) {
        if let Some(limit) = entry.limit
            && let Ok(at) = all.binary_search_by_key(&entry.line, |line| line.number)
        {
            let message = match limit.is_of_amount() {
                true => {
                    "what comes is not counted here: it is taken to stay within this rule's limit"
                }
                false => {
                    "a scenario's device has no routes: what comes is taken to come in where its source is reached"
                }
            };
            found.warn(&all[at], "", message);
        }
    }
}

/// An address that no rule names.
fn stand_in(rules: &Ruleset, is_six: bool) -> IpAddr {
    let all: [IpAddr; 3] = match is_six {
        false => [[203, 0, 113, 71], [151, 71, 0, 71], [11, 71, 0, 71]].map(IpAddr::from),
        true => [0x2001_0db8, 0x2a00_0071, 0x2600_0071_u32]
            .map(|begin| IpAddr::from(Ipv6Addr::from(u128::from(begin) << 96 | 71))),
    };
    // Without rules that ask for it nobody does.
    let entries = rules.entries.iter().filter(|_| !rules.masking.is_empty());
    let mut is_named = [false; 3];
    for (_, on) in entries.flat_map(|entry| entry.matches.iter()) {
        on.each_network(&mut |(network, length)| {
            for (one, is_named) in all.iter().zip(&mut is_named) {
                *is_named |= length > 0 && in_prefix(*one, network, length);
            }
        });
    }
    let free = all.iter().zip(is_named).find(|(_, is_named)| !is_named);
    free.map_or(all[0], |(one, _)| *one)
}

/// What a table of chains decided.
enum Fate {
    /// On to the next table.
    Goes,
    /// The packet is answered or kept.
    Taken(Forwarding),
}

impl Linux {
    fn new(rules: Ruleset, context: &DeviceContext<'_>) -> Self {
        let asks_for_marks = rules.entries.iter().any(Entry::asks_for_mark);
        let takes =
            rules.entries.iter().filter(|entry| matches!(entry.target, Target::Take { .. }));
        let own = takes.flat_map(|entry| entry.marks.iter().filter(|mark| !mark.of_connection));
        let proxied = own.filter_map(|mark| mark.of(Some(0), None)).filter(|mark| *mark != 0);
        let proxied = proxied.collect();
        let stand_ins = [false, true].map(|is_six| stand_in(&rules, is_six));
        Self {
            rules,
            interfaces: None,
            dared: Vec::new(),
            daring: None,
            is_host: false,
            met: None,
            place: 0,
            refused: [None; 2],
            opened: Vec::new(),
            held: Vec::new(),
            is_doubted: false,
            translates: false,
            calls_host: false,
            supposed: Supposed::default(),
            proxied,
            asks_for_marks,
            stand_ins,
            routed: Routed::default(),
            hop: Rule::default("TTL expired in transit", "RFC 1812 §5.3.1"),
            table: Table::new(TIMEOUTS),
            random: Stream::new(context.seed, context.name),
            hits: BTreeMap::new(),
        }
    }

    /// The state of a packet's connection, as conntrack has it.
    fn state_of(&self, found: Option<(ConnectionId, Sender)>, packet: &Packet) -> &'static str {
        let seen = found.and_then(|(id, _)| self.table.get(id));
        match seen {
            Some(c) if c.ends.iter().all(|e| e.next.is_some()) => "ESTABLISHED",
            // An answer.
            Some(_) if matches!(found, Some((_, Sender::Responder))) => "ESTABLISHED",
            Some(_) => "NEW",
            None if packet.flags.is_initial_syn() => "NEW",
            None => "INVALID",
        }
    }

    /// Through a chain that every packet passes, as the packet is there: what answers a connection that was given another
    /// address to come from goes to that, until conntrack gives it back its own (Linux, `nf_nat_inet_fn`).
    fn chain(
        &mut self,
        base: usize,
        pass: &mut Pass<'_>,
        course: &mut Course,
    ) -> Result<Fate, Refused> {
        let is_early = self.rules.base(base).is_some_and(|base| base.is_before_nat);
        let is_answer = matches!(course.found, Some((_, Sender::Responder)));
        let Some(mask) = course.mask.filter(|_| is_early && is_answer) else {
            return self.hold(base, pass, course, false);
        };
        let own = std::mem::replace(&mut pass.packet.dst, mask);
        let fate = self.hold(base, pass, course, true);
        pass.packet.dst = own;
        fate
    }

    /// Through the rules of a chain, and of those of users that it calls; `is_masked`: the packet goes to an address of this
    /// host.
    fn hold(
        &mut self,
        base: usize,
        pass: &mut Pass<'_>,
        course: &mut Course,
        is_masked: bool,
    ) -> Result<Fate, Refused> {
        let found = course.found;
        let state = self.state_of(found, pass.packet);
        let is_inward = course.is_inward;
        let way = if is_inward { [0, 1] } else { [1, 0] };
        let is_of_loopback = self.is_of_loopback() || course.loops;
        let mut interfaces = self.interfaces.clone();
        if let Some([name, _]) = interfaces.as_mut().filter(|_| course.loops) {
            "lo".clone_into(name);
        }
        let masks = base >= self.rules.bases.len();
        let Some(Base { table, chain, hook, is_before_conntrack, is_nat, when, policy, .. }) =
            self.rules.base(base)
        else {
            return Ok(Fate::Goes);
        };
        // Where a packet goes out is not known before it is routed; what this host sends came in nowhere.
        let is_told = match hook {
            Hook::Ingress | Hook::Prerouting | Hook::Input => [true, false],
            Hook::Output => [false, true],
            Hook::Forward | Hook::Postrouting | Hook::Egress => [true, true],
        };
        // What this host sends to itself comes in with the connection that it has from when it left.
        let is_unseen = *is_before_conntrack && !(is_of_loopback && is_inward);
        let is_reply = matches!(found, Some((_, Sender::Responder)));
        let is_of_proxy = self.routed.is_proxied;
        let Supposed { owner, mss, .. } = self.supposed;
        let is_six = pass.packet.dst.is_ipv6();
        let mss = match pass.packet.flags.is_initial_syn() {
            true => mss,
            false => is_of_loopback.then(|| loopback_mss(is_six)),
        };
        let around = |course: &Course| Circumstances {
            state: match course.is_tracked {
                true if is_unseen => "INVALID",
                true => state,
                false => "UNTRACKED",
            },
            interfaces: interfaces.as_ref().map(|names| {
                let name = |at: usize| if is_told[at] { names[way[at]].as_str() } else { "" };
                [name(0), name(1)]
            }),
            hosts: match is_masked {
                true => [false, true],
                // Of what goes to its proxy one end is this host.
                false if course.loops => [!is_reply, is_reply],
                false => [!is_inward, is_inward].map(|it| course.is_here && (it || is_of_loopback)),
            },
            is_sent: course.is_here && !is_inward,
            is_translated: course.is_translated,
            is_reply: (course.is_tracked && !is_unseen).then_some(is_reply),
            socket: (course.is_here && found.is_some()).then_some(is_of_proxy && !is_reply),
            mss,
            mark: course.marks[0],
            connection_mark: (course.is_tracked && !is_unseen).then_some(course.marks[1]),
            owner,
        };
        let is_met = match hook {
            Hook::Forward => !course.is_here,
            Hook::Input => course.is_here && is_inward,
            Hook::Output => course.is_here && !is_inward,
            Hook::Ingress | Hook::Prerouting => !course.is_here || is_inward,
            Hook::Postrouting | Hook::Egress => !course.is_here || !is_inward,
        };
        if !is_met {
            return Ok(Fate::Goes);
        }
        // What this host sends to itself got its destination when it left.
        let is_own = *hook == Hook::Prerouting && is_of_loopback;
        if *is_nat && !masks && (is_own || !self.is_asked_to_translate(pass.packet, course)) {
            return Ok(Fate::Goes);
        }
        if !when.iter().all(|(negated, on)| on.holds(*negated, pass.packet, around(course))) {
            return Ok(Fate::Goes);
        }
        let (table, policy) = (*table, policy.clone());
        let is_daring = self.daring.is_none_or(|port| port == pass.ingress);
        let call = |of: &Self, name: &str| of.rules.chain(table, name).map(|chain| (chain, 0));
        let mut calls: Vec<(usize, usize)> = call(self, chain).into_iter().collect();
        let mut steps = 0;
        // What rules that hold may change.
        let mut now = around(course);
        let mut is_stale = false;
        while let Some((chain, next)) = calls.last_mut() {
            steps += 1;
            let Some(at) = self.rules.of_chain(*chain, *next).filter(|_| steps < STEPS_MAX) else {
                calls.pop();
                continue;
            };
            *next += 1;
            let entry = &self.rules.entries[at];
            // What calls this host itself has its process's socket, if any: such a rule tells nothing new of it.
            let is_of_sockets = course.is_here && found.is_none() && entry.asks_for_sockets();
            // What answers a connection that this host has opened has that one's socket, which is no proxy's.
            let answers_own = course.is_here && matches!(found, Some((_, Sender::Responder)));
            let has_socket = answers_own && entry.asks_for_sockets();
            if has_socket && entry.text.contains("transparent") {
                continue;
            }
            let is_dared = has_socket || is_daring && self.dared.contains(&at) && !is_of_sockets;
            if std::mem::take(&mut is_stale) {
                now = around(course);
            }
            if !entry.matches(pass.packet, now, is_dared) {
                self.is_doubted |= entry.is_open() && entry.matches(pass.packet, now, true);
                continue;
            }
            is_stale = true;
            self.is_doubted |= entry.limit.is_some();
            if entry.asks_for_open_mark(&now) {
                self.opened.push(at);
                if !self.held.contains(&at) {
                    continue;
                }
            }
            *self.hits.entry(at).or_default() += 1;
            let rule = self.rules.rule(entry);
            // Where there is such a socket, the packet is its process's, who opened the connection or not.
            if is_dared && self.translates && !course.is_here && entry.asks_for_sockets() {
                course.is_here = true;
                let by = Some(Arc::clone(&rule));
                self.routed = Routed { is_here: true, by, is_taken: true, ..Routed::default() };
            }
            for marking in &entry.marks {
                let [own, other] = [marking.of_connection, !marking.of_connection].map(usize::from);
                // Of what conntrack has not seen there is no connection.
                if course.is_tracked && !is_unseen || !(marking.of_connection || marking.takes()) {
                    course.marks[own] = marking.of(course.marks[own], course.marks[other]);
                    if !marking.of_connection {
                        course.marked_by = Some(Arc::clone(&rule));
                    }
                }
            }
            match &entry.target {
                Target::Accept => return Ok(Fate::Goes),
                Target::Return => {
                    calls.pop();
                }
                Target::Jump(name) => calls.extend(call(self, name)),
                Target::Goto(name) => {
                    let to = call(self, name);
                    calls.pop();
                    calls.extend(to);
                }
                Target::Unknown(name) => {
                    let why = match &**name {
                        INCLUDED | INCLUDED_EARLY => "what the file holds the text does not tell",
                        UFW => {
                            "what ufw's other files and its policy say of the rest the text does not tell"
                        }
                        _ => {
                            "what its target does is not known: it is not modelled, or a chain that the text does not hold"
                        }
                    };
                    let may_only_drop = match &**name {
                        "NFQUEUE" | "queue" => !self.asks_for_marks,
                        name => name == INCLUDED_EARLY,
                    };
                    Met { rule, why, may_only_drop, place: self.place }.add_to(&mut self.met);
                }
                Target::Count => {}
                // What this host sends to itself has its connection from when it left (Linux, `nf_conntrack_in`).
                Target::Untrack => course.is_tracked &= is_of_loopback && is_inward,
                // What answers a connection that this host has opened comes to the socket of that.
                Target::Take { drops_others, .. }
                    if course.is_here && matches!(found, Some((_, Sender::Responder))) =>
                {
                    if *drops_others {
                        return refuse(&rule, "TPROXY");
                    }
                }
                // Those that a proxy has taken, or that call this host, have their sockets.
                Target::Take { goes_on, .. } if found.is_some() && course.is_here => {
                    if !goes_on {
                        return Ok(Fate::Goes);
                    }
                }
                // Nobody has called the proxy who answers so.
                Target::Take { .. } if found.is_some() && self.translates => {
                    let may_mask =
                        |entry: &Entry| matches!(entry.target, Target::Mask(_)) && entry.is_open();
                    if course.mask.is_none() && !self.rules.entries.iter().any(may_mask) {
                        return refuse(&rule, "TPROXY");
                    }
                    // Answers go to one of this host's addresses, and which the rules for it are not told.
                    let why = "answers come to an address that a translation gives, and what the rules say of it the text does not tell";
                    Met { rule, why, may_only_drop: false, place: self.place }
                        .add_to(&mut self.met);
                }
                Target::Take { goes_on, .. } => {
                    let goes_on = *goes_on;
                    if self.translates {
                        course.is_here = true;
                        self.routed = Routed {
                            is_here: true,
                            by: Some(rule),
                            is_open: false,
                            is_taken: true,
                            is_proxied: true,
                            is_elsewhere: false,
                        };
                    }
                    if !goes_on {
                        return Ok(Fate::Goes);
                    }
                }
                Target::Translate(to) => {
                    let called = pass.packet.destination();
                    let mut instead = to.instead_of(called);
                    // Linux, net/netfilter/nf_nat_redirect.c: what this host sends goes to its loopback address.
                    if to.is_here
                        && to.address.is_none()
                        && self.rules.base(base).is_some_and(|base| base.hook == Hook::Output)
                        && let Some(instead) = &mut instead
                    {
                        instead.set_ip(match called.is_ipv4() {
                            true => Ipv4Addr::LOCALHOST.into(),
                            false => Ipv6Addr::LOCALHOST.into(),
                        });
                    }
                    if let Some(instead) = instead {
                        (pass.packet.dst, pass.packet.dst_port) = (instead.ip(), instead.port());
                        course.is_bound = true;
                        // Linux, net/netfilter/nf_nat_core.c (`nf_nat_setup_info`): the same destination is none.
                        // Who calls this host mostly calls the address that `REDIRECT` gives.
                        let is_moved = to.is_here && to.address.is_none() && !course.is_here;
                        course.is_translated = is_moved || to.is_open || instead != called;
                        // What this host opens itself stays its own.
                        let is_own = !is_inward && !is_of_loopback && course.is_here;
                        course.is_here = to.is_here || is_own;
                        let (is_here, is_open, is_taken) = (course.is_here, to.is_open, to.is_here);
                        let is_elsewhere = instead.port() != called.port();
                        self.routed = Routed {
                            is_here,
                            by: Some(rule),
                            is_open,
                            is_taken,
                            is_proxied: false,
                            is_elsewhere,
                        };
                    }
                    return Ok(Fate::Goes);
                }
                Target::Mask(to) => {
                    let own = self.stand_ins[usize::from(pass.packet.dst.is_ipv6())];
                    course.mask = Some(to.unwrap_or(own));
                    return Ok(Fate::Goes);
                }
                Target::Drop => return refuse(&rule, "DROP"),
                Target::Reject { reset } => {
                    if *reset {
                        let answer = crate::steps::forge::refusal(pass.packet);
                        pass.effects.emit_new(pass.ingress, answer);
                        pass.sign(&rule, Change::Reset { reason: "REJECT" });
                    }
                    return refuse(&rule, "REJECT");
                }
                Target::Strip(kinds) => {
                    edit(pass, |o| kinds.contains(&o.kind).then_some((Edit::Nop, &rule)));
                }
                Target::Answer(afterwards) => {
                    let seq = Seq(self.random.next_u32());
                    return answer(pass, &rule, *afterwards, seq).map(Fate::Taken);
                }
                Target::Mss(most) => mss::clamp(pass, 0, *most, &rule),
                Target::SynProxy => {
                    if let Some(fate) = self.proxy(pass, found, &rule)? {
                        return Ok(Fate::Taken(fate));
                    }
                }
            }
        }
        match policy {
            Some(rule) => refuse(&rule, "DROP"),
            None => Ok(Fate::Goes),
        }
    }

    /// True for the first packet of a connection that has no other destination yet; later ones get that of the first.
    fn is_asked_to_translate(&self, packet: &mut Packet, course: &Course) -> bool {
        match course.found {
            Some((id, Sender::Initiator)) => {
                if let Some(connection) = self.table.get(id) {
                    let to = connection.translated.dst;
                    (packet.dst, packet.dst_port) = (to.ip(), to.port());
                }
                false
            }
            Some(_) => false,
            None => self.translates && course.is_tracked && !course.is_bound,
        }
    }

    /// A SYN for a proxied server opens a connection of the proxy's own.
    fn proxy(
        &mut self,
        pass: &mut Pass<'_>,
        found: Option<(ConnectionId, Sender)>,
        rule: &Arc<Rule>,
    ) -> Result<Option<Forwarding>, Refused> {
        if found.is_some() || !pass.packet.flags.is_initial_syn() {
            return Ok(None);
        }
        let cookie = Seq(self.random.next_u32());
        let proxy = Some((SynProxy::new(pass.packet, cookie), Arc::clone(rule)));
        let flow = pass.packet.flow();
        let id = self.table.open(pass.now, flow, flow, State { proxy, ..State::default() });
        self.proxied(pass, id, Sender::Initiator)
    }

    /// What the proxy of a connection makes of a packet; `None`: it goes on.
    fn proxied(
        &mut self,
        pass: &mut Pass<'_>,
        id: ConnectionId,
        sender: Sender,
    ) -> Result<Option<Forwarding>, Refused> {
        let Some(connection) = self.table.get_mut(id) else { return Ok(None) };
        let State { proxy: Some((proxy, rule)), shift, .. } = &mut connection.state else {
            return Ok(None);
        };
        let rule = Arc::clone(rule);
        let with = match proxy.step(sender, pass.packet, shift) {
            Step::Pass => return Ok(None),
            Step::Ignore => return refuse(&rule, "SYNPROXY"),
            Step::Answer(answer) => {
                self.table.observe(pass.now, id, sender, pass.packet);
                pass.effects.emit_new(pass.ingress, answer);
                "SYN/ACK"
            }
            Step::Call(syn) => {
                pass.effects.emit_new(pass.ingress.peer(), syn);
                "SYN"
            }
            Step::Splice { to_initiator, to_responder } => {
                let by = shift.by[Sender::Responder as usize];
                self.table.observe(pass.now, id, Sender::Responder, pass.packet);
                self.table.observe(pass.now, id, Sender::Initiator, &to_responder);
                pass.effects.emit_new(pass.ingress.peer(), to_initiator);
                pass.effects.emit_new(pass.ingress, to_responder);
                pass.sign(&rule, Change::SequenceShifted { by });
                "ACK"
            }
        };
        pass.sign(&rule, Change::Answered { with });
        Ok(Some(Forwarding::Consumed))
    }

    /// What is for others and a proxy takes comes to it by a rule of routing, which mostly asks for a mark
    /// (Documentation/networking/tproxy.rst).
    fn route_to_proxy(&mut self, mark: Option<u32>) {
        if let Some(rule) = &self.routed.by
            && self.routed.is_proxied
            && mark == Some(self.supposed.marks[0])
        {
            let why = "no rule marks what the proxy is to take, and whether the routes lead it to this host the text does not \
                       tell";
            Met { rule: Arc::clone(rule), why, may_only_drop: false, place: self.place }
                .add_to(&mut self.met);
        }
    }

    /// True when a connection is one of this host to itself.
    fn is_of_loopback(&self) -> bool {
        self.is_host && self.interfaces.as_ref().is_some_and(|names| names[0] == "lo")
    }

    /// True when the marks of what this host sends lead it to a proxy of its own: by the routes that what is for others takes
    /// to that (Documentation/networking/tproxy.rst).
    fn leads_back(&self, course: &Course) -> bool {
        let is_sent = course.is_here && !course.is_inward && course.marked_by.is_some();
        // What the proxy sends itself it keeps from that: by its user, or by a mark of its own.
        let is_of_proxy = course.found.is_some() && self.routed.is_taken;
        let is_proxied = |mark: u32| self.proxied.iter().any(|of| mark & of == *of);
        is_sent && !is_of_proxy && self.translates && course.marks[0].is_some_and(is_proxied)
    }

    /// Through all chains, or those of one way: what goes out (`Some(false)`), what comes in. `passed`: how many chains it has
    /// passed before.
    fn pass_chains(
        &mut self,
        pass: &mut Pass<'_>,
        course: &mut Course,
        is_inward: Option<bool>,
        passed: usize,
    ) -> Result<Option<Forwarding>, Refused> {
        let mut is_routed = course.found.is_some() || course.is_here;
        for base in 0..self.rules.bases.len() {
            self.place = passed + base;
            let hook = self.rules.bases[base].hook;
            if let Some(is_inward) = is_inward {
                course.is_inward = is_inward;
                // What a rule sends elsewhere does not come back.
                if is_inward && !course.is_here {
                    return Ok(None);
                }
                if hook.is_of_what_leaves() == is_inward {
                    continue;
                }
            }
            if !is_routed && !matches!(hook, Hook::Ingress | Hook::Prerouting) {
                is_routed = true;
                self.route_to_proxy(course.marks[0]);
            }
            if let Fate::Taken(forwarding) = self.chain(base, pass, course)? {
                return Ok(Some(forwarding));
            }
        }
        if !is_routed {
            self.route_to_proxy(course.marks[0]);
        }
        Ok(None)
    }

    fn cross(&mut self, pass: &mut Pass<'_>) -> Result<Forwarding, Refused> {
        let found = self.table.receive(pass.now, pass.packet, |_| {});
        let opened = pass.packet.flow();
        let known = found.and_then(|(id, _)| self.table.get(id));
        let is_here = known.map_or(self.is_host || self.calls_host, |known| known.state.is_here);
        let is_translated = known.is_some_and(|known| known.opened.dst != known.translated.dst);
        let is_callers = found.is_none_or(|(_, sender)| sender == Sender::Initiator);
        let [of_packets, of_connection] = self.supposed.marks;
        let marks = [
            Some(if is_callers { of_packets } else { 0 }),
            known.map_or(Some(of_connection), |known| known.state.mark),
        ];
        let (is_tracked, is_bound) = (true, false);
        let mask = known.and_then(|known| known.state.mask);
        let is_inward = pass.ingress == PortId(0);
        let loops = known.is_some_and(|known| known.state.loops);
        let mut course = Course {
            found,
            is_tracked,
            is_here,
            is_inward,
            loops: false,
            is_translated,
            is_bound,
            marks,
            marked_by: None,
            mask,
        };
        if found.is_none() {
            self.routed = Routed { is_here, ..Routed::default() };
        }
        // What this host sends to itself, or to a proxy of its own, goes out before it comes in.
        let goes_out = self.is_of_loopback() || loops;
        course.loops = loops && !is_callers;
        let first = goes_out.then_some(false);
        if let Some(forwarding) = self.pass_chains(pass, &mut course, first, 0)? {
            return Ok(forwarding);
        }
        let leads_back = !goes_out && self.leads_back(&course);
        // An answer has no use for the proxy, and does not go where it is to.
        if let Some(rule) = course.marked_by.as_ref().filter(|_| leads_back && found.is_some()) {
            return refuse(rule, "rerouted to the proxy");
        }
        let loops = loops || leads_back;
        if goes_out || leads_back {
            course.loops = loops;
            let passed = self.rules.bases.len();
            if let Some(forwarding) = self.pass_chains(pass, &mut course, Some(true), passed)? {
                return Ok(forwarding);
            }
        }
        if let Some(rule) =
            course.marked_by.take().filter(|_| leads_back && self.routed.by.is_none())
        {
            let why =
                "it marks what routes lead to the proxy of this host, and no rule hands that to it";
            Met { rule, why, may_only_drop: false, place: self.place }.add_to(&mut self.met);
        }
        let (id, sender) = match found {
            Some(found) => found,
            None if course.is_tracked && pass.packet.flags.is_initial_syn() => {
                // What a scenario's hosts send keeps its address.
                let all = self.rules.bases.len();
                let masking = (all..all + self.rules.masking.len())
                    .filter(|_| self.translates && !course.is_here);
                for base in masking.collect::<Vec<_>>() {
                    if course.mask.is_none() {
                        self.chain(base, pass, &mut course)?;
                    }
                }
                let (is_here, mark, mask) = (course.is_here, course.marks[1], course.mask);
                let state = State { is_here, mark, mask, loops, ..State::default() };
                let translated = pass.packet.flow();
                (self.table.open(pass.now, opened, translated, state), Sender::Initiator)
            }
            None => return Ok(ttl::hop(pass, &self.hop).unwrap_or(Forwarding::Through)),
        };
        if let Some(forwarding) = self.proxied(pass, id, sender)? {
            return Ok(forwarding);
        }
        if let Some(connection) = self.table.get_mut(id) {
            connection.state.mark = course.marks[1];
        }
        let shift = self.table.get(id).map(|c| c.state.shift).unwrap_or_default();
        shift.arrive(pass.packet, sender, true);
        self.table.observe(pass.now, id, sender, pass.packet);
        shift.leave(pass.packet, sender);
        // Who opened a connection hears of the destination that it called.
        if sender == Sender::Responder
            && let Some(connection) = self.table.get(id)
        {
            let called = connection.opened.dst;
            (pass.packet.src, pass.packet.src_port) = (called.ip(), called.port());
        }
        Ok(ttl::hop(pass, &self.hop).unwrap_or(Forwarding::Through))
    }
}

impl Device for Linux {
    fn model(&self) -> &'static str {
        "linux"
    }

    fn process(
        &mut self,
        now: SimTime,
        ingress: PortId,
        packet: &mut Packet,
        effects: &mut Effects,
    ) -> Forwarding {
        let pass = &mut Pass::new(now, ingress, packet, effects);
        match self.cross(pass) {
            Ok(forwarding) => forwarding,
            Err(refused) => {
                self.refused[usize::from(ingress.0 % 2)] = Some(self.place);
                pass.drop(&refused.rule, refused.reason)
            }
        }
    }

    fn reload(&mut self, _now: SimTime) {
        self.table.clear();
    }

    fn counters(&self) -> Vec<(String, u64)> {
        let of = |(at, entry): (usize, &Entry)| {
            let hits = self.hits.get(&at).copied().unwrap_or(0);
            (format!("rule {}: {}", at + 1, entry.text), hits)
        };
        self.rules.entries.iter().enumerate().map(of).collect()
    }

    fn report(&self) -> Vec<String> {
        let counts = self.counters();
        let heading = std::iter::once("iptables -v -S".to_owned());
        let lines = self.rules.entries.iter().zip(counts);
        heading.chain(lines.map(|(entry, (_, hits))| format!("[{hits}] {}", entry.text))).collect()
    }
}
