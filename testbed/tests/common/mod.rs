//! What the live tests share: scenarios as text, and the word that they were skipped.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::time::Duration;

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

/// The longest that one run and all around it may take: their limit is 30 s at most.
const LONGEST: Duration = Duration::from_secs(180);

/// Ends the test's process, having said what its threads were doing, should what it watches not end: a
/// test that hangs tells nobody anything.
fn watched<T>(name: &str, work: impl FnOnce() -> T) -> T {
    let (done, is_done) = mpsc::channel::<()>();
    let what = name.to_owned();
    let watch = move || {
        if is_done.recv_timeout(LONGEST) == Err(mpsc::RecvTimeoutError::Timeout) {
            // Not captured, as the test's own output is.
            let _ = std::io::stderr().write_all(format!("{what} hangs:\n{}", threads()).as_bytes());
            std::process::abort();
        }
    };
    std::thread::Builder::new().spawn(watch).expect("a thread starts");
    let result = work();
    drop(done);
    result
}

/// What every thread of this process, and every program that it started, is doing.
fn threads() -> String {
    let mut all = String::new();
    let own = std::process::id();
    let folders = |path: &str| std::fs::read_dir(path).into_iter().flatten().flatten();
    for process in folders("/proc") {
        let read = |path: &std::path::Path, file: &str| {
            std::fs::read_to_string(path.join(file)).unwrap_or_default().trim().replace('\n', " ")
        };
        let stat = read(&process.path(), "stat");
        let parent = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1)?.parse().ok());
        let is_own = process.file_name().to_str() == Some(&own.to_string());
        if !is_own && parent != Some(own) {
            continue;
        }
        for task in folders(&process.path().join("task").to_string_lossy()) {
            let path = task.path();
            let [name, wchan, call, stack] =
                ["comm", "wchan", "syscall", "stack"].map(|file| read(&path, file));
            let status = std::fs::read_to_string(path.join("status")).unwrap_or_default();
            let state = status.lines().find(|line| line.starts_with("State")).unwrap_or_default();
            let _ = writeln!(all, "{name}: {state}; {wchan}; {call}; {stack}");
        }
    }
    all
}

/// Runs a scenario with the kernel at its ends.
///
/// # Panics
/// When it cannot.
pub(crate) fn live(name: &str, text: &str) -> Run {
    let mut loaded = load(name, text);
    loaded.capture = true;
    loaded.observe = true;
    let go = || testbed::run(&loaded, testbed::Settings::default(), &AtomicBool::new(false));
    match watched(text, go) {
        Ok(run) => run,
        Err(error) => panic!("{name}: {error}"),
    }
}
