//! Public market data, the same handlers for both markets.

use serde_json::{Value, json};

use super::errors::ApiError;
use super::json::{Fixed, f8, write};
use super::{Answer, Call};
use crate::engine::{FUNDING_INTERVAL_MS, Market, Side};

/// Depth sizes the linear market knows.
const LINEAR_DEPTHS: [u64; 7] = [5, 10, 20, 50, 100, 500, 1_000];

pub(super) fn ping(_: &mut Call<'_>) -> Answer {
    Ok(b"{}".to_vec())
}

pub(super) fn time(call: &mut Call<'_>) -> Answer {
    write(&json!({"serverTime": call.server_ms}))
}

pub(super) fn last_price(call: &mut Call<'_>) -> Answer {
    each(call, |call, n| {
        let i = call.engine.instruments.get(n)?;
        let price = Fixed(call.engine.last_price(n), call.price_places(n));
        let mut row = json!({"symbol": i.symbol, "price": price});
        call.stamp(&mut row, &["time"]);
        Some(row)
    })
}

pub(super) fn book_ticker(call: &mut Call<'_>) -> Answer {
    each(call, |call, n| {
        let i = call.engine.instruments.get(n)?;
        let (bid_price, bid_size) = call.best(n, Side::Sell)?;
        let (ask_price, ask_size) = call.best(n, Side::Buy)?;
        let mut row = json!({
            "symbol": i.symbol,
            "bidPrice": bid_price,
            "bidQty": bid_size,
            "askPrice": ask_price,
            "askQty": ask_size,
        });
        call.stamp(&mut row, &["time"]);
        Some(row)
    })
}

pub(super) fn depth(call: &mut Call<'_>) -> Answer {
    let n = call.instrument()?;
    let default = if call.market == Market::Spot { 100 } else { 500 };
    let limit = call.params.integer("limit")?.unwrap_or(default);
    let legal = match call.market {
        Market::Spot => (1..=5_000).contains(&limit),
        Market::Linear => LINEAR_DEPTHS.contains(&limit),
    };
    if !legal {
        return Err(ApiError::bad_value("limit"));
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let (price, quantity) = (call.price_places(n), call.quantity_places(n));
    let book = call.engine.book(n).ok_or(super::errors::BAD_SYMBOL)?;
    let show = |(p, q)| [Fixed(p, price), Fixed(q, quantity)];
    let mut shown = json!({
        "lastUpdateId": book.id,
        "bids": book.bids().take(limit).map(show).collect::<Vec<_>>(),
        "asks": book.asks().take(limit).map(show).collect::<Vec<_>>(),
    });
    call.stamp(&mut shown, &["E", "T"]);
    write(&shown)
}

pub(super) fn premium_index(call: &mut Call<'_>) -> Answer {
    let now = call.engine.now_ms();
    let next = (now / FUNDING_INTERVAL_MS + 1) * FUNDING_INTERVAL_MS;
    each(call, |call, n| {
        let i = call.engine.instruments.get(n)?;
        let mark = f8(call.engine.last_price(n));
        Some(json!({
            "symbol": i.symbol,
            "markPrice": mark,
            "indexPrice": mark,
            "estimatedSettlePrice": mark,
            "lastFundingRate": f8(call.engine.funding_rate),
            "interestRate": "0.00010000",
            "nextFundingTime": next,
            "time": now,
        }))
    })
}

/// Past fundings, oldest first. The rate is the configured one; the mark price is what the walk
/// says about that time, whatever was pinned then.
pub(super) fn funding_rate(call: &mut Call<'_>) -> Answer {
    let instruments: Vec<usize> = match call.optional_instrument()? {
        Some(instrument) => vec![instrument],
        None => call.instruments().collect(),
    };
    let limit = u64::try_from(call.limit(100, 1_000)?).unwrap_or(100);
    let now = call.engine.now_ms();
    let end = call.params.integer("endTime")?.unwrap_or(now).min(now) / FUNDING_INTERVAL_MS;
    let start = call.params.integer("startTime")?.map(|t| t.div_ceil(FUNDING_INTERVAL_MS));
    let (first, last) = match start {
        Some(first) => (first, end.min(first.saturating_add(limit - 1))),
        None => ((end + 1).saturating_sub(limit), end),
    };
    let mut rows = Vec::new();
    for n in instruments {
        let i = call.engine.instrument(n).map_err(call.reject())?;
        let Some(feed) = call.engine.feeds.get(n) else { continue };
        for funding in first..=last {
            let at = funding * FUNDING_INTERVAL_MS;
            rows.push(json!({
                "symbol": i.symbol,
                "fundingRate": f8(call.engine.funding_rate),
                "fundingTime": at,
                "markPrice": f8(i.price(feed.mid_at(at))),
            }));
        }
    }
    write(&rows)
}

/// One object for `symbol`, an array for `symbols` or for neither.
pub(super) fn each(call: &mut Call<'_>, row: impl Fn(&Call<'_>, usize) -> Option<Value>) -> Answer {
    call.engine.evaluate_books();
    if let Some(n) = call.optional_instrument()? {
        return write(&row(call, n).ok_or(super::errors::BAD_SYMBOL)?);
    }
    let instruments = match call.symbols()? {
        Some(named) => named,
        None => call.instruments().collect(),
    };
    write(&instruments.into_iter().filter_map(|n| row(call, n)).collect::<Vec<_>>())
}

impl Call<'_> {
    /// The instruments of `symbols`, a JSON array of names.
    pub(super) fn symbols(&self) -> Result<Option<Vec<usize>>, ApiError> {
        let Some(text) = self.params.get("symbols")? else { return Ok(None) };
        if self.params.has("symbol") {
            return Err(super::errors::BAD_COMBINATION);
        }
        let names: Vec<&str> =
            serde_json::from_str(text).map_err(|_| ApiError::bad_value("symbols"))?;
        names.into_iter().map(|name| self.find(name)).collect::<Result<_, _>>().map(Some)
    }

    /// Adds the time under these names to a linear reply; spot replies have none.
    fn stamp(&self, row: &mut Value, names: &[&str]) {
        if self.market != Market::Linear {
            return;
        }
        if let Some(fields) = row.as_object_mut() {
            fields.extend(names.iter().map(|n| ((*n).to_owned(), json!(self.engine.now_ms()))));
        }
    }

    pub(super) fn best(&self, n: usize, taker: Side) -> Option<(Fixed, Fixed)> {
        let book = self.engine.shown_book(n)?;
        let (price, size) = match taker {
            Side::Buy => book.asks().next()?,
            Side::Sell => book.bids().next()?,
        };
        Some((Fixed(price, self.price_places(n)), Fixed(size, self.quantity_places(n))))
    }

    pub(super) fn price_places(&self, n: usize) -> u32 {
        match self.market {
            Market::Spot => 8,
            Market::Linear => self.engine.instruments.get(n).map_or(8, |i| i.tick_decimals()),
        }
    }

    fn quantity_places(&self, n: usize) -> u32 {
        match self.market {
            Market::Spot => 8,
            Market::Linear => self.engine.instruments.get(n).map_or(8, |i| i.step_decimals()),
        }
    }
}
