//! One account: its desk, with the object that keeps a socket for its orders while the operator wants
//! one (`exchange:{name}:use_websocket`).

use core::cell::Cell;
use std::sync::Arc;

use hoox_any::Dialect;
use hoox_connector::{
    Clock, EncodeError, Error, ExchangeProvider, FrameReply, NotSent, Operation, OperationKind,
    OrderEntry, Outcome, Patience, PreparedOrder, Refused, Reply, Request, RequestBuf, Timestamp,
    UnknownCause, Venue, VenueError,
};
use hoox_edge::{WorkerClock, internal_request, new_request_id};
use hoox_router::{Desk, Exchanged, OrderPath, is_watched, saw};
use worker::{Env, Response};

use crate::accounts::SharedClient;
use crate::recorder::Recorder;

/// The binding of the objects that keep sockets.
const SOCKETS: &str = "EXCHANGE_CONNECTION_MANAGER";

/// One account at one venue.
pub(crate) type Account = Desk<Dialect, Recorder, WorkerClock, SocketPath>;

/// The object that keeps a socket for orders, while one is wanted.
#[derive(Debug)]
pub(crate) struct SocketPath {
    env: Env,
    test: bool,
    wanted: Cell<bool>,
}

impl SocketPath {
    /// None is wanted for now.
    pub(crate) fn new(env: Env, test: bool) -> Self {
        Self { env, test, wanted: Cell::new(false) }
    }

    /// Whether orders go over a socket from now on, where the venue has one for them.
    pub(crate) fn use_websocket(&self, wanted: bool) {
        self.wanted.set(wanted);
    }

    /// Has the object send a frame, and remembers it where it is watched. `None`: no byte of it left.
    async fn ask_watched(
        &self,
        venue: Venue,
        number: u64,
        frame: &Request<'_>,
    ) -> Result<Option<Vec<u8>>, String> {
        let sent = is_watched().then(|| Exchanged::over_socket(frame, WorkerClock.now()));
        let at = WorkerClock.monotonic();
        let answer = self.ask(venue, number, frame.body()).await;
        if let (Some(sent), Some(frame)) = (sent, answer.as_ref().map(Option::as_deref).transpose())
        {
            let took = WorkerClock.monotonic().saturating_sub(at);
            let frame = frame.map_err(String::as_str);
            saw((venue, self.test), sent.answered_by_frame(frame, took));
        }
        answer
    }

    /// Has the object send a frame. `None`: no byte of it left.
    async fn ask(&self, venue: Venue, number: u64, frame: &str) -> Result<Option<Vec<u8>>, String> {
        let kind = if self.test { "test" } else { "live" };
        let question = || -> worker::Result<_> {
            let testnet = if self.test { "-testnet" } else { "" };
            let name = format!("exchange:{venue}{testnet}");
            let object = self.env.durable_object(SOCKETS)?.get_by_name(&name)?;
            let url = format!("https://socket/{venue}/{kind}/{number}");
            let request = internal_request(&self.env, &url, new_request_id(), &[], frame)?;
            Ok((object, request))
        };
        // Until it is asked, nothing has left.
        let Ok((object, request)) = question() else { return Ok(None) };
        let answer: worker::Result<Response> = object.fetch_with_request(request).await;
        let mut answer = answer.map_err(|_| "the object of the socket did not answer")?;
        let body = answer.bytes().await.map_err(|_| "the object of the socket broke off")?;
        match answer.status_code() {
            200 => Ok(Some(body)),
            503 => Ok(None),
            _ => Err(String::from_utf8_lossy(&body).into_owned()),
        }
    }
}

impl OrderPath<Dialect, Recorder, WorkerClock> for SocketPath {
    async fn place(
        &self,
        client: &Arc<SharedClient>,
        order: &PreparedOrder,
    ) -> Option<Result<Outcome, Refused>> {
        let (provider, op) = (client.provider(), Operation::Place(order));
        if !self.wanted.get() || provider.order_entry().is_none() {
            return None;
        }
        let permit = match client.permit(&op, Patience::Refuse).await {
            Ok(permit) => permit,
            Err(throttle) => return unsent(NotSent::Throttled(throttle)),
        };
        let at = client.venue_now();
        let number = number(at);
        let mut buf = RequestBuf::new();
        match provider.encode_frame(&op, at, number, provider.logs_on(), &mut buf) {
            Ok(()) => {}
            Err(error) => {
                permit.unused();
                return match error {
                    EncodeError::NotSupported { .. } => None,
                    error => unsent(NotSent::Encode(error)),
                };
            }
        }
        let result = match self.ask_watched(provider.venue(), number, &buf.request()).await {
            Ok(None) => {
                permit.unused();
                return None;
            }
            Ok(Some(mut frame)) => {
                let kind = |asked| (asked == number).then_some(OperationKind::Place);
                match provider.decode_frame(&mut frame, &kind) {
                    Ok(FrameReply::Answer { result, usage, .. }) => {
                        client.answered(permit, &usage);
                        if let Err(VenueError::Throttled(throttle)) = &result {
                            client.throttled(throttle);
                        }
                        result.map_err(Error::from)
                    }
                    _ => lost("the answer cannot be read"),
                }
            }
            Err(cause) => lost(&cause),
        };
        if result.as_ref().is_err_and(Error::is_clock) {
            // For the next order; whether this one is still wanted, its sender must say.
            let _ = client.sync_clock().await;
        }
        Some(client.settle_order(order, result, at))
    }
}

fn unsent(cause: NotSent) -> Option<Result<Outcome, Refused>> {
    Some(Err(Refused::NotSent(cause)))
}

fn lost(cause: &str) -> Result<Reply, Error> {
    Err(Error::Unknown(UnknownCause::Transport(cause.to_owned())))
}

/// A number for a frame that no other frame of the account has: many objects send over one socket.
fn number(at: Timestamp) -> u64 {
    let mut bytes = [0; 2];
    // Were two the same, the second would go over REST.
    let _ = getrandom::fill(&mut bytes);
    at.as_millis().saturating_mul(1_000) + u64::from(u16::from_le_bytes(bytes)) % 1_000
}
