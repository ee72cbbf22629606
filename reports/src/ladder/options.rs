//! TCP options as people spell them out, MPTCP's in full.

use std::fmt::Write as _;

use sim_core::wire::mptcp::{AddAddr, CapableBody, DataSeq, Dss, Join, MptcpOption, capable_flags};
use sim_core::wire::options::{Options, RawOption, kind};
use sim_core::wire::packet::{Flags, Packet};

/// Bytes of an HMAC that are shown.
const HMAC_SHOWN: usize = 8;

/// What a segment is and carries: `SYN seq 892909138 | MSS 1460 | MP_CAPABLE v1 flags H`.
#[must_use]
pub fn spell_out(packet: &Packet) -> String {
    if let Some(error) = packet.icmp() {
        return error.to_string();
    }
    let flags = format!("{:?}", packet.flags).replace(',', "/");
    let mut out = format!("{flags} seq {}", packet.seq.0);
    if packet.flags.has(Flags::ACK) {
        let _ = write!(out, " ack {}", packet.ack.0);
    }
    if packet.payload.len > 0 {
        let _ = write!(out, ", {} bytes", packet.payload.len);
    }
    for option in options(&packet.options, packet.flags.has(Flags::SYN)) {
        let _ = write!(out, " | {option}");
    }
    out
}

/// The options worth showing: MPTCP's always; of the others, those that a handshake negotiates, and
/// padding that stands where an option was.
fn options(options: &Options, is_handshake: bool) -> Vec<String> {
    let mut all = Vec::new();
    let mut nops = 0;
    for option in options.iter() {
        if option.kind == kind::NOP {
            nops += 1;
            continue;
        }
        push_nops(&mut all, &mut nops);
        match option.kind {
            kind::MPTCP => all.push(mptcp(&option)),
            kind::MSS if is_handshake => {
                all.extend(options.mss().map(|mss| format!("MSS {mss}")));
            }
            kind::WINDOW_SCALE if is_handshake => {
                all.extend(option.data().first().map(|shift| format!("window scale {shift}")));
            }
            kind::SACK_PERMITTED if is_handshake => all.push("SACK permitted".into()),
            _ => {}
        }
    }
    push_nops(&mut all, &mut nops);
    all
}

/// One or two NOPs align what follows; more stand where an option was.
fn push_nops(all: &mut Vec<String>, nops: &mut u32) {
    if *nops > 2 {
        all.push(format!("NOP × {nops}"));
    }
    *nops = 0;
}

/// Any option by itself: `MSS 1460`, `MP_CAPABLE v1 flags H`; one that nothing is known of by its number
/// and its bytes.
#[must_use]
pub fn spell_out_option(option: &RawOption<'_>) -> String {
    let hex = || option.data().iter().map(|b| format!("{b:02x}")).collect::<String>();
    let word = |at: usize| {
        option.data().get(at..).and_then(|rest| rest.first_chunk()).map(|w| u32::from_be_bytes(*w))
    };
    let known = match (option.kind, option.data()) {
        _ if !option.well_formed => None,
        (kind::EOL, _) => Some("EOL".into()),
        (kind::NOP, _) => Some("NOP".into()),
        (kind::MPTCP, _) => MptcpOption::parse(option).ok().map(|option| understood(&option)),
        (kind::MSS, [a, b]) => Some(format!("MSS {}", u16::from_be_bytes([*a, *b]))),
        (kind::WINDOW_SCALE, [shift]) => Some(format!("window scale {shift}")),
        (kind::SACK_PERMITTED, []) => Some("SACK permitted".into()),
        (kind::SACK, edges) if !edges.is_empty() && edges.len().is_multiple_of(8) => {
            let blocks = (0..edges.len())
                .step_by(8)
                .filter_map(|at| Some(format!("{}–{}", word(at)?, word(at + 4)?)));
            Some(format!("SACK {}", blocks.collect::<Vec<_>>().join(", ")))
        }
        (kind::TIMESTAMPS, [_, _, _, _, _, _, _, _]) => {
            word(0).zip(word(4)).map(|(value, echo)| format!("timestamps {value}/{echo}"))
        }
        (kind::MD5, [_, ..]) => Some(format!("MD5 {}", hex())),
        _ => None,
    };
    known.unwrap_or_else(|| {
        let broken = if option.well_formed { "" } else { ", broken" };
        format!("option {} ({} bytes{broken}) {}", option.kind, option.bytes.len(), hex())
    })
}

fn mptcp(option: &RawOption<'_>) -> String {
    match MptcpOption::parse(option) {
        Ok(understood) => self::understood(&understood),
        Err(_) => format!("option 30, not understood ({} bytes)", option.bytes.len()),
    }
}

fn understood(option: &MptcpOption) -> String {
    let name = option.subtype().name();
    match option {
        MptcpOption::Capable { version, flags, body } => {
            format!("{name} v{version} flags {}{}", capable(*flags), keys(body))
        }
        MptcpOption::Join(join) => format!("{name}{}", self::join(join)),
        MptcpOption::Dss(dss) => format!("{name}{}", self::dss(dss)),
        MptcpOption::AddAddr(add) => format!("{name}{}", add_addr(add)),
        MptcpOption::RemoveAddr(ids) => {
            let ids: Vec<String> = ids.as_slice().iter().map(ToString::to_string).collect();
            format!("{name} id {}", ids.join(", "))
        }
        MptcpOption::Prio { backup, .. } => {
            format!("{name} {}", if *backup { "backup" } else { "no backup" })
        }
        MptcpOption::Fail { dsn } => format!("{name} dsn {dsn}"),
        MptcpOption::FastClose { key } => format!("{name} key {key:016x}"),
        MptcpOption::TcpRst { transient, reason } => {
            let transient = if *transient { ", may pass" } else { "" };
            format!("{name} reason {} ({}{transient})", reason.0, reason.text())
        }
    }
}

/// The letters of the RFC for the flags that are set.
fn capable(flags: u8) -> String {
    let letters = [
        (capable_flags::CHECKSUM, 'A'),
        (capable_flags::EXTENSIBILITY, 'B'),
        (capable_flags::NO_JOIN, 'C'),
        (capable_flags::CRYPTO, 'H'),
    ];
    let set: String = letters.iter().filter(|(bit, _)| flags & bit != 0).map(|l| l.1).collect();
    if set.is_empty() { "none".into() } else { set }
}

fn keys(body: &CapableBody) -> String {
    match body {
        CapableBody::None => String::new(),
        CapableBody::Sender(key) => format!(" key {key:016x}"),
        CapableBody::Both { sender, receiver } => {
            format!(" keys {sender:016x}, {receiver:016x}")
        }
        CapableBody::WithData { sender, receiver, len, checksum } => {
            let checksum = checksum.map(|c| format!(" checksum {c:04x}")).unwrap_or_default();
            format!(" keys {sender:016x}, {receiver:016x} length {len}{checksum}")
        }
    }
}

fn join(join: &Join) -> String {
    let with_backup = |backup: &bool| if *backup { " backup" } else { "" };
    match join {
        Join::Syn { backup, address_id, token, nonce } => {
            let backup = with_backup(backup);
            format!(" token {token:08x} nonce {nonce:08x} id {address_id}{backup}")
        }
        Join::SynAck { backup, address_id, hmac, nonce } => {
            let backup = with_backup(backup);
            format!(" HMAC {hmac:016x} nonce {nonce:08x} id {address_id}{backup}")
        }
        Join::Ack { hmac } => {
            let shown: String = hmac[..HMAC_SHOWN].iter().map(|b| format!("{b:02x}")).collect();
            format!(" HMAC {shown}… (160 bits)")
        }
    }
}

fn dss(dss: &Dss) -> String {
    let number = |seq: &DataSeq| match seq {
        DataSeq::Short(low) => low.to_string(),
        DataSeq::Long(full) => full.to_string(),
    };
    let mut out = String::new();
    if dss.data_fin {
        out += " DATA_FIN";
    }
    if let Some(ack) = &dss.ack {
        let _ = write!(out, " ack {}", number(ack));
    }
    if let Some(map) = &dss.mapping {
        let _ = match map.len {
            0 => write!(out, " infinite map from dsn {}", number(&map.dsn)),
            len => write!(out, " map dsn {} ssn {} length {len}", number(&map.dsn), map.ssn),
        };
        if let Some(checksum) = map.checksum {
            let _ = write!(out, " checksum {checksum:04x}");
        }
    }
    out
}

fn add_addr(add: &AddAddr) -> String {
    let echo = if add.echo { " echo" } else { "" };
    let port = add.port.map(|port| format!(" port {port}")).unwrap_or_default();
    let hmac = add.hmac.map(|hmac| format!(" HMAC {hmac:016x}")).unwrap_or_default();
    format!("{echo} id {} {}{port}{hmac}", add.address_id, add.address)
}
