//! What each kind of business starts from: settings and a few made-up rows of every table that it needs.

use restock_core::Day;

use crate::cli::Template;

/// What a template fills a project with.
pub(super) struct Sample {
    /// `[objective]`, `[policy]` and segments.
    pub(super) settings: &'static str,
    /// Period of the demand histories.
    pub(super) bucket: &'static str,
    /// Days of sample sales.
    pub(super) n_days: i32,
    /// `location_id, name, kind, share of demand`.
    pub(super) locations: &'static [(&'static str, &'static str, &'static str, f64)],
    pub(super) suppliers: &'static [SupplierSample],
    pub(super) items: &'static [ItemSample],
    /// `parent_id, component_id, qty_per, yield, scrap`.
    pub(super) recipes: &'static [(&'static str, &'static str, &'static str, &'static str, &'static str)],
    /// Share of the week's demand by weekday, Monday first, times seven.
    pub(super) weekdays: [f64; 7],
    /// What a day's demand is multiplied by; the second day is the day of the plan.
    pub(super) season: fn(Day, Day) -> f64,
    /// Name and values by item of one more column of items, such as `ven`.
    pub(super) extra: Option<(&'static str, &'static [&'static str])>,
    /// Which item was sold out at the first place for nine days some weeks ago, so that the checks have something to show.
    pub(super) sold_out: Option<usize>,
    /// Whether stock that expires is counted by lot.
    pub(super) has_lots: bool,
    /// Further files for a plan made on a day.
    pub(super) more: fn(Day) -> Vec<(&'static str, String)>,
}

pub(super) struct SupplierSample {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) order_days: &'static str,
    pub(super) cut_off: &'static str,
    pub(super) min_order_value: &'static str,
    pub(super) lead_time_days: u32,
}

#[derive(Clone, Copy)]
pub(super) struct ItemSample {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) source: Source,
    pub(super) uom: &'static str,
    /// Empty where it follows from the recipe, or nothing is sold.
    pub(super) cost: &'static str,
    pub(super) price: &'static str,
    pub(super) pack: &'static str,
    /// Days, 0 = keeps.
    pub(super) shelf_life: u32,
    /// What customers want on a usual day where the share of demand is 1.
    pub(super) mean: f64,
    /// The only place where it is sold or stocked; empty: everywhere.
    pub(super) at: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// A supplier, by its position.
    Supplier(usize),
    /// Another place, and its lead time in days.
    Place(&'static str, u32),
    /// Made when it is sold.
    Made,
    /// Made ahead, with a stock of its own; how many days that takes.
    MadeAhead(u32),
}

/// `item_id, name, supplier, unit, unit cost, price, pack, shelf life in days, mean demand a day`.
type Bought = (&'static str, &'static str, usize, &'static str, &'static str, &'static str, &'static str, u32, f64);

const fn bought((id, name, supplier, uom, cost, price, pack, shelf_life, mean): Bought) -> ItemSample {
    ItemSample { id, name, source: Source::Supplier(supplier), uom, cost, price, pack, shelf_life, mean, at: "" }
}

/// An ingredient or a part: bought, used in recipes, and not sold.
const fn part(
    (id, name, supplier, uom, cost, pack, shelf_life): (
        &'static str,
        &'static str,
        usize,
        &'static str,
        &'static str,
        &'static str,
        u32,
    ),
) -> ItemSample {
    bought((id, name, supplier, uom, cost, "", pack, shelf_life, 0.0))
}

/// Made of others when it is sold.
const fn made(id: &'static str, name: &'static str, uom: &'static str, price: &'static str, mean: f64) -> ItemSample {
    ItemSample { id, name, source: Source::Made, uom, cost: "", price, pack: "", shelf_life: 0, mean, at: "" }
}

/// `supplier_id, name, order days, minimum order value, lead time in days`.
type Supplier = (&'static str, &'static str, &'static str, &'static str, u32);

const fn supplier((id, name, order_days, min_order_value, lead_time_days): Supplier) -> SupplierSample {
    SupplierSample { id, name, order_days, cut_off: "", min_order_value, lead_time_days }
}

const fn supplier_until(cut_off: &'static str, of: Supplier) -> SupplierSample {
    SupplierSample { cut_off, ..supplier(of) }
}

fn always(_: Day, _: Day) -> f64 {
    1.0
}

fn nothing(_: Day) -> Vec<(&'static str, String)> {
    Vec::new()
}

const SERVICE: Sample = Sample {
    settings: "[objective]\nmode = \"service\"\nservice = { type = \"fill_rate\", target = 0.98 }\n",
    bucket: "day",
    n_days: 120,
    locations: &[],
    suppliers: &[],
    items: &[],
    recipes: &[],
    weekdays: [1.0; 7],
    season: always,
    extra: None,
    sold_out: Some(1),
    has_lots: false,
    more: nothing,
};

pub(super) fn sample(template: Template) -> Sample {
    match template {
        Template::Retail | Template::Blank => RETAIL,
        Template::Ecommerce => ECOMMERCE,
        Template::Medical => MEDICAL,
        Template::Restaurant => RESTAURANT,
        Template::Manufacturing => MANUFACTURING,
        Template::SpareParts => SPARE_PARTS,
        Template::Agriculture => AGRICULTURE,
        Template::Energy => ENERGY,
        Template::Transport => TRANSPORT,
    }
}

/// A leaflet every five weeks, from Thursday to Saturday a week: what is on it sells more, and it is known ahead.
const LEAFLET_EVERY: i32 = 35;
const LEAFLET_STARTS: i32 = 5;
const LEAFLET_DAYS: i32 = 6;

fn leaflets(today: Day) -> impl Iterator<Item = [Day; 2]> {
    let begin = today.plus(LEAFLET_STARTS);
    (0..4).rev().map(move |back| begin.plus(-LEAFLET_EVERY * back)).map(|from| [from, from.plus(LEAFLET_DAYS - 1)])
}

fn leaflet_season(day: Day, today: Day) -> f64 {
    if leaflets(today).any(|[from, to]| (from..=to).contains(&day)) { 1.8 } else { 1.0 }
}

const RETAIL: Sample = Sample {
    locations: &[("S01", "Market Street", "store", 1.0), ("S02", "Station", "store", 0.6)],
    suppliers: &[
        supplier_until("10:00", ("DAIRY", "Valley Dairy", "mon tue wed thu fri sat", "50", 2)),
        supplier_until("12:00", ("DRY", "Dry Goods Ltd", "tue", "100", 5)),
    ],
    items: &[
        bought(("MILK-1L", "Milk 1 l", 0, "each", "0.78", "1.19", "12", 9, 22.0)),
        bought(("YOG-500", "Yoghurt 500 g", 0, "each", "0.95", "1.59", "6", 21, 9.0)),
        bought(("BUTTER-250", "Butter 250 g", 0, "each", "1.70", "2.49", "10", 60, 6.0)),
        bought(("RICE-1KG", "Rice 1 kg", 1, "each", "1.10", "1.99", "8", 0, 4.0)),
        bought(("COFFEE-500", "Coffee 500 g", 1, "each", "4.20", "6.99", "6", 0, 3.0)),
        bought(("CANDLE", "Candle", 1, "each", "0.60", "1.49", "24", 0, 0.4)),
    ],
    weekdays: [0.85, 0.85, 0.9, 1.0, 1.2, 1.4, 0.8],
    season: leaflet_season,
    more: |today| {
        let mut promotions = "promo_id,from,to,discount\n".to_owned();
        for (number, [from, to]) in leaflets(today).enumerate() {
            promotions.push_str(&format!("LEAFLET-{number},{from},{to},0.2\n"));
        }
        // What must stand there to be seen, and what fits.
        let shelves = "item_id,location_id,display_min,shelf_capacity\nMILK-1L,S01,12,180\nMILK-1L,S02,6,120\n\
                       COFFEE-500,S01,4,60\nCOFFEE-500,S02,4,48\n";
        vec![("promotions.csv", promotions), ("item_locations.csv", shelves.to_owned())]
    },
    ..SERVICE
};

const ECOMMERCE: Sample = Sample {
    settings: "[objective]\nmode = \"economics\"          # lost margin against holding cost\norder_cost = 12.0\n",
    locations: &[("WEB", "Web warehouse", "dc", 1.0)],
    suppliers: &[
        supplier(("FAR", "Overseas Trading", "fri", "2000", 35)),
        supplier(("NEAR", "Local Print", "mon thu", "0", 6)),
    ],
    items: &[
        bought(("TEE-BLK-M", "T-shirt black M", 1, "each", "4.10", "19.90", "10", 0, 7.0)),
        bought(("TEE-BLK-L", "T-shirt black L", 1, "each", "4.10", "19.90", "10", 0, 6.0)),
        bought(("MUG-01", "Mug", 0, "each", "2.20", "12.90", "36", 0, 4.0)),
        bought(("LAMP-7", "Desk lamp", 0, "each", "11.50", "39.00", "8", 0, 1.5)),
        bought(("CABLE-2M", "Cable 2 m", 0, "each", "0.90", "7.90", "50", 0, 9.0)),
        made("GIFT-SET", "Mug and T-shirt M in a box", "each", "29.90", 1.2),
    ],
    recipes: &[("GIFT-SET", "MUG-01", "1", "", ""), ("GIFT-SET", "TEE-BLK-M", "1", "", "")],
    weekdays: [1.15, 1.0, 1.0, 0.95, 0.85, 0.9, 1.15],
    ..SERVICE
};

const MEDICAL: Sample = Sample {
    settings: "[objective]\nmode = \"service\"\nservice = { type = \"in_stock\", target = 0.97 }\n\n\
               [planning]\nmonths_of_stock = [0.5, 3.0]   # least and most, in months of consumption\n\n\
               [[segment]]                    # vital items\nwhere = \"item.ven == 'V'\"\n\
               service = { type = \"cycle\", target = 0.995 }\n",
    locations: &[("WARD-A", "Ward A", "ward", 1.0), ("WARD-B", "Ward B", "ward", 0.7)],
    suppliers: &[supplier(("CMS", "Central medical store", "mon", "0", 10))],
    items: &[
        bought(("OXYTOCIN-10", "Oxytocin 10 IU", 0, "ampoule", "0.35", "0.35", "10", 540, 5.0)),
        bought(("AMOX-500", "Amoxicillin 500 mg", 0, "capsule", "0.04", "0.04", "100", 720, 60.0)),
        bought(("GLOVES-M", "Gloves M", 0, "pair", "0.06", "0.06", "50", 0, 80.0)),
        bought(("SYR-5ML", "Syringe 5 ml", 0, "each", "0.05", "0.05", "100", 0, 35.0)),
        bought(("SNAKE-AV", "Antivenom", 0, "vial", "48.00", "48.00", "1", 900, 0.08)),
    ],
    weekdays: [1.1, 1.1, 1.1, 1.05, 1.05, 0.8, 0.8],
    extra: Some(("ven", &["V", "E", "E", "E", "V"])),
    has_lots: true,
    ..SERVICE
};

/// Dishes are sold and never ordered; a sauce and a cream are made with the dish, the dough is made ahead and kept at a
/// par level.
const RESTAURANT: Sample = Sample {
    settings: "[objective]\nmode = \"economics\"          # the margin of dishes against waste\n\n[planning]\n\
               default_review_days = 1.0\ndefault_lead_time_days = 1.0\n",
    n_days: 182,
    locations: &[("KITCHEN", "Kitchen", "store", 1.0)],
    suppliers: &[
        supplier_until("22:00", ("MARKET", "Market hall", "mon tue wed thu fri sat", "40", 1)),
        supplier_until("18:00", ("CASH", "Cash & carry", "tue fri", "0", 1)),
    ],
    items: &[
        made("LASAGNE", "Lasagne", "each", "14.50", 9.0),
        made("PIZZA-MARGHERITA", "Pizza Margherita", "each", "11.00", 15.0),
        made("PENNE-POMODORO", "Penne al pomodoro", "each", "11.50", 8.0),
        made("SALMON-CREAM", "Salmon in cream", "each", "23.50", 7.0),
        made("PANNA-COTTA", "Panna cotta", "each", "6.50", 6.0),
        made("TOMATO-SAUCE", "Tomato sauce", "l", "", 0.0),
        made("BECHAMEL", "Béchamel", "l", "", 0.0),
        ItemSample {
            source: Source::MadeAhead(1),
            pack: "0.5",
            shelf_life: 4,
            ..made("PIZZA-DOUGH", "Pizza dough", "kg", "", 0.0)
        },
        part(("TOMATO", "Tomatoes", 0, "kg", "2.10", "1", 6)),
        part(("ONION", "Onions", 0, "kg", "1.10", "1", 21)),
        part(("BASIL", "Basil", 0, "bunch", "0.90", "5", 4)),
        part(("SALMON", "Salmon fillet", 0, "kg", "17.50", "0.5", 3)),
        part(("MINCE", "Minced beef", 0, "kg", "9.20", "0.5", 3)),
        part(("CREAM", "Cream", 1, "l", "2.90", "1", 14)),
        part(("MILK", "Milk", 1, "l", "0.95", "1", 8)),
        part(("MOZZARELLA", "Mozzarella", 1, "kg", "7.80", "1", 18)),
        part(("BUTTER", "Butter", 1, "kg", "6.90", "0.25", 60)),
        part(("FLOUR", "Flour", 1, "kg", "0.85", "10", 0)),
        part(("PASTA", "Pasta", 1, "kg", "1.80", "5", 0)),
        part(("OLIVE-OIL", "Olive oil", 1, "l", "7.40", "1", 0)),
        part(("VANILLA", "Vanilla pods", 1, "each", "1.60", "10", 0)),
    ],
    recipes: &[
        ("LASAGNE", "TOMATO-SAUCE", "0.18", "", ""),
        ("LASAGNE", "BECHAMEL", "0.15", "", "0.03"),
        ("LASAGNE", "MINCE", "0.14", "0.95", ""),
        ("LASAGNE", "PASTA", "0.09", "", "0.02"),
        ("LASAGNE", "MOZZARELLA", "0.06", "", ""),
        ("PIZZA-MARGHERITA", "PIZZA-DOUGH", "0.25", "", "0.04"),
        ("PIZZA-MARGHERITA", "TOMATO-SAUCE", "0.09", "", ""),
        ("PIZZA-MARGHERITA", "MOZZARELLA", "0.12", "", ""),
        ("PIZZA-MARGHERITA", "BASIL", "0.1", "0.8", ""),
        ("PENNE-POMODORO", "PASTA", "0.11", "", ""),
        ("PENNE-POMODORO", "TOMATO-SAUCE", "0.2", "", ""),
        ("PENNE-POMODORO", "BASIL", "0.15", "0.8", ""),
        ("SALMON-CREAM", "SALMON", "0.18", "0.88", ""),
        ("SALMON-CREAM", "CREAM", "0.1", "", ""),
        ("SALMON-CREAM", "BUTTER", "0.015", "", ""),
        ("PANNA-COTTA", "CREAM", "0.12", "", ""),
        ("PANNA-COTTA", "MILK", "0.04", "", ""),
        ("PANNA-COTTA", "VANILLA", "0.25", "", ""),
        ("TOMATO-SAUCE", "TOMATO", "1.2", "0.9", "0.02"),
        ("TOMATO-SAUCE", "ONION", "0.15", "0.88", ""),
        ("TOMATO-SAUCE", "OLIVE-OIL", "0.05", "", ""),
        ("BECHAMEL", "MILK", "0.9", "", ""),
        ("BECHAMEL", "BUTTER", "0.08", "", ""),
        ("BECHAMEL", "FLOUR", "0.08", "", ""),
        ("PIZZA-DOUGH", "FLOUR", "0.62", "", ""),
        ("PIZZA-DOUGH", "OLIVE-OIL", "0.02", "", ""),
    ],
    weekdays: [0.7, 0.75, 0.85, 1.0, 1.35, 1.5, 0.85],
    sold_out: None,
    more: |_| {
        vec![(
            "item_locations.csv",
            "item_id,location_id,min_stock,shelf_capacity\nPIZZA-DOUGH,KITCHEN,1,24\nSALMON,KITCHEN,,9\n".to_owned(),
        )]
    },
    ..SERVICE
};

/// Carts and racks are sold from a warehouse; what it orders from the plant is the build plan, and the plant's parts
/// follow it.
const MANUFACTURING: Sample = Sample {
    settings: "# Not modelled: capacities of work centres, and production that stands still for a missing part.\n\n[objective]\nmode = \"service\"\nservice = { type = \"cycle\", target = 0.97 }\norder_cost = 45.0\n",
    n_days: 270,
    locations: &[("WAREHOUSE", "Finished goods", "dc", 1.0), ("PLANT", "Plant", "plant", 1.0)],
    suppliers: &[
        supplier(("STEEL", "Steel Works", "mon", "1500", 28)),
        supplier(("FASTEN", "Fasteners Inc", "mon thu", "100", 9)),
    ],
    items: &[
        ItemSample {
            source: Source::Place("PLANT", 5),
            pack: "5",
            at: "WAREHOUSE",
            ..made("CART-200", "Transport cart 200 kg", "each", "389.00", 3.2)
        },
        ItemSample {
            source: Source::Place("PLANT", 5),
            pack: "5",
            at: "WAREHOUSE",
            ..made("RACK-5", "Shelf rack with 5 boards", "each", "265.00", 2.4)
        },
        ItemSample { at: "PLANT", ..made("FRAME-CART", "Cart frame", "each", "", 0.0) },
        ItemSample { at: "PLANT", ..made("WHEEL-SET", "Wheel with bearing", "each", "", 0.0) },
        ItemSample { at: "PLANT", ..part(("SHEET-2MM", "Steel sheet 2 mm", 0, "each", "38.00", "10", 0)) },
        ItemSample { at: "PLANT", ..part(("TUBE-40", "Tube 40 mm", 0, "m", "6.20", "6", 0)) },
        ItemSample { at: "PLANT", ..part(("BOLT-M8", "Bolt M8", 1, "each", "0.06", "500", 0)) },
        ItemSample { at: "PLANT", ..part(("SEAL-32", "Seal 32", 1, "each", "1.15", "50", 0)) },
        ItemSample { at: "PLANT", ..part(("BEARING-6204", "Bearing 6204", 1, "each", "3.40", "20", 0)) },
        ItemSample { at: "PLANT", ..part(("TYRE-160", "Tyre 160 mm", 1, "each", "4.10", "20", 0)) },
    ],
    recipes: &[
        ("CART-200", "FRAME-CART", "1", "", ""),
        ("CART-200", "WHEEL-SET", "4", "", ""),
        ("CART-200", "SHEET-2MM", "0.75", "0.92", ""),
        ("CART-200", "BOLT-M8", "24", "", "0.02"),
        ("RACK-5", "TUBE-40", "7.2", "0.96", ""),
        ("RACK-5", "SHEET-2MM", "1.25", "0.92", ""),
        ("RACK-5", "BOLT-M8", "40", "", "0.02"),
        ("FRAME-CART", "TUBE-40", "4.5", "0.96", "0.01"),
        ("FRAME-CART", "BOLT-M8", "8", "", "0.02"),
        ("WHEEL-SET", "TYRE-160", "1", "", ""),
        ("WHEEL-SET", "BEARING-6204", "2", "", "0.01"),
        ("WHEEL-SET", "SEAL-32", "2", "", "0.05"),
    ],
    weekdays: [1.4, 1.4, 1.4, 1.4, 1.4, 0.0, 0.0],
    sold_out: None,
    ..SERVICE
};

/// Parts that are asked for a few times a year, some of which stop a machine.
const SPARE_PARTS: Sample = Sample {
    settings: "# Not modelled: parts that are repaired and come back, and the age of the machines they belong to.\n\n[objective]\nmode = \"service\"\nservice = { type = \"fill_rate\", target = 0.95 }\norder_cost = 20.0\n\n\
               [[segment]]                    # what stops a machine\nwhere = \"item.criticality == 'A'\"\n\
               service = { type = \"cycle\", target = 0.995 }\n",
    bucket: "week",
    n_days: 728,
    locations: &[("DEPOT", "Parts depot", "dc", 1.0)],
    suppliers: &[
        supplier(("OEM", "Machine maker", "mon", "0", 56)),
        supplier(("TRADE", "Parts trade", "mon tue wed thu fri", "0", 7)),
    ],
    items: &[
        bought(("PUMP-SEAL", "Pump seal", 0, "each", "85.00", "140.00", "1", 0, 0.06)),
        bought(("GEARBOX-2", "Gearbox size 2", 0, "each", "1450.00", "2100.00", "1", 0, 0.012)),
        bought(("CTRL-BOARD", "Control board", 0, "each", "620.00", "980.00", "1", 0, 0.03)),
        bought(("V-BELT-1250", "V-belt 1250 mm", 1, "each", "11.00", "24.00", "1", 0, 0.35)),
        bought(("FILTER-H", "Hydraulic filter", 1, "each", "18.00", "39.00", "5", 0, 0.8)),
        bought(("FUSE-16A", "Fuse 16 A", 1, "each", "0.90", "2.50", "10", 0, 0.5)),
    ],
    weekdays: [1.4, 1.4, 1.4, 1.4, 1.4, 0.0, 0.0],
    extra: Some(("criticality", &["A", "A", "A", "B", "B", "C"])),
    sold_out: None,
    ..SERVICE
};

/// Days from the plan to the middle of the season.
const SEASON_AHEAD: i32 = 75;

/// Sales on a day, as a share of those in the middle of the season, which begins some weeks after the day of the plan;
/// something is always sold.
fn spring(day: Day, today: Day) -> f64 {
    let days = (day.0 - today.0 - SEASON_AHEAD + 182).rem_euclid(365) - 182;
    0.03 + 0.97 * (-0.5 * (f64::from(days) / 18.0).powi(2)).exp()
}

/// Seed and crop protection for one season: bought once, long before, and what is left is worth little.
const AGRICULTURE: Sample = Sample {
    settings: "# Not modelled: the weather of the season, and what is got for what is left of it.\n\n[objective]\nmode = \"economics\"          # the margin of a season against what is left of it\n\
               carrying_cost_per_year = 0.25\n\n[planning]\ndefault_review_days = 120.0      # one order for the season\n",
    bucket: "week",
    n_days: 1_120,
    locations: &[("FARM-STORE", "Farm store", "store", 1.0)],
    suppliers: &[
        supplier(("SEED-CO", "Seed breeders", "", "0", 42)),
        supplier(("AGRO", "Agro wholesale", "", "0", 21)),
    ],
    items: &[
        bought(("MAIZE-SEED", "Maize seed 50000 grains", 0, "bag", "92.00", "128.00", "1", 540, 6.0)),
        bought(("CLOVER-SEED", "Clover seed 10 kg", 0, "bag", "41.00", "63.00", "5", 540, 2.5)),
        bought(("NPK-15", "Fertiliser NPK 15 25 kg", 1, "bag", "14.20", "19.50", "40", 0, 30.0)),
        bought(("HERBICIDE-5L", "Herbicide 5 l", 1, "can", "55.00", "84.00", "4", 720, 3.0)),
    ],
    season: spring,
    sold_out: None,
    more: |today| {
        // The variety is replaced after the season; the store for dangerous goods holds 160 cans.
        let end = today.plus(SEASON_AHEAD + 60);
        let rules = format!(
            "item_id,location_id,listed_to,max_stock\nMAIZE-SEED,FARM-STORE,{end},\nHERBICIDE-5L,FARM-STORE,,160\n"
        );
        vec![("item_locations.csv", rules)]
    },
    ..SERVICE
};

/// A fuel tank that must neither run dry nor overflow, and spares that a turbine cannot wait for.
const ENERGY: Sample = Sample {
    settings: "# A tank is a stock with a floor and a ceiling by day. Not modelled: its level within a day, repairable spares.\n\n[objective]\nmode = \"service\"\nservice = { type = \"fill_rate\", target = 0.98 }\n\n\
               [[segment]]                    # without these nothing runs\nwhere = \"item.criticality == 'A'\"\n\
               service = { type = \"cycle\", target = 0.999 }\n",
    n_days: 365,
    locations: &[("STATION-1", "Power station 1", "plant", 1.0)],
    suppliers: &[
        supplier(("FUEL", "Fuel terminal", "mon tue wed thu fri sat", "0", 2)),
        supplier(("TURBINE", "Turbine maker", "", "0", 90)),
        supplier(("CHEM", "Chemicals", "mon thu", "200", 6)),
    ],
    items: &[
        bought(("DIESEL", "Diesel tank 1", 0, "l", "1.32", "", "1000", 0, 1_450.0)),
        bought(("UREA", "Urea solution", 2, "l", "0.55", "", "200", 365, 70.0)),
        bought(("LUBE-OIL", "Lubricating oil", 2, "l", "4.10", "", "20", 0, 6.0)),
        bought(("NOZZLE", "Fuel nozzle", 1, "each", "780.00", "", "1", 0, 0.05)),
        bought(("THRUST-BEARING", "Thrust bearing", 1, "each", "5400.00", "", "1", 0, 0.01)),
    ],
    weekdays: [1.08, 1.08, 1.08, 1.08, 1.04, 0.84, 0.8],
    extra: Some(("criticality", &["A", "B", "B", "B", "A"])),
    sold_out: None,
    more: |_| {
        // 20,000 l of tank, of which the pump cannot reach the last 2,500; a lorry brings at most 12,000.
        let rules =
            "item_id,location_id,min_stock,max_stock\nDIESEL,STATION-1,2500,19000\nTHRUST-BEARING,STATION-1,1,\n";
        vec![("item_locations.csv", rules.to_owned())]
    },
    ..SERVICE
};

/// More buses run on school days.
fn school(day: Day, _: Day) -> f64 {
    if is_school_day(day) { 1.15 } else { 0.7 }
}

fn is_school_day(day: Day) -> bool {
    let date = day.to_date();
    let is_break = matches!((date.month(), date.day()), (7 | 8, _) | (12, 20..) | (1, ..=6) | (4, 1..=14) | (10, 20..));
    !is_break && day.weekday_idx() < 5
}

/// Two bus garages: consumables follow the kilometres that timetables tell, spares fail now and then.
const TRANSPORT: Sample = Sample {
    settings: "# School days stand for kilometres. Not modelled: the fleet itself, its age, and parts that are repaired.\n\n[objective]\nmode = \"service\"\nservice = { type = \"in_stock\", target = 0.97 }\n\n\
               [[segment]]                    # safety parts\nwhere = \"item.criticality == 'A'\"\n\
               service = { type = \"cycle\", target = 0.995 }\n",
    n_days: 420,
    locations: &[("GARAGE-N", "Garage north", "store", 1.0), ("GARAGE-S", "Garage south", "store", 0.6)],
    suppliers: &[
        supplier(("BUS-OEM", "Bus maker", "mon", "0", 21)),
        supplier(("AUTO", "Auto parts", "mon tue wed thu fri", "50", 2)),
    ],
    items: &[
        bought(("ADBLUE", "AdBlue", 1, "l", "0.48", "", "200", 365, 110.0)),
        bought(("OIL-FILTER", "Oil filter", 1, "each", "9.50", "", "5", 0, 1.1)),
        bought(("BRAKE-PAD", "Brake pad set", 1, "each", "64.00", "", "2", 0, 0.7)),
        bought(("TYRE-275", "Tyre 275/70", 1, "each", "290.00", "", "2", 0, 0.5)),
        bought(("DOOR-MOTOR", "Door motor", 0, "each", "410.00", "", "1", 0, 0.06)),
        bought(("STEERING-PUMP", "Steering pump", 0, "each", "680.00", "", "1", 0, 0.03)),
    ],
    weekdays: [1.1, 1.1, 1.1, 1.1, 1.1, 0.8, 0.7],
    season: school,
    extra: Some(("criticality", &["B", "C", "A", "A", "B", "A"])),
    sold_out: None,
    more: |today| {
        let mut signals = "date,name,value,known_in_future\n".to_owned();
        for day in (-420..120).map(|ahead| today.plus(ahead)) {
            signals.push_str(&format!("{day},school_day,{},1\n", u8::from(is_school_day(day))));
        }
        vec![("signals.csv", signals)]
    },
    ..SERVICE
};
