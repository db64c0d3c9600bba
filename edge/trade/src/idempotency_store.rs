//! The Durable Object that keeps signals apart and lives the life of their orders.
#![allow(missing_docs)] // what the macro generates has none

mod tending;

use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::rc::Rc;

use futures_channel::oneshot;
use futures_util::lock::Mutex;
use hoox_connector::{Clock, Timestamp, Venue};
use hoox_edge::{
    KvConfig, Reserve, Reserved, WorkerClock, WorkerQueue, done, fail, json, keep_object,
    mode_from, path, read_internal_body, request_id, respond,
};
use hoox_router::{
    Answer, BODY_MAX, ErrorCode, Failure, IdempotencyKey, QueueMessage, RequestId, Reservation,
    Router, Settings, SignalStore, StoreUnavailable, WithoutFee, watched,
};
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object, wasm_bindgen};

use crate::accounts::Accounts;
use crate::ledger;
use crate::ledger::{Parcel, Writer};
use crate::settled::Settled;
use crate::store::ObjectStore;

/// How long a key is held for a signal that has come no further than the gateway, which gives up
/// sooner: its order, or its place in the queue, holds the key for as long as it is to. Whoever comes
/// after that reserves the key again before anything is sent.
const HELD_FOR: Duration = Duration::from_secs(60);

type ObjectRouter = Router<ObjectStore, KvConfig, Rc<Accounts>, WorkerClock, WorkerQueue>;

/// One of the objects that keep the idempotency keys and the life cycle of orders, chosen by key
/// (gateway.md §8): single-threaded, so of any number of simultaneous signals with one key, one
/// acquires it; and the only one that sends the orders of its keys, so what it finds open after a
/// crash is nobody else's.
#[durable_object]
#[derive(Debug)]
pub struct IdempotencyStore {
    state: State,
    object: Rc<Object>,
}

#[derive(Debug)]
struct Object {
    env: Env,
    /// The object's id, for rows that need a name of their own.
    name: String,
    store: ObjectStore,
    accounts: Rc<Accounts>,
    router: ObjectRouter,
    /// Whether what the last instance left open has been looked at.
    recovered: Mutex<bool>,
    /// Held by whoever sends entries to the ledger.
    sending: Mutex<()>,
    /// What the others have sent, if this is the object that writes the ledger.
    writer: Writer,
    /// Whether somebody is waiting to.
    gathering: Cell<bool>,
    /// Orders whose fee is read before that.
    without_fee: RefCell<Vec<WithoutFee>>,
    /// Whether the fees that the last instance did not come to read have been.
    fees_read: Cell<bool>,
}

impl DurableObject for IdempotencyStore {
    fn new(state: State, env: Env) -> Self {
        keep_object(&state);
        let store = ObjectStore::open(&state, env.clone());
        let accounts = Rc::new(Accounts::of(&env));
        let mut settings = Settings::default();
        // The sender waits for the fill, not for the fee.
        settings.read_fees = false;
        // The isolate's objects share what was read, for the same second.
        settings.config_max_age = Duration::ZERO;
        let config = KvConfig::shared(env.clone());
        let queue = WorkerQueue::new(env.clone(), "TRADE_QUEUE");
        let (orders, desks) = (store.clone(), Rc::clone(&accounts));
        let router = Router::with_settings(orders, config, desks, WorkerClock, settings);
        let router = router.with_queue(queue);
        let (recovered, sending, writer, gathering, without_fee, fees_read) = Default::default();
        let name = state.id().to_string();
        let object = Object {
            env,
            name,
            store,
            accounts,
            router,
            recovered,
            sending,
            writer,
            gathering,
            without_fee,
            fees_read,
        };
        Self { state, object: Rc::new(object) }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let id = request_id(&request);
        let path = path(&request);
        let mode = request.headers().get("x-queue-mode")?.unwrap_or_default();
        let longest = if path == ledger::WRITE_PATH { ledger::PARCEL_MAX } else { BODY_MAX };
        let body = match read_internal_body(&mut request, longest).await {
            Ok(body) => body,
            Err(failure) => return fail(id, &failure),
        };
        match path.as_str() {
            "/reserve" => self.reserve(id, &body).await,
            "/release" => self.release(id, &body).await,
            "/commit" => self.commit(id, &body).await,
            "/note" => self.note(id, &body).await,
            "/order" => self.order(id, &body, &mode).await,
            "/consume" => self.consume(id, &body).await,
            "/close-all" => self.close_all(id, &body).await,
            ledger::WRITE_PATH => self.write(id, &body).await,
            _ => fail(id, &Failure::new(ErrorCode::NotFound, "No such path.")),
        }
    }

    async fn alarm(&self) -> Result<Response> {
        self.object.recover().await;
        self.object.read_missing_fees().await;
        self.object.send_entries().await;
        self.object.store.tidy().await.map_err(|error| worker::Error::from(error.to_string()))?;
        Response::empty()
    }
}

impl IdempotencyStore {
    async fn reserve(&self, id: RequestId, body: &[u8]) -> Result<Response> {
        let Ok(asked) = serde_json::from_slice::<Reserve>(body) else { return malformed(id) };
        let store = &self.object.store;
        match store.reserve(&asked.key, asked.request_id, asked.now, HELD_FOR).await {
            Ok(Reservation::Acquired) => done(),
            Ok(Reservation::Duplicate { request_id, .. }) => {
                json(id, 200, &Reserved { held_by: Some(request_id) })
            }
            Err(_) => fail(id, &Failure::store_unavailable()),
        }
    }

    /// Frees a key that its holder does not want any more; another's stays.
    async fn release(&self, id: RequestId, body: &[u8]) -> Result<Response> {
        let Ok(asked) = serde_json::from_slice::<Reserve>(body) else { return malformed(id) };
        match self.object.release(&asked.key, asked.request_id, asked.now).await {
            Ok(()) => done(),
            Err(_) => fail(id, &Failure::store_unavailable()),
        }
    }

    async fn commit(&self, id: RequestId, body: &[u8]) -> Result<Response> {
        let Ok(asked) = serde_json::from_slice::<Reserve>(body) else { return malformed(id) };
        let until = asked.now.after(Settings::default().key_ttl);
        match self.object.store.commit(&asked.key, asked.request_id, until).await {
            Ok(()) => done(),
            Err(_) => fail(id, &Failure::store_unavailable()),
        }
    }

    /// Takes a signal that the gateway has refused into the ledger.
    async fn note(&self, id: RequestId, body: &[u8]) -> Result<Response> {
        let Ok(text) = core::str::from_utf8(body) else { return malformed(id) };
        match self.object.store.keep_refusal(text.to_owned()).await {
            Ok(()) => {
                self.spawn_sending();
                done()
            }
            Err(_) => fail(id, &Failure::store_unavailable()),
        }
    }

    async fn order(&self, id: RequestId, body: &[u8], mode: &str) -> Result<Response> {
        let Ok(message) = QueueMessage::parse(body) else { return malformed(id) };
        let mode = mode_from(mode);
        let answer = self.run(async move |object| {
            object.ready(message.exchange).await;
            let answer = object.router.dispatch(&message, mode).await;
            object.let_go(&message, &answer).await;
            object.accounts.share_instruments();
            answer
        });
        let Ok(mut answer) = answer.await else { return crashed(id) };
        let orders = answer.take_without_fee();
        let response = respond(&answer);
        let object = Rc::clone(&self.object);
        self.state.wait_until(async move {
            object.without_fee.borrow_mut().push(orders);
            object.gather_entries().await;
        });
        response
    }

    async fn consume(&self, id: RequestId, body: &[u8]) -> Result<Response> {
        let body = body.to_owned();
        let verdict = self.run(async move |object| {
            if let Ok(message) = QueueMessage::parse(&body) {
                object.ready(message.exchange).await;
            }
            let name = id.to_string();
            let attempts = object.store.failed_attempts(&name).unwrap_or(0);
            let verdict = object.router.consume(&body, attempts).await;
            // Not counted, the schedule is longer than it need be, and nothing worse.
            let _ = object.store.settle_attempt(&name, &verdict);
            verdict
        });
        let Ok(verdict) = verdict.await else { return crashed(id) };
        self.spawn_sending();
        json(id, 200, &Settled::from(&verdict))
    }

    async fn close_all(&self, id: RequestId, body: &[u8]) -> Result<Response> {
        let test = body == b"test";
        let all = self.run(async move |object| {
            object.accounts.prepare(|_| true).await;
            object.recover_once().await;
            object.router.close_all(id, test).await
        });
        let Ok(all) = all.await else { return crashed(id) };
        self.spawn_sending();
        let closes = all.closes.iter().map(|close| {
            let answer: serde_json::Value =
                serde_json::from_str(&close.answer.body).unwrap_or_default();
            serde_json::json!({
                "exchange": close.venue.as_str(), "symbol": close.symbol.as_str(),
                "side": close.side, "status": close.answer.status, "answer": answer,
            })
        });
        let unreachable = all.unreachable.iter().map(|venue| venue.as_str());
        let body = serde_json::json!({
            "success": all.is_complete(),
            "requestId": id,
            "result": {
                "closes": closes.collect::<Vec<_>>(),
                "unreachable": unreachable.collect::<Vec<_>>(),
            },
        });
        json(id, if all.is_complete() { 200 } else { 502 }, &body)
    }

    /// Writes what another object hands over into the ledger.
    async fn write(&self, id: RequestId, body: &[u8]) -> Result<Response> {
        let Some(parcel) = Parcel::parse(body) else { return malformed(id) };
        match self.object.writer.write(&self.object.env, parcel).await {
            true => done(),
            false => fail(id, &Failure::new(ErrorCode::Internal, "The ledger is not written.")),
        }
    }

    /// Runs `work` to its end, whether or not whoever asked is still there for the result.
    async fn run<T: 'static>(
        &self,
        work: impl AsyncFnOnce(Rc<Object>) -> T + 'static,
    ) -> core::result::Result<T, oneshot::Canceled> {
        let (done, outcome) = oneshot::channel();
        let object = Rc::clone(&self.object);
        self.state.wait_until(async move {
            let _ = done.send(watched(work(object)).await);
        });
        outcome.await
    }

    fn spawn_sending(&self) {
        let object = Rc::clone(&self.object);
        self.state.wait_until(async move { object.gather_entries().await });
    }
}

impl Object {
    /// Whatever must be so before an order for `venue` is decided on.
    async fn ready(&self, venue: Venue) {
        self.recover_once().await;
        let config = self.router.config().await;
        let elsewhere = config.dynamic_routing || config.failover;
        self.accounts.prepare(|other| other == venue || elsewhere).await;
        self.accounts.use_websockets(&config);
    }

    /// Frees the key that the gateway has reserved for a signal, if it was refused before there could be
    /// an order: it may be sent again.
    async fn let_go(&self, message: &QueueMessage, answer: &Answer) {
        if answer.status < 400 || answer.status == ErrorCode::Duplicate.status() {
            return;
        }
        for leg in [0, 1] {
            // What cannot be read may be there.
            let Ok(None) = self.store.load(message.request_id, leg).await else { return };
        }
        let (key, id) = (&message.idempotency_key, message.request_id);
        let _ = self.release(key, id, WorkerClock.now()).await;
    }

    /// Frees a key that its holder does not want any more; another's stays.
    async fn release(
        &self,
        key: &IdempotencyKey,
        id: RequestId,
        now: Timestamp,
    ) -> core::result::Result<(), StoreUnavailable> {
        match self.store.reserve(key, id, now, HELD_FOR).await? {
            Reservation::Acquired => self.store.release(key).await,
            Reservation::Duplicate { .. } => Ok(()),
        }
    }
}

fn malformed(id: RequestId) -> Result<Response> {
    fail(id, &Failure::new(ErrorCode::Validation, "Invalid JSON payload structure."))
}

fn crashed(id: RequestId) -> Result<Response> {
    fail(id, &Failure::new(ErrorCode::Internal, "Internal error."))
}
