use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hoox_connector::{Symbol, UnknownName, Venue};

use crate::config::SNAPSHOT_AGE_MAX;
use crate::config_value::plain;
use crate::{ConfigSnapshot, ConfigStore, ConfigUnavailable};

/// The most symbols whose overrides are remembered for the life of a snapshot.
const SYMBOLS_MAX: usize = 1024;

/// A [`ConfigStore`] behind a snapshot that is used for at most one second.
///
/// A failure to load is not papered over with an older snapshot: until the store answers again,
/// [`ConfigSnapshot::unavailable`] holds, and nothing trades.
#[derive(Debug)]
pub struct CachedConfig<K> {
    store: K,
    max_age: Duration,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    snapshot: Option<(Duration, Arc<ConfigSnapshot>)>,
    overrides: HashMap<Symbol, (Duration, Option<Result<Venue, UnknownName>>)>,
}

impl<K: ConfigStore> CachedConfig<K> {
    /// Keeps a snapshot for at most `max_age`, and never longer than a second.
    pub fn new(store: K, max_age: Duration) -> Self {
        Self { store, max_age: max_age.min(SNAPSHOT_AGE_MAX), kept: Mutex::default() }
    }

    /// The store behind.
    pub fn store(&self) -> &K {
        &self.store
    }

    /// The present configuration; `now` is monotonic time.
    pub async fn current(&self, now: Duration) -> Arc<ConfigSnapshot> {
        if let Some((taken, snapshot)) = &self.kept().snapshot
            && self.is_fresh(*taken, now)
        {
            return Arc::clone(snapshot);
        }
        let loaded = self.store.load(ConfigSnapshot::KEYS).await;
        let Ok(values) = loaded else { return Arc::new(ConfigSnapshot::unavailable()) };
        if values.len() != ConfigSnapshot::KEYS.len() {
            return Arc::new(ConfigSnapshot::unavailable());
        }
        let snapshot = Arc::new(ConfigSnapshot::parse(|key| {
            let index = ConfigSnapshot::KEYS.iter().position(|known| *known == key)?;
            values.get(index)?.as_deref()
        }));
        // Counted from before the values were read.
        self.kept().snapshot = Some((now, Arc::clone(&snapshot)));
        snapshot
    }

    /// Where a symbol is redirected: `exchanges:routing:{SYMBOL}`, else `trade:routing`. Reads
    /// nothing unless dynamic routing is on.
    ///
    /// # Errors
    /// [`ConfigUnavailable`].
    pub async fn symbol_override(
        &self,
        snapshot: &ConfigSnapshot,
        symbol: Symbol,
        now: Duration,
    ) -> Result<Option<Result<Venue, UnknownName>>, ConfigUnavailable> {
        if !snapshot.dynamic_routing {
            return Ok(None);
        }
        let kept = self.kept().overrides.get(&symbol).copied();
        let own = match kept {
            Some((taken, own)) if self.is_fresh(taken, now) => own,
            _ => {
                let key = format!("exchanges:routing:{symbol}");
                let values = self.store.load(&[&key]).await?;
                let value = values.into_iter().next().flatten();
                let own = value.map(|value| plain(&value).trim().parse());
                let overrides = &mut self.kept().overrides;
                if overrides.len() >= SYMBOLS_MAX {
                    overrides.clear();
                }
                overrides.insert(symbol, (now, own));
                own
            }
        };
        Ok(own.or_else(|| snapshot.route(&symbol).map(Ok)))
    }

    fn is_fresh(&self, taken: Duration, now: Duration) -> bool {
        now.checked_sub(taken).is_some_and(|age| age < self.max_age)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Configuration in a map: for tests, and for programs that bring their own.
///
/// ```
/// use core::time::Duration;
/// use hoox_router::{CachedConfig, MemoryConfig};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let store = MemoryConfig::from_iter([("trade:default_leverage", "5")]);
/// let config = CachedConfig::new(store, Duration::from_secs(1));
/// assert_eq!(config.current(Duration::ZERO).await.default_leverage, 5);
/// config.store().set("trade:default_leverage", "3");
/// assert_eq!(config.current(Duration::from_secs(1)).await.default_leverage, 3);
/// # });
/// ```
#[derive(Debug, Default)]
pub struct MemoryConfig(Mutex<MemoryValues>);

#[derive(Default)]
struct MemoryValues {
    values: HashMap<String, String>,
    down: bool,
}

impl core::fmt::Debug for MemoryValues {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // Holds the passkey.
        f.debug_struct("MemoryValues").field("len", &self.values.len()).finish_non_exhaustive()
    }
}

impl MemoryConfig {
    /// A map with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a value, for the next load.
    pub fn set(&self, key: &str, value: &str) {
        self.values().values.insert(key.into(), value.into());
    }

    /// Removes a value.
    pub fn remove(&self, key: &str) {
        self.values().values.remove(key);
    }

    /// Makes every load fail, or succeed again: for tests of what happens then.
    pub fn set_available(&self, available: bool) {
        self.values().down = !available;
    }

    fn values(&self) -> MutexGuard<'_, MemoryValues> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A: Into<String>, B: Into<String>> FromIterator<(A, B)> for MemoryConfig {
    fn from_iter<I: IntoIterator<Item = (A, B)>>(pairs: I) -> Self {
        let values = pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        Self(Mutex::new(MemoryValues { values, down: false }))
    }
}

impl ConfigStore for MemoryConfig {
    async fn load(&self, keys: &[&str]) -> Result<Vec<Option<String>>, ConfigUnavailable> {
        let kept = self.values();
        if kept.down {
            return Err(ConfigUnavailable("set to be unavailable".into()));
        }
        Ok(keys.iter().map(|key| kept.values.get(*key).cloned()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_snapshot_lives_a_second_and_no_failure_is_papered_over() {
        let config = CachedConfig::new(MemoryConfig::new(), Duration::from_secs(60));
        let at = Duration::from_millis;
        assert!(!config.current(at(0)).await.kill_switch);
        config.store().set("trade:kill_switch", "true");
        assert!(!config.current(at(999)).await.kill_switch);
        assert!(config.current(at(1000)).await.kill_switch);
        config.store().set("trade:kill_switch", "false");
        config.store().set_available(false);
        assert!(config.current(at(1999)).await.kill_switch, "still the kept one");
        let unavailable = config.current(at(2000)).await;
        assert!(unavailable.kill_switch && unavailable.allow_list.enabled);
        config.store().set_available(true);
        assert!(!config.current(at(2001)).await.kill_switch);
    }

    #[tokio::test]
    async fn overrides_are_read_only_while_dynamic_routing_is_on() {
        let config = CachedConfig::new(MemoryConfig::new(), Duration::ZERO);
        let symbol = Symbol::new("SOLUSDT").unwrap();
        config.store().set("exchanges:routing:SOLUSDT", "\"binance\"");
        config.store().set("trade:routing", r#"{"SOLUSDT":"mexc","BTCUSDT":"mexc"}"#);
        let snapshot = config.current(Duration::ZERO).await;
        assert_eq!(config.symbol_override(&snapshot, symbol, Duration::ZERO).await, Ok(None));
        config.store().set("routing:dynamic:enabled", "true");
        let snapshot = config.current(Duration::ZERO).await;
        let read = async |symbol| config.symbol_override(&snapshot, symbol, Duration::ZERO).await;
        assert_eq!(read(symbol).await, Ok(Some(Ok(Venue::Binance))));
        assert_eq!(read(Symbol::new("BTCUSDT").unwrap()).await, Ok(Some(Ok(Venue::Mexc))));
        config.store().set("exchanges:routing:SOLUSDT", "kraken");
        assert_eq!(read(symbol).await, Ok(Some(Err(UnknownName))));
        config.store().set_available(false);
        assert!(read(symbol).await.is_err());
    }
}
