//! Spot: checks, settlement and stop orders.

use rust_decimal::Decimal;

use super::account::{Account, MARGIN_ASSET, MONEY_DECIMALS};
use super::event::OrderChange;
use super::instrument::Instrument;
use super::matching::{Checked, Plan, Want};
use super::order::{NewOrder, Order};
use super::trailing::Trail;
use super::types::{Filter, OrderKind, Reject, Side, Status, TimeInForce};
use super::{Engine, filters};

impl Engine {
    pub(super) fn check_spot(&self, new: &NewOrder<'_>, i: &Instrument) -> Result<Checked, Reject> {
        let last = self.last_price(new.instrument);
        let as_market = !new.kind.has_price();
        let account = self.account(new.account)?;
        if new.kind.has_price() {
            let waits = new.kind.is_conditional() && i.band_around_trigger;
            let reference = if waits { new.stop_price } else { last };
            filters::price(i, "price", new.price, Some((new.side, reference)))?;
        }
        if let Some(delta) = new.trailing_delta {
            filters::trailing(i, delta)?;
        }
        // A trailing stop that follows at once has no stop price.
        if new.kind.is_conditional() && (new.trailing_delta.is_none() || !new.stop_price.is_zero())
        {
            filters::price(i, "stopPrice", new.stop_price, None)?;
        }
        let by_quote = !new.quote_quantity.is_zero();
        let plan = if by_quote {
            filters::precision("quoteOrderQty", new.quote_quantity, i.price_precision)?;
            self.plan(new.instrument, new.side, None, Want::Quote(new.quote_quantity))
        } else {
            filters::quantity(i, new.quantity, as_market)?;
            self.plan_now(new, i)
        };
        let quantity = if by_quote { i.quantity(plan.steps) } else { new.quantity };
        if by_quote {
            filters::notional(i, new.quote_quantity, true)?;
            filters::quantity(i, quantity, true).map_err(|_| {
                // What the amount buys lies outside the lot rules.
                Reject::Filter(Filter::QuantityMin, i.min_quantity)
            })?;
        } else {
            let reference = if as_market { last } else { new.price };
            filters::notional(i, reference * quantity, as_market)?;
        }
        self.check_counts(new, i, account, quantity)?;
        if self.orders.client_id_in_use(new.account, new.instrument, new.client_id) {
            return Err(Reject::DuplicateClientId);
        }
        // UNVERIFIED for trailing stops: a stop price that has been reached already is taken here,
        // since it begins the following and triggers nothing.
        if new.trailing_delta.is_none() && triggers(new.kind, new.side, new.stop_price, last) {
            return Err(Reject::WouldTrigger);
        }
        if new.kind == OrderKind::LimitMaker && !plan.parts.is_empty() {
            return Err(Reject::WouldTake);
        }
        let killed = new.tif == TimeInForce::Fok
            && new.kind == OrderKind::Limit
            && i.quantity(plan.steps) < quantity;
        let (asset, need) = match new.side {
            Side::Sell => (i.base, quantity),
            Side::Buy => (i.quote, cost(new, (quantity, last), &plan) * self.set_aside()),
        };
        if self.spendable(new.account, asset) < need {
            return Err(Reject::InsufficientBalance);
        }
        let plan = if killed { Plan::default() } else { plan };
        Ok(Checked { quantity, closing: false, plan, reserve: need, killed })
    }

    /// Turns stop orders whose price has come into market or limit orders.
    pub(super) fn trigger_spot(&mut self, instrument: usize) {
        let at = (self.last_price(instrument), self.now_ms());
        let ids: Vec<u64> = self.orders.open_ids(instrument).collect();
        for id in ids {
            if self.orders.get_mut(id).is_some_and(|order| due(order, at)) {
                self.start_working(id);
            }
        }
    }

    /// What a new order follows the price with. Without a stop price it follows at once.
    pub(super) fn trail_of(&self, new: &NewOrder<'_>) -> Option<Trail> {
        let distance = fraction(new.trailing_delta?);
        let from = (self.last_price(new.instrument), self.now_ms());
        Some(Trail::new(distance, new.stop_price.is_zero().then_some(from)))
    }

    fn start_working(&mut self, id: u64) {
        let now = self.now_ms();
        let Some(order) = self.orders.get_mut(id) else { return };
        order.working = true;
        order.updated_ms = now;
        let order = order.clone();
        self.changed(id, OrderChange::Triggered);
        if order.kind.has_price() {
            let plan = self.plan_limit(order.instrument, order.side, order.price, order.quantity);
            let Some(i) = self.instruments.get(order.instrument) else { return };
            let killed = order.tif == TimeInForce::Fok && i.quantity(plan.steps) < order.quantity;
            if !killed {
                self.execute(id, &plan);
            }
            if order.tif != TimeInForce::Gtc {
                self.end(id, Status::Expired);
            }
            return;
        }
        let steps = self.instruments.get(order.instrument).and_then(|i| i.steps(order.quantity));
        let want = Want::Steps(steps.unwrap_or(0));
        let plan = self.plan(order.instrument, order.side, None, want);
        if order.side == Side::Buy {
            // What was locked at the stop price gives way to the real cost.
            self.release(id, order.reserved);
            let Some(i) = self.instruments.get(order.instrument) else { return };
            let free = self.spendable(order.account, i.quote);
            let need = plan.cost * self.set_aside();
            if free < need {
                self.end(id, Status::Expired);
                return;
            }
            self.reserve(id, need);
        }
        self.execute(id, &plan);
        self.end(id, Status::Expired);
    }

    /// What a buyer sets aside for each unit of cost: more than that unit where the commission, the
    /// taker's at most, comes on top.
    pub(super) fn set_aside(&self) -> Decimal {
        let on_top = if self.fees_in_quote { self.fees.spot_taker } else { Decimal::ZERO };
        Decimal::ONE + on_top
    }

    /// What an account can pay with: the free balance, of which a unified account cannot spend
    /// what margins its futures.
    pub(super) fn spendable(&self, account: usize, asset: &str) -> Decimal {
        let Some(a) = self.accounts.get(account) else { return Decimal::ZERO };
        let free = a.free(asset);
        if a.unified && asset == MARGIN_ASSET {
            free.min(self.margin(account).available)
        } else {
            free
        }
    }

    /// The levels the order takes on arrival.
    fn plan_now(&self, new: &NewOrder<'_>, i: &Instrument) -> Plan {
        match new.kind {
            OrderKind::Market => {
                let want = Want::Steps(i.steps(new.quantity).unwrap_or(0));
                self.plan(new.instrument, new.side, None, want)
            }
            OrderKind::Limit | OrderKind::LimitMaker => {
                self.plan_limit(new.instrument, new.side, new.price, new.quantity)
            }
            _ => Plan::default(),
        }
    }

    fn check_counts(
        &self,
        new: &NewOrder<'_>,
        i: &Instrument,
        account: &Account,
        quantity: Decimal,
    ) -> Result<(), Reject> {
        let (mut open, mut conditional, mut buying) = (0, 0, Decimal::ZERO);
        for order in self.orders.open_of(new.account, new.instrument) {
            open += 1;
            conditional += usize::from(order.kind.is_conditional());
            if order.side == Side::Buy {
                buying += order.remaining();
            }
        }
        if open >= i.max_orders {
            return Err(Reject::Filter(Filter::MaxOrders, Decimal::from(i.max_orders)));
        }
        if new.kind.is_conditional() && conditional >= i.max_algo_orders {
            return Err(Reject::Filter(Filter::MaxAlgoOrders, Decimal::from(i.max_algo_orders)));
        }
        if new.side == Side::Buy && !i.max_position.is_zero() {
            let held = account.spot.get(i.base).map_or(Decimal::ZERO, |b| b.free + b.locked);
            if held + buying + quantity > i.max_position {
                return Err(Reject::Filter(Filter::MaxPosition, i.max_position));
            }
        }
        Ok(())
    }
}

/// Exchanges the assets of one fill and returns the commission and its asset.
pub(super) fn settle(
    account: &mut Account,
    (base, quote): (&'static str, &'static str),
    side: Side,
    (price, quantity): (Decimal, Decimal),
    (rate, fees_in_quote): (Decimal, bool),
) -> (Decimal, &'static str) {
    let value = price * quantity;
    match side {
        Side::Buy if fees_in_quote => {
            let fee = (value * rate).trunc_with_scale(MONEY_DECIMALS);
            account.credit(quote, -value - fee);
            account.credit(base, quantity);
            (fee, quote)
        }
        Side::Buy => {
            let fee = (quantity * rate).trunc_with_scale(MONEY_DECIMALS);
            account.credit(quote, -value);
            account.credit(base, quantity - fee);
            (fee, base)
        }
        Side::Sell => {
            let fee = (value * rate).trunc_with_scale(MONEY_DECIMALS);
            account.credit(base, -quantity);
            account.credit(quote, value - fee);
            (fee, quote)
        }
    }
}

/// What a buy must be able to pay.
fn cost(new: &NewOrder<'_>, (quantity, last): (Decimal, Decimal), plan: &Plan) -> Decimal {
    let stop = match new.trailing_delta {
        None => new.stop_price,
        // UNVERIFIED: what a trailing buy sets aside. Here, what it pays if the price rises from
        // where the following begins.
        Some(delta) => {
            let from = if new.stop_price.is_zero() { last } else { new.stop_price };
            from + from * fraction(delta)
        }
    };
    match new.kind {
        OrderKind::Market => plan.cost,
        OrderKind::StopLoss | OrderKind::TakeProfit => {
            (stop * quantity).trunc_with_scale(MONEY_DECIMALS)
        }
        _ => new.price * quantity,
    }
}

/// Basis points as a fraction.
fn fraction(delta: u64) -> Decimal {
    Decimal::from(delta) / Decimal::from(10_000)
}

/// Whether a waiting order's time has come. A trailing stop follows the price on the way.
fn due(order: &mut Order, (last, now_ms): (Decimal, u64)) -> bool {
    if order.working || !order.status.is_open() {
        return false;
    }
    let reached = triggers(order.kind, order.side, order.stop_price, last);
    match &mut order.trail {
        Some(trail) => trail.follow(order.side, (last, now_ms), reached),
        None => reached,
    }
}

/// Whether the last price has reached the stop of a conditional order.
fn triggers(kind: OrderKind, side: Side, stop: Decimal, last: Decimal) -> bool {
    let rising = match kind {
        OrderKind::StopLoss | OrderKind::StopLossLimit => side == Side::Buy,
        OrderKind::TakeProfit | OrderKind::TakeProfitLimit => side == Side::Sell,
        _ => return false,
    };
    if rising { last >= stop } else { last <= stop }
}
