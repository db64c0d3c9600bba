mod place;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, U256};
use thiserror::Error;

use crate::token::{IERC20::IERC20Calls, IWETH9::IWETH9Calls};
use crate::{Asset, Call, Chain, Spend, USD_DECIMALS, format_units};
use place::{Place, known};

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

/// What the wallet may be used for. A new one allows nothing; [`Policy::open`] allows what it can read.
///
/// It reads what a call does off the call itself, whoever made it: a payment is a payment whether it
/// was asked for as one or as data. The wallet's own address needs no listing; nor does the chain's
/// router, to be called or approved: what it is paid beside that anybody can take out.
///
/// An approval counts as spent, as whoever has it can take so much at any time; but not that of the
/// chain's router, which takes only in swaps of the wallet's own, and those are counted.
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
    /// Whether what cannot be read may be called, anywhere; what it pays beside coins is not counted.
    /// Otherwise it goes to listed recipients that are no tokens.
    pub unread: bool,
    /// How far a swap's bound may be from the quote, in hundredths of a percent, whoever named it: a
    /// bound of nothing is an invitation to whoever reads the pool. Default 500.
    pub max_slippage_bps: u32,
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
            unread: false,
            max_slippage_bps: 500,
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
    /// What the call would do cannot be told: it is none that is known.
    #[error("what the call of {0} does cannot be told")]
    Unread(Address),
    /// Contracts may not be created.
    #[error("contracts are not created under this policy")]
    Create,
    /// Nothing is signed under this policy.
    #[error("under this policy nothing is signed")]
    DryRun,
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
    /// A swap would take any price: at least nothing, or at most whatever there is.
    #[error("a swap on {0} without a bound takes any price")]
    AnyPrice(Address),
    /// A swap's slippage is too large.
    #[error("a slippage of {bps} hundredths of a percent is above the limit of {limit}")]
    Slippage {
        /// What was asked for, in hundredths of a percent.
        bps: u32,
        /// The limit.
        limit: u32,
    },
    /// A swap's own bound is too far from the quote.
    #[error("the bound of {bound} is worse than {limit}, the worst that is allowed at the quote")]
    Bound {
        /// What was asked for: taken at least, or paid at most, in smallest units.
        bound: U256,
        /// The worst that is allowed.
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
    /// Everything is allowed, but approvals without limit, swaps at any price, and what cannot be read.
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
            place.router(call, &mut spends)?;
        } else if chain.wrapped == Some(to) && known::<IWETH9Calls>(to, &call.data)?.is_some() {
            // What is wrapped stays in the account.
            self.token(to)?;
            coin.amount = U256::ZERO;
        } else if let Some(token_call) = known::<IERC20Calls>(to, &call.data)? {
            place.token(token_call, &mut spends)?;
        } else if call.data.is_empty() {
            place.recipient(to)?;
        } else {
            place.unread(&call.data)?;
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

    /// The largest slippage, at most all of it.
    pub(crate) fn most_slippage(&self) -> u32 {
        self.max_slippage_bps.min(10_000)
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
