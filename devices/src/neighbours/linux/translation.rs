//! Where rules send connections that were called elsewhere: another address or port, or a process of this host.

use std::net::{IpAddr, SocketAddr};

/// What becomes of a connection's destination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Destination {
    /// Nothing: the one that was called.
    pub(super) address: Option<IpAddr>,
    pub(super) port: Option<u16>,
    /// A process of this host takes the connection.
    pub(super) is_here: bool,
    /// One of several, or one that the text does not tell.
    pub(super) is_open: bool,
}

impl Destination {
    /// One that the text does not tell.
    pub(super) const fn open() -> Self {
        Self { address: None, port: None, is_here: false, is_open: true }
    }

    /// A process of this host at a port: `3128`, `:3128`, `1000-2000`; nothing: the port that was called.
    pub(super) fn here(word: Option<&str>) -> Self {
        let Some(word) = word else { return Self { is_here: true, ..Self::default() } };
        let (port, is_open) = port_of(word.trim_start_matches(':'));
        Self { port, is_here: true, is_open, ..Self::default() }
    }

    /// `10.0.0.1`, `10.0.0.1:80`, `[fd00::1]:80`, `:80`, `10.0.0.1-10.0.0.9:1000-2000`.
    pub(super) fn of(word: &str) -> Self {
        if let Ok(to) = word.parse::<SocketAddr>() {
            return Self::at(to.ip(), Some(to.port()));
        }
        if let Ok(address) = word.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Self::at(address, None);
        }
        let (addresses, ports) = match word.rsplit_once(':') {
            Some((addresses, ports)) if !addresses.contains(':') || addresses.ends_with(']') => {
                (addresses, Some(ports))
            }
            _ => (word, None),
        };
        let (port, is_open_port) = ports.map_or((None, false), port_of);
        if addresses.is_empty() {
            return Self { port, is_open: is_open_port, ..Self::default() };
        }
        let first = addresses.split(['-', '/']).next().unwrap_or("");
        let Ok(address) = first.trim_matches(['[', ']']).parse::<IpAddr>() else {
            return Self { port, ..Self::open() };
        };
        let is_one = first.len() == addresses.len();
        Self { is_open: is_open_port || !is_one, ..Self::at(address, port) }
    }

    fn at(address: IpAddr, port: Option<u16>) -> Self {
        // What comes from elsewhere to a loopback address is taken by a process of this host.
        Self { address: Some(address), port, is_here: address.is_loopback(), is_open: false }
    }

    /// The destination of a connection that was called here; nothing when it is of the other version of IP.
    pub(super) fn instead_of(&self, called: SocketAddr) -> Option<SocketAddr> {
        let address = self.address.unwrap_or(called.ip());
        let port = self.port.unwrap_or(called.port());
        (address.is_ipv4() == called.is_ipv4()).then(|| SocketAddr::new(address, port))
    }
}

/// A port, the first of several (which leaves it open), or one that is not told.
fn port_of(word: &str) -> (Option<u16>, bool) {
    let first = word.split(['-', '/']).next().unwrap_or("");
    let port = first.parse().ok();
    (port, port.is_none() || first.len() != word.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations() {
        let of = |word: &str| {
            let Destination { address, port, is_here, is_open } = Destination::of(word);
            let address = address.map_or("-".to_owned(), |address| address.to_string());
            (address, port, is_here, is_open)
        };
        let at = |address: &str, port| (address.to_owned(), port, false, false);
        assert_eq!(of("10.0.0.1"), at("10.0.0.1", None));
        assert_eq!(of("10.0.0.1:80"), at("10.0.0.1", Some(80)));
        assert_eq!(of("fd00::1"), at("fd00::1", None));
        assert_eq!(of("[fd00::1]"), at("fd00::1", None));
        assert_eq!(of("[fd00::1]:80"), at("fd00::1", Some(80)));
        assert_eq!(of(":80"), at("-", Some(80)));
        assert_eq!(of("127.0.0.1:15001"), ("127.0.0.1".into(), Some(15_001), true, false));
        let open = |address: &str, port| (address.to_owned(), port, false, true);
        assert_eq!(of("10.0.0.1-10.0.0.9"), open("10.0.0.1", None));
        assert_eq!(of("10.0.0.1:80-90"), open("10.0.0.1", Some(80)));
        assert_eq!(of("[fd00::1]-[fd00::9]:80"), open("fd00::1", Some(80)));
        assert_eq!(of("$HOST:80"), open("-", Some(80)));
        let here = |word| {
            let Destination { port, is_here, is_open, .. } = Destination::here(word);
            (port, is_here, is_open)
        };
        assert_eq!(here(None), (None, true, false));
        assert_eq!(here(Some(":3128")), (Some(3128), true, false));
        assert_eq!(here(Some("3000-3009")), (Some(3000), true, true));
        let called = SocketAddr::from(([192, 0, 2, 1], 443));
        let instead = |word| Destination::of(word).instead_of(called).map(|to| to.to_string());
        assert_eq!(instead(":80").as_deref(), Some("192.0.2.1:80"));
        assert_eq!(instead("10.0.0.1").as_deref(), Some("10.0.0.1:443"));
        assert_eq!(instead("fd00::1"), None);
    }
}
