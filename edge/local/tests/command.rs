//! The commands of people and scripts, each in both its forms, with a server and without.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use common::{INTERNAL_KEY, PASSKEY, Serve, command, post, signal, venue};
use serde_json::Value;

/// Runs `hoox ARGS --data-dir DATA`, and tells its status, output and errors.
fn hoox(data: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    told(command().args(args).arg("--data-dir").arg(data).output().unwrap())
}

fn told(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// What it tells people; it must succeed.
#[track_caller]
fn people(data: &Path, args: &[&str]) -> String {
    let (code, out, error) = hoox(data, args);
    assert_eq!((code, error.as_str()), (Some(0), ""), "{args:?}");
    assert!(!out.contains('\u{1b}'), "coloured, though it is no terminal: {out}");
    out
}

/// What it tells programs, line by line; it must succeed.
#[track_caller]
fn json(data: &Path, args: &[&str]) -> Vec<Value> {
    let out = people(data, &[args, &["--json"]].concat());
    out.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// What it says is wrong, in one line.
#[track_caller]
fn refused(data: &Path, args: &[&str]) -> String {
    let (code, out, error) = hoox(data, args);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{args:?}: {error}");
    assert_eq!(error.trim_end().lines().count(), 1, "{error}");
    error
}

#[track_caller]
fn contains(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
}

/// Asks again until it is so; what is written lazily is a moment late.
#[track_caller]
fn until(mut so: impl FnMut() -> bool) {
    for _ in 0..200 {
        if so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    panic!("it never came to it");
}

async fn order(url: &str, fields: &str) -> String {
    let (status, body) = post(url, signal(fields)).await;
    assert_eq!(status, 200, "{body}");
    body["requestId"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_are_told_to_people_and_programs_with_a_server_and_without() {
    let venue = venue().await;
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    let serve = Serve::start(&venue, data, &[]);
    let long = r#""exchange":"binance","action":"LONG","symbol":"BTCUSDT","quantity":0.012"#;
    let bought = order(&serve.url, long).await;
    let short = r#""exchange":"bybit","action":"SHORT","symbol":"ETHUSDT","quantity":0.5"#;
    order(&serve.url, short).await;
    order(&serve.url, r#""exchange":"bybit","action":"CLOSE","symbol":"ETHUSDT""#).await;
    let (status, _) = post(&serve.url, signal(&long.replace("0.012", "0"))).await;
    assert_eq!(status, 400);
    let filled = || json(data, &["trades", "--status", "filled"]).len() == 3;
    until(filled);
    until(|| json(data, &["trades"]).iter().all(|row| row["fee"].is_string()));

    for server in [Some(serve), None] {
        let trades = people(data, &["trades"]);
        contains(&trades, &["received (UTC)", "binance", "BTCUSDT", "0.012", "Filled", &bought]);
        let rows = json(data, &["trades", "--symbol", "btc-usdt", "--exchange", "BINANCE"]);
        assert_eq!(rows.len(), 1);
        let one = &rows[0];
        assert_eq!((&one["quantity"], &one["status"]), (&"0.012".into(), &"Filled".into()));
        assert_eq!((&one["request_id"], &one["test"]), (&bought.as_str().into(), &false.into()));
        assert_eq!(json(data, &["trades", "--limit", "2"]).len(), 2);
        assert_eq!(json(data, &["trades", "--since", "1h"]).len(), 3);
        assert_eq!(json(data, &["trades", "--since", "2100-01-01"]).len(), 0);
        assert_eq!(people(data, &["trades", "--test"]), "no trades\n");

        contains(&people(data, &["positions"]), &["entry price", "LONG", "0.012"]);
        let open = json(data, &["positions"]);
        assert_eq!((open.len(), &open[0]["symbol"]), (1, &"BTCUSDT".into()));
        assert_eq!(json(data, &["positions", "--all"]).len(), 2);
        assert_eq!(json(data, &["positions", "--exchange", "mexc"]).len(), 0);

        contains(&people(data, &["pnl"]), &["realized", "executions", "USDT"]);
        let days = json(data, &["pnl"]);
        let sum = |field: &str| days.iter().map(|day| day[field].as_u64().unwrap()).sum::<u64>();
        assert_eq!((sum("executions"), sum("unknown")), (3, 0));
        assert_eq!(json(data, &["pnl", "--symbol", "BTCUSDT"])[0]["executions"], 1);
        assert_eq!(json(data, &["pnl", "--test"]).len(), 0);

        contains(&people(data, &["signals"]), &["outcome", "VALIDATION_ERROR", "webhook"]);
        assert_eq!(json(data, &["signals"]).len(), 4);
        assert_eq!(json(data, &["signals", "--status", "VALIDATION_ERROR"]).len(), 1);
        assert_eq!(json(data, &["signals", "--symbol", "ETHUSDT"]).len(), 2);

        let life = people(data, &["trace", &bought]);
        contains(&life, &["signal by webhook: LONG BTCUSDT", "order 0: binance buy 0.012 BTCUSDT"]);
        contains(&life, &["intent durable", "trades", "executions"]);
        let life = json(data, &["trace", &bought]);
        assert_eq!(life.len(), 1);
        let counts = ["signals", "records", "trades", "executions"]
            .map(|part| life[0][part].as_array().unwrap().len());
        assert_eq!(counts, [1, 1, 1, 1]);
        assert!(!life[0].to_string().contains(PASSKEY));
        assert_eq!(people(data, &["queue"]), "nothing waits in the queue\n");
        drop(server);
    }
    contains(&refused(data, &["trace", "nonsense"]), &["nonsense", "hoox signals"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_and_what_was_given_up_is_told_and_replayed() {
    use hoox_connector::{Clock, SystemClock, Venue};
    use hoox_router::{Action, IdempotencyKey, QueueMessage, RequestId, Signal, normalize_symbol};
    let venue = venue().await;
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    Serve::start(&venue, data, &[]).stop();
    // As the consumer leaves them.
    let database = rusqlite::Connection::open(data.join("hoox.db")).unwrap();
    let now = SystemClock.now();
    let write = |table: &str, columns: &str, n: u8| {
        let symbol = normalize_symbol("SOLUSDT").unwrap();
        let mut signal = Signal::new(Venue::Binance, Action::Long, symbol, Some(1.into()));
        signal.idempotency_key = Some(format!("letter-{n}").as_str().into());
        let id = RequestId::from_random([n; 16]);
        let key = IdempotencyKey::of(&signal, now);
        let body = QueueMessage::new(&signal, key, id, now).to_json();
        let sql = format!("INSERT INTO {table} ({columns}) VALUES (?1, ?2, ?3, ?4, ?4)");
        let at = i64::try_from(now.as_millis()).unwrap();
        let third = if table == "queue" { "0" } else { "after 6 attempts: unreachable" };
        database.execute(&sql, rusqlite::params![id.to_string(), body, third, at]).unwrap();
    };
    for n in [1, 2, 3] {
        write("dead_letters", "request_id, body, reason, queued_at, at", n);
    }
    database
        .execute("INSERT INTO dead_letters VALUES (9, 'r', '{}', 'poisoned', 1, 1)", [])
        .unwrap();
    write("queue", "request_id, body, attempts, queued_at, due_at", 4);

    contains(&people(data, &["queue"]), &["failed attempts", "binance LONG 1 SOLUSDT"]);
    assert_eq!(json(data, &["queue"])[0]["attempts"], 0);
    let letters = people(data, &["dead-letters"]);
    contains(&letters, &["after 6 attempts: unreachable", "poisoned"]);
    assert_eq!(people(data, &["dead-letters", "list"]), letters);
    assert_eq!(json(data, &["dead-letters", "list", "--limit", "2"]).len(), 2);

    assert_eq!(people(data, &["dead-letters", "replay", "1"]), "1 back in the queue\n");
    contains(&refused_but_told(data, &["dead-letters", "replay", "1"]), &["no dead letter 1"]);
    contains(&refused_but_told(data, &["dead-letters", "replay", "9"]), &["no valid signal"]);
    let (code, out, error) = hoox(data, &["dead-letters", "replay", "--all", "--json"]);
    assert_eq!(code, Some(1), "{error}");
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&told["replayed"], &told["failed"][0]["id"]),
        (&serde_json::json!([2, 3]), &9.into())
    );
    assert_eq!(json(data, &["dead-letters"]).len(), 1);

    let serve = Serve::start(&venue, data, &[]);
    until(|| json(data, &["trades", "--status", "Filled"]).len() == 4);
    drop(serve);
}

/// As [`refused`], for commands that also tell how far they came.
#[track_caller]
fn refused_but_told(data: &Path, args: &[&str]) -> String {
    let (code, _, error) = hoox(data, args);
    assert_eq!(code, Some(1), "{args:?}: {error}");
    error
}

#[test]
fn configuration_is_set_before_there_is_a_server_and_never_wrongly() {
    let data = tempfile::tempdir().unwrap();
    let data = &data.path().join("new");
    assert_eq!(people(data, &["config", "get", "trade:default_leverage"]), "1\n");
    let nothing = "nothing is set: every default holds\n";
    assert_eq!(people(data, &["config", "list", "--set"]), nothing);
    assert_eq!(people(data, &["kill-switch", "show"]), "off: signals are carried out\n");
    assert!(!data.exists(), "looking creates nothing");

    let set = people(data, &["config", "set", "trade:default_leverage", "\"5\""]);
    assert_eq!(set, "trade:default_leverage: (default) → 5\n");
    assert_eq!(people(data, &["config", "get", "trade:default_leverage"]), "5\n");
    let got = json(data, &["config", "get", "trade:default_leverage"]);
    assert_eq!(
        got[0],
        serde_json::json!({
            "key": "trade:default_leverage", "value": "5", "default": "1", "set": true,
        })
    );
    let list = people(data, &["config", "list"]);
    contains(&list, &["trade:default_leverage", "trade:kill_switch", "what it is for"]);
    let rows = json(data, &["config", "list", "--set"]);
    assert_eq!((rows.len(), &rows[0]["value"]), (1, &"5".into()));

    for (key, value, says) in [
        ("trade:default_leverage", "126", "a whole number, 1 to 125"),
        ("trade:kill_switch", "maybe", "true or false"),
        ("trade:max_position_size", "-1", "a number, 0 or more"),
        ("webhooks:queue_mode", "sometimes", "direct_only, queue_failover or queue_everywhere"),
        ("trade:kil_switch", "true", "did you mean trade:kill_switch?"),
        ("routing:failover:oder", "mexc", "did you mean routing:failover:order?"),
        ("colour", "blue", "hoox config list"),
        ("exchanges:routing:SOLUSDT", "kraken", "binance, bybit or mexc"),
        ("webhooks:api_key", "your_key", "a passkey"),
    ] {
        contains(&refused(data, &["config", "set", key, value]), &[says]);
    }
    assert_eq!(json(data, &["config", "list", "--set"]).len(), 1);

    people(data, &["config", "set", "exchanges:routing:SOLUSDT", "binance"]);
    contains(&people(data, &["config", "list", "--set"]), &["exchanges:routing:SOLUSDT"]);
    // An alias is kept under the first name.
    people(data, &["config", "set", "webhook:queue_mode", "direct_only"]);
    assert_eq!(people(data, &["config", "get", "webhooks:queue_mode"]), "direct_only\n");
    people(data, &["config", "unset", "webhook:queue_mode"]);
    assert_eq!(people(data, &["config", "get", "webhooks:queue_mode"]), "queue_failover\n");

    // A secret comes by standard input, and is shown to nobody who does not ask for it.
    let mut child = command()
        .args(["config", "set", "webhooks:api_key", "-", "--data-dir"])
        .arg(data)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"hush-hush\n").unwrap();
    let (code, out, _) = told(child.wait_with_output().unwrap());
    assert_eq!((code, out.as_str()), (Some(0), "webhooks:api_key: (default) → [hidden]\n"));
    for args in [&["config", "list"][..], &["config", "get", "webhooks:api_key"]] {
        assert!(!people(data, args).contains("hush-hush"));
        assert!(!format!("{:?}", json(data, args)).contains("hush-hush"));
    }
    let revealed = people(data, &["config", "get", "webhooks:api_key", "--reveal"]);
    assert_eq!(revealed, "hush-hush\n");
}

#[test]
fn a_manifest_is_shown_first_and_applied_whole_or_not_at_all() {
    let data = tempfile::tempdir().unwrap();
    let (data, files) = (&data.path().join("data"), data.path());
    let write = |name: &str, text: &str| {
        let path = files.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good = write(
        "good.json",
        r#"{"trade:kill_switch": true, "trade:max_position_size": 0.125,
            "webhook:queue_mode": "direct_only", "trade:routing": {"SOLUSDT": "binance"},
            "webhooks:api_key": "hush-hush"}"#,
    );
    let dry = people(data, &["config", "apply-manifest", &good, "--dry-run"]);
    contains(&dry, &["+ trade:max_position_size = 0.125", "5 would change", "[hidden]"]);
    assert!(!dry.contains("hush-hush") && !data.exists());
    people(data, &["config", "apply-manifest", &good]);
    assert_eq!(people(data, &["config", "get", "trade:max_position_size"]), "0.125\n");
    assert_eq!(people(data, &["config", "get", "webhooks:queue_mode"]), "direct_only\n");

    let toml = write(
        "next.toml",
        "\"trade:kill_switch\" = true\n\"trade:max_position_size\" = 0.5\n\"trade:margin_mode\" = \"cross\"\n",
    );
    let told = json(data, &["config", "apply-manifest", &toml]);
    assert_eq!(
        told[0],
        serde_json::json!({
            "applied": true, "unchanged": 1,
            "changes": [
                { "key": "trade:margin_mode", "old": null, "new": "cross" },
                { "key": "trade:max_position_size", "old": "0.125", "new": "0.5" },
            ],
        })
    );
    let again = people(data, &["config", "apply-manifest", &toml]);
    assert_eq!(again, "0 changed, 3 as they were\n");

    let bad = write(
        "bad.json",
        r#"{"trade:margin_mode": "isolated", "trade:kil_switch": true,
        "trade:default_leverage": 500}"#,
    );
    let error = refused(data, &["config", "apply-manifest", &bad]);
    contains(&error, &["did you mean trade:kill_switch?", "1 to 125", "bad.json"]);
    assert_eq!(people(data, &["config", "get", "trade:margin_mode"]), "cross\n");
    let twice = write(
        "twice.json",
        r#"{"webhooks:queue_mode": "queue_everywhere",
        "webhook:queue_mode": "queue_failover"}"#,
    );
    contains(&refused(data, &["config", "apply-manifest", &twice]), &["twice"]);
    contains(&refused(data, &["config", "apply-manifest", "nowhere.json"]), &["nowhere.json"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_in_force_within_a_second() {
    let venue = venue().await;
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    let serve = Serve::start(&venue, data, &[]);
    let mut n = 0;
    let mut answer = async || {
        n += 1;
        let fields = format!(
            r#""exchange":"binance","action":"LONG","symbol":"SOLUSDT","quantity":2,"idempotencyKey":"c-{n}""#
        );
        let (_, body) = post(&serve.url, signal(&fields)).await;
        body["error"]["code"].as_str().unwrap_or("ok").to_owned()
    };
    assert_eq!(answer().await, "ok");
    for (args, then) in [
        (&["kill-switch", "on"][..], "KILL_SWITCH_ACTIVE"),
        (&["kill-switch", "off"], "ok"),
        (&["config", "set", "exchange:binance:enabled", "false"], "EXCHANGE_DISABLED"),
        (&["config", "unset", "exchange:binance:enabled"], "ok"),
        (&["config", "set", "trade:max_position_size", "1"], "VALIDATION_ERROR"),
        (&["config", "set", "global:maintenance_mode", "on"], "KILL_SWITCH_ACTIVE"),
    ] {
        people(data, args);
        // Not a moment longer than it may take: the next answer must be the new one.
        let changed = Instant::now();
        tokio::time::sleep(Duration::from_millis(1_000)).await;
        assert_eq!(answer().await, then, "{args:?}, {:?} later", changed.elapsed());
    }
    let shown = people(data, &["kill-switch", "show"]);
    assert_eq!(shown, "ON: nothing is opened (by global:maintenance_mode)\n");
    let engaged = json(data, &["kill-switch", "on"]);
    let by = ["trade:kill_switch", "global:maintenance_mode"];
    assert_eq!(engaged[0], serde_json::json!({ "engaged": true, "by": by }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn close_all_asks_the_running_server_and_tells_what_became_of_it() {
    let venue = venue().await;
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    let close_all = |key: &str, args: &[&str]| {
        let mut command = command();
        command.args(["close-all", "--data-dir"]).arg(data).args(args);
        told(command.env("INTERNAL_KEY_BINDING", key).stdin(Stdio::null()).output().unwrap())
    };
    let (code, _, error) = close_all(INTERNAL_KEY, &["--yes"]);
    assert_eq!(code, Some(1));
    contains(&error, &["no hoox serve runs", "--url"]);

    let serve = Serve::start(&venue, data, &[]);
    for exchange in ["binance", "mexc"] {
        let fields =
            format!(r#""exchange":"{exchange}","action":"LONG","symbol":"SOLUSDT","quantity":1"#);
        order(&serve.url, &fields).await;
    }
    for (key, args, says) in [
        ("", &["--yes"][..], "set INTERNAL_KEY_BINDING"),
        ("sha256:00", &["--yes"], "the key itself"),
        ("wrong", &["--yes"], "401"),
        (INTERNAL_KEY, &[], "--yes"),
        (INTERNAL_KEY, &["--yes", "--url", "http://127.0.0.1:9"], "no answer"),
    ] {
        let (code, _, error) = close_all(key, args);
        assert_eq!(code, Some(1), "{says}");
        contains(&error, &[says]);
        assert!(!error.contains(INTERNAL_KEY));
    }
    people(data, &["kill-switch", "on"]);
    let (code, out, error) = close_all(INTERNAL_KEY, &["--yes"]);
    assert_eq!((code, error.as_str()), (Some(0), ""), "{out}");
    contains(&out, &["exchange", "binance", "mexc", "SOLUSDT", "Filled"]);
    let (code, out, _) = close_all(INTERNAL_KEY, &["--yes", "--json"]);
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &told["success"]), (Some(0), &true.into()));
    assert_eq!(told["result"]["closes"], serde_json::json!([]));
    until(|| json(data, &["positions"]).is_empty());
    // What a server that was killed has written down counts no more.
    serve.kill();
    contains(&close_all(INTERNAL_KEY, &["--yes"]).2, &["no hoox serve runs"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_a_file_for_its_configuration_is_changed_there() {
    let venue = venue().await;
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("config.json");
    std::fs::write(&file, r#"{"webhook:rate_limit_per_minute": 0}"#).unwrap();
    let serve = Serve::start_with_file(&venue, data.path(), &file);
    for args in [&["config", "list"][..], &["config", "set", "trade:allow_flip", "true"]] {
        contains(&refused(data.path(), args), &["config.json"]);
    }
    // The switch is turned all the same, beside the file's own.
    let halted = |halted: bool| {
        let told = json(data.path(), &["kill-switch", "show"]);
        assert_eq!(told[0]["engaged"], halted, "{told:?}");
    };
    let halts = async |n: u32| {
        let fields = format!(
            r#""exchange":"binance","action":"LONG","symbol":"SOLUSDT","quantity":1,"idempotencyKey":"{n}""#
        );
        let mut tries = 0;
        loop {
            let (status, answer) = common::post(&serve.url, common::signal(&fields)).await;
            match (status, answer["error"]["code"].as_str()) {
                (503, Some("KILL_SWITCH_ACTIVE")) => return,
                _ => assert!(tries < 100, "{status} {answer}"),
            }
            tries += 1;
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    halted(false);
    contains(&people(data.path(), &["kill-switch", "on"]), &["ON"]);
    halted(true);
    halts(1).await;
    contains(&people(data.path(), &["kill-switch", "off"]), &["off"]);
    halted(false);
    std::fs::write(&file, r#"{"trade:kill_switch": true}"#).unwrap();
    contains(&people(data.path(), &["kill-switch", "off"]), &["ON", "config.json"]);
    drop(serve);
}

#[test]
fn what_is_asked_wrongly_or_of_nothing_says_what_to_do() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    for args in [&["trades"][..], &["positions"], &["pnl"], &["signals"], &["queue"]] {
        contains(&refused(data, args), &["no ledger in", "hoox serve"]);
    }
    for (args, says) in [
        (&["trades", "--exchange", "kraken"][..], "binance, bybit, mexc"),
        (&["trades", "--status", "Done"], "TRADE_PENDING"),
        (&["trades", "--since", "yesterday"], "7d"),
        (&["positions", "--symbol", "B T C"], "symbol"),
        (&["trades", "--limit", "many"], "--limit"),
        (&["dead-letters", "replay"], "<ID|--all>"),
    ] {
        let (code, out, error) = hoox(data, args);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{args:?}");
        contains(&error, &[says]);
    }
}
