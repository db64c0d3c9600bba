//! Moments as text, in UTC.

use hoox_connector::Timestamp;

/// A moment as ISO 8601 has it: `2026-01-31T12:00:00.250Z`.
///
/// ```
/// use hoox_connector::Timestamp;
///
/// let at = Timestamp::from_millis(1_700_000_000_250);
/// assert_eq!(hoox_router::iso_8601(at), "2023-11-14T22:13:20.25Z");
/// assert_eq!(hoox_router::utc_date(at), "2023-11-14");
/// ```
pub fn iso_8601(at: Timestamp) -> String {
    instant(at).to_string()
}

/// The UTC day of a moment: `2026-01-31`.
pub fn utc_date(at: Timestamp) -> String {
    instant(at).to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
}

/// Reads what [`iso_8601`] writes, and any other spelling with an offset.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let instant: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(instant.as_millisecond()).ok().map(Timestamp::from_millis)
}

fn instant(at: Timestamp) -> jiff::Timestamp {
    let millis = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX)
}

/// Serde of moments as ISO 8601.
pub(crate) mod text {
    use std::borrow::Cow;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::*;

    pub(crate) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&instant(*at))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        let text = Cow::<'de, str>::deserialize(from)?;
        parse(&text).ok_or_else(|| D::Error::custom("not a moment in ISO 8601"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_no_moment_panics() {
        for millis in [0, 1, 1_700_000_000_000, 1_700_000_000_999, 253_402_207_200_000] {
            let at = Timestamp::from_millis(millis);
            assert_eq!(parse(&iso_8601(at)), Some(at));
        }
        assert!(utc_date(Timestamp::from_millis(u64::MAX)).starts_with("9999"));
        assert_eq!(parse("1969-12-31T23:59:59Z"), None);
        assert_eq!(parse("yesterday"), None);
    }
}
