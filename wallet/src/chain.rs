use alloy_primitives::{Address, address};

use crate::uniswap::Router;

/// A chain: its id, its coin, and the contracts that swaps use on it.
///
/// The table holds the chains of wallet.md §2 and Base; any other is made with [`Chain::new`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Chain {
    /// The name, such as `ethereum`.
    pub name: String,
    /// The id of EIP-155.
    pub id: u64,
    /// The symbol of the native coin.
    pub coin: String,
    /// The token that wraps the native coin, if it is known.
    pub wrapped: Option<Address>,
    /// The router that swaps go to unless a call names another, if there is one.
    pub router: Option<Router>,
}

/// Decimals of the native coin, the same on every EVM chain.
pub const COIN_DECIMALS: u8 = 18;

impl Chain {
    /// A chain that the table does not have, without wrapped coin and router.
    pub fn new(name: impl Into<String>, id: u64, coin: impl Into<String>) -> Self {
        Self { name: name.into(), id, coin: coin.into(), wrapped: None, router: None }
    }

    /// The same chain with the token that wraps its coin.
    #[must_use]
    pub fn with_wrapped(mut self, wrapped: Address) -> Self {
        self.wrapped = Some(wrapped);
        self
    }

    /// The same chain with a router.
    #[must_use]
    pub fn with_router(mut self, router: Router) -> Self {
        self.router = Some(router);
        self
    }

    /// The chain of this name in the table, in lower case.
    pub fn named(name: &str) -> Option<Self> {
        Self::known().into_iter().find(|chain| chain.name == name)
    }

    /// The chain of this id in the table.
    pub fn with_id(id: u64) -> Option<Self> {
        Self::known().into_iter().find(|chain| chain.id == id)
    }

    /// The table.
    pub fn known() -> Vec<Self> {
        // Uniswap V2 and its forks (wallet.md §2).
        let v2 = |address| Router::V2 { router: address };
        let weth_of_the_op_stack = address!("4200000000000000000000000000000000000006");
        vec![
            Self::new("ethereum", 1, "ETH")
                .with_wrapped(address!("C02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"))
                .with_router(v2(address!("7a250d5630B4cF539739dF2C5dAcb4c659F2488D"))),
            Self::new("optimism", 10, "ETH").with_wrapped(weth_of_the_op_stack),
            Self::new("bsc", 56, "BNB")
                .with_wrapped(address!("bb4CdB9CBd36B01bD1cBaEBF2De08d9173bc095c"))
                .with_router(v2(address!("10ED43C718714eb63d5aA57B78B54704E256024E"))),
            Self::new("polygon", 137, "POL")
                .with_wrapped(address!("0d500B1d8E8eF31E21C99d1Db9A6444d3ADf1270"))
                .with_router(v2(address!("a5E0829CaCEd8fFDD4De3c43696c57F7D7A678ff"))),
            // UNVERIFIED: the sheets have no row for Base; id and wrapped coin are those of the OP
            // stack, a router must be named.
            Self::new("base", 8453, "ETH").with_wrapped(weth_of_the_op_stack),
            Self::new("arbitrum", 42161, "ETH")
                .with_wrapped(address!("82aF49447D8a07e3bd95BD0d56f35241523fBab1"))
                .with_router(v2(address!("1b02dA8Cb0d097eB8D57A175b88c7D8b47997506"))),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ids_are_unique() {
        for chain in Chain::known() {
            assert_eq!(Chain::named(&chain.name), Some(chain.clone()));
            assert_eq!(Chain::with_id(chain.id), Some(chain));
        }
        assert_eq!(Chain::named("goerli"), None);
    }
}
