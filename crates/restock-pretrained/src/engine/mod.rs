//! The network at work on a CPU: patches in, quantiles of demand out.
//!
//! [`network`] is the definition, written for reading, in f64. [`Engine`] computes the same for many series at once:
//! blocks of series share every matrix product, and the last layer works for future patches alone.
//!
//! ```
//! use restock_pretrained::config::{ModelConfig, N_STATIC, PATCH_WIDTH};
//! use restock_pretrained::engine::{Engine, Input, Precision};
//! use restock_pretrained::weights::Weights;
//!
//! let engine = Engine::new(&Weights::random(&ModelConfig::nano(), 1), Precision::fastest());
//! let (patches, statics) = (vec![0.5; 5 * PATCH_WIDTH], vec![0.0; N_STATIC]);
//! let input = Input { n_series: 1, context_patches: 3, future_patches: 2, patches: &patches, statics: &statics };
//! let output = engine.run(&input);
//! assert_eq!(output.horizon, 32);
//! assert!(output.marginal(0, 0).is_sorted());
//! ```

mod fast;
pub mod network;

use crate::config::{MAX_CONTEXT_PATCHES, MAX_FUTURE_PATCHES, N_LEVELS, N_OUTPUTS, N_STATIC, PATCH, PATCH_WIDTH};
use crate::kernels::linear::Format;
use crate::kernels::reduced;

pub use fast::Engine;

/// Series of equal length, cut into patches. Every number is finite.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Series.
    pub n_series: usize,
    /// Patches of the past of each series, 1 to [`MAX_CONTEXT_PATCHES`].
    pub context_patches: usize,
    /// Patches of the future of each series, 1 to [`MAX_FUTURE_PATCHES`].
    pub future_patches: usize,
    /// `[n_series, context_patches + future_patches, PATCH_WIDTH]`, a patch channel-major.
    pub patches: &'a [f32],
    /// `[n_series, N_STATIC]`.
    pub statics: &'a [f32],
}

impl Input<'_> {
    /// Patches of one series.
    pub fn n_patches(&self) -> usize {
        self.context_patches + self.future_patches
    }

    fn assert_shape(&self) {
        assert!((1..=MAX_CONTEXT_PATCHES).contains(&self.context_patches), "{} context patches", self.context_patches);
        assert!((1..=MAX_FUTURE_PATCHES).contains(&self.future_patches), "{} future patches", self.future_patches);
        assert_eq!(self.patches.len(), self.n_series * self.n_patches() * PATCH_WIDTH);
        assert_eq!(self.statics.len(), self.n_series * N_STATIC);
    }
}

/// What the network says about every series and future step. Quantiles never fall as their level rises.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Series.
    pub n_series: usize,
    /// Future steps of each series: future patches · [`PATCH`].
    pub horizon: usize,
    /// `[n_series, horizon, N_LEVELS]`: quantiles of the step's demand y as asinh(y / s).
    pub marginal: Vec<f32>,
    /// `[n_series, horizon, N_LEVELS]`: quantiles of demand from the origin to the end of step h, as asinh(Σy / (h·s)).
    pub cumulative: Vec<f32>,
    /// `[n_series, horizon]`: probability of any demand in the step.
    pub demand_probability: Vec<f32>,
}

impl Output {
    fn zeros(n_series: usize, horizon: usize) -> Self {
        let n_steps = n_series * horizon;
        Self {
            n_series,
            horizon,
            marginal: vec![0.0; n_steps * N_LEVELS],
            cumulative: vec![0.0; n_steps * N_LEVELS],
            demand_probability: vec![0.0; n_steps],
        }
    }

    /// Takes over what another output with the same horizon says of one of its series.
    pub(crate) fn copy_series(&mut self, series_idx: usize, other: &Self, other_idx: usize) {
        assert_eq!(self.horizon, other.horizon);
        let copy = |to: &mut [f32], from: &[f32], width: usize| {
            to[series_idx * width..][..width].copy_from_slice(&from[other_idx * width..][..width]);
        };
        copy(&mut self.marginal, &other.marginal, self.horizon * N_LEVELS);
        copy(&mut self.cumulative, &other.cumulative, self.horizon * N_LEVELS);
        copy(&mut self.demand_probability, &other.demand_probability, self.horizon);
    }

    /// Quantiles of one step, in the order of [`crate::config::LEVELS`].
    pub fn marginal(&self, series_idx: usize, step: usize) -> &[f32] {
        &self.marginal[(series_idx * self.horizon + step) * N_LEVELS..][..N_LEVELS]
    }

    /// Quantiles of demand from the origin to the end of a step.
    pub fn cumulative(&self, series_idx: usize, step: usize) -> &[f32] {
        &self.cumulative[(series_idx * self.horizon + step) * N_LEVELS..][..N_LEVELS]
    }
}

/// In what numbers the large matrix products are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Single precision, on every machine.
    F32,
    /// bfloat16 factors and f32 sums, 1.7 times as fast; processors with AVX512-BF16.
    Bf16,
    /// Factors of 8 bits and exact sums inside the layers, 2.4 times as fast; processors with AVX512-VNNI. With the
    /// shipped weights it forecasts as well as f32 (see their card); compare on weights of your own.
    Int8,
}

impl Precision {
    /// Stable name, as written in configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }

    /// Precisions of this machine, the most exact first.
    pub fn supported() -> Vec<Self> {
        [(Self::F32, true), (Self::Bf16, reduced::bf16_is_supported()), (Self::Int8, reduced::int8_is_supported())]
            .into_iter()
            .filter_map(|(precision, is_supported)| is_supported.then_some(precision))
            .collect()
    }

    /// The fastest precision of this machine.
    pub fn fastest() -> Self {
        Self::supported().last().copied().unwrap_or(Self::F32)
    }

    /// The fastest precision of this machine that needs no comparison first: bfloat16 or f32.
    fn fastest_float() -> Self {
        if reduced::bf16_is_supported() { Self::Bf16 } else { Self::F32 }
    }

    /// The format of layers.
    pub(crate) fn format(self) -> Format {
        match self {
            Self::F32 => Format::F32,
            Self::Bf16 => Format::Bf16,
            Self::Int8 => Format::Int8,
        }
    }

    /// The format of what reads the patches: masks, calendar and values of one patch differ too much for 8 bits.
    pub(crate) fn input_format(self) -> Format {
        match self {
            Self::Int8 => Self::fastest_float().format(),
            _ => self.format(),
        }
    }
}

/// Values of one output step, `[N_OUTPUTS]`: where its three parts begin.
pub(crate) const CUMULATIVE_START: usize = N_LEVELS;
pub(crate) const LOGIT: usize = 2 * N_LEVELS;
const _: () = assert!(LOGIT + 1 == N_OUTPUTS && PATCH > 0);
