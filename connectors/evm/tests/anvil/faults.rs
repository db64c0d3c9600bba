//! Lost replies, lost requests, prices that move, and processes that end.

use hoox_connector::{Error, Exchange, OrderStatus, Outcome, Refused, RejectReason, Side};
use serde_json::{Value, json};

use crate::market::{Market, accepted, dec, ended, id, market, symbol};
use crate::transport::Fault;

const SEND: &str = "eth_sendRawTransaction";

#[tokio::test]
async fn a_lost_reply_is_looked_up_and_a_lost_request_sent_again_as_it_was() {
    for fault in [Fault::LostReply, Fault::LostRequest, Fault::NotSent] {
        let market_ = Market::open(false).await;
        let (swaps, network) = market_.swaps();
        swaps.warm_up().await.unwrap();
        network.fail(SEND, fault.clone());
        let placed = market(&swaps, "lost", Side::Buy, "PLNETH", "1").await;
        let Ok(Outcome::Unknown(unknown)) = placed else { panic!("{fault:?}: {placed:?}") };
        assert_eq!(unknown.client_order_id, id("lost"));
        let report = ended(&swaps, "PLNETH", "lost").await;
        assert_eq!((report.status, report.filled_quantity), (OrderStatus::Filled, dec("1")));
        assert_eq!(market_.count().await, 1);
        assert_eq!(market_.store.records()[0].attempts.len(), 1);
    }
}

#[tokio::test]
async fn what_a_node_refuses_certainly_is_no_order() {
    let market_ = Market::open(false).await;
    let (swaps, network) = market_.swaps();
    network.fail(SEND, Fault::Refuse("insufficient funds for gas * price + value"));
    let refused = market(&swaps, "poor", Side::Buy, "PLNETH", "1").await.unwrap_err();
    assert!(matches!(refused, Refused::Rejected(_)), "{refused:?}");
    let report = swaps.find(symbol("PLNETH"), id("poor")).await.unwrap().unwrap();
    assert_eq!((report.status, report.fee), (OrderStatus::Rejected, None));
    // Its nonce is free for the next.
    accepted(market(&swaps, "rich", Side::Buy, "PLNETH", "1").await);
    assert_eq!(ended(&swaps, "PLNETH", "rich").await.status, OrderStatus::Filled);
    assert_eq!(market_.count().await, 1);
}

#[tokio::test]
async fn a_node_that_does_not_answer_leaves_nothing_signed() {
    let market_ = Market::open(false).await;
    let (swaps, network) = market_.swaps();
    swaps.warm_up().await.unwrap();
    network.fail("eth_feeHistory", Fault::LostReply);
    let refused = market(&swaps, "lost", Side::Buy, "PLNETH", "1").await.unwrap_err();
    assert!(matches!(refused, Refused::NotSent(_)), "{refused:?}");
    assert_eq!(swaps.find(symbol("PLNETH"), id("lost")).await.unwrap(), None);
    assert!(market_.store.records().is_empty());
}

/// The price moves between the signature and the block: nothing is bought, and the gas is told.
#[tokio::test]
async fn a_swap_that_is_reverted_ends_without_a_fill_and_with_its_gas() {
    let market_ = Market::open(false).await;
    let (swaps, _) = market_.swaps();
    swaps.warm_up().await.unwrap();
    market_.mines(false).await;
    accepted(market(&swaps, "late", Side::Buy, "PLNETH", "1").await);
    let open = swaps.find(symbol("PLNETH"), id("late")).await.unwrap().unwrap();
    assert_eq!((open.status, open.fee), (OrderStatus::New, None));
    // Somebody else buys first, and pays more for it.
    market_.front_run().await;
    market_.anvil.mine(1).await;
    let report = ended(&swaps, "PLNETH", "late").await;
    assert_eq!((report.status, report.filled_quantity), (OrderStatus::Expired, dec("0")));
    assert!(report.fee.unwrap().amount > dec("0"));
}

/// Nobody put it into a block in time: the router refuses it then, and only gas is paid.
#[tokio::test]
async fn a_swap_whose_deadline_passes_in_the_pool_ends_without_a_fill() {
    let market_ = Market::open(false).await;
    let (swaps, _) = market_.swaps();
    swaps.warm_up().await.unwrap();
    market_.mines(false).await;
    accepted(market(&swaps, "late", Side::Buy, "PLNETH", "1").await);
    let _: Value = market_.anvil.ask("evm_increaseTime", json!([3600])).await;
    market_.anvil.mine(1).await;
    let report = ended(&swaps, "PLNETH", "late").await;
    assert_eq!((report.status, report.filled_quantity), (OrderStatus::Expired, dec("0")));
    assert!(report.fee.unwrap().amount > dec("0"));
    assert_eq!(market_.count().await, 1);
}

/// A block that a fill was told from is gone: nothing is told in its place, the same bytes are sent
/// again, and the fill is what the new block says.
#[tokio::test]
async fn a_fill_whose_block_is_gone_comes_back_with_the_same_bytes() {
    let market_ = Market::open(false).await;
    let (swaps, network) = market_.swaps();
    swaps.warm_up().await.unwrap();
    accepted(market(&swaps, "one", Side::Buy, "PLNETH", "1").await);
    let first = ended(&swaps, "PLNETH", "one").await;
    assert_eq!(first.status, OrderStatus::Filled);
    market_.mines(false).await;
    let _: Value = market_.anvil.ask("anvil_rollback", json!([1])).await;
    assert_eq!(market_.count().await, 0);
    let sent = network.broadcasts();
    let gone = swaps.find(symbol("PLNETH"), id("one")).await;
    assert!(matches!(gone, Err(Error::Unknown(_))), "{gone:?}");
    assert_eq!(network.broadcasts(), sent + 1);
    market_.mines(true).await;
    let report = ended(&swaps, "PLNETH", "one").await;
    assert_eq!((report.status, report.order_id), (OrderStatus::Filled, first.order_id));
    assert_eq!(report.filled_quantity, dec("1"));
    assert_eq!(market_.store.records()[0].attempts.len(), 1);
    assert_eq!(market_.count().await, 1);
}

/// A process ends with a swap in the pool; the next one finds it, and swaps nothing again.
#[tokio::test]
async fn a_process_that_begins_again_finds_what_the_last_one_signed() {
    let market_ = Market::open(false).await;
    {
        let (swaps, network) = market_.swaps();
        swaps.warm_up().await.unwrap();
        network.fail(SEND, Fault::LostRequest);
        let placed = market(&swaps, "crash", Side::Buy, "PLNETH", "1").await;
        assert!(matches!(placed, Ok(Outcome::Unknown(_))));
    }
    let (swaps, _) = market_.swaps();
    let refused = market(&swaps, "crash", Side::Buy, "PLNETH", "1").await.unwrap_err();
    let Refused::Rejected(rejection) = refused else { panic!("{refused:?}") };
    assert_eq!(rejection.reason, RejectReason::DuplicateClientOrderId);
    assert_eq!(ended(&swaps, "PLNETH", "crash").await.status, OrderStatus::Filled);
    assert_eq!(market_.count().await, 1);
}

/// A process ends between the approval and the swap: the swap keeps to what was approved.
#[tokio::test]
async fn a_swap_that_was_only_approved_is_carried_on_with() {
    let market_ = Market::open(false).await;
    {
        let (swaps, network) = market_.swaps();
        swaps.warm_up().await.unwrap();
        // The selector of swapTokensForExactETH: after the approval the swap is not even simulated.
        network.fail_after("eth_sendRawTransaction", "4a25d94a", Fault::NotSent);
        let refused = market(&swaps, "buy", Side::Buy, "ETHPLN", "1").await.unwrap_err();
        assert!(matches!(refused, Refused::NotSent(_)), "{refused:?}");
        assert_eq!(swaps.find(symbol("ETHPLN"), id("buy")).await.unwrap(), None);
        assert_eq!(market_.count().await, 1);
    }
    let (swaps, _) = market_.swaps();
    // The price has moved a little since.
    accepted(market(&swaps, "other", Side::Buy, "PLNETH", "0.1").await);
    ended(&swaps, "PLNETH", "other").await;
    accepted(market(&swaps, "buy", Side::Buy, "ETHPLN", "1").await);
    assert_eq!(ended(&swaps, "ETHPLN", "buy").await.filled_quantity, dec("1"));
    assert_eq!(market_.count().await, 3);
}
