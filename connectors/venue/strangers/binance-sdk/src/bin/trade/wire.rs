//! What the client's types for the two markets and the two APIs have in common, though only in name.

/// What a reply of any of the types says.
macro_rules! read {
    ($reply:expr) => {{
        let reply = $reply;
        $crate::Seen {
            order_id: reply.order_id.context("orderId is missing")?,
            symbol: reply.symbol.context("symbol is missing")?,
            status: reply.status.context("status is missing")?,
            side: reply.side.context("side is missing")?,
            kind: reply.r#type.context("type is missing")?,
            price: $crate::decimal(reply.price)?,
            quantity: $crate::decimal(reply.orig_qty)?,
            executed: $crate::decimal(reply.executed_qty)?,
        }
    }};
}

/// The parameters of an order, in the types of one of the APIs.
macro_rules! order {
    ($order:expr, $params:ident, $side:ident, $kind:ident, $lifetime:ident) => {{
        let order = $order;
        let side = if order.buy { $side::Buy } else { $side::Sell };
        let kind = if order.limit.is_some() { $kind::Limit } else { $kind::Market };
        $params::builder($crate::SYMBOL.to_owned(), side, kind)
            .quantity($crate::QUANTITY)
            .price(order.limit)
            .time_in_force(order.limit.map(|_| $lifetime::Gtc))
            .new_client_order_id(order.id.to_owned())
    }};
}
