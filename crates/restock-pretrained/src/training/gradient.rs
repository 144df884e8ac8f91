//! The loss of a batch and its gradient by every weight, in single precision on the threads of the current rayon pool.

use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;

use super::losses::{Losses, cell_loss, cells, counts};
use super::network::{Kept, Network, Windows};
use crate::batch::TrainingBatch;
use crate::config::{ModelConfig, N_OUTPUTS, N_STATIC, PATCH_WIDTH};

/// Tokens of one block: enough to read every weight from the cache many times; what the way back needs of a block of
/// size `base` are about 40 MB.
const TOKENS_PER_BLOCK: usize = 512;

/// Parts of a batch at most, each with a gradient of its own in memory. The same for any number of threads, so that sums
/// are too.
const MAX_PARTS: usize = 16;

/// Which tensors a gradient is asked for; the gradient of the others stays zero. The fewer, the less there is to compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trainable {
    /// The output block and the norm before it: the way back ends there.
    Head,
    /// The output block and every norm, on the way back through all layers.
    HeadAndNorms,
    /// What low-rank adapters change: queries, keys, values and outputs of attention, and the output block.
    Adapters,
    /// Every tensor.
    All,
}

impl Trainable {
    /// Whether a gradient of this tensor of [`ModelConfig::tensors`] is asked for.
    pub fn includes(self, tensor: &str) -> bool {
        let is_head = tensor.starts_with("head.");
        match self {
            Self::Head => is_head || tensor == "norm.weight",
            Self::HeadAndNorms => is_head || tensor.ends_with("norm.weight"),
            Self::Adapters => is_head || tensor.ends_with("qkv.weight") || tensor.ends_with("attention.output.weight"),
            Self::All => true,
        }
    }

    /// Whether anything in the layers is trained.
    pub(super) fn reaches_layers(self) -> bool {
        self != Self::Head
    }

    /// Whether anything before the layers is trained.
    pub(super) fn reaches_input(self) -> bool {
        self == Self::All
    }
}

/// The losses of a batch under `weights`, all parameters in the order of [`ModelConfig::tensors`]; `gradient`, as long,
/// becomes the gradient of [`Losses::total`].
///
/// Results are equal bit by bit for any number of threads.
///
/// ```
/// use restock_pretrained::batch::BatchSource;
/// use restock_pretrained::config::ModelConfig;
/// use restock_pretrained::prior::PriorSource;
/// use restock_pretrained::training::{Trainable, loss_and_gradient};
/// use restock_pretrained::weights::Weights;
///
/// let config = ModelConfig::nano();
/// let mut weights = Weights::random(&config, 1).to_flat();
/// let batch = PriorSource::new(1, 200).batch(0, 0.5);
/// let mut gradient = vec![0.0; weights.len()];
/// let before = loss_and_gradient(&weights, &config, &batch, Trainable::All, &mut gradient);
/// for (weight, slope) in weights.iter_mut().zip(&gradient) {
///     *weight -= 1e-4 * slope;
/// }
/// let after = loss_and_gradient(&weights, &config, &batch, Trainable::All, &mut gradient);
/// assert!(after.total() < before.total());
/// ```
///
/// # Panics
/// Unless weights, gradient and batch have the lengths their shapes say.
pub fn loss_and_gradient(
    weights: &[f32],
    config: &ModelConfig,
    batch: &TrainingBatch,
    trainable: Trainable,
    gradient: &mut [f32],
) -> Losses {
    batch.assert_shape();
    assert_eq!((weights.len(), gradient.len()), (config.n_parameters(), config.n_parameters()));
    let network = Network::new(config, weights, trainable);
    let counts = counts(batch);
    let n_tokens = 1 + batch.context_patches + batch.future_patches;
    let per_block = (TOKENS_PER_BLOCK / n_tokens).max(1);
    let n_blocks = batch.n_series.div_ceil(per_block);
    let n_parts = n_blocks.min(MAX_PARTS);
    let parts: Vec<(Losses, Vec<f32>)> = (0..n_parts)
        .into_par_iter()
        .map_init(Kept::default, |kept, part| {
            let mut losses = Losses::default();
            let mut gradient = vec![0.0; weights.len()];
            for block in part * n_blocks / n_parts..(part + 1) * n_blocks / n_parts {
                let first = block * per_block;
                let n_series = per_block.min(batch.n_series - first);
                losses += block_loss_and_gradient(&network, batch, first, n_series, counts, kept, &mut gradient);
            }
            (losses, gradient)
        })
        .collect();

    let mut losses = Losses::default();
    for (part, _) in &parts {
        losses += *part;
    }
    const CHUNK: usize = 1 << 14;
    gradient.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, sums)| {
        sums.fill(0.0);
        for (_, part) in &parts {
            sums.iter_mut().zip(&part[chunk * CHUNK..]).for_each(|(sum, slope)| *sum += slope);
        }
    });
    losses
}

/// What series `first..first + n_series` add to the losses of their batch; their gradient is added to `gradient`.
fn block_loss_and_gradient(
    network: &Network,
    batch: &TrainingBatch,
    first: usize,
    n_series: usize,
    counts: Losses,
    kept: &mut Kept,
    gradient: &mut [f32],
) -> Losses {
    let width = (batch.context_patches + batch.future_patches) * PATCH_WIDTH;
    let patches = batch.patches[first * width..(first + n_series) * width].to_f32_vec();
    let windows = Windows {
        n_series,
        context_patches: batch.context_patches,
        future_patches: batch.future_patches,
        patches: &patches,
        statics: &batch.statics[first * N_STATIC..(first + n_series) * N_STATIC],
    };
    network.forward(&windows, kept);
    let mut losses = Losses::default();
    let mut d_raw = vec![0.0; kept.raw.len()]; // [n_series, horizon, N_OUTPUTS]
    let cells = (first..first + n_series).flat_map(|series_idx| cells(batch, series_idx, counts));
    let (raw, _) = kept.raw.as_chunks::<N_OUTPUTS>();
    let (d_raw_cells, _) = d_raw.as_chunks_mut::<N_OUTPUTS>();
    for ((cell, raw), d_raw) in cells.zip(raw).zip(d_raw_cells) {
        let (loss, slopes) = cell_loss(&cell, &raw.map(f64::from));
        losses += loss;
        *d_raw = slopes.map(|slope| slope as f32);
    }
    network.backward(&windows, kept, &d_raw, gradient);
    losses
}
