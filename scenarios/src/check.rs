//! Checks between the parts of a scenario: every name that is used is defined, none is defined twice,
//! times make sense. Each complaint points at the text.

use std::collections::BTreeSet;

use sim_core::time::SimDuration;
use topologies::check::{Position, Problem};

use crate::diagnostic::{Diagnostic, Source};
use crate::schema::{Command, DIALOGUE_MAX, Event, EventAction, Expectation, Scenario, Traffic};
use crate::tree::{Kind, Node, Step};

/// Everything that is wrong with `scenario`, which was read from `source` with this `tree`: errors
/// and warnings, in order of the file's parts.
#[must_use]
pub fn check(scenario: &Scenario, source: &Source, tree: &Node) -> Vec<Diagnostic> {
    let mut checker = Checker { scenario, source, tree, found: Vec::new() };
    checker.names_of("devices");
    checker.names_of("hosts");
    checker.topology();
    if !checker.found.is_empty() {
        // What refers to a broken topology would only be told to be wrong as well.
        return checker.found;
    }
    checker.unused_devices();
    checker.hosts();
    checker.traffic();
    checker.events();
    checker.expectations();
    checker.found
}

struct Checker<'a> {
    scenario: &'a Scenario,
    source: &'a Source,
    tree: &'a Node,
    found: Vec<Diagnostic>,
}

impl Checker<'_> {
    fn at(&self, steps: &[Step<'_>], message: String) -> Diagnostic {
        Diagnostic::at(self.source, self.tree.nearest(steps).span.clone(), message)
    }

    /// A name that is used and not defined.
    fn unknown(&mut self, steps: &[Step<'_>], what: &str, name: &str, known: &[String]) {
        let diagnostic = self
            .at(steps, format!("there is no {what} \"{name}\""))
            .label("not defined")
            .suggest(name, known.iter().map(String::as_str));
        self.found.push(diagnostic);
    }

    /// Keys of a map that occur twice.
    fn names_of(&mut self, field: &'static str) {
        let Some(Kind::Map(entries)) = self.tree.step(Step::Key(field)).map(|node| &node.kind)
        else {
            return;
        };
        let mut seen = BTreeSet::new();
        for (key, _) in entries {
            let name = key.text().unwrap_or_default();
            if !seen.insert(name) {
                let message = format!("two {field} are called \"{name}\"");
                let diagnostic =
                    Diagnostic::at(self.source, key.span.clone(), message).label("the second one");
                self.found.push(diagnostic);
            }
        }
    }

    fn topology(&mut self) {
        for problem in self.scenario.topology.problems(self.scenario.devices.names()) {
            let Problem { at, message, label, unknown } = problem;
            let mut steps = vec![Step::Key("topology")];
            steps.extend(at.iter().map(|position| match position {
                Position::Field(name) => Step::Key(name),
                Position::Index(index) => Step::Index(*index),
            }));
            let diagnostic = self.at(&steps, message).label(label);
            self.found.push(match unknown {
                Some((word, known)) => diagnostic.suggest(&word, known.iter().map(String::as_str)),
                None => diagnostic,
            });
        }
    }

    fn unused_devices(&mut self) {
        for name in self.scenario.devices.names() {
            if !self.scenario.topology.uses(name) {
                let span = self.key_span("devices", name);
                let message = format!("the device \"{name}\" stands nowhere in the topology");
                let diagnostic = Diagnostic::at(self.source, span, message).label("not used");
                self.found.push(diagnostic.warning());
            }
        }
    }

    fn hosts(&mut self) {
        let (hosts, links) = (self.scenario.topology.hosts(), self.scenario.topology.links());
        for (name, settings) in &self.scenario.hosts.0 {
            let here = [Step::Key("hosts"), Step::Key(name)];
            if !hosts.contains(name) {
                // The key, not the value, is what is wrong.
                let span = self.key_span("hosts", name);
                let message = format!("the topology has no host \"{name}\"");
                let diagnostic = Diagnostic::at(self.source, span, message)
                    .label("not in the topology")
                    .suggest(name, hosts.iter().map(String::as_str));
                self.found.push(diagnostic);
            }
            let lists = [
                ("subflow", settings.subflow.as_ref()),
                ("signal", settings.signal.as_ref()),
                ("backup", Some(&settings.backup)),
            ];
            for (field, list) in lists {
                for (i, text) in list.into_iter().flatten().enumerate() {
                    if !links.contains(text) && text.parse::<std::net::IpAddr>().is_err() {
                        let steps = [here[0], here[1], Step::Key(field), Step::Index(i)];
                        self.unknown(&steps, "path (and no address)", text, &links);
                    }
                }
            }
        }
    }

    fn key_span(&self, map: &'static str, name: &str) -> std::ops::Range<usize> {
        let node = self.tree.nearest(&[Step::Key(map)]);
        match &node.kind {
            Kind::Map(entries) => entries
                .iter()
                .find(|(key, _)| key.text() == Some(name))
                .map_or(node.span.clone(), |(key, _)| key.span.clone()),
            _ => node.span.clone(),
        }
    }

    fn command(&mut self, here: &[Step<'_>; 2], command: &Command, hosts: &[String]) {
        let field = |name| [here[0], here[1], Step::Key(name)];
        if !hosts.contains(&command.host) {
            self.unknown(&field("host"), "host", &command.host, hosts);
        }
        if command.argv.is_empty() {
            let diagnostic = self
                .at(&field("argv"), "a program has at least a name".into())
                .label("empty")
                .help("argv: [\"iperf3\", \"-c\", \"10.1.1.2\"]");
            self.found.push(diagnostic);
        }
    }

    fn traffic(&mut self) {
        let scenario = self.scenario;
        let hosts = scenario.topology.hosts();
        let mut callable = hosts.clone();
        callable.extend(scenario.topology.virtual_host().map(str::to_owned));
        if scenario.traffic.is_empty() {
            let diagnostic = self
                .at(&[Step::Key("traffic")], "a scenario without traffic shows nothing".into())
                .label("empty")
                .help("add one: Stream(name: \"video\", from: \"client\", to: \"server\", rate: \"9 Mbps\", duration: \"30 s\")");
            self.found.push(diagnostic);
        }
        let mut seen = BTreeSet::new();
        for (i, traffic) in scenario.traffic.iter().enumerate() {
            let here = [Step::Key("traffic"), Step::Index(i)];
            let field = |name| [here[0], here[1], Step::Key(name)];
            if let Some(command) = traffic.command() {
                self.command(&here, command, &hosts);
                continue;
            }
            if !seen.insert(traffic.name()) {
                let message = format!("two connections are called \"{}\"", traffic.name());
                self.found.push(self.at(&field("name"), message).label("the second one"));
            }
            let (from, to) = traffic.ends();
            if !hosts.iter().any(|host| host == from) {
                self.unknown(&field("from"), "host", from, &hosts);
            }
            if !callable.iter().any(|host| host == to) {
                self.unknown(&field("to"), "host", to, &callable);
            } else if from == to {
                let message = format!("\"{from}\" calls itself");
                self.found.push(self.at(&field("to"), message).label("the caller again"));
            }
            if let Traffic::Bulk { bytes: None, duration: None, .. } = traffic {
                let diagnostic = self
                    .at(&here, "a bulk transfer ends by its size or by its time".into())
                    .label("neither is given")
                    .help("add bytes: \"10 MB\" or duration: \"30 s\"");
                self.found.push(diagnostic);
            }
            if let Traffic::UpThenDown { duplex, down_header, down_pause, .. } = traffic
                && *duplex != Some(true)
            {
                let given =
                    [("down_header", down_header.is_some()), ("down_pause", down_pause.is_some())];
                for (name, _) in given.into_iter().filter(|(_, is_given)| *is_given) {
                    let message = format!("{name} is of a transfer in both directions at once");
                    let diagnostic = self.at(&field(name), message).label("without effect");
                    self.found.push(diagnostic.help("add duplex: true, or leave it out"));
                }
            }
            if let Traffic::Dialogue { turns, .. } = traffic
                && turns.iter().fold(0u64, |sum, turn| sum.saturating_add(turn.len()))
                    > DIALOGUE_MAX
            {
                let message = "a dialogue may have 64 MiB: it is kept in memory";
                self.found.push(self.at(&field("turns"), message.into()).label("longer than that"));
            }
            if traffic.port() == 0 {
                let diagnostic = self.at(&field("port"), "nobody listens on port 0".into());
                self.found.push(diagnostic.label("here"));
            }
        }
    }

    fn events(&mut self) {
        let scenario = self.scenario;
        let (hosts, links) = (scenario.topology.hosts(), scenario.topology.links());
        let devices: Vec<String> = scenario.devices.names().map(str::to_owned).collect();
        let mut before = SimDuration::ZERO;
        for (i, Event::At(at, action)) in scenario.events.iter().enumerate() {
            let here = [Step::Key("events"), Step::Index(i)];
            let when = [here[0], here[1], Step::Index(0)];
            let part = |k| [here[0], here[1], Step::Index(1), Step::Index(k)];
            if let Some((link, position)) = action.link()
                && !links.iter().any(|known| known == link)
            {
                self.unknown(&part(position), "path or link", link, &links);
            }
            if let EventAction::SetLink(change) = action {
                for (name, message, label) in change.faults() {
                    let steps = [here[0], here[1], Step::Index(1), Step::Key(name)];
                    self.found.push(self.at(&steps, message).label(label));
                }
            }
            if let Some(host) = action.host()
                && !hosts.iter().any(|known| known == host)
            {
                self.unknown(&part(0), "host", host, &hosts);
            }
            if let EventAction::Reload(device) = action
                && !devices.contains(device)
            {
                self.unknown(&part(0), "device", device, &devices);
            }
            if let EventAction::Abort(traffic, _) = action
                && !scenario.traffic.iter().any(|known| known.name() == traffic)
            {
                let known: Vec<String> =
                    scenario.traffic.iter().map(|t| t.name().to_owned()).collect();
                self.unknown(&part(0), "traffic", traffic, &known);
            }
            if *at < before {
                let diagnostic = self
                    .at(&when, format!("this event comes before the one above it, at {before}"))
                    .label("earlier")
                    .help("events are easier to read in order of time")
                    .warning();
                self.found.push(diagnostic);
            }
            before = before.max(*at);
            if *at > scenario.limit() {
                let diagnostic = self
                    .at(
                        &when,
                        format!("this event never happens: the run ends at {}", scenario.limit()),
                    )
                    .label("too late")
                    .help("give the scenario a longer time_limit");
                self.found.push(diagnostic);
            }
        }
    }

    fn expectations(&mut self) {
        let scenario = self.scenario;
        let traffic: Vec<String> =
            scenario.traffic.iter().map(|traffic| traffic.name().to_owned()).collect();
        let devices: Vec<String> = scenario.devices.names().map(str::to_owned).collect();
        let links = scenario.topology.links();
        for (i, expectation) in scenario.expect.iter().enumerate() {
            let here = [Step::Key("expect"), Step::Index(i)];
            let first = self.name_step(i);
            let field = |name| [here[0], here[1], Step::Key(name)];
            if let Some(name) = expectation.traffic()
                && !traffic.iter().any(|known| known == name)
            {
                self.unknown(&[here[0], here[1], first], "traffic", name, &traffic);
            }
            if let Some(name) = expectation.device()
                && !devices.iter().any(|known| known == name)
            {
                let by_name = matches!(expectation, Expectation::Cause { .. });
                let step = if by_name { Step::Key("device") } else { first };
                self.unknown(&[here[0], here[1], step], "device", name, &devices);
            }
            if let Some(path) = expectation.path()
                && !links.iter().any(|known| known == path)
            {
                self.unknown(&field("path"), "path", path, &links);
            }
            match expectation {
                Expectation::Goodput { between: Some((from, to)), .. }
                | Expectation::BoundShare { between: Some((from, to)), .. }
                    if from >= to =>
                {
                    let message = format!("the time from {from} to {to} is empty");
                    let diagnostic = self.at(&field("between"), message);
                    self.found.push(diagnostic.label("the first must be the earlier one"));
                }
                Expectation::Latency { percentile, .. } if !(0.0..=100.0).contains(percentile) => {
                    let message = format!("a percentile is from 0 to 100, not {percentile}");
                    self.found.push(self.at(&field("percentile"), message).label("here"));
                }
                _ => {}
            }
            self.bounds(&here, expectation);
        }
    }

    /// Where an expectation has the name that it speaks of: by name, or first.
    fn name_step(&self, index: usize) -> Step<'static> {
        let node = self.tree.nearest(&[Step::Key("expect"), Step::Index(index)]);
        match node.step(Step::Key("name")) {
            Some(_) => Step::Key("name"),
            None => Step::Index(0),
        }
    }

    /// An expectation that nothing can fail, or that nothing can pass.
    fn bounds(&mut self, here: &[Step<'_>], expectation: &Expectation) {
        let (none, reversed) = match expectation {
            Expectation::Goodput { at_least, at_most, .. } => bounds(at_least, at_most),
            Expectation::BoundShare { at_least, at_most, .. } => bounds(at_least, at_most),
            Expectation::Stall { at_least, at_most, .. } => bounds(at_least, at_most),
            Expectation::Change { at_least, at_most, .. } => bounds(at_least, at_most),
            Expectation::Cause { device, contains, .. } => {
                (device.is_none() && contains.is_none(), false)
            }
            Expectation::Verdict(..)
            | Expectation::Intact(_)
            | Expectation::Subflow { .. }
            | Expectation::Latency { .. } => return,
        };
        if none {
            let wanted = match expectation {
                Expectation::Cause { .. } => "device or contains",
                _ => "at_least or at_most",
            };
            let message = format!("this {} expects nothing", expectation.word());
            self.found.push(self.at(here, message).label(format!("add {wanted}")));
        }
        if reversed {
            let message = "at_least is more than at_most: nothing can pass";
            self.found.push(self.at(here, message.into()).label("here"));
        }
    }
}

/// Neither bound given; the bounds the wrong way round.
fn bounds<T: PartialOrd>(at_least: &Option<T>, at_most: &Option<T>) -> (bool, bool) {
    let reversed = matches!((at_least, at_most), (Some(least), Some(most)) if least > most);
    (at_least.is_none() && at_most.is_none(), reversed)
}
