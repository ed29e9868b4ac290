//! Users and tokens, for admins. No answer holds a password or a hash; a token's secret is told once.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, StatusCode};
use nightrun_core::decide::{AccessChange, Grant, Role};
use nightrun_core::time::{Timestamp, parse_duration};
use nightrun_engine::access::NewToken;
use nightrun_engine::store::{Page, TokenItem, UserItem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::acts::Done;
use super::body::{fields, refuse_forms};
use super::{After, Limit, Listed, Paged};
use crate::access::Who;
use crate::app::{Shared, State};
use crate::problem::Problem;

/// Who somebody is to the server.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Me {
    /// As the log of facts has it.
    by: String,
    /// `user`, `token`, `owner` or `anyone`.
    kind: &'static str,
    #[serde(flatten)]
    grant: Grant,
}

/// A token that was made.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TokenMade")]
pub(crate) struct Made {
    /// Its name.
    token: String,
    /// Its secret, told here and never again.
    secret: String,
    /// How the secret begins.
    prefix: String,
    /// When it ceases to be good.
    expires_at: Option<Timestamp>,
}

/// `GET /api/v1/me`: who the server takes the asker for.
pub(crate) async fn me(State(site): Shared) -> Json<Me> {
    let (kind, grant) = match &site.who {
        Who::User { grant, .. } => ("user", grant.clone()),
        Who::Token { grant, .. } => ("token", grant.clone()),
        Who::Owner(_) => ("owner", Grant::admin()),
        Who::Anyone | Who::Nobody => ("anyone", Grant::admin()),
    };
    Json(Me { by: site.who.sign(""), kind, grant })
}

/// `GET /api/v1/users`
pub(crate) async fn users(
    State(site): Shared,
    Query(after): Query<After>,
    Query(limit): Query<Limit>,
) -> Paged<UserItem> {
    let all = site.read(|desk| desk.page.users().map(Some)).await?;
    Ok(Listed::cut(all, after.after.as_deref(), limit.rows(), |it| it.user.clone()))
}

/// `GET /api/v1/tokens`
pub(crate) async fn tokens(
    State(site): Shared,
    Query(after): Query<After>,
    Query(limit): Query<Limit>,
) -> Paged<TokenItem> {
    let all = site.read(|desk| Page::tokens(desk.page).map(Some)).await?;
    Ok(Listed::cut(all, after.after.as_deref(), limit.rows(), |it| it.token.clone()))
}

/// What somebody may do from now on.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "GrantRequest")]
pub(crate) struct Granted {
    #[schemars(required)]
    role: Option<Role>,
    dags: Option<Vec<String>>,
}

impl Granted {
    fn grant(self) -> Result<Grant, Problem> {
        let role = self.role.ok_or_else(|| {
            Problem::bad_request("`role` is one of `viewer`, `operator`, `author` and `admin`")
        })?;
        Ok(Grant { role, dags: self.dags })
    }
}

/// A user who is added.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "UserRequest")]
pub(crate) struct NewUser {
    #[serde(default)]
    user: String,
    #[serde(default)]
    password: String,
    #[schemars(required)]
    role: Option<Role>,
    dags: Option<Vec<String>>,
}

/// `POST /api/v1/users`
pub(crate) async fn add_user(State(site): Shared, headers: HeaderMap, body: Bytes) -> Done {
    let NewUser { user, password, role, dags } = fields(&headers, &body)?;
    let grant = Granted { role, dags }.grant()?;
    let password = site.gate.seal(password).await?;
    site.change_access(AccessChange::UserAdded { user, grant, password }, "api").await?;
    Ok(StatusCode::CREATED)
}

/// `POST /api/v1/users/{user}/grant`
pub(crate) async fn grant(
    State(site): Shared,
    Path(user): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Done {
    let grant = fields::<Granted>(&headers, &body)?.grant()?;
    site.change_access(AccessChange::UserGranted { user, grant }, "api").await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A new password.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PasswordRequest")]
pub(crate) struct NewPassword {
    #[serde(default)]
    password: String,
}

/// `POST /api/v1/users/{user}/password`
pub(crate) async fn password(
    State(site): Shared,
    Path(user): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Done {
    let NewPassword { password } = fields(&headers, &body)?;
    let password = site.gate.seal(password).await?;
    site.change_access(AccessChange::PasswordChanged { user, password }, "api").await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/v1/users/{user}/remove`
pub(crate) async fn remove_user(State(site): Shared, Path(user): Path<String>, headers: HeaderMap) -> Done {
    refuse_forms(&headers)?;
    site.change_access(AccessChange::UserRemoved { user }, "api").await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A token that is wanted.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TokenRequest")]
pub(crate) struct Wanted {
    #[serde(default)]
    token: String,
    #[schemars(required)]
    role: Option<Role>,
    dags: Option<Vec<String>>,
    /// How long it is good, as in `90d`.
    expires_in: Option<String>,
}

/// `POST /api/v1/tokens`: the only answer with the secret.
pub(crate) async fn create_token(
    State(site): Shared,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Made>), Problem> {
    let Wanted { token, role, dags, expires_in } = fields(&headers, &body)?;
    let grant = Granted { role, dags }.grant()?;
    let length = expires_in.map(|text| parse_duration(&text)).transpose();
    let length = length.map_err(|fault| Problem::bad_request(format!("`expires_in`: {fault}")))?;
    let expires_at: Option<Timestamp> = length.map(|length| site.now().plus(length));
    let NewToken { secret, prefix, sealed } = NewToken::make().map_err(Problem::internal)?;
    let answer = Made { token: token.clone(), secret, prefix: prefix.clone(), expires_at };
    let created = AccessChange::TokenCreated { token, prefix, grant, expires_at, secret: sealed };
    site.change_access(created, "api").await?;
    Ok((StatusCode::CREATED, Json(answer)))
}

/// `POST /api/v1/tokens/{token}/revoke`
pub(crate) async fn revoke_token(State(site): Shared, Path(token): Path<String>, headers: HeaderMap) -> Done {
    refuse_forms(&headers)?;
    site.change_access(AccessChange::TokenRevoked { token }, "api").await?;
    Ok(StatusCode::NO_CONTENT)
}
