//! What the venue tells of its limits, by `exchangeInfo` and in answers over WebSocket (spot
//! rest-api.md, "Exchange information"; web-socket-api.md, "Rate limits").

use core::fmt;
use core::time::Duration;
use std::borrow::Cow;

use arrayvec::ArrayVec;
use hoox_connector::{Cursor, RateUsage};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// There are three; more than four would be news.
pub(crate) type Usages = ArrayVec<RateUsage, 4>;

/// What an answer says of the limits. It says so beside the answer itself, which stands also if this
/// cannot be read.
pub(crate) fn usages(rows: &[u8]) -> Usages {
    usual(rows).unwrap_or_else(|| {
        serde_json::from_slice(rows).map_or_else(|_| Usages::new(), |Rows(usages)| usages)
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RateLimit<'a> {
    #[serde(borrow)]
    rate_limit_type: Cow<'a, str>,
    #[serde(borrow)]
    interval: Cow<'a, str>,
    interval_num: u32,
    limit: u64,
    /// How much of it is used; told in answers over WebSocket only.
    #[serde(default)]
    count: Option<u64>,
}

impl<'a> RateLimit<'a> {
    /// Reads a row as it usually comes.
    pub(crate) fn read(cursor: &mut Cursor<'a>) -> Option<Self> {
        let (mut kind, mut interval, mut interval_num) = (None, None, None);
        let (mut limit, mut count) = (None, None);
        cursor.object(|cursor, name| match name {
            "rateLimitType" => Cursor::keep(&mut kind, cursor.string()?),
            "interval" => Cursor::keep(&mut interval, cursor.string()?),
            "intervalNum" => Cursor::keep(&mut interval_num, cursor.whole()?.try_into().ok()?),
            "limit" => Cursor::keep(&mut limit, cursor.whole()?),
            "count" => Cursor::keep(&mut count, cursor.whole()?),
            _ => cursor.skip(),
        })?;
        Some(Self {
            rate_limit_type: Cow::Borrowed(kind?),
            interval: Cow::Borrowed(interval?),
            interval_num: interval_num?,
            limit: limit?,
            count,
        })
    }

    pub(crate) fn usage(&self) -> Option<RateUsage> {
        let orders = match self.rate_limit_type.as_ref() {
            "ORDERS" => true,
            "REQUEST_WEIGHT" => false,
            _ => return None,
        };
        let seconds = match self.interval.as_ref() {
            "SECOND" => 1,
            "MINUTE" => 60,
            "HOUR" => 3_600,
            "DAY" => 86_400,
            _ => return None,
        };
        let window = Duration::from_secs(seconds) * self.interval_num;
        // More than fits is as good as no limit.
        let whole = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let (limit, used) = (Some(whole(self.limit)), self.count.map(whole));
        Some(RateUsage { orders, window, limit, used })
    }
}

/// The rows as they usually come, in one pass.
pub(crate) fn read(cursor: &mut Cursor<'_>) -> Option<Usages> {
    let mut usages = Usages::new();
    cursor.array(|cursor| {
        keep(&mut usages, &RateLimit::read(cursor)?);
        Some(())
    })?;
    Some(usages)
}

fn usual(rows: &[u8]) -> Option<Usages> {
    let mut cursor = Cursor::new(rows)?;
    let usages = read(&mut cursor)?;
    cursor.end()?;
    Some(usages)
}

fn keep(usages: &mut Usages, row: &RateLimit<'_>) {
    if let Some(usage) = row.usage() {
        let _ = usages.try_push(usage);
    }
}

/// The rows by the general reader.
struct Rows(Usages);

impl<'de> Deserialize<'de> for Rows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Rows;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of limits")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Rows, A::Error> {
                let mut usages = Usages::new();
                while let Some(row) = rows.next_element::<RateLimit<'de>>()? {
                    keep(&mut usages, &row);
                }
                Ok(Rows(usages))
            }
        }
        deserializer.deserialize_seq(List)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: &str = r#"[{"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":50,"count":12},{"rateLimitType":"RAW_REQUESTS","interval":"MINUTE","intervalNum":5,"limit":300,"count":1},{"limit":6000,"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1}]"#;

    fn general(rows: &str) -> Option<Usages> {
        serde_json::from_str(rows).ok().map(|Rows(usages)| usages)
    }

    #[test]
    fn both_readers_read_the_same() {
        let orders = RateUsage {
            orders: true,
            window: Duration::from_secs(10),
            limit: Some(50),
            used: Some(12),
        };
        let weight = RateUsage {
            orders: false,
            window: Duration::from_secs(60),
            limit: Some(6_000),
            used: None,
        };
        let read = usual(ROWS.as_bytes()).expect("rows as they come");
        assert_eq!(read.as_slice(), [orders, weight]);
        for (from, to) in [
            ("", ""),
            ("[", " [ "),
            ("\"limit\":50", "\"limit\":50,\"new\":[{}]"),
            ("\"limit\":50", "\"limit\":5000000000"),
            ("SECOND", "FORTNIGHT"),
        ] {
            let rows = ROWS.replacen(from, to, 1);
            assert!(usual(rows.as_bytes()).is_some(), "{rows}");
            assert_eq!(usual(rows.as_bytes()), general(&rows), "{rows}");
        }
    }

    #[test]
    fn the_unusual_is_for_the_general_reader() {
        for (from, to, read) in [
            ("SECOND", "SECO\\u004eD", true),
            ("\"count\":12", "\"count\":null", true),
            ("\"limit\":50,", "", false),
            ("\"limit\":50", "\"limit\":\"50\"", false),
            ("\"limit\":50", "\"limit\":50,\"limit\":50", false),
            ("}]", "}", false),
        ] {
            let rows = ROWS.replacen(from, to, 1);
            assert!(usual(rows.as_bytes()).is_none(), "{rows}");
            assert_eq!(general(&rows).is_some(), read, "{rows}");
            assert_eq!(usages(rows.as_bytes()).is_empty(), !read, "{rows}");
        }
    }
}
