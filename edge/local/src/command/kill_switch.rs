//! `hoox kill-switch`: whether anything is traded.

use hoox_router::ConfigSnapshot;
use serde_json::json;

use super::config::Values;
use super::{Place, show};

/// The switch this command turns.
const SWITCH: &str = "trade:kill_switch";

/// All keys that halt trading.
const HALTING: [&str; 3] = [SWITCH, "global:kill_switch", "global:maintenance_mode"];

/// Show or turn the kill switch.
///
/// While it is on, nothing is opened; closes from inside (`hoox close-all`) go on. In force within
/// a second where `hoox serve` runs, otherwise from its next start on.
#[derive(Debug, clap::Args)]
pub(crate) struct KillSwitchArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Tell whether trading is halted, and by which key
    Show(Place),
    /// Halt trading
    On(Place),
    /// Trade again
    Off(Place),
}

pub(crate) fn run(args: &KillSwitchArgs) -> anyhow::Result<()> {
    let (place, turn) = match &args.command {
        Command::Show(place) => (place, None),
        Command::On(place) => (place, Some("true")),
        Command::Off(place) => (place, Some("false")),
    };
    let mut values = match turn {
        None => Values::read(place)?,
        Some(_) => Values::create(place)?,
    };
    if let Some(value) = turn {
        values.change(&[(SWITCH, Some(value))])?;
    }
    // As the server reads it: a value that cannot be read halts too.
    let halts = |key: &&str| {
        let snapshot = ConfigSnapshot::parse(|name| (name == *key).then(|| values.get(key))?);
        snapshot.kill_switch
    };
    let by: Vec<&str> = HALTING.into_iter().filter(|key| halts(key)).collect();
    if place.json {
        return show::object(&json!({ "engaged": !by.is_empty(), "by": by }));
    }
    match by.as_slice() {
        [] => show::line("off: signals are carried out"),
        by => show::line(&format!("ON: nothing is opened (by {})", by.join(", "))),
    }
}
