//! Nothing is allocated on the order path, nor for a best bid and ask.

#![cfg(test)]

use std::alloc::System;
use std::hint::black_box;
use std::sync::Arc;

use hoox_connector::{
    ClientOrderId, Credentials, Decimal, ExchangeProvider, Frame, Headers, Instrument, Instruments,
    MarginMode, Market, NewOrder, Operation, OperationKind as Kind, OrderClass, OrderRef,
    PreparedOrder, RequestBuf, Side, StreamProvider, Symbol, Timestamp, Venue,
};
use hoox_mexc::Mexc;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// The allocations of the second call: the first may grow a buffer, or a table of the process.
fn allocations(mut call: impl FnMut()) -> usize {
    call();
    let region = Region::new(ALLOCATOR);
    call();
    let change = region.change();
    change.allocations + change.reallocations
}

// One test, for the count is the process's.
#[test]
fn the_order_path_and_the_best_bid_and_ask_allocate_nothing() {
    let symbol = Symbol::new("BTCUSDT").unwrap();
    let credentials = || Credentials::hmac("key", "secret");
    let mut instrument = Instrument::new(Venue::Mexc, Market::Linear, symbol);
    instrument.venue_symbol = Symbol::new("BTC_USDT").unwrap();
    instrument.contract_size = Some(dec("0.0001"));
    let linear =
        Mexc::linear(credentials()).with_instruments(Arc::new(Instruments::new(vec![instrument])));
    let spot = Mexc::spot(credentials());

    let id = ClientOrderId::portable("0123456789abcdef0123456789abcdef").unwrap();
    let limit = NewOrder::limit(symbol, Side::Buy, dec("42"), dec("43210.9")).client_order_id(id);
    let mut isolated = limit;
    (isolated.margin_mode, isolated.leverage) = (Some(MarginMode::Isolated), Some(10));
    let market = NewOrder::market(symbol, Side::Sell, dec("42")).client_order_id(id);
    let mut buf = RequestBuf::new();
    for (mexc, order) in [(&spot, limit), (&spot, market), (&linear, isolated), (&linear, market)] {
        let order = PreparedOrder::as_written(&order).unwrap();
        let (order_ref, class) = (OrderRef::Client(id), OrderClass::Plain);
        for op in [
            Operation::Place(&order),
            Operation::Cancel { symbol, order: order_ref, class },
            Operation::Order { symbol, order: order_ref, class },
        ] {
            let count = allocations(|| {
                black_box(mexc.encode(&op, NOW, &mut buf).unwrap());
            });
            assert_eq!(count, 0, "{op:?}");
        }
    }
    let template = spot.template(&limit).unwrap();
    let count = allocations(|| {
        let (quantity, price) = (dec("42"), Some(dec("1")));
        black_box(template.encode(&spot, quantity, price, Some(&id), NOW, &mut buf).unwrap());
    });
    assert_eq!(count, 0);

    let spot_ack = r#"{"symbol":"MXUSDT","orderId":"06a480e69e604477bfb48dddd5f0b750","orderListId":-1,
        "price":"0.1","origQty":"50","type":"LIMIT","side":"BUY","transactTime":1666676533741}"#;
    let ack =
        r#"{"success":true,"code":0,"data":{"orderId":"814218083416790528","ts":1779795118533}}"#;
    let id_alone = r#"{"success":true,"code":0,"data":102057569836905984}"#;
    let cancelled = r#"{"success":true,"code":0,"data":[{"orderId":108886241042563584,"errorCode":0,
        "errorMsg":"success"}]}"#;
    let order = r#"{"success":true,"code":0,"data":{"orderId":"102015012431820288","symbol":"BTC_USDT",
        "price":1209.05,"vol":1,"side":2,"orderType":5,"dealAvgPrice":1208.35,"dealVol":1,
        "takerFee":0.0072501,"makerFee":0,"feeCurrency":"USDT","state":3,"externalOid":"mine-1",
        "updateTime":1609992674000}}"#;
    for (mexc, op, body) in [
        (&spot, Kind::Place, spot_ack),
        (&linear, Kind::Place, ack),
        (&linear, Kind::Place, id_alone),
        (&linear, Kind::Cancel, cancelled),
        (&linear, Kind::OrderByClientId, order),
    ] {
        let mut body = body.as_bytes().to_vec();
        let count = allocations(|| {
            black_box(mexc.decode(&op.into(), 200, Headers::none(), &mut body).unwrap());
        });
        assert_eq!(count, 0, "{op:?}");
    }

    let text = "{\"symbol\":\"BTC_USDT\",\"data\":{\"cts\":1789327957142,\"asks\":[[68590.1,4500,1],\
        [68590.2,150,1]],\"bids\":[[3.4102e-06,20,1],[3.4101e-06,20,1]],\"version\":7},\
        \"channel\":\"push.depth.full\",\"ts\":1789327957150}";
    // A spot frame: channel, symbol, send time, and the ticker as field 315.
    let ticker = b"\x0a\x0893387.28\x12\x073.73485\x1a\x0893387.29\x22\x087.669875\x2a\x0544910";
    let mut bytes = b"\x0a\x04spot\x1a\x07BTCUSDT\x30\x91\xb5\xfe\xe0\xc4\x32\xda\x13".to_vec();
    bytes.push(u8::try_from(ticker.len()).unwrap());
    bytes.extend(ticker);
    for (mexc, frame) in [(&linear, Frame::Text(text)), (&spot, Frame::Binary(&bytes))] {
        let mut events = 0;
        let count = allocations(|| {
            mexc.read(frame, &mut |event| {
                black_box(event);
                events += 1;
            })
            .unwrap();
        });
        assert_eq!((count, events), (0, 2), "{frame:?}");
    }
}
