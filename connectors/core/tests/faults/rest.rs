//! Faults on the way of an order over REST.

use core::time::Duration;

use hoox_connector::{
    ExchangeProvider, Market, NotSent, Operation, Patience, Refused, RejectReason, ThrottleKind,
    UnknownCause,
};
use hoox_venue::{Fault, FaultKind, Rules, TradingStatus, Venue};

use crate::scene::{Exchange, Scene, Setup, everywhere, now_ms, side_of, throttled};

/// A test for each fault, named after it.
#[macro_export]
macro_rules! rest_faults {
    ($exchange:ty) => {
        $crate::cases!(
            $exchange, $crate::rest:
            reply_lost_after_execution,
            reply_delayed,
            reply_truncated,
            connection_cut_in_the_middle_of_the_reply,
            request_delayed,
            request_delayed_beyond_its_window,
            connection_reset_before_the_request_was_read,
            connection_reset_after_the_request_was_read,
            http_429,
            http_418,
            http_403,
            http_5xx_after_execution,
            http_5xx_before_execution,
            http_503_unknown,
            http_503_unavailable,
            http_503_overloaded,
            maintenance,
            html_instead_of_json,
            clock_skew,
            symbol_halted,
            filters_changed_under_the_client,
            wrong_secret,
            wrong_key,
        );
    };
}

/// One test for each case.
#[macro_export]
macro_rules! cases {
    ($exchange:ty, $module:path: $($name:ident),+ $(,)?) => {
        $(#[tokio::test]
        async fn $name() {
            use $module as module;
            module::$name::<$exchange>().await;
        })+
    };
}

pub(crate) async fn reply_lost_after_execution<E: Exchange>() {
    everywhere::<E>(Setup::default(), async |it| found_after(it, FaultKind::ReplyLost).await).await;
}

pub(crate) async fn connection_reset_after_the_request_was_read<E: Exchange>() {
    everywhere::<E>(Setup::default(), async |it| found_after(it, FaultKind::ResetAfter).await)
        .await;
}

async fn found_after<E: Exchange>(it: &Scene<E>, kind: FaultKind) {
    // On a new connection, and on a kept one.
    for _ in 0..2 {
        let order = it.order();
        it.fault(Fault::new(kind));
        let unknown = it.is_found(it.client.place(&order).await, &order).await;
        assert!(matches!(unknown.cause, UnknownCause::Transport(_)), "{unknown:?}");
    }
}

/// Its header told how long it would be: what came is never taken for the whole.
pub(crate) async fn connection_cut_in_the_middle_of_the_reply<E: Exchange>() {
    everywhere::<E>(Setup::default(), async |it| found_after(it, FaultKind::ReplyCut).await).await;
}

pub(crate) async fn reply_truncated<E: Exchange>() {
    everywhere::<E>(Setup::default(), async |it| {
        let order = it.order();
        it.fault(Fault::new(FaultKind::Truncated));
        let unknown = it.is_found(it.client.place(&order).await, &order).await;
        assert!(matches!(unknown.cause, UnknownCause::Malformed(_)), "{unknown:?}");
    })
    .await;
}

pub(crate) async fn reply_delayed<E: Exchange>() {
    // Longer than the client waits.
    let setup = Setup { timeout: Duration::from_millis(700), ..Setup::default() };
    everywhere::<E>(setup, async |it| {
        let order = it.order();
        it.fault(Fault::new(FaultKind::Delay).ms(5_000));
        let unknown = it.is_found(it.client.place(&order).await, &order).await;
        assert!(matches!(unknown.cause, UnknownCause::Transport(_)), "{unknown:?}");
    })
    .await;
    // No longer than that.
    everywhere::<E>(Setup::default(), async |it| {
        let order = it.order();
        it.fault(Fault::new(FaultKind::Delay).ms(100));
        it.is_taken(&order).await;
    })
    .await;
}

/// The order is not there yet when it is asked for, and comes later.
pub(crate) async fn request_delayed<E: Exchange>() {
    let (timeout, recv_window) = (Duration::from_millis(500), Duration::from_secs(4));
    let setup = Setup { timeout, recv_window, ..Setup::default() };
    everywhere::<E>(setup, async |it| {
        let order = it.order();
        it.fault(Fault::new(FaultKind::DelayBefore).ms(1_500));
        it.is_found(it.client.place(&order).await, &order).await;
        assert_eq!(it.counters().bad_timestamps, 0);
    })
    .await;
}

/// The venue refuses what comes too late, so that it never becomes an order.
pub(crate) async fn request_delayed_beyond_its_window<E: Exchange>() {
    let (timeout, recv_window) = (Duration::from_millis(500), Duration::from_secs(1));
    let setup = Setup { timeout, recv_window, ..Setup::default() };
    everywhere::<E>(setup, async |it| {
        // Where the window cannot be chosen, the test would have to wait for the venue's.
        if it.client.provider().recv_window() > recv_window {
            return;
        }
        let order = it.order();
        it.fault(Fault::new(FaultKind::DelayBefore).ms(2_000));
        it.never_arrived(it.client.place(&order).await, &order).await;
        assert_eq!(it.counters().bad_timestamps, 1);
    })
    .await;
}

pub(crate) async fn connection_reset_before_the_request_was_read<E: Exchange>() {
    let setup = Setup { patient: true, ..Setup::default() };
    everywhere::<E>(setup, async |it| {
        let order = it.order();
        it.fault(Fault::new(FaultKind::ResetBefore));
        it.never_arrived(it.client.place(&order).await, &order).await;
    })
    .await;
}

pub(crate) async fn http_429<E: Exchange>() {
    everywhere::<E>(Setup::default(), async |it| {
        let order = it.order();
        it.fault(Fault::new(FaultKind::Http429).ms(2_000));
        let throttle = throttled(it.client.place(&order).await);
        let kinds = [ThrottleKind::RequestRate, ThrottleKind::OrderRate];
        assert!(kinds.contains(&throttle.kind), "{throttle:?}");
        let asked = it.counters().requests;
        let refused = it.client.place_with(&order, Patience::Refuse).await;
        assert!(matches!(refused, Err(Refused::NotSent(NotSent::Throttled(_)))), "{refused:?}");
        assert_eq!((it.counters().requests, it.count(&order)), (asked, 0));
        // The patient wait as long as the venue says.
        it.is_taken(&order).await;
    })
    .await;
}

/// After a ban nothing is sent until it ends.
pub(crate) async fn http_418<E: Exchange>() {
    everywhere::<E>(Setup::default(), async |it| {
        let order = it.order();
        it.fault(Fault::new(FaultKind::Http418).ms(3_000));
        let throttle = throttled(it.client.place(&order).await);
        assert_eq!(throttle.kind, ThrottleKind::Banned);
        let asked = it.counters().requests;
        let refused = it.client.place(&order).await;
        let Err(Refused::NotSent(NotSent::Throttled(throttle))) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(throttle.kind, ThrottleKind::Banned);
        let read = it.client.call(&Operation::ServerTime).await;
        assert!(read.is_err(), "{read:?}");
        assert_eq!((it.counters().requests, it.count(&order)), (asked, 0));
        // Where the shortest ban is minutes long, its end is the limiter's tests' business.
        let wait = throttle.retry_after.unwrap();
        if wait <= Duration::from_secs(10) {
            tokio::time::sleep(wait).await;
            it.is_taken(&order).await;
        }
    })
    .await;
}

/// The firewall stands before the engine: there is certainly no order.
pub(crate) async fn http_403<E: Exchange>() {
    everywhere::<E>(Setup::default(), async |it| {
        let order = it.order();
        it.fault(Fault::new(FaultKind::Http403));
        let refused = throttled(it.client.place(&order).await);
        assert_eq!(refused.kind, ThrottleKind::Banned);
        assert_eq!(it.count(&order), 0);
    })
    .await;
}

const SERVER_ERRORS: [FaultKind; 4] =
    [FaultKind::Http500Unexpected, FaultKind::Http504Timeout, FaultKind::Http408, FaultKind::Html];

pub(crate) async fn http_5xx_after_execution<E: Exchange>() {
    everywhere::<E>(Setup::default(), async |it| executed(it, &SERVER_ERRORS).await).await;
}

pub(crate) async fn http_5xx_before_execution<E: Exchange>() {
    everywhere::<E>(Setup::default(), async |it| not_executed(it, &SERVER_ERRORS).await).await;
}

pub(crate) async fn http_503_unknown<E: Exchange>() {
    everywhere::<E>(Setup::default(), async |it| {
        executed(it, &[FaultKind::Http503Unknown]).await;
        not_executed(it, &[FaultKind::Http503Unknown]).await;
    })
    .await;
}

pub(crate) async fn html_instead_of_json<E: Exchange>() {
    everywhere::<E>(Setup::default(), async |it| {
        executed(it, &[FaultKind::Html]).await;
        not_executed(it, &[FaultKind::Html]).await;
    })
    .await;
}

async fn executed<E: Exchange>(it: &Scene<E>, kinds: &[FaultKind]) {
    for kind in kinds {
        let order = it.order();
        it.fault(Fault::new(*kind).executed(true));
        let unknown = it.is_found(it.client.place(&order).await, &order).await;
        assert!(matches!(unknown.cause, UnknownCause::Venue { .. }), "{kind}: {unknown:?}");
    }
}

async fn not_executed<E: Exchange>(it: &Scene<E>, kinds: &[FaultKind]) {
    let mut sent = Vec::new();
    for kind in kinds {
        let order = it.order();
        it.fault(Fault::new(*kind).executed(false));
        sent.push((it.client.place(&order).await, order));
    }
    for (outcome, order) in sent {
        it.never_arrived(outcome, &order).await;
    }
}

/// Binance futures say in plain text that nothing was executed; elsewhere a 503 leaves it open.
pub(crate) async fn http_503_unavailable<E: Exchange>() {
    everywhere::<E>(Setup::default(), async |it| {
        let order = it.order();
        it.fault(Fault::new(FaultKind::Http503Unavailable));
        let outcome = it.client.place(&order).await;
        if (E::VENUE, it.market) == (Venue::Binance, Market::Linear) {
            assert_eq!(throttled(outcome).kind, ThrottleKind::Overloaded);
            assert_eq!(it.count(&order), 0);
            it.is_taken(&order).await;
        } else {
            it.never_arrived(outcome, &order).await;
        }
    })
    .await;
}

/// MEXC has no words for it.
pub(crate) async fn http_503_overloaded<E: Exchange>() {
    everywhere::<E>(Setup::default(), async |it| {
        let order = it.order();
        it.fault(Fault::new(FaultKind::Http503Throttled));
        let outcome = it.client.place(&order).await;
        if E::VENUE == Venue::Mexc {
            return it.never_arrived(outcome, &order).await;
        }
        assert_eq!(throttled(outcome).kind, ThrottleKind::Overloaded);
        assert_eq!(it.count(&order), 0);
        // It says nothing about the next request.
        it.is_taken(&order).await;
    })
    .await;
}

pub(crate) async fn maintenance<E: Exchange>() {
    everywhere::<E>(Setup::default(), async |it| {
        let order = it.order();
        let down = Fault::new(FaultKind::Maintenance).ms(600_000);
        it.venue.with(|it| it.queue_fault(down));
        let outcome = it.client.place(&order).await;
        assert!(it.client.ticker(order.order().symbol).await.is_err());
        it.venue.with(|it| it.clear_faults());
        match outcome {
            Err(Refused::Throttled(_)) => it.is_taken(&order).await,
            outcome => it.never_arrived(outcome, &order).await,
        }
    })
    .await;
}

/// The venue refuses the timestamp once; the client knows the venue's time afterwards.
pub(crate) async fn clock_skew<E: Exchange>() {
    everywhere::<E>(Setup::default(), async |it| {
        for skew_ms in [30_000, -30_000] {
            let order = it.order();
            it.venue.with(|it| it.queue_fault(Fault::new(FaultKind::ClockSkew).ms(skew_ms)));
            let refused = it.counters().bad_timestamps;
            match it.client.place(&order).await {
                Err(Refused::Rejected(rejection)) => {
                    assert_eq!(rejection.reason, RejectReason::Clock);
                }
                other => panic!("{other:?}"),
            }
            assert_eq!(it.count(&order), 0);
            // Sending it once more is the caller's decision, and safe.
            it.is_taken(&order).await;
            assert_eq!(it.counters().bad_timestamps, refused + 1);
            let told = it.client.venue_now().as_millis() as i64 - now_ms() as i64;
            assert!((told - skew_ms).abs() < 1_000, "{told} ms ahead, not {skew_ms}");
        }
    })
    .await;
}

pub(crate) async fn symbol_halted<E: Exchange>() {
    use RejectReason::{InvalidRequest, NotTrading};
    everywhere::<E>(Setup::default(), async |it| {
        let order = it.order();
        let set = |status| {
            let (market, name) = (side_of(it.market), it.instrument.venue_symbol.as_str());
            assert!(it.venue.with(|it| it.set_status_on(E::VENUE, market, name, status)));
        };
        set(TradingStatus::Halt);
        match it.client.place(&order).await {
            Err(Refused::Rejected(rejection)) => {
                // Bybit spot documents no code for it: a wrong parameter.
                let coded = (E::VENUE, it.market) != (Venue::Bybit, Market::Spot);
                let reason = if coded { NotTrading } else { InvalidRequest };
                assert_eq!(rejection.reason, reason, "{rejection:?}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(it.count(&order), 0);
        set(TradingStatus::Trading);
        it.is_taken(&order).await;
    })
    .await;
}

pub(crate) async fn filters_changed_under_the_client<E: Exchange>() {
    use RejectReason::{InvalidRequest, Precision, Price};
    everywhere::<E>(Setup::default(), async |it| {
        let order = it.order();
        let rules = Rules { tick: Some(1.into()), ..Rules::default() };
        let (market, name) = (side_of(it.market), it.instrument.venue_symbol.as_str());
        let set = it.venue.with(|it| it.set_rules_on(E::VENUE, now_ms(), market, name, &rules));
        assert!(set);
        match it.client.place(&order).await {
            Err(Refused::Rejected(rejection)) => {
                // Bybit names it in the words of a wrong parameter.
                let reasons = [Price, Precision, InvalidRequest];
                assert!(reasons.contains(&rejection.reason), "{rejection:?}");
            }
            other => panic!("{other:?}"),
        }
        let refused: u64 = it.counters().errors.values().sum();
        assert_eq!((it.count(&order), refused), (0, 1));
        let listed = it.client.instruments().await.unwrap();
        let instrument = listed.find(&order.order().symbol).unwrap();
        it.is_taken(&it.order_on(instrument)).await;
    })
    .await;
}

pub(crate) async fn wrong_secret<E: Exchange>() {
    let setup =
        Setup { mislead: |endpoint| endpoint.api_secret = "wrong".repeat(8), ..Setup::default() };
    everywhere::<E>(setup, async |it| {
        refused_once(it, RejectReason::BadSignature).await;
        assert_eq!(it.counters().bad_signatures, 1);
    })
    .await;
}

pub(crate) async fn wrong_key<E: Exchange>() {
    let setup =
        Setup { mislead: |endpoint| endpoint.api_key = "wrong".repeat(8), ..Setup::default() };
    everywhere::<E>(setup, async |it| {
        refused_once(it, RejectReason::BadKey).await;
        assert_eq!(it.counters().bad_keys, 1);
    })
    .await;
}

async fn refused_once<E: Exchange>(it: &Scene<E>, reason: RejectReason) {
    let order = it.order();
    let asked = it.counters().requests;
    match it.client.place(&order).await {
        Err(Refused::Rejected(rejection)) => assert_eq!(rejection.reason, reason),
        other => panic!("{other:?}"),
    }
    assert_eq!((it.counters().requests, it.count(&order)), (asked + 1, 0));
}
