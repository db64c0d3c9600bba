//! `hoox serve` with an account on a local chain: a signal ends in one swap in the ledger, and a
//! process that is killed in between swaps nothing twice.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[allow(dead_code)]
#[path = "../../../wallet/tests/anvil/anvil.rs"]
mod anvil;
mod common;
#[path = "common/gap.rs"]
mod gaps;
#[allow(dead_code)]
#[path = "../../../wallet/tests/anvil/transport.rs"]
mod transport;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use anvil::{Anvil, ETHER, WORDS, account};
use gaps::{FRIEND, gap};
use hoox_connector::{Clock, SystemClock, Timestamp};
use hoox_wallet::U256;
use serde_json::{Value, json};

/// `hoox serve` on anvil's chain, killed when dropped.
struct Serve {
    child: Child,
    url: String,
}

impl Serve {
    fn start(anvil: &Anvil, data: &Path) -> Self {
        Self::start_with(anvil, data, "http://127.0.0.1:1")
    }

    /// One that asks for the prices of coins there.
    fn start_with(anvil: &Anvil, data: &Path, prices: &str) -> Self {
        let mut child = common::command()
            .env("PRICE_BASE_URL", prices)
            .args(["serve", "--json", "--listen", "127.0.0.1:0", "--chains"])
            .arg(data.join("chains.toml"))
            .args(["--config", "webhook:rate_limit_per_minute=0", "--data-dir"])
            .arg(data)
            .env("WEBHOOK_API_KEY", common::PASSKEY)
            .env("WALLET_TESTNET_MNEMONIC_SECRET", WORDS)
            .env("RPC_PROVIDER_URL_ETHEREUM_TESTNET", format!("http://127.0.0.1:{}", anvil.port))
            .env("HOOX_LOG", "error")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let first: Value = serde_json::from_str(&first).expect("a line of JSON");
        Self { child, url: first["listening"].as_str().unwrap().to_owned() }
    }

    async fn signal(&self, key: u32, action: &str, rest: &str) -> (u16, Value) {
        let fields = format!(
            r#""exchange":"ethereum","action":"{action}","symbol":"PLNETH","test":true,
               "idempotencyKey":"{key}"{rest}"#
        );
        common::post(&self.url, common::signal(&fields)).await
    }
}

impl Drop for Serve {
    /// SIGKILL: no handler runs, nothing is flushed.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A pool of 1,000 coins and 1,000 tokens, and a file that names the pair.
async fn market(data: &Path) -> Anvil {
    let anvil = Anvil::start();
    let plenty = U256::from(ETHER) * U256::from(1_000);
    let (wrapped, token) = (anvil.wrapped().await, anvil.token(account(0).address(), plenty).await);
    let router = anvil.uniswap_v2(wrapped, token, plenty, plenty).await.address();
    let chains = format!(
        "[test.ethereum]\nchain_id = 31337\nrouter = \"{router}\"\nwrapped = \"{wrapped}\"\n\
         gas_limit = 400000\npairs = [{{ base = \"{token}\", quote = \"coin\" }}]\n"
    );
    std::fs::write(data.join("chains.toml"), chains).unwrap();
    anvil
}

/// The rows of the ledger, newest first.
fn trades(data: &Path) -> Vec<Value> {
    let data = data.to_str().unwrap();
    let output = common::run(&["trades", "--test", "--json", "--data-dir", data]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn until<T>(mut seen: impl AsyncFnMut() -> Option<T>) -> T {
    loop {
        if let Some(seen) = seen().await {
            return seen;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_signal_for_a_pair_of_tokens_ends_in_one_swap_in_the_ledger() {
    let data = tempfile::tempdir().unwrap();
    let anvil = market(data.path()).await;
    let serve = Serve::start(&anvil, data.path());
    let (status, body) = serve.signal(1, "LONG", r#","quantity":1.5"#).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["result"]["executedQty"], 1.5);
    assert_eq!(serve.signal(1, "LONG", r#","quantity":1.5"#).await.0, 409);
    assert_eq!(serve.signal(2, "CLOSE", "").await.0, 200);
    // An order that only live keys could sign.
    let live = r#""exchange":"ethereum","action":"LONG","symbol":"PLNETH","quantity":1"#;
    let (status, body) = common::post(&serve.url, common::signal(live)).await;
    assert!(status >= 400 && body["error"]["code"] == "CREDENTIALS_MISSING", "{body}");
    // Two swaps, and the approval before the second.
    assert_eq!(anvil.count(account(0).address()).await, 3);
    let rows = until(async || Some(trades(data.path())).filter(|rows| rows.len() == 2)).await;
    for row in &rows {
        assert_eq!(row["exchange"], "ethereum", "{row}");
        assert_eq!((&row["status"], &row["fee_asset"]), (&json!("Filled"), &json!("ETH")), "{row}");
        let hash = row["order_id"].as_str().unwrap();
        assert!(hash.len() == 66, "{row}");
    }
}

/// A clock that is a minute late: what it signs is not young.
struct Late;

impl Clock for Late {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(SystemClock.now().as_millis() - 60_000)
    }

    fn monotonic(&self) -> Duration {
        SystemClock.monotonic()
    }

    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration).await;
    }
}

#[tokio::test]
async fn a_nonce_that_a_refusal_has_left_is_filled_with_nobody_asking() {
    let data = tempfile::tempdir().unwrap();
    let anvil = market(data.path()).await;
    gap(&anvil, data.path(), Late).await;
    let _serve = Serve::start(&anvil, data.path());
    let own = account(0).address();
    until(async || (anvil.count(own).await == 2).then_some(())).await;
    assert_eq!(anvil.balance(FRIEND).await, U256::from(1));
}

/// A coin of 2,000 dollars, and a token that costs as much.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_swap_that_is_worth_too_much_signs_nothing() {
    let data = tempfile::tempdir().unwrap();
    let anvil = market(data.path()).await;
    let file = data.path().join("chains.toml");
    let limits = "max_transaction_value_usd = 1000\nmax_daily_value_usd = 1500\n";
    let table = std::fs::read_to_string(&file).unwrap() + limits;
    std::fs::write(&file, table).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let prices = format!("http://{}", listener.local_addr().unwrap());
    let app = axum::Router::new()
        .route("/api/v3/ticker/price", axum::routing::get(async || r#"{"price":"2000"}"#));
    tokio::spawn(async { axum::serve(listener, app).await.unwrap() });
    let own = account(0).address();
    {
        let serve = Serve::start_with(&anvil, data.path(), &prices);
        let (status, body) = serve.signal(1, "LONG", r#","quantity":1"#).await;
        assert!(status >= 400 && body["success"] == false, "{body}");
        assert_eq!(anvil.count(own).await, 0);
        let (status, body) = serve.signal(2, "LONG", r#","quantity":0.4"#).await;
        assert_eq!(status, 200, "{body}");
    }
    // Another process knows what the day has seen.
    let serve = Serve::start_with(&anvil, data.path(), &prices);
    let (status, body) = serve.signal(3, "LONG", r#","quantity":0.4"#).await;
    assert!(status >= 400 && body["success"] == false, "{body}");
    assert_eq!(anvil.count(own).await, 1);
    // What the day leaves room for.
    let (status, body) = serve.signal(4, "LONG", r#","quantity":0.2"#).await;
    assert_eq!((status, anvil.count(own).await), (200, 2), "{body}");
}

#[tokio::test]
async fn a_server_killed_fifty_times_between_intent_and_receipt_swaps_each_signal_once() {
    let data = tempfile::tempdir().unwrap();
    let anvil = market(data.path()).await;
    for key in 1..=50_u32 {
        let _: Value = anvil.ask("evm_setAutomine", json!([false])).await;
        {
            let serve = Serve::start(&anvil, data.path());
            let swapped = async {
                until(async || {
                    let pool: Value = anvil.ask("txpool_status", json!([])).await;
                    (pool["pending"] == "0x1").then_some(())
                })
                .await;
            };
            tokio::select! {
                answer = serve.signal(key, "LONG", r#","quantity":1"#) => {
                    assert_ne!(answer.0, 200, "{answer:?}");
                }
                () = swapped => {}
            }
        }
        let _: Value = anvil.ask("evm_setAutomine", json!([true])).await;
        anvil.mine(1).await;
        // Reconciles before it takes the first signal.
        let serve = Serve::start(&anvil, data.path());
        let (status, body) = serve.signal(key, "LONG", r#","quantity":1"#).await;
        assert_eq!(status, 409, "{body}");
        // What is shown follows what is known.
        until(async || {
            let rows = trades(data.path());
            let filled = rows.iter().filter(|row| row["status"] == "Filled").count();
            (filled == usize::try_from(key).unwrap()).then_some(())
        })
        .await;
        assert_eq!(anvil.count(account(0).address()).await, u64::from(key));
    }
}
