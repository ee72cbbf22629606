//! Policies of IOS XR that drop or redirect classes of traffic (`policy-map type pbr`), for flowspec or on
//! an interface.

use crate::audit::{Because, Effect, Verdict};
use crate::config::words::is_protocol;
use crate::config::{ConfigText, Diagnostics, Line};

/// A class-map, as far as TCP may be in it.
struct Class<'t> {
    /// All of its lines must hold.
    all: bool,
    lines: Vec<&'t Line<'t>>,
}

/// What the lines of a class-map say of TCP.
enum Names {
    /// TCP, or a part of it.
    Tcp,
    Nothing,
    /// Not read: the line.
    Open(String),
}

impl Class<'_> {
    fn names(&self) -> Names {
        let mut any = false;
        for line in &self.lines {
            match line.words.as_slice() {
                ["match", "protocol", protocols @ ..] => {
                    let other = protocols.iter().all(|p| is_protocol(p));
                    match (other, self.all) {
                        (true, true) => return Names::Nothing,
                        (true, false) => {}
                        (false, _) => any = true,
                    }
                }
                [
                    "match",
                    "destination-address"
                    | "source-address"
                    | "destination-port"
                    | "source-port"
                    | "any",
                    ..,
                ] => any = true,
                // Fragments: TCP here never sends any.
                ["match", "fragment-type", ..] if self.all => return Names::Nothing,
                ["match", "fragment-type", ..] => {}
                _ => return Names::Open(line.text().to_owned()),
            }
        }
        if any { Names::Tcp } else { Names::Nothing }
    }
}

/// A verdict for each class that a policy in force drops or redirects.
pub(crate) fn verdicts(text: ConfigText<'_>, found: &mut Diagnostics) -> Vec<Verdict> {
    let all = text.lines();
    let (mut policy, mut class) = (None, None);
    let mut verdicts = Vec::new();
    for line in all.iter() {
        match line.words.as_slice() {
            ["policy-map", "type", "pbr", name] => policy = in_force(&all, name),
            ["class", "type", "traffic", name] => class = Some(*name),
            ["end-policy-map"] => (policy, class) = (None, None),
            [action @ ("drop" | "redirect"), ..] => {
                let (Some(policy), Some(class)) = (policy, class) else { continue };
                let does = if *action == "drop" { "dropped" } else { "sent elsewhere" };
                let why = format!("{does} by policy-map {policy}");
                let map = class_map(&all, class);
                let defined = map.is_some() || class == "class-default";
                let names = map.as_ref().map_or(Names::Tcp, Class::names);
                let (effect, why) = match names {
                    Names::Nothing => continue,
                    _ if !defined => {
                        let message =
                            format!("class-map type traffic {class} is not defined in the text");
                        found.warn(line, "", message);
                        (Effect::Unknown, format!("{why}: the class is not defined in the text"))
                    }
                    Names::Tcp if *action == "drop" => (Effect::Drop, why),
                    Names::Tcp => {
                        (Effect::Unknown, format!("{why}: what stands there may do more"))
                    }
                    Names::Open(line) => {
                        (Effect::Unknown, format!("{why}: `{line}` in its class is not read"))
                    }
                };
                let of = map.map_or_else(String::new, |map| {
                    let lines: Vec<&str> = map.lines.iter().map(|line| line.text()).collect();
                    format!(": {}", lines.join(", "))
                });
                verdicts.push(Verdict {
                    traffic: format!("TCP of class {class}{of}"),
                    direction: format!("where policy-map {policy} is in force"),
                    effect,
                    because: vec![Because::line(&text.place(line), why)],
                });
            }
            _ => {}
        }
    }
    for line in all.iter() {
        let ["service-policy", "type", "pbr", .., name] = line.words.as_slice() else { continue };
        let defines = |l: &Line<'_>| matches!(l.words.as_slice(), ["policy-map", "type", "pbr", n] if n == name);
        if !all.iter().any(defines) {
            found.warn(
                line,
                name,
                format!("policy-map type pbr {name} is not defined in the text"),
            );
            verdicts.push(Verdict {
                traffic: "all TCP".into(),
                direction: format!("where policy-map {name} is in force"),
                effect: Effect::Unknown,
                because: vec![Because::line(&text.place(line), "it is not defined in the text")],
            });
        }
    }
    verdicts
}

/// The name of a policy that some line puts in force.
fn in_force<'l>(all: &[Line<'l>], policy: &'l str) -> Option<&'l str> {
    let applies = |line: &Line<'_>| match line.words.as_slice() {
        ["service-policy", "type", "pbr", rest @ ..] => rest.last() == Some(&policy),
        _ => false,
    };
    all.iter().any(applies).then_some(policy)
}

fn class_map<'t>(all: &'t [Line<'t>], name: &str) -> Option<Class<'t>> {
    let begins = |line: &&Line<'_>| matches!(line.words.as_slice(), ["class-map", "type", "traffic", .., n] if *n == name);
    let mut lines = all.iter().skip_while(|line| !begins(line));
    let first = lines.next()?;
    let lines = lines.take_while(|line| line.words[0] == "match" || line.words[0] == "description");
    let lines = lines.filter(|line| line.words[0] == "match").collect();
    Some(Class { all: first.words.contains(&"match-all"), lines })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_in_force_that_drop() {
        let policy = "policy-map type pbr P\n class type traffic BAD\n  drop\n !\n class type traffic class-default\n !\n end-policy-map\n!\n";
        let told = |text: &str| -> Vec<_> {
            let mut found = Diagnostics::new("xr");
            let verdicts = verdicts(ConfigText::new("xr", text), &mut found);
            let told = verdicts.into_iter().map(|v| (v.effect, v.because[0].line, found.len()));
            told.collect()
        };
        assert_eq!(told(policy), []);
        let used = format!("{policy}flowspec\n address-family ipv6\n  service-policy type pbr P\n");
        assert_eq!(told(&used), [(Effect::Unknown, Some(3), 1)]);
        let on_an_interface = format!("{policy}interface a\n service-policy type pbr input P\n");
        assert_eq!(told(&on_an_interface), [(Effect::Unknown, Some(3), 1)]);
        let class = |matches: &str| {
            format!(
                "{on_an_interface}class-map type traffic match-all BAD\n{matches} end-class-map\n"
            )
        };
        let drop = [(Effect::Drop, Some(3), 0)];
        assert_eq!(told(&class(" match destination-address ipv4 10.0.0.0 255.0.0.0\n")), drop);
        assert_eq!(told(&class(" match protocol tcp\n match destination-port 25\n")), drop);
        assert_eq!(told(&class(" match protocol udp\n match destination-port 123\n")), []);
        assert_eq!(told(&class(" match dscp ef\n")), [(Effect::Unknown, Some(3), 0)]);
        let default = on_an_interface.replace("class-default\n !", "class-default\n  drop\n !");
        assert_eq!(told(&default)[1], (Effect::Drop, Some(6), 1));
        let undefined = "interface a\n service-policy type pbr input NONE\n";
        assert_eq!(told(undefined), [(Effect::Unknown, Some(2), 1)]);
    }
}
