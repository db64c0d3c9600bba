//! How many signals a second `hoox serve` turns into orders, and how long each takes.
//!
//! `cargo bench -p hoox --bench throughput` runs the server as a process of its own on a fresh data
//! directory, against the simulated venue, with 64 connections that each send the next signal when
//! the last is answered. With `--rate` signals are due at that pace whether or not earlier ones are
//! answered, and each latency counts from when its signal was due: what a sender sees that does not
//! wait for the server. Sender and venue have a thread each in this process; all share the machine,
//! so the processor time of each is told too. `--apart` gives the server a core that nobody else uses.
//!
//! `-- --seconds 10 --connections 64 --rate 2000 --exchange binance --serve "--durability relaxed"`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use hdrhistogram::Histogram;
use hoox_venue::{BybitLimits, Config, Limits, MexcLimits, Running, Server, Venue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The name of the thread that the venue has.
const VENUE_THREAD: &str = "venue";

/// How long signals are sent before the count begins.
const WARM_UP: Duration = Duration::from_secs(2);

#[derive(Debug, Parser)]
struct Args {
    /// How many connections
    #[arg(long, default_value_t = 64)]
    connections: u32,
    /// For how long
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How many signals are due each second; as many as are answered, unless it is said
    #[arg(long)]
    rate: Option<u64>,
    /// The server on the first core, sender and venue on the second
    #[arg(long)]
    apart: bool,
    /// Where the orders go
    #[arg(long, default_value = "binance")]
    exchange: String,
    /// Orders over a WebSocket instead of REST (Binance and Bybit)
    #[arg(long)]
    socket: bool,
    /// Where the server keeps its data, left there; a directory that is removed afterwards, unless it is
    /// said. Some file systems are slow to make files for minutes after many were removed
    #[arg(long)]
    data_dir: Option<std::path::PathBuf>,
    /// More arguments for `hoox serve`, with blanks between
    #[arg(long, default_value = "", allow_hyphen_values = true)]
    serve: String,
    /// What cargo passes on
    #[arg(long, hide = true)]
    bench: bool,
}

impl Args {
    fn venue(&self) -> Venue {
        match self.exchange.as_str() {
            "bybit" => Venue::Bybit,
            "mexc" => Venue::Mexc,
            _ => Venue::Binance,
        }
    }
}

fn main() {
    let args = Args::parse();
    if args.apart {
        // Before there are threads, which then stay there too.
        let to = ["-pc", "1", &std::process::id().to_string()];
        let pinned = Command::new("taskset").args(to).stdout(Stdio::null()).status();
        assert!(pinned.unwrap().success());
    }
    let of_venue = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name(VENUE_THREAD)
        .enable_all()
        .build()
        .unwrap();
    let sender = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let venue = of_venue.block_on(of_venue.spawn(start_venue())).unwrap();
    sender.block_on(run(&args, &venue));
}

async fn start_venue() -> Running {
    let mut config = Config { limits: Limits::unlimited(), ..Config::default() };
    config.bybit.limits = BybitLimits::unlimited();
    config.mexc.limits = MexcLimits::unlimited();
    Server::start("127.0.0.1:0".parse().unwrap(), config).await.unwrap()
}

async fn run(args: &Args, venue: &Running) {
    let own = tempfile::tempdir().unwrap();
    let mut serve = serve(venue, args.data_dir.as_deref().unwrap_or(own.path()), args);
    let mut line = String::new();
    BufReader::new(serve.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let line: serde_json::Value = serde_json::from_str(&line).expect("a line of JSON");
    let address = line["listening"].as_str().unwrap().trim_start_matches("http://").to_owned();

    let begin = Instant::now();
    let counting = begin + WARM_UP;
    let end = counting + Duration::from_secs(args.seconds);
    let schedule = Arc::new(Schedule { next: AtomicU64::new(0), rate: args.rate, begin, end });
    let senders: Vec<_> = (0..args.connections)
        .map(|_| {
            let (address, schedule) = (address.clone(), Arc::clone(&schedule));
            let exchange = args.exchange.clone();
            tokio::spawn(async move { send(&address, &exchange, &schedule, counting).await })
        })
        .collect();
    let before = Spent::by(serve.id());
    let mut latency = Histogram::<u64>::new(3).unwrap();
    let mut refused = 0;
    for sender in senders {
        let (of_sender, not_filled) = sender.await.unwrap();
        latency.add(&of_sender).unwrap();
        refused += not_filled;
    }
    let spent = Spent::by(serve.id());
    let per_second = latency.len() as f64 / args.seconds as f64;
    let at = |percentile: f64| latency.value_at_quantile(percentile / 100.0) as f64 / 1_000.0;
    let offered = args.rate.map_or_else(String::new, |rate| format!(", {rate}/s offered"));
    println!(
        "{} connections, {} s, {}{offered}: {per_second:.0} signals/s, p50 {:.1} ms, p90 {:.1} ms, \
         p99 {:.1} ms, longest {:.1} ms, {refused} refused",
        args.connections,
        args.seconds,
        args.exchange,
        at(50.0),
        at(90.0),
        at(99.0),
        at(100.0),
    );
    let sent = schedule.sent();
    let each = |after: Duration, before: Duration| (after - before).as_micros() / u128::from(sent);
    println!(
        "processor a signal, in µs: server {} (of it the database's thread {}, \
         the archive's {}), venue {}, sender {}",
        each(spent.server, before.server),
        each(spent.database, before.database),
        each(spent.archive, before.archive),
        each(spent.venue, before.venue),
        each(spent.sender, before.sender),
    );
    let counters = venue.with(|exchange| exchange.counters_of(args.venue()));
    let (orders, requests) = (counters.orders, counters.requests as f64 / sent as f64);
    println!("{sent} signals sent, {orders} orders at the venue, {requests:.2} requests for each");
    assert!(
        Command::new("kill").args(["-TERM", &serve.id().to_string()]).status().unwrap().success()
    );
    serve.wait().unwrap();
    assert_eq!(orders + refused, sent, "each signal exactly one order");
}

fn serve(venue: &Running, data: &std::path::Path, args: &Args) -> Child {
    let hoox = env!("CARGO_BIN_EXE_hoox");
    let mut command = Command::new(if args.apart { "taskset" } else { hoox });
    if args.apart {
        command.args(["-c", "0", hoox]);
    }
    command.args(["serve", "--json", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data);
    command.args(["--config", "webhook:rate_limit_per_minute=0"]);
    command.args(args.serve.split_whitespace());
    for (of, name) in [(Venue::Binance, "binance"), (Venue::Bybit, "bybit"), (Venue::Mexc, "mexc")]
    {
        let endpoint = venue.endpoint(of);
        let upper = name.to_ascii_uppercase();
        let path = match of {
            Venue::Binance => Some("ws-fapi/v1"),
            Venue::Bybit => Some("v5/trade"),
            _ => None,
        };
        if let Some(path) = path.filter(|_| args.socket) {
            command.args(["--entry-url", &format!("{name}={}/{path}", endpoint.ws)]);
            command.args(["--config", &format!("exchange:{name}:use_websocket=true")]);
        }
        command
            .env(format!("{upper}_API_KEY"), &endpoint.api_key)
            .env(format!("{upper}_API_SECRET"), &endpoint.api_secret)
            .args(["--base-url", &format!("{name}={}", endpoint.rest)]);
    }
    command
        .env("WEBHOOK_API_KEY", "bench")
        .env("HOOX_LOG", "error")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Which signal is next, and when it is due.
struct Schedule {
    next: AtomicU64,
    rate: Option<u64>,
    begin: Instant,
    end: Instant,
}

impl Schedule {
    /// The number of the next signal, once it is due, and when that was; nothing at the end.
    async fn next(&self) -> Option<(u64, Instant)> {
        let Some(rate) = self.rate else {
            let now = Instant::now();
            return (now < self.end).then(|| (self.next.fetch_add(1, Ordering::Relaxed), now));
        };
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        let due = self.begin + Duration::from_nanos(n * 1_000_000_000 / rate);
        if due >= self.end {
            return None;
        }
        tokio::time::sleep_until(due.into()).await;
        Some((n, due))
    }

    /// How many signals were sent: with a rate, each connection asked once too often.
    fn sent(&self) -> u64 {
        let asked = self.next.load(Ordering::Relaxed);
        let seconds = (self.end - self.begin).as_secs();
        self.rate.map_or(asked, |rate| asked.min(rate * seconds))
    }
}

/// Sends signals over one connection until the end; tells the latencies, in microseconds, and how
/// many signals were not filled.
async fn send(
    address: &str,
    exchange: &str,
    schedule: &Schedule,
    counting: Instant,
) -> (Histogram<u64>, u64) {
    const SYMBOLS: [(&str, &str, &str); 3] =
        [("SHORT", "ETHUSDT", "0.05"), ("LONG", "SOLUSDT", "1"), ("LONG", "BTCUSDT", "0.002")];
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut latency = Histogram::<u64>::new(3).unwrap();
    let (mut refused, mut answer) = (0, Vec::with_capacity(4_096));
    while let Some((n, due)) = schedule.next().await {
        let (action, symbol, quantity) = SYMBOLS[(n % 3) as usize];
        let body = format!(
            r#"{{"apiKey":"bench","exchange":"{exchange}","action":"{action}","symbol":"{symbol}","quantity":{quantity},"idempotencyKey":"bench-{n}"}}"#
        );
        let request = format!(
            "POST /webhook HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        answer.clear();
        loop {
            assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "the server hung up");
            if is_whole(&answer) {
                break;
            }
        }
        refused += u64::from(!answer.starts_with(b"HTTP/1.1 200"));
        if due >= counting {
            latency.record(due.elapsed().as_micros() as u64).unwrap();
        }
    }
    (latency, refused)
}

/// Whether an answer with a length has come to its end.
fn is_whole(answer: &[u8]) -> bool {
    let Some(head) = answer.windows(4).position(|window| window == b"\r\n\r\n") else {
        return false;
    };
    let text = std::str::from_utf8(&answer[..head]).unwrap().to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    answer.len() >= head + 4 + length.trim().parse::<usize>().unwrap()
}

/// The processor time so far.
struct Spent {
    server: Duration,
    database: Duration,
    archive: Duration,
    venue: Duration,
    sender: Duration,
}

impl Spent {
    fn by(server: u32) -> Self {
        let of = |threads: &[(String, Duration)], name: &str| {
            threads.iter().filter(|(of, _)| of == name).map(|(_, spent)| *spent).sum()
        };
        let (theirs, ours) = (threads(server), threads(std::process::id()));
        let (venue, all): (Duration, Duration) =
            (of(&ours, VENUE_THREAD), ours.iter().map(|(_, spent)| *spent).sum());
        Self {
            server: theirs.iter().map(|(_, spent)| *spent).sum(),
            database: of(&theirs, "hoox-database"),
            archive: of(&theirs, "hoox-archive"),
            venue,
            sender: all - venue,
        }
    }
}

/// The threads of a process, by name, with the processor time of each so far.
fn threads(pid: u32) -> Vec<(String, Duration)> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let read = |path: std::path::PathBuf| {
        let name = std::fs::read_to_string(path.join("comm")).ok()?;
        let nanos = std::fs::read_to_string(path.join("schedstat")).ok()?;
        let nanos = nanos.split_whitespace().next()?.parse().ok()?;
        Some((name.trim().to_owned(), Duration::from_nanos(nanos)))
    };
    threads.filter_map(|thread| read(thread.ok()?.path())).collect()
}
