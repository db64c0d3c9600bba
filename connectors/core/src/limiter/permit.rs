use core::fmt;
use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Limiter, Moment, NoRoom, Taken};
use crate::client::VenueClock;
use crate::{Clock, Cost, CountedBy, OperationKind, RateRule, RateUsage, ThrottleKind, Timestamp};

/// The limits of one venue as seen from one IP address, and the venue's clock, which decides when
/// their windows end.
///
/// A clone counts with the original: give one to every client of the same account at the same host.
/// Clients of other accounts behind the same address get
/// [`for_another_account`](Self::for_another_account).
#[derive(Clone)]
pub struct SharedLimits {
    seat: Arc<Seat>,
}

struct Seat {
    venue: Arc<Mutex<Shared>>,
    account: u64,
}

#[derive(Default)]
struct Shared {
    clock: VenueClock,
    address: Limiter,
    accounts: HashMap<u64, Limiter>,
    accounts_ever: u64,
    /// Permits that were dropped: told nobody when, so they are settled at the next occasion.
    lost: Vec<(u64, Pair)>,
}

/// What one request takes of the address's limits and of the account's.
#[derive(Clone, Copy)]
struct Pair {
    address: Taken,
    account: Taken,
}

/// Room for one request in the venue's limits. Dropped, it counts as a request whose reply was lost:
/// one that may still be counted.
#[must_use = "dropped, it counts as a request whose reply was lost"]
pub struct Permit {
    limits: SharedLimits,
    taken: Option<Pair>,
}

impl SharedLimits {
    /// Limits that nobody shares yet. Their rules come from the clients that use them.
    pub fn new() -> Self {
        Self::join(Arc::default())
    }

    /// The limits of another account behind the same address.
    #[must_use]
    pub fn for_another_account(&self) -> Self {
        Self::join(Arc::clone(&self.seat.venue))
    }

    /// How much of each rule is used, as an upper bound, and what each allows.
    pub fn used<C: Clock>(&self, clock: &C) -> Vec<(RateRule, u32)> {
        let mut shared = self.lock();
        let now = shared.now(clock);
        let account = shared.accounts.get(&self.seat.account);
        let limiters = core::iter::once(&shared.address).chain(account);
        limiters.flat_map(|limiter| limiter.used(now)).map(|(rule, used)| (*rule, used)).collect()
    }

    pub(crate) fn add(&self, rules: impl IntoIterator<Item = RateRule>) {
        let mut shared = self.lock();
        for rule in rules {
            match rule.by {
                CountedBy::Address => shared.address.add(rule),
                CountedBy::Account => {
                    shared.accounts.entry(self.seat.account).or_default().add(rule);
                }
            }
        }
    }

    pub(crate) fn learn(&self, limits: &[RateUsage]) {
        let mut shared = self.lock();
        shared.address.learn(limits);
        shared.accounts.entry(self.seat.account).or_default().learn(limits);
    }

    #[cfg(all(feature = "websocket", not(target_arch = "wasm32")))]
    pub(crate) fn is_banned<C: Clock>(&self, clock: &C) -> bool {
        let mut shared = self.lock();
        let now = shared.now(clock);
        shared.address.is_banned(now)
    }

    pub(crate) fn now<C: Clock>(&self, clock: &C) -> Moment {
        self.lock().now(clock)
    }

    pub(crate) fn take<C: Clock>(
        &self,
        kind: OperationKind,
        cost: Cost,
        clock: &C,
    ) -> Result<Permit, (NoRoom, Moment)> {
        let mut shared = self.lock();
        let shared = &mut *shared;
        let now = shared.now(clock);
        shared.settle_lost(now);
        let account = shared.accounts.entry(self.seat.account).or_default();
        let address = shared.address.check(kind, cost, now).err();
        let full = address.into_iter().chain(account.check(kind, cost, now).err());
        if let Some(no_room) = full.max_by_key(|no_room| no_room.until) {
            return Err((no_room, now));
        }
        let address = shared.address.count(kind, cost, now);
        let account = account.count(kind, cost, now);
        Ok(Permit { limits: self.clone(), taken: Some(Pair { address, account }) })
    }

    pub(crate) fn hold(&self, kind: ThrottleKind, until: Timestamp) {
        let mut shared = self.lock();
        match kind {
            ThrottleKind::OrderRate => {
                shared.accounts.entry(self.seat.account).or_default().hold(kind, until);
            }
            _ => shared.address.hold(kind, until),
        }
    }

    /// Corrects the venue's clock by its answer to a question that was asked and answered at these
    /// monotonic times.
    pub(crate) fn correct<C: Clock>(
        &self,
        venue: Timestamp,
        asked: Duration,
        answered: Duration,
        clock: &C,
    ) {
        let mut shared = self.lock();
        let shared = &mut *shared;
        let before = shared.now(clock);
        shared.clock.correct(venue, asked, answered, clock.now());
        let now = shared.now(clock);
        let limiters = core::iter::once(&mut shared.address).chain(shared.accounts.values_mut());
        limiters.for_each(|limiter| limiter.moved(before, now));
    }

    fn join(venue: Arc<Mutex<Shared>>) -> Self {
        let account = {
            let mut shared = venue.lock().unwrap_or_else(PoisonError::into_inner);
            shared.accounts_ever += 1;
            shared.accounts_ever
        };
        Self { seat: Arc::new(Seat { venue, account }) }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.seat.venue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for SharedLimits {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SharedLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedLimits").field("account", &self.seat.account).finish_non_exhaustive()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut shared = self.venue.lock().unwrap_or_else(PoisonError::into_inner);
        shared.accounts.remove(&self.account);
    }
}

impl Shared {
    fn now<C: Clock>(&mut self, clock: &C) -> Moment {
        self.clock.now(clock.now(), clock.monotonic())
    }

    fn settle_lost(&mut self, now: Moment) {
        for (account, pair) in self.lost.drain(..) {
            self.address.lost(pair.address, now);
            if let Some(limiter) = self.accounts.get_mut(&account) {
                limiter.lost(pair.account, now);
            }
        }
    }
}

impl Permit {
    /// Gives the room back: nothing was sent.
    pub fn unused(mut self) {
        let Some(pair) = self.taken.take() else { return };
        let mut shared = self.limits.lock();
        shared.address.unused(pair.address);
        if let Some(limiter) = shared.accounts.get_mut(&self.limits.seat.account) {
            limiter.unused(pair.account);
        }
    }

    pub(crate) fn answered<C: Clock>(mut self, usage: &[RateUsage], clock: &C) {
        let Some(pair) = self.taken.take() else { return };
        let mut shared = self.limits.lock();
        let now = shared.now(clock);
        shared.address.answered(pair.address, now, usage);
        if let Some(limiter) = shared.accounts.get_mut(&self.limits.seat.account) {
            limiter.answered(pair.account, now, usage);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(pair) = self.taken.take() {
            let account = self.limits.seat.account;
            self.limits.lock().lost.push((account, pair));
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}
