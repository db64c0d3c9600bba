//! The protobuf messages of the spot streams. Source: protocol sheet for MEXC, section 11.

use prost::Message;

/// One data frame: a channel and one of the bodies.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Wrapper {
    #[prost(string, tag = "1")]
    pub(super) channel: String,
    #[prost(string, optional, tag = "3")]
    pub(super) symbol: Option<String>,
    #[prost(int64, optional, tag = "5")]
    pub(super) create_time: Option<i64>,
    #[prost(int64, optional, tag = "6")]
    pub(super) send_time: Option<i64>,
    #[prost(oneof = "Body", tags = "303, 304, 306, 307, 311, 313, 314, 315")]
    pub(super) body: Option<Body>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Body {
    #[prost(message, tag = "303")]
    LimitDepths(LimitDepths),
    #[prost(message, tag = "304")]
    Order(Order),
    #[prost(message, tag = "306")]
    Deal(Deal),
    #[prost(message, tag = "307")]
    Account(Account),
    #[prost(message, tag = "311")]
    BookTickers(BookTickers),
    #[prost(message, tag = "313")]
    Depths(Depths),
    #[prost(message, tag = "314")]
    Deals(Deals),
    #[prost(message, tag = "315")]
    BookTicker(BookTicker),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Level {
    #[prost(string, tag = "1")]
    pub(super) price: String,
    #[prost(string, tag = "2")]
    pub(super) quantity: String,
}

/// `PublicAggreDepthsV3Api`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Depths {
    #[prost(message, repeated, tag = "1")]
    pub(super) asks: Vec<Level>,
    #[prost(message, repeated, tag = "2")]
    pub(super) bids: Vec<Level>,
    #[prost(string, tag = "3")]
    pub(super) event_type: String,
    #[prost(string, tag = "4")]
    pub(super) from_version: String,
    #[prost(string, tag = "5")]
    pub(super) to_version: String,
    #[prost(int64, tag = "6")]
    pub(super) last_order_create_time: i64,
}

/// `PublicLimitDepthsV3Api`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct LimitDepths {
    #[prost(message, repeated, tag = "1")]
    pub(super) asks: Vec<Level>,
    #[prost(message, repeated, tag = "2")]
    pub(super) bids: Vec<Level>,
    #[prost(string, tag = "3")]
    pub(super) event_type: String,
    #[prost(string, tag = "4")]
    pub(super) version: String,
    #[prost(int64, tag = "5")]
    pub(super) last_order_create_time: i64,
}

/// `PublicAggreBookTickerV3Api`; of `PublicBookTickerV3Api`, the first four fields.
#[derive(Clone, PartialEq, Message)]
pub(super) struct BookTicker {
    #[prost(string, tag = "1")]
    pub(super) bid_price: String,
    #[prost(string, tag = "2")]
    pub(super) bid_quantity: String,
    #[prost(string, tag = "3")]
    pub(super) ask_price: String,
    #[prost(string, tag = "4")]
    pub(super) ask_quantity: String,
    #[prost(string, tag = "5")]
    pub(super) version: String,
    #[prost(int64, tag = "6")]
    pub(super) last_order_create_time: i64,
}

/// `PublicBookTickerBatchV3Api`. The sheet does not have its field; UNVERIFIED.
#[derive(Clone, PartialEq, Message)]
pub(super) struct BookTickers {
    #[prost(message, repeated, tag = "1")]
    pub(super) items: Vec<BookTicker>,
}

/// `PublicAggreDealsV3Api`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Deals {
    #[prost(message, repeated, tag = "1")]
    pub(super) deals: Vec<PublicDeal>,
    #[prost(string, tag = "2")]
    pub(super) event_type: String,
}

/// `PublicAggreDealsV3ApiItem`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PublicDeal {
    #[prost(string, tag = "1")]
    pub(super) price: String,
    #[prost(string, tag = "2")]
    pub(super) quantity: String,
    #[prost(int32, tag = "3")]
    pub(super) trade_type: i32,
    #[prost(int64, tag = "4")]
    pub(super) time: i64,
    #[prost(string, tag = "5")]
    pub(super) trade_id: String,
}

/// `PrivateOrdersV3Api`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Order {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(string, tag = "2")]
    pub(super) client_id: String,
    #[prost(string, tag = "3")]
    pub(super) price: String,
    #[prost(string, tag = "4")]
    pub(super) quantity: String,
    #[prost(string, tag = "5")]
    pub(super) amount: String,
    #[prost(string, tag = "6")]
    pub(super) avg_price: String,
    #[prost(int32, tag = "7")]
    pub(super) order_type: i32,
    #[prost(int32, tag = "8")]
    pub(super) trade_type: i32,
    #[prost(bool, tag = "9")]
    pub(super) is_maker: bool,
    #[prost(string, tag = "10")]
    pub(super) remain_amount: String,
    #[prost(string, tag = "11")]
    pub(super) remain_quantity: String,
    #[prost(string, optional, tag = "12")]
    pub(super) last_deal_quantity: Option<String>,
    #[prost(string, tag = "13")]
    pub(super) cumulative_quantity: String,
    #[prost(string, tag = "14")]
    pub(super) cumulative_amount: String,
    #[prost(int32, tag = "15")]
    pub(super) status: i32,
    #[prost(int64, tag = "16")]
    pub(super) create_time: i64,
}

/// `PrivateDealsV3Api`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Deal {
    #[prost(string, tag = "1")]
    pub(super) price: String,
    #[prost(string, tag = "2")]
    pub(super) quantity: String,
    #[prost(string, tag = "3")]
    pub(super) amount: String,
    #[prost(int32, tag = "4")]
    pub(super) trade_type: i32,
    #[prost(bool, tag = "5")]
    pub(super) is_maker: bool,
    #[prost(bool, tag = "6")]
    pub(super) is_self_trade: bool,
    #[prost(string, tag = "7")]
    pub(super) trade_id: String,
    #[prost(string, tag = "8")]
    pub(super) client_order_id: String,
    #[prost(string, tag = "9")]
    pub(super) order_id: String,
    #[prost(string, tag = "10")]
    pub(super) fee_amount: String,
    #[prost(string, tag = "11")]
    pub(super) fee_currency: String,
    #[prost(int64, tag = "12")]
    pub(super) time: i64,
}

/// `PrivateAccountV3Api`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Account {
    #[prost(string, tag = "1")]
    pub(super) vcoin_name: String,
    #[prost(string, tag = "2")]
    pub(super) coin_id: String,
    #[prost(string, tag = "3")]
    pub(super) balance_amount: String,
    #[prost(string, tag = "4")]
    pub(super) balance_amount_change: String,
    #[prost(string, tag = "5")]
    pub(super) frozen_amount: String,
    #[prost(string, tag = "6")]
    pub(super) frozen_amount_change: String,
    #[prost(string, tag = "7")]
    pub(super) kind: String,
    #[prost(int64, tag = "8")]
    pub(super) time: i64,
}
