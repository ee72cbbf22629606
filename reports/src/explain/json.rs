//! The story as JSON. Field names are stable; more may be added.

use serde::Serialize;
use sim_core::engine::device::{Origin, Rule};
use sim_core::record::story::End;

use super::{Advice, Request, Step, What, advice, steps, summary};
use crate::figures::rounded;
use crate::messages::{Language, Message};
use crate::sightings::Frame;

/// The story of a run's connections.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation<'a> {
    scenario: &'a str,
    title: &'a str,
    seed: u64,
    language: &'static str,
    connections: Vec<Connection<'a>>,
}

#[derive(Clone, Debug, Serialize)]
struct Connection<'a> {
    name: &'a str,
    client: &'a str,
    server: &'a str,
    verdict: &'static str,
    verdict_text: String,
    cause: Option<String>,
    steps: Vec<Told>,
    advice: Vec<Advised>,
}

#[derive(Clone, Debug, Serialize)]
struct Told {
    at_s: f64,
    until_s: f64,
    times: u32,
    sentence: String,
    #[serde(flatten)]
    who: Who,
    packet: Option<String>,
    frames: Vec<Frame>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(tag = "who", rename_all = "kebab-case")]
enum Who {
    Endpoint { end: Option<End>, host: String, subflow: Option<usize>, path: Option<String> },
    Device { device: String, model: &'static str, change: String, rule: Ruled },
    Scenario,
}

#[derive(Clone, Debug, Serialize)]
struct Ruled {
    text: String,
    default: bool,
    because: Option<String>,
    file: Option<String>,
    line: Option<u32>,
    source: &'static str,
}

#[derive(Clone, Debug, Serialize)]
struct Advised {
    sentence: String,
    device: Option<String>,
    lines: Vec<String>,
    caution: Option<String>,
    source: Option<&'static str>,
}

impl<'a> Explanation<'a> {
    /// The story that is asked for.
    #[must_use]
    pub fn new(request: &Request<'a>) -> Self {
        let record = request.record;
        let connections = request.connections().map(|(index, connection)| {
            let steps = steps(record, index);
            Connection {
                name: &connection.name,
                client: &connection.client,
                server: &connection.server,
                verdict: connection.outcome.verdict.word(),
                verdict_text: request.language.say(&Message::Verdict(connection)),
                cause: connection
                    .outcome
                    .cause
                    .as_ref()
                    .map(|cause| request.language.say(&Message::Cause(cause))),
                steps: steps.iter().map(|step| told(request.language, step)).collect(),
                advice: advice(connection, &steps)
                    .iter()
                    .map(|a| advised(request.language, a))
                    .collect(),
            }
        });
        Self {
            scenario: &record.scenario,
            title: &record.title,
            seed: record.seed,
            language: request.language.tag(),
            connections: connections.collect(),
        }
    }

    /// One line, without a line break.
    #[must_use]
    pub fn to_json_line(&self) -> String {
        serde_json::to_string(self).expect("strings and finite numbers are always JSON")
    }
}

fn told(language: Language, step: &Step<'_>) -> Told {
    let who = match &step.what {
        What::Fact { end, host, subflow, .. } => Who::Endpoint {
            end: Some(*end),
            host: (*host).to_owned(),
            subflow: subflow.map(|(k, _)| k + 1),
            path: subflow.map(|(_, path)| path.to_owned()),
        },
        What::Act { host, packet, .. } => Who::Endpoint {
            end: None,
            host: (*host).to_owned(),
            subflow: packet.and_then(|packet| packet.subflow).map(|k| k + 1),
            path: packet.and_then(|packet| packet.path.clone()),
        },
        What::Change { device, change, .. } => Who::Device {
            device: device.name.clone(),
            model: device.model,
            change: change.change.label(),
            rule: ruled(language, &change.rule),
        },
        What::Event(_) => Who::Scenario,
    };
    Told {
        at_s: rounded(step.at.as_secs_f64()),
        until_s: rounded(step.until.as_secs_f64()),
        times: step.times,
        sentence: language.say(&Message::Step(step)),
        who,
        packet: step.packet.map(summary),
        frames: step.frames.clone(),
    }
}

fn ruled(language: Language, rule: &Rule) -> Ruled {
    Ruled {
        text: rule.text.clone(),
        default: matches!(rule.origin, Origin::Default { .. }),
        because: rule.because().map(|because| language.of(because).to_owned()),
        file: rule.line().map(|line| line.file.clone()),
        line: rule.line().map(|line| line.line),
        source: rule.source,
    }
}

fn advised(language: Language, advice: &Advice<'_>) -> Advised {
    let sentence = language.say(&Message::Advice(advice));
    match advice {
        Advice::Device { device, remedy, .. } => Advised {
            sentence,
            device: Some((*device).to_owned()),
            lines: remedy.lines.clone(),
            caution: remedy.caution.as_ref().map(|caution| language.of(caution).to_owned()),
            source: Some(remedy.source),
        },
        Advice::Rule { device, rule, .. } | Advice::Scenario { device, rule } => Advised {
            sentence,
            device: Some((*device).to_owned()),
            lines: Vec::new(),
            caution: None,
            source: Some(rule.source),
        },
        Advice::EnableMptcp { .. }
        | Advice::SameVersion
        | Advice::Network(_)
        | Advice::Nothing
        | Advice::Unknown => {
            Advised { sentence, device: None, lines: Vec::new(), caution: None, source: None }
        }
    }
}
