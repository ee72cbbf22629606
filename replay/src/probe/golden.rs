//! Golden files: what a device does to the probes, kept to be held against it later.
//!
//! ```ron
//! Probes(
//!     device: "../edge.cfg",
//!     came: {
//!         "handshake/MP_CAPABLE v1, from inside": [
//!             "1 → MP_CAPABLE v1 flags H → NOPs; sequence shifted",
//!         ],
//!     },
//!     untouched: ["option/NOPs"],
//! )
//! ```
//!
//! `came` has what was not simply passed; `untouched` names the rest. A file with `device` alone is
//! filled when it is updated; what a user wrote around it stays.

use std::fmt::Write as _;
use std::path::Path;

use scenarios::diagnostic::Source;
use scenarios::load::read_file;
use scenarios::read::read;
use scenarios::schema::Named;
use scenarios::tree::{Node, Step};
use scenarios::{DeviceFile, Diagnostic};
use serde::Deserialize;

use super::outcome::{Came, come};

/// A golden file.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename = "Probes", deny_unknown_fields)]
struct Probes {
    /// The device, as `--device` takes it; a path is relative to the file's folder.
    device: String,
    /// The operating system of a configuration text that does not show it.
    #[serde(default)]
    platform: Option<String>,
    /// Of each probe that did not simply pass, what came of it.
    #[serde(default)]
    came: Named<Vec<String>>,
    /// Probes of which every packet passed as it came.
    #[serde(default)]
    untouched: Vec<String>,
}

/// A golden file, read, and what its device does now.
#[derive(Clone, Debug)]
pub struct Golden {
    source: Source,
    tree: Node,
    kept: Probes,
    /// What comes of the suite now.
    pub now: Vec<Came>,
}

/// A probe held against what is kept of it.
#[derive(Clone, Debug)]
pub struct Held {
    /// The probe.
    pub probe: String,
    /// Line of the file where it stands, from 1.
    pub line: usize,
    /// Packets that came otherwise: before and now; empty when all came as they are kept.
    pub otherwise: Vec<Otherwise>,
}

/// A packet that came otherwise than it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Otherwise {
    /// Its number in the probe and its direction, or `+` for one that the device made.
    pub packet: String,
    /// What is kept.
    pub before: String,
    /// What came now.
    pub now: String,
}

/// What is said of a packet that passed as it came.
const PASSED: &str = "passed as it came";
/// What is said of a packet that a device did not make.
const NOT_MADE: &str = "not made";

/// True for a text that is a golden file and no scenario.
#[must_use]
pub fn is_golden(text: &str) -> bool {
    let code =
        text.lines().map(str::trim_start).find(|line| !line.is_empty() && !line.starts_with("//"));
    code.is_some_and(|line| line.starts_with("Probes"))
}

impl Golden {
    /// Reads a golden file and passes the suite through its device.
    ///
    /// # Errors
    /// What is wrong with the file or the device that it names.
    pub fn load(path: &Path) -> Result<Self, Vec<Diagnostic>> {
        let source = read_file(path).map_err(|fault| vec![*fault])?;
        let (kept, tree) = read::<Probes>(&source).map_err(|fault| vec![*fault])?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let file = DeviceFile::load_in(folder, &kept.device, kept.platform.as_deref())?;
        let now = come(&file)?;
        Ok(Self { source, tree, kept, now })
    }

    /// Each probe against what is kept of it, in the order of the suite; then those that are kept and
    /// no longer in the suite.
    #[must_use]
    pub fn held(&self) -> Vec<Held> {
        let mut held: Vec<Held> = Vec::new();
        for came in &self.now {
            let kept = self.kept(&came.probe);
            let otherwise = match kept {
                Some(kept) => otherwise(kept, &came.lines),
                None => vec![Otherwise {
                    packet: "all".into(),
                    before: "the file has nothing about this probe".into(),
                    now: if came.lines.is_empty() { PASSED.into() } else { came.lines.join(", ") },
                }],
            };
            held.push(Held { probe: came.probe.clone(), line: self.line(&came.probe), otherwise });
        }
        let names = self.kept.came.names().chain(self.kept.untouched.iter().map(String::as_str));
        for name in names.filter(|name| !self.now.iter().any(|came| came.probe == *name)) {
            held.push(Held {
                probe: name.to_owned(),
                line: self.line(name),
                otherwise: vec![Otherwise {
                    packet: "all".into(),
                    before: "kept".into(),
                    now: "there is no such probe".into(),
                }],
            });
        }
        held
    }

    fn kept(&self, probe: &str) -> Option<&[String]> {
        let untouched = || self.kept.untouched.iter().any(|name| name == probe).then_some(&[][..]);
        self.kept.came.get(probe).map(Vec::as_slice).or_else(untouched)
    }

    fn line(&self, probe: &str) -> usize {
        let quoted = format!("{probe:?}");
        let at = self
            .source
            .text
            .find(&quoted)
            .unwrap_or_else(|| self.tree.nearest(&[Step::Key("device")]).span.start);
        self.source.text[..at.min(self.source.text.len())].matches('\n').count() + 1
    }

    /// The file's text with what comes of the suite now; what the user wrote of the device stays.
    #[must_use]
    pub fn updated(&self) -> String {
        let text = &self.source.text;
        let span = |key| {
            let span = self.tree.nearest(&[Step::Key(key)]).span.clone();
            (span != self.tree.span).then_some(span)
        };
        let ends = ["device", "platform"].into_iter().filter_map(span).map(|span| span.end);
        let device = ends.max().unwrap_or(0);
        let head = text[..device].trim_end_matches(',');
        format!("{head},\n{})\n", body(&self.now))
    }
}

/// A golden file for a device that is named like this.
#[must_use]
pub fn write(device: &str, platform: Option<&str>, came: &[Came]) -> String {
    let platform = platform.map_or(String::new(), |p| format!("    platform: {p:?},\n"));
    format!(
        "// What this device does to each packet of the probe suite that it does not simply pass.\n\
         // `option30 check --update` on this file writes it anew.\n\
         Probes(\n    device: {device:?},\n{platform}{})\n",
        body(came)
    )
}

/// The fields after the device.
fn body(came: &[Came]) -> String {
    let mut out = String::from("    came: {\n");
    for came in came.iter().filter(|came| !came.lines.is_empty()) {
        let _ = match came.lines.as_slice() {
            [line] => writeln!(out, "        {:?}: [{line:?}],", came.probe),
            lines => {
                let lines: String = lines.iter().map(|l| format!("            {l:?},\n")).collect();
                writeln!(out, "        {:?}: [\n{lines}        ],", came.probe)
            }
        };
    }
    out.push_str("    },\n    untouched: [\n");
    for came in came.iter().filter(|came| came.lines.is_empty()) {
        let _ = writeln!(out, "        {:?},", came.probe);
    }
    out.push_str("    ],\n");
    out
}

/// What came otherwise, packet by packet.
fn otherwise(kept: &[String], now: &[String]) -> Vec<Otherwise> {
    let split = |line: &str| -> (String, String) {
        let mut words = line.splitn(3, ' ');
        let packet = format!("{} {}", words.next().unwrap_or(""), words.next().unwrap_or(""));
        (packet, words.next().unwrap_or("").to_owned())
    };
    let (kept, now): (Vec<_>, Vec<_>) =
        (kept.iter().map(|l| split(l)).collect(), now.iter().map(|l| split(l)).collect());
    let mut all = Vec::new();
    // Those that the device made have no number: the first is held against the first.
    let mut taken = vec![false; now.len()];
    let missing = |packet: &str| if packet.starts_with('+') { NOT_MADE } else { PASSED };
    for (packet, before) in &kept {
        let found = (0..now.len()).find(|&i| !taken[i] && now[i].0 == *packet);
        let is = found.map_or(missing(packet), |i| now[i].1.as_str());
        if let Some(found) = found {
            taken[found] = true;
        }
        if is != before {
            let (before, now) = (before.clone(), is.to_owned());
            all.push(Otherwise { packet: packet.clone(), before, now });
        }
    }
    for ((packet, is), _) in now.iter().zip(taken).filter(|(_, taken)| !taken) {
        let before = missing(packet).to_owned();
        all.push(Otherwise { packet: packet.clone(), before, now: is.clone() });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_otherwise_is_told_packet_by_packet() {
        let lines = |all: &[&str]| all.iter().map(|&l| l.to_owned()).collect::<Vec<_>>();
        let kept = lines(&["1 → MSS 1460 → MSS 1380", "2 ← dropped", "+ ← RST seq 1"]);
        let now = lines(&["1 → MSS 1460 → MSS 1380", "3 → dropped", "+ ← RST seq 2"]);
        let told = otherwise(&kept, &now);
        let told: Vec<_> =
            told.iter().map(|o| (o.packet.as_str(), o.before.as_str(), o.now.as_str())).collect();
        assert_eq!(
            told,
            [
                ("2 ←", "dropped", PASSED),
                ("+ ←", "RST seq 1", "RST seq 2"),
                ("3 →", PASSED, "dropped"),
            ]
        );
        assert!(otherwise(&kept, &kept).is_empty());
    }

    #[test]
    fn golden_files_are_told_from_scenarios() {
        assert!(is_golden("// a comment\n\nProbes(device: \"a\")"));
        assert!(!is_golden("// Probes(\nScenario(title: \"Probes\")"));
    }
}
