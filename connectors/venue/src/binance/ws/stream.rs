//! Names of market streams.
//!
//! Source: protocol sheet for Binance, section 10, and Binance's lists of streams (spot
//! web-socket-streams.md; USD-M market streams) for the update speeds.

use super::super::candles::interval_ms;
use crate::engine::{Engine, Market};

/// Which streams a connection offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    Spot,
    /// Linear: books and best prices.
    Public,
    /// Linear: trades, tickers, candles, mark prices.
    Market,
    /// Linear: user data only.
    Private,
    /// Linear, all of it.
    All,
}

/// What a stream tells about its instrument, or about all of the market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    BookTicker,
    Trade,
    AggTrade,
    /// Changes of the book.
    Depth,
    /// The best so many levels.
    Partial(usize),
    Ticker,
    MiniTicker,
    /// Candles of this length, with the interval's name.
    Kline(u64, &'static str),
    MarkPrice,
}

/// One stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stream {
    /// `None`: all instruments of the market.
    pub(super) instrument: Option<usize>,
    pub(super) kind: Kind,
    /// Milliseconds between two frames; zero for streams that follow every event.
    pub(super) every_ms: u64,
}

impl Stream {
    /// Reads a name; `None` for a stream that the connection does not offer, from which nothing
    /// ever comes.
    pub(super) fn parse(engine: &Engine, market: Market, group: Group, name: &str) -> Option<Self> {
        let mut parts = name.split('@');
        let first = parts.next()?;
        let (instrument, what, option) = match first.strip_prefix('!') {
            Some("bookTicker") => (None, "bookTicker", None),
            Some(what) => {
                let array = parts.next() == Some("arr");
                (None, array.then_some(what)?, parts.next())
            }
            None => {
                // Stream names are in lower case; anything else names nothing.
                let legal = !first.bytes().any(|b| b.is_ascii_uppercase());
                let symbol = legal.then(|| first.to_ascii_uppercase())?;
                (Some(engine.find(market, &symbol)?), parts.next()?, parts.next())
            }
        };
        if parts.next().is_some() {
            return None;
        }
        let (kind, every_ms) = kind(market, what, option)?;
        let single = matches!(
            kind,
            Kind::Trade | Kind::AggTrade | Kind::Depth | Kind::Partial(_) | Kind::Kline(..)
        );
        let known = group.offers(kind) && (instrument.is_some() || !single);
        known.then_some(Self { instrument, kind, every_ms })
    }
}

impl Group {
    fn offers(self, kind: Kind) -> bool {
        let public = matches!(kind, Kind::BookTicker | Kind::Depth | Kind::Partial(_));
        match self {
            Self::Spot | Self::All => true,
            Self::Public => public,
            Self::Market => !public,
            Self::Private => false,
        }
    }
}

fn kind(market: Market, what: &str, option: Option<&str>) -> Option<(Kind, u64)> {
    let spot = market == Market::Spot;
    let plain = |kind, every_ms| option.is_none().then_some((kind, every_ms));
    if let Some(levels) = what.strip_prefix("depth") {
        let every_ms = match (option, spot) {
            (None, true) => 1_000,
            (None, false) => 250,
            (Some("100ms"), _) => 100,
            (Some("250ms"), false) => 250,
            (Some("500ms"), false) => 500,
            (Some("1000ms"), true) => 1_000,
            _ => return None,
        };
        let kind = match levels {
            "" => Kind::Depth,
            "5" => Kind::Partial(5),
            "10" => Kind::Partial(10),
            "20" => Kind::Partial(20),
            _ => return None,
        };
        return Some((kind, every_ms));
    }
    if let Some(interval) = what.strip_prefix("kline_") {
        let (name, length) = interval_ms(interval, market)?;
        return plain(Kind::Kline(length, name), if spot { 1_000 } else { 250 });
    }
    match what {
        "bookTicker" => plain(Kind::BookTicker, 0),
        "trade" => plain(Kind::Trade, 0),
        "aggTrade" => plain(Kind::AggTrade, 0),
        "ticker" => plain(Kind::Ticker, 1_000),
        "miniTicker" => plain(Kind::MiniTicker, 1_000),
        "markPrice" if !spot => match option {
            None => Some((Kind::MarkPrice, 3_000)),
            Some("1s") => Some((Kind::MarkPrice, 1_000)),
            Some(_) => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[test]
    fn names_are_read() {
        let engine = Engine::new(&Config::default());
        let spot = |name| Stream::parse(&engine, Market::Spot, Group::Spot, name);
        let kinds = |name| spot(name).map(|s| (s.kind, s.every_ms));
        assert_eq!(kinds("btcusdt@bookTicker"), Some((Kind::BookTicker, 0)));
        assert_eq!(kinds("btcusdt@depth"), Some((Kind::Depth, 1_000)));
        assert_eq!(kinds("btcusdt@depth@100ms"), Some((Kind::Depth, 100)));
        assert_eq!(kinds("ethusdt@depth20@100ms"), Some((Kind::Partial(20), 100)));
        assert_eq!(kinds("btcusdt@kline_1m"), Some((Kind::Kline(60_000, "1m"), 1_000)));
        assert_eq!(spot("!miniTicker@arr").map(|s| s.instrument), Some(None));
        for unknown in [
            "BTCUSDT@trade",
            "btcusdt",
            "btcusdt@depth7",
            "btcusdt@depth@7ms",
            "nousdt@trade",
            "btcusdt@markPrice",
            "!trade@arr",
            "btcusdt@trade@x@y",
        ] {
            assert_eq!(spot(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn linear_groups_offer_their_own_streams() {
        let engine = Engine::new(&Config::default());
        let offers = |group, name| Stream::parse(&engine, Market::Linear, group, name).is_some();
        assert!(offers(Group::Public, "btcusdt@bookTicker"));
        assert!(!offers(Group::Market, "btcusdt@bookTicker"));
        assert!(offers(Group::Market, "btcusdt@markPrice@1s"));
        assert!(!offers(Group::Public, "btcusdt@aggTrade"));
        assert!(offers(Group::All, "btcusdt@aggTrade") && offers(Group::All, "!bookTicker"));
        assert!(!offers(Group::Private, "btcusdt@aggTrade"));
    }
}
