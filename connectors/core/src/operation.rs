use rust_decimal::Decimal;

use crate::{
    ClientOrderId, MarginMode, OperationKind, OrderId, PositionMode, PositionSide, PreparedOrder,
    Side, Symbol, Timestamp,
};

/// What can be asked of a venue.
///
/// Each variant holds what any venue needs for it; a dialect ignores what its venue does not ask
/// for. What a venue lacks is known beforehand from [`Capabilities`](crate::Capabilities).
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
        /// Where to read on: the [`Page::next`](crate::Page::next) of the page before, whose
        /// other fields stay as they are.
        page: Option<&'a str>,
    },
    /// Reads orders of the past.
    OrderHistory {
        /// The symbol.
        symbol: Symbol,
        /// This order only, where closed orders must be looked for here
        /// ([`closed_orders_in_history`](crate::Capabilities::closed_orders_in_history)).
        order: Option<OrderRef>,
        /// From when; the venue's default if absent.
        since: Option<Timestamp>,
        /// How many at most; the venue's default if absent.
        limit: Option<u32>,
        /// Where to read on: the [`Page::next`](crate::Page::next) of the page before, whose
        /// other fields stay as they are.
        page: Option<&'a str>,
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
        /// Where to read on: the [`Page::next`](crate::Page::next) of the page before, whose
        /// other fields stay as they are.
        page: Option<&'a str>,
    },
    /// Reads the open positions.
    Positions {
        /// The symbol; all of them if absent.
        symbol: Option<Symbol>,
        /// Where to read on: the [`Page::next`](crate::Page::next) of the page before, whose
        /// other fields stay as they are.
        page: Option<&'a str>,
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
        /// Where to read on: the [`Page::next`](crate::Page::next) of the page before, whose
        /// other fields stay as they are.
        page: Option<&'a str>,
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
    /// Reads the order book, with the number that the stream of changes goes on from.
    Depth {
        /// The symbol.
        symbol: Symbol,
        /// How many levels of each side; a venue that has only certain numbers is asked for the next
        /// higher one, or for as many as it gives.
        levels: u32,
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

impl<'a> Operation<'a> {
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
            Self::Depth { .. } => Kind::Depth,
            Self::FundingRate { .. } => Kind::FundingRate,
            Self::ServerTime => Kind::ServerTime,
            Self::CreateListenKey => Kind::CreateListenKey,
            Self::ExtendListenKey { .. } => Kind::ExtendListenKey,
            Self::CloseListenKey { .. } => Kind::CloseListenKey,
        }
    }

    /// The same list from `page` on; an operation without pages stays as it is.
    #[must_use]
    pub fn on_page<'b>(&self, page: Option<&'b str>) -> Operation<'b>
    where
        'a: 'b,
    {
        let mut op: Operation<'b> = *self;
        match &mut op {
            Operation::OpenOrders { page: place, .. }
            | Operation::OrderHistory { page: place, .. }
            | Operation::Fills { page: place, .. }
            | Operation::Positions { page: place, .. }
            | Operation::Instruments { page: place, .. } => *place = page,
            _ => {}
        }
        op
    }
}

/// What of an operation its reply is read by: venues leave out of a reply what the request said.
///
/// Made of an [`Operation`], or of an [`OperationKind`] alone where no more is needed: for everything
/// but books, and lists of which more than the first page is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Asked<'a> {
    /// The kind of the operation.
    pub kind: OperationKind,
    /// The symbol it was about.
    pub symbol: Option<Symbol>,
    /// The order that a list was restricted to.
    pub order: Option<OrderRef>,
    /// From when a list was to be.
    pub since: Option<Timestamp>,
    /// How many rows were asked for.
    pub limit: Option<u32>,
    /// The page that was asked for.
    pub page: Option<&'a str>,
}

impl From<OperationKind> for Asked<'_> {
    fn from(kind: OperationKind) -> Self {
        Self { kind, symbol: None, order: None, since: None, limit: None, page: None }
    }
}

impl<'a> From<&Operation<'a>> for Asked<'a> {
    fn from(op: &Operation<'a>) -> Self {
        let it = Self::from(op.kind());
        match *op {
            Operation::OpenOrders { symbol, page, .. }
            | Operation::Positions { symbol, page }
            | Operation::Instruments { symbol, page } => Self { symbol, page, ..it },
            Operation::OrderHistory { symbol, order, since, limit, page } => {
                Self { symbol: Some(symbol), order, since, limit, page, ..it }
            }
            Operation::Fills { symbol, order, since, limit, page } => {
                let order = order.map(OrderRef::Id);
                Self { symbol: Some(symbol), order, since, limit, page, ..it }
            }
            Operation::Depth { symbol, .. } => Self { symbol: Some(symbol), ..it },
            _ => it,
        }
    }
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
