use hoox_router::{LogLevel, RequestId};

/// Writes one structured line to the worker's log. Neither `message` nor anything else may hold a
/// secret, an address or a text from outside.
pub fn log(level: LogLevel, request_id: Option<RequestId>, message: &str) {
    let line = serde_json::json!({
        "level": level.as_str(), "requestId": request_id, "message": message,
    });
    match level {
        LogLevel::Info => worker::console_log!("{line}"),
        LogLevel::Warn => worker::console_warn!("{line}"),
        LogLevel::Error => worker::console_error!("{line}"),
    }
}
