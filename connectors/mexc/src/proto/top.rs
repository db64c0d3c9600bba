//! The best bid and ask of a frame, read where it lies: no allocation.

use hoox_connector::{BookTop, StreamError};

use super::{AggreBookTicker, some_decimal, symbol};
use crate::events::millis;

/// A frame with a best bid and ask, borrowed from its bytes.
#[derive(Debug, Default, PartialEq)]
pub(super) struct TopFrame<'a> {
    pub(super) channel: &'a str,
    pub(super) symbol: Option<&'a str>,
    pub(super) sent: Option<i64>,
    pub(super) it: Top<'a>,
}

#[derive(Debug, Default, PartialEq)]
pub(super) struct Top<'a> {
    bid_price: &'a str,
    bid_quantity: &'a str,
    ask_price: &'a str,
    ask_quantity: &'a str,
    version: &'a str,
}

impl<'a> From<&'a AggreBookTicker> for Top<'a> {
    fn from(it: &'a AggreBookTicker) -> Self {
        Self {
            bid_price: &it.bid_price,
            bid_quantity: &it.bid_quantity,
            ask_price: &it.ask_price,
            ask_quantity: &it.ask_quantity,
            version: &it.version,
        }
    }
}

impl<'a> TopFrame<'a> {
    /// The frame's content if it is just that: no other body, nothing out of the ordinary. What is
    /// not goes to `prost`, which knows what is wrong with it.
    pub(super) fn find(bytes: &'a [u8]) -> Option<Self> {
        let (mut frame, mut body) = (Self::default(), None);
        let mut fields = Fields(bytes);
        while !fields.0.is_empty() {
            match fields.next()? {
                (1, Value::Bytes(bytes)) => frame.channel = core::str::from_utf8(bytes).ok()?,
                (3, Value::Bytes(bytes)) => {
                    frame.symbol = Some(core::str::from_utf8(bytes).ok()?);
                }
                (6, Value::Number(number)) => frame.sent = Some(number.cast_signed()),
                (315, Value::Bytes(bytes)) if body.is_none() => body = Some(bytes),
                (1 | 3 | 6 | 301.., _) => return None,
                _ => {}
            }
        }
        let mut fields = Fields(body?);
        while !fields.0.is_empty() {
            let (number, value) = fields.next()?;
            let field = match number {
                1 => &mut frame.it.bid_price,
                2 => &mut frame.it.bid_quantity,
                3 => &mut frame.it.ask_price,
                4 => &mut frame.it.ask_quantity,
                5 => &mut frame.it.version,
                _ => continue,
            };
            let Value::Bytes(bytes) = value else { return None };
            *field = core::str::from_utf8(bytes).ok()?;
        }
        Some(frame)
    }

    pub(super) fn book_top(&self) -> Result<BookTop, StreamError> {
        Ok(BookTop {
            symbol: symbol(self.symbol, self.channel)?,
            bid_price: some_decimal("bidPrice", self.it.bid_price)?,
            bid_quantity: some_decimal("bidQuantity", self.it.bid_quantity)?,
            ask_price: some_decimal("askPrice", self.it.ask_price)?,
            ask_quantity: some_decimal("askQuantity", self.it.ask_quantity)?,
            update_id: self.it.version.parse().ok(),
            at: self.sent.and_then(millis),
        })
    }
}

/// The fields of a message one after the other (protobuf "Encoding"): the two kinds that occur here.
struct Fields<'a>(&'a [u8]);

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Fields<'a> {
    /// Field number and value; `None` for what is cut off, or of another kind.
    #[inline]
    fn next(&mut self) -> Option<(u32, Value<'a>)> {
        let key = u32::try_from(self.varint()?).ok()?;
        let value = match key & 7 {
            0 => Value::Number(self.varint()?),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                let (bytes, rest) = self.0.split_at_checked(length)?;
                self.0 = rest;
                Value::Bytes(bytes)
            }
            _ => return None,
        };
        // There is no field 0.
        (key >> 3 != 0).then_some((key >> 3, value))
    }

    #[inline]
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..63).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        // Ten bytes are a negative number: no time.
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;

    use super::super::{Body, Wrapper, read};
    use super::*;

    #[test]
    fn a_field_of_number_0_is_left_to_prost() {
        // A book ticker's empty body, and a field that cannot be.
        let bytes = [0xda, 0x13, 0, 0, 0];
        assert!(TopFrame::find(&bytes[..3]).is_some());
        assert!(TopFrame::find(&bytes).is_none() && Wrapper::decode(&bytes[..]).is_err());
    }

    proptest! {
        #[test]
        fn the_short_way_reads_what_prost_reads(
            channel in "[a-z@]{0,20}", symbol in proptest::option::of("[A-Z]{1,9}"),
            send_time in proptest::option::of(0..i64::MAX), fields in proptest::array::uniform5("[0-9.]{0,12}"),
        ) {
            let [bid_price, bid_quantity, ask_price, ask_quantity, version] = fields;
            let ticker = AggreBookTicker { bid_price, bid_quantity, ask_price, ask_quantity, version };
            let body = Some(Body::AggreBookTicker(ticker.clone()));
            let wrapper = Wrapper { channel, symbol, send_time, body };
            let bytes = wrapper.encode_to_vec();
            let found = TopFrame::find(&bytes).unwrap();
            prop_assert_eq!(found, TopFrame {
                channel: &wrapper.channel,
                symbol: wrapper.symbol.as_deref(),
                sent: wrapper.send_time,
                it: Top::from(&ticker),
            });
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let short = TopFrame::find(&bytes).is_some();
            // What the short way takes, prost takes too.
            prop_assert!(!short || Wrapper::decode(bytes.as_slice()).is_ok());
            let _ = read(&bytes, &mut |_| {});
        }
    }
}
