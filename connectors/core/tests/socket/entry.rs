use std::time::Duration;

use hoox_connector::socket::{EntryClient, EntryConfig, EntryState};
use hoox_connector::{
    ClientOrderId, MemoryTransport, NotSent, OrderClass, Outcome, Refused, RejectReason,
    SystemClock, Throttle, ThrottleKind, Unknown, UnknownCause,
};
use tokio::task::JoinHandle;

use crate::peer::{Host, PATIENCE, Peer};
use crate::words::{Answering, Rest, Words, client, hurry, order, symbol};

type Entry = EntryClient<Words, MemoryTransport<Answering>, SystemClock>;
type Placing = JoinHandle<Result<Outcome, Refused>>;

pub(crate) struct Scene {
    pub(crate) host: Host,
    rest: Rest,
    pub(crate) entry: Entry,
    driver: JoinHandle<()>,
}

impl Scene {
    pub(crate) async fn new(adjust: impl FnOnce(&mut Words, &mut EntryConfig)) -> Self {
        let host = Host::new().await;
        let (mut words, rest) = (Words::at(host.url()), Rest::default());
        let mut config = EntryConfig::default();
        config.session = hurry;
        adjust(&mut words, &mut config);
        let (entry, driver) = EntryClient::new(client(words, &rest), config);
        let driver = tokio::spawn(driver.run());
        Self { host, rest, entry, driver }
    }

    async fn ready() -> (Self, Peer) {
        Self::ready_with(|_, _| {}).await
    }

    async fn ready_with(adjust: impl FnOnce(&mut Words, &mut EntryConfig)) -> (Self, Peer) {
        let scene = Self::new(adjust).await;
        let peer = scene.serve().await;
        assert_eq!(scene.entry.settled().await, EntryState::Ready);
        (scene, peer)
    }

    async fn serve(&self) -> Peer {
        let mut peer = self.host.accept().await;
        assert_eq!(peer.hear().await, "logon");
        peer.say("logon ok").await;
        peer
    }

    /// Waits until orders do, or do not, go over the socket.
    pub(crate) async fn wait_for(&self, ready: bool) {
        let wait = async {
            while (self.entry.state() == EntryState::Ready) != ready {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap();
    }

    pub(crate) fn place(&self, id: &str) -> Placing {
        let (entry, order) = (self.entry.clone(), order(id));
        tokio::spawn(async move { entry.place(&order).await })
    }
}

fn unknown(outcome: Result<Outcome, Refused>) -> Unknown {
    match outcome {
        Ok(Outcome::Unknown(unknown)) => unknown,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn answers_find_their_orders_whatever_their_order() {
    let (scene, mut peer) = Scene::ready().await;
    let first = scene.place("one");
    let one = peer.expect("place one ").await;
    let second = scene.place("two");
    let two = peer.expect("place two ").await;
    peer.say("ok 12345").await; // nobody's
    peer.say(&format!("no {two}")).await;
    peer.say(&format!("ok {one}")).await;
    assert!(matches!(first.await.unwrap(), Ok(Outcome::Accepted(_))));
    let Err(Refused::Rejected(rejection)) = second.await.unwrap() else { panic!() };
    assert_eq!(rejection.reason, RejectReason::MinNotional);
    assert_eq!(scene.rest.asked(""), 0);
}

#[tokio::test]
async fn without_a_connection_orders_go_over_rest() {
    let scene = Scene::new(|_, _| {}).await;
    let outcome = scene.place("one").await.unwrap();
    assert!(matches!(outcome, Ok(Outcome::Accepted(_))));
    assert_eq!(scene.rest.asked("place one"), 1);
}

#[tokio::test]
async fn without_a_connection_and_a_fallback_nothing_is_sent() {
    let scene = Scene::new(|_, config| config.rest_fallback = false).await;
    let outcome = scene.place("one").await.unwrap();
    assert!(matches!(outcome, Err(Refused::NotSent(NotSent::Connection(_)))), "{outcome:?}");
    assert_eq!(scene.rest.asked(""), 0);
}

#[tokio::test]
async fn what_the_socket_does_not_take_goes_over_rest() {
    let (scene, mut peer) = Scene::ready().await;
    let id = ClientOrderId::new("one").unwrap();
    let outcome = scene.entry.cancel(symbol(), id, OrderClass::Plain).await;
    assert!(matches!(outcome, Ok(Outcome::Accepted(_))));
    assert_eq!(scene.rest.asked("cancel"), 1);
    peer.expect_silence().await;
}

#[tokio::test]
async fn a_connection_lost_with_orders_in_flight_leaves_them_unknown() {
    let (scene, mut peer) = Scene::ready().await;
    let orders = [scene.place("one"), scene.place("two")];
    peer.expect("place ").await;
    peer.expect("place ").await;
    peer.cut();
    for order in orders {
        let unknown = unknown(order.await.unwrap());
        assert!(matches!(unknown.cause, UnknownCause::Transport(_)));
    }
    assert_eq!(scene.rest.asked("place"), 0, "sent again");
    scene.serve().await.expect_silence().await;
}

#[tokio::test]
async fn after_a_lost_connection_orders_go_over_rest_and_then_over_the_next() {
    let (scene, peer) = Scene::ready().await;
    peer.cut();
    scene.wait_for(false).await;
    let outcome = scene.place("one").await.unwrap();
    assert!(matches!(outcome, Ok(Outcome::Accepted(_))));
    assert_eq!(scene.rest.asked("place one"), 1);
    let mut peer = scene.serve().await;
    scene.wait_for(true).await;
    let placing = scene.place("two");
    let two = peer.expect("place two ").await;
    peer.say(&format!("ok {two}")).await;
    assert!(matches!(placing.await.unwrap(), Ok(Outcome::Accepted(_))));
    assert_eq!(scene.rest.asked("place"), 1);
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_leaves_the_order_unknown() {
    let short = |_: &mut Words, config: &mut EntryConfig| {
        config.answer_max = Duration::from_millis(100);
    };
    let (scene, mut peer) = Scene::ready_with(short).await;
    let placing = scene.place("one");
    let one = peer.expect("place one ").await;
    let unknown = unknown(placing.await.unwrap());
    assert_eq!(unknown.cause, UnknownCause::Transport("no answer in time".into()));
    assert_eq!(unknown.client_order_id.as_str(), "one");
    assert_eq!(scene.rest.asked("place"), 0, "sent again");
    // The late answer is nobody's, and harms nobody.
    peer.say(&format!("ok {one}")).await;
    let placing = scene.place("two");
    let two = peer.expect("place two ").await;
    peer.say(&format!("ok {two}")).await;
    assert!(matches!(placing.await.unwrap(), Ok(Outcome::Accepted(_))));
}

#[tokio::test]
async fn wrong_credentials_stop_the_socket_and_leave_rest() {
    let scene = Scene::new(|_, _| {}).await;
    for _ in 0..2 {
        let mut peer = scene.host.accept().await;
        peer.expect("logon").await;
        peer.say("logon no").await;
    }
    let EntryState::Stopped(refusal) = scene.entry.settled().await else { panic!() };
    assert_eq!((refusal.code, &*refusal.message), (-1, "no"));
    let more = tokio::time::timeout(Duration::from_millis(300), scene.host.accept()).await;
    assert!(more.is_err(), "another attempt");
    assert!(matches!(scene.place("one").await.unwrap(), Ok(Outcome::Accepted(_))));
}

#[tokio::test]
async fn a_refused_timestamp_sets_the_clock_and_is_told() {
    let (scene, mut peer) = Scene::ready().await;
    let placing = scene.place("one");
    let one = peer.expect("place one ").await;
    peer.say(&format!("late {one}")).await;
    let Err(Refused::Rejected(rejection)) = placing.await.unwrap() else { panic!() };
    assert_eq!(rejection.reason, RejectReason::Clock);
    assert!(scene.rest.asked("server_time") > 0);
    assert_eq!(scene.rest.asked("place"), 0);
}

#[tokio::test]
async fn an_order_turned_away_for_a_limit_is_refused() {
    let (scene, mut peer) = Scene::ready().await;
    let placing = scene.place("one");
    let one = peer.expect("place one ").await;
    peer.say(&format!("busy {one}")).await;
    let Err(Refused::Throttled(throttle)) = placing.await.unwrap() else { panic!() };
    assert_eq!(throttle.kind, ThrottleKind::OrderRate);
    assert_eq!(scene.rest.asked("place"), 0);
}

#[tokio::test]
async fn no_more_orders_are_in_flight_than_allowed() {
    let (scene, mut peer) = Scene::ready_with(|_, config| config.in_flight_max = 1).await;
    let placing = scene.place("one");
    let one = peer.expect("place one ").await;
    let outcome = scene.place("two").await.unwrap();
    assert!(matches!(outcome, Err(Refused::NotSent(NotSent::Throttled(_)))), "{outcome:?}");
    peer.say(&format!("ok {one}")).await;
    assert!(matches!(placing.await.unwrap(), Ok(Outcome::Accepted(_))));
}

#[tokio::test]
async fn a_caller_that_gives_up_leaves_nothing_behind() {
    let (scene, mut peer) = Scene::ready_with(|_, config| config.in_flight_max = 1).await;
    let placing = scene.place("one");
    peer.expect("place one ").await;
    placing.abort();
    assert!(placing.await.is_err());
    let placing = scene.place("two");
    let two = peer.expect("place two ").await;
    peer.say(&format!("ok {two}")).await;
    assert!(matches!(placing.await.unwrap(), Ok(Outcome::Accepted(_))));
}

#[tokio::test]
async fn an_unreadable_answer_leaves_every_order_unknown() {
    let (scene, mut peer) = Scene::ready().await;
    let placing = scene.place("one");
    peer.expect("place one ").await;
    peer.say("<html>").await;
    unknown(placing.await.unwrap());
    assert_eq!(scene.rest.asked("place"), 0);
    scene.serve().await;
}

#[tokio::test]
async fn an_announced_end_hands_over_and_old_answers_still_come() {
    let (scene, mut old) = Scene::ready().await;
    let placing = scene.place("one");
    let one = old.expect("place one ").await;
    old.say("bye").await;
    let mut new = scene.serve().await;
    // The next order goes to the new connection once it is ready.
    let mut attempts = 0;
    loop {
        attempts += 1;
        let id = format!("next{attempts}");
        let next = scene.place(&id);
        let (to_new, frame) = tokio::select! {
            frame = old.hear() => (false, frame),
            frame = new.hear() => (true, frame),
        };
        let request = frame.split(' ').nth(2).unwrap();
        let peer = if to_new { &mut new } else { &mut old };
        peer.say(&format!("ok {request}")).await;
        assert!(matches!(next.await.unwrap(), Ok(Outcome::Accepted(_))));
        if to_new {
            break;
        }
        assert!(attempts < 100);
    }
    old.say(&format!("ok {one}")).await;
    assert!(matches!(placing.await.unwrap(), Ok(Outcome::Accepted(_))));
    assert_eq!(scene.rest.asked("place"), 0);
}

#[tokio::test]
async fn without_its_driver_nothing_is_sent_over_the_socket() {
    let (scene, mut peer) = Scene::ready().await;
    let placing = scene.place("one");
    peer.expect("place one ").await;
    scene.driver.abort();
    unknown(placing.await.unwrap());
    assert!(matches!(scene.place("two").await.unwrap(), Ok(Outcome::Accepted(_))));
    assert_eq!((scene.rest.asked("place one"), scene.rest.asked("place two")), (0, 1));
}

#[tokio::test]
async fn a_socket_that_needs_no_log_on_takes_orders_at_once() {
    let scene = Scene::new(|words, _| words.logs_on = false).await;
    let mut peer = scene.host.accept().await;
    assert_eq!(scene.entry.settled().await, EntryState::Ready);
    let placing = scene.place("one");
    let one = peer.expect("place one ").await;
    peer.say(&format!("ok {one}")).await;
    assert!(matches!(placing.await.unwrap(), Ok(Outcome::Accepted(_))));
}

#[tokio::test]
async fn a_ban_keeps_the_socket_closed_until_it_ends() {
    let (scene, peer) = Scene::ready().await;
    let mut throttle = Throttle::new(ThrottleKind::Banned);
    throttle.retry_after = Some(Duration::from_millis(400));
    scene.entry.client().throttled(&throttle);
    peer.cut();
    let early = tokio::time::timeout(Duration::from_millis(200), scene.host.accept()).await;
    assert!(early.is_err(), "an attempt within the ban");
    let _peer = scene.serve().await;
    scene.wait_for(true).await;
}
