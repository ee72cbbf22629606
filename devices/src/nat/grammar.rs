//! The `ip nat` lines (Cisco IOS IP Addressing Services Command Reference, NAT commands).

use std::net::Ipv4Addr;

use sim_core::time::SimDuration;

use crate::config::words::{is_interface, nearest, netmask, port};
use crate::config::{ConfigText, Diagnostics, Line, quoted};

use super::config::{Dynamic, Gateway, Global, NatConfig, Pool, Service, Static, To};

/// The most addresses that a pool may have: a class B network of them.
const POOL_MAX: u32 = 65_536;

impl NatConfig {
    /// Reads a line; false when it is no `ip nat` of the global mode.
    pub(crate) fn outer(
        &mut self,
        line: &Line<'_>,
        text: ConfigText<'_>,
        found: &mut Diagnostics,
    ) -> bool {
        match line.words.as_slice() {
            ["ip", "nat", rest @ ..] => match rest {
                // On an interface.
                ["inside" | "outside" | "enable"] => return false,
                ["inside", "source", "static", rest @ ..] => {
                    self.fixed(rest, line, text, found);
                }
                ["inside", "source", kind @ ("list" | "route-map"), list, rest @ ..] => {
                    let is_route_map = *kind == "route-map";
                    let read = dynamic(list, is_route_map, rest, line, text, found);
                    self.dynamics.extend(read);
                }
                ["inside", "destination", "list", list, rest @ ..] => {
                    let read = dynamic(list, false, rest, line, text, found);
                    self.destinations.extend(read);
                }
                ["pool", name, rest @ ..] => self.pool_line(name, rest, line, found),
                ["translation", rest @ ..] => self.translation(rest, line, text, found),
                ["service", rest @ ..] => self.service(true, rest, line, found),
                ["log", "translations", ..] => self.log = true,
                ["outside" | "source", ..] => {
                    let message = "only translation of inside addresses is modelled: this line translates nothing here";
                    found.warn(line, rest[0], message);
                }
                ["create" | "settings" | "switchover" | "stateful" | "sip-sbc" | "portmap", ..]
                | ["allow-static-host", ..] => {
                    found.warn(line, rest[0], "this is not modelled: it changes no packet here");
                }
                _ => unknown(rest, line, found),
            },
            // Part of a pool whose ranges stand on lines of their own.
            ["address" | "range", first, last] if !self.pools.is_empty() => {
                let range = range(first, last, line, found);
                if let Some(pool) = self.pools.last_mut() {
                    pool.ranges.extend(range);
                }
            }
            ["no", "ip", "nat", "service", rest @ ..] => self.service(false, rest, line, found),
            ["no", "ip", "nat", ..] => {}
            _ => return false,
        }
        true
    }

    fn fixed(
        &mut self,
        words: &[&str],
        line: &Line<'_>,
        text: ConfigText<'_>,
        found: &mut Diagnostics,
    ) {
        let place = text.place(line);
        let payload = !words.contains(&"no-payload");
        let add = |local, global, ports, length| {
            self.statics.push(Static { local, global, ports, length, payload, place });
        };
        match words {
            ["udp" | "esp", ..] => {}
            ["tcp", local, local_port, rest @ ..] => {
                let (global, rest) = match rest {
                    ["interface", name, number, rest @ ..] if port(number).is_none() => {
                        (Some(Global::Interface(format!("{name}{number}"))), rest)
                    }
                    ["interface", name, rest @ ..] => {
                        (Some(Global::Interface((*name).to_owned())), rest)
                    }
                    [address, rest @ ..] => {
                        (self::address(address, line, found).map(Global::Address), rest)
                    }
                    [] => (None, rest),
                };
                let local = address(local, line, found);
                let ports = self::ports(local_port, rest.first().copied(), line, found);
                if let (Some(local), Some(global), Some(ports)) = (local, global, ports) {
                    add(local, global, Some(ports), 32);
                }
            }
            ["network", local, global, mask, ..] => {
                let length = match mask.strip_prefix('/') {
                    Some(length) => length.parse().ok().filter(|&l: &u8| (1..=32).contains(&l)),
                    None => netmask(mask),
                };
                let (local, global) = (address(local, line, found), address(global, line, found));
                match (local, global, length) {
                    (Some(local), Some(global), Some(length)) => {
                        add(local, Global::Address(global), None, length);
                    }
                    (Some(_), Some(_), None) => {
                        found.error(line, mask, "expected a netmask or /LENGTH");
                    }
                    _ => {}
                }
            }
            [local, "interface", name @ ..] if !name.is_empty() => {
                if let Some(local) = address(local, line, found) {
                    add(local, Global::Interface(name.concat()), None, 32);
                }
            }
            [local, global, ..] => {
                let (local, global) = (address(local, line, found), address(global, line, found));
                if let (Some(local), Some(global)) = (local, global) {
                    add(local, Global::Address(global), None, 32);
                }
            }
            _ => {
                found.error(line, "", "expected ip nat inside source static LOCAL GLOBAL");
            }
        }
    }

    fn pool_line(&mut self, name: &str, words: &[&str], line: &Line<'_>, found: &mut Diagnostics) {
        let ranges = match words {
            [first, last, ..] if first.parse::<Ipv4Addr>().is_ok() => {
                match range(first, last, line, found) {
                    Some(range) => vec![range],
                    None => return,
                }
            }
            // The ranges follow as `address FIRST LAST`.
            ["netmask" | "prefix-length", ..] => Vec::new(),
            _ => {
                let message = "expected ip nat pool NAME FIRST LAST netmask MASK";
                found.error(line, words.first().copied().unwrap_or(""), message);
                return;
            }
        };
        let rotary = words.windows(2).any(|two| two == ["type", "rotary"]);
        self.pools.retain(|p| p.name != name);
        self.pools.push(Pool { name: name.to_owned(), ranges, rotary });
    }

    fn translation(
        &mut self,
        words: &[&str],
        line: &Line<'_>,
        text: ConfigText<'_>,
        found: &mut Diagnostics,
    ) {
        let t = &mut self.timeouts;
        let (slots, value): (&mut [&mut SimDuration], &str) = match words {
            ["timeout", value] | ["tcp-timeout", value] => (&mut [&mut t.idle], value),
            ["syn-timeout", value] => (&mut [&mut t.embryonic], value),
            ["finrst-timeout", value] => (&mut [&mut t.half_closed, &mut t.closed], value),
            ["max-entries", rest @ ..] => {
                let (slot, number) = match rest {
                    [number] => (&mut self.max_entries, number),
                    ["all-host", number] => (&mut self.max_host_entries, number),
                    _ => {
                        found.warn(line, "max-entries", "only max-entries N and max-entries all-host N are modelled: this limit holds nothing here");
                        return;
                    }
                };
                match number.parse() {
                    Ok(number) => *slot = Some((number, text.place(line))),
                    Err(_) => {
                        let message = format!("expected a number, found {}", quoted(number));
                        found.error(line, number, message);
                    }
                }
                return;
            }
            [
                "udp-timeout" | "dns-timeout" | "icmp-timeout" | "port-timeout" | "pptp-timeout",
                ..,
            ]
            | ["routemap-entry-timeout" | "arp-ping-timeout", ..] => return,
            _ => return unknown(words, line, found),
        };
        let time = match value.parse::<u32>() {
            Ok(seconds) => SimDuration::from_secs(u64::from(seconds)),
            Err(_) if value == "never" => SimDuration::MAX,
            Err(_) => {
                let message = format!("expected seconds or never, found {}", quoted(value));
                found.error(line, value, message);
                return;
            }
        };
        for slot in slots {
            **slot = time;
        }
    }

    /// `[no] ip nat service …`: application gateways on other ports, or off.
    fn service(&mut self, on: bool, words: &[&str], line: &Line<'_>, found: &mut Diagnostics) {
        let words = match words {
            ["list", _, rest @ ..] => rest,
            words => words,
        };
        let gateway = match words.first().copied().unwrap_or("") {
            "all-algs" => {
                self.services.clear();
                if on {
                    self.services = Self::default().services;
                }
                return;
            }
            "ftp" => Gateway::Ftp,
            "sip" => Gateway::Sip,
            "rtsp" => Gateway::Rtsp,
            "H225" | "h225" => Gateway::H225,
            "" => {
                found.error(line, "", "expected a protocol after ip nat service");
                return;
            }
            other => {
                let message =
                    format!("the gateway for {other} is not modelled: its payload is left alone");
                found.warn(line, other, message);
                return;
            }
        };
        let given = match words.iter().position(|w| *w == "port") {
            // UDP has gateways of its own.
            Some(_) if words.contains(&"udp") => return,
            Some(at) => match words.get(at + 1).and_then(|word| port(word)) {
                Some(port) => Some(port),
                None => {
                    found.error(line, words.get(at + 1).unwrap_or(&""), "expected a port");
                    return;
                }
            },
            None => None,
        };
        self.services.retain(|s| s.gateway != gateway || given.is_some_and(|p| p != s.port));
        if on {
            let factory = Self::default().services;
            let usual = factory.iter().find(|s| s.gateway == gateway).map(|s| s.port);
            if let Some(port) = given.or(usual) {
                self.services.push(Service { gateway, port });
            }
        }
    }
}

/// `{interface NAME | pool NAME} [overload]`.
fn dynamic(
    list: &str,
    is_route_map: bool,
    words: &[&str],
    line: &Line<'_>,
    text: ConfigText<'_>,
    found: &mut Diagnostics,
) -> Option<Dynamic> {
    let (to, rest) = match words {
        ["pool", name, rest @ ..] => (To::Pool((*name).to_owned()), rest),
        [first, name @ ..] if is_interface(first) && !name.is_empty() => {
            // The number may stand apart from the name.
            let apart = name.get(1).is_some_and(|w| w.starts_with(|c: char| c.is_ascii_digit()));
            let (name, rest) = name.split_at(1 + usize::from(apart));
            (To::Interface(name.concat()), rest)
        }
        _ => {
            let given = words.first().copied().unwrap_or("");
            let message = format!("expected pool NAME or interface NAME, found {}", quoted(given));
            found.error(line, given, message);
            return None;
        }
    };
    for word in rest {
        if !matches!(
            *word,
            "overload" | "vrf" | "oer" | "reversible" | "add-route" | "match-in-vrf"
        ) && let Some(meant) = nearest(word, ["overload"])
        {
            found
                .error(line, word, format!("unknown word {} in ip nat", quoted(word)))
                .help(format!("did you mean {meant}?"));
        }
    }
    // An interface has one address: all share it.
    let overload = rest.contains(&"overload") || matches!(to, To::Interface(_));
    Some(Dynamic { list: list.to_owned(), is_route_map, to, overload, place: text.place(line) })
}

fn address(word: &str, line: &Line<'_>, found: &mut Diagnostics) -> Option<Ipv4Addr> {
    let address = word.parse().ok();
    if address.is_none() {
        found.error(line, word, format!("expected an IPv4 address, found {}", quoted(word)));
    }
    address
}

fn ports(
    local: &str,
    global: Option<&str>,
    line: &Line<'_>,
    found: &mut Diagnostics,
) -> Option<(u16, u16)> {
    let global = global.unwrap_or("");
    for word in [local, global] {
        if port(word).is_none() {
            found.error(line, word, format!("expected a TCP port, found {}", quoted(word)));
            return None;
        }
    }
    Some((port(local)?, port(global)?))
}

fn range(
    first: &str,
    last: &str,
    line: &Line<'_>,
    found: &mut Diagnostics,
) -> Option<(Ipv4Addr, Ipv4Addr)> {
    let (from, to) = (address(first, line, found)?, address(last, line, found)?);
    match u32::from(to).checked_sub(u32::from(from)) {
        None => {
            found.error(line, last, format!("the pool ends before it begins: {from} to {to}"));
            None
        }
        Some(more) if more >= POOL_MAX => {
            found.error(line, last, format!("a pool has at most {POOL_MAX} addresses"));
            None
        }
        Some(_) => Some((from, to)),
    }
}

fn unknown(words: &[&str], line: &Line<'_>, found: &mut Diagnostics) {
    let known =
        ["inside", "outside", "pool", "translation", "service", "log", "source", "list", "static"];
    let known = known.into_iter().chain(["tcp-timeout", "finrst-timeout", "max-entries"]);
    let given = match words {
        ["inside", "source" | "destination", given, ..] | ["inside", given, ..] | [given, ..] => {
            given
        }
        [] => "",
    };
    match nearest(given, known) {
        Some(meant) => found
            .error(line, given, format!("unknown command after ip nat: {}", quoted(given)))
            .help(format!("did you mean {meant}?")),
        None => {
            found.warn(line, given, "this line of ip nat is not modelled: it does nothing here");
        }
    }
}
