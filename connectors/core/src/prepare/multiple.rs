//! Multiples of a step, computed in whole units.

use rust_decimal::Decimal;

/// Where a value lies between two multiples of a step, in whole units of 10⁻ˢᶜᵃˡᵉ: exact, where the
/// difference of two decimals may be rounded.
pub(super) struct Multiple {
    /// The multiple at or below the value.
    pub(super) below: i128,
    /// From there to the value.
    pub(super) rest: i128,
    pub(super) step: i128,
    pub(super) scale: u32,
}

impl Multiple {
    /// `None` if the numbers are too long to compare exactly. `step` is greater than zero.
    pub(super) fn of(value: Decimal, step: Decimal) -> Option<Self> {
        let (value, step) = (value.normalize(), step.normalize());
        let scale = value.scale().max(step.scale());
        let units = |it: Decimal| it.mantissa().checked_mul(10_i128.pow(scale - it.scale()));
        let (value, step) = (units(value)?, units(step)?);
        let rest = value.checked_rem(step)?;
        Some(Self { below: value - rest, rest, step, scale })
    }
}

/// The decimal with these digits, without zeros at its end; `None` if it has too many.
pub(super) fn decimal(units: i128, scale: u32) -> Option<Decimal> {
    Decimal::try_from_i128_with_scale(units, scale).ok().map(|it| it.normalize())
}
