//! A venue's request limits, kept by counting as the venue does, without a clock of its own.
//!
//! Nothing here can count less than the venue: a request counts in every window that it may fall
//! into, what the venue tells of its own counts (other processes included) is never below what is
//! assumed, and what is not known for certain is taken at its worst.

mod calendar;
mod permit;
mod rolling;
mod rule;

use core::time::Duration;

use calendar::Calendar;
pub use permit::{Permit, SharedLimits};
use rolling::Rolling;
pub use rule::{Counted, CountedBy, RateRule, Span};

use crate::{Cost, OperationKind, RateUsage, ThrottleKind, Timestamp};

/// How long after its sender gave up a request may still reach the venue, in milliseconds.
const LINGER: u64 = 5_000;

/// The most rules that are kept: no venue has a quarter of it.
const RULES_MAX: usize = 128;

/// A moment by the venue's clock, and how far off it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// What we take it to be.
    pub at: Timestamp,
    /// The venue's clock shows no less than `at - error` and no more than `at + error`.
    pub error: Duration,
}

impl Moment {
    /// A moment that is known for certain.
    pub const fn exact(at: Timestamp) -> Self {
        Self { at, error: Duration::ZERO }
    }

    /// The error in milliseconds. A constant offset is the same as one smaller than a window.
    fn error_within(self, window: u64) -> u64 {
        u64::try_from(self.error.as_millis()).unwrap_or(u64::MAX).min(window)
    }

    fn earliest(self, window: u64) -> u64 {
        self.at.as_millis().saturating_sub(self.error_within(window))
    }

    fn latest(self, window: u64) -> u64 {
        self.at.as_millis().saturating_add(self.error_within(window))
    }
}

/// Why a request has to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRoom {
    /// What the venue would refuse it for.
    pub kind: ThrottleKind,
    /// The first moment at which there may be room.
    pub until: Timestamp,
}

/// A request that counts as sent, until it is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Taken {
    kind: OperationKind,
    cost: Cost,
    at: Timestamp,
    error: Duration,
    /// How many rules there were: those that came later never counted it.
    rules: usize,
    /// How often the clock had been wrong: times from before mean nothing afterwards.
    moves: u32,
}

impl Taken {
    fn earliest(&self, window: u64) -> u64 {
        Moment { at: self.at, error: self.error }.earliest(window)
    }
}

/// The limits of one IP address or of one account. Pure: the present is handed in.
///
/// ```
/// use core::time::Duration;
/// use hoox_connector::{
///     Cost, Counted, CountedBy, Limiter, Moment, OperationKind, RateRule, Span, Timestamp,
/// };
///
/// let second = Duration::from_secs(1);
/// let rule = RateRule::new(Counted::Orders, CountedBy::Account, Span::Calendar, second, 1);
/// let mut limiter = Limiter::new([rule]);
///
/// let now = Moment::exact(Timestamp::from_millis(5_900));
/// let one = Cost { weight: 0, orders: 1 };
/// let first = limiter.take(OperationKind::Place, one, now).expect("an empty window");
/// limiter.answered(first, now, &[]);
/// let refused = limiter.take(OperationKind::Place, one, now).expect_err("a full window");
/// assert_eq!(refused.until, Timestamp::from_millis(6_000));
/// ```
#[derive(Debug, Default)]
pub struct Limiter {
    buckets: Vec<Bucket>,
    moves: u32,
    held: Option<NoRoom>,
    orders_held: Option<NoRoom>,
}

#[derive(Debug)]
struct Bucket {
    rule: RateRule,
    /// The window's length in milliseconds, at least 1.
    len: u64,
    counts: Counts,
    /// Whether the venue has told of more use than its limit would allow.
    outdated: bool,
}

#[derive(Debug)]
enum Counts {
    Calendar(Calendar),
    Rolling(Rolling),
}

impl Limiter {
    /// A limiter that keeps `rules`.
    pub fn new(rules: impl IntoIterator<Item = RateRule>) -> Self {
        let mut limiter = Self::default();
        rules.into_iter().for_each(|rule| limiter.add(rule));
        limiter
    }

    /// Adds a rule. Of one that is kept already, perhaps for another client, the lower limit holds.
    pub fn add(&mut self, rule: RateRule) {
        if let Some(bucket) = self.buckets.iter_mut().find(|bucket| bucket.rule.is(&rule)) {
            bucket.rule.limit = bucket.rule.limit.min(rule.limit);
        } else if self.buckets.len() < RULES_MAX {
            let len = u64::try_from(rule.window.as_millis()).unwrap_or(u64::MAX).max(1);
            let counts = match rule.span {
                Span::Calendar => Counts::Calendar(Calendar::default()),
                Span::Rolling => Counts::Rolling(Rolling::default()),
            };
            self.buckets.push(Bucket { rule, len, counts, outdated: false });
        }
    }

    /// The rules, with their present limits.
    pub fn rules(&self) -> impl Iterator<Item = &RateRule> {
        self.buckets.iter().map(|bucket| &bucket.rule)
    }

    /// Takes the venue's word for what its limits are.
    pub fn learn(&mut self, limits: &[RateUsage]) {
        for usage in limits {
            let Some(limit) = usage.limit.filter(|limit| *limit > 0) else { continue };
            for bucket in self.buckets.iter_mut().filter(|bucket| bucket.rule.matches(usage)) {
                bucket.rule.limit = limit;
                bucket.outdated = false;
            }
        }
    }

    /// Whether there is room for a request.
    ///
    /// # Errors
    /// [`NoRoom`] with the first moment at which there may be.
    pub fn check(&self, kind: OperationKind, cost: Cost, now: Moment) -> Result<(), NoRoom> {
        let orders_held = self.orders_held.filter(|_| cost.orders > 0);
        let held =
            [self.held, orders_held].into_iter().flatten().filter(|held| held.until > now.at);
        let full = self.buckets.iter().filter_map(|bucket| {
            let units = bucket.units(kind, cost);
            // The one request that tells what the limit really is.
            if bucket.outdated && kind == OperationKind::Instruments {
                return None;
            }
            let until = (units > 0).then(|| bucket.full_until(units, now)).flatten()?;
            Some(NoRoom { kind: bucket.rule.throttle(), until: Timestamp::from_millis(until) })
        });
        held.chain(full).max_by_key(|no_room| no_room.until).map_or(Ok(()), Err)
    }

    /// Takes the room for a request that is about to be sent.
    ///
    /// # Errors
    /// [`NoRoom`] with the first moment at which there may be; nothing was taken.
    pub fn take(&mut self, kind: OperationKind, cost: Cost, now: Moment) -> Result<Taken, NoRoom> {
        self.check(kind, cost, now)?;
        Ok(self.count(kind, cost, now))
    }

    fn count(&mut self, kind: OperationKind, cost: Cost, now: Moment) -> Taken {
        for bucket in &mut self.buckets {
            let units = bucket.units(kind, cost);
            match &mut bucket.counts {
                Counts::Calendar(calendar) => calendar.take(units),
                Counts::Rolling(rolling) => rolling.take(units),
            }
        }
        Taken {
            kind,
            cost,
            at: now.at,
            error: now.error,
            rules: self.buckets.len(),
            moves: self.moves,
        }
    }

    /// The venue has answered; `usage` is what the answer says of the limits.
    pub fn answered(&mut self, taken: Taken, now: Moment, usage: &[RateUsage]) {
        for bucket in self.buckets.iter_mut().take(taken.rules) {
            if !bucket.rule.operations.contains(taken.kind) {
                continue;
            }
            let told = usage.iter().find(|usage| bucket.rule.matches(usage));
            if let Some(limit) = told.and_then(|told| told.limit).filter(|limit| *limit > 0) {
                bucket.rule.limit = limit;
            }
            let used = told.and_then(|told| told.used);
            bucket.outdated |= used.is_some_and(|used| used > bucket.rule.limit);
            bucket.counted(&taken, self.moves, now, 0, used);
        }
    }

    /// No answer came; the request may be counted any moment now.
    pub fn lost(&mut self, taken: Taken, now: Moment) {
        for bucket in self.buckets.iter_mut().take(taken.rules) {
            bucket.counted(&taken, self.moves, now, LINGER, None);
        }
    }

    /// The request was not sent.
    pub fn unused(&mut self, taken: Taken) {
        for bucket in self.buckets.iter_mut().take(taken.rules) {
            let units = bucket.units(taken.kind, taken.cost);
            match &mut bucket.counts {
                Counts::Calendar(calendar) => calendar.give_back(units),
                Counts::Rolling(rolling) => rolling.give_back(units),
            }
        }
    }

    /// Lets nothing pass before `until`; with [`ThrottleKind::OrderRate`], no orders.
    pub fn hold(&mut self, kind: ThrottleKind, until: Timestamp) {
        let held = match kind {
            ThrottleKind::OrderRate => &mut self.orders_held,
            _ => &mut self.held,
        };
        if held.is_none_or(|held| held.until < until) {
            *held = Some(NoRoom { kind, until });
        }
    }

    /// Whether the venue shuts us out.
    pub fn is_banned(&self, now: Moment) -> bool {
        self.held.is_some_and(|held| held.kind == ThrottleKind::Banned && held.until > now.at)
    }

    /// What was taken for the moment `from` turned out to be `to`.
    pub fn moved(&mut self, from: Moment, to: Moment) {
        let by = i128::from(to.at.as_millis()) - i128::from(from.at.as_millis());
        let by = i64::try_from(by).unwrap_or(i64::MAX);
        let both = from.error.saturating_add(to.error);
        let expected = both < Duration::MAX && u128::from(by.unsigned_abs()) <= both.as_millis();
        self.moves = self.moves.wrapping_add(u32::from(!expected));
        for bucket in &mut self.buckets {
            match &mut bucket.counts {
                // An error that was expected was allowed for.
                Counts::Calendar(_) if expected => {}
                Counts::Calendar(calendar) => calendar.moved(by, to, bucket.len),
                Counts::Rolling(rolling) => rolling.moved(by),
            }
        }
        for held in [&mut self.held, &mut self.orders_held].into_iter().flatten() {
            held.until = Timestamp::from_millis(held.until.as_millis().saturating_add_signed(by));
        }
    }

    /// How much of each rule is used, as an upper bound.
    pub fn used(&self, now: Moment) -> impl Iterator<Item = (&RateRule, u32)> {
        self.buckets.iter().map(move |bucket| {
            let used = match &bucket.counts {
                Counts::Calendar(calendar) => calendar.used(now, bucket.len),
                Counts::Rolling(rolling) => rolling.used(now),
            };
            (&bucket.rule, used)
        })
    }
}

impl Bucket {
    fn units(&self, kind: OperationKind, cost: Cost) -> u32 {
        if self.rule.operations.contains(kind) { self.rule.units(cost) } else { 0 }
    }

    fn full_until(&self, units: u32, now: Moment) -> Option<u64> {
        let (limit, len) = (self.rule.limit, self.len);
        // What is larger than a whole window never has room.
        if units > limit {
            return Some(u64::MAX);
        }
        match &self.counts {
            Counts::Calendar(calendar) => calendar.full_until(units, limit, len, now),
            Counts::Rolling(rolling) => rolling.full_until(units, limit, len, now),
        }
    }

    fn counted(&mut self, taken: &Taken, moves: u32, now: Moment, lingers: u64, told: Option<u32>) {
        let units = self.units(taken.kind, taken.cost);
        match &mut self.counts {
            Counts::Calendar(calendar) => {
                let taken = Some(taken).filter(|taken| taken.moves == moves);
                calendar.counted(units, taken, now, lingers, told, self.len);
            }
            Counts::Rolling(rolling) => rolling.counted(units, now, lingers, told, self.len),
        }
    }
}
