//! What is taken in from a stream, and what faults and restarts of either side do not change.

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::stream::RetentionPolicy;
use restock_intake::State;

use crate::fixtures::Broker;
use crate::shared::{SharedLedger, sale, wait};

#[test]
fn messages_are_events_or_lie_in_quarantine() {
    let Some(broker) = Broker::new(RetentionPolicy::Limits) else { return };
    let ledger = SharedLedger::new();
    broker.publish([sale("a"), "poison".to_owned(), sale("a"), String::new()]);
    broker.publish([format!("[{},{}]", sale("b"), sale("c")), format!("{}\n{{}}\n{}", sale("d"), sale("e"))]);
    broker.publish([sale("late").replace("2026", "2027"), sale("a").replace("milk", "rye")]);
    broker.publish([vec![0xff, 0xfe], vec![b'x'; 100_000]]);
    let source = ledger.start(&broker.config(""));
    let status = wait(&source, |status| status.next_offset == 11 && status.state == State::Waiting);
    assert_eq!((status.n_accepted, status.n_duplicate, status.n_quarantined), (5, 1, 7));
    assert_eq!((status.lag, status.n_missing, status.last_error), (Some(0), 0, None));
    assert_eq!((ledger.n_events(), ledger.offsets()), (5, vec![11]));
    insta::assert_snapshot!(ledger.quarantine().join("\n"), @r#"
    SALES message 2 · got "poison", expected a JSON object; correct the JSON: expected value at line 1 column 1
    SALES message 4 · got "", expected a JSON object; correct the JSON: EOF while parsing a value at line 1 column 0
    SALES message 6 line 2 · event_id: got nothing, expected an id; add the field "event_id"
    SALES message 7 · occurred_at: got 2027-03-02T08:00:00Z, expected an instant up to 2026-03-02T12:05:00Z; set the clock of the source, or release it when it has happened
    SALES message 8 · event_id: got source "till" and id "a", expected what event 1 says, which has the same source and id; send a correction as an event with an id of its own
    SALES message 9 · got byte 0 that is not UTF-8, expected UTF-8; send the text in UTF-8
    SALES message 10 · got 100000 bytes, of which the first 65537 are kept here, expected an event of at most 65536 bytes; send fewer or shorter attributes
    "#);

    // The broker knows that they were read, for its operators.
    let n_unacknowledged = broker.with_stream(async |stream| {
        let mut consumer: PullConsumer = stream.get_consumer("restock-SALES").await.unwrap();
        consumer.info().await.unwrap().num_ack_pending
    });
    assert_eq!(n_unacknowledged, 0);

    broker.publish([sale("f")]);
    wait(&source, |status| status.next_offset == 12);
    assert_eq!(ledger.n_events(), 6);
}

#[test]
fn the_position_of_the_ledger_is_the_one_that_counts() {
    let Some(broker) = Broker::new(RetentionPolicy::Limits) else { return };
    let ledger = SharedLedger::new();
    broker.publish((0..10).map(sale));
    let source = ledger.start(&broker.config(""));
    wait(&source, |status| status.next_offset == 11);
    source.stop();
    broker.publish((10..20).map(sale));
    // What the broker remembers is gone, and nothing comes twice.
    broker.with_stream(async |stream| stream.delete_consumer("restock-SALES").await.map(drop)).unwrap();
    let source = ledger.start(&broker.config(""));
    let status = wait(&source, |status| status.next_offset == 21);
    assert_eq!((status.n_accepted, status.n_duplicate, ledger.n_events()), (10, 0, 20));
    source.stop();
    // Another ledger knows nothing, whatever the broker remembers.
    let other = SharedLedger::new();
    let source = other.start(&broker.config(""));
    wait(&source, |status| status.next_offset == 21);
    assert_eq!(other.n_events(), 20);
}

#[test]
fn faults_of_the_ledger_lose_nothing_and_take_nothing_in_twice() {
    let Some(broker) = Broker::new(RetentionPolicy::Limits) else { return };
    let ledger = SharedLedger::new();
    ledger.0.lock().unwrap().fails_every = 2;
    let source = ledger.start(&broker.config(""));
    for number in 0..20 {
        broker.publish([sale(number)]);
        wait(&source, |status| status.next_offset == number + 2);
    }
    let status = source.status();
    assert_eq!(status.last_error.unwrap().message, "the disk is full; it is tried again");
    assert_eq!((ledger.n_events(), status.n_accepted + status.n_duplicate), (20, 20));
}

#[test]
fn a_server_that_is_killed_is_waited_for() {
    let Some(mut broker) = Broker::new(RetentionPolicy::Limits) else { return };
    let ledger = SharedLedger::new();
    let source = ledger.start(&broker.config(""));
    for round in 0..3 {
        broker.publish((10 * round..10 * round + 10).map(sale));
        wait(&source, |status| status.next_offset == 10 * round + 11);
        broker.server.kill();
        broker.server.start_again();
        while !broker.is_up() {}
    }
    broker.publish([sale("last")]);
    wait(&source, |status| status.next_offset == 32 && status.state == State::Waiting);
    assert_eq!((ledger.n_events(), source.status().n_duplicate), (31, 0));
}

#[test]
fn a_server_that_comes_later_is_waited_for() {
    let Some(mut broker) = Broker::new(RetentionPolicy::Limits) else { return };
    let ledger = SharedLedger::new();
    broker.publish([sale("a")]);
    broker.server.kill();
    let source = ledger.start(&broker.config(""));
    let status = wait(&source, |status| status.state == State::Retrying);
    assert!(status.last_error.unwrap().message.starts_with("cannot connect to nats://127.0.0.1:"));
    broker.server.start_again();
    wait(&source, |status| status.next_offset == 2);
    assert_eq!(ledger.n_events(), 1);
}

#[test]
fn messages_that_were_removed_before_they_were_read_are_an_alarm() {
    let Some(broker) = Broker::new(RetentionPolicy::Limits) else { return };
    let ledger = SharedLedger::new();
    broker.publish((0..10).map(sale));
    let source = ledger.start(&broker.config(""));
    wait(&source, |status| status.next_offset == 11);
    source.stop();
    broker.publish((10..20).map(sale));
    broker.with_stream(async |stream| stream.purge().sequence(18).await.map(drop)).unwrap();
    let source = ledger.start(&broker.config(""));
    let status = wait(&source, |status| status.next_offset == 21 && status.state == State::Waiting);
    assert_eq!((status.n_missing, status.n_accepted, ledger.n_events()), (7, 3, 13));
    insta::assert_snapshot!(status.last_error.unwrap().message, @"7 messages of SALES, 11 to 17, were removed before they were read; count the stock, and let the broker keep messages longer");
    source.stop();
    // All of them removed, and none left: it is told once, and the position goes on.
    broker.publish((20..25).map(sale));
    broker.with_stream(async |stream| stream.purge().await.map(drop)).unwrap();
    let source = ledger.start(&broker.config(""));
    let status = wait(&source, |status| status.next_offset == 26);
    assert_eq!(status.n_missing, 5);
    source.stop();
    let source = ledger.start(&broker.config(""));
    broker.publish([sale("last")]);
    let status = wait(&source, |status| status.next_offset == 27);
    assert_eq!((status.n_missing, status.last_error, ledger.n_events()), (0, None, 14));
}

#[test]
fn a_stream_that_was_made_anew_is_read_from_its_beginning() {
    let Some(broker) = Broker::new(RetentionPolicy::Limits) else { return };
    let ledger = SharedLedger::new();
    broker.publish((0..10).map(sale));
    let source = ledger.start(&broker.config(""));
    wait(&source, |status| status.next_offset == 11);
    source.stop();
    broker.delete_stream();
    broker.make_stream(RetentionPolicy::Limits);
    broker.publish((8..12).map(sale));
    let source = ledger.start(&broker.config(""));
    let status = wait(&source, |status| status.next_offset == 5);
    assert_eq!((status.n_accepted, status.n_duplicate, ledger.n_events()), (2, 2, 12));
}

#[test]
fn other_subjects_of_a_stream_are_passed_over() {
    let Some(broker) = Broker::new(RetentionPolicy::Limits) else { return };
    let ledger = SharedLedger::new();
    broker.publish_to("other", ["not ours"; 5]);
    broker.publish([sale("a")]);
    broker.publish_to("other", ["not ours"; 5]);
    let config = broker.config("name = \"tills\"\nsubject = \"sales.>\"");
    let source = ledger.start(&config);
    // The position moves over the others, so that their end is no alarm later.
    wait(&source, |status| status.next_offset == 12);
    assert_eq!((ledger.n_events(), ledger.quarantine().len()), (1, 0));
    source.stop();
    broker.publish_to("other", ["not ours"; 5]);
    broker.publish([sale("b")]);
    let source = ledger.start(&config);
    let status = wait(&source, |status| status.next_offset == 18);
    assert_eq!((status.n_missing, ledger.n_events()), (0, 2));
}

#[test]
fn a_work_queue_forgets_what_was_taken_in() {
    let Some(broker) = Broker::new(RetentionPolicy::WorkQueue) else { return };
    let ledger = SharedLedger::new();
    for round in 0..3 {
        broker.publish((10 * round..10 * round + 10).map(sale));
        let source = ledger.start(&broker.config(""));
        wait(&source, |status| status.next_offset == 10 * round + 11);
        while broker.with_stream(async |stream| stream.get_info().await.unwrap().state.messages) > 0 {}
        assert_eq!(source.status().n_missing, 0);
        source.stop();
    }
    assert_eq!(ledger.n_events(), 30);
}

#[test]
fn a_stream_that_forgets_while_nobody_reads_is_refused() {
    let Some(broker) = Broker::new(RetentionPolicy::Interest) else { return };
    let ledger = SharedLedger::new();
    let source = ledger.start(&broker.config(""));
    let status = wait(&source, |status| status.state == State::Retrying);
    insta::assert_snapshot!(status.last_error.unwrap().message, @"the stream SALES forgets messages while nobody reads; give it the retention limits or workqueue");
}

#[test]
fn a_message_with_many_events_is_several_transactions() {
    let Some(broker) = Broker::new(RetentionPolicy::Limits) else { return };
    let ledger = SharedLedger::new();
    ledger.0.lock().unwrap().fails_every = 2;
    let lines: String = (0..2_500).map(|number| sale(number) + "\n").collect();
    broker.publish([sale("first"), lines, sale("last")]);
    let source = ledger.start(&broker.config(""));
    wait(&source, |status| status.next_offset == 4);
    assert_eq!(ledger.n_events(), 2_502);
    assert!(ledger.0.lock().unwrap().n_calls >= 3);
}
