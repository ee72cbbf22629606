//! Writes what the fuzz targets begin with: `cargo run --example fuzz_seeds -p replay -- CAPTURE…`, then
//! `cargo +nightly fuzz run config` (or `capture`, `replay`, `conform`).
//!
//! `fuzz/corpus/config` gets every configuration of the catalogue. The captures that are named, cut after a
//! few frames, become seeds of `capture` and `replay`; each beside itself, and beside the one before it, is a
//! seed of `conform`.

use std::error::Error;
use std::fs;
use std::path::Path;

use sim_core::time::SimTime;
use sim_core::wire::pcap::Capture;
use sim_core::wire::pcapng::PcapngWriter;

/// Enough for a connection to open, and to carry something both ways.
const FRAMES: usize = 24;

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let corpus = root.join("fuzz/corpus");
    for target in ["config", "capture", "replay", "conform"] {
        fs::create_dir_all(corpus.join(target))?;
    }
    let configs = root.join("scenarios/catalogue/configs");
    let mut count = 0;
    for entry in fs::read_dir(configs)? {
        let entry = entry?;
        fs::copy(entry.path(), corpus.join("config").join(entry.file_name()))?;
        count += 1;
    }
    let mut captures = 0;
    let mut before: Option<Vec<u8>> = None;
    for path in std::env::args_os().skip(1) {
        let path = Path::new(&path);
        let name = path.file_name().ok_or("a capture has a name")?;
        let seed = beginning(&fs::read(path)?)?;
        for target in ["capture", "replay"] {
            fs::write(corpus.join(target).join(name), &seed)?;
        }
        for (other, suffix) in [(Some(&seed), "itself"), (before.as_ref(), "other")] {
            let Some(other) = other else { continue };
            let name = format!("{}-{suffix}", name.to_string_lossy());
            fs::write(corpus.join("conform").join(name), pair(other, &seed))?;
        }
        before = Some(seed);
        captures += 1;
    }
    println!("{count} configurations, {captures} captures: {}", corpus.display());
    Ok(())
}

/// The first frames of a capture.
fn beginning(bytes: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let capture = Capture::parse(bytes)?;
    let mut out = PcapngWriter::new(Vec::new())?;
    let interface = out.interface("seed")?;
    for frame in capture.frames.iter().take(FRAMES) {
        if let Some(ip) = frame.ip() {
            let at = SimTime(frame.stamp_ns);
            out.bytes(interface, at, ip, ip.len() as u32, None)?;
        }
    }
    Ok(out.finish()?)
}

/// Two captures as the target `conform` takes them: a byte that says, in 256ths, where the second begins.
/// Both are made equally long, so that half is the place.
fn pair(a: &[u8], b: &[u8]) -> Vec<u8> {
    let len = a.len().max(b.len()) + BLOCK_MIN;
    let mut all = vec![128];
    all.extend(filled_up(a, len));
    all.extend(filled_up(b, len));
    all
}

/// The shortest block of pcapng: its type, its length before and after nothing.
const BLOCK_MIN: usize = 12;

/// A pcapng capture with a block at its end that readers pass over (a type for local use).
fn filled_up(capture: &[u8], len: usize) -> Vec<u8> {
    let block = (len - capture.len()) as u32;
    let mut all = capture.to_vec();
    all.extend(0x8000_0001u32.to_le_bytes());
    all.extend(block.to_le_bytes());
    all.resize(len - 4, 0);
    all.extend(block.to_le_bytes());
    all
}
