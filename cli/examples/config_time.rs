//! How long it takes to recognise, read and audit a large configuration:
//! `cargo run --release --example config_time -p cli`.
//!
//! Four systems, two sizes; the least of several runs. Ten times the lines should take about ten times as
//! long. Files that are named are measured instead.

#![expect(clippy::disallowed_methods, reason = "a measurement is by the wall clock")]

use std::fmt::Write as _;
use std::time::Instant;

use devices::ConfigText;
use devices::audit::audit;

const RUNS: u32 = 10;

fn main() {
    let files: Vec<String> = std::env::args().skip(1).collect();
    for lines in [20_000, 200_000].into_iter().filter(|_| files.is_empty()) {
        measure(&format!("ASA, {lines} lines"), &asa(lines));
        measure(&format!("IOS, {lines} lines"), &ios(lines));
        measure(&format!("PAN-OS, {lines} lines"), &pan_os(lines));
        measure(&format!("iptables, {lines} lines"), &iptables(lines));
    }
    for path in files {
        match std::fs::read(&path) {
            Ok(bytes) => measure(&path, &devices::config::decode(&path, &bytes).0),
            Err(error) => eprintln!("cannot read {path}: {error}"),
        }
    }
}

fn measure(what: &str, text: &str) {
    let once = |_| {
        let begun = Instant::now();
        let (platform, audit) = audit(ConfigText::new("large.cfg", text), None);
        (begun.elapsed(), platform.map_or("unknown", |p| p.name), audit.verdicts.len())
    };
    let least = (0..RUNS).map(once).min_by_key(|run| run.0);
    if let Some((time, platform, verdicts)) = least {
        let lines = text.lines().count();
        println!(
            "{what}: {lines} lines, {platform}, {verdicts} verdicts, {:.1} ms",
            time.as_secs_f64() * 1e3
        );
    }
}

/// Objects, groups of groups, access lists that use them, classes that match these, interfaces.
fn asa(lines: usize) -> String {
    let mut text = "ASA Version 9.12(4)\nhostname large\n".to_owned();
    for n in 0..lines / 40 {
        let (a, b) = (n / 250 % 250, n % 250);
        let _ = write!(
            text,
            "object network o{n}\n host 10.{a}.{b}.1\n nat (inside,outside) static 198.51.{a}.{b}\n\
             object-group network g{n}\n network-object 10.{a}.{b}.0 255.255.255.0\n network-object object \
             o{n}\n group-object g{}\nobject-group service s{n} tcp\n port-object eq {}\n port-object \
             range 5000 5010\n",
            n / 10 * 10,
            n % 60_000 + 1
        );
    }
    let used = text.lines().count();
    for n in 0..lines.saturating_sub(used + 40) {
        let (list, group) = (n % 40, n % (lines / 40).max(1));
        let _ = writeln!(
            text,
            "access-list l{list} extended permit tcp object-group g{group} any eq {}",
            n % 60_000 + 1
        );
    }
    text += "tcp-map m\n tcp-options range 30 30 allow\n";
    for n in 0..10 {
        let _ = write!(text, "class-map c{n}\n match access-list l{n}\n");
    }
    text += "policy-map global_policy\n";
    for n in 0..10 {
        let _ = write!(text, " class c{n}\n  set connection advanced-options m\n");
    }
    text + "service-policy global_policy global\n"
}

/// Interfaces with rules, access lists, inspection, translation, routes.
fn ios(lines: usize) -> String {
    let mut text = "version 15.7\nhostname large\nip inspect name FW tcp\n".to_owned();
    for n in 0..lines / 40 {
        let (a, b) = (n / 250 % 250, n % 250);
        let list = 100 + n % 90;
        let _ = write!(
            text,
            "interface GigabitEthernet0/{n}\n description to {n}\n ip address 10.{a}.{b}.1 255.255.255.0\n \
             ip access-group {list} in\n ip inspect FW out\n no shutdown\n!\n"
        );
    }
    let used = text.lines().count();
    for n in 0..lines.saturating_sub(used) {
        let (a, b) = (n / 250 % 250, n % 250);
        let _ = match n % 3 {
            0 => writeln!(text, "ip route 10.{a}.{b}.0 255.255.255.0 192.0.2.1"),
            _ => writeln!(
                text,
                "access-list {} permit tcp any host 10.{a}.{b}.1 eq {}",
                100 + n % 90,
                n % 60_000 + 1
            ),
        };
    }
    text
}

/// Addresses, services, and rules between zones.
fn pan_os(lines: usize) -> String {
    let mut text = "set deviceconfig system hostname large\n".to_owned();
    for n in 0..lines / 8 {
        let (a, b) = (n / 250 % 250, n % 250);
        let rule = format!("set rulebase security rules \"Rule {n}\"");
        let _ = write!(
            text,
            "set address h{n} ip-netmask 10.{a}.{b}.1/32\nset service s{n} protocol tcp port {}\n{rule} from \
             z{}\n{rule} to z{}\n{rule} source h{n}\n{rule} application any\n{rule} service s{n}\n{rule} \
             action allow\n",
            n % 60_000 + 1,
            n % 40,
            n * 7 % 40
        );
    }
    text
}

/// Chains of users between interfaces, with a rule for each network.
fn iptables(lines: usize) -> String {
    let mut text = "*filter\n:FORWARD DROP [0:0]\n".to_owned();
    for n in 0..50 {
        let _ = write!(
            text,
            ":C{n} - [0:0]\n-A FORWARD -i eth{} -o eth{} -j C{n}\n",
            n % 6,
            (n + 1) % 6
        );
    }
    for n in 0..lines.saturating_sub(103) {
        let (a, b) = (n / 250 % 250, n % 250);
        let _ = writeln!(
            text,
            "-A C{} -s 10.{a}.{b}.0/24 -p tcp -m tcp --dport {} -m comment --comment \"rule {n}\" -j ACCEPT",
            n % 50,
            n % 60_000 + 1
        );
    }
    text + "COMMIT\n"
}
