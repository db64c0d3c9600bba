//! Placing, filling, resting and ending orders, for both markets.

use rust_decimal::Decimal;

use super::Engine;
use super::event::OrderChange;
use super::order::{NewOrder, Order, Trade};
use super::price::Level;
use super::types::{Market, OrderKind, PositionSide, Reject, Side, Status, TimeInForce};

/// What an order would do if it were placed now: the result of all checks, nothing changed yet.
#[derive(Debug)]
pub(crate) struct Checked {
    /// The quantity that will be worked; a reduce-only order may have been cut.
    pub(super) quantity: Decimal,
    pub(super) closing: bool,
    pub(super) plan: Plan,
    pub(super) reserve: Decimal,
    /// A fill-or-kill order that cannot fill: recorded as expired.
    pub(super) killed: bool,
}

/// The levels an order would take.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(super) parts: Vec<Level>,
    pub(super) steps: i64,
    /// Total in the quote asset.
    pub(super) cost: Decimal,
}

/// How much a plan should take.
#[derive(Clone, Copy, Debug)]
pub(super) enum Want {
    /// This many quantity steps.
    Steps(i64),
    /// As much as this amount of the quote asset pays for.
    Quote(Decimal),
}

impl Engine {
    /// Every check an order goes through, without placing it.
    pub(crate) fn check(&self, new: &NewOrder<'_>) -> Result<Checked, Reject> {
        let instrument = self.instrument(new.instrument)?;
        if instrument.status != super::TradingStatus::Trading {
            return Err(Reject::MarketClosed);
        }
        match instrument.market {
            Market::Spot => self.check_spot(new, instrument),
            Market::Linear => self.check_linear(new, instrument),
        }
    }

    /// Places an order: checks it, trades what trades at once, rests or ends the remainder.
    /// Returns its id.
    pub(crate) fn place(&mut self, new: &NewOrder<'_>) -> Result<u64, Reject> {
        let checked = self.check(new).inspect_err(|reject| {
            if *reject == Reject::DuplicateClientId {
                self.orders.count_refused_client_id();
            }
        })?;
        let id = self.record(new, checked.quantity, checked.closing);
        self.reserve(id, checked.reserve);
        self.reserved(id);
        self.execute(id, &checked.plan);
        if checked.killed || !rests(new.kind, new.tif) {
            self.end(id, Status::Expired);
        }
        Ok(id)
    }

    /// Records an order that ends on arrival without trading, on venues that acknowledge an order
    /// first and kill it then.
    pub(crate) fn record_dead(&mut self, new: &NewOrder<'_>) -> u64 {
        let id = self.record(new, new.quantity, false);
        self.end(id, Status::Expired);
        id
    }

    fn record(&mut self, new: &NewOrder<'_>, quantity: Decimal, closing: bool) -> u64 {
        let id = self.orders.next_id();
        let now = self.now_ms();
        self.orders.insert(Order {
            id,
            account: new.account,
            instrument: new.instrument,
            client_id: new.client_id.into(),
            side: new.side,
            kind: new.kind,
            tif: new.tif,
            position_side: new.position_side,
            reduce_only: new.reduce_only,
            closing,
            price: new.price,
            stop_price: new.stop_price,
            trail: self.trail_of(new),
            quantity,
            quote_quantity: new.quote_quantity,
            executed: Decimal::ZERO,
            quote_executed: Decimal::ZERO,
            status: Status::New,
            working: !new.kind.is_conditional(),
            reserved: Decimal::ZERO,
            created_ms: now,
            updated_ms: now,
        });
        self.changed(id, OrderChange::Accepted);
        id
    }

    /// Cancels an open order of the account.
    pub(crate) fn cancel(&mut self, account: usize, id: u64) -> Result<(), Reject> {
        let open = self.orders.get(id).is_some_and(|o| o.account == account && o.status.is_open());
        if !open {
            return Err(Reject::UnknownOrder);
        }
        self.end(id, Status::Canceled);
        Ok(())
    }

    /// Cancels all open orders of the account in an instrument; their ids, oldest first.
    pub(crate) fn cancel_all(&mut self, account: usize, instrument: usize) -> Vec<u64> {
        let ids: Vec<u64> = self.orders.open_of(account, instrument).map(|o| o.id).collect();
        for &id in &ids {
            self.end(id, Status::Canceled);
        }
        ids
    }

    /// Fills resting orders that the price has reached, oldest first.
    pub(super) fn match_resting(&mut self, instrument: usize) {
        if !self.orders.has_open(instrument) {
            return;
        }
        let ids: Vec<u64> = self.orders.open_ids(instrument).collect();
        for id in ids {
            let Some(order) = self.orders.get(id) else { continue };
            if !order.working || !order.status.is_open() {
                continue;
            }
            let (side, price) = (order.side, order.price);
            let quantity = order.remaining().min(self.closing_room(order));
            let plan = self.plan_limit(instrument, side, price, quantity);
            for part in &plan.parts {
                let steps = self.instruments.get(instrument).map(|i| i.quantity(part.size));
                self.take_level(instrument, side, part);
                // A maker trades at its own price.
                self.fill(id, price, steps.unwrap_or_default(), true);
            }
        }
        self.expire_orphans(instrument);
    }

    /// Takes the planned levels for an order.
    pub(super) fn execute(&mut self, id: u64, plan: &Plan) {
        let Some((instrument, side)) = self.orders.get(id).map(|o| (o.instrument, o.side)) else {
            return;
        };
        for part in &plan.parts {
            let Some((price, quantity)) = self
                .instruments
                .get(instrument)
                .map(|i| (i.price(part.price), i.quantity(part.size)))
            else {
                continue;
            };
            self.take_level(instrument, side, part);
            self.fill(id, price, quantity, false);
        }
        if !plan.parts.is_empty() {
            self.expire_orphans(instrument);
        }
    }

    /// Ends an open order and gives back what it reserved; a filled one stays filled.
    pub(super) fn end(&mut self, id: u64, status: Status) {
        let now = self.now_ms();
        let Some(order) = self.orders.get_mut(id) else { return };
        let was_open = order.status.is_open();
        if was_open {
            order.status = status;
            order.updated_ms = now;
        }
        let reserved = order.reserved;
        self.release(id, reserved);
        if was_open {
            let change = match status {
                Status::Canceled => OrderChange::Canceled,
                _ => OrderChange::Expired,
            };
            self.changed(id, change);
            self.reserved(id);
        }
        self.orders.close(id);
    }

    /// Sets aside what an order needs: funds on spot, open-order notional on linear.
    pub(super) fn reserve(&mut self, id: u64, amount: Decimal) {
        if amount.is_zero() {
            return;
        }
        let Some(order) = self.orders.get_mut(id) else { return };
        order.reserved += amount;
        let (account, instrument, side) = (order.account, order.instrument, order.side);
        let position_side = order.position_side;
        let Some(i) = self.instruments.get(instrument) else { return };
        let Some(account) = self.accounts.get_mut(account) else { return };
        match (i.market, side) {
            (Market::Spot, Side::Buy) => account.lock(i.quote, amount),
            (Market::Spot, Side::Sell) => account.lock(i.base, amount),
            (Market::Linear, _) => {
                if let Some(settings) = account.linear.get_mut(instrument) {
                    let position = settings.position_mut(position_side);
                    match side {
                        Side::Buy => position.bids += amount,
                        Side::Sell => position.asks += amount,
                    }
                }
            }
        }
    }

    /// The reverse of [`Engine::reserve`].
    pub(super) fn release(&mut self, id: u64, amount: Decimal) {
        if amount.is_zero() {
            return;
        }
        let Some(order) = self.orders.get_mut(id) else { return };
        order.reserved -= amount;
        let (account, instrument, side) = (order.account, order.instrument, order.side);
        let position_side = order.position_side;
        let Some(i) = self.instruments.get(instrument) else { return };
        let Some(account) = self.accounts.get_mut(account) else { return };
        match (i.market, side) {
            (Market::Spot, Side::Buy) => account.unlock(i.quote, amount),
            (Market::Spot, Side::Sell) => account.unlock(i.base, amount),
            (Market::Linear, _) => {
                if let Some(settings) = account.linear.get_mut(instrument) {
                    let position = settings.position_mut(position_side);
                    match side {
                        Side::Buy => position.bids -= amount,
                        Side::Sell => position.asks -= amount,
                    }
                }
            }
        }
    }

    /// The levels a taker gets up to (and including) a limit price in ticks.
    pub(super) fn plan(
        &self,
        instrument: usize,
        side: Side,
        limit: Option<i64>,
        want: Want,
    ) -> Plan {
        let mut plan = Plan::default();
        let (Some(i), Some(feed)) = (self.instruments.get(instrument), self.feeds.get(instrument))
        else {
            return plan;
        };
        for mut level in feed.levels(side) {
            let beyond = limit.is_some_and(|limit| match side {
                Side::Buy => level.price > limit,
                Side::Sell => level.price < limit,
            });
            if beyond {
                break;
            }
            let price = i.price(level.price);
            let left = match want {
                Want::Steps(steps) => steps - plan.steps,
                Want::Quote(amount) => {
                    let per_step = price * i.step;
                    let left = (amount - plan.cost).checked_div(per_step).unwrap_or_default();
                    rust_decimal::prelude::ToPrimitive::to_i64(&left.floor()).unwrap_or(0)
                }
            };
            if left <= 0 {
                break;
            }
            level.size = level.size.min(left);
            plan.steps += level.size;
            plan.cost += price * i.quantity(level.size);
            plan.parts.push(level);
        }
        plan
    }

    pub(super) fn plan_limit(
        &self,
        instrument: usize,
        side: Side,
        price: Decimal,
        quantity: Decimal,
    ) -> Plan {
        let Some(i) = self.instruments.get(instrument) else { return Plan::default() };
        let (Some(limit), Some(steps)) = (i.ticks(price), i.steps(quantity)) else {
            return Plan::default();
        };
        self.plan(instrument, side, Some(limit), Want::Steps(steps))
    }

    /// How much a closing order may still trade: the position it closes. No bound for others.
    pub(super) fn closing_room(&self, order: &Order) -> Decimal {
        if !order.closing {
            return Decimal::MAX;
        }
        let Some(account) = self.accounts.get(order.account) else { return Decimal::ZERO };
        let Some(settings) = account.linear.get(order.instrument) else { return Decimal::ZERO };
        closable(settings.position(order.position_side).amount, order.side)
    }

    fn take_level(&mut self, instrument: usize, side: Side, part: &Level) {
        if let Some(feed) = self.feeds.get_mut(instrument) {
            feed.take(side, part.index, part.size);
        }
        self.touch(instrument);
    }

    /// Ends closing orders whose position is gone.
    fn expire_orphans(&mut self, instrument: usize) {
        let orphans: Vec<u64> = self
            .orders
            .open_ids(instrument)
            .filter(|&id| {
                self.orders.get(id).is_some_and(|o| o.closing && self.closing_room(o).is_zero())
            })
            .collect();
        for id in orphans {
            self.end(id, Status::Expired);
        }
    }

    /// Books one execution: the order, the money, the trade record.
    fn fill(&mut self, id: u64, price: Decimal, quantity: Decimal, maker: bool) {
        let now = self.now_ms();
        let trade_id = self.take_trade_id();
        let set_aside = self.set_aside();
        let Some(order) = self.orders.get_mut(id) else { return };
        order.executed += quantity;
        order.quote_executed += price * quantity;
        order.updated_ms = now;
        let filled = order.executed >= order.quantity;
        order.status = if filled { Status::Filled } else { Status::PartiallyFilled };
        let Some(i) = self.instruments.get(order.instrument) else { return };
        let released = match (i.market, order.side) {
            (Market::Spot, Side::Sell) => quantity,
            (Market::Spot, Side::Buy) => {
                let limit = if order.price.is_zero() { price } else { order.price };
                limit * quantity * set_aside
            }
            (Market::Linear, _) => order.price * quantity,
        };
        let released = if filled { order.reserved } else { released.min(order.reserved) };
        let (account, instrument, side) = (order.account, order.instrument, order.side);
        let position_side = order.position_side;
        let (market, base, quote) = (i.market, i.base, i.quote);
        self.release(id, released);
        let (maker_rate, taker_rate) = self.fees.of(market);
        let rate = if maker { maker_rate } else { taker_rate };
        let Some(account) = self.accounts.get_mut(account) else { return };
        let (commission, commission_asset, realized) = match market {
            Market::Spot => {
                let terms = (rate, self.fees_in_quote);
                let (fee, asset) =
                    super::spot::settle(account, (base, quote), side, (price, quantity), terms);
                account.spot_filled += u64::from(filled);
                (fee, asset, Decimal::ZERO)
            }
            Market::Linear => {
                let key = (instrument, position_side);
                let (fee, realized) =
                    super::linear::settle(account, key, side, (price, quantity), (rate, now));
                (fee, quote, realized)
            }
        };
        let trade = Trade {
            id: trade_id,
            order_id: id,
            instrument,
            side,
            position_side,
            price,
            quantity,
            commission,
            commission_asset,
            realized,
            maker,
            time_ms: now,
        };
        account.record(trade.clone());
        self.fills += 1;
        self.traded(id, trade);
        if filled {
            self.orders.close(id);
        }
    }
}

/// Whether what does not trade at once stays in force.
pub(super) fn rests(kind: OrderKind, tif: TimeInForce) -> bool {
    match kind {
        OrderKind::Market => false,
        OrderKind::Limit => matches!(tif, TimeInForce::Gtc | TimeInForce::Gtx),
        OrderKind::LimitMaker => true,
        // Waiting for the stop price.
        OrderKind::StopLoss
        | OrderKind::StopLossLimit
        | OrderKind::TakeProfit
        | OrderKind::TakeProfitLimit => true,
    }
}

/// How much of a signed position an order of this side can close.
pub(super) fn closable(amount: Decimal, side: Side) -> Decimal {
    match side {
        Side::Buy => (-amount).max(Decimal::ZERO),
        Side::Sell => amount.max(Decimal::ZERO),
    }
}

/// Whether an order of this side and position side can only shrink its hedge-mode position.
pub(super) fn closes_hedge(side: Side, position_side: PositionSide) -> bool {
    matches!(
        (side, position_side),
        (Side::Sell, PositionSide::Long) | (Side::Buy, PositionSide::Short)
    )
}
