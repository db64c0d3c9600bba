//! WebSocket sessions without a socket.
//!
//! A session is opened by the path it connects to, gets the client's messages, and fills an
//! outbox with frames that say from when on they may be sent. What every venue does alike lives
//! here: pings and what follows when none is answered, the end of a connection's life, the bound on
//! what a client leaves unread, and the faults that hit streams. What is said on a connection is
//! the front's matter.

mod damage;
mod entry;
mod outbox;
mod sessions;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use crate::engine::{Engine, Event};
use crate::fault::Fault;
use crate::http::{HttpRequest, HttpResponse};

pub(crate) use entry::Verdict;
pub(crate) use outbox::{Answers, Outbox};
pub(crate) use sessions::{Bench, Sessions};

/// Longest message a client may send, in bytes.
pub const MAX_MESSAGE: usize = 256 * 1024;

/// Names one open session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub(crate) u64);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a client sends. The transport answers pings and closing handshakes itself; it hands pings
/// in all the same, since venues count them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// A ping with its payload.
    Ping(Vec<u8>),
    /// A pong with its payload.
    Pong(Vec<u8>),
}

/// What is to be done with a session's socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Send a text message.
    Text(String),
    /// Send a binary message.
    Binary(Vec<u8>),
    /// Send a text message of these bytes, which are not UTF-8.
    NotUtf8(Vec<u8>),
    /// Send a ping.
    Ping(Vec<u8>),
    /// Send a closing frame with this code and reason, then close. Nothing follows.
    Close(u16, &'static str),
    /// Cut the connection without a closing frame. Nothing follows.
    Reset,
}

/// How a venue keeps a connection alive. All times are in milliseconds; `None` is never.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Policy {
    /// The venue pings this often.
    pub(crate) ping_every_ms: Option<u64>,
    /// It hangs up when no pong has come for this long.
    pub(crate) pong_within_ms: Option<u64>,
    /// It hangs up when nothing at all has come from the client for this long.
    pub(crate) idle_ms: Option<u64>,
    /// It hangs up after this long.
    pub(crate) life_ms: Option<u64>,
}

/// What a front sees while it serves a session.
pub(crate) struct Cx<'a> {
    pub(crate) engine: &'a mut Engine,
    pub(crate) out: &'a mut Outbox,
    /// The venue's clock, which a clock-skew fault may have moved. [`Engine::now_ms`] is the true
    /// one: timers go by that.
    pub(crate) server_ms: u64,
    pub(crate) peer: std::net::IpAddr,
}

/// The WebSocket half of a venue's front.
pub(crate) trait Front {
    /// What the front remembers of a session.
    type Session: fmt::Debug;

    /// Accepts or refuses a connection. `path` has lost the venue's prefix.
    fn open(
        &mut self,
        cx: &mut Cx<'_>,
        path: &str,
        request: &HttpRequest<'_>,
    ) -> Result<(Self::Session, Policy), HttpResponse>;

    /// The name under which faults find a request, for example `order.place`.
    fn name<'m>(&self, session: &Self::Session, message: &'m Message) -> Cow<'m, str>;

    /// Handles a message from the client.
    fn message(&mut self, cx: &mut Cx<'_>, session: &mut Self::Session, message: &Message);

    /// Answers a request with an injected venue error, without executing it.
    fn refuse(
        &mut self,
        cx: &mut Cx<'_>,
        session: &mut Self::Session,
        message: &Message,
        fault: &Fault,
    );

    /// Tells the session about something that has happened.
    fn event(&mut self, cx: &mut Cx<'_>, session: &mut Self::Session, event: &Event);

    /// Sends what has become due by time alone. Returns the engine time at which to look again.
    fn tick(&mut self, cx: &mut Cx<'_>, session: &mut Self::Session) -> Option<u64>;

    /// Adds the instruments whose books and tapes the session wants.
    fn watched(&self, engine: &Engine, session: &Self::Session, into: &mut BTreeSet<usize>);

    /// The announcement that the venue is about to close the connection, where it has one.
    fn farewell(&mut self, cx: &mut Cx<'_>, session: &mut Self::Session);

    /// Does what the front owes to time or to what the engine has just done, before the sessions
    /// are told.
    fn due(&mut self, _: &mut Engine, _server_ms: u64) {}

    /// The session is gone.
    fn closed(&mut self, session: Self::Session);
}
