//! A WebSocket to a venue: frames arrive in order or not at all, on a connection that stalls, and that
//! breaks without either end being told.

use core::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

use hoox_connector::{ClientOrderId, Venue};
use hoox_venue::{FaultKind, Frame, HttpRequest, Message, SessionId};

use crate::executor::{MS, Micros, Owner, SECOND};
use crate::network::{at_the_venue, venue_fault};
use crate::world::World;

/// Where the venues take orders over WebSocket (protocol sheets, "WebSocket order entry").
pub(crate) const ENTRY_PATHS: [&str; 3] =
    ["/binance/ws-api/v3", "/binance/ws-fapi/v1", "/bybit/v5/trade"];

/// What the client's end hears.
pub(crate) enum Heard {
    Opened,
    Text(String),
    Closed,
}

/// The client's end of one connection. Dropped, the venue learns of it when what was sent before has
/// arrived.
pub(crate) struct Socket {
    world: Rc<World>,
    venue: Venue,
    session: Cell<Option<SessionId>>,
    /// When the last frame sent arrives, or would have.
    arrives: Cell<Micros>,
    /// Nothing gets through any more, in either direction.
    broken: Cell<bool>,
    /// The client has hung up.
    left: Cell<bool>,
    hears: Box<dyn Fn(Heard)>,
}

/// A frame on its way.
struct Sent {
    text: String,
    /// The order it is for, and which attempt at it.
    order: Option<(ClientOrderId, usize)>,
}

impl Socket {
    /// Dials; the answer is [`Heard::Opened`] or [`Heard::Closed`].
    pub(crate) fn open(
        world: &Rc<World>,
        venue: Venue,
        path: &'static str,
        hears: Box<dyn Fn(Heard)>,
    ) -> Rc<Self> {
        let socket = Rc::new(Self {
            world: Rc::clone(world),
            venue,
            session: Cell::new(None),
            arrives: Cell::new(0),
            broken: Cell::new(false),
            left: Cell::new(false),
            hears,
        });
        let dialling = Rc::clone(&socket);
        world.time.spawn(Owner::World, async move { dialling.dial(path).await });
        socket
    }

    async fn dial(&self, path: &'static str) {
        let world = &self.world;
        world.time.sleep(world.time.between(MS, 60 * MS)).await;
        let request = HttpRequest {
            method: "GET",
            path,
            query: "",
            headers: &[],
            body: b"",
            peer: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        };
        let session = match world.is_cut_off() || world.fails(world.plan.faults.unconnected) {
            true => None,
            false => {
                let now = world.venue_now_ms(self.venue);
                let mut exchange = world.exchange.borrow_mut();
                exchange.clear_faults();
                exchange.connect(now, &request).ok()
            }
        };
        self.session.set(session);
        world.time.sleep(world.time.between(MS / 2, 30 * MS)).await;
        self.hear(if session.is_some() { Heard::Opened } else { Heard::Closed });
    }

    /// Sends a frame: from here on nobody can stop it.
    pub(crate) fn send(self: &Rc<Self>, text: String, order: Option<(ClientOrderId, usize)>) {
        let world = &self.world;
        world.time.note(text.as_bytes());
        world.busy.set(world.busy.get() + u64::from(order.is_some()));
        let socket = Rc::clone(self);
        world.time.spawn(Owner::World, async move {
            socket.carry(&Sent { text, order }).await;
            socket.world.busy.set(socket.world.busy.get() - u64::from(order.is_some()));
        });
    }

    /// The client hangs up.
    pub(crate) fn leave(&self) {
        self.left.set(true);
    }

    async fn carry(&self, sent: &Sent) {
        let (world, time) = (&self.world, &self.world.time);
        let faults = &world.plan.faults;
        if world.is_cut_off() {
            self.broken.set(true);
        }
        let late = sent.order.is_some() && world.fails(faults.request_late);
        let delay = match late {
            true => time.between(200 * MS, 13 * SECOND),
            false => time.between(MS / 2, 30 * MS),
        };
        let arrives = self.arrives.get().max(time.now().saturating_add(delay));
        self.arrives.set(arrives);
        time.sleep(arrives.saturating_sub(time.now())).await;
        let Some(session) = self.session.get().filter(|_| !self.broken.get()) else {
            world.trace(|| format!("{sent}: the connection is dead"));
            return;
        };
        if sent.order.is_some() && world.fails(faults.request_lost) {
            world.trace(|| format!("{sent} is lost with its connection"));
            world.count(|counts| counts.requests_lost += 1);
            return self.snap().await;
        }
        let fault = match sent.order {
            // A delay before the venue is what this network does itself.
            Some(_) => venue_fault(world, &sent).filter(|it| it.kind != FaultKind::DelayBefore),
            None => None,
        };
        let slow = fault.as_ref().filter(|it| it.kind == FaultKind::Delay).map_or(0, |it| it.ms);
        let attempt = sent.order.map_or(0, |(_, attempt)| attempt);
        let given_up = late || self.left.get();
        at_the_venue(world, (self.venue, attempt, given_up), &sent, |exchange, now| {
            exchange.clear_faults();
            if let Some(fault) = fault {
                exchange.queue_fault(fault);
            }
            exchange.message(now, session, Message::Text(sent.text.clone()));
        });
        time.sleep(u64::try_from(slow).unwrap_or(0) * MS).await;
        time.sleep(time.between(MS / 2, 30 * MS)).await;
        if sent.order.is_some() && world.fails(faults.reply_lost) {
            world.trace(|| format!("{sent}: the answer is lost with its connection"));
            world.count(|counts| counts.replies_lost += 1);
            return self.snap().await;
        }
        if sent.order.is_some() && world.fails(faults.reply_late) {
            time.sleep(time.between(200 * MS, 13 * SECOND)).await;
        }
        self.tell(session);
    }

    /// Hands over what the venue has said.
    fn tell(&self, session: SessionId) {
        if self.broken.get() {
            return;
        }
        let now = self.world.venue_now_ms(self.venue);
        let (frames, mut ended) = {
            let mut exchange = self.world.exchange.borrow_mut();
            (exchange.take_frames(now, session), exchange.is_cut(session))
        };
        for frame in frames {
            match frame {
                Frame::Text(text) => self.hear(Heard::Text(text)),
                Frame::Close(..) | Frame::Reset => ended = true,
                Frame::Ping(_) | Frame::Binary(_) | Frame::NotUtf8(_) => {}
            }
        }
        if ended {
            self.broken.set(true);
            self.hear(Heard::Closed);
        }
    }

    /// The connection breaks; perhaps somebody says so, perhaps only silence does.
    async fn snap(&self) {
        self.broken.set(true);
        if self.world.time.chance(500) {
            self.world.time.sleep(self.world.time.between(0, 2 * SECOND)).await;
            self.hear(Heard::Closed);
        }
    }

    fn hear(&self, what: Heard) {
        if !self.left.get() {
            (self.hears)(what);
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let (Some(session), Ok(mut exchange)) =
            (self.session.get(), self.world.exchange.try_borrow_mut())
        {
            exchange.closed(session);
        }
    }
}

impl core::fmt::Display for Sent {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.order {
            Some((id, attempt)) => write!(f, "frame [{id} #{attempt}]"),
            None => f.write_str("frame"),
        }
    }
}

/// The path at which a venue's market takes orders over WebSocket; `None` where it does not.
pub(crate) fn entry_path(venue: Venue, spot: bool) -> Option<&'static str> {
    let [binance_spot, binance_linear, bybit] = ENTRY_PATHS;
    match venue {
        Venue::Binance if spot => Some(binance_spot),
        Venue::Binance => Some(binance_linear),
        Venue::Bybit => Some(bybit),
        _ => None,
    }
}
