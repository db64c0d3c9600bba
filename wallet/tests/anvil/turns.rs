//! Swaps that pay with one token, and approvals of it, by wallets that know of each other by their store
//! alone: as workers have one for each request, and commands one for each process.

use core::time::Duration;

use hoox_connector::{Clock, SystemClock};
use hoox_wallet::{
    Action, Address, Call, MemoryStore, Rpc, TransactionStore, Turn, U256, Wallet, WalletError,
};

use crate::chain::{Anvil, PATIENCE, TestWallet, account, open};
use crate::swaps::{COIN, GAS, ether, exact_in, held, market, request};
use crate::transport::{Fault, Faulty};

type Shared<'s> = Wallet<&'static Faulty, SystemClock, &'s MemoryStore>;

/// Another wallet of the same account, with the same store, and the network under it.
fn another<'s>(anvil: &Anvil, of: &'s TestWallet) -> (Shared<'s>, &'static Faulty) {
    let network = Faulty::leaked();
    let rpc = Rpc::new(network, SystemClock, 31337, vec![anvil.url()]).with_rounds(1);
    let wallet = Wallet::new(account(0), of.chain().clone(), rpc, of.store(), open());
    (wallet.unwrap(), network)
}

async fn swapped(wallet: &Shared<'_>, id: &str) {
    let record = wallet.settle(id, 1, PATIENCE).await.unwrap();
    assert_eq!(Shared::has_succeeded(&record), Some(true), "{record:?}");
}

#[tokio::test]
async fn swaps_at_the_same_moment_do_not_use_up_each_others_approvals() {
    let anvil = Anvil::start();
    let (wallet, token, _) = market(&anvil, false).await;
    let before = held(&wallet, token).await;
    let wallets =
        [another(&anvil, &wallet).0, another(&anvil, &wallet).0, another(&anvil, &wallet).0];
    let sell = async |number: usize, amount: u64| {
        let action = request(token, COIN, exact_in(ether(amount)));
        wallets[number].submit(&number.to_string(), &action, GAS).await
    };
    let (a, b, c) = tokio::join!(sell(0, 3), sell(1, 1), sell(2, 2));
    for (number, submitted) in [a, b, c].into_iter().enumerate() {
        submitted.unwrap();
        swapped(&wallets[number], &number.to_string()).await;
    }
    assert_eq!(before - held(&wallet, token).await, ether(6));
    let router = wallet.chain().router.unwrap().address();
    let left = wallet.allowance(token, wallet.address(), router).await.unwrap();
    assert_eq!(left, U256::ZERO);
}

/// The swap is approved and not signed; before it is gone on with, its approval is taken back.
#[tokio::test]
async fn a_swap_whose_approval_has_gone_is_approved_again() {
    let anvil = Anvil::start();
    let (wallet, token, _) = market(&anvil, false).await;
    let (one, network) = another(&anvil, &wallet);
    let router = wallet.chain().router.unwrap().address();
    let action = request(token, COIN, exact_in(ether(1)));
    // The approval is in a block, and nothing after it is answered.
    network.fail_after("eth_getTransactionReceipt", "eth_feeHistory", Fault::NotSent);
    let error = one.submit("1", &action, GAS).await.unwrap_err();
    assert!(matches!(error, WalletError::Rpc(_)), "{error}");
    assert!(one.find("1:approve").await.unwrap().state.is_mined());
    let Call { to, data, .. } = Call::approve(token, router, U256::ZERO);
    let take_back = Action::Send { to: to.unwrap(), value: U256::ZERO, data };
    one.submit("back", &take_back, None).await.unwrap();
    swapped(&one, "back").await;
    one.submit("1", &action, GAS).await.unwrap();
    swapped(&one, "1").await;
    assert!(one.find("1:approve2").await.unwrap().state.is_mined());
}

/// A process that ended with the turn has left it; whoever finds its swap signed ends it.
#[tokio::test]
async fn a_turn_that_a_crash_has_left_ends_with_what_was_signed() {
    let anvil = Anvil::start();
    let (wallet, token, _) = market(&anvil, false).await;
    let (one, _) = another(&anvil, &wallet);
    let (first, second) =
        (request(token, COIN, exact_in(ether(1))), request(token, COIN, exact_in(ether(2))));
    one.submit("1", &first, GAS).await.unwrap();
    let turn = Turn { chain_id: 31337, owner: one.address(), token, name: "1".into() };
    let now = SystemClock.now();
    let until = now.after(Duration::from_secs(150));
    assert!(one.store().take_turn(&turn, now, until).await.unwrap());
    let waits = tokio::time::timeout(Duration::from_millis(500), one.submit("2", &second, GAS));
    assert!(waits.await.is_err());
    one.submit("1", &first, GAS).await.unwrap();
    one.submit("2", &second, GAS).await.unwrap();
    swapped(&one, "2").await;
}

#[tokio::test]
async fn a_swap_without_the_tokens_is_not_even_approved() {
    let anvil = Anvil::start();
    let (wallet, token, _) = market(&anvil, false).await;
    let balance = held(&wallet, token).await;
    let needed = balance + U256::ONE;
    let action = request(token, COIN, exact_in(needed));
    let error = wallet.submit("1", &action, GAS).await.unwrap_err();
    assert_eq!(error, WalletError::InsufficientTokens { token, balance, needed });
    assert!(wallet.store().records().is_empty());
}

/// A payment of the same token that waits for a block holds a swap up, and one of another does not.
#[tokio::test]
async fn a_swap_waits_for_what_pays_with_its_token_before_it() {
    let anvil = Anvil::start();
    let (wallet, token, wrapped) = market(&anvil, false).await;
    wallet.submit("wrap", &Action::Wrap { amount: ether(2) }, None).await.unwrap();
    crate::chain::succeed(&wallet, "wrap").await;
    let _: serde_json::Value = anvil.ask("evm_setAutomine", serde_json::json!([false])).await;
    let to = Address::repeat_byte(0x77);
    let pay = Action::Transfer { token, to, amount: ether(1) };
    wallet.submit("pay", &pay, None).await.unwrap();
    let sell = request(token, COIN, exact_in(ether(1)));
    let waited = tokio::time::timeout(Duration::from_millis(500), wallet.submit("1", &sell, GAS));
    assert!(waited.await.is_err());
    assert!(wallet.find("1:approve").await.is_err());
    let other = request(wrapped, COIN, exact_in(ether(1)));
    let error = wallet.submit("2", &other, GAS).await.unwrap_err();
    assert_eq!(error, WalletError::NoRoute);
}
