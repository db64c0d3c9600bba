//! Values of the configuration as they are written, and what is taken instead of one that cannot be read.

use core::time::Duration;

use hoox_connector::{Decimal, MarginMode, Symbol, Venue, parse_decimal};

use crate::address::AllowList;
use crate::{ConfigWarning, Passkey, QueueMode, normalize_symbol};

/// The most entries of the `trade:routing` map that are kept.
const ROUTES_MAX: usize = 1000;

/// Reads the values that `find` has, and notes what is wrong with them.
pub(crate) struct Reader<F> {
    find: F,
    pub(crate) warnings: Vec<ConfigWarning>,
}

impl<'v, F: Fn(&str) -> Option<&'v str>> Reader<F> {
    pub(crate) fn new(find: F) -> Self {
        Self { find, warnings: Vec::new() }
    }

    fn text(&self, key: &str) -> Option<String> {
        (self.find)(key).map(|value| plain(value).trim().to_owned())
    }

    /// The value of `key`; if it cannot be read, `instead` and a warning.
    pub(crate) fn value<T>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&str) -> Option<T>,
        instead: Option<T>,
    ) -> Option<T> {
        let text = self.text(key)?;
        let value = parse(&text);
        if value.is_some() {
            return value;
        }
        self.warn(key, "cannot be read; a safe value holds instead");
        instead
    }

    pub(crate) fn flag(&mut self, key: &str, absent: bool, unreadable: bool) -> bool {
        self.value(key, boolean, Some(unreadable)).unwrap_or(absent)
    }

    /// A broken digest is nobody's passkey: what is configured elsewhere must not hold in its place.
    pub(crate) fn passkey(&mut self) -> Option<Passkey> {
        const KEY: &str = "webhooks:api_key";
        let text = self.text(KEY)?;
        if Passkey::is_broken_digest(&text) {
            self.warn(KEY, "is no SHA-256 digest in hex; nobody authenticates");
            return Some(Passkey::NOBODYS);
        }
        Passkey::from_config(&text)
    }

    pub(crate) fn allow_list(&mut self) -> AllowList {
        let found = ["webhook:allowed_ips", "webhook:tradingview:allowed_ips"]
            .into_iter()
            .find_map(|key| Some((key, self.text(key).filter(|list| !list.is_empty())?)));
        let Some((key, text)) = found else { return AllowList::default() };
        let (addresses, invalid) = AllowList::parse(&text);
        if invalid > 0 {
            self.warn(key, "holds entries that are no addresses, or too many; they allow nobody");
        }
        let built_in = addresses.is_empty() && invalid == 0;
        match built_in {
            true => AllowList::default(),
            false => AllowList { enabled: false, addresses },
        }
    }

    pub(crate) fn queue_mode(&mut self) -> QueueMode {
        let key = ["webhooks:queue_mode", "webhook:queue_mode"]
            .into_iter()
            .find(|key| (self.find)(key).is_some());
        key.and_then(|key| self.value(key, queue_mode, None)).unwrap_or_default()
    }

    pub(crate) fn routes(&mut self) -> Vec<(Symbol, Venue)> {
        const KEY: &str = "trade:routing";
        let Some(text) = self.text(KEY).filter(|text| !text.is_empty()) else { return Vec::new() };
        let map = serde_json::from_str::<std::collections::BTreeMap<String, String>>(&text);
        let Ok(map) = map else {
            self.warn(KEY, "is no JSON map of symbols to exchanges; it redirects nothing");
            return Vec::new();
        };
        let mut routes = Vec::new();
        for (symbol, venue) in map {
            match (normalize_symbol(&symbol), venue.parse()) {
                (Ok(symbol), Ok(venue)) if routes.len() < ROUTES_MAX => {
                    routes.push((symbol, venue))
                }
                _ => self.warn(
                    KEY,
                    "holds entries that are no symbol and exchange; they redirect nothing",
                ),
            }
        }
        routes
    }

    pub(crate) fn failover_order(&mut self) -> Vec<Venue> {
        const KEY: &str = "routing:failover:order";
        let Some(text) = self.text(KEY).filter(|text| !text.is_empty()) else {
            return Venue::EXCHANGES.to_vec();
        };
        let mut order = Vec::new();
        for name in list(&text) {
            match name.parse() {
                Ok(venue) if !order.contains(&venue) => order.push(venue),
                Ok(_) => {}
                Err(_) => self.warn(KEY, "holds entries that are no exchange; they are left out"),
            }
        }
        order
    }

    pub(crate) fn days(&mut self, key: &str, default: u64) -> Duration {
        let days = self.value(key, days, Some(default)).unwrap_or(default);
        Duration::from_secs(days * 24 * 60 * 60)
    }

    fn warn(&mut self, key: &str, problem: &'static str) {
        let warning = ConfigWarning { key: key.into(), problem };
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}

/// A configured value without the JSON string around it, if there is one.
pub(crate) fn plain(value: &str) -> String {
    let value = value.trim();
    match value.starts_with('"') {
        true => serde_json::from_str(value).unwrap_or_else(|_| value.to_owned()),
        false => value.to_owned(),
    }
}

pub(crate) fn boolean(text: &str) -> Option<bool> {
    let is = |names: [&str; 4]| names.iter().any(|name| name.eq_ignore_ascii_case(text));
    match text {
        _ if is(["true", "1", "yes", "on"]) => Some(true),
        _ if is(["false", "0", "no", "off"]) => Some(false),
        _ => None,
    }
}

/// A JSON array of texts, or texts with commas between.
pub(crate) fn list(text: &str) -> Vec<String> {
    let json: Option<Vec<String>> = serde_json::from_str(text).ok();
    let entries = json.unwrap_or_else(|| text.split(',').map(str::to_owned).collect());
    let entries = entries.iter().map(|entry| entry.trim());
    entries.filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
}

/// data.md §3, `trade:max_daily_drawdown_percent`.
pub(crate) const DRAWDOWN: Decimal = Decimal::from_parts(5, 0, 0, false, 0);

/// A loss limit, which some write with the loss's sign.
pub(crate) fn percent(text: &str) -> Option<Decimal> {
    let percent = parse_decimal(text).ok()?.abs();
    (percent > Decimal::ZERO && percent <= Decimal::ONE_HUNDRED).then_some(percent)
}

pub(crate) fn leverage(text: &str) -> Option<u32> {
    text.parse().ok().filter(|leverage| (1..=125).contains(leverage))
}

pub(crate) fn queue_mode(text: &str) -> Option<QueueMode> {
    match text {
        "direct_only" | "queue_disabled" => Some(QueueMode::DirectOnly),
        "queue_failover" => Some(QueueMode::QueueFailover),
        "queue_everywhere" => Some(QueueMode::QueueEverywhere),
        _ => None,
    }
}

pub(crate) fn days(text: &str) -> Option<u64> {
    text.parse().ok().filter(|days| (1..=36_500).contains(days))
}

pub(crate) fn margin_mode(text: &str) -> Option<MarginMode> {
    match text {
        _ if text.eq_ignore_ascii_case("isolated") => Some(MarginMode::Isolated),
        _ if text.eq_ignore_ascii_case("cross") => Some(MarginMode::Cross),
        _ => None,
    }
}
