macro_rules! operation_kinds {
    ($($(#[$meta:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// The kinds of [`Operation`](crate::Operation), a conditional order's apart where venues keep them apart.
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
    /// Read the order book.
    Depth = "depth",
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
