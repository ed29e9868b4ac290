//! Chromium, driven headless through chromedriver: a page is read and pressed as people
//! do it, by the words on it. Whatever takes time is waited for.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::town::wait_for;

/// The key under which chromedriver names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Sandbox and graphics are not there in most containers; the rest keeps Chromium from calling home.
const ARGUMENTS: [&str; 12] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
    "--lang=en-GB",
    "--hide-scrollbars",
];

/// One browser with one page. It ends when it is dropped.
pub(crate) struct Browser {
    driver: Child,
    /// Where chromedriver listens, with the session once there is one.
    base: String,
    agent: ureq::Agent,
    site: String,
    home: TempDir,
}

/// A browser for the site at this address, unless there is none on this machine.
pub(crate) fn open(site: &str) -> Option<Browser> {
    start(site, json!({}))
}

/// The same with JavaScript off.
pub(crate) fn open_without_script(site: &str) -> Option<Browser> {
    start(site, json!({"profile.managed_default_content_settings.javascript": 2}))
}

fn start(site: &str, mut prefs: Json) -> Option<Browser> {
    let (chromium, driver) = programs()?;
    let home = tempfile::Builder::new().prefix("nightrun-browser-").tempdir().unwrap();
    prefs["download.default_directory"] = home.path().join("downloads").display().to_string().into();
    // It takes one port of two kinds of addresses, and ends where somebody has one of them already.
    let (driver, port) =
        (0..5).find_map(|_| listening(&driver, home.path())).expect("chromedriver has a port");
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_mins(1)))
        .http_status_as_error(false)
        .build()
        .into();
    let base = format!("http://127.0.0.1:{port}");
    let mut browser = Browser { driver, base, agent, site: format!("http://{site}"), home };
    let wanted = json!({
        "goog:loggingPrefs": {"browser": "ALL"},
        "goog:chromeOptions": {"binary": chromium, "args": ARGUMENTS, "prefs": prefs},
        "unhandledPromptBehavior": "ignore",
    });
    let session = match browser.post("/session", &json!({"capabilities": {"alwaysMatch": wanted}})) {
        Ok(session) => session,
        Err(fault) => {
            // What a browser that does not start says about the pages is nothing.
            skipped(&format!("chromium does not start here ({fault})"));
            return None;
        }
    };
    browser.base = format!("{}/session/{}", browser.base, session["sessionId"].as_str().unwrap());
    Some(browser)
}

/// A driver and its port, once it listens.
fn listening(driver: &Path, home: &Path) -> Option<(Child, u16)> {
    let mut driver = Command::new(driver)
        .arg("--port=0")
        .env("HOME", home)
        .env("TMPDIR", home)
        .env("TZ", "America/New_York")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
    let line =
        said.find(|line| line.contains("on port ") && line.ends_with('.') && !line.contains(" port 0"));
    let port = line.and_then(|line| line.rsplit(' ').next()?.trim_end_matches('.').parse().ok());
    if port.is_none() {
        let _ = driver.kill();
        let _ = driver.wait();
    }
    Some((driver, port?))
}

/// Whether there is a browser on this machine; if not, that is said once.
pub(crate) fn is_there() -> bool {
    let is_there = programs().is_some();
    if !is_there {
        skipped("no chromium here");
    }
    is_there
}

/// Says once why nothing is tested.
fn skipped(why: &str) {
    static SAID: Once = Once::new();
    SAID.call_once(|| say(&format!("{why}: skipped")));
}

/// Says something past the test harness, which would keep it to itself.
pub(crate) fn say(what: &str) {
    drop(writeln!(std::io::stderr(), "{what}"));
}

/// Chromium and chromedriver.
fn programs() -> Option<(PathBuf, PathBuf)> {
    let chromium = ["chromium", "chromium-browser", "google-chrome"].iter().find_map(|name| installed(name));
    chromium.zip(installed("chromedriver"))
}

fn installed(name: &str) -> Option<PathBuf> {
    ["/usr/local/bin", "/usr/bin"]
        .iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.is_file())
}

impl Browser {
    fn post(&self, path: &str, body: &Json) -> Result<Json, String> {
        let request =
            self.agent.post(format!("{}{path}", self.base)).header("content-type", "application/json");
        let mut answer = request.send(body.to_string()).map_err(|fault| fault.to_string())?;
        read(answer.body_mut())
    }

    fn get(&self, path: &str) -> Result<Json, String> {
        let mut answer =
            self.agent.get(format!("{}{path}", self.base)).call().map_err(|it| it.to_string())?;
        read(answer.body_mut())
    }

    /// Status and kind of what a path gives, asked for without the browser.
    pub(crate) fn head(&self, path: &str) -> (u16, String) {
        let answer = self.agent.get(format!("{}{path}", self.site)).call().unwrap();
        let kind =
            answer.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        (answer.status().as_u16(), kind.to_owned())
    }

    /// Opens a page by its path, and waits until it is loaded.
    #[track_caller]
    pub(crate) fn visit(&self, path: &str) {
        self.post("/url", &json!({"url": format!("{}{path}", self.site)})).unwrap();
    }

    /// Goes back to the page before.
    pub(crate) fn goes_back(&self) {
        self.post("/back", &json!({})).unwrap();
    }

    /// Path and query of the open page.
    pub(crate) fn path(&self) -> String {
        let url = self.get("/url").unwrap();
        url.as_str().unwrap().trim_start_matches(&self.site).to_owned()
    }

    /// Waits until the open page is another, and gives back its path.
    #[track_caller]
    pub(crate) fn lands_on(&self, beginning: &str) -> String {
        wait_for(&format!("the page {beginning}"), || {
            Some(self.path()).filter(|it| it.starts_with(beginning))
        })
    }

    /// What a script, as the body of a function, gives back.
    pub(crate) fn script(&self, body: &str) -> Json {
        self.script_with(body, &json!([]))
    }

    /// The same with arguments; what it promises is waited for.
    pub(crate) fn script_with(&self, body: &str, args: &Json) -> Json {
        self.post("/execute/sync", &json!({"script": body, "args": args})).unwrap()
    }

    /// What the window shows, as PNG.
    pub(crate) fn picture(&self) -> Vec<u8> {
        let picture = self.get("/screenshot").unwrap();
        base64(picture.as_str().unwrap())
    }

    /// The elements that a path finds.
    fn all(&self, xpath: &str) -> Vec<String> {
        let found = self.post("/elements", &json!({"using": "xpath", "value": xpath})).unwrap_or_default();
        let found = found.as_array().into_iter().flatten();
        found.filter_map(|it| it[ELEMENT].as_str().map(ToOwned::to_owned)).collect()
    }

    /// Does something to the first element of a path that lets it be done.
    #[track_caller]
    fn does(&self, xpath: &str, act: &str, body: &Json) {
        let mut fault = String::from("there is none");
        let done = |fault: &mut String| {
            self.all(xpath).iter().any(|id| {
                let path = format!("/element/{id}/{act}");
                self.post(&path, body).map_err(|said| *fault = said).is_ok()
            })
        };
        let begin = std::time::Instant::now();
        while !done(&mut fault) {
            let shown = self.text();
            assert!(begin.elapsed() < PATIENCE, "cannot {act} {xpath}: {fault}\n{}: {shown}", self.path());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Presses the button or link with these words.
    #[track_caller]
    pub(crate) fn press(&self, words: &str) {
        self.does(&pressable("", words), "click", &json!({}));
    }

    /// Presses it in the row of a table that has these words.
    #[track_caller]
    pub(crate) fn press_in_row(&self, row: &str, words: &str) {
        self.does(&pressable(&format!("//tr[contains(., '{row}')]"), words), "click", &json!({}));
    }

    /// Presses what a path finds.
    #[track_caller]
    pub(crate) fn press_at(&self, xpath: &str) {
        self.does(xpath, "click", &json!({}));
    }

    /// Answers yes to the question that the page asks.
    #[track_caller]
    pub(crate) fn confirm(&self) {
        wait_for("the question", || self.post("/alert/accept", &json!({})).ok());
    }

    /// Replaces what stands in the field with this label.
    #[track_caller]
    pub(crate) fn fill(&self, label: &str, text: &str) {
        let field = field(label);
        self.does(&field, "clear", &json!({}));
        self.does(&field, "value", &json!({"text": text}));
    }

    /// Chooses from the list with this label.
    #[track_caller]
    pub(crate) fn choose(&self, label: &str, option: &str) {
        let list = format!("//label[contains(normalize-space(.), '{label}')]//select");
        self.does(&format!("{list}/option[contains(., '{option}')]"), "click", &json!({}));
    }

    /// Types on the keyboard, wherever the focus is.
    #[track_caller]
    pub(crate) fn types(&self, keys: &str) {
        let strokes =
            |key: char| [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})];
        let strokes: Vec<Json> = keys.chars().flat_map(strokes).collect();
        self.post("/actions", &json!({"actions": [{"type": "key", "id": "keys", "actions": strokes}]}))
            .unwrap();
    }

    /// What has been downloaded, as text, whole.
    pub(crate) fn downloads(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.home.path().join("downloads")).into_iter().flatten().flatten();
        let whole = files.filter(|it| it.path().extension().is_some_and(|end| end == "log"));
        whole.filter_map(|it| Some(std::fs::read_to_string(it.path()).ok()?.trim_end().to_owned())).collect()
    }

    /// The words that the page shows.
    pub(crate) fn text(&self) -> String {
        let bodies = self.all("//body");
        let text = bodies.first().and_then(|body| self.get(&format!("/element/{body}/text")).ok());
        text.as_ref().and_then(Json::as_str).unwrap_or_default().to_owned()
    }

    /// Waits until the page shows these words.
    #[track_caller]
    pub(crate) fn shows(&self, words: &str) {
        let begin = std::time::Instant::now();
        loop {
            let text = self.text();
            if text.contains(words) {
                return;
            }
            assert!(begin.elapsed() < PATIENCE, "{} does not show `{words}`: {text}", self.path());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Shows the page as this medium does.
    pub(crate) fn emulates(&self, medium: &str) {
        self.devtools("Emulation.setEmulatedMedia", &json!({"media": medium}));
    }

    /// Tells Chromium what `WebDriver` has no word for.
    pub(crate) fn devtools(&self, command: &str, params: &Json) -> Json {
        self.post("/goog/cdp/execute", &json!({"cmd": command, "params": params})).unwrap()
    }

    /// From now on paths are those of the site at this address.
    pub(crate) fn turns_to(&mut self, site: &str) {
        self.site = format!("http://{site}");
    }

    /// Waits until a script, as an expression, is true of the page.
    #[track_caller]
    pub(crate) fn holds(&self, expression: &str) {
        wait_for(&format!("`{expression}` on {}", self.path()), || {
            (self.script(&format!("return Boolean({expression})")) == true).then_some(())
        });
    }

    /// Errors and warnings of the console since they were last asked for, reports of the content policy included.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let entries = self.post("/se/log", &json!({"type": "browser"})).unwrap();
        let bad = |entry: &&Json| !matches!(entry["level"].as_str(), Some("INFO" | "DEBUG"));
        entries.as_array().into_iter().flatten().filter(bad).map(|it| it["message"].to_string()).collect()
    }

    /// The console is clean.
    #[track_caller]
    pub(crate) fn is_calm(&self) {
        let complaints = self.complaints();
        assert!(complaints.is_empty(), "{}: {complaints:#?}", self.path());
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Without its session chromedriver would leave Chromium behind.
        let _ = self.agent.delete(&self.base).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// Longest wait for anything on a page; a machine with other work to do is slow.
const PATIENCE: Duration = Duration::from_secs(40);

/// Buttons and links with just these words; if there are none, those that begin with them.
fn pressable(inside: &str, words: &str) -> String {
    let things = format!("{inside}//*[self::button or self::a or self::summary]");
    let exact = format!("{things}[normalize-space(.)='{words}']");
    format!("{exact} | {things}[starts-with(normalize-space(.), '{words}')][not({exact})]")
}

fn field(label: &str) -> String {
    let label = format!("//label[contains(normalize-space(.), '{label}')]");
    format!("{label}//*[self::input or self::textarea or self::select] | //*[@id={label}/@for]")
}

/// The bytes behind their base64.
fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |byte: &u8| DIGITS.iter().position(|it| it == byte).unwrap();
    let text = text.trim_end_matches('=').as_bytes();
    let decode = |four: &[u8]| {
        let bits = four.iter().fold(0, |bits, byte| bits << 6 | digit(byte)) << (6 * (4 - four.len()));
        [bits >> 16, bits >> 8, bits]
            .map(|it| u8::try_from(it & 255).unwrap())
            .into_iter()
            .take(four.len() - 1)
    };
    text.chunks(4).flat_map(decode).collect()
}

fn read(body: &mut ureq::Body) -> Result<Json, String> {
    let text = body.read_to_string().map_err(|fault| fault.to_string())?;
    let answer: Json = serde_json::from_str(&text).map_err(|fault| format!("{fault}: {text}"))?;
    match answer["value"]["error"].as_str() {
        Some(error) => Err(format!("{error}: {}", answer["value"]["message"].as_str().unwrap_or_default())),
        None => Ok(answer["value"].clone()),
    }
}
