//! The mapping files in `examples/mappings`, on samples of a few made-up rows with the columns of the public data sets,
//! under the names of the originals and of the copies we develop with; and on the real sets where they are at hand.

use std::path::{Path, PathBuf};

use restock_core::dataset::Dataset;
use restock_core::settings::PlanSettings;
use restock_core::{Bucket, Quantity};
use restock_store::{Import, ImportError, ImportOptions, Mapping};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn shipped(name: &str) -> Mapping {
    Mapping::from_toml_file(root().join(format!("examples/mappings/{name}.toml")))
        .expect("a mapping that ships is right")
}

fn read(mapping: &Mapping, folder: &Path) -> Result<Import, ImportError> {
    restock_store::import(&[folder.to_owned()], Some(mapping), &ImportOptions::default(), &|_, _, _| {})
}

/// Writes the files and imports their folder.
fn import(mapping: &Mapping, files: &[(&str, &str)]) -> Result<Import, ImportError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("a file is written");
    }
    read(mapping, folder.path())
}

/// Imports with a mapping that ships and insists that every row was understood.
fn sample(name: &str, files: &[(&str, &str)]) -> Import {
    let import = import(&shipped(name), files).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(import.row_errors.is_empty(), "{name}: {:?}", import.row_errors);
    import
}

/// Sales one by line: item@location, day, quantity and what else is known.
fn sales(import: &Import) -> String {
    let Dataset { sales, items, locations, .. } = &import.dataset;
    let known = |column: &[f32], row: usize, name: &str| match column.get(row) {
        Some(value) if !value.is_nan() => format!(" {name} {value}"),
        _ => String::new(),
    };
    let flag = |column: &[u8], row: usize, name: &str| match column.get(row) {
        Some(1) => format!(" {name}"),
        _ => String::new(),
    };
    let lines: Vec<String> = (0..sales.len())
        .map(|row| {
            format!(
                "{}@{} {} {}{}{}{}{}{}{}",
                items[sales.item[row].0 as usize].item_id,
                locations[sales.location[row].0 as usize].location_id,
                sales.day[row],
                sales.quantity[row],
                known(&sales.unit_price, row, "price"),
                known(&sales.price_ratio, row, "ratio"),
                known(&sales.stockout_share, row, "out"),
                known(&sales.open_share, row, "open"),
                flag(&sales.on_promotion, row, "promo"),
                flag(&sales.holiday, row, "holiday"),
            )
        })
        .collect();
    lines.join("\n")
}

#[test]
fn online_retail_knows_cancellations_fees_and_corrections() {
    let copy = "order_id,timestamp,sku,description,quantity,unit_price,customer_id,country\n\
                1,2020-12-01 08:26:00,10a,RED MUG,6,2.55,7,Utopia\n\
                C2,2020-12-02 09:00:00,10A,RED MUG,-2,2.55,7,Utopia\n\
                3,2020-12-02 09:30:00,10A,damaged,-4,0.0,,Utopia\n\
                4,2020-12-03 10:00:00,POST,POSTAGE,1,18.0,7,Utopia\n\
                5,2020-12-03 10:00:00,gift_0001_20,Voucher,1,20.0,7,Utopia\n";
    let original = copy.replace(
        "order_id,timestamp,sku,description,quantity,unit_price",
        "InvoiceNo,InvoiceDate,StockCode,Description,Quantity,UnitPrice",
    );
    let second = original.replace("InvoiceNo", "Invoice").replace("UnitPrice", "Price");
    for (file, text) in
        [("transactions.csv", copy), ("Online Retail.csv", &original), ("Online Retail II.csv", &second)]
    {
        let import = sample("online_retail", &[(file, text)]);
        insta::allow_duplicates! {
            insta::assert_snapshot!(sales(&import), @r"
            10A@warehouse 2020-12-01 6 price 2.55
            10A@warehouse 2020-12-02 -2 price 2.55
            ");
        }
        assert_eq!(import.dataset.items.len(), 1, "{file}");
        assert_eq!(import.dataset.items[0].name, "RED MUG");
        assert_eq!(import.dataset.adjustments.len(), 1);
        assert_eq!(import.dataset.adjustments[0].reason, "damaged");
    }
}

#[test]
fn m5_starts_with_the_first_price_and_reads_wide_files() {
    let calendar = "date,wm_yr_wk,weekday,wday,month,year,d,event_name_1,event_type_1,event_name_2,event_type_2,snap_CA,\
                    snap_TX,snap_WI\n\
                    2011-01-29,11101,Saturday,1,1,2011,d_1,,,,,0,0,0\n\
                    2011-01-30,11101,Sunday,2,1,2011,d_2,FirstFeast,Cultural,SecondFeast,Religious,1,0,0\n\
                    2011-02-05,11102,Saturday,1,2,2011,d_8,,,,,1,1,1\n";
    let long = "store_id,item_id,dept_id,cat_id,date,quantity,price\n\
                CA_1,TEST_1_001,TEST_1,TEST,2011-01-29,0,\n\
                CA_1,TEST_1_001,TEST_1,TEST,2011-01-30,3,2.5\n\
                CA_1,TEST_1_001,TEST_1,TEST,2011-01-31,0,2.5\n";
    let import = sample("m5", &[("calendar.csv", calendar), ("sales_CA_1.csv", long)]);
    insta::assert_snapshot!(sales(&import), @r"
    TEST_1_001@CA_1 2011-01-30 3 price 2.5
    TEST_1_001@CA_1 2011-01-31 0 price 2.5
    ");
    assert_eq!(import.dataset.items[0].category, "TEST/TEST_1");
    let events: Vec<&str> = import.dataset.events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(events, ["FirstFeast", "SecondFeast"]);
    assert_eq!(import.dataset.signals.len(), 9);

    let wide = "id,item_id,dept_id,cat_id,store_id,state_id,d_1,d_2,d_3\n\
                TEST_1_001_CA_1_evaluation,TEST_1_001,TEST_1,TEST,CA_1,CA,0,3,1\n";
    let prices = "store_id,item_id,wm_yr_wk,sell_price\nCA_1,TEST_1_001,11101,2.5\nCA_1,TEST_1_001,11102,2.25\n";
    let files = [
        ("calendar.csv", calendar),
        ("sales_train_evaluation.csv", wide),
        ("sales_train_validation.csv", wide),
        ("sell_prices.csv", prices),
        ("sample_submission.csv", "id,F1\nx,0\n"),
    ];
    let import = sample("m5", &files);
    insta::assert_snapshot!(sales(&import), @r"
    TEST_1_001@CA_1 2011-01-29 0
    TEST_1_001@CA_1 2011-01-30 3
    TEST_1_001@CA_1 2011-01-31 1
    ");
    let prices: Vec<String> = import.dataset.prices.iter().map(|row| format!("{} {}", row.from, row.price)).collect();
    assert_eq!(prices, ["2011-01-29 2.5", "2011-02-05 2.25"]);
}

#[test]
fn favorita_is_weekly_or_daily_as_its_dates_say() {
    let weekly = "product,store,date,quantity\n0,0,2013-01-01,96\n0,0,2013-01-08,-2\n0,0,2013-01-15,88\n";
    let import = sample("favorita", &[("sales.csv", weekly)]);
    assert_eq!(import.bucket, Some(Bucket::Week));
    insta::assert_snapshot!(sales(&import), @r"
    0@0 2013-01-01 96
    0@0 2013-01-08 -2
    0@0 2013-01-15 88
    ");
    let files = [
        (
            "train.csv",
            "id,date,store_nbr,item_nbr,unit_sales,onpromotion\n0,2017-01-01,25,9001,7.5,True\n1,2017-01-02,25,9001,1,False\n",
        ),
        ("items.csv", "item_nbr,family,class,perishable\n9001,DELI,2644,1\n"),
        ("stores.csv", "store_nbr,city,state,type,cluster\n25,Salinas,Santa Elena,D,1\n"),
        (
            "holidays_events.csv",
            "date,type,locale,locale_name,description,transferred\n2017-01-01,Holiday,National,Ecuador,Feast,False\n\
             2017-01-02,Holiday,National,Ecuador,Moved,True\n2017-01-02,Holiday,Local,Quito,Fair,False\n",
        ),
        ("transactions.csv", "date,store_nbr,transactions\n2017-01-01,25,770\n"),
        ("oil.csv", "date,dcoilwtico\n2017-01-01,93.1\n"),
        ("test.csv", "id,date,store_nbr,item_nbr,onpromotion\n2,2017-01-03,25,9001,False\n"),
    ];
    let import = sample("favorita", &files);
    assert_eq!(import.bucket, None);
    insta::assert_snapshot!(sales(&import), @r"
    9001@25 2017-01-01 7.5 promo
    9001@25 2017-01-02 1
    ");
    assert_eq!(import.dataset.items[0].category, "DELI/2644");
    assert_eq!(import.dataset.items[0].attributes["perishable"], "1");
    assert_eq!(import.dataset.events.len(), 1);
}

#[test]
fn rossmann_is_turnover_with_closed_days() {
    let copy = "store_id,date,sales_value,customers,open,promo,state_holiday,school_holiday\n\
                1,2013-01-01,0,0,false,false,a,true\n1,2013-01-02,5530,668,true,true,0,true\n";
    let stores = "store_id,store_type\n1,c\n";
    let import = sample("rossmann", &[("sales.csv", copy), ("stores.csv", stores)]);
    insta::assert_snapshot!(sales(&import), @r"
    turnover@1 2013-01-01 0 open 0 holiday
    turnover@1 2013-01-02 5530 open 1 promo
    ");
    assert_eq!(import.dataset.items[0].base_uom, "EUR");
    let files = [
        (
            "train.csv",
            "Store,DayOfWeek,Date,Sales,Customers,Open,Promo,StateHoliday,SchoolHoliday\n\
             1,2,2013-01-01,0,0,0,0,\"a\",1\n1,3,2013-01-02,5530,668,1,1,\"0\",1\n",
        ),
        ("store.csv", "Store,StoreType,Assortment\n1,c,a\n"),
        (
            "test.csv",
            "Id,Store,DayOfWeek,Date,Open,Promo,StateHoliday\n1,1,4,2013-01-03,1,1,0\n2,1,5,2013-01-04,1,0,0\n",
        ),
        ("sample_submission.csv", "Id,Sales\n1,0\n"),
    ];
    let original = sample("rossmann", &files);
    assert_eq!(sales(&original), sales(&import));
    assert_eq!(original.dataset.promotions.len(), 1);
    assert_eq!(original.dataset.promotions[0].from.to_string(), "2013-01-03");
}

#[test]
fn freshretailnet_has_stockouts_and_price_ratios() {
    let copy = "city_id,store_id,management_group_id,first_category_id,second_category_id,third_category_id,product_id,date,\
                quantity,stockout_hours,stockout_hours_6_22,discount,promo,holiday\n\
                3,5,1,2,3,4,77,2024-03-28,2.4,9,4,0.8,true,false\n";
    let original = "city_id,store_id,management_group_id,first_category_id,second_category_id,third_category_id,product_id,dt,\
                    sale_amount,hours_sale,stock_hour6_22_cnt,hours_stock_status,discount,holiday_flag,activity_flag\n\
                    3,5,1,2,3,4,77,2024-03-28,2.4,x,4,x,0.8,0,1\n";
    for (file, text) in [("hourly.csv", copy), ("train.csv", original)] {
        let import = sample("freshretailnet", &[(file, text)]);
        insta::allow_duplicates! {
            insta::assert_snapshot!(sales(&import), @"77@5 2024-03-28 2.4 ratio 0.8 out 0.25 promo");
        }
        assert_eq!(import.dataset.items[0].category, "1/2/3/4");
    }
}

#[test]
fn carparts_leaves_unknown_months_out() {
    let series = "series_id,date,quantity\n9,1998-01-01,0\n9,1998-02-01,\n9,1998-03-01,2\n";
    let import = sample("carparts", &[("series.csv", series)]);
    assert_eq!(import.bucket, Some(Bucket::Month));
    insta::assert_snapshot!(sales(&import), @r"
    9@warehouse 1998-01-01 0
    9@warehouse 1998-03-01 2
    ");
}

#[test]
fn bibitor_plans_vendors_and_keeps_the_price_list() {
    let copies = [
        (
            "purchase_invoices.csv",
            "po_id,vendor_id,vendor_name,date,invoice_date,pay_date,quantity,dollars,freight,approval\n\
             8106,12,SOME VENDOR,2015-12-20,2016-01-04,2016-02-16,6,21.5,3.47,\n\
             8107,12,SOME VENDOR,2015-12-27,2016-01-10,2016-02-16,10,30,3.47,\n",
        ),
        (
            "purchase_prices.csv",
            "sku,description,price,size,volume_ml,classification,purchase_price,vendor_id,vendor_name\n\
             58,Some Gin,12.99,750mL,750,1,9.28,12,SOME VENDOR\n",
        ),
    ];
    let originals = [
        (
            "InvoicePurchases12312016.csv",
            "VendorNumber,VendorName,InvoiceDate,PONumber,PODate,PayDate,Quantity,Dollars,Freight,Approval\n\
             12,SOME VENDOR,2016-01-04,8106,2015-12-20,2016-02-16,6,21.5,3.47,None\n\
             12,SOME VENDOR,2016-01-10,8107,2015-12-27,2016-02-16,10,30,3.47,None\n",
        ),
        (
            "2017PurchasePricesDec.csv",
            "Brand,Description,Price,Size,Volume,Classification,PurchasePrice,VendorNumber,VendorName\n\
             58,Some Gin,12.99,750mL,750,1,9.28,12,SOME VENDOR\n",
        ),
    ];
    for files in [&copies, &originals] {
        let import = sample("bibitor", files);
        insta::allow_duplicates! {
            insta::assert_snapshot!(sales(&import), @r"
            vendor-12@bibitor 2015-12-20 6
            vendor-12@bibitor 2015-12-27 10
            ");
        }
        let receipt = &import.dataset.receipts[0];
        assert_eq!(receipt.received_on.0 - receipt.ordered_on.expect("an order date").0, 15);
        assert_eq!(receipt.unit_cost.map(|cost| cost.round_dp(4).to_string()).as_deref(), Some("3.5833"));
        let gin = import.dataset.items.iter().find(|item| item.item_id == "58").expect("the price list is read");
        assert_eq!((gin.category.as_str(), gin.volume), ("spirits", Some(0.00075)));
        assert_eq!(import.dataset.suppliers.len(), 1);
        assert_eq!(import.dataset.sources.len(), 1);
    }
}

#[test]
fn scms_learns_lead_times_and_pays_by_the_pack() {
    let copy = "po_so,country,vendor,po_sent_to_vendor_date,scheduled_delivery_date,delivered_to_client_date,product_group,\
                sub_classification,item_description,quantity,pack_price,unit_price\n\
                S-1,Utopia,Some Vendor,2010-03-01,2010-05-30,2010-06-02,ARV,Adult,Tablets 60,100,6.5,0.11\n\
                S-2,Utopia,Own depot,,2010-07-01,2010-07-01,ARV,Adult,Tablets 60,50,6.4,0.11\n";
    let original = "PO / SO #,Country,Vendor,PO Sent to Vendor Date,Scheduled Delivery Date,Delivered to Client Date,\
                    Product Group,Sub Classification,Item Description,Line Item Quantity,Pack Price,Unit Price\n\
                    S-1,Utopia,Some Vendor,3/1/10,30-May-10,2-Jun-10,ARV,Adult,Tablets 60,100,6.5,0.11\n\
                    S-2,Utopia,Own depot,N/A - From RDC,1-Jul-10,1-Jul-10,ARV,Adult,Tablets 60,50,6.4,0.11\n";
    for (file, text) in [("deliveries.csv", copy), ("SCMS_Delivery_History_Dataset.csv", original)] {
        let import = sample("scms", &[(file, text)]);
        insta::allow_duplicates! {
            insta::assert_snapshot!(sales(&import), @r"
            Tablets 60@Utopia 2010-06-02 100
            Tablets 60@Utopia 2010-07-01 50
            ");
        }
        assert_eq!(import.bucket, Some(Bucket::Month));
        assert_eq!(import.dataset.items[0].category, "ARV/Adult");
        let [bought, from_depot] = &import.dataset.receipts[..] else { panic!("two receipts") };
        assert_eq!(bought.received_on.0 - bought.ordered_on.expect("an order date").0, 93);
        assert_eq!(bought.unit_cost.map(|cost| cost.to_string()).as_deref(), Some("6.5"));
        assert_eq!(from_depot.ordered_on, None);
    }
}

#[test]
fn settings_of_every_mapping_are_settings_of_a_plan() {
    let folder = root().join("examples/mappings");
    let mut n_mappings = 0;
    for entry in std::fs::read_dir(folder).expect("the mappings are there") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        n_mappings += 1;
        let hints = Mapping::from_toml_file(&path).expect("a mapping that ships is right").settings;
        let mut settings = toml::Table::try_from(PlanSettings::default()).expect("settings are a table");
        for (key, value) in hints {
            let known = settings.get(&key).unwrap_or_else(|| panic!("{}: unknown setting {key}", path.display()));
            let value = match value {
                toml::Value::Integer(whole) if known.is_float() => toml::Value::Float(whole as f64),
                other => other,
            };
            settings.insert(key, value);
        }
        settings.try_into::<PlanSettings>().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    assert_eq!(n_mappings, REAL.len());
}

// ------------------------------------------------------------ the format

#[test]
fn wide_tables_take_days_from_their_headers_or_count_them() {
    let mapping = |wide: &str| {
        let text = format!("[[table]]\ntable = \"sales\"\n[table.wide]\n{wide}\n");
        Mapping::from_toml("wide.toml", &text).expect("a mapping")
    };
    let months = "sku,2020-11,2020-12,2021-01\na,5,,7\n";
    let import = import(&mapping("columns = \"20*\""), &[("sales.csv", months)]).expect("headers are months");
    insta::assert_snapshot!(sales(&import), @r"
    a@main 2020-11-01 5
    a@main 2021-01-01 7
    ");
    let counted = "sku,p1,p2,p3\na,5,6,7\n";
    let by_month = mapping("columns = \"p*\"\nfirst = \"2020-11-01\"\nstep = \"month\"");
    let import = self::import(&by_month, &[("sales.csv", counted)]).expect("columns are counted");
    insta::assert_snapshot!(sales(&import), @r"
    a@main 2020-11-01 5
    a@main 2020-12-01 6
    a@main 2021-01-01 7
    ");
    insta::assert_snapshot!(self::import(&mapping("columns = \"q*\""), &[("sales.csv", counted)]).unwrap_err(),
        @r#"mapping wide.toml: sales.csv has no column that fits "q*" (found: sku, p1, p2, p3)"#);
    insta::assert_snapshot!(self::import(&mapping("columns = \"p*\""), &[("sales.csv", counted)]).unwrap_err(),
        @r#"mapping wide.toml: header "p1" of sales.csv is no date such as 2026-03-02; state first = "...""#);
}

#[test]
fn columns_divide_each_other_and_zero_says_nothing() {
    let text = "[[table]]\ntable = \"sales\"\n[table.columns]\nunit_price = { column = \"paid\", divide = \"qty\" }\n\
                stockout_share = { column = \"out\", optional = true }\n";
    let mapping = Mapping::from_toml("ratio.toml", text).expect("a mapping");
    let rows = "date,sku,qty,paid\n2020-11-01,a,4,10\n2020-11-02,a,0,0\n2020-11-03,a,-2,-5\n";
    insta::assert_snapshot!(sales(&import(&mapping, &[("sales.csv", rows)]).expect("an import")), @r"
    a@main 2020-11-01 4 price 2.5
    a@main 2020-11-02 0
    a@main 2020-11-03 -2 price 2.5
    ");
}

#[test]
fn wrong_mappings_say_what_is_wrong() {
    let wrong = |text: &str| Mapping::from_toml("m.toml", text).expect_err("a wrong mapping").to_string();
    insta::assert_snapshot!(wrong("[[table]]\ntable = \"sale\"\n"), @r#"mapping m.toml: table is "sale", must be one of items, locations, suppliers, calendars, sales, inventory, sources, item_locations, open_orders, receipts, prices, promotions, events, signals, readings, stockouts, bom, adjustments, substitutions, budgets, capacities, uoms, forecast_overrides, forecasts"#);
    insta::assert_snapshot!(wrong("[[table]]\ntable = \"events\"\n[table.columns]\nitem = \"sku\"\n"), @r#"mapping m.toml: table events has no field "item", its fields are date, name, location_id, kind, magnitude"#);
    insta::assert_snapshot!(wrong("[[table]]\ntable = \"items\"\n[table.wide]\ncolumns = \"d_*\"\n"), @"mapping m.toml: table items: only sales can be wide");
    insta::assert_snapshot!(wrong("[[table]]\ntable = \"sales\"\n[table.columns]\nitem_id = { colum = \"sku\" }\n"), @r#"
    mapping m.toml: TOML parse error at line 4, column 11
      |
    4 | item_id = { colum = "sku" }
      |           ^^^^^^^^^^^^^^^^^
    unknown key "colum", expected one of column, constant, concat, separator, multiply, divide, invert, values, lookup, case, prefix, date, optional, ignore
    "#);
    insta::assert_snapshot!(wrong("[[table]]\ntable = \"sales\"\nfiles = \"x.csv\"\n"), @r#"
    mapping m.toml: TOML parse error at line 3, column 1
      |
    3 | files = "x.csv"
      | ^^^^^
    unknown field `files`, expected one of `table`, `file`, `sheet`, `automatic`, `distinct`, `columns`, `where`, `decimal`, `date`, `wide`
    "#);
    let missing = "[[table]]\ntable = \"sales\"\n[table.columns]\nitem_id = [\"sku\", \"StockCode\"]\n";
    let missing = Mapping::from_toml("m.toml", missing).expect("a mapping");
    insta::assert_snapshot!(import(&missing, &[("sales.csv", "date,thing,qty\n2020-11-01,a,4\n")]).unwrap_err(), @r#"mapping m.toml: table sales: sales.csv has no column "sku" or "StockCode" (found: date, thing, qty)"#);
    let lookup = "[[table]]\ntable = \"sales\"\n[table.columns]\n\
                  date = { column = \"week\", lookup = { file = \"calendar.csv\", key = \"week\", value = \"date\" } }\n";
    let lookup = Mapping::from_toml("m.toml", lookup).expect("a mapping");
    insta::assert_snapshot!(import(&lookup, &[("sales.csv", "week,sku,qty\n1,a,4\n")]).unwrap_err(), @r#"mapping m.toml: table sales: no file "calendar.csv" to look date up in"#);
}

// ------------------------------------------------------------ the real sets

/// Folder, mapping, rows taken into sales, rows in quarantine, items, locations.
const REAL: [(&str, &str, usize, usize, usize, usize); 8] = [
    ("online_retail", "online_retail", 258_996, 0, 2_964, 1),
    ("m5", "m5", 9_244_734, 0, 3_049, 2),
    ("favorita_weekly", "favorita", 438_480, 0, 144, 21),
    ("rossmann_100", "rossmann", 51_020, 0, 1, 60),
    ("freshretailnet_50k", "freshretailnet", 1_697_308, 0, 732, 397),
    ("carparts", "carparts", 66_025, 0, 1_352, 1),
    ("bibitor_purchases", "bibitor", 5_543, 0, 12_387, 1),
    ("scms_deliveries", "scms", 6_514, 2, 161, 40),
];

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn skipped(why: &str) {
    eprintln!("skipped: {why}");
}

/// Data sets that may not be shipped are read from `RESTOCK_SHARED`, or from `../shared` beside the repository.
#[test]
fn real_data_sets_import_without_hand_editing() {
    let shared = std::env::var_os("RESTOCK_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    if !shared.join("data").is_dir() {
        skipped(&format!("RESTOCK_SHARED not found ({})", shared.display()));
        return;
    }
    for (folder, mapping, n_sales, n_row_errors, n_items, n_locations) in REAL {
        let folder = shared.join("data").join(folder);
        if !folder.is_dir() {
            skipped(&format!("{} not found", folder.display()));
            continue;
        }
        let import = read(&shipped(mapping), &folder).unwrap_or_else(|error| panic!("{mapping}: {error}"));
        let data = &import.dataset;
        let seen = (data.sales.len(), import.n_row_errors, data.items.len(), data.locations.len());
        assert_eq!(seen, (n_sales, n_row_errors, n_items, n_locations), "{mapping}");
        let sold = data.sales.quantity.iter().fold(Quantity::ZERO, |sum, quantity| sum + *quantity);
        assert!(sold > Quantity::ZERO, "{mapping}");
    }
}
