//! The consumer of the queue and of its dead letters (trade.md §9).

use core::time::Duration;

use futures_util::StreamExt;
use hoox_connector::Clock;
use hoox_edge::{WorkerClock, WorkerQueue, json_of, log, new_request_id, shard};
use hoox_router::{CONSUMER_CONCURRENCY, LogLevel, QueueMessage, RequestId};
use serde::Deserialize;
use worker::{Env, MessageBatch, MessageExt, QueueRetryOptionsBuilder, RawMessage, js_sys};

use crate::ledger::{self, DeadLetter};
use crate::order::ask_object;

/// How soon a message is delivered again whose object cannot be reached.
const UNREACHABLE_RETRY: Duration = Duration::from_secs(30);

/// What an object makes of a message.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Settled {
    verdict: String,
    delay_seconds: Option<u64>,
    counted: bool,
    reason: Option<String>,
}

/// Deals with every message of a batch by itself, a few at a time.
pub(crate) async fn consume<T>(batch: &MessageBatch<T>, env: &Env) {
    let dead = batch.queue().ends_with("-dlq");
    let deal = async |message: RawMessage| match dead {
        true => keep(&message, env).await,
        false => carry_out(&message, env).await,
    };
    let dealings = batch.raw_iter().map(deal);
    futures_util::stream::iter(dealings).for_each_concurrent(CONSUMER_CONCURRENCY, |it| it).await;
}

async fn carry_out(message: &RawMessage, env: &Env) {
    let body = body(message);
    let Ok(signal) = QueueMessage::parse(body.as_bytes()) else {
        return bury(message, env, None, &body, "no signal, and never one").await;
    };
    let (id, key) = (signal.request_id, signal.idempotency_key.as_str());
    let answer = ask_object(env, &shard(key), "/consume", id, &[], &body).await;
    let settled = match answer {
        Ok(response) => json_of::<Settled>(&response).await.ok(),
        Err(_) => None,
    };
    let Some(settled) = settled else { return again(message, env, UNREACHABLE_RETRY) };
    let delay = Duration::from_secs(settled.delay_seconds.unwrap_or_default());
    match settled.verdict.as_str() {
        "ack" => message.ack(),
        "dead" => {
            let reason = settled.reason.unwrap_or_default();
            bury(message, env, Some(id), &body, &reason).await;
        }
        "retry" if !settled.counted => {
            // As a new message: the platform counts deliveries, and would give up on a halted one.
            let queue = WorkerQueue::new(env.clone(), "TRADE_QUEUE");
            match queue.send_text(&body, scaled(delay, env)).await {
                Ok(()) => message.ack(),
                Err(_) => again(message, env, delay),
            }
        }
        _ => again(message, env, delay),
    }
}

/// Puts a message among the dead letters, now.
async fn bury(message: &RawMessage, env: &Env, id: Option<RequestId>, body: &str, reason: &str) {
    let queue = WorkerQueue::new(env.clone(), "TRADE_DLQ");
    match queue.send_text(body, Duration::ZERO).await {
        Ok(()) => {
            log(LogLevel::Error, id, &format!("a dead letter: {reason}"));
            message.ack();
        }
        Err(_) => again(message, env, UNREACHABLE_RETRY),
    }
}

/// Keeps a dead letter in the ledger, where a person finds it.
async fn keep(message: &RawMessage, env: &Env) {
    let body = body(message);
    let request_id = QueueMessage::parse(body.as_bytes()).ok().map(|it| it.request_id);
    let letter = DeadLetter {
        id: &message.id(),
        request_id,
        body: &body,
        reason: "not delivered any more; the request's log lines tell why",
        at: WorkerClock.now(),
    };
    match ledger::dead_letter(env, &letter).await {
        Ok(()) => message.ack(),
        Err(_) => {
            let id = request_id.unwrap_or_else(new_request_id);
            log(LogLevel::Error, Some(id), "a dead letter cannot be written down");
            again(message, env, UNREACHABLE_RETRY);
        }
    }
}

fn again(message: &RawMessage, env: &Env, delay: Duration) {
    let seconds = scaled(delay, env).as_secs().try_into().unwrap_or(u32::MAX);
    let options = QueueRetryOptionsBuilder::new().with_delay_seconds(seconds).build();
    message.retry_with_options(&options);
}

/// The variable `QUEUE_DELAY_DIVISOR` shortens all waits, for tests.
fn scaled(delay: Duration, env: &Env) -> Duration {
    let divisor = env.var("QUEUE_DELAY_DIVISOR").ok().and_then(|it| it.to_string().parse().ok());
    delay / divisor.filter(|divisor| *divisor > 0).unwrap_or(1)
}

/// A message as text, however it was sent.
fn body(message: &RawMessage) -> String {
    let body = message.body();
    let text = body.as_string();
    text.or_else(|| js_sys::JSON::stringify(&body).ok()?.as_string()).unwrap_or_default()
}
