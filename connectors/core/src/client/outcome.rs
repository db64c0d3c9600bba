use super::Client;
use crate::{
    Accepted, ClientOrderId, Clock, Error, ExchangeProvider, NotSent, Operation, OrderClass,
    OrderReport, PreparedOrder, Refused, Reply, Symbol, Timestamp, Transport, UnknownCause,
};

/// What became of an order that may exist. That it certainly does not is [`Refused`].
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant)] // boxing the report would allocate on the order path
pub enum Outcome {
    /// The venue told the order's state.
    Acknowledged(OrderReport),
    /// The venue took the order, its state is to be read back.
    Accepted(Accepted),
    /// Nobody knows. Ask for it by client order id before anything else.
    Unknown(Unknown),
}

/// An order whose fate is not known, and what resolves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// Why it is not known.
    pub cause: UnknownCause,
    /// The order's symbol.
    pub symbol: Symbol,
    /// The id to ask for it by.
    pub client_order_id: ClientOrderId,
    /// Where to ask: among the plain orders or the conditional ones.
    pub class: OrderClass,
    /// The last moment, by the venue's clock, at which the venue still takes the lost request. "No
    /// such order" is final only when it was asked for after this and the venue's visibility delay.
    pub final_after: Timestamp,
}

impl<P: ExchangeProvider, T: Transport, C: Clock> Client<P, T, C> {
    /// What the answer to an order means that was sent by other means than this client, such as a
    /// WebSocket, in a frame signed at `signed_at`. An [`Error::Unknown`] is an outcome, not an error.
    ///
    /// # Errors
    /// [`Refused`] if there is certainly no order.
    pub fn settle_order(
        &self,
        order: &PreparedOrder,
        result: Result<Reply, Error>,
        signed_at: Timestamp,
    ) -> Result<Outcome, Refused> {
        self.settle(result, &Operation::Place(order), Named::of(order)?, signed_at)
    }
}

/// What an order is asked for by.
#[derive(Clone, Copy)]
pub(crate) struct Named {
    pub(crate) symbol: Symbol,
    pub(crate) client_order_id: ClientOrderId,
    pub(crate) class: OrderClass,
}

impl Named {
    pub(crate) fn of(prepared: &PreparedOrder) -> Result<Self, Refused> {
        let order = prepared.order();
        let Some(client_order_id) = order.client_order_id else {
            return Err(Refused::NotSent(NotSent::NoClientOrderId));
        };
        let class =
            if order.kind.is_conditional() { OrderClass::Conditional } else { OrderClass::Plain };
        Ok(Self { symbol: order.symbol, client_order_id, class })
    }
}
