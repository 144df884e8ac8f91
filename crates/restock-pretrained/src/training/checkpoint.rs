//! Checkpoints of a training, the same for every backend.
//!
//! A checkpoint is a folder of small files, none above 15 MB, so that it passes through narrow channels. `state.json` is
//! written last and names the others; files it does not name are removed.

use std::collections::HashMap;
use std::path::Path;

use half::{bf16, f16};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};

use super::TrainingError;
use super::adamw::OptimiserState;
use crate::config::ModelConfig;
use crate::weights::{StoredAs, Weights, WeightsError};

/// The most bytes of values in one file of a checkpoint.
const MAX_SHARD_BYTES: usize = 15_000_000;

/// The file that names the others.
const STATE_FILE: &str = "state.json";

/// Where a training stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingState {
    /// The network that is trained.
    pub config: ModelConfig,
    /// Steps that are done.
    pub step: u64,
    /// Series seen.
    pub n_series: u64,
    /// Seconds of training in all runs.
    pub seconds: f64,
    /// Seed of the first weights.
    pub seed: u64,
}

/// How exactly a checkpoint keeps what it keeps. Weights are exact always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Every number as it is: a training resumed is the training uninterrupted, bit by bit.
    Exactly,
    /// Moments in bfloat16, the average in half precision: half the bytes, for devices whose steps differ in the last
    /// digits anyway.
    Compactly,
}

#[derive(Serialize, Deserialize)]
struct StateFile {
    #[serde(flatten)]
    state: TrainingState,
    files: Vec<String>,
}

/// Writes a checkpoint into `folder`, which is made if it is not there.
///
/// # Errors
/// When a file cannot be written, or a weight is not finite or too large for half precision.
pub fn save(folder: &Path, state: &TrainingState, optimiser: &OptimiserState, kept: Kept) -> Result<(), TrainingError> {
    std::fs::create_dir_all(folder).map_err(|source| file(folder, source))?;
    let step = state.step;
    let mut files = vec![format!("model-{step}.safetensors")];
    write_model(&folder.join(&files[0]), &state.config, &optimiser.average)?;
    let mut arrays = vec![("weights", &optimiser.weights, Dtype::F32)];
    let moments = if kept == Kept::Exactly { Dtype::F32 } else { Dtype::BF16 };
    arrays.extend([("first_moment", &optimiser.first_moment, moments)]);
    arrays.extend([("second_moment", &optimiser.second_moment, moments)]);
    if kept == Kept::Exactly {
        arrays.push(("average", &optimiser.average, Dtype::F32));
    }
    for (name, values, dtype) in arrays {
        let width = if dtype == Dtype::F32 { 4 } else { 2 };
        for (idx, shard) in values.chunks(MAX_SHARD_BYTES / width).enumerate() {
            let file_name = format!("{name}-{step}-{idx}.safetensors");
            write_array(&folder.join(&file_name), name, shard, dtype)?;
            files.push(file_name);
        }
    }
    let text = serde_json::to_vec_pretty(&StateFile { state: state.clone(), files: files.clone() });
    write_atomically(&folder.join(STATE_FILE), &text.expect("a state is JSON"))?;
    for entry in std::fs::read_dir(folder).map_err(|source| file(folder, source))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".safetensors") && !files.contains(&name) {
            std::fs::remove_file(entry.path()).map_err(|source| file(&entry.path(), source))?;
        }
    }
    Ok(())
}

/// Reads the checkpoint in `folder`; `None` if there is none.
///
/// # Errors
/// When a file is missing or damaged, or the checkpoint is of another network than `config`.
pub fn load(folder: &Path, config: &ModelConfig) -> Result<Option<(TrainingState, OptimiserState)>, TrainingError> {
    let path = folder.join(STATE_FILE);
    if !path.exists() {
        return Ok(None);
    }
    let StateFile { state, files } = serde_json::from_slice(&read(&path)?).map_err(|error| content(&path, error))?;
    if state.config != *config {
        let what = format!("checkpoint of {:?}, expected one of {config:?}", state.config);
        return Err(TrainingError::Content { path: path.display().to_string(), what });
    }
    let array = |name: &str| -> Result<Vec<f32>, TrainingError> {
        let mut values = Vec::new();
        for file_name in files.iter().filter(|file_name| file_name.starts_with(&format!("{name}-"))) {
            values.extend(read_array(&folder.join(file_name), name)?);
        }
        if values.len() != config.n_parameters() {
            let what = format!("{name} has {} values, expected {}", values.len(), config.n_parameters());
            return Err(TrainingError::Content { path: path.display().to_string(), what });
        }
        Ok(values)
    };
    let average = match files.iter().any(|name| name.starts_with("average-")) {
        true => array("average")?,
        false => read_model(&folder.join(&files[0]), config)?,
    };
    let optimiser = OptimiserState {
        weights: array("weights")?,
        average,
        first_moment: array("first_moment")?,
        second_moment: array("second_moment")?,
    };
    Ok(Some((state, optimiser)))
}

/// Writes a weights file in half precision from all parameters in a row.
///
/// # Errors
/// When the file cannot be written, or a weight is not finite or too large for half precision.
pub fn write_model(path: &Path, config: &ModelConfig, flat: &[f32]) -> Result<(), TrainingError> {
    let written = Weights::from_flat(config, flat).and_then(|weights| weights.write(path, StoredAs::F16));
    written.map_err(|error| weights_error(path, error))
}

/// All parameters of a weights file in a row.
///
/// # Errors
/// When the file cannot be read, or is one of another network than `config`.
pub fn read_model(path: &Path, config: &ModelConfig) -> Result<Vec<f32>, TrainingError> {
    let weights = Weights::read(path).map_err(|error| weights_error(path, error))?;
    if weights.config() != config {
        return Err(content(path, format!("weights of {:?}, expected {config:?}", weights.config())));
    }
    Ok(weights.to_flat())
}

fn write_array(path: &Path, name: &str, values: &[f32], dtype: Dtype) -> Result<(), TrainingError> {
    let bytes: Vec<u8> = match dtype {
        Dtype::BF16 => values.iter().flat_map(|&value| bf16::from_f32(value).to_le_bytes()).collect(),
        _ => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
    };
    let view = TensorView::new(dtype, vec![values.len()], &bytes).expect("bytes match the shape");
    let bytes = safetensors::serialize([(name, view)], None::<HashMap<String, String>>)
        .map_err(|error| content(path, error))?;
    write_atomically(path, &bytes)
}

fn read_array(path: &Path, name: &str) -> Result<Vec<f32>, TrainingError> {
    let bytes = read(path)?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|error| content(path, error))?;
    let view = tensors.tensor(name).map_err(|error| content(path, error))?;
    let data = view.data();
    Ok(match view.dtype() {
        Dtype::F16 => data.as_chunks().0.iter().map(|&bytes| f16::from_le_bytes(bytes).to_f32()).collect(),
        Dtype::BF16 => data.as_chunks().0.iter().map(|&bytes| bf16::from_le_bytes(bytes).to_f32()).collect(),
        Dtype::F32 => data.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
        other => return Err(content(path, format!("{name} holds {other:?}, expected F16, BF16 or F32"))),
    })
}

fn read(path: &Path) -> Result<Vec<u8>, TrainingError> {
    std::fs::read(path).map_err(|source| file(path, source))
}

fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), TrainingError> {
    let partial = path.with_extension("partial");
    std::fs::write(&partial, bytes).map_err(|source| file(&partial, source))?;
    std::fs::rename(&partial, path).map_err(|source| file(path, source))
}

fn file(path: &Path, source: std::io::Error) -> TrainingError {
    TrainingError::File { path: path.display().to_string(), source }
}

fn content(path: &Path, what: impl ToString) -> TrainingError {
    TrainingError::Content { path: path.display().to_string(), what: what.to_string() }
}

fn weights_error(path: &Path, error: WeightsError) -> TrainingError {
    match error {
        WeightsError::File { .. } => TrainingError::Weights(error),
        other => content(path, other),
    }
}
