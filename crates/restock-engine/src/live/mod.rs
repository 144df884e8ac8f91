//! A plan that is kept up to date while events come in.
//!
//! # Three steps
//! 1. [`LivePlan::update`] plans the item-locations that events touched, from the rows of their items: a few milliseconds,
//!    however large the business is. Whoever others draw from is left for the next step, unless it is touched itself or
//!    cannot send all that is wanted.
//! 2. [`LivePlan::refresh`] plans the partitions of what was touched as a whole: distribution centres, components, and what
//!    they can send.
//! 3. [`Whole::of`] works out what a partition takes from all others (classes, data health, when locations are open, lead
//!    times of whole sources, items alike): from everything, on any thread, while the plan goes on. [`LivePlan::take_over`]
//!    takes it, and [`LivePlan::settle_some`] plans again what comes out different, a few partitions at a time. After the
//!    last of them the plan is that of [`plan`](crate::plan()) of the same data, byte for byte, where nothing came in since.
//!
//! Limits over several lines are shared out anew after each step.

mod fingerprint;
mod reading;
mod remembering;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use rayon::prelude::*;
use restock_core::dataset::{Origin, SourceRow};
use restock_core::finding::PlanException;
use restock_core::proposal::Proposal;
use restock_core::settings::PlanSettings;
use restock_core::{Dataset, Day, Forecaster, ItemLocation};

use crate::batch::{Overrides, UnitPlan, plan_batch_with};
use crate::builder::{Shared, UnitBuilder};
use crate::health::HealthReport;
use crate::judgement::ToJudge;
use crate::plan::{ShadowPrice, Unplanned, batches, plan_id};
use crate::unit::PlanningUnit;

use fingerprint::fingerprint;
pub use remembering::Remembering;

/// Where the rows of some items come from: their ids, ascending, to their tables.
pub type TablesOf<'a> = &'a mut dyn FnMut(&[String]) -> Dataset;

/// A plan that is kept up to date.
pub struct LivePlan {
    settings: PlanSettings,
    shared: Arc<Shared>,
    /// The master tables of the last settling, with budgets and capacities.
    masters: Dataset,
    /// What was found in the data then; `None` before the first.
    health: Option<Arc<HealthReport>>,
    as_of: Day,
    plan_id: String,
    /// By the smallest id of its items.
    parts: BTreeMap<String, Part>,
    /// The part of an item.
    part_of: HashMap<String, String>,
    overrides: Overrides,
    /// What limits over several lines raise.
    limit_exceptions: Vec<PlanException>,
    /// Limits over several lines, and what one more unit of each would bring.
    limits: Vec<ShadowPrice>,
    /// Parts of which only some item-locations were planned since anything else was.
    stale: BTreeSet<String>,
    /// Parts that have not been compared with what was taken over last.
    unsettled: BTreeSet<String>,
    /// The plan of what was taken over last, as long as nothing came in since.
    settled_id: Option<String>,
}

/// What plans take from everything.
pub struct Whole {
    settings: PlanSettings,
    shared: Arc<Shared>,
    masters: Dataset,
    health: Arc<HealthReport>,
    as_of: Day,
    /// Items by partition, each ascending.
    partitions: Vec<Vec<String>>,
    plan_id: String,
}

impl Whole {
    /// Reads everything; `forecaster` is the name of the forecaster.
    pub fn of(dataset: &Dataset, settings: &PlanSettings, forecaster: &str) -> Self {
        let report = crate::health::check(dataset, settings);
        let builder = UnitBuilder::new(dataset, settings, Some(&report));
        let ids = |items: Vec<restock_core::ItemIdx>| {
            items.into_iter().map(|item| dataset.items[item.0 as usize].item_id.clone()).collect()
        };
        Self {
            settings: settings.clone(),
            shared: builder.shared().clone(),
            masters: master_tables(dataset),
            health: Arc::new(report),
            as_of: builder.history.as_of(),
            partitions: builder.items_by_partition().into_iter().map(ids).collect(),
            plan_id: plan_id(dataset, settings, forecaster),
        }
    }

    /// The day that is planned for.
    pub fn as_of(&self) -> Day {
        self.as_of
    }

    /// What was found in the data.
    pub fn health(&self) -> &HealthReport {
        &self.health
    }
}

/// What a plan was made with before; as large as the business.
pub struct Old {
    _shared: Arc<Shared>,
    _masters: Dataset,
    _health: Option<Arc<HealthReport>>,
}

/// A partition.
#[derive(Default)]
struct Part {
    /// Ascending.
    items: Vec<String>,
    /// Of the planning units that `units` were made from.
    fingerprint: Option<blake3::Hash>,
    /// As planned by itself.
    units: Vec<UnitPlan>,
    /// Which of them limits over several lines apply to.
    with_limits: Vec<usize>,
    /// As limits over several lines left it, where they changed a line.
    limited: Option<Vec<UnitPlan>>,
    /// What cannot be planned.
    unplanned: Vec<Unplanned>,
}

/// A partition as its rows are now.
struct LookedAt {
    root: String,
    unplanned: Vec<Unplanned>,
    /// What its planning units are and come to, where they are not the known ones.
    new: Option<(blake3::Hash, Vec<UnitPlan>)>,
}

impl Part {
    fn planned(&self) -> &[UnitPlan] {
        self.limited.as_deref().unwrap_or(&self.units)
    }

    fn set(&mut self, units: Vec<UnitPlan>, fingerprint: Option<blake3::Hash>) {
        self.with_limits = (0..units.len()).filter(|idx| units[*idx].allocation.is_some()).collect();
        (self.units, self.fingerprint, self.limited) = (units, fingerprint, None);
    }
}

impl LivePlan {
    /// Plans everything; `progress(done, total)` counts item-locations.
    pub fn new(
        whole: &Dataset,
        settings: &PlanSettings,
        forecaster: &dyn Forecaster,
        tables: TablesOf<'_>,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Self {
        let mut live = Self::empty();
        live.settle(whole, settings, forecaster, tables, progress);
        live
    }

    /// A plan of nothing, for what is [taken over](Self::take_over).
    pub fn empty() -> Self {
        Self {
            settings: PlanSettings::default(),
            shared: Arc::default(),
            masters: Dataset::default(),
            health: None,
            as_of: Day(0),
            plan_id: String::new(),
            parts: BTreeMap::new(),
            part_of: HashMap::new(),
            overrides: Overrides::new(),
            limit_exceptions: Vec::new(),
            limits: Vec::new(),
            stale: BTreeSet::new(),
            unsettled: BTreeSet::new(),
            settled_id: None,
        }
    }

    /// The day that is planned for.
    pub fn as_of(&self) -> Day {
        self.as_of
    }

    /// Names the state that the proposals were made from: that of [`plan`](crate::plan()) after settling, another one for
    /// each change since.
    pub fn plan_id(&self) -> &str {
        &self.plan_id
    }

    /// Item-locations planned.
    pub fn n_planned(&self) -> usize {
        self.parts.values().map(|part| part.units.len()).sum()
    }

    /// Proposals as they stand, most money at stake first.
    pub fn proposals(&self) -> Vec<Proposal> {
        let mut proposals: Vec<Proposal> = self.units().filter_map(|unit| self.proposal(unit)).collect();
        crate::plan::sort_proposals(&mut proposals);
        proposals
    }

    /// Proposals for some item-locations.
    pub fn proposals_of(&self, places: &BTreeSet<ItemLocation>) -> Vec<Proposal> {
        let roots: BTreeSet<&String> = places.iter().filter_map(|place| self.part_of.get(&place.item_id)).collect();
        let units = roots.into_iter().flat_map(|root| self.parts[root].planned());
        let wanted = units.filter(|unit| places.contains(&place_of(unit)));
        let mut proposals: Vec<Proposal> = wanted.filter_map(|unit| self.proposal(unit)).collect();
        crate::plan::sort_proposals(&mut proposals);
        proposals
    }

    /// What a planner should look at, `more` among it, most money first. What is about several lines is not among it.
    pub fn exceptions(&self, more: impl IntoIterator<Item = PlanException>) -> Vec<PlanException> {
        let own = self.units().flat_map(|unit| unit.exceptions.iter().cloned());
        let mut exceptions: Vec<PlanException> = own.chain(more).collect();
        crate::exceptions::rank(&mut exceptions);
        exceptions
    }

    /// What can be judged of the plan by what comes of it.
    pub fn to_judge(&self) -> impl Iterator<Item = &ToJudge> {
        self.units().filter_map(|unit| unit.to_judge.as_deref())
    }

    fn units(&self) -> impl Iterator<Item = &UnitPlan> {
        self.parts.values().flat_map(Part::planned)
    }

    fn proposal(&self, unit: &UnitPlan) -> Option<Proposal> {
        let mut proposal = unit.proposal.clone()?;
        proposal.plan_id.clone_from(&self.plan_id);
        Some(proposal)
    }

    /// Plans item-locations again that something happened to, and all of `items`. Returns the item-locations whose plan
    /// changed; limits over several lines may change others' too.
    pub fn update(
        &mut self,
        places: &BTreeSet<ItemLocation>,
        items: &BTreeSet<String>,
        forecaster: &dyn Forecaster,
        tables: TablesOf<'_>,
    ) -> BTreeSet<ItemLocation> {
        let mut alone: BTreeMap<String, BTreeSet<&ItemLocation>> = BTreeMap::new();
        let mut whole: BTreeSet<String> = items.clone();
        for place in places {
            match self.stands_alone(place) {
                true => drop(alone.entry(place.item_id.clone()).or_default().insert(place)),
                false => drop(whole.insert(place.item_id.clone())),
            }
        }
        let mut changed = self.plan_wholly(&whole, forecaster, tables);
        alone.retain(|item_id, _| !whole.contains(item_id));
        if !alone.is_empty() {
            let item_ids: Vec<String> = alone.keys().cloned().collect();
            let part = tables(&item_ids);
            let settings = self.settings.clone();
            let builder = UnitBuilder::of_part(&part, &settings, self.shared.clone());
            changed.extend(self.plan_alone(&builder, alone.into_values().flatten(), forecaster));
        }
        self.finish(changed, forecaster, tables)
    }

    /// Plans the partitions as a whole of which [`update`](Self::update) planned some item-locations; returns those whose
    /// plan may have changed. Nothing is left to do where nothing was touched.
    pub fn refresh(&mut self, forecaster: &dyn Forecaster, tables: TablesOf<'_>) -> BTreeSet<ItemLocation> {
        self.refresh_some(usize::MAX, forecaster, tables)
    }

    /// The same for some of them, of at least `n` item-locations together where so many wait.
    pub fn refresh_some(
        &mut self,
        n: usize,
        forecaster: &dyn Forecaster,
        tables: TablesOf<'_>,
    ) -> BTreeSet<ItemLocation> {
        let (mut roots, mut n_places) = (BTreeSet::new(), 0);
        while n_places < n.max(1)
            && let Some(root) = self.stale.pop_first()
        {
            n_places += self.parts[&root].units.len().max(1);
            roots.insert(root);
        }
        let changed = self.plan_wholly(&roots, forecaster, tables);
        self.finish(changed, forecaster, tables)
    }

    /// Whether anything waits for [`refresh`](Self::refresh).
    pub fn is_stale(&self) -> bool {
        !self.stale.is_empty()
    }

    /// Whether an item-location can be planned by itself: nobody draws from it, no recipe connects it with other items, and
    /// its source can send what is wanted.
    fn stands_alone(&self, place: &ItemLocation) -> bool {
        let part = self.part_of.get(&place.item_id).and_then(|root| self.parts.get(root));
        let unit = part.and_then(|part| part.units.iter().find(|unit| place_of(unit) == *place));
        unit.is_some_and(|unit| !(unit.totals.unmet_waits || unit.totals.in_recipe || unit.totals.is_rationed))
    }

    fn plan_wholly(
        &mut self,
        items: &BTreeSet<String>,
        forecaster: &dyn Forecaster,
        tables: TablesOf<'_>,
    ) -> BTreeSet<ItemLocation> {
        if items.is_empty() {
            return BTreeSet::new();
        }
        let mut roots = BTreeSet::new();
        for item_id in items {
            // An item that nobody knew is a part of its own.
            let root = self.part_of.entry(item_id.clone()).or_insert_with(|| item_id.clone());
            let part = self.parts.entry(root.clone()).or_default();
            if part.items.is_empty() {
                part.items.push(item_id.clone());
            }
            self.stale.remove(root);
            roots.insert(root.clone());
        }
        let part = tables(&self.items_of(&roots));
        let settings = self.settings.clone();
        let builder = UnitBuilder::of_part(&part, &settings, self.shared.clone());
        self.plan_anew(&builder, &roots, forecaster)
    }

    fn plan_alone<'a>(
        &mut self,
        builder: &UnitBuilder<'_>,
        places: impl Iterator<Item = &'a ItemLocation>,
        forecaster: &dyn Forecaster,
    ) -> BTreeSet<ItemLocation> {
        let mut changed = BTreeSet::new();
        for place in places {
            let root = self.part_of[&place.item_id].clone();
            let built =
                builder.find(&place.item_id, &place.location_id).and_then(|pair| builder.build(pair.0, pair.1).ok());
            let part = self.parts.get_mut(&root).expect("an item's part is there");
            let idx = part.units.iter().position(|unit| place_of(unit) == *place).expect("it stands alone");
            // Where nobody draws from anybody, nobody else is touched.
            if part.units.iter().any(|unit| unit.totals.unmet_waits) {
                self.stale.insert(root);
            }
            part.fingerprint = None;
            let Some(built) = built else { continue };
            let plan = plan_batch_with(&[built], &self.settings, forecaster, &Overrides::new()).remove(0);
            if plan != part.units[idx] {
                let mut units = std::mem::take(&mut part.units);
                units[idx] = plan;
                let limited = part.limited.take();
                part.set(units, None);
                // What limits made of the others stands until they are shared out.
                part.limited = limited.map(|mut limited| {
                    limited[idx] = part.units[idx].clone();
                    limited
                });
                changed.insert(place.clone());
            }
        }
        changed
    }

    /// Shares out limits after a change, and names the state anew.
    fn finish(
        &mut self,
        mut changed: BTreeSet<ItemLocation>,
        forecaster: &dyn Forecaster,
        tables: TablesOf<'_>,
    ) -> BTreeSet<ItemLocation> {
        if !changed.is_empty() {
            changed.extend(self.share_out(&changed, forecaster, tables));
            self.name_state(&changed);
        }
        changed
    }

    fn name_state(&mut self, changed: &BTreeSet<ItemLocation>) {
        // What came in since is not in the plan of everything.
        self.settled_id = None;
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.plan_id.as_bytes());
        for place in changed {
            let unit = self.unit(place);
            hasher.update(format!("{place:?}{:?}", unit.map(|unit| &unit.line)).as_bytes());
        }
        self.plan_id = format!("pl_{}", &hasher.finalize().to_hex()[..16]);
    }

    fn unit(&self, place: &ItemLocation) -> Option<&UnitPlan> {
        let part = self.parts.get(self.part_of.get(&place.item_id)?)?;
        part.planned().iter().find(|unit| place_of(unit) == *place)
    }

    /// Takes over what was worked out from everything: all of it differs where settings changed, such as the day. What
    /// differs waits for [`settle_some`](Self::settle_some). Returns the item-locations of parts that are no more, and what
    /// was known before, which takes long to drop.
    pub fn take_over(&mut self, whole: Whole) -> (BTreeSet<ItemLocation>, Old) {
        let Whole { settings, shared, masters, health, as_of, partitions, plan_id } = whole;
        let old = Old {
            _shared: std::mem::replace(&mut self.shared, shared),
            _masters: std::mem::replace(&mut self.masters, masters),
            _health: self.health.replace(health),
        };
        if settings != self.settings {
            self.settings = settings;
            self.parts.values_mut().for_each(|part| part.fingerprint = None);
        }
        self.as_of = as_of;
        let mut before = std::mem::take(&mut self.parts);
        self.part_of.clear();
        for items in partitions {
            let root = items[0].clone();
            let mut part = before.remove(&root).unwrap_or_default();
            if part.items != items {
                part.fingerprint = None;
            }
            self.part_of.extend(items.iter().map(|item_id| (item_id.clone(), root.clone())));
            part.items = items;
            self.parts.insert(root, part);
        }
        self.unsettled = self.parts.keys().cloned().collect();
        self.settled_id = Some(plan_id);
        (before.values().flat_map(|part| &part.units).map(place_of).collect(), old)
    }

    /// Whether everything was compared with what was taken over last.
    pub fn is_settled(&self) -> bool {
        self.unsettled.is_empty()
    }

    /// Partitions that have not been compared with what was taken over last.
    pub fn n_unsettled(&self) -> usize {
        self.unsettled.len()
    }

    /// Partitions that are not settled and whose items are meant, of at least `n` item-locations together where so many wait.
    fn some_unsettled(&self, n: usize, is_meant: &dyn Fn(&[String]) -> bool) -> BTreeSet<String> {
        let (mut roots, mut n_places) = (BTreeSet::new(), 0);
        for root in &self.unsettled {
            if n_places >= n.max(1) {
                break;
            }
            let part = &self.parts[root];
            if is_meant(&part.items) {
                // Of a part that was never planned only the items are known.
                n_places += part.units.len().max(part.items.len());
                roots.insert(root.clone());
            }
        }
        roots
    }

    /// Plans some partitions that differ from what is known, of at least `n` item-locations together where so many wait.
    /// Those whose items are `first` come first, and not together with others. Returns the item-locations whose plan
    /// changed.
    pub fn settle_some(
        &mut self,
        n: usize,
        first: &dyn Fn(&[String]) -> bool,
        forecaster: &dyn Forecaster,
        tables: TablesOf<'_>,
    ) -> BTreeSet<ItemLocation> {
        let mut roots = self.some_unsettled(n, first);
        if roots.is_empty() {
            roots = self.some_unsettled(n, &|_| true);
        }
        for root in &roots {
            self.unsettled.remove(root);
            self.stale.remove(root);
        }
        if roots.is_empty() {
            return BTreeSet::new();
        }
        let part = tables(&self.items_of(&roots));
        let settings = self.settings.clone();
        let builder = UnitBuilder::of_part(&part, &settings, self.shared.clone());
        let settled_id = self.settled_id.take();
        let mut changed = self.plan_anew(&builder, &roots, forecaster);
        let is_last = self.unsettled.is_empty();
        if !changed.is_empty() || is_last {
            changed.extend(self.share_out(&changed, forecaster, tables));
        }
        match (is_last, settled_id) {
            (true, Some(plan_id)) => self.plan_id = plan_id,
            (_, kept) => {
                self.name_state(&changed);
                self.settled_id = kept;
            }
        }
        changed
    }

    /// Takes over everything and settles all of it; `progress(done, total)` counts partitions. Returns the item-locations
    /// whose plan changed.
    pub fn settle(
        &mut self,
        whole: &Dataset,
        settings: &PlanSettings,
        forecaster: &dyn Forecaster,
        tables: TablesOf<'_>,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> BTreeSet<ItemLocation> {
        /// Enough for all threads, and not so much that progress stands still.
        const N_AT_A_TIME: usize = 2_048;
        let (mut changed, _) = self.take_over(Whole::of(whole, settings, forecaster.name()));
        let total = self.unsettled.len();
        while !self.is_settled() {
            changed.extend(self.settle_some(N_AT_A_TIME, &|_| true, forecaster, tables));
            progress(total - self.unsettled.len(), total);
        }
        changed
    }

    /// The items of some parts, ascending.
    fn items_of(&self, roots: &BTreeSet<String>) -> Vec<String> {
        let mut items: Vec<String> =
            roots.iter().filter_map(|root| self.parts.get(root)).flat_map(|part| part.items.clone()).collect();
        items.sort_unstable();
        items
    }

    /// Plans the partitions of a builder whose planning units are not the known ones; `roots` names the parts that it was
    /// made for. Returns their item-locations.
    fn plan_anew(
        &mut self,
        builder: &UnitBuilder<'_>,
        roots: &BTreeSet<String>,
        forecaster: &dyn Forecaster,
    ) -> BTreeSet<ItemLocation> {
        let known = |root: &str| self.parts.get(root).and_then(|part| part.fingerprint);
        let root_of = |partition: &[(restock_core::ItemIdx, restock_core::LocationIdx)]| {
            let item_id = builder.item_id(partition[0].0);
            self.part_of.get(item_id).cloned().unwrap_or_else(|| item_id.to_owned())
        };
        let mut silent = roots.clone();
        builder.partitions().iter().for_each(|partition| {
            silent.remove(&root_of(partition));
        });
        let sizes: Vec<usize> = builder.partitions().iter().map(Vec::len).collect();
        let looked_at: Vec<LookedAt> = batches(&sizes)
            .into_par_iter()
            .flat_map_iter(|batch| {
                let mut new = Vec::new();
                let mut units: Vec<PlanningUnit> = Vec::new();
                for partition in &builder.partitions()[batch] {
                    let (built, unplanned) = builder.build_partition(partition);
                    let (root, fingerprint) = (root_of(partition), fingerprint(&built));
                    let is_new = known(&root) != Some(fingerprint);
                    new.push((root, unplanned, is_new.then_some((fingerprint, built.len()))));
                    if is_new {
                        units.extend(built);
                    }
                }
                let mut plans = plan_batch_with(&units, &self.settings, forecaster, &Overrides::new()).into_iter();
                let split = move |(root, unplanned, new): (_, _, Option<(_, usize)>)| {
                    let new = new.map(|(fingerprint, n)| (fingerprint, plans.by_ref().take(n).collect()));
                    LookedAt { root, unplanned, new }
                };
                new.into_iter().map(split).collect::<Vec<_>>()
            })
            .collect();
        let mut changed = BTreeSet::new();
        // Nothing speaks of an item-location of theirs any more.
        for root in silent {
            let part = self.parts.get_mut(&root).expect("a part is there");
            changed.extend(part.units.iter().map(place_of));
            part.set(Vec::new(), None);
            part.unplanned.clear();
        }
        for LookedAt { root, unplanned, new } in looked_at {
            let part = self.parts.entry(root).or_default();
            part.unplanned = unplanned;
            let Some((fingerprint, units)) = new else { continue };
            changed.extend(part.units.iter().chain(&units).map(place_of));
            part.set(units, Some(fingerprint));
        }
        changed
    }

    /// Shares out what limits over several lines allow. Returns the item-locations whose plan this changed, beside `changed`.
    fn share_out(
        &mut self,
        changed: &BTreeSet<ItemLocation>,
        forecaster: &dyn Forecaster,
        tables: TablesOf<'_>,
    ) -> BTreeSet<ItemLocation> {
        let units = self.parts.values().flat_map(|part| part.with_limits.iter().map(|idx| &part.units[*idx]));
        let limited = crate::limits::apply(units, self.as_of, &self.masters, &self.settings, true);
        (self.limit_exceptions, self.limits) = (limited.exceptions, limited.shadow_prices);
        let before = std::mem::replace(&mut self.overrides, limited.overrides);
        // Lines whose share changed, and shares of lines that were planned anew.
        let differs = |(item_id, location_id): &(String, String), steps| {
            before.get(&(item_id.clone(), location_id.clone())) != Some(steps)
                || changed.contains(&ItemLocation::new(item_id, location_id))
        };
        let now = self.overrides.iter().filter(|(place, steps)| differs(place, *steps)).map(|(place, _)| place);
        let ended = before.keys().filter(|place| !self.overrides.contains_key(*place));
        let mut others: BTreeSet<ItemLocation> =
            now.chain(ended).map(|(item_id, location_id)| ItemLocation::new(item_id, location_id)).collect();
        let roots: BTreeSet<String> =
            others.iter().filter_map(|place| self.part_of.get(&place.item_id)).cloned().collect();
        let is_limited = |part: &Part| {
            let place = |unit: &UnitPlan| (unit.line.item_id.clone(), unit.line.location_id.clone());
            part.with_limits.iter().any(|idx| self.overrides.contains_key(&place(&part.units[*idx])))
        };
        let mut limited = BTreeSet::new();
        for root in roots {
            let part = self.parts.get_mut(&root).expect("an item's part is there");
            others.extend(part.units.iter().map(place_of));
            part.limited = None;
            if is_limited(part) {
                limited.insert(root);
            }
        }
        if limited.is_empty() {
            return others;
        }
        let part = tables(&self.items_of(&limited));
        let builder = UnitBuilder::of_part(&part, &self.settings, self.shared.clone());
        for partition in builder.partitions() {
            let units = builder.build_partition(partition).0;
            let root = &self.part_of[builder.item_id(partition[0].0)];
            let plans = plan_batch_with(&units, &self.settings, forecaster, &self.overrides);
            self.parts.get_mut(root).expect("an item's part is there").limited = Some(plans);
        }
        others
    }
}

fn place_of(unit: &UnitPlan) -> ItemLocation {
    ItemLocation::new(&unit.line.item_id, &unit.line.location_id)
}

/// What limits over several lines look at, and which locations and items can help each other.
fn master_tables(whole: &Dataset) -> Dataset {
    let mut lanes = HashSet::new();
    let mut is_new_lane = |row: &SourceRow| match row.origin {
        Origin::Location(from) => lanes.insert((from, row.to_location)),
        _ => false,
    };
    Dataset {
        files: whole.files.clone(),
        sources: whole.sources.iter().filter(|row| is_new_lane(row)).cloned().collect(),
        substitutions: whole.substitutions.clone(),
        items: whole.items.clone(),
        locations: whole.locations.clone(),
        suppliers: whole.suppliers.clone(),
        budgets: whole.budgets.clone(),
        capacities: whole.capacities.clone(),
        ..Dataset::default()
    }
}
