//! The boxes through which real kernels were measured, and those of Hesmans et al. (HotMiddlebox
//! 2013), as rules: each can be written.

use super::rules::CustomRule;

/// What the box does, and its rules. Paths are named 1 and 2.
const BOXES: &[(&str, &str)] = &[
    ("option 30 to NOPs everywhere on path 1", "(when: (path: \"1\"), do: Nop)"),
    ("only in the SYN/ACK", "(when: (path: \"1\", segment: [SynAck]), do: Nop)"),
    ("only in the client's bare third ACK", "(when: (path: \"1\", segment: [ThirdAck]), do: Nop)"),
    (
        "in everything after the handshake",
        "(when: (path: \"1\", segment: [AfterHandshake]), do: Nop)",
    ),
    (
        "in everything once 500 kB were acknowledged",
        "(when: (path: \"1\", after: (acked: \"500 kB\")), do: Nop)",
    ),
    (
        "the same, from client to server only",
        "(when: (direction: ToServer, after: (acked: \"500 kB\")), do: Nop)",
    ),
    (
        "the same, where there is payload only",
        "(when: (segment: [Data], after: (acked: \"500 kB\")), do: Nop)",
    ),
    (
        "MP_JOIN from the SYN on path 2",
        "(when: (path: \"2\", segment: [Syn], option: Join), do: Nop)",
    ),
    (
        "MP_JOIN from the third ACK on path 2",
        "(when: (path: \"2\", segment: [ThirdAck], direction: ToServer, option: Join), do: Nop)",
    ),
    ("MP_JOIN from the SYN/ACK", "(when: (segment: [SynAck], option: Join), do: Nop)"),
    (
        "from client to server after the third ACK of the join",
        "(when: (path: \"2\", direction: ToServer, segment: [AfterHandshake]), do: Nop)",
    ),
    (
        "SYNs with option 30 dropped",
        "(when: (path: \"1\", segment: [Syn], option: Option30), do: Drop)",
    ),
    ("SYNs with MP_JOIN dropped", "(when: (path: \"2\", segment: [Syn], option: Join), do: Drop)"),
    (
        "everything with option 30 after the handshake dropped",
        "(when: (path: \"1\", segment: [AfterHandshake], option: Option30), do: Drop)",
    ),
    ("ADD_ADDR to NOPs", "(when: (path: \"1\", option: AddAddr), do: Nop)"),
    ("packets with ADD_ADDR dropped", "(when: (option: AddAddr), do: Drop)"),
    (
        "ADD_ADDR to NOPs, but not in the server's first packet",
        "(when: (path: \"1\", direction: ToClient, option: AddAddr, after: (packets: 4)), do: Nop)",
    ),
    ("initial sequence numbers randomised", "(when: (path: \"1\"), do: RandomiseIsn())"),
    ("the same, SACK left wrong", "(do: RandomiseIsn(fix_sack: false))"),
    ("as an ASA comes", "(do: RandomiseIsn()), (do: Nop)"),
    (
        "source address and port translated",
        "(when: (path: \"2\"), do: Nat(address: \"10.0.2.77\", port: 30000))",
    ),
    (
        "one byte of every 50th packet changed",
        "(when: (path: \"2\", direction: ToServer, segment: [Data], every: 50), do: Flip())",
    ),
    ("one byte of the first data changed", "(when: (segment: [Data], times: 1), do: Flip())"),
    (
        "one byte changed once, later, towards the client",
        "(when: (direction: ToClient, segment: [Data], skip: 40, times: 1), do: Flip()), (do: ClampMss(to: 1380))",
    ),
    (
        "three bytes more, once",
        "(when: (path: \"1\", direction: ToServer, segment: [Data], skip: 40, times: 1), do: Grow(by: 3))",
    ),
    (
        "three bytes less, once",
        "(when: (path: \"2\", direction: ToServer, segment: [Data], skip: 40, times: 1), do: Shrink(by: 3))",
    ),
    (
        "segments split, options on both parts",
        "(when: (segment: [Data]), do: Split(options: Both))",
    ),
    (
        "segments split, options on the first part",
        "(when: (segment: [Data]), do: Split(options: First))",
    ),
    (
        "segments split, options on the second part",
        "(when: (segment: [Data]), do: Split(options: Second))",
    ),
    (
        "two segments coalesced, the first's options kept",
        "(when: (segment: [Data]), do: Coalesce(options: First))",
    ),
    (
        "two segments coalesced, the second's options kept",
        "(when: (segment: [Data]), do: Coalesce(options: Second))",
    ),
    (
        "coalescing after 250 data packets",
        "(when: (segment: [Data], after: (data_packets: 250)), do: Coalesce(options: First))",
    ),
    (
        "path 2 balanced to another server",
        "(when: (path: \"2\"), do: Balance(to: \"10.1.9.2:5001\", name: \"other\"))",
    ),
    (
        "data acknowledged ahead, 1 % of it lost after that",
        "(when: (path: \"1\", segment: [Data]), do: AckAhead(lose: \"1 %\"))",
    ),
    (
        "the same from the 100th data packet on",
        "(when: (segment: [Data], after: (data_packets: 100)), do: AckAhead())",
    ),
    ("both ends reset", "(when: (path: \"2\", after: (time: \"0.67 s\"), times: 1), do: Reset())"),
    (
        "the client reset",
        "(when: (path: \"2\", after: (age: \"0.67 s\"), times: 1), do: Reset(to: Client))",
    ),
    (
        "both ends reset with MP_TCPRST",
        "(when: (path: \"2\", after: (bytes: \"300 kB\"), times: 1), do: Reset(reason: 5))",
    ),
    ("a signature dropped, packet by packet", "(when: (contains: \"signature\"), do: Drop)"),
    (
        "a signature found in the reassembled stream",
        "(when: (stream_contains: \"signature\"), do: Reset(drop: true))",
    ),
    (
        "MSS, window, IP identification",
        "(do: ClampMss(to: 1380)), (do: Window(to: 8192)), (do: IpId(to: 0))",
    ),
];

#[test]
fn every_box_can_be_written() {
    for (what, rules) in BOXES {
        let read = ron::Options::default()
            .with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME)
            .from_str::<Vec<CustomRule>>(&format!("[{rules}]"));
        let read = read.unwrap_or_else(|e| panic!("{what}: {e}"));
        assert!(read.iter().all(|r| !format!("{}{}", r.action, r.when).is_empty()), "{what}");
    }
}
