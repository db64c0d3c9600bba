//! What would happen, before anything is signed: steps and the swap after them, on the node.

use alloy_primitives::{Address, Bytes, U256};
use hoox_connector::{Clock, Transport};

use crate::rpc::simulation::{self, Simulated, SimulatedBlocks};
use crate::uniswap::{Swap, SwapAmount};
use crate::wallet::{Evidence, Rehearsal, Wallet, WalletError};
use crate::{Action, Call, Question, Revert, RpcError, TransactionStore, token};

/// With these words pools refuse a token of which less arrives than was sent: `UniswapV2Pair.swap` and
/// `UniswapV3Pool.swap`, in their sources.
const TOO_LITTLE_ARRIVED: &[&str] = &["UniswapV2: K", "IIA"];

/// A call, and what has to come before it.
pub(super) struct Ready {
    pub(super) call: Call,
    /// The steps that are not carried out yet, in their order. None but in a rehearsal.
    pub(super) before: Vec<Action>,
    /// What the call uses after those steps, where the node has simulated that.
    pub(super) gas: Option<u64>,
}

impl From<Call> for Ready {
    fn from(call: Call) -> Self {
        Self { call, before: Vec::new(), gas: None }
    }
}

impl<T: Transport, C: Clock, S: TransactionStore> Wallet<T, C, S> {
    /// Tries a swap out with the steps before it, and compares what arrives with its bound: routers do
    /// not always. What the swap uses of gas; none if the node does not simulate several calls.
    pub(super) async fn try_swap(
        &self,
        swap: &Swap,
        call: &Call,
        before: &[Action],
    ) -> Result<Option<u64>, WalletError> {
        let arrives = (!swap.token_out.is_zero()).then(|| Call {
            to: Some(swap.token_out),
            value: U256::ZERO,
            data: token::balance_of(swap.recipient),
        });
        let mut calls: Vec<Call> = arrives.iter().cloned().collect();
        calls.extend(before.iter().filter_map(approve_call));
        calls.push(call.clone());
        let swaps_at = calls.len() - 1;
        calls.extend(arrives);
        let Some(done) = self.simulate(&calls).await? else { return Ok(None) };
        let mut balances = Vec::new();
        let mut gas = None;
        for (at, (call, done)) in calls.iter().zip(&done).enumerate() {
            let returned = done.returned();
            if at == swaps_at {
                let fails = |data| self.why_not(swap, data);
                returned.map_err(fails)?;
                gas = Some(done.gas_used());
            } else if call.to == Some(swap.token_out) {
                balances.extend(returned.ok().and_then(|data| token::read_number(data)));
            } else {
                returned.map_err(|data| WalletError::Reverted(Revert::decode(data)))?;
            }
        }
        if let [first, last] = balances.as_slice()
            && last.saturating_sub(*first) < least(swap)
        {
            return Err(WalletError::FeeOnTransfer(swap.token_out));
        }
        Ok(gas)
    }

    fn why_not(&self, swap: &Swap, data: &Bytes) -> WalletError {
        let revert = Revert::decode(data);
        let says = |words: &&str| matches!(&revert, Revert::Reason(text) if text == *words);
        match TOO_LITTLE_ARRIVED.iter().any(says) {
            true => WalletError::FeeOnTransfer(swap.token_in),
            false => WalletError::Reverted(revert),
        }
    }

    /// The gas of the last of several approvals; none if the node does not simulate them.
    pub(super) async fn try_approvals(
        &self,
        before: &[Action],
        call: &Call,
    ) -> Result<Option<u64>, WalletError> {
        let mut calls: Vec<Call> = before.iter().filter_map(approve_call).collect();
        calls.push(call.clone());
        let Some(done) = self.simulate(&calls).await? else { return Ok(None) };
        for done in &done {
            done.returned().map_err(|data| WalletError::Reverted(Revert::decode(data)))?;
        }
        Ok(done.last().map(Simulated::gas_used))
    }

    /// What comes of a call whose steps before it are not carried out: policy, fees and funds, and as
    /// much of a simulation as the node gives.
    pub(super) async fn rehearse(
        &self,
        ready: &Ready,
        gas_limit: Option<u64>,
    ) -> Result<Rehearsal, WalletError> {
        let (own, fees) = (self.address(), &self.config.fees);
        let spends = self.config.policy.check(&ready.call, own, &self.chain)?;
        let price = fees.fees(&self.gas_market().await?)?;
        // By itself only the first step can be.
        if let (None, Some(first)) = (ready.gas, ready.before.iter().find_map(approve_call)) {
            self.prepare(&first, None).await?;
        }
        let gas_limit = match ready.gas {
            Some(gas) => Some(fees.gas_limit(gas, gas_limit)?),
            None => gas_limit,
        };
        fees.check(gas_limit.unwrap_or_default(), price)?;
        let balance: U256 = self.rpc.ask(Question::balance(own)).await?;
        let fee = U256::from(gas_limit.unwrap_or_default()) * U256::from(price.max_price());
        let needed = ready.call.value.saturating_add(fee);
        if balance < needed {
            return Err(WalletError::InsufficientFunds { balance, needed });
        }
        let evidence = if ready.gas.is_some() { Evidence::Simulated } else { Evidence::Quoted };
        let before = ready.before.clone();
        Ok(Rehearsal { spends, before, gas_limit, fees: price, evidence })
    }

    /// What becomes of several calls of the account, one after the other; none if no node tells.
    async fn simulate(&self, calls: &[Call]) -> Result<Option<Vec<Simulated>>, WalletError> {
        let question = simulation::question(self.address(), calls);
        match self.rpc.ask::<SimulatedBlocks>(question).await {
            Ok(blocks) => Ok(simulation::read(blocks, calls.len())),
            Err(error @ RpcError::WrongChain { .. }) => Err(error.into()),
            // Many nodes know no such method, and say so in many ways.
            Err(_) => Ok(None),
        }
    }
}

/// What has to arrive.
fn least(swap: &Swap) -> U256 {
    match swap.amount {
        SwapAmount::ExactIn { min_output, .. } => min_output,
        SwapAmount::ExactOut { output, .. } => output,
    }
}

fn approve_call(step: &Action) -> Option<Call> {
    match step {
        Action::Approve { token, spender, amount } => {
            Some(token::approve(*token, *spender, *amount))
        }
        _ => None,
    }
}

/// An approval as a step of its own.
pub(super) fn approval((token, spender, amount): (Address, Address, U256)) -> Action {
    Action::Approve { token, spender, amount }
}
