//! `show ip nat translations` and `show ip nat statistics`.

use std::net::SocketAddr;

use super::translator::Translator;

impl Translator {
    /// What an operator would see.
    pub(crate) fn show(&self) -> Vec<String> {
        let mut lines = vec!["show ip nat translations".to_owned()];
        lines
            .push(row("Pro", ["Inside global", "Inside local", "Outside local", "Outside global"]));
        for c in self.table.iter() {
            let (local, global) = (c.state.local, c.state.global);
            let remote: SocketAddr =
                if c.opened.src == local { c.opened.dst } else { c.opened.src };
            let cells = [global, local, remote, remote].map(|s| s.to_string());
            lines.push(row("tcp", cells.each_ref().map(String::as_str)));
        }
        for s in &self.statics {
            let (kind, local, global) = match s.ports {
                None => ("---", s.local.to_string(), s.global.to_string()),
                Some((inside, outside)) => {
                    ("tcp", format!("{}:{inside}", s.local), format!("{}:{outside}", s.global))
                }
            };
            lines.push(row(kind, [&global, &local, "---", "---"]));
        }
        let c = &self.counters;
        lines.push("show ip nat statistics".to_owned());
        let (fixed, dynamic) = (self.statics.len(), self.table.len());
        lines.push(format!(
            "Total active translations: {} ({fixed} static, {dynamic} dynamic; {dynamic} extended)",
            fixed + dynamic
        ));
        lines.push(format!("Peak translations: {}", self.table.most() + fixed));
        lines.push(format!("Hits: {}  Misses: {}", c.hits, c.misses));
        lines.push(format!("Expired translations: {}", c.expired));
        lines
    }

    /// Counters for the summary.
    pub(crate) fn counters(&self) -> Vec<(String, u64)> {
        let c = &self.counters;
        vec![
            ("translations created".to_owned(), c.created),
            ("translations now".to_owned(), self.table.len() as u64),
            ("translations expired".to_owned(), c.expired),
            ("payloads rewritten".to_owned(), c.payloads),
        ]
    }
}

fn row(kind: &str, [a, b, c, d]: [&str; 4]) -> String {
    format!("{kind:<3} {a:<21} {b:<18} {c:<18} {d}").trim_end().to_owned()
}
