//! Orders of the desk, and their files.

use std::collections::BTreeSet;

use restock_core::Quantity;
use restock_core::formula::unguarded;
use restock_core::proposal::{ProposalSource, ProposalType};
use restock_ledger::{
    Choice, Desk, DeskChange, DeskDecision, DeskError, Filed, Need, OrderFormat, OrderStanding, RequestKey, Revision,
    Scope,
};

fn need(item: &str, destination: &str, source: ProposalSource, quantity: i64) -> (String, Need) {
    let is_bought = matches!(source, ProposalSource::SupplierId(_));
    let need = Need {
        plan_id: "pl_1".to_owned(),
        item_id: item.to_owned(),
        destination: destination.to_owned(),
        source,
        proposal_type: if is_bought { ProposalType::Purchase } else { ProposalType::Transfer },
        quantity: Quantity::from_whole(quantity),
        uom: "Units".to_owned(),
        order_multiple: Quantity::ZERO,
        order_uom: "Units".to_owned(),
        unit_cost: is_bought.then(|| "1.25".parse().unwrap()),
        currency: "EUR".to_owned(),
        order_by: "2026-03-02".parse().unwrap(),
        expected_receipt: "2026-03-04".parse().unwrap(),
        priority: "9".parse().unwrap(),
    };
    (format!("p_{item}_{destination}"), need)
}

fn bought(item: &str, destination: &str, supplier: &str, quantity: i64) -> (String, Need) {
    need(item, destination, ProposalSource::SupplierId(supplier.to_owned()), quantity)
}

fn moved(item: &str, destination: &str, from: &str, quantity: i64) -> (String, Need) {
    need(item, destination, ProposalSource::LocationId(from.to_owned()), quantity)
}

fn request(key: &str) -> RequestKey {
    RequestKey { key: key.to_owned(), body_hash: format!("hash of {key}") }
}

fn everything(_: &Filed) -> bool {
    true
}

fn apply(desk: &mut Desk, entries: Vec<restock_ledger::DeskEntry>) {
    entries.iter().for_each(|entry| desk.apply(entry));
}

/// A desk on which all of these are approved.
fn approved(wanted: &[(String, Need)]) -> Desk {
    let mut desk = Desk::new();
    let entries = desk.revise(wanted, "2026-03-02".parse().unwrap(), &|_| OrderStanding::default());
    apply(&mut desk, entries);
    let approve = |_: &Filed| DeskDecision::Approve { n_needed: 1 };
    let entries = desk.decide_all(&Choice::Open(None), "ada", &everything, &approve).unwrap();
    apply(&mut desk, entries);
    desk
}

/// The files of all orders.
fn files(wanted: &[(String, Need)], format: OrderFormat) -> Vec<String> {
    let mut desk = approved(wanted);
    let entries = desk.export("ada", None, &everything).unwrap();
    apply(&mut desk, entries);
    desk.orders().map(|order| format.write(&order).unwrap_or_else(|error| error.to_string())).collect()
}

fn example() -> Vec<(String, Need)> {
    vec![
        bought("milk", "berlin", "dairy", 12),
        bought("oat, \"bio\"", "berlin", "dairy", 6),
        moved("tea", "berlin", "hub", 3),
    ]
}

#[test]
fn an_order_has_the_lines_of_one_source_and_destination_and_a_number_of_its_own() {
    // A supplier and a location of the same name are two sources.
    let wanted =
        [bought("milk", "berlin", "hub", 12), moved("tea", "berlin", "hub", 3), bought("rye", "paris", "hub", 1)];
    let mut desk = approved(&wanted);
    let of_paris = |filed: &Filed| filed.need.destination == "paris";
    let entries = desk.export("ada", Some(&request("key-1")), &of_paris).unwrap();
    assert_eq!(entries.len(), 1, "what is not seen is not ordered");
    apply(&mut desk, entries);
    let entries = desk.export("ada", Some(&request("key-2")), &everything).unwrap();
    apply(&mut desk, entries);
    let orders: Vec<_> = desk.orders().map(|order| (order.order_id.to_owned(), order.lines.len())).collect();
    let expected = [("000007-hub-paris", 1), ("000008-hub-berlin", 1), ("000009-hub-berlin", 1)];
    assert_eq!(orders, expected.map(|(order_id, n_lines)| (order_id.to_owned(), n_lines)));
    assert_eq!(desk.exported_under("key-1").unwrap().iter().collect::<Vec<_>>(), ["000007-hub-paris"]);
    assert_eq!(desk.exported_under("key-2").unwrap().len(), 2);
    assert_eq!(desk.exported_under("key-3"), None);
    assert_eq!((desk.body_hash_of("key-1"), desk.body_hash_of("key-3")), (Some("hash of key-1"), None));
    assert!(desk.export("ada", None, &everything).unwrap().is_empty(), "nothing is ordered twice");
}

#[test]
fn csv_and_json() {
    insta::assert_snapshot!(files(&example(), OrderFormat::Csv).join("\n"), @r##"
        order_id,supplier,from_location,destination,item_id,quantity,unit,unit_cost,value,currency,order_by,expected_receipt,proposal_id
        000007-dairy-berlin,dairy,,berlin,milk,12,Units,1.25,15.00,EUR,2026-03-02,2026-03-04,p_milk_berlin
        000007-dairy-berlin,dairy,,berlin,"oat, ""bio""",6,Units,1.25,7.50,EUR,2026-03-02,2026-03-04,"p_oat, ""bio""_berlin"

        order_id,supplier,from_location,destination,item_id,quantity,unit,unit_cost,value,currency,order_by,expected_receipt,proposal_id
        000008-hub-berlin,,hub,berlin,tea,3,Units,,,EUR,2026-03-02,2026-03-04,p_tea_berlin
        "##);
    insta::assert_snapshot!(files(&example()[..1], OrderFormat::Json)[0], @r##"
        {
          "order_id": "000003-dairy-berlin",
          "type": "purchase",
          "source": {
            "supplier_id": "dairy"
          },
          "destination": "berlin",
          "state": "exported",
          "value": "15.00",
          "currency": "EUR",
          "lines": [
            {
              "proposal_id": "p_milk_berlin",
              "item_id": "milk",
              "quantity": "12",
              "uom": "Units",
              "unit_cost": "1.25",
              "value": "15.00",
              "order_by": "2026-03-02",
              "expected_receipt": "2026-03-04",
              "state": "exported",
              "received": "0"
            }
          ]
        }
        "##);
}

#[test]
fn odoo() {
    insta::assert_snapshot!(files(&example(), OrderFormat::Odoo).join("\n"), @r##"
        id,partner_id,origin,date_order,currency_id,picking_type_id,order_line/id,order_line/product_id,order_line/product_qty,order_line/product_uom,order_line/price_unit,order_line/date_planned
        restock_order_000007-dairy-berlin,dairy,000007-dairy-berlin,2026-03-02 12:00:00,EUR,berlin: Receipts,restock_line_p_milk_berlin,milk,12,Units,1.25,2026-03-04 12:00:00
        ,,,,,,restock_line_p_oat___bio__berlin_a0e97790,"oat, ""bio""",6,Units,1.25,2026-03-04 12:00:00

        id,picking_type_id,location_id,location_dest_id,origin,scheduled_date,move_ids_without_package/id,move_ids_without_package/name,move_ids_without_package/product_id,move_ids_without_package/product_uom_qty,move_ids_without_package/product_uom
        restock_order_000008-hub-berlin,hub: Internal Transfers,hub/Stock,berlin/Stock,000008-hub-berlin,2026-03-02 12:00:00,restock_line_p_tea_berlin,tea,tea,3,Units
        "##);
    insta::assert_snapshot!(files(&[need("tea", "berlin", ProposalSource::Unknown, 1)], OrderFormat::Odoo)[0], @r##"
        order 000003---berlin is without a source, Odoo takes orders from a supplier or a location

        hint: write it as csv or json
        "##);
}

#[test]
fn erpnext() {
    insta::assert_snapshot!(files(&example(), OrderFormat::Erpnext).join("\n"), @r##"
        supplier,order_confirmation_no,currency,schedule_date,items.item_code,items.qty,items.uom,items.conversion_factor,items.rate,items.schedule_date,items.warehouse
        dairy,000007-dairy-berlin,EUR,2026-03-04,milk,12,Units,1,1.25,2026-03-04,berlin
        ,,,,"oat, ""bio""",6,Units,1,1.25,2026-03-04,berlin

        material_request_type,title,schedule_date,items.item_code,items.qty,items.uom,items.conversion_factor,items.schedule_date,items.from_warehouse,items.warehouse
        Material Transfer,000008-hub-berlin,2026-03-04,tea,3,Units,1,2026-03-04,hub,berlin
        "##);
}

/// Ids that a spreadsheet would run come back from the file as they are, or do not go into it.
#[test]
fn ids_that_look_like_formulas() {
    let ids = ["=1+1", "+A1", "-A1", "@SUM(A1)", "'=x", "a,\"b\"\nc", "茶"];
    for id in ids {
        let wanted = [bought(id, "berlin", "dairy", 12)];
        let text = &files(&wanted, OrderFormat::Csv)[0];
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let column = reader.headers().unwrap().iter().position(|name| name == "item_id").unwrap();
        let rows: Vec<_> = reader.byte_records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 1);
        assert_eq!(unguarded(&rows[0][column]), id.as_bytes());
        assert!(!b"=+-@".contains(&rows[0][column][0]), "{id}");
        for format in [OrderFormat::Odoo, OrderFormat::Erpnext] {
            let text = &files(&wanted, format)[0];
            let is_refused = text.contains("would run as a formula");
            assert_eq!(is_refused, id.starts_with(['=', '+', '-', '@', '\'']), "{id}: {text}");
            if !is_refused {
                let mut reader = csv::Reader::from_reader(text.as_bytes());
                assert!(reader.records().map(Result::unwrap).any(|row| row.iter().any(|cell| cell == id)), "{text}");
            }
        }
    }
}

/// All files have as many cells in every row as in the first, one row per line, and the head of an order once.
#[test]
fn files_read_back() {
    for format in [OrderFormat::Csv, OrderFormat::Odoo, OrderFormat::Erpnext] {
        for (text, n_lines) in files(&example(), format).iter().zip([2, 1]) {
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
            assert_eq!(rows.len(), n_lines, "{text}");
            let is_head = |row: &csv::StringRecord| !row[0].is_empty();
            let n_heads = if format == OrderFormat::Csv { n_lines } else { 1 };
            assert_eq!(rows.iter().filter(|row| is_head(row)).count(), n_heads);
        }
    }
}

fn revision(wanted: Vec<(String, Need)>, scope: Scope) -> Revision {
    Revision { plan_id: "pl_2".to_owned(), as_of: "2026-03-02".parse().unwrap(), wanted, scope }
}

/// A plan of some places leaves the others alone, what it wants there too; and a place where something was ordered that the
/// plan has not seen waits for the next plan.
#[test]
fn a_plan_of_some_places_changes_those_only() {
    let mut desk = Desk::new();
    let both = vec![bought("milk", "berlin", "dairy", 12), bought("milk", "paris", "dairy", 12)];
    let none = Default::default();
    let standing = |_: &_| OrderStanding::default();
    let entries = desk.revise_by(&revision(both.clone(), Scope::Everything), &none, &standing);
    apply(&mut desk, entries);
    let berlin = Scope::Places([both[0].1.place()].into());
    assert_eq!(desk.revise_by(&revision(both.clone(), berlin.clone()), &none, &standing), []);
    let elsewhere = vec![bought("rye", "paris", "dairy", 1)];
    let entries = desk.revise_by(&revision(elsewhere, berlin.clone()), &none, &standing);
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert_eq!(entries[0].proposal_id, "p_milk_berlin");
    assert_eq!(entries[0].change, DeskChange::Superseded { plan_id: "pl_2".to_owned() });
    let held = [both[0].1.place()].into();
    assert_eq!(desk.revise_by(&revision(Vec::new(), berlin), &held, &standing), []);
}

/// A version is the number of the last entry, and an index of what may still change follows every state.
#[test]
fn versions_and_places() {
    let mut desk = approved(&example());
    assert_eq!(desk.get("p_milk_berlin").unwrap().version, 4);
    assert_eq!(desk.live_places().count(), 3);
    let entries = desk.export("ada", None, &everything).unwrap();
    apply(&mut desk, entries);
    let over = |_: &_| OrderStanding { is_confirmed: true, received: Quantity::from_whole(12), is_over: true };
    let places = desk.live_places().cloned().collect();
    let entries = desk.follow(&places, &over);
    assert_eq!(entries.len(), 3);
    apply(&mut desk, entries);
    assert_eq!((desk.live_places().count(), desk.orders().count()), (0, 2));
}

#[test]
fn of_named_proposals_all_are_decided_or_none() {
    let desk = approved(&example());
    let reject = |_: &Filed| DeskDecision::Reject { reason: "shelf is full".to_owned() };
    let ids = |names: &[&str]| Choice::Ids(names.iter().map(|name| (*name).to_owned()).collect());
    let twice = ids(&["p_milk_berlin", "p_milk_berlin"]);
    assert_eq!(desk.decide_all(&twice, "ada", &everything, &reject).unwrap().len(), 1);
    let missing = desk.decide_all(&ids(&["p_milk_berlin", "p_rye"]), "ada", &everything, &reject);
    assert!(matches!(missing, Err(DeskError::NoSuchProposal { .. })));
    let nothing = |_: &Filed| false;
    let hidden = desk.decide_all(&ids(&["p_milk_berlin"]), "ada", &nothing, &reject);
    assert!(matches!(hidden, Err(DeskError::NoSuchProposal { .. })), "what is hidden is not there");
    assert_eq!(desk.decide_all(&Choice::Open(None), "ada", &nothing, &reject), Ok(Vec::new()));
}

/// A rule approves what a plan leaves proposed, and leaves to persons what a person touched.
#[test]
fn a_rule_approves_what_no_person_touched() {
    let mut desk = Desk::new();
    let wanted: Vec<_> = ["milk", "tea", "rye"].map(|item| bought(item, "berlin", "dairy", 12)).into();
    let standing = |_: &_| OrderStanding::default();
    let entries = desk.revise(&wanted, "2026-03-02".parse().unwrap(), &standing);
    apply(&mut desk, entries);
    let edit = DeskDecision::Edit { quantity: Quantity::from_whole(6), reason: "festival".to_owned() };
    let entries = vec![
        desk.decide("p_tea_berlin", "ada", &edit).unwrap(),
        // The first of two.
        desk.decide("p_rye_berlin", "ada", &DeskDecision::Approve { n_needed: 2 }).unwrap(),
    ];
    apply(&mut desk, entries);
    let none = Default::default();
    let mut more = wanted.clone();
    more.push(bought("oil", "berlin", "dairy", 1));
    let revision = revision(more, Scope::Everything);
    let entries = desk.revise_by(&revision, &none, &standing);
    let approvals = desk.approve_by_rule(&entries, &revision.scope, &none, &|_| true);
    let approved: BTreeSet<_> = approvals.iter().map(|entry| entry.proposal_id.as_str()).collect();
    assert_eq!(approved, ["p_milk_berlin", "p_oil_berlin"].into());
    let of_places = Scope::Places(Default::default());
    let approvals = desk.approve_by_rule(&entries, &of_places, &none, &|_| true);
    assert_eq!(approvals.len(), 1, "what a plan of some places did not touch is left");
    // The approval of a proposal that is filed with it is in the audit trail.
    let all = entries.into_iter().chain(approvals).collect();
    let filing = restock_ledger::Filing::new(&desk, all, crate::now());
    let said: Vec<_> = filing.audit.iter().map(|entry| (entry.actor.as_str(), entry.after.as_str())).collect();
    assert_eq!(said, [("restock-rule", "approved 1 Units")]);
}
