//! Swaps of a token of which a hundredth is lost with each transfer: Uniswap's own `DeflatingERC20`.

use hoox_wallet::{
    Action, Address, Call, Chain, Revert, SwapSize, TransactionState, U256, WalletError,
};

use crate::chain::{Anvil, PATIENCE, TestWallet, account, open, succeed};
use crate::swaps::{COIN, GAS, ether, exact_in, held, request};

/// A pool of 1,000 coins and 990 tokens, and a wallet with 99 of the tokens.
async fn market(anvil: &Anvil) -> (TestWallet, Address) {
    let wrapped = anvil.wrapped().await;
    let token = anvil.deflating_token(ether(2_000)).await;
    let give = Call::transfer(token, account(0).address(), ether(100));
    anvil.send(give.to, U256::ZERO, give.data.to_vec()).await;
    let router = anvil.uniswap_v2(wrapped, token, ether(1_000), ether(1_000)).await;
    let chain = Chain::new("anvil", 31337, "ETH").with_wrapped(wrapped).with_router(router);
    (anvil.wallet_on(chain, open()), token)
}

fn with_slippage(token_in: Address, token_out: Address, size: SwapSize, bps: u32) -> Action {
    let Action::Swap(mut swap) = request(token_in, token_out, size) else { panic!() };
    swap.slippage_bps = bps;
    Action::Swap(swap)
}

#[tokio::test]
async fn what_is_paid_exactly_is_swapped_and_the_bound_holds_for_what_arrives() {
    let anvil = Anvil::start();
    let (wallet, token) = market(&anvil).await;
    let quote = wallet.quote_in(None, COIN, token, ether(1)).await.unwrap();
    let before = held(&wallet, token).await;
    let buy = with_slippage(COIN, token, exact_in(ether(1)), 150);
    wallet.submit("1", &buy, GAS).await.unwrap();
    succeed(&wallet, "1").await;
    let arrived = held(&wallet, token).await - before;
    assert!(arrived < quote && arrived >= quote - quote * U256::from(150) / U256::from(10_000));

    let sell = with_slippage(token, COIN, exact_in(ether(2)), 150);
    let quote = wallet.quote_in(None, token, COIN, ether(2)).await.unwrap();
    let (tokens, coins) = (held(&wallet, token).await, anvil.balance(wallet.address()).await);
    wallet.submit("2", &sell, GAS).await.unwrap();
    let mut fee = succeed(&wallet, "2").await.fee().unwrap();
    let approval = wallet.settle("2:approve", 1, PATIENCE).await.unwrap();
    let TransactionState::Confirmed(approval) = approval.state else { panic!("{approval:?}") };
    fee += approval.fee().unwrap();
    assert_eq!(tokens - held(&wallet, token).await, ether(2));
    let arrived = anvil.balance(wallet.address()).await + fee - coins;
    assert!(arrived < quote && arrived >= quote - quote * U256::from(150) / U256::from(10_000));
}

/// The token's own fee is more than the slippage leaves.
#[tokio::test]
async fn a_bound_without_room_for_the_tokens_fee_signs_nothing() {
    let anvil = Anvil::start();
    let (wallet, token) = market(&anvil).await;
    let reason = Revert::Reason("UniswapV2Router: INSUFFICIENT_OUTPUT_AMOUNT".into());
    for (token_in, token_out) in [(COIN, token), (token, COIN)] {
        let swap = with_slippage(token_in, token_out, exact_in(ether(1)), 50);
        let error = wallet.submit("1", &swap, GAS).await.unwrap_err();
        assert_eq!(error, WalletError::Reverted(reason.clone()));
    }
    assert!(wallet.store().records().is_empty());
}

/// The router promises an exact amount, and less arrives; or the pool notices that less came in. Both
/// before anything is signed, the approval included.
#[tokio::test]
async fn what_is_taken_exactly_is_refused_by_name() {
    let anvil = Anvil::start();
    let (wallet, token) = market(&anvil).await;
    let size = SwapSize::ExactOut { output: ether(1), max_input: None };
    for (token_in, token_out) in [(COIN, token), (token, COIN)] {
        let error = wallet.submit("1", &request(token_in, token_out, size), GAS).await.unwrap_err();
        assert_eq!(error, WalletError::FeeOnTransfer(token));
    }
    assert!(wallet.store().records().is_empty());
}
