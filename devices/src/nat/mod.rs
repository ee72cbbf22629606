//! Cisco IOS NAT: inside addresses give way to global ones, in the header and, where an
//! application-level gateway knows the protocol, in the payload; never in TCP options.

pub(crate) mod config;
pub(crate) mod gateway;
mod grammar;
pub(crate) mod ports;
mod report;
#[cfg(test)]
mod tests;
mod translator;

use crate::catalogue::{MODELLED, ModelInfo, RECALLED};

pub(crate) use translator::Translator;

const SEED: &str = "Cisco 116519, MPTCP and Product Support Overview";
const GUIDE: &str = "Cisco IOS IP Addressing: NAT Configuration Guide";
const GATEWAYS: &str =
    "Cisco IOS IP Addressing: NAT Configuration Guide, application-level gateways";

/// The configuration of a `Nat()` without text: what every guide begins with.
pub(crate) const FACTORY: &str = "interface Inside
 ip address 10.255.255.1 255.255.255.0
 ip nat inside
interface Outside
 ip address 192.0.2.1 255.255.255.0
 ip nat outside
access-list 1 permit any
ip nat inside source list 1 interface Outside overload
";

/// In the catalogue.
pub(crate) const INFO: ModelInfo = ModelInfo {
    name: "Nat",
    product: "Cisco IOS and IOS-XE NAT, with its application-level gateways",
    summary: "Rewrites addresses and ports, not options: MPTCP passes, and subflows are told by their \
              address IDs. An ADD_ADDR keeps the inside address, to which nobody outside can join. A \
              gateway that rewrites payload (FTP, SIP, RTSP, H.225) breaks the DSS mapping: the \
              checksum finds it; without one the stream is wrong.",
    defaults: &[
        ("TCP options, ADD_ADDR among them", "not touched", SEED),
        ("ip nat service", "ftp 21, sip 5060, rtsp 554, H225 1720", RECALLED),
        ("what a gateway sees", "one segment at a time, of one subflow", MODELLED),
        ("ip nat translation tcp-timeout", "86400 s", GUIDE),
        ("ip nat translation finrst-timeout, syn-timeout", "60 s", GUIDE),
        (
            "overload",
            "keeps the source port, or the next free one of 1-511, 512-1023, 1024-65535",
            GUIDE,
        ),
        ("from outside to a global address without a translation", "dropped", MODELLED),
    ],
    settings: &[
        ("config", "path of the configuration text"),
        ("inside", "interface towards the clients; default: told from ip nat, inspection, zones"),
        ("outside", "interface towards the servers"),
    ],
    configuration: "ip nat (inside source static, list, route-map; inside destination list; pool; \
                    translation timeouts and max-entries; service; log translations), interface (ip \
                    address, ip nat), access lists, route-map; and what Cbac, Zbfw and Nbar read",
    example: "interface GigabitEthernet0/0\n ip address 10.0.1.1 255.255.255.0\n ip nat \
              inside\ninterface GigabitEthernet0/1\n ip address 192.0.2.1 255.255.255.0\n ip nat \
              outside\naccess-list 1 permit 10.0.0.0 0.255.255.255\nip nat inside source list 1 \
              interface GigabitEthernet0/1 overload\n",
    notes: &[
        "Without configuration text: everything from the clients' side is overloaded on 192.0.2.1.",
        "The network around routes global addresses to the device; a call to a host with a static \
         translation goes to its global address.",
        "Where a network behind the device is reachable by its inside address all the same, a join to it \
         is answered from the global address and comes to nothing.",
    ],
};
