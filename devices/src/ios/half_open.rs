//! Limits on half-open sessions, as CBAC and the zone-based firewall keep them: above a high mark the
//! oldest are deleted until a low mark is reached (`max-incomplete`, `one-minute`), and a single host
//! is protected by a limit of its own.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use sim_core::engine::device::{ConfigLine, Rule};
use sim_core::time::{SimDuration, SimTime};

use crate::steps::track::Table;

use super::log::Log;
use super::{Refused, refuse, remedy};

/// The marks. `u32::MAX` is no limit.
#[derive(Clone, Debug)]
pub(crate) struct Marks {
    pub(crate) incomplete_high: u32,
    pub(crate) incomplete_low: u32,
    pub(crate) minute_high: u32,
    pub(crate) minute_low: u32,
    /// `tcp max-incomplete host N`.
    pub(crate) host: u32,
    /// `block-time M`: the host is not called again for so long; zero: the oldest makes place.
    pub(crate) block: SimDuration,
    /// The line that set the host's limit.
    pub(crate) host_place: Option<ConfigLine>,
}

impl Marks {
    /// No limit at all.
    pub(crate) const fn unlimited() -> Self {
        Self {
            incomplete_high: u32::MAX,
            incomplete_low: u32::MAX,
            minute_high: u32::MAX,
            minute_low: u32::MAX,
            host: u32::MAX,
            block: SimDuration::ZERO,
            host_place: None,
        }
    }
}

/// What the limits remember.
#[derive(Clone, Debug, Default)]
pub(crate) struct HalfOpen {
    /// When sessions were opened within the last minute, while that is limited.
    minute: VecDeque<SimTime>,
    aggressive: bool,
    blocked: BTreeMap<IpAddr, SimTime>,
    /// Half-open sessions deleted.
    pub(crate) deleted: u64,
}

const MINUTE: SimDuration = SimDuration::from_secs(60);

impl HalfOpen {
    /// Makes place for a session to `host`.
    ///
    /// # Errors
    /// The host is blocked.
    pub(crate) fn admit<S>(
        &mut self,
        now: SimTime,
        host: IpAddr,
        marks: &Marks,
        table: &mut Table<S>,
        source: &'static str,
        log: &mut Log,
    ) -> Result<(), Refused> {
        self.blocked.retain(|_, until| now < *until);
        let host_rule = || {
            let text = format!("tcp max-incomplete host {}", marks.host);
            let rule = match &marks.host_place {
                Some(place) => Rule::config(place.text.clone(), place.clone(), source),
                None => Rule::default(text, source),
            };
            remedy::more_half_open(rule, source)
        };
        if self.blocked.contains_key(&host) {
            return refuse(&host_rule(), "host blocked");
        }
        self.relieve(now, marks, table, log);
        if marks.host < u32::MAX {
            self.protect(now, host, marks, table, &host_rule(), log)?;
        }
        if marks.minute_high < u32::MAX {
            self.minute.push_back(now);
        }
        Ok(())
    }

    /// Above a high mark the oldest half-open sessions go, down to the low mark.
    fn relieve<S>(&mut self, now: SimTime, marks: &Marks, table: &mut Table<S>, log: &mut Log) {
        while self.minute.front().is_some_and(|&at| now.since(at) >= MINUTE) {
            self.minute.pop_front();
        }
        let rate = self.minute.len();
        let (count, high) = (table.half_open(), marks.incomplete_high as usize);
        let too_many = count >= high;
        let too_fast = rate >= marks.minute_high as usize;
        if !self.aggressive && (too_many || too_fast) {
            self.aggressive = true;
            let text =
                format!("getting aggressive, count ({count}/{high}) current 1-min rate: {rate}");
            log.say(now, "FW-4-ALERT_ON", text);
        }
        if too_many {
            let low = marks.incomplete_low.min(marks.incomplete_high).max(1) as usize;
            while table.half_open() >= low && self.delete_oldest(table) {}
        } else if too_fast {
            self.delete_oldest(table);
        }
        let (count, low) = (table.half_open(), marks.incomplete_low as usize);
        if self.aggressive && count < low.max(1) && rate < marks.minute_low as usize {
            self.aggressive = false;
            let text = format!("calming down, count ({count}/{low}) current 1-min rate: {rate}");
            log.say(now, "FW-4-ALERT_OFF", text);
        }
    }

    fn delete_oldest<S>(&mut self, table: &mut Table<S>) -> bool {
        let Some(oldest) = table.oldest_half_open() else { return false };
        table.remove(oldest);
        self.deleted += 1;
        true
    }

    fn protect<S>(
        &mut self,
        now: SimTime,
        host: IpAddr,
        marks: &Marks,
        table: &mut Table<S>,
        rule: &Arc<Rule>,
        log: &mut Log,
    ) -> Result<(), Refused> {
        let calls_host = |id: &_| table.get(*id).is_some_and(|c| c.translated.dst.ip() == host);
        let calling: Vec<_> = table.half_open_ids().filter(calls_host).collect();
        if calling.len() < marks.host as usize {
            return Ok(());
        }
        let most = marks.host;
        let text = format!("Max tcp half-open connections ({most}) exceeded for host {host}.");
        log.say(now, "FW-4-HOST_TCP_ALERT_ON", text);
        if marks.block == SimDuration::ZERO {
            if let Some(&oldest) = calling.first() {
                table.remove(oldest);
                self.deleted += 1;
            }
            return Ok(());
        }
        for id in calling {
            table.remove(id);
            self.deleted += 1;
        }
        self.blocked.insert(host, now + marks.block);
        let minutes = marks.block.as_nanos() / MINUTE.as_nanos();
        let text = format!(
            "Blocking new TCP connections to host {host} for {minutes} minute{} (half-open count {most} exceeded)",
            if minutes == 1 { "" } else { "s" }
        );
        log.say(now, "FW-2-BLOCK_HOST", text);
        refuse(rule, "host blocked")
    }

    /// Forgets everything but what was counted.
    pub(crate) fn clear(&mut self) {
        *self = Self { deleted: self.deleted, ..Self::default() };
    }
}
