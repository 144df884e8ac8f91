//! Vectors of texts against the Python package `transformers`, on a random model.
//!
//! `experiments/text_fixtures.py` wrote the model, the texts, their pieces and their vectors.

use std::path::{Path, PathBuf};

use restock_pretrained::text::TextModel;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    text: String,
    ids: Vec<u32>,
    vector: Vec<f32>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/text")
}

fn cases() -> Vec<Case> {
    serde_json::from_str(&std::fs::read_to_string(folder().join("cases.json")).unwrap()).unwrap()
}

#[test]
fn pieces_and_vectors_equal_those_of_the_package() {
    let model = TextModel::read(&folder()).unwrap();
    let cases = cases();
    let texts: Vec<&str> = cases.iter().map(|case| case.text.as_str()).collect();
    let vectors = model.vectors(&texts);
    for (case, vector) in cases.iter().zip(vectors.chunks_exact(model.width())) {
        assert_eq!(model.pieces(&case.text), case.ids, "{}", case.text);
        let worst = vector.iter().zip(&case.vector).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        // Single precision in another order of sums.
        assert!(worst < 1e-5, "{}: {worst}", case.text);
        let length: f32 = vector.iter().map(|value| value * value).sum();
        assert!((length - 1.0).abs() < 1e-5);
    }
}

/// What a text becomes depends neither on the others nor on their order.
#[test]
fn a_text_stands_for_itself() {
    let model = TextModel::read(&folder()).unwrap();
    let cases = cases();
    let texts: Vec<&str> = cases.iter().map(|case| case.text.as_str()).cycle().take(100).collect();
    let together = model.vectors(&texts);
    for (text, vector) in texts.iter().zip(together.chunks_exact(model.width())).step_by(7) {
        assert_eq!(model.vectors(&[text]), vector, "{text}");
    }
}

#[test]
fn another_kind_of_model_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for file in ["model.safetensors", "vocab.txt"] {
        std::fs::copy(folder().join(file), dir.path().join(file)).unwrap();
    }
    let config = std::fs::read_to_string(folder().join("config.json")).unwrap();
    let refused = |from: &str, to: &str| {
        assert!(config.contains(from));
        std::fs::write(dir.path().join("config.json"), config.replace(from, to)).unwrap();
        TextModel::read(dir.path()).err().expect("refused").to_string()
    };
    assert!(refused("\"gelu\"", "\"relu\"").contains("only \"gelu\" is supported"));
    assert!(refused("\"num_attention_heads\": 2", "\"num_attention_heads\": 3").contains("does not divide"));
    assert!(refused("\"intermediate_size\": 48", "\"intermediate_size\": 64").contains("intermediate.dense"));
    std::fs::remove_file(dir.path().join("config.json")).unwrap();
    assert!(TextModel::read(dir.path()).err().expect("refused").to_string().contains("config.json"));
}
