//! Looking after what an account has signed, with nobody asking.

use core::time::Duration;

use hoox_connector::{Clock, Exchange, ReqwestTransport, SystemClock, Venue};
use hoox_router::Exchanges;
use hoox_wallet::{TransactionStore, Wallet, WalletError};

use super::{Limited, LocalWallet};
use crate::seat::Seat;
use crate::service::Service;

/// How often accounts are looked after.
const EVERY: Duration = Duration::from_secs(5);

/// How old a transaction must be: until then, whoever has asked for it follows it.
const YOUNG: Duration = Duration::from_secs(30);

/// How many transactions are looked after at a time; the oldest first.
const TENDED_MAX: usize = 32;

impl Service {
    /// Brings, for ever, further what accounts on chains have signed: sent again, replaced, and gaps
    /// between nonces filled. While trading is halted nothing is signed for that.
    pub(crate) async fn keep_chains(&self) {
        loop {
            tokio::time::sleep(EVERY).await;
            for venue in Venue::CHAINS {
                for test in [false, true] {
                    let Some(Seat::Chain(swaps)) = self.router.exchanges().desk(venue, test) else {
                        continue;
                    };
                    let is_halted = self.router.config().await.kill_switch;
                    match tend(swaps.wallet(), is_halted).await {
                        Ok(0) => {}
                        Ok(filled) => {
                            let venue = swaps.venue();
                            tracing::warn!(%venue, test, filled, "filled gaps between nonces");
                        }
                        Err(error) => {
                            tracing::warn!(%venue, test, %error, "open transactions wait");
                        }
                    }
                }
            }
        }
    }
}

/// The same wallet, which signs no replacements.
pub(crate) fn looking(wallet: &LocalWallet) -> Wallet<ReqwestTransport, SystemClock, &Limited> {
    let mut config = wallet.config().clone();
    // No replacement is as cheap as that.
    config.fees.max_gas_price = Some(0);
    wallet.under(config)
}

/// Looks after what is open, and returns how many nonces were filled that refused transactions have
/// left. What `only_looks` sends again what was signed, and signs nothing.
pub(crate) async fn tend(wallet: &LocalWallet, only_looks: bool) -> Result<usize, WalletError> {
    let (chain, own) = (wallet.chain().id, wallet.address());
    let open = wallet.store().open(chain, own).await?;
    let now = SystemClock.now();
    let confirmations = wallet.config().life.confirmations;
    let tending = if only_looks { looking(wallet) } else { wallet.under(wallet.config().clone()) };
    let (mut waits, mut is_quiet) = (false, true);
    for record in open.iter().take(TENDED_MAX) {
        if now.since(record.created_at) < YOUNG {
            is_quiet = false;
            continue;
        }
        let record = tending.settle(&record.id, confirmations, Duration::ZERO).await?;
        waits |= !record.state.is_mined() && !record.state.is_final();
    }
    // Where a refused transaction has left its nonce, those behind it would wait for ever. The next
    // order takes it; if none comes, one that does nothing.
    if waits && is_quiet && !only_looks { wallet.fill_gaps().await } else { Ok(0) }
}
