//! The network of a real host, inside its namespace: interfaces, addresses, routes, settings of TCP and
//! MPTCP. Everything comes from what the simulated host would have been set to.
//!
//! It is done with the system's own tools (`ip`, `ip mptcp`) and `/proc/sys`, which a thread sees as its
//! namespace has them. Nothing here may run in the machine's own namespace: [`enter`] comes first.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::IpAddr;
use std::process::{Command, Stdio};

use nix::sched::{CloneFlags, unshare};
use sim_core::mptcp::config::{CongestionKind, HostConfig, MtuProbing, PathManagerKind, Profile};
use sim_core::mptcp::stack::{HostStack, LocalAddress};

use crate::error::{Doing, LiveError};
use crate::tun::Tun;

/// Table of the routes of the first interface; those of the others follow.
const FIRST_TABLE: u32 = 100;
/// The kernel's own middle value of `tcp_rmem`, bytes.
const DEFAULT_READ: u64 = 131_072;

/// What a real host is made from.
#[derive(Clone, Debug)]
pub(crate) struct HostPlan {
    /// Its name in the scenario.
    pub(crate) name: String,
    /// Addresses, routes, settings.
    pub(crate) stack: HostStack,
    /// It opens connections, and so further subflows.
    pub(crate) is_client: bool,
    /// Its interfaces take super-packets.
    pub(crate) offload: bool,
}

/// The calling thread gets a network namespace of its own, with nothing in it.
pub(crate) fn enter(host: &str) -> Result<(), LiveError> {
    unshare(CloneFlags::CLONE_NEWNET).doing(|| format!("make a network namespace for {host}"))
}

/// Makes the interfaces of the host in the namespace of the calling thread and sets everything.
pub(crate) fn prepare(plan: &HostPlan) -> Result<Vec<(u8, Tun)>, LiveError> {
    for (key, value) in sysctls(plan) {
        set_sysctl(&key, &value)?;
    }
    let mut tuns = Vec::new();
    for port in ports(&plan.stack) {
        let name = interface(port);
        let tun = Tun::open(&name, plan.offload)
            .doing(|| format!("open the TUN {name} of {}", plan.name))?;
        tuns.push((port, tun));
    }
    let of = |is_v4: bool| batch(plan, is_v4);
    run_ip(&["-4", "-batch", "-"], &of(true))?;
    if plan.stack.addresses.iter().any(|a| a.address.is_ipv6()) {
        run_ip(&["-6", "-batch", "-"], &of(false))?;
        wait_for_addresses(&plan.name)?;
    }
    if plan.stack.config.profile != Profile::TcpOnly {
        run_ip(&["-batch", "-"], &mptcp_batch(plan)?)?;
    }
    Ok(tuns)
}

/// Until the IPv6 addresses can be used: the kernel finishes even those without duplicate detection in its
/// own time.
fn wait_for_addresses(host: &str) -> Result<(), LiveError> {
    /// IFA_F_TENTATIVE.
    const TENTATIVE: u32 = 0x40;
    for _ in 0..1000 {
        let all = std::fs::read_to_string("/proc/thread-self/net/if_inet6").unwrap_or_default();
        let flags = |line: &str| u32::from_str_radix(line.split_whitespace().nth(4)?, 16).ok();
        if all.lines().filter_map(flags).all(|flags| flags & TENTATIVE == 0) {
            return Ok(());
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let late = std::io::Error::new(std::io::ErrorKind::TimedOut, "they stay tentative");
    Err(late).doing(|| format!("use the IPv6 addresses of {host}"))
}

/// Name of the interface of this port.
pub(crate) fn interface(port: u8) -> String {
    format!("tun{port}")
}

fn ports(stack: &HostStack) -> Vec<u8> {
    let mut ports: Vec<u8> = stack.addresses.iter().map(|a| a.interface).collect();
    ports.extend(stack.routes().map(|(_, _, port)| port));
    ports.sort_unstable();
    ports.dedup();
    ports
}

fn mtu(stack: &HostStack, port: u8) -> u32 {
    stack.mtus.get(usize::from(port)).copied().unwrap_or(1500)
}

/// The kernel's name of the congestion control for this setting.
pub(crate) const fn kernel_congestion(kind: CongestionKind) -> &'static str {
    match kind.in_linux() {
        CongestionKind::Cubic => "cubic",
        CongestionKind::Bbr => "bbr",
        _ => "reno",
    }
}

/// Memory for so many bytes of payload. The kernel takes half of it for a window before it has seen segments, and five
/// eighths later (`tcp_win_from_space`).
const fn receive_memory(payload: u64) -> u64 {
    let at_first = 2 * payload;
    let later = payload * 8 / 5;
    if at_first <= DEFAULT_READ {
        at_first
    } else if later < DEFAULT_READ {
        DEFAULT_READ
    } else {
        later
    }
}

fn sysctls(plan: &HostPlan) -> Vec<(String, String)> {
    let HostConfig { path_manager, .. } = &*plan.stack.config;
    let config = &plan.stack.config;
    let flag = |on: bool| u8::from(on).to_string();
    let (read, write) = (receive_memory(config.receive_buffer.0), config.send_buffer.0);
    // The kernel's own first and middle values; a fixed window is all three.
    let first_read = if config.receive_autotuning { DEFAULT_READ.min(read) } else { read };
    let mut all = vec![
        ("ipv4/conf/all/rp_filter", "0".into()),
        ("ipv4/conf/default/rp_filter", "0".into()),
        ("ipv4/tcp_timestamps", flag(config.timestamps)),
        ("ipv4/tcp_sack", flag(config.sack)),
        ("ipv4/tcp_window_scaling", flag(config.window_scaling)),
        ("ipv4/tcp_rmem", format!("{} {first_read} {read}", 4096.min(read))),
        ("ipv4/tcp_wmem", format!("{} {} {write}", 4096.min(write), 16_384.min(write))),
        ("ipv4/tcp_moderate_rcvbuf", flag(config.receive_autotuning)),
        // Privileged ports are the host's own business here.
        ("ipv4/ip_unprivileged_port_start", "0".into()),
    ];
    let has_v6 = plan.stack.addresses.iter().any(|a| a.address.is_ipv6());
    if std::path::Path::new("/proc/sys/net/ipv6").exists() {
        all.extend([
            ("ipv6/conf/all/accept_ra", "0".into()),
            ("ipv6/conf/default/accept_ra", "0".into()),
            ("ipv6/conf/default/accept_dad", "0".into()),
            ("ipv6/conf/default/router_solicitations", "0".into()),
            ("ipv6/conf/default/disable_ipv6", flag(!has_v6)),
        ]);
        // The simulator's packets carry no flow label.
        all.push(("ipv6/auto_flowlabels", "0".into()));
    }
    let probes = config.mtu_probing == MtuProbing::AfterBlackHole;
    all.push(("ipv4/tcp_mtu_probing", flag(probes)));
    let speaks = config.profile != Profile::TcpOnly;
    all.extend([
        ("mptcp/enabled", flag(speaks)),
        ("mptcp/checksum_enabled", flag(config.checksum)),
        ("mptcp/allow_join_initial_addr_port", flag(!path_manager.no_join_to_initial)),
        ("mptcp/stale_loss_cnt", config.stale_loss_count.to_string()),
        ("mptcp/add_addr_timeout", seconds(config.add_addr_timeout)),
        ("mptcp/blackhole_timeout", seconds(config.blackhole_timeout)),
        ("mptcp/syn_retrans_before_tcp_fallback", config.syn_retries_before_fallback.to_string()),
    ]);
    all.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn seconds(duration: sim_core::time::SimDuration) -> String {
    (duration.as_nanos() / 1_000_000_000).to_string()
}

/// Sets one of the namespace's settings. One that this kernel does not have is as the kernel does it.
fn set_sysctl(key: &str, value: &str) -> Result<(), LiveError> {
    let path = format!("/proc/sys/net/{key}");
    match std::fs::write(&path, value) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        result => result.doing(|| format!("set net.{} to {value}", key.replace('/', "."))),
    }
}

/// Addresses, links, rules and routes of one family, a command each.
fn batch(plan: &HostPlan, is_v4: bool) -> String {
    let stack = &plan.stack;
    let (all, any) = if is_v4 { (32, "0.0.0.0/0") } else { (128, "::/0") };
    let of_family = |address: &&LocalAddress| address.address.is_ipv4() == is_v4;
    let own: Vec<&LocalAddress> = stack.addresses.iter().filter(of_family).collect();
    let extra = route_settings(&stack.config);
    let mut out = String::new();
    if is_v4 {
        out += "link set lo up\n";
        for port in ports(stack) {
            let _ = writeln!(out, "link set {} mtu {} up", interface(port), mtu(stack, port));
        }
    }
    for a in &own {
        let nodad = if is_v4 { "" } else { " nodad" };
        let _ = writeln!(out, "addr add {}/{all} dev {}{nodad}", a.address, interface(a.interface));
    }
    let routes: Vec<_> = stack.routes().filter(|(n, ..)| n.is_ipv4() == is_v4).collect();
    for (i, (network, prefix_len, port)) in routes.iter().enumerate() {
        let network = masked(*network, *prefix_len);
        let source = own.iter().find(|a| a.interface == *port);
        let source = source.map_or_else(String::new, |a| format!(" src {}", a.address));
        let metric = 1000 + routes.len() - i;
        let _ = writeln!(
            out,
            "route add {network}/{prefix_len} dev {}{source} metric {metric}{extra}",
            interface(*port)
        );
    }
    if stack.source_routing {
        for a in &own {
            let table = FIRST_TABLE + u32::from(a.interface);
            let dev = interface(a.interface);
            let _ = writeln!(out, "rule add from {}/{all} lookup {table}", a.address);
            let _ = writeln!(out, "route replace {any} dev {dev} table {table}{extra}");
        }
    }
    out
}

/// What TCP takes from its route.
fn route_settings(config: &HostConfig) -> String {
    let plain = HostConfig::default();
    // By the route, because a namespace may not choose what the machine's administrator restricts.
    let mut out = format!(" congctl {}", kernel_congestion(config.congestion));
    if config.initial_window != plain.initial_window {
        let _ = write!(out, " initcwnd {}", config.initial_window);
    }
    if config.rto_min != plain.rto_min {
        let _ = write!(out, " rto_min {}ms", config.rto_min.as_nanos() / 1_000_000);
    }
    if config.quick_ack {
        out += " quickack 1";
    }
    out
}

/// The network's address, its host part zero.
fn masked(address: IpAddr, prefix_len: u8) -> IpAddr {
    match address {
        IpAddr::V4(a) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix_len.min(32))).unwrap_or(0);
            std::net::Ipv4Addr::from(u32::from(a) & mask).into()
        }
        IpAddr::V6(a) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix_len.min(128))).unwrap_or(0);
            std::net::Ipv6Addr::from(u128::from(a) & mask).into()
        }
    }
}

/// True for a host that opens subflows. A kernel that is called would join announced addresses, too; the simulator's does
/// not.
fn joins(plan: &HostPlan) -> bool {
    plan.is_client && plan.stack.config.path_manager.kind != PathManagerKind::None
}

/// True when it opens them from this address.
fn opens_from(plan: &HostPlan, address: IpAddr) -> bool {
    let wished = plan.stack.config.path_manager.subflow.as_ref();
    joins(plan) && wished.is_none_or(|list| list.contains(&address))
}

/// Limits and endpoints of the in-kernel path manager.
fn mptcp_batch(plan: &HostPlan) -> Result<String, LiveError> {
    /// The kernel's own (MPTCP_PM_ADDR_MAX).
    const MOST: u32 = 8;
    let manager = &plan.stack.config.path_manager;
    let fullmesh = match manager.kind {
        PathManagerKind::FullMesh => true,
        PathManagerKind::Endpoints | PathManagerKind::None => false,
        PathManagerKind::NdiffPorts(_) => {
            return Err(LiveError::NotLive(format!(
                "{}: the kernel's path manager has no NdiffPorts; write `path_manager: FullMesh`, \
                 `Endpoints` or `None`, or let this host be simulated",
                plan.name
            )));
        }
    };
    let mut out = String::new();
    let accepted = if joins(plan) { manager.max_add_addr_accepted.min(MOST) } else { 0 };
    let subflows = manager.max_subflows.min(MOST);
    let _ = writeln!(out, "mptcp limits set subflow {subflows} add_addr_accepted {accepted}");
    for (position, a) in (1..=MOST).zip(&plan.stack.addresses) {
        let opens = opens_from(plan, a.address);
        let mut flags = Vec::new();
        if opens {
            flags.push("subflow");
            if fullmesh {
                flags.push("fullmesh");
            }
        }
        // The kernel knows no endpoint that is both.
        if manager.signal.contains(&a.address) && !(opens && fullmesh) {
            flags.push("signal");
        }
        let is_backup = manager.backup.contains(&a.address);
        if flags.is_empty() && !is_backup {
            continue;
        }
        // Only what is announced and not joined from may have a port.
        let port = match manager.signal_port {
            Some(port) if flags == ["signal"] => format!("port {port} "),
            _ => String::new(),
        };
        if is_backup {
            flags.push("backup");
        }
        let dev = interface(a.interface);
        let _ = writeln!(
            out,
            "mptcp endpoint add {} {port}dev {dev} id {position} {}",
            a.address,
            flags.join(" ")
        );
    }
    Ok(out)
}

/// Runs `ip` in the namespace of the calling thread.
pub(crate) fn run_ip(arguments: &[&str], input: &str) -> Result<(), LiveError> {
    let failed = |what: String| LiveError::System {
        action: format!("run `ip {}`", arguments.join(" ")),
        error: std::io::Error::other(what),
    };
    let mut child = Command::new("ip")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .doing(|| "run `ip` (Debian's package iproute2)".into())?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).doing(|| "write to `ip`".into())?;
    }
    let output = child.wait_with_output().doing(|| "wait for `ip`".into())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(failed(format!("{said}, given:\n{input}")))
}

/// Identity of an address's endpoint: as in the simulator, its position from 1.
fn endpoint_id(plan: &HostPlan, address: IpAddr) -> Option<usize> {
    plan.stack.addresses.iter().position(|a| a.address == address).map(|i| i + 1)
}

/// Commands by which MPTCP no longer uses an address.
pub(crate) fn remove_endpoint(plan: &HostPlan, address: IpAddr) -> String {
    endpoint_id(plan, address)
        .map(|id| format!("mptcp endpoint delete id {id}\n"))
        .unwrap_or_default()
}

/// Commands by which the host loses an address.
pub(crate) fn remove_address(plan: &HostPlan, address: IpAddr) -> String {
    let Some(own) = plan.stack.addresses.iter().find(|a| a.address == address) else {
        return String::new();
    };
    let (dev, all) = (interface(own.interface), if address.is_ipv4() { 32 } else { 128 });
    remove_endpoint(plan, address) + &format!("addr del {address}/{all} dev {dev}\n")
}

/// Commands by which it gets it back, with what went with it.
pub(crate) fn add_address(plan: &HostPlan, address: IpAddr) -> String {
    let own = |line: &&str| {
        let words: Vec<&str> = line.split([' ', '/']).collect();
        words.contains(&address.to_string().as_str())
    };
    let dev = plan.stack.addresses.iter().find(|a| a.address == address);
    let Some(dev) = dev.map(|a| format!("dev {} ", interface(a.interface))) else {
        return String::new();
    };
    let mut network = batch(plan, address.is_ipv4());
    network += &mptcp_batch(plan).unwrap_or_default();
    // The rule is still there; the routes over the interface went with the address.
    let wanted = network.lines().filter(|line| {
        !line.starts_with("rule")
            && !line.starts_with("link")
            && (own(line) || (line.starts_with("route") && format!("{line} ").contains(&dev)))
    });
    wanted.map(|line| format!("{line}\n")).collect()
}

/// Commands by which an address is for backup only, or no longer.
pub(crate) fn set_backup(plan: &HostPlan, address: IpAddr, backup: bool) -> String {
    let Some(id) = endpoint_id(plan, address) else { return String::new() };
    let flag = if backup { "backup" } else { "nobackup" };
    // What is not said again is taken away (Linux, `mptcp_pm_nl_set_flags`).
    let is_mesh = plan.stack.config.path_manager.kind == PathManagerKind::FullMesh;
    let mesh = if is_mesh && opens_from(plan, address) { " fullmesh" } else { "" };
    format!("mptcp endpoint change id {id} {flag}{mesh}\n")
}
