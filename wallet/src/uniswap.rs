//! Calls of Uniswap's routers: V2 and its forks (v2-periphery, `UniswapV2Router02`), V3
//! (v3-periphery, `SwapRouter` and `Quoter`).

mod read;

use alloy_primitives::aliases::{U24, U160};
use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::{SolCall, sol};

use crate::Call;
use crate::token::IWETH9;

pub(crate) use read::{ReadSwap, read_swaps};

sol! {
    /// The router of Uniswap V2.
    #[derive(Debug)]
    interface IUniswapV2Router02 {
        function getAmountsOut(uint256 amountIn, address[] path) external view returns (uint256[] amounts);
        function getAmountsIn(uint256 amountOut, address[] path) external view returns (uint256[] amounts);
        function swapExactETHForTokens(uint256 amountOutMin, address[] path, address to, uint256 deadline) external payable returns (uint256[] amounts);
        function swapETHForExactTokens(uint256 amountOut, address[] path, address to, uint256 deadline) external payable returns (uint256[] amounts);
        function swapExactTokensForETH(uint256 amountIn, uint256 amountOutMin, address[] path, address to, uint256 deadline) external returns (uint256[] amounts);
        function swapTokensForExactETH(uint256 amountOut, uint256 amountInMax, address[] path, address to, uint256 deadline) external returns (uint256[] amounts);
        function swapExactTokensForTokens(uint256 amountIn, uint256 amountOutMin, address[] path, address to, uint256 deadline) external returns (uint256[] amounts);
        function swapExactETHForTokensSupportingFeeOnTransferTokens(uint256 amountOutMin, address[] path, address to, uint256 deadline) external payable;
        function swapExactTokensForETHSupportingFeeOnTransferTokens(uint256 amountIn, uint256 amountOutMin, address[] path, address to, uint256 deadline) external;
        function swapExactTokensForTokensSupportingFeeOnTransferTokens(uint256 amountIn, uint256 amountOutMin, address[] path, address to, uint256 deadline) external;
        function swapTokensForExactTokens(uint256 amountOut, uint256 amountInMax, address[] path, address to, uint256 deadline) external returns (uint256[] amounts);
    }

    /// The router of Uniswap V3.
    #[derive(Debug)]
    interface ISwapRouter {
        struct ExactInputSingleParams {
            address tokenIn;
            address tokenOut;
            uint24 fee;
            address recipient;
            uint256 deadline;
            uint256 amountIn;
            uint256 amountOutMinimum;
            uint160 sqrtPriceLimitX96;
        }
        struct ExactOutputSingleParams {
            address tokenIn;
            address tokenOut;
            uint24 fee;
            address recipient;
            uint256 deadline;
            uint256 amountOut;
            uint256 amountInMaximum;
            uint160 sqrtPriceLimitX96;
        }
        function exactInputSingle(ExactInputSingleParams params) external payable returns (uint256 amountOut);
        function exactOutputSingle(ExactOutputSingleParams params) external payable returns (uint256 amountIn);
        function multicall(bytes[] data) external payable returns (bytes[] results);
        function unwrapWETH9(uint256 amountMinimum, address recipient) external payable;
        function refundETH() external payable;
    }

    /// The quoter of Uniswap V3.
    #[derive(Debug)]
    interface IQuoter {
        function quoteExactInputSingle(address tokenIn, address tokenOut, uint24 fee, uint256 amountIn, uint160 sqrtPriceLimitX96) external returns (uint256 amountOut);
        function quoteExactOutputSingle(address tokenIn, address tokenOut, uint24 fee, uint256 amountOut, uint160 sqrtPriceLimitX96) external returns (uint256 amountIn);
    }
}

/// Where swaps go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Router {
    /// A router of Uniswap V2 or of a fork of it.
    V2 {
        /// The router.
        router: Address,
    },
    /// A router of Uniswap V3, and one of its pools.
    V3 {
        /// The router (`SwapRouter`).
        router: Address,
        /// The quoter (`Quoter`).
        quoter: Address,
        /// The pool's fee in hundredths of a basis point: 500, 3000 or 10000. Only 24 bits are used.
        fee: u32,
    },
}

/// What a swap holds fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SwapAmount {
    /// Pay exactly `input` and take at least `min_output`.
    ExactIn {
        /// Paid, in smallest units.
        input: U256,
        /// Taken at least, in smallest units.
        min_output: U256,
    },
    /// Take exactly `output` and pay at most `max_input`.
    ExactOut {
        /// Taken, in smallest units.
        output: U256,
        /// Paid at most, in smallest units.
        max_input: U256,
    },
}

impl SwapAmount {
    /// The most that is paid.
    pub const fn max_input(&self) -> U256 {
        match *self {
            Self::ExactIn { input, .. } => input,
            Self::ExactOut { max_input, .. } => max_input,
        }
    }
}

/// One swap. The zero address stands for the native coin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swap {
    /// What is paid with.
    pub token_in: Address,
    /// What is taken.
    pub token_out: Address,
    /// How much.
    pub amount: SwapAmount,
    /// Who takes it.
    pub recipient: Address,
    /// Until when it may be executed, in seconds since 1970.
    pub deadline: u64,
}

impl Router {
    /// The contract that calls go to, and that tokens are approved for.
    pub const fn address(&self) -> Address {
        match *self {
            Self::V2 { router } | Self::V3 { router, .. } => router,
        }
    }

    /// The call that swaps. `wrapped` is the token of the native coin, needed if that is swapped.
    /// None if it is needed and missing, or both sides are the same.
    pub fn swap(&self, swap: &Swap, wrapped: Option<Address>) -> Option<Call> {
        let (token_in, token_out) = tokens(swap.token_in, swap.token_out, wrapped)?;
        let value = if swap.token_in.is_zero() { swap.amount.max_input() } else { U256::ZERO };
        let data = match *self {
            Self::V2 { .. } => swap_v2(swap, vec![token_in, token_out]),
            Self::V3 { fee, .. } => swap_v3(swap, token_in, token_out, U24::from(fee & 0xff_ffff)),
        };
        Some(Call { to: Some(self.address()), value, data: data.into() })
    }

    /// The question what `input` would fetch: a contract and the data of a call to it.
    pub(crate) fn quote_in(
        &self,
        token_in: Address,
        token_out: Address,
        input: U256,
    ) -> (Address, Bytes) {
        match *self {
            Self::V2 { router } => {
                let path = vec![token_in, token_out];
                let call = IUniswapV2Router02::getAmountsOutCall { amountIn: input, path };
                (router, call.abi_encode().into())
            }
            Self::V3 { quoter, fee, .. } => {
                let call = IQuoter::quoteExactInputSingleCall {
                    tokenIn: token_in,
                    tokenOut: token_out,
                    fee: U24::from(fee & 0xff_ffff),
                    amountIn: input,
                    sqrtPriceLimitX96: U160::ZERO,
                };
                (quoter, call.abi_encode().into())
            }
        }
    }

    /// The question what `output` would cost.
    pub(crate) fn quote_out(
        &self,
        token_in: Address,
        token_out: Address,
        output: U256,
    ) -> (Address, Bytes) {
        match *self {
            Self::V2 { router } => {
                let path = vec![token_in, token_out];
                let call = IUniswapV2Router02::getAmountsInCall { amountOut: output, path };
                (router, call.abi_encode().into())
            }
            Self::V3 { quoter, fee, .. } => {
                let call = IQuoter::quoteExactOutputSingleCall {
                    tokenIn: token_in,
                    tokenOut: token_out,
                    fee: U24::from(fee & 0xff_ffff),
                    amountOut: output,
                    sqrtPriceLimitX96: U160::ZERO,
                };
                (quoter, call.abi_encode().into())
            }
        }
    }

    /// Reads the answer to [`quote_in`](Self::quote_in): what is taken.
    pub(crate) fn read_quote_in(&self, data: &[u8]) -> Option<U256> {
        match self {
            Self::V2 { .. } => {
                let amounts =
                    IUniswapV2Router02::getAmountsOutCall::abi_decode_returns(data).ok()?;
                amounts.last().copied()
            }
            Self::V3 { .. } => IQuoter::quoteExactInputSingleCall::abi_decode_returns(data).ok(),
        }
    }

    /// Reads the answer to [`quote_out`](Self::quote_out): what is paid.
    pub(crate) fn read_quote_out(&self, data: &[u8]) -> Option<U256> {
        match self {
            Self::V2 { .. } => {
                let amounts =
                    IUniswapV2Router02::getAmountsInCall::abi_decode_returns(data).ok()?;
                amounts.first().copied()
            }
            Self::V3 { .. } => IQuoter::quoteExactOutputSingleCall::abi_decode_returns(data).ok(),
        }
    }
}

/// The tokens of a pair, with the native coin replaced by its wrapped one.
pub(crate) fn tokens(
    token_in: Address,
    token_out: Address,
    wrapped: Option<Address>,
) -> Option<(Address, Address)> {
    let token = |token: Address| if token.is_zero() { wrapped } else { Some(token) };
    let (token_in, token_out) = (token(token_in)?, token(token_out)?);
    (token_in != token_out).then_some((token_in, token_out))
}

/// What is paid exactly goes through the functions for tokens that take a fee of their own on transfers:
/// for others they do the same, and only they compare the bound with what really arrives.
// The names are those of the contract.
#[allow(non_snake_case)]
fn swap_v2(swap: &Swap, path: Vec<Address>) -> Vec<u8> {
    use IUniswapV2Router02::{
        swapETHForExactTokensCall as CoinsForExactly,
        swapExactETHForTokensSupportingFeeOnTransferTokensCall as ExactlyCoins,
        swapExactTokensForETHSupportingFeeOnTransferTokensCall as ExactlyForCoins,
        swapExactTokensForTokensSupportingFeeOnTransferTokensCall as ExactlyTokens,
        swapTokensForExactETHCall as ForExactlyCoins,
        swapTokensForExactTokensCall as ForExactlyTokens,
    };
    let (to, deadline) = (swap.recipient, U256::from(swap.deadline));
    let (pays_coin, takes_coin) = (swap.token_in.is_zero(), swap.token_out.is_zero());
    match swap.amount {
        SwapAmount::ExactIn { input, min_output } => {
            let (amountIn, amountOutMin) = (input, min_output);
            if pays_coin {
                ExactlyCoins { amountOutMin, path, to, deadline }.abi_encode()
            } else if takes_coin {
                ExactlyForCoins { amountIn, amountOutMin, path, to, deadline }.abi_encode()
            } else {
                ExactlyTokens { amountIn, amountOutMin, path, to, deadline }.abi_encode()
            }
        }
        SwapAmount::ExactOut { output, max_input } => {
            let (amountOut, amountInMax) = (output, max_input);
            if pays_coin {
                CoinsForExactly { amountOut, path, to, deadline }.abi_encode()
            } else if takes_coin {
                ForExactlyCoins { amountOut, amountInMax, path, to, deadline }.abi_encode()
            } else {
                ForExactlyTokens { amountOut, amountInMax, path, to, deadline }.abi_encode()
            }
        }
    }
}

/// Where the coin is taken, the router takes its wrapped form itself (its word for itself is the zero
/// address) and unwraps it; where the coin pays for an exact output, it returns the rest.
fn swap_v3(swap: &Swap, token_in: Address, token_out: Address, fee: U24) -> Vec<u8> {
    let takes_coin = swap.token_out.is_zero();
    let recipient = if takes_coin { Address::ZERO } else { swap.recipient };
    let deadline = U256::from(swap.deadline);
    let (first, min_output) = match swap.amount {
        SwapAmount::ExactIn { input, min_output } => {
            let params = ISwapRouter::ExactInputSingleParams {
                tokenIn: token_in,
                tokenOut: token_out,
                fee,
                recipient,
                deadline,
                amountIn: input,
                amountOutMinimum: min_output,
                sqrtPriceLimitX96: U160::ZERO,
            };
            (ISwapRouter::exactInputSingleCall { params }.abi_encode(), min_output)
        }
        SwapAmount::ExactOut { output, max_input } => {
            let params = ISwapRouter::ExactOutputSingleParams {
                tokenIn: token_in,
                tokenOut: token_out,
                fee,
                recipient,
                deadline,
                amountOut: output,
                amountInMaximum: max_input,
                sqrtPriceLimitX96: U160::ZERO,
            };
            (ISwapRouter::exactOutputSingleCall { params }.abi_encode(), output)
        }
    };
    let second = if takes_coin {
        let recipient = swap.recipient;
        ISwapRouter::unwrapWETH9Call { amountMinimum: min_output, recipient }.abi_encode()
    } else if swap.token_in.is_zero() && matches!(swap.amount, SwapAmount::ExactOut { .. }) {
        ISwapRouter::refundETHCall {}.abi_encode()
    } else {
        return first;
    };
    ISwapRouter::multicallCall { data: vec![first.into(), second.into()] }.abi_encode()
}

/// The bound that a slippage leaves, rounded against ourselves: `quote` less `bps` hundredths of a
/// percent. None if `bps` is above 10 000.
pub fn min_output(quote: U256, bps: u32) -> Option<U256> {
    let rest = U256::from(10_000_u32.checked_sub(bps)?);
    // In two parts, so that nothing overflows.
    let (whole, part) = quote.div_rem(U256::from(10_000));
    Some(whole * rest + (part * rest).div_ceil(U256::from(10_000)))
}

/// The most that is paid for an exact output: `quote` and `bps` hundredths of a percent more, rounded
/// down. None if that does not fit 256 bits or `bps` is above 10 000.
pub fn max_input(quote: U256, bps: u32) -> Option<U256> {
    if bps > 10_000 {
        return None;
    }
    let (whole, part) = quote.div_rem(U256::from(10_000));
    let more = whole * U256::from(bps) + part * U256::from(bps) / U256::from(10_000);
    quote.checked_add(more)
}

/// Wrapping and unwrapping of the native coin.
pub(crate) fn wrap(wrapped: Address, amount: U256) -> Call {
    Call { to: Some(wrapped), value: amount, data: IWETH9::depositCall {}.abi_encode().into() }
}

pub(crate) fn unwrap(wrapped: Address, amount: U256) -> Call {
    let data = IWETH9::withdrawCall { amount }.abi_encode().into();
    Call { to: Some(wrapped), value: U256::ZERO, data }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_rounded_against_ourselves() {
        assert_eq!(min_output(U256::from(10_001), 50), Some(U256::from(9_951)));
        assert_eq!(min_output(U256::from(10_000), 50), Some(U256::from(9_950)));
        assert_eq!(min_output(U256::from(1), 50), Some(U256::from(1)));
        assert_eq!(min_output(U256::MAX, 0), Some(U256::MAX));
        assert_eq!(min_output(U256::MAX, 10_000), Some(U256::ZERO));
        assert_eq!(min_output(U256::from(1), 10_001), None);
        assert_eq!(max_input(U256::from(10_199), 50), Some(U256::from(10_249)));
        assert_eq!(max_input(U256::from(199), 50), Some(U256::from(199)));
        assert_eq!(max_input(U256::MAX, 1), None);
    }

    #[test]
    fn a_coin_cannot_be_swapped_for_its_own_token() {
        let wrapped = Address::repeat_byte(1);
        assert_eq!(tokens(Address::ZERO, wrapped, Some(wrapped)), None);
        assert_eq!(tokens(Address::ZERO, Address::repeat_byte(2), None), None);
        assert_eq!(
            tokens(Address::ZERO, Address::repeat_byte(2), Some(wrapped)),
            Some((wrapped, Address::repeat_byte(2)))
        );
    }
}
