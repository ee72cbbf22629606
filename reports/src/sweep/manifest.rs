//! What a sweep is: `sweep.json` of its results folder.

use serde::{Deserialize, Serialize};

use super::{Question, Unit};

/// A sweep, as far as those need to know who read its results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the schema of the rows.
    pub schema: u32,
    /// Version of option30 that runs it.
    pub option30: String,
    /// Hash of everything that the runs follow from: two sweeps of one hash have the same runs.
    pub hash: String,
    /// Name: the sweep file's, without the extension.
    pub name: String,
    /// Title.
    pub title: String,
    /// Path of the sweep file, as it was given.
    pub file: String,
    /// Axes, in the order of the file.
    pub axes: Vec<AxisInfo>,
    /// Number of points: combinations of the values of the fixed axes.
    pub points: u64,
    /// Runs of each point.
    pub seeds: u32,
    /// What is asked of the results. They do not change the runs.
    pub questions: Vec<Question>,
}

/// An axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AxisInfo {
    /// Name.
    pub name: String,
    /// What its values count, where they are numbers.
    pub unit: Option<Unit>,
    /// Labels of its values, in the order of the file; none: drawn anew for every run.
    pub values: Option<Vec<String>>,
}

impl AxisInfo {
    /// Its name and unit, as beside a chart: `loss, %`.
    #[must_use]
    pub fn heading(&self) -> String {
        match self.unit.map(Unit::word) {
            None | Some("") => self.name.clone(),
            Some(word) => format!("{}, {word}", self.name),
        }
    }

    /// Name of its column in a data set: `axis_loss_percent`.
    #[must_use]
    pub fn column(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
        let name: String = self.name.chars().map(plain).collect();
        format!("axis_{name}{}", self.unit.map_or("", Unit::suffix))
    }
}

impl Manifest {
    /// Number of runs.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.points * u64::from(self.seeds)
    }

    /// Index of the axis of this name.
    #[must_use]
    pub fn axis(&self, name: &str) -> Option<usize> {
        self.axes.iter().position(|axis| axis.name == name)
    }

    /// What is asked: what the sweep file asks, or what is nearly always worth asking.
    #[must_use]
    pub fn questions(&self) -> Vec<Question> {
        if self.questions.is_empty() { Question::usual(&self.axes) } else { self.questions.clone() }
    }
}
