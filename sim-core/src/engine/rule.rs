//! Why a device did something: its rule, where that stands, and what an engineer can do about it.
//!
//! A model says what its product's words are ([`Rule::text`], the lines of a [`Remedy`]) and, in every
//! language that reports can be read in ([`Wording`]), what follows from them. Reports repeat it and know
//! no product.

use std::fmt;
use std::sync::Arc;

/// The same words in every language that reports can be read in; [`crate::wording!`] makes one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wording {
    /// English.
    pub english: String,
    /// Japanese.
    pub japanese: String,
}

impl Wording {
    /// These words and then `more`, with nothing between them.
    #[must_use]
    pub fn then(mut self, more: &Self) -> Self {
        self.english += &more.english;
        self.japanese += &more.japanese;
        self
    }

    /// All of `parts`, with what each language puts between them.
    #[must_use]
    pub fn joined(parts: &[Self], english: &str, japanese: &str) -> Self {
        let of = |words: fn(&Self) -> &str, between: &str| {
            parts.iter().map(words).collect::<Vec<_>>().join(between)
        };
        Self { english: of(|w| &w.english, english), japanese: of(|w| &w.japanese, japanese) }
    }
}

/// In English, for logs and tests.
impl fmt::Display for Wording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.english)
    }
}

/// A [`Wording`] from a format string for each language; named arguments are given once, for both.
///
/// ```
/// let name = "m";
/// let said = sim_core::wording!(
///     en: "policy-map {name} (line {line}) is not defined",
///     ja: "policy-map {name}（{line} 行目）は定義されていません",
///     line = 3 + 4,
/// );
/// assert_eq!(said.english, "policy-map m (line 7) is not defined");
/// ```
#[macro_export]
macro_rules! wording {
    (en: $en:literal, ja: $ja:literal $(, $name:ident = $value:expr)* $(,)?) => {
        $crate::engine::rule::Wording {
            english: format!($en $(, $name = $value)*),
            japanese: format!($ja $(, $name = $value)*),
        }
    };
}

/// Why a device did something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The rule in the product's own words: `tcp-options range 9 255 clear`.
    pub text: String,
    /// Where it comes from.
    pub origin: Origin,
    /// The document that says so: "Cisco 116519", "ASA CLI guide, TCP normalization".
    pub source: &'static str,
    /// What can be done where the rule is not wanted; `None` where the model knows nothing.
    pub remedy: Option<Arc<Remedy>>,
}

/// Where a rule comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The product's default: nothing in the configuration says otherwise.
    Default {
        /// What is missing or does not match in the configuration, where that is why the default
        /// rules: `class-map web matches no packet of this connection (…)`.
        because: Option<Wording>,
        /// The line that `because` speaks of.
        near: Option<ConfigLine>,
    },
    /// A line of the device's configuration.
    Config(ConfigLine),
    /// A setting in the scenario file (for `Custom` rules and settings without configuration text).
    Scenario,
}

/// A line of a configuration file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct ConfigLine {
    /// Path of the file as the scenario names it.
    pub file: String,
    /// Line number, from 1.
    pub line: u32,
    /// The line, trimmed.
    pub text: String,
}

/// What an engineer can do where a rule is not wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// What to do, as a sentence without its full stop: "allow option 30 in a tcp-map and activate it".
    pub advice: Wording,
    /// The lines to enter, in order, as the device takes them; empty where no configuration does it.
    pub lines: Vec<String>,
    /// When not to: what the vendor advises against, and why.
    pub caution: Option<Wording>,
    /// The document behind it.
    pub source: &'static str,
}

impl Rule {
    /// A rule that holds by the product's default.
    #[must_use]
    pub fn default(text: impl Into<String>, source: &'static str) -> Arc<Self> {
        let origin = Origin::Default { because: None, near: None };
        Arc::new(Self { text: text.into(), origin, source, remedy: None })
    }

    /// A rule that holds by the product's default because something is missing in the configuration, or
    /// does not match; `near` is the line that this speaks of.
    #[must_use]
    pub fn default_because(
        text: impl Into<String>,
        because: Wording,
        near: Option<ConfigLine>,
        source: &'static str,
    ) -> Arc<Self> {
        let origin = Origin::Default { because: Some(because), near };
        Arc::new(Self { text: text.into(), origin, source, remedy: None })
    }

    /// A rule that a configuration line sets.
    #[must_use]
    pub fn config(text: impl Into<String>, line: ConfigLine, source: &'static str) -> Arc<Self> {
        let origin = Origin::Config(line);
        Arc::new(Self { text: text.into(), origin, source, remedy: None })
    }

    /// A rule that the scenario file sets.
    #[must_use]
    pub fn scenario(text: impl Into<String>, source: &'static str) -> Arc<Self> {
        Arc::new(Self { text: text.into(), origin: Origin::Scenario, source, remedy: None })
    }

    /// The same rule, and what can be done where it is not wanted.
    #[must_use]
    pub fn remedied(self: Arc<Self>, remedy: Remedy) -> Arc<Self> {
        Arc::new(Self { remedy: Some(Arc::new(remedy)), ..Arc::unwrap_or_clone(self) })
    }

    /// True when it is the product's default.
    #[must_use]
    pub const fn is_default(&self) -> bool {
        matches!(self.origin, Origin::Default { .. })
    }

    /// What in the configuration is missing or does not match, where that is known.
    #[must_use]
    pub const fn because(&self) -> Option<&Wording> {
        match &self.origin {
            Origin::Default { because, .. } => because.as_ref(),
            Origin::Config(_) | Origin::Scenario => None,
        }
    }

    /// The deciding (or nearest) configuration line.
    #[must_use]
    pub const fn line(&self) -> Option<&ConfigLine> {
        match &self.origin {
            Origin::Default { near, .. } => near.as_ref(),
            Origin::Config(line) => Some(line),
            Origin::Scenario => None,
        }
    }
}
