//! Server time of the pages on a store with a long past: `cargo bench --bench pages`. Each page is asked for
//! many times over one connection of a real server, beside `/health`, which reads no store: that is the floor.
//! `-- --smoke` takes a small past; `-- --keep FOLDER` leaves the store there to look at.

mod past;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use past::Size;

/// The program under measurement.
const NIGHTRUN: &str = env!("CARGO_BIN_EXE_nightrun");

const FULL: Size = Size { dags: 200, tasks: 50, runs: 100 };
const SMALL: Size = Size { dags: 10, tasks: 20, runs: 10 };

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let smoke = args.iter().any(|arg| arg == "--smoke");
    let kept = args.iter().position(|arg| arg == "--keep").and_then(|at| args.get(at + 1)).map(PathBuf::from);
    let size = if smoke { SMALL } else { FULL };
    let asks = if smoke { 20 } else { 300 };
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let folder = kept.as_deref().unwrap_or(scratch.path());
    let (dags, data) = (folder.join("dags"), folder.join("data"));
    let begun = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(past::write(&dags, &data.join("nightrun.db"), size));
    eprintln!("{} task instances in {:.1} s", size.instances(), begun.elapsed().as_secs_f64());
    let server = Server::start(&dags, &data);
    let floor = server.times("/health", asks);
    println!("{:<40} {:>9} {:>9} {:>8} {:>8}", "page", "median", "p99", "bytes", "ratio");
    let rows: Vec<Json> = paths(size).iter().map(|path| row(&server, path, asks, &floor)).collect();
    println!("{}", json!(rows));
}

/// What is asked for: the pages that grow with the past, and the API behind them.
fn paths(size: Size) -> Vec<String> {
    let last = size.dags * size.runs;
    let mut paths: Vec<String> = [
        "/health",
        "/",
        "/dags",
        "/dags?q=dag0001",
        "/runs",
        "/runs?state=failed",
        "/runs?dag=dag0001",
        "/tasks",
        "/tasks?state=failed",
        "/tasks?state=failed,upstream_failed&dag=dag0001",
        "/tasks?state=failed&task=nobody",
        "/tasks?task=nobody",
        "/tasks?dag=dag0001&task=t7",
        "/dags/dag0001",
        "/dags/dag0001/tasks/t7",
        "/dags/dag0001/graph",
        "/dags/dag0001/schedule",
        "/faults",
        "/api/v1/dags",
        "/api/v1/runs",
        "/api/v1/tasks",
        "/api/v1/dags/dag0001/tasks/t7/history",
    ]
    .map(str::to_owned)
    .into();
    paths.extend([format!("/runs/{last}"), format!("/runs/{}", last / 2), format!("/api/v1/runs/{last}")]);
    paths
}

fn row(server: &Server, path: &str, asks: usize, floor: &[Duration]) -> Json {
    let times = server.times(path, asks);
    let weight = server.ask(path).len();
    let part = |times: &[Duration], percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    let (median, p99) = (part(&times, 50), part(&times, 99));
    let ratio = median.as_secs_f64() / part(floor, 50).as_secs_f64();
    let millis = |length: Duration| format!("{:.2} ms", length.as_secs_f64() * 1e3);
    println!("{path:<40} {:>9} {:>9} {weight:>8} {ratio:>8.1}", millis(median), millis(p99));
    json!({ "page": path, "median": millis(median), "p99": millis(p99), "bytes": weight, "ratio": ratio })
}

struct Server {
    process: Child,
    agent: ureq::Agent,
    address: String,
}

impl Server {
    fn start(dags: &Path, data: &Path) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port");
        let address = format!("127.0.0.1:{}", port.port());
        let process = Command::new(NIGHTRUN)
            .args(["serve", "--listen", &address, "--dags"])
            .arg(dags)
            .arg("--data")
            .arg(data)
            .stderr(Stdio::null())
            .spawn()
            .expect("nightrun serves");
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        let server = Self { process, agent: config.into(), address };
        while server.agent.get(server.url("/health")).call().is_err() {
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn ask(&self, path: &str) -> Vec<u8> {
        let mut answer = self.agent.get(self.url(path)).call().expect("an answer");
        assert!(
            answer.status().is_success() || answer.status().is_redirection(),
            "{path}: {}",
            answer.status()
        );
        answer.body_mut().read_to_vec().expect("a body")
    }

    /// How long each answer takes, the shortest first; the first ones warm it up.
    fn times(&self, path: &str, asks: usize) -> Vec<Duration> {
        (0..3).for_each(|_| drop(self.ask(path)));
        let time = |_| {
            let begun = Instant::now();
            self.ask(path);
            begun.elapsed()
        };
        let mut times: Vec<Duration> = (0..asks).map(time).collect();
        times.sort_unstable();
        times
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
