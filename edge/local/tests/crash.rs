//! The server is killed with SIGKILL in the middle of a burst, again and again: no order twice, no
//! acknowledged signal lost, the ledger equal to the venue.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::{Serve, signal, venue};
use rand::{RngExt, SeedableRng};
use tokio::sync::Mutex;

const ROUNDS: u32 = 20;
const SENDERS: u32 = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_order_twice_and_no_acknowledged_signal_lost() {
    let venue = venue().await;
    let data = tempfile::tempdir().unwrap();
    let mut random = rand::rngs::StdRng::seed_from_u64(7);
    let next = Arc::new(AtomicU32::new(0));
    // What each sender heard of its signals: a status, or nothing.
    let heard: Arc<Mutex<HashMap<u32, Option<u16>>>> = Arc::default();

    for _ in 0..ROUNDS {
        let serve = Serve::start(&venue, data.path(), &[]);
        let senders: Vec<_> = (0..SENDERS)
            .map(|_| {
                let (url, next, heard) =
                    (format!("{}/webhook", serve.url), Arc::clone(&next), Arc::clone(&heard));
                tokio::spawn(async move {
                    let client = reqwest::Client::builder().no_proxy().build().unwrap();
                    loop {
                        let n = next.fetch_add(1, Ordering::Relaxed);
                        let answer = client.post(&url).body(body(n)).send().await;
                        let status = answer.ok().map(|answer| answer.status().as_u16());
                        heard.lock().await.insert(n, status);
                        if status.is_none() {
                            return;
                        }
                    }
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(random.random_range(20..250))).await;
        serve.kill();
        for sender in senders {
            sender.await.unwrap();
        }
    }

    // A last start reconciles what is open; then everyone who heard nothing sends again.
    let serve = Serve::start(&venue, data.path(), &[]);
    let heard = heard.lock().await.clone();
    let unanswered = heard.iter().filter(|(_, status)| status.is_none());
    let mut resent = 0;
    for (n, _) in unanswered {
        let (status, answer) = common::post(&serve.url, body(*n)).await;
        assert!(matches!(status, 200 | 202 | 409), "signal {n} sent again: {status} {answer}");
        resent += 1;
    }
    assert!(resent >= ROUNDS, "the kills hit nothing: {resent} signals were cut off");
    at_rest(data.path()).await;
    serve.stop();

    let ledger = ledger(data.path());
    let now = 4_102_444_800_000;
    let state = venue.with(|exchange| exchange.state(now, usize::MAX));
    assert_eq!(state.counters.reused_client_ids, 0, "an order was placed twice");
    let orders: HashMap<String, String> = state.accounts[0]
        .orders
        .iter()
        .map(|order| (order.client_id.clone(), order.executed.normalize().to_string()))
        .collect();
    assert_eq!(orders.len(), state.accounts[0].orders.len(), "a client order id twice");
    let lacking = orders.keys().filter(|id| !ledger.contains_key(*id));
    let lacking: Vec<_> = lacking.map(|id| (id, records(data.path(), id))).collect();
    assert!(lacking.is_empty(), "at the venue and not in the ledger: {lacking:?}");
    assert_eq!(ledger.len(), orders.len(), "the ledger and the venue differ in number");
    for (id, (status, quantity, _)) in &ledger {
        assert_eq!(status, "Filled", "{id}");
        assert_eq!(orders.get(id), Some(quantity), "{id}");
    }
    let keys: Vec<&String> = ledger.values().map(|(_, _, key)| key).collect();
    for (n, status) in &heard {
        assert!(
            matches!(status, None | Some(200 | 202)),
            "signal {n} was answered with {status:?}"
        );
        let key = format!("idemp:crash-{n}:live");
        let times = keys.iter().filter(|known| ***known == key).count();
        assert_eq!(times, 1, "signal {n} is in the ledger {times} times");
    }
}

fn body(n: u32) -> String {
    signal(&format!(
        r#""exchange":"binance","action":"LONG","symbol":"SOLUSDT","quantity":1,"idempotencyKey":"crash-{n}""#
    ))
}

/// Waits until no order lacks an outcome and the queue is empty. A signal that was queued, for the
/// venue did not answer in time, is tried again after half a minute.
async fn at_rest(data: &std::path::Path) {
    const LEFT: &str =
        "SELECT (SELECT count(*) FROM records WHERE open = 1) + (SELECT count(*) FROM queue)";
    let connection = rusqlite::Connection::open(data.join("hoox.db")).unwrap();
    let mut left: u32 = 0;
    for _ in 0..1_200 {
        left = connection.query_row(LEFT, [], |row| row.get(0)).unwrap();
        if left == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{left} orders and messages are left without an outcome");
}

/// Client order id to (status, quantity, idempotency key).
fn ledger(data: &std::path::Path) -> HashMap<String, (String, String, String)> {
    let connection = rusqlite::Connection::open(data.join("hoox.db")).unwrap();
    let mut statement = connection
        .prepare("SELECT client_order_id, status, quantity, idempotency_key FROM trades")
        .unwrap();
    let rows = statement
        .query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?))))
        .unwrap();
    rows.map(Result::unwrap).collect()
}

/// The state of the records that name an order, and the records themselves.
fn records(data: &std::path::Path, client_order_id: &str) -> Vec<(String, String)> {
    let connection = rusqlite::Connection::open(data.join("hoox.db")).unwrap();
    let mut statement =
        connection.prepare("SELECT state, json FROM records WHERE instr(json, ?) > 0").unwrap();
    let rows =
        statement.query_map([client_order_id], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}
