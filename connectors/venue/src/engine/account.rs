//! What an account owns: spot balances, the futures wallet, positions and settings.

use std::collections::{BTreeMap, VecDeque};

use rust_decimal::Decimal;

use super::funding::FundingPayment;
use super::order::Trade;
use super::types::{PositionSide, Side};
use crate::config::Config;

/// Leverage of an instrument before anyone has set it, as on the real venue.
const DEFAULT_LEVERAGE: u32 = 20;

/// What linear contracts are margined and settled in.
pub(crate) const MARGIN_ASSET: &str = "USDT";

/// Decimals to which the venue books money.
pub(crate) const MONEY_DECIMALS: u32 = 8;

/// One customer.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) spot: BTreeMap<String, Balance>,
    /// Futures wallet balance in USDT, without unrealized profit; zero in a unified account.
    pub(crate) wallet: Decimal,
    /// One wallet for both markets: futures are margined and settled in the spot USDT balance.
    pub(crate) unified: bool,
    pub(crate) hedge_mode: bool,
    /// One entry per instrument of the listing; spot ones stay unused.
    pub(crate) linear: Vec<LinearSettings>,
    pub(crate) trades: VecDeque<Trade>,
    trade_limit: usize,
    /// Spot orders completely filled since the front last asked; they stop counting as unfilled.
    pub(crate) spot_filled: u64,
    /// Futures funding received (positive) or paid since the start, in USDT.
    pub(crate) funding: Decimal,
    /// Oldest first, as many as trades.
    pub(crate) fundings: VecDeque<FundingPayment>,
}

/// Free and locked amount of one spot asset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Balance {
    pub(crate) free: Decimal,
    pub(crate) locked: Decimal,
}

/// An account's settings and positions in one linear instrument.
#[derive(Clone, Debug)]
pub(crate) struct LinearSettings {
    pub(crate) leverage: u32,
    pub(crate) isolated: bool,
    /// Hedge mode of this instrument alone, on venues that set it per symbol.
    pub(crate) hedge: bool,
    pub(crate) both: Position,
    pub(crate) long: Position,
    pub(crate) short: Position,
}

/// A position and the open orders that could enlarge it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// Signed quantity: negative is short.
    pub(crate) amount: Decimal,
    /// Volume-weighted entry price.
    pub(crate) entry: Decimal,
    /// Notional of open buy orders that are not closing orders.
    pub(crate) bids: Decimal,
    /// Notional of open sell orders that are not closing orders.
    pub(crate) asks: Decimal,
    pub(crate) updated_ms: u64,
}

/// A snapshot of a futures account's margin, in USDT.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Margin {
    pub(crate) wallet: Decimal,
    pub(crate) unrealized: Decimal,
    pub(crate) unrealized_cross: Decimal,
    pub(crate) position: Decimal,
    pub(crate) orders: Decimal,
    /// What new orders may use; never negative.
    pub(crate) available: Decimal,
}

impl Account {
    pub(crate) fn new(config: &Config, instruments: usize) -> Self {
        let balance = |free: Decimal| Balance { free, locked: Decimal::ZERO };
        Self {
            spot: config.spot_balances.iter().map(|(a, q)| (a.clone(), balance(*q))).collect(),
            wallet: config.linear_usdt,
            unified: false,
            hedge_mode: false,
            linear: vec![LinearSettings::default(); instruments],
            trades: VecDeque::new(),
            trade_limit: config.history_limit.max(1_000),
            spot_filled: 0,
            funding: Decimal::ZERO,
            fundings: VecDeque::new(),
        }
    }

    /// Turns the futures wallet into a part of the spot USDT balance, for good.
    pub(crate) fn unify(&mut self) {
        self.unified = true;
        let wallet = std::mem::take(&mut self.wallet);
        self.credit(MARGIN_ASSET, wallet);
    }

    /// Balance that margins futures, without unrealized profit, in USDT.
    pub(crate) fn wallet_balance(&self) -> Decimal {
        let spot = if self.unified { self.spot.get(MARGIN_ASSET) } else { None };
        spot.map_or(self.wallet, |b| b.free + b.locked)
    }

    /// Books a futures cash flow in USDT.
    pub(crate) fn settle(&mut self, amount: Decimal) {
        if self.unified {
            self.credit(MARGIN_ASSET, amount);
        } else {
            self.wallet += amount;
        }
    }

    /// Whether an order in a linear instrument must name the long or the short position.
    pub(crate) fn hedges(&self, instrument: usize) -> bool {
        self.hedge_mode || self.linear.get(instrument).is_some_and(|s| s.hedge)
    }

    pub(crate) fn free(&self, asset: &str) -> Decimal {
        self.spot.get(asset).map_or(Decimal::ZERO, |b| b.free)
    }

    /// Adds to (or, when negative, takes from) the free balance.
    pub(crate) fn credit(&mut self, asset: &str, amount: Decimal) {
        self.balance(asset).free += amount;
    }

    pub(crate) fn lock(&mut self, asset: &str, amount: Decimal) {
        let balance = self.balance(asset);
        balance.free -= amount;
        balance.locked += amount;
    }

    pub(crate) fn unlock(&mut self, asset: &str, amount: Decimal) {
        let balance = self.balance(asset);
        balance.free += amount;
        balance.locked -= amount;
    }

    pub(crate) fn record(&mut self, trade: Trade) {
        if self.trades.len() >= self.trade_limit {
            self.trades.pop_front();
        }
        self.trades.push_back(trade);
    }

    pub(crate) fn record_funding(&mut self, payment: FundingPayment) {
        if self.fundings.len() >= self.trade_limit {
            self.fundings.pop_front();
        }
        self.fundings.push_back(payment);
    }

    /// Margin with every position valued at `mark(instrument)`.
    pub(crate) fn margin(&self, mark: impl Fn(usize) -> Decimal) -> Margin {
        let mut m = Margin { wallet: self.wallet_balance(), ..Margin::default() };
        for (index, settings) in self.linear.iter().enumerate() {
            if settings.is_idle() {
                continue;
            }
            let mark = mark(index);
            for side in [PositionSide::Both, PositionSide::Long, PositionSide::Short] {
                let position = settings.position(side);
                let pnl = position.unrealized(mark);
                m.unrealized += pnl;
                if !settings.isolated {
                    m.unrealized_cross += pnl;
                }
                let held = settings.position_margin(side, mark);
                m.position += held;
                m.orders += settings.required(side, mark, Decimal::ZERO, Decimal::ZERO) - held;
            }
        }
        let spot = if self.unified { self.spot.get(MARGIN_ASSET) } else { None };
        let locked = spot.map_or(Decimal::ZERO, |b| b.locked);
        let free = m.wallet - locked + m.unrealized_cross - m.position - m.orders;
        m.available = free.max(Decimal::ZERO);
        m
    }

    fn balance(&mut self, asset: &str) -> &mut Balance {
        self.spot.entry(asset.to_owned()).or_default()
    }
}

impl LinearSettings {
    pub(crate) fn position(&self, side: PositionSide) -> &Position {
        match side {
            PositionSide::Both => &self.both,
            PositionSide::Long => &self.long,
            PositionSide::Short => &self.short,
        }
    }

    pub(crate) fn position_mut(&mut self, side: PositionSide) -> &mut Position {
        match side {
            PositionSide::Both => &mut self.both,
            PositionSide::Long => &mut self.long,
            PositionSide::Short => &mut self.short,
        }
    }

    pub(crate) fn has_position(&self) -> bool {
        [&self.both, &self.long, &self.short].iter().any(|p| !p.amount.is_zero())
    }

    /// Initial margin held by the position itself.
    pub(crate) fn position_margin(&self, side: PositionSide, mark: Decimal) -> Decimal {
        let position = self.position(side);
        // An isolated position keeps the margin it was opened with.
        let price = if self.isolated { position.entry } else { mark };
        (position.amount * price).abs() / self.divisor()
    }

    /// Initial margin of the position with all its open orders and `bid` or `ask` more notional:
    /// the larger of the two directions it could grow in.
    pub(crate) fn required(
        &self,
        side: PositionSide,
        mark: Decimal,
        bid: Decimal,
        ask: Decimal,
    ) -> Decimal {
        self.exposure(side, mark, bid, ask) / self.divisor()
    }

    /// The largest notional the position could reach with all its open orders.
    pub(crate) fn exposure(
        &self,
        side: PositionSide,
        mark: Decimal,
        bid: Decimal,
        ask: Decimal,
    ) -> Decimal {
        let position = self.position(side);
        let price = if self.isolated && !position.entry.is_zero() { position.entry } else { mark };
        let held = position.amount * price;
        let up = (held + position.bids + bid).abs();
        let down = (held - position.asks - ask).abs();
        up.max(down)
    }

    fn is_idle(&self) -> bool {
        [&self.both, &self.long, &self.short]
            .iter()
            .all(|p| p.amount.is_zero() && p.bids.is_zero() && p.asks.is_zero())
    }

    fn divisor(&self) -> Decimal {
        Decimal::from(self.leverage.max(1))
    }
}

impl Default for LinearSettings {
    fn default() -> Self {
        Self {
            leverage: DEFAULT_LEVERAGE,
            isolated: false,
            hedge: false,
            both: Position::default(),
            long: Position::default(),
            short: Position::default(),
        }
    }
}

impl Position {
    pub(crate) fn unrealized(&self, mark: Decimal) -> Decimal {
        (mark - self.entry) * self.amount
    }

    /// Books a fill and returns the profit realized by the part that closed the position.
    pub(crate) fn apply(&mut self, side: Side, quantity: Decimal, price: Decimal) -> Decimal {
        let signed = match side {
            Side::Buy => quantity,
            Side::Sell => -quantity,
        };
        let grows = self.amount.is_zero() || (self.amount > Decimal::ZERO) == (side == Side::Buy);
        let before = self.amount;
        self.amount += signed;
        if grows {
            let cost = self.entry * before.abs() + price * quantity;
            self.entry = cost.checked_div(self.amount.abs()).unwrap_or(price);
            return Decimal::ZERO;
        }
        let closed = before.abs().min(quantity);
        let gain = match side {
            Side::Sell => price - self.entry,
            Side::Buy => self.entry - price,
        };
        if self.amount.is_zero() {
            self.entry = Decimal::ZERO;
        } else if (self.amount > Decimal::ZERO) != (before > Decimal::ZERO) {
            self.entry = price;
        }
        (gain * closed).round_dp(MONEY_DECIMALS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(n: i64) -> Decimal {
        Decimal::from(n)
    }

    #[test]
    fn a_position_averages_in_realizes_out_and_flips() {
        let mut p = Position::default();
        assert_eq!(p.apply(Side::Buy, d(2), d(100)), d(0));
        assert_eq!(p.apply(Side::Buy, d(2), d(110)), d(0));
        assert_eq!((p.amount, p.entry), (d(4), d(105)));
        assert_eq!(p.apply(Side::Sell, d(1), d(115)), d(10));
        assert_eq!((p.amount, p.entry), (d(3), d(105)));
        assert_eq!(p.apply(Side::Sell, d(5), d(100)), d(-15));
        assert_eq!((p.amount, p.entry), (d(-2), d(100)));
        assert_eq!(p.apply(Side::Buy, d(2), d(90)), d(20));
        assert_eq!(p, Position::default());
    }

    #[test]
    fn orders_on_both_sides_need_margin_for_the_larger_direction_only() {
        let mut s = LinearSettings { leverage: 10, ..LinearSettings::default() };
        s.both.amount = d(1);
        s.both.entry = d(100);
        let side = PositionSide::Both;
        assert_eq!(s.required(side, d(100), d(0), d(0)), d(10));
        assert_eq!(s.required(side, d(100), d(50), d(0)), d(15));
        assert_eq!(s.required(side, d(100), d(0), d(100)), d(10), "closing needs nothing more");
        assert_eq!(s.required(side, d(100), d(0), d(300)), d(20), "flipping does");
    }

    #[test]
    fn locking_moves_money_without_making_any() {
        let mut a = Account::new(&Config::default(), 1);
        let before = a.free("USDT");
        a.lock("USDT", d(10));
        assert_eq!(a.free("USDT"), before - d(10));
        assert_eq!(a.spot["USDT"].locked, d(10));
        a.unlock("USDT", d(10));
        assert_eq!(a.spot["USDT"], Balance { free: before, locked: d(0) });
    }
}
