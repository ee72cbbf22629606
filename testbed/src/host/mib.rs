//! The kernel's counters of a namespace (`nstat`): MPTCP's, and those of TCP that the simulator counts.

use std::collections::BTreeMap;

/// TCP's counters that are kept, by `nstat`'s names.
const KEPT: [&str; 12] = [
    "TcpActiveOpens",
    "TcpPassiveOpens",
    "TcpAttemptFails",
    "TcpEstabResets",
    "TcpOutRsts",
    "TcpRetransSegs",
    "TcpExtTCPSynRetrans",
    "TcpExtTW",
    "TcpExtPAWSEstab",
    "TcpExtOutOfWindowIcmps",
    "TcpExtTCPTimeouts",
    "TcpExtTCPLossProbes",
];

/// The counters of the calling thread's namespace that are not zero, by the names that the simulator's
/// have.
pub(crate) fn counters() -> BTreeMap<String, u64> {
    let read = |file: &str| {
        std::fs::read_to_string(format!("/proc/thread-self/net/{file}")).unwrap_or_default()
    };
    let mut all = parse(&read("snmp"));
    all.append(&mut parse(&read("netstat")));
    all
}

/// Pairs of lines: names, then values, both behind the name of the group.
fn parse(text: &str) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    let lines: Vec<&str> = text.lines().collect();
    for pair in lines.chunks_exact(2) {
        let (Some((group, names)), Some((_, values))) =
            (pair[0].split_once(':'), pair[1].split_once(':'))
        else {
            continue;
        };
        for (name, value) in names.split_whitespace().zip(values.split_whitespace()) {
            let full = match group {
                "MPTcpExt" => name.to_owned(),
                _ => format!("{group}{name}"),
            };
            let wanted = group == "MPTcpExt" || KEPT.contains(&full.as_str());
            if let Some(value) = value.parse().ok().filter(|&value: &u64| wanted && value > 0) {
                all.insert(full, value);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_is_read() {
        let text = "TcpExt: SyncookiesSent TCPTimeouts\nTcpExt: 9 3\n\
                    MPTcpExt: MPCapableSYNRX MPJoinSynRx\nMPTcpExt: 1 0\n";
        let expect = [("MPCapableSYNRX", 1), ("TcpExtTCPTimeouts", 3)];
        let expect = expect.map(|(name, value)| (name.to_owned(), value));
        assert_eq!(parse(text), BTreeMap::from(expect));
        assert_eq!(parse("nonsense\n\n:\n"), BTreeMap::new());
    }
}
