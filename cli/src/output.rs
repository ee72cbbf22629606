//! Standard output. A reader that goes away (`option30 run … | head`) is no error: the work goes on
//! and the rest is not printed. Colours are stripped where they are not wanted (`NO_COLOR`, no terminal).

use std::io::{self, Write};

use crate::failure::Failure;

/// Standard output.
pub(crate) struct Output {
    stream: anstream::AutoStream<io::Stdout>,
    reader_gone: bool,
}

impl Output {
    /// Standard output, with nothing printed yet.
    pub(crate) fn new() -> Self {
        Self { stream: anstream::AutoStream::auto(io::stdout()), reader_gone: false }
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
