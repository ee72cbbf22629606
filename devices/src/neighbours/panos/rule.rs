//! A rule of PAN-OS: what it names, and which other rules it leaves nothing to.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;
use sim_core::engine::device::ConfigLine;

/// A rule of the security or decryption rulebase.
#[derive(Debug)]
pub(super) struct Rule<'t> {
    pub(super) name: &'t str,
    /// The virtual system or device group, where the text names it.
    pub(super) scope: Option<&'t str>,
    /// A template's rules before the device's own, those, and the ones after (Panorama).
    pub(super) base: Base,
    pub(super) place: ConfigLine,
    pub(super) from: Vec<&'t str>,
    pub(super) to: Vec<&'t str>,
    /// What it does; `None`: not said.
    pub(super) action: Option<(&'t str, ConfigLine)>,
    pub(super) disabled: bool,
    /// Those that it names, and the first line that names one.
    pub(super) services: (Vec<&'t str>, Option<ConfigLine>),
    /// Those that it names, and the first line that names one.
    pub(super) applications: (Vec<&'t str>, Option<ConfigLine>),
    /// `intrazone`, `interzone`: of connections within a zone, or between zones, alone; of a rule that decrypts, what
    /// it decrypts and how.
    pub(super) of_type: Option<&'t str>,
    /// It names addresses, applications, services or users: not all TCP.
    pub(super) is_narrow: bool,
    /// The schedule outside of which it does not hold.
    pub(super) schedule: Option<&'t str>,
    /// What it names of the settings in [`NAMING`], and whether all else is meant.
    pub(super) named: [(Vec<&'t str>, bool); NAMING.len()],
    /// The first line of each of those; 0: none.
    pub(super) named_in: [u32; NAMING.len()],
}

/// Settings by which a rule names less than all, but for zones, applications and services.
pub(super) const NAMING: [&str; 7] = [
    "source",
    "destination",
    "source-user",
    "category",
    "hip-profiles",
    "source-hip",
    "destination-hip",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Base {
    Pre,
    Own,
    Post,
}

impl<'t> Rule<'t> {
    pub(super) fn new(
        name: &'t str,
        scope: Option<&'t str>,
        base: Base,
        place: ConfigLine,
    ) -> Self {
        Self {
            name,
            scope,
            base,
            place,
            from: Vec::new(),
            to: Vec::new(),
            action: None,
            disabled: false,
            services: (Vec::new(), None),
            applications: (Vec::new(), None),
            of_type: None,
            is_narrow: false,
            schedule: None,
            named: Default::default(),
            named_in: Default::default(),
        }
    }

    /// True when it takes everything that another one would, which is asked after it: as far as their names tell.
    pub(super) fn shadows(&self, other: &Self) -> bool {
        let takes = |mine: &[&str], others: &[&str]| {
            is_any(mine) || !is_any(others) && others.iter().all(|name| mine.contains(name))
        };
        let takes_type = self.of_type.is_none() || self.of_type == other.of_type;
        let zones = [(&self.from, &other.from), (&self.to, &other.to)];
        let named = self.named.iter().zip(&other.named).all(|((mine, negated), (others, not))| {
            is_any(mine) || negated == not && (mine == others || !negated && takes(mine, others))
        });
        // What is shared and what is of a device group may have one name and be two things.
        let is_same_scope = self.scope == other.scope || self.scope.is_none() && self.is_of_all();
        takes_type
            && self.schedule.is_none()
            && is_same_scope
            && zones.iter().all(|(mine, others)| takes(mine, others))
            && takes(&self.applications.0, &other.applications.0)
            && takes(&self.services.0, &other.services.0)
            && named
    }

    /// No rule of its scope after it is asked.
    pub(super) fn is_of_all(&self) -> bool {
        is_any(&self.from) && is_any(&self.to) && !self.is_narrow && self.of_type.is_none()
    }

    /// Among the rules before or after a device's own: those that are shared come first before, and last after
    /// (Panorama Administrator's Guide, Device Group Policies).
    pub(super) fn is_asked_late(&self) -> bool {
        (self.base == Base::Pre) == self.scope.is_some()
    }

    /// Between which zones it holds.
    pub(super) fn way(&self) -> String {
        match self.of_type {
            Some("intrazone") => format!("within zone {}", label(&self.from)),
            _ => way(&label(&self.from), &label(&self.to)),
        }
    }

    /// What it is called, with its scope where the text has several.
    pub(super) fn title(&self, has_scopes: bool) -> String {
        match self.scope.filter(|_| has_scopes) {
            Some(scope) => format!("{} of {scope}", self.name),
            None => self.name.to_owned(),
        }
    }
}

/// For each of these rules, the first before it that leaves nothing to it ([`Rule::shadows`]).
pub(super) fn shadowed(rules: &[&Rule<'_>]) -> Vec<Option<usize>> {
    // A rule can only take what another one names if it names the first of that, or does not ask: it is found by what it
    // names of the first kind that it asks for.
    let mut by_name: FxHashMap<(usize, &str), Vec<usize>> = FxHashMap::default();
    let mut of_all = Vec::new();
    let mut shadowed = Vec::with_capacity(rules.len());
    for (at, rule) in rules.iter().enumerate() {
        let kinds = [
            &rule.named[0].0,
            &rule.named[1].0,
            &rule.services.0,
            &rule.applications.0,
            &rule.from,
            &rule.to,
        ];
        let firsts = kinds
            .iter()
            .enumerate()
            .filter_map(|(kind, names)| names.first().and_then(|name| by_name.get(&(kind, *name))));
        let candidates = firsts.chain([&of_all]);
        let first = candidates
            .filter_map(|of| of.iter().copied().find(|before| rules[*before].shadows(rule)))
            .min();
        shadowed.push(first);
        match kinds.iter().position(|names| !is_any(names)) {
            Some(kind) => {
                for name in kinds[kind] {
                    by_name.entry((kind, name)).or_default().push(at);
                }
            }
            None => of_all.push(at),
        }
    }
    shadowed
}

/// The rules that a connection may come to, and whether none is left to the defaults. Each virtual system or device
/// group asks its own and the shared ones, down to one that takes all.
pub(super) fn reached<'r, 't>(
    rules: Vec<&'r Rule<'t>>,
    systems: &BTreeSet<&'t str>,
) -> (Vec<&'r Rule<'t>>, bool) {
    let mut own: BTreeSet<Option<&str>> =
        rules.iter().map(|rule| rule.scope).filter(Option::is_some).collect();
    // Virtual systems without rules have the defaults; those of a template are none beside its device groups.
    if own.iter().flatten().all(|scope| systems.contains(scope)) {
        own.extend(systems.iter().map(|name| Some(*name)));
    }
    // Those that still ask.
    let mut asking = if own.is_empty() { BTreeSet::from([None]) } else { own };
    let mut asked = rules;
    asked.retain(|rule| {
        let asks = |scope: &Option<&str>| rule.scope.is_none() || rule.scope == *scope;
        let is_reached = asking.iter().any(asks);
        if rule.is_of_all() {
            asking.retain(|scope| !asks(scope));
        }
        is_reached
    });
    (asked, asking.is_empty())
}

pub(super) fn is_any(zones: &[&str]) -> bool {
    zones.iter().all(|zone| *zone == "any")
}

pub(super) fn label(zones: &[&str]) -> String {
    if zones.is_empty() { "any".to_owned() } else { zones.join(", ") }
}

pub(super) fn way(from: &str, to: &str) -> String {
    format!("zone {from} to zone {to}")
}
