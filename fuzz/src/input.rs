//! Splitting an input: a few bytes that choose, and the foreign bytes behind them.

use hoox_connector::Decimal;

/// What is left of an input. Whatever is missing reads as zero.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((byte, rest)) => {
                self.0 = rest;
                *byte
            }
            None => 0,
        }
    }

    /// One of `choices`, by the next byte: `0` is the first, as a digit or as a number.
    pub fn choose<T: Copy>(&mut self, choices: &[T]) -> T {
        let index = usize::from(self.byte().wrapping_sub(b'0')) % choices.len();
        choices[index]
    }

    /// The index of a market in [`MARKETS`](crate::MARKETS): `l` is linear, `s` spot.
    pub fn market(&mut self) -> usize {
        usize::from(self.byte() & 1)
    }

    /// A decimal: a byte for the scale, whose high bit shifts the digits up; eight for the digits.
    pub fn decimal(&mut self) -> Decimal {
        let scale = self.byte();
        let digits = u64::from_le_bytes(core::array::from_fn(|_| self.byte()));
        let shift = if scale & 0x80 == 0 { 0 } else { 32 };
        Decimal::from_i128_with_scale(i128::from(digits) << shift, u32::from(scale & 0x7f) % 29)
    }
}

/// Whether `bytes` are one JSON value.
pub fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
}

/// The same JSON object with one more member at its end, of a name no venue has, written with an
/// escape: what a fast reader leaves to the general one. `None` if it is no object.
pub fn with_escaped_member(body: &[u8]) -> Option<Vec<u8>> {
    let members = body.trim_ascii_end().strip_suffix(b"}")?;
    let open = members.trim_ascii();
    if !open.starts_with(b"{") || !is_json(body) {
        return None;
    }
    let comma: &[u8] = if open == b"{" { b"" } else { b"," };
    Some([members, comma, b"\"\\u0068oox\":0}"].concat())
}
