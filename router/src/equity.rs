//! What the accounts are worth, and how much of it the day has cost (data.md §2, `balances`; §3,
//! `trade:max_daily_drawdown_percent`).

use core::time::Duration;

use futures_util::future::join_all;
use hoox_connector::{
    Asset, Balance, Clock, Decimal, Error, Market, Position, PositionSide, Timestamp, Venue,
};

use crate::{ConfigStore, Exchange, Exchanges, Queue, Router, SignalStore};

/// The asset in which everything is counted.
const SETTLED_IN: &str = "USDT";

/// How old the price may be at which a position is valued whose exchange does not value it.
const PRICE_AGE: Duration = Duration::from_secs(5);

/// What one account is worth, in USDT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Equity {
    /// The exchange.
    pub venue: Venue,
    /// What can be spent or used as margin now.
    pub free: Decimal,
    /// What is bound as margin or in orders.
    pub used: Decimal,
    /// Everything, the profit or loss of open positions included.
    pub total: Decimal,
    /// When it was read, by our clock.
    pub at: Timestamp,
}

/// What all accounts are worth, as far as they tell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Equities {
    /// The accounts that told.
    pub known: Vec<Equity>,
    /// The exchanges that did not. Nothing is made up for them.
    pub unknown: Vec<Venue>,
}

/// What a day has cost so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drawdown {
    /// What there was at the start of the UTC day.
    pub start: Decimal,
    /// What there is now.
    pub now: Decimal,
    /// The loss in percent of the start; below zero for a gain.
    pub percent: Decimal,
}

impl Drawdown {
    /// The loss between two moments; `None` if there was nothing to lose.
    ///
    /// ```
    /// use hoox_router::Drawdown;
    ///
    /// let drawdown = Drawdown::between(1_000.into(), 940.into()).unwrap();
    /// assert!(drawdown.exceeds(5.into()) && !drawdown.exceeds(6.into()));
    /// assert!(Drawdown::between(0.into(), 1.into()).is_none());
    /// ```
    pub fn between(start: Decimal, now: Decimal) -> Option<Self> {
        if start <= Decimal::ZERO {
            return None;
        }
        let loss = start.checked_sub(now)?.checked_mul(Decimal::ONE_HUNDRED)?;
        Some(Self { start, now, percent: loss.checked_div(start)? })
    }

    /// Whether it is above the limit, in percent.
    pub fn exceeds(&self, limit: Decimal) -> bool {
        self.percent > limit
    }
}

impl<S, K, E, C, Q> Router<S, K, E, C, Q>
where
    S: SignalStore,
    K: ConfigStore,
    E: Exchanges,
    C: Clock,
    Q: Queue,
{
    /// What every live account at a futures market is worth. Spot accounts hold coins, whose worth
    /// is no loss or profit of ours, and are left out.
    pub async fn equities(&self) -> Equities {
        let desks = Venue::ALL.into_iter().filter_map(|venue| self.exchanges.desk(venue, false));
        let desks: Vec<_> = desks.filter(|desk| desk.market() != Market::Spot).collect();
        let told = join_all(desks.iter().map(|desk| equity(*desk))).await;
        let mut all = Equities::default();
        for (desk, told) in desks.iter().zip(told) {
            match told {
                Ok(Some((balance, profit))) => {
                    let (free, total) = balance.map_or_else(Default::default, |balance| {
                        (balance.available, balance.total)
                    });
                    let used = total.saturating_sub(free);
                    let (total, at) = (total.saturating_add(profit), self.clock.now());
                    all.known.push(Equity { venue: desk.venue(), free, used, total, at });
                }
                Ok(None) | Err(_) => all.unknown.push(desk.venue()),
            }
        }
        all
    }
}

/// The balance, and the profit or loss of the open positions; `None` if that cannot be told.
async fn equity<D: Exchange>(desk: &D) -> Result<Option<(Option<Balance>, Decimal)>, Error> {
    let asset = Asset::new(SETTLED_IN).ok();
    let balance = desk.balance(asset).await?;
    let mut profit = Decimal::ZERO;
    for position in desk.positions(None).await? {
        let quote = desk.instrument(position.symbol).await?.and_then(|it| it.quote);
        if position.size.is_zero() || quote.is_some_and(|quote| Some(quote) != asset) {
            continue;
        }
        let told = match position.unrealized_pnl {
            Some(told) => Some(told),
            None => {
                let price = match position.mark_price {
                    Some(price) => Some(price),
                    None => desk.price(position.symbol, PRICE_AGE).await?,
                };
                price.and_then(|price| profit_at(&position, price))
            }
        };
        let Some(told) = told else { return Ok(None) };
        profit = profit.saturating_add(told);
    }
    Ok(Some((balance, profit)))
}

fn profit_at(position: &Position, price: Decimal) -> Option<Decimal> {
    let gain = price.checked_sub(position.entry_price?)?.checked_mul(position.size)?;
    Some(if position.side? == PositionSide::Short { -gain } else { gain })
}

#[cfg(test)]
mod tests {
    use hoox_connector::Symbol;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn a_drawdown_is_the_loss_of_the_day_in_percent() {
        for (start, now, percent) in [
            ("1000", "950", "5"),
            ("1000", "1000", "0"),
            ("1000", "1100", "-10"),
            ("0.3", "0.1", "66.666666666666666666666666667"),
            ("100", "-20", "120"),
        ] {
            let drawdown = Drawdown::between(decimal(start), decimal(now)).unwrap();
            assert_eq!(drawdown.percent, decimal(percent), "{start} to {now}");
        }
        assert_eq!(Drawdown::between(decimal("-1"), decimal("5")), None);
        let limit = decimal("5");
        assert!(!Drawdown::between(decimal("1000"), decimal("950")).unwrap().exceeds(limit));
        assert!(Drawdown::between(decimal("1000"), decimal("949.99")).unwrap().exceeds(limit));
    }

    #[test]
    fn a_position_is_valued_by_its_side_and_not_without_an_entry() {
        let symbol = Symbol::new("BTCUSDT").unwrap();
        let mut position = Position::new(symbol, Some(PositionSide::Short), decimal("0.5"));
        assert_eq!(profit_at(&position, decimal("100")), None);
        position.entry_price = Some(decimal("120"));
        assert_eq!(profit_at(&position, decimal("100")), Some(decimal("10")));
        position.side = Some(PositionSide::Long);
        assert_eq!(profit_at(&position, decimal("100")), Some(decimal("-10")));
    }
}
