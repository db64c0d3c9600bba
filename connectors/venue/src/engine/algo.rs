//! Conditional ("algo") orders of the linear market: they wait beside the book for a trigger
//! price and then place an ordinary order.

use std::collections::{BTreeSet, HashMap, VecDeque};

use rust_decimal::Decimal;
use serde::Serialize;

use super::order::NewOrder;
use super::trailing::Trail;
use super::types::{Filter, Market, OrderKind, PositionSide, Reject, Side, TimeInForce};
use super::{Engine, filters};

const FIRST_ALGO_ID: u64 = 2_146_000_000;

/// What a conditional order becomes, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum AlgoKind {
    Stop,
    StopMarket,
    TakeProfit,
    TakeProfitMarket,
    TrailingStopMarket,
}

impl AlgoKind {
    pub(crate) fn has_price(self) -> bool {
        matches!(self, Self::Stop | Self::TakeProfit)
    }
}

/// Where a conditional order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum AlgoStatus {
    New,
    Triggered,
    Finished,
    Canceled,
    Expired,
    Rejected,
}

/// A conditional order as requested.
#[derive(Clone, Debug)]
pub(crate) struct NewAlgo {
    pub(crate) account: usize,
    pub(crate) instrument: usize,
    pub(crate) client_id: Box<str>,
    pub(crate) side: Side,
    pub(crate) kind: AlgoKind,
    pub(crate) tif: TimeInForce,
    /// Zero with `close_position`.
    pub(crate) quantity: Decimal,
    pub(crate) price: Decimal,
    /// Zero for trailing stops.
    pub(crate) trigger_price: Decimal,
    pub(crate) position_side: PositionSide,
    pub(crate) reduce_only: bool,
    pub(crate) close_position: bool,
    /// Trailing stops: the price that starts the trailing; zero starts it at once.
    pub(crate) activate_price: Decimal,
    /// Trailing stops: the distance in percent.
    pub(crate) callback_rate: Decimal,
    /// Whether the mark price triggers (else the last price; they are equal here).
    pub(crate) by_mark: bool,
    pub(crate) price_protect: bool,
}

/// A conditional order the venue has accepted.
#[derive(Clone, Debug)]
pub(crate) struct Algo {
    pub(crate) id: u64,
    pub(crate) order: NewAlgo,
    pub(crate) status: AlgoStatus,
    /// The order it placed; zero before.
    pub(crate) actual_order: u64,
    pub(crate) created_ms: u64,
    pub(crate) updated_ms: u64,
    pub(crate) triggered_ms: u64,
    /// Trailing stops only.
    trail: Option<Trail>,
}

/// All conditional orders.
#[derive(Debug)]
pub(crate) struct AlgoStore {
    algos: HashMap<u64, Algo>,
    by_client: HashMap<(usize, Box<str>), u64>,
    open: BTreeSet<(usize, u64)>,
    closed: VecDeque<u64>,
    limit: usize,
    last_id: u64,
}

impl AlgoStore {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            algos: HashMap::new(),
            by_client: HashMap::new(),
            open: BTreeSet::new(),
            closed: VecDeque::new(),
            limit: limit.max(1),
            last_id: FIRST_ALGO_ID,
        }
    }

    pub(crate) fn get(&self, id: u64) -> Option<&Algo> {
        self.algos.get(&id)
    }

    pub(crate) fn by_client(&self, account: usize, id: &str) -> Option<&Algo> {
        self.algos.get(self.by_client.get(&(account, Box::from(id)))?)
    }

    /// Open conditional orders of an account, oldest first within an instrument.
    pub(crate) fn open_of(
        &self,
        account: usize,
        instrument: Option<usize>,
    ) -> impl Iterator<Item = &Algo> + '_ {
        self.open
            .iter()
            .filter(move |(i, _)| instrument.is_none_or(|wanted| wanted == *i))
            .filter_map(|(_, id)| self.algos.get(id))
            .filter(move |a| a.order.account == account)
    }

    /// All remembered conditional orders of an account, oldest first.
    pub(crate) fn all_of(&self, account: usize) -> Vec<&Algo> {
        let mut all: Vec<&Algo> =
            self.algos.values().filter(|a| a.order.account == account).collect();
        all.sort_unstable_by_key(|a| a.id);
        all
    }

    pub(crate) fn any_open(&self) -> bool {
        !self.open.is_empty()
    }

    pub(crate) fn has_open(&self, instrument: usize) -> bool {
        self.open.range((instrument, 0)..=(instrument, u64::MAX)).next().is_some()
    }

    fn insert(&mut self, algo: Algo) {
        self.by_client.insert((algo.order.account, algo.order.client_id.clone()), algo.id);
        self.open.insert((algo.order.instrument, algo.id));
        self.algos.insert(algo.id, algo);
    }

    fn close(&mut self, id: u64, status: AlgoStatus, now_ms: u64) {
        let Some(algo) = self.algos.get_mut(&id) else { return };
        algo.status = status;
        algo.updated_ms = now_ms;
        if self.open.remove(&(algo.order.instrument, id)) {
            self.closed.push_back(id);
        }
        while self.closed.len() > self.limit {
            let Some(oldest) = self.closed.pop_front() else { break };
            if let Some(gone) = self.algos.remove(&oldest) {
                let key = (gone.order.account, gone.order.client_id);
                if self.by_client.get(&key) == Some(&oldest) {
                    self.by_client.remove(&key);
                }
            }
        }
    }
}

impl Engine {
    /// Accepts a conditional order and returns its id. Margin is checked when it triggers, not
    /// now.
    pub(crate) fn place_algo(&mut self, new: NewAlgo) -> Result<u64, Reject> {
        let i = self.instrument(new.instrument)?;
        if i.status != super::TradingStatus::Trading {
            return Err(Reject::MarketClosed);
        }
        if i.market != Market::Linear {
            return Err(Reject::UnknownSymbol);
        }
        let key = (new.account, new.instrument);
        self.check_position_side(key, new.position_side, new.reduce_only)?;
        if new.kind.has_price() {
            filters::price(i, "price", new.price, None)?;
        }
        if new.kind != AlgoKind::TrailingStopMarket {
            filters::price(i, "triggerPrice", new.trigger_price, None)?;
        }
        if !new.activate_price.is_zero() {
            filters::price(i, "activatePrice", new.activate_price, None)?;
        }
        if !new.close_position {
            filters::quantity(i, new.quantity, !new.kind.has_price())?;
        }
        if self.algos.open_of(new.account, Some(new.instrument)).count() >= i.max_algo_orders {
            return Err(Reject::Filter(Filter::MaxAlgoOrders, Decimal::from(i.max_algo_orders)));
        }
        if self
            .algos
            .by_client(new.account, &new.client_id)
            .is_some_and(|a| a.status == AlgoStatus::New)
        {
            self.orders.count_refused_client_id();
            return Err(Reject::DuplicateClientId);
        }
        let last = self.last_price(new.instrument);
        if new.kind != AlgoKind::TrailingStopMarket && reached(&new, last) {
            return Err(Reject::WouldTrigger);
        }
        let now = self.now_ms();
        self.algos.last_id += 1;
        let id = self.algos.last_id;
        let trail = (new.kind == AlgoKind::TrailingStopMarket).then(|| {
            let from = new.activate_price.is_zero().then_some((last, now));
            Trail::new(new.callback_rate / Decimal::ONE_HUNDRED, from)
        });
        self.algos.insert(Algo {
            id,
            order: new,
            status: AlgoStatus::New,
            actual_order: 0,
            created_ms: now,
            updated_ms: now,
            triggered_ms: 0,
            trail,
        });
        self.algo_changed(id);
        Ok(id)
    }

    /// Changes trigger price, quantity and price of a waiting conditional order; `None` keeps.
    pub(crate) fn amend_algo(
        &mut self,
        account: usize,
        id: u64,
        [trigger, quantity, price]: [Option<Decimal>; 3],
    ) -> Result<(), Reject> {
        let now = self.now_ms();
        let algo = self
            .algos
            .get(id)
            .filter(|a| a.order.account == account && a.status == AlgoStatus::New)
            .ok_or(Reject::UnknownOrder)?;
        let mut order = algo.order.clone();
        let i = self.instrument(order.instrument)?;
        if let Some(trigger) = trigger {
            filters::price(i, "triggerPrice", trigger, None)?;
            order.trigger_price = trigger;
        }
        if let Some(quantity) = quantity {
            filters::quantity(i, quantity, !order.kind.has_price())?;
            order.quantity = quantity;
        }
        if let Some(price) = price.filter(|_| order.kind.has_price()) {
            filters::price(i, "price", price, None)?;
            order.price = price;
        }
        if reached(&order, self.last_price(order.instrument)) {
            return Err(Reject::WouldTrigger);
        }
        if let Some(algo) = self.algos.algos.get_mut(&id) {
            algo.order = order;
            algo.updated_ms = now;
        }
        self.algo_changed(id);
        Ok(())
    }

    pub(crate) fn cancel_algo(&mut self, account: usize, id: u64) -> Result<(), Reject> {
        let now = self.now_ms();
        let open = self
            .algos
            .get(id)
            .is_some_and(|a| a.order.account == account && a.status == AlgoStatus::New);
        if !open {
            return Err(Reject::UnknownOrder);
        }
        self.algos.close(id, AlgoStatus::Canceled, now);
        self.algo_changed(id);
        Ok(())
    }

    pub(crate) fn cancel_all_algos(&mut self, account: usize, instrument: usize) {
        let now = self.now_ms();
        let ids: Vec<u64> = self.algos.open_of(account, Some(instrument)).map(|a| a.id).collect();
        for id in ids {
            self.algos.close(id, AlgoStatus::Canceled, now);
            self.algo_changed(id);
        }
    }

    /// The current status, following the order a triggered one has placed.
    pub(crate) fn algo_status(&self, algo: &Algo) -> AlgoStatus {
        let done = self.orders.get(algo.actual_order).is_none_or(|o| !o.status.is_open());
        match algo.status {
            AlgoStatus::Triggered if done => AlgoStatus::Finished,
            other => other,
        }
    }

    /// Fires whatever the current price has reached, on both markets.
    pub(super) fn trigger(&mut self, instrument: usize) {
        match self.instruments.get(instrument).map(|i| i.market) {
            Some(Market::Spot) => self.trigger_spot(instrument),
            Some(Market::Linear) => self.trigger_algos(instrument),
            None => {}
        }
    }

    fn trigger_algos(&mut self, instrument: usize) {
        if !self.algos.has_open(instrument) {
            return;
        }
        let (last, now) = (self.last_price(instrument), self.now_ms());
        let ids: Vec<u64> = self
            .algos
            .open
            .range((instrument, 0)..=(instrument, u64::MAX))
            .map(|&(_, id)| id)
            .collect();
        for id in ids {
            let Some(algo) = self.algos.algos.get_mut(&id) else { continue };
            let order = &algo.order;
            let due = match &mut algo.trail {
                Some(trail) => trail.follow(order.side, (last, now), activated(order, last)),
                None => reached(order, last),
            };
            if due {
                self.fire(id);
            }
        }
    }

    fn fire(&mut self, id: u64) {
        let now = self.now_ms();
        let Some(algo) = self.algos.get(id) else { return };
        let order = algo.order.clone();
        let held = self
            .accounts
            .get(order.account)
            .and_then(|a| a.linear.get(order.instrument))
            .map_or(Decimal::ZERO, |s| s.position(order.position_side).amount);
        let hedge = order.position_side != PositionSide::Both;
        let mut quantity = order.quantity;
        if order.close_position {
            quantity = super::matching::closable(held, order.side);
        }
        let placed = if quantity.is_zero() {
            Err(Reject::ReduceOnly)
        } else {
            let fallback = format!("algo-{id}");
            // The order takes the conditional order's client id unless an open order has it.
            let taken =
                self.orders.client_id_in_use(order.account, order.instrument, &order.client_id);
            self.place(&NewOrder {
                account: order.account,
                instrument: order.instrument,
                side: order.side,
                kind: if order.kind.has_price() { OrderKind::Limit } else { OrderKind::Market },
                tif: order.tif,
                quantity,
                quote_quantity: Decimal::ZERO,
                price: order.price,
                stop_price: Decimal::ZERO,
                trailing_delta: None,
                position_side: order.position_side,
                reduce_only: (order.reduce_only || order.close_position) && !hedge,
                client_id: if taken { &fallback } else { &order.client_id },
            })
        };
        let status = match placed {
            Ok(_) => AlgoStatus::Triggered,
            Err(Reject::ReduceOnly) => AlgoStatus::Expired,
            Err(_) => AlgoStatus::Rejected,
        };
        if let Some(algo) = self.algos.algos.get_mut(&id) {
            algo.triggered_ms = now;
            algo.actual_order = placed.unwrap_or(0);
        }
        self.algos.close(id, status, now);
        self.algo_changed(id);
    }
}

/// Whether a stop or take-profit price has been reached.
fn reached(order: &NewAlgo, last: Decimal) -> bool {
    let rising = match order.kind {
        AlgoKind::Stop | AlgoKind::StopMarket => order.side == Side::Buy,
        AlgoKind::TakeProfit | AlgoKind::TakeProfitMarket => order.side == Side::Sell,
        AlgoKind::TrailingStopMarket => return false,
    };
    if rising { last >= order.trigger_price } else { last <= order.trigger_price }
}

/// Whether a trailing stop begins to follow: its activation price lies on the gaining side.
fn activated(order: &NewAlgo, last: Decimal) -> bool {
    match order.side {
        Side::Sell => last >= order.activate_price,
        Side::Buy => last <= order.activate_price,
    }
}
