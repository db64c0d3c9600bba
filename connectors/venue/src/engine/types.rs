//! The vocabulary shared by the engine and the fronts.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// A segment of a venue with its own symbols, balances and order ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Market {
    /// Spot trading: assets change hands.
    Spot,
    /// Linear perpetuals, margined and settled in USDT.
    Linear,
}

/// The direction of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Side {
    /// Buys the base asset, or the contract.
    Buy,
    /// Sells the base asset, or the contract.
    Sell,
}

impl Side {
    /// The other direction.
    #[must_use]
    pub fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

/// How an order executes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderKind {
    /// At the best prices on offer, now.
    Market,
    /// At the given price or better.
    Limit,
    /// Like `Limit`, but refused if it would trade at once.
    LimitMaker,
    /// A market order once the price has moved against the holder to the stop.
    StopLoss,
    /// A limit order once the price has moved against the holder to the stop.
    StopLossLimit,
    /// A market order once the price has moved in the holder's favour to the stop.
    TakeProfit,
    /// A limit order once the price has moved in the holder's favour to the stop.
    TakeProfitLimit,
}

impl OrderKind {
    /// Whether the order waits for a stop price first.
    #[must_use]
    pub fn is_conditional(self) -> bool {
        matches!(
            self,
            Self::StopLoss | Self::StopLossLimit | Self::TakeProfit | Self::TakeProfitLimit
        )
    }

    /// Whether the order carries a limit price.
    #[must_use]
    pub fn has_price(self) -> bool {
        matches!(self, Self::Limit | Self::LimitMaker | Self::StopLossLimit | Self::TakeProfitLimit)
    }
}

/// How long an order stays in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TimeInForce {
    /// Good till cancelled.
    Gtc,
    /// Immediate or cancel: what does not trade at once expires.
    Ioc,
    /// Fill or kill: all at once or nothing.
    Fok,
    /// Post only ("good till crossing").
    Gtx,
}

/// Which position of a hedge-mode account an order belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum PositionSide {
    /// The only position of one-way mode.
    Both,
    /// The long position of hedge mode.
    Long,
    /// The short position of hedge mode.
    Short,
}

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Accepted, nothing traded yet.
    New,
    /// Partly traded, the rest is open.
    PartiallyFilled,
    /// Completely traded.
    Filled,
    /// Cancelled by its owner.
    Canceled,
    /// Ended by the venue's rules, for example the remainder of an IOC order.
    Expired,
}

impl Status {
    /// Whether the order can still trade.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::New | Self::PartiallyFilled)
    }
}

/// Whether an instrument trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TradingStatus {
    /// Orders are accepted.
    Trading,
    /// Orders are refused; queries and cancels work.
    Halt,
}

/// New rules for an instrument; what is `None` stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Price step, in the quote asset.
    #[serde(default)]
    pub tick: Option<Decimal>,
    /// Quantity step, in the base asset.
    #[serde(default)]
    pub step: Option<Decimal>,
    /// Least quantity of an order, in the base asset.
    #[serde(default)]
    pub min_quantity: Option<Decimal>,
    /// Least value of an order, in the quote asset.
    #[serde(default)]
    pub min_notional: Option<Decimal>,
}

/// An instrument rule that an order broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    PriceMin,
    PriceMax,
    PriceTick,
    QuantityMin,
    QuantityMax,
    QuantityStep,
    MarketQuantityMin,
    MarketQuantityMax,
    MarketQuantityStep,
    NotionalMin,
    NotionalMax,
    PercentPriceUp,
    PercentPriceDown,
    MaxOrders,
    MaxAlgoOrders,
    MaxPosition,
    TrailingDelta,
}

/// Why the engine refused something. Each front has its own numbers and texts for these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reject {
    UnknownSymbol,
    MarketClosed,
    /// The filter and the bound it set (zero when the filter has no single bound).
    Filter(Filter, Decimal),
    /// More decimals than the instrument has; the parameter's name.
    Precision(&'static str),
    NotPositive(&'static str),
    InsufficientBalance,
    InsufficientMargin,
    DuplicateClientId,
    WouldTake,
    FillOrKill,
    WouldTrigger,
    ReduceOnly,
    ReduceOnlyInHedgeMode,
    PositionSideMismatch,
    PositionLimitAtLeverage,
    LeverageOutOfRange,
    LeverageReduction,
    LeverageMargin,
    NoChange,
    BlockedByOrders,
    BlockedByPositions,
    UnknownOrder,
    NothingToModify,
    NotModifiable,
}
