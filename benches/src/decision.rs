//! A router with everything in it but the network and the disk, to measure what it does itself.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hoox_binance::Binance;
use hoox_connector::{
    Client, Clock, Instrument, Instruments, LotRule, Market, NotionalRule, Request, Response,
    Symbol, Timestamp, Transport, TransportError, Venue,
};
use hoox_router::{
    Admission, Answer, CallerId, Desk, DeskSettings, Desks, Durability, FlipGuard, IdempotencyKey,
    MemoryConfig, MemoryRate, Record, RefusedSignal, RequestId, Reservation, Router, Settings,
    SignalStore, StoreUnavailable,
};

use crate::{LINEAR_RESULT, linear};

/// Signals come this far apart, so that the exchange's order limits leave room for all.
const APART: Duration = Duration::from_millis(60);
/// After so many signals the store forgets the keys, before it has to grow.
const KEYS_MAX: usize = 1 << 12;

/// A router, and the next signal for it.
pub struct Decision {
    router: Router<Shelf, MemoryConfig, Desks<Desk<Binance, Wire, Ticking>>, Ticking>,
    clock: Ticking,
    body: String,
}

impl Decision {
    /// A router for one exchange, which calls `on_signed` with each order that is signed and ready to
    /// leave. The exchange's answer is there at once.
    #[allow(clippy::unwrap_used)] // constants
    pub fn new(on_signed: impl Fn() + 'static) -> Self {
        let clock = Ticking(Arc::default());
        let symbol = Symbol::new("BTCUSDT").unwrap();
        let mut instrument = Instrument::new(Venue::Binance, Market::Linear, symbol);
        let decimal = |text: &str| text.parse().ok();
        instrument.lot =
            LotRule { min: decimal("0.001"), max: decimal("1000"), step: decimal("0.001") };
        instrument.market_lot =
            LotRule { min: decimal("0.001"), max: decimal("120"), step: decimal("0.001") };
        instrument.tick_size = decimal("0.10");
        instrument.min_price = decimal("556.80");
        instrument.max_price = decimal("4529764");
        instrument.notional = NotionalRule { min: decimal("50"), ..NotionalRule::default() };
        let mut settings = DeskSettings::default();
        // Nothing is read again while it is measured.
        settings.instruments_for = Duration::MAX;
        settings.settings_for = Duration::MAX;
        let client = Client::new(linear(), Wire(Box::new(on_signed)), clock.clone());
        let desk = Desk::with_settings(client, clock.clone(), settings);
        desk.keep_instruments(Arc::new(Instruments::new(vec![instrument])));
        let config = MemoryConfig::from_iter([
            ("webhooks:api_key", "a-passkey-of-some-length"),
            ("webhook:tradingview:ip_check", "true"),
            ("webhook:rate_limit_per_minute", "100000"),
            ("trade:max_position_size", "10"),
        ]);
        let mut settings = Settings::default();
        settings.flip_guard = FlipGuard::Ledger;
        settings.read_fees = false;
        let desks = Desks::new().with(Venue::Binance, false, desk);
        let store = Shelf {
            keys: Mutex::new(HashMap::with_capacity(2 * KEYS_MAX)),
            record: Mutex::default(),
            rate: MemoryRate::default(),
        };
        let router = Router::with_settings(store, config, desks, clock.clone(), settings);
        Self { router, clock, body: String::new() }
    }

    /// Time passes until the next signal, which is written down.
    #[allow(clippy::unwrap_used)] // a text does not fail
    pub fn prepare(&mut self) -> RequestId {
        let n = self.clock.0.fetch_add(1, Ordering::Relaxed);
        self.body.clear();
        write!(
            self.body,
            r#"{{"apiKey":"a-passkey-of-some-length","exchange":"binance","action":"LONG","symbol":"BINANCE:BTCUSDT.P","quantity":0.0109999,"orderType":"LIMIT","price":64012.34,"leverage":5,"idempotencyKey":"strategy-7:{n:012}","time":"2026-01-01T00:00:00Z"}}"#
        )
        .unwrap();
        RequestId::from_random(u128::from(n).to_be_bytes())
    }

    /// The bytes of the prepared signal, carried out to the answer.
    ///
    /// # Panics
    /// If something has to wait, or there is no order.
    #[allow(clippy::panic)]
    pub fn carry_out(&self, id: RequestId) -> Answer {
        let body = core::hint::black_box(self.body.as_bytes());
        let peer = hoox_router::TRADINGVIEW_ADDRESSES.first().copied();
        let handled = pin!(self.router.handle(body, peer, id));
        let Poll::Ready(answer) = handled.poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("it waited");
        };
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer
    }
}

impl std::fmt::Debug for Decision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decision").finish_non_exhaustive()
    }
}

/// Stands still until the next signal.
#[derive(Clone)]
struct Ticking(Arc<AtomicU64>);

impl Ticking {
    fn passed(&self) -> Duration {
        APART * u32::try_from(self.0.load(Ordering::Relaxed)).unwrap_or(u32::MAX)
    }
}

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000).after(self.passed())
    }

    fn monotonic(&self) -> Duration {
        self.passed()
    }

    async fn sleep(&self, _: Duration) {}
}

/// The exchange at the other end.
struct Wire(Box<dyn Fn()>);

impl Transport for Wire {
    async fn send(&self, _: &str, request: Request<'_>) -> Result<Response, TransportError> {
        let body = match request.path() {
            "/fapi/v1/order" => {
                assert_eq!(core::hint::black_box(request.signature()).len(), 64);
                (self.0)();
                LINEAR_RESULT
            }
            "/fapi/v1/time" => r#"{"serverTime":1700000000000}"#,
            "/fapi/v1/leverage" => {
                r#"{"leverage":5,"maxNotionalValue":"1000000","symbol":"BTCUSDT"}"#
            }
            _ => r#"{"code":200,"msg":"success"}"#,
        };
        Ok(Response::new(200, body))
    }
}

/// A store of one record and a few keys. Not the router's work, so as cheap as a store can be.
struct Shelf {
    keys: Mutex<HashMap<IdempotencyKey, RequestId>>,
    record: Mutex<Option<Record>>,
    rate: MemoryRate,
}

impl SignalStore for Shelf {
    async fn reserve(
        &self,
        key: &IdempotencyKey,
        request_id: RequestId,
        _: Timestamp,
        _: Duration,
    ) -> Result<Reservation, StoreUnavailable> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= KEYS_MAX {
            keys.clear();
        }
        match keys.insert(key.clone(), request_id) {
            None => Ok(Reservation::Acquired),
            Some(request_id) => Ok(Reservation::Duplicate { request_id, state: None }),
        }
    }

    async fn write(&self, record: &Record, _: Durability) -> Result<(), StoreUnavailable> {
        *self.record.lock().unwrap_or_else(PoisonError::into_inner) = Some(record.clone());
        Ok(())
    }

    async fn release(&self, key: &IdempotencyKey) -> Result<(), StoreUnavailable> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
        Ok(())
    }

    async fn open_intents(&self) -> Result<Vec<Record>, StoreUnavailable> {
        Ok(Vec::new())
    }

    async fn load(&self, id: RequestId, leg: u8) -> Result<Option<Record>, StoreUnavailable> {
        let record = self.record.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(record.filter(|record| record.id() == (id, leg)))
    }

    async fn admit(
        &self,
        caller: CallerId,
        limit: u32,
        window: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreUnavailable> {
        Ok(self.rate.admit(caller, limit, window, now))
    }

    async fn log_refusal(&self, _: &RefusedSignal) {}
}
