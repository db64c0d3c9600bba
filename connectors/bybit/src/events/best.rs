//! The frame of the best bid and ask, read in one pass. What is unusual in any way, errors among it,
//! is left to the reader of the module above.

use hoox_connector::stream::{FRAME_MAX, Level};
use hoox_connector::{BookTop, Cursor, Members, Symbol, Timestamp};

/// `{"topic":"orderbook.1.…","type":"snapshot","ts":…,"data":{"s":…,"b":[[…]],"a":[[…]],"u":…},"cts":…}`
/// (v5 websocket/public/orderbook).
#[inline]
pub(super) fn find(text: &str) -> Option<BookTop> {
    if text.len() > FRAME_MAX {
        return None;
    }
    let mut cursor = Cursor::new(text.as_bytes())?;
    let mut it = Frame::default();
    cursor.open()?;
    cursor.skip_if("topic")?;
    it.expect(&mut cursor, "type")?;
    it.expect(&mut cursor, "ts")?;
    it.expect(&mut cursor, "data")?;
    cursor.skip_if("cts")?;
    it.rest(&mut cursor)?;
    cursor.end()?;
    it.snapshot?;
    let Top { symbol, bids, asks, update_id } = it.top?;
    let (bid, ask) = (bids?, asks?);
    Some(BookTop {
        symbol: symbol?,
        bid_price: bid.map(|(price, _)| price),
        bid_quantity: bid.map(|(_, quantity)| quantity),
        ask_price: ask.map(|(price, _)| price),
        ask_quantity: ask.map(|(_, quantity)| quantity),
        update_id: Some(update_id?),
        at: Some(Timestamp::from_millis(it.ts?)),
    })
}

#[derive(Default)]
struct Frame {
    snapshot: Option<()>,
    ts: Option<u64>,
    top: Option<Top>,
}

impl<'a> Members<'a> for Frame {
    #[inline(always)] // for the constant names
    fn member(&mut self, cursor: &mut Cursor<'a>, name: &str) -> Option<()> {
        match name {
            "type" => {
                let snapshot = cursor.string()? == "snapshot";
                Cursor::keep(&mut self.snapshot, snapshot.then_some(())?)
            }
            "ts" => Cursor::keep(&mut self.ts, cursor.whole()?),
            "data" => Cursor::keep(&mut self.top, Top::read(cursor)?),
            _ => cursor.skip(),
        }
    }
}

#[derive(Default)]
struct Top {
    symbol: Option<Symbol>,
    bids: Option<Option<Level>>,
    asks: Option<Option<Level>>,
    update_id: Option<u64>,
}

impl Top {
    #[inline]
    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        let mut it = Self::default();
        cursor.open()?;
        it.expect(cursor, "s")?;
        it.expect(cursor, "b")?;
        it.expect(cursor, "a")?;
        it.expect(cursor, "u")?;
        it.rest(cursor)?;
        Some(it)
    }
}

impl<'a> Members<'a> for Top {
    #[inline(always)] // for the constant names
    fn member(&mut self, cursor: &mut Cursor<'a>, name: &str) -> Option<()> {
        match name {
            "s" => Cursor::keep(&mut self.symbol, Symbol::new(cursor.string()?).ok()?),
            "b" => Cursor::keep(&mut self.bids, cursor.only_level()?),
            "a" => Cursor::keep(&mut self.asks, cursor.only_level()?),
            "u" => Cursor::keep(&mut self.update_id, cursor.whole()?),
            _ => cursor.skip(),
        }
    }
}

#[cfg(test)]
mod tests {
    use hoox_connector::stream::read_json;
    use proptest::prelude::*;

    use super::super::BookFrame;
    use super::*;

    const FRAME: &str = r#"{"topic":"orderbook.1.BTCUSDT","type":"snapshot","ts":1709891679000,"data":{"s":"BTCUSDT","b":[["27450.00","0.500"]],"a":[["27451.00","0.750"]],"u":123456789,"seq":987654321},"cts":1709891678998}"#;

    fn by_serde(text: &str) -> Option<BookTop> {
        read_json::<BookFrame>(text).ok().map(|book| book.top())
    }

    #[test]
    fn the_frame_as_it_comes_is_read() {
        let top = find(FRAME).unwrap();
        assert_eq!(top.update_id, Some(123_456_789));
        assert_eq!(top.at, Some(Timestamp::from_millis(1_709_891_679_000)));
        for (from, to, taken) in [
            ("", "", true),
            (r#"[["27450.00","0.500"]]"#, "[]", true),
            (r#","cts":1709891678998"#, "", true),
            (r#"{"topic""#, r#"{"new":[[]],"topic""#, true),
            (r#","a":[["#, r#","a" : [ ["#, true),
            ("snapshot", "delta", false),
            ("snapshot", r"snap\u0073hot", false),
            (r#""u":123456789,"#, "", false),
            (r#""ts":1709891679000"#, r#""ts":"x""#, false),
            (r#"[["27450.00","0.500"]]"#, r#"[["27450.00"]]"#, false),
            (r#"[["27450.00","0.500"]]"#, r#"[["27450.00","0.500"],["1","1"]]"#, false),
        ] {
            let text = FRAME.replacen(from, to, 1);
            assert_eq!(find(&text).is_some(), taken, "{text}");
            if taken {
                assert_eq!(find(&text), by_serde(&text), "{text}");
            }
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
            if let Some(found) = find(&frame) {
                prop_assert_eq!(Some(found), by_serde(&frame), "{}", frame);
            }
        }
    }
}
