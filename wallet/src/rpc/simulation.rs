//! Several calls, one after the other, on a node that simulates (`eth_simulateV1`, of the Ethereum
//! execution API; not all nodes have it).

use alloy_primitives::{Address, Bytes, U64};
use serde::Deserialize;
use serde_json::json;

use super::Question;
use super::question::transaction;
use crate::Call;

/// What became of one simulated call.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Simulated {
    /// 1 if it was executed, 0 if it was reverted.
    status: U64,
    /// Gas used.
    gas_used: U64,
    /// What it returned.
    #[serde(default)]
    return_data: Bytes,
    #[serde(default)]
    error: Option<SimulatedError>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct SimulatedError {
    #[serde(default)]
    data: Option<Bytes>,
}

#[derive(Deserialize)]
struct Block {
    calls: Vec<Simulated>,
}

impl Simulated {
    /// What it returned, or what it was reverted with.
    pub(crate) fn returned(&self) -> Result<&Bytes, &Bytes> {
        let reverted = self.error.as_ref().and_then(|error| error.data.as_ref());
        match self.status.is_zero() {
            false => Ok(&self.return_data),
            true => Err(reverted.unwrap_or(&self.return_data)),
        }
    }

    pub(crate) fn gas_used(&self) -> u64 {
        self.gas_used.to()
    }
}

/// Asks for `calls` of `from`, each in the state that those before have left.
pub(crate) fn question(from: Address, calls: &[Call]) -> Question {
    let calls =
        calls.iter().map(|Call { to, value, data }| transaction(Some(from), *to, *value, data));
    let calls: Vec<_> = calls.collect();
    let what = json!({ "blockStateCalls": [{ "calls": calls }], "validation": false });
    Question::new("eth_simulateV1", json!([what, "latest"]))
}

/// Reads the answer to as many `calls`.
pub(crate) fn read(answer: SimulatedBlocks, calls: usize) -> Option<Vec<Simulated>> {
    let [block] = answer.0.try_into().ok()?;
    let Block { calls: answers } = block;
    (answers.len() == calls).then_some(answers)
}

/// The result of `eth_simulateV1`.
#[derive(Deserialize)]
pub(crate) struct SimulatedBlocks(Vec<Block>);

#[cfg(test)]
mod tests {
    use alloy_primitives::U256;
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_revert_is_read_from_wherever_a_node_puts_it() {
        let read_one = |call: &Value| {
            let blocks: SimulatedBlocks =
                serde_json::from_value(json!([{ "calls": [call] }])).unwrap();
            read(blocks, 1).unwrap().remove(0)
        };
        let data = Bytes::from_static(&[8, 0xc3]);
        let done =
            json!({"returnData": "0x08c3", "logs": [], "gasUsed": "0x5208", "status": "0x1"});
        assert_eq!(read_one(&done).returned(), Ok(&data));
        assert_eq!(read_one(&done).gas_used(), 21_000);
        for reverted in [
            json!({"returnData": "0x08c3", "gasUsed": "0x1", "status": "0x0"}),
            json!({"returnData": "0x", "gasUsed": "0x1", "status": "0x0",
                "error": {"code": 3, "message": "execution reverted", "data": "0x08c3"}}),
        ] {
            assert_eq!(read_one(&reverted).returned(), Err(&data));
        }
        let two: SimulatedBlocks =
            serde_json::from_value(json!([{ "calls": [done, done] }])).unwrap();
        assert_eq!(read(two, 1), None);
    }

    #[test]
    fn the_question_names_the_sender_of_each_call() {
        let call = Call { to: None, value: U256::from(7), data: Bytes::from_static(&[1]) };
        let text = format!("{:?}", question(Address::repeat_byte(1), &[call.clone(), call]));
        assert_eq!(text.matches("0x0101010101").count(), 2, "{text}");
    }
}
