//! `service cgn` (`cgv6` where the card is a VSM) of IOS XR, with its NAT44 (Cisco IOS XR Carrier Grade NAT Command Reference).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use sim_core::engine::device::ConfigLine;
use sim_core::time::SimDuration;

use crate::config::blocks::{self, Grammar};
use crate::config::words::{nearest, prefix};
use crate::config::{ConfigText, Diagnostics, Line, quoted};

/// A configuration, read.
#[derive(Clone, Debug)]
pub(super) struct CgnConfig {
    /// Global addresses, with the line that gives them.
    pub(super) pool: Vec<(Ipv4Addr, u8, ConfigLine)>,
    pub(super) port_limit: (u32, Option<ConfigLine>),
    pub(super) mss: Option<(u16, ConfigLine)>,
    pub(super) active_ftp: bool,
    pub(super) initial: SimDuration,
    pub(super) active: SimDuration,
    /// Inside sockets that are reachable from outside.
    pub(super) forwards: Vec<(SocketAddr, ConfigLine)>,
}

impl Default for CgnConfig {
    fn default() -> Self {
        Self {
            pool: Vec::new(),
            port_limit: (100, None),
            mss: None,
            active_ftp: false,
            initial: SimDuration::from_secs(120),
            active: SimDuration::from_secs(1800),
            forwards: Vec::new(),
        }
    }
}

impl CgnConfig {
    /// Reads a text.
    pub(super) fn read(text: ConfigText<'_>, found: &mut Diagnostics) -> Self {
        let mut reader = Reader {
            text,
            found,
            config: Self::default(),
            inside: false,
            protocol: Protocol::None,
        };
        blocks::read(text, &mut reader);
        let (config, found) = (reader.config, reader.found);
        if let Some(first) = text.lines().first()
            && config.pool.is_empty()
        {
            found.warn(first, "", "no map address-pool: nothing is translated");
        }
        config
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    None,
    Tcp,
    Other,
}

struct Reader<'t, 'd> {
    text: ConfigText<'t>,
    found: &'d mut Diagnostics,
    config: CgnConfig,
    /// Within `service cgn`.
    inside: bool,
    protocol: Protocol,
}

impl Reader<'_, '_> {
    fn number(&mut self, word: &str, line: &Line<'_>, what: &str) -> Option<u32> {
        let number = word.parse().ok();
        if number.is_none() {
            self.found.error(line, word, format!("expected {what}, found {}", quoted(word)));
        }
        number
    }

    fn of_protocol(&mut self, words: &[&str], line: &Line<'_>) -> bool {
        if self.protocol == Protocol::Other {
            return true;
        }
        match words {
            ["mss", value] => match value.parse() {
                Ok(mss @ 28..=1500) => self.config.mss = Some((mss, self.text.place(line))),
                _ => {
                    let message = format!("expected an MSS of 28 to 1500, found {}", quoted(value));
                    self.found.error(line, value, message);
                }
            },
            ["session", phase @ ("initial" | "active"), "timeout", value] => {
                if let Some(seconds) = self.number(value, line, "seconds") {
                    let time = SimDuration::from_secs(u64::from(seconds));
                    match *phase {
                        "initial" => self.config.initial = time,
                        _ => self.config.active = time,
                    }
                }
            }
            ["address", address, "port", port] => match (address.parse::<Ipv4Addr>(), port.parse())
            {
                (Ok(address), Ok(port)) => {
                    let socket = SocketAddr::new(IpAddr::V4(address), port);
                    self.config.forwards.push((socket, self.text.place(line)));
                }
                _ => {
                    self.found.error(line, "", "expected address ADDRESS port PORT");
                }
            },
            ["static-forward" | "session", ..] => {}
            _ => return false,
        }
        true
    }
}

impl Grammar for Reader<'_, '_> {
    fn outer(&mut self, line: &Line<'_>) -> bool {
        let opens = matches!(line.words.as_slice(), ["service", "cgn" | "cgv6", ..]);
        if opens {
            (self.inside, self.protocol) = (true, Protocol::None);
        }
        opens
    }

    fn inner(&mut self, line: &Line<'_>) -> bool {
        if !self.inside {
            return line.indent > 0;
        }
        match line.words.as_slice() {
            ["portlimit", value] => {
                if let Some(limit) = self.number(value, line, "a number of ports") {
                    self.config.port_limit = (limit, Some(self.text.place(line)));
                }
            }
            ["alg", "ActiveFTP"] => self.config.active_ftp = true,
            ["alg", other, ..] => {
                let message =
                    format!("the gateway {other} is not modelled: its payload is left alone");
                self.found.warn(line, other, message);
            }
            ["map", rest @ ..] => {
                let at = rest.iter().position(|w| *w == "address-pool");
                match at.and_then(|at| rest.get(at + 1)).and_then(|word| prefix(word)) {
                    Some((IpAddr::V4(network), length)) if length >= 16 => {
                        self.config.pool.push((network, length, self.text.place(line)));
                    }
                    _ => {
                        self.found.error(
                            line,
                            "",
                            "expected map address-pool ADDRESS/LENGTH, of 16 to 32",
                        );
                    }
                }
            }
            ["protocol", "tcp", rest @ ..] => {
                self.protocol = Protocol::Tcp;
                return rest.is_empty() || self.of_protocol(rest, line);
            }
            ["protocol", ..] => self.protocol = Protocol::Other,
            [
                "service-type" | "inside-vrf" | "service-location" | "description"
                | "refresh-direction" | "dynamic-port-range" | "external-logging" | "datapath-test"
                | "filter-policy" | "exit" | "server" | "interface" | "nat-mode"
                | "bulk-port-alloc" | "tcp-policy" | "traceroute" | "session-logging" | "path-mtu"
                | "refresh-rate" | "timeout" | "record",
                ..,
            ] => {}
            words => {
                let words: Vec<&str> = words.to_vec();
                return self.of_protocol(&words, line);
            }
        }
        true
    }

    fn unknown(&mut self, line: &Line<'_>) {
        let word = line.words[0];
        let known = ["portlimit", "alg", "map", "protocol", "mss", "inside-vrf", "static-forward"];
        match nearest(word, known) {
            Some(meant) => self
                .found
                .error(line, word, format!("unknown command in service cgn: {}", quoted(word)))
                .help(format!("did you mean {meant}?")),
            None => {
                let message = format!("{} in service cgn is not modelled", quoted(word));
                self.found.warn(line, word, message);
            }
        }
    }

    fn skip(&mut self, line: &Line<'_>) {
        blocks::slip(line, &["service", "interface"], self.found);
        self.inside = false;
    }
}
