//! What an amount is worth in dollars, by our own sources only (wallet.md §8).

use core::fmt;
use core::str::FromStr;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use alloy_primitives::{Address, Bytes, U256};
use hoox_connector::{Clock, Method, RequestBuf, Transport};
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::uniswap::tokens;
use crate::{Asset, COIN_DECIMALS, Chain, PolicyError, Question, Router, RpcError, Spend, Wallet};

/// Decimals of a dollar: worth is told in millionths.
pub const USD_DECIMALS: u8 = 6;

/// How long a price is kept.
const FRESH: Duration = Duration::from_secs(60);

/// The most amounts whose worth is kept.
const KEPT_MAX: usize = 256;

/// Where coins have their price (wallet.md §8).
const BINANCE: &str = "https://api.binance.com";

/// The pools of Uniswap V3 that a pair of tokens may have, by their fees in hundredths of a basis point.
const FEES: [u32; 4] = [100, 500, 3_000, 10_000];

/// Tokens that are a dollar each, by chain (wallet.md §8).
const STABLE: &[(u64, &str)] = &[
    (1, "0xdac17f958d2ee523a2206206994597c13d831ec7"),
    (1, "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"),
    (1, "0x6b175474e89094c44da98b954eedeac495271d0f"),
    (56, "0x55d398326f99059ff775485246999027b3197955"),
    (56, "0x8ac76a51cc950d9822d68b83fe1ad97b32cd580d"),
    (56, "0x1af3f329e8be154074d8769d1ffa4ee058b1dbc3"),
    (137, "0xc2132d05d31c914a87c6611c10748aeb04b58e8f"),
    (137, "0x3c499c542cef5e3811e1192ce70d8cc03d5c3359"),
    (42161, "0xfd086bc7cd5c481dcc9c85ebe478a1c0b69fcbb9"),
    (42161, "0xaf88d065e77c8cc2239327c5edb3a432268e5831"),
    (10, "0x0b2c639c533813f4aa9d7837caf62653d097ff85"),
    (10, "0x94b008aa00579c1307b0ef2c499ad98a8ce58e58"),
];

/// Prices in dollars: of coins from an exchange's ticker, of tokens from the pools of a chain.
///
/// A pool can be moved for a block, so the highest of what all of them and the ticker say is what counts
/// against a limit. Prices are kept for a minute.
pub struct Prices<T, C> {
    transport: T,
    clock: C,
    base_url: String,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// Millionths of a dollar for a coin, and when that was.
    coins: BTreeMap<String, (U256, Duration)>,
    worths: BTreeMap<Holding, (U256, Duration)>,
    decimals: BTreeMap<(u64, Address), u8>,
}

/// So much of an asset of a chain.
type Holding = (u64, Asset, U256);

/// A swap whose price is asked for; the zero address stands for the coin.
struct Leg {
    from: Address,
    to: Address,
    amount: U256,
}

impl<T: Transport, C: Clock> Prices<T, C> {
    /// Prices of coins by Binance's public ticker, or one like it at `base_url`.
    pub fn new(transport: T, clock: C, base_url: Option<String>) -> Self {
        let base_url = base_url.unwrap_or_else(|| BINANCE.into());
        Self { transport, clock, base_url, kept: Mutex::default() }
    }

    /// What `spends` are worth together, in millionths of a dollar, rounded up.
    ///
    /// # Errors
    /// [`PolicyError::Unpriced`] if one of them has no price.
    pub async fn worth<N: Transport, D: Clock, S>(
        &self,
        wallet: &Wallet<N, D, S>,
        spends: &[Spend],
    ) -> Result<U256, PolicyError> {
        let mut sum = U256::ZERO;
        for spend in spends.iter().filter(|spend| !spend.amount.is_zero()) {
            let worth = self.one(wallet, spend).await;
            sum = sum.saturating_add(worth.ok_or(PolicyError::Unpriced(spend.asset))?);
        }
        Ok(sum)
    }

    async fn one<N: Transport, D: Clock, S>(
        &self,
        wallet: &Wallet<N, D, S>,
        spend: &Spend,
    ) -> Option<U256> {
        let holding = (wallet.chain().id, spend.asset, spend.amount);
        let now = self.clock.monotonic();
        let kept = self.kept().worths.get(&holding).copied();
        if let Some((worth, _)) = kept.filter(|(_, at)| now.saturating_sub(*at) < FRESH) {
            return Some(worth);
        }
        let worth = match spend.asset {
            Asset::Token(token) if wallet.chain().wrapped != Some(token) => {
                self.tokens(wallet, token, spend.amount).await?
            }
            _ => self.coins(wallet, spend.amount).await?,
        };
        let mut kept = self.kept();
        kept.worths.retain(|_, (_, at)| now.saturating_sub(*at) < FRESH);
        if kept.worths.len() < KEPT_MAX {
            kept.worths.insert(holding, (worth, now));
        }
        Some(worth)
    }

    /// Coins by the ticker, or by a pool of coins and dollars that says more.
    async fn coins<N: Transport, D: Clock, S>(
        &self,
        wallet: &Wallet<N, D, S>,
        amount: U256,
    ) -> Option<U256> {
        let price = self.coin_price(&wallet.chain().coin).await?;
        let mut highest = scaled(amount, price, COIN_DECIMALS)?;
        let dollars = stable(wallet.chain());
        let legs: Vec<Leg> =
            dollars.iter().map(|to| Leg { from: Address::ZERO, to: *to, amount }).collect();
        for (leg, output) in legs.iter().zip(quotes(wallet, &legs).await?) {
            if let Some(output) = output {
                highest = highest.max(self.dollars(wallet, leg.to, output).await?);
            }
        }
        Some(highest)
    }

    /// Tokens by every way to dollars: straight, over the coin, and over another dollar.
    async fn tokens<N: Transport, D: Clock, S>(
        &self,
        wallet: &Wallet<N, D, S>,
        token: Address,
        amount: U256,
    ) -> Option<U256> {
        let dollars = stable(wallet.chain());
        if dollars.contains(&token) {
            return self.dollars(wallet, token, amount).await;
        }
        let mut highest = U256::ZERO;
        let ends = dollars.iter().chain([&Address::ZERO]);
        let legs: Vec<Leg> = ends.map(|to| Leg { from: token, to: *to, amount }).collect();
        let mut further = Vec::new();
        for (leg, output) in legs.iter().zip(quotes(wallet, &legs).await?) {
            let Some(output) = output else { continue };
            let worth = match leg.to.is_zero() {
                true => self.coins(wallet, output).await,
                false => self.dollars(wallet, leg.to, output).await,
            };
            highest = highest.max(worth?);
            let others = dollars.iter().filter(|to| !leg.to.is_zero() && **to != leg.to);
            further.extend(others.map(|to| Leg { from: leg.to, to: *to, amount: output }));
        }
        for (leg, output) in further.iter().zip(quotes(wallet, &further).await?) {
            if let Some(output) = output {
                highest = highest.max(self.dollars(wallet, leg.to, output).await?);
            }
        }
        // What rounds to nothing on every market is not known to be worth nothing.
        (!highest.is_zero()).then_some(highest)
    }

    async fn dollars<N: Transport, D: Clock, S>(
        &self,
        wallet: &Wallet<N, D, S>,
        token: Address,
        amount: U256,
    ) -> Option<U256> {
        let place = (wallet.chain().id, token);
        let kept = self.kept().decimals.get(&place).copied();
        let decimals = match kept {
            Some(decimals) => decimals,
            None => wallet.balance(wallet.address(), Some(token)).await.ok()?.decimals,
        };
        self.kept().decimals.insert(place, decimals);
        scaled(amount, U256::from(1_000_000), decimals)
    }

    async fn coin_price(&self, coin: &str) -> Option<U256> {
        #[derive(Deserialize)]
        struct Ticker {
            price: String,
        }
        let now = self.clock.monotonic();
        let kept = self.kept().coins.get(coin).copied();
        if let Some((price, _)) = kept.filter(|(_, at)| now.saturating_sub(*at) < FRESH) {
            return Some(price);
        }
        let mut buf = RequestBuf::new();
        buf.begin(Method::Get);
        let path = buf.push("/api/v3/ticker/price");
        buf.set_path(path);
        let query = buf.push(&format!("symbol={coin}USDT"));
        buf.set_query(query);
        let reply = self.transport.send(&self.base_url, buf.request()).await.ok()?;
        let ticker: Ticker = serde_json::from_slice(&reply.body).ok()?;
        let price = usd_millionths(Decimal::from_str(&ticker.price).ok()?);
        let price = price.filter(|price| reply.status == 200 && !price.is_zero())?;
        self.kept().coins.insert(coin.to_owned(), (price, now));
        Some(price)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T, C> fmt::Debug for Prices<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prices").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// What each leg fetches in the pool that pays most, in one round trip; none if no node answers.
async fn quotes<N: Transport, D: Clock, S>(
    wallet: &Wallet<N, D, S>,
    legs: &[Leg],
) -> Option<Vec<Option<U256>>> {
    let chain = wallet.chain();
    let mut asked = Vec::new();
    for (at, leg) in legs.iter().enumerate() {
        let Some((from, to)) = tokens(leg.from, leg.to, chain.wrapped) else { continue };
        for router in markets(chain) {
            let (target, data) = router.quote_in(from, to, leg.amount);
            let question = Question::call(None, Some(target), U256::ZERO, &data);
            asked.push((at, router, question));
        }
    }
    let mut outputs = vec![None; legs.len()];
    if asked.is_empty() {
        return Some(outputs);
    }
    let questions: Vec<Question> = asked.iter().map(|(_, _, it)| it.clone()).collect();
    let answers = wallet.rpc().ask_all(&questions).await.ok()?;
    for ((at, router, _), answer) in asked.iter().zip(answers) {
        // Most pools are not there, and the router says so.
        let answer: Result<Bytes, RpcError> = answer.read();
        let output = answer.ok().and_then(|answer| router.read_quote_in(&answer));
        if let Some(known) = outputs.get_mut(*at) {
            *known = output.max(*known);
        }
    }
    Some(outputs)
}

/// The chain's router, with each of the pools that it may have.
fn markets(chain: &Chain) -> Vec<Router> {
    match chain.router {
        Some(Router::V3 { router, quoter, .. }) => {
            FEES.map(|fee| Router::V3 { router, quoter, fee }).to_vec()
        }
        other => other.into_iter().collect(),
    }
}

/// The chain's tokens that are a dollar each.
pub(crate) fn stable(chain: &Chain) -> Vec<Address> {
    let own = STABLE.iter().filter(|(id, _)| *id == chain.id);
    own.filter_map(|(_, text)| text.parse().ok()).collect()
}

/// `amount` smallest units at `price` for a whole one, rounded up.
fn scaled(amount: U256, price: U256, decimals: u8) -> Option<U256> {
    let unit = U256::from(10).checked_pow(U256::from(decimals))?;
    // What overflows is above any limit.
    Some(amount.checked_mul(price).map_or(U256::MAX, |product| product.div_ceil(unit)))
}

/// Dollars in millionths, rounded up; none if they are negative.
pub fn usd_millionths(dollars: Decimal) -> Option<U256> {
    let value = dollars.checked_mul(Decimal::from(1_000_000))?.ceil();
    u128::try_from(value).ok().map(U256::from)
}

#[cfg(test)]
mod tests;
