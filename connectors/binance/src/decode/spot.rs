//! Spot: placements in their three shapes, the account, prices.

use core::fmt;

use hoox_connector::json::{self, Integer, MaybeNumber, Number, lenient};
use hoox_connector::{
    Asked, Asset, Balance, ClientOrderId, Fee, Market, OperationKind as Kind, Reply, Symbol,
    Ticker, VenueError,
};
use serde::Deserialize;

use super::either;
use super::scan::Fields;
use super::words::{Side_, Status, Tif, Type};
use crate::instruments;

pub(super) fn decode(asked: &Asked<'_>, body: &[u8]) -> Result<Reply, VenueError> {
    let op = asked.kind;
    match op {
        Kind::Place | Kind::PlaceConditional => {
            let mut fields = Fields::default();
            match fields.read(body).and_then(|()| fields.placed()) {
                Some(reply) => Ok(reply),
                None => json::read(op, body).map(SpotPlaced::reply),
            }
        }
        Kind::Balances => json::read(op, body).map(|account: SpotAccount| {
            Reply::Balances(account.balances.iter().map(SpotBalance::balance).collect())
        }),
        Kind::Instruments => instruments::decode(Market::Spot, body),
        Kind::Ticker => json::read(op, body).map(|price: Price| {
            Reply::Ticker(Ticker::new(price.symbol, Some(price.price.0), None))
        }),
        _ => either(asked, body),
    }
}

/// A spot placement: ACK has the ids only, RESULT the order, FULL its fills too.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpotPlaced {
    symbol: Symbol,
    order_id: u64,
    #[serde(default, deserialize_with = "lenient")]
    client_order_id: Option<ClientOrderId>,
    #[serde(default)]
    transact_time: Option<Integer>,
    #[serde(default)]
    side: Option<Side_>,
    #[serde(default)]
    status: Option<Status>,
    #[serde(default)]
    orig_qty: MaybeNumber,
    #[serde(default)]
    executed_qty: MaybeNumber,
    #[serde(default)]
    cummulative_quote_qty: MaybeNumber,
    #[serde(default)]
    price: MaybeNumber,
    #[serde(default)]
    stop_price: MaybeNumber,
    #[serde(default)]
    time_in_force: Tif,
    #[serde(default, rename = "type")]
    kind: Type,
    #[serde(default)]
    fills: FeeSum,
}

impl SpotPlaced {
    fn reply(self) -> Reply {
        let fields = Fields {
            side: self.side,
            status: self.status,
            cummulative_quote_qty: Some(self.cummulative_quote_qty),
            price: Some(self.price),
            stop_price: Some(self.stop_price),
            time_in_force: Some(self.time_in_force),
            kind: Some(self.kind),
            transact_time: self.transact_time,
            fills: Some(self.fills),
            ..Fields::default()
        };
        let amounts =
            (self.orig_qty.0.unwrap_or_default(), self.executed_qty.0.unwrap_or_default());
        fields.placed_of((self.symbol, self.order_id), self.client_order_id, amounts)
    }
}

/// The fees of a placement's fills, added up without keeping the fills; absent if they were paid in
/// more than one asset.
#[derive(Default, Clone, Copy)]
pub(super) struct FeeSum(pub(super) Option<Fee>);

/// A sum of fees in the making.
#[derive(Default)]
pub(super) struct FeeSums {
    fee: Option<Fee>,
    /// In several assets, or too large to add up.
    spoilt: bool,
}

impl FeeSums {
    pub(super) fn add(&mut self, fee: Fee) {
        let Some(sum) = &mut self.fee else {
            self.fee = Some(fee);
            return;
        };
        match sum.amount.checked_add(fee.amount) {
            Some(amount) if sum.asset == fee.asset => sum.amount = amount,
            _ => self.spoilt = true,
        }
    }

    pub(super) fn total(self) -> FeeSum {
        FeeSum(self.fee.filter(|_| !self.spoilt))
    }
}

impl<'de> Deserialize<'de> for FeeSum {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = FeeSum;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of fills")
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut rows: A,
            ) -> Result<FeeSum, A::Error> {
                let mut sum = FeeSums::default();
                while let Some(row) = rows.next_element::<FillRow>()? {
                    sum.add(Fee { asset: row.commission_asset, amount: row.commission.0 });
                }
                Ok(sum.total())
            }
        }
        deserializer.deserialize_seq(Visitor)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FillRow {
    commission: Number,
    commission_asset: Asset,
}

#[derive(Deserialize)]
struct SpotAccount {
    balances: Vec<SpotBalance>,
}

#[derive(Deserialize)]
struct SpotBalance {
    asset: Asset,
    free: Number,
    locked: Number,
}

impl SpotBalance {
    fn balance(&self) -> Balance {
        let (available, locked) = (self.free.0, self.locked.0);
        let total = available.checked_add(locked).unwrap_or(available);
        Balance { asset: self.asset, available, total }
    }
}

#[derive(Deserialize)]
struct Price {
    symbol: Symbol,
    price: Number,
}
