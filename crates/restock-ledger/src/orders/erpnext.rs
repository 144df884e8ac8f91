//! Orders as ERPNext 15 imports them with *Data Import*, insert new records: purchases from a supplier as *Purchase Order*,
//! everything else as *Material Request*.
//!
//! The columns are names of fields, which the importer takes whatever the language: those of a child table are
//! `TABLE.FIELD`, here of the table `items`. The first row of a document has its head, rows after it have lines only.
//! <https://docs.frappe.io/framework-git/data-import/data-import> and the templates that *Data Import* writes show
//! the rows; the fields are those of the document types Purchase Order, Purchase Order Item, Material Request and Material
//! Request Item.
//!
//! # What ids mean there
//! An item is an item code, a supplier the name of a supplier, a location a warehouse (with the company's abbreviation, as
//! ERPNext names them), a unit a UOM. What ERPNext does not find it refuses. Quantities are in base units with a conversion
//! factor of 1, so that no unit of purchase multiplies them. Company and date of the document are the defaults of the user
//! who imports. ERPNext numbers documents itself, so importing a file twice makes two: a purchase order carries our order
//! in `order_confirmation_no`, a material request in `title`.

use restock_core::Day;
use restock_core::proposal::{ProposalSource, ProposalType};

use super::odoo::with_head;
use super::{Order, OrderFileError, check_ids, money, row};

const SYSTEM: &str = "ERPNext";

pub(super) fn write(order: &Order<'_>) -> Result<String, OrderFileError> {
    check_ids(order, SYSTEM)?;
    Ok(match order.source {
        ProposalSource::SupplierId(supplier) => purchase(order, supplier),
        source => request(order, source),
    })
}

fn needed_on(order: &Order<'_>) -> Day {
    order.lines.iter().map(|line| line.need.expected_receipt).min().expect("an order has a line")
}

fn purchase(order: &Order<'_>, supplier: &str) -> String {
    let mut text = row(&[
        "supplier",
        "order_confirmation_no",
        "currency",
        "schedule_date",
        "items.item_code",
        "items.qty",
        "items.uom",
        "items.conversion_factor",
        "items.rate",
        "items.schedule_date",
        "items.warehouse",
    ]);
    let head =
        [supplier.to_owned(), order.order_id.to_owned(), order.currency().to_owned(), needed_on(order).to_string()];
    for (idx, line) in order.lines.iter().enumerate() {
        let own = [
            line.need.item_id.clone(),
            line.quantity.to_string(),
            line.need.uom.clone(),
            "1".to_owned(),
            money(line.need.unit_cost),
            line.need.expected_receipt.to_string(),
            order.destination.to_owned(),
        ];
        text.push_str(&row(&with_head(&head, idx, own)));
    }
    text
}

fn request(order: &Order<'_>, source: &ProposalSource) -> String {
    let mut text = row(&[
        "material_request_type",
        "title",
        "schedule_date",
        "items.item_code",
        "items.qty",
        "items.uom",
        "items.conversion_factor",
        "items.schedule_date",
        "items.from_warehouse",
        "items.warehouse",
    ]);
    let (kind, from) = match (source, order.order_type) {
        (_, ProposalType::Production) => ("Manufacture", ""),
        (ProposalSource::LocationId(from), _) => ("Material Transfer", from.as_str()),
        _ => ("Purchase", ""),
    };
    let head = [kind.to_owned(), order.order_id.to_owned(), needed_on(order).to_string()];
    for (idx, line) in order.lines.iter().enumerate() {
        let own = [
            line.need.item_id.clone(),
            line.quantity.to_string(),
            line.need.uom.clone(),
            "1".to_owned(),
            line.need.expected_receipt.to_string(),
            from.to_owned(),
            order.destination.to_owned(),
        ];
        text.push_str(&row(&with_head(&head, idx, own)));
    }
    text
}
