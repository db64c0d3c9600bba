//! How far a swap may be from its quote, and how late it may be.

use hoox_wallet::uniswap::{Swap, SwapAmount};
use hoox_wallet::{
    Action, PolicyError, Revert, SwapRequest, SwapSize, TransactionState, U256, WalletError,
};

use crate::chain::{Anvil, PATIENCE, account, succeed};
use crate::swaps::{COIN, GAS, ether, exact_in, exact_out, market, request};

#[tokio::test]
async fn slippage_that_is_exceeded_is_noticed_before_anything_is_signed() {
    let anvil = Anvil::start();
    let (wallet, token, _) = market(&anvil, false).await;
    let quote = wallet.quote_in(None, COIN, token, ether(1)).await.unwrap();
    let size = SwapSize::ExactIn { input: ether(1), min_output: Some(quote + U256::ONE) };
    let error = wallet.submit("1", &request(COIN, token, size), None).await.unwrap_err();
    let reason = "UniswapV2Router: INSUFFICIENT_OUTPUT_AMOUNT";
    assert_eq!(error, WalletError::Reverted(Revert::Reason(reason.into())));
    assert!(wallet.store().records().is_empty());
}

/// The price moves between the simulation and the block: the swap is reverted, and costs its gas alone.
#[tokio::test]
async fn slippage_that_is_exceeded_in_the_block_spends_only_gas() {
    let anvil = Anvil::start();
    let (wallet, token, _) = market(&anvil, false).await;
    let _: serde_json::Value = anvil.ask("evm_setAutomine", serde_json::json!([false])).await;
    let coins = anvil.balance(wallet.address()).await;
    wallet.submit("1", &request(COIN, token, exact_in(ether(1))), GAS).await.unwrap();
    // Somebody buys first, and pays more for it.
    let other = anvil.wallet_for(account(1), wallet.chain().clone());
    let action = request(COIN, token, exact_in(ether(50)));
    other.submit("front", &action, GAS).await.unwrap();
    other.replace("front").await.unwrap();
    anvil.mine(1).await;
    succeed(&other, "front").await;
    let record = wallet.settle("1", 1, PATIENCE).await.unwrap();
    let TransactionState::Confirmed(mined) = record.state else { panic!("{:?}", record.state) };
    assert!(!mined.succeeded);
    assert_eq!(coins - anvil.balance(wallet.address()).await, mined.fee().unwrap());
}

#[tokio::test]
async fn a_swap_after_its_deadline_is_refused() {
    let anvil = Anvil::start();
    let (wallet, token, _) = market(&anvil, false).await;
    let Action::Swap(request) = request(COIN, token, exact_in(ether(1))) else { panic!() };
    let late = Action::Swap(SwapRequest { deadline: Some(1), ..request });
    let error = wallet.submit("1", &late, None).await.unwrap_err();
    assert_eq!(error, WalletError::Deadline);
    assert!(wallet.store().records().is_empty());
}

/// Signed in time, and put into a block too late: reverted, and only gas is spent.
#[tokio::test]
async fn a_deadline_that_passes_in_the_pool_spends_only_gas() {
    let anvil = Anvil::start();
    let (wallet, token, _) = market(&anvil, false).await;
    let _: serde_json::Value = anvil.ask("evm_setAutomine", serde_json::json!([false])).await;
    let coins = anvil.balance(wallet.address()).await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let Action::Swap(swap) = request(COIN, token, exact_in(ether(1))) else { panic!() };
    let swap = Action::Swap(SwapRequest { deadline: Some(now + 600), ..swap });
    wallet.submit("1", &swap, GAS).await.unwrap();
    let late = serde_json::json!([now + 601]);
    let _: serde_json::Value = anvil.ask("evm_setNextBlockTimestamp", late).await;
    anvil.mine(1).await;
    let record = wallet.settle("1", 1, PATIENCE).await.unwrap();
    let TransactionState::Confirmed(mined) = &record.state else { panic!("{record:?}") };
    assert!(!mined.succeeded);
    assert_eq!(coins - anvil.balance(wallet.address()).await, mined.fee().unwrap());
    // It is not asked again.
    let again = wallet.submit("1", &swap, GAS).await.unwrap().record().unwrap();
    assert_eq!((again.hash(), anvil.count(wallet.address()).await), (record.hash(), 1));
}

/// Whoever names it: as slippage, or as a bound of the caller's own.
#[tokio::test]
async fn a_bound_too_far_from_the_quote_is_refused() {
    let anvil = Anvil::start();
    let (wallet, token, _) = market(&anvil, false).await;
    let refused = async |size, bps: u32| {
        let Action::Swap(swap) = request(COIN, token, size) else { panic!() };
        let swap = Action::Swap(SwapRequest { slippage_bps: bps, ..swap });
        match wallet.submit("1", &swap, GAS).await {
            Err(WalletError::Policy(error)) => error,
            other => panic!("{other:?}"),
        }
    };
    let one = ether(1);
    for bps in [501, 10_000] {
        for size in [exact_in(one), exact_out(one)] {
            assert_eq!(refused(size, bps).await, PolicyError::Slippage { bps, limit: 500 });
        }
    }
    let quote = wallet.quote_in(None, COIN, token, one).await.unwrap();
    let limit = hoox_wallet::uniswap::min_output(quote, 500).unwrap();
    for bound in [U256::ZERO, limit - U256::ONE] {
        let size = SwapSize::ExactIn { input: one, min_output: Some(bound) };
        assert_eq!(refused(size, 0).await, PolicyError::Bound { bound, limit });
    }
    let quote = wallet.quote_out(None, COIN, token, one).await.unwrap();
    let limit = hoox_wallet::uniswap::max_input(quote, 500).unwrap();
    let bound = limit + U256::ONE;
    let size = SwapSize::ExactOut { output: one, max_input: Some(bound) };
    assert_eq!(refused(size, 0).await, PolicyError::Bound { bound, limit });
    assert!(wallet.store().records().is_empty());
    // What is within the limit is a matter of taste.
    let size = SwapSize::ExactOut { output: one, max_input: Some(limit) };
    wallet.submit("1", &request(COIN, token, size), GAS).await.unwrap();
    succeed(&wallet, "1").await;
}

/// As data the same limit holds, on either router.
#[tokio::test]
async fn a_bound_too_far_from_the_quote_is_refused_as_data_too() {
    for v3 in [false, true] {
        let anvil = Anvil::start();
        let (wallet, token, wrapped) = market(&anvil, v3).await;
        let quote = wallet.quote_in(None, COIN, token, ether(1)).await.unwrap();
        let send = |min_output| {
            let swap = Swap {
                token_in: COIN,
                token_out: token,
                amount: SwapAmount::ExactIn { input: ether(1), min_output },
                recipient: wallet.address(),
                deadline: crate::anvil::LATE,
            };
            let call = wallet.chain().router.unwrap().swap(&swap, Some(wrapped)).unwrap();
            Action::Send { to: call.to.unwrap(), value: call.value, data: call.data }
        };
        let limit = hoox_wallet::uniswap::min_output(quote, 500).unwrap();
        let bound = U256::ONE;
        let error = wallet.submit("1", &send(bound), GAS).await.unwrap_err();
        assert_eq!(error, PolicyError::Bound { bound, limit }.into());
        assert!(wallet.store().records().is_empty());
        wallet.submit("1", &send(limit), GAS).await.unwrap();
        succeed(&wallet, "1").await;
    }
}
