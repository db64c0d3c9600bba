//! Once the buffer has grown to the size of a request, the order path allocates nothing.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers outside #[test]

use std::alloc::System;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hoox_benches::{
    LINEAR_RESULT, NOW, SPOT_FULL, SPOT_RESULT, limit_order, linear, market_order, spot,
};
use hoox_binance::Binance;
use hoox_connector::{
    Client, Clock, ExchangeProvider, Headers, MemoryTransport, Operation, OperationKind, Outcome,
    PreparedOrder, Reply, Request, RequestBuf, Response, Timestamp,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The allocator counts for the whole process: one test, so that no other runs beside it.
#[test]
fn the_order_path_does_not_allocate() {
    assert_eq!(allocations(|| drop(black_box(Box::new(7)))), 1, "the counter counts");

    for (name, binance) in [("spot", spot()), ("linear", linear())] {
        for (kind, order) in [("market", market_order()), ("limit", limit_order())] {
            let mut buf = RequestBuf::new();
            let encode = || {
                let op = Operation::Place(black_box(&order));
                let request = binance.encode(&op, NOW, &mut buf).unwrap();
                assert_eq!(request.signature().len(), 64);
            };
            assert_eq!(allocations(encode), 0, "{name} {kind}: a new buffer holds an order");

            let template = binance.template(order.order()).unwrap();
            let wished = *order.order();
            let (quantity, id) = (wished.kind.quantity().unwrap(), wished.client_order_id);
            let encode = || {
                let price = wished.kind.price();
                let request =
                    template.encode(&binance, quantity, price, id.as_ref(), NOW, &mut buf).unwrap();
                assert_eq!(request.signature().len(), 64);
            };
            assert_eq!(allocations(encode), 0, "{name} {kind}: from a template");
        }
    }

    acknowledgement("spot FULL", &spot(), SPOT_FULL);
    acknowledgement("spot RESULT", &spot(), SPOT_RESULT);
    acknowledgement("linear RESULT", &linear(), LINEAR_RESULT);

    whole_way("spot FULL", spot(), SPOT_FULL);
    whole_way("spot RESULT", spot(), SPOT_RESULT);
    whole_way("linear RESULT", linear(), LINEAR_RESULT);
}

/// Permit, span, buffer, meter and settling add nothing to what the transport allocates for its
/// answer, once the client is warm.
fn whole_way(name: &str, binance: Binance, body: &'static str) {
    const ORDERS: usize = 20;
    let response = || Response::new(200, body);
    let transport = MemoryTransport::new(|_: &str, _: Request<'_>| Ok(response()));
    let client = Client::new(binance, transport, Standing);
    let order = limit_order();
    place(&client, &order);
    let transport_alone = allocations(|| (0..ORDERS).for_each(|_| drop(black_box(response()))));
    let whole = allocations(|| (0..ORDERS).for_each(|_| place(&client, black_box(&order))));
    assert_eq!(whole, transport_alone, "{name}: {ORDERS} orders through a client");
}

fn place<F>(client: &Client<Binance, MemoryTransport<F>, Standing>, order: &PreparedOrder)
where
    F: Fn(&str, Request<'_>) -> Result<Response, hoox_connector::TransportError>,
{
    // Nothing waits, so that a single poll is the whole way.
    let placed = pin!(client.place(order));
    let Poll::Ready(outcome) = placed.poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("waits for something");
    };
    assert!(matches!(outcome, Ok(Outcome::Acknowledged(_))));
}

/// A clock that stands still, with nothing to wait for.
struct Standing;

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        NOW
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, _: Duration) {
        panic!("waits for a limit");
    }
}

fn acknowledgement(name: &str, binance: &Binance, body: &str) {
    let mut body = body.as_bytes().to_vec();
    let decode = || {
        let body = black_box(body.as_mut_slice());
        let reply =
            binance.decode(&OperationKind::Place.into(), 200, Headers::none(), body).unwrap();
        assert!(matches!(black_box(reply), Reply::Order(_)));
    };
    assert_eq!(allocations(decode), 0, "{name}");
}

fn allocations(work: impl FnOnce()) -> usize {
    let region = Region::new(ALLOCATOR);
    work();
    let change = region.change();
    change.allocations + change.reallocations
}
