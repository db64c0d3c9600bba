//! What went over the wire for an order is kept, without its secrets, and never in its way.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::path::Path;
use std::time::Duration;

use common::{PASSKEY, Serve, command, files, post, signal, venue};
use hoox_venue::{Fault, FaultKind, Venue};
use serde_json::Value;

/// The objects whose keys contain `name`, once there are so many of them.
async fn objects(data: &Path, name: &str, many: usize) -> Vec<(String, Value)> {
    for _ in 0..200 {
        let found: Vec<_> = files(data)
            .into_iter()
            .filter(|path| path.to_string_lossy().contains(name))
            .filter_map(|path| {
                let key = path.strip_prefix(data).unwrap().to_str().unwrap().to_owned();
                Some((key, serde_json::from_slice(&std::fs::read(path).unwrap()).ok()?))
            })
            .collect();
        if found.len() >= many {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("there are never {many} objects of {name}");
}

/// `METHOD path`, and the status that came.
fn lines(object: &Value) -> Vec<(String, u64)> {
    let line = |it: &Value| {
        let request = &it["request"];
        let line = format!(
            "{} {}",
            request["method"].as_str().unwrap(),
            request["path"].as_str().unwrap()
        );
        (line, it["response"]["status"].as_u64().unwrap_or(0))
    };
    object["exchanges"].as_array().unwrap().iter().map(line).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_order_leaves_its_requests_and_answers_and_no_secret() {
    let venue = venue().await;
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::start(&venue, data.path(), &[]);
    let today = hoox_router::utc_date(hoox_connector::Clock::now(&hoox_connector::SystemClock));
    for (name, placed) in [
        ("binance", "POST /fapi/v1/order"),
        ("bybit", "POST /v5/order/create"),
        ("mexc", "POST /api/v1/private/order/create"),
    ] {
        let fields = format!(
            r#""exchange":"{name}","action":"LONG","symbol":"BTCUSDT","quantity":0.01,"leverage":5"#
        );
        let (status, body) = post(&serve.url, signal(&fields)).await;
        assert_eq!(status, 200, "{body}");
        let order = body["result"]["orderId"].as_str().unwrap();
        let key = format!("logs/{name}/BTCUSDT/{today}/order-{order}.json");
        let (found, object) = objects(data.path(), &key, 1).await.remove(0);
        assert_eq!((&found, &object["orderId"]), (&key, &order.into()));
        assert_eq!(object["requestId"], body["requestId"]);
        let sent = lines(&object);
        assert!(sent.iter().any(|(line, status)| line == placed && *status == 200), "{sent:?}");
        assert!(object.to_string().contains("[redacted]"));

        let id = body["requestId"].as_str().unwrap();
        let trace = |more: &[&str]| {
            let mut trace = command();
            trace.args(["trace", id, "--data-dir"]).arg(data.path()).args(more);
            String::from_utf8(trace.output().unwrap().stdout).unwrap()
        };
        assert!(trace(&[]).contains(placed));
        let told: Value = serde_json::from_str(&trace(&["--json"])).unwrap();
        assert_eq!(told["wire"][0]["orderId"], order);
    }
    serve.stop();
    let endpoints = [Venue::Binance, Venue::Bybit, Venue::Mexc].map(|of| venue.endpoint(of));
    let all = files(&data.path().join("logs"));
    assert_eq!(all.len(), 3, "{all:?}");
    for path in all {
        let text = std::fs::read_to_string(&path).unwrap();
        let secrets = endpoints.iter().flat_map(|it| [it.api_key.as_str(), it.api_secret.as_str()]);
        for secret in secrets.chain([PASSKEY]) {
            assert!(!text.contains(secret), "a secret is in {path:?}");
        }
        // Every signature is 64 hex digits, and nothing else here is.
        let hex = |it: &char| it.is_ascii_hexdigit();
        let longest = text.split(|it: char| !hex(&it)).map(str::len).max().unwrap();
        assert!(longest < 64, "a signature is in {path:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_reply_and_what_was_asked_after_it_are_in_one_object() {
    let venue = venue().await;
    let data = tempfile::tempdir().unwrap();
    let serve = Serve::start(&venue, data.path(), &[]);
    venue.with(|it| it.queue_fault(Fault::new(FaultKind::ReplyLost).on("POST /fapi/v1/order")));
    let fields = r#""exchange":"binance","action":"LONG","symbol":"SOLUSDT","quantity":1"#;
    let (status, body) = post(&serve.url, signal(fields)).await;
    assert_eq!(status, 200, "{body}");
    let (_, object) = objects(data.path(), "logs/binance/SOLUSDT", 1).await.remove(0);
    let sent = lines(&object);
    let lost = sent.iter().position(|(line, status)| line == "POST /fapi/v1/order" && *status == 0);
    let found =
        sent.iter().position(|(line, status)| line == "GET /fapi/v1/order" && *status == 200);
    assert!(lost.unwrap() < found.unwrap(), "{sent:?}");
    let lost = &object["exchanges"][lost.unwrap()];
    assert!(lost["error"].as_str().unwrap().contains("maybe sent"), "{lost}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_order_is_kept_under_its_request_and_an_archive_that_fails_stops_nothing() {
    let venue = venue().await;
    let data = tempfile::tempdir().unwrap();
    let direct = ["--config", "webhooks:queue_mode=direct_only"];
    let serve = Serve::start(&venue, data.path(), &direct);
    let down = Fault::new(FaultKind::Http503Unavailable).on("POST /fapi/v1/order").times(10);
    venue.with(|it| it.queue_fault(down));
    let fields = r#""exchange":"binance","action":"LONG","symbol":"BTCUSDT","quantity":1"#;
    let (status, body) = post(&serve.url, signal(fields)).await;
    assert_eq!(status, 502, "{body}");
    venue.with(|it| it.clear_faults());
    let name = format!("req-{}.json", body["requestId"].as_str().unwrap());
    let (_, object) = objects(data.path(), &name, 1).await.remove(0);
    assert!(
        lines(&object).iter().any(|(line, status)| line == "POST /fapi/v1/order" && *status == 503)
    );
    serve.stop();

    std::fs::remove_dir_all(data.path().join("logs")).unwrap();
    std::fs::write(data.path().join("logs"), "in the way").unwrap();
    let serve = Serve::start(&venue, data.path(), &[]);
    for n in 0..3 {
        let fields = format!(
            r#""exchange":"binance","action":"LONG","symbol":"SOLUSDT","quantity":1,"idempotencyKey":"a-{n}""#
        );
        assert_eq!(post(&serve.url, signal(&fields)).await.0, 200);
    }
}
