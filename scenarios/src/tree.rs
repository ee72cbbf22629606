//! Where things stand in a RON text: a tree of spans.
//!
//! RON's own reader keeps no positions of what it has read without error. This one keeps nothing else,
//! so that a check after reading (a dangling name, a name used twice) can point at its text by
//! structural position, and so that a setting can be replaced in the text. It knows strings, raw
//! strings, characters and comments, and says where a text stops being RON.

use std::ops::Range;

/// A value, with its place in the text in bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The whole value.
    pub span: Range<usize>,
    /// What it is.
    pub kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A number, a character, a boolean.
    Scalar,
    /// A string, unquoted (escapes resolved only as far as names need it).
    Text(String),
    /// An identifier without parentheses: a unit variant.
    Word(String),
    /// `Name(…)` or `(…)`.
    Struct {
        /// The name, and where it stands.
        name: Option<(String, Range<usize>)>,
        /// What is between the parentheses.
        items: Vec<Item>,
    },
    /// `[…]`.
    List(Vec<Node>),
    /// `{…}`.
    Map(Vec<(Node, Node)>),
}

/// One thing between parentheses: `field: value`, or a value alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The field's name, and where it stands.
    pub key: Option<(String, Range<usize>)>,
    /// The value.
    pub value: Node,
}

/// One step from a value into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A field of a struct, or a key of a map.
    Key(&'a str),
    /// An element of a list, or a position between parentheses.
    Index(usize),
}

impl<'a> From<&'a str> for Step<'a> {
    fn from(key: &'a str) -> Self {
        Self::Key(key)
    }
}

impl<'a> From<&'a String> for Step<'a> {
    fn from(key: &'a String) -> Self {
        Self::Key(key)
    }
}

impl From<usize> for Step<'_> {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// Where a text stops being RON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Offset in bytes.
    pub at: usize,
    /// What should stand there: "a comma".
    pub expected: &'static str,
    /// Start of the last string before it that goes over several lines: its quotation mark may be
    /// what is missing.
    pub long_string: Option<usize>,
}

/// Deeper texts than this are refused, as RON refuses them.
const MAX_DEPTH: u32 = 128;

impl Node {
    /// Reads a whole RON text.
    ///
    /// # Errors
    /// The first place that cannot be RON.
    pub fn read(text: &str) -> Result<Self, Refusal> {
        let mut reader = Reader::new(text);
        reader.skip_attributes()?;
        let node = reader.value(0)?;
        reader.skip_space()?;
        if reader.at < text.len() { reader.refuse("the end of the file") } else { Ok(node) }
    }

    /// The innermost struct, list or map around an offset.
    #[must_use]
    pub fn around(&self, offset: usize) -> &Self {
        let inner = match &self.kind {
            Kind::Struct { items, .. } => items.iter().map(|item| &item.value).find(holds(offset)),
            Kind::List(nodes) => nodes.iter().find(holds(offset)),
            Kind::Map(entries) => entries.iter().map(|(_, value)| value).find(holds(offset)),
            Kind::Scalar | Kind::Text(_) | Kind::Word(_) => None,
        };
        inner.map_or(self, |inner| inner.around(offset))
    }

    /// The value that one step leads to.
    #[must_use]
    pub fn step(&self, step: Step<'_>) -> Option<&Self> {
        match (&self.kind, step) {
            (Kind::Struct { items, .. }, Step::Key(key)) => items
                .iter()
                .find(|item| item.key.as_ref().is_some_and(|(name, _)| name == key))
                .map(|item| &item.value),
            (Kind::Struct { items, .. }, Step::Index(index)) => {
                items.get(index).map(|item| &item.value)
            }
            (Kind::List(nodes), Step::Index(index)) => nodes.get(index),
            (Kind::List(nodes), Step::Key(name)) => {
                nodes.iter().find(|node| node.name() == Some(name))
            }
            (Kind::Map(entries), Step::Key(key)) => {
                entries.iter().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// The value at the end of `steps`, or the last one on the way there: the best place to point at.
    #[must_use]
    pub fn nearest(&self, steps: &[Step<'_>]) -> &Self {
        let mut node = self;
        for &step in steps {
            match node.step(step) {
                Some(next) => node = next,
                None => break,
            }
        }
        node
    }

    /// The string that the value is.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What an element of a list is called: its `name`, or what stands first in it without a name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        let by_name = self.step(Step::Key("name"));
        by_name.or_else(|| self.step(Step::Index(0))).and_then(Self::text)
    }
}

fn holds(offset: usize) -> impl Fn(&&Node) -> bool {
    move |node| {
        let bracketed = matches!(node.kind, Kind::Struct { .. } | Kind::List(_) | Kind::Map(_));
        bracketed && node.span.contains(&offset)
    }
}

/// The last bracket of a text that nothing closes.
#[must_use]
pub fn unclosed(text: &str) -> Option<Range<usize>> {
    let mut reader = Reader::new(text);
    let mut open = Vec::new();
    loop {
        let before = reader.at;
        if reader.skip_space().is_err() {
            let comment = before + text[before..].rfind("/*").unwrap_or(0);
            return Some(comment..comment + 2);
        }
        let Some(c) = reader.peek() else { break };
        let start = reader.at;
        match c {
            '"' => {
                if reader.string().is_err() {
                    return Some(start..start + 1);
                }
            }
            '(' | '[' | '{' => {
                open.push(start);
                reader.at += 1;
            }
            ')' | ']' | '}' => {
                open.pop();
                reader.at += 1;
            }
            _ => reader.at += c.len_utf8(),
        }
    }
    open.last().map(|&at| at..at + 1)
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    long_string: Option<usize>,
}

impl<'t> Reader<'t> {
    const fn new(text: &'t str) -> Self {
        Self { text, at: 0, long_string: None }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn refuse<T>(&self, expected: &'static str) -> Result<T, Refusal> {
        Err(Refusal { at: self.at, expected, long_string: self.long_string })
    }

    /// The next character, which must be there.
    fn step(&mut self, expected: &'static str) -> Result<char, Refusal> {
        let Some(c) = self.peek() else { return self.refuse(expected) };
        self.at += c.len_utf8();
        Ok(c)
    }

    /// How far it is to `wanted`, which must come.
    fn find(&self, wanted: &str, expected: &'static str) -> Result<usize, Refusal> {
        let refusal = Refusal { at: self.text.len(), expected, long_string: self.long_string };
        self.rest().find(wanted).ok_or(refusal)
    }

    fn take(&mut self, expected: char) -> bool {
        let found = self.peek() == Some(expected);
        if found {
            self.at += expected.len_utf8();
        }
        found
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> Range<usize> {
        let start = self.at;
        let rest = self.rest();
        let length = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        self.at += length;
        start..self.at
    }

    /// Skips white space and comments; refuses a comment that does not end.
    fn skip_space(&mut self) -> Result<(), Refusal> {
        loop {
            self.take_while(char::is_whitespace);
            if self.rest().starts_with("//") {
                self.take_while(|c| c != '\n');
            } else if self.rest().starts_with("/*") {
                self.skip_block_comment()?;
            } else {
                return Ok(());
            }
        }
    }

    /// Block comments nest.
    fn skip_block_comment(&mut self) -> Result<(), Refusal> {
        let mut depth = 0u32;
        loop {
            if self.rest().starts_with("/*") {
                depth += 1;
                self.at += 2;
            } else if self.rest().starts_with("*/") {
                depth -= 1;
                self.at += 2;
                if depth == 0 {
                    return Ok(());
                }
            } else {
                self.step("the end of the comment: `*/`")?;
            }
        }
    }

    /// `#![enable(…)]` at the start of the text.
    fn skip_attributes(&mut self) -> Result<(), Refusal> {
        self.skip_space()?;
        while self.rest().starts_with("#!") {
            self.at += self.find("]", "a closing `]`")? + 1;
            self.skip_space()?;
        }
        Ok(())
    }

    fn value(&mut self, depth: u32) -> Result<Node, Refusal> {
        if depth > MAX_DEPTH {
            return self.refuse("no deeper nesting");
        }
        self.skip_space()?;
        let start = self.at;
        let kind = match self.peek().unwrap_or(')') {
            '(' => Kind::Struct { name: None, items: self.items(depth)? },
            '[' => self.list(depth)?,
            '{' => self.map(depth)?,
            '"' => self.string()?,
            '\'' => self.character()?,
            c if c.is_alphabetic() || c == '_' => self.word_or_struct(depth)?,
            _ => {
                let number = self.take_while(|c| {
                    c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_')
                });
                if number.is_empty() {
                    return self.refuse("a value");
                }
                Kind::Scalar
            }
        };
        Ok(Node { span: start..self.at, kind })
    }

    fn word_or_struct(&mut self, depth: u32) -> Result<Kind, Refusal> {
        let rest = self.rest();
        if rest.starts_with("r\"") || rest.starts_with("r#\"") || rest.starts_with("r##") {
            self.at += 1;
            return self.raw_string();
        }
        if rest.starts_with("b\"") {
            self.at += 1;
            return self.string();
        }
        let span = self.word();
        let word = self.text[span.clone()].to_owned();
        let end = self.at;
        self.skip_space()?;
        if self.peek() == Some('(') {
            return Ok(Kind::Struct { name: Some((word, span)), items: self.items(depth)? });
        }
        self.at = end;
        Ok(match word.as_str() {
            "true" | "false" | "inf" | "NaN" => Kind::Scalar,
            _ => Kind::Word(word),
        })
    }

    fn word(&mut self) -> Range<usize> {
        if self.rest().starts_with("r#") {
            self.at += 2;
        }
        self.take_while(|c| c.is_alphanumeric() || c == '_')
    }

    fn items(&mut self, depth: u32) -> Result<Vec<Item>, Refusal> {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.skip_space()?;
            if self.take(')') {
                return Ok(items);
            }
            let key = self.field_name()?;
            let value = self.value(depth + 1)?;
            let maybe_key = key.is_none() && matches!(value.kind, Kind::Word(_));
            items.push(Item { key, value });
            self.skip_space()?;
            if !self.take(',') && self.peek() != Some(')') {
                let forgotten = if maybe_key { "a colon" } else { "a comma or `)`" };
                return self.refuse(forgotten);
            }
        }
    }

    /// `name:`, if that is what comes.
    fn field_name(&mut self) -> Result<Option<(String, Range<usize>)>, Refusal> {
        let start = self.at;
        let span = self.word();
        self.skip_space()?;
        if span.is_empty() || !self.take(':') {
            self.at = start;
            return Ok(None);
        }
        Ok(Some((self.text[span.clone()].to_owned(), span)))
    }

    fn list(&mut self, depth: u32) -> Result<Kind, Refusal> {
        self.at += 1;
        let mut nodes = Vec::new();
        loop {
            self.skip_space()?;
            if self.take(']') {
                return Ok(Kind::List(nodes));
            }
            nodes.push(self.value(depth + 1)?);
            self.skip_space()?;
            if !self.take(',') && self.peek() != Some(']') {
                return self.refuse("a comma or `]`");
            }
        }
    }

    fn map(&mut self, depth: u32) -> Result<Kind, Refusal> {
        self.at += 1;
        let mut entries = Vec::new();
        loop {
            self.skip_space()?;
            if self.take('}') {
                return Ok(Kind::Map(entries));
            }
            let key = self.value(depth + 1)?;
            self.skip_space()?;
            if !self.take(':') {
                return self.refuse("a colon");
            }
            entries.push((key, self.value(depth + 1)?));
            self.skip_space()?;
            if !self.take(',') && self.peek() != Some('}') {
                return self.refuse("a comma or `}`");
            }
        }
    }

    fn string(&mut self) -> Result<Kind, Refusal> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.step("the end of the string: a quotation mark")? {
                '"' => {
                    if text.contains('\n') {
                        self.long_string = Some(start);
                    }
                    return Ok(Kind::Text(text));
                }
                '\\' => {
                    let escaped = self.step("the end of the string: a quotation mark")?;
                    text.push(match escaped {
                        'n' => '\n',
                        't' => '\t',
                        other => other,
                    });
                }
                c => text.push(c),
            }
        }
    }

    fn raw_string(&mut self) -> Result<Kind, Refusal> {
        let hashes = self.take_while(|c| c == '#').len();
        if !self.take('"') {
            return self.refuse("a quotation mark");
        }
        let close = format!("\"{}", "#".repeat(hashes));
        let length = self.find(&close, "the end of the raw string")?;
        let text = self.rest()[..length].to_owned();
        self.at += length + close.len();
        Ok(Kind::Text(text))
    }

    fn character(&mut self) -> Result<Kind, Refusal> {
        self.at += 1;
        if self.take('\\') {
            self.step("a character")?;
        }
        let length = self.find("'", "an apostrophe")?;
        self.at += length + 1;
        Ok(Kind::Scalar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r##"#![enable(implicit_some)]
// a "comment"
Scenario( /* nested /* comment ( */ */
    title: "a \"quoted\" (title",
    raw: r#"with " inside"#,
    paths: [(name: "dsl", devices: ["edge", "edge"]), (name: "Zürich ö", rate: 'x')],
    devices: { "edge": Asa(config: "a.cfg"), "edge": Switch },
    events: [At("10 s", LinkDown("dsl")),],
)
"##;

    #[test]
    fn finds_by_structural_position() {
        let tree = Node::read(TEXT).unwrap();
        let check = |steps: &[Step<'_>], expect: &str| {
            assert_eq!(&TEXT[tree.nearest(steps).span.clone()], expect, "{steps:?}");
        };
        check(&["title".into()], r#""a \"quoted\" (title""#);
        check(&["raw".into()], r##"r#"with " inside"#"##);
        check(&["paths".into(), 0.into(), "devices".into(), 1.into()], "\"edge\"");
        check(&["paths".into(), "Zürich ö".into(), "rate".into()], "'x'");
        check(&["devices".into(), "edge".into(), "config".into()], "\"a.cfg\"");
        check(&["events".into(), 0.into(), 1.into(), 0.into()], "\"dsl\"");
        check(&["events".into(), 0.into(), 1.into(), "name".into()], "LinkDown(\"dsl\")");
    }

    #[test]
    fn says_where_a_text_breaks() {
        let check = |text: &str, at: usize, expected: &'static str| {
            let refusal = Node::read(text).map_err(|refusal| (refusal.at, refusal.expected));
            assert_eq!(refusal, Err((at, expected)), "{text}");
        };
        check("", 0, "a value");
        check("(", 1, "a value");
        check("(a: )", 4, "a value");
        check("(a: 1 b: 2)", 6, "a comma or `)`");
        check("[1, 2)", 5, "a comma or `]`");
        check("{1}", 2, "a colon");
        check("\"abc", 4, "the end of the string: a quotation mark");
        check("/* x", 4, "the end of the comment: `*/`");
        check("r#\"x\"", 5, "the end of the raw string");
        check("(a 1)", 3, "a colon");
        check("(a: 1) b", 7, "the end of the file");
        check("'", 1, "an apostrophe");
        check(&"[".repeat(100_000), 129, "no deeper nesting");
    }
}
