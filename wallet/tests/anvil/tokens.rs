use std::collections::BTreeMap;

use alloy_sol_types::SolCall;
use hoox_wallet::{
    Action, Address, AddressError, AllowList, Asset, Bytes, Chain, Policy, PolicyError, Revert,
    SpendLimit, TransactionState, U256, WalletError,
};

use crate::chain::{Anvil, Contracts, ETHER, PATIENCE, account, open, succeed};

fn pay(to: Address, value: u64) -> Action {
    Action::Send { to, value: U256::from(value), data: Bytes::new() }
}

#[tokio::test]
async fn coins_are_sent_and_confirmed() {
    let anvil = Anvil::start();
    let wallet = anvil.wallet();
    let friend = Address::repeat_byte(0x77);
    wallet.submit("rent", &pay(friend, ETHER), None).await.unwrap();
    let mined = succeed(&wallet, "rent").await;
    assert_eq!(mined.gas_used, 21_000);
    assert_eq!(anvil.balance(friend).await, U256::from(ETHER));
    let balance = wallet.balance(friend, None).await.unwrap();
    assert_eq!((balance.to_decimal_text().as_str(), balance.symbol.as_str()), ("1", "ETH"));
}

#[tokio::test]
async fn confirmations_are_waited_for() {
    let anvil = Anvil::start();
    let wallet = anvil.wallet();
    wallet.submit("1", &pay(Address::repeat_byte(1), 1), None).await.unwrap();
    let short = core::time::Duration::from_millis(200);
    let record = wallet.settle("1", 3, short).await.unwrap();
    assert!(matches!(record.state, TransactionState::Mined(_)), "{:?}", record.state);
    anvil.mine(2).await;
    let record = wallet.settle("1", 3, PATIENCE).await.unwrap();
    assert!(matches!(record.state, TransactionState::Confirmed(_)), "{:?}", record.state);
}

#[tokio::test]
async fn asking_twice_with_one_name_pays_once() {
    let anvil = Anvil::start();
    let wallet = anvil.wallet();
    let friend = Address::repeat_byte(0x77);
    let first = wallet.submit("1", &pay(friend, 5), None).await.unwrap().record().unwrap();
    succeed(&wallet, "1").await;
    let again = wallet.submit("1", &pay(friend, 5), None).await.unwrap().record().unwrap();
    assert_eq!(again.hash(), first.hash());
    assert_eq!(anvil.balance(friend).await, U256::from(5));
    let error = wallet.submit("1", &pay(friend, 6), None).await.unwrap_err();
    assert_eq!(error, WalletError::IdReused);
}

#[tokio::test]
async fn tokens_are_sent_approved_and_read() {
    let anvil = Anvil::start();
    let wallet = anvil.wallet();
    let (own, friend) = (wallet.address(), Address::repeat_byte(0x77));
    let token = anvil.token(own, U256::from(1000)).await;
    let balance = wallet.balance(own, Some(token)).await.unwrap();
    assert_eq!((balance.symbol.as_str(), balance.decimals), ("PLN", 18));
    let action = Action::Transfer { token, to: friend, amount: U256::from(400) };
    wallet.submit("1", &action, None).await.unwrap();
    succeed(&wallet, "1").await;
    let held = |owner| wallet.balance(owner, Some(token));
    assert_eq!(held(own).await.unwrap().amount, U256::from(600));
    assert_eq!(held(friend).await.unwrap().amount, U256::from(400));
    let action = Action::Approve { token, spender: friend, amount: U256::from(7) };
    wallet.submit("2", &action, None).await.unwrap();
    succeed(&wallet, "2").await;
    assert_eq!(wallet.allowance(token, own, friend).await.unwrap(), U256::from(7));
}

#[tokio::test]
async fn a_token_that_returns_nothing_is_sent_too() {
    let anvil = Anvil::start();
    let wallet = anvil.wallet();
    let (own, friend) = (wallet.address(), Address::repeat_byte(0x77));
    let token = anvil.silent_token(own, U256::from(1000)).await;
    let action = Action::Transfer { token, to: friend, amount: U256::from(400) };
    wallet.submit("1", &action, None).await.unwrap();
    succeed(&wallet, "1").await;
    let balance = wallet.balance(friend, Some(token)).await.unwrap();
    assert_eq!(balance.to_decimal_text(), "0.0004");
}

#[tokio::test]
async fn an_approval_is_taken_back_first_where_the_token_asks_for_it() {
    let anvil = Anvil::start();
    let wallet = anvil.wallet();
    let (own, spender) = (wallet.address(), Address::repeat_byte(0x77));
    let token = anvil.zero_first_token().await;
    let approve = |amount: u64| Action::Approve { token, spender, amount: U256::from(amount) };
    for (id, amount) in [("1", 5), ("2", 7), ("3", 0), ("4", 9)] {
        wallet.submit(id, &approve(amount), None).await.unwrap();
        succeed(&wallet, id).await;
        let allowed = wallet.allowance(token, own, spender).await.unwrap();
        assert_eq!(allowed, U256::from(amount), "{id}");
    }
    assert_eq!(wallet.store().records().len(), 5);
    assert!(wallet.find("2:reset").await.is_ok());
}

#[tokio::test]
async fn a_paused_token_is_noticed_before_anything_is_signed() {
    let anvil = Anvil::start();
    let wallet = anvil.wallet();
    let token = anvil.token(wallet.address(), U256::from(1000)).await;
    anvil.send(Some(token), U256::ZERO, Contracts::pauseCall {}.abi_encode()).await;
    let to = Address::repeat_byte(0x77);
    let action = Action::Transfer { token, to, amount: U256::from(1) };
    let error = wallet.submit("1", &action, None).await.unwrap_err();
    let reason = "ERC20Pausable: token transfer while paused";
    assert_eq!(error, WalletError::Reverted(Revert::Reason(reason.into())));
    assert!(wallet.store().records().is_empty());
}

#[tokio::test]
async fn a_revert_is_noticed_with_its_reason() {
    let anvil = Anvil::start();
    let wallet = anvil.wallet();
    let token = anvil.token(wallet.address(), U256::from(10)).await;
    let to = Address::repeat_byte(0x77);
    let action = Action::Transfer { token, to, amount: U256::from(11) };
    let error = wallet.submit("1", &action, None).await.unwrap_err();
    let reason = "ERC20: transfer amount exceeds balance";
    assert_eq!(error, WalletError::Reverted(Revert::Reason(reason.into())));
    assert!(wallet.store().records().is_empty());
}

#[tokio::test]
async fn nothing_is_sent_to_nobody_or_to_a_contract_that_is_not_there() {
    let anvil = Anvil::start();
    let wallet = anvil.wallet();
    let (zero, empty) = (Address::ZERO, Address::repeat_byte(0x66));
    let one = U256::ONE;
    for action in [
        pay(zero, 1),
        Action::Transfer { token: empty, to: zero, amount: one },
        Action::Transfer { token: zero, to: empty, amount: one },
        Action::Approve { token: empty, spender: zero, amount: one },
    ] {
        let error = wallet.submit("1", &action, None).await.unwrap_err();
        assert_eq!(error, WalletError::Address(AddressError::Zero));
    }
    let unread = Action::Send { to: empty, value: one, data: Bytes::from_static(&[1, 2, 3, 4]) };
    let error = wallet.submit("1", &unread, None).await.unwrap_err();
    assert_eq!(error, WalletError::Policy(PolicyError::Unread(empty)));
    let mut config = open();
    config.policy.recipients = AllowList::only([empty]);
    let wallet = anvil.wallet_on(wallet.chain().clone(), config);
    for action in [Action::Transfer { token: empty, to: wallet.address(), amount: one }, unread] {
        let error = wallet.submit("1", &action, None).await.unwrap_err();
        assert_eq!(error, WalletError::NoContract(empty));
    }
    assert!(wallet.store().records().is_empty());
}

#[tokio::test]
async fn coins_are_wrapped_and_unwrapped() {
    let anvil = Anvil::start();
    let wrapped = anvil.wrapped().await;
    let chain = Chain::new("anvil", 31337, "ETH").with_wrapped(wrapped);
    let wallet = anvil.wallet_on(chain, open());
    let own = wallet.address();
    wallet.submit("1", &Action::Wrap { amount: U256::from(10) }, None).await.unwrap();
    succeed(&wallet, "1").await;
    assert_eq!(wallet.balance(own, Some(wrapped)).await.unwrap().amount, U256::from(10));
    wallet.submit("2", &Action::Unwrap { amount: U256::from(4) }, None).await.unwrap();
    succeed(&wallet, "2").await;
    assert_eq!(wallet.balance(own, Some(wrapped)).await.unwrap().amount, U256::from(6));
}

#[tokio::test]
async fn the_policy_is_asked_before_anything_is_signed() {
    let anvil = Anvil::start();
    let friend = account(1).address();
    let limit = SpendLimit { per_transaction: U256::from(5), daily: U256::from(8) };
    let mut config = open();
    config.policy = Policy::default();
    config.policy.recipients = AllowList::only([friend]);
    config.policy.limits = BTreeMap::from([(Asset::Coin, limit)]);
    let wallet = anvil.wallet_on(Chain::new("anvil", 31337, "ETH"), config);
    let refusal = async |id: &str, action: &Action| match wallet.submit(id, action, None).await {
        Err(WalletError::Policy(error)) => error,
        other => panic!("{other:?}"),
    };
    let thief = Address::repeat_byte(0x66);
    assert_eq!(refusal("1", &pay(thief, 1)).await, PolicyError::Recipient(thief));
    let error = refusal("1", &pay(friend, 6)).await;
    assert!(matches!(error, PolicyError::PerTransaction { .. }), "{error}");
    wallet.submit("1", &pay(friend, 5), None).await.unwrap();
    let error = refusal("2", &pay(friend, 4)).await;
    assert!(matches!(error, PolicyError::Daily { .. }), "{error}");
    wallet.submit("3", &pay(friend, 3), None).await.unwrap();
    succeed(&wallet, "3").await;
    assert_eq!(wallet.store().records().len(), 2);
}
