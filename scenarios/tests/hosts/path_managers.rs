//! Which subflows are opened, refused, kept for later and given up, and what is said about addresses.

use sim_core::record::story::{End, Fact};
use sim_core::record::{SubflowOutcome, SubflowRecord};
use sim_core::wire::mptcp::{Join, MptcpOption, mptcp_options};
use sim_core::wire::packet::{Flags, Packet};

use super::{DOWNLOAD, Ran, Setup, TWO_PATHS};

/// `1→2` for a subflow from the client's first address to the server's second; with the server's port where
/// it is not that of the first subflow, and what became of it where it could not carry.
fn subflows(ran: &Ran) -> String {
    let all = &ran.connection().subflows;
    let port = all[0].flow.dst.port();
    let number = |address: std::net::IpAddr| match address {
        std::net::IpAddr::V4(a) => a.octets()[2],
        std::net::IpAddr::V6(a) => (a.segments()[2] & 0xff) as u8,
    };
    let mut names: Vec<String> = all
        .iter()
        .map(|s| {
            let mut name = format!("{}→{}", number(s.flow.src.ip()), number(s.flow.dst.ip()));
            if s.flow.dst.port() != port {
                name += &format!(":{}", s.flow.dst.port());
            }
            match (s.outcome, s.reset_reason) {
                (SubflowOutcome::Established, _) => {}
                (outcome, Some(reason)) => name += &format!(" {outcome:?} {reason}"),
                (outcome, None) => name += &format!(" {outcome:?}"),
            }
            name
        })
        .collect();
    names.sort();
    names.join(", ")
}

/// Every policy and limit on two paths, the server's second address announced where it says so.
#[test]
fn the_policy_and_the_limits_decide_which_subflows_there_are() {
    let announces = r#"(signal: ["b"])"#;
    let table = [
        ("(path_manager: None)", announces, "1→1"),
        ("(path_manager: FullMesh)", "()", "1→1, 2→1"),
        ("(path_manager: FullMesh)", announces, "1→1, 1→2, 2→1, 2→2"),
        ("(path_manager: Endpoints)", announces, "1→1, 2→1, 2→2"),
        ("(path_manager: NdiffPorts(3))", announces, "1→1, 1→1, 1→1"),
        ("(profile: Rfc6824)", r#"(profile: Rfc6824, signal: ["b"])"#, "1→1, 1→2, 2→1, 2→2"),
        ("(profile: Linux6)", r#"(profile: Linux6, signal: ["b"])"#, "1→1, 2→1, 2→2"),
        // Only the addresses that are for it.
        (r#"(subflow: ["b"])"#, "()", "1→1, 2→1"),
        (r#"(subflow: ["a"])"#, announces, "1→1, 1→2"),
        ("(subflow: [])", announces, "1→1"),
        // Limits of the end that opens, and of the end that is called.
        ("(max_subflows: 2)", announces, "1→1, 1→2, 2→1"),
        ("(max_subflows: 0)", announces, "1→1"),
        ("(max_add_addr_accepted: 0)", announces, "1→1, 2→1"),
        (
            "()",
            r#"(signal: ["b"], max_subflows: 0)"#,
            "1→1, 1→2 Refused 3, 2→1 Refused 3, 2→2 Refused 3",
        ),
        ("()", r#"(max_subflows: 1)"#, "1→1, 2→1"),
        // C flag: nobody joins the first address; an announced one stands in for it.
        ("()", "(no_join_to_initial: true)", "1→1"),
        ("()", r#"(no_join_to_initial: true, signal: ["b"])"#, "1→1, 1→2, 2→2"),
        ("(profile: Linux6)", "(profile: Linux6, no_join_to_initial: true)", "1→1"),
        // With a port of its own.
        ("()", r#"(signal: ["b"], signal_port: 8080)"#, "1→1, 1→2:8080, 2→1, 2→2:8080"),
    ];
    for (client, server, expect) in table {
        let ran = Setup { client, server, ..TWO_PATHS }.run();
        assert_eq!(subflows(&ran), expect, "client {client}, server {server}");
        assert!(ran.connection().stream_intact);
    }
}

/// Subflows of `NdiffPorts` differ by the client's port and nothing else.
#[test]
fn different_ports_are_different() {
    let ran = Setup { client: "(path_manager: NdiffPorts(4))", ..TWO_PATHS }.run();
    let mut ports: Vec<u16> = ran.connection().subflows.iter().map(|s| s.flow.src.port()).collect();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 4);
    assert_eq!(ran.all_bytes("b"), 0);
}

/// An announcement and its answer: with an HMAC and an echo in version 1, bare and once in version 0.
#[test]
fn announcements_are_echoed_in_version_1_only() {
    for (profile, v1) in [("Rfc6824", false), ("Rfc8684", true), ("Linux6", true)] {
        let (client, server) = (
            format!("(profile: {profile})"),
            format!(r#"(profile: {profile}, signal: ["b"], signal_port: 8080)"#),
        );
        let ran = Setup { client: &client, server: &server, ..TWO_PATHS }.run();
        let said = |end| {
            let adds = ran.options(end).filter_map(|option| match option {
                MptcpOption::AddAddr(add) => Some(add),
                _ => None,
            });
            adds.collect::<Vec<_>>()
        };
        let [announced] = said(End::Server)[..] else { panic!("{profile}: once") };
        assert_eq!((announced.address_id, announced.port), (2, Some(8080)), "{profile}");
        assert_eq!((announced.v0, announced.hmac.is_some()), (!v1, v1), "{profile}");
        let echoes = said(End::Client);
        assert_eq!(echoes.len(), usize::from(v1), "{profile}");
        for echo in echoes {
            assert!(echo.echo && echo.hmac.is_none(), "{profile}: {echo:?}");
            assert_eq!(echo.address, announced.address, "{profile}");
        }
    }
}

/// A backup path carries nothing while another works, whichever end asked for it, whichever sends, and
/// everything when the others fail.
#[test]
fn a_backup_waits_until_the_others_fail() {
    for profile in ["Rfc6824", "Rfc8684", "Linux6"] {
        for (asks, traffic) in [
            (End::Client, TWO_PATHS.traffic),
            (End::Client, DOWNLOAD),
            (End::Server, TWO_PATHS.traffic),
            (End::Server, DOWNLOAD),
        ] {
            if asks == End::Server && profile == "Rfc6824" {
                continue; // version 0 has no C flag: the first address is joined, too
            }
            // The server's second path is one from an address of its own: announced, and joined.
            let (client, server) = match asks {
                End::Client => (
                    format!(r#"(profile: {profile}, path_manager: FullMesh, backup: ["b"])"#),
                    format!("(profile: {profile})"),
                ),
                End::Server => (
                    format!(r#"(profile: {profile}, path_manager: FullMesh, subflow: ["b"])"#),
                    format!(
                        r#"(profile: {profile}, backup: ["b"], signal: ["b"], no_join_to_initial: true)"#
                    ),
                ),
            };
            let setup = Setup { client: &client, server: &server, traffic, ..TWO_PATHS };
            let case = format!("{profile}, {asks:?} asks, {traffic}");
            let ran = setup.run();
            assert_eq!(ran.connection().subflows.len(), 2, "{case}: {}", subflows(&ran));
            assert!(ran.all_bytes("a") > 4_500_000, "{case}: {}", ran.all_bytes("a"));
            assert_eq!(ran.all_bytes("b"), 0, "{case}");
            let ran = Setup { events: r#"At("2 s", LinkDown("a"))"#, ..setup }.run();
            assert_eq!(ran.bytes("b", 0.0, 2.0), 0, "{case}: the path goes at 2 s");
            assert!(ran.bytes("b", 2.0, 6.0) > 2_000_000, "{case}: {}", ran.all_bytes("b"));
            assert!(ran.connection().stream_intact, "{case}");
        }
    }
}

/// MP_PRIO turns a path into a backup while the connection runs, and back.
#[test]
fn priorities_change_while_it_runs() {
    for profile in ["Rfc6824", "Rfc8684", "Linux6"] {
        for traffic in [TWO_PATHS.traffic, DOWNLOAD] {
            let hosts = format!("(profile: {profile})");
            let ran = Setup {
                client: &hosts,
                server: &hosts,
                traffic,
                events: r#"At("1 s", SetBackup("client", "b", true)),
                           At("3 s", SetBackup("client", "b", false))"#,
                ..TWO_PATHS
            }
            .run();
            let case = format!("{profile}, {traffic}");
            let told: Vec<bool> = ran
                .options(End::Client)
                .filter_map(|option| match option {
                    MptcpOption::Prio { backup, .. } => Some(backup),
                    _ => None,
                })
                .collect();
            assert_eq!(told, [true, false], "{case}");
            assert!(ran.bytes("b", 0.2, 1.0) > 500_000, "{case}: {}", ran.bytes("b", 0.2, 1.0));
            assert!(ran.bytes("b", 1.5, 3.0) < 2_000, "{case}: {}", ran.bytes("b", 1.5, 3.0));
            assert!(ran.bytes("b", 3.2, 5.0) > 1_000_000, "{case}: {}", ran.bytes("b", 3.2, 5.0));
        }
    }
}

/// Of several subflows from one address Linux changes the first (`mptcp_pm_mp_prio_send_ack`).
#[test]
fn priorities_of_several_subflows_from_one_address() {
    for (profile, many) in [("Rfc8684", 2), ("Linux6", 1)] {
        let ran = Setup {
            client: &format!("(profile: {profile})"),
            server: &format!(r#"(profile: {profile}, signal: ["b"])"#),
            events: r#"At("1 s", SetBackup("client", "b", true))"#,
            ..TWO_PATHS
        }
        .run();
        let from_second = ran.connection().subflows.iter().filter(|s| s.path == "b").count();
        assert_eq!(from_second, 2, "{profile}: {}", subflows(&ran));
        let told: Vec<_> = ran
            .sent(End::Client)
            .filter(|packet| {
                let mut options = mptcp_options(&packet.options);
                options.any(|option| matches!(option, MptcpOption::Prio { .. }))
            })
            .map(|packet| packet.dst)
            .collect();
        assert_eq!(told.len(), many, "{profile}");
        let is_of_first = |told: &std::net::IpAddr| {
            let first = ran.connection().subflows.iter().find(|s| s.path == "b");
            first.is_some_and(|s| s.flow.dst.ip() == *told)
        };
        assert!(told.first().is_some_and(is_of_first), "{profile}: {told:?}");
    }
}

/// Priorities that an end tells while it runs.
fn priorities(ran: &Ran, end: End) -> Vec<bool> {
    let told = ran.options(end).filter_map(|option| match option {
        MptcpOption::Prio { backup, .. } => Some(backup),
        _ => None,
    });
    told.collect()
}

/// Linux tells nobody of a priority that stays as it was (`mptcp_pm_nl_set_flags`); later joins have the new one.
#[test]
fn priorities_that_stay() {
    for (profile, told) in [("Rfc8684", &[false, true][..]), ("Linux6", &[true])] {
        let ran = Setup {
            client: &format!("(profile: {profile})"),
            server: &format!("(profile: {profile})"),
            events: r#"At("1 s", SetBackup("client", "b", false)),
                       At("2 s", SetBackup("client", "b", true)),
                       At("3 s", InjectReset("b"))"#,
            ..TWO_PATHS
        }
        .run();
        assert_eq!(priorities(&ran, End::Client), told, "{profile}");
    }
    let ran = Setup {
        client: "(profile: Linux6)",
        events: r#"At("1 s", AddressRemoved("client", "b")),
                   At("2 s", SetBackup("client", "b", true)),
                   At("3 s", AddressAdded("client", "b"))"#,
        ..TWO_PATHS
    }
    .run();
    let joins = ran.options(End::Client).filter_map(|option| match option {
        MptcpOption::Join(Join::Syn { backup, .. }) => Some(backup),
        _ => None,
    });
    assert_eq!(joins.collect::<Vec<_>>(), [false, true]);
}

/// A host that is called tells that the first subflow is a backup when its path manager has something to do: once a join is
/// over (`mptcp_pm_subflow_check_next`).
#[test]
fn the_first_subflow_of_a_host_that_is_called_is_a_backup() {
    let run = |events: &str, server: &str| {
        let setup = Setup { client: "(profile: Linux6)", server, events, ..TWO_PATHS };
        priorities(&setup.run(), End::Server)
    };
    let backup = r#"(profile: Linux6, backup: ["a"])"#;
    let reset = r#"At("1 s", InjectReset("b"))"#;
    assert_eq!(run("", backup), [false; 0]);
    assert_eq!(run(reset, backup), [true]);
    assert_eq!(run(reset, "(profile: Linux6)"), [false; 0]);
    assert_eq!(run("", r#"(profile: Linux6, backup: ["a"], signal: ["b"])"#), [true]);
}

/// REMOVE_ADDR goes by a subflow that stays, or, while there is none, by the one that goes (Linux:
/// `mptcp_pm_addr_send_ack_avoid_list`).
#[test]
fn an_address_that_goes_is_told_of_by_another_subflow() {
    for (at, by) in [("0.06 s", 1), ("2 s", 2)] {
        let events = format!(r#"At("{at}", AddressRemoved("client", "a"))"#);
        let ran = Setup { client: "(profile: Linux6)", events: &events, ..TWO_PATHS }.run();
        let told = ran.sent(End::Client).find_map(|packet| {
            let mut options = mptcp_options(&packet.options);
            let is_told = options.any(|option| matches!(option, MptcpOption::RemoveAddr(_)));
            is_told.then_some(packet.src)
        });
        let Some(std::net::IpAddr::V4(told)) = told else { panic!("{at}: {told:?}") };
        assert_eq!(told.octets()[2], by, "{at}");
    }
}

/// TCP knows nothing of addresses that go: a connection that is not MPTCP, or not yet, waits until its own returns.
#[test]
fn plain_connections_wait_for_their_address() {
    for (profiles, at) in [
        (["TcpOnly", "TcpOnly"], 1.0),
        (["Linux6", "TcpOnly"], 1.0),
        (["Rfc8684", "TcpOnly"], 1.0),
        (["Linux6", "Linux6"], 0.005),
        (["TcpOnly", "TcpOnly"], 0.005),
    ] {
        let [client, server] = profiles.map(|profile| format!("(profile: {profile})"));
        let (gone, back) = (at + 0.003, at + 1.0);
        let events = format!(
            r#"At("{gone} s", AddressRemoved("client", "a")), At("{back} s", AddressAdded("client", "a"))"#
        );
        let ran = Setup { client: &client, server: &server, events: &events, ..TWO_PATHS }.run();
        let is_reset = |packet: &Packet| packet.flags.has(Flags::RST);
        assert!(!ran.sent(End::Client).any(is_reset), "{profiles:?} {at}");
        assert_eq!(ran.bytes("a", gone + 0.2, back), 0, "{profiles:?} {at}");
        assert!(ran.bytes("a", back + 1.5, 5.0) > 500_000, "{profiles:?} {at}");
        assert!(ran.connection().stream_intact, "{profiles:?} {at}");
    }
}

/// Linux's path manager knows the addresses that it was told of (`ip mptcp endpoint add`): of others it tells nobody, and
/// closes no subflow for them.
#[test]
fn addresses_that_are_no_endpoints_are_tcps() {
    let server = "(profile: Linux6)";
    for (client, event) in [
        ("(profile: Linux6)", r#"At("1 s", EndpointRemoved("server", "a"))"#),
        (
            "(profile: Linux6, subflow: [])",
            r#"At("1 s", AddressRemoved("client", "a")), At("1.5 s", AddressAdded("client", "a"))"#,
        ),
        (r#"(profile: Linux6, subflow: ["b"])"#, r#"At("1 s", SetBackup("client", "a", true))"#),
    ] {
        let ran = Setup { client, server, traffic: DOWNLOAD, events: event, ..TWO_PATHS }.run();
        let all = ran.options(End::Client).chain(ran.options(End::Server));
        let told: Vec<_> = all
            .filter(|o| matches!(o, MptcpOption::RemoveAddr(_) | MptcpOption::Prio { .. }))
            .collect();
        assert_eq!(told, [], "{event}");
        assert!(ran.bytes("a", 3.0, 5.0) > 1_000_000, "{event}");
        assert!(ran.connection().subflows.len() <= 2, "{event}");
        assert!(ran.connection().stream_intact, "{event}");
    }
}

/// Linux's path manager knows the first subflow's endpoint by its ID once it has had work (`mptcp_mpc_endpoint_setup`): before,
/// it withdraws the endpoint's ID and closes no subflow, as nobody has that ID.
#[test]
fn the_first_endpoint_goes_before_the_path_manager_had_work() {
    let removed = |client, server, event| {
        let ran = Setup { paths: ONE_PATH, client, server, events: event, ..TWO_PATHS }.run();
        let all = [End::Client, End::Server];
        let all = all.into_iter().flat_map(|end| ran.sent(end));
        let ids: Vec<u8> = all
            .flat_map(|packet| mptcp_options(&packet.options))
            .filter_map(|option| match option {
                MptcpOption::RemoveAddr(ids) => ids.as_slice().first().copied(),
                _ => None,
            })
            .collect();
        (ids, subflows(&ran), ran.bytes("a", 2.5, 5.0) > 100_000)
    };
    let idle = "(profile: Linux6, max_subflows: 0)";
    let gone = r#"At("1 s", EndpointRemoved("client", "a"))"#;
    assert_eq!(removed(idle, idle, gone), (vec![1], "1→1".to_owned(), true));
    // Nor does what the peer announces give work to a host that accepts nothing.
    let signal = r#"(profile: Linux6, signal: ["b"])"#;
    let two = Setup { client: signal, server: r#"(profile: Linux6, backup: ["a"])"#, ..TWO_PATHS };
    let ran = Setup {
        traffic: DOWNLOAD,
        events: r#"At("1 s", AddressRemoved("server", "a")), At("2 s", AddressAdded("server", "a"))"#,
        ..two
    }
    .run();
    assert!(subflows(&ran).starts_with("1→1,"), "{}", subflows(&ran));
}

const ONE_PATH: &str = r#"(name: "a", rate: "5 Mbps", delay: "10 ms", queue: "100 ms")"#;

/// `mptcp_pm_add_addr_received`: the address that was called is announced by ID 0 when it returns, and joined whatever the
/// limits are.
#[test]
fn the_called_address_returns() {
    for client in ["(profile: Linux6)", "(profile: Linux6, max_subflows: 1)"] {
        let ran = Setup {
            client,
            server: r#"(profile: Linux6, signal: ["a", "b"])"#,
            events: r#"At("1 s", AddressRemoved("server", "a")), At("2 s", AddressAdded("server", "a"))"#,
            ..TWO_PATHS
        }
        .run();
        let learnt = |entry: &sim_core::record::story::Entry| match entry.fact {
            Fact::AddressLearnt { id, .. } => Some(id),
            _ => None,
        };
        let learnt: Vec<u8> = ran.connection().story.iter().filter_map(learnt).collect();
        assert!(learnt.contains(&0), "{client}: {learnt:?}");
        let all = subflows(&ran);
        assert_eq!(all.matches("1→1").count(), 2, "{client}: {all}");
        assert!(ran.bytes("a", 2.5, 5.0) > 500_000, "{client}: {all}");
        assert!(ran.connection().stream_intact, "{client}");
    }
}

/// An address that returns to a full mesh of Linux is not joined from to where its first subflow went, which is known still
/// (`fill_remote_addresses_fullmesh`); what was left makes place at the peer (`__mptcp_pm_close_subflow`).
#[test]
fn an_address_returns_to_a_full_mesh() {
    let ran = Setup {
        client: "(profile: Linux6, path_manager: FullMesh)",
        server: r#"(profile: Linux6, max_subflows: 2, signal: ["b"])"#,
        events: r#"At("1 s", AddressRemoved("client", "a")), At("2 s", AddressAdded("client", "a"))"#,
        ..TWO_PATHS
    }
    .run();
    let all = subflows(&ran);
    let from_first = |name: &str| all.split(", ").filter(|is| is.starts_with(name)).count();
    assert_eq!([from_first("1→1"), from_first("1→2")], [1, 2], "{all}");
    assert!(!all.contains("1→2 Refused"), "{all}");
    assert!(ran.connection().stream_intact);
}

/// REMOVE_ADDR of the only subflow's address: Linux leaves that, too, and its peer, which has closed its sending, hears no
/// more of the stream (`mptcp_pm_rm_addr_or_subflow`).
#[test]
fn the_last_subflow_of_a_withdrawn_address_is_left() {
    let ran = Setup {
        paths: ONE_PATH,
        client: "(profile: Linux6)",
        server: "(profile: Linux6)",
        traffic: DOWNLOAD,
        events: r#"At("1 s", EndpointRemoved("client", "a"))"#,
    }
    .run();
    assert!(ran.bytes("a", 0.0, 1.0) > 400_000);
    assert_eq!(ran.bytes("a", 2.0, 5.0), 0);
    assert_eq!(ran.connection().outcome.verdict.word(), "failed");
}

/// What Linux receives on its first subflow after it has left that is no part of the stream (`mptcp_data_ready`), until
/// another subflow brings something (`__mptcp_move_skbs`).
#[test]
fn what_comes_on_a_first_subflow_that_was_left() {
    let gone = Setup {
        client: r#"(profile: Linux6, subflow: [], signal: ["a"])"#,
        server: "(profile: Linux6)",
        traffic: DOWNLOAD,
        events: r#"At("1 s", AddressRemoved("client", "a")), At("1.2 s", AddressAdded("client", "a"))"#,
        paths: ONE_PATH,
    };
    let alone = gone.run();
    assert!(alone.bytes("a", 0.0, 1.0) > 400_000);
    assert_eq!(alone.bytes("a", 1.1, 5.0), 0);
    let sent_after = alone.sent(End::Server).filter(|p| !p.payload.is_empty()).count();
    assert!(sent_after > 0);
    let beside = Setup { paths: TWO_PATHS.paths, client: "(profile: Linux6)", ..gone }.run();
    assert!(beside.connection().stream_intact && beside.connection().completed_at.is_some());
}

/// Linux announces an address that returns on a subflow that it has closed itself, where there is no other
/// (`mptcp_established_options`), and the stream goes on over the new one.
#[test]
fn an_address_returns_after_the_only_subflow_was_left() {
    let ran = Setup {
        paths: ONE_PATH,
        client: "(profile: Linux6)",
        server: r#"(profile: Linux6, signal: ["a"])"#,
        events: r#"At("1 s", AddressRemoved("server", "a")), At("2 s", AddressAdded("server", "a"))"#,
        ..TWO_PATHS
    }
    .run();
    assert_eq!(subflows(&ran), "1→1, 1→1");
    assert!(ran.connection().stream_intact && ran.connection().completed_at.is_some());
}

/// A server that forbids its first address (C flag) and announces another one: a client of Linux that accepts none by its
/// limits takes that one after all, from the addresses that are for subflows (`mptcp_pm_add_addr_c_flag_case`).
#[test]
fn linux_joins_elsewhere_where_the_first_address_is_forbidden() {
    let joined =
        |client: &str, server: &str| subflows(&Setup { client, server, ..TWO_PATHS }.run());
    let server = r#"(profile: Linux6, signal: ["b"], no_join_to_initial: true)"#;
    let none = "(profile: Linux6, max_add_addr_accepted: 0)";
    assert_eq!(joined(none, server), "1→1, 2→2");
    // By its limits: from where the route leads.
    assert_eq!(joined("(profile: Linux6)", server), "1→1, 2→2");
    assert_eq!(joined(none, r#"(profile: Linux6, signal: ["b"])"#), "1→1, 2→1");
    let nowhere = r#"(profile: Linux6, max_add_addr_accepted: 0, subflow: ["a"])"#;
    assert_eq!(joined(nowhere, server), "1→1");
    let mesh = "(profile: Linux6, max_add_addr_accepted: 0, path_manager: FullMesh)";
    assert_eq!(joined(mesh, server), "1→1, 1→2, 2→2");
}

/// The backup flag of a join's SYN/ACK is what the end that was called wishes, whatever the SYN said (RFC 8684 §3.2).
#[test]
fn each_end_says_for_itself_whether_a_join_is_a_backup() {
    let said = |client: &str, server: &str| {
        let ran = Setup { client, server, ..TWO_PATHS }.run();
        let syn_ack = |option| match option {
            MptcpOption::Join(Join::SynAck { backup, .. }) => Some(backup),
            _ => None,
        };
        ran.options(End::Server).find_map(syn_ack)
    };
    let (plain, b) = ("(profile: Linux6)", r#"(profile: Linux6, backup: ["b"])"#);
    assert_eq!(said(b, plain), Some(false));
    assert_eq!(said(plain, r#"(profile: Linux6, backup: ["a"])"#), Some(true));
    assert_eq!(said(plain, plain), Some(false));
}

/// A connection that is not MPTCP for certain says nothing of an address that returns: the client's first segment is still to
/// say MP_CAPABLE (`mptcp_nl_add_subflow_or_signal_addr`).
#[test]
fn an_address_that_returns_in_the_handshake() {
    let ran = Setup {
        client: r#"(profile: Linux6, signal: ["b"])"#,
        server: "(profile: Linux6)",
        traffic: DOWNLOAD,
        events: r#"At("0.025 s", LinkDown("a")), At("0.5 s", AddressRemoved("client", "b")), At("0.9 s", AddressAdded("client", "b")), At("0.8 s", LinkUp("a"))"#,
        ..TWO_PATHS
    }
    .run();
    assert!(ran.bytes("b", 3.0, 5.0) > 500_000);
    assert_eq!(subflows(&ran), "1→1, 2→1");
}

/// With its last address an interface loses the routes over it (Linux, `fib_sync_down_addr`): who is reached by them gets no
/// answer until it returns.
#[test]
fn routes_go_with_an_interfaces_address() {
    let hosts = "(profile: Linux6)";
    let ran = Setup {
        client: hosts,
        server: hosts,
        events: r#"At("1 s", AddressRemoved("server", "b")), At("3 s", AddressAdded("server", "b"))"#,
        ..TWO_PATHS
    }
    .run();
    let second = std::net::IpAddr::from([10, 0, 2, 2]);
    let times = ran.sent(End::Server).filter(|packet| packet.dst == second).count();
    assert!(times > 100, "{times}");
    assert!(ran.bytes("b", 0.5, 1.0) > 400_000);
    assert!(ran.bytes("b", 1.3, 3.0) < 50_000, "{}", ran.bytes("b", 1.3, 3.0));
    assert!(ran.connection().stream_intact);
}

const THREE_PATHS: &str = r#"(name: "a", rate: "5 Mbps", delay: "10 ms", queue: "100 ms"),
                             (name: "b", rate: "5 Mbps", delay: "20 ms", queue: "100 ms"),
                             (name: "c", rate: "5 Mbps", delay: "15 ms", queue: "100 ms")"#;

/// RFC 8684 §3.4: an ID is its address's. The second address goes, the third one is still the third.
#[test]
fn an_address_keeps_its_id_when_others_go_and_come() {
    for profile in ["Rfc6824", "Rfc8684", "Linux6"] {
        let hosts = format!("(profile: {profile})");
        let ran = Setup {
            paths: THREE_PATHS,
            client: &hosts,
            server: &hosts,
            events: r#"At("1 s", AddressRemoved("client", "b")),
                       At("2 s", AddressRemoved("client", "c")),
                       At("3 s", AddressAdded("client", "c")),
                       At("4 s", AddressAdded("client", "b"))"#,
            ..TWO_PATHS
        }
        .run();
        let said: Vec<String> = ran
            .sent(End::Client)
            .flat_map(|packet| mptcp_options(&packet.options).map(|o| (packet.src, o)))
            .filter_map(|(src, option)| match option {
                MptcpOption::Join(Join::Syn { address_id, .. }) => {
                    Some(format!("{src} joins as {address_id}"))
                }
                MptcpOption::RemoveAddr(ids) => Some(format!("without {:?}", ids.as_slice())),
                _ => None,
            })
            .collect();
        let joins = ["10.0.2.2 joins as 2", "10.0.3.2 joins as 3"];
        let expect = [joins[0], joins[1], "without [2]", "without [3]", joins[1], joins[0]];
        assert_eq!(said, expect, "{profile}");
        let removed: Vec<u8> = ran
            .connection()
            .story
            .iter()
            .filter_map(|entry| match entry.fact {
                Fact::AddressRemoved { id } => Some(id),
                _ => None,
            })
            .collect();
        assert_eq!(removed, [2, 3], "{profile}");
        // Linux leaves by a FIN, and its peer resets what comes behind: of the second subflow, whose last segments
        // came later than that, the client hears when the address is back, without the reason.
        let second = if profile == "Linux6" { "2→1 Reset" } else { "2→1 Reset 0" };
        let expect = format!("1→1, 2→1, {second}, 3→1, 3→1 Reset 0");
        assert_eq!(subflows(&ran), expect, "{profile}");
        for (path, from, to) in [("b", 1.2, 4.0), ("c", 2.2, 3.0)] {
            assert_eq!(ran.bytes(path, from, to), 0, "{profile}: {path} is away");
        }
        assert!(
            ran.bytes("b", 4.2, 5.0) > 200_000 && ran.bytes("c", 3.2, 5.0) > 500_000,
            "{profile}"
        );
        assert!(ran.connection().stream_intact, "{profile}");
    }
}

/// `mptcp_pm_subflow_check_next`: a join that was refused counts no longer, and the next address has its turn.
#[test]
fn linux_tries_the_next_address_where_a_join_was_refused() {
    let ran = Setup {
        paths: THREE_PATHS,
        client: "(profile: Linux6, max_subflows: 1)",
        server: "(profile: Linux6, max_subflows: 0)",
        ..TWO_PATHS
    }
    .run();
    assert_eq!(subflows(&ran), "1→1, 2→1 Refused 0, 3→1 Refused 0");
}

/// `mptcp_pm_nl_add_addr_received`: whether subflows are too many is asked after an announced address was joined, and
/// the own addresses come after it.
#[test]
fn linux_joins_an_announced_address_before_it_counts() {
    let ran = Setup {
        paths: THREE_PATHS,
        client: "(profile: Linux6, max_subflows: 1)",
        server: r#"(profile: Linux6, signal: ["c"])"#,
        ..TWO_PATHS
    }
    .run();
    assert_eq!(subflows(&ran), "1→1, 3→3");
}

/// A Linux host that no longer has an endpoint leaves its subflows by a FIN (`__mptcp_close_ssk`) and resets what still
/// comes, numbered by what that acknowledges (`tcp_v4_send_reset`). The address stays: it answers.
#[test]
fn linux_leaves_an_endpoint_by_a_fin_and_resets_what_still_comes() {
    for scheduler in ["Linux", "RoundRobin"] {
        let server = format!(r#"(profile: Linux6, scheduler: {scheduler}, signal: ["b"])"#);
        let ran = Setup {
            client: r#"(profile: Linux6, subflow: [], signal: ["a"])"#,
            server: &server,
            events: r#"At("2 s", EndpointRemoved("server", "b"))"#,
            ..TWO_PATHS
        }
        .run();
        let second = std::net::IpAddr::from([10, 1, 2, 2]);
        let ends: Vec<&Packet> = ran
            .sent(End::Server)
            .filter(|p| p.src == second && (p.flags.has(Flags::FIN) || p.flags.has(Flags::RST)))
            .collect();
        let [fin, reset, ..] = ends[..] else { panic!("{scheduler}: {ends:?}") };
        assert!(fin.flags.has(Flags::FIN), "{scheduler}: {fin:?}");
        assert_eq!((reset.flags, reset.seq), (Flags::RST, fin.seq), "{scheduler}");
        let reason = mptcp_options(&reset.options).find_map(|option| match option {
            MptcpOption::TcpRst { reason, .. } => Some(reason.0),
            _ => None,
        });
        assert_eq!(reason, Some(0), "{scheduler}");
        assert_eq!(subflows(&ran), "1→1, 2→2 Reset 0", "{scheduler}");
        let c = ran.connection();
        assert!(c.stream_intact && c.completed_at.is_some(), "{scheduler}");
    }
}

/// An endpoint that was removed is not joined from, whatever else happens, until it returns.
#[test]
fn an_endpoint_that_was_removed_stays_away_until_it_returns() {
    for profile in ["Rfc8684", "Linux6"] {
        let hosts = format!("(profile: {profile})");
        let ran = Setup {
            paths: THREE_PATHS,
            client: &hosts,
            server: &hosts,
            events: r#"At("1 s", EndpointRemoved("client", "b")),
                       At("2 s", AddressRemoved("client", "c")),
                       At("2.5 s", AddressAdded("client", "c")),
                       At("4 s", AddressAdded("client", "b"))"#,
            ..TWO_PATHS
        }
        .run();
        assert_eq!(ran.bytes("b", 1.3, 4.0), 0, "{profile}");
        assert!(ran.bytes("b", 4.3, 5.0) > 100_000, "{profile}");
        assert!(ran.bytes("c", 2.8, 5.0) > 500_000, "{profile}");
        assert!(ran.connection().stream_intact, "{profile}");
    }
}

/// The server withdraws an address that it has announced: the subflows to it end, the others go on. It
/// returns, and is announced again.
#[test]
fn an_announced_address_is_withdrawn_and_returns() {
    for profile in ["Rfc6824", "Rfc8684", "Linux6"] {
        let (client, server) =
            (format!("(profile: {profile})"), format!(r#"(profile: {profile}, signal: ["b"])"#));
        let ran = Setup {
            client: &client,
            server: &server,
            events: r#"At("2 s", AddressRemoved("server", "b")),
                       At("3 s", AddressAdded("server", "b"))"#,
            ..TWO_PATHS
        }
        .run();
        let ids: Vec<(bool, u8)> = ran
            .options(End::Server)
            .filter_map(|option| match option {
                MptcpOption::AddAddr(add) => Some((true, add.address_id)),
                MptcpOption::RemoveAddr(ids) => Some((false, ids.as_slice()[0])),
                _ => None,
            })
            .collect();
        assert_eq!(ids, [(true, 2), (false, 2), (true, 2)], "{profile}");
        let second = std::net::IpAddr::from([10, 1, 2, 2]);
        let reset =
            |s: &&SubflowRecord| s.flow.dst.ip() == second && s.outcome == SubflowOutcome::Reset;
        let ended = ran.connection().subflows.iter().filter(reset).count();
        assert_eq!(ended, if profile == "Linux6" { 1 } else { 2 }, "{profile}: {}", subflows(&ran));
        assert!(
            ran.connection().stream_intact && ran.connection().completed_at.is_some(),
            "{profile}"
        );
    }
}

/// Who was refused for a limit gets an RST that says so: administratively prohibited.
#[test]
fn a_refusal_says_why() {
    let ran = Setup { server: "(max_subflows: 0)", ..TWO_PATHS }.run();
    let said: Vec<(bool, u8)> = ran
        .sent(End::Server)
        .flat_map(|packet| {
            let is_reset = packet.flags.has(Flags::RST);
            mptcp_options(&packet.options).map(move |option| (is_reset, option))
        })
        .filter_map(|(is_reset, option)| match option {
            MptcpOption::TcpRst { reason, .. } => Some((is_reset, reason.0)),
            _ => None,
        })
        .collect();
    assert_eq!(said, [(true, 3)]);
}
