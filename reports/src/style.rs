//! Styles of terminal text. Text is always made with its ANSI codes; whoever prints it strips them
//! where they are not wanted (no terminal, `NO_COLOR`).

/// How a piece of text is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// As it is.
    #[default]
    Plain,
    /// A title or a name.
    Strong,
    /// Beside the point.
    Faint,
    /// As wanted.
    Good,
    /// It works, but not as wanted.
    Fair,
    /// It does not work.
    Bad,
}

impl Style {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "1",
            Self::Faint => "2",
            Self::Good => "1;32",
            Self::Fair => "1;33",
            Self::Bad => "1;31",
        }
    }
}

/// The text with the codes of a style around it.
#[must_use]
pub fn paint(style: Style, text: &str) -> String {
    if style == Style::Plain || text.is_empty() {
        return text.into();
    }
    format!("\x1b[{}m{text}\x1b[0m", style.code())
}
