//! Objects and object groups of ASA and IOS: names for addresses and for services.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::access_list::{Addresses, network, ports_of};
use super::group::Group;
use super::words::is_protocol;
use super::{Diagnostics, Line, quoted};

/// TCP as an object describes it: the ports that must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// Source ports; any when empty.
    pub source: Vec<RangeInclusive<u16>>,
    /// Destination ports; any when empty.
    pub destination: Vec<RangeInclusive<u16>>,
}

/// Everything that has a name.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    /// `name ADDRESS NAME`.
    hosts: BTreeMap<String, IpAddr>,
    /// An ASA's own addresses, by `nameif`.
    interfaces: BTreeMap<String, IpAddr>,
    networks: BTreeMap<String, Arc<Group<Addresses>>>,
    /// Other protocols than TCP are left out.
    services: BTreeMap<String, Arc<Group<Service>>>,
}

/// The open block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// `object network` or `object-group network`.
    Network(String),
    /// `object service`, `object-group service` or `object-group protocol`; true when the group is
    /// one of TCP ports.
    Service(String, bool),
    /// An ASA's `object network-service` or `object-group network-service`.
    NetworkService(String),
}

impl Objects {
    /// An address, as it is or by its `name`.
    #[must_use]
    pub fn address(&self, word: &str) -> Option<IpAddr> {
        word.parse().ok().or_else(|| self.hosts.get(word).copied())
    }

    /// Takes a line such as `name 10.1.1.5 webserver`; false when it is none.
    pub fn name(&mut self, line: &Line<'_>) -> bool {
        if let ["name", address, name, ..] = line.words.as_slice()
            && let Ok(address) = address.parse()
        {
            self.hosts.insert((*name).to_owned(), address);
            return true;
        }
        false
    }

    /// An ASA's own address on the interface of this name.
    #[must_use]
    pub fn interface(&self, name: &str) -> Option<IpAddr> {
        self.interfaces.get(name).copied()
    }

    /// Learns an ASA's own address.
    pub fn set_interface(&mut self, name: &str, address: IpAddr) {
        self.interfaces.insert(name.to_owned(), address);
    }

    /// The addresses of a network object or group.
    #[must_use]
    pub fn network(&self, name: &str) -> Option<&Arc<Group<Addresses>>> {
        self.networks.get(name)
    }

    /// What a service object or group says about TCP; empty when it names only other protocols.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<&Arc<Group<Service>>> {
        self.services.get(name)
    }

    /// Opens the block of a line such as `object network NAME`.
    pub fn outer(&mut self, line: &Line<'_>) -> Option<Block> {
        match line.words.as_slice() {
            // IOS XR: `object-group network ipv4 NAME`, `object-group port NAME`; IOS: `v6-network`.
            ["object-group", "network", "ipv4" | "ipv6", name]
            | ["object" | "object-group", "network" | "v6-network", name, ..] => {
                self.networks.entry((*name).to_owned()).or_default();
                Some(Block::Network((*name).to_owned()))
            }
            // Catalyst 6500: `object-group ip address`, `object-group ip port`.
            ["object-group", "ip" | "ipv6", "address", name] => {
                self.networks.entry((*name).to_owned()).or_default();
                Some(Block::Network((*name).to_owned()))
            }
            ["object-group", "ip", "port", name] | ["object-group", "port", name] => {
                self.services.entry((*name).to_owned()).or_default();
                Some(Block::Service((*name).to_owned(), true))
            }
            ["object" | "object-group", "network-service", name, ..] => {
                self.networks.entry((*name).to_owned()).or_default();
                self.services.entry((*name).to_owned()).or_default();
                Some(Block::NetworkService((*name).to_owned()))
            }
            ["object" | "object-group", "service" | "v6-service" | "protocol", name, rest @ ..] => {
                self.services.entry((*name).to_owned()).or_default();
                let tcp = matches!(rest, ["tcp" | "tcp-udp", ..]);
                Some(Block::Service((*name).to_owned(), tcp))
            }
            _ => None,
        }
    }

    /// Takes a line of a block; false when it is none of its commands.
    pub fn inner(&mut self, block: &Block, line: &Line<'_>, found: &mut Diagnostics) -> bool {
        // Another object begins, however far its line is indented.
        if let ["object", "network" | "service" | "network-service", _, ..] = line.words.as_slice()
        {
            return false;
        }
        match block {
            Block::Network(name) => self.network_line(name, line, found),
            Block::Service(name, tcp) => self.service_line(name, *tcp, line, found),
            Block::NetworkService(name) => self.network_service_line(name, line, found),
        }
    }

    fn network_line(&mut self, name: &str, line: &Line<'_>, found: &mut Diagnostics) -> bool {
        let words = match unnumbered(line) {
            ["network-object" | "subnet" | "sub", rest @ ..] => rest,
            words @ (["host", ..] | ["range", ..]) => words,
            ["any"] => {
                self.fill(name).add(Addresses::Any);
                return true;
            }
            // NX-OS: `10 192.0.2.0 0.0.0.255`, with wildcard bits.
            [address, wildcard]
                if line.words.len() > 2
                    && let Ok(address) = address.parse()
                    && let Ok(bits) = wildcard.parse::<Ipv4Addr>() =>
            {
                self.fill(name).add(Addresses::Masked(address, !u32::from(bits)));
                return true;
            }
            words @ [address, _] if address.parse::<Ipv4Addr>().is_ok() => words,
            ["object-group", group] => &["object", group][..],
            words @ [prefix] if prefix.contains('/') => words,
            ["group-object", group] => &["object", group][..],
            ["description" | "nat", ..] => return true,
            ["fqdn" | "network-service-member", ..] => {
                found.warn(
                    line,
                    line.words[0],
                    "names of hosts are not modelled: what this names is open",
                );
                self.fill(name).leave_open();
                return true;
            }
            // What belongs to the group by its indentation and is not understood.
            words if line.indent > 0 => {
                let word = words[0];
                found.warn(
                    line,
                    word,
                    format!("{} in a group of addresses is not read", quoted(word)),
                );
                self.fill(name).leave_open();
                return true;
            }
            _ => return false,
        };
        let addresses = match words {
            ["object", other] => {
                match self.networks.get(*other).map(Arc::clone) {
                    Some(other) => self.fill(name).include(&other),
                    None => {
                        found.warn(line, other, format!("network object {other} is not defined"));
                        self.fill(name).leave_open();
                    }
                }
                return true;
            }
            ["host", named] if self.hosts.contains_key(*named) => {
                Some(Addresses::Prefix(self.hosts[*named], self.prefix_length(named)))
            }
            [named, mask] if self.hosts.contains_key(*named) => {
                let address = self.hosts[*named].to_string();
                network(&[&address, mask])
            }
            words => match network(words) {
                Some(addresses) => Some(addresses),
                None => {
                    let is_address = |word: &&&str| word.parse::<IpAddr>().is_ok();
                    let (given, expected) = match words {
                        [address, mask] if address.parse::<Ipv4Addr>().is_ok() => {
                            (*mask, "a netmask such as 255.255.255.0")
                        }
                        // What stands in the place of an address, as `${var.first}` in a template.
                        ["host" | "range", ends @ ..] => (
                            ends.iter().find(|end| !is_address(end)).copied().unwrap_or(""),
                            "an address",
                        ),
                        _ => (words.first().copied().unwrap_or(""), "an address"),
                    };
                    found.error(
                        line,
                        given,
                        format!("expected {expected}, found {}", quoted(given)),
                    );
                    self.fill(name).leave_open();
                    return true;
                }
            },
        };
        if let Some(addresses) = addresses {
            self.fill(name).add(addresses);
        }
        true
    }

    /// The group that a line adds to.
    fn fill(&mut self, name: &str) -> &mut Group<Addresses> {
        Arc::make_mut(self.networks.entry(name.to_owned()).or_default())
    }

    fn prefix_length(&self, name: &str) -> u8 {
        if self.hosts.get(name).is_some_and(IpAddr::is_ipv6) { 128 } else { 32 }
    }

    fn service_line(
        &mut self,
        name: &str,
        tcp: bool,
        line: &Line<'_>,
        found: &mut Diagnostics,
    ) -> bool {
        let service = match unnumbered(line) {
            ["port-object", rest @ ..] | rest @ ["eq" | "neq" | "lt" | "gt" | "range", ..] => {
                match (tcp, ports_of(rest)) {
                    (false, _) => None,
                    (true, Some(destination)) => Some(Service { destination, source: Vec::new() }),
                    (true, None) => {
                        found.error(line, "", "expected eq PORT or range FIRST LAST");
                        self.fill_service(name).leave_open();
                        return true;
                    }
                }
            }
            ["service-object" | "service", "object", other]
            | ["group-object" | "object-group", other] => {
                match self.services.get(*other).map(Arc::clone) {
                    Some(other) => self.fill_service(name).include(&other),
                    None => {
                        found.warn(line, other, format!("service object {other} is not defined"));
                        self.fill_service(name).leave_open();
                    }
                }
                return true;
            }
            ["service-object" | "service", "tcp" | "tcp-udp" | "6", rest @ ..]
            | ["tcp" | "tcp-udp" | "6", rest @ ..] => match service(rest) {
                Some(service) => Some(service),
                None => {
                    found.error(line, "", "expected source or destination, and ports");
                    self.fill_service(name).leave_open();
                    return true;
                }
            },
            ["protocol-object", "tcp" | "ip" | "6"]
            | ["service-object" | "service", "ip"]
            | ["ip"] => Some(Service::default()),
            ["description", ..] => None,
            ["service-object" | "service" | "protocol-object", protocol, ..] | [protocol, ..]
                if is_protocol(protocol) || *protocol == "tcp-udp" =>
            {
                None
            }
            // What belongs to the group by its indentation and is not understood.
            words if line.indent > 0 || words[0].ends_with("-object") => {
                let word = words[0];
                found.warn(
                    line,
                    word,
                    format!("{} in a group of services is not read", quoted(word)),
                );
                self.fill_service(name).leave_open();
                return true;
            }
            _ => return false,
        };
        if let Some(service) = service {
            self.fill_service(name).add(service);
        }
        true
    }

    /// Networks or domains, with services to them: `domain example.com tcp eq 443`, `subnet 10.0.0.0 255.0.0.0`. Which addresses a
    /// domain has no text tells (Cisco ASA Series Command Reference, `object network-service`).
    fn network_service_line(
        &mut self,
        name: &str,
        line: &Line<'_>,
        found: &mut Diagnostics,
    ) -> bool {
        let words = match line.words.as_slice() {
            ["network-service-member", words @ ..] => words,
            words => words,
        };
        let rest = match words {
            ["domain", _, rest @ ..] => {
                let message = "names of hosts are not modelled: what this names is open";
                found.warn(line, "domain", message);
                self.fill(name).leave_open();
                rest
            }
            ["subnet", words @ ..] => {
                let has_mask = words.get(1).is_some_and(|mask| mask.parse::<Ipv4Addr>().is_ok());
                let (of, rest) = words.split_at(words.len().min(1 + usize::from(has_mask)));
                match network(of) {
                    Some(of) => self.fill(name).add(of),
                    None => self.fill(name).leave_open(),
                }
                rest
            }
            ["description" | "app-id" | "object-id", ..] => return true,
            [member] => {
                let member = member.trim_matches('"');
                let (networks, services) = (self.networks.get(member), self.services.get(member));
                match (networks.map(Arc::clone), services.map(Arc::clone)) {
                    (Some(networks), Some(services)) => {
                        self.fill(name).include(&networks);
                        self.fill_service(name).include(&services);
                    }
                    _ => {
                        found.warn(line, member, format!("{} is not defined", quoted(member)));
                        self.fill(name).leave_open();
                        self.fill_service(name).leave_open();
                    }
                }
                return true;
            }
            _ => return false,
        };
        let rest = rest.strip_prefix(&["service"]).unwrap_or(rest);
        match rest {
            [] | ["ip", ..] => self.fill_service(name).add(Service::default()),
            ["tcp", ports @ ..] => match service(ports) {
                Some(service) => self.fill_service(name).add(service),
                None => self.fill_service(name).leave_open(),
            },
            [protocol, ..] if is_protocol(protocol) => {}
            _ => self.fill_service(name).leave_open(),
        }
        true
    }

    /// The group of services that a line adds to.
    fn fill_service(&mut self, name: &str) -> &mut Group<Service> {
        Arc::make_mut(self.services.entry(name.to_owned()).or_default())
    }
}

/// `[source OPERATOR PORT] [destination OPERATOR PORT]`; without either word, the destination.
fn service(mut words: &[&str]) -> Option<Service> {
    let mut service = Service::default();
    while let [first, rest @ ..] = words {
        let (slot, from) = match *first {
            "source" => (&mut service.source, rest),
            "destination" => (&mut service.destination, rest),
            _ => (&mut service.destination, words),
        };
        let taken = if from.first() == Some(&"range") { 3 } else { 2 };
        *slot = ports_of(from.get(..taken)?)?;
        words = &from[taken..];
    }
    Some(service)
}

/// The words of a group's line without the sequence number that NX-OS puts before them.
fn unnumbered<'a, 'l>(line: &'a Line<'l>) -> &'a [&'l str] {
    match line.words.as_slice() {
        [number, rest @ ..] if !rest.is_empty() && number.parse::<u32>().is_ok() => rest,
        words => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::lines::lines;

    /// What is said of a line is said of the word that cannot be read.
    #[test]
    fn what_stands_for_an_address_is_named() {
        let said = |line: &str| {
            let (mut objects, mut found) = (Objects::default(), Diagnostics::new("a.cfg"));
            let read = lines(line);
            objects.inner(&Block::Network("o".to_owned()), &read[0], &mut found);
            let all = found.into_all();
            all.first().map(|one| one.message.clone()).unwrap_or_default()
        };
        for (line, named) in [
            ("host ${fw.inside}", "expected an address, found `${fw.inside}`"),
            ("range ${first} ${last}", "expected an address, found `${first}`"),
            ("range 10.0.0.1 ${last}", "expected an address, found `${last}`"),
            ("network-object host ${x}", "expected an address, found `${x}`"),
            ("subnet ${net} 255.0.0.0", "expected an address, found `${net}`"),
            (
                "subnet 10.0.0.0 ${mask}",
                "expected a netmask such as 255.255.255.0, found `${mask}`",
            ),
            ("host", "expected an address, found the end of the line"),
            ("range 10.0.0.1 10.0.0.9", ""),
        ] {
            assert_eq!(said(line), named, "{line}");
        }
    }
}
