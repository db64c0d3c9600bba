//! What may leave an account, in dollars: the store that looks at it before anything is signed.

use core::fmt;
use core::str::FromStr;

use hoox_connector::{ReqwestTransport, SystemClock};
use hoox_ledger::transactions::{SqliteTransactions, Worth};
use hoox_wallet::{
    AllocateError, Allocated, Attempt, Gate, Gated, NewTransaction, PolicyError, Prices, SignError,
    U256, Wallet, usd_millionths,
};
use serde::{Deserialize, Deserializer};

/// A limit as it is written: whole dollars, or `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UsdLimit {
    None,
    Dollars(u64),
}

impl UsdLimit {
    pub(crate) fn millionths(self) -> Option<U256> {
        match self {
            Self::None => None,
            Self::Dollars(dollars) => usd_millionths(dollars.into()),
        }
    }
}

impl FromStr for UsdLimit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self::None),
            text => {
                text.parse().map(Self::Dollars).map_err(|_| "not whole dollars, and not `none`")
            }
        }
    }
}

impl<'de> Deserialize<'de> for UsdLimit {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Dollars(u64),
            Text(String),
        }
        match Written::deserialize(from)? {
            Written::Dollars(dollars) => Ok(Self::Dollars(dollars)),
            Written::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

/// What may leave an account on a chain, in millionths of a dollar; none for no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ValueLimits {
    pub(crate) per_transaction: Option<U256>,
    /// In 24 hours.
    pub(crate) daily: Option<U256>,
}

impl ValueLimits {
    /// The default for one transaction, in dollars (wallet.md §6).
    pub(crate) const PER_TRANSACTION: u64 = 10_000;

    /// The default for a day, in dollars.
    pub(crate) const DAILY: u64 = 100_000;

    fn is_none(&self) -> bool {
        self.per_transaction.is_none() && self.daily.is_none()
    }
}

/// The transactions of an account, in SQLite, under limits.
pub(crate) type Limited = Gated<SqliteTransactions, Scales>;

/// What knows what an amount is worth, and what may leave.
pub(crate) struct Scales {
    pub(super) prices: Prices<ReqwestTransport, SystemClock>,
    /// The same account and nodes, to look at pools.
    pub(super) reader: Wallet<ReqwestTransport, SystemClock, ()>,
    pub(super) values: ValueLimits,
}

impl Scales {
    /// What a new transaction is worth, if there is a limit to compare it with.
    async fn worth(&self, new: &NewTransaction) -> Result<Option<Worth>, PolicyError> {
        if self.values.is_none() || new.spends.is_empty() {
            return Ok(None);
        }
        let worth = self.prices.worth(&self.reader, &new.spends).await?;
        match self.values.per_transaction {
            Some(limit) if worth > limit => Err(PolicyError::Worth { worth, limit }),
            _ => Ok(Some(Worth { worth, daily: self.values.daily })),
        }
    }
}

impl Gate<SqliteTransactions> for Scales {
    async fn admit<F>(
        &self,
        store: &SqliteTransactions,
        new: NewTransaction,
        sign: F,
    ) -> Result<Allocated, AllocateError>
    where
        F: FnOnce(u64) -> Result<Attempt, SignError>,
    {
        let worth = self.worth(&new).await?;
        store.allocate_worth(new, worth, sign).await
    }
}

impl fmt::Debug for Scales {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scales").field("values", &self.values).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_whole_dollars_or_none() {
        assert_eq!("500".parse(), Ok(UsdLimit::Dollars(500)));
        assert_eq!("none".parse(), Ok(UsdLimit::None));
        for text in ["", "-1", "0.5", "1e3", "all"] {
            assert!(text.parse::<UsdLimit>().is_err(), "{text}");
        }
        assert_eq!(UsdLimit::Dollars(2).millionths(), Some(U256::from(2_000_000)));
        assert_eq!(UsdLimit::Dollars(0).millionths(), Some(U256::ZERO));
    }
}
