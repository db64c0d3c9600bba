//! What an account needs before it trades, and what its limits turn away. No network is asked.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use hoox_connector::{
    Exchange, Market, MemoryTransport, OperationKind, Request, Response, SystemClock,
    TransportError, Venue,
};
use hoox_evm::{Pair, SetupError, SwapRules, Swaps};
use hoox_wallet::{
    Account, Address, Chain, MemoryStore, Policy, Router, Rpc, Wallet, WalletConfig,
};

type Silent = MemoryTransport<fn(&str, Request<'_>) -> Result<Response, TransportError>>;

const COIN: Address = Address::ZERO;
const TOKEN: Address = Address::repeat_byte(1);
const WRAPPED: Address = Address::repeat_byte(2);

fn chain() -> Chain {
    Chain::new("test", 5, "ETH")
        .with_wrapped(WRAPPED)
        .with_router(Router::V2 { router: Address::repeat_byte(3) })
}

fn swaps(
    venue: Venue,
    chain: Chain,
    pairs: Vec<Pair>,
    rules: SwapRules,
) -> Result<Swaps<Silent, SystemClock, MemoryStore>, SetupError> {
    let transport: Silent =
        MemoryTransport::new(|_, _| Err(TransportError::NotSent("no network".into())));
    let rpc = Rpc::new(transport, SystemClock, chain.id, Vec::new());
    let account = Account::from_private_key(&"46".repeat(32)).unwrap();
    let config = WalletConfig::new(Policy::open());
    let wallet = Wallet::new(account, chain, rpc, MemoryStore::default(), config).unwrap();
    Swaps::new(venue, wallet, pairs, rules)
}

fn refused(venue: Venue, chain: Chain, pairs: Vec<Pair>) -> SetupError {
    swaps(venue, chain, pairs, SwapRules::default()).unwrap_err()
}

#[test]
fn an_account_that_cannot_trade_is_not_set_up() {
    let pair = Pair::new(TOKEN, COIN);
    let exchange = refused(Venue::Bybit, chain(), vec![pair]);
    assert_eq!(exchange, SetupError::NotAChain(Venue::Bybit));
    let without = Chain::new("test", 5, "ETH");
    assert_eq!(refused(Venue::Base, without, vec![pair]), SetupError::NoRouter);
    assert_eq!(refused(Venue::Base, chain(), vec![]), SetupError::Pairs);
    assert_eq!(refused(Venue::Base, chain(), vec![pair; 65]), SetupError::Pairs);
    let mut rules = SwapRules::default();
    rules.slippage_bps = 501;
    let slippage = swaps(Venue::Base, chain(), vec![pair], rules).unwrap_err();
    assert_eq!(slippage, SetupError::Slippage(501));
}

#[test]
fn a_pair_has_two_sides_and_the_coin_needs_its_token() {
    for pair in [Pair::new(TOKEN, TOKEN), Pair::new(COIN, WRAPPED), Pair::new(COIN, COIN)] {
        assert_eq!(refused(Venue::Base, chain(), vec![pair]), SetupError::Pair(pair));
    }
    let mut unwrapped = chain();
    unwrapped.wrapped = None;
    let pair = Pair::new(TOKEN, COIN);
    assert_eq!(refused(Venue::Base, unwrapped, vec![pair]), SetupError::Pair(pair));
}

#[test]
fn what_it_can_do_is_told_beforehand() {
    let pairs = vec![Pair::new(TOKEN, COIN)];
    let swaps = swaps(Venue::Base, chain(), pairs, SwapRules::default()).unwrap();
    assert_eq!((swaps.venue(), swaps.market()), (Venue::Base, Market::Spot));
    let can = swaps.capabilities();
    for kind in [OperationKind::Place, OperationKind::OrderByClientId, OperationKind::Fills] {
        assert!(can.supports(kind), "{kind:?}");
    }
    for kind in [
        OperationKind::Amend,
        OperationKind::Cancel,
        OperationKind::CancelAll,
        OperationKind::PlaceConditional,
        OperationKind::OpenOrders,
        OperationKind::Positions,
        OperationKind::SetLeverage,
    ] {
        assert!(!can.supports(kind), "{kind:?}");
    }
    assert!(can.market_by_quote && !can.place_reports_status);
    assert!(!can.attached && !can.triggers && !can.reduce_only && !can.websocket_orders);
    // The key is in the wallet, and nowhere else to be seen.
    assert!(!format!("{swaps:?}").contains("4646"));
}
