//! Accounts on chains: which there are, from a file; their keys and nodes, from the environment.

use core::time::Duration;
use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use hoox_connector::{ReqwestTransport, Symbol, SystemClock, Venue};
use hoox_evm::{Pair, SwapRules, Swaps};
use hoox_ledger::transactions::SqliteTransactions;
use hoox_router::normalize_symbol;
use hoox_signer::Secret;
use hoox_wallet::{
    Account, Address, AllowList, Chain, Mnemonic, Policy, Router, Rpc, RpcUrl, Wallet,
    WalletConfig, parse_address,
};
use serde::{Deserialize, Deserializer};

/// The largest file that is read.
const FILE_MAX: u64 = 1024 * 1024;

/// How often a swap that is waited for is looked at.
const POLL: Duration = Duration::from_millis(500);

/// One account on one chain, its transactions in SQLite.
pub(crate) type LocalSwaps = Swaps<ReqwestTransport, SystemClock, SqliteTransactions>;

/// `hoox serve --chains FILE`: a table for each chain, `[ethereum]`, and for signals with
/// `"test": true`, `[test.ethereum]`.
#[derive(Debug, Deserialize)]
struct File {
    #[serde(default)]
    test: BTreeMap<String, ChainTable>,
    #[serde(flatten)]
    live: BTreeMap<String, ChainTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChainTable {
    pairs: Vec<PairTable>,
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
    account: u32,
    slippage_bps: Option<u32>,
    deadline_seconds: Option<u64>,
    gas_limit: Option<u64>,
    max_gas_price_gwei: Option<u64>,
    confirmations: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PairTable {
    #[serde(deserialize_with = "side")]
    base: Address,
    #[serde(deserialize_with = "side")]
    quote: Address,
    symbol: Option<String>,
    /// The fee of the pool on Uniswap V3.
    fee: Option<u32>,
}

/// The fee of a pool of Uniswap V3 that names none, in hundredths of a basis point.
const POOL_FEE: u32 = 3_000;

/// The accounts that a file names, with whether they are for test signals.
pub(crate) fn accounts(file: &Path, data_dir: &Path) -> anyhow::Result<Vec<(bool, LocalSwaps)>> {
    let name = file.display();
    let length = std::fs::metadata(file).with_context(|| format!("cannot read {name}"))?.len();
    ensure!(length <= FILE_MAX, "{name} is larger than 1 MiB");
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
    let File { live, test } = toml::from_str(&text).with_context(|| format!("{name}"))?;
    let all = live.into_iter().map(|it| (false, it)).chain(test.into_iter().map(|it| (true, it)));
    all.map(|(test, (chain, table))| {
        let swaps = swaps(&chain, table, test, data_dir);
        Ok((test, swaps.with_context(|| format!("[{}{chain}] in {name}", prefix(test)))?))
    })
    .collect()
}

const fn prefix(test: bool) -> &'static str {
    if test { "test." } else { "" }
}

fn swaps(name: &str, table: ChainTable, test: bool, data_dir: &Path) -> anyhow::Result<LocalSwaps> {
    let venue = name.parse().ok().filter(|venue: &Venue| venue.is_chain());
    let venue = venue.with_context(|| {
        format!("there is no such chain; there are {}", Venue::CHAINS.map(Venue::as_str).join(", "))
    })?;
    let known = Chain::named(name).context("the wallet does not know the chain")?;
    let mut chain = match table.chain_id {
        Some(id) if id != known.id => {
            ensure!(test, "chain_id is not that of {name}; other chains are test chains");
            Chain::new(name, id, known.coin)
        }
        _ => known,
    };
    chain.wrapped = table.wrapped.or(chain.wrapped);
    chain.router = match (table.router, table.quoter) {
        (Some(router), Some(quoter)) => Some(Router::V3 { router, quoter, fee: POOL_FEE }),
        (Some(router), None) => Some(Router::V2 { router }),
        (None, Some(_)) => bail!("a quoter belongs to a router"),
        (None, None) => chain.router,
    };
    let pairs = table.pairs.iter().map(PairTable::read).collect::<anyhow::Result<Vec<_>>>()?;
    let mut policy = Policy::default();
    // Nothing is paid to anybody: tokens of these pairs go to the router, and come back from it.
    let tokens = pairs.iter().flat_map(|pair| [pair.base(), pair.quote()]).chain(chain.wrapped);
    policy.tokens = AllowList::only(tokens.filter(|token| !token.is_zero()));
    policy.unlimited = true;
    let mut config = WalletConfig::new(policy);
    config.life.poll = POLL;
    config.life.confirmations = table.confirmations.unwrap_or(1).max(1);
    if let Some(gwei) = table.max_gas_price_gwei {
        config.fees.max_gas_price = Some(u128::from(gwei).saturating_mul(1_000_000_000));
    }
    let mut rules = SwapRules::default();
    rules.slippage_bps = table.slippage_bps.unwrap_or(rules.slippage_bps);
    rules.deadline = table.deadline_seconds.map_or(rules.deadline, Duration::from_secs);
    rules.gas_limit = table.gas_limit;
    let rpc = nodes(&chain, test)?;
    let store = SqliteTransactions::open(data_dir)?;
    let wallet = Wallet::new(account(table.account, test)?, chain, rpc, store, config)?;
    Ok(Swaps::new(venue, wallet, pairs, rules)?)
}

impl PairTable {
    fn read(&self) -> anyhow::Result<Pair> {
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

/// The account whose key the environment holds. A live key is never used on a test chain, nor the
/// other way round.
pub(crate) fn account(index: u32, test: bool) -> anyhow::Result<Account> {
    let testnet = if test { "TESTNET_" } else { "" };
    let key_name = format!("WALLET_{testnet}PK_SECRET");
    if let Some(key) = secret(&key_name) {
        return Account::from_private_key(key.expose()).context(key_name);
    }
    let words_name = format!("WALLET_{testnet}MNEMONIC_SECRET");
    // The alias of wallet.md §4, of the live one alone.
    let alias = if test { None } else { Some("ETH_MNEMONIC") };
    for name in [words_name.as_str()].into_iter().chain(alias) {
        let Some(words) = secret(name) else { continue };
        let passphrase = secret(&format!("WALLET_{testnet}MNEMONIC_PASSPHRASE"));
        let passphrase = passphrase.as_ref().map_or("", Secret::expose);
        let mnemonic = Mnemonic::new(words.expose(), passphrase).context(name.to_owned())?;
        return mnemonic.account(index).context(name.to_owned());
    }
    bail!("set {key_name} or {words_name} in the environment")
}

/// The nodes of a chain, whose URLs the environment holds, separated by commas.
pub(crate) fn nodes(
    chain: &Chain,
    test: bool,
) -> anyhow::Result<Rpc<ReqwestTransport, SystemClock>> {
    let testnet = if test { "_TESTNET" } else { "" };
    let of_chain = format!("RPC_PROVIDER_URL_{}{testnet}", chain.name.to_ascii_uppercase());
    let of_any = format!("RPC_PROVIDER_URL{testnet}");
    let mut names = [of_chain.as_str(), of_any.as_str()].into_iter();
    let Some((name, urls)) = names.find_map(|name| Some((name.to_owned(), secret(name)?))) else {
        bail!("set {of_chain} or {of_any} in the environment: the URL of a node");
    };
    let urls = urls.expose().split(',').map(|url| RpcUrl::parse(url.trim()));
    let urls = urls.collect::<Result<Vec<_>, _>>().context(name)?;
    Ok(Rpc::new(ReqwestTransport::new()?, SystemClock, chain.id, urls))
}

/// A text of the environment that is erased when dropped.
fn secret(name: &str) -> Option<Secret> {
    std::env::var(name).ok().filter(|text| !text.is_empty()).map(Secret::from)
}

fn address<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Address>, D::Error> {
    let text = String::deserialize(from)?;
    parse_address(&text).map(Some).map_err(serde::de::Error::custom)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> anyhow::Result<Vec<(bool, LocalSwaps)>> {
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("chains.toml");
        std::fs::write(&file, text)?;
        accounts(&file, directory.path())
    }

    /// Every address in it has the right capitals, too.
    #[test]
    fn the_file_in_the_guide_is_one() {
        let guide = include_str!("../../../docs/operating.md");
        let (_, from) = guide.split_once("```toml\n[ethereum]").unwrap();
        let (file, _) = from.split_once("```").unwrap();
        let file: File = toml::from_str(&format!("[ethereum]{file}")).unwrap();
        assert_eq!((file.live.len(), file.test.len()), (2, 0));
        let pairs: Vec<_> = file.live.values().flat_map(|table| &table.pairs).collect();
        assert_eq!(pairs.len(), 3);
        assert!(pairs.iter().all(|pair| pair.read().is_ok()));
    }

    /// Of what is wrong here nothing is asked of the environment.
    #[test]
    fn what_is_wrong_in_the_file_is_told_with_its_place() {
        let usdc = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";
        let pair = format!("{{ base = \"coin\", quote = \"{usdc}\" }}");
        for (text, told) in [
            (format!("[atlantis]\npairs = [{pair}]"), "there are ethereum, arbitrum"),
            (format!("[binance]\npairs = [{pair}]"), "there is no such chain"),
            (format!("[ethereum]\npairs = [{pair}]\nchain_id = 5"), "other chains are test chains"),
            (format!("[ethereum]\npairs = [{pair}]\nquoter = \"{usdc}\""), "a quoter belongs"),
            (format!("[ethereum]\npairs = [{pair}]\nslipage_bps = 5"), "slipage_bps"),
            ("[ethereum]\npairs = [{ base = \"coin\", quote = \"0x12\" }]".into(), "40 hex"),
            (
                format!(
                    "[ethereum]\npairs = [{{ base = \"coin\", quote = \"{usdc}\", symbol = \"é\" }}]"
                ),
                "symbol `é`",
            ),
        ] {
            let error = format!("{:#}", read(&text).unwrap_err());
            assert!(error.contains(told) && error.contains("chains.toml"), "{text}: {error}");
        }
        assert!(read("").unwrap().is_empty());
    }
}
