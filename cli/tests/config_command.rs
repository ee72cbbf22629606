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

/// What a run of a scenario shows its operator, in `NAME.txt` of the device.
fn shown_by(scenario: &str, device: &str) -> String {
    let home = folder();
    let out = home.path().join("out").display().to_string();
    let scenario = format!("scenarios/catalogue/{scenario}.ron");
    check(&root(), &["run", &scenario, "--out", &out], 0, &[], &[]);
    fs::read_to_string(home.path().join(format!("out/devices/{device}.txt"))).unwrap()
}

/// Splits a report into the outputs of its commands.
const SECTIONS: &str = "
import io, json, sys
try:
    from ntc_templates.parse import parse_output
    import textfsm
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
";

/// Runs a script over the sections of a report; `None`, and said, where Python or its libraries are
/// missing.
fn python(script: &str, report: &str) -> Option<Value> {
    let python = std::env::var("OPTION30_PYTHON").unwrap_or_else(|_| "python3".into());
    let home = folder();
    let file = home.path().join("report.txt");
    fs::write(&file, report).unwrap();
    let script = format!("{SECTIONS}{script}");
    let Ok(came) = Command::new(&python).args(["-c", &script]).arg(&file).output() else {
        eprintln!("skipped: there is no {python}");
        return None;
    };
    let text = String::from_utf8_lossy(&came.stdout).into_owned();
    assert!(came.status.success(), "{}", String::from_utf8_lossy(&came.stderr));
    if text.trim() == "skipped" {
        eprintln!("skipped: Python has no ntc-templates or no textfsm");
        return None;
    }
    Some(serde_json::from_str(&text).unwrap())
}

/// The reports of devices are read by the templates that are in common use. There is none for `show conn`
/// among them: this one takes the form that Cisco documents, and no other line.
#[test]
fn templates_read_what_an_asa_shows() {
    const SCRIPT: &str = r"
TEMPLATE = r'''Value PROTOCOL (TCP)
Value FAR_INTERFACE (\S+)
Value FAR (\d+\.\d+\.\d+\.\d+:\d+)
Value NEAR_INTERFACE (\S+)
Value NEAR (\d+\.\d+\.\d+\.\d+:\d+)
Value IDLE (\d+:\d\d:\d\d)
Value BYTES (\d+)
Value FLAGS ([A-Za-z]+)

Start
  ^\d+ in use, \d+ most used$$
  ^${PROTOCOL} ${FAR_INTERFACE} ${FAR} ${NEAR_INTERFACE} ${NEAR}, idle ${IDLE}, bytes ${BYTES}, flags ${FLAGS}$$ -> Record
  ^. -> Error
'''
def asa(command):
    return parse_output(platform='cisco_asa', command=command, data=sections[command])
conn = textfsm.TextFSM(io.StringIO(TEMPLATE)).ParseTextToDicts(sections['show conn'])
print(json.dumps([asa('show asp drop'), asa('show logging'), conn]))
";
    let report = shown_by("asa-connection-limit", "edge");
    let Some(parsed) = python(SCRIPT, &report) else { return };
    let dropped: u32 = parsed[0][0]["conn_limit"].as_str().unwrap().parse().unwrap();
    assert!(dropped > 0);
    assert_eq!(parsed[1][0]["mnemonic"], "302013");
    let count: usize = report.lines().nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert_eq!(parsed[2].as_array().unwrap().len(), count, "{report}");
}

#[test]
fn templates_read_what_ios_shows() {
    const SCRIPT: &str = "
command = 'show ip nat translations'
print(json.dumps(parse_output(platform='cisco_ios', command=command, data=sections[command])))
";
    let report = shown_by("nat-add-addr", "edge");
    let Some(parsed) = python(SCRIPT, &report) else { return };
    let rows = parsed.as_array().unwrap();
    assert!(!rows.is_empty(), "{report}");
    assert!(rows.iter().any(|row| row["inside_local_ip"] != row["inside_global_ip"]), "{rows:?}");
}
