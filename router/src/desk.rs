use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hoox_connector::{
    Asset, Capabilities, Client, ClientOrderId, Clock, Decimal, Error, ExchangeProvider, Fill,
    Instrument, Instruments, MarginMode, Market, NotSent, Operation, OperationKind, OrderClass,
    OrderId, OrderReport, Outcome, Patience, Position, PositionMode, PositionSide, PreparedOrder,
    Refused, RejectReason, Symbol, Timestamp, Transport, Venue,
};

use crate::Exchange;

/// The most symbols whose settings and prices are remembered.
const SYMBOLS_MAX: usize = 4096;

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

/// A [`Client`] with a memory: instruments, prices, and which margin mode and leverage are set
/// already, so that the order itself is the only round trip that is left.
#[derive(Debug)]
pub struct Desk<P, T, C> {
    client: Client<P, T, C>,
    clock: C,
    settings: DeskSettings,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    instruments: Option<(Duration, Arc<Instruments>)>,
    set: HashMap<(Symbol, Option<PositionSide>), (Duration, MarginMode, u32)>,
    prices: HashMap<Symbol, (Duration, Decimal)>,
}

impl<P: ExchangeProvider, T: Transport, C: Clock> Desk<P, T, C> {
    /// A desk with the default settings; `clock` measures how old the memory is.
    pub fn new(client: Client<P, T, C>, clock: C) -> Self {
        Self::with_settings(client, clock, DeskSettings::default())
    }

    /// A desk with settings of its own.
    pub fn with_settings(client: Client<P, T, C>, clock: C, settings: DeskSettings) -> Self {
        Self { client, clock, settings, memory: Mutex::default() }
    }

    /// The client.
    pub fn client(&self) -> &Client<P, T, C> {
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

    /// Sets the account's position mode to the one in the settings. "It is so already" is success.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn set_position_mode(&self) -> Result<(), Error> {
        let mode = self.settings.position_mode;
        self.client.set(&Operation::SetPositionMode { symbol: None, mode }).await.map(drop)
    }

    async fn load_instruments(&self) -> Result<Arc<Instruments>, Error> {
        let now = self.clock.monotonic();
        let instruments = Arc::new(self.client.instruments().await?);
        self.memory().instruments = Some((now, Arc::clone(&instruments)));
        Ok(instruments)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_within(&self, since: Duration, age: Duration) -> bool {
        self.clock.monotonic().saturating_sub(since) < age
    }
}

impl<P: ExchangeProvider, T: Transport, C: Clock> Exchange for Desk<P, T, C> {
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
        self.client.positions(symbol).await
    }

    async fn available(&self, asset: Option<Asset>) -> Result<Decimal, Error> {
        let wanted = asset.as_ref().map_or("USDT", Asset::as_str);
        let balances = self.client.balances().await?;
        let balance = balances.iter().find(|balance| balance.asset.as_str() == wanted);
        Ok(balance.map_or(Decimal::ZERO, |balance| balance.available))
    }

    async fn set_up(
        &self,
        symbol: Symbol,
        margin_mode: MarginMode,
        leverage: u32,
        position: Option<PositionSide>,
    ) -> Result<(), Error> {
        let key = (symbol, position);
        let known = self.memory().set.get(&key).copied();
        let known = known.filter(|(at, ..)| self.is_within(*at, self.settings.settings_for));
        if known.is_some_and(|(_, mode, set)| (mode, set) == (margin_mode, leverage)) {
            return Ok(());
        }
        // Half a change leaves nothing known.
        self.memory().set.remove(&key);
        let now = self.clock.monotonic();
        let capabilities = self.capabilities();
        if known.is_none_or(|(_, mode, _)| mode != margin_mode)
            && capabilities.supports(OperationKind::SetMarginMode)
        {
            let mode = margin_mode;
            self.client.set(&Operation::SetMarginMode { symbol, mode }).await?;
        }
        if capabilities.supports(OperationKind::SetLeverage) {
            let op = Operation::SetLeverage {
                symbol,
                leverage,
                margin_mode: Some(margin_mode),
                position_side: position,
            };
            self.client.set(&op).await?;
        }
        let set = &mut self.memory().set;
        if set.len() >= SYMBOLS_MAX {
            set.clear();
        }
        set.insert(key, (now, margin_mode, leverage));
        Ok(())
    }

    async fn place(&self, order: &PreparedOrder) -> Result<Outcome, Refused> {
        // Whoever waits for room must be asked again whether the order is still wanted.
        let result = self.client.place_with(order, Patience::Refuse).await;
        let rules = match &result {
            Err(Refused::Rejected(rejection)) => matches!(
                rejection.reason,
                RejectReason::Precision
                    | RejectReason::Quantity
                    | RejectReason::Price
                    | RejectReason::MinNotional
                    | RejectReason::UnknownSymbol
                    | RejectReason::NotTrading
            ),
            Err(Refused::NotSent(NotSent::Filter(_))) => true,
            _ => false,
        };
        if rules {
            self.forget_instruments();
        }
        if matches!(&result, Err(Refused::Rejected(r)) if r.reason == RejectReason::Leverage) {
            self.memory().set.clear();
        }
        result
    }

    async fn find(&self, symbol: Symbol, id: ClientOrderId) -> Result<Option<OrderReport>, Error> {
        self.client.find(symbol, id, OrderClass::Plain).await
    }

    async fn fills(&self, symbol: Symbol, order: OrderId) -> Result<Vec<Fill>, Error> {
        self.client.fills(symbol, order).await
    }
}

#[cfg(test)]
#[path = "desk_tests.rs"]
mod tests;
