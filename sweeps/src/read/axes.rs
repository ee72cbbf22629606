//! From the axes of a sweep file to axes that give values.

use std::collections::BTreeSet;
use std::ops::Range;

use scenarios::Diagnostic;
use scenarios::tree::{Node, Step};
use sim_core::rng::Probability;

use super::{Reader, entries};
use crate::axis::{Axis, Case, Setting, Target, Trait, Values};
use crate::draw::Sampler;
use crate::file::{self, Keys, Scale, Share, Weighted};
use crate::quantity::{Kind, Quantity};

/// Most values of an axis, and most traits of a population: more are a mistake.
const VALUES_MAX: usize = 100_000;
const TRAITS_MAX: usize = 16;

type Refused = Box<Diagnostic>;

impl Reader<'_> {
    /// The axes; what is wrong with them goes to `faults`.
    pub(super) fn axes(&self, faults: &mut Vec<Diagnostic>) -> Vec<Axis> {
        let mut axes: Vec<Axis> = Vec::new();
        let (mut names, mut columns) = (BTreeSet::new(), BTreeSet::new());
        for (i, given) in self.sweep.axes.iter().enumerate() {
            let name = given.name().to_owned();
            let at_name = |message: String| Diagnostic::at(self.source, self.name_span(i), message);
            if name.trim().is_empty() {
                faults.push(at_name("an axis needs a name".into()).label("empty"));
            }
            let twice = !names.insert(name.clone());
            if twice {
                let fault = at_name(format!("two axes are called \"{name}\""));
                faults.push(fault.label("the second one"));
            }
            let axis = match self.values(i, given) {
                Ok(values) => Axis { name, values },
                Err(fault) => {
                    faults.push(*fault);
                    // A stand-in, so that what names it is not told to be wrong as well.
                    Axis { name, values: Values::Fixed(Vec::new()) }
                }
            };
            if !columns.insert(axis.info().column()) && !twice {
                let message = format!("the column {} would be there twice", axis.info().column());
                faults.push(at_name(message).label("another axis has nearly this name"));
            }
            axes.push(axis);
        }
        axes
    }

    fn values(&self, i: usize, axis: &file::Axis) -> Result<Values, Refused> {
        let node = self.tree.nearest(&[Step::Key("axes"), Step::Index(i)]);
        let refuse = |field: &'static str, message: String, label: &str| {
            let span = node.nearest(&[Step::Key(field)]).span.clone();
            Box::new(Diagnostic::at(self.source, span, message).label(label))
        };
        match axis {
            file::Axis::List { set, values, .. } => {
                if values.is_empty() || values.len() > VALUES_MAX {
                    let message = format!("a list of 1 to {VALUES_MAX} values, please");
                    return Err(refuse("values", message, "here"));
                }
                let nodes = (0..values.len())
                    .filter_map(|k| node.step(Step::Key("values"))?.step(Step::Index(k)));
                let cases = nodes.map(|value| {
                    let keys = keys(node, set);
                    let text = one_line(self.text(value));
                    let label = value.text().map_or_else(|| text.clone(), str::to_owned);
                    Target { keys, value: value.span.clone() }.case(label, &text)
                });
                self.distinct(cases.collect(), |case| &case.label, "values", node)
                    .map(Values::Fixed)
            }
            file::Axis::Range { set, from, to, steps, scale, .. } => {
                let values = range(*from, *to, *steps, *scale)
                    .map_err(|(field, message)| refuse(field, message, "here"))?;
                let target = Target { keys: keys(node, set), value: node.span.clone() };
                let cases = values.into_iter().map(|value| target.case(value.clone(), &value));
                self.distinct(cases.collect(), |case| &case.label, "steps", node).map(Values::Fixed)
            }
            file::Axis::Cases { .. } => {
                let cases = entries(node.step(Step::Key("cases"))).iter().map(|(name, set)| Case {
                    label: name.text().unwrap_or_default().to_owned(),
                    settings: settings(self, Some(set)),
                });
                let cases = self.distinct(cases.collect(), |case| &case.label, "cases", node)?;
                Ok(Values::Fixed(cases))
            }
            file::Axis::Choice { cases, .. } => {
                self.choice(node, &cases.0).map_err(|message| refuse("cases", message, "here"))
            }
            file::Axis::Random { set, from, between, whole, .. } => {
                let sampler = Sampler::new(*from, *between, *whole)
                    .and_then(|s| s.draw(&mut sim_core::rng::Stream::new(0, "trial")).map(|_| s))
                    .map_err(|message| refuse("from", message, "no such distribution"))?;
                let value = node.nearest(&[Step::Key("from")]).span.clone();
                Ok(Values::Random(Target { keys: keys(node, set), value }, sampler))
            }
            file::Axis::Population { set, by, behaviours, .. } => {
                if behaviours.0.is_empty() || behaviours.0.len() > TRAITS_MAX {
                    let message = format!("1 to {TRAITS_MAX} behaviours, please");
                    return Err(refuse("behaviours", message, "here"));
                }
                let by = by.as_deref().map(|by| self.dependence(i, by)).transpose();
                let by = by.map_err(|fault| refuse("by", fault, "must be a fixed axis above"))?;
                let span = node.nearest(&[Step::Key("behaviours")]).span.clone();
                let target = Target { keys: keys(node, set), value: span };
                let traits = self.traits(node, &behaviours.0, by)?;
                Ok(Values::Population(target, by, traits))
            }
        }
    }

    fn choice(&self, node: &Node, cases: &[(String, Weighted)]) -> Result<Values, String> {
        let good = |weight: f64| weight.is_finite() && weight >= 0.0;
        if let Some((name, case)) = cases.iter().find(|(_, case)| !good(case.weight)) {
            return Err(format!("the weight of \"{name}\" is {}", case.weight));
        }
        if cases.iter().map(|(_, case)| case.weight).sum::<f64>() <= 0.0 {
            return Err("no case has a weight: nothing can be chosen".into());
        }
        let mut seen = BTreeSet::new();
        if let Some((name, _)) = cases.iter().find(|(name, _)| !seen.insert(name)) {
            return Err(format!("two cases are called \"{name}\""));
        }
        let weighted = entries(node.step(Step::Key("cases"))).iter().zip(cases);
        let weighted = weighted.map(|((_, value), (name, case))| {
            let settings = settings(self, value.step(Step::Key("set")));
            (case.weight, Case { label: name.clone(), settings })
        });
        Ok(Values::Choice(weighted.collect()))
    }

    /// Index of the fixed axis before axis `i` that a population depends on.
    fn dependence(&self, i: usize, by: &str) -> Result<usize, String> {
        let before = &self.sweep.axes[..i];
        let found = before.iter().position(|axis| axis.name() == by && axis.is_fixed());
        found.ok_or_else(|| format!("there is no fixed axis \"{by}\" above this one"))
    }

    fn traits(
        &self,
        node: &Node,
        behaviours: &[(String, file::Behaviour)],
        by: Option<usize>,
    ) -> Result<Vec<Trait>, Refused> {
        let labels: Vec<String> = match by.map(|axis| self.values(axis, &self.sweep.axes[axis])) {
            Some(Ok(Values::Fixed(cases))) => cases.into_iter().map(|case| case.label).collect(),
            _ => Vec::new(),
        };
        if by.is_some() && labels.is_empty() {
            // That axis is wrong, and told to be.
            return Ok(Vec::new());
        }
        let mut traits = Vec::new();
        for ((_, place), (name, behaviour)) in
            entries(node.step(Step::Key("behaviours"))).iter().zip(behaviours)
        {
            let shares = shares(&behaviour.share, &labels, by.is_some()).map_err(|message| {
                let span = place.nearest(&[Step::Key("share")]).span.clone();
                Box::new(Diagnostic::at(self.source, span, message).label("here"))
            })?;
            let rule = |k| place.step(Step::Key("rules"))?.step(Step::Index(k));
            let rules = (0..behaviour.rules.len()).filter_map(rule);
            let rules = rules.map(|rule| one_line(self.text(rule))).collect();
            traits.push(Trait { name: name.clone(), shares, rules });
        }
        Ok(traits)
    }

    /// The cases, if no two have one label.
    fn distinct(
        &self,
        cases: Vec<Case>,
        label: impl Fn(&Case) -> &String,
        field: &'static str,
        node: &Node,
    ) -> Result<Vec<Case>, Refused> {
        let mut seen = BTreeSet::new();
        let span = node.nearest(&[Step::Key(field)]).span.clone();
        let refuse = |message: String| {
            Box::new(Diagnostic::at(self.source, span.clone(), message).label("here"))
        };
        if cases.is_empty() {
            return Err(refuse("an axis needs values".into()));
        }
        match cases.iter().find(|case| !seen.insert(label(case))) {
            Some(case) => Err(refuse(format!("\"{}\" is there twice", label(case)))),
            None => Ok(cases),
        }
    }
}

/// The settings of a map: key and value as they stand in the text.
pub(super) fn settings(reader: &Reader<'_>, map: Option<&Node>) -> Vec<Setting> {
    let setting = |(key, value): &(Node, Node)| Setting {
        text: format!("{}={}", key.text().unwrap_or_default(), one_line(reader.text(value))),
        key: key.span.clone(),
        value: value.span.clone(),
    };
    entries(map).iter().map(setting).collect()
}

/// Keys with their places.
fn keys(axis: &Node, keys: &Keys) -> Vec<(String, Range<usize>)> {
    let place = |k| axis.nearest(&[Step::Key("set"), Step::Index(k)]).span.clone();
    keys.0.iter().enumerate().map(|(k, key)| (key.clone(), place(k))).collect()
}

/// A value over several lines as one, so that the command that replays a run is one; with comments in
/// it, it stays as it is.
fn one_line(text: &str) -> String {
    if !text.contains('\n') || text.contains("//") || text.contains('"') && has_long_string(text) {
        return text.to_owned();
    }
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// Whether a string goes over several lines.
fn has_long_string(text: &str) -> bool {
    text.lines().any(|line| line.matches('"').count() % 2 == 1)
}

fn range(
    from: Quantity,
    to: Quantity,
    steps: u32,
    scale: Scale,
) -> Result<Vec<String>, (&'static str, String)> {
    if from.kind != to.kind {
        let (one, other) = (from.kind.word(), to.kind.word());
        return Err(("to", format!("{one} and {other} do not go together")));
    }
    if steps < 2 || steps as usize > VALUES_MAX {
        return Err(("steps", format!("a range has 2 to {VALUES_MAX} values")));
    }
    if scale == Scale::Log && (from.value <= 0.0 || to.value <= 0.0) {
        return Err(("scale", "on a logarithmic scale both ends are more than 0".into()));
    }
    let part = |k: u32| f64::from(k) / f64::from(steps - 1);
    let value = |k: u32| match scale {
        _ if k == 0 => from.value,
        _ if k + 1 == steps => to.value,
        Scale::Linear => from.value + (to.value - from.value) * part(k),
        Scale::Log => three_digits(from.value * (to.value / from.value).powf(part(k))),
    };
    let written = |value: f64| {
        // Differences of decimal fractions are not exact: 0.1 + 0.2.
        let value = if from.kind == Kind::Number { twelve_digits(value) } else { value };
        from.kind.written(value).ok_or(("from", format!("{value} is not {}", from.kind.word())))
    };
    (0..steps).map(|k| written(value(k))).collect()
}

fn three_digits(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}

fn twelve_digits(value: f64) -> f64 {
    format!("{value:.11e}").parse().unwrap_or(value)
}

/// The probability for each of `labels`, or the one that there is.
fn shares(share: &Share, labels: &[String], depends: bool) -> Result<Vec<Probability>, String> {
    match share {
        Share::Same(p) if depends => Ok(vec![*p; labels.len()]),
        Share::Same(p) => Ok(vec![*p]),
        Share::By(_) if !depends => {
            Err("for shares by the values of an axis, name it: by: \"…\"".into())
        }
        Share::By(by) => {
            if let Some(name) = by.names().find(|name| !labels.iter().any(|label| label == name)) {
                return Err(format!("the axis has no value \"{name}\""));
            }
            let of = |label: &String| {
                by.get(label)
                    .copied()
                    .ok_or_else(|| format!("the share for \"{label}\" is missing"))
            };
            labels.iter().map(of).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let check = |from: &str, to: &str, steps, scale, expect: &[&str]| {
            let [from, to] = [from, to].map(|text| Quantity::parse(text).unwrap());
            assert_eq!(range(from, to, steps, scale).unwrap(), expect);
        };
        check("10 ms", "40 ms", 4, Scale::Linear, &["10 ms", "20 ms", "30 ms", "40 ms"]);
        check("1 Mbps", "100 Mbps", 3, Scale::Log, &["1 Mbps", "10 Mbps", "100 Mbps"]);
        check("0.1", "0.3", 3, Scale::Linear, &["0.1", "0.2", "0.3"]);
        check("0 %", "1 %", 3, Scale::Linear, &["0 %", "0.5 %", "1 %"]);
        check("1 ms", "10 ms", 3, Scale::Log, &["1 ms", "3.16 ms", "10 ms"]);
        check("4", "1", 4, Scale::Linear, &["4", "3", "2", "1"]);
    }

    #[test]
    fn values_are_one_line() {
        assert_eq!(
            one_line("Custom(rules: [\n    (do: Nop),\n])"),
            "Custom(rules: [ (do: Nop), ])"
        );
        assert_eq!(one_line("a // b\nc"), "a // b\nc");
        assert_eq!(one_line("\"a\nb\""), "\"a\nb\"");
    }
}
