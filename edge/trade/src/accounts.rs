//! The accounts this worker has keys for, one desk each.

use core::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

use hoox_any::Dialect;
use hoox_connector::{Client, Credentials, Market, Venue};
use hoox_edge::{FetchTransport, WorkerClock, secrets};
use hoox_router::{Desk, Exchanges};
use worker::Env;

/// One account at one venue.
pub(crate) type Account = Desk<Dialect, FetchTransport, WorkerClock>;

/// All accounts of the worker. They are one per isolate, and so are what they remember: instruments,
/// the venue's clock, its limits.
#[derive(Debug)]
pub(crate) struct Accounts(Vec<Seat>);

#[derive(Debug)]
struct Seat {
    venue: Venue,
    test: bool,
    /// Until its desk is ready: replies in contracts cannot be read without the instruments.
    dialect: Dialect,
    desk: OnceCell<Account>,
}

thread_local! {
    static ACCOUNTS: OnceCell<Rc<Accounts>> = const { OnceCell::new() };
}

impl Accounts {
    /// The accounts of this isolate.
    pub(crate) fn of(env: &Env) -> Rc<Self> {
        ACCOUNTS.with(|kept| Rc::clone(kept.get_or_init(|| Rc::new(Self::configured(env)))))
    }

    fn configured(env: &Env) -> Self {
        let mut seats = Vec::new();
        for venue in Venue::ALL {
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
                let desk = OnceCell::new();
                if !dialect.counts_contracts() {
                    desk.get_or_init(|| Desk::new(client(dialect.clone()), WorkerClock));
                }
                seats.push(Seat { venue, test, dialect, desk });
            }
        }
        Self(seats)
    }

    /// Reads what a desk cannot do without, where that has not happened: the instruments of a venue
    /// that counts contracts. A venue that does not answer has no desk until it does.
    pub(crate) async fn prepare(&self, wanted: impl Fn(Venue) -> bool) {
        for seat in self.0.iter().filter(|seat| seat.desk.get().is_none() && wanted(seat.venue)) {
            if let Ok(instruments) = client(seat.dialect.clone()).instruments().await {
                let instruments = Arc::new(instruments);
                let dialect = seat.dialect.clone().with_instruments(Arc::clone(&instruments));
                seat.desk
                    .get_or_init(|| Desk::new(client(dialect), WorkerClock))
                    .keep_instruments(instruments);
            }
        }
    }

    /// The venues with keys, and whether each is ready for orders.
    pub(crate) fn states(&self) -> impl Iterator<Item = (Venue, bool, bool)> {
        self.0.iter().map(|seat| (seat.venue, seat.test, seat.desk.get().is_some()))
    }
}

impl Exchanges for Accounts {
    type Desk = Account;

    fn desk(&self, venue: Venue, test: bool) -> Option<&Account> {
        self.0.iter().find(|seat| (seat.venue, seat.test) == (venue, test))?.desk.get()
    }
}

fn client(dialect: Dialect) -> Client<Dialect, FetchTransport, WorkerClock> {
    Client::new(dialect, FetchTransport::default(), WorkerClock)
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
