//! Projections of who may do what. A hash comes with the fact when it happens, and not when the log is
//! replayed: then the table of hashes is left to whoever replays.

use nightrun_core::decide::{AccessChange, Grant};
use nightrun_core::time::Timestamp;
use rusqlite::params;

use super::{Desk, json};
use crate::store::error::Fault;

pub(super) fn project(desk: &Desk<'_>, change: &AccessChange, by: &str) -> Result<(), Fault> {
    match change {
        AccessChange::UserAdded { user, grant, password } => {
            let (role, dags) = columns(grant)?;
            desk.write(
                "INSERT INTO user (name, role, dags, added_at, added_by, password_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?4)",
                params![user, role, dags, desk.now(), by],
            )?;
            keep_password(desk, user, password.hash())
        }
        AccessChange::UserGranted { user, grant } => {
            let (role, dags) = columns(grant)?;
            let sql = "UPDATE user SET role = ?2, dags = ?3 WHERE name = ?1";
            desk.move_one(sql, params![user, role, dags], || unknown_user(user))
        }
        AccessChange::PasswordChanged { user, password } => {
            let sql = "UPDATE user SET password_at = ?2 WHERE name = ?1";
            desk.move_one(sql, params![user, desk.now()], || unknown_user(user))?;
            keep_password(desk, user, password.hash())
        }
        AccessChange::UserRemoved { user } => {
            desk.write("DELETE FROM user_secret WHERE name = ?1", [user])?;
            desk.move_one("DELETE FROM user WHERE name = ?1", [user], || unknown_user(user))
        }
        AccessChange::LoggedIn { user } => {
            let sql = "UPDATE user SET login_at = ?2 WHERE name = ?1";
            desk.move_one(sql, params![user, desk.now()], || unknown_user(user))
        }
        AccessChange::TokenCreated { token, prefix, grant, expires_at, secret } => {
            let (role, dags) = columns(grant)?;
            desk.write(
                "INSERT INTO token (name, prefix, role, dags, created_at, created_by, expires_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![token, prefix, role, dags, desk.now(), by, expires_at.map(Timestamp::nanos)],
            )?;
            if !secret.hash().is_empty() {
                let row = params![token, secret.hash()];
                desk.write("INSERT INTO token_secret (name, hash) VALUES (?1, ?2)", row)?;
            }
            Ok(())
        }
        AccessChange::TokenRevoked { token } => {
            desk.write("DELETE FROM token_secret WHERE name = ?1", [token])?;
            desk.move_one("DELETE FROM token WHERE name = ?1", [token], || unknown_token(token))
        }
        AccessChange::TokenUsed { token } => {
            let sql = "UPDATE token SET used_at = ?2 WHERE name = ?1";
            desk.move_one(sql, params![token, desk.now()], || unknown_token(token))
        }
    }
}

/// Takes the hashes of `source` for the users and tokens that a replay of its log has made.
pub(in crate::store) const COPY_SECRETS: &str = "
    INSERT INTO main.user_secret SELECT * FROM source.user_secret
        WHERE name IN (SELECT name FROM main.user);
    INSERT INTO main.token_secret SELECT * FROM source.token_secret
        WHERE name IN (SELECT name FROM main.token);";

fn columns(grant: &Grant) -> Result<(&'static str, Option<String>), Fault> {
    Ok((grant.role.as_str(), grant.dags.as_ref().map(json).transpose()?))
}

fn keep_password(desk: &Desk<'_>, user: &str, hash: &str) -> Result<(), Fault> {
    if !hash.is_empty() {
        desk.write(
            "INSERT INTO user_secret (name, hash) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET hash = excluded.hash",
            params![user, hash],
        )?;
    }
    Ok(())
}

fn unknown_user(user: &str) -> String {
    format!("there is no user `{user}` in the store")
}

fn unknown_token(token: &str) -> String {
    format!("there is no token `{token}` in the store")
}
