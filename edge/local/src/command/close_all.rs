//! `hoox close-all`: everything flat, now.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use anyhow::{Context, bail};
use hoox_signer::Secret;
use serde_json::Value;

use super::show::{self, cell, status};
use super::{Place, running};

/// How long the closes may take: an order whose reply is lost is asked for until it is settled.
const PATIENCE: Duration = Duration::from_secs(120);

/// The longest answer that is read.
const ANSWER_MAX: usize = 16 * 1024 * 1024;

/// Close every open position at every exchange.
///
/// Asks the running `hoox serve`, which closes also while the kill switch is on; turn that on first
/// if nothing new shall be opened. The internal key comes from INTERNAL_KEY_BINDING, as the server's
/// does. Succeeds only if everything is certainly flat.
#[derive(Debug, clap::Args)]
pub(crate) struct CloseAllArgs {
    #[command(flatten)]
    place: Place,
    /// Where the server listens, if not where it says in its data directory
    #[arg(long, env = "HOOX_API_URL", value_name = "URL")]
    url: Option<String>,
    /// Close what is open at the test venues instead
    #[arg(long)]
    test: bool,
    /// Do not ask whether it is meant
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(args: CloseAllArgs) -> anyhow::Result<()> {
    let url = match &args.url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => {
            let running = running::find(&args.place.data_dir).with_context(|| {
                format!(
                    "no hoox serve runs on {}; start it with this data directory, or name its \
                     address with --url",
                    args.place.data_dir.display()
                )
            })?;
            running.url.context("hoox serve is still starting; try again in a moment")?
        }
    };
    let key = std::env::var("INTERNAL_KEY_BINDING").ok().filter(|key| !key.is_empty());
    let key = Secret::from(key.context("set INTERNAL_KEY_BINDING to the server's internal key")?);
    if key.expose().starts_with("sha256:") {
        bail!("INTERNAL_KEY_BINDING is a digest here; this command needs the key itself");
    }
    if !args.yes && !confirmed(args.test)? {
        bail!("nothing was closed; say --yes to close without being asked");
    }
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
    let answer = client
        .post(format!("{url}/close-all"))
        .header("x-internal-auth-key", key.expose())
        .header("content-type", "application/json")
        .body(serde_json::json!({ "test": args.test }).to_string())
        .send()
        .await
        .map_err(reqwest::Error::without_url)
        .with_context(|| format!("no answer from {url}; what was closed is not known here"))?;
    let code = answer.status();
    let body = answer.bytes().await.map_err(reqwest::Error::without_url)?;
    let body: Value = match body.len() <= ANSWER_MAX {
        true => serde_json::from_slice(&body).unwrap_or_default(),
        false => Value::Null,
    };
    if let Some(message) = body.pointer("/error/message").and_then(Value::as_str) {
        bail!("{url} says {}: {}", code.as_u16(), show::plain(message));
    }
    if body.get("result").is_none() {
        bail!("{url} answers {}, and not as a hoox does", code.as_u16());
    }
    if args.place.json {
        show::object(&body)?;
    } else {
        people(&body)?;
    }
    match body.get("success") == Some(&Value::Bool(true)) {
        true => Ok(()),
        false => bail!("not everything is certainly flat"),
    }
}

fn people(body: &Value) -> anyhow::Result<()> {
    let text = |value: &Value, pointer: &str| {
        let value = value.pointer(pointer).unwrap_or(&Value::Null);
        value.as_str().map_or_else(|| value.to_string(), str::to_owned).replace("null", "")
    };
    let list = |pointer: &str| {
        body.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let closes = list("/result/closes");
    let header = ["exchange", "symbol", "side", "outcome", "quantity", "price", "why not"];
    let cells = |close: &Value| {
        let outcome = match close.get("status").and_then(Value::as_u64) {
            Some(200) => text(close, "/answer/result/status"),
            _ => text(close, "/answer/error/code"),
        };
        vec![
            cell(text(close, "/exchange")),
            cell(text(close, "/symbol")),
            cell(text(close, "/side")),
            status(&outcome),
            cell(text(close, "/answer/result/executedQty")),
            cell(text(close, "/answer/result/price")),
            cell(text(close, "/answer/error/message")),
        ]
    };
    show::rows(false, &closes, &header, cells, "nothing was open")?;
    for venue in list("/result/unreachable") {
        let venue = venue.as_str().unwrap_or_default().to_owned();
        show::line(&format!("{venue} did not tell its positions; look there"))?;
    }
    Ok(())
}

/// Asks on the terminal; where there is none, nobody can agree.
fn confirmed(test: bool) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    let what = if test { "test" } else { "live" };
    let mut out = std::io::stderr();
    write!(out, "Close every {what} position at every exchange? Type yes: ")?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}
