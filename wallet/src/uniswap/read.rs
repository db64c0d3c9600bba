//! Swaps as the data of a router's call has them, whoever wrote it.

use alloy_primitives::{Address, Bytes};
use alloy_sol_types::{SolCall, SolInterface};

use super::ISwapRouter::ISwapRouterCalls as V3;
use super::IUniswapV2Router02::{
    IUniswapV2Router02Calls as V2, getAmountsInCall, getAmountsOutCall,
};
use super::{Router, SwapAmount};
use crate::Call;

/// A swap that a call makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReadSwap {
    /// What is paid with first, and what is taken last.
    pub(crate) path: Vec<Address>,
    /// What it holds fixed, and its bound.
    pub(crate) amount: SwapAmount,
    /// The pool's fee, on Uniswap V3.
    fee: Option<u32>,
}

impl ReadSwap {
    /// The question what it would fetch or cost: a contract and the data of a call to it.
    pub(crate) fn question(&self, router: Router) -> Option<(Address, Bytes)> {
        let path = self.path.clone();
        match (router, self.fee) {
            (Router::V2 { router }, None) => {
                let data = match self.amount {
                    SwapAmount::ExactIn { input, .. } => {
                        getAmountsOutCall { amountIn: input, path }.abi_encode()
                    }
                    SwapAmount::ExactOut { output, .. } => {
                        getAmountsInCall { amountOut: output, path }.abi_encode()
                    }
                };
                Some((router, data.into()))
            }
            (Router::V3 { router, quoter, .. }, Some(fee)) => {
                let [token_in, token_out] = path.as_slice() else { return None };
                let router = Router::V3 { router, quoter, fee };
                Some(match self.amount {
                    SwapAmount::ExactIn { input, .. } => {
                        router.quote_in(*token_in, *token_out, input)
                    }
                    SwapAmount::ExactOut { output, .. } => {
                        router.quote_out(*token_in, *token_out, output)
                    }
                })
            }
            _ => None,
        }
    }
}

/// The swaps of a call to a router; none if it makes none that are known.
pub(crate) fn read_swaps(call: &Call) -> Vec<ReadSwap> {
    let (path, amount) = match V2::abi_decode(&call.data) {
        // The coins sent along are what is paid.
        Ok(V2::swapExactETHForTokens(it)) => {
            (it.path, SwapAmount::ExactIn { input: call.value, min_output: it.amountOutMin })
        }
        Ok(V2::swapExactETHForTokensSupportingFeeOnTransferTokens(it)) => {
            (it.path, SwapAmount::ExactIn { input: call.value, min_output: it.amountOutMin })
        }
        Ok(V2::swapETHForExactTokens(it)) => {
            (it.path, SwapAmount::ExactOut { output: it.amountOut, max_input: call.value })
        }
        Ok(V2::swapExactTokensForETH(it)) => {
            (it.path, SwapAmount::ExactIn { input: it.amountIn, min_output: it.amountOutMin })
        }
        Ok(V2::swapExactTokensForETHSupportingFeeOnTransferTokens(it)) => {
            (it.path, SwapAmount::ExactIn { input: it.amountIn, min_output: it.amountOutMin })
        }
        Ok(V2::swapExactTokensForTokens(it)) => {
            (it.path, SwapAmount::ExactIn { input: it.amountIn, min_output: it.amountOutMin })
        }
        Ok(V2::swapExactTokensForTokensSupportingFeeOnTransferTokens(it)) => {
            (it.path, SwapAmount::ExactIn { input: it.amountIn, min_output: it.amountOutMin })
        }
        Ok(V2::swapTokensForExactETH(it)) => {
            (it.path, SwapAmount::ExactOut { output: it.amountOut, max_input: it.amountInMax })
        }
        Ok(V2::swapTokensForExactTokens(it)) => {
            (it.path, SwapAmount::ExactOut { output: it.amountOut, max_input: it.amountInMax })
        }
        _ => return read_v3(&call.data, true),
    };
    vec![ReadSwap { path, amount, fee: None }]
}

fn read_v3(data: &[u8], may_hold_others: bool) -> Vec<ReadSwap> {
    match V3::abi_decode(data) {
        Ok(V3::exactInputSingle(call)) => {
            let it = call.params;
            let (input, min_output) = (it.amountIn, it.amountOutMinimum);
            let amount = SwapAmount::ExactIn { input, min_output };
            let path = vec![it.tokenIn, it.tokenOut];
            vec![ReadSwap { path, amount, fee: Some(it.fee.to()) }]
        }
        Ok(V3::exactOutputSingle(call)) => {
            let it = call.params;
            let (output, max_input) = (it.amountOut, it.amountInMaximum);
            let amount = SwapAmount::ExactOut { output, max_input };
            let path = vec![it.tokenIn, it.tokenOut];
            vec![ReadSwap { path, amount, fee: Some(it.fee.to()) }]
        }
        Ok(V3::multicall(it)) if may_hold_others => {
            it.data.iter().flat_map(|data| read_v3(data, false)).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::U256;

    use super::*;
    use crate::uniswap::Swap;

    const TOKEN: Address = Address::repeat_byte(1);
    const OTHER: Address = Address::repeat_byte(2);
    const WRAPPED: Address = Address::repeat_byte(3);

    #[test]
    fn what_is_written_is_read_again() {
        let (two, five) = (U256::from(2), U256::from(5));
        let router = Address::repeat_byte(7);
        for router in [Router::V2 { router }, Router::V3 { router, quoter: OTHER, fee: 500 }] {
            for (token_in, token_out) in
                [(TOKEN, OTHER), (Address::ZERO, TOKEN), (TOKEN, Address::ZERO)]
            {
                for amount in [
                    SwapAmount::ExactIn { input: five, min_output: two },
                    SwapAmount::ExactOut { output: two, max_input: five },
                ] {
                    let recipient = Address::repeat_byte(9);
                    let swap = Swap { token_in, token_out, amount, recipient, deadline: 1 };
                    let call = router.swap(&swap, Some(WRAPPED)).unwrap();
                    let side = |token: Address| if token.is_zero() { WRAPPED } else { token };
                    let fee = matches!(router, Router::V3 { .. }).then_some(500);
                    let path = vec![side(token_in), side(token_out)];
                    let read = read_swaps(&call);
                    assert_eq!(read, [ReadSwap { path, amount, fee }], "{swap:?}");
                    assert!(read[0].question(router).is_some());
                }
            }
        }
        assert_eq!(read_swaps(&Call::transfer(TOKEN, OTHER, two)), []);
    }

    #[test]
    fn a_swap_of_one_router_has_no_price_on_another() {
        let swap = ReadSwap {
            path: vec![TOKEN, OTHER],
            amount: SwapAmount::ExactIn { input: U256::ONE, min_output: U256::ONE },
            fee: None,
        };
        let v3 = Router::V3 { router: TOKEN, quoter: OTHER, fee: 500 };
        assert_eq!(swap.question(v3), None);
        let other = ReadSwap { fee: Some(500), ..swap };
        assert_eq!(other.question(Router::V2 { router: TOKEN }), None);
    }
}
