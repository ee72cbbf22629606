//! A router of this machine's kernel: a network namespace with a TUN for each interface, the rules of a text, and
//! connections that are tried through it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, IoSlice, Write as _};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use devices::audit::Effect;
use sim_core::wire::options::{Options, kind};
use sim_core::wire::packet::{Flags, Flow, Packet};
use sim_core::wire::payload::Payload;
use sim_core::wire::seq::Seq;
use socket2::{Domain, Protocol, Socket, Type};

use crate::error::LiveError;
use crate::host::setup::{enter, run_ip};
use crate::host::socket;
use crate::offload::{self, Spare};
use crate::tun::{HEADER_LEN, LARGEST, Tun};

/// How long packets that have not come out are waited for. The kernel forwards most of them while they are written.
pub(super) const PATIENCE: Duration = Duration::from_millis(4);
/// Distance of the sequence numbers of two connections: they tell them apart whatever is translated.
const APART: u32 = 10_000;
/// A server's sequence number.
const SERVER_SEQ: u32 = 500_000;

const SYN: [u8; 24] =
    [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7, 30, 4, 0x01, 0x01];
const SYN_ACK: [u8; 32] = [
    2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 2, 0, 0, 0, 1, 1, 3, 3, 7, 30, 12, 0x01, 0x81, 8, 7, 6, 5,
    4, 3, 2, 1,
];
const ACK: [u8; 32] = [
    1, 1, 8, 10, 0, 0, 0, 3, 0, 0, 0, 2, 30, 20, 0x01, 0x81, 1, 2, 3, 4, 5, 6, 7, 8, 8, 7, 6, 5, 4,
    3, 2, 1,
];
const DSS: [u8; 32] = [
    1, 1, 8, 10, 0, 0, 0, 4, 0, 0, 0, 3, 30, 18, 0x20, 0x05, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0,
    4, 1, 1,
];

/// The router.
pub(super) struct Router {
    tuns: Vec<(String, Tun)>,
    /// On all ports that are called at the router's own addresses.
    listening: Vec<Socket>,
    /// Sequence number of the next connection.
    next: u32,
    scratch: Vec<u8>,
    /// How long it is waited for packets.
    patience: Duration,
}

/// A connection on its way.
struct Attempt {
    flow: Flow,
    seq: u32,
    /// The SYN as it came out.
    syn: Option<Packet>,
    /// The SYN/ACK as it came out; or the router's own.
    syn_ack: Option<Packet>,
    ack: Option<Packet>,
    data: Option<Packet>,
}

impl Attempt {
    /// SYNPROXY answered, whose window is none until the server's is known (Linux, net/netfilter/nf_synproxy_core.c).
    fn is_proxied(&self) -> bool {
        self.syn_ack.as_ref().is_some_and(|answer| answer.window == 0)
    }
}

/// Own addresses of the interface of this place.
fn own(at: usize, is_six: bool) -> IpAddr {
    match is_six {
        false => IpAddr::from([198, 19, 77, at as u8 + 1]),
        true => Ipv6Addr::new(0xfd77, 0x7777, 0, 0, 0, 0, 0, at as u16 + 1).into(),
    }
}

impl Router {
    /// One in a namespace of the calling thread's own, with these interfaces.
    pub(super) fn new(interfaces: &[String], patience: Duration) -> Result<Self, LiveError> {
        enter("the router")?;
        for (key, value) in [
            ("ipv4/conf/all/rp_filter", "0"),
            ("ipv4/conf/default/rp_filter", "0"),
            ("ipv4/conf/all/accept_local", "1"),
            ("ipv4/conf/all/send_redirects", "0"),
            ("ipv4/conf/default/send_redirects", "0"),
            ("ipv4/ip_forward", "1"),
            // Those that get no answer tell nothing of the next.
            ("mptcp/blackhole_timeout", "0"),
            ("ipv4/tcp_max_syn_backlog", "8192"),
            ("core/somaxconn", "8192"),
            ("ipv6/conf/all/accept_ra", "0"),
            ("ipv6/conf/default/accept_dad", "0"),
            ("ipv6/conf/default/router_solicitations", "0"),
            ("ipv6/conf/all/forwarding", "1"),
        ] {
            // One that this kernel does not have is as the kernel does it.
            let _ = std::fs::write(format!("/proc/sys/net/{key}"), value);
        }
        let mut tuns = Vec::new();
        let mut batch = [String::from("link set lo up\n"), String::new()];
        for (at, name) in interfaces.iter().enumerate() {
            let tun = Tun::open(name, false).map_err(|error| LiveError::System {
                action: format!("open the TUN {name}"),
                error,
            })?;
            tuns.push((name.clone(), tun));
            let _ = writeln!(batch[0], "link set {name} up");
            for (is_six, batch) in [false, true].into_iter().zip(&mut batch) {
                let (length, nodad) = if is_six { (128, " nodad") } else { (32, "") };
                let _ = writeln!(batch, "addr add {}/{length} dev {name}{nodad}", own(at, is_six));
                let _ = writeln!(batch, "route add default dev {name} table {}", table(at));
            }
        }
        let [four, six] = batch;
        run_ip(&["-4", "-batch", "-"], &four)?;
        run_ip(&["-6", "-batch", "-"], &six)?;
        Ok(Self { tuns, listening: Vec::new(), next: 1 << 24, scratch: Vec::new(), patience })
    }

    /// The versions of IP that a text's rules are of: others pass it by.
    pub(super) fn versions(text: &str) -> [bool; 2] {
        match kind_of(text) {
            Kind::Dump { is_six } => [!is_six, is_six],
            Kind::Script => ["iptables ", "ip6tables "]
                .map(|program| text.lines().any(|line| line.trim_start().starts_with(program))),
            Kind::Nft => [true, true],
        }
    }

    /// Puts the rules of a text in force; what the program says that refuses it.
    pub(super) fn load(&self, text: &str) -> Result<(), String> {
        let (program, arguments): (&str, &[&str]) = match kind_of(text) {
            Kind::Dump { is_six: true } => ("ip6tables-restore", &[]),
            Kind::Dump { is_six: false } => ("iptables-restore", &[]),
            Kind::Script => ("sh", &["-e"]),
            Kind::Nft => ("nft", &["-f", "-"]),
        };
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        if let Some(mut stdin) = child.stdin.take() {
            let _ = stdin.write_all(text.as_bytes());
        }
        let output = child.wait_with_output().map_err(|error| error.to_string())?;
        // What a proxy takes comes to this host by a route of its mark's.
        if let Some(mark) = mark_of_proxy(text) {
            let routes = format!(
                "rule add fwmark {mark} lookup {PROXIED} priority 50\nroute add local default dev lo table {PROXIED}\n"
            );
            self.ip(&routes).map_err(|error| error.to_string())?;
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if output.status.success() { Ok(()) } else { Err(said) }
    }

    /// Connections to these ports at the router's own addresses are taken, with MPTCP.
    pub(super) fn listen(&mut self, ports: &BTreeSet<u16>) {
        for port in ports {
            let socket = || -> io::Result<Socket> {
                let socket = Socket::new(Domain::IPV6, Type::STREAM, Some(Protocol::MPTCP))?;
                socket.set_only_v6(false)?;
                // For proxies: connections to addresses that are not this host's.
                socket.set_ip_transparent_v6(true)?;
                let any = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), *port);
                socket.bind(&any.into())?;
                socket.listen(4096)?;
                Ok(socket)
            };
            self.listening.extend(socket().ok());
        }
    }

    fn place(&self, name: &str) -> usize {
        self.tuns.iter().position(|(of, _)| of == name).unwrap_or(0)
    }

    /// An address of the router's own, at this interface.
    pub(super) fn address(&self, name: &str, is_six: bool) -> IpAddr {
        own(self.place(name), is_six)
    }

    /// What becomes of connections that come in by one interface and are routed to another.
    pub(super) fn forwarded(
        &mut self,
        from: &str,
        to: &str,
        flows: &[Flow],
    ) -> Result<Vec<Effect>, LiveError> {
        let (from, to) = (self.place(from), self.place(to));
        let mut rules = rule("add", from, to, 100);
        if from != to {
            rules += &rule("add", to, from, 101);
        }
        // What the router itself sends back.
        rules += &format!("route replace default dev {}\n", self.tuns[from].0);
        let rules = self.named(&rules);
        self.ip(&rules)?;
        let mut attempts = self.attempts(flows);
        self.pass(from, &mut attempts, |attempt| {
            let flow = attempt.flow;
            Some(packet(flow, Flags::SYN, attempt.seq, 0, &SYN, b""))
        });
        self.collect(
            &mut attempts,
            |at, attempt, packet| match (packet.flags.has(Flags::SYN), packet.flags.has(Flags::ACK))
            {
                (true, false) if at == to => attempt.syn = Some(packet),
                (true, true) if at == from => attempt.syn_ack = Some(packet),
                _ => {}
            },
            |attempt| attempt.syn.is_some() || attempt.syn_ack.is_some(),
        );
        // The router itself answers.
        let (mut taken, attempts): (Vec<_>, Vec<_>) =
            attempts.into_iter().partition(|attempt| attempt.syn_ack.is_some());
        self.converse(from, &mut taken);
        let (mut attempts, dropped): (Vec<_>, Vec<_>) =
            attempts.into_iter().partition(|attempt| attempt.syn.is_some());
        self.pass(to, &mut attempts, |attempt| {
            let syn = attempt.syn.as_ref()?;
            let flags = Flags::SYN.with(Flags::ACK);
            let flow = syn.flow().reversed();
            let options = heard(syn, &SYN_ACK);
            Some(packet(flow, flags, SERVER_SEQ, syn.seq.0.wrapping_add(1), options, b""))
        });
        self.collect(
            &mut attempts,
            |at, attempt, packet| {
                if at == from && packet.flags.has(Flags::SYN) {
                    attempt.syn_ack = Some(packet);
                }
            },
            |attempt| attempt.syn_ack.is_some(),
        );
        self.pass(from, &mut attempts, |attempt| {
            let syn_ack = attempt.syn_ack.as_ref()?;
            let options = heard(syn_ack, &ACK);
            Some(packet(attempt.flow, Flags::ACK, syn_ack.ack.0, SERVER_SEQ + 1, options, b""))
        });
        self.collect(
            &mut attempts,
            |at, attempt, packet| {
                if at == to && !packet.flags.has(Flags::RST) {
                    attempt.ack = Some(packet);
                }
            },
            |attempt| attempt.syn_ack.is_none() || attempt.ack.is_some(),
        );
        self.pass(to, &mut attempts, |attempt| {
            let ack = attempt.ack.as_ref()?;
            let flags = Flags::ACK.with(Flags::PSH);
            let (flow, options) = (ack.flow().reversed(), heard(ack, &DSS));
            Some(packet(flow, flags, SERVER_SEQ + 1, ack.seq.0, options, b"data"))
        });
        self.collect(
            &mut attempts,
            |at, attempt, packet| {
                if at == from && packet.payload.len > 0 {
                    attempt.data = Some(packet);
                }
            },
            |attempt| attempt.ack.is_none() || attempt.data.is_some(),
        );
        let undone = self.named(&rule("del", from, to, 100));
        self.ip(&undone)?;
        if from != to {
            let undone = self.named(&rule("del", to, from, 101));
            self.ip(&undone)?;
        }
        let mut effects: Vec<(u32, Effect)> = Vec::new();
        // Of what a proxy makes of data nothing is known: it has a server of its own to ask.
        let is_taken = |attempt: &Attempt| attempt.data.is_some() || attempt.is_proxied();
        effects.extend(taken.iter().map(|attempt| {
            (attempt.seq, if is_taken(attempt) { Effect::Terminate } else { Effect::Drop })
        }));
        effects.extend(dropped.iter().map(|attempt| (attempt.seq, Effect::Drop)));
        effects.extend(attempts.iter().map(|attempt| {
            let came = [&attempt.syn, &attempt.syn_ack, &attempt.ack, &attempt.data];
            let is_whole = came
                .iter()
                .zip([&SYN[..], &SYN_ACK, &ACK, &DSS])
                .all(|(came, sent)| came.as_ref().is_some_and(|came| has_all(came, sent)));
            let effect = match came.iter().any(|came| came.is_none()) {
                true => Effect::Drop,
                false if is_whole => Effect::Pass,
                false => Effect::Strip,
            };
            (attempt.seq, effect)
        }));
        effects.sort_unstable_by_key(|(seq, _)| *seq);
        Ok(effects.into_iter().map(|(_, effect)| effect).collect())
    }

    /// What becomes of connections to the router itself, which come in by this interface. Their destinations are its
    /// own addresses meanwhile.
    pub(super) fn for_host(
        &mut self,
        from: &str,
        flows: &[Flow],
    ) -> Result<Vec<Effect>, LiveError> {
        let from = self.place(from);
        let name = self.tuns[from].0.clone();
        self.own(flows, "add")?;
        let back = format!("route replace default dev {name}\n");
        run_ip(&["-4", "-batch", "-"], &back)?;
        run_ip(&["-6", "-batch", "-"], &back)?;
        let mut attempts = self.attempts(flows);
        self.pass(from, &mut attempts, |attempt| {
            Some(packet(attempt.flow, Flags::SYN, attempt.seq, 0, &SYN, b""))
        });
        self.collect(
            &mut attempts,
            |at, attempt, packet| {
                if at == from && packet.flags.has(Flags::SYN) && packet.flags.has(Flags::ACK) {
                    attempt.syn_ack = Some(packet);
                }
            },
            |attempt| attempt.syn_ack.is_some(),
        );
        self.converse(from, &mut attempts);
        self.own(flows, "del")?;
        let effect = |attempt: &Attempt| match [&attempt.syn_ack, &attempt.data] {
            [Some(syn_ack), _] if attempt.is_proxied() && !syn_ack.options.has(kind::MPTCP) => {
                Effect::Strip
            }
            [Some(syn_ack), Some(data)] => {
                let is_whole = [syn_ack, data].iter().all(|came| came.options.has(kind::MPTCP));
                if is_whole { Effect::Pass } else { Effect::Strip }
            }
            _ => Effect::Drop,
        };
        Ok(attempts.iter().map(effect).collect())
    }

    /// Makes the destinations of connections addresses of the router's own (`add`), or no longer (`del`).
    fn own(&self, flows: &[Flow], what: &str) -> Result<(), LiveError> {
        let called: BTreeSet<IpAddr> = flows.iter().map(|flow| flow.dst.ip()).collect();
        let mut routes = [String::new(), String::new()];
        for address in called {
            let is_six = address.is_ipv6();
            let is_own = (0..self.tuns.len()).any(|at| own(at, is_six) == address);
            if !is_own && !address.is_loopback() {
                let routes = &mut routes[usize::from(is_six)];
                let _ = writeln!(routes, "route {what} local {address} dev lo table local");
            }
        }
        let [four, six] = routes;
        run_ip(&["-4", "-batch", "-"], &four)?;
        run_ip(&["-6", "-batch", "-"], &six)
    }

    /// What becomes of connections of the router to itself, from the address that they call. Nothing of those that it cannot
    /// open.
    pub(super) fn itself(&self, flows: &[Flow]) -> Result<Vec<Option<Effect>>, LiveError> {
        self.own(flows, "add")?;
        let sockets: Vec<Option<Socket>> = flows.iter().map(|flow| opening(*flow).ok()).collect();
        let connected: Vec<bool> = sockets.iter().map(|socket| self.is_connected(socket)).collect();
        for socket in
            sockets.iter().zip(&connected).filter_map(|(s, is)| s.as_ref().filter(|_| *is))
        {
            let _ = socket.send(b"data");
        }
        let is_acknowledged = |socket: &Socket| {
            self.within_patience(|| {
                let info = socket::info(socket);
                info.get("mptcpi_bytes_acked").is_some_and(|acked| *acked > 0)
            })
        };
        let effect = |(socket, is_connected): (&Option<Socket>, &bool)| {
            let socket = socket.as_ref()?;
            Some(match *is_connected {
                // Of a connection that has fallen back, the kernel does not count so what is acknowledged.
                true if !socket::is_mptcp(socket) => Effect::Strip,
                true if is_acknowledged(socket) => Effect::Pass,
                _ => Effect::Drop,
            })
        };
        let effects = sockets.iter().zip(&connected).map(effect).collect();
        self.own(flows, "del")?;
        Ok(effects)
    }

    /// Waits until something is so, or for as long as packets are waited for.
    fn within_patience(&self, is_so: impl Fn() -> bool) -> bool {
        let deadline = Instant::now() + self.patience;
        loop {
            let is_so = is_so();
            if is_so || Instant::now() > deadline {
                return is_so;
            }
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    fn is_connected(&self, socket: &Option<Socket>) -> bool {
        self.within_patience(|| socket.as_ref().is_some_and(|socket| socket.peer_addr().is_ok()))
    }

    /// What becomes of connections that the router itself opens from its own address at this interface, by which all others
    /// are reached. Nothing of those that it cannot open.
    pub(super) fn opened(
        &mut self,
        to: &str,
        flows: &[Flow],
    ) -> Result<Vec<Option<Effect>>, LiveError> {
        let to = self.place(to);
        let routes = format!(
            "rule add from <own> lookup {0} priority 102\nroute replace default dev {1}\n",
            table(to),
            self.tuns[to].0
        );
        for is_six in [false, true] {
            let version = if is_six { "-6" } else { "-4" };
            let own = own(to, is_six).to_string();
            run_ip(&[version, "-batch", "-"], &routes.replace("<own>", &own))?;
        }
        let mut attempts = self.attempts(flows);
        let sockets: Vec<Option<Socket>> = flows.iter().map(|flow| opening(*flow).ok()).collect();
        // It echoes no time: the kernel's own is not known here.
        let mut syn_ack = SYN_ACK;
        syn_ack[12..16].fill(0);
        // The kernel chooses the numbers of its segments: its ports tell the connections apart.
        let port = |attempt: &Attempt| attempt.flow.src.port();
        self.collect_by(
            &mut attempts,
            port,
            |packet| [packet.src_port; 2],
            |at, attempt, packet| {
                if at == to && packet.flags.has(Flags::SYN) && !packet.flags.has(Flags::ACK) {
                    attempt.syn = Some(packet);
                }
            },
            |attempt| attempt.syn.is_some(),
        );
        self.pass(to, &mut attempts, |attempt| {
            let syn = attempt.syn.as_ref()?;
            let flags = Flags::SYN.with(Flags::ACK);
            let flow = syn.flow().reversed();
            let options = heard(syn, &syn_ack);
            Some(packet(flow, flags, SERVER_SEQ, syn.seq.0.wrapping_add(1), options, b""))
        });
        let connected: Vec<bool> = sockets.iter().map(|socket| self.is_connected(socket)).collect();
        for socket in
            sockets.iter().zip(&connected).filter_map(|(s, is)| s.as_ref().filter(|_| *is))
        {
            let _ = socket.send(b"data");
        }
        self.collect_by(
            &mut attempts,
            port,
            |packet| [packet.src_port; 2],
            |at, attempt, packet| {
                if at == to && packet.payload.len > 0 {
                    attempt.data = Some(packet);
                }
            },
            |attempt| attempt.syn.is_none() || attempt.data.is_some(),
        );
        // What comes after the handshake comes in, too, where the kernel answers a segment that repeats what it has: at once,
        // whatever else it holds back (Linux, `tcp_data_queue`: "Force an immediate ack").
        self.pass(to, &mut attempts, |attempt| {
            let data = attempt.data.as_ref()?;
            let end = data.seq.0.wrapping_add(data.payload.len);
            let (flow, options) = (data.flow().reversed(), heard(data, &DSS));
            Some(packet(flow, Flags::ACK, SERVER_SEQ, end, options, b"x"))
        });
        self.collect_by(
            &mut attempts,
            port,
            |packet| [packet.src_port; 2],
            |at, attempt, packet| {
                if at == to && packet.payload.len == 0 && !packet.flags.has(Flags::RST) {
                    attempt.ack = Some(packet);
                }
            },
            |attempt| attempt.data.is_none() || attempt.ack.is_some(),
        );
        for is_six in [false, true] {
            let version = if is_six { "-6" } else { "-4" };
            let undone =
                format!("rule del from {} lookup {} priority 102\n", own(to, is_six), table(to));
            run_ip(&[version, "-batch", "-"], &undone)?;
        }
        let effect = |((attempt, socket), is_connected): ((&Attempt, &Option<Socket>), &bool)| {
            socket.as_ref()?;
            Some(match (&attempt.syn, &attempt.data.as_ref().zip(attempt.ack.as_ref())) {
                (None, _) if *is_connected => Effect::Terminate,
                (Some(syn), Some((data, _))) => {
                    let is_whole = [syn, *data].iter().all(|came| came.options.has(kind::MPTCP));
                    if is_whole { Effect::Pass } else { Effect::Strip }
                }
                _ => Effect::Drop,
            })
        };
        Ok(attempts.iter().zip(&sockets).zip(&connected).map(effect).collect())
    }

    /// A client's first data to the router itself, and what answers it.
    fn converse(&mut self, from: usize, attempts: &mut [Attempt]) {
        self.pass(from, attempts, |attempt| {
            let syn_ack = attempt.syn_ack.as_ref()?;
            let flags = Flags::ACK.with(Flags::PSH);
            let options = first_data(syn_ack);
            Some(packet(
                attempt.flow,
                flags,
                syn_ack.ack.0,
                syn_ack.seq.0.wrapping_add(1),
                &options,
                b"data",
            ))
        });
        self.collect(
            attempts,
            |at, attempt, packet| {
                let is_new = attempt
                    .syn_ack
                    .as_ref()
                    .is_some_and(|syn_ack| packet.ack.0.wrapping_sub(syn_ack.ack.0) == 4);
                if at == from && is_new && !packet.flags.has(Flags::RST) {
                    attempt.data = Some(packet);
                }
            },
            |attempt| attempt.syn_ack.is_none() || attempt.data.is_some(),
        );
    }

    /// Commands with the names of the interfaces in their places' stead.
    fn named(&self, rules: &str) -> String {
        self.tuns
            .iter()
            .enumerate()
            .fold(rules.to_owned(), |all, (at, (name, _))| all.replace(&format!("<{at}>"), name))
    }

    fn ip(&self, batch: &str) -> Result<(), LiveError> {
        run_ip(&["-4", "-batch", "-"], batch)?;
        run_ip(&["-6", "-batch", "-"], batch)
    }

    fn attempts(&mut self, flows: &[Flow]) -> Vec<Attempt> {
        let mut each = |flow: &Flow| {
            self.next += APART;
            let seq = self.next;
            Attempt { flow: *flow, seq, syn: None, syn_ack: None, ack: None, data: None }
        };
        flows.iter().map(&mut each).collect()
    }

    /// Sends a packet of each connection into an interface.
    fn pass(
        &mut self,
        at: usize,
        attempts: &mut [Attempt],
        next: impl Fn(&Attempt) -> Option<Packet>,
    ) {
        for packet in attempts.iter().filter_map(next) {
            self.scratch.clear();
            self.scratch.extend([0; HEADER_LEN]);
            packet.emit(&mut self.scratch);
            self.tuns[at].1.write(&[IoSlice::new(&self.scratch)]);
        }
    }

    /// Gives each connection its packets that come out of the interfaces, until all have what they need: by the sequence
    /// numbers.
    fn collect(
        &mut self,
        attempts: &mut [Attempt],
        take: impl FnMut(usize, &mut Attempt, Packet),
        is_done: impl Fn(&Attempt) -> bool,
    ) {
        let Some(first) = attempts.first().map(|attempt| attempt.seq) else { return };
        let of = |number: u32| number.wrapping_sub(first) / APART * APART;
        self.collect_by(
            attempts,
            |attempt| attempt.seq.wrapping_sub(first),
            |packet| [of(packet.seq.0), of(packet.ack.0)],
            take,
            is_done,
        );
    }

    /// The same, by what of a connection is found in its packets, in one place or another.
    fn collect_by<N: PartialEq>(
        &mut self,
        attempts: &mut [Attempt],
        of: impl Fn(&Attempt) -> N,
        found_in: impl Fn(&Packet) -> [N; 2],
        mut take: impl FnMut(usize, &mut Attempt, Packet),
        is_done: impl Fn(&Attempt) -> bool,
    ) {
        let mut buffer = vec![0; LARGEST];
        let mut spare = Spare::default();
        let mut last = Instant::now();
        loop {
            for (at, (_, tun)) in self.tuns.iter().enumerate() {
                while let Some(length) = tun.read(&mut buffer) {
                    last = Instant::now();
                    let _ = offload::split(&buffer[..length], &mut spare, |packet| {
                        let numbers = found_in(&packet);
                        let found =
                            attempts.iter().position(|attempt| numbers.contains(&of(attempt)));
                        if let Some(found) = found {
                            take(at, &mut attempts[found], packet);
                        }
                    });
                }
            }
            if attempts.iter().all(&is_done) || last.elapsed() > self.patience {
                return;
            }
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

/// A socket of the router's own that connects, with MPTCP.
fn opening(flow: Flow) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(flow.src), Type::STREAM, Some(Protocol::MPTCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&flow.src.into())?;
    match socket.connect(&flow.dst.into()).err().and_then(|error| error.raw_os_error()) {
        Some(error @ (libc::EADDRINUSE | libc::EADDRNOTAVAIL | libc::EINVAL)) => {
            Err(io::Error::from_raw_os_error(error))
        }
        // It is under way, or a rule has refused it.
        _ => Ok(socket),
    }
}

/// Number of the routing table that leads to proxies of the router's own.
const PROXIED: usize = 999;

/// The mark of what a proxy takes.
fn mark_of_proxy(text: &str) -> Option<&str> {
    let line = text.lines().find(|line| line.to_ascii_lowercase().contains("tproxy"))?;
    let after = ["--tproxy-mark ", "mark set "].into_iter();
    let mut said = after.filter_map(|name| line.split_once(name)).map(|(_, mark)| mark);
    said.next()?.split([' ', ';']).next()
}

/// Which program reads a text.
enum Kind {
    Dump { is_six: bool },
    Script,
    Nft,
}

fn kind_of(text: &str) -> Kind {
    let begins = |with: &[&str]| {
        text.lines().any(|line| with.iter().any(|with| line.trim_start().starts_with(with)))
    };
    if begins(&["*filter", "*nat", "*mangle", "*raw"]) {
        Kind::Dump { is_six: begins(&["# Generated by ip6tables-save"]) }
    } else if begins(&["iptables ", "ip6tables "]) {
        Kind::Script
    } else {
        Kind::Nft
    }
}

/// Number of the routing table that leads to the interface of this place.
fn table(at: usize) -> usize {
    1_000 + at
}

fn rule(does: &str, from: usize, to: usize, order: u32) -> String {
    format!("rule {does} iif <{from}> lookup {} priority {order}\n", table(to))
}

fn packet(flow: Flow, flags: Flags, seq: u32, ack: u32, options: &[u8], data: &[u8]) -> Packet {
    let mut packet = Packet::new(flow.src, flow.dst);
    (packet.flags, packet.seq, packet.ack, packet.window) = (flags, Seq(seq), Seq(ack), 64_000);
    packet.options = Options::from_bytes(options).unwrap_or_default();
    packet.payload = Payload::literal(data);
    packet
}

/// The options of what answers a segment: option 30, the last of them, only where that had one (RFC 8684 §3.7).
fn heard<'o>(segment: &Packet, options: &'o [u8]) -> &'o [u8] {
    let parsed = Options::from_bytes(options).unwrap_or_default();
    let before = parsed.find(kind::MPTCP).map_or(options.len(), |option| option.start);
    if segment.options.has(kind::MPTCP) { options } else { &options[..before] }
}

/// The options of a client's first data to a server that speaks MPTCP, or has fallen back (RFC 8684 §3.1).
fn first_data(syn_ack: &Packet) -> Vec<u8> {
    let key = |option: &[u8]| option.get(4..12).map(<[u8]>::to_vec);
    match syn_ack.options.find(kind::MPTCP).and_then(|option| key(option.bytes)) {
        Some(key) => {
            [&[1, 1, 30, 22, 0x01, 0x01, 1, 2, 3, 4, 5, 6, 7, 8], &key[..], &[0, 4]].concat()
        }
        None => Vec::new(),
    }
}

/// True when the option of MPTCP is as it was sent.
fn has_all(packet: &Packet, sent: &[u8]) -> bool {
    let sent = Options::from_bytes(sent).unwrap_or_default();
    let of = |options: &Options| options.find(kind::MPTCP).map(|option| option.bytes.to_vec());
    of(&packet.options) == of(&sent)
}
