//! The server is killed with SIGKILL in the middle of a burst, again and again, while the venue loses
//! replies, hangs up, is slow and answers with errors: no order twice, no acknowledged signal lost, the
//! ledger equal to the venue.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::{Serve, signal, venue};
use hoox_venue::{FaultKind, FaultPlan};
use rand::{RngExt, SeedableRng};
use tokio::sync::Mutex;

/// A hundred kills. Each lane has a server and a venue of its own, for a start waits until the order
/// that the last kill has cut off cannot arrive any more: six seconds, which the lanes wait together.
const LANES: u64 = 10;
const ROUNDS: u32 = 10;
const SENDERS: u32 = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_kills_under_faults_double_nothing_and_lose_nothing() {
    let lanes: Vec<_> = (0..LANES).map(|seed| tokio::spawn(lane(seed))).collect();
    let (mut cut_off, mut faults) = (0, 0);
    for lane in lanes {
        let (resent, injected) = lane.await.unwrap();
        cut_off += resent;
        faults += injected;
    }
    assert!(cut_off >= 100, "the kills hit nothing: {cut_off} signals were cut off");
    assert!(faults >= LANES, "the venue was too well: {faults} faults");
}

/// How often what goes wrong with orders and with questions for them, in a million.
fn faults(seed: u64) -> FaultPlan {
    let rates = [
        (FaultKind::ReplyLost, 40_000),
        (FaultKind::ResetBefore, 20_000),
        (FaultKind::ResetAfter, 20_000),
        (FaultKind::Delay, 20_000),
        (FaultKind::DelayBefore, 20_000),
        (FaultKind::Http503Unknown, 40_000),
        (FaultKind::Http500Unexpected, 20_000),
        (FaultKind::Http504Timeout, 20_000),
        (FaultKind::Http429, 2_000),
    ];
    let ms = BTreeMap::from([(FaultKind::Delay, 300), (FaultKind::DelayBefore, 400)]);
    FaultPlan { seed, rates: rates.into(), ms, on: Some("/order".into()) }
}

/// Kills one server, round after round; how many signals were cut off, and how many faults hit.
async fn lane(seed: u64) -> (u32, u64) {
    let venue = venue().await;
    let data = tempfile::tempdir().unwrap();
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    let next = Arc::new(AtomicU32::new(0));
    // What each sender heard of its signals: a status, or nothing.
    let heard: Arc<Mutex<HashMap<u32, Option<u16>>>> = Arc::default();
    // It is waited for on this thread, and the venue must answer meanwhile.
    let start = || tokio::task::block_in_place(|| Serve::start(&venue, data.path(), &[]));

    assert!(venue.with(|exchange| exchange.set_fault_plan(Some(&faults(seed)))));
    for _ in 0..ROUNDS {
        let serve = start();
        let senders: Vec<_> = (0..SENDERS)
            .map(|_| {
                let url = format!("{}/webhook", serve.url);
                tokio::spawn(send_on(url, Arc::clone(&next), Arc::clone(&heard)))
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(random.random_range(20..400))).await;
        serve.kill();
        for sender in senders {
            sender.await.unwrap();
        }
    }

    // A last start reconciles what is open; then everyone who heard nothing sends again.
    venue.with(|exchange| exchange.set_fault_plan(None));
    let serve = start();
    let heard = heard.lock().await.clone();
    let unanswered = heard.iter().filter(|(_, status)| status.is_none());
    let mut resent = 0;
    for (n, _) in unanswered {
        let (status, answer) = common::post(&serve.url, body(*n)).await;
        assert!(matches!(status, 200 | 202 | 409), "signal {n} sent again: {status} {answer}");
        resent += 1;
    }
    serve.stop();
    due_now(data.path());
    let serve = start();
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
    let mut filled: HashMap<&str, u32> = HashMap::new();
    for row in &ledger {
        match row.status.as_str() {
            "Filled" => {
                assert_eq!(orders.get(&row.client_order_id), Some(&row.quantity), "{row:?}");
                *filled.entry(row.key.as_str()).or_default() += 1;
            }
            // An attempt that certainly came to no order; another one has the same key.
            status => assert!(matches!(status, "Rejected" | "Failed"), "{row:?}"),
        }
    }
    let lacking = orders.keys().filter(|id| {
        !ledger.iter().any(|row| row.status == "Filled" && row.client_order_id == **id)
    });
    let lacking: Vec<_> = lacking.map(|id| (id, records(data.path(), id))).collect();
    assert!(lacking.is_empty(), "at the venue and not in the ledger: {lacking:?}");
    for (n, status) in &heard {
        assert!(
            matches!(status, None | Some(200 | 202)),
            "signal {n} was answered with {status:?}"
        );
        let key = format!("idemp:crash-{n}:live");
        let times = filled.get(key.as_str()).copied().unwrap_or_default();
        let rows = rows_of(&ledger, &key);
        // One order; or a row that says why there is none, to a sender who was told of no fill.
        let refused = times == 0 && !rows.is_empty() && *status != Some(200);
        let told = || (&rows, records(data.path(), &key), letters(data.path(), &key));
        assert!(
            times == 1 || refused,
            "signal {n}, answered {status:?}, is filled {times} times: {:?}",
            told()
        );
    }
    (resent, state.counters.faults_injected)
}

/// Sends one signal after the other until nobody answers.
async fn send_on(url: String, next: Arc<AtomicU32>, heard: Arc<Mutex<HashMap<u32, Option<u16>>>>) {
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
}

/// What waits for its next attempt waits no longer.
fn due_now(data: &Path) {
    let connection = rusqlite::Connection::open(data.join("hoox.db")).unwrap();
    connection.execute("UPDATE queue SET due_at = 0", []).unwrap();
}

fn body(n: u32) -> String {
    signal(&format!(
        r#""exchange":"binance","action":"LONG","symbol":"SOLUSDT","quantity":1,"idempotencyKey":"crash-{n}""#
    ))
}

/// Waits until no order lacks an outcome and the queue is empty. A signal that was queued, for the
/// venue did not answer in time, is tried again after half a minute.
async fn at_rest(data: &Path) {
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

/// A row of the ledger.
#[derive(Debug)]
struct Row {
    client_order_id: String,
    status: String,
    quantity: String,
    key: String,
}

fn ledger(data: &Path) -> Vec<Row> {
    let connection = rusqlite::Connection::open(data.join("hoox.db")).unwrap();
    let mut statement = connection
        .prepare("SELECT client_order_id, status, quantity, idempotency_key FROM trades")
        .unwrap();
    let rows = statement
        .query_map([], |row| {
            let (client_order_id, status) = (row.get(0)?, row.get(1)?);
            Ok(Row { client_order_id, status, quantity: row.get(2)?, key: row.get(3)? })
        })
        .unwrap();
    rows.map(Result::unwrap).collect()
}

fn rows_of<'l>(ledger: &'l [Row], key: &str) -> Vec<&'l Row> {
    ledger.iter().filter(|row| row.key == key).collect()
}

/// The messages and dead letters with a key, and what is in the log of their requests.
fn letters(data: &Path, key: &str) -> Vec<(String, String)> {
    let connection = rusqlite::Connection::open(data.join("hoox.db")).unwrap();
    let mut statement = connection
        .prepare(
            "SELECT 'waiting', body FROM queue WHERE instr(body, ?1) > 0
             UNION ALL SELECT reason, body FROM dead_letters WHERE instr(body, ?1) > 0
             UNION ALL SELECT outcome, raw_data FROM trade_signals WHERE instr(raw_data, ?1) > 0
             UNION ALL SELECT 'key', request_id FROM reservations WHERE key = ?1",
        )
        .unwrap();
    let rows = statement.query_map([key], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

/// The state of the records that contain a text, and the records themselves.
fn records(data: &Path, client_order_id: &str) -> Vec<(String, String)> {
    let connection = rusqlite::Connection::open(data.join("hoox.db")).unwrap();
    let mut statement =
        connection.prepare("SELECT state, json FROM records WHERE instr(json, ?) > 0").unwrap();
    let rows =
        statement.query_map([client_order_id], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}
