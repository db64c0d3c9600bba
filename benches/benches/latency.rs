//! The latency harness: one order after the other to the simulated Binance on loopback, placed by every
//! way in turn, each turn in another order, so that whatever else the machine does, and whatever the
//! order before leaves behind, falls on all of them alike.
//!
//! `cargo bench -p hoox-benches --bench latency` (`-- --orders 2000` for a shorter run)
//!
//! The bare ways send the very bytes of a signed order, made before the clock starts, and read the
//! answer without looking at it; ours sign, send, and decode the answer within the time. All orders are
//! market orders of 0.01 BTC, in turn bought and sold.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hdrhistogram::Histogram;
use hoox_binance::Binance;
use hoox_connector::socket::{EntryClient, EntryConfig, EntryState};
use hoox_connector::{
    Client, ClientConfig, ClientOrderId, Clock, Credentials, Decimal, ExchangeProvider, Method,
    NewOrder, Operation, OrderEntry, OrderStatus, Outcome, PinnedTransport, PreparedOrder, Refused,
    Request, RequestBuf, ReqwestTransport, Side, Symbol, SystemClock,
};
use hoox_venue::{BybitLimits, Config, Endpoint, Limits, MexcLimits, PriceModel, Server};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

const WARM_UP: usize = 500;

fn main() {
    let orders = arguments("--orders").unwrap_or(5_000);
    let endpoint = venue();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // In a task, as orders are placed in a program: a runtime runs what it blocks on apart.
    let ours = runtime.block_on(runtime.spawn(compare(endpoint.clone(), orders))).unwrap();
    print(&ours, orders);
    strangers(&endpoint, orders);
}

/// The simulated exchange on a thread of its own, without limits, its prices still.
fn venue() -> Endpoint {
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut config = Config { prices: PriceModel::Still, ..Config::default() };
            config.limits = Limits::unlimited();
            config.bybit.limits = BybitLimits::unlimited();
            config.mexc.limits = MexcLimits::unlimited();
            let running = Server::start("127.0.0.1:0".parse().unwrap(), config).await.unwrap();
            send.send(running.endpoint(hoox_venue::Venue::Binance)).unwrap();
            std::future::pending::<()>().await;
        });
    });
    receive.recv().unwrap()
}

struct Row {
    name: &'static str,
    /// The row it is measured against, and the bound of the ratio, if there is one.
    against: Option<(usize, f64)>,
    times: Histogram<u64>,
}

async fn compare(endpoint: Endpoint, orders: usize) -> Vec<Row> {
    let binance = || {
        Binance::linear(Credentials::hmac(&endpoint.api_key, &endpoint.api_secret))
            .with_base_url(&endpoint.rest)
            .with_entry_url(format!("{}/ws-fapi/v1", endpoint.ws))
    };
    let clock = SystemClock;
    let client = |config| Client::with_config(binance(), config, clock, ClientConfig::default());

    let mut hyper = BareHyper::connect(&endpoint.rest).await;
    let pinned = PinnedTransport::new(&endpoint.rest).unwrap();
    let pinned = Client::with_config(binance(), pinned, clock, ClientConfig::default());
    let plain = reqwest::Client::builder().tcp_nodelay(true).no_proxy().build().unwrap();
    let reqwest = client(ReqwestTransport::new().unwrap());
    let mut tungstenite = bare_socket(&format!("{}/ws-fapi/v1", endpoint.ws)).await;
    let socket = Arc::new(client(ReqwestTransport::new().unwrap()));
    let (entry, driver) = EntryClient::new(socket, EntryConfig::default());
    tokio::spawn(driver.run());
    assert_eq!(entry.settled().await, EntryState::Ready);

    // The venue's true limits, in place of the documented ones.
    for limits in [pinned.instruments().await, reqwest.instruments().await] {
        limits.unwrap();
    }
    entry.client().instruments().await.unwrap();

    let mut rows = [
        ("bare hyper, kept connection", None),
        ("hoox, PinnedTransport", Some((0, 1.15))),
        ("bare reqwest", None),
        ("hoox, ReqwestTransport", Some((2, 1.15))),
        ("bare tokio-tungstenite", None),
        ("hoox, EntryClient over WebSocket", Some((4, 1.15))),
    ]
    .map(|(name, against)| Row { name, against, times: Histogram::new(3).unwrap() });

    let provider = binance();
    let mut buf = RequestBuf::new();
    let mut ways: [usize; 6] = core::array::from_fn(|way| way);
    let mut shuffle = StdRng::seed_from_u64(7);
    for turn in 0..WARM_UP + orders {
        ways.shuffle(&mut shuffle);
        for way in ways {
            let order = order(turn, way);
            let now = clock.now();
            let took = match way {
                0 => {
                    let request = provider.encode(&Operation::Place(&order), now, &mut buf);
                    hyper.send(request.unwrap()).await
                }
                1 => timed(pinned.place(&order)).await,
                2 => {
                    let request = provider.encode(&Operation::Place(&order), now, &mut buf);
                    bare_reqwest(&plain, &endpoint.rest, request.unwrap()).await
                }
                3 => timed(reqwest.place(&order)).await,
                4 => {
                    let id = (turn as u64) + 1;
                    let op = Operation::Place(&order);
                    provider.encode_frame(&op, now, id, false, &mut buf).unwrap();
                    bare_round_trip(&mut tungstenite, buf.request().body()).await
                }
                _ => timed(entry.place(&order)).await,
            };
            if turn >= WARM_UP {
                rows[way].times.record(nanoseconds(took)).unwrap();
            }
        }
    }
    rows.into()
}

fn order(turn: usize, way: usize) -> PreparedOrder {
    let side = if turn.is_multiple_of(2) { Side::Buy } else { Side::Sell };
    let symbol = Symbol::new("BTCUSDT").unwrap();
    let id = ClientOrderId::portable(&format!("lat-{way}-{turn}")).unwrap();
    let order = NewOrder::market(symbol, side, Decimal::new(1, 2)).client_order_id(id);
    PreparedOrder::as_written(&order).unwrap()
}

async fn timed(place: impl Future<Output = Result<Outcome, Refused>>) -> Duration {
    let start = Instant::now();
    let outcome = place.await;
    let took = start.elapsed();
    match outcome {
        Ok(Outcome::Acknowledged(report)) => assert_eq!(report.status, OrderStatus::Filled),
        other => panic!("{other:?}"),
    }
    took
}

struct BareHyper {
    sender: SendRequest<Full<Bytes>>,
    host: String,
    prefix: String,
}

impl BareHyper {
    async fn connect(base_url: &str) -> Self {
        let rest = base_url.strip_prefix("http://").unwrap();
        let (host, prefix) = rest.split_once('/').unwrap();
        let stream = TcpStream::connect(host).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self { sender, host: host.to_owned(), prefix: format!("/{prefix}") }
    }

    async fn send(&mut self, request: Request<'_>) -> Duration {
        let target = format!("{}{}?{}", self.prefix, request.path(), request.query());
        let mut builder = hyper::Request::builder().method("POST").uri(target);
        builder = builder.header("host", &self.host);
        for (name, value) in request.headers() {
            builder = builder.header(name, value);
        }
        assert_eq!(request.method(), Method::Post);
        let body = Full::new(Bytes::copy_from_slice(request.body().as_bytes()));
        let request = builder.body(body).unwrap();
        let start = Instant::now();
        let response = self.sender.send_request(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let took = start.elapsed();
        assert_eq!(status, 200, "{body:?}");
        self.sender.ready().await.unwrap();
        took
    }
}

async fn bare_reqwest(client: &reqwest::Client, base_url: &str, request: Request<'_>) -> Duration {
    let url = format!("{base_url}{}?{}", request.path(), request.query());
    let mut builder = client.post(url);
    for (name, value) in request.headers() {
        builder = builder.header(name, value);
    }
    let builder = builder.body(request.body().to_owned());
    let start = Instant::now();
    let response = builder.send().await.unwrap();
    let status = response.status();
    let body = response.bytes().await.unwrap();
    let took = start.elapsed();
    assert_eq!(status, 200, "{body:?}");
    took
}

type Socket = WebSocketStream<TcpStream>;

async fn bare_socket(url: &str) -> Socket {
    let host = url.strip_prefix("ws://").and_then(|rest| rest.split('/').next()).unwrap();
    let stream = TcpStream::connect(host).await.unwrap();
    stream.set_nodelay(true).unwrap();
    tokio_tungstenite::client_async(url, stream).await.unwrap().0
}

async fn bare_round_trip(socket: &mut Socket, frame: &str) -> Duration {
    let message = Message::text(frame.to_owned());
    let start = Instant::now();
    socket.send(message).await.unwrap();
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Text(answer) => {
                let took = start.elapsed();
                assert!(answer.contains("\"status\":200"), "{answer}");
                return took;
            }
            _ => continue,
        }
    }
}

fn print(rows: &[Row], orders: usize) {
    println!("{orders} market orders each, in turn; microseconds\n");
    println!("{:<34} {:>8} {:>8} {:>8}   against bare", "way", "p50", "p90", "p99");
    for row in rows {
        let at = |quantile| row.times.value_at_quantile(quantile) as f64 / 1_000.0;
        let ratio = row.against.and_then(|(base, budget)| {
            let base = rows.get(base)?.times.value_at_quantile(0.5) as f64 / 1_000.0;
            Some(format!("{:.2} (budget {budget})", at(0.5) / base))
        });
        let (p50, p90, p99) = (at(0.5), at(0.9), at(0.99));
        println!(
            "{:<34} {p50:>8.1} {p90:>8.1} {p99:>8.1}   {}",
            row.name,
            ratio.unwrap_or_default()
        );
    }
}

/// What other people's clients take for the same order at the same venue, each in its own process.
fn strangers(endpoint: &Endpoint, orders: usize) {
    println!(
        "\nother clients, the same order at the same venue, one after the other; microseconds\n"
    );
    let Endpoint { rest, ws, api_key, api_secret } = endpoint;
    let venue = serde_json::json!({
        "binance": { "rest": rest, "ws": ws, "api_key": api_key, "api_secret": api_secret },
    });
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../connectors/venue/strangers");
    let mut ccxt = Command::new("node");
    ccxt.current_dir(folder).arg("latency.mjs");
    let mut sdk = Command::new(env!("CARGO"));
    sdk.current_dir(format!("{folder}/binance-sdk"));
    sdk.args(["run", "--quiet", "--release", "--locked", "--bin", "latency", "--"]);
    for (name, mut command) in [("ccxt", ccxt), ("binance-sdk", sdk)] {
        command.arg(orders.min(2_000).to_string()).env("HOOX_VENUE", venue.to_string());
        match command.status() {
            Ok(status) if status.success() => {}
            other => println!("{name}: not measured ({other:?}); `cargo xtask setup` installs it"),
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn arguments(name: &str) -> Option<usize> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1)?.parse().ok()
}
