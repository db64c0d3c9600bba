//! What people do to the program and to the venues while it runs.

use std::rc::Rc;

use hoox_connector::{Decimal, Venue};
use hoox_router::{Action, IdempotencyKey, RequestId, Signal, client_order_id, normalize_symbol};
use hoox_venue::Rules;

use crate::executor::{Executor, MS, Owner};
use crate::plan::{SYMBOLS, VENUES, pick};
use crate::world::{World, at_venue};

/// The switches of which each halts trading (gateway.md §6).
const HALTS: [&str; 3] = ["trade:kill_switch", "global:kill_switch", "global:maintenance_mode"];

/// Other settings, and what they are set to; nonsense too.
const SETTINGS: [(&str, [&str; 4]); 9] = [
    ("webhooks:queue_mode", ["direct_only", "queue_failover", "queue_everywhere", "whenever"]),
    ("routing:failover:enabled", ["true", "true", "false", "maybe"]),
    ("routing:failover:order", ["mexc,binance", "bybit", "[\"bybit\",\"mexc\"]", "kraken"]),
    ("exchanges:default_routing", ["binance", "bybit", "mexc", "kraken"]),
    ("trade:default_leverage", ["1", "3", "10", "many"]),
    ("trade:max_position_size", ["0.006", "0.05", "1", "none"]),
    ("trade:allow_flip", ["true", "true", "false", "maybe"]),
    ("trade:margin_mode", ["isolated", "cross", "isolated", "either"]),
    ("webhook:tradingview:ip_check", ["false", "no", "0", "off"]),
];

/// What the operator does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Act {
    /// Turns one of the switches that halt trading.
    Halt(usize, &'static str),
    Enable(Venue, bool),
    /// Redirects a symbol, or no longer.
    Route(&'static str, Option<Venue>),
    /// Changes another setting.
    Set(&'static str, &'static str),
    /// Closes every position, under this id, so many times.
    CloseAll(RequestId, u64),
    /// Puts the dead letters back into the queue.
    Replay,
    /// A faulty producer puts something into the queue.
    Poison(&'static str),
    /// Halts a symbol at the venue.
    Suspend(Venue, &'static str, bool),
    /// Changes the rules of a symbol at the venue: coarser, or as they were.
    Rules(Venue, &'static str, bool),
    /// Moves a price by so many per mille.
    Price(Venue, &'static str, i64),
    /// Our clock jumps.
    OurClock(i64),
    /// The server is stopped hard.
    Crash,
}

impl Act {
    pub(crate) fn new(random: &Executor) -> Self {
        let (venue, symbol) = (pick(random, VENUES), pick(random, SYMBOLS));
        let halt = usize::try_from(random.between(0, 2)).unwrap_or_default();
        match random.between(0, 16) {
            0..=1 => Self::Halt(halt, pick(random, ["true", "on", "1", "maybe"])),
            2 => Self::Halt(halt, "false"),
            3 => Self::Enable(venue, random.chance(500)),
            4 => Self::Route(symbol, random.chance(700).then_some(venue)),
            5..=6 => {
                let (key, values) = pick(random, SETTINGS);
                Self::Set(key, pick(random, values))
            }
            7..=8 => {
                let mut bytes = [0; 16];
                bytes
                    .iter_mut()
                    .for_each(|it| *it = u8::try_from(random.between(0, 255)).unwrap_or(0));
                Self::CloseAll(RequestId::from_random(bytes), random.between(1, 2))
            }
            9 => Self::Replay,
            10 => Self::Poison(pick(random, ["", "{}", "\u{0}", r#"{"requestId":"x"}"#])),
            11 => Self::Suspend(venue, symbol, random.chance(600)),
            12 => Self::Rules(venue, symbol, random.chance(700)),
            13 => {
                Self::Price(venue, symbol, i64::try_from(random.between(0, 20)).unwrap_or(0) - 10)
            }
            14 => Self::OurClock(jump(random)),
            _ => Self::Crash,
        }
    }
}

/// The signals by which everything is closed under one id, as `Router::close_all` makes them.
pub(crate) fn closing_signals(id: RequestId) -> Vec<(Signal, IdempotencyKey)> {
    let mut signals = Vec::new();
    for venue in VENUES {
        for symbol in SYMBOLS.iter().filter_map(|symbol| normalize_symbol(symbol).ok()) {
            for action in [Action::CloseLong, Action::CloseShort] {
                let mut signal = Signal::new(venue, action, symbol, None);
                let name = format!("close-all:{id}:{venue}:{symbol}:{action}");
                signal.idempotency_key = Some(name.as_str().into());
                let key = IdempotencyKey::of(&signal, hoox_connector::Timestamp::from_millis(0));
                signals.push((signal, key));
            }
        }
    }
    signals
}

impl World {
    /// The operator does something.
    pub(crate) fn act(self: &Rc<Self>, act: Act) {
        self.trace(|| format!("operator: {act:?}"));
        match act {
            Act::Halt(which, value) => {
                let key = HALTS.get(which).copied().unwrap_or("trade:kill_switch");
                self.set(key.into(), Some(value.into()));
                let engaged = {
                    let config = self.config.borrow();
                    HALTS.iter().any(|key| config.get(*key).is_some_and(|it| it != "false"))
                };
                let killed = &mut self.book.borrow_mut().killed_since;
                *killed = engaged.then(|| killed.unwrap_or(self.time.now()));
            }
            Act::Enable(venue, on) => {
                self.set(format!("exchange:{venue}:enabled"), Some(on.to_string()));
            }
            Act::Route(symbol, venue) => {
                self.set("routing:dynamic:enabled".into(), Some("true".into()));
                let key = format!("exchanges:routing:{symbol}");
                self.set(key, venue.map(|venue| venue.to_string()));
            }
            Act::Set(key, value) => self.set(key.into(), Some(value.into())),
            Act::CloseAll(id, times) => {
                for (signal, key) in closing_signals(id) {
                    let ids = [0, 1].map(|leg| client_order_id(&key, leg));
                    let mut book = self.book.borrow_mut();
                    ids.into_iter().flatten().for_each(|id| book.know(id, signal.action.closes()));
                }
                for _ in 0..times {
                    self.by_hand(move |process| async move { process.close_all(id).await });
                }
            }
            Act::Replay => self.by_hand(|process| async move { process.replay().await }),
            Act::Poison(body) => self.by_hand(move |process| async move {
                process.poison(body).await;
            }),
            Act::Suspend(venue, symbol, halted) => {
                use hoox_venue::TradingStatus::{Halt, Trading};
                let (place, status) = (at_venue(venue), if halted { Halt } else { Trading });
                let market = self.market_at(venue);
                self.exchange.borrow_mut().set_status_on(place, market, symbol, status);
            }
            Act::Rules(venue, symbol, coarse) => {
                let (now, market) = (self.venue_now_ms(venue), self.market_at(venue));
                let rules = rules(venue, symbol, coarse);
                let mut exchange = self.exchange.borrow_mut();
                exchange.set_rules_on(at_venue(venue), now, market, symbol, &rules);
            }
            Act::Price(venue, symbol, per_mille) => {
                let (now, market) = (self.venue_now_ms(venue), self.market_at(venue));
                let (venue, mut exchange) = (at_venue(venue), self.exchange.borrow_mut());
                if let Some(price) = exchange.price_on(venue, now, market, symbol) {
                    let moved = price * Decimal::new(1_000 + per_mille, 3);
                    exchange.set_price_on(venue, now, market, symbol, Some(moved.round()));
                }
            }
            Act::OurClock(ms) => self.our_skew_ms.set(self.our_skew_ms.get() + ms),
            Act::Crash => self.crash_wanted.set(true),
        }
    }

    /// Everything the operator has changed is as it was.
    pub(crate) fn calm(self: &Rc<Self>) {
        for which in 0..HALTS.len() {
            self.act(Act::Halt(which, "false"));
        }
        for venue in VENUES {
            self.act(Act::Enable(venue, true));
            for symbol in SYMBOLS {
                self.act(Act::Suspend(venue, symbol, false));
            }
        }
    }

    /// The market an account trades, in the venue's words.
    pub(crate) fn market_at(&self, venue: Venue) -> hoox_venue::Market {
        match self.plan.trading(venue).market() {
            hoox_connector::Market::Spot => hoox_venue::Market::Spot,
            _ => hoox_venue::Market::Linear,
        }
    }

    fn set(&self, key: String, value: Option<String>) {
        let mut config = self.config.borrow_mut();
        match value {
            Some(value) => config.insert(key, value),
            None => config.remove(&key),
        };
    }

    /// Asks the program that runs for something, if one does.
    fn by_hand<F: Future<Output = ()> + 'static>(
        self: &Rc<Self>,
        ask: impl FnOnce(Rc<crate::process::Process>) -> F,
    ) {
        let process = self.process.borrow().clone();
        let Some(process) = process.filter(|process| process.is_up()) else { return };
        let owner = Owner::Process(self.processes.get());
        let (asked, late) = (ask(process), self.time.between(0, 20 * MS));
        let world = Rc::clone(self);
        self.time.spawn(owner, async move {
            world.time.sleep(late).await;
            asked.await;
        });
    }
}

/// Coarser rules, or those of the beginning. The contracts of MEXC stay what they are.
fn rules(venue: Venue, symbol: &str, coarse: bool) -> Rules {
    let (step, min): (Decimal, Decimal) = match symbol {
        "BTCUSDT" => (Decimal::new(1, 3), Decimal::new(1, 3)),
        _ => (Decimal::new(1, 2), Decimal::new(1, 2)),
    };
    let factor = if coarse { Decimal::from(2) } else { Decimal::ONE };
    let min_quantity = Some(min * factor);
    let step = (venue != Venue::Mexc).then_some(step * factor);
    Rules { tick: None, step, min_quantity, min_notional: None }
}

/// Mostly a small step of a time daemon, sometimes somebody who sets the clock.
fn jump(random: &Executor) -> i64 {
    let size = match random.chance(700) {
        true => random.between(1, 1_500),
        false => random.between(1_500, 3_600_000),
    };
    let size = i64::try_from(size).unwrap_or(0);
    if random.chance(500) { size } else { -size }
}
