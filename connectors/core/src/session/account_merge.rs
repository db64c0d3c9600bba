use core::hash::Hash;
use std::collections::HashSet;

use rust_decimal::Decimal;

use super::recent::Recent;
use crate::{
    Asset, Balance, ClientOrderId, Event, Fill, OrderId, OrderReport, OrderStatus, Position,
    PositionSide, Symbol, Timestamp,
};

/// How many orders, fills, positions and balances are remembered.
const REMEMBERED_MAX: usize = 16_384;

/// An order that was open when it was last heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Known {
    /// Its symbol.
    pub symbol: Symbol,
    /// The venue's id.
    pub order_id: OrderId,
    /// Our id.
    pub client_order_id: Option<ClientOrderId>,
    /// Whether it has a trigger.
    pub triggered: bool,
}

/// One feed of an account out of several tellers: connections that overlap, and what is read over
/// REST after a gap.
///
/// Nothing is told twice and nothing goes backwards: fills are known by their ids, orders by how far
/// they have come. Positions and balances have no number; while a read is under way, what the stream
/// tells of one of them counts, and the read does not.
#[derive(Debug, Clone)]
pub struct AccountMerge {
    orders: Recent<(Symbol, OrderId), SeenOrder>,
    fills: Recent<(Symbol, OrderId, OrderId), ()>,
    positions: Recent<PositionKey, Position>,
    balances: Recent<Asset, Balance>,
    /// What the stream told since the read began.
    told: Option<HashSet<Key>>,
}

type PositionKey = (Symbol, Option<PositionSide>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Order(Symbol, OrderId),
    Position(PositionKey),
    Balance(Asset),
}

#[derive(Debug, Clone, Copy)]
struct SeenOrder {
    known: Known,
    status: OrderStatus,
    filled: Decimal,
    terms: (Option<Decimal>, Option<Decimal>),
    updated_at: Option<Timestamp>,
}

impl SeenOrder {
    fn of(it: &OrderReport) -> Self {
        Self {
            known: Known {
                symbol: it.symbol,
                order_id: it.order_id,
                client_order_id: it.client_order_id,
                triggered: it.trigger_price.is_some(),
            },
            status: it.status,
            filled: it.filled_quantity,
            terms: (it.quantity, it.price),
            updated_at: it.updated_at,
        }
    }

    /// Whether `later` says more than this.
    fn gives_way_to(&self, later: &Self) -> bool {
        let same =
            (self.status, self.filled, self.terms) == (later.status, later.filled, later.terms);
        let reopened = !self.status.is_open() && later.status.is_open();
        let older = matches!(
            (self.updated_at, later.updated_at), (Some(seen), Some(told)) if told < seen
        );
        !same && !reopened && !older && later.filled >= self.filled
    }
}

impl Default for AccountMerge {
    fn default() -> Self {
        Self {
            orders: Recent::new(REMEMBERED_MAX),
            fills: Recent::new(REMEMBERED_MAX),
            positions: Recent::new(REMEMBERED_MAX),
            balances: Recent::new(REMEMBERED_MAX),
            told: None,
        }
    }
}

impl AccountMerge {
    /// Whether what a connection tells is news. Positions and balances count only from the
    /// connection that carries the session (`current`).
    pub fn admit(&mut self, event: &Event, current: bool) -> bool {
        let key = match event {
            Event::Order(order) => Key::Order(order.symbol, order.order_id),
            Event::Position(position) if current => Key::Position(position_key(position)),
            Event::Balance(balance) if current => Key::Balance(balance.asset),
            Event::Position(_) | Event::Balance(_) => return false,
            _ => return self.is_news(event),
        };
        if let Some(told) = &mut self.told {
            told.insert(key);
        }
        self.is_news(event)
    }

    /// A read over REST begins, of everything that is told between here and
    /// [`end_read`](Self::end_read).
    pub fn begin_read(&mut self) {
        self.told = Some(HashSet::new());
    }

    /// The read is done, or given up.
    pub fn end_read(&mut self) {
        self.told = None;
    }

    /// Whether what was read over REST is news.
    pub fn admit_read(&mut self, event: &Event) -> bool {
        let key = match event {
            Event::Order(order) => Some(Key::Order(order.symbol, order.order_id)),
            Event::Position(position) => Some(Key::Position(position_key(position))),
            Event::Balance(balance) => Some(Key::Balance(balance.asset)),
            _ => None,
        };
        !key.is_some_and(|key| self.was_told(&key)) && self.is_news(event)
    }

    /// Orders known as open that are not among the open orders that were read: something became of
    /// them. Those the stream told of meanwhile are left out.
    pub fn no_longer_open(&self, open: &[OrderReport]) -> Vec<Known> {
        let open: HashSet<_> = open.iter().map(|it| (it.symbol, it.order_id)).collect();
        let gone = self.orders.iter().filter(|(key, seen)| {
            seen.status.is_open()
                && !open.contains(*key)
                && !self.was_told(&Key::Order(key.0, key.1))
        });
        gone.map(|(_, seen)| seen.known).collect()
    }

    /// Positions known as open that are not among those that were read, as closed ones.
    pub fn no_longer_held(&self, held: &[Position]) -> Vec<Position> {
        let held: HashSet<_> = held.iter().map(position_key).collect();
        let gone = self.positions.iter().filter(|(key, seen)| {
            !seen.size.is_zero() && !held.contains(*key) && !self.was_told(&Key::Position(**key))
        });
        let closed = gone.map(|((symbol, side), _)| {
            let mut closed = Position::new(*symbol, *side, Decimal::ZERO);
            closed.hedge = side.is_some();
            closed
        });
        closed.collect()
    }

    /// Balances known that are not among those that were read, as zero.
    pub fn no_longer_owned(&self, owned: &[Balance]) -> Vec<Balance> {
        let owned: HashSet<_> = owned.iter().map(|it| it.asset).collect();
        let gone = self.balances.iter().filter(|(asset, seen)| {
            !seen.total.is_zero()
                && !owned.contains(*asset)
                && !self.was_told(&Key::Balance(**asset))
        });
        gone.map(|(asset, _)| Balance {
            asset: *asset,
            available: Decimal::ZERO,
            total: Decimal::ZERO,
        })
        .collect()
    }

    /// The symbols of everything that is remembered.
    pub fn symbols(&self) -> HashSet<Symbol> {
        let orders = self.orders.iter().map(|(key, _)| key.0);
        orders.chain(self.positions.iter().map(|(key, _)| key.0)).collect()
    }

    fn was_told(&self, key: &Key) -> bool {
        self.told.as_ref().is_some_and(|told| told.contains(key))
    }

    fn is_news(&mut self, event: &Event) -> bool {
        match event {
            Event::Order(order) => self.order(order),
            Event::Fill(fill) => self.fill(fill),
            Event::Position(position) => {
                let (key, older) = (position_key(position), |seen: &Position| {
                    matches!(
                        (seen.updated_at, position.updated_at),
                        (Some(seen), Some(told)) if told < seen
                    )
                });
                news(&mut self.positions, key, *position, older)
            }
            Event::Balance(balance) => news(&mut self.balances, balance.asset, *balance, |_| false),
            _ => true,
        }
    }

    fn order(&mut self, order: &OrderReport) -> bool {
        let key = (order.symbol, order.order_id);
        let told = SeenOrder::of(order);
        let news = self.orders.get(&key).is_none_or(|seen| seen.gives_way_to(&told));
        if news {
            self.orders.insert(key, told);
        }
        news
    }

    fn fill(&mut self, fill: &Fill) -> bool {
        // Of a trade with ourselves both orders carry its id.
        let key = (fill.symbol, fill.trade_id, fill.order_id);
        let news = self.fills.get(&key).is_none();
        self.fills.insert(key, ());
        news
    }
}

/// Remembers `told` unless it is known, or older than what is known.
fn news<K: Copy + Eq + Hash, V: Copy + PartialEq>(
    seen: &mut Recent<K, V>,
    key: K,
    told: V,
    older: impl Fn(&V) -> bool,
) -> bool {
    let news = seen.get(&key).is_none_or(|seen| *seen != told && !older(seen));
    if news {
        seen.insert(key, told);
    }
    news
}

fn position_key(position: &Position) -> PositionKey {
    (position.symbol, position.side.filter(|_| position.hedge))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Side;

    fn symbol() -> Symbol {
        Symbol::new("BTCUSDT").unwrap()
    }

    fn order(id: u64, status: OrderStatus, filled: i64, at: u64) -> Event {
        let mut order = OrderReport::new(symbol(), id.into(), Side::Buy, status);
        order.quantity = Some(10.into());
        order.filled_quantity = filled.into();
        order.updated_at = Some(Timestamp::from_millis(at));
        Event::Order(order)
    }

    fn report(event: &Event) -> OrderReport {
        let Event::Order(order) = event else { panic!() };
        *order
    }

    fn fill(trade: u64, order: u64, at: u64) -> Event {
        Event::Fill(Fill::new(
            symbol(),
            (trade.into(), order.into()),
            Side::Buy,
            (1.into(), 1.into()),
            Timestamp::from_millis(at),
        ))
    }

    fn position(size: i64, at: u64) -> Event {
        let mut position = Position::new(symbol(), Some(PositionSide::Long), size.into());
        position.updated_at = Some(Timestamp::from_millis(at));
        Event::Position(position)
    }

    fn balance(total: i64) -> Event {
        let asset = Asset::new("USDT").unwrap();
        Event::Balance(Balance { asset, available: total.into(), total: total.into() })
    }

    #[test]
    fn an_order_never_goes_backwards() {
        use OrderStatus::{Canceled, Filled, New, PartiallyFilled};
        let mut merge = AccountMerge::default();
        assert!(merge.admit(&order(1, New, 0, 10), true));
        assert!(!merge.admit(&order(1, New, 0, 10), false), "repeated");
        assert!(merge.admit(&order(1, PartiallyFilled, 3, 11), false));
        assert!(!merge.admit(&order(1, New, 0, 10), true), "late");
        assert!(!merge.admit(&order(1, PartiallyFilled, 2, 11), true), "less filled");
        assert!(merge.admit(&order(1, Filled, 10, 11), true));
        assert!(!merge.admit(&order(1, PartiallyFilled, 10, 12), true), "open again");
        assert!(merge.admit(&order(2, Canceled, 0, 5), true), "another order");
    }

    #[test]
    fn a_fill_is_told_once_and_a_trade_with_ourselves_twice() {
        let mut merge = AccountMerge::default();
        assert!(merge.admit(&fill(7, 1, 100), true));
        assert!(merge.admit(&fill(7, 2, 100), true));
        assert!(!merge.admit(&fill(7, 1, 100), false));
        assert!(!merge.admit_read(&fill(7, 2, 100)));
        assert!(merge.admit_read(&fill(6, 1, 90)));
    }

    #[test]
    fn what_the_stream_told_during_a_read_counts_more_than_the_read() {
        let mut merge = AccountMerge::default();
        merge.begin_read();
        assert!(merge.admit(&balance(90), true));
        assert!(!merge.admit_read(&balance(100)), "read before the stream told");
        merge.end_read();
        merge.begin_read();
        assert!(merge.admit_read(&balance(80)));
    }

    #[test]
    fn an_older_connection_tells_no_balances() {
        let mut merge = AccountMerge::default();
        assert!(merge.admit(&balance(90), true));
        assert!(!merge.admit(&balance(100), false));
        assert!(!merge.admit(&position(1, 1), false));
    }

    #[test]
    fn an_older_position_is_no_news() {
        let mut merge = AccountMerge::default();
        assert!(merge.admit(&position(2, 20), true));
        assert!(!merge.admit(&position(1, 10), true));
        assert!(merge.admit(&position(1, 30), true));
    }

    #[test]
    fn what_ended_unheard_is_noticed() {
        let mut merge = AccountMerge::default();
        let orders = [1, 2, 3].map(|id| order(id, OrderStatus::New, 0, id));
        for event in orders.iter().chain([&position(5, 1), &balance(9)]) {
            merge.admit(event, true);
        }
        merge.begin_read();
        merge.admit(&order(3, OrderStatus::Canceled, 0, 9), true);
        let gone = merge.no_longer_open(&[report(&orders[0])]);
        assert_eq!(gone.iter().map(|it| it.order_id).collect::<Vec<_>>(), [OrderId::from(2)]);
        let closed = merge.no_longer_held(&[]);
        assert_eq!(closed, [Position::new(symbol(), None, Decimal::ZERO)]);
        assert_eq!(merge.no_longer_owned(&[]).len(), 1);
        for event in closed.into_iter().map(Event::Position) {
            assert!(merge.admit_read(&event));
        }
        assert!(merge.no_longer_held(&[]).is_empty());
    }

    #[test]
    fn memory_is_bounded() {
        let mut merge = AccountMerge::default();
        for id in 0..100_000 {
            merge.admit(&order(id, OrderStatus::New, 0, id), true);
            merge.admit(&fill(id, id, id), true);
        }
        assert_eq!(merge.no_longer_open(&[]).len(), REMEMBERED_MAX);
    }
}
