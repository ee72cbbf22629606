//! What is wrong with an input, and how it is shown: file, line, column, the text with a mark under it,
//! what was expected, a suggestion.

use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use sim_core::suggest::nearest;

/// A text that was read, with the name that messages call it by.
#[derive(Clone, Debug)]
pub struct Source {
    /// Path as the user gave it, or what stands for it.
    pub file: String,
    /// The text.
    pub text: Arc<str>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Nothing runs.
    Error,
    /// It runs; the user should know.
    Warning,
}

/// More names than this are not all listed.
const MANY: usize = 24;

/// One thing that is wrong with an input.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// Path of the file.
    pub file: String,
    /// Where: the text, and the bytes of it that the mark stands under.
    pub place: Option<(Arc<str>, Range<usize>)>,
    /// A few words beside the mark.
    pub label: String,
    /// What to do, each in one line.
    pub help: Vec<String>,
    /// What else is good to know, each in one line.
    pub notes: Vec<String>,
}

impl Diagnostic {
    /// An error of a whole file: it cannot be read, or the message has no place in it.
    #[must_use]
    pub fn of_file(file: &str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            file: file.to_owned(),
            place: None,
            label: String::new(),
            help: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// An error at a place of a text.
    #[must_use]
    pub fn at(source: &Source, span: Range<usize>, message: impl Into<String>) -> Self {
        let place = Some((Arc::clone(&source.text), span));
        Self { place, ..Self::of_file(&source.file, message) }
    }

    /// With words beside the mark.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// With advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// With a note.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// As a warning.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// With the near one of the `known` words suggested, or all of them named.
    #[must_use]
    pub fn suggest<'a>(self, word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Self {
        let near = nearest(word, known.clone());
        let names: Vec<String> = known.into_iter().map(|name| format!("\"{name}\"")).collect();
        let with_near = match near {
            Some(near) => self.help(format!("did you mean \"{near}\"?")),
            None => self,
        };
        match names.as_slice() {
            [] => with_near.note("none is defined"),
            [_] if near.is_some() => with_near,
            names if names.len() > MANY => {
                let first = names[..MANY].join(", ");
                with_near.note(format!("known here: {first} and {} more", names.len() - MANY))
            }
            names => with_near.note(format!("known here: {}", names.join(", "))),
        }
    }

    /// Line and column, both from 1, the column in characters.
    #[must_use]
    pub fn line_and_column(&self) -> Option<(usize, usize)> {
        let (text, span) = self.place.as_ref()?;
        let before = text.get(..span.start)?;
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Some((before.matches('\n').count() + 1, before[line_start..].chars().count() + 1))
    }

    /// As text, in colour for a terminal that wants it. No newline at the end.
    #[must_use]
    pub fn render(&self, coloured: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(self.message.as_str());
        let mut group = match &self.place {
            Some((text, span)) => {
                let mut mark = AnnotationKind::Primary.span(visible(text, span));
                if !self.label.is_empty() {
                    mark = mark.label(self.label.as_str());
                }
                let snippet = Snippet::source(&**text).path(self.file.as_str()).annotation(mark);
                title.element(snippet)
            }
            None => title.element(Origin::path(self.file.as_str())),
        };
        group = group.elements(self.help.iter().map(|help| Level::HELP.message(help.as_str())));
        group = group.elements(self.notes.iter().map(|note| Level::NOTE.message(note.as_str())));
        let groups: [Group<'_>; 1] = [group];
        let renderer = if coloured { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&groups)
    }
}

/// The span, cut to the text and to its first line, so that a mark never spreads over a whole block.
fn visible(text: &str, span: &Range<usize>) -> Range<usize> {
    let boundary = |mut at: usize| {
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = boundary(span.start.min(text.len()));
    let end = boundary(span.end.clamp(start, text.len()));
    let first_line = text[start..end].find('\n').map_or(end, |length| start + length);
    start..first_line
}
