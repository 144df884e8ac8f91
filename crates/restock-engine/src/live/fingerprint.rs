//! What tells whether anything about a planning unit has changed.

use restock_core::SeriesInput;

use crate::unit::PlanningUnit;

/// A hash of all that planning units hold: the same units have the same plan.
pub(super) fn fingerprint(units: &[PlanningUnit]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for unit in units {
        let mut unit = unit.clone();
        add_columns(&mut unit.history.series, &mut hasher);
        hasher.update(format!("{unit:?}").as_bytes());
    }
    hasher.finalize()
}

/// A hash of all that a series holds.
pub(super) fn of_series(series: &SeriesInput) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    let mut series = series.clone();
    add_columns(&mut series, &mut hasher);
    hasher.update(format!("{series:?}").as_bytes());
    hasher.finalize()
}

/// Moves the long columns of a series into a hash as bytes; what is left is short as text.
fn add_columns(series: &mut SeriesInput, hasher: &mut blake3::Hasher) {
    for column in [&mut series.demand, &mut series.sales] {
        add(hasher, std::mem::take(column).into_iter().map(f64::to_le_bytes));
    }
    let singles = series.covariates.iter_mut().map(|covariate| &mut covariate.values);
    for column in singles.chain(&mut series.availability).chain(&mut series.siblings).chain([&mut series.open_future]) {
        add(hasher, std::mem::take(column).into_iter().map(f32::to_le_bytes));
    }
    add(hasher, std::mem::take(&mut series.observations).into_iter().map(|one| [one as u8]));
}

fn add<const N: usize>(hasher: &mut blake3::Hasher, values: impl ExactSizeIterator<Item = [u8; N]>) {
    hasher.update(&(values.len() as u64).to_le_bytes());
    let bytes: Vec<u8> = values.flatten().collect();
    hasher.update(&bytes);
}
