//! API tokens: which programs may use the server, in a file of the project's folder.
//!
//! A token is 256 random bits, shown once. The file keeps its BLAKE3 hash: nobody can guess 256 bits, so a slow hash as for
//! passwords would only slow down every request. The file is written whole or not at all, and a running server sees
//! the change with the next request: a revoked token is refused at once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use restock_ledger::LedgerError;
use serde::{Deserialize, Serialize};

use crate::access::{Role, scope_text};
use crate::files::{Content, FileError, JsonFile};
use crate::recorder::{COMMAND_LINE_ACTOR, Change, Recorder};

/// What every token begins with, so that scanners for secrets find one that leaked.
pub const PREFIX: &str = "restock_";
/// The longest name of a token, bytes.
pub const MAX_NAME_BYTES: usize = 100;

/// Who may use the server, as the file has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// Who: the name in the audit trail.
    pub name: String,
    /// What its owner may do.
    pub role: Role,
    /// The locations that it is about; `None` means all.
    pub locations: Option<Vec<String>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is refused; `None` means never.
    pub expires_at: Option<Timestamp>,
    /// Hash of the secret, hexadecimal.
    hash: String,
}

/// A token to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// Who: the name in the audit trail, unique in the file.
    pub name: String,
    /// What its owner may do.
    pub role: Role,
    /// The locations that it is about; `None` means all.
    pub locations: Option<Vec<String>>,
    /// From when on it is refused; `None` means never.
    pub expires_at: Option<Timestamp>,
}

/// Why the file of tokens cannot be used or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The file cannot be read or written.
    #[error("cannot {verb} the tokens {}: {reason}", path.display())]
    File {
        /// `read` or `write`.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The name is empty, too long, or has control characters or blanks at its ends.
    #[error("the name of a token is {got:?}, expected 1 to {MAX_NAME_BYTES} bytes without control characters")]
    BadName {
        /// The name.
        got: String,
    },
    /// The name stands for the program itself in the audit trail.
    #[error(
        "the name of a token is {got:?}, which stands for the program itself in the audit trail\n\nhint: choose a name that does not begin with \"restock\""
    )]
    ReservedName {
        /// The name.
        got: String,
    },
    /// A token without any location could do nothing.
    #[error("the list of locations is empty\n\nhint: name a location, or leave the list out for all of them")]
    NoLocations,
    /// The name is taken.
    #[error("there is a token {name:?} already\n\nhint: choose another name, or revoke that token first")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// There is no such token.
    #[error("there is no token {name:?}")]
    NoSuchToken {
        /// The name.
        name: String,
    },
    /// The operating system gave no random numbers.
    #[error("the system gives no random numbers: {0}")]
    NoRandomness(String),
    /// The audit trail could not be written, so nothing was changed.
    #[error("the audit trail cannot be written, nothing was changed: {0}")]
    NotRecorded(LedgerError),
}

impl From<FileError> for TokenError {
    fn from(FileError { verb, path, reason }: FileError) -> Self {
        Self::File { verb, path, reason }
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenList {
    version: u32,
    tokens: Arc<[Token]>,
}

impl Content for TokenList {
    const VERSION: u32 = 1;

    fn version(&mut self) -> &mut u32 {
        &mut self.version
    }
}

/// The tokens of a project.
#[derive(Debug)]
pub struct Tokens(JsonFile<TokenList>);

impl Tokens {
    /// The tokens in a file; no file means no tokens.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(JsonFile::at(path.into()))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// All tokens in the order in which they were made; the file is read again when it has changed.
    ///
    /// # Errors
    /// [`TokenError::File`] when it cannot be read; then nobody may be let in.
    pub fn list(&self) -> Result<Arc<[Token]>, TokenError> {
        Ok(self.0.get()?.tokens.clone())
    }

    /// The token with a secret. All hashes are compared, each in constant time.
    ///
    /// # Errors
    /// As for [`Tokens::list`].
    pub fn find(&self, secret: &str) -> Result<Option<Token>, TokenError> {
        let hash = blake3::hash(secret.as_bytes());
        let mut found = None;
        for token in &*self.list()? {
            // The equality of blake3 hashes takes the same time wherever they differ.
            if blake3::Hash::from_hex(&token.hash).is_ok_and(|stored| stored == hash) {
                found = Some(token.clone());
            }
        }
        Ok(found)
    }

    /// Makes a token and returns its secret, which is kept nowhere. Where there is an audit trail, use
    /// [`Tokens::create_recorded`].
    ///
    /// # Errors
    /// [`TokenError`] when the name is bad or taken, or the file cannot be written; then there is no new token.
    pub fn create(&self, new: NewToken, now: Timestamp) -> Result<String, TokenError> {
        self.create_recorded(new, now, &mut Recorder::new("", &mut |_| Ok(())))
    }

    /// Makes a token, after that was written to the audit trail, and returns its secret, which is kept nowhere.
    ///
    /// # Errors
    /// As for [`Tokens::create`], and [`TokenError::NotRecorded`]; then there is no new token.
    pub fn create_recorded(
        &self,
        new: NewToken,
        now: Timestamp,
        recorder: &mut Recorder,
    ) -> Result<String, TokenError> {
        let NewToken { name, role, locations, expires_at } = new;
        if !is_name(&name) {
            return Err(TokenError::BadName { got: name });
        }
        if is_reserved(&name) {
            return Err(TokenError::ReservedName { got: name });
        }
        if locations.as_ref().is_some_and(Vec::is_empty) {
            return Err(TokenError::NoLocations);
        }
        let secret = format!("{PREFIX}{}", random_bits().map_err(TokenError::NoRandomness)?.to_hex());
        let hash = blake3::hash(secret.as_bytes()).to_hex().to_string();
        self.0.change(|content| {
            if content.tokens.iter().any(|token| token.name == name) {
                return Err(TokenError::NameTaken { name });
            }
            let expiry = expires_at.map_or("without end".to_owned(), |at| format!("until {at}"));
            let after = format!("{} {} {expiry}", role.name(), scope_text(locations.as_deref()));
            let change = Change {
                at: now,
                action: "token.create",
                subject: format!("token/{name}"),
                before: String::new(),
                after,
            };
            recorder.write(change).map_err(TokenError::NotRecorded)?;
            let token = Token { name, role, locations, created_at: now, expires_at, hash };
            content.tokens = content.tokens.iter().cloned().chain([token]).collect();
            Ok(())
        })?;
        Ok(secret)
    }

    /// Takes a token away; a running server refuses it from now on. Where there is an audit trail, use
    /// [`Tokens::revoke_recorded`].
    ///
    /// # Errors
    /// [`TokenError::NoSuchToken`], and [`TokenError::File`] when the file cannot be written.
    pub fn revoke(&self, name: &str) -> Result<(), TokenError> {
        self.revoke_recorded(name, Timestamp::UNIX_EPOCH, &mut Recorder::new("", &mut |_| Ok(())))
    }

    /// Takes a token away, after that was written to the audit trail.
    ///
    /// # Errors
    /// As for [`Tokens::revoke`], and [`TokenError::NotRecorded`]; then it stays.
    pub fn revoke_recorded(&self, name: &str, now: Timestamp, recorder: &mut Recorder) -> Result<(), TokenError> {
        self.0.change(|content| {
            let Some(token) = content.tokens.iter().find(|token| token.name == name) else {
                return Err(TokenError::NoSuchToken { name: name.to_owned() });
            };
            let before = format!("{} {}", token.role.name(), scope_text(token.locations.as_deref()));
            let subject = format!("token/{name}");
            let change = Change { at: now, action: "token.revoke", subject, before, after: String::new() };
            recorder.write(change).map_err(TokenError::NotRecorded)?;
            content.tokens = content.tokens.iter().filter(|token| token.name != name).cloned().collect();
            Ok(())
        })
    }
}

/// Whether `name` may be a name of a token or user: 1 to [`MAX_NAME_BYTES`] bytes that show in the audit trail as they are.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&name.len()) && !name.chars().any(char::is_control) && name.trim() == name
}

/// Whether `name` is one by which the audit trail names the program itself, in capitals or not.
pub fn is_reserved(name: &str) -> bool {
    let folded = name.to_lowercase();
    folded == COMMAND_LINE_ACTOR || folded == "restock" || folded.starts_with("restock-")
}

/// What the first person shows to become a user: 128 bits by chance, hexadecimal.
///
/// # Errors
/// A sentence, when the system gives no randomness.
pub fn new_code() -> Result<String, String> {
    Ok(random_bits()?.to_hex()[..32].to_owned())
}

/// 256 bits that nobody can guess.
pub(crate) fn random_bits() -> Result<blake3::Hash, String> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits).map_err(|error| error.to_string())?;
    Ok(blake3::Hash::from_bytes(bits))
}
