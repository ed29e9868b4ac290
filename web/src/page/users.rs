//! Users: who may log in and do what. No page shows a password; each change is in the audit.

use std::sync::Arc;

use axum::extract::{Form, Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use nightrun_core::decide::{AccessChange, Grant, Role};
use nightrun_engine::access::MIN_PASSWORD;
use nightrun_engine::store::UserItem;
use serde::{Deserialize, Serialize};

use super::form::{again, grant, sentences};
use super::{Did, Sheet, Shown, Watch, show};
use crate::access::admins::is_last_admin;
use crate::app::{Shared, Site, State};
use crate::problem::Problem;

/// What was typed about a user; their password never comes back, and is not for printing.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Typed {
    user: String,
    role: String,
    dags: String,
    #[serde(skip_serializing)]
    password: String,
}

#[derive(Deserialize)]
pub(crate) struct Asked {
    change: Option<String>,
}

#[derive(Serialize)]
struct Body {
    rows: Vec<UserItem>,
    /// The one who is being changed.
    changed: Option<UserItem>,
    /// Without them nobody could keep users on a page any more.
    last_admin: bool,
    typed: Typed,
    refused: Vec<String>,
    roles: [Role; 4],
    shortest: usize,
}

/// `GET /users?change=NAME`
pub(crate) async fn list(State(site): Shared, Query(asked): Query<Asked>, Query(did): Query<Did>) -> Shown {
    page(&site, did, asked.change, Typed::default(), None).await
}

/// `POST /users`
pub(crate) async fn add(State(site): Shared, Form(typed): Form<Typed>) -> Response {
    let added = async {
        let grant = grant(&typed.role, &typed.dags)?;
        let password = site.gate.seal(typed.password.clone()).await?;
        let user = typed.user.trim().to_owned();
        site.change_access(AccessChange::UserAdded { user, grant, password }, "web").await
    };
    done(added.await, &site, None, typed, "user-added").await
}

/// `POST /users/{user}/grant`
pub(crate) async fn regrant(
    State(site): Shared,
    Path(user): Path<String>,
    Form(typed): Form<Typed>,
) -> Response {
    let granted = async {
        let grant = grant(&typed.role, &typed.dags)?;
        site.change_access(AccessChange::UserGranted { user: user.clone(), grant }, "web").await
    };
    done(granted.await, &site, Some(user), typed, "user-granted").await
}

/// `POST /users/{user}/password`
pub(crate) async fn password(
    State(site): Shared,
    Path(user): Path<String>,
    Form(typed): Form<Typed>,
) -> Response {
    let set = async {
        let password = site.gate.seal(typed.password.clone()).await?;
        site.change_access(AccessChange::PasswordChanged { user: user.clone(), password }, "web").await
    };
    done(set.await, &site, Some(user), Typed::default(), "user-password").await
}

/// Whether the box was ticked without which nobody is removed.
#[derive(Deserialize)]
pub(crate) struct Sure {
    sure: Option<String>,
}

/// `POST /users/{user}/remove`
pub(crate) async fn remove(
    State(site): Shared,
    Path(user): Path<String>,
    Form(Sure { sure }): Form<Sure>,
) -> Response {
    let removed = async {
        if sure.is_none() {
            return Err(Problem::senseless(format!("nobody was removed: tick the box to remove `{user}`")));
        }
        site.change_access(AccessChange::UserRemoved { user: user.clone() }, "web").await
    };
    done(removed.await, &site, Some(user), Typed::default(), "user-removed").await
}

/// Back to the list; where it was refused, to the form it came from.
async fn done(
    done: Result<(), Problem>,
    site: &Arc<Site>,
    changed: Option<String>,
    typed: Typed,
    did: &str,
) -> Response {
    match done {
        Ok(()) => Redirect::to(&format!("/users?did={did}")).into_response(),
        Err(problem) => again(problem, |it| page(site, Did::default(), changed, typed, Some(it))).await,
    }
}

async fn page(
    site: &Arc<Site>,
    did: Did,
    changed: Option<String>,
    typed: Typed,
    problem: Option<Problem>,
) -> Shown {
    show(site, "users.html", "users", did, move |desk| {
        let rows = desk.page.users()?;
        let changed = changed.and_then(|name| rows.iter().find(|it| it.user == name).cloned());
        let typed = match &changed {
            Some(user) if typed.role.is_empty() => kept(user),
            _ => typed,
        };
        let body = Body {
            last_admin: changed.as_ref().is_some_and(|it| is_last_admin(&rows, &it.user)),
            refused: sentences(problem.as_ref()),
            roles: Role::ALL,
            shortest: MIN_PASSWORD,
            rows,
            changed,
            typed,
        };
        Ok(Some(Sheet { title: "Users".into(), watch: Watch::default(), body }))
    })
    .await
}

/// What a user has, as the form takes it.
fn kept(user: &UserItem) -> Typed {
    let Grant { role, dags } = &user.grant;
    let dags = dags.as_ref().map(|it| it.join(", ")).unwrap_or_default();
    Typed { role: role.to_string(), dags, ..Typed::default() }
}
