//! What the fuzz targets share: how an input is split, and what must hold of whatever comes out.
//!
//! A target is a few lines that name the parser; the checks are here, one file for each kind of
//! parser. They panic where a promise is broken, which is how a fuzzer learns of it.

pub mod exact;
pub mod input;
pub mod orders;
pub mod replies;
pub mod streams;

use std::sync::Arc;

use hoox_connector::{Credentials, Decimal, Instrument, Instruments, Market, Symbol, Venue};
use hoox_mexc::Mexc;

/// The two markets of a venue, in the order of [`input::Input::market`].
pub const MARKETS: [Market; 2] = [Market::Linear, Market::Spot];

/// A key that opens nothing.
pub fn credentials() -> Credentials {
    Credentials::hmac("fuzz-key", "fuzz-secret")
}

/// MEXC's markets; its futures know the contracts of the samples.
pub fn mexc() -> [Mexc; 2] {
    let contracts =
        [("BTCUSDT", "BTC_USDT", 4), ("ETHUSDT", "ETH_USDT", 2), ("MXUSDT", "MX_USDT", 0)];
    let instruments = contracts.into_iter().filter_map(|(neutral, wire, places)| {
        let mut it = Instrument::new(Venue::Mexc, Market::Linear, Symbol::new(neutral).ok()?);
        it.venue_symbol = Symbol::new(wire).ok()?;
        it.contract_size = Some(Decimal::new(1, places));
        Some(it)
    });
    let instruments = Arc::new(Instruments::new(instruments.collect()));
    [Mexc::linear(credentials()).with_instruments(instruments), Mexc::spot(credentials())]
}
