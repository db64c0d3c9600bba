//! `hoox config`: what is set, and setting it.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};
use hoox_ledger::ledger::{Ledger, LedgerError};
use hoox_router::ConfigKey;
use serde_json::json;

use super::manifest::{compare, target};
use super::show::{self, cell};
use super::{Place, running};
use crate::store::SqliteStore;

/// The longest value that is read from standard input.
const INPUT_MAX: u64 = 64 * 1024;

/// Names this alike are taken for the same, mistyped.
const ALIKE: f64 = 0.8;

/// Show or change the configuration.
///
/// It is kept in the data directory. A change is in force within a second where `hoox serve` runs,
/// and otherwise from its next start on.
#[derive(Debug, clap::Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show every key: its value, its default, and what it is for
    List(ListArgs),
    /// Show the value of a key, or its default
    Get(GetArgs),
    /// Set a key
    Set(SetArgs),
    /// Remove a key's value, so that its default holds
    Unset(UnsetArgs),
    /// Set every key of a file
    ///
    /// The file is a JSON object, or TOML if its name ends in .toml: {"trade:kill_switch": false}.
    /// What it changes is shown; keys that are not in it stay as they are. If anything in it is
    /// wrong, nothing is changed.
    ApplyManifest(ManifestArgs),
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Only the keys that are set
    #[arg(long)]
    set: bool,
    /// Show secrets too
    #[arg(long)]
    reveal: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Args)]
struct GetArgs {
    /// The key, for example trade:max_position_size
    key: String,
    /// Show it even if it is a secret
    #[arg(long)]
    reveal: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Args)]
struct SetArgs {
    /// The key, for example trade:max_position_size
    key: String,
    /// The value; - reads it from standard input, which other users of the machine cannot see
    #[arg(allow_hyphen_values = true)]
    value: String,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Args)]
struct UnsetArgs {
    /// The key
    key: String,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Args)]
struct ManifestArgs {
    /// The file
    file: PathBuf,
    /// Only show what it would change
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    place: Place,
}

pub(crate) fn run(args: &ConfigArgs) -> anyhow::Result<()> {
    match &args.command {
        Command::List(args) => list(args),
        Command::Get(args) => get(args),
        Command::Set(args) => set(args),
        Command::Unset(args) => unset(args),
        Command::ApplyManifest(args) => apply_manifest(args),
    }
}

/// The values of a data directory.
pub(super) struct Values {
    /// Absent while there is no database: then every default holds.
    ledger: Option<Ledger>,
    values: BTreeMap<String, String>,
}

impl Values {
    /// What is set.
    pub(super) fn read(place: &Place) -> anyhow::Result<Self> {
        if let Some(file) = running::config_file(&place.data_dir) {
            bail!("the running server reads its configuration from {}; look there", file.display());
        }
        Self::stored(place)
    }

    /// What is set in the database, whether or not a server takes all of it from there.
    pub(super) fn stored(place: &Place) -> anyhow::Result<Self> {
        let ledger = match Ledger::open(&place.data_dir) {
            Ok(ledger) => Some(ledger),
            Err(LedgerError::Missing(_)) => None,
            Err(error) => return Err(error.into()),
        };
        let values = match &ledger {
            Some(ledger) => ledger.config()?.into_iter().collect(),
            None => BTreeMap::new(),
        };
        Ok(Self { ledger, values })
    }

    /// The same, to change it: creates the database where there is none yet.
    pub(super) fn create(place: &Place) -> anyhow::Result<Self> {
        Self::read(place)?.or_created(place)
    }

    /// The same, to change it: creates the database where there is none yet.
    pub(super) fn or_created(self, place: &Place) -> anyhow::Result<Self> {
        if self.ledger.is_some() {
            return Ok(self);
        }
        drop(SqliteStore::open(&place.data_dir)?);
        Self::stored(place)
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// The value of a key, under whichever of its names it is set.
    fn of(&self, key: &ConfigKey, name: &str) -> Option<&str> {
        let own = target(key, name);
        self.get(&own).or_else(|| self.get(key.alias?))
    }

    pub(super) fn change(&mut self, changes: &[(&str, Option<&str>)]) -> anyhow::Result<()> {
        let ledger = self.ledger.as_ref().context("there is no database")?;
        ledger.change_config(changes)?;
        self.values = ledger.config()?.into_iter().collect();
        Ok(())
    }
}

fn list(args: &ListArgs) -> anyhow::Result<()> {
    let values = Values::read(&args.place)?;
    #[derive(serde::Serialize)]
    struct Row {
        key: String,
        value: Option<String>,
        default: Option<&'static str>,
        allowed: &'static str,
        about: &'static str,
        set: bool,
        read_by_hoox_serve: bool,
    }
    let row = |key: &ConfigKey, name: &str| {
        let value = values.of(key, name);
        Row {
            key: name.to_owned(),
            value: value.map(|value| shown_value(key, value, args.reveal)),
            default: key.default,
            allowed: key.kind.allowed(),
            about: key.about,
            set: value.is_some(),
            read_by_hoox_serve: key.routed,
        }
    };
    let mut rows: Vec<Row> = Vec::new();
    for key in ConfigKey::ALL {
        match key.name.split_once('{') {
            None => rows.push(row(key, key.name)),
            // One row for each symbol that has a route.
            Some((prefix, _)) => {
                let named = values.values.keys().filter(|name| name.starts_with(prefix));
                rows.extend(named.map(|name| row(key, name)));
            }
        }
    }
    rows.retain(|row| row.set || !args.set);
    let header = ["key", "value", "default", "what it is for"];
    let cells = |row: &Row| {
        let value = row.value.as_deref().unwrap_or("");
        vec![cell(&row.key), cell(value), cell(row.default.unwrap_or("")), cell(row.about)]
    };
    show::rows(args.place.json, &rows, &header, cells, "nothing is set: every default holds")
}

fn get(args: &GetArgs) -> anyhow::Result<()> {
    let key = known_key(&args.key)?;
    let values = Values::read(&args.place)?;
    let value = values.of(key, &args.key);
    let shown = value.map(|value| shown_value(key, value, args.reveal));
    if args.place.json {
        return show::object(&json!({
            "key": target(key, &args.key), "value": shown, "default": key.default,
            "set": value.is_some(),
        }));
    }
    show::line(&match (shown, key.default) {
        (Some(shown), _) => show::plain(&shown),
        (None, Some(default)) => default.to_owned(),
        (None, None) => String::new(),
    })
}

fn set(args: &SetArgs) -> anyhow::Result<()> {
    let key = known_key(&args.key)?;
    let given = match args.value.as_str() {
        "-" => {
            let mut text = String::new();
            std::io::stdin().take(INPUT_MAX).read_to_string(&mut text)?;
            text
        }
        value => value.to_owned(),
    };
    let value = key.check(&args.key, &given)?;
    let name = target(key, &args.key);
    let mut values = Values::create(&args.place)?;
    let old = values.of(key, &args.key).map(|old| shown_value(key, old, false));
    // Under one name only, so that what is shown is what holds.
    let alias = key.alias.map(|alias| (alias, None));
    let changes: Vec<_> =
        [(name.as_str(), Some(value.as_str()))].into_iter().chain(alias).collect();
    values.change(&changes)?;
    told(args.place.json, &name, old, Some(shown_value(key, &value, false)))
}

fn unset(args: &UnsetArgs) -> anyhow::Result<()> {
    let key = known_key(&args.key)?;
    let name = target(key, &args.key);
    let mut values = Values::create(&args.place)?;
    let old = values.of(key, &args.key).map(|old| shown_value(key, old, false));
    let alias = key.alias.map(|alias| (alias, None));
    let changes: Vec<_> = [(name.as_str(), None)].into_iter().chain(alias).collect();
    values.change(&changes)?;
    told(args.place.json, &name, old, None)
}

fn told(json: bool, key: &str, old: Option<String>, new: Option<String>) -> anyhow::Result<()> {
    if json {
        return show::object(&json!({ "key": key, "old": old, "value": new }));
    }
    let shown = |value: &Option<String>| show::plain(value.as_deref().unwrap_or("(default)"));
    show::line(&format!("{key}: {} → {}", shown(&old), shown(&new)))
}

fn apply_manifest(args: &ManifestArgs) -> anyhow::Result<()> {
    let mut values = match args.dry_run {
        true => Values::read(&args.place)?,
        false => Values::create(&args.place)?,
    };
    let (changes, same) = compare(&args.file, &values)?;
    if args.place.json {
        let applied = !args.dry_run;
        show::object(&json!({ "applied": applied, "changes": changes, "unchanged": same }))?;
    } else {
        for change in &changes {
            let sign = if change.old.is_some() { '~' } else { '+' };
            let old = change.old.as_deref().map(|old| format!("{old} → ")).unwrap_or_default();
            show::line(&show::plain(&format!("{sign} {} = {old}{}", change.key, change.new)))?;
        }
        let done = if args.dry_run { "would change" } else { "changed" };
        show::line(&format!("{} {done}, {same} as they were", changes.len()))?;
    }
    if args.dry_run {
        return Ok(());
    }
    let mut all: Vec<(&str, Option<&str>)> = Vec::new();
    for change in &changes {
        all.push((&change.key, Some(&change.value)));
        all.extend(ConfigKey::find(&change.key).and_then(|key| key.alias).map(|it| (it, None)));
    }
    values.change(&all)
}

/// A key by its name; if there is none, the one that was probably meant.
pub(crate) fn known_key(name: &str) -> anyhow::Result<&'static ConfigKey> {
    if let Some(key) = ConfigKey::find(name) {
        return Ok(key);
    }
    let names = ConfigKey::ALL.iter().flat_map(|key| [Some(key.name), key.alias]).flatten();
    let alike = names.map(|known| (strsim::jaro_winkler(known, name), known));
    let nearest = alike.max_by(|one, other| one.0.total_cmp(&other.0));
    Err(match nearest.filter(|(alike, _)| *alike >= ALIKE) {
        Some((_, nearest)) => anyhow!("there is no key {name:?}; did you mean {nearest}?"),
        None => anyhow!("there is no key {name:?}; `hoox config list` shows all of them"),
    })
}

/// A value, hidden if it is a secret.
pub(super) fn shown_value(key: &ConfigKey, value: &str, reveal: bool) -> String {
    if key.is_secret() && !reveal { "[hidden]".to_owned() } else { value.to_owned() }
}
