use super::*;

fn groups(n: u64) -> Vec<PriorGroup> {
    (0..n).map(|group| draw_group(&PriorOptions::default(), 320, 32, 7, group)).collect()
}

#[test]
fn a_group_depends_on_its_seed_alone() {
    let options = PriorOptions::default();
    assert_eq!(draw_group(&options, 100, 16, 1, 5), draw_group(&options, 100, 16, 1, 5));
    assert_ne!(draw_group(&options, 100, 16, 1, 5), draw_group(&options, 100, 16, 2, 5));
}

#[test]
fn what_is_sold_is_at_most_what_was_wanted_where_records_are_whole() {
    let (mut censored, mut full, mut understated) = (0, 0, 0);
    for group in groups(300) {
        for series in &group.series {
            assert_eq!(series.demand.len(), 352);
            assert_eq!(series.sales.len(), 320);
            assert!(series.demand.iter().all(|demand| demand.is_finite() && *demand >= 0.0));
            for (t, observation) in series.observations.iter().enumerate() {
                match observation {
                    Observation::Censored => {
                        censored += 1;
                        // A record made twice is the one defect that adds to sales.
                        understated += usize::from(series.sales[t] < series.demand[t]);
                    }
                    Observation::Full => full += 1,
                    _ => assert_eq!(series.sales[t], 0.0),
                }
            }
        }
    }
    let share = f64::from(censored) / f64::from(censored + full);
    assert!((0.03..0.3).contains(&share), "censored share {share}");
    assert!(understated > 0);
}

/// The four classes of Syntetos, Boylan & Croston (2005) by ADI 1.32 and CV² 0.49, in daily retail series: each at
/// least a tenth of the prior, so that no kind of demand is foreign to what was trained on it.
#[test]
fn every_class_of_demand_is_common() {
    let mut counts = [0.0; 4];
    let options = PriorOptions { share_generic: 0.0, ..PriorOptions::default() };
    for group in (0..400).map(|group| draw_group(&options, 320, 32, 7, group)) {
        for series in &group.series {
            let positive: Vec<f64> = series.demand.iter().filter(|d| **d > 0.0).map(|d| f64::from(*d)).collect();
            if positive.len() < 4 {
                continue;
            }
            let adi = series.demand.len() as f64 / positive.len() as f64;
            let mean = positive.iter().sum::<f64>() / positive.len() as f64;
            let variance = positive.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / positive.len() as f64;
            let class = usize::from(adi >= 1.32) + 2 * usize::from(variance / (mean * mean) >= 0.49);
            counts[class] += 1.0;
        }
    }
    let total: f64 = counts.iter().sum();
    for (class, count) in ["smooth", "intermittent", "erratic", "lumpy"].iter().zip(counts) {
        assert!(count / total > 0.1, "{class}: {:.3} of {total}", count / total);
    }
}

#[test]
fn siblings_move_together() {
    let mut correlations = Vec::new();
    let options = PriorOptions { share_generic: 0.0, ..PriorOptions::default() };
    for group in (0..300).map(|group| draw_group(&options, 320, 32, 11, group)).filter(|group| group.series.len() >= 4)
    {
        let levels: Vec<f64> = group.series.iter().map(|s| f64::from(s.demand.iter().sum::<f32>())).collect();
        let (a, b) = (&group.series[0].demand, &group.series[1].demand);
        if levels[0] < 300.0 || levels[1] < 300.0 {
            continue;
        }
        let mean = |x: &[f32]| f64::from(x.iter().sum::<f32>()) / x.len() as f64;
        let (ma, mb) = (mean(a), mean(b));
        let mut sums = [0.0; 3];
        for (x, y) in a.iter().zip(b) {
            let (x, y) = (f64::from(*x) - ma, f64::from(*y) - mb);
            sums = [sums[0] + x * y, sums[1] + x * x, sums[2] + y * y];
        }
        correlations.push(sums[0] / (sums[1] * sums[2]).sqrt());
    }
    let mean = correlations.iter().sum::<f64>() / correlations.len() as f64;
    assert!(mean > 0.05, "mean correlation of siblings {mean} over {}", correlations.len());
}

#[test]
fn every_bucket_and_length_can_be_drawn() {
    for n_past in [1, 15, 16, 17, 200, 520, 1024] {
        for group in 0..12 {
            let group = draw_group(&PriorOptions::default(), n_past, 16, 3, group);
            assert_eq!(group.calendar.first_days.len(), n_past + 16);
        }
    }
}
