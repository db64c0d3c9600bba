//! Orders over a WebSocket, by the rules of the crates' `EntryClient`: the crates' own session machine
//! holds the connection, the dialects write and read the frames, and REST takes only an order of which
//! no byte has left.

use core::cell::{Cell, RefCell};
use core::future::pending;
use core::time::Duration;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use arrayvec::ArrayVec;
use hoox_connector::session::{ConnectionId, FrameFault, Session, SessionAction};
use hoox_connector::session::{Refusal, SessionConfig, SessionInput};
use hoox_connector::{
    ClientOrderId, Error, ExchangeProvider, FrameReply, NotSent, Operation, OperationKind,
    OrderClass, Outcome, Patience, PreparedOrder, RateUsage, Refused, Reply, RequestBuf, Symbol,
    Timestamp, Unknown, UnknownCause, VenueError,
};

use crate::desk::SimClient;
use crate::executor::{Micros, Promise, promise};
use crate::mutation::Mutation;
use crate::socket::{Heard, Socket};
use crate::world::World;

/// The session for orders at one venue.
pub(crate) struct Entry {
    world: Rc<World>,
    client: Arc<SimClient>,
    path: &'static str,
    started: Micros,
    /// How long an answer is waited for.
    answer_max: Micros,
    session: RefCell<Session>,
    sockets: RefCell<BTreeMap<ConnectionId, Rc<Socket>>>,
    ready: Cell<Option<ConnectionId>>,
    in_flight: RefCell<BTreeMap<u64, Waiting>>,
    next_id: Cell<u64>,
    /// Wakes the task that holds the session open.
    news: RefCell<Option<Promise<()>>>,
}

struct Waiting {
    connection: ConnectionId,
    kind: OperationKind,
    answer: Promise<(Result<Reply, VenueError>, ArrayVec<RateUsage, 4>)>,
}

impl Entry {
    /// A session that is not open yet; `None` where the venue has no socket for orders.
    pub(crate) fn new(
        world: &Rc<World>,
        path: &'static str,
        client: &Arc<SimClient>,
    ) -> Option<Self> {
        let dialect = client.provider().entry()?;
        let answer_max = world.plan.request_timeout;
        let mut config = SessionConfig::new(dialect.entry_keep_alive());
        config.linger = Duration::from_micros(answer_max);
        Some(Self {
            world: Rc::clone(world),
            client: Arc::clone(client),
            path,
            started: world.time.now(),
            answer_max,
            session: RefCell::new(Session::new(config, Duration::ZERO)),
            sockets: RefCell::default(),
            ready: Cell::new(None),
            in_flight: RefCell::default(),
            next_id: Cell::new(world.our_now_ms() * 1_000),
            news: RefCell::default(),
        })
    }

    /// Holds the session open for as long as the process lives.
    pub(crate) async fn run(self: Rc<Self>) {
        loop {
            loop {
                let Some(action) = self.session.borrow_mut().poll() else { break };
                self.act(action);
            }
            let Some(wake) = self.session.borrow().wake_at() else { return };
            let now = self.now();
            if wake <= now {
                let random = self.random();
                self.session.borrow_mut().tick(now, random);
                continue;
            }
            let (news, heard) = promise();
            *self.news.borrow_mut() = Some(news);
            let wait = u64::try_from((wake - now).as_micros()).unwrap_or(u64::MAX);
            self.world.time.within(wait, heard.wait()).await;
        }
    }

    /// Places an order over the socket; `None` if no byte of it left.
    pub(crate) async fn place(&self, order: &PreparedOrder) -> Option<Result<Outcome, Refused>> {
        let (world, client) = (&self.world, &self.client);
        let Some(id) = order.order().client_order_id else {
            return Some(Err(Refused::NotSent(NotSent::NoClientOrderId)));
        };
        let (op, named) = (Operation::Place(order), (order.order().symbol, id));
        self.ready.get()?;
        let permit = match client.permit(&op, Patience::Refuse).await {
            Ok(permit) => permit,
            Err(throttle) => return Some(Err(Refused::NotSent(NotSent::Throttled(throttle)))),
        };
        if world.crash_now(world.plan.faults.crash_before_send) {
            pending::<()>().await;
        }
        let ready = self.ready.get();
        let socket = ready.and_then(|it| self.sockets.borrow().get(&it).map(Rc::clone));
        let (Some(connection), Some(socket)) = (ready, socket) else {
            permit.unused();
            return None;
        };
        let (at, number, mut buf) = (client.venue_now(), self.next_id(), RequestBuf::new());
        let dialect = client.provider().entry()?;
        if let Err(error) = dialect.encode_frame(&op, at, number, dialect.logs_on(), &mut buf) {
            permit.unused();
            return Some(Err(Refused::NotSent(NotSent::Encode(error))));
        }
        let (answer, told) = promise();
        let waiting = Waiting { connection, kind: op.kind(), answer };
        self.in_flight.borrow_mut().insert(number, waiting);
        let left = world.book.borrow_mut().leaves(id, world.time.now());
        let attempt = world.held(left).unwrap_or_default();
        world.count(|counts| {
            counts.requests += 1;
            counts.orders_sent += 1;
            counts.orders_resent += u64::from(attempt > 1);
            counts.frames += 1;
        });
        world.trace(|| format!("frame [{id} #{attempt}] leaves for {}", self.path));
        socket.send(buf.request().body().to_owned(), Some((id, attempt)));
        if world.crash_now(world.plan.faults.crash_after_send) {
            pending::<()>().await;
        }
        let told = world.time.within(self.answer_max, told.wait()).await.flatten();
        self.in_flight.borrow_mut().remove(&number);
        let Some((result, usage)) = told else {
            world.trace(|| format!("frame [{id} #{attempt}] is not answered"));
            if world.mutation == Some(Mutation::SocketResentOverRest) {
                return None;
            }
            let cause = UnknownCause::Transport("no answer".into());
            return Some(Ok(unknown(client, named, cause, at)));
        };
        client.answered(permit, &usage);
        Some(match result {
            Ok(Reply::Order(report)) => Ok(Outcome::Acknowledged(report)),
            Ok(Reply::Accepted(accepted)) => Ok(Outcome::Accepted(accepted)),
            Ok(_) => Ok(unknown(client, named, UnknownCause::Transport("odd".into()), at)),
            Err(error) => self.refused(client, named, error.into(), at).await,
        })
    }

    async fn refused(
        &self,
        client: &SimClient,
        named: (Symbol, ClientOrderId),
        error: Error,
        at: Timestamp,
    ) -> Result<Outcome, Refused> {
        if error.is_clock() {
            // For the next request; whether this one is still wanted, its sender must say.
            let _ = client.sync_clock().await;
        }
        match error {
            Error::NotSent(cause) => Err(Refused::NotSent(cause)),
            Error::Rejected(rejection) => Err(Refused::Rejected(rejection)),
            Error::Throttled(throttle) => {
                client.throttled(&throttle);
                Err(Refused::Throttled(throttle))
            }
            Error::Unknown(cause) => Ok(unknown(client, named, cause, at)),
            error => {
                let cause = UnknownCause::Transport(error.to_string());
                Ok(unknown(client, named, cause, at))
            }
        }
    }

    fn act(self: &Rc<Self>, action: SessionAction) {
        match action {
            SessionAction::Connect(id) => {
                self.world.count(|counts| counts.connections += 1);
                let listener = Rc::downgrade(self);
                let hears = move |what| {
                    if let Some(entry) = listener.upgrade() {
                        entry.hear(id, what);
                    }
                };
                let venue = self.client.provider().venue();
                let socket = Socket::open(&self.world, venue, self.path, Box::new(hears));
                self.sockets.borrow_mut().insert(id, socket);
            }
            SessionAction::Authenticate(id) => self.log_on(id),
            SessionAction::Subscribe(id) => self.report(id, SessionInput::Subscribed),
            SessionAction::KeepAlive(id) => {
                let dialect = self.client.provider().entry();
                if let Some(frame) = dialect.and_then(|it| it.entry_keep_alive().frame) {
                    self.write(id, frame.to_owned());
                }
            }
            SessionAction::Close(id) => {
                if let Some(socket) = self.sockets.borrow_mut().remove(&id) {
                    socket.leave();
                }
                self.lose(id);
            }
            SessionAction::Ready { connection, .. } => self.ready.set(Some(connection)),
            _ => self.ready.set(None),
        }
    }

    fn log_on(&self, id: ConnectionId) {
        let client = &self.client;
        let Some(dialect) = client.provider().entry().filter(|it| it.logs_on()) else {
            return self.report(id, SessionInput::Authenticated);
        };
        let mut buf = RequestBuf::new();
        if dialect.encode_logon(client.venue_now(), self.next_id(), &mut buf).is_ok() {
            self.write(id, buf.request().body().to_owned());
        }
    }

    fn write(&self, id: ConnectionId, text: String) {
        if let Some(socket) = self.sockets.borrow().get(&id) {
            socket.send(text, None);
        }
    }

    fn hear(&self, id: ConnectionId, what: Heard) {
        let text = match what {
            Heard::Opened => return self.report(id, SessionInput::Opened),
            Heard::Closed => {
                self.lose(id);
                return self.report(id, SessionInput::Closed);
            }
            Heard::Text(text) => text,
        };
        self.report(id, SessionInput::Heard);
        let Some(dialect) = self.client.provider().entry() else { return };
        let kind = |number| self.in_flight.borrow().get(&number).map(|it| it.kind);
        match dialect.decode_frame(&mut text.into_bytes(), &kind) {
            Ok(FrameReply::Answer { request_id, result, usage }) => {
                let waiting = self.in_flight.borrow_mut().remove(&request_id);
                if let Some(waiting) = waiting {
                    waiting.answer.keep((result, usage));
                }
            }
            Ok(FrameReply::LoggedOn(Ok(()))) => self.report(id, SessionInput::Authenticated),
            Ok(FrameReply::LoggedOn(Err(VenueError::Rejected(it)))) => {
                let refusal = Refusal { code: it.code, message: it.message };
                self.report(id, SessionInput::Refused(refusal));
            }
            Ok(FrameReply::LoggedOn(Err(_))) => self.report(id, SessionInput::Closed),
            Ok(FrameReply::Reconnect) => self.report(id, SessionInput::Reconnect),
            Ok(_) => {}
            Err(_) => self.report(id, SessionInput::BadFrame(FrameFault::Malformed)),
        }
    }

    /// Whoever waits on the connection learns that it is gone.
    fn lose(&self, id: ConnectionId) {
        let lost: Vec<_> =
            self.in_flight.borrow_mut().extract_if(.., |_, it| it.connection == id).collect();
        drop(lost);
    }

    fn report(&self, id: ConnectionId, input: SessionInput) {
        let random = self.random();
        self.session.borrow_mut().handle(id, input, self.now(), random);
        // Dropped, it wakes too.
        self.news.borrow_mut().take();
    }

    fn next_id(&self) -> u64 {
        self.next_id.replace(self.next_id.get() + 1)
    }

    fn now(&self) -> Duration {
        Duration::from_micros(self.world.time.now() - self.started)
    }

    fn random(&self) -> u64 {
        self.world.time.between(0, u64::MAX)
    }
}

/// An order of which nobody knows what became.
fn unknown(
    client: &SimClient,
    (symbol, client_order_id): (Symbol, ClientOrderId),
    cause: UnknownCause,
    signed_at: Timestamp,
) -> Outcome {
    let final_after = signed_at.after(client.provider().recv_window());
    let class = OrderClass::Plain;
    Outcome::Unknown(Unknown { cause, symbol, client_order_id, class, final_after })
}
