//! The frame of the best bid and ask, read in one pass. What is unusual in any way, errors among it,
//! is left to the reader of the module above.

use hoox_connector::stream::FRAME_MAX;
use hoox_connector::{BookTop, Cursor, Decimal, Members, Symbol, Timestamp};

/// `{"u":…,"s":…,"b":…,"B":…,"a":…,"A":…}` (spot web-socket-streams.md, "Individual Symbol Book Ticker
/// Streams"); linear has `e`, `E` and `T` besides ("Individual Symbol Book Ticker Streams").
#[inline]
pub(super) fn find(text: &str) -> Option<BookTop> {
    if text.len() > FRAME_MAX {
        return None;
    }
    let mut cursor = Cursor::new(text.as_bytes())?;
    let mut it = Ticker::default();
    cursor.open()?;
    cursor.skip_if("e")?;
    it.expect(&mut cursor, "u")?;
    cursor.skip_if("E")?;
    it.expect(&mut cursor, "T")?;
    it.expect(&mut cursor, "s")?;
    it.expect(&mut cursor, "b")?;
    it.expect(&mut cursor, "B")?;
    it.expect(&mut cursor, "a")?;
    it.expect(&mut cursor, "A")?;
    it.rest(&mut cursor)?;
    cursor.end()?;
    // No price and no quantity are written as zero.
    let some = |value: Decimal| (!value.is_zero()).then_some(value);
    Some(BookTop {
        symbol: it.symbol?,
        bid_price: some(it.bid_price?),
        bid_quantity: some(it.bid_quantity?),
        ask_price: some(it.ask_price?),
        ask_quantity: some(it.ask_quantity?),
        update_id: Some(it.update_id?),
        at: it.at.map(Timestamp::from_millis),
    })
}

#[derive(Default)]
struct Ticker {
    update_id: Option<u64>,
    symbol: Option<Symbol>,
    bid_price: Option<Decimal>,
    bid_quantity: Option<Decimal>,
    ask_price: Option<Decimal>,
    ask_quantity: Option<Decimal>,
    at: Option<u64>,
}

impl<'a> Members<'a> for Ticker {
    #[inline(always)] // for the constant names
    fn member(&mut self, cursor: &mut Cursor<'a>, name: &str) -> Option<()> {
        match name {
            "u" => Cursor::keep(&mut self.update_id, cursor.whole()?),
            "s" => Cursor::keep(&mut self.symbol, Symbol::new(cursor.string()?).ok()?),
            "b" => Cursor::keep(&mut self.bid_price, cursor.decimal()?),
            "B" => Cursor::keep(&mut self.bid_quantity, cursor.decimal()?),
            "a" => Cursor::keep(&mut self.ask_price, cursor.decimal()?),
            "A" => Cursor::keep(&mut self.ask_quantity, cursor.decimal()?),
            "T" => Cursor::keep(&mut self.at, cursor.whole()?),
            _ => cursor.skip(),
        }
    }
}

#[cfg(test)]
mod tests {
    use hoox_connector::stream::read_json;
    use proptest::prelude::*;

    use super::super::BookTicker;
    use super::*;

    const SPOT: &str = r#"{"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21","a":"25.36520000","A":"0.00000000"}"#;
    const LINEAR: &str = r#"{"e":"bookTicker","u":7,"E":1568014460893,"T":1568014460891,"s":"BNBUSDT","b":"25.3","B":"31.21","a":"25.4","A":"40.66","st":1,"ps":"BNBUSDT"}"#;

    fn by_serde(text: &str) -> Option<BookTop> {
        read_json::<BookTicker>(text).ok().map(BookTicker::top)
    }

    #[test]
    fn the_frames_as_they_come_are_read() {
        let spot = find(SPOT).unwrap();
        assert_eq!((spot.update_id, spot.at, spot.ask_quantity), (Some(400_900_217), None, None));
        assert_eq!(spot.bid_price, Some(Decimal::new(2_535_190_000, 8)));
        let linear = find(LINEAR).unwrap();
        assert_eq!(linear.at, Some(Timestamp::from_millis(1_568_014_460_891)));
        for (text, from, to, taken) in [
            (SPOT, "", "", true),
            (LINEAR, "", "", true),
            (LINEAR, r#""E":1568014460893,"#, "", true),
            (SPOT, "\"25.35190000\"", "25.35190000", true),
            (SPOT, "{\"u\":400900217,", "{\"new\":[{}],\"u\":400900217,", true),
            (SPOT, "\"31.21\"", "\"\"", false),
            (SPOT, "BNBUSDT", "\\u0042NB", false),
            (SPOT, "\"u\":400900217,", "", false),
            (SPOT, "\"u\":400900217,", "\"u\":1,\"u\":2,", false),
        ] {
            let text = text.replacen(from, to, 1);
            assert_eq!(find(&text).is_some(), taken, "{text}");
            if taken {
                assert_eq!(find(&text), by_serde(&text), "{text}");
            }
        }
    }

    proptest! {
        #[test]
        fn it_reads_what_the_general_reader_reads(
            spot: bool,
            changes in proptest::collection::vec(
                (any::<prop::sample::Index>(), "[-+0-9.eE,:{}\\[\\]\" \\\\a-z]"), 0..3,
            ),
        ) {
            let mut frame = if spot { SPOT } else { LINEAR }.to_owned();
            for (place, text) in changes {
                let place = place.index(frame.len());
                frame.replace_range(place..=place, &text);
            }
            if let Some(found) = find(&frame) {
                prop_assert_eq!(Some(found), by_serde(&frame), "{}", frame);
            }
        }
    }
}
