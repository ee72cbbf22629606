//! The right to make namespaces: got where the user has it not, and given up when it is used.

use caps::{CapSet, Capability};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};

/// Gets the right to make network namespaces, where the user lacks it and the system allows user
/// namespaces: the process enters one of its own, in which it is root over nothing but what it makes.
/// To be called before the process has a second thread (the kernel refuses later). What still lacks,
/// [`crate::missing`] says.
pub fn acquire() {
    if may_administer() {
        return;
    }
    let (user, group) = (geteuid(), getegid());
    if unshare(CloneFlags::CLONE_NEWUSER).is_err() {
        return;
    }
    // A process may map itself, and only itself; groups must be given up first (user_namespaces(7)).
    let _ = std::fs::write("/proc/self/setgroups", "deny");
    let _ = std::fs::write("/proc/self/uid_map", format!("0 {user} 1"));
    let _ = std::fs::write("/proc/self/gid_map", format!("0 {group} 1"));
}

/// The calling thread gives up every capability: it needs none to carry packets or to speak through its
/// own sockets.
pub(crate) fn drop_all() {
    // A thread that has none, or may not drop one, has nothing to lose.
    let _ = caps::clear(None, CapSet::Effective);
    let _ = caps::clear(None, CapSet::Permitted);
}

/// The same for a thread that is still to start programs. What they are given on their start must not
/// exceed what their starter could have: the kernel would forget that they are to die with it (the
/// parent-death signal is cleared where an exec gains capabilities).
pub(crate) fn drop_effective() {
    let _ = caps::clear(None, CapSet::Effective);
}

/// True when the thread may make network namespaces.
pub(crate) fn may_administer() -> bool {
    let has = |capability| caps::has_cap(None, CapSet::Effective, capability).unwrap_or(false);
    has(Capability::CAP_SYS_ADMIN) && has(Capability::CAP_NET_ADMIN)
}
