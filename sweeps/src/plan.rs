//! A plan: from the number of a run to its settings and its seed.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use reports::sweep::Manifest;
use scenarios::{Base, Diagnostic};
use sim_core::rng::Stream;
use sim_core::time::SimDuration;

use crate::axis::{Axis, Case, Setting};

/// A sweep, read and checked.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What results folders store of it.
    pub manifest: Manifest,
    /// What the user should know, though it can run.
    pub warnings: Vec<Diagnostic>,
    pub(crate) axes: Vec<Axis>,
    pub(crate) common: Vec<Setting>,
    pub(crate) template: Template,
    pub(crate) bases: BTreeMap<PathBuf, Base>,
    pub(crate) seed: u64,
    pub(crate) paired: bool,
    pub(crate) window: Option<(SimDuration, SimDuration)>,
    pub(crate) series: Option<SimDuration>,
}

/// Everything that makes a run what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Number of the run, from 0.
    pub run: u64,
    /// Number of its point, from 0.
    pub point: u64,
    /// Seed.
    pub seed: u64,
    /// Labels of its values, one for each axis.
    pub values: Vec<String>,
    /// The scenario file.
    pub scenario: PathBuf,
    /// `KEY=VALUE` settings.
    pub settings: Vec<String>,
}

/// Path of the scenario, with places for values of axes.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    /// Text before each axis's label, by the axis's index.
    pub(crate) parts: Vec<(String, usize)>,
    /// Text after the last.
    pub(crate) end: String,
    /// Folder that it is relative to.
    pub(crate) folder: PathBuf,
}

impl Template {
    /// The path, with these labels in it.
    pub(crate) fn path(&self, label: impl Fn(usize) -> String) -> PathBuf {
        let mut name = String::new();
        for (before, axis) in &self.parts {
            name += before;
            name += &label(*axis);
        }
        name += &self.end;
        tidy(&self.folder.join(name))
    }
}

/// The path without `..` after a folder's name, where that is the same file.
fn tidy(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut short = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir
                if matches!(short.components().next_back(), Some(Component::Normal(_))) =>
            {
                short.pop();
            }
            Component::CurDir => {}
            other => short.push(other),
        }
    }
    // Past a link, `..` is somewhere else.
    let same = matches!((short.canonicalize(), path.canonicalize()), (Ok(a), Ok(b)) if a == b);
    if same { short } else { path.to_owned() }
}

impl Plan {
    /// Number of runs.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.manifest.runs()
    }

    /// A run: the same for everyone who asks.
    ///
    /// # Errors
    /// What cannot be drawn, with the job as far as it is known.
    pub fn job(&self, run: u64) -> Result<Job, (Job, String)> {
        let seeds = u64::from(self.manifest.seeds);
        let (point, repetition) = (run / seeds, run % seeds);
        let indices = self.indices(point);
        let fixed =
            self.axes.iter().zip(&indices).map(|(axis, &index)| Some(&axis.fixed()?[index]));
        let fixed: Vec<Option<&Case>> = fixed.collect();
        let seed = self.seed_of(&fixed, repetition);
        let scenario = self
            .template
            .path(|axis| fixed[axis].map(|case| case.label.clone()).unwrap_or_default());
        let mut job = Job { run, point, seed, values: Vec::new(), scenario, settings: Vec::new() };
        job.settings.extend(self.common.iter().map(|setting| setting.text.clone()));
        let mut fault = None;
        for (axis, fixed) in self.axes.iter().zip(fixed) {
            let drawn;
            let case = match fixed {
                Some(case) => case,
                None => {
                    let mut stream = Stream::new(seed, &format!("axis {}", axis.name));
                    drawn = axis.draw(&mut stream, &indices).unwrap_or_else(|error| {
                        fault.get_or_insert(format!("{}: {error}", axis.name));
                        Case { label: String::new(), settings: Vec::new() }
                    });
                    &drawn
                }
            };
            job.values.push(case.label.clone());
            job.settings.extend(case.settings.iter().map(|setting| setting.text.clone()));
        }
        match fault {
            Some(fault) => Err((job, fault)),
            None => Ok(job),
        }
    }

    /// The numbers of the fixed axes' values at a point (0 for the others): the last changes fastest.
    pub(crate) fn indices(&self, mut point: u64) -> Vec<usize> {
        let mut indices = vec![0; self.axes.len()];
        for (index, axis) in indices.iter_mut().zip(&self.axes).rev() {
            if let Some(cases) = axis.fixed() {
                let count = cases.len() as u64;
                *index = (point % count) as usize;
                point /= count;
            }
        }
        indices
    }

    /// The seed follows from the values' names, so that adding a value changes no other's luck. It has
    /// 53 bits: programs that read numbers as floats read it right.
    fn seed_of(&self, fixed: &[Option<&Case>], repetition: u64) -> u64 {
        let mut name = format!("run {repetition}");
        if !self.paired {
            for (axis, case) in self.axes.iter().zip(fixed) {
                if let Some(case) = case {
                    name += &format!("\0{}\0{}", axis.name, case.label);
                }
            }
        }
        Stream::new(self.seed, &name).next_u64() >> 11
    }
}

/// A part of a sweep: every so many-th run. Written `I/N`, from `1/N` to `N/N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u64,
    count: u64,
}

impl Shard {
    /// Everything.
    pub const ALL: Self = Self { index: 1, count: 1 };

    /// Part `index` of `count`, from 1.
    #[must_use]
    pub const fn new(index: u64, count: u64) -> Option<Self> {
        if index >= 1 && index <= count { Some(Self { index, count }) } else { None }
    }

    /// Into how many parts the sweep is divided.
    #[must_use]
    pub const fn count(self) -> u64 {
        self.count
    }

    /// Whether a run is in this part.
    #[must_use]
    pub const fn has(self, run: u64) -> bool {
        run % self.count == self.index - 1
    }

    /// Whether a run can be in both parts: their numbers agree in what their counts share.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        let (mut a, mut b) = (self.count, other.count);
        while b > 0 {
            (a, b) = (b, a % b);
        }
        self.index % a == other.index % a
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/');
        let shard = numbers.and_then(|(index, count)| {
            Self::new(index.trim().parse().ok()?, count.trim().parse().ok()?)
        });
        shard.ok_or_else(|| "a part is I/N, from 1/N to N/N, such as 3/100".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_all_runs_once() {
        for count in 1..6 {
            let shards: Vec<Shard> = (1..=count).map(|i| Shard::new(i, count).unwrap()).collect();
            for run in 0..30 {
                assert_eq!(shards.iter().filter(|shard| shard.has(run)).count(), 1);
            }
        }
        for (text, good) in [
            ("1/1", true),
            ("3/100", true),
            ("0/2", false),
            ("3/2", false),
            ("1", false),
            ("a/b", false),
        ] {
            assert_eq!(text.parse::<Shard>().is_ok(), good, "{text}");
        }
    }

    #[test]
    fn parts_meet_where_a_run_is_in_both() {
        let all: Vec<Shard> =
            (1..7).flat_map(|n| (1..=n).filter_map(move |i| Shard::new(i, n))).collect();
        for a in &all {
            for b in &all {
                let meet = (0..60).any(|run| a.has(run) && b.has(run));
                assert_eq!(a.meets(*b), meet, "{a} {b}");
            }
        }
    }
}
