//! What an amount is worth in dollars (wallet.md §8); an isolate remembers it for a minute.

use std::cell::OnceCell;
use std::rc::Rc;

use hoox_edge::{FetchTransport, WorkerClock};
use hoox_wallet::{Prices, Spend, U256, Wallet, WalletError};
use worker::Env;

use crate::refusal::Refusal;

/// The longest answer of a ticker that is read.
const REPLY_MAX: usize = 64 * 1024;

type EdgePrices = Prices<FetchTransport, WorkerClock>;

thread_local! {
    static PRICES: OnceCell<Rc<EdgePrices>> = const { OnceCell::new() };
}

/// What `spends` are worth together, in millionths of a dollar, rounded up. What has no price is
/// refused. `PRICE_BASE_URL` names another place for the prices of coins than Binance.
pub(crate) async fn worth<S>(
    env: &Env,
    wallet: &Wallet<FetchTransport, WorkerClock, S>,
    spends: &[Spend],
) -> Result<U256, Refusal> {
    let open = || {
        let base_url = env.var("PRICE_BASE_URL").ok().map(|url| url.to_string());
        let transport = FetchTransport::default().with_reply_max(REPLY_MAX);
        Rc::new(Prices::new(transport, WorkerClock, base_url))
    };
    let prices = PRICES.with(|kept| Rc::clone(kept.get_or_init(open)));
    Ok(prices.worth(wallet, spends).await.map_err(WalletError::from)?)
}
