//! The life of a transaction after its signature, without I/O: what to ask the chain next, and what
//! its answers mean.
//!
//! Only what is known is concluded. A reply that was lost says nothing: the chain is asked for the
//! hash, and what it does not know is sent again, the same bytes. Nothing is ever signed here.

mod answer;
#[cfg(test)]
mod tests;

use core::time::Duration;

use alloy_primitives::B256;
use hoox_connector::Timestamp;

use crate::{Mined, TransactionRecord, TransactionState};

pub use answer::BroadcastAnswer;

/// What [`Life::step`] wants done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Send the bytes of this attempt, and report how that went.
    Broadcast(B256),
    /// Look at the chain for these hashes, and report what is seen.
    Look(Vec<B256>),
    /// The same, but at every node, and report what none of them contradicts: the lowest nonce and
    /// head, and whatever one of them has of the hashes. Unless two nodes answer, where there are two,
    /// it is not seen.
    LookEverywhere(Vec<B256>),
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
    /// How many more blocks must go by while all nodes say that a nonce is used, and none has any of
    /// our hashes, before that is believed. At least as many as confirmations are wanted. Default 3:
    /// nodes learn of a block's number and of its receipts at different moments, and blocks go away
    /// again.
    pub superseded_blocks: u64,
    /// How much time must go by as well, for chains with many blocks a second. Default 30 seconds.
    pub superseded_after: Duration,
}

impl Default for LifeRules {
    fn default() -> Self {
        Self {
            confirmations: 1,
            poll: Duration::from_secs(2),
            stuck_after: Duration::from_secs(180),
            superseded_blocks: 3,
            superseded_after: Duration::from_secs(30),
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
        let mut life = Self {
            rules,
            nonce: record.nonce,
            hashes,
            state: record.state.clone(),
            next: Step::Done,
            fresh: false,
            underpriced: false,
            just_sent: false,
            sent_at,
        };
        if !life.state.is_final() {
            life.look();
        }
        life
    }

    /// Takes note of what the record holds by now: others may have replaced the transaction, or seen
    /// what became of it. Whether there are attempts that were not looked for: what was seen before
    /// then says nothing.
    pub fn catch_up(&mut self, record: &TransactionRecord, now: Timestamp) -> bool {
        let has_more = record.attempts.len() > self.hashes.len();
        if has_more || record.state.is_final() {
            *self = Self::resumed(record, self.rules, now);
        } else {
            self.state = record.state.clone();
        }
        has_more
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
        // A node that still has it is late with its receipt, or wrong about the nonce.
        if seen.nonce > self.nonce && !seen.known {
            self.overtaken(now, seen.head);
            return;
        }
        if self.state.is_mined() || matches!(self.state, TransactionState::Overtaken { .. }) {
            // A reorganisation took its block away, or the other one's.
            self.state = TransactionState::Pending;
        }
        if seen.nonce > self.nonce {
            self.pause(now);
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

    /// Its nonce is used, and none of its hashes is there. That is noted in its record, so that the
    /// verdict is the same whoever looks; and it takes time, blocks and every node.
    fn overtaken(&mut self, now: Timestamp, head: u64) {
        let everywhere = matches!(self.next, Step::LookEverywhere(_));
        match self.state {
            TransactionState::Overtaken { block, at } => {
                let blocks = self.rules.superseded_blocks.max(self.rules.confirmations);
                let is_over = head >= block.saturating_add(blocks)
                    && now.since(at) >= self.rules.superseded_after;
                if is_over && everywhere {
                    self.state = TransactionState::Superseded;
                    self.next = Step::Done;
                    return;
                }
            }
            _ => self.state = TransactionState::Overtaken { block: head, at: now },
        }
        self.pause(now);
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
        let hashes = self.hashes.clone();
        self.next = match self.state {
            TransactionState::Overtaken { .. } => Step::LookEverywhere(hashes),
            _ => Step::Look(hashes),
        };
    }

    fn pause(&mut self, now: Timestamp) {
        self.just_sent = false;
        self.next = Step::Wait(now.after(self.rules.poll));
    }
}
