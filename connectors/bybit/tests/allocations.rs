//! Nothing is allocated on the order path.

#![cfg(test)]

use std::alloc::System;
use std::hint::black_box;

use hoox_bybit::Bybit;
use hoox_connector::{
    ClientOrderId, Credentials, Decimal, ExchangeProvider, Headers, NewOrder, Operation,
    OperationKind as Kind, OrderClass, OrderRef, PreparedOrder, RequestBuf, Side, Symbol,
    Timestamp,
};
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
fn the_order_path_allocates_nothing() {
    let counted = allocations(|| drop(black_box(Box::new(7))));
    assert_eq!(counted, 1, "the counter counts");

    let symbol = Symbol::new("BTCUSDT").unwrap();
    let credentials = || Credentials::hmac("key", "secret");
    let markets = [Bybit::spot(credentials()), Bybit::linear(credentials())];
    let id = ClientOrderId::portable("0123456789abcdef0123456789abcdef").unwrap();
    let limit = NewOrder::limit(symbol, Side::Buy, dec("42"), dec("43210.9")).client_order_id(id);
    let market = NewOrder::market(symbol, Side::Sell, dec("42")).client_order_id(id);
    let ack = r#"{"retCode":0,"retMsg":"OK","result":{"orderId":"1321003749386327552",
        "orderLinkId":"mine-1"},"retExtInfo":{},"time":1672211918471}"#;
    let mut buf = RequestBuf::new();
    for bybit in &markets {
        for order in [limit, market] {
            let order = PreparedOrder::as_written(&order).unwrap();
            let (order_ref, class) = (OrderRef::Client(id), OrderClass::Plain);
            for op in [
                Operation::Place(&order),
                Operation::Cancel { symbol, order: order_ref, class },
                Operation::Order { symbol, order: order_ref, class },
            ] {
                let count = allocations(|| {
                    black_box(bybit.encode(&op, NOW, &mut buf).unwrap());
                });
                assert_eq!(count, 0, "{op:?}");
            }
        }
        for kind in [Kind::Place, Kind::Cancel] {
            let mut body = ack.as_bytes().to_vec();
            let count = allocations(|| {
                black_box(bybit.decode(&kind.into(), 200, Headers::none(), &mut body).unwrap());
            });
            assert_eq!(count, 0, "{kind:?}");
        }
    }
}
