//! The commands that read and steer what `hoox serve` keeps, whether it runs or not; and the wallet.

pub(crate) mod balances;
pub(crate) mod close_all;
pub(crate) mod config;
pub(crate) mod dead_letters;
pub(crate) mod kill_switch;
pub(crate) mod manifest;
pub(crate) mod rows;
mod running;
mod show;
pub(crate) mod trace;
pub(crate) mod wallet;

use std::path::PathBuf;

use hoox_connector::{Clock, SystemClock, Timestamp, Venue};
use hoox_ledger::ledger::Ledger;
use hoox_router::normalize_symbol;
use jiff::tz::TimeZone;

pub(crate) use running::announce;

/// Which ledger, and how to show it.
#[derive(Debug, clap::Args)]
pub(crate) struct Place {
    /// The data directory
    #[arg(long, default_value = "hoox-data", value_name = "DIRECTORY")]
    data_dir: PathBuf,

    /// Write JSON instead of a table: one object for each row and line; where there is only one
    /// thing to tell, one object
    #[arg(long)]
    json: bool,
}

impl Place {
    fn ledger(&self) -> anyhow::Result<Ledger> {
        Ok(Ledger::open(&self.data_dir)?)
    }
}

fn now() -> Timestamp {
    SystemClock.now()
}

fn parse_venue(text: &str) -> Result<Venue, String> {
    let names = || Venue::ALL.map(Venue::as_str).join(", ");
    text.parse().map_err(|_| format!("no exchange of that name; there are {}", names()))
}

fn parse_symbol(text: &str) -> Result<String, String> {
    normalize_symbol(text).map(|symbol| symbol.to_string()).map_err(|error| error.to_string())
}

/// A moment (`2026-01-31`, `2026-01-31T12:00:00Z`), or how long ago (`36h`, `7d`).
fn parse_since(text: &str) -> Result<Timestamp, String> {
    let day = |text: &str| {
        let date: jiff::civil::Date = text.parse().ok()?;
        Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
    };
    let ago = |text: &str| {
        let span: jiff::Span = text.parse().ok()?;
        let now = i64::try_from(now().as_millis()).ok()?;
        let now = jiff::Timestamp::from_millisecond(now).ok()?.to_zoned(TimeZone::UTC);
        Some(now.checked_sub(span.abs()).ok()?.timestamp())
    };
    let at = text.parse().ok().or_else(|| day(text)).or_else(|| ago(text));
    let millis = at.and_then(|at: jiff::Timestamp| u64::try_from(at.as_millisecond()).ok());
    millis.map(Timestamp::from_millis).ok_or_else(|| {
        "neither a moment (2026-01-31, 2026-01-31T12:00:00Z) nor how long ago (36h, 7d)".into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_spans_are_read() {
        let at = |text| parse_since(text).map(Timestamp::as_millis);
        assert_eq!(at("1970-01-02"), Ok(86_400_000));
        assert_eq!(at("1970-01-01T01:00:00+01:00"), Ok(0));
        for (text, seconds) in [("36h", 129_600), ("7d", 604_800), ("1w", 604_800), ("90m", 5_400)]
        {
            let ago = now().as_millis() - at(text).unwrap();
            assert!((seconds * 1_000..seconds * 1_000 + 5_000).contains(&ago), "{text}: {ago}");
        }
        for text in ["", "yesterday", "2026-13-01", "7", "1969-01-01"] {
            assert!(at(text).is_err(), "{text}");
        }
    }
}
