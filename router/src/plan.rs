//! From a signal to the exact orders it comes to (trade.md §3, §4, §6, §7).

use core::time::Duration;

use arrayvec::ArrayVec;
use hoox_connector::{
    Clock, Decimal, Error, Instrument, Market, NewOrder, OrderKind, Position, PositionMode,
    PositionSide, Size, TimeInForce,
};

use crate::carry::{Job, leg_bit};
use crate::growth::Growth;
use crate::sizing::{SizingError, check_cap, size_from_usdt};
use crate::{
    ActionError, Choice, ChoiceReason, ConfigSnapshot, ConfigStore, ErrorCode, Exchange, Exchanges,
    Failure, FlipGuard, IdempotencyKey, Intent, Leg, OrderType, QuantityUnit, Queue, RouteError,
    Router, Signal, SignalStore, WrittenOrder, choose, client_order_id, closing_legs, entry_leg,
    percent_of,
};

/// How old a price may be that only checks an order's value; the exchange checks it again.
const CHECK_PRICE_AGE: Duration = Duration::from_secs(60);

/// What a signal comes to.
pub(crate) struct Plan<'r, D> {
    pub(crate) desk: &'r D,
    pub(crate) choice: Choice,
    /// The orders, with their numbers.
    pub(crate) intents: ArrayVec<(u8, Intent), 2>,
}

impl<S, K, E, C, Q> Router<S, K, E, C, Q>
where
    S: SignalStore,
    K: ConfigStore,
    E: Exchanges,
    C: Clock,
    Q: Queue,
{
    /// The exchange a signal goes to, whether or not it is well.
    pub(crate) async fn route(
        &self,
        job: &Job<'_>,
        config: &ConfigSnapshot,
    ) -> Result<Choice, Failure> {
        if let Some(venue) = job.pinned {
            return Ok(Choice::new(venue, ChoiceReason::Position));
        }
        let signal = job.signal;
        let now = self.clock.monotonic();
        let symbol_override = self.gate.config.symbol_override(config, signal.symbol, now).await;
        let symbol_override = symbol_override.map_err(|_| Failure::halted())?;
        let requested = (!signal.exchange_is_default).then_some(signal.exchange);
        Ok(choose(config, symbol_override, requested)?)
    }

    /// Everything between the choice of an exchange and the intent. Whatever fails here, nothing was
    /// ordered.
    pub(crate) async fn plan(
        &self,
        job: &Job<'_>,
        choice: Choice,
        config: &ConfigSnapshot,
    ) -> Result<Plan<'_, E::Desk>, Failure> {
        let signal = job.signal;
        let desk = self
            .exchanges
            .desk(choice.venue, signal.test)
            .ok_or_else(|| RouteError::no_desk(choice.venue, signal.test))?;
        check_abilities(signal, desk)?;
        let instrument = desk.instrument(signal.symbol).await.map_err(no_order(desk))?;
        let instrument = instrument.ok_or_else(|| {
            Failure::new(ErrorCode::Validation, format!("{} does not trade here.", signal.symbol))
        })?;
        let intents = match signal.action.closes() {
            true => self.plan_close(job, config, desk, &instrument).await?,
            false => self.plan_entry(job, config, desk, &instrument).await?,
        };
        Ok(Plan { desk, choice, intents })
    }

    async fn plan_close(
        &self,
        job: &Job<'_>,
        config: &ConfigSnapshot,
        desk: &E::Desk,
        instrument: &Instrument,
    ) -> Result<ArrayVec<(u8, Intent), 2>, Failure> {
        let signal = job.signal;
        let held = self.held(desk, config, signal).await?;
        let mode = mode(desk, config, &held);
        let legs = closing_legs(signal.action, &held)?;
        if signal.partial && legs.len() > 1 {
            let message = "Both sides are open; close a part with CLOSE_LONG or CLOSE_SHORT.";
            return Err(Failure::new(ErrorCode::Validation, message));
        }
        let mut intents = ArrayVec::new();
        for leg in legs {
            let number = closing_number(leg.position);
            if job.wanted.is_some_and(|wanted| wanted & leg_bit(number) == 0) {
                continue;
            }
            let mut quantity = closing_quantity(signal, leg.exposure.unwrap_or_default())?;
            if desk.market() == Market::Spot {
                // Of what was bought, fees may have taken a part.
                let held = desk.balance(instrument.base).await.map_err(no_order(desk))?;
                let available = held.map_or(Decimal::ZERO, |balance| balance.available);
                quantity = quantity.min(available);
            }
            let order = Draft { signal, config, leg, mode, quantity, leverage: None };
            let price = check_price(desk, instrument, signal, true).await;
            intents.push((number, order.write(desk, instrument, price, (job.key, number))?));
        }
        match intents.is_empty() {
            true => Err(ActionError::NoOpenPosition.into()),
            false => Ok(intents),
        }
    }

    async fn plan_entry(
        &self,
        job: &Job<'_>,
        config: &ConfigSnapshot,
        desk: &E::Desk,
        instrument: &Instrument,
    ) -> Result<ArrayVec<(u8, Intent), 2>, Failure> {
        let signal = job.signal;
        let leverage = signal.leverage.unwrap_or(config.default_leverage);
        instrument.check_leverage(leverage)?;
        let held = match self.settings.flip_guard {
            _ if config.allow_flip || desk.market() == Market::Spot => Vec::new(),
            FlipGuard::Exchange => self.held(desk, config, signal).await?,
            FlipGuard::Ledger => self.ledger(desk, config, signal).await?,
        };
        let mode = mode(desk, config, &held);
        let leg = entry_leg(signal.action, &held, mode, config.allow_flip)?;
        let mut max_notional = None;
        if leverage > 1 && desk.market() != Market::Spot {
            // MEXC keeps a leverage for each side, in one-way mode too.
            let position = Some(leg.position);
            max_notional = desk
                .set_up(signal.symbol, config.margin_mode, leverage, position)
                .await
                .map_err(no_order(desk))?;
        }
        let (quantity, price) = size(desk, instrument, signal, leverage).await?;
        check_cap(quantity, config.max_position_size)?;
        let price = match price {
            Some(price) => Some(price),
            None => check_price(desk, instrument, signal, false).await,
        };
        let order = Draft { signal, config, leg, mode, quantity, leverage: Some(leverage) };
        let intent = order.write(desk, instrument, price, (job.key, 0))?;
        if let Some(max_notional) = max_notional {
            let held = match config.allow_flip {
                true => self.ledger(desk, config, signal).await?,
                false => held,
            };
            let growth = Growth { leg, mode, max_notional, limit: signal.limit_price() };
            growth.check(desk, &intent, &held, price).await?;
        }
        let mut intents = ArrayVec::new();
        intents.push((0, intent));
        Ok(intents)
    }

    /// What the exchange says is open; only if it does not answer, what our ledger says. A spot
    /// market knows no positions: there the ledger tells what was bought.
    async fn held(
        &self,
        desk: &E::Desk,
        config: &ConfigSnapshot,
        signal: &Signal,
    ) -> Result<Vec<Position>, Failure> {
        if desk.market() == Market::Spot {
            return self.ledger(desk, config, signal).await;
        }
        match desk.positions(Some(signal.symbol)).await {
            Ok(positions) => Ok(positions),
            Err(error) => match self.ledger(desk, config, signal).await {
                Ok(held) if !held.is_empty() && signal.action.closes() => Ok(held),
                _ => Err(no_order(desk)(error)),
            },
        }
    }

    async fn ledger(
        &self,
        desk: &E::Desk,
        config: &ConfigSnapshot,
        signal: &Signal,
    ) -> Result<Vec<Position>, Failure> {
        let held = self
            .store
            .holdings(desk.venue(), signal.symbol, signal.test)
            .await
            .map_err(|_| Failure::store_unavailable())?;
        let position = |held: &crate::Holding| {
            let mut position = Position::new(signal.symbol, Some(held.side), held.size);
            position.hedge = mode(desk, config, &[]) == PositionMode::Hedge;
            position
        };
        Ok(held.iter().map(position).collect())
    }
}

/// An order before the rules of its instrument.
struct Draft<'a> {
    signal: &'a Signal,
    config: &'a ConfigSnapshot,
    leg: Leg,
    mode: PositionMode,
    quantity: Decimal,
    leverage: Option<u32>,
}

impl Draft<'_> {
    fn write<D: Exchange>(
        &self,
        desk: &D,
        instrument: &Instrument,
        reference_price: Option<Decimal>,
        (key, index): (&IdempotencyKey, u8),
    ) -> Result<Intent, Failure> {
        let Self { signal, config, leg, mode, quantity, leverage } = *self;
        let internal = || Failure::new(ErrorCode::Internal, "The order cannot be written down.");
        let client_order_id = client_order_id(key, index).map_err(|_| internal())?;
        let kind = match signal.limit_price() {
            Some(price) => {
                let time_in_force = TimeInForce::GoodTillCancel;
                OrderKind::Limit { quantity, price, time_in_force }
            }
            None => OrderKind::Market { size: Size::Base(quantity) },
        };
        let mut order =
            NewOrder::new(signal.symbol, leg.side, kind).client_order_id(client_order_id);
        if desk.market() != Market::Spot {
            order.reduce_only = leg.reduce_only;
            order.position_side = (mode == PositionMode::Hedge).then_some(leg.position);
            order.position_mode = Some(mode);
            order.margin_mode = Some(config.margin_mode);
            order.leverage = leverage;
        }
        if !leg.reduce_only {
            order.attached.take_profit = signal.take_profit;
            order.attached.stop_loss = signal.stop_loss;
        }
        let prepared = instrument.prepare(&order, reference_price)?;
        Ok(Intent {
            venue: desk.venue(),
            market: desk.market(),
            symbol: signal.symbol,
            client_order_id,
            order: WrittenOrder::new(prepared.order()).ok_or_else(internal)?,
            base_quantity: prepared.quantity(),
            written_at: desk.venue_now(),
        })
    }
}

/// The number of the order that closes a position: the same whenever the close is planned again.
const fn closing_number(position: PositionSide) -> u8 {
    match position {
        PositionSide::Long => 0,
        PositionSide::Short => 1,
    }
}

/// How much of an open position a closing signal closes: all of it, or the part it names.
fn closing_quantity(signal: &Signal, exposure: Decimal) -> Result<Decimal, Failure> {
    let Some(part) = signal.quantity.filter(|_| signal.partial) else { return Ok(exposure) };
    let part = match signal.quantity_unit {
        QuantityUnit::Percent => percent_of(exposure, part)?,
        _ => part,
    };
    match part <= exposure {
        true => Ok(part),
        false => {
            let message = format!("Quantity {part} is above the open position of {exposure}.");
            Err(Failure::new(ErrorCode::Validation, message))
        }
    }
}

/// The quantity in the base asset, and the price it was computed with, if it was.
async fn size<D: Exchange>(
    desk: &D,
    instrument: &Instrument,
    signal: &Signal,
    leverage: u32,
) -> Result<(Decimal, Option<Decimal>), Failure> {
    let quantity = signal.quantity.ok_or_else(|| {
        Failure::violations(vec![crate::Violation::new("quantity", "Must be greater than zero.")])
    })?;
    let collateral = match signal.quantity_unit {
        QuantityUnit::Base => return Ok((quantity, None)),
        QuantityUnit::Usdt => quantity,
        QuantityUnit::Percent => {
            let balance = desk.balance(instrument.quote).await.map_err(no_order(desk))?;
            percent_of(balance.map_or(Decimal::ZERO, |balance| balance.available), quantity)?
        }
    };
    let price = match signal.limit_price() {
        Some(price) => price,
        None => desk
            .price(signal.symbol, Duration::ZERO)
            .await
            .map_err(no_order(desk))?
            .ok_or(SizingError::NoPrice)?,
    };
    // Spot has no leverage to multiply collateral by.
    let leverage = if desk.market() == Market::Spot { 1 } else { leverage };
    Ok((size_from_usdt(collateral, leverage, price)?, Some(price)))
}

/// The price a market order's value is checked at, where the instrument bounds values at all.
/// Without one the check is left to the exchange.
async fn check_price<D: Exchange>(
    desk: &D,
    instrument: &Instrument,
    signal: &Signal,
    reduce_only: bool,
) -> Option<Decimal> {
    let rule = &instrument.notional;
    let min = rule.min.is_some()
        && !rule.market_exempt_from_min
        && !(reduce_only && rule.reduce_only_exempt);
    let max = rule.max.is_some() && !rule.market_exempt_from_max;
    if signal.order_type == OrderType::Limit || !(min || max) {
        return None;
    }
    desk.price(signal.symbol, CHECK_PRICE_AGE).await.ok().flatten()
}

fn check_abilities<D: Exchange>(signal: &Signal, desk: &D) -> Result<(), Failure> {
    let invalid = |message: String| Err(Failure::new(ErrorCode::Validation, message));
    let short = matches!(signal.action, crate::Action::Short | crate::Action::CloseShort);
    if desk.market() == Market::Spot && short {
        return invalid(format!("{} needs a futures market.", signal.action));
    }
    let attached = signal.take_profit.is_some() || signal.stop_loss.is_some();
    if attached && !signal.action.closes() && !desk.capabilities().attached {
        return invalid(format!(
            "{} attaches no take-profit or stop-loss to an order.",
            desk.venue()
        ));
    }
    Ok(())
}

/// The account's position mode: what the exchange tells with a position, else what is configured. An
/// account that is configured wrong is closed all the same.
fn mode<D: Exchange>(desk: &D, config: &ConfigSnapshot, held: &[Position]) -> PositionMode {
    if held.iter().any(|position| position.hedge) {
        return PositionMode::Hedge;
    }
    match config.hedged.contains(&desk.venue()) && held.is_empty() {
        true => PositionMode::Hedge,
        false => desk.position_mode(),
    }
}

/// An error before the order: whatever is not known, there is no order.
fn no_order<D: Exchange>(desk: &D) -> impl Fn(Error) -> Failure {
    let now = desk.venue_now();
    move |error| match error {
        Error::Unknown(_) => {
            Failure::new(ErrorCode::ExchangeUnavailable, "The exchange did not answer.")
        }
        error => Failure::of(&error, now),
    }
}

impl From<ActionError> for Failure {
    fn from(error: ActionError) -> Self {
        let code = match error {
            ActionError::NoOpenPosition => ErrorCode::NoOpenPosition,
            _ => ErrorCode::Validation,
        };
        Self::new(code, error.to_string())
    }
}

impl From<SizingError> for Failure {
    fn from(error: SizingError) -> Self {
        let code = match error {
            SizingError::NoPrice => ErrorCode::ExchangeUnavailable,
            _ => ErrorCode::Validation,
        };
        Self::new(code, error.to_string())
    }
}
