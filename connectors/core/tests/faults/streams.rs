//! Faults of the streams: what is told twice, in the wrong order, or not at all.

use core::time::Duration;

use hoox_connector::conformance::Verdict;
use hoox_connector::conformance::live::{Stage, sessions};
use hoox_connector::session::{Backoff, SessionConfig};
use hoox_connector::socket::{
    AccountConfig, AccountEvent, AccountFeed, Delivery, FeedEvent, MarketConfig, MarketEvent,
    MarketFeed, Subscriber,
};
use hoox_connector::{
    Channel, ClientOrderId, Decimal, OrderClass, OrderStatus, SystemClock, Topic,
};
use hoox_venue::{Fault, FaultKind};
use metrics_util::debugging::DebuggingRecorder;

use crate::scene::{Exchange, Scene, Setup, beside, is_taken, on_both_markets, symbol};
use crate::told::{Lines, Metrics};

/// A test for each fault, named after it.
#[macro_export]
macro_rules! stream_faults {
    ($exchange:ty) => {
        $crate::cases!(
            $exchange, $crate::streams:
            market_events_duplicated,
            market_events_reordered,
            market_events_lost,
            market_socket_silent,
            market_connection_reset,
            market_frame_garbage,
            market_frame_not_utf8,
            market_frame_of_the_wrong_kind,
            market_frame_too_long,
            account_events_duplicated,
            account_events_reordered,
            account_socket_silent,
            account_connection_reset,
            account_frame_garbage,
            account_frame_not_utf8,
            account_frame_of_the_wrong_kind,
            account_frame_too_long,
            account_wrong_credentials,
        );
    };
}

fn walking() -> Setup {
    Setup { walk: true, ..Setup::default() }
}

pub(crate) fn hurry(config: &mut SessionConfig) {
    config.backoff = Backoff { first: Duration::from_millis(5), max: Duration::from_millis(50) };
}

/// Gives up a silent socket soon; a busy one is never silent for so long.
fn impatient(config: &mut SessionConfig) {
    hurry(config);
    config.keep_alive.silence_max = Duration::from_secs(5);
}

/// What has no number is told as it comes; the books are right in the end.
async fn books_stay_right<E: Exchange>(kind: FaultKind, matches: &'static str, times: u32) {
    on_both_markets::<E>(walking(), async |it| {
        let fault = Fault::new(kind).on(matches).times(times);
        it.venue.with(|it| it.queue_fault(fault));
        let stage = Stage::new(it.instrument.clone(), Decimal::new(12, 3), "streams");
        let verdict = sessions::market_data(it.client.clone(), &SystemClock, &stage);
        let verdict = Box::pin(verdict).await;
        assert!(matches!(verdict, Verdict::Passed { .. }), "{verdict:?}");
        assert!(it.counters().faults_injected > 0);
    })
    .await;
}

pub(crate) async fn market_events_duplicated<E: Exchange>() {
    books_stay_right::<E>(FaultKind::StreamDuplicate, "EVENT", 40).await;
}

pub(crate) async fn market_events_reordered<E: Exchange>() {
    books_stay_right::<E>(FaultKind::StreamReorder, E::DEPTH, 3).await;
}

/// A gap in the numbers: the book is empty until it is read anew.
pub(crate) async fn market_events_lost<E: Exchange>() {
    books_stay_right::<E>(FaultKind::StreamDrop, E::DEPTH, 2).await;
}

pub(crate) async fn market_socket_silent<E: Exchange>() {
    market_reconnects::<E>(FaultKind::StreamSilent, 1).await;
}

pub(crate) async fn market_connection_reset<E: Exchange>() {
    market_reconnects::<E>(FaultKind::StreamReset, 1).await;
}

pub(crate) async fn market_frame_garbage<E: Exchange>() {
    bad_market_frames::<E>(FaultKind::StreamGarbage).await;
}

pub(crate) async fn market_frame_not_utf8<E: Exchange>() {
    bad_market_frames::<E>(FaultKind::StreamNotUtf8).await;
}

pub(crate) async fn market_frame_of_the_wrong_kind<E: Exchange>() {
    bad_market_frames::<E>(FaultKind::StreamWrongKind).await;
}

pub(crate) async fn market_frame_too_long<E: Exchange>() {
    bad_market_frames::<E>(FaultKind::StreamTooLong).await;
}

/// Three times on each market.
async fn bad_market_frames<E: Exchange>(kind: FaultKind) {
    bad_frames_are_counted_and_logged_once("public", 6, market_reconnects::<E>(kind, 3)).await;
}

/// What happens meanwhile on a session of each market; the log tells of it once a session.
async fn bad_frames_are_counted_and_logged_once(
    stream: &str,
    times: u64,
    meanwhile: impl Future<Output = ()>,
) {
    let recorder = DebuggingRecorder::new();
    let snapshots = recorder.snapshotter();
    let (lines, logged) = Lines::listen(tracing::Level::WARN);
    let counted = metrics::set_default_local_recorder(&recorder);
    meanwhile.await;
    drop((logged, counted));
    let told = Metrics::of(&snapshots);
    assert_eq!(told.sum(&format!("hoox_bad_frames_total[{stream} ")), times);
    assert!(told.sum(&format!("hoox_reconnects_total[{stream}]")) >= times);
    let text = lines.text();
    assert_eq!(text.matches("frame cannot be read").count(), 2, "{text}");
}

async fn market_reconnects<E: Exchange>(kind: FaultKind, times: u32) {
    on_both_markets::<E>(walking(), async |it| {
        let mut config = MarketConfig::default();
        config.session = impatient;
        let (feed, driver) = MarketFeed::new(it.client.clone(), config);
        beside(driver.run(), async {
            let mut events = feed.events();
            let channels = [Channel::BookTop, Channel::Depth];
            feed.subscribe(&channels.map(|channel| Topic { channel, symbol: Some(symbol()) }));
            // Some topics are told before the last one is answered: the fault is for a connection
            // that carries the session.
            let (mut connected, mut book) = (false, false);
            until(&mut events, |it| {
                connected |= matches!(it, MarketEvent::Connected { .. });
                book |= matches!(it, MarketEvent::BookChanged { .. });
                connected && book
            })
            .await;
            for _ in 0..times {
                it.venue.with(|it| it.queue_fault(Fault::new(kind)));
                until(&mut events, |it| matches!(it, MarketEvent::Disconnected { .. })).await;
                until(&mut events, |it| matches!(it, MarketEvent::Connected { .. })).await;
                let (mut top, mut book) = (false, false);
                until(&mut events, |it| {
                    top |= matches!(it, MarketEvent::BookTop(_));
                    book |= matches!(it, MarketEvent::BookChanged { .. });
                    top && book
                })
                .await;
            }
        })
        .await;
    })
    .await;
}

pub(crate) async fn account_events_duplicated<E: Exchange>() {
    account_tells::<E>(FaultKind::StreamDuplicate, 20).await;
}

/// What is told late, after what came of it, is not told.
pub(crate) async fn account_events_reordered<E: Exchange>() {
    account_tells::<E>(FaultKind::StreamReorder, 1).await;
}

/// What was missed is read, and told.
pub(crate) async fn account_socket_silent<E: Exchange>() {
    account_tells::<E>(FaultKind::StreamSilent, 1).await;
}

pub(crate) async fn account_connection_reset<E: Exchange>() {
    account_tells::<E>(FaultKind::StreamReset, 1).await;
}

pub(crate) async fn account_frame_garbage<E: Exchange>() {
    bad_account_frames::<E>(FaultKind::StreamGarbage).await;
}

pub(crate) async fn account_frame_not_utf8<E: Exchange>() {
    bad_account_frames::<E>(FaultKind::StreamNotUtf8).await;
}

pub(crate) async fn account_frame_of_the_wrong_kind<E: Exchange>() {
    bad_account_frames::<E>(FaultKind::StreamWrongKind).await;
}

pub(crate) async fn account_frame_too_long<E: Exchange>() {
    bad_account_frames::<E>(FaultKind::StreamTooLong).await;
}

/// Once on each market.
async fn bad_account_frames<E: Exchange>(kind: FaultKind) {
    bad_frames_are_counted_and_logged_once("private", 2, account_tells::<E>(kind, 1)).await;
}

/// An order is cancelled while the stream has a fault: its states are told once each, in their order,
/// and the last one in any case.
async fn account_tells<E: Exchange>(kind: FaultKind, times: u32) {
    let breaks = !matches!(kind, FaultKind::StreamDuplicate | FaultKind::StreamReorder);
    on_both_markets::<E>(Setup::default(), async |it| {
        let mut config = AccountConfig::default();
        config.symbols = vec![symbol()];
        // Only where silence is the fault: an account may have nothing to say for minutes.
        config.session = if kind == FaultKind::StreamSilent { impatient } else { hurry };
        let (feed, driver) = AccountFeed::new(it.client.clone(), config);
        beside(driver.run(), async {
            let mut events = feed.events();
            let mut told = Vec::new();
            until(&mut events, |it| *it == AccountEvent::Resynced).await;
            let begin = || it.venue.with(|it| it.queue_fault(Fault::new(kind).times(times)));
            if !breaks {
                begin();
            }
            let order = it.order();
            let id = order.order().client_order_id.unwrap();
            let outcome = it.client.place(&order).await;
            assert!(is_taken(&outcome), "{outcome:?}");
            if breaks {
                until(&mut events, |it| state_of(it, id, &mut told) == Some(OrderStatus::New))
                    .await;
                begin();
            }
            cancel(it, id).await;
            until(&mut events, |it| state_of(it, id, &mut told) == Some(OrderStatus::Canceled))
                .await;
            assert!(it.counters().faults_injected > 0);
            // Whatever else comes of it, nothing is told again.
            let another = it.order();
            it.is_taken(&another).await;
            let last = another.order().client_order_id;
            until(&mut events, |event| {
                state_of(event, id, &mut told);
                matches!(event, AccountEvent::Order(it) if it.client_order_id == last)
            })
            .await;
            let full = [OrderStatus::New, OrderStatus::Canceled];
            let late = kind == FaultKind::StreamReorder && told == full[1..];
            assert!(told == full || late, "{told:?}");
        })
        .await;
    })
    .await;
}

/// The state that an event tells of an order, which is written down.
fn state_of(
    event: &AccountEvent,
    id: ClientOrderId,
    told: &mut Vec<OrderStatus>,
) -> Option<OrderStatus> {
    let AccountEvent::Order(it) = event else { return None };
    if it.client_order_id != Some(id) {
        return None;
    }
    told.push(it.status);
    Some(it.status)
}

/// Cancels an order as soon as the venue can find it.
async fn cancel<E: Exchange>(it: &Scene<E>, id: ClientOrderId) {
    for _ in 0..50 {
        let outcome = it.client.cancel(symbol(), id, OrderClass::Plain).await;
        if is_taken(&outcome) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it cannot be cancelled");
}

/// The feed stops with the venue's words instead of trying for ever.
pub(crate) async fn account_wrong_credentials<E: Exchange>() {
    let setup =
        Setup { mislead: |endpoint| endpoint.api_secret = "wrong".repeat(8), ..Setup::default() };
    on_both_markets::<E>(setup, async |it| {
        let mut config = AccountConfig::default();
        config.session = hurry;
        let (feed, driver) = AccountFeed::new(it.client.clone(), config);
        let mut events = feed.events();
        let asked = it.counters();
        Box::pin(driver.run()).await;
        let mut stopped = None;
        while let Some(Delivery::Event(event)) = events.next().await {
            if let AccountEvent::Stopped(refusal) = event {
                stopped = Some(refusal);
            }
        }
        assert!(!stopped.unwrap().message.is_empty(), "the venue's own words");
        let now = it.counters();
        let attempts = now.requests + now.messages - asked.requests - asked.messages;
        // Twice, and the venue's clock in between: it might have been that.
        assert!(attempts <= 8, "{attempts} attempts");
    })
    .await;
}

pub(crate) async fn until<V: FeedEvent>(
    events: &mut Subscriber<V>,
    mut there: impl FnMut(&V) -> bool,
) {
    loop {
        match events.next().await {
            Some(Delivery::Event(event)) if there(&event) => return,
            Some(Delivery::Event(_)) => {}
            Some(Delivery::Lagged { lost }) => panic!("lost: {lost}"),
            None => panic!("the feed has ended"),
        }
    }
}
