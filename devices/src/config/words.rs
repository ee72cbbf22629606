//! What single words mean: ports by name, masks, prefixes; and which word was meant.

use std::net::{IpAddr, Ipv4Addr};

pub use sim_core::suggest::nearest;

/// True for `interface`, also cut as IOS takes it: `int`, `inter`.
pub(crate) fn is_interface(word: &str) -> bool {
    word.len() >= 3 && "interface".starts_with(word)
}

/// TCP ports that ASA and IOS know by name (ASA command reference, "TCP and UDP ports").
pub(super) const PORTS: &[(&str, u16)] = &[
    ("aol", 5190),
    ("bgp", 179),
    ("chargen", 19),
    ("cifs", 3020),
    ("citrix-ica", 1494),
    ("cmd", 514),
    ("ctiqbe", 2748),
    ("daytime", 13),
    ("discard", 9),
    ("domain", 53),
    // As IOS's port map calls it (`show ip port-map dns`: of TCP and of UDP).
    ("dns", 53),
    ("echo", 7),
    ("exec", 512),
    ("finger", 79),
    ("ftp", 21),
    ("ftp-data", 20),
    ("gopher", 70),
    ("h323", 1720),
    ("hostname", 101),
    ("http", 80),
    ("https", 443),
    ("ident", 113),
    ("imap4", 143),
    ("irc", 194),
    ("kerberos", 750),
    ("klogin", 543),
    ("kshell", 544),
    ("ldap", 389),
    ("ldaps", 636),
    ("login", 513),
    ("lpd", 515),
    ("netbios-ssn", 139),
    ("nfs", 2049),
    ("nntp", 119),
    ("pop2", 109),
    ("pop3", 110),
    ("pptp", 1723),
    ("rsh", 514),
    ("rtsp", 554),
    ("sip", 5060),
    ("smtp", 25),
    ("sqlnet", 1521),
    ("ssh", 22),
    ("telnet", 23),
    ("www", 80),
    // Names that stand for more than TCP, and those of IOS only.
    ("connectedapps-plain", 15001),
    ("connectedapps-tls", 15002),
    ("drip", 3949),
    ("ldp", 646),
    ("lotusnotes", 1352),
    ("msdp", 639),
    ("msrpc", 135),
    ("netbios-dgm", 138),
    ("netbios-ns", 137),
    ("ntp", 123),
    ("onep-plain", 15001),
    ("onep-tls", 15002),
    ("pcanywhere-data", 5631),
    ("pim-auto-rp", 496),
    ("rpc", 111),
    ("snmp", 161),
    ("sunrpc", 111),
    ("syslog", 514),
    ("tacacs", 49),
    ("tacacs-ds", 65),
    ("talk", 517),
    ("time", 37),
    ("uucp", 540),
    ("whois", 43),
];

/// Protocols over IP other than TCP, as access lists name them.
pub(super) const PROTOCOLS: &[&str] = &[
    "ah", "ahp", "egp", "eigrp", "esp", "gre", "hopopt", "icmp", "icmp6", "icmpv6", "igmp", "igp",
    "igrp", "ipinip", "ipip", "ipsec", "isis", "nos", "ospf", "ospfv3", "pcp", "pim", "pptp",
    "rsvp", "sctp", "snp", "swipe", "udp", "udp-lite", "vrrp",
];

/// True for a protocol over IP, by number or by name, that is not TCP.
#[must_use]
pub fn is_protocol(word: &str) -> bool {
    PROTOCOLS.contains(&word) || word.parse::<u8>().is_ok_and(|number| number != 6)
}

/// The words of a command before what somebody noted behind it (`… eq 443 ! web`).
#[must_use]
pub fn without_note<'w, 'l>(words: &'w [&'l str]) -> &'w [&'l str] {
    let is_note = |word: &&str| ["!", "#", "//", "<-"].iter().any(|mark| word.starts_with(mark));
    let at = words.iter().skip(1).position(is_note);
    at.map_or(words, |at| &words[..=at])
}

/// A TCP port by number or by name.
#[must_use]
pub fn port(word: &str) -> Option<u16> {
    match word.parse() {
        Ok(number) => Some(number),
        Err(_) => PORTS.iter().find(|(name, _)| *name == word).map(|&(_, number)| number),
    }
}

/// Prefix length of a netmask such as `255.255.255.0`.
#[must_use]
pub fn netmask(word: &str) -> Option<u8> {
    let mask = u32::from(word.parse::<Ipv4Addr>().ok()?);
    (mask.leading_ones() + mask.trailing_zeros() == 32 || mask == 0)
        .then(|| mask.leading_ones() as u8)
}

/// An IPv6 prefix such as `2001:db8::/32`.
#[must_use]
pub fn prefix(word: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = word.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let length = length.parse().ok().filter(|&length| length <= longest)?;
    Some((address, length))
}

/// Kinds of interfaces; of those with a common beginning, the one that it stands for first.
const INTERFACES: [&str; 22] = [
    "ethernet",
    "fastethernet",
    "gigabitethernet",
    "tengigabitethernet",
    "tengige",
    "twentyfivegige",
    "fortygigabitethernet",
    "hundredgige",
    "management",
    "serial",
    "tunnel",
    "vlan",
    "loopback",
    "port-channel",
    "bundle-ether",
    "dialer",
    "bvi",
    "pos",
    "atm",
    "cellular",
    "multilink",
    "virtual-template",
];

/// What tells an interface from others, however its kind is shortened: `Gi0/1`, `g0/1` and `GigabitEthernet0/1` are
/// one. Without blanks.
#[must_use]
pub fn interface_key(name: &str) -> String {
    let at = name.find(|c: char| c.is_ascii_digit()).unwrap_or(name.len());
    let (kind, number) = name.split_at(at);
    let kind = kind.to_ascii_lowercase();
    let whole = INTERFACES.iter().find(|whole| !kind.is_empty() && whole.starts_with(&*kind));
    format!("{}{number}", whole.copied().unwrap_or(&kind)).to_ascii_lowercase()
}

/// Most interfaces of one range.
const RANGE_MAX: u32 = 4096;

/// The interfaces that `interface` opens, without blanks: several behind `range`, or where NX-OS names them so,
/// `Ethernet1/1 - 4 , Ethernet1/8`.
#[must_use]
pub fn interface_names(words: &[&str]) -> Vec<String> {
    let whole = words.strip_prefix(&["range"]).unwrap_or(words).concat();
    let mut names = Vec::new();
    let mut kind = "";
    for part in whole.split(',') {
        let at = part.find(|c: char| c.is_ascii_digit()).unwrap_or(part.len());
        let (own, number) = part.split_at(at);
        if !own.is_empty() {
            kind = own;
        }
        match range_of(number) {
            Some((stem, numbers)) => names.extend(numbers.map(|n| format!("{kind}{stem}{n}"))),
            None => names.push(format!("{kind}{number}")),
        }
    }
    names
}

/// `1/0/1-4`: what all have in common, and the numbers.
fn range_of(number: &str) -> Option<(&str, std::ops::RangeInclusive<u32>)> {
    let is_digit = |c: char| c.is_ascii_digit();
    let (first, last) = number.split_once('-').filter(|(first, _)| first.ends_with(is_digit))?;
    let (stem, first) = first.split_at(first.trim_end_matches(is_digit).len());
    let (first, last) = (first.parse().ok()?, last.rsplit(|c| !is_digit(c)).next()?.parse().ok()?);
    let is_range = first <= last && last - first < RANGE_MAX;
    is_range.then_some((stem, first..=last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        assert_eq!(
            [port("www"), port("5001"), port("70000"), port("x")],
            [Some(80), Some(5001), None, None]
        );
        assert_eq!(
            ["255.255.255.0", "0.0.0.0", "255.255.255.255", "255.0.255.0"].map(netmask),
            [Some(24), Some(0), Some(32), None]
        );
        assert_eq!(prefix("2001:db8::/129"), None);
        for name in ["Gi0/1", "g0/1", "GigabitEthernet0/1"] {
            assert_eq!(interface_key(name), "gigabitethernet0/1");
        }
        assert_eq!(interface_key("fa0/0"), interface_key("FastEthernet0/0"));
        assert_eq!(interface_key("g0/0/1.42"), interface_key("GigabitEthernet0/0/1.42"));
        assert_ne!(interface_key("Te0/1"), interface_key("Tu0/1"));
        let names =
            |text: &str| interface_names(&text.split_whitespace().collect::<Vec<_>>()).join(" ");
        assert_eq!(names("range Gi1/0/1 - 3 , Fa0/7"), "Gi1/0/1 Gi1/0/2 Gi1/0/3 Fa0/7");
        assert_eq!(names("range vlan 10-11, 20"), "vlan10 vlan11 vlan20");
        assert_eq!(names("Ethernet1/1-Ethernet1/2"), "Ethernet1/1 Ethernet1/2");
        assert_eq!(names("port-channel1"), "port-channel1");
        assert_eq!(names("vlan 1\u{ff}024-025"), "vlan1\u{ff}24 vlan1\u{ff}25");
        assert_eq!(names("ATM0.1 point-to-point"), "ATM0.1point-to-point");
        assert_eq!([interface_key("out"), interface_key("")], ["out", ""]);
    }
}
