//! How Binance words replies.

use hoox_connector::conformance::{Harness, NOW};
use hoox_connector::{OperationKind as Kind, RejectReason as Reason, *};
use serde_json::{Value, json};

use crate::Venue;

impl Venue {
    /// The documented words for a neutral reply.
    pub(crate) fn reply(&self, kind: Kind, reply: &Reply) -> Option<Value> {
        Some(match (kind, reply) {
            (Kind::Place | Kind::Amend, Reply::Order(it)) => self.order(it, true)?,
            (Kind::Cancel, Reply::Order(it)) => self.canceled(it)?,
            (Kind::CancelConditional, Reply::Order(it)) if self.is_spot() => self.canceled(it)?,
            (Kind::CancelConditional, Reply::Accepted(it)) if !self.is_spot() => json!({
                "algoId": number(it.order_id?),
                "clientAlgoId": it.client_order_id?.as_str(),
                "code": "200",
                "msg": "success",
            }),
            (Kind::ConditionalOrder, Reply::Order(it)) => self.conditional(it)?,
            (Kind::OpenConditionalOrders, Reply::Orders(rows)) => {
                rows.iter().map(|it| self.conditional(it)).collect::<Option<_>>()?
            }
            (Kind::OrderById | Kind::OrderByClientId, Reply::Order(it)) => self.order(it, false)?,
            (Kind::OpenOrders | Kind::OrderHistory, Reply::Orders(rows)) => {
                rows.iter().map(|it| self.order(it, false)).collect::<Option<_>>()?
            }
            (Kind::CancelAll | Kind::CancelAllConditional, Reply::Orders(rows))
                if self.is_spot() =>
            {
                rows.iter().map(|it| self.canceled(it)).collect::<Option<_>>()?
            }
            (
                Kind::CancelAll
                | Kind::CancelAllConditional
                | Kind::SetMarginMode
                | Kind::SetPositionMode,
                Reply::Changed(Change::Applied),
            ) if !self.is_spot() => json!({"code": 200, "msg": "success"}),
            (Kind::SetLeverage, Reply::Changed(Change::Applied)) => {
                json!({"leverage": 7, "maxNotionalValue": "INF", "symbol": "BTCUSDT"})
            }
            (Kind::SetLeverage, Reply::Changed(Change::Bounded { max_notional })) => {
                let bound = max_notional.to_string();
                json!({"leverage": 7, "maxNotionalValue": bound, "symbol": "BTCUSDT"})
            }
            (Kind::SetMarginMode, Reply::Changed(Change::Unchanged)) => {
                json!({"code": -4046, "msg": "No need to change margin type."})
            }
            (Kind::SetPositionMode, Reply::Changed(Change::Unchanged)) => {
                json!({"code": -4059, "msg": "No need to change position side."})
            }
            (Kind::PlaceBatch, Reply::Batch(rows)) => {
                let row = |row: &Result<Accepted, Rejection>| match row {
                    Ok(it) => Some(json!({
                        "orderId": number(it.order_id?),
                        "clientOrderId": it.client_order_id?.as_str(),
                        "symbol": "BTCUSDT",
                        "status": "NEW",
                        "updateTime": it.at?.as_millis(),
                    })),
                    Err(it) => {
                        let (code, message) = self.refusal(Kind::Place, it.reason)?;
                        Some(json!({"code": code, "msg": message}))
                    }
                };
                rows.iter().map(row).collect::<Option<_>>()?
            }
            (Kind::Fills, Reply::Fills(rows)) => {
                rows.iter().map(|it| self.fill(it)).collect::<Option<_>>()?
            }
            (Kind::Positions, Reply::Positions(rows)) => {
                rows.iter().map(position_row).collect::<Option<_>>()?
            }
            (Kind::Balances, Reply::Balances(rows)) if self.is_spot() => {
                let row = |it: &Balance| {
                    let locked = it.total - it.available;
                    json!({
                        "asset": it.asset.as_str(),
                        "free": it.available.to_string(),
                        "locked": locked.to_string(),
                    })
                };
                json!({"accountType": "SPOT", "balances": rows.iter().map(row).collect::<Value>()})
            }
            (Kind::Balances, Reply::Balances(rows)) => {
                let row = |it: &Balance| {
                    json!({
                        "asset": it.asset.as_str(),
                        "walletBalance": it.total.to_string(),
                        "availableBalance": it.available.to_string(),
                        "updateTime": NOW.as_millis(),
                    })
                };
                json!({
                    "totalWalletBalance": "1",
                    "assets": rows.iter().map(row).collect::<Value>(),
                    "positions": [],
                })
            }
            (Kind::Instruments, Reply::Instruments(all)) => json!({
                "timezone": "UTC",
                "serverTime": NOW.as_millis(),
                "rateLimits": [],
                "symbols": all.iter().map(|it| self.instrument_row(it)).collect::<Option<Value>>()?,
            }),
            (Kind::Ticker, Reply::Ticker(it)) if self.is_spot() => {
                json!({"symbol": it.symbol.as_str(), "price": it.last_price?.to_string()})
            }
            (Kind::Ticker, Reply::Ticker(it)) => {
                premium_index(it.symbol, it.mark_price?, Decimal::ZERO, NOW)
            }
            (Kind::FundingRate, Reply::FundingRate(it)) => {
                premium_index(it.symbol, self.price(), it.rate, it.next_at?)
            }
            (Kind::BookTop, Reply::BookTop(it)) => json!({
                "symbol": it.symbol.as_str(),
                "bidPrice": it.bid_price?.to_string(),
                "bidQty": it.bid_quantity?.to_string(),
                "askPrice": it.ask_price?.to_string(),
                "askQty": it.ask_quantity?.to_string(),
            }),
            (Kind::Depth, Reply::Depth(it)) => {
                let side = |levels: &[(Decimal, Decimal)]| -> Value {
                    levels.iter().map(|it| json!([it.0.to_string(), it.1.to_string()])).collect()
                };
                let (bids, asks) = (side(&it.bids), side(&it.asks));
                json!({"lastUpdateId": it.last_id, "bids": bids, "asks": asks})
            }
            (Kind::ServerTime, Reply::ServerTime(at)) => json!({"serverTime": at.as_millis()}),
            (Kind::CreateListenKey, Reply::ListenKey(key)) => json!({"listenKey": key}),
            (Kind::ExtendListenKey | Kind::CloseListenKey, Reply::Changed(_)) => json!({}),
            _ => return None,
        })
    }

    /// An order of either market; `placed` is the reply to a placement or a change.
    fn order(&self, it: &OrderReport, placed: bool) -> Option<Value> {
        let mut row = json!({
            "symbol": it.symbol.as_str(),
            "orderId": number(it.order_id),
            "clientOrderId": it.client_order_id?.as_str(),
            "price": it.price.unwrap_or_default().to_string(),
            "origQty": it.quantity?.to_string(),
            "executedQty": it.filled_quantity.to_string(),
            "status": status(it.status),
            "timeInForce": "GTC",
            "type": if it.price.is_some() { "LIMIT" } else { "MARKET" },
            "side": side_name(it.side),
            "stopPrice": "0.00",
        });
        let fields = row.as_object_mut()?;
        let quote = it.filled_quote.unwrap_or_default().to_string();
        let time = json!(it.updated_at?.as_millis());
        if self.is_spot() {
            fields.insert("orderListId".into(), json!(-1));
            fields.insert("cummulativeQuoteQty".into(), json!(quote));
            fields.insert("origQuoteOrderQty".into(), json!("0.00000000"));
            if placed {
                fields.insert("transactTime".into(), time);
                let fill = |fee: Fee| {
                    json!([{
                        "price": it.price.unwrap_or_default().to_string(),
                        "qty": it.filled_quantity.to_string(),
                        "commission": fee.amount.to_string(),
                        "commissionAsset": fee.asset.as_str(),
                        "tradeId": 56,
                    }])
                };
                let fills = it.fee.map_or(json!([]), fill);
                fields.insert("fills".into(), fills);
            } else {
                fields.insert("time".into(), time.clone());
                fields.insert("updateTime".into(), time);
                fields.insert("isWorking".into(), json!(true));
            }
        } else {
            let average = it.average_price.unwrap_or_default().to_string();
            fields.insert("avgPrice".into(), json!(average));
            fields.insert("cumQuote".into(), json!(quote));
            fields.insert("reduceOnly".into(), json!(it.reduce_only));
            fields.insert("closePosition".into(), json!(false));
            fields.insert("positionSide".into(), json!(position_name(it.position_side)));
            fields.insert("origType".into(), json!("LIMIT"));
            fields.insert("updateTime".into(), time);
        }
        Some(row)
    }

    /// spot rest-api.md, "Cancel order": `clientOrderId` is the cancellation's own.
    fn canceled(&self, it: &OrderReport) -> Option<Value> {
        let mut row = self.order(it, !self.is_spot())?;
        if self.is_spot() {
            let fields = row.as_object_mut()?;
            fields.insert("origClientOrderId".into(), json!(it.client_order_id?.as_str()));
            fields.insert("clientOrderId".into(), json!("cancelMyOrder1"));
            fields.insert("transactTime".into(), json!(it.updated_at?.as_millis()));
            fields.retain(|name, _| !matches!(name.as_str(), "time" | "updateTime" | "isWorking"));
            if let Some(price) = it.trigger_price {
                fields.insert("stopPrice".into(), json!(price.to_string()));
            }
        }
        Some(row)
    }

    fn conditional(&self, it: &OrderReport) -> Option<Value> {
        if self.is_spot() {
            let mut row = self.order(it, false)?;
            let fields = row.as_object_mut()?;
            fields.insert("type".into(), json!("STOP_LOSS"));
            fields.insert("stopPrice".into(), json!(it.trigger_price?.to_string()));
            return Some(row);
        }
        Some(json!({
            "algoId": number(it.order_id),
            "clientAlgoId": it.client_order_id?.as_str(),
            "algoType": "CONDITIONAL",
            "orderType": "STOP_MARKET",
            "symbol": it.symbol.as_str(),
            "side": side_name(it.side),
            "positionSide": position_name(it.position_side),
            "timeInForce": "GTC",
            "quantity": it.quantity?.to_string(),
            "algoStatus": status(it.status),
            "actualOrderId": "",
            "actualPrice": "0.00000",
            "triggerPrice": it.trigger_price?.to_string(),
            "price": "0.00",
            "reduceOnly": it.reduce_only,
            "updateTime": it.updated_at?.as_millis(),
        }))
    }

    fn fill(&self, it: &Fill) -> Option<Value> {
        let buy = it.side == Side::Buy;
        let fee = it.fee?;
        let mut row = json!({
            "symbol": it.symbol.as_str(),
            "id": number(it.trade_id),
            "orderId": number(it.order_id),
            "price": it.price.to_string(),
            "qty": it.quantity.to_string(),
            "commission": fee.amount.to_string(),
            "commissionAsset": fee.asset.as_str(),
            "time": it.at.as_millis(),
        });
        let fields = row.as_object_mut()?;
        if self.is_spot() {
            fields.insert("isBuyer".into(), json!(buy));
            fields.insert("isMaker".into(), json!(it.maker?));
            fields.insert("isBestMatch".into(), json!(true));
        } else {
            fields.insert("buyer".into(), json!(buy));
            fields.insert("maker".into(), json!(it.maker?));
            fields.insert("side".into(), json!(side_name(it.side)));
            fields.insert("positionSide".into(), json!("BOTH"));
            fields.insert("realizedPnl".into(), json!(it.realized_pnl?.to_string()));
        }
        Some(row)
    }

    /// spot filters.md; linear "Exchange Information", where some filters' fields differ.
    fn instrument_row(&self, it: &Instrument) -> Option<Value> {
        let text = |value: Option<Decimal>| value.unwrap_or_default().to_string();
        let lot = |kind: &str, lot: &LotRule| {
            json!({
                "filterType": kind,
                "minQty": text(lot.min),
                "maxQty": text(lot.max),
                "stepSize": text(lot.step),
            })
        };
        let percent = it.percent_price?;
        let mut filters = vec![
            json!({
                "filterType": "PRICE_FILTER",
                "minPrice": text(it.min_price),
                "maxPrice": text(it.max_price),
                "tickSize": text(it.tick_size),
            }),
            lot("LOT_SIZE", &it.lot),
            lot("MARKET_LOT_SIZE", &it.market_lot),
        ];
        if self.is_spot() {
            filters.push(json!({
                "filterType": "NOTIONAL",
                "minNotional": text(it.notional.min),
                "applyMinToMarket": !it.notional.market_exempt_from_min,
                "maxNotional": text(it.notional.max),
                "applyMaxToMarket": !it.notional.market_exempt_from_max,
                "avgPriceMins": 5,
            }));
            filters.push(json!({
                "filterType": "PERCENT_PRICE_BY_SIDE",
                "bidMultiplierUp": percent.buy_up.to_string(),
                "bidMultiplierDown": percent.buy_down.to_string(),
                "askMultiplierUp": percent.sell_up.to_string(),
                "askMultiplierDown": percent.sell_down.to_string(),
                "avgPriceMins": 5,
            }));
        } else {
            filters.push(json!({"filterType": "MIN_NOTIONAL", "notional": text(it.notional.min)}));
            filters.push(json!({
                "filterType": "PERCENT_PRICE",
                "multiplierUp": percent.buy_up.to_string(),
                "multiplierDown": percent.buy_down.to_string(),
                "multiplierDecimal": "4",
            }));
        }
        let status = match it.status {
            InstrumentStatus::Trading => "TRADING",
            InstrumentStatus::Halted if self.is_spot() => "BREAK",
            InstrumentStatus::Halted => "SETTLING",
            _ => return None,
        };
        Some(json!({
            "symbol": it.venue_symbol.as_str(),
            "status": status,
            "contractType": if self.is_spot() { Value::Null } else { "PERPETUAL".into() },
            "baseAsset": it.base?.as_str(),
            "quoteAsset": it.quote?.as_str(),
            "quoteAssetPrecision": 8,
            "filters": filters,
        }))
    }

    /// errors.md and linear "Error Codes".
    pub(crate) fn refusal(&self, kind: Kind, reason: Reason) -> Option<(i64, &'static str)> {
        let spot = self.is_spot();
        Some(match reason {
            Reason::InsufficientBalance if spot => {
                (-2010, "Account has insufficient balance for requested action.")
            }
            Reason::InsufficientBalance => (-2019, "Margin is insufficient."),
            Reason::MinNotional if spot => (-1013, "Filter failure: NOTIONAL"),
            Reason::MinNotional => (-4164, "Order's notional must be no smaller than 100"),
            Reason::Quantity if spot => (-1013, "Filter failure: LOT_SIZE"),
            Reason::Price if spot => (-1013, "Filter failure: PRICE_FILTER"),
            Reason::Precision => (-1111, "Precision is over the maximum defined for this asset."),
            Reason::UnknownOrder if kind == Kind::Cancel => (-2011, "Unknown order sent."),
            Reason::UnknownOrder => (-2013, "Order does not exist."),
            Reason::DuplicateClientOrderId if spot => (-2010, "Duplicate order sent."),
            Reason::DuplicateClientOrderId => (-4116, "ClientOrderId is duplicated."),
            Reason::ReduceOnly if !spot => (-2022, "ReduceOnly Order is rejected."),
            Reason::PostOnly if spot => (-2010, "Order would immediately match and take."),
            Reason::PostOnly => (-5022, "Post Only order will be rejected."),
            Reason::NoLiquidity if !spot => (-2020, "Unable to fill."),
            Reason::WouldTrigger if spot => (-2010, "Stop price would trigger immediately."),
            Reason::WouldTrigger => (-2021, "Order would immediately trigger."),
            Reason::BadKey => (-2015, "Invalid API-key, IP, or permissions for action."),
            Reason::BadSignature => (-1022, "Signature for this request is not valid."),
            Reason::Clock => (-1021, "Timestamp for this request is outside of the recvWindow."),
            Reason::UnknownSymbol => (-1121, "Invalid symbol."),
            Reason::NotTrading if spot => (-2010, "Market is closed."),
            Reason::PositionMode if !spot => {
                (-4061, "Order's position side does not match user's setting.")
            }
            Reason::PositionLimit if !spot => {
                (-2027, "Exceeded the maximum allowable position at current leverage.")
            }
            Reason::TooManyOrders if spot => (-1013, "Filter failure: MAX_NUM_ORDERS"),
            Reason::TooManyOrders => (-2025, "Reach max open order limit."),
            Reason::OrdersOrPositionsOpen => {
                (-4068, "Position side cannot be changed if there exists position.")
            }
            Reason::Leverage => (-4028, "Leverage 200 is not valid"),
            _ => return None,
        })
    }
}

fn position_row(it: &Position) -> Option<Value> {
    let short = it.side? == PositionSide::Short;
    let amount = if short { -it.size } else { it.size };
    let name = if it.hedge { position_name(it.side) } else { "BOTH" };
    Some(json!({
        "symbol": it.symbol.as_str(),
        "positionSide": name,
        "positionAmt": amount.to_string(),
        "entryPrice": it.entry_price?.to_string(),
        "markPrice": it.mark_price?.to_string(),
        "unRealizedProfit": it.unrealized_pnl?.to_string(),
        "liquidationPrice": "0",
        "marginAsset": "USDT",
        "updateTime": it.updated_at?.as_millis(),
    }))
}

fn premium_index(symbol: Symbol, mark: Decimal, rate: Decimal, next: Timestamp) -> Value {
    json!({
        "symbol": symbol.as_str(),
        "markPrice": mark.to_string(),
        "indexPrice": mark.to_string(),
        "lastFundingRate": rate.to_string(),
        "nextFundingTime": next.as_millis(),
        "time": NOW.as_millis(),
    })
}

pub(crate) fn error(status: u16, code: i64, message: &str) -> Response {
    Response::new(status, json!({"code": code, "msg": message}).to_string())
}

fn number(id: OrderId) -> u64 {
    id.as_str().parse().unwrap()
}

fn side_name(side: Side) -> &'static str {
    if side == Side::Buy { "BUY" } else { "SELL" }
}

fn position_name(side: Option<PositionSide>) -> &'static str {
    match side {
        None => "BOTH",
        Some(PositionSide::Long) => "LONG",
        Some(PositionSide::Short) => "SHORT",
    }
}

fn status(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::New => "NEW",
        OrderStatus::PartiallyFilled => "PARTIALLY_FILLED",
        OrderStatus::Filled => "FILLED",
        OrderStatus::Canceled => "CANCELED",
        OrderStatus::Expired => "EXPIRED",
        OrderStatus::Rejected => "REJECTED",
        _ => "SOMETHING_OF_NEXT_YEAR",
    }
}
