//! A folder with `config.json` and `model.safetensors`, and adapters that are added to it.

use std::collections::BTreeMap;
use std::path::Path;

use fearless_simd::Level;
use safetensors::SafeTensors;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::engine::Precision;
use crate::kernels::linear::{Linear, Then};
use crate::kernels::norm::Norm;
use crate::kernels::residual::ResidualBlock;
use crate::weights::{WeightsError, check_finite, check_sizes, file_error, values_of};

/// Tensors of a checkpoint that no layer has taken yet.
pub(crate) struct Checkpoint {
    network: String,
    level: Level,
    precision: Precision,
    n_tensors: usize,
    tensors: BTreeMap<String, Tensor>,
}

struct Tensor {
    shape: Vec<usize>,
    values: Vec<f32>,
}

const ADAPTER_CONFIG: &str = "adapter_config.json";

/// What a low-rank adapter says about itself.
#[derive(Deserialize)]
struct AdapterConfig {
    r: usize,
    lora_alpha: f64,
    #[serde(default)]
    use_rslora: bool,
    #[serde(default)]
    use_dora: bool,
    #[serde(default)]
    fan_in_fan_out: bool,
    #[serde(default)]
    alpha_pattern: BTreeMap<String, f64>,
    #[serde(default)]
    rank_pattern: BTreeMap<String, usize>,
}

/// Reads a JSON file of the folder.
pub(crate) fn read_json<T: DeserializeOwned>(folder: &Path, file: &str) -> Result<T, WeightsError> {
    let path = folder.join(file);
    let text = std::fs::read_to_string(&path).map_err(|error| file_error(&path, "cannot be read", &error))?;
    serde_json::from_str(&text)
        .map_err(|error| WeightsError::File { path, reason: format!("cannot be understood: {error}") })
}

/// Checks what both kinds of network share: the activation, the token that stands for the whole series, the sizes as
/// (name, value, least, most), and quantile levels that ascend above 0.
pub(super) fn check_shared(
    feed_forward_proj: &str,
    use_reg_token: bool,
    sizes: &[(&str, usize, usize, usize)],
    quantiles: &[f64],
) -> Result<(), String> {
    if feed_forward_proj != "relu" {
        return Err(format!("has feed_forward_proj \"{feed_forward_proj}\", only \"relu\" is supported"));
    }
    if !use_reg_token {
        return Err("has use_reg_token = false, only true is supported".into());
    }
    check_sizes(sizes)?;
    if !quantiles.is_sorted_by(|a, b| a < b) || quantiles.iter().any(|level| *level <= 0.0 || *level >= 1.0) {
        return Err("has quantiles that do not ascend between 0 and 1".into());
    }
    Ok(())
}

/// Says what is wrong with a JSON file of the folder: `reason` begins with a verb.
pub(crate) fn refuse<T>(folder: &Path, file: &str, reason: impl Into<String>) -> Result<T, WeightsError> {
    Err(WeightsError::File { path: folder.join(file), reason: reason.into() })
}

impl Checkpoint {
    /// Reads `model.safetensors` of the folder.
    pub(crate) fn read(folder: &Path, network: &str, precision: Precision) -> Result<Self, WeightsError> {
        let tensors = read_tensors(&folder.join("model.safetensors"))?;
        Ok(Self { network: network.to_owned(), level: Level::new(), precision, n_tensors: tensors.len(), tensors })
    }

    /// Adds a low-rank adapter (Hu et al., 2021), as PEFT writes it: W += α / r · B A for every module of the adapter.
    pub(super) fn merge_adapter(&mut self, folder: &Path) -> Result<(), WeightsError> {
        let config: AdapterConfig = read_json(folder, ADAPTER_CONFIG)?;
        if config.r == 0 {
            return refuse(folder, ADAPTER_CONFIG, "has r = 0, must be at least 1");
        }
        for (setting, is_used) in [
            ("use_dora", config.use_dora),
            ("fan_in_fan_out", config.fan_in_fan_out),
            ("alpha_pattern", !config.alpha_pattern.is_empty()),
            ("rank_pattern", !config.rank_pattern.is_empty()),
        ] {
            if is_used {
                let reason = format!("uses {setting}, only plain adapters of one rank are supported");
                return refuse(folder, ADAPTER_CONFIG, reason);
            }
        }
        let rank = config.r as f64;
        let scaling = config.lora_alpha / if config.use_rslora { rank.sqrt() } else { rank };
        let mut factors = read_tensors(&folder.join("adapter_model.safetensors"))?;
        while let Some((name, a)) = factors.pop_first() {
            let unknown = || WeightsError::UnknownTensor { name: name.clone(), network: self.network.clone() };
            let module = name
                .strip_prefix("base_model.model.")
                .and_then(|rest| rest.strip_suffix(".lora_A.weight"))
                .ok_or_else(unknown)?;
            let b_name = format!("base_model.model.{module}.lora_B.weight");
            let b = factors.remove(&b_name).ok_or_else(|| self.missing(&b_name))?;
            let weight = self.tensors.get_mut(&format!("{module}.weight")).ok_or_else(unknown)?;
            let [n_out, n_in] = weight.shape[..] else { return Err(unknown()) };
            a.expect_shape(&name, &[config.r, n_in])?;
            b.expect_shape(&b_name, &[n_out, config.r])?;
            for (row, b) in weight.values.chunks_exact_mut(n_in).zip(b.values.chunks_exact(config.r)) {
                for (&b, a) in b.iter().zip(a.values.chunks_exact(n_in)) {
                    for (w, &a) in row.iter_mut().zip(a) {
                        *w += (scaling * f64::from(b) * f64::from(a)) as f32;
                    }
                }
            }
        }
        Ok(())
    }

    pub(crate) fn level(&self) -> Level {
        self.level
    }

    /// Takes a tensor of this shape out of the checkpoint.
    pub(crate) fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightsError> {
        let tensor = self.tensors.remove(name).ok_or_else(|| self.missing(name))?;
        tensor.expect_shape(name, shape)?;
        Ok(tensor.values)
    }

    /// Whether a tensor is there and not taken yet.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// A matrix with bias, `[n_out, n_in]`.
    pub(crate) fn linear_with_bias(&mut self, name: &str, n_out: usize, n_in: usize) -> Result<Linear, WeightsError> {
        let weight = self.take(&format!("{name}.weight"), &[n_out, n_in])?;
        let bias = self.take(&format!("{name}.bias"), &[n_out])?;
        Ok(Linear::new(self.level, self.precision.format(), &weight, n_in, Some(&bias)))
    }

    /// A matrix without bias, `[n_out, n_in]`.
    pub(super) fn linear(&mut self, name: &str, n_out: usize, n_in: usize) -> Result<Linear, WeightsError> {
        let weight = self.take(&format!("{name}.weight"), &[n_out, n_in])?;
        Ok(Linear::new(self.level, self.precision.format(), &weight, n_in, None))
    }

    /// Matrices of the same input on top of each other, `[n_parts · n_out, n_in]`.
    pub(super) fn stacked(
        &mut self,
        name: &str,
        parts: &[&str],
        n_out: usize,
        n_in: usize,
    ) -> Result<Linear, WeightsError> {
        let mut weight = Vec::with_capacity(parts.len() * n_out * n_in);
        for part in parts {
            weight.extend(self.take(&format!("{name}.{part}.weight"), &[n_out, n_in])?);
        }
        Ok(Linear::new(self.level, self.precision.format(), &weight, n_in, None))
    }

    pub(super) fn norm(&mut self, name: &str, width: usize, epsilon: f32) -> Result<Norm, WeightsError> {
        Ok(Norm::new(&self.take(&format!("{name}.weight"), &[width])?, epsilon))
    }

    /// A residual block with relu; all three matrices have a bias.
    pub(super) fn residual_block(
        &mut self,
        name: &str,
        [n_in, n_hidden, n_out]: [usize; 3],
    ) -> Result<ResidualBlock, WeightsError> {
        let mut linear = |part: &str, n_out: usize, n_in: usize| {
            let weight = self.take(&format!("{name}.{part}.weight"), &[n_out, n_in])?;
            let bias = self.take(&format!("{name}.{part}.bias"), &[n_out])?;
            Ok(Linear::new(self.level, self.precision.input_format(), &weight, n_in, Some(&bias)))
        };
        Ok(ResidualBlock {
            hidden: linear("hidden_layer", n_hidden, n_in)?,
            activation: Then::Relu,
            output: linear("output_layer", n_out, n_hidden)?,
            residual: linear("residual_layer", n_out, n_in)?,
        })
    }

    /// Refuses a checkpoint with tensors that no layer has taken; `ignored` says which are copies or unused.
    pub(crate) fn finish(self, ignored: impl Fn(&str) -> bool) -> Result<(), WeightsError> {
        match self.tensors.into_keys().find(|name| !ignored(name)) {
            Some(name) => Err(WeightsError::UnknownTensor { name, network: self.network }),
            None => Ok(()),
        }
    }

    fn missing(&self, name: &str) -> WeightsError {
        WeightsError::MissingTensor { name: name.to_owned(), network: self.network.clone(), n_tensors: self.n_tensors }
    }
}

impl Tensor {
    fn expect_shape(&self, name: &str, expected: &[usize]) -> Result<(), WeightsError> {
        if self.shape == expected {
            return Ok(());
        }
        Err(WeightsError::Shape { name: name.to_owned(), got: self.shape.clone(), expected: expected.to_vec() })
    }
}

fn read_tensors(path: &Path) -> Result<BTreeMap<String, Tensor>, WeightsError> {
    let bytes = std::fs::read(path).map_err(|error| file_error(path, "cannot be read", &error))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|error| WeightsError::Format(error.to_string()))?;
    file.iter()
        .map(|(name, view)| {
            let values = values_of(name, &view)?;
            check_finite(name, &values, f32::MAX)?;
            Ok((name.to_owned(), Tensor { shape: view.shape().to_vec(), values }))
        })
        .collect()
}
