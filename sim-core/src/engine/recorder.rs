//! Keeping what devices sign, in bounded space: every change is counted, and kept in full where it can
//! matter to a verdict.

use std::collections::BTreeMap;
use std::mem::discriminant;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::device::{Change, Signed};
use crate::record::{ChangeRecord, DeviceId};
use crate::time::SimTime;
use crate::wire::packet::{Flags, Flow};

/// Changes of one kind by one rule on one flow that are kept in full; opening and closing packets
/// always are.
const KEPT_PER_KIND: u32 = 16;
/// Changes kept in full in all.
const KEPT_IN_ALL: usize = 200_000;

/// What the run has recorded of devices' changes.
#[derive(Debug, Default)]
pub struct Recorder {
    kept: Vec<ChangeRecord>,
    totals: Vec<BTreeMap<String, u64>>,
    /// Index into `counts` by device and kind of change, so that the common change costs no string.
    index: FxHashMap<(u32, std::mem::Discriminant<Change>, u16), usize>,
    counts: Vec<(u32, String, u64)>,
    per_flow: FxHashMap<(u32, usize, std::mem::Discriminant<Change>, Flow), u32>,
}

impl Recorder {
    /// Takes one signed change.
    pub fn take(&mut self, at: SimTime, device: DeviceId, flags: Flags, signed: Signed) {
        let kind = discriminant(&signed.change);
        let detail = match signed.change {
            Change::OptionBlanked { kind, with, .. } => u16::from(kind) << 1 | u16::from(with == 0),
            Change::OptionRemoved { kind, .. } | Change::OptionAdded { kind } => u16::from(kind),
            Change::Field { name } => name.len() as u16 ^ u16::from(name.as_bytes()[0]) << 8,
            Change::Allowed { what } => what.len() as u16 ^ u16::from(what.as_bytes()[0]) << 8,
            _ => 0,
        };
        let counts = &mut self.counts;
        let entry = *self.index.entry((device.0, kind, detail)).or_insert_with(|| {
            counts.push((device.0, signed.change.label(), 0));
            counts.len() - 1
        });
        counts[entry].2 += 1;

        let opens_or_closes = flags.0 & (Flags::SYN.0 | Flags::FIN.0 | Flags::RST.0) != 0;
        if !opens_or_closes {
            let rule = Arc::as_ptr(&signed.rule) as usize;
            let seen = self.per_flow.entry((device.0, rule, kind, signed.flow)).or_insert(0);
            *seen += 1;
            if *seen > KEPT_PER_KIND {
                return;
            }
        }
        if self.kept.len() < KEPT_IN_ALL {
            let Signed { packet, flow, rule, change } = signed;
            self.kept.push(ChangeRecord { at, device, packet, flow, rule, change });
        }
    }

    /// The kept changes, and the totals by label of each of `devices` devices.
    #[must_use]
    pub fn finish(mut self, devices: usize) -> (Vec<ChangeRecord>, Vec<BTreeMap<String, u64>>) {
        self.totals.resize_with(devices, BTreeMap::new);
        for (device, label, count) in self.counts {
            if let Some(totals) = self.totals.get_mut(device as usize) {
                *totals.entry(label).or_insert(0) += count;
            }
        }
        (self.kept, self.totals)
    }

    /// The kept changes so far.
    #[must_use]
    pub fn kept(&self) -> &[ChangeRecord] {
        &self.kept
    }
}
