//! Golden files: what a device does to the probes, kept to be held against it later.
//!
//! ```ron
//! Probes(
//!     device: "../edge.cfg",
//!     came: {
//!         "option/MP_PRIO": ["4 6 → MP_PRIO backup → NOPs", "5 ← MP_PRIO backup → NOPs"],
//!     },
//! )
//! ```
//!
//! `came` has the packets, by their numbers in the probe, that were not simply passed: what is not in it
//! passed as it came. A file with `device` alone is filled when it is updated; what a user wrote around
//! it stays.

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
            let kept = self.kept.came.get(&came.probe).map_or(&[][..], Vec::as_slice);
            let otherwise = otherwise(kept, &came.lines);
            held.push(Held { probe: came.probe.clone(), line: self.line(&came.probe), otherwise });
        }
        let is_no_probe = |name: &&str| !self.now.iter().any(|came| came.probe == **name);
        for name in self.kept.came.names().filter(is_no_probe) {
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
        let lines: Vec<String> = grouped(&came.lines).iter().map(|l| format!("{l:?}")).collect();
        let short = format!("        {:?}: [{}],", came.probe, lines.join(", "));
        let _ = if lines.len() == 1 || short.chars().count() <= WIDTH {
            writeln!(out, "{short}")
        } else {
            let lines: String = lines.iter().map(|l| format!("            {l},\n")).collect();
            writeln!(out, "        {:?}: [\n{lines}        ],", came.probe)
        };
    }
    out + "    },\n"
}

/// Widest line of several packets.
const WIDTH: usize = 100;

/// The numbers of packets of which the same came, the direction, and that.
fn parts(line: &str) -> (Vec<&str>, &str, &str) {
    let mut numbers = Vec::new();
    let mut rest = line;
    while let Some((word, after)) = rest.split_once(' ') {
        rest = after;
        if matches!(word, "→" | "←") {
            return (numbers, word, rest);
        }
        numbers.push(word);
    }
    (numbers, "", rest)
}

/// Lines with those of one direction of which the same came in one: `4 6 → dropped`.
#[must_use]
pub fn grouped(lines: &[String]) -> Vec<String> {
    let mut groups: Vec<(Vec<&str>, &str, &str)> = Vec::new();
    for line in lines {
        let (numbers, arrow, what) = parts(line);
        match groups.iter_mut().find(|group| (group.1, group.2) == (arrow, what)) {
            Some(group) => group.0.extend(numbers),
            None => groups.push((numbers, arrow, what)),
        }
    }
    groups.iter().map(|(n, arrow, what)| format!("{} {arrow} {what}", n.join(" "))).collect()
}

/// What came otherwise, packet by packet.
fn otherwise(kept: &[String], now: &[String]) -> Vec<Otherwise> {
    let single = |lines: &[String]| -> Vec<(String, String)> {
        let each = lines.iter().flat_map(|line| {
            let (numbers, arrow, what) = parts(line);
            numbers.into_iter().map(move |n| (format!("{n} {arrow}"), what.to_owned()))
        });
        each.collect()
    };
    let (kept, now) = (single(kept), single(now));
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
        let alike = lines(&["4 → dropped", "5 ← dropped", "6 → dropped", "7 → gone"]);
        let grouped = grouped(&alike);
        assert_eq!(grouped, ["4 6 → dropped", "5 ← dropped", "7 → gone"]);
        assert!(otherwise(&grouped, &alike).is_empty());
    }

    #[test]
    fn golden_files_are_told_from_scenarios() {
        assert!(is_golden("// a comment\n\nProbes(device: \"a\")"));
        assert!(!is_golden("// Probes(\nScenario(title: \"Probes\")"));
    }
}
