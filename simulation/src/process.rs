//! The program under test as its owner runs it: store, accounts and router put together at a start,
//! reconciled before the first signal and every few seconds after.

use core::cell::Cell;
use core::time::Duration;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use hoox_connector::{Client, Clock, Credentials, Timestamp, Venue};
use hoox_router::{
    Answer, ConfigStore, ConfigUnavailable, Desk, Desks, FlipGuard, RequestId, Router, Settings,
    Signal, SignalStore as _,
};

use crate::dialect::Dialect;
use crate::executor::{Executor, MS, Owner, Promised, SECOND, promise};
use crate::mutation::Mutation;
use crate::network::SimTransport;
use crate::plan::VENUES;
use crate::store::SimStore;
use crate::world::{World, at_venue};

/// How often open orders are looked at again, and how long a start waits for an account.
const RECONCILE_EVERY: u64 = 5 * SECOND;
const WARM_UP: u64 = 10 * SECOND;

type SimDesk = Desk<Dialect, SimTransport, SimClock>;
type SimRouter = Router<SimStore, SimConfig, Desks<SimDesk>, SimClock>;

/// One life of the program.
pub(crate) struct Process {
    world: Rc<World>,
    owner: Owner,
    router: SimRouter,
    up: Cell<bool>,
}

/// What comes in.
#[derive(Debug, Clone)]
pub(crate) enum Incoming {
    Webhook(Vec<u8>),
    Internal(Box<Signal>),
}

impl Process {
    /// Starts the program; it takes signals once it has reconciled what the last life left open.
    pub(crate) fn start(world: &Rc<World>) {
        let number = world.processes.get() + 1;
        world.processes.set(number);
        world.running.set(true);
        let owner = Owner::Process(number);
        let starting = Rc::clone(world);
        world.time.spawn(owner, async move {
            let world = starting;
            world.trace(|| format!("process {number} starts"));
            let process = Rc::new(Self::open(&world, owner).await);
            *world.process.borrow_mut() = Some(Rc::clone(&process));
            loop {
                match process.router.recover().await {
                    Ok(summary) => {
                        if !process.up.replace(true) {
                            world.trace(|| format!("process {number} is up: {summary:?}"));
                            let found = summary.found as u64;
                            world.count(|counts| counts.recovered += found);
                        }
                        world.time.sleep(RECONCILE_EVERY).await;
                    }
                    Err(_) => world.time.sleep(SECOND).await,
                }
            }
        });
    }

    async fn open(world: &Rc<World>, owner: Owner) -> Self {
        let clock = SimClock { world: Rc::clone(world), started: world.time.now() };
        let mut desks = Desks::new();
        for venue in VENUES {
            let (key, secret) = {
                let exchange = world.exchange.borrow();
                let (key, secret) = exchange.credentials(at_venue(venue));
                (key.to_owned(), secret.to_owned())
            };
            let client = |contracts| {
                let credentials = Credentials::hmac(&key, &secret);
                let dialect = Dialect::linear(venue, credentials, contracts, world.mutation);
                Client::new(dialect, SimTransport::new(world, venue), clock.clone())
            };
            let desk = match venue {
                Venue::Mexc => {
                    let contracts = Self::contracts(world, &client).await;
                    let desk = Desk::new(client(Some(Arc::clone(&contracts))), clock.clone());
                    desk.keep_instruments(contracts);
                    desk
                }
                _ => Desk::new(client(None), clock.clone()),
            };
            let warm = world.time.within(WARM_UP, desk.warm_up()).await;
            world.trace(|| format!("{venue}: {warm:?}"));
            desks = desks.with(venue, false, desk);
        }
        let mut settings = Settings::default();
        settings.settle_within = Duration::from_micros(world.plan.settle_within);
        settings.read_fees = world.plan.read_fees;
        settings.flip_guard = match world.plan.ask_exchange_for_flips {
            true => FlipGuard::Exchange,
            false => FlipGuard::Ledger,
        };
        let store = SimStore::open(world, owner);
        let config = SimConfig { world: Rc::clone(world) };
        let router = Router::with_settings(store, config, desks, clock, settings);
        Self { world: Rc::clone(world), owner, router, up: Cell::new(false) }
    }

    /// Replies of MEXC cannot be read without them, so a start waits for them as long as it takes.
    async fn contracts(
        world: &World,
        client: &impl Fn(Option<Arc<hoox_connector::Instruments>>) -> SimClient,
    ) -> Arc<hoox_connector::Instruments> {
        let known = world.contracts.borrow().clone();
        if let Some(contracts) = known {
            return contracts;
        }
        let client = client(None);
        loop {
            if let Ok(contracts) = client.instruments().await {
                let contracts = Arc::new(contracts);
                *world.contracts.borrow_mut() = Some(Arc::clone(&contracts));
                return contracts;
            }
            world.time.sleep(6 * SECOND).await;
        }
    }

    /// Hands in a signal; `None` while the program takes none. The answer never comes if it dies.
    pub(crate) fn take(
        self: &Rc<Self>,
        incoming: Incoming,
        request_id: RequestId,
    ) -> Option<Promised<Answer>> {
        if !self.up.get() {
            return None;
        }
        let (answer, answered) = promise();
        let process = Rc::clone(self);
        self.world.time.spawn(self.owner, async move {
            let router = &process.router;
            let mut told = match incoming {
                Incoming::Webhook(body) => router.handle(&body, None::<IpAddr>, request_id).await,
                Incoming::Internal(signal) => router.execute(*signal, request_id).await,
            };
            if process.world.mutation == Some(Mutation::ReleaseOnTimeout)
                && told.code == Some("EXCHANGE_TIMEOUT")
            {
                for record in process.router.store().records() {
                    if record.request_id == request_id {
                        let _ = process.router.store().release(&record.key).await;
                    }
                }
            }
            let fees = told.take_without_fee();
            answer.keep(told);
            router.read_fees(fees).await;
        });
        Some(answered)
    }

    /// What it has stored.
    pub(crate) fn store(&self) -> &SimStore {
        self.router.store()
    }

    /// Whether it takes signals.
    pub(crate) fn is_up(&self) -> bool {
        self.up.get()
    }
}

type SimClient = Client<Dialect, SimTransport, SimClock>;

/// Our clock: virtual time, and what somebody has set it to.
#[derive(Clone)]
pub(crate) struct SimClock {
    world: Rc<World>,
    started: u64,
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.world.our_now_ms())
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.world.time.now() - self.started)
    }

    async fn sleep(&self, duration: Duration) {
        let time: &Executor = &self.world.time;
        let late = time.between(0, 2 * MS);
        time.sleep(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX).saturating_add(late))
            .await;
    }
}

/// The configuration, which outlives the program.
struct SimConfig {
    world: Rc<World>,
}

impl ConfigStore for SimConfig {
    async fn load(&self, keys: &[&str]) -> Result<Vec<Option<String>>, ConfigUnavailable> {
        let world = &self.world;
        if world.time.chance(200) {
            world.time.sleep(world.time.between(0, 20 * MS)).await;
        }
        if world.fails(world.plan.faults.config) {
            world.trace(|| "configuration cannot be read".into());
            return Err(ConfigUnavailable("injected".into()));
        }
        let config = world.config.borrow();
        let stale = world.mutation == Some(Mutation::StaleKillSwitch);
        let value = |key: &&str| match *key {
            "trade:kill_switch" if stale => None,
            key => config.get(key).cloned(),
        };
        Ok(keys.iter().map(value).collect())
    }
}
