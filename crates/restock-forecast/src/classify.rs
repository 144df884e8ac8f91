//! Classes of items by demand pattern (Syntetos-Boylan), value (ABC) and variability (XYZ).

use serde::{Deserialize, Serialize};

/// Demand pattern after Syntetos, Boylan & Croston (2005), with their cut-offs ADI 1.32 and CV² 0.49.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DemandPattern {
    /// Frequent demand of steady size.
    Smooth,
    /// Frequent demand of varying size.
    Erratic,
    /// Rare demand of steady size.
    Intermittent,
    /// Rare demand of varying size.
    Lumpy,
    /// No demand at all.
    None,
}

/// Share of value: the few items that make most of it are A.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AbcClass {
    /// The first 80 % of value.
    A,
    /// The next 15 %.
    B,
    /// The last 5 %, and everything without value.
    C,
}

/// Variability of demand per period: coefficient of variation up to 0.5 is X, up to 1.0 is Y, above is Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum XyzClass {
    /// Steady.
    X,
    /// Varying.
    Y,
    /// Erratic, or no demand.
    Z,
}

/// The class of one item-location by its demand alone.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DemandClass {
    /// Syntetos-Boylan class.
    pub pattern: DemandPattern,
    /// XYZ class.
    pub xyz: XyzClass,
    /// Average demand interval: periods per period with demand; infinite without demand.
    pub demand_interval: f64,
    /// Squared coefficient of variation of the non-zero demands.
    pub size_cv_squared: f64,
    /// Coefficient of variation of demand per period, zeros included; infinite without demand.
    pub cv: f64,
}

/// Average demand interval from which demand is rare (Syntetos, Boylan & Croston, 2005).
pub const DEMAND_INTERVAL_CUT: f64 = 1.32;

/// Squared coefficient of variation from which sizes vary (Syntetos, Boylan & Croston, 2005).
pub const SIZE_CV_SQUARED_CUT: f64 = 0.49;

/// Classifies demand per period, `[n_periods]`, of open and known periods only.
///
/// ```
/// use restock_forecast::classify::{DemandPattern, classify};
/// assert_eq!(classify(&[4.0, 5.0, 6.0, 5.0]).pattern, DemandPattern::Smooth);
/// assert_eq!(classify(&[0.0, 0.0, 5.0, 0.0, 5.0]).pattern, DemandPattern::Intermittent);
/// ```
pub fn classify(demand: &[f64]) -> DemandClass {
    let sizes: Vec<f64> = demand.iter().copied().filter(|demand| *demand > 0.0).collect();
    if sizes.is_empty() {
        return DemandClass {
            pattern: DemandPattern::None,
            xyz: XyzClass::Z,
            demand_interval: f64::INFINITY,
            size_cv_squared: 0.0,
            cv: f64::INFINITY,
        };
    }
    let demand_interval = demand.len() as f64 / sizes.len() as f64;
    let size_cv_squared = cv_squared(&sizes);
    let cv = cv_squared(demand).sqrt();
    let pattern = match (demand_interval < DEMAND_INTERVAL_CUT, size_cv_squared < SIZE_CV_SQUARED_CUT) {
        (true, true) => DemandPattern::Smooth,
        (true, false) => DemandPattern::Erratic,
        (false, true) => DemandPattern::Intermittent,
        (false, false) => DemandPattern::Lumpy,
    };
    let xyz = match cv {
        cv if cv <= 0.5 => XyzClass::X,
        cv if cv <= 1.0 => XyzClass::Y,
        _ => XyzClass::Z,
    };
    DemandClass { pattern, xyz, demand_interval, size_cv_squared, cv }
}

/// Squared coefficient of variation (population); 0 for fewer than two values.
fn cv_squared(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64 / (mean * mean)
}

/// ABC classes by share of total value, 80/15/5: `[n_items]` for `[n_items]` values (sales in money per item-location,
/// negative counts as 0).
///
/// An item belongs to the class in which its part of the cumulated value begins, so the largest item is always A.
/// Equal values keep the order of the input.
pub fn abc(values: &[f64]) -> Vec<AbcClass> {
    let worth = |idx: &usize| if values[*idx] > 0.0 { values[*idx] } else { 0.0 };
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| worth(b).total_cmp(&worth(a)).then(a.cmp(b)));
    let total: f64 = order.iter().map(worth).sum();
    let mut classes = vec![AbcClass::C; values.len()];
    let mut before = 0.0;
    for idx in order {
        let value = worth(&idx);
        if value <= 0.0 {
            break;
        }
        classes[idx] = match before / total {
            share if share < 0.80 => AbcClass::A,
            share if share < 0.95 => AbcClass::B,
            _ => AbcClass::C,
        };
        before += value;
    }
    classes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_patterns() {
        let smooth = classify(&[10.0, 11.0, 9.0, 10.0]);
        assert_eq!((smooth.pattern, smooth.xyz), (DemandPattern::Smooth, XyzClass::X));
        assert_eq!(classify(&[1.0, 20.0, 1.0, 1.0, 30.0]).pattern, DemandPattern::Erratic);
        let rare = classify(&[0.0, 0.0, 3.0, 0.0, 3.0, 0.0]);
        assert_eq!((rare.pattern, rare.demand_interval, rare.size_cv_squared), (DemandPattern::Intermittent, 3.0, 0.0));
        assert_eq!(classify(&[0.0, 0.0, 1.0, 0.0, 30.0, 0.0]).pattern, DemandPattern::Lumpy);
        assert_eq!(classify(&[0.0, 0.0]).pattern, DemandPattern::None);
        assert_eq!(classify(&[]).pattern, DemandPattern::None);
        // Sizes 1 and 3: mean 2, variance 1, CV² 0.25.
        assert_eq!(classify(&[1.0, 3.0]).size_cv_squared, 0.25);
    }

    #[test]
    fn value_classes() {
        use AbcClass::{A, B, C};
        assert_eq!(abc(&[5.0, 80.0, 10.0, 4.0, 1.0, 0.0]), [B, A, B, C, C, C]);
        assert_eq!(abc(&[100.0]), [A]);
        assert_eq!(abc(&[0.0, -3.0]), [C, C]);
    }
}
