use core::time::Duration;

use hoox_wallet::{
    Action, Address, Bytes, FeeError, RpcError, TransactionRecord, TransactionState, U256,
    WalletError,
};
use serde_json::{Value, json};

use crate::chain::{Anvil, ETHER, PATIENCE, TestWallet, open, succeed};
use crate::transport::Fault;

const FRIEND: Address = Address::repeat_byte(0x77);

fn pay(value: u64) -> Action {
    Action::Send { to: FRIEND, value: U256::from(value), data: Bytes::new() }
}

async fn submit(wallet: &TestWallet, id: &str, value: u64) -> TransactionRecord {
    wallet.submit(id, &pay(value), None).await.unwrap().record().unwrap()
}

#[tokio::test]
async fn a_node_that_lies_about_the_balance_moves_nothing() {
    let anvil = Anvil::start();
    let (wallet, network) = anvil.faulty_wallet(open());
    network.fail("eth_getBalance", Fault::Lie(json!("0x1")));
    let error = wallet.submit("1", &pay(5), None).await.unwrap_err();
    assert!(matches!(error, WalletError::InsufficientFunds { .. }), "{error}");
    // The other way about, the simulation says what is true.
    let _: Value = anvil.ask("anvil_setBalance", json!([wallet.address(), "0x1"])).await;
    network.fail("eth_getBalance", Fault::Lie(json!("0xde0b6b3a7640000")));
    let error = wallet.submit("2", &pay(5), None).await.unwrap_err();
    assert!(matches!(error, WalletError::Rpc(RpcError::Node(_))), "{error}");
    assert!(wallet.store().records().is_empty());
    assert_eq!(anvil.balance(FRIEND).await, U256::ZERO);
}

#[tokio::test]
async fn what_a_node_refuses_at_once_frees_its_nonce() {
    let anvil = Anvil::start();
    let (wallet, network) = anvil.faulty_wallet(open());
    network.fail("eth_sendRawTransaction", Fault::Refuse("insufficient funds for transfer"));
    let refused = submit(&wallet, "1", 5).await;
    assert!(matches!(refused.state, TransactionState::Refused { .. }), "{refused:?}");
    let next = submit(&wallet, "2", 7).await;
    assert_eq!(next.nonce, refused.nonce);
    succeed(&wallet, "2").await;
    assert_eq!(anvil.balance(FRIEND).await, U256::from(7));
}

#[tokio::test]
async fn a_gap_before_a_transaction_is_filled() {
    let anvil = Anvil::start();
    let (wallet, network) = anvil.faulty_wallet(open());
    automine(&anvil, false).await;
    network.fail("eth_sendRawTransaction", Fault::LostRequest);
    let first = submit(&wallet, "1", 5).await;
    let second = submit(&wallet, "2", 7).await;
    assert_eq!((first.nonce, second.nonce), (0, 1));
    // The first is found to be lost, and sent again, when it is looked after.
    wallet.recover().await.unwrap();
    anvil.mine(1).await;
    succeed(&wallet, "1").await;
    succeed(&wallet, "2").await;
    assert_eq!(anvil.balance(FRIEND).await, U256::from(12));
    assert_eq!(wallet.fill_gaps().await.unwrap(), 0);
}

#[tokio::test]
async fn a_request_that_never_left_is_sent_later() {
    for fault in [Fault::NotSent, Fault::LostRequest] {
        let anvil = Anvil::start();
        let (wallet, network) = anvil.faulty_wallet(open());
        network.fail("eth_sendRawTransaction", fault);
        let record = submit(&wallet, "1", 5).await;
        assert_eq!(record.state, TransactionState::Signed);
        assert_eq!(anvil.count(wallet.address()).await, 0);
        let mined = succeed(&wallet, "1").await;
        assert_eq!(Some(mined.hash), record.hash());
        assert_eq!(anvil.balance(FRIEND).await, U256::from(5));
    }
}

#[tokio::test]
async fn a_reply_that_was_lost_is_looked_up_and_never_signed_again() {
    let anvil = Anvil::start();
    let (wallet, network) = anvil.faulty_wallet(open());
    network.fail("eth_sendRawTransaction", Fault::LostReply);
    let record = submit(&wallet, "1", 5).await;
    assert_eq!(record.state, TransactionState::Signed);
    let mined = succeed(&wallet, "1").await;
    assert_eq!(Some(mined.hash), record.hash());
    assert_eq!(network.broadcasts(), 1);
    assert_eq!(wallet.find("1").await.unwrap().attempts.len(), 1);
    assert_eq!(
        (anvil.count(wallet.address()).await, anvil.balance(FRIEND).await),
        (1, U256::from(5))
    );
}

#[tokio::test]
async fn a_timeout_before_the_broadcast_signs_nothing() {
    let anvil = Anvil::start();
    let (wallet, network) = anvil.faulty_wallet(open());
    network.fail("eth_estimateGas", Fault::LostReply);
    let error = wallet.submit("1", &pay(5), None).await.unwrap_err();
    assert!(matches!(error, WalletError::Rpc(RpcError::NoAnswer(_))), "{error}");
    assert!(wallet.store().records().is_empty());
    submit(&wallet, "1", 5).await;
    succeed(&wallet, "1").await;
    assert_eq!(anvil.balance(FRIEND).await, U256::from(5));
}

async fn automine(anvil: &Anvil, on: bool) {
    let _: Value = anvil.ask("evm_setAutomine", json!([on])).await;
}

#[tokio::test]
async fn a_reorganisation_sends_the_same_bytes_again() {
    let anvil = Anvil::start();
    let (wallet, network) = anvil.faulty_wallet(open());
    let record = submit(&wallet, "1", 5).await;
    let short = Duration::from_millis(100);
    let before = wallet.settle("1", 3, short).await.unwrap();
    assert!(matches!(before.state, TransactionState::Mined(_)), "{:?}", before.state);
    automine(&anvil, false).await;
    let _: Value = anvil.ask("anvil_rollback", json!([1])).await;
    assert_eq!(anvil.balance(FRIEND).await, U256::ZERO);
    let after = wallet.settle("1", 3, short).await.unwrap();
    assert!(!after.state.is_mined(), "{:?}", after.state);
    anvil.mine(3).await;
    let end = wallet.settle("1", 3, PATIENCE).await.unwrap();
    assert!(matches!(end.state, TransactionState::Confirmed(_)), "{:?}", end.state);
    assert_eq!(end.hash(), record.hash());
    assert_eq!(end.attempts.len(), 1);
    assert!(network.broadcasts() >= 1);
    assert_eq!(anvil.balance(FRIEND).await, U256::from(5));
}

#[tokio::test]
async fn a_transaction_that_was_dropped_is_sent_again() {
    let anvil = Anvil::start_with(&["--no-mining"]);
    let (wallet, network) = anvil.faulty_wallet(open());
    let record = submit(&wallet, "1", 5).await;
    assert_eq!(record.state, TransactionState::Pending);
    let _: Value = anvil.ask("anvil_dropTransaction", json!([record.hash()])).await;
    wallet.settle("1", 1, Duration::from_millis(200)).await.unwrap();
    assert_eq!(network.broadcasts(), 2);
    anvil.mine(1).await;
    assert_eq!(Some(succeed(&wallet, "1").await.hash), record.hash());
    assert_eq!(anvil.balance(FRIEND).await, U256::from(5));
}

#[tokio::test]
async fn what_pays_too_little_is_replaced_and_executed_once() {
    let anvil = Anvil::start_with(&["--no-mining"]);
    let mut config = open();
    config.life.stuck_after = Duration::from_millis(100);
    let (wallet, _) = anvil.faulty_wallet(config);
    let record = submit(&wallet, "1", 5).await;
    // The base fee rises above what it offered.
    let base = format!("{:#x}", record.attempts[0].fees.max_price() + 1_000_000);
    let _: Value = anvil.ask("anvil_setNextBlockBaseFeePerGas", json!([base])).await;
    wallet.settle("1", 1, Duration::from_millis(400)).await.unwrap();
    let replaced = wallet.find("1").await.unwrap();
    assert!(replaced.attempts.len() > 1, "{replaced:?}");
    for pair in replaced.attempts.windows(2) {
        assert!(pair[1].fees.max_price() >= pair[0].fees.max_price() * 1125 / 1000);
    }
    anvil.mine(1).await;
    let mined = succeed(&wallet, "1").await;
    assert_ne!(Some(mined.hash), record.hash());
    assert_eq!(anvil.balance(FRIEND).await, U256::from(5));
    assert_eq!(anvil.count(wallet.address()).await, 1);
}

#[tokio::test]
async fn a_cancelled_transaction_is_not_executed() {
    let anvil = Anvil::start_with(&["--no-mining"]);
    let (wallet, _) = anvil.faulty_wallet(open());
    submit(&wallet, "1", 5).await;
    wallet.cancel("1").await.unwrap();
    anvil.mine(1).await;
    let record = wallet.settle("1", 1, PATIENCE).await.unwrap();
    assert!(record.is_cancelled(), "{record:?}");
    assert_eq!(anvil.balance(FRIEND).await, U256::ZERO);
    assert_eq!(wallet.replace("1").await, Err(WalletError::Final));
}

#[tokio::test]
async fn gas_above_the_trap_signs_nothing() {
    let anvil = Anvil::start_with(&["--base-fee", "200000000000"]);
    let wallet = anvil.wallet();
    let error = wallet.submit("1", &pay(5), None).await.unwrap_err();
    let WalletError::Fee(FeeError::GasPrice { limit, .. }) = error else { panic!("{error}") };
    assert_eq!(limit, 100_000_000_000);
    assert!(wallet.store().records().is_empty());
}

#[tokio::test]
async fn a_total_fee_above_its_limit_signs_nothing() {
    let anvil = Anvil::start();
    let mut config = open();
    config.fees.max_total_fee = Some(U256::from(1));
    let (wallet, _) = anvil.faulty_wallet(config);
    let error = wallet.submit("1", &pay(5), None).await.unwrap_err();
    assert!(matches!(error, WalletError::Fee(FeeError::TotalFee { .. })), "{error}");
    assert!(wallet.store().records().is_empty());
}

#[tokio::test]
async fn a_chain_without_a_base_fee_is_paid_a_gas_price() {
    let anvil = Anvil::start_with(&["--hardfork", "berlin"]);
    let wallet = anvil.wallet();
    let record = submit(&wallet, "1", 5).await;
    let fees = record.attempts[0].fees;
    assert!(matches!(fees, hoox_wallet::Fees::Legacy { .. }), "{fees:?}");
    succeed(&wallet, "1").await;
    assert_eq!(anvil.balance(FRIEND).await, U256::from(5));
}

#[tokio::test]
async fn more_than_the_account_has_is_not_signed() {
    let anvil = Anvil::start();
    let wallet = anvil.wallet();
    let all = anvil.balance(wallet.address()).await;
    for value in [all, all + U256::ONE] {
        let action = Action::Send { to: FRIEND, value, data: Bytes::new() };
        let error = wallet.submit("1", &action, None).await.unwrap_err();
        assert!(!matches!(error, WalletError::Store(_)), "{error}");
    }
    assert!(wallet.store().records().is_empty());
    assert!(all > U256::from(ETHER));
}
