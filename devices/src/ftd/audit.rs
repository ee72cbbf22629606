//! What an FTD's configuration does to MPTCP, as far as LINA's text tells.

use crate::asa::audit_lina;
use crate::audit::Audit;
use crate::audit::platform::{HEADER, Platform};
use crate::config::ConfigText;

/// In the list of platforms.
pub(crate) const PLATFORM: Platform = Platform {
    name: "ftd",
    product: "Cisco Firepower Threat Defense",
    marks: &[
        ("NGFW Version", HEADER),
        ("NGFW VERSION", HEADER),
        (": NGFW", HEADER),
        ("Cisco Firepower", HEADER),
        ("tcp-map UM_STATIC_TCP_MAP", 500),
        ("set connection advanced-options UM_STATIC_TCP_MAP", 500),
        ("access-list CSM_FW_ACL_", 500),
        ("access-group CSM_FW_ACL_", 500),
        ("snort ", 20),
    ],
    knows: None,
    audit,
};

fn audit(text: ConfigText<'_>) -> Audit {
    audit_lina(text, true)
}
