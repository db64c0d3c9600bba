//! Venue errors that a fault asks for.

use super::Binance;
use super::errors::ApiError;
use crate::fault::{Fault, FaultKind};
use crate::http::HttpResponse;

impl Binance {
    /// The reply of an injected venue error.
    pub(crate) fn injected(&mut self, fault: &Fault, server_ms: u64) -> HttpResponse {
        let error = match self.injected_error(fault, server_ms) {
            Ok(error) => error,
            Err(page) => return page,
        };
        let mut reply = HttpResponse::json(error.status, error.body());
        if let Some(seconds) = error.retry_after_s {
            reply = reply.with("Retry-After", seconds);
        }
        reply
    }

    /// The error of a fault, or the page that stands in its place.
    pub(super) fn injected_error(
        &self,
        fault: &Fault,
        server_ms: u64,
    ) -> Result<ApiError, HttpResponse> {
        let wait_ms = fault.ms_or(1_000);
        let wait_s = wait_ms.div_ceil(1_000);
        let error = |status, code, msg: &'static str| ApiError {
            status,
            code,
            msg: msg.into(),
            retry_after_s: None,
        };
        Ok(match fault.kind {
            FaultKind::Http503Unknown => {
                error(503, -1000, "Unknown error, please check your request or try again later.")
            }
            FaultKind::Http503Throttled => error(
                503,
                -1008,
                "Request throttled by system-level protection. Reduce-only/close-position orders \
                 are exempt. Please try again.",
            ),
            FaultKind::Http504Timeout => error(
                504,
                -1007,
                "Timeout waiting for response from backend server. Send status unknown; execution \
                 status unknown.",
            ),
            FaultKind::Http500Unexpected => error(
                500,
                -1006,
                "An unexpected response was received from the message bus. Execution status \
                 unknown.",
            ),
            FaultKind::Http429 => {
                ApiError::too_much_weight(self.limiter.limits().linear_weight_1m, wait_s)
            }
            FaultKind::Http418 => ApiError::banned(server_ms + wait_ms, wait_s),
            FaultKind::Http503Unavailable => {
                return Err(HttpResponse {
                    status: 503,
                    headers: vec![("Content-Type", "text/plain".to_owned())],
                    body: b"Service Unavailable.".to_vec(),
                });
            }
            FaultKind::Http408 => {
                return Err(HttpResponse { status: 408, headers: Vec::new(), body: Vec::new() });
            }
            FaultKind::Http403 => return Err(HttpResponse::html(403, "Forbidden")),
            _ => return Err(HttpResponse::html(502, "Bad Gateway")),
        })
    }
}
