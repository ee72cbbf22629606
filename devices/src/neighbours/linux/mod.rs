//! A Linux router with netfilter: TCPOPTSTRIP blanks options, TCPMSS clamps the MSS, SYNPROXY answers
//! SYNs for the servers, and rules drop.

mod answer;
mod audit;
mod course;
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
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use sim_core::engine::device::{Device, Effects, Forwarding, PortId, Rule, in_prefix};
use sim_core::rng::Stream;
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::packet::Packet;

use crate::catalogue::{MODELLED, ModelInfo};
use crate::config::{ConfigDiagnostic, ConfigText, Diagnostics};
use crate::spec::DeviceContext;
use crate::steps::Pass;
use crate::steps::isn::Shift;
use crate::steps::syn_proxy::SynProxy;
use crate::steps::track::{Table, Timeouts};

pub use audit::Netfilter;
pub(crate) use audit::PLATFORM;
use hosts::Hosts;
use marks::Supposed;
use rules::{Entry, Hook, Ruleset};
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
    let redirects = |entry: &Entry| match &entry.target {
        Target::Translate(to) => to.is_here && to.address.is_none(),
        _ => false,
    };
    let is_asked = !rules.masking.is_empty() || rules.entries.iter().any(redirects);
    let entries = rules.entries.iter().filter(|_| is_asked);
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
