//! Which hosts and devices are drawn, and in which order.

use sim_core::record::{ConnectionRecord, RunRecord};

use super::Column;
use crate::sightings::Sightings;

/// Devices that have room beside each other; more, and those that changed nothing are left out.
const DEVICES_MAX: usize = 6;

/// The client, the devices that its packets crossed as their paths name them, the servers.
pub(super) fn columns(
    record: &RunRecord,
    connection: &ConnectionRecord,
    sightings: &Sightings<'_>,
) -> Vec<Column> {
    let crossed = |name: &str| sightings.nodes().any(|node| node == name);
    let mut devices: Vec<&str> = Vec::new();
    let on_paths = record.paths.iter().flat_map(|path| &path.devices);
    for name in on_paths.chain(record.devices.iter().map(|device| &device.name)) {
        if crossed(name) && !devices.contains(&name.as_str()) {
            devices.push(name);
        }
    }
    if devices.len() > DEVICES_MAX {
        devices.retain(|name| changed_something(record, name));
        devices.truncate(DEVICES_MAX);
    }
    let device = |name: &&str| Column {
        name: (*name).to_owned(),
        model: record.devices.iter().find(|d| d.name == **name).map(|d| d.model),
    };
    let host = |name: &str| Column { name: name.to_owned(), model: None };
    let mut columns = vec![host(&connection.client)];
    columns.extend(devices.iter().map(device));
    columns.push(host(&connection.server));
    // Another server, which a balancer sent a subflow to: packets end there.
    for node in sightings.nodes().filter(|node| !record.devices.iter().any(|d| d.name == **node)) {
        if !columns.iter().any(|column| column.name == node) && !sightings.forwards(node) {
            columns.push(host(node));
        }
    }
    columns
}

fn changed_something(record: &RunRecord, name: &str) -> bool {
    record.changes.iter().any(|change| record.device(change.device).name == name)
}
