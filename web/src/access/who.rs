//! Who asks.

use std::sync::Arc;

use nightrun_core::decide::{Grant, Role};

/// Header by which the owner's verbs say for whom they act, as in `cli:ana`. Nobody else is believed.
pub const ACTS_AS: &str = "nightrun-by";

/// Marks requests that came by the socket in the data folder: whoever can open it owns the store anyway.
#[derive(Debug, Clone, Copy)]
pub struct Owner;

/// What stands in the place of a name when a request gives none.
const UNSIGNED: [&str; 3] = ["", "api", "web"];

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Who {
    /// Anybody on this machine, while there is nobody to log in.
    Anyone,
    /// Anybody, while a login is needed.
    Nobody,
    /// The owner of the data folder, and the name they act under.
    Owner(String),
    /// Somebody who logged in.
    User {
        name: String,
        grant: Grant,
        /// What each form of theirs must send.
        csrf: Arc<str>,
    },
    /// A program with a token.
    Token { name: String, grant: Grant },
}

impl Who {
    fn grant(&self) -> Option<&Grant> {
        const EVERYTHING: &Grant = &Grant::admin();
        match self {
            Self::Anyone | Self::Owner(_) => Some(EVERYTHING),
            Self::User { grant, .. } | Self::Token { grant, .. } => Some(grant),
            Self::Nobody => None,
        }
    }

    /// True when they may do what this role may.
    pub(crate) fn is(&self, role: Role) -> bool {
        self.grant().is_some_and(|grant| grant.role >= role)
    }

    /// True when the DAG is among those granted.
    pub(crate) fn covers(&self, dag: &str) -> bool {
        self.grant().is_some_and(|grant| grant.covers(dag))
    }

    /// The patterns of the DAGs granted; `None`: all.
    pub(crate) fn among(&self) -> Option<Vec<String>> {
        self.grant().map_or(Some(Vec::new()), |grant| grant.dags.clone())
    }

    /// What is granted, where that is not all DAGs.
    pub(crate) fn limit(&self) -> Option<Grant> {
        self.grant().filter(|grant| grant.dags.is_some()).cloned()
    }

    /// True when some DAGs are none of their business.
    pub(crate) fn is_limited(&self) -> bool {
        self.grant().is_none_or(|grant| grant.dags.is_some())
    }

    /// Who did it, in the log of facts. What a request says of itself counts only where nobody has to log in.
    pub(crate) fn sign(&self, claimed: &str) -> String {
        match self {
            Self::User { name, .. } => name.clone(),
            Self::Token { name, .. } => format!("token:{name}"),
            Self::Owner(name) if UNSIGNED.contains(&claimed) => name.clone(),
            Self::Nobody => "nobody".to_owned(),
            Self::Anyone if claimed.is_empty() => "api".to_owned(),
            Self::Anyone | Self::Owner(_) => claimed.to_owned(),
        }
    }

    /// The name to show on a page.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::User { name, .. } => Some(name),
            _ => None,
        }
    }
}
