//! The frame of the best levels (`push.depth.full`), read in one pass. `serde_json` keeps numbers exact
//! by way of their raw text, at several times the price of reading them, and this frame is dozens of
//! numbers of which four are wanted. What is unusual in any way, errors among it, is left to the reader
//! of the module above.

use hoox_connector::stream::{FRAME_MAX, Level};
use hoox_connector::{Cursor, Members, Symbol, Timestamp};

use super::Best;
use crate::decode::Moment;

/// `{"symbol":…,"data":{"cts":…,"asks":[[…]],"bids":[[…]],"version":…},"channel":"push.depth.full","ts":…}`
/// (futures, "Depth full"): the symbol and the best levels.
#[inline]
pub(super) fn find(text: &str) -> Option<(Symbol, Best)> {
    if text.len() > FRAME_MAX {
        return None;
    }
    let mut cursor = Cursor::new(text.as_bytes())?;
    let mut it = Frame::default();
    cursor.open()?;
    it.expect(&mut cursor, "symbol")?;
    it.expect(&mut cursor, "data")?;
    it.expect(&mut cursor, "channel")?;
    it.expect(&mut cursor, "ts")?;
    it.rest(&mut cursor)?;
    cursor.end()?;
    it.channel?;
    let Levels { bids, asks, version, cts } = it.levels?;
    let moment = |millis: &u64| *millis > 0;
    let at = cts.filter(moment).or(it.ts.filter(moment)).map(Timestamp::from_millis);
    Some((it.symbol?, Best { bids: bids?, asks: asks?, version, cts: Moment(at) }))
}

#[derive(Default)]
struct Frame {
    channel: Option<()>,
    symbol: Option<Symbol>,
    ts: Option<u64>,
    levels: Option<Levels>,
}

impl<'a> Members<'a> for Frame {
    #[inline(always)] // for the constant names
    fn member(&mut self, cursor: &mut Cursor<'a>, name: &str) -> Option<()> {
        match name {
            "channel" => {
                let full = cursor.string()? == "push.depth.full";
                Cursor::keep(&mut self.channel, full.then_some(())?)
            }
            "symbol" => Cursor::keep(&mut self.symbol, Symbol::new(cursor.string()?).ok()?),
            "ts" => Cursor::keep(&mut self.ts, cursor.whole()?),
            "data" => Cursor::keep(&mut self.levels, Levels::read(cursor)?),
            _ => cursor.skip(),
        }
    }
}

#[derive(Default)]
struct Levels {
    bids: Option<Option<Level>>,
    asks: Option<Option<Level>>,
    version: Option<u64>,
    cts: Option<u64>,
}

impl Levels {
    #[inline]
    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        let mut it = Self::default();
        cursor.open()?;
        it.expect(cursor, "cts")?;
        it.expect(cursor, "asks")?;
        it.expect(cursor, "bids")?;
        it.expect(cursor, "version")?;
        it.rest(cursor)?;
        Some(it)
    }
}

impl<'a> Members<'a> for Levels {
    #[inline(always)] // for the constant names
    fn member(&mut self, cursor: &mut Cursor<'a>, name: &str) -> Option<()> {
        match name {
            "bids" => Cursor::keep(&mut self.bids, cursor.first_level()?),
            "asks" => Cursor::keep(&mut self.asks, cursor.first_level()?),
            "version" => Cursor::keep(&mut self.version, cursor.whole()?),
            "cts" => Cursor::keep(&mut self.cts, cursor.whole()?),
            _ => cursor.skip(),
        }
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
            ("PEPE", "\\u0050"),
            ("[[3.4103e-06", "[[03.4103e-06"),
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
