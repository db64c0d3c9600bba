use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hoox_connector::{
    Asset, Balance, Capabilities, Change, Client, ClientOrderId, Clock, Decimal, Error,
    ExchangeProvider, Fill, Instrument, Instruments, MarginMode, Market, NotSent, Operation,
    OperationKind, OrderClass, OrderId, OrderReport, Outcome, Patience, Position, PositionMode,
    PositionSide, PreparedOrder, Refused, RejectReason, Symbol, Timestamp, Transport, Venue,
};

use crate::Exchange;
use crate::shared_read::{Join, SharedRead};

/// The most symbols whose settings and prices are remembered.
const SYMBOLS_MAX: usize = 4096;

/// How old orders may be whose executions are read together.
const SHARED_AGE: Duration = Duration::from_secs(5);

/// Settings of a [`Desk`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeskSettings {
    /// The account's position mode. Default one-way.
    pub position_mode: PositionMode,
    /// How long the instruments are kept. Default 10 minutes.
    pub instruments_for: Duration,
    /// How long a margin mode and leverage that were set count as still set. Default 10 minutes.
    pub settings_for: Duration,
}

impl Default for DeskSettings {
    fn default() -> Self {
        Self {
            position_mode: PositionMode::OneWay,
            instruments_for: Duration::from_secs(600),
            settings_for: Duration::from_secs(600),
        }
    }
}

/// A way for orders beside the client's own requests: a WebSocket, for example.
pub trait OrderPath<P, T, C> {
    /// Places an order, or says with `None` that no byte of it left this way: then it goes over REST.
    /// An order that may have left is [`Outcome::Unknown`], never `None`.
    fn place(
        &self,
        client: &Arc<Client<P, T, C>>,
        order: &PreparedOrder,
    ) -> impl Future<Output = Option<Result<Outcome, Refused>>>;
}

/// No other way: every order goes over REST.
#[derive(Debug, Clone, Copy, Default)]
pub struct RestOnly;

impl<P, T, C> OrderPath<P, T, C> for RestOnly {
    async fn place(
        &self,
        _: &Arc<Client<P, T, C>>,
        _: &PreparedOrder,
    ) -> Option<Result<Outcome, Refused>> {
        None
    }
}

/// A [`Client`] with a memory: instruments, prices, and which margin mode and leverage are set
/// already, so that the order itself is the only round trip that is left.
#[derive(Debug)]
pub struct Desk<P, T, C, W = RestOnly> {
    client: Arc<Client<P, T, C>>,
    order_path: W,
    clock: C,
    settings: DeskSettings,
    memory: Mutex<Memory>,
    positions: SharedRead<Symbols, Result<Vec<Position>, Error>>,
    fills: Mutex<HashMap<Symbol, Arc<FillsRead>>>,
}

type FillsRead = SharedRead<Orders, Arc<Result<Vec<Fill>, Error>>>;

/// Of which symbol positions are wanted; of all if of none.
#[derive(Debug, Clone, Copy)]
struct Symbols(Option<Symbol>);

impl Join for Symbols {
    // An order waits for it.
    const WAIT_MAX: Duration = Duration::from_millis(250);

    fn join(self, other: Self) -> Self {
        Self(self.0.filter(|symbol| other.0 == Some(*symbol)))
    }
}

/// Of which orders of a symbol executions are wanted: of one, or of all since then.
#[derive(Debug, Clone, Copy)]
struct Orders {
    only: Option<OrderId>,
    since: Timestamp,
}

impl Join for Orders {
    // What is slow is slower still if everybody then asks for themselves.
    const WAIT_MAX: Duration = Duration::from_secs(1);

    fn join(self, other: Self) -> Self {
        let only = self.only.filter(|order| other.only == Some(*order));
        Self { only, since: self.since.min(other.since) }
    }
}

#[derive(Debug, Default)]
struct Memory {
    instruments: Option<(Duration, Arc<Instruments>)>,
    set: HashMap<(Symbol, Option<PositionSide>), Set>,
    prices: HashMap<Symbol, (Duration, Decimal)>,
}

/// A margin mode and leverage that were set.
#[derive(Debug, Clone, Copy)]
struct Set {
    at: Duration,
    margin_mode: MarginMode,
    leverage: u32,
    max_notional: Option<Decimal>,
}

impl<P: ExchangeProvider, T: Transport, C: Clock> Desk<P, T, C> {
    /// A desk with the default settings; `clock` measures how old the memory is.
    pub fn new(client: impl Into<Arc<Client<P, T, C>>>, clock: C) -> Self {
        Self::with_settings(client, clock, DeskSettings::default())
    }

    /// A desk with settings of its own.
    pub fn with_settings(
        client: impl Into<Arc<Client<P, T, C>>>,
        clock: C,
        settings: DeskSettings,
    ) -> Self {
        let (memory, positions, fills) = Default::default();
        let order_path = RestOnly;
        Self { client: client.into(), order_path, clock, settings, memory, positions, fills }
    }

    /// The same desk, whose orders take another way where that has one for them.
    #[must_use]
    pub fn with_order_path<W>(self, order_path: W) -> Desk<P, T, C, W> {
        let Self { client, order_path: _, clock, settings, memory, positions, fills } = self;
        Desk { client, order_path, clock, settings, memory, positions, fills }
    }
}

impl<P: ExchangeProvider, T: Transport, C: Clock, W> Desk<P, T, C, W> {
    /// The way its orders take.
    pub fn order_path(&self) -> &W {
        &self.order_path
    }

    /// The client.
    pub fn client(&self) -> &Arc<Client<P, T, C>> {
        &self.client
    }

    /// What need not be done while an order waits: corrects the clock and reads the instruments.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn warm_up(&self) -> Result<(), Error> {
        self.client.sync_clock().await?;
        if self.memory().instruments.is_some() {
            return Ok(());
        }
        self.load_instruments().await.map(drop)
    }

    /// Keeps instruments that were read already: some venues tell them only once in seconds.
    pub fn keep_instruments(&self, instruments: Arc<Instruments>) {
        self.memory().instruments = Some((self.clock.monotonic(), instruments));
    }

    /// The instruments that are kept, to share them with another desk of the same venue.
    pub fn kept_instruments(&self) -> Option<Arc<Instruments>> {
        self.memory().instruments.as_ref().map(|(_, kept)| Arc::clone(kept))
    }

    /// Sets the account's position mode to the one in the settings. "It is so already" is success.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn set_position_mode(&self) -> Result<(), Error> {
        let mode = self.settings.position_mode;
        self.client.set(&Operation::SetPositionMode { symbol: None, mode }).await.map(drop)
    }

    /// Takes note of what a refusal says of our idea of the exchange.
    fn learn(&self, refused: &Refused) {
        let rules = match refused {
            Refused::Rejected(rejection) => matches!(
                rejection.reason,
                RejectReason::Precision
                    | RejectReason::Quantity
                    | RejectReason::Price
                    | RejectReason::MinNotional
                    | RejectReason::UnknownSymbol
                    | RejectReason::NotTrading
            ),
            Refused::NotSent(NotSent::Filter(_)) => true,
            _ => false,
        };
        if rules {
            self.memory().instruments = None;
        }
        if matches!(refused, Refused::Rejected(r) if r.reason == RejectReason::Leverage) {
            self.memory().set.clear();
        }
    }

    async fn load_instruments(&self) -> Result<Arc<Instruments>, Error> {
        let now = self.clock.monotonic();
        let instruments = Arc::new(self.client.instruments().await?);
        self.memory().instruments = Some((now, Arc::clone(&instruments)));
        Ok(instruments)
    }

    fn fills_of(&self, symbol: Symbol) -> Arc<FillsRead> {
        let mut fills = self.fills.lock().unwrap_or_else(PoisonError::into_inner);
        if fills.len() >= SYMBOLS_MAX && !fills.contains_key(&symbol) {
            fills.clear();
        }
        Arc::clone(fills.entry(symbol).or_default())
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_within(&self, since: Duration, age: Duration) -> bool {
        self.clock.monotonic().saturating_sub(since) < age
    }
}

impl<P, T, C, W> Exchange for Desk<P, T, C, W>
where
    P: ExchangeProvider,
    T: Transport,
    C: Clock,
    W: OrderPath<P, T, C>,
{
    fn venue(&self) -> Venue {
        self.client.provider().venue()
    }

    fn market(&self) -> Market {
        self.client.provider().market()
    }

    fn capabilities(&self) -> &Capabilities {
        self.client.provider().capabilities()
    }

    fn recv_window(&self) -> Duration {
        self.client.provider().recv_window()
    }

    fn position_mode(&self) -> PositionMode {
        self.settings.position_mode
    }

    fn venue_now(&self) -> Timestamp {
        self.client.venue_now()
    }

    async fn sync_clock(&self) -> Result<(), Error> {
        self.client.sync_clock().await
    }

    async fn instrument(&self, symbol: Symbol) -> Result<Option<Instrument>, Error> {
        // Every plan begins here. An order signed by a clock that was never compared with the
        // exchange's would, lost, stay in limbo for as long as ours is ahead.
        if self.client.clock_error().is_none() {
            self.client.sync_clock().await?;
        }
        let kept = self.memory().instruments.clone();
        let instruments = match kept {
            Some((read, kept)) if self.is_within(read, self.settings.instruments_for) => kept,
            // The exchange has the last word on its rules; old ones are better than no order.
            Some((_, kept)) => self.load_instruments().await.unwrap_or(kept),
            None => self.load_instruments().await?,
        };
        Ok(instruments.find(&symbol).cloned())
    }

    fn forget_instruments(&self) {
        self.memory().instruments = None;
    }

    async fn price(&self, symbol: Symbol, max_age: Duration) -> Result<Option<Decimal>, Error> {
        let kept = self.memory().prices.get(&symbol).copied();
        if let Some((read, price)) = kept
            && self.is_within(read, max_age)
        {
            return Ok(Some(price));
        }
        let now = self.clock.monotonic();
        let ticker = self.client.ticker(symbol).await?;
        let price = ticker.mark_price.or(ticker.last_price).filter(|price| *price > Decimal::ZERO);
        if let Some(price) = price {
            let prices = &mut self.memory().prices;
            if prices.len() >= SYMBOLS_MAX {
                prices.clear();
            }
            prices.insert(symbol, (now, price));
        }
        Ok(price)
    }

    async fn positions(&self, symbol: Option<Symbol>) -> Result<Vec<Position>, Error> {
        let read = |Symbols(symbol)| self.client.positions(symbol);
        let mut positions = self.positions.ask(&self.clock, Symbols(symbol), read).await?;
        // Others may have wanted more.
        positions.retain(|position| symbol.is_none_or(|it| it == position.symbol));
        Ok(positions)
    }

    async fn balance(&self, asset: Option<Asset>) -> Result<Option<Balance>, Error> {
        let wanted = asset.as_ref().map_or("USDT", Asset::as_str);
        let balances = self.client.balances().await?;
        Ok(balances.iter().find(|balance| balance.asset.as_str() == wanted).copied())
    }

    async fn set_up(
        &self,
        symbol: Symbol,
        margin_mode: MarginMode,
        leverage: u32,
        position: Option<PositionSide>,
    ) -> Result<Option<Decimal>, Error> {
        let key = (symbol, position);
        let known = self.memory().set.get(&key).copied();
        let known = known.filter(|set| self.is_within(set.at, self.settings.settings_for));
        if let Some(set) = known
            && (set.margin_mode, set.leverage) == (margin_mode, leverage)
        {
            return Ok(set.max_notional);
        }
        // Half a change leaves nothing known.
        self.memory().set.remove(&key);
        let at = self.clock.monotonic();
        let capabilities = self.capabilities();
        if known.is_none_or(|set| set.margin_mode != margin_mode)
            && capabilities.supports(OperationKind::SetMarginMode)
        {
            let mode = margin_mode;
            self.client.set(&Operation::SetMarginMode { symbol, mode }).await?;
        }
        let mut max_notional = None;
        if capabilities.supports(OperationKind::SetLeverage) {
            let op = Operation::SetLeverage {
                symbol,
                leverage,
                margin_mode: Some(margin_mode),
                position_side: position,
            };
            if let Change::Bounded { max_notional: bound } = self.client.set(&op).await? {
                max_notional = Some(bound);
            }
        }
        let set = &mut self.memory().set;
        if set.len() >= SYMBOLS_MAX {
            set.clear();
        }
        set.insert(key, Set { at, margin_mode, leverage, max_notional });
        Ok(max_notional)
    }

    async fn place(&self, order: &PreparedOrder) -> Result<Outcome, Refused> {
        let placed = match self.order_path.place(&self.client, order).await {
            Some(placed) => placed,
            // Whoever waits for room must be asked again whether the order is still wanted.
            None => self.client.place_with(order, Patience::Refuse).await,
        };
        if let Err(refused) = &placed {
            self.learn(refused);
        }
        placed
    }

    async fn find(&self, symbol: Symbol, id: ClientOrderId) -> Result<Option<OrderReport>, Error> {
        self.client.find(symbol, id, OrderClass::Plain).await
    }

    async fn fills(
        &self,
        symbol: Symbol,
        order: OrderId,
        since: Timestamp,
    ) -> Result<Vec<Fill>, Error> {
        let error = self.client.clock_error().unwrap_or(Duration::MAX);
        let age = self.client.venue_now().since(since).saturating_add(error);
        // Of an old order, or by a clock that was never compared, the list would be long.
        if age > SHARED_AGE {
            return self.client.fills(symbol, order).await;
        }
        let error = u64::try_from(error.as_millis()).unwrap_or(u64::MAX);
        let since = Timestamp::from_millis(since.as_millis().saturating_sub(error));
        let shared = self.fills_of(symbol);
        let read = |orders: Orders| async move {
            Arc::new(match orders.only {
                Some(order) => self.client.fills(symbol, order).await,
                None => self.client.fills_since(symbol, orders.since).await,
            })
        };
        let read = shared.ask(&self.clock, Orders { only: Some(order), since }, read).await;
        let fills = match &*read {
            Ok(fills) => fills.iter().filter(|fill| fill.order_id == order).cloned().collect(),
            Err(error) => return Err(error.clone()),
        };
        match fills {
            // A list of many orders may lag behind where the order itself does not.
            fills if Vec::is_empty(&fills) => self.client.fills(symbol, order).await,
            fills => Ok(fills),
        }
    }
}

#[cfg(test)]
#[path = "desk_tests.rs"]
mod tests;
