//! Weights of the learned policy that were fitted to a project's own items, in `.restock/learned_policy.safetensors`.
//!
//! `restock train --env portfolio` writes them, every plan and replay of the project uses them, and deleting the file goes
//! back to the shipped ones. Other weights watch anew; see [`crate::shadow`].

use std::path::{Path, PathBuf};

use restock_core::settings::PolicyWeights;
use restock_learning::PretrainedPolicy;

use crate::error::CliError;

/// The file of a project.
pub(crate) fn path(dir: &Path) -> PathBuf {
    dir.join(".restock").join("learned_policy.safetensors")
}

/// The weights of a project, if it has its own.
///
/// # Errors
/// A file that cannot be read or holds something else.
pub(crate) fn read(dir: &Path) -> Result<Option<PolicyWeights>, CliError> {
    let path = path(dir);
    if !path.exists() {
        return Ok(None);
    }
    let fails = |reason: String| {
        CliError::usage(format!("cannot read {}: {reason}", path.display()))
            .hint("delete it to go back to the shipped policy, or fit again with `restock train --env portfolio`")
    };
    let bytes = std::fs::read(&path).map_err(|error| fails(error.to_string()))?;
    let policy = PretrainedPolicy::from_bytes(&bytes).map_err(|error| fails(error.to_string()))?;
    Ok(Some(policy.weights()))
}

/// Writes the weights of a project; the file appears whole or not at all.
///
/// # Errors
/// A folder that cannot be written.
pub(crate) fn write(dir: &Path, weights: &PolicyWeights) -> Result<PathBuf, CliError> {
    let path = path(dir);
    let fails = |error: std::io::Error| CliError::usage(format!("cannot write {}: {error}", path.display()));
    let folder = path.parent().expect("a file in a folder");
    std::fs::create_dir_all(folder).map_err(fails)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(fails)?;
    std::io::Write::write_all(&mut file, &weights.bytes).map_err(fails)?;
    file.persist(&path).map_err(|error| fails(error.error))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_a_project_are_read_back_and_others_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()).unwrap(), None);
        let weights = PretrainedPolicy::shipped().weights();
        write(dir.path(), &weights).unwrap();
        assert_eq!(read(dir.path()).unwrap(), Some(weights));
        std::fs::write(path(dir.path()), b"nonsense").unwrap();
        let error = read(dir.path()).unwrap_err();
        assert!(format!("{error:?}").contains("learned_policy.safetensors"), "{error:?}");
    }
}
