//! Which application a connection carries, told from the first bytes that each end sends.
//!
//! The beginning is all that there is to see: a connection that carries the later part of a stream (an
//! MPTCP subflow that joined) has no beginning, and one that is encrypted shows no more than that it
//! is. Protocols without a signature here are told by their port.

use sim_core::wire::packet::Packet;
use sim_core::wire::seq::Seq;

use crate::config::words::port;
use crate::steps::scan::find;

use super::config::Field;

/// Packets with payload after which a connection stays unknown.
const PACKETS_MAX: u32 = 10;
/// Bytes of the beginning that are kept.
const BYTES_MAX: usize = 2048;

/// What a connection's beginning has shown.
#[derive(Clone, Debug, Default)]
pub(super) struct Recognition {
    beginnings: [Vec<u8>; 2],
    next: [Option<Seq>; 2],
    packets: u32,
    protocol: Option<&'static str>,
    host: Option<String>,
    url: Option<String>,
}

/// Protocols that are told by what they say. `secure-http` is TLS.
const SIGNED: [&str; 9] =
    ["http", "secure-http", "ssl", "ssh", "ftp", "smtp", "sip", "rtsp", "bittorrent"];

impl Recognition {
    /// Reads a packet that `sender` (0: the end that opened the connection) has sent.
    pub(super) fn read(&mut self, sender: usize, packet: &Packet) {
        if packet.payload.is_empty() {
            if packet.flags.has(sim_core::wire::packet::Flags::SYN) {
                self.next[sender] = Some(packet.seq.add(1));
            }
            return;
        }
        self.packets = self.packets.saturating_add(1);
        let beginning = &mut self.beginnings[sender];
        let next = self.next[sender].get_or_insert(packet.seq);
        if *next == packet.seq && beginning.len() < BYTES_MAX && self.packets <= PACKETS_MAX {
            beginning.extend(packet.payload.to_vec());
            beginning.truncate(BYTES_MAX);
            *next = next.add(packet.payload.len);
            self.judge();
        }
    }

    fn judge(&mut self) {
        let [asked, answered] = &self.beginnings;
        if self.protocol.is_none() {
            self.protocol = protocol_of(asked, answered);
        }
        if self.protocol == Some("http") {
            let text = String::from_utf8_lossy(asked);
            let mut lines = text.lines();
            let url = lines.next().and_then(|line| line.split(' ').nth(1));
            self.url = url.map(str::to_owned).or(self.url.take());
            let host = lines.find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("host").then(|| value.trim().to_owned())
            });
            self.host = host.or(self.host.take());
        }
    }

    /// The name of what it is, for a report.
    pub(super) fn name(&self) -> &'static str {
        match self.protocol {
            Some(protocol) => protocol,
            None => "unknown",
        }
    }

    /// True when the connection is of this protocol, and its request says what it must.
    pub(super) fn is(
        &self,
        protocol: &str,
        field: Option<&(Field, String)>,
        called: u16,
        mapped: &[(String, Vec<u16>)],
    ) -> bool {
        let on_port = |ports: &[u16]| ports.contains(&called);
        let by_map = mapped.iter().any(|(name, ports)| name == protocol && on_port(ports));
        let holds = if protocol == "unknown" {
            self.protocol.is_none() && self.packets > 0
        } else if protocol == "tcp" || by_map {
            true
        } else if SIGNED.contains(&protocol) {
            let is = self.protocol == Some(protocol);
            is || (protocol == "ssl" && self.protocol == Some("secure-http"))
        } else {
            port(protocol) == Some(called)
        };
        holds
            && field.is_none_or(|(field, pattern)| {
                let value = match field {
                    Field::Host => &self.host,
                    Field::Url => &self.url,
                };
                value.as_deref().is_some_and(|value| like(value.as_bytes(), pattern.as_bytes()))
            })
    }
}

fn protocol_of(asked: &[u8], answered: &[u8]) -> Option<&'static str> {
    const METHODS: [&[u8]; 8] =
        [b"GET ", b"POST ", b"HEAD ", b"PUT ", b"DELETE ", b"OPTIONS ", b"CONNECT ", b"PATCH "];
    let first_line = asked.split(|b| *b == b'\n').next().unwrap_or(&[]);
    let says = |words: &[u8]| find(first_line, words).is_some();
    if METHODS.iter().any(|m| asked.starts_with(m)) && says(b" HTTP/1.") {
        return Some("http");
    }
    // A handshake record of TLS 1.x with a ClientHello in it (RFC 8446 §5.1).
    if let [0x16, 3, 0..=4, _, _, 1, ..] = asked {
        return Some("secure-http");
    }
    let greets = |words: &[u8]| answered.starts_with(words) || asked.starts_with(words);
    if greets(b"SSH-") {
        return Some("ssh");
    }
    if says(b" SIP/2.0") {
        return Some("sip");
    }
    if says(b" RTSP/1.0") {
        return Some("rtsp");
    }
    if asked.starts_with(b"\x13BitTorrent protocol") {
        return Some("bittorrent");
    }
    let asks = |words: &[u8]| asked.len() >= 4 && asked[..4].eq_ignore_ascii_case(words);
    if asks(b"EHLO") || asks(b"HELO") {
        return Some("smtp");
    }
    if answered.starts_with(b"220") && (asks(b"USER") || asks(b"AUTH")) {
        return Some("ftp");
    }
    None
}

/// `*` stands for any text, `?` for any character, `|` between alternatives; case does not count.
fn like(value: &[u8], pattern: &[u8]) -> bool {
    pattern.split(|b| *b == b'|').any(|one| glob(value, one))
}

fn glob(value: &[u8], pattern: &[u8]) -> bool {
    // Where to go on after the last star, when what follows it does not fit.
    let (mut v, mut p, mut again) = (0, 0, None);
    while v < value.len() {
        match pattern.get(p) {
            Some(b'*') => {
                again = Some((v, p));
                p += 1;
            }
            Some(c) if *c == b'?' || c.eq_ignore_ascii_case(&value[v]) => (v, p) = (v + 1, p + 1),
            _ => match &mut again {
                Some((from, star)) => {
                    *from += 1;
                    (v, p) = (*from, *star + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::track::Sender::{Initiator, Responder};
    use crate::testing::segment;
    use sim_core::wire::packet::Flags;
    use sim_core::wire::payload::Payload;

    fn seen(said: &[(usize, u32, &[u8])]) -> Recognition {
        let mut r = Recognition::default();
        for (sender, end) in [Initiator, Responder].into_iter().enumerate() {
            r.read(sender, &segment(end, Flags::SYN, 99, 0, 0));
        }
        for &(sender, seq, bytes) in said {
            let mut packet = segment([Initiator, Responder][sender], Flags::ACK, seq, 1, 0);
            packet.payload = Payload::literal(bytes);
            r.read(sender, &packet);
        }
        r
    }

    #[test]
    fn by_the_beginning() {
        let check = |said: &[(usize, u32, &[u8])], name| assert_eq!(seen(said).name(), name);
        check(&[(0, 100, b"GET /a HTTP/1.1\r\n")], "http");
        check(&[(0, 100, b"GET /a HT"), (0, 109, b"TP/1.1\r\n")], "http");
        check(&[(0, 109, b"TP/1.1\r\nGET / HTTP/1.1\r\n")], "unknown");
        check(&[(0, 100, b"xGET / HTTP/1.1\r\n")], "unknown");
        check(&[(0, 100, &[0x16, 3, 1, 2, 0, 1, 0])], "secure-http");
        check(&[(1, 100, b"SSH-2.0-x")], "ssh");
        check(&[(1, 100, b"220 hi\r\n"), (0, 100, b"USER x\r\n")], "ftp");
        check(&[(1, 100, b"220 hi\r\n"), (0, 100, b"EHLO x\r\n")], "smtp");
        check(&[(0, 100, b"INVITE sip:a SIP/2.0\r\n")], "sip");
        check(&[], "unknown");
        let mut late = vec![(0, 100, &b"a"[..]); 12];
        late.push((0, 101, b"GET / HTTP/1.1\r\n"));
        check(&late, "unknown");
    }

    #[test]
    fn requests_and_ports() {
        let r = seen(&[(0, 100, b"GET /films/x.mpg HTTP/1.1\r\nHost: Cdn.example.com\r\n\r\n")]);
        let url = |p: &str| r.is("http", Some(&(Field::Url, p.to_owned())), 80, &[]);
        let host = |p: &str| r.is("http", Some(&(Field::Host, p.to_owned())), 80, &[]);
        assert!(url("*.mpg") && url("/FILMS/*") && url("*.jpg|*.mpg") && !url("*.jpg"));
        assert!(host("*example.com") && host("cdn.?xample.com") && !host("example.com"));
        let none = Recognition::default();
        assert!(!none.is("http", None, 80, &[]), "its port alone says nothing");
        assert!(none.is("http", None, 8080, &[("http".into(), vec![8080])]), "unless it is mapped");
        assert!(none.is("telnet", None, 23, &[]) && !none.is("telnet", None, 24, &[]));
    }
}
