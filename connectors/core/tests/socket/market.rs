use std::time::Duration;

use hoox_connector::socket::{Delivery, MarketConfig, MarketEvent, MarketFeed, Subscriber};
use hoox_connector::stream::FRAME_MAX;
use hoox_connector::{BookLoss, BookRule, Channel, OperationKind, Symbol, Topic};
use tokio_tungstenite::tungstenite::Message;

use crate::peer::{Host, PATIENCE, Peer};
use crate::words::{Rest, Words, client, hurry, symbol, topic};

struct Scene {
    host: Host,
    rest: Rest,
    feed: MarketFeed,
    events: Subscriber<MarketEvent>,
}

impl Scene {
    async fn new(adjust: impl FnOnce(&mut Words, &mut MarketConfig)) -> Self {
        let host = Host::new().await;
        let (mut words, rest) = (Words::at(host.url()), Rest::default());
        let mut config = MarketConfig::default();
        config.session = hurry;
        adjust(&mut words, &mut config);
        let (feed, driver) = MarketFeed::new(client(words, &rest), config);
        tokio::spawn(driver.run());
        Self { host, rest, events: feed.events(), feed }
    }

    /// One that is subscribed to a channel.
    async fn subscribed(channel: Channel) -> (Self, Peer) {
        Self::with(channel, |_, _| {}).await
    }

    async fn with(
        channel: Channel,
        adjust: impl FnOnce(&mut Words, &mut MarketConfig),
    ) -> (Self, Peer) {
        let mut scene = Self::new(adjust).await;
        scene.feed.subscribe(&[topic(channel)]);
        let peer = scene.serve(channel).await;
        assert!(matches!(scene.next().await, MarketEvent::Connected { .. }));
        (scene, peer)
    }

    /// Accepts a connection and the subscription that comes on it.
    async fn serve(&self, channel: Channel) -> Peer {
        let mut peer = self.host.accept().await;
        assert_eq!(peer.hear().await, format!("sub {channel:?}@BTCUSDT"));
        peer.say("sub ok").await;
        peer
    }

    async fn delivered(&mut self) -> Delivery<MarketEvent> {
        let next = tokio::time::timeout(PATIENCE, self.events.next()).await;
        next.expect("no event").expect("the feed has ended")
    }

    async fn next(&mut self) -> MarketEvent {
        match self.delivered().await {
            Delivery::Event(event) => event,
            lagged => panic!("{lagged:?}"),
        }
    }

    /// The update number of the best prices that come next.
    async fn top(&mut self) -> u64 {
        match self.next().await {
            MarketEvent::BookTop(top) => top.update_id.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    async fn reconnected(&mut self) {
        assert!(matches!(self.next().await, MarketEvent::Disconnected { .. }));
    }
}

#[tokio::test]
async fn events_come_in_their_order() {
    let (mut scene, mut peer) = Scene::subscribed(Channel::BookTop).await;
    for id in 1..=3 {
        peer.say(&format!("top {id}")).await;
    }
    assert_eq!([scene.top().await, scene.top().await, scene.top().await], [1, 2, 3]);
}

#[tokio::test]
async fn a_lost_connection_is_told_and_its_topics_are_asked_for_again() {
    let (mut scene, peer) = Scene::subscribed(Channel::BookTop).await;
    peer.cut();
    scene.reconnected().await;
    let mut peer = scene.serve(Channel::BookTop).await;
    assert!(matches!(scene.next().await, MarketEvent::Connected { .. }));
    peer.say("top 9").await;
    assert_eq!(scene.top().await, 9);
}

#[tokio::test]
async fn topics_come_and_go_while_the_socket_stays_open() {
    let (scene, mut peer) = Scene::subscribed(Channel::BookTop).await;
    scene.feed.subscribe(&[topic(Channel::Trades), topic(Channel::BookTop)]);
    assert_eq!(peer.hear().await, "sub Trades@BTCUSDT");
    scene.feed.unsubscribe(&[topic(Channel::BookTop)]);
    assert_eq!(peer.hear().await, "unsub BookTop@BTCUSDT");
    scene.feed.unsubscribe(&[topic(Channel::Trades)]);
    peer.expect_end().await;
}

#[tokio::test]
async fn more_topics_than_a_connection_takes_get_another_one() {
    let scene = Scene::new(|_, _| {}).await;
    let of = |name| Topic { channel: Channel::BookTop, symbol: Some(Symbol::new(name).unwrap()) };
    scene.feed.subscribe(&["A", "B", "C"].map(of));
    let (mut one, mut other) = (scene.host.accept().await, scene.host.accept().await);
    let mut asked: Vec<String> = Vec::new();
    for peer in [&mut one, &mut other] {
        asked.extend(peer.expect("sub ").await.split(' ').map(str::to_owned));
    }
    asked.sort();
    assert_eq!(asked, ["BookTop@A", "BookTop@B", "BookTop@C"]);
}

#[tokio::test]
async fn an_announced_end_leaves_no_gap_and_tells_nothing_twice() {
    let (mut scene, mut old) = Scene::subscribed(Channel::BookTop).await;
    scene.feed.subscribe(&[topic(Channel::Trades)]);
    old.expect("sub").await;
    old.say("bye").await;
    let mut new = scene.host.accept().await;
    let asked = new.hear().await;
    old.say("top 1").await;
    assert_eq!(scene.top().await, 1, "before the other one is ready");
    assert_eq!(asked, "sub BookTop@BTCUSDT Trades@BTCUSDT");
    new.say("sub ok").await;
    for peer in [&mut old, &mut new] {
        for event in ["top 2", "trade 7", "top 3"] {
            peer.say(event).await;
        }
    }
    new.say("top 4").await;
    let mut told = Vec::new();
    while told.last() != Some(&"top 4".to_owned()) {
        told.push(match scene.next().await {
            MarketEvent::BookTop(top) => format!("top {}", top.update_id.unwrap()),
            MarketEvent::Trade(trade) => format!("trade {}", trade.trade_id.unwrap()),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(told.iter().filter(|it| *it == "trade 7").count(), 1, "{told:?}");
    let tops: Vec<_> = told.iter().filter(|it| it.starts_with("top")).collect();
    assert!(tops.is_sorted() && tops.windows(2).all(|pair| pair[0] != pair[1]), "{told:?}");
    old.expect_end().await;
}

#[tokio::test]
async fn a_silent_socket_is_given_up() {
    let quick = |words: &mut Words, _: &mut MarketConfig| {
        words.silence_max = Duration::from_millis(350);
    };
    let (mut scene, mut peer) = Scene::with(Channel::BookTop, quick).await;
    for _ in 0..5 {
        peer.expect("ping").await;
        peer.say("pong").await;
    }
    peer.expect("ping").await; // and says nothing any more
    scene.reconnected().await;
    scene.serve(Channel::BookTop).await;
}

#[tokio::test]
async fn a_frame_over_the_size_limit_makes_the_session_connect_anew() {
    let (mut scene, mut peer) = Scene::subscribed(Channel::BookTop).await;
    // The head alone tells how long it would be.
    let mut head = vec![0x81, 127];
    head.extend((FRAME_MAX as u64 + 1).to_be_bytes());
    peer.write_raw(&head).await;
    scene.reconnected().await;
    scene.serve(Channel::BookTop).await;
}

#[tokio::test]
async fn invalid_utf8_makes_the_session_connect_anew() {
    let (mut scene, mut peer) = Scene::subscribed(Channel::BookTop).await;
    peer.write_raw(&[0x81, 2, 0xC3, 0x28]).await;
    scene.reconnected().await;
    scene.serve(Channel::BookTop).await;
}

#[tokio::test]
async fn unexpected_binary_makes_the_session_connect_anew() {
    let (mut scene, mut peer) = Scene::subscribed(Channel::BookTop).await;
    peer.send(Message::binary(vec![1, 2, 3])).await;
    scene.reconnected().await;
    scene.serve(Channel::BookTop).await;
}

#[tokio::test]
async fn an_unreadable_frame_makes_the_session_connect_anew() {
    let (mut scene, mut peer) = Scene::subscribed(Channel::BookTop).await;
    peer.say("<html>").await;
    scene.reconnected().await;
    scene.serve(Channel::BookTop).await;
}

#[tokio::test]
async fn a_refused_subscription_is_told_and_the_rest_goes_on() {
    let mut scene = Scene::new(|_, _| {}).await;
    scene.feed.subscribe(&[topic(Channel::BookTop)]);
    let mut peer = scene.host.accept().await;
    peer.expect("sub").await;
    peer.say("no 10001 unknown").await;
    let refused = MarketEvent::Refused { code: 10_001, message: "unknown".into() };
    let mut told = [scene.next().await, scene.next().await];
    told.sort_by_key(|event| matches!(event, MarketEvent::Connected { .. }));
    assert_eq!(told[0], refused);
    peer.say("top 1").await;
    assert_eq!(scene.top().await, 1);
    peer.expect_silence().await;
}

#[tokio::test]
async fn a_slow_reader_is_told_how_much_it_lost() {
    let (mut scene, mut peer) =
        Scene::with(Channel::BookTop, |_, config| config.backlog_max = 4).await;
    let mut quick = scene.feed.events();
    for id in 1..=20 {
        peer.say(&format!("top {id}")).await;
        assert!(matches!(quick.next().await, Some(Delivery::Event(MarketEvent::BookTop(_)))));
    }
    let Delivery::Lagged { lost } = scene.delivered().await else { panic!() };
    assert_eq!((lost.book_tops, lost.total(), lost.beyond_memory), (20, 20, false));
    assert_eq!(lost.to_string(), "20 best prices");
    peer.say("top 21").await;
    assert_eq!(scene.top().await, 21);
}

/// What came before the last topic was answered is no better than what came after it.
#[tokio::test]
async fn a_connection_that_ends_before_it_is_ready_leaves_no_book_behind() {
    let mut scene = Scene::new(|words, _| words.rule = BookRule::NextNumber).await;
    scene.feed.subscribe(&[topic(Channel::Depth)]);
    let mut peer = scene.host.accept().await;
    peer.hear().await;
    peer.say("snapshot 5 5 99:1 110:1").await;
    assert_eq!(scene.next().await, MarketEvent::BookChanged { symbol: symbol(), last_id: 5 });
    peer.cut();
    let _peer = scene.host.accept().await;
    assert_eq!(scene.feed.book(symbol(), |book| book.is_whole()), Some(false));
}

#[tokio::test]
async fn a_book_is_read_over_rest_and_kept() {
    let mut scene = Scene::new(|_, _| {}).await;
    scene.rest.set(OperationKind::Depth, "snapshot 9 9 98:1 111:1");
    scene.feed.subscribe(&[topic(Channel::Depth)]);
    let mut peer = scene.serve(Channel::Depth).await;
    assert!(matches!(scene.next().await, MarketEvent::Connected { .. }));
    peer.say("book 8 10 99:1 110:1").await;
    let loss = BookLoss::Start;
    assert_eq!(scene.next().await, MarketEvent::BookLost { symbol: symbol(), loss });
    assert_eq!(scene.next().await, MarketEvent::BookChanged { symbol: symbol(), last_id: 10 });
    peer.say("book 11 12 100:1 110:2").await;
    assert_eq!(scene.next().await, MarketEvent::BookChanged { symbol: symbol(), last_id: 12 });
    let bids = scene.feed.book(symbol(), |book| book.bids().map(|it| it.0).collect::<Vec<_>>());
    assert_eq!(bids, Some(vec![100.into(), 99.into(), 98.into()]));
}

#[tokio::test]
async fn a_gap_in_the_updates_reads_the_book_anew() {
    let (mut scene, mut peer) = Scene::subscribed(Channel::Depth).await;
    scene.rest.set(OperationKind::Depth, "snapshot 9 9 98:1 111:1");
    peer.say("book 8 10 99:1 110:1").await;
    scene.next().await;
    scene.next().await;
    scene.rest.set(OperationKind::Depth, "snapshot 13 13 97:1 112:1");
    peer.say("book 13 14 100:1 110:2").await;
    let loss = BookLoss::Gap { after: 10, starts_after: 12 };
    assert_eq!(scene.next().await, MarketEvent::BookLost { symbol: symbol(), loss });
    assert_eq!(scene.next().await, MarketEvent::BookChanged { symbol: symbol(), last_id: 14 });
    assert_eq!(scene.rest.asked("depth"), 2);
    let best = scene.feed.book(symbol(), |book| book.best_bid());
    assert_eq!(best, Some(Some((100.into(), 1.into()))));
}

#[tokio::test]
async fn a_book_is_empty_while_nothing_keeps_it() {
    let (mut scene, mut peer) = Scene::subscribed(Channel::Depth).await;
    scene.rest.set(OperationKind::Depth, "snapshot 9 9 98:1 111:1");
    peer.say("book 8 10 99:1 110:1").await;
    scene.next().await;
    scene.next().await;
    peer.cut();
    scene.reconnected().await;
    assert_eq!(scene.feed.book(symbol(), |book| book.is_whole()), Some(false));
}

#[tokio::test]
async fn a_book_of_the_stream_is_asked_for_again() {
    let stream = |words: &mut Words, _: &mut MarketConfig| words.rule = BookRule::NextNumber;
    let (mut scene, mut peer) = Scene::with(Channel::Depth, stream).await;
    peer.say("snapshot 5 5 98:1 111:1").await;
    assert_eq!(scene.next().await, MarketEvent::BookChanged { symbol: symbol(), last_id: 5 });
    peer.say("book 7 7 99:1 110:1").await;
    assert!(matches!(scene.next().await, MarketEvent::BookLost { .. }));
    assert_eq!(peer.hear().await, "unsub Depth@BTCUSDT");
    assert_eq!(peer.hear().await, "sub Depth@BTCUSDT");
    peer.say("snapshot 8 8 99:1 110:1").await;
    assert_eq!(scene.next().await, MarketEvent::BookChanged { symbol: symbol(), last_id: 8 });
    assert_eq!(scene.rest.asked("depth"), 0);
}

#[tokio::test]
async fn the_feed_ends_with_its_last_handle() {
    let (scene, mut peer) = Scene::subscribed(Channel::BookTop).await;
    let Scene { feed, mut events, .. } = scene;
    drop(feed);
    peer.expect_end().await;
    assert_eq!(events.next().await, None);
}
