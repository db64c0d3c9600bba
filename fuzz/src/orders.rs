//! Instruments, and orders prepared by them: whatever rules a venue states, no order breaks them, and
//! none is larger or worse than asked for.

use hoox_connector::{
    Attached, ClientOrderId, Decimal, ExchangeProvider, Headers, Instrument, Instruments, LotRule,
    Market, NewOrder, Operation, OperationKind, OrderEntry, OrderKind, PositionMode, PreparedOrder,
    Reply, RequestBuf, Side, Size, Symbol, TimeInForce, Timestamp, Trigger, TriggerKind, Venue,
};

use crate::exact::{is_multiple, within};
use crate::input::{Input, is_json};

/// The present, for requests.
const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// The bytes that choose the order, before the instruments' JSON.
const ORDER_BYTES: usize = 48;

/// An input in its parts: an order, and the instruments it is for.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The index of the market in [`MARKETS`](crate::MARKETS).
    pub market: usize,
    order: Input<'a>,
    body: &'a [u8],
}

impl<'a> Case<'a> {
    /// Splits an input.
    pub fn new(data: &'a [u8]) -> Self {
        let (order, body) = data.split_at_checked(ORDER_BYTES).unwrap_or((data, &[]));
        let mut order = Input(order);
        Self { market: order.market(), order, body }
    }

    /// The instruments, if they can be read.
    pub fn instruments(&self, provider: &impl ExchangeProvider) -> Option<Instruments> {
        let body = &mut self.body.to_vec();
        match provider.decode(&OperationKind::Instruments.into(), 200, Headers::none(), body) {
            Ok(Reply::Instruments(instruments)) => Some(instruments),
            Ok(other) => panic!("asked for instruments, got {other:?}"),
            Err(_) => None,
        }
    }

    /// Prepares the order for one of the instruments, and writes it; also as a frame, where there is
    /// an `entry`.
    pub fn run(
        &self,
        instruments: &Instruments,
        provider: &impl ExchangeProvider,
        entry: Option<&dyn OrderEntry>,
    ) {
        let mut order = self.order;
        let index = usize::from(order.byte());
        let Some(instrument) = instruments.iter().nth(index % instruments.len().max(1)) else {
            return;
        };
        let (order, reference) = new_order(instrument, &mut order);
        let Ok(prepared) = instrument.prepare(&order, reference) else { return };
        check_prepared(instrument, &order, reference, &prepared);
        let (op, buf) = (Operation::Place(&prepared), &mut RequestBuf::new());
        if let Ok(request) = provider.encode(&op, NOW, buf) {
            check_url(request.path());
            check_url(request.query());
            check_body(request.body());
            for (name, value) in request.headers() {
                let fine = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
                assert!(value.bytes().all(fine), "header {name} holds {value:?}");
            }
        }
        let Some(entry) = entry else { return };
        for logged_on in [true, false] {
            if entry.encode_frame(&op, NOW, 7, logged_on, buf).is_ok() {
                let frame = buf.request().body();
                assert!(frame.starts_with('{') && is_json(frame.as_bytes()), "no JSON: {frame}");
            }
        }
    }
}

/// Reads rules and an order, and prepares the order by them.
pub fn prepare(data: &[u8]) {
    let mut input = Input(data);
    let Ok(symbol) = Symbol::new("BTCUSDT") else { return };
    let mut it = Instrument::new(Venue::Binance, Market::Spot, symbol);
    let stated = u16::from_le_bytes([input.byte(), input.byte()]);
    let [tick, low, high, step, min, max, market_step, market_max, notional, quote, contract] =
        core::array::from_fn(|index| {
            let value = input.decimal();
            (stated >> index & 1 != 0 && !value.is_zero()).then_some(value)
        });
    (it.tick_size, it.min_price, it.max_price) = (tick, low, high);
    it.lot = LotRule { min, max, step };
    it.market_lot = LotRule { min: None, max: market_max, step: market_step };
    it.notional.min = notional;
    it.notional.market_exempt_from_min = stated & 0x1000 != 0;
    it.notional.reduce_only_exempt = stated & 0x2000 != 0;
    (it.quote_step, it.contract_size) = (quote, contract);
    let (order, reference) = new_order(&it, &mut input);
    if let Ok(prepared) = it.prepare(&order, reference) {
        check_prepared(&it, &order, reference, &prepared);
    }
}

fn check_prepared(
    instrument: &Instrument,
    order: &NewOrder,
    reference: Option<Decimal>,
    prepared: &PreparedOrder,
) {
    check_order(instrument, order, prepared);
    if instrument.contract_size.is_none() {
        let again = instrument.prepare(prepared.order(), reference);
        assert_eq!(again.as_ref(), Ok(prepared), "what is prepared is prepared again");
    }
}

fn new_order(instrument: &Instrument, from: &mut Input<'_>) -> (NewOrder, Option<Decimal>) {
    let flags = from.byte();
    let kind = from.byte();
    let [quantity, price, trigger, reference] = core::array::from_fn(|_| from.decimal());
    let time_in_force = match flags >> 4 & 3 {
        0 => TimeInForce::GoodTillCancel,
        1 => TimeInForce::ImmediateOrCancel,
        2 => TimeInForce::FillOrKill,
        _ => TimeInForce::PostOnly,
    };
    let wake = Trigger {
        kind: if flags & 8 == 0 { TriggerKind::Stop } else { TriggerKind::TakeProfit },
        price: trigger,
    };
    let kind = match kind % 6 {
        0 => OrderKind::Limit { quantity, price, time_in_force },
        1 => OrderKind::Market { size: Size::Base(quantity) },
        2 => OrderKind::Market { size: Size::Quote(quantity) },
        3 => OrderKind::TriggerMarket { quantity, trigger: wake },
        4 => OrderKind::TriggerLimit { quantity, trigger: wake, price, time_in_force },
        _ => OrderKind::TrailingStop {
            quantity,
            callback_rate: price,
            activate_price: (flags & 8 == 0).then_some(trigger),
        },
    };
    let side = if flags & 1 == 0 { Side::Buy } else { Side::Sell };
    let mut order = NewOrder::new(instrument.symbol, side, kind);
    order.client_order_id = ClientOrderId::portable("fuzz-1").ok();
    order.reduce_only = flags & 2 != 0;
    order.position_mode = (flags & 4 != 0).then_some(PositionMode::Hedge);
    if flags & 0x40 != 0 {
        order.attached = Attached { take_profit: Some(trigger), stop_loss: Some(price) };
    }
    (order, (flags & 0x80 != 0).then_some(reference))
}

fn check_order(instrument: &Instrument, order: &NewOrder, prepared: &PreparedOrder) {
    let (asked, got) = (&order.kind, &prepared.order().kind);
    assert_eq!(core::mem::discriminant(asked), core::mem::discriminant(got));
    if let Some(asked) = asked.quantity() {
        let quantity = prepared.quantity();
        let quantity = quantity.unwrap_or_else(|| panic!("no exact quantity: {prepared:?}"));
        check_quantity(instrument, got.is_market(), asked, quantity);
        // Contracts come in steps too, or, where the venue states none, in any size.
        let contracts = instrument.contract_size.and(got.quantity());
        assert!(contracts.is_none_or(|contracts| contracts > Decimal::ZERO), "{got:?}");
        let min = instrument.notional.min;
        if let (Some(price), Some(min), false) = (prepared.price(), min, order.reduce_only) {
            let value = quantity.checked_mul(price);
            assert!(value.is_some_and(|value| value >= min), "{quantity} × {price} is below {min}");
        }
    }
    if let (OrderKind::Market { size: Size::Quote(asked) }, OrderKind::Market { size }) =
        (asked, got)
    {
        let Size::Quote(amount) = size else { panic!("an amount became {size:?}") };
        assert!(*amount > Decimal::ZERO && amount <= asked, "{asked} became {amount}");
        check_step(*amount, instrument.quote_step);
    }
    let prices = |order: &NewOrder| {
        let (trigger, activation) = match order.kind {
            OrderKind::TriggerMarket { trigger, .. } | OrderKind::TriggerLimit { trigger, .. } => {
                (Some(trigger.price), None)
            }
            OrderKind::TrailingStop { activate_price, .. } => (None, activate_price),
            _ => (None, None),
        };
        let Attached { take_profit, stop_loss } = order.attached;
        [order.kind.price(), trigger, activation, take_profit, stop_loss]
    };
    for pair in prices(order).into_iter().zip(prices(prepared.order())) {
        match pair {
            (Some(asked), Some(got)) => check_price(instrument, order.side, asked, got),
            (None, None) => {}
            other => panic!("a price came or went: {other:?}"),
        }
    }
}

fn check_quantity(instrument: &Instrument, market: bool, asked: Decimal, got: Decimal) {
    assert!(got > Decimal::ZERO && got <= asked, "{asked} became {got}");
    check_lot(&instrument.lot, got);
    if market {
        check_lot(&instrument.market_lot, got);
    } else if let Some(step) = instrument.lot.step.filter(|step| *step > Decimal::ZERO) {
        assert_ne!(within(got, asked, step), Some(false), "{asked} lost a step of {step}: {got}");
    }
}

fn check_lot(rule: &LotRule, got: Decimal) {
    check_step(got, rule.step);
    assert!(rule.min.is_none_or(|min| got >= min), "{got} is below {rule:?}");
    let max = rule.max.filter(|max| *max > Decimal::ZERO);
    assert!(max.is_none_or(|max| got <= max), "{got} is above {rule:?}");
}

fn check_step(got: Decimal, step: Option<Decimal>) {
    if let Some(step) = step.filter(|step| *step > Decimal::ZERO) {
        assert!(is_multiple(got, step), "{got} is no multiple of {step}");
    }
}

fn check_price(instrument: &Instrument, side: Side, asked: Decimal, got: Decimal) {
    let (low, high) = match side {
        Side::Buy => (got, asked),
        Side::Sell => (asked, got),
    };
    assert!(low <= high && got > Decimal::ZERO, "{side} at {asked} became {got}");
    match instrument.tick_size.filter(|tick| *tick > Decimal::ZERO) {
        Some(tick) => {
            assert!(is_multiple(got, tick), "{got} is no multiple of {tick}");
            assert_ne!(within(low, high, tick), Some(false), "{asked} moved a tick: {got}");
        }
        None => assert_eq!(asked, got),
    }
    assert!(instrument.min_price.is_none_or(|min| got >= min), "{got} is too low");
    let max = instrument.max_price.filter(|max| *max > Decimal::ZERO);
    assert!(max.is_none_or(|max| got <= max), "{got} is too high");
}

/// Nothing in a URL or a form that could end it or break a line.
fn check_url(text: &str) {
    let fine = |byte: u8| byte.is_ascii_graphic() && !b"\"#<>\\^`{|}".contains(&byte);
    assert!(text.bytes().all(fine), "not encoded: {text:?}");
}

fn check_body(body: &str) {
    match body.as_bytes().first() {
        Some(b'{' | b'[') => assert!(is_json(body.as_bytes()), "no JSON: {body}"),
        _ => check_url(body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(asked: &NewOrder, got: &NewOrder) -> bool {
        let mut it = Instrument::new(Venue::Binance, Market::Spot, asked.symbol);
        it.tick_size = Some(Decimal::new(1, 1));
        it.lot = LotRule {
            min: Some(Decimal::new(1, 2)),
            max: Some(Decimal::TEN),
            step: Some(Decimal::new(1, 2)),
        };
        let written = PreparedOrder::as_written(got).unwrap();
        std::panic::catch_unwind(|| check_order(&it, asked, &written)).is_err()
    }

    #[test]
    fn orders_that_break_a_promise_are_noticed() {
        let symbol = Symbol::new("BTCUSDT").unwrap();
        let order = |side, quantity: &str, price: &str| {
            NewOrder::limit(symbol, side, quantity.parse().unwrap(), price.parse().unwrap())
        };
        let asked = order(Side::Buy, "0.129", "100.17");
        assert!(!broken(&asked, &order(Side::Buy, "0.12", "100.1")));
        for (quantity, price) in [
            ("0.13", "100.1"),
            ("0.125", "100.1"),
            ("0.11", "100.1"),
            ("0.12", "100.2"),
            ("0.12", "100.15"),
            ("0.12", "100"),
        ] {
            assert!(broken(&asked, &order(Side::Buy, quantity, price)), "{quantity} {price}");
        }
        let sale = order(Side::Sell, "0.129", "100.17");
        assert!(!broken(&sale, &order(Side::Sell, "0.12", "100.2")));
        assert!(broken(&sale, &order(Side::Sell, "0.12", "100.1")));
        let large = order(Side::Buy, "11", "100.1");
        assert!(broken(&large, &large));
    }
}
