//! Decimals to and from text, exactly.

use rust_decimal::Decimal;
use thiserror::Error;

use crate::swar;

/// Why a text is not a decimal that can be kept exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecimalError {
    /// Not a number.
    #[error("not a decimal number")]
    Syntax,
    /// More digits than 96 bits or 28 decimal places hold.
    #[error("needs more digits than can be kept exactly")]
    Precision,
}

/// Reads a decimal from JSON or protocol text: an optional sign, digits, an optional fraction, an
/// optional exponent. Nothing is rounded: what does not fit is an error.
///
/// ```
/// use hoox_connector::{Decimal, parse_decimal};
///
/// assert_eq!(parse_decimal("3.4103e-06"), Ok(Decimal::new(34103, 10)));
/// assert_eq!(parse_decimal("0.10").unwrap().to_string(), "0.10");
/// assert!(parse_decimal("1e400").is_err());
/// ```
///
/// # Errors
/// [`DecimalError::Syntax`] or [`DecimalError::Precision`].
#[inline]
pub fn parse_decimal(text: &str) -> Result<Decimal, DecimalError> {
    match leading(text.as_bytes()) {
        Some((parts, length)) if length == text.len() => Ok(parts.decimal()),
        _ => parse_unusual(text),
    }
}

/// A decimal of 64 bits, for two registers: the finished one is written in four pieces, and would be
/// waited for wherever it is handed on as a whole.
#[derive(Clone, Copy)]
pub(crate) struct Parts {
    mantissa: u64,
    scale_and_sign: u64,
}

impl Parts {
    const NEGATIVE: u64 = 1 << 8;
    /// No decimal: an option would not fit two registers.
    pub(crate) const NONE: Self = Self { mantissa: 0, scale_and_sign: u64::MAX };

    #[inline(always)] // so that the decimal is made where it is kept
    pub(crate) fn some(self) -> Option<Decimal> {
        (self.scale_and_sign != Self::NONE.scale_and_sign).then(|| self.decimal())
    }

    #[inline(always)] // as above
    fn decimal(self) -> Decimal {
        let (low, high) = (self.mantissa as u32, (self.mantissa >> 32) as u32);
        let negative = self.scale_and_sign & Self::NEGATIVE != 0;
        Decimal::from_parts(low, high, 0, negative, self.scale_and_sign as u32 & 0xff)
    }
}

/// The decimal that `bytes` begin with, and its length: a sign at most, digits, a fraction at most.
/// `None` if it is none, or too long for 64 bits.
#[inline(always)] // its two callers are not
pub(crate) fn leading(bytes: &[u8]) -> Option<(Parts, usize)> {
    let unsigned = bytes.strip_prefix(b"-").unwrap_or(bytes);
    let (whole, length) = swar::digits(unsigned);
    let (fraction, places, point) = match unsigned.get(length..)? {
        [b'.', rest @ ..] => {
            let (fraction, places) = swar::digits(rest);
            (fraction, places, 1)
        }
        _ => (0, 0, 0),
    };
    // A point stands between digits.
    if length == 0 || (places == 0 && point == 1) || length + places > swar::DIGITS_MAX {
        return None;
    }
    let mantissa = whole.wrapping_mul(swar::power_of_ten(places)).wrapping_add(fraction);
    let minus = bytes.len() - unsigned.len();
    let scale_and_sign = places as u64 | (minus as u64 * Parts::NEGATIVE);
    Some((Parts { mantissa, scale_and_sign }, minus + length + point + places))
}

/// Appends `value` as plain digits, with the decimal places it has and never an exponent.
///
/// ```
/// use hoox_connector::{Decimal, write_decimal};
///
/// let mut text = String::new();
/// write_decimal(&mut text, Decimal::new(1, 7));
/// assert_eq!(text, "0.0000001");
/// ```
#[inline]
pub fn write_decimal(out: &mut String, value: Decimal) {
    let mantissa = value.mantissa();
    if mantissa < 0 {
        out.push('-');
    }
    let magnitude = mantissa.unsigned_abs();
    let mut buffer = itoa::Buffer::new();
    let digits = match u64::try_from(magnitude) {
        Ok(magnitude) => buffer.format(magnitude),
        Err(_) => buffer.format(magnitude),
    };
    let scale = value.scale() as usize;
    if scale == 0 {
        out.push_str(digits);
    } else if let Some((whole, fraction)) = digits
        .len()
        .checked_sub(scale)
        .filter(|at| *at > 0)
        .and_then(|at| digits.split_at_checked(at))
    {
        out.push_str(whole);
        out.push('.');
        out.push_str(fraction);
    } else {
        const ZEROS: &str = "0.0000000000000000000000000000";
        out.push_str(ZEROS.get(..2 + scale - digits.len()).unwrap_or(ZEROS));
        out.push_str(digits);
    }
}

/// The average price of what was bought for `quote`: as exact as a [`Decimal`] is, without zeros at
/// the end. `None` if nothing was bought, or nothing paid.
///
/// ```
/// use hoox_connector::{Decimal, average_price};
///
/// let (quote, quantity) = ("43.21098000".parse()?, "0.00100000".parse()?);
/// assert_eq!(average_price(quote, quantity), Some(Decimal::new(4321098, 2)));
/// assert_eq!(average_price(quote, Decimal::ZERO), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[inline]
pub fn average_price(quote: Decimal, quantity: Decimal) -> Option<Decimal> {
    if quote.is_zero() {
        return None;
    }
    short_quotient(quote, quantity)
        .or_else(|| quote.checked_div(quantity).map(|price| price.normalize()))
}

/// The product with every digit, without zeros at its end, or nothing if it is too long:
/// `checked_mul` would round it.
///
/// ```
/// use hoox_connector::{Decimal, exact_product};
///
/// let (contracts, size) = (Decimal::from(250), Decimal::new(1, 4));
/// assert_eq!(exact_product(contracts, size), Some(Decimal::new(25, 3)));
/// assert_eq!(exact_product(Decimal::MAX, size), Some(Decimal::MAX * size));
/// assert_eq!(exact_product(Decimal::MAX, contracts), None);
/// ```
#[inline]
pub fn exact_product(a: Decimal, b: Decimal) -> Option<Decimal> {
    let product = |a: Decimal, b: Decimal| {
        let mantissa = a.mantissa().checked_mul(b.mantissa())?;
        Decimal::try_from_i128_with_scale(mantissa, a.scale() + b.scale()).ok()
    };
    // Zeros at the end may be what makes it too long.
    let exact = product(a, b).or_else(|| product(a.normalize(), b.normalize()))?;
    Some(exact.normalize())
}

/// The quotient of positive numbers if 64 bits and eight decimal places hold it, as they do where an
/// order filled at one price: a fifth of the time of the division for all cases.
#[inline]
fn short_quotient(dividend: Decimal, divisor: Decimal) -> Option<Decimal> {
    const PLACES: u32 = 8;
    const POWER: u64 = 10_u64.pow(PLACES);
    let short = |value: Decimal| u64::try_from(value.mantissa()).ok();
    let (a, b) = (short(dividend)?, short(divisor)?);
    let (mut mantissa, rest) = (a.checked_div(b)?, a.checked_rem(b)?);
    let mut scale = dividend.scale().checked_sub(divisor.scale());
    if rest != 0 || scale.is_none() {
        let fraction = rest.checked_mul(POWER)?;
        if fraction.checked_rem(b)? != 0 {
            return None;
        }
        mantissa = mantissa.checked_mul(POWER)?.checked_add(fraction.checked_div(b)?)?;
        scale = (PLACES + dividend.scale()).checked_sub(divisor.scale());
    }
    let mut scale = scale?;
    for zeros in [8, 8, 4, 2, 1] {
        let power = 10_u64.pow(zeros);
        if scale >= zeros && mantissa.is_multiple_of(power) {
            (mantissa, scale) = (mantissa / power, scale - zeros);
        }
    }
    let mantissa = i64::try_from(mantissa).ok()?;
    (scale <= PLACES).then(|| Decimal::new(mantissa, scale))
}

/// A sign in front, an exponent, many digits, or no number.
#[cold]
fn parse_unusual(text: &str) -> Result<Decimal, DecimalError> {
    match text.find(['e', 'E']) {
        None => parse_plain(text),
        Some(at) => {
            let (mantissa, exponent) = text.split_at(at);
            let exponent = exponent.get(1..).unwrap_or("");
            let exponent: i32 = exponent.parse().map_err(|_| DecimalError::Syntax)?;
            scale_by(parse_plain(mantissa)?, exponent)
        }
    }
}

fn parse_plain(text: &str) -> Result<Decimal, DecimalError> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
    // `rust_decimal` would take underscores; JSON and the venues have none.
    if !are_digits(whole) || !are_digits(fraction) {
        return Err(DecimalError::Syntax);
    }
    // What is left to go wrong is the number of digits.
    Decimal::from_str_exact(text).map_err(|_| DecimalError::Precision)
}

fn scale_by(mut value: Decimal, exponent: i32) -> Result<Decimal, DecimalError> {
    if value.is_zero() {
        return Ok(Decimal::ZERO);
    }
    let scale = i64::from(value.scale()) - i64::from(exponent);
    if let Ok(scale @ 0..=28) = u32::try_from(scale) {
        value.set_scale(scale).map_err(|_| DecimalError::Precision)?;
        return Ok(value);
    }
    if !(-28..0).contains(&scale) {
        return Err(DecimalError::Precision);
    }
    let power = 10i128.checked_pow(scale.unsigned_abs() as u32).ok_or(DecimalError::Precision)?;
    let mantissa = value.mantissa().checked_mul(power).ok_or(DecimalError::Precision)?;
    Decimal::try_from_i128_with_scale(mantissa, 0).map_err(|_| DecimalError::Precision)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_are_exact_or_errors() {
        for (text, expected) in [
            ("1e3", "1000"),
            ("1.5E+2", "150"),
            ("12e-1", "1.2"),
            ("0e99999", "0"),
            ("7.9e27", "7900000000000000000000000000"),
        ] {
            assert_eq!(parse_decimal(text).unwrap().to_string(), expected, "{text}");
        }
        for text in ["1e29", "1e-29", "1e400", "8e28", "79228162514264337593543950336"] {
            assert_eq!(parse_decimal(text), Err(DecimalError::Precision), "{text}");
        }
        for text in [
            "", "-", "+-1", ".", ".5", "5.", "1.2.3", "1.e3", "1_000", "NaN", "Infinity", "1e",
            "e5", "0x10", "1 ", "1,0",
        ] {
            assert_eq!(parse_decimal(text), Err(DecimalError::Syntax), "{text}");
        }
    }

    #[test]
    fn too_many_places_are_refused_and_not_rounded() {
        assert!(parse_decimal("0.00000000000000000000000000001").is_err());
        assert!(parse_decimal("0.0000000000000000000000000001").is_ok());
    }

    #[test]
    fn writing_agrees_with_display() {
        for text in [
            "0",
            "1",
            "-1",
            "0.1",
            "0.001",
            "-0.001",
            "10.50",
            "79228162514264337593543950335",
            "0.0000000000000000000000000001",
            "18446744073709551616.5",
            "43210.9",
        ] {
            let value = parse_decimal(text).unwrap();
            let mut written = String::new();
            write_decimal(&mut written, value);
            assert_eq!(written, value.to_string(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn an_average_is_what_the_division_says(
            (a, b) in (1_i64..=i64::MAX, 1_i64..=1_000_000_000_000),
            (price, more) in (1_i64..=9_999_999_999, 0_u32..=8),
            (scale, other) in (0_u32..=28, 0_u32..=28),
        ) {
            let general = |a: Decimal, b| a.checked_div(b).map(|price| price.normalize());
            let (a, b) = (Decimal::new(a, scale), Decimal::new(b, other));
            proptest::prop_assert_eq!(average_price(a, b), general(a, b));
            // One price, as most orders fill.
            if let Some(quote) = Decimal::new(price, more).checked_mul(b) {
                proptest::prop_assert_eq!(average_price(quote, b), general(quote, b).filter(|_| !quote.is_zero()));
            }
        }

        #[test]
        fn any_decimal_is_written_and_read_back_digit_for_digit(
            lo: u32, mid: u32, hi: u32, minus: bool, scale in 0_u32..=28,
        ) {
            for value in [
                Decimal::from_parts(lo, mid, hi, minus, scale),
                Decimal::from_parts(lo, mid, 0, minus, scale),
                Decimal::from_parts(lo, 0, 0, minus, scale),
            ] {
                let mut written = String::new();
                write_decimal(&mut written, value);
                proptest::prop_assert_eq!(&written, &value.to_string());
                let read = parse_decimal(&written).unwrap();
                proptest::prop_assert_eq!((read, read.scale()), (value, value.scale()));
            }
        }

        #[test]
        fn any_text_is_read_as_rust_decimal_reads_it_or_refused(text in "[-+]?[0-9]{0,30}[.]?[0-9]{0,30}") {
            match (parse_decimal(&text), Decimal::from_str_exact(&text)) {
                (Ok(ours), Ok(theirs)) => {
                    proptest::prop_assert_eq!((ours, ours.scale()), (theirs, theirs.scale()));
                }
                (Err(_), Err(_)) => {}
                // A point without digits on both sides is not a number in JSON.
                (Err(error), Ok(_)) => {
                    proptest::prop_assert_eq!(error, DecimalError::Syntax);
                    let digits = text.trim_start_matches(['-', '+']);
                    proptest::prop_assert!(digits.starts_with('.') || digits.ends_with('.'));
                }
                (Ok(ours), Err(theirs)) => proptest::prop_assert!(false, "{ours} {theirs}"),
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}", digits in "[-+]?[0-9.]{1,40}[eE][-+]?[0-9]{0,12}") {
            let _ = parse_decimal(&text);
            if let Ok(value) = parse_decimal(&digits) {
                // What is read has the value that was written.
                let theirs = Decimal::from_scientific(&digits);
                proptest::prop_assert!(theirs.is_err() || theirs == Ok(value), "{digits} {value}");
            }
        }
    }
}
