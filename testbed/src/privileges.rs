//! The right to make namespaces: got where the user has it not, and given up by each thread as soon as it has
//! done what it needs it for.
//!
//! A thread's capabilities are its own, and its children's. Whoever is root gets all of its bounding set again by
//! starting a program: so that is cut down as well, and a thread that starts no program of the user's can gain
//! nothing at all (`no_new_privs`).

use caps::Capability::{
    self, CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_IPC_LOCK, CAP_KILL,
    CAP_NET_ADMIN, CAP_NET_BIND_SERVICE, CAP_NET_RAW, CAP_SETGID, CAP_SETPCAP, CAP_SETUID,
    CAP_SYS_ADMIN, CAP_SYS_CHROOT, CAP_SYS_NICE, CAP_SYS_RESOURCE,
};
use caps::{CapSet, CapsHashSet};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};

/// To read scenarios and write results where root may: what main keeps to the end.
const FILES: [Capability; 4] = [CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID];
/// What servers and tools need that run as root in a host of their own: its network, its files, other users, time.
const PROGRAMS: [Capability; 15] = [
    CAP_CHOWN,
    CAP_DAC_OVERRIDE,
    CAP_FOWNER,
    CAP_FSETID,
    CAP_IPC_LOCK,
    CAP_KILL,
    CAP_NET_ADMIN,
    CAP_NET_BIND_SERVICE,
    CAP_NET_RAW,
    CAP_SETGID,
    CAP_SETPCAP,
    CAP_SETUID,
    CAP_SYS_CHROOT,
    CAP_SYS_NICE,
    CAP_SYS_RESOURCE,
];

/// Gets the right to make network namespaces, where the user lacks it and the system allows user
/// namespaces: the process enters one of its own, in which it is root over nothing but what it makes.
/// Whatever else the user may do that no run needs is given up.
/// To be called before the process has a second thread (the kernel refuses later). What still lacks,
/// [`crate::missing`] says.
pub fn acquire() {
    if !may_administer() {
        let (user, group) = (geteuid(), getegid());
        if unshare(CloneFlags::CLONE_NEWUSER).is_err() {
            return;
        }
        // A process may map itself, and only itself; groups must be given up first (user_namespaces(7)).
        let _ = std::fs::write("/proc/self/setgroups", "deny");
        let _ = std::fs::write("/proc/self/uid_map", format!("0 {user} 1"));
        let _ = std::fs::write("/proc/self/gid_map", format!("0 {group} 1"));
    }
    keep(&with_namespaces());
}

/// What makes hosts, and starts programs in process namespaces.
fn with_namespaces() -> Vec<Capability> {
    PROGRAMS.into_iter().chain([CAP_SYS_ADMIN]).collect()
}

/// The calling thread waits for others: as long as this lives, it may do nothing.
#[derive(Debug)]
pub(crate) struct Resting(CapsHashSet);

impl Resting {
    /// From now on. A thread that makes nothing any more gives up for good what is for that.
    pub(crate) fn begin(is_last: bool) -> Self {
        if is_last {
            keep(&FILES);
        }
        let before = caps::read(None, CapSet::Effective).unwrap_or_default();
        let _ = caps::clear(None, CapSet::Effective);
        Self(before)
    }
}

impl Drop for Resting {
    fn drop(&mut self) {
        let _ = caps::set(None, CapSet::Effective, &self.0);
    }
}

/// The calling thread gives up everything, for good: it carries packets.
pub(crate) fn for_packets() {
    keep(&[]);
    let _ = nix::sys::prctl::set_no_new_privs();
}

/// The same for a host's thread, once its network is made; what it needs later is for `ip` (addresses that
/// events take and give), which gets it as it starts, or for programs.
///
/// What programs are given on their start must not exceed what their starter could have: the kernel would forget
/// that they are to die with it (the parent-death signal is cleared where an exec gains capabilities).
pub(crate) fn for_host(runs_programs: bool) {
    if runs_programs {
        keep(&with_namespaces());
    } else {
        keep(&[CAP_NET_ADMIN]);
        let _ = nix::sys::prctl::set_no_new_privs();
    }
    let _ = caps::clear(None, CapSet::Effective);
}

/// How a program is started without the right to make namespaces, or to leave its own, which `unshare` before it
/// needs: nothing, where not even that can be given up.
pub(crate) fn for_program() -> &'static [&'static str] {
    let may_drop = caps::has_cap(None, CapSet::Permitted, CAP_SETPCAP).unwrap_or(false);
    if may_drop { &["setpriv", "--bounding-set=-sys_admin", "--"] } else { &[] }
}

/// True when the thread may make network namespaces.
pub(crate) fn may_administer() -> bool {
    let has = |capability| caps::has_cap(None, CapSet::Effective, capability).unwrap_or(false);
    has(CAP_SYS_ADMIN) && has(CAP_NET_ADMIN)
}

/// The calling thread, and what it starts, can have no others than these from now on. What cannot be given up
/// (the right to do so may be missing) is no error: nothing depends on that.
fn keep(wanted: &[Capability]) {
    let wanted: CapsHashSet = wanted.iter().copied().collect();
    // This needs a right that may go with the others, so it comes first.
    for capability in caps::all().difference(&wanted) {
        let _ = caps::drop(None, CapSet::Bounding, *capability);
    }
    for set in [CapSet::Effective, CapSet::Permitted] {
        let own = caps::read(None, set).unwrap_or_default();
        let _ = caps::set(None, set, &own.intersection(&wanted).copied().collect());
    }
}
