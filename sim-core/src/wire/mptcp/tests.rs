use super::*;
use proptest::prelude::*;

fn capables() -> impl Strategy<Value = MptcpOption> {
    let keys = any::<(u64, u64)>();
    let body = prop_oneof![
        Just(CapableBody::None),
        any::<u64>().prop_map(CapableBody::Sender),
        keys.prop_map(|(sender, receiver)| CapableBody::Both { sender, receiver }),
        any::<(u64, u64, u16, Option<u16>)>().prop_map(|(sender, receiver, len, checksum)| {
            CapableBody::WithData { sender, receiver, len, checksum }
        }),
    ];
    (0u8..16, any::<u8>(), body).prop_map(|(version, flags, body)| MptcpOption::Capable {
        version,
        flags,
        body,
    })
}

fn joins() -> impl Strategy<Value = MptcpOption> {
    prop_oneof![
        any::<(bool, u8, u32, u32)>().prop_map(|(backup, address_id, token, nonce)| {
            Join::Syn { backup, address_id, token, nonce }
        }),
        any::<(bool, u8, u64, u32)>().prop_map(|(backup, address_id, hmac, nonce)| {
            Join::SynAck { backup, address_id, hmac, nonce }
        }),
        any::<[u8; 20]>().prop_map(|hmac| Join::Ack { hmac }),
    ]
    .prop_map(MptcpOption::Join)
}

fn data_seqs() -> impl Strategy<Value = DataSeq> {
    prop_oneof![any::<u32>().prop_map(DataSeq::Short), any::<u64>().prop_map(DataSeq::Long)]
}

fn signals() -> impl Strategy<Value = MptcpOption> {
    let mapping = (data_seqs(), any::<(u32, u16, Option<u16>)>())
        .prop_map(|(dsn, (ssn, len, checksum))| Mapping { dsn, ssn, len, checksum });
    (any::<bool>(), proptest::option::of(data_seqs()), proptest::option::of(mapping))
        .prop_map(|(data_fin, ack, mapping)| MptcpOption::Dss(Dss { data_fin, ack, mapping }))
}

fn addresses() -> impl Strategy<Value = MptcpOption> {
    let address = prop_oneof![
        any::<[u8; 4]>().prop_map(IpAddr::from),
        any::<[u8; 16]>().prop_map(IpAddr::from)
    ];
    let form = prop_oneof![
        Just((true, false, None)),
        Just((false, true, None)),
        any::<u64>().prop_map(|hmac| (false, false, Some(hmac))),
        Just((false, false, None)),
    ];
    (address, form, any::<(u8, Option<u16>)>()).prop_map(
        |(address, (v0, echo, hmac), (address_id, port))| {
            MptcpOption::AddAddr(AddAddr { v0, echo, address_id, address, port, hmac })
        },
    )
}

fn others() -> impl Strategy<Value = MptcpOption> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 1..=16)
            .prop_map(|ids| MptcpOption::RemoveAddr(AddressIds::new(&ids).unwrap())),
        any::<(bool, Option<u8>)>()
            .prop_map(|(backup, address_id)| MptcpOption::Prio { backup, address_id }),
        any::<u64>().prop_map(|dsn| MptcpOption::Fail { dsn }),
        any::<u64>().prop_map(|key| MptcpOption::FastClose { key }),
        any::<(bool, u8)>().prop_map(|(transient, reason)| MptcpOption::TcpRst {
            transient,
            reason: ResetReason(reason),
        }),
    ]
}

fn every_form() -> impl Strategy<Value = MptcpOption> {
    prop_oneof![capables(), joins(), signals(), addresses(), others()]
}

fn emitted(option: &MptcpOption) -> Options {
    let mut options = Options::new();
    option.emit(&mut options).unwrap();
    options
}

fn first(options: &Options) -> Result<MptcpOption, NotUnderstood> {
    MptcpOption::parse(&options.iter().next().unwrap())
}

proptest! {
    #[test]
    fn every_form_is_parsed_as_it_was_emitted(option in every_form()) {
        let options = emitted(&option);
        prop_assert_eq!(options.len(), option.buffer_len());
        prop_assert_eq!(usize::from(options.as_bytes()[1]), options.len());
        prop_assert_eq!(first(&options), Ok(option));
        prop_assert_eq!(mptcp_options(&options).collect::<Vec<_>>(), [option]);
    }

    #[test]
    fn a_wrong_length_is_not_understood_or_another_form(option in every_form(), len in 2u8..40) {
        let mut bytes = emitted(&option).as_bytes().to_vec();
        bytes.resize(usize::from(len), 0);
        bytes[1] = len;
        if let Ok(parsed) = first(&Options::from_bytes(&bytes).unwrap()) {
            prop_assert_eq!(emitted(&parsed).len(), usize::from(len));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(mut bytes in proptest::collection::vec(any::<u8>(), 3..=40)) {
        bytes[0] = kind::MPTCP;
        bytes[1] = bytes.len() as u8;
        if let Ok(parsed) = first(&Options::from_bytes(&bytes).unwrap()) {
            // Reserved bits are gone; everything else is as it was.
            prop_assert_eq!(emitted(&parsed).len(), bytes.len());
            prop_assert_eq!(first(&emitted(&parsed)), Ok(parsed));
        }
    }

    #[test]
    fn short_numbers_expand_to_the_nearest(near in any::<u64>(), by in -0x7fff_ffffi64..0x7fff_ffff) {
        let full = near.wrapping_add_signed(by);
        prop_assert_eq!(DataSeq::Short(full as u32).expand(near), full);
    }
}

#[test]
fn forms_and_their_bytes() {
    let capable = |version, body| MptcpOption::Capable { version, flags: 0x81, body };
    let dss = |data_fin, ack, mapping| MptcpOption::Dss(Dss { data_fin, ack, mapping });
    let short = DataSeq::Short(0x0102_0304);
    let long = DataSeq::Long(0x0102_0304_0506_0708);
    let address: IpAddr = "10.0.0.1".parse().unwrap();
    let add = |v0, echo, hmac| {
        MptcpOption::AddAddr(AddAddr { v0, echo, address_id: 5, address, port: None, hmac })
    };
    let table = [
        (capable(1, CapableBody::None), "1e040181"),
        (capable(0, CapableBody::Sender(1)), "1e0c00810000000000000001"),
        (
            dss(true, Some(short), Some(Mapping { dsn: long, ssn: 9, len: 1, checksum: Some(2) })),
            "1e18201d0102030401020304050607080000000900010002",
        ),
        (dss(false, Some(long), None), "1e0c20030102030405060708"),
        (add(true, false, None), "1e0834050a000001"),
        (add(false, true, None), "1e0831050a000001"),
        (add(false, false, Some(7)), "1e1030050a0000010000000000000007"),
        (MptcpOption::RemoveAddr(AddressIds::new(&[5]).unwrap()), "1e044005"),
        (MptcpOption::Prio { backup: true, address_id: None }, "1e0351"),
        (MptcpOption::Fail { dsn: 7 }, "1e0c60000000000000000007"),
        (MptcpOption::FastClose { key: 7 }, "1e0c70000000000000000007"),
        (MptcpOption::TcpRst { transient: true, reason: ResetReason::MIDDLEBOX }, "1e048106"),
    ];
    for (option, expected) in table {
        let hex: String = emitted(&option).as_bytes().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, expected);
    }
}

proptest! {
    /// The short way to the DSS of an ordinary segment says what reading every option says.
    #[test]
    fn a_lone_dss_is_read_as_the_long_way_reads_it(
        timestamps in any::<Option<[u8; 8]>>(),
        signal in signals(),
        flip in proptest::option::of((0usize..40, 0u8..8)),
    ) {
        let mut options = Options::new();
        if let Some(value) = timestamps {
            options.push(&[1, 1, 8, 10]).unwrap();
            options.push(&value).unwrap();
        }
        signal.emit(&mut options).unwrap();
        options.pad();
        if let Some((byte, bit)) = flip && byte < options.len() {
            options.bytes_mut()[byte] ^= 1 << bit;
        }
        let all: Vec<_> = mptcp_options(&options).collect();
        match Dss::alone_in(&options) {
            Some(dss) => prop_assert_eq!(all, [MptcpOption::Dss(dss)]),
            None => prop_assert!(flip.is_some()),
        }
    }
}

proptest! {
    /// The short way of writing a DSS writes what the long one does, and reads it back.
    #[test]
    fn a_usual_dss_is_a_dss(
        data_fin: bool,
        ack: u32,
        mapping in prop::option::of(any::<(u32, u32, u16)>()),
        stamps: bool,
    ) {
        let mapping = mapping.map(|(dsn, ssn, len)| UsualMapping { dsn, ssn, len });
        let usual = UsualDss { data_fin, ack, mapping };
        let mut short = Options::new();
        if stamps {
            short.begin_with_timestamps(ack, 7);
        }
        let mut long = short.clone();
        usual.emit_usual(&mut short);
        Dss::from(usual).emit(&mut long).unwrap();
        long.pad();
        prop_assert_eq!(short.as_bytes(), long.as_bytes());
        prop_assert_eq!(UsualDss::read(&short), (stamps && !data_fin).then_some(usual));
        prop_assert_eq!(Dss::alone_in(&short), Some(usual.into()));
    }

    /// Whatever bytes a list has: the short way of reading a lone DSS finds what the long one does.
    #[test]
    fn both_ways_read_the_same(
        mut bytes in prop::collection::vec(any::<u8>(), 0..=40),
        shape in 0u8..4,
        changed in prop::option::of((0usize..32, any::<u8>())),
    ) {
        if shape > 0 {
            let mapping = (shape > 1).then_some(UsualMapping { dsn: 1, ssn: 2, len: 3 });
            let mut options = Options::new();
            options.begin_with_timestamps(1, 2);
            UsualDss { data_fin: false, ack: 4, mapping }.emit_usual(&mut options);
            bytes = options.as_bytes().to_vec();
        }
        if let Some((at, byte)) = changed.filter(|(at, _)| *at < bytes.len()) {
            bytes[at] = byte;
        }
        let options = Options::from_bytes(&bytes).unwrap();
        prop_assert_eq!(Dss::alone_in(&options), Dss::alone_anyhow(&options));
    }
}
