//! What a fit changes about the shipped weights, as a safetensors file that says where it comes from.
//!
//! | method | tensors |
//! |---|---|
//! | `calibrate` | `calibration.marginal`, `calibration.cumulative`, `[horizon, N_LEVELS]`, by class of volume `[n_classes, horizon, N_LEVELS]` |
//! | `head` | `norm.weight` and `head.*` of the network, half precision |
//! | `lora` | `….lora_a`, `….lora_b` of each adapted matrix ([`super::low_rank`]) |
//! | `full` | every tensor of the network, half precision |
//!
//! Metadata `adapter` holds the [`Card`]. Tensors are those of the fit itself; the card's share says how far from the
//! shipped weights towards them the model stands ("WiSE-FT", Wortsman et al. 2022).

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;

use half::f16;
use restock_core::Bucket;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::calibration::Calibration;
use super::low_rank::{LowRank, places};
use super::score::Evidence;
use crate::config::{ModelConfig, N_LEVELS};
use crate::engine::Precision;
use crate::forecaster::Pretrained;
use crate::weights::{Weights, WeightsError, check_finite, values_of};

/// Metadata key of the [`Card`], as JSON.
pub const CARD_KEY: &str = "adapter";

/// Largest horizon, number of classes and rank that a file may ask for.
const MOST_STEPS: usize = 256;
const MOST_CLASSES: usize = 16;
const MOST_RANK: usize = 1024;

/// How a model was fitted, from the least change to the largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Quantiles moved by what they missed.
    Calibrate,
    /// The output block and the norm before it.
    Head,
    /// Low-rank adapters of attention and of the output block.
    Lora,
    /// Every weight.
    Full,
}

impl Method {
    /// Every method, the cheapest first.
    pub const ALL: [Self; 4] = [Self::Calibrate, Self::Head, Self::Lora, Self::Full];

    /// As written on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Calibrate => "calibrate",
            Self::Head => "head",
            Self::Lora => "lora",
            Self::Full => "full",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Method {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|method| method.name() == text)
            .ok_or_else(|| format!("expected one of {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// Where an adapter comes from and what it is worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// How it was fitted.
    pub method: Method,
    /// Name of the weights it changes.
    pub base: String,
    /// SHA-256 of their file, hexadecimal.
    pub base_sha256: String,
    /// Version that was active when it was fitted; the fit itself starts from the base.
    pub parent: Option<String>,
    /// The day it was fitted on.
    pub day: String,
    /// Hash of the series it was fitted to and validated on.
    pub data: String,
    /// Series trained on.
    pub n_series: usize,
    /// Windows of those series that training could draw.
    pub n_windows: usize,
    /// Length of their periods; what was learnt of days is wrong for weeks.
    pub bucket: Bucket,
    /// Periods forecast in training and validation.
    pub horizon: usize,
    /// Seed of every draw.
    pub seed: u64,
    /// Steps of training; 0 for a calibration.
    pub steps: u64,
    /// Windows in a step.
    pub windows_per_step: usize,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Seconds of training.
    pub seconds: f64,
    /// Position between the base, 0, and the fit, 1.
    pub share: f64,
    /// r of low-rank adapters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<usize>,
    /// α of low-rank adapters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// Scales of forecasts that split series into the classes of a calibration; empty where all series move alike.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volume_bounds: Vec<f32>,
    /// Scores beside those of the base on windows that were not trained on.
    pub evidence: Option<Evidence>,
}

/// What a fit changes.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Shifts of quantiles.
    Calibration(Calibration),
    /// Tensors of the network that are replaced.
    Tensors(BTreeMap<String, Vec<f32>>),
    /// Products that are added to matrices.
    LowRank(LowRank),
}

/// A fit and its card.
#[derive(Clone, Debug, PartialEq)]
pub struct Adapter {
    /// Where it comes from.
    pub card: Card,
    /// What it changes.
    pub change: Change,
}

/// Why an adapter is refused.
#[derive(Debug, thiserror::Error)]
pub enum AdapterError {
    /// The tensors are not those of the method.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The metadata do not describe an adapter.
    #[error("metadata \"adapter\" of the file {0}")]
    Card(String),
    /// It changes other weights than these.
    #[error(
        "the adapter changes weights \"{base}\" with SHA-256 {expected}, those here are \"{here}\" with SHA-256 {got}; \
         tune again with this version"
    )]
    Base {
        /// Name of the weights it was fitted to.
        base: String,
        /// Beginning of their hash.
        expected: String,
        /// Name of the weights here.
        here: String,
        /// Beginning of their hash.
        got: String,
    },
    /// It was fitted to periods of another length.
    #[error("tuned to {tuned}, the data are in {here}", tuned = tuned.plural(), here = here.plural())]
    Bucket {
        /// Length of the periods it was fitted to.
        tuned: Bucket,
        /// Length of those to be forecast.
        here: Bucket,
    },
}

/// Weights that adapters change, and the hash of their file.
#[derive(Clone, Copy, Debug)]
pub struct Base<'a> {
    /// The weights.
    pub weights: &'a Weights,
    /// SHA-256 of their file, hexadecimal.
    pub sha256: &'a str,
}

/// SHA-256 of bytes, hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// Tensors that the fit of a method replaces.
pub fn replaced_tensors(config: &ModelConfig, method: Method) -> Vec<(String, Vec<usize>)> {
    let is_replaced = |name: &str| match method {
        Method::Head => name == "norm.weight" || name.starts_with("head."),
        Method::Full => true,
        Method::Calibrate | Method::Lora => false,
    };
    config.tensors().into_iter().filter(|(name, _)| is_replaced(name)).collect()
}

impl Adapter {
    /// Every tensor of the file with its shape, as the card says.
    fn tensors(card: &Card, config: &ModelConfig) -> Vec<(String, Vec<usize>)> {
        match card.method {
            Method::Calibrate => {
                let shape = match card.volume_bounds.len() {
                    0 => vec![card.horizon, N_LEVELS],
                    n_bounds => vec![n_bounds + 1, card.horizon, N_LEVELS],
                };
                ["marginal", "cumulative"].map(|head| (format!("calibration.{head}"), shape.clone())).into()
            }
            Method::Head | Method::Full => replaced_tensors(config, card.method),
            Method::Lora => {
                let rank = card.rank.unwrap_or(0);
                let factors = |place: super::low_rank::Place| {
                    let name = |factor: &str| format!("{}.lora_{factor}", place.module.name);
                    [(name("a"), vec![rank, place.module.n_in]), (name("b"), vec![place.module.rows.len(), rank])]
                };
                places(config, rank).into_iter().flat_map(factors).collect()
            }
        }
    }

    /// The values of [`Self::tensors`], in their order.
    fn values(&self, config: &ModelConfig) -> Vec<Vec<f32>> {
        match &self.change {
            Change::Calibration(calibration) => vec![calibration.marginal.clone(), calibration.cumulative.clone()],
            Change::Tensors(tensors) => {
                let table = replaced_tensors(config, self.card.method);
                table.iter().map(|(name, _)| tensors[name].clone()).collect()
            }
            Change::LowRank(factors) => places(config, factors.rank)
                .into_iter()
                .flat_map(|place| [factors.factors[place.a].to_vec(), factors.factors[place.b].to_vec()])
                .collect(),
        }
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// [`AdapterError::Weights`] where a number is not finite or too large for half precision.
    pub fn to_bytes(&self, config: &ModelConfig) -> Result<Vec<u8>, AdapterError> {
        let is_halved = matches!(self.change, Change::Tensors(_));
        let mut stored: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
        for ((name, shape), values) in Self::tensors(&self.card, config).into_iter().zip(self.values(config)) {
            check_finite(&name, &values, if is_halved { f16::MAX.to_f32() } else { f32::MAX })?;
            let bytes = match is_halved {
                true => values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect(),
                false => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            };
            stored.push((name, shape, bytes));
        }
        let dtype = if is_halved { Dtype::F16 } else { Dtype::F32 };
        let views = stored.iter().map(|(name, shape, bytes)| {
            (name, TensorView::new(dtype, shape.clone(), bytes).expect("bytes match the shape"))
        });
        let card = serde_json::to_string(&self.card).expect("a card is plain data");
        safetensors::serialize(views, Some(HashMap::from([(CARD_KEY.to_owned(), card)])))
            .map_err(|error| WeightsError::Format(error.to_string()).into())
    }

    /// The adapter of a file.
    ///
    /// # Errors
    /// [`AdapterError`] where the bytes are no adapter, one of other weights, or damaged.
    pub fn from_bytes(bytes: &[u8], base: Base) -> Result<Self, AdapterError> {
        let card = card_of(bytes)?;
        let config = base.weights.config();
        if card.base_sha256 != base.sha256 {
            let begin = |hash: &str| hash.chars().take(12).collect::<String>() + "…";
            return Err(AdapterError::Base {
                expected: begin(&card.base_sha256),
                base: card.base,
                here: config.name.clone(),
                got: begin(base.sha256),
            });
        }
        let refuse = |reason: String| Err(AdapterError::Card(reason));
        if !(1..=MOST_STEPS).contains(&card.horizon) {
            return refuse(format!("has horizon = {}, must be from 1 to {MOST_STEPS}", card.horizon));
        }
        if !(0.0..=1.0).contains(&card.share) {
            return refuse(format!("has share = {}, must be from 0 to 1", card.share));
        }
        let bounds = &card.volume_bounds;
        if MOST_CLASSES <= bounds.len() || !bounds.iter().all(|bound| bound.is_finite()) || !bounds.is_sorted() {
            return refuse(format!("has volume_bounds = {bounds:?}, must be fewer than {MOST_CLASSES} rising numbers"));
        }
        let (rank, alpha) = (card.rank.unwrap_or(0), card.alpha.unwrap_or(f64::NAN));
        if card.method == Method::Lora && !((1..=MOST_RANK).contains(&rank) && alpha.is_finite()) {
            return refuse(format!("has rank = {rank} and alpha = {alpha}, must be from 1 to {MOST_RANK} and finite"));
        }
        let file = SafeTensors::deserialize(bytes).map_err(|error| WeightsError::Format(error.to_string()))?;
        let table = Self::tensors(&card, config);
        if let Some(name) = file.names().into_iter().find(|name| !table.iter().any(|(known, _)| known == name)) {
            let network = format!("{} {}", config.name, card.method);
            return Err(WeightsError::UnknownTensor { name: name.to_owned(), network }.into());
        }
        let mut tensors = Vec::with_capacity(table.len());
        for (name, shape) in &table {
            let Ok(view) = file.tensor(name) else {
                let network = format!("{} {}", config.name, card.method);
                return Err(WeightsError::MissingTensor { name: name.clone(), network, n_tensors: table.len() }.into());
            };
            if view.shape() != shape {
                let got = view.shape().to_vec();
                return Err(WeightsError::Shape { name: name.clone(), got, expected: shape.clone() }.into());
            }
            let values = values_of(name, &view)?;
            check_finite(name, &values, f32::MAX)?;
            tensors.push((name.clone(), values));
        }
        let change = match card.method {
            Method::Calibrate => {
                let cumulative = tensors.pop().expect("two tensors").1;
                let marginal = tensors.pop().expect("two tensors").1;
                Change::Calibration(Calibration { bounds: card.volume_bounds.clone(), marginal, cumulative })
            }
            Method::Head | Method::Full => Change::Tensors(tensors.into_iter().collect()),
            Method::Lora => {
                let factors = tensors.into_iter().flat_map(|(_, values)| values).collect();
                Change::LowRank(LowRank { rank, alpha, factors })
            }
        };
        Ok(Self { card, change })
    }

    /// The weights of the tuned model: from those of the base towards the fit, by the card's share.
    ///
    /// # Errors
    /// [`AdapterError::Weights`] where a number becomes infinite.
    pub fn merged(&self, base: &Weights) -> Result<Weights, AdapterError> {
        let config = base.config();
        let share = self.card.share as f32;
        let flat = match &self.change {
            Change::Calibration(_) => return Ok(base.clone()),
            Change::Tensors(tensors) => (config.tensors().iter())
                .flat_map(|(name, _)| {
                    let values = base.tensor(name);
                    match tensors.get(name) {
                        // Exactly the base at 0 and the fit at 1.
                        Some(fitted) => values.iter().zip(fitted).map(|(b, f)| (1.0 - share) * b + share * f).collect(),
                        None => values.to_vec(),
                    }
                })
                .collect(),
            Change::LowRank(factors) => {
                let mut flat = base.to_flat();
                factors.add_to(config, share, &mut flat);
                flat
            }
        };
        Ok(Weights::from_flat(config, &flat)?)
    }

    /// The tuned model. It is for series of the card's bucket alone: see [`Card::require_bucket`].
    ///
    /// # Errors
    /// As [`Self::merged`].
    pub fn forecaster(&self, base: &Weights, precision: Precision) -> Result<Pretrained, AdapterError> {
        let model = Pretrained::new(&self.merged(base)?, precision);
        Ok(match &self.change {
            Change::Calibration(calibration) => model.calibrated(calibration.scaled(self.card.share as f32)),
            _ => model,
        })
    }
}

impl Card {
    /// Whether the fit is for periods of this length.
    ///
    /// # Errors
    /// [`AdapterError::Bucket`] where it was fitted to others.
    pub fn require_bucket(&self, here: Bucket) -> Result<(), AdapterError> {
        if self.bucket == here {
            return Ok(());
        }
        Err(AdapterError::Bucket { tuned: self.bucket, here })
    }
}

/// The card of a file, without its tensors.
///
/// # Errors
/// [`AdapterError`] where the bytes are no safetensors file or have no card.
pub fn card_of(bytes: &[u8]) -> Result<Card, AdapterError> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| WeightsError::Format(error.to_string()))?;
    let text = metadata.metadata().as_ref().and_then(|metadata| metadata.get(CARD_KEY));
    let text = text.ok_or_else(|| AdapterError::Card("is missing".to_owned()))?;
    serde_json::from_str(text).map_err(|error| AdapterError::Card(format!("cannot be understood: {error}")))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::tuning::score::tests::evidence;

    pub(crate) fn tiny() -> Weights {
        let config =
            ModelConfig { d_model: 8, n_layers: 1, n_heads: 2, d_ff: 8, d_embed: 8, d_head: 8, ..ModelConfig::nano() };
        Weights::random(&config, 1)
    }

    pub(crate) fn card(method: Method, sha256: &str) -> Card {
        Card {
            method,
            base: "nano".into(),
            base_sha256: sha256.into(),
            parent: None,
            day: "2026-03-02".into(),
            data: "00ff".into(),
            n_series: 40,
            n_windows: 4_000,
            bucket: Bucket::Day,
            horizon: 3,
            seed: 1,
            steps: 100,
            windows_per_step: 64,
            learning_rate: 1e-4,
            seconds: 1.5,
            share: 0.5,
            rank: (method == Method::Lora).then_some(2),
            alpha: (method == Method::Lora).then_some(4.0),
            volume_bounds: Vec::new(),
            evidence: Some(evidence(|_| 0.95)),
        }
    }

    /// An adapter whose numbers half precision holds.
    pub(crate) fn adapter(method: Method, base: Base) -> Adapter {
        let config = base.weights.config();
        let number = |idx: usize| (idx % 9) as f32 * 0.125 - 0.5;
        let change = match method {
            Method::Calibrate => Change::Calibration(Calibration {
                bounds: Vec::new(),
                marginal: (0..3 * N_LEVELS).map(number).collect(),
                cumulative: (0..3 * N_LEVELS).map(|idx| number(idx + 2)).collect(),
            }),
            Method::Head | Method::Full => Change::Tensors(
                (replaced_tensors(config, method).into_iter())
                    .map(|(name, shape)| (name, (0..shape.iter().product()).map(number).collect()))
                    .collect(),
            ),
            Method::Lora => {
                let mut factors = LowRank::new(config, 2, 4.0, 3);
                (0..).zip(&mut factors.factors).for_each(|(idx, value)| *value += number(idx));
                Change::LowRank(factors)
            }
        };
        Adapter { card: card(method, base.sha256), change }
    }

    #[test]
    fn a_file_gives_back_what_was_written() {
        let weights = tiny();
        let base = Base { weights: &weights, sha256: "abc" };
        for method in Method::ALL {
            let adapter = adapter(method, base);
            let bytes = adapter.to_bytes(weights.config()).unwrap();
            assert_eq!(Adapter::from_bytes(&bytes, base).unwrap(), adapter);
            assert_eq!(card_of(&bytes).unwrap(), adapter.card);
            assert_eq!(method.name().parse(), Ok(method));
        }
        // A calibration by class of volume.
        let mut by_class = adapter(Method::Calibrate, base);
        let Change::Calibration(calibration) = &mut by_class.change else { unreachable!("a calibration") };
        calibration.bounds = vec![0.3, 2.7];
        for shifts in [&mut calibration.marginal, &mut calibration.cumulative] {
            *shifts = shifts.repeat(3);
        }
        by_class.card.volume_bounds = vec![0.3, 2.7];
        let bytes = by_class.to_bytes(weights.config()).unwrap();
        assert_eq!(Adapter::from_bytes(&bytes, base).unwrap(), by_class);
    }

    #[test]
    fn a_fit_is_for_periods_of_its_own_length() {
        let card = card(Method::Head, "abc");
        assert!(card.require_bucket(Bucket::Day).is_ok());
        insta::assert_snapshot!(
            card.require_bucket(Bucket::Week).unwrap_err(),
            @"tuned to days, the data are in weeks"
        );
    }

    #[test]
    fn a_share_leads_from_the_base_to_the_fit() {
        let weights = tiny();
        let base = Base { weights: &weights, sha256: "abc" };
        let mut head = adapter(Method::Head, base);
        let merged = |adapter: &Adapter| adapter.merged(&weights).unwrap();
        let half = merged(&head);
        head.card.share = 0.0;
        assert_eq!(merged(&head), weights);
        head.card.share = 1.0;
        let whole = merged(&head);
        for (name, _) in weights.config().tensors() {
            let parts = weights.tensor(&name).iter().zip(whole.tensor(&name));
            assert!(half.tensor(&name).iter().zip(parts).all(|(h, (b, f))| (h - (b + f) / 2.0).abs() < 1e-6));
            let is_head = name == "norm.weight" || name.starts_with("head.");
            assert_eq!(weights.tensor(&name) != whole.tensor(&name), is_head, "{name}");
        }
        let mut lora = adapter(Method::Lora, base);
        lora.card.share = 0.0;
        assert_eq!(merged(&lora), weights);
        assert_eq!(merged(&adapter(Method::Calibrate, base)), weights);
    }

    #[test]
    fn other_weights_and_damaged_files_are_refused() {
        let weights = tiny();
        let base = Base { weights: &weights, sha256: "abc" };
        let bytes = |method| adapter(method, base).to_bytes(weights.config()).unwrap();
        let refusal = |bytes: &[u8], base| Adapter::from_bytes(bytes, base).unwrap_err().to_string();
        insta::assert_snapshot!(
            refusal(&bytes(Method::Head), Base { sha256: "0123456789abcdef", ..base }),
            @r#"the adapter changes weights "nano" with SHA-256 abc…, those here are "nano" with SHA-256 0123456789ab…; tune again with this version"#
        );
        insta::assert_snapshot!(refusal(b"PK", base), @"weights are not in safetensors format: header too small");
        insta::assert_snapshot!(
            refusal(&weights.to_bytes(crate::weights::StoredAs::F16).unwrap(), base),
            @r#"metadata "adapter" of the file is missing"#
        );
        let wider = Weights::random(&ModelConfig { d_head: 12, ..weights.config().clone() }, 1);
        insta::assert_snapshot!(
            refusal(&bytes(Method::Head), Base { weights: &wider, ..base }),
            @r#"tensor "head.hidden.weight" has shape [8, 8], must be [12, 8]"#
        );
        let mut whole = bytes(Method::Calibrate);
        let last = whole.len() - 4;
        whole[last..].copy_from_slice(&f32::NAN.to_le_bytes());
        assert!(refusal(&whole, base).contains("holds NaN at position 62"), "{}", refusal(&whole, base));
        let mut odd = adapter(Method::Calibrate, base);
        odd.card.share = 1.5;
        insta::assert_snapshot!(
            refusal(&odd.to_bytes(weights.config()).unwrap(), base),
            @r#"metadata "adapter" of the file has share = 1.5, must be from 0 to 1"#
        );
        let mut odd = adapter(Method::Calibrate, base);
        odd.card.volume_bounds = vec![2.0, 1.0];
        let Change::Calibration(calibration) = &mut odd.change else { unreachable!("a calibration") };
        calibration.marginal = calibration.marginal.repeat(3);
        calibration.cumulative = calibration.cumulative.repeat(3);
        insta::assert_snapshot!(
            refusal(&odd.to_bytes(weights.config()).unwrap(), base),
            @r#"metadata "adapter" of the file has volume_bounds = [2.0, 1.0], must be fewer than 16 rising numbers"#
        );
    }
}
