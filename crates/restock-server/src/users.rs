//! Users: the people who may use the server, in a file of the project's folder.
//!
//! There is no user and no password until somebody makes one on the machine itself. Every change goes to the audit trail
//! before it is done.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use restock_ledger::LedgerError;
use serde::{Deserialize, Serialize};

use crate::access::{Role, scope_text};
use crate::files::{Content, FileError, JsonFile};
use crate::hidden::Hidden;
use crate::passwords::{self, MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARS};
use crate::recorder::{Change, Recorder};
use crate::tokens::{MAX_NAME_BYTES, is_name, is_reserved, random_bits};

/// A person who may use the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Who: the name in the audit trail.
    pub name: String,
    /// What the person may do.
    pub role: Role,
    /// The locations that the person looks after; `None` means all.
    pub locations: Option<Vec<String>>,
    /// Whether the person is kept out.
    pub is_disabled: bool,
    /// When the user was made.
    pub created_at: Timestamp,
    /// Argon2id.
    password: Hidden,
    /// Sessions of another key have ended: it changes with the password and when the person is kept out.
    session_key: Hidden,
}

impl User {
    pub(crate) fn kept_password(&self) -> String {
        self.password.0.clone()
    }

    pub(crate) fn session_key(&self) -> &str {
        &self.session_key.0
    }

    /// Whether the person can look after users and everything else.
    fn is_whole_admin(&self) -> bool {
        self.role == Role::Admin && self.locations.is_none() && !self.is_disabled
    }

    /// As the audit trail says it.
    fn text(&self) -> String {
        let disabled = if self.is_disabled { " disabled" } else { "" };
        format!("{} {}{disabled}", self.role.name(), scope_text(self.locations.as_deref()))
    }
}

/// A user to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUser {
    /// Who: the name in the audit trail, unique in the file, in capitals or not.
    pub name: String,
    /// What the person may do; a person is no integrator.
    pub role: Role,
    /// The locations that the person looks after; `None` means all.
    pub locations: Option<Vec<String>>,
}

/// What changes of a user; `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserChange {
    /// What the person may do.
    pub role: Option<Role>,
    /// The locations that the person looks after; `Some(None)` means all.
    pub locations: Option<Option<Vec<String>>>,
    /// Whether the person is kept out; it ends the person's sessions.
    pub is_disabled: Option<bool>,
    /// The password; another one ends the person's sessions.
    pub password: Option<String>,
}

/// Why the file of users cannot be used or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UserError {
    /// The file cannot be read or written.
    #[error("cannot {verb} the users {}: {reason}", path.display())]
    File {
        /// `read` or `write`.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The name is empty, too long, or has control characters or blanks at its ends.
    #[error("the name of a user is {got:?}, expected 1 to {MAX_NAME_BYTES} bytes without control characters")]
    BadName {
        /// The name.
        got: String,
    },
    /// The name stands for the program itself in the audit trail.
    #[error(
        "the name of a user is {got:?}, which stands for the program itself in the audit trail\n\nhint: choose a name that does not begin with \"restock\""
    )]
    ReservedName {
        /// The name.
        got: String,
    },
    /// The name is taken.
    #[error("there is a user {name:?} already\n\nhint: choose another name; capitals make no other name")]
    NameTaken {
        /// The name that is there.
        name: String,
    },
    /// There is no such user.
    #[error("there is no user {name:?}")]
    NoSuchUser {
        /// The name.
        name: String,
    },
    /// A person would have the role of a system, whose changes are not audited.
    #[error(
        "the role of a user is integrator, expected viewer, planner, approver or admin\n\nhint: make a token for a system"
    )]
    NotForPeople,
    /// A user without any location could do nothing.
    #[error("the list of locations is empty\n\nhint: name a location, or leave the list out for all of them")]
    NoLocations,
    /// The password is not taken.
    #[error(
        "the password is not taken: {reason}\n\nhint: {MIN_PASSWORD_CHARS} characters to {MAX_PASSWORD_BYTES} bytes of any kind, for example four words"
    )]
    BadPassword {
        /// Why not.
        reason: &'static str,
    },
    /// Nobody would be left to look after users.
    #[error("user {name:?} is the last admin of all locations\n\nhint: make another admin first")]
    LastAdmin {
        /// The user.
        name: String,
    },
    /// The operating system gave no random numbers.
    #[error("the system gives no random numbers: {0}")]
    NoRandomness(String),
    /// The audit trail could not be written, so nothing was changed.
    #[error("the audit trail cannot be written, nothing was changed: {0}")]
    NotRecorded(LedgerError),
}

impl From<FileError> for UserError {
    fn from(FileError { verb, path, reason }: FileError) -> Self {
        Self::File { verb, path, reason }
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UserList {
    version: u32,
    users: Arc<[User]>,
}

impl Content for UserList {
    const VERSION: u32 = 1;

    fn version(&mut self) -> &mut u32 {
        &mut self.version
    }
}

/// The users of a project.
#[derive(Debug)]
pub struct Users(JsonFile<UserList>);

impl Users {
    /// The users in a file; no file means no users.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(JsonFile::at(path.into()))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// All users in the order in which they were made; the file is read again when it has changed.
    ///
    /// # Errors
    /// [`UserError::File`] when it cannot be read; then nobody may be let in.
    pub fn list(&self) -> Result<Arc<[User]>, UserError> {
        Ok(self.0.get()?.users.clone())
    }

    /// The user with a name.
    ///
    /// # Errors
    /// As for [`Users::list`].
    pub fn find(&self, name: &str) -> Result<Option<User>, UserError> {
        Ok(self.list()?.iter().find(|user| user.name == name).cloned())
    }

    /// Makes a user. Hashing the password takes 19 MiB and some 30 ms.
    ///
    /// # Errors
    /// [`UserError`] when something about the user is not taken, or a file or the audit trail cannot be written; then there
    /// is no new user.
    pub fn create(
        &self,
        new: NewUser,
        password: &str,
        now: Timestamp,
        recorder: &mut Recorder,
    ) -> Result<User, UserError> {
        let NewUser { name, role, locations } = new;
        if !is_name(&name) {
            return Err(UserError::BadName { got: name });
        }
        if is_reserved(&name) {
            return Err(UserError::ReservedName { got: name });
        }
        let user = User {
            password: checked_password(password, &name)?,
            name,
            role,
            locations,
            is_disabled: false,
            created_at: now,
            session_key: new_session_key()?,
        };
        check(&user)?;
        self.0.change(|content| {
            let folded = user.name.to_lowercase();
            if let Some(taken) = content.users.iter().find(|other| other.name.to_lowercase() == folded) {
                return Err(UserError::NameTaken { name: taken.name.clone() });
            }
            let subject = format!("user/{}", user.name);
            let change = Change { at: now, action: "user.create", subject, before: String::new(), after: user.text() };
            recorder.write(change).map_err(UserError::NotRecorded)?;
            content.users = content.users.iter().cloned().chain([user.clone()]).collect();
            Ok(user)
        })
    }

    /// Changes a user. Where the password changes or the person is kept out, the person's sessions end.
    ///
    /// # Errors
    /// [`UserError`] as for [`Users::create`], and [`UserError::LastAdmin`]; then nothing is changed.
    pub fn change(
        &self,
        name: &str,
        change: UserChange,
        now: Timestamp,
        recorder: &mut Recorder,
    ) -> Result<User, UserError> {
        let UserChange { role, locations, is_disabled, password } = change;
        let password = password.map(|password| checked_password(&password, name)).transpose()?;
        let session_key = new_session_key()?;
        self.0.change(|content| {
            let before = found(&content.users, name)?;
            let mut user = before.clone();
            user.role = role.unwrap_or(user.role);
            user.locations = locations.unwrap_or(user.locations);
            user.is_disabled = is_disabled.unwrap_or(user.is_disabled);
            let text = if password.is_some() { ", new password" } else { "" };
            if password.is_some() || user.is_disabled {
                user.session_key = session_key;
            }
            user.password = password.unwrap_or(user.password);
            check(&user)?;
            let users: Arc<[User]> = content
                .users
                .iter()
                .map(|other| if other.name == name { user.clone() } else { other.clone() })
                .collect();
            check_admins(&content.users, &users, name)?;
            let after = format!("{}{text}", user.text());
            let subject = format!("user/{name}");
            let change = Change { at: now, action: "user.change", subject, before: before.text(), after };
            recorder.write(change).map_err(UserError::NotRecorded)?;
            content.users = users;
            Ok(user)
        })
    }

    /// Takes a user away; the person's sessions end.
    ///
    /// # Errors
    /// [`UserError::NoSuchUser`], [`UserError::LastAdmin`], and where a file or the audit trail cannot be written.
    pub fn remove(&self, name: &str, now: Timestamp, recorder: &mut Recorder) -> Result<(), UserError> {
        self.0.change(|content| {
            let before = found(&content.users, name)?.text();
            let users: Arc<[User]> = content.users.iter().filter(|other| other.name != name).cloned().collect();
            check_admins(&content.users, &users, name)?;
            let subject = format!("user/{name}");
            let change = Change { at: now, action: "user.remove", subject, before, after: String::new() };
            recorder.write(change).map_err(UserError::NotRecorded)?;
            content.users = users;
            Ok(())
        })
    }
}

fn found<'a>(users: &'a [User], name: &str) -> Result<&'a User, UserError> {
    users.iter().find(|user| user.name == name).ok_or_else(|| UserError::NoSuchUser { name: name.to_owned() })
}

fn check(user: &User) -> Result<(), UserError> {
    match &user.locations {
        _ if !user.role.is_person() => Err(UserError::NotForPeople),
        Some(locations) if locations.is_empty() => Err(UserError::NoLocations),
        _ => Ok(()),
    }
}

/// Where there was an admin of all locations, there still is one.
fn check_admins(before: &[User], after: &[User], name: &str) -> Result<(), UserError> {
    let has_admin = |users: &[User]| users.iter().any(User::is_whole_admin);
    if has_admin(before) && !has_admin(after) {
        return Err(UserError::LastAdmin { name: name.to_owned() });
    }
    Ok(())
}

fn checked_password(password: &str, name: &str) -> Result<Hidden, UserError> {
    if let Some(reason) = passwords::refusal(password, name) {
        return Err(UserError::BadPassword { reason });
    }
    passwords::hashed(password).map(Hidden).map_err(UserError::NoRandomness)
}

fn new_session_key() -> Result<Hidden, UserError> {
    Ok(Hidden(random_bits().map_err(UserError::NoRandomness)?.to_hex().to_string()))
}
