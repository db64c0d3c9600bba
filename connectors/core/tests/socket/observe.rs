//! What order entry tells of itself, and what it never tells.

use std::time::Duration;

use hoox_connector::socket::{EntryConfig, EntryState};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use crate::entry::Scene;
use crate::peer::Peer;
use crate::told::{Lines, Metrics};
use crate::words::Words;

/// What must never be seen outside a frame.
const SECRET: &str = "signature-77b1e2";

async fn serve(scene: &Scene) -> Peer {
    let mut peer = scene.host.accept().await;
    assert_eq!(peer.hear().await, "logon signature-77b1e2");
    peer.say("logon ok").await;
    assert_eq!(scene.entry.settled().await, EntryState::Ready);
    peer
}

fn secretive(words: &mut Words, config: &mut EntryConfig) {
    words.secret = " signature-77b1e2";
    config.in_flight_max = 1;
}

/// Places orders that end in every way there is, each called as its result.
async fn every_result() {
    let scene = Scene::new(secretive).await;
    let mut peer = serve(&scene).await;
    for (id, answer) in [("answered", "ok"), ("rejected", "no"), ("throttled", "busy")] {
        let placing = scene.place(id);
        let frame = peer.expect(&format!("place {id} ")).await;
        let (request, secret) = frame.split_once(' ').unwrap();
        assert_eq!(secret, SECRET);
        tokio::time::sleep(Duration::from_millis(2)).await;
        peer.say(&format!("{answer} {request}")).await;
        let _ = placing.await.unwrap();
    }
    let placing = scene.place("unknown");
    peer.expect("place unknown ").await;
    // There is room for one.
    scene.place("not_sent").await.unwrap().unwrap_err();
    peer.cut();
    placing.await.unwrap().unwrap();
    scene.wait_for(false).await;
    scene.place("elsewhere").await.unwrap().unwrap();
}

#[tokio::test]
async fn a_span_per_order_names_it_and_its_steps_and_no_secret() {
    let (lines, guard) = Lines::listen(tracing::Level::TRACE);
    every_result().await;
    drop(guard);
    let (text, closed) = (lines.text(), lines.closed());
    let of = |id: &str| {
        let name = format!("client_order_id=\"{id}\"");
        let mut found = closed.iter().filter(|line| line.contains(&name));
        let line = found.next().unwrap_or_else(|| panic!("no span of {id}:\n{text}"));
        assert!(found.next().is_none(), "two spans of {id}:\n{text}");
        line
    };
    let begin = "order{venue=\"binance\" market=\"linear\" operation=\"place\"";
    for id in ["answered", "rejected", "throttled", "unknown", "not_sent"] {
        let line = of(id);
        let (begin, result) = (format!("{begin} over=\"websocket\""), format!("result=\"{id}\""));
        for part in [&*begin, "permit=", "encode=", "send=", "decode=", &result] {
            assert!(line.contains(part), "{part} is missing: {line}");
        }
    }
    let step = |line: &str, name: &str| -> u64 {
        let (_, rest) = line.split_once(&format!("{name}=")).unwrap();
        rest.split([' ', '}']).next().unwrap().parse().unwrap()
    };
    // The venue took its time, and nobody else did.
    assert!(step(of("answered"), "send") >= 2_000);
    assert_eq!(step(of("unknown"), "decode"), 0);
    assert!(of("elsewhere").contains(&format!("{begin} over=\"rest\"")), "{}", of("elsewhere"));
    assert!(!text.contains(SECRET), "{SECRET} was told:\n{text}");
}

#[test]
fn metrics_count_orders_and_the_way_they_went() {
    let recorder = DebuggingRecorder::new();
    let snapshots = recorder.snapshotter();
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || runtime.block_on(every_result()));
    let told = Metrics::of(&snapshots);
    for result in ["answered", "rejected", "throttled", "unknown", "not_sent"] {
        let name = format!("hoox_requests_total[binance linear place websocket {result}]");
        assert_eq!(told.find(&name), &DebugValue::Counter(1), "{name}");
    }
    let seconds = told.samples("hoox_request_seconds[binance linear place websocket]");
    assert_eq!(seconds.len(), 5);
    assert!(seconds.iter().filter(|seconds| **seconds >= 0.002).count() >= 3, "{seconds:?}");
    let elsewhere = told.find("hoox_requests_total[binance linear place rest answered]");
    assert_eq!(elsewhere, &DebugValue::Counter(1));
}
