//! Reply shapes. Field names and order follow the response samples; amounts are strings.

use std::fmt;

use rust_decimal::Decimal;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::Answer;
use super::errors::INTERNAL;
use crate::engine::{OrderKind, PositionSide, Side, Status, TimeInForce};

/// A decimal printed with exactly so many decimals, rounded half up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fixed(pub(super) Decimal, pub(super) u32);

impl fmt::Display for Fixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut value = self.0;
        value.rescale(self.1);
        value.fmt(f)
    }
}

impl Serialize for Fixed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// At least so many decimals: what was ordered or traded under finer rules is never rounded.
pub(super) fn exact(value: Decimal, places: u32) -> Fixed {
    Fixed(value, places.max(value.normalize().scale()))
}

/// Eight decimals, as all spot amounts.
pub(super) fn f8(value: Decimal) -> Fixed {
    Fixed(value, 8)
}

pub(super) fn write(value: &impl Serialize) -> Answer {
    let mut out = Vec::with_capacity(512);
    serde_json::to_writer(&mut out, value).map_err(|_| INTERNAL)?;
    Ok(out)
}

/// An object with the fields of another one added.
pub(super) fn extended(mut object: Value, more: Value) -> Value {
    if let (Some(fields), Value::Object(more)) = (object.as_object_mut(), more) {
        fields.extend(more);
    }
    object
}

/// A spot order in all its replies; what a reply does not have is `None`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SpotOrder<'a> {
    pub(super) symbol: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) orig_client_order_id: Option<&'a str>,
    pub(super) order_id: u64,
    pub(super) order_list_id: i32,
    pub(super) client_order_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) transact_time: Option<u64>,
    #[serde(flatten)]
    pub(super) body: Option<SpotOrderBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fills: Option<Vec<SpotFill>>,
}

/// What an ACK leaves out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SpotOrderBody {
    pub(super) price: Fixed,
    pub(super) orig_qty: Fixed,
    pub(super) executed_qty: Fixed,
    pub(super) orig_quote_order_qty: Fixed,
    /// Spelled with two m by the venue.
    pub(super) cummulative_quote_qty: Fixed,
    pub(super) status: Status,
    pub(super) time_in_force: TimeInForce,
    #[serde(rename = "type")]
    pub(super) kind: OrderKind,
    pub(super) side: Side,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stop_price: Option<Fixed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) trailing_delta: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) trailing_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) iceberg_qty: Option<Fixed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) update_time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) is_working: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) working_time: Option<i64>,
    pub(super) self_trade_prevention_mode: &'static str,
}

/// One entry of `fills`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SpotFill {
    pub(super) price: Fixed,
    pub(super) qty: Fixed,
    pub(super) commission: Fixed,
    pub(super) commission_asset: &'static str,
    pub(super) trade_id: u64,
}

/// One entry of `myTrades`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SpotTrade {
    pub(super) symbol: &'static str,
    pub(super) id: u64,
    pub(super) order_id: u64,
    pub(super) order_list_id: i32,
    pub(super) price: Fixed,
    pub(super) qty: Fixed,
    pub(super) quote_qty: Fixed,
    pub(super) commission: Fixed,
    pub(super) commission_asset: &'static str,
    pub(super) time: u64,
    pub(super) is_buyer: bool,
    pub(super) is_maker: bool,
    pub(super) is_best_match: bool,
}

/// A linear order in all its replies.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LinearOrder<'a> {
    pub(super) order_id: u64,
    pub(super) symbol: &'static str,
    pub(super) status: Status,
    pub(super) client_order_id: &'a str,
    pub(super) price: Fixed,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) avg_price: Option<Fixed>,
    pub(super) orig_qty: Fixed,
    pub(super) executed_qty: Fixed,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cum_qty: Option<Fixed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cum_quote: Option<Fixed>,
    pub(super) time_in_force: TimeInForce,
    #[serde(rename = "type")]
    pub(super) kind: OrderKind,
    pub(super) reduce_only: bool,
    pub(super) close_position: bool,
    pub(super) side: Side,
    pub(super) position_side: PositionSide,
    pub(super) stop_price: &'static str,
    pub(super) working_type: &'static str,
    pub(super) price_protect: bool,
    pub(super) orig_type: OrderKind,
    pub(super) price_match: &'static str,
    pub(super) self_trade_prevention_mode: &'static str,
    pub(super) good_till_date: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) time: Option<u64>,
    pub(super) update_time: u64,
}

/// One entry of linear `userTrades`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LinearTrade {
    pub(super) buyer: bool,
    pub(super) commission: Fixed,
    pub(super) commission_asset: &'static str,
    pub(super) id: u64,
    pub(super) maker: bool,
    pub(super) order_id: u64,
    pub(super) price: Fixed,
    pub(super) qty: Fixed,
    pub(super) quote_qty: Fixed,
    pub(super) realized_pnl: Fixed,
    pub(super) side: Side,
    pub(super) position_side: PositionSide,
    pub(super) symbol: &'static str,
    pub(super) time: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_traded_under_finer_rules_is_not_rounded() {
        let value = Decimal::new(259, 3);
        assert_eq!(exact(value, 2).to_string(), "0.259");
        assert_eq!(exact(value, 5).to_string(), "0.25900");
    }

    #[test]
    fn decimals_are_padded_and_rounded_to_the_places_of_the_field() {
        let show = |v: &str, p| Fixed(v.parse().expect("decimal"), p).to_string();
        assert_eq!(show("1", 8), "1.00000000");
        assert_eq!(show("0.5", 0), "1");
        assert_eq!(show("0.25", 1), "0.3");
        assert_eq!(show("43210.90", 1), "43210.9");
        assert_eq!(show("46116860414", 8), "46116860414.00000000");
    }
}
