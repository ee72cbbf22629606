//! Which `Custom` rules explain what a box did: the fewest, and of those the most general, that make a
//! `Custom` device treat every packet of the captures as the box did.
//!
//! Rules are found one after the other. Each packet that the rules so far treat otherwise than the box
//! proposes some: what was done to it, under conditions of all generality (which option, direction,
//! kind of segment, from which packet on). Each proposal is tried on the whole of the captures; the one
//! that leaves the least unexplained is kept. In the end each is left out once, to see that it is needed.

use std::collections::BTreeSet;

use devices::steps::track::Sender;
use scenarios::{DEFAULT_SEED, DeviceFile};
use sim_core::engine::device::Side;
use sim_core::wire::mptcp::Subtype;
use sim_core::wire::options::{RawOption, kind};
use sim_core::wire::packet::{Flags, Packet};

use crate::conform::{Conformed, Mismatch, Otherwise, conform};
use crate::crossing::Crossing;
use crate::difference::{self, Field, differences};

/// Rules that are looked for at most.
const RULES_MAX: usize = 12;
/// Packets that propose rules at a time.
const PROPOSERS: usize = 3;

/// What explains the box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    /// The rules, in RON, in the order in which they are applied.
    pub rules: Vec<String>,
    /// Packets that the rules treat otherwise than the box did; 0: they explain all.
    pub unexplained: usize,
}

impl Fit {
    /// The device, to be pasted into a scenario's `devices`.
    #[must_use]
    pub fn device(&self) -> String {
        let rules: String = self.rules.iter().map(|rule| format!("    {rule},\n")).collect();
        if rules.is_empty() {
            "Custom(rules: [])".into()
        } else {
            format!("Custom(rules: [\n{rules}])")
        }
    }
}

/// Looks for rules; fields in `ignored` need no explanation.
#[must_use]
pub fn fit(crossing: &Crossing, ignored: &BTreeSet<String>) -> Fit {
    let fitting = Fitting { crossing, ignored };
    let mut rules: Vec<String> = Vec::new();
    let mut conformed = fitting.conform(&rules);
    while misfit(&conformed) > 0 && rules.len() < RULES_MAX {
        let left = misfit(&conformed);
        let mut best: Option<(usize, usize, Vec<String>)> = None;
        for (cost, proposal) in fitting.proposals(&conformed) {
            let mut tried = rules.clone();
            tried.push(proposal);
            let result = (misfit(&fitting.conform(&tried)), cost, tried);
            if result.0 < left && best.as_ref().is_none_or(|best| result < *best) {
                best = Some(result);
            }
        }
        let Some((.., better)) = best else { break };
        rules = better;
        conformed = fitting.conform(&rules);
    }
    let unexplained = conformed.iter().map(|connection| connection.mismatches.len()).sum();
    let left = misfit(&conformed);
    let mut at = 0;
    while at < rules.len() {
        let mut without = rules.clone();
        without.remove(at);
        if misfit(&fitting.conform(&without)) <= left {
            rules = without;
        } else {
            at += 1;
        }
    }
    Fit { rules, unexplained }
}

/// How far the rules are from the box: fields that differ, and packets that only one of them lets out.
fn misfit(conformed: &[Conformed]) -> usize {
    let of = |mismatch: &Mismatch| match &mismatch.otherwise {
        Otherwise::Fields(fields) => fields.len(),
        Otherwise::OnlyBox(_) | Otherwise::OnlyModel(_) => WHOLE_PACKET,
    };
    conformed.iter().flat_map(|connection| &connection.mismatches).map(of).sum()
}

/// What a packet that only one lets out counts for, in fields.
const WHOLE_PACKET: usize = 4;

struct Fitting<'a> {
    crossing: &'a Crossing,
    ignored: &'a BTreeSet<String>,
}

impl Fitting<'_> {
    fn conform(&self, rules: &[String]) -> Vec<Conformed> {
        let device = format!("Custom(rules: [{}])", rules.join(", "));
        let built = DeviceFile::load(&device, None).and_then(|file| file.build(DEFAULT_SEED));
        let mut built = built.unwrap_or_else(|faults| panic!("{device}: {}", faults[0].message));
        conform(self.crossing, built.device.as_mut(), self.ignored)
    }

    /// Rules that would explain some of the packets, with how special each is.
    fn proposals(&self, conformed: &[Conformed]) -> Vec<(usize, String)> {
        let mut all: Vec<(usize, String)> = Vec::new();
        let mut first: Vec<(usize, &Mismatch)> = Vec::new();
        for (index, connection) in conformed.iter().enumerate() {
            first.extend(connection.mismatches.iter().take(PROPOSERS).map(|m| (index, m)));
        }
        first.sort_by_key(|(_, mismatch)| mismatch.at);
        for (connection, mismatch) in first.into_iter().take(PROPOSERS) {
            for (cost, rule) in self.of_packet(connection, mismatch) {
                if !all.iter().any(|(_, known)| *known == rule) {
                    all.push((cost, rule));
                }
            }
        }
        all
    }

    fn of_packet(&self, connection: usize, mismatch: &Mismatch) -> Vec<(usize, String)> {
        let (came, input) = (mismatch.came.as_ref(), mismatch.input);
        let mut acts: Vec<(Option<String>, String)> = Vec::new();
        let direction = self.direction(connection, mismatch.sender);
        match (&mismatch.otherwise, input) {
            (Otherwise::Fields(_), Some(input)) => {
                let came = came.map(|came| &came.packet);
                acts.extend(came.into_iter().flat_map(|came| self.changes(input, came)));
            }
            (Otherwise::OnlyModel(_), Some(input)) => {
                let packet = &self.crossing.inputs[input].packet;
                acts.push((None, "Drop".into()));
                acts.push((None, "Reset(drop: true)".into()));
                acts.extend(selectors(packet).into_iter().map(|o| (Some(o), "Drop".into())));
                acts.extend(self.pieces(connection, input));
                if packet.flags.is_initial_syn() {
                    acts.push((None, "SynProxy()".into()));
                }
            }
            (Otherwise::OnlyBox(_), input) => {
                acts.extend(input.into_iter().flat_map(|input| self.pieces(connection, input)));
                let made = came.map(|came| &came.packet).filter(|_| input.is_none());
                return acts
                    .into_iter()
                    .map(|(_, act)| rule(&[], &act))
                    .chain(made.into_iter().flat_map(|made| self.made(connection, mismatch, made)))
                    .collect();
            }
            _ => {}
        }
        let Some(input) = input else { return Vec::new() };
        let conditions = self.conditions(connection, input, direction);
        let mut all = Vec::new();
        for (option, act) in acts {
            if is_for_connections(&act) {
                all.push(rule(&[], &act));
                let only = format!("direction: {direction}");
                all.push(rule(&[only], &act));
                continue;
            }
            for conditions in &conditions {
                let option = option.iter().map(|option| format!("option: {option}"));
                let when: Vec<String> = option.chain(conditions.iter().cloned()).collect();
                all.push(rule(&when, &act));
            }
        }
        all
    }

    fn direction(&self, connection: usize, sender: Sender) -> &'static str {
        match self.crossing.connections[connection].sides[sender as usize] {
            Side::Inside => "ToServer",
            Side::Outside => "ToClient",
        }
    }

    /// What the box did to the fields of a packet, as options to look for and acts.
    fn changes(&self, input: usize, came: &Packet) -> Vec<(Option<String>, String)> {
        let input = &self.crossing.inputs[input];
        let mut acts: Vec<(Option<String>, String)> = Vec::new();
        let mut act = |act: String| acts.push((None, act));
        let mut options = Vec::new();
        for change in differences(&input.packet, came) {
            match change.field {
                Field::Option(option, subtype) => {
                    let edit = match change.after.as_str() {
                        difference::NOPS => "Nop",
                        difference::ZEROS => "Eol",
                        difference::REMOVED => "Remove",
                        _ if option == kind::MSS => {
                            let to = came.options.mss().unwrap_or_default();
                            act(format!("ClampMss(to: {to})"));
                            continue;
                        }
                        _ => continue,
                    };
                    let named = named(option, subtype);
                    options.extend(named.into_iter().map(|o| (Some(o), edit.to_owned())));
                    options.push((Some("Any".into()), edit.to_owned()));
                }
                Field::Window => act(format!("Window(to: {})", came.window)),
                Field::Ttl => act(format!("Ttl(to: {})", came.ttl)),
                Field::IpId => act(format!("IpId(to: {})", came.ip_id)),
                Field::Source => {
                    act(format!("Nat(address: \"{}\")", came.src));
                    act(format!("Nat(address: \"{}\", port: {})", came.src, came.src_port));
                }
                Field::SourcePort => act(format!("Nat(port: {})", came.src_port)),
                Field::Destination | Field::DestinationPort => {
                    act(format!("Balance(to: \"{}\")", came.destination()));
                }
                Field::Payload => payload(&input.packet, came).into_iter().for_each(&mut act),
                _ => {}
            }
        }
        if input.shift != 0 {
            act("RandomiseIsn()".into());
            act("RandomiseIsn(fix_sack: false)".into());
        }
        acts.extend(options);
        acts
    }

    /// What the box would have done if this packet was cut, or merged with another.
    fn pieces(&self, connection: usize, input: usize) -> Vec<(Option<String>, String)> {
        let packet = &self.crossing.inputs[input].packet;
        let came = self.crossing.connections[connection].came.iter().flatten();
        let of_it: Vec<_> = came.filter(|came| came.inputs.contains(&input)).collect();
        let mut acts = Vec::new();
        match of_it.as_slice() {
            [first, _, ..] if first.packet.payload.len < packet.payload.len => {
                for options in ["Both", "First", "Second"] {
                    let at = first.packet.payload.len;
                    acts.push((None, format!("Split(options: {options})")));
                    acts.push((None, format!("Split(at: {at}, options: {options})")));
                }
            }
            [one] if one.inputs.len() > 1 => {
                for options in ["First", "Second"] {
                    acts.push((None, format!("Coalesce(options: {options})")));
                }
            }
            _ => {}
        }
        acts
    }

    /// Rules that make a packet like the one that the box made.
    fn made(&self, connection: usize, mismatch: &Mismatch, made: &Packet) -> Vec<(usize, String)> {
        let to = match self.direction(connection, mismatch.sender) {
            // The packet goes where its sender's packets go.
            "ToServer" => "Server",
            _ => "Client",
        };
        // What brought it about went in last.
        let inputs = self.crossing.inputs.iter().enumerate();
        let mut before = inputs.filter(|(_, i)| i.connection == connection && i.at <= mismatch.at);
        let Some((trigger, _)) = before.next_back() else { return Vec::new() };
        let sender = self.crossing.inputs[trigger].sender;
        let conditions = self.conditions(connection, trigger, self.direction(connection, sender));
        let mut acts: Vec<String> = Vec::new();
        if made.flags.has(Flags::RST) {
            for whom in ["Both", to] {
                for drop in ["", ", drop: true"] {
                    acts.push(format!("Reset(to: {whom}{drop})"));
                }
            }
        } else if made.flags.is_syn_ack() || made.flags.is_initial_syn() {
            return vec![rule(&[], "SynProxy()")];
        } else if made.flags.has(Flags::ACK) && made.payload.is_empty() {
            acts.push("AckAhead()".into());
        }
        let each = acts.iter().flat_map(|act| conditions.iter().map(move |when| rule(when, act)));
        each.collect()
    }

    /// Conditions that hold for a packet, from none at all to the very packet.
    fn conditions(
        &self,
        connection: usize,
        input: usize,
        direction: &'static str,
    ) -> Vec<Vec<String>> {
        let packet = &self.crossing.inputs[input].packet;
        let of_connection = || {
            let before = self.crossing.inputs[..input].iter();
            before.filter(|other| other.connection == connection)
        };
        let (packets, data) = (
            of_connection().count(),
            of_connection().filter(|other| !other.packet.payload.is_empty()).count(),
        );
        let sender = self.crossing.inputs[input].sender;
        let alike = of_connection()
            .filter(|other| other.sender == sender && segments(&other.packet) == segments(packet))
            .count();
        let mut marks = vec![None, Some("times: 1".to_owned())];
        for (word, n) in [("packets", packets), ("data_packets", data)] {
            if n > 0 {
                marks.push(Some(format!("after: ({word}: {n})")));
                marks.push(Some(format!("after: ({word}: {n}), times: 1")));
            }
        }
        if alike > 0 {
            marks.push(Some(format!("skip: {alike}")));
            marks.push(Some(format!("skip: {alike}, times: 1")));
        }
        let kinds = segments(packet).into_iter().map(|name| Some(format!("segment: [{name}]")));
        let kinds: Vec<Option<String>> = [None].into_iter().chain(kinds).collect();
        let directions = [None, Some(format!("direction: {direction}"))];
        let port = Some(format!("port: {}", self.crossing.connections[connection].flow.dst.port()));
        let mut all = Vec::new();
        for mark in &marks {
            for kind in &kinds {
                for direction in &directions {
                    for port in [&None, &port] {
                        let parts = [direction, kind, port, mark];
                        all.push(parts.into_iter().flatten().cloned().collect());
                    }
                }
            }
        }
        all
    }
}

/// A rule in RON, with how special it is: how much it says.
fn rule(when: &[String], act: &str) -> (usize, String) {
    let text = match when {
        [] => format!("(do: {act})"),
        when => format!("(when: ({}), do: {act})", when.join(", ")),
    };
    // Conditions count for more than words.
    (when.len() * 100 + text.len(), text)
}

fn is_for_connections(act: &str) -> bool {
    ["RandomiseIsn", "Nat", "Balance", "SynProxy"].iter().any(|name| act.starts_with(name))
}

/// The kinds of segment that a packet is.
fn segments(packet: &Packet) -> Vec<&'static str> {
    let flags = packet.flags;
    let ends = Flags::SYN.0 | Flags::FIN.0 | Flags::RST.0;
    let all = [
        (flags.is_initial_syn(), "Syn"),
        (flags.is_syn_ack(), "SynAck"),
        (!packet.payload.is_empty(), "Data"),
        (flags.has(Flags::FIN), "Fin"),
        (flags.has(Flags::RST), "Rst"),
        (flags.0 & ends == 0 && packet.payload.is_empty(), "PureAck"),
        (flags.0 & ends == 0 && packet.payload.is_empty(), "ThirdAck"),
        (!flags.has(Flags::SYN), "AfterHandshake"),
    ];
    all.iter().filter(|(is, _)| *is).map(|&(_, name)| name).collect()
}

/// How rules name an option, the most general way first.
fn named(option: u8, subtype: Option<Subtype>) -> Vec<String> {
    if option != kind::MPTCP {
        return vec![format!("Kind({option})")];
    }
    let name = subtype.map(|subtype| match subtype {
        Subtype::Capable => "Capable",
        Subtype::Join => "Join",
        Subtype::Dss => "Dss",
        Subtype::AddAddr => "AddAddr",
        Subtype::RemoveAddr => "RemoveAddr",
        Subtype::Prio => "Prio",
        Subtype::Fail => "Fail",
        Subtype::FastClose => "FastClose",
        Subtype::TcpRst => "TcpRst",
    });
    ["Option30"].into_iter().chain(name).map(str::to_owned).collect()
}

/// The options by which a packet may have been chosen.
fn selectors(packet: &Packet) -> Vec<String> {
    let is_padding = |o: &RawOption<'_>| matches!(o.kind, kind::NOP | kind::EOL);
    let options = packet.options.iter().filter(|o| !is_padding(o));
    options.flat_map(|o| named(o.kind, Subtype::of(&o))).collect()
}

/// What was done to a payload.
fn payload(before: &Packet, after: &Packet) -> Vec<String> {
    let (from, to) = (before.payload.to_vec(), after.payload.to_vec());
    let head = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let tail = |from: &[u8], to: &[u8]| {
        from.iter().rev().zip(to.iter().rev()).take_while(|(a, b)| a == b).count()
    };
    let tail = tail(&from[head..], &to[head..]);
    let mut acts = Vec::new();
    if from.len() == to.len() && from.len() == head + tail + 1 && from[head] ^ 1 == to[head] {
        acts.push(format!("Flip(at: {head})"));
    }
    // Text that was replaced is told with the word that it stands in.
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b',' | b':');
    let start = head - from[..head].iter().rev().take_while(|b| is_word(b)).count();
    let rest = from[from.len() - tail..].iter().take_while(|b| is_word(b)).count();
    let old = from.get(start..from.len() - tail + rest).map(String::from_utf8_lossy);
    let new = to.get(start..to.len() - tail + rest).map(String::from_utf8_lossy);
    if let (Some(old), Some(new)) = (old, new)
        && !old.is_empty()
        && old.chars().chain(new.chars()).all(|c| c.is_ascii_graphic() || c == ' ')
    {
        acts.push(format!("Replace(find: {old:?}, with: {new:?})"));
    }
    match to.len().checked_sub(from.len()) {
        Some(0) => {}
        Some(more) => acts.push(format!("Grow(by: {more})")),
        None => acts.push(format!("Shrink(by: {})", from.len() - to.len())),
    }
    acts
}
