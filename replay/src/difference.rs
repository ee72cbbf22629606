//! What two packets differ in, field by field and option by option.

use std::fmt;

use reports::ladder::options::spell_out_option;
use sim_core::wire::mptcp::Subtype;
use sim_core::wire::options::{Options, RawOption, kind};
use sim_core::wire::packet::Packet;

/// A field of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// Source address.
    Source,
    /// Source port.
    SourcePort,
    /// Destination address.
    Destination,
    /// Destination port.
    DestinationPort,
    /// Time to live or hop limit.
    Ttl,
    /// IPv4 identification.
    IpId,
    /// Differentiated services and ECN.
    Tos,
    /// Sequence number.
    Sequence,
    /// Acknowledgement number.
    Acknowledgement,
    /// TCP flags.
    Flags,
    /// Reserved bits.
    Reserved,
    /// Window.
    Window,
    /// Urgent pointer.
    Urgent,
    /// TCP checksum, right or wrong.
    Checksum,
    /// An option, by kind and for MPTCP by subtype.
    Option(u8, Option<Subtype>),
    /// Padding between options, or their order.
    Padding,
    /// Payload.
    Payload,
    /// Its place among the packets that came out.
    Order,
}

impl Field {
    /// The word by which a user names it.
    #[must_use]
    pub fn word(self) -> String {
        match self {
            Self::Source => "source".into(),
            Self::SourcePort => "source-port".into(),
            Self::Destination => "destination".into(),
            Self::DestinationPort => "destination-port".into(),
            Self::Ttl => "ttl".into(),
            Self::IpId => "ip-id".into(),
            Self::Tos => "tos".into(),
            Self::Sequence => "sequence".into(),
            Self::Acknowledgement => "acknowledgement".into(),
            Self::Flags => "flags".into(),
            Self::Reserved => "reserved-bits".into(),
            Self::Window => "window".into(),
            Self::Urgent => "urgent-pointer".into(),
            Self::Checksum => "checksum".into(),
            Self::Option(kind, _) => format!("option-{kind}"),
            Self::Padding => "padding".into(),
            Self::Payload => "payload".into(),
            Self::Order => "order".into(),
        }
    }

    /// The words of all fields that have one of their own, for messages.
    pub const WORDS: [&'static str; 17] = [
        "source",
        "source-port",
        "destination",
        "destination-port",
        "ttl",
        "ip-id",
        "tos",
        "sequence",
        "acknowledgement",
        "flags",
        "reserved-bits",
        "window",
        "urgent-pointer",
        "checksum",
        "padding",
        "payload",
        "order",
    ];
}

/// A field and its two values, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which field.
    pub field: Field,
    /// Before, or of the first.
    pub before: String,
    /// After, or of the second.
    pub after: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.field {
            // The option's words begin with its name.
            Field::Option(..) => return write!(f, "{} → {}", self.before, self.after),
            field => field.word().replace('-', " "),
        };
        write!(f, "{name} {} → {}", self.before, self.after)
    }
}

/// What a missing option is called.
pub const NONE: &str = "none";
/// An option whose bytes have all become NOP.
pub const NOPS: &str = "NOPs";
/// An option whose bytes have all become EOL.
pub const ZEROS: &str = "zeros (EOL)";
/// An option that was cut out.
pub const REMOVED: &str = "removed";

/// What differs, in the order of the headers.
#[must_use]
pub fn differences(before: &Packet, after: &Packet) -> Vec<Difference> {
    let mut all = Vec::new();
    let mut say = |field, before: &dyn fmt::Display, after: &dyn fmt::Display| {
        let (before, after) = (before.to_string(), after.to_string());
        if before != after {
            all.push(Difference { field, before, after });
        }
    };
    say(Field::Source, &before.src, &after.src);
    say(Field::SourcePort, &before.src_port, &after.src_port);
    say(Field::Destination, &before.dst, &after.dst);
    say(Field::DestinationPort, &before.dst_port, &after.dst_port);
    say(Field::Ttl, &before.ttl, &after.ttl);
    say(Field::IpId, &before.ip_id, &after.ip_id);
    say(Field::Tos, &before.tos, &after.tos);
    say(Field::Sequence, &before.seq.0, &after.seq.0);
    say(Field::Acknowledgement, &before.ack.0, &after.ack.0);
    let flags = |packet: &Packet| format!("{:?}", packet.flags).replace(',', "/");
    say(Field::Flags, &flags(before), &flags(after));
    say(Field::Reserved, &before.reserved, &after.reserved);
    say(Field::Window, &before.window, &after.window);
    say(Field::Urgent, &before.urgent, &after.urgent);
    let checksum = |packet: &Packet| if packet.checksum_fault == 0 { "right" } else { "wrong" };
    say(Field::Checksum, &checksum(before), &checksum(after));
    all.extend(option_differences(&before.options, &after.options));
    if let Some((before, after)) = payloads(before, after) {
        all.push(Difference { field: Field::Payload, before, after });
    }
    all
}

/// Both payloads in words when they differ: their lengths, or the first byte that differs.
fn payloads(before: &Packet, after: &Packet) -> Option<(String, String)> {
    let (from, to) = (&before.payload, &after.payload);
    if from.len != to.len {
        return Some((format!("{} bytes", from.len), format!("{} bytes", to.len)));
    }
    if from.is_empty() || from == to {
        return None;
    }
    let (from, to) = (from.to_vec(), to.to_vec());
    let at = from.iter().zip(&to).position(|(a, b)| a != b)?;
    let said = |byte: u8| format!("{byte:#04x} at byte {at}");
    Some((said(from[at]), said(to[at])))
}

/// What differs in the options.
fn option_differences(before: &Options, after: &Options) -> Vec<Difference> {
    if before == after {
        return Vec::new();
    }
    let listed = |options: &'_ Options| -> Vec<(Field, Vec<u8>, String, std::ops::Range<usize>)> {
        let is_padding = |o: &RawOption<'_>| matches!(o.kind, kind::NOP | kind::EOL);
        let all = options.iter().filter(|option| !is_padding(option));
        all.map(|o| {
            let field = Field::Option(o.kind, Subtype::of(&o));
            (field, o.bytes.to_vec(), spell_out_option(&o), o.span())
        })
        .collect()
    };
    let (from, to) = (listed(before), listed(after));
    let mut all = Vec::new();
    // Devices keep the order of what they leave: each option is looked for after the last one found.
    let mut next = 0;
    for (field, bytes, words, span) in &from {
        let found = to[next..].iter().position(|(other, ..)| other == field);
        let Some(found) = found.map(|at| next + at) else {
            let place = after.as_bytes().get(span.clone());
            let filled = |with| place.is_some_and(|place| place.iter().all(|&b| b == with));
            let became = match () {
                () if filled(kind::NOP) => NOPS,
                () if filled(kind::EOL) => ZEROS,
                () => REMOVED,
            };
            all.push(Difference { field: *field, before: words.clone(), after: became.into() });
            continue;
        };
        for (field, _, words, _) in &to[next..found] {
            all.push(Difference { field: *field, before: NONE.into(), after: words.clone() });
        }
        let (_, other_bytes, other_words, _) = &to[found];
        if bytes != other_bytes {
            let (before, after) = (words.clone(), other_words.clone());
            all.push(Difference { field: *field, before, after });
        }
        next = found + 1;
    }
    for (field, _, words, _) in &to[next..] {
        all.push(Difference { field: *field, before: NONE.into(), after: words.clone() });
    }
    if all.is_empty() && before.as_bytes() != after.as_bytes() {
        let hex = |options: &Options| {
            options.as_bytes().iter().map(|b| format!("{b:02x}")).collect::<String>()
        };
        // Both emitted at the same length, padding with EOL at the end is the same.
        let (from, to) = (hex(before), hex(after));
        if from.trim_end_matches("00") != to.trim_end_matches("00") {
            all.push(Difference { field: Field::Padding, before: from, after: to });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_told_apart() {
        let words = |before: &[u8], after: &[u8]| -> Vec<String> {
            let read = |bytes| Options::from_bytes(bytes).unwrap();
            let all = option_differences(&read(before), &read(after));
            all.iter().map(ToString::to_string).collect()
        };
        let syn = [2, 4, 5, 180, 30, 4, 1, 129, 3, 3, 7, 0];
        assert_eq!(words(&syn, &syn), [""; 0]);
        let mut nops = syn;
        nops[4..8].fill(1);
        assert_eq!(words(&syn, &nops), ["MP_CAPABLE v1 flags AH → NOPs"]);
        assert_eq!(
            words(&syn, &[2, 4, 5, 100, 3, 3, 7, 0]),
            ["MSS 1460 → MSS 1380", "MP_CAPABLE v1 flags AH → removed"]
        );
        assert_eq!(words(&[1, 1, 1, 1], &[4, 2, 1, 1]), ["none → SACK permitted"]);
        assert_eq!(words(&[3, 3, 7, 1], &[3, 3, 7, 0]), ["padding 03030701 → 03030700"]);
        assert_eq!(words(&[3, 3, 7], &[3, 3, 7, 0]), [""; 0]);
    }
}
