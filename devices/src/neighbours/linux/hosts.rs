//! Hosts that a text calls by a variable to which it gives no value: each has an address here that rules do not name,
//! and that is called by the variable.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Most of them; others stay untold.
const HOSTS_MAX: usize = 200;

/// Hosts in the order in which they are named, of both versions of IP.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts {
    called: Vec<Box<str>>,
    /// Those of which it was said that they have no value.
    said: BTreeSet<IpAddr>,
}

/// The address of the host of this place.
fn address(at: usize, is_six: bool) -> IpAddr {
    let last = at as u8 + 1;
    match is_six {
        false => Ipv4Addr::new(151, 71, 9, last).into(),
        true => Ipv6Addr::new(0x2a00, 0x71, 9, 0, 0, 0, 0, u16::from(last)).into(),
    }
}

impl Hosts {
    /// The address for a variable (`$server`, `${server}`); nothing for another word.
    pub(super) fn address(&mut self, word: &str, is_six: bool) -> Option<IpAddr> {
        let name = word.strip_prefix('$')?;
        let name = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name);
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(is_name) {
            return None;
        }
        let known = self.called.iter().position(|of| of[1..] == *name);
        if known.is_none() {
            self.called.push(format!("${name}").into());
        }
        let at = known.unwrap_or(self.called.len() - 1);
        (at < HOSTS_MAX).then(|| address(at, is_six))
    }

    /// True the first time that a variable's address is spoken of.
    pub(super) fn is_new(&mut self, of: IpAddr) -> bool {
        self.said.insert(of)
    }

    /// The variable that an address stands for.
    pub(super) fn name(&self, of: IpAddr) -> Option<&str> {
        let mut all = self.called.iter().take(HOSTS_MAX).enumerate();
        all.find(|(at, _)| address(*at, of.is_ipv6()) == of).map(|(_, name)| &**name)
    }
}
