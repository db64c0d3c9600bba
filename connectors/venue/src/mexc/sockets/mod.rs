//! WebSocket connections: spot in protobuf (`/ws`), futures in JSON (`/edge`). Neither takes orders.
//!
//! Source: protocol sheet for MEXC, sections 10 and 11.

mod futures;
mod futures_public;
mod proto;
mod spot;
mod spot_private;

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::Mexc;
use crate::engine::{Engine, Event};
use crate::fault::Fault;
use crate::http::{HttpRequest, HttpResponse};
use crate::ws::{Cx, Front, Message, Policy};
use futures::Futures;
use spot::Spot;

/// A spot connection's life.
const LIFE_MS: u64 = 86_400_000;
/// A futures connection is cut when no ping has come for this long.
const IDLE_MS: u64 = 60_000;

/// One connection.
#[derive(Debug)]
pub(crate) enum Session {
    Spot(Spot),
    Futures(Futures),
}

impl Front for Mexc {
    type Session = Session;

    fn open(
        &mut self,
        cx: &mut Cx<'_>,
        path: &str,
        request: &HttpRequest<'_>,
    ) -> Result<(Session, Policy), HttpResponse> {
        match path {
            "/ws" => {
                let spot = Spot::open(self, cx, request.query)?;
                Ok((Session::Spot(spot), Policy { life_ms: Some(LIFE_MS), ..Policy::default() }))
            }
            "/edge" => {
                let policy = Policy { idle_ms: Some(IDLE_MS), ..Policy::default() };
                Ok((Session::Futures(Futures::default()), policy))
            }
            _ => Err(HttpResponse::html(404, "Not Found")),
        }
    }

    fn name<'m>(&self, _: &Session, message: &'m Message) -> Cow<'m, str> {
        match read(message).as_ref().and_then(|request| request.get("method")) {
            Some(Value::String(method)) => Cow::Owned(method.clone()),
            _ => Cow::Borrowed("?"),
        }
    }

    fn message(&mut self, cx: &mut Cx<'_>, session: &mut Session, message: &Message) {
        if matches!(message, Message::Ping(_) | Message::Pong(_)) {
            return;
        }
        let request = read(message);
        match session {
            Session::Spot(spot) => spot.request(cx, request),
            Session::Futures(futures) => futures.request(self, cx, request),
        }
    }

    fn refuse(&mut self, cx: &mut Cx<'_>, session: &mut Session, message: &Message, fault: &Fault) {
        let why = format!("refused: {:?}", fault.kind);
        cx.out.reply(match session {
            Session::Spot(_) => spot::answer(read(message).as_ref(), &why),
            Session::Futures(_) => futures::error(cx, &why),
        });
    }

    fn event(&mut self, cx: &mut Cx<'_>, session: &mut Session, event: &Event) {
        match session {
            Session::Spot(spot) => spot.event(cx, event),
            Session::Futures(futures) => futures.event(self, cx, event),
        }
    }

    fn tick(&mut self, cx: &mut Cx<'_>, session: &mut Session) -> Option<u64> {
        match session {
            Session::Spot(spot) => Some(spot.tick(self, cx)),
            Session::Futures(_) => None,
        }
    }

    fn watched(&self, _: &Engine, session: &Session, into: &mut BTreeSet<usize>) {
        match session {
            Session::Spot(spot) => into.extend(spot.instruments()),
            Session::Futures(futures) => into.extend(futures.instruments()),
        }
    }

    /// The venue has no words for it.
    fn farewell(&mut self, _: &mut Cx<'_>, _: &mut Session) {}

    fn closed(&mut self, session: Session) {
        if let Session::Spot(spot) = session {
            spot.closed(self);
        }
    }

    fn due(&mut self, engine: &mut Engine, server_ms: u64) {
        self.settle(engine, server_ms);
    }
}

/// A JSON object in a text message.
fn read(message: &Message) -> Option<Map<String, Value>> {
    match message {
        Message::Text(text) => serde_json::from_str(text).ok(),
        _ => None,
    }
}

fn method(request: &Map<String, Value>) -> &str {
    request.get("method").and_then(Value::as_str).unwrap_or_default()
}
