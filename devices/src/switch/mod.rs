//! An Ethernet switch: it looks at nothing above its own layer, so nothing changes (Cisco 116519).

use sim_core::engine::device::{Device, Effects, Forwarding, PortId};
use sim_core::time::SimTime;
use sim_core::wire::packet::Packet;

use crate::catalogue::ModelInfo;

const SEED: &str = "Cisco 116519, MPTCP and Product Support Overview";

/// In the catalogue.
pub(crate) const INFO: ModelInfo = ModelInfo {
    name: "Switch",
    product: "Ethernet switches, all",
    summary: "Changes nothing: MPTCP passes untouched.",
    defaults: &[("TCP options", "not looked at", SEED)],
    settings: &[],
    configuration: "",
    example: "\"edge\": Switch()",
    notes: &[],
};

/// The device.
#[derive(Debug, Default)]
pub(crate) struct Switch {
    forwarded: u64,
}

impl Device for Switch {
    fn model(&self) -> &'static str {
        "switch"
    }

    fn process(
        &mut self,
        _now: SimTime,
        _ingress: PortId,
        _packet: &mut Packet,
        _effects: &mut Effects,
    ) -> Forwarding {
        self.forwarded += 1;
        Forwarding::Through
    }

    fn counters(&self) -> Vec<(String, u64)> {
        vec![("packets forwarded".to_owned(), self.forwarded)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{SYN_OPTIONS, packet, send, with_options};

    #[test]
    fn nothing_changes() {
        let sent = with_options(packet(), &SYN_OPTIONS);
        let out = send(&mut Switch::default(), 0, sent.clone());
        assert_eq!(out.forwarding, Forwarding::Through);
        assert_eq!(out.packet.options, sent.options);
        assert!(out.effects.changes.is_empty());
    }
}
