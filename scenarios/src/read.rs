//! RON text → typed values, and RON's refusals → diagnostics.

use std::ops::Range;

use ron::error::{Error, SpannedError};
use ron::extensions::Extensions;
use ron::options::Options;
use serde::de::DeserializeOwned;

use crate::desugar::Desugared;
use crate::diagnostic::{Diagnostic, Source};
use crate::tree::{Node, Refusal, unclosed};

/// Reads `source`; with the value comes the tree of spans for the checks that follow.
///
/// # Errors
/// One diagnostic: RON stops at the first thing that it does not understand.
pub fn read<T: DeserializeOwned>(source: &Source) -> Result<(T, Node), Box<Diagnostic>> {
    let tree = Node::read(&source.text).map_err(|refusal| Box::new(broken(source, refusal)))?;
    let rewritten = Desugared::new(&source.text, &tree);
    let options = Options::default()
        .with_default_extension(Extensions::IMPLICIT_SOME)
        .with_default_extension(Extensions::UNWRAP_VARIANT_NEWTYPES);
    let value = options.from_str::<T>(&rewritten.text).map_err(|error| {
        let start = rewritten.original(byte_offset(&rewritten.text, error.span.start));
        let end = rewritten.original(byte_offset(&rewritten.text, error.span.end));
        Box::new(explain(source, &tree, start..end.max(start), error))
    })?;
    Ok((value, tree))
}

/// A text that is not RON.
fn broken(source: &Source, refusal: Refusal) -> Diagnostic {
    let Refusal { at, expected, long_string } = refusal;
    if let Some(start) = long_string {
        let message = "this string goes on over the end of its line";
        let line =
            source.text[start..].find('\n').map_or(source.text.len(), |length| start + length);
        return Diagnostic::at(source, start..line, message).label("is a quotation mark missing?");
    }
    if at >= source.text.len() {
        return match unclosed(&source.text) {
            Some(open) => Diagnostic::at(source, open, "the file ends before this is closed")
                .label("opened here"),
            None => {
                let message = format!("the file ends too early: expected {expected}");
                Diagnostic::at(source, at..at, message)
                    .help("a scenario is Scenario(…); `option30 new NAME` writes one to start from")
            }
        };
    }
    let found = source.text[at..].chars().next().unwrap_or(' ');
    // Another bracket than the one that is open: that one was forgotten.
    if let (Some(closing), Some(open)) = ("]})".find(found), unclosed(&source.text[..at]))
        && "[{(".find(&source.text[open.clone()]) != Some(closing)
    {
        let message = format!("this is not closed before the `{found}` that follows");
        return Diagnostic::at(source, open, message).label("opened here");
    }
    let span = at..at + found.len_utf8();
    let diagnostic = Diagnostic::at(source, span, format!("expected {expected}, found `{found}`"));
    if expected.starts_with("a comma") && !")]}".contains(found) {
        return diagnostic.label("a comma is missing before this");
    }
    diagnostic.label("here")
}

/// RON counts lines and columns from 1, columns in characters.
fn byte_offset(text: &str, position: ron::error::Position) -> usize {
    let mut line_start = 0;
    for line in text.split_inclusive('\n').take(position.line.saturating_sub(1)) {
        line_start += line.len();
    }
    let line = &text[line_start..];
    let in_line = line.char_indices().nth(position.col.saturating_sub(1));
    line_start + in_line.map_or(line.len(), |(offset, _)| offset)
}

fn explain(source: &Source, tree: &Node, span: Range<usize>, error: SpannedError) -> Diagnostic {
    // RON's place of a string begins after its quotation mark.
    let quoted = source.text[..span.start].ends_with('"') && source.text[..span.end].ends_with('"');
    let span = span.start - usize::from(quoted && span.len() > 1)..span.end;
    let at = |message: String| Diagnostic::at(source, span.clone(), message);
    match error.code {
        Error::NoSuchStructField { expected, found, outer } => {
            let of = outer.map(|outer| format!(" of {outer}")).unwrap_or_default();
            at(format!("unknown field \"{found}\""))
                .label(format!("not a field{of}"))
                .suggest(&found, expected.iter().copied())
        }
        Error::NoSuchEnumVariant { expected, found, .. } => at(format!("unknown name \"{found}\""))
            .label("not known here")
            .suggest(&found, expected.iter().copied()),
        Error::MissingStructField { field, outer } => {
            let of = outer.map(|outer| format!(" of {outer}")).unwrap_or_default();
            let here = tree.around(span.start).span.clone();
            Diagnostic::at(source, here, format!("missing field \"{field}\"{of}"))
                .label(format!("\"{field}\" is not given"))
        }
        Error::DuplicateStructField { field, .. } => {
            at(format!("field \"{field}\" is given twice")).label("the second time")
        }
        Error::InvalidValueForType { expected, found } => {
            at(format!("expected {expected}, found {found}")).label("here")
        }
        Error::Message(text) if text.starts_with("invalid IP address") => {
            at("this is no IP address".into())
                .label("here")
                .help("such as \"10.9.0.1\" or \"fd00::1\"")
        }
        Error::Message(text) => {
            let mut lines = text.lines();
            let first = lines.next().unwrap_or_default().to_owned();
            lines.fold(at(first).label("here"), |diagnostic, line| diagnostic.help(line))
        }
        Error::ExpectedNamedStructLike(name) if !name.is_empty() => {
            at(format!("expected {name}( … )")).label("here")
        }
        Error::ExpectedArray => {
            at("expected a list".into()).label("here").help("a list stands in brackets: [ … ]")
        }
        Error::ExpectedMap => at("expected names with their settings".into())
            .label("here")
            .help("they stand in braces: { \"name\": … }"),
        code => {
            let text = code.to_string();
            let mut letters = text.chars();
            let first = letters.next().map(|c| c.to_lowercase().to_string()).unwrap_or_default();
            at(format!("{first}{}", letters.as_str())).label("here")
        }
    }
}
