//! The frame of the best levels (`push.depth.full`), read where it lies. `serde_json` keeps numbers
//! exact by way of their raw text, at several times the price of reading them, and this frame is dozens
//! of numbers of which four are wanted: the levels behind the best are not even looked at. What is not
//! as expected is left to `serde_json`, which knows what is wrong with it.

use hoox_connector::stream::{FRAME_MAX, Level};
use hoox_connector::{Symbol, Timestamp, parse_decimal};

use super::Best;
use crate::decode::Moment;

/// The symbol and the best levels, if the text is such a frame and nothing about it is unusual.
#[inline]
pub(super) fn find(text: &str) -> Option<(Symbol, Best)> {
    if text.len() > FRAME_MAX {
        return None;
    }
    let mut scanner = Scanner { text, at: 0 };
    let (mut channel, mut symbol, mut ts, mut best) = (None, None, None, None);
    scanner.object(|scanner, key| match key {
        "channel" => once(&mut channel, scanner.string().filter(|it| *it == "push.depth.full")),
        "symbol" => once(&mut symbol, scanner.string().and_then(|it| Symbol::new(it).ok())),
        "ts" => once(&mut ts, scanner.integer()),
        "data" => once(&mut best, scanner.best()),
        _ => None,
    })?;
    channel?;
    let mut best = best?;
    best.cts = moment(best.cts.0.map(Timestamp::as_millis).or(ts));
    // The end of the frame is the end of the text.
    scanner.rest()?.is_empty().then_some((symbol?, best))
}

fn moment(millis: Option<u64>) -> Moment {
    Moment(millis.filter(|millis| *millis > 0).map(Timestamp::from_millis))
}

/// Sets what must be there and must not be there twice.
#[inline]
fn once<T>(slot: &mut Option<T>, value: Option<T>) -> Option<()> {
    if slot.is_some() {
        return None;
    }
    *slot = Some(value?);
    Some(())
}

/// A place in JSON text without spaces. Every method answers `None` for anything else than it is named
/// for.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    #[inline]
    fn best(&mut self) -> Option<Best> {
        let (mut bids, mut asks, mut version, mut cts) = (None, None, None, None);
        self.object(|scanner, key| match key {
            "bids" => once(&mut bids, scanner.first_level()),
            "asks" => once(&mut asks, scanner.first_level()),
            "version" => once(&mut version, scanner.integer()),
            "cts" => once(&mut cts, scanner.integer()),
            // Other numbers that the frame may have.
            _ => scanner.integer().map(drop),
        })?;
        Some(Best { bids: bids?, asks: asks?, version, cts: moment(cts) })
    }

    /// The first of a list of levels, or that there is none.
    #[inline]
    fn first_level(&mut self) -> Option<Option<Level>> {
        if self.take("[]").is_some() {
            return Some(None);
        }
        self.take("[[")?;
        let price = parse_decimal(self.number()?).ok()?;
        self.take(",")?;
        let contracts = parse_decimal(self.number()?).ok()?;
        // Levels hold numbers only, so that nothing but the end of the list looks like it.
        let rest = self.rest()?;
        self.at += rest.find("]]")? + 2;
        matches!(rest.as_bytes(), [b',' | b']', ..]).then_some(Some((price, contracts)))
    }

    #[inline]
    fn object(&mut self, mut member: impl FnMut(&mut Self, &str) -> Option<()>) -> Option<()> {
        self.take("{")?;
        loop {
            let key = self.string()?;
            self.take(":")?;
            member(self, key)?;
            if self.take(",").is_none() {
                return self.take("}");
            }
        }
    }

    /// A string without escapes.
    #[inline]
    fn string(&mut self) -> Option<&'a str> {
        self.take("\"")?;
        let rest = self.rest()?;
        let end = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\') || byte < b' ')?;
        self.at += end;
        self.take("\"")?;
        rest.get(..end)
    }

    /// The text of a number.
    #[inline]
    fn number(&mut self) -> Option<&'a str> {
        let rest = self.rest()?;
        let number =
            rest.get(..rest.bytes().position(|byte| matches!(byte, b',' | b']' | b'}'))?)?;
        self.at += number.len();
        // What `parse_decimal` takes and JSON does not.
        match number.strip_prefix('-').unwrap_or(number).as_bytes() {
            [b'0', b'0'..=b'9', ..] => None,
            [b'0'..=b'9', ..] => Some(number),
            _ => None,
        }
    }

    #[inline]
    fn integer(&mut self) -> Option<u64> {
        self.number()?.parse().ok()
    }

    #[inline]
    fn take(&mut self, expected: &str) -> Option<()> {
        self.rest()?.starts_with(expected).then(|| self.at += expected.len())
    }

    #[inline]
    fn rest(&self) -> Option<&'a str> {
        self.text.get(self.at..)
    }
}

#[cfg(test)]
mod tests {
    use hoox_connector::Decimal;
    use hoox_connector::stream::read_json;
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Whole<'a> {
        channel: &'a str,
        symbol: Symbol,
        data: Best,
        #[serde(default)]
        ts: Moment,
    }

    fn by_serde(text: &str) -> Option<(Symbol, Best)> {
        let mut whole: Whole<'_> = read_json(text).ok()?;
        whole.data.cts = Moment(whole.data.cts.0.or(whole.ts.0));
        (whole.channel == "push.depth.full").then_some((whole.symbol, whole.data))
    }

    const FRAME: &str = "{\"symbol\":\"PEPE_USDT\",\"data\":{\"cts\":1789327957142,\
        \"asks\":[[3.4103e-06,45,1],[0.0000034104,15,1]],\"bids\":[[3.4102E-6,1e2,1],[3,5,2]],\
        \"begin\":0,\"version\":7},\"channel\":\"push.depth.full\",\"ts\":5}";

    #[test]
    fn the_first_of_each_side_is_found() {
        let (symbol, best) = find(FRAME).unwrap();
        assert_eq!((symbol.as_str(), best.version), ("PEPE_USDT", Some(7)));
        assert_eq!(best.asks, Some((Decimal::new(34_103, 10), Decimal::from(45))));
        assert_eq!(best.bids, Some((Decimal::new(34_102, 10), Decimal::from(100))));
        assert_eq!(find(FRAME), by_serde(FRAME));
        let empty = r#"{"channel":"push.depth.full","data":{"asks":[],"bids":[]},"symbol":"A"}"#;
        assert!(find(empty).is_some_and(|(_, best)| best.asks.is_none()));
    }

    #[test]
    fn what_is_unusual_is_left_to_the_general_reader() {
        for (from, to) in [
            ("depth.full", "depth"),
            ("{\"symbol\"", "{ \"symbol\""),
            ("PEPE", "\\u0050"),
            ("[[3.4103e-06", "[[03.4103e-06"),
            ("[[3.4103e-06", "[[\"3.4103\""),
            (",\"ts\":5", ",\"ts\":5,\"ts\":6"),
            ("\"ts\":5}", "\"ts\":5}}"),
            ("\"ts\":5}", "\"ts\":5"),
        ] {
            let frame = FRAME.replace(from, to);
            assert!(frame != FRAME && find(&frame).is_none(), "{frame}");
        }
    }

    proptest! {
        #[test]
        fn it_reads_what_the_general_reader_reads(
            changes in proptest::collection::vec(
                (any::<prop::sample::Index>(), "[-+0-9.eE,:{}\\[\\]\" \\\\a-z]"), 0..3,
            ),
        ) {
            let mut frame = FRAME.to_owned();
            for (place, text) in changes {
                let place = place.index(frame.len());
                frame.replace_range(place..=place, &text);
            }
            // Behind the best levels it does not look; of what it tells nothing may differ.
            if let (Some(found), Some(read)) = (find(&frame), by_serde(&frame)) {
                prop_assert_eq!(found, read, "{}", frame);
            }
        }
    }
}
