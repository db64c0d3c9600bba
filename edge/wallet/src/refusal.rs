//! Why something was not done, as the caller hears it.

use core::fmt;

use hoox_router::{ErrorCode, Failure, RequestId};
use hoox_wallet::{AddressError, AmountError, FeeError, PolicyError, RpcError, WalletError};
use serde_json::{Value, json};
use worker::{Response, Result};

/// An error's answer: status, code, message, and what else belongs to it.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: u16,
    code: &'static str,
    message: String,
    extra: Value,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), extra: Value::Null }
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new(400, ErrorCode::Validation.as_str(), message)
    }

    pub(crate) fn violation(field: &str, issue: impl fmt::Display) -> Self {
        let mut it = Self::validation("Invalid JSON payload structure.");
        it.extra = json!({ "details": [{ "field": field, "issue": issue.to_string() }] });
        it
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(403, "FORBIDDEN", message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, ErrorCode::NotFound.as_str(), message)
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(500, ErrorCode::Internal.as_str(), message)
    }

    pub(crate) fn store() -> Self {
        Failure::store_unavailable().into()
    }

    /// It is worth so much that it must be asked for twice (wallet.md §7).
    pub(crate) fn confirmation(confirmation_id: &str, value_usd: &str) -> Self {
        let mut it = Self::new(
            409,
            "CONFIRMATION_REQUIRED",
            "It is worth more than 1000 USD; send the same again with this confirmationId.",
        );
        it.extra = json!({ "confirmationId": confirmation_id, "valueUsd": value_usd });
        it
    }

    /// The answer.
    pub(crate) fn respond(&self, id: RequestId) -> Result<Response> {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let (Some(error), Some(extra)) = (error.as_object_mut(), self.extra.as_object()) {
            error.extend(extra.clone());
        }
        let body = json!({ "success": false, "requestId": id, "result": null, "error": error });
        hoox_edge::json(id, self.status, &body)
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::new(failure.code.status(), failure.code.as_str(), failure.message)
    }
}

impl From<AddressError> for Refusal {
    fn from(error: AddressError) -> Self {
        Self::validation(error.to_string())
    }
}

impl From<AmountError> for Refusal {
    fn from(error: AmountError) -> Self {
        Self::validation(error.to_string())
    }
}

impl From<FeeError> for Refusal {
    fn from(error: FeeError) -> Self {
        let code = match error {
            FeeError::GasPrice { .. } | FeeError::Unreadable => "GAS_PRICE_LIMIT",
            _ => "FEE_LIMIT",
        };
        Self::new(403, code, error.to_string())
    }
}

impl From<RpcError> for Refusal {
    fn from(error: RpcError) -> Self {
        // A node's own words may hold anything.
        let message = match error {
            RpcError::WrongChain { .. } => error.to_string(),
            _ => "No node of the chain gave a usable answer.".into(),
        };
        Self::new(502, ErrorCode::BadGateway.as_str(), message)
    }
}

impl From<WalletError> for Refusal {
    fn from(error: WalletError) -> Self {
        let message = error.to_string();
        match error {
            WalletError::Rpc(error) => error.into(),
            WalletError::Fee(error) => error.into(),
            WalletError::Policy(PolicyError::Unpriced(_)) => {
                Self::new(403, "PRICE_UNAVAILABLE", "What it is worth cannot be told.")
            }
            WalletError::Policy(_) => Self::forbidden(message),
            WalletError::Address(_)
            | WalletError::NoRoute
            | WalletError::Bound
            | WalletError::Deadline
            | WalletError::Id => Self::validation(message),
            WalletError::IdReused => Self::new(409, ErrorCode::Duplicate.as_str(), message),
            WalletError::TokenBusy(_) => Self::new(409, "TOKEN_BUSY", message),
            WalletError::StepOpen(_) => Self::new(409, "STEP_PENDING", message),
            WalletError::Nonce(_) => Self::new(502, ErrorCode::BadGateway.as_str(), message),
            WalletError::Store(_) => Self::store(),
            WalletError::Sign(_) => Self::internal("It could not be signed."),
            _ => Self::new(422, "TRANSACTION_REJECTED", message),
        }
    }
}
