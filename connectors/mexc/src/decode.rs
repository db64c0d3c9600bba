//! Replies to neutral values.

pub(crate) mod linear;
mod scan;
mod spot;

use core::fmt;
use core::marker::PhantomData;

use hoox_connector::json::{Integer, lenient};
use hoox_connector::{
    Accepted, Asked, ClientOrderId, Headers, Malformed, Market, OperationKind as Kind, OrderId,
    Rejection, Reply, Symbol, Timestamp, VenueError,
};
use serde::de::{Error as _, SeqAccess};
use serde::{Deserialize, Deserializer};

use crate::Mexc;
use crate::errors::{self, Text};

pub(crate) fn decode(
    mexc: &Mexc,
    asked: &Asked<'_>,
    status: u16,
    headers: Headers<'_>,
    body: &mut [u8],
) -> Result<Reply, VenueError> {
    let (op, body) = (asked.kind, &*body);
    if !(200..300).contains(&status) {
        return Err(errors::classify(mexc.market, op, status, headers, body));
    }
    match mexc.market {
        Market::Spot if cfg!(feature = "spot") => spot::decode(asked, headers, body),
        _ => linear::decode(mexc, asked, headers, body),
    }
}

/// What became of one order of a request: a cancellation's or a batch's row, of either market.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    #[serde(default, deserialize_with = "lenient")]
    order_id: Option<OrderId>,
    /// futures `externalOid`, spot `newClientOrderId`.
    #[serde(default, alias = "newClientOrderId", deserialize_with = "lenient")]
    external_oid: Option<ClientOrderId>,
    /// futures `errorCode`, spot `code`.
    #[serde(default, alias = "code")]
    error_code: Integer,
    /// futures `errorMsg`, spot `msg`.
    #[serde(borrow, default, alias = "msg")]
    error_msg: Text<'a>,
}

impl Row<'_> {
    /// # Errors
    /// [`VenueError::Unknown`] if the venue does not know what became of it.
    fn outcome(&self, market: Market) -> Result<Result<Accepted, Rejection>, VenueError> {
        match self.error_code.0 {
            0 | 200 => Ok(Ok(Accepted {
                order_id: self.order_id,
                client_order_id: self.external_oid,
                at: None,
            })),
            code => errors::row(market, code, &self.error_msg.0).map(Err),
        }
    }
}

/// A batch's rows, in the order they were sent.
fn batch(market: Market, rows: &[Row<'_>]) -> Result<Reply, VenueError> {
    let outcome = |row: &Row<'_>| match row.outcome(market)? {
        Ok(Accepted { order_id: None, .. }) => {
            Err(malformed(Kind::PlaceBatch, "orderId", "neither an order nor an error"))
        }
        outcome => Ok(outcome),
    };
    rows.iter().map(outcome).collect::<Result<_, _>>().map(Reply::Batch)
}

/// One value, or a list of them; a list of one is not allocated.
pub(crate) enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    pub(crate) fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(value) => vec![value],
            Self::Many(values) => values,
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for Visitor<T> {
            type Value = OneOrMany<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or a list of objects")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<OneOrMany<T>, A::Error> {
                let Some(first) = rows.next_element()? else {
                    return Ok(OneOrMany::Many(Vec::new()));
                };
                let Some(second) = rows.next_element()? else { return Ok(OneOrMany::One(first)) };
                let mut all = vec![first, second];
                while let Some(row) = rows.next_element()? {
                    all.push(row);
                }
                Ok(OneOrMany::Many(all))
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                map: A,
            ) -> Result<OneOrMany<T>, A::Error> {
                T::deserialize(serde::de::value::MapAccessDeserializer::new(map))
                    .map(OneOrMany::One)
            }
        }
        deserializer.deserialize_any(Visitor(PhantomData))
    }
}

/// A venue's milliseconds, as a number or a text; anything else, zero and less mean "never".
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Moment(pub(crate) Option<Timestamp>);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let millis = lenient::<D, u64>(deserializer)?;
        Ok(Self(millis.filter(|millis| *millis > 0).map(Timestamp::from_millis)))
    }
}

/// A venue's milliseconds, which must be there.
pub(crate) struct Required(pub(crate) Timestamp);

impl<'de> Deserialize<'de> for Required {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let moment = Moment::deserialize(deserializer)?;
        moment.0.map(Self).ok_or_else(|| D::Error::custom("expected milliseconds since 1970"))
    }
}

/// The symbol of a reply that does not name it.
fn asked_symbol(asked: &Asked<'_>) -> Result<Symbol, VenueError> {
    asked.symbol.ok_or_else(|| malformed(asked.kind, "symbol", "not known which"))
}

fn malformed(operation: Kind, field: &str, problem: impl Into<String>) -> VenueError {
    VenueError::Malformed(Malformed { operation, field: field.into(), problem: problem.into() })
}
