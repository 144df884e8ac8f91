//! The loss of a batch and its gradient by every weight, in single precision on the threads of the current rayon pool.

use std::ops::Range;
use std::sync::Mutex;

use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;

use super::losses::{Losses, Said, cell_loss, cells, counts};
use super::network::{Kept, Network, Windows};
use crate::batch::TrainingBatch;
use crate::config::{ModelConfig, N_OUTPUTS, N_STATIC, PATCH_WIDTH};
use crate::engine::Output;

/// Tokens of one block: enough to read every weight from the cache many times; what the way back needs of a block of
/// size `base` are about 40 MB.
const TOKENS_PER_BLOCK: usize = 512;

/// Parts of a batch at most, each with a gradient of its own in memory. The same for any number of threads, so that sums
/// are too.
const MAX_PARTS: usize = 16;

const POISONED: &str = "no thread panics while it holds the lock";

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
    taught_loss_and_gradient(weights, config, batch, None, trainable, gradient)
}

/// [`loss_and_gradient`] with the distance from what a teacher says about the same batch added to the loss: distillation.
///
/// # Panics
/// Unless weights, gradient, batch and the teacher's output have the lengths their shapes say.
pub fn taught_loss_and_gradient(
    weights: &[f32],
    config: &ModelConfig,
    batch: &TrainingBatch,
    teacher: Option<&Output>,
    trainable: Trainable,
    gradient: &mut [f32],
) -> Losses {
    batch.assert_shape();
    assert_eq!((weights.len(), gradient.len()), (config.n_parameters(), config.n_parameters()));
    if let Some(teacher) = teacher {
        assert_eq!((teacher.n_series, teacher.horizon), (batch.n_series, batch.horizon()));
    }
    let network = Network::new(config, weights, trainable);
    sum_over_blocks(&network, batch, None, teacher, gradient)
}

/// What the last layer says of the future of every window of a batch, `[n_series, future_patches, d_model]`: all that the
/// output block reads, and the same in every step of a training that changes the output block alone.
///
/// # Panics
/// Unless weights and batch have the lengths their shapes say.
pub fn features(weights: &[f32], config: &ModelConfig, batch: &TrainingBatch) -> Vec<f32> {
    batch.assert_shape();
    let network = Network::new(config, weights, Trainable::Head);
    let blocks: Vec<Vec<f32>> = blocks_of(batch, 1 + batch.context_patches + batch.future_patches)
        .into_par_iter()
        .map_init(Kept::default, |kept, block| {
            with_windows(batch, block, |windows| network.forward(windows, kept));
            network.features(kept).to_vec()
        })
        .collect();
    blocks.concat()
}

/// [`loss_and_gradient`] with [`Trainable::Head`], from the [`features`] of the batch; its patches and statics are not read
/// and may be missing. As no layer is passed, the layers may be left out of `weights` too, with `config.n_layers` 0.
///
/// # Panics
/// Unless weights, gradient and features have the lengths their shapes say.
pub fn head_loss_and_gradient(
    weights: &[f32],
    config: &ModelConfig,
    features: &[f32],
    batch: &TrainingBatch,
    gradient: &mut [f32],
) -> Losses {
    assert_eq!((weights.len(), gradient.len()), (config.n_parameters(), config.n_parameters()));
    assert_eq!(features.len(), batch.n_series * batch.future_patches * config.d_model);
    let network = Network::new(config, weights, Trainable::Head);
    sum_over_blocks(&network, batch, Some(features), None, gradient)
}

/// The blocks of a batch as ranges of series, each of about [`TOKENS_PER_BLOCK`] tokens.
fn blocks_of(batch: &TrainingBatch, tokens_per_series: usize) -> Vec<Range<usize>> {
    let per_block = (TOKENS_PER_BLOCK / tokens_per_series).max(1);
    let n_blocks = batch.n_series.div_ceil(per_block);
    (0..n_blocks).map(|block| block * per_block..((block + 1) * per_block).min(batch.n_series)).collect()
}

/// Losses and gradient of a batch, block by block; from `features` where they are known.
fn sum_over_blocks(
    network: &Network,
    batch: &TrainingBatch,
    features: Option<&[f32]>,
    teacher: Option<&Output>,
    gradient: &mut [f32],
) -> Losses {
    let lesson = Lesson { batch, teacher, counts: counts(batch) };
    let tokens_per_series = match features {
        Some(_) => batch.future_patches,
        None => 1 + batch.context_patches + batch.future_patches,
    };
    let blocks = blocks_of(batch, tokens_per_series);
    let n_parts = blocks.len().min(MAX_PARTS);
    // Memory of parts that are done, for the next: the system takes its time to hand out tens of megabytes.
    let memory: Mutex<Vec<Kept>> = Mutex::default();
    let parts: Vec<(Losses, Vec<f32>)> = (0..n_parts)
        .into_par_iter()
        .map(|part| {
            let mut kept = memory.lock().expect(POISONED).pop().unwrap_or_default();
            let mut losses = Losses::default();
            let mut sums = vec![0.0; gradient.len()];
            for block in &blocks[part * blocks.len() / n_parts..(part + 1) * blocks.len() / n_parts] {
                losses += block_loss_and_gradient(network, &lesson, features, block.clone(), &mut kept, &mut sums);
            }
            memory.lock().expect(POISONED).push(kept);
            (losses, sums)
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

/// Hands out the windows of a block.
fn with_windows(batch: &TrainingBatch, block: Range<usize>, with: impl FnOnce(&Windows)) {
    let width = (batch.context_patches + batch.future_patches) * PATCH_WIDTH;
    let patches = batch.patches[block.start * width..block.end * width].to_f32_vec();
    with(&Windows {
        n_series: block.len(),
        context_patches: batch.context_patches,
        future_patches: batch.future_patches,
        patches: &patches,
        statics: &batch.statics[block.start * N_STATIC..block.end * N_STATIC],
    });
}

/// What the series of a block add to the losses of their batch; their gradient is added to `gradient`.
fn block_loss_and_gradient(
    network: &Network,
    lesson: &Lesson,
    features: Option<&[f32]>,
    block: Range<usize>,
    kept: &mut Kept,
    gradient: &mut [f32],
) -> Losses {
    let Some(features) = features else {
        let mut losses = Losses::default();
        with_windows(lesson.batch, block.clone(), |windows| {
            network.forward(windows, kept);
            let d_raw;
            (losses, d_raw) = lesson.loss_of_raw(block, &kept.raw);
            network.backward(windows, kept, &d_raw, gradient);
        });
        return losses;
    };
    let width = features.len() / lesson.batch.n_series;
    network.set_features(&features[block.start * width..block.end * width], kept);
    network.head_forward(kept);
    let (losses, d_raw) = lesson.loss_of_raw(block, &kept.raw);
    network.head_backward(kept, &d_raw, gradient, &mut Vec::new());
    losses
}

/// What outputs are compared with.
struct Lesson<'a> {
    batch: &'a TrainingBatch,
    teacher: Option<&'a Output>,
    /// Weights of all cells.
    counts: Losses,
}

impl Lesson<'_> {
    /// Losses of a block and their gradient by its raw outputs, `[n_series, horizon, N_OUTPUTS]`.
    fn loss_of_raw(&self, block: Range<usize>, raw: &[f32]) -> (Losses, Vec<f32>) {
        let mut losses = Losses::default();
        let mut d_raw = vec![0.0; raw.len()];
        let (raw, _) = raw.as_chunks::<N_OUTPUTS>();
        let (d_raw_cells, _) = d_raw.as_chunks_mut::<N_OUTPUTS>();
        let first = block.start * self.batch.horizon();
        let cells = block.flat_map(|series_idx| cells(self.batch, series_idx, self.counts));
        for (idx, ((cell, raw), d_raw)) in cells.zip(raw).zip(d_raw_cells).enumerate() {
            let said = self.teacher.map(|teacher| Said::by(teacher, first + idx));
            let (loss, slopes) = cell_loss(&cell, said.as_ref(), &raw.map(f64::from));
            losses += loss;
            *d_raw = slopes.map(|slope| slope as f32);
        }
        (losses, d_raw)
    }
}
