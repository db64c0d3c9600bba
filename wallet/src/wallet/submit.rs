use alloy_primitives::{Address, B256, Bytes, U64, U256};
use futures_util::future::join;
use hoox_connector::{Clock, Transport};

use crate::fees::BLOCKS;
use crate::nonce::agreed_nonce;
use crate::wallet::read::reverted;
use crate::wallet::rehearse::{Ready, approval};
use crate::wallet::{Evidence, Rehearsal, Submitted, Wallet, WalletError, turn};
use crate::{
    Action, AllocateError, Allocated, Attempt, BlockTag, BroadcastAnswer, Call, Event, Fees, Life,
    NewTransaction, NonceError, NonceReport, Question, RpcError, SignError, Spend, Transaction,
    TransactionRecord, TransactionStore, Turn, checked_recipient, token, uniswap,
};

/// The longest name of a transaction, in bytes.
const ID_MAX: usize = 128;

/// A call that has passed policy, simulation and fees.
pub(super) struct Prepared {
    pub(super) spends: Vec<Spend>,
    pub(super) gas_limit: u64,
    pub(super) fees: Fees,
    nonce: u64,
}

impl<T: Transport, C: Clock, S: TransactionStore> Wallet<T, C, S> {
    /// Does what `action` says, once for each `id`: signs, stores and sends the transaction, and
    /// returns without waiting for a block, but for the approval that comes before a swap.
    ///
    /// `gas_limit` takes the place of the estimate.
    ///
    /// # Errors
    /// [`WalletError`]; then nothing was signed, but for steps before the last one.
    pub async fn submit(
        &self,
        id: &str,
        action: &Action,
        gas_limit: Option<u64>,
    ) -> Result<Submitted, WalletError> {
        if id.is_empty() || id.len() > ID_MAX {
            return Err(WalletError::Id);
        }
        let needs = turn::token_of(action, &self.chain);
        if let Some(known) = self.known(id, action).await? {
            // Whoever signed it may have ended before its turn did.
            if let Some(token) = needs {
                self.end_turn(&self.turn(id, token)).await;
            }
            return Ok(Submitted::Record(known));
        }
        let Some(token) = needs.filter(|_| !self.config.policy.dry_run) else {
            return self.carry_out(id, action, gas_limit, None).await;
        };
        let turn = self.take_turn(id, token).await?;
        let submitted = self.carry_out(id, action, gas_limit, Some(&turn)).await;
        // What was begun is gone on with first.
        if !matches!(submitted, Err(WalletError::StepOpen(_))) {
            self.end_turn(&turn).await;
        }
        submitted
    }

    /// The record of this name, if there is one.
    async fn known(
        &self,
        id: &str,
        action: &Action,
    ) -> Result<Option<TransactionRecord>, WalletError> {
        let record = self.store.find(id).await?;
        if let Some(record) = &record {
            self.is_same(record, action)?;
        }
        Ok(record)
    }

    async fn carry_out(
        &self,
        id: &str,
        action: &Action,
        gas_limit: Option<u64>,
        turn: Option<&Turn>,
    ) -> Result<Submitted, WalletError> {
        // Whoever had the turn before may have done this very thing.
        if turn.is_some()
            && let Some(known) = self.known(id, action).await?
        {
            return Ok(Submitted::Record(known));
        }
        let ready = match action {
            Action::Send { to, value, data } => {
                let to = Some(checked_recipient(*to)?);
                let call = Call { to, value: *value, data: data.clone() };
                self.check_bounds(&call).await?;
                call.into()
            }
            Action::Transfer { token, to, amount } => {
                token::transfer(checked_recipient(*token)?, checked_recipient(*to)?, *amount).into()
            }
            Action::Approve { token, spender, amount } => {
                checked_recipient(*spender)?;
                let call = token::approve(checked_recipient(*token)?, *spender, *amount);
                self.approve_call((*token, *spender, *amount), call, id, turn).await?
            }
            Action::Swap(request) => self.swap_call(id, request, turn).await?,
            Action::Wrap { amount } => {
                uniswap::wrap(self.chain.wrapped.ok_or(WalletError::NoRoute)?, *amount).into()
            }
            Action::Unwrap { amount } => {
                uniswap::unwrap(self.chain.wrapped.ok_or(WalletError::NoRoute)?, *amount).into()
            }
        };
        if !ready.before.is_empty() {
            return Ok(Submitted::DryRun(self.rehearse(&ready, gas_limit).await?));
        }
        self.execute(id, action, ready.call, gas_limit).await
    }

    /// The call of an approval, after another one was taken back where the token wants that.
    async fn approve_call(
        &self,
        approve: (Address, Address, U256),
        call: Call,
        id: &str,
        turn: Option<&Turn>,
    ) -> Result<Ready, WalletError> {
        let (token, spender, _) = approve;
        if !self.config.policy.dry_run {
            // Before anything is taken back for it.
            self.config.policy.check(&call, self.address(), &self.chain)?;
            self.reset_approval(id, approve, turn).await?;
            return Ok(call.into());
        }
        let mut ready = Ready::from(call);
        // Where there is nothing, nothing answers.
        if self.needs_reset(approve).await.unwrap_or(false) {
            ready.before.push(approval((token, spender, U256::ZERO)));
            ready.gas = self.try_approvals(&ready.before, &ready.call).await?;
        }
        Ok(ready)
    }

    /// Carries out one call.
    pub(super) async fn execute(
        &self,
        id: &str,
        action: &Action,
        call: Call,
        gas_limit: Option<u64>,
    ) -> Result<Submitted, WalletError> {
        // Whatever node may be used later: none that serves another chain.
        let (prepared, checked) = join(self.prepare(&call, gas_limit), self.rpc.check_all()).await;
        checked?;
        let prepared = prepared?;
        if self.config.policy.dry_run {
            let Prepared { spends, gas_limit, fees, .. } = prepared;
            let (before, gas_limit, evidence) = (Vec::new(), Some(gas_limit), Evidence::Simulated);
            return Ok(Submitted::DryRun(Rehearsal { spends, before, gas_limit, fees, evidence }));
        }
        let now = self.rpc.clock().now();
        let mut agreed = None;
        let mut record = loop {
            let new = NewTransaction {
                id: id.to_owned(),
                action: action.clone(),
                chain_id: self.chain.id,
                from: self.address(),
                call: call.clone(),
                daily: self.config.policy.daily(&prepared.spends),
                spends: prepared.spends.clone(),
                nonce: NonceReport {
                    reported: prepared.nonce,
                    agreed,
                    shared_key: self.config.shared_key,
                },
                at: now,
            };
            let sign = |nonce| self.attempt(&call, nonce, prepared.gas_limit, prepared.fees, false);
            match self.store.allocate(new, sign).await {
                Ok(Allocated::New(record)) => break record,
                Ok(Allocated::Known(record)) => {
                    self.is_same(&record, action)?;
                    return Ok(Submitted::Record(record));
                }
                Err(AllocateError::Nonce(NonceError::Unconfirmed)) if agreed.is_none() => {
                    agreed = Some(self.agreed_nonce().await?);
                }
                Err(error) => return Err(error.into()),
            }
        };
        let mut life = Life::fresh(&record, self.config.life, now);
        let answer = self.broadcast(&record, record.attempts.first()).await;
        life.step(self.rpc.clock().now(), Some(Event::Broadcast(answer)));
        if *life.state() != record.state {
            self.store.set_state(id, life.state()).await?;
            record.state = life.state().clone();
        }
        Ok(Submitted::Record(record))
    }

    /// What all nodes say that the next nonce is.
    async fn agreed_nonce(&self) -> Result<Result<u64, NonceError>, WalletError> {
        let questions = [BlockTag::Latest, BlockTag::Pending]
            .map(|block| Question::transaction_count(self.address(), block));
        let mut counts = Vec::new();
        for answers in self.rpc.ask_each(&questions).await {
            let counted = match answers.as_deref() {
                Err(error @ RpcError::WrongChain { .. }) => return Err(error.clone().into()),
                Ok([mined, pending]) => mined.read::<U64>().ok().zip(pending.read::<U64>().ok()),
                _ => None,
            };
            counts.extend(counted.map(|(mined, pending)| (mined.to(), pending.to())));
        }
        Ok(agreed_nonce(&counts, self.rpc.endpoints(), self.config.shared_key))
    }

    /// Policy, fees and simulation, in that order of importance: the first that refuses is reported.
    /// One round trip asks for everything.
    pub(super) async fn prepare(
        &self,
        call: &Call,
        gas_limit: Option<u64>,
    ) -> Result<Prepared, WalletError> {
        let own = self.address();
        let spends = self.config.policy.check(call, own, &self.chain)?;
        let Call { to, value, data } = call;
        let questions = [
            Question::fee_history(BLOCKS),
            Question::call(Some(own), *to, *value, data),
            Question::estimate_gas(own, *to, *value, data),
            Question::transaction_count(own, BlockTag::Pending),
            Question::balance(own),
            Question::code(to.unwrap_or_default()),
        ];
        let answers = self.rpc.ask_all(&questions).await?;
        let [history, simulated, estimate, nonce, balance, code] = answers.as_slice() else {
            return Err(RpcError::Unreadable("no answer").into());
        };
        let fees = self.config.fees.fees(&self.market(history).await?)?;
        if let Some(to) = to
            && !data.is_empty()
            && code.read::<Bytes>()?.is_empty()
        {
            return Err(WalletError::NoContract(*to));
        }
        let balance: U256 = balance.read()?;
        // Before the simulation, whose words for this differ from node to node.
        if balance < *value {
            return Err(WalletError::InsufficientFunds { balance, needed: *value });
        }
        let returned: Bytes = simulated.read().map_err(reverted)?;
        if let Some(to) = to
            && is_token_call(data)
            && token::read_number(&returned).is_some_and(|value| value.is_zero())
        {
            return Err(WalletError::TokenRefuses(*to));
        }
        let estimate = estimate.read::<U64>().map_err(reverted)?.to();
        let gas_limit = self.config.fees.gas_limit(estimate, gas_limit)?;
        self.config.fees.check(gas_limit, fees)?;
        let fee = U256::from(gas_limit) * U256::from(fees.max_price());
        let needed = value.saturating_add(fee);
        if balance < needed {
            return Err(WalletError::InsufficientFunds { balance, needed });
        }
        Ok(Prepared { spends, gas_limit, fees, nonce: nonce.read::<U64>()?.to() })
    }

    pub(super) fn attempt(
        &self,
        call: &Call,
        nonce: u64,
        gas_limit: u64,
        fees: Fees,
        cancels: bool,
    ) -> Result<Attempt, SignError> {
        let Call { to, value, data } = call.clone();
        let chain_id = self.chain.id;
        let transaction =
            Transaction { chain_id, nonce, to, value, data, gas_limit, fees, ..Default::default() };
        let signed = self.account.sign(&transaction)?;
        let signed_at = self.rpc.clock().now();
        Ok(Attempt { hash: signed.hash, raw: signed.raw, fees, gas_limit, cancels, signed_at })
    }

    /// Hands an attempt to a node.
    pub(super) async fn broadcast(
        &self,
        record: &TransactionRecord,
        attempt: Option<&Attempt>,
    ) -> BroadcastAnswer {
        debug_assert_eq!(record.chain_id, self.chain.id);
        match attempt {
            Some(attempt) => {
                let answer: Result<B256, RpcError> = self.rpc.broadcast(&attempt.raw).await;
                BroadcastAnswer::read(answer, attempt.hash)
            }
            None => BroadcastAnswer::Unknown,
        }
    }
}

/// Whether a token answers such a call with a bool.
fn is_token_call(data: &[u8]) -> bool {
    use alloy_sol_types::SolCall;
    use token::IERC20::{approveCall, transferCall, transferFromCall};
    let selectors = [transferCall::SELECTOR, approveCall::SELECTOR, transferFromCall::SELECTOR];
    data.first_chunk::<4>().is_some_and(|selector| selectors.contains(selector))
}
