//! One program, run to its end: the hooks that are programs. Attempts go by the `Executor`.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use nightrun_core::decide::signal_name;
use nightrun_core::time::show_duration;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::files;
use super::local::{look_up, open_log};

/// From TERM to KILL.
const GRACE: Duration = Duration::from_secs(5);

/// All that is needed to run one program.
#[derive(Debug)]
pub(crate) struct Once {
    /// The program and its arguments; never empty.
    pub(crate) argv: Vec<String>,
    /// The whole environment of the process.
    pub(crate) env: Vec<(String, String)>,
    /// Where the process starts.
    pub(crate) working_dir: PathBuf,
    /// Where its stdout and stderr go.
    pub(crate) log: PathBuf,
    /// What it reads on its standard input.
    pub(crate) stdin: Option<String>,
    /// Longest it may take.
    pub(crate) timeout: Duration,
}

/// Runs it; an error says in one sentence why it did not end well. What remains of its process group is
/// killed, also when nobody waits for it any more.
pub(crate) async fn run_once(order: Once) -> Result<(), String> {
    let (program, arguments) = order.argv.split_first().ok_or("there is no program to run")?;
    let path = look_up(program, &order.env)?;
    let log = open_log(&order.log)?;
    let errors = log.try_clone().map_err(|fault| format!("{}: {fault}", order.log.display()))?;
    let mut child = Command::new(&path)
        .arg0(program)
        .args(arguments)
        .env_clear()
        .envs(order.env.iter().map(|(name, value)| (name, value)))
        .current_dir(&order.working_dir)
        .process_group(0)
        .stdin(if order.stdin.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(log)
        .stderr(errors)
        .spawn()
        .map_err(|fault| format!("{program} cannot be started: {fault}"))?;
    let group = Group(child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)));
    group.0.inspect(|&leader| files::give_back(leader));
    if let (Some(mut pipe), Some(text)) = (child.stdin.take(), order.stdin) {
        // A program that does not read it to its end is free to.
        tokio::spawn(async move { pipe.write_all(text.as_bytes()).await });
    }
    if let Ok(status) = timeout(order.timeout, child.wait()).await {
        return verdict(status.map_err(|fault| format!("{program}: {fault}"))?, &order.log);
    }
    end(&mut child, &group).await;
    Err(format!("timed out after {}", show_duration(order.timeout)))
}

async fn end(child: &mut Child, group: &Group) {
    group.signal(Signal::TERM);
    if timeout(GRACE, child.wait()).await.is_err() {
        group.signal(Signal::KILL);
        let _ = child.wait().await;
    }
}

fn verdict(status: std::process::ExitStatus, log: &std::path::Path) -> Result<(), String> {
    use std::os::unix::process::ExitStatusExt;
    let what = match (status.code(), status.signal()) {
        (Some(0), _) => return Ok(()),
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(number)) => format!("killed by signal {number} ({})", signal_name(number)),
        (None, None) => "its end is unknown".to_owned(),
    };
    let said =
        crate::logs::tail(log, 1).map(|text| crate::logs::plain(&text).into_owned()).unwrap_or_default();
    Err(match said.trim() {
        "" => what,
        line => format!("{what}: {}", line.chars().take(200).collect::<String>()),
    })
}

/// The process group of the program; killed when it is dropped.
struct Group(Option<Pid>);

impl Group {
    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.0 {
            // It may be dead already, which is what was asked for.
            let _ = kill_process_group(pid, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}
