//! Ids and category paths that requests name, and which of them nobody knows: a misspelt one would do nothing and tell
//! nobody.

use std::collections::BTreeSet;

use restock_core::Dataset;
use restock_core::dataset::{Item, Location, Supplier};
use restock_core::event::SupplyOrigin;
use restock_core::master::Lane;
use restock_core::said_demand::is_in_category;
use restock_ledger::Refusal;

use crate::masters::{Entity, refusal};
use crate::problem::Problem;
use crate::routes::blocking;
use crate::server::App;

/// What requests name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Named {
    items: BTreeSet<String>,
    locations: BTreeSet<String>,
    suppliers: BTreeSet<String>,
    categories: BTreeSet<String>,
}

impl Named {
    /// What one request is about.
    pub(crate) fn about(item: Option<&str>, location: Option<&str>, category: Option<&str>) -> Self {
        let set = |id: Option<&str>| id.map(str::to_owned).into_iter().collect();
        Self { items: set(item), locations: set(location), categories: set(category), ..Self::default() }
    }

    /// Adds what names a supply lane.
    pub(crate) fn add_lane(&mut self, lane: &Lane) {
        match &lane.origin {
            SupplyOrigin::Supplier(id) => self.suppliers.insert(id.clone()),
            SupplyOrigin::Location(id) => self.locations.insert(id.clone()),
        };
        self.locations.extend(lane.to_location.clone());
        self.items.extend(lane.item_id.clone());
        self.categories.extend(lane.category.clone());
    }

    /// Why a new lane cannot be taken in, where these are unknown.
    pub(crate) fn refusal_of(&self, lane: &Lane) -> Option<Refusal> {
        let unknown = |ids: &BTreeSet<String>, id: &Option<String>| id.clone().filter(|id| ids.contains(id));
        if let Some(id) = unknown(&self.locations, &lane.to_location) {
            return Some(refused("to_location", &id, A_LOCATION));
        }
        match &lane.origin {
            SupplyOrigin::Supplier(id) if self.suppliers.contains(id) => {
                return Some(refused("supplier_id", id, "a supplier that is known"));
            }
            SupplyOrigin::Location(id) if self.locations.contains(id) => {
                return Some(refused("from_location", id, A_LOCATION));
            }
            _ => {}
        }
        let item = unknown(&self.items, &lane.item_id).map(|id| refused("item_id", &id, AN_ITEM));
        item.or_else(|| unknown(&self.categories, &lane.category).map(|path| refused("category", &path, A_CATEGORY)))
    }

    /// Why a request about one item, location or category cannot be taken in, where these are unknown.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        let first = |field, ids: &BTreeSet<String>, expected| Some(refused(field, ids.first()?, expected));
        first("item_id", &self.items, AN_ITEM)
            .or_else(|| first("location_id", &self.locations, A_LOCATION))
            .or_else(|| first("category", &self.categories, A_CATEGORY))
    }

    fn is_empty(&self) -> bool {
        let Self { items, locations, suppliers, categories } = self;
        [items, locations, suppliers, categories].into_iter().all(BTreeSet::is_empty)
    }

    /// Forgets what tables have.
    fn forget_known(&mut self, tables: &Dataset) {
        self.items.retain(|id| Item::find(tables, id).is_none());
        self.locations.retain(|id| Location::find(tables, id).is_none());
        self.suppliers.retain(|id| Supplier::find(tables, id).is_none());
        self.categories.retain(|path| !tables.items.iter().any(|item| is_in_category(&item.category, path)));
    }

    /// Those that neither files, nor what people and systems said, nor the last plan knows.
    pub(crate) async fn unknown(mut self, app: &App) -> Result<Self, Problem> {
        let files = app.planning.file_tables()?;
        self.forget_known(&files);
        if !self.is_empty() {
            let mut left = self;
            let forget_said = move |app: &App| {
                let projection = app.writer.projection()?;
                let words = &projection.masters;
                left.items.retain(|id| !words.has(&Item::key(id)));
                left.locations.retain(|id| !words.has(&Location::key(id)));
                left.suppliers.retain(|id| !words.has(&Supplier::key(id)));
                left.categories.retain(|path| {
                    !Item::known_from(&files.items, words, "").any(|item| is_in_category(&item.category, path))
                });
                Ok::<_, Problem>(left)
            };
            self = blocking(app, forget_said).await??;
        }
        if !self.is_empty() {
            let mut left = self;
            let forget_planned = move |planner: &mut dyn crate::planner::LivePlanner| {
                if let Some(masters) = planner.masters() {
                    left.forget_known(masters);
                }
                left
            };
            self = app.planning.ask(forget_planned).await?;
        }
        Ok(self)
    }
}

const AN_ITEM: &str = "an item that is known";
const A_LOCATION: &str = "a location that is known";
const A_CATEGORY: &str = "a category path of some item";

fn refused(field: &str, got: &str, expected: &str) -> Refusal {
    refusal(field, &format!("{got:?}"), expected.to_owned(), "correct it, or say first what it is")
}
