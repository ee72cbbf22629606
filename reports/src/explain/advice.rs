//! What an engineer can do: read from who is to blame, and from the remedy that a device signed with its
//! rule. No product is known here.

use std::sync::Arc;

use sim_core::engine::device::{Change, Origin, Remedy, Rule};
use sim_core::record::ConnectionRecord;
use sim_core::record::outcome::{Act, Blame, CauseLink, Trouble, Verdict};
use sim_core::record::story::{End, FallbackReason};

use super::{Step, What};

/// One thing to do, or to know.
#[derive(Clone, Debug, PartialEq)]
pub enum Advice<'a> {
    /// What the device's model says.
    Device {
        /// The device.
        device: &'a str,
        /// Its model.
        model: &'static str,
        /// What to do.
        remedy: Arc<Remedy>,
    },
    /// The device's rule is in force, and the model knows no other way.
    Rule {
        /// The device.
        device: &'a str,
        /// Its model.
        model: &'static str,
        /// The rule.
        rule: Arc<Rule>,
    },
    /// The scenario set the rule: only the scenario can say otherwise.
    Scenario {
        /// The device.
        device: &'a str,
        /// The rule.
        rule: Arc<Rule>,
    },
    /// MPTCP is off on a host.
    EnableMptcp {
        /// Which end.
        end: End,
        /// The host.
        host: &'a str,
    },
    /// The versions of the two ends do not meet.
    SameVersion,
    /// Something in the network, not a device.
    Network(&'a Trouble),
    /// MPTCP works: nothing needs to be done.
    Nothing,
    /// What came in the way is not known well enough to say more.
    Unknown,
}

/// What can be done about a connection whose story has these steps, the most important first.
#[must_use]
pub fn advice<'a>(connection: &'a ConnectionRecord, steps: &[Step<'a>]) -> Vec<Advice<'a>> {
    let of_subflows = connection.subflows.iter().filter_map(|subflow| subflow.cause.as_ref());
    let causes = connection.outcome.cause.iter().chain(of_subflows);
    let mut all: Vec<Advice<'a>> = Vec::new();
    for link in causes.flat_map(|cause| &cause.links) {
        match of_link(link) {
            // What a device did explains what the network seems to do.
            Some(Advice::Network(_)) if !all.is_empty() => {}
            Some(advice) if !all.contains(&advice) => all.push(advice),
            _ => {}
        }
    }
    for advice in steps.iter().filter_map(of_step) {
        if !all.contains(&advice) {
            all.push(advice);
        }
    }
    if all.is_empty() {
        let works = connection.outcome.verdict == Verdict::Mptcp;
        all.push(if works { Advice::Nothing } else { Advice::Unknown });
    }
    all
}

fn of_link(link: &CauseLink) -> Option<Advice<'_>> {
    match &link.who {
        Blame::Device { device, model, rule, .. } => Some(match (&rule.remedy, &rule.origin) {
            (Some(remedy), _) => Advice::Device { device, model, remedy: Arc::clone(remedy) },
            (None, Origin::Scenario) => Advice::Scenario { device, rule: Arc::clone(rule) },
            (None, _) => Advice::Rule { device, model, rule: Arc::clone(rule) },
        }),
        Blame::Endpoint { end, host, act } => match act {
            Act::SpeaksPlainTcp | Act::FellBack(FallbackReason::NotSpoken) => {
                Some(Advice::EnableMptcp { end: *end, host })
            }
            Act::FellBack(FallbackReason::VersionMismatch) => Some(Advice::SameVersion),
            _ => None,
        },
        Blame::Network(trouble) => Some(Advice::Network(trouble)),
    }
}

/// What did not decide the verdict may cost something: what lets MPTCP through past an inspection, and
/// what was dropped on the way, where the model knows what to do.
fn of_step<'a>(step: &Step<'a>) -> Option<Advice<'a>> {
    let What::Change { device, change, .. } = step.what else { return None };
    let costs = change.change.allows() || matches!(change.change, Change::Dropped { .. });
    let remedy = change.rule.remedy.as_ref().filter(|_| costs)?;
    Some(Advice::Device { device: &device.name, model: device.model, remedy: Arc::clone(remedy) })
}
