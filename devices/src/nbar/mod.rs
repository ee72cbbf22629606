//! Cisco NBAR and AVC: connections are recognised by what they begin with, and classes of them are
//! dropped, policed, marked or queued. Packets are not changed otherwise; MPTCP shows each subflow a
//! part of the stream, and only the first one its beginning.

mod attached;
pub(crate) mod config;
pub(crate) mod grammar;
mod recognise;
mod remedy;
mod shaper;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use sim_core::engine::device::{Effects, Forwarding};
use sim_core::time::{SimDuration, SimTime};

use crate::catalogue::{MODELLED, ModelInfo};
use crate::ios::{Interface, IosConfig, Refused, Through, index};
use crate::steps::Pass;
use crate::steps::track::{Sender, Table, Timeouts};

use attached::{Attached, Place, Seen, Tally};
use config::Quality;
use recognise::Recognition;

const SEED: &str = "Cisco 116519, MPTCP and Product Support Overview";
const GUIDE: &str = "Cisco IOS QoS: NBAR and Modular QoS configuration guides";

/// The configuration of an `Nbar()` without text: it counts what it recognises.
pub(crate) const FACTORY: &str = "interface Inside
 ip address 10.255.255.1 255.255.255.0
 ip nat inside
interface Outside
 ip address 10.255.254.1 255.255.255.0
 ip nat outside
 ip nbar protocol-discovery
";

/// In the catalogue.
pub(crate) const INFO: ModelInfo = ModelInfo {
    name: "Nbar",
    product: "Cisco NBAR and AVC (Application Visibility and Control)",
    summary: "Leaves packets alone, and recognises a connection by its first bytes. The first subflow \
              of an MPTCP connection shows them; one that joins carries the middle of the stream and \
              is unknown: it falls into class-default, whatever that does to it.",
    defaults: &[
        ("TCP options", "not touched", SEED),
        ("a subflow without the beginning of the stream", "unknown", SEED),
        ("encrypted streams", "recognised as such (secure-http, ssh), no further", SEED),
        ("recognition", "the first 2048 bytes, 10 packets, of each end", MODELLED),
        ("http, secure-http, ssh, ftp, smtp, sip, rtsp, bittorrent", "by what they say", MODELLED),
        ("other protocols, and ip nbar port-map", "by the port", MODELLED),
        ("police without a burst", "a quarter of a second of the rate", GUIDE),
        ("queue-limit", "64 packets", GUIDE),
    ],
    settings: &[
        ("config", "path of the configuration text"),
        ("inside", "interface towards the clients; default: told from ip nat, inspection, zones"),
        ("outside", "interface towards the servers"),
    ],
    configuration: "class-map (match protocol with host and url, access-group, dscp, class-map), \
                    policy-map (drop, police, shape average, bandwidth, priority, set dscp, \
                    service-policy), interface (service-policy, ip nbar protocol-discovery), ip nbar \
                    port-map; and what Cbac, Zbfw and Nat read",
    example: "class-map match-any WEB\n match protocol http\npolicy-map CHILD\n class WEB\n  bandwidth \
              percent 80\npolicy-map EDGE\n class class-default\n  shape average 3000000\n  \
              service-policy CHILD\ninterface GigabitEthernet0/1\n service-policy output EDGE\n",
    notes: &[
        "Without configuration text: it counts what it recognises, as ip nbar protocol-discovery.",
        "bandwidth and priority act where packets wait: under shape average. Without it they change \
         nothing here, links being queues of one class.",
    ],
};

/// How long a connection is remembered without a packet.
const TIMEOUTS: Timeouts = Timeouts {
    embryonic: SimDuration::from_secs(60),
    idle: SimDuration::from_secs(1800),
    half_closed: SimDuration::from_secs(60),
    closed: SimDuration::from_secs(5),
};

/// The classification of a router.
#[derive(Debug)]
pub(crate) struct Classification {
    quality: Quality,
    /// Policies by side of their interface: input, output.
    attached: [[Option<Attached>; 2]; 2],
    discovers: Option<String>,
    table: Table<Recognition>,
    /// Packets and bytes by protocol.
    counts: BTreeMap<&'static str, Tally>,
}

/// What is to be done with a packet on its way out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Classified {
    side: usize,
    place: Place,
}

impl Classification {
    /// Where an interface has a service-policy or discovers protocols.
    pub(crate) fn new(config: &IosConfig, sides: &[Option<Interface>; 2]) -> Option<Self> {
        let attached = sides.each_ref().map(|interface| {
            [Through::In, Through::Out].map(|through| {
                let interface = interface.as_ref()?;
                let named = interface.service[through as usize].as_ref()?;
                Attached::new(&interface.name, named, &config.quality)
            })
        });
        let discovering = sides.iter().flatten().find(|i| i.discovery.is_some());
        let any = attached.iter().flatten().any(Option::is_some) || discovering.is_some();
        any.then(|| Self {
            quality: config.quality.clone(),
            attached,
            discovers: discovering.map(|i| i.name.clone()),
            table: Table::new(TIMEOUTS),
            counts: BTreeMap::new(),
        })
    }

    /// Recognises a packet's connection, and does what the classes of its interfaces say, waiting
    /// apart.
    ///
    /// # Errors
    /// The action that lets it go no further.
    pub(crate) fn classify(
        &mut self,
        pass: &mut Pass<'_>,
        config: &IosConfig,
    ) -> Result<Classified, Refused> {
        let flow = pass.packet.flow();
        let (id, sender) = match self.table.receive(pass.now, pass.packet, |_| {}) {
            Some(found) => found,
            None => {
                let id = self.table.open(pass.now, flow, flow, Recognition::default());
                (id, Sender::Initiator)
            }
        };
        self.table.observe(pass.now, id, sender, pass.packet);
        if let Some(connection) = self.table.get_mut(id) {
            connection.state.read(sender as usize, pass.packet);
        }
        let near = index(pass.ingress.side());
        let far = 1 - near;
        let Some(connection) = self.table.get(id) else {
            return Ok(Classified { side: far, place: [0; 2] });
        };
        let tally = self.counts.entry(connection.state.name()).or_default();
        tally.packets += 1;
        tally.bytes += u64::from(pass.packet.wire_len());
        let called = connection.opened.dst.port();
        let recognition = &connection.state;
        let seen = Seen { quality: &self.quality, config, recognition, called };
        if let Some(input) = &mut self.attached[near][Through::In as usize] {
            input.act(pass, &seen)?;
        }
        let place = match &mut self.attached[far][Through::Out as usize] {
            Some(output) => output.act(pass, &seen)?,
            None => [0; 2],
        };
        Ok(Classified { side: far, place })
    }

    /// Lets a packet wait on its way out, where its class is shaped.
    ///
    /// # Errors
    /// The queue is full.
    pub(crate) fn queue(
        &mut self,
        pass: &mut Pass<'_>,
        classified: Classified,
    ) -> Result<Forwarding, Refused> {
        match &mut self.attached[classified.side][Through::Out as usize] {
            Some(output) => output.queue(pass, classified.place),
            None => Ok(Forwarding::Through),
        }
    }

    fn each(&self) -> impl Iterator<Item = &Attached> {
        self.attached.iter().flatten().flatten()
    }

    /// When the next packet that waits goes.
    pub(crate) fn next_departure(&self) -> Option<SimTime> {
        self.each().filter_map(Attached::next_departure).min()
    }

    /// Sends what goes now.
    pub(crate) fn depart(&mut self, now: SimTime, effects: &mut Effects) {
        for attached in self.attached.iter_mut().flatten().flatten() {
            attached.depart(now, effects);
        }
    }

    /// Forgets connections and what waits.
    pub(crate) fn clear(&mut self) {
        self.table.clear();
        self.attached.iter_mut().flatten().flatten().for_each(Attached::clear);
    }

    /// Counters for the summary.
    pub(crate) fn counters(&self) -> Vec<(String, u64)> {
        let recognised = self.counts.iter();
        let mut all: Vec<_> = recognised
            .map(|(name, t)| (format!("packets recognised: {name}"), t.packets))
            .collect();
        for attached in self.each() {
            for (_, class, tally) in attached.tallies() {
                all.push((format!("class {class} of {}: packets", attached.name), tally.packets));
                all.push((format!("class {class} of {}: drops", attached.name), tally.dropped));
            }
        }
        all
    }

    /// `show ip nbar protocol-discovery`, `show policy-map interface`.
    pub(crate) fn show(&self) -> Vec<String> {
        let mut shown = Vec::new();
        if let Some(interface) = &self.discovers {
            shown.push("show ip nbar protocol-discovery stats byte-count".to_owned());
            shown.push(format!(" {interface}"));
            shown
                .push(format!("   {:<24} {:>14} {:>18}", "Protocol", "Packet Count", "Byte Count"));
            for (name, tally) in &self.counts {
                shown.push(format!("   {name:<24} {:>14} {:>18}", tally.packets, tally.bytes));
            }
        }
        for (through, word) in [(Through::In, "input"), (Through::Out, "output")] {
            for attached in self.attached.iter().filter_map(|a| a[through as usize].as_ref()) {
                shown.push("show policy-map interface".to_owned());
                shown.push(format!(" {}", attached.interface));
                shown.push(String::new());
                shown.push(format!("  Service-policy {word}: {}", attached.name));
                for (depth, class, tally) in attached.tallies() {
                    let indent = " ".repeat(4 + 6 * depth as usize);
                    shown.push(String::new());
                    let map = self.quality.class(class);
                    let kind = if map.is_some_and(|m| m.all) { "match-all" } else { "match-any" };
                    shown.push(format!("{indent}Class-map: {class} ({kind})"));
                    shown.push(format!(
                        "{indent}  {} packets, {} bytes",
                        tally.packets, tally.bytes
                    ));
                    match map {
                        Some(map) => shown.extend(map.criteria.iter().map(|criterion| {
                            let text = criterion.place.text.trim_start_matches("match ");
                            format!("{indent}  Match: {text}")
                        })),
                        None => shown.push(format!("{indent}  Match: any")),
                    }
                    let drops = "(queue depth/total drops/no-buffer drops)";
                    shown.push(format!("{indent}  {drops} 0/{}/0", tally.dropped));
                }
            }
        }
        shown
    }
}
