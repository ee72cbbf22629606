//! Running the command as a user does.
#![allow(dead_code, reason = "each test file uses its part")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// What came out of a command.
pub(crate) struct Came {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The command, of this build or of the one that the variable `OPTION30` names by its full path.
pub(crate) fn command(folder: &Path, args: &[&str]) -> Command {
    let other_build = std::env::var_os("OPTION30");
    let program = other_build.unwrap_or_else(|| env!("CARGO_BIN_EXE_option30").into());
    let mut command = Command::new(program);
    command.current_dir(folder).args(args).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
    command
}

pub(crate) fn came(folder: &Path, args: &[&str]) -> Came {
    let output = command(folder, args).output().unwrap();
    Came {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs in `folder` and holds the exit code and the words that each stream must have.
pub(crate) fn check(
    folder: &Path,
    args: &[&str],
    code: i32,
    stdout: &[&str],
    stderr: &[&str],
) -> Came {
    let came = came(folder, args);
    let Came { stdout: out, stderr: err, .. } = &came;
    assert_eq!(came.code, code, "{args:?}\n{out}\n{err}");
    for (stream, words) in [(out, stdout), (err, stderr)] {
        for word in words {
            assert!(stream.contains(word), "{args:?}: \"{word}\" is missing in\n{stream}");
        }
    }
    came
}

pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Where the scenarios that ship are.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().into()
}
