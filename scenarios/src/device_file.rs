//! One device by itself, for commands that need no network: a RON file with what a scenario's `devices`
//! would say of it, or that itself (`Asa(config: "edge.cfg")`), a device of a scenario (`my.ron#edge`), or
//! a bare configuration text whose platform is recognised.

use std::net::SocketAddr;
use std::path::Path;

use devices::audit::{Platform, platforms, recognise};
use devices::{Built, ConfigText, DeviceContext, DeviceSpec, Farm, farm_of};

use crate::device_config::{farm_of_topology, in_text, reason, without_text};
use crate::diagnostic::{Diagnostic, Source};
use crate::load::{load, read_file};
use crate::read::read;

/// A device's description, read; it can be built any number of times.
#[derive(Clone, Debug)]
pub struct DeviceFile {
    /// What it is called: the device's name in its scenario, or the file's name without extension.
    pub name: String,
    spec: DeviceSpec,
    farm: Option<Farm>,
    /// The configuration text: as it is named, and with its path.
    config: Option<(String, Source)>,
}

impl DeviceFile {
    /// Reads the description that `argument` names; `platform` is that of a bare configuration text
    /// which does not show it. Nothing is found that would keep it from being built.
    ///
    /// # Errors
    /// What is wrong with it, and with the configuration that it names.
    pub fn load(argument: &str, platform: Option<&str>) -> Result<Self, Vec<Diagnostic>> {
        Self::load_in(Path::new(""), argument, platform)
    }

    /// As [`DeviceFile::load`], of an argument whose paths are relative to `folder`.
    ///
    /// # Errors
    /// As there.
    pub fn load_in(
        folder: &Path,
        argument: &str,
        platform: Option<&str>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let file = match argument.rsplit_once('#') {
            Some((scenario, device)) if scenario.ends_with(".ron") => {
                Self::of_scenario(&folder.join(scenario), device)?
            }
            _ if argument.ends_with(".ron") => {
                let path = folder.join(argument);
                let source = read_file(&path).map_err(|fault| vec![*fault])?;
                Self::new(&stem(&path), described(&source)?, path.parent().unwrap_or(folder))?
            }
            _ if argument.ends_with(')') => {
                let source = Source { file: "the device".into(), text: argument.into() };
                let spec = described(&source)?;
                Self::new(spec.model(), spec, folder)?
            }
            _ => Self::of_text(&folder.join(argument), platform)?,
        };
        file.build(0)?;
        Ok(file)
    }

    /// A device by its specification, whose configuration stands relative to `folder`.
    ///
    /// # Errors
    /// The configuration cannot be read.
    pub fn new(name: &str, spec: DeviceSpec, folder: &Path) -> Result<Self, Vec<Diagnostic>> {
        let config = match spec.config_path() {
            Some(named) => Some((named.to_owned(), read_config(&folder.join(named))?)),
            None => None,
        };
        Ok(Self { name: name.to_owned(), spec, farm: None, config })
    }

    fn of_scenario(path: &Path, device: &str) -> Result<Self, Vec<Diagnostic>> {
        let loaded = load(path, &[])?;
        let Some(spec) = loaded.scenario.devices.get(device) else {
            let file = path.display().to_string();
            let known = loaded.scenario.devices.0.iter().map(|(name, _)| name.as_str());
            let message = format!("the scenario has no device \"{device}\"");
            return Err(vec![Diagnostic::of_file(&file, message).suggest(device, known)]);
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        let farm = farm_of_topology(&loaded.scenario.topology, device);
        Ok(Self { farm, ..Self::new(device, spec.clone(), folder)? })
    }

    fn of_text(path: &Path, platform: Option<&str>) -> Result<Self, Vec<Diagnostic>> {
        let source = read_config(path)?;
        let known = || platforms().iter().map(|platform| platform.name);
        let fault = |message: String| Diagnostic::of_file(&source.file, message);
        let platform = match platform {
            Some(name) => {
                platforms().iter().find(|p| p.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
                    vec![fault(format!("there is no platform \"{name}\"")).suggest(name, known())]
                })?
            }
            None => recognise(&source.text).ok_or_else(|| {
                vec![
                    fault(
                        "the text is not recognised as the configuration of a known platform"
                            .into(),
                    )
                    .help("name it: --platform asa")
                    .help("or describe the device in a RON file: Linux(config: \"box.rules\")")
                    .suggest("", known()),
                ]
            })?,
        };
        let named = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let spec = spec_of(platform, &source.text, &named).ok_or_else(|| {
            let message = format!("there is no model of {} ({})", platform.product, platform.name);
            vec![fault(message)]
        })?;
        let config = spec.config_path().is_some().then(|| (named, source.clone()));
        Ok(Self { name: stem(path), spec, farm: None, config })
    }

    /// The address that clients call, where the device has one for its servers.
    #[must_use]
    pub fn virtual_address(&self) -> Option<SocketAddr> {
        let farm = farm_of(&self.spec, self.text()).ok().flatten().or(self.farm.clone())?;
        Some(SocketAddr::new(farm.vip, farm.port.unwrap_or(ANY_PORT)))
    }

    fn text(&self) -> Option<ConfigText<'_>> {
        let (named, source) = self.config.as_ref()?;
        Some(ConfigText::new(named, &source.text))
    }

    /// The device, with what is to be said about its configuration.
    ///
    /// # Errors
    /// What the device would refuse in its configuration.
    pub fn build(&self, seed: u64) -> Result<Built, Vec<Diagnostic>> {
        let context = DeviceContext { name: &self.name, seed, default_farm: self.farm.clone() };
        self.spec.build(&context, self.text()).map_err(|findings| {
            let shown = findings.iter().map(|finding| match &self.config {
                Some((_, source)) => in_text(source, finding),
                None => without_text(&self.name, finding),
            });
            shown.collect()
        })
    }
}

/// The port that is called of a virtual address that has all of them.
const ANY_PORT: u16 = 5001;

fn described(source: &Source) -> Result<DeviceSpec, Vec<Diagnostic>> {
    let help = "a device is described as in a scenario: Asa(config: \"edge.cfg\"); a scenario's own is \
                named SCENARIO.ron#DEVICE";
    read::<DeviceSpec>(source).map(|(spec, _)| spec).map_err(|fault| vec![fault.help(help)])
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Old exports are not always UTF-8; what matters to a grammar is ASCII.
fn read_config(path: &Path) -> Result<Source, Vec<Diagnostic>> {
    let file = path.display().to_string();
    match std::fs::read(path) {
        Ok(bytes) => Ok(Source { file, text: String::from_utf8_lossy(&bytes).into() }),
        Err(error) => {
            let message = format!("cannot read {file}: {}", reason(&error));
            Err(vec![Diagnostic::of_file(&file, message)])
        }
    }
}

/// The model of a platform, with its configuration in the file of this name.
fn spec_of(platform: &Platform, text: &str, named: &str) -> Option<DeviceSpec> {
    let config = Some(named.to_owned());
    let router = |config| DeviceSpec::Router {
        config,
        inside: None,
        outside: None,
        mtu: None,
        unreachables: None,
    };
    Some(match platform.name {
        "asa" | "fwsm" => DeviceSpec::Asa { config, inside: None, outside: None },
        "ftd" => DeviceSpec::Ftd {
            config,
            inside: None,
            outside: None,
            mode: Default::default(),
            normalizer: Default::default(),
            signatures: Vec::new(),
        },
        // One router: whatever the text says of firewall and NAT holds.
        "ios" | "ios-xe" => router(config),
        "ios-xr" if text.contains("service cgn") => DeviceSpec::Cgn { config },
        "ios-xr" => router(None),
        "nx-os" => DeviceSpec::Switch {},
        "ace" => DeviceSpec::Ace { config },
        "ips" => DeviceSpec::Ips { config, mode: None },
        "staros" => DeviceSpec::Asr5000 { config },
        "waas" => DeviceSpec::Waas { config },
        "linux" => DeviceSpec::Linux { config },
        "pan-os" => DeviceSpec::PanOs { config },
        "snort" => DeviceSpec::Snort { config, mode: Default::default() },
        _ => return None,
    })
}
