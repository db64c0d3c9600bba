//! The order store: by id and by client id in constant time, bounded in length.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::order::Order;

/// First order id minus one. Larger than 32 bits, as on the real venue.
const FIRST_ORDER_ID: u64 = 28_457_000_000;

type Pair = (usize, usize);

/// Every order the venue remembers.
#[derive(Debug)]
pub(crate) struct OrderStore {
    orders: HashMap<u64, Order>,
    open: Vec<BTreeSet<u64>>,
    open_count: usize,
    /// Per account and instrument: the newest order of each client id.
    by_client: HashMap<Pair, HashMap<Box<str>, u64>>,
    by_pair: HashMap<Pair, BTreeSet<u64>>,
    closed: VecDeque<u64>,
    limit: usize,
    last_id: u64,
    reused_client_ids: u64,
    refused_client_ids: u64,
}

impl OrderStore {
    pub(crate) fn new(instruments: usize, limit: usize) -> Self {
        Self {
            orders: HashMap::new(),
            open: vec![BTreeSet::new(); instruments],
            open_count: 0,
            by_client: HashMap::new(),
            by_pair: HashMap::new(),
            closed: VecDeque::new(),
            limit: limit.max(1),
            last_id: FIRST_ORDER_ID,
            reused_client_ids: 0,
            refused_client_ids: 0,
        }
    }

    pub(crate) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Stores an open order under its id, client id and instrument.
    pub(crate) fn insert(&mut self, order: Order) {
        let pair = (order.account, order.instrument);
        let clients = self.by_client.entry(pair).or_default();
        if clients.insert(order.client_id.clone(), order.id).is_some() {
            self.reused_client_ids += 1;
        }
        self.by_pair.entry(pair).or_default().insert(order.id);
        if let Some(open) = self.open.get_mut(order.instrument) {
            self.open_count += usize::from(open.insert(order.id));
        }
        self.orders.insert(order.id, order);
    }

    /// Takes an order out of the open set and forgets the oldest closed ones beyond the limit.
    pub(crate) fn close(&mut self, id: u64) {
        let Some(order) = self.orders.get(&id) else { return };
        if let Some(open) = self.open.get_mut(order.instrument)
            && open.remove(&id)
        {
            self.open_count -= 1;
            self.closed.push_back(id);
        }
        while self.closed.len() > self.limit {
            if let Some(oldest) = self.closed.pop_front() {
                self.forget(oldest);
            }
        }
    }

    pub(crate) fn get(&self, id: u64) -> Option<&Order> {
        self.orders.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: u64) -> Option<&mut Order> {
        self.orders.get_mut(&id)
    }

    /// The newest order of an account and instrument with this client id.
    pub(crate) fn by_client(&self, account: usize, instrument: usize, id: &str) -> Option<&Order> {
        let id = self.by_client.get(&(account, instrument))?.get(id)?;
        self.orders.get(id)
    }

    /// Whether an open order of the account and instrument uses the client id. The newest order
    /// with an id is the only one that can be open.
    pub(crate) fn client_id_in_use(&self, account: usize, instrument: usize, id: &str) -> bool {
        self.by_client(account, instrument, id).is_some_and(|o| o.status.is_open())
    }

    /// Open orders of an instrument, oldest first, of all accounts.
    pub(crate) fn open_ids(&self, instrument: usize) -> impl Iterator<Item = u64> + '_ {
        self.open.get(instrument).into_iter().flatten().copied()
    }

    /// Open orders of an account, by instrument, oldest first.
    pub(crate) fn open_of(
        &self,
        account: usize,
        instrument: usize,
    ) -> impl Iterator<Item = &Order> + '_ {
        self.open_ids(instrument)
            .filter_map(|id| self.orders.get(&id))
            .filter(move |o| o.account == account)
    }

    /// All remembered orders of an account and instrument from `from` on, oldest first.
    pub(crate) fn history(
        &self,
        account: usize,
        instrument: usize,
        from: u64,
    ) -> impl DoubleEndedIterator<Item = &Order> + '_ {
        self.by_pair
            .get(&(account, instrument))
            .into_iter()
            .flat_map(move |ids| ids.range(from..))
            .filter_map(|id| self.orders.get(id))
    }

    /// The ids of all remembered orders of an account, oldest first.
    pub(crate) fn all_of(&self, account: usize) -> Vec<&Order> {
        let mut all: Vec<&Order> = self.orders.values().filter(|o| o.account == account).collect();
        all.sort_unstable_by_key(|o| o.id);
        all
    }

    pub(crate) fn any_open(&self) -> bool {
        self.open_count > 0
    }

    pub(crate) fn has_open(&self, instrument: usize) -> bool {
        self.open.get(instrument).is_some_and(|o| !o.is_empty())
    }

    /// Orders accepted so far, forgotten ones included.
    pub(crate) fn accepted(&self) -> u64 {
        self.last_id - FIRST_ORDER_ID
    }

    /// Orders whose client id had already been used by an earlier, remembered order.
    pub(crate) fn reused_client_ids(&self) -> u64 {
        self.reused_client_ids
    }

    /// Orders refused because an open one has their client id.
    pub(crate) fn refused_client_ids(&self) -> u64 {
        self.refused_client_ids
    }

    pub(crate) fn count_refused_client_id(&mut self) {
        self.refused_client_ids += 1;
    }

    fn forget(&mut self, id: u64) {
        let Some(order) = self.orders.remove(&id) else { return };
        let pair = (order.account, order.instrument);
        if let Some(ids) = self.by_pair.get_mut(&pair) {
            ids.remove(&id);
        }
        if let Some(clients) = self.by_client.get_mut(&pair)
            && clients.get(&order.client_id) == Some(&id)
        {
            clients.remove(&order.client_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::types::{OrderKind, PositionSide, Side, Status, TimeInForce};
    use rust_decimal::Decimal;

    fn order(id: u64, client: &str) -> Order {
        Order {
            id,
            account: 0,
            instrument: 1,
            client_id: client.into(),
            side: Side::Buy,
            kind: OrderKind::Limit,
            tif: TimeInForce::Gtc,
            position_side: PositionSide::Both,
            reduce_only: false,
            closing: false,
            price: Decimal::ONE,
            stop_price: Decimal::ZERO,
            trail: None,
            quantity: Decimal::ONE,
            quote_quantity: Decimal::ZERO,
            executed: Decimal::ZERO,
            quote_executed: Decimal::ZERO,
            status: Status::New,
            working: true,
            reserved: Decimal::ZERO,
            created_ms: 0,
            updated_ms: 0,
        }
    }

    fn add(store: &mut OrderStore, client: &str) -> u64 {
        let id = store.next_id();
        store.insert(order(id, client));
        id
    }

    #[test]
    fn history_is_bounded_and_open_orders_are_never_forgotten() {
        let mut store = OrderStore::new(2, 3);
        let kept = add(&mut store, "open");
        let closed: Vec<u64> = (0..10).map(|n| add(&mut store, &format!("c{n}"))).collect();
        for id in &closed {
            store.close(*id);
        }
        assert!(store.get(kept).is_some());
        assert_eq!(store.all_of(0).len(), 4);
        assert!(store.get(closed[0]).is_none() && store.get(closed[9]).is_some());
        assert!(store.by_client(0, 1, "c0").is_none());
        assert_eq!(store.by_client(0, 1, "c9").map(|o| o.id), Some(closed[9]));
        assert_eq!(store.accepted(), 11);
    }

    #[test]
    fn a_client_id_is_in_use_only_while_its_order_is_open() {
        let mut store = OrderStore::new(2, 10);
        let first = add(&mut store, "a");
        assert!(store.client_id_in_use(0, 1, "a"));
        assert!(!store.client_id_in_use(0, 0, "a"));
        store.get_mut(first).expect("order").status = Status::Filled;
        store.close(first);
        assert!(!store.client_id_in_use(0, 1, "a"));
        let second = add(&mut store, "a");
        assert_eq!(store.reused_client_ids(), 1);
        assert_eq!(store.by_client(0, 1, "a").map(|o| o.id), Some(second));
    }
}
