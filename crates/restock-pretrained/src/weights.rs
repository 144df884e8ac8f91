//! Weights of the network: tensors in memory, and the safetensors file they come from.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use half::f16;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::config::ModelConfig;

/// Metadata key under which the file carries its [`ModelConfig`] as JSON.
pub const CONFIG_KEY: &str = "config";

/// How numbers are stored in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredAs {
    /// Half precision: 2 bytes a number, what is published.
    F16,
    /// Single precision: nothing is lost.
    F32,
}

/// Every tensor of one network, each of the shape its configuration says, each number finite.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    config: ModelConfig,
    tensors: BTreeMap<String, Vec<f32>>,
}

/// Why weights are refused.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file cannot be read or written.
    #[error("weights file \"{path}\" {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// The bytes are no safetensors file.
    #[error("weights are not in safetensors format: {0}")]
    Format(String),
    /// The metadata do not describe a network.
    #[error("metadata \"config\" of the weights {reason}")]
    Config {
        /// What is wrong with it.
        reason: String,
    },
    /// A tensor is not there.
    #[error("tensor \"{name}\" is missing, network \"{network}\" has {n_tensors} tensors")]
    MissingTensor {
        /// The tensor.
        name: String,
        /// Name of the size.
        network: String,
        /// Tensors the network has.
        n_tensors: usize,
    },
    /// A tensor is there that the network does not have.
    #[error("tensor \"{name}\" does not belong to network \"{network}\"")]
    UnknownTensor {
        /// The tensor.
        name: String,
        /// Name of the size.
        network: String,
    },
    /// A tensor has another shape.
    #[error("tensor \"{name}\" has shape {got:?}, must be {expected:?}")]
    Shape {
        /// The tensor.
        name: String,
        /// The shape in the file.
        got: Vec<usize>,
        /// The shape of the configuration.
        expected: Vec<usize>,
    },
    /// A tensor has numbers of another kind.
    #[error("tensor \"{name}\" holds {got}, only F16 and F32 are supported")]
    Type {
        /// The tensor.
        name: String,
        /// The type in the file.
        got: String,
    },
    /// A number is infinite, not a number, or too large for the file.
    #[error("tensor \"{name}\" holds {value} at position {position}, numbers must be finite and at most {max}")]
    NotFinite {
        /// The tensor.
        name: String,
        /// The number.
        value: f32,
        /// Its position in row-major order.
        position: usize,
        /// The largest number allowed.
        max: f32,
    },
}

impl Weights {
    /// Weights from tensors by name, row-major.
    ///
    /// # Errors
    /// [`WeightsError`] where a tensor is missing, unknown, of another size or not finite, or where no network has the
    /// sizes of `config`.
    pub fn new(config: ModelConfig, tensors: BTreeMap<String, Vec<f32>>) -> Result<Self, WeightsError> {
        check_config(&config)?;
        let table = config.tensors();
        for (name, shape) in &table {
            let values = tensors.get(name).ok_or_else(|| missing(name, &config))?;
            if values.len() != shape.iter().product::<usize>() {
                return Err(WeightsError::Shape {
                    name: name.clone(),
                    got: vec![values.len()],
                    expected: shape.clone(),
                });
            }
            check_finite(name, values, f32::MAX)?;
        }
        if let Some(name) = tensors.keys().find(|name| !table.iter().any(|(known, _)| known == *name)) {
            return Err(WeightsError::UnknownTensor { name: name.clone(), network: config.name });
        }
        Ok(Self { config, tensors })
    }

    /// Random weights under which every part of the network matters: matrices normal with variance 1 / inputs, biases
    /// and norms a tenth around 0 and 1. For tests and benchmarks; training starts from smaller ones.
    pub fn random(config: &ModelConfig, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let tensors = config
            .tensors()
            .into_iter()
            .map(|(name, shape)| {
                let (mean, deviation) = match shape[..] {
                    [_, n_in] => (0.0, 1.0 / (n_in as f32).sqrt()),
                    _ if name.ends_with("bias") => (0.0, 0.1),
                    _ => (1.0, 0.1),
                };
                let n_values = shape.iter().product();
                let mut normal = || -> f32 { StandardNormal.sample(&mut rng) };
                (name, (0..n_values).map(|_| mean + deviation * normal()).collect())
            })
            .collect();
        Self { config: config.clone(), tensors }
    }

    /// Weights from all parameters in a row, in the order of [`ModelConfig::tensors`].
    ///
    /// # Errors
    /// [`WeightsError::NotFinite`] where a number is not finite.
    ///
    /// # Panics
    /// Unless there are [`ModelConfig::n_parameters`] of them.
    pub fn from_flat(config: &ModelConfig, flat: &[f32]) -> Result<Self, WeightsError> {
        assert_eq!(flat.len(), config.n_parameters());
        let mut rest = flat;
        let mut tensors = BTreeMap::new();
        for (name, shape) in config.tensors() {
            let (values, after) = rest.split_at(shape.iter().product());
            tensors.insert(name, values.to_vec());
            rest = after;
        }
        Self::new(config.clone(), tensors)
    }

    /// All parameters in a row, in the order of [`ModelConfig::tensors`].
    pub fn to_flat(&self) -> Vec<f32> {
        self.config.tensors().iter().flat_map(|(name, _)| self.tensor(name)).copied().collect()
    }

    /// Sizes of the network.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// A tensor of the network, row-major.
    ///
    /// # Panics
    /// Where [`ModelConfig::tensors`] does not list the name.
    pub fn tensor(&self, name: &str) -> &[f32] {
        self.tensors.get(name).unwrap_or_else(|| panic!("network \"{}\" has no tensor \"{name}\"", self.config.name))
    }

    /// Reads a safetensors file.
    ///
    /// # Errors
    /// [`WeightsError`] where the file cannot be read or does not hold the network that its metadata describe.
    pub fn read(path: &Path) -> Result<Self, WeightsError> {
        let bytes = std::fs::read(path).map_err(|error| file_error(path, "cannot be read", &error))?;
        Self::from_bytes(&bytes)
    }

    /// Writes a safetensors file, complete or not at all.
    ///
    /// # Errors
    /// [`WeightsError`] where the file cannot be written or a number is too large for half precision.
    pub fn write(&self, path: &Path, stored_as: StoredAs) -> Result<(), WeightsError> {
        let bytes = self.to_bytes(stored_as)?;
        let unfinished = path.with_extension("unfinished");
        std::fs::write(&unfinished, bytes)
            .and_then(|()| std::fs::rename(&unfinished, path))
            .map_err(|error| file_error(path, "cannot be written", &error))
    }

    /// Weights from the bytes of a safetensors file.
    ///
    /// # Errors
    /// [`WeightsError`] where they do not hold the network that their metadata describe.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WeightsError> {
        let (_, metadata) =
            SafeTensors::read_metadata(bytes).map_err(|error| WeightsError::Format(error.to_string()))?;
        let text = metadata
            .metadata()
            .as_ref()
            .and_then(|metadata| metadata.get(CONFIG_KEY))
            .ok_or_else(|| WeightsError::Config { reason: "is missing".into() })?;
        let config: ModelConfig = serde_json::from_str(text)
            .map_err(|error| WeightsError::Config { reason: format!("cannot be understood: {error}") })?;
        check_config(&config)?;
        let file = SafeTensors::deserialize(bytes).map_err(|error| WeightsError::Format(error.to_string()))?;
        let shapes: BTreeMap<_, _> = config.tensors().into_iter().collect();
        let mut tensors = BTreeMap::new();
        for (name, view) in file.tensors() {
            let expected = shapes
                .get(&name)
                .ok_or_else(|| WeightsError::UnknownTensor { name: name.clone(), network: config.name.clone() })?;
            if view.shape() != expected {
                return Err(WeightsError::Shape { name, got: view.shape().to_vec(), expected: expected.clone() });
            }
            let values = values_of(&name, &view)?;
            tensors.insert(name, values);
        }
        Self::new(config, tensors)
    }

    /// The bytes of a safetensors file, tensors in the order of [`ModelConfig::tensors`] as far as the format keeps it.
    ///
    /// # Errors
    /// [`WeightsError::NotFinite`] where a number is too large for half precision.
    pub fn to_bytes(&self, stored_as: StoredAs) -> Result<Vec<u8>, WeightsError> {
        let dtype = match stored_as {
            StoredAs::F16 => Dtype::F16,
            StoredAs::F32 => Dtype::F32,
        };
        let mut stored = Vec::new();
        for (name, shape) in self.config.tensors() {
            let values = self.tensor(&name);
            let bytes: Vec<u8> = match stored_as {
                StoredAs::F16 => {
                    check_finite(&name, values, f16::MAX.to_f32())?;
                    values.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect()
                }
                StoredAs::F32 => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            };
            stored.push((name, shape, bytes));
        }
        let views = stored
            .iter()
            .map(|(name, shape, bytes)| Ok((name, TensorView::new(dtype, shape.clone(), bytes)?)))
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>();
        let config = serde_json::to_string(&self.config).expect("a configuration is plain data");
        let metadata = HashMap::from([(CONFIG_KEY.to_owned(), config)]);
        views
            .and_then(|views| safetensors::serialize(views, Some(metadata)))
            .map_err(|error| WeightsError::Format(error.to_string()))
    }
}

/// Numbers of a tensor in F16 or F32.
pub(crate) fn values_of(name: &str, view: &TensorView) -> Result<Vec<f32>, WeightsError> {
    let data = view.data();
    Ok(match view.dtype() {
        Dtype::F16 => data.as_chunks().0.iter().map(|&bytes| f16::from_le_bytes(bytes).to_f32()).collect(),
        Dtype::F32 => data.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
        other => return Err(WeightsError::Type { name: name.to_owned(), got: format!("{other:?}") }),
    })
}

pub(crate) fn check_finite(name: &str, values: &[f32], max: f32) -> Result<(), WeightsError> {
    match values.iter().position(|value| !value.is_finite() || value.abs() > max) {
        Some(position) => {
            Err(WeightsError::NotFinite { name: name.to_owned(), value: values[position], position, max })
        }
        None => Ok(()),
    }
}

pub(crate) fn file_error(path: &Path, what: &str, error: &std::io::Error) -> WeightsError {
    WeightsError::File { path: path.to_owned(), reason: format!("{what}: {error}") }
}

fn missing(name: &str, config: &ModelConfig) -> WeightsError {
    WeightsError::MissingTensor {
        name: name.to_owned(),
        network: config.name.clone(),
        n_tensors: config.tensors().len(),
    }
}

/// Says which of the sizes (name, size, least, most) is out of its bounds, in words that follow the name of a file.
pub(crate) fn check_sizes(sizes: &[(&str, usize, usize, usize)]) -> Result<(), String> {
    match sizes.iter().find(|(_, got, min, max)| !(min..=max).contains(&got)) {
        Some((what, got, min, max)) => Err(format!("has {what} = {got}, must be from {min} to {max}")),
        None => Ok(()),
    }
}

/// Sizes within these bounds are networks we can run; the bounds keep a damaged file from asking for terabytes.
fn check_config(config: &ModelConfig) -> Result<(), WeightsError> {
    let refuse = |reason: String| Err(WeightsError::Config { reason });
    let sizes = [
        ("d_model", config.d_model, 2, 8192),
        ("n_layers", config.n_layers, 1, 128),
        ("n_heads", config.n_heads, 1, 128),
        ("d_ff", config.d_ff, 1, 65_536),
        ("d_embed", config.d_embed, 1, 65_536),
        ("d_head", config.d_head, 1, 65_536),
    ];
    check_sizes(&sizes).or_else(refuse)?;
    if !config.d_model.is_multiple_of(config.n_heads) || !config.d_k().is_multiple_of(2) {
        return refuse(format!(
            "has d_model = {} and n_heads = {}, heads must have equal and even width",
            config.d_model, config.n_heads
        ));
    }
    if !(config.rope_theta.is_finite() && config.rope_theta > 1.0) {
        return refuse(format!("has rope_theta = {}, must be above 1", config.rope_theta));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiny() -> ModelConfig {
        ModelConfig {
            name: "tiny".into(),
            d_model: 8,
            n_layers: 1,
            n_heads: 2,
            d_ff: 12,
            d_embed: 6,
            d_head: 10,
            rope_theta: 1e4,
        }
    }

    fn error(config: &ModelConfig, change: impl FnOnce(&mut BTreeMap<String, Vec<f32>>)) -> String {
        let mut tensors = Weights::random(&tiny(), 1).tensors;
        change(&mut tensors);
        Weights::new(config.clone(), tensors).unwrap_err().to_string()
    }

    #[test]
    fn a_file_gives_back_what_was_written() {
        let weights = Weights::random(&tiny(), 1);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiny.safetensors");
        weights.write(&path, StoredAs::F32).unwrap();
        assert_eq!(Weights::read(&path).unwrap(), weights);

        weights.write(&path, StoredAs::F16).unwrap();
        let halved = Weights::read(&path).unwrap();
        for (name, _) in tiny().tensors() {
            for (&got, &expected) in halved.tensor(&name).iter().zip(weights.tensor(&name)) {
                assert_eq!(got, f16::from_f32(expected).to_f32());
            }
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing unfinished is left");
    }

    #[test]
    fn wrong_tensors_are_refused() {
        insta::assert_snapshot!(
            error(&tiny(), |tensors| drop(tensors.remove("norm.weight"))),
            @r#"tensor "norm.weight" is missing, network "tiny" has 23 tensors"#
        );
        insta::assert_snapshot!(
            error(&tiny(), |tensors| drop(tensors.insert("norm.weight".into(), vec![1.0; 9]))),
            @r#"tensor "norm.weight" has shape [9], must be [8]"#
        );
        insta::assert_snapshot!(
            error(&tiny(), |tensors| tensors.get_mut("norm.weight").unwrap()[3] = f32::NAN),
            @r#"tensor "norm.weight" holds NaN at position 3, numbers must be finite and at most 340282350000000000000000000000000000000"#
        );
        insta::assert_snapshot!(
            error(&tiny(), |tensors| drop(tensors.insert("lm_head.weight".into(), vec![]))),
            @r#"tensor "lm_head.weight" does not belong to network "tiny""#
        );
    }

    #[test]
    fn wrong_configurations_are_refused() {
        insta::assert_snapshot!(
            error(&ModelConfig { n_heads: 3, ..tiny() }, |_| ()),
            @r#"metadata "config" of the weights has d_model = 8 and n_heads = 3, heads must have equal and even width"#
        );
        insta::assert_snapshot!(
            error(&ModelConfig { n_layers: 0, ..tiny() }, |_| ()),
            @r#"metadata "config" of the weights has n_layers = 0, must be from 1 to 128"#
        );
        insta::assert_snapshot!(
            error(&ModelConfig { rope_theta: f64::NAN, ..tiny() }, |_| ()),
            @r#"metadata "config" of the weights has rope_theta = NaN, must be above 1"#
        );
    }

    #[test]
    fn wrong_files_are_refused() {
        let refusal = |bytes: &[u8]| Weights::from_bytes(bytes).unwrap_err().to_string();
        insta::assert_snapshot!(refusal(b"PK"), @"weights are not in safetensors format: header too small");

        let data = [0; 4];
        let view = TensorView::new(Dtype::BF16, vec![2], &data).unwrap();
        let file = |metadata: Option<&str>, name: &str| {
            let metadata = metadata.map(|text| HashMap::from([(CONFIG_KEY.to_owned(), text.to_owned())]));
            safetensors::serialize([(name, view.clone())], metadata).unwrap()
        };
        let config = serde_json::to_string(&tiny()).unwrap();
        insta::assert_snapshot!(refusal(&file(None, "a")), @r#"metadata "config" of the weights is missing"#);
        insta::assert_snapshot!(
            refusal(&file(Some("{}"), "a")),
            @r#"metadata "config" of the weights cannot be understood: missing field `name` at line 1 column 2"#
        );
        insta::assert_snapshot!(
            refusal(&file(Some(&config), "norm.weight")),
            @r#"tensor "norm.weight" has shape [2], must be [8]"#
        );
        insta::assert_snapshot!(
            refusal(&file(Some(&config.replace(r#""d_model":8"#, r#""d_model":2"#).replace(r#""n_heads":2"#, r#""n_heads":1"#)), "norm.weight")),
            @r#"tensor "norm.weight" holds BF16, only F16 and F32 are supported"#
        );
        insta::assert_snapshot!(
            Weights::read(Path::new("no/such/file")).unwrap_err().to_string(),
            @r#"weights file "no/such/file" cannot be read: No such file or directory (os error 2)"#
        );
    }

    #[test]
    fn numbers_too_large_for_half_precision_are_not_written() {
        let mut weights = Weights::random(&tiny(), 1);
        weights.tensors.get_mut("norm.weight").unwrap()[2] = 70_000.0;
        insta::assert_snapshot!(
            weights.to_bytes(StoredAs::F16).unwrap_err().to_string(),
            @r#"tensor "norm.weight" holds 70000 at position 2, numbers must be finite and at most 65504"#
        );
        assert!(weights.to_bytes(StoredAs::F32).is_ok());
    }
}
