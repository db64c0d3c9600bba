//! The accounts this worker has keys for, one desk each.

use core::cell::{Cell, OnceCell, RefCell};
use core::time::Duration;
use std::rc::Rc;
use std::sync::{Arc, Weak};

use hoox_any::Dialect;
use hoox_connector::{Client, Clock, Credentials, Instruments, Market, Venue};
use hoox_edge::{WorkerClock, secrets};
use hoox_router::{ConfigSnapshot, Desk, Exchanges};
use worker::Env;

use crate::account::{Account, SocketPath};
use crate::recorder::Recorder;

/// How long the objects of an isolate use the instruments that one of them has read.
const INSTRUMENTS_FOR: Duration = Duration::from_secs(600);

/// How long one object's reading of them is waited for: longer than a request may take.
const READING_MAX: Duration = Duration::from_secs(6);

/// How often is looked whether it is over.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The accounts as one object uses them.
///
/// Each object has desks of its own: who waits for another object's work is woken in the other's
/// place, where the platform refuses it any I/O. What the objects of an isolate share is waited for by
/// nobody: a client with the venue's limits and clock, and the instruments.
#[derive(Debug)]
pub(crate) struct Accounts {
    seats: Vec<Seat>,
    env: Env,
}

#[derive(Debug)]
struct Seat {
    shared: Rc<Shared>,
    desk: OnceCell<Account>,
    /// The shared instruments that the desk was given, or gave.
    seen: RefCell<Weak<Instruments>>,
}

/// What the objects of an isolate know of an account together.
#[derive(Debug)]
struct Shared {
    venue: Venue,
    test: bool,
    /// Until its desk is ready: replies in contracts cannot be read without the instruments.
    dialect: Dialect,
    client: OnceCell<Arc<SharedClient>>,
    instruments: RefCell<Option<(Duration, Arc<Instruments>)>>,
    /// Since when an object is reading the instruments.
    reading: Cell<Option<Duration>>,
}

/// The client of an account.
pub(crate) type SharedClient = Client<Dialect, Recorder, WorkerClock>;

thread_local! {
    static SHARED: OnceCell<Vec<Rc<Shared>>> = const { OnceCell::new() };
}

impl Accounts {
    /// The accounts, for one object.
    pub(crate) fn of(env: &Env) -> Self {
        let seat = |shared: Rc<Shared>| {
            let desk = OnceCell::new();
            if !shared.dialect.counts_contracts() {
                desk.get_or_init(|| shared.desk(None, env));
            }
            Seat { shared, desk, seen: RefCell::default() }
        };
        Self { seats: shared(env).into_iter().map(seat).collect(), env: env.clone() }
    }

    /// Reads what a desk cannot do without, where that has not happened: the instruments of a venue
    /// that counts contracts. A venue that does not answer has no desk until it does.
    pub(crate) async fn prepare(&self, wanted: impl Fn(Venue) -> bool) {
        for seat in self.seats.iter().filter(|seat| wanted(seat.shared.venue)) {
            if seat.desk.get().is_none() {
                seat.open(&self.env).await;
            }
            seat.compare();
        }
    }

    /// Tells the isolate's other objects of the instruments that an order has had read.
    pub(crate) fn share_instruments(&self) {
        self.seats.iter().for_each(Seat::compare);
    }

    /// Whose orders go over a socket from now on.
    pub(crate) fn use_websockets(&self, config: &ConfigSnapshot) {
        for seat in &self.seats {
            if let Some(account) = seat.desk.get() {
                let wanted = config.use_websocket.contains(&seat.shared.venue);
                account.order_path().use_websocket(wanted);
            }
        }
    }

    /// The venues with keys, and whether each is ready for orders, as far as the isolate knows.
    pub(crate) fn states(&self) -> impl Iterator<Item = (Venue, bool, bool)> {
        self.seats.iter().map(|seat| {
            let shared = &seat.shared;
            let ready = seat.desk.get().is_some() || shared.instruments.borrow().is_some();
            (shared.venue, shared.test, ready)
        })
    }
}

impl Seat {
    /// Opens the desk of a venue that counts contracts.
    async fn open(&self, env: &Env) {
        if let Some(instruments) = self.shared.wait_for_instruments().await {
            self.desk.get_or_init(|| self.shared.desk(Some(&instruments), env));
        }
    }

    /// Takes newer instruments from the others, or tells them of its own.
    fn compare(&self) {
        let Some(desk) = self.desk.get() else { return };
        let seen = |it: &Arc<Instruments>| self.seen.borrow().as_ptr() == Arc::as_ptr(it);
        if let Some(own) = desk.kept_instruments().filter(|own| !seen(own)) {
            self.seen.replace(Arc::downgrade(&own));
            self.shared.instruments.replace(Some((WorkerClock.monotonic(), own)));
        } else if let Some(others) = self.shared.instruments().filter(|others| !seen(others)) {
            self.seen.replace(Arc::downgrade(&others));
            desk.keep_instruments(others);
        }
    }
}

impl Shared {
    /// A desk at the client that all objects share.
    fn desk(&self, instruments: Option<&Arc<Instruments>>, env: &Env) -> Account {
        let desk = Desk::new(Arc::clone(self.client(instruments)), WorkerClock);
        desk.with_order_path(SocketPath::new(env.clone(), self.test))
    }

    fn client(&self, instruments: Option<&Arc<Instruments>>) -> &Arc<SharedClient> {
        self.client.get_or_init(|| {
            let dialect = self.dialect.clone();
            Arc::new(self.new_client(match instruments {
                Some(instruments) => dialect.with_instruments(Arc::clone(instruments)),
                None => dialect,
            }))
        })
    }

    fn new_client(&self, dialect: Dialect) -> SharedClient {
        Client::new(dialect, Recorder::new(self.venue, self.test), WorkerClock)
    }

    /// The instruments, read by one object while the others look whether it has.
    async fn wait_for_instruments(&self) -> Option<Arc<Instruments>> {
        while self.instruments().is_none() {
            let now = WorkerClock.monotonic();
            if self.reading.get().is_some_and(|since| now.saturating_sub(since) < READING_MAX) {
                WorkerClock.sleep(LOOK_AGAIN).await;
                continue;
            }
            self.reading.set(Some(now));
            let read = self.new_client(self.dialect.clone()).instruments().await;
            self.reading.set(None);
            let read = (WorkerClock.monotonic(), Arc::new(read.ok()?));
            self.instruments.replace(Some(read));
        }
        self.instruments()
    }

    /// The instruments, unless they are old.
    fn instruments(&self) -> Option<Arc<Instruments>> {
        let kept = self.instruments.borrow();
        let age = |read: Duration| WorkerClock.monotonic().saturating_sub(read);
        let fresh = kept.as_ref().filter(|(read, _)| age(*read) < INSTRUMENTS_FOR);
        fresh.map(|(_, kept)| Arc::clone(kept))
    }
}

/// The accounts of the isolate.
fn shared(env: &Env) -> Vec<Rc<Shared>> {
    SHARED.with(|kept| kept.get_or_init(|| configured(env)).clone())
}

/// The client of an account that takes orders over a WebSocket; `None` without keys.
pub(crate) fn shared_client(env: &Env, venue: Venue, test: bool) -> Option<Arc<SharedClient>> {
    let shared = shared(env).into_iter().find(|it| (it.venue, it.test) == (venue, test))?;
    shared.dialect.order_entry()?;
    Some(Arc::clone(shared.client(None)))
}

fn configured(env: &Env) -> Vec<Rc<Shared>> {
    let mut all = Vec::new();
    for venue in Venue::EXCHANGES {
        for test in [false, true] {
            let Some(credentials) = credentials(env, venue, test) else { continue };
            let dialect = match test {
                false => Dialect::live(venue, Market::Linear, credentials),
                true => Dialect::test(venue, Market::Linear, credentials),
            };
            let Some(mut dialect) = dialect else { continue };
            let name = name(venue);
            let test_name = if test { "_TESTNET" } else { "" };
            if let Ok(base_url) = env.var(&format!("{name}{test_name}_BASE_URL")) {
                dialect = dialect.with_base_url(&base_url.to_string());
            }
            if let Ok(entry_url) = env.var(&format!("{name}{test_name}_ENTRY_URL")) {
                dialect = dialect.with_entry_url(&entry_url.to_string());
            }
            let (client, instruments, reading) = Default::default();
            all.push(Rc::new(Shared { venue, test, dialect, client, instruments, reading }));
        }
    }
    all
}

impl Exchanges for Accounts {
    type Desk = Account;

    fn desk(&self, venue: Venue, test: bool) -> Option<&Account> {
        let wanted = |seat: &&Seat| (seat.shared.venue, seat.shared.test) == (venue, test);
        self.seats.iter().find(wanted)?.desk.get()
    }
}

/// The keys of an account (trade.md §5). Test keys are never live ones, nor the other way round.
fn credentials(env: &Env, venue: Venue, test: bool) -> Option<Credentials> {
    let name = name(venue);
    let pair = |key: &[&str], secret: &[&str]| {
        let key = secrets(env, key).into_iter().next()?;
        let secret = secrets(env, secret).into_iter().next()?;
        Some(Credentials::hmac(key.expose(), secret.expose()))
    };
    if test {
        let own = |what: &str| format!("{name}_TESTNET_{what}_BINDING");
        return pair(
            &[&own("KEY"), "EXCHANGE_TESTNET_KEY_BINDING"],
            &[&own("SECRET"), "EXCHANGE_TESTNET_SECRET_BINDING"],
        );
    }
    pair(
        &[&format!("{name}_API_KEY"), &format!("{name}_KEY_BINDING"), "EXCHANGE_KEY_BINDING"],
        &[
            &format!("{name}_API_SECRET"),
            &format!("{name}_SECRET_BINDING"),
            "EXCHANGE_SECRET_BINDING",
        ],
    )
}

fn name(venue: Venue) -> &'static str {
    match venue {
        Venue::Binance => "BINANCE",
        Venue::Bybit => "BYBIT",
        Venue::Mexc => "MEXC",
        _ => "EXCHANGE",
    }
}
