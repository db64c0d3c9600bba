//! From a locked signal to the trade engine or the queue (gateway.md §9).

use core::time::Duration;

use hoox_edge::{WorkerQueue, internal_request, json_of, mode_name, respond, within};
use hoox_router::{Answer, ErrorCode, Failure, Queue, QueueMessage, QueueMode};
use serde::Deserialize;
use worker::{Env, Response, Result};

/// How long the trade engine may take (gateway.md §9, Guidance), and a moment for the way: it
/// answers in that time itself.
const TIMEOUT: Duration = Duration::from_millis(12_000);

/// What became of a signal.
pub(crate) struct Dispatch {
    pub(crate) answer: core::result::Result<Response, Failure>,
    pub(crate) lock: Fate,
}

/// What becomes of the signal's lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The trade engine has it, or nobody knows.
    Kept,
    /// The queue has it.
    Queued,
    /// There is certainly no order.
    Free,
}

/// Why the trade engine gave no answer to hand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// There is no trade engine: nothing was sent to it.
    Absent,
    /// It crashed, or what came back is not an answer.
    Crashed,
    /// It did not answer in time.
    Late,
}

pub(crate) async fn dispatch(env: &Env, message: &QueueMessage, mode: QueueMode) -> Dispatch {
    if mode == QueueMode::QueueEverywhere {
        return enqueue(env, message, Fate::Free).await;
    }
    let trouble = match ask(env, message, mode).await {
        Ok(response) => return Dispatch { answer: Ok(response), lock: Fate::Kept },
        Err(trouble) => trouble,
    };
    let otherwise = if trouble == Trouble::Absent { Fate::Free } else { Fate::Kept };
    if mode == QueueMode::QueueFailover {
        return enqueue(env, message, otherwise).await;
    }
    let failure = match trouble {
        Trouble::Late => {
            let message = "The trade engine did not answer. The signal stays locked.";
            Failure::new(ErrorCode::ExchangeTimeout, message)
        }
        _ => Failure::new(ErrorCode::BadGateway, "The trade engine cannot be reached."),
    };
    Dispatch { answer: Err(failure), lock: otherwise }
}

async fn enqueue(env: &Env, message: &QueueMessage, otherwise: Fate) -> Dispatch {
    let queue = WorkerQueue::new(env.clone(), "TRADE_QUEUE");
    match queue.send(message, Duration::ZERO).await {
        Ok(()) => {
            let answer = respond(&Answer::enqueued(message.request_id));
            let internal = |_| Failure::new(ErrorCode::Internal, "Internal error.");
            Dispatch { answer: answer.map_err(internal), lock: Fate::Queued }
        }
        Err(_) => {
            let text = "The queue cannot be reached; the signal is not in it.";
            let failure = Failure::new(ErrorCode::QueueUnavailable, text);
            Dispatch { answer: Err(failure), lock: otherwise }
        }
    }
}

/// The trade engine's answer, if it is one that decides the signal.
async fn ask(
    env: &Env,
    message: &QueueMessage,
    mode: QueueMode,
) -> core::result::Result<Response, Trouble> {
    let trade = env.service("TRADE_SERVICE").map_err(|_| Trouble::Absent)?;
    let request = internal_request(
        env,
        "https://trade/webhook",
        message.request_id,
        &[("x-queue-mode", mode_name(mode))],
        &message.to_json(),
    );
    let request = request.map_err(|_| Trouble::Absent)?;
    let answer = within(TIMEOUT, trade.fetch_request(request)).await.ok_or(Trouble::Late)?;
    let response = answer.map_err(|_| Trouble::Crashed)?;
    judge(response, mode).await.map_err(|_| Trouble::Crashed)?
}

/// Whether an answer is one to hand on. What is no answer of ours is never repeated to the sender.
async fn judge(
    mut response: Response,
    mode: QueueMode,
) -> Result<core::result::Result<Response, Trouble>> {
    let status = response.status_code();
    if status < 500 && status != 429 {
        return Ok(Ok(response));
    }
    #[derive(Deserialize)]
    struct Body {
        error: Error,
    }
    #[derive(Deserialize)]
    struct Error {
        code: String,
    }
    let copy = response.cloned()?;
    let body: Body = json_of(&response).await?;
    // Decided already: nothing was ordered, and the queue would not have it otherwise.
    let decided = [ErrorCode::KillSwitchActive, ErrorCode::QueueUnavailable];
    let code = body.error.code.as_str();
    if mode == QueueMode::QueueFailover && !decided.iter().any(|it| it.as_str() == code) {
        return Ok(Err(Trouble::Crashed));
    }
    let ours = ErrorCode::ALL.iter().any(|it| it.as_str() == code && it.status() == status);
    Ok(if ours { Ok(copy) } else { Err(Trouble::Crashed) })
}
