//! Funding: what long and short positions pay each other every eight hours.

use rust_decimal::Decimal;

use super::Engine;
use super::account::MONEY_DECIMALS;
use super::event::Event;
use super::types::PositionSide;

/// Every 8 hours, as on the real venues: 00:00, 08:00 and 16:00 UTC.
pub(crate) const FUNDING_INTERVAL_MS: u64 = 8 * 3_600_000;

/// How many funding times of a gap (virtual time may jump by years) leave records of their own.
const RECORDED_TIMES: u64 = 100;

/// What one position has received or paid at one funding time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FundingPayment {
    /// From the same sequence as trade ids.
    pub(crate) id: u64,
    pub(crate) instrument: usize,
    pub(crate) side: PositionSide,
    /// The position, signed: negative is short.
    pub(crate) amount: Decimal,
    pub(crate) mark: Decimal,
    pub(crate) rate: Decimal,
    /// In USDT; negative is paid.
    pub(crate) received: Decimal,
    pub(crate) time_ms: u64,
}

impl FundingPayment {
    /// The value of the position at the mark price, never negative.
    pub(crate) fn value(&self) -> Decimal {
        (self.amount * self.mark).abs()
    }
}

impl Engine {
    /// Pays for the funding times since the last call: longs pay shorts when the rate is positive.
    /// Of several, all are paid at the price of now.
    pub(super) fn pay_funding(&mut self) {
        let due = self.now_ms / FUNDING_INTERVAL_MS;
        let last = std::mem::replace(&mut self.last_funding, due);
        let times = due.saturating_sub(last);
        if times == 0 || self.funding_rate.is_zero() {
            return;
        }
        for index in 0..self.accounts.len() {
            let payments = self.funding_due(index);
            let each: Decimal = payments.iter().map(|p| p.received).sum();
            let total = each * Decimal::from(times);
            if let Some(account) = self.accounts.get_mut(index) {
                account.settle(total);
                account.funding += total;
            }
            for time in due - times.min(RECORDED_TIMES) + 1..=due {
                for payment in &payments {
                    let id = self.take_trade_id();
                    let time_ms = time * FUNDING_INTERVAL_MS;
                    let payment = FundingPayment { id, time_ms, ..*payment };
                    if let Some(account) = self.accounts.get_mut(index) {
                        account.record_funding(payment);
                    }
                    self.hub.emit(|| Event::Funding { account: index, payment });
                }
            }
            if !total.is_zero() {
                self.funding_paid(index, total);
            }
        }
    }

    /// What the positions of an account receive or pay at one funding time.
    fn funding_due(&self, account: usize) -> Vec<FundingPayment> {
        let Some(account) = self.accounts.get(account) else { return Vec::new() };
        let mut payments = Vec::new();
        for (instrument, settings) in account.linear.iter().enumerate() {
            if !settings.has_position() {
                continue;
            }
            let mark = self.last_price(instrument);
            for side in [PositionSide::Both, PositionSide::Long, PositionSide::Short] {
                let amount = settings.position(side).amount;
                let rate = self.funding_rate;
                let received = -(amount * mark * rate).round_dp(MONEY_DECIMALS);
                if !amount.is_zero() {
                    let (id, time_ms) = (0, 0);
                    payments.push(FundingPayment {
                        id,
                        instrument,
                        side,
                        amount,
                        mark,
                        rate,
                        received,
                        time_ms,
                    });
                }
            }
        }
        payments
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, PriceModel};
    use crate::engine::{Market, NewOrder, OrderKind, Side, TimeInForce};

    const T0: u64 = 1_700_000_000_000;

    fn d(text: &str) -> Decimal {
        text.parse().expect("decimal")
    }

    /// An account that has bought one bitcoin at a price that stands still.
    fn holder() -> Engine {
        let config =
            Config { funding_rate: d("0.0001"), prices: PriceModel::Still, ..Config::default() };
        let mut engine = Engine::new(&config);
        engine.advance(T0);
        let instrument = engine.find(Market::Linear, "BTCUSDT").expect("listed");
        let order = NewOrder {
            account: 0,
            instrument,
            side: Side::Buy,
            kind: OrderKind::Market,
            tif: TimeInForce::Gtc,
            quantity: Decimal::ONE,
            quote_quantity: Decimal::ZERO,
            price: Decimal::ZERO,
            stop_price: Decimal::ZERO,
            trailing_delta: None,
            position_side: PositionSide::Both,
            reduce_only: false,
            client_id: "c",
        };
        engine.place(&order).expect("filled");
        engine
    }

    #[test]
    fn funding_moves_from_longs_to_the_market_every_eight_hours() {
        let mut e = holder();
        let before = e.accounts[0].wallet;
        e.advance(T0 + 8 * 3_600_000);
        assert_eq!(e.accounts[0].wallet, before - d("6.4"));
        e.advance(T0 + 24 * 3_600_000);
        assert_eq!(e.accounts[0].wallet, before - d("19.2"));
        assert_eq!(e.accounts[0].funding, d("-19.2"));
        let paid = &e.accounts[0].fundings;
        let first = T0 / FUNDING_INTERVAL_MS + 1;
        let times: Vec<u64> = paid.iter().map(|p| p.time_ms / FUNDING_INTERVAL_MS).collect();
        assert_eq!(times, [first, first + 1, first + 2]);
        assert!(paid.iter().all(|p| p.received == d("-6.4") && p.value() == d("64000")));
        assert!(paid.iter().is_sorted_by(|a, b| a.id < b.id));
    }

    #[test]
    fn a_gap_of_years_is_paid_and_its_end_recorded() {
        let mut e = holder();
        let before = e.accounts[0].wallet;
        e.advance(T0 + 1_000 * FUNDING_INTERVAL_MS);
        assert_eq!(e.accounts[0].wallet, before - d("6400"));
        assert_eq!(e.accounts[0].fundings.len(), 100);
        assert!(e.accounts[0].fundings.back().is_some_and(|p| p.time_ms <= e.now_ms()));
    }
}
