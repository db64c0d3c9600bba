use core::time::Duration;

use rust_decimal::Decimal;

use crate::{
    ClientOrderId, MarginMode, OrderId, PositionMode, PositionSide, PreparedOrder, Side, Symbol,
    Timestamp,
};

/// What can be asked of a venue.
///
/// Each variant holds what any venue needs for it; a dialect ignores what its venue does not ask
/// for. What a venue lacks is known beforehand from [`Capabilities`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Operation<'a> {
    /// Places an order. Conditional kinds go to the venue's endpoint for those.
    Place(&'a PreparedOrder),
    /// Places several orders in one request; each succeeds or fails on its own.
    PlaceBatch(&'a [PreparedOrder]),
    /// Changes price or quantity of an open order.
    Amend(&'a Amendment),
    /// Cancels one order.
    Cancel {
        /// The order's symbol.
        symbol: Symbol,
        /// Which order.
        order: OrderRef,
        /// Plain or conditional.
        class: OrderClass,
    },
    /// Cancels every open order of a symbol, or of the account where the venue allows it.
    CancelAll {
        /// The symbol; all of them if absent.
        symbol: Option<Symbol>,
        /// Plain or conditional.
        class: OrderClass,
    },
    /// Reads one order, whatever became of it.
    Order {
        /// The order's symbol.
        symbol: Symbol,
        /// Which order.
        order: OrderRef,
        /// Plain or conditional.
        class: OrderClass,
    },
    /// Reads the open orders.
    OpenOrders {
        /// The symbol; all of them if absent.
        symbol: Option<Symbol>,
        /// Plain or conditional.
        class: OrderClass,
    },
    /// Reads orders of the past.
    OrderHistory {
        /// The symbol.
        symbol: Symbol,
        /// From when; the venue's default if absent.
        since: Option<Timestamp>,
        /// How many at most; the venue's default if absent.
        limit: Option<u32>,
    },
    /// Reads executions, with their fees.
    Fills {
        /// The symbol.
        symbol: Symbol,
        /// Of this order only.
        order: Option<OrderId>,
        /// From when; the venue's default if absent.
        since: Option<Timestamp>,
        /// How many at most; the venue's default if absent.
        limit: Option<u32>,
    },
    /// Reads the open positions.
    Positions {
        /// The symbol; all of them if absent.
        symbol: Option<Symbol>,
    },
    /// Reads the balances.
    Balances,
    /// Sets the leverage of a symbol.
    SetLeverage {
        /// The symbol.
        symbol: Symbol,
        /// The leverage, 1 or more.
        leverage: u32,
        /// The margin mode, where the venue asks for it here (MEXC).
        margin_mode: Option<MarginMode>,
        /// The position, where the venue asks for it here (MEXC, hedge mode).
        position_side: Option<PositionSide>,
    },
    /// Sets the margin mode: of a symbol (Binance) or of the account (Bybit).
    SetMarginMode {
        /// The symbol.
        symbol: Symbol,
        /// The mode.
        mode: MarginMode,
    },
    /// Sets the position mode: of the account (Binance, MEXC) or of a symbol (Bybit).
    SetPositionMode {
        /// The symbol, where the venue asks for it.
        symbol: Option<Symbol>,
        /// The mode.
        mode: PositionMode,
    },
    /// Reads the instruments.
    Instruments {
        /// One symbol, where the venue can answer for one; all of them if absent.
        symbol: Option<Symbol>,
    },
    /// Reads last and mark price.
    Ticker {
        /// The symbol.
        symbol: Symbol,
    },
    /// Reads best bid and ask.
    BookTop {
        /// The symbol.
        symbol: Symbol,
    },
    /// Reads the current funding rate.
    FundingRate {
        /// The symbol.
        symbol: Symbol,
    },
    /// Reads the venue's clock.
    ServerTime,
    /// Asks for the listen key that opens the private stream, where the venue works that way.
    CreateListenKey,
    /// Keeps a listen key valid.
    ExtendListenKey {
        /// The key.
        key: &'a str,
    },
    /// Ends a listen key.
    CloseListenKey {
        /// The key.
        key: &'a str,
    },
}

impl Operation<'_> {
    /// The kind of this operation, which is what a reply is decoded by.
    pub fn kind(&self) -> OperationKind {
        use OperationKind as Kind;
        let class = |class: &OrderClass, plain, conditional| match class {
            OrderClass::Plain => plain,
            OrderClass::Conditional => conditional,
        };
        match self {
            Self::Place(order) if order.order().kind.is_conditional() => Kind::PlaceConditional,
            Self::Place(_) => Kind::Place,
            Self::PlaceBatch(_) => Kind::PlaceBatch,
            Self::Amend(_) => Kind::Amend,
            Self::Cancel { class: c, .. } => class(c, Kind::Cancel, Kind::CancelConditional),
            Self::CancelAll { class: c, .. } => {
                class(c, Kind::CancelAll, Kind::CancelAllConditional)
            }
            Self::Order { class: OrderClass::Conditional, .. } => Kind::ConditionalOrder,
            Self::Order { order: OrderRef::Id(_), .. } => Kind::OrderById,
            Self::Order { order: OrderRef::Client(_), .. } => Kind::OrderByClientId,
            Self::OpenOrders { class: c, .. } => {
                class(c, Kind::OpenOrders, Kind::OpenConditionalOrders)
            }
            Self::OrderHistory { .. } => Kind::OrderHistory,
            Self::Fills { .. } => Kind::Fills,
            Self::Positions { .. } => Kind::Positions,
            Self::Balances => Kind::Balances,
            Self::SetLeverage { .. } => Kind::SetLeverage,
            Self::SetMarginMode { .. } => Kind::SetMarginMode,
            Self::SetPositionMode { .. } => Kind::SetPositionMode,
            Self::Instruments { .. } => Kind::Instruments,
            Self::Ticker { .. } => Kind::Ticker,
            Self::BookTop { .. } => Kind::BookTop,
            Self::FundingRate { .. } => Kind::FundingRate,
            Self::ServerTime => Kind::ServerTime,
            Self::CreateListenKey => Kind::CreateListenKey,
            Self::ExtendListenKey { .. } => Kind::ExtendListenKey,
            Self::CloseListenKey { .. } => Kind::CloseListenKey,
        }
    }
}

macro_rules! operation_kinds {
    ($($(#[$meta:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// The kinds of [`Operation`], a conditional order's apart where venues keep them apart.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum OperationKind { $($(#[$meta])* $name),+ }

        impl OperationKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The kind's name in snake case.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

operation_kinds! {
    /// Place an order.
    Place = "place",
    /// Place a conditional order.
    PlaceConditional = "place_conditional",
    /// Place several orders.
    PlaceBatch = "place_batch",
    /// Amend an order.
    Amend = "amend",
    /// Cancel an order.
    Cancel = "cancel",
    /// Cancel a conditional order.
    CancelConditional = "cancel_conditional",
    /// Cancel all orders.
    CancelAll = "cancel_all",
    /// Cancel all conditional orders.
    CancelAllConditional = "cancel_all_conditional",
    /// Read an order by the venue's id.
    OrderById = "order_by_id",
    /// Read an order by our id.
    OrderByClientId = "order_by_client_id",
    /// Read a conditional order, by either id.
    ConditionalOrder = "conditional_order",
    /// Read the open orders.
    OpenOrders = "open_orders",
    /// Read the open conditional orders.
    OpenConditionalOrders = "open_conditional_orders",
    /// Read orders of the past.
    OrderHistory = "order_history",
    /// Read executions.
    Fills = "fills",
    /// Read positions.
    Positions = "positions",
    /// Read balances.
    Balances = "balances",
    /// Set the leverage.
    SetLeverage = "set_leverage",
    /// Set the margin mode.
    SetMarginMode = "set_margin_mode",
    /// Set the position mode.
    SetPositionMode = "set_position_mode",
    /// Read the instruments.
    Instruments = "instruments",
    /// Read last and mark price.
    Ticker = "ticker",
    /// Read best bid and ask.
    BookTop = "book_top",
    /// Read the funding rate.
    FundingRate = "funding_rate",
    /// Read the venue's clock.
    ServerTime = "server_time",
    /// Ask for a listen key.
    CreateListenKey = "create_listen_key",
    /// Keep a listen key valid.
    ExtendListenKey = "extend_listen_key",
    /// End a listen key.
    CloseListenKey = "close_listen_key",
}

impl OperationKind {
    /// Whether the operation may create or change an order, so that a lost reply leaves its outcome
    /// unknown.
    pub const fn changes_orders(self) -> bool {
        matches!(
            self,
            Self::Place
                | Self::PlaceConditional
                | Self::PlaceBatch
                | Self::Amend
                | Self::Cancel
                | Self::CancelConditional
                | Self::CancelAll
                | Self::CancelAllConditional
        )
    }

    /// Whether the operation only reads, so that it may be sent again at will.
    pub const fn is_read(self) -> bool {
        !self.changes_orders()
            && !matches!(self, Self::SetLeverage | Self::SetMarginMode | Self::SetPositionMode)
    }
}

/// A set of operation kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OperationSet(u64);

impl OperationSet {
    /// The set of `kinds`.
    pub const fn of(kinds: &[OperationKind]) -> Self {
        let mut bits = 0;
        let mut rest = kinds;
        while let [first, tail @ ..] = rest {
            bits |= 1 << *first as u64;
            rest = tail;
        }
        Self(bits)
    }

    /// Whether `kind` is in the set.
    pub const fn contains(self, kind: OperationKind) -> bool {
        self.0 & (1 << kind as u64) != 0
    }
}

/// What a venue's market can do, known before anything is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// The operations it has.
    pub operations: OperationSet,
    /// Market orders by quote amount.
    pub market_by_quote: bool,
    /// Stop and take-profit orders.
    pub triggers: bool,
    /// Trailing stops.
    pub trailing_stop: bool,
    /// Take-profit and stop-loss attached to an order.
    pub attached: bool,
    /// Reduce-only orders.
    pub reduce_only: bool,
    /// Long and short positions beside each other.
    pub hedge_mode: bool,
    /// Orders over WebSocket.
    pub websocket_orders: bool,
    /// Whether the reply to a placed order tells its status; if not, the reply is
    /// [`Accepted`](crate::Accepted) and the fill is read back.
    pub place_reports_status: bool,
    /// The longest client order id, in bytes.
    pub client_order_id_max: usize,
    /// The most orders in one batch; 0 where there is none.
    pub batch_max: usize,
    /// How long an accepted order may stay invisible to queries.
    pub visibility_delay: Duration,
}

impl Capabilities {
    /// A market with `operations` and none of the optional features.
    pub const fn new(operations: OperationSet) -> Self {
        Self {
            operations,
            market_by_quote: false,
            triggers: false,
            trailing_stop: false,
            attached: false,
            reduce_only: false,
            hedge_mode: false,
            websocket_orders: false,
            place_reports_status: false,
            client_order_id_max: 32,
            batch_max: 0,
            visibility_delay: Duration::from_secs(2),
        }
    }

    /// Whether the operation exists here.
    pub const fn supports(&self, kind: OperationKind) -> bool {
        self.operations.contains(kind)
    }
}

/// What an operation costs in the venue's own accounting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// Request weight, against the limit per IP address.
    pub weight: u32,
    /// Orders, against the limit per account.
    pub orders: u32,
}

/// An order, by the venue's id or by ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderRef {
    /// The venue's id.
    Id(OrderId),
    /// Our id.
    Client(ClientOrderId),
}

/// Orders in the market, or orders that wait for a trigger, which some venues keep apart (Binance
/// algo orders, MEXC plan orders).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OrderClass {
    /// In the market.
    #[default]
    Plain,
    /// Waiting for a trigger.
    Conditional,
}

/// New terms for an open limit order. Values are in the venue's own unit, as in
/// [`PreparedOrder::order`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amendment {
    /// The order's symbol.
    pub symbol: Symbol,
    /// Which order.
    pub order: OrderRef,
    /// The order's side, which Binance wants repeated.
    pub side: Side,
    /// The new quantity.
    pub quantity: Option<Decimal>,
    /// The new price.
    pub price: Option<Decimal>,
}
