//! What goes wrong between the signature and the last confirmation.

use core::time::Duration;

use hoox_wallet::{Action, Address, Bytes, TransactionRecord, TransactionState, U256};
use serde_json::json;

use alloy_sol_types::SolCall;

use crate::chain::{Anvil, Contracts, PATIENCE, TestWallet, open, succeed};
use crate::transport::{Fault, Faulty};

const FRIEND: Address = Address::repeat_byte(0x77);

/// Long enough for some looks at the chain.
const SHORT: Duration = Duration::from_millis(300);

async fn submit(wallet: &TestWallet, id: &str, value: u64) -> TransactionRecord {
    let action = Action::Send { to: FRIEND, value: U256::from(value), data: Bytes::new() };
    wallet.submit(id, &action, None).await.unwrap().record().unwrap()
}

/// A wallet and the network under it, which mines when it is told to.
fn unmined() -> (Anvil, TestWallet, &'static Faulty) {
    let anvil = Anvil::start_with(&["--no-mining"]);
    let (wallet, network) = anvil.faulty_wallet(open());
    (anvil, wallet, network)
}

#[tokio::test]
async fn what_a_node_calls_underpriced_is_replaced_and_executed_once() {
    let anvil = Anvil::start();
    let (wallet, network) = anvil.faulty_wallet(open());
    let refusal = Fault::Refuse("transaction underpriced");
    network.fail("eth_sendRawTransaction", refusal.clone());
    network.fail("eth_sendRawTransaction", refusal);
    let first = submit(&wallet, "1", 5).await;
    assert_eq!(first.state, TransactionState::Signed);
    let mined = succeed(&wallet, "1").await;
    let record = wallet.find("1").await.unwrap();
    assert!(record.attempts.len() > 1, "{record:?}");
    assert_ne!(Some(mined.hash), first.hash());
    for pair in record.attempts.windows(2) {
        assert!(pair[1].fees.max_price() >= pair[0].fees.max_price() * 1125 / 1000);
    }
    assert_eq!(anvil.balance(FRIEND).await, U256::from(5));
    assert_eq!(anvil.count(wallet.address()).await, 1);
}

#[tokio::test]
async fn a_replacement_that_the_trap_forbids_is_not_signed() {
    let anvil = Anvil::start();
    let mut config = open();
    let (wallet, _) = anvil.faulty_wallet(config.clone());
    // Room for the first price and for no eighth more.
    let price = submit(&wallet, "probe", 1).await.attempts[0].fees.max_price();
    config.fees.max_gas_price = Some(price);
    let (wallet, network) = anvil.faulty_wallet(config);
    network.fail("eth_sendRawTransaction", Fault::Refuse("transaction underpriced"));
    submit(&wallet, "1", 5).await;
    let record = wallet.settle("1", 1, PATIENCE).await.unwrap();
    assert_eq!(record.attempts.len(), 1);
    // The same bytes were sent again, and taken.
    assert!(matches!(record.state, TransactionState::Confirmed(_)), "{:?}", record.state);
    assert_eq!(anvil.balance(FRIEND).await, U256::from(6));
}

/// Once or always: a node that has the transaction is not believed that its nonce is used.
#[tokio::test]
async fn a_node_that_calls_the_nonce_used_and_has_the_transaction_is_not_believed() {
    for lies in [2, 100] {
        let (anvil, wallet, network) = unmined();
        submit(&wallet, "1", 5).await;
        for _ in 0..lies {
            network.fail("eth_getTransactionCount", Fault::Lie(json!("0x9")));
        }
        let record = wallet.settle("1", 1, SHORT).await.unwrap();
        assert_eq!(record.state, TransactionState::Pending);
        anvil.mine(1).await;
        succeed(&wallet, "1").await;
        assert_eq!(anvil.balance(FRIEND).await, U256::from(5));
        assert_eq!(wallet.find("1").await.unwrap().attempts.len(), 1);
    }
}

#[tokio::test]
async fn while_the_chain_cannot_be_seen_nothing_is_concluded_or_sent() {
    let (anvil, wallet, network) = unmined();
    submit(&wallet, "1", 5).await;
    for fault in [Fault::NotSent, Fault::LostRequest, Fault::LostReply] {
        network.fail("eth_getTransactionReceipt", fault);
    }
    let record = wallet.settle("1", 1, SHORT).await.unwrap();
    assert_eq!((record.state, network.broadcasts()), (TransactionState::Pending, 1));
    anvil.mine(1).await;
    succeed(&wallet, "1").await;
    assert_eq!((network.broadcasts(), anvil.balance(FRIEND).await), (1, U256::from(5)));
}

#[tokio::test]
async fn a_token_that_is_paused_after_the_signature_costs_gas_and_is_not_asked_again() {
    let anvil = Anvil::start();
    let (wallet, network) = anvil.faulty_wallet(open());
    let own = wallet.address();
    let token = anvil.token(own, U256::from(1000)).await;
    // Signed, and not there yet when the token is paused.
    network.fail("eth_sendRawTransaction", Fault::LostRequest);
    let action = Action::Transfer { token, to: FRIEND, amount: U256::from(400) };
    wallet.submit("1", &action, None).await.unwrap();
    anvil.send(Some(token), U256::ZERO, Contracts::pauseCall {}.abi_encode()).await;
    let record = wallet.settle("1", 1, PATIENCE).await.unwrap();
    let TransactionState::Confirmed(mined) = &record.state else { panic!("{record:?}") };
    assert!(!mined.succeeded);
    let again = wallet.submit("1", &action, None).await.unwrap().record().unwrap();
    assert_eq!((again.hash(), anvil.count(own).await), (record.hash(), 1));
    assert_eq!(wallet.balance(own, Some(token)).await.unwrap().amount, U256::from(1000));
}

/// The node's own words for a replacement that pays too little: another transaction with our nonce, of
/// somebody with our key, is in its pool.
#[tokio::test]
async fn a_replacement_that_the_node_calls_underpriced_is_replaced_by_a_dearer_one() {
    let (anvil, other, _) = unmined();
    submit(&other, "other", 7).await;
    other.replace("other").await.unwrap();
    let (wallet, network) = anvil.faulty_wallet(open());
    // It does not know that the nonce is used.
    for _ in 0..2 {
        network.fail("eth_getTransactionCount", Fault::Lie(json!("0x0")));
    }
    let record = submit(&wallet, "1", 5).await;
    assert_eq!((record.nonce, record.state), (0, TransactionState::Signed));
    wallet.settle("1", 1, SHORT).await.unwrap();
    let record = wallet.find("1").await.unwrap();
    assert!(record.attempts.len() > 1, "{record:?}");
    anvil.mine(1).await;
    succeed(&wallet, "1").await;
    assert_eq!(
        (anvil.count(wallet.address()).await, anvil.balance(FRIEND).await),
        (1, U256::from(5))
    );
}
