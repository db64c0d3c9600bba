//! Once the buffer has grown to the size of a request, the order path allocates nothing.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers outside #[test]

use std::alloc::System;
use std::cell::Cell;
use std::hint::black_box;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hoox_benches::decision::Decision;
use hoox_benches::{
    API_KEY, BYBIT_ACK, LINEAR_RESULT, MEXC_LINEAR_ACK, MEXC_SPOT_ACK, NOW, SECRET, SPOT_FULL,
    SPOT_RESULT, limit_order, linear, market_order, spot,
};
use hoox_binance::Binance;
use hoox_bybit::Bybit;
use hoox_connector::{
    Client, Clock, Credentials, ExchangeProvider, Headers, MemoryTransport, Operation,
    OperationKind, Outcome, PreparedOrder, Reply, Request, RequestBuf, Response, Timestamp,
};
use hoox_mexc::Mexc;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The exchange's answer, whose body the transport owns, and ours: a list of the orders it tells of,
/// their numbers as text, and the body as it grows.
const ANSWER: usize = 9;

/// The allocator counts for the whole process: one test, so that no other runs beside it.
#[test]
fn the_order_path_does_not_allocate() {
    // The harness has a thread of its own, which allocates once before it waits for this one.
    std::thread::sleep(Duration::from_millis(200));
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

    let keys = || Credentials::hmac(API_KEY, SECRET);
    acknowledgement("bybit", &Bybit::linear(keys()), BYBIT_ACK);
    acknowledgement("mexc spot", &Mexc::spot(keys()), MEXC_SPOT_ACK);
    acknowledgement("mexc linear", &Mexc::linear(keys()), MEXC_LINEAR_ACK);

    decision();
}

/// From a webhook's bytes to the signed order's: parsed, authenticated, limited, validated, locked,
/// routed, sized, rounded, written down, signed. What comes after is the exchange's answer and ours.
fn decision() {
    let (at_start, until_signed) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let mut decision = Decision::new({
        let (at_start, until_signed) = (Rc::clone(&at_start), Rc::clone(&until_signed));
        move || until_signed.set(counted() - at_start.get())
    });
    let mut count = || {
        let id = decision.prepare();
        at_start.set(counted());
        let answer = decision.carry_out(id);
        let whole = counted() - at_start.get();
        drop(answer);
        (until_signed.get(), whole)
    };
    count();
    // Fewer than come in the second for which a configuration is kept.
    let counts: Vec<_> = (0..15).map(|_| count()).collect();
    assert_eq!(counts, [(0, ANSWER); 15], "to the signed order, and to the answer");
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

fn acknowledgement(name: &str, provider: &impl ExchangeProvider, body: &str) {
    let mut body = body.as_bytes().to_vec();
    let decode = || {
        let body = black_box(body.as_mut_slice());
        let reply =
            provider.decode(&OperationKind::Place.into(), 200, Headers::none(), body).unwrap();
        assert!(matches!(black_box(reply), Reply::Order(_) | Reply::Accepted(_)));
    };
    assert_eq!(allocations(decode), 0, "{name}");
}

fn allocations(work: impl FnOnce()) -> usize {
    let before = counted();
    work();
    counted() - before
}

fn counted() -> usize {
    let stats = ALLOCATOR.stats();
    stats.allocations + stats.reallocations
}
