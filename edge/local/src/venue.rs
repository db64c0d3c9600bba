//! `hoox venue`: the simulated exchanges, listening.

use std::io::Write;
use std::net::SocketAddr;

use anyhow::Context;
use hoox_venue::{Config, Endpoint, Server, Venue};

/// Run simulated exchanges that any bot can trade on.
///
/// They speak Binance (spot and USD-M futures), Bybit and MEXC (spot and USDT-linear) over HTTP,
/// and check what the real ones check: keys, signatures, timestamps, instrument rules, duplicate ids,
/// limits. Prices move by a seeded walk. Each venue has its own books.
///
/// Example: hoox venue --listen 127.0.0.1:0 --json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct VenueArgs {
    /// Where to listen; port 0 picks a free one
    #[arg(long, default_value = "127.0.0.1:9000", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,

    /// What decides prices, ids and keys: the same seed, the same exchange
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Write addresses and credentials as one JSON object, on the first line
    #[arg(long)]
    json: bool,
}

/// Venue, its name in JSON, its title, and the address its own stands for.
const VENUES: &[(Venue, &str, &str, &str)] = &[
    (Venue::Binance, "binance", "Binance", "https://api.binance.com and https://fapi.binance.com"),
    (Venue::Bybit, "bybit", "Bybit", "https://api.bybit.com"),
    (Venue::Mexc, "mexc", "MEXC", "https://api.mexc.com"),
];

/// Serves until it is interrupted.
pub(crate) async fn run(args: VenueArgs) -> anyhow::Result<()> {
    crate::log::start(args.json);
    let config = Config { seed: args.seed, ..Config::default() };
    let running = Server::start(args.listen, config).await.with_context(|| {
        format!("cannot listen on {}; choose another address with --listen", args.listen)
    })?;
    let mut stdout = std::io::stdout();
    if args.json {
        let mut all = serde_json::Map::new();
        for &(venue, name, _, _) in VENUES {
            let Endpoint { rest, ws, api_key, api_secret } = running.endpoint(venue);
            let endpoint = serde_json::json!({
                "rest": rest, "ws": ws, "api_key": api_key, "api_secret": api_secret,
            });
            all.insert(name.to_owned(), endpoint);
        }
        writeln!(stdout, "{}", serde_json::Value::Object(all))?;
    } else {
        for &(venue, _, title, real) in VENUES {
            let Endpoint { rest, api_key, api_secret, .. } = running.endpoint(venue);
            writeln!(
                stdout,
                "{title}, simulated\n  rest        {rest}\n  api key     {api_key}\n  api secret  {api_secret}\n  stands for  {real}\n"
            )?;
        }
    }
    stdout.flush()?;
    crate::serve::interrupted().await?;
    running.shutdown().await;
    Ok(())
}
