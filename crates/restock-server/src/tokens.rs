//! API tokens: who may use the server, in a file of the project's folder.
//!
//! A token is 256 random bits, shown once. The file keeps its BLAKE3 hash: nobody can guess 256 bits, so a slow hash as for
//! passwords would only slow down every request. The file is written whole or not at all, and a running server sees
//! the change with the next request: a revoked token is refused at once.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::access::Role;

/// What every token begins with, so that scanners for secrets find one that leaked.
pub const PREFIX: &str = "restock_";
/// The longest name of a token, bytes.
pub const MAX_NAME_BYTES: usize = 100;
const VERSION: u32 = 1;

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

impl Token {
    /// Whether it is about everything that happens at `location_id`; `None` stands for all locations.
    pub fn covers(&self, location_id: Option<&str>) -> bool {
        match (&self.locations, location_id) {
            (None, _) => true,
            (Some(own), Some(location_id)) => own.iter().any(|own| own == location_id),
            (Some(_), None) => false,
        }
    }
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
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    tokens: Vec<Token>,
}

/// When the file was changed last, and its length; `None` when there is none.
type Stamp = Option<(SystemTime, u64)>;

/// The tokens of a project.
#[derive(Debug)]
pub struct Tokens {
    path: PathBuf,
    cache: Mutex<Option<(Stamp, Arc<[Token]>)>>,
}

impl Tokens {
    /// The tokens in a file; no file means no tokens.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), cache: Mutex::new(None) }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All tokens in the order in which they were made; the file is read again when it has changed.
    ///
    /// # Errors
    /// [`TokenError::File`] when it cannot be read; then nobody may be let in.
    pub fn list(&self) -> Result<Arc<[Token]>, TokenError> {
        let stamp = self.stamp()?;
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((seen, tokens)) = &*cache
            && *seen == stamp
        {
            return Ok(tokens.clone());
        }
        let tokens: Arc<[Token]> = self.read()?.tokens.into();
        *cache = Some((stamp, tokens.clone()));
        Ok(tokens)
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

    /// Makes a token and returns its secret, which is kept nowhere.
    ///
    /// # Errors
    /// [`TokenError`] when the name is bad or taken, or the file cannot be written; then there is no new token.
    pub fn create(&self, new: NewToken, now: Timestamp) -> Result<String, TokenError> {
        let NewToken { name, role, locations, expires_at } = new;
        let is_bad = name.is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control);
        if is_bad || name.trim() != name {
            return Err(TokenError::BadName { got: name });
        }
        if locations.as_ref().is_some_and(Vec::is_empty) {
            return Err(TokenError::NoLocations);
        }
        let mut bits = [0; 32];
        getrandom::fill(&mut bits).map_err(|error| TokenError::NoRandomness(error.to_string()))?;
        let secret = format!("{PREFIX}{}", blake3::Hash::from_bytes(bits).to_hex());
        let hash = blake3::hash(secret.as_bytes()).to_hex().to_string();
        self.change(|tokens| {
            if tokens.iter().any(|token| token.name == name) {
                return Err(TokenError::NameTaken { name });
            }
            tokens.push(Token { name, role, locations, created_at: now, expires_at, hash });
            Ok(())
        })?;
        Ok(secret)
    }

    /// Takes a token away; a running server refuses it from now on.
    ///
    /// # Errors
    /// [`TokenError::NoSuchToken`], and [`TokenError::File`] when the file cannot be written.
    pub fn revoke(&self, name: &str) -> Result<(), TokenError> {
        self.change(|tokens| {
            let idx = tokens.iter().position(|token| token.name == name);
            let idx = idx.ok_or_else(|| TokenError::NoSuchToken { name: name.to_owned() })?;
            tokens.remove(idx);
            Ok(())
        })
    }

    fn file_error(&self, verb: &'static str, reason: impl ToString) -> TokenError {
        TokenError::File { verb, path: self.path.clone(), reason: reason.to_string() }
    }

    fn stamp(&self) -> Result<Stamp, TokenError> {
        match fs::metadata(&self.path) {
            Ok(metadata) => {
                let changed = metadata.modified().map_err(|error| self.file_error("read", error))?;
                Ok(Some((changed, metadata.len())))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.file_error("read", error)),
        }
    }

    fn read(&self) -> Result<Content, TokenError> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Content::default()),
            Err(error) => return Err(self.file_error("read", error)),
        };
        let content: Content = serde_json::from_slice(&bytes).map_err(|error| self.file_error("read", error))?;
        if content.version != VERSION {
            let reason = format!("it has version {}, this program knows version {VERSION}", content.version);
            return Err(self.file_error("read", reason));
        }
        Ok(content)
    }

    /// Changes the file; two programs that do so at once come one after the other.
    fn change(&self, change: impl FnOnce(&mut Vec<Token>) -> Result<(), TokenError>) -> Result<(), TokenError> {
        let failed = |error: std::io::Error| self.file_error("write", error);
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        fs::create_dir_all(folder).map_err(failed)?;
        let lock = File::create(self.path.with_extension("lock")).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let mut tokens = self.read()?.tokens;
        change(&mut tokens)?;
        let json = serde_json::to_vec_pretty(&Content { version: VERSION, tokens }).expect("tokens are JSON");
        // Only the owner may read a temporary file, and it keeps that when it takes the name.
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        file.write_all(&json).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&self.path).map_err(|error| failed(error.error))?;
        // The name reaches the disk with the folder; not every system lets one flush a folder.
        if let Ok(folder) = File::open(folder) {
            let _ = folder.sync_all();
        }
        *self.cache.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }
}
