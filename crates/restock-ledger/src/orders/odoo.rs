//! Orders as Odoo 17 and 18 import them: *Purchase > Requests for Quotation > Import* for purchases, *Inventory > Transfers >
//! Import* for transfers.
//!
//! The columns are names of fields, which Odoo takes whatever its language. A record is known by its external id in the
//! column `id`, so the same file imported again changes the order and makes no second one. Lines are the sub-fields of
//! `order_line` and `move_ids_without_package`: the first row of an order has its head, rows after it have lines only.
//! <https://www.odoo.com/documentation/18.0/applications/essentials/export_import_data.html> documents external ids,
//! relations and lines; the fields are those of the models `purchase.order` and `stock.picking`.
//!
//! # What ids mean there
//! An item is an internal reference (or a barcode), a supplier a name or reference, a unit the name of a unit of measure.
//! A location is a warehouse of that name, with operation types of their English names; a transfer needs the same text as
//! the warehouse's short name, because its stock is `SHORT/Stock`. What Odoo does not find it refuses; it takes nothing
//! for something else. Quantities are in base units, and the unit says so. Days are written as their noon, because Odoo
//! reads times as UTC.

use restock_core::proposal::ProposalSource;

use super::{Order, OrderFileError, check_ids, money, row};

const SYSTEM: &str = "Odoo";

pub(super) fn write(order: &Order<'_>) -> Result<String, OrderFileError> {
    check_ids(order, SYSTEM)?;
    match order.source {
        ProposalSource::SupplierId(supplier) => Ok(purchase(order, supplier)),
        ProposalSource::LocationId(from) => Ok(transfer(order, from)),
        ProposalSource::Unknown => Err(OrderFileError::NoDocument {
            order_id: order.order_id.to_owned(),
            found: "without a source",
            system: SYSTEM,
            expected: "orders from a supplier or a location",
        }),
    }
}

/// An external id: it has no full stop, which would end the name of a module.
fn external_id(kind: &str, id: &str) -> String {
    let word = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    // Texts in other scripts would be all the same underscores; a hash keeps them apart.
    let plain: String = id.chars().map(word).collect();
    let is_same = plain == id;
    let hash = if is_same { String::new() } else { format!("_{}", &blake3::hash(id.as_bytes()).to_hex()[..8]) };
    format!("restock_{kind}_{plain}{hash}")
}

fn purchase(order: &Order<'_>, supplier: &str) -> String {
    let mut text = row(&[
        "id",
        "partner_id",
        "origin",
        "date_order",
        "currency_id",
        "picking_type_id",
        "order_line/id",
        "order_line/product_id",
        "order_line/product_qty",
        "order_line/product_uom",
        "order_line/price_unit",
        "order_line/date_planned",
    ]);
    let order_by = order.lines.iter().map(|line| line.need.order_by).min().expect("an order has a line");
    let head = [
        external_id("order", order.order_id),
        supplier.to_owned(),
        order.order_id.to_owned(),
        format!("{order_by} 12:00:00"),
        order.currency().to_owned(),
        format!("{}: Receipts", order.destination),
    ];
    for (idx, line) in order.lines.iter().enumerate() {
        let own = [
            external_id("line", &line.proposal_id),
            line.need.item_id.clone(),
            line.quantity.to_string(),
            line.need.uom.clone(),
            money(line.need.unit_cost),
            format!("{} 12:00:00", line.need.expected_receipt),
        ];
        text.push_str(&row(&with_head(&head, idx, own)));
    }
    text
}

fn transfer(order: &Order<'_>, from: &str) -> String {
    let mut text = row(&[
        "id",
        "picking_type_id",
        "location_id",
        "location_dest_id",
        "origin",
        "scheduled_date",
        "move_ids_without_package/id",
        "move_ids_without_package/name",
        "move_ids_without_package/product_id",
        "move_ids_without_package/product_uom_qty",
        "move_ids_without_package/product_uom",
    ]);
    let order_by = order.lines.iter().map(|line| line.need.order_by).min().expect("an order has a line");
    let head = [
        external_id("order", order.order_id),
        format!("{from}: Internal Transfers"),
        format!("{from}/Stock"),
        format!("{}/Stock", order.destination),
        order.order_id.to_owned(),
        format!("{order_by} 12:00:00"),
    ];
    for (idx, line) in order.lines.iter().enumerate() {
        let own = [
            external_id("line", &line.proposal_id),
            line.need.item_id.clone(),
            line.need.item_id.clone(),
            line.quantity.to_string(),
            line.need.uom.clone(),
        ];
        text.push_str(&row(&with_head(&head, idx, own)));
    }
    text
}

/// The head of an order stands in its first row only.
pub(super) fn with_head(head: &[String], idx: usize, own: impl IntoIterator<Item = String>) -> Vec<String> {
    let head = head.iter().map(|cell| if idx == 0 { cell.clone() } else { String::new() });
    head.chain(own).collect()
}
