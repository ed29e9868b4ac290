//! Sessions of browsers: kept in memory, so a restart logs everybody out. The cookie holds a random key;
//! here stands only its hash.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nightrun_core::decide::Sealed;
use nightrun_core::time::Timestamp;
use nightrun_engine::access::{new_secret, seal_token};

/// A session ends this long after its login.
pub(super) const LIFE: Duration = Duration::from_hours(7 * 24);

/// And this long after it was last used.
const IDLE: Duration = Duration::from_hours(12);

/// Most sessions at once; the oldest goes.
const MOST: usize = 10_000;

/// One login.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) user: String,
    /// What each form must send.
    pub(super) csrf: Arc<str>,
    /// The password that it began with: another one ends it.
    pub(super) password: Sealed,
    began: Timestamp,
    used: Timestamp,
}

#[derive(Debug, Default)]
pub(super) struct Sessions {
    open: Mutex<HashMap<String, Session>>,
}

impl Sessions {
    fn open(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a session; returns the key for the cookie.
    pub(super) fn begin(&self, user: &str, password: Sealed, now: Timestamp) -> Result<String, String> {
        let (key, csrf) = (new_secret()?, new_secret()?.into());
        let session = Session { user: user.to_owned(), csrf, password, began: now, used: now };
        let mut open = self.open();
        open.retain(|_, session| session.is_good(now));
        if open.len() >= MOST
            && let Some(oldest) = open.iter().min_by_key(|(_, it)| it.used).map(|(key, _)| key.clone())
        {
            open.remove(&oldest);
        }
        open.insert(hash(&key), session);
        Ok(key)
    }

    /// The session of a key; looking at it counts as use.
    pub(super) fn find(&self, key: &str, now: Timestamp) -> Option<Session> {
        let mut open = self.open();
        let session = open.get_mut(&hash(key)).filter(|session| session.is_good(now))?;
        session.used = now;
        Some(session.clone())
    }

    pub(super) fn end(&self, key: &str) {
        self.open().remove(&hash(key));
    }
}

impl Session {
    fn is_good(&self, now: Timestamp) -> bool {
        now.since(self.began) < LIFE && now.since(self.used) < IDLE
    }
}

fn hash(key: &str) -> String {
    seal_token(key).hash().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_with_its_time() {
        let sessions = Sessions::default();
        let at = |hours: i64| Timestamp::from_seconds(hours * 3_600).unwrap();
        let key = sessions.begin("ana", Sealed::new("x"), at(0)).unwrap();
        assert!(sessions.find("another key", at(1)).is_none());
        for hours in [11, 22, 33] {
            assert_eq!(sessions.find(&key, at(hours)).unwrap().user, "ana");
        }
        assert!(sessions.find(&key, at(46)).is_none(), "nobody used it for half a day");
        let busy = sessions.begin("ana", Sealed::new("x"), at(0)).unwrap();
        assert!((0..167).all(|hours| sessions.find(&busy, at(hours)).is_some()));
        assert!(sessions.find(&busy, at(168)).is_none(), "a week is enough");
    }
}
