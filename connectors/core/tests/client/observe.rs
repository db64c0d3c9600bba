//! What the client tells of itself, and what it never tells.

use hoox_connector::{OrderClass, Patience, TransportError};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use crate::support::*;
use crate::told::{Lines, Metrics};

#[tokio::test]
async fn a_span_per_order_names_it_and_its_steps_and_no_secret() {
    let (lines, guard) = Lines::listen(tracing::Level::TRACE);
    let lost = || Err(TransportError::MaybeSent("reset".into()));
    let it = bench(2, [ok("order"), lost(), status(400, "poor"), retry_after(418, "7")]);
    for _ in 0..5 {
        let _ = it.client.place_with(&order(), Patience::Refuse).await;
    }
    drop(guard);
    let (text, closed) = (lines.text(), lines.closed());
    let results = ["answered", "unknown", "rejected", "throttled"];
    for result in results {
        let line = closed.iter().find(|line| line.contains(&format!("result=\"{result}\"")));
        let line = line.unwrap_or_else(|| panic!("no span ended as {result}:\n{text}"));
        for part in [
            "order{venue=\"binance\" market=\"linear\" operation=\"place\" over=\"rest\"",
            "client_order_id=\"our-id\"",
            "permit=0",
            "encode=0",
            "send=4000",
            "decode=0",
        ] {
            assert!(line.contains(part), "{part} is missing: {line}");
        }
    }
    for secret in [KEY, SIGNATURE] {
        assert!(!text.contains(secret), "{secret} was told:\n{text}");
    }
}

#[test]
fn metrics_count_requests_limits_and_reconciliations() {
    let recorder = DebuggingRecorder::new();
    let snapshots = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let used = http::HeaderValue::from_static("17");
            let told = ok("order").map(|response| response.with_header("x-used", used));
            let it = bench(3, [told, status(400, "poor"), ok("1000016"), ok("order")]);
            it.client.place(&order()).await.unwrap();
            it.client.place(&order()).await.unwrap_err();
            let unknown = hoox_connector::Unknown {
                cause: hoox_connector::UnknownCause::Transport(String::new()),
                symbol: symbol(),
                client_order_id: id(),
                class: OrderClass::Plain,
                final_after: it.client.venue_now(),
            };
            let _ = it.client.reconcile(&unknown).await;
        });
    });
    let told = Metrics::of(&snapshots);
    let find = |wanted: &str| told.find(wanted);
    let requests = |result| format!("hoox_requests_total[binance linear place rest {result}]");
    assert_eq!(find(&requests("answered")), &DebugValue::Counter(1));
    assert_eq!(find(&requests("rejected")), &DebugValue::Counter(1));
    assert_eq!(find(&requests("unknown")), &DebugValue::Counter(0));
    let seconds = told.samples("hoox_request_seconds[binance linear place rest]");
    assert_eq!(seconds, [0.006, 0.006]);
    let used = find("hoox_limit_used[binance linear weight 60s]");
    assert_eq!(used, &DebugValue::Gauge(17.0.into()));
    let reconciled = find("hoox_reconciliations_total[binance linear found]");
    assert_eq!(reconciled, &DebugValue::Counter(1));
}
