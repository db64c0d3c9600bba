//! `hoox demo`: the main job, from webhook to ledger, against the simulated venue.

mod latency;
mod load;
mod report;
mod scenes;
mod stage;

use std::time::Instant;

use anyhow::bail;

use report::Report;
use stage::Stage;

/// Watch signals become orders: no account, no key, no network.
///
/// Starts the simulated exchange and the server, sends real webhooks over HTTP, good and bad, and
/// shows what became of each. Ends by itself, and succeeds only if everything went as it should.
#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// Write one JSON object instead of tables
    #[arg(long)]
    json: bool,

    /// How many signals the burst sends
    #[arg(long, default_value_t = 2_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1_000..=100_000))]
    burst: u32,

    /// How many connections the burst uses
    #[arg(long, default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    connections: u32,
}

/// Runs the demo.
pub(crate) async fn run(args: DemoArgs) -> anyhow::Result<()> {
    let start = Instant::now();
    let stage = Stage::set().await?;
    let mut report = Report::new(args.json);
    report.intro(&stage);
    scenes::play(&stage, &mut report).await?;
    load::one_by_one(&stage, &mut report).await?;
    load::burst(&stage, &mut report, args.burst, args.connections).await?;
    load::books_agree(&stage, &mut report).await?;
    report.close(start.elapsed());
    let failed = report.failed();
    stage.strike().await?;
    if failed > 0 {
        bail!("{failed} expectations did not hold");
    }
    Ok(())
}
