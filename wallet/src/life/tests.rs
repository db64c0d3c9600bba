use alloy_primitives::{Address, Bytes, U256};

use super::*;
use crate::{Action, Attempt, Call, Fees};

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

fn seen_at(head: u64, nonce: u64, known: bool) -> Option<Event> {
    Some(Event::Seen(Sighting { mined: None, known, nonce, head }))
}

#[test]
fn a_used_nonce_is_believed_after_blocks_and_time_and_at_every_node() {
    let mut life = Life::resumed(&record(), LifeRules::default(), at(0));
    assert_eq!(life.step(at(0), seen_at(100, 6, false)), Step::Wait(at(2000)));
    let since = TransactionState::Overtaken { block: 100, at: at(0) };
    assert_eq!(*life.state(), since);
    assert_eq!(life.step(at(2000), None), Step::LookEverywhere(vec![ONE]));
    // Neither blocks alone nor time alone.
    for (now, head) in [(29_999, 200), (60_000, 102)] {
        let mut life = life.clone();
        assert_eq!(life.step(at(now), seen_at(head, 6, false)), Step::Wait(at(now + 2000)));
        assert_eq!(*life.state(), since);
    }
    assert_eq!(life.step(at(30_000), seen_at(103, 6, false)), Step::Done);
    assert_eq!(*life.state(), TransactionState::Superseded);
}

/// Each process looks once, as commands and workers do.
#[test]
fn a_used_nonce_is_believed_by_processes_that_look_once_each() {
    let mut record = record();
    for (now, head, done) in [(0, 100, false), (20_000, 110, false), (30_000, 110, true)] {
        let mut life = Life::resumed(&record, LifeRules::default(), at(now));
        let step = life.step(at(now), seen_at(head, 6, false));
        assert_eq!(step == Step::Done, done, "{now}");
        record.becomes(life.state());
    }
    assert_eq!(record.state, TransactionState::Superseded);
}

#[test]
fn a_nonce_that_is_not_used_after_all_is_waited_for_from_the_start() {
    let mut life = Life::resumed(&record(), LifeRules::default(), at(0));
    life.step(at(0), seen_at(100, 6, false));
    // The block is gone again, or the node has the transaction all the same.
    for sighting in [seen_at(104, 5, true), seen_at(104, 6, true)] {
        let mut life = life.clone();
        assert!(matches!(life.step(at(40_000), sighting), Step::Wait(_)));
        assert_eq!(*life.state(), TransactionState::Pending);
        life.step(at(50_000), seen_at(105, 6, false));
        assert_eq!(*life.state(), TransactionState::Overtaken { block: 105, at: at(50_000) });
    }
    // Or nobody has it, and its nonce is free: sent again.
    assert_eq!(life.step(at(40_000), seen_at(104, 5, false)), Step::Broadcast(ONE));
}

#[test]
fn a_used_nonce_takes_as_many_blocks_as_a_confirmation() {
    let rules = LifeRules::default().with_confirmations(12);
    let mut life = Life::resumed(&record(), rules, at(0));
    life.step(at(0), seen_at(100, 6, false));
    life.step(at(60_000), None);
    assert!(matches!(life.clone().step(at(60_000), seen_at(111, 6, false)), Step::Wait(_)));
    assert_eq!(life.step(at(60_000), seen_at(112, 6, false)), Step::Done);
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
