//! Whatever stands in a scenario file or in a configuration, reading it says what is wrong or what is
//! meant. It never panics, never hangs and never overflows the stack.

use std::fs;
use std::panic;
use std::path::{Path, PathBuf};

use scenarios::{discover, load};

/// Mutations of each file that ships.
const EACH: u64 = 120;

/// Bits that look random and are the same everywhere (SplitMix64).
struct Bits(u64);

impl Bits {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// What is put in: what grammars trip over.
const PIECES: &[&[u8]] = &[
    b"(",
    b")",
    b"[",
    b"]",
    b"{",
    b"}",
    b"\"",
    b"\\",
    b",",
    b":",
    b"//",
    b"/*",
    b"*/",
    b"r#\"",
    b"'",
    b"\n",
    b"\r\n",
    b"\t",
    b" ",
    b"!",
    b"-",
    b"0",
    b"-1",
    b"65536",
    b"4294967296",
    b"18446744073709551616",
    b"1e400",
    b"1e-400",
    b"NaN",
    b"inf",
    b"\"0 Mbps\"",
    b"\"1e30 s\"",
    b"\"-1 ms\"",
    b"\"100000000000 Gbps\"",
    b"\"0 s\"",
    b"\"\"",
    b"Some(",
    b"None",
    b"()",
    b"255.255.255.255",
    b"::",
    b"0.0.0.0",
    b"no ",
    b"any",
    b"range",
    b"eq",
    b"permit",
    b"host",
    b"line 0",
    b"exit",
    b"\xff",
    b"\x00",
    "ö".as_bytes(),
    "\u{feff}".as_bytes(),
    "\u{2028}".as_bytes(),
];

/// One to three changes: bytes or lines cut, doubled, moved, replaced, put in.
fn mutate(text: &[u8], bits: &mut Bits) -> Vec<u8> {
    let mut out = text.to_vec();
    for _ in 0..=bits.below(3) {
        let at = bits.below(out.len() + 1);
        let end = (at + bits.below(40)).min(out.len());
        let piece = PIECES[bits.below(PIECES.len())];
        match bits.below(7) {
            0 => drop(out.splice(at..end, [])),
            1 => drop(out.splice(at..at, piece.iter().copied())),
            2 => drop(out.splice(at..end, piece.iter().copied())),
            3 => {
                let part = out[at..end].to_vec();
                let to = bits.below(out.len() + 1);
                drop(out.splice(to..to, part));
            }
            4 => out.truncate(at),
            5 => {
                let mut lines: Vec<&[u8]> = out.split(|&byte| byte == b'\n').collect();
                let (from, to) = (bits.below(lines.len()), bits.below(lines.len()));
                lines.swap(from, to);
                out = lines.join(&b'\n');
            }
            _ => {
                // A word in the place of another.
                let words: Vec<&[u8]> = out.split(|&b| b == b' ').collect();
                let word = words[bits.below(words.len())].to_vec();
                drop(out.splice(at..end, word));
            }
        }
    }
    out
}

fn catalogue() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("catalogue")
}

/// Loads; every message must be able to be shown.
fn read(scenario: &Path, mutated: &[u8]) {
    let outcome = panic::catch_unwind(|| {
        let faults = match load(scenario, &[]) {
            Ok(loaded) => loaded.warnings,
            Err(faults) => {
                assert!(!faults.is_empty(), "refused without a word");
                faults
            }
        };
        faults.iter().map(|fault| fault.render(false).len()).sum::<usize>()
    });
    assert!(outcome.is_ok(), "panicked on:\n{}", String::from_utf8_lossy(mutated));
}

#[test]
fn no_scenario_makes_it_panic() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fuzz-scenarios");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("configs")).unwrap();
    for config in configs() {
        fs::copy(&config, folder.join("configs").join(config.file_name().unwrap())).unwrap();
    }
    let file = folder.join("mutated.ron");
    for (k, scenario) in discover(&[catalogue()]).unwrap().iter().enumerate() {
        let text = fs::read(scenario).unwrap();
        let mut bits = Bits(k as u64);
        for _ in 0..EACH {
            let mutated = mutate(&text, &mut bits);
            fs::write(&file, &mutated).unwrap();
            read(&file, &mutated);
        }
    }
}

#[test]
fn no_configuration_makes_it_panic() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fuzz-configs");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("configs")).unwrap();
    for (k, scenario) in discover(&[catalogue()]).unwrap().iter().enumerate() {
        let text = fs::read_to_string(scenario).unwrap();
        let named = configs().into_iter().find(|config| {
            text.contains(&format!("\"configs/{}\"", config.file_name().unwrap().to_string_lossy()))
        });
        let Some(config) = named else { continue };
        let file = folder.join("scenario.ron");
        fs::write(&file, &text).unwrap();
        let original = fs::read(&config).unwrap();
        let mut bits = Bits(1000 + k as u64);
        for _ in 0..EACH {
            let mutated = mutate(&original, &mut bits);
            fs::write(folder.join("configs").join(config.file_name().unwrap()), &mutated).unwrap();
            read(&file, &mutated);
        }
    }
}

fn configs() -> Vec<PathBuf> {
    let entries = fs::read_dir(catalogue().join("configs")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}
