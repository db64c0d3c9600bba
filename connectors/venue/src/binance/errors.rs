//! Every error this front can answer with: status, number and text in one place.
//!
//! Source: protocol sheet for Binance, section 8, and the error samples. Numbers marked
//! UNVERIFIED are known from the futures error list but not confirmed by a stored source.

use std::borrow::Cow;

use rust_decimal::Decimal;

use crate::engine::{Filter, Market, Reject};

/// An error reply: HTTP status and the `{"code", "msg"}` body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) status: u16,
    pub(super) code: i32,
    pub(super) msg: Cow<'static, str>,
    pub(super) retry_after_s: Option<u64>,
}

const fn error(status: u16, code: i32, msg: &'static str) -> ApiError {
    ApiError { status, code, msg: Cow::Borrowed(msg), retry_after_s: None }
}

pub(super) const INTERNAL: ApiError =
    error(500, -1000, "An unknown error occurred while processing the request.");
pub(super) const KEY_FORMAT: ApiError = error(401, -2014, "API-key format invalid.");
pub(super) const REJECTED_KEY: ApiError =
    error(401, -2015, "Invalid API-key, IP, or permissions for action.");
pub(super) const BAD_SIGNATURE: ApiError =
    error(400, -1022, "Signature for this request is not valid.");
pub(super) const TIMESTAMP_AHEAD: ApiError =
    error(400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.");
pub(super) const TIMESTAMP_OUTSIDE: ApiError =
    error(400, -1021, "Timestamp for this request is outside of the recvWindow.");
pub(super) const BAD_RECV_WINDOW: ApiError =
    error(400, -1131, "recvWindow must be less than 60000.");
pub(super) const TOO_MANY_PARAMETERS: ApiError =
    error(400, -1101, "Too many parameters sent for this endpoint.");
pub(super) const DUPLICATE_PARAMETER: ApiError =
    error(400, -1101, "Duplicate values for a parameter detected.");
pub(super) const BAD_SYMBOL: ApiError = error(400, -1121, "Invalid symbol.");
pub(super) const BAD_INTERVAL: ApiError = error(400, -1120, "Invalid interval.");
pub(super) const BAD_SIDE: ApiError = error(400, -1117, "Invalid side.");
pub(super) const BAD_TYPE: ApiError = error(400, -1116, "Invalid orderType.");
pub(super) const BAD_TIME_IN_FORCE: ApiError = error(400, -1115, "Invalid timeInForce.");
pub(super) const BAD_COMBINATION: ApiError =
    error(400, -1128, "Combination of optional parameters invalid.");
pub(super) const UNKNOWN_ORDER_ON_QUERY: ApiError = error(400, -2013, "Order does not exist.");
pub(super) const UNKNOWN_ORDER_ON_CANCEL: ApiError = error(400, -2011, "Unknown order sent.");
pub(super) const CANCEL_RESTRICTED: ApiError =
    error(400, -2011, "Order was not canceled due to cancel restrictions.");
pub(super) const UNKNOWN_LISTEN_KEY: ApiError = error(400, -1125, "This listenKey does not exist.");
pub(super) const INVALID_JSON: ApiError = error(400, -1135, "Invalid JSON Request");
pub(super) const UNSUPPORTED_OPERATION: ApiError =
    error(400, -1020, "This operation is not supported.");
pub(super) const TOO_MANY_SUBSCRIPTIONS: ApiError = error(400, -1191, "Too many subscriptions.");
// UNVERIFIED: what a logon with an HMAC key, user data without a logon, and a second subscription
// are answered with.
pub(super) const NOT_ED25519: ApiError = error(400, -4056, "HMAC_SHA256 API key is not supported.");
pub(super) const NOT_LOGGED_ON: ApiError =
    error(401, -1002, "You are not authorized to execute this request.");
pub(super) const ALREADY_SUBSCRIBED: ApiError =
    error(400, -2035, "User Data Stream subscription is already active.");
pub(super) const USE_ALGO_ENDPOINT: ApiError = error(
    400,
    -4120,
    "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.",
);
pub(super) const SAME_MARGIN_TYPE: ApiError = error(400, -4046, "No need to change margin type.");
pub(super) const MARGIN_TYPE_ORDERS: ApiError =
    error(400, -4047, "Margin type cannot be changed if there exists open orders.");
pub(super) const MARGIN_TYPE_POSITION: ApiError =
    error(400, -4048, "Margin type cannot be changed if there exists position.");
pub(super) const SAME_POSITION_MODE: ApiError =
    error(400, -4059, "No need to change position side.");
pub(super) const POSITION_MODE_ORDERS: ApiError =
    error(400, -4067, "Position side cannot be changed if there exists open orders.");
pub(super) const POSITION_MODE_POSITION: ApiError =
    error(400, -4068, "Position side cannot be changed if there exists position.");
pub(super) const BAD_CALLBACK_RATE: ApiError = error(400, -2007, "Invalid callBack rate.");
// UNVERIFIED numbers of the futures list from here on.
pub(super) const BATCH_SIZE: ApiError = error(400, -4082, "Invalid number of batch place orders.");
const QUANTITY_NOT_POSITIVE: i32 = -4003;
const QUANTITY_BELOW_MIN: i32 = -4004;
const QUANTITY_ABOVE_MAX: i32 = -4005;
const PRICE_NOT_POSITIVE: i32 = -4001;
const PRICE_ABOVE_MAX: i32 = -4002;
const PRICE_BELOW_MIN: i32 = -4013;
const PRICE_OFF_TICK: i32 = -4014;
const CLIENT_ID_LENGTH: i32 = -4015;
const PRICE_ABOVE_BAND: i32 = -4016;
const QUANTITY_OFF_STEP: i32 = -4023;
const PRICE_BELOW_BAND: i32 = -4024;
const LEVERAGE_OUT_OF_RANGE: i32 = -4028;
const MAX_STOP_ORDERS: i32 = -4045;
const SYMBOL_CLOSED: i32 = -4140;
const LEVERAGE_REDUCTION: i32 = -4161;
const NOTHING_TO_MODIFY: i32 = -5027;

impl ApiError {
    pub(super) fn body(&self) -> Vec<u8> {
        let msg = serde_json::Value::from(self.msg.as_ref());
        format!("{{\"code\":{},\"msg\":{msg}}}", self.code).into_bytes()
    }

    pub(super) fn missing(name: &str) -> Self {
        Self::new(
            -1102,
            format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed."),
        )
    }

    pub(super) fn neither(one: &str, other: &str) -> Self {
        Self::new(
            -1102,
            format!("Param '{one}' or '{other}' must be sent, but both were empty/null!"),
        )
    }

    pub(super) fn empty(name: &str) -> Self {
        Self::new(-1105, format!("Parameter '{name}' was empty."))
    }

    pub(super) fn unexpected(name: &str) -> Self {
        Self::new(-1106, format!("Parameter '{name}' sent when not required."))
    }

    pub(super) fn unread(read: usize, sent: usize) -> Self {
        Self::new(
            -1104,
            format!(
                "Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'."
            ),
        )
    }

    pub(super) fn illegal(name: &str, legal: &str) -> Self {
        Self::new(
            -1100,
            format!("Illegal characters found in parameter '{name}'; legal range is '{legal}'."),
        )
    }

    pub(super) fn bad_value(name: &str) -> Self {
        Self::new(-1130, format!("Data sent for parameter '{name}' is not valid."))
    }

    pub(super) fn client_id_length() -> Self {
        Self::new(CLIENT_ID_LENGTH, "Client order id length should not be more than 36 chars")
    }

    pub(super) fn too_much_weight(limit: u64, retry_after_s: u64) -> Self {
        Self {
            status: 429,
            code: -1003,
            msg: format!(
                "Too much request weight used; current limit is {limit} request weight per 1 \
                 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API."
            )
            .into(),
            retry_after_s: Some(retry_after_s),
        }
    }

    pub(super) fn banned(until_ms: u64, retry_after_s: u64) -> Self {
        Self {
            status: 418,
            code: -1003,
            msg: format!(
                "Way too much request weight used; IP banned until {until_ms}. Please use \
                 WebSocket Streams for live updates to avoid bans."
            )
            .into(),
            retry_after_s: Some(retry_after_s),
        }
    }

    pub(super) fn too_many_orders(limit: u64, window: &str, retry_after_s: u64) -> Self {
        Self {
            status: 429,
            code: -1015,
            msg: format!("Too many new orders; current limit is {limit} orders per {window}.")
                .into(),
            retry_after_s: Some(retry_after_s),
        }
    }

    /// The venue's words for a refusal of the engine.
    pub(super) fn from_reject(market: Market, reject: Reject) -> Self {
        match (market, reject) {
            (_, Reject::UnknownSymbol) => BAD_SYMBOL,
            (Market::Spot, Reject::MarketClosed) => Self::new(-1013, "Market is closed."),
            (Market::Linear, Reject::MarketClosed) => {
                Self::new(SYMBOL_CLOSED, "Invalid symbol status for opening position.")
            }
            (Market::Spot, Reject::Filter(filter, _)) => spot_filter(filter),
            (Market::Linear, Reject::Filter(filter, bound)) => linear_filter(filter, bound),
            (Market::Spot, Reject::Precision(name)) => {
                Self::new(-1111, format!("Parameter '{name}' has too much precision."))
            }
            (Market::Linear, Reject::Precision(_)) => {
                Self::new(-1111, "Precision is over the maximum defined for this asset.")
            }
            (Market::Spot, Reject::NotPositive(name)) => {
                Self::new(-1013, format!("Invalid {name}."))
            }
            (Market::Linear, Reject::NotPositive("quantity")) => {
                Self::new(QUANTITY_NOT_POSITIVE, "Quantity less than or equal to zero.")
            }
            (Market::Linear, Reject::NotPositive(_)) => {
                Self::new(PRICE_NOT_POSITIVE, "Price less than 0.")
            }
            (_, Reject::InsufficientBalance) => {
                Self::new(-2010, "Account has insufficient balance for requested action.")
            }
            (_, Reject::InsufficientMargin) => Self::new(-2019, "Margin is insufficient."),
            (Market::Spot, Reject::DuplicateClientId) => Self::new(-2010, "Duplicate order sent."),
            (Market::Linear, Reject::DuplicateClientId) => {
                Self::new(-4116, "ClientOrderId is duplicated.")
            }
            (Market::Spot, Reject::WouldTake) => {
                Self::new(-2010, "Order would immediately match and take.")
            }
            (Market::Linear, Reject::WouldTake) => Self::new(
                -5022,
                "Due to the order could not be executed as maker, the Post Only order will be \
                 rejected.",
            ),
            (_, Reject::FillOrKill) => Self::new(
                -5021,
                "Due to the order could not be filled immediately, the FOK order has been \
                 rejected.",
            ),
            (Market::Spot, Reject::WouldTrigger) => {
                Self::new(-2010, "Stop price would trigger immediately.")
            }
            (Market::Linear, Reject::WouldTrigger) => {
                Self::new(-2021, "Order would immediately trigger.")
            }
            (_, Reject::ReduceOnly) => Self::new(-2022, "ReduceOnly Order is rejected."),
            (_, Reject::ReduceOnlyInHedgeMode) => Self::unexpected("reduceonly"),
            (_, Reject::PositionSideMismatch) => {
                Self::new(-4061, "Order's position side does not match user's setting.")
            }
            (_, Reject::PositionLimitAtLeverage) => {
                Self::new(-2027, "Exceeded the maximum allowable position at current leverage.")
            }
            (_, Reject::LeverageOutOfRange) => {
                Self::new(LEVERAGE_OUT_OF_RANGE, "Leverage is not valid.")
            }
            (_, Reject::LeverageReduction) => Self::new(
                LEVERAGE_REDUCTION,
                "Leverage reduction is not supported in Isolated Margin Mode with open positions.",
            ),
            (_, Reject::LeverageMargin) => {
                Self::new(-2028, "Leverage is smaller than permitted: insufficient margin balance.")
            }
            (_, Reject::NoChange) => SAME_POSITION_MODE,
            (_, Reject::BlockedByOrders) => POSITION_MODE_ORDERS,
            (_, Reject::BlockedByPositions) => POSITION_MODE_POSITION,
            (_, Reject::UnknownOrder) => UNKNOWN_ORDER_ON_QUERY,
            (_, Reject::NothingToModify) => {
                Self::new(NOTHING_TO_MODIFY, "No need to modify the order.")
            }
            (_, Reject::NotModifiable) => BAD_TYPE,
        }
    }

    fn new(code: i32, msg: impl Into<Cow<'static, str>>) -> Self {
        Self { status: 400, code, msg: msg.into(), retry_after_s: None }
    }
}

fn spot_filter(filter: Filter) -> ApiError {
    let name = match filter {
        Filter::PriceMin | Filter::PriceMax | Filter::PriceTick => "PRICE_FILTER",
        Filter::QuantityMin | Filter::QuantityMax | Filter::QuantityStep => "LOT_SIZE",
        Filter::MarketQuantityMin | Filter::MarketQuantityMax | Filter::MarketQuantityStep => {
            "MARKET_LOT_SIZE"
        }
        Filter::NotionalMin | Filter::NotionalMax => "NOTIONAL",
        Filter::PercentPriceUp | Filter::PercentPriceDown => "PERCENT_PRICE_BY_SIDE",
        Filter::MaxOrders => "MAX_NUM_ORDERS",
        Filter::MaxAlgoOrders => "MAX_NUM_ALGO_ORDERS",
        Filter::MaxPosition => "MAX_POSITION",
        Filter::TrailingDelta => "TRAILING_DELTA",
    };
    ApiError::new(-1013, format!("Filter failure: {name}"))
}

fn linear_filter(filter: Filter, bound: Decimal) -> ApiError {
    let bound = bound.normalize();
    match filter {
        Filter::PriceMin => ApiError::new(PRICE_BELOW_MIN, "Price less than min price."),
        Filter::PriceMax => ApiError::new(PRICE_ABOVE_MAX, "Price greater than max price."),
        Filter::PriceTick => ApiError::new(PRICE_OFF_TICK, "Price not increased by tick size."),
        Filter::QuantityMin | Filter::MarketQuantityMin => {
            ApiError::new(QUANTITY_BELOW_MIN, "Quantity less than min quantity.")
        }
        Filter::QuantityMax | Filter::MarketQuantityMax => {
            ApiError::new(QUANTITY_ABOVE_MAX, "Quantity greater than max quantity.")
        }
        Filter::QuantityStep | Filter::MarketQuantityStep => {
            ApiError::new(QUANTITY_OFF_STEP, "Qty not increased by step size.")
        }
        Filter::NotionalMin | Filter::NotionalMax => ApiError::new(
            -4164,
            format!(
                "Order's notional must be no smaller than {bound} (unless you choose reduce only)."
            ),
        ),
        Filter::PercentPriceUp => {
            ApiError::new(PRICE_ABOVE_BAND, format!("Limit price can't be higher than {bound}."))
        }
        Filter::PercentPriceDown => {
            ApiError::new(PRICE_BELOW_BAND, format!("Limit price can't be lower than {bound}."))
        }
        Filter::MaxOrders => ApiError::new(-2025, "Reach max open order limit."),
        Filter::MaxAlgoOrders => ApiError::new(MAX_STOP_ORDERS, "Reach max stop order limit."),
        Filter::TrailingDelta => BAD_CALLBACK_RATE,
        Filter::MaxPosition => {
            ApiError::new(-2027, "Exceeded the maximum allowable position at current leverage.")
        }
    }
}
