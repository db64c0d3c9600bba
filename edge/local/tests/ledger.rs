//! The queue, positions, profit and the life of a request, through the program and its database.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::path::Path;
use std::time::Duration;

use common::{PASSKEY, Serve, post, signal, venue};
use hoox_connector::{Clock, SystemClock};
use hoox_ledger::ledger::{Ledger, LedgerError, PnlFilter, SignalFilter, TradeFilter};
use hoox_venue::{FaultKind, FaultPlan};

const EVERYWHERE: [&str; 2] = ["--config", "webhooks:queue_mode=queue_everywhere"];

/// Waits until `done` says so; the ledger is read as another process reads it.
async fn until(data: &Path, done: impl Fn(&Ledger) -> bool) -> Ledger {
    for _ in 0..400 {
        let ledger = Ledger::open(data).unwrap();
        if done(&ledger) {
            return ledger;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never came to it");
}

fn filled(ledger: &Ledger) -> usize {
    let filter = TradeFilter { status: Some("Filled"), ..TradeFilter::default() };
    ledger.trades(&filter).unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queued_signals_and_their_locks_survive_sigkill() {
    let venue = venue().await;
    let data = tempfile::tempdir().unwrap();
    let body = |n: u32| {
        signal(&format!(
            r#""exchange":"binance","action":"LONG","symbol":"SOLUSDT","quantity":1,"idempotencyKey":"q-{n}""#
        ))
    };
    let mut requests = Vec::new();
    for round in 0..3 {
        let serve = Serve::start(&venue, data.path(), &EVERYWHERE);
        for n in 0..5 {
            let (status, answer) = post(&serve.url, body(round * 5 + n)).await;
            assert_eq!((status, answer["status"].as_str()), (202, Some("Enqueued")), "{answer}");
            requests.push(answer["requestId"].as_str().unwrap().to_owned());
        }
        serve.kill();
    }
    let serve = Serve::start(&venue, data.path(), &EVERYWHERE);
    let all = |ledger: &Ledger| filled(ledger) == 15 && ledger.queue(10).unwrap().is_empty();
    let ledger = until(data.path(), all).await;
    assert_eq!(post(&serve.url, body(0)).await.0, 409);
    let counters = venue.with(|exchange| exchange.counters());
    assert_eq!((counters.orders, counters.reused_client_ids), (15, 0));
    assert!(ledger.dead_letters(10).unwrap().is_empty());
    for id in &requests {
        let life = ledger.life(id).unwrap().unwrap();
        assert_eq!((life.signals.len(), life.trades.len(), life.executions.len()), (1, 1, 1));
        assert_eq!(life.signals[0].outcome, "Filled");
        assert!(!serde_json::to_string(&life).unwrap().contains(PASSKEY));
    }
    assert_eq!(ledger.life("nobody").unwrap(), None);
}

/// The row comes before the exchange's answer (trade.md §10), and stays when the program dies.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_on_its_way_is_a_pending_row_for_as_long_as_nobody_knows() {
    let venue = venue().await;
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::start(&venue, data.path(), &[]);
    let rates = std::collections::BTreeMap::from([(FaultKind::Delay, 1_000_000)]);
    let ms = std::collections::BTreeMap::from([(FaultKind::Delay, 60_000)]);
    let plan = FaultPlan { seed: 1, rates, ms, on: Some("/fapi/v1/order".into()) };
    assert!(venue.with(|exchange| exchange.set_fault_plan(Some(&plan))));
    let url = serve.url.clone();
    let body = signal(r#""exchange":"binance","action":"LONG","symbol":"SOLUSDT","quantity":2.50"#);
    let sent = tokio::spawn(async move {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        client.post(format!("{url}/webhook")).body(body).send().await.is_ok()
    });
    let pending = TradeFilter { status: Some("TRADE_PENDING"), ..TradeFilter::default() };
    let on_its_way = |ledger: &Ledger| ledger.trades(&pending).unwrap().len() == 1;
    until(data.path(), on_its_way).await;
    serve.kill();
    assert!(!sent.await.unwrap());
    let ledger = Ledger::open(data.path()).unwrap();
    let rows = ledger.trades(&TradeFilter::default()).unwrap();
    assert_eq!((rows.len(), rows[0].quantity.as_str(), rows[0].side.as_str()), (1, "2.5", "BUY"));
    let signals = ledger.signals(&SignalFilter::default()).unwrap();
    assert_eq!((signals.len(), signals[0].outcome.as_str()), (1, "TRADE_PENDING"));
    assert!(!signals[0].raw_data.as_ref().unwrap().contains(PASSKEY));
    let elsewhere = TradeFilter { exchange: Some("bybit"), ..TradeFilter::default() };
    assert!(ledger.trades(&elsewhere).unwrap().is_empty());

    venue.with(|exchange| exchange.set_fault_plan(None));
    let serve = Serve::start(&venue, data.path(), &[]);
    let ledger = until(data.path(), |ledger| filled(ledger) == 1).await;
    assert_eq!(ledger.trades(&TradeFilter::default()).unwrap().len(), 1);
    assert_eq!(ledger.signals(&SignalFilter::default()).unwrap()[0].outcome, "Filled");
    drop(serve);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poison_becomes_a_dead_letter_and_a_good_letter_is_replayed_once() {
    let venue = venue().await;
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::start(&venue, data.path(), &[]);
    let good = r#"{"requestId":"letter","exchange":"bybit","action":"LONG","symbol":"BTCUSDT","quantity":0.01,"idempotencyKey":"idemp:letter:live","queuedAt":"2020-01-01T00:00:00Z"}"#;
    let other = rusqlite::Connection::open(data.path().join("hoox.db")).unwrap();
    for body in ["poison", good] {
        other
            .execute(
                "INSERT INTO queue (request_id, body, attempts, queued_at, due_at)
                 VALUES ('letter', ?1, 0, 0, 0)",
                [body],
            )
            .unwrap();
    }
    // The one is no signal, the other is years old.
    let ledger = until(data.path(), |ledger| ledger.dead_letters(10).unwrap().len() == 2).await;
    let letters = ledger.dead_letters(10).unwrap();
    let id = |of: &str| u64::try_from(letters.iter().find(|it| it.body == of).unwrap().id).unwrap();
    let now = SystemClock.now();
    assert!(matches!(ledger.replay(id("poison"), now), Err(LedgerError::NotReplayable(_))));
    assert!(matches!(ledger.replay(99, now), Err(LedgerError::NoSuchLetter(99))));
    ledger.replay(id(good), now).unwrap();
    assert!(matches!(ledger.replay(id(good), now), Err(LedgerError::NoSuchLetter(_))));
    let ledger = until(data.path(), |ledger| filled(ledger) == 1).await;
    assert_eq!(venue.with(|exchange| exchange.counters()).orders, 0, "not at Binance");
    assert_eq!(ledger.positions(true).unwrap()[0].exchange, "bybit");
    let life = ledger.life("letter").unwrap().unwrap();
    assert!(life.log.iter().any(|line| line.level == "ERROR"));
    drop(serve);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn positions_and_profit_follow_the_fills_and_close_all_flattens() {
    let venue = venue().await;
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::start(&venue, data.path(), &[]);
    let send = async |fields: &str| {
        let (status, answer) = post(&serve.url, signal(fields)).await;
        assert_eq!(status, 200, "{answer}");
    };
    for exchange in ["binance", "bybit", "mexc"] {
        for (action, key) in [("LONG", "a"), ("LONG", "b")] {
            send(&format!(
                r#""exchange":"{exchange}","action":"{action}","symbol":"BTCUSDT","quantity":0.01,"idempotencyKey":"{exchange}-{key}""#
            ))
            .await;
        }
        send(&format!(
            r#""exchange":"{exchange}","action":"CLOSE","symbol":"BTCUSDT","partial":true,"quantity":25,"quantityUnit":"percent""#
        ))
        .await;
    }
    let ledger = until(data.path(), |ledger| filled(ledger) == 9).await;
    let open = ledger.positions(true).unwrap();
    assert_eq!(open.len(), 3);
    assert!(
        open.iter().all(|it| (it.size.as_str(), it.side.as_str()) == ("0.015", "LONG")),
        "{open:?}"
    );

    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let close_all = format!("{}/close-all", serve.url);
    let refused = client.post(&close_all).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    let closed =
        client.post(&close_all).header("X-Internal-Auth-Key", common::INTERNAL_KEY).send().await;
    let closed = closed.unwrap();
    assert_eq!(closed.status(), 200);
    let body: serde_json::Value = serde_json::from_str(&closed.text().await.unwrap()).unwrap();
    assert_eq!(body["result"]["closes"].as_array().unwrap().len(), 3, "{body}");

    let ledger = until(data.path(), |ledger| ledger.positions(true).unwrap().is_empty()).await;
    let all = ledger.positions(false).unwrap();
    assert!(all.iter().all(|it| it.size == "0" && it.closed_at.is_some()), "{all:?}");
    let ledger = until(data.path(), |ledger| {
        let executions = ledger.pnl_by_day(&PnlFilter::default()).unwrap();
        executions.iter().map(|day| day.executions).sum::<u32>() == 12
    })
    .await;
    let days = ledger.pnl_by_day(&PnlFilter::default()).unwrap();
    let sum: hoox_connector::Decimal =
        days.iter().map(|day| day.realized_pnl.parse::<hoox_connector::Decimal>().unwrap()).sum();
    let positions: hoox_connector::Decimal =
        all.iter().map(|it| it.realized_pnl.parse::<hoox_connector::Decimal>().unwrap()).sum();
    assert_eq!(sum, positions);
    assert_eq!(days.iter().map(|day| day.unknown).sum::<u32>(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relaxed_durability_still_survives_sigkill() {
    let venue = venue().await;
    let data = tempfile::tempdir().unwrap();
    let relaxed = ["--durability", "relaxed"];
    let body = |n: u32| {
        signal(&format!(
            r#""exchange":"binance","action":"LONG","symbol":"SOLUSDT","quantity":1,"idempotencyKey":"r-{n}""#
        ))
    };
    for round in 0..3 {
        let serve = Serve::start(&venue, data.path(), &relaxed);
        for n in 0..7 {
            assert_eq!(post(&serve.url, body(round * 7 + n)).await.0, 200);
        }
        serve.kill();
    }
    let serve = Serve::start(&venue, data.path(), &relaxed);
    for n in 0..21 {
        assert_eq!(post(&serve.url, body(n)).await.0, 409);
    }
    let ledger = until(data.path(), |ledger| filled(ledger) == 21).await;
    assert_eq!(ledger.positions(true).unwrap()[0].size, "21");
    assert_eq!(venue.with(|exchange| exchange.counters()).orders, 21);
}

#[test]
fn a_directory_without_a_ledger_says_so() {
    let data = tempfile::tempdir().unwrap();
    let error = Ledger::open(data.path()).unwrap_err().to_string();
    assert!(error.contains("hoox serve"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_and_loses_nothing() {
    let venue = venue().await;
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::start_on_full_disk(&venue, data.path(), 1_500);
    let mut filled_here = 0;
    let mut refused = 0;
    for n in 0..3_000 {
        let body = format!(
            r#""exchange":"binance","action":"LONG","symbol":"SOLUSDT","quantity":1,"idempotencyKey":"d-{n}""#
        );
        let (status, answer) = post(&serve.url, signal(&body)).await;
        match status {
            200 => filled_here += 1,
            503 => {
                let code = answer["error"]["code"].as_str().unwrap();
                assert!(["IDEMPOTENCY_UNAVAILABLE", "QUEUE_UNAVAILABLE"].contains(&code), "{code}");
                refused += 1;
            }
            _ => panic!("{status} {answer}"),
        }
        if refused == 5 {
            break;
        }
    }
    assert!(filled_here > 0 && refused == 5, "{filled_here} filled, {refused} refused");
    serve.kill();
    let serve = Serve::start(&venue, data.path(), &[]);
    let count = |ledger: &Ledger| {
        let filter =
            TradeFilter { status: Some("Filled"), limit: 10_000, ..TradeFilter::default() };
        ledger.trades(&filter).unwrap().len()
    };
    let ledger = until(data.path(), |ledger| count(ledger) >= filled_here).await;
    let orders = venue.with(|exchange| exchange.counters()).orders;
    assert_eq!((count(&ledger) as u64, orders), (filled_here as u64, filled_here as u64));
    drop(serve);
}

fn order(n: &str) -> String {
    signal(&format!(
        r#""exchange":"binance","action":"LONG","symbol":"SOLUSDT","quantity":1,"idempotencyKey":"{n}""#
    ))
}

/// Whatever is damaged under a running server, it refuses; the next start names what to do; and with
/// the backup nothing is ordered twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_damaged_while_it_is_open_refuses_and_its_backup_forgets_nothing() {
    let venue = venue().await;
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::start(&venue, data.path(), &[]);
    assert_eq!(post(&serve.url, order("before")).await.0, 200);
    until(data.path(), |ledger| filled(ledger) == 1).await;
    let files = ["hoox.db", "hoox.db-wal"].map(|name| data.path().join(name));
    let backup = files.each_ref().map(|file| std::fs::read(file).unwrap());
    for (file, bytes) in files.iter().zip(&backup) {
        let mut damaged = bytes.clone();
        // Behind the headers, so that it still looks like a database.
        damaged.iter_mut().skip(100).for_each(|byte| *byte ^= 0xa5);
        let mut file = std::fs::OpenOptions::new().write(true).open(file).unwrap();
        std::io::Write::write_all(&mut file, &damaged).unwrap();
    }
    let mut refused = 0;
    for n in 0..500 {
        let (status, answer) = post(&serve.url, order(&format!("after-{n}"))).await;
        match (status, answer["error"]["code"].as_str()) {
            // What is kept in memory is still whole.
            (200, _) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            (503, Some("KILL_SWITCH_ACTIVE" | "IDEMPOTENCY_UNAVAILABLE" | "QUEUE_UNAVAILABLE")) => {
                refused += 1;
            }
            _ => panic!("{status} {answer}"),
        }
        if refused == 5 {
            break;
        }
    }
    assert_eq!(refused, 5, "a damaged database is traded on");
    let ordered = venue.with(|exchange| exchange.counters()).orders;
    serve.kill();
    for (file, bytes) in files.iter().zip(&backup) {
        let mut damaged = bytes.clone();
        damaged.iter_mut().skip(100).for_each(|byte| *byte ^= 0xa5);
        std::fs::write(file, damaged).unwrap();
    }
    let args = ["serve", "--listen", "127.0.0.1:0", "--data-dir", data.path().to_str().unwrap()];
    let told = String::from_utf8(common::run(&args).stderr).unwrap();
    assert!(told.contains("hoox.db") && told.contains("backup"), "{told}");
    for (file, bytes) in files.iter().zip(&backup) {
        std::fs::write(file, bytes).unwrap();
    }
    let _ = std::fs::remove_file(data.path().join("hoox.db-shm"));
    let serve = Serve::start(&venue, data.path(), &[]);
    assert_eq!(post(&serve.url, order("before")).await.0, 409);
    assert_eq!(post(&serve.url, order("anew")).await.0, 200);
    assert_eq!(venue.with(|exchange| exchange.counters()).orders, ordered + 1);
    drop(serve);
}

/// Somebody else's lock keeps orders out for as long as it is held, and no longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_database_refuses_until_it_is_free_and_orders_once() {
    let venue = venue().await;
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::start(&venue, data.path(), &["--config", "webhooks:queue_mode=direct_only"]);
    let other = rusqlite::Connection::open(data.path().join("hoox.db")).unwrap();
    other.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (status, answer) = post(&serve.url, order("locked")).await;
    assert_eq!((status, answer["error"]["code"].as_str()), (503, Some("IDEMPOTENCY_UNAVAILABLE")));
    assert_eq!(venue.with(|exchange| exchange.counters()).orders, 0);
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(post(&serve.url, order("locked")).await.0, 200);
    assert_eq!(post(&serve.url, order("locked")).await.0, 409);
    assert_eq!(venue.with(|exchange| exchange.counters()).orders, 1);
    drop(serve);
}
