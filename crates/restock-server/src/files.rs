//! Small files of JSON that a server reads at every request and other programs change: tokens, users, sessions, webhooks.
//!
//! A file is written whole or not at all, readable by its owner only, and read again when it has changed.

use std::fs::{self, File, Metadata};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A file cannot be read or written.
#[derive(Debug)]
pub(crate) struct FileError {
    /// `read` or `write`.
    pub(crate) verb: &'static str,
    pub(crate) path: PathBuf,
    pub(crate) reason: String,
}

/// What is in a file.
pub(crate) trait Content: Default + Clone + Serialize + DeserializeOwned {
    /// The version that this program writes.
    const VERSION: u32;

    /// The version that the file has.
    fn version(&mut self) -> &mut u32;
}

/// What tells one state of a file from another: every change makes a new file, so its number counts too where there is
/// one. Clocks of file systems are coarse.
type Stamp = (SystemTime, u64, u64);

#[derive(Debug)]
pub(crate) struct JsonFile<T> {
    path: PathBuf,
    /// `None` as a stamp: there was no file.
    cache: Mutex<Option<(Option<Stamp>, Arc<T>)>>,
}

impl<T: Content> JsonFile<T> {
    /// A file, which need not exist: then it is empty.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path, cache: Mutex::new(None) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What it holds now.
    pub(crate) fn get(&self) -> Result<Arc<T>, FileError> {
        let stamp = self.stamp()?;
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((seen, content)) = &*cache
            && *seen == stamp
        {
            return Ok(content.clone());
        }
        let content = Arc::new(self.read()?);
        *cache = Some((stamp, content.clone()));
        Ok(content)
    }

    /// Changes it; programs that do so at once come one after the other, and what fails changes nothing.
    pub(crate) fn change<R, E: From<FileError>>(&self, change: impl FnOnce(&mut T) -> Result<R, E>) -> Result<R, E> {
        let failed = |error: std::io::Error| self.error("write", error);
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        fs::create_dir_all(folder).map_err(failed)?;
        let lock = File::create(self.path.with_extension("lock")).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let mut content = self.read()?;
        let result = change(&mut content)?;
        *content.version() = T::VERSION;
        let json = serde_json::to_vec_pretty(&content).expect("records are JSON");
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
        Ok(result)
    }

    fn error(&self, verb: &'static str, reason: impl ToString) -> FileError {
        FileError { verb, path: self.path.clone(), reason: reason.to_string() }
    }

    fn stamp(&self) -> Result<Option<Stamp>, FileError> {
        match fs::metadata(&self.path) {
            Ok(metadata) => {
                let changed = metadata.modified().map_err(|error| self.error("read", error))?;
                Ok(Some((changed, metadata.len(), file_number(&metadata))))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.error("read", error)),
        }
    }

    fn read(&self) -> Result<T, FileError> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(T::default()),
            Err(error) => return Err(self.error("read", error)),
        };
        let mut content: T = serde_json::from_slice(&bytes).map_err(|error| self.error("read", error))?;
        let version = *content.version();
        if version != T::VERSION {
            let reason = format!("it has version {version}, this program knows version {}", T::VERSION);
            return Err(self.error("read", reason));
        }
        Ok(content)
    }
}

#[cfg(unix)]
fn file_number(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn file_number(_: &Metadata) -> u64 {
    0
}
