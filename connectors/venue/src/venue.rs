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

    /// The first part of the venue's paths, for example `/bybit`.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Binance => "/binance",
            Self::Bybit => "/bybit",
            Self::Mexc => "/mexc",
        }
    }

    /// The venue of a path, and the venue's own path: what follows the prefix, or the whole path if
    /// it is one of [`ROOTED`].
    pub(crate) fn of(path: &str) -> Option<(Self, &str)> {
        let prefixed =
            Self::ALL.iter().find_map(|venue| Some((*venue, below(path, venue.prefix())?)));
        prefixed.or_else(|| {
            let (_, venue) = ROOTED.iter().find(|(root, _)| below(path, root).is_some())?;
            Some((*venue, path))
        })
    }
}

/// Paths that are read without a prefix, since some clients put their absolute paths right behind
/// the host. MEXC took `/api/v3` over from Binance, and both stream on `/ws`: MEXC's paths, and
/// Binance's of streams, want the prefix.
const ROOTED: &[(&str, Venue)] = &[
    ("/api/v3", Venue::Binance),
    ("/sapi", Venue::Binance),
    ("/fapi", Venue::Binance),
    ("/dapi", Venue::Binance),
    ("/ws-api", Venue::Binance),
    ("/ws-fapi", Venue::Binance),
    ("/v5", Venue::Bybit),
];

/// What follows `root` in a path at or below it.
fn below<'p>(path: &'p str, root: &str) -> Option<&'p str> {
    path.strip_prefix(root).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_names_the_venue() {
        assert_eq!(Venue::of("/binance/fapi/v1/time"), Some((Venue::Binance, "/fapi/v1/time")));
        assert_eq!(Venue::of("/bybit/v5/market/time"), Some((Venue::Bybit, "/v5/market/time")));
        assert_eq!(Venue::of("/mexc/api/v3/time"), Some((Venue::Mexc, "/api/v3/time")));
        assert_eq!(Venue::of("/mexc"), Some((Venue::Mexc, "")));
        assert_eq!(Venue::of("/mexcs/api/v3/time"), None);
    }

    #[test]
    fn a_path_of_one_venue_needs_no_prefix() {
        for path in [
            "/api/v3/order",
            "/sapi/v1/x",
            "/fapi/v1/order",
            "/dapi/v1/x",
            "/ws-api/v3",
            "/ws-fapi/v1",
        ] {
            assert_eq!(Venue::of(path), Some((Venue::Binance, path)));
        }
        assert_eq!(Venue::of("/v5/trade"), Some((Venue::Bybit, "/v5/trade")));
        for path in ["/api/v1/private/order/create", "/api/v30", "/ws", "/edge", "/v50/x", "/", ""]
        {
            assert_eq!(Venue::of(path), None, "{path}");
        }
    }
}
