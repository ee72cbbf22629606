//! Stored rows: a folder that any number of processes write into, and that is right whenever any of
//! them dies.
//!
//! Every process appends to a file of its own, which nobody else ever writes, a row at a time. A row
//! that was cut off by the end of its process has no line break: readers leave it out, and its run is
//! run again. So there is nothing to lock and nothing to mend.
//!
//! ```text
//! sweep.json                  what the sweep is (reports::sweep::Manifest)
//! parts/part-3-of-8.1.jsonl   rows of part 3/8, of the first process that ran it
//! parts/part-3-of-8.2.jsonl   … of the second, after the first had died
//! ```

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use reports::sweep::Manifest;
use serde::de::IgnoredAny;

use crate::plan::Shard;

/// What says what a folder's sweep is.
const MANIFEST: &str = "sweep.json";
/// Folder of the rows as they come.
const PARTS: &str = "parts";
/// All rows, after a merge.
pub(crate) const RUNS: &str = "runs.jsonl";
/// More processes than this for one part are no accident.
const ATTEMPTS_MAX: u32 = 100_000;

/// Why results cannot be stored or read.
#[derive(Debug)]
pub enum StoreError {
    /// The folder holds something, but no sweep.
    NotASweep {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder holds the results of another sweep.
    OtherSweep {
        /// The folder.
        folder: PathBuf,
        /// What stands there.
        there: Box<Manifest>,
        /// What was to be stored.
        wanted: Box<Manifest>,
    },
    /// There are results already, and nobody said to go on with them.
    HasRuns {
        /// The folder.
        folder: PathBuf,
        /// Number of runs that are stored.
        stored: u64,
    },
    /// The operating system refused.
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotASweep { folder } => {
                let folder = folder.display();
                write!(f, "{folder} is not the results folder of a sweep (it has no {MANIFEST})")
            }
            Self::OtherSweep { folder, there, wanted } if there.option30 != wanted.option30 => {
                write!(
                    f,
                    "{} holds runs of option30 {}, this is {}: their results need not agree; choose \
                     another folder with --out",
                    folder.display(),
                    there.option30,
                    wanted.option30
                )
            }
            Self::OtherSweep { folder, there, .. } => write!(
                f,
                "{} holds runs of another sweep, \"{}\": its scenario, axes or seeds differ from \
                 those of the file as it is now; choose another folder with --out",
                folder.display(),
                there.title
            ),
            Self::HasRuns { folder, stored } => write!(
                f,
                "{} holds {stored} runs of this sweep already: go on with --resume, or choose \
                 another folder with --out",
                folder.display()
            ),
            Self::Io { action, path, error } => {
                write!(f, "cannot {action} {}: {error}", path.display())
            }
        }
    }
}

impl std::error::Error for StoreError {}

pub(crate) fn attempt<T>(
    action: &'static str,
    path: &Path,
    result: io::Result<T>,
) -> Result<T, StoreError> {
    result.map_err(|error| StoreError::Io { action, path: path.to_owned(), error })
}

/// A results folder.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

/// Which runs are stored: a bit for each.
#[derive(Clone, Debug)]
pub struct Stored {
    bits: Vec<u64>,
    count: u64,
}

impl Stored {
    /// None of so many.
    #[must_use]
    pub fn none(runs: u64) -> Self {
        Self { bits: vec![0; (runs as usize).div_ceil(64)], count: 0 }
    }

    /// Number of runs that are stored.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Whether a run is stored.
    #[must_use]
    pub fn has(&self, run: u64) -> bool {
        self.bits.get((run / 64) as usize).is_some_and(|word| word >> (run % 64) & 1 == 1)
    }

    fn add(&mut self, run: u64) {
        if let Some(word) = self.bits.get_mut((run / 64) as usize) {
            let bit = 1 << (run % 64);
            self.count += u64::from(*word & bit == 0);
            *word |= bit;
        }
    }
}

impl Store {
    /// The folder for the results of a sweep; made when it is not there.
    ///
    /// # Errors
    /// It holds something else, or the operating system refuses.
    pub fn create(folder: &Path, manifest: &Manifest) -> Result<Self, StoreError> {
        let store = Self { folder: folder.to_owned() };
        let parts = folder.join(PARTS);
        match store.manifest() {
            Ok(there) if there.hash != manifest.hash => {
                let (there, wanted) = (Box::new(there), Box::new(manifest.clone()));
                return Err(StoreError::OtherSweep { folder: folder.to_owned(), there, wanted });
            }
            // The questions may have changed, and nothing else.
            Ok(there) if there == *manifest => {}
            Ok(_) => store.write_manifest(manifest)?,
            Err(StoreError::NotASweep { .. }) => {
                let mut entries = match fs::read_dir(folder) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                    entries => Some(attempt("read", folder, entries)?),
                };
                // Another process may be about to write the manifest of the same sweep.
                let is_alien = |entry: io::Result<fs::DirEntry>| {
                    entry.is_ok_and(|entry| {
                        let name = entry.file_name();
                        let name = name.to_string_lossy();
                        name != PARTS && !name.starts_with(MANIFEST)
                    })
                };
                if entries.as_mut().is_some_and(|entries| entries.any(is_alien)) {
                    return Err(StoreError::NotASweep { folder: folder.to_owned() });
                }
                attempt("create", &parts, fs::create_dir_all(&parts))?;
                store.write_manifest(manifest)?;
            }
            Err(error) => return Err(error),
        }
        attempt("create", &parts, fs::create_dir_all(&parts))?;
        Ok(store)
    }

    /// A folder that is there.
    ///
    /// # Errors
    /// It holds no sweep.
    pub fn open(folder: &Path) -> Result<(Self, Manifest), StoreError> {
        let store = Self { folder: folder.to_owned() };
        let manifest = store.manifest()?;
        Ok((store, manifest))
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn manifest(&self) -> Result<Manifest, StoreError> {
        let path = self.folder.join(MANIFEST);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|_| StoreError::NotASweep { folder: self.folder.clone() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(StoreError::NotASweep { folder: self.folder.clone() })
            }
            Err(error) => attempt("read", &path, Err(error)),
        }
    }

    fn write_manifest(&self, manifest: &Manifest) -> Result<(), StoreError> {
        let json = serde_json::to_string_pretty(manifest).unwrap_or_default() + "\n";
        write_whole(&self.folder.join(MANIFEST), |file| file.write_all(json.as_bytes()))
    }

    /// A new file for the rows of a part, for this process alone.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn part(&self, shard: Shard) -> Result<Part, StoreError> {
        let name = shard.to_string().replace('/', "-of-");
        let mut number = 1;
        loop {
            let path = self.folder.join(PARTS).join(format!("part-{name}.{number}.jsonl"));
            match File::create_new(&path) {
                Ok(file) => return Ok(Part { file, path }),
                Err(error)
                    if error.kind() == io::ErrorKind::AlreadyExists && number < ATTEMPTS_MAX =>
                {
                    number += 1;
                }
                Err(error) => return attempt("create", &path, Err(error)),
            }
        }
    }

    /// The files with rows that a part can have, in the order of their names. Once the parts were
    /// deleted, the merged rows stand for them.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn files(&self, shard: Shard) -> Result<Vec<PathBuf>, StoreError> {
        let parts = self.folder.join(PARTS);
        let entries = match fs::read_dir(&parts) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let runs = self.folder.join(RUNS);
                return Ok(if runs.exists() { vec![runs] } else { Vec::new() });
            }
            entries => attempt("read", &parts, entries)?,
        };
        let mut files = Vec::new();
        for entry in entries {
            let name = attempt("read", &parts, entry)?.file_name();
            let name = name.to_string_lossy();
            if name.ends_with(".jsonl") && shard_of(&name).is_none_or(|of| of.meets(shard)) {
                files.push(parts.join(&*name));
            }
        }
        files.sort();
        Ok(files)
    }

    /// The runs of a part that are stored.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn stored(&self, runs: u64, shard: Shard) -> Result<Stored, StoreError> {
        let mut stored = Stored::none(runs);
        for path in self.files(shard)? {
            read_rows(&path, |run, _, _| {
                if run < runs && shard.has(run) {
                    stored.add(run);
                }
            })?;
        }
        Ok(stored)
    }
}

/// The part that a file's name says: `part-3-of-8.1.jsonl`.
pub(crate) fn shard_of(name: &str) -> Option<Shard> {
    let (index, rest) = name.strip_prefix("part-")?.split_once("-of-")?;
    Shard::new(index.parse().ok()?, rest.split('.').next()?.parse().ok()?)
}

/// A file that grows row by row.
#[derive(Debug)]
pub struct Part {
    file: File,
    path: PathBuf,
}

impl Part {
    /// Appends a row, which ends in a line break.
    ///
    /// # Errors
    /// The operating system refuses; what it wrote of the row is no row.
    pub fn append(&mut self, line: &str) -> Result<(), StoreError> {
        attempt("write", &self.path, self.file.write_all(line.as_bytes()))
    }
}

/// Calls `row` with the number, the text and the offset of every whole row of a file; the number of
/// lines that are no rows comes back.
pub(crate) fn read_rows(
    path: &Path,
    mut row: impl FnMut(u64, &[u8], u64),
) -> Result<u64, StoreError> {
    let file = attempt("read", path, File::open(path))?;
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let (mut line, mut offset, mut broken) = (Vec::new(), 0, 0);
    loop {
        line.clear();
        let length = attempt("read", path, reader.read_until(b'\n', &mut line))?;
        if length == 0 {
            return Ok(broken);
        }
        match number(&line) {
            Some(run) => row(run, &line, offset),
            None => broken += 1,
        }
        offset += length as u64;
    }
}

/// The number of the run that a line is; `None` for what is no whole row.
fn number(line: &[u8]) -> Option<u64> {
    let json = line.strip_suffix(b"\n")?;
    let digits = json.strip_prefix(b"{\"run\":")?;
    let end = digits.iter().position(|byte| *byte == b',')?;
    let run = std::str::from_utf8(&digits[..end]).ok()?.parse().ok()?;
    // A machine that lost its power may have written anything.
    serde_json::from_slice::<IgnoredAny>(json).ok()?;
    Some(run)
}

/// Writes a file whole or not at all.
pub(crate) fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), StoreError> {
    let mut number = 1;
    let (fresh, mut file) = loop {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}.new"));
        match File::create_new(&name) {
            Ok(file) => break (PathBuf::from(name), file),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < ATTEMPTS_MAX => {
                number += 1;
            }
            Err(error) => return attempt("create", path, Err(error)),
        }
    };
    let written = write(&mut file).and_then(|()| fs::rename(&fresh, path));
    if written.is_err() {
        // The error that is told is the first one.
        let _ = fs::remove_file(&fresh);
    }
    attempt("write", path, written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_rows_are_rows() {
        for (line, expect) in [
            ("{\"run\":7,\"x\":1}\n", Some(7)),
            ("{\"run\":7,\"x\":1}", None),
            ("{\"run\":7,\"x\":\n", None),
            ("{\"x\":1,\"run\":7}\n", None),
            ("\0\0\0\n", None),
            ("\n", None),
        ] {
            assert_eq!(number(line.as_bytes()), expect, "{line:?}");
        }
    }

    #[test]
    fn names_say_the_part() {
        assert_eq!(shard_of("part-3-of-8.2.jsonl"), Shard::new(3, 8));
        assert_eq!(shard_of("part-9-of-8.2.jsonl"), None);
        assert_eq!(shard_of("runs.jsonl"), None);
    }
}
