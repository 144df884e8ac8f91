//! The products, product families and suppliers that every simulated chain is built from.
//!
//! Larger chains repeat the catalogue under numbered variants, so an item always has a plausible price, pack and
//! shelf life.

/// One product of the catalogue.
pub(super) struct Product {
    /// Item id, and the start of the id of numbered variants.
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    /// Index into [`CATEGORIES`].
    pub(super) category_idx: usize,
    pub(super) brand: &'static str,
    /// Purchase cost of one base unit, hundredths of the currency.
    pub(super) cost_cents: i64,
    /// Regular price of one base unit, hundredths of the currency.
    pub(super) price_cents: i64,
    /// Base units in the case that the supplier sells; slow fresh goods come in an even part of it.
    pub(super) case: i64,
    /// Base units in the pack that the distribution centre sends to stores; slow fresh goods come in an even part of it.
    pub(super) pack: i64,
    /// Days from arrival to expiry; 0 keeps for ever.
    pub(super) shelf_life_days: u32,
    /// Popularity: log of the demand relative to the middle of the assortment.
    pub(super) log_popularity: f64,
    /// Sold by weight in steps of 0.1 kg instead of by piece.
    pub(super) by_weight: bool,
    /// Litres that one base unit fills.
    pub(super) litres: f64,
}

impl Product {
    /// Days from arrival to expiry; `None` keeps for ever.
    pub(super) fn shelf_life(&self) -> Option<usize> {
        (self.shelf_life_days > 0).then_some(self.shelf_life_days as usize)
    }

    /// Whether it keeps so shortly that it is delivered daily.
    pub(super) fn is_fresh(&self) -> bool {
        self.shelf_life().is_some_and(|days| days <= 21)
    }
}

/// A product family: what shares seasons, holidays and a supplier.
pub(super) struct Category {
    pub(super) path: &'static str,
    /// Index into [`SUPPLIERS`].
    pub(super) supplier_idx: usize,
    /// Share of a promotion's extra units that customers would have bought in the two weeks after: 0.0 for what
    /// does not keep.
    pub(super) forward_buying: f64,
}

/// A supplier of the distribution centre.
pub(super) struct SupplierTemplate {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    /// Weekdays on which orders are taken, Monday = 0.
    pub(super) order_weekdays: &'static [usize],
    pub(super) cut_off: &'static str,
    pub(super) min_order_value: i64,
    /// Days from order to availability: mean and standard deviation.
    pub(super) lead_time_days: (f64, f64),
    /// Cubic metres of one truck.
    pub(super) truck_volume: f64,
}

pub(super) const CATEGORIES: [Category; 12] = [
    Category { path: "fresh/fruit", supplier_idx: 3, forward_buying: 0.0 },
    Category { path: "fresh/vegetables", supplier_idx: 3, forward_buying: 0.0 },
    Category { path: "fresh/dairy", supplier_idx: 1, forward_buying: 0.05 },
    Category { path: "fresh/meat", supplier_idx: 1, forward_buying: 0.0 },
    Category { path: "fresh/bakery", supplier_idx: 3, forward_buying: 0.0 },
    Category { path: "food/dry", supplier_idx: 4, forward_buying: 0.3 },
    Category { path: "food/sweets", supplier_idx: 4, forward_buying: 0.2 },
    Category { path: "food/frozen", supplier_idx: 4, forward_buying: 0.3 },
    Category { path: "drinks/soft", supplier_idx: 0, forward_buying: 0.3 },
    Category { path: "drinks/hot", supplier_idx: 5, forward_buying: 0.4 },
    Category { path: "household/cleaning", supplier_idx: 2, forward_buying: 0.4 },
    Category { path: "household/general", supplier_idx: 5, forward_buying: 0.1 },
];

pub(super) const SUPPLIERS: [SupplierTemplate; 6] = [
    SupplierTemplate {
        id: "alpine-drinks",
        name: "Alpine Drinks",
        order_weekdays: &[1, 4],
        cut_off: "12:00",
        min_order_value: 400,
        lead_time_days: (4.0, 1.0),
        truck_volume: 33.0,
    },
    SupplierTemplate {
        id: "dairy-and-meat",
        name: "Dairy and Meat United",
        order_weekdays: &[0, 2, 4],
        cut_off: "10:00",
        min_order_value: 250,
        lead_time_days: (2.0, 0.4),
        truck_volume: 20.0,
    },
    SupplierTemplate {
        id: "homecare",
        name: "Homecare Wholesale",
        order_weekdays: &[2],
        cut_off: "15:00",
        min_order_value: 300,
        lead_time_days: (9.0, 2.5),
        truck_volume: 60.0,
    },
    SupplierTemplate {
        id: "market-fresh",
        name: "Market Fresh",
        order_weekdays: &[0, 1, 2, 3, 4, 5],
        cut_off: "16:00",
        min_order_value: 120,
        lead_time_days: (1.0, 0.0),
        truck_volume: 20.0,
    },
    SupplierTemplate {
        id: "pantry",
        name: "Pantry Goods",
        order_weekdays: &[0, 3],
        cut_off: "14:00",
        min_order_value: 500,
        lead_time_days: (5.0, 1.5),
        truck_volume: 33.0,
    },
    SupplierTemplate {
        id: "world-trade",
        name: "World Trade Import",
        order_weekdays: &[0],
        cut_off: "14:00",
        min_order_value: 600,
        lead_time_days: (18.0, 4.0),
        truck_volume: 60.0,
    },
];

#[rustfmt::skip]
#[allow(clippy::too_many_arguments)] // One line of the table of products below.
const fn product(
    id: &'static str, name: &'static str, category_idx: usize, brand: &'static str, cost_cents: i64, price_cents: i64,
    case: i64, pack: i64, shelf_life_days: u32, log_popularity: f64, litres: f64,
) -> Product {
    Product {
        id, name, category_idx, brand, cost_cents, price_cents, case, pack, shelf_life_days, log_popularity,
        by_weight: false, litres,
    }
}

/// A product sold in steps of 0.1 kg; cost, price and litres are per kilogram, case and pack in kilograms.
#[rustfmt::skip]
const fn by_weight(product: Product) -> Product {
    Product { by_weight: true, ..product }
}

/// 60 products, one line each: id, name, category, brand, cost, price, case, pack, shelf life, popularity, litres.
#[rustfmt::skip]
pub(super) const PRODUCTS: [Product; 60] = [
    by_weight(product("apples-kg", "Apples, loose", 0, "Orchard", 110, 229, 12, 6, 14, 1.2, 1.9)),
    by_weight(product("bananas-kg", "Bananas, loose", 0, "Tropic", 85, 179, 18, 9, 7, 1.5, 1.8)),
    product("blueberries-250g", "Blueberries 250 g", 0, "Orchard", 139, 279, 8, 4, 6, 0.3, 0.6),
    product("lemons-net", "Lemons, net of 4", 0, "Tropic", 75, 159, 12, 6, 18, 0.1, 0.9),
    by_weight(product("tomatoes-kg", "Tomatoes, loose", 1, "Glasshouse", 130, 279, 6, 6, 8, 1.0, 1.8)),
    product("cucumber", "Cucumber", 1, "Glasshouse", 42, 89, 12, 12, 7, 1.5, 0.7),
    product("lettuce-iceberg", "Iceberg lettuce", 1, "Field", 65, 129, 10, 5, 6, 0.7, 1.5),
    product("potatoes-2kg", "Potatoes 2 kg", 1, "Field", 120, 249, 8, 4, 21, 0.6, 3.0),
    product("mushrooms-400g", "Mushrooms 400 g", 1, "Field", 105, 199, 10, 5, 5, 0.2, 1.6),
    product("milk-1l", "Whole milk 1 l", 2, "Meadow", 78, 115, 12, 12, 10, 2.6, 1.1),
    product("milk-oat-1l", "Oat drink 1 l", 2, "Havre", 120, 199, 6, 6, 120, 1.3, 1.1),
    product("butter-250g", "Butter 250 g", 2, "Meadow", 165, 239, 20, 10, 40, 1.6, 0.3),
    product("yoghurt-500g", "Yoghurt 500 g", 2, "Meadow", 62, 109, 6, 6, 21, 1.3, 0.6),
    product("cream-200g", "Cream 200 g", 2, "Meadow", 52, 89, 10, 10, 18, 0.6, 0.3),
    product("gouda-400g", "Gouda slices 400 g", 2, "Polder", 215, 349, 10, 5, 45, 0.9, 0.6),
    product("eggs-10", "Eggs, box of 10", 2, "Barn", 160, 269, 18, 6, 21, 1.7, 1.5),
    product("chicken-breast-400g", "Chicken breast 400 g", 3, "Farmgate", 320, 499, 8, 4, 6, 0.8, 0.7),
    product("minced-beef-500g", "Minced beef 500 g", 3, "Farmgate", 330, 499, 8, 4, 5, 0.8, 0.8),
    product("smoked-ham-150g", "Smoked ham 150 g", 3, "Farmgate", 145, 249, 12, 6, 18, 0.6, 0.3),
    product("salmon-200g", "Smoked salmon 200 g", 3, "Fjord", 330, 549, 10, 5, 16, -0.2, 0.3),
    product("bread-rye-750g", "Rye bread 750 g", 4, "Crust", 95, 219, 6, 6, 6, 0.9, 2.2),
    product("rolls-6", "Rolls, bag of 6", 4, "Crust", 55, 129, 10, 5, 3, 1.2, 2.5),
    product("toast-500g", "Toast bread 500 g", 4, "Crust", 62, 119, 10, 5, 9, 1.0, 2.6),
    product("croissants-4", "Croissants, bag of 4", 4, "Crust", 90, 199, 8, 4, 3, 0.4, 2.0),
    product("flour-1kg", "Flour 1 kg", 5, "Mill", 42, 79, 20, 10, 0, 0.6, 1.5),
    product("sugar-1kg", "Sugar 1 kg", 5, "Beet", 62, 99, 20, 10, 0, 0.5, 1.3),
    product("pasta-500g", "Spaghetti 500 g", 5, "Trattoria", 58, 119, 24, 12, 0, 1.4, 1.0),
    product("rice-1kg", "Rice 1 kg", 5, "Delta", 115, 219, 10, 10, 0, 0.5, 1.3),
    product("tomato-passata-700g", "Tomato passata 700 g", 5, "Trattoria", 69, 139, 12, 6, 0, 0.8, 0.9),
    product("olive-oil-750ml", "Olive oil 750 ml", 5, "Trattoria", 520, 849, 6, 6, 0, -0.3, 1.1),
    product("chickpeas-400g", "Chickpeas 400 g", 5, "Delta", 52, 99, 12, 12, 0, -0.2, 0.5),
    product("cornflakes-500g", "Cornflakes 500 g", 5, "Morning", 145, 259, 14, 7, 0, -0.1, 4.0),
    product("honey-500g", "Honey 500 g", 5, "Meadow", 290, 479, 8, 4, 0, -0.8, 0.5),
    product("mustard-250ml", "Mustard 250 ml", 5, "Spice House", 62, 119, 12, 6, 0, -1.0, 0.4),
    product("saffron-1g", "Saffron 1 g", 5, "Spice House", 310, 599, 10, 5, 0, -3.2, 0.1),
    product("chocolate-100g", "Milk chocolate 100 g", 6, "Cocoa", 72, 129, 20, 10, 0, 1.5, 0.2),
    product("chocolate-egg", "Chocolate egg 85 g", 6, "Cocoa", 95, 179, 24, 12, 0, -0.4, 0.6),
    product("crisps-200g", "Crisps 200 g", 6, "Crunch", 98, 189, 12, 12, 0, 1.0, 2.5),
    product("gummi-bears-200g", "Gummi bears 200 g", 6, "Cocoa", 62, 119, 20, 10, 0, 0.5, 0.5),
    product("biscuits-300g", "Butter biscuits 300 g", 6, "Crunch", 95, 179, 16, 8, 0, 0.1, 0.9),
    product("pizza-frozen", "Pizza margherita, frozen", 7, "Trattoria", 165, 289, 10, 5, 0, 0.9, 1.8),
    product("peas-frozen-750g", "Peas 750 g, frozen", 7, "Field", 130, 229, 12, 6, 0, 0.0, 1.4),
    product("ice-cream-1l", "Vanilla ice cream 1 l", 7, "Glacier", 185, 349, 6, 6, 0, 0.1, 1.3),
    product("fish-fingers-450g", "Fish fingers 450 g", 7, "Fjord", 195, 329, 12, 6, 0, 0.1, 1.0),
    product("water-6x1500ml", "Still water 6 x 1.5 l", 8, "Alpine", 129, 249, 9, 9, 0, 1.3, 11.0),
    product("cola-1l", "Cola 1 l", 8, "Alpine", 58, 119, 12, 12, 0, 1.3, 1.2),
    product("orange-juice-1l", "Orange juice 1 l", 8, "Orchard", 128, 229, 8, 8, 0, 0.9, 1.2),
    product("beer-6x330ml", "Lager 6 x 330 ml", 8, "Alpine", 290, 499, 4, 4, 0, 0.8, 3.0),
    product("lemonade-ginger-750ml", "Ginger lemonade 750 ml", 8, "Alpine", 85, 179, 12, 6, 0, -0.9, 1.0),
    product("coffee-500g", "Ground coffee 500 g", 9, "Roast", 420, 649, 12, 6, 0, 0.8, 1.3),
    product("tea-green-20", "Green tea, 20 bags", 9, "Leaf", 95, 199, 12, 6, 0, -0.7, 0.5),
    product("tea-chamomile-20", "Chamomile tea, 20 bags", 9, "Leaf", 88, 189, 12, 6, 0, -1.1, 0.5),
    product("dishwasher-tabs-40", "Dishwasher tablets, 40", 10, "Clear", 420, 749, 8, 4, 0, -0.5, 1.4),
    product("toilet-paper-10", "Toilet paper, 10 rolls", 10, "Soft", 265, 449, 7, 7, 0, 1.0, 14.0),
    product("laundry-liquid-1500ml", "Laundry liquid 1.5 l", 10, "Clear", 365, 649, 6, 6, 0, -0.3, 2.0),
    product("sponges-5", "Sponges, pack of 5", 10, "Clear", 55, 129, 20, 10, 0, -0.9, 0.8),
    product("batteries-aa-4", "Batteries AA, 4", 11, "Volt", 185, 399, 12, 6, 0, -1.4, 0.1),
    product("candles-10", "Candles, box of 10", 11, "Glow", 175, 349, 12, 6, 0, -1.6, 0.9),
    product("light-bulb-led-e27", "LED bulb E27", 11, "Glow", 210, 449, 10, 5, 0, -2.2, 0.3),
    product("umbrella", "Pocket umbrella", 11, "Drizzle", 420, 999, 6, 3, 0, -2.8, 0.6),
];
