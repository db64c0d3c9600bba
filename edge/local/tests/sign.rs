//! `hoox sign`, as a script uses it: one line in, one line out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::io::Write;
use std::process::Stdio;

use common::command;
use serde_json::{Value, json};

fn sign(args: &[&str], lines: &str) -> Vec<Value> {
    let mut child = command()
        .arg("sign")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let lines = lines.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn case(input: Value) -> Value {
    json!({
        "id": "case", "venue": "binance", "market": "linear", "operation": "place_order",
        "input": input, "api_key": "key", "secret": "secret", "timestamp_ms": 1_700_000_000_000u64,
        "recv_window": 5000,
    })
}

/// Every case of every venue's vectors is signed, in order, and the official ones byte for byte.
#[test]
fn every_vector_is_answered() {
    for venue in ["binance", "bybit", "mexc"] {
        let path = format!(
            "{}/../../connectors/{venue}/tests/fixtures/vectors.json",
            env!("CARGO_MANIFEST_DIR")
        );
        let vectors: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let cases = vectors["cases"].as_array().unwrap();
        let lines: Vec<String> = cases.iter().map(Value::to_string).collect();
        let answers = sign(&[], &lines.join("\n"));
        assert_eq!(answers.len(), cases.len());
        for (case, answer) in cases.iter().zip(&answers) {
            let (id, expected) = (&case["id"], &case["expected"]);
            assert_eq!(answer["error"], Value::Null, "{id}");
            assert_eq!(&answer["id"], id);
            assert_eq!(answer["method"], expected["method"], "{id}");
            if let Value::Object(frame) = &expected["frame"] {
                let mut ours = answer["frame"].as_object().unwrap().clone();
                let mut theirs = frame.clone();
                // The id of a frame is the sender's own.
                ours.remove("id");
                theirs.remove("id");
                assert_eq!(ours, theirs, "{id}");
                assert_eq!(answer["signature"], expected["signature"], "{id}");
            } else {
                assert_eq!(answer["path"], expected["path"], "{id}");
            }
        }
    }
}

#[test]
fn a_line_that_cannot_be_signed_is_answered_with_its_reason() {
    let cases = [
        ("{", "VALIDATION_ERROR"),
        (r#"{"id":"x"}"#, "VALIDATION_ERROR"),
        (
            &case(json!({"symbol":"BTCUSDT","side":"buy","type":"limit","quantity":1})).to_string(),
            "VALIDATION_ERROR",
        ),
        (
            &case(json!({"symbol":"BTCUSDT","side":"buy","type":"market","quantity":-1}))
                .to_string(),
            "GREATER_THAN_ZERO",
        ),
        (
            &case(json!({"symbol":"BTC USDT","side":"buy","type":"market","quantity":1}))
                .to_string(),
            "VALIDATION_ERROR",
        ),
        (
            &case(json!({"symbol":"BTCUSDT","side":"buy","type":"market","quote_quantity":1}))
                .to_string(),
            "NOT_SUPPORTED",
        ),
    ];
    for (line, code) in cases {
        let answers = sign(&[], line);
        assert_eq!(answers.len(), 1, "{line}");
        assert_eq!(answers[0]["error"]["code"], code, "{line}: {}", answers[0]);
    }
}

#[test]
fn instruments_round_and_refuse() {
    let path = format!(
        "{}/../../connectors/binance/tests/fixtures/responses/linear_exchange_info.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let mut info: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    if let Some(payload) = info.get("payload") {
        info = payload.clone();
    }
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(info.to_string().as_bytes()).unwrap();
    let instruments = format!("binance:linear={}", file.path().display());
    let order = |quantity, price| {
        case(
            json!({"symbol":"BTCUSDT","side":"buy","type":"limit","quantity":quantity,"price":price}),
        )
    };
    let lines = [order("0.0349999", "43210.99"), order("0.0009", "43210"), order("0.002", "43210")];
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    let answers = sign(&["--instruments", &instruments], &lines.join("\n"));
    let body = answers[0]["body"].as_str().unwrap();
    assert!(body.contains("&quantity=0.034&price=43210.9&"), "{body}");
    assert_eq!(answers[1]["error"]["code"], "STEP_SIZE");
    assert_eq!(answers[2]["error"]["code"], "MINIMUM_NOTIONAL");
}
