//! Decimals from text and back, against arithmetic on the digits themselves.

#![no_main]

use hoox_connector::{Decimal, DecimalError, parse_decimal, write_decimal};
use hoox_fuzz::input::Input;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    round_trip(Input(data).decimal());
    if let [a, b, c, d, e, f, g, h, i, j, k, l, scale, ..] = *data {
        let part = u32::from_le_bytes;
        let (lo, mid, hi) = (part([a, b, c, d]), part([e, f, g, h]), part([i, j, k, l]));
        round_trip(Decimal::from_parts(lo, mid, hi, scale >= 128, u32::from(scale % 29)));
    }
    let Ok(text) = core::str::from_utf8(data) else { return };
    match (parse_decimal(text), Written::of(text)) {
        (Ok(value), Some(written)) => {
            assert_eq!(
                Some(written.canonical()),
                Written::of(&value.to_string()).map(|it| it.canonical())
            );
            round_trip(value);
        }
        (Ok(value), None) => panic!("{text:?} is no number, yet it is {value}"),
        (Err(DecimalError::Precision), Some(written)) => {
            let plain = !text.contains(['e', 'E']);
            let short = written.places <= 28 && written.significant() <= 28;
            assert!(!(plain && short), "{text:?} would fit");
        }
        (Err(DecimalError::Syntax), Some(written)) => {
            assert!(written.exponent.is_none(), "{text:?} is a number");
        }
        (Err(_), _) => {}
    }
});

fn round_trip(value: Decimal) {
    let mut text = String::new();
    write_decimal(&mut text, value);
    assert_eq!(text, value.to_string());
    let read = parse_decimal(&text);
    assert_eq!(read.map(|read| (read, read.scale())), Ok((value, value.scale())));
}

/// A number as it is written: a sign, digits, and where the point stands.
struct Written {
    negative: bool,
    digits: String,
    places: usize,
    /// Absent if it is beyond all reason.
    exponent: Option<i32>,
}

impl Written {
    /// Sign, digits, an optional fraction, an optional exponent; nothing else.
    fn of(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(['+', '-']).unwrap_or(text);
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent)),
            None => (rest, None),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (mantissa, None),
        };
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let unsigned = |text: &str| digits(text.strip_prefix(['+', '-']).unwrap_or(text));
        let valid = digits(whole) && fraction.is_none_or(digits) && exponent.is_none_or(unsigned);
        let fraction = fraction.unwrap_or("");
        valid.then(|| Self {
            negative: text.starts_with('-'),
            digits: format!("{whole}{fraction}"),
            places: fraction.len(),
            exponent: exponent.map_or(Some(0), |exponent| exponent.parse().ok()),
        })
    }

    fn significant(&self) -> usize {
        self.digits.trim_start_matches('0').len()
    }

    /// Sign, digits without zeros at either end, and the power of ten they are multiplied by.
    fn canonical(&self) -> (bool, String, i64) {
        let trimmed = self.digits.trim_end_matches('0');
        let zeros = (self.digits.len() - trimmed.len()) as i64;
        let digits = trimmed.trim_start_matches('0');
        if digits.is_empty() {
            return (false, String::new(), 0);
        }
        let power = i64::from(self.exponent.unwrap_or(0)) - self.places as i64 + zeros;
        (self.negative, digits.to_owned(), power)
    }
}
