//! Real processes, real signals. Whatever is waited for is a word or a condition, never a length of time.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use nightrun_core::id::{InstanceId, RunId, TaskIndex};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(30);

struct House {
    local: Local,
    heard: UnboundedReceiver<(AttemptId, Timestamp, Word)>,
    folder: TempDir,
}

impl House {
    fn new() -> Self {
        let (words, heard) = unbounded_channel();
        let ticks = AtomicI64::new(0);
        let now = move || Timestamp::from_nanos(ticks.fetch_add(1, Ordering::Relaxed));
        Self { local: Local::new(words, Arc::new(now)).unwrap(), heard, folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn order(&self, task: u32, argv: &[&str]) -> AttemptOrder {
        let attempt = attempt(task);
        let marker = format!("{}/{attempt}", self.folder.path().display());
        AttemptOrder {
            attempt,
            argv: argv.iter().map(|&argument| argument.to_owned()).collect(),
            env: vec![("PATH".into(), "/usr/bin:/bin".into()), ("NIGHTRUN_ATTEMPT".into(), marker)],
            working_dir: self.folder.path().to_owned(),
            log: self.path(&format!("{task}.log")),
            stdout: None,
        }
    }

    fn sh(&self, task: u32, script: &str) {
        self.local.launch(self.order(task, &["sh", "-c", script]));
    }

    fn log(&self, task: u32) -> String {
        fs::read_to_string(self.path(&format!("{task}.log"))).unwrap_or_default()
    }

    async fn word(&mut self) -> (AttemptId, Timestamp, Word) {
        tokio::time::timeout(PATIENCE, self.heard.recv()).await.expect("a word in time").expect("an executor")
    }

    async fn started(&mut self) -> u32 {
        match self.word().await.2 {
            Word::Started { pid } => pid,
            Word::Ended(ended, _) => panic!("{ended:?} instead of a start"),
        }
    }

    /// The next end; passes over starts.
    async fn ended(&mut self) -> Ended {
        loop {
            if let Word::Ended(ended, _) = self.word().await.2 {
                return ended;
            }
        }
    }

    async fn why_not(&mut self, order: AttemptOrder) -> String {
        self.local.launch(order);
        match self.word().await.2 {
            Word::Ended(Ended::NotStarted(why), _) => why,
            word => panic!("{word:?} instead of a reason"),
        }
    }

    /// Drops the executor; returns what it had still to say.
    async fn closed(self) -> Vec<(AttemptId, Timestamp, Word)> {
        let Self { local, mut heard, .. } = self;
        drop(local);
        let mut rest = Vec::new();
        while let Some(word) = tokio::time::timeout(PATIENCE, heard.recv()).await.expect("threads end") {
            rest.push(word);
        }
        rest
    }

    /// Waits until the log has this line.
    fn until_log(&self, task: u32, line: &str) {
        until(line, || self.log(task).lines().any(|it| it == line));
    }

    /// The number after `name=` in the log, once it is there.
    fn number(&self, task: u32, name: &str) -> u32 {
        let find = || {
            let log = self.log(task);
            let line = log.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
            line.parse().ok()
        };
        until(name, || find().is_some());
        find().unwrap()
    }
}

fn attempt(task: u32) -> AttemptId {
    AttemptId { instance: InstanceId { run: RunId(1), task: TaskIndex(task), item: 0 }, number: 1 }
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// It exists and is no zombie: in a container nobody may reap orphans.
fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
}

fn kill(pid: u32) {
    kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), Signal::KILL).unwrap();
}

#[tokio::test]
async fn codes_and_signals_are_told_apart() {
    let mut house = House::new();
    for (script, ended) in [
        ("exit 0", Ended::Exited(0)),
        ("exit 7", Ended::Exited(7)),
        ("kill -TERM $$", Ended::Signaled(15)),
        ("kill -KILL $$", Ended::Signaled(9)),
        ("exit 143", Ended::Exited(143)),
    ] {
        house.sh(1, script);
        assert_eq!(house.ended().await, ended, "{script}");
    }
}

#[tokio::test]
async fn what_an_attempt_used_is_measured_with_what_it_waited_for() {
    let mut house = House::new();
    // A child of the shell, which counts for the shell: 300 MB, each page of it written to.
    house.sh(1, "head -c 300000000 /dev/zero | tail -c 300000000 >/dev/null; true");
    house.started().await;
    let (_, _, word) = house.word().await;
    let Word::Ended(Ended::Exited(0), used) = word else { panic!("{word:?}") };
    assert!(used.cpu_us.unwrap() > 1_000, "{used:?}");
    assert!((300_000_000..1_000_000_000).contains(&used.peak_bytes.unwrap()), "{used:?}");

    house.sh(2, "true");
    house.started().await;
    let (_, _, word) = house.word().await;
    let Word::Ended(Ended::Exited(0), used) = word else { panic!("{word:?}") };
    assert_eq!(used.peak_bytes, None, "less than this process has, which hides it");
}

#[tokio::test]
async fn it_says_started_then_ended_and_then_nothing() {
    let mut house = House::new();
    house.sh(1, "echo pid=$$");
    let (who, started_at, word) = house.word().await;
    let Word::Started { pid } = word else { panic!("{word:?}") };
    let (_, ended_at, word) = house.word().await;
    assert_eq!(who, attempt(1));
    assert!(matches!(word, Word::Ended(Ended::Exited(0), _)), "{word:?}");
    assert!(started_at < ended_at);
    assert_eq!(house.number(1, "pid"), pid);
    assert_eq!(house.closed().await, []);
}

#[tokio::test]
async fn each_attempt_leads_its_own_group_with_no_input_and_only_its_own_environment() {
    let mut house = House::new();
    house.sh(
        1,
        "cat; echo pid=$$; echo group=$(cut -d' ' -f5 /proc/$$/stat); pwd; env | sort; ls -l /proc/self/fd | grep anon_inode; exit 0",
    );
    assert_eq!(house.ended().await, Ended::Exited(0));
    assert_eq!(house.number(1, "pid"), house.number(1, "group"));
    let folder = house.folder.path().canonicalize().unwrap();
    let log = house.log(1);
    let rest: Vec<&str> = log.lines().skip(2).collect();
    let marker = format!("NIGHTRUN_ATTEMPT={}/1.1.0.1", house.folder.path().display());
    let pwd = format!("PWD={}", folder.display());
    // No epoll, eventfd or pidfd of ours follows.
    assert_eq!(rest, [folder.to_str().unwrap(), &marker, "PATH=/usr/bin:/bin", &pwd]);
}

#[tokio::test]
async fn all_output_is_in_the_log_in_order() {
    let mut house = House::new();
    house.sh(1, "seq 1 50000; seq 50001 100000 >&2; echo end");
    assert_eq!(house.ended().await, Ended::Exited(0));
    let expected: String = (1..=100_000).map(|n| format!("{n}\n")).chain(["end\n".into()]).collect();
    assert!(house.log(1) == expected, "lines are lost or out of order");
}

#[tokio::test]
async fn a_log_is_appended_to_and_captured_output_goes_elsewhere() {
    let mut house = House::new();
    fs::write(house.path("1.log"), "before\n").unwrap();
    let mut order = house.order(1, &["sh", "-c", "echo out; echo err >&2"]);
    order.stdout = Some(house.path("1.out"));
    house.local.launch(order);
    assert_eq!(house.ended().await, Ended::Exited(0));
    assert_eq!(house.log(1), "before\nerr\n");
    assert_eq!(fs::read_to_string(house.path("1.out")).unwrap(), "out\n");
    assert_eq!(fs::metadata(house.path("1.out")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn what_a_leader_leaves_in_its_group_is_dead_when_it_ends() {
    let mut house = House::new();
    house.sh(1, "sleep 1000 & echo child=$!; sh -c 'sleep 1000 & echo grandchild=$!'; exit 3");
    assert_eq!(house.ended().await, Ended::Exited(3));
    assert!(!is_alive(house.number(1, "child")));
    assert!(!is_alive(house.number(1, "grandchild")));
}

#[tokio::test]
async fn a_daemon_outlives_an_attempt_that_ends_by_itself() {
    let mut house = House::new();
    house.sh(1, "setsid sh -c 'echo daemon=$$; exec sleep 1000' & while ! grep -q daemon 1.log; do :; done");
    assert_eq!(house.ended().await, Ended::Exited(0));
    let daemon = house.number(1, "daemon");
    assert!(is_alive(daemon));
    kill(daemon);
}

#[tokio::test]
async fn a_stop_reaches_daemons_too() {
    for force in [Force::Term, Force::Kill] {
        let mut house = House::new();
        house.sh(1, "setsid sh -c 'echo daemon=$$; exec sleep 1000' & exec sleep 1000");
        let daemon = house.number(1, "daemon");
        house.local.stop(attempt(1), force);
        assert_eq!(house.ended().await, Ended::Signaled(signal_of(force).as_raw()));
        assert!(!is_alive(daemon), "{force:?}");
    }
}

#[tokio::test]
async fn who_ignores_term_is_killed() {
    let mut house = House::new();
    house.sh(1, "trap 'echo heard' TERM; echo ready; while :; do sleep 0.01; done");
    house.until_log(1, "ready");
    house.local.stop(attempt(1), Force::Term);
    house.until_log(1, "heard");
    house.local.stop(attempt(1), Force::Kill);
    assert_eq!(house.ended().await, Ended::Signaled(9));
}

/// A leader that dies of SIGTERM, as shells do, while its child takes time to clean up.
const CLEANER: &str =
    "sh -c 'trap \"echo heard; while ! [ -e go ]; do sleep 0.01; done; echo cleaned; exit\" TERM
    echo cleaner=$$; while :; do sleep 0.01; done' & wait";

#[tokio::test]
async fn after_term_the_rest_of_the_group_may_clean_up() {
    let mut house = House::new();
    house.sh(1, CLEANER);
    let leader = house.started().await;
    house.number(1, "cleaner");
    house.local.stop(attempt(1), Force::Term);
    house.until_log(1, "heard");
    until("the leader is gone", || !is_alive(leader));
    fs::write(house.path("go"), "").unwrap();
    assert_eq!(house.ended().await, Ended::Signaled(15));
    assert!(house.log(1).ends_with("heard\ncleaned\n"));
}

#[tokio::test]
async fn who_takes_too_long_to_clean_up_is_killed() {
    let mut house = House::new();
    house.sh(1, CLEANER);
    let leader = house.started().await;
    let cleaner = house.number(1, "cleaner");
    house.local.stop(attempt(1), Force::Term);
    house.until_log(1, "heard");
    until("the leader is gone", || !is_alive(leader));
    house.local.stop(attempt(1), Force::Kill);
    assert_eq!(house.ended().await, Ended::Signaled(15));
    assert!(!is_alive(cleaner));
}

#[tokio::test]
async fn a_success_that_races_a_stop_is_one_end() {
    let mut house = House::new();
    for task in 0..50 {
        house.sh(task, "exit 0");
        house.started().await;
        house.local.stop(attempt(task), Force::Term);
        house.local.stop(attempt(task), Force::Kill);
        let (who, _, word) = house.word().await;
        assert_eq!(who, attempt(task));
        assert!(matches!(word, Word::Ended(Ended::Exited(0) | Ended::Signaled(15 | 9), _)), "{word:?}");
    }
    assert_eq!(house.closed().await, []);
}

#[tokio::test]
async fn a_stop_during_the_launch_is_not_lost() {
    let mut house = House::new();
    for task in 0..200 {
        house.local.launch(house.order(task, &["sleep", "1000"]));
        house.local.stop(attempt(task), if task % 2 == 0 { Force::Kill } else { Force::Term });
    }
    let mut ends = HashMap::new();
    while ends.len() < 200 {
        if let (who, _, Word::Ended(ended, _)) = house.word().await {
            assert!(matches!(ended, Ended::NotStarted(_) | Ended::Signaled(9 | 15)), "{ended:?}");
            assert_eq!(ends.insert(who, ended), None);
        }
    }
    assert_eq!(house.closed().await, []);
}

#[tokio::test]
async fn five_hundred_live_at_once_on_one_descriptor_each() {
    const MANY: u32 = 500;
    let mut house = House::new();
    for task in 0..MANY {
        house.local.launch(house.order(task, &["sleep", "1000"]));
    }
    for _ in 0..MANY {
        house.started().await;
    }
    let open = fs::read_dir("/proc/self/fd").unwrap().count();
    assert!(open < 2 * MANY as usize, "{open} descriptors");
    for task in 0..MANY {
        house.local.stop(attempt(task), Force::Kill);
    }
    let mut ended = HashSet::new();
    for _ in 0..MANY {
        let (who, _, word) = house.word().await;
        assert!(matches!(word, Word::Ended(Ended::Signaled(9), _)), "{word:?}");
        assert!(ended.insert(who));
    }
    assert_eq!(house.closed().await, []);
}

#[tokio::test]
async fn an_attempt_is_not_started_twice_and_a_stranger_is_not_stopped() {
    let mut house = House::new();
    house.local.stop(attempt(9), Force::Kill);
    house.local.launch(house.order(1, &["sleep", "1000"]));
    house.local.launch(house.order(1, &["sleep", "1000"]));
    house.started().await;
    house.local.stop(attempt(1), Force::Kill);
    assert_eq!(house.ended().await, Ended::Signaled(9));
    assert_eq!(house.closed().await, []);
}

#[tokio::test]
async fn a_dropped_executor_leaves_processes_alone() {
    let mut house = House::new();
    house.local.launch(house.order(1, &["sleep", "1000"]));
    let pid = house.started().await;
    assert_eq!(house.closed().await, []);
    assert!(is_alive(pid));
    kill(pid);
}

#[tokio::test]
async fn programs_are_found_by_path_or_beside_the_working_directory() {
    let mut house = House::new();
    program(&house.path("own"), "#!/bin/sh\necho $0 $1");
    house.local.launch(house.order(1, &["./own", "x"]));
    assert_eq!(house.ended().await, Ended::Exited(0));
    let mut order = house.order(1, &["own", "y"]);
    order.env[0].1 = format!(":relative:/none:{}", house.folder.path().display());
    house.local.launch(order);
    assert_eq!(house.ended().await, Ended::Exited(0));
    assert_eq!(house.log(1), format!("./own x\n{} y\n", house.path("own").display()));
}

/// Makes a program. Another process writes it: a descriptor of ours might live on for a moment in a
/// process that another test is just spawning, and the system runs no file that is open for writing.
fn program(path: &Path, text: &str) {
    let script = "printf %s \"$1\" > \"$2\" && chmod 755 \"$2\"";
    let status = Command::new("/bin/sh").args(["-c", script, "sh", text]).arg(path).status().unwrap();
    assert!(status.success());
}

#[tokio::test]
async fn what_cannot_start_says_what_where_and_what_helps() {
    let mut house = House::new();
    let folder = house.folder.path().display().to_string();
    program(&house.path("lost"), "#!/no/such/interpreter\n");
    program(&house.path("junk"), "\x7fELF junk");
    fs::write(house.path("flat"), "").unwrap();

    let cases: [(&[&str], &str); 8] = [
        (&[], "the order names no program"),
        (
            &["nosuch"],
            "cannot start `nosuch`: no such program in PATH (/usr/bin:/bin); install it, correct its name, or give its full path",
        ),
        (
            &["/no/such", "x"],
            "cannot start `/no/such` in `DIR`: no such file or directory; correct its path; a relative one begins at the working directory",
        ),
        (
            &["./flat"],
            "cannot start `./flat` in `DIR`: permission denied; make it executable (`chmod +x ./flat`), and its directories accessible",
        ),
        (
            &["./lost"],
            "cannot start `./lost` in `DIR`: no such file or directory; the interpreter that its first line names does not exist",
        ),
        (
            &["./junk"],
            "cannot start `./junk` in `DIR`: exec format error; it is no program for this machine; a script needs a first line like `#!/bin/sh`",
        ),
        (
            &["true", "a\0b"],
            "cannot start `true` in `DIR`: nul byte found in provided data; its arguments and environment must not contain NUL bytes",
        ),
        (
            &["true", &"x".repeat(200_000)],
            "cannot start `true` in `DIR`: argument list too long; its arguments and environment are BYTES bytes (one may have 128 KiB); pass large values in files",
        ),
    ];
    for (argv, expected) in cases {
        let order = house.order(1, argv);
        let bytes: usize = order.argv.iter().map(|it| it.len() + 1).sum::<usize>()
            + order.env.iter().map(|(name, value)| name.len() + value.len() + 2).sum::<usize>();
        let expected = expected.replace("DIR", &folder).replace("BYTES", &bytes.to_string());
        assert_eq!(house.why_not(order).await, expected);
    }
}

#[tokio::test]
async fn a_missing_folder_is_not_a_missing_program() {
    let mut house = House::new();
    let mut order = house.order(1, &["true"]);
    order.working_dir = "/no/such/folder".into();
    assert_eq!(
        house.why_not(order.clone()).await,
        "cannot start `true` in `/no/such/folder`: no such directory; create the directory or correct `working_dir`"
    );
    order.working_dir = "/dev/null".into();
    assert_eq!(
        house.why_not(order.clone()).await,
        "cannot start `true` in `/dev/null`: it is no directory; create the directory or correct `working_dir`"
    );
    order.working_dir = "/".into();
    order.log = "/no/such/log".into();
    assert_eq!(
        house.why_not(order).await,
        "cannot open `/no/such/log` for its output: no such file or directory; the scheduler must be able to write there"
    );
}

#[tokio::test]
async fn an_output_file_is_not_opened_through_a_link() {
    let mut house = House::new();
    std::os::unix::fs::symlink(house.path("elsewhere"), house.path("1.log")).unwrap();
    let order = house.order(1, &["true"]);
    assert!(house.why_not(order).await.contains("too many levels of symbolic links"));
    assert!(!house.path("elsewhere").exists());
}
