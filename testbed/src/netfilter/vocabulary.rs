//! What a text of rules speaks of: interfaces, addresses and ports; and connections that are made of those.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sim_core::rng::Stream;
use sim_core::wire::packet::Flow;

/// Most of each kind.
const MOST: usize = 14;
/// Most interfaces that are named.
const INTERFACES_MAX: usize = 4;

/// Ends the name of an interface that a pattern names: no text names that itself.
pub(super) const PATTERNED: &str = "77";

/// What occurs in a text, with a few that do not.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    pub(super) interfaces: Vec<String>,
    /// What the names begin with that patterns name.
    patterns: Vec<String>,
    /// Of IPv4 and of IPv6.
    addresses: [Vec<IpAddr>; 2],
    pub(super) ports: Vec<u16>,
    /// Rules ask for the port that connections come from.
    has_sources: bool,
}

const SERVICES: [(&str, u16); 12] = [
    ("ssh", 22),
    ("http", 80),
    ("https", 443),
    ("smtp", 25),
    ("domain", 53),
    ("ftp", 21),
    ("telnet", 23),
    ("imap", 143),
    ("imaps", 993),
    ("pop3", 110),
    ("www", 80),
    ("ntp", 123),
];

impl Vocabulary {
    pub(super) fn of(text: &str) -> Self {
        let mut all = Self::default();
        let ends = |c: char| c.is_whitespace() || "{},;()\"'=|".contains(c);
        let words: Vec<&str> = text.split(ends).filter(|word| !word.is_empty()).collect();
        for (at, word) in words.iter().enumerate() {
            let word = word.trim_start_matches('!');
            all.take(word);
            let names = matches!(
                word,
                "-i" | "-o"
                    | "--in-interface"
                    | "--out-interface"
                    | "iif"
                    | "oif"
                    | "iifname"
                    | "oifname"
                    | "device"
                    | "devices"
                    | "define"
            );
            if names {
                let behind = words[at + 1..].iter().skip(usize::from(word == "define"));
                let is_name = |word: &&&str| {
                    word.starts_with(|c: char| c.is_ascii_alphabetic())
                        && word.chars().all(|c| c.is_ascii_alphanumeric() || "._-+*".contains(c))
                        && word.len() < 16
                        && word.parse::<IpAddr>().is_err()
                };
                let negated = |word: &&&str| matches!(**word, "!" | "!=" | "==");
                let mut behind = behind.skip_while(negated);
                let mut first = true;
                while let Some(name) = behind.next().filter(|word| is_name(word)) {
                    if !first && KEYWORDS.contains(name) {
                        break;
                    }
                    first = false;
                    all.interface(name);
                    if !text.contains("table ") {
                        break;
                    }
                }
            }
        }
        all.has_sources = text.contains("sport") || text.contains("--ports");
        all.interfaces.truncate(INTERFACES_MAX);
        all.interfaces.push("other0".to_owned());
        all.interfaces.push("other1".to_owned());
        all.addresses[0].truncate(MOST);
        all.addresses[1].truncate(MOST);
        all.ports.truncate(2 * MOST);
        let four = [[192, 0, 2, 201], [203, 0, 113, 77]].map(IpAddr::from);
        let six = [0x2001_0db8_0077, 0x2a77_0000_0000_u128]
            .map(|begin| Ipv6Addr::from(begin << 80 | 9).into());
        all.addresses[0].extend(four);
        all.addresses[1].extend::<[IpAddr; 2]>(six);
        all.ports.extend([9, 5001]);
        all
    }

    fn interface(&mut self, name: &str) {
        let name = name.trim_end_matches('.').replace(['+', '*'], PATTERNED);
        // A reader of rows takes one that a pattern names for one of the pattern's, be it named, too, or not.
        if let Some(begin) = name.strip_suffix(PATTERNED) {
            self.patterns.push(begin.to_owned());
            self.interfaces.retain(|known| !known.starts_with(begin));
        } else if self.patterns.iter().any(|begin| name.starts_with(begin)) {
            return;
        }
        if name != "lo" && !self.interfaces.contains(&name) {
            self.interfaces.push(name);
        }
    }

    fn take(&mut self, word: &str) {
        if let Some((_, port)) = SERVICES.iter().find(|(name, _)| *name == word) {
            self.port(*port);
        }
        if let Ok(address) = word.parse::<IpAddr>() {
            self.address(address);
        } else if let Some((address, length)) = word.split_once('/')
            && let Ok(address) = address.parse::<IpAddr>()
        {
            self.network(address, length.parse().unwrap_or(24));
        } else if let Ok(socket) = word.parse::<SocketAddr>() {
            self.address(socket.ip());
            self.port(socket.port());
        } else {
            for part in word.split(['-', ':', ',']) {
                if let Ok(port) = part.parse::<u16>() {
                    self.port(port);
                } else if let Ok(address) = part.parse::<IpAddr>() {
                    self.address(address);
                    self.address(moved(address, 1));
                }
            }
        }
    }

    /// An address of the network, and one beside it.
    fn network(&mut self, address: IpAddr, length: u32) {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let size = 1u128.checked_shl(bits - length.min(bits)).unwrap_or(0);
        self.address(address);
        self.address(moved(address, 1));
        if size > 1 {
            self.address(moved(address, size as i128 - 1));
        }
        self.address(moved(address, size as i128));
    }

    fn address(&mut self, address: IpAddr) {
        let is_usable = match address {
            IpAddr::V4(four) => {
                let [first, second, ..] = four.octets();
                (1..224).contains(&first) && first != 127 && (first, second) != (169, 254)
            }
            IpAddr::V6(six) => (0x2000..0xfe00).contains(&six.segments()[0]),
        };
        let known = &mut self.addresses[usize::from(address.is_ipv6())];
        if is_usable && !known.contains(&address) {
            known.push(address);
        }
    }

    fn port(&mut self, port: u16) {
        if port > 0 && !self.ports.contains(&port) {
            self.ports.push(port);
        }
    }

    /// Connections, no two of which conntrack could take for one.
    pub(super) fn flows(
        &self,
        count: usize,
        hosts: Option<[IpAddr; 2]>,
        random: &mut Stream,
        taken: &mut BTreeSet<Flow>,
    ) -> Vec<Flow> {
        let mut flows = Vec::new();
        for at in 0..count {
            let is_six = random.below(5) == 0 && self.addresses[1].len() > 2
                || self.addresses[0].len() <= 2
                    && self.addresses[1].len() > 2
                    && random.below(4) != 0;
            let all = &self.addresses[usize::from(is_six)];
            let mut one = |of: &[IpAddr]| of[random.below(of.len() as u64) as usize];
            let (src, mut dst) = (one(all), one(all));
            if let Some(hosts) = hosts
                && at % 2 == 0
            {
                dst = hosts[usize::from(is_six)];
            }
            let port = self.ports[random.below(self.ports.len() as u64) as usize];
            let from = match random.below(if self.has_sources { 4 } else { u64::MAX }) {
                0 => self.ports[random.below(self.ports.len() as u64) as usize],
                // One for each: a connection whose source is translated could be another's answer.
                _ => 20_000 + (taken.len() % 40_000) as u16,
            };
            let flow = Flow { src: SocketAddr::new(src, from), dst: SocketAddr::new(dst, port) };
            if src != dst && taken.insert(flow.canonical()) {
                flows.push(flow);
            }
        }
        flows
    }
}

/// Words of nftables that stand behind the names of interfaces.
const KEYWORDS: [&str; 40] = [
    "accept",
    "drop",
    "jump",
    "goto",
    "return",
    "ip",
    "ip6",
    "tcp",
    "udp",
    "meta",
    "ct",
    "counter",
    "log",
    "type",
    "hook",
    "priority",
    "policy",
    "iif",
    "oif",
    "iifname",
    "oifname",
    "vmap",
    "masquerade",
    "snat",
    "dnat",
    "redirect",
    "reject",
    "limit",
    "chain",
    "table",
    "define",
    "set",
    "map",
    "fib",
    "th",
    "icmp",
    "icmpv6",
    "ether",
    "add",
    "continue",
];

fn moved(address: IpAddr, by: i128) -> IpAddr {
    match address {
        IpAddr::V4(four) => Ipv4Addr::from((i128::from(u32::from(four)) + by) as u32).into(),
        IpAddr::V6(six) => Ipv6Addr::from(u128::from(six).wrapping_add_signed(by)).into(),
    }
}
