//! Linear perpetuals: checks, settlement and settings; amending orders of both markets.

use rust_decimal::Decimal;

use super::account::{Account, LinearSettings, MONEY_DECIMALS, Margin};
use super::event::{Event, OrderChange};
use super::instrument::Instrument;
use super::matching::{Checked, Plan, Want, closable, closes_hedge, rests};
use super::order::{NewOrder, Order};
use super::types::{Filter, Market, OrderKind, PositionSide, Reject, Side, Status, TimeInForce};
use super::{Engine, filters};

/// New terms for an open limit order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amendment {
    /// New total quantity, traded part included.
    pub(crate) quantity: Decimal,
    pub(crate) price: Decimal,
}

impl Engine {
    pub(super) fn check_linear(
        &self,
        new: &NewOrder<'_>,
        i: &Instrument,
    ) -> Result<Checked, Reject> {
        let account = self.account(new.account)?;
        let key = (new.account, new.instrument);
        self.check_position_side(key, new.position_side, new.reduce_only)?;
        let last = self.last_price(new.instrument);
        let market = new.kind == OrderKind::Market;
        if !market {
            filters::price(i, "price", new.price, Some((new.side, last)))?;
        }
        filters::quantity(i, new.quantity, market)?;
        let settings = account.linear.get(new.instrument).ok_or(Reject::UnknownSymbol)?;
        let position = settings.position(new.position_side);
        let closing = new.reduce_only || closes_hedge(new.side, new.position_side);
        let mut quantity = new.quantity;
        if closing {
            let room = closable(position.amount, new.side);
            if room.is_zero() || (!new.reduce_only && quantity > room) {
                return Err(Reject::ReduceOnly);
            }
            quantity = quantity.min(room);
        } else {
            let reference = if market { last } else { new.price };
            filters::notional(i, reference * quantity, market)?;
        }
        if self.orders.open_of(new.account, new.instrument).count() >= i.max_orders {
            return Err(Reject::Filter(Filter::MaxOrders, Decimal::from(i.max_orders)));
        }
        if self.orders.client_id_in_use(new.account, new.instrument, new.client_id) {
            return Err(Reject::DuplicateClientId);
        }
        let plan = if market {
            let want = Want::Steps(i.steps(quantity).unwrap_or(0));
            self.plan(new.instrument, new.side, None, want)
        } else {
            self.plan_limit(new.instrument, new.side, new.price, quantity)
        };
        if new.tif == TimeInForce::Gtx && !plan.parts.is_empty() {
            return Err(Reject::WouldTake);
        }
        if new.tif == TimeInForce::Fok && i.quantity(plan.steps) < quantity {
            return Err(Reject::FillOrKill);
        }
        let mut reserve = Decimal::ZERO;
        if !closing {
            let notional = if market { plan.cost } else { new.price * quantity };
            // A sell below the market trades at the market.
            let at_risk = notional.max(plan.cost);
            self.check_margin(new.account, new.instrument, new.position_side, new.side, at_risk)?;
            if !market {
                reserve = notional;
            }
        }
        Ok(Checked { quantity, closing, plan, reserve, killed: false })
    }

    /// Hedge mode wants LONG or SHORT and no reduce-only flag; one-way mode wants BOTH.
    pub(super) fn check_position_side(
        &self,
        (account, instrument): (usize, usize),
        side: PositionSide,
        reduce_only: bool,
    ) -> Result<(), Reject> {
        let hedge = self.account(account)?.hedges(instrument);
        if hedge != (side != PositionSide::Both) {
            return Err(Reject::PositionSideMismatch);
        }
        if hedge && reduce_only {
            return Err(Reject::ReduceOnlyInHedgeMode);
        }
        Ok(())
    }

    /// Margin of a futures account at the current mark prices.
    pub(crate) fn margin(&self, account: usize) -> Margin {
        self.accounts
            .get(account)
            .map(|a| a.margin(|instrument| self.last_price(instrument)))
            .unwrap_or_default()
    }

    pub(crate) fn set_leverage(
        &mut self,
        account: usize,
        instrument: usize,
        leverage: u32,
    ) -> Result<(), Reject> {
        let i = self.instrument(instrument)?;
        if leverage == 0 || leverage > i.max_leverage() {
            return Err(Reject::LeverageOutOfRange);
        }
        let cap = i.max_notional_at(leverage);
        let mark = self.last_price(instrument);
        let before = self.margin(account);
        let settings =
            self.account_mut(account)?.linear.get_mut(instrument).ok_or(Reject::UnknownSymbol)?;
        if settings.isolated && leverage < settings.leverage && settings.has_position() {
            return Err(Reject::LeverageReduction);
        }
        for side in [PositionSide::Both, PositionSide::Long, PositionSide::Short] {
            if settings.exposure(side, mark, Decimal::ZERO, Decimal::ZERO) > cap {
                return Err(Reject::PositionLimitAtLeverage);
            }
        }
        let old = std::mem::replace(&mut settings.leverage, leverage);
        let after = self.margin(account);
        let needed = after.position + after.orders;
        if needed > before.position + before.orders
            && needed > after.wallet + after.unrealized_cross
        {
            if let Some(settings) = self.account_mut(account)?.linear.get_mut(instrument) {
                settings.leverage = old;
            }
            return Err(Reject::LeverageMargin);
        }
        let time_ms = self.now_ms();
        self.hub.emit(|| Event::Leverage { account, instrument, leverage, time_ms });
        Ok(())
    }

    pub(crate) fn set_isolated(
        &mut self,
        account: usize,
        instrument: usize,
        isolated: bool,
    ) -> Result<(), Reject> {
        self.instrument(instrument)?;
        let open = self.has_orders(account, instrument);
        let settings =
            self.account_mut(account)?.linear.get_mut(instrument).ok_or(Reject::UnknownSymbol)?;
        if settings.isolated == isolated {
            return Err(Reject::NoChange);
        }
        if open {
            return Err(Reject::BlockedByOrders);
        }
        if settings.has_position() {
            return Err(Reject::BlockedByPositions);
        }
        settings.isolated = isolated;
        Ok(())
    }

    pub(crate) fn set_hedge_mode(&mut self, account: usize, hedge: bool) -> Result<(), Reject> {
        let a = self.account(account)?;
        if a.hedge_mode == hedge {
            return Err(Reject::NoChange);
        }
        let open = (0..self.instruments.len())
            .filter(|&n| self.instruments.get(n).is_some_and(|i| i.market == Market::Linear))
            .any(|n| self.orders.open_of(account, n).next().is_some())
            || self.algos.open_of(account, None).next().is_some();
        if open {
            return Err(Reject::BlockedByOrders);
        }
        if a.linear.iter().any(|s| s.has_position()) {
            return Err(Reject::BlockedByPositions);
        }
        self.account_mut(account)?.hedge_mode = hedge;
        Ok(())
    }

    /// Switches hedge mode of some instruments only, all or none of them.
    pub(crate) fn set_hedge_of(
        &mut self,
        account: usize,
        instruments: &[usize],
        hedge: bool,
    ) -> Result<(), Reject> {
        let a = self.account(account)?;
        let settings = |n: &usize| a.linear.get(*n);
        if instruments.iter().filter_map(settings).all(|s| s.hedge == hedge) {
            return Err(Reject::NoChange);
        }
        if instruments.iter().any(|&n| self.has_orders(account, n)) {
            return Err(Reject::BlockedByOrders);
        }
        if instruments.iter().filter_map(settings).any(LinearSettings::has_position) {
            return Err(Reject::BlockedByPositions);
        }
        let a = self.account_mut(account)?;
        for n in instruments {
            if let Some(settings) = a.linear.get_mut(*n) {
                settings.hedge = hedge;
            }
        }
        Ok(())
    }

    /// Whether the account has an open order, conditional ones included, in an instrument.
    pub(crate) fn has_orders(&self, account: usize, instrument: usize) -> bool {
        self.orders.open_of(account, instrument).next().is_some()
            || self.algos.open_of(account, Some(instrument)).next().is_some()
    }

    /// Changes price and quantity of an open limit order, which then trades like a new one. A
    /// quantity at or below what has traded cancels it.
    pub(crate) fn amend(
        &mut self,
        account: usize,
        id: u64,
        change: Amendment,
    ) -> Result<(), Reject> {
        let order = self
            .orders
            .get(id)
            .filter(|o| o.account == account && o.status.is_open())
            .cloned()
            .ok_or(Reject::UnknownOrder)?;
        let maker = order.kind == OrderKind::LimitMaker || order.tif == TimeInForce::Gtx;
        if !matches!(order.kind, OrderKind::Limit | OrderKind::LimitMaker) {
            return Err(Reject::NotModifiable);
        }
        if change.quantity == order.quantity && change.price == order.price {
            return Err(Reject::NothingToModify);
        }
        let i = self.instrument(order.instrument)?;
        let last = self.last_price(order.instrument);
        filters::price(i, "price", change.price, Some((order.side, last)))?;
        filters::quantity(i, change.quantity, false)?;
        if !order.closing {
            filters::notional(i, change.price * change.quantity, false)?;
        }
        if change.quantity <= order.executed {
            return self.cancel(account, id);
        }
        let left = change.quantity - order.executed;
        let plan = self.plan_limit(
            order.instrument,
            order.side,
            change.price,
            left.min(self.closing_room(&order)),
        );
        if maker && !plan.parts.is_empty() {
            return Err(Reject::WouldTake);
        }
        self.rebook(&order, change, left, &plan)?;
        self.execute(id, &plan);
        if !rests(order.kind, order.tif) {
            self.end(id, Status::Expired);
        }
        Ok(())
    }

    /// Replaces an order's reservation, or leaves everything as it was when margin is short.
    fn rebook(
        &mut self,
        order: &Order,
        change: Amendment,
        left: Decimal,
        plan: &Plan,
    ) -> Result<(), Reject> {
        let id = order.id;
        let i = self.instrument(order.instrument)?;
        let (market, base, quote) = (i.market, i.base, i.quote);
        self.release(id, order.reserved);
        if market == Market::Spot {
            let (asset, need) = match order.side {
                Side::Buy => (quote, change.price * left),
                Side::Sell => (base, left),
            };
            if self.spendable(order.account, asset) < need {
                self.reserve(id, order.reserved);
                return Err(Reject::InsufficientBalance);
            }
            self.reserve(id, need);
        } else if !order.closing {
            let notional = change.price * left;
            let at_risk = notional.max(plan.cost);
            let fits = self.check_margin(
                order.account,
                order.instrument,
                order.position_side,
                order.side,
                at_risk,
            );
            if let Err(reject) = fits {
                self.reserve(id, order.reserved);
                return Err(reject);
            }
            self.reserve(id, notional);
        }
        let now = self.now_ms();
        if let Some(o) = self.orders.get_mut(id) {
            o.price = change.price;
            o.quantity = change.quantity;
            o.updated_ms = now;
        }
        self.changed(id, OrderChange::Amended);
        self.reserved(id);
        Ok(())
    }

    /// Whether the account can carry `notional` more on one side.
    fn check_margin(
        &self,
        account: usize,
        instrument: usize,
        position_side: PositionSide,
        side: Side,
        notional: Decimal,
    ) -> Result<(), Reject> {
        let a = self.account(account)?;
        let settings = a.linear.get(instrument).ok_or(Reject::UnknownSymbol)?;
        let i = self.instrument(instrument)?;
        let mark = self.last_price(instrument);
        let (bid, ask) = match side {
            Side::Buy => (notional, Decimal::ZERO),
            Side::Sell => (Decimal::ZERO, notional),
        };
        let zero = Decimal::ZERO;
        let more = settings.required(position_side, mark, bid, ask)
            - settings.required(position_side, mark, zero, zero);
        if more <= zero {
            return Ok(());
        }
        let exposure = settings.exposure(position_side, mark, bid, ask);
        if exposure > i.max_notional_at(settings.leverage) {
            return Err(Reject::PositionLimitAtLeverage);
        }
        if more > self.margin(account).available {
            return Err(Reject::InsufficientMargin);
        }
        Ok(())
    }
}

/// Books one fill on a position and the wallet; returns the commission and the realized profit.
pub(super) fn settle(
    account: &mut Account,
    (instrument, position_side): (usize, PositionSide),
    side: Side,
    (price, quantity): (Decimal, Decimal),
    (rate, now_ms): (Decimal, u64),
) -> (Decimal, Decimal) {
    let Some(settings) = account.linear.get_mut(instrument) else {
        return (Decimal::ZERO, Decimal::ZERO);
    };
    let position = settings.position_mut(position_side);
    let realized = position.apply(side, quantity, price);
    position.updated_ms = now_ms;
    let fee = (price * quantity * rate).round_dp(MONEY_DECIMALS);
    account.settle(realized - fee);
    (fee, realized)
}
