//! The wallet's configuration (wallet.md §5, §6).

use core::str::FromStr;
use std::collections::BTreeMap;

use hoox_edge::KvConfig;
use hoox_router::{ConfigSnapshot, ConfigStore};
use hoox_wallet::{
    Address, AllowList, FeeLimits, Policy, U256, WalletConfig, parse_address, parse_integer,
    usd_millionths,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use worker::Env;

use crate::refusal::Refusal;
use crate::{chains, migration};

/// The key of the document.
pub(crate) const KEY: &str = "wallet:config";

/// The keys of one read: the document, where it came from, the gas trap, and what halts trading.
const KEYS: [&str; 6] = [
    KEY,
    migration::MARKER,
    "web3:max_gas_price_gwei",
    "trade:kill_switch",
    "global:kill_switch",
    "global:maintenance_mode",
];

/// The gas trap of a fresh installation, in gwei.
const GAS_TRAP_GWEI: u64 = 100;

/// What holds for one request.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) wallet: Document,
    /// Whether nothing may be sent.
    pub(crate) halted: bool,
    fees: FeeLimits,
}

/// The document `wallet:config`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Document {
    pub(crate) enabled: bool,
    pub(crate) default_chain: String,
    /// Chains that are switched on or off, beyond the table's defaults; a key of ours.
    pub(crate) chains: BTreeMap<String, bool>,
    /// How many blocks a transaction must be under, its own included, until it is looked after no
    /// more; a key of ours.
    pub(crate) confirmations: u64,
    pub(crate) dex: Dex,
    pub(crate) security: Security,
    pub(crate) updated_at: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Dex {
    slippage_tolerance: Number,
    gas_multiplier: Number,
    max_approval_amount: String,
    /// The most gas of one transaction; a key of ours.
    max_gas_limit: u64,
    /// The most that one transaction's gas may cost, in wei; a key of ours.
    max_fee: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Security {
    pub(crate) max_transaction_value_usd: Number,
    /// What may leave an account on one chain in 24 hours; a key of ours.
    max_daily_value_usd: Option<Number>,
    /// Whether others sign with the accounts' keys too; a key of ours.
    shared_key: bool,
    /// Everything but signing; a key of ours.
    pub(crate) dry_run: bool,
    pub(crate) require_confirmation: bool,
    pub(crate) whitelisted_contracts_only: bool,
    whitelisted_contracts: Vec<String>,
}

impl Default for Document {
    fn default() -> Self {
        Self {
            enabled: true,
            default_chain: "ethereum".into(),
            chains: BTreeMap::new(),
            confirmations: 3,
            dex: Dex::default(),
            security: Security::default(),
            updated_at: 0,
        }
    }
}

impl Default for Dex {
    fn default() -> Self {
        Self {
            slippage_tolerance: Number::from_f64(0.5).unwrap_or_else(|| 0.into()),
            gas_multiplier: Number::from_f64(1.2).unwrap_or_else(|| 1.into()),
            max_approval_amount: format!("1{}", "0".repeat(24)),
            max_gas_limit: FeeLimits::default().max_gas,
            max_fee: None,
        }
    }
}

impl Default for Security {
    fn default() -> Self {
        Self {
            max_transaction_value_usd: 10_000.into(),
            max_daily_value_usd: None,
            shared_key: false,
            dry_run: false,
            require_confirmation: true,
            whitelisted_contracts_only: true,
            whitelisted_contracts: Vec::new(),
        }
    }
}

impl Settings {
    /// Reads the configuration. What cannot be read at all halts; a document that is malformed is the
    /// default one, which lets nothing out.
    pub(crate) async fn load(env: &Env) -> Self {
        let unreadable = || {
            let (wallet, fees) = Default::default();
            Self { wallet, halted: true, fees }
        };
        let Ok(mut values) = KvConfig::new(env.clone()).load(&KEYS).await else {
            return unreadable();
        };
        if let [document, None, ..] = values.as_mut_slice() {
            match migration::bring_over(env, document.as_deref()).await {
                Ok(Some(older)) => *document = Some(older),
                Ok(None) => {}
                Err(_) => return unreadable(),
            }
        }
        let find = |key: &str| {
            let at = KEYS.iter().position(|known| *known == key)?;
            values.get(at)?.as_deref()
        };
        let preset = env.var("DEFAULT_CHAIN").ok().map(|name| name.to_string());
        let read = |text| Document::read(text, preset.clone()).filter(|it| it.check(env).is_ok());
        let wallet = find(KEY).and_then(read).or_else(|| read("{}")).unwrap_or_default();
        let mut fees = FeeLimits::default();
        fees.max_gas_price = gas_trap(find("web3:max_gas_price_gwei"));
        fees.max_gas = wallet.dex.max_gas_limit;
        // Checked to be a number, as the rest of the document.
        fees.max_total_fee = wallet.dex.max_fee.as_ref().and_then(|wei| parse_integer(wei).ok());
        fees.gas_multiplier_percent =
            hundredths(&wallet.dex.gas_multiplier).unwrap_or(fees.gas_multiplier_percent);
        Self { wallet, halted: ConfigSnapshot::parse(find).kill_switch, fees }
    }

    /// Whether a chain may be used.
    pub(crate) fn has(&self, chain: &str) -> bool {
        let default = chain == "local" || chains::ENABLED.contains(&chain);
        self.wallet.chains.get(chain).copied().unwrap_or(default)
    }

    /// What a wallet is told.
    pub(crate) fn config(&self) -> WalletConfig {
        let Security { whitelisted_contracts_only, whitelisted_contracts, .. } =
            &self.wallet.security;
        let listed = || match whitelisted_contracts_only {
            true => AllowList::only(addresses(whitelisted_contracts)),
            false => AllowList::Any,
        };
        let mut policy = Policy::default();
        (policy.recipients, policy.tokens) = (listed(), listed());
        // By their worth in dollars, before this.
        policy.unlimited = true;
        policy.dry_run = self.wallet.security.dry_run;
        let most = parse_integer(&self.wallet.dex.max_approval_amount).unwrap_or_default();
        // Never unlimited, whatever is configured.
        policy.max_approval = most.min(U256::MAX - U256::ONE);
        let mut config = WalletConfig::new(policy);
        config.fees = self.fees.clone();
        config.shared_key = self.wallet.security.shared_key;
        config.life.poll = core::time::Duration::from_millis(250);
        config
    }

    /// The slippage, in hundredths of a percent.
    pub(crate) fn slippage_bps(&self) -> u32 {
        hundredths(&self.wallet.dex.slippage_tolerance).unwrap_or(50)
    }

    /// The most that one transaction may be worth, in millionths of a dollar.
    pub(crate) fn max_value(&self) -> U256 {
        let dollars = decimal(&self.wallet.security.max_transaction_value_usd);
        dollars.and_then(usd_millionths).unwrap_or_default()
    }

    /// The most that may leave an account on one chain in 24 hours, in millionths of a dollar.
    pub(crate) fn max_daily_value(&self) -> Option<U256> {
        let dollars = self.wallet.security.max_daily_value_usd.as_ref()?;
        Some(decimal(dollars).and_then(usd_millionths).unwrap_or_default())
    }

    /// Whether what is signed on a chain may only be sent as it is: nothing new, and no replacement.
    pub(crate) fn sign_no_more(&self, chain: &str) -> bool {
        self.halted || !self.wallet.enabled || !self.has(chain)
    }
}

impl Document {
    /// Reads a document; a default chain that it does not name is `preset`.
    fn read(text: &str, preset: Option<String>) -> Option<Self> {
        let mut fields: serde_json::Map<String, Value> = serde_json::from_str(text).ok()?;
        if let Some(preset) = preset {
            fields.entry("defaultChain").or_insert(preset.into());
        }
        serde_json::from_value(fields.into()).ok()
    }

    /// The document with `change` merged into it.
    pub(crate) fn merged(&self, change: &Value, env: &Env) -> Result<Self, Refusal> {
        let unreadable = |error: serde_json::Error| Refusal::violation("config", error);
        let mut value = serde_json::to_value(self).map_err(unreadable)?;
        if !merge(&mut value, change) {
            return Err(Refusal::violation("config", "A part with fields is changed by fields."));
        }
        let merged: Self = serde_json::from_value(value).map_err(unreadable)?;
        merged.check(env)?;
        Ok(merged)
    }

    fn check(&self, env: &Env) -> Result<(), Refusal> {
        let known = chains::known(env);
        let is_known = |name: &String| known.iter().any(|chain| chain.name == *name);
        let Dex { slippage_tolerance, gas_multiplier, max_approval_amount, max_fee, .. } =
            &self.dex;
        let within = |number, least, most| {
            hundredths(number).is_some_and(|it: u32| (least..=most).contains(&it))
        };
        let value = decimal(&self.security.max_transaction_value_usd);
        let daily = self.security.max_daily_value_usd.as_ref();
        let daily = daily.is_none_or(|it| decimal(it).and_then(usd_millionths).is_some());
        let listed = &self.security.whitelisted_contracts;
        let checks = [
            ("confirmations", (1..=256).contains(&self.confirmations)),
            ("security.maxDailyValueUsd", daily),
            ("defaultChain", is_known(&self.default_chain)),
            ("chains", self.chains.keys().all(is_known)),
            ("dex.slippageTolerance", within(slippage_tolerance, 0, 10_000)),
            ("dex.gasMultiplier", within(gas_multiplier, 100, 1_000)),
            ("dex.maxApprovalAmount", parse_integer(max_approval_amount).is_ok()),
            ("dex.maxFee", max_fee.as_ref().is_none_or(|wei| parse_integer(wei).is_ok())),
            ("security.maxTransactionValueUsd", value.and_then(usd_millionths).is_some()),
            (
                "security.whitelistedContracts",
                listed.len() <= 1_000 && listed.iter().all(|text| parse_address(text).is_ok()),
            ),
        ];
        match checks.iter().find(|(_, holds)| !holds) {
            Some((field, _)) => Err(Refusal::violation(field, "Not a value that this can have.")),
            None => Ok(()),
        }
    }
}

/// A number as it is written, such as `0.5`, as 50.
pub(crate) fn hundredths(number: &Number) -> Option<u32> {
    let value = decimal(number)?.checked_mul(Decimal::ONE_HUNDRED)?;
    (value.is_integer() && !value.is_sign_negative()).then(|| u32::try_from(value).ok())?
}

fn decimal(number: &Number) -> Option<Decimal> {
    let text = number.to_string();
    Decimal::from_str(&text).or_else(|_| Decimal::from_scientific(&text)).ok()
}

/// The trap in wei. Unset or unreadable it is the default's; zero or less switches it off.
fn gas_trap(text: Option<&str>) -> Option<u128> {
    let gwei = text.and_then(|text| Decimal::from_str(text.trim().trim_matches('"')).ok());
    let gwei = gwei.unwrap_or_else(|| GAS_TRAP_GWEI.into());
    if gwei <= Decimal::ZERO {
        return None;
    }
    let wei = gwei.checked_mul(Decimal::from(1_000_000_000));
    Some(wei.and_then(|wei| u128::try_from(wei.trunc()).ok()).unwrap_or(u128::MAX))
}

fn addresses(texts: &[String]) -> impl Iterator<Item = Address> {
    texts.iter().filter_map(|text| parse_address(text).ok())
}

/// Merges `change` in, unless it would put something else in the place of fields: a list is read as
/// fields too, and an empty one as all their defaults.
fn merge(into: &mut Value, change: &Value) -> bool {
    match (into, change) {
        (Value::Object(into), Value::Object(change)) => {
            change.iter().all(|(name, value)| merge(into.entry(name).or_insert(Value::Null), value))
        }
        (Value::Object(_), _) => false,
        (into, change) => {
            *into = change.clone();
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_specification() {
        let document = serde_json::to_value(Document::default()).unwrap();
        assert_eq!(
            document,
            json!({
                "enabled": true, "defaultChain": "ethereum", "chains": {}, "confirmations": 3,
                "dex": {
                    "slippageTolerance": 0.5, "gasMultiplier": 1.2,
                    "maxApprovalAmount": "1000000000000000000000000",
                    "maxGasLimit": 3000000, "maxFee": null,
                },
                "security": {
                    "maxTransactionValueUsd": 10000, "maxDailyValueUsd": null,
                    "sharedKey": false, "dryRun": false, "requireConfirmation": true,
                    "whitelistedContractsOnly": true, "whitelistedContracts": [],
                },
                "updatedAt": 0,
            })
        );
    }

    #[test]
    fn the_default_chain_may_be_preset() {
        let chain = |text, preset: Option<&str>| {
            Document::read(text, preset.map(Into::into)).map(|it| it.default_chain)
        };
        assert_eq!(chain("{}", None).as_deref(), Some("ethereum"));
        assert_eq!(chain("{}", Some("bsc")).as_deref(), Some("bsc"));
        let named = r#"{ "defaultChain": "polygon" }"#;
        assert_eq!(chain(named, Some("bsc")).as_deref(), Some("polygon"));
        assert_eq!(chain("[]", Some("bsc")), None);
    }

    #[test]
    fn a_part_erases_no_sibling() {
        let mut value = serde_json::to_value(Document::default()).unwrap();
        assert!(merge(&mut value, &json!({ "security": { "requireConfirmation": false } })));
        let merged: Document = serde_json::from_value(value.clone()).unwrap();
        assert!(!merged.security.require_confirmation);
        assert!(merged.security.whitelisted_contracts_only);
        for other in [json!([]), json!(null), json!({ "security": [] }), json!({ "dex": null })] {
            assert!(!merge(&mut value.clone(), &other), "{other}");
        }
    }

    #[test]
    fn what_is_not_set_shuts_the_trap_at_a_hundred() {
        let gwei = 1_000_000_000;
        assert_eq!(gas_trap(None), Some(100 * gwei));
        assert_eq!(gas_trap(Some("much")), Some(100 * gwei));
        assert_eq!(gas_trap(Some("0.5")), Some(gwei / 2));
        assert_eq!((gas_trap(Some("0")), gas_trap(Some("-1"))), (None, None));
    }

    #[test]
    fn what_is_switched_off_signs_nothing() {
        let settings = |wallet: Value, halted| {
            let wallet = serde_json::from_value(wallet).unwrap();
            Settings { wallet, halted, fees: FeeLimits::default() }
        };
        assert!(!settings(json!({}), false).sign_no_more("ethereum"));
        assert!(settings(json!({}), false).sign_no_more("polygon"));
        assert!(settings(json!({}), true).sign_no_more("ethereum"));
        assert!(settings(json!({ "enabled": false }), false).sign_no_more("ethereum"));
        let off = json!({ "chains": { "ethereum": false, "polygon": true } });
        assert!(settings(off.clone(), false).sign_no_more("ethereum"));
        assert!(!settings(off, false).sign_no_more("polygon"));
    }

    #[test]
    fn a_key_is_shared_only_where_that_is_said() {
        let is_shared = |text| {
            let wallet = Document::read(text, None).unwrap();
            Settings { wallet, halted: false, fees: FeeLimits::default() }.config().shared_key
        };
        assert!(!is_shared("{}"));
        assert!(is_shared(r#"{ "security": { "sharedKey": true } }"#));
    }

    #[test]
    fn numbers_are_read_as_they_are_written() {
        let number = |text: &str| serde_json::from_str::<Number>(text).unwrap();
        assert_eq!(hundredths(&number("0.5")), Some(50));
        assert_eq!(hundredths(&number("1.2")), Some(120));
        assert_eq!(hundredths(&number("0.005")), None);
        assert_eq!(hundredths(&number("-1")), None);
    }
}
