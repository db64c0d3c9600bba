//! The JSON bodies of POST requests, which the frames of order entry carry too. Members go constant
//! first.

use hoox_connector::json::write_escaped;
use hoox_connector::{
    Amendment, ClientOrderId, Decimal, EncodeError, MarginMode, Market, NewOrder, Operation,
    OrderClass, OrderKind, OrderRef, PositionMode, PositionSide, PreparedOrder, Side, Size,
    TimeInForce, Trigger, TriggerKind, write_decimal,
};

use crate::encode::unsupported;
use crate::limits;

/// Appends the body of `op`.
///
/// # Errors
/// [`EncodeError`], also if the operation has no body.
#[inline]
pub(crate) fn write(
    market: Market,
    op: &Operation<'_>,
    out: &mut String,
) -> Result<(), EncodeError> {
    let mut body = Body { market, out };
    match op {
        Operation::Place(order) => {
            body.raw(match market {
                Market::Spot => "{\"category\":\"spot\",\"symbol\":\"",
                _ => "{\"category\":\"linear\",\"symbol\":\"",
            });
            body.order(order.order())?;
        }
        Operation::PlaceBatch(orders) => body.batch(orders)?,
        Operation::Amend(amendment) => body.amend(amendment)?,
        Operation::Cancel { symbol, order, class } => {
            body.category();
            body.filter(*class);
            body.text(",\"symbol\":\"", symbol.as_str());
            body.order_ref(order);
        }
        Operation::CancelAll { symbol, class } => {
            body.category();
            // Without a filter, linear cancels the protective orders too (v5 order/cancel-all).
            body.raw(match class {
                OrderClass::Plain => ",\"orderFilter\":\"Order\"",
                OrderClass::Conditional => ",\"orderFilter\":\"StopOrder\"",
            });
            match symbol {
                Some(symbol) => body.text(",\"symbol\":\"", symbol.as_str()),
                None if market == Market::Spot => {}
                None => body.raw(",\"settleCoin\":\"USDT\""),
            }
        }
        Operation::SetLeverage { symbol, leverage, .. } => {
            body.category();
            body.text(",\"symbol\":\"", symbol.as_str());
            body.decimal(",\"buyLeverage\":\"", Decimal::from(*leverage));
            body.decimal(",\"sellLeverage\":\"", Decimal::from(*leverage));
        }
        // The account's mode, whatever the symbol (v5 account/set-margin-mode).
        Operation::SetMarginMode { mode, .. } => body.raw(match mode {
            MarginMode::Isolated => "{\"setMarginMode\":\"ISOLATED_MARGIN\"",
            MarginMode::Cross => "{\"setMarginMode\":\"REGULAR_MARGIN\"",
        }),
        Operation::SetPositionMode { symbol, mode } => {
            body.category();
            body.raw(match mode {
                PositionMode::OneWay => ",\"mode\":0",
                PositionMode::Hedge => ",\"mode\":3",
            });
            match symbol {
                Some(symbol) => body.text(",\"symbol\":\"", symbol.as_str()),
                None => body.raw(",\"coin\":\"USDT\""),
            }
        }
        _ => return Err(unsupported(op.kind().as_str())),
    }
    body.raw("}");
    Ok(())
}

struct Body<'a> {
    market: Market,
    out: &'a mut String,
}

impl Body<'_> {
    /// v5 order/create-order, from the symbol's text onward.
    fn order(&mut self, order: &NewOrder) -> Result<(), EncodeError> {
        if order.symbol.is_plain() {
            self.raw(order.symbol.as_str());
        } else {
            write_escaped(self.out, order.symbol.as_str());
        }
        self.raw(side_and_type(self.market, order)?);
        match &order.kind {
            OrderKind::Market { size: Size::Base(size) | Size::Quote(size) } => {
                self.decimal("", *size);
            }
            OrderKind::Limit { quantity, price, .. } => {
                self.decimal("", *quantity);
                self.decimal(",\"price\":\"", *price);
            }
            OrderKind::TriggerMarket { quantity, trigger } => {
                self.decimal("", *quantity);
                self.trigger(order.side, *trigger);
            }
            OrderKind::TriggerLimit { quantity, trigger, price, .. } => {
                self.decimal("", *quantity);
                self.decimal(",\"price\":\"", *price);
                self.trigger(order.side, *trigger);
            }
            _ => return Err(unsupported("this kind of order")),
        }
        self.position(order)?;
        self.attached(order)?;
        match &order.client_order_id {
            Some(id) => self.client_id(id),
            None => Ok(()),
        }
    }

    /// The trigger compares with the last price, the venue's default. Spot finds the direction
    /// itself; 1 is a rise to the trigger price, 2 a fall.
    fn trigger(&mut self, side: Side, trigger: Trigger) {
        self.raw(match (self.market, side, trigger.kind) {
            (Market::Spot, _, _) => ",\"orderFilter\":\"StopOrder\"",
            (_, Side::Buy, TriggerKind::Stop) | (_, Side::Sell, TriggerKind::TakeProfit) => {
                ",\"triggerDirection\":1"
            }
            (_, Side::Sell, TriggerKind::Stop) | (_, Side::Buy, TriggerKind::TakeProfit) => {
                ",\"triggerDirection\":2"
            }
        });
        self.decimal(",\"triggerPrice\":\"", trigger.price);
    }

    /// v5 enum, "positionIdx": 0, the default, is one-way, 1 the hedge long, 2 the hedge short.
    fn position(&mut self, order: &NewOrder) -> Result<(), EncodeError> {
        let hedge = order.hedge_side();
        if self.market == Market::Spot {
            return match (order.reduce_only, hedge) {
                (true, _) => Err(unsupported("reduce-only on spot")),
                (_, Some(_)) => Err(unsupported("positions on spot")),
                _ => Ok(()),
            };
        }
        match hedge {
            Some(PositionSide::Long) => self.raw(",\"positionIdx\":1"),
            Some(PositionSide::Short) => self.raw(",\"positionIdx\":2"),
            None => {}
        }
        if order.reduce_only {
            self.raw(",\"reduceOnly\":true");
        }
        Ok(())
    }

    /// v5 order/create-order: on spot with limit orders only, and never with reduceOnly.
    fn attached(&mut self, order: &NewOrder) -> Result<(), EncodeError> {
        let attached = &order.attached;
        if attached.take_profit.is_none() && attached.stop_loss.is_none() {
            return Ok(());
        }
        if order.reduce_only {
            let problem = "not together with reduce-only";
            return Err(EncodeError::Invalid { field: "attached", problem });
        }
        if self.market == Market::Spot && !matches!(order.kind, OrderKind::Limit { .. }) {
            return Err(unsupported("take-profit and stop-loss on spot but with limit orders"));
        }
        if let Some(price) = attached.take_profit {
            self.decimal(",\"takeProfit\":\"", price);
        }
        if let Some(price) = attached.stop_loss {
            self.decimal(",\"stopLoss\":\"", price);
        }
        Ok(())
    }

    /// v5 order/batch-place.
    fn batch(&mut self, orders: &[PreparedOrder]) -> Result<(), EncodeError> {
        if orders.is_empty() {
            return Err(EncodeError::Missing("orders"));
        }
        if orders.len() > limits::capabilities(self.market).batch_max {
            let problem = "more than the venue takes in one batch";
            return Err(EncodeError::Invalid { field: "orders", problem });
        }
        self.category();
        let mut opening = ",\"request\":[{\"symbol\":\"";
        for order in orders {
            self.raw(opening);
            self.order(order.order())?;
            opening = "},{\"symbol\":\"";
        }
        self.raw("}]");
        Ok(())
    }

    /// v5 order/amend-order: what stays as it is, is not sent.
    fn amend(&mut self, amendment: &Amendment) -> Result<(), EncodeError> {
        if amendment.quantity.is_none() && amendment.price.is_none() {
            return Err(EncodeError::Missing("quantity or price"));
        }
        self.category();
        self.text(",\"symbol\":\"", amendment.symbol.as_str());
        self.order_ref(&amendment.order);
        if let Some(quantity) = amendment.quantity {
            self.decimal(",\"qty\":\"", quantity);
        }
        if let Some(price) = amendment.price {
            self.decimal(",\"price\":\"", price);
        }
        Ok(())
    }

    /// Opens the JSON body.
    fn category(&mut self) {
        self.raw(match self.market {
            Market::Spot => "{\"category\":\"spot\"",
            _ => "{\"category\":\"linear\"",
        });
    }

    /// v5 order/cancel-order: spot keeps waiting orders apart.
    fn filter(&mut self, class: OrderClass) {
        if self.market == Market::Spot {
            self.raw(match class {
                OrderClass::Plain => ",\"orderFilter\":\"Order\"",
                OrderClass::Conditional => ",\"orderFilter\":\"StopOrder\"",
            });
        }
    }

    fn order_ref(&mut self, order: &OrderRef) {
        match order {
            OrderRef::Id(id) => self.text(",\"orderId\":\"", id.as_str()),
            OrderRef::Client(id) => self.text(",\"orderLinkId\":\"", id.as_str()),
        }
    }

    /// v5 order/create-order: up to 36 letters, digits, dashes and underscores.
    fn client_id(&mut self, id: &ClientOrderId) -> Result<(), EncodeError> {
        let (field, text) = ("client_order_id", id.as_str());
        if text.len() > 36 {
            return Err(EncodeError::Invalid { field, problem: "longer than 36 characters" });
        }
        // Of what is plain elsewhere, Bybit takes no point.
        if !id.is_plain() || text.contains('.') {
            let problem = "holds other than letters, digits, - and _";
            return Err(EncodeError::Invalid { field, problem });
        }
        self.raw(",\"orderLinkId\":\"");
        self.raw(text);
        self.raw("\"");
        Ok(())
    }

    #[inline]
    fn raw(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// A JSON string; `name` ends with its opening quote.
    #[inline]
    fn text(&mut self, name: &str, value: &str) {
        let out = &mut *self.out;
        out.push_str(name);
        write_escaped(out, value);
        out.push('"');
    }

    /// A decimal in a JSON string; `name` ends with its opening quote.
    #[inline]
    fn decimal(&mut self, name: &str, value: Decimal) {
        let out = &mut *self.out;
        out.push_str(name);
        write_decimal(out, value);
        out.push('"');
    }
}

/// Side, type and terms as constants in one piece, from the end of the symbol to the beginning of the
/// quantity.
fn side_and_type(market: Market, order: &NewOrder) -> Result<&'static str, EncodeError> {
    macro_rules! both_sides {
        ($terms:literal) => {
            match order.side {
                Side::Buy => {
                    concat!("\",\"side\":\"Buy\",\"orderType\":\"", $terms, "\",\"qty\":\"")
                }
                Side::Sell => {
                    concat!("\",\"side\":\"Sell\",\"orderType\":\"", $terms, "\",\"qty\":\"")
                }
            }
        };
    }
    let spot = market == Market::Spot;
    Ok(match &order.kind {
        OrderKind::Limit { time_in_force, .. } | OrderKind::TriggerLimit { time_in_force, .. } => {
            match time_in_force {
                TimeInForce::GoodTillCancel => both_sides!("Limit"),
                TimeInForce::ImmediateOrCancel => both_sides!("Limit\",\"timeInForce\":\"IOC"),
                TimeInForce::FillOrKill => both_sides!("Limit\",\"timeInForce\":\"FOK"),
                TimeInForce::PostOnly => both_sides!("Limit\",\"timeInForce\":\"PostOnly"),
            }
        }
        // Spot buys count in the quote asset unless told otherwise (v5 order/create-order, qty).
        OrderKind::Market { size: Size::Base(_) } | OrderKind::TriggerMarket { .. } if spot => {
            both_sides!("Market\",\"marketUnit\":\"baseCoin")
        }
        OrderKind::Market { size: Size::Base(_) } | OrderKind::TriggerMarket { .. } => {
            both_sides!("Market")
        }
        OrderKind::Market { size: Size::Quote(_) } if !spot => {
            return Err(unsupported("market orders by quote amount on futures"));
        }
        OrderKind::Market { size: Size::Quote(_) } if order.side == Side::Buy => {
            both_sides!("Market")
        }
        OrderKind::Market { size: Size::Quote(_) } => {
            both_sides!("Market\",\"marketUnit\":\"quoteCoin")
        }
        OrderKind::TrailingStop { .. } => return Err(unsupported("trailing stop orders")),
        _ => return Err(unsupported("this kind of order")),
    })
}
