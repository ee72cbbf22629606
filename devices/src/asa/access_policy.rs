//! An FTD's access policy, as LINA's text holds it.

use crate::audit::{Because, Effect, Verdict};

use super::config::AsaConfig;

/// What is not known where no access list is bound. An FTD has an access policy, whose list is bound to all interfaces,
/// and it alone decides what is permitted: security levels do not (Firepower Management Center Configuration Guide,
/// access control policies; `nameif` and `security-level 0` are written for all interfaces).
pub(super) fn missing(config: &AsaConfig) -> Option<Verdict> {
    let is_policy = |name: &str| name.starts_with("CSM_FW_ACL_") || name == "NGFW_ONBOX_ACL";
    let policy = config.access_lists.keys().find(|name| is_policy(name));
    let has_interfaces = config.interfaces.iter().any(|interface| interface.name.is_some());
    if !config.access_groups.is_empty() || policy.is_none() && !has_interfaces {
        return None;
    }
    let missing = match policy {
        Some(name) => format!("access list {name} is bound by no access-group of the text"),
        None => "the text holds no access-group with an FTD's access policy (CSM_FW_ACL_, NGFW_ONBOX_ACL)".into(),
    };
    let why =
        format!("{missing}: it alone decides what an FTD permits, and security levels do not");
    Some(Verdict {
        traffic: "TCP that the access policy may refuse".into(),
        direction: "every interface, both directions".into(),
        effect: Effect::Unknown,
        because: vec![Because::default(why)],
    })
}
