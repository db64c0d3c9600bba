use alloy_primitives::U256;
use thiserror::Error;

use crate::{FeeHistory, Fees};

/// How many blocks of fees are asked for.
pub(crate) const BLOCKS: u8 = 10;

/// A replacement must pay this much more, in thousandths: nodes ask for 10 %, wallet.md §10 for 12.5.
const BUMP: u128 = 1125;

/// What transactions may pay. Checked before anything is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FeeLimits {
    /// The gas trap (`web3:max_gas_price_gwei`): above this price, in wei per gas, nothing is signed.
    /// None switches it off. Default 100 gwei.
    pub max_gas_price: Option<u128>,
    /// The most that one transaction's gas may cost, in wei. Default none.
    pub max_total_fee: Option<U256>,
    /// The most gas of one transaction. Default 3 million.
    pub max_gas: u64,
    /// What an estimate is multiplied by, in percent. Default 120.
    pub gas_multiplier_percent: u32,
}

impl Default for FeeLimits {
    fn default() -> Self {
        Self {
            max_gas_price: Some(100_000_000_000),
            max_total_fee: None,
            max_gas: 3_000_000,
            gas_multiplier_percent: 120,
        }
    }
}

/// Why nothing was signed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FeeError {
    /// The gas trap is shut: the network asks for more than is allowed.
    #[error("gas costs {price} wei, above the limit of {limit}")]
    GasPrice {
        /// The network's price, or what a replacement would have to pay, in wei per gas.
        price: u128,
        /// The limit, in wei per gas.
        limit: u128,
    },
    /// The network's price cannot be read, so that nothing can be compared with the limit.
    #[error("the gas price cannot be read")]
    Unreadable,
    /// The gas of the transaction could cost too much in all.
    #[error("the gas could cost {fee} wei in all, above the limit of {limit}")]
    TotalFee {
        /// The gas limit times the highest price, in wei.
        fee: U256,
        /// The limit, in wei.
        limit: U256,
    },
    /// The transaction was given less gas than it needs, and would only pay for what it does not do.
    #[error("{gas} gas is less than the {needed} that it needs")]
    TooLittleGas {
        /// What it was given.
        gas: u64,
        /// What it needs, as the node estimates.
        needed: u64,
    },
    /// The transaction needs, or was given, too much gas.
    #[error("{gas} gas is above the limit of {limit}")]
    GasLimit {
        /// What it needs or was given.
        gas: u64,
        /// The limit.
        limit: u64,
    },
}

/// What the network charges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum GasMarket {
    /// With a base fee (EIP-1559), in wei per gas.
    BaseFee {
        /// Of the next block.
        base_fee: u128,
        /// The median of the tips of late.
        tip: u128,
    },
    /// With one price, in wei per gas.
    Price(u128),
}

impl GasMarket {
    /// Reads the market off the fees of the last blocks. None if the chain has no base fee: then its
    /// gas price must be asked for.
    ///
    /// # Errors
    /// [`FeeError::Unreadable`] if a fee does not fit 128 bits.
    pub fn from_history(history: &FeeHistory) -> Result<Option<Self>, FeeError> {
        let Some(base_fee) = history.base_fee_per_gas.last() else { return Ok(None) };
        // A chain with a base fee of nothing takes a gas price as well.
        if history.base_fee_per_gas.iter().all(U256::is_zero) {
            return Ok(None);
        }
        let rewards = history.reward.iter().flatten();
        // An empty block reports a tip of 0, which says nothing.
        let mut tips: Vec<U256> = rewards
            .filter_map(|percentiles| percentiles.first().copied())
            .filter(|tip| !tip.is_zero())
            .collect();
        tips.sort_unstable();
        let tip = tips.get(tips.len() / 2).copied().unwrap_or(U256::ONE);
        let read = |value: U256| u128::try_from(value).map_err(|_| FeeError::Unreadable);
        Ok(Some(Self::BaseFee { base_fee: read(*base_fee)?, tip: read(tip)? }))
    }

    /// What a unit of gas costs at present, in wei.
    pub fn price(&self) -> u128 {
        match *self {
            Self::BaseFee { base_fee, tip } => base_fee.saturating_add(tip),
            Self::Price(price) => price,
        }
    }
}

impl FeeLimits {
    /// The fees of a new transaction: twice the base fee and the tip, so that it is still taken after
    /// six full blocks, but never above the trap.
    ///
    /// # Errors
    /// [`FeeError::GasPrice`].
    pub fn fees(&self, market: &GasMarket) -> Result<Fees, FeeError> {
        let limit = self.max_gas_price.unwrap_or(u128::MAX);
        let price = market.price();
        if price > limit {
            return Err(FeeError::GasPrice { price, limit });
        }
        Ok(match *market {
            GasMarket::Price(gas_price) => Fees::Legacy { gas_price },
            GasMarket::BaseFee { base_fee, tip } => Fees::Eip1559 {
                max_fee: base_fee.saturating_mul(2).saturating_add(tip).min(limit),
                priority_fee: tip,
            },
        })
    }

    /// The fees of a transaction that takes the place of one that pays `previous`: what a new one
    /// would pay, and at least an eighth more.
    ///
    /// # Errors
    /// [`FeeError::GasPrice`] if that is above the trap.
    pub fn bumped(&self, previous: Fees, market: &GasMarket) -> Result<Fees, FeeError> {
        let limit = self.max_gas_price.unwrap_or(u128::MAX);
        let more = |fee: u128| fee.saturating_mul(BUMP).div_ceil(1000).max(fee.saturating_add(1));
        let fees = match (previous, self.fees(market)?) {
            (Fees::Legacy { gas_price }, fees) => {
                Fees::Legacy { gas_price: more(gas_price).max(fees.max_price()) }
            }
            (Fees::Eip1559 { max_fee, priority_fee }, fees) => {
                let tip = match fees {
                    Fees::Eip1559 { priority_fee, .. } => priority_fee,
                    Fees::Legacy { .. } => 0,
                };
                Fees::Eip1559 {
                    max_fee: more(max_fee).max(fees.max_price()),
                    priority_fee: more(priority_fee).max(tip),
                }
            }
        };
        let price = fees.max_price();
        if price > limit { Err(FeeError::GasPrice { price, limit }) } else { Ok(fees) }
    }

    /// The gas limit of a transaction: what was asked for, or the estimate and a margin.
    ///
    /// # Errors
    /// [`FeeError::GasLimit`] if that, or the estimate alone, is above the limit;
    /// [`FeeError::TooLittleGas`] if less was asked for than the estimate.
    pub fn gas_limit(&self, estimate: u64, wanted: Option<u64>) -> Result<u64, FeeError> {
        let limit = self.max_gas;
        if let Some(gas) = wanted.into_iter().chain([estimate]).find(|gas| *gas > limit) {
            return Err(FeeError::GasLimit { gas, limit });
        }
        if let Some(gas) = wanted.filter(|gas| *gas < estimate) {
            return Err(FeeError::TooLittleGas { gas, needed: estimate });
        }
        let margin = u128::from(estimate) * u128::from(self.gas_multiplier_percent.max(100)) / 100;
        // Near the limit a smaller margin must do.
        Ok(wanted.unwrap_or(u64::try_from(margin).unwrap_or(u64::MAX).min(limit)))
    }

    /// Whether `gas` at `fees` may be paid.
    ///
    /// # Errors
    /// [`FeeError::GasPrice`], [`FeeError::TotalFee`], [`FeeError::GasLimit`].
    pub fn check(&self, gas: u64, fees: Fees) -> Result<(), FeeError> {
        if gas > self.max_gas {
            return Err(FeeError::GasLimit { gas, limit: self.max_gas });
        }
        let price = fees.max_price();
        if let Some(limit) = self.max_gas_price.filter(|limit| price > *limit) {
            return Err(FeeError::GasPrice { price, limit });
        }
        // 64 and 128 bits: the product fits 256.
        let fee = U256::from(gas) * U256::from(price);
        match self.max_total_fee {
            Some(limit) if fee > limit => Err(FeeError::TotalFee { fee, limit }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GWEI: u128 = 1_000_000_000;

    fn market(base_fee: u128, tip: u128) -> GasMarket {
        GasMarket::BaseFee { base_fee, tip }
    }

    #[test]
    fn a_new_transaction_pays_twice_the_base_fee_but_never_more_than_the_trap() {
        let limits = FeeLimits::default();
        assert_eq!(
            limits.fees(&market(10 * GWEI, GWEI)),
            Ok(Fees::Eip1559 { max_fee: 21 * GWEI, priority_fee: GWEI })
        );
        assert_eq!(
            limits.fees(&market(99 * GWEI, GWEI)),
            Ok(Fees::Eip1559 { max_fee: 100 * GWEI, priority_fee: GWEI })
        );
        assert_eq!(limits.fees(&GasMarket::Price(7)), Ok(Fees::Legacy { gas_price: 7 }));
    }

    #[test]
    fn above_the_trap_there_are_no_fees() {
        let limits = FeeLimits::default();
        let (price, limit) = (100 * GWEI + 1, 100 * GWEI);
        let error = Err(FeeError::GasPrice { price, limit });
        assert_eq!(limits.fees(&market(100 * GWEI, 1)), error);
        assert_eq!(limits.fees(&GasMarket::Price(price)), error);
        let huge = limits.fees(&market(u128::MAX, u128::MAX));
        assert_eq!(huge, Err(FeeError::GasPrice { price: u128::MAX, limit }));
    }

    #[test]
    fn a_replacement_pays_an_eighth_more_in_both_fees() {
        let limits = FeeLimits::default();
        let previous = Fees::Eip1559 { max_fee: 16 * GWEI, priority_fee: 3 };
        assert_eq!(
            limits.bumped(previous, &market(GWEI, 1)),
            Ok(Fees::Eip1559 { max_fee: 18 * GWEI, priority_fee: 4 })
        );
        // The market has moved further than that.
        assert_eq!(
            limits.bumped(previous, &market(20 * GWEI, GWEI)),
            Ok(Fees::Eip1559 { max_fee: 41 * GWEI, priority_fee: GWEI })
        );
        let zero = Fees::Legacy { gas_price: 0 };
        assert_eq!(limits.bumped(zero, &GasMarket::Price(0)), Ok(Fees::Legacy { gas_price: 1 }));
    }

    #[test]
    fn a_replacement_never_passes_the_trap() {
        let limits = FeeLimits::default();
        let previous = Fees::Eip1559 { max_fee: 90 * GWEI, priority_fee: 1 };
        let price = 90 * GWEI * 1125 / 1000;
        assert_eq!(
            limits.bumped(previous, &market(GWEI, 1)),
            Err(FeeError::GasPrice { price, limit: 100 * GWEI })
        );
    }

    #[test]
    fn gas_has_a_margin_and_a_limit() {
        let limits = FeeLimits { max_gas: 100_000, ..FeeLimits::default() };
        assert_eq!(limits.gas_limit(50_000, None), Ok(60_000));
        assert_eq!(limits.gas_limit(90_000, None), Ok(100_000));
        assert_eq!(limits.gas_limit(50_000, Some(55_000)), Ok(55_000));
        let error = |gas| Err(FeeError::GasLimit { gas, limit: 100_000 });
        assert_eq!(limits.gas_limit(100_001, None), error(100_001));
        assert_eq!(limits.gas_limit(50_000, Some(100_001)), error(100_001));
    }

    #[test]
    fn the_fee_in_all_has_a_limit() {
        let limits = FeeLimits { max_total_fee: Some(U256::from(21_000)), ..FeeLimits::default() };
        assert_eq!(limits.check(21_000, Fees::Legacy { gas_price: 1 }), Ok(()));
        let (fee, limit) = (U256::from(42_000), U256::from(21_000));
        let result = limits.check(21_000, Fees::Legacy { gas_price: 2 });
        assert_eq!(result, Err(FeeError::TotalFee { fee, limit }));
        let none = FeeLimits { max_gas_price: None, max_total_fee: None, ..limits };
        assert_eq!(none.check(1, Fees::Legacy { gas_price: u128::MAX }), Ok(()));
    }

    #[test]
    fn the_market_is_read_off_the_last_blocks() {
        let history = |base: &[u64], tips: Option<&[u64]>| FeeHistory {
            base_fee_per_gas: base.iter().copied().map(U256::from).collect(),
            reward: tips.map(|tips| tips.iter().map(|tip| vec![U256::from(*tip)]).collect()),
        };
        let read = |base: &[u64], tips: Option<&[u64]>| {
            GasMarket::from_history(&history(base, tips)).unwrap()
        };
        assert_eq!(read(&[7, 8, 9], Some(&[5, 0, 1])), Some(market(9, 5)));
        assert_eq!(read(&[7, 9], Some(&[0])), Some(market(9, 1)));
        assert_eq!(read(&[0, 0], None), None);
        assert_eq!(read(&[0, 0], Some(&[1])), None);
        assert_eq!(read(&[], None), None);
        let huge = FeeHistory { base_fee_per_gas: vec![U256::MAX], reward: None };
        assert_eq!(GasMarket::from_history(&huge), Err(FeeError::Unreadable));
    }
}
