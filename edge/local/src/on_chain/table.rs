//! The file of chains: a table for each.

use core::time::Duration;
use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use hoox_connector::Symbol;
use hoox_evm::{Pair, SwapRules};
use hoox_router::normalize_symbol;
use hoox_wallet::{
    Address, AllowList, COIN_DECIMALS, Chain, FeeLimits, Policy, Router, parse_address, parse_units,
};
use serde::{Deserialize, Deserializer};

use super::limits::{UsdLimit, ValueLimits};

/// The largest file that is read.
const FILE_MAX: u64 = 1024 * 1024;

/// The fee of a pool of Uniswap V3 that names none, in hundredths of a basis point.
const POOL_FEE: u32 = 3_000;

/// A table for each chain, `[ethereum]`, and for signals with `"test": true`, `[test.ethereum]`.
#[derive(Debug, Deserialize)]
pub(super) struct File {
    #[serde(default)]
    pub(super) test: BTreeMap<String, ChainTable>,
    #[serde(flatten)]
    pub(super) live: BTreeMap<String, ChainTable>,
}

/// What is known of a chain, and what an account may do there.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChainTable {
    #[serde(default)]
    pub(super) pairs: Vec<PairTable>,
    /// The id, where the chain is another than the one of this name: a test chain.
    chain_id: Option<u64>,
    /// The router, and its quoter if it is one of Uniswap V3; the table's if none.
    #[serde(default, deserialize_with = "address")]
    router: Option<Address>,
    #[serde(default, deserialize_with = "address")]
    quoter: Option<Address>,
    /// The token that wraps the coin; the table's if none.
    #[serde(default, deserialize_with = "address")]
    wrapped: Option<Address>,
    /// Which account of the mnemonic.
    #[serde(default)]
    pub(crate) account: u32,
    slippage_bps: Option<u32>,
    /// How far any bound may be from the quote, one of the order's own too.
    max_slippage_bps: Option<u32>,
    deadline_seconds: Option<u64>,
    gas_limit: Option<u64>,
    pub(super) confirmations: Option<u64>,
    /// The gas trap, the most gas of a transaction, and the most that its gas may cost, in coins.
    max_gas_price_gwei: Option<u64>,
    max_gas_limit: Option<u64>,
    #[serde(default, deserialize_with = "coins")]
    max_fee: Option<hoox_wallet::U256>,
    max_transaction_value_usd: Option<UsdLimit>,
    max_daily_value_usd: Option<UsdLimit>,
    /// Whether others sign with the account's key too.
    #[serde(default)]
    pub(crate) shared_key: bool,
    /// Everything but signing.
    #[serde(default)]
    pub(crate) dry_run: bool,
    /// Whom `hoox wallet` may pay, and which tokens it may touch; anybody and any if none.
    #[serde(default, deserialize_with = "addresses")]
    recipients: Option<Vec<Address>>,
    #[serde(default, deserialize_with = "addresses")]
    tokens: Option<Vec<Address>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PairTable {
    #[serde(deserialize_with = "side")]
    base: Address,
    #[serde(deserialize_with = "side")]
    quote: Address,
    symbol: Option<String>,
    /// The fee of the pool on Uniswap V3.
    fee: Option<u32>,
}

impl File {
    pub(super) fn read(file: &Path) -> anyhow::Result<Self> {
        let name = file.display();
        let length = std::fs::metadata(file).with_context(|| format!("cannot read {name}"))?.len();
        ensure!(length <= FILE_MAX, "{name} is larger than 1 MiB");
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
        toml::from_str(&text).with_context(|| format!("{name}"))
    }
}

/// The table of a chain in a file, by its name or its id; an empty one if there is none.
pub(crate) fn of(file: &Path, chain: &Chain) -> anyhow::Result<ChainTable> {
    let mut live = File::read(file)?.live;
    let found = live.remove(&chain.name).or_else(|| live.remove(&chain.id.to_string()));
    let known: Vec<String> = live.into_keys().collect();
    found.with_context(|| {
        format!("{} has no [{}], only {}", file.display(), chain.name, known.join(", "))
    })
}

impl ChainTable {
    /// The chain of this name with what the table says of it.
    pub(super) fn chain(&self, name: &str, test: bool) -> anyhow::Result<Chain> {
        let known = Chain::named(name).context("the wallet does not know the chain")?;
        let chain = match self.chain_id {
            Some(id) if id != known.id => {
                ensure!(test, "chain_id is not that of {name}; other chains are test chains");
                Chain::new(name, id, known.coin)
            }
            _ => known,
        };
        self.amended(chain)
    }

    /// The chain with the contracts that the table names.
    pub(crate) fn amended(&self, mut chain: Chain) -> anyhow::Result<Chain> {
        chain.wrapped = self.wrapped.or(chain.wrapped);
        chain.router = match (self.router, self.quoter) {
            (Some(router), Some(quoter)) => Some(Router::V3 { router, quoter, fee: POOL_FEE }),
            (Some(router), None) => Some(Router::V2 { router }),
            (None, Some(_)) => bail!("a quoter belongs to a router"),
            (None, None) => chain.router,
        };
        Ok(chain)
    }

    /// The policy of an account that trades pairs: nothing is paid to anybody, and tokens go to the
    /// router and come back from it.
    pub(super) fn trading(&self, pairs: &[Pair], wrapped: Option<Address>) -> Policy {
        let mut policy = Policy::default();
        let tokens = pairs.iter().flat_map(|pair| [pair.base(), pair.quote()]).chain(wrapped);
        policy.tokens = AllowList::only(tokens.filter(|token| !token.is_zero()));
        // By what it is worth, in the store.
        policy.unlimited = true;
        policy.dry_run = self.dry_run;
        self.slippage(policy)
    }

    fn slippage(&self, mut policy: Policy) -> Policy {
        policy.max_slippage_bps = self.max_slippage_bps.unwrap_or(policy.max_slippage_bps);
        policy
    }

    /// The policy of who types a recipient, and means it unless the table names others.
    pub(crate) fn paying(&self) -> Policy {
        let listed = |list: &Option<Vec<Address>>| match list {
            Some(list) => AllowList::only(list.iter().copied()),
            None => AllowList::Any,
        };
        let mut policy = Policy::open();
        (policy.recipients, policy.tokens) = (listed(&self.recipients), listed(&self.tokens));
        self.slippage(policy)
    }

    /// What a transaction may pay for its gas.
    pub(crate) fn fees(&self) -> FeeLimits {
        let mut fees = FeeLimits::default();
        if let Some(gwei) = self.max_gas_price_gwei {
            fees.max_gas_price = Some(u128::from(gwei).saturating_mul(1_000_000_000));
        }
        fees.max_gas = self.max_gas_limit.unwrap_or(fees.max_gas);
        fees.max_total_fee = self.max_fee;
        fees
    }

    /// What may leave the account on a chain; `is_money` tells whether there is a limit where none is
    /// named.
    pub(crate) fn values(&self, is_money: bool) -> ValueLimits {
        let named = |limit: Option<UsdLimit>, usual| match limit {
            Some(limit) => limit.millionths(),
            None if is_money => UsdLimit::Dollars(usual).millionths(),
            None => None,
        };
        ValueLimits {
            per_transaction: named(self.max_transaction_value_usd, ValueLimits::PER_TRANSACTION),
            daily: named(self.max_daily_value_usd, ValueLimits::DAILY),
        }
    }

    /// How orders become swaps.
    pub(super) fn rules(&self) -> SwapRules {
        let mut rules = SwapRules::default();
        rules.slippage_bps = self.slippage_bps.unwrap_or(rules.slippage_bps);
        rules.deadline = self.deadline_seconds.map_or(rules.deadline, Duration::from_secs);
        rules.gas_limit = self.gas_limit;
        rules
    }
}

impl PairTable {
    pub(super) fn read(&self) -> anyhow::Result<Pair> {
        let mut pair = Pair::new(self.base, self.quote);
        if let Some(symbol) = &self.symbol {
            let symbol: Symbol =
                normalize_symbol(symbol).with_context(|| format!("symbol `{symbol}`"))?;
            pair = pair.called(symbol);
        }
        if let Some(fee) = self.fee {
            pair = pair.with_fee(fee);
        }
        Ok(pair)
    }
}

fn address<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Address>, D::Error> {
    let text = String::deserialize(from)?;
    parse_address(&text).map(Some).map_err(serde::de::Error::custom)
}

fn addresses<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<Address>>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    let read: Result<_, _> = texts.iter().map(|text| parse_address(text)).collect();
    read.map(Some).map_err(serde::de::Error::custom)
}

/// An amount in whole coins, as a text: a number of TOML would be a binary fraction.
fn coins<'de, D: Deserializer<'de>>(from: D) -> Result<Option<hoox_wallet::U256>, D::Error> {
    let wrong = |_| serde::de::Error::custom("max_fee is a text of coins, such as \"0.05\"");
    let text = String::deserialize(from).map_err(wrong)?;
    parse_units(&text, COIN_DECIMALS).map(Some).map_err(serde::de::Error::custom)
}

/// A token, or `coin`.
fn side<'de, D: Deserializer<'de>>(from: D) -> Result<Address, D::Error> {
    let text = String::deserialize(from)?;
    parse_side(&text).map_err(serde::de::Error::custom)
}

/// A token, or `coin`.
pub(crate) fn parse_side(text: &str) -> Result<Address, hoox_wallet::AddressError> {
    if text == "coin" { Ok(Address::ZERO) } else { parse_address(text) }
}
