use std::collections::HashMap;

use super::recent::Recent;
use crate::{Event, OrderId, Symbol};

/// How many trades are remembered while two connections overlap.
const TRADES_MAX: usize = 65_536;

/// One feed of market data out of two connections that overlap: what both tell is told once.
///
/// Needed only while they overlap. Books need no help: their numbers tell what is old.
#[derive(Debug, Clone)]
pub struct MarketMerge {
    tops: HashMap<Symbol, u64>,
    trades: Recent<(Symbol, OrderId), ()>,
}

impl Default for MarketMerge {
    fn default() -> Self {
        Self { tops: HashMap::new(), trades: Recent::new(TRADES_MAX) }
    }
}

impl MarketMerge {
    /// Whether `event` is news. What has no number counts only from the connection that carries the
    /// session (`current`).
    pub fn admit(&mut self, event: &Event, current: bool) -> bool {
        match event {
            Event::BookTop(top) => match top.update_id {
                None => current,
                Some(id) => {
                    let last = self.tops.entry(top.symbol).or_insert(0);
                    let news = id > *last;
                    *last = id.max(*last);
                    news
                }
            },
            Event::Trade(trade) => match trade.trade_id {
                None => current,
                Some(id) => {
                    let news = self.trades.get(&(trade.symbol, id)).is_none();
                    self.trades.insert((trade.symbol, id), ());
                    news
                }
            },
            _ => true,
        }
    }

    /// Forgets everything: the overlap is over.
    pub fn clear(&mut self) {
        self.tops = HashMap::new();
        self.trades.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Trade;
    use crate::{BookTop, Side, Timestamp};

    fn symbol() -> Symbol {
        Symbol::new("BTCUSDT").unwrap()
    }

    fn trade(id: Option<u64>) -> Event {
        Event::Trade(Trade {
            symbol: symbol(),
            trade_id: id.map(OrderId::from),
            price: 1.into(),
            quantity: 1.into(),
            taker_side: Side::Buy,
            at: Timestamp::from_millis(1),
        })
    }

    fn top(update_id: Option<u64>) -> Event {
        Event::BookTop(BookTop {
            symbol: symbol(),
            bid_price: None,
            bid_quantity: None,
            ask_price: None,
            ask_quantity: None,
            update_id,
            at: None,
        })
    }

    #[test]
    fn what_two_connections_tell_is_told_once() {
        let mut merge = MarketMerge::default();
        let both: Vec<Event> = [trade(Some(1)), trade(Some(2)), top(Some(5)), top(Some(6))].into();
        let first = both.iter().filter(|event| merge.admit(event, true)).count();
        let again = both.iter().filter(|event| merge.admit(event, false)).count();
        assert_eq!((first, again), (4, 0));
        assert!(merge.admit(&top(Some(7)), false));
    }

    #[test]
    fn what_has_no_number_counts_from_one_connection() {
        let mut merge = MarketMerge::default();
        for event in [trade(None), top(None)] {
            assert!(merge.admit(&event, true) && !merge.admit(&event, false));
        }
    }
}
