//! Futures: everything comes in the envelope `{"success":…,"code":…,"data":…}`, quantities in
//! contracts.

mod contracts;
mod market;
mod rows;

use core::fmt;

use hoox_connector::json::{self, Integer};
use hoox_connector::{
    Accepted, Asked, Change, Headers, Market, OperationKind as Kind, OrderId, Page, Reply,
    Timestamp, VenueError,
};
use serde::de::{IgnoredAny, MapAccess};
use serde::{Deserialize, Deserializer};

use super::{Moment, OneOrMany, Required, Row, batch, malformed, scan};
use crate::instruments::{self, LinearRow};
use crate::{Mexc, errors, limits};

use market::{Best, Book, Funding, Prices};
use rows::AssetRow;

pub(crate) use contracts::Base;
pub(crate) use market::LevelRow;
pub(crate) use rows::{Deal, Order, PositionRow};

pub(super) fn decode(
    mexc: &Mexc,
    asked: &Asked<'_>,
    headers: Headers<'_>,
    body: &[u8],
) -> Result<Reply, VenueError> {
    let op = asked.kind;
    let answer = Answer { op, headers, body };
    let base = Base { mexc, op };
    match op {
        Kind::Place | Kind::PlaceConditional => match scan::linear(body) {
            Some(accepted) => Ok(Reply::Accepted(accepted)),
            None => answer.data().map(Ack::reply),
        },
        Kind::PlaceBatch => {
            let rows: OneOrMany<Row<'_>> = answer.data()?;
            batch(Market::Linear, &rows.into_vec())
        }
        Kind::Cancel => cancelled(answer.maybe_data()?),
        Kind::CancelConditional => answer.done().map(|()| Reply::Accepted(Accepted::default())),
        Kind::CancelAll
        | Kind::CancelAllConditional
        | Kind::SetLeverage
        | Kind::SetPositionMode => answer.done().map(|()| Reply::Changed(Change::Applied)),
        Kind::OrderById | Kind::OrderByClientId => {
            let order: Order = answer.data()?;
            order.report(base).map(Reply::Order)
        }
        Kind::OpenOrders | Kind::OrderHistory => {
            let orders: Vec<Order> = answer.data()?;
            let reports = orders.iter().map(|order| order.report(base));
            let page = reports.collect::<Result<Page<_>, _>>()?;
            Ok(Reply::Orders(page.with_next(next_page(asked, orders.len()))))
        }
        Kind::Fills => {
            let deals: Vec<Deal> = answer.data()?;
            let fills = deals.iter().map(|deal| deal.fill(base));
            let page = fills.collect::<Result<Page<_>, _>>()?;
            Ok(Reply::Fills(page.with_next(next_page(asked, deals.len()))))
        }
        Kind::Positions => {
            let rows: Vec<PositionRow> = answer.data()?;
            let positions = rows.iter().map(|row| row.position(base, &rows));
            positions.collect::<Result<_, _>>().map(Reply::Positions)
        }
        Kind::Balances => answer.data().map(|assets: Vec<AssetRow>| {
            Reply::Balances(assets.iter().map(AssetRow::balance).collect())
        }),
        Kind::Instruments => {
            let rows: OneOrMany<LinearRow> = answer.data()?;
            Ok(instruments::linear(rows.into_vec()))
        }
        Kind::Ticker => answer.data().map(Prices::ticker),
        Kind::BookTop => answer.data().map(Best::book_top),
        Kind::Depth => {
            let book: Book = answer.data()?;
            book.reply(base, asked)
        }
        Kind::FundingRate => answer.data().map(Funding::reply),
        Kind::ServerTime => answer.data().map(|time: Required| Reply::ServerTime(time.0)),
        _ => Err(malformed(op, ".", "no such operation here")),
    }
}

/// The page behind a full one. The executions of one order come whole.
fn next_page(asked: &Asked<'_>, rows: usize) -> Option<Box<str>> {
    let size = match (asked.kind, asked.limit) {
        (Kind::Fills, _) if asked.order.is_some() => return None,
        // As it is asked for.
        (Kind::OpenOrders, _) => limits::PAGE_MAX,
        (_, None) => limits::PAGE,
        (_, Some(limit)) => limit.clamp(1, limits::PAGE_MAX),
    };
    let page: u64 = asked.page.map_or(Some(1), |page| page.parse().ok())?;
    (rows >= size as usize).then(|| page.saturating_add(1).to_string().into())
}

#[derive(Clone, Copy)]
struct Answer<'b, 'h> {
    op: Kind,
    headers: Headers<'h>,
    body: &'b [u8],
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
struct Envelope<T> {
    success: bool,
    code: Integer,
    data: Option<T>,
}

impl<'b> Answer<'b, '_> {
    /// The value of a success, which must be there.
    fn data<T: Deserialize<'b>>(self) -> Result<T, VenueError> {
        self.maybe_data()?.ok_or_else(|| malformed(self.op, "data", "missing"))
    }

    /// A success, whatever its value.
    fn done(self) -> Result<(), VenueError> {
        self.maybe_data::<IgnoredAny>().map(|_| ())
    }

    /// The value of a success: `success` is true and the code 0, or 200 in some answers.
    fn maybe_data<T: Deserialize<'b>>(self) -> Result<Option<T>, VenueError> {
        let error = match json::read::<Envelope<T>>(self.op, self.body) {
            Ok(Envelope { success: true, code: Integer(0 | 200), data }) => return Ok(data),
            Ok(_) => malformed(self.op, "success", "contradicts the code"),
            Err(error) => error,
        };
        Err(errors::refusal(Market::Linear, self.op, self.headers, self.body).unwrap_or(error))
    }
}

/// A placed order's acknowledgement: `{"orderId":…,"ts":…}`, or, of the older endpoints, the id alone.
struct Ack {
    order_id: OrderId,
    at: Option<Timestamp>,
}

impl Ack {
    fn reply(self) -> Reply {
        let order_id = Some(self.order_id);
        Reply::Accepted(Accepted { order_id, client_order_id: None, at: self.at })
    }
}

impl<'de> Deserialize<'de> for Ack {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Fields {
            order_id: OrderId,
            #[serde(default)]
            ts: Moment,
        }
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Ack;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an order id, or an object with one")
            }
            fn visit_u64<E>(self, id: u64) -> Result<Ack, E> {
                Ok(Ack { order_id: OrderId::from(id), at: None })
            }
            fn visit_str<E: serde::de::Error>(self, id: &str) -> Result<Ack, E> {
                Ok(Ack { order_id: OrderId::new(id).map_err(E::custom)?, at: None })
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Ack, A::Error> {
                let fields =
                    Fields::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(Ack { order_id: fields.order_id, at: fields.ts.0 })
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// One cancelled order is an acknowledgement or a rejection of its own; several are a batch. By client
/// order id the venue repeats the id or says nothing.
fn cancelled(rows: Option<OneOrMany<Row<'_>>>) -> Result<Reply, VenueError> {
    match rows {
        None => Ok(Reply::Accepted(Accepted::default())),
        Some(OneOrMany::One(row)) => match row.outcome(Market::Linear)? {
            Ok(accepted) => Ok(Reply::Accepted(accepted)),
            Err(rejection) => Err(VenueError::Rejected(rejection)),
        },
        Some(OneOrMany::Many(rows)) if rows.is_empty() => {
            Err(malformed(Kind::Cancel, "data", "tells of no order"))
        }
        Some(OneOrMany::Many(rows)) => {
            let outcomes = rows.iter().map(|row| row.outcome(Market::Linear));
            outcomes.collect::<Result<_, _>>().map(Reply::Batch)
        }
    }
}
