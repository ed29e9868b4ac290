//! Who may do what: users, tokens, their roles and the DAGs they are limited to. The core says what may be
//! changed and how; who somebody is, is found out by the web room at each request.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::effect::{Answer, Refusal};
use super::transition::Transition;
use super::turn::Turn;
use crate::time::Timestamp;

/// Longest name of a user or a token, in bytes.
const MAX_NAME: usize = 64;

/// Names that stand for no user in the log of facts.
const RESERVED: [&str; 4] = ["api", "web", "cli", "schedule"];

/// What somebody may do; each role may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Acts on runs, pauses, holds, backfills.
    Operator,
    /// Sees the texts of DAG files, sets vars.
    Author,
    /// Keeps users and tokens, and prunes.
    Admin,
}

impl Role {
    /// All roles, the least first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Operator, Self::Author, Self::Admin];

    /// Its name in SQL, JSON and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Author => "author",
            Self::Admin => "admin",
        }
    }

    /// The role of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A role, and the DAGs it is limited to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Grant {
    /// What may be done.
    pub role: Role,
    /// Ids of DAGs, in which `*` stands for any text and `?` for one character; `None`: all DAGs.
    #[serde(default)]
    pub dags: Option<Vec<String>>,
}

impl Grant {
    /// Everything.
    pub const fn admin() -> Self {
        Self { role: Role::Admin, dags: None }
    }

    /// True when the DAG of this id is among those granted.
    pub fn covers(&self, dag: &str) -> bool {
        self.dags.as_ref().is_none_or(|globs| globs.iter().any(|glob| fits(glob.as_bytes(), dag.as_bytes())))
    }

    fn check(&self) -> Result<(), String> {
        let Some(globs) = &self.dags else { return Ok(()) };
        if self.role == Role::Admin {
            return Err("an admin cannot be limited to DAGs: whoever keeps users could lift the limit".into());
        }
        if globs.is_empty() {
            return Err("name at least one DAG, or none of `dags` for all".into());
        }
        let sound = |b: u8| b.is_ascii_alphanumeric() || b"._-*?".contains(&b);
        match globs.iter().find(|glob| glob.is_empty() || glob.len() > 128 || !glob.bytes().all(sound)) {
            Some(glob) => Err(format!("`{glob}` is neither the id of a DAG nor a pattern with `*` and `?`")),
            None => Ok(()),
        }
    }
}

/// Goes back to the last `*` where the rest does not fit, so the work is at most the product of the lengths.
fn fits(glob: &[u8], text: &[u8]) -> bool {
    let (mut g, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match glob.get(g) {
            Some(b'*') => {
                star = Some((g, t));
                g += 1;
            }
            Some(&b) if b == b'?' || b == text[t] => (g, t) = (g + 1, t + 1),
            _ => {
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                (g, t) = (at + 1, taken + 1);
            }
        }
    }
    glob[g..].iter().all(|b| *b == b'*')
}

/// The hash of a password or of a token. It is no part of the log, and nothing prints it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Sealed(Arc<str>);

impl Sealed {
    /// Seals a hash.
    pub fn new(hash: &str) -> Self {
        Self(hash.into())
    }

    /// The hash, for the one table that keeps it. Empty when the fact was read back from the log.
    pub fn hash(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A change of who may do what: wanted in an event, a fact in a transition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum AccessChange {
    /// There is a user.
    UserAdded {
        /// Their name.
        user: String,
        /// What they may do.
        grant: Grant,
        /// The hash of their password.
        #[serde(skip)]
        password: Sealed,
    },
    /// A user may do something else from now on.
    UserGranted {
        /// Their name.
        user: String,
        /// What they may do.
        grant: Grant,
    },
    /// A user has another password; whoever logged in with the last one is logged out.
    PasswordChanged {
        /// Their name.
        user: String,
        /// The hash of their password.
        #[serde(skip)]
        password: Sealed,
    },
    /// A user is gone, and logged out.
    UserRemoved {
        /// Their name.
        user: String,
    },
    /// A user has logged in.
    LoggedIn {
        /// Their name.
        user: String,
    },
    /// There is a token for a program.
    TokenCreated {
        /// Its name.
        token: String,
        /// How its secret begins, so that people can tell it from others.
        prefix: String,
        /// What it may be used for.
        grant: Grant,
        /// When it ceases to be good.
        expires_at: Option<Timestamp>,
        /// The hash of its secret.
        #[serde(skip)]
        secret: Sealed,
    },
    /// A token is no good any more.
    TokenRevoked {
        /// Its name.
        token: String,
    },
    /// A token was used; told at most once an hour.
    TokenUsed {
        /// Its name.
        token: String,
    },
}

/// The names that are taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessBook {
    /// Users, with their roles.
    pub users: BTreeMap<String, Role>,
    /// Tokens.
    pub tokens: BTreeSet<String>,
}

impl AccessBook {
    /// Makes the change if it can be made.
    pub fn take(&mut self, change: &AccessChange) -> Result<(), Refusal> {
        match change {
            AccessChange::UserAdded { user, grant, .. } => {
                check_name(user).and_then(|()| grant.check()).map_err(Refusal::Senseless)?;
                if self.users.contains_key(user) {
                    return Err(Refusal::NotNow(format!("there is a user `{user}` already")));
                }
                self.users.insert(user.clone(), grant.role);
            }
            AccessChange::UserGranted { user, grant } => {
                grant.check().map_err(Refusal::Senseless)?;
                self.check_user(user)?;
                self.users.insert(user.clone(), grant.role);
            }
            AccessChange::PasswordChanged { user, .. } | AccessChange::LoggedIn { user } => {
                self.check_user(user)?;
            }
            AccessChange::UserRemoved { user } => {
                self.check_user(user)?;
                self.users.remove(user);
            }
            AccessChange::TokenCreated { token, grant, .. } => {
                check_name(token).and_then(|()| grant.check()).map_err(Refusal::Senseless)?;
                if !self.tokens.insert(token.clone()) {
                    return Err(Refusal::NotNow(format!("there is a token `{token}` already")));
                }
            }
            AccessChange::TokenRevoked { token } => {
                if !self.tokens.remove(token) {
                    return Err(unknown_token(token));
                }
            }
            AccessChange::TokenUsed { token } => {
                if !self.tokens.contains(token) {
                    return Err(unknown_token(token));
                }
            }
        }
        Ok(())
    }

    fn check_user(&self, user: &str) -> Result<(), Refusal> {
        if self.users.contains_key(user) {
            return Ok(());
        }
        Err(Refusal::Unknown(format!("there is no user `{user}`; `nightrun user list` shows them")))
    }
}

fn unknown_token(token: &str) -> Refusal {
    Refusal::Unknown(format!("there is no token `{token}`; `nightrun token list` shows them"))
}

/// Only lower case, so that no two names look alike.
fn check_name(name: &str) -> Result<(), String> {
    let sound = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-@".contains(&b);
    let begins = name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    if !begins || name.len() > MAX_NAME || !name.bytes().all(sound) {
        return Err(format!(
            "`{name}` is no name: lower-case letters, digits and `._-@`, a letter or digit first, at most \
             {MAX_NAME} long"
        ));
    }
    if RESERVED.contains(&name) {
        return Err(format!("`{name}` stands for something else in the audit; choose another name"));
    }
    Ok(())
}

impl Turn<'_> {
    pub(super) fn access_requested(&mut self, change: AccessChange, by: String) -> Answer {
        match self.state.access.take(&change) {
            Ok(()) => {
                self.record(Transition::AccessChanged { change, by });
                Answer::Done
            }
            Err(refusal) => Answer::Refused(refusal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_covers_the_dags_it_names() {
        let grant = |globs: &[&str]| Grant {
            role: Role::Viewer,
            dags: Some(globs.iter().map(ToString::to_string).collect()),
        };
        for (globs, dag, covers) in [
            (&["sales"][..], "sales", true),
            (&["sales"], "sales2", false),
            (&["sales"], "Sales", false),
            (&["sales.*"], "sales.eu", true),
            (&["sales.*"], "sales", false),
            (&["a", "*_eu"], "orders_eu", true),
            (&["a?c"], "abc", true),
            (&["a?c"], "ac", false),
            (&["*a*a*b"], "aaaaaaaaaaaaaaaaaaaaaaaaaa", false),
            (&["*"], "anything", true),
        ] {
            assert_eq!(grant(globs).covers(dag), covers, "{globs:?} {dag}");
        }
        assert!(Grant::admin().covers("x"));
    }

    #[test]
    fn nothing_prints_or_logs_a_hash() {
        let change = AccessChange::UserAdded {
            user: "ana".into(),
            grant: Grant::admin(),
            password: Sealed::new("$argon2id$secret"),
        };
        let text = format!("{change:?} {}", serde_json::to_string(&change).unwrap());
        assert!(!text.contains("argon2id"), "{text}");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let mut book = AccessBook::default();
        let add = |user: &str, role, dags: Option<Vec<&str>>| AccessChange::UserAdded {
            user: user.into(),
            grant: Grant { role, dags: dags.map(|it| it.into_iter().map(Into::into).collect()) },
            password: Sealed::new("x"),
        };
        assert_eq!(book.take(&add("ana", Role::Viewer, Some(vec!["sales*"]))), Ok(()));
        for (change, word) in [
            (add("ana", Role::Viewer, None), "already"),
            (add("Ana", Role::Viewer, None), "lower-case"),
            (add("api", Role::Viewer, None), "stands for"),
            (add("../x", Role::Viewer, None), "no name"),
            (add("bo", Role::Admin, Some(vec!["a"])), "an admin"),
            (add("bo", Role::Viewer, Some(vec![])), "at least one"),
            (add("bo", Role::Viewer, Some(vec!["a b"])), "neither"),
            (AccessChange::UserRemoved { user: "bo".into() }, "no user"),
            (AccessChange::TokenRevoked { token: "ci".into() }, "no token"),
        ] {
            let refusal = book.take(&change).unwrap_err().to_string();
            assert!(refusal.contains(word), "{refusal}");
        }
    }
}
