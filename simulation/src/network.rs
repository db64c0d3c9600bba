//! The network between the process and the venues: slow, forgetful, and never in a hurry to tell.

use core::cell::Cell;
use core::future::pending;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

use hoox_connector::{ClientOrderId, Request, Response, Transport, TransportError, Venue};
use hoox_venue::{Fault, FaultKind, Handled, HttpRequest, HttpResponse};
use http::{HeaderName, HeaderValue};

use crate::book::Seen;
use crate::executor::{MS, Owner, Promise, SECOND, promise};
use crate::mutation::Mutation;
use crate::plan::Trading;
use crate::world::{World, at_venue};

/// Paths to which orders are sent (protocol sheets, "orders").
const ORDER_PATHS: [&str; 5] = [
    "/fapi/v1/order",
    "/api/v3/order",
    "/v5/order/create",
    "/api/v1/private/order/create",
    "/api/v1/private/order/submit",
];

/// What an order's id begins with, and how long it is (router, `client_order_id`).
const ID: (&str, usize) = ("hx", 32);

/// The transport of one account.
#[derive(Clone)]
pub(crate) struct SimTransport {
    world: Rc<World>,
    venue: Venue,
}

/// A request as it travels.
struct Wire {
    venue: Venue,
    method: &'static str,
    path: String,
    query: String,
    headers: Vec<(&'static str, String)>,
    body: String,
    /// The order it is for, and which attempt at it.
    order: Option<(ClientOrderId, usize)>,
}

type Answer = Result<Response, TransportError>;

impl SimTransport {
    pub(crate) fn new(world: &Rc<World>, venue: Venue) -> Self {
        Self { world: Rc::clone(world), venue }
    }

    async fn send_once(&self, wire: Wire) -> Answer {
        let world = &self.world;
        let faults = &world.plan.faults;
        if wire.order.is_some() && world.crash_now(faults.crash_before_send) {
            pending::<()>().await;
        }
        if world.is_cut_off() || world.fails(faults.unconnected) {
            world.time.sleep(world.time.between(0, 200 * MS)).await;
            world.trace(|| format!("{wire}: no connection"));
            return Err(TransportError::NotSent("injected".into()));
        }
        let mut wire = wire;
        world.count(|counts| counts.requests += 1);
        world.time.note(wire.query.as_bytes());
        world.time.note(wire.body.as_bytes());
        let is_order = wire.order.is_some();
        if let Some((id, attempt)) = &mut wire.order {
            let left = world.book.borrow_mut().leaves(*id, world.time.now());
            *attempt = world.held(left).unwrap_or_default();
            world.count(|counts| {
                counts.orders_sent += 1;
                counts.orders_resent += u64::from(*attempt > 1);
            });
        }
        world.trace(|| format!("{wire} leaves"));
        let (answer, answered) = promise();
        let given_up = Rc::new(Cell::new(false));
        let _gone = OnDrop(Rc::clone(&given_up));
        let on_its_way = deliver(Rc::clone(world), wire, answer, given_up);
        world.busy.set(world.busy.get() + 1);
        world.time.spawn(Owner::World, on_its_way);
        if is_order && world.crash_now(faults.crash_after_send) {
            pending::<()>().await;
        }
        let timeout = world.plan.request_timeout;
        match world.time.within(timeout, answered.wait()).await {
            Some(Some(answer)) => answer,
            Some(None) => Err(TransportError::MaybeSent("connection reset".into())),
            None => Err(TransportError::MaybeSent("no answer in time".into())),
        }
    }
}

impl Transport for SimTransport {
    async fn send(&self, base_url: &str, request: Request<'_>) -> Result<Response, TransportError> {
        let wire = || Wire {
            venue: self.venue,
            method: request.method().as_str(),
            path: format!("{base_url}{}", request.path()),
            query: request.query().to_owned(),
            headers: request.headers().map(|(name, value)| (name, value.to_owned())).collect(),
            body: request.body().to_owned(),
            order: order_of(&request).map(|id| (id, 0)),
        };
        let first = wire();
        let is_order = first.order.is_some();
        let answer = self.send_once(first).await;
        let Err(TransportError::MaybeSent(why)) = answer else { return answer };
        match self.world.mutation {
            Some(Mutation::RetryWithoutReconcile) if is_order => self.send_once(wire()).await,
            Some(Mutation::SilenceIsRejection) if is_order => Err(TransportError::NotSent(why)),
            _ => Err(TransportError::MaybeSent(why)),
        }
    }
}

/// Says that nobody waits any more.
struct OnDrop(Rc<Cell<bool>>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

/// There and back, if it comes back. Nobody inside can stop it.
async fn deliver(world: Rc<World>, wire: Wire, answer: Promise<Answer>, given_up: Rc<Cell<bool>>) {
    let reply = travel(&world, &wire, &given_up, answer).await;
    world.busy.set(world.busy.get() - 1);
    if let Some((answer, reply)) = reply {
        world.trace(|| match &reply {
            Ok(response) => {
                let body = String::from_utf8_lossy(&response.body);
                let body: String = body.chars().take(160).collect();
                format!("{wire}: {} {body}", response.status)
            }
            Err(error) => format!("{wire}: {error}"),
        });
        answer.keep(reply);
    }
}

async fn travel(
    world: &Rc<World>,
    wire: &Wire,
    given_up: &Cell<bool>,
    answer: Promise<Answer>,
) -> Option<(Promise<Answer>, Answer)> {
    let faults = &world.plan.faults;
    let time = &world.time;
    let reset = || Err(TransportError::MaybeSent("connection reset".into()));
    let mut answer = Some(answer);
    let mut late = false;
    time.sleep(time.between(MS / 2, 30 * MS)).await;
    if world.fails(faults.request_lost) {
        world.trace(|| format!("{wire} is lost"));
        world.count(|counts| counts.requests_lost += 1);
        // Either somebody says so, or nobody does until the client gives up.
        if time.chance(500) {
            time.sleep(time.between(0, 2 * SECOND)).await;
            return answer.map(|answer| (answer, reset()));
        }
        time.sleep(world.plan.request_timeout).await;
        return None;
    }
    if world.fails(faults.request_late) {
        late = true;
        world.trace(|| format!("{wire} is held up"));
        // A proxy may drop the client's connection and still bring what it has.
        if time.chance(400) {
            time.sleep(time.between(0, 100 * MS)).await;
            answer = None;
        }
        time.sleep(time.between(200 * MS, 13 * SECOND)).await;
    }
    let fault = venue_fault(world, wire);
    let mut response = execute(world, wire, fault, late || given_up.get()).await;
    time.sleep(time.between(MS / 2, 30 * MS)).await;
    if response.is_some() && world.fails(faults.reply_lost) {
        world.trace(|| format!("{wire}: the reply is lost"));
        world.count(|counts| counts.replies_lost += 1);
        if time.chance(500) {
            time.sleep(world.plan.request_timeout).await;
        }
        response = None;
    } else if world.fails(faults.reply_late) {
        time.sleep(time.between(200 * MS, 13 * SECOND)).await;
    }
    let reply = response.map_or_else(reset, |response| Ok(to_response(response)));
    answer.map(|answer| (answer, reply))
}

/// The venue answers, or hangs up.
async fn execute(
    world: &Rc<World>,
    wire: &Wire,
    fault: Option<Fault>,
    given_up: bool,
) -> Option<HttpResponse> {
    let attempt = wire.order.map_or(0, |(_, attempt)| attempt);
    let place = (wire.venue, attempt, given_up);
    let handled = at_the_venue(world, place, wire, |exchange, now| {
        exchange.clear_faults();
        if let Some(fault) = fault {
            exchange.queue_fault(fault);
        }
        wire.knock(|request| exchange.handle(now, request))
    });
    match handled {
        Handled::Reply(reply) => Some(reply),
        Handled::Drop | Handled::Cut(_) => None,
        Handled::ReplyAfter(ms, reply) => {
            world.time.sleep(ms * MS).await;
            Some(reply)
        }
        Handled::HandleAfter(ms) => {
            world.time.sleep(ms * MS).await;
            let place = (wire.venue, attempt, true);
            Some(at_the_venue(world, place, wire, |exchange, now| {
                wire.knock(|request| exchange.handle_late(now, request))
            }))
        }
    }
}

/// One message at a venue, for the nth attempt at an order, and what it has done there.
pub(crate) fn at_the_venue<R>(
    world: &World,
    (place, attempt, given_up): (Venue, usize, bool),
    message: &dyn core::fmt::Display,
    handle: impl FnOnce(&mut hoox_venue::Exchange, u64) -> R,
) -> R {
    let (venue, now) = (at_venue(place), world.venue_now_ms(place));
    let mut exchange = world.exchange.borrow_mut();
    if given_up {
        world.blur_limits();
    }
    let before = exchange.counters_of(venue);
    let handled = handle(&mut exchange, now);
    let after = exchange.counters_of(venue);
    let refused = |it: &hoox_venue::Counters| it.weight_limited + it.order_limited;
    if refused(&after) > refused(&before) && !world.limits_are_blurred() {
        world.violated("no request is beyond the venue's limits", || format!("{place} {message}"));
    }
    let new = usize::try_from(after.orders - before.orders).unwrap_or_default();
    if new > 0 {
        let state = exchange.state_of(venue, now, new);
        for order in state.accounts.iter().flat_map(|account| &account.orders) {
            let counts = order.status.is_open() || !order.executed.is_zero();
            let seen = Seen { venue: place, order_id: order.order_id, counts };
            world.trace(|| {
                let at = order.client_id.as_str();
                format!("{place} has {at}: {:?}, {} done", order.status, order.executed)
            });
            world.count(|all| {
                all.orders += u64::from(counts);
                let trading = world.plan.trading(place);
                all.spot_orders += u64::from(counts && trading == Trading::Spot);
                all.hedged_orders += u64::from(counts && trading == Trading::Hedge);
                all.late_orders += u64::from(counts && given_up);
            });
            let Ok(id) = ClientOrderId::portable(&order.client_id) else {
                let id = order.client_id.clone();
                world.violated("every order carries the id of its signal", || id);
                continue;
            };
            let arrived = world.book.borrow_mut().arrives(id, attempt, seen);
            world.held(arrived);
        }
    }
    handled
}

pub(crate) fn venue_fault(world: &World, wire: &dyn core::fmt::Display) -> Option<Fault> {
    if !world.fails(world.plan.faults.venue) {
        return None;
    }
    let kinds = [
        FaultKind::ReplyLost,
        FaultKind::ResetBefore,
        FaultKind::Delay,
        FaultKind::DelayBefore,
        FaultKind::Truncated,
        FaultKind::Http503Unknown,
        FaultKind::Http503Unavailable,
        FaultKind::Http503Throttled,
        FaultKind::Http504Timeout,
        FaultKind::Http500Unexpected,
        FaultKind::Http408,
        FaultKind::Http429,
        FaultKind::Http418,
        FaultKind::Http403,
        FaultKind::Html,
    ];
    let index = usize::try_from(world.time.between(0, kinds.len() as u64 - 1)).ok()?;
    let kind = kinds.get(index).copied()?;
    let longest = if kind == FaultKind::Http418 { 30_000 } else { 6_000 };
    let mut fault = Fault::new(kind);
    fault.ms = i64::try_from(world.time.between(1, longest)).unwrap_or(1);
    fault.executed = world.time.chance(700).then(|| world.time.chance(500));
    world
        .trace(|| format!("{wire} meets {kind:?}, {} ms, executed {:?}", fault.ms, fault.executed));
    world.count(|counts| counts.venue_faults += 1);
    Some(fault)
}

/// The order that a request is to place.
fn order_of(request: &Request<'_>) -> Option<ClientOrderId> {
    if request.method().as_str() != "POST" || !ORDER_PATHS.contains(&request.path()) {
        return None;
    }
    let find = |text: &str| {
        let start = text.find(ID.0)?;
        ClientOrderId::portable(text.get(start..start + ID.1)?).ok()
    };
    find(request.body()).or_else(|| find(request.query()))
}

fn to_response(reply: HttpResponse) -> Response {
    let mut response = Response::new(reply.status, reply.body);
    for (name, value) in reply.headers {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&value))
        {
            response.headers.append(name, value);
        }
    }
    response
}

impl Wire {
    /// The request as the venue takes it.
    fn knock<R>(&self, handle: impl FnOnce(&HttpRequest<'_>) -> R) -> R {
        let headers: Vec<_> =
            self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        handle(&HttpRequest {
            method: self.method,
            path: &self.path,
            query: &self.query,
            headers: &headers,
            body: self.body.as_bytes(),
            peer: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        })
    }
}

impl core::fmt::Display for Wire {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        match self.order {
            Some((id, attempt)) => write!(f, " [{id} #{attempt}]"),
            None => Ok(()),
        }
    }
}
