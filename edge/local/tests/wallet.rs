//! `hoox wallet` on a local chain: each command, what is refused, and SIGKILL between signature and
//! receipt.

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

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anvil::{Anvil, ETHER, WORDS, account};
use axum::body::Bytes as Body;
use axum::extract::State;
use futures_util::{StreamExt, stream};
use gaps::{FRIEND, gap};
use hoox_connector::{ReqwestTransport, SystemClock};
use hoox_ledger::transactions::SqliteTransactions;
use hoox_wallet::{
    Action, Address, Bytes, Chain, Policy, Rpc, RpcUrl, TransactionState, U256, Wallet,
    WalletConfig,
};
use serde_json::Value;
use tokio::sync::{Mutex, mpsc};

/// `hoox wallet …` on anvil's chain, with its first account.
fn wallet(port: u16, data: &Path, args: &[&str]) -> Command {
    let mut command = common::command();
    command.arg("wallet").args(args).arg("--data-dir").arg(data);
    if !args.contains(&"--chain") {
        command.args(["--chain", "31337"]);
    }
    command.env_clear();
    command.env("WALLET_MNEMONIC_SECRET", WORDS);
    command.env("RPC_PROVIDER_URL", format!("http://127.0.0.1:{port}"));
    command
}

/// Runs it without stopping what this thread serves.
async fn output(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

async fn json(port: u16, data: &Path, args: &[&str]) -> Value {
    let output = output(wallet(port, data, &[args, &["--json"]].concat())).await;
    let (out, error) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success() && error.is_empty(), "{args:?}: {error}");
    serde_json::from_str(&out).expect(&out)
}

async fn people(port: u16, data: &Path, args: &[&str]) -> String {
    let output = output(wallet(port, data, args)).await;
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// What it says is wrong, in one line.
async fn refused(port: u16, data: &Path, args: &[&str]) -> String {
    let output = output(wallet(port, data, args)).await;
    let error = text(&output.stderr);
    assert_eq!((output.status.code(), error.trim_end().lines().count()), (Some(1), 1), "{error}");
    error
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn an_account_is_shown_pays_and_tells_what_became_of_it() {
    let anvil = Anvil::start();
    let data = tempfile::tempdir().unwrap();
    let (port, data) = (anvil.port, data.path());
    let own = account(0).address().to_checksum(None);
    assert_eq!(people(port, data, &["address"]).await, format!("{own}\n"));
    assert_eq!(json(port, data, &["address"]).await["address"], own);
    assert_eq!(people(port, data, &["balance"]).await, "10000 ETH\n");
    let friend = FRIEND.to_checksum(None);
    let pay = ["send", "--id", "rent", "--to", &friend, "--amount", "0.05", "--wait", "20"];
    let first = json(port, data, &pay).await;
    assert_eq!((&first["status"], &first["nonce"]), (&"confirmed".into(), &0.into()));
    assert_eq!(first["gas_used"], 21_000);
    // The same name pays once.
    assert_eq!(json(port, data, &pay).await["tx_hash"], first["tx_hash"]);
    assert_eq!(anvil.balance(FRIEND).await, U256::from(ETHER / 20));
    assert_eq!(json(port, data, &["status", "--id", "rent"]).await, first);
    let table = people(port, data, &["status", "--id", "rent"]).await;
    assert!(table.contains("confirmed") && table.contains("rent"), "{table}");
    assert_eq!(people(port, data, &["status"]).await, "Nothing is under way.\n");
    let balance = json(port, data, &["balance", "--address", &friend]).await;
    assert_eq!(balance["balance"], "0.05");
}

#[tokio::test]
async fn tokens_are_sent_and_swapped_in_whole_coins() {
    let anvil = Anvil::start();
    let data = tempfile::tempdir().unwrap();
    let (port, data) = (anvil.port, data.path());
    let plenty = U256::from(ETHER) * U256::from(1_000);
    let token = anvil.token(account(0).address(), plenty).await;
    let wrapped = anvil.wrapped().await;
    let pool = U256::from(ETHER) * U256::from(100);
    let router = anvil.uniswap_v2(wrapped, token, pool, pool).await.address().to_string();
    let (token, wrapped, friend) = (token.to_string(), wrapped.to_string(), FRIEND.to_string());
    let sent = ["send", "--id", "1", "--to", &friend, "--token", &token, "--amount", "12.5"];
    json(port, data, &[&sent[..], &["--wait", "20"]].concat()).await;
    let held = json(port, data, &["balance", "--address", &friend, "--token", &token]).await;
    assert_eq!((&held["balance"], &held["symbol"]), (&"12.5".into(), &"PLN".into()));
    let place = ["--router", &router, "--wrapped", &wrapped, "--wait", "20"];
    let swap = async |id: &str, args: &[&str]| {
        json(port, data, &[&["swap", "--id", id], args, &place[..]].concat()).await
    };
    let bought = swap("2", &["--in", "coin", "--out", &token, "--amount", "1"]).await;
    assert_eq!(bought["status"], "confirmed");
    // Approves the router first.
    let sold = ["--in", &token, "--out", "coin", "--amount", "0.5", "--exact-out"];
    assert_eq!(swap("3", &sold).await["status"], "confirmed");
    assert_eq!(swap("3", &sold).await["nonce"], 3);
    assert_eq!(anvil.count(account(0).address()).await, 4);
}

#[tokio::test]
async fn what_cannot_be_is_refused_in_one_line_and_signs_nothing() {
    let anvil = Anvil::start();
    let data = tempfile::tempdir().unwrap();
    let (port, data) = (anvil.port, data.path());
    let friend = FRIEND.to_checksum(None);
    let pay = ["send", "--id", "1", "--to", &friend, "--amount"];
    let refused = async |args: &[&str]| refused(port, data, &[&pay[..], args].concat()).await;
    assert!(refused(&["1", "--chain", "1"]).await.contains("serves chain 31337, not 1"));
    assert!(refused(&["0.0000000000000000001"]).await.contains("19 decimals"));
    assert!(refused(&["1", "--chain", "atlantis"]).await.contains("optimism"));
    assert!(refused(&["1", "--max-gas-price", "0.000001"]).await.contains("gas costs"));
    assert!(refused(&["20000"]).await.contains("the account has"));
    let rehearsed = people(port, data, &[&pay[..], &["1", "--dry-run"]].concat()).await;
    assert!(rehearsed.contains("nothing was signed"), "{rehearsed}");
    let mut without = wallet(port, data, &["address"]);
    without.env_remove("WALLET_MNEMONIC_SECRET");
    let error = text(&output(without).await.stderr);
    assert!(error.contains("WALLET_PK_SECRET"), "{error}");
    let mut wrong = wallet(port, data, &["address"]);
    wrong.env("WALLET_MNEMONIC_SECRET", WORDS.replace("junk", "test"));
    let error = text(&output(wrong).await.stderr);
    assert!(error.contains("WALLET_MNEMONIC_SECRET") && !error.contains("test test"), "{error}");
    assert_eq!(anvil.count(account(0).address()).await, 0);
    let none = people(port, data, &["status"]).await;
    assert_eq!(none, "Nothing is under way.\n");
}

/// A place where a coin is told to be 2,000 dollars.
async fn ticker() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = axum::Router::new()
        .route("/api/v3/ticker/price", axum::routing::get(async || r#"{"price":"2000.00"}"#));
    tokio::spawn(async { axum::serve(listener, app).await.unwrap() });
    url
}

/// Every command is a process of its own: what the day has seen is on disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_leaves_is_limited_in_one_transaction_and_in_a_day() {
    let anvil = Anvil::start();
    let data = tempfile::tempdir().unwrap();
    let (port, data) = (anvil.port, data.path());
    let friend = FRIEND.to_checksum(None);
    let file = data.join("chains.toml");
    let table = format!(
        "[31337]\nrecipients = [\"{friend}\"]\nmax_transaction_value_usd = 300\n\
         max_daily_value_usd = 500\nmax_fee = \"0.01\"\n"
    );
    std::fs::write(&file, table).unwrap();
    let file = file.to_str().unwrap();
    let url = ticker().await;
    let pay = async |id: &str, amount: &str, more: &[&str], prices: &str| {
        let pay = ["send", "--id", id, "--amount", amount, "--wait", "20", "--chains", file];
        let to: &[&str] = if more.contains(&"--to") { &[] } else { &["--to", &friend] };
        let mut command = wallet(port, data, &[&pay[..], to, more].concat());
        command.env("PRICE_BASE_URL", prices);
        let output = output(command).await;
        (output.status.success(), text(&output.stdout) + &text(&output.stderr))
    };
    let refused = async |id: &str, amount: &str, more: &[&str], prices: &str, told: &str| {
        let (success, said) = pay(id, amount, more, prices).await;
        assert!(!success && said.contains(told), "{id}: {said}");
    };
    let above = "it is worth 400 USD, above the limit of 300 for one transaction";
    refused("much", "0.2", &[], &url, above).await;
    for id in ["one", "two"] {
        let (success, said) = pay(id, "0.1", &[], &url).await;
        assert!(success && said.contains("0.1 coins to 0x7777…7777"), "{said}");
    }
    let day = "it is worth 200 USD, after 400 in 24 hours, above the limit of 500";
    refused("three", "0.1", &[], &url, day).await;
    // What is asked for again under its name has left already.
    assert!(pay("two", "0.1", &[], &url).await.0);
    // A flag comes before the file.
    assert!(pay("three", "0.1", &["--max-daily-value-usd", "600"], &url).await.0);
    let stranger = Address::repeat_byte(0x66).to_checksum(None);
    refused("x", "0.001", &["--to", &stranger], &url, "not on the list of recipients").await;
    refused("x", "0.001", &["--max-fee", "0.00000001"], &url, "the gas could cost").await;
    let hint = "--max-value-usd none";
    refused("x", "0.001", &[], "http://127.0.0.1:1", hint).await;
    let none = ["--max-value-usd", "none", "--max-daily-value-usd", "none"];
    assert!(pay("four", "0.001", &none, "http://127.0.0.1:1").await.0);
    refused("x", "1", &["--chain", "polygon"], &url, "has no [polygon], only 31337").await;
    assert_eq!(anvil.count(account(0).address()).await, 4);
}

/// What is shown is looked up and sent again as it was; what signs says so.
#[tokio::test]
async fn a_gap_is_left_by_status_and_filled_by_its_repair() {
    let anvil = Anvil::start();
    let data = tempfile::tempdir().unwrap();
    let (port, data) = (anvil.port, data.path());
    gap(&anvil, data, SystemClock).await;
    let rows = people(port, data, &["status"]).await;
    assert!(rows.contains("pending") && rows.contains("second"), "{rows}");
    let own = account(0).address();
    assert_eq!(anvil.count(own).await, 0);
    people(port, data, &["status", "--repair"]).await;
    let wait = ["status", "--id", "second", "--wait", "20"];
    assert_eq!(json(port, data, &wait).await["status"], "confirmed");
    assert_eq!((anvil.count(own).await, anvil.balance(FRIEND).await), (2, U256::from(1)));
}

/// Before what the network stands still, so that the program can be killed there.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Halt {
    /// The signed bytes have left the program, and not reached the node.
    Node,
    /// The node has them; its answer is on the way.
    Answer,
    /// The program has its answer, and asks for the receipt.
    Receipt,
}

struct Proxy {
    port: u16,
    halt: Mutex<Option<Halt>>,
    halted: mpsc::Sender<()>,
    client: reqwest::Client,
}

/// A network that stands still where it is told to, once.
async fn proxy(State(proxy): State<Arc<Proxy>>, body: Body) -> Vec<u8> {
    let is = |method: &str| text(&body).contains(method);
    let here = {
        let mut halt = proxy.halt.lock().await;
        let sends = is("eth_sendRawTransaction");
        let here = halt.filter(|halt| match halt {
            Halt::Receipt => is("eth_getTransactionReceipt"),
            _ => sends,
        });
        if here.is_some() {
            *halt = None;
        }
        here
    };
    let stand_still = async || {
        proxy.halted.send(()).await.unwrap();
        std::future::pending::<()>().await;
    };
    if matches!(here, Some(Halt::Node | Halt::Receipt)) {
        stand_still().await;
    }
    let url = format!("http://127.0.0.1:{}", proxy.port);
    let request = proxy.client.post(url).header("content-type", "application/json").body(body);
    let answer = request.send().await.unwrap().bytes().await.unwrap();
    if here.is_some() {
        stand_still().await;
    }
    answer.to_vec()
}

/// Every second time the name that was cut off is asked for again at once, every other time another
/// one comes before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_kills_between_signature_and_receipt_and_each_payment_is_made_once() {
    const KILLS: u64 = 50;
    let anvil = Anvil::start();
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    let (halted, mut halts) = mpsc::channel(1);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let state = Arc::new(Proxy { port: anvil.port, halt: Mutex::default(), halted, client });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let app = axum::Router::new().fallback(proxy).with_state(Arc::clone(&state));
    tokio::spawn(async { axum::serve(listener, app).await.unwrap() });

    let friend = FRIEND.to_string();
    let places = [Halt::Node, Halt::Answer, Halt::Receipt];
    let mut paid = 0;
    for kill in 0..KILLS {
        let id = format!("cut-{kill}");
        let wei = "0.000000000000000001";
        let pay = ["send", "--id", &id, "--to", &friend, "--amount", wei, "--wait", "30"];
        let place = places[usize::try_from(kill).unwrap() % places.len()];
        *state.halt.lock().await = Some(place);
        let mut command = wallet(port, data, &pay);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        halts.recv().await.unwrap();
        // SIGKILL: no handler runs, nothing is flushed.
        child.kill().unwrap();
        child.wait().unwrap();
        if kill % 2 == 1 {
            let other = format!("other-{kill}");
            let pay = ["send", "--id", &other, "--to", &friend, "--amount", wei, "--wait", "30"];
            assert_eq!(json(port, data, &pay).await["status"], "confirmed", "{kill} {place:?}");
            paid += 1;
        }
        let end = json(port, data, &pay).await;
        assert_eq!(end["status"], "confirmed", "{kill} {place:?}");
        paid += 1;
        let (count, balance) =
            (anvil.count(account(0).address()).await, anvil.balance(FRIEND).await);
        assert_eq!((count, balance), (paid, U256::from(paid)), "{kill} {place:?}");
    }
    assert_eq!(paid, KILLS + KILLS / 2);
}

/// One account, 1,000 transfers, 32 in flight, each on disk before it is sent.
#[tokio::test]
async fn a_thousand_transfers_use_each_nonce_once() {
    const COUNT: u64 = 1_000;
    let anvil = Anvil::start();
    let data = tempfile::tempdir().unwrap();
    let store = SqliteTransactions::open(data.path()).unwrap();
    let url = RpcUrl::parse(&format!("http://127.0.0.1:{}", anvil.port)).unwrap();
    let rpc = Rpc::new(ReqwestTransport::new().unwrap(), SystemClock, 31337, vec![url]);
    let chain = Chain::new("anvil", 31337, "ETH");
    let mut config = WalletConfig::new(Policy::open());
    // Under load anvil now and then files a transaction that is next as one that is not yet, and mines
    // nothing more of the account (foundry-rs/foundry#10122): the replacement sets it going again.
    config.life.stuck_after = Duration::from_secs(5);
    let wallet = Wallet::new(account(0), chain, rpc, store, config).unwrap();
    let wallet = &wallet;
    let send = async |number: u64| {
        let action = Action::Send { to: FRIEND, value: U256::from(1), data: Bytes::new() };
        let result = wallet.submit(&number.to_string(), &action, None).await;
        result.unwrap().record().unwrap().nonce
    };
    let start = Instant::now();
    let nonces: BTreeSet<u64> =
        stream::iter((0..COUNT).map(send)).buffer_unordered(32).collect().await;
    let sent = start.elapsed();
    let settle = async |number: u64| {
        let settled = wallet.settle(&number.to_string(), 1, Duration::from_secs(60)).await;
        let record = settled.unwrap();
        let done = matches!(&record.state, TransactionState::Confirmed(mined) if mined.succeeded);
        assert!(done, "{record:?}");
    };
    stream::iter((0..COUNT).map(settle)).buffer_unordered(32).collect::<Vec<_>>().await;
    eprintln!("{COUNT} transfers, 32 in flight: sent in {sent:?}, done in {:?}", start.elapsed());
    assert_eq!(nonces, (0..COUNT).collect());
    assert_eq!(anvil.count(wallet.address()).await, COUNT);
    assert_eq!(anvil.balance(FRIEND).await, U256::from(COUNT));
}
