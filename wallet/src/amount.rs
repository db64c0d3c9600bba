use alloy_primitives::U256;
use thiserror::Error;

/// The most decimals an asset can have: 10 to this power is the largest that fits 256 bits.
const DECIMALS_MAX: u8 = 77;

/// Why a text is no amount.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AmountError {
    /// It is not a plain decimal number without sign and exponent.
    #[error("an amount is a plain decimal number, without sign or exponent")]
    Form,
    /// It has more decimals than the asset.
    #[error("the amount has {found} decimals, the asset only {allowed}")]
    TooManyDecimals {
        /// The decimals that are written, trailing zeros aside.
        found: usize,
        /// The asset's decimals.
        allowed: u8,
    },
    /// It does not fit 256 bits.
    #[error("the amount does not fit 256 bits")]
    TooLarge,
}

/// Reads an amount in whole coins, such as `0.05`, as the asset's smallest unit. Nothing is rounded.
///
/// # Errors
/// [`AmountError`].
///
/// ```
/// use hoox_wallet::{U256, parse_units};
///
/// assert_eq!(parse_units("1485.50", 6)?, U256::from(1_485_500_000));
/// assert!(parse_units("0.0000001", 6).is_err());
/// # Ok::<(), hoox_wallet::AmountError>(())
/// ```
pub fn parse_units(text: &str, decimals: u8) -> Result<U256, AmountError> {
    let (whole, fraction) = match text.split_once('.') {
        Some((_, "")) => return Err(AmountError::Form),
        Some(parts) => parts,
        None => (text, ""),
    };
    // As U256 reads it, `_` and an empty text would be numbers.
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
        return Err(AmountError::Form);
    }
    let fraction = fraction.trim_end_matches('0');
    let missing = usize::from(decimals)
        .checked_sub(fraction.len())
        .ok_or(AmountError::TooManyDecimals { found: fraction.len(), allowed: decimals })?;
    let whole = whole.trim_start_matches('0');
    if whole.is_empty() && fraction.is_empty() {
        return Ok(U256::ZERO);
    }
    // No number of 256 bits has more digits; longer ones are not even read.
    if whole.len() + fraction.len() + missing > usize::from(DECIMALS_MAX) + 1 {
        return Err(AmountError::TooLarge);
    }
    let digits = format!("{whole}{fraction}{}", "0".repeat(missing));
    U256::from_str_radix(&digits, 10).map_err(|_| AmountError::TooLarge)
}

/// Reads a whole number of smallest units: `0`, or digits that begin with another; no sign, point,
/// exponent or `0x`.
///
/// # Errors
/// [`AmountError::Form`] and [`AmountError::TooLarge`].
pub fn parse_integer(text: &str) -> Result<U256, AmountError> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !plain || (text.len() > 1 && text.starts_with('0')) {
        return Err(AmountError::Form);
    }
    if text.len() > usize::from(DECIMALS_MAX) + 1 {
        return Err(AmountError::TooLarge);
    }
    U256::from_str_radix(text, 10).map_err(|_| AmountError::TooLarge)
}

/// Writes an amount of smallest units in whole coins, without trailing zeros.
///
/// ```
/// use hoox_wallet::{U256, format_units};
///
/// assert_eq!(format_units(U256::from(1_485_500_000), 6), "1485.5");
/// ```
pub fn format_units(amount: U256, decimals: u8) -> String {
    let decimals = usize::from(decimals);
    let digits = format!("{:0>width$}", amount.to_string(), width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        for (text, decimals, units) in [
            ("0", 18, "0"),
            ("0.05", 18, "50000000000000000"),
            ("0.000000000000000001", 18, "1"),
            ("1.50", 1, "15"),
            ("007", 0, "7"),
            ("0.0", 0, "0"),
        ] {
            assert_eq!(parse_units(text, decimals).unwrap().to_string(), units, "{text}");
        }
        let max = U256::MAX.to_string();
        assert_eq!(parse_units(&max, 0).unwrap(), U256::MAX);
        assert_eq!(parse_units(&format_units(U256::MAX, 18), 18).unwrap(), U256::MAX);
        assert_eq!(format_units(U256::from(5), 0), "5");
        assert_eq!(format_units(U256::from(5), 18), "0.000000000000000005");
        assert_eq!(format_units(U256::from(7), 255).len(), 257);
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", ".", "1.", ".5", "-1", "+1", "1e18", "0x10", "1_000", "1,5", "1.2.3", "٣"]
        {
            assert_eq!(parse_units(text, 18), Err(AmountError::Form), "{text}");
        }
        for text in ["", "01", "-1", "1.0", "1e3", "0x1", " 1"] {
            assert_eq!(parse_integer(text), Err(AmountError::Form), "{text}");
        }
        let long = "9".repeat(78);
        assert_eq!(parse_integer(&long), Err(AmountError::TooLarge));
        assert_eq!(parse_units(&long, 0), Err(AmountError::TooLarge));
        assert_eq!(parse_units("1", 78), Err(AmountError::TooLarge));
        assert_eq!(parse_units(&"9".repeat(1_000_000), 0), Err(AmountError::TooLarge));
    }

    #[test]
    fn an_amount_with_too_many_decimals_is_refused_not_rounded() {
        let error = AmountError::TooManyDecimals { found: 7, allowed: 6 };
        assert_eq!(parse_units("0.0000001", 6), Err(error));
        assert_eq!(parse_units("0.1000000000", 1).unwrap(), U256::ONE);
    }
}
