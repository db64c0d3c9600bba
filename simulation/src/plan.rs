//! What a seed decides before anything happens: the signals, the faults, the operator.

use hoox_connector::{ClientOrderId, Market, Timestamp, Venue};
use hoox_router::{IdempotencyKey, RawSignal, Signal, client_order_id};

use crate::executor::{Executor, MS, Micros, SECOND};
use crate::operator::Act;

/// The passkey of every sender.
pub(crate) const PASSKEY: &str = "correct horse battery staple";

/// The symbols traded.
pub(crate) const SYMBOLS: [&str; 2] = ["BTCUSDT", "ETHUSDT"];

/// The venues.
pub(crate) const VENUES: [Venue; 3] = [Venue::Binance, Venue::Bybit, Venue::Mexc];

/// Everything a seed has decided beforehand.
pub(crate) struct Plan {
    pub(crate) signals: Vec<PlannedSignal>,
    pub(crate) faults: Faults,
    pub(crate) operator: Vec<(Micros, Act)>,
    /// From here on there are no more faults, and what is open must end.
    pub(crate) quiet_at: Micros,
    /// The Unix time at which virtual time begins.
    pub(crate) epoch_ms: u64,
    /// How far each venue's clock is ahead.
    pub(crate) venue_skew_ms: [i64; 3],
    /// After how long the transport gives up.
    pub(crate) request_timeout: Micros,
    pub(crate) settle_within: Micros,
    pub(crate) read_fees: bool,
    pub(crate) ask_exchange_for_flips: bool,
    pub(crate) prices_walk: bool,
    /// How each venue's account trades, and which take orders over WebSocket.
    pub(crate) trading: [Trading; 3],
    pub(crate) websocket: [bool; 3],
    /// The configuration at the beginning.
    pub(crate) config: Vec<(&'static str, &'static str)>,
    /// Until when no venue can be reached; the queue then tries until it gives up.
    pub(crate) outage_until: Micros,
}

/// A signal, and how often it comes.
pub(crate) struct PlannedSignal {
    pub(crate) at: Micros,
    pub(crate) body: String,
    /// Webhooks that carry it, each sent again until answered.
    pub(crate) copies: u64,
    /// The signal as the router reads it; none if it is not valid.
    pub(crate) signal: Option<Signal>,
    /// Its orders' ids, of both legs.
    pub(crate) ids: Option<[ClientOrderId; 2]>,
    /// Comes from inside, not as a webhook.
    pub(crate) internal: bool,
}

/// How often what goes wrong, in a thousand.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// No connection: certainly not sent.
    pub(crate) unconnected: u32,
    pub(crate) request_lost: u32,
    pub(crate) reply_lost: u32,
    /// The request arrives seconds later, perhaps after the client has given up.
    pub(crate) request_late: u32,
    pub(crate) reply_late: u32,
    /// The venue itself fails in one of its ways.
    pub(crate) venue: u32,
    /// The store refuses a call.
    pub(crate) store: u32,
    /// A sync takes seconds.
    pub(crate) disk_stall: u32,
    /// Configuration cannot be read.
    pub(crate) config: u32,
    /// The process dies when a request is about to leave.
    pub(crate) crash_before_send: u32,
    /// The process dies when a request has left.
    pub(crate) crash_after_send: u32,
    /// The process dies when a write has become durable.
    pub(crate) crash_at_sync: u32,
    /// Crashes at most.
    pub(crate) crashes_max: u64,
}

/// How an account trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trading {
    OneWay,
    Hedge,
    Spot,
}

impl Trading {
    pub(crate) fn market(self) -> Market {
        if self == Self::Spot { Market::Spot } else { Market::Linear }
    }
}

impl Plan {
    pub(crate) fn new(random: &Executor) -> Self {
        // Some go on until the queue has given up, and its dead letters come back.
        let long = random.chance(15);
        let busy_until = random.between(15, 60) * SECOND;
        let outage_until = if long { 3_300 * SECOND } else { 0 };
        let quiet_at = if long { 3_600 * SECOND } else { busy_until };
        let epoch_ms = 1_700_000_000_000 + random.between(0, 86_400_000);
        let skew = || i64::try_from(random.between(0, 4_000)).unwrap_or(0) - 2_000;
        let mut signals: Vec<_> = (0..random.between(2, 8))
            .map(|number| PlannedSignal::new(random, number, busy_until, epoch_ms))
            .collect();
        signals.sort_by_key(|signal| signal.at);
        let mut operator: Vec<_> = (0..random.between(0, 8))
            .map(|_| (random.between(0, busy_until), Act::new(random)))
            .collect();
        if long {
            operator.retain(|(_, act)| !matches!(act, Act::Crash | Act::OurClock(_)));
            operator.push((outage_until + random.between(0, 200 * SECOND), Act::Replay));
        }
        operator.sort_by_key(|(at, _)| *at);
        let trading = || match random.between(0, 9) {
            0..=5 => Trading::OneWay,
            6..=7 => Trading::Hedge,
            _ => Trading::Spot,
        };
        let mut config = Vec::new();
        config.extend(random.chance(800).then(|| {
            let modes = ["direct_only", "queue_failover", "queue_failover", "queue_everywhere"];
            ("webhooks:queue_mode", if long { "queue_everywhere" } else { pick(random, modes) })
        }));
        if random.chance(400) {
            config.push(("routing:failover:enabled", "true"));
            let orders = ["mexc,bybit,binance", "[\"binance\",\"bybit\",\"mexc\"]", "bybit,mexc"];
            config.push(("routing:failover:order", pick(random, orders)));
        }
        Self {
            signals,
            faults: Faults::new(random),
            operator,
            quiet_at,
            epoch_ms,
            venue_skew_ms: [skew(), skew(), skew()],
            request_timeout: pick(random, [2, 5, 10]) * SECOND,
            settle_within: pick(random, [1, 5, 10]) * SECOND,
            read_fees: random.chance(500),
            ask_exchange_for_flips: random.chance(700),
            prices_walk: random.chance(300),
            trading: [trading(), trading(), trading()],
            websocket: [random.chance(500), random.chance(500), false],
            config,
            outage_until,
        }
    }

    /// How the account at a venue trades.
    pub(crate) fn trading(&self, venue: Venue) -> Trading {
        let index = VENUES.iter().position(|known| *known == venue);
        index.and_then(|index| self.trading.get(index)).copied().unwrap_or(Trading::OneWay)
    }

    /// Whether orders go over WebSocket at a venue.
    pub(crate) fn websocket(&self, venue: Venue) -> bool {
        let index = VENUES.iter().position(|known| *known == venue);
        index.and_then(|index| self.websocket.get(index)).copied().unwrap_or_default()
    }
}

impl Faults {
    /// Each class of faults is off in half of the seeds, and rare to frequent in the others; in some
    /// seeds there are none at all.
    fn new(random: &Executor) -> Self {
        if random.chance(60) {
            return Self::default();
        }
        let rate = |rates: [u32; 4]| match random.chance(500) {
            true => 0,
            false => pick(random, rates),
        };
        Self {
            unconnected: rate([10, 30, 100, 300]),
            request_lost: rate([10, 30, 100, 300]),
            reply_lost: rate([10, 30, 100, 300]),
            request_late: rate([10, 30, 100, 300]),
            reply_late: rate([10, 30, 100, 300]),
            venue: rate([10, 30, 100, 200]),
            store: rate([2, 5, 10, 30]),
            disk_stall: rate([5, 20, 50, 100]),
            config: rate([5, 20, 50, 100]),
            crash_before_send: rate([2, 5, 20, 50]),
            crash_after_send: rate([2, 5, 20, 50]),
            crash_at_sync: rate([10, 50, 100, 200]),
            crashes_max: random.between(0, 4),
        }
    }
}

impl PlannedSignal {
    fn new(random: &Executor, number: u64, quiet_at: Micros, epoch_ms: u64) -> Self {
        let venue = pick(random, VENUES);
        let (symbol, step, price) =
            pick(random, [("BTCUSDT", "0.00", 64_000_u64), ("ETHUSDT", "0.0", 3_100)]);
        let actions = ["LONG", "LONG", "LONG", "SHORT", "SHORT", "CLOSE", "CLOSE_LONG"];
        let action = pick(random, actions);
        let internal = action.starts_with("CLOSE") && random.chance(300);
        let mut body = format!(
            r#"{{"apiKey":"{PASSKEY}","exchange":"{venue}","action":"{action}","symbol":"{symbol}""#
        );
        match random.between(0, 9) {
            0 => {
                body +=
                    &format!(r#","quantity":{},"quantityUnit":"usdt""#, random.between(150, 900))
            }
            _ => body += &format!(r#","quantity":{step}{}"#, random.between(4, 9)),
        }
        if !action.starts_with("CLOSE") {
            // Far from the market it rests, beyond it it fills at once.
            let percent = match random.between(0, 9) {
                0 => Some(if action == "LONG" { 97 } else { 103 }),
                1 => Some(if action == "LONG" { 103 } else { 97 }),
                _ => None,
            };
            if let Some(percent) = percent {
                body += &format!(r#","orderType":"LIMIT","price":{}"#, price * percent / 100);
            }
            if random.chance(200) {
                body += &format!(r#","leverage":{}"#, random.between(1, 6));
            }
        }
        match random.between(0, 9) {
            0..=6 => body += &format!(r#","idempotencyKey":"signal-{number}"}}"#),
            // The key is then made of what the signal says; unlike the others it may name the same
            // signal twice.
            _ => body += &format!(r#","timestamp":"{}"}}"#, random.between(1, 3)),
        }
        if random.chance(20) {
            body.pop();
        }
        let signal = RawSignal::parse(body.as_bytes()).ok().and_then(|raw| raw.validate().ok());
        let ids = signal.as_ref().and_then(|signal| {
            let key = IdempotencyKey::of(signal, Timestamp::from_millis(epoch_ms));
            Some([client_order_id(&key, 0).ok()?, client_order_id(&key, 1).ok()?])
        });
        // Some come in one burst.
        let at = match random.chance(300) {
            true => 2 * SECOND + random.between(0, 20 * MS),
            false => random.between(0, quiet_at),
        };
        let copies = if random.chance(400) { random.between(2, 3) } else { 1 };
        Self { at, body, copies, signal, ids, internal }
    }
}

#[allow(clippy::indexing_slicing)] // the index is below the length
pub(crate) fn pick<T: Copy, const N: usize>(random: &Executor, from: [T; N]) -> T {
    let index = random.between(0, N as u64 - 1);
    from[usize::try_from(index).unwrap_or_default()]
}
