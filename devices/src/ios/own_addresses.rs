//! Addresses of the box itself: a connection that calls one of them ends there and does not cross the box.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use crate::config::Line;
use crate::config::words::is_interface;
use crate::nat::config::Global;

use super::IosConfig;

/// The addresses that the box answers.
#[derive(Debug, Default)]
pub(super) struct OwnAddresses {
    /// With the line of the interface that has it.
    addresses: BTreeMap<IpAddr, u32>,
    /// What static translation hands to inside hosts: an address, and a port where only that is meant.
    handed_on: Vec<(IpAddr, Option<u16>)>,
}

impl OwnAddresses {
    /// Those of interfaces that are not shut down, as IOS, IOS XR and NX-OS write them, the virtual ones of HSRP and VRRP
    /// among them.
    pub(super) fn of(all: &[Line<'_>], config: &IosConfig) -> Self {
        let mut addresses = BTreeMap::new();
        let mut interface = None;
        for line in all {
            match line.words.as_slice() {
                [first, name @ ..] if is_interface(first) && !name.is_empty() => {
                    interface = Some(line.number);
                }
                ["shutdown"] => addresses.retain(|_, of| Some(*of) != interface),
                ["ip" | "ipv4" | "ipv6", "address", address, ..]
                | ["ip", address]
                | ["standby", "ip", address, ..]
                | ["standby" | "vrrp", _, "ip", address, ..] => {
                    let bare = address.split('/').next().unwrap_or(address);
                    if let (Some(of), Ok(address)) = (interface, bare.parse()) {
                        addresses.insert(address, of);
                    }
                }
                _ => {}
            }
        }
        let handed_on = config.nat.statics.iter().filter_map(|of| {
            let address = match &of.global {
                Global::Address(address) => *address,
                Global::Interface(name) => config.interface(name)?.address?,
            };
            Some((IpAddr::from(address), of.ports.map(|(_, global)| global)))
        });
        Self { addresses, handed_on: handed_on.collect() }
    }

    /// True when a connection to this address and port ends in the box.
    pub(super) fn answer(&self, called: SocketAddr) -> bool {
        let is_handed_on = |(address, port): &(IpAddr, Option<u16>)| {
            *address == called.ip() && port.is_none_or(|port| port == called.port())
        };
        self.addresses.contains_key(&called.ip()) && !self.handed_on.iter().any(is_handed_on)
    }
}

#[cfg(test)]
mod tests {
    use crate::audit::audit;
    use crate::config::ConfigText;

    /// Effect, traffic, direction and line of each row.
    fn rows(text: &str) -> Vec<String> {
        let row = |v: &crate::audit::Verdict| {
            let line = v.because[0].line.map_or("default".to_owned(), |line| line.to_string());
            format!("{} | {} | {} | {line}", v.effect, v.traffic, v.direction)
        };
        audit(ConfigText::new("r.cfg", text), None).1.verdicts.iter().map(row).collect()
    }

    const IOS: &str = "version 15.4\ninterface Gi0/0\n ip address 192.0.2.1 255.255.255.0\n ip access-group OUT in\n";

    /// What a list permits to an address of the router ends there: it is no connection that crosses it.
    #[test]
    fn a_list_that_permits_to_the_router_alone() {
        let list = "ip access-list extended OUT\n permit tcp any host 192.0.2.1 eq 22\n permit tcp any any established\n";
        let own = "terminate | TCP to the box itself that is permitted | interface Gi0/0, opened from its side | 4";
        let cross = "pass | TCP that is permitted | interface Gi0/0, opened from its side | 4";
        let of = |text: &str| {
            let rows = rows(text);
            (rows.iter().any(|row| row == own), rows.iter().any(|row| row == cross))
        };
        assert_eq!(of(&format!("{IOS}{list}")), (true, false));
        let more = format!("{IOS}{list} permit tcp any host 198.51.100.9 eq 443\n");
        assert_eq!(of(&more), (true, true));
        // Another's, or of an interface that is shut down; a port that static translation hands on, and others beside it.
        assert_eq!(of(&format!("{IOS}{}", list.replace("2.1 eq", "2.2 eq"))), (false, true));
        let shut = format!("{IOS} shutdown\n{list}interface Gi0/1\n ip access-group OUT in\n");
        assert!(!rows(&shut).iter().any(|row| row.starts_with("terminate")), "{:#?}", rows(&shut));
        let nat = "ip nat inside source static tcp 10.0.0.5 2222 192.0.2.1 22\n";
        assert_eq!(of(&format!("{IOS}{nat}{list}")), (false, true));
        let of_interface = nat.replace("192.0.2.1", "interface Gi0/0");
        assert_eq!(of(&format!("{IOS}{of_interface}{list}")), (false, true));
        assert_eq!(of(&format!("{IOS}{}{list}", nat.replace("2.1 22", "2.1 80"))), (true, false));
    }

    #[test]
    fn as_xr_and_nx_os_write_it() {
        let xr = "!! IOS XR Configuration 6.1.3\ninterface TenGigE0/0/0/0\n ipv4 address 192.0.2.1/24\n ipv6 address 2001:db8::1/64\n ipv6 access-group L6 ingress\n ipv4 access-group L ingress\n!\nipv4 access-list L\n 10 permit tcp any host 192.0.2.1 eq 22\n!\nipv6 access-list L6\n 10 permit tcp any host 2001:db8::1 eq 22\n!\n";
        let told = rows(xr);
        for row in ["TCP to the box itself", "TCP over IPv6 to the box itself"] {
            let row = format!(
                "terminate | {row} that is permitted | interface TenGigE0/0/0/0, opened from its side"
            );
            assert!(told.iter().any(|r| r.starts_with(&row)), "{row}\n{told:#?}");
        }
        assert!(
            !told.iter().any(|row| row.starts_with(
                "pass | TCP that is permitted | interface TenGigE0/0/0/0, opened from"
            )),
            "{told:#?}"
        );
        let nx = "feature interface-vlan\ninterface Vlan10\n ip address 10.0.0.2/24\n hsrp 1\n  ip 10.0.0.1\n ip access-group L in\nip access-list L\n 10 permit tcp any 10.0.0.1/32 eq 22\n";
        assert!(rows(nx)[0].starts_with("terminate | TCP to the box itself"), "{:#?}", rows(nx));
    }
}
