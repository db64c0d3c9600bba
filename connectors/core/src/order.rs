use core::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{ClientOrderId, Symbol};

/// Which way an order trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Buys the base asset.
    Buy,
    /// Sells the base asset.
    Sell,
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// `buy` or `sell`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Buy => "buy",
            Self::Sell => "sell",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How long a limit order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum TimeInForce {
    /// Good till cancelled.
    #[default]
    #[serde(rename = "GTC")]
    GoodTillCancel,
    /// Immediate or cancel: fills what it can at once, the rest is cancelled.
    #[serde(rename = "IOC")]
    ImmediateOrCancel,
    /// Fill or kill: fills whole at once or not at all.
    #[serde(rename = "FOK")]
    FillOrKill,
    /// Maker only: refused if it would take liquidity (Binance `GTX` or `LIMIT_MAKER`).
    #[serde(rename = "PostOnly")]
    PostOnly,
}

/// One net position per symbol, or a long and a short beside each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PositionMode {
    /// One net position per symbol.
    OneWay,
    /// A long and a short position at the same time.
    Hedge,
}

/// The position an order belongs to in hedge mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PositionSide {
    /// The long position.
    Long,
    /// The short position.
    Short,
}

impl PositionSide {
    /// The side that reduces this position.
    pub const fn closing_side(self) -> Side {
        match self {
            Self::Long => Side::Sell,
            Self::Short => Side::Buy,
        }
    }
}

/// What backs a futures position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MarginMode {
    /// A margin of its own.
    Isolated,
    /// The whole account.
    Cross,
}

/// How much a market order trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Size {
    /// A quantity of the base asset.
    Base(Decimal),
    /// An amount of the quote asset to spend or to receive; spot only.
    Quote(Decimal),
}

/// Whether a trigger protects against a loss or takes a gain, which decides the side of the market
/// it waits on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TriggerKind {
    /// A sell waits below the market, a buy above it.
    Stop,
    /// A sell waits above the market, a buy below it.
    TakeProfit,
}

/// The price that wakes a conditional order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Trigger {
    /// Stop or take-profit.
    pub kind: TriggerKind,
    /// The trigger price.
    pub price: Decimal,
}

/// What is traded, at which price, and when. Each kind holds exactly what it needs: a limit order
/// without a price cannot be written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OrderKind {
    /// At the market.
    Market {
        /// How much.
        size: Size,
    },
    /// At a price or better.
    Limit {
        /// Quantity of the base asset.
        quantity: Decimal,
        /// The worst acceptable price.
        price: Decimal,
        /// How long it stands.
        time_in_force: TimeInForce,
    },
    /// A market order once the trigger price is touched.
    TriggerMarket {
        /// Quantity of the base asset.
        quantity: Decimal,
        /// What wakes it.
        trigger: Trigger,
    },
    /// A limit order once the trigger price is touched.
    TriggerLimit {
        /// Quantity of the base asset.
        quantity: Decimal,
        /// What wakes it.
        trigger: Trigger,
        /// The worst acceptable price.
        price: Decimal,
        /// How long it stands once awake.
        time_in_force: TimeInForce,
    },
    /// A market order once the price has turned back by `callback_rate` from its best.
    TrailingStop {
        /// Quantity of the base asset.
        quantity: Decimal,
        /// The distance from the best price, in percent.
        callback_rate: Decimal,
        /// The price from which the best price is followed; at once if absent.
        activate_price: Option<Decimal>,
    },
}

impl OrderKind {
    /// The base quantity; absent for a market order by quote amount.
    pub const fn quantity(&self) -> Option<Decimal> {
        match self {
            Self::Market { size: Size::Base(quantity) }
            | Self::Limit { quantity, .. }
            | Self::TriggerMarket { quantity, .. }
            | Self::TriggerLimit { quantity, .. }
            | Self::TrailingStop { quantity, .. } => Some(*quantity),
            Self::Market { size: Size::Quote(_) } => None,
        }
    }

    /// The limit price, where the kind has one.
    pub const fn price(&self) -> Option<Decimal> {
        match self {
            Self::Limit { price, .. } | Self::TriggerLimit { price, .. } => Some(*price),
            _ => None,
        }
    }

    /// Whether it waits for a trigger before it enters the market.
    pub const fn is_conditional(&self) -> bool {
        matches!(
            self,
            Self::TriggerMarket { .. } | Self::TriggerLimit { .. } | Self::TrailingStop { .. }
        )
    }

    /// Whether it executes as a market order, which other quantity limits may bound.
    pub const fn is_market(&self) -> bool {
        !matches!(self, Self::Limit { .. } | Self::TriggerLimit { .. })
    }
}

/// Take-profit and stop-loss that the venue attaches to the position an order opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Attached {
    /// Trigger price of the take-profit.
    pub take_profit: Option<Decimal>,
    /// Trigger price of the stop-loss.
    pub stop_loss: Option<Decimal>,
}

/// An order as a trader thinks of it, before any venue's rules.
///
/// ```
/// use hoox_connector::{ClientOrderId, NewOrder, Side, Symbol, TimeInForce};
///
/// let order = NewOrder::limit(Symbol::new("BTCUSDT")?, Side::Buy, "0.01".parse()?, "43210.9".parse()?)
///     .time_in_force(TimeInForce::PostOnly)
///     .client_order_id(ClientOrderId::portable("my-first-order")?);
/// assert_eq!(order.kind.price(), Some("43210.9".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewOrder {
    /// The symbol.
    pub symbol: Symbol,
    /// Buy or sell.
    pub side: Side,
    /// What, at which price, when.
    pub kind: OrderKind,
    /// Our id, by which the order is found again whatever happens. Without one an order whose reply
    /// is lost cannot be told from one that never arrived, so [`Client`](crate::Client) insists.
    pub client_order_id: Option<ClientOrderId>,
    /// Only ever makes the position smaller.
    pub reduce_only: bool,
    /// The position it belongs to; only in hedge mode.
    pub position_side: Option<PositionSide>,
    /// The account's position mode where the venue asks for it on the order.
    pub position_mode: Option<PositionMode>,
    /// Take-profit and stop-loss attached to it.
    pub attached: Attached,
    /// The margin mode, where the venue takes it with the order (MEXC futures).
    pub margin_mode: Option<MarginMode>,
    /// The leverage, where the venue takes it with the order (MEXC futures, isolated).
    pub leverage: Option<u32>,
}

impl NewOrder {
    /// An order of any kind.
    pub const fn new(symbol: Symbol, side: Side, kind: OrderKind) -> Self {
        Self {
            symbol,
            side,
            kind,
            client_order_id: None,
            reduce_only: false,
            position_side: None,
            position_mode: None,
            attached: Attached { take_profit: None, stop_loss: None },
            margin_mode: None,
            leverage: None,
        }
    }

    /// A market order for `quantity` of the base asset.
    pub const fn market(symbol: Symbol, side: Side, quantity: Decimal) -> Self {
        Self::new(symbol, side, OrderKind::Market { size: Size::Base(quantity) })
    }

    /// A market order worth `amount` of the quote asset; spot only.
    pub const fn market_quote(symbol: Symbol, side: Side, amount: Decimal) -> Self {
        Self::new(symbol, side, OrderKind::Market { size: Size::Quote(amount) })
    }

    /// A limit order, good till cancelled.
    pub const fn limit(symbol: Symbol, side: Side, quantity: Decimal, price: Decimal) -> Self {
        let time_in_force = TimeInForce::GoodTillCancel;
        Self::new(symbol, side, OrderKind::Limit { quantity, price, time_in_force })
    }

    /// Sets how long a limit or trigger-limit order stands; without effect on other kinds.
    #[must_use]
    pub const fn time_in_force(mut self, value: TimeInForce) -> Self {
        if let OrderKind::Limit { time_in_force, .. }
        | OrderKind::TriggerLimit { time_in_force, .. } = &mut self.kind
        {
            *time_in_force = value;
        }
        self
    }

    /// Sets our id of the order.
    #[must_use]
    pub const fn client_order_id(mut self, id: ClientOrderId) -> Self {
        self.client_order_id = Some(id);
        self
    }

    /// Makes the order reduce-only.
    #[must_use]
    pub const fn reduce_only(mut self) -> Self {
        self.reduce_only = true;
        self
    }

    /// The position the order belongs to in hedge mode: the one named, or else the one its side
    /// opens (or, reduce-only, closes). `None` in one-way mode.
    pub const fn hedge_side(&self) -> Option<PositionSide> {
        match (self.position_mode, self.position_side) {
            (Some(PositionMode::OneWay), _) | (None, None) => None,
            (_, Some(side)) => Some(side),
            (Some(PositionMode::Hedge), None) => Some(match (self.side, self.reduce_only) {
                (Side::Buy, false) | (Side::Sell, true) => PositionSide::Long,
                (Side::Sell, false) | (Side::Buy, true) => PositionSide::Short,
            }),
        }
    }

    /// Names the position the order belongs to, in hedge mode.
    #[must_use]
    pub const fn position_side(mut self, side: PositionSide) -> Self {
        self.position_side = Some(side);
        self.position_mode = Some(PositionMode::Hedge);
        self
    }
}
