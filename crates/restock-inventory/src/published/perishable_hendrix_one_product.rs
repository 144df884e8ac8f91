//! Perishable item with a profit: the one-product problem of Hendrix et al. (2019), as run by Farrington et al. (2025).

use restock_core::Units;
use serde::Deserialize;

use super::{Case, Comparison, Suite, rows};
use crate::discrete_demand::DiscreteDemand;
use crate::environments::perishable::{HoldingCharge, IssuingLaw, Perishable, PerishableCosts};
use crate::exact::{Criterion, Settings, solve};

#[derive(Clone, Debug, Deserialize)]
struct Row {
    id: String,
    shelf_life: usize,
    mean: f64,
    max_order: Units,
    c_order: f64,
    price: f64,
    #[serde(rename = "L")]
    lead_time: usize,
    opt_profit: f64,
    published_pi_2dec: Option<f64>,
}

impl Row {
    fn compare(&self) -> Vec<Comparison> {
        let costs = PerishableCosts { unit_cost: self.c_order, price: self.price, ..PerishableCosts::default() };
        let law = IssuingLaw::fifo(&DiscreteDemand::poisson(self.mean, 60));
        let max_position = self.max_order * (self.shelf_life + self.lead_time) as Units;
        let charge = HoldingCharge::AfterExpiry;
        let problem =
            Perishable::new(self.shelf_life, self.lead_time, costs, law, charge, self.max_order, max_position);
        let solution = solve(&problem, Criterion::Average, &Settings::default());
        let ours = -solution.average_cost.expect("average cost");
        let mut comparisons =
            vec![Comparison { quantity: "optimal profit", published: self.opt_profit, ours, tolerance: 1e-4 }];
        if let Some(published) = self.published_pi_2dec {
            // Two decimals are printed.
            let tolerance = 0.005 + 1e-6;
            comparisons.push(Comparison {
                quantity: "optimal profit, Hendrix et al. 2019",
                published,
                ours,
                tolerance,
            });
        }
        comparisons
    }
}

pub(super) fn suite() -> Suite {
    let rows: Vec<Row> = rows(include_str!("perishable_hendrix_one_product.csv"));
    Suite {
        name: "perishable_hendrix_one_product",
        title: "perishable item, FIFO, average profit",
        citation: "Hendrix et al. (2019); parameters of viso_jax, Farrington et al. (2025); exact profits recomputed by \
                   relative value iteration",
        cases: rows
            .into_iter()
            .map(|row| {
                let large = row.shelf_life > 3;
                Case::new(row.id.clone(), large, move || row.compare())
            })
            .collect(),
    }
}
