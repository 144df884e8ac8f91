//! Public forecasting models of the Chronos family, from their published files: Chronos-Bolt (Ansari et al., 2024) and
//! Chronos-2 (Ansari et al., 2025).
//!
//! A model is a folder with `config.json` and `model.safetensors`; every size is read from its configuration. Forecasts
//! equal those of the Python package `chronos-forecasting` 2.3.2 to 1e-4 of the scale of a series.
//!
//! A network of the size of chronos-bolt-tiny takes 3.1 ms of one core for a series of 512 steps in f32, 1.8 ms in bfloat16
//! and 1.4 ms in 8 bits; the Python package on PyTorch 2.11 takes 5.0 ms in f32 (AMD EPYC with AVX-512, processor time, in
//! batches of 128).
//!
//! ```
//! # use std::path::Path;
//! use restock_pretrained::chronos::ChronosBolt;
//! use restock_pretrained::engine::Precision;
//!
//! # let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/chronos/bolt");
//! let model = ChronosBolt::read(&folder, Precision::F32)?;
//! let forecasts = model.predict(&[&[3.0, 5.0, f32::NAN, 4.0], &[0.0, 0.0, 1.0]], 28);
//! assert_eq!((forecasts.len(), forecasts[0].level(4).len()), (2, 28));
//! # Ok::<(), restock_pretrained::weights::WeightsError>(())
//! ```

mod bolt;
pub(crate) mod checkpoint;
mod chronos2;
mod encoder;
mod patches;
mod quantiles;

pub use bolt::ChronosBolt;
pub use chronos2::{Chronos2, Row};
pub use quantiles::QuantileForecast;

/// Tokens of one block: enough to read every weight many times from the cache.
const TOKENS_PER_BLOCK: usize = 256;
