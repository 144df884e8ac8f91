//! Vectors of product texts by a model of sentences from a local folder, such as all-MiniLM-L6-v2 (Reimers & Gurevych,
//! 2019; Wang et al., 2020).
//!
//! A model is a folder with `config.json`, `model.safetensors` and `vocab.txt` or `tokenizer.json`, of the BERT family
//! (Devlin et al., 2019); every size is read from its configuration. Nothing is downloaded. The vector of a text is the
//! mean over its pieces, scaled to length 1, so the product of two vectors is the cosine of the angle between them. Vectors
//! equal those of the Python package `transformers` to 1e-5.
//!
//! Without such a folder texts are compared by [`restock_forecast::cold_start::HashedTexts`].
//!
//! ```
//! # use std::path::Path;
//! use restock_pretrained::text::TextModel;
//!
//! # let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/text");
//! let model = TextModel::read(&folder)?;
//! let vectors = model.vectors(&["Organic whole milk 1 l", "有机牛奶 1升"]);
//! assert_eq!(vectors.len(), 2 * model.width());
//! # Ok::<(), restock_pretrained::weights::WeightsError>(())
//! ```

mod bert;
mod word_piece;

use std::path::Path;

use rayon::prelude::*;

use self::bert::Bert;
use self::word_piece::WordPieces;
use crate::chronos::checkpoint::refuse;
use crate::weights::WeightsError;

/// Pieces of a text that are read, at most; product texts are short.
const N_PIECES_MAX: usize = 128;

/// Texts of one block: of like length, so that little is read for nothing, and enough to use every weight often.
const N_TEXTS_PER_BLOCK: usize = 32;

/// A model of sentences.
pub struct TextModel {
    pieces: WordPieces,
    network: Bert,
}

impl TextModel {
    /// Reads a folder.
    ///
    /// # Errors
    /// [`WeightsError`] when a file is missing or of another kind of model.
    pub fn read(folder: &Path) -> Result<Self, WeightsError> {
        let network = Bert::read(folder)?;
        let pieces = WordPieces::read(folder)?;
        if pieces.size() > network.vocabulary_size() {
            let (got, most) = (pieces.size(), network.vocabulary_size());
            return refuse(folder, "config.json", format!("has vocab_size = {most}, but the vocabulary has {got}"));
        }
        Ok(Self { pieces, network })
    }

    /// Numbers in a vector.
    pub fn width(&self) -> usize {
        self.network.width()
    }

    /// The numbers of the pieces of a text, as the network reads them.
    pub fn pieces(&self, text: &str) -> Vec<u32> {
        self.pieces.numbers(text, N_PIECES_MAX.min(self.network.n_positions()))
    }

    /// `[n_texts × width]`: vectors of length 1, in the order of the texts. What a text becomes depends on it alone.
    pub fn vectors<T: AsRef<str> + Sync>(&self, texts: &[T]) -> Vec<f32> {
        let pieces: Vec<Vec<u32>> = texts.par_iter().map(|text| self.pieces(text.as_ref())).collect();
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|idx| (pieces[*idx].len(), *idx));
        let blocks: Vec<Vec<f32>> = order
            .par_chunks(N_TEXTS_PER_BLOCK)
            .map(|block| {
                let pieces: Vec<&[u32]> = block.iter().map(|idx| pieces[*idx].as_slice()).collect();
                self.network.vectors(&pieces)
            })
            .collect();
        let mut vectors = vec![0.0; texts.len() * self.width()];
        for (idx, vector) in order.iter().zip(blocks.iter().flat_map(|block| block.chunks_exact(self.width()))) {
            vectors[idx * self.width()..(idx + 1) * self.width()].copy_from_slice(vector);
        }
        vectors
    }
}
