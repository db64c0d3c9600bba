//! Error numbers and texts. Source: protocol sheet for MEXC, section 9, and its error samples.
//! Numbers the sheet does not confirm are marked.

use std::borrow::Cow;

use crate::engine::{Filter, Market, Reject, Side};

/// A refusal in the venue's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ApiError {
    /// HTTP status: 200 on futures, 400 for most on spot.
    pub(super) status: u16,
    pub(super) code: i32,
    pub(super) msg: Cow<'static, str>,
    pub(super) retry_after_s: Option<u64>,
}

const fn error(status: u16, code: i32, msg: &'static str) -> ApiError {
    ApiError { status, code, msg: Cow::Borrowed(msg), retry_after_s: None }
}

const fn spot(code: i32, msg: &'static str) -> ApiError {
    error(400, code, msg)
}

const fn futures(code: i32, msg: &'static str) -> ApiError {
    error(200, code, msg)
}

pub(super) const KEY_REQUIRED: ApiError = spot(400, "api key required");
pub(super) const KEY_UNKNOWN: ApiError = spot(10072, "Api key info invalid");
pub(super) const BAD_SIGNATURE: ApiError = spot(700002, "Signature for this request is not valid.");
pub(super) const BAD_TIMESTAMP: ApiError =
    spot(700003, "Timestamp for this request is outside of the recvWindow.");
pub(super) const BAD_RECV_WINDOW: ApiError = spot(700005, "recvWindow must less than 60000");
pub(super) const NO_PERMISSION: ApiError = spot(700007, "No permission to access the endpoint.");
pub(super) const BAD_SYMBOL: ApiError = spot(10007, "bad symbol");
pub(super) const UNKNOWN_ON_CANCEL: ApiError = spot(-2011, "Unknown order sent.");
/// UNVERIFIED number.
pub(super) const UNKNOWN_ON_QUERY: ApiError = spot(-2013, "Order does not exist.");
/// UNVERIFIED number.
pub(super) const LISTEN_KEY: ApiError = spot(730002, "listenKey does not exist");
/// UNVERIFIED number.
pub(super) const LISTEN_KEYS_FULL: ApiError = spot(730002, "too many listenKeys");
pub(super) const BODY_TOO_ODD: ApiError = spot(700013, "Invalid content Type.");

pub(super) const F_UNAUTHORIZED: ApiError = futures(401, "Not logged in or login has expired");
pub(super) const F_KEY: ApiError = futures(402, "API Key expired");
pub(super) const F_SIGNATURE: ApiError = futures(602, "Confirming signature failed");
pub(super) const F_TIME: ApiError = futures(513, "Invalid request");
pub(super) const F_PERMISSION: ApiError = futures(511, "Interface no access");
pub(super) const F_TOO_FREQUENT: ApiError =
    futures(510, "Requests are too frequent, please try again later");
pub(super) const F_PARAMS: ApiError = futures(600, "Parameter error");
pub(super) const F_CONTRACT: ApiError = futures(1001, "Contract does not exist");
pub(super) const F_ORDER_GONE: ApiError = futures(2040, "order not exist");
pub(super) const F_NOT_CANCELLABLE: ApiError = futures(2041, "order state cannot be cancelled");
pub(super) const F_OID_LONG: ApiError = futures(2030, "External order ID is too long");
/// A second order with an `externalOid`; UNVERIFIED for single orders.
pub(super) const F_REPEATED: ApiError = futures(603, "Repeated request");
/// Numbers of the sheet's row "leverage / margin-mode conflicts".
pub(super) const F_MARGIN_MODE: ApiError =
    futures(2024, "The margin mode cannot be changed with open positions or orders");
pub(super) const F_LEVERAGE: ApiError = futures(2006, "Leverage ratio error");
pub(super) const F_MODE_BLOCKED: ApiError =
    futures(2026, "The position mode cannot be changed with open positions or orders");
/// Take profit or stop loss on the wrong side of the price. UNVERIFIED number, told by users.
pub(super) const F_STOP_PRICE: ApiError = futures(5003, "The price of stop-limit order error");
pub(super) const F_NO_POSITION: ApiError = futures(2009, "Position is not exists or closed.");
/// A trigger price that is reached already. UNVERIFIED number.
const F_TRIGGERED: ApiError = futures(2007, "The trigger price has been reached already");
pub(super) const F_INTERNAL: ApiError = futures(500, "Internal error");

impl ApiError {
    pub(super) fn missing(name: &str) -> Self {
        Self {
            msg: format!("Mandatory parameter '{name}' was not sent.").into(),
            ..spot(700004, "")
        }
    }

    pub(super) fn bad(name: &str) -> Self {
        Self { msg: format!("Parameter '{name}' is illegal.").into(), ..spot(700008, "") }
    }

    pub(super) fn too_many(seconds: u64) -> Self {
        Self { retry_after_s: Some(seconds), ..error(429, 429, "Too Many Requests") }
    }

    pub(super) fn banned(seconds: u64) -> Self {
        Self { retry_after_s: Some(seconds), ..error(418, 418, "IP banned for too many requests") }
    }

    pub(super) fn from_reject(market: Market, side: Side, reject: Reject) -> Self {
        match market {
            Market::Spot => on_spot(side, reject),
            Market::Linear => on_futures(reject),
        }
    }
}

fn on_spot(side: Side, reject: Reject) -> ApiError {
    match reject {
        Reject::UnknownSymbol => BAD_SYMBOL,
        Reject::Precision(_) | Reject::Filter(Filter::PriceTick | Filter::QuantityStep, _) => {
            spot(10096, "Too many decimals")
        }
        Reject::NotPositive(_) | Reject::Filter(Filter::QuantityMin | Filter::NotionalMin, _) => {
            spot(30002, "The minimum transaction volume cannot be less than:1USDT")
        }
        Reject::Filter(Filter::QuantityMax | Filter::NotionalMax, _) => {
            spot(30003, "The maximum transaction volume has been exceeded")
        }
        Reject::Filter(
            Filter::PriceMin | Filter::PriceMax | Filter::PercentPriceUp | Filter::PercentPriceDown,
            _,
        ) => spot(30087, "Order price exceeds allowed range"),
        Reject::Filter(Filter::MaxOrders, _) => spot(30027, "Reach max open position limit"),
        Reject::InsufficientBalance if side == Side::Sell => spot(30004, "Insufficient position"),
        Reject::InsufficientBalance => spot(10101, "Insufficient balance"),
        Reject::MarketClosed => spot(30016, "Trading disabled"),
        // UNVERIFIED number.
        Reject::DuplicateClientId => spot(-2010, "Duplicate order sent."),
        _ => spot(700008, "Parameter error"),
    }
}

fn on_futures(reject: Reject) -> ApiError {
    match reject {
        Reject::UnknownSymbol => F_CONTRACT,
        Reject::Precision(_) | Reject::Filter(Filter::PriceTick, _) => {
            futures(2015, "Price or quantity accuracy error")
        }
        Reject::NotPositive("price") => futures(2007, "Order price error"),
        Reject::NotPositive(_)
        | Reject::Filter(Filter::QuantityStep | Filter::QuantityMin | Filter::QuantityMax, _) => {
            futures(2011, "Order quantity error, please try to modify.")
        }
        Reject::Filter(Filter::PercentPriceUp, _) => {
            futures(2003, "The price is too high for a buy")
        }
        Reject::Filter(Filter::PercentPriceDown, _) => {
            futures(2004, "The price is too low for a sell")
        }
        Reject::Filter(Filter::PriceMin | Filter::PriceMax, _) => {
            futures(2007, "Order price error")
        }
        Reject::Filter(Filter::MaxOrders | Filter::MaxAlgoOrders, _) => {
            futures(2036, "Too many open orders")
        }
        Reject::InsufficientMargin | Reject::InsufficientBalance | Reject::LeverageMargin => {
            futures(2005, "Balance insufficient")
        }
        Reject::ReduceOnly => F_NO_POSITION,
        Reject::WouldTrigger => F_TRIGGERED,
        Reject::ReduceOnlyInHedgeMode | Reject::PositionSideMismatch => F_PARAMS,
        Reject::PositionLimitAtLeverage => futures(2031, "Exceeds the risk limit"),
        Reject::LeverageOutOfRange | Reject::LeverageReduction => F_LEVERAGE,
        Reject::MarketClosed => futures(1002, "Contract not allow place order!"),
        Reject::DuplicateClientId => F_REPEATED,
        Reject::UnknownOrder => F_ORDER_GONE,
        _ => F_PARAMS,
    }
}
