//! The story of every scenario that ships, in both languages, with its ladder, kept in `tests/stories`.
//! `UPDATE_GOLDEN=1` writes them anew. Pictures are large: all are kept as digests, some in full.

use std::fs;
use std::path::{Path, PathBuf};

use reports::explain::{Explanation, Request, render};
use reports::ladder::{self, Ladder};
use reports::messages::Language;
use reports::wrap::WIDTH;
use sha2::{Digest, Sha256};
use sim_core::record::RunRecord;
use sim_core::record::outcome::Blame;

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stories");

/// Scenarios whose ladder is kept as a picture.
const DRAWN: [&str; 6] = [
    "ace-option-30-two-servers",
    "asa-default",
    "asa-default-second-path",
    "asa-tcp-map-not-activated",
    "ipv4-ipv6",
    "path-failure",
];

fn shipped() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    scenarios::discover(&[root.join("scenarios/catalogue")]).unwrap()
}

fn run(file: &Path) -> RunRecord {
    let mut loaded = scenarios::load(file, &[]).unwrap();
    loaded.watch = true;
    loaded.run(None).unwrap().record
}

/// Text as it is where there is no terminal.
fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

fn story(record: &RunRecord, language: Language) -> String {
    let request = Request { record, connection: None, language };
    let mut text = render(&request, WIDTH);
    for (index, _) in request.connections() {
        let ladder = Ladder::new(record, index, language).expect("the run was watched");
        text += &format!("\n{}", ladder::text(&ladder, language, WIDTH));
    }
    plain(&text)
}

/// What every story must say, whatever its words: each device that is to blame, its rule and its line.
fn names_the_cause(record: &RunRecord, story: &str) {
    // Lines are broken anywhere between words.
    let joined = |text: &str| text.split_whitespace().collect::<String>();
    let story = joined(story);
    for connection in &record.connections {
        let of_subflows = connection.subflows.iter().filter_map(|s| s.cause.as_ref());
        let causes = connection.outcome.cause.iter().chain(of_subflows);
        for link in causes.flat_map(|cause| &cause.links) {
            let Blame::Device { device, rule, .. } = &link.who else { continue };
            let place = rule.line().map(|line| format!("{}:{}", line.file, line.line));
            let words = [Some(device), Some(&rule.text), place.as_ref()];
            for word in words.into_iter().flatten() {
                assert!(story.contains(&joined(word)), "{}: no {word}", record.scenario);
            }
            let remedy = rule.remedy.iter().flat_map(|remedy| &remedy.lines);
            for line in remedy {
                assert!(story.contains(&joined(line)), "{}: no {line}", record.scenario);
            }
        }
    }
}

#[test]
fn every_story_comes_out_as_kept() {
    let mut came: Vec<(String, Vec<u8>)> = Vec::new();
    let mut digests = String::new();
    for file in shipped() {
        let record = run(&file);
        let name = record.scenario.clone();
        for language in [Language::English, Language::Japanese] {
            let text = story(&record, language);
            names_the_cause(&record, &text);
            came.push((format!("{name}.{}.txt", language.tag()), text.into_bytes()));
            let request = Request { record: &record, connection: None, language };
            let json = Explanation::new(&request).to_json_line();
            serde_json::from_str::<serde_json::Value>(&json).expect("JSON");
        }
        for picture in ladder::files(&record, Language::English) {
            let digest = Sha256::digest(&picture.bytes);
            let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            digests += &format!("{digest} {name}/{}\n", picture.name);
            if DRAWN.contains(&name.as_str()) {
                came.push((format!("{name}.svg"), picture.bytes));
            }
        }
    }
    came.push(("digests".into(), digests.into_bytes()));
    let kept = Path::new(KEPT);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let _ = fs::remove_dir_all(kept);
        fs::create_dir_all(kept).unwrap();
        for (name, content) in &came {
            fs::write(kept.join(name), content).unwrap();
        }
        return;
    }
    let is_kept = |(name, content): &&(String, Vec<u8>)| {
        fs::read(kept.join(name)).unwrap_or_default() == *content
    };
    let different: Vec<&String> =
        came.iter().filter(|c| !is_kept(c)).map(|(name, _)| name).collect();
    assert!(
        different.is_empty(),
        "not as kept: {different:?}; look at git's difference after UPDATE_GOLDEN=1 cargo test -p cli --test stories"
    );
    assert_eq!(
        fs::read_dir(kept).unwrap().count(),
        came.len(),
        "a story is kept that nobody tells"
    );
}

/// The frames that a story names are those that the captures of the same run have.
#[test]
fn frames_are_those_of_the_captures() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let file = root.join("scenarios/catalogue/ace-option-30-two-servers.ron");
    let short = ["traffic.video.duration=1 s".to_owned(), "expect=[]".to_owned()];
    let captures = |complete: bool| {
        let mut loaded = scenarios::load(&file, &short).unwrap();
        (loaded.capture, loaded.watch) = (complete, true);
        loaded.run(None).unwrap().record.captures.unwrap()
    };
    let (watched, all) = (captures(false), captures(true));
    assert!(watched.packets.len() < all.packets.len() / 10, "{}", watched.packets.len());
    for told in &watched.packets {
        let name = &watched.interfaces[told.interface as usize].name;
        let interface = all.interfaces.iter().position(|i| i.name == *name).unwrap();
        let mut file = all.packets.iter().filter(|c| c.interface as usize == interface);
        let frame = file.nth(told.frame as usize - 1).unwrap();
        assert_eq!((frame.at, &frame.packet, frame.tells), (told.at, &told.packet, true), "{name}");
    }
}
