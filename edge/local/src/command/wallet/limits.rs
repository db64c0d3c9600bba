//! What a command may spend.

use std::path::PathBuf;

use anyhow::Context;
use hoox_wallet::{COIN_DECIMALS, Chain, WalletConfig, parse_units};

use crate::on_chain::{ChainTable, UsdLimit, ValueLimits, table_of};

/// Limits, from flags or a file; flags come first.
#[derive(Debug, clap::Args)]
pub(super) struct LimitArgs {
    /// Take limits, lists of recipients and tokens, and contracts from the chain's table in this file
    /// (TOML), as for `hoox serve --chains`
    #[arg(long, value_name = "FILE")]
    chains: Option<PathBuf>,

    /// Above this price nothing is signed, in gwei per gas; 100 unless told
    #[arg(long, value_name = "GWEI")]
    max_gas_price: Option<String>,

    /// The most that the gas may cost in all, in coins, such as 0.01
    #[arg(long, value_name = "COINS")]
    max_fee: Option<String>,

    /// The most that it may be worth, in US dollars, or `none`; 10000 unless told, and none on chains
    /// that are not in the table
    #[arg(long, value_name = "DOLLARS")]
    max_value_usd: Option<UsdLimit>,

    /// The most that may leave the account on this chain in 24 hours, in US dollars, or `none`; 100000
    /// unless told, and none on chains that are not in the table
    #[arg(long, value_name = "DOLLARS")]
    max_daily_value_usd: Option<UsdLimit>,

    /// Others sign with this account's key too, such as a browser's wallet: go on behind transactions
    /// that are not of this program
    #[arg(long)]
    shared_key: bool,
}

impl LimitArgs {
    /// The chain's table; an empty one without a file.
    pub(super) fn table(&self, chain: &Chain) -> anyhow::Result<ChainTable> {
        match &self.chains {
            Some(file) => table_of(file, chain),
            None => Ok(ChainTable::default()),
        }
    }

    /// What the flags and the table allow.
    pub(super) fn read(
        &self,
        table: &ChainTable,
        chain: &Chain,
    ) -> anyhow::Result<(WalletConfig, ValueLimits)> {
        let mut config = WalletConfig::new(table.paying());
        config.fees = table.fees();
        config.shared_key = self.shared_key || table.shared_key;
        if let Some(price) = &self.max_gas_price {
            config.fees.max_gas_price = Some(gwei(price)?);
        }
        if let Some(fee) = &self.max_fee {
            let fee = parse_units(fee, COIN_DECIMALS).context("--max-fee")?;
            config.fees.max_total_fee = Some(fee);
        }
        let mut values = table.values(Chain::with_id(chain.id).is_some());
        if let Some(limit) = self.max_value_usd {
            values.per_transaction = limit.millionths();
        }
        if let Some(limit) = self.max_daily_value_usd {
            values.daily = limit.millionths();
        }
        Ok((config, values))
    }
}

/// A price in gwei, in wei.
pub(super) fn gwei(text: &str) -> anyhow::Result<u128> {
    let price = parse_units(text, 9).context("--max-gas-price")?;
    u128::try_from(price).context("--max-gas-price")
}
