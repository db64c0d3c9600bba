use core::time::Duration;
use std::net::IpAddr;
use std::sync::Arc;

use hoox_signer::Secret;

use crate::{
    CachedConfig, CallerId, ConfigSnapshot, ConfigStore, ErrorCode, Failure, ParseError, Passkey,
    QueueMode, RawSignal, Signal,
};

/// The checks that need nothing but the configuration, in the order in which they are answered
/// (spec README §4): size, JSON, passkey, address, kill switch; and the schema, whose answer comes
/// after the rate limit's.
///
/// ```
/// use core::time::Duration;
/// use hoox_router::{ErrorCode, Gate, MemoryConfig};
/// use hoox_signer::Secret;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let gate = Gate::new(MemoryConfig::new(), &[Secret::from("k")], Duration::from_secs(1));
/// let turned = gate.screen(br#"{"apiKey":"x"}"#, None, Duration::ZERO).await.unwrap_err();
/// assert_eq!(turned.failure.code, ErrorCode::Unauthorized);
/// let known = gate.screen(br#"{"apiKey":"k"}"#, None, Duration::ZERO).await.unwrap();
/// assert_eq!(known.signal.unwrap_err().details.len(), 4); // told only within the limit
/// # });
/// ```
///
/// [`Router::handle`](crate::Router::handle) begins with it. Where the public half of a program runs
/// apart from the one that trades, it is that half.
#[derive(Debug)]
pub struct Gate<K> {
    pub(crate) config: CachedConfig<K>,
    passkey: Option<Passkey>,
}

/// A signal from an authenticated sender, to be counted before anything else is done with it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Screened {
    /// Who sent it.
    pub caller: CallerId,
    /// How many signals the sender may send in a window; 0 is no limit.
    pub limit: u32,
    /// How signals reach the exchange.
    pub mode: QueueMode,
    /// The signal, or how it breaks the schema: to be told only if the limit is kept.
    pub signal: Result<Signal, Failure>,
}

/// A body that was turned away before it was counted.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Turned {
    /// Why.
    pub failure: Failure,
    /// Whether the sender is known, so that the refusal belongs in the log.
    pub authenticated: bool,
    /// The signal, if the sender is known and it was valid.
    pub signal: Option<Signal>,
}

impl<K> Gate<K> {
    /// A gate over `config`, whose snapshots are used for at most `max_age`. Of `passkeys` the first
    /// usable one counts, where the configuration has none.
    pub fn new(config: K, passkeys: &[Secret], max_age: Duration) -> Self
    where
        K: ConfigStore,
    {
        let passkey = passkeys.iter().find_map(|secret| Passkey::from_config(secret.expose()));
        Self { config: CachedConfig::new(config, max_age), passkey }
    }
}

impl<K: ConfigStore> Gate<K> {
    /// The store configuration comes from.
    pub fn config_store(&self) -> &K {
        self.config.store()
    }

    /// The present configuration; `now` is monotonic time.
    pub async fn config(&self, now: Duration) -> Arc<ConfigSnapshot> {
        self.config.current(now).await
    }

    /// Checks a body; `peer` is the sender's address, `now` monotonic time.
    ///
    /// # Errors
    /// [`Turned`].
    pub async fn screen(
        &self,
        body: &[u8],
        peer: Option<IpAddr>,
        now: Duration,
    ) -> Result<Screened, Turned> {
        let raw = RawSignal::parse(body).map_err(|error| {
            let code = match error {
                ParseError::TooLarge => ErrorCode::PayloadTooLarge,
                ParseError::Malformed => ErrorCode::Validation,
            };
            Turned::unknown(Failure::new(code, error.to_string()))
        })?;
        let config = self.config(now).await;
        let unauthorized = || {
            let message = "Invalid API key or unauthorized origin.";
            Turned::unknown(Failure::new(ErrorCode::Unauthorized, message))
        };
        let caller = self.caller(&config, &raw).ok_or_else(unauthorized)?;
        // With nothing to read, neither the addresses nor the switch are known: an authenticated
        // sender is told that trading is halted, for a list that is not known refuses everybody.
        if config.readable && !config.allow_list.allows(peer) {
            return Err(unauthorized());
        }
        if config.kill_switch {
            let signal = raw.validate().ok();
            return Err(Turned { failure: Failure::halted(), authenticated: true, signal });
        }
        Ok(Screened {
            caller,
            limit: config.rate_limit_per_minute,
            mode: config.queue_mode,
            signal: raw.validate().map_err(Failure::violations),
        })
    }

    fn caller(&self, config: &ConfigSnapshot, raw: &RawSignal<'_>) -> Option<CallerId> {
        let passkey = config.passkey.as_ref().or(self.passkey.as_ref())?;
        passkey.verify(&raw.api_key()?)
    }
}

impl Turned {
    fn unknown(failure: Failure) -> Self {
        Self { failure, authenticated: false, signal: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryConfig;

    const BODY: &[u8] =
        br#"{"apiKey":"k","exchange":"bybit","action":"LONG","symbol":"BTCUSDT","quantity":1}"#;

    fn gate() -> Gate<MemoryConfig> {
        Gate::new(MemoryConfig::new(), &[Secret::from("k")], Duration::ZERO)
    }

    async fn code(gate: &Gate<MemoryConfig>, body: &[u8]) -> (ErrorCode, bool) {
        let turned = gate.screen(body, None, Duration::ZERO).await.unwrap_err();
        (turned.failure.code, turned.authenticated)
    }

    #[tokio::test]
    async fn the_first_check_that_fails_is_told_and_only_the_known_are_noted() {
        let gate = gate();
        let screened = gate.screen(BODY, None, Duration::ZERO).await.unwrap();
        assert_eq!((screened.limit, screened.signal.is_ok()), (10, true));
        let mut invalid = BODY.to_vec();
        invalid.extend_from_slice(b" x");
        assert_eq!(code(&gate, &invalid).await, (ErrorCode::Validation, false));
        assert_eq!(code(&gate, br#"{"apiKey":"x"}"#).await, (ErrorCode::Unauthorized, false));
        gate.config_store().set("trade:kill_switch", "true");
        assert_eq!(code(&gate, BODY).await, (ErrorCode::KillSwitchActive, true));
        gate.config_store().set("webhook:tradingview:ip_check", "true");
        assert_eq!(code(&gate, BODY).await, (ErrorCode::Unauthorized, false));
        gate.config_store().set_available(false);
        assert_eq!(code(&gate, BODY).await, (ErrorCode::KillSwitchActive, true));
    }

    #[tokio::test]
    async fn a_broken_schema_waits_for_the_count() {
        let body = br#"{"apiKey":"k","exchange":"nowhere"}"#;
        let screened = gate().screen(body, None, Duration::ZERO).await.unwrap();
        assert_eq!(screened.signal.unwrap_err().code, ErrorCode::Validation);
    }
}
