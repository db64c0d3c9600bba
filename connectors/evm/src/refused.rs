//! What the wallet's errors mean for an order.

use hoox_connector::{Error, NotSent, Refused, RejectReason, Rejection, Throttle, ThrottleKind};
use hoox_wallet::{Revert, RpcError, WalletError};

/// Why there is certainly no swap. Not for [`WalletError::Store`], after which there may be one.
pub(crate) fn refused(error: WalletError) -> Refused {
    use RejectReason as Reason;
    let reason = match &error {
        // Nothing was signed for a node that does not answer.
        WalletError::Rpc(RpcError::WrongChain { .. } | RpcError::NoEndpoint) => Reason::BadKey,
        WalletError::Rpc(error) => {
            return Refused::NotSent(NotSent::Connection(error.to_string()));
        }
        WalletError::StepOpen(_) | WalletError::TokenBusy(_) => {
            return Refused::Throttled(Throttle::new(ThrottleKind::OrderRate));
        }
        WalletError::Policy(_) => Reason::Permission,
        WalletError::Reverted(revert) => why(revert),
        WalletError::InsufficientFunds { .. } | WalletError::InsufficientTokens { .. } => {
            Reason::InsufficientBalance
        }
        WalletError::NoContract(_) | WalletError::NotUnderstood(_) | WalletError::NoRoute => {
            Reason::UnknownSymbol
        }
        WalletError::Address(_) | WalletError::Bound | WalletError::Deadline | WalletError::Id => {
            Reason::InvalidRequest
        }
        WalletError::IdReused => Reason::DuplicateClientOrderId,
        WalletError::Sign(_) => Reason::BadSignature,
        _ => Reason::Other,
    };
    rejected(reason, &error.to_string())
}

/// Why a question has no answer.
pub(crate) fn unanswered(error: WalletError) -> Error {
    refused(error).into()
}

pub(crate) fn rejected(reason: RejectReason, message: &str) -> Refused {
    Refused::Rejected(Rejection::new(reason, 0, message))
}

/// The reason in the words of the routers of Uniswap and of the token libraries, as they are in their
/// sources: UniswapV2Library and UniswapV2Router02, TransferHelper, SwapRouter, OpenZeppelin's ERC20.
fn why(revert: &Revert) -> RejectReason {
    let text = revert.to_string();
    let says = |words: &[&str]| words.iter().any(|words| text.contains(words));
    if says(&[
        "INSUFFICIENT_OUTPUT",
        "EXCESSIVE_INPUT",
        "Too little received",
        "Too much requested",
    ]) {
        RejectReason::Price
    } else if says(&["INSUFFICIENT_LIQUIDITY", "SPL"]) {
        RejectReason::NoLiquidity
    } else if says(&["TRANSFER_FROM_FAILED", "STF", "exceeds balance", "insufficient balance"]) {
        RejectReason::InsufficientBalance
    } else {
        RejectReason::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reverts_are_told_in_neutral_words() {
        for (text, reason) in [
            ("UniswapV2Router: INSUFFICIENT_OUTPUT_AMOUNT", RejectReason::Price),
            ("Too much requested", RejectReason::Price),
            ("UniswapV2Library: INSUFFICIENT_LIQUIDITY", RejectReason::NoLiquidity),
            ("STF", RejectReason::InsufficientBalance),
            ("paused", RejectReason::Other),
        ] {
            let refused = refused(WalletError::Reverted(Revert::Reason(text.into())));
            let Refused::Rejected(rejection) = refused else { panic!("{refused:?}") };
            assert_eq!(rejection.reason, reason, "{text}");
            assert!(rejection.message.contains(text));
        }
    }

    #[test]
    fn a_node_that_does_not_answer_may_be_asked_again_and_a_wrong_one_not() {
        let lost = refused(RpcError::NoAnswer("timeout".into()).into());
        assert!(matches!(lost, Refused::NotSent(NotSent::Connection(_))));
        let wrong = refused(RpcError::WrongChain { expected: 1, reported: 2 }.into());
        assert!(matches!(wrong, Refused::Rejected(_)));
    }
}
