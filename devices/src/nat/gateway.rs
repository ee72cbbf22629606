//! Application-level gateways: addresses that an application writes into its payload are rewritten
//! as those in the header are.
//!
//! A gateway reads one segment at a time, as the fast path of a router does: what stands in two
//! segments, or comes on another subflow, is missed. What it writes may be longer or shorter than what
//! stood there; sequence numbers are kept in step ([`crate::steps::resize`]), a DSS mapping is not.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::steps::scan::find;

use super::config::Gateway;

/// Bytes of a payload that give way to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rewrite {
    /// Where they begin.
    pub(crate) at: usize,
    /// How many.
    pub(crate) removes: usize,
    pub(crate) inserts: Vec<u8>,
}

/// What a gateway asks of the translation.
pub(crate) trait Mapping {
    /// The address that stands for `address` on the other side.
    fn address(&self, address: IpAddr) -> Option<IpAddr>;

    /// The socket that stands for a socket which the other end is told to call: it is kept open.
    fn expect(&mut self, called: SocketAddr) -> Option<SocketAddr>;
}

impl Gateway {
    /// What is to be rewritten in a payload.
    pub(crate) fn rewrites(self, payload: &[u8], mapping: &mut dyn Mapping) -> Vec<Rewrite> {
        match self {
            Self::Ftp => ftp(payload, mapping),
            Self::Sip => with_length(payload, textual(payload, mapping)),
            Self::Rtsp => textual(payload, mapping),
            Self::H225 => binary(payload, mapping),
        }
    }

    /// The name that IOS gives it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ftp => "ftp",
            Self::Sip => "sip",
            Self::Rtsp => "rtsp",
            Self::H225 => "H225",
        }
    }
}

/// PORT, EPRT and the answer 227 name address and port (RFC 959, RFC 2428).
fn ftp(payload: &[u8], mapping: &mut dyn Mapping) -> Vec<Rewrite> {
    let mut all = Vec::new();
    let mut start = 0;
    while let Some(len) = find(&payload[start..], b"\r\n") {
        let line = &payload[start..start + len];
        let read = match line {
            [b'P' | b'p', b'O' | b'o', b'R' | b'r', b'T' | b't', b' ', ..] => six(line, 5),
            [b'2', b'2', b'7', b' ', ..] => {
                let digit = |at: &usize| line[*at].is_ascii_digit();
                (4..line.len()).find(digit).and_then(|at| six(line, at))
            }
            [b'E' | b'e', b'P' | b'p', b'R' | b'r', b'T' | b't', b' ', ..] => eprt(line),
            _ => None,
        };
        if let Some((at, removes, called)) = read
            && let Some(to) = mapping.expect(called)
        {
            let inserts = match (line[0].to_ascii_uppercase(), to.ip()) {
                (b'E', ip) => format!("|{}|{ip}|{}|", if ip.is_ipv4() { 1 } else { 2 }, to.port()),
                (_, IpAddr::V4(ip)) => {
                    let [a, b, c, d] = ip.octets();
                    format!("{a},{b},{c},{d},{},{}", to.port() >> 8, to.port() & 0xff)
                }
                (_, IpAddr::V6(_)) => continue,
            };
            all.push(Rewrite { at: start + at, removes, inserts: inserts.into_bytes() });
        }
        start += len + 2;
    }
    all
}

/// `h1,h2,h3,h4,p1,p2` from `at` on: where it stands, how long it is, what it says.
fn six(line: &[u8], at: usize) -> Option<(usize, usize, SocketAddr)> {
    let digits = |b: &u8| b.is_ascii_digit() || *b == b',';
    let len = line[at..].iter().take_while(|b| digits(b)).count();
    let text = std::str::from_utf8(&line[at..at + len]).ok()?;
    let mut numbers = text.split(',').map(|n| n.parse::<u8>().ok());
    let mut next = || numbers.next().flatten();
    let address = Ipv4Addr::new(next()?, next()?, next()?, next()?);
    let port = u16::from_be_bytes([next()?, next()?]);
    numbers.next().is_none().then(|| (at, len, SocketAddr::new(address.into(), port)))
}

/// `EPRT |1|10.0.1.2|51210|`.
fn eprt(line: &[u8]) -> Option<(usize, usize, SocketAddr)> {
    let text = std::str::from_utf8(line.get(5..)?).ok()?;
    let mut parts = text.split('|');
    (parts.next()?.is_empty() && matches!(parts.next()?, "1" | "2")).then_some(())?;
    let (address, port) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    parts.next()?.is_empty().then(|| (5, text.len(), SocketAddr::new(address, port)))
}

/// IPv4 addresses written as text, wherever they stand by themselves.
fn textual(payload: &[u8], mapping: &dyn Mapping) -> Vec<Rewrite> {
    let part = |b: &u8| b.is_ascii_digit() || *b == b'.';
    let mut all = Vec::new();
    let mut at = 0;
    while at < payload.len() {
        let len = payload[at..].iter().take_while(|b| part(b)).count();
        let address = std::str::from_utf8(&payload[at..at + len]).ok().and_then(|text| {
            // A full stop that ends a sentence is none of the address.
            text.trim_end_matches('.').parse::<Ipv4Addr>().ok().map(|a| (a, text))
        });
        if let Some((address, text)) = address
            && let Some(to) = mapping.address(address.into())
        {
            let removes = text.trim_end_matches('.').len();
            all.push(Rewrite { at, removes, inserts: to.to_string().into_bytes() });
        }
        at += len.max(1);
    }
    all
}

/// Corrects a `Content-Length` for what changes in the body behind it (RFC 3261 §20.14).
fn with_length(payload: &[u8], mut all: Vec<Rewrite>) -> Vec<Rewrite> {
    let Some(body) = find(payload, b"\r\n\r\n").map(|at| at + 4) else { return all };
    let growth: i64 = all
        .iter()
        .filter(|r| r.at >= body)
        .map(|r| r.inserts.len() as i64 - r.removes as i64)
        .sum();
    let lower = payload[..body].to_ascii_lowercase();
    let length = find(&lower, b"\r\ncontent-length:").map(|at| at + 17).and_then(|from| {
        let at = from + payload[from..].iter().take_while(|b| **b == b' ').count();
        let len = payload[at..].iter().take_while(|b| b.is_ascii_digit()).count();
        let value: i64 = std::str::from_utf8(&payload[at..at + len]).ok()?.parse().ok()?;
        Some((at, len, value))
    });
    if let (Some((at, removes, value)), true) = (length, growth != 0) {
        let inserts = (value.saturating_add(growth)).max(0).to_string().into_bytes();
        all.push(Rewrite { at, removes, inserts });
        all.sort_by_key(|r| r.at);
    }
    all
}

/// IPv4 addresses as they stand in a transport address (H.225: four bytes, then the port).
fn binary(payload: &[u8], mapping: &dyn Mapping) -> Vec<Rewrite> {
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(&[a, b, c, d]) = payload.get(at..at + 4) {
        match mapping.address(Ipv4Addr::new(a, b, c, d).into()) {
            Some(IpAddr::V4(to)) => {
                all.push(Rewrite { at, removes: 4, inserts: to.octets().to_vec() });
                at += 4;
            }
            _ => at += 1,
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl Mapping for Fixed {
        fn address(&self, address: IpAddr) -> Option<IpAddr> {
            (address == IpAddr::from([10, 0, 1, 2])).then(|| IpAddr::from([192, 0, 2, 77]))
        }
        fn expect(&mut self, called: SocketAddr) -> Option<SocketAddr> {
            Some(SocketAddr::new(self.address(called.ip())?, called.port() + 1))
        }
    }

    fn rewritten(gateway: Gateway, payload: &[u8]) -> String {
        let mut out = payload.to_vec();
        for r in gateway.rewrites(payload, &mut Fixed).into_iter().rev() {
            out.splice(r.at..r.at + r.removes, r.inserts);
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn what_each_gateway_rewrites() {
        let check = |gateway, before: &str, after: &str| {
            assert_eq!(rewritten(gateway, before.as_bytes()), after, "{before:?}");
        };
        let same = |gateway, text: &str| check(gateway, text, text);
        use Gateway::{Ftp, Rtsp, Sip};
        check(Ftp, "PORT 10,0,1,2,200,10\r\n", "PORT 192,0,2,77,200,11\r\n");
        check(Ftp, "EPRT |1|10.0.1.2|51210|\r\n", "EPRT |1|192.0.2.77|51211|\r\n");
        check(
            Ftp,
            "227 Entering Passive Mode (10,0,1,2,200,10).\r\n",
            "227 Entering Passive Mode (192,0,2,77,200,11).\r\n",
        );
        check(Ftp, "TYPE I\r\nPORT 10,0,1,2,1,1\r\n", "TYPE I\r\nPORT 192,0,2,77,1,2\r\n");
        for text in [
            "PORT 10,0,1,2,200",
            "PORT 10,0,1,2,200\r\n",
            "PORT 10,0,1,9,1,1\r\n",
            "PORT 10,0,1,2,300,1\r\n",
            "229 Entering Extended Passive Mode (|||51210|)\r\n",
            "EPRT |3|x|",
            "10,0,1,2,1,1\r\n",
        ] {
            same(Ftp, text);
        }
        check(Rtsp, "a=10.0.1.2;b=10.0.1.20 10.0.1.2.\r", "a=192.0.2.77;b=10.0.1.20 192.0.2.77.\r");
        let invite = |ip: &str, length| {
            format!(
                "INVITE sip:x SIP/2.0\r\nVia: {ip}\r\nContent-Length: {length}\r\n\r\nc=IN IP4 {ip}\r\n"
            )
        };
        check(Sip, &invite("10.0.1.2", 19), &invite("192.0.2.77", 21));
        same(Sip, "\r\n\r\n");
        assert_eq!(
            Gateway::H225.rewrites(&[3, 10, 0, 1, 2, 6, 184], &mut Fixed),
            [Rewrite { at: 1, removes: 4, inserts: vec![192, 0, 2, 77] }]
        );
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..80),
                          words in "(PORT |227 |EPRT |[|]|10,0,1,2|,|1|10\\.0\\.1\\.2|\r\n|Content-Length: ){0,20}") {
            for gateway in [Gateway::Ftp, Gateway::Sip, Gateway::Rtsp, Gateway::H225] {
                rewritten(gateway, &bytes);
                rewritten(gateway, words.as_bytes());
            }
        }
    }
}
