//! One swap or approval of a token at a time, for all that share a store.

use core::time::Duration;

use alloy_primitives::Address;
use alloy_sol_types::SolCall;
use hoox_connector::{Clock, Transport};

use crate::token::IERC20;
use crate::uniswap::read_swaps;
use crate::wallet::{Wallet, WalletError};
use crate::{Action, Call, Chain, TransactionRecord, TransactionState, TransactionStore, Turn};

/// How long another one's turn is waited for.
const WAIT: Duration = Duration::from_secs(60);

/// How long a turn lasts unless it is renewed: longer than the longest step, which waits a minute for
/// its block. What a crash has left ends by itself.
const LEASE: Duration = Duration::from_secs(150);

/// Until when what is only signed may still be in the hands of whoever signed it, who alone hears
/// whether a node refuses it.
const HANDED_OVER: Duration = Duration::from_secs(30);

impl<T: Transport, C: Clock, S: TransactionStore> Wallet<T, C, S> {
    /// Waits for the turn of `name` to approve and pay with `token`, and until whatever did so before
    /// is in a block: only then does the allowance say what is left.
    pub(super) async fn take_turn(&self, name: &str, token: Address) -> Result<Turn, WalletError> {
        let turn = self.turn(name, token);
        let clock = self.rpc.clock();
        let until = clock.monotonic().saturating_add(WAIT);
        while !self.renew(&turn).await? {
            if clock.monotonic() >= until {
                return Err(WalletError::TokenBusy(token));
            }
            clock.sleep(self.config.life.poll).await;
        }
        let waited = self.wait_for_others(&turn, until).await;
        if waited.is_err() {
            self.end_turn(&turn).await;
        }
        waited.map(|()| turn)
    }

    /// The turn of `name` to approve and pay with `token`, whoever has it.
    pub(super) fn turn(&self, name: &str, token: Address) -> Turn {
        let (chain_id, owner) = (self.chain.id, self.address());
        Turn { chain_id, owner, token, name: name.to_owned() }
    }

    /// Keeps the turn for as long as the next step may take.
    ///
    /// # Errors
    /// [`WalletError::TokenBusy`] if its time was over and another has it.
    pub(super) async fn keep_turn(&self, turn: &Turn) -> Result<(), WalletError> {
        if self.renew(turn).await? { Ok(()) } else { Err(WalletError::TokenBusy(turn.token)) }
    }

    pub(super) async fn end_turn(&self, turn: &Turn) {
        // Otherwise it ends when its time is over.
        let _ = self.store.end_turn(turn).await;
    }

    async fn renew(&self, turn: &Turn) -> Result<bool, WalletError> {
        let now = self.rpc.clock().now();
        Ok(self.store.take_turn(turn, now, now.after(LEASE)).await?)
    }

    async fn wait_for_others(&self, turn: &Turn, until: Duration) -> Result<(), WalletError> {
        let clock = self.rpc.clock();
        let confirmations = self.config.life.confirmations;
        for record in self.store.open(self.chain.id, self.address()).await? {
            if !pays_with(&record.action, turn.token, &self.chain) || is_of(&record, &turn.name) {
                continue;
            }
            let mut record = record;
            while !record.state.is_mined() && !record.state.is_final() {
                let signed_at = record.attempts.last().map_or(record.created_at, |it| it.signed_at);
                let is_in_hand = record.state == TransactionState::Signed
                    && clock.now().since(signed_at) < HANDED_OVER;
                record = match is_in_hand {
                    true => self.find(&record.id).await?,
                    false => self.settle(&record.id, confirmations, Duration::ZERO).await?,
                };
                if record.state.is_mined() || record.state.is_final() {
                    break;
                }
                if clock.monotonic() >= until {
                    return Err(WalletError::TokenBusy(turn.token));
                }
                clock.sleep(self.config.life.poll).await;
            }
        }
        Ok(())
    }
}

/// The token that an action approves and pays, or only approves: what it needs a turn for. What comes as
/// data is read.
pub(super) fn token_of(action: &Action, chain: &Chain) -> Option<Address> {
    match action {
        Action::Swap(request) => Some(request.token_in),
        Action::Approve { token, .. } => Some(*token),
        Action::Send { to, value, data } if chain.router.is_some_and(|it| it.address() == *to) => {
            let call = Call { to: Some(*to), value: *value, data: data.clone() };
            let swaps = read_swaps(&call);
            // Coins that are sent along need no approval.
            let pays = swaps.first().filter(|_| value.is_zero());
            pays.and_then(|swap| swap.path.first().copied())
        }
        Action::Send { to, data, .. } => IERC20::approveCall::abi_decode(data).ok().map(|_| *to),
        _ => None,
    }
    .filter(|token| !token.is_zero())
}

/// Whether an action pays with `token`, or changes what may be paid.
fn pays_with(action: &Action, token: Address, chain: &Chain) -> bool {
    match action {
        Action::Transfer { token: sent, .. } => *sent == token,
        action => token_of(action, chain) == Some(token),
    }
}

/// Whether a record is that of `name`, or of a step before it.
fn is_of(record: &TransactionRecord, name: &str) -> bool {
    let rest = record.id.strip_prefix(name);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}
