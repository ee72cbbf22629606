//! A device as a scenario file writes it, and how it becomes a [`Device`].

use std::net::IpAddr;

use serde::Deserialize;
use sim_core::engine::device::Device;

use crate::config::{ConfigDiagnostic, ConfigText, Diagnostics};
use crate::custom::rules::CustomRule;
use crate::custom::{Custom, Stateful};
use crate::ios::router::Kind;
use crate::neighbours::{linux, panos, snort};
use crate::router::Router;
use crate::steps::signatures::Expression;
use crate::switch::Switch;
use crate::{ace, asa, asr5000, cbac, cgn, ftd, ios, ips, nat, nbar, waas, zbfw};

/// What a device is built in.
#[derive(Clone, Debug)]
pub struct DeviceContext<'a> {
    /// Its name in the scenario; names its random stream too.
    pub name: &'a str,
    /// Seed of the run.
    pub seed: u64,
    /// Virtual address and real servers that the topology gives, for a balancer that has none of its
    /// own.
    pub default_farm: Option<Farm>,
}

/// A virtual address and the real servers behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Farm {
    /// The virtual address.
    pub vip: IpAddr,
    /// Its port; `None`: every port.
    pub port: Option<u16>,
    /// Names and addresses of the real servers, in order.
    pub servers: Vec<(String, IpAddr)>,
}

/// A device as the scenario file writes it: `Asa(config: "configs/asa.cfg")`, `Switch()`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum DeviceSpec {
    /// Cisco ASA.
    Asa {
        /// Path of the configuration text.
        #[serde(default)]
        config: Option<String>,
        /// `nameif` of the interface towards the clients.
        #[serde(default)]
        inside: Option<String>,
        /// `nameif` of the interface towards the servers.
        #[serde(default)]
        outside: Option<String>,
    },
    /// Cisco Firepower Threat Defense.
    Ftd {
        /// Path of LINA's configuration text.
        #[serde(default)]
        config: Option<String>,
        /// `nameif` of the interface towards the clients.
        #[serde(default)]
        inside: Option<String>,
        /// `nameif` of the interface towards the servers.
        #[serde(default)]
        outside: Option<String>,
        /// Whether it stands in the path.
        #[serde(default)]
        mode: ftd::Mode,
        /// Snort's normaliser of TCP options.
        #[serde(default)]
        normalizer: ftd::SnortNormalizer,
        /// Expressions that Snort looks for in streams.
        #[serde(default)]
        signatures: Vec<Expression>,
    },
    /// Cisco Intrusion Prevention System.
    Ips {
        /// Path of the configuration text.
        #[serde(default)]
        config: Option<String>,
        /// Whether it stands in the path; as the text has it when absent.
        #[serde(default)]
        mode: Option<ftd::Mode>,
    },
    /// IOS context-based access control.
    Cbac {
        /// Path of the configuration text.
        #[serde(default)]
        config: Option<String>,
        /// Interface towards the clients.
        #[serde(default)]
        inside: Option<String>,
        /// Interface towards the servers.
        #[serde(default)]
        outside: Option<String>,
    },
    /// IOS and IOS-XE zone-based firewall.
    Zbfw {
        /// Path of the configuration text.
        #[serde(default)]
        config: Option<String>,
        /// Interface towards the clients.
        #[serde(default)]
        inside: Option<String>,
        /// Interface towards the servers.
        #[serde(default)]
        outside: Option<String>,
    },
    /// IOS and IOS-XE NAT with its application gateways.
    Nat {
        /// Path of the configuration text.
        #[serde(default)]
        config: Option<String>,
        /// Interface towards the clients.
        #[serde(default)]
        inside: Option<String>,
        /// Interface towards the servers.
        #[serde(default)]
        outside: Option<String>,
    },
    /// NBAR and AVC.
    Nbar {
        /// Path of the configuration text.
        #[serde(default)]
        config: Option<String>,
        /// Interface towards the clients.
        #[serde(default)]
        inside: Option<String>,
        /// Interface towards the servers.
        #[serde(default)]
        outside: Option<String>,
    },
    /// Cisco ACE.
    Ace {
        /// Path of the configuration text.
        #[serde(default)]
        config: Option<String>,
    },
    /// Cisco WAAS.
    Waas {
        /// Path of the configuration text.
        #[serde(default)]
        config: Option<String>,
    },
    /// Cisco ASR 5000.
    Asr5000 {
        /// Path of the configuration text.
        #[serde(default)]
        config: Option<String>,
    },
    /// Carrier-grade NAT of the Cisco CRS.
    Cgn {
        /// Path of the configuration text.
        #[serde(default)]
        config: Option<String>,
    },
    /// Linux router with netfilter.
    Linux {
        /// Path of the rules.
        #[serde(default)]
        config: Option<String>,
    },
    /// Palo Alto Networks PAN-OS.
    PanOs {
        /// Path of the configuration text.
        #[serde(default)]
        config: Option<String>,
    },
    /// Snort, inline or passive.
    Snort {
        /// Path of snort.conf or snort.lua.
        #[serde(default)]
        config: Option<String>,
        /// Whether it stands in the way.
        #[serde(default)]
        mode: ftd::Mode,
    },
    /// Ethernet switch.
    Switch {},
    /// Router without firewall and NAT.
    Router {
        /// Path of the configuration text; what it says of firewall or NAT holds, too.
        #[serde(default)]
        config: Option<String>,
        /// Interface towards the clients.
        #[serde(default)]
        inside: Option<String>,
        /// Interface towards the servers.
        #[serde(default)]
        outside: Option<String>,
        /// Largest IP packet in bytes; larger ones are dropped. No limit of its own unless set.
        #[serde(default)]
        mtu: Option<u32>,
        /// Senders of packets that are too big are told by ICMP; none: true.
        #[serde(default)]
        unreachables: Option<bool>,
    },
    /// A box of declarative rules.
    Custom {
        /// The rules, in order.
        #[serde(default)]
        rules: Vec<CustomRule>,
        /// Whether packets of no known connection pass.
        #[serde(default)]
        stateful: Option<Stateful>,
    },
}

/// A device, ready, and what is to be said about its configuration.
pub struct Built {
    /// The device.
    pub device: Box<dyn Device>,
    /// Warnings, in the order of their lines.
    pub warnings: Vec<ConfigDiagnostic>,
}

impl DeviceSpec {
    /// Path of the configuration text, when the scenario names one.
    #[must_use]
    pub fn config_path(&self) -> Option<&str> {
        match self {
            Self::Asa { config, .. }
            | Self::Ftd { config, .. }
            | Self::Ips { config, .. }
            | Self::Cbac { config, .. }
            | Self::Zbfw { config, .. }
            | Self::Nat { config, .. }
            | Self::Nbar { config, .. }
            | Self::Ace { config }
            | Self::Waas { config }
            | Self::Asr5000 { config }
            | Self::Cgn { config }
            | Self::Linux { config }
            | Self::Snort { config, .. }
            | Self::PanOs { config } => config.as_deref(),
            Self::Router { config, .. } => config.as_deref(),
            Self::Switch {} | Self::Custom { .. } => None,
        }
    }

    /// The model's name in lower case, as [`Device::model`] gives it.
    #[must_use]
    pub const fn model(&self) -> &'static str {
        match self {
            Self::Asa { .. } => "asa",
            Self::Ftd { .. } => "ftd",
            Self::Ips { .. } => "ips",
            Self::Cbac { .. } => "cbac",
            Self::Zbfw { .. } => "zbfw",
            Self::Nat { .. } => "nat",
            Self::Nbar { .. } => "nbar",
            Self::Ace { .. } => "ace",
            Self::Waas { .. } => "waas",
            Self::Asr5000 { .. } => "asr5000",
            Self::Cgn { .. } => "cgn",
            Self::Linux { .. } => "linux",
            Self::PanOs { .. } => "panos",
            Self::Snort { .. } => "snort",
            Self::Switch {} => "switch",
            Self::Router { .. } => "router",
            Self::Custom { .. } => "custom",
        }
    }

    /// Builds the device. `config` is the content of [`DeviceSpec::config_path`].
    ///
    /// # Errors
    /// What the device would refuse in its configuration, with what else is to be said about it.
    pub fn build(
        &self,
        context: &DeviceContext<'_>,
        config: Option<ConfigText<'_>>,
    ) -> Result<Built, Vec<ConfigDiagnostic>> {
        fn built(
            (device, warnings): (impl Device + 'static, Vec<ConfigDiagnostic>),
        ) -> Result<Built, Vec<ConfigDiagnostic>> {
            Ok(Built { device: Box::new(device), warnings })
        }
        match self {
            Self::Asa { inside, outside, .. } => {
                let settings =
                    asa::Settings { inside: inside.as_deref(), outside: outside.as_deref() };
                built(asa::build(&settings, context, config)?)
            }
            Self::Ftd { inside, outside, mode, normalizer, signatures, .. } => {
                let settings = ftd::Settings {
                    lina: asa::Settings { inside: inside.as_deref(), outside: outside.as_deref() },
                    mode: *mode,
                    normalizer,
                    signatures,
                };
                built(ftd::build(&settings, context, config)?)
            }
            Self::Ips { mode, .. } => built(ips::build(*mode, config)?),
            Self::Cbac { inside, outside, .. }
            | Self::Zbfw { inside, outside, .. }
            | Self::Nat { inside, outside, .. }
            | Self::Nbar { inside, outside, .. }
            | Self::Router { config: Some(_), inside, outside, mtu: None, unreachables: None } => {
                let factory = match self {
                    Self::Cbac { .. } => cbac::FACTORY,
                    Self::Zbfw { .. } => zbfw::FACTORY,
                    Self::Nat { .. } => nat::FACTORY,
                    Self::Nbar { .. } => nbar::FACTORY,
                    _ => "",
                };
                let kind = Kind { model: self.model(), factory };
                let given = [inside.as_deref(), outside.as_deref()];
                built(ios::router::build(kind, given, context, config)?)
            }
            Self::Ace { .. } => built(ace::build(context, config)?),
            Self::Waas { .. } => built(waas::build(config)?),
            Self::Asr5000 { .. } => built(asr5000::build(config)?),
            Self::Cgn { .. } => built(cgn::build(config)?),
            Self::Linux { .. } => built(linux::build(context, config)?),
            Self::PanOs { .. } => built(panos::build(config)?),
            Self::Snort { mode, .. } => built(snort::build(*mode, config)?),
            Self::Switch {} => built((Switch::default(), Vec::new())),
            Self::Router { config: Some(_), .. } => {
                let text = config.unwrap_or(ConfigText::new("", ""));
                let mut found = Diagnostics::new(text.file);
                let message =
                    "mtu or unreachables is set in the scenario, and there is configuration text";
                if let Some(first) = text.lines().first() {
                    found
                        .error(first, "", message)
                        .help("put `ip mtu`, or `no ip unreachables`, on an interface of the text");
                }
                Err(found.into_all())
            }
            Self::Router { mtu, unreachables, .. } => {
                built((Router::new(*mtu, unreachables.unwrap_or(true)), Vec::new()))
            }
            Self::Custom { rules, stateful } => {
                built((Custom::new(rules, *stateful, context), Vec::new()))
            }
        }
    }
}

/// Virtual address and real servers that a device's configuration names, so that the topology can
/// give hosts those addresses; `None` for a device that is no balancer.
///
/// # Errors
/// As [`DeviceSpec::build`].
pub fn farm_of(
    spec: &DeviceSpec,
    config: Option<ConfigText<'_>>,
) -> Result<Option<Farm>, Vec<ConfigDiagnostic>> {
    match spec {
        DeviceSpec::Ace { .. } => config.map_or(Ok(None), ace::farm),
        DeviceSpec::Asa { .. }
        | DeviceSpec::Ftd { .. }
        | DeviceSpec::Ips { .. }
        | DeviceSpec::Cbac { .. }
        | DeviceSpec::Zbfw { .. }
        | DeviceSpec::Nat { .. }
        | DeviceSpec::Nbar { .. }
        | DeviceSpec::Waas { .. }
        | DeviceSpec::Asr5000 { .. }
        | DeviceSpec::Cgn { .. }
        | DeviceSpec::Linux { .. }
        | DeviceSpec::PanOs { .. }
        | DeviceSpec::Snort { .. }
        | DeviceSpec::Switch {}
        | DeviceSpec::Router { .. }
        | DeviceSpec::Custom { .. } => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<DeviceSpec, String> {
        ron::Options::default()
            .with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME)
            .from_str(text)
            .map_err(|e| e.to_string())
    }

    #[test]
    fn as_a_scenario_writes_them() {
        let asa = |config: Option<&str>| DeviceSpec::Asa {
            config: config.map(str::to_owned),
            inside: None,
            outside: None,
        };
        assert_eq!(read("Asa()"), Ok(asa(None)));
        assert_eq!(read(r#"Asa(config: "a.cfg")"#), Ok(asa(Some("a.cfg"))));
        assert_eq!(read("Switch()"), Ok(DeviceSpec::Switch {}));
        let router = DeviceSpec::Router {
            config: None,
            inside: None,
            outside: None,
            mtu: Some(1400),
            unreachables: None,
        };
        assert_eq!(read("Router(mtu: 1400)"), Ok(router));
        for (text, says) in [
            (r#"Asa(confg: "a.cfg")"#, "Unexpected field named `confg`"),
            ("Asa5505()", "Unexpected variant named `Asa5505`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn every_model_can_be_written_bare_and_is_in_the_catalogue() {
        let context = DeviceContext { name: "d", seed: 1, default_farm: None };
        for info in crate::catalogue() {
            let spec = read(&format!("{}()", info.name)).unwrap();
            let device = spec.build(&context, None).map(|b| b.device.model());
            assert_eq!(device, Ok(spec.model()), "{}", info.name);
            assert_eq!(info.name.to_lowercase(), spec.model());
        }
    }

    /// The configurations that ship with the catalogue of scenarios: each read, each with the warnings
    /// that its scenario is about.
    #[test]
    fn shipped_configurations() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/catalogue/configs");
        let context = DeviceContext { name: "d", seed: 1, default_farm: None };
        let mut read_in_all = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let file = path.file_name().unwrap().to_str().unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            let model = match file.split(['-', '.']).next().unwrap() {
                "asa" => "Asa",
                "ftd" => "Ftd",
                "ips" => "Ips",
                "cbac" => "Cbac",
                "zbfw" => "Zbfw",
                "ace" => "Ace",
                "nat" => "Nat",
                "nbar" => "Nbar",
                "router" => "Router",
                "asr5000" => "Asr5000",
                "cgn" => "Cgn",
                "linux" => "Linux",
                "panos" => "PanOs",
                "snort" => "Snort",
                other => panic!("which model reads {other}?"),
            };
            let spec = read(&format!("{model}(config: {file:?})")).unwrap();
            let built = spec.build(&context, Some(ConfigText::new(file, &text)));
            let warnings: Vec<_> = built
                .unwrap_or_else(|e| panic!("{file}: {e:?}"))
                .warnings
                .into_iter()
                .map(|w| w.message)
                .collect();
            let expected: &[&str] = match file {
                "asa-tcp-map-not-activated.cfg" => &[
                    "no service-policy activates policy-map my-policy-map: with one, tcp-map my-mptcp would let \
                       option 30 of class my-tcpnorm (match any) pass",
                ],
                _ => &[],
            };
            assert_eq!(warnings, expected, "{file}");
            read_in_all += 1;
        }
        assert!(read_in_all >= 9);
    }
}
