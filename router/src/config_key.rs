//! The keys of the configuration, typed: what may be set, and to what (data.md §3).

use core::fmt;

use hoox_connector::{Decimal, Venue, parse_decimal};
use thiserror::Error;

use crate::address::AllowList;
use crate::config_value::{boolean, days, leverage, list, margin_mode, percent, plain, queue_mode};
use crate::{Passkey, normalize_symbol};

/// The longest value, in bytes: every list and map of the manifest is far shorter.
const VALUE_MAX: usize = 32 * 1024;

/// The key of a symbol's own route ends in the symbol.
const ROUTE_OF: &str = "exchanges:routing:{SYMBOL}";

/// A key of the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigKey {
    /// Its name; `{SYMBOL}` at the end stands for any symbol.
    pub name: &'static str,
    /// What its value may be.
    pub kind: ConfigKind,
    /// What holds while it is absent, as text; `None` if nothing does.
    pub default: Option<&'static str>,
    /// The other name it may be written under.
    pub alias: Option<&'static str>,
    /// What it is for, in a line.
    pub about: &'static str,
    /// Whether the router reads it; the others belong to other parts of the same manifest.
    pub routed: bool,
}

/// What a value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigKind {
    /// On or off.
    Flag,
    /// A whole number of days.
    Days,
    /// How many, 0 for no limit.
    Count,
    /// A number of percent.
    Percent,
    /// A number, zero or more.
    Amount,
    /// A number.
    Number,
    /// A leverage.
    Leverage,
    /// A margin mode.
    MarginMode,
    /// A queue mode.
    QueueMode,
    /// An exchange.
    Venue,
    /// Exchanges, in order.
    Venues,
    /// Symbols and the exchanges they go to.
    Routes,
    /// Internet addresses.
    Addresses,
    /// A passkey or its digest.
    Passkey,
    /// A secret of any form.
    Secret,
    /// Any text.
    Text,
    /// A list of texts.
    Texts,
    /// A JSON object.
    Object,
}

/// A value that a key does not take; the text says what it takes, and never repeats the value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{key} must be {allowed}")]
pub struct InvalidValue {
    /// The key.
    pub key: String,
    /// What is allowed.
    pub allowed: &'static str,
}

impl ConfigKey {
    /// Every key that may be set. What workers write themselves (counters, watermarks) is not
    /// configuration and not among them.
    pub const ALL: &'static [Self] = ALL;

    /// The key of a name or an alias; symbols' own routes are found by the form of their name.
    ///
    /// ```
    /// use hoox_router::ConfigKey;
    ///
    /// let key = ConfigKey::find("webhook:queue_mode").unwrap();
    /// assert_eq!(key.name, "webhooks:queue_mode");
    /// assert!(key.check("webhooks:queue_mode", "sometimes").is_err());
    /// assert!(ConfigKey::find("exchanges:routing:SOLUSDT").is_some());
    /// assert!(ConfigKey::find("exchanges:routing:sol").is_none());
    /// ```
    pub fn find(name: &str) -> Option<&'static Self> {
        let named = |key: &&Self| key.name == name || key.alias == Some(name);
        ALL.iter().find(named).or_else(|| {
            let symbol = name.strip_prefix(ROUTE_OF.strip_suffix("{SYMBOL}")?)?;
            let normal = normalize_symbol(symbol).ok()?;
            (normal.as_str() == symbol).then(|| ALL.iter().find(|key| key.name == ROUTE_OF))?
        })
    }

    /// The value as it is stored, without JSON quotes and blanks around it, if the key takes it.
    ///
    /// # Errors
    /// [`InvalidValue`], in the name of `name`.
    pub fn check(&self, name: &str, value: &str) -> Result<String, InvalidValue> {
        let value = plain(value).trim().to_owned();
        match value.len() <= VALUE_MAX && self.kind.accepts(&value) {
            true => Ok(value),
            false => Err(InvalidValue { key: name.to_owned(), allowed: self.kind.allowed() }),
        }
    }

    /// Whether the value must not be shown.
    pub const fn is_secret(&self) -> bool {
        matches!(self.kind, ConfigKind::Passkey | ConfigKind::Secret)
    }
}

impl ConfigKind {
    fn accepts(self, value: &str) -> bool {
        match self {
            Self::Flag => boolean(value).is_some(),
            Self::Days => days(value).is_some(),
            Self::Count => value.parse::<u32>().is_ok(),
            Self::Percent => percent(value).is_some(),
            Self::Amount => parse_decimal(value).is_ok_and(|value| value >= Decimal::ZERO),
            Self::Number => parse_decimal(value).is_ok(),
            Self::Leverage => leverage(value).is_some(),
            Self::MarginMode => margin_mode(value).is_some(),
            Self::QueueMode => queue_mode(value).is_some(),
            Self::Venue => value.parse::<Venue>().is_ok(),
            Self::Venues => {
                let names = list(value);
                !names.is_empty() && names.iter().all(|name| name.parse::<Venue>().is_ok())
            }
            Self::Routes => {
                let map = serde_json::from_str::<std::collections::BTreeMap<String, String>>(value);
                let sound = |(symbol, venue): (&String, &String)| {
                    normalize_symbol(symbol).is_ok() && venue.parse::<Venue>().is_ok()
                };
                map.is_ok_and(|map| map.iter().all(sound))
            }
            Self::Addresses => AllowList::parse(value).1 == 0,
            Self::Passkey => Passkey::from_config(value).is_some(),
            Self::Secret => !value.is_empty() && !value.contains(char::is_control),
            Self::Text => !value.contains(char::is_control),
            Self::Texts => serde_json::from_str::<Vec<String>>(value).is_ok(),
            Self::Object => {
                serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(value).is_ok()
            }
        }
    }

    /// What it takes, in words.
    pub const fn allowed(self) -> &'static str {
        match self {
            Self::Flag => "true or false (also on, off, yes, no, 1, 0)",
            Self::Days => "a whole number of days, 1 to 36500",
            Self::Count => "a whole number, 0 or more",
            Self::Percent => "a number of percent, above 0 and at most 100",
            Self::Amount => "a number, 0 or more",
            Self::Number => "a number",
            Self::Leverage => "a whole number, 1 to 125",
            Self::MarginMode => "isolated or cross",
            Self::QueueMode => "direct_only, queue_failover or queue_everywhere",
            Self::Venue => "binance, bybit or mexc, or a chain such as ethereum",
            Self::Venues => "a list of binance, bybit, mexc and chains, with commas between",
            Self::Routes => {
                "a JSON object of symbols and exchanges, such as {\"SOLUSDT\":\"binance\"}"
            }
            Self::Addresses => "a list of IP addresses, with commas between, at most 500",
            Self::Passkey => "a passkey or sha256:HEX of one; `your_key` is none",
            Self::Secret => "a text that is not empty",
            Self::Text => "a text in one line",
            Self::Texts => "a JSON array of texts",
            Self::Object => "a JSON object",
        }
    }
}

impl fmt::Display for ConfigKind {
    /// What it takes, in words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.allowed())
    }
}

/// A key that the router reads.
const fn key(
    name: &'static str,
    kind: ConfigKind,
    default: &'static str,
    about: &'static str,
) -> ConfigKey {
    ConfigKey { name, kind, default: Some(default), alias: None, about, routed: true }
}

impl ConfigKey {
    const fn alias(self, alias: &'static str) -> Self {
        Self { alias: Some(alias), ..self }
    }

    const fn no_default(self) -> Self {
        Self { default: None, ..self }
    }

    /// Of another part of the manifest.
    const fn elsewhere(self) -> Self {
        Self { routed: false, ..self }
    }
}

use ConfigKind::{
    Addresses, Amount, Count, Days, Flag, Leverage, MarginMode, Number, Object, Percent, QueueMode,
    Routes, Secret, Text, Texts, Venues,
};

const ALL: &[ConfigKey] = &[
    key("trade:kill_switch", Flag, "false", "halts everything but closes from inside"),
    key("global:kill_switch", Flag, "false", "the same"),
    key("global:maintenance_mode", Flag, "false", "the same"),
    key("webhooks:api_key", ConfigKind::Passkey, "", "the passkey of signals").no_default(),
    key("webhooks:queue_mode", QueueMode, "queue_failover", "how signals reach the exchange")
        .alias("webhook:queue_mode"),
    key("webhook:tradingview:ip_check", Flag, "false", "takes signals from listed addresses only")
        .alias("webhook:tradingview:ip_check_enabled"),
    key("webhook:allowed_ips", Addresses, "", "the listed addresses; empty for TradingView's own")
        .alias("webhook:tradingview:allowed_ips"),
    key(
        "webhook:rate_limit_per_minute",
        Count,
        "10",
        "signals a minute and passkey; 0 for no limit",
    ),
    key(
        "exchanges:default_routing",
        ConfigKind::Venue,
        "bybit",
        "where orders from inside go that name none",
    ),
    key("routing:dynamic:enabled", Flag, "false", "whether symbols may have routes of their own"),
    key(ROUTE_OF, ConfigKind::Venue, "", "where the symbol goes").no_default(),
    key("trade:routing", Routes, "{}", "the same, for many symbols"),
    key("routing:failover:enabled", Flag, "false", "whether entries may go to another exchange"),
    key("routing:failover:order", Venues, "binance,bybit,mexc", "which, and in what order"),
    key("exchange:binance:enabled", Flag, "true", "whether Binance takes orders"),
    key("exchange:bybit:enabled", Flag, "true", "whether Bybit takes orders"),
    key("exchange:mexc:enabled", Flag, "true", "whether MEXC takes orders"),
    key("exchange:ethereum:enabled", Flag, "true", "whether Ethereum takes orders"),
    key("exchange:arbitrum:enabled", Flag, "true", "whether Arbitrum takes orders"),
    key("exchange:polygon:enabled", Flag, "true", "whether Polygon takes orders"),
    key("exchange:base:enabled", Flag, "true", "whether Base takes orders"),
    key("exchange:optimism:enabled", Flag, "true", "whether Optimism takes orders"),
    key("exchange:bsc:enabled", Flag, "true", "whether BNB Smart Chain takes orders"),
    key("exchange:binance:use_websocket", Flag, "false", "whether orders go over WebSocket"),
    key("exchange:bybit:use_websocket", Flag, "false", "whether orders go over WebSocket"),
    key("exchange:mexc:use_websocket", Flag, "false", "MEXC has none: its orders go over REST"),
    key("exchange:binance:hedge_mode", Flag, "false", "whether it holds long and short apart"),
    key("exchange:bybit:hedge_mode", Flag, "false", "the same; it tells so by itself"),
    key("exchange:mexc:hedge_mode", Flag, "false", "whether it holds long and short apart"),
    key("trade:default_leverage", Leverage, "1", "the leverage of signals that name none"),
    key("trade:margin_mode", MarginMode, "isolated", "the margin mode of entries with leverage"),
    key("trade:max_position_size", Amount, "", "the most an entry orders, in the base asset")
        .no_default(),
    key("trade:allow_flip", Flag, "false", "whether an entry may flip the opposite position"),
    key("trade:max_daily_drawdown_percent", Percent, "5", "the loss of a day that halts trading"),
    key("retention:logs_retention_days", Days, "30", "how long logs are kept"),
    key("retention:trades_retention_days", Days, "90", "how long trades and signals are kept"),
    key("retention:balances_snapshot_enabled", Flag, "true", "whether balances are written down"),
    key("trade:trailing_stop_percent", Number, "0.05", "of the risk loop").elsewhere(),
    key("agent:config", Object, "{}", "of the risk loop").elsewhere(),
    key("agent:openai_key", Secret, "", "of the risk loop").no_default().elsewhere(),
    key("agent:anthropic_key", Secret, "", "of the risk loop").no_default().elsewhere(),
    key("agent:google_key", Secret, "", "of the risk loop").no_default().elsewhere(),
    key("agent:azure_api_key", Secret, "", "of the risk loop").no_default().elsewhere(),
    key("agent:azure_endpoint", Text, "", "of the risk loop").no_default().elsewhere(),
    key("email:scan_subject", Text, "TRADE", "of e-mail signals").elsewhere(),
    key("email:coin_pattern", Text, "(BTC|ETH)", "of e-mail signals").elsewhere(),
    key("email:action_pattern", Text, "(BUY|SELL)", "of e-mail signals").elsewhere(),
    key("email:authorized_senders", Texts, "[]", "of e-mail signals").elsewhere(),
    key("email:quantity_multiplier", Number, "1", "of e-mail signals").elsewhere(),
    key("email:use_imap", Flag, "false", "of e-mail signals").elsewhere(),
    key("web3:max_gas_price_gwei", Number, "100", "of the wallet: the gas trap").elsewhere(),
    key("wallet:config", Object, "{}", "of the wallet").elsewhere(),
    key("global:api_key_required", Flag, "false", "of the dashboard").elsewhere(),
    key("bot:enabled", Flag, "false", "of notifications").elsewhere(),
    key("bot:default_chat_id", Text, "", "of notifications").no_default().elsewhere(),
    key("bot:notify_on_execution", Flag, "false", "of notifications").elsewhere(),
    key("bot:notify_on_error", Flag, "false", "of notifications").elsewhere(),
    key("notify:telegram_enabled", Flag, "false", "of notifications").elsewhere(),
    key("notify:email_enabled", Flag, "false", "of notifications").elsewhere(),
    key("notify:on_error_only", Flag, "false", "of notifications").elsewhere(),
    key("telegram:allowed_chat_ids", Texts, "[]", "of notifications").elsewhere(),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ConfigSnapshot;

    #[test]
    fn every_key_that_is_read_is_in_the_table_and_the_other_way_round() {
        for name in ConfigSnapshot::KEYS {
            assert!(ConfigKey::find(name).is_some_and(|key| key.routed), "{name}");
        }
        for key in ConfigKey::ALL.iter().filter(|key| key.routed && key.name != ROUTE_OF) {
            for name in [Some(key.name), key.alias].into_iter().flatten() {
                assert!(ConfigSnapshot::KEYS.contains(&name), "{name}");
            }
        }
    }

    #[test]
    fn no_name_is_there_twice_and_every_default_is_allowed() {
        let mut names: Vec<_> =
            ConfigKey::ALL.iter().flat_map(|key| [Some(key.name), key.alias]).flatten().collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
        for key in ConfigKey::ALL {
            if let Some(default) = key.default {
                assert_eq!(key.check(key.name, default).as_deref(), Ok(default), "{}", key.name);
            }
        }
    }

    /// What the table takes is what the snapshot reads without a warning.
    #[test]
    fn the_table_and_the_snapshot_agree() {
        let values = [
            "true",
            "\"off\"",
            "maybe",
            "",
            "0",
            "1",
            "125",
            "126",
            "-1",
            "-7.5",
            "0.5",
            "100.5",
            "36500",
            "36501",
            "NaN",
            "isolated",
            "CROSS",
            "direct_only",
            "queue_disabled",
            "bybit",
            "kraken",
            "mexc, bybit",
            "mexc, kraken",
            "[\"mexc\"]",
            r#"{"SOLUSDT":"binance"}"#,
            r#"{"SOLUSDT":"kraken"}"#,
            "[]",
            "{}",
            "10.1.2.3",
            "10.1.2.3,nonsense",
            "99999999999999",
            "hush",
            "your_key",
            "sha256:00",
        ];
        for key in ConfigKey::ALL.iter().filter(|key| key.routed && key.name != ROUTE_OF) {
            for value in values {
                let read = ConfigSnapshot::parse(|name| (name == key.name).then_some(value));
                let takes = key.check(key.name, value).is_ok();
                let (sound, empty) = (read.warnings.is_empty(), value.is_empty());
                match key.kind {
                    // Absent and empty are one to the snapshot; nobody needs to set that.
                    _ if empty && sound => {}
                    // A list that leaves out all it does not know is still no list.
                    ConfigKind::Passkey => {
                        assert_eq!(takes, sound && read.passkey.is_some(), "{value}");
                    }
                    ConfigKind::Venues if value == "[]" => assert!(!takes),
                    _ => assert_eq!(takes, sound, "{} = {value}", key.name),
                }
            }
        }
    }
}
