use core::time::Duration;

use super::{Client, Unknown};
use crate::{
    Clock, Error, ExchangeProvider, NotSent, OrderReport, RejectReason, Timestamp, Transport,
};

/// Beyond the receive window, the visibility delay and the known error of the clock: what a "no such
/// order" waits for to be final.
const TOLERANCE: Duration = Duration::from_millis(500);

/// A clock that is known no better than this is asked for first.
const CLOCK_ERROR_MAX: Duration = Duration::from_millis(500);

/// The first pause between two questions; each is twice the one before.
const PAUSE_FIRST: Duration = Duration::from_millis(100);

/// The longest pause between two questions.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// What became of an order whose reply was lost.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant)] // boxing the report would allocate
pub enum Resolution {
    /// It exists, and this is its state.
    Found(OrderReport),
    /// It does not exist and never will: the venue said so after the last moment at which it could
    /// still have taken the request. It may be sent again, with the same client order id.
    NeverArrived,
    /// Still nobody knows; why the last question gave no answer. Ask again later.
    Unresolved(Error),
}

impl<P: ExchangeProvider, T: Transport, C: Clock> Client<P, T, C> {
    /// Finds out what became of an order, asking for it by client order id until the answer is
    /// final.
    ///
    /// "No such order" is final only if asked for when, by the venue's clock, the lost request can no
    /// longer be taken ([`Unknown::final_after`]) and any order that was taken must be visible. Until
    /// then it is asked again, with growing pauses; so this may take as long as the receive window
    /// and the visibility delay together, and where the venue does not answer, as long as
    /// [`ClientConfig::reconcile_max`](crate::ClientConfig::reconcile_max) on top.
    ///
    /// After a lost cancellation, the state of the order tells whether it took effect.
    pub async fn reconcile(&self, unknown: &Unknown) -> Resolution {
        let resolution = self.resolve(unknown).await;
        let result = match &resolution {
            Resolution::Found(_) => "found",
            Resolution::NeverArrived => "never_arrived",
            Resolution::Unresolved(_) => "unresolved",
        };
        tracing::info!(
            venue = self.provider.venue().as_str(),
            market = self.provider.market().as_str(),
            client_order_id = unknown.client_order_id.as_str(),
            result,
            "an order of unknown fate was asked for"
        );
        self.meter.reconciled(result);
        resolution
    }

    async fn resolve(&self, unknown: &Unknown) -> Resolution {
        let visible = self.provider.capabilities().visibility_delay;
        let settled = unknown.final_after.after(visible).after(TOLERANCE);
        let started = self.clock.monotonic();
        let longest = self.provider.recv_window().saturating_add(visible).saturating_add(TOLERANCE);
        let first = self.settles_in(settled).unwrap_or(longest);
        let give_up = started.saturating_add(first).saturating_add(self.config.reconcile_max);
        let mut pause = PAUSE_FIRST;
        loop {
            let clock = match self.clock_error() {
                Some(error) if error <= CLOCK_ERROR_MAX => Ok(()),
                _ => self.sync_clock().await,
            };
            // What was asked before it is settled may be answered with an order, but not with none.
            let is_settled = self.settles_in(settled).is_some_and(|wait| wait.is_zero());
            let found = self.find(unknown.symbol, unknown.client_order_id, unknown.class).await;
            let (wait, error) = match (found, clock) {
                (Ok(Some(report)), _) => return Resolution::Found(report),
                (Ok(None), _) if is_settled => return Resolution::NeverArrived,
                (Ok(None), Ok(())) => (self.settles_in(settled).unwrap_or(pause), None),
                (Ok(None), Err(error)) => (pause, Some(error)),
                (Err(error), _) if is_hopeless(&error) => return Resolution::Unresolved(error),
                (Err(error), _) => (retry_after(&error).unwrap_or(pause), Some(error)),
            };
            let wait = match error {
                // An order that is on its way shows soon; that there is none, only in the end.
                None => wait.min(pause),
                Some(error) => {
                    let wait = wait.max(pause);
                    if self.clock.monotonic().saturating_add(wait) > give_up {
                        return Resolution::Unresolved(error);
                    }
                    wait
                }
            };
            self.clock.sleep(wait.max(Duration::from_millis(1))).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// How long until the venue's clock certainly shows `moment`; `None` if nothing is known of it.
    fn settles_in(&self, moment: Timestamp) -> Option<Duration> {
        let now = self.limits.now(&self.clock);
        (now.error < Duration::MAX).then(|| moment.after(now.error).since(now.at))
    }
}

/// Whether the same question will get the same answer.
fn is_hopeless(error: &Error) -> bool {
    match error {
        Error::NotSent(cause) => matches!(cause, NotSent::Encode(_)),
        Error::Rejected(rejection) => {
            !matches!(rejection.reason, RejectReason::Clock | RejectReason::Other)
        }
        _ => false,
    }
}

fn retry_after(error: &Error) -> Option<Duration> {
    match error {
        Error::NotSent(NotSent::Throttled(throttle)) | Error::Throttled(throttle) => {
            throttle.retry_after
        }
        _ => None,
    }
}
