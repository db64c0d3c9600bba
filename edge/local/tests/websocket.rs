//! Orders over WebSocket: while the key says so, over REST only while nothing has left, and each once
//! whatever becomes of the socket.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::{Serve, post, run, signal, venue};
use hoox_ledger::ledger::{Ledger, TradeFilter, TradeRow};
use hoox_venue::{Counters, Fault, FaultKind, Running, Venue};

/// A server whose orders go over sockets once they are open, and never over REST.
async fn over_sockets(venue: &Running, data: &Path) -> Serve {
    let url = |of: Venue, path: &str| format!("{}{path}", venue.endpoint(of).ws);
    let binance = format!("binance={}", url(Venue::Binance, "/ws-fapi/v1"));
    let bybit = format!("bybit={}", url(Venue::Bybit, "/v5/trade"));
    let args = [
        ["--entry-url", &binance],
        ["--entry-url", &bybit],
        ["--config", "exchange:binance:use_websocket=true"],
        ["--config", "exchange:bybit:use_websocket=true"],
    ];
    let serve = Serve::start(venue, data, args.as_flattened());
    sockets(venue, 1, 1).await;
    for path in ["POST /fapi/v1/order", "POST /v5/order/create"] {
        let fault = Fault { count: 1_000, ..Fault::new(FaultKind::Html).on(path) };
        assert!(venue.with(|exchange| exchange.queue_fault(fault)));
    }
    serve
}

async fn sockets(venue: &Running, binance: u64, bybit: u64) {
    let open = || [Venue::Binance, Venue::Bybit].map(|of| counters(venue, of).sessions);
    for _ in 0..400 {
        if open() == [binance, bybit] {
            // Logged on, too.
            return tokio::time::sleep(Duration::from_millis(100)).await;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?}", open());
}

fn counters(venue: &Running, of: Venue) -> Counters {
    venue.with(|exchange| exchange.counters_of(of))
}

/// Each is a signal of its own.
fn entry(exchange: &str) -> String {
    static KEYS: AtomicU32 = AtomicU32::new(0);
    let key = KEYS.fetch_add(1, Ordering::Relaxed);
    signal(&format!(
        r#""exchange":"{exchange}","action":"LONG","symbol":"BTCUSDT","quantity":0.01,"idempotencyKey":"ws-{key}""#
    ))
}

fn trades(data: &Path) -> Vec<TradeRow> {
    Ledger::open(data).unwrap().trades(&TradeFilter::default()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_go_over_the_sockets_while_the_key_says_so() {
    let (venue, data) = (venue().await, tempfile::tempdir().unwrap());
    let serve = over_sockets(&venue, data.path()).await;
    for (of, exchange) in [(Venue::Binance, "binance"), (Venue::Bybit, "bybit")] {
        let (status, body) = post(&serve.url, entry(exchange)).await;
        assert_eq!((status, &body["success"]), (200, &true.into()), "{body}");
        assert_eq!(counters(&venue, of).orders, 1);
    }

    let off = ["config", "set", "exchange:binance:use_websocket", "false", "--data-dir"];
    assert!(run(&[&off[..], &[data.path().to_str().unwrap()]].concat()).status.success());
    sockets(&venue, 0, 1).await;
    // Over REST now, where a page of a proxy is all that comes.
    let (status, body) = post(&serve.url, entry("binance")).await;
    assert_ne!(status, 200, "{body}");
    assert_eq!(counters(&venue, Venue::Binance).orders, 1);
    serve.stop();
    // Both frames of each order are kept, without the signature.
    let logs: Vec<_> = common::files(&data.path().join("logs"));
    let texts: Vec<_> = logs.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    for wanted in ["order.place", "order.create"] {
        let log = texts.iter().find(|text| text.contains(wanted)).unwrap();
        assert!(!log.contains(&venue.endpoint(Venue::Binance).api_key), "{log}");
        assert!(!log.contains(&venue.endpoint(Venue::Bybit).api_key), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_breaks_behind_an_order_leaves_it_to_be_looked_up() {
    let (venue, data) = (venue().await, tempfile::tempdir().unwrap());
    let serve = over_sockets(&venue, data.path()).await;
    let entries =
        [(Venue::Binance, "binance", "order.place"), (Venue::Bybit, "bybit", "order.create")];
    for (of, exchange, request) in entries {
        for kind in [FaultKind::ResetAfter, FaultKind::ReplyLost] {
            let before = counters(&venue, of).orders;
            let fault = Fault::new(kind).on(request);
            assert!(venue.with(|exchange| exchange.queue_fault(fault)));
            let (status, body) = post(&serve.url, entry(exchange)).await;
            assert!(status == 200 || status == 202 || status == 504, "{status} {body}");
            let counters = counters(&venue, of);
            assert_eq!(counters.orders, before + 1, "{exchange} {kind:?}");
            assert_eq!(counters.reused_client_ids + counters.duplicate_client_ids, 0);
            sockets(&venue, 1, 1).await;
        }
    }
    for _ in 0..1_000 {
        if trades(data.path()).iter().filter(|trade| trade.status == "Filled").count() == 4 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    let trades = trades(data.path());
    assert_eq!(trades.len(), 4);
    assert!(trades.iter().all(|trade| trade.status == "Filled"), "{trades:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_goes_over_rest_while_there_is_no_socket() {
    let (venue, data) = (venue().await, tempfile::tempdir().unwrap());
    // Nobody listens there.
    let args = [
        ["--entry-url", "binance=ws://127.0.0.1:9/ws-fapi/v1"],
        ["--config", "exchange:binance:use_websocket=true"],
    ];
    let serve = Serve::start(&venue, data.path(), args.as_flattened());
    let (status, body) = post(&serve.url, entry("binance")).await;
    assert_eq!((status, &body["success"]), (200, &true.into()), "{body}");
    assert_eq!(counters(&venue, Venue::Binance).orders, 1);
}
