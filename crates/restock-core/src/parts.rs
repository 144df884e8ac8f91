//! Parts of a dataset: the rows of some items, taken without reading all of it.

use std::collections::HashMap;
use std::ops::Range;

use crate::dataset::{Dataset, ItemIdx, SalesTable};

/// Where the rows of each item stand in the tables of a dataset.
#[derive(Clone, Debug, Default)]
pub struct RowsByItem {
    /// `[n_items]`: rows of sales.
    sales: Vec<Range<u32>>,
    inventory: Rows,
    sources: Rows,
    item_locations: Rows,
    open_orders: Rows,
    receipts: Rows,
    prices: Rows,
    promotions: Rows,
    readings: Rows,
    stockouts: Rows,
    bom: Rows,
    adjustments: Rows,
    substitutions: Rows,
    uoms: Rows,
    forecast_overrides: Rows,
    forecasts: Rows,
}

/// Rows of a table by item, ascending; those of no item are `of_none`.
#[derive(Clone, Debug, Default)]
struct Rows {
    /// `[n_items + 1]`: rows of item i are `rows[first[i]..first[i + 1]]`.
    first: Vec<u32>,
    rows: Vec<u32>,
    of_none: Vec<u32>,
}

impl Rows {
    fn new<T>(n_items: usize, table: &[T], item: impl Fn(&T) -> Option<ItemIdx>) -> Self {
        let mut first = vec![0_u32; n_items + 1];
        let mut of_none = Vec::new();
        for (row, entry) in table.iter().enumerate() {
            match item(entry) {
                Some(item) => first[item.0 as usize + 1] += 1,
                None => of_none.push(row as u32),
            }
        }
        for idx in 0..n_items {
            first[idx + 1] += first[idx];
        }
        let mut next = first.clone();
        let mut rows = vec![0; *first.last().expect("one more than items") as usize];
        for (row, entry) in table.iter().enumerate() {
            if let Some(item) = item(entry) {
                let at = &mut next[item.0 as usize];
                rows[*at as usize] = row as u32;
                *at += 1;
            }
        }
        Self { first, rows, of_none }
    }

    fn of(&self, item: ItemIdx) -> &[u32] {
        let idx = item.0 as usize;
        &self.rows[self.first[idx] as usize..self.first[idx + 1] as usize]
    }

    /// The entries of some items, and those of none, in the order of the table.
    fn take<T: Clone>(&self, table: &[T], items: &[ItemIdx]) -> Vec<T> {
        let mut rows: Vec<u32> = items.iter().flat_map(|item| self.of(*item)).chain(&self.of_none).copied().collect();
        rows.sort_unstable();
        rows.into_iter().map(|row| table[row as usize].clone()).collect()
    }
}

impl RowsByItem {
    /// Reads every table once.
    pub fn new(dataset: &Dataset) -> Self {
        let n = dataset.items.len();
        let sales = &dataset.sales;
        let mut of_sales = vec![0..0; n];
        let mut start = 0;
        while start < sales.len() {
            let item = sales.item[start];
            let end = start + sales.item[start..].partition_point(|other| *other <= item);
            of_sales[item.0 as usize] = start as u32..end as u32;
            start = end;
        }
        Self {
            sales: of_sales,
            inventory: Rows::new(n, &dataset.inventory, |row| Some(row.item)),
            sources: Rows::new(n, &dataset.sources, |row| row.item),
            item_locations: Rows::new(n, &dataset.item_locations, |row| Some(row.item)),
            open_orders: Rows::new(n, &dataset.open_orders, |row| Some(row.item)),
            receipts: Rows::new(n, &dataset.receipts, |row| Some(row.item)),
            prices: Rows::new(n, &dataset.prices, |row| Some(row.item)),
            promotions: Rows::new(n, &dataset.promotions, |row| row.item),
            readings: Rows::new(n, &dataset.readings, |row| Some(row.item)),
            stockouts: Rows::new(n, &dataset.stockouts, |row| Some(row.item)),
            bom: Rows::new(n, &dataset.bom, |row| Some(row.parent)),
            adjustments: Rows::new(n, &dataset.adjustments, |row| Some(row.item)),
            substitutions: Rows::new(n, &dataset.substitutions, |row| Some(row.from)),
            uoms: Rows::new(n, &dataset.uoms, |row| Some(row.item)),
            forecast_overrides: Rows::new(n, &dataset.forecast_overrides, |row| row.item),
            forecasts: Rows::new(n, &dataset.forecasts, |row| Some(row.item)),
        }
    }

    /// The part of `dataset` that is about some items, ids ascending: their rows, and all that is about no item in
    /// particular (locations, suppliers, calendars, lanes of categories, budgets and so on). A bill of materials or a
    /// substitution stays where both of its items do. Ids that `dataset` does not have are passed over.
    ///
    /// # Panics
    /// When ids do not ascend, or `dataset` has other rows than the one that was read.
    pub fn part(&self, dataset: &Dataset, item_ids: &[String]) -> Dataset {
        assert!(item_ids.windows(2).all(|pair| pair[0] < pair[1]), "ids ascend, each once");
        let idx_of = |id: &String| dataset.items.binary_search_by(|item| item.item_id.cmp(id)).ok();
        let items: Vec<ItemIdx> = item_ids.iter().filter_map(idx_of).map(|idx| ItemIdx(idx as u32)).collect();
        let items = items.as_slice();
        let own: HashMap<ItemIdx, u32> = items.iter().copied().zip(0..).collect();
        let width = dataset.text_vectors.len() / dataset.items.len().max(1);
        let vectors = items.iter().flat_map(|item| {
            let begin = item.0 as usize * width;
            &dataset.text_vectors[begin..begin + width]
        });
        let mut bom = self.bom.take(&dataset.bom, items);
        bom.retain(|row| own.contains_key(&row.component));
        let mut substitutions = self.substitutions.take(&dataset.substitutions, items);
        substitutions.retain(|row| own.contains_key(&row.to));
        let mut part = Dataset {
            files: dataset.files.clone(),
            items: items.iter().map(|item| dataset.items[item.0 as usize].clone()).collect(),
            locations: dataset.locations.clone(),
            suppliers: dataset.suppliers.clone(),
            sales: self.sales_of(&dataset.sales, items),
            inventory: self.inventory.take(&dataset.inventory, items),
            sources: self.sources.take(&dataset.sources, items),
            item_locations: self.item_locations.take(&dataset.item_locations, items),
            open_orders: self.open_orders.take(&dataset.open_orders, items),
            receipts: self.receipts.take(&dataset.receipts, items),
            prices: self.prices.take(&dataset.prices, items),
            promotions: self.promotions.take(&dataset.promotions, items),
            calendars: dataset.calendars.clone(),
            events: dataset.events.clone(),
            signals: dataset.signals.clone(),
            readings: self.readings.take(&dataset.readings, items),
            stockouts: self.stockouts.take(&dataset.stockouts, items),
            bom,
            adjustments: self.adjustments.take(&dataset.adjustments, items),
            substitutions,
            budgets: dataset.budgets.clone(),
            capacities: dataset.capacities.clone(),
            uoms: self.uoms.take(&dataset.uoms, items),
            segments: dataset.segments.clone(),
            forecast_overrides: self.forecast_overrides.take(&dataset.forecast_overrides, items),
            forecasts: self.forecasts.take(&dataset.forecasts, items),
            text_vectors: vectors.copied().collect(),
            facts: dataset.facts.clone(),
        };
        part.renumber_items(&|item| ItemIdx(own[&item]));
        part
    }

    fn sales_of(&self, sales: &SalesTable, items: &[ItemIdx]) -> SalesTable {
        let ranges: Vec<Range<usize>> = items
            .iter()
            .map(|item| &self.sales[item.0 as usize])
            .map(|range| range.start as usize..range.end as usize)
            .collect();
        fn take<T: Copy>(column: &[T], ranges: &[Range<usize>]) -> Vec<T> {
            match column.is_empty() {
                true => Vec::new(),
                false => ranges.iter().flat_map(|range| &column[range.clone()]).copied().collect(),
            }
        }
        SalesTable {
            item: take(&sales.item, &ranges),
            location: take(&sales.location, &ranges),
            day: take(&sales.day, &ranges),
            quantity: take(&sales.quantity, &ranges),
            unit_price: take(&sales.unit_price, &ranges),
            on_promotion: take(&sales.on_promotion, &ranges),
            price_ratio: take(&sales.price_ratio, &ranges),
            stockout_share: take(&sales.stockout_share, &ranges),
            open_share: take(&sales.open_share, &ranges),
            holiday: take(&sales.holiday, &ranges),
            lost: take(&sales.lost, &ranges),
            row: take(&sales.row, &ranges),
        }
    }
}
