//! What rules that decrypt do to a connection.

use crate::audit::Effect;

const FORWARD: &str = "PAN-OS Administrator's Guide, Decryption Concepts: the firewall is a proxy";
const INBOUND: &str =
    "PAN-OS Administrator's Guide 10.2, SSL Inbound Inspection: the firewall is a proxy";

/// What a rule of this type does, and why; `version` of PAN-OS.
pub(super) fn effect(of_type: Option<&str>, version: Option<&str>) -> (Effect, String) {
    if of_type != Some("ssl-inbound-inspection") {
        return (Effect::Terminate, format!("the rule decrypts it ({FORWARD})"));
    }
    // As far as the document that says so reaches back.
    if version.and_then(numbers).is_some_and(|version| version >= (10, 2)) {
        return (Effect::Terminate, format!("the rule decrypts it ({INBOUND})"));
    }
    let versions = match version {
        Some(version) => format!("in PAN-OS {version}"),
        None => "before PAN-OS 10.2, and the text does not tell the version,".to_owned(),
    };
    let why = format!(
        "the rule decrypts it with the server's key: {versions} it may do so as the packets pass (RSA key exchange) \
         or as a proxy (ephemeral keys, PAN-OS 8.0 and later)"
    );
    (Effect::Unknown, why)
}

/// What a rule of this type decrypts.
pub(super) fn traffic(of_type: Option<&str>) -> &'static str {
    if of_type == Some("ssh-proxy") { "SSH" } else { "TLS" }
}

/// The first two numbers of a version.
pub(super) fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use crate::audit::audit;
    use crate::config::ConfigText;

    fn first(text: &str) -> String {
        let verdict = audit(ConfigText::new("p", text), None).1.verdicts.remove(0);
        format!("{} {}", verdict.effect, verdict.traffic)
    }

    #[test]
    fn inbound_inspection_is_a_proxy_in_later_versions() {
        let rule = "set rulebase decryption rules D from a to b action decrypt type";
        assert_eq!(
            first(&format!("{rule} ssl-forward-proxy\n")),
            "terminate TLS that rule D decrypts"
        );
        assert_eq!(first(&format!("{rule} ssh-proxy\n")), "terminate SSH that rule D decrypts");
        assert_eq!(
            first(&format!("{rule} ssl-inbound-inspection cert\n")),
            "unknown TLS that rule D decrypts"
        );
        let xml = |version: &str, of_type: &str| {
            format!(
                "<config version=\"{version}\"><rulebase><decryption><rules><entry name=\"D\">\n<action>decrypt</action>\n<type>{of_type}</type>\n</entry></rules></decryption></rulebase></config>\n"
            )
        };
        let old = "<ssl-inbound-inspection>cert</ssl-inbound-inspection>";
        let new = "<ssl-inbound-inspection><certificates><member>c</member></certificates></ssl-inbound-inspection>";
        assert_eq!(first(&xml("9.1.0", old)), "unknown TLS that rule D decrypts");
        assert_eq!(first(&xml("11.1.0", new)), "terminate TLS that rule D decrypts");
        assert_eq!(
            first(&xml("9.1.0", "<ssl-forward-proxy/>")),
            "terminate TLS that rule D decrypts"
        );
        assert_eq!(first(&xml("9.1.0", "<ssh-proxy/>")), "terminate SSH that rule D decrypts");
    }
}
