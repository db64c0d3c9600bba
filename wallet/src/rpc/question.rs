use core::fmt::Write as _;

use alloy_primitives::{Address, B256, Bytes, U256};
use serde_json::{Value, json};

/// The state of the chain that a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockTag {
    /// The newest block.
    Latest,
    /// The newest block and what waits in the node's pool.
    Pending,
}

impl BlockTag {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Latest => "latest",
            Self::Pending => "pending",
        }
    }
}

/// A question to a node: a method and its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    method: &'static str,
    params: Value,
}

impl Question {
    /// A method that has no function here. The answer must not depend on being asked once: questions
    /// are repeated.
    pub const fn new(method: &'static str, params: Value) -> Self {
        Self { method, params }
    }

    /// `eth_chainId`; a `U64`.
    pub fn chain_id() -> Self {
        Self::new("eth_chainId", json!([]))
    }

    /// `eth_blockNumber`; a `U64`.
    pub fn block_number() -> Self {
        Self::new("eth_blockNumber", json!([]))
    }

    /// `eth_getBalance`; a `U256` in wei.
    pub fn balance(address: Address) -> Self {
        Self::new("eth_getBalance", json!([address, "latest"]))
    }

    /// `eth_getTransactionCount`; a `U64`.
    pub fn transaction_count(address: Address, at: BlockTag) -> Self {
        Self::new("eth_getTransactionCount", json!([address, at.as_str()]))
    }

    /// `eth_getCode`; `Bytes`, empty where there is no contract.
    pub fn code(address: Address) -> Self {
        Self::new("eth_getCode", json!([address, "latest"]))
    }

    /// `eth_call`; `Bytes`. A revert is an error of the node with the reason in it.
    pub fn call(from: Option<Address>, to: Option<Address>, value: U256, data: &Bytes) -> Self {
        Self::new("eth_call", json!([transaction(from, to, value, data), "latest"]))
    }

    /// `eth_estimateGas`; a `U64`.
    pub fn estimate_gas(from: Address, to: Option<Address>, value: U256, data: &Bytes) -> Self {
        Self::new("eth_estimateGas", json!([transaction(Some(from), to, value, data)]))
    }

    /// `eth_feeHistory` of the last `blocks` blocks, with the median tip of each; a
    /// [`FeeHistory`](crate::FeeHistory).
    pub fn fee_history(blocks: u8) -> Self {
        Self::new("eth_feeHistory", json!([format!("{blocks:#x}"), "latest", [50]]))
    }

    /// `eth_gasPrice`; a `U256` in wei per gas.
    pub fn gas_price() -> Self {
        Self::new("eth_gasPrice", json!([]))
    }

    /// `eth_getTransactionReceipt`; a [`Receipt`](crate::Receipt), or null while it is in no block.
    pub fn receipt(hash: B256) -> Self {
        Self::new("eth_getTransactionReceipt", json!([hash]))
    }

    /// `eth_getTransactionByHash`; an object, or null if the node does not know it.
    pub fn transaction(hash: B256) -> Self {
        Self::new("eth_getTransactionByHash", json!([hash]))
    }

    pub(crate) fn send(raw: &Bytes) -> Self {
        Self::new("eth_sendRawTransaction", json!([raw]))
    }
}

pub(super) fn transaction(
    from: Option<Address>,
    to: Option<Address>,
    value: U256,
    data: &Bytes,
) -> Value {
    let mut fields = serde_json::Map::new();
    let mut add = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    if let Some(from) = from {
        add("from", json!(from));
    }
    if let Some(to) = to {
        add("to", json!(to));
    }
    add("value", json!(value));
    // The name that all nodes know; `input` is newer.
    add("data", json!(data));
    Value::Object(fields)
}

/// The body of a request: one question as an object, several as a batch. Ids count up from `first`.
pub(super) fn encode(questions: &[Question], first: u64) -> String {
    let mut body = String::new();
    let single = questions.len() == 1;
    for (id, question) in (first..).zip(questions) {
        body.push(if id != first { ',' } else { '[' });
        let Question { method, params } = question;
        // Writing to a String cannot fail.
        let _ =
            write!(body, r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#);
    }
    if single {
        body.remove(0);
    } else {
        body.push(']');
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_question_is_an_object_and_several_are_a_batch() {
        assert_eq!(
            encode(&[Question::chain_id()], 7),
            r#"{"jsonrpc":"2.0","id":7,"method":"eth_chainId","params":[]}"#
        );
        let batch = encode(&[Question::chain_id(), Question::gas_price()], 8);
        let batch: Value = serde_json::from_str(&batch).unwrap();
        assert_eq!(batch[0]["id"], 8);
        assert_eq!(
            batch[1],
            json!({"jsonrpc": "2.0", "id": 9, "method": "eth_gasPrice", "params": []})
        );
    }

    #[test]
    fn numbers_are_written_as_the_protocol_has_quantities() {
        let question = Question::call(None, None, U256::from(256), &Bytes::from_static(&[1]));
        assert_eq!(question.params[0], json!({"value": "0x100", "data": "0x01"}));
        assert_eq!(Question::fee_history(10).params[0], "0xa");
        let zero = Question::call(None, Some(Address::ZERO), U256::ZERO, &Bytes::new());
        assert_eq!(zero.params[0]["value"], "0x0");
    }
}
