use core::time::Duration;
use std::fmt;

use hoox_connector::{Decimal, MarginMode, Symbol, Venue, parse_decimal};

use crate::Passkey;
use crate::address::AllowList;
use crate::config_value::{DRAWDOWN, Reader, leverage, margin_mode, percent};

/// Signals per minute and passkey unless `webhook:rate_limit_per_minute` says otherwise
/// (gateway.md §7).
const RATE_LIMIT: u32 = 10;

/// How signals reach the exchange (gateway.md §9). Where there is no queue it is always `direct_only`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QueueMode {
    /// At once, failures are the sender's to repeat.
    DirectOnly,
    /// At once, and through the queue when that fails.
    #[default]
    QueueFailover,
    /// Through the queue.
    QueueEverywhere,
}

/// A value that could not be read, and what was taken instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigWarning {
    /// The key.
    pub key: String,
    /// What is wrong, without the value.
    pub problem: &'static str,
}

/// All configuration a signal depends on, read in one round and never changed (data.md §3).
///
/// What is absent has its documented default. What cannot be read has a safe value and a warning:
/// an unreadable kill switch is engaged, an unreadable check is on, an unreadable cap lets no entry
/// pass.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigSnapshot {
    /// `trade:kill_switch`, `global:kill_switch` or `global:maintenance_mode`: nothing is opened.
    /// Default false.
    pub kill_switch: bool,
    /// `webhooks:api_key`. Without one, and without one in [`Settings`](crate::Settings), nobody
    /// authenticates; nor does anybody by a `sha256:` digest that is broken.
    pub passkey: Option<Passkey>,
    /// `webhook:tradingview:ip_check` (alias `…:ip_check_enabled`, either turns it on; default
    /// false), and `webhook:allowed_ips` (alias `webhook:tradingview:allowed_ips`), which replaces
    /// TradingView's own addresses.
    pub allow_list: AllowList,
    /// `webhook:rate_limit_per_minute`, a key of ours: signals per minute and passkey. Default 10,
    /// 0 is no limit.
    pub rate_limit_per_minute: u32,
    /// `webhooks:queue_mode`. Default `queue_failover`.
    pub queue_mode: QueueMode,
    /// `exchanges:default_routing`. Default Bybit.
    pub default_routing: Venue,
    /// `routing:dynamic:enabled`: whether symbols may be redirected. Default false.
    pub dynamic_routing: bool,
    /// `trade:routing`: symbols and where they go; `exchanges:routing:{SYMBOL}` comes first.
    pub routes: Vec<(Symbol, Venue)>,
    /// `exchange:{name}:enabled`, false: the exchanges that take nothing. Default none.
    pub disabled: Vec<Venue>,
    /// `routing:failover:enabled`, a key of ours: whether an entry may go to another exchange when
    /// the one chosen is unwell, or was tried and certainly has no order. Default false.
    pub failover: bool,
    /// `routing:failover:order`, a key of ours: the exchanges to go to, in this order; a JSON array
    /// or a list with commas. Default Binance, Bybit, MEXC: a chain only if it is named.
    pub failover_order: Vec<Venue>,
    /// `exchange:{name}:use_websocket`: the exchanges whose orders go over WebSocket where there is
    /// one. Default none.
    pub use_websocket: Vec<Venue>,
    /// `exchange:{name}:hedge_mode`, a key of ours: the exchanges whose account holds long and short
    /// apart. Where a position is open the exchange itself says so; where none is, Binance and MEXC
    /// do not. Default none.
    pub hedged: Vec<Venue>,
    /// `trade:max_daily_drawdown_percent`, positive whichever sign it was written with: above which
    /// loss of a UTC day trading halts ([`Drawdown`](crate::Drawdown)). Default 5.
    pub max_daily_drawdown_percent: Decimal,
    /// `retention:logs_retention_days`. Default 30.
    pub logs_retention: Duration,
    /// `retention:trades_retention_days`. Default 90.
    pub trades_retention: Duration,
    /// `retention:balances_snapshot_enabled`: whether balances are written down every few minutes; the
    /// first of a day always is. Default true.
    pub balances_snapshot: bool,
    /// `trade:default_leverage`. Default 1.
    pub default_leverage: u32,
    /// `trade:max_position_size`, in the base asset. Default none.
    pub max_position_size: Option<Decimal>,
    /// `trade:margin_mode`. Default isolated.
    pub margin_mode: MarginMode,
    /// `trade:allow_flip`, a key of ours: whether an entry may reduce and flip the opposite
    /// position in one-way mode (trade.md §3). Default false.
    pub allow_flip: bool,
    /// Whether the configuration could be read at all; if not, nothing trades.
    pub readable: bool,
    /// What could not be read.
    pub warnings: Vec<ConfigWarning>,
}

impl ConfigSnapshot {
    /// The keys of a snapshot, in the order [`ConfigStore::load`] is asked for them.
    pub const KEYS: &'static [&'static str] = &[
        "trade:kill_switch",
        "global:kill_switch",
        "global:maintenance_mode",
        "webhooks:api_key",
        "webhook:tradingview:ip_check",
        "webhook:tradingview:ip_check_enabled",
        "webhook:allowed_ips",
        "webhook:tradingview:allowed_ips",
        "webhook:rate_limit_per_minute",
        "webhooks:queue_mode",
        "webhook:queue_mode",
        "exchanges:default_routing",
        "routing:dynamic:enabled",
        "trade:routing",
        "exchange:binance:enabled",
        "exchange:bybit:enabled",
        "exchange:mexc:enabled",
        "exchange:ethereum:enabled",
        "exchange:arbitrum:enabled",
        "exchange:polygon:enabled",
        "exchange:base:enabled",
        "exchange:optimism:enabled",
        "exchange:bsc:enabled",
        "exchange:binance:use_websocket",
        "exchange:bybit:use_websocket",
        "exchange:mexc:use_websocket",
        "exchange:binance:hedge_mode",
        "exchange:bybit:hedge_mode",
        "exchange:mexc:hedge_mode",
        "routing:failover:enabled",
        "routing:failover:order",
        "retention:logs_retention_days",
        "retention:trades_retention_days",
        "retention:balances_snapshot_enabled",
        "trade:max_daily_drawdown_percent",
        "trade:default_leverage",
        "trade:max_position_size",
        "trade:margin_mode",
        "trade:allow_flip",
    ];

    /// Reads the values that `find` has, each raw (`true`) or JSON-encoded (`"true"`).
    ///
    /// ```
    /// use hoox_router::ConfigSnapshot;
    ///
    /// let config = ConfigSnapshot::parse(|key| (key == "trade:kill_switch").then_some("maybe"));
    /// assert!(config.kill_switch, "what cannot be read is engaged");
    /// assert_eq!(config.rate_limit_per_minute, 10);
    /// ```
    pub fn parse<'v>(find: impl Fn(&str) -> Option<&'v str>) -> Self {
        let mut read = Reader::new(find);
        let kill_switch = read.flag("trade:kill_switch", false, true)
            | read.flag("global:kill_switch", false, true)
            | read.flag("global:maintenance_mode", false, true);
        let check = "webhook:tradingview:ip_check";
        let enabled = read.flag(check, false, true)
            | read.flag("webhook:tradingview:ip_check_enabled", false, true);
        let disabled = Venue::ALL
            .into_iter()
            .filter(|venue| !read.flag(&format!("exchange:{venue}:enabled"), true, false))
            .collect();
        let mut flagged = |name: &str| {
            let on = |venue: &Venue| read.flag(&format!("exchange:{venue}:{name}"), false, false);
            Venue::EXCHANGES.into_iter().filter(on).collect()
        };
        let (use_websocket, hedged) = (flagged("use_websocket"), flagged("hedge_mode"));
        Self {
            kill_switch,
            disabled,
            use_websocket,
            hedged,
            failover: read.flag("routing:failover:enabled", false, false),
            failover_order: read.failover_order(),
            max_daily_drawdown_percent: read
                .value("trade:max_daily_drawdown_percent", percent, Some(DRAWDOWN))
                .unwrap_or(DRAWDOWN),
            logs_retention: read.days("retention:logs_retention_days", 30),
            trades_retention: read.days("retention:trades_retention_days", 90),
            balances_snapshot: read.flag("retention:balances_snapshot_enabled", true, true),
            passkey: read.passkey(),
            allow_list: AllowList { enabled, ..read.allow_list() },
            rate_limit_per_minute: read
                .value("webhook:rate_limit_per_minute", |text| text.parse().ok(), Some(RATE_LIMIT))
                .unwrap_or(RATE_LIMIT),
            queue_mode: read.queue_mode(),
            default_routing: read
                .value("exchanges:default_routing", |text| text.parse().ok(), Some(Venue::Bybit))
                .unwrap_or(Venue::Bybit),
            dynamic_routing: read.flag("routing:dynamic:enabled", false, false),
            routes: read.routes(),
            default_leverage: read.value("trade:default_leverage", leverage, Some(1)).unwrap_or(1),
            max_position_size: read.value(
                "trade:max_position_size",
                |text| parse_decimal(text).ok().filter(|cap| *cap >= Decimal::ZERO),
                Some(Decimal::ZERO),
            ),
            margin_mode: read
                .value("trade:margin_mode", margin_mode, Some(MarginMode::Isolated))
                .unwrap_or(MarginMode::Isolated),
            allow_flip: read.flag("trade:allow_flip", false, false),
            readable: true,
            warnings: read.warnings,
        }
    }

    /// What holds while configuration cannot be read: the kill switch is engaged, the address check
    /// is on (gateway.md §5, §6).
    pub fn unavailable() -> Self {
        let mut snapshot = Self::parse(|_| None);
        snapshot.readable = false;
        snapshot.kill_switch = true;
        snapshot.allow_list.enabled = true;
        snapshot.warnings.push(ConfigWarning { key: "*".into(), problem: "cannot be read" });
        snapshot
    }

    /// Whether the exchange takes orders.
    pub fn is_enabled(&self, venue: Venue) -> bool {
        !self.disabled.contains(&venue)
    }

    /// Where `trade:routing` sends a symbol.
    pub fn route(&self, symbol: &Symbol) -> Option<Venue> {
        self.routes.iter().find(|(known, _)| known == symbol).map(|(_, venue)| *venue)
    }
}

/// Where configuration is kept: Cloudflare KV, a watched file, a map.
pub trait ConfigStore {
    /// The values of `keys`, in their order, `None` for those that are absent; all of one moment as
    /// far as the store can tell, and in one round.
    ///
    /// # Errors
    /// [`ConfigUnavailable`] if any of them could not be read.
    fn load(
        &self,
        keys: &[&str],
    ) -> impl Future<Output = Result<Vec<Option<String>>, ConfigUnavailable>>;
}

impl<K: ConfigStore> ConfigStore for &K {
    fn load(
        &self,
        keys: &[&str],
    ) -> impl Future<Output = Result<Vec<Option<String>>, ConfigUnavailable>> {
        K::load(self, keys)
    }
}

impl<K: ConfigStore> ConfigStore for std::sync::Arc<K> {
    fn load(
        &self,
        keys: &[&str],
    ) -> impl Future<Output = Result<Vec<Option<String>>, ConfigUnavailable>> {
        K::load(self, keys)
    }
}

/// Configuration could not be read; nothing trades.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("configuration cannot be read: {0}")]
pub struct ConfigUnavailable(pub String);

/// The longest a snapshot may be used (design, "Routing and configuration").
pub(crate) const SNAPSHOT_AGE_MAX: Duration = Duration::from_secs(1);

impl fmt::Display for ConfigWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key, self.problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalize_symbol;

    fn config(pairs: &[(&str, &str)]) -> ConfigSnapshot {
        ConfigSnapshot::parse(|key| {
            assert!(ConfigSnapshot::KEYS.contains(&key), "{key} is not loaded");
            pairs.iter().find(|(name, _)| *name == key).map(|(_, value)| *value)
        })
    }

    #[test]
    fn absent_keys_have_the_documented_defaults() {
        let defaults = config(&[]);
        assert!(!defaults.kill_switch && !defaults.dynamic_routing && !defaults.allow_list.enabled);
        assert_eq!(defaults.allow_list.addresses, crate::TRADINGVIEW_ADDRESSES);
        assert_eq!(defaults.default_routing, Venue::Bybit);
        assert_eq!(defaults.queue_mode, QueueMode::QueueFailover);
        assert_eq!((defaults.rate_limit_per_minute, defaults.default_leverage), (10, 1));
        assert_eq!(
            (defaults.margin_mode, defaults.max_position_size),
            (MarginMode::Isolated, None)
        );
        assert!(defaults.passkey.is_none() && defaults.warnings.is_empty());
    }

    #[test]
    fn raw_and_json_encoded_values_are_read_alike() {
        for value in ["true", "\"true\"", " TRUE ", "1", "yes", "\"on\""] {
            assert!(config(&[("global:kill_switch", value)]).kill_switch, "{value}");
        }
        for value in ["false", "\"false\"", "0", "off", "no"] {
            let config = config(&[("trade:kill_switch", value)]);
            assert!(!config.kill_switch && config.warnings.is_empty(), "{value}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_safe_and_warned_of() {
        let config = config(&[
            ("trade:kill_switch", "fals"),
            ("webhook:tradingview:ip_check", ""),
            ("webhook:allowed_ips", "nonsense"),
            ("exchange:bybit:enabled", "perhaps"),
            ("trade:max_position_size", "NaN"),
            ("trade:default_leverage", "1000"),
            ("webhook:rate_limit_per_minute", "-1"),
            ("webhook:queue_mode", "sometimes"),
            ("trade:routing", "[]"),
        ]);
        assert!(config.kill_switch);
        assert!(config.allow_list.enabled && config.allow_list.addresses.is_empty());
        assert!(!config.is_enabled(Venue::Bybit) && config.is_enabled(Venue::Mexc));
        assert_eq!(config.max_position_size, Some(Decimal::ZERO));
        assert_eq!((config.default_leverage, config.rate_limit_per_minute), (1, 10));
        assert_eq!(config.queue_mode, QueueMode::QueueFailover);
        assert_eq!(config.warnings.len(), 9, "{:?}", config.warnings);
    }

    #[test]
    fn failover_retention_and_limits_are_typed() {
        let config = config(&[
            ("routing:failover:enabled", "\"true\""),
            ("routing:failover:order", "mexc, bybit, kraken, mexc"),
            ("exchange:bybit:use_websocket", "true"),
            ("retention:logs_retention_days", "7"),
            ("retention:trades_retention_days", "0"),
            ("trade:max_daily_drawdown_percent", "-7.5"),
        ]);
        assert!(config.failover);
        assert_eq!(config.failover_order, [Venue::Mexc, Venue::Bybit]);
        assert_eq!(config.use_websocket, [Venue::Bybit]);
        let days = |days: u64| Duration::from_secs(days * 86_400);
        assert_eq!((config.logs_retention, config.trades_retention), (days(7), days(90)));
        assert_eq!(config.max_daily_drawdown_percent, "7.5".parse().unwrap());
        assert_eq!(config.warnings.len(), 2, "{:?}", config.warnings);
        assert!(super::tests::config(&[("global:maintenance_mode", "perhaps")]).kill_switch);
    }

    #[test]
    fn aliases_are_read() {
        let config = config(&[
            ("webhook:tradingview:ip_check_enabled", "true"),
            ("webhook:tradingview:allowed_ips", r#"["10.1.2.3"]"#),
            ("webhook:queue_mode", "queue_disabled"),
            ("trade:routing", r#"{"sol-usdt":"binance","X":"nowhere"}"#),
        ]);
        assert!(config.allow_list.allows(Some("10.1.2.3".parse().unwrap())));
        assert!(!config.allow_list.allows(Some(crate::TRADINGVIEW_ADDRESSES[0])));
        assert_eq!(config.queue_mode, QueueMode::DirectOnly);
        assert_eq!(config.route(&normalize_symbol("SOLUSDT").unwrap()), Some(Venue::Binance));
        assert_eq!(config.warnings.len(), 1);
    }
}
