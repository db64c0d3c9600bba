use alloy_primitives::{Address, B256, Bytes, U64, U256};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use thiserror::Error;

use super::RpcError;

/// The longest error message that is kept, in bytes.
const MESSAGE_MAX: usize = 512;

/// Codes with which a node says that it has a problem, not the question: internal error (JSON-RPC
/// 2.0 §5.1), resource unavailable and limit exceeded (EIP-1474, "Error codes").
const OF_THE_NODE: &[i64] = &[-32603, -32002, -32005];

/// An error that a node answers with.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the node answers {code}: {message}")]
pub struct NodeError {
    /// The code.
    pub code: i64,
    /// The message, cut to 512 bytes.
    pub message: String,
    /// What a reverted call returned.
    pub data: Option<Bytes>,
}

impl NodeError {
    /// Whether another node may answer.
    pub(crate) fn is_of_the_node(&self) -> bool {
        self.data.is_none() && OF_THE_NODE.contains(&self.code)
    }
}

/// `eth_feeHistory`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FeeHistory {
    /// The base fee of each block and of the next, in wei per gas. Empty, or zeros, on chains
    /// without EIP-1559.
    #[serde(default)]
    pub base_fee_per_gas: Vec<U256>,
    /// For each block, the tips at the percentiles that were asked for.
    #[serde(default)]
    pub reward: Option<Vec<Vec<U256>>>,
}

/// What became of a transaction in a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// The transaction.
    pub transaction_hash: B256,
    /// The block's hash; another one after a reorganisation.
    pub block_hash: B256,
    /// The block's number.
    pub block_number: U64,
    /// 1 if it was executed, 0 if it was reverted. Chains before Byzantium have none.
    #[serde(default)]
    pub status: Option<U64>,
    /// Gas used.
    pub gas_used: U64,
    /// The price paid, in wei per gas.
    #[serde(default)]
    pub effective_gas_price: Option<U256>,
    /// What a chain on top of another charges for writing it down there, in wei (OP Stack
    /// specification, "Exec Engine: L1-Cost fees"; Base and Optimism). None elsewhere.
    #[serde(default)]
    pub l1_fee: Option<U256>,
    /// The contract it created.
    #[serde(default)]
    pub contract_address: Option<Address>,
    /// What its contracts logged.
    #[serde(default)]
    pub logs: Vec<Log>,
}

/// One entry of a receipt's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// The contract.
    pub address: Address,
    /// The event and its indexed parameters.
    pub topics: Vec<B256>,
    /// The other parameters.
    pub data: Bytes,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(default)]
    id: Option<u64>,
    #[serde(default, borrow, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(default)]
    error: Option<WireError>,
}

#[derive(Deserialize)]
struct WireError {
    code: i64,
    #[serde(default)]
    message: String,
    #[serde(default)]
    data: Value,
}

/// `null` is a result too: no receipt yet.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    Deserialize::deserialize(from).map(Some)
}

type OneAnswer = Result<Box<RawValue>, NodeError>;

/// Reads the answers to `count` questions whose ids count up from `first`, in their order. A batch
/// may answer in any order, but each question once.
pub(super) fn decode(body: &[u8], first: u64, count: usize) -> Result<Vec<OneAnswer>, RpcError> {
    let unreadable = RpcError::Unreadable;
    let is_batch = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    let wires: Vec<Wire<'_>> = if is_batch {
        serde_json::from_slice(body).map_err(|_| unreadable("it is not JSON-RPC"))?
    } else {
        vec![serde_json::from_slice(body).map_err(|_| unreadable("it is not JSON-RPC"))?]
    };
    let mut answers: Vec<Option<OneAnswer>> = vec![None; count];
    for wire in wires {
        let error = wire.error.map(NodeError::from);
        let Some(id) = wire.id else {
            // The node could not read the request: an answer to all of it.
            return Err(error.map_or(unreadable("it has no id"), RpcError::Node));
        };
        let at = id.checked_sub(first).and_then(|at| usize::try_from(at).ok());
        let slot = at.and_then(|at| answers.get_mut(at));
        let slot = slot.ok_or(unreadable("it answers another question"))?;
        let answer = match (error, wire.result) {
            (Some(error), _) => Err(error),
            (None, Some(result)) => Ok(result.to_owned()),
            (None, None) => return Err(unreadable("it has neither result nor error")),
        };
        if slot.replace(answer).is_some() {
            return Err(unreadable("it answers a question twice"));
        }
    }
    answers.into_iter().collect::<Option<_>>().ok_or(unreadable("a question is not answered"))
}

impl From<WireError> for NodeError {
    fn from(wire: WireError) -> Self {
        let WireError { code, mut message, data } = wire;
        let end = (0..=MESSAGE_MAX).rev().find(|at| message.is_char_boundary(*at));
        message.truncate(end.unwrap_or(0));
        // Some nodes wrap what the call returned in another object.
        let data = match &data {
            Value::String(text) => text.parse().ok(),
            Value::Object(fields) => {
                fields.get("data").and_then(Value::as_str).and_then(|text| text.parse().ok())
            }
            _ => None,
        };
        Self { code, message, data }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(body: &str, count: usize) -> Result<Vec<Result<String, i64>>, RpcError> {
        let answers = decode(body.as_bytes(), 5, count)?;
        let shorten = |answer: OneAnswer| match answer {
            Ok(raw) => Ok(raw.get().to_owned()),
            Err(error) => Err(error.code),
        };
        Ok(answers.into_iter().map(shorten).collect())
    }

    #[test]
    fn answers_are_put_in_the_order_of_the_questions() {
        let body = r#"[{"id":6,"error":{"code":3,"message":"no"}},{"id":5,"result":null}]"#;
        assert_eq!(results(body, 2).unwrap(), [Ok("null".into()), Err(3)]);
    }

    #[test]
    fn answers_to_something_else_are_refused() {
        for (body, count) in [
            ("", 1),
            ("<html>", 1),
            ("[]", 1),
            (r#"{"result":"0x1"}"#, 1),
            (r#"{"id":5}"#, 1),
            (r#"{"id":4,"result":"0x1"}"#, 1),
            (r#"{"id":6,"result":"0x1"}"#, 1),
            (r#"{"id":"5","result":"0x1"}"#, 1),
            (r#"[{"id":5,"result":1}]"#, 2),
            (r#"[{"id":5,"result":1},{"id":5,"result":2}]"#, 2),
        ] {
            assert!(matches!(results(body, count), Err(RpcError::Unreadable(_))), "{body}");
        }
    }

    #[test]
    fn an_error_for_the_whole_batch_is_one() {
        let body = r#"{"id":null,"error":{"code":-32600,"message":"batch too long"}}"#;
        let Err(RpcError::Node(error)) = results(body, 3) else { panic!() };
        assert_eq!(error.code, -32600);
    }

    #[test]
    fn what_a_reverted_call_returned_is_found_where_nodes_put_it() {
        for data in [r#""0x08c379a0""#, r#"{"data":"0x08c379a0"}"#] {
            let body = format!(r#"{{"id":5,"error":{{"code":3,"message":"m","data":{data}}}}}"#);
            let answers = decode(body.as_bytes(), 5, 1).unwrap();
            let error = answers.into_iter().next().unwrap().unwrap_err();
            assert_eq!(error.data.unwrap().to_string(), "0x08c379a0");
        }
    }

    #[test]
    fn long_messages_are_cut_at_a_character() {
        let message = "é".repeat(1000);
        let body = format!(r#"{{"id":5,"error":{{"code":3,"message":"{message}"}}}}"#);
        let answers = decode(body.as_bytes(), 5, 1).unwrap();
        assert_eq!(answers.into_iter().next().unwrap().unwrap_err().message.len(), 512);
    }
}
