//! Three hours of a session in virtual time, reconnects, overlaps and gaps included: memory stays flat.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // helpers outside #[test]

use std::alloc::System;
use std::time::Duration;

use hoox_connector::session::{
    AccountMerge, ConnectionId, MarketMerge, Session, SessionAction, SessionConfig, SessionInput,
};
use hoox_connector::stream::{BookUpdate, Trade};
use hoox_connector::{
    Applied, BookRule, BookTop, Event, Fill, KeepAlive, OrderBook, OrderReport, OrderStatus, Side,
    Symbol, Timestamp,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const HOUR: u64 = 3_600;

/// A linear congruential generator: the same every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
}

struct Soak {
    session: Session,
    open: Vec<ConnectionId>,
    book: OrderBook,
    market: MarketMerge,
    account: AccountMerge,
    dice: Dice,
    update: u64,
    told: u64,
}

impl Soak {
    fn new() -> Self {
        let keep_alive = KeepAlive {
            interval: Duration::from_secs(20),
            frame: Some("ping"),
            silence_max: Duration::from_secs(60),
            life_max: Some(Duration::from_secs(600)),
        };
        Self {
            session: Session::new(SessionConfig::new(keep_alive), Duration::ZERO),
            open: Vec::new(),
            book: OrderBook::new(symbol(), BookRule::FirstNumber, 256),
            market: MarketMerge::default(),
            account: AccountMerge::default(),
            dice: Dice(7),
            update: 0,
            told: 0,
        }
    }

    /// One second: what is due, some luck and some misfortune, and what the venue tells.
    fn second(&mut self, now: Duration) {
        let random = self.dice.roll();
        self.session.tick(now, random);
        match self.dice.roll() % 300 {
            0 => self.misfortune(SessionInput::Closed, now),
            1 => self.misfortune(SessionInput::Reconnect, now),
            _ => {}
        }
        while let Some(action) = self.session.poll() {
            let (id, input) = match action {
                SessionAction::Connect(id) => {
                    self.open.push(id);
                    (id, SessionInput::Opened)
                }
                SessionAction::Authenticate(id) => (id, SessionInput::Authenticated),
                SessionAction::Subscribe(id) => (id, SessionInput::Subscribed),
                SessionAction::Close(id) => {
                    self.open.retain(|open| *open != id);
                    continue;
                }
                SessionAction::Lost => {
                    self.book.reset();
                    continue;
                }
                _ => continue,
            };
            let random = self.dice.roll();
            self.session.handle(id, input, now, random);
        }
        if let Some(id) = self.session.current() {
            self.session.handle(id, SessionInput::Heard, now, 0);
            (0..20).for_each(|_| self.tell(now));
        }
        if !self.session.overlaps() {
            self.market.clear();
        }
    }

    fn misfortune(&mut self, input: SessionInput, now: Duration) {
        if let Some(id) = self.session.current() {
            let random = self.dice.roll();
            self.session.handle(id, input, now, random);
        }
    }

    /// One update of each kind, told by every connection.
    fn tell(&mut self, now: Duration) {
        self.update += 1;
        let (update, at) = (self.update, Timestamp::from_millis(now.as_millis() as u64));
        let trade = Event::Trade(Trade {
            symbol: symbol(),
            trade_id: Some(update.into()),
            price: 1.into(),
            quantity: 1.into(),
            taker_side: Side::Buy,
            at,
        });
        let top = Event::BookTop(BookTop { update_id: Some(update), ..self.book.top() });
        let mut order =
            OrderReport::new(symbol(), (update / 2).into(), Side::Buy, OrderStatus::New);
        order.filled_quantity = (update % 2).into();
        let ids = (update.into(), (update / 2).into());
        let fill = Fill::new(symbol(), ids, Side::Buy, (1.into(), 1.into()), at);
        for (index, _) in self.open.iter().enumerate() {
            let current = index == 0;
            let events = [&trade, &top].map(|event| self.market.admit(event, current));
            self.told += u64::from(events[0]);
            self.account.admit(&Event::Order(order), current);
            self.account.admit(&Event::Fill(fill), current);
        }
        // Now and then one is lost.
        if self.dice.roll().is_multiple_of(1_000) {
            return;
        }
        let change = self.book_update(false);
        if let Applied::Lost(_) = self.book.apply(change) {
            let snapshot = self.book_update(true);
            self.book.apply(snapshot);
        }
    }

    fn book_update(&mut self, snapshot: bool) -> BookUpdate {
        let quantity = (self.dice.roll() % 3).into();
        let distance = 1 + (self.dice.roll() % 400) as i64;
        BookUpdate {
            symbol: symbol(),
            snapshot,
            bids: vec![((10_000 - distance).into(), quantity)],
            asks: vec![((10_000 + distance).into(), quantity)],
            first_id: Some(self.update),
            last_id: self.update,
            previous_id: None,
            at: None,
        }
    }
}

fn symbol() -> Symbol {
    Symbol::new("BTCUSDT").unwrap()
}

#[test]
fn memory_is_flat_over_hours_of_reconnects() {
    let mut soak = Soak::new();
    let in_use = Region::new(ALLOCATOR);
    let used = || {
        let stats = in_use.change();
        stats.bytes_allocated.saturating_sub(stats.bytes_deallocated)
    };
    (0..HOUR).for_each(|second| soak.second(Duration::from_secs(second)));
    let after_one = used();
    (HOUR..3 * HOUR).for_each(|second| soak.second(Duration::from_secs(second)));
    let after_three = used();
    assert!(soak.session.connections() > 40, "{} connections", soak.session.connections());
    assert!(soak.told > 150_000, "{} trades", soak.told);
    assert!(soak.open.len() <= 3);
    // A table may be caught just before or after it was rebuilt; what leaks grows threefold.
    assert!(after_three < after_one + after_one / 2, "{after_one} bytes, then {after_three}");
    assert!(after_three < 64 * 1024 * 1024, "{after_three} bytes");
}
