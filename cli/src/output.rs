//! Standard output. A reader that goes away (`option30 run … | head`) is no error: the work goes on
//! and the rest is not printed. Colours are stripped where they are not wanted (`NO_COLOR`, no terminal).

use std::io::{self, Write};

use reports::wrap::WIDTH;
use terminal_size::{Width, terminal_size_of};

use crate::failure::Failure;

/// Widest text on a terminal, in columns: longer lines are hard to read.
const WIDEST: usize = 120;

/// Standard output.
pub(crate) struct Output {
    stream: anstream::AutoStream<io::Stdout>,
    reader_gone: bool,
    width: usize,
}

impl Output {
    /// Standard output, with nothing printed yet.
    pub(crate) fn new() -> Self {
        let width = match terminal_size_of(io::stdout()) {
            Some((Width(columns), _)) => usize::from(columns).min(WIDEST),
            None => WIDTH,
        };
        Self { stream: anstream::AutoStream::auto(io::stdout()), reader_gone: false, width }
    }

    /// How wide text should be, in columns: as the terminal, or the same everywhere for a file or a pipe.
    pub(crate) const fn width(&self) -> usize {
        self.width
    }

    /// Prints text as it is.
    pub(crate) fn print(&mut self, text: &str) -> Result<(), Failure> {
        if self.reader_gone {
            return Ok(());
        }
        let written = self.stream.write_all(text.as_bytes()).and_then(|()| self.stream.flush());
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.reader_gone = true;
                Ok(())
            }
            Err(error) => Err(Failure::Cannot(format!("cannot write to standard output: {error}"))),
            Ok(()) => Ok(()),
        }
    }

    /// Prints a line.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), Failure> {
        self.print(&format!("{text}\n"))
    }
}
