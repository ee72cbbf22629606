//! The command as a user meets it: exit codes, what goes to which stream.

use std::path::Path;
use std::process::{Command, Stdio};

/// What came out of a command.
struct Came {
    code: i32,
    stdout: String,
    stderr: String,
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_option30"));
    command.current_dir(folder).args(args).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
    command
}

fn came(folder: &Path, args: &[&str]) -> Came {
    let output = command(folder, args).output().unwrap();
    Came {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs in `folder` and holds the exit code and the words that each stream must have.
fn check(folder: &Path, args: &[&str], code: i32, stdout: &[&str], stderr: &[&str]) -> Came {
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

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn help_teaches_by_example() {
    let home = folder();
    check(home.path(), &["--help"], 0, &["Examples:\n  option30 ", "Exit codes: 0 good"], &[]);
    check(home.path(), &["devices", "--help"], 0, &["Examples:\n  option30 devices"], &[]);
    check(home.path(), &["device"], 2, &[], &["unrecognized subcommand 'device'", "'devices'"]);
}

#[test]
fn the_catalogue_names_every_model_and_its_sources() {
    let home = folder();
    check(home.path(), &["devices"], 0, &["Asa  Cisco ASA", "option30 devices MODEL"], &[]);
    let asa = ["tcp-options range 9 255", "[2] Cisco 116519", "tcp-options range 30 30 allow"];
    check(home.path(), &["devices", "asa"], 0, &asa, &[]);
    check(home.path(), &["devices", "pix"], 2, &[], &["there is no model \"pix\"; known: Asa"]);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let home = folder();
    let mut child = command(home.path(), &["devices", "asa"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn colour_is_as_the_user_wants_it() {
    let home = folder();
    let stdout = |name: &str| {
        let output = command(home.path(), &["devices"]).env(name, "1").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(stdout("CLICOLOR_FORCE").contains("\u{1b}["));
    assert!(!stdout("NO_COLOR").contains("\u{1b}["));
}
