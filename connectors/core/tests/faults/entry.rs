//! Faults on the way of an order over a WebSocket.

use core::time::Duration;

use hoox_connector::session::{Backoff, SessionConfig};
use hoox_connector::socket::{EntryClient, EntryConfig, EntryState};
use hoox_connector::{
    NotSent, OrderEntry, Outcome, Patience, Refused, RejectReason, SystemClock, ThrottleKind,
    UnknownCause,
};
use hoox_venue::{Fault, FaultKind, Rules, SessionFault, TradingStatus, Venue};

use crate::scene::{
    Exchange, Line, Scene, Setup, beside, is_taken, now_ms, on_both_markets, side_of, throttled,
};

/// A test for each fault, named after it.
#[macro_export]
macro_rules! entry_faults {
    ($exchange:ty) => {
        $crate::cases!(
            $exchange, $crate::entry:
            entry_reply_lost_after_execution,
            entry_reply_delayed,
            entry_connection_reset_before_the_request_was_read,
            entry_connection_reset_after_the_request_was_read,
            entry_http_429,
            entry_http_418,
            entry_http_5xx_after_execution,
            entry_http_5xx_before_execution,
            entry_overloaded,
            entry_silent_socket,
            entry_maintenance,
            entry_clock_skew,
            entry_symbol_halted,
            entry_filters_changed_under_the_client,
            entry_wrong_credentials,
        );
    };
}

type Entry<E> = EntryClient<<E as Exchange>::Dialect, Line, SystemClock>;

/// Long enough for a busy computer, short enough to wait for.
const ANSWER_MAX: Duration = Duration::from_millis(1_500);

fn hurry(config: &mut SessionConfig) {
    config.backoff = Backoff { first: Duration::from_millis(5), max: Duration::from_millis(50) };
}

/// Runs a case on both markets, with a socket that takes orders.
async fn over_the_socket<E: Exchange<Dialect: OrderEntry>>(
    session: fn(&mut SessionConfig),
    case: impl AsyncFn(&Scene<E>, &Entry<E>),
) {
    on_both_markets::<E>(Setup::default(), async |it| {
        let mut config = EntryConfig::default();
        config.answer_max = ANSWER_MAX;
        config.session = session;
        let (entry, driver) = EntryClient::new(it.client.clone(), config);
        beside(driver.run(), async {
            assert_eq!(entry.settled().await, EntryState::Ready);
            case(it, &entry).await;
        })
        .await;
    })
    .await;
}

/// Lets the next order on the socket meet a fault.
fn fault<E: Exchange>(it: &Scene<E>, fault: Fault) {
    assert!(it.venue.with(|it| it.queue_fault(fault.on(" order."))));
}

/// The socket takes orders, if need be on a new connection.
async fn goes_on<E: Exchange<Dialect: OrderEntry>>(it: &Scene<E>, entry: &Entry<E>) {
    assert_eq!(entry.settled().await, EntryState::Ready);
    let order = it.order();
    let outcome = entry.place(&order).await;
    assert!(is_taken(&outcome), "{outcome:?}");
    assert_eq!(it.count(&order), 1);
}

/// The order was executed: it is found, and was not sent a second time by another way.
async fn found_after<E: Exchange<Dialect: OrderEntry>>(
    it: &Scene<E>,
    entry: &Entry<E>,
    kind: Fault,
) {
    let order = it.order();
    fault(it, kind);
    it.is_found(entry.place(&order).await, &order).await;
    goes_on(it, entry).await;
}

pub(crate) async fn entry_reply_lost_after_execution<E: Exchange<Dialect: OrderEntry>>() {
    over_the_socket::<E>(hurry, async |it, entry| {
        found_after(it, entry, Fault::new(FaultKind::ReplyLost)).await;
    })
    .await;
}

/// The answer comes when nobody waits for it any more, and does no harm.
pub(crate) async fn entry_reply_delayed<E: Exchange<Dialect: OrderEntry>>() {
    over_the_socket::<E>(hurry, async |it, entry| {
        found_after(it, entry, Fault::new(FaultKind::Delay).ms(2_000)).await;
        tokio::time::sleep(Duration::from_millis(800)).await;
        goes_on(it, entry).await;
    })
    .await;
}

pub(crate) async fn entry_connection_reset_after_the_request_was_read<
    E: Exchange<Dialect: OrderEntry>,
>() {
    over_the_socket::<E>(hurry, async |it, entry| {
        found_after(it, entry, Fault::new(FaultKind::ResetAfter)).await;
    })
    .await;
}

/// A byte has left, so that REST is no way out: the venue is asked first.
pub(crate) async fn entry_connection_reset_before_the_request_was_read<
    E: Exchange<Dialect: OrderEntry>,
>() {
    over_the_socket::<E>(hurry, async |it, entry| {
        let order = it.order();
        fault(it, Fault::new(FaultKind::ResetBefore));
        let outcome = entry.place(&order).await;
        assert_eq!(it.count(&order), 0);
        it.never_arrived(outcome, &order).await;
        goes_on(it, entry).await;
    })
    .await;
}

pub(crate) async fn entry_http_429<E: Exchange<Dialect: OrderEntry>>() {
    over_the_socket::<E>(hurry, async |it, entry| {
        let order = it.order();
        fault(it, Fault::new(FaultKind::Http429).ms(2_000));
        let throttle = throttled(entry.place(&order).await);
        let kinds = [ThrottleKind::RequestRate, ThrottleKind::OrderRate];
        assert!(kinds.contains(&throttle.kind), "{throttle:?}");
        assert_eq!(it.count(&order), 0);
        goes_on(it, entry).await;
    })
    .await;
}

/// After a ban nothing is sent until it ends, by no way.
pub(crate) async fn entry_http_418<E: Exchange<Dialect: OrderEntry>>() {
    over_the_socket::<E>(hurry, async |it, entry| {
        let order = it.order();
        fault(it, Fault::new(FaultKind::Http418).ms(60_000));
        // On its sockets Bybit has no other word for it than for the limit itself.
        let kind =
            if E::VENUE == Venue::Bybit { ThrottleKind::RequestRate } else { ThrottleKind::Banned };
        assert_eq!(throttled(entry.place(&order).await).kind, kind);
        let sent = (it.counters().requests, it.counters().messages);
        let at_once = Patience::Refuse;
        for refused in
            [entry.place_with(&order, at_once).await, it.client.place_with(&order, at_once).await]
        {
            let Err(Refused::NotSent(NotSent::Throttled(throttle))) = refused else {
                panic!("{refused:?}")
            };
            assert_eq!(throttle.kind, kind);
        }
        assert_eq!((it.counters().requests, it.counters().messages), sent);
        assert_eq!(it.count(&order), 0);
    })
    .await;
}

const SERVER_ERRORS: [FaultKind; 3] =
    [FaultKind::Http500Unexpected, FaultKind::Http504Timeout, FaultKind::Http503Unknown];

pub(crate) async fn entry_http_5xx_after_execution<E: Exchange<Dialect: OrderEntry>>() {
    over_the_socket::<E>(hurry, async |it, entry| {
        for kind in SERVER_ERRORS {
            let order = it.order();
            fault(it, Fault::new(kind).executed(true));
            let unknown = it.is_found(entry.place(&order).await, &order).await;
            assert!(matches!(unknown.cause, UnknownCause::Venue { .. }), "{kind}: {unknown:?}");
        }
    })
    .await;
}

pub(crate) async fn entry_http_5xx_before_execution<E: Exchange<Dialect: OrderEntry>>() {
    over_the_socket::<E>(hurry, async |it, entry| {
        let mut sent = Vec::new();
        for kind in SERVER_ERRORS {
            let order = it.order();
            fault(it, Fault::new(kind).executed(false));
            sent.push((entry.place(&order).await, order));
        }
        for (outcome, order) in sent {
            it.never_arrived(outcome, &order).await;
        }
    })
    .await;
}

pub(crate) async fn entry_overloaded<E: Exchange<Dialect: OrderEntry>>() {
    over_the_socket::<E>(hurry, async |it, entry| {
        let order = it.order();
        fault(it, Fault::new(FaultKind::Http503Throttled));
        assert_eq!(throttled(entry.place(&order).await).kind, ThrottleKind::Overloaded);
        assert_eq!(it.count(&order), 0);
        goes_on(it, entry).await;
    })
    .await;
}

/// The socket takes the order and says nothing any more.
pub(crate) async fn entry_silent_socket<E: Exchange<Dialect: OrderEntry>>() {
    let session = |config: &mut SessionConfig| {
        hurry(config);
        config.keep_alive.interval = Duration::from_millis(500);
        config.keep_alive.silence_max = Duration::from_secs(4);
    };
    over_the_socket::<E>(session, async |it, entry| {
        let order = it.order();
        let silent =
            it.venue.with(|it| it.hit_sessions(now_ms(), E::VENUE, None, SessionFault::Silence, 0));
        assert_eq!(silent, 1);
        let outcome = entry.place(&order).await;
        it.never_arrived(outcome, &order).await;
        // The connection is given up, and another one opened: there are two by then.
        while it.counters().sessions < 2 && entry.state() != EntryState::Connecting {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        goes_on(it, entry).await;
    })
    .await;
}

pub(crate) async fn entry_maintenance<E: Exchange<Dialect: OrderEntry>>() {
    over_the_socket::<E>(hurry, async |it, entry| {
        let order = it.order();
        it.venue.with(|it| it.queue_fault(Fault::new(FaultKind::Maintenance).ms(600_000)));
        let outcome = entry.place(&order).await;
        assert_eq!(it.count(&order), 0);
        it.venue.with(|it| it.clear_faults());
        match outcome {
            // Without a socket it went over REST, where Binance futures say that it was no use.
            Err(Refused::Throttled(_)) => it.is_taken(&order).await,
            outcome => it.never_arrived(outcome, &order).await,
        }
        goes_on(it, entry).await;
    })
    .await;
}

pub(crate) async fn entry_clock_skew<E: Exchange<Dialect: OrderEntry>>() {
    over_the_socket::<E>(hurry, async |it, entry| {
        for skew_ms in [30_000, -30_000] {
            let order = it.order();
            it.venue.with(|it| it.queue_fault(Fault::new(FaultKind::ClockSkew).ms(skew_ms)));
            let refused = it.counters().bad_timestamps;
            assert_eq!(rejected(entry.place(&order).await), RejectReason::Clock);
            assert_eq!(it.count(&order), 0);
            // Sending it once more is the caller's decision, and safe.
            let outcome = entry.place(&order).await;
            assert!(is_taken(&outcome), "{outcome:?}");
            assert_eq!(it.count(&order), 1);
            assert_eq!(it.counters().bad_timestamps, refused + 1);
        }
    })
    .await;
}

pub(crate) async fn entry_symbol_halted<E: Exchange<Dialect: OrderEntry>>() {
    use RejectReason::{InvalidRequest, NotTrading};
    over_the_socket::<E>(hurry, async |it, entry| {
        let order = it.order();
        let (market, name) = (side_of(it.market), it.instrument.venue_symbol.as_str());
        let halt = TradingStatus::Halt;
        assert!(it.venue.with(|it| it.set_status_on(E::VENUE, market, name, halt)));
        let reason = rejected(entry.place(&order).await);
        // Bybit spot documents no code for it: a wrong parameter.
        let coded = (E::VENUE, it.market) != (Venue::Bybit, hoox_connector::Market::Spot);
        assert_eq!(reason, if coded { NotTrading } else { InvalidRequest });
        assert_eq!(it.count(&order), 0);
    })
    .await;
}

pub(crate) async fn entry_filters_changed_under_the_client<E: Exchange<Dialect: OrderEntry>>() {
    use RejectReason::{InvalidRequest, Precision, Price};
    over_the_socket::<E>(hurry, async |it, entry| {
        let order = it.order();
        let rules = Rules { tick: Some(1.into()), ..Rules::default() };
        let (market, name) = (side_of(it.market), it.instrument.venue_symbol.as_str());
        let set = it.venue.with(|it| it.set_rules_on(E::VENUE, now_ms(), market, name, &rules));
        assert!(set);
        let reason = rejected(entry.place(&order).await);
        // Bybit names it in the words of a wrong parameter.
        assert!([Price, Precision, InvalidRequest].contains(&reason), "{reason:?}");
        assert_eq!(it.count(&order), 0);
    })
    .await;
}

/// A session that is let in by its first frame stops; one that signs each order tells with the order.
pub(crate) async fn entry_wrong_credentials<E: Exchange<Dialect: OrderEntry>>() {
    let setup =
        Setup { mislead: |endpoint| endpoint.api_secret = "wrong".repeat(8), ..Setup::default() };
    on_both_markets::<E>(setup, async |it| {
        let mut config = EntryConfig::default();
        config.session = hurry;
        config.rest_fallback = false;
        let (entry, driver) = EntryClient::new(it.client.clone(), config);
        beside(driver.run(), async {
            let order = it.order();
            match (entry.settled().await, entry.place(&order).await) {
                (EntryState::Ready, Err(Refused::Rejected(rejection))) => {
                    assert_eq!(rejection.reason, RejectReason::BadSignature);
                }
                (EntryState::Stopped(refusal), Err(Refused::NotSent(_))) => {
                    assert!(!refusal.message.is_empty(), "the venue's own words: {refusal:?}");
                    while it.counters().sessions > 0 {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
                other => panic!("{other:?}"),
            }
            // No storm: once, or once more as it might have been the clock.
            assert!((1..=2).contains(&it.counters().messages), "{:?}", it.counters());
            assert_eq!(it.count(&order), 0);
        })
        .await;
    })
    .await;
}

fn rejected(outcome: Result<Outcome, Refused>) -> RejectReason {
    match outcome {
        Err(Refused::Rejected(rejection)) => rejection.reason,
        other => panic!("{other:?}"),
    }
}
