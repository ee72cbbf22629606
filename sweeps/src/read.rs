//! From a sweep file to a plan, and what is wrong with it, at its place in the text.
//!
//! Every value of every axis is tried in its scenario, with the first values of the others, before
//! anything runs. What is wrong only with some combinations, or with some random values, becomes a
//! row with an error.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use reports::sweep::{Manifest, Question, SCHEMA};
use scenarios::diagnostic::Source;
use scenarios::overrides::ARGUMENT;
use scenarios::tree::{Kind, Node, Step};
use scenarios::{Base, Diagnostic, Loaded, Severity};
use sha2::{Digest, Sha256};

use crate::axis::{Axis, Case, Setting, Values};
use crate::file::Sweep;
use crate::plan::{Plan, Template};
use crate::runner::{add, fingerprint, in_hex};

mod axes;
mod questions;

/// Most runs of a sweep: beyond, even what is kept per run would fill memories.
const RUNS_MAX: u64 = 10_000_000;
/// Most scenario files of a sweep.
const SCENARIOS_MAX: usize = 1000;

/// Errors with their places.
type Faults = Vec<Diagnostic>;

/// A sweep file with the places of what it says.
pub(crate) struct Reader<'a> {
    pub(crate) sweep: &'a Sweep,
    pub(crate) source: &'a Source,
    pub(crate) tree: &'a Node,
}

impl Plan {
    /// Reads a sweep file and the scenarios that it names, and tries every value.
    ///
    /// # Errors
    /// Everything that is wrong with it. Nothing has been run or written.
    pub fn read(path: &Path) -> Result<Self, Vec<Diagnostic>> {
        let source = scenarios::load::read_file(path).map_err(|fault| vec![*fault])?;
        let (sweep, tree) =
            scenarios::read::read::<Sweep>(&source).map_err(|fault| vec![*fault])?;
        Reader { sweep: &sweep, source: &source, tree: &tree }.plan(path)
    }
}

impl Reader<'_> {
    pub(crate) fn at(&self, steps: &[Step<'_>], message: impl Into<String>) -> Diagnostic {
        Diagnostic::at(self.source, self.tree.nearest(steps).span.clone(), message)
    }

    fn plan(&self, path: &Path) -> Result<Plan, Faults> {
        let mut faults = self.numbers();
        let axes = self.axes(&mut faults);
        faults.extend(self.questions(&axes));
        let template = self.template(path, &axes).map_err(|fault| faults.push(*fault)).ok();
        let points = axes
            .iter()
            .filter_map(|axis| axis.fixed().map(Vec::len))
            .fold(1u64, |points, count| points.saturating_mul(count as u64));
        let runs = points.saturating_mul(u64::from(self.sweep.seeds()));
        if runs > RUNS_MAX {
            let message =
                format!("{points} points with {} runs each are too many", self.sweep.seeds());
            let fault = self.at(&[Step::Key("axes")], message);
            faults.push(fault.label(format!("at most {RUNS_MAX} runs in all")));
        }
        let (true, Some(template)) = (faults.is_empty(), template) else { return Err(faults) };
        let bases = self.bases(&template, &axes)?;
        let common = axes::settings(self, self.tree.step(Step::Key("set")));
        let manifest = Manifest {
            schema: SCHEMA,
            option30: env!("CARGO_PKG_VERSION").into(),
            hash: String::new(),
            name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            title: self.sweep.title.clone(),
            file: path.display().to_string(),
            axes: axes.iter().map(Axis::info).collect(),
            points,
            seeds: self.sweep.seeds(),
            questions: self.sweep.report.clone(),
        };
        let mut plan = Plan {
            manifest,
            warnings: Vec::new(),
            axes,
            common,
            template,
            bases,
            seed: self.sweep.seed.unwrap_or(scenarios::DEFAULT_SEED),
            paired: self.sweep.paired,
            window: self.sweep.window,
            series: self.sweep.series,
        };
        let mut hash = self.hash(&plan);
        self.trials(&mut plan, &mut hash)?;
        plan.manifest.hash = in_hex(hash);
        Ok(plan)
    }

    /// What is wrong with the numbers of the file's top.
    fn numbers(&self) -> Faults {
        let mut faults = Vec::new();
        if self.sweep.seeds == Some(0) {
            let fault = self.at(&[Step::Key("seeds")], "a sweep without runs shows nothing");
            faults.push(fault.label("at least 1"));
        }
        if let Some((from, to)) = self.sweep.window
            && from >= to
        {
            let fault =
                self.at(&[Step::Key("window")], format!("the time from {from} to {to} is empty"));
            faults.push(fault.label("the first must be the earlier one"));
        }
        if self.sweep.series.is_some_and(|interval| interval.as_nanos() == 0) {
            let fault = self.at(&[Step::Key("series")], "an interval of 0 s is none");
            faults.push(fault.label("here"));
        }
        faults
    }

    /// The scenario's path, cut where axes stand in it.
    fn template(&self, path: &Path, axes: &[Axis]) -> Result<Template, Box<Diagnostic>> {
        let here = [Step::Key("scenario")];
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let mut template = Template { parts: Vec::new(), end: String::new(), folder };
        let mut rest = self.sweep.scenario.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                let fault = self.at(&here, "this `{` is not closed");
                return Err(Box::new(fault.label("an axis stands in braces: {name}")));
            };
            let Some(axis) = axes.iter().position(|axis| axis.name == name) else {
                let fault = self.at(&here, format!("there is no axis \"{name}\""));
                let names = axes.iter().map(|axis| axis.name.as_str());
                return Err(Box::new(fault.label("named here").suggest(name, names)));
            };
            if axes[axis].fixed().is_none() {
                let fault = self.at(&here, format!("the values of \"{name}\" are drawn at random"));
                return Err(Box::new(fault.label("only List, Range and Cases can name scenarios")));
            }
            template.parts.push((before.to_owned(), axis));
            rest = after;
        }
        template.end = rest.to_owned();
        Ok(template)
    }

    /// Every scenario file that the sweep can name.
    fn bases(&self, template: &Template, axes: &[Axis]) -> Result<BTreeMap<PathBuf, Base>, Faults> {
        let named: BTreeSet<usize> = template.parts.iter().map(|(_, axis)| *axis).collect();
        let mut combinations: Vec<BTreeMap<usize, String>> = vec![BTreeMap::new()];
        for axis in named {
            let cases = axes[axis].fixed().map(Vec::as_slice).unwrap_or_default();
            combinations = combinations
                .iter()
                .flat_map(|chosen| {
                    cases.iter().map(move |case| {
                        let mut chosen = chosen.clone();
                        chosen.insert(axis, case.label.clone());
                        chosen
                    })
                })
                .take(SCENARIOS_MAX + 1)
                .collect();
        }
        if combinations.len() > SCENARIOS_MAX {
            let fault = self.at(&[Step::Key("scenario")], "too many scenario files");
            return Err(vec![fault.label(format!("at most {SCENARIOS_MAX}"))]);
        }
        let (mut bases, mut faults) = (BTreeMap::new(), Vec::new());
        for chosen in combinations {
            let path = template.path(|axis| chosen.get(&axis).cloned().unwrap_or_default());
            match Base::read(&path) {
                Ok(base) => drop(bases.insert(path, base)),
                Err(found) if found.iter().all(|fault| fault.place.is_none()) => {
                    let messages = found.into_iter().map(|fault| fault.message);
                    faults.extend(messages.map(|message| {
                        self.at(&[Step::Key("scenario")], message).label("named here")
                    }));
                }
                Err(found) => faults.extend(found),
            }
        }
        if faults.is_empty() { Ok(bases) } else { Err(faults) }
    }

    /// Hash of what all runs follow from; that of the scenarios is added by the trials.
    fn hash(&self, plan: &Plan) -> Sha256 {
        let mut hash = Sha256::new();
        add(&mut hash, &format!("sweep {SCHEMA} {} {}", plan.manifest.option30, plan.seed));
        add(&mut hash, &format!("{} {} {:?}", plan.manifest.seeds, plan.paired, plan.window));
        add(&mut hash, &format!("{:?} {}", plan.series, self.sweep.scenario));
        for part in ["set", "axes"] {
            let span = self.tree.step(Step::Key(part)).map(|node| node.span.clone());
            add(&mut hash, span.map_or("", |span| &self.source.text[span]));
        }
        hash
    }

    /// Tries every value of every axis, and adds what it loads to the hash.
    fn trials(&self, plan: &mut Plan, hash: &mut Sha256) -> Result<(), Faults> {
        let first: Vec<Case> = plan
            .axes
            .iter()
            .map(|axis| axis.samples().into_iter().next())
            .map(|case| case.unwrap_or(Case { label: String::new(), settings: Vec::new() }))
            .collect();
        let mut faults = Vec::new();
        let loaded = self.trial(plan, &first, hash)?;
        plan.warnings.extend(loaded.warnings);
        for (k, axis) in plan.axes.iter().enumerate() {
            let named = plan.template.parts.iter().any(|(_, axis)| *axis == k);
            for case in axis.samples().into_iter().skip(1) {
                if case.settings.is_empty() && !named {
                    continue;
                }
                let mut cases = first.clone();
                cases[k] = case;
                faults.extend(self.trial(plan, &cases, hash).err().into_iter().flatten());
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    fn trial(&self, plan: &Plan, cases: &[Case], hash: &mut Sha256) -> Result<Loaded, Faults> {
        let path = plan.template.path(|axis| cases[axis].label.clone());
        let settings: Vec<&Setting> =
            plan.common.iter().chain(cases.iter().flat_map(|case| &case.settings)).collect();
        let texts: Vec<String> = settings.iter().map(|setting| setting.text.clone()).collect();
        let base = plan.bases.get(&path).ok_or_else(|| {
            vec![Diagnostic::of_file(&path.display().to_string(), "this scenario was not read")]
        })?;
        let told = |fault: Diagnostic| self.of_setting(fault, &settings);
        let loaded = base.with(&texts).map_err(|faults| {
            let is_error = |fault: &Diagnostic| fault.severity == Severity::Error;
            faults.into_iter().filter(is_error).map(told).collect::<Faults>()
        })?;
        add(hash, &fingerprint(&loaded));
        Ok(loaded)
    }

    /// What is wrong with a setting, told of the sweep file that it stands in.
    fn of_setting(&self, fault: Diagnostic, settings: &[&Setting]) -> Diagnostic {
        let Some((text, span)) = fault.place.as_ref().filter(|_| fault.file == ARGUMENT) else {
            return fault;
        };
        let Some(setting) = settings.iter().find(|setting| *setting.text == **text) else {
            return fault;
        };
        let key_len = text.find('=').unwrap_or(0);
        let place = match (span.start < key_len, self.source.text.get(setting.value.clone())) {
            (true, _) => setting.key.clone(),
            // The text is the file's, so what is wrong in it is there, too.
            (false, Some(value)) if text[key_len + 1..] == *value => {
                let start = setting.value.start + span.start.saturating_sub(key_len + 1);
                start..(start + span.len()).min(setting.value.end)
            }
            (false, _) => setting.value.clone(),
        };
        let place = Some((self.source.text.clone(), place));
        let note = format!("as --set '{text}'");
        Diagnostic { file: self.source.file.clone(), place, ..fault }.note(note)
    }

    /// Text of a node.
    pub(crate) fn text(&self, node: &Node) -> &str {
        &self.source.text[node.span.clone()]
    }

    /// Where an axis is named.
    pub(crate) fn name_span(&self, axis: usize) -> Range<usize> {
        let node = self.tree.nearest(&[Step::Key("axes"), Step::Index(axis)]);
        let by_name = node.step(Step::Key("name")).or_else(|| node.step(Step::Index(0)));
        by_name.unwrap_or(node).span.clone()
    }
}

/// Entries of a map in the text: key and value.
pub(crate) fn entries(node: Option<&Node>) -> &[(Node, Node)] {
    match node.map(|node| &node.kind) {
        Some(Kind::Map(entries)) => entries,
        _ => &[],
    }
}

impl Axis {
    /// True when a question can ask for each of its values.
    pub(crate) const fn has_groups(&self) -> bool {
        !matches!(self.values, Values::Random(..))
    }
}

/// Checks that are about questions only.
pub(crate) fn axes_of(question: &Question) -> Vec<(&'static str, usize, &str)> {
    match question {
        Question::Verdicts { by, .. } => {
            by.iter().enumerate().map(|(k, name)| ("by", k, name.as_str())).collect()
        }
        Question::Mean { over, by, .. } => {
            let by = by.iter().map(|name| ("by", 0, name.as_str()));
            std::iter::once(("over", 0, over.as_str())).chain(by).collect()
        }
        Question::Spread { by, .. } => by.iter().map(|name| ("by", 0, name.as_str())).collect(),
    }
}
