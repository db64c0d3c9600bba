//! Futures: placing, alone, in batches and as algo orders; amending; listen keys.

use hoox_connector::{
    Amendment, EncodeError, Method, NewOrder, Operation, OrderClass, OrderKind, PositionSide,
    PreparedOrder, Side, Size, TimeInForce, TriggerKind,
};

use super::{Place, Writer, unsupported};
use crate::params::{Form, write_json_members};

impl Writer<'_> {
    /// "New Order": only LIMIT and MARKET are taken here since December 2025.
    pub(super) fn place_linear(&mut self, order: &NewOrder) -> Result<(), EncodeError> {
        let params = self.begin(Method::Post, "/fapi/v1/order");
        self.head(order);
        match &order.kind {
            OrderKind::Market { size: Size::Base(quantity) } => {
                self.raw("&type=MARKET&newOrderRespType=RESULT");
                self.position(order);
                self.decimal("&quantity=", *quantity);
            }
            OrderKind::Limit { quantity, price, time_in_force } => {
                match time_in_force {
                    TimeInForce::GoodTillCancel => self.raw("&type=LIMIT&timeInForce=GTC"),
                    TimeInForce::ImmediateOrCancel => self.raw("&type=LIMIT&timeInForce=IOC"),
                    TimeInForce::FillOrKill => self.raw("&type=LIMIT&timeInForce=FOK"),
                    TimeInForce::PostOnly => self.raw("&type=LIMIT&timeInForce=GTX"),
                }
                self.raw("&newOrderRespType=RESULT");
                self.position(order);
                self.decimal("&quantity=", *quantity);
                self.decimal("&price=", *price);
            }
            _ => return Err(unsupported("market orders by quote amount on futures")),
        }
        if let Some(id) = &order.client_order_id {
            self.client_id("&newClientOrderId=", id)?;
        }
        self.sign(params, Place::Body)
    }

    /// "New Algo Order": the home of conditional orders.
    pub(super) fn place_algo(&mut self, order: &NewOrder) -> Result<(), EncodeError> {
        let params = self.begin(Method::Post, "/fapi/v1/algoOrder");
        self.head(order);
        self.raw("&algoType=CONDITIONAL");
        self.position(order);
        match &order.kind {
            OrderKind::TriggerMarket { quantity, trigger } => {
                self.raw(match trigger.kind {
                    TriggerKind::Stop => "&type=STOP_MARKET",
                    TriggerKind::TakeProfit => "&type=TAKE_PROFIT_MARKET",
                });
                self.decimal("&quantity=", *quantity);
                self.decimal("&triggerPrice=", trigger.price);
            }
            OrderKind::TriggerLimit { quantity, trigger, price, time_in_force } => {
                self.raw(match trigger.kind {
                    TriggerKind::Stop => "&type=STOP&timeInForce=",
                    TriggerKind::TakeProfit => "&type=TAKE_PROFIT&timeInForce=",
                });
                self.raw(lasting(*time_in_force));
                self.decimal("&quantity=", *quantity);
                self.decimal("&price=", *price);
                self.decimal("&triggerPrice=", trigger.price);
            }
            OrderKind::TrailingStop { quantity, callback_rate, activate_price } => {
                self.raw("&type=TRAILING_STOP_MARKET");
                self.decimal("&quantity=", *quantity);
                self.decimal("&callbackRate=", *callback_rate);
                if let Some(price) = activate_price {
                    self.decimal("&activatePrice=", *price);
                }
            }
            _ => return Err(unsupported("this kind of order")),
        }
        if let Some(id) = &order.client_order_id {
            self.client_id("&clientAlgoId=", id)?;
        }
        self.sign(params, Place::Body)
    }

    /// "Place Multiple Orders": documented by Binance, but not in the protocol sheet. Takes
    /// what "New Order" takes, as objects in a JSON list.
    pub(super) fn place_batch(&mut self, orders: &[PreparedOrder]) -> Result<(), EncodeError> {
        let (field, problem) = ("orders", "not between 1 and 5");
        if orders.is_empty() || orders.len() > crate::limits::BATCH_MAX {
            return Err(EncodeError::Invalid { field, problem });
        }
        let mut list = String::from("[");
        for order in orders {
            if order.order().kind.is_conditional() {
                return Err(unsupported("conditional orders in a batch"));
            }
            let single = Operation::Place(order);
            let form = Form::of(self.binance, &single, self.at, self.buf)?;
            list.push_str(if list.len() > 1 { ",{" } else { "{" });
            let own = |name: &str| !matches!(name, "recvWindow" | "timestamp");
            write_json_members(&mut list, form.params().filter(|(name, _)| own(name)));
            list.push('}');
        }
        list.push(']');
        let params = self.begin(Method::Post, "/fapi/v1/batchOrders");
        self.text("batchOrders=", &list);
        self.sign(params, Place::Body)
    }

    /// "Start User Data Stream" and its sisters: the key's header, and nothing else.
    pub(super) fn listen_key(&mut self, method: Method) -> Result<(), EncodeError> {
        self.begin(method, "/fapi/v1/listenKey");
        let key = self.buf.push(self.binance.credentials.api_key());
        self.buf.header("X-MBX-APIKEY", key);
        Ok(())
    }

    /// "Modify Order": limit orders only, quantity and price both required.
    pub(super) fn amend(&mut self, amendment: &Amendment) -> Result<(), EncodeError> {
        let quantity = amendment.quantity.ok_or(EncodeError::Missing("quantity"))?;
        let price = amendment.price.ok_or(EncodeError::Missing("price"))?;
        let params = self.begin(Method::Put, "/fapi/v1/order");
        self.order_ref(&amendment.symbol, &amendment.order, OrderClass::Plain);
        self.raw(match amendment.side {
            Side::Buy => "&side=BUY",
            Side::Sell => "&side=SELL",
        });
        self.decimal("&quantity=", quantity);
        self.decimal("&price=", price);
        self.sign(params, Place::Body)
    }

    /// In hedge mode the position side says what reduces, and reduceOnly may not be sent
    /// ("New Order").
    fn position(&mut self, order: &NewOrder) {
        match order.hedge_side() {
            Some(PositionSide::Long) => self.raw("&positionSide=LONG"),
            Some(PositionSide::Short) => self.raw("&positionSide=SHORT"),
            None if order.reduce_only => self.raw("&reduceOnly=true"),
            None => {}
        }
    }
}

const fn lasting(value: TimeInForce) -> &'static str {
    match value {
        TimeInForce::GoodTillCancel => "GTC",
        TimeInForce::ImmediateOrCancel => "IOC",
        TimeInForce::FillOrKill => "FOK",
        TimeInForce::PostOnly => "GTX",
    }
}
