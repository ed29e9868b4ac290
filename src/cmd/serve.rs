//! `nightrun serve`: the scheduler, the pages and the API.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;

use axum::Extension;
use nightrun_engine::exec::files;
use nightrun_engine::run::{Folder, Handle};
use nightrun_engine::store::{Page, Reader};
use nightrun_web::{Access, App, Owner};
use tokio::net::{TcpListener, UnixListener};

use crate::cli::Serve;
use crate::client::SOCKET;
use crate::config::{Config, Given};
use crate::failure::{Failure, OrFail, Verdict};
use crate::listen::{self, Places};
use crate::{say, wire};

pub(crate) fn serve(args: Serve) -> Verdict {
    let given = Given { dags: args.dags.dags, data: args.data.data, listen: args.listen, slots: args.slots };
    let config = Config::load(given)?;
    say::start_tracing(tracing::Level::INFO);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .or_fail("the runtime cannot start")?;
    runtime.block_on(run(&config, args.drain))
}

async fn run(config: &Config, drain: bool) -> Verdict {
    let wired = wire::scheduler(config, &config.dags, true)?;
    let access = access(config, &wired.database)?;
    let handle = wired.scheduler.handle();
    let reader = Reader::open(&wired.database).map_err(Failure::new)?;
    let stored = reader.read_now(|page| Ok((page.dags(None, u32::MAX, 0)?, page.faults(None)?)));
    let (stored, faults) = stored.map_err(Failure::new)?;
    let stored = stored.into_iter().filter(|dag| !dag.retired).map(|dag| (dag.dag, dag.path));
    let mut folder = Folder::new(config.dags.clone(), config.known((wired.clock)()), stored)
        .with_faults(faults.into_iter().map(|file| file.path));
    let first = folder.look();
    first.log_faults();
    let (dags, faulty) = (first.read.len(), first.faulty_files());
    let app = App { hosts: hosts(config), access, ..wire::app(config, handle.clone())? };
    let keeper = app.keeper.clone();
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
    // Whoever can open the socket owns the data folder.
    let places = Places::of(files::limit());
    let local = tokio::spawn(listen::to_owner(unix, router.clone().layer(Extension(Owner)), places.owner));
    let pages = tokio::spawn(listen::to_all(tcp, router, places.all));
    until_told(&handle, drain).await;
    loop_.await.or_fail("the scheduler")?;
    pages.abort();
    local.abort();
    let _ = std::fs::remove_file(config.data.join(SOCKET));
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Who must log in. Where other machines can reach the server, everybody must, so there must be somebody.
fn access(config: &Config, database: &Path) -> Result<Access, Failure> {
    let access = config.access;
    if config.listen.ip().is_loopback() {
        return Ok(access);
    }
    let book = Reader::open(database).and_then(|reader| reader.read_now(Page::access_book));
    let book = book.map_err(Failure::new)?;
    if !access.required && book.users.is_empty() {
        let help = "anyone who reaches it could run commands: add a user first with \
                    `nightrun user add NAME --role admin`, or say `access: {login: required}` in nightrun.yaml";
        return Err(Failure::usage(format!("{} is not this machine alone", config.listen)).help(help));
    }
    Ok(Access { required: true, ..access })
}

/// The names under which a browser may call this server; none: any. A page of elsewhere that goes by a name
/// which points at us has no session of ours, so names matter only where nobody logs in.
fn hosts(config: &Config) -> Vec<String> {
    if !config.listen.ip().is_loopback() {
        return Vec::new();
    }
    let port = config.listen.port();
    let own = ["127.0.0.1", "localhost", "[::1]"].iter().map(|host| format!("{host}:{port}"));
    // A proxy before us passes the name on by which it is called.
    let url = config.hooks.url.split_once("://").map(|(_, rest)| rest);
    let named = url.and_then(|rest| rest.split('/').next()).map(ToOwned::to_owned);
    own.chain(named).collect()
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
