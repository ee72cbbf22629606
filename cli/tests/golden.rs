//! What every scenario that ships prints and writes, kept in `tests/golden`: the text, `summary.json`,
//! and digests of every other file of its results folder. `UPDATE_GOLDEN=1` writes them anew.
//!
//! The same bytes must come from every build: `OPTION30=…/release/option30` holds another build of the
//! command against what is kept.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{folder, names, root};
use sha2::{Digest, Sha256};

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

/// Runs a scenario; its name and files, the text first.
fn run(file: &Path, out: &Path) -> Vec<(String, Vec<u8>)> {
    let name = file.file_stem().unwrap().to_string_lossy().into_owned();
    let results = out.join(&name);
    let arg = |path: &Path| path.to_string_lossy().into_owned();
    let output = common::command(&root(), &["run", &arg(file), "--out", &arg(&results)])
        .output()
        .expect("runs");
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    // The last line names the folder.
    let text = text.trim_end().rsplit_once('\n').unwrap().0.to_owned() + "\n";
    let read = |file: &str| fs::read(results.join(file)).unwrap();
    let mut files = vec![(format!("{name}.txt"), text.into_bytes())];
    files.push((format!("{name}.json"), read("summary.json")));
    let listed = fs::read_to_string(results.join(".option30")).unwrap();
    let mut large: Vec<&str> = listed.lines().filter(|file| *file != "summary.json").collect();
    large.sort_unstable();
    for large in large {
        // The page says where it was made.
        let platform = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
        let content = read(large);
        let content = match String::from_utf8(content) {
            Ok(text) => text.replace(&platform, "PLATFORM").into_bytes(),
            Err(not_text) => not_text.into_bytes(),
        };
        let digest = Sha256::digest(content);
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        files.push((format!("{name}/{large}"), digest.into_bytes()));
    }
    files
}

#[test]
fn every_scenario_comes_out_as_kept() {
    let out = folder();
    let folder = Path::new("scenarios/catalogue");
    let files = names(&root().join(folder)).into_iter().filter(|name| name.ends_with(".ron"));
    let mut digests = String::new();
    let mut came: Vec<(String, Vec<u8>)> = Vec::new();
    for (name, content) in files.flat_map(|file| run(&folder.join(file), out.path())) {
        if name.contains('/') {
            digests += &format!("{} {name}\n", String::from_utf8(content).unwrap());
        } else {
            came.push((name, content));
        }
    }
    came.push(("digests".into(), digests.into_bytes()));
    // The README shows one of the charts.
    let shown = root().join("docs/path-failure.svg");
    let drawn = fs::read(out.path().join("path-failure/throughput.svg")).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let _ = fs::remove_dir_all(KEPT);
        fs::create_dir_all(KEPT).unwrap();
        for (name, content) in &came {
            fs::write(PathBuf::from(KEPT).join(name), content).unwrap();
        }
        fs::write(shown, drawn).unwrap();
        return;
    }
    let mut different: Vec<String> = Vec::new();
    for (name, content) in &came {
        if fs::read(PathBuf::from(KEPT).join(name)).unwrap_or_default() != *content {
            different.push(name.clone());
        }
    }
    if fs::read(shown).unwrap_or_default() != drawn {
        different.push("docs/path-failure.svg".into());
    }
    let mut expected: Vec<String> = came.into_iter().map(|(name, _)| name).collect();
    expected.sort();
    assert!(
        different.is_empty() && names(Path::new(KEPT)) == expected,
        "not as kept: {different:?}; look at git's difference after UPDATE_GOLDEN=1 cargo test -p cli"
    );
}
