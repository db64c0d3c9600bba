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
