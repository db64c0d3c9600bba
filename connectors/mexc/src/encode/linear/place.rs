//! Placing: orders, batches of them, and trigger orders.

use hoox_connector::{
    EncodeError, MarginMode, Method, NewOrder, OrderKind, PositionSide, PreparedOrder, Side, Size,
    TimeInForce, Trigger, TriggerKind,
};

use super::super::{Place, check_batch, decimal, number, portable, unsupported};
use super::{Writer, open_type};
use crate::limits;

/// Placing. The documentation of 2025 has `/order/submit`, "under maintenance"; live answers of 2026
/// come from this one.
const PLACE_PATH: &str = "/api/v1/private/order/create";

/// The client order id of an order, and of a plan order. UNVERIFIED for the latter: the documentation
/// lists none there; ccxt 4.5.84 sends it under the same name.
const CLIENT_ID: &str = ",\"externalOid\":\"";
const PLAN_CLIENT_ID: &str = CLIENT_ID;

/// How long a plan order waits: 2 is 7 days, the longest there is.
const EXECUTE_CYCLE: &str = ",\"executeCycle\":2";

/// What a plan order's trigger price is compared with: 1 is the last price.
const TREND: &str = ",\"trend\":1";

impl Writer<'_> {
    pub(super) fn place(&mut self, order: &NewOrder) -> Result<(), EncodeError> {
        let signed = self.begin(Method::Post, PLACE_PATH);
        self.order(order)?;
        self.sign(signed, Place::Body)
    }

    pub(super) fn place_batch(&mut self, orders: &[PreparedOrder]) -> Result<(), EncodeError> {
        check_batch(orders, limits::capabilities(self.mexc.market).batch_max)?;
        let signed = self.begin(Method::Post, "/api/v1/private/order/submit_batch");
        for (index, order) in orders.iter().enumerate() {
            self.buf.push(if index == 0 { "[" } else { "," });
            self.order(order.order())?;
        }
        self.buf.push("]");
        self.sign(signed, Place::Body)
    }

    /// futures, "Order": the type says how long it stands, the side what it opens or closes.
    #[inline]
    fn order(&mut self, order: &NewOrder) -> Result<(), EncodeError> {
        let (kind, quantity, price) = match &order.kind {
            OrderKind::Market { size: Size::Base(quantity) } => (",\"type\":5", *quantity, None),
            OrderKind::Limit { quantity, price, time_in_force } => {
                let kind = match time_in_force {
                    TimeInForce::GoodTillCancel => ",\"type\":1",
                    TimeInForce::PostOnly => ",\"type\":2",
                    TimeInForce::ImmediateOrCancel => ",\"type\":3",
                    TimeInForce::FillOrKill => ",\"type\":4",
                };
                (kind, *quantity, Some(*price))
            }
            OrderKind::Market { .. } => {
                return Err(unsupported("market orders by quote amount on futures"));
            }
            _ => return Err(unsupported("this kind of order")),
        };
        self.head(order, kind)?;
        decimal(self.buf, ",\"vol\":", quantity);
        if let Some(price) = price {
            decimal(self.buf, ",\"price\":", price);
        }
        if let Some(price) = order.attached.take_profit {
            decimal(self.buf, ",\"takeProfitPrice\":", price);
        }
        if let Some(price) = order.attached.stop_loss {
            decimal(self.buf, ",\"stopLossPrice\":", price);
        }
        self.client_id(CLIENT_ID, order)?;
        self.buf.push("}");
        Ok(())
    }

    /// futures, "Trigger order".
    pub(super) fn place_plan(&mut self, order: &NewOrder) -> Result<(), EncodeError> {
        if order.attached.take_profit.is_some() || order.attached.stop_loss.is_some() {
            return Err(unsupported("take-profit and stop-loss attached to a trigger order"));
        }
        let (kind, quantity, trigger, price) = match &order.kind {
            OrderKind::TriggerMarket { quantity, trigger } => {
                (",\"orderType\":5", *quantity, trigger, None)
            }
            OrderKind::TriggerLimit { quantity, trigger, price, time_in_force } => {
                let kind = match time_in_force {
                    TimeInForce::GoodTillCancel => ",\"orderType\":1",
                    TimeInForce::PostOnly => ",\"orderType\":2",
                    TimeInForce::ImmediateOrCancel => ",\"orderType\":3",
                    TimeInForce::FillOrKill => ",\"orderType\":4",
                };
                (kind, *quantity, trigger, Some(*price))
            }
            _ => return Err(unsupported("trailing stops")),
        };
        let signed = self.begin(Method::Post, "/api/v1/private/planorder/place");
        self.head(order, kind)?;
        self.buf.push(trigger_type(order.side, trigger));
        self.buf.push(EXECUTE_CYCLE);
        self.buf.push(TREND);
        decimal(self.buf, ",\"vol\":", quantity);
        if let Some(price) = price {
            decimal(self.buf, ",\"price\":", price);
        }
        decimal(self.buf, ",\"triggerPrice\":", trigger.price);
        self.client_id(PLAN_CLIENT_ID, order)?;
        self.buf.push("}");
        self.sign(signed, Place::Body)
    }

    #[inline]
    fn client_id(&mut self, name: &str, order: &NewOrder) -> Result<(), EncodeError> {
        if let Some(id) = &order.client_order_id {
            self.buf.push(name);
            self.buf.push(portable(id)?);
            self.buf.push("\"");
        }
        Ok(())
    }

    /// Begins an order's object with what rarely changes.
    #[inline]
    fn head(&mut self, order: &NewOrder, kind: &'static str) -> Result<(), EncodeError> {
        let margin_mode = order.margin_mode.unwrap_or(MarginMode::Cross);
        if margin_mode == MarginMode::Isolated && order.leverage.is_none() && !order.reduce_only {
            return Err(EncodeError::Missing("leverage"));
        }
        self.buf.push("{");
        self.symbol(&order.symbol)?;
        self.buf.push(side(order)?);
        self.buf.push(kind);
        self.buf.push(open_type(margin_mode));
        if let Some(leverage) = order.leverage {
            number(self.buf, ",\"leverage\":", u64::from(leverage));
        }
        Ok(())
    }
}

/// futures, "Order": 1 opens long, 2 closes short, 3 opens short, 4 closes long. In one-way mode too,
/// where `reduceOnly` would be another way to say it.
fn side(order: &NewOrder) -> Result<&'static str, EncodeError> {
    let opens = match order.side {
        Side::Buy => PositionSide::Long,
        Side::Sell => PositionSide::Short,
    };
    let closes = match order.hedge_side() {
        Some(position) if position == opens && order.reduce_only => {
            return Err(EncodeError::Invalid {
                field: "reduce_only",
                problem: "the side opens the position it names",
            });
        }
        Some(position) => position != opens,
        None => order.reduce_only,
    };
    Ok(match (order.side, closes) {
        (Side::Buy, false) => ",\"side\":1",
        (Side::Buy, true) => ",\"side\":2",
        (Side::Sell, false) => ",\"side\":3",
        (Side::Sell, true) => ",\"side\":4",
    })
}

/// 1 fires at or above the trigger price, 2 at or below it.
const fn trigger_type(side: Side, trigger: &Trigger) -> &'static str {
    match (side, trigger.kind) {
        (Side::Buy, TriggerKind::Stop) | (Side::Sell, TriggerKind::TakeProfit) => {
            ",\"triggerType\":1"
        }
        (Side::Sell, TriggerKind::Stop) | (Side::Buy, TriggerKind::TakeProfit) => {
            ",\"triggerType\":2"
        }
    }
}
