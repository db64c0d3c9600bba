//! `hoox wallet`: one account on one EVM chain.

mod tell;

use core::time::Duration;

use anyhow::Context;
use hoox_connector::{ReqwestTransport, SystemClock};
use hoox_ledger::transactions::SqliteTransactions;
use hoox_wallet::{
    Action, Address, Bytes, COIN_DECIMALS, Chain, Policy, Router, Submitted, SwapRequest, SwapSize,
    Wallet, WalletConfig, parse_address, parse_units,
};

use super::Place;
use crate::on_chain::{account, nodes, parse_side};

/// Pay and swap on an EVM chain from one account.
///
/// The key comes from the environment: WALLET_PK_SECRET, a private key; or else
/// WALLET_MNEMONIC_SECRET (or ETH_MNEMONIC), 12 to 24 words, with WALLET_MNEMONIC_PASSPHRASE if they
/// have one. The nodes come from RPC_PROVIDER_URL_ETHEREUM (or whichever chain), or else
/// RPC_PROVIDER_URL; several are separated by commas.
///
/// Each payment and swap has a name, and is made once for each name: whoever is not sure whether it
/// went out asks again with the same one. What is signed is written down before it is sent.
///
/// Example: hoox wallet send --id rent-may --to 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --amount 0.05
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct WalletArgs {
    #[command(subcommand)]
    command: WalletCommand,
}

#[derive(Debug, clap::Subcommand)]
enum WalletCommand {
    /// Show the account's address; asks no node
    Address(Common),
    /// Show what an address has of the coin, or of a token
    Balance {
        #[command(flatten)]
        common: Common,
        /// The address; the account's own if none
        #[arg(long, value_parser = parse_address)]
        address: Option<Address>,
        /// The token; the coin if none
        #[arg(long, value_parser = parse_address)]
        token: Option<Address>,
    },
    /// Send coins or tokens, once for each name
    Send {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        once: Once,
        /// The recipient
        #[arg(long, value_parser = parse_address)]
        to: Address,
        /// How much, in whole coins, such as 0.05
        #[arg(long)]
        amount: String,
        /// The token; the coin if none
        #[arg(long, value_parser = parse_address)]
        token: Option<Address>,
    },
    /// Swap on Uniswap V2 or V3 or a fork of them, once for each name
    Swap(SwapArgs),
    /// Show what became of a payment or swap, after a look at the chain; without a name, of all that
    /// are not done
    Status {
        #[command(flatten)]
        common: Common,
        /// Its name
        #[arg(long, value_name = "NAME")]
        id: Option<String>,
        #[command(flatten)]
        wait: Wait,
    },
}

/// What every command takes.
#[derive(Debug, clap::Args)]
struct Common {
    #[command(flatten)]
    place: Place,

    /// The chain: ethereum, optimism, bsc, polygon, base, arbitrum, or any other by its id
    #[arg(long, default_value = "ethereum")]
    chain: String,

    /// Which account of the mnemonic
    #[arg(long, default_value_t = 0, value_name = "INDEX")]
    account: u32,
}

/// What every transaction takes.
#[derive(Debug, clap::Args)]
struct Once {
    /// A name for it: the same name never pays twice
    #[arg(long, value_name = "NAME")]
    id: String,

    /// Above this price nothing is signed, in gwei per gas
    #[arg(long, default_value = "100", value_name = "GWEI")]
    max_gas_price: String,

    /// Check and simulate, but sign nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    wait: Wait,
}

#[derive(Debug, clap::Args)]
struct Wait {
    /// How long to wait until it is in a block, in seconds
    #[arg(long, default_value_t = 0, value_name = "SECONDS")]
    wait: u64,

    /// How many blocks it must be under to be done, its own included
    #[arg(long, default_value_t = 1)]
    confirmations: u64,
}

#[derive(Debug, clap::Args)]
struct SwapArgs {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    once: Once,
    /// What is paid with: a token, or `coin`
    #[arg(long = "in", value_parser = parse_side, value_name = "TOKEN")]
    token_in: Address,
    /// What is taken: a token, or `coin`
    #[arg(long = "out", value_parser = parse_side, value_name = "TOKEN")]
    token_out: Address,
    /// How much is paid, in whole coins
    #[arg(long)]
    amount: String,
    /// The amount is what is taken, not what is paid
    #[arg(long)]
    exact_out: bool,
    /// How far the price may be from the quote, in hundredths of a percent
    #[arg(long, default_value_t = 50, value_name = "BPS")]
    slippage_bps: u32,
    /// The router; the chain's if none
    #[arg(long, value_parser = parse_address, value_name = "ADDRESS")]
    router: Option<Address>,
    /// The quoter, if the router is one of Uniswap V3
    #[arg(long, value_parser = parse_address, requires = "router", value_name = "ADDRESS")]
    quoter: Option<Address>,
    /// The fee of the pool on Uniswap V3, in hundredths of a basis point
    #[arg(long, default_value_t = 3000, value_name = "FEE")]
    pool_fee: u32,
    /// The token that wraps the coin, on a chain that is not in the table
    #[arg(long, value_parser = parse_address, value_name = "ADDRESS")]
    wrapped: Option<Address>,
}

type LocalWallet = Wallet<ReqwestTransport, SystemClock, SqliteTransactions>;

/// Runs one command and tells its answer.
pub(crate) async fn run(args: WalletArgs) -> anyhow::Result<()> {
    match args.command {
        WalletCommand::Address(common) => {
            tell::address(common.place.json, account(common.account, false)?.address())
        }
        WalletCommand::Balance { common, address, token } => {
            let wallet = open(&common, chain(&common)?, WalletConfig::default())?;
            let owner = address.unwrap_or(wallet.address());
            tell::balance(common.place.json, &wallet.balance(owner, token).await?)
        }
        WalletCommand::Send { common, once, to, amount, token } => {
            let wallet = open(&common, chain(&common)?, config(&once)?)?;
            let amount = parse_units(&amount, decimals(&wallet, token).await?)?;
            let action = match token {
                Some(token) => Action::Transfer { token, to, amount },
                None => Action::Send { to, value: amount, data: Bytes::new() },
            };
            submit(&wallet, &common, &once, &action).await
        }
        WalletCommand::Swap(args) => swap(args).await,
        WalletCommand::Status { common, id, wait } => {
            let wallet = open(&common, chain(&common)?, WalletConfig::new(Policy::open()))?;
            let records = match id {
                Some(id) => vec![wallet.settle(&id, wait.confirmations, wait.patience()).await?],
                None => wallet.recover().await?,
            };
            tell::records(common.place.json, &records)
        }
    }
}

async fn swap(args: SwapArgs) -> anyhow::Result<()> {
    let router = args.router.map(|router| match args.quoter {
        Some(quoter) => Router::V3 { router, quoter, fee: args.pool_fee },
        None => Router::V2 { router },
    });
    let mut chain = chain(&args.common)?;
    chain.wrapped = args.wrapped.or(chain.wrapped);
    chain.router = router.or(chain.router);
    let wallet = open(&args.common, chain, config(&args.once)?)?;
    let fixed = if args.exact_out { args.token_out } else { args.token_in };
    let token = (!fixed.is_zero()).then_some(fixed);
    let amount = parse_units(&args.amount, decimals(&wallet, token).await?)?;
    let action = Action::Swap(SwapRequest {
        token_in: args.token_in,
        token_out: args.token_out,
        size: match args.exact_out {
            true => SwapSize::ExactOut { output: amount, max_input: None },
            false => SwapSize::ExactIn { input: amount, min_output: None },
        },
        slippage_bps: args.slippage_bps,
        recipient: None,
        deadline: None,
        router,
    });
    submit(&wallet, &args.common, &args.once, &action).await
}

/// Signs and sends it unless that was done before, and looks what became of it.
async fn submit(
    wallet: &LocalWallet,
    common: &Common,
    once: &Once,
    action: &Action,
) -> anyhow::Result<()> {
    // What an interrupted command has signed goes first: those behind it wait for its nonce.
    wallet.recover().await?;
    match wallet.submit(&once.id, action, None).await? {
        Submitted::DryRun(rehearsal) => tell::rehearsal(common.place.json, &rehearsal),
        Submitted::Record(_) => {
            let Wait { confirmations, .. } = once.wait;
            let record = wallet.settle(&once.id, confirmations, once.wait.patience()).await?;
            tell::records(common.place.json, &[record])
        }
    }
}

impl Wait {
    fn patience(&self) -> Duration {
        Duration::from_secs(self.wait)
    }
}

fn chain(common: &Common) -> anyhow::Result<Chain> {
    let text = common.chain.as_str();
    match text.parse() {
        Ok(id) => Ok(Chain::with_id(id).unwrap_or_else(|| Chain::new(text, id, "ETH"))),
        Err(_) => Chain::named(text).with_context(|| {
            let names: Vec<String> = Chain::known().into_iter().map(|chain| chain.name).collect();
            format!("no chain is called `{text}`; there are {}, or an id", names.join(", "))
        }),
    }
}

fn config(once: &Once) -> anyhow::Result<WalletConfig> {
    // Who types a recipient means it; what a service may do is told in its configuration.
    let mut config = WalletConfig::new(Policy::open());
    config.policy.dry_run = once.dry_run;
    let limit = parse_units(&once.max_gas_price, 9).context("--max-gas-price")?;
    config.fees.max_gas_price = Some(u128::try_from(limit).context("--max-gas-price")?);
    Ok(config)
}

fn open(common: &Common, chain: Chain, mut config: WalletConfig) -> anyhow::Result<LocalWallet> {
    let rpc = nodes(&chain, false)?;
    config.life.poll = Duration::from_millis(500);
    let store = SqliteTransactions::open(&common.place.data_dir)?;
    Ok(Wallet::new(account(common.account, false)?, chain, rpc, store, config)?)
}

async fn decimals(wallet: &LocalWallet, token: Option<Address>) -> anyhow::Result<u8> {
    match token {
        Some(_) => Ok(wallet.balance(wallet.address(), token).await?.decimals),
        None => Ok(COIN_DECIMALS),
    }
}
