//! Configuration texts of devices: read from beside the scenario, and what is wrong with them shown in
//! the text.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Range;
use std::path::Path;

use devices::{Built, ConfigDiagnostic, ConfigText, DeviceContext, DeviceSpec, Farm, farm_of};
use topologies::shape::Topology;

use crate::diagnostic::{Diagnostic, Severity, Source};
use crate::schema::Scenario;
use crate::tree::{Node, Step};

/// A configuration text.
#[derive(Clone, Debug)]
struct ConfigFile {
    /// As the scenario names it: what rules and causes repeat.
    named: String,
    /// With its path as the user can open it.
    source: Source,
}

/// The configuration texts of a scenario's devices, by device.
#[derive(Clone, Debug, Default)]
pub struct DeviceConfigs(BTreeMap<String, ConfigFile>);

impl DeviceConfigs {
    /// Reads what the devices of `scenario` name, relative to `folder`.
    ///
    /// # Errors
    /// A diagnostic at the name of each file that cannot be read.
    pub fn read(
        scenario: &Scenario,
        folder: &Path,
        source: &Source,
        tree: &Node,
    ) -> Result<Self, Vec<Diagnostic>> {
        let (mut files, mut faults) = (BTreeMap::new(), Vec::new());
        for (name, spec) in &scenario.devices.0 {
            let Some(named) = spec.config_path() else { continue };
            let path = folder.join(named);
            match std::fs::read(&path) {
                Ok(bytes) => {
                    let text = devices::config::decode(named, &bytes).0.into();
                    let source = Source { file: path.display().to_string(), text };
                    files.insert(name.clone(), ConfigFile { named: named.to_owned(), source });
                }
                Err(error) => {
                    let steps = [Step::Key("devices"), Step::Key(name), Step::Key("config")];
                    let span = tree.nearest(&steps).span.clone();
                    let message = format!("cannot read {}: {}", path.display(), reason(&error));
                    let near = neighbours(&path);
                    let word = path.file_name().unwrap_or_default().to_string_lossy();
                    faults.push(
                        Diagnostic::at(source, span, message)
                            .label("named here")
                            .suggest(&word, near.iter().map(String::as_str)),
                    );
                }
            }
        }
        if faults.is_empty() { Ok(Self(files)) } else { Err(faults) }
    }

    fn text(&self, device: &str) -> Option<ConfigText<'_>> {
        let file = self.0.get(device)?;
        Some(ConfigText::new(&file.named, &file.source.text))
    }

    /// The texts, each as the scenario names it, in the order of those names; one that several devices
    /// share comes once.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        let by_name: BTreeMap<&str, &str> =
            self.0.values().map(|file| (&*file.named, &*file.source.text)).collect();
        by_name.into_iter()
    }

    /// Builds one device of `scenario`; its findings are errors if it could not be built.
    ///
    /// # Errors
    /// What the device would refuse in its configuration.
    pub fn build(
        &self,
        scenario: &Scenario,
        seed: u64,
        name: &str,
        spec: &DeviceSpec,
    ) -> Result<Built, Vec<Diagnostic>> {
        let default_farm = farm_of_topology(&scenario.topology, name);
        let context = DeviceContext { name, seed, default_farm };
        spec.build(&context, self.text(name)).map_err(|findings| self.shown(name, &findings))
    }

    /// The virtual address that the balancer of `scenario` has by its configuration.
    ///
    /// # Errors
    /// As [`DeviceConfigs::build`].
    pub fn virtual_address(&self, scenario: &Scenario) -> Result<Option<IpAddr>, Vec<Diagnostic>> {
        Ok(self.farm(scenario)?.map(|farm| farm.vip))
    }

    fn farm(&self, scenario: &Scenario) -> Result<Option<Farm>, Vec<Diagnostic>> {
        let Topology::LoadBalanced(shape) = &scenario.topology else { return Ok(None) };
        let Some(spec) = scenario.devices.get(&shape.balancer) else { return Ok(None) };
        farm_of(spec, self.text(&shape.balancer))
            .map_err(|findings| self.shown(&shape.balancer, &findings))
    }

    /// What does not fit between the balancer's configuration and the topology around it.
    ///
    /// # Errors
    /// As [`DeviceConfigs::build`].
    pub fn check_farm(
        &self,
        scenario: &Scenario,
        source: &Source,
        tree: &Node,
    ) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
        let Topology::LoadBalanced(shape) = &scenario.topology else { return Ok(Vec::new()) };
        let at = |field: &'static str, message: String| {
            let steps = [Step::Key("topology"), Step::Key(field)];
            Diagnostic::at(source, tree.nearest(&steps).span.clone(), message)
        };
        let mut found = Vec::new();
        match (self.farm(scenario)?, shape.vip) {
            (None, None) => found.push(
                at("balancer", "which address do clients call?".into())
                    .label("has no virtual address in a configuration")
                    .help("add one to the topology: vip: \"10.9.9.9\""),
            ),
            (None, Some(_)) => {}
            (Some(farm), vip) => {
                if let Some(vip) = vip.filter(|&vip| vip != farm.vip) {
                    let message =
                        format!("the configuration balances {}, but clients call {vip}", farm.vip);
                    found.push(at("vip", message).label("another address"));
                }
                for (name, address) in &farm.servers {
                    if !shape.servers.iter().any(|(_, known)| known == address) {
                        let message = format!(
                            "the configuration balances to {name} ({address}), which nobody has"
                        );
                        found.push(at("servers", message).label("not among these"));
                    }
                }
            }
        }
        Ok(found)
    }

    /// Findings in a device's configuration, with the text that they speak of.
    #[must_use]
    pub fn shown(&self, device: &str, findings: &[ConfigDiagnostic]) -> Vec<Diagnostic> {
        let Some(file) = self.0.get(device) else {
            return findings.iter().map(|finding| without_text(device, finding)).collect();
        };
        findings.iter().map(|finding| in_text(&file.source, finding)).collect()
    }
}

pub(crate) fn without_text(device: &str, finding: &ConfigDiagnostic) -> Diagnostic {
    with_severity(finding, Diagnostic::of_file(device, finding.message.clone()))
}

pub(crate) fn in_text(source: &Source, finding: &ConfigDiagnostic) -> Diagnostic {
    let span = span_of(&source.text, finding);
    with_severity(finding, Diagnostic::at(source, span, finding.message.clone()))
}

fn with_severity(finding: &ConfigDiagnostic, diagnostic: Diagnostic) -> Diagnostic {
    let diagnostic = match &finding.help {
        Some(help) => diagnostic.help(help.clone()),
        None => diagnostic,
    };
    let severity = match finding.severity {
        devices::Severity::Error => Severity::Error,
        devices::Severity::Warning => Severity::Warning,
    };
    Diagnostic { severity, ..diagnostic }
}

/// From line and columns, in characters from 1, to bytes.
fn span_of(text: &str, finding: &ConfigDiagnostic) -> Range<usize> {
    let line_number = (finding.line as usize).max(1) - 1;
    let start: usize = text.split_inclusive('\n').take(line_number).map(str::len).sum();
    let line = text[start..].lines().next().unwrap_or_default();
    let offset = |column: u32| {
        let in_line = line.char_indices().nth((column as usize).max(1) - 1);
        start + in_line.map_or(line.len(), |(offset, _)| offset)
    };
    offset(finding.column_start)..offset(finding.column_end)
}

/// The real servers that the topology puts behind a balancer, and the address that stands for them.
pub(crate) fn farm_of_topology(topology: &Topology, device: &str) -> Option<Farm> {
    let Topology::LoadBalanced(shape) = topology else { return None };
    let vip = shape.vip.filter(|_| shape.balancer == device)?;
    Some(Farm { vip, port: None, servers: shape.servers.clone() })
}

/// Names of the files beside one that is not there.
fn neighbours(path: &Path) -> Vec<String> {
    // The parent of a bare name is empty, which no system takes for a folder.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let Ok(entries) = std::fs::read_dir(folder.unwrap_or(Path::new("."))) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().extension() == path.extension())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Why a file cannot be read, without the number that the system adds.
pub(crate) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}
