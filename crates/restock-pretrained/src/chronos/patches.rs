//! Histories as scaled patches. A history may have gaps, as NaN.

/// Location and scale of a history: mean and population standard deviation of what is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scaling {
    pub(super) location: f32,
    pub(super) scale: f32,
    /// asinh after standardisation (Chronos-2).
    pub(super) use_arcsinh: bool,
}

impl Scaling {
    /// (0, 1) where nothing is known; a constant history has scale 1e-5.
    ///
    /// Sums are in f64. The Python package sums in f32, so a constant such as 5.1 can have a tiny deviation there.
    pub(super) fn of(history: &[f32], use_arcsinh: bool) -> Self {
        let known = || history.iter().filter(|value| !value.is_nan()).map(|&value| f64::from(value));
        let n_known = known().count();
        if n_known == 0 {
            return Self { location: 0.0, scale: 1.0, use_arcsinh };
        }
        let location = (known().sum::<f64>() / n_known as f64) as f32;
        let variance = known().map(|value| (value - f64::from(location)).powi(2)).sum::<f64>() / n_known as f64;
        let scale = variance.sqrt() as f32;
        Self { location, scale: if scale == 0.0 { 1e-5 } else { scale }, use_arcsinh }
    }

    pub(super) fn apply(&self, value: f32) -> f32 {
        let scaled = (value - self.location) / self.scale;
        if self.use_arcsinh { scaled.asinh() } else { scaled }
    }

    pub(super) fn invert(&self, value: f32) -> f32 {
        let value = if self.use_arcsinh { value.sinh() } else { value };
        value * self.scale + self.location
    }
}

/// The last `length` values.
pub(super) fn last(history: &[f32], length: usize) -> &[f32] {
    &history[history.len().saturating_sub(length)..]
}

/// Patches of a history that hold anything known, with their position; the history ends with its last patch.
///
/// A patch in which nothing is known is masked in every attention: no other token sees it and its own output is not asked
/// for. It is left out, and those that stay keep their position.
pub(super) fn known_patches(history: &[f32], patch: usize) -> Vec<(usize, Vec<f32>)> {
    let n_patches = history.len().div_ceil(patch);
    let n_missing = n_patches * patch - history.len();
    let mut patches = Vec::new();
    for position in 0..n_patches {
        let values = (position * patch..(position + 1) * patch)
            .map(|i| i.checked_sub(n_missing).map_or(f32::NAN, |i| history[i]))
            .collect::<Vec<f32>>();
        if values.iter().any(|value| !value.is_nan()) {
            patches.push((position, values));
        }
    }
    patches
}

/// Appends scaled values (0 where unknown), then 1.0 where known and 0.0 where unknown.
pub(super) fn push_values_and_mask(values: &[f32], scaling: &Scaling, input: &mut Vec<f32>) {
    input.extend(values.iter().map(|&value| if value.is_nan() { 0.0 } else { scaling.apply(value) }));
    input.extend(values.iter().map(|value| if value.is_nan() { 0.0 } else { 1.0 }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaling_counts_what_is_known() {
        let scaling = Scaling::of(&[1.0, f32::NAN, 5.0], false);
        assert_eq!((scaling.location, scaling.scale), (3.0, 2.0));
        assert_eq!(scaling.invert(scaling.apply(7.5)), 7.5);
        let nothing = Scaling::of(&[f32::NAN], true);
        assert_eq!((nothing.location, nothing.scale), (0.0, 1.0));
        let constant = Scaling::of(&[7.0, 7.0], true);
        assert_eq!((constant.location, constant.scale), (7.0, 1e-5));
    }

    #[test]
    fn patches_end_with_the_history_and_leave_out_gaps() {
        let mut history: Vec<f32> = (0..7).map(|i| i as f32).collect();
        history[1..4].fill(f32::NAN);
        // Patches of 3 that end with the history, unknown as "_": [_ _ 0] [_ _ _] [4 5 6].
        let patches = known_patches(&history, 3);
        assert_eq!(patches.iter().map(|(position, _)| *position).collect::<Vec<_>>(), [0, 2]);
        assert!(patches[0].1[0].is_nan() && patches[0].1[1].is_nan() && patches[0].1[2] == 0.0);
        assert_eq!(patches[1].1, [4.0, 5.0, 6.0]);
        assert!(known_patches(&[], 3).is_empty());
    }
}
