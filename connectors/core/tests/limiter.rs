//! The limiter against a venue that counts for itself: whatever is asked, however late it arrives,
//! whoever else uses the address, and however wrong the clock is, no window is overfilled.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::{BinaryHeap, HashMap};

use hoox_connector::{
    Cost, Counted, CountedBy, Limiter, Moment, OperationKind as Kind, OperationSet, RateRule,
    RateUsage, Span, Taken, ThrottleKind, Timestamp,
};
use proptest::prelude::*;

const CALENDAR: u64 = 1_000;
const ROLLING: u64 = 700;

fn rule(span: Span, window: u64, limit: u32) -> RateRule {
    let (counted, by) = match span {
        Span::Calendar => (Counted::Weight, CountedBy::Address),
        Span::Rolling => (Counted::Orders, CountedBy::Account),
    };
    RateRule::new(counted, by, span, Duration::from_millis(window), limit)
}

fn weight(weight: u32) -> Cost {
    Cost { weight, orders: 0 }
}

fn at(millis: u64) -> Moment {
    Moment::exact(Timestamp::from_millis(millis))
}

fn used(window: u64, used: u32) -> [RateUsage; 1] {
    let window = Duration::from_millis(window);
    [RateUsage { orders: false, window, limit: None, used: Some(used) }]
}

/// What happens next, after a pause in milliseconds.
#[derive(Debug, Clone)]
enum Act {
    /// We want to send: cost, time to the venue, time back, and what becomes of it.
    Send { cost: u32, there: u64, back: u64, fate: Fate },
    /// Another process at our address sends.
    Others(u32),
    /// We look at the venue's clock again: by how much we shall be wrong, and how wrong at most.
    Sync { wrong: i64, most: u64 },
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Told,
    AnsweredWithoutCount,
    /// The answer is lost; we notice after `back`, and it may have been counted or not.
    Lost,
    NotSent,
}

fn acts() -> impl Strategy<Value = Vec<(u64, Act)>> {
    let fate = prop_oneof![
        6 => Just(Fate::Told),
        2 => Just(Fate::AnsweredWithoutCount),
        1 => Just(Fate::Lost),
        1 => Just(Fate::NotSent),
    ];
    let act = prop_oneof![
        12 => (1..4_u32, 0..400_u64, 0..400_u64, fate)
            .prop_map(|(cost, there, back, fate)| Act::Send { cost, there, back, fate }),
        2 => (1..6_u32).prop_map(Act::Others),
        1 => (0..300_u64, -1.0..1.0_f64).prop_map(|(most, part)| {
            Act::Sync { wrong: (most as f64 * part) as i64, most }
        }),
    ];
    prop::collection::vec((0..150_u64, act), 1..120)
}

/// The venue's side, in true time.
#[derive(Default)]
struct Venue {
    ours: HashMap<u64, u32>,
    others: HashMap<u64, u32>,
    our_orders: Vec<(u64, u32)>,
}

/// What is still to happen to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Arrives(usize),
    Settles(usize),
}

struct Sent {
    taken: Taken,
    cost: u32,
    fate: Fate,
    /// What we had been told of others by window when we sent it.
    seen: HashMap<u64, u32>,
    /// The window it was counted in, the whole count just after, and others' part of it.
    counted: Option<(u64, u32, u32)>,
}

/// Our side: true time plus an error, never backwards.
struct OurClock {
    wrong: i64,
    most: Option<u64>,
    shown: u64,
}

impl OurClock {
    fn now(&mut self, truth: u64) -> Moment {
        let estimate = truth.saturating_add_signed(self.wrong);
        self.shown = self.shown.max(estimate);
        let standing = self.shown - estimate;
        let error = self.most.map_or(Duration::MAX, |most| Duration::from_millis(most + standing));
        Moment { at: Timestamp::from_millis(self.shown), error }
    }
}

fn play(
    limit: u32,
    orders: u32,
    first_wrong: i64,
    acts: Vec<(u64, Act)>,
) -> Result<(), TestCaseError> {
    let mut limiter =
        Limiter::new([rule(Span::Calendar, CALENDAR, limit), rule(Span::Rolling, ROLLING, orders)]);
    let mut venue = Venue::default();
    let mut clock = OurClock { wrong: first_wrong, most: None, shown: 0 };
    let mut seen: HashMap<u64, u32> = HashMap::new();
    let mut sent: Vec<Sent> = Vec::new();
    let mut steps: BinaryHeap<Reverse<(u64, Step)>> = BinaryHeap::new();
    let mut truth = 1_000_000_u64;
    let mut acts = acts.into_iter();
    let mut next = acts.next().map(|(pause, act)| (truth + pause, act));
    loop {
        let step_first = match (&next, steps.peek()) {
            (Some((at, _)), Some(Reverse((step_at, _)))) => step_at < at,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        if step_first {
            let Reverse((when, step)) = steps.pop().unwrap();
            truth = when;
            match step {
                Step::Arrives(index) => {
                    let it = &mut sent[index];
                    let window = truth / CALENDAR;
                    let ours = venue.ours.entry(window).or_default();
                    *ours += it.cost;
                    let others = venue.others.get(&window).copied().unwrap_or(0);
                    it.counted = Some((window, *ours + others, others));
                    let seen = it.seen.get(&window).copied().unwrap_or(0);
                    prop_assert!(*ours + seen <= limit, "{ours} + {seen} in a window of {limit}");
                    venue.our_orders.push((truth, it.cost));
                    let lately = venue.our_orders.iter().filter(|(at, _)| at + ROLLING > truth);
                    let lately: u32 = lately.map(|(_, cost)| cost).sum();
                    prop_assert!(lately <= orders, "{lately} in a stretch of {orders}");
                }
                Step::Settles(index) => {
                    let now = clock.now(truth);
                    let it = &sent[index];
                    match (it.fate, it.counted) {
                        (Fate::Told, Some((window, all, others))) => {
                            limiter.answered(it.taken, now, &used(CALENDAR, all));
                            let seen = seen.entry(window).or_default();
                            *seen = others.max(*seen);
                        }
                        (Fate::AnsweredWithoutCount, _) => limiter.answered(it.taken, now, &[]),
                        _ => limiter.lost(it.taken, now),
                    }
                }
            }
            continue;
        }
        let Some((when, act)) = next.take() else { return Ok(()) };
        truth = when;
        next = acts.next().map(|(pause, act)| (truth + pause, act));
        match act {
            Act::Others(cost) => *venue.others.entry(truth / CALENDAR).or_default() += cost,
            Act::Sync { wrong, most } => {
                let before = clock.now(truth);
                (clock.wrong, clock.most) = (wrong, Some(most));
                if clock.shown > truth.saturating_add_signed(wrong) + 1_000 {
                    clock.shown = truth.saturating_add_signed(wrong);
                }
                limiter.moved(before, clock.now(truth));
            }
            Act::Send { cost, there, back, fate } => {
                let now = clock.now(truth);
                let whole = Cost { weight: cost, orders: cost };
                let Ok(taken) = limiter.take(Kind::Place, whole, now) else { continue };
                if fate == Fate::NotSent {
                    limiter.unused(taken);
                    continue;
                }
                let index = sent.len();
                sent.push(Sent { taken, cost, fate, seen: seen.clone(), counted: None });
                // A lost one may arrive up to seconds after we gave up.
                let there = if fate == Fate::Lost { there * 8 } else { there };
                let settles = if fate == Fate::Lost { back } else { there + back };
                steps.push(Reverse((truth + there, Step::Arrives(index))));
                steps.push(Reverse((truth + settles, Step::Settles(index))));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn no_window_is_ever_overfilled(
        limit in 4..30_u32,
        orders in 4..30_u32,
        first_wrong in -5_000..5_000_i64,
        acts in acts(),
    ) {
        play(limit, orders, first_wrong, acts)?;
    }

    /// The other side of caution: alone, with a good clock and quick answers, the whole limit is
    /// there in every window.
    #[test]
    fn nothing_is_held_back_that_the_venue_would_take(limit in 1..50_u32, start in 0..900_u64) {
        let mut limiter = Limiter::new([rule(Span::Calendar, CALENDAR, limit)]);
        for window in 5..8_u64 {
            let now = at(window * CALENDAR + start);
            for count in 1..=limit {
                let taken = limiter.take(Kind::Place, weight(1), now).unwrap();
                limiter.answered(taken, now, &used(CALENDAR, count));
            }
            let refused = limiter.take(Kind::Place, weight(1), now).unwrap_err();
            prop_assert_eq!(refused.until, Timestamp::from_millis((window + 1) * CALENDAR));
        }
    }
}

#[test]
fn a_request_on_its_way_counts_in_the_window_it_may_arrive_in() {
    let mut limiter = Limiter::new([rule(Span::Calendar, CALENDAR, 2)]);
    let first = limiter.take(Kind::Place, weight(2), at(1_999)).unwrap();
    // Sent at the end of one window, perhaps counted in the next: there is no room there either.
    assert!(limiter.take(Kind::Place, weight(1), at(2_001)).is_err());
    limiter.answered(first, at(2_002), &[]);
    let refused = limiter.take(Kind::Place, weight(1), at(2_003)).unwrap_err();
    assert_eq!((refused.kind, refused.until), (ThrottleKind::RequestRate, at(3_000).at));
    assert!(limiter.take(Kind::Place, weight(2), at(3_000)).is_ok());
}

#[test]
fn a_clock_that_may_be_wrong_widens_the_boundary() {
    let mut limiter = Limiter::new([rule(Span::Calendar, CALENDAR, 1)]);
    let near = |millis| Moment { error: Duration::from_millis(50), ..at(millis) };
    let first = limiter.take(Kind::Place, weight(1), near(1_500)).unwrap();
    limiter.answered(first, near(1_510), &[]);
    // By the venue's clock it may still be 1,999.
    let refused = limiter.take(Kind::Place, weight(1), near(2_049)).unwrap_err();
    assert_eq!(refused.until, at(2_050).at);
    assert!(limiter.take(Kind::Place, weight(1), near(2_050)).is_ok());
}

#[test]
fn what_others_use_is_seen_and_a_burst_of_ours_is_not_taken_for_it() {
    let mut limiter = Limiter::new([rule(Span::Calendar, CALENDAR, 10)]);
    let now = at(5_100);
    let burst: Vec<Taken> =
        (0..4).map(|_| limiter.take(Kind::Place, weight(1), now).unwrap()).collect();
    // The answers come back in any order: the venue counted ours and five of others.
    for (taken, count) in burst.into_iter().zip([9, 6, 8, 7]) {
        limiter.answered(taken, at(5_150), &used(CALENDAR, count));
    }
    let last = limiter.take(Kind::Place, weight(1), at(5_160)).expect("nine of ten are used");
    limiter.answered(last, at(5_170), &used(CALENDAR, 10));
    assert!(limiter.take(Kind::Place, weight(1), at(5_180)).is_err());
}

#[test]
fn an_endpoint_has_a_budget_of_its_own_and_the_venue_may_correct_it() {
    let places = OperationSet::of(&[Kind::Place, Kind::PlaceConditional]);
    let second = Duration::from_secs(1);
    let rule =
        RateRule::new(Counted::Calls, CountedBy::Account, Span::Rolling, second, 2).of(places);
    let mut limiter = Limiter::new([rule]);
    let batch = Cost { weight: 1, orders: 2 };
    let taken = limiter.take(Kind::Place, batch, at(0)).unwrap();
    assert!(limiter.take(Kind::PlaceConditional, Cost::default(), at(1)).is_err());
    assert!(limiter.take(Kind::Cancel, Cost::default(), at(1)).is_ok());
    let told = RateUsage { orders: true, window: second, limit: Some(5), used: Some(4) };
    limiter.answered(taken, at(10), &[told]);
    // Four are used, by us and another; the limit turns out to be five.
    assert!(limiter.take(Kind::Place, Cost::default(), at(11)).is_ok());
    assert!(limiter.take(Kind::Place, Cost::default(), at(11)).is_err());
    // One length after the answer they have left; the last one is still on its way.
    assert!(limiter.take(Kind::Place, Cost { weight: 0, orders: 4 }, at(1_030)).is_ok());
}

#[test]
fn a_hold_stops_everything_and_an_order_limit_only_orders() {
    let mut limiter = Limiter::new([]);
    limiter.hold(ThrottleKind::OrderRate, at(2_000).at);
    let order = Cost { weight: 1, orders: 1 };
    assert!(limiter.take(Kind::Place, order, at(1_999)).is_err());
    assert!(limiter.take(Kind::Balances, weight(1), at(1_999)).is_ok());
    limiter.hold(ThrottleKind::Banned, at(9_000).at);
    // A shorter hold does not end a longer one.
    limiter.hold(ThrottleKind::RequestRate, at(3_000).at);
    let refused = limiter.take(Kind::Balances, weight(1), at(8_999)).unwrap_err();
    assert_eq!((refused.kind, refused.until), (ThrottleKind::Banned, at(9_000).at));
    assert!(limiter.take(Kind::Place, order, at(9_000)).is_ok());
}

#[test]
fn what_is_larger_than_a_window_never_has_room() {
    let mut limiter = Limiter::new([rule(Span::Calendar, CALENDAR, 5)]);
    let refused = limiter.take(Kind::Place, weight(6), at(0)).unwrap_err();
    assert_eq!(refused.until, Timestamp::from_millis(u64::MAX));
}

#[test]
fn published_limits_are_replaced_by_what_the_venue_says() {
    let mut limiter = Limiter::new([rule(Span::Calendar, CALENDAR, 5)]);
    let window = Duration::from_millis(CALENDAR);
    let told = |limit| RateUsage { orders: false, window, limit, used: None };
    limiter.learn(&[told(Some(9)), told(None), told(Some(0))]);
    assert_eq!(limiter.rules().map(|rule| rule.limit).collect::<Vec<_>>(), [9]);
    // A second client behind the address brings the rule again.
    limiter.add(rule(Span::Calendar, CALENDAR, 7));
    assert_eq!(limiter.rules().map(|rule| rule.limit).collect::<Vec<_>>(), [7]);
}

#[test]
fn a_limit_that_is_exceeded_without_a_refusal_lets_the_true_one_be_read() {
    let mut limiter = Limiter::new([rule(Span::Calendar, CALENDAR, 10)]);
    let read = limiter.take(Kind::Ticker, weight(1), at(0)).unwrap();
    limiter.answered(read, at(1), &used(CALENDAR, 30));
    assert!(limiter.check(Kind::Ticker, weight(1), at(2)).is_err());
    let read = limiter.take(Kind::Instruments, weight(1), at(2)).unwrap();
    limiter.answered(read, at(3), &used(CALENDAR, 31));
    let window = Duration::from_millis(CALENDAR);
    limiter.learn(&[RateUsage { orders: false, window, limit: Some(40), used: None }]);
    assert!(limiter.check(Kind::Ticker, weight(1), at(4)).is_ok());
    let at_its_limit = limiter.take(Kind::Ticker, weight(1), at(4)).unwrap();
    limiter.answered(at_its_limit, at(5), &used(CALENDAR, 40));
    assert!(limiter.check(Kind::Instruments, weight(1), at(6)).is_err());
}

#[test]
fn memory_is_bounded_by_the_window_not_by_the_traffic() {
    let mut limiter = Limiter::new([rule(Span::Rolling, ROLLING, u32::MAX)]);
    let order = Cost { weight: 0, orders: 1 };
    for millis in 0..50_000 {
        let taken = limiter.take(Kind::Place, order, at(millis)).unwrap();
        limiter.answered(taken, at(millis), &[]);
    }
    let (_, used) = limiter.used(at(50_000)).next().unwrap();
    assert!((ROLLING as u32..ROLLING as u32 + 16).contains(&used), "{used}");
}
