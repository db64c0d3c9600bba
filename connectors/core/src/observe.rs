//! What a client tells of itself: metrics through the `metrics` facade, and the words that its
//! `tracing` spans use.

use core::fmt;
use core::time::Duration;
use std::sync::OnceLock;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use tracing::Span;
use tracing::field::Empty;

use crate::{
    ClientOrderId, Error, ExchangeProvider, Market, Operation, OperationKind, OrderRef, RateUsage,
    Venue,
};

/// How many limits of one venue are told by headers at most.
const LIMITS_MAX: usize = 8;

/// How an operation travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    Rest,
    #[cfg(all(feature = "websocket", not(target_arch = "wasm32")))]
    WebSocket,
}

impl Over {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            #[cfg(all(feature = "websocket", not(target_arch = "wasm32")))]
            Self::WebSocket => "websocket",
        }
    }
}

/// Handles to one client's metrics. Each is registered at its first use, so whoever records metrics
/// installs the recorder before the first request; afterwards nothing on the order path allocates.
pub(crate) struct Meter {
    venue: Venue,
    market: Market,
    /// By kind of operation, for each way that it travels.
    kinds: [Box<[OnceLock<KindMeter>]>; 2],
    waits: OnceLock<Histogram>,
    limits: [OnceLock<(bool, Duration, Gauge)>; LIMITS_MAX],
}

struct KindMeter {
    seconds: Histogram,
    results: [(&'static str, Counter); 5],
}

impl Meter {
    pub(crate) fn new<P: ExchangeProvider>(provider: &P) -> Self {
        Self {
            venue: provider.venue(),
            market: provider.market(),
            kinds: core::array::from_fn(|_| {
                OperationKind::ALL.iter().map(|_| OnceLock::new()).collect()
            }),
            waits: OnceLock::new(),
            limits: Default::default(),
        }
    }

    /// A request has ended.
    pub(crate) fn ended(
        &self,
        over: Over,
        kind: OperationKind,
        result: &'static str,
        took: Duration,
    ) {
        let (venue, market) = (self.venue.as_str(), self.market.as_str());
        let kinds = self.kinds.get(over as usize);
        let Some(cell) = kinds.and_then(|kinds| kinds.get(kind as usize)) else { return };
        let meter = cell.get_or_init(|| {
            let labels = [
                ("venue", venue),
                ("market", market),
                ("operation", kind.as_str()),
                ("over", over.as_str()),
            ];
            let results = ["answered", "rejected", "throttled", "unknown", "not_sent"];
            KindMeter {
                seconds: histogram!("hoox_request_seconds", &labels),
                results: results.map(|result| {
                    let [venue, market, operation, over] = labels;
                    let labels = [venue, market, operation, over, ("result", result)];
                    (result, counter!("hoox_requests_total", &labels))
                }),
            }
        });
        meter.seconds.record(took);
        if let Some((_, counter)) = meter.results.iter().find(|(name, _)| *name == result) {
            counter.increment(1);
        }
    }

    /// A request had to wait for its permit.
    pub(crate) fn waited(&self, waited: Duration) {
        let labels = [("venue", self.venue.as_str()), ("market", self.market.as_str())];
        self.waits.get_or_init(|| histogram!("hoox_permit_wait_seconds", &labels)).record(waited);
    }

    /// The venue has told what is used of its limits.
    pub(crate) fn told(&self, usage: &[RateUsage]) {
        for usage in usage {
            let Some(used) = usage.used else { continue };
            for cell in &self.limits {
                let (orders, window, gauge) = cell.get_or_init(|| {
                    let gauge = gauge!(
                        "hoox_limit_used",
                        "venue" => self.venue.as_str(),
                        "market" => self.market.as_str(),
                        "counted" => if usage.orders { "orders" } else { "weight" },
                        "window" => format!("{}s", usage.window.as_secs()),
                    );
                    (usage.orders, usage.window, gauge)
                });
                if (*orders, *window) == (usage.orders, usage.window) {
                    gauge.set(f64::from(used));
                    break;
                }
            }
        }
    }

    /// An order of unknown fate was asked for.
    pub(crate) fn reconciled(&self, result: &'static str) {
        let (venue, market) = (self.venue.as_str(), self.market.as_str());
        let labels = [("venue", venue), ("market", market), ("result", result)];
        counter!("hoox_reconciliations_total", &labels).increment(1);
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").finish_non_exhaustive()
    }
}

/// The span of one operation: `order` if it changes orders, `request` if not. The durations of its
/// steps, in microseconds, and its result are recorded as they become known.
pub(crate) fn span<P: ExchangeProvider>(provider: &P, op: &Operation<'_>, over: Over) -> Span {
    let (venue, market) = (provider.venue().as_str(), provider.market().as_str());
    let (operation, over) = (op.kind().as_str(), over.as_str());
    let id = order_of(op);
    let client_order_id = id.as_ref().map(ClientOrderId::as_str);
    macro_rules! span {
        ($level:ident, $name:literal) => {
            tracing::$level!(
                $name,
                venue,
                market,
                operation,
                over,
                client_order_id,
                permit = Empty,
                encode = Empty,
                send = Empty,
                decode = Empty,
                result = Empty
            )
        };
    }
    if op.kind().changes_orders() {
        span!(info_span, "order")
    } else {
        span!(debug_span, "request")
    }
}

/// How long a request took, step by step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Steps {
    pub(crate) encode: Duration,
    pub(crate) send: Duration,
    pub(crate) decode: Duration,
}

impl Steps {
    pub(crate) fn record(&self, span: &Span) {
        span.record("encode", micros(self.encode));
        span.record("send", micros(self.send));
        span.record("decode", micros(self.decode));
    }
}

pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// The result of a request, in one word.
pub(crate) fn word<T>(result: &Result<T, Error>) -> &'static str {
    match result {
        Ok(_) => "answered",
        Err(Error::Rejected(_)) => "rejected",
        Err(Error::Throttled(_)) => "throttled",
        Err(Error::Unknown(_)) => "unknown",
        Err(Error::NotSent(_)) => "not_sent",
    }
}

/// The client order id that an operation is about.
fn order_of(op: &Operation<'_>) -> Option<ClientOrderId> {
    match op {
        Operation::Place(order) => order.order().client_order_id,
        Operation::Amend(amendment) => client_id(amendment.order),
        Operation::Cancel { order, .. } | Operation::Order { order, .. } => client_id(*order),
        _ => None,
    }
}

fn client_id(order: OrderRef) -> Option<ClientOrderId> {
    match order {
        OrderRef::Client(id) => Some(id),
        OrderRef::Id(_) => None,
    }
}
