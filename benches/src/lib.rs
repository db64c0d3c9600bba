//! What the benches and the allocation tests share: the orders they send and the replies they read.

pub mod decision;
pub mod frames;

use hoox_binance::Binance;
use hoox_connector::{
    ClientOrderId, Credentials, Decimal, NewOrder, PreparedOrder, Side, Symbol, Timestamp,
};

/// The secret of every bench.
pub const SECRET: &str = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";

/// The API key of every bench.
pub const API_KEY: &str = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A";

/// When every request is signed.
pub const NOW: Timestamp = Timestamp::from_millis(1_700_000_007_007);

/// A placed order's answer on spot, with five fills (Binance, "New order", FULL).
pub const SPOT_FULL: &str = r#"{"symbol":"BTCUSDT","orderId":28,"orderListId":-1,"clientOrderId":"6gCrw2kRUAF9CvJDGP16IP","transactTime":1507725176595,"price":"0.00000000","origQty":"10.00000000","executedQty":"10.00000000","origQuoteOrderQty":"0.000000","cummulativeQuoteQty":"10.00000000","status":"FILLED","timeInForce":"GTC","type":"MARKET","side":"SELL","workingTime":1507725176595,"selfTradePreventionMode":"NONE","fills":[{"price":"4000.00000000","qty":"1.00000000","commission":"4.00000000","commissionAsset":"USDT","tradeId":56},{"price":"3999.00000000","qty":"5.00000000","commission":"19.99500000","commissionAsset":"USDT","tradeId":57},{"price":"3998.00000000","qty":"2.00000000","commission":"7.99600000","commissionAsset":"USDT","tradeId":58},{"price":"3997.00000000","qty":"1.00000000","commission":"3.99700000","commissionAsset":"USDT","tradeId":59},{"price":"3995.00000000","qty":"1.00000000","commission":"3.99500000","commissionAsset":"USDT","tradeId":60}]}"#;

/// A placed order's answer on spot, without its fills (RESULT).
pub const SPOT_RESULT: &str = r#"{"symbol":"BTCUSDT","orderId":28,"orderListId":-1,"clientOrderId":"6gCrw2kRUAF9CvJDGP16IP","transactTime":1507725176595,"price":"0.00000000","origQty":"10.00000000","executedQty":"10.00000000","origQuoteOrderQty":"0.000000","cummulativeQuoteQty":"10.00000000","status":"FILLED","timeInForce":"GTC","type":"MARKET","side":"SELL","workingTime":1507725176595,"selfTradePreventionMode":"NONE"}"#;

/// A placed order's answer on USD-M futures (RESULT).
pub const LINEAR_RESULT: &str = r#"{"orderId":22542180,"symbol":"BTCUSDT","status":"FILLED","clientOrderId":"dev-l-004","price":"0.00","avgPrice":"64012.30000","origQty":"0.012","executedQty":"0.012","cumQty":"0.012","cumQuote":"768.14760","timeInForce":"GTC","type":"MARKET","reduceOnly":false,"closePosition":false,"side":"BUY","positionSide":"BOTH","stopPrice":"0.00","workingType":"CONTRACT_PRICE","priceProtect":false,"origType":"MARKET","priceMatch":"NONE","selfTradePreventionMode":"EXPIRE_MAKER","goodTillDate":0,"updateTime":1700000000123}"#;

/// A placed order's answer on Bybit, either market (v5 order/create).
pub const BYBIT_ACK: &str = r#"{"retCode":0,"retMsg":"OK","result":{"orderId":"1321003749386327552","orderLinkId":"hx-7f3a9c01b2d44e5f"},"retExtInfo":{},"time":1672211918471}"#;

/// A placed order's answer on MEXC spot ("New Order").
pub const MEXC_SPOT_ACK: &str = r#"{"symbol":"MXUSDT","orderId":"06a480e69e604477bfb48dddd5f0b750","orderListId":-1,"price":"0.1","origQty":"50","type":"LIMIT","side":"BUY","transactTime":1666676533741}"#;

/// A placed order's answer on MEXC futures.
pub const MEXC_LINEAR_ACK: &str =
    r#"{"success":true,"code":0,"data":{"orderId":"814218083416790528","ts":1779795118533}}"#;

/// Spot, with the benches' credentials.
pub fn spot() -> Binance {
    Binance::spot(Credentials::hmac(API_KEY, SECRET))
}

/// USD-M futures, with the benches' credentials.
pub fn linear() -> Binance {
    Binance::linear(Credentials::hmac(API_KEY, SECRET))
}

/// A market order with a client order id.
pub fn market_order() -> PreparedOrder {
    prepared(NewOrder::market(symbol(), Side::Buy, Decimal::new(34, 3)))
}

/// A limit order with a client order id.
pub fn limit_order() -> PreparedOrder {
    let (quantity, price) = (Decimal::new(34, 3), Decimal::new(432_109, 1));
    prepared(NewOrder::limit(symbol(), Side::Buy, quantity, price))
}

/// An instrument list of `symbols` rows, each as long as a live one: above a megabyte from about
/// 1,200 rows on.
pub fn spot_exchange_info(symbols: usize) -> String {
    let rows: Vec<String> = (0..symbols).map(spot_row).collect();
    format!(
        r#"{{"timezone":"UTC","serverTime":1700000000000,"rateLimits":[{{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":6000}},{{"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":100}}],"exchangeFilters":[],"symbols":[{}],"sors":[]}}"#,
        rows.join(",")
    )
}

fn spot_row(index: usize) -> String {
    let base = format!("C{index:04}");
    format!(
        r#"{{"symbol":"{base}USDT","status":"TRADING","baseAsset":"{base}","baseAssetPrecision":8,"quoteAsset":"USDT","quotePrecision":8,"quoteAssetPrecision":8,"baseCommissionPrecision":8,"quoteCommissionPrecision":8,"orderTypes":["LIMIT","LIMIT_MAKER","MARKET","STOP_LOSS","STOP_LOSS_LIMIT","TAKE_PROFIT","TAKE_PROFIT_LIMIT"],"icebergAllowed":true,"ocoAllowed":true,"otoAllowed":true,"opoAllowed":true,"quoteOrderQtyMarketAllowed":true,"allowTrailingStop":true,"cancelReplaceAllowed":true,"amendAllowed":true,"pegInstructionsAllowed":true,"isSpotTradingAllowed":true,"isMarginTradingAllowed":true,"filters":[{{"filterType":"PRICE_FILTER","minPrice":"0.01000000","maxPrice":"1000000.00000000","tickSize":"0.01000000"}},{{"filterType":"LOT_SIZE","minQty":"0.00001000","maxQty":"9000.00000000","stepSize":"0.00001000"}},{{"filterType":"ICEBERG_PARTS","limit":100}},{{"filterType":"MARKET_LOT_SIZE","minQty":"0.00000000","maxQty":"84.50000000","stepSize":"0.00000000"}},{{"filterType":"TRAILING_DELTA","minTrailingAboveDelta":10,"maxTrailingAboveDelta":2000,"minTrailingBelowDelta":10,"maxTrailingBelowDelta":2000}},{{"filterType":"PERCENT_PRICE_BY_SIDE","bidMultiplierUp":"5","bidMultiplierDown":"0.2","askMultiplierUp":"5","askMultiplierDown":"0.2","avgPriceMins":5}},{{"filterType":"NOTIONAL","minNotional":"5.00000000","applyMinToMarket":true,"maxNotional":"9000000.00000000","applyMaxToMarket":false,"avgPriceMins":5}},{{"filterType":"MAX_NUM_ORDERS","maxNumOrders":200}},{{"filterType":"MAX_NUM_ORDER_LISTS","maxNumOrderLists":20}},{{"filterType":"MAX_NUM_ALGO_ORDERS","maxNumAlgoOrders":5}},{{"filterType":"MAX_NUM_ORDER_AMENDS","maxNumOrderAmends":10}}],"permissions":[],"permissionSets":[["SPOT","MARGIN"]],"defaultSelfTradePreventionMode":"EXPIRE_MAKER","allowedSelfTradePreventionModes":["EXPIRE_TAKER","EXPIRE_MAKER","EXPIRE_BOTH","DECREMENT"]}}"#
    )
}

#[allow(clippy::unwrap_used)] // constants
fn symbol() -> Symbol {
    Symbol::new("BTCUSDT").unwrap()
}

#[allow(clippy::unwrap_used)] // constants
fn prepared(order: NewOrder) -> PreparedOrder {
    let id = ClientOrderId::portable("hx-7f3a9c01b2d44e5f").unwrap();
    PreparedOrder::as_written(&order.client_order_id(id)).unwrap()
}
