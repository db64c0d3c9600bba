//! What a call does, read off its data.

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolInterface;

use super::{AllowList, Policy, PolicyError};
use crate::token::{self, IERC20::IERC20Calls};
use crate::uniswap::{
    ISwapRouter::ISwapRouterCalls as V3, IUniswapV2Router02::IUniswapV2Router02Calls as V2,
    ReadSwap, SwapAmount, read_swaps,
};
use crate::worth::stable;
use crate::{Asset, Call, Chain, Spend};

/// A call of a kind that is known. What begins like one and is another's work is refused: old
/// contracts take zeros for what is cut off.
pub(super) fn known<C: SolInterface>(to: Address, data: &[u8]) -> Result<Option<C>, PolicyError> {
    if !data.first_chunk().is_some_and(|selector| C::valid_selector(*selector)) {
        return Ok(None);
    }
    match C::abi_decode(data) {
        Ok(call) if call.abi_encode() == data => Ok(Some(call)),
        _ => Err(PolicyError::Unclear(to)),
    }
}

/// Where a call goes.
pub(super) struct Place<'a> {
    pub(super) policy: &'a Policy,
    pub(super) own: Address,
    pub(super) chain: &'a Chain,
    pub(super) target: Address,
    pub(super) pays_coin: bool,
}

impl Place<'_> {
    pub(super) fn recipient(&self, address: Address) -> Result<(), PolicyError> {
        if address.is_zero() {
            return Err(PolicyError::ZeroRecipient);
        }
        if address == self.own || self.policy.recipients.has(address) {
            return Ok(());
        }
        Err(PolicyError::Recipient(address))
    }

    /// A call of which nothing is known: for contracts that are listed. A token is not one, though it
    /// may be on the same list: what pays or approves would go by uncounted.
    pub(super) fn unread(&self, data: &[u8]) -> Result<(), PolicyError> {
        let Policy { recipients, tokens, unread, .. } = self.policy;
        if *unread {
            return Ok(());
        }
        let AllowList::Only(listed) = recipients else {
            return Err(PolicyError::Unread(self.target));
        };
        if !listed.contains(&self.target) {
            return Err(PolicyError::Recipient(self.target));
        }
        // One list for both does not tell which of its addresses are tokens.
        let is_named = match tokens {
            AllowList::Only(tokens) => tokens != listed && tokens.contains(&self.target),
            AllowList::Any => false,
        };
        let is_known =
            self.chain.wrapped == Some(self.target) || stable(self.chain).contains(&self.target);
        match is_named || is_known || token::pays_otherwise(data) {
            true => Err(PolicyError::Unread(self.target)),
            false => Ok(()),
        }
    }

    fn is_router(&self, address: Address) -> bool {
        self.chain.router.is_some_and(|router| router.address() == address)
    }

    pub(super) fn token(
        &self,
        call: IERC20Calls,
        spends: &mut Vec<Spend>,
    ) -> Result<(), PolicyError> {
        let asset = Asset::Token(self.target);
        self.policy.token(self.target)?;
        match call {
            IERC20Calls::transfer(call) => {
                self.recipient(call.to)?;
                spends.push(Spend { asset, amount: call.amount });
            }
            IERC20Calls::transferFrom(call) => {
                self.recipient(call.to)?;
                spends.push(Spend { asset, amount: call.amount });
            }
            IERC20Calls::transferAndCall(call) => {
                self.recipient(call.to)?;
                spends.push(Spend { asset, amount: call.amount });
            }
            IERC20Calls::approve(call) => {
                spends.extend(self.approval(call.spender, call.amount)?);
            }
            IERC20Calls::increaseAllowance(call) => {
                spends.extend(self.approval(call.spender, call.amount)?);
            }
            _ => {}
        }
        Ok(())
    }

    /// What an approval exposes: its amount, as whoever has it can take that at any time. The chain's
    /// router takes only in calls of ours, and those are counted themselves.
    fn approval(&self, spender: Address, amount: U256) -> Result<Option<Spend>, PolicyError> {
        let is_router = self.is_router(spender);
        if !is_router {
            self.recipient(spender)?;
        }
        let limit = self.policy.max_approval;
        if amount > limit {
            return Err(PolicyError::Approval { amount, limit });
        }
        let asset = Asset::Token(self.target);
        Ok((!is_router).then_some(Spend { asset, amount }))
    }

    pub(super) fn router(&self, call: &Call, spends: &mut Vec<Spend>) -> Result<(), PolicyError> {
        // In and out, recipient, and what is paid unless it is the coin.
        let (path, to, amount) = match V2::abi_decode(&call.data) {
            Ok(V2::swapExactETHForTokens(it)) => (it.path, it.to, None),
            Ok(V2::swapExactETHForTokensSupportingFeeOnTransferTokens(it)) => {
                (it.path, it.to, None)
            }
            Ok(V2::swapETHForExactTokens(it)) => (it.path, it.to, None),
            Ok(V2::swapExactTokensForETH(it)) => (it.path, it.to, Some(it.amountIn)),
            Ok(V2::swapExactTokensForETHSupportingFeeOnTransferTokens(it)) => {
                (it.path, it.to, Some(it.amountIn))
            }
            Ok(V2::swapTokensForExactETH(it)) => (it.path, it.to, Some(it.amountInMax)),
            Ok(V2::swapExactTokensForTokens(it)) => (it.path, it.to, Some(it.amountIn)),
            Ok(V2::swapExactTokensForTokensSupportingFeeOnTransferTokens(it)) => {
                (it.path, it.to, Some(it.amountIn))
            }
            Ok(V2::swapTokensForExactTokens(it)) => (it.path, it.to, Some(it.amountInMax)),
            _ => {
                self.router_v3(&call.data, None, spends)?;
                return self.bounded(call);
            }
        };
        self.swap(&path, to, amount, spends)?;
        self.bounded(call)
    }

    /// Refuses swaps that take any price.
    fn bounded(&self, call: &Call) -> Result<(), PolicyError> {
        let takes_any = |swap: &ReadSwap| match swap.amount {
            SwapAmount::ExactIn { min_output, .. } => min_output.is_zero(),
            SwapAmount::ExactOut { max_input, .. } => max_input == U256::MAX,
        };
        match read_swaps(call).iter().any(takes_any) {
            true => Err(PolicyError::AnyPrice(self.target)),
            false => Ok(()),
        }
    }

    /// A call of the V3 router. Inside a multicall `sweeps` tells whether another of its calls takes
    /// out what the router holds for itself.
    fn router_v3(
        &self,
        data: &[u8],
        sweeps: Option<bool>,
        spends: &mut Vec<Spend>,
    ) -> Result<(), PolicyError> {
        // The router's word for itself is the zero address: what nobody takes out anybody can.
        let holder = |recipient: Address| match sweeps {
            Some(true) if recipient.is_zero() => self.own,
            _ => recipient,
        };
        match V3::abi_decode(data) {
            Ok(V3::exactInputSingle(call)) => {
                let it = call.params;
                let path = [it.tokenIn, it.tokenOut];
                self.swap(&path, holder(it.recipient), Some(it.amountIn), spends)
            }
            Ok(V3::exactOutputSingle(call)) => {
                let it = call.params;
                let path = [it.tokenIn, it.tokenOut];
                self.swap(&path, holder(it.recipient), Some(it.amountInMaximum), spends)
            }
            Ok(V3::unwrapWETH9(it)) => self.recipient(it.recipient),
            Ok(V3::refundETH(_)) => Ok(()),
            Ok(V3::multicall(it)) if sweeps.is_none() => {
                let takes = |data: &&alloy_primitives::Bytes| {
                    matches!(V3::abi_decode(data), Ok(V3::unwrapWETH9(_)))
                };
                let sweeps = it.data.iter().any(|data| takes(&data));
                it.data.iter().try_for_each(|data| self.router_v3(data, Some(sweeps), spends))
            }
            // The router is known, but not what this does.
            _ if data.first_chunk().is_some_and(|selector| {
                V2::valid_selector(*selector) || V3::valid_selector(*selector)
            }) =>
            {
                Err(PolicyError::Unclear(self.target))
            }
            _ => self.unread(data),
        }
    }

    fn swap(
        &self,
        path: &[Address],
        to: Address,
        amount: Option<U256>,
        spends: &mut Vec<Spend>,
    ) -> Result<(), PolicyError> {
        self.recipient(to)?;
        let is_coin = |token: &Address| self.chain.wrapped == Some(*token);
        // The coin in its wrapped form needs no listing (wallet.md §7).
        for token in path.iter().filter(|token| !is_coin(token)) {
            self.policy.token(*token)?;
        }
        if let (Some(amount), Some(token)) = (amount, path.first())
            // Then the coins sent along pay, which are counted as such.
            && !(self.pays_coin && is_coin(token))
        {
            spends.push(Spend { asset: Asset::Token(*token), amount });
        }
        Ok(())
    }
}
