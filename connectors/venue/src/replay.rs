//! Recorded prices, played again.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use rust_decimal::Decimal;
use serde::Deserialize;

/// Most rows a recording may have.
pub const MAX_REPLAY_ROWS: usize = 10_000_000;

/// A recording of prices per symbol.
///
/// The first row is played when the exchange first sees the time, whatever the recording's own
/// times are; after the last one the price stays. A symbol is named as on Binance (`BTCUSDT`) and
/// means the instruments of that name on all venues and markets, `BTC_USDT` included. Symbols
/// without rows move by the seeded walk.
///
/// Read from text with one row per line, either CSV (`time_ms,symbol,price`, with or without that
/// heading) or JSON (`{"time_ms":1700000000000,"symbol":"BTCUSDT","price":"64000.1"}`, the price
/// as a string or a number, read digit for digit). Rows of a symbol must be in the order of time;
/// empty lines and lines that begin with `#` are skipped.
///
/// ```
/// use hoox_venue::Replay;
///
/// let replay = Replay::parse("time_ms,symbol,price\n0,BTCUSDT,64000\n500,BTCUSDT,64010.5\n")?;
/// assert_eq!(replay.len(), 2);
/// # Ok::<(), hoox_venue::BadReplay>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// Times count from the first row of all.
    series: BTreeMap<String, Arc<[(u64, Decimal)]>>,
    rows: usize,
}

/// A recording while it is read.
#[derive(Default)]
struct Reader {
    series: BTreeMap<String, Vec<(u64, Decimal)>>,
    rows: usize,
}

/// Why a text is no recording, with the number of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadReplay {
    /// Counting from one; zero for what concerns the whole text.
    pub line: usize,
    what: &'static str,
}

impl fmt::Display for BadReplay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for BadReplay {}

impl Replay {
    /// Reads a recording.
    ///
    /// # Errors
    /// [`BadReplay`] for a line that is no row, a price that is not above zero, times that run
    /// backwards, more than [`MAX_REPLAY_ROWS`] rows, or none at all.
    pub fn parse(text: &str) -> Result<Self, BadReplay> {
        let mut replay = Reader::default();
        for (n, line) in text.lines().enumerate() {
            let line = line.trim();
            let heading = n == 0 && line.eq_ignore_ascii_case("time_ms,symbol,price");
            if heading || line.is_empty() || line.starts_with('#') {
                continue;
            }
            let bad = |what| BadReplay { line: n + 1, what };
            let row = row(line).ok_or_else(|| bad("not a row of time_ms, symbol and price"))?;
            replay.push(row.0, &row.1, row.2).map_err(bad)?;
        }
        replay.finish()
    }

    /// Builds a recording from rows of time, symbol and price.
    ///
    /// # Errors
    /// As [`Replay::parse`]; lines are the rows, counting from one.
    pub fn from_rows<S: AsRef<str>>(
        rows: impl IntoIterator<Item = (u64, S, Decimal)>,
    ) -> Result<Self, BadReplay> {
        let mut replay = Reader::default();
        for (n, (time_ms, symbol, price)) in rows.into_iter().enumerate() {
            let bad = |what| BadReplay { line: n + 1, what };
            replay.push(time_ms, symbol.as_ref(), price).map_err(bad)?;
        }
        replay.finish()
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Never true: a recording has at least one row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The prices of a symbol with the milliseconds since the recording began.
    pub(crate) fn series(&self, symbol: &str) -> Option<&Arc<[(u64, Decimal)]>> {
        let plain: String = symbol.chars().filter(|c| *c != '_').collect();
        self.series.get(&plain)
    }
}

impl Reader {
    fn push(&mut self, time_ms: u64, symbol: &str, price: Decimal) -> Result<(), &'static str> {
        if price <= Decimal::ZERO {
            return Err("the price is not above zero");
        }
        if self.rows >= MAX_REPLAY_ROWS {
            return Err("too many rows");
        }
        let series = self.series.entry(symbol.replace('_', "")).or_default();
        if series.last().is_some_and(|(before, _)| *before > time_ms) {
            return Err("the time runs backwards");
        }
        series.push((time_ms, price));
        self.rows += 1;
        Ok(())
    }

    fn finish(mut self) -> Result<Replay, BadReplay> {
        let starts = self.series.values().filter_map(|s| s.first());
        let Some(start) = starts.map(|(time, _)| *time).min() else {
            return Err(BadReplay { line: 0, what: "there are no rows" });
        };
        for (time, _) in self.series.values_mut().flatten() {
            *time -= start;
        }
        let series = self.series.into_iter().map(|(symbol, rows)| (symbol, rows.into()));
        Ok(Replay { series: series.collect(), rows: self.rows })
    }
}

fn row(line: &str) -> Option<(u64, String, Decimal)> {
    #[derive(Deserialize)]
    struct Row<'a> {
        time_ms: u64,
        symbol: String,
        #[serde(borrow)]
        price: &'a serde_json::value::RawValue,
    }
    if line.starts_with('{') {
        let row: Row<'_> = serde_json::from_str(line).ok()?;
        return Some((row.time_ms, row.symbol, row.price.get().trim_matches('"').parse().ok()?));
    }
    let mut fields = line.split(',').map(str::trim);
    let (time, symbol, price) = (fields.next()?, fields.next()?, fields.next()?);
    let known = fields.next().is_none() && !symbol.is_empty();
    known.then_some((time.parse().ok()?, symbol.to_owned(), price.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_and_json_read_alike() {
        let csv = Replay::parse("5000,BTCUSDT,64000.10\n5100,ETHUSDT,3100\n").expect("csv");
        let json = Replay::parse(
            "{\"time_ms\":5000,\"symbol\":\"BTC_USDT\",\"price\":\"64000.10\"}\n# later\n\n\
             {\"time_ms\":5100,\"symbol\":\"ETHUSDT\",\"price\":3100}\n",
        );
        assert_eq!(Ok(&csv), json.as_ref());
        let first = csv.series("BTC_USDT").expect("named");
        assert_eq!(first[..], [(0, "64000.10".parse().expect("decimal"))]);
        assert_eq!(csv.series("ETHUSDT").map(|s| s[0].0), Some(100));
    }

    #[test]
    fn bad_lines_are_named() {
        let line = |text: &str| Replay::parse(text).expect_err("refused").line;
        assert_eq!(line("time_ms,symbol,price\n1,BTCUSDT"), 2);
        assert_eq!(line("1,BTCUSDT,0"), 1);
        assert_eq!(line("1,BTCUSDT,-5"), 1);
        assert_eq!(line("2,BTCUSDT,5\n1,BTCUSDT,5"), 2);
        assert_eq!(line("1,BTCUSDT,5,6"), 1);
        assert_eq!(line("{\"time_ms\":1}"), 1);
        assert_eq!(line(""), 0);
    }
}
