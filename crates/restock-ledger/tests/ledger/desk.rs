//! Proposals between a plan and the goods on the shelf.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use restock_core::event::OrderLine;
use restock_core::proposal::{ProposalSource, ProposalType};
use restock_core::{Day, EventKind, Quantity};
use restock_ledger::{
    DESK_SOURCE, Desk, DeskChange, DeskDecision, DeskEntry, DeskError, Filing, Ledger, LedgerError, Need,
    OrderStanding, ProposalState,
};

use crate::faulty::Faulty;
use crate::now;
use crate::stores::{Store, over_every_store};

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn units(whole: i64) -> Quantity {
    Quantity::from_whole(whole)
}

/// A plan of a day wants so much of each item, in packs of six.
fn plan(as_of: &str, wanted: &[(&str, i64)]) -> Vec<(String, Need)> {
    let as_of = day(as_of);
    let of = |(item, quantity): &(&str, i64)| {
        let need = Need {
            plan_id: format!("pl_{as_of}"),
            item_id: (*item).to_owned(),
            destination: "berlin".to_owned(),
            source: ProposalSource::SupplierId("dairy".to_owned()),
            proposal_type: ProposalType::Purchase,
            quantity: units(*quantity),
            uom: "each".to_owned(),
            order_multiple: units(6),
            order_uom: "pack of 6".to_owned(),
            unit_cost: Some("1.5".parse().unwrap()),
            currency: "EUR".to_owned(),
            order_by: as_of,
            expected_receipt: as_of.plus(2),
            priority: "9".parse().unwrap(),
        };
        (format!("p_{item}"), need)
    };
    wanted.iter().map(of).collect()
}

fn nothing_came(_: &OrderLine) -> OrderStanding {
    OrderStanding::default()
}

/// What a plan changes, applied.
fn revised(desk: &mut Desk, as_of: &str, wanted: &[(&str, i64)]) -> Vec<DeskEntry> {
    let entries = desk.revise(&plan(as_of, wanted), day(as_of), &nothing_came);
    entries.iter().for_each(|entry| desk.apply(entry));
    entries
}

fn decide(desk: &mut Desk, id: &str, by: &str, decision: DeskDecision) -> Result<(), DeskError> {
    desk.decide(id, by, &decision).map(|entry| desk.apply(&entry))
}

fn edit(quantity: i64) -> DeskDecision {
    DeskDecision::Edit { quantity: units(quantity), reason: "street festival".to_owned() }
}

fn standing(desk: &Desk, id: &str) -> (ProposalState, i64) {
    let filed = desk.get(id).unwrap();
    (filed.state, filed.quantity.to_units_floor(0))
}

const APPROVE: DeskDecision = DeskDecision::Approve { n_needed: 1 };

#[test]
fn a_plan_revises_what_is_open_and_leaves_what_a_person_decided() {
    let mut desk = Desk::new();
    assert_eq!(revised(&mut desk, "2026-03-02", &[("milk", 12), ("tea", 6), ("rye", 18), ("jam", 6)]).len(), 4);
    decide(&mut desk, "p_tea", "ada", edit(24)).unwrap();
    decide(&mut desk, "p_rye", "ada", APPROVE).unwrap();
    decide(&mut desk, "p_jam", "ada", DeskDecision::Reject { reason: "shelf is full".to_owned() }).unwrap();
    let again = [("milk", 30), ("tea", 6), ("rye", 36), ("jam", 6)];
    revised(&mut desk, "2026-03-02", &again);
    assert_eq!(standing(&desk, "p_milk"), (ProposalState::Proposed, 30));
    assert_eq!(standing(&desk, "p_tea"), (ProposalState::Edited, 24));
    assert_eq!(standing(&desk, "p_rye"), (ProposalState::Approved, 18));
    assert_eq!(desk.get("p_rye").unwrap().need.quantity, units(36), "what the plan wants now is shown beside it");
    assert_eq!(standing(&desk, "p_jam"), (ProposalState::Rejected, 6));
    assert_eq!(revised(&mut desk, "2026-03-02", &again), [], "the same plan changes nothing");
    assert_eq!(desk.all().count(), 4, "one open need is one proposal");
    // A day later the day to order of what nobody exported is over, and needs begin anew.
    revised(&mut desk, "2026-03-03", &[("tea", 6), ("jam", 6)]);
    assert_eq!(standing(&desk, "p_milk").0, ProposalState::Superseded);
    assert_eq!(standing(&desk, "p_tea").0, ProposalState::Expired);
    assert_eq!(
        (standing(&desk, "p_tea-2"), standing(&desk, "p_jam-2").0),
        ((ProposalState::Proposed, 6), ProposalState::Proposed)
    );
}

/// Keeping a quantity is an edit to the quantity that it has.
#[test]
fn what_is_firmed_keeps_its_quantity() {
    let firm = || DeskDecision::Firm { reason: "promised to the customer".to_owned() };
    let mut desk = Desk::new();
    revised(&mut desk, "2026-03-02", &[("milk", 12), ("tea", 6)]);
    decide(&mut desk, "p_milk", "ada", firm()).unwrap();
    revised(&mut desk, "2026-03-02", &[("milk", 30), ("tea", 18)]);
    assert_eq!(standing(&desk, "p_milk"), (ProposalState::Edited, 12));
    assert_eq!(standing(&desk, "p_tea"), (ProposalState::Proposed, 18));
    assert_eq!(desk.get("p_milk").unwrap().need.quantity, units(30), "what the plan wants now is shown beside it");
    revised(&mut desk, "2026-03-02", &[("tea", 18)]);
    assert_eq!(standing(&desk, "p_milk"), (ProposalState::Edited, 12), "a plan that wants nothing does not take it");
    assert_eq!(
        decide(&mut desk, "p_milk", "ada", firm()).unwrap_err().to_string(),
        "proposal p_milk is edited, only one that is proposed can be firmed"
    );
    let silent = DeskDecision::Firm { reason: " ".to_owned() };
    assert_eq!(decide(&mut desk, "p_tea", "ada", silent), Err(DeskError::NoReason));
    decide(&mut desk, "p_milk", "bob", APPROVE).unwrap();
    assert_eq!(standing(&desk, "p_milk"), (ProposalState::Approved, 12));
}

#[test]
fn what_cannot_be_decided_is_said() {
    let mut desk = Desk::new();
    revised(&mut desk, "2026-03-02", &[("milk", 12)]);
    let mut error = |decision| decide(&mut desk, "p_milk", "ada", decision).unwrap_err().to_string();
    insta::assert_snapshot!(error(edit(10)), @"quantity is 10, proposal p_milk is ordered in whole pack of 6, at least one: reject it to order nothing");
    insta::assert_snapshot!(
        error(DeskDecision::Edit { quantity: units(6), reason: " ".to_owned() }),
        @"a reason must be given: the outcome is compared with it later"
    );
    insta::assert_snapshot!(
        error(DeskDecision::Export { order_id: "PO-1".to_owned() }),
        @"proposal p_milk is proposed, only one that is approved can be exported"
    );
    assert_eq!(decide(&mut desk, "p_rye", "ada", APPROVE).unwrap_err().to_string(), "there is no proposal \"p_rye\"");
}

/// Above a value two different persons must approve, and an edit in between begins anew.
#[test]
fn four_eyes_are_those_of_two_persons() {
    let both = || DeskDecision::Approve { n_needed: 2 };
    let mut desk = Desk::new();
    revised(&mut desk, "2026-03-02", &[("milk", 12)]);
    decide(&mut desk, "p_milk", "ada", both()).unwrap();
    assert_eq!(standing(&desk, "p_milk").0, ProposalState::Proposed);
    let error = decide(&mut desk, "p_milk", "ada", both()).unwrap_err();
    assert!(matches!(error, DeskError::SamePerson { .. }), "{error}");
    decide(&mut desk, "p_milk", "bo", edit(18)).unwrap();
    decide(&mut desk, "p_milk", "bo", both()).unwrap();
    assert_eq!(standing(&desk, "p_milk").0, ProposalState::Edited, "the edit cleared what ada approved");
    decide(&mut desk, "p_milk", "ada", both()).unwrap();
    assert_eq!(standing(&desk, "p_milk"), (ProposalState::Approved, 18));
}

/// Exported, confirmed, received in parts, over; and a filing that was made from another desk is refused whole.
fn an_export_is_one_order_from_that_moment_on(store: &impl Store) {
    let mut ledger = store.open();
    let mut desk = Desk::new();
    revised(&mut desk, "2026-03-02", &[("milk", 12)]);
    decide(&mut desk, "p_milk", "ada", APPROVE).unwrap();
    // The same in the ledger, entry by entry.
    let entries = |desk: &Desk| desk.revise(&plan("2026-03-02", &[("milk", 12)]), day("2026-03-02"), &nothing_came);
    let empty = Desk::new();
    assert_eq!(ledger.file(&Filing::new(&empty, entries(&empty), now())).unwrap(), 1);
    let stored = Desk::read(&ledger).unwrap();
    let approval = stored.decide("p_milk", "ada", &APPROVE).unwrap();
    ledger.file(&Filing::new(&stored, vec![approval.clone()], now())).unwrap();
    assert_eq!(Desk::read(&ledger).unwrap(), desk);
    let late = ledger.file(&Filing::new(&stored, vec![approval], now())).unwrap_err();
    assert!(matches!(late, LedgerError::DeskMoved { seen: 1, found: 2 }), "{late}");

    let export = desk.decide("p_milk", "ada", &DeskDecision::Export { order_id: "PO-7".to_owned() }).unwrap();
    ledger.file(&Filing::new(&desk, vec![export], now())).unwrap();
    let placed = ledger.find(DESK_SOURCE, "p_milk").unwrap().expect("the order is an event").event;
    let EventKind::OrderPlaced { line, quantity, due_on, .. } = placed.kind else { panic!("{placed:?}") };
    assert_eq!((line.order_id.as_str(), quantity, due_on), ("PO-7", units(12), Some(day("2026-03-04"))));
    let trail: Vec<_> = ledger.audit_trail(1, 9).unwrap().into_iter().map(|record| record.entry).collect();
    let said: Vec<_> =
        trail.iter().map(|entry| (entry.action.as_str(), entry.before.as_str(), entry.after.as_str())).collect();
    assert_eq!(
        said,
        [
            ("proposal.approve", "proposed 12 each", "approved 12 each"),
            ("proposal.export", "approved 12 each", "exported 12 each")
        ]
    );

    let mut desk = Desk::read(&ledger).unwrap();
    let mut after = |is_confirmed, received, is_over| {
        let standing = |_: &OrderLine| OrderStanding { is_confirmed, received: units(received), is_over };
        let entries = desk.revise(&plan("2026-03-04", &[]), day("2026-03-04"), &standing);
        entries.iter().for_each(|entry| desk.apply(entry));
        let filed = desk.get("p_milk").unwrap();
        (filed.state, filed.received.to_units_floor(0))
    };
    assert_eq!(after(true, 0, false), (ProposalState::Acknowledged, 0));
    assert_eq!(after(true, 6, false), (ProposalState::PartiallyReceived, 6));
    assert_eq!(after(true, 6, false), (ProposalState::PartiallyReceived, 6));
    assert_eq!(after(true, 6, true), (ProposalState::Closed, 6));
}

/// Planners and people at once over a store that fails: one open proposal per need, every export one order, an audit record
/// for each decision, and what is read again is what was written.
fn nothing_is_ordered_twice_whatever_fails<S: Store>(_: &S) {
    let items = ["milk", "tea", "rye", "jam", "oil"];
    for seed in 0..20 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let Some(store) = S::new() else { return };
        let mut ledger = Faulty::new(store.open(), seed, 15);
        let (mut n_decisions, mut n_stale) = (0, 0);
        let mut as_of = day("2026-03-02");
        let mut stale = Desk::new();
        for step in 0..150 {
            as_of = as_of.plus(i32::from(step % 10 == 9));
            // Now and then somebody decides on what was there a while ago.
            let desk = if rng.random_bool(0.2) { stale.clone() } else { Desk::read(&ledger).unwrap() };
            stale = desk.clone();
            let mut wanted = Vec::new();
            for item in items {
                if rng.random_bool(0.6) {
                    wanted.push((item, 6 * rng.random_range(1..5)));
                }
            }
            let all: Vec<String> = desk.all().map(|filed| filed.proposal_id.clone()).collect();
            let entries = if all.is_empty() || rng.random_bool(0.3) {
                desk.revise(&plan(&as_of.to_string(), &wanted), as_of, &nothing_came)
            } else {
                let id = &all[rng.random_range(0..all.len())];
                let decision = match rng.random_range(0..4) {
                    0 => edit(6 * rng.random_range(0..5)),
                    1 => DeskDecision::Reject { reason: "no".to_owned() },
                    2 => DeskDecision::Approve { n_needed: 1 },
                    _ => DeskDecision::Export { order_id: format!("PO-{id}") },
                };
                desk.decide(id, "ada", &decision).into_iter().collect()
            };
            let n = entries.iter().filter(|entry| desk.audit(entry, Timestamp::UNIX_EPOCH).is_some()).count();
            let before = Desk::read(&ledger).unwrap().last_number();
            match ledger.file(&Filing::new(&desk, entries.clone(), now())) {
                Ok(_) => n_decisions += n,
                Err(LedgerError::DeskMoved { .. }) => n_stale += 1,
                // The answer may be lost after the commit: look what is there.
                Err(LedgerError::Storage(_)) => {
                    let is_in = Desk::read(&ledger).unwrap().last_number() == before + entries.len() as u64;
                    n_decisions += if is_in { n } else { 0 };
                }
                Err(error) => panic!("{error}"),
            }
            let desk = Desk::read(&ledger).unwrap();
            let mut open = BTreeMap::<&str, usize>::new();
            for filed in desk.all().filter(|filed| filed.state.is_open()) {
                *open.entry(&filed.need.item_id).or_default() += 1;
            }
            assert!(open.values().all(|n| *n == 1), "seed {seed}, step {step}: {open:?}");
        }
        let desk = Desk::read(&ledger).unwrap();
        let ordered: Vec<_> = desk.all().filter(|filed| filed.state.is_ordered()).collect();
        let events = ledger.events(1, 1_000).unwrap();
        assert_eq!(events.len(), ordered.len(), "seed {seed}: an order for each export");
        for filed in ordered {
            let event = ledger.find(DESK_SOURCE, &filed.proposal_id).unwrap().expect("its order").event;
            let EventKind::OrderPlaced { quantity, .. } = event.kind else { panic!("{event:?}") };
            assert_eq!(quantity, filed.quantity);
        }
        assert_eq!(ledger.audit_trail(1, 1_000).unwrap().len(), n_decisions, "seed {seed}");
        assert_eq!(ledger.verify_audit().unwrap().broken_at, None);
        assert!(ledger.n_faults > 5 && n_stale > 3, "seed {seed}: {} faults, {n_stale} stale", ledger.n_faults);
    }
}

#[test]
fn entries_are_read_as_they_were_written() {
    let need = plan("2026-03-02", &[("milk", 12)]).remove(0).1;
    let changes = [
        DeskChange::Proposed { need: need.clone() },
        DeskChange::Revised { need },
        DeskChange::Edited { by: "ada".to_owned(), quantity: units(6), reason: "a \"reason\"".to_owned() },
        DeskChange::Received { quantity: "0.5".parse().unwrap(), is_over: false },
        DeskChange::Acknowledged,
    ];
    for change in changes {
        let text = serde_json::to_string(&change).unwrap();
        assert_eq!(serde_json::from_str::<DeskChange>(&text).unwrap(), change, "{text}");
    }
}

over_every_store! { an_export_is_one_order_from_that_moment_on, nothing_is_ordered_twice_whatever_fails }
