//! Serves a scene to look at: `cargo run -p nightrun-web --example gallery -- usual 8090`.

#[path = "../tests/web/history.rs"]
mod history;
#[path = "../tests/web/house.rs"]
mod house;
#[path = "../tests/web/scenes.rs"]
mod scenes;

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let scene = args.next().unwrap_or_else(|| "usual".into());
    let port: u16 = args.next().and_then(|port| port.parse().ok()).unwrap_or(8090);
    let root = tempfile::tempdir().expect("a folder for the scene");
    match scene.as_str() {
        "empty" => scenes::empty(root.path()).await,
        "huge" => scenes::huge(root.path()).await,
        _ => scenes::usual(root.path()).await,
    }
    let (app, _scheduler) = house::app(root.path());
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("the port is free");
    println!("http://127.0.0.1:{port}/ shows `{scene}`");
    axum::serve(listener, nightrun_web::router(app)).await.expect("the server runs");
}
