//! The harness: a town is a folder with `dags/` and a data folder, in which `nightrun` is called as a
//! user would call it. Nothing here sleeps for luck: what takes time is waited for with a deadline.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use regex::Regex;
use serde_json::Value as Json;
use tempfile::TempDir;

/// Longest wait for anything; a machine with other work to do is slow.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// The folder of the sources.
pub(crate) fn sources() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Waits until `look` finds something.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begin.elapsed() < PATIENCE, "waited in vain for {what}");
        thread::sleep(LOOK);
    }
}

/// A place of its own for one test.
pub(crate) struct Town {
    root: TempDir,
}

impl Town {
    pub(crate) fn new() -> Self {
        let root = tempfile::Builder::new().prefix("nightrun-town-").tempdir().unwrap();
        fs::create_dir(root.path().join("dags")).unwrap();
        fs::create_dir(root.path().join("tmp")).unwrap();
        Self { root }
    }

    /// A town with one DAG file.
    pub(crate) fn with(name: &str, text: &str) -> Self {
        let town = Self::new();
        town.write(&format!("dags/{name}.yaml"), text);
        town
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// Writes a file in one step, as editors do, and the folder for it.
    pub(crate) fn write(&self, path: &str, text: &str) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        let new = self.path("tmp/being-written");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.path(path)).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    /// `nightrun` with these arguments, in this town.
    pub(crate) fn command(&self, args: &str) -> Command {
        let mut command = self.program(env!("CARGO_BIN_EXE_nightrun"));
        command.args(args.split_whitespace());
        command
    }

    /// A program in this town, for which `nightrun` is in the path, and little else is said.
    fn program(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let binary = Path::new(env!("CARGO_BIN_EXE_nightrun")).parent().unwrap();
        command
            .current_dir(self.root.path())
            .env_clear()
            .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", binary.display()))
            .env("HOME", self.root.path())
            .env("USER", "tess")
            .env("TMPDIR", self.path("tmp"))
            .stdin(Stdio::null());
        command
    }

    /// Calls `nightrun` and waits for its end. Arguments are split at spaces.
    pub(crate) fn nightrun(&self, args: &str) -> Said {
        Said::by(self.command(args).output().unwrap())
    }

    /// Types a line into a shell; both outputs come as one.
    pub(crate) fn types(&self, line: &str) -> Said {
        Said::by(self.program("bash").args(["-c", &format!("({line}) 2>&1")]).output().unwrap())
    }

    /// Calls `nightrun`, which must go well.
    #[track_caller]
    pub(crate) fn does(&self, args: &str) {
        let said = self.nightrun(args);
        assert_eq!(said.code, 0, "{said:?}");
    }

    /// Calls `nightrun` with something on its standard input.
    pub(crate) fn nightrun_reading(&self, args: &str, input: &str) -> Said {
        let mut command = self.command(args);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        Said::by(child.wait_with_output().unwrap())
    }

    /// Runs the DAG file of this name to its end and gives back the run.
    pub(crate) fn run(&self, name: &str) -> Json {
        let said = self.nightrun(&format!("run dags/{name}.yaml --json"));
        assert!(said.code < 2, "{}", said.err);
        said.json()
    }

    /// All runs that the store holds, oldest first.
    pub(crate) fn runs(&self) -> Vec<Json> {
        let said = self.nightrun("runs --all --json");
        let mut runs: Vec<Json> = said.json().as_array().unwrap().clone();
        runs.sort_by_key(|run| run["run_id"].as_str().map(|id| id.parse::<u64>().unwrap()));
        runs
    }

    /// Waits until a run is in this state.
    pub(crate) fn wait_for_run(&self, run: &str, state: &str) -> Json {
        wait_for(&format!("run {run} to be {state}"), || {
            let shown = self.nightrun(&format!("runs show {run} --json"));
            (shown.code == 0).then(|| shown.json()).filter(|it| it["state"] == state)
        })
    }

    /// Starts a server on this town.
    pub(crate) fn serve(&self) -> Server {
        self.serve_with("")
    }

    /// Starts a server that other machines can reach.
    pub(crate) fn serve_all(&self) -> Server {
        Server::start(self.command("serve --listen 0.0.0.0:0"))
    }

    /// Starts a server from a shell in which this was said before.
    pub(crate) fn serve_after(&self, line: &str) -> Server {
        let mut shell = self.program("bash");
        shell.args(["-c", &format!("{line}; exec nightrun serve --listen 127.0.0.1:0")]);
        Server::start(shell)
    }

    /// Starts a server with more arguments.
    pub(crate) fn serve_with(&self, args: &str) -> Server {
        Server::start(self.command(&format!("serve --listen 127.0.0.1:0 {args}")))
    }
}

/// What a call ended with.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn by(output: std::process::Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.out).unwrap_or_else(|fault| panic!("{fault}: {self:?}"))
    }

    /// The call went well and printed this, times and numbers aside.
    #[track_caller]
    pub(crate) fn prints(&self, expected: &str) {
        assert_eq!(self.code, 0, "{self:?}");
        same(&self.out, expected);
    }

    /// The call failed with this code and said this on standard error.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, expected: &str) {
        assert_eq!(self.code, code, "{self:?}");
        same(&self.err, expected);
    }
}

/// Compares whole outputs, with what differs from call to call replaced by placeholders.
#[track_caller]
pub(crate) fn same(actual: &str, expected: &str) {
    let (actual, expected) = (masked(actual), masked(expected));
    assert!(actual == expected, "printed:\n{actual}\nexpected:\n{expected}");
}

/// Times as `TIME`, lengths of time as `TOOK`, columns two spaces apart, no space at line ends.
pub(crate) fn masked(text: &str) -> String {
    static MASKS: LazyLock<[(Regex, &str); 4]> = LazyLock::new(|| {
        let mask = |pattern, name| (Regex::new(pattern).unwrap(), name);
        [
            mask(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?", "TIME"),
            mask(r"(^|[\s`])(<1ms|\d+(\.\d+)?(ms|s|m|h|d)(\d+(s|m|h))?)\b", "${1}TOOK"),
            mask(r"[^\S\n]{2,}", "  "),
            mask(r"(?m)[^\S\n]+$", ""),
        ]
    });
    let text =
        MASKS.iter().fold(text.to_owned(), |text, (mask, name)| mask.replace_all(&text, *name).into_owned());
    text.trim_end().to_owned()
}

/// A server that runs until it is dropped.
pub(crate) struct Server {
    child: Child,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let reader = keep(child.stderr.take().unwrap(), log.clone());
        let mut server = Self { child, log, reader: Some(reader) };
        wait_for("the server", || {
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none(), "the server ended at once: {}", server.log());
            server.log().contains("schedules are armed").then_some(())
        });
        server
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> String {
        let log = self.log();
        let (_, rest) = log.split_once("http://").unwrap();
        rest.split_whitespace().next().unwrap().to_owned()
    }

    /// What it answers to `GET path`.
    pub(crate) fn get(&self, path: &str) -> Json {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address());
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap_or_else(|fault| panic!("{fault}: {answer}"))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it in order, and waits; its exit code.
    pub(crate) fn stop(mut self) -> i32 {
        signal(self.pid(), "TERM");
        let status = wait_for("the server's end", || self.child.try_wait().unwrap());
        status.code().unwrap_or(-1)
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.reader.take().map(JoinHandle::join);
    }
}

fn keep(stderr: ChildStderr, log: Arc<Mutex<String>>) -> JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            log.lock().unwrap().push_str(&(line + "\n"));
        }
    })
}

/// Sends a signal to a process.
pub(crate) fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().unwrap();
    assert!(status.success(), "there is no process {pid}");
}

/// True while a process runs (one that is dead but not yet reaped does not).
pub(crate) fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
}

/// The task of a run by its id.
#[track_caller]
pub(crate) fn task<'a>(run: &'a Json, id: &str) -> &'a Json {
    run["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|task| task["id"] == id)
        .unwrap_or_else(|| panic!("{id}: {run}"))
}

/// The state of each task, in the order of the file: `extract success, load failed`.
pub(crate) fn states(run: &Json) -> String {
    let text = |value: &Json| value.as_str().unwrap().to_owned();
    let tasks = run["tasks"].as_array().unwrap().iter();
    tasks.map(|task| text(&task["id"]) + " " + &text(&task["state"])).collect::<Vec<_>>().join(", ")
}
