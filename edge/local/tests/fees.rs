//! A fee that is read after the answer is read after the next start if there was no time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use common::{Serve, post, signal, venue};
use hoox_connector::{Decimal, parse_decimal};
use hoox_ledger::ledger::{Ledger, TradeFilter};
use hoox_venue::{Fault, FaultKind};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fee_that_a_crash_kept_from_being_read_is_read_after_it() {
    let venue = venue().await;
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::start(&venue, data.path(), &[]);
    // The answer does not wait for the fee; nor does the crash.
    let late =
        Fault { ms: 5_000, matches: Some("/userTrades".into()), ..Fault::new(FaultKind::Delay) };
    assert!(venue.with(|exchange| exchange.queue_fault(late)));
    let fields = r#""exchange":"binance","action":"LONG","symbol":"BTCUSDT","quantity":0.01"#;
    let (status, body) = post(&serve.url, signal(fields)).await;
    assert_eq!(status, 200, "{body}");
    let trades = || {
        let ledger = Ledger::open(data.path()).unwrap();
        ledger.trades(&TradeFilter::default()).unwrap()
    };
    for _ in 0..100 {
        if trades().iter().any(|trade| trade.status == "Filled") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    serve.kill();
    assert_eq!((trades().len(), &trades()[0].fee), (1, &None));

    let _serve = Serve::start(&venue, data.path(), &[]);
    for _ in 0..200 {
        if trades()[0].fee.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    let trade = &trades()[0];
    assert_eq!((trade.fee_asset.as_deref(), trade.fee.is_some()), (Some("USDT"), true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_order_of_a_burst_gets_its_own_fee_though_they_are_read_together() {
    const ORDERS: u32 = 40;
    let venue = venue().await;
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::start(&venue, data.path(), &[]);
    let sending = (1..=ORDERS).map(|n| {
        let url = serve.url.clone();
        let fields = format!(
            r#""exchange":"binance","action":"LONG","symbol":"SOLUSDT","quantity":{n},"idempotencyKey":"fee-{n}""#
        );
        tokio::spawn(async move { post(&url, signal(&fields)).await })
    });
    for sent in sending.collect::<Vec<_>>() {
        let (status, body) = sent.await.unwrap();
        assert_eq!(status, 200, "{body}");
    }
    let filter = TradeFilter { limit: ORDERS + 1, ..TradeFilter::default() };
    let trades = || Ledger::open(data.path()).unwrap().trades(&filter).unwrap();
    for _ in 0..400 {
        if trades().iter().filter(|trade| trade.fee.is_some()).count() == ORDERS as usize {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    // The quantities differ, the rate does not: an order with another's fee would show.
    let number = |text: Option<String>| parse_decimal(&text.unwrap()).unwrap();
    let rates = trades().into_iter().map(|trade| {
        let value = number(Some(trade.quantity)) * number(trade.price);
        (number(trade.fee) / value).round_dp(6)
    });
    let rates: BTreeSet<Decimal> = rates.collect();
    assert_eq!(rates.len(), 1, "{rates:?}");
    let reads = venue.with(|exchange| exchange.counters()).requests;
    assert!(reads < u64::from(3 * ORDERS), "{reads} requests for {ORDERS} orders");
}
