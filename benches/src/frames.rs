//! Frames with a best bid and ask, one of each kind.

use std::sync::Arc;

use hoox_connector::{Credentials, Decimal, Instrument, Instruments, Market, Symbol, Venue};
use hoox_mexc::Mexc;

use crate::{API_KEY, SECRET};

/// Best bid and ask on Binance spot.
pub const BINANCE_SPOT: &str = r#"{"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000","a":"25.36520000","A":"40.66000000"}"#;

/// Best bid and ask on Binance USD-M futures.
pub const BINANCE_LINEAR: &str = r#"{"e":"bookTicker","u":400900217,"E":1568014460893,"T":1568014460891,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000","a":"25.36520000","A":"40.66000000","st":1,"ps":"BNBUSDT"}"#;

/// Best bid and ask on Bybit, either market.
pub const BYBIT: &str = r#"{"topic":"orderbook.1.BTCUSDT","type":"snapshot","ts":1709891679000,"data":{"s":"BTCUSDT","b":[["27450.00","0.500"]],"a":[["27451.00","0.750"]],"u":123456789,"seq":987654321},"cts":1709891678998}"#;

/// Best bid and ask on MEXC futures, with four more levels of each side.
pub const MEXC_LINEAR: &str = r#"{"symbol":"BTC_USDT","data":{"cts":1789327957142,"asks":[[6859.5,3251,1],[6860,12,2],[6860.5,7,1],[6861,44,3],[6861.5,9,1]],"bids":[[6859,1251,4],[6858.5,30,2],[6858,11,1],[6857.5,6,1],[6857,80,5]],"version":96801927},"channel":"push.depth.full","ts":1789327957150}"#;

/// MEXC futures, with the one contract that the frames name.
#[allow(clippy::unwrap_used)] // constants
pub fn mexc_linear() -> Mexc {
    let mut instrument =
        Instrument::new(Venue::Mexc, Market::Linear, Symbol::new("BTCUSDT").unwrap());
    instrument.venue_symbol = Symbol::new("BTC_USDT").unwrap();
    instrument.contract_size = Some(Decimal::new(1, 4));
    let instruments = Arc::new(Instruments::new(vec![instrument]));
    Mexc::linear(Credentials::hmac(API_KEY, SECRET)).with_instruments(instruments)
}

/// Best bid and ask on MEXC spot: `PushDataV3ApiWrapper { channel, publicAggreBookTicker = 315, symbol, sendTime }`, written by hand.
pub fn mexc_spot_frame() -> Vec<u8> {
    let mut ticker = Vec::new();
    for (field, text) in [(1, "93387.28"), (2, "3.73485"), (3, "93387.29"), (4, "7.669875")] {
        write_text(&mut ticker, field, text.as_bytes());
    }
    let mut frame = Vec::new();
    write_text(&mut frame, 1, b"spot@public.aggre.bookTicker.v3.api.pb@100ms@BTCUSDT");
    write_text(&mut frame, 3, b"BTCUSDT");
    frame.push(6 << 3);
    write_varint(&mut frame, 1_736_412_092_433);
    write_text(&mut frame, 315, &ticker);
    frame
}

fn write_text(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    write_varint(out, field << 3 | 2);
    write_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
