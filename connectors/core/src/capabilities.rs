use core::time::Duration;

use crate::{OperationKind, OperationSet};

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
    /// Whether an order that is closed must be looked for in the history too, by
    /// [`Operation::OrderHistory`](crate::Operation::OrderHistory) with that order, before the venue's
    /// "no such order" is believed: reading a single order shows only open and recently closed ones.
    pub closed_orders_in_history: bool,
    /// The longest client order id, in bytes.
    pub client_order_id_max: usize,
    /// The most orders in one batch; 0 where there is none.
    pub batch_max: usize,
    /// How long an accepted order may stay invisible to queries.
    pub visibility_delay: Duration,
    /// How long it may take until an accepted order's fill can be told, where that is long: a block,
    /// on a chain. Whoever waits for it asks for as long.
    pub fill_delay: Duration,
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
            closed_orders_in_history: false,
            client_order_id_max: 32,
            batch_max: 0,
            visibility_delay: Duration::from_secs(2),
            fill_delay: Duration::ZERO,
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
