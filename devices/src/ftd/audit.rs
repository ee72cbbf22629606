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
        ("access-list NGFW_ONBOX_ACL ", 500),
        ("access-group NGFW_ONBOX_ACL ", 500),
        ("access-list * advanced ", 10_000),
        ("snort ", 20),
    ],
    knows: None,
    audit,
};

fn audit(text: ConfigText<'_>) -> Audit {
    audit_lina(text, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Effect;
    use crate::audit::platform::platforms;

    /// What is missing is said, in words for an FTD.
    #[test]
    fn the_map_that_decides() {
        let policy = "policy-map global_policy\n class class-default\n  set connection advanced-options \
                      UM_STATIC_TCP_MAP\nservice-policy global_policy global\n";
        let map = "tcp-map UM_STATIC_TCP_MAP\n tcp-options range 20 255 allow\n";
        let check = |text: &str, effect, says: &str| {
            let text = format!(
                "NGFW Version 7.2.0\ninterface E0\n nameif a\ninterface E1\n nameif b\n{text}"
            );
            let audit = audit(ConfigText::new("ftd", &text));
            let [verdict, _] = audit.verdicts.as_slice() else { panic!("{:?}", audit.verdicts) };
            assert_eq!(verdict.effect, effect, "{text}");
            let rules: Vec<_> = verdict.because.iter().map(|b| b.rule.as_str()).collect();
            assert!(rules.concat().contains(says), "{rules:?}");
            let undefined = audit.warnings.iter().any(|w| w.message.contains("is not defined"));
            assert!(!undefined, "{:?}", audit.warnings);
        };
        check(
            "",
            Effect::Strip,
            "does not hold the class with `set connection advanced-options UM_",
        );
        check(policy, Effect::Unknown, "FlexConfig object");
        // Its global policy is in force without the line.
        let bare = policy.replace("service-policy global_policy global\n", "");
        check(&bare, Effect::Unknown, "FlexConfig object");
        check(&format!("{map}{policy}"), Effect::Pass, "");
    }

    /// Lists that are advanced are an FTD's, whatever else the text has; one read as an ASA's has a hint.
    #[test]
    fn texts_with_advanced_lists() {
        let text = "interface E0\n nameif a\ninterface E1\n nameif b\nclass-map c\n match default-inspection-traffic\npolicy-map p\n class c\n  inspect ftp\nservice-policy p global\naccess-list P advanced trust udp ifc a any any eq domain rule-id 101\n";
        let text = ConfigText::new("fw", text);
        let audit = |name: Option<&str>| {
            let given = platforms().iter().find(|p| Some(p.name) == name);
            crate::audit::audit(text, given)
        };
        let (platform, _) = audit(None);
        assert_eq!(platform.map(|p| p.name), Some("ftd"));
        let says = |(_, audit): (_, Audit)| {
            audit.warnings.iter().any(|w| w.line == 11 && w.message.contains("only an FTD"))
        };
        assert!(says(audit(Some("asa"))));
        assert!(!says(audit(Some("ftd"))));
    }

    /// What the access list drops, between the interfaces that its entries ask for.
    #[test]
    fn lists_that_ask_for_interfaces() {
        let drops = |entries: &str| {
            let text = format!(
                "NGFW Version 7.2.0\ninterface E0\n nameif a\ninterface E1\n nameif b\n{entries}\
                 access-group L global\n"
            );
            let audit = audit(ConfigText::new("ftd", &text));
            assert!(audit.warnings.is_empty(), "{:?}", audit.warnings);
            let dropped = audit.verdicts.iter().find(|v| v.effect == Effect::Drop);
            dropped.map(|v| v.because[0].line)
        };
        let b_is_refused = "access-list L advanced trust ip ifc a any any rule-id 1\n\
                            access-list L advanced deny tcp ifc b any ifc a any eq 25 rule-id 2\n\
                            access-list L advanced permit ip any any rule-id 3\n";
        assert_eq!(drops(b_is_refused), Some(Some(7)));
        assert_eq!(drops("access-list L advanced permit ip any any rule-id 3\n"), None);
    }

    /// Without its access policy it is not known what an FTD permits, whatever the levels of its interfaces.
    #[test]
    fn the_access_policy_that_decides() {
        let unknown = |text: &str| {
            assert_eq!(crate::audit::recognise(text).map(|p| p.name), Some("ftd"), "{text}");
            let verdicts = audit(ConfigText::new("ftd", text)).verdicts;
            assert!(verdicts.iter().all(|v| v.effect != Effect::Drop), "{verdicts:?}");
            verdicts
                .into_iter()
                .find(|v| v.effect == Effect::Unknown)
                .map(|v| v.because[0].rule.clone())
        };
        let interfaces = "NGFW VERSION 7.4.0\ninterface E0\n nameif OUTSIDE\n security-level 0\ninterface E1\n nameif INSIDE\n security-level 100\n";
        let why = unknown(interfaces).unwrap();
        assert!(why.starts_with("the text holds no access-group"), "{why}");
        let list = "access-list NGFW_ONBOX_ACL advanced permit ip ifc a any ifc b any rule-id 1\n";
        let why = unknown(list).unwrap();
        assert!(why.starts_with("access list NGFW_ONBOX_ACL is bound by no"), "{why}");
        let bound = format!("{interfaces}{list}access-group NGFW_ONBOX_ACL global\n");
        let refused = audit(ConfigText::new("ftd", &bound)).verdicts;
        assert!(refused.iter().all(|v| v.effect != Effect::Unknown), "{refused:?}");
    }
}
