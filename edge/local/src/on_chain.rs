//! Accounts on chains: which there are, from a file; their keys and nodes, from the environment.

mod limits;
mod table;
mod tend;

use core::time::Duration;
use std::path::Path;

use anyhow::{Context, bail};
use hoox_connector::{ReqwestTransport, SystemClock, Venue};
use hoox_evm::Swaps;
use hoox_ledger::transactions::SqliteTransactions;
use hoox_signer::Secret;
use hoox_wallet::{Account, Chain, Mnemonic, Prices, Rpc, RpcUrl, Wallet, WalletConfig};

pub(crate) use limits::{Limited, UsdLimit, ValueLimits};
pub(crate) use table::{ChainTable, of as table_of, parse_side};
pub(crate) use tend::looking;

use limits::Scales;
use table::{File, PairTable};

/// How often a transaction that is waited for is looked at.
const POLL: Duration = Duration::from_millis(500);

/// One account on one chain, its transactions in SQLite.
pub(crate) type LocalWallet = Wallet<ReqwestTransport, SystemClock, Limited>;

/// The same, trading.
pub(crate) type LocalSwaps = Swaps<ReqwestTransport, SystemClock, Limited>;

/// The accounts that a file names (`hoox serve --chains FILE`), with whether they are for test signals.
pub(crate) fn accounts(file: &Path, data_dir: &Path) -> anyhow::Result<Vec<(bool, LocalSwaps)>> {
    let name = file.display();
    let File { live, test } = File::read(file)?;
    let all = live.into_iter().map(|it| (false, it)).chain(test.into_iter().map(|it| (true, it)));
    all.map(|(test, (chain, table))| {
        let swaps = swaps(&chain, &table, test, data_dir);
        Ok((test, swaps.with_context(|| format!("[{}{chain}] in {name}", prefix(test)))?))
    })
    .collect()
}

const fn prefix(test: bool) -> &'static str {
    if test { "test." } else { "" }
}

fn swaps(name: &str, table: &ChainTable, test: bool, data: &Path) -> anyhow::Result<LocalSwaps> {
    let venue = name.parse().ok().filter(|venue: &Venue| venue.is_chain());
    let venue = venue.with_context(|| {
        format!("there is no such chain; there are {}", Venue::CHAINS.map(Venue::as_str).join(", "))
    })?;
    let chain = table.chain(name, test)?;
    let pairs = table.pairs.iter().map(PairTable::read).collect::<anyhow::Result<Vec<_>>>()?;
    let mut config = WalletConfig::new(table.trading(&pairs, chain.wrapped));
    config.life.confirmations = table.confirmations.unwrap_or(1).max(1);
    config.fees = table.fees();
    config.shared_key = table.shared_key;
    // A test chain's coins are nobody's money.
    let values = table.values(!test);
    let account = (table.account, test);
    let wallet = wallet(account, chain, data, config, values)?;
    Ok(Swaps::new(venue, wallet, pairs, table.rules())?)
}

/// The account with this index, or its counterpart for tests, whose transactions are in `data`.
pub(crate) fn wallet(
    (index, test): (u32, bool),
    chain: Chain,
    data: &Path,
    mut config: WalletConfig,
    values: ValueLimits,
) -> anyhow::Result<LocalWallet> {
    config.life.poll = POLL;
    let nodes = nodes(&chain, test)?;
    let account = account(index, test)?;
    let url = std::env::var("PRICE_BASE_URL").ok().filter(|url| !url.is_empty());
    let prices = Prices::new(ReqwestTransport::new()?, SystemClock, url);
    let reader =
        Wallet::new(account.clone(), chain.clone(), nodes.clone(), (), WalletConfig::default())?;
    let store = SqliteTransactions::open(data)?;
    let store = Limited::new(store, Scales { prices, reader, values });
    Ok(Wallet::new(account, chain, nodes, store, config)?)
}

/// The account whose key the environment holds. A live key is never used on a test chain, nor the
/// other way round.
pub(crate) fn account(index: u32, test: bool) -> anyhow::Result<Account> {
    let testnet = if test { "TESTNET_" } else { "" };
    let key_name = format!("WALLET_{testnet}PK_SECRET");
    if let Some(key) = secret(&key_name) {
        if index > 0 {
            bail!("{key_name} has one account, number 0; others need a mnemonic");
        }
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
fn nodes(chain: &Chain, test: bool) -> anyhow::Result<Rpc<ReqwestTransport, SystemClock>> {
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

#[cfg(test)]
mod tests {
    use hoox_wallet::U256;

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
            (format!("[ethereum]\npairs = [{pair}]\nmax_daily_value_usd = \"x\""), "whole dollars"),
            (format!("[ethereum]\npairs = [{pair}]\nmax_fee = 0.1"), "max_fee"),
            ("[ethereum]\nrecipients = [\"0x12\"]".into(), "40 hex"),
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

    #[test]
    fn what_is_money_has_limits_unless_told() {
        let table = |text: &str| -> ChainTable { toml::from_str(text).unwrap() };
        let dollars = |dollars: u64| Some(U256::from(dollars * 1_000_000));
        let values = |text, is_money| {
            let ValueLimits { per_transaction, daily } = table(text).values(is_money);
            (per_transaction, daily)
        };
        assert_eq!(values("", true), (dollars(10_000), dollars(100_000)));
        assert_eq!(values("", false), (None, None));
        let own = "max_transaction_value_usd = 5\nmax_daily_value_usd = \"none\"";
        assert_eq!(values(own, true), (dollars(5), None));
        assert_eq!(values("max_daily_value_usd = 7", false), (None, dollars(7)));
        let fees = table("max_gas_price_gwei = 3\nmax_gas_limit = 9\nmax_fee = \"0.5\"").fees();
        assert_eq!((fees.max_gas_price, fees.max_gas), (Some(3_000_000_000), 9));
        assert_eq!(fees.max_total_fee, Some(U256::from(500_000_000_000_000_000_u64)));
        for (text, most) in [("", 500), ("max_slippage_bps = 900", 900)] {
            let (trading, paying) = (table(text).trading(&[], None), table(text).paying());
            assert_eq!((trading.max_slippage_bps, paying.max_slippage_bps), (most, most));
        }
    }
}
