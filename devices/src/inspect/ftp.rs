//! FTP (RFC 959, RFC 2428): finds the addresses of data connections in the control connection.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use sim_core::wire::seq::Seq;

use super::lines::Lines;
use super::{Engine, Finding};
use crate::steps::track::Sender;

/// Verbs that the strict form takes (RFC 959 §5.3.1, RFC 2389, RFC 2428, RFC 3659, RFC 4217).
const VERBS: [&str; 44] = [
    "ABOR", "ACCT", "ALLO", "APPE", "AUTH", "CDUP", "CWD", "DELE", "EPRT", "EPSV", "FEAT", "HELP",
    "LANG", "LIST", "MDTM", "MKD", "MLSD", "MLST", "MODE", "NLST", "NOOP", "OPTS", "PASS", "PASV",
    "PBSZ", "PORT", "PROT", "PWD", "QUIT", "REIN", "REST", "RETR", "RMD", "RNFR", "RNTO", "SITE",
    "SIZE", "SMNT", "STAT", "STOR", "STOU", "STRU", "SYST", "TYPE",
];

/// The engine.
#[derive(Debug)]
pub struct Ftp {
    lines: [Lines; 2],
    /// Blocks what is no command (`inspect ftp strict`).
    strict: bool,
    responder: IpAddr,
    initiator: IpAddr,
}

impl Ftp {
    /// Between these two; `strict` blocks a client's line that is no FTP command.
    #[must_use]
    pub fn new(initiator: IpAddr, responder: IpAddr, strict: bool) -> Self {
        Self { lines: [Lines::default(), Lines::default()], strict, responder, initiator }
    }
}

impl Engine for Ftp {
    fn read(&mut self, sender: Sender, at: Seq, bytes: &[u8], found: &mut Vec<Finding>) {
        for line in self.lines[sender as usize].take(at, bytes) {
            let text = line.text();
            let (verb, rest) = text.split_once(' ').unwrap_or((&text, ""));
            let expected = match (sender, verb.to_ascii_uppercase().as_str()) {
                (Sender::Initiator, "PORT") => six_numbers(rest),
                (Sender::Initiator, "EPRT") => extended(rest, self.initiator),
                (Sender::Responder, "227") => rest
                    .find(|c: char| c.is_ascii_digit())
                    .and_then(|from| six_numbers(&rest[from..])),
                (Sender::Responder, "229") => {
                    rest.find('|').and_then(|from| extended(&rest[from..], self.responder))
                }
                (Sender::Initiator, verb)
                    if self.strict && !VERBS.contains(&verb) && verb != "USER" =>
                {
                    found.push(Finding::Block { reason: "inspect-ftp", rule: 0, reset: true });
                    return;
                }
                _ => None,
            };
            found.extend(expected.map(Finding::Expect));
        }
    }
}

/// `h1,h2,h3,h4,p1,p2`.
fn six_numbers(text: &str) -> Option<SocketAddr> {
    let list: String = text.chars().take_while(|c| c.is_ascii_digit() || *c == ',').collect();
    let numbers: Vec<u8> = list.split(',').map(str::parse).collect::<Result<_, _>>().ok()?;
    let [a, b, c, d, high, low] = numbers.try_into().ok()?;
    let port = u16::from_be_bytes([high, low]);
    Some(SocketAddr::new(Ipv4Addr::new(a, b, c, d).into(), port))
}

/// `|family|address|port|`; family and address may be empty.
fn extended(text: &str, own: IpAddr) -> Option<SocketAddr> {
    let fields: Vec<&str> = text.split('|').collect();
    let [_, _, address, port, ..] = fields.as_slice() else { return None };
    let address = if address.is_empty() { own } else { address.parse().ok()? };
    Some(SocketAddr::new(address, port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{blocked, findings};
    use super::*;
    use Sender::{Initiator, Responder};

    fn engine(strict: bool) -> Ftp {
        Ftp::new("10.0.1.2".parse().unwrap(), "10.1.1.2".parse().unwrap(), strict)
    }

    #[test]
    fn data_connections() {
        let check = |sender, text: &str, expected: Option<&str>| {
            let found = findings(engine(false), &[(sender, text)]);
            let expected: Vec<_> =
                expected.iter().map(|e| Finding::Expect(e.parse().unwrap())).collect();
            assert_eq!(found, expected, "{text}");
        };
        check(Initiator, "PORT 10,0,1,2,156,85\r\n", Some("10.0.1.2:40021"));
        check(Initiator, "EPRT |1|10.0.1.2|40021|\r\n", Some("10.0.1.2:40021"));
        check(
            Responder,
            "227 Entering Passive Mode (10,1,1,2,195,80).\r\n",
            Some("10.1.1.2:50000"),
        );
        check(
            Responder,
            "229 Entering Extended Passive Mode (|||50000|)\r\n",
            Some("10.1.1.2:50000"),
        );
        check(Initiator, "PORT 10,0,1,2,156,85", None);
        check(Initiator, "1,2,156,85\r\n", None);
        check(Initiator, "PORT 10,0,1,2,156,999\r\n", None);
    }

    #[test]
    fn a_command_cut_by_another_subflow_is_not_seen_and_strict_blocks_it() {
        let cut = [(Initiator, "0,1,2,156,85\r\nQUIT\r\n")];
        assert_eq!(findings(engine(false), &cut), []);
        assert_eq!(blocked(&findings(engine(true), &cut)), Some("inspect-ftp"));
        assert_eq!(blocked(&findings(engine(true), &[(Initiator, "USER x\r\nSTOR f\r\n")])), None);
    }
}
