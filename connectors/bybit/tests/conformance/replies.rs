//! How Bybit words replies.

use hoox_connector::conformance::NOW;
use hoox_connector::{OperationKind as Kind, RejectReason as Reason, *};
use serde_json::{Value, json};

use crate::Account;

impl Account {
    /// The documented `result` for a neutral reply.
    pub(crate) fn reply(&self, kind: Kind, reply: &Reply) -> Option<Value> {
        Some(match (kind, reply) {
            (
                Kind::Place
                | Kind::PlaceConditional
                | Kind::Amend
                | Kind::Cancel
                | Kind::CancelConditional,
                Reply::Accepted(it),
            ) => json!({
                "orderId": it.order_id?.as_str(),
                "orderLinkId": it.client_order_id?.as_str(),
            }),
            (Kind::CancelAll | Kind::CancelAllConditional, Reply::Changed(Change::Applied)) => {
                json!({"list": [], "success": "1"})
            }
            (
                Kind::OrderById | Kind::OrderByClientId | Kind::ConditionalOrder,
                Reply::Order(it),
            ) => self.page(vec![self.row(it)?], None),
            (
                Kind::OpenOrders | Kind::OpenConditionalOrders | Kind::OrderHistory,
                Reply::Orders(rows),
            ) => self.page(rows.iter().map(|it| self.row(it)).collect::<Option<_>>()?, next(rows)),
            (Kind::Fills, Reply::Fills(rows)) => {
                self.page(rows.iter().map(fill_row).collect::<Option<_>>()?, next(rows))
            }
            (Kind::Positions, Reply::Positions(rows)) => {
                self.page(rows.iter().map(position_row).collect::<Option<_>>()?, next(rows))
            }
            (Kind::Balances, Reply::Balances(rows)) => {
                let coin = |it: &Balance| {
                    let used = (it.total - it.available).to_string();
                    let (locked, margin) =
                        if self.is_spot() { (&*used, "0") } else { ("0", &*used) };
                    json!({
                        "coin": it.asset.as_str(),
                        "walletBalance": it.total.to_string(),
                        "equity": it.total.to_string(),
                        "locked": locked,
                        "totalOrderIM": margin,
                        "totalPositionIM": "0",
                        "spotBorrow": "0",
                        "unrealisedPnl": "0",
                        "availableToWithdraw": "",
                    })
                };
                let coins: Vec<_> = rows.iter().map(coin).collect();
                json!({"list": [{"accountType": "UNIFIED", "coin": coins}]})
            }
            (Kind::SetLeverage | Kind::SetPositionMode, Reply::Changed(Change::Applied)) => {
                json!({})
            }
            (Kind::SetMarginMode, Reply::Changed(Change::Applied)) => json!({"reasons": []}),
            (Kind::Instruments, Reply::Instruments(all)) => {
                let rows = all.iter().map(|it| self.instrument_row(it)).collect::<Option<_>>()?;
                self.page(rows, all.next.as_deref())
            }
            (Kind::Ticker, Reply::Ticker(it)) => {
                let mut row = json!({
                    "symbol": it.symbol.as_str(),
                    "lastPrice": it.last_price?.to_string(),
                    "bid1Price": "1",
                });
                if !self.is_spot() {
                    row.as_object_mut()?
                        .insert("markPrice".into(), json!(it.mark_price?.to_string()));
                }
                self.page(vec![row], None)
            }
            (Kind::FundingRate, Reply::FundingRate(it)) => {
                let row = json!({
                    "symbol": it.symbol.as_str(),
                    "lastPrice": "1",
                    "fundingRate": it.rate.to_string(),
                    "nextFundingTime": it.next_at?.as_millis().to_string(),
                });
                self.page(vec![row], None)
            }
            (Kind::BookTop, Reply::BookTop(it)) => json!({
                "s": it.symbol.as_str(),
                "b": [[it.bid_price?.to_string(), it.bid_quantity?.to_string()]],
                "a": [[it.ask_price?.to_string(), it.ask_quantity?.to_string()]],
                "ts": NOW.as_millis(),
                "u": 230_704,
                "seq": 1_432_604_333_u64,
                "cts": NOW.as_millis(),
            }),
            (Kind::Depth, Reply::Depth(it)) => {
                let side = |levels: &[(Decimal, Decimal)]| -> Value {
                    levels.iter().map(|it| json!([it.0.to_string(), it.1.to_string()])).collect()
                };
                json!({
                    "s": it.symbol.as_str(),
                    "b": side(&it.bids),
                    "a": side(&it.asks),
                    "ts": NOW.as_millis(),
                    "u": it.last_id,
                    "seq": 1_432_604_333_u64,
                    "cts": NOW.as_millis(),
                })
            }
            (Kind::ServerTime, Reply::ServerTime(at)) => json!({
                "timeSecond": (at.as_millis() / 1_000).to_string(),
                "timeNano": format!("{}000000", at.as_millis()),
            }),
            _ => return None,
        })
    }

    /// The cursor is percent-encoded already.
    pub(crate) fn page(&self, rows: Vec<Value>, next: Option<&str>) -> Value {
        let category = if self.is_spot() { "spot" } else { "linear" };
        let cursor: String = next
            .unwrap_or_default()
            .bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'0'..=b'9' => char::from(byte).to_string(),
                _ => format!("%{byte:02X}"),
            })
            .collect();
        json!({"category": category, "list": rows, "nextPageCursor": cursor})
    }

    /// order/open-order.
    fn row(&self, it: &OrderReport) -> Option<Value> {
        // enum, "orderStatus" and "rejectReason": Expired is a cancellation with a reason.
        let conditional = it.trigger_price.is_some();
        let (status, reason) = match it.status {
            OrderStatus::New if conditional => ("Untriggered", "EC_NoError"),
            OrderStatus::New => ("New", "EC_NoError"),
            OrderStatus::PartiallyFilled => ("PartiallyFilled", "EC_NoError"),
            OrderStatus::Filled => ("Filled", "EC_NoError"),
            OrderStatus::Canceled if conditional => ("Deactivated", "EC_NoError"),
            OrderStatus::Canceled if self.is_spot() && !it.filled_quantity.is_zero() => {
                ("PartiallyFilledCanceled", "EC_NoError")
            }
            OrderStatus::Canceled => ("Cancelled", "EC_PerCancelRequest"),
            OrderStatus::Expired => ("Cancelled", "EC_NoImmediateQtyToFill"),
            OrderStatus::Rejected => ("Rejected", "EC_Others"),
            _ => ("SomethingOfNextYear", "EC_NoError"),
        };
        let text = |value: Option<Decimal>| value.map_or(String::new(), |it| it.to_string());
        let fees =
            it.fee.map_or(json!({}), |fee| json!({fee.asset.as_str(): fee.amount.to_string()}));
        Some(json!({
            "orderId": it.order_id.as_str(),
            "orderLinkId": it.client_order_id?.as_str(),
            "symbol": it.symbol.as_str(),
            "price": it.price.unwrap_or_default().to_string(),
            "qty": it.quantity?.to_string(),
            "side": side_name(it.side),
            "positionIdx": index(it.position_side),
            "orderStatus": status,
            "rejectReason": reason,
            "avgPrice": text(it.average_price),
            "leavesQty": "0",
            "cumExecQty": it.filled_quantity.to_string(),
            "cumExecValue": text(it.filled_quote),
            "cumFeeDetail": fees,
            "timeInForce": "GTC",
            "orderType": if it.price.is_some() { "Limit" } else { "Market" },
            "marketUnit": "baseCoin",
            "triggerPrice": it.trigger_price.unwrap_or_default().to_string(),
            "reduceOnly": it.reduce_only,
            "createdTime": "1684738540559",
            "updatedTime": it.updated_at?.as_millis().to_string(),
        }))
    }

    /// order/batch-place: the codes stand beside the rows.
    pub(crate) fn batch(&self, rows: &[Result<Accepted, Rejection>]) -> Option<Response> {
        let (mut list, mut codes) = (Vec::new(), Vec::new());
        for row in rows {
            match row {
                Ok(it) => {
                    list.push(json!({
                        "symbol": "BTCUSDT",
                        "orderId": it.order_id?.as_str(),
                        "orderLinkId": it.client_order_id?.as_str(),
                        "createAt": it.at?.as_millis().to_string(),
                    }));
                    codes.push(json!({"code": 0, "msg": "OK"}));
                }
                Err(it) => {
                    let (code, message) = self.refusal(it.reason)?;
                    list.push(json!({
                        "symbol": "BTCUSDT",
                        "orderId": "",
                        "orderLinkId": "",
                        "createAt": "",
                    }));
                    codes.push(json!({"code": code, "msg": message}));
                }
            }
        }
        let body = json!({
            "retCode": 0,
            "retMsg": "OK",
            "result": {"list": list},
            "retExtInfo": {"list": codes},
            "time": NOW.as_millis(),
        });
        Some(Response::new(200, body.to_string()))
    }

    /// market/instrument.
    fn instrument_row(&self, it: &Instrument) -> Option<Value> {
        let text = |value: Option<Decimal>| value.unwrap_or_default().to_string();
        let status = match it.status {
            InstrumentStatus::Trading => "Trading",
            InstrumentStatus::Halted => "Closed",
            _ => return None,
        };
        let mut row = json!({
            "symbol": it.venue_symbol.as_str(),
            "status": status,
            "baseCoin": it.base?.as_str(),
            "quoteCoin": it.quote?.as_str(),
        });
        let rules = if self.is_spot() {
            json!({
                "priceFilter": {"tickSize": text(it.tick_size)},
                "lotSizeFilter": {
                    "basePrecision": text(it.lot.step),
                    "quotePrecision": text(it.quote_step),
                    "minOrderQty": "0.000011",
                    "maxOrderQty": "83",
                    "minOrderAmt": text(it.notional.min),
                    "maxOrderAmt": "8000000",
                    "maxLimitOrderQty": text(it.lot.max),
                    "maxMarketOrderQty": text(it.market_lot.max),
                },
            })
        } else {
            json!({
                "contractType": "LinearPerpetual",
                "settleCoin": "USDT",
                "leverageFilter": {
                    "minLeverage": "1",
                    "maxLeverage": format!("{}.00", it.max_leverage?),
                    "leverageStep": "0.01",
                },
                "priceFilter": {
                    "minPrice": text(it.min_price),
                    "maxPrice": text(it.max_price),
                    "tickSize": text(it.tick_size),
                },
                "lotSizeFilter": {
                    "minNotionalValue": text(it.notional.min),
                    "maxOrderQty": text(it.lot.max),
                    "maxMktOrderQty": text(it.market_lot.max),
                    "minOrderQty": text(it.lot.min),
                    "qtyStep": text(it.lot.step),
                },
            })
        };
        row.as_object_mut()?.append(&mut rules.as_object()?.clone());
        Some(row)
    }

    /// error.
    pub(crate) fn refusal(&self, reason: Reason) -> Option<(i64, &'static str)> {
        let spot = self.is_spot();
        Some(match reason {
            Reason::InsufficientBalance if spot => (170_131, "Insufficient balance."),
            Reason::InsufficientBalance => (110_007, "ab not enough for new order"),
            Reason::MinNotional if spot => (170_140, "Order value exceeded lower limit."),
            Reason::MinNotional => (110_094, "Order does not meet minimum order value 5USDT"),
            Reason::Quantity if spot => (170_136, "Order quantity exceeded lower limit."),
            Reason::Price if spot => (170_132, "Order price is too high."),
            Reason::Price => (110_003, "Order price exceeds the allowable range."),
            Reason::Precision if spot => (170_134, "Order price has too many decimals."),
            Reason::UnknownOrder if spot => (170_213, "Order does not exist."),
            Reason::UnknownOrder => (110_001, "order not exists or too late to cancel"),
            Reason::DuplicateClientOrderId if spot => (170_141, "Duplicate clientOrderId."),
            Reason::DuplicateClientOrderId => (110_072, "OrderLinkedID is duplicate"),
            Reason::ReduceOnly if !spot => (110_017, "orderQty will be truncated to zero."),
            Reason::PostOnly if spot => (170_218, "The LIMIT-MAKER order is rejected."),
            Reason::WouldTrigger if !spot => {
                (110_092, "expect Rising, but trigger_price <= current")
            }
            Reason::Permission => (10_005, "Permission denied"),
            Reason::BadKey => (10_003, "API key is invalid."),
            Reason::BadSignature => (10_004, "error sign! please check your signature."),
            Reason::Clock => (10_002, "invalid request, please check your server timestamp"),
            Reason::UnknownSymbol if spot => (170_121, "Invalid symbol."),
            Reason::UnknownSymbol => (10_001, "params error: symbol invalid"),
            Reason::PositionMode if !spot => (10_001, "position idx not match position mode"),
            Reason::TooManyOrders if !spot => {
                (110_020, "Not allowed to have more than 500 active orders")
            }
            Reason::TooManyOrders => (170_810, "Cannot exceed maximum of 500 conditional orders."),
            Reason::OrdersOrPositionsOpen => (110_024, "You have an existing position."),
            _ => return None,
        })
    }
}

fn next<T>(page: &Page<T>) -> Option<&str> {
    page.next.as_deref()
}

/// order/execution.
fn fill_row(it: &Fill) -> Option<Value> {
    Some(json!({
        "symbol": it.symbol.as_str(),
        "orderId": it.order_id.as_str(),
        "orderLinkId": it.client_order_id?.as_str(),
        "side": side_name(it.side),
        "execId": it.trade_id.as_str(),
        "execPrice": it.price.to_string(),
        "execQty": it.quantity.to_string(),
        "execType": "Trade",
        "execFee": it.fee?.amount.to_string(),
        "feeCurrency": it.fee?.asset.as_str(),
        "isMaker": it.maker?,
        "execTime": it.at.as_millis().to_string(),
    }))
}

/// position/position.
fn position_row(it: &Position) -> Option<Value> {
    let long = it.side? == PositionSide::Long;
    Some(json!({
        "symbol": it.symbol.as_str(),
        "positionIdx": index(it.side.filter(|_| it.hedge)),
        "side": if long { "Buy" } else { "Sell" },
        "size": it.size.to_string(),
        "avgPrice": it.entry_price?.to_string(),
        "markPrice": it.mark_price?.to_string(),
        "liqPrice": "",
        "leverage": it.leverage?.to_string(),
        "unrealisedPnl": it.unrealized_pnl?.to_string(),
        "positionStatus": "Normal",
        "updatedTime": it.updated_at?.as_millis().to_string(),
    }))
}

pub(crate) fn success(result: Value) -> Response {
    let time = NOW.as_millis();
    let body = json!({
        "retCode": 0,
        "retMsg": "OK",
        "result": result,
        "retExtInfo": {},
        "time": time,
    });
    Response::new(200, body.to_string())
}

pub(crate) fn error(code: i64, message: &str) -> Response {
    let time = NOW.as_millis();
    let body = json!({
        "retCode": code,
        "retMsg": message,
        "result": {},
        "retExtInfo": {},
        "time": time,
    });
    Response::new(200, body.to_string())
}

fn index(side: Option<PositionSide>) -> u8 {
    match side {
        None => 0,
        Some(PositionSide::Long) => 1,
        Some(PositionSide::Short) => 2,
    }
}

fn side_name(side: Side) -> &'static str {
    if side == Side::Buy { "Buy" } else { "Sell" }
}
