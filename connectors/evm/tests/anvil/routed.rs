//! From a webhook's bytes to a swap in the ledger, through the router.

use core::sync::atomic::{AtomicU8, Ordering};
use core::time::Duration;
use std::sync::Arc;

use hoox_connector::{PositionSide, SystemClock, Venue};
use hoox_router::{
    Answer, Desks, Exchanges, ExecutionStatus, MemoryConfig, MemoryStore, Record, RequestId,
    Router, SignalStore, State,
};
use hoox_wallet::{Action, Address, TransactionState, parse_units};
use serde_json::Value;

use crate::market::{Market, TestSwaps, dec, symbol};
use crate::transport::{Fault, Faulty};

type TestRouter =
    Router<Arc<MemoryStore>, MemoryConfig, Desks<TestSwaps>, SystemClock, hoox_router::NoQueue>;

/// A process: a router over a store that outlives it.
fn process(market: &Market, ledger: &Arc<MemoryStore>) -> (TestRouter, &'static Faulty) {
    let (swaps, network) = market.swaps();
    let config = MemoryConfig::new();
    config.set("webhooks:api_key", "secret");
    config.set("webhooks:queue_mode", "direct_only");
    let desks = Desks::new().with(Venue::Ethereum, false, swaps);
    (Router::new(Arc::clone(ledger), config, desks, SystemClock), network)
}

async fn signal(router: &TestRouter, number: u8, action: &str, rest: &str) -> Answer {
    let body = format!(
        r#"{{"apiKey":"secret","exchange":"ethereum","action":"{action}","symbol":"PLN/ETH",
            "idempotencyKey":"{number}"{rest}}}"#
    );
    router.handle(body.as_bytes(), None, RequestId::from_random(REQUESTS.next())).await
}

/// Every request has a name of its own.
struct Requests(AtomicU8);

static REQUESTS: Requests = Requests(AtomicU8::new(0));

impl Requests {
    fn next(&self) -> [u8; 16] {
        [self.0.fetch_add(1, Ordering::Relaxed); 16]
    }
}

fn body(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap()
}

fn last(ledger: &MemoryStore) -> Record {
    ledger.records().pop().unwrap()
}

#[tokio::test]
async fn a_signal_ends_in_one_swap_recorded_with_its_fill_and_its_gas() {
    let market = Market::open(false).await;
    let ledger = Arc::new(MemoryStore::new());
    let (router, _) = process(&market, &ledger);

    let bought = signal(&router, 1, "LONG", r#","quantity":1.25"#).await;
    assert_eq!(bought.status, 200, "{}", bought.body);
    let record = last(&ledger);
    assert_eq!((record.state, record.intent.venue), (State::Acknowledged, Venue::Ethereum));
    let execution = record.execution.unwrap();
    assert_eq!(execution.status, ExecutionStatus::Filled);
    assert_eq!(execution.filled_quantity, dec("1.25"));
    let price = execution.average_price.unwrap();
    assert!(price > dec("1.003") && price < dec("1.01"), "{price}");
    assert!(execution.fee.unwrap() > dec("0"));
    assert_eq!(execution.fee_asset.unwrap().as_str(), "ETH");
    let hash = record.order_id.unwrap();
    assert!(hash.as_str().len() == 66 && bought.body.contains(hash.as_str()), "{}", bought.body);
    let held = ledger.holdings(Venue::Ethereum, symbol("PLNETH"), false).await.unwrap();
    assert_eq!((held[0].side, held[0].size), (PositionSide::Long, dec("1.25")));

    // The same signal again is a duplicate.
    let again = signal(&router, 1, "LONG", r#","quantity":1.25"#).await;
    assert_eq!(again.status, 409, "{}", again.body);
    assert_eq!(market.count().await, 1);

    // An amount of money, by the pool's price.
    let bought = signal(&router, 2, "BUY", r#","quantity":10,"quantityUnit":"usdt""#).await;
    assert_eq!(bought.status, 200, "{}", bought.body);
    let quantity = last(&ledger).execution.unwrap().filled_quantity;
    assert!(quantity > dec("9.8") && quantity < dec("10"), "{quantity}");

    // What was bought is sold, and no more: the account has 2,000 tokens of other origin.
    let sold = signal(&router, 3, "CLOSE", "").await;
    assert_eq!(sold.status, 200, "{}", sold.body);
    let execution = last(&ledger).execution.unwrap();
    assert_eq!(execution.filled_quantity, quantity + dec("1.25"));
    let held = ledger.holdings(Venue::Ethereum, symbol("PLNETH"), false).await.unwrap();
    assert!(held.is_empty(), "{held:?}");
    // The sale has an approval before it.
    assert_eq!(market.count().await, 4);
    assert_eq!(body(&signal(&router, 4, "CLOSE", "").await)["success"], false);
    assert_eq!(market.count().await, 4);
}

/// A block takes longer than any exchange takes to tell a fill; whoever waits is told all the same.
#[tokio::test]
async fn a_signal_waits_for_its_block() {
    let market = Market::open(false).await;
    let ledger = Arc::new(MemoryStore::new());
    let (router, _) = process(&market, &ledger);
    market.mines(false).await;
    let _: Value = market.anvil.ask("evm_setIntervalMining", serde_json::json!([4])).await;
    let bought = signal(&router, 1, "LONG", r#","quantity":1"#).await;
    assert_eq!(bought.status, 200, "{}", bought.body);
    assert_eq!(last(&ledger).execution.unwrap().filled_quantity, dec("1"));
}

#[tokio::test]
async fn everything_that_was_bought_is_flattened() {
    let market = Market::open(false).await;
    let ledger = Arc::new(MemoryStore::new());
    let (router, _) = process(&market, &ledger);
    assert_eq!(signal(&router, 1, "LONG", r#","quantity":2"#).await.status, 200);
    let closed = router.close_all(RequestId::from_random(REQUESTS.next()), false).await;
    assert!(closed.is_complete(), "{closed:?}");
    assert_eq!(last(&ledger).execution.unwrap().filled_quantity, dec("2"));
    let again = router.close_all(RequestId::from_random(REQUESTS.next()), false).await;
    assert!(again.is_complete() && again.closes.is_empty(), "{again:?}");
    assert_eq!(market.count().await, 3);
}

/// Of what was bought, a part went elsewhere meanwhile.
#[tokio::test]
async fn no_more_is_sold_than_there_is() {
    let market = Market::open(false).await;
    let ledger = Arc::new(MemoryStore::new());
    let (router, _) = process(&market, &ledger);
    assert_eq!(signal(&router, 1, "LONG", r#","quantity":1"#).await.status, 200);
    let swaps = router.exchanges().desk(Venue::Ethereum, false).unwrap();
    let (token, to) = (market.token, Address::repeat_byte(0x77));
    let amount = parse_units("2000.25", 18).unwrap();
    let action = Action::Transfer { token, to, amount };
    swaps.wallet().submit("elsewhere", &action, None).await.unwrap();
    swaps.wallet().settle("elsewhere", 1, Duration::from_secs(60)).await.unwrap();
    let sold = signal(&router, 2, "CLOSE", "").await;
    assert_eq!(sold.status, 200, "{}", sold.body);
    assert_eq!(last(&ledger).execution.unwrap().filled_quantity, dec("0.75"));
}

#[tokio::test]
async fn what_a_pool_cannot_do_is_told_and_swaps_nothing() {
    let market = Market::open(false).await;
    let ledger = Arc::new(MemoryStore::new());
    let (router, _) = process(&market, &ledger);
    for (number, action, rest) in [
        (1, "SHORT", r#","quantity":1"#),
        (2, "LONG", r#","quantity":1,"stopLoss":0.5"#),
        (3, "LONG", r#","quantity":1,"orderType":"LIMIT","price":2"#),
        (4, "LONG", r#","quantity":5000"#),
        (5, "LONG", r#","quantity":0.0000000000000000001"#),
    ] {
        let answer = signal(&router, number, action, rest).await;
        assert!((400..500).contains(&answer.status), "{number}: {} {}", answer.status, answer.body);
    }
    assert!(market.store.records().is_empty());
}

async fn sent(network: &Faulty) {
    while network.broadcasts() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A process ends between the intent and the receipt, at several points; the next one reconciles, and
/// there is one swap.
#[tokio::test]
async fn a_crash_between_intent_and_receipt_leaves_one_swap() {
    let market = Market::open(false).await;
    let faults = [Some(Fault::LostRequest), Some(Fault::LostReply), None];
    for (number, fault) in (1..).zip(faults) {
        let ledger = Arc::new(MemoryStore::new());
        market.mines(false).await;
        {
            let (router, network) = process(&market, &ledger);
            if let Some(fault) = fault {
                network.fail("eth_sendRawTransaction", fault);
            }
            // The process ends as soon as it has begun to send.
            tokio::select! {
                answer = signal(&router, number, "LONG", r#","quantity":1"#) => panic!("{answer:?}"),
                () = sent(network) => {}
            }
            assert!(!last(&ledger).state.is_final());
        }
        market.mines(true).await;
        let (router, _) = process(&market, &ledger);
        let mut summary = router.recover().await.unwrap();
        while summary.unresolved > 0 {
            summary = router.recover().await.unwrap();
        }
        assert_eq!(summary.acknowledged, 1);
        let record = last(&ledger);
        assert_eq!(record.execution.unwrap().filled_quantity, dec("1"));
        let answer = signal(&router, number, "LONG", r#","quantity":1"#).await;
        assert_eq!(answer.status, 409, "{}", answer.body);
        assert_eq!(market.count().await, u64::from(number));
    }
    let records = market.store.records();
    assert_eq!(records.len(), 3);
    for record in records {
        assert_eq!(record.attempts.len(), 1);
        assert!(matches!(record.state, TransactionState::Confirmed(_)));
    }
}
