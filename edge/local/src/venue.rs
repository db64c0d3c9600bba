//! `hoox venue`: the simulated exchanges, listening.

mod fault;

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use hoox_venue::{
    BybitLimits, CONTROL_PREFIX, Config, Endpoint, Latency, Limits, MexcLimits, PriceModel, Replay,
    Running, Server, Venue,
};

/// Run simulated exchanges that any bot can trade on: paper trading.
///
/// They speak Binance (spot and USD-M futures), Bybit and MEXC (spot and USDT-linear) over HTTP
/// and WebSocket, and check what the real ones check: keys, signatures, timestamps, instrument
/// rules, duplicate ids, limits. Prices move by a seeded walk, or as recorded. Each venue has its
/// own books.
///
/// Example: hoox venue --latency 20ms±5ms --fault seed=7,reply_lost=1%
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct VenueArgs {
    /// Where to listen; port 0 picks a free one
    #[arg(long, default_value = "127.0.0.1:9000", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,

    /// What decides prices, ids and keys: the same seed, the same exchange
    #[arg(long, default_value_t = 1)]
    seed: u64,

    // Words for people, not links.
    #[allow(rustdoc::broken_intra_doc_links)]
    /// What goes wrong; may be given several times
    ///
    /// KIND[xCOUNT][:MS][@MATCH]: the next COUNT requests whose line contains MATCH, for example
    /// reply_lostx2@POST /fapi/v1/order or delay:300ms.
    /// seed=N,KIND=PERCENT[:MS],…: by chance, the same for the same seed, for example
    /// seed=7,reply_lost=1%,delay=2%:300ms; on=POST restricts it.
    /// FILE.json: a list of faults as the control endpoint takes them.
    ///
    /// Executed, without an answer: reply_lost, reset_after. Not executed: reset_before,
    /// http_403, http_418, http_429, http_503_unavailable, http_503_throttled, html.
    /// Executed, answered with an unknown outcome: http_408, http_500_unexpected,
    /// http_503_unknown, http_504_timeout. Late or damaged: delay, delay_before, truncated,
    /// reply_cut. At once: clock_skew, maintenance. On streams: stream_duplicate,
    /// stream_reorder, stream_drop, stream_silent, stream_reset, stream_garbage,
    /// stream_not_utf8, stream_wrong_kind, stream_too_long.
    #[arg(long, value_name = "FAULT", verbatim_doc_comment)]
    fault: Vec<fault::FaultArg>,

    /// Play recorded prices: lines of time_ms,symbol,price, as CSV or JSON
    ///
    /// The recording begins with the first request, and its last price stays. Symbols are named
    /// as BTCUSDT, for all venues and both markets; those without a line move by the seeded
    /// walk.
    #[arg(long, value_name = "FILE", verbatim_doc_comment)]
    replay: Option<PathBuf>,

    /// How long each answer takes, for example 20ms or 20ms±5ms (also 20ms+-5ms)
    #[arg(long, value_name = "TIME", default_value_t)]
    latency: Latency,

    /// Take any number of requests: for load tests
    #[arg(long)]
    unlimited: bool,

    /// Write addresses and credentials as one JSON object, on the first line
    #[arg(long)]
    json: bool,
}

/// Venue, its name in JSON, its title, and the addresses its own stand for.
const VENUES: &[(Venue, &str, &str, &str)] = &[
    (Venue::Binance, "binance", "Binance", "https://api.binance.com and https://fapi.binance.com"),
    (Venue::Bybit, "bybit", "Bybit", "https://api.bybit.com"),
    (Venue::Mexc, "mexc", "MEXC", "https://api.mexc.com"),
];

/// Serves until it is interrupted.
pub(crate) async fn run(args: VenueArgs) -> anyhow::Result<()> {
    crate::log::start(args.json);
    let mut config = Config { seed: args.seed, latency: args.latency, ..Config::default() };
    if args.unlimited {
        config.limits = Limits::unlimited();
        config.bybit.limits = BybitLimits::unlimited();
        config.mexc.limits = MexcLimits::unlimited();
    }
    if let Some(file) = &args.replay {
        config.prices = PriceModel::Replay(Arc::new(recording(file)?));
    }
    fault::configure(&mut config, args.fault)?;
    let running = Server::start(args.listen, config).await.with_context(|| {
        format!("cannot listen on {}; choose another address with --listen", args.listen)
    })?;
    let interrupted = crate::serve::interruption()?;
    let mut stdout = std::io::stdout();
    let control = format!("http://{}{CONTROL_PREFIX}", running.addr());
    if args.json {
        writeln!(stdout, "{}", line(&running, &control))?;
    } else {
        for &(venue, _, title, real) in VENUES {
            let Endpoint { rest, ws, api_key, api_secret, .. } = running.endpoint(venue);
            writeln!(
                stdout,
                "{title}, simulated\n  rest        {rest}\n  websocket   {ws}\n  api key     \
                 {api_key}\n  api secret  {api_secret}\n  stands for  {real}\n"
            )?;
        }
        writeln!(
            stdout,
            "control       {control}\n  what it holds        curl {control}/state\n  lose the \
             next reply  curl {control}/fault -d '{{\"kind\":\"reply_lost\"}}'"
        )?;
    }
    stdout.flush()?;
    interrupted.await;
    running.shutdown().await;
    Ok(())
}

fn line(running: &Running, control: &str) -> serde_json::Value {
    let mut all = serde_json::Map::new();
    for &(venue, name, _, _) in VENUES {
        let Endpoint { rest, ws, api_key, api_secret, .. } = running.endpoint(venue);
        let endpoint = serde_json::json!({
            "rest": rest, "ws": ws, "api_key": api_key, "api_secret": api_secret,
        });
        all.insert(name.to_owned(), endpoint);
    }
    all.insert("control".to_owned(), control.into());
    all.into()
}

fn recording(file: &Path) -> anyhow::Result<Replay> {
    let name = file.display();
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the recorded prices in {name}"))?;
    Replay::parse(&text).with_context(|| format!("{name} is not a recording of prices"))
}
