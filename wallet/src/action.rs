use alloy_primitives::{Address, Bytes, U256};
use serde::{Deserialize, Serialize};

use crate::Router;

/// What a transaction does, without its nonce and its price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The recipient or contract; none creates a contract.
    pub to: Option<Address>,
    /// The coins sent, in wei.
    pub value: U256,
    /// The call's data.
    pub data: Bytes,
}

impl Call {
    /// The call that sends tokens.
    pub fn transfer(token: Address, to: Address, amount: U256) -> Self {
        crate::token::transfer(token, to, amount)
    }

    /// The call that lets a contract take tokens.
    pub fn approve(token: Address, spender: Address, amount: U256) -> Self {
        crate::token::approve(token, spender, amount)
    }

    /// The call that turns coins into their token.
    pub fn wrap(wrapped: Address, amount: U256) -> Self {
        crate::uniswap::wrap(wrapped, amount)
    }

    /// The call that turns the token back into coins.
    pub fn unwrap(wrapped: Address, amount: U256) -> Self {
        crate::uniswap::unwrap(wrapped, amount)
    }
}

/// Something of value: the native coin or a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asset {
    /// The native coin.
    Coin,
    /// An ERC-20 token.
    Token(Address),
}

/// An amount of an asset that leaves the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spend {
    /// The asset.
    pub asset: Asset,
    /// The most that leaves, in smallest units.
    pub amount: U256,
}

/// What a caller asks of the wallet. Amounts are in smallest units; in a swap the zero address stands
/// for the native coin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action")]
#[non_exhaustive]
pub enum Action {
    /// Send coins, a call, or both.
    Send {
        /// The recipient or contract.
        to: Address,
        /// Coins, in wei.
        value: U256,
        /// The call's data; empty for a plain payment.
        #[serde(default)]
        data: Bytes,
    },
    /// Send tokens.
    Transfer {
        /// The token.
        token: Address,
        /// The recipient.
        to: Address,
        /// How many.
        amount: U256,
    },
    /// Let a contract take exactly this many tokens. Where the token asks for it, what was allowed
    /// before is taken back first, in a transaction of its own.
    Approve {
        /// The token.
        token: Address,
        /// The contract.
        spender: Address,
        /// How many; zero takes the permission back.
        amount: U256,
    },
    /// Swap, after approving the router for exactly what is needed.
    Swap(SwapRequest),
    /// Turn coins into their token.
    Wrap {
        /// How many, in wei.
        amount: U256,
    },
    /// Turn the token back into coins.
    Unwrap {
        /// How many, in wei.
        amount: U256,
    },
}

/// A swap, as a caller asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwapRequest {
    /// What is paid with.
    pub token_in: Address,
    /// What is taken.
    pub token_out: Address,
    /// How much of which.
    pub size: SwapSize,
    /// How far the price may be from the quote, in hundredths of a percent. Without effect where a
    /// bound is given.
    pub slippage_bps: u32,
    /// Who takes it; the wallet's own address if none.
    #[serde(default)]
    pub recipient: Option<Address>,
    /// Until when it may be executed, in seconds since 1970; twenty minutes from now if none.
    #[serde(default)]
    pub deadline: Option<u64>,
    /// The router; the chain's if none.
    #[serde(default)]
    pub router: Option<Router>,
}

/// What a swap holds fixed, with a bound for the other side; without one, the quote and the slippage
/// make it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SwapSize {
    /// Pay exactly this.
    ExactIn {
        /// Paid.
        input: U256,
        /// Taken at least.
        #[serde(default)]
        min_output: Option<U256>,
    },
    /// Take exactly this.
    ExactOut {
        /// Taken.
        output: U256,
        /// Paid at most.
        #[serde(default)]
        max_input: Option<U256>,
    },
}
