//! Streams outlive the check at their begin: they end when whoever listens may not any more.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header;
use axum::http::request::Parts;
use axum::response::Response;
use futures_util::StreamExt;
use nightrun_core::decide::Transition;
use nightrun_engine::run::News;
use tokio::sync::broadcast::error::RecvError;

use super::Who;
use crate::app::Site;

/// Time alone ends sessions and tokens, too: this often somebody looks.
const LOOK: Duration = Duration::from_mins(1);

/// The response as it is, or, when it is a stream, one that ends when whoever listens may not any more. Nobody
/// but the owner of the data folder is let in for good.
pub(crate) fn watched(site: &Arc<Site>, proof: Parts, response: Response) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let streams = kind.is_some_and(|kind| kind.starts_with("text/event-stream"));
    if !streams || matches!(site.who, Who::Owner(_)) {
        return response;
    }
    let site = Arc::clone(site);
    response.map(|body| Body::from_stream(body.into_data_stream().take_until(Box::pin(over(site, proof)))))
}

/// Comes true when who listens is not who they were.
async fn over(site: Arc<Site>, proof: Parts) {
    let (mut news, mut ends) = (site.app.handle.news(), site.gate.ends());
    loop {
        let still = site.gate.identify(&site.app, &proof).await;
        if still.as_ref() != Ok(&site.who) {
            return;
        }
        tokio::select! {
            // While there is nobody to log in, only the end of that counts.
            () = changes(&mut news), if site.who != Who::Anyone => {}
            _ = ends.recv() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Waits until who may do what has changed.
async fn changes(news: &mut tokio::sync::broadcast::Receiver<News>) {
    let says_so = |fact: &Transition| matches!(fact, Transition::AccessChanged { .. });
    loop {
        match news.recv().await {
            Ok(news) if !news.facts.iter().any(says_so) => {}
            Ok(_) | Err(RecvError::Lagged(_)) => return,
            // The stream itself ends with the loop.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}
