//! Versions of the pretrained model in a project: saved, listed, promoted, rolled back.
//!
//! A folder holds `v1.safetensors`, `v2.safetensors`, … ([`super::adapter`]), beside each its hash as `sha256sum` writes
//! and checks it (`v1.sha256`), and `active.json`: which version is used, those used before it, and who changed that when.
//! Versions never change once written, and every file appears complete or not at all.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::adapter::{Adapter, AdapterError, Base, Card, card_of, sha256};
use super::score::LEAST_IMPROVEMENT;
use crate::config::ModelConfig;

/// The name under which the model as shipped is promoted.
pub const SHIPPED: &str = "shipped";

const POINTER: &str = "active.json";

/// The versions in a folder; the folder need not exist.
#[derive(Clone, Debug)]
pub struct Registry {
    folder: PathBuf,
}

/// A version as it lies in the folder.
#[derive(Debug)]
pub struct Version {
    /// `v1`, `v2`, …
    pub name: String,
    /// Hash of its file, hexadecimal; empty where the file cannot be read.
    pub sha256: String,
    /// Its card; what is wrong where it cannot be read or the file is not the one that was saved.
    pub card: Result<Card, RegistryError>,
}

/// What is used, and how it came to that.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pointer {
    /// Versions in the order in which they were promoted, without those rolled back; the last is active. `None` is the
    /// model as shipped, and so is an empty list.
    pub promoted: Vec<Option<String>>,
    /// Every change, oldest first.
    pub history: Vec<Entry>,
}

/// One change of what is used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// `promote` or `rollback`.
    pub action: String,
    /// Active before; `None` is the model as shipped.
    pub from: Option<String>,
    /// Active after.
    pub to: Option<String>,
    /// The day of the change.
    pub day: String,
    /// Why a version without evidence was promoted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Why the registry refuses.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A file cannot be read or written.
    #[error("{path} {reason}")]
    File {
        /// The file.
        path: String,
        /// What went wrong.
        reason: String,
    },
    /// There is no such version.
    #[error("version \"{name}\" is not known, expected one of {known}")]
    Unknown {
        /// The name.
        name: String,
        /// Names there are.
        known: String,
    },
    /// A file is not the one that was saved.
    #[error("{path} has SHA-256 {got}, {expected} was saved: the file was changed or damaged")]
    Changed {
        /// The file.
        path: String,
        /// Its hash.
        got: String,
        /// The hash that was saved with it.
        expected: String,
    },
    /// A file is no adapter of these weights.
    #[error("{path}: {source}")]
    Adapter {
        /// The file.
        path: String,
        /// What is wrong with it.
        source: AdapterError,
    },
    /// A version is not better than the model as shipped.
    #[error(
        "version \"{name}\" may not be used: {found}, at least {:.0} % better than the shipped model is expected",
        100.0 * LEAST_IMPROVEMENT
    )]
    NotBetter {
        /// The version.
        name: String,
        /// What its card says.
        found: String,
    },
    /// There was nothing before.
    #[error("nothing to roll back: no version was promoted")]
    NothingBefore,
}

impl RegistryError {
    fn file(path: &Path, what: &str, error: &std::io::Error) -> Self {
        Self::File { path: path.display().to_string(), reason: format!("{what}: {error}") }
    }
}

impl Registry {
    /// The registry of a folder. Nothing is read yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The file of a version.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.safetensors"))
    }

    /// Names of all versions, oldest first.
    ///
    /// # Errors
    /// [`RegistryError::File`] where the folder cannot be read.
    pub fn names(&self) -> Result<Vec<String>, RegistryError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(RegistryError::file(&self.folder, "cannot be read", &error)),
        };
        let mut numbers = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| RegistryError::file(&self.folder, "cannot be read", &error))?;
            numbers.extend(number_of(&entry.file_name().to_string_lossy(), ".safetensors"));
        }
        numbers.sort_unstable();
        Ok(numbers.into_iter().map(|number| format!("v{number}")).collect())
    }

    /// Every version, oldest first; one that cannot be used is listed with what is wrong with it.
    ///
    /// # Errors
    /// [`RegistryError::File`] where the folder cannot be read.
    pub fn versions(&self) -> Result<Vec<Version>, RegistryError> {
        Ok(self.names()?.into_iter().map(|name| self.version(name)).collect())
    }

    /// The card of a version.
    ///
    /// # Errors
    /// [`RegistryError`] where its file cannot be read, was changed, or has no card.
    pub fn card(&self, name: &str) -> Result<Card, RegistryError> {
        self.card_in(name, &self.read_checked(name)?)
    }

    fn card_in(&self, name: &str, bytes: &[u8]) -> Result<Card, RegistryError> {
        card_of(bytes).map_err(|source| RegistryError::Adapter { path: self.path(name).display().to_string(), source })
    }

    fn version(&self, name: String) -> Version {
        let read = self.read_checked(&name);
        let sha256 = match &read {
            Ok(bytes) => sha256(bytes),
            Err(RegistryError::Changed { got, .. }) => got.clone(),
            Err(_) => String::new(),
        };
        let card = read.and_then(|bytes| self.card_in(&name, &bytes));
        Version { name, sha256, card }
    }

    /// The bytes of a version, if they are those that were saved.
    fn read_checked(&self, name: &str) -> Result<Vec<u8>, RegistryError> {
        let path = self.path(name);
        let bytes = fs::read(&path).map_err(|error| RegistryError::file(&path, "cannot be read", &error))?;
        let hash_path = self.folder.join(format!("{name}.sha256"));
        let text = fs::read_to_string(&hash_path)
            .map_err(|error| RegistryError::file(&hash_path, "cannot be read", &error))?;
        let expected = text.split_whitespace().next().unwrap_or_default().to_owned();
        let got = sha256(&bytes);
        if got != expected {
            return Err(RegistryError::Changed { path: path.display().to_string(), got, expected });
        }
        Ok(bytes)
    }

    /// The adapter of a version.
    ///
    /// # Errors
    /// [`RegistryError`] where there is none, its file was changed, or it is one of other weights.
    pub fn load(&self, name: &str, base: Base) -> Result<Adapter, RegistryError> {
        self.require(name)?;
        let bytes = self.read_checked(name)?;
        Adapter::from_bytes(&bytes, base)
            .map_err(|source| RegistryError::Adapter { path: self.path(name).display().to_string(), source })
    }

    fn require(&self, name: &str) -> Result<(), RegistryError> {
        let names = self.names()?;
        if names.iter().any(|known| known == name) {
            return Ok(());
        }
        let known: Vec<&str> = std::iter::once(SHIPPED).chain(names.iter().map(String::as_str)).collect();
        Err(RegistryError::Unknown { name: name.to_owned(), known: known.join(", ") })
    }

    /// What is used, and how it came to that.
    ///
    /// # Errors
    /// [`RegistryError::File`] where it cannot be read.
    pub fn pointer(&self) -> Result<Pointer, RegistryError> {
        let path = self.folder.join(POINTER);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| RegistryError::File {
                path: path.display().to_string(),
                reason: format!("cannot be understood: {error}"),
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Pointer::default()),
            Err(error) => Err(RegistryError::file(&path, "cannot be read", &error)),
        }
    }

    /// The active version; `None` is the model as shipped.
    ///
    /// # Errors
    /// [`RegistryError::File`] where it cannot be read.
    pub fn active(&self) -> Result<Option<String>, RegistryError> {
        Ok(self.pointer()?.active().map(str::to_owned))
    }

    /// Saves an adapter as the next version and returns its name. It is not used until it is promoted.
    ///
    /// # Errors
    /// [`RegistryError`] where it cannot be written.
    pub fn save(&self, adapter: &Adapter, config: &ModelConfig) -> Result<String, RegistryError> {
        let refuse = |source| RegistryError::Adapter { path: self.folder.display().to_string(), source };
        let bytes = adapter.to_bytes(config).map_err(refuse)?;
        fs::create_dir_all(&self.folder)
            .map_err(|error| RegistryError::file(&self.folder, "cannot be made", &error))?;
        let mut number = 1 + self.names()?.last().and_then(|name| name[1..].parse::<u32>().ok()).unwrap_or(0);
        loop {
            let name = format!("v{number}");
            let hash_path = self.folder.join(format!("{name}.sha256"));
            let hash = format!("{}  {name}.safetensors\n", sha256(&bytes));
            // The hash comes first and holds the place: whoever finds it taken takes the next number.
            if self.write(&hash_path, hash.as_bytes(), false)? {
                self.write(&self.path(&name), &bytes, true)?;
                return Ok(name);
            }
            number += 1;
        }
    }

    /// Writes a file, complete or not at all; `false` where it is there and may not be replaced.
    fn write(&self, path: &Path, bytes: &[u8], replace: bool) -> Result<bool, RegistryError> {
        let failed = |error: std::io::Error| RegistryError::file(path, "cannot be written", &error);
        let mut file = tempfile::NamedTempFile::new_in(&self.folder).map_err(failed)?;
        file.write_all(bytes).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        let done = if replace { file.persist(path) } else { file.persist_noclobber(path) };
        match done {
            Ok(_) => Ok(true),
            Err(error) if !replace && error.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(failed(error.error)),
        }
    }

    /// Makes a version, or the model as shipped, the one that is used.
    ///
    /// # Errors
    /// [`RegistryError`] where it cannot be loaded, or its card does not say that it is better than the model as shipped;
    /// the latter not where a `reason` is given, which is written down.
    pub fn promote(&self, name: &str, reason: Option<&str>, day: &str, base: Base) -> Result<Entry, RegistryError> {
        let to = if name == SHIPPED { None } else { Some(name.to_owned()) };
        if to.is_some() {
            let adapter = self.load(name, base)?;
            let found = match adapter.card.evidence {
                None => Some("nothing shows that it is better".to_owned()),
                Some(evidence) if !evidence.is_better() => Some(format!(
                    "its scaled quantile loss is {:.4} against {:.4} of the shipped model",
                    evidence.tuned.sql.value, evidence.zero_shot.sql.value
                )),
                Some(_) => None,
            };
            if let (Some(found), None) = (found, reason) {
                return Err(RegistryError::NotBetter { name: name.to_owned(), found });
            }
        }
        let mut pointer = self.pointer()?;
        let from = pointer.active().map(str::to_owned);
        pointer.promoted.push(to.clone());
        self.change(pointer, "promote", from, to, day, reason)
    }

    /// Goes back to what was used before the last promotion.
    ///
    /// # Errors
    /// [`RegistryError::NothingBefore`] where nothing was promoted.
    pub fn roll_back(&self, day: &str) -> Result<Entry, RegistryError> {
        let mut pointer = self.pointer()?;
        let from = pointer.promoted.pop().ok_or(RegistryError::NothingBefore)?;
        let to = pointer.active().map(str::to_owned);
        if let Some(name) = &to {
            self.require(name)?;
        }
        self.change(pointer, "rollback", from, to, day, None)
    }

    fn change(
        &self,
        mut pointer: Pointer,
        action: &str,
        from: Option<String>,
        to: Option<String>,
        day: &str,
        reason: Option<&str>,
    ) -> Result<Entry, RegistryError> {
        let entry = Entry { action: action.into(), from, to, day: day.into(), reason: reason.map(str::to_owned) };
        pointer.history.push(entry.clone());
        fs::create_dir_all(&self.folder)
            .map_err(|error| RegistryError::file(&self.folder, "cannot be made", &error))?;
        let text = serde_json::to_vec_pretty(&pointer).expect("a pointer is plain data");
        self.write(&self.folder.join(POINTER), &text, true)?;
        Ok(entry)
    }
}

impl Pointer {
    /// The active version; `None` is the model as shipped.
    pub fn active(&self) -> Option<&str> {
        self.promoted.last().and_then(Option::as_deref)
    }
}

/// The number of a file `v7.safetensors`.
fn number_of(file: &str, ending: &str) -> Option<u32> {
    let number = file.strip_suffix(ending)?.strip_prefix('v')?;
    number.parse().ok().filter(|parsed: &u32| parsed.to_string() == number)
}

#[cfg(test)]
mod tests {
    use super::super::adapter::Method;
    use super::super::adapter::tests::{adapter, tiny};
    use super::super::score::tests::evidence;
    use super::*;

    #[test]
    fn versions_are_saved_promoted_and_rolled_back() {
        let (folder, weights) = (tempfile::tempdir().unwrap(), tiny());
        let base = Base { weights: &weights, sha256: "abc" };
        let registry = Registry::new(folder.path().join("models"));
        assert_eq!((registry.names().unwrap(), registry.active().unwrap()), (vec![], None));
        let saved = adapter(Method::Head, base);
        assert_eq!(registry.save(&saved, weights.config()).unwrap(), "v1");
        assert_eq!(registry.save(&adapter(Method::Lora, base), weights.config()).unwrap(), "v2");
        assert_eq!(registry.active().unwrap(), None, "saved is not promoted");
        assert_eq!(registry.load("v1", base).unwrap(), saved);

        let active = || registry.active().unwrap();
        registry.promote("v1", None, "2026-03-02", base).unwrap();
        registry.promote("v2", None, "2026-03-03", base).unwrap();
        assert_eq!(active().as_deref(), Some("v2"));
        registry.roll_back("2026-03-04").unwrap();
        assert_eq!(active().as_deref(), Some("v1"));
        registry.promote(SHIPPED, None, "2026-03-05", base).unwrap();
        assert_eq!(active(), None);
        registry.roll_back("2026-03-06").unwrap();
        assert_eq!(active().as_deref(), Some("v1"));
        registry.roll_back("2026-03-07").unwrap();
        assert_eq!(active(), None);
        insta::assert_snapshot!(registry.roll_back("2026-03-08").unwrap_err(), @"nothing to roll back: no version was promoted");
        let changes: Vec<String> = (registry.pointer().unwrap().history.iter())
            .map(|entry| format!("{} {}", entry.action, entry.to.as_deref().unwrap_or(SHIPPED)))
            .collect();
        let expected =
            ["promote v1", "promote v2", "rollback v1", "promote shipped", "rollback v1", "rollback shipped"];
        assert_eq!(changes, expected);
    }

    #[test]
    fn what_is_not_better_needs_a_reason() {
        let (folder, weights) = (tempfile::tempdir().unwrap(), tiny());
        let base = Base { weights: &weights, sha256: "abc" };
        let registry = Registry::new(folder.path());
        let mut worse = adapter(Method::Head, base);
        worse.card.evidence = Some(evidence(|_| 0.995));
        registry.save(&worse, weights.config()).unwrap();
        worse.card.evidence = None;
        registry.save(&worse, weights.config()).unwrap();
        let refusal = |name: &str| registry.promote(name, None, "2026-03-02", base).unwrap_err().to_string();
        insta::assert_snapshot!(refusal("v1"), @r#"version "v1" may not be used: its scaled quantile loss is 0.6915 against 0.6950 of the shipped model, at least 1 % better than the shipped model is expected"#);
        insta::assert_snapshot!(refusal("v2"), @r#"version "v2" may not be used: nothing shows that it is better, at least 1 % better than the shipped model is expected"#);
        insta::assert_snapshot!(refusal("v7"), @r#"version "v7" is not known, expected one of shipped, v1, v2"#);
        let entry = registry.promote("v2", Some("a trial in two shops"), "2026-03-02", base).unwrap();
        assert_eq!(entry.reason.as_deref(), Some("a trial in two shops"));
        assert_eq!(registry.active().unwrap().as_deref(), Some("v2"));
    }

    #[test]
    fn damaged_files_are_listed_and_refused() {
        let (folder, weights) = (tempfile::tempdir().unwrap(), tiny());
        let base = Base { weights: &weights, sha256: "abc" };
        let registry = Registry::new(folder.path());
        for method in [Method::Head, Method::Calibrate] {
            registry.save(&adapter(method, base), weights.config()).unwrap();
        }
        let path = registry.path("v1");
        let mut bytes = fs::read(&path).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(&path, bytes).unwrap();
        let versions = registry.versions().unwrap();
        assert!(matches!(versions[0].card, Err(RegistryError::Changed { .. })) && versions[1].card.is_ok());
        assert!(matches!(registry.load("v1", base), Err(RegistryError::Changed { .. })));
        assert!(matches!(registry.promote("v1", Some("all the same"), "d", base), Err(RegistryError::Changed { .. })));
        // A file of which only the hash was written keeps its number.
        fs::write(folder.path().join("v3.sha256"), "00  v3.safetensors\n").unwrap();
        assert_eq!(registry.save(&adapter(Method::Full, base), weights.config()).unwrap(), "v4");
        // Files of others are no versions.
        fs::write(folder.path().join("v05.safetensors"), "").unwrap();
        assert_eq!(registry.names().unwrap(), ["v1", "v2", "v4"]);
    }
}
