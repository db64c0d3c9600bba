//! The program under test as its owner runs it: store, accounts and router put together at a start,
//! reconciled before the first signal and every few seconds after.

use core::cell::Cell;
use core::time::Duration;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use hoox_connector::{
    Client, Clock, Credentials, Instruments, Market, PositionMode, SharedLimits, Timestamp, Venue,
};
use hoox_router::{
    Answer, CONSUMER_BATCH, CONSUMER_CONCURRENCY, ConfigStore, ConfigUnavailable, Delivery, Desk,
    DeskSettings, Desks, Exchanges as _, FlipGuard, RequestId, Router, Settings, Signal,
    SignalStore as _, Verdict,
};

use crate::desk::{SimClient, SimDesk, SimPath};
use crate::dialect::Dialect;
use crate::entry::Entry;
use crate::executor::{Executor, MS, Owner, Promised, SECOND, promise};
use crate::mutation::Mutation;
use crate::network::SimTransport;
use crate::plan::{Trading, VENUES};
use crate::queue::SimQueue;
use crate::socket::entry_path;
use crate::store::SimStore;
use crate::world::{Heard, World, at_venue};

/// How often open orders are looked at again, and how long a start waits for an account.
const RECONCILE_EVERY: u64 = 5 * SECOND;
const WARM_UP: u64 = 10 * SECOND;

type SimRouter = Router<SimStore, SimConfig, Desks<SimDesk>, SimClock, SimQueue>;

/// One life of the program.
pub(crate) struct Process {
    world: Rc<World>,
    owner: Owner,
    router: SimRouter,
    /// Messages of the queue that are being carried out.
    consuming: Cell<usize>,
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
            process.hold_sessions();
            loop {
                match process.router.recover().await {
                    Ok(summary) => {
                        if !process.up.replace(true) {
                            world.trace(|| format!("process {number} is up: {summary:?}"));
                            let found = summary.found as u64;
                            world.count(|counts| counts.recovered += found);
                            let consumer = Rc::clone(&process);
                            world.time.spawn(owner, async move { consumer.consume().await });
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
            desks = desks.with(venue, false, Self::desk(world, venue, &clock).await);
        }
        let mut settings = Settings::default();
        settings.settle_within = Duration::from_micros(world.plan.settle_within);
        settings.read_fees = world.plan.read_fees;
        settings.flip_guard = match world.plan.ask_exchange_for_flips {
            true => FlipGuard::Exchange,
            false => FlipGuard::Ledger,
        };
        let (store, queue) = SimStore::open(world, owner);
        let config = SimConfig { world: Rc::clone(world) };
        let router = Router::with_settings(store, config, desks, clock, settings).with_queue(queue);
        let (consuming, up) = (Cell::new(0), Cell::new(false));
        Self { world: Rc::clone(world), owner, router, consuming, up }
    }

    async fn desk(world: &Rc<World>, venue: Venue, clock: &SimClock) -> SimDesk {
        let trading = world.plan.trading(venue);
        let place = (venue, trading.market());
        let (key, secret) = {
            let exchange = world.exchange.borrow();
            let (key, secret) = exchange.credentials(at_venue(venue));
            (key.to_owned(), secret.to_owned())
        };
        let client = |contracts| {
            let credentials = Credentials::hmac(&key, &secret);
            let dialect = Dialect::new(place, credentials, contracts, world.mutation);
            Client::new(dialect, SimTransport::new(world, venue), clock.clone())
        };
        let mut settings = DeskSettings::default();
        if trading == Trading::Hedge {
            settings.position_mode = PositionMode::Hedge;
        }
        let contracts = match place {
            (Venue::Mexc, Market::Linear) => Some(Self::contracts(world, &client).await),
            _ => None,
        };
        let limits = contracts.as_ref().and_then(|(_, limits)| limits.clone());
        let contracts = contracts.map(|(contracts, _)| contracts);
        let mut client = client(contracts.clone());
        if let Some(limits) = limits {
            client = client.sharing(limits);
        }
        let desk = Desk::with_settings(client, clock.clone(), settings);
        contracts.into_iter().for_each(|contracts| desk.keep_instruments(contracts));
        // What an operator does once, before the first order.
        if trading == Trading::Hedge && !world.modes_set.borrow().contains(&venue) {
            while desk.set_position_mode().await.is_err() {
                world.time.sleep(SECOND).await;
            }
            world.modes_set.borrow_mut().push(venue);
        }
        let warm = world.time.within(WARM_UP, desk.warm_up()).await;
        world.trace(|| format!("{venue} {trading:?}: {warm:?}"));
        let path = entry_path(venue, trading == Trading::Spot);
        let path = path.filter(|_| world.plan.websocket(venue));
        let entry = path.and_then(|path| Entry::new(world, path, desk.client())).map(Rc::new);
        desk.with_order_path(SimPath { world: Rc::clone(world), entry })
    }

    fn hold_sessions(&self) {
        for venue in VENUES {
            let desk = self.router.exchanges().desk(venue, false);
            if let Some(entry) = desk.and_then(|desk| desk.order_path().entry.clone()) {
                self.world.time.spawn(self.owner, entry.run());
            }
        }
    }

    /// Carries out what is in the queue, for ever.
    async fn consume(self: Rc<Self>) {
        let time = &self.world.time;
        loop {
            let now = Timestamp::from_millis(self.world.our_now_ms());
            let (due, changed) = self.queue().next_due();
            let places = CONSUMER_CONCURRENCY.saturating_sub(self.consuming.get());
            let wait = match due {
                Some(due) if due <= now && places > 0 => {
                    for delivery in self.queue().take(now, places.min(CONSUMER_BATCH)) {
                        self.deliver(delivery);
                    }
                    continue;
                }
                Some(due) if places > 0 => {
                    u64::try_from(due.since(now).as_micros()).unwrap_or(u64::MAX)
                }
                _ => u64::MAX / 2,
            };
            // Clocks are set, so nobody sleeps for long.
            time.within(wait.clamp(MS, 60 * SECOND), changed.wait()).await;
        }
    }

    /// Carries out a message; now and then it comes twice.
    fn deliver(self: &Rc<Self>, delivery: Delivery) {
        let copies = if self.world.fails(100) { 2 } else { 1 };
        for _ in 0..copies {
            self.consuming.set(self.consuming.get() + 1);
            self.world.count(|counts| counts.deliveries += 1);
            let (process, delivery) = (Rc::clone(self), delivery.clone());
            self.world.time.spawn(self.owner, async move {
                let Delivery { id, body, attempts, .. } = delivery;
                let (world, queue) = (&process.world, process.queue());
                let now = || Timestamp::from_millis(world.our_now_ms());
                if world.mutation == Some(Mutation::AckedBeforeCarriedOut) {
                    queue.settle(id, attempts, Verdict::Ack, now()).await;
                }
                let verdict = process.router.consume(body.as_bytes(), attempts).await;
                world.trace(|| format!("message {id}: {verdict:?}"));
                let dead = matches!(verdict, Verdict::Dead { .. });
                world.count(|counts| counts.dead_letters += u64::from(dead));
                process.consuming.set(process.consuming.get() - 1);
                queue.settle(id, attempts, verdict, now()).await;
            });
        }
    }

    /// The operator closes everything.
    pub(crate) async fn close_all(self: Rc<Self>, id: RequestId) {
        let all = self.router.close_all(id, false).await;
        self.world.trace(|| format!("close-all {id}: {all:?}"));
        for close in all.closes.into_iter().filter(|close| close.answer.status == 200) {
            let request_id = close.answer.request_id;
            self.world.count(|counts| counts.closed_all += 1);
            self.world.answers.borrow_mut().push(Heard { request_id, status: 200, code: None });
        }
    }

    /// The operator puts the dead letters back.
    pub(crate) async fn replay(self: Rc<Self>) {
        let replayed = self.queue().replay(Timestamp::from_millis(self.world.our_now_ms())).await;
        self.world.count(|counts| counts.replays += replayed);
    }

    /// Somebody puts nonsense into the queue.
    pub(crate) async fn poison(self: Rc<Self>, body: &str) {
        let due = Timestamp::from_millis(self.world.our_now_ms());
        let _ = self.queue().send_raw(body.into(), due).await;
    }

    /// Replies of MEXC cannot be read without them, so a start waits for them as long as it takes; and
    /// the limits they were read under, if they were read just now.
    async fn contracts(
        world: &World,
        client: &impl Fn(Option<Arc<Instruments>>) -> SimClient,
    ) -> (Arc<Instruments>, Option<SharedLimits>) {
        let known = world.contracts.borrow().clone();
        if let Some(contracts) = known {
            return (contracts, None);
        }
        let client = client(None);
        loop {
            if let Ok(contracts) = client.instruments().await {
                let contracts = Arc::new(contracts);
                *world.contracts.borrow_mut() = Some(Arc::clone(&contracts));
                return (contracts, Some(client.limits().clone()));
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

    /// Its queue.
    pub(crate) fn queue(&self) -> &SimQueue {
        self.router.queue()
    }

    /// Whether nothing waits in the queue or is being carried out.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue().is_empty() && self.consuming.get() == 0
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
