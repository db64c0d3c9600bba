//! Calls of tokens: ERC-20, and the one that wraps the native coin.

use alloy_primitives::{Address, Bytes, U256, keccak256};
use alloy_sol_types::{SolCall, sol};

use crate::Call;

sol! {
    /// ERC-20. Some tokens return nothing where it asks for a bool.
    #[derive(Debug)]
    interface IERC20 {
        function symbol() external view returns (string);
        function decimals() external view returns (uint8);
        function balanceOf(address owner) external view returns (uint256);
        function allowance(address owner, address spender) external view returns (uint256);
        function transfer(address to, uint256 amount) external;
        function transferFrom(address from, address to, uint256 amount) external;
        function approve(address spender, uint256 amount) external;
        // Not of ERC-20, but of many tokens: other ways to the same.
        function increaseAllowance(address spender, uint256 amount) external;
        function transferAndCall(address to, uint256 amount, bytes data) external;
        event Transfer(address indexed from, address indexed to, uint256 amount);
    }

    /// The wrapped native coin.
    #[derive(Debug)]
    interface IWETH9 {
        function deposit() external payable;
        function withdraw(uint256 amount) external;
    }
}

/// Functions by which tokens pay or give leave to take as well: DSToken's (DAI, MKR), ERC-223's,
/// ERC-677's, ERC-777's, ERC-1363's, and those that go by a signature of the owner's.
const OTHER_WAYS: &[&str] = &[
    "push(address,uint256)",
    "pull(address,uint256)",
    "move(address,address,uint256)",
    "approve(address)",
    "increaseApproval(address,uint256)",
    "approveAndCall(address,uint256)",
    "approveAndCall(address,uint256,bytes)",
    "transfer(address,uint256,bytes)",
    "transferAndCall(address,uint256)",
    "transferFromAndCall(address,address,uint256)",
    "transferFromAndCall(address,address,uint256,bytes)",
    "send(address,uint256,bytes)",
    "operatorSend(address,address,uint256,bytes,bytes)",
    "authorizeOperator(address)",
    "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)",
    "permit(address,address,uint256,uint256,bytes)",
    "permit(address,address,uint256,uint256,bool,uint8,bytes32,bytes32)",
    "transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)",
    "transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)",
];

/// Whether a token would pay or approve by this data, in a way that is not read any further.
pub(crate) fn pays_otherwise(data: &[u8]) -> bool {
    let Some(selector) = data.first_chunk::<4>() else { return false };
    OTHER_WAYS.iter().any(|function| keccak256(function).starts_with(selector))
}

/// The longest symbol that is kept, in bytes.
const SYMBOL_MAX: usize = 32;

pub(crate) fn transfer(token: Address, to: Address, amount: U256) -> Call {
    call(token, IERC20::transferCall { to, amount }.abi_encode())
}

pub(crate) fn approve(token: Address, spender: Address, amount: U256) -> Call {
    call(token, IERC20::approveCall { spender, amount }.abi_encode())
}

fn call(token: Address, data: Vec<u8>) -> Call {
    Call { to: Some(token), value: U256::ZERO, data: data.into() }
}

pub(crate) fn balance_of(owner: Address) -> Bytes {
    IERC20::balanceOfCall { owner }.abi_encode().into()
}

pub(crate) fn allowance(owner: Address, spender: Address) -> Bytes {
    IERC20::allowanceCall { owner, spender }.abi_encode().into()
}

pub(crate) fn decimals() -> Bytes {
    IERC20::decimalsCall {}.abi_encode().into()
}

pub(crate) fn symbol() -> Bytes {
    IERC20::symbolCall {}.abi_encode().into()
}

pub(crate) fn read_number(data: &[u8]) -> Option<U256> {
    // More would be another type; less is what an address without code returns.
    (data.len() == 32).then(|| U256::from_be_slice(data))
}

/// A symbol; the oldest tokens have 32 bytes in place of a string. What is not printable is left out.
pub(crate) fn read_symbol(data: &[u8]) -> Option<String> {
    let text = match IERC20::symbolCall::abi_decode_returns(data) {
        Ok(text) => text,
        Err(_) if data.len() == 32 => {
            let end = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
            String::from_utf8(data.get(..end)?.to_vec()).ok()?
        }
        Err(_) => return None,
    };
    let mut symbol = String::new();
    for letter in text.chars().filter(|letter| letter.is_alphanumeric() || "._-+".contains(*letter))
    {
        if symbol.len() + letter.len_utf8() > SYMBOL_MAX {
            break;
        }
        symbol.push(letter);
    }
    Some(symbol)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_of_old_tokens_are_read_too() {
        let mut old = [0; 32];
        old[..3].copy_from_slice(b"MKR");
        assert_eq!(read_symbol(&old).as_deref(), Some("MKR"));
        let new = IERC20::symbolCall::abi_encode_returns(&"US\u{1b}[31mDC".to_owned());
        assert_eq!(read_symbol(&new).as_deref(), Some("US31mDC"));
        assert_eq!(read_symbol(&[]), None);
        assert_eq!(read_symbol(&[0xff; 32]), None);
    }

    #[test]
    fn a_number_is_one_word() {
        assert_eq!(read_number(&U256::from(7).to_be_bytes::<32>()), Some(U256::from(7)));
        assert_eq!(read_number(&[]), None);
        assert_eq!(read_number(&[0; 64]), None);
    }
}
