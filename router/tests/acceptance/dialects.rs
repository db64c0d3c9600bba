//! The rows of the trade engine's checklist (trade.md §16) that are about wire formats: the router
//! over a real dialect, and the signatures that the venues publish.

use std::sync::{Arc, Mutex};

use crate::fake::{PASSKEY, World, body, next_id};
use hoox_connector::{
    Client, Clock, Credentials, MemoryTransport, Request, Response, TransportError, Venue,
};
use hoox_mexc::Mexc;
use hoox_router::{Desk, Desks, MemoryConfig, MemoryStore, Router, Settings};
use hoox_signer::HmacKey;
use hoox_venue::{Config, Exchange, Handled, HttpRequest};

/// The sides of the orders that the router sends to MEXC futures for these actions, one after the
/// other.
async fn sides(actions: [&str; 2]) -> Vec<i64> {
    let clock = World::new().clock;
    let exchange = Arc::new(Mutex::new(Exchange::new(Config::default())));
    let sent: Arc<Mutex<Vec<i64>>> = Arc::default();
    let (key, secret) = {
        let exchange = exchange.lock().unwrap();
        let (key, secret) = exchange.credentials(hoox_venue::Venue::Mexc);
        (key.to_owned(), secret.to_owned())
    };
    let transport = || {
        let (exchange, sent, clock) = (Arc::clone(&exchange), Arc::clone(&sent), clock.clone());
        MemoryTransport::new(move |base: &str, request: Request<'_>| {
            if request.path().starts_with("/api/v1/private/order/")
                && let Ok(body) = serde_json::from_str::<serde_json::Value>(request.body())
                && let Some(side) = body["side"].as_i64()
            {
                sent.lock().unwrap().push(side);
            }
            let headers: Vec<_> = request.headers().collect();
            let path = format!("{base}{}", request.path());
            let handled = exchange.lock().unwrap().handle(
                clock.now().as_millis(),
                &HttpRequest {
                    method: request.method().as_str(),
                    path: &path,
                    query: request.query(),
                    headers: &headers,
                    body: request.body().as_bytes(),
                    peer: std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
                },
            );
            match handled {
                Handled::Reply(reply) => Ok(Response::new(reply.status, reply.body)),
                _ => Err(TransportError::MaybeSent("no reply".into())),
            }
        })
    };
    let dialect = || Mexc::linear(Credentials::hmac(&key, &secret)).with_base_url("/mexc");
    let reader = Client::new(dialect(), transport(), clock.clone());
    let contracts = Arc::new(reader.instruments().await.unwrap());
    let dialect = dialect().with_instruments(Arc::clone(&contracts));
    let client = Client::new(dialect, transport(), clock.clone()).sharing(reader.limits().clone());
    let desk = Desk::new(client, clock.clone());
    desk.keep_instruments(contracts);
    let desks = Desks::new().with(Venue::Mexc, false, desk);
    let config = MemoryConfig::from_iter([("webhooks:api_key", PASSKEY)]);
    let (store, settings) = (MemoryStore::new(), Settings::default());
    let router = Router::with_settings(store, config, desks, clock, settings);
    for action in actions {
        let fields = format!(r#""exchange":"mexc","action":"{action}""#);
        let answer = router.handle(body(&fields).as_bytes(), None, next_id()).await;
        assert_eq!(answer.status, 200, "{action}: {}", answer.body);
    }
    let sent = sent.lock().unwrap();
    sent.clone()
}

/// "SHORT then CLOSE on MEXC sends side 3 then 2; LONG then CLOSE sends 1 then 4."
#[tokio::test]
async fn acceptance_trade_mexc_sides_are_3_then_2_and_1_then_4() {
    assert_eq!(sides(["SHORT", "CLOSE"]).await, [3, 2]);
    assert_eq!(sides(["LONG", "CLOSE"]).await, [1, 4]);
}

/// "Golden signatures for all three exchanges from their public examples": the texts to sign, and their
/// signatures, of the protocol sheets' vectors (binance-spot-api-docs rest-api.md and MEXC's
/// spot_v3_en, "SIGNED Endpoint Examples for POST /api/v3/order"; the body of Bybit's
/// v5/order/create-order, signed by its own pybit; an order of MEXC futures, signed by its own demo).
/// That the dialects build these texts, each dialect's `tests/vectors.rs` shows.
#[test]
fn acceptance_trade_golden_signatures_for_all_three_exchanges() {
    for (secret, text, signature) in [
        (
            "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j",
            "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
            "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
        ),
        (
            "devVectorSecret0000000000000000000001",
            r#"1672211928338devVectorKey0000015000{"category":"spot","symbol":"BTCUSDT","side":"Buy","orderType":"Limit","qty":"0.1","price":"15600","timeInForce":"PostOnly","orderLinkId":"spot-test-01","isLeverage":0,"orderFilter":"Order"}"#,
            "f8d9250a69168ff942688d845997ebc7b1bf32ba98d831e1336971c820b9f9c7",
        ),
        (
            "45d0b3c26f2644f19bfb98b07741b2f5",
            "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=11&recvWindow=5000&timestamp=1644489390087",
            "fd3e4e8543c5188531eb7279d68ae7d26a573d0fc5ab0d18eb692451654d837a",
        ),
        (
            "45d0b3c26f2644f19bfb98b07741b2f5",
            r#"mx0aBYs33eIilxBWC51700000037037{"symbol":"BTC_USDT","vol":42,"type":1,"openType":1,"price":43210.9,"side":1,"externalOid":"dev-l-001","leverage":10}"#,
            "8c717c97ef6e1e5d6f45ca2ba6d553fed722b8996e5871d3125b15f3f4a6f526",
        ),
    ] {
        let key = HmacKey::new(secret.as_bytes());
        // However the text is cut: the dialects hand it over in pieces.
        for cut in [0, 1, text.len() / 2, text.len()] {
            let (first, rest) = text.as_bytes().split_at(cut);
            assert_eq!(const_hex::encode(key.sign(&[first, rest])), signature);
        }
    }
}
