use std::time::Duration;

use hoox_connector::OperationKind as Kind;
use hoox_connector::OrderStatus;
use hoox_connector::socket::{AccountConfig, AccountEvent, AccountFeed, Delivery, Subscriber};

use crate::peer::{Host, PATIENCE, Peer};
use crate::words::{Rest, Words, client, hurry, symbol};

struct Scene {
    host: Host,
    rest: Rest,
    events: Subscriber<AccountEvent>,
    feed: AccountFeed,
}

impl Scene {
    async fn new(adjust: impl FnOnce(&mut Words)) -> Self {
        Self::with_backlog(AccountConfig::default().backlog_max, adjust).await
    }

    async fn with_backlog(backlog_max: usize, adjust: impl FnOnce(&mut Words)) -> Self {
        let host = Host::new().await;
        let (mut words, rest) = (Words::at(host.url()), Rest::default());
        adjust(&mut words);
        let mut config = AccountConfig::default();
        config.backlog_max = backlog_max;
        config.session = hurry;
        config.symbols = vec![symbol()];
        let (feed, driver) = AccountFeed::new(client(words, &rest), config);
        tokio::spawn(driver.run());
        Self { host, rest, events: feed.events(), feed }
    }

    async fn serve(&self) -> Peer {
        let mut peer = self.host.accept().await;
        assert_eq!(peer.hear().await, "auth");
        peer.say("auth ok").await;
        assert_eq!(peer.hear().await, "sub Account");
        peer.say("sub ok").await;
        peer
    }

    async fn next(&mut self) -> AccountEvent {
        let next = tokio::time::timeout(PATIENCE, self.events.next()).await;
        match next.expect("no event").expect("the feed has ended") {
            Delivery::Event(event) => event,
            lagged => panic!("{lagged:?}"),
        }
    }

    /// The next event in a few words.
    async fn told(&mut self) -> String {
        match self.next().await {
            AccountEvent::Order(it) => format!("order {} {:?}", it.order_id, it.status),
            AccountEvent::Fill(it) => format!("fill {} of {}", it.trade_id, it.order_id),
            AccountEvent::Position(it) => format!("position {}", it.size),
            AccountEvent::Balance(it) => format!("balance {}", it.total),
            other => format!("{other:?}"),
        }
    }

    async fn told_in_order<const N: usize>(&mut self, expected: [&str; N]) {
        for expected in expected {
            assert_eq!(self.told().await, expected);
        }
    }
}

#[tokio::test]
async fn what_the_account_has_is_told_first_and_then_what_happens_to_it() {
    let mut scene = Scene::new(|_| {}).await;
    scene.rest.set(Kind::OpenOrders, "order 1 new 0 10");
    scene.rest.set(Kind::Positions, "position 3");
    scene.rest.set(Kind::Balances, "balance 100");
    let mut peer = scene.serve().await;
    let first = ["Connected", "order 1 New", "position 3", "balance 100", "Resynced"];
    scene.told_in_order(first).await;
    for event in ["order 1 filled 1 20", "fill 7 1 20", "position 4", "balance 99"] {
        peer.say(event).await;
    }
    scene.told_in_order(["order 1 Filled", "fill 7 of 1", "position 4", "balance 99"]).await;
}

#[tokio::test]
async fn what_was_missed_is_read_and_nothing_is_told_twice() {
    let mut scene = Scene::new(|_| {}).await;
    let mut peer = scene.serve().await;
    scene.told_in_order(["Connected", "Resynced"]).await;
    for event in ["order 1 new 0 10", "order 2 new 0 11", "fill 5 2 12", "position 1"] {
        peer.say(event).await;
    }
    let told = ["order 1 New", "order 2 New", "fill 5 of 2", "position 1"];
    scene.told_in_order(told).await;
    // While nobody listens: order 1 is cancelled, order 2 fills again, the position is closed.
    scene.rest.set(Kind::OpenOrders, "order 2 new 1 20");
    scene.rest.set(Kind::Fills, "fill 6 2 20\nfill 5 2 12");
    scene.rest.set(Kind::OrderByClientId, "order 1 canceled 0 15");
    peer.cut();
    scene.told_in_order(["Disconnected"]).await;
    let mut peer = scene.serve().await;
    let missed =
        ["Connected", "fill 6 of 2", "order 2 New", "position 0", "order 1 Canceled", "Resynced"];
    scene.told_in_order(missed).await;
    peer.say("fill 6 2 20").await;
    peer.say("fill 8 2 30").await;
    scene.told_in_order(["fill 8 of 2"]).await;
}

#[tokio::test]
async fn an_order_that_began_and_ended_unheard_is_told() {
    let mut scene = Scene::new(|_| {}).await;
    let peer = scene.serve().await;
    scene.told_in_order(["Connected", "Resynced"]).await;
    // While nobody listens, one order is placed and filled, and another is placed and rests.
    scene.rest.set(Kind::OpenOrders, "order 9 new 0 31");
    scene.rest.set(Kind::OrderHistory, "order 8 filled 1 30\norder 9 new 0 31");
    scene.rest.set(Kind::Fills, "fill 5 8 30");
    peer.cut();
    scene.told_in_order(["Disconnected"]).await;
    let mut peer = scene.serve().await;
    let missed = ["Connected", "fill 5 of 8", "order 9 New", "order 8 Filled", "Resynced"];
    scene.told_in_order(missed).await;
    for event in ["order 8 filled 1 30", "fill 5 8 30", "order 9 canceled 0 40"] {
        peer.say(event).await;
    }
    scene.told_in_order(["order 9 Canceled"]).await;
}

#[tokio::test]
async fn a_slow_reader_is_told_what_it_lost_and_then_what_became_of_it() {
    let mut scene = Scene::with_backlog(4, |_| {}).await;
    let mut peer = scene.serve().await;
    scene.told_in_order(["Connected", "Resynced"]).await;
    let mut quick = scene.feed.events();
    let happens = [
        "order 1 new 0 10",
        "balance 90",
        "fill 5 1 11",
        "balance 80",
        "fill 6 1 12",
        "order 1 filled 2 12",
        "position 2",
        "order 2 new 0 13",
        "balance 70",
    ];
    for event in happens {
        peer.say(event).await;
        assert!(matches!(quick.next().await, Some(Delivery::Event(_))));
    }
    let Some(Delivery::Lagged { lost }) = scene.events.next().await else { panic!() };
    let counts = [lost.orders, lost.fills, lost.positions, lost.balances, lost.others];
    assert_eq!((counts, lost.beyond_memory), ([3, 2, 1, 3, 0], false));
    assert_eq!(lost.to_string(), "3 orders, 2 fills, 1 positions, 3 balances");
    let became =
        ["fill 5 of 1", "fill 6 of 1", "order 1 Filled", "position 2", "order 2 New", "balance 70"];
    scene.told_in_order(became).await;
    peer.say("order 2 canceled 0 20").await;
    scene.told_in_order(["order 2 Canceled"]).await;
}

#[tokio::test]
async fn a_read_that_fails_is_repeated() {
    let mut scene = Scene::new(|_| {}).await;
    scene.rest.set(Kind::OpenOrders, "order 1 new 0 10");
    let _peer = scene.serve().await;
    scene.told_in_order(["Connected", "order 1 New", "Resynced"]).await;
}

#[tokio::test]
async fn an_announced_end_hands_over_and_reads_the_account_again() {
    let mut scene = Scene::new(|_| {}).await;
    let mut old = scene.serve().await;
    scene.told_in_order(["Connected", "Resynced"]).await;
    old.say("bye").await;
    let mut new = scene.serve().await;
    scene.told_in_order(["Resynced"]).await;
    for peer in [&mut old, &mut new] {
        peer.say("order 1 new 0 10").await;
        peer.say("fill 7 1 11").await;
    }
    new.say("balance 50").await;
    scene.told_in_order(["order 1 New", "fill 7 of 1", "balance 50"]).await;
    old.expect_end().await;
}

#[tokio::test]
async fn wrong_credentials_stop_the_feed_with_the_venues_words() {
    let mut scene = Scene::new(|_| {}).await;
    for _ in 0..2 {
        let mut peer = scene.host.accept().await;
        assert_eq!(peer.hear().await, "auth");
        peer.say("no 10003 invalid").await;
    }
    let AccountEvent::Stopped(refusal) = scene.next().await else { panic!() };
    assert_eq!((refusal.code, &*refusal.message), (10_003, "invalid"));
    assert!(scene.rest.asked("server_time") > 0, "the clock may have been to blame");
    let more = tokio::time::timeout(Duration::from_millis(300), scene.host.accept()).await;
    assert!(more.is_err(), "another attempt");
    assert_eq!(scene.events.next().await, None);
}

#[tokio::test]
async fn a_limit_at_the_door_is_no_fault_of_the_key() {
    let mut scene = Scene::new(|_| {}).await;
    for _ in 0..3 {
        for answer in ["no 429 slow down", "no 500 busy"] {
            let mut peer = scene.host.accept().await;
            assert_eq!(peer.hear().await, "auth");
            peer.say(answer).await;
        }
    }
    let _peer = scene.serve().await;
    scene.told_in_order(["Connected", "Resynced"]).await;
}

#[tokio::test]
async fn a_ban_keeps_the_socket_closed_until_it_ends() {
    let mut scene = Scene::new(|_| {}).await;
    let mut peer = scene.host.accept().await;
    assert_eq!(peer.hear().await, "auth");
    peer.say("no 418 banned").await;
    let early = tokio::time::timeout(Duration::from_millis(200), scene.host.accept()).await;
    assert!(early.is_err(), "an attempt within the ban");
    let _peer = scene.serve().await;
    scene.told_in_order(["Connected", "Resynced"]).await;
}

#[tokio::test]
async fn a_listen_key_is_in_the_address_and_a_bad_one_is_replaced() {
    let mut scene = Scene::new(|words| words.listen_key = true).await;
    scene.rest.set(Kind::CreateListenKey, "key-1");
    scene.host.turn_away().await;
    scene.rest.set(Kind::CreateListenKey, "key-2");
    let mut peer = loop {
        let peer = scene.host.accept().await;
        // The first key may have been asked for before the other one was to be had.
        if peer.path == "/key-2" {
            break peer;
        }
        peer.cut();
    };
    while scene.told().await != "Resynced" {}
    // The venue says that it has expired.
    scene.rest.set(Kind::CreateListenKey, "key-3");
    peer.say("bye").await;
    let mut peer = scene.host.accept().await;
    assert_eq!(peer.path, "/key-3");
    peer.say("order 1 filled 1 9").await;
    while scene.told().await != format!("order 1 {:?}", OrderStatus::Filled) {}
}
