use hoox_connector::{
    Accepted, ClientOrderId, Decimal, Market, NewOrder, OrderId, Rejection, Side, Symbol, Throttle,
    ThrottleKind, Unknown, UnknownCause, Venue,
};
use proptest::prelude::*;

use super::*;
use crate::{
    Action, Choice, ChoiceReason, IdempotencyKey, Intent, RequestId, Signal, WrittenOrder,
};

const RECV: Duration = Duration::from_secs(5);
const VISIBLE: Duration = Duration::from_secs(2);
const START: u64 = 1_700_000_000_000;

fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(START + ms)
}

fn policy() -> Policy {
    Policy { read_fees: false, ..Policy::new(RECV, VISIBLE) }
}

fn record(limit: bool) -> Record {
    let symbol = Symbol::new("BTCUSDT").unwrap();
    let client_order_id = ClientOrderId::portable("hx0").unwrap();
    let order = match limit {
        true => NewOrder::limit(symbol, Side::Buy, Decimal::ONE, Decimal::TEN),
        false => NewOrder::market(symbol, Side::Buy, Decimal::ONE),
    };
    let intent = Intent {
        venue: Venue::Bybit,
        market: Market::Linear,
        symbol,
        client_order_id,
        order: WrittenOrder::new(&order).unwrap(),
        base_quantity: Some(Decimal::ONE),
        written_at: at(0),
    };
    let signal = Signal::new(Venue::Bybit, Action::Long, symbol, Some(Decimal::ONE));
    let key = IdempotencyKey::of(&signal, at(0));
    let choice = Choice::new(Venue::Bybit, ChoiceReason::Signal);
    let id = (RequestId::new("r").unwrap(), 0);
    Record::new(id, (key, at(86_400_000)), signal, choice, intent, at(0))
}

fn report(status: OrderStatus, filled: Decimal, at: Timestamp) -> OrderReport {
    let symbol = Symbol::new("BTCUSDT").unwrap();
    let mut report = OrderReport::new(symbol, OrderId::from(7), Side::Buy, status);
    report.filled_quantity = filled;
    report.average_price = (!filled.is_zero()).then_some(Decimal::TEN);
    report.updated_at = Some(at);
    report
}

fn filled() -> OrderReport {
    report(OrderStatus::Filled, Decimal::ONE, at(0))
}

fn lost(final_after: Timestamp) -> Event {
    let record = record(false);
    Event::Sent(Ok(Outcome::Unknown(Unknown {
        cause: UnknownCause::Transport("reset".into()),
        symbol: record.intent.symbol,
        client_order_id: record.intent.client_order_id,
        class: hoox_connector::OrderClass::Plain,
        final_after,
    })))
}

fn rejected(reason: RejectReason) -> Event {
    Event::Sent(Err(Refused::Rejected(Rejection::new(reason, -1, "no"))))
}

fn no_room(ms: u64) -> Event {
    let retry_after = Some(Duration::from_millis(ms));
    let throttle = Throttle { retry_after, ..Throttle::new(ThrottleKind::RequestRate) };
    Event::Sent(Err(Refused::NotSent(NotSent::Throttled(throttle))))
}

fn unconnected() -> Event {
    Event::Sent(Err(Refused::NotSent(NotSent::Connection("refused".into()))))
}

/// A record whose order is being sent for the first time.
fn sending() -> Record {
    let mut record = record(false);
    let policy = policy();
    assert_eq!(record.apply(Event::Begin, at(0), &policy), Effect::Persist(Durability::Synced));
    assert_eq!(record.apply(Event::Persisted, at(0), &policy), Effect::Submit);
    record
}

#[test]
fn nothing_is_submitted_before_the_intent_is_durable() {
    let mut record = record(false);
    assert_eq!(record.apply(Event::Begin, at(0), &policy()), Effect::Persist(Durability::Synced));
    assert_eq!((record.state, record.attempts), (State::Submitting, 1));
    assert_eq!(record.apply(Event::PersistFailed, at(0), &policy()), Effect::Done);
    assert_eq!(record.state, State::Rejected);
    assert_eq!(record.refusal.unwrap().code, ErrorCode::IdempotencyUnavailable);
}

#[test]
fn each_answer_to_a_submission() {
    type Case = (&'static str, Event, Effect, State);
    let accepted = Accepted { order_id: Some(OrderId::from(7)), ..Accepted::default() };
    let throttled = Throttle::new(ThrottleKind::OrderRate);
    let lazy = Effect::Persist(Durability::Lazy);
    let synced = Effect::Persist(Durability::Synced);
    let known = |report| Event::Sent(Ok(Outcome::Acknowledged(report)));
    let open = report(OrderStatus::New, Decimal::ZERO, at(0));
    let refused_late = report(OrderStatus::Rejected, Decimal::ZERO, at(0));
    let ended = report(OrderStatus::Expired, Decimal::ZERO, at(0));
    let wait = |ms: u64| Effect::Wait(at(10 + ms));
    let cases: Vec<Case> = vec![
        ("filled", known(filled()), lazy, State::Acknowledged),
        ("a market order still open", known(open), wait(20), State::Reading),
        ("refused after it was taken", known(refused_late), synced, State::Rejected),
        ("ended without a fill", known(ended), lazy, State::Acknowledged),
        (
            "accepted",
            Event::Sent(Ok(Outcome::Accepted(accepted))),
            Effect::ReadFill,
            State::Reading,
        ),
        ("lost", lost(at(5000)), Effect::Ask, State::Unknown),
        ("no margin", rejected(RejectReason::InsufficientBalance), synced, State::Rejected),
        ("clock", rejected(RejectReason::Clock), wait(0), State::Submitting),
        ("no room for long", no_room(1_001), synced, State::Rejected),
        ("no room for a moment", no_room(1_000), wait(1_000), State::Submitting),
        ("id in use", rejected(RejectReason::DuplicateClientOrderId), Effect::Ask, State::Unknown),
        ("throttled", Event::Sent(Err(Refused::Throttled(throttled))), synced, State::Rejected),
        ("no connection", unconnected(), wait(40), State::Submitting),
        ("woken early", Event::Fee(None), Effect::Park, State::Submitting),
    ];
    for (name, event, effect, state) in cases {
        let mut record = sending();
        assert_eq!(record.apply(event, at(10), &policy()), effect, "{name}");
        assert_eq!(record.state, state, "{name}");
    }
}

#[test]
fn a_resting_limit_order_is_known_and_not_waited_for() {
    let mut record = record(true);
    let _ = record.apply(Event::Begin, at(0), &policy());
    let _ = record.apply(Event::Persisted, at(0), &policy());
    let open = report(OrderStatus::New, Decimal::ZERO, at(0));
    let effect = record.apply(Event::Sent(Ok(Outcome::Acknowledged(open))), at(1), &policy());
    assert_eq!((effect, record.state), (Effect::Persist(Durability::Lazy), State::Acknowledged));
    assert_eq!(record.execution.unwrap().status, ExecutionStatus::Open);
}

#[test]
fn no_such_order_is_final_only_after_window_and_visibility() {
    let policy = policy();
    let mut record = sending();
    let _ = record.apply(lost(at(5000)), at(10), &policy);
    let none = |asked_at| Event::Answered { asked_at, report: None };
    // 5 s window, 2 s visibility, 1 s of clock error: final after 8 s, not at it.
    for ms in [10, 5001, 7999, 8000] {
        let effect = record.apply(none(at(ms)), at(ms), &policy);
        assert!(matches!(effect, Effect::Wait(until) if until > at(ms) && until <= at(ms + 1000)));
        assert_eq!(record.state, State::Reconciling);
        assert_eq!(record.apply(Event::Woke, at(ms), &policy), Effect::Ask);
    }
    // Asked before the bound, answered after it: not final either.
    assert!(matches!(record.apply(none(at(8000)), at(9000), &policy), Effect::Wait(_)));
    assert_eq!(record.apply(Event::Woke, at(9000), &policy), Effect::Ask);
    let effect = record.apply(none(at(8001)), at(9000), &policy);
    assert_eq!(effect, Effect::Persist(Durability::Synced));
    assert_eq!((record.state, record.attempts), (State::Submitting, 2));
    assert_eq!(record.apply(Event::Persisted, at(9001), &policy), Effect::Submit);
}

#[test]
fn waits_never_skip_the_moment_that_settles_it() {
    let policy = policy();
    let mut record = sending();
    let _ = record.apply(lost(at(5000)), at(10), &policy);
    let mut now = 10;
    let mut asks = 0;
    loop {
        asks += 1;
        match record.apply(Event::Answered { asked_at: at(now), report: None }, at(now), &policy) {
            Effect::Wait(until) => now = until.as_millis() - START,
            effect => break assert_eq!(effect, Effect::Persist(Durability::Synced)),
        }
        assert_eq!(record.apply(Event::Woke, at(now), &policy), Effect::Ask);
    }
    assert_eq!((now, asks < 20), (8001, true));
}

#[test]
fn attempts_and_age_are_bounded() {
    let policy = policy();
    let mut record = sending();
    let mut sent = 1;
    let mut now = 0;
    loop {
        let _ = record.apply(lost(at(now)), at(now), &policy);
        now += 9000;
        let none = Event::Answered { asked_at: at(now), report: None };
        let effect = record.apply(none, at(now), &policy);
        assert_eq!(effect, Effect::Persist(Durability::Synced));
        if record.state == State::Rejected {
            break;
        }
        assert_eq!(record.apply(Event::Persisted, at(now), &policy), Effect::Submit);
        sent += 1;
    }
    assert_eq!(sent, 3);
    assert_eq!(record.refusal.as_ref().unwrap().code, ErrorCode::ExchangeUnavailable);

    let mut old = sending();
    let _ = old.apply(lost(at(0)), at(0), &policy);
    let none = Event::Answered { asked_at: at(30_001), report: None };
    let _ = old.apply(none, at(30_001), &policy);
    assert_eq!((old.state, old.attempts), (State::Rejected, 1));
}

#[test]
fn an_id_in_use_is_ours_or_an_older_orders() {
    let policy = policy();
    let duplicate = || rejected(RejectReason::DuplicateClientOrderId);
    let found = |report| Event::Answered { asked_at: at(9000), report: Some(report) };

    let mut ours = sending();
    let _ = ours.apply(duplicate(), at(10), &policy);
    assert_eq!(ours.apply(found(filled()), at(9000), &policy), Effect::Persist(Durability::Lazy));
    assert_eq!((ours.state, ours.id_in_use), (State::Acknowledged, false));

    let mut older = sending();
    let _ = older.apply(duplicate(), at(10), &policy);
    let yesterday = Timestamp::from_millis(START - 86_400_000);
    let report = report(OrderStatus::Filled, Decimal::ONE, yesterday);
    assert_eq!(older.apply(found(report), at(9000), &policy), Effect::Persist(Durability::Synced));
    assert_eq!((older.state, older.frees_key()), (State::Rejected, false));
    assert_eq!(older.execution, None);
}

#[test]
fn an_order_of_ours_is_ours_although_our_clock_was_off_when_it_was_written() {
    let policy = policy();
    let mut record = record(false);
    record.intent.written_at = at(3_600_000);
    for event in [Event::Begin, Event::Persisted, lost(at(5000))] {
        let _ = record.apply(event, at(0), &policy);
    }
    let found = Event::Answered { asked_at: at(9000), report: Some(filled()) };
    assert_eq!(record.apply(found, at(9000), &policy), Effect::Persist(Durability::Lazy));
    assert_eq!(record.state, State::Acknowledged);
}

#[test]
fn silence_parks_and_never_rejects() {
    let policy = policy();
    let mut record = sending();
    let mut effect = record.apply(lost(at(0)), at(0), &policy);
    let mut now = 0;
    loop {
        effect = match effect {
            Effect::Ask => record.apply(Event::Unanswered, at(now), &policy),
            Effect::Wait(until) => {
                now = until.as_millis() - START;
                record.apply(Event::Woke, at(now), &policy)
            }
            effect => break assert_eq!(effect, Effect::Park),
        };
    }
    assert_eq!(record.state, State::Unknown);
    assert!(!record.frees_key());
    // Reconciliation begins again with all its questions.
    assert_eq!(record.apply(Event::Loaded, at(now), &policy), Effect::Ask);
    assert!(matches!(record.apply(Event::Unanswered, at(now), &policy), Effect::Wait(_)));
}

#[test]
fn a_loaded_submission_is_unknown_until_its_window_has_passed() {
    let policy = policy();
    let json = serde_json::to_string(&sending()).unwrap();
    let mut record: Record = serde_json::from_str(&json).unwrap();
    assert_eq!(record.apply(Event::Loaded, at(700), &policy), Effect::Ask);
    assert_eq!((record.state, record.final_after), (State::Unknown, Some(at(5700))));
    // Nor does a loaded record pass for durable.
    let mut record: Record = serde_json::from_str(&json).unwrap();
    assert_eq!(record.apply(Event::Woke, at(700), &policy), Effect::Park);
    assert_eq!(record.apply(rejected(RejectReason::Other), at(700), &policy), Effect::Park);
}

#[test]
fn a_rejection_that_cannot_be_stored_is_not_told() {
    let policy = policy();
    let mut record = sending();
    let _ = record.apply(rejected(RejectReason::Other), at(10), &policy);
    assert_eq!(record.apply(Event::PersistFailed, at(10), &policy), Effect::Park);
    assert_eq!((record.state, &record.refusal), (State::Unknown, &None));
}

#[test]
fn fees_are_read_once_and_fills_until_the_bound() {
    let policy = Policy { read_fees: true, ..policy() };
    let mut record = sending();
    let sent = Event::Sent(Ok(Outcome::Acknowledged(filled())));
    assert_eq!(record.apply(sent, at(1), &policy), Effect::ReadFee);
    let fee = Fee { asset: hoox_connector::Asset::new("USDT").unwrap(), amount: Decimal::ONE };
    let effect = record.apply(Event::Fee(Some(fee)), at(2), &policy);
    assert_eq!(effect, Effect::Persist(Durability::Lazy));
    assert_eq!(record.execution.as_ref().unwrap().fee, Some(Decimal::ONE));
    assert_eq!(record.apply(Event::Persisted, at(2), &policy), Effect::Done);

    let mut record = sending();
    let mut effect =
        record.apply(Event::Sent(Ok(Outcome::Accepted(Accepted::default()))), at(1), &policy);
    let mut reads = 0;
    loop {
        effect = match effect {
            Effect::ReadFill => {
                reads += 1;
                record.apply(Event::Answered { asked_at: at(1), report: None }, at(1), &policy)
            }
            Effect::Wait(_) => record.apply(Event::Woke, at(1), &policy),
            effect => break assert_eq!(effect, Effect::Park),
        };
    }
    assert_eq!((reads, record.state), (policy.reads_max, State::Reading));
}

/// A venue that loses requests and replies, delays them up to the receive window, shows orders late,
/// and frees a client order id the moment its order has filled; and a machine that crashes.
struct World {
    random: u64,
    now: u64,
    /// Requests in flight: when they arrive.
    in_flight: Vec<u64>,
    /// When each order that exists came to be.
    orders: Vec<u64>,
    /// How far our clock is ahead of the venue's.
    ahead: u64,
    synced: Option<String>,
    lazy: Option<String>,
    submits: u32,
}

impl World {
    fn dice(&mut self, sides: u64) -> u64 {
        // xorshift64*
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) % sides
    }

    fn advance(&mut self, ms: u64) {
        self.now += ms;
        let now = self.now;
        let arrived = self.in_flight.iter().filter(|when| **when <= now).copied();
        self.orders.extend(arrived);
        self.in_flight.retain(|when| *when > now);
    }

    /// The venue's clock as we see it.
    fn seen(&self) -> Timestamp {
        at(self.now + self.ahead)
    }

    fn submit(&mut self) -> Event {
        self.submits += 1;
        let signed = self.now;
        let step = self.dice(50);
        self.advance(step);
        let lost = lost(at(signed + self.ahead).after(RECV));
        match self.dice(8) {
            0 => rejected(RejectReason::InsufficientBalance),
            1 => unconnected(),
            2 | 3 => {
                self.orders.push(self.now);
                if self.dice(2) == 0 {
                    Event::Sent(Ok(Outcome::Acknowledged(filled())))
                } else {
                    Event::Sent(Ok(Outcome::Accepted(Accepted::default())))
                }
            }
            // Arrived, but the reply is lost.
            4 => {
                self.orders.push(self.now);
                lost
            }
            // Arrives when the venue's clock is at most the signature's time and the window.
            5 => {
                let delay = self.dice(5_000 + self.ahead);
                self.in_flight.push((signed + delay).max(self.now));
                self.advance(0);
                lost
            }
            // An earlier one has landed, if any has.
            6 if !self.orders.is_empty() => rejected(RejectReason::DuplicateClientOrderId),
            _ => lost,
        }
    }

    fn ask(&mut self) -> Event {
        let asked = self.now;
        let (step, silent, late) = (self.dice(50), self.dice(6) == 0, self.dice(2_000));
        self.advance(step);
        if silent {
            return Event::Unanswered;
        }
        let visible = self.orders.first().is_some_and(|since| since + late < asked);
        Event::Answered { asked_at: at(asked + self.ahead), report: visible.then(filled) }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn never_two_orders_never_a_false_refusal_always_an_end(seed in 1u64..) {
        let policy = policy();
        let mut world = World {
            random: seed, now: 0, in_flight: vec![], orders: vec![], ahead: 0,
            synced: None, lazy: None, submits: 0,
        };
        world.ahead = world.dice(1_000);
        let mut record = record(false);
        let mut effect = record.apply(Event::Begin, world.seen(), &policy);
        let mut steps = 0;
        let mut runs = 0;
        loop {
            steps += 1;
            prop_assert!(steps < 5_000, "no end");
            prop_assert!(world.orders.len() + world.in_flight.len() <= 1, "two orders");
            // A crash: what was only lazy may be lost, and everything unwritten is.
            if runs < 6 && world.dice(25) == 0 && world.synced.is_some() {
                runs += 1;
                let image = if world.dice(2) == 0 { world.lazy.clone() } else { None };
                let image = image.or(world.synced.clone()).unwrap();
                record = serde_json::from_str(&image).unwrap();
                let down = world.dice(20_000);
                world.advance(down);
                if record.state.is_final() {
                    break;
                }
                effect = record.apply(Event::Loaded, world.seen(), &policy);
                continue;
            }
            let event = match effect {
                Effect::Persist(durability) => {
                    if world.dice(20) == 0 {
                        Event::PersistFailed
                    } else {
                        let image = Some(serde_json::to_string(&record).unwrap());
                        world.lazy.clone_from(&image);
                        if durability == Durability::Synced {
                            world.synced = image;
                        }
                        Event::Persisted
                    }
                }
                Effect::Submit => {
                    let stored = world.synced.as_deref().expect("no durable intent");
                    let stored: Record = serde_json::from_str(stored).unwrap();
                    prop_assert_eq!(stored.state, State::Submitting);
                    prop_assert_eq!(&stored.intent, &record.intent);
                    world.submit()
                }
                Effect::Ask | Effect::ReadFill => world.ask(),
                Effect::Wait(until) => {
                    let wait = until.since(world.seen());
                    world.advance(u64::try_from(wait.as_millis()).unwrap());
                    Event::Woke
                }
                Effect::ReadFee => Event::Fee(None),
                Effect::Park => {
                    runs += 1;
                    if runs > 12 {
                        break;
                    }
                    world.advance(1_000);
                    // What the store has is what reconciliation sees.
                    world.lazy = Some(serde_json::to_string(&record).unwrap());
                    Event::Loaded
                }
                Effect::Done => break,
            };
            effect = record.apply(event, world.seen(), &policy);
        }
        // A refusal that was told survives any crash.
        if let Some(stored) = world.synced.as_deref().filter(|_| record.state == State::Rejected) {
            prop_assert!(serde_json::from_str::<Record>(stored).unwrap().state.is_final());
        }
        // Whatever is still under way arrives.
        world.advance(60_000);
        prop_assert!(world.orders.len() <= 1, "two orders");
        match record.state {
            State::Acknowledged => prop_assert_eq!(world.orders.len(), 1),
            State::Rejected => prop_assert_eq!(world.orders.len(), 0),
            _ => {}
        }
        prop_assert!(world.submits <= 3 * 13);
    }
}
