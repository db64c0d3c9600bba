//! Order entry. A message carries what a REST body does, without a signature.
//!
//! Source: protocol sheet for Bybit, section 10 ("WebSocket order entry").

use std::collections::{HashSet, VecDeque};

use serde_json::{Map, Value, json};

use super::super::errors::{self, ApiError};
use super::super::limits::Usage;
use super::super::params::Params;
use super::super::routes::{self, Access};
use super::super::{Bybit, check_time};
use super::op;
use crate::ws::Cx;

/// Longest `reqId`.
const MAX_ID: usize = 36;
/// Request ids remembered per connection.
const MAX_IDS: usize = 10_000;

/// An order entry connection.
#[derive(Debug, Default)]
pub(super) struct Trade {
    /// The account, and whether the key may trade.
    login: Option<(usize, bool)>,
    seen: HashSet<String>,
    order: VecDeque<String>,
    leaving: bool,
}

impl Trade {
    pub(super) fn request(
        &mut self,
        front: &mut Bybit,
        cx: &mut Cx<'_>,
        id: &str,
        request: &Map<String, Value>,
    ) {
        match op(request) {
            "ping" => cx.out.reply(json!({
                "retCode": 0, "retMsg": "OK", "op": "pong", "data": [cx.server_ms.to_string()],
                "connId": id,
            })),
            "auth" => {
                let login = match self.login {
                    Some(_) => Err(errors::WS_ALREADY),
                    None => front.log_in(request.get("args"), cx.server_ms),
                };
                let (code, msg) = match &login {
                    Ok(_) => (0, "OK"),
                    Err(error) => (error.code, &*error.msg),
                };
                cx.out.reply(json!({
                    "retCode": code, "retMsg": msg, "op": "auth", "connId": id,
                    "reqId": request.get("reqId"),
                }));
                front.count(login.as_ref().err());
                self.login = self.login.or(login.ok());
            }
            _ => {
                let mut usage = None;
                let done = self.order(front, cx, request, &mut usage);
                front.count(done.as_ref().err());
                let done = done.as_ref();
                cx.out.reply(answer(request, id, cx.server_ms, usage, done));
            }
        }
    }

    /// The service is about to restart: what comes now belongs on another connection.
    pub(super) fn leave(&mut self) {
        self.leaving = true;
    }

    fn order(
        &mut self,
        front: &mut Bybit,
        cx: &mut Cx<'_>,
        request: &Map<String, Value>,
        usage: &mut Option<Usage>,
    ) -> Result<(Value, Option<Value>), ApiError> {
        if !front.limiter.frame(cx.peer, cx.server_ms) {
            return Err(errors::WS_IP_LIMIT);
        }
        let path = path(op(request)).ok_or(errors::WS_NO_OP)?;
        let (account, trade) = self.login.ok_or(errors::WS_NO_LOGIN)?;
        if self.leaving {
            return Err(errors::WS_RESTARTING);
        }
        self.remember(request.get("reqId"))?;
        let header = |name: &str| match request.get("header").and_then(|h| h.get(name)) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(ApiError::bad(name)),
        };
        let timestamp = header("X-BAPI-TIMESTAMP")?;
        let timestamp = timestamp.ok_or_else(|| ApiError::missing("X-BAPI-TIMESTAMP"))?;
        let window = header("X-BAPI-RECV-WINDOW")?.unwrap_or_default();
        check_time(timestamp, window, cx.server_ms)?;
        let Some([Value::Object(args)]) =
            request.get("args").and_then(Value::as_array).map(Vec::as_slice)
        else {
            return Err(ApiError::params("args must hold exactly one object"));
        };
        let route = routes::find("POST", path).ok_or(errors::WS_NO_OP)?;
        if route.access == Access::Trade && !trade {
            return Err(errors::PERMISSION);
        }
        let params = Params::Body(std::borrow::Cow::Borrowed(args));
        front.serve(cx.engine, route, &params, (account, cx.server_ms), usage)
    }

    /// A request id is used once.
    fn remember(&mut self, id: Option<&Value>) -> Result<(), ApiError> {
        let id = match id {
            None | Some(Value::Null) => return Ok(()),
            Some(Value::String(id)) if id.len() <= MAX_ID => id,
            Some(_) => return Err(ApiError::bad("reqId")),
        };
        if id.is_empty() {
            return Ok(());
        }
        if !self.seen.insert(id.clone()) {
            return Err(errors::WS_DUPLICATE);
        }
        self.order.push_back(id.clone());
        if self.order.len() > MAX_IDS
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        Ok(())
    }
}

/// The REST endpoint that does the same.
fn path(op: &str) -> Option<&'static str> {
    Some(match op {
        "order.create" => "/v5/order/create",
        "order.amend" => "/v5/order/amend",
        "order.cancel" => "/v5/order/cancel",
        "order.create-batch" => "/v5/order/create-batch",
        "order.amend-batch" => "/v5/order/amend-batch",
        "order.cancel-batch" => "/v5/order/cancel-batch",
        _ => return None,
    })
}

/// The answer to an order request.
pub(super) fn answer(
    request: &Map<String, Value>,
    conn_id: &str,
    server_ms: u64,
    usage: Option<Usage>,
    done: Result<&(Value, Option<Value>), &ApiError>,
) -> Value {
    let (code, msg, data, ext) = match done {
        Ok((data, ext)) => (0, "OK", data.clone(), ext.clone()),
        Err(error) => (error.code, &*error.msg, json!({}), None),
    };
    let mut header = json!({
        "Traceid": format!("{server_ms:032x}"), "Timenow": server_ms.to_string(),
    });
    if let (Some(usage), Some(header)) = (usage, header.as_object_mut()) {
        let mut put = |name: &str, value: u64| {
            header.insert(name.to_owned(), value.to_string().into());
        };
        put("X-Bapi-Limit", usage.limit);
        put("X-Bapi-Limit-Status", usage.left);
        put("X-Bapi-Limit-Reset-Timestamp", usage.reset_ms);
    }
    json!({
        "reqId": request.get("reqId"), "retCode": code, "retMsg": msg, "op": op(request),
        "data": data, "retExtInfo": ext.unwrap_or_else(|| json!({})), "header": header,
        "connId": conn_id,
    })
}
