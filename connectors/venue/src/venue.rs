//! The venues that are simulated.

use serde::{Deserialize, Serialize};

/// One of the simulated venues. Each has its own books: an order on one is not seen on another.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Venue {
    /// Binance: spot and USD-M futures.
    #[default]
    Binance,
    /// Bybit: spot and USDT-linear perpetuals in a unified account.
    Bybit,
    /// MEXC: spot and USDT-linear futures.
    Mexc,
}

impl Venue {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Binance, Self::Bybit, Self::Mexc];

    /// The first part of all the venue's paths, for example `/bybit`.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Binance => "/binance",
            Self::Bybit => "/bybit",
            Self::Mexc => "/mexc",
        }
    }

    /// The venue of a path, and what is left of the path.
    pub(crate) fn of(path: &str) -> Option<(Self, &str)> {
        Self::ALL.iter().find_map(|venue| {
            let rest = path.strip_prefix(venue.prefix())?;
            (rest.is_empty() || rest.starts_with('/')).then_some((*venue, rest))
        })
    }
}
