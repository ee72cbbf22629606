//! Rows are read as their reader does, from the first to the last: where that tells otherwise of what several classes have
//! in common than what becomes of it, it is told by a row of its own.

use std::borrow::Cow;
use std::collections::BTreeSet;

use sim_core::wire::packet::Flow;

use crate::audit::Effect;
use crate::neighbours::linux::audit::class::Class;
use crate::neighbours::linux::audit::flows::{Call, Flows, Named, both};
use crate::neighbours::linux::audit::unnamed::Unnamed;
use crate::neighbours::linux::audit::ways::Way;

use super::{OfVersion, Outcome, Row, Tried, effect, versions};

/// Most rows that are added on one way.
const ADDED_MAX: usize = 12;
/// Most classes of which is told what they have in common.
const JOINED_MAX: usize = 3;
/// How often rows are read: one that is added may be read before others.
const READINGS: usize = 3;

/// What several classes have in common: its name, one such connection, and what becomes of it.
struct Joint<'n> {
    class: Class,
    call: Call,
    of: Vec<&'n Named>,
}

impl<'n> Joint<'n> {
    fn of(named: &'n Named) -> Self {
        Self { class: named.traffic.clone(), call: named.call(), of: vec![named] }
    }

    /// What it has in common with another class; nothing where that is nothing.
    fn with(&self, named: &'n Named, unnamed: &Unnamed) -> Option<Self> {
        let class = self.class.joined(&named.traffic)?;
        let [mine, other] = [self.call.flow, named.flow];
        let is_of_one = |flow: &Flow| flow.src.is_ipv6() == flow.dst.is_ipv6();
        let general = |of: Flow| unnamed.flow(of.dst.is_ipv6());
        let flows = [both(mine, other, general(mine)), both(other, mine, general(other))];
        let among = class.among(flows[0], unnamed);
        let flow =
            flows.into_iter().chain([among]).find(|flow| is_of_one(flow) && class.has(*flow))?;
        let call = Call {
            flow,
            calls_host: self.call.calls_host || named.calls_host,
            supposed: self.call.supposed.or(named.supposed),
        };
        let of = self.of.iter().copied().chain([named]).collect();
        Some(Self { class, call, of })
    }
}

/// What a row says of a connection.
enum Said {
    Nothing,
    /// By what the text does not tell of the connection, or by all others than some.
    Perhaps,
    Surely,
}

impl Row {
    fn speaks_of(&self, class: &Class, call: Call) -> Said {
        let of = |mine: &Class| {
            if !mine.has(call.flow) || mine.calls_host && !call.calls_host {
                return Said::Nothing;
            }
            match (&*mine.others, &*class.others) {
                ("", _) => Said::Surely,
                (mine, others) if mine == others => Said::Surely,
                (mine, _) if mine.contains(" than ") => Said::Perhaps,
                _ => Said::Nothing,
            }
        };
        let mut said = Said::Nothing;
        for mine in &self.classes {
            match of(mine) {
                Said::Surely => return Said::Surely,
                Said::Perhaps => said = Said::Perhaps,
                Said::Nothing => {}
            }
        }
        said
    }
}

/// What rows say of a connection: of those that name it surely the first, and what it may be by those before.
fn read(rows: &[Row], rest: Option<Effect>, class: &Class, call: Call) -> Vec<Effect> {
    let mut said = Vec::new();
    for row in rows {
        match row.speaks_of(class, call) {
            Said::Nothing => {}
            Said::Perhaps => said.push(row.outcome.0),
            Said::Surely => {
                said.push(row.outcome.0);
                return said;
            }
        }
    }
    said.extend(rest);
    said
}

/// Of what both versions of IP fare as one is found, else one of each.
fn of_each_version(
    class: &Class,
    told: Vec<(Call, Option<Outcome>)>,
) -> impl Iterator<Item = (Class, Call, Outcome)> {
    let is_alike = told.windows(2).all(|two| two[0].1 == two[1].1);
    let class = class.clone();
    let of = move |(call, outcome): (Call, Option<Outcome>)| {
        let mut class = class.clone();
        if !is_alike {
            class.over = if call.flow.dst.is_ipv6() { " over IPv6" } else { " over IPv4" };
        }
        Some((class, call, outcome?))
    };
    told.into_iter().filter_map(of)
}

/// As few classes as there need be.
fn merged(classes: Vec<Class>) -> Vec<Class> {
    let mut all: Vec<Class> = Vec::new();
    for mut class in classes {
        while let Some((at, both)) =
            all.iter().enumerate().find_map(|(at, known)| Some((at, known.merged(&class)?)))
        {
            all.remove(at);
            class = both;
        }
        all.push(class);
    }
    all
}

/// Rows that are added, each before the first that tells otherwise.
#[derive(Default)]
struct Added {
    classes: usize,
    /// The line that decides of the first of those for which there is no place.
    untold: Option<u32>,
}

/// True where an added row names a class.
fn is_named(rows: &[Row], class: &Class) -> bool {
    let name = class.to_string();
    let mut added = rows.iter().filter(|row| row.is_added).flat_map(|row| &row.classes);
    added.any(|of| of.to_string() == name)
}

impl Added {
    /// Adds what the rows tell otherwise of than what becomes of it.
    fn correct(
        &mut self,
        rows: &mut Vec<Row>,
        found: &[(Class, Call, Outcome)],
        rests: &[Option<Outcome>; 2],
    ) {
        for _ in 0..READINGS {
            let before = self.classes;
            for (class, call, outcome) in found {
                let rest = effect(&rests[usize::from(call.flow.dst.is_ipv6())]);
                let said = read(rows, rest, class, *call);
                if said.is_empty()
                    || said.iter().any(|said| [outcome.0, Effect::Unknown].contains(said))
                {
                    continue;
                }
                if self.classes == ADDED_MAX {
                    // The line of what becomes of it, or of the row that tells otherwise.
                    let told = rows
                        .iter()
                        .filter(|row| !matches!(row.speaks_of(class, *call), Said::Nothing));
                    let mut because = outcome.1.iter().chain(told.flat_map(|row| &row.outcome.1));
                    self.untold = self.untold.or(because.find_map(|of| of.line));
                    continue;
                }
                self.classes += 1;
                let tells_otherwise = |row: &Row| {
                    row.outcome.0 != outcome.0
                        && !matches!(row.speaks_of(class, *call), Said::Nothing)
                };
                let at = rows.iter().position(tells_otherwise).unwrap_or(rows.len());
                let is_such = |row: &&mut Row| row.is_added && row.outcome == *outcome;
                let before = at.checked_sub(1).and_then(|before| rows.get_mut(before));
                match before.filter(is_such) {
                    Some(row) => row.classes.push(class.clone()),
                    None => {
                        let classes = vec![class.clone()];
                        let row = Row { classes, is_added: true, ..Row::of(outcome.clone()) };
                        rows.insert(at, row);
                    }
                }
            }
            if self.classes == before {
                return;
            }
        }
    }

    /// Names those rows.
    fn finish(rows: &mut [Row]) {
        for row in rows.iter_mut().filter(|row| row.is_added) {
            row.classes = merged(std::mem::take(&mut row.classes));
            row.traffic = row.classes.iter().map(|class| format!("TCP{class}")).collect();
        }
    }
}

impl Tried {
    /// What becomes of what classes have in common, of each version of IP that they are of.
    fn of_versions(&mut self, joint: &Joint<'_>, flows: &Flows) -> Vec<(Call, Option<Outcome>)> {
        let mut calls = vec![joint.call];
        if flows.tells_versions && joint.of.iter().all(|named| named.is_of_ipv6.is_none()) {
            let mut six = joint.call;
            let [client, server] = flows.unnamed.ends[1];
            six.flow.src.set_ip(client);
            six.flow.dst.set_ip(server);
            calls.push(six);
        }
        calls.into_iter().map(|call| (call, self.one(call, &[]))).collect()
    }

    /// Adds rows where the first that names a connection tells otherwise of it than what becomes of it.
    pub(super) fn proofread(
        &mut self,
        rows: &mut Vec<Row>,
        tried: &[(Cow<'_, Named>, Vec<OfVersion>)],
        rests: &[Option<Outcome>; 2],
        flows: &Flows,
        way: &Way,
    ) {
        let named: Vec<&Named> = tried.iter().map(|(named, _)| &**named).collect();
        let mut left = flows.parts_max;
        // What is all of a class is told by its own row.
        let mut known: BTreeSet<String> =
            named.iter().map(|named| named.traffic.to_string()).collect();
        let mut found: Vec<(Class, Call, Outcome)> = Vec::new();
        let mut joints: Vec<Joint<'_>> = named.iter().map(|named| Joint::of(named)).collect();
        for (named, told) in tried {
            let calls = versions(named, flows).into_iter().map(|(_, flow)| named.called(flow));
            let told = calls.zip(told.iter().map(|(_, outcome)| outcome.clone())).collect();
            found.extend(of_each_version(&named.traffic, told));
        }
        let mut added = Added::default();
        let mut from = 0;
        for _ in 1..JOINED_MAX {
            added.correct(rows, &found, rests);
            // What has a row now may have parts that fare otherwise.
            joints[from..].sort_by_cached_key(|joint| !is_named(rows, &joint.class));
            let until = joints.len();
            for at in from..until {
                for named in &named {
                    if left == 0 || joints[at].of.iter().any(|of| std::ptr::eq(*of, *named)) {
                        continue;
                    }
                    let Some(joint) = joints[at].with(named, &flows.unnamed) else { continue };
                    let is_such = |of: &&Named| {
                        of.traffic.others.is_empty() || self.is_named_by(joint.call, of, way)
                    };
                    if !joint.of.iter().all(is_such) || !known.insert(joint.class.to_string()) {
                        continue;
                    }
                    left -= 1;
                    let told = self.of_versions(&joint, flows);
                    found.extend(of_each_version(&joint.class, told));
                    joints.push(joint);
                }
            }
            from = until;
        }
        added.correct(rows, &found, rests);
        Added::finish(rows);
        self.untold = self.untold.or(added.untold);
    }
}
