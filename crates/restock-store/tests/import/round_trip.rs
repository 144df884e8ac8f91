//! What is written is read back unchanged, by way of a spreadsheet too.

use std::path::Path;

use restock_core::Dataset;
use restock_core::proposal::{
    Consequence, Explanation, Lineage, OrderUnits, Proposal, ProposalSource, ProposalType, WaterfallCode, WaterfallLine,
};
use restock_store::ImportOptions;
use restock_store::write::{self, Format};
use rust_xlsxwriter::{ExcelDateTime, Format as CellFormat, Workbook};

use crate::{Folder, import_one};

/// Every table, with what is hard to write: quotes, commas, line breaks, leading zeros, six decimals, empty cells.
fn all_tables() -> Folder {
    Folder::new()
        .with(
            "sales.csv",
            "date,item_id,location_id,quantity,unit_price,promo,price_ratio,stockout_share,open,holiday,lost\n\
             2026-03-02,00123,\"north, old\",1.5,1.99,1,0.8,0.25,1,0,0.5\n\
             2026-03-03,00123,\"north, old\",-0.000001,,0,,,,0,0\n\
             2026-03-03,\"12\"\" disc\",\"north, old\",8999999999999,0.1,0,1,0,0.5,1,0\n\
             2026-03-04,1E5,dc,7,2,0,1,0,1,0,0\n",
        )
        .with(
            "items.csv",
            "item_id,name,category,base_uom,unit_cost,price,volume,weight,shelf_life_days,launch_date,end_date,successor_id,ven,colour\n\
             00123,\"Milk, \"\"fresh\"\"\nwhole\",food/dairy,kg,1.2345678901,2.99,0.001,1.05,7,2026-01-01,2026-12-31,1E5,V,red\n\
             1E5,=SUM(A1),,,,,,,,,,,,\n\
             \"12\"\" disc\",-,,each,0.1,,,,,,,,N,\n",
        )
        .with("locations.csv", "location_id,name,kind,parent_id,calendar,gln\n\"north, old\",North,store,dc,open,123\ndc,DC,dc,,,\n")
        .with(
            "suppliers.csv",
            "supplier_id,name,min_order_value,min_order_qty,order_days,cut_off,container_volume,container_weight,holidays_calendar,city\n\
             s1,Dairy,100.5,10,mon thu,12:00,33.2,20000,open,Ulm\ns2,,,,daily,,,,,\n",
        )
        .with("calendars.csv", "calendar_id,weekdays,date,open\nopen,mon-sat,,\nopen,,2026-12-25,0\nopen,,2026-12-27,1\nshut,never,,\n")
        .with(
            "inventory.csv",
            "item_id,location_id,on_hand,as_of,lot_id,expiry_date,allocated,blocked,in_transit\n\
             00123,\"north, old\",-3.5,2026-03-04,L1,2026-03-10,1,2,3\n1E5,dc,0,,,,0,0,0\n",
        )
        .with(
            "sources.csv",
            "to_location,supplier_id,from_location,item_id,category,lead_time_days,lead_time_sd,unit_cost,moq,pack_size,layer_size,pallet_size,max_qty,priority,share,review_calendar,effective_from,effective_to,price_breaks\n\
             dc,s1,,00123,,7.5,1.25,1.1,12,6,24,96,960,1,0.6,open,2026-01-01,2026-12-31,100:0.75; 500:0.7\n\
             \"north, old\",,dc,,food,1,,,,,,,,0,,,,,\n,s2,,1E5,,,,,,,,,,-2,,,,,\n",
        )
        .with(
            "item_locations.csv",
            "item_id,location_id,listed_from,listed_to,service_type,service_target,min_stock,max_stock,display_min,shelf_capacity,safety_days,policy,do_not_order\n\
             00123,\"north, old\",2026-01-01,,fill_rate,0.975,1.5,30,2,40,1.5,base_stock,0\n1E5,dc,,2026-12-31,,,,,,,,,1\n",
        )
        .with(
            "open_orders.csv",
            "order_id,item_id,quantity,to_location,supplier_id,from_location,ordered_on,due_on,status,received_qty\n\
             007,00123,12,dc,s1,,2026-03-01,2026-03-09,confirmed,6\n008,00123,6,\"north, old\",,dc,,,,0\n",
        )
        .with(
            "receipts.csv",
            "order_id,item_id,quantity,received_on,location_id,supplier_id,from_location,ordered_on,due_on,unit_cost\n\
             001,00123,12,2026-02-09,dc,s1,,2026-02-01,2026-02-08,1.1\n,1E5,3,2026-02-10,,,,,,\n",
        )
        .with("prices.csv", "item_id,location_id,from,to,price\n00123,,2026-01-01,,2.99\n00123,dc,2026-02-01,2026-02-28,2.49\n")
        .with(
            "promotions.csv",
            "promo_id,item_id,location_id,from,to,depth,display,expected_uplift\np1,00123,dc,2026-03-01,2026-03-07,0.2,1,1.75\n,,,2026-04-01,2026-04-07,,0,\n",
        )
        .with("events.csv", "date,name,location_id,kind,magnitude\n2026-12-25,Christmas,,holiday,1\n2026-07-01,Fair,dc,event,2.5\n")
        .with("signals.csv", "date,name,value,location_id,known_in_future\n2026-03-02,temperature,-3.25,dc,0\n2026-03-02,footfall,1e-7,,1\n")
        .with(
            "readings.csv",
            "date,item_id,location_id,metric,value,sensor_id,unit,mean\n2026-03-02,00123,dc,weight,12.5,s1,kg,\n2026-03-02,00123,dc,temperature,-3.25,,,-2.5\n",
        )
        .with("stockouts.csv", "item_id,location_id,from,to\n00123,dc,2026-02-01,2026-02-03\n")
        .with("bom.csv", "parent_id,component_id,qty_per,yield,scrap\n1E5,00123,0.25,0.9,0.05\n")
        .with("adjustments.csv", "date,item_id,location_id,quantity,reason\n2026-03-02,00123,dc,-1.25,waste\n2026-03-02,00123,dc,2,\n")
        .with("substitutions.csv", "from_item,to_item,rate\n00123,1E5,0.35\n")
        .with("budgets.csv", "scope,from,to,amount\nall,2026-03-01,2026-03-31,1000.55\nsupplier:s1,,,5\n")
        .with("capacities.csv", "scope,from,to,volume,weight,lines\nlocation:dc,2026-03-01,,33.5,1000,40\n")
        .with("uoms.csv", "item_id,uom,factor\n00123,case12,12\n")
        .with(
            "forecast_overrides.csv",
            "item_id,location_id,category,from,to,factor,quantity,reason,author\n\
             00123,dc,,2026-03-02,2026-03-08,1.35,,\"fair, with rides\",ann\n00123,dc,,2026-03-09,2026-03-10,,12.5,fair,\n\
             ,,food/dairy,2026-03-02,2026-03-02,0,,strike,ben\n",
        )
        .with(
            "forecasts.csv",
            "item_id,location_id,date,mean,q0.05,q0.5,q0.95\n00123,dc,2026-03-02,3.25,0,3,7.125\n00123,dc,2026-03-03,,,2,\n",
        )
}

/// A dataset without the places its rows came from.
fn without_rows(mut dataset: Dataset) -> String {
    dataset.files.clear();
    dataset.facts = Default::default();
    let text = format!("{dataset:#?}");
    let is_place = |line: &&str| !["file_idx:", "row:"].iter().any(|start| line.trim_start().starts_with(start));
    text.lines().filter(is_place).collect::<Vec<_>>().join("\n")
}

fn import_folder(folder: &Path) -> Dataset {
    let import = restock_store::import(&[folder.to_owned()], None, &ImportOptions::default(), &|_, _, _| {}).unwrap();
    let errors: Vec<String> = import.row_errors.iter().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    crate::assert_nothing_is_lost(&import);
    import.dataset
}

fn assert_same(one: &Dataset, other: Dataset, what: &str) {
    let (one, other) = (without_rows(one.clone()), without_rows(other));
    for (at, (line, written)) in one.lines().zip(other.lines()).enumerate() {
        assert_eq!(line, written, "{what}, line {at}");
    }
    assert_eq!(one.lines().count(), other.lines().count(), "{what}");
}

#[test]
fn every_table_is_written_and_read_back() {
    let original = import_folder(all_tables().path("").as_path());
    let d = &original;
    let counts = [
        d.sales.len(),
        d.items.len(),
        d.locations.len(),
        d.suppliers.len(),
        d.calendars.len(),
        d.inventory.len(),
        d.sources.len(),
        d.item_locations.len(),
        d.open_orders.len(),
        d.receipts.len(),
        d.prices.len(),
        d.promotions.len(),
        d.events.len(),
        d.signals.len(),
        d.stockouts.len(),
        d.bom.len(),
        d.adjustments.len(),
        d.substitutions.len(),
        d.budgets.len(),
        d.capacities.len(),
        d.uoms.len(),
        d.forecast_overrides.len(),
        d.forecasts.len(),
        d.readings.len(),
    ];
    assert_eq!(counts, [4, 3, 2, 2, 2, 2, 3, 2, 2, 2, 2, 2, 2, 2, 1, 1, 2, 1, 2, 1, 1, 3, 2, 2], "all tables are read");
    for format in [Format::Csv, Format::Parquet] {
        let folder = Folder::new();
        write::dataset(&original, &folder.path(""), format).unwrap();
        assert_same(&original, import_folder(&folder.path("")), &format!("{format:?}"));
    }
}

fn shop() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/shop/data")
}

#[test]
fn the_example_shop_is_written_and_read_back() {
    let original = import_folder(&shop());
    for format in [Format::Csv, Format::Parquet] {
        let folder = Folder::new();
        write::dataset(&original, &folder.path(""), format).unwrap();
        assert_same(&original, import_folder(&folder.path("")), &format!("{format:?}"));
    }
}

/// A spreadsheet turns whatever looks like a number or date into one; that must not change the tables.
#[test]
fn the_example_shop_survives_a_spreadsheet() {
    let original = import_folder(&shop());
    let folder = Folder::new();
    let day = CellFormat::new().set_num_format("yyyy-mm-dd");
    for entry in std::fs::read_dir(shop()).unwrap() {
        let path = entry.unwrap().path();
        let mut book = Workbook::new();
        let sheet = book.add_worksheet();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(&path).unwrap();
        for (row, record) in reader.records().enumerate() {
            for (column, cell) in record.unwrap().iter().enumerate() {
                let (row, column) = (row as u32, column as u16);
                let is_date = cell.len() == 10 && cell.as_bytes()[4] == b'-';
                if cell.is_empty() {
                } else if let (true, Ok(date)) = (is_date, ExcelDateTime::parse_from_str(cell)) {
                    sheet.write_datetime_with_format(row, column, &date, &day).unwrap();
                } else if let Ok(number) = cell.parse::<f64>() {
                    sheet.write(row, column, number).unwrap();
                } else {
                    sheet.write(row, column, cell).unwrap();
                }
            }
        }
        book.save(folder.path(&format!("{}.xlsx", path.file_stem().unwrap().to_string_lossy()))).unwrap();
    }
    assert_same(&original, import_folder(&folder.path("")), "by way of a spreadsheet");
}

#[test]
fn proposals_come_back_as_open_orders() {
    let quantity = |text: &str| text.parse().unwrap();
    let day = |text: &str| text.parse().unwrap();
    let explanation = Explanation {
        sentence: "order 12, because".to_owned(),
        sentence_zh: "订购".to_owned(),
        waterfall: vec![WaterfallLine {
            code: WaterfallCode::ExpectedDemand,
            value: quantity("12"),
            evidence: Vec::new(),
        }],
        unmet_waits: false,
        without_order: Consequence::default(),
        with_order: Consequence::default(),
        marginal: Vec::new(),
        marginal_note: String::new(),
        sensitivity: Vec::new(),
        alternatives: Vec::new(),
        drivers: Vec::new(),
        warnings: vec!["D09, \"no\" lead time".to_owned()],
        lineage: Lineage::default(),
    };
    let proposal = |id: &str, source: ProposalSource| Proposal {
        proposal_id: id.to_owned(),
        plan_id: "plan".to_owned(),
        as_of: day("2026-03-02"),
        proposal_type: ProposalType::Purchase,
        item_id: "00123".to_owned(),
        item_name: "milk, fresh".to_owned(),
        destination: "north".to_owned(),
        source,
        quantity: quantity("12.5"),
        uom: "kg".to_owned(),
        order_units: OrderUnits { quantity: quantity("5"), uom: "pack of 2.5".to_owned() },
        unit_cost: Some("1.5".parse().unwrap()),
        value: Some("18.75".parse().unwrap()),
        currency: "EUR".to_owned(),
        order_by: day("2026-03-03"),
        expected_receipt: day("2026-03-10"),
        next_opportunity: day("2026-03-05"),
        status: "proposed".to_owned(),
        automation: "review".to_owned(),
        health: 1.0,
        confidence: 0.9,
        priority: "3".parse().unwrap(),
        classes: ["A".to_owned(), "X".to_owned(), "smooth".to_owned()],
        explanation: explanation.clone(),
    };
    let proposals = [
        proposal("1E5", ProposalSource::SupplierId("s1".to_owned())),
        proposal("p2", ProposalSource::LocationId("dc".to_owned())),
    ];
    for extension in ["csv", "parquet"] {
        let folder = Folder::new();
        let path = folder.path(&format!("orders.{extension}"));
        if extension == "csv" {
            write::proposals_csv(&proposals, &path)
        } else {
            write::proposals_parquet(&proposals, &path)
        }
        .unwrap();
        let import = import_one(&format!("orders.{extension}"), std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(import.n_row_errors, 0, "{:?}", import.row_errors);
        let orders = &import.dataset.open_orders;
        let shown: Vec<String> = orders
            .iter()
            .map(|order| {
                format!(
                    "{} {} {:?} {:?} {:?} {}",
                    order.order_id, order.quantity, order.origin, order.ordered_on, order.due_on, order.status
                )
            })
            .collect();
        insta::allow_duplicates! {
            insta::assert_snapshot!(shown.join("\n"));
        }
        assert_eq!(import.dataset.items[0].item_id, "00123");
    }
}

/// What a spreadsheet would run as a formula is written as text, and read back as it was.
#[test]
fn formulas_are_written_as_text_and_read_back() {
    let folder = Folder::new()
        .with("sales.csv", "date,item_id,location_id,quantity\n2026-03-02,@home,+north,-2\n2026-03-02,-5,'-A,3\n")
        .with("items.csv", "item_id,name\n@home,=HYPERLINK(\"http://x\")\n-5,-SKU\n");
    let first = folder.import().unwrap();
    let out = Folder::new();
    write::dataset(&first.dataset, &out.path(""), Format::Csv).unwrap();
    let items = std::fs::read_to_string(out.path("items.csv")).unwrap();
    assert!(items.contains("'@home,\"'=HYPERLINK(\"\"http://x\"\")\"") && items.contains("\n-5,'-SKU"), "{items}");
    let sold = std::fs::read_to_string(out.path("sales.csv")).unwrap();
    assert!(sold.contains(",-2") && !sold.contains("'-2") && sold.contains("'+north"), "{sold}");
    let again = out.import().unwrap();
    assert_eq!(again.dataset.items, first.dataset.items);
    assert_eq!(sales_of(&again.dataset), sales_of(&first.dataset));
    let ids: Vec<&str> = again.dataset.items.iter().map(|item| item.item_id.as_str()).collect();
    assert_eq!(ids, ["-5", "@home"]);
}

fn sales_of(dataset: &Dataset) -> Vec<(String, String, String)> {
    let sales = &dataset.sales;
    (0..sales.len())
        .map(|row| {
            (
                dataset.items[sales.item[row].0 as usize].item_id.clone(),
                dataset.locations[sales.location[row].0 as usize].location_id.clone(),
                sales.quantity[row].to_string(),
            )
        })
        .collect()
}
