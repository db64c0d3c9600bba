//! What a rehearsal answers, and that it signs nothing.

use hoox_wallet::{
    Action, Address, Bytes, Chain, Evidence, FeeError, Rehearsal, Revert, Submitted, SwapSize,
    U256, WalletConfig, WalletError,
};

use crate::chain::{Anvil, TestWallet, account, open};
use crate::swaps::{COIN, ether, exact_in, market, request};
use crate::transport::Fault;

fn dry() -> WalletConfig {
    let mut config = open();
    config.policy.dry_run = true;
    config
}

async fn rehearse(wallet: &TestWallet, action: &Action) -> Result<Rehearsal, WalletError> {
    let submitted = wallet.submit("1", action, None).await;
    assert!(wallet.store().records().is_empty());
    match submitted? {
        Submitted::DryRun(rehearsal) => Ok(rehearsal),
        Submitted::Record(record) => panic!("{record:?}"),
    }
}

#[tokio::test]
async fn a_rehearsal_signs_nothing() {
    let anvil = Anvil::start();
    let wallet = anvil.wallet_on(Chain::new("anvil", 31337, "ETH"), dry());
    let to = Address::repeat_byte(1);
    let pay = Action::Send { to, value: U256::from(5), data: Bytes::new() };
    let rehearsal = rehearse(&wallet, &pay).await.unwrap();
    assert_eq!(rehearsal.spends[0].amount, U256::from(5));
    assert!(rehearsal.gas_limit.unwrap() >= 21_000);
    assert_eq!((rehearsal.before, rehearsal.evidence), (vec![], Evidence::Simulated));
    assert_eq!(anvil.count(wallet.address()).await, 0);
}

/// The approval is not there, and the swap after it is tried out all the same.
#[tokio::test]
async fn a_swap_that_needs_an_approval_is_rehearsed_to_its_end() {
    for v3 in [false, true] {
        let anvil = Anvil::start();
        let (real, token, _) = market(&anvil, v3).await;
        let wallet = anvil.wallet_on(real.chain().clone(), dry());
        let spender = wallet.chain().router.unwrap().address();
        let sell = request(token, COIN, exact_in(ether(1)));
        let rehearsal = rehearse(&wallet, &sell).await.unwrap();
        let approval = Action::Approve { token, spender, amount: ether(1) };
        assert_eq!((rehearsal.before, rehearsal.evidence), (vec![approval], Evidence::Simulated));
        assert!(rehearsal.gas_limit.unwrap() > 60_000);
        assert_eq!(rehearsal.spends[0].amount, ether(1));
        assert_eq!(wallet.allowance(token, wallet.address(), spender).await.unwrap(), U256::ZERO);
        // Gas is looked at for the swap, not for the approval alone.
        let mut little = dry();
        little.fees.max_gas = 60_000;
        let error = rehearse(&anvil.wallet_on(real.chain().clone(), little), &sell).await;
        assert!(matches!(error, Err(WalletError::Fee(FeeError::GasLimit { .. }))), "{error:?}");
    }
}

/// What would only fail after the approval is told before it; in earnest it is not even approved.
#[tokio::test]
async fn a_swap_that_would_fail_after_its_approval_is_noticed_before() {
    let anvil = Anvil::start();
    let (real, token, _) = market(&anvil, false).await;
    let quote = real.quote_in(None, token, COIN, ether(1)).await.unwrap();
    let size = SwapSize::ExactIn { input: ether(1), min_output: Some(quote + U256::ONE) };
    let sell = request(token, COIN, size);
    let reason = "UniswapV2Router: INSUFFICIENT_OUTPUT_AMOUNT";
    let error = WalletError::Reverted(Revert::Reason(reason.into()));
    assert_eq!(rehearse(&real, &sell).await.unwrap_err(), error);
    let wallet = anvil.wallet_on(real.chain().clone(), dry());
    assert_eq!(rehearse(&wallet, &sell).await.unwrap_err(), error);
}

/// Where the node simulates one call only, the answer says so.
#[tokio::test]
async fn without_a_node_that_simulates_the_quote_must_do() {
    let anvil = Anvil::start();
    let (real, token, _) = market(&anvil, false).await;
    let (wallet, network) = anvil.faulty_wallet_on(real.chain().clone(), dry());
    network.fail("eth_simulateV1", Fault::Refuse("the method does not exist"));
    let rehearsal = rehearse(&wallet, &request(token, COIN, exact_in(ether(1)))).await.unwrap();
    assert_eq!((rehearsal.before.len(), rehearsal.evidence), (1, Evidence::Quoted));
    assert_eq!(rehearsal.gas_limit, None);
    assert_eq!(rehearsal.spends[0].amount, ether(1));
}

#[tokio::test]
async fn an_approval_that_must_be_taken_back_first_is_rehearsed() {
    let anvil = Anvil::start();
    let wallet = anvil.wallet();
    let (token, spender) = (anvil.zero_first_token().await, account(1).address());
    let approve = |amount: u64| Action::Approve { token, spender, amount: U256::from(amount) };
    wallet.submit("1", &approve(5), None).await.unwrap();
    crate::chain::succeed(&wallet, "1").await;
    let wallet = anvil.wallet_on(Chain::new("anvil", 31337, "ETH"), dry());
    let rehearsal = rehearse(&wallet, &approve(7)).await.unwrap();
    assert_eq!((rehearsal.before, rehearsal.evidence), (vec![approve(0)], Evidence::Simulated));
    assert_eq!(wallet.allowance(token, wallet.address(), spender).await.unwrap(), U256::from(5));
}
