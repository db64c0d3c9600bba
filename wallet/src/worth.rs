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

fn stable(chain: &Chain) -> Vec<Address> {
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
mod tests {
    use core::sync::atomic::{AtomicU64, Ordering};

    use alloy_sol_types::SolCall;
    use hoox_connector::{Request, Response, Timestamp, TransportError};
    use serde_json::{Value, json};

    use super::*;
    use crate::uniswap::IUniswapV2Router02::getAmountsOutCall;
    use crate::{Account, Rpc, RpcUrl, WalletConfig};

    const TOKEN: Address = Address::repeat_byte(1);
    const ETHER: u64 = 1_000_000_000_000_000_000;

    #[derive(Clone, Copy)]
    struct Hand<'a>(&'a AtomicU64);

    impl Clock for Hand<'_> {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(0)
        }

        fn monotonic(&self) -> Duration {
            Duration::from_secs(self.0.load(Ordering::Relaxed))
        }

        async fn sleep(&self, _: Duration) {}
    }

    /// A node whose pools are `(from, to, what a hundred fetch)`, and a ticker.
    struct World<'a> {
        pools: Vec<(Address, Address, u64)>,
        ticker: &'static str,
        asked: &'a AtomicU64,
    }

    impl World<'_> {
        fn answer(&self, question: &Value) -> Option<String> {
            let data = question["params"][0]["data"].as_str();
            let data = data.or_else(|| question["params"][0]["input"].as_str());
            let data: Bytes = data?.parse().unwrap();
            let Ok(call) = getAmountsOutCall::abi_decode(&data) else {
                // Balance and decimals.
                return Some(format!("0x{:064x}", 6));
            };
            let path = (call.path[0], call.path[1]);
            let pool = self.pools.iter().find(|(from, to, _)| (*from, *to) == path)?;
            let amounts = vec![call.amountIn, call.amountIn * U256::from(pool.2) / U256::from(100)];
            Some(Bytes::from(getAmountsOutCall::abi_encode_returns(&amounts)).to_string())
        }
    }

    impl Transport for &World<'_> {
        async fn send(&self, _: &str, request: Request<'_>) -> Result<Response, TransportError> {
            if request.method() == Method::Get {
                self.asked.fetch_add(1, Ordering::Relaxed);
                assert_eq!(request.query(), "symbol=ETHUSDT");
                return Ok(Response::new(200, self.ticker));
            }
            let asked: Value = serde_json::from_str(request.body()).unwrap();
            let answer = |it: &Value| match it["method"].as_str() {
                Some("eth_chainId") => json!({"jsonrpc": "2.0", "id": it["id"], "result": "0x1"}),
                _ => match self.answer(it) {
                    Some(result) => json!({"jsonrpc": "2.0", "id": it["id"], "result": result}),
                    None => json!({"jsonrpc": "2.0", "id": it["id"],
                        "error": {"code": 3, "message": "execution reverted"}}),
                },
            };
            let answer = match &asked {
                Value::Array(all) => all.iter().map(answer).collect(),
                one => answer(one),
            };
            Ok(Response::new(200, answer.to_string()))
        }
    }

    fn dollar(number: usize) -> Address {
        stable(&Chain::named("ethereum").unwrap())[number]
    }

    fn wrapped() -> Address {
        Chain::named("ethereum").unwrap().wrapped.unwrap()
    }

    /// What `amount` of an asset is worth where there are these pools.
    async fn worth(
        pools: &[(Address, Address, u64)],
        ticker: &'static str,
        spend: (Asset, u64),
    ) -> Option<u64> {
        let (asked, time) = (AtomicU64::new(0), AtomicU64::new(0));
        let world = World { pools: pools.to_vec(), ticker, asked: &asked };
        let prices = Prices::new(&world, Hand(&time), None);
        let url = RpcUrl::parse("https://node.example").unwrap();
        let rpc = Rpc::new(&world, Hand(&time), 1, vec![url]);
        let account = Account::from_private_key(&"46".repeat(32)).unwrap();
        let chain = Chain::named("ethereum").unwrap();
        let wallet = Wallet::new(account, chain, rpc, (), WalletConfig::default()).unwrap();
        let spend = Spend { asset: spend.0, amount: U256::from(spend.1) };
        let first = prices.worth(&wallet, &[spend]).await;
        // Kept for a minute, and asked again after it.
        let before = asked.load(Ordering::Relaxed);
        assert_eq!(prices.worth(&wallet, &[spend]).await, first);
        if first.is_ok() {
            assert_eq!(asked.load(Ordering::Relaxed), before);
            time.store(60, Ordering::Relaxed);
            assert_eq!(prices.worth(&wallet, &[spend]).await, first);
            assert_eq!(asked.load(Ordering::Relaxed), 2 * before);
        }
        first.ok().map(|worth| worth.to())
    }

    const TICKER: &str = r#"{"symbol":"ETHUSDT","price":"2000.50"}"#;

    #[tokio::test]
    async fn a_dollar_is_a_dollar_and_a_coin_what_the_ticker_says() {
        assert_eq!(worth(&[], "", (Asset::Token(dollar(1)), 1_500_000)).await, Some(1_500_000));
        assert_eq!(worth(&[], TICKER, (Asset::Coin, ETHER)).await, Some(2_000_500_000));
        let wrapped = Asset::Token(wrapped());
        assert_eq!(worth(&[], TICKER, (wrapped, ETHER)).await, Some(2_000_500_000));
        assert_eq!(worth(&[], TICKER, (Asset::Coin, 0)).await, Some(0));
    }

    #[tokio::test]
    async fn without_a_price_there_is_no_worth() {
        for ticker in ["", "{}", r#"{"price":"0"}"#, r#"{"price":"-1"}"#, r#"{"price":"much"}"#] {
            assert_eq!(worth(&[], ticker, (Asset::Coin, ETHER)).await, None, "{ticker}");
        }
        assert_eq!(worth(&[], TICKER, (Asset::Token(TOKEN), ETHER)).await, None);
        // What rounds to nothing is not known to be worth nothing.
        let pool = [(TOKEN, dollar(0), 1)];
        assert_eq!(worth(&pool, TICKER, (Asset::Token(TOKEN), 1)).await, None);
    }

    /// Whichever way to dollars pays most is what counts.
    #[tokio::test]
    async fn the_highest_of_all_ways_counts() {
        let token = (Asset::Token(TOKEN), 1_000_000);
        let straight = (TOKEN, dollar(0), 300);
        assert_eq!(worth(&[straight], TICKER, token).await, Some(3_000_000));
        // Over another dollar, which is worth more there.
        let pools = [straight, (dollar(0), dollar(2), 110)];
        assert_eq!(worth(&pools, TICKER, token).await, Some(3_300_000));
        // Over the coin, by the ticker and by a pool that says more.
        let coins = (Asset::Token(TOKEN), ETHER);
        let over = (TOKEN, wrapped(), 50);
        assert_eq!(worth(&[over], TICKER, coins).await, Some(1_000_250_000));
        // Coins of 18 decimals for dollars of 6.
        let pool = (wrapped(), dollar(1), 1);
        assert!(worth(&[over, pool], TICKER, coins).await > Some(1_000_250_000));
        assert!(worth(&[pool], TICKER, (Asset::Coin, ETHER)).await > Some(2_000_500_000));
    }

    #[test]
    fn worth_is_rounded_up_and_never_overflows() {
        let price = U256::from(2_000_000_000_u64);
        assert_eq!(scaled(U256::ONE, price, 18), Some(U256::ONE));
        assert_eq!(scaled(U256::from(ETHER), price, 18), Some(price));
        assert_eq!(scaled(U256::MAX, price, 18), Some(U256::MAX));
        assert_eq!(scaled(U256::ONE, price, 78), None);
        assert_eq!(usd_millionths(Decimal::new(1, 7)), Some(U256::ONE));
        assert_eq!(usd_millionths(Decimal::NEGATIVE_ONE), None);
    }

    #[test]
    fn every_stable_token_is_an_address() {
        assert!(STABLE.iter().all(|(_, text)| text.parse::<Address>().is_ok()));
    }

    #[test]
    fn on_uniswap_v3_every_pool_is_asked() {
        let (router, quoter) = (TOKEN, dollar(0));
        let chain = Chain::new("test", 5, "ETH").with_router(Router::V3 { router, quoter, fee: 7 });
        assert_eq!(markets(&chain).len(), FEES.len());
        assert!(markets(&Chain::new("test", 5, "ETH")).is_empty());
    }
}
