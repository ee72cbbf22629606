//! What is wrong with a configuration, and where.

use std::fmt;

use super::lines::Line;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The device would refuse the line: nothing is built.
    Error,
    /// The device would take the text, but it does not do what it seems to say; the model does what
    /// the device would.
    Warning,
}

/// One finding about one line of a configuration. Columns count characters from 1; `column_end` is
/// the one after the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigDiagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The file, as the scenario names it.
    pub file: String,
    /// Line number, from 1.
    pub line: u32,
    /// First column of what is meant.
    pub column_start: u32,
    /// Column after it.
    pub column_end: u32,
    /// What is wrong.
    pub message: String,
    /// What to write instead, or what follows from it.
    pub help: Option<String>,
}

impl fmt::Display for ConfigDiagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column_start, self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ConfigDiagnostic {}

/// Collects findings while a file is read.
#[derive(Debug)]
pub struct Diagnostics {
    file: String,
    found: Vec<ConfigDiagnostic>,
}

impl Diagnostics {
    /// None yet, about this file.
    #[must_use]
    pub fn new(file: &str) -> Self {
        Self { file: file.to_owned(), found: Vec::new() }
    }

    /// The device would refuse `word` of this line.
    pub fn error(&mut self, line: &Line<'_>, word: &str, message: impl Into<String>) -> &mut Self {
        self.add(Severity::Error, line, word, message.into())
    }

    /// The line, or `word` of it, does not do what it seems to say.
    pub fn warn(&mut self, line: &Line<'_>, word: &str, message: impl Into<String>) -> &mut Self {
        self.add(Severity::Warning, line, word, message.into())
    }

    /// The same of a line that no reader of commands sees: of its number, as it stands in the file.
    pub fn warn_of(&mut self, number: u32, raw: &str, message: impl Into<String>) -> &mut Self {
        let text = raw.trim();
        let column_start = (raw.len() - raw.trim_start().len()) as u32 + 1;
        self.found.push(ConfigDiagnostic {
            severity: Severity::Warning,
            file: self.file.clone(),
            line: number,
            column_start,
            column_end: column_start + text.chars().count() as u32,
            message: message.into(),
            help: None,
        });
        self
    }

    /// Adds help to the newest finding.
    pub fn help(&mut self, help: impl Into<String>) {
        if let Some(newest) = self.found.last_mut() {
            newest.help = Some(help.into());
        }
    }

    fn add(
        &mut self,
        severity: Severity,
        line: &Line<'_>,
        word: &str,
        message: String,
    ) -> &mut Self {
        let (column_start, column_end) = line.columns(word);
        self.found.push(ConfigDiagnostic {
            severity,
            file: self.file.clone(),
            line: line.number,
            column_start,
            column_end,
            message,
            help: None,
        });
        self
    }

    /// Errors from this number on are warnings: what is refused is passed over, and the rest of the text holds.
    pub(crate) fn pass_over(&mut self, from: usize) {
        for error in self.found[from..].iter_mut().filter(|d| d.severity == Severity::Error) {
            error.severity = Severity::Warning;
            error.message.push_str(": the line is refused, and what follows holds without it");
        }
    }

    /// Number of findings.
    #[must_use]
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// True when nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// True when something was found in this line.
    #[must_use]
    pub fn tells_of(&self, line: &Line<'_>) -> bool {
        self.found.last().is_some_and(|newest| newest.line == line.number)
    }

    /// True when one of the findings is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.found.iter().any(|d| d.severity == Severity::Error)
    }

    /// Puts them in the order of their lines; what several readers of one line have found is said once.
    fn sort(&mut self) {
        self.found.sort_by_key(|d| (d.line, d.column_start));
        self.found.dedup();
    }

    /// All findings in the order of their lines.
    #[must_use]
    pub fn into_all(mut self) -> Vec<ConfigDiagnostic> {
        self.sort();
        self.found
    }

    /// The warnings in the order of their lines.
    ///
    /// # Errors
    /// All findings, in the order of their lines, when one of them is an error.
    pub fn into_result(mut self) -> Result<Vec<ConfigDiagnostic>, Vec<ConfigDiagnostic>> {
        self.sort();
        if self.has_errors() { Err(self.found) } else { Ok(self.found) }
    }
}

/// A word for a message: quoted, or what its absence is.
pub(crate) fn quoted(word: &str) -> String {
    if word.is_empty() { "the end of the line".into() } else { format!("`{word}`") }
}
