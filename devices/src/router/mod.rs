//! A router without firewall and NAT: counts down the TTL and drops what exceeds its MTU; TCP is not
//! looked at (Cisco 116519).

use std::sync::Arc;

use sim_core::engine::device::{Device, Effects, Forwarding, PortId, Rule};
use sim_core::time::SimTime;
use sim_core::wire::icmp::{Quote, Reason};
use sim_core::wire::packet::Packet;

use crate::catalogue::ModelInfo;
use crate::steps::{Pass, icmp, ttl};

const SEED: &str = "Cisco 116519, MPTCP and Product Support Overview";
const HOP: &str = "RFC 1812 §5.3.1";
const TOO_BIG: &str = "RFC 1191 §4, RFC 8201 §4";

/// In the catalogue.
pub(crate) const INFO: ModelInfo = ModelInfo {
    name: "Router",
    product: "Routers, all, without firewall or NAT",
    summary: "Counts down the TTL: MPTCP passes untouched.",
    defaults: &[
        ("TCP options", "not looked at", SEED),
        ("TTL, hop limit", "less one per hop; dropped at 0", HOP),
    ],
    settings: &[
        ("mtu", "largest IP packet in bytes; larger ones are dropped; default: no limit"),
        ("unreachables", "tell senders of packets too big by ICMP; default: true"),
        ("config", "path of configuration text, instead of mtu and unreachables"),
        ("inside", "interface towards the clients; default: told from the text"),
        ("outside", "interface towards the servers"),
    ],
    configuration: "interface (ip mtu, ip tcp adjust-mss, ip access-group, ip unreachables), access lists; \
                    and what Nat, Cbac, Zbfw and Nbar read",
    example: "\"edge\": Router(mtu: 1400)",
    notes: &[
        "With unreachables: false, or no ip unreachables, it is a black hole for packets that are too big.",
        "With configuration text: at most one ICMP message of a kind in 500 ms, as IOS has it; without, one \
         for each packet.",
        "No ICMP message tells of an expired TTL.",
    ],
};

/// The device.
#[derive(Debug)]
pub(crate) struct Router {
    mtu: u32,
    tells: bool,
    expired: Arc<Rule>,
    too_big: Arc<Rule>,
    forwarded: u64,
    dropped: u64,
}

impl Router {
    pub(crate) fn new(mtu: Option<u32>, tells: bool) -> Self {
        Self {
            tells,
            mtu: mtu.unwrap_or(u32::MAX),
            expired: Rule::default("TTL expired in transit", HOP),
            too_big: Rule::scenario(format!("mtu {}", mtu.unwrap_or(u32::MAX)), TOO_BIG),
            forwarded: 0,
            dropped: 0,
        }
    }
}

impl Device for Router {
    fn model(&self) -> &'static str {
        "router"
    }

    fn process(
        &mut self,
        now: SimTime,
        ingress: PortId,
        packet: &mut Packet,
        effects: &mut Effects,
    ) -> Forwarding {
        let pass = &mut Pass::new(now, ingress, packet, effects);
        let dropped = if pass.packet.wire_len() > self.mtu {
            if self.tells {
                let reason = Reason::TooBig { mtu: self.mtu };
                icmp::tell_sender(pass, None, reason, Quote::AsMuchAsFits);
            }
            Some(pass.drop(&self.too_big, "larger than the MTU"))
        } else {
            ttl::hop(pass, &self.expired)
        };
        match dropped {
            Some(dropped) => {
                self.dropped += 1;
                dropped
            }
            None => {
                self.forwarded += 1;
                Forwarding::Through
            }
        }
    }

    fn process_icmp(
        &mut self,
        now: SimTime,
        ingress: PortId,
        packet: &mut Packet,
        effects: &mut Effects,
    ) -> Forwarding {
        self.process(now, ingress, packet, effects)
    }

    fn counters(&self) -> Vec<(String, u64)> {
        vec![
            ("packets forwarded".to_owned(), self.forwarded),
            ("packets dropped".to_owned(), self.dropped),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{packet, send};
    use sim_core::wire::payload::Payload;

    #[test]
    fn hops_and_sizes() {
        let check = |ttl: u8, payload: &[u8], mtu: Option<u32>, dropped: Option<&str>| {
            let mut p = packet();
            p.ttl = ttl;
            p.payload = Payload::literal(payload);
            let out = send(&mut Router::new(mtu, true), 0, p);
            assert_eq!(out.drop_reason(), dropped, "TTL {ttl}, MTU {mtu:?}");
            assert_eq!(out.forwarding == Forwarding::Drop, dropped.is_some());
            if dropped.is_none() {
                assert_eq!(out.packet.ttl, ttl - 1);
            }
        };
        check(64, &[0; 1460], Some(1500), None);
        check(64, &[0; 1461], Some(1500), Some("larger than the MTU"));
        check(64, &[0; 9000], None, None);
        check(2, &[], None, None);
        check(1, &[], None, Some("TTL expired"));
        check(0, &[], None, Some("TTL expired"));
    }

    #[test]
    fn a_sender_is_told_unless_unreachables_are_off() {
        for (tells, count) in [(true, 1), (false, 0)] {
            let mut long = packet();
            long.payload = Payload::literal([0; 1461]);
            let out = send(&mut Router::new(Some(1400), tells), 0, long.clone());
            assert_eq!(out.effects.emitted.len(), count);
            for (port, error) in &out.effects.emitted {
                assert_eq!((port.0, error.dst), (0, long.src), "back to where it came from");
                let read = error.icmp().unwrap();
                assert_eq!(read.reason(), Reason::TooBig { mtu: 1400 });
                assert_eq!(read.flow(), Some(long.flow()));
            }
        }
    }
}
