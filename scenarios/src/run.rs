//! From a loaded scenario to its record and what its expectations say to that.

use std::collections::BTreeMap;
use std::path::Path;

use sim_core::engine::world::World;
use sim_core::record::RunRecord;
use sim_core::time::SimTime;
use topologies::network::{Call, Change, HostPlan, Network, Parts, Unknown};

use crate::diagnostic::Diagnostic;
use crate::expect::{ExpectationResult, evaluate};
use crate::load::Loaded;
use crate::schema::{Event, EventAction, HostSettings, Traffic};
use crate::tree::Step;

/// A scenario that has run.
#[derive(Clone, Debug)]
pub struct Run {
    /// What happened.
    pub record: RunRecord,
    /// What the user should know about the inputs.
    pub warnings: Vec<Diagnostic>,
    /// What the expectations say, in the order of the file.
    pub expectations: Vec<ExpectationResult>,
    /// The command line that runs exactly this again.
    pub replay: String,
}

impl Run {
    /// True when every expectation was met.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.expectations.iter().all(|result| result.passed)
    }
}

/// A scenario's world, ready to run.
pub struct Built {
    /// Seed that it was built with.
    pub seed: u64,
    /// Nodes, links, devices and the script.
    pub world: World,
    /// What to know about the devices' configurations.
    pub device_warnings: DeviceWarnings,
}

/// Warnings of each device's configuration, in one line each.
pub type DeviceWarnings = BTreeMap<String, Vec<String>>;

/// Seed of a run for which neither the command nor the scenario gives one.
pub const DEFAULT_SEED: u64 = 1;

impl Loaded {
    /// Runs the scenario with `seed`, or with its own, or with [`DEFAULT_SEED`].
    ///
    /// # Errors
    /// What cannot be built; [`crate::load::load`] has found all of that already, unless the caller
    /// changed the scenario since.
    pub fn run(&self, seed: Option<u64>) -> Result<Run, Vec<Diagnostic>> {
        if let Some(index) = self.scenario.traffic.iter().position(|t| t.command().is_some()) {
            let node = self.tree.nearest(&[Step::Key("traffic"), Step::Index(index)]);
            let message = "a program cannot be simulated".to_owned();
            let diagnostic = Diagnostic::at(&self.source, node.span.clone(), message)
                .label("only real hosts run it")
                .help("run the scenario with `option30 live`");
            return Err(vec![diagnostic]);
        }
        let built = self.build(seed)?;
        let limit = SimTime::ZERO + self.scenario.limit();
        let Built { seed, world, device_warnings } = built;
        Ok(self.conclude(seed, world.run(limit), &device_warnings))
    }

    /// Everything in place, for a caller that drives the world itself; see [`Loaded::conclude`].
    ///
    /// # Errors
    /// As [`Loaded::run`].
    pub fn build(&self, seed: Option<u64>) -> Result<Built, Vec<Diagnostic>> {
        let seed = seed.or(self.scenario.seed).unwrap_or(DEFAULT_SEED);
        let (network, device_warnings) = self.network(seed)?;
        let mut world = network.into_world();
        if self.capture {
            world.capture();
        } else if self.capture_heads {
            world.capture_heads();
        }
        if self.watch {
            world.watch();
        }
        if self.observe {
            world.observe();
        }
        Ok(Built { seed, world, device_warnings })
    }

    /// From the record of a world that was built here to what the expectations say to it.
    #[must_use]
    pub fn conclude(&self, seed: u64, mut record: RunRecord, warnings: &DeviceWarnings) -> Run {
        record.scenario = self.name.clone();
        record.title = self.scenario.title.clone();
        for device in &mut record.devices {
            device.warnings = warnings.get(&device.name).cloned().unwrap_or_default();
        }
        let expectations = self.expectations(&record);
        let warnings = self.warnings.clone();
        Run { record, warnings, expectations, replay: replay(&self.path, &self.overrides, seed) }
    }

    /// Everything in place.
    fn network(&self, seed: u64) -> Result<(Network, DeviceWarnings), Vec<Diagnostic>> {
        let (mut devices, mut warnings) = (BTreeMap::new(), BTreeMap::new());
        for (name, spec) in &self.scenario.devices.0 {
            let built = self.configs.build(&self.scenario, seed, name, spec)?;
            devices.insert(name.clone(), built.device);
            let lines = built.warnings.iter().map(ToString::to_string).collect();
            warnings.insert(name.clone(), lines);
        }
        let vip = self.configs.virtual_address(&self.scenario)?;
        let host = |name: &str| self.host_plan(name);
        let parts = Parts { seed, host: &host, devices };
        let built = self.scenario.topology.build(vip, parts).and_then(|mut network| {
            if let Some(interval) = self.sample_interval {
                network.set_sample_interval(interval);
            }
            for call in self.scenario.traffic.iter().filter_map(call) {
                network.call(&call)?;
            }
            self.schedule(&mut network)?;
            Ok(network)
        });
        match built {
            Ok(network) => Ok((network, warnings)),
            Err(Unknown(name)) => {
                let file = self.path.display().to_string();
                let message = format!("the network has no \"{name}\"");
                Err(vec![Diagnostic::of_file(&file, message)])
            }
        }
    }

    fn host_plan(&self, name: &str) -> HostPlan {
        let unset = HostSettings::default();
        let settings = self.scenario.hosts.get(name).unwrap_or(&unset);
        let is_kernel = settings.kernel || self.kernel_hosts().next().is_none();
        let config = settings.config();
        HostPlan {
            config: if self.as_live && is_kernel { config.in_linux() } else { config },
            subflow: settings.subflow.clone(),
            signal: settings.signal.clone(),
            backup: settings.backup.clone(),
        }
    }

    /// The hosts that say that they are the kernel's, in a live run.
    pub fn kernel_hosts(&self) -> impl Iterator<Item = &str> {
        let named = self.scenario.hosts.0.iter().filter(|(_, settings)| settings.kernel);
        named.map(|(name, _)| name.as_str())
    }

    fn schedule(&self, network: &mut Network) -> Result<(), Unknown> {
        let mut events: Vec<&Event> = self.scenario.events.iter().collect();
        events.sort_by_key(|Event::At(at, _)| *at);
        for Event::At(at, action) in events {
            let settings = action.change();
            let change = match (action, &settings) {
                (_, Some(settings)) => Change::SetLink(settings),
                (EventAction::LinkDown(link), _) => Change::LinkDown(link),
                (EventAction::LinkUp(link), _) => Change::LinkUp(link),
                (EventAction::Reload(device), _) => Change::Reload(device),
                (EventAction::InjectReset(link), _) => Change::InjectReset(link),
                (EventAction::EndpointRemoved(host, link), _) => {
                    Change::EndpointRemoved(host, link)
                }
                (EventAction::AddressRemoved(host, link), _) => Change::AddressRemoved(host, link),
                (EventAction::AddressAdded(host, link), _) => Change::AddressAdded(host, link),
                (EventAction::Abort(traffic, end), _) => Change::Abort(traffic, (*end).into()),
                (EventAction::SetBackup(host, link, backup), _) => {
                    Change::SetBackup(host, link, *backup)
                }
                // What changes a link has settings, and was the first case.
                (
                    EventAction::SetRate(..)
                    | EventAction::SetDelay(..)
                    | EventAction::SetLoss(..)
                    | EventAction::SetLink(_),
                    None,
                ) => continue,
            };
            network.schedule(SimTime::ZERO + *at, action.label(), &change)?;
        }
        Ok(())
    }

    fn expectations(&self, record: &RunRecord) -> Vec<ExpectationResult> {
        let line_of = |index: usize| {
            let node = self.tree.nearest(&[Step::Key("expect"), Step::Index(index)]);
            self.source.text[..node.span.start].matches('\n').count() + 1
        };
        let expectations = self.scenario.expect.iter().enumerate();
        expectations.map(|(i, expected)| evaluate(expected, line_of(i), record)).collect()
    }
}

/// The command line that runs a scenario with these settings and this seed.
#[must_use]
pub fn replay(path: &Path, settings: &[String], seed: u64) -> String {
    let mut command = format!("option30 run {} --seed {seed}", quoted(&path.display().to_string()));
    for setting in settings {
        command += &format!(" --set {}", quoted(setting));
    }
    command
}

fn call(traffic: &Traffic) -> Option<Call> {
    let (from, to) = traffic.ends();
    let app = traffic.app()?;
    Some(Call {
        name: traffic.name().to_owned(),
        from: from.to_owned(),
        to: to.to_owned(),
        port: traffic.port(),
        start: SimTime::ZERO + traffic.start(),
        app,
    })
}

/// A word for a POSIX shell.
#[must_use]
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_the_shell() {
        let check = |word, expect: &str| assert_eq!(quoted(word), expect);
        check("a/b.ron", "a/b.ron");
        check("", "''");
        check("paths[0].rate=6 Mbps", "'paths[0].rate=6 Mbps'");
        check("it's", "'it'\\''s'");
    }
}
