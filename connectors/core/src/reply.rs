use core::time::Duration;

use rust_decimal::Decimal;

use crate::stream::BookUpdate;
use crate::{
    Asset, ClientOrderId, Instruments, OrderId, Page, PositionSide, Rejection, Side, Symbol,
    TimeInForce, Timestamp,
};

/// A venue's answer in neutral words.
#[derive(Debug, Clone)]
#[non_exhaustive]
#[allow(clippy::large_enum_variant)] // boxing the order would allocate on the order path
pub enum Reply {
    /// An order was taken, its status not yet told; read it back next.
    Accepted(Accepted),
    /// An order's state.
    Order(OrderReport),
    /// Several orders' states.
    Orders(Page<OrderReport>),
    /// A batch, in the order it was sent.
    Batch(Vec<Result<Accepted, Rejection>>),
    /// Executions.
    Fills(Page<Fill>),
    /// Positions.
    Positions(Page<Position>),
    /// Balances.
    Balances(Vec<Balance>),
    /// A setting took effect, or was so already.
    Changed(Change),
    /// Instruments.
    Instruments(Instruments),
    /// Last and mark price.
    Ticker(Ticker),
    /// Best bid and ask.
    BookTop(BookTop),
    /// The order book: a snapshot, whose last update is the one that the stream goes on from.
    Depth(BookUpdate),
    /// Funding.
    FundingRate(FundingRate),
    /// The venue's clock.
    ServerTime(Timestamp),
    /// A listen key.
    ListenKey(Box<str>),
}

/// What became of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was changed.
    Applied,
    /// It was so already.
    Unchanged,
    /// A leverage is as asked for, whether or not it was so before, and no position may grow beyond a
    /// value at it.
    Bounded {
        /// The largest value of a position of this symbol at this leverage, in the quote asset.
        max_notional: Decimal,
    },
}

/// An order was taken; whether and how it filled is another question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Accepted {
    /// The venue's id.
    pub order_id: Option<OrderId>,
    /// Our id, if the venue repeats it.
    pub client_order_id: Option<ClientOrderId>,
    /// When, by the venue's clock.
    pub at: Option<Timestamp>,
}

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OrderStatus {
    /// In the market, or waiting for its trigger, without a fill.
    New,
    /// In the market, filled in part.
    PartiallyFilled,
    /// Filled whole.
    Filled,
    /// Cancelled; keeps what had filled.
    Canceled,
    /// Ended by its own terms (IOC, FOK, post-only, market without liquidity); keeps what had filled.
    Expired,
    /// Refused by the venue after it was taken.
    Rejected,
    /// A conditional order has fired; follow the order it became.
    Triggered,
    /// A status this version does not know.
    Unrecognized,
}

impl OrderStatus {
    /// Whether the order can still fill.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::New | Self::PartiallyFilled | Self::Triggered | Self::Unrecognized)
    }
}

/// A fee paid, or, if negative, received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fee {
    /// In which asset.
    pub asset: Asset,
    /// How much.
    pub amount: Decimal,
}

/// One order's state at a venue. Quantities are in the base asset, whatever the venue counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrderReport {
    /// The neutral symbol.
    pub symbol: Symbol,
    /// The venue's id.
    pub order_id: OrderId,
    /// Our id.
    pub client_order_id: Option<ClientOrderId>,
    /// Buy or sell.
    pub side: Side,
    /// Where it stands.
    pub status: OrderStatus,
    /// The quantity ordered.
    pub quantity: Option<Decimal>,
    /// The quantity filled.
    pub filled_quantity: Decimal,
    /// The limit price; absent for market orders.
    pub price: Option<Decimal>,
    /// The average price of what filled; absent if nothing did.
    pub average_price: Option<Decimal>,
    /// The value of what filled, in the quote asset, if the venue tells.
    pub filled_quote: Option<Decimal>,
    /// The trigger price of a conditional order.
    pub trigger_price: Option<Decimal>,
    /// How long it stands, if it is one of the kinds that say so.
    pub time_in_force: Option<TimeInForce>,
    /// Whether it only reduces a position.
    pub reduce_only: bool,
    /// The position it belongs to, in hedge mode.
    pub position_side: Option<PositionSide>,
    /// The fee so far, if the reply holds it and it was paid in one asset.
    pub fee: Option<Fee>,
    /// The order a conditional order became once triggered.
    pub triggered_order_id: Option<OrderId>,
    /// When it was last changed, by the venue's clock.
    pub updated_at: Option<Timestamp>,
}

impl OrderReport {
    /// A report with the fields every venue gives; set the others as they are known.
    pub const fn new(symbol: Symbol, order_id: OrderId, side: Side, status: OrderStatus) -> Self {
        Self {
            symbol,
            order_id,
            client_order_id: None,
            side,
            status,
            quantity: None,
            filled_quantity: Decimal::ZERO,
            price: None,
            average_price: None,
            filled_quote: None,
            trigger_price: None,
            time_in_force: None,
            reduce_only: false,
            position_side: None,
            fee: None,
            triggered_order_id: None,
            updated_at: None,
        }
    }
}

/// One execution. The quantity is in the base asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fill {
    /// The neutral symbol.
    pub symbol: Symbol,
    /// The venue's id of the execution.
    pub trade_id: OrderId,
    /// The venue's id of the order.
    pub order_id: OrderId,
    /// Our id of the order, if the venue tells.
    pub client_order_id: Option<ClientOrderId>,
    /// Buy or sell.
    pub side: Side,
    /// At which price.
    pub price: Decimal,
    /// How much of the base asset.
    pub quantity: Decimal,
    /// The fee.
    pub fee: Option<Fee>,
    /// Whether it made liquidity; absent if the venue does not tell.
    pub maker: Option<bool>,
    /// The profit or loss it realised, in the settlement asset, if the venue tells.
    pub realized_pnl: Option<Decimal>,
    /// When, by the venue's clock.
    pub at: Timestamp,
}

impl Fill {
    /// An execution with the fields every venue gives; set the others as they are known.
    pub const fn new(
        symbol: Symbol,
        (trade_id, order_id): (OrderId, OrderId),
        side: Side,
        (price, quantity): (Decimal, Decimal),
        at: Timestamp,
    ) -> Self {
        Self {
            symbol,
            trade_id,
            order_id,
            client_order_id: None,
            side,
            price,
            quantity,
            fee: None,
            maker: None,
            realized_pnl: None,
            at,
        }
    }
}

/// One position. The size is in the base asset and never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Position {
    /// The neutral symbol.
    pub symbol: Symbol,
    /// Long or short; absent if there is no position.
    pub side: Option<PositionSide>,
    /// Whether this is one of two positions of the symbol (hedge mode).
    pub hedge: bool,
    /// The size.
    pub size: Decimal,
    /// The average entry price.
    pub entry_price: Option<Decimal>,
    /// The mark price.
    pub mark_price: Option<Decimal>,
    /// The price at which it would be liquidated.
    pub liquidation_price: Option<Decimal>,
    /// The leverage.
    pub leverage: Option<u32>,
    /// The profit or loss at the mark price, in the settlement asset.
    pub unrealized_pnl: Option<Decimal>,
    /// When it was last changed, by the venue's clock.
    pub updated_at: Option<Timestamp>,
}

impl Position {
    /// A position with the fields every venue gives; set the others as they are known.
    pub const fn new(symbol: Symbol, side: Option<PositionSide>, size: Decimal) -> Self {
        Self {
            symbol,
            side,
            hedge: false,
            size,
            entry_price: None,
            mark_price: None,
            liquidation_price: None,
            leverage: None,
            unrealized_pnl: None,
            updated_at: None,
        }
    }
}

/// The balance of one asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// The asset.
    pub asset: Asset,
    /// What can be spent or used as margin now.
    pub available: Decimal,
    /// Everything, what is locked included.
    pub total: Decimal,
}

/// Prices of a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ticker {
    /// The neutral symbol.
    pub symbol: Symbol,
    /// The last trade's price.
    pub last_price: Option<Decimal>,
    /// The mark price of a future.
    pub mark_price: Option<Decimal>,
}

impl Ticker {
    /// A ticker.
    pub const fn new(symbol: Symbol, last: Option<Decimal>, mark: Option<Decimal>) -> Self {
        Self { symbol, last_price: last, mark_price: mark }
    }
}

/// Best bid and ask. Sizes are in the base asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookTop {
    /// The neutral symbol.
    pub symbol: Symbol,
    /// The best bid; absent if there is none.
    pub bid_price: Option<Decimal>,
    /// What is bid for at that price.
    pub bid_quantity: Option<Decimal>,
    /// The best ask; absent if there is none.
    pub ask_price: Option<Decimal>,
    /// What is offered at that price.
    pub ask_quantity: Option<Decimal>,
    /// The venue's update number, if there is one.
    pub update_id: Option<u64>,
    /// When, by the venue's clock.
    pub at: Option<Timestamp>,
}

/// Funding of a perpetual future.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FundingRate {
    /// The neutral symbol.
    pub symbol: Symbol,
    /// The rate of the current period, as a fraction (0.0001 is 0.01 %).
    pub rate: Decimal,
    /// When it is next paid.
    pub next_at: Option<Timestamp>,
}

/// A request limit of the venue, and how much of it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateUsage {
    /// Whether the limit counts orders (per account) rather than request weight (per IP address).
    pub orders: bool,
    /// The length of the window.
    pub window: Duration,
    /// The limit, if told.
    pub limit: Option<u32>,
    /// What is used of it in the current window, if told.
    pub used: Option<u32>,
}
