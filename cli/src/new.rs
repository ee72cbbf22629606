//! `option30 new`.

use std::fs::File;
use std::io::{ErrorKind, Write};

use crate::Outcome;
use crate::args::NewArgs;
use crate::failure::Failure;
use crate::output::Output;

/// Writes a commented scenario; an existing file is left alone.
pub(crate) fn new(args: &NewArgs, output: &mut Output) -> Result<Outcome, Failure> {
    let mut path = args.name.clone();
    if path.extension().is_none_or(|extension| extension != "ron") {
        path.as_mut_os_string().push(".ron");
    }
    let Some(name) = path.file_stem().and_then(|name| name.to_str()) else {
        return Err(Failure::Usage(format!("{} is no name for a file", args.name.display())));
    };
    let written = File::create_new(&path)
        .and_then(|mut file| file.write_all(scenarios::template(name).as_bytes()));
    match written {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let path = path.display();
            return Err(Failure::Usage(format!("{path} is there already; it was left as it is")));
        }
        written => written.map_err(|error| Failure::io("write", &path, &error))?,
    }
    let path = path.display();
    output.line(&format!("wrote {path}; try: option30 run {path}"))?;
    Ok(Outcome::Good)
}
