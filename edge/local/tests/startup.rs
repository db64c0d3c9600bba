//! What cannot start says so in one line, and what to do about it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Serve, run, venue};

#[track_caller]
fn fails(args: &[&str], says: &[&str]) {
    let output = run(args);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert_eq!(error.trim_end().lines().count(), 1, "{error}");
    for word in says {
        assert!(error.contains(word), "`{word}` is not in: {error}");
    }
}

#[test]
fn a_port_in_use() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let data = tempfile::tempdir().unwrap();
    let dir = data.path().to_str().unwrap();
    fails(&["serve", "--listen", &address, "--data-dir", dir], &[&address, "--listen"]);
    fails(&["venue", "--listen", &address], &[&address, "--listen"]);
}

#[test]
fn an_unusable_data_directory() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let dir = file.path().join("data");
    let dir = dir.to_str().unwrap();
    fails(&["serve", "--listen", "127.0.0.1:0", "--data-dir", dir], &[dir, "--data-dir"]);
}

#[test]
fn a_corrupt_database() {
    let data = tempfile::tempdir().unwrap();
    std::fs::write(data.path().join("hoox.db"), vec![0x5a; 8192]).unwrap();
    let dir = data.path().to_str().unwrap();
    fails(&["serve", "--listen", "127.0.0.1:0", "--data-dir", dir], &["hoox.db", "backup"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_directory_in_use() {
    let venue = venue().await;
    let data = tempfile::tempdir().unwrap();
    let _serve = Serve::start(&venue, data.path(), &[]);
    let dir = data.path().to_str().unwrap();
    fails(&["serve", "--listen", "127.0.0.1:0", "--data-dir", dir], &["another hoox"]);
}

/// A typing error in a safety switch is told, not written down under a name that nobody reads.
#[test]
fn a_configuration_that_no_key_takes() {
    for (pair, says) in [
        ("trade:kill_swich=true", "did you mean trade:kill_switch?"),
        ("trade:max_position_size=lots", "must be a number"),
        ("webhooks:api_key=your_key", "is none"),
        ("trade:kill_switch", "not KEY=VALUE"),
    ] {
        let data = tempfile::tempdir().unwrap();
        let dir = data.path().to_str().unwrap();
        let output = run(&["serve", "--data-dir", dir, "--config", pair]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{pair}");
        assert!(error.contains(says), "{error}");
        assert!(!data.path().join("hoox.db").exists());
    }
}

#[test]
fn every_command_has_help() {
    for command in [
        "demo",
        "serve",
        "venue",
        "sign",
        "trades",
        "positions",
        "pnl",
        "signals",
        "trace",
        "queue",
        "dead-letters",
        "close-all",
        "kill-switch",
        "config",
    ] {
        let output = run(&[command, "--help"]);
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && help.contains("Usage:"), "{command}");
    }
}
