//! The style sheet, the script and the sign of Nightrun, from inside the binary. Their addresses carry
//! a hash of what is in them, so browsers may keep them for ever.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderName, header};
use axum::response::IntoResponse;
use sha2::{Digest, Sha256};

use crate::problem::Problem;

/// A file that every page may use.
struct Asset {
    name: &'static str,
    kind: &'static str,
    text: &'static str,
}

const ASSETS: [Asset; 5] = [
    Asset { name: "app.css", kind: "text/css; charset=utf-8", text: include_str!("../assets/app.css") },
    Asset { name: "app.js", kind: "text/javascript; charset=utf-8", text: include_str!("../assets/app.js") },
    Asset { name: "moon.svg", kind: "image/svg+xml", text: include_str!("../assets/moon.svg") },
    Asset { name: "moon-failed.svg", kind: "image/svg+xml", text: include_str!("../assets/moon-failed.svg") },
    Asset {
        name: "moon-running.svg",
        kind: "image/svg+xml",
        text: include_str!("../assets/moon-running.svg"),
    },
];

/// Changes whenever one of the files does.
static EDITION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for asset in &ASSETS {
        hash.update(asset.text);
    }
    let hash = hash.finalize();
    format!("{:02x}{:02x}{:02x}{:02x}{:02x}{:02x}", hash[0], hash[1], hash[2], hash[3], hash[4], hash[5])
});

/// Where a file is found.
pub(crate) fn address(name: &str) -> String {
    format!("/static/{}/{name}", *EDITION)
}

/// `GET /static/{edition}/{name}`. Any edition gets the files of now: an old page still looks right.
pub(crate) async fn serve(
    Path((edition, name)): Path<(String, String)>,
) -> Result<impl IntoResponse, Problem> {
    let asset = ASSETS.iter().find(|asset| asset.name == name);
    let asset = asset.ok_or_else(|| Problem::not_found("there is no such file"))?;
    let keep = if edition == *EDITION { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers: [(HeaderName, &str); 2] =
        [(header::CONTENT_TYPE, asset.kind), (header::CACHE_CONTROL, keep)];
    Ok((headers, asset.text))
}
