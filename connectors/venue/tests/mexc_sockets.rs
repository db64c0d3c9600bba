//! The simulated MEXC over WebSocket, without a socket.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "support/socket.rs"]
mod socket;
#[path = "support/mexc.rs"]
mod support;

use std::collections::BTreeMap;

use hoox_venue::{Config, Exchange, Frame, Market, MexcConfig, MexcLimits, SessionId, Venue};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use socket::{connect, jsons, say, wait};
use support::{Desk, sign};

/// The fields of a protobuf message by number, read without any schema.
#[derive(Debug, Default)]
struct Proto(BTreeMap<u64, Vec<Field>>);

#[derive(Debug)]
enum Field {
    Number(u64),
    Bytes(Vec<u8>),
}

impl Proto {
    fn read(mut bytes: &[u8]) -> Self {
        let mut fields = Self::default();
        while !bytes.is_empty() {
            let key = varint(&mut bytes);
            let field = match key & 7 {
                0 => Field::Number(varint(&mut bytes)),
                2 => {
                    let length = usize::try_from(varint(&mut bytes)).expect("a length");
                    let (value, rest) = bytes.split_at(length);
                    bytes = rest;
                    Field::Bytes(value.to_vec())
                }
                other => panic!("wire type {other}"),
            };
            fields.0.entry(key >> 3).or_default().push(field);
        }
        fields
    }

    fn text(&self, number: u64) -> &str {
        match self.0.get(&number).map(|v| &v[0]) {
            Some(Field::Bytes(bytes)) => std::str::from_utf8(bytes).expect("text"),
            _ => "",
        }
    }

    fn number(&self, number: u64) -> u64 {
        match self.0.get(&number).map(|v| &v[0]) {
            Some(Field::Number(value)) => *value,
            _ => 0,
        }
    }

    fn messages(&self, number: u64) -> Vec<Self> {
        let all = self.0.get(&number).map(Vec::as_slice).unwrap_or_default();
        all.iter()
            .map(|field| match field {
                Field::Bytes(bytes) => Self::read(bytes),
                Field::Number(_) => panic!("not a message"),
            })
            .collect()
    }

    fn message(&self, number: u64) -> Self {
        self.messages(number).remove(0)
    }
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let (first, rest) = bytes.split_first().expect("a varint");
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        shift += 7;
        if first & 0x80 == 0 {
            return value;
        }
    }
}

fn protos(frames: &[Frame]) -> Vec<Proto> {
    frames
        .iter()
        .filter_map(|f| if let Frame::Binary(bytes) = f { Some(Proto::read(bytes)) } else { None })
        .collect()
}

fn open(desk: &mut Desk, target: &str) -> SessionId {
    connect(&mut desk.exchange, desk.now, &format!("/mexc{target}")).expect("open")
}

fn tell(desk: &mut Desk, session: SessionId, message: &Value) -> Vec<Frame> {
    let now = desk.now;
    say(&mut desk.exchange, now, session, message)
}

fn pass(desk: &mut Desk, ms: u64, session: SessionId) -> Vec<Frame> {
    desk.now += ms;
    let now = desk.now;
    wait(&mut desk.exchange, now, session)
}

fn take(desk: &mut Desk, session: SessionId) -> Vec<Frame> {
    desk.exchange.take_frames(desk.now, session)
}

fn subscribe(channels: &[&str]) -> Value {
    json!({ "method": "SUBSCRIPTION", "params": channels })
}

/// A venue whose prices move.
fn moving() -> Desk {
    let mut desk = Desk::new();
    let mexc = MexcConfig { limits: MexcLimits::unlimited(), ..MexcConfig::default() };
    desk.exchange = Exchange::new(Config { mexc, ..Config::default() });
    desk
}

fn pin(desk: &mut Desk, market: Market, symbol: &str, price: &str) {
    let price = Some(price.parse().expect("decimal"));
    assert!(desk.exchange.set_price_on(Venue::Mexc, desk.now, market, symbol, price));
}

type Side = BTreeMap<Decimal, Decimal>;

fn put(side: &mut Side, price: Decimal, size: Decimal) {
    if size.is_zero() {
        assert!(side.remove(&price).is_some(), "{price} was there");
    } else {
        side.insert(price, size);
    }
}

fn decimal(value: &Value) -> Decimal {
    let text = value.to_string();
    let text = text.trim_matches('"');
    text.parse().or_else(|_| Decimal::from_scientific(text)).expect("a decimal")
}

fn rest_side(rows: &Value) -> Side {
    let rows = rows.as_array().expect("levels");
    rows.iter().map(|row| (decimal(&row[0]), decimal(&row[1]))).collect()
}

#[test]
fn a_local_spot_book_kept_by_the_rules_is_the_book_of_rest() {
    let mut desk = moving();
    let session = open(&mut desk, "/ws");
    let channel = "spot@public.aggre.depth.v3.api.pb@100ms@BTCUSDT";
    let answer = tell(&mut desk, session, &subscribe(&[channel]));
    assert_eq!(jsons(&answer), [json!({ "id": 0, "code": 0, "msg": channel })]);
    let depth =
        |desk: &mut Desk| desk.raw("GET /api/v3/depth", "symbol=BTCUSDT&limit=1000", "", &[]).ok();
    for _ in 0..3 {
        pass(&mut desk, 100, session);
    }
    let snapshot = depth(&mut desk);
    let mut version = snapshot["lastUpdateId"].as_u64().expect("a version");
    let (mut bids, mut asks) = (rest_side(&snapshot["bids"]), rest_side(&snapshot["asks"]));
    let mut updates = 0;
    for n in 0..60 {
        for frame in protos(&pass(&mut desk, 100, session)) {
            assert_eq!((frame.text(1), frame.text(3)), (channel, "BTCUSDT"));
            let body = frame.message(313);
            let of = |n: u64| body.text(n).parse::<u64>().expect("a version");
            let (from, to) = (of(4), of(5));
            if to < version {
                continue;
            }
            assert_eq!(from, version + 1, "no gap");
            version = to;
            updates += 1;
            for (number, side) in [(1, &mut asks), (2, &mut bids)] {
                for level in body.messages(number) {
                    let of = |n: u64| level.text(n).parse().expect("a decimal");
                    put(side, of(1), of(2));
                }
            }
        }
        let book = depth(&mut desk);
        assert_eq!(book["lastUpdateId"].as_u64(), Some(version));
        assert_eq!(
            (rest_side(&book["bids"]), rest_side(&book["asks"])),
            (bids.clone(), asks.clone())
        );
        if n % 9 == 0 {
            let price = *bids.keys().next_back().expect("bids") - Decimal::ONE;
            let order = format!("symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=0.01&price={price}");
            desk.spot("POST /api/v3/order", &order).ok();
        }
    }
    assert!(updates > 40, "{updates}");
}

#[test]
fn spot_channels_tell_of_deals_best_prices_and_levels() {
    let mut desk = Desk::new();
    let session = open(&mut desk, "/ws");
    let channels = [
        "spot@public.aggre.deals.v3.api.pb@10ms@BTCUSDT",
        "spot@public.aggre.bookTicker.v3.api.pb@100ms@BTCUSDT",
        "spot@public.bookTicker.batch.v3.api.pb@BTCUSDT",
        "spot@public.limit.depth.v3.api.pb@BTCUSDT@5",
    ];
    let first = tell(&mut desk, session, &subscribe(&channels));
    assert_eq!(jsons(&first[..1])[0]["msg"], channels.join(","));
    let states = protos(&first);
    assert_eq!(states.len(), 3, "states are told at once");
    pin(&mut desk, Market::Spot, "BTCUSDT", "65000");
    let mut frames = protos(&pass(&mut desk, 100, session));
    frames.extend(protos(&pass(&mut desk, 100, session)));
    let of = |n: u64| frames.iter().find(|f| f.0.contains_key(&n)).expect("a body").message(n);
    let deal = of(314).message(1);
    assert_eq!(deal.text(1), "65000");
    assert!(matches!(deal.number(3), 1 | 2));
    let ticker = of(315);
    let book = desk.raw("GET /api/v3/ticker/bookTicker", "symbol=BTCUSDT", "", &[]).ok();
    assert_eq!(
        (ticker.text(1), ticker.text(3)),
        (book["bidPrice"].as_str().expect("text"), book["askPrice"].as_str().expect("text"),)
    );
    assert_eq!(of(311).message(1).text(1), ticker.text(1));
    let limit = of(303);
    assert_eq!((limit.messages(1).len(), limit.messages(2).len()), (5, 5));
    assert!(frames.iter().all(|f| f.number(6) > 0), "a time of sending");
}

#[test]
fn spot_subscriptions_have_their_rules() {
    let mut desk = Desk::new();
    let session = open(&mut desk, "/ws");
    let pong = tell(&mut desk, session, &json!({ "method": "PING" }));
    assert_eq!(jsons(&pong), [json!({ "id": 0, "code": 0, "msg": "PONG" })]);
    for channel in [
        "spot@public.aggre.deals.v3.api.pb@50ms@BTCUSDT",
        "spot@public.aggre.deals.v3.api.pb@100ms@btcusdt",
        "spot@public.limit.depth.v3.api.pb@BTCUSDT@7",
        "spot@private.orders.v3.api.pb",
        "nonsense",
    ] {
        let answer = jsons(&tell(&mut desk, session, &subscribe(&[channel])));
        assert_ne!(answer[0]["msg"], channel);
    }
    let symbols =
        ["BTCUSDT", "ETHUSDT", "SHIBUSDT", "PEPEUSDT", "SOLUSDT", "XRPUSDT", "DOGEUSDT", "LTCUSDT"];
    let mut channels = Vec::new();
    for symbol in symbols {
        for kind in [
            "aggre.deals.v3.api.pb@100ms",
            "aggre.deals.v3.api.pb@10ms",
            "aggre.depth.v3.api.pb@100ms",
            "aggre.depth.v3.api.pb@10ms",
        ] {
            channels.push(format!("spot@public.{kind}@{symbol}"));
        }
    }
    for (n, channel) in channels.iter().enumerate() {
        let answer = jsons(&tell(&mut desk, session, &subscribe(&[channel])));
        assert_eq!(answer[0]["msg"] == channel.as_str(), n < 30, "{n}");
    }
    let leave = json!({ "method": "UNSUBSCRIPTION", "params": [channels[0]] });
    assert_eq!(jsons(&tell(&mut desk, session, &leave))[0]["msg"], channels[0]);
    let answer = jsons(&tell(&mut desk, session, &subscribe(&[&channels[31]])));
    assert_eq!(answer[0]["msg"], channels[31]);
}

#[test]
fn unused_quiet_and_chatty_spot_connections_are_closed() {
    let mut desk = Desk::new();
    let unused = open(&mut desk, "/ws");
    for _ in 0..29 {
        assert!(pass(&mut desk, 1_000, unused).is_empty());
        tell(&mut desk, unused, &json!({ "method": "PING" }));
    }
    assert!(matches!(pass(&mut desk, 1_000, unused)[..], [Frame::Close(..)]));
    let key = desk.spot("POST /api/v3/userDataStream", "recvWindow=5000").ok();
    let key = key["listenKey"].as_str().expect("text").to_owned();
    let quiet = open(&mut desk, &format!("/ws?listenKey={key}"));
    tell(&mut desk, quiet, &subscribe(&["spot@private.orders.v3.api.pb"]));
    for _ in 0..59 {
        assert!(pass(&mut desk, 1_000, quiet).is_empty());
    }
    assert!(matches!(pass(&mut desk, 1_000, quiet)[..], [Frame::Close(..)]));
    let chatty = open(&mut desk, "/ws");
    let mut last = Vec::new();
    for _ in 0..101 {
        last = tell(&mut desk, chatty, &json!({ "method": "PING" }));
    }
    assert!(matches!(last[..], [Frame::Close(..)]));
}

#[test]
fn a_listen_key_gets_orders_deals_and_balances_until_it_ends() {
    let mut desk = Desk::new();
    assert_eq!(connect(&mut desk.exchange, desk.now, "/mexc/ws?listenKey=nobody"), Err(401));
    let key = desk.spot("POST /api/v3/userDataStream", "recvWindow=5000").ok();
    let key = key["listenKey"].as_str().expect("text").to_owned();
    let target = format!("/ws?listenKey={key}");
    let session = open(&mut desk, &target);
    for _ in 1..5 {
        open(&mut desk, &target);
    }
    assert_eq!(connect(&mut desk.exchange, desk.now, &format!("/mexc{target}")), Err(403));
    let channels = [
        "spot@private.orders.v3.api.pb",
        "spot@private.deals.v3.api.pb",
        "spot@private.account.v3.api.pb",
    ];
    tell(&mut desk, session, &subscribe(&channels));
    let buy = "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=0.01&price=63000&newClientOrderId=a";
    let id = desk.spot("POST /api/v3/order", buy).ok()["orderId"].clone();
    let frames = protos(&take(&mut desk, session));
    let order = frames.iter().find(|f| f.0.contains_key(&304)).expect("an order").message(304);
    assert_eq!(
        (order.text(1), order.text(2), order.number(15)),
        (id.as_str().expect("text"), "a", 1)
    );
    assert_eq!((order.number(7), order.number(8), order.text(11)), (1, 1, "0.01"));
    let account = frames.iter().find(|f| f.0.contains_key(&307)).expect("a balance").message(307);
    assert_eq!(
        (account.text(1), account.text(4), account.text(6)),
        ("USDT", "-630.315", "630.315")
    );
    let market = "symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.02";
    desk.spot("POST /api/v3/order", market).ok();
    let frames = protos(&take(&mut desk, session));
    let deal = frames.iter().find(|f| f.0.contains_key(&306)).expect("a deal").message(306);
    assert_eq!((deal.number(4), deal.text(11)), (2, "USDT"));
    let last = frames.iter().rev().find(|f| f.0.contains_key(&304)).expect("an order").message(304);
    assert_eq!((last.number(15), last.text(13), last.text(12)), (2, "0.02", "0.02"));
    desk.spot("DELETE /api/v3/order", "symbol=BTCUSDT&origClientOrderId=a").ok();
    let frames = protos(&take(&mut desk, session));
    let order = frames.iter().find(|f| f.0.contains_key(&304)).expect("an order").message(304);
    assert_eq!(order.number(15), 4);
    desk.spot("DELETE /api/v3/userDataStream", &format!("listenKey={key}")).ok();
    assert!(matches!(pass(&mut desk, 1_000, session)[..], [Frame::Close(..)]));
}

#[test]
fn a_local_futures_book_kept_by_the_rules_is_the_book_of_rest() {
    let mut desk = moving();
    let session = open(&mut desk, "/edge");
    let sub = json!({ "method": "sub.depth", "param": { "symbol": "BTC_USDT" } });
    let answer = jsons(&tell(&mut desk, session, &sub));
    assert_eq!(
        (&answer[0]["channel"], &answer[0]["data"]),
        (&json!("rs.sub.depth"), &json!("success"))
    );
    let depth = |desk: &mut Desk| {
        desk.raw("GET /api/v1/contract/depth/BTC_USDT", "", "", &[]).ok()["data"].clone()
    };
    let snapshot = depth(&mut desk);
    let mut version = snapshot["version"].as_u64().expect("a version");
    let (mut bids, mut asks) = (rest_side(&snapshot["bids"]), rest_side(&snapshot["asks"]));
    let mut updates = 0;
    for n in 0..60 {
        for frame in jsons(&pass(&mut desk, 100, session)) {
            assert_eq!(
                (&frame["channel"], &frame["symbol"]),
                (&json!("push.depth"), &json!("BTC_USDT"))
            );
            let data = &frame["data"];
            let next = data["version"].as_u64().expect("a version");
            if next <= version {
                continue;
            }
            assert_eq!(next, version + 1, "no gap");
            version = next;
            updates += 1;
            for (name, side) in [("asks", &mut asks), ("bids", &mut bids)] {
                for row in data[name].as_array().expect("levels") {
                    put(side, decimal(&row[0]), decimal(&row[1]));
                }
            }
        }
        let book = depth(&mut desk);
        assert_eq!(book["version"].as_u64(), Some(version));
        assert_eq!(
            (rest_side(&book["bids"]), rest_side(&book["asks"])),
            (bids.clone(), asks.clone())
        );
        if n % 9 == 0 {
            let price = *bids.keys().next_back().expect("bids") - Decimal::ONE;
            desk.order(&format!(r#""side":1,"type":1,"price":{price}"#)).ok();
        }
    }
    assert!(updates > 40, "{updates}");
}

#[test]
fn futures_channels_have_their_rules() {
    let mut desk = Desk::new();
    let session = open(&mut desk, "/edge");
    let pong = jsons(&tell(&mut desk, session, &json!({ "method": "ping" })));
    assert_eq!(pong, [json!({ "channel": "pong", "data": desk.now })]);
    for message in [
        json!({ "method": "sub.deal", "param": { "symbol": "NOPE_USDT" } }),
        json!({ "method": "sub.depth.full", "param": { "symbol": "BTC_USDT", "limit": 7 } }),
        json!({ "method": "sub.ticker", "param": { "symbol": "BTC_USDT" }, "gzip": true }),
        json!({ "method": "sub.nothing", "param": {} }),
        json!({ "method": "order.place" }),
        json!({ "method": "personal.filter", "param": { "filters": [] } }),
    ] {
        assert_eq!(
            jsons(&tell(&mut desk, session, &message))[0]["channel"],
            "rs.error",
            "{message}"
        );
    }
    let sub = |name: &str| json!({ "method": name, "param": { "symbol": "BTC_USDT", "limit": 5 }, "gzip": false });
    let full = jsons(&tell(&mut desk, session, &sub("sub.depth.full")));
    assert_eq!(full[1]["channel"], "push.depth.full");
    assert_eq!(full[1]["data"]["asks"].as_array().map(Vec::len), Some(5));
    tell(&mut desk, session, &sub("sub.ticker"));
    tell(&mut desk, session, &sub("sub.deal"));
    pin(&mut desk, Market::Linear, "BTC_USDT", "65000");
    let mut frames = jsons(&pass(&mut desk, 100, session));
    frames.extend(jsons(&pass(&mut desk, 100, session)));
    let of = |channel: &str| frames.iter().find(|f| f["channel"] == channel).expect("a push");
    assert_eq!(of("push.ticker")["data"]["lastPrice"], 65000);
    assert_eq!(of("push.deal")["data"][0]["p"], 65000);
    tell(&mut desk, session, &sub("unsub.depth.full"));
    tell(&mut desk, session, &sub("unsub.ticker"));
    tell(&mut desk, session, &sub("unsub.deal"));
    pin(&mut desk, Market::Linear, "BTC_USDT", "66000");
    assert!(pass(&mut desk, 1_000, session).is_empty());
    assert!(matches!(pass(&mut desk, 60_000, session)[..], [Frame::Close(..)]), "without a ping");
}

fn login(desk: &Desk, at: u64, secret: &str) -> Value {
    let signature = sign(secret, &format!("{}{at}", desk.key));
    let param = json!({ "apiKey": desk.key, "reqTime": at.to_string(), "signature": signature });
    json!({ "method": "login", "param": param })
}

#[test]
fn a_futures_login_is_signed_and_gets_everything_unless_narrowed() {
    let mut desk = Desk::new();
    let session = open(&mut desk, "/edge");
    let (now, secret) = (desk.now, desk.secret.clone());
    for message in [login(&desk, now - 10_001, &secret), login(&desk, now, "wrong")] {
        assert_eq!(jsons(&tell(&mut desk, session, &message))[0]["channel"], "rs.error");
    }
    let counters = desk.exchange.counters_of(Venue::Mexc);
    assert_eq!((counters.bad_signatures, counters.bad_timestamps), (1, 1));
    let good = login(&desk, now, &secret);
    let answer = jsons(&tell(&mut desk, session, &good));
    assert_eq!(
        (&answer[0]["channel"], &answer[0]["data"]),
        (&json!("rs.login"), &json!("success"))
    );
    desk.order(r#""side":1,"type":5,"externalOid":"o""#).ok();
    let frames = jsons(&take(&mut desk, session));
    let of = |channel: &str| {
        let channel = format!("push.personal.{channel}");
        frames.iter().rev().find(|f| f["channel"] == channel).expect("a push")["data"].clone()
    };
    let order = of("order");
    assert_eq!(
        (&order["state"], &order["externalOid"], &order["remainVol"]),
        (&json!(3), &json!("o"), &json!(0))
    );
    assert_eq!(of("order.deal")["orderId"], order["orderId"]);
    assert_eq!((&of("position")["holdVol"], &of("position")["state"]), (&json!(100), &json!(1)));
    assert!(of("asset")["availableBalance"].is_number());
    let filter =
        json!({ "method": "personal.filter", "param": { "filters": [{ "filter": "position" }] } });
    assert_eq!(jsons(&tell(&mut desk, session, &filter))[0]["channel"], "rs.personal.filter");
    desk.order(r#""side":4,"type":5"#).ok();
    let frames = jsons(&take(&mut desk, session));
    assert!(!frames.is_empty() && frames.iter().all(|f| f["channel"] == "push.personal.position"));
    assert_eq!(frames.last().expect("a position")["data"]["state"], 3, "closed");
    let all = json!({ "method": "personal.filter", "param": { "filters": [] } });
    tell(&mut desk, session, &all);
    desk.order(r#""side":1,"type":1,"price":63000"#).ok();
    assert!(!take(&mut desk, session).is_empty());
    let silent = open(&mut desk, "/edge");
    let mut quietly = login(&desk, now, &secret);
    quietly["subscribe"] = false.into();
    tell(&mut desk, silent, &quietly);
    desk.order(r#""side":1,"type":5"#).ok();
    assert!(take(&mut desk, silent).is_empty());
}

#[test]
fn plan_orders_and_stops_work_while_nobody_asks() {
    let mut desk = Desk::new();
    let session = open(&mut desk, "/edge");
    let (now, secret) = (desk.now, desk.secret.clone());
    let good = login(&desk, now, &secret);
    tell(&mut desk, session, &good);
    let plan = r#"{"symbol":"BTC_USDT","vol":100,"openType":2,"executeCycle":1,"trend":1,"side":1,"triggerPrice":65000,"triggerType":1,"orderType":5}"#;
    desk.futures("POST /api/v1/private/planorder/place", "", plan).ok();
    let frames = jsons(&take(&mut desk, session));
    let push = frames.iter().find(|f| f["channel"] == "push.personal.plan.order").expect("a plan");
    assert_eq!(push["data"]["state"], 1);
    desk.now += 1_000;
    pin(&mut desk, Market::Linear, "BTC_USDT", "65001");
    let frames = jsons(&pass(&mut desk, 100, session));
    let states: Vec<&Value> = frames
        .iter()
        .filter(|f| f["channel"] == "push.personal.plan.order")
        .map(|f| &f["data"]["state"])
        .collect();
    assert_eq!(states, [&json!(3)]);
    let entry = r#""side":1,"type":1,"price":64000,"takeProfitPrice":66000"#;
    desk.order(entry).ok();
    take(&mut desk, session);
    for price in ["63990", "66001"] {
        desk.now += 1_000;
        pin(&mut desk, Market::Linear, "BTC_USDT", price);
        let now = desk.now;
        desk.exchange.poll(now);
    }
    let frames = jsons(&take(&mut desk, session));
    let deals: Vec<&Value> = frames
        .iter()
        .filter(|f| f["channel"] == "push.personal.order.deal")
        .map(|f| &f["data"]["side"])
        .collect();
    assert!(deals.contains(&&json!(1)) && deals.contains(&&json!(4)), "{deals:?}");
}
