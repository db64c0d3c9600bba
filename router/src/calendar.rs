//! Moments as text, in UTC.
//!
//! Written here and not taken from a library of calendars: what those know of time zones, spans and
//! languages is 75 kB of a worker, which writes dates and reads the queue's.

use hoox_connector::Timestamp;

/// The last moment whose year has four digits.
const LAST: u64 = 253_402_300_799_999;

/// Milliseconds of a day.
const DAY: u64 = 24 * 60 * 60 * 1_000;

/// Days from 1 March of the year 0, with which leap days end the year, to 1 January 1970.
const DAYS_TO_1970: u64 = 719_468;

/// Days of 400 years, after which the calendar repeats.
const DAYS_OF_ERA: u64 = 146_097;

/// A moment as ISO 8601 has it: `2026-01-31T12:00:00.25Z`. Moments after the year 9999 are its last.
///
/// ```
/// use hoox_connector::Timestamp;
///
/// let at = Timestamp::from_millis(1_700_000_000_250);
/// assert_eq!(hoox_router::iso_8601(at), "2023-11-14T22:13:20.25Z");
/// assert_eq!(hoox_router::utc_date(at), "2023-11-14");
/// ```
pub fn iso_8601(at: Timestamp) -> String {
    let in_day = at.as_millis().min(LAST) % DAY;
    let (seconds, millis) = (in_day / 1_000, in_day % 1_000);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let text = format!("{}T{hour:02}:{minute:02}:{second:02}.{millis:03}", utc_date(at));
    let exact = text.trim_end_matches('0');
    match exact.strip_suffix('.') {
        Some(whole) => format!("{whole}Z"),
        None => format!("{exact}Z"),
    }
}

/// The UTC day of a moment: `2026-01-31`.
pub fn utc_date(at: Timestamp) -> String {
    let (year, month, day) = date(at.as_millis().min(LAST) / DAY);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Reads what [`iso_8601`] writes, and any other spelling with an offset: `2026-01-31 13:00+01:00`.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let mut rest = text;
    let year = number(&mut rest, 4)?;
    one_of(&mut rest, &['-'])?;
    let month = number(&mut rest, 2)?;
    one_of(&mut rest, &['-'])?;
    let day = number(&mut rest, 2)?;
    one_of(&mut rest, &['T', 't', ' '])?;
    let hour = number(&mut rest, 2)?;
    one_of(&mut rest, &[':'])?;
    let minute = number(&mut rest, 2)?;
    let mut second = 0;
    let mut millis = 0;
    if one_of(&mut rest, &[':']).is_some() {
        second = number(&mut rest, 2)?;
        if one_of(&mut rest, &['.', ',']).is_some() {
            millis = thousandths(&mut rest)?;
        }
    }
    let days = days_to(year, month, day)?;
    // A leap second is the last of its minute.
    let fits = hour < 24 && minute < 60 && second <= 60;
    let seconds = fits.then_some(hour * 3_600 + minute * 60 + second.min(59))?;
    let local = days * DAY + seconds * 1_000 + millis;
    let at = match one_of(&mut rest, &['Z', 'z', '+', '-'])? {
        '+' => local.checked_sub(offset(&mut rest)?)?,
        '-' => local.checked_add(offset(&mut rest)?)?,
        _ => local,
    };
    rest.is_empty().then_some(Timestamp::from_millis(at))
}

/// Year, month and day of a day, counted from 1 January 1970 (H. Hinnant, "chrono-compatible low-level
/// date algorithms", `civil_from_days`).
const fn date(days: u64) -> (u64, u64, u64) {
    let days = days + DAYS_TO_1970;
    let (era, in_era) = (days / DAYS_OF_ERA, days % DAYS_OF_ERA);
    let year = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year + year / 4 - year / 100);
    let month = (5 * in_year + 2) / 153;
    let day = in_year - (153 * month + 2) / 5 + 1;
    if month < 10 {
        (era * 400 + year, month + 3, day)
    } else {
        (era * 400 + year + 1, month - 9, day)
    }
}

/// The days from 1 January 1970 to a date; `None` for one before, or one that there is not (the same,
/// `days_from_civil`).
fn days_to(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (year_of_march, month_of_march) =
        if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let in_year = (153 * month_of_march + 2) / 5 + day - 1;
    let of_era = year_of_march % 400;
    let in_era = of_era * 365 + of_era / 4 - of_era / 100 + in_year;
    let days = (year_of_march / 400 * DAYS_OF_ERA + in_era).checked_sub(DAYS_TO_1970)?;
    (date(days) == (year, month, day)).then_some(days)
}

/// Milliseconds of an offset from UTC after its sign: `01:00`, `0100` or `01`.
fn offset(rest: &mut &str) -> Option<u64> {
    let hours = number(rest, 2)?;
    let minutes = match one_of(rest, &[':']) {
        None if rest.is_empty() => 0,
        _ => number(rest, 2)?,
    };
    (hours < 26 && minutes < 60).then_some((hours * 60 + minutes) * 60_000)
}

/// The milliseconds of a fraction of one to nine digits.
fn thousandths(rest: &mut &str) -> Option<u64> {
    let end = rest.find(|it: char| !it.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, behind) = rest.split_at_checked(end)?;
    *rest = behind;
    let padded = (1..=9).contains(&digits.len()).then(|| format!("{digits:0<3}"))?;
    padded.get(..3)?.parse().ok()
}

fn number(rest: &mut &str, digits: usize) -> Option<u64> {
    let (number, behind) = rest.split_at_checked(digits)?;
    *rest = behind;
    let plain = number.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| number.parse().ok()).flatten()
}

fn one_of(rest: &mut &str, wanted: &[char]) -> Option<char> {
    let first = rest.chars().next().filter(|first| wanted.contains(first))?;
    *rest = rest.strip_prefix(first)?;
    Some(first)
}

/// Serde of moments as ISO 8601.
pub(crate) mod text {
    use std::borrow::Cow;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::*;

    pub(crate) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&iso_8601(*at))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        let text = Cow::<'de, str>::deserialize(from)?;
        parse(&text).ok_or_else(|| D::Error::custom("not a moment in ISO 8601"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_no_moment_panics() {
        for millis in [0, 1, 1_700_000_000_000, 1_700_000_000_999, 253_402_207_200_000, LAST] {
            let at = Timestamp::from_millis(millis);
            assert_eq!(parse(&iso_8601(at)), Some(at));
        }
        assert_eq!(utc_date(Timestamp::from_millis(u64::MAX)), "9999-12-31");
        assert_eq!(parse("1969-12-31T23:59:59Z"), None);
        assert_eq!(parse("yesterday"), None);
    }

    #[test]
    fn what_is_no_moment_is_not_read() {
        for text in [
            "",
            "2026-02-29T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:61Z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00.1234567890Z",
            "2026-01-01T00:00:00ZZ",
            "2026-01-01T00:00:00+1",
            "2026-01-01T00:00:00+26:00",
            "2026-01-01T00:00:00+01:",
            "1970-01-01T00:00:00+00:01",
            "+026-01-01T00:00:00Z",
            "２０２６-01-01T00:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    /// What jiff makes of a text.
    fn other(text: &str) -> Option<Timestamp> {
        let at: jiff::Timestamp = text.parse().ok()?;
        u64::try_from(at.as_millisecond()).ok().map(Timestamp::from_millis)
    }

    proptest! {
        #[test]
        fn jiff_writes_the_same(millis in 0..=253_402_207_200_999_u64) {
            let at = jiff::Timestamp::from_millisecond(i64::try_from(millis).unwrap()).unwrap();
            let date = at.to_zoned(jiff::tz::TimeZone::UTC).date().to_string();
            let ours = Timestamp::from_millis(millis);
            prop_assert_eq!((iso_8601(ours), utc_date(ours)), (at.to_string(), date));
        }

        #[test]
        fn jiff_reads_the_same(
            (year, month, day) in (1_969_u64..9_999, 0_u64..14, 0_u64..33),
            time in "[0-2][0-9]:[0-6][0-9](:[0-6][0-9]([.,][0-9]{1,9})?)?",
            between in "[Tt ]",
            zone in "[Zz]|[+-][0-2][0-9](:?[0-5][0-9])?",
        ) {
            let text = format!("{year:04}-{month:02}-{day:02}{between}{time}{zone}");
            prop_assert_eq!(parse(&text), other(&text), "{}", text);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}|[0-9TZ:.+-]{0,40}") {
            let _ = parse(&text);
        }
    }
}
