//! What the run may do, and giving it up.

use caps::{CapSet, Capability};

/// The calling thread gives up every capability: it needs none to carry packets or to speak through its
/// own sockets.
pub(crate) fn drop_all() {
    // A thread that has none, or may not drop one, has nothing to lose.
    let _ = caps::clear(None, CapSet::Effective);
    let _ = caps::clear(None, CapSet::Permitted);
}

/// True when the thread may make network namespaces.
pub(crate) fn may_administer() -> bool {
    let has = |capability| caps::has_cap(None, CapSet::Effective, capability).unwrap_or(false);
    has(Capability::CAP_SYS_ADMIN) && has(Capability::CAP_NET_ADMIN)
}
