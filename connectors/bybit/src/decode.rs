//! Replies to neutral values.
//!
//! Every reply is an envelope of a code, a message, a result and a time (v5 guide, "Common response
//! parameters"). The HTTP status is 200 for errors too.

mod scan;

use std::borrow::Cow;

use hoox_connector::json::{self, Integer, MaybeNumber, Number, lenient};
use hoox_connector::stream::{BookUpdate, Level};
use hoox_connector::{
    Accepted, Asked, BookTop, Change, ClientOrderId, FundingRate, Headers, Instruments, Malformed,
    Market, OperationKind as Kind, OrderId, Page, RejectReason, Rejection, Reply, Symbol, Ticker,
    Timestamp, UnknownCause, VenueError,
};
use serde::Deserialize;

use crate::rows::{Coin, Execution, Order, PositionRow};
use crate::{Bybit, errors, instruments, limits};

pub(crate) fn decode(
    bybit: &Bybit,
    asked: &Asked<'_>,
    status: u16,
    headers: Headers<'_>,
    body: &[u8],
) -> Result<Reply, VenueError> {
    let op = asked.kind;
    let answer = Answer { market: bybit.market, op, status, headers, body };
    if !(200..300).contains(&status) {
        return answer.refusal().unwrap_or_else(|| errors::uncoded(status, headers, answer.body));
    }
    match op {
        Kind::Place
        | Kind::PlaceConditional
        | Kind::Amend
        | Kind::Cancel
        | Kind::CancelConditional => answer.accepted(),
        Kind::PlaceBatch => answer.batch(),
        Kind::CancelAll | Kind::CancelAllConditional => answer.read(|done: Canceled<'_>, _| {
            if done.success.as_deref() == Some("0") {
                let problem = "success is 0 without a code";
                return Err(VenueError::Unknown(UnknownCause::venue(status, 0, problem)));
            }
            Ok(Reply::Changed(Change::Applied))
        }),
        Kind::OrderById | Kind::OrderByClientId | Kind::ConditionalOrder => {
            answer.read(|page: List<Order<'_>>, _| match page.list.first() {
                Some(order) => Ok(Reply::Order(order.report(answer.market))),
                // An order that is not there is an empty list.
                None => {
                    let problem = "not among the open and the recently closed orders";
                    let unknown = Rejection::new(RejectReason::UnknownOrder, 0, problem);
                    Err(VenueError::Rejected(unknown))
                }
            })
        }
        Kind::OpenOrders | Kind::OpenConditionalOrders => {
            answer.read(|list: List<Order<'_>>, _| {
                let in_market =
                    |order: &&Order<'_>| op != Kind::OpenOrders || !order.is_untriggered();
                let orders = list.list.iter().filter(in_market);
                let page: Page<_> = orders.map(|order| order.report(answer.market)).collect();
                Ok(Reply::Orders(
                    page.with_next(list.next(bybit.page_size.unwrap_or(limits::OPEN_ORDERS_PAGE))),
                ))
            })
        }
        Kind::OrderHistory => answer.read(|list: List<Order<'_>>, _| {
            let page: Page<_> = list.list.iter().map(|order| order.report(answer.market)).collect();
            let size = asked.limit.unwrap_or(limits::HISTORY_PAGE);
            Ok(Reply::Orders(page.with_next(list.next(size.min(limits::HISTORY_PAGE_MAX)))))
        }),
        Kind::Fills => answer.read(|list: List<Execution>, _| {
            let page: Page<_> =
                list.list.iter().filter_map(|row| row.fill(answer.market)).collect();
            let size = asked.limit.unwrap_or(limits::FILLS_PAGE);
            Ok(Reply::Fills(page.with_next(list.next(size.min(limits::FILLS_PAGE_MAX)))))
        }),
        Kind::Positions => answer.read(|list: List<PositionRow>, _| {
            let wrong = |problem| malformed(op, "result.list.side", problem);
            let positions = list.list.iter().map(|row| row.position().map_err(wrong));
            let page = positions.collect::<Result<Page<_>, _>>()?;
            Ok(Reply::Positions(page.with_next(list.next(limits::POSITIONS_PAGE_MAX))))
        }),
        Kind::Balances => answer.read(|page: List<Account>, _| {
            let coins = page.list.iter().flat_map(|account| &account.coin);
            Ok(Reply::Balances(coins.map(|coin| coin.balance(answer.market)).collect()))
        }),
        Kind::SetLeverage | Kind::SetPositionMode => {
            answer.read(|_: serde::de::IgnoredAny, _| Ok(Reply::Changed(Change::Applied)))
        }
        Kind::SetMarginMode => {
            answer.read(|outcome: MarginModeSet<'_>, _| match outcome.reasons.first() {
                None => Ok(Reply::Changed(Change::Applied)),
                Some(reason) => {
                    let code = reason.reason_code.0;
                    let rejection =
                        Rejection::new(RejectReason::Leverage, code, &reason.reason_msg);
                    Err(VenueError::Rejected(rejection))
                }
            })
        }
        Kind::Instruments => answer.read(|page: List<instruments::Row<'_>>, time| {
            let rows = page.list.iter().filter(|row| row.is_offered(answer.market));
            let mut list =
                Instruments::new(rows.map(|row| row.instrument(answer.market)).collect());
            list.at = time;
            // Any page of this list but the last tells where the next begins.
            list.next = page.next(1);
            Ok(Reply::Instruments(list))
        }),
        Kind::Ticker => answer.read(|page: List<TickerRow>, _| {
            let row = page.only(op)?;
            Ok(Reply::Ticker(Ticker::new(row.symbol, row.last_price.0, row.mark_price.0)))
        }),
        Kind::FundingRate => answer.read(|page: List<FundingRow>, _| {
            let row = page.only(op)?;
            Ok(Reply::FundingRate(FundingRate {
                symbol: row.symbol,
                rate: row.funding_rate.0,
                next_at: row.next_funding_time.map(Timestamp::from_millis),
            }))
        }),
        Kind::BookTop => answer.read(|book: Book, _| Ok(book.top())),
        Kind::Depth => answer.read(|book: Book, _| Ok(book.whole())),
        Kind::ServerTime => answer.read(|time: ServerTime, _| {
            let millis = u64::try_from(time.time_nano.0 / 1_000_000);
            let millis = millis.map_err(|_| malformed(op, "result.timeNano", "before 1970"))?;
            Ok(Reply::ServerTime(Timestamp::from_millis(millis)))
        }),
        op => Err(malformed(op, ".", "no such operation here")),
    }
}

struct Answer<'a, 'h> {
    market: Market,
    op: Kind,
    status: u16,
    headers: Headers<'h>,
    body: &'a [u8],
}

impl<'a> Answer<'a, '_> {
    /// Reads the result of a success, or says what the code of a failure means.
    fn read<T: Deserialize<'a>>(
        &self,
        reply: impl FnOnce(T, Option<Timestamp>) -> Result<Reply, VenueError>,
    ) -> Result<Reply, VenueError> {
        match json::read::<Envelope<'_, T>>(self.op, self.body) {
            Ok(Envelope { ret_code: Integer(0), result, time, .. }) => {
                reply(result, time.map(Timestamp::from_millis))
            }
            Ok(envelope) => self.coded(envelope.ret_code.0, &envelope.ret_msg),
            // The result of a failure is empty, so it does not read as a success's.
            Err(unreadable) => self.refusal().unwrap_or(Err(unreadable)),
        }
    }

    /// The acknowledgement of an order, without allocating.
    fn accepted(&self) -> Result<Reply, VenueError> {
        if let Some(accepted) = scan::accepted(self.body) {
            return Ok(Reply::Accepted(accepted));
        }
        self.read(|ids: Ids, at| match ids.order_id {
            Some(_) => Ok(Reply::Accepted(ids.accepted(at))),
            None => Err(malformed(self.op, "result.orderId", "missing or not an id")),
        })
    }

    /// v5 order/batch-place: the codes stand beside the result, in the same order.
    fn batch(&self) -> Result<Reply, VenueError> {
        let envelope = match json::read::<BatchEnvelope<'_>>(self.op, self.body) {
            Ok(envelope) if envelope.ret_code.0 == 0 => envelope,
            Ok(envelope) => return self.coded(envelope.ret_code.0, &envelope.ret_msg),
            Err(unreadable) => return self.refusal().unwrap_or(Err(unreadable)),
        };
        let (ids, codes) = (envelope.result.list, envelope.ret_ext_info.list);
        if ids.len() != codes.len() {
            return Err(malformed(self.op, "retExtInfo.list", "not one code for each order"));
        }
        let items = ids.iter().zip(&codes).map(|(ids, code)| match code.code.0 {
            0 if ids.order_id.is_none() => {
                Err(malformed(self.op, "result.list.orderId", "missing or not an id"))
            }
            0 => Ok(Ok(ids.accepted(ids.create_at.map(Timestamp::from_millis)))),
            refused => errors::in_batch(refused, &code.msg, self.status).map(Err),
        });
        items.collect::<Result<_, _>>().map(Reply::Batch)
    }

    /// What the answer's code means, if it has one and it is a failure's.
    fn refusal(&self) -> Option<Result<Reply, VenueError>> {
        let head = json::read::<Head<'_>>(self.op, self.body).ok()?;
        (head.ret_code.0 != 0).then(|| self.coded(head.ret_code.0, &head.ret_msg))
    }

    fn coded(&self, code: i64, message: &str) -> Result<Reply, VenueError> {
        errors::coded(self.op, self.status, self.headers, code, message)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "T: Deserialize<'de>"))]
struct Envelope<'a, T> {
    ret_code: Integer,
    #[serde(borrow, default)]
    ret_msg: Cow<'a, str>,
    /// `data` in a frame.
    #[serde(alias = "data")]
    result: T,
    #[serde(default, deserialize_with = "lenient")]
    time: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    ret_code: Integer,
    #[serde(borrow, default)]
    ret_msg: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchEnvelope<'a> {
    ret_code: Integer,
    #[serde(borrow, default)]
    ret_msg: Cow<'a, str>,
    /// `data` in a frame.
    #[serde(alias = "data")]
    result: List<Ids>,
    #[serde(borrow)]
    ret_ext_info: Codes<'a>,
}

#[derive(Deserialize)]
struct Codes<'a> {
    #[serde(borrow)]
    list: Vec<Code<'a>>,
}

#[derive(Deserialize)]
struct Code<'a> {
    code: Integer,
    #[serde(borrow, default)]
    msg: Cow<'a, str>,
}

/// A list, with the place where its next page begins. Some lists tell one also on the last page.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List<T> {
    list: Vec<T>,
    #[serde(default)]
    next_page_cursor: Option<Box<str>>,
}

impl<T> List<T> {
    /// Where the list goes on, of which a page has `size` rows: one with room left is the last.
    fn next(self, size: u32) -> Option<Box<str>> {
        let full = self.list.len() >= size as usize;
        self.next_page_cursor.filter(|cursor| full && !cursor.is_empty())
    }

    fn only(&self, op: Kind) -> Result<&T, VenueError> {
        self.list.first().ok_or_else(|| malformed(op, "result.list", "empty"))
    }
}

/// The ids of an order, which is all that an acknowledgement tells.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ids {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) order_id: Option<OrderId>,
    #[serde(default, deserialize_with = "lenient")]
    order_link_id: Option<ClientOrderId>,
    /// In a batch.
    #[serde(default, deserialize_with = "lenient")]
    create_at: Option<u64>,
}

impl Ids {
    pub(crate) fn accepted(&self, at: Option<Timestamp>) -> Accepted {
        Accepted { order_id: self.order_id, client_order_id: self.order_link_id, at }
    }
}

/// v5 order/cancel-all.
#[derive(Deserialize)]
struct Canceled<'a> {
    #[serde(borrow, default)]
    success: Option<Cow<'a, str>>,
}

/// A unified account; streams push the same.
#[derive(Deserialize)]
pub(crate) struct Account {
    pub(crate) coin: Vec<Coin>,
}

/// v5 account/set-margin-mode: why it could not be set.
#[derive(Deserialize)]
struct MarginModeSet<'a> {
    #[serde(borrow, default)]
    reasons: Vec<MarginModeReason<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MarginModeReason<'a> {
    reason_code: Integer,
    #[serde(borrow)]
    reason_msg: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TickerRow {
    symbol: Symbol,
    last_price: MaybeNumber,
    /// linear.
    #[serde(default)]
    mark_price: MaybeNumber,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FundingRow {
    symbol: Symbol,
    funding_rate: Number,
    #[serde(default, deserialize_with = "lenient")]
    next_funding_time: Option<u64>,
}

/// v5 market/orderbook, best level first.
#[derive(Deserialize)]
struct Book {
    s: Symbol,
    b: Vec<(Number, Number)>,
    a: Vec<(Number, Number)>,
    u: u64,
    ts: u64,
}

impl Book {
    /// `u` is the number that the stream's changes go on from.
    fn whole(self) -> Reply {
        let levels = |side: Vec<(Number, Number)>| -> Vec<Level> {
            side.into_iter().map(|(price, size)| (price.0, size.0)).collect()
        };
        Reply::Depth(BookUpdate {
            symbol: self.s,
            snapshot: true,
            bids: levels(self.b),
            asks: levels(self.a),
            first_id: None,
            last_id: self.u,
            previous_id: None,
            at: Some(Timestamp::from_millis(self.ts)),
        })
    }

    fn top(&self) -> Reply {
        let (bid, ask) = (self.b.first(), self.a.first());
        Reply::BookTop(BookTop {
            symbol: self.s,
            bid_price: bid.map(|level| level.0.0),
            bid_quantity: bid.map(|level| level.1.0),
            ask_price: ask.map(|level| level.0.0),
            ask_quantity: ask.map(|level| level.1.0),
            update_id: Some(self.u),
            at: Some(Timestamp::from_millis(self.ts)),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServerTime {
    time_nano: Integer,
}

fn malformed(operation: Kind, field: &str, problem: &str) -> VenueError {
    VenueError::Malformed(Malformed { operation, field: field.into(), problem: problem.into() })
}
