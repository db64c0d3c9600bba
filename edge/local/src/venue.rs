//! `hoox venue`: the simulated exchange, listening.

use std::io::Write;
use std::net::SocketAddr;

use anyhow::Context;
use hoox_venue::{Config, Endpoint, Server};

/// Run a simulated exchange that any bot can trade on.
///
/// It speaks Binance (spot and USD-M futures) over HTTP, and checks what the real one checks: keys,
/// signatures, timestamps, filters, duplicate ids, limits. Prices move by a seeded walk.
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

/// Serves until it is interrupted.
pub(crate) async fn run(args: VenueArgs) -> anyhow::Result<()> {
    crate::log::start(args.json);
    let config = Config { seed: args.seed, ..Config::default() };
    let running = Server::start(args.listen, config).await.with_context(|| {
        format!("cannot listen on {}; choose another address with --listen", args.listen)
    })?;
    let Endpoint { rest, ws, api_key, api_secret } = running.binance();
    let mut stdout = std::io::stdout();
    if args.json {
        let endpoint = serde_json::json!({
            "rest": rest, "ws": ws, "api_key": api_key, "api_secret": api_secret,
        });
        writeln!(stdout, "{}", serde_json::json!({ "binance": endpoint }))?;
    } else {
        writeln!(
            stdout,
            "Binance, simulated\n  rest        {rest}\n  api key     {api_key}\n  api secret  {api_secret}"
        )?;
        writeln!(
            stdout,
            "Put the rest address in place of https://fapi.binance.com or https://api.binance.com."
        )?;
    }
    stdout.flush()?;
    crate::serve::interrupted().await?;
    running.shutdown().await;
    Ok(())
}
