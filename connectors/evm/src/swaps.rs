mod ask;
mod place;

use core::fmt;
use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;
use hoox_connector::{
    Asset, Balance, Capabilities, ClientOrderId, Clock, Decimal, Error, Exchange, Fill, Instrument,
    MarginMode, Market, OperationKind, OperationSet, OrderId, OrderReport, Outcome, Position,
    PositionMode, PositionSide, PreparedOrder, Refused, RejectReason, Symbol, Timestamp, Transport,
    Venue,
};
use hoox_wallet::{TransactionStore, Wallet};
use thiserror::Error;

use crate::listed::{Listed, look_up};
use crate::pair::Pair;
use crate::refused::rejected;

/// The most pairs of one account.
const PAIRS_MAX: usize = 64;

/// How long a fill may take: the slot of Ethereum, the slowest of the chains, and some.
const FILL_DELAY: Duration = Duration::from_secs(15);

/// How orders become swaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SwapRules {
    /// How far the price may be from the quote, in hundredths of a percent, where the order names no
    /// limit. Default 50.
    pub slippage_bps: u32,
    /// How long after it was signed a swap may be executed. Default 2 minutes: what was a good price
    /// is none for ever.
    pub deadline: Duration,
    /// The gas limit of a swap; the estimate and a margin if none. Default none.
    pub gas_limit: Option<u64>,
    /// How long what a pool and its tokens told is kept. Default 10 minutes.
    pub instruments_for: Duration,
}

impl Default for SwapRules {
    fn default() -> Self {
        Self {
            slippage_bps: 50,
            deadline: Duration::from_secs(120),
            gas_limit: None,
            instruments_for: Duration::from_secs(600),
        }
    }
}

/// Why an account cannot trade.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SetupError {
    /// It is an exchange, not a chain.
    #[error("{0} is no chain")]
    NotAChain(Venue),
    /// The chain has no router to swap on.
    #[error("the chain has no router; one must be named")]
    NoRouter,
    /// No pair, or more than 64.
    #[error("an account has 1 to {PAIRS_MAX} pairs")]
    Pairs,
    /// Both sides of a pair are the same, or a pair has the native coin and the chain names no token
    /// that wraps it.
    #[error("the pair {base}/{quote} cannot be swapped", base = _0.base(), quote = _0.quote())]
    Pair(Pair),
    /// Above what the wallet's policy allows.
    #[error("a slippage of {0} hundredths of a percent is above what the wallet's policy allows")]
    Slippage(u32),
}

/// One account on one chain, as a trader sees it: the pairs it trades, and swaps as orders.
pub struct Swaps<T, C, S> {
    venue: Venue,
    wallet: Wallet<T, C, S>,
    pairs: Vec<Pair>,
    rules: SwapRules,
    capabilities: Capabilities,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    listed: HashMap<Symbol, (Duration, Arc<Listed>)>,
    prices: HashMap<Symbol, (Duration, Decimal)>,
}

impl<T: Transport, C: Clock, S: TransactionStore> Swaps<T, C, S> {
    /// The account of `wallet`, under the name of `venue`, with these pairs.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn new(
        venue: Venue,
        wallet: Wallet<T, C, S>,
        pairs: Vec<Pair>,
        rules: SwapRules,
    ) -> Result<Self, SetupError> {
        if !venue.is_chain() {
            return Err(SetupError::NotAChain(venue));
        }
        let chain = wallet.chain();
        if chain.router.is_none() {
            return Err(SetupError::NoRouter);
        }
        if pairs.is_empty() || pairs.len() > PAIRS_MAX {
            return Err(SetupError::Pairs);
        }
        if rules.slippage_bps > wallet.config().policy.max_slippage_bps {
            return Err(SetupError::Slippage(rules.slippage_bps));
        }
        for pair in &pairs {
            let token = |side: hoox_wallet::Address| match side.is_zero() {
                true => chain.wrapped,
                false => Some(side),
            };
            let sides = token(pair.base).zip(token(pair.quote));
            if sides.is_none_or(|(base, quote)| base == quote) {
                return Err(SetupError::Pair(*pair));
            }
        }
        let operations = OperationSet::of(&[
            OperationKind::Place,
            OperationKind::OrderByClientId,
            OperationKind::Fills,
            OperationKind::Balances,
            OperationKind::Instruments,
            OperationKind::Ticker,
        ]);
        let mut capabilities = Capabilities::new(operations);
        capabilities.market_by_quote = true;
        capabilities.client_order_id_max = 64;
        // The store that is asked is the one that was written before anything was sent.
        capabilities.visibility_delay = Duration::ZERO;
        capabilities.fill_delay = FILL_DELAY;
        Ok(Self { venue, wallet, pairs, rules, capabilities, memory: Mutex::default() })
    }

    /// The wallet.
    pub const fn wallet(&self) -> &Wallet<T, C, S> {
        &self.wallet
    }

    /// The instruments of all pairs, as the chain tells them now: what need not be looked up while an
    /// order waits.
    ///
    /// # Errors
    /// [`Error`](enum@Error) if a pair cannot be traded, a node does not answer or serves another chain, or two
    /// pairs have one symbol.
    pub async fn warm_up(&self) -> Result<Vec<Instrument>, Error> {
        let mut instruments: Vec<Instrument> = Vec::new();
        for listed in self.load(|_| true).await {
            let instrument = listed?.instrument.clone();
            if instruments.iter().any(|it| it.symbol == instrument.symbol) {
                return Err(ambiguous(instrument.symbol).into());
            }
            instruments.push(instrument);
        }
        Ok(instruments)
    }

    /// Looks up the pairs that are `wanted`, all at once, and keeps what was told.
    async fn load(&self, wanted: impl Fn(&Pair) -> bool) -> Vec<Result<Arc<Listed>, Error>> {
        let now = self.clock().monotonic();
        let pairs = self.pairs.iter().filter(|pair| wanted(pair));
        let looked_up = join_all(pairs.map(|pair| look_up(&self.wallet, self.venue, pair))).await;
        let looked_up: Vec<_> = looked_up.into_iter().map(|it| it.map(Arc::new)).collect();
        let mut memory = self.memory();
        for listed in looked_up.iter().flatten() {
            memory.listed.insert(listed.symbol(), (now, Arc::clone(listed)));
        }
        looked_up
    }

    /// The pair of this symbol, no older than it may be; none if there is none.
    async fn listed(&self, symbol: Symbol) -> Result<Option<Arc<Listed>>, Error> {
        let kept = self.memory().listed.get(&symbol).cloned();
        if let Some((read, listed)) = &kept
            && self.is_within(*read, self.rules.instruments_for)
        {
            return Ok(Some(Arc::clone(listed)));
        }
        // Any pair without a symbol of its own may turn out to have this one.
        let loaded = self.load(|pair| pair.symbol.is_none_or(|it| it == symbol)).await;
        let mut found = loaded.iter().flatten().filter(|listed| listed.symbol() == symbol);
        match (found.next(), found.next(), kept) {
            (Some(_), Some(_), _) => Err(ambiguous(symbol).into()),
            (Some(listed), None, _) => Ok(Some(Arc::clone(listed))),
            // Old rules are better than no order; the pool has the last word.
            (None, _, Some((_, listed))) => Ok(Some(listed)),
            (None, _, None) => loaded.into_iter().find_map(Result::err).map_or(Ok(None), Err),
        }
    }

    /// The name under which the wallet keeps the order's transaction. Stores are shared by chains.
    fn name(&self, id: ClientOrderId) -> String {
        format!("{}:{id}", self.wallet.chain().id)
    }

    fn clock(&self) -> &C {
        self.wallet.rpc().clock()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_within(&self, since: Duration, age: Duration) -> bool {
        self.clock().monotonic().saturating_sub(since) < age
    }
}

impl<T: Transport, C: Clock, S: TransactionStore> Exchange for Swaps<T, C, S> {
    fn venue(&self) -> Venue {
        self.venue
    }

    fn market(&self) -> Market {
        Market::Spot
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// None: what is asked for an order is not the network but the store of what was signed.
    fn recv_window(&self) -> Duration {
        Duration::ZERO
    }

    fn position_mode(&self) -> PositionMode {
        PositionMode::OneWay
    }

    fn venue_now(&self) -> Timestamp {
        self.clock().now()
    }

    /// A chain's clock is its blocks; deadlines are told by ours.
    async fn sync_clock(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn instrument(&self, symbol: Symbol) -> Result<Option<Instrument>, Error> {
        Ok(self.listed(symbol).await?.map(|listed| listed.instrument.clone()))
    }

    fn forget_instruments(&self) {
        self.memory().listed.clear();
    }

    async fn price(&self, symbol: Symbol, max_age: Duration) -> Result<Option<Decimal>, Error> {
        let kept = self.memory().prices.get(&symbol).copied();
        if let Some((read, price)) = kept
            && self.is_within(read, max_age)
        {
            return Ok(Some(price));
        }
        let Some(listed) = self.listed(symbol).await? else { return Ok(None) };
        let now = self.clock().monotonic();
        let price = self.quote(&listed).await?;
        if let Some(price) = price {
            self.memory().prices.insert(symbol, (now, price));
        }
        Ok(price)
    }

    /// None: what was bought is held as tokens, and which of them are a position only a ledger knows.
    async fn positions(&self, _symbol: Option<Symbol>) -> Result<Vec<Position>, Error> {
        Ok(Vec::new())
    }

    /// All of it is free: what a pending swap will spend is still there.
    async fn balance(&self, asset: Option<Asset>) -> Result<Option<Balance>, Error> {
        let held = self.held(asset).await?;
        let asset = asset.or_else(|| Asset::new("USDT").ok());
        Ok(asset.map(|asset| Balance { asset, available: held, total: held }))
    }

    /// A swap has neither margin nor leverage.
    async fn set_up(
        &self,
        _symbol: Symbol,
        _margin_mode: MarginMode,
        leverage: u32,
        _position: Option<PositionSide>,
    ) -> Result<Option<Decimal>, Error> {
        match leverage {
            0 | 1 => Ok(None),
            _ => Err(rejected(RejectReason::Leverage, "a swap has no leverage").into()),
        }
    }

    async fn place(&self, order: &PreparedOrder) -> Result<Outcome, Refused> {
        self.swap(order).await
    }

    async fn find(&self, symbol: Symbol, id: ClientOrderId) -> Result<Option<OrderReport>, Error> {
        self.order(symbol, id).await
    }

    async fn fills(
        &self,
        symbol: Symbol,
        order: OrderId,
        _since: Timestamp,
    ) -> Result<Vec<Fill>, Error> {
        self.executions(symbol, order).await
    }
}

fn ambiguous(symbol: Symbol) -> Refused {
    let message = format!("two pairs are called {symbol}; one must be given another symbol");
    rejected(RejectReason::UnknownSymbol, &message)
}

impl<T, C, S> fmt::Debug for Swaps<T, C, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Swaps")
            .field("venue", &self.venue)
            .field("wallet", &self.wallet)
            .field("pairs", &self.pairs)
            .finish_non_exhaustive()
    }
}
