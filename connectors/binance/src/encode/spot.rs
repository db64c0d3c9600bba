//! Spot: placing.

use hoox_connector::{
    Decimal, EncodeError, Method, NewOrder, OrderKind, Size, TimeInForce, TriggerKind,
};

use super::{Place, Writer, unsupported};

impl Writer<'_> {
    /// spot rest-api.md, "New order". Ends with the fills, so that fees need no second request.
    pub(super) fn place_spot(&mut self, order: &NewOrder) -> Result<(), EncodeError> {
        if order.reduce_only {
            return Err(unsupported("reduce-only on spot"));
        }
        if order.position_side.is_some() {
            return Err(unsupported("position sides on spot"));
        }
        let params = self.begin(Method::Post, "/api/v3/order");
        self.head(order);
        match &order.kind {
            OrderKind::Market { size } => {
                self.raw("&type=MARKET&newOrderRespType=FULL");
                match size {
                    Size::Base(quantity) => self.decimal("&quantity=", *quantity),
                    Size::Quote(amount) => self.decimal("&quoteOrderQty=", *amount),
                }
            }
            OrderKind::Limit { quantity, price, time_in_force } => {
                match time_in_force {
                    TimeInForce::GoodTillCancel => self.raw("&type=LIMIT&timeInForce=GTC"),
                    TimeInForce::ImmediateOrCancel => self.raw("&type=LIMIT&timeInForce=IOC"),
                    TimeInForce::FillOrKill => self.raw("&type=LIMIT&timeInForce=FOK"),
                    TimeInForce::PostOnly => self.raw("&type=LIMIT_MAKER"),
                }
                self.raw("&newOrderRespType=FULL");
                self.decimal("&quantity=", *quantity);
                self.decimal("&price=", *price);
            }
            OrderKind::TriggerMarket { quantity, trigger } => {
                self.raw(match trigger.kind {
                    TriggerKind::Stop => "&type=STOP_LOSS&newOrderRespType=RESULT",
                    TriggerKind::TakeProfit => "&type=TAKE_PROFIT&newOrderRespType=RESULT",
                });
                self.decimal("&quantity=", *quantity);
                self.decimal("&stopPrice=", trigger.price);
            }
            OrderKind::TriggerLimit { quantity, trigger, price, time_in_force } => {
                self.raw(match trigger.kind {
                    TriggerKind::Stop => "&type=STOP_LOSS_LIMIT&newOrderRespType=RESULT",
                    TriggerKind::TakeProfit => "&type=TAKE_PROFIT_LIMIT&newOrderRespType=RESULT",
                });
                self.raw(match time_in_force {
                    TimeInForce::GoodTillCancel => "&timeInForce=GTC",
                    TimeInForce::ImmediateOrCancel => "&timeInForce=IOC",
                    TimeInForce::FillOrKill => "&timeInForce=FOK",
                    TimeInForce::PostOnly => return Err(unsupported("post-only stop on spot")),
                });
                self.decimal("&quantity=", *quantity);
                self.decimal("&price=", *price);
                self.decimal("&stopPrice=", trigger.price);
            }
            OrderKind::TrailingStop { quantity, callback_rate, activate_price } => {
                // With an activation price the following begins on the gaining side (spot
                // faqs/trailing-stop-faq.md), where a plain stop price would be a loss.
                self.raw(match activate_price {
                    None => "&type=STOP_LOSS&newOrderRespType=RESULT",
                    Some(_) => "&type=TAKE_PROFIT&newOrderRespType=RESULT",
                });
                self.decimal("&quantity=", *quantity);
                if let Some(price) = activate_price {
                    self.decimal("&stopPrice=", *price);
                }
                self.decimal("&trailingDelta=", basis_points(*callback_rate)?);
            }
            _ => return Err(unsupported("this kind of order")),
        }
        if let Some(id) = &order.client_order_id {
            self.client_id("&newClientOrderId=", id)?;
        }
        self.sign(params, Place::Body)
    }
}

/// Percent to the hundredths of a percent that spot's trailingDelta counts in.
fn basis_points(percent: Decimal) -> Result<Decimal, EncodeError> {
    let points = percent.checked_mul(Decimal::ONE_HUNDRED).map(|points| points.normalize());
    points.filter(|points| points.is_integer()).ok_or(EncodeError::Invalid {
        field: "callback_rate",
        problem: "not a whole number of basis points",
    })
}
