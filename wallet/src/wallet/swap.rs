use alloy_primitives::{Address, U256};
use hoox_connector::{Clock, Transport};

use crate::uniswap::{Swap, SwapAmount, max_input, min_output};
use crate::wallet::{Submitted, Wallet, WalletError, is_same};
use crate::{
    Action, Call, Router, SwapRequest, SwapSize, TransactionState, TransactionStore, Turn, token,
};

/// How long a swap may wait in the pool, in seconds, unless told (wallet.md §9).
const DEADLINE_S: u64 = 1200;

/// How long a step before the last is waited for.
const STEP_WAIT: core::time::Duration = core::time::Duration::from_secs(60);

/// How often a swap is approved: again where an approval that was in a block has gone.
const APPROVALS_MAX: u8 = 3;

/// The names of the transactions that may come before that of this name, in their order: approvals,
/// and what takes back another one before.
pub fn steps_before(name: &str) -> impl Iterator<Item = String> {
    let approvals: Vec<String> = (0..APPROVALS_MAX).map(|it| approval(name, it)).collect();
    let each = approvals.into_iter().flat_map(|it| [reset(&it), it]);
    core::iter::once(reset(name)).chain(each)
}

/// What a swap holds fixed and its bound, and what it would pay at present.
struct Bound {
    amount: SwapAmount,
    pays: U256,
}

impl<T: Transport, C: Clock, S: TransactionStore> Wallet<T, C, S> {
    /// The call of a swap, after the router was approved for what it takes.
    pub(super) async fn swap_call(
        &self,
        id: &str,
        request: &SwapRequest,
        turn: Option<&Turn>,
    ) -> Result<Call, WalletError> {
        let router = request.router.or(self.chain.router).ok_or(WalletError::NoRoute)?;
        let now = self.rpc.clock().now().as_millis() / 1000;
        let deadline = request.deadline.unwrap_or(now.saturating_add(DEADLINE_S));
        if deadline <= now {
            return Err(WalletError::Deadline);
        }
        // The policy reads what goes to the chain's router, and to no other.
        if self.chain.router.is_none_or(|own| own.address() != router.address()) {
            return Err(WalletError::NoRoute);
        }
        let Bound { amount, pays } = self.bound(id, router, request).await?;
        let swap = Swap {
            token_in: request.token_in,
            token_out: request.token_out,
            amount,
            recipient: request.recipient.unwrap_or(self.address()),
            deadline,
        };
        let call = router.swap(&swap, self.chain.wrapped).ok_or(WalletError::NoRoute)?;
        // Before anything is approved for it.
        self.config.policy.check(&call, self.address(), &self.chain)?;
        if !swap.token_in.is_zero() {
            let token = swap.token_in;
            let balance = self.call(token, &token::balance_of(self.address())).await?;
            let balance = token::read_number(&balance).ok_or(WalletError::NotUnderstood(token))?;
            if balance < pays {
                return Err(WalletError::InsufficientTokens { token, balance, needed: pays });
            }
            let approval = (token, router.address(), amount.max_input());
            self.ensure_approval(id, approval, turn).await?;
        }
        Ok(call)
    }

    /// The swap's bound: the caller's, or the quote and the slippage. A swap that was begun with an
    /// approval keeps to what was approved: exactly that may be paid.
    async fn bound(
        &self,
        id: &str,
        router: Router,
        request: &SwapRequest,
    ) -> Result<Bound, WalletError> {
        let (token_in, token_out) = (request.token_in, request.token_out);
        let bps = request.slippage_bps;
        match request.size {
            SwapSize::ExactIn { input, min_output: given } => {
                let min_output = match given {
                    Some(min_output) => min_output,
                    None => {
                        let quote = self.quote_in(Some(router), token_in, token_out, input).await?;
                        min_output(quote, bps).ok_or(WalletError::Bound)?
                    }
                };
                Ok(Bound { amount: SwapAmount::ExactIn { input, min_output }, pays: input })
            }
            SwapSize::ExactOut { output, max_input: given } => {
                let quote = self.quote_out(Some(router), token_in, token_out, output).await?;
                let max_input = match (given, self.approved(id).await?) {
                    (Some(max_input), _) | (None, Some(max_input)) => max_input,
                    (None, None) => max_input(quote, bps).ok_or(WalletError::Bound)?,
                };
                Ok(Bound { amount: SwapAmount::ExactOut { output, max_input }, pays: quote })
            }
        }
    }

    /// What was approved for this swap before.
    async fn approved(&self, id: &str) -> Result<Option<U256>, WalletError> {
        let approval = self.store.find(&approval(id, 0)).await?;
        Ok(match approval.map(|record| record.action) {
            Some(Action::Approve { amount, .. }) => Some(amount),
            _ => None,
        })
    }

    /// Approves a spender for exactly what is needed, unless it may take as much already, and waits
    /// until that is in a block. What was approved for this swap before may be gone: taken back by its
    /// owner, or with its block.
    async fn ensure_approval(
        &self,
        id: &str,
        approve: (Address, Address, U256),
        turn: Option<&Turn>,
    ) -> Result<(), WalletError> {
        let (token, spender, needed) = approve;
        let action = Action::Approve { token, spender, amount: needed };
        for attempt in 0..APPROVALS_MAX {
            let step = approval(id, attempt);
            let is_begun = self.store.find(&step).await?.is_some();
            if !is_begun {
                if self.allowance(token, self.address(), spender).await? >= needed {
                    return Ok(());
                }
                self.reset_approval(&step, approve, turn).await?;
            }
            self.step(&step, &action, token::approve(token, spender, needed), turn).await?;
            if !is_begun {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Takes an approval back, where the token does not let it be changed from one amount to another.
    pub(super) async fn reset_approval(
        &self,
        id: &str,
        (token, spender, amount): (Address, Address, U256),
        turn: Option<&Turn>,
    ) -> Result<(), WalletError> {
        let step = reset(id);
        let is_begun = self.store.find(&step).await?.is_some();
        if !is_begun {
            let call = token::approve(token, spender, amount);
            let present = || self.allowance(token, self.address(), spender);
            match self.prepare(&call, None).await {
                // Only if there is something to take back can that be why it is refused.
                Err(WalletError::Reverted(_) | WalletError::TokenRefuses(_))
                    if !amount.is_zero() && !present().await?.is_zero() => {}
                _ => return Ok(()),
            }
        }
        let action = Action::Approve { token, spender, amount: U256::ZERO };
        self.step(&step, &action, token::approve(token, spender, U256::ZERO), turn).await
    }

    /// One step before the last: carried out once, and waited for.
    async fn step(
        &self,
        id: &str,
        action: &Action,
        call: Call,
        turn: Option<&Turn>,
    ) -> Result<(), WalletError> {
        if let Some(turn) = turn {
            self.keep_turn(turn).await?;
        }
        let record = match self.store.find(id).await? {
            Some(record) => {
                is_same(&record, action)?;
                record
            }
            None => match self.execute(id, action, call, None).await? {
                Submitted::Record(record) => record,
                // The last step cannot be simulated without this one.
                Submitted::DryRun(_) => return Err(WalletError::StepOpen(id.to_owned())),
            },
        };
        let record = self.settle(&record.id, 1, STEP_WAIT).await?;
        if let Some(turn) = turn {
            self.keep_turn(turn).await?;
        }
        match &record.state {
            TransactionState::Confirmed(mined) if mined.succeeded && !record.is_cancelled() => {
                Ok(())
            }
            state if state.is_final() => Err(WalletError::Step(id.to_owned())),
            _ => Err(WalletError::StepOpen(id.to_owned())),
        }
    }
}

fn approval(name: &str, attempt: u8) -> String {
    match attempt {
        0 => format!("{name}:approve"),
        _ => format!("{name}:approve{}", attempt + 1),
    }
}

fn reset(name: &str) -> String {
    format!("{name}:reset")
}
