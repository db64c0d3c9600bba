//! What `hoox serve` is made of: store, exchanges and router, put together once.

use core::time::Duration;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail};
use hoox_any::Dialect;
use hoox_connector::{Client, Clock, Credentials, Market, SystemClock, Timestamp, Venue};
use hoox_router::{
    Desk, Desks, Exchange, Exchanges, Router, Settings, SteadyClock, WithoutFee, utc_date,
};
use hoox_signer::Secret;

use crate::account::SocketPath;
use crate::archive::{Archivist, watched};
use crate::file_config::{FileConfig, LocalConfig};
use crate::on_chain::{LocalSwaps, looking};
use crate::recorder::Recorder;
use crate::seat::Seat;
use crate::store::SqliteStore;

/// How old a configuration may be, and how often the sockets follow it: a change is in force within a
/// second, for them too.
const CONFIG_MAX_AGE: Duration = Duration::from_millis(800);
const SOCKETS_EVERY: Duration = Duration::from_millis(100);

/// How often open orders are looked at again.
const RECONCILE_EVERY: Duration = Duration::from_secs(5);

/// How many slices of what has expired go at a time, and the pause between them, in which orders
/// have the database to themselves.
const PURGES: u32 = 25;
const PURGE_PAUSE: Duration = Duration::from_millis(40);

/// How often the contracts of a venue that counts in them are asked for before a start is given up, and
/// the pause between. Without them nothing there can be closed, which no server should hide.
const CONTRACTS_TRIES: u32 = 3;
const CONTRACTS_PAUSE: Duration = Duration::from_secs(2);

/// How often fees are read that no answer waits for: those of a moment together, of which an exchange is
/// asked once.
const FEES_EVERY: Duration = Duration::from_millis(16);

/// How often old requests and answers are looked for.
const FORGET_EVERY: Duration = Duration::from_secs(60 * 60);

/// Of how old orders a missing fee is read: exchanges tell the executions of a week.
const FEES_OF: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// The router of this process.
pub(crate) type LocalRouter =
    Router<SqliteStore, LocalConfig, Desks<Seat>, SteadyClock<SystemClock>, SqliteStore>;

/// Everything a server needs.
pub(crate) struct Service {
    pub(crate) store: SqliteStore,
    pub(crate) router: LocalRouter,
    archivist: Archivist,
    started: Instant,
    /// Where the ledger is.
    pub(crate) data_dir: PathBuf,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Service")
    }
}

/// How a service is set up.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) data_dir: PathBuf,
    /// Webhook passkeys, used if the configuration has none; the first usable one counts.
    pub(crate) passkeys: Vec<Secret>,
    /// Configuration to write before the start.
    pub(crate) config: Vec<(String, String)>,
    /// The file configuration is read from, instead of the database.
    pub(crate) config_file: Option<PathBuf>,
    pub(crate) accounts: Vec<AccountSetup>,
    /// The accounts on chains, and whether each is for signals with `test: true`.
    pub(crate) chains: Vec<(bool, LocalSwaps)>,
    pub(crate) transport: Recorder,
    /// Whether an intent need not be synced before its order is sent.
    pub(crate) relaxed: bool,
}

/// How one account is reached.
#[derive(Debug)]
pub(crate) struct AccountSetup {
    pub(crate) venue: Venue,
    /// Whether it is at the venue's test venue, for signals with `test: true`.
    pub(crate) test: bool,
    pub(crate) credentials: Credentials,
    /// Instead of the venue's own.
    pub(crate) base_url: Option<String>,
    /// The same of the socket for orders. With the one but not the other, there is none.
    pub(crate) entry_url: Option<String>,
}

impl Service {
    /// Opens the store, reconciles what the last run left open, and warms the connections.
    pub(crate) async fn open(setup: Setup) -> anyhow::Result<Self> {
        let store = SqliteStore::open(&setup.data_dir)?;
        if setup.relaxed {
            store.relax();
        }
        for (key, value) in &setup.config {
            store.set_config(key, value).await.with_context(|| format!("cannot set {key}"))?;
        }
        let mut desks = Desks::new();
        for account in setup.accounts {
            let AccountSetup { venue, test, credentials, base_url, entry_url } = account;
            // The orders of an account that is elsewhere must not go to the live venue's socket.
            let has_socket = base_url.is_none() || entry_url.is_some();
            let dialect = match test {
                false => Dialect::live(venue, Market::Linear, credentials),
                true => Dialect::test(venue, Market::Linear, credentials),
            };
            let Some(mut dialect) = dialect else {
                bail!("{venue} has no {}", if test { "test venue" } else { "such market" });
            };
            if let Some(base_url) = base_url {
                dialect = dialect.with_base_url(&base_url);
            }
            if let Some(entry_url) = entry_url {
                dialect = dialect.with_entry_url(&entry_url);
            }
            let transport = setup.transport.of(venue, test);
            let client = |dialect| Client::new(dialect, transport.clone(), SystemClock);
            let desk = if dialect.counts_contracts() {
                let reader = client(dialect.clone());
                let mut instruments = reader.instruments().await;
                for _ in 1..CONTRACTS_TRIES {
                    let Err(error) = &instruments else { break };
                    tracing::warn!(%venue, test, %error, "its contracts cannot be read; once more");
                    tokio::time::sleep(CONTRACTS_PAUSE).await;
                    instruments = reader.instruments().await;
                }
                let instruments = instruments.with_context(|| format!("{venue}'s instruments"))?;
                let instruments = Arc::new(instruments);
                let dialect = dialect.with_instruments(Arc::clone(&instruments));
                // Read once in five seconds, so the next reader must know of the first.
                let client = client(dialect).sharing(reader.limits().clone());
                let desk = Desk::new(client, SystemClock);
                desk.keep_instruments(instruments);
                desk
            } else {
                Desk::new(client(dialect), SystemClock)
            };
            match tokio::time::timeout(Duration::from_secs(10), desk.warm_up()).await {
                Ok(Ok(())) => tracing::info!(%venue, test, "connected"),
                Ok(Err(error)) => {
                    tracing::warn!(%venue, test, %error, "not reachable at the start")
                }
                Err(_) => {
                    tracing::warn!(%venue, test, "not reachable at the start: no answer in 10 s")
                }
            }
            let account = desk.with_order_path(SocketPath::new(test, has_socket));
            desks = desks.with(venue, test, Seat::Exchange(Box::new(account)));
        }
        for (test, swaps) in setup.chains {
            warm_up(&swaps, test).await;
            desks = desks.with(swaps.venue(), test, Seat::Chain(Box::new(swaps)));
        }
        let config = match setup.config_file {
            Some(path) => LocalConfig::File(FileConfig::open(&path)?, store.clone()),
            None => LocalConfig::Store(store.clone()),
        };
        let mut settings = Settings::default();
        settings.passkeys = setup.passkeys;
        // The sender waits for the fill, not for the fee.
        settings.read_fees = false;
        settings.config_max_age = CONFIG_MAX_AGE;
        let router = Router::with_settings(store.clone(), config, desks, store.clock(), settings)
            .with_queue(store.clone());
        let archivist = Archivist::start(&setup.data_dir).context("cannot start the archive")?;
        store.archive_with(archivist.clone());
        let summary =
            watched(router.recover()).await.context("cannot read the last run's open orders")?;
        tracing::info!(?summary, "reconciled what the last run left open");
        Ok(Self { store, router, archivist, started: Instant::now(), data_dir: setup.data_dir })
    }

    /// Reads the fees that an answer did not wait for, with those of the other orders of this moment.
    pub(crate) async fn read_fees(&self, orders: WithoutFee) {
        if orders.is_empty() {
            return;
        }
        let moments = self.started.elapsed().as_millis() / FEES_EVERY.as_millis() + 1;
        let next = FEES_EVERY.saturating_mul(u32::try_from(moments).unwrap_or(u32::MAX));
        tokio::time::sleep_until((self.started + next).into()).await;
        self.router.read_fees(orders).await;
    }

    /// Opens and closes, for ever, the sockets for orders as the configuration has it.
    pub(crate) async fn keep_sockets(&self) {
        loop {
            self.set_sockets().await;
            tokio::time::sleep(SOCKETS_EVERY).await;
        }
    }

    async fn set_sockets(&self) {
        let config = self.router.config().await;
        for venue in Venue::ALL {
            for test in [false, true] {
                if let Some(Seat::Exchange(account)) = self.router.exchanges().desk(venue, test) {
                    let wanted = config.use_websocket.contains(&venue);
                    account.order_path().use_websocket(account.client(), wanted);
                }
            }
        }
    }

    /// Carries on, for ever, with orders whose outcome a request could not wait for; and forgets what
    /// is older than it is kept.
    pub(crate) async fn keep_reconciling(&self) {
        self.read_missing_fees().await;
        let mut forgot: Option<Instant> = None;
        loop {
            tokio::time::sleep(RECONCILE_EVERY).await;
            match watched(self.router.recover()).await {
                // No answer leads to their fees.
                Ok(summary) if summary.acknowledged > 0 => self.read_missing_fees().await,
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "open orders cannot be read"),
            }
            let config = self.router.config().await;
            for _ in 0..PURGES {
                let purged = self.store.purge(config.logs_retention, config.trades_retention).await;
                if let Err(error) = purged {
                    tracing::error!(%error, "what has expired cannot be removed");
                    break;
                }
                tokio::time::sleep(PURGE_PAUSE).await;
            }
            if forgot.is_none_or(|at| at.elapsed() > FORGET_EVERY) {
                forgot = Some(Instant::now());
                let now = self.store.clock().now().as_millis();
                let kept = u64::try_from(config.logs_retention.as_millis()).unwrap_or(u64::MAX);
                let from = Timestamp::from_millis(now.saturating_sub(kept));
                self.archivist.forget_before(utc_date(from));
            }
        }
    }

    /// Reads the fees that nobody came to read.
    async fn read_missing_fees(&self) {
        let now = self.store.clock().now().as_millis();
        let since = now.saturating_sub(u64::try_from(FEES_OF.as_millis()).unwrap_or(u64::MAX));
        match watched(self.router.read_missing_fees(Timestamp::from_millis(since))).await {
            Ok(0) => {}
            Ok(found) => tracing::info!(found, "read fees that were missing"),
            Err(error) => tracing::error!(%error, "missing fees cannot be looked for"),
        }
    }
}

/// Looks the pairs of a chain up, and sends again what the last run signed and no node knows.
async fn warm_up(swaps: &LocalSwaps, test: bool) {
    let venue = swaps.venue();
    let warmed = async {
        let pairs = swaps.warm_up().await?;
        Ok::<_, anyhow::Error>((pairs.len(), looking(swaps.wallet()).recover().await?.len()))
    };
    match tokio::time::timeout(Duration::from_secs(10), warmed).await {
        Ok(Ok((pairs, open))) => tracing::info!(%venue, test, pairs, open, "connected"),
        Ok(Err(error)) => tracing::warn!(%venue, test, %error, "not usable at the start"),
        Err(_) => tracing::warn!(%venue, test, "not reachable at the start: no answer in 10 s"),
    }
}
