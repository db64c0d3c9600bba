//! Between smallest units in 256 bits and decimals, always to the careful side.

use alloy_primitives::{U256, U512};
use hoox_connector::Decimal;
use hoox_wallet::{format_units, parse_units};

/// The most decimals of a token that can be traded: more do not fit a [`Decimal`].
pub(crate) const DECIMALS_MAX: u8 = 28;

/// An amount of smallest units in whole coins. Digits beyond what a decimal holds are cut off, so that
/// it is never more; none if the whole coins alone do not fit.
pub(crate) fn to_decimal(amount: U256, decimals: u8) -> Option<Decimal> {
    let text = format_units(amount, decimals);
    let mut text = text.as_str();
    loop {
        match Decimal::from_str_exact(text) {
            Ok(value) => return Some(value.normalize()),
            Err(_) => {
                let point = text.find('.')?;
                text = text.get(..text.len() - 1)?;
                text = if text.len() <= point + 1 { text.get(..point)? } else { text };
            }
        }
    }
}

/// A number of whole coins in smallest units; none if it has more decimals than the token.
pub(crate) fn to_units(value: Decimal, decimals: u8) -> Option<U256> {
    parse_units(&value.to_string(), decimals).ok()
}

/// The value of `quantity` at `price`, both sides in smallest units, with what is below one unit cut
/// off or, with `up`, counted as one. None if it does not fit 256 bits.
pub(crate) fn value(
    (quantity, base_decimals): (U256, u8),
    price: Decimal,
    quote_decimals: u8,
    up: bool,
) -> Option<U256> {
    let ten = U512::from(10);
    let mantissa = u128::try_from(price.mantissa()).ok()?;
    let value = U512::from(quantity)
        .checked_mul(U512::from(mantissa))?
        .checked_mul(ten.checked_pow(U512::from(quote_decimals))?)?;
    let unit = ten.checked_pow(U512::from(u32::from(base_decimals) + price.scale()))?;
    let (whole, rest) = value.div_rem(unit);
    let whole = if up && !rest.is_zero() { whole.checked_add(U512::from(1))? } else { whole };
    U256::checked_from_limbs_slice(whole.as_limbs())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dec(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn what_a_decimal_cannot_hold_is_cut_off() {
        assert_eq!(to_decimal(U256::from(1_500_000), 6), Some(dec("1.5")));
        assert_eq!(to_decimal(U256::ZERO, 18), Some(Decimal::ZERO));
        let long: U256 = "123456789012123456789012345678".parse().unwrap();
        assert_eq!(to_decimal(long, 18), Some(dec("123456789012.12345678901234567")));
        // As many digits in front of the point as there are at all.
        let whole: U256 = "79228162514264337593543950335999".parse().unwrap();
        assert_eq!(to_decimal(whole, 3), Some(Decimal::MAX));
        assert_eq!(to_decimal(U256::MAX, 18), None);
    }

    #[test]
    fn what_a_token_cannot_hold_is_refused() {
        assert_eq!(to_units(dec("1.5"), 6), Some(U256::from(1_500_000)));
        assert_eq!(to_units(dec("1.50"), 1), Some(U256::from(15)));
        assert_eq!(to_units(dec("1.55"), 1), None);
        assert_eq!(to_units(dec("-1"), 1), None);
    }

    #[test]
    fn values_are_cut_off_or_counted_up() {
        // 1.5 tokens of 18 decimals at 2,000.0000011 in units of a millionth.
        let quantity = to_units(dec("1.5"), 18).unwrap();
        let at = |up| value((quantity, 18), dec("2000.0000011"), 6, up).unwrap();
        assert_eq!(at(false), U256::from(3_000_000_001_u64));
        assert_eq!(at(true), U256::from(3_000_000_002_u64));
        assert_eq!(value((U256::MAX, 0), Decimal::MAX, 28, false), None);
    }

    proptest! {
        #[test]
        fn a_decimal_comes_back_as_it_was(mantissa in 0_i64..i64::MAX, scale in 0_u32..18) {
            let value = Decimal::new(mantissa, scale);
            let units = to_units(value, 18).unwrap();
            prop_assert_eq!(to_decimal(units, 18), Some(value.normalize()));
        }

        #[test]
        fn the_two_roundings_differ_by_one_unit_at_most(
            quantity in 1_u64.., price in 1_i64.., scale in 0_u32..19,
        ) {
            let price = Decimal::new(price, scale);
            let at = |up| value((U256::from(quantity), 12), price, 6, up).unwrap();
            prop_assert!(at(true) - at(false) <= U256::from(1));
            let exact = U512::from(quantity) * U512::from(price.mantissa().unsigned_abs())
                * U512::from(1_000_000);
            let unit = U512::from(10).pow(U512::from(12 + scale));
            prop_assert!(U512::from(at(false)) * unit <= exact);
            prop_assert!(U512::from(at(true)) * unit >= exact);
        }
    }
}
