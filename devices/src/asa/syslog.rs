//! The log, in the form and with the numbers of the ASA's system messages (ASA Syslog Messages guide).

use std::fmt;
use std::net::SocketAddr;

use sim_core::engine::device::Side;
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::packet::{Flags, Flow, Packet};

use crate::steps::track::{Connection, Phase};

use super::State;

/// Messages that are kept; the rest is counted.
const KEPT: usize = 500;

/// The messages of a run, oldest first.
#[derive(Debug, Default)]
pub(super) struct Syslog {
    lines: Vec<String>,
    left_out: u64,
    /// The device's inside is the interface of lower security.
    swapped: bool,
}

impl Syslog {
    /// An empty log. The messages name the interface of lower security first and call what opens from it
    /// inbound; `swapped` says that it is the device's inside.
    pub(super) fn new(swapped: bool) -> Self {
        Self { swapped, ..Self::default() }
    }

    /// The interfaces, that of lower security last, and the side of a connection among them.
    pub(super) fn seen<'n>(&self, names: &'n [String; 2], from: Side) -> ([&'n str; 2], Side) {
        let [inside, outside] = names;
        match (self.swapped, from) {
            (false, from) => ([inside, outside], from),
            (true, Side::Inside) => ([outside, inside], Side::Outside),
            (true, Side::Outside) => ([outside, inside], Side::Inside),
        }
    }

    fn add(&mut self, severity: u8, id: u32, text: impl FnOnce() -> String) {
        if self.lines.len() < KEPT {
            self.lines.push(format!("%ASA-{severity}-{id}: {}", text()));
        } else {
            self.left_out += 1;
        }
    }

    /// The messages, and how many were left out.
    pub(super) fn lines(&self) -> impl Iterator<Item = &String> {
        self.lines.iter()
    }

    /// Messages that were not kept.
    pub(super) const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// 302013, or 302303 for a connection that bypasses the state checks. `mapped` is the flow as each end is
    /// called from the other side.
    pub(super) fn built(
        &mut self,
        names: &[String; 2],
        number: u64,
        [flow, mapped]: [Flow; 2],
        state: &State,
    ) {
        let (names, from) = self.seen(names, state.opened_from);
        let end = |name: &str, real, mapped| format!("{name}:{} ({})", Slash(real), Slash(mapped));
        if state.treatment.bypass.is_some() {
            // From the opener to the other end.
            let [opener, other] = [names[from as usize], names[1 - from as usize]];
            self.add(6, 302_303, || {
                let opener = end(opener, flow.src, mapped.src);
                let other = end(other, flow.dst, mapped.dst);
                format!("Built TCP state-bypass connection {number} from {opener} to {other}")
            });
        } else {
            let direction = direction(from);
            let ((inside, outside), shown) = (ends(flow, from), ends(mapped, from));
            let [in_name, out_name] = names;
            self.add(6, 302_013, || {
                let outside = end(out_name, outside, shown.1);
                let inside = end(in_name, inside, shown.0);
                format!("Built {direction} TCP connection {number} for {outside} to {inside}")
            });
        }
    }

    /// 302014, or 302304.
    pub(super) fn torn_down(&mut self, names: &[String; 2], connection: &Connection<State>) {
        let state = &connection.state;
        let opened = connection.opened;
        let (names, from) = self.seen(names, state.opened_from);
        let (inside, outside) = ends(opened, from);
        let [in_name, out_name] = names;
        let bytes: u64 = connection.ends.iter().map(|end| end.bytes).sum();
        let lasted = connection.last.since(connection.since);
        let number = state.number;
        let both = || format!("{out_name}:{} to {in_name}:{}", Slash(outside), Slash(inside));
        let reason = match (connection.phase, state.reset_from) {
            (Phase::Closed, Some(Side::Inside)) => "TCP Reset-I",
            (Phase::Closed, Some(Side::Outside)) => "TCP Reset-O",
            (Phase::Closed, None) => "TCP FINs",
            (Phase::SynSent | Phase::SynReceived, _) => "SYN Timeout",
            (Phase::HalfClosed, _) => "FIN Timeout",
            (Phase::Established, _) => "Connection timeout",
        };
        if state.treatment.bypass.is_some() {
            let [opener, other] = [names[from as usize], names[1 - from as usize]];
            self.add(6, 302_304, || {
                let both =
                    format!("{opener}:{} to {other}:{}", Slash(opened.src), Slash(opened.dst));
                format!("Teardown TCP state-bypass connection {number} from {both} duration {} bytes {bytes} {reason}", time(lasted))
            });
        } else {
            self.add(6, 302_014, || {
                format!(
                    "Teardown TCP connection {number} for {} duration {} bytes {bytes} {reason}",
                    both(),
                    time(lasted)
                )
            });
        }
    }

    /// What a drop for this reason logs, where it logs something.
    pub(super) fn dropped(
        &mut self,
        names: &[String; 2],
        side: Side,
        packet: &Packet,
        reason: &str,
        rule: &str,
    ) {
        let name = &names[side as usize];
        let other = &names[1 - side as usize];
        let (src, dst) = (Slash(packet.source()), Slash(packet.destination()));
        let flags = Names(packet.flags);
        match reason {
            "tcp-not-syn" => self.add(6, 106_015, || {
                format!("Deny TCP (no connection) from {src} to {dst} flags {flags} on interface {name}")
            }),
            "acl-drop" if rule.starts_with("access-list") => self.add(4, 106_023, || {
                let list = rule.split_whitespace().nth(1).unwrap_or("").trim_end_matches(':');
                format!("Deny tcp src {name}:{src} dst {other}:{dst} by access-group \"{list}\" [0x0, 0x0]")
            }),
            "acl-drop" => self.add(2, 106_001, || {
                format!("Inbound TCP connection denied from {src} to {dst} flags {flags} on interface {name}")
            }),
            "conn-limit" => match limit_of(rule, "per-client-max") {
                Some(limit) => self.add(3, 201_013, || {
                    format!("Per-client connection limit exceeded {limit}/{limit} for input packet from {src} to {dst} on interface {name}")
                }),
                None => self.add(3, 201_011, || {
                    let limit = limit_of(rule, "conn-max").unwrap_or("0");
                    format!("Connection limit exceeded {limit}/{limit} for input packet from {src} to {dst} on interface {name}")
                }),
            },
            "tcp-mss-exceeded" => self.add(4, 419_001, || {
                let size = packet.payload.len;
                format!("Dropping TCP packet from {name}:{src} to {other}:{dst}, reason: MSS exceeded, data {size}")
            }),
            "tcp-seq-syn-diff" => self.add(4, 419_002, || {
                format!("Duplicate TCP SYN from {name}:{src} to {other}:{dst} with different initial sequence number")
            }),
            "tcp-bad-option-list" => self.add(5, 500_003, || {
                format!("Bad TCP hdr length (hdrlen={}, pktlen={}) from {src} to {dst}, flags: {flags}, on interface {name}",
                    packet.tcp_header_len(), packet.wire_len())
            }),
            _ => {}
        }
    }

    /// 201010, or 201012 for the limit of one client.
    pub(super) fn intercepted(&mut self, name: &str, packet: &Packet, rule: &str) {
        let (src, dst) = (Slash(packet.source()), Slash(packet.destination()));
        match limit_of(rule, "per-client-embryonic-max") {
            Some(limit) => self.add(6, 201_012, || {
                format!("Per-client embryonic connection limit exceeded {limit}/{limit} for input packet from {src} to {dst} on interface {name}")
            }),
            None => self.add(6, 201_010, || {
                let limit = limit_of(rule, "embryonic-conn-max").unwrap_or("0");
                format!("Embryonic connection limit exceeded {limit}/{limit} for input packet from {src} to {dst} on interface {name}")
            }),
        }
    }

    /// 507003: an inspection ends a connection, with or without resets to the ends.
    pub(super) fn inspected(
        &mut self,
        names: &[String; 2],
        side: Side,
        packet: &Packet,
        resets: bool,
    ) {
        let (name, other) = (&names[side as usize], &names[1 - side as usize]);
        let (src, dst) = (Slash(packet.source()), Slash(packet.destination()));
        let reason = match resets {
            true => "inspector drop reset",
            false => "inspector disconnected, dropped packet",
        };
        self.add(4, 507_003, || {
            format!("tcp flow from {name}:{src} to {other}:{dst} terminated by inspection engine, reason - {reason}.")
        });
    }

    /// 419003.
    pub(super) fn urgent_cleared(&mut self, names: &[String; 2], side: Side, packet: &Packet) {
        let (name, other) = (&names[side as usize], &names[1 - side as usize]);
        let (src, dst) = (Slash(packet.source()), Slash(packet.destination()));
        self.add(4, 419_003, || {
            format!("Cleared TCP urgent flag from {name}:{src} to {other}:{dst}")
        });
    }
}

/// The ends of a connection that this flow opened from `side`: the inside one, the outside one.
fn ends(flow: Flow, side: Side) -> (SocketAddr, SocketAddr) {
    match side {
        Side::Inside => (flow.src, flow.dst),
        Side::Outside => (flow.dst, flow.src),
    }
}

/// The number after `setting` in a rule's text.
fn limit_of<'r>(rule: &'r str, setting: &str) -> Option<&'r str> {
    let mut words = rule.split_whitespace().skip_while(|word| *word != setting).skip(1);
    words.next().filter(|word| word.parse::<u32>().is_ok())
}

const fn direction(from: Side) -> &'static str {
    match from {
        Side::Inside => "outbound",
        Side::Outside => "inbound",
    }
}

/// An address and a port as the messages write them. Nothing is written for a message that is only counted.
#[derive(Clone, Copy)]
struct Slash(SocketAddr);

impl fmt::Display for Slash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.0.ip(), self.0.port())
    }
}

/// Control bits as the messages write them.
#[derive(Clone, Copy)]
struct Names(Flags);

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = format!("{:?}", self.0).replace(',', " ");
        f.write_str(if names.is_empty() { "none" } else { &names })
    }
}

/// `H:MM:SS`.
pub(super) fn time(span: SimDuration) -> String {
    let seconds = span.as_nanos() / 1_000_000_000;
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// How long ago `then` was.
pub(super) fn idle(now: SimTime, then: SimTime) -> String {
    time(now.since(then))
}
