//! The venue's words, as replies and streams spell them, and what they mean.

use hoox_connector::{Asset, Market, PositionSide, Side, Symbol, TimeInForce, Timestamp};
use serde::Deserialize;

/// v5 enum, "category"; absent in lists, which are of one.
#[derive(Deserialize, Clone, Copy, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Category {
    Spot,
    Linear,
    #[default]
    Absent,
    #[serde(other)]
    Other,
}

impl Category {
    pub(super) fn is(self, market: Market) -> bool {
        match self {
            Self::Spot => market == Market::Spot,
            Self::Linear => market == Market::Linear,
            Self::Absent => true,
            Self::Other => false,
        }
    }
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side_ {
    Buy,
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

#[derive(Deserialize, Clone, Copy)]
pub(super) enum PositionSide_ {
    Buy,
    Sell,
    #[serde(rename = "", alias = "None")]
    None,
}

/// v5 enum, "orderStatus".
#[derive(Deserialize, Clone, Copy)]
pub(super) enum Status {
    #[serde(alias = "Created")]
    New,
    Untriggered,
    Triggered,
    PartiallyFilled,
    Filled,
    #[serde(alias = "Deactivated", alias = "PartiallyFilledCanceled")]
    Cancelled,
    Rejected,
    #[serde(other)]
    Other,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Market,
    #[serde(other)]
    Limit,
}

#[derive(Deserialize, Clone, Copy, Default)]
pub(super) enum Tif {
    #[serde(rename = "GTC")]
    GoodTillCancel,
    #[serde(rename = "IOC")]
    ImmediateOrCancel,
    #[serde(rename = "FOK")]
    FillOrKill,
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

/// v5 enum, "positionIdx".
pub(super) fn hedge_side(index: u8) -> Option<PositionSide> {
    match index {
        1 => Some(PositionSide::Long),
        2 => Some(PositionSide::Short),
        _ => None,
    }
}

/// What a linear contract settles and charges in, by its name: `…USDT`, or `…PERP` for USDC.
pub(super) fn settle_asset(market: Market, symbol: &Symbol) -> Option<Asset> {
    let symbol = symbol.as_str();
    match market {
        Market::Spot => None,
        _ if symbol.ends_with("USDT") => Asset::new("USDT").ok(),
        _ if symbol.ends_with("PERP") => Asset::new("USDC").ok(),
        _ => None,
    }
}

/// A venue's milliseconds; zero means "never".
pub(super) fn millis(value: u64) -> Option<Timestamp> {
    (value > 0).then(|| Timestamp::from_millis(value))
}
