//! Long options that are cut: `--proto` for `--protocol` (getopt_long(3): a beginning that only one option has).

use std::borrow::Cow;

/// Options that are read, by their whole names; of those with several names, which are no beginnings of each other's.
const LONG: [&str; 20] = [
    "--append",
    "--insert",
    "--protocol",
    "--source",
    "--destination",
    "--src-range",
    "--dst-range",
    "--in-interface",
    "--out-interface",
    "--jump",
    "--goto",
    "--match",
    "--table",
    "--fragment",
    "--tcp-flags",
    "--tcp-option",
    "--ctstate",
    "--strip-options",
    "--reject-with",
    "--to-destination",
];

/// Fewest letters of what is taken for a cut option.
const SHORTEST: usize = "--xxx".len();

/// The words of a command, its options by their whole names.
pub(super) fn spelled_out<'w, 'a>(words: &'w [&'a str]) -> Cow<'w, [&'a str]> {
    if !words.iter().any(|word| whole(word, words).is_some()) {
        return Cow::Borrowed(words);
    }
    words.iter().map(|word| whole(word, words).unwrap_or(word)).collect()
}

/// The option that a word is the beginning of.
fn whole(word: &str, words: &[&str]) -> Option<&'static str> {
    if word.len() < SHORTEST || !word.starts_with("--") || LONG.contains(&word) {
        return None;
    }
    let mut all = LONG.into_iter().filter(|option| option.starts_with(word));
    let only = all.next().filter(|_| all.next().is_none())?;
    // Whole names of other modules (iptables-extensions(8): policy, conntrack, addrtype).
    let is_of_another = match word {
        "--src" | "--dst" | "--state" | "--to" => true,
        "--proto" => words.contains(&"policy"),
        _ => false,
    };
    (!is_of_another).then_some(only)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings() {
        let of = |words: &str| {
            let words: Vec<&str> = words.split(' ').collect();
            spelled_out(&words).join(" ")
        };
        assert_eq!(of("--app FORWARD --proto tcp"), "--append FORWARD --protocol tcp");
        assert_eq!(
            of("-A FORWARD --dest 10.0.0.1 --in-int eth0"),
            "-A FORWARD --destination 10.0.0.1 --in-interface eth0"
        );
        // Of two options, another module's, or none.
        for as_it_is in [
            "-A X --src 10.0.0.1 --dst 10.0.0.2",
            "-A X --in eth0",
            "-m policy --proto esp",
            "--set --name x",
        ] {
            assert_eq!(of(as_it_is), as_it_is);
        }
    }
}
