use alloy_primitives::uint;
use hoox_wallet::{
    Action, Address, Chain, Router, SwapRequest, SwapSize, TransactionState, U256, WalletError,
};

use crate::chain::{Anvil, ETHER, TestWallet, account, open, succeed};

pub(crate) const COIN: Address = Address::ZERO;

/// More than any swap takes. A fresh pair writes two empty slots in its first swap of a new second,
/// which an estimate within the second does not see, and no margin in percent covers.
pub(crate) const GAS: Option<u64> = Some(400_000);

pub(crate) fn ether(count: u64) -> U256 {
    U256::from(count) * U256::from(ETHER)
}

/// A chain with a pool of 1,000 coins and 1,000 tokens, and a wallet with 100 of the tokens.
pub(crate) async fn market(anvil: &Anvil, v3: bool) -> (TestWallet, Address, Address) {
    let wrapped = anvil.wrapped().await;
    let token = anvil.token(account(0).address(), ether(2_000)).await;
    let router = if v3 {
        anvil.uniswap_v3(wrapped, token, ether(1_000)).await
    } else {
        anvil.uniswap_v2(wrapped, token, ether(1_000), ether(1_000)).await
    };
    let chain = Chain::new("anvil", 31337, "ETH").with_wrapped(wrapped).with_router(router);
    (anvil.wallet_on(chain, open()), token, wrapped)
}

pub(crate) fn request(token_in: Address, token_out: Address, size: SwapSize) -> Action {
    Action::Swap(SwapRequest {
        token_in,
        token_out,
        size,
        slippage_bps: 50,
        recipient: None,
        deadline: None,
        router: None,
    })
}

pub(crate) fn exact_in(input: U256) -> SwapSize {
    SwapSize::ExactIn { input, min_output: None }
}

pub(crate) fn exact_out(output: U256) -> SwapSize {
    SwapSize::ExactOut { output, max_input: None }
}

pub(crate) async fn held(wallet: &TestWallet, token: Address) -> U256 {
    wallet.balance(wallet.address(), Some(token)).await.unwrap().amount
}

/// Swaps in every direction, and compares what came and went with the quotes.
async fn every_direction(v3: bool) {
    let anvil = Anvil::start();
    let (wallet, token, wrapped) = market(&anvil, v3).await;
    let own = wallet.address();
    let one = ether(1);

    // Coins for tokens, exactly in.
    let quote = wallet.quote_in(None, COIN, token, one).await.unwrap();
    // A pool of 1,000 to 1,000, less 0.3 %.
    assert!(quote > one * uint!(99_U256) / uint!(100_U256) && quote < one, "{quote}");
    let before = held(&wallet, token).await;
    wallet.submit("1", &request(COIN, token, exact_in(one)), GAS).await.unwrap();
    succeed(&wallet, "1").await;
    assert_eq!(held(&wallet, token).await - before, quote);

    // Coins for tokens, exactly out: what was not needed comes back.
    let quote = wallet.quote_out(None, COIN, token, one).await.unwrap();
    let (tokens, coins) = (held(&wallet, token).await, anvil.balance(own).await);
    wallet.submit("2", &request(COIN, token, exact_out(one)), GAS).await.unwrap();
    let fee = succeed(&wallet, "2").await.fee().unwrap();
    assert_eq!(held(&wallet, token).await - tokens, one);
    assert_eq!(coins - anvil.balance(own).await, quote + fee);

    // Tokens for coins, exactly in; the router is approved for exactly that, and it takes all of it.
    let quote = wallet.quote_in(None, token, COIN, one).await.unwrap();
    let tokens = held(&wallet, token).await;
    wallet.submit("3", &request(token, COIN, exact_in(one)), GAS).await.unwrap();
    succeed(&wallet, "3").await;
    assert_eq!(tokens - held(&wallet, token).await, one);
    let approval = wallet.find("3:approve").await.unwrap();
    assert!(matches!(approval.action, Action::Approve { amount, .. } if amount == one));
    let router = wallet.chain().router.unwrap().address();
    assert_eq!(wallet.allowance(token, own, router).await.unwrap(), U256::ZERO);
    assert!(quote < one);

    // Tokens for coins, exactly out.
    let coins = anvil.balance(own).await;
    wallet.submit("4", &request(token, COIN, exact_out(one)), GAS).await.unwrap();
    let fee = succeed(&wallet, "4").await.fee().unwrap();
    let approval = wallet.find("4:approve").await.unwrap();
    let TransactionState::Confirmed(approval) = approval.state else { panic!() };
    assert_eq!(anvil.balance(own).await + fee + approval.fee().unwrap() - coins, one);

    // Tokens for tokens.
    wallet.submit("5", &Action::Wrap { amount: ether(3) }, None).await.unwrap();
    succeed(&wallet, "5").await;
    assert_eq!(held(&wallet, wrapped).await, ether(3));
    let quote = wallet.quote_in(None, wrapped, token, one).await.unwrap();
    let tokens = held(&wallet, token).await;
    wallet.submit("6", &request(wrapped, token, exact_in(one)), GAS).await.unwrap();
    succeed(&wallet, "6").await;
    assert_eq!(held(&wallet, token).await - tokens, quote);
    assert_eq!(held(&wallet, wrapped).await, ether(2));
    let tokens = held(&wallet, token).await;
    wallet.submit("7", &request(wrapped, token, exact_out(one)), GAS).await.unwrap();
    succeed(&wallet, "7").await;
    assert_eq!(held(&wallet, token).await - tokens, one);

    // Asking again gets the same transaction, whatever the price has become.
    let count = anvil.count(own).await;
    let again = wallet.submit("6", &request(wrapped, token, exact_in(one)), GAS).await.unwrap();
    assert!(again.record().unwrap().state.is_final());
    assert_eq!(anvil.count(own).await, count);
}

#[tokio::test]
async fn uniswap_v2_swaps_in_every_direction() {
    every_direction(false).await;
}

#[tokio::test]
async fn uniswap_v3_swaps_in_every_direction() {
    every_direction(true).await;
}

#[tokio::test]
async fn a_pair_without_a_pool_has_no_price() {
    let anvil = Anvil::start();
    let (wallet, _, _) = market(&anvil, false).await;
    let other = anvil.token(wallet.address(), ether(1)).await;
    let action = request(other, COIN, exact_in(ether(1)));
    let error = wallet.submit("1", &action, None).await.unwrap_err();
    assert!(matches!(error, WalletError::Reverted(_)), "{error}");
    assert!(wallet.store().records().is_empty());
    // Not even the approval that would come first.
    let Router::V2 { router } = wallet.chain().router.unwrap() else { panic!() };
    assert_eq!(wallet.allowance(other, wallet.address(), router).await.unwrap(), U256::ZERO);
}
