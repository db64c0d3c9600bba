//! How long Binance's own Rust client takes for an order: `latency ORDERS` places that many market
//! orders of 0.01 BTC on USD-M, buying and selling in turn, over REST and then over the WebSocket
//! API, after warming each up. It prints the 50th, 90th and 99th percentile in microseconds, from
//! the call to the parsed reply.

use std::time::Instant;

use anyhow::{Context, ensure};
use binance_sdk::derivatives_trading_usds_futures::{
    DerivativesTradingUsdsFuturesRestApi, DerivativesTradingUsdsFuturesWsApi, rest_api,
    websocket_api,
};
use hdrhistogram::Histogram;
use rust_decimal::{Decimal, dec};
use stranger_binance_sdk::Venue;

const WARM_UP: u64 = 200;
const QUANTITY: Decimal = dec!(0.01);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let orders = std::env::args().nth(1).context("usage: latency ORDERS")?;
    let orders: u64 = orders.parse().context("ORDERS is no whole number")?;
    let venue = Venue::from_env()?;

    let client = DerivativesTradingUsdsFuturesRestApi::from_config(venue.rest()?);
    measure("binance-sdk REST", orders, async |buy| {
        use rest_api::{NewOrderParams, NewOrderSideEnum::*, NewOrderTypeEnum::Market};
        let side = if buy { Buy } else { Sell };
        let order = NewOrderParams::builder("BTCUSDT".to_owned(), side, Market);
        let placed = client.new_order(order.quantity(QUANTITY).build()?).await?.data().await?;
        Ok(placed.order_id)
    })
    .await?;

    let config = venue.websocket("/ws-fapi/v1")?;
    let client = DerivativesTradingUsdsFuturesWsApi::from_config(config).connect().await?;
    measure("binance-sdk WebSocket", orders, async |buy| {
        use websocket_api::{NewOrderParams, NewOrderSideEnum::*, NewOrderTypeEnum::Market};
        let side = if buy { Buy } else { Sell };
        let order = NewOrderParams::builder("BTCUSDT".to_owned(), side, Market);
        let placed = client.new_order(order.quantity(QUANTITY).build()?).await?.data()?;
        Ok(placed.order_id)
    })
    .await?;
    client.disconnect().await
}

/// Times `place`, which says whether it is to buy and gives the order's id.
async fn measure(
    name: &str,
    orders: u64,
    mut place: impl AsyncFnMut(bool) -> anyhow::Result<Option<i64>>,
) -> anyhow::Result<()> {
    let mut nanoseconds = Histogram::<u64>::new(3)?;
    for index in 0..WARM_UP + orders {
        let start = Instant::now();
        let id = place(index % 2 == 0).await.with_context(|| format!("{name}, order {index}"))?;
        let taken = start.elapsed();
        ensure!(id.is_some(), "{name}, order {index}: the reply has no order id");
        if index >= WARM_UP {
            nanoseconds.record(u64::try_from(taken.as_nanos())?)?;
        }
    }
    let at = |quantile| nanoseconds.value_at_quantile(quantile) as f64 / 1_000.0;
    println!("{name:<34}{:>8.1}{:>8.1}{:>8.1}", at(0.5), at(0.9), at(0.99));
    Ok(())
}
