//! Copies, returns, strictness, folders with strangers, and what a mapping can say.

use proptest::prelude::*;
use restock_store::{Duplicates, ImportError, ImportOptions};

use crate::{Folder, assert_nothing_is_lost, import_one, sales};

const COPIES: &str = "date,item_id,quantity,order_id\n\
    2026-03-02,a,1,o1\n2026-03-02,a,1,o1\n2026-03-02,a,1,o2\n2026-03-02,b,2,o3\n2026-03-02,b,-1,o4\n";

#[test]
fn copies_of_sales_are_reported_and_kept_unless_told_otherwise() {
    let kept = import_one("sales.csv", COPIES).unwrap();
    assert_eq!((kept.dataset.sales.len(), kept.dataset.facts.n_duplicate_rows), (5, 1));
    assert_eq!(kept.dataset.facts.duplicate_rows[0].row, 3);
    assert_eq!(kept.dataset.facts.n_returns, 1);
    let options = ImportOptions { duplicates: Some(Duplicates::Drop), ..ImportOptions::default() };
    let dropped = Folder::new().with("sales.csv", COPIES).import_with(None, &options).unwrap();
    assert_nothing_is_lost(&dropped);
    assert_eq!((dropped.dataset.sales.len(), dropped.tables[0].n_duplicates), (4, 1));
    assert_eq!(sales(&dropped).iter().filter(|row| row.contains(" a ")).count(), 2, "another order is no copy");
}

#[test]
fn copies_of_stock_and_supply_count_once() {
    let import = Folder::new()
        .with("sales.csv", "date,item_id,quantity\n2026-03-02,a,1\n")
        .with("inventory.csv", "item_id,on_hand,shelf\na,5,1\na,5,1\na,5,2\n")
        .with("open_orders.csv", "order_id,item_id,quantity,line\no1,a,5,1\no1,a,5,1\no1,a,5,2\n")
        .with("receipts.csv", "order_id,item_id,quantity,received_on\no1,a,5,2026-03-01\no1,a,5,2026-03-01\n")
        .import()
        .unwrap();
    assert_nothing_is_lost(&import);
    // Another shelf and another line are no copies, even though no field holds them.
    assert_eq!(import.dataset.inventory.len(), 2);
    assert_eq!(import.dataset.open_orders.len(), 2);
    assert_eq!(import.dataset.receipts.len(), 2, "two deliveries of one day may be alike");
    assert_eq!(import.dataset.facts.n_duplicate_rows, 3);
}

/// Two tables from one file once took each other's rows for copies.
#[test]
fn tables_from_one_file_do_not_take_each_others_rows_for_copies() {
    let map = "[[table]]\ntable = \"inventory\"\nfile = \"export.csv\"\n[table.columns]\non_hand = \"stock\"\n\
               [[table]]\ntable = \"item_locations\"\nfile = \"export.csv\"\n\
               [[table]]\ntable = \"sales\"\nfile = \"export.csv\"\n";
    let import = Folder::new()
        .with(
            "export.csv",
            "date,item_id,location_id,quantity,stock,min_stock\n2026-03-02,a,s,1,5,2\n2026-03-02,b,s,1,5,2\n",
        )
        .import_with(Some(map), &ImportOptions::default())
        .unwrap();
    assert_nothing_is_lost(&import);
    let dataset = &import.dataset;
    assert_eq!((dataset.inventory.len(), dataset.item_locations.len(), dataset.sales.len()), (2, 2, 2));
    assert_eq!(dataset.facts.n_duplicate_rows, 0);
}

#[test]
fn strict_stops_at_the_first_bad_row_and_nothing_accepted_is_an_error() {
    let text = "date,item_id,quantity\n2026-03-02,a,1\n2026-03-02,b,x\n";
    let options = ImportOptions { strict: true, ..ImportOptions::default() };
    let strict = Folder::new().with("sales.csv", text).import_with(None, &options).unwrap_err();
    insta::assert_snapshot!(strict, @r#"1 rows could not be read and --strict is set, first: sales.csv row 3, column "quantity": got "x", expected a number such as 12 or 0.75; correct the value, without units or words"#);
    let nothing = import_one("sales.csv", "date,item_id,quantity\n2026-03-02,b,x\n").unwrap_err();
    assert!(matches!(nothing, ImportError::NoRowAccepted { n_row_errors: 1, .. }));
    let few = ImportOptions { max_row_errors: 2, ..ImportOptions::default() };
    let many = format!("{text}{}", "2026-03-02,b,x\n".repeat(10));
    let import = Folder::new().with("sales.csv", many).import_with(None, &few).unwrap();
    assert_eq!((import.row_errors.len(), import.n_row_errors), (2, 11), "all are counted, the first are kept");
    assert_nothing_is_lost(&import);
}

#[test]
fn strangers_in_a_folder_are_named() {
    let import = Folder::new()
        .with("sales.csv", "date,item_id,quantity\n2026-03-02,a,1\n")
        .with("copy of sales.csv", "date,item_id,quantity\n2026-03-02,a,1\n")
        .with("photo.png", "x")
        .with("README.txt", "x")
        .with("~$sales.xlsx", "x")
        .with("cities.csv", "city,mayor\nBerlin,x\n")
        .with("empty.csv", "")
        .import()
        .unwrap();
    assert_eq!(import.dataset.sales.len(), 1);
    let mut notes = import.notes.clone();
    notes.sort();
    insta::assert_snapshot!(notes.join("\n"));
}

#[test]
fn orphans_are_reported_and_kept() {
    let import = Folder::new()
        .with("sales.csv", "date,item_id,quantity\n2026-03-02,a,1\n2026-03-02,ghost,1\n")
        .with("items.csv", "item_id,name\na,milk\n")
        .import()
        .unwrap();
    let orphan = &import.dataset.facts.orphans[0];
    assert_eq!((orphan.kind, orphan.id.as_str(), orphan.row.row), ("item", "ghost", 3));
    assert_eq!(import.dataset.sales.len(), 2);
}

#[test]
fn a_mapping_renames_computes_and_filters() {
    let map = r#"
        duplicates = "drop"
        [settings]
        bucket = "day"
        [format]
        decimal = ","
        date = "%d.%m.%y"
        delimiter = ";"
        [[table]]
        table = "sales"
        file = "verkauf*.csv"
        [table.columns]
        date = "Datum"
        item_id = { concat = ["Artikel", "Farbe"], separator = "/" }
        quantity = { column = "Stück", multiply = -1 }
        location_id = { constant = "shop" }
        stockout_share = { column = "leer", divide = 24 }
        holiday = { column = "Feiertag", values = { "nein" = "0", "Ostern" = "1" } }
        [[table.where]]
        column = "Artikel"
        not_in = ["PORTO"]
    "#;
    let import = Folder::new()
        .with(
            "verkauf_2026.csv",
            "Datum;Artikel;Farbe;Stück;leer;Feiertag\n05.04.26;Hemd;rot;-2,5;6;Ostern\n06.04.26;Hemd;blau;-1.000;0;nein\n\
             06.04.26;PORTO;;-1;0;nein\n06.04.26;Hemd;blau;-1.000;0;nein\n",
        )
        .import_with(Some(map), &ImportOptions::default())
        .unwrap();
    assert_nothing_is_lost(&import);
    assert_eq!(sales(&import), ["2026-04-06 Hemd/blau shop 1000", "2026-04-05 Hemd/rot shop 2.5"]);
    assert_eq!(import.dataset.sales.stockout_share, [0.0, 0.25]);
    assert_eq!(import.dataset.sales.holiday, [0, 1]);
    let table = &import.tables[0];
    assert_eq!((table.n_rows, table.n_accepted, table.n_duplicates, table.n_filtered), (4, 2, 1, 1));

    let wrong = |map: &str| {
        Folder::new()
            .with("sales.csv", "date,item_id,quantity\n2026-03-02,a,1\n")
            .import_with(Some(map), &ImportOptions::default())
            .unwrap_err()
            .to_string()
    };
    insta::assert_snapshot!(wrong("[[table]]\ntable = \"sale\"\nfile = \"*.csv\"\n").split(", must").next().unwrap(),
        @r#"mapping map.toml: table is "sale""#);
    insta::assert_snapshot!(wrong("[[table]]\ntable = \"sales\"\n[table.columns]\nquantity = \"Menge\"\n"),
        @r#"mapping map.toml: table sales: sales.csv has no column "Menge" (found: date, item_id, quantity)"#);
    insta::assert_snapshot!(wrong("[[table]]\ntable = \"sales\"\nfile = \"x*.csv\"\n"),
        @"mapping map.toml: no file fits its patterns x*.csv (files: sales.csv)");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// However broken the rows, each one is accepted, a copy, or in quarantine; and the planned quantity of accepted
    /// rows adds up to what their cells say.
    #[test]
    fn no_row_is_lost(
        rows in proptest::collection::vec(
            (
                prop_oneof![Just("2026-03-02"), Just("2026-02-30"), Just(""), Just("02.03.2026"), Just("x\"y")],
                prop_oneof![Just("a"), Just("b"), Just(""), Just("#REF!"), Just("\"c"), Just("d\"")],
                prop_oneof![Just("1"), Just("2"), Just("2.5"), Just("x"), Just(""), Just("\"3\""), Just("4\"")],
                prop_oneof![Just("\n"), Just("\r\n"), Just(",\n"), Just(",more\n"), Just("\n\n"), Just("\n,,\n")],
            ),
            1..40,
        ),
        drop in any::<bool>(),
        table in prop_oneof![Just("sales"), Just("inventory"), Just("adjustments")],
    ) {
        let header = if table == "inventory" { "as_of,item_id,on_hand\n" } else { "date,item_id,quantity\n" };
        let body: String = rows.iter().map(|(date, item, quantity, end)| format!("{date},{item},{quantity}{end}")).collect();
        let duplicates = Some(if drop { Duplicates::Drop } else { Duplicates::Keep });
        let options = ImportOptions { duplicates, max_row_errors: usize::MAX, ..ImportOptions::default() };
        let folder = Folder::new().with(&format!("{table}.csv"), format!("{header}{body}"));
        // A row whose cells are all empty is no row, as at the foot of a spreadsheet.
        let n_filled = body.lines().filter(|line| line.chars().any(|mark| mark != ',')).count();
        match folder.import_with(None, &options) {
            Ok(import) => {
                assert_nothing_is_lost(&import);
                let summary = &import.tables[0];
                // Two marks may also enclose a line break on purpose; then two lines are one row.
                let n_least = if body.contains('"') { 1 } else { n_filled as u64 };
                prop_assert!(summary.n_rows >= n_least, "{summary:?} of {n_filled}");
                prop_assert_eq!(import.row_errors.len() as u64, summary.n_row_errors);
                prop_assert!(import.row_errors.is_sorted_by_key(|error| error.row), "in file order");
                let d = &import.dataset;
                let n_kept = d.sales.len() + d.inventory.len() + d.adjustments.len();
                prop_assert_eq!(n_kept as u64, summary.n_accepted);
            }
            Err(ImportError::NoRowAccepted { n_row_errors, .. }) => prop_assert!(body.contains('"') || n_row_errors >= n_filled),
            Err(ImportError::NotATable { .. }) => prop_assert!(body.contains('"')),
            // Delimiters alone are a blank row of a spreadsheet.
            Err(ImportError::NothingToImport { .. }) => prop_assert!(body.chars().all(|c| ",\r\n".contains(c)), "{body:?}"),
            Err(error) => prop_assert!(false, "{}", error),
        }
    }
}

#[test]
fn of_one_named_file_the_columns_say_what_it_is() {
    let sold = "date,item_id,quantity\n2026-03-02,a,1\n2026-03-03,a,2\n";
    let folder = Folder::new().with("units.csv", sold);
    let named =
        restock_store::import(&[folder.path("units.csv")], None, &ImportOptions::default(), &|_, _, _| {}).unwrap();
    assert_eq!(sales(&named), ["2026-03-02 a main 1", "2026-03-03 a main 2"]);
    insta::assert_snapshot!(named.notes[0], @"units.csv was read as sales, judging by its columns; in a folder its name makes it the table uoms");
    let in_folder = folder.import().unwrap_err();
    assert!(matches!(in_folder, ImportError::MissingColumns { .. }), "{in_folder}");
}

#[test]
fn looking_back_leaves_out_what_is_not_yet_known() {
    let sold = "date,item_id,quantity\n2026-03-01,a,1\n2026-03-02,a,2\n2026-03-03,b,-3\n2026-03-04,b,many\n";
    let options = |day: &str| ImportOptions { as_of: Some(day.parse().unwrap()), ..ImportOptions::default() };
    let import = Folder::new().with("sales.csv", sold).import_with(None, &options("2026-03-02")).unwrap();
    assert_nothing_is_lost(&import);
    assert_eq!(sales(&import), ["2026-03-01 a main 1"]);
    assert_eq!(import.n_row_errors, 0, "a later row is not even read");
    assert_eq!((import.dataset.facts.n_later_sales, import.dataset.items.len()), (3, 1));
    insta::assert_snapshot!(import.notes.join("\n"), @r#"
    sales.csv: 1 sales row of 1 item at one location (no column names it; it is called "main"), 2026-03-01 to 2026-03-01
    sales.csv: 3 sales rows of 2026-03-02 and later are not yet known on that morning and take no part
    "#);
    let early = Folder::new().with("sales.csv", sold).import_with(None, &options("2026-02-01")).unwrap_err();
    insta::assert_snapshot!(early, @r"
    there is no history before 2026-02-01: the first sale is on 2026-03-01

    hint: name a day after 2026-03-01, or leave --as-of out to plan on the morning after the last sale
    ");
}

#[test]
fn title_rows_above_the_header_are_skipped_by_name() {
    for (delimiter, decimal) in [(',', "2.5"), (';', "2,5")] {
        let rows = format!("date,item_id,location_id,quantity\n2026-03-02,a,s,{decimal}\n2026-03-03,a,s,x\n");
        let rows = if delimiter == ';' { rows.replace("2,5", "@").replace(',', ";").replace('@', "2,5") } else { rows };
        let import = import_one("export.csv", format!("Sales report\n\nmade on{delimiter}2026-03-04\n{rows}")).unwrap();
        assert_eq!(sales(&import), ["2026-03-02 a s 2.5"]);
        assert_eq!(
            import.notes[0],
            "export.csv: rows 1 to 3 stand above the header and were skipped (\"Sales report\")"
        );
        assert_eq!(import.row_errors[0].row, 6, "rows count as a spreadsheet counts");
    }
    let one = import_one("stock.csv", "Stock of today\nitem_id,on_hand\na,5\n").unwrap();
    assert_eq!(one.notes[0], "stock.csv: row 1 stands above the header and was skipped (\"Stock of today\")");
    assert_eq!(one.dataset.inventory.len(), 1);
    // A header nobody knows is no title, and rows of values are no header.
    let unknown = import_one("sales.csv", "when,what\n2026-01-01,a\n").unwrap_err();
    assert!(matches!(unknown, ImportError::MissingColumns { .. }), "{unknown}");
}

#[test]
fn shares_with_and_without_percent_signs_are_refused() {
    let with = |cells: [&str; 3]| {
        let rows = cells.iter().zip(1..).map(|(cell, day)| format!("2026-03-0{day},a,1,{cell}\n"));
        let header = "date,item_id,quantity,discount\n".to_owned();
        import_one("sales.csv", header + &rows.collect::<String>())
    };
    insta::assert_snapshot!(with(["20%", "0", "20"]).unwrap_err(), @r#"
    sales.csv row 4, column "discount": "20" is 20% or 2000%, and the column mixes numbers with and without a percent sign (row 2 has "20%")

    hint: write the percent sign in every row or in none
    "#);
    insta::assert_snapshot!(with(["0.2", "0", "20%"]).unwrap_err().to_string().lines().next().unwrap(), @r#"sales.csv row 2, column "discount": "0.2" is 0.2% or 20%, and the column mixes numbers with and without a percent sign (row 4 has "20%")"#);
    for agreeing in [["20%", "0", "5%"], ["20", "0", "5"], ["0.2", "0", "0.05"]] {
        let import = with(agreeing).unwrap();
        assert_eq!(import.dataset.sales.price_ratio, [0.8, 1.0, 0.95], "{agreeing:?}");
    }
    let stated = import_one(
        "sales.csv",
        "date,item_id,quantity,discount (%)\n2026-03-01,a,1,20%\n2026-03-02,a,1,0\n2026-03-03,a,1,5\n",
    );
    assert_eq!(stated.unwrap().dataset.sales.price_ratio, [0.8, 1.0, 0.95], "the header says what 5 is");
}

/// A row is refused at its first bad cell, so the price is seen only after the quantity is understood.
#[test]
fn quantity_and_price_may_both_have_decimal_commas() {
    let mut text = "Datum;Artikel;Menge;Preis\n".to_owned();
    for day in 1..=28 {
        text.push_str(&format!("{day:02}.03.2026;A;5,50;12,56\n"));
    }
    let import = import_one("verkauf.csv", text).unwrap();
    assert_nothing_is_lost(&import);
    let prices = &import.dataset.sales.unit_price;
    assert_eq!((import.dataset.sales.len(), prices.len(), import.n_row_errors), (28, 28, 0));
    assert!(prices.iter().all(|price| (price - 12.56).abs() < 1e-6), "{prices:?} {:?}", import.notes);
}

#[test]
fn sales_beside_stock_are_sales() {
    let rows = "2026-03-02,a,s,3,40\n2026-03-03,a,s,5,35\n";
    let import = import_one("case.csv", format!("Date,Item ID,Store,Units Sold,On Hand\n{rows}")).unwrap();
    assert_eq!(sales(&import), ["2026-03-02 a s 3", "2026-03-03 a s 5"]);
    assert!(import.dataset.inventory.is_empty());
    insta::assert_snapshot!(import.notes.join("\n"), @r#"
    case.csv: 2 sales rows of 1 item at 1 location, 2026-03-02 to 2026-03-03
    case.csv: column "On Hand" is stock and is not used beside sales; give stock as inventory.csv
    "#);
    // Without a column of what was sold, it is stock.
    let import = import_one("case.csv", "Date,Item ID,Store,On Hand\n2026-03-02,a,s,40\n").unwrap();
    assert_eq!((import.dataset.sales.len(), import.dataset.inventory.len()), (0, 1));
}

/// A count sheet tells what somebody counted and what the records said then; what nobody has counted yet is no error.
#[test]
fn count_sheets_hold_over_records() {
    let sheet = "rank,item_id,recorded,on_hand,as_of,reason\n\
                 1,a,12,,2026-03-02,no sale\n2,b,7,3,2026-03-02,no sale\n3,c,5,5,2026-02-20,\n4,d,2,0,2026-03-02,\n";
    let stock = "item_id,on_hand,as_of\na,12,2026-03-02\nb,7,2026-03-02\nc,4,2026-03-02\nd,2,\n";
    let import = Folder::new()
        .with("sales.csv", "date,item_id,quantity\n2026-03-02,a,1\n")
        .with("inventory.csv", stock)
        .with("count_list.csv", sheet)
        .import()
        .unwrap();
    assert_nothing_is_lost(&import);
    assert_eq!(import.n_row_errors, 0);
    let dataset = &import.dataset;
    let id = |item: restock_core::ItemIdx| dataset.items[item.0 as usize].item_id.as_str();
    let mut stock: Vec<String> = (dataset.inventory.iter())
        .map(|row| {
            format!("{} {} {}", id(row.item), row.on_hand, row.as_of.map_or("now".to_owned(), |day| day.to_string()))
        })
        .collect();
    stock.sort();
    assert_eq!(stock, ["a 12 2026-03-02", "b 3 2026-03-02", "c 4 2026-03-02", "c 5 2026-02-20", "d 0 2026-03-02"]);
    let found: Vec<String> =
        dataset.adjustments.iter().map(|row| format!("{} {} {}", id(row.item), row.quantity, row.reason)).collect();
    assert_eq!(found, ["b -4 count", "c 0 count", "d -2 count"]);
    assert!(import.notes.iter().any(|note| note == "2 stock records are replaced by counts"), "{:?}", import.notes);
    assert!(import.notes.iter().any(|note| note == "1 line is not counted yet (count sheets)"), "{:?}", import.notes);
}

/// The stock of each item after an import of files, and its adjustments, in words.
fn stock_and_counts(files: &[(&str, &str)]) -> (Vec<String>, Vec<String>, Vec<String>) {
    let import = files.iter().fold(Folder::new(), |folder, (name, text)| folder.with(name, *text)).import().unwrap();
    assert_nothing_is_lost(&import);
    assert_eq!(import.n_row_errors, 0, "{:?}", import.row_errors);
    let dataset = &import.dataset;
    let id = |item: restock_core::ItemIdx| dataset.items[item.0 as usize].item_id.as_str();
    let day = |day: Option<restock_core::Day>| day.map_or("now".to_owned(), |day| day.to_string());
    let mut stock: Vec<String> =
        dataset.inventory.iter().map(|row| format!("{} {} {}", id(row.item), row.on_hand, day(row.as_of))).collect();
    stock.sort();
    let counts =
        dataset.adjustments.iter().map(|row| format!("{} {} {}", id(row.item), row.quantity, row.day)).collect();
    (stock, counts, import.notes.clone())
}

const SHEET: &str = "item_id,recorded,recorded_on,on_hand,as_of\n";

/// The books go on as if nobody had counted: the count holds until they know of it, or something came in.
#[test]
fn counts_hold_until_the_books_know_of_them() {
    let sold = |b_until: u32, a: &str| {
        let b: String = (2..=b_until).map(|day| format!("2026-03-{day:02},b,1\n")).collect();
        format!("date,item_id,quantity\n{b}{a}")
    };
    let sheet = format!("{SHEET}a,12,2026-03-05,0,2026-03-05\n");
    let with = |sales: String, on_hand: i32| {
        let stock = format!("item_id,on_hand\na,{on_hand}\nb,9\n");
        stock_and_counts(&[("sales.csv", &sales), ("inventory.csv", &stock), ("count_list.csv", &sheet)])
    };
    let (stock, counts, _) = with(sold(5, ""), 12);
    assert_eq!(
        (stock, counts),
        (vec!["a 0 2026-03-05".to_owned(), "b 9 now".to_owned()], vec!["a -12 2026-03-05".to_owned()])
    );
    // One day and ten days later.
    assert_eq!(with(sold(6, ""), 12).0, ["a 0 2026-03-05", "b 9 now"]);
    assert_eq!(with(sold(15, ""), 12).0, ["a 0 2026-03-05", "b 9 now"]);
    // The books were corrected, or goods came in.
    assert_eq!(with(sold(15, ""), 0).0, ["a 0 2026-03-05", "a 0 now", "b 9 now"]);
    assert_eq!(with(sold(15, ""), 24).0, ["a 0 2026-03-05", "a 24 now", "b 9 now"]);
    // It sold what was not counted, so something came in.
    assert_eq!(with(sold(15, "2026-03-08,a,2\n"), 10).0, ["a 0 2026-03-05", "a 10 now", "b 9 now"]);
}

/// A count of a day up to which nothing is known yet waits, and the record stays; one mistyped year changes nothing.
#[test]
fn counts_of_the_future_wait() {
    let sales = "date,item_id,quantity\n2026-03-02,b,1\n2026-03-05,b,1\n";
    let stock = "item_id,on_hand\na,12\n";
    let sheet = format!("{SHEET}a,12,2026-03-05,0,2026-03-08\n");
    let (stock_now, counts, notes) =
        stock_and_counts(&[("sales.csv", sales), ("inventory.csv", stock), ("count_list.csv", &sheet)]);
    assert_eq!(stock_now, ["a 0 2026-03-08", "a 12 now"]);
    assert!(counts.is_empty());
    let told = "1 line is dated after 2026-03-06, up to which the data are known, and not used before (count sheets)";
    assert!(notes.iter().any(|note| note == told), "{notes:?}");
    let many: String = (0..30).map(|idx| format!("2026-03-{:02},b,1\n", 2 + idx % 4)).collect();
    let sales = format!("date,item_id,quantity\n{many}2036-01-05,b,1\n");
    let sheet = format!("{SHEET}a,12,2026-03-05,0,2026-03-05\n");
    let (stock_now, ..) =
        stock_and_counts(&[("sales.csv", &sales), ("inventory.csv", stock), ("count_list.csv", &sheet)]);
    assert_eq!(stock_now, ["a 0 2026-03-05"]);
}

/// The record of the sheet is that of the evening when it was printed; what was sold until the count is no error of it.
#[test]
fn records_are_brought_forward_to_the_count() {
    let sales = "date,item_id,quantity\n2026-03-05,a,1\n2026-03-06,a,2\n2026-03-07,a,1\n";
    let sheet = format!("{SHEET}a,12,2026-03-05,9,2026-03-07\n");
    let (_, counts, _) = stock_and_counts(&[("sales.csv", sales), ("count_list.csv", &sheet)]);
    assert_eq!(counts, ["a 0 2026-03-07"]);
    let sheet = "item_id,recorded,on_hand,as_of\na,12,9,2026-03-07\n";
    let (_, counts, _) = stock_and_counts(&[("sales.csv", sales), ("count_list.csv", sheet)]);
    assert_eq!(counts, ["a -3 2026-03-07"], "a sheet that does not say when is of the day of the count");
}

/// A count tells how much is there, and nothing of lots, of what is promised or on the way.
#[test]
fn counts_keep_what_else_records_say() {
    let sales = "date,item_id,quantity\n2026-03-05,a,1\n";
    let rows = |stock: &str, on_hand: i32| {
        let sheet = format!("{SHEET}a,12,2026-03-05,{on_hand},2026-03-05\n");
        let folder = Folder::new().with("sales.csv", sales).with("inventory.csv", stock).with("count_list.csv", sheet);
        let import = folder.import().unwrap();
        let words = |row: &restock_core::dataset::InventoryRow| {
            let expiry = row.expiry.map_or("-".to_owned(), |day| day.to_string());
            format!("{} {expiry} {} {} {}", row.on_hand, row.allocated, row.blocked, row.in_transit)
        };
        let mut words: Vec<String> = import.dataset.inventory.iter().map(words).collect();
        words.sort();
        words
    };
    let one = "item_id,on_hand,as_of,in_transit,allocated,blocked\na,12,2026-03-05,50,4,3\n";
    assert_eq!(rows(one, 12), ["12 - 4 3 50"]);
    assert_eq!(rows(one, 2), ["2 - 4 2 50"]);
    let lots = "item_id,on_hand,lot_id,expiry_date\na,8,L2,2026-03-10\na,4,L1,\n";
    assert_eq!(rows(lots, 12), ["4 - 0 0 0", "8 2026-03-10 0 0 0"]);
    // What expires first is missing first; what is there beyond the record belongs to the last.
    assert_eq!(rows(lots, 2), ["0 2026-03-10 0 0 0", "2 - 0 0 0"]);
    assert_eq!(rows(lots, 15), ["7 - 0 0 0", "8 2026-03-10 0 0 0"]);
}

/// A sheet is one whatever it is called, and an id that lost its zeros in a spreadsheet is the one it was.
#[test]
fn count_sheets_are_known_by_their_columns() {
    let sales = "date,item_id,store,quantity\n2026-03-05,0012,S1,1\n2026-03-05,7,S1,1\n";
    let stock = "item_id,location_id,on_hand\n0012,S1,12\n7,S1,3\n";
    let sheet = "rank,item_id,location_id,recorded,recorded_on,on_hand,as_of\n1,12,S1,12,2026-03-05,0,2026-03-05\n";
    let (stock, _, notes) =
        stock_and_counts(&[("sales.csv", sales), ("inventory.csv", stock), ("Store 12 counts.csv", sheet)]);
    assert_eq!(stock, ["0012 0 2026-03-05", "7 3 now"]);
    let told = "count sheets: item 12 is read as 0012, the only one without its zeros";
    assert!(notes.iter().any(|note| note == told), "{notes:?}");
}

/// Kilograms of a scale have three decimals each, and nobody is asked whether they are tons.
#[test]
fn weights_of_scales_are_read_as_sensors_write_them() {
    let readings = |values: [&str; 3]| {
        let row = |(idx, value): (usize, &&str)| {
            format!("2026-03-0{} 10:00,shelf,weight,milk,berlin,\"{value}\",kg\n", idx + 1)
        };
        let rows: String = values.iter().enumerate().map(row).collect();
        Folder::new()
            .with("items.csv", "item_id,unit_weight\nmilk,1\n")
            .with("sales.csv", "date,item_id,location_id,quantity\n2026-03-01,milk,berlin,2\n")
            .with("readings.csv", format!("time,sensor_id,metric,item_id,location_id,value,unit\n{rows}"))
            .import()
    };
    for values in [["1.234", "2.512", "3.100"], ["1,234", "2,512", "3,100"]] {
        let import = readings(values).unwrap();
        let read: Vec<String> = import.dataset.readings.iter().map(|row| row.value.to_string()).collect();
        assert_eq!(read, ["1.234", "2.512", "3.1"]);
        assert!(import.notes.iter().any(|note| note.ends_with("as sensors write")), "{:?}", import.notes);
    }
    assert!(readings(["1.234", "2,512", "3.100"]).is_err(), "nobody knows what two marks mean");
}
