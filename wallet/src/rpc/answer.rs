use core::fmt;
use std::borrow::Cow;

use alloy_primitives::{Address, B256, Bytes, U64, U256};
use serde::de::{DeserializeSeed, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
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
    #[serde(default, borrow)]
    error: Option<WireError<'a>>,
}

#[derive(Deserialize)]
struct WireError<'a> {
    code: i64,
    #[serde(default, borrow)]
    message: Cow<'a, str>,
    #[serde(default, borrow)]
    data: Option<&'a RawValue>,
}

/// Some nodes wrap what the call returned in another object.
#[derive(Deserialize)]
struct Wrapped {
    data: Bytes,
}

/// `null` is a result too: no receipt yet.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    Deserialize::deserialize(from).map(Some)
}

type OneAnswer = Result<Box<RawValue>, NodeError>;

/// Reads the answers to `count` questions whose ids count up from `first`, in their order. A batch
/// may answer in any order, but each question once; what is more than that is not read.
pub(super) fn decode(body: &[u8], first: u64, count: usize) -> Result<Vec<OneAnswer>, RpcError> {
    let mut batch = Batch { first, answers: vec![None; count], problem: None };
    let is_batch = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = match is_batch {
        true => batch.deserialize(&mut reader),
        false => Wire::deserialize(&mut reader).and_then(|wire| batch.take_in(wire)),
    };
    let read = read.and_then(|()| reader.end());
    if let Some(problem) = batch.problem {
        return Err(problem);
    }
    read.map_err(|_| RpcError::Unreadable("it is not JSON-RPC"))?;
    let answers: Option<Vec<_>> = batch.answers.into_iter().collect();
    answers.ok_or(RpcError::Unreadable("a question is not answered"))
}

/// The answers as they come in. The first that answers nothing that was asked ends the reading, so that
/// no more are ever kept than there are questions.
struct Batch {
    first: u64,
    answers: Vec<Option<OneAnswer>>,
    problem: Option<RpcError>,
}

impl Batch {
    fn take_in(&mut self, wire: Wire<'_>) -> Result<(), serde_json::Error> {
        self.place(wire).map_err(|problem| {
            self.problem = Some(problem);
            serde_json::Error::custom("it answers something else")
        })
    }

    fn place(&mut self, wire: Wire<'_>) -> Result<(), RpcError> {
        let unreadable = RpcError::Unreadable;
        let error = wire.error.map(NodeError::from);
        let Some(id) = wire.id else {
            // The node could not read the request: an answer to all of it.
            return Err(error.map_or(unreadable("it has no id"), RpcError::Node));
        };
        let at = id.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        let slot = at.and_then(|at| self.answers.get_mut(at));
        let slot = slot.ok_or(unreadable("it answers another question"))?;
        let answer = match (error, wire.result) {
            (Some(error), _) => Err(error),
            (None, Some(result)) => Ok(result.to_owned()),
            (None, None) => return Err(unreadable("it has neither result nor error")),
        };
        if slot.replace(answer).is_some() {
            return Err(unreadable("it answers a question twice"));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for &mut Batch {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for &mut Batch {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("answers of JSON-RPC")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<(), A::Error> {
        while let Some(wire) = all.next_element()? {
            self.take_in(wire).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

impl From<WireError<'_>> for NodeError {
    fn from(wire: WireError<'_>) -> Self {
        let WireError { code, message, data } = wire;
        let end = (0..=MESSAGE_MAX).rev().find(|at| message.is_char_boundary(*at));
        let message = message.get(..end.unwrap_or(0).min(message.len())).unwrap_or_default();
        let data = data.and_then(|data| {
            let wrapped = || serde_json::from_str::<Wrapped>(data.get()).ok().map(|it| it.data);
            serde_json::from_str::<Bytes>(data.get()).ok().or_else(wrapped)
        });
        Self { code, message: message.to_owned(), data }
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

    /// What follows the first answer too many is never looked at.
    #[test]
    fn no_more_answers_are_read_than_there_are_questions() {
        let answers = r#"{"id":5,"result":1},{"id":6,"result":2}"#;
        for (surplus, says) in [
            (r#"{"id":7,"result":3}"#, "it answers another question"),
            (r#"{"id":6,"result":3}"#, "it answers a question twice"),
        ] {
            let body = format!("[{answers},{surplus},and so on, without an end");
            assert_eq!(results(&body, 2), Err(RpcError::Unreadable(says)));
        }
        let body = format!("[{answers}] and more");
        assert!(matches!(results(&body, 2), Err(RpcError::Unreadable(_))));
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
