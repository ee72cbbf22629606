//! A packet in one line: addresses, flags, numbers.

use sim_core::wire::packet::Packet;

/// `10.0.1.2:40000 → 10.1.0.2:5001  SYN seq 1234, 1400 bytes`.
#[must_use]
pub fn summary(packet: &Packet) -> String {
    if let Some(error) = packet.icmp() {
        return format!("{} → {}  {error}", packet.src, packet.dst);
    }
    let acknowledges = packet.flags.has(sim_core::wire::packet::Flags::ACK);
    let ack = if acknowledges { format!(" ack {}", packet.ack.0) } else { String::new() };
    let payload = match packet.payload.len {
        0 => String::new(),
        len => format!(", {len} bytes"),
    };
    format!(
        "{} → {}  {} seq {}{ack}{payload}",
        packet.source(),
        packet.destination(),
        flags(packet),
        packet.seq.0
    )
}

/// `SYN`, `SYN/ACK`, `FIN/PSH/ACK`.
fn flags(packet: &Packet) -> String {
    format!("{:?}", packet.flags).replace(',', "/")
}
