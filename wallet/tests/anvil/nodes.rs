//! Nodes that serve another chain, or count other transactions.

use hoox_connector::SystemClock;
use hoox_wallet::{
    Action, Address, Bytes, Chain, NonceError, Question, Rpc, RpcError, RpcUrl, TransactionRecord,
    U256, Wallet, WalletError,
};
use serde_json::{Value, json};

use crate::chain::{Anvil, TestWallet, account, open, succeed};
use crate::transport::{Fault, Faulty};

const FRIEND: Address = Address::repeat_byte(0x77);

fn pay(value: u64) -> Action {
    Action::Send { to: FRIEND, value: U256::from(value), data: Bytes::new() }
}

async fn submit(wallet: &TestWallet, id: &str, value: u64) -> TransactionRecord {
    wallet.submit(id, &pay(value), None).await.unwrap().record().unwrap()
}

fn dead() -> RpcUrl {
    RpcUrl::parse("http://127.0.0.1:1").unwrap()
}

/// Another node, which counts nine transactions of the account.
async fn liar(chain_id: u64) -> Anvil {
    let anvil = Anvil::start_as(chain_id, &[]);
    let own = account(0).address();
    let _: Value = anvil.ask("anvil_setNonce", json!([own, "0x9"])).await;
    anvil
}

#[tokio::test]
async fn a_node_of_another_chain_gets_nothing_to_sign_for() {
    let anvil = Anvil::start();
    let wallet = anvil.wallet_on(Chain::named("ethereum").unwrap(), open());
    let error = wallet.submit("1", &pay(1), None).await.unwrap_err();
    assert_eq!(error, RpcError::WrongChain { expected: 1, reported: 31337 }.into());
    assert!(wallet.store().records().is_empty());
    assert_eq!(anvil.count(wallet.address()).await, 0);
}

/// The first node would do. But whatever the second is asked later, it would be on another chain.
#[tokio::test]
async fn nothing_is_signed_while_any_node_serves_another_chain() {
    let (anvil, other) = (Anvil::start(), Anvil::start_as(1, &[]));
    let wallet = anvil.wallet_with(other.url(), open());
    let error = wallet.submit("1", &pay(1), None).await.unwrap_err();
    assert_eq!(error, RpcError::WrongChain { expected: 31337, reported: 1 }.into());
    assert!(wallet.store().records().is_empty());
}

/// Nor a replacement, by a process that has signed nothing before.
#[tokio::test]
async fn nothing_is_replaced_while_any_node_serves_another_chain() {
    let (anvil, other) = (Anvil::start_with(&["--no-mining"]), Anvil::start_as(1, &[]));
    let first = anvil.wallet();
    submit(&first, "1", 1).await;
    let urls = vec![anvil.url(), other.url()];
    let rpc = Rpc::new(Faulty::leaked(), SystemClock, 31337, urls);
    let chain = Chain::new("anvil", 31337, "ETH");
    let wallet = Wallet::new(account(0), chain, rpc, first.store(), open()).unwrap();
    let error = wallet.replace("1").await.unwrap_err();
    assert_eq!(error, RpcError::WrongChain { expected: 31337, reported: 1 }.into());
    assert_eq!(first.find("1").await.unwrap().attempts.len(), 1);
}

#[tokio::test]
async fn nodes_that_disagree_on_the_first_nonce_are_not_believed() {
    let (anvil, other) = (Anvil::start(), liar(31337).await);
    let error = NonceError::Disagreement { lowest: 0, highest: 9 };
    // Whichever of them is asked first.
    for (first, second) in [(&anvil, &other), (&other, &anvil)] {
        let wallet = first.wallet_with(second.url(), open());
        let result = wallet.submit("1", &pay(1), None).await;
        assert_eq!(result.unwrap_err(), WalletError::Nonce(error));
        assert!(wallet.store().records().is_empty());
    }
    let twin = Anvil::start();
    let wallet = anvil.wallet_with(twin.url(), open());
    assert_eq!(submit(&wallet, "1", 1).await.nonce, 0);
    succeed(&wallet, "1").await;
    // From then on the records lead, and the nodes need not be asked again.
    assert_eq!(submit(&wallet, "2", 1).await.nonce, 1);
}

#[tokio::test]
async fn one_node_of_two_is_not_enough_for_the_first_nonce() {
    let anvil = Anvil::start();
    let wallet = anvil.wallet_with(dead(), open());
    let error = wallet.submit("1", &pay(1), None).await.unwrap_err();
    assert_eq!(error, WalletError::Nonce(NonceError::Unconfirmed));
    assert!(wallet.store().records().is_empty());
}

#[tokio::test]
async fn transactions_in_the_pool_that_this_wallet_did_not_sign_need_a_shared_key() {
    let anvil = Anvil::start_with(&["--no-mining"]);
    submit(&anvil.wallet(), "other", 1).await;
    let wallet = anvil.wallet();
    let error = wallet.submit("1", &pay(1), None).await.unwrap_err();
    assert_eq!(error, NonceError::OthersPending { mined: 0, pending: 1 }.into());
    let mut config = open();
    config.shared_key = true;
    let (shared, _) = anvil.faulty_wallet(config);
    assert_eq!(submit(&shared, "1", 1).await.nonce, 1);
}

#[tokio::test]
async fn a_node_that_counts_too_many_transactions_is_not_believed() {
    let anvil = Anvil::start();
    let (wallet, network) = anvil.faulty_wallet(open());
    submit(&wallet, "1", 1).await;
    succeed(&wallet, "1").await;
    network.fail("eth_getTransactionCount", Fault::Lie(json!("0x9")));
    let error = wallet.submit("2", &pay(1), None).await.unwrap_err();
    assert_eq!(error, WalletError::Nonce(NonceError::Jump { last: 0, reported: 9 }));
    assert_eq!(wallet.store().records().len(), 1);
}

/// One node alone can lie about the first nonce, and nobody notices. Its transaction waits; but the
/// account is not stranded: what comes after it takes the nonces that are there.
#[tokio::test]
async fn a_lie_about_the_first_nonce_strands_nothing_but_its_own_transaction() {
    let anvil = Anvil::start();
    let (wallet, network) = anvil.faulty_wallet(open());
    for _ in 0..2 {
        network.fail("eth_getTransactionCount", Fault::Lie(json!("0x9")));
    }
    assert_eq!(submit(&wallet, "1", 1).await.nonce, 9);
    for (id, nonce) in [("2", 0), ("3", 1)] {
        assert_eq!(submit(&wallet, id, 5).await.nonce, nonce);
        succeed(&wallet, id).await;
    }
    assert_eq!(anvil.balance(FRIEND).await, U256::from(10));
}

#[tokio::test]
async fn a_node_that_counts_too_few_transactions_costs_no_nonce_twice() {
    let anvil = Anvil::start();
    let (wallet, network) = anvil.faulty_wallet(open());
    submit(&wallet, "1", 1).await;
    network.fail("eth_getTransactionCount", Fault::Lie(json!("0x0")));
    assert_eq!(submit(&wallet, "2", 1).await.nonce, 1);
    succeed(&wallet, "2").await;
    assert_eq!(anvil.balance(FRIEND).await, U256::from(2));
}

#[tokio::test]
async fn a_second_node_answers_reads_that_the_first_does_not() {
    let anvil = Anvil::start();
    let wallet = anvil.wallet_with(dead(), open());
    let (balance, own) = (U256::from(7), Address::repeat_byte(1));
    let _: Value = anvil.ask("anvil_setBalance", json!([own, balance])).await;
    assert_eq!(wallet.balance(own, None).await.unwrap().amount, balance);
    let urls = vec![dead(), anvil.url()];
    let rpc = Rpc::new(Faulty::leaked(), SystemClock, 31337, urls);
    let read: U256 = rpc.ask(Question::balance(own)).await.unwrap();
    assert_eq!(read, balance);
}
