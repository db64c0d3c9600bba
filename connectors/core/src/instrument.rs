use std::collections::HashMap;

use rust_decimal::Decimal;
use thiserror::Error;

use crate::{Asset, Market, Symbol, Timestamp, Venue};

/// The rules of one symbol at one venue, as its own metadata states them.
///
/// A rule that the venue does not state is `None` and checks nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Instrument {
    /// The venue.
    pub venue: Venue,
    /// The market.
    pub market: Market,
    /// The neutral symbol (`BTCUSDT`).
    pub symbol: Symbol,
    /// The venue's spelling of it (`BTC_USDT`).
    pub venue_symbol: Symbol,
    /// The asset traded.
    pub base: Option<Asset>,
    /// The asset it is priced in.
    pub quote: Option<Asset>,
    /// Whether orders are taken now.
    pub status: InstrumentStatus,
    /// The smallest price difference.
    pub tick_size: Option<Decimal>,
    /// The lowest limit price.
    pub min_price: Option<Decimal>,
    /// The highest limit price.
    pub max_price: Option<Decimal>,
    /// Quantities of every order.
    pub lot: LotRule,
    /// Quantities of market orders, on top of `lot`.
    pub market_lot: LotRule,
    /// Order values.
    pub notional: NotionalRule,
    /// The step of an amount in the quote asset, for market orders by quote amount.
    pub quote_step: Option<Decimal>,
    /// How far from the market a limit price may lie.
    pub percent_price: Option<PercentPriceRule>,
    /// Base asset per contract, where the venue counts quantities in contracts (MEXC futures). The
    /// rules above are in base units; only what is sent is in contracts.
    pub contract_size: Option<Decimal>,
    /// The highest leverage.
    pub max_leverage: Option<u32>,
}

impl Instrument {
    /// An instrument without any rules; set the fields that are known.
    pub fn new(venue: Venue, market: Market, symbol: Symbol) -> Self {
        Self {
            venue,
            market,
            symbol,
            venue_symbol: symbol,
            base: None,
            quote: None,
            status: InstrumentStatus::Trading,
            tick_size: None,
            min_price: None,
            max_price: None,
            lot: LotRule::default(),
            market_lot: LotRule::default(),
            notional: NotionalRule::default(),
            quote_step: None,
            percent_price: None,
            contract_size: None,
            max_leverage: None,
        }
    }
}

/// Whether a symbol trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InstrumentStatus {
    /// Orders are taken.
    Trading,
    /// Only cancellations or reductions are taken.
    Restricted,
    /// No orders are taken.
    Halted,
}

/// Bounds and step of a quantity, in the base asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LotRule {
    /// The smallest quantity.
    pub min: Option<Decimal>,
    /// The largest quantity.
    pub max: Option<Decimal>,
    /// Quantities are multiples of this.
    pub step: Option<Decimal>,
}

/// Bounds of an order's value, price × quantity, in the quote asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NotionalRule {
    /// The smallest value.
    pub min: Option<Decimal>,
    /// The largest value.
    pub max: Option<Decimal>,
    /// Whether market orders are exempt from `min`.
    pub market_exempt_from_min: bool,
    /// Whether market orders are exempt from `max`.
    pub market_exempt_from_max: bool,
    /// Whether reduce-only orders are exempt from `min`.
    pub reduce_only_exempt: bool,
}

/// How far from the reference price a limit price may lie, as multiples of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PercentPriceRule {
    /// Highest multiple for buys.
    pub buy_up: Decimal,
    /// Lowest multiple for buys.
    pub buy_down: Decimal,
    /// Highest multiple for sells.
    pub sell_up: Decimal,
    /// Lowest multiple for sells.
    pub sell_down: Decimal,
}

/// The rule an order breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Filter {
    /// The symbol takes no orders now.
    Status,
    /// Quantity or amount is not greater than zero.
    Positive,
    /// Quantity below the minimum.
    MinQuantity,
    /// Quantity above the maximum.
    MaxQuantity,
    /// Market order quantity below its own minimum.
    MarketMinQuantity,
    /// Market order quantity above its own maximum.
    MarketMaxQuantity,
    /// Quantity smaller than one step.
    StepSize,
    /// Price smaller than one tick.
    TickSize,
    /// Price below the minimum.
    MinPrice,
    /// Price above the maximum.
    MaxPrice,
    /// Price too far above the market.
    PercentPriceUp,
    /// Price too far below the market.
    PercentPriceDown,
    /// Order value below the minimum.
    MinNotional,
    /// Order value above the maximum.
    MaxNotional,
    /// Leverage above the maximum.
    MaxLeverage,
    /// The position would be worth more than the exchange allows at its leverage.
    LeverageBracket,
    /// More digits than can be computed with exactly.
    Precision,
}

impl Filter {
    /// The rule in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Status => "trading status",
            Self::Positive => "greater than zero",
            Self::MinQuantity => "minimum quantity",
            Self::MaxQuantity => "maximum quantity",
            Self::MarketMinQuantity => "minimum market quantity",
            Self::MarketMaxQuantity => "maximum market quantity",
            Self::StepSize => "step size",
            Self::TickSize => "tick size",
            Self::MinPrice => "minimum price",
            Self::MaxPrice => "maximum price",
            Self::PercentPriceUp => "price above the market",
            Self::PercentPriceDown => "price below the market",
            Self::MinNotional => "minimum notional",
            Self::MaxNotional => "maximum notional",
            Self::MaxLeverage => "maximum leverage",
            Self::LeverageBracket => "maximum position at this leverage",
            Self::Precision => "exact precision",
        }
    }
}

/// An order breaks a rule of its instrument: which, with which value, and what the bound is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{symbol}: {} is violated by {value} (bound {bound})", filter.as_str())]
pub struct FilterError {
    /// The symbol.
    pub symbol: Symbol,
    /// The rule.
    pub filter: Filter,
    /// The offending value.
    pub value: Decimal,
    /// The bound it breaks.
    pub bound: Decimal,
}

/// The instruments of one market, by neutral symbol and by the venue's spelling.
#[derive(Debug, Clone, Default)]
pub struct Instruments {
    list: Vec<Instrument>,
    by_symbol: HashMap<Symbol, usize>,
    /// When the venue made the list, if it says so.
    pub at: Option<Timestamp>,
    /// The request limits that the same metadata states.
    pub limits: Vec<crate::RateUsage>,
    /// Where the list goes on, as in [`Page::next`](crate::Page::next).
    pub next: Option<Box<str>>,
}

impl Instruments {
    /// Indexes `list`; of two instruments with one symbol, the first is found.
    pub fn new(list: Vec<Instrument>) -> Self {
        let mut by_symbol = HashMap::with_capacity(list.len());
        for (index, instrument) in list.iter().enumerate() {
            by_symbol.entry(instrument.symbol).or_insert(index);
            if instrument.venue_symbol != instrument.symbol {
                by_symbol.entry(instrument.venue_symbol).or_insert(index);
            }
        }
        Self { list, by_symbol, at: None, limits: Vec::new(), next: None }
    }

    /// This page of the list with the one behind it.
    #[must_use]
    pub fn followed_by(self, page: Self) -> Self {
        let mut list = self.list;
        list.extend(page.list);
        Self { at: self.at, limits: self.limits, next: page.next, ..Self::new(list) }
    }

    /// The instrument of `symbol`, in either spelling.
    pub fn find(&self, symbol: &Symbol) -> Option<&Instrument> {
        self.by_symbol.get(symbol).and_then(|index| self.list.get(*index))
    }

    /// All of them, in the venue's order.
    pub fn iter(&self) -> core::slice::Iter<'_, Instrument> {
        self.list.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

impl<'a> IntoIterator for &'a Instruments {
    type Item = &'a Instrument;
    type IntoIter = core::slice::Iter<'a, Instrument>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
