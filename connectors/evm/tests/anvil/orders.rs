//! What orders become, and what their reports say beside what the chain holds.

use core::time::Duration;

use hoox_connector::{
    Asset, Decimal, Exchange, Filter, InstrumentStatus, NewOrder, OperationKind, OrderStatus,
    Refused, RejectReason, Side, TimeInForce, Timestamp,
};
use hoox_wallet::{Address, AllowList, Policy, U256, format_units};

use crate::anvil::account;
use crate::market::{
    COIN, Market, TestSwaps, accepted, dec, ended, id, market, patient, prepared, symbol,
};

async fn held(swaps: &TestSwaps, token: Address) -> Decimal {
    let wallet = swaps.wallet();
    let amount = wallet.balance(wallet.address(), Some(token)).await.unwrap().amount;
    format_units(amount, 18).parse().unwrap()
}

/// Each kind of order, and its report beside the balances.
async fn every_kind(v3: bool) {
    let market_ = Market::open(v3).await;
    let (swaps, _) = market_.swaps();
    let token = market_.token;
    let mut symbols: Vec<_> =
        swaps.warm_up().await.unwrap().iter().map(|it| it.symbol.to_string()).collect();
    symbols.sort();
    assert_eq!(symbols, ["ETHPLN", "PLNETH", "PLNWETH"]);
    let instrument = swaps.instrument(symbol("PLNETH")).await.unwrap().unwrap();
    assert_eq!(instrument.base, Some(Asset::new("PLN").unwrap()));
    assert_eq!(instrument.quote, Some(Asset::new("ETH").unwrap()));
    assert_eq!(instrument.lot.step, Some(dec("0.000000000000000001")));
    // A pool of 1,000 to 1,000, of which 0.3 % stay there.
    let price = swaps.price(symbol("PLNETH"), Duration::ZERO).await.unwrap().unwrap();
    assert!(price > dec("1.003") && price < dec("1.0035"), "{price}");

    // Bought with coins: exactly the quantity arrives, and exactly what is told is paid.
    let (tokens, coins) = (held(&swaps, token).await, held(&swaps, COIN).await);
    let placed = accepted(market(&swaps, "buy-1", Side::Buy, "PLNETH", "1.5").await);
    let report = ended(&swaps, "PLNETH", "buy-1").await;
    assert_eq!((report.status, report.side), (OrderStatus::Filled, Side::Buy));
    assert_eq!((report.quantity, report.filled_quantity), (Some(dec("1.5")), dec("1.5")));
    assert_eq!(Some(report.order_id), placed.order_id);
    assert_eq!(held(&swaps, token).await - tokens, dec("1.5"));
    let (fee, paid) = (report.fee.unwrap(), report.filled_quote.unwrap());
    assert_eq!(fee.asset, Asset::new("ETH").unwrap());
    assert_eq!(coins - held(&swaps, COIN).await, paid + fee.amount);
    assert_eq!(report.average_price, paid.checked_div(dec("1.5")).map(|it| it.normalize()));

    // The same as an execution.
    let fills = swaps.fills(symbol("PLNETH"), report.order_id, Timestamp::default()).await.unwrap();
    assert_eq!(fills.len(), 1);
    assert_eq!((fills[0].quantity, fills[0].side), (dec("1.5"), Side::Buy));
    assert_eq!((Some(fills[0].price), fills[0].fee), (report.average_price, Some(fee)));

    // Sold for coins: approved for exactly that, and the approval's gas is part of the fee.
    let (tokens, coins) = (held(&swaps, token).await, held(&swaps, COIN).await);
    accepted(market(&swaps, "sell-1", Side::Sell, "PLNETH", "2").await);
    let report = ended(&swaps, "PLNETH", "sell-1").await;
    assert_eq!((report.side, report.filled_quantity), (Side::Sell, dec("2")));
    assert_eq!(tokens - held(&swaps, token).await, dec("2"));
    let (fee, got) = (report.fee.unwrap().amount, report.filled_quote.unwrap());
    assert_eq!(held(&swaps, COIN).await - coins, got - fee);
    let router = market_.chain.router.unwrap().address();
    let allowed = swaps.wallet().allowance(token, account(0).address(), router).await.unwrap();
    assert_eq!(allowed, U256::ZERO);

    // For an amount of the quote token, in both directions: of a pair the other way round.
    let order = NewOrder::market_quote(symbol("ETHPLN"), Side::Buy, dec("3"));
    let order = prepared(&swaps, order.client_order_id(id("spend-1"))).await;
    let tokens = held(&swaps, token).await;
    accepted(swaps.place(&order).await);
    let report = ended(&swaps, "ETHPLN", "spend-1").await;
    assert_eq!((report.quantity, report.filled_quote), (None, Some(dec("3"))));
    assert_eq!(tokens - held(&swaps, token).await, dec("3"));
    assert!(report.filled_quantity > dec("2.9") && report.filled_quantity < dec("3"));
    let order = NewOrder::market_quote(symbol("ETHPLN"), Side::Sell, dec("3"));
    let order = prepared(&swaps, order.client_order_id(id("earn-1"))).await;
    accepted(swaps.place(&order).await);
    let report = ended(&swaps, "ETHPLN", "earn-1").await;
    assert_eq!((report.side, report.filled_quote), (Side::Sell, Some(dec("3"))));

    // Tokens for tokens: the wrapped coin is one.
    accepted(market(&swaps, "sell-2", Side::Sell, "PLNWETH", "1").await);
    let report = ended(&swaps, "PLNWETH", "sell-2").await;
    assert_eq!(held(&swaps, market_.wrapped).await, report.filled_quote.unwrap());
    let balance = swaps.balance(Some(Asset::new("WETH").unwrap())).await.unwrap().unwrap();
    assert_eq!(balance.available, report.filled_quote.unwrap());
    assert_eq!(swaps.balance(None).await.unwrap().unwrap().total, Decimal::ZERO);
}

#[tokio::test]
async fn every_kind_of_order_on_uniswap_v2() {
    every_kind(false).await;
}

#[tokio::test]
async fn every_kind_of_order_on_uniswap_v3() {
    every_kind(true).await;
}

#[tokio::test]
async fn a_limit_that_cannot_be_kept_signs_nothing() {
    let market_ = Market::open(false).await;
    let (swaps, _) = market_.swaps();
    let limit = |side, price| {
        NewOrder::limit(symbol("PLNETH"), side, dec("1"), dec(price))
            .time_in_force(TimeInForce::FillOrKill)
    };
    for (name, order) in [("a", limit(Side::Buy, "1.003")), ("b", limit(Side::Sell, "0.999"))] {
        let order = prepared(&swaps, order.client_order_id(id(name))).await;
        let refused = swaps.place(&order).await.unwrap_err();
        let Refused::Rejected(rejection) = refused else { panic!("{refused:?}") };
        assert_eq!(rejection.reason, RejectReason::Price, "{rejection:?}");
        assert_eq!(swaps.find(symbol("PLNETH"), id(name)).await.unwrap(), None);
    }
    // The sale was tried out together with its approval: not even that was signed.
    assert_eq!(market_.count().await, 0);
    let order = limit(Side::Buy, "1.01").client_order_id(id("c"));
    accepted(swaps.place(&prepared(&swaps, order).await).await);
    let report = ended(&swaps, "PLNETH", "c").await;
    assert!(report.average_price.unwrap() <= dec("1.01"));
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_is_signed() {
    let market_ = Market::open(false).await;
    let (swaps, network) = market_.swaps();
    // More than the account has, in tokens and in coins; and more than the pool.
    for (on, quantity) in [("ETHPLN", "700"), ("PLNETH", "950")] {
        let refused = market(&swaps, "order", Side::Buy, on, quantity).await.unwrap_err();
        let Refused::Rejected(rejection) = refused else { panic!("{refused:?}") };
        assert_eq!(rejection.reason, RejectReason::InsufficientBalance, "{rejection:?}");
    }
    let order = NewOrder::market(symbol("PLNETH"), Side::Buy, dec("1000.1"));
    let instrument = swaps.instrument(symbol("PLNETH")).await.unwrap().unwrap();
    let error = instrument.prepare(&order, None).unwrap_err();
    assert_eq!(error.filter, Filter::MarketMaxQuantity);
    assert!(swaps.instrument(symbol("NOTHING")).await.unwrap().is_none());
    assert!(!swaps.capabilities().supports(OperationKind::Cancel));
    assert!(market_.store.records().is_empty());
    // A token without a pool is a pair that does not trade.
    let other = market_.anvil.token(account(0).address(), U256::from(1)).await;
    let pair = hoox_evm::Pair::new(other, COIN).called(symbol("OTHER"));
    let lone = market_.trading(network, vec![pair], patient());
    let instrument = lone.instrument(symbol("OTHER")).await.unwrap().unwrap();
    assert_eq!(instrument.status, InstrumentStatus::Halted);
}

#[tokio::test]
async fn gas_above_the_trap_and_tokens_off_the_list_sign_nothing() {
    let market_ = Market::open(false).await;
    let (_, network) = market_.swaps();
    let mut trap = patient();
    trap.fees.max_gas_price = Some(1);
    let mut closed = patient();
    closed.policy = Policy::default();
    closed.policy.unlimited = true;
    closed.policy.tokens = AllowList::only([market_.wrapped]);
    for (config, reason, says) in [
        (trap, RejectReason::Other, "gas costs"),
        (closed, RejectReason::Permission, "list of tokens"),
    ] {
        let pair = hoox_evm::Pair::new(market_.token, COIN);
        let swaps = market_.trading(network, vec![pair], config);
        for side in [Side::Buy, Side::Sell] {
            let refused = market(&swaps, "order", side, "PLNETH", "1").await.unwrap_err();
            let Refused::Rejected(rejection) = refused else { panic!("{refused:?}") };
            assert_eq!(rejection.reason, reason, "{rejection:?}");
            assert!(rejection.message.contains(says), "{rejection:?}");
        }
    }
    assert!(market_.store.records().is_empty());
}

#[tokio::test]
async fn an_id_is_swapped_once() {
    let market_ = Market::open(false).await;
    let (swaps, _) = market_.swaps();
    accepted(market(&swaps, "one", Side::Buy, "PLNETH", "1").await);
    let again = market(&swaps, "one", Side::Buy, "PLNETH", "1").await.unwrap_err();
    let Refused::Rejected(rejection) = again else { panic!("{again:?}") };
    assert_eq!(rejection.reason, RejectReason::DuplicateClientOrderId);
    ended(&swaps, "PLNETH", "one").await;
    assert_eq!(market_.count().await, 1);
}

/// Each may take only what it was approved for, so they have to come one after the other.
#[tokio::test]
async fn sales_at_the_same_moment_do_not_use_up_each_others_approvals() {
    let market_ = Market::open(false).await;
    let (swaps, _) = market_.swaps();
    swaps.warm_up().await.unwrap();
    let before = held(&swaps, market_.token).await;
    let sell = |name, quantity| market(&swaps, name, Side::Sell, "PLNETH", quantity);
    let (a, b, c) = tokio::join!(sell("a", "3"), sell("b", "1"), sell("c", "2"));
    for placed in [a, b, c] {
        accepted(placed);
    }
    for name in ["a", "b", "c"] {
        assert_eq!(ended(&swaps, "PLNETH", name).await.status, OrderStatus::Filled);
    }
    assert_eq!(before - held(&swaps, market_.token).await, dec("6"));
    assert_eq!(market_.count().await, 6);
}
