//! The life of a transaction after its signature, without I/O: what to ask the chain next, and what
//! its answers mean.
//!
//! Only what is known is concluded. A reply that was lost says nothing: the chain is asked for the
//! hash, and what it does not know is sent again, the same bytes. Nothing is ever signed here.

use core::time::Duration;

use alloy_primitives::B256;
use hoox_connector::Timestamp;

use crate::{Mined, RpcError, TransactionRecord, TransactionState};

/// How often the chain must say that a nonce is used, and that none of our hashes is in a block,
/// before it is believed: nodes learn of a block's number and of its receipts at different moments.
const SUPERSEDED_LOOKS: u32 = 3;

/// What [`Life::step`] wants done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Send the bytes of this attempt, and report how that went.
    Broadcast(B256),
    /// Look at the chain for these hashes, and report what is seen.
    Look(Vec<B256>),
    /// Do nothing until then.
    Wait(Timestamp),
    /// It pays too little to be taken. Sign a replacement with higher fees, if they are allowed, and
    /// begin again; otherwise wait.
    Underpriced,
    /// Nothing more will happen.
    Done,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The bytes were handed to a node.
    Broadcast(BroadcastAnswer),
    /// The chain was looked at.
    Seen(Sighting),
    /// The chain could not be looked at.
    Unseen,
}

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

/// What the chain shows of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sighting {
    /// The attempt that is in a block, if one is.
    pub mined: Option<Mined>,
    /// Whether the node knows any of the attempts.
    pub known: bool,
    /// The sender's nonce at the newest block.
    pub nonce: u64,
    /// The number of the newest block.
    pub head: u64,
}

/// How patient a [`Life`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LifeRules {
    /// Blocks that must hold it or lie on top, at least 1. Default 1.
    pub confirmations: u64,
    /// Time between two looks. Default 2 seconds.
    pub poll: Duration,
    /// How long a transaction may wait in the pool before it is called underpriced. Default 3
    /// minutes.
    pub stuck_after: Duration,
}

impl Default for LifeRules {
    fn default() -> Self {
        Self {
            confirmations: 1,
            poll: Duration::from_secs(2),
            stuck_after: Duration::from_secs(180),
        }
    }
}

impl LifeRules {
    /// The same with this many confirmations.
    #[must_use]
    pub const fn with_confirmations(self, confirmations: u64) -> Self {
        Self { confirmations, ..self }
    }
}

/// The life of one transaction.
#[derive(Debug, Clone)]
pub struct Life {
    rules: LifeRules,
    nonce: u64,
    /// Oldest first.
    hashes: Vec<B256>,
    state: TransactionState,
    next: Step,
    /// Whether it was signed just now, so that no node can have it but by our first sending.
    fresh: bool,
    underpriced: bool,
    /// Whether it was sent since the last pause: a node may need a moment to show what it was sent.
    just_sent: bool,
    sent_at: Timestamp,
    superseded: u32,
}

impl Life {
    /// The life of a transaction that was signed and stored just now, and not sent.
    pub fn fresh(record: &TransactionRecord, rules: LifeRules, now: Timestamp) -> Self {
        let mut life = Self::resumed(record, rules, now);
        life.fresh = true;
        life.next = life.broadcast();
        life
    }

    /// The life of a transaction that may have been sent: after a crash, or a replacement.
    pub fn resumed(record: &TransactionRecord, rules: LifeRules, now: Timestamp) -> Self {
        let hashes: Vec<B256> = record.attempts.iter().map(|attempt| attempt.hash).collect();
        let sent_at = record.attempts.last().map_or(now, |attempt| attempt.signed_at.min(now));
        let next = if record.state.is_final() { Step::Done } else { Step::Look(hashes.clone()) };
        Self {
            rules,
            nonce: record.nonce,
            hashes,
            state: record.state.clone(),
            next,
            fresh: false,
            underpriced: false,
            just_sent: false,
            sent_at,
            superseded: 0,
        }
    }

    /// Where the transaction stands.
    pub fn state(&self) -> &TransactionState {
        &self.state
    }

    /// A replacement was signed and stored; it is sent next.
    pub fn replaced(&mut self, hash: B256, now: Timestamp) {
        self.hashes.push(hash);
        self.underpriced = false;
        self.fresh = false;
        self.sent_at = now;
        self.next = self.broadcast();
    }

    /// What to do next, after `event`.
    pub fn step(&mut self, now: Timestamp, event: Option<Event>) -> Step {
        match event {
            _ if self.state.is_final() => {}
            Some(Event::Broadcast(answer)) => self.after_broadcast(now, answer),
            Some(Event::Seen(sighting)) => self.after_look(now, sighting),
            Some(Event::Unseen) => self.pause(now),
            None => {
                if matches!(self.next, Step::Wait(until) if now >= until) {
                    self.look();
                }
            }
        }
        self.next.clone()
    }

    fn after_broadcast(&mut self, now: Timestamp, answer: BroadcastAnswer) {
        let first = core::mem::take(&mut self.fresh);
        self.just_sent = true;
        match answer {
            BroadcastAnswer::Taken => {
                self.sent_at = now;
                if self.state == TransactionState::Signed {
                    self.state = TransactionState::Pending;
                }
                self.pause(now);
            }
            // Only of bytes that were never sent before is a refusal the end: an earlier sending
            // may have reached another node.
            BroadcastAnswer::Refused(reason) if first => {
                self.state = TransactionState::Refused { reason };
                self.next = Step::Done;
            }
            BroadcastAnswer::Refused(_) => self.pause(now),
            BroadcastAnswer::Underpriced => {
                self.underpriced = true;
                self.look();
            }
            BroadcastAnswer::Unknown => self.look(),
        }
    }

    fn after_look(&mut self, now: Timestamp, seen: Sighting) {
        if seen.nonce <= self.nonce {
            self.superseded = 0;
        }
        if let Some(mined) = seen.mined {
            let depth = seen.head.saturating_sub(mined.block).saturating_add(1);
            if depth >= self.rules.confirmations {
                self.state = TransactionState::Confirmed(mined);
                self.next = Step::Done;
            } else {
                self.state = TransactionState::Mined(mined);
                self.pause(now);
            }
            return;
        }
        if self.state.is_mined() {
            // A reorganisation took its block away.
            self.state = TransactionState::Pending;
        }
        if seen.nonce > self.nonce {
            // A node that still has it is late with its receipt, or wrong about the nonce.
            self.superseded = if seen.known { 0 } else { self.superseded + 1 };
            if self.superseded >= SUPERSEDED_LOOKS {
                self.state = TransactionState::Superseded;
                self.next = Step::Done;
            } else {
                self.pause(now);
            }
        } else if !seen.known {
            let underpriced = core::mem::take(&mut self.underpriced);
            if underpriced {
                self.next = self.wants_more(now);
            } else if self.just_sent {
                self.pause(now);
            } else {
                self.next = self.broadcast();
            }
        } else if now.since(self.sent_at) >= self.rules.stuck_after && seen.nonce == self.nonce {
            self.next = self.wants_more(now);
        } else {
            self.pause(now);
        }
    }

    /// Asks for a replacement; the next step after that, if there is none, is a look.
    fn wants_more(&mut self, now: Timestamp) -> Step {
        self.sent_at = now;
        Step::Underpriced
    }

    /// There is no replacement: the fees it would need are not allowed at present.
    pub fn not_replaced(&mut self, now: Timestamp) {
        self.pause(now);
    }

    fn broadcast(&self) -> Step {
        self.hashes.last().map_or(Step::Done, |hash| Step::Broadcast(*hash))
    }

    fn look(&mut self) {
        self.next = Step::Look(self.hashes.clone());
    }

    fn pause(&mut self, now: Timestamp) {
        self.just_sent = false;
        self.next = Step::Wait(now.after(self.rules.poll));
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{Address, Bytes, U256};

    use super::*;
    use crate::{Action, Attempt, Call, Fees, NodeError};

    const ONE: B256 = B256::repeat_byte(1);
    const TWO: B256 = B256::repeat_byte(2);

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn record() -> TransactionRecord {
        TransactionRecord {
            id: "id".into(),
            action: Action::Wrap { amount: U256::ONE },
            chain_id: 1,
            from: Address::ZERO,
            nonce: 5,
            call: Call { to: None, value: U256::ZERO, data: Bytes::new() },
            spends: vec![],
            attempts: vec![Attempt {
                hash: ONE,
                raw: Bytes::new(),
                fees: Fees::default(),
                gas_limit: 0,
                cancels: false,
                signed_at: at(0),
            }],
            state: TransactionState::Signed,
            created_at: at(0),
        }
    }

    fn fresh() -> Life {
        Life::fresh(&record(), LifeRules::default(), at(0))
    }

    fn mined(hash: B256, block: u64) -> Mined {
        Mined {
            hash,
            block,
            block_hash: B256::ZERO,
            succeeded: true,
            gas_used: 21_000,
            gas_price: None,
            l1_fee: None,
        }
    }

    fn sent(answer: BroadcastAnswer) -> Option<Event> {
        Some(Event::Broadcast(answer))
    }

    fn seen(nonce: u64, known: bool, mined: Option<Mined>) -> Option<Event> {
        Some(Event::Seen(Sighting { mined, known, nonce, head: 100 }))
    }

    #[test]
    fn a_transaction_is_sent_watched_and_confirmed() {
        let mut life = fresh();
        assert_eq!(life.step(at(0), None), Step::Broadcast(ONE));
        assert_eq!(life.step(at(10), sent(BroadcastAnswer::Taken)), Step::Wait(at(2010)));
        assert_eq!(*life.state(), TransactionState::Pending);
        assert_eq!(life.step(at(2000), None), Step::Wait(at(2010)));
        assert_eq!(life.step(at(2010), None), Step::Look(vec![ONE]));
        assert_eq!(life.step(at(2020), seen(5, true, None)), Step::Wait(at(4020)));
        let block = mined(ONE, 100);
        assert_eq!(life.step(at(4020), seen(6, true, Some(block.clone()))), Step::Done);
        assert_eq!(*life.state(), TransactionState::Confirmed(block));
    }

    #[test]
    fn a_lost_reply_is_looked_up_and_only_the_same_bytes_are_sent_again() {
        let mut life = fresh();
        assert_eq!(life.step(at(0), sent(BroadcastAnswer::Unknown)), Step::Look(vec![ONE]));
        assert_eq!(*life.state(), TransactionState::Signed);
        // The node has it after all.
        assert_eq!(life.clone().step(at(0), seen(5, true, None)), Step::Wait(at(2000)));
        // Or it needs a moment to show it.
        assert_eq!(life.step(at(0), seen(5, false, None)), Step::Wait(at(2000)));
        assert_eq!(life.step(at(2000), None), Step::Look(vec![ONE]));
        assert_eq!(life.step(at(2000), seen(5, false, None)), Step::Broadcast(ONE));
        // Once it may have been sent, no refusal ends it.
        let refused = BroadcastAnswer::Refused("insufficient funds".into());
        assert_eq!(life.step(at(2000), sent(refused)), Step::Wait(at(4000)));
        assert_eq!(*life.state(), TransactionState::Signed);
    }

    #[test]
    fn a_first_refusal_is_the_end() {
        let mut life = fresh();
        let refused = BroadcastAnswer::Refused("insufficient funds".into());
        assert_eq!(life.step(at(0), sent(refused)), Step::Done);
        assert!(matches!(life.state(), TransactionState::Refused { .. }));
    }

    #[test]
    fn after_a_crash_the_chain_is_asked_before_anything_is_sent() {
        let mut life = Life::resumed(&record(), LifeRules::default(), at(0));
        assert_eq!(life.step(at(0), None), Step::Look(vec![ONE]));
        assert_eq!(life.clone().step(at(0), seen(5, false, None)), Step::Broadcast(ONE));
        assert_eq!(life.step(at(0), seen(6, true, Some(mined(ONE, 90)))), Step::Done);
    }

    #[test]
    fn depth_is_counted_in_blocks() {
        let rules = LifeRules::default().with_confirmations(3);
        let mut life = Life::resumed(&record(), rules, at(0));
        assert_eq!(life.step(at(0), seen(6, true, Some(mined(ONE, 99)))), Step::Wait(at(2000)));
        assert_eq!(*life.state(), TransactionState::Mined(mined(ONE, 99)));
        assert_eq!(life.step(at(0), seen(6, true, Some(mined(ONE, 98)))), Step::Done);
    }

    #[test]
    fn a_reorganisation_sends_the_same_bytes_again() {
        let rules = LifeRules::default().with_confirmations(3);
        let mut life = Life::resumed(&record(), rules, at(0));
        life.step(at(0), seen(6, true, Some(mined(ONE, 100))));
        assert_eq!(life.step(at(0), seen(5, false, None)), Step::Broadcast(ONE));
        assert_eq!(*life.state(), TransactionState::Pending);
    }

    #[test]
    fn a_nonce_that_something_else_used_up_is_believed_on_the_third_look() {
        let mut life = Life::resumed(&record(), LifeRules::default(), at(0));
        for _ in 0..2 {
            assert_eq!(life.step(at(0), seen(6, false, None)), Step::Wait(at(2000)));
        }
        // The node takes it back, or has the transaction all the same: not counted.
        for sighting in [seen(5, true, None), seen(6, true, None)] {
            let mut life = life.clone();
            assert_eq!(life.step(at(0), sighting), Step::Wait(at(2000)));
            assert_eq!(life.step(at(0), seen(6, false, None)), Step::Wait(at(2000)));
        }
        assert_eq!(life.step(at(0), seen(6, false, None)), Step::Done);
        assert_eq!(*life.state(), TransactionState::Superseded);
    }

    #[test]
    fn what_pays_too_little_is_replaced_and_either_may_be_mined() {
        let mut life = fresh();
        assert_eq!(life.step(at(0), sent(BroadcastAnswer::Underpriced)), Step::Look(vec![ONE]));
        assert_eq!(life.step(at(0), seen(5, false, None)), Step::Underpriced);
        life.replaced(TWO, at(0));
        assert_eq!(life.step(at(0), None), Step::Broadcast(TWO));
        assert_eq!(life.step(at(0), sent(BroadcastAnswer::Taken)), Step::Wait(at(2000)));
        assert_eq!(life.step(at(2000), None), Step::Look(vec![ONE, TWO]));
        let mut older = life.clone();
        older.step(at(2000), seen(6, true, Some(mined(ONE, 100))));
        assert_eq!(*older.state(), TransactionState::Confirmed(mined(ONE, 100)));
    }

    #[test]
    fn what_waits_too_long_is_replaced_only_if_it_is_the_next() {
        let mut life = fresh();
        life.step(at(0), sent(BroadcastAnswer::Taken));
        let late = at(180_000);
        // Another one is in front of it.
        assert!(matches!(life.clone().step(late, seen(4, true, None)), Step::Wait(_)));
        assert_eq!(life.step(late, seen(5, true, None)), Step::Underpriced);
        life.not_replaced(late);
        assert_eq!(life.step(late, None), Step::Wait(at(182_000)));
    }

    #[test]
    fn what_waited_before_a_crash_has_waited() {
        let mut life = Life::resumed(&record(), LifeRules::default(), at(180_000));
        assert_eq!(life.step(at(180_000), seen(5, true, None)), Step::Underpriced);
        // A replacement that was signed just before has its own time.
        let mut record = record();
        let first = record.attempts[0].clone();
        record.attempts.push(Attempt { hash: TWO, signed_at: at(179_000), ..first });
        let mut life = Life::resumed(&record, LifeRules::default(), at(180_000));
        assert!(matches!(life.step(at(180_000), seen(5, true, None)), Step::Wait(_)));
    }

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
