//! Demand of items that have hardly sold yet, from items that are like them.
//!
//! | File | What it says |
//! |---|---|
//! | `product_text` | how like two texts are, without a model |
//! | `profile` | what an established item-location sells |
//! | `similar` | the neighbours of an item, and the prior of its demand that they make |
//! | `gamma_poisson` | how the prior becomes a forecast, and fades as sales arrive |

mod gamma_poisson;
mod product_text;
mod profile;
mod similar;

pub use gamma_poisson::{GammaPoisson, believed, predict, reason};
pub use product_text::{HashedTexts, product_text};
pub use profile::{N_ESTABLISHED, N_PAST_MAX, Profile};
pub use similar::{ItemFacts, Options, SimilarItems, TextVectors};
