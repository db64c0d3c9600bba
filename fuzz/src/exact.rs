//! Comparisons of decimals in whole numbers, by another way than the code under test takes.

use hoox_connector::Decimal;

/// Whether `value` is a whole multiple of `step`, which is greater than zero.
pub fn is_multiple(value: Decimal, step: Decimal) -> bool {
    let (value, step) = (value.normalize(), step.normalize());
    let (mut rest, mut step_units) = (value.mantissa(), step.mantissa());
    if step.scale() >= value.scale() {
        // 10^n × value, modulo the step, one digit at a time: nothing overflows.
        rest %= step_units;
        for _ in value.scale()..step.scale() {
            rest = rest * 10 % step_units;
        }
        return rest == 0;
    }
    for _ in step.scale()..value.scale() {
        match step_units.checked_mul(10) {
            Some(larger) => step_units = larger,
            // The step is larger than any value.
            None => return rest == 0,
        }
    }
    rest % step_units == 0
}

/// Whether `low` and `high` are less than `step` apart; `None` if the numbers are too long to tell.
pub fn within(low: Decimal, high: Decimal, step: Decimal) -> Option<bool> {
    let values = [low.normalize(), high.normalize(), step.normalize()];
    let scale = values.iter().map(Decimal::scale).max()?;
    let units =
        |value: Decimal| value.mantissa().checked_mul(10_i128.checked_pow(scale - value.scale())?);
    let [low, high, step] = values.map(units);
    Some(high?.checked_sub(low?)? < step?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn multiples_are_told_from_what_is_not() {
        for (value, step, expected) in [
            ("0.3", "0.1", true),
            ("0.35", "0.1", false),
            ("100", "0.001", true),
            ("7", "2.5", false),
            ("7.5", "2.5", true),
            ("0.0000000000000000000000000001", "79228162514264337593543950335", false),
            ("79228162514264337593543950335", "0.0000000000000000000000000003", true),
            ("79228162514264337593543950334", "3", false),
        ] {
            assert_eq!(is_multiple(dec(value), dec(step)), expected, "{value} {step}");
        }
    }

    #[test]
    fn distances_are_exact_or_unknown() {
        assert_eq!(within(dec("1.2"), dec("1.3"), dec("0.1")), Some(false));
        assert_eq!(within(dec("1.2"), dec("1.2999"), dec("0.1")), Some(true));
        let (tiny, huge) = (dec("0.0000000000000000000000000001"), Decimal::MAX);
        assert_eq!(within(tiny, huge, tiny), None);
    }
}
