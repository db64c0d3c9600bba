use alloy_primitives::{Address, U256};
use hoox_connector::{Clock, Transport};

use crate::uniswap::{Swap, SwapAmount, max_input, min_output, read_swaps};
use crate::wallet::rehearse::{Ready, approval};
use crate::wallet::{Submitted, Wallet, WalletError};
use crate::{
    Action, Call, PolicyError, Router, SwapRequest, SwapSize, TransactionState, TransactionStore,
    Turn, token,
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
    let approvals: Vec<String> = (0..APPROVALS_MAX).map(|it| approval_name(name, it)).collect();
    let each = approvals.into_iter().flat_map(|it| [reset(&it), it]);
    core::iter::once(reset(name)).chain(each)
}

/// What a swap holds fixed and its bound, and what it would pay at present.
struct Bound {
    amount: SwapAmount,
    pays: U256,
}

impl<T: Transport, C: Clock, S: TransactionStore> Wallet<T, C, S> {
    /// The call of a swap, after it was tried out and the router approved for what it takes; in a
    /// rehearsal with the approvals that it would need.
    pub(super) async fn swap_call(
        &self,
        id: &str,
        request: &SwapRequest,
        turn: Option<&Turn>,
    ) -> Result<Ready, WalletError> {
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
        let approve = (swap.token_in, router.address(), amount.max_input());
        let mut before = Vec::new();
        if !swap.token_in.is_zero() {
            let token = swap.token_in;
            let balance = self.call(token, &token::balance_of(self.address())).await?;
            let balance = token::read_number(&balance).ok_or(WalletError::NotUnderstood(token))?;
            if balance < pays {
                return Err(WalletError::InsufficientTokens { token, balance, needed: pays });
            }
            before = self.missing_approvals(approve).await?;
        }
        let gas = self.try_swap(&swap, &call, &before).await?;
        if !swap.token_in.is_zero() && !self.config.policy.dry_run {
            self.ensure_approval(id, approve, turn).await?;
            before = Vec::new();
        }
        Ok(Ready { call, before, gas })
    }

    /// The approvals that are missing before a spender may take so much.
    async fn missing_approvals(
        &self,
        (token, spender, needed): (Address, Address, U256),
    ) -> Result<Vec<Action>, WalletError> {
        if self.allowance(token, self.address(), spender).await? >= needed {
            return Ok(Vec::new());
        }
        let mut missing = Vec::new();
        if self.needs_reset((token, spender, needed)).await? {
            missing.push(approval((token, spender, U256::ZERO)));
        }
        missing.push(approval((token, spender, needed)));
        Ok(missing)
    }

    /// The swap's bound: the caller's, or the quote and the slippage; neither further from the quote
    /// than the policy allows. A swap that was begun with an approval keeps to what was approved: exactly
    /// that may be paid.
    async fn bound(
        &self,
        id: &str,
        router: Router,
        request: &SwapRequest,
    ) -> Result<Bound, WalletError> {
        let (token_in, token_out) = (request.token_in, request.token_out);
        let (bps, most) = (request.slippage_bps, self.config.policy.most_slippage());
        let within = |given: bool| match given || bps <= most {
            true => Ok(()),
            false => Err(PolicyError::Slippage { bps, limit: most }),
        };
        match request.size {
            SwapSize::ExactIn { input, min_output: given } => {
                within(given.is_some())?;
                let quote = self.quote_in(Some(router), token_in, token_out, input).await?;
                let min_output = match given {
                    Some(min_output) => min_output,
                    None => min_output(quote, bps).ok_or(WalletError::Bound)?,
                };
                let amount = SwapAmount::ExactIn { input, min_output };
                is_near(amount, quote, most)?;
                Ok(Bound { amount, pays: input })
            }
            SwapSize::ExactOut { output, max_input: given } => {
                within(given.is_some())?;
                let quote = self.quote_out(Some(router), token_in, token_out, output).await?;
                let limit = max_input(quote, most).ok_or(WalletError::Bound)?;
                let max_input = match (given, self.approved(id).await?) {
                    (Some(max_input), _) => max_input,
                    // The price may have become better since.
                    (None, Some(approved)) => approved.min(limit),
                    (None, None) => max_input(quote, bps).ok_or(WalletError::Bound)?,
                };
                let amount = SwapAmount::ExactOut { output, max_input };
                is_near(amount, quote, most)?;
                Ok(Bound { amount, pays: quote })
            }
        }
    }

    /// Whether the swaps of a call keep as near to the quote as one that is asked for as a swap: for what
    /// comes as data.
    pub(super) async fn check_bounds(&self, call: &Call) -> Result<(), WalletError> {
        let Some(router) = self.chain.router.filter(|it| Some(it.address()) == call.to) else {
            return Ok(());
        };
        for swap in read_swaps(call) {
            let (to, data) = swap.question(router).ok_or(WalletError::NoRoute)?;
            let answer = self.call(to, &data).await?;
            let quote = match swap.amount {
                SwapAmount::ExactIn { .. } => router.read_quote_in(&answer),
                SwapAmount::ExactOut { .. } => router.read_quote_out(&answer),
            };
            let quote = quote.ok_or(WalletError::NotUnderstood(to))?;
            is_near(swap.amount, quote, self.config.policy.most_slippage())?;
        }
        Ok(())
    }

    /// What was approved for this swap before.
    async fn approved(&self, id: &str) -> Result<Option<U256>, WalletError> {
        let approval = self.store.find(&approval_name(id, 0)).await?;
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
        let action = approval(approve);
        for attempt in 0..APPROVALS_MAX {
            let step = approval_name(id, attempt);
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
        if self.store.find(&step).await?.is_none()
            && !self.needs_reset((token, spender, amount)).await?
        {
            return Ok(());
        }
        let action = Action::Approve { token, spender, amount: U256::ZERO };
        self.step(&step, &action, token::approve(token, spender, U256::ZERO), turn).await
    }

    /// Whether a token refuses an approval for no other reason than the one that is there.
    pub(super) async fn needs_reset(
        &self,
        (token, spender, amount): (Address, Address, U256),
    ) -> Result<bool, WalletError> {
        if amount.is_zero() || self.allowance(token, self.address(), spender).await?.is_zero() {
            return Ok(false);
        }
        let refused = self.prepare(&token::approve(token, spender, amount), None).await;
        Ok(matches!(refused, Err(WalletError::Reverted(_) | WalletError::TokenRefuses(_))))
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
                self.is_same(&record, action)?;
                record
            }
            None => match self.execute(id, action, call, None).await? {
                Submitted::Record(record) => record,
                // A rehearsal has no steps that are carried out.
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

fn approval_name(name: &str, attempt: u8) -> String {
    match attempt {
        0 => format!("{name}:approve"),
        _ => format!("{name}:approve{}", attempt + 1),
    }
}

fn reset(name: &str) -> String {
    format!("{name}:reset")
}

/// Refuses a bound that is further from the quote than `most` hundredths of a percent, or none at all.
fn is_near(amount: SwapAmount, quote: U256, most: u32) -> Result<(), WalletError> {
    let (bound, limit, is_worse) = match amount {
        SwapAmount::ExactIn { min_output: bound, .. } => {
            let limit = min_output(quote, most).ok_or(WalletError::Bound)?;
            (bound, limit, bound < limit || bound.is_zero())
        }
        SwapAmount::ExactOut { max_input: bound, .. } => {
            let limit = max_input(quote, most).ok_or(WalletError::Bound)?;
            (bound, limit, bound > limit)
        }
    };
    if is_worse { Err(PolicyError::Bound { bound, limit }.into()) } else { Ok(()) }
}
