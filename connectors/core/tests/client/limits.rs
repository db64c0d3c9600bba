//! Requests wait for the venue's limits, or are refused, as the caller wishes.

use core::time::Duration;

use hoox_connector::{
    Clock, Counted, CountedBy, Error, NotSent, Operation, Patience, RateRule, RateUsage, Refused,
    Span, ThrottleKind,
};

use crate::support::*;

/// Two orders in ten seconds for the account, five requests in a minute for the address.
fn words() -> Words {
    let rule = |counted, by, seconds, limit| {
        RateRule::new(counted, by, Span::Calendar, Duration::from_secs(seconds), limit)
    };
    Words {
        rules: vec![
            rule(Counted::Orders, CountedBy::Account, 10, 2),
            rule(Counted::Weight, CountedBy::Address, 60, 5),
        ],
    }
}

/// The venue's clock is ours exactly, so that windows are where they seem to be.
async fn synced<T: hoox_connector::Transport>(it: &Bench<T>) {
    it.script.lock().unwrap().answers.push_front(ok("1000000"));
    it.client.sync_clock().await.unwrap();
    it.script.lock().unwrap().sent.clear();
}

#[tokio::test]
async fn a_patient_order_waits_for_the_next_window_and_an_impatient_one_is_told_how_long() {
    let it = bench_with(words(), config(), 0, [ok("order"), ok("order"), ok("order")]);
    synced(&it).await;
    for _ in 0..2 {
        it.client.place_with(&order(), Patience::Refuse).await.unwrap();
    }
    let refused = it.client.place_with(&order(), Patience::Refuse).await;
    let Err(Refused::NotSent(NotSent::Throttled(throttle))) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(throttle.kind, ThrottleKind::OrderRate);
    // The window of ten seconds began at 1,000,000; the clock may be wrong by 2 ms.
    assert_eq!(throttle.retry_after, Some(Duration::from_millis(10_002)));
    assert_eq!(it.sent().len(), 2, "nothing was sent");
    it.clock.advance(5_000);
    it.client.place(&order()).await.unwrap();
    // What the clock may have drifted in ten seconds comes on top.
    let waited = it.clock.monotonic().as_millis();
    assert!((10_002..=10_004).contains(&waited), "{waited}");
}

#[tokio::test]
async fn what_would_wait_too_long_is_refused_at_once() {
    let mut config = config();
    config.wait_max = Duration::from_secs(3);
    let it = bench_with(words(), config, 0, [ok("order"), ok("order")]);
    synced(&it).await;
    it.client.place(&order()).await.unwrap();
    it.client.place(&order()).await.unwrap();
    let refused = it.client.place(&order()).await;
    assert!(matches!(refused, Err(Refused::NotSent(NotSent::Throttled(_)))));
    assert_eq!(it.clock.monotonic(), Duration::ZERO, "it did not wait");
}

#[tokio::test]
async fn a_ban_is_not_waited_for() {
    let it = bench_with(words(), config(), 0, [retry_after(418, "5"), ok("order")]);
    assert!(matches!(it.client.place(&order()).await, Err(Refused::Throttled(_))));
    let refused = it.client.place(&order()).await;
    let Err(Refused::NotSent(NotSent::Throttled(throttle))) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!((throttle.kind, it.sent().len()), (ThrottleKind::Banned, 1));
    it.clock.advance(5_000);
    it.client.place(&order()).await.unwrap();
}

#[tokio::test]
async fn what_others_use_is_read_from_the_headers() {
    let used = http::HeaderValue::from_static("5");
    let full = ok("order").map(|response| response.with_header("x-used", used));
    let it = bench_with(words(), config(), 0, [full]);
    synced(&it).await;
    it.clock.advance(1);
    it.client.place(&order()).await.unwrap();
    let refused = it.client.call_with(&Operation::ServerTime, Patience::Refuse).await;
    let Err(Error::NotSent(NotSent::Throttled(throttle))) = refused else { panic!("{refused:?}") };
    assert_eq!(throttle.kind, ThrottleKind::RequestRate);
}

#[tokio::test]
async fn clients_behind_one_address_share_its_weight_but_not_their_orders() {
    let first = bench_with(words(), config(), 0, [ok("order"), ok("order")]);
    synced(&first).await;
    let mut second = bench_with(words(), config(), 0, [ok("order"), ok("order")]);
    second.client = second.client.sharing(first.client.limits().for_another_account());
    let mut third = bench_with(words(), config(), 0, []);
    third.client = third.client.sharing(second.client.limits().clone());
    for it in [&first.client, &first.client] {
        it.place_with(&order(), Patience::Refuse).await.unwrap();
    }
    let refused = first.client.place_with(&order(), Patience::Refuse).await;
    let Err(Refused::NotSent(NotSent::Throttled(throttle))) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(throttle.kind, ThrottleKind::OrderRate);
    for it in [&second.client, &second.client] {
        it.place_with(&order(), Patience::Refuse).await.unwrap();
    }
    // One clock question and four orders were five requests. The third is of the second's account.
    let refused = third.client.place_with(&order(), Patience::Refuse).await;
    let Err(Refused::NotSent(NotSent::Throttled(throttle))) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(throttle.kind, ThrottleKind::RequestRate, "the longer wait is told");
    let used: Vec<u32> = third.client.limits().used(&third.clock).iter().map(|it| it.1).collect();
    assert_eq!(used, [5, 2]);
}

#[tokio::test]
async fn permits_for_other_ways_count_with_the_rest() {
    let it = bench_with(words(), config(), 0, [ok("order")]);
    synced(&it).await;
    let prepared = order();
    let op = Operation::Place(&prepared);
    let unused = it.client.permit(&op, Patience::Refuse).await.unwrap();
    unused.unused();
    let answered = it.client.permit(&op, Patience::Refuse).await.unwrap();
    let window = Duration::from_secs(60);
    let told = RateUsage { orders: false, window, limit: Some(50), used: Some(3) };
    it.client.answered(answered, &[told]);
    // Dropped: nobody knows whether it was counted, so it was.
    drop(it.client.permit(&op, Patience::Refuse).await.unwrap());
    let throttle = it.client.permit(&op, Patience::Refuse).await.unwrap_err();
    assert_eq!(throttle.kind, ThrottleKind::OrderRate);
    let limits: Vec<u32> =
        it.client.limits().used(&it.clock).iter().map(|(rule, _)| rule.limit).collect();
    assert_eq!(limits, [50, 2], "the venue's word for its limit");
}
