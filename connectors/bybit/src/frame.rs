//! Orders over WebSocket (v5 websocket/trade/guideline).
//!
//! A frame carries the body of the REST request of the same operation, and its answer the REST reply,
//! so that both go through `body.rs`, `decode.rs` and `errors.rs`. A session logs on first; its frames
//! are not signed.

use core::time::Duration;
use std::borrow::Cow;

use hoox_connector::json::{self, Integer, lenient, write_escaped};
use hoox_connector::stream::FRAME_MAX;
use hoox_connector::{
    Accepted, EncodeError, FrameReply, Headers, KeepAlive, Malformed, Method, Operation,
    OperationKind, OrderEntry, RejectReason, Rejection, Reply, RequestBuf, Timestamp, VenueError,
};
use hoox_signer::Encoding;
use serde::Deserialize;

use crate::decode::Ids;
use crate::encode::unsupported;
use crate::events::AUTHENTICATED_ALREADY;
use crate::stream::KEEP_ALIVE;
use crate::{Bybit, body, decode, errors, limits};

/// How long the signature of an authentication stands: the venue wants its end in the future.
pub const AUTH_LIFE: Duration = Duration::from_secs(10);

/// The code of a service that restarts.
const RESTARTING: i64 = 10_019;

/// The HTTP status that frames do not have.
const STATUS: u16 = 200;

/// What a frame that nobody can attribute is filed under: the kind for which a lost answer costs most.
const UNATTRIBUTED: OperationKind = OperationKind::Place;

impl OrderEntry for Bybit {
    fn entry_url(&self) -> Option<&str> {
        Some(&self.entry_url)
    }

    fn entry_keep_alive(&self) -> KeepAlive {
        KEEP_ALIVE
    }

    fn logs_on(&self) -> bool {
        true
    }

    fn encode_logon(&self, at: Timestamp, _: u64, buf: &mut RequestBuf) -> Result<(), EncodeError> {
        write_auth(self, at, buf)
    }

    #[inline]
    fn encode_frame(
        &self,
        op: &Operation<'_>,
        at: Timestamp,
        request_id: u64,
        logged_on: bool,
        buf: &mut RequestBuf,
    ) -> Result<(), EncodeError> {
        let name = match op {
            Operation::Place(_) => "order.create",
            Operation::PlaceBatch(_) => "order.create-batch",
            Operation::Amend(_) => "order.amend",
            Operation::Cancel { .. } => "order.cancel",
            _ => return Err(unsupported(op.kind().as_str())),
        };
        if !limits::capabilities(self.market).supports(op.kind()) {
            return Err(unsupported(op.kind().as_str()));
        }
        if !logged_on {
            let problem = "not logged on, which orders need";
            return Err(EncodeError::Invalid { field: "session", problem });
        }
        buf.begin(Method::Post);
        let start = buf.position();
        buf.push("{\"op\":\"");
        buf.push(name);
        buf.push("\",\"header\":{\"X-BAPI-RECV-WINDOW\":\"");
        buf.push(&self.window);
        buf.push("\",\"X-BAPI-TIMESTAMP\":\"");
        buf.push_u64(at.as_millis());
        buf.push("\"},\"reqId\":\"");
        buf.push_u64(request_id);
        buf.push("\",\"args\":[");
        body::write(self.market, op, buf.text_mut())?;
        buf.push("]}");
        let frame = buf.since(start);
        buf.set_body(frame);
        Ok(())
    }

    fn decode_frame(
        &self,
        frame: &mut [u8],
        asked: &dyn Fn(u64) -> Option<OperationKind>,
    ) -> Result<FrameReply, VenueError> {
        if frame.len() > FRAME_MAX {
            return Err(malformed(".", "frame is too long"));
        }
        // A list would read as an envelope whose members are all absent.
        if frame.trim_ascii_start().first() != Some(&b'{') {
            return Err(malformed(".", "not a JSON object"));
        }
        let envelope: Envelope<'_> = json::read(UNATTRIBUTED, frame)?;
        match envelope.op.as_ref() {
            "pong" | "ping" => return Ok(FrameReply::Pong),
            "auth" => return Ok(FrameReply::LoggedOn(envelope.logged_on())),
            _ => {}
        }
        let Some(request_id) = envelope.req_id else { return envelope.unasked() };
        let Some(op) = asked(request_id) else { return Ok(FrameReply::Other) };
        let LimitHeader { limit, remaining, reset, .. } = envelope.header;
        let find = |name: &str| match name {
            "x-bapi-limit" => limit,
            "x-bapi-limit-status" => remaining,
            "x-bapi-limit-reset-timestamp" => reset,
            _ => None,
        };
        let usage = limits::usage(Headers::new(&find));
        // The answer to most frames is read already.
        let result = match envelope.accepted(op) {
            Some(accepted) => Ok(Reply::Accepted(accepted)),
            None => decode::decode(self, &op.into(), STATUS, Headers::new(&find), frame),
        };
        Ok(FrameReply::Answer { request_id, result, usage })
    }
}

/// The frame that authenticates a socket, for orders or for the account: signed is a fixed text and
/// the moment the signature ends (v5 ws/connect, "Authentication").
pub(crate) fn write_auth(
    bybit: &Bybit,
    at: Timestamp,
    buf: &mut RequestBuf,
) -> Result<(), EncodeError> {
    let key = bybit.credentials.key();
    if key.is_ed25519() {
        return Err(unsupported("Ed25519 keys"));
    }
    let expires = at.after(AUTH_LIFE).as_millis();
    buf.begin(Method::Post);
    let start = buf.position();
    buf.push("GET/realtime");
    buf.push_u64(expires);
    let payload = buf.since(start);
    let start = buf.position();
    buf.push("{\"op\":\"auth\",\"args\":[\"");
    write_escaped(buf.text_mut(), bybit.credentials.api_key());
    buf.push("\",");
    buf.push_u64(expires);
    buf.push(",\"");
    buf.sign(key, payload, Encoding::Plain)?;
    buf.push("\"]}");
    let frame = buf.since(start);
    buf.set_body(frame);
    Ok(())
}

/// What the frames have in common; the answer itself is read as a REST reply.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    #[serde(borrow, default)]
    op: Cow<'a, str>,
    #[serde(default, deserialize_with = "lenient")]
    req_id: Option<u64>,
    #[serde(default, alias = "ret_code")]
    ret_code: Option<Integer>,
    #[serde(borrow, default, alias = "ret_msg")]
    ret_msg: Cow<'a, str>,
    #[serde(default)]
    success: Option<bool>,
    #[serde(borrow, default)]
    header: LimitHeader<'a>,
    #[serde(default)]
    data: Option<Ids>,
}

#[derive(Deserialize, Default)]
struct LimitHeader<'a> {
    #[serde(default, deserialize_with = "lenient", rename = "Timenow")]
    now: Option<u64>,
    #[serde(borrow, default, rename = "X-Bapi-Limit")]
    limit: Option<&'a str>,
    #[serde(borrow, default, rename = "X-Bapi-Limit-Status")]
    remaining: Option<&'a str>,
    #[serde(borrow, default, rename = "X-Bapi-Limit-Reset-Timestamp")]
    reset: Option<&'a str>,
}

impl Envelope<'_> {
    fn logged_on(&self) -> Result<(), VenueError> {
        let code = self.ret_code.map_or(0, |code| code.0);
        match code {
            0 if self.success == Some(false) => {
                let rejection = Rejection::new(RejectReason::BadKey, code, &self.ret_msg);
                Err(VenueError::Rejected(rejection))
            }
            0 | AUTHENTICATED_ALREADY => Ok(()),
            // Any kind that changes no order will do.
            _ => {
                let op = OperationKind::Balances;
                errors::coded(op, STATUS, Headers::none(), code, &self.ret_msg).map(|_| ())
            }
        }
    }

    /// The acknowledgement of one order, if it is one and is complete.
    fn accepted(&self, op: OperationKind) -> Option<Accepted> {
        let ids = self.data.as_ref().filter(|ids| ids.order_id.is_some())?;
        let done = matches!(self.ret_code, Some(Integer(0)));
        let one = op.changes_orders() && op != OperationKind::PlaceBatch;
        (done && one).then(|| ids.accepted(self.header.now.map(Timestamp::from_millis)))
    }

    /// A frame without a request's id.
    fn unasked(&self) -> Result<FrameReply, VenueError> {
        match self.ret_code {
            Some(Integer(RESTARTING)) => Ok(FrameReply::Reconnect),
            None | Some(Integer(0)) => Ok(FrameReply::Other),
            Some(_) => Err(malformed("reqId", "an error without a request's id")),
        }
    }
}

fn malformed(field: &str, problem: &str) -> VenueError {
    let (field, problem) = (field.to_owned(), problem.to_owned());
    VenueError::Malformed(Malformed { operation: UNATTRIBUTED, field, problem })
}
