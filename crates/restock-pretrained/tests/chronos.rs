//! Chronos-Bolt and Chronos-2 against the Python package `chronos-forecasting`, on random checkpoints.
//!
//! `experiments/chronos_fixtures.py` wrote checkpoints, histories and forecasts. `RESTOCK_CHRONOS_FIXTURES` names a folder
//! with larger ones, which are not committed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use restock_pretrained::chronos::{Chronos2, ChronosBolt, QuantileForecast, Row};
use restock_pretrained::engine::Precision;
use safetensors::SafeTensors;

/// One series of a case.
#[derive(Default)]
struct Series {
    past: Vec<f32>,
    future: Vec<f32>,
    /// `[n_levels, horizon]`.
    expected: Vec<f32>,
    horizon: usize,
}

/// `[case][group][row]`.
type Cases = BTreeMap<String, BTreeMap<usize, BTreeMap<usize, Series>>>;

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/chronos")
}

/// The committed fixtures, and those of the environment.
fn folders() -> Vec<PathBuf> {
    let larger = std::env::var_os("RESTOCK_CHRONOS_FIXTURES").map(PathBuf::from);
    std::iter::once(committed()).chain(larger).collect()
}

fn read_cases(path: &Path) -> Cases {
    let bytes = std::fs::read(path).unwrap();
    let mut cases = Cases::new();
    for (name, view) in SafeTensors::deserialize(&bytes).unwrap().iter() {
        let values: Vec<f32> = view.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        let parts: Vec<&str> = name.split('/').collect();
        let [case, group, row, what] = parts[..] else { panic!("tensor {name}") };
        let groups = cases.entry(case.to_owned()).or_default();
        let series = groups.entry(group.parse().unwrap()).or_default().entry(row.parse().unwrap()).or_default();
        match what {
            "past" => series.past = values,
            "future" => series.future = values,
            "expected" => (series.expected, series.horizon) = (values, view.shape()[1]),
            other => panic!("tensor of {other}"),
        }
    }
    cases
}

/// Mean and deviation of what is known.
fn location_and_scale(past: &[f32]) -> (f32, f32) {
    let known: Vec<f32> =
        past[past.len().saturating_sub(2048)..].iter().copied().filter(|value| !value.is_nan()).collect();
    if known.is_empty() {
        return (0.0, 1.0);
    }
    let mean = known.iter().sum::<f32>() / known.len() as f32;
    let variance = known.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / known.len() as f32;
    (mean, variance.sqrt())
}

/// Measured on these checkpoints: at most 0.4 of what is allowed, mostly 0.01. Allowed are 1e-4 of the scale of the series and of the
/// forecast's distance from its mean (sinh of Chronos-2 multiplies what f32 rounds), and 3e-6 of the mean itself: f32
/// resolves a constant history's continuation to 1e-7 of the mean only, which may be a tenth of its scale.
fn check_forecast(case: &str, series: &Series, forecast: &QuantileForecast) {
    assert_eq!(forecast.values.len(), series.expected.len(), "{case}");
    assert_eq!(forecast.horizon, series.horizon);
    let (location, scale) = location_and_scale(&series.past);
    for (&got, &expected) in forecast.values.iter().zip(&series.expected) {
        let allowed = 1e-4 * (scale + (expected - location).abs()) + 3e-6 * location.abs();
        assert!((got - expected).abs() <= allowed, "{case}: got {got}, Python says {expected}, allowed {allowed}");
    }
}

#[test]
fn bolt_forecasts_what_python_forecasts() {
    for folder in folders() {
        let model = ChronosBolt::read(&folder.join("bolt"), Precision::F32).unwrap();
        let cases = read_cases(&folder.join("bolt/cases.safetensors"));
        assert_eq!(cases.len(), 10);
        for (case, groups) in cases {
            let series: Vec<&Series> = groups[&0].values().collect();
            let histories: Vec<&[f32]> = series.iter().map(|series| series.past.as_slice()).collect();
            for (series, forecast) in series.iter().zip(model.predict(&histories, series[0].horizon)) {
                check_forecast(&case, series, &forecast);
            }
        }
    }
}

fn groups_of(groups: &BTreeMap<usize, BTreeMap<usize, Series>>) -> Vec<Vec<Row>> {
    let row = |series: &Series| Row { past: series.past.clone(), future: series.future.clone() };
    groups.values().map(|rows| rows.values().map(row).collect()).collect()
}

fn check_chronos2(model: &Chronos2, cases: &Path, n_cases: usize) {
    let cases = read_cases(cases);
    assert_eq!(cases.len(), n_cases);
    for (case, groups) in cases {
        let forecasts = model.predict(&groups_of(&groups), groups[&0][&0].horizon);
        for (series, forecast) in groups.values().flat_map(BTreeMap::values).zip(forecasts.iter().flatten()) {
            check_forecast(&case, series, forecast);
        }
    }
}

#[test]
fn chronos2_forecasts_what_python_forecasts() {
    for folder in folders().iter().map(|folder| folder.join("chronos2")) {
        let model = Chronos2::read(&folder, Precision::F32).unwrap();
        check_chronos2(&model, &folder.join("cases.safetensors"), 13);
    }
}

#[test]
fn an_adapter_changes_forecasts_as_in_python() {
    for folder in folders().iter().map(|folder| folder.join("chronos2")) {
        let model = Chronos2::read_with_adapter(&folder, &folder.join("adapter"), Precision::F32).unwrap();
        check_chronos2(&model, &folder.join("adapter/cases.safetensors"), 1);

        let plain = Chronos2::read(&folder, Precision::F32).unwrap();
        let cases = read_cases(&folder.join("adapter/cases.safetensors"));
        let groups = groups_of(&cases["covariates"]);
        assert_ne!(plain.predict(&groups, 40), model.predict(&groups, 40));
    }
}

/// A series forecast alone and among others, and a group with others beside it.
#[test]
fn company_changes_nothing() {
    let bolt = ChronosBolt::read(&committed().join("bolt"), Precision::F32).unwrap();
    let histories: Vec<Vec<f32>> = (1..40).map(|n| (0..n * 9).map(|i| (i % 7) as f32).collect()).collect();
    let views: Vec<&[f32]> = histories.iter().map(Vec::as_slice).collect();
    let together = bolt.predict(&views, 70);
    for idx in [0, 11, 38] {
        assert_eq!(bolt.predict(&views[idx..=idx], 70)[0], together[idx]);
    }

    let chronos2 = Chronos2::read(&committed().join("chronos2"), Precision::F32).unwrap();
    let row = |past: &Vec<f32>| Row { past: past.clone(), future: vec![1.0; 3] };
    let groups: Vec<Vec<Row>> = histories.chunks(3).map(|rows| rows.iter().map(row).collect()).collect();
    let together = chronos2.predict(&groups, 70);
    for idx in [0, 5, 12] {
        assert_eq!(chronos2.predict(&groups[idx..=idx], 70)[0], together[idx]);
    }
}

/// Nothing asked for, nothing answered.
#[test]
fn no_series_no_forecast() {
    let bolt = ChronosBolt::read(&committed().join("bolt"), Precision::F32).unwrap();
    assert!(bolt.predict(&[], 70).is_empty());
    assert_eq!(bolt.predict(&[&[]], 3)[0].values.len(), 27);
    let chronos2 = Chronos2::read(&committed().join("chronos2"), Precision::F32).unwrap();
    assert!(chronos2.predict(&[], 70).is_empty());
    assert_eq!(chronos2.predict(&[vec![Row::default()]], 3)[0][0].values.len(), 63);
}

#[test]
fn folders_that_hold_another_model_are_refused() {
    let refusal = |result: Result<(), restock_pretrained::weights::WeightsError>| {
        result.unwrap_err().to_string().replace(committed().to_str().unwrap(), "FIXTURES")
    };
    let fixtures = committed();
    insta::assert_snapshot!(
        refusal(Chronos2::read(&fixtures.join("bolt"), Precision::F32).map(drop)),
        @r#"weights file "FIXTURES/bolt/config.json" cannot be understood: missing field `output_patch_size` at line 22 column 3"#
    );
    insta::assert_snapshot!(
        refusal(ChronosBolt::read(&fixtures.join("chronos2"), Precision::F32).map(drop)),
        @r#"weights file "FIXTURES/chronos2/config.json" cannot be understood: missing field `prediction_length` at line 37 column 3"#
    );
    insta::assert_snapshot!(
        refusal(ChronosBolt::read(&fixtures, Precision::F32).map(drop)),
        @r#"weights file "FIXTURES/config.json" cannot be read: No such file or directory (os error 2)"#
    );
    insta::assert_snapshot!(
        refusal(Chronos2::read_with_adapter(&fixtures.join("chronos2"), &fixtures.join("bolt"), Precision::F32).map(drop)),
        @r#"weights file "FIXTURES/bolt/adapter_config.json" cannot be read: No such file or directory (os error 2)"#
    );
}

/// Folders changed in one place.
#[test]
fn damaged_checkpoints_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let config = std::fs::read_to_string(committed().join("bolt/config.json")).unwrap();
    let weights = committed().join("bolt/model.safetensors");
    std::fs::copy(weights, folder.path().join("model.safetensors")).unwrap();
    let refusal = |from: &str, to: &str| {
        assert!(config.contains(from));
        std::fs::write(folder.path().join("config.json"), config.replacen(from, to, 1)).unwrap();
        let error = ChronosBolt::read(folder.path(), Precision::F32).map(drop).unwrap_err();
        error.to_string().replace(folder.path().to_str().unwrap(), "FOLDER")
    };
    insta::assert_snapshot!(refusal("\"d_ff\": 32", "\"d_ff\": 48"), @r#"tensor "encoder.block.0.layer.1.DenseReluDense.wi.weight" has shape [32, 16], must be [48, 16]"#);
    insta::assert_snapshot!(refusal("\"num_layers\": 2", "\"num_layers\": 1"), @r#"tensor "encoder.block.1.layer.0.SelfAttention.k.weight" does not belong to network "Chronos-Bolt""#);
    insta::assert_snapshot!(refusal("\"num_layers\": 2", "\"num_layers\": 3"), @r#"tensor "encoder.block.2.layer.0.layer_norm.weight" is missing, network "Chronos-Bolt" has 59 tensors"#);
    insta::assert_snapshot!(refusal("\"num_layers\": 2", "\"num_layers\": 0"), @r#"weights file "FOLDER/config.json" has num_layers = 0, must be from 1 to 128"#);
    insta::assert_snapshot!(refusal("\"feed_forward_proj\": \"relu\"", "\"feed_forward_proj\": \"gated-gelu\""), @r#"weights file "FOLDER/config.json" has feed_forward_proj "gated-gelu", only "relu" is supported"#);
    insta::assert_snapshot!(refusal("\"use_reg_token\": true", "\"use_reg_token\": false"), @r#"weights file "FOLDER/config.json" has use_reg_token = false, only true is supported"#);
    insta::assert_snapshot!(refusal("\"input_patch_stride\": 16", "\"input_patch_stride\": 8"), @r#"weights file "FOLDER/config.json" has input_patch_size = 16 and input_patch_stride = 8, must be equal"#);
    insta::assert_snapshot!(refusal("0.5,", "0.05,"), @r#"weights file "FOLDER/config.json" has quantiles that do not ascend between 0 and 1"#);
}

/// bfloat16 keeps 8 bits of every factor; on these checkpoints forecasts move by at most 5 % of the scale.
#[test]
fn reduced_precision_is_close() {
    let folder = committed().join("bolt");
    let cases = read_cases(&folder.join("cases.safetensors"));
    let series = &cases["length_2048"][&0][&0];
    for precision in Precision::supported() {
        let model = ChronosBolt::read(&folder, precision).unwrap();
        let forecast = &model.predict(&[&series.past], series.horizon)[0];
        let (_, scale) = location_and_scale(&series.past);
        for (got, expected) in forecast.values.iter().zip(&series.expected) {
            assert!((got - expected).abs() <= 0.05 * scale, "{precision:?}: {got} {expected}");
        }
    }
}
