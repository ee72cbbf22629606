//! From a file to a scenario that can run.

use std::path::{Path, PathBuf};

use sim_core::time::SimDuration;

use crate::check::check;
use crate::device_config::{DeviceConfigs, reason};
use crate::diagnostic::{Diagnostic, Severity, Source};
use crate::overrides::Override;
use crate::read::read;
use crate::schema::Scenario;
use crate::tree::Node;

/// A scenario, read and checked.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Path of its file, as given.
    pub path: PathBuf,
    /// Its name: the file's, without the extension.
    pub name: String,
    /// What the file says, with the overrides.
    pub scenario: Scenario,
    /// What the user should know, though it can run.
    pub warnings: Vec<Diagnostic>,
    /// Measure finely, for charts? (Off unless set.)
    pub observe: bool,
    /// Keep every packet for captures? (Off unless set: it costs memory.)
    pub capture: bool,
    /// Keep the packets that tell the connections' stories, for explanations and ladders?
    pub watch: bool,
    /// Keep the headers of every packet at the hosts? (Off unless set; `capture` keeps more.)
    pub capture_heads: bool,
    /// Simulate the hosts that a live run makes the kernel's as Linux hosts, whatever their profile
    /// ([`sim_core::mptcp::config::HostConfig::in_linux`])? (Off unless set.)
    pub as_live: bool,
    /// Length of the intervals of the recorded series; none: 100 ms.
    pub sample_interval: Option<SimDuration>,
    /// The overrides, as given.
    pub(crate) overrides: Vec<String>,
    pub(crate) configs: DeviceConfigs,
    pub(crate) source: Source,
    pub(crate) tree: Node,
}

impl Loaded {
    /// The scenario's text, with the overrides in it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.source.text
    }

    /// The configuration texts of its devices: the file as the scenario names it, and what it says.
    pub fn configurations(&self) -> impl Iterator<Item = (&str, &str)> {
        self.configs.texts()
    }
}

/// A scenario file as it was read, to be loaded once or many times, each time with other settings.
#[derive(Clone, Debug)]
pub struct Base {
    path: PathBuf,
    source: Source,
    tree: Node,
}

/// A scenario with the text and the tree that it was read from, and what was found in it.
struct Checked {
    source: Source,
    scenario: Scenario,
    tree: Node,
    found: Vec<Diagnostic>,
}

impl Base {
    /// Reads a scenario file and checks it, but for the configurations that it names.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(path: &Path) -> Result<Self, Vec<Diagnostic>> {
        let source = read_file(path).map_err(|fault| vec![*fault])?;
        let (scenario, tree) = read::<Scenario>(&source).map_err(|fault| vec![*fault])?;
        let found = check(&scenario, &source, &tree);
        if has_errors(&found) {
            return Err(found);
        }
        Ok(Self { path: path.to_owned(), source, tree })
    }

    /// Its text, as it stands in the file.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.source.text
    }

    /// The scenario with `overrides`, which are `KEY=VALUE` settings ([`crate::overrides`]): they are
    /// put in one after the other, and what comes out of all together is checked.
    ///
    /// # Errors
    /// Everything that is wrong with it, errors and warnings. Nothing has been run or written.
    pub fn with(&self, overrides: &[String]) -> Result<Loaded, Vec<Diagnostic>> {
        let checked = self.together(overrides).map_err(|fault| vec![*fault]).and_then(|checked| {
            match has_errors(&checked.found) {
                true => Err(checked.found),
                false => Ok(checked),
            }
        });
        let Checked { source, scenario, tree, mut found } =
            checked.map_err(|faults| self.blame(overrides).unwrap_or(faults))?;
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let configs = DeviceConfigs::read(&scenario, folder, &source, &tree)?;
        let mut faults = Vec::new();
        for (name, spec) in &scenario.devices.0 {
            match configs.build(&scenario, 0, name, spec) {
                Ok(built) => found.extend(configs.shown(name, &built.warnings)),
                Err(errors) => faults.extend(errors),
            }
        }
        faults.extend(configs.check_farm(&scenario, &source, &tree).unwrap_or_default());
        if !faults.is_empty() {
            faults.extend(found);
            return Err(faults);
        }
        Ok(Loaded {
            path: self.path.clone(),
            name: self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            scenario,
            warnings: found,
            observe: false,
            capture: false,
            watch: false,
            capture_heads: false,
            as_live: false,
            sample_interval: None,
            overrides: overrides.to_vec(),
            configs,
            source,
            tree,
        })
    }

    /// The text with all settings in it, read and checked once.
    fn together(&self, overrides: &[String]) -> Result<Checked, Box<Diagnostic>> {
        let mut source = self.source.clone();
        let mut tree = None;
        for argument in overrides {
            let setting = Override::parse(argument)?;
            let text = setting.apply(&source.text, tree.as_ref().unwrap_or(&self.tree))?;
            let read = Node::read(&text);
            source.text = text.into();
            match read {
                Ok(read) => tree = Some(read),
                // What is not RON any more is told by the reader, below.
                Err(_) => break,
            }
        }
        let (scenario, tree) = read::<Scenario>(&source)?;
        let found = check(&scenario, &source, &tree);
        Ok(Checked { source, scenario, tree, found })
    }

    /// What is wrong with the first setting after which something is wrong, told of that setting.
    fn blame(&self, overrides: &[String]) -> Option<Vec<Diagnostic>> {
        (1..=overrides.len()).find_map(|count| {
            let setting = match Override::parse(&overrides[count - 1]) {
                Ok(setting) => setting,
                Err(fault) => return Some(vec![*fault]),
            };
            let mut found = match self.together(&overrides[..count]) {
                Ok(checked) => checked.found,
                // What is wrong with a key is said of the setting already.
                Err(fault) if fault.file == crate::overrides::ARGUMENT => {
                    return Some(vec![*fault]);
                }
                Err(fault) => vec![*fault],
            };
            found.retain(|diagnostic| diagnostic.severity == Severity::Error);
            let blamed: Vec<Diagnostic> =
                found.into_iter().map(|fault| setting.blame(fault)).collect();
            (!blamed.is_empty()).then_some(blamed)
        })
    }
}

/// Reads a scenario file, the configurations that it names included, and checks it. `overrides` are
/// `KEY=VALUE` settings ([`crate::overrides`]).
///
/// # Errors
/// Everything that is wrong with it, errors and warnings. Nothing has been run or written.
pub fn load(path: &Path, overrides: &[String]) -> Result<Loaded, Vec<Diagnostic>> {
    Base::read(path)?.with(overrides)
}

fn has_errors(found: &[Diagnostic]) -> bool {
    found.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
}

/// Reads a text file for messages to point into.
///
/// # Errors
/// It cannot be read, or is not UTF-8.
pub fn read_file(path: &Path) -> Result<Source, Box<Diagnostic>> {
    let file = path.display().to_string();
    let fault = |message: String| Box::new(Diagnostic::of_file(&file, message));
    let bytes = std::fs::read(path)
        .map_err(|error| fault(format!("cannot read {file}: {}", reason(&error))))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source { file: file.clone(), text: text.into() }),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let lines = error.as_bytes()[..valid].iter().filter(|&&byte| byte == b'\n').count();
            Err(fault(format!("{file} is not UTF-8 text: line {} has other bytes", lines + 1)))
        }
    }
}

/// The scenario files that `paths` name: files as they are, folders walked in the order of names for
/// `*.ron`, except folders called `configs` and hidden ones.
///
/// # Errors
/// A diagnostic for each path that is not there, cannot be read, or holds no scenario.
pub fn discover(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Vec<Diagnostic>> {
    let (mut files, mut faults) = (Vec::new(), Vec::new());
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let before = files.len();
        if let Err((folder, error)) = walk(path, &mut files) {
            let file = folder.display().to_string();
            let message = format!("cannot read the folder {file}: {}", reason(&error));
            faults.push(Diagnostic::of_file(&file, message));
        } else if files.len() == before {
            let file = path.display().to_string();
            let message = format!("no scenario (*.ron) in the folder {file}");
            faults.push(Diagnostic::of_file(&file, message));
        }
    }
    if faults.is_empty() { Ok(files) } else { Err(faults) }
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), (PathBuf, std::io::Error)> {
    let failed = |error| (folder.to_owned(), error);
    let mut entries = std::fs::read_dir(folder)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(failed)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name());
        // The kind of the entry itself: a link to a folder above would never end.
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let is_hidden = name.to_string_lossy().starts_with('.');
        if is_folder && !is_hidden && name != "configs" {
            walk(&path, files)?;
        } else if !is_folder && path.extension().is_some_and(|extension| extension == "ron") {
            files.push(path);
        }
    }
    Ok(())
}
