//! The story of a connection in English: its steps and what can be done.

use sim_core::engine::device::Origin;
use sim_core::record::outcome::Trouble;
use sim_core::record::story::{Fact, Offer};

use super::{did, end, place, product};
use crate::explain::{Advice, Step, What};
use crate::figures::{count, instant, plural, size};

/// A step as a sentence.
pub(super) fn step(step: &Step<'_>) -> String {
    let what = match &step.what {
        What::Fact { end, host, fact, subflow } => {
            let name = self::end(*end);
            let host = if *host == name { String::new() } else { format!(" \"{host}\"") };
            format!("the {name}{host} {}", self::fact(fact, *subflow))
        }
        What::Act { host, act, packet } => match packet {
            Some(packet) => format!("host \"{host}\" got the {packet} and {act}"),
            None => format!("host \"{host}\" {act}"),
        },
        What::Change { device, change, packet } => {
            let packet = packet.as_ref().map(|p| (p.to_string(), place(&change.change)));
            let what = did(&change.change.to_string(), packet);
            format!("{} \"{}\" {what}", product(device.model), device.name)
        }
        What::Event(label) => format!("by the scenario: {label}"),
    };
    let times = match step.times {
        1 => String::new(),
        n => format!(" ({} times, until {})", count(n.into()), instant(step.until)),
    };
    sentence(&format!("{what}{times}"))
}

/// With a capital and a full stop.
pub(super) fn sentence(words: &str) -> String {
    let mut chars = words.chars();
    match chars.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), chars.as_str()),
        None => String::new(),
    }
}

fn fact(fact: &Fact, subflow: Option<(usize, &str)>) -> String {
    let over = subflow.map(|(_, path)| format!(" over {path}")).unwrap_or_default();
    let which = match subflow {
        Some((0, _)) => "the first subflow".to_owned(),
        Some((_, path)) => format!("the subflow over {path}"),
        None => "a subflow".to_owned(),
    };
    match fact {
        Fact::SynSent { offer, attempt: 0 } => format!("sent a SYN {}{over}", with(*offer)),
        Fact::SynSent { offer, attempt } => {
            format!("sent the SYN again{over} ({attempt}. time), {}", with(*offer))
        }
        Fact::SynReceived { offer } => format!("got the SYN{over} {}", with(*offer)),
        Fact::SynAckSent { offer } => format!("answered{over} with a SYN/ACK {}", with(*offer)),
        Fact::SynAckReceived { offer } => format!("got the SYN/ACK{over} {}", with(*offer)),
        Fact::SubflowEstablished => format!("has established {which}{}", if_first(subflow, &over)),
        Fact::FullyEstablished => "knows that both ends speak MPTCP: both keys were shown".into(),
        Fact::FellBack(reason) => reason.to_string(),
        Fact::SpeaksPlainTcp => "does not speak MPTCP".into(),
        Fact::AddressLearnt { address, id } => {
            format!("learnt the peer's address {address} (ID {id}) from ADD_ADDR")
        }
        Fact::AddressAnnounced { address, id } => {
            format!("announced its address {address} (ID {id}) with ADD_ADDR")
        }
        Fact::AddressRemoved { id } => format!("was told that the peer's address ID {id} is gone"),
        Fact::TimedOut => format!("got no answer on {which} and gave it up"),
        Fact::ResetSent { why, reason } => {
            let reason = reason.map(|r| format!(" (MP_TCPRST: {})", r.text())).unwrap_or_default();
            format!("reset {which}: {why}{reason}")
        }
        Fact::ResetReceived { reason: Some(reason) } => {
            format!("was reset on {which} (MP_TCPRST: {})", reason.text())
        }
        Fact::ResetReceived { reason: None } => format!("was reset on {which}"),
        Fact::NoPort => {
            format!("had no local port left for {which}: all are in use or in TIME-WAIT")
        }
        Fact::Unreachable => {
            format!(
                "was told by a router that the peer cannot be reached{over} (ICMP), and gave up"
            )
        }
        Fact::PathMtuLowered { mtu, told: true } => {
            format!(
                "was told by a router that the path takes {mtu} bytes at most (ICMP): shorter packets on {which} from here"
            )
        }
        Fact::PathMtuLowered { mtu, told: false } => {
            format!(
                "takes the path for one that drops long packets: at most {mtu} bytes on {which} from here"
            )
        }
        Fact::RetransmissionTimeout { .. } => {
            format!("sent again on {which} after a retransmission timeout")
        }
        Fact::Reinjected { bytes } => {
            format!("sent {} again over another subflow than {which}", size(*bytes))
        }
        Fact::SubflowLeft => format!("closed {which}: one of its addresses was withdrawn"),
        Fact::SubflowStale => format!("takes {which} for unusable until it shows life"),
        Fact::SubflowRecovered => format!("uses {which} again"),
        Fact::ChecksumFailed { dsn } => {
            format!("found that a DSS checksum does not fit the data (data sequence number {dsn})")
        }
        Fact::FailSent => format!("sent MP_FAIL on {which}"),
        Fact::FailReceived => format!("got MP_FAIL on {which}"),
        Fact::InfiniteMappingSent => "sent the infinite mapping: plain TCP from here".into(),
        Fact::InfiniteMappingReceived => "got the infinite mapping: plain TCP from here".into(),
        Fact::FastClose { sent: true } => "sent MP_FASTCLOSE".into(),
        Fact::FastClose { sent: false } => "got MP_FASTCLOSE".into(),
        Fact::PriorityChanged { backup: true } => format!("was asked to use {which} as a backup"),
        Fact::PriorityChanged { backup: false } => format!("was asked to use {which} as any other"),
        Fact::WrongByte { offset } => {
            format!("delivered a byte that the peer did not write (byte {})", count(*offset))
        }
        Fact::FinSent => "has written everything and said so (DATA_FIN, or FIN)".into(),
        Fact::FinReceived => "was told that the peer has written everything".into(),
        Fact::Closed => "has closed: everything was acknowledged".into(),
        Fact::Aborted => "gave the connection up".into(),
    }
}

fn if_first(subflow: Option<(usize, &str)>, over: &str) -> String {
    if matches!(subflow, Some((0, _))) { over.into() } else { String::new() }
}

fn with(offer: Offer) -> String {
    match offer {
        Offer::Nothing => "without option 30".into(),
        Offer::Capable { version } => format!("with MP_CAPABLE (version {version})"),
        Offer::Join => "with MP_JOIN".into(),
    }
}

/// Advice as a sentence or two.
pub(super) fn advice(advice: &Advice<'_>) -> String {
    match advice {
        Advice::Device { device, model, remedy } => {
            format!("{} \"{device}\": {}.", product(model), remedy.advice)
        }
        Advice::Rule { device, model, rule } => match &rule.origin {
            Origin::Config(line) => format!(
                "{} \"{device}\" does what its configuration says: change {}:{}, {}.",
                product(model),
                line.file,
                line.line,
                line.text
            ),
            Origin::Default { .. } | Origin::Scenario => format!(
                "{} \"{device}\" does this by its default, {} ({}); no setting is known that changes it.",
                product(model),
                rule.text,
                rule.source
            ),
        },
        Advice::Scenario { device, rule } => format!(
            "\"{device}\" does what the scenario tells it to ({}): change its rule in the scenario \
             file.",
            rule.text
        ),
        Advice::EnableMptcp { host, .. } => format!(
            "Turn MPTCP on at \"{host}\": on Linux sysctl net.mptcp.enabled=1 and a socket with \
             IPPROTO_MPTCP; in a scenario another profile than TcpOnly."
        ),
        Advice::SameVersion => {
            "Give both ends the same version of MPTCP: version 0 (RFC 6824) and \
             version 1 (RFC 8684) do not work together."
                .into()
        }
        Advice::Network(Trouble::Event(label)) => format!(
            "No device is to blame: the network was ({label}). MPTCP goes on where another path is \
             up and has a subflow."
        ),
        Advice::Network(trouble) => format!(
            "No device signed anything that explains it: {trouble}. Look at the links: loss, MTU, \
             routes."
        ),
        Advice::Nothing => "Nothing: MPTCP works.".into(),
        Advice::Unknown => "What came in the way is not known well enough to say more.".into(),
    }
}

/// "… 312 data segments (436 kB) and 160 ACKs …".
pub(super) fn folded(data: u64, acks: u64, bytes: u64) -> String {
    let part = |n: u64, noun: &str| (n > 0).then(|| counted(n, noun));
    let data = part(data, "data segment").map(|data| format!("{data} ({})", size(bytes)));
    let parts: Vec<String> = data.into_iter().chain(part(acks, "ACK")).collect();
    format!("… {} …", parts.join(" and "))
}

fn counted(n: u64, noun: &str) -> String {
    if n == 1 { plural(1, noun) } else { format!("{} {noun}s", count(n)) }
}
