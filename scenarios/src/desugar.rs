//! Two ways of writing that scenario files know and RON does not, rewritten to what RON reads.
//!
//! - `Goodput("video", at_least: "8 Mbps")`: the first of several named things may stand without its
//!   name, which is `name`;
//! - `loss: "1 %"`, `queue: "100 ms"`, `jitter: "5 ms"`: a bare value stands for the plainest model;
//!   `Mptcp` stands for `Mptcp()`, and so does every bare name in a map: `"sw": Switch`.
//!
//! Only insertions are made, and they are remembered, so that a place in the new text can be told as a
//! place in the user's.

use crate::tree::{Kind, Node};

/// Fields whose bare value is wrapped, and in what.
const PLAIN_MODELS: [(&str, &str); 6] = [
    ("loss", "Bernoulli"),
    ("loss_back", "Bernoulli"),
    ("queue", "DropTail"),
    ("queue_back", "DropTail"),
    ("jitter", "Uniform"),
    ("jitter_back", "Uniform"),
];

/// Variants with settings of a link; elsewhere these stand in parentheses without a name.
const LINK_SETTINGS: [&str; 1] = ["SetLink"];

/// Variants that have named fields only, so that a single thing between their parentheses is the name.
const NAMED: [&str; 9] = [
    "Goodput",
    "BoundShare",
    "Stall",
    "Cause",
    "Change",
    "Subflow",
    "Latency",
    "SetLink",
    "Verdicts",
];

/// Variants all of whose fields may be left out, and then the parentheses too.
const BARE_VARIANTS: [&str; 1] = ["Mptcp"];

/// Fields that are true when they stand alone.
const FLAGS: [&str; 1] = ["kernel"];

/// A rewritten text.
#[derive(Debug)]
pub struct Desugared {
    /// What RON reads.
    pub text: String,
    /// What was inserted, and where in the user's text, in order.
    insertions: Vec<(usize, String)>,
}

impl Desugared {
    /// Rewrites `text`, whose tree is `tree`.
    #[must_use]
    pub fn new(text: &str, tree: &Node) -> Self {
        let mut insertions = Vec::new();
        collect(tree, &mut insertions);
        // Stable: what is inserted at one place stays in the order of collection.
        insertions.sort_by_key(|&(at, _)| at);
        let mut rewritten = String::with_capacity(text.len() + 16 * insertions.len());
        let mut copied = 0;
        for (at, inserted) in &insertions {
            rewritten.push_str(&text[copied..*at]);
            rewritten.push_str(inserted);
            copied = *at;
        }
        rewritten.push_str(&text[copied..]);
        Self { text: rewritten, insertions }
    }

    /// The place in the user's text of an offset in [`Desugared::text`]; inside an insertion, where
    /// that was made.
    #[must_use]
    pub fn original(&self, offset: usize) -> usize {
        let mut shift = 0;
        for (at, inserted) in &self.insertions {
            let start = at + shift;
            if offset < start {
                break;
            }
            if offset < start + inserted.len() {
                return *at;
            }
            shift += inserted.len();
        }
        offset - shift
    }
}

fn collect(node: &Node, insertions: &mut Vec<(usize, String)>) {
    match &node.kind {
        Kind::Struct { name, items } => {
            let is = |names: &[&str]| {
                name.as_ref().is_some_and(|(name, _)| names.contains(&name.as_str()))
            };
            let (named, of_link) = (is(&NAMED), name.is_none() || is(&LINK_SETTINGS));
            if let [first, rest @ ..] = items.as_slice()
                && first.key.is_none()
                && !is_flag(&first.value)
                && (named || !rest.is_empty())
                && rest.iter().all(|item| item.key.is_some())
            {
                insertions.push((first.value.span.start, "name: ".into()));
            }
            for item in items {
                if name.is_none() && item.key.is_none() && is_flag(&item.value) {
                    insertions.push((item.value.span.end, ": true".into()));
                    continue;
                }
                let bare = matches!(item.value.kind, Kind::Text(_) | Kind::Scalar);
                let key = item.key.as_ref().map(|(key, _)| key.as_str());
                let model =
                    PLAIN_MODELS.iter().find(|(field, _)| bare && of_link && key == Some(field));
                if let Some((_, model)) = model {
                    insertions.push((item.value.span.start, format!("{model}(")));
                    insertions.push((item.value.span.end, ")".into()));
                }
                // What a field is called says what a word after it means; a verdict has no field.
                if key.is_none() || !matches!(item.value.kind, Kind::Word(_)) {
                    collect(&item.value, insertions);
                }
            }
        }
        Kind::List(nodes) => nodes.iter().for_each(|node| collect(node, insertions)),
        Kind::Map(entries) => {
            for (_, value) in entries {
                match value.kind {
                    Kind::Word(_) => insertions.push((value.span.end, "()".into())),
                    _ => collect(value, insertions),
                }
            }
        }
        Kind::Word(word) if BARE_VARIANTS.contains(&word.as_str()) => {
            insertions.push((node.span.end, "()".into()));
        }
        Kind::Word(_) | Kind::Text(_) | Kind::Scalar => {}
    }
}

fn is_flag(value: &Node) -> bool {
    matches!(&value.kind, Kind::Word(word) if FLAGS.contains(&word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rewrites_and_remembers() {
        let check = |text: &str, expect: &str| {
            let rewritten = Desugared::new(text, &Node::read(text).unwrap());
            assert_eq!(rewritten.text, expect);
            for (offset, _) in text.char_indices() {
                let shifted = expect.find(&text[offset..]).filter(|_| text.len() - offset > 8);
                if let Some(shifted) = shifted {
                    assert_eq!(rewritten.original(shifted), offset, "{text} at {offset}");
                }
            }
        };
        check(r#"Goodput("v", at_least: "8 Mbps")"#, r#"Goodput(name: "v", at_least: "8 Mbps")"#);
        check(r#"Stall("v")"#, r#"Stall(name: "v")"#);
        check(r#"At("1 s", LinkDown("a"))"#, r#"At("1 s", LinkDown("a"))"#);
        check(r#"(loss: "1 %", mtu: 1500)"#, r#"(loss: Bernoulli("1 %"), mtu: 1500)"#);
        check(
            r#"(loss: 0.01, queue: "5 ms")"#,
            r#"(loss: Bernoulli(0.01), queue: DropTail("5 ms"))"#,
        );
        check(r#"SetLink("a", loss: 0.01)"#, r#"SetLink(name: "a", loss: Bernoulli(0.01))"#);
        check(r#"AckAhead(loss: 0.01)"#, r#"AckAhead(loss: 0.01)"#);
        check(r#"(loss: Bernoulli(0.01))"#, r#"(loss: Bernoulli(0.01))"#);
        check(r#"(kernel)"#, r#"(kernel: true)"#);
        check(r#"(kernel, mtu: 9000)"#, r#"(kernel: true, mtu: 9000)"#);
        check(r#"Foo(kernel)"#, r#"Foo(kernel)"#);
        check(r#"{ "s": Switch }"#, r#"{ "s": Switch() }"#);
        check(r#"Verdict("v", Mptcp)"#, r#"Verdict("v", Mptcp())"#);
        check(r#"(option: Mptcp)"#, r#"(option: Mptcp)"#);
    }
}
