//! The scripts that Slurm runs. They stand in the results folder, to be read and changed.

use std::fs;
use std::path::{Path, PathBuf};

use scenarios::quoted;

use crate::failure::Failure;

/// Paths of the two scripts.
pub(super) struct Scripts {
    pub(super) task: PathBuf,
    pub(super) merge: PathBuf,
}

/// Writes the scripts of a sweep of so many tasks into `place`.
pub(super) fn write(
    file: &Path,
    folder: &Path,
    place: &Path,
    tasks: u64,
) -> Result<Scripts, Failure> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::Cannot(format!("cannot tell where option30 is: {error}")))?;
    let word = |path: &Path| quoted(&path.display().to_string());
    let (program, file, folder) = (word(&program), word(file), word(folder));
    let task = format!(
        "#!/bin/sh\n# One part of the sweep. It may be run again: what is stored is not.\nexec {program} \
         sweep {file} \\\n    --out {folder} --resume --jobs \"${{SLURM_CPUS_PER_TASK:-1}}\" \\\n    \
         --shard \"$SLURM_ARRAY_TASK_ID/{tasks}\"\n"
    );
    let merge = format!("#!/bin/sh\nexec {program} merge {folder}\n");
    let write = |name: &str, text: String| -> Result<PathBuf, Failure> {
        let path = place.join(name);
        fs::write(&path, text).map_err(|error| Failure::io("write", &path, &error))?;
        Ok(path)
    };
    Ok(Scripts { task: write("task.sh", task)?, merge: write("merge.sh", merge)? })
}
