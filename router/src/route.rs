use hoox_connector::{UnknownName, Venue};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{ConfigSnapshot, ErrorCode, Failure};

/// The exchange chosen for a signal, and why; recorded with the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The exchange.
    #[serde(with = "crate::as_text")]
    pub venue: Venue,
    /// Why it.
    pub reason: ChoiceReason,
    /// The exchanges that came before it, and why each was passed over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<PassedOver>,
}

impl Choice {
    /// A choice before which no other was passed over.
    pub const fn new(venue: Venue, reason: ChoiceReason) -> Self {
        Self { venue, reason, passed_over: Vec::new() }
    }
}

/// An exchange that was not given an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedOver {
    /// Which one.
    #[serde(with = "crate::as_text")]
    pub venue: Venue,
    /// Why not.
    pub why: Why,
}

/// Why an exchange was not given an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It has failed too often lately, or is too slow.
    Unhealthy,
    /// `exchange:{name}:enabled` is off.
    Disabled,
    /// No API key is configured for it, or it has no test venue.
    NoCredentials,
    /// It was tried, and there is certainly no order.
    Failed(ErrorCode),
}

/// Why an exchange was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChoiceReason {
    /// `exchanges:routing:{SYMBOL}`, or its entry in `trade:routing`.
    SymbolOverride,
    /// The signal asked for it.
    Signal,
    /// `exchanges:default_routing`.
    Default,
    /// The position to close is there.
    Position,
    /// The exchanges before it in `routing:failover:order` were passed over.
    Failover,
}

/// Why no exchange takes a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RouteError {
    /// `exchange:{name}:enabled` is off.
    #[error("Exchange {0} is disabled.")]
    Disabled(Venue),
    /// The override names no exchange.
    #[error("The routing override of this symbol names no exchange.")]
    Unknown,
    /// No API key is configured for it.
    #[error("No credentials for {0}.")]
    CredentialsMissing(Venue),
    /// It has no test venue.
    #[error("{0} has no test trading.")]
    TestUnsupported(Venue),
}

impl From<RouteError> for Failure {
    fn from(error: RouteError) -> Self {
        let code = match error {
            RouteError::Disabled(_) => ErrorCode::ExchangeDisabled,
            RouteError::Unknown => ErrorCode::Validation,
            RouteError::CredentialsMissing(_) => ErrorCode::CredentialsMissing,
            RouteError::TestUnsupported(_) => ErrorCode::TestTradingUnsupported,
        };
        Self::new(code, error.to_string())
    }
}

impl RouteError {
    /// What it means that there is no desk at `venue`: MEXC has no test venue, and a test order is
    /// never signed with live keys (trade.md §4).
    pub fn no_desk(venue: Venue, test: bool) -> Self {
        match venue {
            Venue::Mexc if test => Self::TestUnsupported(venue),
            _ => Self::CredentialsMissing(venue),
        }
    }
}

/// Chooses the exchange: the symbol's override, else the signal's own, else the default
/// (trade.md §4). `symbol_override` is the value of the symbol's routing key, read only while
/// dynamic routing is on.
///
/// ```
/// use hoox_connector::Venue;
/// use hoox_router::{ChoiceReason, ConfigSnapshot, RouteError, choose};
///
/// let config = ConfigSnapshot::parse(|key| (key == "exchange:mexc:enabled").then_some("false"));
/// let choice = choose(&config, None, Some(Venue::Binance))?;
/// assert_eq!((choice.venue, choice.reason), (Venue::Binance, ChoiceReason::Signal));
/// assert_eq!(choose(&config, None, Some(Venue::Mexc)), Err(RouteError::Disabled(Venue::Mexc)));
/// # Ok::<(), RouteError>(())
/// ```
///
/// # Errors
/// [`RouteError::Unknown`] or [`RouteError::Disabled`].
pub fn choose(
    config: &ConfigSnapshot,
    symbol_override: Option<Result<Venue, UnknownName>>,
    requested: Option<Venue>,
) -> Result<Choice, RouteError> {
    let symbol_override = symbol_override.filter(|_| config.dynamic_routing);
    let choice = match (symbol_override, requested) {
        (Some(Err(UnknownName)), _) => return Err(RouteError::Unknown),
        (Some(Ok(venue)), _) => Choice::new(venue, ChoiceReason::SymbolOverride),
        (None, Some(venue)) => Choice::new(venue, ChoiceReason::Signal),
        (None, None) => Choice::new(config.default_routing, ChoiceReason::Default),
    };
    if config.is_enabled(choice.venue) {
        Ok(choice)
    } else {
        Err(RouteError::Disabled(choice.venue))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(pairs: &[(&str, &str)]) -> ConfigSnapshot {
        ConfigSnapshot::parse(|key| {
            pairs.iter().find(|(name, _)| *name == key).map(|(_, value)| *value)
        })
    }

    #[test]
    fn override_then_signal_then_default() {
        let dynamic = config(&[("routing:dynamic:enabled", "true")]);
        let plain = config(&[]);
        let chosen = |config, over, requested| choose(config, over, requested).unwrap();
        let over = Some(Ok(Venue::Binance));
        let choice = Choice::new;
        assert_eq!(
            chosen(&dynamic, over, Some(Venue::Mexc)),
            choice(Venue::Binance, ChoiceReason::SymbolOverride)
        );
        assert_eq!(
            chosen(&plain, over, Some(Venue::Mexc)),
            choice(Venue::Mexc, ChoiceReason::Signal)
        );
        assert_eq!(
            chosen(&dynamic, None, Some(Venue::Mexc)),
            choice(Venue::Mexc, ChoiceReason::Signal)
        );
        assert_eq!(chosen(&plain, None, None), choice(Venue::Bybit, ChoiceReason::Default));
        assert_eq!(
            choose(&dynamic, Some(Err(UnknownName)), Some(Venue::Mexc)),
            Err(RouteError::Unknown)
        );
    }

    #[test]
    fn a_disabled_exchange_takes_nothing() {
        let config = config(&[("exchange:mexc:enabled", "false")]);
        assert_eq!(
            choose(&config, None, Some(Venue::Mexc)),
            Err(RouteError::Disabled(Venue::Mexc))
        );
        assert!(choose(&config, None, Some(Venue::Bybit)).is_ok());
    }

    #[test]
    fn no_desk_means_no_credentials_or_no_test_venue() {
        assert_eq!(
            RouteError::no_desk(Venue::Mexc, true),
            RouteError::TestUnsupported(Venue::Mexc)
        );
        for (venue, test) in [(Venue::Mexc, false), (Venue::Bybit, true)] {
            assert_eq!(RouteError::no_desk(venue, test), RouteError::CredentialsMissing(venue));
        }
    }
}
