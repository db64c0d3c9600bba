//! Instruments from spot `exchangeInfo` and futures `contract/detail`, and the two spellings of a
//! futures symbol.

use arrayvec::ArrayString;
use hoox_connector::json::{self, Integer, MaybeNumber, Number, lenient};
use hoox_connector::{
    Asset, Decimal, EncodeError, Instrument, InstrumentStatus, Instruments, LotRule, Market,
    OperationKind, PercentPriceRule, Reply, Symbol, Timestamp, Venue, VenueError, parse_decimal,
};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::limits;

/// Stands for "no bound" where a rule of [`PercentPriceRule`] has none: no price is a million times
/// the market's.
const UNBOUNDED: Decimal = Decimal::from_parts(1_000_000, 0, 0, false, 0);

/// A futures symbol as MEXC writes it, `BTC_USDT`, in the parts it is at hand in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WireSymbol<'a> {
    /// The whole symbol, or all before `_USDT`.
    head: &'a str,
    tail: &'static str,
    /// Whether it is written as it is, wherever it goes.
    plain: bool,
}

impl<'a> WireSymbol<'a> {
    /// The wire spelling of a symbol given in either spelling.
    ///
    /// # Errors
    /// [`EncodeError::Invalid`] if it is neither a USDT future nor among `instruments`.
    #[inline]
    pub(crate) fn new(
        instruments: &'a Instruments,
        symbol: &'a Symbol,
    ) -> Result<Self, EncodeError> {
        let (text, plain) = (symbol.as_str(), symbol.is_plain());
        if text.bytes().any(|byte| byte == b'_') {
            return Ok(Self { head: text, tail: "", plain });
        }
        if let Some(base) = text.strip_suffix("USDT").filter(|base| !base.is_empty()) {
            return Ok(Self { head: base, tail: "_USDT", plain });
        }
        match instruments.find(symbol) {
            Some(Instrument { venue_symbol, .. }) => {
                Ok(Self { head: venue_symbol.as_str(), tail: "", plain: venue_symbol.is_plain() })
            }
            None => Err(EncodeError::Invalid {
                field: "symbol",
                problem: "neither a USDT future nor among the instruments",
            }),
        }
    }

    /// Appends it with `write`, which escapes as the place demands.
    #[inline]
    pub(crate) fn write(&self, out: &mut String, write: fn(&mut String, &str)) {
        if self.plain {
            out.push_str(self.head);
        } else {
            write(out, self.head);
        }
        out.push_str(self.tail);
    }

    /// Whether it stands in a query as it is.
    pub(crate) fn is_plain(&self) -> bool {
        self.plain
    }
}

/// The neutral spelling of a futures symbol: `BTCUSDT` for `BTC_USDT`.
pub(crate) fn neutral(wire: Symbol) -> Symbol {
    let mut text = ArrayString::<32>::new();
    for character in wire.as_str().chars().filter(|character| *character != '_') {
        text.push(character);
    }
    // Only a symbol of nothing but underscores has no other name.
    Symbol::new(&text).unwrap_or(wire)
}

/// spot, "Exchange Information".
pub(crate) fn decode_spot(body: &[u8]) -> Result<Reply, VenueError> {
    let info: ExchangeInfo = json::read(OperationKind::Instruments, body)?;
    let mut instruments =
        Instruments::new(info.symbols.into_iter().map(SpotRow::instrument).collect());
    instruments.at = info.server_time.map(Timestamp::from_millis);
    instruments.limits.push(limits::published(Market::Spot));
    Ok(Reply::Instruments(instruments))
}

/// futures, "Get contract information".
pub(crate) fn linear(rows: Vec<LinearRow>) -> Reply {
    let list = rows.iter().filter_map(LinearRow::instrument).collect();
    let mut instruments = Instruments::new(list);
    instruments.limits.push(limits::published(Market::Linear));
    Reply::Instruments(instruments)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExchangeInfo {
    #[serde(default, deserialize_with = "lenient")]
    server_time: Option<u64>,
    symbols: Vec<SpotRow>,
}

/// The names mislead: the `…AssetPrecision` are decimal places, but `baseSizePrecision` and
/// `quoteAmountPrecision…` are minima.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpotRow {
    symbol: Symbol,
    #[serde(deserialize_with = "lenient")]
    status: Option<ArrayString<16>>,
    #[serde(deserialize_with = "lenient")]
    base_asset: Option<Asset>,
    #[serde(deserialize_with = "lenient")]
    quote_asset: Option<Asset>,
    base_asset_precision: Integer,
    quote_asset_precision: Integer,
    #[serde(default)]
    base_size_precision: Padded,
    #[serde(default)]
    quote_amount_precision: Padded,
    #[serde(default)]
    quote_amount_precision_market: Padded,
    #[serde(default)]
    max_quote_amount: Padded,
    #[serde(default)]
    is_spot_trading_allowed: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    trade_side_type: Option<i64>,
}

impl SpotRow {
    fn instrument(self) -> Instrument {
        let mut it = Instrument::new(Venue::Mexc, Market::Spot, self.symbol);
        it.base = self.base_asset;
        it.quote = self.quote_asset;
        let online = matches!(self.status.as_deref(), Some("1" | "ENABLED"));
        let open = self.is_spot_trading_allowed != Some(false) && self.trade_side_type != Some(4);
        it.status =
            if online && open { InstrumentStatus::Trading } else { InstrumentStatus::Halted };
        it.tick_size = decimal_places(self.quote_asset_precision.0);
        it.quote_step = it.tick_size;
        let step = decimal_places(self.base_asset_precision.0);
        it.lot = LotRule { min: self.base_size_precision.0, max: None, step };
        // There is one pair of bounds for all orders: where market orders have tighter ones
        // (`quoteAmountPrecisionMarket`, `maxQuoteAmountMarket`), those are left to the venue.
        let market_min = self.quote_amount_precision_market.0;
        it.notional.min = self.quote_amount_precision.0;
        it.notional.max = self.max_quote_amount.0;
        it.notional.market_exempt_from_min = market_min.is_some() && market_min < it.notional.min;
        it
    }
}

/// One contract. Quantities are in contracts of `contractSize` base asset each.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LinearRow {
    symbol: Symbol,
    #[serde(deserialize_with = "lenient")]
    base_coin: Option<Asset>,
    #[serde(deserialize_with = "lenient")]
    quote_coin: Option<Asset>,
    #[serde(default, deserialize_with = "lenient")]
    settle_coin: Option<Asset>,
    contract_size: Number,
    price_unit: Number,
    #[serde(default)]
    vol_unit: MaybeNumber,
    min_vol: Number,
    max_vol: Number,
    #[serde(default)]
    limit_max_vol: MaybeNumber,
    #[serde(default, deserialize_with = "lenient")]
    max_leverage: Option<u32>,
    state: Integer,
    #[serde(default, deserialize_with = "lenient")]
    future_type: Option<i64>,
    #[serde(default)]
    bid_limit_price_rate: MaybeNumber,
    #[serde(default)]
    ask_limit_price_rate: MaybeNumber,
}

impl LinearRow {
    /// The instrument in base units; absent for contracts that are not USDT-margined perpetuals, or
    /// whose size is nothing one could trade.
    fn instrument(&self) -> Option<Instrument> {
        let size = Some(self.contract_size.0).filter(|size| *size > Decimal::ZERO)?;
        let usdt = self.settle_coin.is_none_or(|coin| coin.as_str() == "USDT");
        if !usdt || self.future_type.is_some_and(|kind| kind != 1) {
            return None;
        }
        let base = |contracts: Decimal| {
            let value = contracts.checked_mul(size).map(|value| value.normalize());
            value.filter(|value| !value.is_zero())
        };
        let mut it = Instrument::new(Venue::Mexc, Market::Linear, neutral(self.symbol));
        it.venue_symbol = self.symbol;
        it.base = self.base_coin;
        it.quote = self.quote_coin;
        it.status = match self.state.0 {
            0 => InstrumentStatus::Trading,
            _ => InstrumentStatus::Halted,
        };
        it.tick_size = Some(self.price_unit.0).filter(|tick| !tick.is_zero());
        it.contract_size = Some(size);
        it.max_leverage = self.max_leverage;
        let max = self.max_vol.0;
        let highest = self.limit_max_vol.non_zero().map_or(max, |limit| limit.max(max));
        // Contracts are whole, whether the unit is told or not.
        let unit = self.vol_unit.non_zero().unwrap_or(Decimal::ONE);
        it.lot = LotRule { min: base(self.min_vol.0), max: base(highest), step: base(unit) };
        it.market_lot = LotRule { min: None, max: base(max), step: None };
        it.percent_price = self.percent_price();
        Some(it)
    }

    /// How far above the fair price a bid, and below it an ask, may lie; the ticker shows the bounds
    /// as `maxBidPrice` and `minAskPrice`.
    fn percent_price(&self) -> Option<PercentPriceRule> {
        Some(PercentPriceRule {
            buy_up: Decimal::ONE.checked_add(self.bid_limit_price_rate.non_zero()?)?,
            buy_down: Decimal::ZERO,
            sell_up: UNBOUNDED,
            sell_down: Decimal::ONE
                .checked_sub(self.ask_limit_price_rate.non_zero()?)?
                .max(Decimal::ZERO),
        })
    }
}

/// A decimal padded with more zeros than a [`Decimal`] has places for, as in
/// `"1.000000000000000000000000000000"`; absent if missing, `null`, empty or zero.
#[derive(Debug, Clone, Copy, Default)]
struct Padded(Option<Decimal>);

impl<'de> Deserialize<'de> for Padded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        let text = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(raw);
        if matches!(text, "" | "null") {
            return Ok(Self(None));
        }
        let trimmed = match text.contains('.') && !text.contains(['e', 'E']) {
            true => text.trim_end_matches('0').trim_end_matches('.'),
            false => text,
        };
        let value = parse_decimal(trimmed).map_err(D::Error::custom)?;
        Ok(Self(Some(value).filter(|value| !value.is_zero())))
    }
}

fn decimal_places(digits: i64) -> Option<Decimal> {
    let digits = u32::try_from(digits).ok().filter(|digits| *digits <= 28)?;
    Some(Decimal::new(1, digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(text: &str) -> Result<String, EncodeError> {
        let (instruments, symbol) = (Instruments::default(), Symbol::new(text).unwrap());
        let mut out = String::new();
        WireSymbol::new(&instruments, &symbol)?.write(&mut out, String::push_str);
        Ok(out)
    }

    #[test]
    fn both_spellings_of_a_symbol_are_taken() {
        assert_eq!(wire("BTCUSDT").unwrap(), "BTC_USDT");
        assert_eq!(wire("BTC_USDT").unwrap(), "BTC_USDT");
        assert!(wire("USDT").is_err());
        assert!(wire("BTCUSD").is_err());
        assert_eq!(neutral(Symbol::new("BTC_USDT").unwrap()).as_str(), "BTCUSDT");
        assert_eq!(neutral(Symbol::new("_").unwrap()).as_str(), "_");
    }

    #[test]
    fn padding_is_no_precision() {
        let read = |text: &str| serde_json::from_str::<Padded>(text).map(|padded| padded.0);
        assert_eq!(
            read("\"2000000.000000000000000000000000000000\"").unwrap(),
            Some(Decimal::from(2_000_000))
        );
        assert_eq!(read("0.50").unwrap(), Some(Decimal::new(5, 1)));
        assert_eq!(read("100").unwrap(), Some(Decimal::from(100)));
        assert_eq!(read("\"0.00\"").unwrap(), None);
        assert_eq!(read("null").unwrap(), None);
        assert!(read("\"0.1234567890123456789012345678901\"").is_err());
        assert!(read("true").is_err());
    }
}
