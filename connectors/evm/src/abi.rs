//! The contracts of a pair, as far as they are read: tokens, routers, factories and pools.

use alloy_primitives::aliases::U24;
use alloy_primitives::{Address, Bytes};
use alloy_sol_types::{SolCall, sol};

sol! {
    /// ERC-20, and what the wrapped coin adds to it.
    #[derive(Debug)]
    interface IToken {
        event Transfer(address indexed from, address indexed to, uint256 value);
        event Deposit(address indexed dst, uint256 wad);
        event Withdrawal(address indexed src, uint256 wad);
    }

    /// What the routers of Uniswap V2 and V3 have in common.
    interface IRouter {
        function factory() external view returns (address);
    }

    /// The factory of Uniswap V2.
    interface IFactoryV2 {
        function getPair(address tokenA, address tokenB) external view returns (address);
    }

    /// The factory of Uniswap V3.
    interface IFactoryV3 {
        function getPool(address tokenA, address tokenB, uint24 fee) external view returns (address);
    }

    /// A pool of Uniswap V3.
    interface IPoolV3 {
        function liquidity() external view returns (uint128);
    }
}

/// Asks a router for its factory.
pub(crate) fn factory() -> Bytes {
    IRouter::factoryCall {}.abi_encode().into()
}

/// Asks a factory for the pool of two tokens: of Uniswap V3 if a fee is told, else of V2.
pub(crate) fn pool(a: Address, b: Address, fee: Option<u32>) -> Bytes {
    match fee {
        Some(fee) => {
            let fee = U24::from(fee & 0xff_ffff);
            IFactoryV3::getPoolCall { tokenA: a, tokenB: b, fee }.abi_encode().into()
        }
        None => IFactoryV2::getPairCall { tokenA: a, tokenB: b }.abi_encode().into(),
    }
}

/// Asks a pool of Uniswap V3 what liquidity there is at its price.
pub(crate) fn liquidity() -> Bytes {
    IPoolV3::liquidityCall {}.abi_encode().into()
}

/// Reads an answer that is one address.
pub(crate) fn read_address(data: &[u8]) -> Option<Address> {
    IRouter::factoryCall::abi_decode_returns(data).ok()
}

/// Reads an answer that is one number, of which only zero matters.
pub(crate) fn read_is_zero(data: &[u8]) -> Option<bool> {
    (data.len() == 32).then(|| data.iter().all(|byte| *byte == 0))
}
