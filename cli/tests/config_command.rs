//! `option30 config`: what it prints for the configurations that ship, kept in `tests/config.golden`
//! (`UPDATE_GOLDEN=1` writes it anew), its JSON, and what it refuses.

mod common;

use std::fs;
use std::process::Command;

use common::{check, folder, names, root};
use serde_json::Value;

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/config.golden");
const CONFIGS: &str = "scenarios/catalogue/configs";

/// The configurations of these products that ship.
fn shipped(products: &[&str]) -> Vec<String> {
    let all = names(&root().join(CONFIGS)).into_iter();
    let ours = all.filter(|name| products.iter().any(|product| name.starts_with(product)));
    ours.map(|name| format!("{CONFIGS}/{name}")).collect()
}

#[test]
fn the_shipped_configurations_are_read_as_kept() {
    let files = shipped(&["asa", "ftd", "ips"]);
    let mut args = vec!["config"];
    args.extend(files.iter().map(String::as_str));
    let text = check(&root(), &args, 0, &[], &[]).stdout;
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(KEPT, &text).unwrap();
    }
    let kept = fs::read_to_string(KEPT).unwrap_or_default();
    assert!(text == kept, "not as kept; look at git's difference after UPDATE_GOLDEN=1");
}

#[test]
fn json_has_these_fields_and_no_others() {
    fn keys(value: &Value) -> Vec<&str> {
        value.as_object().unwrap().keys().map(String::as_str).collect()
    }
    let file = format!("{CONFIGS}/asa-tcp-map-not-activated.cfg");
    let args = ["config", &file, "--format", "json"];
    let came: Value = serde_json::from_str(&check(&root(), &args, 0, &[], &[]).stdout).unwrap();
    assert_eq!(keys(&came), ["files"]);
    let file = &came["files"][0];
    assert_eq!(keys(file), ["path", "platform", "verdicts", "version", "warnings"]);
    assert_eq!((&file["platform"], &file["version"]), (&"asa".into(), &"9.12(4)".into()));
    let verdict = &file["verdicts"][0];
    assert_eq!(keys(verdict), ["because", "direction", "traffic", "verdict"]);
    assert_eq!(verdict["verdict"], "strip");
    assert_eq!(keys(&verdict["because"][0]), ["line", "rule", "text"]);
    let warning = &file["warnings"][0];
    assert_eq!(keys(warning), ["line", "message"]);
    assert!(warning["message"].as_str().unwrap().contains("service-policy my-policy-map global"));
}

#[test]
fn what_is_no_configuration_is_unknown_and_what_is_no_file_is_refused() {
    let home = folder();
    fs::write(home.path().join("prose.txt"), "Dear all,\nthe firewall is down.\n").unwrap();
    fs::write(home.path().join("empty.cfg"), "").unwrap();
    fs::write(home.path().join("bytes.cfg"), [0xff, 0xfe, 0x00, b'\n', 0x1b, b'[']).unwrap();
    for file in ["prose.txt", "empty.cfg", "bytes.cfg"] {
        let words = ["platform not recognised", "unknown"];
        let came = check(home.path(), &["config", file], 0, &words, &[]);
        assert!(!came.stdout.contains('\u{1b}'));
    }
    let args = ["config", "empty.cfg", "--platform", "ASA"];
    check(home.path(), &args, 0, &["strip", "Cisco ASA"], &[]);
    let args = ["config", "empty.cfg", "--platform", "asb"];
    check(home.path(), &args, 2, &[], &["there is no platform \"asb\"; known: asa"]);
    check(home.path(), &["config", "none.cfg"], 2, &[], &["cannot read none.cfg"]);
    check(home.path(), &["config", "."], 2, &[], &[". is a folder"]);
}

/// The reports of devices are read by the templates that are in common use, where Python has them.
#[test]
fn ntc_templates_read_show_asp_drop_and_the_log() {
    const SCRIPT: &str = "
import json, sys
try:
    from ntc_templates.parse import parse_output
except ImportError:
    print('skipped')
    sys.exit(0)
sections, name = {}, None
for line in open(sys.argv[1]):
    if line.startswith('show '):
        name = line.strip()
        sections[name] = ''
    elif name:
        sections[name] += line
drops = parse_output(platform='cisco_asa', command='show asp drop', data=sections['show asp drop'])
log = parse_output(platform='cisco_asa', command='show logging', data=sections['show logging'])
print(json.dumps([drops, log]))
";
    let home = folder();
    let out = home.path().join("out");
    let out_arg = out.display().to_string();
    let scenario = "scenarios/catalogue/asa-connection-limit.ron";
    check(&root(), &["run", scenario, "--out", &out_arg], 0, &[], &[]);
    let report = out.join("devices/edge.txt");
    let Ok(came) = Command::new("python3").args(["-c", SCRIPT]).arg(&report).output() else {
        eprintln!("skipped: there is no python3");
        return;
    };
    let text = String::from_utf8_lossy(&came.stdout).into_owned();
    assert!(came.status.success(), "{}", String::from_utf8_lossy(&came.stderr));
    if text.trim() == "skipped" {
        eprintln!("skipped: Python has no ntc-templates");
        return;
    }
    let parsed: Value = serde_json::from_str(&text).unwrap();
    let dropped: u32 = parsed[0][0]["conn_limit"].as_str().unwrap().parse().unwrap();
    assert!(dropped > 0);
    assert_eq!(parsed[1][0]["mnemonic"], "302013");
}
