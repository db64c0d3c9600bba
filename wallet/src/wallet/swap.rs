use alloy_primitives::{Address, U256};
use hoox_connector::{Clock, Transport};

use crate::uniswap::{Swap, SwapAmount, max_input, min_output};
use crate::wallet::submit::token_of;
use crate::wallet::{Submitted, Wallet, WalletError, is_same};
use crate::{
    Action, Call, Router, SwapRequest, SwapSize, TransactionState, TransactionStore, token,
};

/// How long a swap may wait in the pool, in seconds, unless told (wallet.md §9).
const DEADLINE_S: u64 = 1200;

/// How long a step before the last is waited for.
const STEP_WAIT: core::time::Duration = core::time::Duration::from_secs(60);

impl<T: Transport, C: Clock, S: TransactionStore> Wallet<T, C, S> {
    /// The call of a swap, after the router was approved for what it takes.
    pub(super) async fn swap_call(
        &self,
        id: &str,
        request: &SwapRequest,
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
        let swap = Swap {
            token_in: request.token_in,
            token_out: request.token_out,
            amount: self.bound(id, router, request).await?,
            recipient: request.recipient.unwrap_or(self.address()),
            deadline,
        };
        let call = router.swap(&swap, self.chain.wrapped).ok_or(WalletError::NoRoute)?;
        // Before anything is approved for it.
        self.config.policy.check(&call, self.address(), &self.chain)?;
        if let Some(token) = token_of(swap.token_in) {
            let needed = swap.amount.max_input();
            self.ensure_approval(id, token, router.address(), needed).await?;
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
    ) -> Result<SwapAmount, WalletError> {
        let (token_in, token_out) = (request.token_in, request.token_out);
        let bps = request.slippage_bps;
        Ok(match request.size {
            SwapSize::ExactIn { input, min_output: Some(min_output) } => {
                SwapAmount::ExactIn { input, min_output }
            }
            SwapSize::ExactIn { input, min_output: None } => {
                let quote = self.quote_in(Some(router), token_in, token_out, input).await?;
                let min_output = min_output(quote, bps).ok_or(WalletError::Bound)?;
                SwapAmount::ExactIn { input, min_output }
            }
            SwapSize::ExactOut { output, max_input: Some(max_input) } => {
                SwapAmount::ExactOut { output, max_input }
            }
            SwapSize::ExactOut { output, max_input: None } => {
                let approval = self.store.find(&format!("{id}:approve")).await?;
                if let Some(Action::Approve { amount, .. }) = approval.map(|it| it.action) {
                    return Ok(SwapAmount::ExactOut { output, max_input: amount });
                }
                let quote = self.quote_out(Some(router), token_in, token_out, output).await?;
                let max_input = max_input(quote, bps).ok_or(WalletError::Bound)?;
                SwapAmount::ExactOut { output, max_input }
            }
        })
    }

    /// Approves `spender` for exactly `needed`, unless it may take as much already, and waits until
    /// that is in a block.
    async fn ensure_approval(
        &self,
        id: &str,
        token: Address,
        spender: Address,
        needed: U256,
    ) -> Result<(), WalletError> {
        let step = format!("{id}:approve");
        if self.store.find(&step).await?.is_none()
            && self.allowance(token, self.address(), spender).await? >= needed
        {
            return Ok(());
        }
        self.reset_approval(&step, token, spender, needed).await?;
        let action = Action::Approve { token, spender, amount: needed };
        self.step(&step, &action, token::approve(token, spender, needed)).await
    }

    /// Takes an approval back, where the token does not let it be changed from one amount to another.
    pub(super) async fn reset_approval(
        &self,
        id: &str,
        token: Address,
        spender: Address,
        amount: U256,
    ) -> Result<(), WalletError> {
        let step = format!("{id}:reset");
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
        self.step(&step, &action, token::approve(token, spender, U256::ZERO)).await
    }

    /// One step before the last: carried out once, and waited for.
    async fn step(&self, id: &str, action: &Action, call: Call) -> Result<(), WalletError> {
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
        match &record.state {
            TransactionState::Confirmed(mined) if mined.succeeded && !record.is_cancelled() => {
                Ok(())
            }
            state if state.is_final() => Err(WalletError::Step(id.to_owned())),
            _ => Err(WalletError::StepOpen(id.to_owned())),
        }
    }
}
