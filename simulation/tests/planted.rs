//! The simulation finds the bugs that are planted, so it would find them if they were real.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::num::NonZero;

use hoox_simulation::{Mutation, run, sweep};

/// How many seeds the test command runs.
const SEEDS: u64 = 2_000;

fn is_found(mutation: Mutation, by: &[&str]) {
    let sweep = sweep(0..SEEDS, Some(mutation), NonZero::new(2).unwrap(), |_| {});
    let failure = sweep.failure.expect("no seed finds it");
    // A failing seed goes the same way again, event by event.
    let again = run(failure.seed, Some(mutation), true);
    assert_eq!(again.trace, run(failure.seed, Some(mutation), true).trace);
    assert_eq!((again.digest, &again.violation), (failure.digest, &failure.violation));
    let found = failure.violation.unwrap();
    assert!(by.contains(&found.invariant), "seed {} finds {found}", failure.seed);
    assert_eq!(
        run(failure.seed, None, false).violation,
        None,
        "without it seed {} holds",
        failure.seed
    );
}

const ONE_ORDER: &str = "at most one order for each idempotency key";
const NONE_EXISTS: &str = "an order is sent again only when there certainly is none";
const NONE_ARRIVES: &str = "an order is sent again only when no earlier request can arrive";

#[test]
fn a_retry_without_reconciling_is_found() {
    is_found(Mutation::RetryWithoutReconcile, &[ONE_ORDER, NONE_EXISTS, NONE_ARRIVES]);
}

#[test]
fn an_order_sent_again_before_the_receive_window_has_passed_is_found() {
    is_found(Mutation::ResendBeforeBound, &[ONE_ORDER, NONE_EXISTS, NONE_ARRIVES]);
}

#[test]
fn a_key_released_on_a_timeout_is_found() {
    // The second signal finds the first one's order by the id they share, and books it once more.
    const BOOKED_TWICE: &str = "ledger and venue agree";
    is_found(Mutation::ReleaseOnTimeout, &[ONE_ORDER, NONE_EXISTS, NONE_ARRIVES, BOOKED_TWICE]);
}

#[test]
fn an_intent_written_after_the_order_was_sent_is_found() {
    is_found(Mutation::IntentAfterSend, &["an order leaves only when its intent is durable"]);
}

#[test]
fn another_client_order_id_on_the_second_attempt_is_found() {
    is_found(Mutation::ClientIdChanged, &["every order carries the id of its signal"]);
}

#[test]
fn silence_taken_for_a_rejection_is_found() {
    is_found(Mutation::SilenceIsRejection, &[ONE_ORDER, NONE_EXISTS, NONE_ARRIVES]);
}

#[test]
fn a_kill_switch_that_is_not_read_again_is_found() {
    is_found(Mutation::StaleKillSwitch, &["nothing is opened while the kill switch is on"]);
}

#[test]
fn a_restart_without_recovery_is_found() {
    is_found(Mutation::NoRecovery, &["every signal ends in a recorded outcome"]);
}

#[test]
fn an_order_sent_again_over_rest_after_the_websocket_did_not_answer_is_found() {
    is_found(Mutation::SocketResentOverRest, &[ONE_ORDER, NONE_EXISTS, NONE_ARRIVES]);
}

#[test]
fn another_exchange_while_the_outcome_is_unknown_is_found() {
    is_found(Mutation::FailoverOnUnknown, &[ONE_ORDER, NONE_EXISTS, NONE_ARRIVES]);
}

#[test]
fn a_message_taken_for_done_before_it_is_carried_out_is_found() {
    is_found(Mutation::AckedBeforeCarriedOut, &["every signal ends in a recorded outcome"]);
}
