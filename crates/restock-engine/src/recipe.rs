//! Recipes and bills of materials: what a unit of an item is made of, exactly.
//!
//! A unit of the parent takes `quantity_per / (yield · (1 - scrap))` units of a component. Both losses divide, because
//! what is lost is a share of what goes in (the APICS Dictionary's scrap factor: scrap and yield factor add up to one,
//! and 50 good units at a scrap factor of 30 % need 50 / 0.7 = 72): `yield` is the share of the component that is left
//! after cleaning, trimming and cooking, `scrap` the share of it that is spoilt at work.
//!
//! Numbers are fractions of whole numbers, so a recipe of a recipe of a recipe loses nothing to rounding. Rows of the
//! same parent and component are steps of one recipe and add up. A recipe that needs its own product, directly or
//! through others, cannot be made: the rows of such a circle are left out and told, all others hold.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use restock_core::dataset::{BomRow, Dataset};
use restock_core::{ItemIdx, Quantity, RowRef, Units};
use rust_decimal::Decimal;

/// Smallest yield that is taken as written, and the largest scrap is as far from 1; imported rows are within.
const MIN_SHARE: f64 = 1e-6;

/// A fraction of whole numbers, not negative, in lowest terms.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fraction {
    numerator: i128,
    denominator: i128,
}

impl Fraction {
    /// Nothing.
    pub const ZERO: Self = Self { numerator: 0, denominator: 1 };
    /// One.
    pub const ONE: Self = Self { numerator: 1, denominator: 1 };

    /// `numerator / denominator`.
    ///
    /// # Panics
    /// When `numerator` is negative or `denominator` is not positive.
    pub fn new(numerator: i128, denominator: i128) -> Self {
        assert!(0 <= numerator && 0 < denominator, "a fraction is not negative");
        let common = common_divisor(numerator, denominator);
        Self { numerator: numerator / common, denominator: denominator / common }
    }

    /// `10^exponent`.
    pub fn power_of_ten(exponent: i32) -> Self {
        let power = 10_i128.pow(exponent.unsigned_abs());
        if exponent < 0 { Self::new(1, power) } else { Self::new(power, 1) }
    }

    fn of_decimal(value: Decimal) -> Self {
        Self::new(value.mantissa().max(0), 10_i128.pow(value.scale()))
    }

    /// `self · other`; `None` beyond 38 digits.
    pub fn times(self, other: Self) -> Option<Self> {
        // What can be shortened is shortened first.
        let (one, two) =
            (common_divisor(self.numerator, other.denominator), common_divisor(other.numerator, self.denominator));
        Some(Self {
            numerator: (self.numerator / one).checked_mul(other.numerator / two)?,
            denominator: (self.denominator / two).checked_mul(other.denominator / one)?,
        })
    }

    /// `self / other`; `None` beyond 38 digits.
    ///
    /// # Panics
    /// When `other` is zero.
    pub fn over(self, other: Self) -> Option<Self> {
        assert!(other.numerator > 0, "nothing divides by zero");
        self.times(Self { numerator: other.denominator, denominator: other.numerator })
    }

    /// `self + other`; `None` beyond 38 digits.
    pub fn plus(self, other: Self) -> Option<Self> {
        let common = common_divisor(self.denominator, other.denominator);
        let (own, others) = (other.denominator / common, self.denominator / common);
        let sum = self.numerator.checked_mul(own)?.checked_add(other.numerator.checked_mul(others)?)?;
        Some(Self::new(sum, self.denominator.checked_mul(own)?))
    }

    /// The whole units that `units` take, rounded up: what must be there to make them.
    pub fn of_units_ceil(self, units: Units) -> Units {
        let (whole, rest) = self.of_units(units, 0);
        whole.saturating_add(Units::from(rest > 0))
    }

    /// The whole units that `units` take on top of a remainder of earlier ones, and what remains, in units of
    /// `1 / denominator`. The whole units of many calls add up to those of one call for all.
    pub fn of_units(self, units: Units, remainder: i128) -> (Units, i128) {
        let Some(all) = i128::from(units.max(0)).checked_mul(self.numerator).and_then(|all| all.checked_add(remainder))
        else {
            return (Units::MAX / 4, 0);
        };
        let whole = Units::try_from(all / self.denominator).unwrap_or(Units::MAX).min(Units::MAX / 4);
        (whole, all % self.denominator)
    }

    /// A remainder of [`Self::of_units`] as a part of a unit.
    pub fn part_of_unit(self, remainder: i128) -> f64 {
        remainder as f64 / self.denominator as f64
    }

    /// Whether it is a whole number.
    pub fn is_whole(self) -> bool {
        self.denominator == 1
    }

    /// The nearest floating-point number.
    pub fn to_f64(self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }
}

impl std::fmt::Debug for Fraction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.numerator, self.denominator)
    }
}

fn common_divisor(a: i128, b: i128) -> i128 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

/// Base units of a row's component per base unit of its parent; `None` beyond 38 digits.
pub(crate) fn factor(row: &BomRow) -> Option<Fraction> {
    // A share as its file writes it: the shortest decimal number.
    let share = |value: f64, otherwise| Decimal::try_from(value).unwrap_or(otherwise);
    let good = share(row.yield_share.clamp(MIN_SHARE, 1.0), Decimal::ONE);
    let kept = Decimal::ONE - share(row.scrap_share.clamp(0.0, 1.0 - MIN_SHARE), Decimal::ZERO);
    let quantity = Fraction::new(i128::from(row.quantity_per.max(Quantity::ZERO).micro()), 1_000_000);
    quantity.over(Fraction::of_decimal(good).times(Fraction::of_decimal(kept))?)
}

/// Why rows of a bill of materials are left out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum RecipeProblem {
    /// Items that are made of each other, one after the other; the last needs the first.
    Circle { items: Vec<ItemIdx>, rows: Vec<RowRef> },
    /// A number that has too many digits.
    TooManyDigits { parent: ItemIdx, component: ItemIdx, row: RowRef },
}

/// The bills of materials of a dataset, without what cannot be made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recipes {
    /// Components by parent, ascending, with base units per base unit of the parent.
    components: HashMap<ItemIdx, Vec<(ItemIdx, Fraction)>>,
    pub(crate) problems: Vec<RecipeProblem>,
}

impl Recipes {
    pub(crate) fn of(dataset: &Dataset) -> Self {
        let mut recipes = Self::default();
        let circle_of = circles(&dataset.bom);
        let mut circles: BTreeMap<usize, Vec<&BomRow>> = BTreeMap::new();
        let mut components: HashMap<ItemIdx, BTreeMap<ItemIdx, Fraction>> = HashMap::new();
        for row in &dataset.bom {
            let circle = circle_of.get(&row.parent);
            if row.parent == row.component || (circle.is_some() && circle == circle_of.get(&row.component)) {
                circles.entry(circle.copied().unwrap_or(row.parent.0 as usize)).or_default().push(row);
                continue;
            }
            let parts = components.entry(row.parent).or_default();
            let before = parts.get(&row.component).copied().unwrap_or(Fraction::ZERO);
            match factor(row).and_then(|factor| before.plus(factor)) {
                Some(sum) => {
                    parts.insert(row.component, sum);
                }
                None => recipes.problems.push(RecipeProblem::TooManyDigits {
                    parent: row.parent,
                    component: row.component,
                    row: row.row,
                }),
            }
        }
        for rows in circles.into_values() {
            let items = shortest_circle(&rows);
            recipes.problems.push(RecipeProblem::Circle { items, rows: rows.iter().map(|row| row.row).collect() });
        }
        components.retain(|_, parts| !parts.is_empty());
        recipes.components = components.into_iter().map(|(item, parts)| (item, parts.into_iter().collect())).collect();
        recipes
    }

    /// What a base unit of `item` takes of each component, ascending; nothing where it is not made.
    pub(crate) fn components(&self, item: ItemIdx) -> &[(ItemIdx, Fraction)] {
        self.components.get(&item).map_or(&[], Vec::as_slice)
    }

    /// By component: everything that is made of it, directly or through others.
    pub(crate) fn made_of(&self) -> HashMap<ItemIdx, BTreeSet<ItemIdx>> {
        let mut above: HashMap<ItemIdx, BTreeSet<ItemIdx>> = HashMap::new();
        for parent in self.components.keys() {
            let mut queue = vec![*parent];
            while let Some(item) = queue.pop() {
                for (part, _) in self.components(item) {
                    if above.entry(*part).or_default().insert(*parent) {
                        queue.push(*part);
                    }
                }
            }
        }
        above
    }

    /// Everything that is made.
    pub(crate) fn made(&self) -> impl Iterator<Item = ItemIdx> {
        self.components.keys().copied()
    }

    /// Everything that is made or that something is made of.
    pub(crate) fn items(&self) -> HashSet<ItemIdx> {
        let of = |(item, parts): (&ItemIdx, &Vec<(ItemIdx, Fraction)>)| {
            std::iter::once(*item).chain(parts.iter().map(|(part, _)| *part)).collect::<Vec<_>>()
        };
        self.components.iter().flat_map(of).collect()
    }
}

/// By item: its group, where the group's items are all made of each other (Kosaraju's algorithm, without recursion).
fn circles(rows: &[BomRow]) -> HashMap<ItemIdx, usize> {
    let (mut below, mut above): (BTreeMap<ItemIdx, Vec<ItemIdx>>, HashMap<ItemIdx, Vec<ItemIdx>>) = Default::default();
    for row in rows {
        below.entry(row.parent).or_default().push(row.component);
        above.entry(row.component).or_default().push(row.parent);
    }
    // Parents whose components are all left, in that order.
    let mut left: Vec<ItemIdx> = Vec::new();
    let mut seen: BTreeSet<ItemIdx> = BTreeSet::new();
    for start in below.keys() {
        let mut path: Vec<(ItemIdx, usize)> = Vec::new();
        if seen.insert(*start) {
            path.push((*start, 0));
        }
        while let Some((item, next)) = path.last_mut() {
            match below.get(item).and_then(|parts| parts.get(*next)) {
                Some(part) => {
                    *next += 1;
                    if seen.insert(*part) {
                        path.push((*part, 0));
                    }
                }
                None => {
                    left.push(*item);
                    path.pop();
                }
            }
        }
    }
    let mut group_of: HashMap<ItemIdx, usize> = HashMap::new();
    let mut sizes: Vec<usize> = Vec::new();
    for start in left.into_iter().rev() {
        if group_of.contains_key(&start) {
            continue;
        }
        let group = sizes.len();
        sizes.push(0);
        let mut queue = vec![start];
        group_of.insert(start, group);
        while let Some(item) = queue.pop() {
            sizes[group] += 1;
            for parent in above.get(&item).into_iter().flatten() {
                if !group_of.contains_key(parent) {
                    group_of.insert(*parent, group);
                    queue.push(*parent);
                }
            }
        }
    }
    group_of.retain(|_, group| sizes[*group] > 1);
    group_of
}

/// The shortest circle through the first item of rows that run in circles.
fn shortest_circle(rows: &[&BomRow]) -> Vec<ItemIdx> {
    let first = rows.iter().map(|row| row.parent).min().expect("a circle has rows");
    let mut from: BTreeMap<ItemIdx, ItemIdx> = BTreeMap::new();
    let mut queue = VecDeque::from([first]);
    while let Some(item) = queue.pop_front() {
        for row in rows.iter().filter(|row| row.parent == item) {
            if row.component == first {
                let mut items = vec![item];
                while let Some(before) = from.get(items.last().expect("it starts with one")) {
                    items.push(*before);
                }
                items.reverse();
                return items;
            }
            if let std::collections::btree_map::Entry::Vacant(entry) = from.entry(row.component) {
                entry.insert(item);
                queue.push_back(row.component);
            }
        }
    }
    vec![first]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(parent: u32, component: u32, quantity: &str, yield_share: f64, scrap_share: f64) -> BomRow {
        BomRow {
            parent: ItemIdx(parent),
            component: ItemIdx(component),
            quantity_per: quantity.parse().unwrap(),
            yield_share,
            scrap_share,
            row: RowRef { file_idx: 0, row: parent * 10 + component },
        }
    }

    fn recipes(rows: Vec<BomRow>) -> Recipes {
        Recipes::of(&Dataset { bom: rows, ..Dataset::default() })
    }

    /// The APICS Dictionary's example: 50 good units at a scrap factor of 30 % need 72, and Infor's: 100 at 20 % need 125.
    #[test]
    fn losses_are_shares_of_what_goes_in() {
        let of = |yield_share, scrap_share| factor(&row(0, 1, "1", yield_share, scrap_share)).unwrap();
        assert_eq!(of(1.0, 0.3).of_units_ceil(50), 72);
        assert_eq!(of(0.7, 0.0).of_units_ceil(50), 72);
        assert_eq!(of(1.0, 0.2).of_units_ceil(100), 125);
        // 0.25 / (0.9 · 0.95) = 0.25 / 0.855 = 50 / 171
        assert_eq!(factor(&row(0, 1, "0.25", 0.9, 0.05)), Some(Fraction::new(50, 171)));
    }

    #[test]
    fn rows_of_one_component_add_up() {
        let recipes = recipes(vec![row(0, 1, "0.2", 1.0, 0.0), row(0, 2, "3", 1.0, 0.0), row(0, 1, "0.1", 0.9, 0.0)]);
        assert_eq!(
            recipes.components(ItemIdx(0)),
            [(ItemIdx(1), Fraction::new(14, 45)), (ItemIdx(2), Fraction::new(3, 1))]
        );
        assert_eq!(recipes.problems, []);
    }

    #[test]
    fn a_circle_is_named_and_everything_else_holds() {
        // 1 -> 2 -> 3 -> 1 with a longer way 2 -> 4 -> 3; 0 is made of 1, and 3 of 5.
        let rows = vec![
            row(0, 1, "1", 1.0, 0.0),
            row(1, 2, "1", 1.0, 0.0),
            row(2, 3, "1", 1.0, 0.0),
            row(3, 1, "1", 1.0, 0.0),
            row(2, 4, "1", 1.0, 0.0),
            row(4, 3, "1", 1.0, 0.0),
            row(3, 5, "2", 1.0, 0.0),
        ];
        let recipes = recipes(rows);
        let items = vec![ItemIdx(1), ItemIdx(2), ItemIdx(3)];
        let rows = [12, 23, 31, 24, 43].map(|row| RowRef { file_idx: 0, row }).to_vec();
        assert_eq!(recipes.problems, [RecipeProblem::Circle { items, rows }]);
        assert_eq!(recipes.components(ItemIdx(0)), [(ItemIdx(1), Fraction::ONE)]);
        assert_eq!(recipes.components(ItemIdx(3)), [(ItemIdx(5), Fraction::new(2, 1))]);
        for item in [1, 2, 4] {
            assert_eq!(recipes.components(ItemIdx(item)), []);
        }
    }

    #[test]
    fn a_recipe_of_itself_is_a_circle_of_one() {
        let recipes = recipes(vec![row(0, 0, "1", 1.0, 0.0), row(0, 1, "1", 1.0, 0.0)]);
        assert!(matches!(recipes.problems.as_slice(), [RecipeProblem::Circle { items, .. }] if items == &[ItemIdx(0)]));
        assert_eq!(recipes.components(ItemIdx(0)), [(ItemIdx(1), Fraction::ONE)]);
    }

    proptest! {
        /// Whole units and the remainder of many small batches are those of one large batch: nothing is lost or made up.
        #[test]
        fn batches_add_up(numerator in 0_i128..5_000, denominator in 1_i128..5_000, batches in prop::collection::vec(0_i64..200, 1..40)) {
            let fraction = Fraction::new(numerator, denominator);
            let (mut sum, mut remainder) = (0, 0);
            for batch in &batches {
                let (whole, rest) = fraction.of_units(*batch, remainder);
                sum += whole;
                remainder = rest;
            }
            prop_assert_eq!((sum, remainder), fraction.of_units(batches.iter().sum(), 0));
        }

        /// Arithmetic is that of decimals where those are exact.
        #[test]
        fn fractions_calculate_as_decimals_do(a in 0_u32..100_000, b in 1_u32..100_000, c in 0_u32..100_000) {
            let of = |n: u32| Fraction::new(i128::from(n), 1_000);
            let sum = of(a).plus(of(c)).unwrap();
            prop_assert_eq!(sum, of(a + c));
            prop_assert_eq!(of(a).times(of(b)).unwrap().over(of(b)).unwrap(), of(a));
            prop_assert_eq!(sum.times(of(b)).unwrap(), of(a).times(of(b)).unwrap().plus(of(c).times(of(b)).unwrap()).unwrap());
        }

        /// No graph of recipes makes anything of itself, and only rows of circles are left out.
        #[test]
        fn what_is_left_has_no_circle(edges in prop::collection::btree_set((0_u32..12, 0_u32..12), 0..40)) {
            let recipes = recipes(edges.iter().map(|(a, b)| row(*a, *b, "1", 1.0, 0.0)).collect());
            let reaches = |edges: &BTreeSet<(u32, u32)>, from: u32, to: u32| {
                let (mut seen, mut queue) = (BTreeSet::new(), vec![from]);
                while let Some(item) = queue.pop() {
                    for (_, next) in edges.iter().filter(|(parent, _)| *parent == item) {
                        if seen.insert(*next) {
                            queue.push(*next);
                        }
                    }
                }
                seen.contains(&to)
            };
            for (parent, component) in &edges {
                let kept = recipes.components(ItemIdx(*parent)).iter().any(|(item, _)| item.0 == *component);
                prop_assert_eq!(kept, !reaches(&edges, *component, *parent) && parent != component);
            }
        }
    }
}
