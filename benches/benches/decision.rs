//! A webhook's bytes to the signed order: parsed, authenticated, limited, validated, locked, routed,
//! sized, rounded, written down, signed. No I/O: the store is memory, and the transport answers at
//! once. What comes after (reading the acknowledgement, the record, the answer) is measured with it
//! and told apart by the clock inside the transport.
//!
//! `cargo bench -p hoox-benches --bench decision`
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use hoox_benches::{LINEAR_RESULT, linear};
use hoox_connector::{
    Client, Clock, Instrument, Instruments, LotRule, Market, MemoryTransport, Request, Response,
    Symbol, Timestamp, Venue,
};
use hoox_router::{Desk, Desks, FlipGuard, MemoryConfig, MemoryStore, RequestId, Router, Settings};

/// Passes by a second for each signal, so that keys expire and the store stays small.
#[derive(Clone)]
struct Ticking(Arc<AtomicU64>);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + self.0.load(Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }

    async fn sleep(&self, _: Duration) {}
}

fn decision(c: &mut Criterion) {
    let clock = Ticking(Arc::default());
    let signed = Arc::new(std::sync::Mutex::new(None::<Instant>));
    let seen = Arc::clone(&signed);
    let transport = MemoryTransport::new(move |_: &str, request: Request<'_>| {
        if request.signature().is_empty() {
            // The client asks for the exchange's clock before its first order.
            return Ok(Response::new(200, r#"{"serverTime":1700000000000}"#));
        }
        assert_eq!(black_box(request.signature()).len(), 64);
        *seen.lock().unwrap() = Some(Instant::now());
        Ok(Response::new(200, LINEAR_RESULT))
    });
    let symbol = Symbol::new("BTCUSDT").unwrap();
    let mut instrument = Instrument::new(Venue::Binance, Market::Linear, symbol);
    let step = "0.001".parse().ok();
    instrument.lot = LotRule { min: step, max: None, step };
    instrument.tick_size = "0.1".parse().ok();
    let desk = Desk::new(Client::new(linear(), transport, clock.clone()), clock.clone());
    desk.keep_instruments(Arc::new(Instruments::new(vec![instrument])));
    let config = MemoryConfig::from_iter([
        ("webhooks:api_key", "key"),
        ("webhook:rate_limit_per_minute", "0"),
    ]);
    let mut settings = Settings::default();
    settings.flip_guard = FlipGuard::Ledger;
    settings.read_fees = false;
    settings.key_ttl = Duration::from_secs(60);
    let desks = Desks::new().with(Venue::Binance, false, desk);
    let router = Router::with_settings(MemoryStore::new(), config, desks, clock.clone(), settings);

    let body = r#"{"apiKey":"key","exchange":"binance","action":"LONG","symbol":"BTCUSDT","quantity":0.0109999,"orderType":"LIMIT","price":64012.34}"#;
    let signal = || {
        let n = clock.0.fetch_add(60_000, Ordering::Relaxed);
        let id = RequestId::from_random(u128::from(n).to_be_bytes());
        let started = Instant::now();
        let answer = now(router.handle(black_box(body.as_bytes()), None, id));
        assert_eq!(answer.status, 200, "{}", answer.body);
        black_box(answer);
        started
    };
    signal();
    let mut group = c.benchmark_group("decision");
    group.bench_function("bytes_in_to_signed_bytes_out", |b| {
        b.iter_custom(|times| {
            let mut total = Duration::ZERO;
            for _ in 0..times {
                let started = signal();
                total += signed.lock().unwrap().take().unwrap() - started;
            }
            total
        });
    });
    group.bench_function("bytes_in_to_answer", |b| b.iter(&signal));
    group.finish();
}

/// Nothing in it ever waits.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waited"),
    }
}

criterion_group!(benches, decision);
criterion_main!(benches);
