//! One question to the exchange for all who would ask it at the same moment.

use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use std::sync::{Mutex as StdMutex, MutexGuard, PoisonError};

use futures_util::future::{Either, select};
use futures_util::lock::{Mutex, MutexGuard as Gate};
use hoox_connector::Clock;

/// What a question is about, and how it becomes one with another.
pub(crate) trait Join: Copy {
    /// How long another's question is waited for: one that hangs must not hold everybody up.
    const WAIT_MAX: Duration;

    /// The question whose answer answers both.
    fn join(self, other: Self) -> Self;
}

/// A question that is asked by one task at a time. Whoever comes while it is being asked waits for the
/// next answer, which is then everybody's: nobody gets one that was asked for before they came.
#[derive(Debug)]
pub(crate) struct SharedRead<W, A> {
    gate: Mutex<()>,
    rounds: StdMutex<Rounds<W, A>>,
}

#[derive(Debug)]
struct Rounds<W, A> {
    started: u64,
    last: Option<(u64, A)>,
    /// Who waits for an answer, by number.
    waiting: Vec<(u64, W)>,
    next: u64,
}

impl<W, A> Default for SharedRead<W, A> {
    fn default() -> Self {
        let rounds = Rounds { started: 0, last: None, waiting: Vec::new(), next: 0 };
        Self { gate: Mutex::new(()), rounds: StdMutex::new(rounds) }
    }
}

impl<W: Join, A: Clone> SharedRead<W, A> {
    /// An answer to a question asked no earlier than now. `read` asks it, for all that wait.
    pub(crate) async fn ask<C: Clock, F: Future<Output = A>>(
        &self,
        clock: &C,
        wanted: W,
        read: impl FnOnce(W) -> F,
    ) -> A {
        let (came_in, waits) = self.enter(wanted);
        let Some(_gate) = self.pass(clock).await else { return read(wanted).await };
        others_first().await;
        let (round, all) = {
            let mut rounds = self.rounds();
            if let Some((round, answer)) = &rounds.last
                && *round > came_in
            {
                return answer.clone();
            }
            rounds.started += 1;
            let others = rounds.waiting.iter().map(|(_, wanted)| *wanted);
            (rounds.started, others.fold(wanted, W::join))
        };
        drop(waits);
        let answer = read(all).await;
        let mut rounds = self.rounds();
        rounds.last = (!rounds.waiting.is_empty()).then(|| (round, answer.clone()));
        answer
    }

    fn enter(&self, wanted: W) -> (u64, Waits<'_, W, A>) {
        let mut rounds = self.rounds();
        let number = rounds.next;
        rounds.next += 1;
        rounds.waiting.push((number, wanted));
        (rounds.started, Waits { of: self, number })
    }

    /// The gate, or nothing after too long a wait.
    async fn pass<C: Clock>(&self, clock: &C) -> Option<Gate<'_, ()>> {
        if let Some(gate) = self.gate.try_lock() {
            return Some(gate);
        }
        match select(self.gate.lock(), pin!(clock.sleep(W::WAIT_MAX))).await {
            Either::Left((gate, _)) => Some(gate),
            Either::Right(_) => None,
        }
    }
}

impl<W, A> SharedRead<W, A> {
    fn rounds(&self) -> MutexGuard<'_, Rounds<W, A>> {
        self.rounds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets everybody go on who can: who would ask as well a moment later shares the answer.
async fn others_first() {
    let mut have_been = false;
    poll_fn(|context| match have_been {
        true => Poll::Ready(()),
        false => {
            have_been = true;
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

/// Waits no more when it is dropped.
struct Waits<'r, W, A> {
    of: &'r SharedRead<W, A>,
    number: u64,
}

impl<W, A> Drop for Waits<'_, W, A> {
    fn drop(&mut self) {
        self.of.rounds().waiting.retain(|(number, _)| *number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;
    use core::future::{pending, ready};
    use core::task::{Context, Waker};

    use futures_util::future::join_all;
    use hoox_connector::Timestamp;
    use tokio::sync::Notify;

    use super::*;

    /// A clock by which a wait is over at once, or never.
    struct TestClock {
        end: bool,
    }

    impl Clock for TestClock {
        fn now(&self) -> Timestamp {
            Timestamp::default()
        }

        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }

        async fn sleep(&self, _: Duration) {
            if !self.end {
                pending().await
            }
        }
    }

    const PATIENT: TestClock = TestClock { end: false };

    /// Begins to ask, and gets no answer.
    fn hangs<F: Future>(asking: core::pin::Pin<&mut F>) {
        assert!(asking.poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }

    /// The numbers asked for, from the least to the greatest.
    #[derive(Debug, Clone, Copy, PartialEq)]
    struct Range(u32, u32);

    impl Join for Range {
        const WAIT_MAX: Duration = Duration::from_millis(250);

        fn join(self, other: Self) -> Self {
            Self(self.0.min(other.0), self.1.max(other.1))
        }
    }

    #[tokio::test]
    async fn those_who_come_meanwhile_share_the_next_answer_and_none_gets_an_older_one() {
        let shared = SharedRead::<Range, (u32, Range)>::default();
        let (asked, answered) = (Cell::new(0), Notify::new());
        let ask = |n: u32| {
            shared.ask(&PATIENT, Range(n, n), |range| {
                asked.set(asked.get() + 1);
                let round = asked.get();
                let answered = &answered;
                async move {
                    answered.notified().await;
                    (round, range)
                }
            })
        };
        let is_asked = async |round| {
            while asked.get() < round {
                tokio::task::yield_now().await;
            }
        };
        let come_later = async {
            is_asked(1).await;
            let later = join_all((3..=5).map(ask));
            let let_go = async {
                answered.notify_one();
                is_asked(2).await;
                answered.notify_one();
            };
            tokio::join!(later, let_go).0
        };
        // Those who come at the same moment share too.
        let (first, later) = tokio::join!(join_all((1..=2).map(ask)), come_later);
        assert_eq!(first, [(1, Range(1, 2)); 2]);
        assert_eq!(later, [(2, Range(3, 5)); 3]);
        // Nobody waited for the last answer, so nobody gets it later.
        answered.notify_one();
        assert_eq!(ask(9).await, (3, Range(9, 9)));
    }

    #[tokio::test]
    async fn whoever_asks_and_is_dropped_leaves_the_question_to_the_next() {
        let shared = SharedRead::<Range, u32>::default();
        hangs(pin!(shared.ask(&PATIENT, Range(1, 1), |_| pending::<u32>())));
        assert_eq!(shared.ask(&PATIENT, Range(2, 2), |_| ready(2)).await, 2);
    }

    #[tokio::test]
    async fn an_answer_that_does_not_come_holds_up_nobody_else_for_long() {
        let shared = SharedRead::<Range, u32>::default();
        let mut hanging = pin!(shared.ask(&PATIENT, Range(1, 1), |_| pending::<u32>()));
        hangs(hanging.as_mut());
        hangs(pin!(shared.ask(&PATIENT, Range(2, 2), |_| ready(2))));
        assert_eq!(shared.ask(&TestClock { end: true }, Range(3, 3), |_| ready(3)).await, 3);
    }
}
