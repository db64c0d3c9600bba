//! The rules of a signal's fields (gateway.md §2), and the words for what breaks them.

use std::borrow::Cow;

use hoox_connector::{Decimal, Symbol, Venue, parse_decimal};
use serde_json::value::RawValue;

use crate::raw_signal::{Field, RawSignal};
use crate::{
    Action, OrderType, QuantityUnit, ShortText, Signal, SignalSource, Violation, normalize_symbol,
};

const POSITIVE: &str = "Must be greater than zero.";
const EXCHANGE: &str = "Invalid exchange router. Options: binance, bybit, mexc.";
const ACTION: &str =
    "Invalid action. Options: LONG, SHORT, CLOSE, CLOSE_LONG, CLOSE_SHORT, BUY, SELL.";
const LEVERAGE: &str = "Must be a whole number from 1 to 125.";
/// The highest leverage a signal may ask for; the exchange's own limit comes on top.
const LEVERAGE_MAX: u32 = 125;
/// The longest client key and the longest time text, in characters.
const KEY_MAX: usize = 256;
const TIME_MAX: usize = 64;

/// Checks every field and collects every violation, one per field.
///
/// Without an exchange of its own a signal is for `default`, if there is one.
pub(crate) fn validate(
    raw: &RawSignal<'_>,
    default: Option<Venue>,
) -> Result<Signal, Vec<Violation>> {
    let mut check = Check { raw, violations: raw.unknown_and_repeated() };
    let default = default.filter(|_| raw.get(Field::Exchange).is_none());
    let exchange = match default {
        Some(_) => default,
        None => check.required(Field::Exchange, EXCHANGE, |text| text.parse().ok()),
    };
    let action = check.required(Field::Action, ACTION, Action::from_signal);
    let symbol = check.symbol();
    let quantity = check.positive(Field::Quantity);
    // A closing action flattens whatever is open, so it needs no quantity (trade.md §2).
    if raw.get(Field::Quantity).is_none() && !action.is_some_and(Action::closes) {
        check.violation(Field::Quantity, POSITIVE);
    }
    let price = check.positive(Field::Price);
    let order_type = check
        .optional(Field::OrderType, "Must be MARKET or LIMIT.", |text| match text {
            _ if text.eq_ignore_ascii_case("MARKET") => Some(OrderType::Market),
            _ if text.eq_ignore_ascii_case("LIMIT") => Some(OrderType::Limit),
            _ => None,
        })
        .unwrap_or_default();
    if order_type == OrderType::Limit && raw.get(Field::Price).is_none() {
        check.violation(Field::Price, "Required for LIMIT orders.");
    }
    let quantity_unit = check
        .optional(Field::QuantityUnit, "Must be base, usdt or percent.", |text| match text {
            "base" => Some(QuantityUnit::Base),
            "usdt" => Some(QuantityUnit::Usdt),
            "percent" => Some(QuantityUnit::Percent),
            _ => None,
        })
        .unwrap_or_default();
    if quantity_unit == QuantityUnit::Percent
        && quantity.is_some_and(|percent| percent > Decimal::ONE_HUNDRED)
    {
        check.violation(Field::Quantity, "Must be at most 100 percent.");
    }
    let partial = check.boolean(Field::Partial);
    if partial && !action.is_some_and(Action::closes) {
        check.violation(Field::Partial, "Only for actions that close.");
    }
    if partial && raw.get(Field::Quantity).is_none() {
        check.violation(Field::Quantity, POSITIVE);
    }
    if partial && quantity_unit == QuantityUnit::Usdt {
        check.violation(Field::QuantityUnit, "Must be base or percent for a partial close.");
    }
    let key_issue = "Must be 1 to 256 characters.";
    let idempotency_key = check.optional(Field::IdempotencyKey, key_issue, |text| {
        let key = text.trim();
        (1..=KEY_MAX).contains(&key.chars().count()).then(|| key.into())
    });
    let leverage = check.leverage();
    let take_profit = check.positive(Field::TakeProfit);
    let stop_loss = check.positive(Field::StopLoss);
    let timestamp = check.time();
    let test = check.boolean(Field::Test);

    match (exchange, action, symbol) {
        (Some(exchange), Some(action), Some(symbol)) if check.violations.is_empty() => Ok(Signal {
            exchange,
            exchange_is_default: default.is_some(),
            action,
            symbol,
            quantity,
            quantity_unit,
            leverage,
            order_type,
            price,
            take_profit,
            stop_loss,
            partial,
            idempotency_key,
            timestamp,
            test,
            source: SignalSource::Webhook,
        }),
        _ => Err(check.violations),
    }
}

struct Check<'r, 'a> {
    raw: &'r RawSignal<'a>,
    violations: Vec<Violation>,
}

impl<'a> Check<'_, 'a> {
    fn violation(&mut self, field: Field, issue: &str) {
        if !self.violations.iter().any(|violation| violation.field == field.as_str()) {
            self.violations.push(Violation::new(field.as_str(), issue));
        }
    }

    /// A text that must be there and mean something.
    fn required<T>(
        &mut self,
        field: Field,
        issue: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.raw.get(field).and_then(text).and_then(|text| read(&text));
        if value.is_none() {
            self.violation(field, issue);
        }
        value
    }

    fn optional<T>(
        &mut self,
        field: Field,
        issue: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        self.raw.get(field)?;
        self.required(field, issue, read)
    }

    fn symbol(&mut self) -> Option<Symbol> {
        let Some(text) = self.raw.get(Field::Symbol).and_then(text) else {
            self.violation(Field::Symbol, "Must be 1 to 20 characters.");
            return None;
        };
        match normalize_symbol(&text) {
            Ok(symbol) => Some(symbol),
            Err(error) => {
                self.violation(Field::Symbol, &error.to_string());
                None
            }
        }
    }

    /// A number from its literal text, so that `0.1` stays `0.1`.
    fn number(&mut self, field: Field, issue: &str) -> Option<Decimal> {
        let literal = self.raw.get(field)?.get();
        if literal.starts_with('"') {
            self.violation(field, "Must be a number, not a text.");
            return None;
        }
        match parse_decimal(literal) {
            Ok(number) => Some(number),
            Err(_) => {
                self.violation(field, issue);
                None
            }
        }
    }

    fn positive(&mut self, field: Field) -> Option<Decimal> {
        let number = self.number(field, POSITIVE)?;
        if number <= Decimal::ZERO {
            self.violation(field, POSITIVE);
            return None;
        }
        Some(number)
    }

    fn leverage(&mut self) -> Option<u32> {
        let number = self.number(Field::Leverage, LEVERAGE)?;
        let whole = number.is_integer().then(|| u32::try_from(number).ok()).flatten();
        let leverage = whole.filter(|leverage| (1..=LEVERAGE_MAX).contains(leverage));
        if leverage.is_none() {
            self.violation(Field::Leverage, LEVERAGE);
        }
        leverage
    }

    /// `timestamp`, or else `time`: a number or a text.
    fn time(&mut self) -> Option<ShortText> {
        let mut time = None;
        for field in [Field::Time, Field::Timestamp] {
            let Some(raw) = self.raw.get(field) else { continue };
            let value = match raw.get().starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
                true => Some(Cow::Borrowed(raw.get())),
                false => text(raw),
            };
            match value.as_deref().map(str::trim) {
                Some(text) if (1..=TIME_MAX).contains(&text.chars().count()) => {
                    time = Some(text.into());
                }
                _ => self.violation(field, "Must be a number or a text of 1 to 64 characters."),
            }
        }
        time
    }

    fn boolean(&mut self, field: Field) -> bool {
        match self.raw.get(field).map(RawValue::get) {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => {
                self.violation(field, "Must be true or false.");
                false
            }
        }
    }
}

/// The text of a JSON string, borrowed unless it holds an escape.
pub(crate) fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str(raw.get()).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Signal, Vec<Violation>> {
        RawSignal::parse(body.as_bytes()).unwrap().validate()
    }

    fn issues(body: &str) -> Vec<(String, String)> {
        read(body).unwrap_err().into_iter().map(|v| (v.field, v.issue)).collect()
    }

    fn with(fields: &str) -> String {
        format!(
            r#"{{"apiKey":"k","exchange":"bybit","action":"LONG","symbol":"BTCUSDT","quantity":1{fields}}}"#
        )
    }

    #[test]
    fn every_documented_field_is_read() {
        let signal = read(
            r#"{"apiKey":"k","exchange":"Bybit","action":"long","symbol":"btc-usdt","quantity":0.10,
                "leverage":10,"idempotencyKey":"  my key ","price":65000.5,"orderType":"limit",
                "test":true,"quantityUnit":"usdt","takeProfit":70000,"stopLoss":6e4,"time":"2026-01-01T00:00:00Z"}"#,
        )
        .unwrap();
        assert_eq!(signal.exchange, Venue::Bybit);
        assert_eq!(signal.action, Action::Long);
        assert_eq!(signal.symbol.as_str(), "BTCUSDT");
        assert_eq!(signal.quantity.unwrap().to_string(), "0.10");
        assert_eq!(signal.leverage, Some(10));
        assert_eq!(signal.idempotency_key.as_deref(), Some("my key"));
        assert_eq!(signal.price.unwrap().to_string(), "65000.5");
        assert_eq!(signal.stop_loss.unwrap().to_string(), "60000");
        assert_eq!(signal.timestamp.as_deref(), Some("2026-01-01T00:00:00Z"));
        assert_eq!(signal.order_type, OrderType::Limit);
        assert_eq!(signal.quantity_unit, QuantityUnit::Usdt);
        assert!(signal.test);
        let json = serde_json::to_string(&signal).unwrap();
        assert!(json.contains(r#""quantity":"0.10""#), "{json}");
        assert_eq!(serde_json::from_str::<Signal>(&json).unwrap(), signal);
    }

    #[test]
    fn only_from_inside_a_signal_may_leave_the_exchange_to_the_default() {
        let body = r#"{"action":"CLOSE","symbol":"BTCUSDT"}"#;
        let raw = RawSignal::parse(body.as_bytes()).unwrap();
        assert_eq!(raw.validate().unwrap_err()[0].field, "exchange");
        let signal = raw.validate_inside(Venue::Mexc).unwrap();
        assert_eq!((signal.exchange, signal.exchange_is_default), (Venue::Mexc, true));
        // One that is named wrong is no missing one.
        for named in ["\"kraken\"", "null", "1", "\"\""] {
            let body = format!(r#"{{"exchange":{named},"action":"CLOSE","symbol":"BTCUSDT"}}"#);
            let raw = RawSignal::parse(body.as_bytes()).unwrap();
            assert!(raw.validate_inside(Venue::Mexc).is_err(), "{named}");
        }
        let named = r#"{"exchange":"bybit","action":"CLOSE","symbol":"BTCUSDT"}"#;
        let signal = RawSignal::parse(named.as_bytes()).unwrap().validate_inside(Venue::Mexc);
        let told = signal.map(|it| (it.exchange, it.exchange_is_default));
        assert_eq!(told, Ok((Venue::Bybit, false)));
    }

    #[test]
    fn a_close_needs_no_quantity() {
        for action in ["CLOSE", "close_long", "CLOSE_SHORT"] {
            let body = format!(
                r#"{{"apiKey":"k","exchange":"mexc","action":"{action}","symbol":"BTC_USDT"}}"#
            );
            assert_eq!(read(&body).unwrap().quantity, None, "{action}");
        }
    }

    #[test]
    fn quantities_that_are_not_positive_numbers_are_refused() {
        for quantity in
            ["0", "-1", "0.0", "-0.1", "1e400", "1e-40", "null", "[]", "{}", "true", "0e5"]
        {
            let body = with("").replace("\"quantity\":1", &format!("\"quantity\":{quantity}"));
            assert_eq!(issues(&body), [("quantity".into(), POSITIVE.into())], "{quantity}");
        }
        let body = with("").replace("\"quantity\":1", "\"quantity\":\"1\"");
        assert_eq!(issues(&body), [("quantity".into(), "Must be a number, not a text.".into())]);
        for (literal, exact) in [("1e-3", "0.001"), ("1.5E2", "150"), ("0.30", "0.30")] {
            let body = with("").replace("\"quantity\":1", &format!("\"quantity\":{literal}"));
            assert_eq!(read(&body).unwrap().quantity.unwrap().to_string(), exact);
        }
    }

    #[test]
    fn all_violations_are_collected_one_per_field() {
        let found = issues(
            r#"{"apiKey":"k","exchange":"kraken","action":"HOLD","symbol":"BTC USDT","leverage":126,
                "orderType":"STOP","idempotencyKey":" ","test":1,"quantityUnit":"USD","surprise":1,
                "leverage":3,"timestamp":"","takeProfit":0}"#,
        );
        let fields: Vec<&str> = found.iter().map(|(field, _)| field.as_str()).collect();
        let mut sorted = fields.clone();
        sorted.sort_unstable();
        let mut expected = [
            "surprise",
            "leverage",
            "exchange",
            "action",
            "symbol",
            "quantity",
            "orderType",
            "quantityUnit",
            "idempotencyKey",
            "takeProfit",
            "timestamp",
            "test",
        ];
        expected.sort_unstable();
        assert_eq!(sorted, expected);
        assert!(found.contains(&("exchange".into(), EXCHANGE.into())));
        assert!(found.contains(&("quantity".into(), POSITIVE.into())));
    }

    #[test]
    fn limits_want_a_price_and_markets_may_tell_one() {
        assert_eq!(issues(&with(r#","orderType":"LIMIT""#))[0].0, "price");
        assert!(read(&with(r#","price":5"#)).is_ok());
        assert!(read(&with(r#","orderType":"LIMIT","price":5"#)).is_ok());
    }

    #[test]
    fn leverage_is_a_whole_number_from_1_to_125() {
        for leverage in ["0", "126", "1.5", "-1", "\"10\"", "1e3", "null"] {
            assert_eq!(issues(&with(&format!(",\"leverage\":{leverage}")))[0].0, "leverage");
        }
        for (leverage, value) in [("1", 1), ("125", 125), ("1e1", 10), ("10.0", 10)] {
            let signal = read(&with(&format!(",\"leverage\":{leverage}"))).unwrap();
            assert_eq!(signal.leverage, Some(value));
        }
    }
}
