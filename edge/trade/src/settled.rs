//! What an object makes of a message, as it tells the consumer.

use hoox_router::Verdict;
use serde::Serialize;

/// A verdict, as the consumer reads it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Settled<'v> {
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_seconds: Option<u64>,
    counted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'v str>,
}

impl<'v> From<&'v Verdict> for Settled<'v> {
    fn from(verdict: &'v Verdict) -> Self {
        let settled = |verdict| Self { verdict, delay_seconds: None, counted: true, reason: None };
        match verdict {
            Verdict::Ack => settled("ack"),
            Verdict::Retry { delay, counted } => {
                Self { delay_seconds: Some(delay.as_secs()), counted: *counted, ..settled("retry") }
            }
            Verdict::Dead { reason } => Self { reason: Some(reason), ..settled("dead") },
        }
    }
}
