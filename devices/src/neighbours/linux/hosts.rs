//! Hosts and ports that a text calls by a variable to which it gives no value: each is one here that rules do not name, and that is
//! called by the variable.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Most hosts; others stay untold.
const HOSTS_MAX: usize = 200;
/// Ports that are nobody's (IANA, Service Name and Transport Protocol Port Number Registry: 914 to 952 are not assigned).
const PORTS: std::ops::Range<u16> = 914..953;

/// Those in the order in which they are named; a host has an address of each version of IP.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts {
    called: Vec<Box<str>>,
    ports: Vec<Box<str>>,
    /// Those of which it was said that they have no value.
    said: BTreeSet<IpAddr>,
    said_ports: BTreeSet<u16>,
}

/// The address of the host of this place.
fn address(at: usize, is_six: bool) -> IpAddr {
    let last = at as u8 + 1;
    match is_six {
        false => Ipv4Addr::new(151, 71, 9, last).into(),
        true => Ipv6Addr::new(0x2a00, 0x71, 9, 0, 0, 0, 0, u16::from(last)).into(),
    }
}

/// The name of a variable (`$server`, `${server}`); nothing for another word.
fn variable(word: &str) -> Option<&str> {
    let name = word.strip_prefix('$')?;
    let name = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name);
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!name.is_empty() && name.chars().all(is_name)).then_some(name)
}

/// The place of a name among others, which it may be one of from now on.
fn place(name: &str, among: &mut Vec<Box<str>>) -> usize {
    among.iter().position(|of| of[1..] == *name).unwrap_or_else(|| {
        among.push(format!("${name}").into());
        among.len() - 1
    })
}

impl Hosts {
    /// The address for a variable, which may be followed by the length of an address.
    pub(super) fn address(&mut self, word: &str, is_six: bool) -> Option<IpAddr> {
        let whole = if is_six { "/128" } else { "/32" };
        let name = variable(word.strip_suffix(whole).unwrap_or(word))?;
        let at = place(name, &mut self.called);
        (at < HOSTS_MAX).then(|| address(at, is_six))
    }

    /// The port for a variable.
    pub(super) fn port(&mut self, word: &str) -> Option<u16> {
        let at = place(variable(word)?, &mut self.ports);
        PORTS.clone().nth(at)
    }

    /// True the first time that a variable's address is spoken of.
    pub(super) fn is_new(&mut self, of: IpAddr) -> bool {
        self.said.insert(of)
    }

    /// The same of its port.
    pub(super) fn is_new_port(&mut self, of: u16) -> bool {
        self.said_ports.insert(of)
    }

    /// The variable that an address stands for.
    pub(super) fn name(&self, of: IpAddr) -> Option<&str> {
        let mut all = self.called.iter().take(HOSTS_MAX).enumerate();
        all.find(|(at, _)| address(*at, of.is_ipv6()) == of).map(|(_, name)| &**name)
    }

    /// The variable that a port stands for.
    pub(super) fn port_name(&self, of: u16) -> Option<&str> {
        let at = of.checked_sub(PORTS.start)?;
        self.ports.get(usize::from(at)).filter(|_| PORTS.contains(&of)).map(|name| &**name)
    }
}
