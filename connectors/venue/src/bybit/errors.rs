//! Error numbers and texts.
//!
//! Source: protocol sheet for Bybit, section 8, and its error samples. Numbers the sheet does not
//! have are marked; they are the ones the venue is remembered to use and may differ.

use std::borrow::Cow;

use crate::engine::{Filter, Market, Reject};

/// A refusal in the venue's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ApiError {
    /// HTTP status; 200 for nearly everything.
    pub(super) status: u16,
    pub(super) code: i32,
    pub(super) msg: Cow<'static, str>,
}

const fn error(code: i32, msg: &'static str) -> ApiError {
    ApiError { status: 200, code, msg: Cow::Borrowed(msg) }
}

pub(super) const KEY_INVALID: ApiError = error(10003, "API key is invalid.");
pub(super) const NO_AUTH: ApiError =
    ApiError { status: 401, code: 10003, msg: Cow::Borrowed("API key is invalid.") };
pub(super) const BAD_SIGNATURE: ApiError = error(10004, "error sign! origin_string[...]");
pub(super) const PERMISSION: ApiError =
    error(10005, "Permission denied, please check your API key permissions.");
pub(super) const RATE_LIMIT: ApiError =
    error(10006, "Too many visits. Exceeded the API Rate Limit.");
pub(super) const NO_ROUTE: ApiError =
    ApiError { status: 404, code: 10017, msg: Cow::Borrowed("Route not found.") };
pub(super) const SERVER_TIMEOUT: ApiError = error(10000, "Server Timeout");
pub(super) const SERVER_ERROR: ApiError = error(10016, "Server error.");
pub(super) const BACKEND_TIMEOUT: ApiError =
    error(170007, "Timeout waiting for response from backend server.");
pub(super) const OVERLOADED: ApiError =
    ApiError { status: 429, code: 429, msg: Cow::Borrowed("System level frequency protection.") };
pub(super) const POSITION_IDX: ApiError = error(10001, "position idx not match position mode");
pub(super) const POSITION_MODE_SAME: ApiError = error(110025, "Position mode is not modified");
pub(super) const MARGIN_MODE_SAME: ApiError =
    error(110026, "Cross/isolated margin mode is not modified");
pub(super) const LEVERAGE_SAME: ApiError = error(110043, "leverage not modified");
pub(super) const STOPS_SAME: ApiError = error(34040, "not modified");
pub(super) const HAS_POSITION: ApiError =
    error(110024, "You have an existing position, so the position mode cannot be switched");
pub(super) const HAS_ORDERS: ApiError =
    error(110028, "You have existing open orders, so the position mode cannot be switched");
pub(super) const REDUCE_ONLY: ApiError = error(110017, "Reduce-only rule not satisfied");
pub(super) const RISES_TOO_LOW: ApiError =
    error(110092, "expect Rising, but trigger_price is not above the current price");
pub(super) const FALLS_TOO_HIGH: ApiError =
    error(110093, "expect Falling, but trigger_price is not below the current price");

pub(super) const WS_IP_LIMIT: ApiError = error(10403, "Exceed IP rate limit.");
pub(super) const WS_NO_OP: ApiError = error(10404, "op type is not found");
pub(super) const WS_OVERLOADED: ApiError = error(10429, "System level frequency protection.");
pub(super) const WS_RESTARTING: ApiError =
    error(10019, "ws trade service is restarting, do not accept new request");
pub(super) const WS_ALREADY: ApiError = error(20001, "Repeat auth");
pub(super) const WS_DUPLICATE: ApiError = error(20006, "Duplicate reqId");
/// An order before the login. UNVERIFIED number.
pub(super) const WS_NO_LOGIN: ApiError = error(10005, "Request not authorized");

impl ApiError {
    /// 10001 with a text of its own.
    pub(super) fn params(msg: impl Into<Cow<'static, str>>) -> Self {
        Self { status: 200, code: 10001, msg: msg.into() }
    }

    pub(super) fn bad(name: &str) -> Self {
        Self::params(format!("params error: {name} invalid"))
    }

    pub(super) fn missing(name: &str) -> Self {
        Self::params(format!("Missing some parameters that must be filled in: {name}"))
    }

    /// 10002 with the three numbers the venue reports.
    pub(super) fn timestamp(sent: &str, server_ms: u64, window: &str) -> Self {
        Self {
            status: 200,
            code: 10002,
            msg: format!(
                "invalid request, please check your server timestamp or recv_window param. \
                 req_timestamp[{sent}],server_timestamp[{server_ms}],recv_window[{window}]"
            )
            .into(),
        }
    }

    pub(super) fn duplicate_link(market: Market) -> Self {
        match market {
            Market::Spot => error(170141, "Duplicate clientOrderId."),
            Market::Linear => error(110072, "OrderLinkedID is duplicate"),
        }
    }

    pub(super) fn unknown_order(market: Market) -> Self {
        match market {
            Market::Spot => error(170213, "Order does not exist."),
            Market::Linear => error(110001, "order not exists or too late to cancel"),
        }
    }

    pub(super) fn unknown_symbol(market: Market) -> Self {
        match market {
            // Not in the sheet.
            Market::Spot => error(170121, "Invalid symbol."),
            Market::Linear => Self::bad("symbol"),
        }
    }

    pub(super) fn from_reject(market: Market, reject: Reject) -> Self {
        match market {
            Market::Spot => spot(reject),
            Market::Linear => linear(reject),
        }
    }
}

fn spot(reject: Reject) -> ApiError {
    match reject {
        Reject::UnknownSymbol => ApiError::unknown_symbol(Market::Spot),
        Reject::Precision("price" | "stopPrice") | Reject::Filter(Filter::PriceTick, _) => {
            error(170134, "Order price has too many decimals.")
        }
        Reject::Precision(_)
        | Reject::Filter(Filter::QuantityStep | Filter::MarketQuantityStep, _) => {
            error(170137, "Order quantity has too many decimals.")
        }
        Reject::NotPositive("price") | Reject::Filter(Filter::PriceMin, _) => {
            error(170133, "Order price exceeded lower limit.")
        }
        Reject::Filter(Filter::PriceMax, _) => error(170132, "Order price exceeded upper limit."),
        Reject::NotPositive(_)
        | Reject::Filter(Filter::QuantityMin | Filter::MarketQuantityMin, _) => {
            error(170136, "Order quantity exceeded lower limit.")
        }
        Reject::Filter(
            Filter::QuantityMax | Filter::MarketQuantityMax | Filter::NotionalMax,
            _,
        ) => error(170124, "Order amount too large."),
        Reject::Filter(Filter::NotionalMin, _) => {
            error(170140, "Order value exceeded lower limit.")
        }
        Reject::Filter(Filter::PercentPriceUp, bound) => ApiError {
            msg: format!("Buy order price cannot be higher than {bound}.").into(),
            ..error(170193, "")
        },
        Reject::Filter(Filter::PercentPriceDown, bound) => ApiError {
            msg: format!("Sell order price cannot be lower than {bound}.").into(),
            ..error(170194, "")
        },
        Reject::Filter(Filter::MaxOrders | Filter::MaxAlgoOrders, bound) => ApiError {
            msg: format!("Cannot exceed maximum of {bound} conditional, TP/SL and active orders.")
                .into(),
            ..error(170810, "")
        },
        Reject::InsufficientBalance | Reject::InsufficientMargin => {
            error(170131, "Insufficient balance.")
        }
        Reject::DuplicateClientId => ApiError::duplicate_link(Market::Spot),
        Reject::UnknownOrder => ApiError::unknown_order(Market::Spot),
        Reject::MarketClosed => ApiError::params("The trading pair is not open for trading."),
        other => common(other),
    }
}

fn linear(reject: Reject) -> ApiError {
    match reject {
        Reject::UnknownSymbol => ApiError::unknown_symbol(Market::Linear),
        Reject::Precision("price") | Reject::Filter(Filter::PriceTick, _) => ApiError::bad("price"),
        Reject::Precision("triggerPrice") => ApiError::bad("triggerPrice"),
        Reject::Precision(_)
        | Reject::NotPositive("quantity")
        | Reject::Filter(Filter::QuantityStep | Filter::MarketQuantityStep, _) => {
            ApiError::params("Qty invalid")
        }
        Reject::NotPositive(name) => ApiError::bad(name),
        Reject::Filter(Filter::QuantityMin | Filter::MarketQuantityMin, bound) => ApiError::params(
            format!("The number of contracts below minimum limit allowed: {bound}"),
        ),
        Reject::Filter(Filter::QuantityMax | Filter::MarketQuantityMax, bound) => ApiError::params(
            format!("The number of contracts exceeds maximum limit allowed: {bound}"),
        ),
        Reject::Filter(
            Filter::PriceMin | Filter::PriceMax | Filter::PercentPriceUp | Filter::PercentPriceDown,
            _,
        ) => error(110003, "Order price exceeds the allowable range."),
        Reject::Filter(Filter::NotionalMin, bound) => ApiError {
            msg: format!("Order does not meet minimum order value {}USDT", bound.normalize())
                .into(),
            ..error(110094, "")
        },
        Reject::Filter(Filter::MaxOrders, _) => {
            error(110020, "Not allowed to have more than 500 active orders.")
        }
        Reject::Filter(Filter::MaxAlgoOrders, _) => {
            error(110009, "The number of stop orders exceeds the maximum allowable limit")
        }
        Reject::InsufficientMargin | Reject::InsufficientBalance => {
            error(110007, "ab not enough for new order")
        }
        Reject::LeverageMargin | Reject::LeverageReduction => {
            error(110012, "Insufficient available balance.")
        }
        // Not in the sheet.
        Reject::PositionLimitAtLeverage => error(
            110090,
            "Order placement failed as your position may exceed the max limit. Please adjust your \
             leverage",
        ),
        Reject::LeverageOutOfRange => {
            // Not in the sheet.
            error(110013, "Cannot set leverage due to risk limit level")
        }
        Reject::MarketClosed => error(110023, "Currently you can only reduce position."),
        Reject::ReduceOnly | Reject::ReduceOnlyInHedgeMode => REDUCE_ONLY,
        Reject::PositionSideMismatch => POSITION_IDX,
        Reject::DuplicateClientId => ApiError::duplicate_link(Market::Linear),
        Reject::UnknownOrder => ApiError::unknown_order(Market::Linear),
        other => common(other),
    }
}

fn common(reject: Reject) -> ApiError {
    match reject {
        Reject::NothingToModify => ApiError::params("order not modified"),
        Reject::NotModifiable => ApiError::params("The order cannot be modified"),
        Reject::WouldTrigger => ApiError::bad("triggerPrice"),
        _ => ApiError::params("params error"),
    }
}
