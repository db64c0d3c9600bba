//! `hoox serve`: the service, listening.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use axum::http::HeaderName;
use hoox_connector::{Credentials, Venue};
use hoox_router::Passkey;
use hoox_signer::Secret;
use tokio::net::TcpListener;

use crate::command::config::known_key;
use crate::command::manifest::target;
use crate::recorder::Recorder;
use crate::risk::RiskLoop;
use crate::server::{Listening, Shared};
use crate::service::{AccountSetup, Service, Setup};

/// Take signals over HTTP and place orders.
///
/// Listens for POST /webhook and GET /health; and, for who has the internal key, POST /order,
/// /process and /close-all, GET /api/signals, /api/trades, /api/positions and /api/balances. Secrets
/// come from the environment:
///
///   WEBHOOK_API_KEY                        the passkey of the signals, plain or sha256:HEX
///   INTERNAL_KEY_BINDING                   the internal key, plain or sha256:HEX
///   BINANCE_API_KEY, BINANCE_API_SECRET    an account (a PEM secret is an Ed25519 or RSA key)
///   BYBIT_API_KEY, BYBIT_API_SECRET        the same at Bybit
///   MEXC_API_KEY, MEXC_API_SECRET          the same at MEXC
///   BINANCE_TESTNET_API_KEY, …_API_SECRET  an account at the test venue, for signals with
///   BYBIT_TESTNET_API_KEY, …_API_SECRET    "test": true; MEXC has none
///   WALLET_PK_SECRET or WALLET_MNEMONIC_SECRET, and RPC_PROVIDER_URL_ETHEREUM (or whichever chain)
///                                          the account of the chains in --chains, and their nodes;
///                                          WALLET_TESTNET_…, RPC_PROVIDER_URL_…_TESTNET for test ones
///
/// Everything else is configuration, kept in the data directory and changed with --config; a change
/// is in force within a second. Example, against a simulated venue:
///
///   hoox venue --listen 127.0.0.1:9000 --json
///   WEBHOOK_API_KEY=choose-one BINANCE_API_KEY=… BINANCE_API_SECRET=… \
///     hoox serve --base-url binance=http://127.0.0.1:9000/binance
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct ServeArgs {
    /// Where to listen; port 0 picks a free one
    #[arg(long, default_value = "127.0.0.1:8787", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,

    /// Where the ledger, the idempotency store and the configuration are kept
    #[arg(long, default_value = "hoox-data", value_name = "DIRECTORY")]
    data_dir: PathBuf,

    /// Send a venue's requests there instead of to the live venue (repeatable)
    #[arg(long, value_name = "VENUE=URL", value_parser = parse_base_url)]
    base_url: Vec<(Venue, String)>,

    /// The same for a test venue (repeatable)
    #[arg(long, value_name = "VENUE=URL", value_parser = parse_base_url)]
    test_base_url: Vec<(Venue, String)>,

    /// Where a venue's orders go over WebSocket when exchange:VENUE:use_websocket is set; needed for
    /// that beside --base-url, as without it they go over REST (repeatable)
    #[arg(long, value_name = "VENUE=URL", value_parser = parse_socket_url)]
    entry_url: Vec<(Venue, String)>,

    /// The same for a test venue (repeatable)
    #[arg(long, value_name = "VENUE=URL", value_parser = parse_socket_url)]
    test_entry_url: Vec<(Venue, String)>,

    /// Trade token pairs on the chains in this file (TOML): a table for each chain, by its name, with
    /// its pairs; their swaps are signals to "exchange": "ethereum"
    #[arg(long, value_name = "FILE")]
    chains: Option<PathBuf>,

    /// Write a configuration value before the start (repeatable)
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_pair)]
    config: Vec<(String, String)>,

    /// Read the configuration from this file, JSON or (*.toml) TOML, instead of the data directory;
    /// a change is in force within a second
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    config_file: Option<PathBuf>,

    /// The header that names the client's address, if a trusted proxy stands in front
    #[arg(long, value_name = "HEADER")]
    address_header: Option<HeaderName>,

    /// What an intent must survive before its order is sent
    #[arg(long, value_enum, default_value_t = Durability::Full)]
    durability: Durability,

    /// Tell in a Server-Timing header how long each step of a signal took
    #[arg(long)]
    server_timing: bool,

    /// Write the first line and the log as JSON
    #[arg(long)]
    json: bool,
}

/// What an intent must survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Durability {
    /// The machine losing power: one sync to disk, shared by the signals of a moment
    Full,
    /// The program's own sudden end only. If the machine loses power or its system fails, the
    /// orders of the last seconds may be unknown here, and their signals may be ordered again
    Relaxed,
}

/// Serves until it is interrupted.
pub(crate) async fn run(args: ServeArgs) -> anyhow::Result<()> {
    crate::log::start(args.json);
    let setup = Setup {
        data_dir: args.data_dir.clone(),
        passkeys: ["WEBHOOK_API_KEY", "WEBHOOK_API_KEY_BINDING"]
            .into_iter()
            .filter_map(environment)
            .collect(),
        config: args.config.clone(),
        config_file: args.config_file.clone(),
        accounts: accounts(
            Urls { base: &args.base_url, entry: &args.entry_url },
            Urls { base: &args.test_base_url, entry: &args.test_entry_url },
        )?,
        chains: match &args.chains {
            Some(file) => crate::on_chain::accounts(file, &args.data_dir)?,
            None => Vec::new(),
        },
        transport: Recorder::silent(),
        relaxed: args.durability == Durability::Relaxed,
    };
    if setup.relaxed {
        tracing::warn!(
            "durability is relaxed: a power failure may lose orders of the last seconds"
        );
    }
    if setup.accounts.is_empty() && setup.chains.is_empty() {
        tracing::warn!("no account: set BINANCE_API_KEY and BINANCE_API_SECRET to trade");
    }
    // Before the work of opening, so that a port in use is told at once.
    let listener = TcpListener::bind(args.listen).await.with_context(|| {
        format!("cannot listen on {}; choose another address with --listen", args.listen)
    })?;
    let service = Arc::new(Service::open(setup).await?);
    let store = service.store.clone();
    let consumer = tokio::spawn(crate::consumer::run(Arc::clone(&service)));
    let sockets = Arc::clone(&service);
    let sockets = tokio::spawn(async move { sockets.keep_sockets().await });
    let reconciling = Arc::clone(&service);
    let reconciler = tokio::spawn(async move { reconciling.keep_reconciling().await });
    let chains = Arc::clone(&service);
    let chains = tokio::spawn(async move { chains.keep_chains().await });
    let watched = Arc::clone(&service);
    let risk = tokio::spawn(async move { RiskLoop::default().run(&watched).await });
    let shared = Shared {
        service,
        address_header: args.address_header,
        server_timing: args.server_timing,
        internal_key: environment("INTERNAL_KEY_BINDING")
            .and_then(|key| Passkey::from_config(key.expose())),
    };
    let listening = Listening::start(listener, shared)?;
    let url = format!("http://{}", listening.address());
    let interrupted = interruption()?;
    crate::command::announce(&args.data_dir, &url, args.config_file.as_deref())?;
    let mut stdout = std::io::stdout();
    if args.json {
        writeln!(stdout, "{}", serde_json::json!({ "listening": url }))?;
    } else {
        writeln!(stdout, "listening on {url}, data in {}", args.data_dir.display())?;
    }
    stdout.flush()?;
    interrupted.await;
    tracing::info!("stopping: what has begun is finished first");
    listening.stop().await?;
    consumer.abort();
    reconciler.abort();
    sockets.abort();
    chains.abort();
    risk.abort();
    store.flush().await?;
    Ok(())
}

/// What ends with Ctrl-C or SIGTERM. Listens for them from now on: whoever is told that a server is
/// there may end it at once.
pub(crate) fn interruption() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
    })
}

/// Where requests go instead of to the venues themselves.
#[derive(Clone, Copy)]
struct Urls<'a> {
    base: &'a [(Venue, String)],
    entry: &'a [(Venue, String)],
}

/// The accounts whose secrets the environment holds, under the names of trade.md §5: live ones, and
/// those at test venues, which never share a key.
fn accounts(live_urls: Urls<'_>, test_urls: Urls<'_>) -> anyhow::Result<Vec<AccountSetup>> {
    let mut accounts = Vec::new();
    for venue in Venue::EXCHANGES {
        for (test, urls) in [(false, live_urls), (true, test_urls)] {
            let testnet = if test { "_TESTNET" } else { "" };
            let name = format!("{}{testnet}", venue.as_str().to_ascii_uppercase());
            let find = |documented: &str, alias: &str| {
                environment(&format!("{name}_{documented}"))
                    .or_else(|| environment(&format!("{name}_{alias}")))
            };
            let (key, secret) =
                (find("API_KEY", "KEY_BINDING"), find("API_SECRET", "SECRET_BINDING"));
            let url = |urls: &[(Venue, String)]| {
                urls.iter().find(|(of, _)| *of == venue).map(|(_, url)| url.clone())
            };
            let (base_url, entry_url) = (url(urls.base), url(urls.entry));
            match (key, secret) {
                (Some(key), Some(secret)) => {
                    let credentials = Credentials::from_secret(key.expose(), secret.expose())
                        .with_context(|| format!("{name}_API_SECRET"))?;
                    accounts.push(AccountSetup { venue, test, credentials, base_url, entry_url });
                }
                (None, None) => {}
                _ => bail!("set both {name}_API_KEY and {name}_API_SECRET, or neither"),
            }
        }
    }
    Ok(accounts)
}

fn environment(name: &str) -> Option<Secret> {
    std::env::var(name).ok().filter(|value| !value.is_empty()).map(Secret::from)
}

fn parse_base_url(text: &str) -> Result<(Venue, String), String> {
    parse_url(text, ["http://", "https://"])
}

fn parse_socket_url(text: &str) -> Result<(Venue, String), String> {
    parse_url(text, ["ws://", "wss://"])
}

fn parse_url(text: &str, schemes: [&str; 2]) -> Result<(Venue, String), String> {
    let (venue, url) = text.split_once('=').ok_or("not VENUE=URL")?;
    let venue: Venue = venue.parse().map_err(|_| format!("unknown venue `{venue}`"))?;
    if venue.is_chain() {
        return Err(format!("the nodes of {venue} are named in the environment"));
    }
    if !schemes.iter().any(|scheme| url.starts_with(scheme)) {
        return Err(format!("`{url}` does not begin with {} or {}", schemes[0], schemes[1]));
    }
    Ok((venue, url.trim_end_matches('/').to_owned()))
}

fn parse_pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("not KEY=VALUE")?;
    let key = known_key(name).map_err(|error| error.to_string())?;
    let value = key.check(name, value).map_err(|error| error.to_string())?;
    Ok((target(key, name), value))
}
