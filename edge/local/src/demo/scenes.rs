//! The signals of the demo, one by one, and what must become of each.

use super::report::Report;
use super::stage::Stage;

/// A signal and what is expected of it.
struct Scene {
    what: &'static str,
    fields: &'static str,
    status: u16,
    code: &'static str,
}

const LONG: &str = r#""exchange":"binance","action":"LONG","symbol":"BINANCE:BTCUSDT.P","quantity":0.0109999,"leverage":10,"idempotencyKey":"demo-long""#;

const SCENES: &[Scene] = &[
    Scene { what: "long, 10x", fields: LONG, status: 200, code: "" },
    Scene { what: "the same again", fields: LONG, status: 409, code: "DUPLICATE_REQUEST" },
    Scene {
        what: "under the minimum",
        fields: r#""exchange":"binance","action":"LONG","symbol":"BTCUSDT","quantity":0.0009"#,
        status: 400,
        code: "VALIDATION_ERROR",
    },
    Scene {
        what: "three fields wrong",
        fields: r#""exchange":"kraken","action":"HODL","symbol":"ETHUSDT","quantity":-1"#,
        status: 400,
        code: "VALIDATION_ERROR",
    },
    Scene {
        what: "close what is open",
        fields: r#""exchange":"binance","action":"CLOSE","symbol":"BTC-USDT","quantity":1"#,
        status: 200,
        code: "",
    },
    Scene {
        what: "close again",
        fields: r#""exchange":"binance","action":"CLOSE","symbol":"BTCUSDT","quantity":1,"idempotencyKey":"demo-flat""#,
        status: 400,
        code: "NO_OPEN_POSITION",
    },
];

/// Plays the scenes, with the default limit of ten signals a minute, up to the eleventh.
pub(super) async fn play(stage: &Stage, report: &mut Report) -> anyhow::Result<()> {
    report.heading("Signals, one by one");
    let wrong_key = r#"{"apiKey":"guess","exchange":"binance","action":"LONG","symbol":"BTCUSDT","quantity":1}"#;
    let answered = stage.post(wrong_key.into()).await?;
    report.scene("a wrong key", &answered, 401, "UNAUTHORIZED");
    for scene in SCENES {
        let answered = stage.send(scene.fields).await?;
        report.scene(scene.what, &answered, scene.status, scene.code);
        if scene.what == "long, 10x" {
            report.note_order(&answered);
        }
    }
    // Wrong keys are not counted, refused signals are: four more fill the minute.
    for n in SCENES.len()..10 {
        let fields = format!(
            r#""exchange":"binance","action":"SHORT","symbol":"ETHUSDT","quantity":0.05,"idempotencyKey":"demo-{n}""#
        );
        let answered = stage.send(&fields).await?;
        report.scene(&format!("short, signal {}", n + 1), &answered, 200, "");
    }
    let eleventh = r#""exchange":"binance","action":"LONG","symbol":"SOLUSDT","quantity":5"#;
    let answered = stage.send(eleventh).await?;
    report.scene("the eleventh in a minute", &answered, 429, "RATE_LIMITED");

    stage.configure("trade:kill_switch", "true").await?;
    let answered = stage.send(eleventh).await?;
    report.scene("with the kill switch on", &answered, 503, "KILL_SWITCH_ACTIVE");
    report.scenes_end();

    report.order_story(stage)?;
    stage.service.store.set_config("webhook:rate_limit_per_minute", "0").await?;
    stage.configure("trade:kill_switch", "false").await
}
