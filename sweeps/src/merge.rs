//! Stored rows → one data set, the same bytes in whatever order and by whomever they were run.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use reports::sweep::{Findings, Manifest, Row, Tally, page};

use crate::plan::Shard;
use crate::store::{self, RUNS, Store, StoreError, attempt, read_rows, write_whole};

/// What a merge found and wrote.
#[derive(Debug)]
pub struct Merged {
    /// The sweep.
    pub manifest: Manifest,
    /// What the results say.
    pub findings: Findings,
    /// Runs that are not there, in order.
    pub missing: Vec<RangeInclusive<u64>>,
    /// Parts of which nothing is there, where all parts are of one division.
    pub missing_parts: Vec<Shard>,
    /// Rows that were there more than once, beyond the first.
    pub duplicates: u64,
    /// Those of them that differ from the first: a run must not depend on who runs it.
    pub differing: u64,
    /// Lines that are no rows: each is the last one of a process that was killed.
    pub broken: u64,
}

impl Merged {
    /// Number of runs that are not there.
    #[must_use]
    pub fn missing_runs(&self) -> u64 {
        self.missing.iter().map(|range| range.end() - range.start() + 1).sum()
    }
}

/// Where the first row of a run stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    file: u32,
    length: u32,
    offset: u64,
}

const NOWHERE: Place = Place { file: u32::MAX, length: 0, offset: 0 };

/// Makes one data set of the rows in `folders`, in the folder `out`, which may be one of them.
///
/// # Errors
/// A folder holds no sweep, or another one than the first, or the operating system refuses.
pub fn merge(folders: &[PathBuf], out: &Path) -> Result<Merged, StoreError> {
    let mut stores = Vec::new();
    for folder in folders {
        let (store, manifest) = Store::open(folder)?;
        stores.push((store, manifest));
    }
    let Some((_, manifest)) = stores.first() else {
        return Err(StoreError::NotASweep { folder: out.to_owned() });
    };
    let manifest = manifest.clone();
    if let Some((store, other)) = stores.iter().find(|(_, other)| other.hash != manifest.hash) {
        return Err(StoreError::OtherSweep {
            folder: store.folder().to_owned(),
            there: Box::new(other.clone()),
            wanted: Box::new(manifest),
        });
    }
    let out = Store::create(out, &manifest)?;
    let mut index = Index::new(manifest.runs());
    for (store, _) in &stores {
        for path in store.files(Shard::ALL)? {
            index.add(path)?;
        }
    }
    let findings = write_results(&out, &manifest, &index)?;
    let missing = index.missing();
    let merged = Merged {
        missing_parts: index.missing_parts(),
        missing,
        duplicates: index.duplicates,
        differing: index.differing,
        broken: index.broken,
        findings,
        manifest,
    };
    let html = page::html(&merged.manifest, &merged.findings, merged.missing_runs());
    write_text(&out.folder().join("index.html"), &html)?;
    Ok(merged)
}

/// Where every run's row is: a few bytes for each run, whatever the rows' size.
struct Index {
    files: Vec<PathBuf>,
    places: Vec<Place>,
    duplicates: u64,
    differing: u64,
    broken: u64,
}

impl Index {
    fn new(runs: u64) -> Self {
        let places = vec![NOWHERE; runs as usize];
        Self { files: Vec::new(), places, duplicates: 0, differing: 0, broken: 0 }
    }

    fn add(&mut self, path: PathBuf) -> Result<(), StoreError> {
        let number = self.files.len() as u32;
        let mut again: Vec<(u64, Vec<u8>)> = Vec::new();
        let places = &mut self.places;
        self.broken += read_rows(&path, |run, line, offset| {
            let Some(place) = places.get_mut(run as usize) else { return };
            if place.file == NOWHERE.file {
                *place = Place { file: number, length: line.len() as u32, offset };
            } else {
                again.push((run, line.to_owned()));
            }
        })?;
        self.files.push(path);
        for (run, line) in again {
            self.duplicates += 1;
            self.differing += u64::from(self.line(run)?.is_none_or(|first| first != line));
        }
        Ok(())
    }

    fn line(&self, run: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let place = self.places[run as usize];
        let Some(path) = self.files.get(place.file as usize) else { return Ok(None) };
        let file = attempt("read", path, File::open(path))?;
        let mut line = vec![0; place.length as usize];
        attempt("read", path, read_at(&file, &mut line, place.offset))?;
        Ok(Some(line))
    }

    fn missing(&self) -> Vec<RangeInclusive<u64>> {
        let mut ranges: Vec<RangeInclusive<u64>> = Vec::new();
        for (run, place) in (0..).zip(&self.places) {
            if place.file != NOWHERE.file {
                continue;
            }
            match ranges.last_mut() {
                Some(last) if last.end() + 1 == run => *last = *last.start()..=run,
                _ => ranges.push(run..=run),
            }
        }
        ranges
    }

    /// Parts without a row, if all files are of one division.
    fn missing_parts(&self) -> Vec<Shard> {
        let names = self.files.iter().filter_map(|path| path.file_name());
        let shards: Vec<Shard> =
            names.filter_map(|name| store::shard_of(&name.to_string_lossy())).collect();
        let Some(count) = shards.first().map(|shard| shard.count()) else { return Vec::new() };
        if shards.len() != self.files.len() || shards.iter().any(|shard| shard.count() != count) {
            return Vec::new();
        }
        let nothing = |shard: &Shard| {
            let mut runs = (0..).zip(&self.places).filter(|(run, _)| shard.has(*run)).peekable();
            runs.peek().is_some() && runs.all(|(_, place)| place.file == NOWHERE.file)
        };
        (1..=count).filter_map(|index| Shard::new(index, count)).filter(nothing).collect()
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    use std::os::unix::fs::FileExt;
    file.read_exact_at(buffer, offset)
}

#[cfg(not(unix))]
fn read_at(mut file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(buffer)
}

/// Writes the rows in their order and what follows from them.
fn write_results(out: &Store, manifest: &Manifest, index: &Index) -> Result<Findings, StoreError> {
    let folder = out.folder();
    let files: Vec<File> = index
        .files
        .iter()
        .map(|path| attempt("read", path, File::open(path)))
        .collect::<Result<_, _>>()?;
    let mut tally = Tally::new(manifest);
    #[cfg(feature = "parquet")]
    let mut dataset = crate::dataset::Writer::create(folder, manifest)?;
    let mut failed = None;
    write_whole(&folder.join(RUNS), |file| {
        let mut sink = BufWriter::with_capacity(1 << 16, file);
        let mut line = Vec::new();
        for place in &index.places {
            let Some(file) = files.get(place.file as usize) else { continue };
            line.resize(place.length as usize, 0);
            read_at(file, &mut line, place.offset)?;
            sink.write_all(&line)?;
            let row: Row = serde_json::from_slice(&line)?;
            tally.add(&row);
            #[cfg(feature = "parquet")]
            if let Err(error) = dataset.add(&row) {
                failed = Some(error);
                return Err(io::Error::other("the data set cannot be written"));
            }
        }
        sink.flush()
    })
    .map_err(|error| failed.take().unwrap_or(error))?;
    #[cfg(feature = "parquet")]
    dataset.finish()?;
    let findings = tally.finish();
    let answers = folder.join("answers");
    attempt("create", &answers, fs::create_dir_all(&answers))?;
    clear(&answers)?;
    for (k, (question, answer)) in (1..).zip(&findings.answers) {
        let name = format!("{k:02}-{}", slug(&question.title()));
        write_text(&answers.join(format!("{name}.csv")), &answer.csv(question, manifest))?;
        write_text(&answers.join(format!("{name}.svg")), &answer.svg(question, manifest))?;
    }
    Ok(findings)
}

/// Takes away the answers to questions that were asked before: `01-….csv` and `.svg`, nothing else.
fn clear(answers: &Path) -> Result<(), StoreError> {
    for entry in attempt("read", answers, fs::read_dir(answers))? {
        let path = attempt("read", answers, entry)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_numbered =
            name.split('-').next().is_some_and(|number| number.parse::<u32>().is_ok());
        if is_numbered && [".csv", ".svg"].iter().any(|ending| name.ends_with(ending)) {
            attempt("remove", &path, fs::remove_file(&path))?;
        }
    }
    Ok(())
}

fn write_text(path: &Path, text: &str) -> Result<(), StoreError> {
    write_whole(path, |file| file.write_all(text.as_bytes()))
}

/// A title as a file name.
fn slug(title: &str) -> String {
    let mut name = String::new();
    for c in title.chars().take(60) {
        match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() => name.push(c),
            _ if name.ends_with('-') || name.is_empty() => {}
            _ => name.push('-'),
        }
    }
    name.trim_end_matches('-').to_owned()
}
