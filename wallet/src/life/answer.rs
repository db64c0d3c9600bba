//! What nodes say to signed bytes.

use alloy_primitives::B256;

use crate::RpcError;

/// What a node made of signed bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BroadcastAnswer {
    /// It has them, now or from before.
    Taken,
    /// It definitely does not have them and will not take them.
    Refused(String),
    /// They pay too little at the moment; it does not have them.
    Underpriced,
    /// It is not known whether it has them.
    Unknown,
}

impl BroadcastAnswer {
    /// Reads the answer to `eth_sendRawTransaction` for the bytes whose hash is `expected`. Nodes
    /// give no codes for what is wrong, only words: those of geth, which others follow, of erigon,
    /// of Nethermind and of anvil. Any other words mean that it is not known.
    pub fn read(answer: Result<B256, RpcError>, expected: B256) -> Self {
        let error = match answer {
            Ok(hash) if hash == expected => return Self::Taken,
            Ok(_) => return Self::Unknown,
            Err(RpcError::Node(error)) => error,
            Err(_) => return Self::Unknown,
        };
        let text = error.message.to_ascii_lowercase();
        let says = |words: &[&str]| words.iter().any(|words| text.contains(words));
        if says(&["already known", "known transaction", "already imported", "alreadyknown"]) {
            Self::Taken
        } else if says(&["nonce too low", "oldnonce", "old nonce"]) {
            // Perhaps by these very bytes.
            Self::Unknown
        } else if says(&["underpriced", "less than block base fee", "fee too low", "feetoolow"]) {
            Self::Underpriced
        } else if says(&[
            "insufficient funds",
            "insufficientfunds",
            "intrinsic gas too low",
            "exceeds block gas limit",
            "gas limit reached",
            "invalid sender",
            "invalid chain id",
            "incompatible eip-155",
            "transaction type not supported",
            "oversized data",
        ]) {
            Self::Refused(error.message)
        } else {
            Self::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NodeError;

    const ONE: B256 = B256::repeat_byte(1);
    const TWO: B256 = B256::repeat_byte(2);

    #[test]
    fn the_words_of_nodes_are_understood() {
        let read = |message: &str| {
            let error = NodeError { code: -32000, message: message.into(), data: None };
            BroadcastAnswer::read(Err(error.into()), ONE)
        };
        assert_eq!(read("already known"), BroadcastAnswer::Taken);
        assert_eq!(read("transaction already imported"), BroadcastAnswer::Taken);
        assert_eq!(read("nonce too low: next nonce 5"), BroadcastAnswer::Unknown);
        assert_eq!(read("replacement transaction underpriced"), BroadcastAnswer::Underpriced);
        assert_eq!(read("max fee per gas less than block base fee"), BroadcastAnswer::Underpriced);
        assert!(matches!(
            read("insufficient funds for gas * price + value"),
            BroadcastAnswer::Refused(_)
        ));
        assert_eq!(read("something new"), BroadcastAnswer::Unknown);
        assert_eq!(BroadcastAnswer::read(Ok(ONE), ONE), BroadcastAnswer::Taken);
        // A node that answers with another hash has understood something else.
        assert_eq!(BroadcastAnswer::read(Ok(TWO), ONE), BroadcastAnswer::Unknown);
        let lost = Err(RpcError::NoAnswer("timeout".into()));
        assert_eq!(BroadcastAnswer::read(lost, ONE), BroadcastAnswer::Unknown);
    }
}
