use core::fmt;
use core::str::FromStr;

use thiserror::Error;

/// An exchange, or a chain that has exchanges on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Venue {
    /// Binance.
    Binance,
    /// Bybit, API v5, unified trading account.
    Bybit,
    /// MEXC, spot v3 and futures contract v1.
    Mexc,
    /// Ethereum.
    Ethereum,
    /// Arbitrum One.
    Arbitrum,
    /// Polygon PoS.
    Polygon,
    /// Base.
    Base,
    /// Optimism (OP Mainnet).
    Optimism,
    /// BNB Smart Chain.
    Bsc,
}

impl Venue {
    /// The exchanges, in the order of the documentation.
    pub const EXCHANGES: [Self; 3] = [Self::Binance, Self::Bybit, Self::Mexc];

    /// The chains: venues whose orders are swaps.
    pub const CHAINS: [Self; 6] =
        [Self::Ethereum, Self::Arbitrum, Self::Polygon, Self::Base, Self::Optimism, Self::Bsc];

    /// Every venue: the exchanges, then the chains.
    pub const ALL: [Self; 9] = [
        Self::Binance,
        Self::Bybit,
        Self::Mexc,
        Self::Ethereum,
        Self::Arbitrum,
        Self::Polygon,
        Self::Base,
        Self::Optimism,
        Self::Bsc,
    ];

    /// Whether it is a chain.
    pub const fn is_chain(self) -> bool {
        !matches!(self, Self::Binance | Self::Bybit | Self::Mexc)
    }

    /// The venue's name in lower case, as configuration and signals spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Binance => "binance",
            Self::Bybit => "bybit",
            Self::Mexc => "mexc",
            Self::Ethereum => "ethereum",
            Self::Arbitrum => "arbitrum",
            Self::Polygon => "polygon",
            Self::Base => "base",
            Self::Optimism => "optimism",
            Self::Bsc => "bsc",
        }
    }
}

impl fmt::Display for Venue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Venue {
    type Err = UnknownName;

    /// Reads a name in any case.
    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|venue| venue.as_str().eq_ignore_ascii_case(name))
            .ok_or(UnknownName)
    }
}

/// A kind of market at a venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Market {
    /// Spot: balances change hands.
    Spot,
    /// USDT-margined perpetual futures.
    Linear,
}

impl Market {
    /// The market's name in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Spot => "spot",
            Self::Linear => "linear",
        }
    }
}

impl fmt::Display for Market {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Market {
    type Err = UnknownName;

    /// Reads a name in any case.
    fn from_str(name: &str) -> Result<Self, UnknownName> {
        [Self::Spot, Self::Linear]
            .into_iter()
            .find(|market| market.as_str().eq_ignore_ascii_case(name))
            .ok_or(UnknownName)
    }
}

/// A name that no venue or market has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("unknown name")]
pub struct UnknownName;
