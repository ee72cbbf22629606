//! A Chromium without a window, driven over its own protocol
//! (<https://chromedevtools.github.io/devtools-protocol/>) through pipes: no port, no driver to install.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

const PROGRAMS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// A browser, ended when it is dropped.
pub(crate) struct Chromium {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    id: u64,
    events: VecDeque<Value>,
    _profile: tempfile::TempDir,
}

/// A page in it.
pub(crate) struct Page<'a> {
    browser: &'a mut Chromium,
    session: String,
}

impl Chromium {
    /// Starts one, where there is one; says so where there is none.
    pub(crate) fn start() -> Option<Self> {
        let found = |name: &&str| {
            let version = Command::new(name).arg("--version").output();
            version.is_ok_and(|output| output.status.success())
        };
        let Some(program) = PROGRAMS.into_iter().find(found) else {
            eprintln!("SKIPPED: there is no Chromium here ({})", PROGRAMS.join(", "));
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        // The shell gives the browser its pipes: it reads commands from 3 and answers on 4.
        let mut process = Command::new("sh")
            .args(["-c", "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1", "sh", program])
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"])
            .args(["--no-first-run", "--disable-quic", "--disable-background-networking"])
            .args(["--disable-component-update", "--disable-sync", "--window-size=1280,900"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let to = process.stdin.take().unwrap();
        let from = BufReader::new(process.stdout.take().unwrap());
        Some(Self { process, to, from, id: 0, events: VecDeque::new(), _profile: profile })
    }

    /// Opens a file and waits until its script has run.
    pub(crate) fn open(&mut self, file: &Path) -> Page<'_> {
        let target = self.call(None, "Target.createTarget", &json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = self.call(None, "Target.attachToTarget", &attach)["sessionId"].clone();
        let mut page = Page { browser: self, session: session.as_str().unwrap().into() };
        for domain in ["Runtime", "Log", "Page"] {
            page.call(&format!("{domain}.enable"), &json!({}));
        }
        page.call("Page.navigate", &json!({ "url": format!("file://{}", file.display()) }));
        for _ in 0..600 {
            if page.eval("document.documentElement?.dataset.ready ?? ''") == "yes" {
                return page;
            }
            page.frame();
        }
        panic!("{} does not get ready: {:?}", file.display(), page.complaints());
    }

    fn call(&mut self, session: Option<&str>, method: &str, params: &Value) -> Value {
        self.id += 1;
        let id = self.id;
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        self.to.write_all(message.to_string().as_bytes()).unwrap();
        self.to.write_all(&[0]).unwrap();
        loop {
            let message = self.receive();
            if message["id"] == id {
                // What was asked of a page that has been left since is nothing.
                let error = message["error"]["message"].as_str().unwrap_or_default();
                if error.contains("navigated or closed") || error.contains("context was destroyed")
                {
                    return Value::Null;
                }
                assert!(message["error"].is_null(), "{method} {params}: {}", message["error"]);
                return message["result"].clone();
            }
            self.events.push_back(message);
        }
    }

    fn receive(&mut self) -> Value {
        let mut bytes = Vec::new();
        self.from.read_until(0, &mut bytes).unwrap();
        assert_eq!(bytes.pop(), Some(0), "the browser is gone");
        serde_json::from_slice(&bytes).unwrap()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Page<'_> {
    fn call(&mut self, method: &str, params: &Value) -> Value {
        let session = self.session.clone();
        self.browser.call(Some(&session), method, params)
    }

    /// What an expression (or a promise) is.
    pub(crate) fn eval(&mut self, expression: &str) -> Value {
        let params =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let result = self.call("Runtime.evaluate", &params);
        assert!(result["exceptionDetails"].is_null(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    /// Waits until what was asked to be drawn has been.
    pub(crate) fn frame(&mut self) {
        self.eval("new Promise((r) => requestAnimationFrame(() => setTimeout(() => r(0), 0)))");
    }

    /// What the browser complains of: errors, exceptions, and what the policy forbade.
    pub(crate) fn complaints(&mut self) -> Vec<String> {
        let is_bad = |event: &&Value| {
            let params = &event["params"];
            match event["method"].as_str().unwrap_or_default() {
                "Runtime.exceptionThrown" => true,
                "Runtime.consoleAPICalled" => params["type"] == "error",
                "Log.entryAdded" => params["entry"]["level"] != "info",
                _ => false,
            }
        };
        self.browser.events.iter().filter(is_bad).map(ToString::to_string).collect()
    }

    /// The middle of an element, brought into view.
    pub(crate) fn middle(&mut self, selector: &str) -> (f64, f64) {
        let selector = json!(selector);
        let place = self.eval(&format!(
            "(() => {{ const e = document.querySelector({selector});
              e.scrollIntoView({{ block: 'center', behavior: 'instant' }});
              const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }})()"
        ));
        self.frame();
        (place[0].as_f64().unwrap(), place[1].as_f64().unwrap())
    }

    /// One event of the mouse; `modifiers`: 2 is Ctrl, 8 is Shift.
    pub(crate) fn mouse(&mut self, kind: &str, (x, y): (f64, f64), modifiers: u32) {
        let buttons = u32::from(kind == "mousePressed" || kind == "mouseMoved");
        let mut event = json!({ "type": kind, "x": x, "y": y, "modifiers": modifiers });
        match kind {
            "mouseWheel" => event["deltaY"] = json!(-120),
            "mouseMoved" => {}
            _ => {
                event["button"] = json!("left");
                event["buttons"] = json!(buttons);
                event["clickCount"] = json!(1);
            }
        }
        if kind == "mouseWheel" {
            event["deltaX"] = json!(0);
        }
        self.call("Input.dispatchMouseEvent", &event);
    }

    /// Clicks on the middle of an element.
    pub(crate) fn click(&mut self, selector: &str) {
        let at = self.middle(selector);
        self.mouse("mousePressed", at, 0);
        self.mouse("mouseReleased", at, 0);
        self.frame();
    }

    /// Presses the mouse at one place, moves it in steps, and lets it go at another.
    pub(crate) fn drag(&mut self, from: (f64, f64), to: (f64, f64), steps: u32) {
        self.mouse("mousePressed", from, 0);
        for k in 1..=steps {
            let part = f64::from(k) / f64::from(steps);
            let at = (from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part);
            self.mouse("mouseMoved", at, 0);
        }
        self.mouse("mouseReleased", to, 0);
        self.frame();
    }

    /// Presses a key on an element.
    pub(crate) fn key(&mut self, selector: &str, key: &str) {
        self.eval(&format!("document.querySelector({}).focus()", json!(selector)));
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({ "type": kind, "key": key });
            if kind == "keyDown" && key.chars().count() == 1 {
                event["text"] = json!(key);
            }
            self.call("Input.dispatchKeyEvent", &event);
        }
        self.frame();
    }

    /// What a screen reader is told: the role and the name of each element, in order.
    pub(crate) fn read_aloud(&mut self) -> Vec<(String, String)> {
        self.call("Accessibility.enable", &json!({}));
        let tree = self.call("Accessibility.getFullAXTree", &json!({}));
        let nodes = tree["nodes"].as_array().unwrap().iter();
        let word = |value: &Value| value["value"].as_str().unwrap_or_default().to_owned();
        let told = nodes.filter(|node| node["ignored"] != true);
        told.map(|node| (word(&node["role"]), word(&node["name"]))).collect()
    }

    /// The page as a PDF, its size in characters of base64.
    pub(crate) fn pdf(&mut self) -> usize {
        self.call("Page.printToPDF", &json!({}))["data"].as_str().unwrap().len()
    }

    /// What the browser's own trace says of the time in which `act` is done.
    pub(crate) fn trace(&mut self, act: impl FnOnce(&mut Self)) -> Vec<Value> {
        let categories = "devtools.timeline,disabled-by-default-devtools.timeline,toplevel";
        self.browser.events.clear();
        let params = json!({ "categories": categories, "transferMode": "ReportEvents" });
        self.browser.call(None, "Tracing.start", &params);
        act(self);
        self.browser.call(None, "Tracing.end", &json!({}));
        let mut trace = Vec::new();
        loop {
            let event = match self.browser.events.pop_front() {
                Some(event) => event,
                None => self.browser.receive(),
            };
            match event["method"].as_str().unwrap_or_default() {
                "Tracing.dataCollected" => {
                    trace.extend(event["params"]["value"].as_array().unwrap().iter().cloned());
                }
                "Tracing.tracingComplete" => return trace,
                _ => {}
            }
        }
    }
}
