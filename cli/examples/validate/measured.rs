//! A row of `measured.csv`: what a kernel did.

use std::collections::BTreeSet;

use sim_core::record::story::End;

use crate::measure::{Mode, Observation};

/// Goodput may differ by this much where nothing goes wrong on purpose.
const GOODPUT: f64 = 0.10;
/// A stall may differ by this factor.
const STALL: f64 = 2.0;
/// Stalls below this are the pauses of ordinary traffic.
const STALL_FLOOR_S: f64 = 0.05;

/// First line of a table.
pub(crate) const COLUMNS: &str = "row,mode,intact,joins,client_fell_back,server_fell_back,up_mbps,\
    down_mbps,event_s,stall_s,resets,reasoned_resets,fault,counters";

/// A row of `measured.csv`.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) row: String,
    pub(crate) mode: Mode,
    /// None: not known, for the transfer ended before its bytes were compared.
    pub(crate) is_intact: Option<bool>,
    pub(crate) joins: u64,
    /// None: that end's program died before it could tell.
    pub(crate) fell_back: [Option<bool>; 2],
    pub(crate) mbps: [Option<f64>; 2],
    pub(crate) event_s: Option<f64>,
    pub(crate) stall_s: Option<f64>,
    /// The list was cut after twelve RSTs; `reasoned_resets` is complete.
    pub(crate) resets: BTreeSet<(String, End, u8)>,
    pub(crate) reasoned_resets: usize,
    pub(crate) has_fault: bool,
    /// What the kernels counted, if that was recorded.
    pub(crate) counted: Option<BTreeSet<String>>,
}

impl Measured {
    /// Reads a line.
    pub(crate) fn read(line: &str) -> Option<Self> {
        let mut fields: Vec<&str> = line.split(',').collect();
        let counted = (fields.len() == 14).then(|| fields.pop()).flatten();
        let &[
            row,
            mode,
            intact,
            joins,
            client,
            server,
            up,
            down,
            event,
            stall,
            resets,
            reasoned,
            fault,
        ] = fields.as_slice()
        else {
            return None;
        };
        let resets = resets.split("; ").filter(|r| !r.is_empty()).map(|reset| {
            let mut words = reset.split(' ');
            let (path, end) = (words.next()?.to_owned(), words.next()?);
            let end = if end == "client" { End::Client } else { End::Server };
            Some((path, end, words.next()?.parse().ok()?))
        });
        Some(Self {
            row: row.to_owned(),
            mode: match mode {
                "mptcp" => Mode::Mptcp,
                "fallback" => Mode::Fallback,
                "tcp" => Mode::Tcp,
                "failed" => Mode::Failed,
                _ => return None,
            },
            is_intact: (!intact.is_empty()).then_some(intact == "yes"),
            joins: joins.parse().ok()?,
            fell_back: [client, server].map(|word| (!word.is_empty()).then_some(word == "yes")),
            mbps: [up.parse().ok(), down.parse().ok()],
            event_s: event.parse().ok(),
            stall_s: stall.parse().ok(),
            resets: resets.collect::<Option<_>>()?,
            reasoned_resets: reasoned.parse().ok()?,
            has_fault: fault == "yes",
            counted: counted.map(|words| {
                words.split("; ").filter(|word| !word.is_empty()).map(str::to_owned).collect()
            }),
        })
    }

    /// The row of a run in which something went wrong on purpose, or nothing did.
    pub(crate) fn of(row: String, seen: Observation, has_fault: bool) -> Self {
        Self {
            row,
            mode: seen.mode,
            is_intact: Some(seen.is_intact),
            joins: seen.joins,
            fell_back: seen.fell_back.map(Some),
            mbps: seen.mbps,
            event_s: Some(0.0),
            stall_s: Some(seen.longest_gap_after(0.0)),
            reasoned_resets: seen.resets.len(),
            resets: seen.resets,
            has_fault,
            counted: Some(seen.counted),
        }
    }

    /// The line that [`Self::read`] reads.
    pub(crate) fn line(&self) -> String {
        let [client, server] = self.fell_back.map(yes_no);
        [
            self.row.clone(),
            word(self.mode).to_owned(),
            yes_no(self.is_intact).to_owned(),
            self.joins.to_string(),
            client.to_owned(),
            server.to_owned(),
            number(self.mbps[0], 2),
            number(self.mbps[1], 2),
            number(self.event_s, 3),
            number(self.stall_s, 3),
            list(&self.resets),
            self.reasoned_resets.to_string(),
            yes_no(Some(self.has_fault)).to_owned(),
            self.counted.iter().flatten().cloned().collect::<Vec<_>>().join("; "),
        ]
        .join(",")
    }

    /// Everything in which our run is not what was measured.
    pub(crate) fn differences(&self, ours: &Observation) -> Vec<String> {
        let mut found = Vec::new();
        let mut check = |what, agrees: bool| {
            if !agrees {
                found.push(str::to_owned(what));
            }
        };
        check("mode", self.mode == ours.mode);
        check("intact", self.is_intact.is_none_or(|intact| intact == ours.is_intact));
        check("joins", self.joins == ours.joins);
        if self.mode == Mode::Failed {
            let known = self.fell_back.iter().zip(&ours.fell_back);
            let mut agree = known.map(|(measured, ours)| measured.is_none_or(|m| m == *ours));
            check("who fell back", agree.all(|agrees| agrees));
        }
        let cut = self.resets.len() < self.reasoned_resets
            && self.reasoned_resets == ours.resets.len()
            && self.resets.is_subset(&ours.resets);
        check("resets", self.resets == ours.resets || cut);
        if !self.has_fault {
            for (what, measured, ours) in [
                ("goodput up", self.mbps[0], ours.mbps[0]),
                ("goodput down", self.mbps[1], ours.mbps[1]),
            ] {
                check(what, is_near(measured, ours));
            }
        }
        if let (Some(event), Some(stall), true) =
            (self.event_s, self.stall_s, self.mode != Mode::Failed)
        {
            let ours = ours.longest_gap_after(event).max(STALL_FLOOR_S);
            let measured = stall.max(STALL_FLOOR_S);
            check("stall", measured <= ours * STALL && ours <= measured * STALL);
        }
        if let Some(counted) = &self.counted {
            found.extend(counted.difference(&ours.counted).map(|name| format!("no {name}")));
            found.extend(ours.counted.difference(counted).map(|name| format!("a {name}")));
        }
        found
    }
}

fn is_near(measured: Option<f64>, ours: Option<f64>) -> bool {
    match (measured, ours) {
        (Some(measured), Some(ours)) => (measured - ours).abs() <= GOODPUT * measured,
        (measured, ours) => measured.is_none() == ours.is_none(),
    }
}

pub(crate) const fn word(mode: Mode) -> &'static str {
    match mode {
        Mode::Mptcp => "mptcp",
        Mode::Fallback => "fallback",
        Mode::Tcp => "tcp",
        Mode::Failed => "failed",
    }
}

pub(crate) const fn yes_no(value: Option<bool>) -> &'static str {
    match value {
        Some(true) => "yes",
        Some(false) => "no",
        None => "",
    }
}

pub(crate) fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(String::new, |value| format!("{value:.digits$}"))
}

pub(crate) fn list(resets: &BTreeSet<(String, End, u8)>) -> String {
    let end = |end: End| if end == End::Client { "client" } else { "server" };
    let words = resets.iter().map(|(path, by, reason)| format!("{path} {} {reason}", end(*by)));
    words.collect::<Vec<_>>().join("; ")
}
