//! Tables for people, JSON for programs.

use std::io::{IsTerminal, Write, stdout};

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{Cell, Color, Table};
use hoox_connector::Timestamp;
use hoox_router::iso_8601;
use serde::Serialize;

/// Writes rows: as a table, or each as a line of JSON. Where there are none, people read `nothing`.
pub(super) fn rows<T: Serialize>(
    json: bool,
    rows: &[T],
    header: &[&str],
    cells: impl Fn(&T) -> Vec<Cell>,
    nothing: &str,
) -> anyhow::Result<()> {
    let mut out = stdout().lock();
    if json {
        for row in rows {
            serde_json::to_writer(&mut out, row)?;
            writeln!(out)?;
        }
    } else if rows.is_empty() {
        writeln!(out, "{nothing}")?;
    } else {
        writeln!(out, "{}", table(header, rows.iter().map(cells)))?;
    }
    Ok(())
}

/// A table, as the terminal takes it.
pub(super) fn table(header: &[&str], rows: impl Iterator<Item = Vec<Cell>>) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY);
    table.set_header(header);
    table.add_rows(rows);
    if !colours() {
        table.force_no_tty();
    }
    table
}

/// One JSON object on one line.
pub(super) fn object(value: &impl Serialize) -> anyhow::Result<()> {
    let mut out = stdout().lock();
    serde_json::to_writer(&mut out, value)?;
    writeln!(out)?;
    Ok(())
}

/// A line for people.
pub(super) fn line(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(stdout().lock(), "{text}")?)
}

/// A cell with a text that may have come from outside: without control characters, which a terminal
/// would obey.
pub(super) fn cell(text: impl AsRef<str>) -> Cell {
    Cell::new(plain(text.as_ref()))
}

/// An absent value is an empty cell.
pub(super) fn maybe(text: &Option<String>) -> Cell {
    cell(text.as_deref().unwrap_or(""))
}

/// The text without control characters.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|it| if it.is_control() { '\u{fffd}' } else { it }).collect()
}

/// Where an order or a signal stands, coloured.
pub(super) fn status(text: &str) -> Cell {
    let colour = match text {
        "Filled" | "Partial" => Color::Green,
        "Open" | "Enqueued" | "TRADE_PENDING" => Color::Yellow,
        _ => Color::Red,
    };
    cell(text).fg(colour)
}

/// A number that is a gain or a loss.
pub(super) fn gain(text: &str) -> Cell {
    match text {
        "0" => cell(text),
        _ if text.starts_with('-') => cell(text).fg(Color::Red),
        _ => cell(text).fg(Color::Green),
    }
}

/// A moment in milliseconds: `2026-01-31 12:00:00`, in UTC.
pub(super) fn time(millis: i64) -> String {
    let at = iso_8601(Timestamp::from_millis(u64::try_from(millis).unwrap_or(0)));
    let seconds = at.split(['.', 'Z']).next().unwrap_or(&at);
    seconds.replacen('T', " ", 1)
}

/// Whether standard output is a terminal that may be coloured (<https://no-color.org>).
fn colours() -> bool {
    stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_replaced() {
        assert_eq!(plain("a\u{1b}[2Jb\r\n"), "a\u{fffd}[2Jb\u{fffd}\u{fffd}");
        assert_eq!(time(1_700_000_000_250), "2023-11-14 22:13:20");
    }
}
