//! The application at one end of a connection: what it writes and when, what it reads, when it closes.

use super::marks::Marks;
use super::{AppConfig, Script};
use crate::record::story::End;
use crate::time::{SimDuration, SimTime};
use crate::wire::payload::{Payload, StreamId};

/// The application at one end.
#[derive(Clone, Debug)]
pub struct App {
    stream: StreamId,
    peer_stream: StreamId,
    work: Work,
    opened_at: SimTime,
    /// Bytes written so far: offered to the connection, whether it has taken them or not.
    written: u64,
    /// Bytes read so far.
    read: u64,
    /// What was written when; taken by the latency measurement.
    pub marks: Marks,
}

#[derive(Clone, Debug)]
enum Work {
    /// Reads only, and closes when the peer has.
    Reader,
    Bulk {
        left: Option<u64>,
        until: SimTime,
        /// `until` has been seen to have passed.
        over: bool,
    },
    Stream {
        rate: u64,
        unit: u64,
        total: u64,
    },
    Requests {
        request: u64,
        response: u64,
        count: u32,
        pause: SimDuration,
        sent: u32,
        next_at: SimTime,
    },
    Responses {
        request: u64,
        response: u64,
    },
    /// Writes `header` bytes from `header_at` on, and the rest `pause` later.
    Headed {
        header: u64,
        header_at: SimTime,
        pause: SimDuration,
        /// Nothing is written before.
        is_open: bool,
        /// Known once the header is written.
        rest_at: Option<SimTime>,
        total: u64,
    },
    Dialogue {
        script: Script,
        is_client: bool,
    },
    /// Writes `own` bytes; if it `waits`, once the peer has closed its direction.
    Then {
        own: u64,
        waits: bool,
    },
}

impl App {
    /// The application of `end` in this traffic, on a connection opened at `now`.
    #[must_use]
    pub fn new(config: &AppConfig, end: End, streams: (StreamId, StreamId), now: SimTime) -> Self {
        let is_client = end == End::Client;
        let work = match config.clone() {
            AppConfig::Bulk { bytes, duration, download } if download != is_client => Work::Bulk {
                left: bytes.map(|b| b.0),
                until: duration.map_or(SimTime::NEVER, |d| now + d),
                over: false,
            },
            AppConfig::Stream { rate, duration, download } if download != is_client => {
                let total = u128::from(rate.0) * u128::from(duration.0) / 8_000_000_000;
                // About a segment per write, but not more than a thousand writes a second.
                let unit = (rate.0 / 8_000).max(1_400);
                Work::Stream { rate: rate.0, unit, total: total as u64 }
            }
            AppConfig::Bulk { .. } | AppConfig::Stream { .. } => Work::Reader,
            AppConfig::RequestResponse { request, response, count, pause } => {
                let (request, response) = (request.0.max(1), response.0.max(1));
                if is_client {
                    Work::Requests { request, response, count, pause, sent: 0, next_at: now }
                } else {
                    Work::Responses { request, response }
                }
            }
            AppConfig::Dialogue { turns } => {
                Work::Dialogue { script: Script::new(&turns, end), is_client }
            }
            AppConfig::UpThenDown {
                up,
                down,
                header,
                idle,
                pause,
                duplex,
                down_header,
                down_pause,
            } => {
                let headed = |header: u64, header_at, pause, rest: u64| Work::Headed {
                    header,
                    header_at,
                    pause,
                    is_open: false,
                    rest_at: None,
                    total: header + rest,
                };
                if is_client {
                    headed(header.0, now + idle, pause, up.0)
                } else if duplex && (down_header.0 > 0 || down_pause > SimDuration::ZERO) {
                    headed(down_header.0, now, down_pause, down.0)
                } else {
                    Work::Then { own: down.0, waits: !duplex }
                }
            }
        };
        let (stream, peer_stream) = streams;
        Self {
            stream,
            peer_stream,
            work,
            opened_at: now,
            written: 0,
            read: 0,
            marks: Marks::default(),
        }
    }

    /// Bytes written so far.
    #[must_use]
    pub const fn written(&self) -> u64 {
        self.written
    }

    /// True for an application that never writes.
    #[must_use]
    #[inline]
    pub const fn only_reads(&self) -> bool {
        matches!(self.work, Work::Reader)
    }

    /// The connection is open.
    pub const fn note_opening(&mut self) {
        if let Work::Headed { is_open, .. } = &mut self.work {
            *is_open = true;
        }
    }

    /// True for an application that writes whenever there is room, at no time of its own.
    #[must_use]
    #[inline]
    pub const fn writes_whenever_it_can(&self) -> bool {
        matches!(self.work, Work::Bulk { .. })
    }

    /// Bytes read so far.
    #[must_use]
    pub const fn read(&self) -> u64 {
        self.read
    }

    /// `len` bytes that were written, from `offset` on.
    #[must_use]
    #[inline(always)] // once for each segment with data
    pub fn payload(&self, offset: u64, len: u32) -> Payload {
        if let Work::Dialogue { script, .. } = &self.work {
            // Where they stand in the stream is for those who watch; the bytes speak for themselves.
            return Payload { offset, ..Payload::literal(script.own(offset, len)) };
        }
        Payload::described(self.stream, offset, len)
    }

    /// Writes what is due by `now`. A writer of bulk data fills the room up to `limit` (the end of
    /// the send buffer, as an offset); the others write in their own time.
    /// `peer_closed` says that the peer will write no more.
    #[inline(always)] // once for each acknowledgement
    pub fn write(&mut self, now: SimTime, limit: u64, peer_closed: bool) {
        if let Work::Bulk { left, until, over } = &mut self.work {
            if now >= *until {
                *over = true;
                return;
            }
            let target = left.map_or(limit, |total| total.min(limit));
            self.write_up_to(now, target);
        } else {
            self.write_in_its_own_time(now, limit, peer_closed);
        }
    }

    #[inline(always)]
    fn write_up_to(&mut self, now: SimTime, target: u64) {
        if target > self.written {
            self.written = target;
            self.marks.push(target, now);
        }
    }

    #[inline(never)]
    fn write_in_its_own_time(&mut self, now: SimTime, limit: u64, peer_closed: bool) {
        let target = match &mut self.work {
            Work::Reader | Work::Bulk { .. } => return,
            Work::Stream { rate, unit, total } => {
                let elapsed = u128::from(now.since(self.opened_at).0);
                let units = elapsed * u128::from(*rate) / 8_000_000_000 / u128::from(*unit) + 1;
                (units as u64).saturating_mul(*unit).min(*total)
            }
            Work::Requests { request, response, count, pause, sent, next_at } => {
                let answered = self.read / *response;
                if *sent > 0 && u64::from(*sent) == answered && *next_at == SimTime::NEVER {
                    *next_at = now + *pause;
                }
                if *sent < *count && now >= *next_at {
                    *sent += 1;
                    *next_at = SimTime::NEVER;
                }
                u64::from(*sent) * *request
            }
            Work::Responses { request, response } => self.read / *request * *response,
            Work::Headed { header, header_at, pause, is_open, rest_at, total } => {
                if !*is_open || now < *header_at {
                    return;
                }
                let rest_at = *rest_at.get_or_insert(now + *pause);
                let written = if now >= rest_at { *total } else { *header };
                written.min(limit)
            }
            Work::Dialogue { script, .. } => script.say(now, self.read).min(limit),
            Work::Then { own, waits } => {
                if *waits && !peer_closed {
                    return;
                }
                (*own).min(limit)
            }
        };
        self.write_up_to(now, target);
    }

    /// When [`App::write`] has something to do again by itself.
    #[must_use]
    #[inline]
    pub fn next_write_at(&self) -> SimTime {
        match &self.work {
            Work::Stream { rate, unit, total } if self.written < *total => {
                let ns = u128::from(self.written / unit * unit) * 8_000_000_000;
                self.opened_at + SimDuration(ns.div_ceil(u128::from(*rate)) as u64)
            }
            Work::Requests { sent, count, next_at, .. } if sent < count => *next_at,
            Work::Bulk { until, over: false, .. } => *until,
            Work::Dialogue { script, .. } => script.next_at(),
            Work::Headed { header_at, is_open: true, rest_at: None, .. } => *header_at,
            Work::Headed { header, rest_at: Some(rest_at), total, .. }
                if self.written == *header && header < total =>
            {
                *rest_at
            }
            _ => SimTime::NEVER,
        }
    }

    /// True when everything is written: the connection may be closed for writing. `peer_closed` says
    /// that the peer will write no more.
    #[must_use]
    #[inline(always)] // once for each acknowledgement
    pub fn has_finished(&self, now: SimTime, peer_closed: bool) -> bool {
        match &self.work {
            Work::Bulk { left, until, .. } => {
                now >= *until || left.is_some_and(|total| self.written >= total)
            }
            _ => self.has_said_all(now, peer_closed),
        }
    }

    #[inline(never)]
    fn has_said_all(&self, now: SimTime, peer_closed: bool) -> bool {
        match &self.work {
            Work::Reader | Work::Responses { .. } => peer_closed,
            Work::Bulk { .. } => self.has_finished(now, peer_closed),
            Work::Stream { total, .. } => self.written >= *total,
            Work::Requests { response, count, sent, .. } => {
                sent >= count && self.read >= u64::from(*count) * *response
            }
            Work::Headed { total, .. } => self.written >= *total,
            Work::Dialogue { script, is_client } => {
                script.is_over(self.written, self.read, *is_client) && (*is_client || peer_closed)
            }
            Work::Then { own, waits } => self.written >= *own && (peer_closed || !waits),
        }
    }

    /// Takes delivered payload; `Err` with the offset of the first wrong byte when it is not what the
    /// peer wrote.
    ///
    /// # Errors
    /// The offset in the peer's stream.
    #[inline(always)] // once for each segment with data
    pub fn deliver(&mut self, payload: &Payload) -> Result<(), u64> {
        let at = self.read;
        self.read += u64::from(payload.len);
        if let Work::Dialogue { script, .. } = &self.work {
            return script.wrong(at, &payload.to_vec()).map_or(Ok(()), Err);
        }
        if payload.matches(self.peer_stream, at) {
            return Ok(());
        }
        let bytes = payload.to_vec();
        let differs = |i: &usize| {
            bytes[*i] != crate::wire::payload::content_byte(self.peer_stream, at + *i as u64)
        };
        match (0..bytes.len()).find(differs) {
            Some(i) => Err(at + i as u64),
            None => Ok(()), // another piece of the pattern that happens to be equal
        }
    }
}
