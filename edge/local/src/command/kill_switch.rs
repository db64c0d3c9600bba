//! `hoox kill-switch`: whether anything is traded.

use hoox_router::ConfigSnapshot;
use serde_json::json;

use super::config::Values;
use super::{Place, running, show};
use crate::file_config;
use crate::store::SWITCH;

/// All keys that halt trading.
const HALTING: [&str; 3] = [SWITCH, "global:kill_switch", "global:maintenance_mode"];

/// Show or turn the kill switch.
///
/// While it is on, nothing is opened; closes from inside (`hoox close-all`) go on. In force within
/// a second where `hoox serve` runs, otherwise from its next start on. A server that reads its
/// configuration from a file has this switch besides the file's: either halts it.
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
    let mut values = Values::stored(place)?;
    if let Some(value) = turn {
        values = values.or_created(place)?;
        values.change(&[(SWITCH, Some(value))])?;
    }
    let by: Vec<String> = match running::config_file(&place.data_dir) {
        None => halting(&HALTING, |key| values.get(key)).map(str::to_owned).collect(),
        // Such a server takes only the switch from the database, and everything from the file.
        Some(file) => {
            let in_file = file_config::read(&file)?;
            let own = halting(&[SWITCH], |key| values.get(key)).map(str::to_owned);
            let by_file = halting(&HALTING, |key| in_file.get(key).map(String::as_str));
            own.chain(by_file.map(|key| format!("{key} in {}", file.display()))).collect()
        }
    };
    tell(place, &by)
}

/// The keys that halt, as the server reads them: a value that cannot be read halts too.
fn halting<'k, 'v>(
    keys: &'k [&'k str],
    get: impl Fn(&str) -> Option<&'v str>,
) -> impl Iterator<Item = &'k str> {
    keys.iter().copied().filter(move |key| {
        ConfigSnapshot::parse(|name| (name == *key).then(|| get(key))?).kill_switch
    })
}

fn tell(place: &Place, by: &[String]) -> anyhow::Result<()> {
    if place.json {
        return show::object(&json!({ "engaged": !by.is_empty(), "by": by }));
    }
    match by {
        [] => show::line("off: signals are carried out"),
        by => show::line(&format!("ON: nothing is opened (by {})", by.join(", "))),
    }
}
