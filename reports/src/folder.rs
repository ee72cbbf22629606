//! A results folder, written whole or not at all.
//!
//! The files are written into a new folder beside the destination, which then takes its place in one
//! step. An older results folder is replaced only when everything in it was written by option30, as
//! its own list says; whatever else stands there is left alone and said.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The list of what a results folder holds, which also marks it as one: a file name per line.
const LIST: &str = ".option30";
/// Folders inside a results folder are no deeper than this.
const DEPTH_MAX: u32 = 4;
/// More scratch folders than this beside one destination are no accident.
const SCRATCH_MAX: u32 = 1000;

/// Why a results folder could not be written.
#[derive(Debug)]
pub enum FolderError {
    /// The destination holds something that option30 did not write.
    NotOurs {
        /// The destination.
        folder: PathBuf,
        /// The first such thing in it; `None`: the destination itself is not a folder.
        found: Option<PathBuf>,
    },
    /// The operating system refused.
    Io {
        /// What was tried: "create", "write", "replace".
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
}

impl std::fmt::Display for FolderError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotOurs { folder, found: Some(found) } => write!(
                f,
                "{} holds {}, which option30 did not write: nothing was written; choose another \
                 folder with --out, or move it away",
                folder.display(),
                found.display()
            ),
            Self::NotOurs { folder, found: None } => write!(
                f,
                "{} is not a folder: nothing was written; choose another one with --out",
                folder.display()
            ),
            Self::Io { action, path, error } => {
                write!(f, "cannot {action} {}: {error}", path.display())
            }
        }
    }
}

impl std::error::Error for FolderError {}

/// One file of a results folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name, relative to the folder, with `/` between folders.
    pub name: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

impl File {
    /// A file of this name.
    #[must_use]
    pub fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), bytes: bytes.into() }
    }
}

/// Writes a results folder.
///
/// # Errors
/// [`FolderError`]; then the destination is as it was.
pub fn write(folder: &Path, files: &[File]) -> Result<(), FolderError> {
    // A destination that is a link stays one: what it points to is replaced.
    let folder = &fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
    let replaces = check_ours(folder)?;
    let parent = folder.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    attempt("create", parent, fs::create_dir_all(parent))?;
    let fresh = Scratch::new(folder, NEW)?;
    for file in files {
        write_file(&fresh.path.join(&file.name), &file.bytes)?;
    }
    let list: String = files.iter().map(|file| format!("{}\n", file.name)).collect();
    write_file(&fresh.path.join(LIST), list.as_bytes())?;
    if !replaces {
        return attempt("create", folder, fs::rename(&fresh.path, folder));
    }
    // After an exchange the scratch folder holds the old results, and goes with them.
    if exchange(&fresh.path, folder) { Ok(()) } else { swap(&fresh.path, folder) }
}

/// The page that leads to the results folders beside it.
pub const INDEX: &str = "index.html";
/// How every page of option30 says where it comes from.
const OURS: &str = "<meta name=\"generator\" content=\"option30 ";
/// That stands within so many bytes from a page's beginning.
const HEAD: usize = 4096;

/// Writes the index of the results folders in `folder`, in place of an older one.
///
/// # Errors
/// [`FolderError`]; an `index.html` that option30 did not write stays.
pub fn write_index(folder: &Path, page: &str) -> Result<(), FolderError> {
    let path = folder.join(INDEX);
    match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return attempt("read", &path, Err(error)),
        Ok(older) => {
            let head = String::from_utf8_lossy(&older[..older.len().min(HEAD)]).into_owned();
            if !head.contains(OURS) {
                return Err(FolderError::NotOurs {
                    folder: folder.into(),
                    found: Some(INDEX.into()),
                });
            }
        }
    }
    attempt("create", folder, fs::create_dir_all(folder))?;
    // Beside it first, then in its place in one step.
    let fresh = folder.join(format!(".{INDEX}.new"));
    attempt("write", &fresh, fs::write(&fresh, page))?;
    attempt("replace", &path, fs::rename(&fresh, &path))
}

/// Exchanges two folders in one step, where the system and the file system can.
#[cfg(target_os = "linux")]
fn exchange(a: &Path, b: &Path) -> bool {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn exchange(_: &Path, _: &Path) -> bool {
    false
}

/// Puts `fresh` in the place of `folder` in two steps; the old results are deleted last, and go back
/// to where they were when the second step fails.
fn swap(fresh: &Path, folder: &Path) -> Result<(), FolderError> {
    let old = Scratch::new(folder, "old")?;
    let aside = old.path.join("results");
    attempt("replace", folder, fs::rename(folder, &aside))?;
    let Err(error) = fs::rename(fresh, folder) else {
        return Ok(());
    };
    if let Err(lost) = fs::rename(&aside, folder) {
        std::mem::forget(old);
        return attempt("restore from", &aside, Err(lost));
    }
    attempt("replace", folder, Err(error))
}

/// Whether there is an older results folder to replace; an error when anything else is there.
fn check_ours(folder: &Path) -> Result<bool, FolderError> {
    match fs::symlink_metadata(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return attempt("read", folder, Err(error)),
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return Err(FolderError::NotOurs { folder: folder.into(), found: None }),
    }
    let mut ours = BTreeSet::from([PathBuf::from(LIST)]);
    if let Ok(list) = fs::read_to_string(folder.join(LIST)) {
        ours.extend(list.lines().map(PathBuf::from));
    }
    let mut found = Vec::new();
    collect(folder, Path::new(""), DEPTH_MAX, &mut found)?;
    match found.into_iter().find(|path| !ours.contains(path)) {
        Some(path) => Err(FolderError::NotOurs { folder: folder.into(), found: Some(path) }),
        None => Ok(true),
    }
}

/// Everything under a folder that is not a folder, in the order of the names.
fn collect(
    root: &Path,
    inside: &Path,
    depth: u32,
    found: &mut Vec<PathBuf>,
) -> Result<(), FolderError> {
    let here = root.join(inside);
    let entries = attempt("read", &here, fs::read_dir(&here))?;
    let mut entries = attempt("read", &here, entries.collect::<io::Result<Vec<_>>>())?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = inside.join(entry.file_name());
        let is_dir = attempt("read", &entry.path(), entry.file_type())?.is_dir();
        if is_dir && depth > 0 {
            collect(root, &name, depth - 1, found)?;
        } else {
            found.push(name);
        }
    }
    Ok(())
}

/// What a scratch folder with new results is called, up to its number.
const NEW: &str = "new";

/// A folder beside the destination, gone when it is no longer needed.
struct Scratch {
    path: PathBuf,
    /// Held as long as the folder is in use, however that ends; none where the file system knows no locks.
    _lock: Option<fs::File>,
}

impl Scratch {
    fn new(folder: &Path, what: &str) -> Result<Self, FolderError> {
        // Numbered, because another process may write beside this one, or have died here.
        let mut number = 1;
        loop {
            let path = folder.with_file_name(Self::name(folder, what) + &number.to_string());
            match fs::create_dir(&path) {
                Ok(()) => {
                    let lock = lock(&path);
                    // Who looks for abandoned folders just now has it, and removes this one.
                    let lost = lock.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::WouldBlock);
                    if !lost && path.exists() {
                        return Ok(Self { path, _lock: lock.ok() });
                    }
                }
                Err(error)
                    if error.kind() == io::ErrorKind::AlreadyExists && number < SCRATCH_MAX => {}
                Err(error) => return attempt("create", &path, Err(error)),
            }
            number += 1;
        }
    }

    /// Its name, up to the number.
    fn name(folder: &Path, what: &str) -> String {
        format!(".{}.{what}-", folder.file_name().unwrap_or_default().to_string_lossy())
    }
}

/// Removes what processes left beside `folder` that were killed while they wrote it, and returns where that was.
/// What a process still writes stays.
pub fn remove_abandoned(folder: &Path) -> Vec<PathBuf> {
    let folder = &fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
    let parent = folder.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = Scratch::name(folder, NEW);
    let is_scratch = |entry: &fs::DirEntry| {
        let own = entry.file_name();
        let number = own.to_str().and_then(|own| own.strip_prefix(&name));
        number.is_some_and(|number| number.parse::<u32>().is_ok())
            && entry.file_type().is_ok_and(|kind| kind.is_dir())
    };
    let beside = fs::read_dir(parent).into_iter().flatten().filter_map(Result::ok);
    let mut found: Vec<PathBuf> = beside.filter(is_scratch).map(|entry| entry.path()).collect();
    found.sort();
    found.retain(|path| lock(path).is_ok_and(|_held| fs::remove_dir_all(path).is_ok()));
    found
}

/// The only hold on a folder, until it is dropped or the process ends.
#[cfg(unix)]
fn lock(folder: &Path) -> io::Result<fs::File> {
    use rustix::fs::{FlockOperation, flock};
    let file = fs::File::open(folder)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}

#[cfg(not(unix))]
fn lock(_: &Path) -> io::Result<fs::File> {
    Err(io::ErrorKind::Unsupported.into())
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing can be done about a scratch folder that cannot be removed, and no result is lost.
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), FolderError> {
    if let Some(parent) = path.parent() {
        attempt("create", parent, fs::create_dir_all(parent))?;
    }
    let written = fs::File::create_new(path).and_then(|mut file| file.write_all(bytes));
    attempt("write", path, written)
}

fn attempt<T>(action: &'static str, path: &Path, result: io::Result<T>) -> Result<T, FolderError> {
    result.map_err(|error| FolderError::Io { action, path: path.into(), error })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(text: &str) -> Vec<File> {
        vec![File::new("summary.json", text), File::new("captures/wan.pcapng", text)]
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        collect(folder, Path::new(""), DEPTH_MAX, &mut found).unwrap();
        found.iter().map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn results_are_written_and_replaced_whole() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("results/three-paths");
        write(&folder, &files("one")).unwrap();
        assert_eq!(names(&folder), [".option30", "captures/wan.pcapng", "summary.json"]);
        write(&folder, &[File::new("summary.json", "two")]).unwrap();
        assert_eq!(names(&folder), [".option30", "summary.json"]);
        assert_eq!(fs::read_to_string(folder.join("summary.json")).unwrap(), "two");
        assert_eq!(names(home.path()).len(), 2, "no scratch folder is left");
    }

    #[test]
    fn two_steps_do_the_same_where_folders_cannot_be_exchanged() {
        let home = tempfile::tempdir().unwrap();
        let (fresh, folder) = (home.path().join("fresh"), home.path().join("results"));
        for path in [&fresh, &folder] {
            fs::create_dir(path).unwrap();
            fs::write(path.join("name"), path.file_name().unwrap().as_encoded_bytes()).unwrap();
        }
        swap(&fresh, &folder).unwrap();
        assert_eq!(fs::read_to_string(folder.join("name")).unwrap(), "fresh");
        assert_eq!(names(home.path()), ["results/name"]);
        // A second step that fails leaves what was there.
        swap(&fresh, &folder).unwrap_err();
        assert_eq!(fs::read_to_string(folder.join("name")).unwrap(), "fresh");
        assert_eq!(names(home.path()), ["results/name"]);
    }

    #[test]
    fn what_is_not_ours_stays() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("results");
        write(&folder, &files("one")).unwrap();
        fs::write(folder.join("notes.txt"), "mine").unwrap();
        let error = write(&folder, &files("two")).unwrap_err().to_string();
        assert!(error.contains("holds notes.txt, which option30 did not write"), "{error}");
        assert_eq!(fs::read_to_string(folder.join("summary.json")).unwrap(), "one");

        let file = home.path().join("file");
        fs::write(&file, "mine").unwrap();
        let error = write(&file, &files("two")).unwrap_err().to_string();
        assert!(error.contains("is not a folder"), "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    }

    #[test]
    fn an_index_replaces_an_index_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let page = crate::page::index("Runs", &[]);
        write_index(&home.path().join("out"), &page).unwrap();
        write_index(&home.path().join("out"), &page).unwrap();
        assert_eq!(names(home.path()), ["out/index.html"]);
        fs::write(home.path().join("index.html"), "<p>mine</p>").unwrap();
        let error = write_index(home.path(), &page).unwrap_err().to_string();
        assert!(error.contains("holds index.html, which option30 did not write"), "{error}");
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("results");
        assert_eq!(remove_abandoned(&folder), Vec::<PathBuf>::new());
        let left = home.path().join(".results.new-7");
        write_file(&left.join("captures/wan.pcapng"), b"half").unwrap();
        let in_use = Scratch::new(&folder, NEW).unwrap();
        for other in [".results.new-x", ".results2.new-1", "results.new-1"] {
            fs::create_dir(home.path().join(other)).unwrap();
        }
        fs::write(home.path().join(".results.new-8"), "a file").unwrap();
        assert_eq!(remove_abandoned(&folder), [home.path().join(".results.new-7")]);
        assert!(!left.exists() && in_use.path.exists());
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 5);
        drop(in_use);
        assert_eq!(remove_abandoned(&folder), Vec::<PathBuf>::new());
    }

    #[test]
    fn an_empty_folder_is_taken() {
        let home = tempfile::tempdir().unwrap();
        write(home.path(), &files("one")).unwrap();
        assert_eq!(names(home.path()).len(), 3);
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_said() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("file"), "").unwrap();
        let error = write(&home.path().join("file/results"), &files("one")).unwrap_err();
        assert!(error.to_string().starts_with("cannot "), "{error}");
        assert_eq!(names(home.path()), ["file"]);
    }
}
