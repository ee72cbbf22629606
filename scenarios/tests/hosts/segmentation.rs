//! What Linux gives its interface as one packet leaves it as several, each with the same options (Linux,
//! net/ipv4/tcp_offload.c: `tcp_gso_segment`).

use sim_core::record::story::End;
use sim_core::wire::mptcp::{CapableBody, MptcpOption, mptcp_options};

use super::{Setup, TWO_PATHS};

/// Bytes and MP_CAPABLE's length, where it has one, of the first segments with data.
fn first(client: &str, traffic: &str) -> Vec<(usize, Option<u16>)> {
    let ran = Setup { client, traffic, ..TWO_PATHS }.run();
    let with_data = ran.sent(End::Client).filter(|packet| !packet.payload.is_empty());
    let of = |packet: &sim_core::wire::packet::Packet| {
        let mapped = mptcp_options(&packet.options).find_map(|option| match option {
            MptcpOption::Capable { body: CapableBody::WithData { len, .. }, .. } => Some(len),
            _ => None,
        });
        (packet.payload.len as usize, mapped)
    };
    with_data.take(4).map(of).collect()
}

#[test]
fn the_first_packet_carries_the_keys_in_all_its_segments() {
    let bulk = |bytes: &str| {
        format!(r#"Bulk(name: "work", from: "client", to: "server", bytes: "{bytes}")"#)
    };
    let linux = "(profile: Linux6)";
    let all = first(linux, &bulk("300 kB"));
    let [(1424, Some(len)), (1424, Some(again)), (1424, None), (1424, None)] = all[..] else {
        panic!("{all:?}")
    };
    assert_eq!(len, again);
    assert_eq!(usize::from(len) % 1424, 0, "the mapping is the buffer's");
    // One segment is all that there is.
    assert_eq!(first(linux, &bulk("1 kB")), [(1000, Some(1000))]);
    // The second is the rest of the first packet.
    assert_eq!(first(linux, &bulk("2 kB")), [(1424, Some(2000)), (576, Some(2000))]);
    // Other hosts send segments.
    let all = first("(profile: Rfc8684)", &bulk("300 kB"));
    assert!(matches!(all[..], [(_, Some(_)), (_, None), ..]), "{all:?}");
}
