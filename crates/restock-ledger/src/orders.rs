//! Orders: what was approved on the desk, one per source and destination, and the files that other systems import.
//!
//! | Format | For | Read by |
//! |---|---|---|
//! | [`OrderFormat::Csv`] | people, spreadsheets, our own import | a header, a row per line |
//! | [`OrderFormat::Json`] | programs | one object |
//! | [`OrderFormat::Odoo`] | Odoo 17 and 18 | [`odoo`] |
//! | [`OrderFormat::Erpnext`] | ERPNext 15 | [`erpnext`] |
//!
//! # Cells that spreadsheets would run
//! In [`OrderFormat::Csv`] a text that begins as a formula does has an apostrophe before it, and our import takes it off
//! again ([`restock_core::formula`]). Odoo and ERPNext take cells as they are and would look for an id with an apostrophe,
//! so an order with such an id is refused in their formats ([`OrderFileError::Formula`]).

mod erpnext;
mod odoo;

use std::collections::BTreeMap;
use std::fmt::Write;

use restock_core::Money;
use restock_core::formula::guard_formula;
use restock_core::proposal::{ProposalSource, ProposalType};
use serde::Serialize;

use crate::desk::{Desk, DeskChange, DeskDecision, DeskEntry, DeskError, Filed, ProposalState, RequestKey};

/// An order of the desk with its lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Order<'a> {
    /// Its id.
    pub order_id: &'a str,
    /// Where it is ordered.
    pub source: &'a ProposalSource,
    /// Where the goods go.
    pub destination: &'a str,
    /// Purchase, transfer or production.
    pub order_type: ProposalType,
    /// Its lines by proposal, at least one.
    pub lines: Vec<&'a Filed>,
}

impl Order<'_> {
    /// Where it stands: the state of the line that is the least far.
    pub fn state(&self) -> ProposalState {
        self.lines.iter().map(|line| line.state).min().expect("an order has a line")
    }

    /// The value of its lines, if all costs are known.
    pub fn value(&self) -> Option<Money> {
        self.lines.iter().map(|line| line.value()).sum()
    }

    /// The ISO 4217 code of its money.
    pub fn currency(&self) -> &str {
        &self.lines[0].need.currency
    }
}

impl Desk {
    /// All orders by id, those that are over too.
    pub fn orders(&self) -> impl DoubleEndedIterator<Item = Order<'_>> {
        self.ordered().map(|(order_id, lines)| order_of(order_id, lines))
    }

    /// An order.
    pub fn order_named(&self, order_id: &str) -> Option<Order<'_>> {
        self.ordered_as(order_id).map(|(order_id, lines)| order_of(order_id, lines))
    }

    /// The entries that order everything that is approved and that `covers` lets see: one order per source and destination.
    ///
    /// The numbers of orders go on with those of the desk's entries, so that each is used once. `request` is what the
    /// request calls itself: see [`Desk::exported_under`].
    ///
    /// # Errors
    /// [`DeskError::NoName`].
    pub fn export(
        &self,
        by: &str,
        request: Option<&RequestKey>,
        covers: &dyn Fn(&Filed) -> bool,
    ) -> Result<Vec<DeskEntry>, DeskError> {
        let mut numbers: BTreeMap<(&ProposalSource, &str, ProposalType), u64> = BTreeMap::new();
        let mut entries = Vec::new();
        for filed in self.all().filter(|filed| filed.state == ProposalState::Approved && covers(filed)) {
            let need = &filed.need;
            let next = self.last_number() + 1 + numbers.len() as u64;
            let number = *numbers.entry((&need.source, &need.destination, need.proposal_type)).or_insert(next);
            let words = [need.source.to_string(), need.destination.clone()].map(|word| file_word(&word));
            let order_id = format!("{number:06}-{}-{}", words[0], words[1]);
            let mut entry = self.decide(&filed.proposal_id, by, &DeskDecision::Export { order_id })?;
            if let DeskChange::Exported { key, body_hash, .. } = &mut entry.change {
                *key = request.map(|request| request.key.clone());
                *body_hash = request.map(|request| request.body_hash.clone());
            }
            entries.push(entry);
        }
        Ok(entries)
    }
}

fn order_of<'a>(order_id: &'a str, lines: Vec<&'a Filed>) -> Order<'a> {
    let need = &lines[0].need;
    Order { order_id, source: &need.source, destination: &need.destination, order_type: need.proposal_type, lines }
}

/// A text as part of a file name on any system.
pub fn file_word(text: &str) -> String {
    text.chars().map(|c| if c.is_alphanumeric() || c == '-' || c == '.' { c } else { '_' }).collect()
}

/// A file format of orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OrderFormat {
    /// A row per line.
    #[default]
    Csv,
    /// An object with its lines.
    Json,
    /// A purchase order or a transfer as Odoo imports it.
    Odoo,
    /// A purchase order or a material request as ERPNext imports it.
    Erpnext,
}

impl OrderFormat {
    /// All formats.
    pub const ALL: [Self; 4] = [Self::Csv, Self::Json, Self::Odoo, Self::Erpnext];

    /// The name in settings and requests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Odoo => "odoo",
            Self::Erpnext => "erpnext",
        }
    }

    /// The ending of its files.
    pub fn extension(self) -> &'static str {
        if self == Self::Json { "json" } else { "csv" }
    }

    /// An order as the text of a file.
    ///
    /// # Errors
    /// [`OrderFileError`] when the other system could not take the order; CSV and JSON take every order.
    pub fn write(self, order: &Order<'_>) -> Result<String, OrderFileError> {
        match self {
            Self::Csv => Ok(csv(order)),
            Self::Json => Ok(json(order)),
            Self::Odoo => odoo::write(order),
            Self::Erpnext => erpnext::write(order),
        }
    }
}

/// Why an order cannot be a file of a format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderFileError {
    /// The other system has no document for it.
    #[error("order {order_id} is {found}, {system} takes {expected}\n\nhint: write it as csv or json")]
    NoDocument {
        /// The order.
        order_id: String,
        /// What it is.
        found: &'static str,
        /// The system.
        system: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// A spreadsheet would run a cell, and the other system takes no guard before it.
    #[error(
        "order {order_id} has the id {id:?}, which a spreadsheet would run as a formula, and {system} takes no mark before \
         it\n\nhint: write it as csv or json, or give it another id"
    )]
    Formula {
        /// The order.
        order_id: String,
        /// The id.
        id: String,
        /// The system.
        system: &'static str,
    },
}

const COLUMNS: [&str; 13] = [
    "order_id",
    "supplier",
    "from_location",
    "destination",
    "item_id",
    "quantity",
    "unit",
    "unit_cost",
    "value",
    "currency",
    "order_by",
    "expected_receipt",
    "proposal_id",
];

fn csv(order: &Order<'_>) -> String {
    let mut text = row(&COLUMNS);
    let (supplier, from) = supplier_and_location(order.source);
    for filed in &order.lines {
        let need = &filed.need;
        let cells = [
            order.order_id,
            supplier,
            from,
            order.destination,
            &need.item_id,
            &filed.quantity.to_string(),
            &need.uom,
            &money(need.unit_cost),
            &money(filed.value()),
            &need.currency,
            &need.order_by.to_string(),
            &need.expected_receipt.to_string(),
            &filed.proposal_id,
        ];
        text.push_str(&row(&cells.map(|cell| guard_formula(cell))));
    }
    text
}

fn supplier_and_location(source: &ProposalSource) -> (&str, &str) {
    match source {
        ProposalSource::SupplierId(id) => (id, ""),
        ProposalSource::LocationId(id) => ("", id),
        ProposalSource::Unknown => ("", ""),
    }
}

fn money(value: Option<Money>) -> String {
    value.map_or(String::new(), |value| value.to_string())
}

/// Cells as a row, quoted where they must be.
fn row<T: AsRef<str>>(cells: &[T]) -> String {
    let mut text = String::new();
    for (idx, cell) in cells.iter().enumerate() {
        let (cell, comma) = (cell.as_ref(), if idx == 0 { "" } else { "," });
        let written = if cell.contains([',', '"', '\n', '\r']) {
            write!(text, "{comma}\"{}\"", cell.replace('"', "\"\""))
        } else {
            write!(text, "{comma}{cell}")
        };
        written.expect("writing to a string");
    }
    text.push('\n');
    text
}

/// Refuses an order whose ids a spreadsheet would run.
fn check_ids(order: &Order<'_>, system: &'static str) -> Result<(), OrderFileError> {
    let (supplier, from) = supplier_and_location(order.source);
    let of_lines = order.lines.iter().flat_map(|line| [line.need.item_id.as_str(), line.need.uom.as_str()]);
    for id in [order.order_id, supplier, from, order.destination].into_iter().chain(of_lines) {
        if guard_formula(id) != id {
            return Err(OrderFileError::Formula { order_id: order.order_id.to_owned(), id: id.to_owned(), system });
        }
    }
    Ok(())
}

#[derive(Serialize)]
struct OrderJson<'a> {
    order_id: &'a str,
    r#type: ProposalType,
    source: &'a ProposalSource,
    destination: &'a str,
    state: ProposalState,
    value: Option<Money>,
    currency: &'a str,
    lines: Vec<LineJson<'a>>,
}

#[derive(Serialize)]
struct LineJson<'a> {
    proposal_id: &'a str,
    item_id: &'a str,
    quantity: String,
    uom: &'a str,
    unit_cost: Option<Money>,
    value: Option<Money>,
    order_by: String,
    expected_receipt: String,
    state: ProposalState,
    received: String,
}

fn json(order: &Order<'_>) -> String {
    let lines = order.lines.iter().map(|filed| LineJson {
        proposal_id: &filed.proposal_id,
        item_id: &filed.need.item_id,
        quantity: filed.quantity.to_string(),
        uom: &filed.need.uom,
        unit_cost: filed.need.unit_cost,
        value: filed.value(),
        order_by: filed.need.order_by.to_string(),
        expected_receipt: filed.need.expected_receipt.to_string(),
        state: filed.state,
        received: filed.received.to_string(),
    });
    let whole = OrderJson {
        order_id: order.order_id,
        r#type: order.order_type,
        source: order.source,
        destination: order.destination,
        state: order.state(),
        value: order.value(),
        currency: order.currency(),
        lines: lines.collect(),
    };
    serde_json::to_string_pretty(&whole).expect("an order is JSON") + "\n"
}
