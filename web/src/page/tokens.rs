//! Tokens of programs. The page that makes one shows its secret, and nothing shows it again.

use std::sync::Arc;

use axum::extract::{Form, Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use nightrun_core::decide::{AccessChange, Role};
use nightrun_core::time::{Timestamp, parse_duration};
use nightrun_engine::access::NewToken;
use nightrun_engine::store::{Page, TokenItem};
use serde::{Deserialize, Serialize};

use super::form::{again, grant, said, sentences};
use super::{Did, Sheet, Shown, Watch, show};
use crate::app::{Shared, Site, State};
use crate::problem::Problem;

/// What was typed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Typed {
    token: String,
    role: String,
    dags: String,
    /// How long it is good; empty: always.
    expires_in: String,
}

impl Default for Typed {
    fn default() -> Self {
        Self {
            token: String::new(),
            role: Role::Operator.to_string(),
            dags: String::new(),
            expires_in: "90d".to_owned(),
        }
    }
}

/// A token that was made, with its secret.
#[derive(Serialize)]
struct Made {
    token: String,
    secret: String,
}

#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    token: TokenItem,
    expired: bool,
}

#[derive(Serialize)]
struct Body {
    rows: Vec<Row>,
    made: Option<Made>,
    typed: Typed,
    refused: Vec<String>,
    roles: [Role; 4],
}

/// `GET /tokens`
pub(crate) async fn list(State(site): Shared, Query(did): Query<Did>) -> Shown {
    page(&site, did, None, Typed::default(), None).await
}

/// `POST /tokens`: the page with the secret, which no address leads to.
pub(crate) async fn create(State(site): Shared, Form(typed): Form<Typed>) -> Response {
    match make(&site, &typed).await {
        Ok(made) => {
            let page = page(&site, Did::default(), Some(made), Typed::default(), None).await;
            page.map_or_else(IntoResponse::into_response, |page| (StatusCode::CREATED, page).into_response())
        }
        Err(problem) => again(problem, |it| page(&site, Did::default(), None, typed, Some(it))).await,
    }
}

async fn make(site: &Arc<Site>, typed: &Typed) -> Result<Made, Problem> {
    let grant = grant(&typed.role, &typed.dags)?;
    let length = said(&typed.expires_in).map(|text| parse_duration(&text)).transpose();
    let length = length.map_err(|fault| Problem::senseless(format!("how long it is good: {fault}")))?;
    let expires_at: Option<Timestamp> = length.map(|length| site.now().plus(length));
    let NewToken { secret, prefix, sealed } = NewToken::make().map_err(Problem::internal)?;
    let token = typed.token.trim().to_owned();
    let made = Made { token: token.clone(), secret };
    let created = AccessChange::TokenCreated { token, prefix, grant, expires_at, secret: sealed };
    site.change_access(created, "web").await?;
    Ok(made)
}

/// `POST /tokens/{token}/revoke`
pub(crate) async fn revoke(State(site): Shared, Path(token): Path<String>) -> Result<Redirect, Problem> {
    site.change_access(AccessChange::TokenRevoked { token }, "web").await?;
    Ok(Redirect::to("/tokens?did=token-revoked"))
}

async fn page(
    site: &Arc<Site>,
    did: Did,
    made: Option<Made>,
    typed: Typed,
    problem: Option<Problem>,
) -> Shown {
    show(site, "tokens.html", "users", did, move |desk| {
        let row =
            |token: TokenItem| Row { expired: token.expires_at.is_some_and(|at| at <= desk.now), token };
        let body = Body {
            rows: Page::tokens(desk.page)?.into_iter().map(row).collect(),
            refused: sentences(problem.as_ref()),
            roles: Role::ALL,
            made,
            typed,
        };
        Ok(Some(Sheet { title: "Tokens".into(), watch: Watch::default(), body }))
    })
    .await
}
