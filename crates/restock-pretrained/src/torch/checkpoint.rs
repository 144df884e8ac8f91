//! Weights files and checkpoints of a training.
//!
//! A checkpoint is a folder of small files, none above 15 MB, so that it passes through narrow channels. `state.json` is
//! written last and names the others; files it does not name are removed.

use std::collections::HashMap;
use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::TrainingError;
use super::optimiser::Optimiser;
use crate::config::ModelConfig;

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

#[derive(Serialize, Deserialize)]
struct StateFile {
    #[serde(flatten)]
    state: TrainingState,
    files: Vec<String>,
}

/// A tensor that is written: its values as bytes on the host.
pub struct HostTensor {
    name: String,
    shape: Vec<usize>,
    dtype: Dtype,
    bytes: Vec<u8>,
}

impl HostTensor {
    /// A copy of `tensor`, which is single, half or bfloat16 precision.
    pub fn new(name: &str, tensor: &Tensor) -> Self {
        let tensor = tensor.detach().to_device(Device::Cpu).contiguous();
        let (dtype, width) = match tensor.kind() {
            Kind::Float => (Dtype::F32, 4),
            Kind::Half => (Dtype::F16, 2),
            Kind::BFloat16 => (Dtype::BF16, 2),
            kind => panic!("no tensor of kind {kind:?} is written"),
        };
        let mut bytes = vec![0; tensor.numel() * width];
        tensor.copy_data_u8(&mut bytes, tensor.numel());
        let shape = tensor.size().iter().map(|&size| size as usize).collect();
        Self { name: name.to_owned(), shape, dtype, bytes }
    }
}

/// Writes tensors as one safetensors file that appears complete or not at all.
pub fn write_tensors(
    path: &Path,
    tensors: &[HostTensor],
    metadata: HashMap<String, String>,
) -> Result<(), TrainingError> {
    let views = tensors.iter().map(|tensor| {
        let view = TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.bytes).expect("bytes match the shape");
        (tensor.name.as_str(), view)
    });
    let bytes = safetensors::serialize(views, Some(metadata)).map_err(|error| content(path, error))?;
    write_atomically(path, &bytes)
}

/// Writes a weights file: every tensor by name in half precision, and the sizes of the network as metadata `config`.
pub fn write_model(path: &Path, config: &ModelConfig, flat: &Tensor) -> Result<(), TrainingError> {
    write_tensors(path, &named_tensors(config, flat, Kind::Half), config_metadata(config))
}

/// The metadata of a weights file.
pub(super) fn config_metadata(config: &ModelConfig) -> HashMap<String, String> {
    HashMap::from([("config".to_owned(), serde_json::to_string(config).expect("a config is JSON"))])
}

/// Every tensor of a network by name, from all its values in a row.
pub(super) fn named_tensors(config: &ModelConfig, flat: &Tensor, kind: Kind) -> Vec<HostTensor> {
    let flat = flat.detach().to_device(Device::Cpu).to_kind(kind);
    assert_eq!(flat.size(), [config.n_parameters() as i64]);
    let mut first = 0;
    let cut = |(name, shape): (String, Vec<usize>)| {
        let shape: Vec<i64> = shape.iter().map(|&size| size as i64).collect();
        let n_values = shape.iter().product();
        let tensor = flat.narrow(0, first, n_values).view(shape.as_slice());
        first += n_values;
        HostTensor::new(&name, &tensor)
    };
    config.tensors().into_iter().map(cut).collect()
}

/// Writes a checkpoint into `folder`, which is made if it is not there.
pub fn save(folder: &Path, state: &TrainingState, optimiser: &Optimiser) -> Result<(), TrainingError> {
    std::fs::create_dir_all(folder).map_err(|source| file(folder, source))?;
    let step = state.step;
    let mut files = vec![format!("model-{step}.safetensors")];
    write_model(&folder.join(&files[0]), &state.config, &optimiser.average)?;
    for (name, flat) in [
        ("weights", optimiser.weights.shallow_clone()),
        ("first_moment", optimiser.first_moment.to_kind(Kind::BFloat16)),
        ("second_moment", optimiser.second_moment.to_kind(Kind::BFloat16)),
    ] {
        let width = if flat.kind() == Kind::Float { 4 } else { 2 };
        for (idx, shard) in flat.detach().split((MAX_SHARD_BYTES / width) as i64, 0).iter().enumerate() {
            let file_name = format!("{name}-{step}-{idx}.safetensors");
            write_tensors(&folder.join(&file_name), &[HostTensor::new(name, shard)], HashMap::new())?;
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

/// Reads the checkpoint in `folder`; `None` if there is none. Moments come back in the precision of bfloat16 and the
/// average in half precision; weights are exact.
///
/// # Errors
/// When a file is missing or damaged, or the checkpoint is of another network than `config`.
pub fn load(
    folder: &Path,
    config: &ModelConfig,
    device: Device,
) -> Result<Option<(TrainingState, Optimiser)>, TrainingError> {
    let path = folder.join(STATE_FILE);
    if !path.exists() {
        return Ok(None);
    }
    let StateFile { state, files } = serde_json::from_slice(&read(&path)?).map_err(|error| content(&path, error))?;
    if state.config != *config {
        let what = format!("checkpoint of {:?}, expected one of {config:?}", state.config);
        return Err(TrainingError::Content { path: path.display().to_string(), what });
    }
    let flat = |prefix: &str| -> Result<Tensor, TrainingError> {
        let mut shards = Vec::new();
        for name in files.iter().filter(|name| name.starts_with(&format!("{prefix}-"))) {
            let path = folder.join(name);
            let bytes = read(&path)?;
            let tensors = SafeTensors::deserialize(&bytes).map_err(|error| content(&path, error))?;
            shards.push(tensor(&tensors.tensor(prefix).map_err(|error| content(&path, error))?));
        }
        let n_parameters: i64 = shards.iter().map(|shard| shard.numel() as i64).sum();
        if n_parameters != config.n_parameters() as i64 {
            let what = format!("{prefix} has {n_parameters} values, expected {}", config.n_parameters());
            return Err(TrainingError::Content { path: path.display().to_string(), what });
        }
        Ok(Tensor::cat(&shards, 0).to_device(device))
    };
    let mut optimiser = Optimiser::new(config, &flat("weights")?);
    optimiser.first_moment = flat("first_moment")?;
    optimiser.second_moment = flat("second_moment")?;
    optimiser.average = read_model(&folder.join(&files[0]), config)?.to_device(device);
    Ok(Some((state, optimiser)))
}

/// All values of a weights file in a row, in single precision and in the order of [`ModelConfig::tensors`].
///
/// # Errors
/// When a tensor is missing or has another shape than `config` says.
pub fn read_model(path: &Path, config: &ModelConfig) -> Result<Tensor, TrainingError> {
    let bytes = read(path)?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|error| content(path, error))?;
    let mut parts = Vec::new();
    for (name, shape) in config.tensors() {
        let view = tensors.tensor(&name).map_err(|error| content(path, error))?;
        if view.shape() != shape {
            return Err(content(path, format!("{name} has shape {:?}, expected {shape:?}", view.shape())));
        }
        parts.push(tensor(&view).flatten(0, -1));
    }
    Ok(Tensor::cat(&parts, 0))
}

fn tensor(view: &TensorView) -> Tensor {
    let kind = match view.dtype() {
        Dtype::F16 => Kind::Half,
        Dtype::BF16 => Kind::BFloat16,
        _ => Kind::Float,
    };
    let shape: Vec<i64> = view.shape().iter().map(|&size| size as i64).collect();
    Tensor::from_data_size(view.data(), &shape, kind).to_kind(Kind::Float)
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
