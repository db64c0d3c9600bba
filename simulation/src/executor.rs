//! Tasks on virtual time. One thread, one task at a time; who runs next among those that could, the
//! seed decides. Time stands still while anything can run.

use core::cell::{Cell, RefCell};
use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Wake;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Microseconds, of virtual time.
pub(crate) type Micros = u64;

/// A millisecond.
pub(crate) const MS: Micros = 1_000;
/// A second.
pub(crate) const SECOND: Micros = 1_000_000;

/// Whose task it is: a process dies with all its tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The world around: network, venues, senders, the operator.
    World,
    /// The nth process.
    Process(u32),
}

/// The executor; clones are the same one.
#[derive(Clone)]
pub(crate) struct Executor(Rc<Shared>);

struct Shared {
    now: Cell<Micros>,
    random: RefCell<ChaCha8Rng>,
    tasks: RefCell<Vec<Task>>,
    timers: RefCell<BinaryHeap<Reverse<Timer>>>,
    timers_set: Cell<u64>,
    ready: Arc<Mutex<Vec<usize>>>,
    digest: Cell<u64>,
}

struct Task {
    owner: Owner,
    future: Option<Pin<Box<dyn Future<Output = ()>>>>,
    mark: Arc<Mark>,
}

/// Puts a task into the ready list, once.
struct Mark {
    id: usize,
    queued: AtomicBool,
    ready: Arc<Mutex<Vec<usize>>>,
}

impl Wake for Mark {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            self.ready.lock().unwrap_or_else(PoisonError::into_inner).push(self.id);
        }
    }
}

struct Timer {
    at: Micros,
    /// Tells timers of one moment apart, in the order in which they were set.
    number: u64,
    waker: Waker,
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}

impl Eq for Timer {}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timer {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl Executor {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Rc::new(Shared {
            now: Cell::new(0),
            random: RefCell::new(ChaCha8Rng::seed_from_u64(seed)),
            tasks: RefCell::default(),
            timers: RefCell::default(),
            timers_set: Cell::new(0),
            ready: Arc::default(),
            digest: Cell::new(0xcbf2_9ce4_8422_2325),
        }))
    }

    /// Virtual time since the beginning.
    pub(crate) fn now(&self) -> Micros {
        self.0.now.get()
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&self, low: u64, high: u64) -> u64 {
        self.0.random.borrow_mut().random_range(low..=high.max(low))
    }

    /// True this many times in a thousand.
    pub(crate) fn chance(&self, per_mille: u32) -> bool {
        per_mille > 0 && self.between(0, 999) < u64::from(per_mille)
    }

    /// Starts a task.
    pub(crate) fn spawn(&self, owner: Owner, future: impl Future<Output = ()> + 'static) {
        let mut tasks = self.0.tasks.borrow_mut();
        let ready = Arc::clone(&self.0.ready);
        let mark = Arc::new(Mark { id: tasks.len(), queued: AtomicBool::new(false), ready });
        mark.wake_by_ref();
        tasks.push(Task { owner, future: Some(Box::pin(future)), mark });
    }

    /// Drops every task of `owner`, wherever it is.
    pub(crate) fn kill(&self, owner: Owner) {
        let mut dropped = Vec::new();
        for task in self.0.tasks.borrow_mut().iter_mut() {
            if task.owner == owner {
                dropped.extend(task.future.take());
            }
        }
        // Only now: what a task drops may start another.
        drop(dropped);
    }

    /// Waits.
    pub(crate) async fn sleep(&self, duration: Micros) {
        let at = self.now().saturating_add(duration);
        let mut set = false;
        poll_fn(|context| {
            if self.now() >= at {
                return Poll::Ready(());
            }
            if !set {
                set = true;
                let number = self.0.timers_set.get();
                self.0.timers_set.set(number + 1);
                let timer = Timer { at, number, waker: context.waker().clone() };
                self.0.timers.borrow_mut().push(Reverse(timer));
            }
            Poll::Pending
        })
        .await;
    }

    /// What `future` comes to within `duration`.
    pub(crate) async fn within<T>(
        &self,
        duration: Micros,
        future: impl Future<Output = T>,
    ) -> Option<T> {
        let (mut future, mut end) = (pin!(future), pin!(self.sleep(duration)));
        poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending => end.as_mut().poll(context).map(|()| None),
        })
        .await
    }

    /// Runs one task up to its next wait; false if nothing will ever run again.
    pub(crate) fn step(&self) -> bool {
        loop {
            if let Some(id) = self.pick() {
                self.poll(id);
                return true;
            }
            let mut timers = self.0.timers.borrow_mut();
            let Some(Reverse(first)) = timers.pop() else { return false };
            self.0.now.set(first.at.max(self.now()));
            first.waker.wake();
            while let Some(Reverse(next)) = timers.peek()
                && next.at <= self.now()
            {
                if let Some(Reverse(next)) = timers.pop() {
                    next.waker.wake();
                }
            }
        }
    }

    /// Mixes what happened into a number that tells two runs apart.
    pub(crate) fn note(&self, bytes: &[u8]) {
        let mut digest = self.0.digest.get();
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
            digest = (digest ^ u64::from_le_bytes(word)).wrapping_mul(0x0100_0000_01b3);
            digest ^= digest >> 29;
        }
        self.0.digest.set(digest);
    }

    /// The number of [`note`](Self::note).
    pub(crate) fn digest(&self) -> u64 {
        self.0.digest.get()
    }

    fn pick(&self) -> Option<usize> {
        let mut ready = self.0.ready.lock().unwrap_or_else(PoisonError::into_inner);
        let index = match ready.len() {
            0 => return None,
            1 => 0,
            len => usize::try_from(self.between(0, len as u64 - 1)).unwrap_or_default(),
        };
        Some(ready.swap_remove(index))
    }

    fn poll(&self, id: usize) {
        let mut taken = None;
        if let Some(task) = self.0.tasks.borrow_mut().get_mut(id) {
            task.mark.queued.store(false, Ordering::Relaxed);
            taken = task.future.take().map(|future| (future, Arc::clone(&task.mark)));
        }
        let Some((mut future, mark)) = taken else { return };
        self.note(&(id as u64 ^ self.now() << 20).to_le_bytes());
        let waker = Waker::from(mark);
        if future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending()
            && let Some(task) = self.0.tasks.borrow_mut().get_mut(id)
        {
            task.future = Some(future);
        }
    }
}

/// A value on its way from one task to another.
pub(crate) fn promise<T>() -> (Promise<T>, Promised<T>) {
    let shared = Rc::new(RefCell::new(Shelf { value: None, gone: false, waker: None }));
    (Promise(Rc::clone(&shared)), Promised(shared))
}

struct Shelf<T> {
    value: Option<T>,
    gone: bool,
    waker: Option<Waker>,
}

/// Who brings the value.
pub(crate) struct Promise<T>(Rc<RefCell<Shelf<T>>>);

/// Who waits for it.
pub(crate) struct Promised<T>(Rc<RefCell<Shelf<T>>>);

impl<T> Promise<T> {
    /// Brings it.
    pub(crate) fn keep(self, value: T) {
        self.0.borrow_mut().value = Some(value);
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        let mut shelf = self.0.borrow_mut();
        shelf.gone = true;
        if let Some(waker) = shelf.waker.take() {
            waker.wake();
        }
    }
}

impl<T> Promised<T> {
    /// Waits for the value; `None` if whoever was to bring it is gone.
    pub(crate) async fn wait(self) -> Option<T> {
        poll_fn(|context| {
            let mut shelf = self.0.borrow_mut();
            if shelf.gone {
                return Poll::Ready(shelf.value.take());
            }
            shelf.waker = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }
}
