//! How many signals a sender has sent in the present window (gateway.md §7).
#![allow(missing_docs)] // what the macro generates has none

use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::rc::Rc;

use hoox_connector::{Clock, Timestamp};
use hoox_edge::{WorkerClock, done, fail, json, json_of, keep_object, path, request_id};
use hoox_router::{Admission, CallerId, ErrorCode, Failure, RateWindow, Settings, admit};
use serde::{Deserialize, Serialize};
use worker::{
    Delay, DurableObject, Env, Method, Request, Response, Result, SqlStorage, State,
    durable_object, wasm_bindgen,
};

/// The binding of the objects.
const OBJECTS: &str = "RATE_LIMITER";

/// How long counted signals are kept in memory alone.
const SAVED_AFTER: Duration = Duration::from_millis(100);

/// The window of one sender, whom the object's name tells by the digest of the passkey.
#[durable_object]
#[derive(Debug)]
pub struct RateLimiterStore {
    state: State,
    window: Rc<RefCell<Option<RateWindow>>>,
    /// Whether the window is about to be written down.
    saving: Rc<Cell<bool>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Counted {
    /// How long the sender has to wait. A signal that is admitted is answered without a body.
    retry_after_ms: Option<u64>,
}

impl DurableObject for RateLimiterStore {
    fn new(state: State, _: Env) -> Self {
        keep_object(&state);
        // What cannot be read is a window that has not begun.
        let window = load(&state.storage().sql()).ok().flatten();
        Self { state, window: Rc::new(RefCell::new(window)), saving: Rc::default() }
    }

    async fn fetch(&self, request: Request) -> Result<Response> {
        let id = request_id(&request);
        let limit = path(&request).trim_start_matches('/').parse();
        let Ok(limit) = limit else {
            return fail(id, &Failure::new(ErrorCode::BadRequest, "No limit."));
        };
        let length = Settings::default().rate_window;
        let admission = admit(&mut self.window.borrow_mut(), limit, length, WorkerClock.now());
        let retry_after_ms = match admission {
            Admission::Admitted => None,
            Admission::Refused { retry_after } => {
                Some(retry_after.as_millis().try_into().unwrap_or(u64::MAX))
            }
        };
        if !self.saving.replace(true) {
            let sql = self.state.storage().sql();
            let (window, saving) = (Rc::clone(&self.window), Rc::clone(&self.saving));
            self.state.wait_until(async move {
                // After the answer, which need not wait for the disk, and once for all that come
                // meanwhile: a crash in between costs the senders nothing and the limit these signals.
                Delay::from(SAVED_AFTER).await;
                saving.set(false);
                if let Some(window) = *window.borrow() {
                    let _ = save(&sql, window);
                }
            });
        }
        match retry_after_ms {
            None => done(),
            some => json(id, 200, &Counted { retry_after_ms: some }),
        }
    }
}

/// Counts one signal of a sender.
///
/// # Errors
/// [`Failure`]: the limit is reached, or cannot be told.
pub(crate) async fn count(
    env: &Env,
    caller: CallerId,
    limit: u32,
) -> core::result::Result<(), Failure> {
    if limit == 0 {
        return Ok(());
    }
    let ask = async || -> Result<Counted> {
        let object = env.durable_object(OBJECTS)?.get_by_name(&caller.to_string())?;
        let request = Request::new(&format!("https://object/{limit}"), Method::Post)?;
        let response = object.fetch_with_request(request).await?;
        match response.status_code() {
            204 => Ok(Counted { retry_after_ms: None }),
            _ => json_of(&response).await,
        }
    };
    match ask().await {
        Ok(Counted { retry_after_ms: None }) => Ok(()),
        Ok(Counted { retry_after_ms: Some(wait) }) => {
            Err(Failure::too_many_signals(Duration::from_millis(wait)))
        }
        Err(_) => Err(Failure::store_unavailable()),
    }
}

fn load(sql: &SqlStorage) -> Result<Option<RateWindow>> {
    #[derive(Deserialize)]
    struct Row {
        count: u32,
        reset_at: u64,
    }
    sql.exec(
        "CREATE TABLE IF NOT EXISTS rate_window (
             id INTEGER PRIMARY KEY CHECK (id = 1), count INTEGER NOT NULL,
             reset_at INTEGER NOT NULL)",
        None,
    )?;
    let rows: Vec<Row> = sql.exec("SELECT count, reset_at FROM rate_window", None)?.to_array()?;
    let window =
        |row: &Row| RateWindow { count: row.count, reset_at: Timestamp::from_millis(row.reset_at) };
    Ok(rows.first().map(window))
}

fn save(sql: &SqlStorage, window: RateWindow) -> Result<()> {
    let reset_at = i64::try_from(window.reset_at.as_millis()).unwrap_or(i64::MAX);
    sql.exec(
        "INSERT INTO rate_window (id, count, reset_at) VALUES (1, ?, ?)
         ON CONFLICT DO UPDATE SET count = excluded.count, reset_at = excluded.reset_at",
        vec![i64::from(window.count).into(), reset_at.into()],
    )
    .map(drop)
}
