//! Rows are read from the top: the first that fits a connection on its way tells of it.

use super::texts::directions;

/// Where the rows of a way stand.
fn places(text: &str, rows: &[&str]) -> Vec<usize> {
    let told = directions(text);
    let place = |row: &&str| {
        told.iter()
            .position(|told| told.starts_with(row))
            .unwrap_or_else(|| panic!("{row}: {told:#?}"))
    };
    rows.iter().map(place).collect()
}

#[test]
fn a_part_stands_before_the_whole() {
    let text = "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m state --state ESTABLISHED -j ACCEPT\n-A FORWARD -s 10.0.0.0/24 -j ACCEPT\n-A FORWARD -s 192.0.2.1 -p tcp --dport 80 -j ACCEPT\n-A FORWARD -s 10.0.0.0/8 -j DROP\n-A FORWARD -s 192.0.2.0/24 -j REJECT\n-A FORWARD -j ACCEPT\nCOMMIT\n";
    let at = places(
        text,
        &[
            "pass TCP from 10.0.0.0/24, TCP from 192.0.2.1/32 to port 80",
            "drop TCP from 10.0.0.0/8",
            "drop TCP from 192.0.2.0/24",
        ],
    );
    assert!(at.is_sorted(), "{:#?}", directions(text));
    // The rule of the whole may stand first where it is another way's.
    let swapped = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:W - [0:0]\n-A FORWARD -j W\n-A INPUT -p tcp --dport 80 -s 10.1.0.0/16 -j ACCEPT\n-A INPUT -j W\n-A W -m state --state ESTABLISHED -j ACCEPT\n-A W -s 10.0.0.0/8 -j DROP\nCOMMIT\n";
    let told = directions(swapped);
    let of_host = |begin: &str| {
        let is_it = |row: &&String| row.starts_with(begin) && row.contains("to this host itself");
        told.iter().position(|row| is_it(&row)).unwrap_or_else(|| panic!("{begin}: {told:#?}"))
    };
    assert!(
        of_host("pass TCP from 10.1.0.0/16 to port 80") < of_host("drop TCP from 10.0.0.0/8"),
        "{told:#?}"
    );
}

/// Rules of answers alone tell of the connections that they answer.
#[test]
fn answers_that_are_let_in() {
    let text = "*filter\n:INPUT DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -d 192.0.2.1 -m state --state ESTABLISHED -j ACCEPT\n-A INPUT -i lo -j ACCEPT\nCOMMIT\n";
    let at = places(
        text,
        &[
            "pass TCP from 192.0.2.1/32: opened by this host itself",
            "drop all other TCP: opened by this host itself",
        ],
    );
    assert!(at.is_sorted(), "{:#?}", directions(text));
}

/// What early chains say of lo is said.
#[test]
fn early_chains_that_name_lo() {
    let text = "table ip r {\n chain c {\n  type filter hook prerouting priority raw; policy accept;\n  iifname != \"lo\" tcp dport 8080 drop\n }\n}\n";
    let told = directions(text);
    let row = told.iter().find(|row| row.contains("this host itself")).unwrap();
    assert!(row.contains("to this host itself, except over lo"), "{told:#?}");
}
