//! Faults on demand: lost replies, dead connections, venue errors, streams that stutter.

mod plan;

use std::collections::VecDeque;
use std::fmt;

use serde::{Deserialize, Serialize};

use plan::Dice;
pub use plan::{BadFaultPlan, FaultPlan};

/// Most faults waiting at a time.
const MAX_QUEUED: usize = 10_000;

/// What goes wrong, in Binance's words; Bybit answers with its counterpart: `Http503Unknown` is
/// 10016, `Http504Timeout` 10000, `Http500Unexpected` 170007, `Http503Throttled` HTTP 429,
/// `Http429` 10006 with the limit headers, `Http418` and `Http403` HTTP 403. MEXC sends the HTTP
/// status itself. "Executed" means that the request took effect as if nothing had happened.
///
/// Requests are those over HTTP, messages on WebSocket connections, and the opening of such
/// connections. A lost reply closes an HTTP connection, and leaves a WebSocket open without an
/// answer; `ResetAfter` closes both. The kinds that begin with `Stream` hit what the venue sends
/// on its own account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultKind {
    /// Executed, but no reply comes.
    ReplyLost,
    /// The connection is closed; nothing was executed.
    ResetBefore,
    /// Executed, then the connection is closed without a reply.
    ResetAfter,
    /// Executed at once; the reply takes [`Fault::ms`] milliseconds.
    Delay,
    /// The request takes [`Fault::ms`] milliseconds to arrive, and is executed then.
    DelayBefore,
    /// Executed, but the second half of the reply's body is missing, as if that were all of it.
    Truncated,
    /// Executed, but the connection is closed in the middle of the reply's body, whose length the
    /// header had told. On a WebSocket as [`Self::ResetAfter`].
    ReplyCut,
    /// HTTP 503 "Unknown error, please check your request or try again later.": outcome unknown.
    /// Executed unless [`Fault::executed`] is false.
    #[serde(rename = "http_503_unknown")]
    Http503Unknown,
    /// HTTP 503 "Service Unavailable." in plain text: a definite failure, not executed.
    #[serde(rename = "http_503_unavailable")]
    Http503Unavailable,
    /// HTTP 503 with -1008: throttled by the venue, not executed.
    #[serde(rename = "http_503_throttled")]
    Http503Throttled,
    /// HTTP 504 with -1007: outcome unknown. Executed unless [`Fault::executed`] is false.
    #[serde(rename = "http_504_timeout")]
    Http504Timeout,
    /// HTTP 500 with -1006: outcome unknown. Executed unless [`Fault::executed`] is false.
    #[serde(rename = "http_500_unexpected")]
    Http500Unexpected,
    /// HTTP 408 with an empty body: outcome unknown. Executed unless [`Fault::executed`] is false.
    #[serde(rename = "http_408")]
    Http408,
    /// HTTP 429 with -1003 and `Retry-After`, not executed.
    #[serde(rename = "http_429")]
    Http429,
    /// HTTP 418 with -1003, a ban end and `Retry-After`, not executed.
    #[serde(rename = "http_418")]
    Http418,
    /// HTTP 403 from the firewall, as HTML, not executed.
    #[serde(rename = "http_403")]
    Http403,
    /// HTTP 502 from a proxy, as HTML. Not executed unless [`Fault::executed`] is true.
    Html,
    /// From now on the venue's clock is [`Fault::ms`] milliseconds ahead (behind, if negative).
    /// Takes effect when queued and lasts until set again; `count` and `matches` are ignored.
    ClockSkew,
    /// From now on the venue is down for [`Fault::ms`] milliseconds, or until faults are cleared:
    /// connections are cut, requests and new connections refused. Takes effect when queued, on the
    /// venues whose prefix is in [`Fault::matches`] or on all; `count` is ignored.
    Maintenance,
    /// A stream event is sent twice.
    StreamDuplicate,
    /// A stream event is sent after the one that follows it on its connection.
    StreamReorder,
    /// A stream event is not sent.
    StreamDrop,
    /// Instead of sending the event the connection falls silent for [`Fault::ms`] milliseconds, or
    /// for good: it stays open, but neither speaks nor listens, and does not ping.
    StreamSilent,
    /// Instead of sending the event the connection is cut.
    StreamReset,
    /// Instead of the event comes a message that cannot be read: half of a JSON text, or bytes that
    /// are no protobuf.
    StreamGarbage,
    /// Instead of the event comes a text message that is not UTF-8.
    StreamNotUtf8,
    /// The event comes as a binary message where text belongs, or the reverse.
    StreamWrongKind,
    /// Instead of the event comes a message of 8 MiB.
    StreamTooLong,
}

impl FaultKind {
    /// Whether it hits what the venue sends on its own account, and not requests.
    #[must_use]
    pub fn is_stream(self) -> bool {
        matches!(
            self,
            Self::StreamDuplicate
                | Self::StreamReorder
                | Self::StreamDrop
                | Self::StreamSilent
                | Self::StreamReset
                | Self::StreamGarbage
                | Self::StreamNotUtf8
                | Self::StreamWrongKind
                | Self::StreamTooLong
        )
    }

    /// Whether it takes effect when queued, and not with a request or an event.
    #[must_use]
    pub fn is_immediate(self) -> bool {
        matches!(self, Self::ClockSkew | Self::Maintenance)
    }
}

impl fmt::Display for FaultKind {
    /// The name it has in JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// A fault waiting for its request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// Only requests whose line contains this text. Lines are `POST /fapi/v1/order` over HTTP,
    /// `WS /ws-api/v3 order.place` for a message on a WebSocket, `CONNECT /ws/btcusdt@trade` for
    /// its opening, and `EVENT /ws/btcusdt@trade trade` for a stream event. `None` matches all.
    /// The path may have the venue's prefix (`POST /bybit/v5/order/create`) or not; without it,
    /// Binance's and another venue's equal paths both match.
    #[serde(default)]
    pub matches: Option<String>,
    /// How many matching requests it hits.
    #[serde(default = "once")]
    pub count: u32,
    /// Milliseconds: of delay, of clock skew, or until `Retry-After`.
    #[serde(default)]
    pub ms: i64,
    /// For the kinds whose outcome is unknown: whether the request was executed.
    #[serde(default)]
    pub executed: Option<bool>,
}

impl Fault {
    /// A fault that hits the next request.
    #[must_use]
    pub fn new(kind: FaultKind) -> Self {
        Self { kind, matches: None, count: 1, ms: 0, executed: None }
    }

    /// Hits only requests whose `METHOD path` contains this text.
    #[must_use]
    pub fn on(mut self, matches: impl Into<String>) -> Self {
        self.matches = Some(matches.into());
        self
    }

    /// Hits this many requests.
    #[must_use]
    pub fn times(mut self, count: u32) -> Self {
        self.count = count;
        self
    }

    /// Sets the milliseconds of the fault.
    #[must_use]
    pub fn ms(mut self, ms: i64) -> Self {
        self.ms = ms;
        self
    }

    /// Says whether a request of unknown outcome is executed.
    #[must_use]
    pub fn executed(mut self, executed: bool) -> Self {
        self.executed = Some(executed);
        self
    }

    pub(crate) fn ms_or(&self, default: u64) -> u64 {
        match u64::try_from(self.ms) {
            Ok(0) | Err(_) => default,
            Ok(ms) => ms,
        }
    }
}

fn once() -> u32 {
    1
}

/// Faults in the order in which they were queued, and those drawn by chance.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    queue: VecDeque<Fault>,
    dice: Option<Dice>,
}

impl Faults {
    /// The faults of a configuration.
    pub(crate) fn new(script: &[Fault], plan: Option<&FaultPlan>) -> Self {
        let waiting = script.iter().filter(|f| f.count > 0 && !f.kind.is_immediate());
        Self { queue: waiting.take(MAX_QUEUED).cloned().collect(), dice: plan.map(Dice::new) }
    }

    /// False when too many are waiting already.
    pub(crate) fn push(&mut self, fault: Fault) -> bool {
        if self.queue.len() >= MAX_QUEUED {
            return false;
        }
        if fault.count > 0 {
            self.queue.push_back(fault);
        }
        true
    }

    /// Replaces the faults drawn by chance.
    pub(crate) fn roll(&mut self, plan: Option<&FaultPlan>) {
        self.dice = plan.map(Dice::new);
    }

    pub(crate) fn clear(&mut self) {
        self.queue.clear();
        self.dice = None;
    }

    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Fault> {
        self.queue.iter()
    }

    /// Whether a request can be hit at all.
    pub(crate) fn idle(&self) -> bool {
        self.queue.is_empty() && self.dice.is_none()
    }

    /// The fault that hits a request: the first waiting one that matches, one of its hits used
    /// up, or one drawn. `prefix` is the venue's.
    pub(crate) fn take_request(
        &mut self,
        verb: &str,
        prefix: &str,
        rest: fmt::Arguments<'_>,
    ) -> Option<Fault> {
        self.take(false, verb, prefix, rest)
    }

    /// The fault that hits a stream event.
    pub(crate) fn take_event(&mut self, prefix: &str, path: &str, name: &str) -> Option<Fault> {
        self.take(true, "EVENT", prefix, format_args!("{path} {name}"))
    }

    fn take(
        &mut self,
        stream: bool,
        verb: &str,
        prefix: &str,
        rest: fmt::Arguments<'_>,
    ) -> Option<Fault> {
        if self.idle() {
            return None;
        }
        let line = format!("{verb} {rest}");
        let full = format!("{verb} {prefix}{rest}");
        let hit = |text: &str| line.contains(text) || full.contains(text);
        let index = self
            .queue
            .iter()
            .position(|f| f.kind.is_stream() == stream && f.matches.as_deref().is_none_or(hit));
        let Some(index) = index else {
            return self.dice.as_mut().and_then(|dice| dice.throw(stream, &full));
        };
        let fault = self.queue.get_mut(index)?;
        fault.count -= 1;
        let hit = fault.clone();
        if fault.count == 0 {
            self.queue.remove(index);
        }
        Some(hit)
    }
}
