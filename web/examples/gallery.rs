//! Serves a scene to look at: `cargo run -p nightrun-web --example gallery -- usual 8090`; other scenes are `open`
//! (the usual one, at work), `busy`, `crowded`, `empty`, `huge`, `many`, `vast` and `seasons`.

#[path = "../tests/web/busy.rs"]
mod busy;
#[path = "../tests/web/crowded.rs"]
mod crowded;
#[path = "../tests/web/history.rs"]
mod history;
#[path = "../tests/web/house.rs"]
mod house;
#[path = "../tests/web/scenes.rs"]
mod scenes;
#[path = "../tests/web/seasons.rs"]
mod seasons;

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let scene = args.next().unwrap_or_else(|| "usual".into());
    let port: u16 = args.next().and_then(|port| port.parse().ok()).unwrap_or(8090);
    let root = tempfile::tempdir().expect("a folder for the scene");
    match scene.as_str() {
        "busy" => busy::files(root.path()).await,
        "crowded" => crowded::write(root.path()).await,
        "empty" => scenes::empty(root.path()).await,
        "huge" => scenes::huge(root.path()).await,
        "many" => scenes::many(root.path(), 10_000).await,
        "vast" => scenes::vast(root.path()).await,
        "seasons" => seasons::write(root.path()).await,
        _ => scenes::usual(root.path()).await,
    }
    let (app, scheduler) = house::app(root.path(), scene == "busy");
    let handle = scheduler.handle();
    // The usual and the huge scene stand still; the others are at work.
    let work = matches!(scene.as_str(), "busy" | "open").then(|| tokio::spawn(scheduler.run(vec![])));
    if scene == "busy" {
        busy::liven(&handle).await;
    }
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("the port is free");
    println!("http://127.0.0.1:{port}/ shows `{scene}`");
    axum::serve(listener, nightrun_web::router(app)).await.expect("the server runs");
    drop(work);
}
