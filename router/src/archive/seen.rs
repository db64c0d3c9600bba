//! What one piece of work sends to exchanges, remembered until its orders' records are written.

use core::cell::RefCell;
use core::future::poll_fn;
use core::mem;
use core::pin::pin;

use hoox_connector::{Clock, Request, Response, Transport, TransportError, Venue};

use super::Exchanged;

/// How many requests of one piece of work are remembered.
const SEEN_MAX: usize = 64;

thread_local! {
    /// Of the work that is being polled.
    static SEEN: RefCell<Option<Vec<Seen>>> = const { RefCell::new(None) };
}

/// A request, and which account it was made for.
struct Seen {
    account: (Venue, bool),
    exchanged: Exchanged,
}

/// Remembers what `work` sends to exchanges, for the records that it writes.
pub async fn watched<F: Future>(work: F) -> F::Output {
    let mut work = pin!(work);
    let mut seen = Some(Vec::new());
    poll_fn(move |context| {
        let _its_own = Swapped::new(&mut seen);
        work.as_mut().poll(context)
    })
    .await
}

/// Whether what is sent now is remembered.
pub fn is_watched() -> bool {
    SEEN.with_borrow(Option::is_some)
}

/// Remembers a request of an account, live or test, where it is watched.
pub fn saw(account: (Venue, bool), exchanged: Exchanged) {
    SEEN.with_borrow_mut(|seen| {
        if let Some(seen) = seen.as_mut().filter(|seen| seen.len() < SEEN_MAX) {
            seen.push(Seen { account, exchanged });
        }
    });
}

/// Sends a request of an account, live or test, and remembers it where it is watched.
///
/// # Errors
/// As the transport's.
pub async fn send_watched<T: Transport, C: Clock>(
    transport: &T,
    clock: &C,
    account: (Venue, bool),
    base_url: &str,
    request: Request<'_>,
) -> Result<Response, TransportError> {
    if !is_watched() {
        return transport.send(base_url, request).await;
    }
    let exchanged = Exchanged::new(&request, clock.now());
    let sent = clock.monotonic();
    let result = transport.send(base_url, request).await;
    saw(account, exchanged.answered(&result, clock.monotonic().saturating_sub(sent)));
    result
}

/// Takes what was remembered of an account and is wanted; the rest stays.
pub(super) fn take(account: (Venue, bool), wanted: impl Fn(&Exchanged) -> bool) -> Vec<Exchanged> {
    SEEN.with_borrow_mut(|seen| {
        let Some(seen) = seen else { return Vec::new() };
        let taken = seen.extract_if(.., |seen| seen.account == account && wanted(&seen.exchanged));
        taken.map(|seen| seen.exchanged).collect()
    })
}

/// While it lives, what is remembered is this work's; then again the other's.
struct Swapped<'s>(&'s mut Option<Vec<Seen>>);

impl<'s> Swapped<'s> {
    fn new(seen: &'s mut Option<Vec<Seen>>) -> Self {
        SEEN.with_borrow_mut(|current| mem::swap(current, seen));
        Self(seen)
    }
}

impl Drop for Swapped<'_> {
    fn drop(&mut self) {
        SEEN.with_borrow_mut(|current| mem::swap(current, self.0));
    }
}

#[cfg(test)]
mod tests {
    use core::task::Poll;

    use hoox_connector::{Method, RequestBuf, Timestamp};

    use super::*;

    fn ask(account: (Venue, bool)) {
        let mut buf = RequestBuf::new();
        buf.begin(Method::Get);
        saw(account, Exchanged::new(&buf.request(), Timestamp::from_millis(1)));
    }

    #[test]
    fn work_that_takes_turns_remembers_its_own_requests() {
        let (live, test) = ((Venue::Bybit, false), (Venue::Bybit, true));
        let work = |rounds: usize| {
            watched(async move {
                for _ in 0..rounds {
                    ask(live);
                    ask(test);
                    let mut waited = false;
                    poll_fn(|_| match mem::replace(&mut waited, true) {
                        true => Poll::Ready(()),
                        false => Poll::Pending,
                    })
                    .await;
                }
                [take(live, |_| true).len(), take(live, |_| true).len(), take(test, |_| true).len()]
            })
        };
        let (mut first, mut second) = (pin!(work(1)), pin!(work(3)));
        let mut context = core::task::Context::from_waker(core::task::Waker::noop());
        let (mut one, mut other) = (None, None);
        while one.is_none() || other.is_none() {
            if one.is_none()
                && let Poll::Ready(told) = first.as_mut().poll(&mut context)
            {
                one = Some(told);
            }
            if other.is_none()
                && let Poll::Ready(told) = second.as_mut().poll(&mut context)
            {
                other = Some(told);
            }
        }
        assert_eq!((one, other), (Some([1, 0, 1]), Some([3, 0, 3])));
        assert!(!is_watched());
        ask(live);
        assert_eq!(take(live, |_| true).len(), 0);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let work = watched(async {
            for _ in 0..2 * SEEN_MAX {
                ask((Venue::Mexc, false));
            }
            take((Venue::Mexc, false), |_| true).len()
        });
        let mut context = core::task::Context::from_waker(core::task::Waker::noop());
        assert!(matches!(pin!(work).poll(&mut context), Poll::Ready(SEEN_MAX)));
    }
}
