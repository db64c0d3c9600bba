//! What an account feed remembers for readers that were too slow.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::account::AccountEvent;
use super::feed::{FeedEvent, Lost, Memory};
use crate::{Asset, OrderId, PositionSide, Symbol};

/// How many orders, fills, positions and balances are remembered, all together.
const REMEMBERED_MAX: usize = 16_384;

/// The last that was told of everything, in the order it was told: the state of each order, position
/// and balance, and every fill.
#[derive(Debug, Default)]
#[doc(hidden)]
pub struct AccountMemory {
    events: BTreeMap<u64, AccountEvent>,
    last: HashMap<Key, u64>,
    /// The newest that was forgotten, and not for something newer of the same.
    forgotten: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Order(Symbol, OrderId),
    /// Of a trade with ourselves both orders carry its id.
    Fill(Symbol, OrderId, OrderId),
    Position(Symbol, Option<PositionSide>),
    Balance(Asset),
    /// Whether there is a connection, and whether what was missed is read: the last of each.
    Session(std::mem::Discriminant<AccountEvent>),
}

fn key(event: &AccountEvent) -> Key {
    match event {
        AccountEvent::Order(it) => Key::Order(it.symbol, it.order_id),
        AccountEvent::Fill(it) => Key::Fill(it.symbol, it.trade_id, it.order_id),
        AccountEvent::Position(it) => Key::Position(it.symbol, it.side.filter(|_| it.hedge)),
        AccountEvent::Balance(it) => Key::Balance(it.asset),
        AccountEvent::Connected
        | AccountEvent::Disconnected
        | AccountEvent::Resynced
        | AccountEvent::Stopped(_) => Key::Session(std::mem::discriminant(event)),
    }
}

impl FeedEvent for AccountEvent {
    type Memory = AccountMemory;

    fn count_of<'c>(&self, counts: &'c mut Lost) -> &'c mut u64 {
        match self {
            Self::Order(_) => &mut counts.orders,
            Self::Fill(_) => &mut counts.fills,
            Self::Position(_) => &mut counts.positions,
            Self::Balance(_) => &mut counts.balances,
            Self::Connected | Self::Disconnected | Self::Resynced | Self::Stopped(_) => {
                &mut counts.others
            }
        }
    }
}

impl Memory<AccountEvent> for AccountMemory {
    fn keep(&mut self, number: u64, event: &AccountEvent) {
        if let Some(before) = self.last.insert(key(event), number) {
            self.events.remove(&before);
        }
        self.events.insert(number, event.clone());
        if self.events.len() > REMEMBERED_MAX
            && let Some((oldest, event)) = self.events.pop_first()
        {
            self.last.remove(&key(&event));
            self.forgotten = Some(oldest);
        }
    }

    fn since(&self, number: u64) -> (VecDeque<AccountEvent>, bool) {
        let events = self.events.range(number..).map(|(_, event)| event.clone()).collect();
        (events, self.forgotten.is_none_or(|newest| newest < number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Balance, Fill, OrderReport, OrderStatus, Side, Timestamp};

    fn symbol() -> Symbol {
        Symbol::new("BTCUSDT").unwrap()
    }

    fn order(id: u64, status: OrderStatus) -> AccountEvent {
        AccountEvent::Order(OrderReport::new(symbol(), id.into(), Side::Buy, status))
    }

    fn fill(trade: u64) -> AccountEvent {
        AccountEvent::Fill(Fill::new(
            symbol(),
            (trade.into(), 1.into()),
            Side::Buy,
            (1.into(), 1.into()),
            Timestamp::from_millis(trade),
        ))
    }

    fn balance(total: u64) -> AccountEvent {
        let asset = Asset::new("USDT").unwrap();
        AccountEvent::Balance(Balance { asset, available: total.into(), total: total.into() })
    }

    fn memory(events: &[AccountEvent]) -> AccountMemory {
        let mut memory = AccountMemory::default();
        for (number, event) in events.iter().enumerate() {
            memory.keep(number as u64, event);
        }
        memory
    }

    #[test]
    fn every_fill_and_the_last_state_of_everything_else() {
        let told = [
            order(1, OrderStatus::New),
            balance(100),
            fill(1),
            order(1, OrderStatus::PartiallyFilled),
            fill(2),
            order(1, OrderStatus::Filled),
            balance(90),
        ];
        let memory = memory(&told);
        let last = |places: &[usize]| places.iter().map(|place| told[*place].clone()).collect();
        assert_eq!(memory.since(0), (last(&[2, 4, 5, 6]), true));
        // What the reader had heard is left out.
        assert_eq!(memory.since(4), (last(&[4, 5, 6]), true));
        assert_eq!(memory.since(7), (VecDeque::new(), true));
    }

    #[test]
    fn memory_is_bounded_and_says_so() {
        let fills: Vec<_> = (0..REMEMBERED_MAX as u64 + 10).map(fill).collect();
        let memory = memory(&fills);
        let (again, complete) = memory.since(0);
        assert_eq!((again.len(), complete), (REMEMBERED_MAX, false));
        assert!(memory.since(10).1, "all of these are there");
        assert_eq!(memory.last.len(), REMEMBERED_MAX);
    }
}
