//! Instrument rules that change under the clients.

use rust_decimal::Decimal;

use super::Engine;
use super::types::Rules;

impl Engine {
    /// Changes the rules of an instrument; what is `None` stays. False for values that are no
    /// rules. Orders already open keep their prices and quantities.
    pub(crate) fn set_rules(&mut self, instrument: usize, rules: &Rules) -> bool {
        let Some(i) = self.instruments.get_mut(instrument) else { return false };
        let given = [rules.tick, rules.step, rules.min_quantity, rules.min_notional];
        if given.iter().flatten().any(|value| *value <= Decimal::ZERO) {
            return false;
        }
        let decimals = |value: Decimal| value.normalize().scale();
        if let Some(tick) = rules.tick {
            i.tick = tick;
            i.price_precision = i.price_precision.max(decimals(tick));
        }
        if let Some(step) = rules.step {
            i.step = step;
            i.quantity_precision = i.quantity_precision.max(decimals(step));
            if !i.market_step.is_zero() {
                i.market_step = step;
            }
        }
        i.min_quantity = rules.min_quantity.unwrap_or(i.min_quantity);
        i.min_notional = rules.min_notional.unwrap_or(i.min_notional);
        if let Some(feed) = self.feeds.get_mut(instrument) {
            feed.retune(i);
        }
        self.touch(instrument);
        true
    }
}
