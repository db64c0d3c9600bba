//! What comes by the thousand per second, and what an order waits for, takes no memory: one test, for
//! the counter counts for the whole process.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::alloc::System;
use std::hint::black_box;

use hoox_binance::Binance;
use hoox_connector::{
    ClientOrderId, Credentials, Frame, NewOrder, Operation, OperationKind, OrderEntry,
    PreparedOrder, RequestBuf, Side, StreamProvider, Symbol, Timestamp,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SPOT_TOP: &str = r#"{"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000","a":"25.36520000","A":"40.66000000"}"#;
const LINEAR_TOP: &str = r#"{"e":"bookTicker","u":400900217,"E":1568014460893,"T":1568014460891,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000","a":"25.36520000","A":"40.66000000","st":1,"ps":"BNBUSDT"}"#;
const TRADE: &str = r#"{"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345,"p":"0.001","q":"100","T":1672515782136,"m":true,"M":true}"#;
const PLACED: &str = r#"{"id":"7","status":200,"result":{"symbol":"BTCUSDT","orderId":12510053279,"clientOrderId":"order-1","transactTime":1655716096505,"price":"0.10000000","origQty":"10.00000000","executedQty":"0.00000000","cummulativeQuoteQty":"0.00000000","status":"NEW","timeInForce":"GTC","type":"LIMIT","side":"BUY"},"rateLimits":[{"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":50,"count":12}]}"#;

/// Does `work` once to let buffers grow, then again, counted.
fn assert_none(what: &str, mut work: impl FnMut()) {
    work();
    let region = Region::new(ALLOCATOR);
    work();
    let change = region.change();
    assert_eq!((change.allocations, change.reallocations), (0, 0), "{what}");
}

#[test]
fn the_hot_paths_allocate_nothing() {
    let credentials = || Credentials::hmac("api-key", "api-secret");
    let (spot, linear) = (Binance::spot(credentials()), Binance::linear(credentials()));
    for (what, binance, text) in [
        ("spot top", &spot, SPOT_TOP),
        ("linear top", &linear, LINEAR_TOP),
        ("trade", &spot, TRADE),
    ] {
        let mut count = 0;
        assert_none(what, || {
            let mut emit = |event| {
                black_box(&event);
                count += 1;
            };
            binance.read(Frame::Text(text), &mut emit).unwrap();
        });
        assert_eq!(count, 2, "{what}");
    }

    let symbol = Symbol::new("BTCUSDT").unwrap();
    let (quantity, price) = ("0.01".parse().unwrap(), "43210.9".parse().unwrap());
    let id = ClientOrderId::portable("order-1").unwrap();
    let order = NewOrder::limit(symbol, Side::Buy, quantity, price).client_order_id(id);
    let now = Timestamp::from_millis(1_700_000_000_000);
    let mut buf = RequestBuf::new();
    let prepared = PreparedOrder::as_written(&order).unwrap();
    for (what, binance) in [("spot", &spot), ("linear", &linear)] {
        for logged_on in [false, true] {
            assert_none(&format!("{what} frame, logged on: {logged_on}"), || {
                let op = Operation::Place(&prepared);
                binance.encode_frame(&op, now, 7, logged_on, &mut buf).unwrap();
                black_box(buf.request().body());
            });
        }
        let template = binance.template(&order).unwrap();
        assert_none(&format!("{what} template"), || {
            let price = Some(price);
            let sent = template.encode(binance, quantity, price, Some(&id), now, &mut buf);
            black_box(sent.unwrap().body());
        });
    }

    let mut frames = [PLACED.as_bytes().to_vec(), PLACED.as_bytes().to_vec()].into_iter();
    assert_none("acknowledgement", || {
        let mut frame = frames.next().unwrap();
        let read = spot.decode_frame(&mut frame, &|_| Some(OperationKind::Place));
        assert!(black_box(read).is_ok());
    });
}
