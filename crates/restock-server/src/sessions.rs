//! Sessions: who has logged in, in a file of the project's folder, so that a restart logs nobody out.
//!
//! The secret of a session is 256 random bits in a cookie. The file keeps its BLAKE3 hash, as for tokens, under which it is
//! looked up: how long that takes tells something of the hash only, from which no secret follows.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::files::{Content, FileError, JsonFile};
use crate::users::User;

/// A session that nobody used for so long has ended.
pub(crate) const IDLE_LIMIT: SignedDuration = SignedDuration::from_hours(12);
/// Every session ends after so long.
pub(crate) const AGE_LIMIT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The use of a session is written down when the last one is so old: not every request shall write a file.
const USE_STEP: SignedDuration = SignedDuration::from_mins(5);
/// The most sessions of a person; the oldest ends when another begins.
const MAX_PER_USER: usize = 20;
/// The most sessions.
const MAX_SESSIONS: usize = 10_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Session {
    user: String,
    /// The user's key when it began; with another key it has ended.
    session_key: String,
    created_at: Timestamp,
    used_at: Timestamp,
}

impl Session {
    fn is_over(&self, now: Timestamp) -> bool {
        now.duration_since(self.created_at) >= AGE_LIMIT || now.duration_since(self.used_at) >= IDLE_LIMIT
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SessionList {
    version: u32,
    /// By the hash of the secret, hexadecimal.
    sessions: BTreeMap<String, Session>,
}

impl Content for SessionList {
    const VERSION: u32 = 1;

    fn version(&mut self) -> &mut u32 {
        &mut self.version
    }
}

/// A session that goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) user: String,
    pub(crate) session_key: String,
    /// Whether its use should be written down.
    pub(crate) is_stale: bool,
}

#[derive(Debug)]
pub(crate) struct Sessions(JsonFile<SessionList>);

impl Sessions {
    pub(crate) fn at(path: PathBuf) -> Self {
        Self(JsonFile::at(path))
    }

    pub(crate) fn begin(&self, user: &User, secret: &str, now: Timestamp) -> Result<(), FileError> {
        self.0.change(|content| {
            let sessions = &mut content.sessions;
            sessions.retain(|_, session| !session.is_over(now));
            let oldest = |sessions: &BTreeMap<String, Session>, is_it: &dyn Fn(&Session) -> bool, limit: usize| {
                let own = sessions.iter().filter(|(_, session)| is_it(session));
                let first = own.clone().min_by_key(|(_, session)| session.used_at).map(|(hash, _)| hash.clone());
                first.filter(|_| own.count() >= limit)
            };
            if let Some(hash) = oldest(sessions, &|session| session.user == user.name, MAX_PER_USER) {
                sessions.remove(&hash);
            }
            if let Some(hash) = oldest(sessions, &|_| true, MAX_SESSIONS) {
                sessions.remove(&hash);
            }
            let session_key = user.session_key().to_owned();
            let session = Session { user: user.name.clone(), session_key, created_at: now, used_at: now };
            sessions.insert(hashed(secret), session);
            Ok(())
        })
    }

    pub(crate) fn find(&self, secret: &str, now: Timestamp) -> Result<Option<Found>, FileError> {
        let content = self.0.get()?;
        let session = content.sessions.get(&hashed(secret)).filter(|session| !session.is_over(now));
        Ok(session.map(|session| Found {
            user: session.user.clone(),
            session_key: session.session_key.clone(),
            is_stale: now.duration_since(session.used_at) >= USE_STEP,
        }))
    }

    /// Writes down that a session is used.
    pub(crate) fn keep(&self, secret: &str, now: Timestamp) -> Result<(), FileError> {
        self.0.change(|content| {
            if let Some(session) = content.sessions.get_mut(&hashed(secret)) {
                session.used_at = session.used_at.max(now);
            }
            Ok(())
        })
    }

    pub(crate) fn end(&self, secret: &str) -> Result<(), FileError> {
        self.0.change(|content| {
            content.sessions.remove(&hashed(secret));
            Ok(())
        })
    }

    /// Ends all sessions of a person, so that the file does not keep what can never be used again.
    pub(crate) fn end_all_of(&self, user: &str) -> Result<(), FileError> {
        self.0.change(|content| {
            content.sessions.retain(|_, session| session.user != user);
            Ok(())
        })
    }
}

fn hashed(secret: &str) -> String {
    blake3::hash(secret.as_bytes()).to_hex().to_string()
}

/// What a page must send along with a request that changes something: only pages of the session's own origin can read it.
/// It follows from the secret, so that it need not be kept.
pub(crate) fn csrf_token(secret: &str) -> blake3::Hash {
    blake3::Hash::from_bytes(blake3::derive_key("restock 2026-11 csrf token of a session", secret.as_bytes()))
}
