//! What the live tests share: scenarios as text, and the word that they were skipped.

use std::sync::atomic::AtomicBool;

use scenarios::Run;

/// False, with a word on standard error, where the machine cannot run the live tests.
pub(crate) fn can_run(test: &str) -> bool {
    let missing = testbed::missing();
    for lack in &missing {
        eprintln!("{test}: SKIPPED: {lack}");
    }
    missing.is_empty()
}

/// Reads a scenario.
///
/// # Panics
/// When it is wrong.
pub(crate) fn load(name: &str, text: &str) -> scenarios::Loaded {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join(format!("{name}.ron"));
    std::fs::write(&file, text).expect("the folder takes a file");
    match scenarios::load(&file, &[]) {
        Ok(loaded) => loaded,
        Err(wrong) => panic!("{name}: {wrong:?}\n{text}"),
    }
}

/// Runs a scenario with the kernel at its ends.
///
/// # Panics
/// When it cannot.
pub(crate) fn live(name: &str, text: &str) -> Run {
    let mut loaded = load(name, text);
    loaded.capture = true;
    match testbed::run(&loaded, testbed::Settings::default(), &AtomicBool::new(false)) {
        Ok(run) => run,
        Err(error) => panic!("{name}: {error}"),
    }
}
