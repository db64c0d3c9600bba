use core::fmt;

use alloy_primitives::{Bytes, U256};
use alloy_sol_types::{Panic, Revert as RevertString, SolError};

/// The longest reason that is kept, in bytes.
const REASON_MAX: usize = 256;

/// Why a contract reverted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Revert {
    /// `require(…, "text")`: the text, cut to 256 bytes.
    Reason(String),
    /// A failed assertion, by Solidity's code: 0x11 is an overflow, 0x12 a division by zero.
    Panic(U256),
    /// An error of the contract's own: its selector and all that was returned.
    Custom {
        /// The first four bytes.
        selector: [u8; 4],
        /// All of it.
        data: Bytes,
    },
    /// It says nothing.
    Silent,
}

impl Revert {
    /// Reads what a reverted call returned.
    pub fn decode(data: &Bytes) -> Self {
        if let Ok(revert) = RevertString::abi_decode(data) {
            let mut reason = revert.reason;
            let end = (0..=REASON_MAX).rev().find(|at| reason.is_char_boundary(*at));
            reason.truncate(end.unwrap_or(0));
            return Self::Reason(reason);
        }
        if let Ok(panic) = Panic::abi_decode(data) {
            return Self::Panic(panic.code);
        }
        match data.first_chunk::<4>() {
            Some(selector) => Self::Custom { selector: *selector, data: data.clone() },
            None => Self::Silent,
        }
    }
}

impl fmt::Display for Revert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reason(text) => f.write_str(text),
            Self::Panic(code) => write!(f, "panic {code:#x}"),
            Self::Custom { selector, .. } => {
                write!(f, "error {}", alloy_primitives::hex::encode_prefixed(selector))
            }
            Self::Silent => f.write_str("no reason given"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_panics_and_errors_are_told_apart() {
        let text = RevertString::from("UniswapV2Router: EXPIRED").abi_encode();
        assert_eq!(Revert::decode(&text.into()).to_string(), "UniswapV2Router: EXPIRED");
        let panic = Panic::from(0x11).abi_encode();
        assert_eq!(Revert::decode(&panic.into()).to_string(), "panic 0x11");
        let custom = Bytes::from_static(&[1, 2, 3, 4, 5]);
        assert_eq!(Revert::decode(&custom).to_string(), "error 0x01020304");
        assert_eq!(Revert::decode(&Bytes::new()), Revert::Silent);
        assert_eq!(Revert::decode(&Bytes::from_static(&[1, 2])), Revert::Silent);
    }

    #[test]
    fn a_reason_that_lies_about_its_length_is_not_believed() {
        let mut data = RevertString::from("short").abi_encode();
        data[4 + 32 + 30] = 0xff;
        assert!(matches!(Revert::decode(&data.into()), Revert::Custom { .. }));
        let long = RevertString::from("é".repeat(1000)).abi_encode();
        let Revert::Reason(reason) = Revert::decode(&long.into()) else { panic!() };
        assert_eq!(reason.len(), 256);
    }
}
