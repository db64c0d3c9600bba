use alloy_primitives::Bytes;

use super::*;
use crate::uniswap::{Swap, SwapAmount};
use crate::{Router, token};

const OWN: Address = Address::repeat_byte(1);
const FRIEND: Address = Address::repeat_byte(2);
const THIEF: Address = Address::repeat_byte(3);
const TOKEN: Address = Address::repeat_byte(4);
const OTHER: Address = Address::repeat_byte(5);
const WRAPPED: Address = Address::repeat_byte(6);
const ROUTER: Address = Address::repeat_byte(7);

fn v2() -> Router {
    Router::V2 { router: ROUTER }
}

fn v3() -> Router {
    Router::V3 { router: ROUTER, quoter: OTHER, fee: 3000 }
}

fn chain(router: Router) -> Chain {
    Chain::new("test", 31337, "ETH").with_wrapped(WRAPPED).with_router(router)
}

fn policy() -> Policy {
    Policy {
        recipients: AllowList::only([FRIEND]),
        tokens: AllowList::only([TOKEN]),
        unlimited: true,
        ..Policy::default()
    }
}

fn pay(to: Address, value: u64) -> Call {
    Call { to: Some(to), value: U256::from(value), data: Bytes::new() }
}

fn check(call: &Call) -> Result<Vec<Spend>, PolicyError> {
    policy().check(call, OWN, &chain(v2()))
}

#[test]
fn payments_go_to_listed_recipients_only() {
    let spend = Spend { asset: Asset::Coin, amount: U256::from(5) };
    assert_eq!(check(&pay(FRIEND, 5)), Ok(vec![spend]));
    assert_eq!(check(&pay(OWN, 5)), Ok(vec![spend]));
    assert_eq!(check(&pay(THIEF, 5)), Err(PolicyError::Recipient(THIEF)));
    assert_eq!(check(&pay(Address::ZERO, 5)), Err(PolicyError::ZeroRecipient));
    let create = Call { to: None, ..pay(OWN, 0) };
    assert_eq!(check(&create), Err(PolicyError::Create));
}

#[test]
fn a_token_payment_hidden_in_data_is_seen() {
    let five = U256::from(5);
    let spend = Spend { asset: Asset::Token(TOKEN), amount: five };
    assert_eq!(check(&token::transfer(TOKEN, FRIEND, five)), Ok(vec![spend]));
    let error = Err(PolicyError::Recipient(THIEF));
    assert_eq!(check(&token::transfer(TOKEN, THIEF, five)), error);
    assert_eq!(check(&token::approve(TOKEN, THIEF, five)), error);
    let error = Err(PolicyError::Token(OTHER));
    assert_eq!(check(&token::transfer(OTHER, FRIEND, five)), error);
    let zero = check(&token::transfer(TOKEN, Address::ZERO, five));
    assert_eq!(zero, Err(PolicyError::ZeroRecipient));
}

#[test]
fn other_ways_to_pay_and_approve_are_no_way_around() {
    use crate::token::IERC20::{increaseAllowanceCall, transferAndCallCall};
    use alloy_sol_types::SolCall;
    // A token that is listed as a contract too, as where there is one list for both.
    let policy = Policy { recipients: AllowList::only([FRIEND, TOKEN]), ..policy() };
    let check = |data: Vec<u8>| {
        let call = Call { to: Some(TOKEN), value: U256::ZERO, data: data.into() };
        policy.check(&call, OWN, &chain(v2()))
    };
    let amount = U256::from(5);
    let increase = |spender, amount| check(increaseAllowanceCall { spender, amount }.abi_encode());
    let exposed = Spend { asset: Asset::Token(TOKEN), amount };
    assert_eq!(increase(FRIEND, amount), Ok(vec![exposed]));
    // The router takes only in calls of ours, which are counted themselves.
    assert_eq!(increase(ROUTER, amount), Ok(vec![]));
    assert_eq!(increase(THIEF, amount), Err(PolicyError::Recipient(THIEF)));
    assert!(matches!(increase(FRIEND, U256::MAX), Err(PolicyError::Approval { .. })));
    let transfer = |to| {
        let data = Bytes::new();
        check(transferAndCallCall { to, amount, data }.abi_encode())
    };
    assert_eq!(transfer(FRIEND), Ok(vec![Spend { asset: Asset::Token(TOKEN), amount }]));
    assert_eq!(transfer(THIEF), Err(PolicyError::Recipient(THIEF)));
}

#[test]
fn a_call_that_is_cut_short_is_refused() {
    // A token that is listed as a contract too, as where there is one list for both.
    let policy =
        Policy { recipients: AllowList::only([FRIEND, TOKEN, WRAPPED, ROUTER]), ..policy() };
    let thief = Address::new(core::array::from_fn(|at| u8::from(at < 19)));
    let amount = U256::from(0x500);
    let withdraw = crate::uniswap::unwrap(WRAPPED, amount);
    for whole in
        [token::transfer(TOKEN, thief, amount), token::approve(TOKEN, thief, amount), withdraw]
    {
        let to = whole.to.unwrap();
        for length in [4, whole.data.len() - 32, whole.data.len() - 1] {
            let call = Call { data: whole.data.slice(..length), ..whole.clone() };
            let result = policy.check(&call, OWN, &chain(v2()));
            assert_eq!(result, Err(PolicyError::Unclear(to)), "{length}");
        }
        let call = Call { data: [&whole.data[..], &[0]].concat().into(), ..whole.clone() };
        let result = policy.check(&call, OWN, &chain(v2()));
        assert_eq!(result, Err(PolicyError::Unclear(to)));
    }
    let swap = Swap {
        token_in: TOKEN,
        token_out: Address::ZERO,
        amount: SwapAmount::ExactIn { input: amount, min_output: amount },
        recipient: thief,
        deadline: 1,
    };
    for router in [v2(), v3()] {
        let whole = router.swap(&swap, Some(WRAPPED)).unwrap();
        let call = Call { data: whole.data.slice(..whole.data.len() - 40), ..whole };
        let result = policy.check(&call, OWN, &chain(router));
        assert_eq!(result, Err(PolicyError::Unclear(ROUTER)));
    }
}

#[test]
fn approvals_are_never_unlimited() {
    let call = token::approve(TOKEN, ROUTER, U256::MAX);
    for policy in [policy(), Policy::open()] {
        let result = policy.check(&call, OWN, &chain(v2()));
        assert!(matches!(result, Err(PolicyError::Approval { .. })), "{result:?}");
    }
    assert_eq!(check(&token::approve(TOKEN, ROUTER, U256::from(5))), Ok(vec![]));
}

#[test]
fn swaps_are_read_off_the_routers_data() {
    let amount = SwapAmount::ExactIn { input: U256::from(5), min_output: U256::from(1) };
    for router in [v2(), v3()] {
        let check = |token_in, token_out, recipient, amount| {
            let swap = Swap { token_in, token_out, amount, recipient, deadline: 9 };
            let call = router.swap(&swap, Some(WRAPPED)).unwrap();
            policy().check(&call, OWN, &chain(router))
        };
        let tokens = vec![Spend { asset: Asset::Token(TOKEN), amount: U256::from(5) }];
        let coins = vec![Spend { asset: Asset::Coin, amount: U256::from(5) }];
        assert_eq!(check(TOKEN, Address::ZERO, OWN, amount), Ok(tokens.clone()));
        assert_eq!(check(Address::ZERO, TOKEN, FRIEND, amount), Ok(coins.clone()));
        assert_eq!(check(TOKEN, WRAPPED, OWN, amount), Ok(tokens.clone()));
        let out = SwapAmount::ExactOut { output: U256::from(1), max_input: U256::from(5) };
        assert_eq!(check(TOKEN, Address::ZERO, OWN, out), Ok(tokens));
        assert_eq!(check(Address::ZERO, TOKEN, OWN, out), Ok(coins));
        let error = Err(PolicyError::Recipient(THIEF));
        assert_eq!(check(TOKEN, Address::ZERO, THIEF, amount), error);
        assert_eq!(check(Address::ZERO, TOKEN, THIEF, out), error);
        assert_eq!(check(TOKEN, OTHER, OWN, amount), Err(PolicyError::Token(OTHER)));
    }
}

#[test]
fn what_the_router_keeps_for_anybody_is_refused() {
    let amount = SwapAmount::ExactIn { input: U256::from(5), min_output: U256::from(1) };
    let (token_in, token_out) = (TOKEN, WRAPPED);
    let swap = Swap { token_in, token_out, amount, recipient: Address::ZERO, deadline: 9 };
    for router in [v2(), v3()] {
        let call = router.swap(&swap, Some(WRAPPED)).unwrap();
        let result = policy().check(&call, OWN, &chain(router));
        assert_eq!(result, Err(PolicyError::ZeroRecipient));
    }
}

#[test]
fn unknown_data_needs_a_listed_contract() {
    let data = Bytes::from_static(&[1, 2, 3, 4]);
    assert!(check(&Call { data: data.clone(), ..pay(FRIEND, 0) }).is_ok());
    for to in [THIEF, ROUTER] {
        let result = check(&Call { data: data.clone(), ..pay(to, 0) });
        assert_eq!(result, Err(PolicyError::Recipient(to)));
    }
}

/// What a token does by an unknown function would count as nothing spent.
#[test]
fn unknown_data_goes_to_no_token_and_not_to_just_anybody() {
    use alloy_primitives::address;
    let usdc = address!("a0b86991c6218b36c1d19d4a2e9eb0ce3606eb48");
    let ethereum = Chain::with_id(1).unwrap();
    let listed = || AllowList::only([FRIEND, TOKEN, WRAPPED, usdc]);
    let apart = Policy { recipients: listed(), ..policy() };
    let together = Policy { tokens: listed(), ..apart.clone() };
    let data = Bytes::from_static(&[1, 2, 3, 4]);
    let unread = |policy: &Policy, to, chain: &Chain| {
        let call = Call { data: data.clone(), ..pay(to, 0) };
        policy.check(&call, OWN, chain)
    };
    let own_chain = chain(v2());
    assert_eq!(unread(&apart, FRIEND, &own_chain), Ok(vec![]));
    assert_eq!(unread(&apart, TOKEN, &own_chain), Err(PolicyError::Unread(TOKEN)));
    // One list does not tell which of its addresses are tokens, but for those that are known.
    assert_eq!(unread(&together, TOKEN, &own_chain), Ok(vec![]));
    for policy in [&apart, &together] {
        assert_eq!(unread(policy, WRAPPED, &own_chain), Err(PolicyError::Unread(WRAPPED)));
        assert_eq!(unread(policy, usdc, &ethereum), Err(PolicyError::Unread(usdc)));
    }
    for to in [TOKEN, FRIEND, OWN, ROUTER] {
        let result = unread(&Policy::open(), to, &own_chain);
        assert_eq!(result, Err(PolicyError::Unread(to)));
        let anything = Policy { unread: true, ..Policy::open() };
        assert_eq!(unread(&anything, to, &own_chain), Ok(vec![]));
    }
    for (function, selector) in [
        ("push", 0xb753_a98c_u32),
        ("pull", 0xf2d5_d56b),
        ("move", 0xbb35_783b),
        ("approve of DSToken", 0xdaea_85c5),
        ("increaseApproval", 0xd73d_d623),
        ("approveAndCall", 0xcae9_ca51),
        ("transferAndCall of ERC-1363", 0x1296_ee62),
        ("send", 0x9bd9_bbc6),
        ("operatorSend", 0x62ad_1b83),
        ("authorizeOperator", 0x959b_8c3f),
        ("permit of ERC-2612", 0xd505_accf),
        ("permit of DAI", 0x8fcb_af0c),
        ("transferWithAuthorization", 0xe3ee_160e),
    ] {
        let data = Bytes::copy_from_slice(&selector.to_be_bytes());
        let call = Call { data, ..pay(TOKEN, 0) };
        let result = together.check(&call, OWN, &own_chain);
        assert_eq!(result, Err(PolicyError::Unread(TOKEN)), "{function}");
    }
}

/// What lies in a router is whoever's who asks for it first.
#[test]
fn the_router_is_called_and_approved_and_never_paid() {
    use crate::token::IERC20::{transferAndCallCall, transferFromCall};
    use alloy_sol_types::SolCall;
    let amount = U256::from(5);
    let of_token = |data: Vec<u8>| Call { data: data.into(), ..pay(TOKEN, 0) };
    let swap = Swap {
        token_in: TOKEN,
        token_out: Address::ZERO,
        amount: SwapAmount::ExactIn { input: amount, min_output: U256::ONE },
        recipient: ROUTER,
        deadline: 9,
    };
    for call in [
        pay(ROUTER, 5),
        token::transfer(TOKEN, ROUTER, amount),
        of_token(transferFromCall { from: OWN, to: ROUTER, amount }.abi_encode()),
        of_token(transferAndCallCall { to: ROUTER, amount, data: Bytes::new() }.abi_encode()),
        v2().swap(&swap, Some(WRAPPED)).unwrap(),
    ] {
        assert_eq!(check(&call), Err(PolicyError::Recipient(ROUTER)), "{call:?}");
    }
    let call = v3().swap(&swap, Some(WRAPPED)).unwrap();
    let result = policy().check(&call, OWN, &chain(v3()));
    assert_eq!(result, Err(PolicyError::Recipient(ROUTER)));
    assert_eq!(check(&token::approve(TOKEN, ROUTER, amount)), Ok(vec![]));
}

#[test]
fn wrapping_spends_nothing() {
    let mut policy = policy();
    let call = crate::uniswap::wrap(WRAPPED, U256::from(5));
    let result = policy.check(&call, OWN, &chain(v2()));
    assert_eq!(result, Err(PolicyError::Token(WRAPPED)));
    policy.tokens = AllowList::only([WRAPPED]);
    assert_eq!(policy.check(&call, OWN, &chain(v2())), Ok(vec![]));
}

#[test]
fn limits_hold_for_each_asset() {
    let limit = SpendLimit { per_transaction: U256::from(5), daily: U256::from(8) };
    let limits = BTreeMap::from([(Asset::Coin, limit)]);
    let policy = Policy { limits, unlimited: false, ..policy() };
    let check = |call| policy.check(&call, OWN, &chain(v2()));
    assert!(matches!(check(pay(FRIEND, 6)), Err(PolicyError::PerTransaction { .. })));
    let spends = check(pay(FRIEND, 5)).unwrap();
    let daily = policy.daily(&spends);
    assert_eq!(daily.len(), 1);
    assert_eq!(daily[0].check(U256::from(3)), Ok(()));
    assert!(matches!(daily[0].check(U256::from(4)), Err(PolicyError::Daily { .. })));
    assert!(daily[0].check(U256::MAX).is_err());
    let call = token::transfer(TOKEN, FRIEND, U256::from(1));
    assert_eq!(check(call), Err(PolicyError::NoLimit(Asset::Token(TOKEN))));
}

#[test]
fn an_approval_exposes_its_amount_and_counts_as_spent() {
    let limit = SpendLimit { per_transaction: U256::from(5), daily: U256::from(8) };
    let limits = BTreeMap::from([(Asset::Token(TOKEN), limit)]);
    let policy = Policy { limits, unlimited: false, ..policy() };
    let approve = |spender, amount: u64| {
        policy.check(&token::approve(TOKEN, spender, U256::from(amount)), OWN, &chain(v2()))
    };
    let spend = Spend { asset: Asset::Token(TOKEN), amount: U256::from(5) };
    assert_eq!(approve(FRIEND, 5), Ok(vec![spend]));
    assert_eq!(policy.daily(&[spend]).len(), 1);
    assert!(matches!(approve(FRIEND, 6), Err(PolicyError::PerTransaction { .. })));
    // To take a permission back costs nothing.
    assert_eq!(approve(FRIEND, 0), Ok(vec![]));
    assert_eq!(approve(ROUTER, 6), Ok(vec![]));
}

#[test]
fn a_swap_at_any_price_is_refused_whoever_made_the_call() {
    for router in [v2(), v3()] {
        for (token_in, token_out) in
            [(TOKEN, Address::ZERO), (Address::ZERO, TOKEN), (TOKEN, WRAPPED)]
        {
            for amount in [
                SwapAmount::ExactIn { input: U256::from(5), min_output: U256::ZERO },
                SwapAmount::ExactOut { output: U256::from(5), max_input: U256::MAX },
            ] {
                let swap = Swap { token_in, token_out, amount, recipient: OWN, deadline: 9 };
                let call = router.swap(&swap, Some(WRAPPED)).unwrap();
                let result = policy().check(&call, OWN, &chain(router));
                assert_eq!(result, Err(PolicyError::AnyPrice(ROUTER)), "{swap:?}");
            }
        }
    }
}

/// What was approved with the plain functions of before goes on to be read.
#[test]
#[allow(non_snake_case)] // the names of the contract
fn swaps_of_both_families_of_the_v2_router_are_read() {
    use crate::uniswap::IUniswapV2Router02 as Abi;
    use alloy_sol_types::SolCall;
    let (path, to, deadline) = (vec![TOKEN, WRAPPED], OWN, U256::from(9));
    let (amountIn, amountOutMin) = (U256::from(5), U256::ONE);
    let data = Abi::swapExactTokensForETHCall { amountIn, amountOutMin, path, to, deadline };
    let call = Call { to: Some(ROUTER), value: U256::ZERO, data: data.abi_encode().into() };
    let spend = Spend { asset: Asset::Token(TOKEN), amount: U256::from(5) };
    assert_eq!(check(&call), Ok(vec![spend]));
}
