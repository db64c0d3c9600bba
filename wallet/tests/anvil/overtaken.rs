//! Nonces that something else has used, or that a node says so of.

use core::time::Duration;

use hoox_connector::SystemClock;
use hoox_wallet::{
    Action, Address, Bytes, Chain, Rpc, RpcUrl, TransactionRecord, TransactionState,
    TransactionStore, U256, Wallet,
};
use serde_json::{Value, json};

use crate::chain::{Anvil, account, open};
use crate::transport::Faulty;

const FRIEND: Address = Address::repeat_byte(0x77);

fn pay(value: u64) -> Action {
    Action::Send { to: FRIEND, value: U256::from(value), data: Bytes::new() }
}

/// A look at everything that is open, by a process of its own: another wallet with the same store.
async fn look(store: &impl TransactionStore, nodes: &[RpcUrl]) {
    let rpc = Rpc::new(Faulty::leaked(), SystemClock, 31337, nodes.to_vec()).with_rounds(1);
    let chain = Chain::new("anvil", 31337, "ETH");
    Wallet::new(account(0), chain, rpc, store, open()).unwrap().recover().await.unwrap();
    tokio::time::sleep(Duration::from_millis(60)).await;
}

async fn submit(wallet: &crate::chain::TestWallet, id: &str, value: u64) -> TransactionRecord {
    wallet.submit(id, &pay(value), None).await.unwrap().record().unwrap()
}

/// The verdict is that of the record, not of the process: no one of them looks more than once.
#[tokio::test]
async fn what_anothers_transaction_took_the_place_of_is_never_sent_again() {
    let anvil = Anvil::start_with(&["--no-mining"]);
    let (wallet, network) = anvil.faulty_wallet(open());
    let hash = submit(&wallet, "1", 5).await.hash();
    let _: Value = anvil.ask("anvil_dropTransaction", json!([hash])).await;
    // Somebody else with the same key, and the same nonce.
    let (other, _) = anvil.faulty_wallet(open());
    assert_eq!(submit(&other, "other", 7).await.nonce, 0);
    anvil.mine(1).await;
    let state = async || wallet.find("1").await.unwrap().state;
    for _ in 0..4 {
        look(wallet.store(), &[anvil.url()]).await;
        // Time alone is not enough, nor are looks.
        let state = state().await;
        assert!(matches!(state, TransactionState::Overtaken { block: 1, .. }), "{state:?}");
    }
    anvil.mine(3).await;
    look(wallet.store(), &[anvil.url()]).await;
    assert_eq!(state().await, TransactionState::Superseded);
    let sent = network.broadcasts();
    assert_eq!(submit(&wallet, "1", 5).await.state, TransactionState::Superseded);
    assert_eq!(wallet.recover().await.unwrap(), vec![]);
    assert_eq!(network.broadcasts(), sent);
    assert_eq!(anvil.balance(FRIEND).await, U256::from(7));
}

/// A node that has lost the transaction and counts too many cannot bring the verdict about by itself,
/// whether or not the other one answers.
#[tokio::test]
async fn one_node_of_two_that_lies_is_not_believed_however_long() {
    let (liar, honest) = (Anvil::start_with(&["--no-mining"]), Anvil::start_with(&["--no-mining"]));
    let wallet = liar.wallet_with(honest.url(), open());
    let record = submit(&wallet, "1", 5).await;
    let _: Value = liar.ask("anvil_dropTransaction", json!([record.hash()])).await;
    let _: Value = liar.ask("anvil_setNonce", json!([wallet.address(), "0x9"])).await;
    let nodes = [liar.url(), honest.url()];
    let is_open = async || !wallet.find("1").await.unwrap().state.is_final();
    for _ in 0..4 {
        look(wallet.store(), &nodes).await;
        liar.mine(5).await;
        assert!(is_open().await);
    }
    drop(honest);
    for _ in 0..4 {
        look(wallet.store(), &nodes).await;
        liar.mine(5).await;
        assert!(is_open().await);
    }
    // By itself it is believed: there is nobody else to ask.
    look(wallet.store(), &nodes[..1]).await;
    look(wallet.store(), &nodes[..1]).await;
    assert!(!is_open().await);
}
