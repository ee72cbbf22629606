//! A user's own program, run unmodified inside a host.

// Calls of the system that no library wraps, each with its proof.
#![allow(unsafe_code)]

use std::process::Stdio;

use sim_core::record::CommandRecord;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::sync::oneshot;

use crate::privileges;

/// Output that is kept of a program, in bytes; what it says after that is read and dropped.
const KEPT: usize = 1 << 20;

/// A program to run.
#[derive(Clone, Debug)]
pub(crate) struct CommandPlan {
    /// Its position among the scenario's programs.
    pub(crate) index: usize,
    /// The program and its arguments.
    pub(crate) argv: Vec<String>,
    /// Its TCP sockets are made MPTCP ones (`mptcpize`).
    pub(crate) mptcpize: bool,
}

/// Runs the program to its end, or until it is told to stop.
pub(crate) async fn run(
    host: String,
    plan: CommandPlan,
    stop: oneshot::Receiver<()>,
) -> CommandRecord {
    let mut record =
        CommandRecord { host, argv: plan.argv.clone(), exit_code: None, output: String::new() };
    // A process namespace of its own: whatever the program starts goes when it goes, and it goes when we
    // go, however we do.
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--kill-child", "--"]).args(privileges::for_program());
    if plan.mptcpize {
        command.args(["mptcpize", "run"]);
    }
    command
        .args(&plan.argv)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let own = nix::unistd::getpid();
    // SAFETY: between fork and exec only `prctl` and `getppid` are called, which are system calls and
    // async-signal-safe.
    unsafe {
        command.pre_exec(move || {
            nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)?;
            // Who died before that tells nobody.
            if nix::unistd::getppid() == own {
                Ok(())
            } else {
                Err(nix::errno::Errno::ESRCH.into())
            }
        });
    }
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            record.output = format!("cannot start: {error}");
            return record;
        }
    };
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let said = async { tokio::join!(collect(out), collect(err)) };
    let ended = async {
        tokio::select! {
            status = child.wait() => status.ok(),
            _ = stop => {
                let _ = child.kill().await;
                None
            }
        }
    };
    let ((out, err), status) = tokio::join!(said, ended);
    record.exit_code = status.and_then(|status| status.code());
    record.output = String::from_utf8_lossy(&[out, err].concat()).into_owned();
    record
}

async fn collect(from: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut kept = Vec::new();
    let Some(mut from) = from else { return kept };
    let mut buffer = vec![0; 8192];
    while let Ok(len @ 1..) = from.read(&mut buffer).await {
        let room = KEPT.saturating_sub(kept.len());
        kept.extend_from_slice(&buffer[..len.min(room)]);
    }
    kept
}
