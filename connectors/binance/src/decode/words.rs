//! The venue's words, as replies and streams spell them, and what they mean.

use hoox_connector::json::Integer;
use hoox_connector::{OrderStatus, PositionSide, Side, TimeInForce, Timestamp};
use serde::Deserialize;

#[derive(Deserialize, Clone, Copy)]
pub(crate) enum Side_ {
    #[serde(rename = "BUY")]
    Buy,
    #[serde(rename = "SELL")]
    Sell,
}

impl From<Side_> for Side {
    fn from(side: Side_) -> Self {
        match side {
            Side_::Buy => Self::Buy,
            Side_::Sell => Self::Sell,
        }
    }
}

/// spot enums.md, "Order status".
#[derive(Deserialize, Clone, Copy)]
pub(crate) enum Status {
    #[serde(rename = "NEW", alias = "PENDING_NEW", alias = "NEW_INSURANCE", alias = "NEW_ADL")]
    New,
    #[serde(rename = "PARTIALLY_FILLED")]
    PartiallyFilled,
    #[serde(rename = "FILLED")]
    Filled,
    #[serde(rename = "CANCELED", alias = "PENDING_CANCEL")]
    Canceled,
    #[serde(rename = "REJECTED")]
    Rejected,
    #[serde(rename = "EXPIRED", alias = "EXPIRED_IN_MATCH")]
    Expired,
    #[serde(other)]
    Other,
}

impl From<Status> for OrderStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::New => Self::New,
            Status::PartiallyFilled => Self::PartiallyFilled,
            Status::Filled => Self::Filled,
            Status::Canceled => Self::Canceled,
            Status::Rejected => Self::Rejected,
            Status::Expired => Self::Expired,
            Status::Other => Self::Unrecognized,
        }
    }
}

#[derive(Deserialize, Clone, Copy)]
pub(crate) enum AlgoStatus {
    #[serde(rename = "NEW")]
    New,
    #[serde(rename = "TRIGGERING", alias = "TRIGGERED", alias = "FINISHED")]
    Triggered,
    #[serde(rename = "CANCELED")]
    Canceled,
    #[serde(rename = "EXPIRED")]
    Expired,
    #[serde(rename = "REJECTED")]
    Rejected,
    #[serde(other)]
    Other,
}

impl From<AlgoStatus> for OrderStatus {
    fn from(status: AlgoStatus) -> Self {
        match status {
            AlgoStatus::New => Self::New,
            AlgoStatus::Triggered => Self::Triggered,
            AlgoStatus::Canceled => Self::Canceled,
            AlgoStatus::Expired => Self::Expired,
            AlgoStatus::Rejected => Self::Rejected,
            AlgoStatus::Other => Self::Unrecognized,
        }
    }
}

#[derive(Deserialize, Clone, Copy, Default)]
pub(crate) enum Tif {
    #[serde(rename = "GTC", alias = "GTD")]
    GoodTillCancel,
    #[serde(rename = "IOC")]
    ImmediateOrCancel,
    #[serde(rename = "FOK")]
    FillOrKill,
    #[serde(rename = "GTX")]
    PostOnly,
    #[default]
    #[serde(other)]
    Other,
}

impl From<Tif> for Option<TimeInForce> {
    fn from(tif: Tif) -> Self {
        match tif {
            Tif::GoodTillCancel => Some(TimeInForce::GoodTillCancel),
            Tif::ImmediateOrCancel => Some(TimeInForce::ImmediateOrCancel),
            Tif::FillOrKill => Some(TimeInForce::FillOrKill),
            Tif::PostOnly => Some(TimeInForce::PostOnly),
            Tif::Other => None,
        }
    }
}

#[derive(Deserialize, Clone, Copy, Default)]
pub(crate) enum Type {
    #[serde(rename = "LIMIT_MAKER")]
    LimitMaker,
    #[default]
    #[serde(other)]
    Other,
}

#[derive(Deserialize, Clone, Copy, Default)]
pub(crate) enum PositionSide_ {
    #[serde(rename = "LONG")]
    Long,
    #[serde(rename = "SHORT")]
    Short,
    #[default]
    #[serde(other)]
    Both,
}

impl From<PositionSide_> for Option<PositionSide> {
    fn from(side: PositionSide_) -> Self {
        match side {
            PositionSide_::Long => Some(PositionSide::Long),
            PositionSide_::Short => Some(PositionSide::Short),
            PositionSide_::Both => None,
        }
    }
}

/// A venue's milliseconds; zero and less mean "never".
pub(crate) fn millis(value: Integer) -> Option<Timestamp> {
    u64::try_from(value.0).ok().filter(|millis| *millis > 0).map(Timestamp::from_millis)
}
