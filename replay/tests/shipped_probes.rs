//! What every model as it comes, and every configuration of the catalogue, does to the probe suite is kept
//! in `scenarios/probes`; `UPDATE_GOLDEN=1` writes what is missing or has changed.

mod common;

use common::{probes, shipped};
use replay::probe::come;
use replay::probe::golden::{Golden, write};

#[test]
fn each_device_does_what_is_kept_of_it() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = String::new();
    let mut names = Vec::new();
    for device in shipped() {
        let file = format!("{}.ron", device.name);
        let path = probes().join(&file);
        if update {
            std::fs::create_dir_all(probes()).unwrap();
            let text = match path.exists() {
                true => Golden::load(&path).unwrap().updated(),
                false => write(&device.argument, None, &come(&device.file).unwrap()),
            };
            std::fs::write(&path, text).unwrap();
        }
        assert!(path.exists(), "{file} is missing: UPDATE_GOLDEN=1 writes it");
        for held in Golden::load(&path).unwrap().held() {
            for otherwise in held.otherwise {
                let (packet, before, now) = (otherwise.packet, otherwise.before, otherwise.now);
                wrong +=
                    &format!("{file}: {}, packet {packet}: {before}; now: {now}\n", held.probe);
            }
        }
        names.push(file);
    }
    assert!(wrong.is_empty(), "{wrong}");
    // A file of a device that ships no more says nothing.
    for entry in std::fs::read_dir(probes()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(names.contains(&name), "{name} is of no device that ships");
    }
}
