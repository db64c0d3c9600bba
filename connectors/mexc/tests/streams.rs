//! Streams: what is written to a socket, and the documented and recorded frames read from one, field
//! by field.

#![cfg(test)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hoox_connector::stream::FRAME_MAX;
use hoox_connector::{
    Channel, Credentials, Decimal, EncodeError, Event, Frame, Instrument, Instruments, Market,
    OrderStatus, PositionSide, Side, Socket, StreamError, StreamProvider, Symbol, Timestamp, Topic,
    Venue,
};
use hoox_mexc::Mexc;
use proptest::prelude::*;
use prost::Message;
use serde_json::Value;

/// The venue's own messages, written from its published definitions and not from ours.
mod wire {
    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct PushDataV3ApiWrapper {
        #[prost(string, tag = "1")]
        pub(crate) channel: String,
        #[prost(message, optional, tag = "304")]
        pub(crate) private_orders: Option<PrivateOrdersV3Api>,
        #[prost(message, optional, tag = "306")]
        pub(crate) private_deals: Option<PrivateDealsV3Api>,
        #[prost(message, optional, tag = "307")]
        pub(crate) private_account: Option<PrivateAccountV3Api>,
        #[prost(message, optional, tag = "313")]
        pub(crate) public_aggre_depths: Option<PublicAggreDepthsV3Api>,
        #[prost(message, optional, tag = "314")]
        pub(crate) public_aggre_deals: Option<PublicAggreDealsV3Api>,
        #[prost(message, optional, tag = "315")]
        pub(crate) public_aggre_book_ticker: Option<PublicAggreBookTickerV3Api>,
        #[prost(string, optional, tag = "3")]
        pub(crate) symbol: Option<String>,
        #[prost(string, optional, tag = "4")]
        pub(crate) symbol_id: Option<String>,
        #[prost(int64, optional, tag = "5")]
        pub(crate) create_time: Option<i64>,
        #[prost(int64, optional, tag = "6")]
        pub(crate) send_time: Option<i64>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct PublicAggreBookTickerV3Api {
        #[prost(string, tag = "1")]
        pub(crate) bid_price: String,
        #[prost(string, tag = "2")]
        pub(crate) bid_quantity: String,
        #[prost(string, tag = "3")]
        pub(crate) ask_price: String,
        #[prost(string, tag = "4")]
        pub(crate) ask_quantity: String,
        #[prost(string, tag = "5")]
        pub(crate) version: String,
        #[prost(int64, tag = "6")]
        pub(crate) last_order_create_time: i64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct PublicAggreDealsV3Api {
        #[prost(message, repeated, tag = "1")]
        pub(crate) deals: Vec<PublicAggreDealsV3ApiItem>,
        #[prost(string, tag = "2")]
        pub(crate) event_type: String,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct PublicAggreDealsV3ApiItem {
        #[prost(string, tag = "1")]
        pub(crate) price: String,
        #[prost(string, tag = "2")]
        pub(crate) quantity: String,
        #[prost(int32, tag = "3")]
        pub(crate) trade_type: i32,
        #[prost(int64, tag = "4")]
        pub(crate) time: i64,
        #[prost(string, tag = "5")]
        pub(crate) trade_id: String,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct PublicAggreDepthsV3Api {
        #[prost(message, repeated, tag = "1")]
        pub(crate) asks: Vec<PublicAggreDepthV3ApiItem>,
        #[prost(message, repeated, tag = "2")]
        pub(crate) bids: Vec<PublicAggreDepthV3ApiItem>,
        #[prost(string, tag = "3")]
        pub(crate) event_type: String,
        #[prost(string, tag = "4")]
        pub(crate) from_version: String,
        #[prost(string, tag = "5")]
        pub(crate) to_version: String,
        #[prost(int64, tag = "6")]
        pub(crate) last_order_create_time: i64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct PublicAggreDepthV3ApiItem {
        #[prost(string, tag = "1")]
        pub(crate) price: String,
        #[prost(string, tag = "2")]
        pub(crate) quantity: String,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct PrivateOrdersV3Api {
        #[prost(string, tag = "1")]
        pub(crate) id: String,
        #[prost(string, tag = "2")]
        pub(crate) client_id: String,
        #[prost(string, tag = "3")]
        pub(crate) price: String,
        #[prost(string, tag = "4")]
        pub(crate) quantity: String,
        #[prost(string, tag = "5")]
        pub(crate) amount: String,
        #[prost(string, tag = "6")]
        pub(crate) avg_price: String,
        #[prost(int32, tag = "7")]
        pub(crate) order_type: i32,
        #[prost(int32, tag = "8")]
        pub(crate) trade_type: i32,
        #[prost(bool, tag = "9")]
        pub(crate) is_maker: bool,
        #[prost(string, tag = "10")]
        pub(crate) remain_amount: String,
        #[prost(string, tag = "11")]
        pub(crate) remain_quantity: String,
        #[prost(string, optional, tag = "12")]
        pub(crate) last_deal_quantity: Option<String>,
        #[prost(string, tag = "13")]
        pub(crate) cumulative_quantity: String,
        #[prost(string, tag = "14")]
        pub(crate) cumulative_amount: String,
        #[prost(int32, tag = "15")]
        pub(crate) status: i32,
        #[prost(int64, tag = "16")]
        pub(crate) create_time: i64,
        #[prost(string, optional, tag = "19")]
        pub(crate) trigger_price: Option<String>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct PrivateDealsV3Api {
        #[prost(string, tag = "1")]
        pub(crate) price: String,
        #[prost(string, tag = "2")]
        pub(crate) quantity: String,
        #[prost(string, tag = "3")]
        pub(crate) amount: String,
        #[prost(int32, tag = "4")]
        pub(crate) trade_type: i32,
        #[prost(bool, tag = "5")]
        pub(crate) is_maker: bool,
        #[prost(bool, tag = "6")]
        pub(crate) is_self_trade: bool,
        #[prost(string, tag = "7")]
        pub(crate) trade_id: String,
        #[prost(string, tag = "8")]
        pub(crate) client_order_id: String,
        #[prost(string, tag = "9")]
        pub(crate) order_id: String,
        #[prost(string, tag = "10")]
        pub(crate) fee_amount: String,
        #[prost(string, tag = "11")]
        pub(crate) fee_currency: String,
        #[prost(int64, tag = "12")]
        pub(crate) time: i64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct PrivateAccountV3Api {
        #[prost(string, tag = "1")]
        pub(crate) vcoin_name: String,
        #[prost(string, tag = "2")]
        pub(crate) coin_id: String,
        #[prost(string, tag = "3")]
        pub(crate) balance_amount: String,
        #[prost(string, tag = "4")]
        pub(crate) balance_amount_change: String,
        #[prost(string, tag = "5")]
        pub(crate) frozen_amount: String,
        #[prost(int64, tag = "8")]
        pub(crate) time: i64,
    }
}

use wire::PushDataV3ApiWrapper as Wrapper;

const CREATED: Timestamp = Timestamp::from_millis(1_657_186_536_762);

fn credentials() -> Credentials {
    Credentials::hmac("key", "secret")
}

fn spot() -> Mexc {
    Mexc::spot(credentials())
}

fn linear() -> Mexc {
    let instrument = |symbol: &str, size: &str| {
        let neutral = Symbol::new(&symbol.replace('_', "")).unwrap();
        let mut it = Instrument::new(Venue::Mexc, Market::Linear, neutral);
        it.venue_symbol = Symbol::new(symbol).unwrap();
        it.contract_size = Some(dec(size));
        it
    };
    Mexc::linear(credentials()).with_instruments(Arc::new(Instruments::new(vec![
        instrument("BTC_USDT", "0.0001"),
        instrument("PEPE_USDT", "10000000"),
        instrument("CRV_USDT", "10"),
    ])))
}

fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn at(millis: u64) -> Option<Timestamp> {
    Some(Timestamp::from_millis(millis))
}

fn topic(channel: Channel) -> Topic {
    let symbol = Some(Symbol::new("BTCUSDT").unwrap());
    Topic { channel, symbol: symbol.filter(|_| channel != Channel::Account) }
}

fn payload(name: &str) -> Value {
    let path = format!("{}/tests/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    file["payload"].clone()
}

fn read(mexc: &Mexc, frame: Frame<'_>) -> Result<Vec<Event>, StreamError> {
    let mut events = Vec::new();
    mexc.read(frame, &mut |event| events.push(event)).map(|()| events)
}

fn text(mexc: &Mexc, text: &str) -> Vec<Event> {
    read(mexc, Frame::Text(text)).unwrap()
}

fn sample(name: &str) -> Event {
    let mut events = text(&linear(), &payload(name).to_string());
    assert_eq!(events.len(), 1, "{name}");
    events.remove(0)
}

/// The frame of a documented message, which the documentation shows as JSON.
fn encoded(name: &str) -> Wrapper {
    let json = payload(name);
    let string = |value: &Value| value.as_str().unwrap().to_owned();
    let small = |value: &Value| i32::try_from(value.as_i64().unwrap()).unwrap();
    let mut it = Wrapper {
        channel: string(&json["channel"]),
        symbol: Some(string(&json["symbol"])),
        symbol_id: Some("an id".into()),
        create_time: Some(1),
        send_time: json["sendTime"].as_i64(),
        ..Wrapper::default()
    };
    if let Some(body) = json.get("publicAggreBookTicker") {
        it.public_aggre_book_ticker = Some(wire::PublicAggreBookTickerV3Api {
            bid_price: string(&body["bidPrice"]),
            bid_quantity: string(&body["bidQuantity"]),
            ask_price: string(&body["askPrice"]),
            ask_quantity: string(&body["askQuantity"]),
            version: "44910".into(),
            last_order_create_time: 1,
        });
    }
    if let Some(body) = json.get("privateOrders") {
        it.private_orders = Some(wire::PrivateOrdersV3Api {
            id: string(&body["id"]),
            client_id: string(&body["clientId"]),
            price: string(&body["price"]),
            quantity: string(&body["quantity"]),
            amount: string(&body["amount"]),
            avg_price: string(&body["avgPrice"]),
            order_type: small(&body["orderType"]),
            trade_type: small(&body["tradeType"]),
            remain_amount: string(&body["remainAmount"]),
            remain_quantity: string(&body["remainQuantity"]),
            last_deal_quantity: Some(string(&body["lastDealQuantity"])),
            cumulative_quantity: string(&body["cumulativeQuantity"]),
            cumulative_amount: string(&body["cumulativeAmount"]),
            status: small(&body["status"]),
            create_time: body["createTime"].as_i64().unwrap(),
            ..Default::default()
        });
    }
    if let Some(body) = json.get("privateDeals") {
        it.private_deals = Some(wire::PrivateDealsV3Api {
            price: string(&body["price"]),
            quantity: string(&body["quantity"]),
            amount: string(&body["amount"]),
            trade_type: small(&body["tradeType"]),
            trade_id: string(&body["tradeId"]),
            order_id: string(&body["orderId"]),
            fee_amount: string(&body["feeAmount"]),
            fee_currency: string(&body["feeCurrency"]),
            time: body["time"].as_i64().unwrap(),
            ..Default::default()
        });
    }
    it
}

fn binary(wrapper: &Wrapper) -> Result<Vec<Event>, StreamError> {
    read(&spot(), Frame::Binary(&wrapper.encode_to_vec()))
}

#[test]
fn sockets_and_addresses() {
    let (spot, linear) = (spot(), linear());
    for mexc in [&spot, &linear] {
        assert_eq!(mexc.socket(Channel::Account), Socket::Private);
        assert_eq!(mexc.socket(Channel::BookTop), Socket::Public);
    }
    assert_eq!(spot.socket_url(Socket::Public, None), "wss://wbs-api.mexc.com/ws");
    assert_eq!(
        spot.socket_url(Socket::Private, Some("a&b")),
        "wss://wbs-api.mexc.com/ws?listenKey=a%26b"
    );
    assert_eq!(linear.socket_url(Socket::Private, None), "wss://contract.mexc.com/edge");
    assert_eq!((spot.needs_listen_key(), linear.needs_listen_key()), (true, false));
    let local = spot.with_stream_url("ws://127.0.0.1:1");
    assert_eq!(local.socket_url(Socket::Public, None), "ws://127.0.0.1:1/ws");
    assert_eq!(local.keep_alive(Socket::Public).frame, Some("{\"method\":\"PING\"}"));
    assert_eq!(linear.keep_alive(Socket::Public).frame, Some("{\"method\":\"ping\"}"));
    assert_eq!(linear.keep_alive(Socket::Private).silence_max, Duration::from_secs(60));
}

#[test]
fn spot_subscribes_to_many_channels_in_a_frame() {
    let mut out = String::new();
    let topics = [topic(Channel::BookTop), topic(Channel::Trades), topic(Channel::Depth)];
    spot().subscribe(&topics, 1, &mut out).unwrap();
    assert_eq!(
        out,
        "{\"method\":\"SUBSCRIPTION\",\"params\":[\
         \"spot@public.aggre.bookTicker.v3.api.pb@10ms@BTCUSDT\",\
         \"spot@public.aggre.deals.v3.api.pb@10ms@BTCUSDT\",\
         \"spot@public.aggre.depth.v3.api.pb@10ms@BTCUSDT\"]}"
    );
    out.clear();
    spot().unsubscribe(&[topic(Channel::Account)], 1, &mut out).unwrap();
    assert_eq!(
        out,
        "{\"method\":\"UNSUBSCRIPTION\",\"params\":[\"spot@private.orders.v3.api.pb\",\
         \"spot@private.deals.v3.api.pb\",\"spot@private.account.v3.api.pb\"]}"
    );
    out.clear();
    for wrong in [
        vec![topic(Channel::Account), topic(Channel::BookTop)],
        vec![topic(Channel::BookTop); 31],
        vec![Topic { channel: Channel::Depth, symbol: None }],
    ] {
        assert!(spot().subscribe(&wrong, 1, &mut out).is_err());
    }
    spot().subscribe(&[], 1, &mut out).unwrap();
    spot().authenticate(CREATED, 1, &mut out).unwrap();
    assert_eq!(out, "");
}

#[test]
fn linear_subscribes_to_one_channel_in_a_frame() {
    for (channel, expected) in [
        (
            Channel::BookTop,
            r#"{"method":"sub.depth.full","param":{"symbol":"BTC_USDT","limit":5},"gzip":false}"#,
        ),
        (Channel::Trades, r#"{"method":"sub.deal","param":{"symbol":"BTC_USDT"},"gzip":false}"#),
        (
            Channel::Depth,
            r#"{"method":"sub.depth","param":{"symbol":"BTC_USDT","compress":false},"gzip":false}"#,
        ),
        (
            Channel::Account,
            r#"{"method":"personal.filter","param":{"filters":[{"filter":"order"},{"filter":"order.deal"},{"filter":"position"},{"filter":"asset"}]}}"#,
        ),
    ] {
        let mut out = String::new();
        linear().subscribe(&[topic(channel)], 1, &mut out).unwrap();
        assert_eq!(out, expected);
        let mut ended = String::new();
        linear().unsubscribe(&[topic(channel)], 1, &mut ended).unwrap();
        let expected =
            if channel == Channel::Account { String::new() } else { out.replace("sub.", "unsub.") };
        assert_eq!(ended, expected);
    }
    let two = [topic(Channel::Trades), topic(Channel::Depth)];
    let refused = linear().subscribe(&two, 1, &mut String::new());
    assert!(matches!(refused, Err(EncodeError::Invalid { field: "topics", .. })));
}

#[test]
fn no_symbol_adds_a_field_to_a_frame() {
    let symbol = Symbol::new("A\",\"x\":\"_USDT").ok();
    for mexc in [spot(), linear()] {
        let mut out = String::new();
        mexc.subscribe(&[Topic { channel: Channel::Trades, symbol }], 1, &mut out).unwrap();
        let frame: Value = serde_json::from_str(&out).unwrap();
        let params = frame.get("params").map_or(1, |list| list.as_array().unwrap().len());
        let param = frame.get("param").map_or(1, |map| map.as_object().unwrap().len());
        assert_eq!((params, param), (1, 1), "{out}");
    }
}

#[test]
fn spot_best_bid_and_ask() {
    let expected = hoox_connector::BookTop {
        symbol: Symbol::new("BTCUSDT").unwrap(),
        bid_price: Some(dec("93387.28")),
        bid_quantity: Some(dec("3.73485")),
        ask_price: Some(dec("93387.29")),
        ask_quantity: Some(dec("7.669875")),
        update_id: Some(44_910),
        at: at(1_736_412_092_433),
    };
    let mut frame = encoded("ws_spot_book_ticker_decoded");
    assert_eq!(binary(&frame).unwrap(), [Event::BookTop(expected)]);
    // Without the field the channel's name tells the symbol.
    frame.symbol = None;
    assert_eq!(binary(&frame).unwrap(), [Event::BookTop(expected)]);
    frame.public_aggre_book_ticker.as_mut().unwrap().ask_price = "x".into();
    let wrong = binary(&frame);
    assert!(matches!(wrong, Err(StreamError::Malformed { field, .. }) if field == "askPrice"));
    frame.public_aggre_book_ticker = Some(Default::default());
    let Event::BookTop(top) = binary(&frame).unwrap()[0].clone() else { panic!() };
    assert_eq!((top.bid_price, top.ask_quantity, top.update_id), (None, None, None));
}

#[test]
fn spot_trades_and_depth() {
    let item = |trade_type: i32| wire::PublicAggreDealsV3ApiItem {
        price: "93220.00".into(),
        quantity: "0.04438243".into(),
        trade_type,
        time: 1_736_409_765_051,
        trade_id: "505979017439002624X1".into(),
    };
    let deals =
        wire::PublicAggreDealsV3Api { deals: vec![item(2), item(1)], event_type: "e".into() };
    let mut frame = encoded("ws_spot_book_ticker_decoded");
    frame.public_aggre_book_ticker = None;
    frame.public_aggre_deals = Some(deals);
    let events = binary(&frame).unwrap();
    let (Event::Trade(first), Event::Trade(second)) = (&events[0], &events[1]) else { panic!() };
    assert_eq!((first.taker_side, second.taker_side), (Side::Sell, Side::Buy));
    assert_eq!((first.price, first.quantity), (dec("93220"), dec("0.04438243")));
    assert_eq!(first.trade_id.unwrap().as_str(), "505979017439002624X1");
    assert_eq!(Some(first.at), at(1_736_409_765_051));

    let level = |price: &str, quantity: &str| wire::PublicAggreDepthV3ApiItem {
        price: price.into(),
        quantity: quantity.into(),
    };
    frame.public_aggre_deals = None;
    frame.public_aggre_depths = Some(wire::PublicAggreDepthsV3Api {
        asks: vec![level("92878.3", "0")],
        bids: vec![level("92877.58", "0.00000000"), level("92876", "1.5")],
        event_type: "e".into(),
        from_version: "10589632359".into(),
        to_version: "10589632360".into(),
        last_order_create_time: 1,
    });
    let Event::Book(book) = binary(&frame).unwrap()[0].clone() else { panic!() };
    assert_eq!((book.symbol.as_str(), book.snapshot), ("BTCUSDT", false));
    assert_eq!((book.first_id, book.last_id), (Some(10_589_632_359), 10_589_632_360));
    assert_eq!(book.asks, [(dec("92878.3"), Decimal::ZERO)]);
    assert_eq!(book.bids[1], (dec("92876"), dec("1.5")));
    assert_eq!(book.at, at(1_736_412_092_433));
}

#[test]
fn spot_account() {
    let mut frame = encoded("ws_spot_private_order_decoded");
    let Event::Order(order) = binary(&frame).unwrap()[0].clone() else { panic!() };
    assert_eq!(
        (order.symbol.as_str(), order.order_id.as_str()),
        ("MXUSDT", "C02__505979017439002624115")
    );
    assert_eq!((order.side, order.status), (Side::Sell, OrderStatus::Filled));
    assert_eq!((order.client_order_id, order.price, order.time_in_force), (None, None, None));
    assert_eq!((order.quantity, order.filled_quantity), (Some(dec("1")), dec("1")));
    assert_eq!(
        (order.average_price, order.filled_quote),
        (Some(dec("3.6962")), Some(dec("3.6962")))
    );
    assert_eq!(order.updated_at, at(1_736_417_034_281));
    for (status, expected) in [
        (1, OrderStatus::New),
        (2, OrderStatus::Filled),
        (3, OrderStatus::PartiallyFilled),
        (4, OrderStatus::Canceled),
        (5, OrderStatus::Canceled),
        (6, OrderStatus::Unrecognized),
    ] {
        let body = frame.private_orders.as_mut().unwrap();
        (body.status, body.order_type, body.client_id) = (status, 2, "mine-1".into());
        let Event::Order(order) = binary(&frame).unwrap()[0].clone() else { panic!() };
        assert_eq!((order.status, order.price), (expected, Some(dec("3.5121"))));
        assert_eq!(order.client_order_id.unwrap().as_str(), "mine-1");
    }

    let Event::Fill(fill) = binary(&encoded("ws_spot_private_deal_decoded")).unwrap()[0].clone()
    else {
        panic!()
    };
    assert_eq!(fill.trade_id.as_str(), "505979017439002624X1");
    assert_eq!(fill.order_id.as_str(), "C02__505979017439002624115");
    assert_eq!((fill.symbol.as_str(), fill.side), ("MXUSDT", Side::Sell));
    assert_eq!((fill.price, fill.quantity), (dec("3.6962"), dec("1")));
    let fee = fill.fee.unwrap();
    assert_eq!((fee.asset.as_str(), fee.amount), ("MX", dec("0.0003998377369698171")));
    assert_eq!((fill.maker, Some(fill.at)), (Some(false), at(1_736_417_034_280)));

    let frame = Wrapper {
        channel: "spot@private.account.v3.api.pb".into(),
        private_account: Some(wire::PrivateAccountV3Api {
            vcoin_name: "USDT".into(),
            coin_id: "128f589271cb4951b03e71e6323eb7be".into(),
            balance_amount: "21.94210356004384".into(),
            frozen_amount: "10".into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let Event::Balance(balance) = binary(&frame).unwrap()[0].clone() else { panic!() };
    assert_eq!((balance.asset.as_str(), balance.available), ("USDT", dec("21.94210356004384")));
    assert_eq!(balance.total, dec("31.94210356004384"));
}

#[test]
fn spot_answers() {
    let ack = payload("ws_spot_subscribe_ack").to_string();
    assert_eq!(text(&spot(), &ack), [Event::Subscribed(None)]);
    assert_eq!(text(&spot(), r#"{"id":0,"code":0,"msg":"PONG"}"#), [Event::Pong]);
    // A refusal has the code of a success.
    let refused =
        "{\"id\":0,\"code\":0,\"msg\":\"Not Subscribed successfully! [spot@x]. Reason: Blocked!\"}";
    assert!(
        matches!(&text(&spot(), refused)[0], Event::Refused { code: 0, message } if message.starts_with("Not"))
    );
}

#[test]
fn linear_public_frames() {
    let Event::BookTop(top) = sample("ws_linear_depth_scientific_notation") else { panic!() };
    assert_eq!(top.symbol.as_str(), "PEPEUSDT");
    assert_eq!(
        (top.bid_price, top.ask_price),
        (Some(dec("0.0000034102")), Some(dec("0.0000034103")))
    );
    assert_eq!(
        (top.bid_quantity, top.ask_quantity),
        (Some(dec("200000000")), Some(dec("450000000")))
    );
    assert_eq!((top.update_id, top.at), (None, at(1_789_327_957_142)));

    let Event::BookTop(top) = sample("ws_linear_ticker") else { panic!() };
    assert_eq!((top.symbol.as_str(), top.bid_price), ("BTCUSDT", Some(dec("6865"))));
    assert_eq!((top.ask_price, top.bid_quantity), (Some(dec("6866.5")), None));

    let Event::Book(book) = sample("ws_linear_depth") else { panic!() };
    assert_eq!((book.symbol.as_str(), book.snapshot), ("BTCUSDT", false));
    assert_eq!(book.asks, [(dec("6859.5"), dec("0.3251"))]);
    assert_eq!((book.bids.len(), book.last_id), (0, 96_801_927));
    assert_eq!((book.first_id, book.at), (Some(96_801_927), at(1_587_442_022_003)));

    let Event::Trade(trade) = sample("ws_linear_deal") else { panic!() };
    assert_eq!((trade.symbol.as_str(), trade.taker_side), ("BTCUSDT", Side::Buy));
    assert_eq!((trade.price, trade.quantity), (dec("6866.5"), dec("0.2096")));
    assert_eq!((Some(trade.at), trade.trade_id), (at(1_587_442_049_632), None));
    // Newer frames hold a list.
    let list = r#"{"symbol":"BTC_USDT","data":[{"p":1,"v":2,"T":2,"O":1,"M":2,"t":5,"i":"77"},
        {"p":1,"v":3,"T":1,"O":1,"M":2,"t":6}],"channel":"push.deal","ts":7}"#;
    let events = text(&linear(), list);
    let Event::Trade(trade) = &events[0] else { panic!() };
    assert_eq!((events.len(), trade.taker_side), (2, Side::Sell));
    assert_eq!(trade.trade_id.unwrap().as_str(), "77");
}

#[test]
fn linear_account_frames() {
    let Event::Order(order) = sample("ws_linear_order") else { panic!() };
    assert_eq!((order.symbol.as_str(), order.order_id.as_str()), ("CRVUSDT", "102067003631907840"));
    assert_eq!(
        (order.side, order.status, order.reduce_only),
        (Side::Sell, OrderStatus::Filled, true)
    );
    assert_eq!((order.quantity, order.filled_quantity), (Some(dec("10")), dec("10")));
    assert_eq!((order.average_price, order.price), (Some(dec("0.731")), None));
    assert_eq!(order.fee.unwrap().amount, dec("0.00004386"));
    assert_eq!(order.updated_at, at(1_610_005_069_983));

    let Event::Position(position) = sample("ws_linear_position") else { panic!() };
    assert_eq!((position.symbol.as_str(), position.size), ("CRVUSDT", Decimal::ZERO));
    assert_eq!((position.side, position.leverage), (None, Some(15)));
    let open = payload("ws_linear_position").to_string().replace("\"holdVol\":0", "\"holdVol\":2");
    let Event::Position(position) = text(&linear(), &open)[0].clone() else { panic!() };
    assert_eq!((position.side, position.size), (Some(PositionSide::Long), dec("20")));

    let Event::Balance(balance) = sample("ws_linear_asset") else { panic!() };
    assert_eq!((balance.asset.as_str(), balance.available), ("USDT", dec("0.7514236")));
    assert_eq!(balance.total, dec("0.7514236"));

    let deal = r#"{"channel":"push.personal.order.deal","data":{"category":1,"fee":0.00060288,
        "feeCurrency":"USDT","id":"311655369","isSelf":false,"orderId":"276461245253669888",
        "positionMode":1,"price":100.48,"profit":0.0003,"side":4,"symbol":"BTC_USDT","isTaker":true,
        "timestamp":1651583897276,"vol":1,"externalOid":"mine-1"},"ts":1651583897291}"#;
    let Event::Fill(fill) = text(&linear(), deal)[0].clone() else { panic!() };
    assert_eq!(
        (fill.trade_id.as_str(), fill.order_id.as_str()),
        ("311655369", "276461245253669888")
    );
    assert_eq!((fill.price, fill.quantity), (dec("100.48"), dec("0.0001")));
    assert_eq!((fill.side, fill.maker), (Side::Sell, Some(false)));
    assert_eq!(fill.client_order_id.unwrap().as_str(), "mine-1");
}

#[test]
fn linear_answers() {
    for (frame, expected) in [
        (r#"{"channel":"rs.login","data":"success","ts":1}"#, vec![Event::Authenticated]),
        (
            r#"{"channel":"rs.sub.depth.full","data":"success","ts":1}"#,
            vec![Event::Subscribed(None)],
        ),
        (r#"{"channel":"rs.personal.filter","data":"success"}"#, vec![Event::Subscribed(None)]),
        (r#"{"channel":"pong","data":1587453241453}"#, vec![Event::Pong]),
        (r#"{"channel":"rs.unsub.deal","data":"success"}"#, vec![]),
        (r#"{"channel":"push.personal.risk.limit","data":{}}"#, vec![]),
        (
            r#"{"channel":"rs.error","data":"Contract doesn't exist!","ts":1}"#,
            vec![Event::Refused { code: 0, message: "Contract doesn't exist!".into() }],
        ),
        (
            r#"{"channel":"rs.login","data":"signature error"}"#,
            vec![Event::Refused { code: 0, message: "signature error".into() }],
        ),
    ] {
        assert_eq!(text(&linear(), frame), expected, "{frame}");
    }
}

#[test]
fn what_is_missing_or_mistyped_is_named() {
    let field = |result: Result<Vec<Event>, StreamError>| match result {
        Err(StreamError::Malformed { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    let order = payload("ws_linear_order");
    for name in ["orderId", "symbol", "side", "state", "vol", "dealVol"] {
        let mut missing = order.clone();
        missing["data"].as_object_mut().unwrap().remove(name);
        assert_eq!(
            field(read(&linear(), Frame::Text(&missing.to_string()))),
            format!("data.{name}")
        );
    }
    let depth = payload("ws_linear_depth").to_string();
    for (from, to, named) in [
        ("6859.5", "\"x\"", "data.asks[0]"),
        ("\"symbol\"", "\"other\"", "symbol"),
        ("BTC_USDT", "XYZ_USDT", "symbol"),
        ("\"version\"", "\"other\"", "data.version"),
        ("\"data\"", "\"other\"", "data"),
        ("\"channel\"", "\"other\"", "channel"),
    ] {
        let wrong = depth.replace(from, to);
        let named_in = field(read(&linear(), Frame::Text(&wrong)));
        assert!(named_in.starts_with(named), "{named_in} {wrong}");
    }
    // A quantity in contracts of an unknown size.
    let unknown = Mexc::linear(credentials());
    let Err(StreamError::Malformed { problem, .. }) = read(&unknown, Frame::Text(&depth)) else {
        panic!()
    };
    assert!(problem.contains("BTC_USDT"), "{problem}");
}

#[test]
fn frames_of_the_wrong_kind_or_length_are_refused() {
    assert_eq!(read(&linear(), Frame::Binary(b"\x1f\x8b")), Err(StreamError::UnexpectedKind));
    let long = " ".repeat(FRAME_MAX + 1);
    let too_long = Err(StreamError::TooLong(FRAME_MAX + 1));
    assert_eq!(read(&linear(), Frame::Text(&long)), too_long);
    assert_eq!(read(&spot(), Frame::Text(&long)), too_long);
    assert_eq!(read(&spot(), Frame::Binary(long.as_bytes())), too_long);
    // Half a frame is none.
    let whole = payload("ws_linear_deal").to_string();
    for end in 0..whole.len() {
        assert!(read(&linear(), Frame::Text(&whole[..end])).is_err(), "{end}");
    }
    let whole = encoded("ws_spot_book_ticker_decoded").encode_to_vec();
    // The book is the last field: without the whole of it there is nothing to tell.
    for end in 0..whole.len() {
        let part = read(&spot(), Frame::Binary(&whole[..end]));
        assert!(!matches!(&part, Ok(events) if !events.is_empty()), "{end}: {part:?}");
    }
}

#[test]
fn every_stream_fixture_is_read_somewhere_here() {
    let here = include_str!("streams.rs");
    let directory = format!("{}/tests/fixtures", env!("CARGO_MANIFEST_DIR"));
    let names: BTreeSet<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| name.starts_with("ws_"))
        .collect();
    assert_eq!(names.len(), 11);
    for name in names {
        assert!(here.contains(&format!("\"{name}\"")), "{name}");
    }
}

proptest! {
    #[test]
    fn no_frame_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), words in ".{0,200}") {
        for mexc in [spot(), linear()] {
            let _ = read(&mexc, Frame::Binary(&bytes));
            let _ = read(&mexc, Frame::Text(&words));
        }
    }

    #[test]
    fn no_change_of_a_frame_makes_it_panic(name in 0..7_usize, place in any::<prop::sample::Index>(), byte in 0x20..0x7f_u8) {
        let names = ["ws_linear_asset", "ws_linear_deal", "ws_linear_depth", "ws_linear_order",
            "ws_linear_position", "ws_linear_ticker", "ws_linear_depth_scientific_notation"];
        let mut frame = payload(names[name]).to_string().into_bytes();
        let place = place.index(frame.len());
        frame[place] = byte;
        let _ = read(&linear(), Frame::Text(std::str::from_utf8(&frame).unwrap()));
    }
}
