//! What a live run needs of the machine, found out before anything is made.

use std::fs::OpenOptions;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::privileges;

/// What is missing for a live run, a sentence each that says how to mend it; empty: nothing.
#[must_use]
pub fn missing() -> Vec<String> {
    let mut missing = Vec::new();
    if !cfg!(target_os = "linux") {
        return vec!["`live` needs Linux".into()];
    }
    if !privileges::may_administer() {
        missing.push(
            "no right to make network namespaces: run as root, or allow user namespaces \
             (sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces > 0; on Ubuntu \
             kernel.apparmor_restrict_unprivileged_userns=0)"
                .into(),
        );
    }
    match OpenOptions::new().read(true).write(true).open("/dev/net/tun") {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => missing.push(
            "no access to /dev/net/tun: run as root, or `chmod 666 /dev/net/tun` (it gives nobody \
             rights outside a namespace of their own)"
                .into(),
        ),
        Err(error) => missing.push(format!(
            "no /dev/net/tun ({error}): load the module (`modprobe tun`), or give the container the \
             device (`--device /dev/net/tun`)"
        )),
    }
    if !Path::new("/proc/sys/net/mptcp/enabled").exists() {
        missing.push(
            "this kernel has no MPTCP: it needs Linux 5.19 or later with CONFIG_MPTCP=y".into(),
        );
    }
    match Command::new("ip").args(["mptcp", "help"]).stdin(Stdio::null()).output() {
        Err(error) => {
            missing.push(format!("cannot run `ip` ({error}): install iproute2 (5.17 or later)"))
        }
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            if !String::from_utf8_lossy(&said).contains("fullmesh") {
                missing.push(
                    "this `ip` does not know `ip mptcp … fullmesh`: iproute2 5.17 or later".into(),
                );
            }
        }
    }
    missing
}

/// What is missing to run programs in hosts, in the same form.
pub(crate) fn missing_for_programs(any_is_mptcpized: bool) -> Vec<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there =
        |name: &str| std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    let mut missing = Vec::new();
    for name in ["unshare", "setpriv"] {
        if !is_there(name) {
            missing
                .push(format!("no `{name}`, which starts programs in hosts: install util-linux"));
        }
    }
    if any_is_mptcpized && !is_there("mptcpize") {
        missing.push(
            "no `mptcpize`, which makes programs speak MPTCP: install it (Debian's package mptcpize), or write \
             `mptcpize: false` for those that do by themselves, or need not"
                .into(),
        );
    }
    missing
}

/// The kernel, as it names itself: `Linux 6.18.44`.
#[must_use]
pub fn kernel() -> String {
    match nix::sys::utsname::uname() {
        Ok(name) => {
            format!("{} {}", name.sysname().to_string_lossy(), name.release().to_string_lossy())
        }
        Err(_) => "Linux".into(),
    }
}
