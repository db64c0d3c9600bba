//! Binance's own Rust client trades on the simulated exchange: `trade spot|linear` buys, rests an
//! order, takes it back and sells, over REST and then over the WebSocket API, and checks replies and
//! books.

#[macro_use]
mod wire;
mod linear;
mod spot;

use std::fmt::Debug;

use anyhow::{Context, bail, ensure};
use binance_sdk::derivatives_trading_usds_futures::{
    DerivativesTradingUsdsFuturesRestApi, DerivativesTradingUsdsFuturesWsApi,
};
use binance_sdk::errors::{ConnectorError, WebsocketError};
use binance_sdk::spot::{SpotRestApi, SpotWsApi};
use rust_decimal::{Decimal, dec};
use stranger_binance_sdk::Venue;

const SYMBOL: &str = "BTCUSDT";
const QUANTITY: Decimal = dec!(0.01);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let venue = Venue::from_env()?;
    match std::env::args().nth(1).as_deref() {
        Some("spot") => {
            let rest = SpotRestApi::from_config(venue.rest()?);
            trade("rest", &rest, &rest).await.context("spot, REST")?;
            let socket = SpotWsApi::from_config(venue.websocket("/ws-api/v3")?).connect().await?;
            trade("socket", &socket, &rest).await.context("spot, WebSocket")?;
            socket.disconnect().await
        }
        Some("linear") => {
            let rest = DerivativesTradingUsdsFuturesRestApi::from_config(venue.rest()?);
            trade("rest", &rest, &rest).await.context("linear, REST")?;
            let config = venue.websocket("/ws-fapi/v1")?;
            let socket = DerivativesTradingUsdsFuturesWsApi::from_config(config).connect().await?;
            trade("socket", &socket, &rest).await.context("linear, WebSocket")?;
            socket.disconnect().await
        }
        _ => bail!("usage: trade spot|linear"),
    }
}

/// An order to place: at market, unless it has a limit.
#[derive(Clone, Copy)]
struct Order<'o> {
    id: &'o str,
    buy: bool,
    limit: Option<Decimal>,
}

/// What all replies about an order say.
#[derive(Debug, PartialEq)]
struct Seen {
    order_id: i64,
    symbol: String,
    status: String,
    side: String,
    kind: String,
    price: Decimal,
    quantity: Decimal,
    executed: Decimal,
}

/// Where orders are entered.
trait Desk {
    async fn place(&self, order: Order<'_>) -> anyhow::Result<(Seen, Option<String>)>;
    async fn cancel(&self, id: &str) -> anyhow::Result<Seen>;
}

/// What the venue knows of the account.
trait Books {
    /// Coins held, or the size of the position.
    async fn holding(&self) -> anyhow::Result<Decimal>;
    async fn open_orders(&self) -> anyhow::Result<Vec<i64>>;
    async fn fills(&self, order_id: i64) -> anyhow::Result<Vec<Fill>>;
}

#[derive(Debug)]
struct Fill {
    price: Decimal,
    quantity: Decimal,
    commission: Decimal,
    commission_asset: String,
    buyer: bool,
}

async fn trade(name: &str, desk: &impl Desk, books: &impl Books) -> anyhow::Result<()> {
    let ids = ["buy", "rest", "sell"].map(|order| format!("stranger-{name}-{order}"));
    let [buy, rest, sell] = ids.each_ref().map(String::as_str);
    let held = books.holding().await?;

    let order = Order { id: buy, buy: true, limit: None };
    let (bought, id) = desk.place(order).await.context("market buy")?;
    equal(id.as_deref(), Some(buy))?;
    equal(&bought, &seen(&bought, order, "FILLED", QUANTITY))?;
    let fills = books.fills(bought.order_id).await?;
    equal(fills.iter().map(|fill| fill.quantity).sum::<Decimal>(), QUANTITY)?;
    ensure!(fills.iter().all(|fill| fill.buyer), "{fills:?}");
    // Spot takes the commission of a buy out of the coin.
    let coins = fills.iter().filter(|fill| fill.commission_asset == "BTC");
    let commission: Decimal = coins.map(|fill| fill.commission).sum();
    equal(books.holding().await?, held + QUANTITY - commission)?;

    let price = fills.first().context("a fill")?.price;
    let order = Order { id: rest, buy: true, limit: Some((price * dec!(0.98)).trunc()) };
    let (resting, id) = desk.place(order).await.context("limit buy")?;
    equal(id.as_deref(), Some(rest))?;
    equal(&resting, &seen(&resting, order, "NEW", Decimal::ZERO))?;
    equal(books.open_orders().await?, vec![resting.order_id])?;
    let cancelled = desk.cancel(rest).await.context("cancel")?;
    equal(&cancelled, &seen(&resting, order, "CANCELED", Decimal::ZERO))?;
    equal(books.open_orders().await?, Vec::new())?;
    let refusal = desk.cancel(rest).await.err().context("a second cancel went through")?;
    equal(code(&refusal), Some(-2011))?;

    let order = Order { id: sell, buy: false, limit: None };
    let (sold, _) = desk.place(order).await.context("market sell")?;
    equal(&sold, &seen(&sold, order, "FILLED", QUANTITY))?;
    ensure!(sold.order_id != bought.order_id, "{sold:?} has the id of {bought:?}");
    equal(books.holding().await?, held - commission)
}

fn equal<T: Debug + PartialEq>(seen: T, expected: T) -> anyhow::Result<()> {
    ensure!(seen == expected, "saw {seen:?}, expected {expected:?}");
    Ok(())
}

/// What is to be said of `order`, which has the id of `reply`.
fn seen(reply: &Seen, order: Order<'_>, status: &str, executed: Decimal) -> Seen {
    Seen {
        order_id: reply.order_id,
        symbol: SYMBOL.to_owned(),
        status: status.to_owned(),
        side: if order.buy { "BUY" } else { "SELL" }.to_owned(),
        kind: if order.limit.is_some() { "LIMIT" } else { "MARKET" }.to_owned(),
        price: order.limit.unwrap_or_default(),
        quantity: QUANTITY,
        executed,
    }
}

/// The venue's number of a refusal.
fn code(error: &anyhow::Error) -> Option<i64> {
    let socket = error.downcast_ref::<WebsocketError>();
    match (error.downcast_ref::<ConnectorError>(), socket) {
        (Some(ConnectorError::BadRequestError { code, .. }), _) => *code,
        (_, Some(WebsocketError::ResponseError { code, .. })) => Some(*code),
        _ => None,
    }
}

/// A field that must be there, as a decimal.
fn decimal(field: Option<String>) -> anyhow::Result<Decimal> {
    Ok(field.context("a number is missing")?.parse()?)
}
