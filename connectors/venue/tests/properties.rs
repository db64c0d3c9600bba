//! What must hold whatever is traded: money is conserved and seeds decide everything.

#![allow(clippy::expect_used, clippy::indexing_slicing)]

mod support;

use hoox_venue::{Config, Limits};
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::Value;
use support::{Desk, d};

/// Something a trader may do, in the bounds the instruments allow.
#[derive(Clone, Debug)]
enum Deed {
    Linear { buy: bool, offset: Option<i32>, lots: u32, tif: usize, reduce: bool },
    Spot { buy: bool, offset: Option<i32>, lots: u32, tif: usize },
    SpotStop { buy: bool, offset: i32, lots: u32 },
    SpotQuote { buy: bool, amount: u32 },
    Stop { buy: bool, offset: i32, lots: u32 },
    Amend { offset: i32, lots: u32 },
    CancelAll,
    Wait { ms: u64 },
}

fn deed() -> impl Strategy<Value = Deed> {
    let offset = -300..300_i32;
    let maybe = prop::option::of(offset.clone());
    prop_oneof![
        4 => (any::<bool>(), maybe.clone(), 1..4_000_u32, 0..4_usize, any::<bool>()).prop_map(
            |(buy, offset, lots, tif, reduce)| Deed::Linear { buy, offset, lots, tif, reduce }
        ),
        4 => (any::<bool>(), maybe, 1..300_000_u32, 0..3_usize)
            .prop_map(|(buy, offset, lots, tif)| Deed::Spot { buy, offset, lots, tif }),
        1 => (any::<bool>(), offset.clone(), 1..300_000_u32)
            .prop_map(|(buy, offset, lots)| Deed::SpotStop { buy, offset, lots }),
        1 => (any::<bool>(), 5..200_000_u32).prop_map(|(buy, amount)| Deed::SpotQuote { buy, amount }),
        1 => (any::<bool>(), offset.clone(), 1..4_000_u32)
            .prop_map(|(buy, offset, lots)| Deed::Stop { buy, offset, lots }),
        1 => (offset, 1..4_000_u32).prop_map(|(offset, lots)| Deed::Amend { offset, lots }),
        1 => Just(Deed::CancelAll),
        4 => (1..600_000_u64).prop_map(|ms| Deed::Wait { ms }),
    ]
}

fn perform(desk: &mut Desk, deed: &Deed) -> Value {
    let side = |buy: bool| if buy { "BUY" } else { "SELL" };
    // Around the price both markets walk about, in whole dollars.
    let price = |offset: i32| 64_000 + offset * 5;
    let btc = |lots: u32, decimals: u32| Decimal::new(i64::from(lots), decimals);
    match *deed {
        Deed::Linear { buy, offset, lots, tif, reduce } => {
            let tif = ["GTC", "IOC", "FOK", "GTX"][tif];
            let kind = match offset {
                None => "type=MARKET".to_owned(),
                Some(o) => format!("type=LIMIT&timeInForce={tif}&price={}", price(o)),
            };
            let (side, quantity) = (side(buy), btc(lots, 3));
            desk.linear(&format!(
                "symbol=BTCUSDT&side={side}&{kind}&quantity={quantity}&reduceOnly={reduce}"
            ))
            .body
        }
        Deed::Spot { buy, offset, lots, tif } => {
            let tif = ["GTC", "IOC", "FOK"][tif];
            let kind = match offset {
                None => "type=MARKET".to_owned(),
                Some(o) => format!("type=LIMIT&timeInForce={tif}&price={}", price(o)),
            };
            let (side, quantity) = (side(buy), btc(lots, 5));
            desk.spot(&format!("symbol=BTCUSDT&side={side}&{kind}&quantity={quantity}")).body
        }
        Deed::SpotStop { buy, offset, lots } => {
            let (side, quantity, stop) = (side(buy), btc(lots, 5), price(offset));
            desk.spot(&format!(
                "symbol=BTCUSDT&side={side}&type=STOP_LOSS&stopPrice={stop}&quantity={quantity}"
            ))
            .body
        }
        Deed::SpotQuote { buy, amount } => {
            let side = side(buy);
            desk.spot(&format!("symbol=BTCUSDT&side={side}&type=MARKET&quoteOrderQty={amount}"))
                .body
        }
        Deed::Stop { buy, offset, lots } => {
            let (side, quantity, stop) = (side(buy), btc(lots, 3), price(offset));
            desk.algo(&format!("symbol=BTCUSDT&side={side}&type=STOP_MARKET&triggerPrice={stop}&quantity={quantity}")).body
        }
        Deed::Amend { offset, lots } => {
            let open = desk.call("GET /fapi/v1/openOrders", "symbol=BTCUSDT").body;
            let Some(order) = open.get(0) else { return Value::Null };
            let (id, side) =
                (order["orderId"].clone(), order["side"].as_str().unwrap_or("").to_owned());
            let (quantity, price) = (btc(lots, 3), price(offset));
            desk.call(
                "PUT /fapi/v1/order",
                &format!(
                    "symbol=BTCUSDT&side={side}&orderId={id}&quantity={quantity}&price={price}"
                ),
            )
            .body
        }
        Deed::CancelAll => {
            desk.call("DELETE /fapi/v1/allOpenOrders", "symbol=BTCUSDT");
            desk.call("DELETE /fapi/v1/algoOpenOrders", "symbol=BTCUSDT");
            desk.call("DELETE /api/v3/openOrders", "symbol=BTCUSDT").body
        }
        Deed::Wait { ms } => {
            desk.now += ms;
            desk.send("GET /fapi/v1/ticker/bookTicker", "symbol=BTCUSDT", "").body
        }
    }
}

fn desk(seed: u64) -> Desk {
    Desk::moving(Config { seed, limits: Limits::unlimited(), ..Config::default() })
}

fn text(value: &Value) -> Decimal {
    d(value.as_str().expect("a string"))
}

/// Recomputes every balance from the trades alone.
fn check_books(desk: &mut Desk) {
    let state = desk.exchange.state(desk.now, usize::MAX);
    let account = &state.accounts[0];

    let (mut usdt, mut btc) = (d("1000000"), d("10"));
    for t in desk
        .call("GET /api/v3/myTrades", "symbol=BTCUSDT&fromId=0&limit=1000")
        .ok()
        .as_array()
        .expect("trades")
    {
        let (value, quantity, fee) =
            (text(&t["quoteQty"]), text(&t["qty"]), text(&t["commission"]));
        if t["isBuyer"] == true {
            usdt -= value;
            btc += quantity - fee;
        } else {
            usdt += value - fee;
            btc -= quantity;
        }
    }
    let held = |asset: &str| account.spot[asset].free + account.spot[asset].locked;
    assert_eq!(held("USDT"), usdt, "USDT");
    assert_eq!(held("BTC"), btc, "BTC");

    let (mut locked_usdt, mut locked_btc) = (Decimal::ZERO, Decimal::ZERO);
    for o in desk.call("GET /api/v3/openOrders", "symbol=BTCUSDT").ok().as_array().expect("orders")
    {
        let left = text(&o["origQty"]) - text(&o["executedQty"]);
        let price = text(&o["price"]).max(text(&o["stopPrice"]));
        if o["side"] == "BUY" {
            locked_usdt += left * price;
        } else {
            locked_btc += left;
        }
    }
    assert_eq!(account.spot["USDT"].locked, locked_usdt);
    assert_eq!(account.spot["BTC"].locked, locked_btc);
    for (asset, b) in &account.spot {
        assert!(b.free >= Decimal::ZERO && b.locked >= Decimal::ZERO, "{asset}: {b:?}");
    }

    let (mut wallet, mut position, mut cash, mut fees) =
        (d("1000000"), Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
    for t in desk
        .call("GET /fapi/v1/userTrades", "symbol=BTCUSDT&fromId=0&limit=1000")
        .ok()
        .as_array()
        .expect("trades")
    {
        let (value, quantity) = (text(&t["quoteQty"]), text(&t["qty"]));
        wallet += text(&t["realizedPnl"]) - text(&t["commission"]);
        fees += text(&t["commission"]);
        if t["buyer"] == true {
            position += quantity;
            cash -= value;
        } else {
            position -= quantity;
            cash += value;
        }
    }
    assert_eq!(account.wallet, wallet);
    let shown = account.positions.first();
    assert_eq!(shown.map_or(Decimal::ZERO, |p| p.amount), position);
    // Realized profit is what the cash flows say once the open part is valued at its entry.
    let open_value = shown.map_or(Decimal::ZERO, |p| p.amount * p.entry);
    let realized = wallet - d("1000000") + fees;
    assert!((cash + open_value - realized).abs() < d("0.00001"), "{cash} {open_value} {realized}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn money_is_conserved(seed in any::<u64>(), deeds in prop::collection::vec(deed(), 1..40)) {
        let mut desk = desk(seed);
        for deed in &deeds {
            perform(&mut desk, deed);
            check_books(&mut desk);
        }
        perform(&mut desk, &Deed::CancelAll);
        let state = desk.exchange.state(desk.now, 0);
        prop_assert!(state.accounts[0].spot.values().all(|b| b.locked.is_zero()));
        let account = desk.call("GET /fapi/v3/account", "").ok();
        prop_assert_eq!(&account["totalOpenOrderInitialMargin"], "0.00000000");
    }

    #[test]
    fn the_same_seed_and_requests_give_the_same_replies(
        seed in any::<u64>(),
        deeds in prop::collection::vec(deed(), 1..30),
    ) {
        let (mut a, mut b) = (desk(seed), desk(seed));
        for deed in &deeds {
            prop_assert_eq!(perform(&mut a, deed), perform(&mut b, deed));
        }
    }

    #[test]
    fn no_request_makes_it_panic(
        line in prop::sample::select(vec![
            "POST /fapi/v1/order", "POST /api/v3/order", "POST /fapi/v1/algoOrder",
            "PUT /fapi/v1/order", "DELETE /fapi/v1/order", "GET /api/v3/exchangeInfo",
            "GET /fapi/v1/depth", "POST /fapi/v1/leverage", "GET /fapi/v1/fundingRate",
            "POST /fapi/v1/countdownCancelAll", "GET /api/v3/allOrders",
        ]),
        params in prop::collection::vec(
            (
                prop::sample::select(vec![
                    "symbol", "side", "type", "quantity", "price", "timeInForce", "quoteOrderQty",
                    "limit", "leverage", "startTime", "endTime", "countdownTime", "symbols",
                    "triggerPrice", "callbackRate", "algoType", "reduceOnly", "orderId",
                    "stopPrice", "activatePrice", "fromId",
                ]),
                prop_oneof![
                    prop::sample::select(vec![
                        "BTCUSDT", "1000PEPEUSDT", "SHIBUSDT", "BUY", "SELL", "LIMIT", "MARKET",
                        "GTC", "IOC", "CONDITIONAL", "TRAILING_STOP_MARKET", "STOP_MARKET",
                        "STOP_LOSS", "0", "1", "0.001", "9999999999999999", "10000000000000000",
                        "18446744073709551615", "0.00000000000000000001", "true",
                        "79228162514264337593543950335", "64000", "%5B%5D", "%FF",
                    ]).prop_map(str::to_owned),
                    "[ -~]{0,12}",
                ],
            ),
            0..9,
        ),
    ) {
        let mut desk = desk(1);
        let text: Vec<String> = params.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let reply = desk.call(line, &text.join("&"));
        prop_assert!([200, 400].contains(&reply.status), "{} {:?}", reply.status, reply.raw);
    }
}

#[test]
fn a_year_of_virtual_time_passes() {
    let mut desk = desk(3);
    desk.linear("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price=58000").ok();
    for _ in 0..365 {
        desk.now += 86_400_000;
        desk.send("GET /fapi/v1/time", "", "").ok();
    }
}
