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
    /// Units that came in before anything was sold.
    pub moved: Units,
    /// Units that left after the sales in a way that was written down: waste, and what was sent on.
    pub left: Units,
    /// Whether somebody counted at the end of the day.
    pub counted: bool,
    /// Units by which that count corrected the record.
    pub corrected: Units,
    /// Units that it found, where that is known; otherwise the record is what was found.
    pub found: Option<Units>,
    /// What a sensor measured at the end of the day.
    pub measured: Option<Measured>,
}

/// Units that a sensor measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Units.
    pub units: f64,
    /// Standard deviation of its error, units, above 0.
    pub sd: f64,
}

/// Share of measurements that mean nothing: somebody leant on the shelf, or other goods stood on it.
const MEANINGLESS: f64 = 0.05;

impl Measured {
    /// Likelihood of the measurement where `n_cells` cells of `cell` units are there, of `n` cells at most.
    fn likelihood(self, n_cells: usize, cell: f64, n: usize) -> f64 {
        // Within a cell, any number may be there.
        let sd = (self.sd * self.sd + cell * cell / 12.0).sqrt();
        let z = (self.units - n_cells as f64 * cell) / sd;
        let density = (-0.5 * z * z).exp() / (sd * (2.0 * std::f64::consts::PI).sqrt());
        (1.0 - MEANINGLESS) * density + MEANINGLESS / (n as f64 * cell)
    }
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
    /// How stock changes unseen, in units.
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
    /// Days until somebody sees an empty shelf of which the records say that there is stock, in the mean.
    pub days_until_seen: f64,
}

/// What comes in without a count, and how soon an order would.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Supply {
    /// What the records say, units.
    pub recorded: Units,
    /// Days to the next delivery that is ordered; `None` where none is.
    pub days_to_next: Option<f64>,
    /// Days until what is ordered on the next order day is there: lead time and review period.
    pub protection: f64,
}

/// What a count costs, and what demand that is not met costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CountCosts {
    /// Money lost with a unit of demand that is not met.
    pub lost_unit: f64,
    /// Money that one count costs.
    pub count: f64,
}

impl Assessment {
    /// Probability of an empty shelf from which a record is called wrong: in findings, exceptions and lists alike.
    ///
    /// Of the records of simulated stores ([`trial`](super::trial), seeds 1 to 20, which no test of the list uses) with
    /// beliefs from 0.6 to 0.7, 77 % were truly empty, and of all above 93 %; from 0.5 to 0.6 it was 72 %, from 0.4 to 0.5
    /// 59 %. Those stores have 60 % of their records wrong, so that the lower of the two bins that will do was left out:
    /// where records are better, fewer are empty at the same belief. `cargo run --release -p restock-inventory --example
    /// phantom_stock -- 1 20` prints the table.
    pub const PROBABLY_EMPTY: f64 = 0.6;

    /// Whether the shelf is probably empty.
    pub fn is_probably_empty(&self) -> bool {
        self.probability_empty >= Self::PROBABLY_EMPTY
    }

    /// Expected units of demand that are met because of a count.
    ///
    /// What is ordered after it comes `protection` days later. Without a count goods come as they are ordered; where
    /// nothing is, an order is placed all the same if the record does not cover the demand of `protection` days, and
    /// is there as soon. If it does, nothing is ordered until somebody sees the shelf. Where goods come anyway, a count
    /// saves at most what the record has and the shelf has not, because so much less is ordered.
    pub fn units_saved(&self, supply: &Supply) -> f64 {
        let Supply { recorded, days_to_next, protection } = *supply;
        let wanted = protection * self.demand_per_day;
        let days_sooner = match days_to_next {
            Some(days) => days - protection,
            None if recorded as f64 >= wanted => return self.lost_per_day * self.days_until_seen,
            None => 0.0,
        };
        // Of what the record has too much, so much less is ordered.
        let lacking = (recorded as f64).min(wanted);
        self.lost_per_day * days_sooner.clamp(0.0, self.days_until_seen) + self.probability_empty * lacking
    }

    /// Money that a count is expected to save, less what it costs; below 0 where it is not worth it.
    pub fn value_of_count(&self, supply: &Supply, costs: &CountCosts) -> f64 {
        self.units_saved(supply) * costs.lost_unit - costs.count
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

/// Largest sale of a day in grains, by which likelihoods are worked out; above, several units are one.
const MAX_GRAINS: Units = 400;

/// Last days of which a measurement counts as one of now.
const N_MEASURED: usize = 7;

/// Days without a sale that are likelier than this are no wonder.
const QUIET: f64 = 0.3;
/// Mean unseen changes and daily demands that are enough to be there whatever the errors of the record.
const ENOUGH: f64 = 6.0;

/// A history needs so many average days, and so many with a sale, to say what is usual.
const MIN_DAYS: f64 = 14.0;
const MIN_SALES: usize = 1;

/// The belief after the last day; `None` where nothing speaks against the record: it says 0 or next to nothing of what
/// flows through, or the item sold lately and enough was there, or too little is known of what it sells.
pub fn assess(evidence: &Evidence<'_>) -> Option<Assessment> {
    let days = evidence.days;
    // What a sensor says is something to believe whatever the record is.
    let is_measured = days.iter().rev().take(N_MEASURED).any(|day| day.measured.is_some());
    if evidence.recorded <= 0 && !is_measured {
        return None;
    }
    let usual = Usual::of(evidence)?;
    let quiet = &days[usual.last_sale + 1..];
    // A sum of nothing is -0.0.
    let expected_when_quiet = usual.mean * quiet.iter().map(|day| day.share).sum::<f64>() + 0.0;
    // Where enough was there, and the days without a sale are no wonder, nothing speaks against the record.
    let no_wonder = quiet.iter().map(|day| usual.law.none(usual.mean_in_grains() * day.share)).product::<f64>() > QUIET;
    if no_wonder && !is_measured && evidence.recorded as f64 > ENOUGH * (evidence.invisible.mean_size + usual.mean) {
        return None;
    }

    let first = evidence.known_from.min(usual.last_sale + 1);
    // What came in during a day is there as well as what is left of it.
    let busiest = days[first..].iter().zip(&usual.records[first..]);
    let most = busiest.map(|(day, before)| (before + day.moved.max(0)).max(day.sold + day.left)).max().unwrap_or(0);
    let most = usual.records[first..].iter().copied().max().unwrap_or(0).max(evidence.recorded).max(most);
    let measured = days[first..].iter().filter_map(|day| day.measured);
    // A sensor that says many times what anybody ever recorded is wrong, and must not make everything else one cell.
    let limit = most.max(MAX_CELLS).saturating_mul(4);
    let most = measured.map(|measured| (measured.units.ceil() as Units).min(limit)).max().unwrap_or(0).max(most).max(1);
    let cell = (most + MAX_CELLS - 1) / MAX_CELLS;
    // Less than half a cell cannot be told from nothing.
    if 2 * evidence.recorded < cell && !is_measured {
        return None;
    }
    let invisible = evidence.invisible.in_cells(cell as f64);
    let top = Cells::starting(most, cell).1 + ((6.0 * invisible.mean_size).ceil() as usize).min(MAX_CELLS as usize) + 8;
    let mean = usual.mean_in_grains();

    // Where it is not known what came in, the days after the last sale are all there is; then they must be more of a
    // wonder than any days without a sale before them, which may have been stock-outs that the records knew of.
    if !is_measured
        && evidence.known_from > usual.last_sale
        && expected_when_quiet <= 2.0 * usual.mean * longest_quiet(&days[..usual.last_sale])
    {
        return None;
    }
    let (mut cells, start) = Cells::starting(usual.records[first], cell);
    // A count before the first of these days is still the last one.
    let n_uncounted_days = match days[..first].iter().rposition(|day| day.counted) {
        Some(counted) => first - 1 - counted,
        None if first == 0 => evidence.n_uncounted_days,
        None => Invisible::UNCOUNTED_DAYS,
    };
    let mut belief = match n_uncounted_days {
        0 => StockBelief::counted(start, top, &LEVELS),
        n_days => StockBelief::recorded(start, top, n_days, &invisible, &LEVELS),
    };
    for (day, recorded_after) in days[first..].iter().zip(&usual.records[first + 1..]) {
        belief.move_levels(&LEVELS);
        belief.move_stock(cells.moved(day.moved));
        belief.change_unseen(&invisible);
        let n_cells = cells.sold(day.sold);
        if day.share > 0.0 || day.sold > 0 {
            let share = if day.share > 0.0 { day.share } else { 1.0 };
            let n_grains = usual.in_grains(day.sold);
            let likelihoods = LEVELS.demand.map(|multiple| usual.law.of(n_grains, mean * share * multiple));
            if day.sold > 0 && n_cells == 0 {
                belief.sell_part(&likelihoods);
            } else {
                belief.sell(n_cells, &likelihoods);
            }
        }
        belief.move_stock(cells.moved(-day.left));
        if day.counted {
            let counted;
            (cells, counted) = Cells::starting(*recorded_after, cell);
            belief.count(counted.min(top));
        } else if *recorded_after > 0 && day.share > 0.0 {
            belief.nobody_saw_it_empty(invisible.seen_per_day);
        }
        if let Some(measured) = day.measured {
            belief.measure(|x| measured.likelihood(x, cell as f64, top + 1));
        }
    }

    let n_recent = days.len().min(28);
    let recent = days[days.len() - n_recent..].iter().map(|day| day.share).sum::<f64>() / n_recent as f64;
    let means = LEVELS.demand.map(|multiple| usual.mean * recent * multiple);
    let levels = belief.level_probabilities();
    let lost: f64 = belief.cells()[0].iter().zip(&means).map(|(share, mean)| share * mean).sum();
    let demand_per_day: f64 = levels.iter().zip(&means).map(|(share, mean)| share * mean).sum();
    Some(Assessment {
        probability_empty: belief.probability_empty(),
        expected_on_hand: belief.expected_on_hand() * cell as f64,
        demand_per_day,
        lost_per_day: lost.max(0.0),
        n_quiet_days: quiet.iter().filter(|day| day.share > 0.0).count(),
        expected_when_quiet,
        days_until_seen: 1.0 / invisible.seen_per_day.max(1e-3),
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
    /// Units of a grain.
    grain: Units,
    /// What is wanted in a day, in grains.
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
            if let Some(found) = day.found {
                records[idx + 1] = found;
            }
            records[idx] = records[idx + 1] - day.moved + day.left - day.corrected + day.sold;
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
        let largest = days.iter().map(|day| day.sold).max().unwrap_or(0);
        let grain = (largest + MAX_GRAINS - 1) / MAX_GRAINS;
        let in_grains = |units: f64| units / grain as f64;
        let law = DemandLaw::of_history(
            selling.iter().map(|idx| (in_grains(mean * days[*idx].share), in_grains(days[*idx].sold as f64))),
        );
        let zeros = (selling.len() - n_sales) as f64 / selling.len() as f64;
        let law = law.at_least_zeros(zeros, in_grains(mean * shares / selling.len() as f64));
        Some(Self { last_sale, mean, grain, law, records })
    }

    fn mean_in_grains(&self) -> f64 {
        self.mean / self.grain as f64
    }

    /// Grains of a sale: at least one where anything was sold.
    fn in_grains(&self, sold: Units) -> usize {
        if sold <= 0 { 0 } else { ((2 * sold + self.grain) / (2 * self.grain)).max(1) as usize }
    }
}

/// The record in whole cells, with what it differs by, so that nothing is lost however many days are rounded.
struct Cells {
    /// Units of a cell.
    cell: Units,
    /// Units of the record that the cells so far lack: within half a cell.
    rest: Units,
}

impl Cells {
    /// Of a record of `units`, with its cells.
    fn starting(units: Units, cell: Units) -> (Self, usize) {
        let mut cells = Self { cell, rest: 0 };
        let n_cells = cells.moved(units).max(0) as usize;
        (cells, n_cells)
    }

    /// The cells by which a change of the record by so many units moves it.
    fn moved(&mut self, units: Units) -> i64 {
        let total = units + self.rest;
        let n_cells = (2 * total + self.cell).div_euclid(2 * self.cell);
        self.rest = total - n_cells * self.cell;
        n_cells
    }

    /// The cells that a sale of so many units takes away.
    fn sold(&mut self, units: Units) -> usize {
        if units == 0 { 0 } else { (-self.moved(-units)).max(0) as usize }
    }
}
