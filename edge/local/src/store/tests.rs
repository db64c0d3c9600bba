//! What the store promises, one by one.

use hoox_connector::{ClientOrderId, Decimal, Market, NewOrder, Side, Symbol, Venue};
use hoox_router::{
    Action, Choice, ChoiceReason, ConfigStore, Durability, Intent, Queued, Record, Reservation,
    Signal, SignalStore, State, WrittenOrder,
};

use super::*;

const DAY: Duration = Duration::from_secs(86_400);

fn open() -> (SqliteStore, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (SqliteStore::open(directory.path()).unwrap(), directory)
}

fn key(name: &str) -> IdempotencyKey {
    serde_json::from_value(serde_json::Value::String(name.into())).unwrap()
}

fn id(n: u8) -> RequestId {
    RequestId::from_random([n; 16])
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(seconds * 1_000)
}

#[tokio::test]
async fn of_two_reservations_of_a_key_one_is_a_duplicate_until_it_is_released() {
    let (store, _directory) = open();
    let key = key("a");
    assert_eq!(store.reserve(&key, id(1), at(1), DAY).await, Ok(Reservation::Acquired));
    let duplicate = Reservation::Duplicate { request_id: id(1), state: None };
    assert_eq!(store.reserve(&key, id(2), at(2), DAY).await, Ok(duplicate));
    store.release(&key).await.unwrap();
    assert_eq!(store.reserve(&key, id(3), at(3), DAY).await, Ok(Reservation::Acquired));
}

/// The record of one of the orders of a signal.
fn record(store: &SqliteStore, leg: u8) -> Record {
    let (symbol, now) = (Symbol::new("BTCUSDT").unwrap(), store.clock().now());
    let client_order_id = ClientOrderId::portable("hx0").unwrap();
    let order = NewOrder::market(symbol, Side::Buy, Decimal::ONE);
    let intent = Intent {
        venue: Venue::Bybit,
        market: Market::Linear,
        symbol,
        client_order_id,
        order: WrittenOrder::new(&order).unwrap(),
        base_quantity: Some(Decimal::ONE),
        written_at: now,
    };
    let signal = Signal::new(Venue::Bybit, Action::Long, symbol, Some(Decimal::ONE));
    let choice = Choice::new(Venue::Bybit, ChoiceReason::Signal);
    Record::new((id(1), leg), (key("a"), now.after(DAY)), signal, choice, intent, now)
}

async fn write(store: &SqliteStore, mut record: Record, state: State) {
    record.state = state;
    store.write(&record, Durability::Synced).await.unwrap();
}

#[tokio::test]
async fn a_refused_order_holds_its_key_until_the_signal_is_done() {
    let (store, _directory) = open();
    let now = store.clock().now();
    assert_eq!(store.reserve(&key("a"), id(1), now, DAY).await, Ok(Reservation::Acquired));
    write(&store, record(&store, 0), State::Submitting).await;
    write(&store, record(&store, 0), State::Rejected).await;
    // It may be on its way to another exchange.
    let other = store.reserve(&key("a"), id(2), now, DAY).await;
    assert!(matches!(other, Ok(Reservation::Duplicate { request_id, .. }) if request_id == id(1)));
    store.release(&key("a")).await.unwrap();
    store.flush().await.unwrap();
    assert_eq!(store.reserve(&key("a"), id(2), now, DAY).await, Ok(Reservation::Acquired));
}

#[tokio::test]
async fn a_key_is_not_freed_beside_another_order_of_its_signal() {
    let (store, directory) = open();
    write(&store, record(&store, 0), State::Acknowledged).await;
    write(&store, record(&store, 1), State::Submitting).await;
    write(&store, record(&store, 1), State::Rejected).await;
    let other = Connection::open(directory.path().join("hoox.db")).unwrap();
    let held = || -> i64 {
        other.query_row("SELECT count(*) FROM reservations", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(held(), 1);
    let mut refused = record(&store, 0);
    refused.queued = Queued::No;
    write(&store, refused, State::Rejected).await;
    write(&store, record(&store, 1), State::Rejected).await;
    assert_eq!(held(), 0, "without any order it is free after a crash");
}

#[tokio::test]
async fn a_reservation_ends_with_its_time() {
    let (store, _directory) = open();
    let key = key("a");
    let second = Duration::from_secs(1);
    assert_eq!(store.reserve(&key, id(1), at(1), second).await, Ok(Reservation::Acquired));
    assert_eq!(store.reserve(&key, id(2), at(2), second).await, Ok(Reservation::Acquired));
}

#[tokio::test]
async fn a_write_that_fails_takes_no_other_with_it() {
    let (store, directory) = open();
    let other = Connection::open(directory.path().join("hoox.db")).unwrap();
    other
        .execute_batch(
            "CREATE TRIGGER poison BEFORE INSERT ON config WHEN NEW.key = 'poison'
             BEGIN SELECT RAISE(ABORT, 'poisoned'); END",
        )
        .unwrap();
    let (poison, good) =
        tokio::join!(store.set_config("poison", "1"), store.set_config("good", "1"));
    assert!(poison.unwrap_err().to_string().contains("poisoned"));
    good.unwrap();
    let values = ConfigStore::load(&store, &["poison", "good"]).await.unwrap();
    assert_eq!(values, [None, Some("1".into())]);
}

#[tokio::test]
async fn look_ups_never_scan() {
    let (store, directory) = open();
    let other = Connection::open(directory.path().join("hoox.db")).unwrap();
    other
        .execute_batch(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
             INSERT INTO reservations SELECT 'key-' || i, 'r', 4102444800000 FROM n",
        )
        .unwrap();
    let plan: String = other
        .query_row(
            "EXPLAIN QUERY PLAN SELECT 1 FROM reservations WHERE key = 'x' AND expires_at > 1",
            [],
            |row| row.get(3),
        )
        .unwrap();
    assert!(plan.contains("SEARCH") && plan.contains("PRIMARY KEY"), "{plan}");
    assert_eq!(store.reserve(&key("new"), id(1), at(1), DAY).await, Ok(Reservation::Acquired));
}

#[tokio::test]
async fn a_database_locked_by_another_is_told_and_recovered_from() {
    let (store, directory) = open();
    let other = Connection::open(directory.path().join("hoox.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.set_config("a", "1").await.unwrap_err().to_string();
    assert!(error.contains("locked"), "{error}");
    // Keys that are new are still reserved; only what must be durable waits.
    assert_eq!(store.reserve(&key("k"), id(1), at(1), DAY).await, Ok(Reservation::Acquired));
    other.execute_batch("COMMIT").unwrap();
    store.set_config("a", "1").await.unwrap();
}

#[tokio::test]
async fn the_request_that_holds_a_key_acquires_it_again_and_a_commit_outlives_the_process() {
    let (store, directory) = open();
    let now = store.clock().now();
    let hour = Duration::from_secs(3_600);
    for _ in 0..2 {
        let again = store.reserve(&key("k"), id(1), now, hour).await;
        assert_eq!(again, Ok(Reservation::Acquired));
    }
    store.commit(&key("k"), id(1), now.after(hour)).await.unwrap();
    // Another's key is not taken over.
    store.commit(&key("k"), id(2), now.after(DAY)).await.unwrap();
    store.flush().await.unwrap();
    drop(store);
    let store = loop {
        // The writing thread gives the directory up when it has ended.
        match SqliteStore::open(directory.path()) {
            Ok(store) => break store,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    let duplicate = Reservation::Duplicate { request_id: id(1), state: None };
    assert_eq!(store.reserve(&key("k"), id(2), now, hour).await, Ok(duplicate));
    assert_eq!(store.reserve(&key("k"), id(1), now, hour).await, Ok(Reservation::Acquired));
    let expired = store.reserve(&key("k"), id(2), now.after(DAY), hour).await;
    assert_eq!(expired, Ok(Reservation::Acquired));
}

#[tokio::test]
async fn what_has_expired_goes_in_slices_and_what_is_open_stays() {
    let (store, directory) = open();
    let other = Connection::open(directory.path().join("hoox.db")).unwrap();
    other
        .execute_batch(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
             INSERT INTO reservations SELECT 'key-' || i, 'r', i FROM n;
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10)
             INSERT INTO records (request_id, leg, state, open, received_at, json)
             SELECT 'r-' || i, 0, 's', i % 2, 1, '{}' FROM n;",
        )
        .unwrap();
    let count = |table: &str| -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        other.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    let mut left = Vec::new();
    for _ in 0..3 {
        store.purge(DAY, DAY).await.unwrap();
        left.push(count("reservations"));
    }
    assert_eq!((left, count("records")), (vec![1_100, 1_000, 900], 5));
}

/// By hand, for `benches/README.md`: `cargo test -p hoox --bin hoox -- --ignored --nocapture`.
#[tokio::test]
#[ignore = "takes a minute, and prints figures instead of judging them"]
async fn a_million_stored_signals() {
    use std::time::Instant;
    for stored in [1_000, 1_000_000] {
        let directory = tempfile::tempdir().unwrap();
        drop(SqliteStore::open(directory.path()).unwrap());
        let other = Connection::open(directory.path().join("hoox.db")).unwrap();
        other
            .execute_batch(&format!(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {stored})
                 INSERT INTO reservations SELECT 'idemp:key-' || i || ':live', 'r-' || i,
                     iif(i % 2, 4102444800000, 1) FROM n;
                 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {stored})
                 INSERT INTO trade_signals SELECT 'r-' || i, 'r-' || i, iif(i % 2, 4102444800, 1),
                     'BTCUSDT', 'LONG', 'webhook', '{{}}', 'Filled', 1 FROM n;"
            ))
            .unwrap();
        let started = Instant::now();
        let store = loop {
            match SqliteStore::open(directory.path()) {
                Ok(store) => break store,
                Err(_) => std::thread::yield_now(),
            }
        };
        println!("{stored} stored: opened in {:?}", started.elapsed());
        let now = store.clock().now();
        let mut times = [Vec::new(), Vec::new()];
        for n in 0..2_000u32 {
            let request = RequestId::from_random(u128::from(n).to_be_bytes());
            let new = key(&format!("idemp:new-{n}:live"));
            let held = key(&format!("idemp:key-{}:live", 2 * (n % 400) + 1));
            for (key, times) in [new, held].iter().zip(&mut times) {
                let started = Instant::now();
                store.reserve(key, request, now, DAY).await.unwrap();
                times.push(started.elapsed());
            }
        }
        for (what, times) in ["new", "duplicate"].iter().zip(&mut times) {
            times.sort_unstable();
            println!("  {what}: median {:?}, p99 {:?}", times[1_000], times[1_980]);
        }
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..=stored / 200 {
            let started = Instant::now();
            // Somebody whose write must be on the disk before his order is sent.
            let (purged, written) = tokio::join!(
                async { store.purge(DAY, DAY).await.map(|()| started.elapsed()) },
                async { store.set_config("a", "1").await.map(|()| started.elapsed()) },
            );
            times[0].push(purged.unwrap());
            times[1].push(written.unwrap());
        }
        for (what, times) in ["purge", "synced write meanwhile"].iter().zip(&mut times) {
            times.sort_unstable();
            let (median, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
            println!(
                "  {what}: median {median:?}, p99 {p99:?}, longest {:?}",
                times[times.len() - 1]
            );
        }
    }
}
