//! The venue's own signing examples, sent byte for byte. Source: the signing vectors of the
//! protocol sheets; the first four and the linear one are printed in the official documentation.

#![allow(clippy::expect_used, clippy::indexing_slicing)]

mod support;

use hoox_venue::{ApiKey, Config, Limits};
use support::Desk;

const KEY: &str = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A";
const SECRET: &str = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
const LINEAR_KEY: &str = "dbefbc809e3e83c283a984c3a1459732ea7db1360ca80c5c2c8867408d28cc83";
const LINEAR_SECRET: &str = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9";

/// line, query, body, clock
const SPOT: &[(&str, &str, &str, u64)] = &[
    (
        "POST /api/v3/order",
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559&signature=c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
        "",
        1_499_827_319_559,
    ),
    (
        "POST /api/v3/order",
        "",
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559&signature=c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
        1_499_827_319_559,
    ),
    (
        "POST /api/v3/order",
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC",
        "quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559&signature=0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77",
        1_499_827_319_559,
    ),
    (
        "POST /api/v3/order",
        "symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559&signature=e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
        "",
        1_499_827_319_559,
    ),
    (
        "GET /api/v3/order",
        "timestamp=1700000005005&symbol=BTCUSDT&origClientOrderId=dev-s-001&recvWindow=5000&signature=6dbbd896fcc5209c28f2eb7b81cc7a321c25e520fb31da407c91ac2e149e6e9e",
        "",
        1_700_000_005_005,
    ),
    (
        "GET /api/v3/openOrders",
        "timestamp=1700000006006&symbol=BTCUSDT&recvWindow=5000&signature=28840c9d2495bac3ffe0f77c1ea35127ecfdb8a3a7633eac54d4c79b0d2d3e91",
        "",
        1_700_000_006_006,
    ),
];

/// Requests of the sheet's development set that this listing accepts as they are.
const ACCEPTED: &[(&str, &str, &str, u64)] = &[
    (
        "POST /api/v3/order",
        "",
        "timestamp=1700000001001&symbol=BTCUSDT&side=BUY&newClientOrderId=dev-s-001&newOrderRespType=FULL&type=LIMIT&quantity=0.00456&price=43210.9&timeInForce=GTC&recvWindow=5000&signature=5fac95095f823568d56256d3bd84cdd17e50f8f4d38bd24e212aa484d32ed0b5",
        1_700_000_001_001,
    ),
    (
        "POST /api/v3/order",
        "",
        "timestamp=1700000002002&symbol=SHIBUSDT&side=SELL&newClientOrderId=dev-s-005&newOrderRespType=FULL&type=MARKET&quantity=1750000&recvWindow=5000&signature=36e4e5955d28e86dba8fd30f2d3cf44ca8a56e70861af6fcef4b4e41ae5e22b5",
        1_700_000_002_002,
    ),
    (
        "POST /api/v3/order",
        "",
        "timestamp=1700000003003&symbol=BTCUSDT&side=BUY&newClientOrderId=dev-s-008&newOrderRespType=FULL&type=MARKET&quoteOrderQty=101.2&recvWindow=5000&signature=1fa57c13ef32b0dedc9a2b94e2b42679f81c48c75d322ba1da38eb14743907fe",
        1_700_000_003_003,
    ),
    (
        "DELETE /api/v3/order",
        "timestamp=1700000004004&symbol=BTCUSDT&origClientOrderId=dev-s-001&recvWindow=5000&signature=39d49a46cac4fd049f92a0a211a1f37cb14200a947093617b9cc2861a8ddec60",
        "",
        1_700_000_004_004,
    ),
    (
        "POST /fapi/v1/order",
        "",
        "timestamp=1700000007007&symbol=BTCUSDT&side=BUY&newClientOrderId=dev-l-001&newOrderRespType=RESULT&type=LIMIT&quantity=0.034&price=43210.9&timeInForce=GTC&recvWindow=5000&signature=95bf270a69697e3d289eccfb731b6ec940829b46d89bfab9d13257ef3e282242",
        1_700_000_007_007,
    ),
    (
        "POST /fapi/v1/algoOrder",
        "",
        "timestamp=1700000009009&symbol=BTCUSDT&side=SELL&clientAlgoId=dev-l-017&newOrderRespType=RESULT&type=STOP_MARKET&quantity=0.034&triggerPrice=39000&reduceOnly=true&algoType=CONDITIONAL&recvWindow=5000&signature=fb3460622cacd2c4788646c60cb63d578eae9a7beb02afdbcefabc28c71b4908",
        1_700_000_009_009,
    ),
    (
        "POST /fapi/v1/leverage",
        "",
        "timestamp=1700000011011&symbol=BTCUSDT&leverage=21&recvWindow=5000&signature=74ebd07c31bf47be6847d6aa31addb27c33e485720869e54f88731bf9494899e",
        1_700_000_011_011,
    ),
    (
        "GET /fapi/v3/positionRisk",
        "timestamp=1700000014014&recvWindow=5000&signature=86926a6397e86694be1557ec183ff8c9331e8e109d941197ad76bba0c0ec63af",
        "",
        1_700_000_014_014,
    ),
    (
        "GET /fapi/v3/account",
        "timestamp=1700000015015&recvWindow=5000&signature=61dc871c10d2a37c5d1cd021b19ba0d20bd22161b03afed50007aad3560ef149",
        "",
        1_700_000_015_015,
    ),
];

const LINEAR_QUERY: &str = "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC&recvWindow=5000&timestamp=1591702613943&signature=3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9";

const ED25519_KEY: &str = "4yNzx3yWC5bS6YTwEkSRaC0nRmSQIIStAUOh1b6kqaBrTLIhjCpI5lJH8q8R8WNO";
const ED25519_QUERY: &str = "symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=GTC&quantity=1&price=0.2&timestamp=1668481559918&recvWindow=5000&signature=m5loLRxgkb9HyW0wkZ4KNrpck881bx5D0OrKNnPklvk4tlGjEJkhiP9DoyC0sc1lXA%2FTWugjVPrMb%2FbfNdmdBw%3D%3D";

fn desk(key: ApiKey, now: u64) -> Desk {
    let mut desk =
        Desk::with(Config { keys: vec![key], limits: Limits::unlimited(), ..Config::default() });
    desk.now = now;
    desk
}

#[test]
fn published_signatures_are_accepted_and_any_change_is_not() {
    for &(line, query, body, now) in SPOT {
        let mut desk = desk(ApiKey::hmac(KEY, SECRET), now);
        let reply = desk.send(line, query, body);
        if reply.status != 200 {
            // The examples trade symbols of their own, or name orders nobody has placed.
            assert!([-1121, -1100, -2013].contains(&reply.code()), "{query}{body}: {}", reply.body);
        }
        let (query, body) = (
            query.replace("Window=5000", "Window=5001"),
            body.replace("Window=5000", "Window=5001"),
        );
        assert_eq!(desk.send(line, &query, &body).code(), -1022, "{query}{body}");
    }
}

#[test]
fn the_development_set_trades() {
    let mut desk = desk(ApiKey::hmac(KEY, SECRET), 0);
    for &(line, query, body, now) in ACCEPTED {
        desk.now = now;
        let reply = desk.send(line, query, body);
        assert_eq!(reply.status, 200, "{line} {query}{body}: {}", reply.body);
    }
}

#[test]
fn the_published_futures_example_is_accepted() {
    let mut desk = desk(ApiKey::hmac(LINEAR_KEY, LINEAR_SECRET), 1_591_702_613_943);
    let order = desk.send("POST /fapi/v1/order", LINEAR_QUERY, "").ok();
    assert_eq!(order["status"], "NEW");
    assert_eq!(order["price"], "9000.0");
}

#[test]
fn ed25519_signatures_are_checked() {
    // The public half of the vector's throwaway key (seed bytes 0 to 31).
    let seed: [u8; 32] = std::array::from_fn(|i| u8::try_from(i).expect("small"));
    let public = ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key().to_bytes();
    let mut desk = desk(ApiKey::ed25519(ED25519_KEY, public), 1_668_481_559_918);
    let headers = [("X-MBX-APIKEY", ED25519_KEY)];
    let mut send =
        |query: &str| support::reply(desk.raw("POST /api/v3/order", query, "", &headers)).code();
    // Past authentication; the example's price is far outside today's band.
    assert_eq!(send(ED25519_QUERY), -1013);
    assert_eq!(send(&ED25519_QUERY.replace("price=0.2", "price=0.3")), -1022);
    assert_eq!(send(&ED25519_QUERY.replace("=m5lo", "=M5lo")), -1022, "base64 has case");
}
