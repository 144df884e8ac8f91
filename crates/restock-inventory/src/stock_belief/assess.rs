//! The belief about one item-location after what its days told, and what a count of it is worth.

use restock_core::Units;

use super::{DemandLaw, Invisible, Levels, StockBelief};

/// What is known of one day.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DayEvidence {
    /// Demand that could be expected, as a multiple of an average day; 0 where the place was closed, the item not listed
    /// or nothing is known.
    pub share: f64,
    /// Units sold.
    pub sold: Units,
    /// Units that came in less units that left, sales and corrections by counts left out.
    pub moved: Units,
    /// Whether somebody counted at the end of the day.
    pub counted: bool,
    /// Units by which that count corrected the record.
    pub corrected: Units,
}

/// What is known of one item-location.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The last days of the history, oldest first.
    pub days: &'a [DayEvidence],
    /// What the records say after the last day, units.
    pub recorded: Units,
    /// Days before the first of them since somebody counted; [`Invisible::UNCOUNTED_DAYS`] where nobody is known to have.
    pub n_uncounted_days: usize,
    /// Index of the first day from which all that came in is known. Days before it tell about demand alone.
    pub known_from: usize,
    /// How stock changes unseen.
    pub invisible: Invisible,
}

/// What is believed about one item-location.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assessment {
    /// Probability that nothing is there.
    pub probability_empty: f64,
    /// Expected true stock, units.
    pub expected_on_hand: f64,
    /// Expected demand per day as it is now, units.
    pub demand_per_day: f64,
    /// Expected units wanted per day that find an empty shelf, of which the records do not know.
    pub lost_per_day: f64,
    /// Days since the last sale on which something could have sold.
    pub n_quiet_days: usize,
    /// Units that were to be expected on those days at the usual level.
    pub expected_when_quiet: f64,
}

/// What a count costs, and what an empty shelf costs until somebody sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CountCosts {
    /// Money lost with a unit of demand that is not met.
    pub lost_unit: f64,
    /// Days until the error would be found, or goods come in, without a count.
    pub days_until_found: f64,
    /// Money that one count costs.
    pub count: f64,
}

/// Days until somebody sees an empty shelf of which the records say that there is stock.
const UNTIL_SEEN: f64 = 28.0;

impl Assessment {
    /// Days until the error is found, or goods come in, without a count.
    ///
    /// The next delivery is `days_to_supply` away, where there is one. Otherwise one is ordered where the `recorded` units
    /// do not cover the demand of `protection` days, which is when it comes; where they do, nothing is ordered until
    /// somebody sees the shelf, within 28 days.
    pub fn days_until_found(&self, recorded: Units, days_to_supply: Option<f64>, protection: f64) -> f64 {
        let covered = recorded as f64 >= protection * self.demand_per_day;
        days_to_supply.unwrap_or(if covered { UNTIL_SEEN } else { protection }).clamp(1.0, UNTIL_SEEN)
    }

    /// Money that a count is expected to save, less what it costs; below 0 where it is not worth it.
    pub fn value_of_count(&self, costs: &CountCosts) -> f64 {
        self.lost_per_day * costs.days_until_found * costs.lost_unit - costs.count
    }
}

/// Levels of demand: the first says that the item has faded out or waits for its season.
const LEVELS: Levels<6> = Levels {
    demand: [0.03, 0.3, 0.55, 1.0, 1.8, 3.2],
    prior: [0.02, 0.08, 0.2, 0.4, 0.22, 0.08],
    moves: [
        [0.98, 0.005, 0.005, 0.005, 0.004, 0.001],
        [0.004, 0.986, 0.01, 0.0, 0.0, 0.0],
        [0.002, 0.01, 0.978, 0.01, 0.0, 0.0],
        [0.002, 0.0, 0.01, 0.978, 0.01, 0.0],
        [0.002, 0.0, 0.0, 0.01, 0.978, 0.01],
        [0.002, 0.0, 0.0, 0.0, 0.01, 0.988],
    ],
};

/// Largest number of cells that records are spread over; above, several units are one cell.
const MAX_CELLS: Units = 160;

/// Days without a sale that are likelier than this are no wonder.
const QUIET: f64 = 0.3;
/// Mean unseen changes and daily demands that are enough to be there whatever the errors of the record.
const ENOUGH: f64 = 6.0;

/// A history needs so many average days, and so many with a sale, to say what is usual.
const MIN_DAYS: f64 = 14.0;
const MIN_SALES: usize = 1;

/// The belief after the last day; `None` where nothing speaks against the record: it says 0, or the item sold lately and
/// enough was there, or too little is known of what it sells.
pub fn assess(evidence: &Evidence<'_>) -> Option<Assessment> {
    if evidence.recorded <= 0 {
        return None;
    }
    let days = evidence.days;
    let usual = Usual::of(evidence)?;
    let quiet = &days[usual.last_sale + 1..];
    // A sum of nothing is -0.0.
    let expected_when_quiet = usual.mean * quiet.iter().map(|day| day.share).sum::<f64>() + 0.0;
    // Where enough was there, and the days without a sale are no wonder, nothing speaks against the record.
    let no_wonder = quiet.iter().map(|day| usual.law.none(usual.mean * day.share)).product::<f64>() > QUIET;
    if no_wonder && evidence.recorded as f64 > ENOUGH * (evidence.invisible.mean_size + usual.mean) {
        return None;
    }

    let first = evidence.known_from.min(usual.last_sale + 1);
    let most = usual.records[first..].iter().copied().max().unwrap_or(0).max(evidence.recorded);
    let cell = (most + MAX_CELLS - 1) / MAX_CELLS;
    let in_cells = |units: Units| (units.max(0) as f64 / cell as f64).round() as usize;
    let invisible = evidence.invisible.in_cells(cell as f64);
    let top = in_cells(most) + (6.0 * invisible.mean_size).ceil() as usize + 8;
    let law = DemandLaw::new(usual.law.variance_to_mean() / cell as f64);
    let mean = usual.mean / cell as f64;

    // Where it is not known what came in, the days after the last sale are all there is; then they must be more of a
    // wonder than any days without a sale before them, which may have been stock-outs that the records knew of.
    if evidence.known_from > usual.last_sale
        && expected_when_quiet <= 2.0 * usual.mean * longest_quiet(&days[..usual.last_sale])
    {
        return None;
    }
    let start = in_cells(usual.records[first]);
    let mut belief = match if first == 0 { evidence.n_uncounted_days } else { Invisible::UNCOUNTED_DAYS } {
        0 => StockBelief::counted(start, top, &LEVELS),
        n_days => StockBelief::recorded(start, top, n_days, &invisible, &LEVELS),
    };
    let (mut sold, mut moved) = (Carried::default(), Carried::default());
    for (day, recorded_after) in days[first..].iter().zip(&usual.records[first + 1..]) {
        belief.move_levels(&LEVELS);
        belief.move_stock(moved.cells(day.moved, cell));
        belief.change_unseen(&invisible);
        let n_sold = sold.sale(day.sold, cell);
        if day.share > 0.0 || n_sold > 0 {
            let share = if day.share > 0.0 { day.share } else { 1.0 };
            let likelihoods = LEVELS.demand.map(|multiple| law.of(n_sold, mean * share * multiple));
            belief.sell(n_sold, &likelihoods);
        }
        if day.counted {
            belief.count(in_cells(*recorded_after).min(top));
        } else if *recorded_after > 0 {
            belief.nobody_saw_it_empty(invisible.seen_per_day);
        }
    }

    let n_recent = days.len().min(28);
    let recent = days[days.len() - n_recent..].iter().map(|day| day.share).sum::<f64>() / n_recent as f64;
    let means = LEVELS.demand.map(|multiple| mean * recent * multiple);
    let levels = belief.level_probabilities();
    let lost: f64 = belief.cells()[0].iter().zip(&means).map(|(share, mean)| share * mean).sum();
    Some(Assessment {
        probability_empty: belief.probability_empty(),
        expected_on_hand: belief.expected_on_hand() * cell as f64,
        demand_per_day: levels.iter().zip(&means).map(|(share, mean)| share * mean).sum::<f64>() * cell as f64,
        lost_per_day: lost.max(0.0) * cell as f64,
        n_quiet_days: quiet.iter().filter(|day| day.share > 0.0).count(),
        expected_when_quiet,
    })
}

/// The longest run of days without a sale, as average days.
fn longest_quiet(days: &[DayEvidence]) -> f64 {
    let (mut longest, mut run) = (0.0_f64, 0.0);
    for day in days {
        run = if day.sold > 0 { 0.0 } else { run + day.share };
        longest = longest.max(run);
    }
    longest
}

/// What the days up to the last sale say about demand, and the record day by day.
struct Usual {
    /// Index of the last day with a sale.
    last_sale: usize,
    /// Expected units of an average day.
    mean: f64,
    law: DemandLaw,
    /// `[n_days + 1]`: the record before the first day and after each, units, at least 0.
    records: Vec<Units>,
}

impl Usual {
    fn of(evidence: &Evidence<'_>) -> Option<Self> {
        let days = evidence.days;
        let last_sale = days.iter().rposition(|day| day.sold > 0)?;
        let mut records = vec![evidence.recorded; days.len() + 1];
        for (idx, day) in days.iter().enumerate().rev() {
            records[idx] = records[idx + 1] - day.moved - day.corrected + day.sold;
        }
        records.iter_mut().for_each(|record| *record = (*record).max(0));
        // Days without stock in the books could not sell, and say nothing about demand.
        let could_sell = |idx: &usize| {
            let day = &days[*idx];
            day.share > 0.0 && (day.sold > 0 || *idx < evidence.known_from || records[*idx] + day.moved.max(0) > 0)
        };
        let selling: Vec<usize> = (0..=last_sale).filter(could_sell).collect();
        let shares: f64 = selling.iter().map(|idx| days[*idx].share).sum();
        let n_sales = selling.iter().filter(|idx| days[**idx].sold > 0).count();
        if shares < MIN_DAYS || n_sales < MIN_SALES {
            return None;
        }
        // The days end with a sale because they were cut there: half of it is taken off.
        let sold = selling.iter().map(|idx| days[*idx].sold as f64).sum::<f64>() - 0.5 * days[last_sale].sold as f64;
        let mean = sold / shares;
        let law = DemandLaw::of_history(selling.iter().map(|idx| (mean * days[*idx].share, days[*idx].sold as f64)));
        let zeros = (selling.len() - n_sales) as f64 / selling.len() as f64;
        let law = law.at_least_zeros(zeros, mean * shares / selling.len() as f64);
        Some(Self { last_sale, mean, law, records })
    }
}

/// Units as whole cells, with the rest carried to the next day.
#[derive(Default)]
struct Carried {
    rest: Units,
}

impl Carried {
    fn cells(&mut self, units: Units, cell: Units) -> i64 {
        let total = units + self.rest;
        let cells = (total as f64 / cell as f64).round() as i64;
        self.rest = total - cells * cell;
        cells
    }

    /// The cells of what a day sold: at least one where it sold anything, because the shelf was not empty.
    fn sale(&mut self, units: Units, cell: Units) -> usize {
        let total = units + self.rest;
        let cells = if units > 0 { ((total as f64 / cell as f64).round() as Units).max(1) } else { 0 };
        self.rest = total - cells * cell;
        cells as usize
    }
}
