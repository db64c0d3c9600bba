//! The program and the simulated venue, as a user runs them.
#![allow(dead_code, unreachable_pub, missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // shared by several test programs

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use hoox_venue::{BybitLimits, Config, Limits, MexcLimits, Running, Server, Venue};

pub const PASSKEY: &str = "test-passkey";
pub const INTERNAL_KEY: &str = "test-internal-key";

pub async fn venue() -> Running {
    let mut config = Config { limits: Limits::unlimited(), ..Config::default() };
    config.bybit.limits = BybitLimits::unlimited();
    config.mexc.limits = MexcLimits::unlimited();
    Server::start("127.0.0.1:0".parse().unwrap(), config).await.unwrap()
}

/// `hoox serve`, killed when dropped.
pub struct Serve {
    child: Child,
    pub url: String,
}

impl Serve {
    pub fn start(venue: &Running, data_dir: &Path, args: &[&str]) -> Self {
        Self::start_as(command(), venue, data_dir, args)
    }

    /// The same, with no file larger than so many blocks: a disk that is full.
    pub fn start_on_full_disk(venue: &Running, data_dir: &Path, blocks: u32) -> Self {
        let mut command = Command::new("sh");
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_hoox")]);
        Self::start_as(command, venue, data_dir, &[])
    }

    /// The same, its configuration in a file.
    pub fn start_with_file(venue: &Running, data_dir: &Path, file: &Path) -> Self {
        Self::spawn(command(), venue, data_dir, &["--config-file", file.to_str().unwrap()])
    }

    pub fn start_as(command: Command, venue: &Running, data_dir: &Path, args: &[&str]) -> Self {
        let config = ["--config", "webhook:rate_limit_per_minute=0"];
        Self::spawn(command, venue, data_dir, &[&config, args].concat())
    }

    fn spawn(mut command: Command, venue: &Running, data_dir: &Path, args: &[&str]) -> Self {
        command.arg("serve");
        for (of, name) in
            [(Venue::Binance, "binance"), (Venue::Bybit, "bybit"), (Venue::Mexc, "mexc")]
        {
            let endpoint = venue.endpoint(of);
            let upper = name.to_ascii_uppercase();
            command
                .env(format!("{upper}_API_KEY"), &endpoint.api_key)
                .env(format!("{upper}_API_SECRET"), &endpoint.api_secret)
                .arg("--base-url")
                .arg(format!("{name}={}", endpoint.rest));
        }
        let mut child = command
            .args(["--json", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data_dir)
            .args(args)
            .env("WEBHOOK_API_KEY", PASSKEY)
            .env("INTERNAL_KEY_BINDING", INTERNAL_KEY)
            .env("HOOX_LOG", "error")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let first: serde_json::Value = serde_json::from_str(&first).expect("a line of JSON");
        let url = first["listening"].as_str().unwrap().to_owned();
        Self { child, url }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGTERM: finishes what has begun, writes what is waiting, and ends by itself.
    pub fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }

    /// SIGKILL: no handler runs, nothing is flushed.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_hoox"))
}

/// Runs to the end and returns what was printed.
pub fn run(args: &[&str]) -> Output {
    command().args(args).env("HOOX_LOG", "error").output().unwrap()
}

/// Every file in a directory and those below.
pub fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

/// Posts a body to the webhook; the status and the JSON.
pub async fn post(url: &str, body: impl Into<reqwest::Body>) -> (u16, serde_json::Value) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let response = client.post(format!("{url}/webhook")).body(body).send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}")))
}

/// A signal, its fields given as JSON without the passkey.
pub fn signal(fields: &str) -> String {
    format!(r#"{{"apiKey":"{PASSKEY}",{fields}}}"#)
}
