//! What an operator of a device would see: `devices/NAME.txt`, in the forms of the device's own commands.

use sim_core::record::RunRecord;

use crate::captures::plain;
use crate::folder::File;

/// A file for each device that has something to show.
#[must_use]
pub fn files(record: &RunRecord) -> Vec<File> {
    let shown = record.devices.iter().filter(|device| !device.report.is_empty());
    shown
        .map(|device| {
            let name = format!("devices/{}.txt", plain(&device.name));
            File::new(name, device.report.join("\n") + "\n")
        })
        .collect()
}
