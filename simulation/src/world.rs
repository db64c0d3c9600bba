//! What every part of a run shares: time, chance, venues, disk, and what is known of it all.

use core::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use hoox_connector::{Decimal, Instruments, Venue};
use hoox_venue::{Config, Exchange, PriceModel};

use crate::book::{Book, Broken};
use crate::disk::Disk;
use crate::executor::{Executor, MS, Micros};
use crate::mutation::Mutation;
use crate::plan::{PASSKEY, Plan, VENUES};
use crate::process::Process;
use crate::report::{Counts, Violation};

/// The longest window in which a venue counts, of those that few requests can fill.
const LONGEST_WINDOW: Micros = 10 * crate::executor::SECOND;

/// One world, of one seed.
pub(crate) struct World {
    pub(crate) time: Executor,
    pub(crate) plan: Plan,
    pub(crate) mutation: Option<Mutation>,
    pub(crate) exchange: RefCell<Exchange>,
    pub(crate) disk: Disk,
    pub(crate) book: RefCell<Book>,
    /// The configuration's keys and values.
    pub(crate) config: RefCell<BTreeMap<String, String>>,
    /// The process that runs, if one does.
    pub(crate) process: RefCell<Option<Rc<Process>>>,
    /// Whether one does, or is starting.
    pub(crate) running: Cell<bool>,
    /// How many processes there have been.
    pub(crate) processes: Cell<u32>,
    pub(crate) answers: RefCell<Vec<Heard>>,
    /// Senders that have not got an answer yet, and requests on their way.
    pub(crate) busy: Cell<u64>,
    /// What an account holds on spot at the beginning.
    pub(crate) opening: BTreeMap<String, Decimal>,
    /// The accounts whose position mode is set.
    pub(crate) modes_set: RefCell<Vec<Venue>>,
    /// MEXC's contracts, read once: a process reads them before it does anything else.
    pub(crate) contracts: RefCell<Option<std::sync::Arc<Instruments>>>,
    limits_blurred_until: Cell<Micros>,
    pub(crate) crash_wanted: Cell<bool>,
    pub(crate) our_skew_ms: Cell<i64>,
    counts: RefCell<Counts>,
    violation: RefCell<Option<Violation>>,
    tracing: bool,
    lines: RefCell<Vec<String>>,
}

/// What a sender heard.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) request_id: hoox_router::RequestId,
    pub(crate) status: u16,
    pub(crate) code: Option<&'static str>,
}

impl World {
    pub(crate) fn new(seed: u64, mutation: Option<Mutation>, tracing: bool) -> Rc<Self> {
        let time = Executor::new(seed);
        let plan = Plan::new(&time);
        let prices = if plan.prices_walk { PriceModel::Walk } else { PriceModel::Still };
        let mut venue = Config { seed, prices, history_limit: 1_000, ..Config::default() };
        // What spot buys is then what it holds, to the last digit.
        for fees in [&mut venue.fees, &mut venue.bybit.fees, &mut venue.mexc.fees] {
            (fees.spot_maker, fees.spot_taker) = (Decimal::ZERO, Decimal::ZERO);
        }
        let config = [("webhooks:api_key", PASSKEY), ("webhook:rate_limit_per_minute", "0")];
        let config = config.iter().chain(&plan.config);
        let config: BTreeMap<_, _> =
            config.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Rc::new(Self {
            book: RefCell::new(Book::new(&plan.signals)),
            opening: venue.spot_balances.clone(),
            time,
            plan,
            mutation,
            exchange: RefCell::new(Exchange::new(venue)),
            disk: Disk::default(),
            config: RefCell::new(config),
            process: RefCell::default(),
            running: Cell::new(false),
            processes: Cell::new(0),
            answers: RefCell::default(),
            busy: Cell::new(0),
            modes_set: RefCell::default(),
            contracts: RefCell::default(),
            limits_blurred_until: Cell::new(0),
            crash_wanted: Cell::new(false),
            our_skew_ms: Cell::new(0),
            counts: RefCell::default(),
            violation: RefCell::default(),
            tracing,
            lines: RefCell::default(),
        })
    }

    /// The Unix time by our clock, which somebody may have set.
    pub(crate) fn our_now_ms(&self) -> u64 {
        (self.plan.epoch_ms + self.time.now() / MS).saturating_add_signed(self.our_skew_ms.get())
    }

    /// The Unix time by a venue's clock.
    pub(crate) fn venue_now_ms(&self, venue: Venue) -> u64 {
        let index = VENUES.iter().position(|known| *known == venue).unwrap_or_default();
        let skew = self.plan.venue_skew_ms.get(index).copied().unwrap_or_default();
        (self.plan.epoch_ms + self.time.now() / MS).saturating_add_signed(skew)
    }

    /// Whether faults are over.
    pub(crate) fn is_quiet(&self) -> bool {
        self.time.now() >= self.plan.quiet_at
    }

    /// Whether the configuration allows for another exchange.
    pub(crate) fn fails_over(&self) -> bool {
        let config = self.config.borrow();
        config.get("routing:failover:enabled").is_some_and(|it| it == "true")
    }

    /// Whether no venue can be reached now.
    pub(crate) fn is_cut_off(&self) -> bool {
        let (now, until) = (self.time.now(), self.plan.outage_until);
        now < until && now > 5 * crate::executor::SECOND
    }

    /// Whether something goes wrong that goes wrong this many times in a thousand.
    pub(crate) fn fails(&self, per_mille: u32) -> bool {
        !self.is_quiet() && self.time.chance(per_mille)
    }

    /// Whether the process is to die at this point; the caller then waits for it.
    pub(crate) fn crash_now(&self, per_mille: u32) -> bool {
        let many = self.counts.borrow().crashes >= self.plan.faults.crashes_max;
        let crash = !many && self.fails(per_mille);
        if crash {
            self.crash_wanted.set(true);
        }
        crash
    }

    /// Whether the process is to die; asked once.
    pub(crate) fn take_crash(&self) -> bool {
        self.crash_wanted.take()
    }

    /// Requests arrive that were sent long ago, or by a process that is dead: nobody can count them
    /// in the window in which the venue does.
    pub(crate) fn blur_limits(&self) {
        self.limits_blurred_until.set(self.time.now() + LONGEST_WINDOW);
    }

    /// Whether requests are counted otherwise than they were sent.
    pub(crate) fn limits_are_blurred(&self) -> bool {
        self.time.now() < self.limits_blurred_until.get()
    }

    /// The disk is synced up to `end`.
    pub(crate) fn sync(&self, end: usize) {
        self.disk.sync(end);
        self.book.borrow_mut().synced(self.disk.synced());
    }

    /// Writes a line of the trace, if there is one.
    pub(crate) fn trace(&self, line: impl FnOnce() -> String) {
        if self.tracing {
            let at = self.time.now();
            self.lines.borrow_mut().push(format!("{:>10}.{:03} ms  {}", at / MS, at % MS, line()));
        }
    }

    /// The trace.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.take()
    }

    /// An invariant does not hold; the first one counts.
    pub(crate) fn violated(&self, invariant: &'static str, details: impl FnOnce() -> String) {
        let mut violation = self.violation.borrow_mut();
        if violation.is_none() {
            let found = Violation { invariant, details: details() };
            self.trace(|| format!("VIOLATED: {found}"));
            *violation = Some(found);
        }
    }

    /// The value, unless an invariant is broken.
    pub(crate) fn held<T>(&self, result: Result<T, Broken>) -> Option<T> {
        result.map_err(|(invariant, details)| self.violated(invariant, || details)).ok()
    }

    /// Whether every invariant has held so far.
    pub(crate) fn is_sound(&self) -> bool {
        self.violation.borrow().is_none()
    }

    /// The invariant that does not hold.
    pub(crate) fn violation(&self) -> Option<Violation> {
        self.violation.borrow().clone()
    }

    /// Counts something.
    pub(crate) fn count(&self, count: impl FnOnce(&mut Counts)) {
        count(&mut self.counts.borrow_mut());
    }

    /// What was counted.
    pub(crate) fn counts(&self) -> Counts {
        self.counts.borrow().clone()
    }

    /// The virtual time a run takes at most, after which what is open will stay open.
    pub(crate) fn deadline(&self) -> Micros {
        self.plan.quiet_at + 9_000 * crate::executor::SECOND
    }
}

/// The simulation's name of a venue.
pub(crate) fn at_venue(venue: Venue) -> hoox_venue::Venue {
    match venue {
        Venue::Bybit => hoox_venue::Venue::Bybit,
        Venue::Mexc => hoox_venue::Venue::Mexc,
        _ => hoox_venue::Venue::Binance,
    }
}
