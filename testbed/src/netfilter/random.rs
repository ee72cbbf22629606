//! Rules drawn at random, of iptables and of nftables: of few interfaces, networks and ports, so that they meet.

use std::fmt::Write as _;

use sim_core::rng::Stream;

const INTERFACES: [&str; 3] = ["eth0", "eth1", "ppp0"];
const NETWORKS: [&str; 6] =
    ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "192.168.0.0/24", "192.168.0.128/25", "172.16.5.5"];
const SERVERS: [&str; 3] = ["10.1.2.3", "10.9.9.9:8080", "192.168.0.200:443"];
const STATES: [&str; 4] = ["NEW", "ESTABLISHED,RELATED", "INVALID", "NEW,ESTABLISHED"];

/// What gives marks; none of them has the bit of those that the proxy takes.
const MARKS: [&str; 8] = [
    "MARK --set-mark 0x1",
    "MARK --set-xmark 0x2/0x3",
    "MARK --or-mark 0x4",
    "MARK --xor-mark 0x1",
    "CONNMARK --set-mark 0x1",
    "CONNMARK --set-xmark 0x4/0x6",
    "CONNMARK --save-mark",
    "CONNMARK --restore-mark",
];
/// What gives connections other addresses to come from.
const MASKS: [&str; 4] =
    ["MASQUERADE", "SNAT --to-source 10.1.2.99", "SNAT --to-source 203.0.113.99", "ACCEPT"];
const PROXY: &str = "TPROXY --on-port 8080 --tproxy-mark 0x100/0x100";

const NFT_PROXY: &str = "meta l4proto tcp tproxy ip to :8080 meta mark set 0x100 accept";

/// Draws.
struct Dice<'a>(&'a mut Stream);

impl Dice<'_> {
    fn of<'t>(&mut self, all: &[&'t str]) -> &'t str {
        all[self.0.below(all.len() as u64) as usize]
    }

    fn one_in(&mut self, of: u64) -> bool {
        self.0.below(of) == 0
    }
}

/// A ruleset.
pub(super) fn ruleset(random: &mut Stream) -> String {
    let mut dice = Dice(random);
    if dice.one_in(2) { dump(&mut dice) } else { nftables(&mut dice) }
}

/// What `iptables-save` prints of some tables.
fn dump(dice: &mut Dice<'_>) -> String {
    let mut out = String::new();
    if dice.one_in(3) {
        out += "*raw\n:PREROUTING ACCEPT [0:0]\n";
        let targets = ["DROP", "ACCEPT"];
        out += &rules(dice, "PREROUTING", &targets, 2);
        out += "COMMIT\n";
    }
    if dice.one_in(2) {
        out +=
            "*mangle\n:PREROUTING ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n";
        let targets = [
            "TCPOPTSTRIP --strip-options 30",
            "TCPOPTSTRIP --strip-options timestamp",
            "ACCEPT",
            "DROP",
        ];
        let targets = [&targets[..], &MARKS].concat();
        let proxied = [&targets[..], &[PROXY]].concat();
        out += &rules(dice, "PREROUTING", &proxied, 4);
        for chain in ["FORWARD", "POSTROUTING"] {
            out += &rules(dice, chain, &targets, 3);
        }
        if dice.one_in(2) {
            out += ":OUTPUT ACCEPT [0:0]\n";
            out += &rules(dice, "OUTPUT", &targets, 3);
        }
        out += "COMMIT\n";
    }
    if dice.one_in(2) {
        out += "*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n";
        for _ in 0..2 {
            let server = format!("DNAT --to-destination {}", dice.of(&SERVERS));
            let targets = [server.as_str(), "REDIRECT --to-ports 8080", "REDIRECT", "ACCEPT"];
            out += &rules(dice, "PREROUTING", &targets, 2);
        }
        if dice.one_in(2) {
            let server = format!("DNAT --to-destination {}", dice.of(&SERVERS));
            let targets = [server.as_str(), "REDIRECT --to-ports 8080", "ACCEPT"];
            out += ":OUTPUT ACCEPT [0:0]\n";
            out += &rules(dice, "OUTPUT", &targets, 2);
        }
        out += &rules(dice, "POSTROUTING", &MASKS, 2);
        out += "COMMIT\n";
    }
    out += "*filter\n";
    for chain in ["INPUT", "FORWARD", "OUTPUT"] {
        let policy =
            if dice.one_in(if chain == "OUTPUT" { 4 } else { 2 }) { "DROP" } else { "ACCEPT" };
        let _ = writeln!(out, ":{chain} {policy} [0:0]");
    }
    out += ":one - [0:0]\n:two - [0:0]\n";
    if dice.one_in(2) {
        out += "-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT\n";
    }
    let decided = ["ACCEPT", "DROP", "REJECT", "REJECT --reject-with tcp-reset", "RETURN", "LOG"];
    let called = [&decided[..], &["one", "two"]].concat();
    out += &rules(dice, "INPUT", &called, 3);
    out += &rules(dice, "FORWARD", &called, 6);
    if dice.one_in(2) {
        if dice.one_in(2) {
            out += "-A OUTPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT\n";
        }
        out += &rules(dice, "OUTPUT", &called, 3);
    }
    out += &rules(dice, "one", &[&decided[..], &["two"]].concat(), 4);
    out += &rules(dice, "two", &decided, 4);
    out + "COMMIT\n"
}

/// Some rules of a chain of iptables.
fn rules(dice: &mut Dice<'_>, chain: &str, targets: &[&str], most: u64) -> String {
    let mut out = String::new();
    for _ in 0..=dice.0.below(most) {
        let _ = write!(out, "-A {chain}");
        let mut options: Vec<&str> = match chain {
            "PREROUTING" | "INPUT" => vec!["-i", "-s", "-d", "state", "mark"],
            "POSTROUTING" | "OUTPUT" => vec!["-o", "-s", "-d", "state", "mark"],
            _ => vec!["-i", "-o", "-s", "-d", "mark"],
        };
        for _ in 0..dice.0.below(3) {
            let option = dice.of(&options);
            options.retain(|other| *other != option);
            out += &condition(dice, option);
        }
        let target = dice.of(targets);
        let jump = if matches!(target, "one" | "two") && dice.one_in(3) { "-g" } else { "-j" };
        // Of TCP alone: what some targets ask for.
        let _ = writeln!(out, " -p tcp{} {jump} {target}", tcp(dice));
    }
    out
}

/// A condition of an address, an interface or a state.
fn condition(dice: &mut Dice<'_>, option: &str) -> String {
    let not = if dice.one_in(4) { " !" } else { "" };
    match option {
        "state" => format!(" -m conntrack{not} --ctstate {}", dice.of(&STATES)),
        "mark" => {
            let kind = dice.of(&["mark", "mark", "connmark"]);
            format!(" -m {kind}{not} --mark {}", dice.of(&["0x1", "0x2/0x2", "0x0/0x4", "0x4/0x6"]))
        }
        "-i" | "-o" if dice.one_in(4) => format!("{not} {option} eth+"),
        "-i" | "-o" => format!("{not} {option} {}", dice.of(&INTERFACES)),
        _ => format!("{not} {option} {}", dice.of(&NETWORKS)),
    }
}

/// Conditions of TCP's header.
fn tcp(dice: &mut Dice<'_>) -> String {
    let not = if dice.one_in(4) { " !" } else { "" };
    match dice.0.below(12) {
        8 => format!(" -m tcpmss{not} --mss 1000:1500"),
        9 => " -m recent --set --name seen".to_owned(),
        10 => " -m tcpmss --mss 1:500".to_owned(),
        0 => format!(" -m tcp{not} --dport 80"),
        1 => format!(" -m tcp{not} --dport 1000:9000"),
        2 => format!(" -m multiport{not} --dports 22,443,8000:8100"),
        3 => format!(" -m tcp{not} --syn"),
        4 => format!(" -m tcp{not} --tcp-option 30"),
        5 => format!(" -m tcp{not} --tcp-flags SYN,ACK SYN"),
        _ => String::new(),
    }
}

/// A script of nftables.
fn nftables(dice: &mut Dice<'_>) -> String {
    let mut out = String::from(
        "table inet f {\n set web { type inet_service; flags interval; elements = { 80, 443, 8000-8100 }; }\n set inside { type ipv4_addr; flags interval; elements = { 10.1.0.0/16, 192.168.0.1-192.168.0.99 }; }\n",
    );
    let decided = ["accept", "drop", "reject with tcp reset", "return", "continue", "counter"];
    let called = [&decided[..], &["jump one", "goto one", "jump two", "goto two"]].concat();
    let chain =
        |name: &str, head: &str, rules: String| format!(" chain {name} {{\n{head}{rules} }}\n");
    let two = statements(dice, &decided, 4);
    out += &chain("two", "", two);
    let of_one = [&decided[..], &["jump two", "goto two"]].concat();
    let one = statements(dice, &of_one, 4);
    out += &chain("one", "", one);
    for at in 0..=dice.0.below(3) {
        let hook = dice.of(&["forward", "forward", "prerouting", "postrouting", "input", "output"]);
        let priority = dice.of(&["filter", "mangle", "raw", "filter + 10", "-5"]);
        let policy = dice.of(&["accept", "accept", "drop"]);
        let head = format!("  type filter hook {hook} priority {priority}; policy {policy};\n");
        let mut own = called.clone();
        own.push("reset tcp option mptcp");
        own.extend([
            "meta mark set 0x1",
            "meta mark set 0x2 counter accept",
            "meta mark set meta mark | 0x4",
            "ct mark set meta mark",
            "ct mark set 0x1",
            "meta mark set ct mark",
        ]);
        if hook == "prerouting" && priority == "mangle" {
            own.push(NFT_PROXY);
            own.push(NFT_PROXY.trim_end_matches(" accept"));
        }
        if policy == "drop" && hook != "input" {
            own.extend(["accept", "accept"]);
        }
        let mut rules = String::new();
        if dice.one_in(2) && hook != "prerouting" {
            rules += "  ct state established,related accept\n";
        }
        // What rejects stands at no other hooks.
        rules += &statements(dice, &own, 5).replace("reject with tcp reset", "drop");
        out += &chain(&format!("base{at}"), &head, rules);
    }
    out = if out.contains("hook prerouting") || out.contains("hook postrouting") {
        out.replace("reject with tcp reset", "drop")
    } else {
        out
    };
    if dice.one_in(2) {
        let targets = [
            "dnat ip to 10.9.9.9:8080",
            "dnat ip to 10.1.2.3",
            "redirect to :8080",
            "accept",
            "return",
        ];
        let rules = statements(dice, &targets, 3).replace("oifname", "iifname");
        out += &chain("nat", "  type nat hook prerouting priority dstnat;\n", rules);
        let masks = ["masquerade", "snat ip to 10.1.2.99", "snat ip to 203.0.113.99", "return"];
        let rules = statements(dice, &masks, 2);
        out += &chain("masks", "  type nat hook postrouting priority srcnat;\n", rules);
    }
    out + "}\n"
}

fn statements(dice: &mut Dice<'_>, targets: &[&str], most: u64) -> String {
    let mut out = String::new();
    for _ in 0..=dice.0.below(most) {
        let mut said = String::new();
        for _ in 0..dice.0.below(3) {
            said += &expression(dice);
        }
        let target = dice.of(targets);
        // Translation is of TCP's ports.
        let tcp = if target.contains(":8080") { "meta l4proto tcp " } else { "" };
        if dice.one_in(8) && !target.contains("nat") && !target.contains("redirect") {
            let map = dice.of(&[
                "tcp dport vmap { 80 : accept, 22 : drop, 1000-9000 : continue }",
                "iifname vmap { \"eth0\" : accept, \"eth1\" : drop }",
                "numgen random mod 1 vmap { 0 : accept }",
                "jhash ip saddr mod 2 vmap { 0-1 : continue }",
                "ct state vmap { new : continue, established : accept, invalid : drop }",
                "ip saddr . tcp dport vmap { 10.1.2.3 . 80 : drop, 192.168.0.0/24 . 443 : accept }",
            ]);
            let _ = writeln!(out, "  {said}{map}");
        } else {
            let _ = writeln!(out, "  {said}{tcp}{target}");
        }
    }
    out
}

fn expression(dice: &mut Dice<'_>) -> String {
    let not = if dice.one_in(4) { "!= " } else { "" };
    let said = match dice.0.below(19) {
        16 => format!("tcp option maxseg size {not}{}", dice.of(&["1000-1500", "1-500", "1460"])),
        17 => "ip frag-off & 0x1fff == 0".to_owned(),
        0 => format!("iifname {not}\"{}\"", dice.of(&INTERFACES)),
        1 => format!("oifname {not}{{ \"eth0\", \"ppp0\" }}"),
        2 => format!("iifname {not}\"eth*\""),
        3 => format!("ip saddr {not}{}", dice.of(&NETWORKS)),
        4 => format!("ip daddr {not}@inside"),
        5 => format!("ip daddr {not}{{ 10.0.0.0/8, 172.16.5.5 }}"),
        6 => format!("tcp dport {not}@web"),
        7 => format!("tcp dport {not}{{ 22, 1000-9000 }}"),
        8 => "tcp dport >= 1024".to_owned(),
        9 => format!(
            "ct state {}",
            dice.of(&["new", "established,related", "invalid", "!= established"])
        ),
        10 => format!(
            "tcp flags {}",
            dice.of(&["syn", "syn / syn,ack", "& (fin | syn | rst | ack) == syn", "! ack"])
        ),
        13 => format!("meta mark {not}{}", dice.of(&["0x1", "{ 0x1, 0x5 }", "0"])),
        14 => format!(
            "meta mark {}",
            dice.of(&["and 0x2 == 0x2", "& 0x4 != 0x4", "& 0x6 == { 0x2, 0x4 }"])
        ),
        15 => format!("ct mark {not}{}", dice.of(&["0x1", "0x0"])),
        11 => format!("tcp option mptcp {}", dice.of(&["exists", "missing"])),
        _ => "meta nfproto ipv4".to_owned(),
    };
    format!("{said} ")
}
