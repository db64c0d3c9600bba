use core::time::Duration;
use std::sync::PoisonError;

use tracing::{Instrument, Span};

use super::{Client, Patience};
use crate::observe::{Over, Steps, micros, span, word};
use crate::{
    Asked, Clock, Error, ExchangeProvider, NotSent, Operation, Permit, Reply, RequestBuf, Response,
    ThrottleKind, Timestamp, Transport, UnknownCause, VenueError,
};

/// The pause before a read is tried again; before the next try it is twice as long.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// After this long a read is not tried again: whoever waits for it has waited enough.
const RETRY_WITHIN: Duration = Duration::from_secs(2);

/// How many request buffers are kept for reuse.
const BUFFERS_MAX: usize = 64;

impl<P: ExchangeProvider, T: Transport, C: Clock> Client<P, T, C> {
    /// Sends, and sends again what changes no order where the error allows it; also tells the timestamp that the last
    /// request was signed with.
    pub(super) async fn exchange(
        &self,
        op: &Operation<'_>,
        patience: Patience,
    ) -> (Result<Reply, Error>, Timestamp) {
        let span = span(&self.provider, op, Over::Rest);
        self.attempts(op, patience).instrument(span).await
    }

    async fn attempts(
        &self,
        op: &Operation<'_>,
        patience: Patience,
    ) -> (Result<Reply, Error>, Timestamp) {
        let started = self.clock.monotonic();
        let (mut resynced, mut retries) = (false, 0);
        loop {
            let (result, at) = self.attempt(op, patience).await;
            let Err(error) = &result else { return (result, at) };
            if error.is_clock() && !resynced {
                // The venue refused the request for its timestamp, so it was not executed.
                resynced = true;
                let synced = self.sample_clock().await.is_ok();
                // Whether an order is still wanted then, its sender must say.
                if synced && !op.kind().changes_orders() {
                    continue;
                }
                return (result, at);
            }
            let late = self.clock.monotonic().saturating_sub(started) > RETRY_WITHIN;
            let more = retries < self.config.read_retries && !late;
            if !more || !op.kind().is_read() || !may_help(error, patience) {
                return (result, at);
            }
            self.clock.sleep(RETRY_PAUSE * 2_u32.saturating_pow(retries)).await;
            retries += 1;
        }
    }

    async fn attempt(
        &self,
        op: &Operation<'_>,
        patience: Patience,
    ) -> (Result<Reply, Error>, Timestamp) {
        let asked = self.clock.monotonic();
        let permit = self.permit(op, patience).await;
        Span::current().record("permit", micros(self.clock.monotonic().saturating_sub(asked)));
        match permit {
            Ok(permit) => self.send(op, permit).await,
            Err(throttle) => {
                let result = Err(Error::NotSent(NotSent::Throttled(throttle)));
                self.meter.ended(Over::Rest, op.kind(), word(&result), Duration::ZERO);
                (result, self.venue_now())
            }
        }
    }

    /// Encodes, sends and decodes once.
    pub(super) async fn send(
        &self,
        op: &Operation<'_>,
        permit: Permit,
    ) -> (Result<Reply, Error>, Timestamp) {
        let at = self.venue_now();
        let started = self.clock.monotonic();
        let mut buf = self.buffers().pop().unwrap_or_default();
        let request = self.provider.encode(op, at, &mut buf);
        let encoded = self.clock.monotonic();
        let sent = match request {
            Ok(request) => {
                self.transport.send(self.provider.base_url(), request).await.map_err(Error::from)
            }
            Err(error) => Err(Error::NotSent(NotSent::Encode(error))),
        };
        self.keep(buf);
        let answered = self.clock.monotonic();
        let result = self.receive(op, permit, sent);
        let done = self.clock.monotonic();
        self.meter.ended(Over::Rest, op.kind(), word(&result), done.saturating_sub(started));
        let span = Span::current();
        if !span.is_disabled() {
            let steps = Steps {
                encode: encoded.saturating_sub(started),
                send: answered.saturating_sub(encoded),
                decode: done.saturating_sub(answered),
            };
            steps.record(&span);
            span.record("result", word(&result));
            tracing::debug!("done");
        }
        (result, at)
    }

    /// Decodes what the venue sent, and takes note of what it says of its limits.
    fn receive(
        &self,
        op: &Operation<'_>,
        permit: Permit,
        sent: Result<Response, Error>,
    ) -> Result<Reply, Error> {
        let mut response = match sent {
            Ok(response) => response,
            Err(error) => {
                if matches!(error, Error::NotSent(_)) {
                    permit.unused();
                }
                return Err(error);
            }
        };
        let (status, asked) = (response.status, Asked::from(op));
        let (decoded, usage) = response.read(|headers, body| {
            let usage = self.provider.usage(headers);
            (self.provider.decode(&asked, status, headers, body), usage)
        });
        self.answered(permit, &usage);
        match &decoded {
            Err(VenueError::Throttled(throttle)) => self.throttled(throttle),
            Ok(Reply::Instruments(instruments)) => self.limits.learn(&instruments.limits),
            _ => {}
        }
        decoded.map_err(Error::from)
    }

    fn buffers(&self) -> std::sync::MutexGuard<'_, Vec<RequestBuf>> {
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, buf: RequestBuf) {
        let mut buffers = self.buffers();
        if buffers.len() < BUFFERS_MAX {
            buffers.push(buf);
        }
    }
}

/// Whether a read that failed so may succeed if it is sent again.
fn may_help(error: &Error, patience: Patience) -> bool {
    match error {
        Error::NotSent(cause) => matches!(cause, NotSent::Connection(_)),
        Error::Unknown(cause) => !matches!(cause, UnknownCause::Malformed(_)),
        Error::Throttled(throttle) => {
            let brief =
                matches!(throttle.kind, ThrottleKind::RequestRate | ThrottleKind::Overloaded);
            brief && patience == Patience::Wait
        }
        Error::Rejected(_) => false,
    }
}
