//! `--set KEY=VALUE`: a setting changed from the command line.
//!
//! The value is put into the scenario's text, and the text is read again: so a setting from the command
//! line is read, checked and refused by exactly the rules of the file.
//! A key is a path of names: `hosts.client.scheduler`, `topology.paths[0].rate`, `traffic.video.rate`
//! (an element of a list goes by its number, from 0, or by its name).

use std::ops::Range;

use crate::diagnostic::{Diagnostic, Source};
use crate::tree::{Kind, Node, Step};

/// Maps at the top of a scenario; what is missing in them is added under a key, not a field.
const MAPS: [&str; 2] = ["hosts", "devices"];

/// What messages call the text of a setting: the option that gives one.
pub const ARGUMENT: &str = "--set";

/// One `KEY=VALUE`, as the command line gave it.
#[derive(Clone, Debug)]
pub struct Override {
    /// The whole argument, for messages.
    argument: Source,
    /// Length of the key.
    key_len: usize,
}

/// A step of a key, with its place in it.
struct KeyStep<'k> {
    step: Step<'k>,
    span: Range<usize>,
}

impl Override {
    /// Reads `KEY=VALUE`.
    ///
    /// # Errors
    /// A diagnostic for what is no such thing.
    pub fn parse(argument: &str) -> Result<Self, Box<Diagnostic>> {
        let source = Source { file: ARGUMENT.into(), text: argument.into() };
        match argument.find('=') {
            Some(key_len) if key_len > 0 => Ok(Self { argument: source, key_len }),
            _ => {
                let diagnostic = Diagnostic::at(&source, 0..argument.len(), "expected KEY=VALUE")
                    .label("here")
                    .help("such as hosts.client.scheduler=RoundRobin");
                Err(Box::new(diagnostic))
            }
        }
    }

    fn key(&self) -> &str {
        &self.argument.text[..self.key_len]
    }

    fn value(&self) -> &str {
        self.argument.text[self.key_len + 1..].trim()
    }

    fn fault(&self, span: Range<usize>, message: impl Into<String>) -> Box<Diagnostic> {
        Box::new(Diagnostic::at(&self.argument, span, message).label("here"))
    }

    /// The text with the setting in it.
    ///
    /// # Errors
    /// A diagnostic for a key that leads nowhere.
    pub fn apply(&self, text: &str, tree: &Node) -> Result<String, Box<Diagnostic>> {
        let steps = self.steps()?;
        let mut node = tree;
        for (done, key) in steps.iter().enumerate() {
            match node.step(key.step) {
                Some(next) => node = next,
                None => return self.insert(text, node, &steps, done),
            }
        }
        let value = self.written(Some(node));
        Ok(format!("{}{value}{}", &text[..node.span.start], &text[node.span.end..]))
    }

    /// A diagnostic about the text after [`Override::apply`], told as one about the setting.
    #[must_use]
    pub fn blame(&self, diagnostic: Diagnostic) -> Diagnostic {
        let end = self.argument.text.len();
        let about_key = diagnostic.message.starts_with("unknown field");
        let span = if about_key { 0..self.key_len } else { (self.key_len + 1).min(end)..end };
        Diagnostic {
            file: self.argument.file.clone(),
            place: Some((self.argument.text.clone(), span)),
            ..diagnostic
        }
    }

    fn steps(&self) -> Result<Vec<KeyStep<'_>>, Box<Diagnostic>> {
        let mut steps = Vec::new();
        let mut start = 0;
        for part in self.key().split('.') {
            let end = start + part.len();
            let (name, indices) = part.split_once('[').unwrap_or((part, ""));
            if name.is_empty() {
                return Err(self.fault(start..end.max(start + 1), "expected a name"));
            }
            steps.push(KeyStep { step: Step::Key(name), span: start..start + name.len() });
            if !indices.is_empty() {
                for index in indices.split('[') {
                    let number = index.strip_suffix(']').and_then(|digits| digits.parse().ok());
                    let Some(number) = number else {
                        let message = "expected the number of an element, such as [0]";
                        return Err(self.fault(start + name.len()..end, message));
                    };
                    steps
                        .push(KeyStep { step: Step::Index(number), span: start + name.len()..end });
                }
            }
            start = end + 1;
        }
        Ok(steps)
    }

    /// Adds what is missing from step `done` on into `node`.
    fn insert(
        &self,
        text: &str,
        node: &Node,
        steps: &[KeyStep<'_>],
        done: usize,
    ) -> Result<String, Box<Diagnostic>> {
        let missing = &steps[done];
        let (Step::Key(name), Kind::Struct { .. } | Kind::Map(_)) = (missing.step, &node.kind)
        else {
            return Err(Box::new(self.no_such(node, missing)));
        };
        let mut value = self.written(None);
        for (depth, step) in steps.iter().enumerate().skip(done + 1).rev() {
            let Step::Key(key) = step.step else {
                return Err(Box::new(self.no_such(node, missing)));
            };
            let in_map = depth == 1 && MAPS.iter().any(|&map| steps[0].step == Step::Key(map));
            value = if in_map {
                format!("{{ \"{key}\": {value} }}")
            } else {
                format!("({key}: {value})")
            };
        }
        let entry = match &node.kind {
            Kind::Map(_) => format!("\"{name}\": {value}"),
            _ => format!("{name}: {value}"),
        };
        let last = match &node.kind {
            Kind::Struct { items, .. } => items.last().map(|item| item.value.span.end),
            Kind::Map(entries) => entries.last().map(|(_, value)| value.span.end),
            _ => None,
        };
        let (at, entry) = match last {
            Some(end) => (end, format!(", {entry}")),
            None => (node.span.end - 1, entry),
        };
        Ok(format!("{}{entry}{}", &text[..at], &text[at..]))
    }

    fn no_such(&self, node: &Node, missing: &KeyStep<'_>) -> Diagnostic {
        let here = Diagnostic::at(&self.argument, missing.span.clone(), "no such setting");
        match (&node.kind, missing.step) {
            (Kind::List(nodes), Step::Index(_)) => {
                here.label(format!("the list has {} elements, from 0", nodes.len()))
            }
            (Kind::List(nodes), Step::Key(name)) => {
                let names: Vec<&str> = nodes.iter().filter_map(Node::name).collect();
                here.label("nothing in the list has this name").suggest(name, names)
            }
            _ => here.label("there is nothing inside"),
        }
    }

    /// The value as it goes into the text: as it is when it is RON, else as a string; as a string, too,
    /// where a string stood.
    fn written(&self, before: Option<&Node>) -> String {
        let value = self.value();
        let quoted = format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
        let tree = Node::read(value);
        let is_text = tree.as_ref().is_ok_and(|node| node.text().is_some());
        let was_text = before.is_some_and(|node| node.text().is_some());
        // A number with a unit, `30s`, looks like a number to the tree, but not to RON.
        let is_ron = tree.is_ok_and(|node| {
            node.kind != Kind::Scalar || ron::from_str::<ron::Value>(value).is_ok()
        });
        if is_text || (is_ron && !was_text) { value.to_owned() } else { quoted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"Scenario(topology: MultiPath(paths: [(name: "dsl", rate: "3 Mbps")]), hosts: { "client": () }, traffic: [Bulk(name: "up")], expect: [Stall("up", at_most: "1 s")])"#;

    fn applied(argument: &str) -> Result<String, String> {
        let tree = Node::read(TEXT).unwrap();
        Override::parse(argument)
            .and_then(|setting| setting.apply(TEXT, &tree))
            .map_err(|diagnostic| format!("{}; {}", diagnostic.message, diagnostic.label))
    }

    #[test]
    fn replaces_and_adds() {
        let check = |argument, before: &str, after: &str| {
            assert_eq!(TEXT.matches(before).count(), 1, "{before}");
            assert_eq!(applied(argument), Ok(TEXT.replace(before, after)), "{argument}");
        };
        check("topology.paths[0].rate=6 Mbps", "\"3 Mbps\"", "\"6 Mbps\"");
        check("topology.paths[0].rate=\"6 Mbps\"", "\"3 Mbps\"", "\"6 Mbps\"");
        check("topology.paths.dsl.rate=6Mbps", "\"3 Mbps\"", "\"6Mbps\"");
        check("topology.paths.dsl.loss=1 %", "\"3 Mbps\"", "\"3 Mbps\", loss: \"1 %\"");
        check("traffic.up.duration=30s", "\"up\")", "\"up\", duration: \"30s\")");
        check("traffic.up.name=down", "(name: \"up\")", "(name: \"down\")");
        check("expect[0].at_most=2 s", "\"1 s\"", "\"2 s\"");
        check("expect.up.at_least=2 s", "\"1 s\"", "\"1 s\", at_least: \"2 s\"");
        check("hosts.client.scheduler=Blest", "\"client\": ()", "\"client\": (scheduler: Blest)");
        check("hosts.server.scheduler=Blest", "()", "(), \"server\": (scheduler: Blest)");
        check("seed=7", "\"1 s\")]", "\"1 s\")], seed: 7");
        check(
            "devices.edge=Asa(config: \"a.cfg\")",
            "\"1 s\")]",
            "\"1 s\")], devices: { \"edge\": Asa(config: \"a.cfg\") }",
        );
    }

    #[test]
    fn says_what_leads_nowhere() {
        let check = |argument, expect: &str| {
            assert_eq!(applied(argument), Err(expect.to_owned()), "{argument}");
        };
        check("seed", "expected KEY=VALUE; here");
        check("=1", "expected KEY=VALUE; here");
        check("a..b=1", "expected a name; here");
        check("topology.paths[x].rate=1", "expected the number of an element, such as [0]; here");
        check("topology.paths[3].rate=1", "no such setting; the list has 1 elements, from 0");
        check("topology.paths.dls.rate=1", "no such setting; nothing in the list has this name");
        check("traffic[0].name.x=1", "no such setting; there is nothing inside");
    }
}
