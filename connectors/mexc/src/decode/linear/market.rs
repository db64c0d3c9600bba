//! What the market shows: prices, funding, books.

use core::fmt;

use hoox_connector::json::{MaybeNumber, Number};
use hoox_connector::stream::{BookUpdate, Level};
use hoox_connector::{Asked, BookTop, Decimal, FundingRate, Reply, Symbol, Ticker, VenueError};
use serde::de::{Error as _, IgnoredAny, SeqAccess};
use serde::{Deserialize, Deserializer};

use super::super::{Moment, asked_symbol};
use super::Base;
use crate::instruments::neutral;

/// futures, "Get contract trend data", as [`Best`] and [`Funding`] too.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Prices {
    symbol: Symbol,
    last_price: Number,
    fair_price: Number,
}

impl Prices {
    pub(super) fn ticker(self) -> Reply {
        let (last, mark) = (Some(self.last_price.0), Some(self.fair_price.0));
        Reply::Ticker(Ticker::new(neutral(self.symbol), last, mark))
    }
}

#[derive(Deserialize)]
pub(super) struct Best {
    symbol: Symbol,
    bid1: MaybeNumber,
    ask1: MaybeNumber,
    #[serde(default)]
    timestamp: Moment,
}

impl Best {
    pub(super) fn book_top(self) -> Reply {
        Reply::BookTop(BookTop {
            symbol: neutral(self.symbol),
            bid_price: self.bid1.non_zero(),
            bid_quantity: None,
            ask_price: self.ask1.non_zero(),
            ask_quantity: None,
            update_id: None,
            at: self.timestamp.0,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Funding {
    symbol: Symbol,
    funding_rate: Number,
}

impl Funding {
    pub(super) fn reply(self) -> Reply {
        let (symbol, rate) = (neutral(self.symbol), self.funding_rate.0);
        Reply::FundingRate(FundingRate { symbol, rate, next_at: None })
    }
}

/// futures, "Get the contract's depth information": the version that the stream of changes goes on
/// from.
#[derive(Deserialize)]
pub(super) struct Book {
    bids: Vec<LevelRow>,
    asks: Vec<LevelRow>,
    version: u64,
    #[serde(default)]
    timestamp: Moment,
}

impl Book {
    pub(super) fn reply(self, base: Base<'_>, asked: &Asked<'_>) -> Result<Reply, VenueError> {
        let contracts = base.of(asked_symbol(asked)?)?;
        let levels = |side: Vec<LevelRow>| -> Result<Vec<Level>, VenueError> {
            let level = |it: LevelRow| Ok((it.price, contracts.quantity(it.contracts)?));
            side.into_iter().map(level).collect()
        };
        Ok(Reply::Depth(BookUpdate {
            symbol: contracts.instrument.symbol,
            snapshot: true,
            bids: levels(self.bids)?,
            asks: levels(self.asks)?,
            first_id: None,
            last_id: self.version,
            previous_id: None,
            at: self.timestamp.0,
        }))
    }
}

/// A level of a book, of which the stream tells the same: price, contracts, and how many orders, which
/// nobody needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LevelRow {
    pub(crate) price: Decimal,
    pub(crate) contracts: Decimal,
}

impl<'de> Deserialize<'de> for LevelRow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = LevelRow;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a price and a quantity")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<LevelRow, A::Error> {
                let short = || A::Error::invalid_length(1, &"a price and a quantity");
                let Number(price) = values.next_element()?.ok_or_else(short)?;
                let Number(contracts) = values.next_element()?.ok_or_else(short)?;
                while values.next_element::<IgnoredAny>()?.is_some() {}
                Ok(LevelRow { price, contracts })
            }
        }
        deserializer.deserialize_seq(Visitor)
    }
}
