//! `nightrun serve`: the scheduler, the pages and the API.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;

use nightrun_engine::run::{Folder, Handle};
use nightrun_engine::store::Reader;
use nightrun_web::App;
use tokio::net::{TcpListener, UnixListener};

use crate::cli::Serve;
use crate::client::SOCKET;
use crate::config::{Config, Given};
use crate::failure::{Failure, OrFail, Verdict};
use crate::{say, wire};

pub(crate) fn serve(args: Serve) -> Verdict {
    let given = Given { dags: args.dags.dags, data: args.data.data, listen: args.listen, slots: args.slots };
    let config = Config::load(given)?;
    if !config.listen.ip().is_loopback() {
        let help = "anyone who reaches it could run commands; put a proxy with a login before 127.0.0.1";
        return Err(Failure::usage(format!("{} is not this machine alone", config.listen)).help(help));
    }
    say::start_tracing(tracing::Level::INFO);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .or_fail("the runtime cannot start")?;
    runtime.block_on(run(&config, args.drain))
}

async fn run(config: &Config, drain: bool) -> Verdict {
    let wired = wire::scheduler(config, &config.dags, true)?;
    let handle = wired.scheduler.handle();
    let reader = Reader::open(&wired.database).map_err(Failure::new)?;
    let stored = reader.read_now(|page| Ok((page.dags(None, u32::MAX, 0)?, page.faults(None)?)));
    let (stored, faults) = stored.map_err(Failure::new)?;
    let stored = stored.into_iter().filter(|dag| !dag.retired).map(|dag| (dag.dag, dag.path));
    let mut folder = Folder::new(config.dags.clone(), config.known((wired.clock)()), stored)
        .with_faults(faults.into_iter().map(|file| file.path));
    let first = folder.look();
    let (dags, faulty) = (first.read.len(), first.faulty_files());
    let keeper = wire::keeper(config)?;
    let app = App {
        reader,
        keeper: keeper.clone(),
        handle: handle.clone(),
        data: config.data.clone(),
        dags: config.dags.clone(),
        clock: wired.clock.clone(),
        parse: wired.parse.clone(),
        version: say::version().to_owned(),
        vars: wire::vars(),
        hosts: hosts(config),
        slots: config.slots,
        pools: config.pools.clone(),
    };
    let router = nightrun_web::router(app);
    let tcp = TcpListener::bind(config.listen).await.map_err(|fault| {
        Failure::new(format!("cannot listen on {}: {fault}", config.listen))
            .help("choose another with --listen ADDR:PORT")
    })?;
    let address = tcp.local_addr().or_fail("the address")?;
    let unix = socket(&config.data)?;
    let loop_ = tokio::spawn(wired.scheduler.run(vec![first.into_event()]));
    // Whoever gets an answer sees the folder as it is now, not as the last scheduler left it.
    handle.begun().await;
    folder.watch(handle.clone());
    keeper.watch(handle.clone());
    tracing::info!("nightrun {} serves {} on http://{address}", say::version(), config.dags.display());
    tracing::info!(dags, faulty, slots = config.slots, data = %config.data.display(), "schedules are armed");
    let local = tokio::spawn(axum::serve(unix, router.clone()).into_future());
    let pages = tokio::spawn(axum::serve(tcp, router).into_future());
    until_told(&handle, drain).await;
    loop_.await.or_fail("the scheduler")?;
    pages.abort();
    local.abort();
    let _ = std::fs::remove_file(config.data.join(SOCKET));
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// The names under which a browser may call this server.
fn hosts(config: &Config) -> Vec<String> {
    let port = config.listen.port();
    ["127.0.0.1", "localhost", "[::1]"].iter().map(|host| format!("{host}:{port}")).collect()
}

/// The socket by which verbs of the same user act; the data folder keeps others out.
fn socket(data: &Path) -> Result<UnixListener, Failure> {
    let path = data.join(SOCKET);
    // The lock of the store is held, so whoever left this socket is gone.
    let _ = std::fs::remove_file(&path);
    let unix = UnixListener::bind(&path).or_fail(path.display())?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).or_fail(path.display())?;
    Ok(unix)
}

/// Waits for SIGTERM or SIGINT, and tells the loop; a second one does not wait for tasks.
async fn until_told(handle: &Handle, drain: bool) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!(drain, "stopping; nothing starts any more");
    handle.stop(drain);
    let handle = handle.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        handle.stop(false);
    });
}
