//! Text eight bytes at a time, in plain 64-bit words: the same on every machine, and in wasm.

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGHS: u64 = ONES << 7;

/// Up to this many digits fit 64 bits, whatever they are.
pub(crate) const DIGITS_MAX: usize = 19;

/// How many bytes come before the next quote.
#[inline]
pub(crate) fn up_to_quote(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    let mut passed = 0;
    while let Some((chunk, behind)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk) ^ (ONES * u64::from(b'"'));
        // The lowest byte that is marked was zero; only bytes above it may be marked wrongly.
        let found = word.wrapping_sub(ONES) & !word & HIGHS;
        if found != 0 {
            return Some(passed + (found.trailing_zeros() / 8) as usize);
        }
        rest = behind;
        passed += 8;
    }
    rest.iter().position(|byte| *byte == b'"').map(|at| passed + at)
}

/// How many bytes come before the next `]]`, if there is no quote before it.
#[inline]
pub(crate) fn up_to_end_of_rows(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    let mut passed = 0;
    while let Some((chunk, behind)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        let ends = equal_to(b']', word);
        let next = (ends >> 8) | (u64::from(behind.first() == Some(&b']')) << 63);
        let quotes = equal_to(b'"', word);
        let found = (ends & next) | quotes;
        if found != 0 {
            let first = found & found.wrapping_neg();
            return (first & quotes == 0).then(|| passed + (found.trailing_zeros() / 8) as usize);
        }
        rest = behind;
        passed += 8;
    }
    let length = rest.windows(2).position(|pair| pair == b"]]")?;
    let quote = rest.iter().take(length).any(|byte| *byte == b'"');
    (!quote).then_some(passed + length)
}

/// The high bit of exactly those bytes of `word` that equal `byte`.
#[inline]
fn equal_to(byte: u8, word: u64) -> u64 {
    let word = word ^ (ONES * u64::from(byte));
    // Nothing is carried from one byte to the next.
    !(((word & !HIGHS) + !HIGHS) | word) & HIGHS
}

/// The number that the digits at the start of `bytes` make, and how many they are. Beyond
/// [`DIGITS_MAX`] of them the number is meaningless.
#[inline]
pub(crate) fn digits(bytes: &[u8]) -> (u64, usize) {
    match bytes.first_chunk::<8>() {
        Some(chunk) => match up_to_eight(u64::from_le_bytes(*chunk)) {
            (value, 8) if bytes.get(8).is_some_and(u8::is_ascii_digit) => more_digits(value, bytes),
            found => found,
        },
        None => few_digits(0, bytes),
    }
}

/// Goes on behind the first eight digits.
fn more_digits(first: u64, bytes: &[u8]) -> (u64, usize) {
    let (mut value, mut count) = (first, 8);
    let (chunks, tail) = bytes.get(8..).unwrap_or_default().as_chunks::<8>();
    for chunk in chunks {
        let (more, length) = up_to_eight(u64::from_le_bytes(*chunk));
        value = value.wrapping_mul(power_of_ten(length)).wrapping_add(more);
        count += length;
        if length < 8 {
            return (value, count);
        }
    }
    let (value, length) = few_digits(value, tail);
    (value, count + length)
}

fn few_digits(mut value: u64, bytes: &[u8]) -> (u64, usize) {
    let mut count = 0;
    for byte in bytes {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        count += 1;
    }
    (value, count)
}

/// Ten to the power of up to 19; of more, zero.
#[inline]
pub(crate) fn power_of_ten(exponent: usize) -> u64 {
    #[allow(clippy::indexing_slicing)] // while compiling
    const POWERS: [u64; DIGITS_MAX + 1] = {
        let mut powers = [1; DIGITS_MAX + 1];
        let mut at = 1;
        while at < powers.len() {
            powers[at] = powers[at - 1] * 10;
            at += 1;
        }
        powers
    };
    POWERS.get(exponent).copied().unwrap_or(0)
}

/// The digits at the start of eight bytes of text, the first the lowest.
#[inline]
fn up_to_eight(word: u64) -> (u64, usize) {
    let values = word ^ (ONES * u64::from(b'0'));
    // Marks every byte above 9. A carry may mark more, but only behind the first.
    let others = (values.wrapping_add(ONES * (0x7f - 9)) | values) & HIGHS;
    let bits = others.trailing_zeros() & !7;
    // Zeros in front take the place of what is none of the number.
    let values = values.checked_shl(64 - bits).unwrap_or(0);
    // Neighbours are joined, then pairs, then the two halves.
    let pairs = (values.wrapping_mul((10 << 8) | 1) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul((100 << 16) | 1) >> 16) & 0x0000_ffff_0000_ffff;
    (fours.wrapping_mul((10_000 << 32) | 1) >> 32, (bits / 8) as usize)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn digits_are_read_as_the_standard_library_reads_them(number: u64, zeros in 0_usize..4, behind in "[^0-9]?.{0,9}") {
            let text = format!("{}{number}", "0".repeat(zeros));
            let length = text.len() + behind.bytes().take_while(u8::is_ascii_digit).count();
            let whole = text + &behind;
            let (value, count) = digits(whole.as_bytes());
            prop_assert_eq!(count, length);
            if count <= DIGITS_MAX {
                prop_assert_eq!(Ok(value), whole[..count].parse());
            }
        }

        #[test]
        fn of_any_bytes_the_digits_in_front_are_found(bytes in proptest::collection::vec(prop_oneof![b'0'..=b'9', any::<u8>()], 0..24)) {
            let front = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
            prop_assert_eq!(digits(&bytes).1, front);
        }

        #[test]
        fn the_first_quote_is_found(bytes in proptest::collection::vec(prop_oneof![Just(b'"'), b'!'..=b'#', any::<u8>()], 0..40)) {
            prop_assert_eq!(up_to_quote(&bytes), bytes.iter().position(|byte| *byte == b'"'));
        }

        #[test]
        fn the_end_of_rows_is_found(bytes in proptest::collection::vec(prop_oneof![9 => Just(b']'), 9 => b'['..=b'^', 1 => b'!'..=b'#', 9 => any::<u8>()], 0..40)) {
            let end = bytes.windows(2).position(|pair| pair == b"]]");
            prop_assert_eq!(up_to_end_of_rows(&bytes), end.filter(|end| !bytes[..*end].contains(&b'"')));
        }
    }

    #[test]
    fn powers_are_those_of_ten() {
        for exponent in 0..=DIGITS_MAX {
            assert_eq!(Some(power_of_ten(exponent)), 10_u64.checked_pow(exponent as u32));
        }
        assert_eq!(power_of_ten(DIGITS_MAX + 1), 0);
        assert_eq!(digits(b"9999999999999999999"), (9_999_999_999_999_999_999, 19));
    }
}
