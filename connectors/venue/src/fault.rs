//! Faults on demand: lost replies, dead connections, venue errors.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::http::HttpRequest;

/// Most faults waiting at a time.
const MAX_QUEUED: usize = 10_000;

/// What goes wrong, in Binance's words; Bybit answers with its counterpart: `Http503Unknown` is
/// 10016, `Http504Timeout` 10000, `Http500Unexpected` 170007, `Http503Throttled` HTTP 429,
/// `Http429` 10006 with the limit headers, `Http418` and `Http403` HTTP 403. MEXC sends the HTTP status itself. "Executed" means that the request took effect as if nothing had happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultKind {
    /// Executed, then the connection is closed without a reply.
    ReplyLost,
    /// The connection is closed; nothing was executed.
    ResetBefore,
    /// The same as `ReplyLost`.
    ResetAfter,
    /// Executed at once; the reply takes [`Fault::ms`] milliseconds.
    Delay,
    /// The request takes [`Fault::ms`] milliseconds to arrive, and is executed then.
    DelayBefore,
    /// Executed, but the second half of the reply's body is missing.
    Truncated,
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
}

/// A fault waiting for its request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// Only requests whose `METHOD path` contains this text, for example `POST /fapi/v1/order`.
    /// `None` matches all. The path may have the venue's prefix (`POST /bybit/v5/order/create`) or
    /// not; without it, Binance's and another venue's equal paths both match.
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

/// Faults in the order in which they were queued.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    queue: VecDeque<Fault>,
}

impl Faults {
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

    pub(crate) fn clear(&mut self) {
        self.queue.clear();
    }

    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Fault> {
        self.queue.iter()
    }

    /// The first fault that matches the request, one of its hits used up.
    pub(crate) fn take(&mut self, request: &HttpRequest<'_>, path: &str) -> Option<Fault> {
        if self.queue.is_empty() {
            return None;
        }
        let line = format!("{} {path}", request.method);
        let full = format!("{} {}", request.method, request.path);
        let index = self.queue.iter().position(|f| {
            let hit = |text: &str| line.contains(text) || full.contains(text);
            f.matches.as_deref().is_none_or(hit)
        })?;
        let fault = self.queue.get_mut(index)?;
        fault.count -= 1;
        let hit = fault.clone();
        if fault.count == 0 {
            self.queue.remove(index);
        }
        Some(hit)
    }
}
