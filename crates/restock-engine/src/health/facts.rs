//! What several checks need to know, worked out once.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use restock_core::dataset::{Calendar, Dataset, InventoryRow, Origin, SourceRow};
use restock_core::known::known_as_of;
use restock_core::proposal::ProposalSource;
use restock_core::settings::PlanSettings;
use restock_core::{Day, ItemIdx, LocationIdx, RowRef, WeekdaySet};

use crate::recipe::Recipes;

pub(super) struct Facts<'a> {
    pub(super) dataset: &'a Dataset,
    pub(super) settings: &'a PlanSettings,
    /// The morning up to which data are known.
    pub(super) as_of: Day,
    /// First day of the stray sales rows after a gap, when the settings name no day.
    pub(super) stray_from: Option<Day>,
    /// Every item-location of any table, by item and location.
    pub(super) pairs: Vec<Pair>,
    /// Indices into `dataset.inventory`, by item, location and day of the count.
    inventory_order: Vec<u32>,
    /// Per location: the last known day with any sale.
    last_sale_day: Vec<Option<Day>>,
    lanes: LaneIndex<'a>,
    /// What items are made of.
    pub(super) recipes: Recipes,
    /// Days with receipts, by item-location.
    receipt_days: HashMap<(ItemIdx, LocationIdx), Vec<Day>>,
}

pub(super) struct Pair {
    pub(super) item: ItemIdx,
    pub(super) location: LocationIdx,
    /// Rows of `dataset.sales`.
    pub(super) sales: Range<usize>,
    /// Positions in `Facts::inventory_order`.
    pub(super) inventory: Range<usize>,
    /// Row of `dataset.item_locations`.
    pub(super) setting: Option<usize>,
    /// The lane an order would use: row of `dataset.sources`.
    pub(super) lane: Option<usize>,
    /// Known stock-outs, rows of `dataset.stockouts`.
    pub(super) stockouts: Vec<u32>,
}

/// The known sales of one item-location, day by day.
pub(super) struct History {
    /// Days with at least one row, ascending.
    pub(super) days: Vec<DaySales>,
}

#[derive(Clone, Copy)]
pub(super) struct DaySales {
    pub(super) day: Day,
    /// Sum of positive quantities.
    pub(super) sold: f64,
    /// Sum of negative quantities, as a positive number.
    pub(super) returned: f64,
    /// First sales row of the day and their number.
    pub(super) first_row: usize,
    pub(super) n_rows: usize,
}

impl History {
    /// Days on which something was sold.
    pub(super) fn sale_days(&self) -> impl DoubleEndedIterator<Item = &DaySales> {
        self.days.iter().filter(|day| day.sold > 0.0)
    }

    pub(super) fn total_sold(&self) -> f64 {
        self.days.iter().map(|day| day.sold).sum()
    }
}

impl<'a> Facts<'a> {
    pub(super) fn new(dataset: &'a Dataset, settings: &'a PlanSettings) -> Self {
        let (as_of, stray_from) = known_as_of(dataset, settings);
        let sales = &dataset.sales;
        let key_of = |row: usize| (sales.item[row], sales.location[row]);

        let mut inventory_order: Vec<u32> = (0..dataset.inventory.len() as u32).collect();
        inventory_order.sort_by_key(|idx| {
            let row = &dataset.inventory[*idx as usize];
            (row.item, row.location, row.as_of.unwrap_or(Day(i32::MAX)), row.row)
        });

        // Sales are sorted by item-location, so runs of equal keys are item-locations.
        let mut found: BTreeMap<(ItemIdx, LocationIdx), Pair> = BTreeMap::new();
        fn pair_at(
            found: &mut BTreeMap<(ItemIdx, LocationIdx), Pair>,
            item: ItemIdx,
            location: LocationIdx,
        ) -> &mut Pair {
            found.entry((item, location)).or_insert_with(|| Pair {
                item,
                location,
                sales: 0..0,
                inventory: 0..0,
                setting: None,
                lane: None,
                stockouts: Vec::new(),
            })
        }
        let mut last_sale_day = vec![None; dataset.locations.len()];
        let mut start = 0;
        while start < sales.len() {
            let key = key_of(start);
            let mut end = start + 1;
            while end < sales.len() && key_of(end) == key {
                assert!(sales.day[end - 1] <= sales.day[end], "sales are sorted by item, location and day");
                end += 1;
            }
            let last_known = start + sales.day[start..end].partition_point(|day| *day < as_of);
            if last_known > start {
                let slot: &mut Option<Day> = &mut last_sale_day[key.1.0 as usize];
                *slot = (*slot).max(Some(sales.day[last_known - 1]));
            }
            let pair = pair_at(&mut found, key.0, key.1);
            assert!(pair.sales.is_empty(), "sales are sorted by item, location and day");
            pair.sales = start..end;
            start = end;
        }
        let mut start = 0;
        while start < inventory_order.len() {
            let row = &dataset.inventory[inventory_order[start] as usize];
            let mut end = start + 1;
            while end < inventory_order.len() {
                let other = &dataset.inventory[inventory_order[end] as usize];
                if (other.item, other.location) != (row.item, row.location) {
                    break;
                }
                end += 1;
            }
            pair_at(&mut found, row.item, row.location).inventory = start..end;
            start = end;
        }
        for (idx, row) in dataset.item_locations.iter().enumerate() {
            pair_at(&mut found, row.item, row.location).setting = Some(idx);
        }
        for (idx, row) in dataset.stockouts.iter().enumerate() {
            pair_at(&mut found, row.item, row.location).stockouts.push(idx as u32);
        }
        let mut receipt_days: HashMap<(ItemIdx, LocationIdx), Vec<Day>> = HashMap::new();
        for row in &dataset.receipts {
            if let Some(location) = row.location {
                receipt_days.entry((row.item, location)).or_default().push(row.received_on);
            }
        }
        receipt_days.values_mut().for_each(|days| days.sort_unstable());

        let mut facts = Self {
            dataset,
            settings,
            as_of,
            stray_from,
            pairs: Vec::new(),
            inventory_order,
            last_sale_day,
            lanes: LaneIndex::new(dataset, as_of),
            recipes: Recipes::of(dataset),
            receipt_days,
        };
        facts.pairs = found.into_values().collect();
        for idx in 0..facts.pairs.len() {
            facts.pairs[idx].lane = facts.lane_of(facts.pairs[idx].item, facts.pairs[idx].location);
        }
        facts
    }

    /// The user's ids.
    pub(super) fn ids(&self, item: ItemIdx, location: LocationIdx) -> (&'a str, &'a str) {
        let dataset: &'a Dataset = self.dataset;
        (&dataset.items[item.0 as usize].item_id, &dataset.locations[location.0 as usize].location_id)
    }

    /// The lane an order for this item-location would use today, a row of `dataset.sources`.
    pub(super) fn lane_of(&self, item: ItemIdx, location: LocationIdx) -> Option<usize> {
        self.lanes.lane_of(item, location)
    }

    /// Whether it is made when it is sold and has no stock of its own; a plan also looks at stock rules.
    pub(super) fn is_made_to_order(&self, pair: &Pair) -> bool {
        !self.recipes.components(pair.item).is_empty() && pair.inventory.is_empty() && pair.lane.is_none()
    }

    pub(super) fn lane(&self, pair: &Pair) -> Option<&'a SourceRow> {
        pair.lane.map(|idx| &self.dataset.sources[idx])
    }

    /// Rows of `dataset.inventory` of the pair, oldest count first.
    pub(super) fn inventory(&self, pair: &Pair) -> impl DoubleEndedIterator<Item = &'a InventoryRow> + '_ {
        let dataset: &'a Dataset = self.dataset;
        self.inventory_order[pair.inventory.clone()].iter().map(move |idx| &dataset.inventory[*idx as usize])
    }

    /// The newest count that is known: its day (`None` = now) and its rows, lot by lot.
    pub(super) fn latest_stock(&self, pair: &Pair) -> Option<(Option<Day>, Vec<&'a InventoryRow>)> {
        let known = |row: &&InventoryRow| row.as_of.is_none_or(|day| day <= self.as_of);
        let newest = self.inventory(pair).rev().find(known)?;
        let rows = self.inventory(pair).filter(|row| row.as_of == newest.as_of).collect();
        Some((newest.as_of, rows))
    }

    /// The last known day on which the location sold anything.
    pub(super) fn location_last_sale(&self, location: LocationIdx) -> Option<Day> {
        self.last_sale_day[location.0 as usize]
    }

    /// The newest known sale anywhere.
    pub(super) fn last_sale(&self) -> Option<Day> {
        self.last_sale_day.iter().flatten().max().copied()
    }

    pub(super) fn receipt_days(&self, item: ItemIdx, location: LocationIdx) -> &[Day] {
        self.receipt_days.get(&(item, location)).map_or(&[], Vec::as_slice)
    }

    /// The known sales of a pair by day.
    pub(super) fn history(&self, pair: &Pair) -> History {
        let sales = &self.dataset.sales;
        let mut days: Vec<DaySales> = Vec::new();
        for row in pair.sales.clone() {
            let (day, quantity) = (sales.day[row], sales.quantity[row].to_f64());
            if day >= self.as_of {
                break;
            }
            if days.last().is_none_or(|last| last.day != day) {
                days.push(DaySales { day, sold: 0.0, returned: 0.0, first_row: row, n_rows: 0 });
            }
            let last = days.last_mut().expect("just pushed");
            last.n_rows += 1;
            last.sold += quantity.max(0.0);
            last.returned += (-quantity).max(0.0);
        }
        History { days }
    }

    /// Row links of the sales of a day.
    pub(super) fn sales_rows(&self, day: &DaySales) -> impl Iterator<Item = RowRef> + '_ {
        let rows = &self.dataset.sales.row;
        (day.first_row..day.first_row + day.n_rows).filter_map(move |row| rows.get(row).copied())
    }

    /// Whether the location sells on `day`, as far as a calendar tells.
    pub(super) fn location_is_open(&self, location: LocationIdx, day: Day) -> bool {
        let location = &self.dataset.locations[location.0 as usize];
        let calendar = location.calendar.as_ref().and_then(|id| self.dataset.calendars.get(id));
        calendar.is_none_or(|calendar| calendar.is_open(day))
    }

    /// Whether the item-location may sell on `day`: open, launched, not ended, listed.
    pub(super) fn is_sellable(&self, pair: &Pair, day: Day) -> bool {
        self.location_is_open(pair.location, day) && self.is_listed(pair, day)
    }

    /// Whether the item-location is launched, listed and not ended on `day`.
    pub(super) fn is_listed(&self, pair: &Pair, day: Day) -> bool {
        let item = &self.dataset.items[pair.item.0 as usize];
        let setting = pair.setting.map(|idx| &self.dataset.item_locations[idx]);
        item.launch.is_none_or(|from| from <= day)
            && item.end.is_none_or(|to| day <= to)
            && setting.and_then(|setting| setting.listed_from).is_none_or(|from| from <= day)
            && setting.and_then(|setting| setting.listed_to).is_none_or(|to| day <= to)
    }

    /// Calendars that exist.
    pub(super) fn calendar_ids(&self) -> HashSet<&str> {
        self.dataset.calendars.keys().map(String::as_str).collect()
    }

    /// Days between order opportunities of a lane, the longest wait within a week; `None` when nothing tells.
    pub(super) fn review_days(&self, lane: &SourceRow) -> Option<f64> {
        let weekdays = match (&lane.review_calendar, lane.origin) {
            (Some(id), _) => self.dataset.calendars.get(id)?.weekdays,
            (None, Origin::Supplier(idx)) => self.dataset.suppliers[idx.0 as usize].order_days,
            (None, Origin::Location(_)) => return None,
        };
        let open: Vec<i32> = (0..14).filter(|day| weekdays.contains(Day(*day))).collect();
        open.windows(2)
            .map(|pair| f64::from(pair[1] - pair[0]))
            .fold(None, |most, gap| Some(gap.max(most.unwrap_or(0.0))))
    }
}

/// Whether a category path lies at or below `prefix`.
pub(super) fn in_category(category: &str, prefix: &str) -> bool {
    category.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/'))
}

/// Lanes by what they serve.
pub(crate) struct LaneIndex<'a> {
    dataset: &'a Dataset,
    as_of: Day,
    lanes: HashMap<(Option<ItemIdx>, Option<LocationIdx>), Vec<u32>>,
    /// What has a recipe: only a lane that names it or its category serves it.
    made: HashSet<ItemIdx>,
}

impl<'a> LaneIndex<'a> {
    /// Reads the lanes once; those in effect on `as_of` count.
    pub(crate) fn new(dataset: &'a Dataset, as_of: Day) -> Self {
        let mut lanes: HashMap<(Option<ItemIdx>, Option<LocationIdx>), Vec<u32>> = HashMap::new();
        for (idx, row) in dataset.sources.iter().enumerate() {
            lanes.entry((row.item, row.to_location)).or_default().push(idx as u32);
        }
        Self { dataset, as_of, lanes, made: Recipes::of(dataset).made().collect() }
    }

    /// The row of `sources` an order uses: the most specific, then the lowest priority number, then the largest share,
    /// as in a plan.
    pub(crate) fn lane_of(&self, item: ItemIdx, location: LocationIdx) -> Option<usize> {
        let category = self.dataset.items[item.0 as usize].category.as_str();
        let key = |idx: usize| {
            let lane = &self.dataset.sources[idx];
            let category_len = lane.category.as_ref().map_or(0, String::len);
            (lane.item.is_none(), Reverse(category_len), lane.to_location.is_none(), lane.priority)
        };
        let share = |idx: usize| self.dataset.sources[idx].share.unwrap_or(0.0);
        [(Some(item), Some(location)), (Some(item), None), (None, Some(location)), (None, None)]
            .iter()
            .filter_map(|key| self.lanes.get(key))
            .flatten()
            .map(|idx| *idx as usize)
            .filter(|idx| {
                let lane = &self.dataset.sources[*idx];
                let in_category = lane.category.as_deref().is_none_or(|prefix| in_category(category, prefix));
                let effective = lane.effective_from.is_none_or(|from| from <= self.as_of)
                    && lane.effective_to.is_none_or(|to| self.as_of <= to);
                let is_meant = lane.item.is_some() || lane.category.is_some() || !self.made.contains(&item);
                let is_other = lane.origin != Origin::Location(location);
                in_category && effective && is_meant && (is_other || (lane.item.is_some() && self.made.contains(&item)))
            })
            .min_by(|a, b| key(*a).cmp(&key(*b)).then(share(*b).total_cmp(&share(*a))).then(a.cmp(b)))
    }

    /// When an item-location may be ordered from its source; `None` where no calendar tells.
    pub(crate) fn order_days(
        &self,
        item: ItemIdx,
        location: LocationIdx,
        source: &ProposalSource,
    ) -> Option<OrderDays<'a>> {
        let dataset = self.dataset;
        let calendar = |id: &Option<String>| id.as_ref().and_then(|id| dataset.calendars.get(id));
        let review = self.lane_of(item, location).and_then(|idx| calendar(&dataset.sources[idx].review_calendar));
        let supplier = match source {
            ProposalSource::SupplierId(id) => {
                let found = dataset.suppliers.binary_search_by(|supplier| supplier.supplier_id.cmp(id));
                found.ok().map(|idx| &dataset.suppliers[idx])
            }
            _ => None,
        };
        let weekdays = supplier.map(|supplier| supplier.order_days).unwrap_or_default();
        let holidays = supplier.and_then(|supplier| calendar(&supplier.holidays_calendar));
        (review.is_some() || weekdays.len() < 7).then_some(OrderDays { weekdays, review, holidays })
    }
}

/// Days on which an order may be placed.
pub(crate) struct OrderDays<'a> {
    weekdays: WeekdaySet,
    review: Option<&'a Calendar>,
    holidays: Option<&'a Calendar>,
}

impl OrderDays<'_> {
    /// Whether an order may be placed on `day`.
    pub(crate) fn allows(&self, day: Day) -> bool {
        self.weekdays.contains(day)
            && self.review.is_none_or(|calendar| calendar.is_open(day))
            && self.holidays.is_none_or(|calendar| calendar.is_open(day))
    }
}
