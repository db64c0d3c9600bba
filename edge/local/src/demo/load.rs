//! Many signals: how long each step takes, and that every one became exactly one order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use anyhow::ensure;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::latency::Latency;
use super::report::Report;
use super::stage::Stage;

/// How many signals are sent one after the other to measure the latency.
const ONE_BY_ONE: u32 = 300;

/// Signals that wait for each other, as a webhook does.
pub(super) async fn one_by_one(stage: &Stage, report: &mut Report) -> anyhow::Result<()> {
    let mut latency = Latency::new()?;
    for n in 0..ONE_BY_ONE {
        let sent = Instant::now();
        let answered = stage.send(&signal("one", n)).await?;
        let status = answered.status;
        ensure!(status == 200, "signal {n} of the latency run was answered with {status}");
        latency.record(sent, answered.server_timing.as_deref());
    }
    report.latency("one after the other", &latency);
    Ok(())
}

/// Signals that come all at once.
pub(super) async fn burst(
    stage: &Stage,
    report: &mut Report,
    signals: u32,
    connections: u32,
) -> anyhow::Result<()> {
    let target =
        if report.is_json() { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(u64::from(signals)), target);
    let template = "  {bar:40} {pos}/{len} signals, {per_sec}, {eta} left";
    bar.set_style(ProgressStyle::with_template(template)?);

    let next = Arc::new(AtomicU32::new(0));
    let start = Instant::now();
    let mut workers = Vec::new();
    for _ in 0..connections {
        let (next, bar) = (Arc::clone(&next), bar.clone());
        let (client, url) = (stage.client.clone(), stage.webhook.clone());
        let passkey = stage.passkey.clone();
        workers.push(tokio::spawn(async move {
            let mut latency = Latency::new()?;
            let mut refused = 0u32;
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= signals {
                    return anyhow::Ok((latency, refused));
                }
                let body = format!(r#"{{"apiKey":"{}",{}}}"#, passkey.expose(), signal("burst", n));
                let sent = Instant::now();
                let response = client.post(&url).body(body).send().await?;
                refused += u32::from(response.status() != 200);
                let timing = response.headers().get("server-timing").cloned();
                response.bytes().await?;
                latency.record(sent, timing.as_ref().and_then(|timing| timing.to_str().ok()));
                bar.inc(1);
            }
        }));
    }
    let mut latency = Latency::new()?;
    let mut refused = 0;
    for worker in workers {
        let (of_worker, not_filled) = worker.await??;
        latency.add(&of_worker)?;
        refused += not_filled;
    }
    let elapsed = start.elapsed();
    bar.finish_and_clear();
    report.burst(signals, connections, elapsed);
    report.expect("every signal of the burst filled", refused == 0);
    report.latency("all at once", &latency);
    Ok(())
}

/// The ledger and the venue must tell the same story.
pub(super) async fn books_agree(stage: &Stage, report: &mut Report) -> anyhow::Result<()> {
    stage.service.store.flush().await?;
    let mut ours = stage.service.store.fills()?;
    let mut theirs = stage.venue_orders();
    ours.sort();
    theirs.sort();
    let twice = theirs.windows(2).filter(|pair| matches!(pair, [a, b] if a.0 == b.0)).count();
    report.expect("no order was placed twice", twice == 0);
    report.expect("the ledger agrees with the venue, order by order", ours == theirs);
    report.books(ours.len(), theirs.len(), stage.service.store.trade_counts()?);
    Ok(())
}

/// A small order, on another symbol each time, its key its number.
fn signal(run: &str, n: u32) -> String {
    const SYMBOLS: [(&str, &str); 3] =
        [("ETHUSDT", "0.05"), ("SOLUSDT", "1"), ("BTCUSDT", "0.002")];
    let (symbol, quantity) = match n % 3 {
        0 => SYMBOLS[0],
        1 => SYMBOLS[1],
        _ => SYMBOLS[2],
    };
    let action = if symbol == "ETHUSDT" { "SHORT" } else { "LONG" };
    format!(
        r#""exchange":"binance","action":"{action}","symbol":"{symbol}","quantity":{quantity},"idempotencyKey":"{run}-{n}""#
    )
}
