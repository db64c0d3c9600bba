use hoox_connector::Decimal;
use thiserror::Error;

/// The decimal places a computed size keeps before it is brought to the step.
const SIZE_PLACES: u32 = 18;

/// Why a size cannot be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SizingError {
    /// Larger than `trade:max_position_size`.
    #[error("Quantity {quantity} is above the maximum position size {cap}.")]
    AboveCap {
        /// The quantity, in the base asset.
        quantity: Decimal,
        /// The cap.
        cap: Decimal,
    },
    /// The exchange told no price to compute with.
    #[error("No market price to compute the size with.")]
    NoPrice,
    /// More digits than can be computed with exactly.
    #[error("The size cannot be computed exactly.")]
    Precision,
}

/// The base quantity of an amount of USDT collateral: `usdt × leverage ÷ price`, rounded down
/// (trade.md §7).
///
/// ```
/// use hoox_router::size_from_usdt;
///
/// let size = size_from_usdt("100".parse()?, 10, "30000".parse()?)?;
/// assert_eq!(size.to_string(), "0.033333333333333333");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`SizingError::NoPrice`] or [`SizingError::Precision`].
pub fn size_from_usdt(
    usdt: Decimal,
    leverage: u32,
    price: Decimal,
) -> Result<Decimal, SizingError> {
    if price <= Decimal::ZERO {
        return Err(SizingError::NoPrice);
    }
    let amount = usdt.checked_mul(Decimal::from(leverage)).ok_or(SizingError::Precision)?;
    let quotient = amount.checked_div(price).ok_or(SizingError::Precision)?;
    let mut size = quotient.trunc_with_scale(SIZE_PLACES);
    // The quotient is itself rounded, perhaps up.
    if size.checked_mul(price).is_some_and(|value| value > amount) {
        size -= Decimal::new(1, SIZE_PLACES);
    }
    Ok(size.normalize())
}

/// So many hundredths of `whole`.
///
/// ```
/// use hoox_router::percent_of;
///
/// assert_eq!(percent_of("0.3".parse()?, "50".parse()?)?.to_string(), "0.15");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`SizingError::Precision`].
pub fn percent_of(whole: Decimal, percent: Decimal) -> Result<Decimal, SizingError> {
    let hundredths = whole.checked_mul(percent).ok_or(SizingError::Precision)?;
    let part = hundredths.checked_div(Decimal::ONE_HUNDRED).ok_or(SizingError::Precision)?;
    Ok(part.normalize())
}

/// Refuses a quantity above the cap, both in the base asset (data.md §3, `trade:max_position_size`).
///
/// ```
/// use hoox_connector::Decimal;
/// use hoox_router::check_cap;
///
/// assert!(check_cap(Decimal::ONE, None).is_ok());
/// assert!(check_cap(Decimal::TEN, Some(Decimal::ONE)).is_err());
/// ```
///
/// # Errors
/// [`SizingError::AboveCap`].
pub fn check_cap(quantity: Decimal, cap: Option<Decimal>) -> Result<(), SizingError> {
    match cap {
        Some(cap) if quantity > cap => Err(SizingError::AboveCap { quantity, cap }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_cap_is_inclusive() {
        assert!(check_cap(Decimal::TEN, Some(Decimal::TEN)).is_ok());
        assert!(check_cap(Decimal::TEN, None).is_ok());
        assert!(check_cap(Decimal::TEN, Some(Decimal::ONE)).is_err());
    }

    #[test]
    fn prices_that_are_none_are_refused() {
        for price in [Decimal::ZERO, Decimal::NEGATIVE_ONE] {
            assert_eq!(size_from_usdt(Decimal::TEN, 1, price), Err(SizingError::NoPrice));
        }
        assert_eq!(size_from_usdt(Decimal::MAX, 2, Decimal::ONE), Err(SizingError::Precision));
    }

    proptest! {
        #[test]
        fn never_more_than_the_amount_buys(
            usdt in 1i64..1_000_000_000, leverage in 1u32..=125, price in 1i64..10_000_000_000,
        ) {
            let (usdt, price) = (Decimal::new(usdt, 2), Decimal::new(price, 5));
            let size = size_from_usdt(usdt, leverage, price).unwrap();
            let amount = usdt * Decimal::from(leverage);
            if let Some(value) = size.checked_mul(price) {
                prop_assert!(value <= amount);
                prop_assert!((size + Decimal::new(1, SIZE_PLACES)).checked_mul(price).is_none_or(|v| v >= amount));
            }
        }
    }
}
