//! Real sockets: IPPROTO_MPTCP and plain TCP, and what the kernel says of them.

// Calls of the system that no library wraps, each with its proof.
#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;

use sim_core::record::series::SenderSample;
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::packet::Flow;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

// include/linux/socket.h and include/uapi/linux/mptcp.h.
const SOL_MPTCP: libc::c_int = 284;
const MPTCP_INFO: libc::c_int = 1;
const MPTCP_TCPINFO: libc::c_int = 2;
const MPTCP_SUBFLOW_ADDRS: libc::c_int = 3;

/// What a host's sockets are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SocketKind {
    /// IPPROTO_MPTCP, not plain TCP.
    pub(crate) mptcp: bool,
    /// Both families in one socket: AF_INET6, IPv4 mapped. MPTCP joins of the other family need it.
    pub(crate) dual: bool,
}

impl SocketKind {
    fn socket(self, address: IpAddr) -> io::Result<Socket> {
        let domain = if self.dual || address.is_ipv6() { Domain::IPV6 } else { Domain::IPV4 };
        let protocol = if self.mptcp { Protocol::MPTCP } else { Protocol::TCP };
        let socket = Socket::new(domain, Type::STREAM.nonblocking(), Some(protocol))?;
        if domain == Domain::IPV6 {
            socket.set_only_v6(!self.dual)?;
        }
        Ok(socket)
    }

    fn address(self, address: SocketAddr) -> SocketAddr {
        match address.ip() {
            IpAddr::V4(v4) if self.dual => (v4.to_ipv6_mapped(), address.port()).into(),
            _ => address,
        }
    }

    /// Listens on every address of the host. Connections have this congestion control: their first subflow takes it
    /// of its route, but those that join take it of the socket that was listened on (`mptcp_sockopt_sync_locked`).
    pub(crate) fn listen(
        self,
        port: u16,
        family: IpAddr,
        congestion: &str,
    ) -> io::Result<TcpListener> {
        let socket = self.socket(family)?;
        socket.set_tcp_congestion(congestion.as_bytes())?;
        socket.set_reuse_address(true)?;
        let any: IpAddr = if self.dual || family.is_ipv6() {
            Ipv6Addr::UNSPECIFIED.into()
        } else {
            std::net::Ipv4Addr::UNSPECIFIED.into()
        };
        socket.bind(&SocketAddr::new(any, port).into())?;
        socket.listen(1024)?;
        TcpListener::from_std(socket.into())
    }

    /// A socket bound to `local`, and the address and port that it got.
    pub(crate) fn bind(self, local: IpAddr) -> io::Result<(Socket, SocketAddr)> {
        let socket = self.socket(local)?;
        socket.bind(&self.address(SocketAddr::new(local, 0)).into())?;
        let bound = socket.local_addr()?.as_socket().map(plain);
        let bound = bound.ok_or_else(|| io::Error::other("a socket without an address"))?;
        Ok((socket, bound))
    }

    /// Begins to connect: the stream can be written to when that is done, or has failed.
    pub(crate) fn connect(self, socket: Socket, to: SocketAddr) -> io::Result<TcpStream> {
        match socket.connect(&self.address(to).into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
            Err(error) => return Err(error),
        }
        TcpStream::from_std(socket.into())
    }
}

/// An address without the mapping of IPv4 into IPv6.
pub(crate) fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// The kernel speaks MPTCP on this socket: it has not fallen back.
pub(crate) fn is_mptcp(socket: &impl AsRawFd) -> bool {
    /// MPTCP_INFO_FLAG_FALLBACK.
    const FALLBACK: u32 = 1;
    let mut info = [0; 96];
    match option(socket, SOL_MPTCP, MPTCP_INFO, &mut info) {
        Ok(len) if len >= 12 => u32_at(&info, 8) & FALLBACK == 0,
        _ => false,
    }
}

/// MPTCP_INFO, or TCP_INFO of plain TCP, by the kernel's names.
pub(crate) fn info(socket: &impl AsRawFd) -> BTreeMap<String, u64> {
    let mut info = [0; 256];
    let named = |fields: &[(&str, u64)]| {
        fields.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
    };
    if let Ok(len) = option(socket, SOL_MPTCP, MPTCP_INFO, &mut info)
        && len >= 80
    {
        return named(&[
            ("mptcpi_subflows", info[0].into()),
            ("mptcpi_add_addr_signal", info[1].into()),
            ("mptcpi_add_addr_accepted", info[2].into()),
            ("mptcpi_flags", u32_at(&info, 8).into()),
            ("mptcpi_csum_enabled", info[42].into()),
            ("mptcpi_retransmits", u32_at(&info, 44).into()),
            ("mptcpi_bytes_retrans", u64_at(&info, 48)),
            ("mptcpi_bytes_sent", u64_at(&info, 56)),
            ("mptcpi_bytes_received", u64_at(&info, 64)),
            ("mptcpi_bytes_acked", u64_at(&info, 72)),
        ]);
    }
    match option(socket, libc::IPPROTO_TCP, libc::TCP_INFO, &mut info) {
        Ok(len) if len >= 104 => named(&[
            ("tcpi_snd_cwnd", u32_at(&info, 80).into()),
            ("tcpi_rtt", u32_at(&info, 68).into()),
            ("tcpi_snd_mss", u32_at(&info, 16).into()),
            ("tcpi_total_retrans", u32_at(&info, 100).into()),
        ]),
        _ => BTreeMap::new(),
    }
}

/// The state of each subflow's sender.
pub(crate) fn samples(socket: &impl AsRawFd, at: SimTime, flow: Flow) -> Vec<(Flow, SenderSample)> {
    const HEAD: usize = 16;
    const TCP_INFO: usize = 104;
    const ADDRESSES: usize = 256;
    const MOST: usize = 32;
    let request = |size: usize| -> Vec<u8> {
        let mut bytes = vec![0; HEAD + MOST * size];
        bytes[..4].copy_from_slice(&(HEAD as u32).to_ne_bytes());
        bytes[12..16].copy_from_slice(&(size as u32).to_ne_bytes());
        bytes
    };
    let (mut infos, mut addresses) = (request(TCP_INFO), request(ADDRESSES));
    let got = option(socket, SOL_MPTCP, MPTCP_TCPINFO, &mut infos)
        .and_then(|_| option(socket, SOL_MPTCP, MPTCP_SUBFLOW_ADDRS, &mut addresses));
    if got.is_err() {
        let mut info = [0; 256];
        return match option(socket, libc::IPPROTO_TCP, libc::TCP_INFO, &mut info) {
            Ok(len) if len >= TCP_INFO => vec![(flow, sample(&info, at))],
            _ => Vec::new(),
        };
    }
    let count = (u32_at(&infos, 4) as usize).min(u32_at(&addresses, 4) as usize).min(MOST);
    let all = infos[HEAD..].chunks(TCP_INFO).zip(addresses[HEAD..].chunks(ADDRESSES));
    let each = all.take(count).filter_map(|(info, ends)| {
        let (local, remote) = (socket_address(&ends[..128])?, socket_address(&ends[128..])?);
        Some((Flow { src: plain(local), dst: plain(remote) }, sample(info, at)))
    });
    each.collect()
}

/// The fields of `tcp_info` (include/uapi/linux/tcp.h) that a chart needs.
fn sample(info: &[u8], at: SimTime) -> SenderSample {
    let mss = u64::from(u32_at(info, 16));
    SenderSample {
        at,
        cwnd: u64::from(u32_at(info, 80)) * mss,
        srtt: SimDuration::from_micros(u64::from(u32_at(info, 68))),
        in_flight: u64::from(u32_at(info, 24)) * mss,
    }
}

/// A `sockaddr_in` or `sockaddr_in6`.
fn socket_address(bytes: &[u8]) -> Option<SocketAddr> {
    let family = i32::from(u16::from_ne_bytes([bytes[0], bytes[1]]));
    let port = u16::from_be_bytes([bytes[2], bytes[3]]);
    if family == libc::AF_INET {
        let octets: [u8; 4] = bytes[4..8].try_into().ok()?;
        return Some((octets, port).into());
    }
    let octets: [u8; 16] = bytes[8..24].try_into().ok()?;
    (family == libc::AF_INET6).then(|| (octets, port).into())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[at..at + 8]);
    u64::from_ne_bytes(eight)
}

/// A socket option as bytes; returns how many the kernel wrote.
fn option(
    socket: &impl AsRawFd,
    level: libc::c_int,
    name: libc::c_int,
    into: &mut [u8],
) -> io::Result<usize> {
    let mut len = into.len() as libc::socklen_t;
    // SAFETY: the descriptor is open as long as `socket` lives; the kernel writes at most `len` bytes,
    // which is the length of `into`, and any bytes are valid there; `len` outlives the call.
    let result = unsafe {
        libc::getsockopt(socket.as_raw_fd(), level, name, into.as_mut_ptr().cast(), &raw mut len)
    };
    if result == 0 { Ok(len as usize) } else { Err(io::Error::last_os_error()) }
}
