//! `hoox wallet`: one account on one EVM chain.

mod limits;
mod tell;

use core::time::Duration;

use anyhow::{Context, anyhow};
use hoox_connector::{ReqwestTransport, SystemClock};
use hoox_wallet::{
    Action, Address, Bytes, COIN_DECIMALS, Chain, Policy, PolicyError, Router, Submitted,
    SwapRequest, SwapSize, TransactionRecord, TransactionStore, Wallet, WalletConfig, WalletError,
    format_units, parse_address, parse_units,
};

use self::limits::LimitArgs;
use super::Place;
use crate::on_chain::{self, LocalWallet, ValueLimits, looking, parse_side};

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
/// Amounts are in whole coins or tokens, such as 0.05, with as many decimals as the token has. Not
/// more than 10000 US dollars leave with one transaction, and 100000 in a day, unless a flag or a
/// file of chains says otherwise.
///
/// Try it first: --dry-run checks and simulates everything, and signs nothing.
///
/// Examples:
///
///   hoox wallet balance --token 0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48
///   hoox wallet send --id rent-may --to 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --amount 0.05
///   hoox wallet swap --id buy-7 --in coin --out 0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48 --amount 0.5
///   hoox wallet status --id rent-may --wait 60
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
        #[arg(long, value_parser = parse_address, value_name = "ADDRESS")]
        address: Option<Address>,
        /// The token; the coin if none
        #[arg(long, value_parser = parse_address, value_name = "ADDRESS")]
        token: Option<Address>,
    },
    /// Send coins or tokens, once for each name
    Send {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        once: Once,
        /// The recipient
        #[arg(long, value_parser = parse_address, value_name = "ADDRESS")]
        to: Address,
        /// How much, in whole coins or tokens, such as 0.05
        #[arg(long)]
        amount: String,
        /// The token; the coin if none
        #[arg(long, value_parser = parse_address, value_name = "ADDRESS")]
        token: Option<Address>,
    },
    /// Swap on Uniswap V2 or V3 or a fork of them, once for each name
    Swap(SwapArgs),
    /// Show what became of a payment or swap, after a look at the chain; without a name, of all that
    /// are not done. What no node knows any more is sent again as it was signed
    Status {
        #[command(flatten)]
        common: Common,
        /// Its name
        #[arg(long, value_name = "NAME")]
        id: Option<String>,
        /// Pay more for what waits too long, and fill the nonces that refused transactions have left:
        /// this signs
        #[arg(long)]
        repair: bool,
        /// Above this price nothing is signed, in gwei per gas
        #[arg(long, default_value = "100", value_name = "GWEI", requires = "repair")]
        max_gas_price: String,
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

    /// Which account of the mnemonic: 0 unless told
    #[arg(long, value_name = "INDEX")]
    account: Option<u32>,
}

/// What every transaction takes.
#[derive(Debug, clap::Args)]
struct Once {
    /// A name for it: the same name never pays twice
    #[arg(long, value_name = "NAME")]
    id: String,

    #[command(flatten)]
    limits: LimitArgs,

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
    /// How much is paid, in whole coins or tokens
    #[arg(long)]
    amount: String,
    /// The amount is what is taken, not what is paid
    #[arg(long)]
    exact_out: bool,
    /// How far the price may be from the quote, in hundredths of a percent
    #[arg(long, default_value_t = 50, value_name = "BPS")]
    slippage_bps: u32,
    /// Instead of that: take at least so much, or with --exact-out pay at most so much, in whole coins
    /// or tokens
    #[arg(long, value_name = "AMOUNT")]
    bound: Option<String>,
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

/// Runs one command and tells its answer.
pub(crate) async fn run(args: WalletArgs) -> anyhow::Result<()> {
    match args.command {
        WalletCommand::Address(common) => {
            let account = on_chain::account(common.account.unwrap_or_default(), false)?;
            tell::address(common.place.json, account.address())
        }
        WalletCommand::Balance { common, address, token } => {
            let wallet = reading(&common)?;
            let owner = address.unwrap_or(wallet.address());
            tell::balance(common.place.json, &wallet.balance(owner, token).await?)
        }
        WalletCommand::Send { common, once, to, amount, token } => {
            let wallet = signing(&common, &once, |chain| chain)?;
            let amount = parse_units(&amount, decimals(&wallet, token).await?)?;
            let action = match token {
                Some(token) => Action::Transfer { token, to, amount },
                None => Action::Send { to, value: amount, data: Bytes::new() },
            };
            submit(&wallet, &common, &once, &action).await
        }
        WalletCommand::Swap(args) => swap(args).await,
        WalletCommand::Status { common, id, repair, max_gas_price, wait } => {
            let records = match repair {
                false => ask_for(&looking(&reading(&common)?), id.as_deref(), &wait).await?,
                true => {
                    let mut config = WalletConfig::new(Policy::open());
                    config.fees.max_gas_price = Some(limits::gwei(&max_gas_price)?);
                    let wallet = open(&common, chain(&common)?, config, ValueLimits::default())?;
                    wallet.recover().await?;
                    wallet.fill_gaps().await?;
                    ask_for(&wallet, id.as_deref(), &wait).await?
                }
            };
            tell::records(common.place.json, &records)
        }
    }
}

/// What became of the transaction of this name, or of all that are not done.
async fn ask_for<S: TransactionStore>(
    wallet: &Wallet<ReqwestTransport, SystemClock, S>,
    id: Option<&str>,
    wait: &Wait,
) -> anyhow::Result<Vec<TransactionRecord>> {
    let Some(id) = id else { return Ok(wallet.recover().await?) };
    let settled = wallet.settle(id, wait.confirmations, wait.patience()).await;
    Ok(vec![settled.with_context(|| format!("`{id}`"))?])
}

async fn swap(args: SwapArgs) -> anyhow::Result<()> {
    let router = args.router.map(|router| match args.quoter {
        Some(quoter) => Router::V3 { router, quoter, fee: args.pool_fee },
        None => Router::V2 { router },
    });
    let wallet = signing(&args.common, &args.once, |mut chain| {
        chain.wrapped = args.wrapped.or(chain.wrapped);
        chain.router = router.or(chain.router);
        chain
    })?;
    let (token_in, token_out) = (args.token_in, args.token_out);
    let (fixed, other) = if args.exact_out { (token_out, token_in) } else { (token_in, token_out) };
    let units = async |amount: &str, token: Address| -> anyhow::Result<_> {
        let token = (!token.is_zero()).then_some(token);
        Ok(parse_units(amount, decimals(&wallet, token).await?)?)
    };
    let amount = units(&args.amount, fixed).await?;
    let bound = match &args.bound {
        Some(bound) => Some(units(bound, other).await.context("--bound")?),
        None => None,
    };
    let action = Action::Swap(SwapRequest {
        token_in,
        token_out,
        size: match args.exact_out {
            true => SwapSize::ExactOut { output: amount, max_input: bound },
            false => SwapSize::ExactIn { input: amount, min_output: bound },
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
    let submitted = wallet.submit(&once.id, action, None).await;
    match submitted.map_err(|error| explained(error, wallet.chain()))? {
        Submitted::DryRun(rehearsal) => {
            tell::rehearsal(common.place.json, &rehearsal, &wallet.chain().coin)
        }
        Submitted::Record(_) => {
            let Wait { confirmations, .. } = once.wait;
            let record = wallet.settle(&once.id, confirmations, once.wait.patience()).await?;
            tell::records(common.place.json, &[record])
        }
    }
}

/// The error in the words of who typed the command.
fn explained(error: WalletError, chain: &Chain) -> anyhow::Error {
    let coins = |wei| format!("{} {}", format_units(wei, COIN_DECIMALS), chain.coin);
    match &error {
        WalletError::InsufficientFunds { balance, needed } => anyhow!(
            "the account has {}, the transaction may need {} with its gas",
            coins(*balance),
            coins(*needed)
        ),
        WalletError::Policy(PolicyError::Unpriced(_)) => anyhow!(
            "{error}; where it need not be, say --max-value-usd none --max-daily-value-usd none"
        ),
        WalletError::NoRoute => anyhow!("{error}; name a router with --router"),
        WalletError::IdReused => anyhow!("{error}; choose another --id"),
        _ => error.into(),
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

/// A wallet that pays nothing.
fn reading(common: &Common) -> anyhow::Result<LocalWallet> {
    open(common, chain(common)?, WalletConfig::default(), ValueLimits::default())
}

/// A wallet under the limits of a command, on the chain that `amend` makes of the one it names.
fn signing(
    common: &Common,
    once: &Once,
    amend: impl FnOnce(Chain) -> Chain,
) -> anyhow::Result<LocalWallet> {
    let chain = chain(common)?;
    let table = once.limits.table(&chain)?;
    let chain = amend(table.amended(chain)?);
    let (mut config, values) = once.limits.read(&table, &chain)?;
    config.policy.dry_run = once.dry_run || table.dry_run;
    let account = common.account.unwrap_or(table.account);
    on_chain::wallet((account, false), chain, &common.place.data_dir, config, values)
}

fn open(
    common: &Common,
    chain: Chain,
    config: WalletConfig,
    values: ValueLimits,
) -> anyhow::Result<LocalWallet> {
    let account = (common.account.unwrap_or_default(), false);
    on_chain::wallet(account, chain, &common.place.data_dir, config, values)
}

async fn decimals(wallet: &LocalWallet, token: Option<Address>) -> anyhow::Result<u8> {
    match token {
        Some(_) => Ok(wallet.balance(wallet.address(), token).await?.decimals),
        None => Ok(COIN_DECIMALS),
    }
}
