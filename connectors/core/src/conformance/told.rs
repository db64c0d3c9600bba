//! What a venue is made to tell, and whether it was read so.

use crate::{
    Accepted, Asset, Balance, BookTop, Decimal, Fee, Fill, FundingRate, OperationKind, OrderReport,
    OrderStatus, Position, PositionSide, Reply, Side, Ticker, TimeInForce,
};

use crate::stream::BookUpdate;

use super::NOW;
use super::check::{Check, client_order_id};

/// What of an order's report a venue of the kind must tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// Everything but fee, quote amount and times.
    Full,
    /// A venue's conditional order, of which nothing fills.
    Conditional,
}

/// `multiple` times the harness's quantity.
pub(super) fn quantity(check: &Check<'_>, multiple: u32) -> Decimal {
    let one = check.harness().quantity();
    one.checked_mul(Decimal::from(multiple)).unwrap_or(one)
}

/// A limit buy of four quantities at the market price, `filled` of them filled there.
pub(super) fn report(check: &Check<'_>, status: OrderStatus, filled: u32) -> OrderReport {
    let harness = check.harness();
    let mut it = OrderReport::new(check.symbol(), harness.order_id(), Side::Buy, status);
    it.client_order_id = client_order_id("conformance-1");
    it.quantity = Some(quantity(check, 4));
    it.filled_quantity = quantity(check, filled);
    it.price = Some(harness.price());
    it.average_price = (filled > 0).then(|| harness.price());
    it.filled_quote = it.filled_quantity.checked_mul(harness.price());
    it.time_in_force = Some(TimeInForce::GoodTillCancel);
    it.fee = check.instrument().quote.filter(|_| filled > 0).map(fee);
    it.updated_at = Some(NOW);
    it
}

pub(super) fn tick(check: &Check<'_>) -> Decimal {
    check.instrument().tick_size.unwrap_or(Decimal::ONE)
}

pub(super) fn accepted(check: &Check<'_>) -> Accepted {
    let order_id = Some(check.harness().order_id());
    Accepted { order_id, client_order_id: client_order_id("conformance-1"), at: Some(NOW) }
}

pub(super) fn fill(check: &Check<'_>, trade: u64, side: Side, maker: bool) -> Option<Fill> {
    let harness = check.harness();
    let ids = (crate::OrderId::from(trade), harness.order_id());
    let terms = (harness.price(), quantity(check, 1));
    let mut it = Fill::new(check.symbol(), ids, side, terms, NOW);
    let asset = check.instrument().quote?;
    it.client_order_id = client_order_id("conformance-1");
    it.fee = Some(fee(asset));
    it.maker = Some(maker);
    it.realized_pnl = Some(Decimal::new(-125, 2));
    Some(it)
}

fn fee(asset: Asset) -> Fee {
    Fee { asset, amount: Decimal::new(4_321, 4) }
}

pub(super) fn position(check: &Check<'_>, side: PositionSide, hedge: bool) -> Position {
    let mut it = Position::new(check.symbol(), Some(side), quantity(check, 3));
    it.hedge = hedge;
    it.entry_price = Some(check.harness().price());
    it.mark_price = Some(check.harness().price());
    it.leverage = Some(7);
    it.unrealized_pnl = Some(Decimal::new(-125, 2));
    it.updated_at = Some(NOW);
    it
}

/// In which `read` differs from what was told.
pub(super) fn differences(told: &Reply, read: &Reply, detail: Detail) -> Vec<String> {
    let mut them = Differences { found: Vec::new() };
    match (told, read) {
        (Reply::Accepted(told), Reply::Accepted(read)) => them.accepted(told, read),
        (Reply::Order(told), Reply::Order(read)) => them.order(told, read, detail),
        (Reply::Orders(told), Reply::Orders(read)) => {
            them.count(told.len(), read.len());
            told.iter().zip(read).for_each(|(told, read)| them.order(told, read, detail));
        }
        (Reply::Batch(told), Reply::Batch(read)) => {
            them.count(told.len(), read.len());
            for (told, read) in told.iter().zip(read) {
                match (told, read) {
                    (Ok(told), Ok(read)) => them.accepted(told, read),
                    (Err(told), Err(read)) => them.same("reason", &told.reason, &read.reason),
                    (told, read) => them.found.push(format!("{read:?}, not {told:?}")),
                }
            }
        }
        (Reply::Fills(told), Reply::Fills(read)) => {
            them.count(told.len(), read.len());
            told.iter().zip(read).for_each(|(told, read)| them.fill(told, read));
        }
        (Reply::Positions(told), Reply::Positions(read)) => {
            them.count(told.len(), read.len());
            told.iter().zip(read).for_each(|(told, read)| them.position(told, read));
        }
        (Reply::Balances(told), Reply::Balances(read)) => {
            them.count(told.len(), read.len());
            for told in told {
                let read = read.iter().find(|it| it.asset == told.asset);
                them.same("balance", &Some(told), &read);
            }
        }
        (Reply::Changed(told), Reply::Changed(read)) => them.same("change", told, read),
        (Reply::Instruments(told), Reply::Instruments(read)) => {
            them.count(told.len(), read.len());
            for (told, read) in told.iter().zip(read) {
                them.same("instrument", told, read);
            }
        }
        (Reply::Ticker(told), Reply::Ticker(read)) => them.ticker(told, read),
        (Reply::BookTop(told), Reply::BookTop(read)) => them.book_top(told, read),
        (Reply::Depth(told), Reply::Depth(read)) => them.book(told, read),
        (Reply::FundingRate(told), Reply::FundingRate(read)) => them.funding(told, read),
        (Reply::ServerTime(told), Reply::ServerTime(read)) => them.same("time", told, read),
        (Reply::ListenKey(told), Reply::ListenKey(read)) => them.same("key", told, read),
        (_, read) => them.found.push(format!("read as another kind of reply: {read:?}")),
    }
    them.found
}

/// Tells `reply`, reads it and compares; whether the harness could tell it.
pub(super) fn tell(
    check: &mut Check<'_>,
    kind: OperationKind,
    reply: &Reply,
    detail: Detail,
) -> bool {
    let label = kind.as_str();
    match check.read(kind, &super::Scenario::Reply(kind, reply)) {
        Some(Ok(read)) => {
            let problems = differences(reply, &read, detail);
            check.claim(problems.is_empty(), || format!("{label}: {}", problems.join("; ")));
        }
        Some(Err(error)) => check.fail(format!("{label}: {reply:?} is read as an error: {error}")),
        None => return false,
    }
    true
}

/// As [`tell`], for what the venue must have a way to tell.
pub(super) fn must_tell(check: &mut Check<'_>, kind: OperationKind, reply: &Reply, detail: Detail) {
    if !tell(check, kind, reply, detail) {
        check.fail(format!("the harness has no answer to {}: {reply:?}", kind.as_str()));
    }
}

struct Differences {
    found: Vec<String>,
}

impl Differences {
    fn same<T: PartialEq + core::fmt::Debug>(&mut self, field: &str, told: &T, read: &T) {
        if told != read {
            self.found.push(format!("{field} is read as {read:?}, not {told:?}"));
        }
    }

    /// What a venue need not tell, but if it does, rightly.
    fn maybe<T: PartialEq + core::fmt::Debug>(
        &mut self,
        field: &str,
        told: &Option<T>,
        read: &Option<T>,
    ) {
        if read.is_some() {
            self.same(field, told, read);
        }
    }

    fn count(&mut self, told: usize, read: usize) {
        if told != read {
            self.found.push(format!("{read} rows are read, not {told}"));
        }
    }

    fn accepted(&mut self, told: &Accepted, read: &Accepted) {
        self.maybe("order id", &told.order_id, &read.order_id);
        self.maybe("client order id", &told.client_order_id, &read.client_order_id);
        self.maybe("time", &told.at, &read.at);
    }

    fn order(&mut self, told: &OrderReport, read: &OrderReport, detail: Detail) {
        self.same("symbol", &told.symbol, &read.symbol);
        self.same("order id", &told.order_id, &read.order_id);
        self.same("side", &told.side, &read.side);
        self.same("status", &told.status, &read.status);
        self.same("quantity", &told.quantity, &read.quantity);
        self.same("price", &told.price, &read.price);
        self.same("filled quantity", &told.filled_quantity, &read.filled_quantity);
        self.same("average price", &told.average_price, &read.average_price);
        self.same("reduce-only", &told.reduce_only, &read.reduce_only);
        self.same("position", &told.position_side, &read.position_side);
        if detail == Detail::Conditional {
            self.same("trigger price", &told.trigger_price, &read.trigger_price);
            self.maybe("client order id", &told.client_order_id, &read.client_order_id);
        } else {
            self.same("client order id", &told.client_order_id, &read.client_order_id);
            self.maybe("trigger price", &told.trigger_price, &read.trigger_price);
        }
        self.maybe("time in force", &told.time_in_force, &read.time_in_force);
        self.maybe("filled quote", &told.filled_quote, &read.filled_quote);
        self.maybe("fee", &told.fee, &read.fee);
        self.maybe("time", &told.updated_at, &read.updated_at);
    }

    fn fill(&mut self, told: &Fill, read: &Fill) {
        self.same("symbol", &told.symbol, &read.symbol);
        self.same("trade id", &told.trade_id, &read.trade_id);
        self.same("order id", &told.order_id, &read.order_id);
        self.same("side", &told.side, &read.side);
        self.same("price", &told.price, &read.price);
        self.same("quantity", &told.quantity, &read.quantity);
        self.same("fee", &told.fee, &read.fee);
        self.same("time", &told.at, &read.at);
        self.maybe("client order id", &told.client_order_id, &read.client_order_id);
        self.maybe("maker", &told.maker, &read.maker);
        self.maybe("realized profit", &told.realized_pnl, &read.realized_pnl);
    }

    fn position(&mut self, told: &Position, read: &Position) {
        self.same("symbol", &told.symbol, &read.symbol);
        self.same("side", &told.side, &read.side);
        self.same("size", &told.size, &read.size);
        self.same("entry price", &told.entry_price, &read.entry_price);
        self.maybe("mark price", &told.mark_price, &read.mark_price);
        self.maybe("leverage", &told.leverage, &read.leverage);
        self.maybe("unrealized profit", &told.unrealized_pnl, &read.unrealized_pnl);
        self.maybe("time", &told.updated_at, &read.updated_at);
        // A venue that keeps long and short apart in its rows does so in both modes.
        if told.hedge {
            self.same("hedge", &told.hedge, &read.hedge);
        }
    }

    fn ticker(&mut self, told: &Ticker, read: &Ticker) {
        self.same("symbol", &told.symbol, &read.symbol);
        self.maybe("last price", &told.last_price, &read.last_price);
        self.maybe("mark price", &told.mark_price, &read.mark_price);
        if read.last_price.is_none() && read.mark_price.is_none() {
            self.found.push("no price is read".into());
        }
    }

    fn book_top(&mut self, told: &BookTop, read: &BookTop) {
        self.same("symbol", &told.symbol, &read.symbol);
        self.same("bid", &told.bid_price, &read.bid_price);
        self.same("ask", &told.ask_price, &read.ask_price);
        self.maybe("bid size", &told.bid_quantity, &read.bid_quantity);
        self.maybe("ask size", &told.ask_quantity, &read.ask_quantity);
    }

    fn book(&mut self, told: &BookUpdate, read: &BookUpdate) {
        self.same("symbol", &told.symbol, &read.symbol);
        self.same("snapshot", &told.snapshot, &read.snapshot);
        self.same("bids", &told.bids, &read.bids);
        self.same("asks", &told.asks, &read.asks);
        self.same("last update", &told.last_id, &read.last_id);
    }

    fn funding(&mut self, told: &FundingRate, read: &FundingRate) {
        self.same("symbol", &told.symbol, &read.symbol);
        self.same("rate", &told.rate, &read.rate);
        self.maybe("time", &told.next_at, &read.next_at);
    }
}

/// A balance of each asset of the instrument, of which a part is locked.
pub(super) fn balances(check: &Check<'_>) -> Vec<Balance> {
    let instrument = check.instrument();
    let assets = [instrument.quote, instrument.base];
    let rows = assets.into_iter().flatten().zip([(1_000_050, 2), (125, 3)]);
    rows.map(|(asset, (units, scale))| {
        let total = Decimal::new(units, scale);
        Balance { asset, available: total - Decimal::new(1, scale), total }
    })
    .collect()
}
