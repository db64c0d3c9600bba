use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolInterface;
use thiserror::Error;

use crate::token::{IERC20::IERC20Calls, IWETH9::IWETH9Calls};
use crate::uniswap::{
    ISwapRouter::ISwapRouterCalls as V3, IUniswapV2Router02::IUniswapV2Router02Calls as V2,
};
use crate::{Asset, Call, Chain, Spend, USD_DECIMALS, format_units};

/// Addresses that something is allowed for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowList {
    /// Any.
    Any,
    /// These.
    Only(BTreeSet<Address>),
}

impl AllowList {
    /// A list of addresses.
    pub fn only(addresses: impl IntoIterator<Item = Address>) -> Self {
        Self::Only(addresses.into_iter().collect())
    }

    fn has(&self, address: Address) -> bool {
        match self {
            Self::Any => true,
            Self::Only(addresses) => addresses.contains(&address),
        }
    }
}

/// How much of an asset may leave the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpendLimit {
    /// With one transaction, in smallest units.
    pub per_transaction: U256,
    /// In any 24 hours, in smallest units.
    pub daily: U256,
}

/// What the wallet may be used for. A new one allows nothing; [`Policy::open`] allows everything.
///
/// It reads what a call does off the call itself, whoever made it: a payment is a payment whether it
/// was asked for as one or as data. The wallet's own address and the chain's router need no listing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// Who may be paid, called, or approved for tokens.
    pub recipients: AllowList,
    /// The tokens that may be touched.
    pub tokens: AllowList,
    /// Limits, by asset.
    pub limits: BTreeMap<Asset, SpendLimit>,
    /// Whether an asset without a limit may be spent.
    pub unlimited: bool,
    /// The most tokens that are approved at once, in smallest units. Never unlimited.
    pub max_approval: U256,
    /// Everything but signing: nothing leaves.
    pub dry_run: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            recipients: AllowList::Only(BTreeSet::new()),
            tokens: AllowList::Only(BTreeSet::new()),
            limits: BTreeMap::new(),
            unlimited: false,
            // The default of wallet.md §6.
            max_approval: U256::from(10).pow(U256::from(24)),
            dry_run: false,
        }
    }
}

/// Why the policy refuses a call.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// This address may not be paid, called or approved.
    #[error("{0} is not on the list of recipients")]
    Recipient(Address),
    /// This token may not be touched.
    #[error("{0} is not on the list of tokens")]
    Token(Address),
    /// What the call would do cannot be told: it begins like one that is known, and does not go on so.
    #[error("the call of {0} is cut short, too long or not encoded as it should be")]
    Unclear(Address),
    /// Contracts may not be created.
    #[error("contracts are not created under this policy")]
    Create,
    /// The zero address takes nothing.
    #[error("the zero address takes nothing")]
    ZeroRecipient,
    /// One transaction would spend too much.
    #[error("{amount} of {asset:?} is above the limit of {limit} for one transaction")]
    PerTransaction {
        /// Of what.
        asset: Asset,
        /// How much.
        amount: U256,
        /// The limit.
        limit: U256,
    },
    /// The day's spending would be too much.
    #[error("{amount} of {asset:?}, after {spent} in 24 hours, is above the limit of {limit}")]
    Daily {
        /// Of what.
        asset: Asset,
        /// How much.
        amount: U256,
        /// What was spent in the last 24 hours.
        spent: U256,
        /// The limit.
        limit: U256,
    },
    /// The asset has no limit, and the policy wants one.
    #[error("{0:?} has no limit, and only what has one may be spent")]
    NoLimit(Asset),
    /// What it is worth cannot be told.
    #[error("what the {0:?} is worth cannot be told, so that it cannot be compared with the limit")]
    Unpriced(Asset),
    /// One transaction would be worth too much.
    #[error("it is worth {} USD, above the limit of {} for one transaction", usd(*.worth), usd(*.limit))]
    Worth {
        /// What it is worth, in millionths of a dollar.
        worth: U256,
        /// The limit, in millionths of a dollar.
        limit: U256,
    },
    /// What leaves in a day would be worth too much.
    #[error(
        "it is worth {} USD, after {} in 24 hours, above the limit of {}",
        usd(*.worth), usd(*.spent), usd(*.limit)
    )]
    DailyWorth {
        /// What it is worth, in millionths of a dollar.
        worth: U256,
        /// What was spent in the last 24 hours, in millionths of a dollar.
        spent: U256,
        /// The limit, in millionths of a dollar.
        limit: U256,
    },
    /// Too many tokens would be approved.
    #[error("approving {amount} tokens is above the limit of {limit}")]
    Approval {
        /// How many.
        amount: U256,
        /// The limit.
        limit: U256,
    },
}

/// Millionths of a dollar, as people write them.
fn usd(worth: U256) -> String {
    format_units(worth, USD_DECIMALS)
}

/// What may leave in 24 hours, for the store to check as it takes a transaction in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyLimit {
    /// Of what, and how much this transaction spends.
    pub spend: Spend,
    /// The limit.
    pub limit: U256,
}

impl DailyLimit {
    /// Whether `spent` in the last 24 hours leaves room.
    ///
    /// # Errors
    /// [`PolicyError::Daily`].
    pub fn check(&self, spent: U256) -> Result<(), PolicyError> {
        let Spend { asset, amount } = self.spend;
        if spent.saturating_add(amount) > self.limit {
            return Err(PolicyError::Daily { asset, amount, spent, limit: self.limit });
        }
        Ok(())
    }
}

impl Policy {
    /// Everything is allowed, but approvals without limit.
    pub fn open() -> Self {
        Self {
            recipients: AllowList::Any,
            tokens: AllowList::Any,
            unlimited: true,
            max_approval: U256::MAX - U256::ONE,
            ..Self::default()
        }
    }

    /// What `call` spends, if it is allowed.
    ///
    /// # Errors
    /// [`PolicyError`], the first that applies. The day's spending is not checked here.
    pub fn check(
        &self,
        call: &Call,
        own: Address,
        chain: &Chain,
    ) -> Result<Vec<Spend>, PolicyError> {
        let to = match call.to {
            Some(to) if to.is_zero() => return Err(PolicyError::ZeroRecipient),
            Some(to) => to,
            None if self.recipients == AllowList::Any => {
                return self.limited(vec![Spend { asset: Asset::Coin, amount: call.value }]);
            }
            None => return Err(PolicyError::Create),
        };
        let mut spends = Vec::new();
        let mut coin = Spend { asset: Asset::Coin, amount: call.value };
        let pays_coin = !call.value.is_zero();
        let place = Place { policy: self, own, chain, target: to, pays_coin };
        if chain.router.is_some_and(|router| router.address() == to) && !call.data.is_empty() {
            place.router(&call.data, &mut spends)?;
        } else if chain.wrapped == Some(to) && known::<IWETH9Calls>(to, &call.data)?.is_some() {
            // What is wrapped stays in the account.
            self.token(to)?;
            coin.amount = U256::ZERO;
        } else if let Some(token_call) = known::<IERC20Calls>(to, &call.data)? {
            place.token(token_call, &mut spends)?;
        } else {
            place.recipient(to)?;
        }
        if !coin.amount.is_zero() {
            spends.push(coin);
        }
        self.limited(spends)
    }

    /// The limits of the day that `spends` fall under.
    pub fn daily(&self, spends: &[Spend]) -> Vec<DailyLimit> {
        let limit = |spend: &Spend| {
            let limit = self.limits.get(&spend.asset)?.daily;
            Some(DailyLimit { spend: *spend, limit })
        };
        spends.iter().filter_map(limit).collect()
    }

    fn limited(&self, spends: Vec<Spend>) -> Result<Vec<Spend>, PolicyError> {
        let mut sums: BTreeMap<Asset, U256> = BTreeMap::new();
        for Spend { asset, amount } in spends {
            let sum = sums.entry(asset).or_default();
            *sum = sum.saturating_add(amount);
        }
        sums.retain(|_, amount| !amount.is_zero());
        for (&asset, &amount) in &sums {
            match self.limits.get(&asset) {
                Some(SpendLimit { per_transaction: limit, .. }) if amount > *limit => {
                    return Err(PolicyError::PerTransaction { asset, amount, limit: *limit });
                }
                None if !self.unlimited => return Err(PolicyError::NoLimit(asset)),
                _ => {}
            }
        }
        Ok(sums.into_iter().map(|(asset, amount)| Spend { asset, amount }).collect())
    }

    fn token(&self, token: Address) -> Result<(), PolicyError> {
        if self.tokens.has(token) { Ok(()) } else { Err(PolicyError::Token(token)) }
    }
}

/// A call of a kind that is known. What begins like one and is another's work is refused: old
/// contracts take zeros for what is cut off.
fn known<C: SolInterface>(to: Address, data: &[u8]) -> Result<Option<C>, PolicyError> {
    if !data.first_chunk().is_some_and(|selector| C::valid_selector(*selector)) {
        return Ok(None);
    }
    match C::abi_decode(data) {
        Ok(call) if call.abi_encode() == data => Ok(Some(call)),
        _ => Err(PolicyError::Unclear(to)),
    }
}

/// Where a call goes.
struct Place<'a> {
    policy: &'a Policy,
    own: Address,
    chain: &'a Chain,
    target: Address,
    pays_coin: bool,
}

impl Place<'_> {
    fn recipient(&self, address: Address) -> Result<(), PolicyError> {
        if address.is_zero() {
            return Err(PolicyError::ZeroRecipient);
        }
        let is_router = self.chain.router.is_some_and(|router| router.address() == address);
        if address == self.own || is_router || self.policy.recipients.has(address) {
            return Ok(());
        }
        Err(PolicyError::Recipient(address))
    }

    fn token(&self, call: IERC20Calls, spends: &mut Vec<Spend>) -> Result<(), PolicyError> {
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
            IERC20Calls::approve(call) => self.approval(call.spender, call.amount)?,
            IERC20Calls::increaseAllowance(call) => self.approval(call.spender, call.amount)?,
            _ => {}
        }
        Ok(())
    }

    fn approval(&self, spender: Address, amount: U256) -> Result<(), PolicyError> {
        self.recipient(spender)?;
        let limit = self.policy.max_approval;
        if amount > limit { Err(PolicyError::Approval { amount, limit }) } else { Ok(()) }
    }

    fn router(&self, data: &[u8], spends: &mut Vec<Spend>) -> Result<(), PolicyError> {
        // In and out, recipient, and what is paid unless it is the coin.
        let (path, to, amount) = match V2::abi_decode(data) {
            Ok(V2::swapExactETHForTokens(it)) => (it.path, it.to, None),
            Ok(V2::swapETHForExactTokens(it)) => (it.path, it.to, None),
            Ok(V2::swapExactTokensForETH(it)) => (it.path, it.to, Some(it.amountIn)),
            Ok(V2::swapTokensForExactETH(it)) => (it.path, it.to, Some(it.amountInMax)),
            Ok(V2::swapExactTokensForTokens(it)) => (it.path, it.to, Some(it.amountIn)),
            Ok(V2::swapTokensForExactTokens(it)) => (it.path, it.to, Some(it.amountInMax)),
            _ => return self.router_v3(data, None, spends),
        };
        self.swap(&path, to, amount, spends)
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
            _ if self.policy.recipients.has(self.target) => Ok(()),
            _ => Err(PolicyError::Recipient(self.target)),
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

#[cfg(test)]
mod tests {
    use alloy_primitives::Bytes;

    use super::*;
    use crate::uniswap::{Swap, SwapAmount};
    use crate::{Router, token};

    const OWN: Address = Address::repeat_byte(1);
    const FRIEND: Address = Address::repeat_byte(2);
    const THIEF: Address = Address::repeat_byte(3);
    const TOKEN: Address = Address::repeat_byte(4);
    const OTHER: Address = Address::repeat_byte(5);
    const WRAPPED: Address = Address::repeat_byte(6);
    const ROUTER: Address = Address::repeat_byte(7);

    fn v2() -> Router {
        Router::V2 { router: ROUTER }
    }

    fn v3() -> Router {
        Router::V3 { router: ROUTER, quoter: OTHER, fee: 3000 }
    }

    fn chain(router: Router) -> Chain {
        Chain::new("test", 31337, "ETH").with_wrapped(WRAPPED).with_router(router)
    }

    fn policy() -> Policy {
        Policy {
            recipients: AllowList::only([FRIEND]),
            tokens: AllowList::only([TOKEN]),
            unlimited: true,
            ..Policy::default()
        }
    }

    fn pay(to: Address, value: u64) -> Call {
        Call { to: Some(to), value: U256::from(value), data: Bytes::new() }
    }

    fn check(call: &Call) -> Result<Vec<Spend>, PolicyError> {
        policy().check(call, OWN, &chain(v2()))
    }

    #[test]
    fn payments_go_to_listed_recipients_only() {
        let spend = Spend { asset: Asset::Coin, amount: U256::from(5) };
        assert_eq!(check(&pay(FRIEND, 5)), Ok(vec![spend]));
        assert_eq!(check(&pay(OWN, 5)), Ok(vec![spend]));
        assert_eq!(check(&pay(THIEF, 5)), Err(PolicyError::Recipient(THIEF)));
        assert_eq!(check(&pay(Address::ZERO, 5)), Err(PolicyError::ZeroRecipient));
        let create = Call { to: None, ..pay(OWN, 0) };
        assert_eq!(check(&create), Err(PolicyError::Create));
    }

    #[test]
    fn a_token_payment_hidden_in_data_is_seen() {
        let five = U256::from(5);
        let spend = Spend { asset: Asset::Token(TOKEN), amount: five };
        assert_eq!(check(&token::transfer(TOKEN, FRIEND, five)), Ok(vec![spend]));
        let error = Err(PolicyError::Recipient(THIEF));
        assert_eq!(check(&token::transfer(TOKEN, THIEF, five)), error);
        assert_eq!(check(&token::approve(TOKEN, THIEF, five)), error);
        let error = Err(PolicyError::Token(OTHER));
        assert_eq!(check(&token::transfer(OTHER, FRIEND, five)), error);
        let zero = check(&token::transfer(TOKEN, Address::ZERO, five));
        assert_eq!(zero, Err(PolicyError::ZeroRecipient));
    }

    #[test]
    fn other_ways_to_pay_and_approve_are_no_way_around() {
        use crate::token::IERC20::{increaseAllowanceCall, transferAndCallCall};
        use alloy_sol_types::SolCall;
        // A token that is listed as a contract too, as where there is one list for both.
        let policy = Policy { recipients: AllowList::only([FRIEND, TOKEN]), ..policy() };
        let check = |data: Vec<u8>| {
            let call = Call { to: Some(TOKEN), value: U256::ZERO, data: data.into() };
            policy.check(&call, OWN, &chain(v2()))
        };
        let amount = U256::from(5);
        let increase =
            |spender, amount| check(increaseAllowanceCall { spender, amount }.abi_encode());
        assert_eq!(increase(FRIEND, amount), Ok(vec![]));
        assert_eq!(increase(THIEF, amount), Err(PolicyError::Recipient(THIEF)));
        assert!(matches!(increase(FRIEND, U256::MAX), Err(PolicyError::Approval { .. })));
        let transfer = |to| {
            let data = Bytes::new();
            check(transferAndCallCall { to, amount, data }.abi_encode())
        };
        assert_eq!(transfer(FRIEND), Ok(vec![Spend { asset: Asset::Token(TOKEN), amount }]));
        assert_eq!(transfer(THIEF), Err(PolicyError::Recipient(THIEF)));
    }

    #[test]
    fn a_call_that_is_cut_short_is_refused() {
        // A token that is listed as a contract too, as where there is one list for both.
        let policy =
            Policy { recipients: AllowList::only([FRIEND, TOKEN, WRAPPED, ROUTER]), ..policy() };
        let thief = Address::new(core::array::from_fn(|at| u8::from(at < 19)));
        let amount = U256::from(0x500);
        let withdraw = crate::uniswap::unwrap(WRAPPED, amount);
        for whole in
            [token::transfer(TOKEN, thief, amount), token::approve(TOKEN, thief, amount), withdraw]
        {
            let to = whole.to.unwrap();
            for length in [4, whole.data.len() - 32, whole.data.len() - 1] {
                let call = Call { data: whole.data.slice(..length), ..whole.clone() };
                let result = policy.check(&call, OWN, &chain(v2()));
                assert_eq!(result, Err(PolicyError::Unclear(to)), "{length}");
            }
            let call = Call { data: [&whole.data[..], &[0]].concat().into(), ..whole.clone() };
            let result = policy.check(&call, OWN, &chain(v2()));
            assert_eq!(result, Err(PolicyError::Unclear(to)));
        }
        let swap = Swap {
            token_in: TOKEN,
            token_out: Address::ZERO,
            amount: SwapAmount::ExactIn { input: amount, min_output: amount },
            recipient: thief,
            deadline: 1,
        };
        for router in [v2(), v3()] {
            let whole = router.swap(&swap, Some(WRAPPED)).unwrap();
            let call = Call { data: whole.data.slice(..whole.data.len() - 40), ..whole };
            let result = policy.check(&call, OWN, &chain(router));
            assert_eq!(result, Err(PolicyError::Unclear(ROUTER)));
        }
    }

    #[test]
    fn approvals_are_never_unlimited() {
        let call = token::approve(TOKEN, ROUTER, U256::MAX);
        for policy in [policy(), Policy::open()] {
            let result = policy.check(&call, OWN, &chain(v2()));
            assert!(matches!(result, Err(PolicyError::Approval { .. })), "{result:?}");
        }
        assert_eq!(check(&token::approve(TOKEN, ROUTER, U256::from(5))), Ok(vec![]));
    }

    #[test]
    fn swaps_are_read_off_the_routers_data() {
        let amount = SwapAmount::ExactIn { input: U256::from(5), min_output: U256::from(1) };
        for router in [v2(), v3()] {
            let check = |token_in, token_out, recipient, amount| {
                let swap = Swap { token_in, token_out, amount, recipient, deadline: 9 };
                let call = router.swap(&swap, Some(WRAPPED)).unwrap();
                policy().check(&call, OWN, &chain(router))
            };
            let tokens = vec![Spend { asset: Asset::Token(TOKEN), amount: U256::from(5) }];
            let coins = vec![Spend { asset: Asset::Coin, amount: U256::from(5) }];
            assert_eq!(check(TOKEN, Address::ZERO, OWN, amount), Ok(tokens.clone()));
            assert_eq!(check(Address::ZERO, TOKEN, FRIEND, amount), Ok(coins.clone()));
            assert_eq!(check(TOKEN, WRAPPED, OWN, amount), Ok(tokens.clone()));
            let out = SwapAmount::ExactOut { output: U256::from(1), max_input: U256::from(5) };
            assert_eq!(check(TOKEN, Address::ZERO, OWN, out), Ok(tokens));
            assert_eq!(check(Address::ZERO, TOKEN, OWN, out), Ok(coins));
            let error = Err(PolicyError::Recipient(THIEF));
            assert_eq!(check(TOKEN, Address::ZERO, THIEF, amount), error);
            assert_eq!(check(Address::ZERO, TOKEN, THIEF, out), error);
            assert_eq!(check(TOKEN, OTHER, OWN, amount), Err(PolicyError::Token(OTHER)));
        }
    }

    #[test]
    fn what_the_router_keeps_for_anybody_is_refused() {
        let amount = SwapAmount::ExactIn { input: U256::from(5), min_output: U256::from(1) };
        let (token_in, token_out) = (TOKEN, WRAPPED);
        let swap = Swap { token_in, token_out, amount, recipient: Address::ZERO, deadline: 9 };
        for router in [v2(), v3()] {
            let call = router.swap(&swap, Some(WRAPPED)).unwrap();
            let result = policy().check(&call, OWN, &chain(router));
            assert_eq!(result, Err(PolicyError::ZeroRecipient));
        }
    }

    #[test]
    fn unknown_data_needs_a_listed_contract() {
        let data = Bytes::from_static(&[1, 2, 3, 4]);
        assert!(check(&Call { data: data.clone(), ..pay(FRIEND, 0) }).is_ok());
        for to in [THIEF, ROUTER] {
            let result = check(&Call { data: data.clone(), ..pay(to, 0) });
            assert_eq!(result, Err(PolicyError::Recipient(to)));
        }
    }

    #[test]
    fn wrapping_spends_nothing() {
        let mut policy = policy();
        let call = crate::uniswap::wrap(WRAPPED, U256::from(5));
        let result = policy.check(&call, OWN, &chain(v2()));
        assert_eq!(result, Err(PolicyError::Token(WRAPPED)));
        policy.tokens = AllowList::only([WRAPPED]);
        assert_eq!(policy.check(&call, OWN, &chain(v2())), Ok(vec![]));
    }

    #[test]
    fn limits_hold_for_each_asset() {
        let limit = SpendLimit { per_transaction: U256::from(5), daily: U256::from(8) };
        let limits = BTreeMap::from([(Asset::Coin, limit)]);
        let policy = Policy { limits, unlimited: false, ..policy() };
        let check = |call| policy.check(&call, OWN, &chain(v2()));
        assert!(matches!(check(pay(FRIEND, 6)), Err(PolicyError::PerTransaction { .. })));
        let spends = check(pay(FRIEND, 5)).unwrap();
        let daily = policy.daily(&spends);
        assert_eq!(daily.len(), 1);
        assert_eq!(daily[0].check(U256::from(3)), Ok(()));
        assert!(matches!(daily[0].check(U256::from(4)), Err(PolicyError::Daily { .. })));
        assert!(daily[0].check(U256::MAX).is_err());
        let call = token::transfer(TOKEN, FRIEND, U256::from(1));
        assert_eq!(check(call), Err(PolicyError::NoLimit(Asset::Token(TOKEN))));
    }
}
