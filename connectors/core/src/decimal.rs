//! Decimals to and from text, exactly.

use rust_decimal::Decimal;
use thiserror::Error;

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
pub fn parse_decimal(text: &str) -> Result<Decimal, DecimalError> {
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
    let Ok(magnitude) = u64::try_from(mantissa.unsigned_abs()) else {
        out.push_str(&value.to_string());
        return;
    };
    if mantissa < 0 {
        out.push('-');
    }
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(magnitude);
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

fn parse_plain(text: &str) -> Result<Decimal, DecimalError> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    // `rust_decimal` would take underscores and a bare point; JSON and the venues have neither.
    if !digits.starts_with(|c: char| c.is_ascii_digit())
        || !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return Err(DecimalError::Syntax);
    }
    Decimal::from_str_exact(text).map_err(|error| match error {
        rust_decimal::Error::ErrorString(_) => DecimalError::Syntax,
        _ => DecimalError::Precision,
    })
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
        for text in
            ["", "-", ".", ".5", "1_000", "NaN", "Infinity", "1e", "e5", "0x10", "1 ", "1,0"]
        {
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
}
