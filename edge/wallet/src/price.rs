//! What an amount is worth in dollars, by our own sources only (wallet.md §8).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::str::FromStr;

use hoox_connector::{Clock, Method, RequestBuf, Timestamp, Transport};
use hoox_edge::{FetchTransport, WorkerClock};
use hoox_wallet::{Address, Asset, COIN_DECIMALS, Spend, U256, Wallet};
use rust_decimal::Decimal;
use worker::Env;

use crate::refusal::Refusal;
use crate::settings::millionths;

/// How long a price is kept, in milliseconds.
const FRESH: u64 = 60_000;

/// Where prices of coins are asked; `PRICE_BASE_URL` names another place.
const BINANCE: &str = "https://api.binance.com";

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

thread_local! {
    /// Millionths of a dollar for a coin, and when that was.
    static KEPT: RefCell<BTreeMap<String, (U256, Timestamp)>> =
        const { RefCell::new(BTreeMap::new()) };
}

/// What `spends` are worth together, in millionths of a dollar, rounded up. What has no price is
/// refused.
pub(crate) async fn worth<S>(
    env: &Env,
    wallet: &Wallet<FetchTransport, WorkerClock, S>,
    spends: &[Spend],
) -> Result<U256, Refusal> {
    let mut sum = U256::ZERO;
    for spend in spends.iter().filter(|spend| !spend.amount.is_zero()) {
        let worth = one(env, wallet, spend).await.ok_or_else(|| {
            Refusal::new(403, "PRICE_UNAVAILABLE", "What it is worth cannot be told.")
        })?;
        sum = sum.saturating_add(worth);
    }
    Ok(sum)
}

async fn one<S>(
    env: &Env,
    wallet: &Wallet<FetchTransport, WorkerClock, S>,
    spend: &Spend,
) -> Option<U256> {
    let chain = wallet.chain();
    let token = match spend.asset {
        Asset::Token(token) if chain.wrapped != Some(token) => token,
        _ => return coins(env, &chain.coin, spend.amount).await,
    };
    let stable: Vec<Address> = STABLE
        .iter()
        .filter(|(id, _)| *id == chain.id)
        .filter_map(|(_, text)| text.parse().ok())
        .collect();
    if stable.contains(&token) {
        return dollars(wallet, token, spend.amount).await;
    }
    // A pool can be moved for a block: the highest of what they say is what counts against a limit.
    let mut highest = None;
    for dollar in stable {
        if let Ok(output) = wallet.quote_in(None, token, dollar, spend.amount).await {
            highest = highest.max(dollars(wallet, dollar, output).await);
        }
    }
    if let Ok(output) = wallet.quote_in(None, token, Address::ZERO, spend.amount).await {
        highest = highest.max(coins(env, &chain.coin, output).await);
    }
    // What rounds to nothing on every market is not known to be worth nothing.
    highest.filter(|worth| !worth.is_zero())
}

async fn dollars<S>(
    wallet: &Wallet<FetchTransport, WorkerClock, S>,
    token: Address,
    amount: U256,
) -> Option<U256> {
    let decimals = wallet.balance(wallet.address(), Some(token)).await.ok()?.decimals;
    scaled(amount, U256::from(1_000_000), decimals)
}

async fn coins(env: &Env, coin: &str, amount: U256) -> Option<U256> {
    scaled(amount, coin_price(env, coin).await?, COIN_DECIMALS)
}

/// `amount` smallest units at `price` for a whole one, rounded up.
fn scaled(amount: U256, price: U256, decimals: u8) -> Option<U256> {
    let unit = U256::from(10).checked_pow(U256::from(decimals))?;
    // What overflows is above any limit.
    Some(amount.checked_mul(price).map_or(U256::MAX, |product| product.div_ceil(unit)))
}

async fn coin_price(env: &Env, coin: &str) -> Option<U256> {
    let now = WorkerClock.now();
    let kept = KEPT.with_borrow(|kept| kept.get(coin).copied());
    if let Some((price, at)) = kept
        && now.as_millis().saturating_sub(at.as_millis()) < FRESH
    {
        return Some(price);
    }
    let base = env.var("PRICE_BASE_URL").map_or_else(|_| BINANCE.into(), |url| url.to_string());
    let mut buf = RequestBuf::new();
    buf.begin(Method::Get);
    let path = buf.push("/api/v3/ticker/price");
    buf.set_path(path);
    let query = buf.push(&format!("symbol={coin}USDT"));
    buf.set_query(query);
    let reply = FetchTransport::default().send(&base, buf.request()).await.ok()?;
    #[derive(serde::Deserialize)]
    struct Ticker {
        price: String,
    }
    let ticker: Ticker = serde_json::from_slice(&reply.body).ok()?;
    let price = millionths(Decimal::from_str(&ticker.price).ok()?);
    let price = price.filter(|price| reply.status == 200 && !price.is_zero())?;
    KEPT.with_borrow_mut(|kept| kept.insert(coin.to_owned(), (price, now)));
    Some(price)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worth_is_rounded_up_and_never_overflows() {
        let price = U256::from(2_000_000_000_u64);
        assert_eq!(scaled(U256::ONE, price, 18), Some(U256::ONE));
        let coin = U256::from(10).pow(U256::from(18));
        assert_eq!(scaled(coin, price, 18), Some(price));
        assert_eq!(scaled(U256::MAX, price, 18), Some(U256::MAX));
        assert_eq!(scaled(U256::ONE, price, 78), None);
    }

    #[test]
    fn every_stable_token_is_an_address() {
        assert!(STABLE.iter().all(|(_, text)| text.parse::<Address>().is_ok()));
    }
}
