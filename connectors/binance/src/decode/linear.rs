//! Futures: batches, algo orders, positions, the account's settings, mark prices.

use core::fmt;

use hoox_connector::json::{self, Integer, MaybeNumber, Number, lenient};
use hoox_connector::{
    Accepted, Asked, Asset, Balance, Change, ClientOrderId, Decimal, FundingRate, Headers, Market,
    OperationKind as Kind, OrderId, OrderReport, Position, PositionSide, RejectReason, Rejection,
    Reply, Symbol, Ticker, VenueError, parse_decimal,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::words::{AlgoStatus, PositionSide_, Side_, Tif, millis};
use super::{either, malformed};
use crate::{errors, instruments};

pub(super) fn decode(asked: &Asked<'_>, body: &[u8]) -> Result<Reply, VenueError> {
    let op = asked.kind;
    match op {
        Kind::PlaceBatch => batch(json::read(op, body)?),
        Kind::CancelAll
        | Kind::CancelAllConditional
        | Kind::SetMarginMode
        | Kind::SetPositionMode => {
            json::read::<Done>(op, body).map(|_| Reply::Changed(Change::Applied))
        }
        Kind::CancelConditional => json::read(op, body).map(AlgoAck::reply),
        Kind::PlaceConditional | Kind::ConditionalOrder => {
            json::read(op, body).map(|order: AlgoOrder| Reply::Order(order.report()))
        }
        Kind::OpenConditionalOrders => json::read(op, body).map(|orders: Vec<AlgoOrder>| {
            Reply::Orders(orders.iter().map(AlgoOrder::report).collect())
        }),
        Kind::Positions => json::read(op, body).map(|positions: Vec<PositionRow>| {
            Reply::Positions(positions.iter().map(PositionRow::position).collect())
        }),
        Kind::Balances => json::read(op, body).map(|account: LinearAccount| {
            Reply::Balances(account.assets().iter().map(LinearAsset::balance).collect())
        }),
        Kind::SetLeverage => {
            json::read(op, body).map(|it: Leverage<'_>| Reply::Changed(it.change()))
        }
        Kind::CreateListenKey => {
            json::read(op, body).map(|it: ListenKey<'_>| Reply::ListenKey(it.listen_key.into()))
        }
        // The body repeats the key or is empty.
        Kind::ExtendListenKey | Kind::CloseListenKey => Ok(Reply::Changed(Change::Applied)),
        Kind::Instruments => instruments::decode(Market::Linear, body),
        Kind::Ticker => json::read(op, body).map(|index: PremiumIndex| {
            Reply::Ticker(Ticker::new(index.symbol, None, Some(index.mark_price.0)))
        }),
        Kind::FundingRate => json::read(op, body).map(|index: PremiumIndex| {
            Reply::FundingRate(FundingRate {
                symbol: index.symbol,
                rate: index.last_funding_rate.0.unwrap_or_default(),
                next_at: index.next_funding_time.and_then(millis),
            })
        }),
        _ => either(asked, body),
    }
}

/// "Place Multiple Orders": an order or an error for each.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchItem<'a> {
    #[serde(default)]
    order_id: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    client_order_id: Option<ClientOrderId>,
    #[serde(default)]
    update_time: Option<Integer>,
    #[serde(default)]
    code: Option<Integer>,
    #[serde(borrow, default)]
    msg: std::borrow::Cow<'a, str>,
}

fn batch(items: Vec<BatchItem<'_>>) -> Result<Reply, VenueError> {
    let mut results = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        results.push(match (item.order_id, item.code) {
            (Some(id), _) => Ok(Accepted {
                order_id: Some(OrderId::from(id)),
                client_order_id: item.client_order_id,
                at: item.update_time.and_then(millis),
            }),
            (None, Some(code)) => {
                match errors::coded(Market::Linear, 400, Headers::none(), code.0, &item.msg) {
                    Err(VenueError::Rejected(rejection)) => Err(rejection),
                    Err(VenueError::Throttled(_)) | Ok(_) => {
                        Err(Rejection::new(RejectReason::Other, code.0, &item.msg))
                    }
                    // One order that may exist makes the batch one to reconcile.
                    Err(unknown) => return Err(unknown),
                }
            }
            (None, None) => {
                let field = format!("[{index}].orderId");
                return Err(malformed(Kind::PlaceBatch, &field, "neither an order nor an error"));
            }
        });
    }
    Ok(Reply::Batch(results))
}

/// "Start User Data Stream".
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListenKey<'a> {
    listen_key: &'a str,
}

/// "New Algo Order" and "Query Algo Order".
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AlgoOrder {
    algo_id: u64,
    #[serde(default, deserialize_with = "lenient")]
    client_algo_id: Option<ClientOrderId>,
    symbol: Symbol,
    side: Side_,
    #[serde(default)]
    position_side: PositionSide_,
    #[serde(default)]
    time_in_force: Tif,
    quantity: Number,
    algo_status: AlgoStatus,
    #[serde(default, deserialize_with = "lenient")]
    actual_order_id: Option<OrderId>,
    #[serde(default)]
    trigger_price: MaybeNumber,
    #[serde(default)]
    price: MaybeNumber,
    #[serde(default)]
    reduce_only: bool,
    #[serde(default)]
    update_time: Option<Integer>,
}

impl AlgoOrder {
    fn report(&self) -> OrderReport {
        let id = OrderId::from(self.algo_id);
        let mut it = OrderReport::new(self.symbol, id, self.side.into(), self.algo_status.into());
        it.client_order_id = self.client_algo_id;
        it.quantity = Some(self.quantity.0);
        it.price = self.price.non_zero();
        it.trigger_price = self.trigger_price.non_zero();
        it.time_in_force = self.time_in_force.into();
        it.reduce_only = self.reduce_only;
        it.position_side = self.position_side.into();
        it.triggered_order_id = self.actual_order_id;
        it.updated_at = self.update_time.and_then(millis);
        it
    }
}

/// "Cancel Algo Order": the ids alone.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AlgoAck {
    algo_id: u64,
    #[serde(default, deserialize_with = "lenient")]
    client_algo_id: Option<ClientOrderId>,
}

impl AlgoAck {
    fn reply(self) -> Reply {
        Reply::Accepted(Accepted {
            order_id: Some(OrderId::from(self.algo_id)),
            client_order_id: self.client_algo_id,
            at: None,
        })
    }
}

/// "Position Information V3".
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PositionRow {
    symbol: Symbol,
    #[serde(default)]
    position_side: PositionSide_,
    position_amt: Number,
    #[serde(default)]
    entry_price: MaybeNumber,
    #[serde(default)]
    mark_price: MaybeNumber,
    #[serde(default)]
    liquidation_price: MaybeNumber,
    #[serde(default)]
    un_realized_profit: MaybeNumber,
    #[serde(default)]
    update_time: Option<Integer>,
}

impl PositionRow {
    fn position(&self) -> Position {
        let amount = self.position_amt.0;
        let hedge: Option<PositionSide> = self.position_side.into();
        let mut it = Position::new(self.symbol, side_of(amount, hedge), amount.abs());
        it.hedge = hedge.is_some();
        it.entry_price = self.entry_price.non_zero();
        it.mark_price = self.mark_price.non_zero();
        it.liquidation_price = self.liquidation_price.non_zero();
        it.unrealized_pnl = self.un_realized_profit.0;
        it.updated_at = self.update_time.and_then(millis);
        it
    }
}

/// Long or short: as hedge mode names it, else by the sign; absent if there is no position.
pub(crate) fn side_of(amount: Decimal, hedge: Option<PositionSide>) -> Option<PositionSide> {
    match hedge {
        _ if amount.is_zero() => None,
        Some(side) => Some(side),
        None if amount.is_sign_negative() => Some(PositionSide::Short),
        None => Some(PositionSide::Long),
    }
}

/// "Account Information V3" (a map) and "Futures Account Balance V3" (a list).
struct LinearAccount(Vec<LinearAsset>);

impl LinearAccount {
    fn assets(&self) -> &[LinearAsset] {
        &self.0
    }
}

impl<'de> Deserialize<'de> for LinearAccount {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = LinearAccount;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an account or a list of balances")
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut rows: A,
            ) -> Result<LinearAccount, A::Error> {
                let mut assets = Vec::new();
                while let Some(asset) = rows.next_element()? {
                    assets.push(asset);
                }
                Ok(LinearAccount(assets))
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                map: A,
            ) -> Result<LinearAccount, A::Error> {
                #[derive(Deserialize)]
                struct Account {
                    assets: Vec<LinearAsset>,
                }
                let account =
                    Account::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(LinearAccount(account.assets))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LinearAsset {
    asset: Asset,
    #[serde(alias = "balance")]
    wallet_balance: Number,
    available_balance: Number,
}

impl LinearAsset {
    fn balance(&self) -> Balance {
        Balance {
            asset: self.asset,
            available: self.available_balance.0,
            total: self.wallet_balance.0,
        }
    }
}

#[derive(Deserialize)]
struct Leverage<'a> {
    #[serde(rename = "leverage")]
    _leverage: u32,
    #[serde(default, borrow, rename = "maxNotionalValue")]
    max_notional: Option<&'a RawValue>,
}

impl Leverage<'_> {
    /// A bound that is no number is none: Binance has been seen to write `INF`.
    fn change(&self) -> Change {
        let text = self.max_notional.map(|raw| raw.get().trim_matches('"'));
        let bound = text.and_then(|text| parse_decimal(text).ok());
        match bound.filter(|bound| *bound > Decimal::ZERO) {
            Some(max_notional) => Change::Bounded { max_notional },
            None => Change::Applied,
        }
    }
}

/// `{"code":200,"msg":"success"}`.
#[derive(Deserialize)]
struct Done {
    #[serde(rename = "code")]
    _code: Integer,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PremiumIndex {
    symbol: Symbol,
    mark_price: Number,
    #[serde(default)]
    last_funding_rate: MaybeNumber,
    #[serde(default)]
    next_funding_time: Option<Integer>,
}
