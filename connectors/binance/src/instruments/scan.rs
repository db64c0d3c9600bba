//! The list in one pass, its texts where they lie. What is unusual in any way is left to the reader of
//! the module above, which also names the field that is wrong.

use std::borrow::Cow;

use hoox_connector::json::MaybeNumber;
use hoox_connector::{Asset, Cursor, Symbol};

use super::{ExchangeInfo, FilterRow, RateLimit, Row, Rules};

pub(super) fn read(body: &[u8]) -> Option<ExchangeInfo<'_>> {
    let mut cursor = Cursor::new(body)?;
    let (mut server_time, mut rate_limits, mut symbols) = (None, None, None);
    cursor.object(|cursor, name| match name {
        "serverTime" => Cursor::keep(&mut server_time, cursor.whole()?),
        "rateLimits" => Cursor::keep(&mut rate_limits, list(cursor, RateLimit::read)?),
        "symbols" => Cursor::keep(&mut symbols, list(cursor, row)?),
        _ => cursor.skip(),
    })?;
    cursor.end()?;
    Some(ExchangeInfo {
        server_time,
        rate_limits: rate_limits.unwrap_or_default(),
        symbols: symbols?,
    })
}

fn row<'a>(cursor: &mut Cursor<'a>) -> Option<Row<'a>> {
    let (mut symbol, mut status, mut contract_type) = (None, None, None);
    let (mut base_asset, mut quote_asset, mut precision) = (None, None, None);
    let mut filters = None;
    cursor.object(|cursor, name| match name {
        "symbol" => Cursor::keep(&mut symbol, Symbol::new(cursor.string()?).ok()?),
        "status" => Cursor::keep(&mut status, cursor.string()?),
        // An asset of an odd name is none that anybody asks for.
        "baseAsset" => Cursor::keep(&mut base_asset, Asset::new(cursor.string()?).ok()),
        "quoteAsset" => Cursor::keep(&mut quote_asset, Asset::new(cursor.string()?).ok()),
        "contractType" => Cursor::keep(&mut contract_type, cursor.string()?),
        "quoteAssetPrecision" => Cursor::keep(&mut precision, cursor.bare()?.parse().ok()?),
        "filters" => {
            let mut rules = Rules::default();
            cursor.array(|cursor| filter(cursor, &mut rules))?;
            Cursor::keep(&mut filters, rules)
        }
        _ => cursor.skip(),
    })?;
    Some(Row {
        symbol: symbol?,
        status: Cow::Borrowed(status?),
        base_asset: base_asset?,
        quote_asset: quote_asset?,
        contract_type: contract_type.map(Cow::Borrowed),
        quote_asset_precision: precision,
        filters: filters?,
    })
}

fn filter(cursor: &mut Cursor<'_>, rules: &mut Rules) -> Option<()> {
    let mut it = FilterRow::default();
    let mut kind = None;
    cursor.object(|cursor, name| {
        let slot = match name {
            "filterType" => return Cursor::keep(&mut kind, cursor.string()?),
            "minPrice" => &mut it.min_price,
            "maxPrice" => &mut it.max_price,
            "tickSize" => &mut it.tick_size,
            "minQty" => &mut it.min_qty,
            "maxQty" => &mut it.max_qty,
            "stepSize" => &mut it.step_size,
            "notional" => &mut it.notional,
            "minNotional" => &mut it.min_notional,
            "maxNotional" => &mut it.max_notional,
            "multiplierUp" => &mut it.multiplier_up,
            "multiplierDown" => &mut it.multiplier_down,
            "bidMultiplierUp" => &mut it.bid_multiplier_up,
            "bidMultiplierDown" => &mut it.bid_multiplier_down,
            "askMultiplierUp" => &mut it.ask_multiplier_up,
            "askMultiplierDown" => &mut it.ask_multiplier_down,
            "applyToMarket" => return flag(cursor, &mut it.apply_to_market),
            "applyMinToMarket" => return flag(cursor, &mut it.apply_min_to_market),
            "applyMaxToMarket" => return flag(cursor, &mut it.apply_max_to_market),
            _ => return cursor.skip(),
        };
        let number = MaybeNumber(cursor.maybe_decimal()?);
        // A name that comes twice is for the other reader to complain of.
        slot.0.is_none().then(|| *slot = number)
    })?;
    it.filter_type = Cow::Borrowed(kind?);
    it.apply(rules);
    Some(())
}

fn flag(cursor: &mut Cursor<'_>, slot: &mut Option<bool>) -> Option<()> {
    Cursor::keep(slot, cursor.bare()?.parse().ok()?)
}

fn list<'a, T>(
    cursor: &mut Cursor<'a>,
    mut row: impl FnMut(&mut Cursor<'a>) -> Option<T>,
) -> Option<Vec<T>> {
    let mut rows = Vec::new();
    cursor.array(|cursor| {
        rows.push(row(cursor)?);
        Some(())
    })?;
    Some(rows)
}
