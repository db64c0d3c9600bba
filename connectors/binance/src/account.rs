//! Events of the account (spot user-data-stream.md; linear "User Data Streams").

use hoox_connector::json::{Integer, MaybeNumber, Number, lenient};
use hoox_connector::{
    Asset, Balance, ClientOrderId, Event, Fee, Fill, OrderId, OrderReport, Position, PositionSide,
    Symbol, TimeInForce, Timestamp, average_price,
};
use serde::Deserialize;

use crate::decode::{AlgoStatus, PositionSide_, Side_, Status, Tif, Type, millis, side_of};
use crate::events::Emit;

/// An order of either market; what one of them lacks is absent. One that traded is two events: the
/// order, then its execution.
#[derive(Deserialize)]
pub(crate) struct OrderUpdate {
    s: Symbol,
    i: u64,
    /// On a spot cancellation this is the cancellation's own id, and the order's is `C`.
    #[serde(default, deserialize_with = "lenient")]
    c: Option<ClientOrderId>,
    #[serde(default, rename = "C", deserialize_with = "lenient")]
    original_client_id: Option<ClientOrderId>,
    #[serde(rename = "S")]
    side: Side_,
    #[serde(default, rename = "o")]
    kind: Type,
    #[serde(default, rename = "f")]
    time_in_force: Tif,
    x: Execution,
    #[serde(rename = "X")]
    status: Status,
    q: Number,
    z: Number,
    #[serde(default)]
    p: MaybeNumber,
    /// spot: the trigger price.
    #[serde(default, rename = "P")]
    stop_price: MaybeNumber,
    /// linear: the trigger price.
    #[serde(default)]
    sp: MaybeNumber,
    /// spot: the value filled.
    #[serde(default, rename = "Z")]
    filled_quote: MaybeNumber,
    /// linear: the average price.
    #[serde(default)]
    ap: MaybeNumber,
    /// linear.
    #[serde(default, rename = "R")]
    reduce_only: bool,
    /// linear.
    #[serde(default)]
    ps: PositionSide_,
    #[serde(rename = "T")]
    at: u64,
    /// The execution: -1 or 0 where there is none.
    t: i64,
    #[serde(rename = "l")]
    last_quantity: Number,
    #[serde(rename = "L")]
    last_price: Number,
    #[serde(default, rename = "n")]
    fee: MaybeNumber,
    #[serde(default, rename = "N", deserialize_with = "lenient")]
    fee_asset: Option<Asset>,
    #[serde(default)]
    m: Option<bool>,
    /// linear: the profit or loss realised.
    #[serde(default)]
    rp: MaybeNumber,
}

impl OrderUpdate {
    pub(crate) fn emit(&self, emit: Emit<'_>) {
        emit(Event::Order(self.report()));
        if self.x == Execution::Trade {
            emit(Event::Fill(self.fill()));
        }
    }

    fn report(&self) -> OrderReport {
        let id = OrderId::from(self.i);
        let mut it = OrderReport::new(self.s, id, self.side.into(), self.status.into());
        it.client_order_id = self.client_order_id();
        it.quantity = Some(self.q.0);
        it.filled_quantity = self.z.0;
        it.price = self.p.non_zero();
        it.filled_quote = self.filled_quote.0;
        it.average_price =
            self.ap.non_zero().or_else(|| average_price(self.filled_quote.0?, self.z.0));
        it.trigger_price = self.stop_price.non_zero().or(self.sp.non_zero());
        it.time_in_force = match (self.kind, self.time_in_force) {
            (Type::LimitMaker, _) => Some(TimeInForce::PostOnly),
            (_, tif) => tif.into(),
        };
        it.reduce_only = self.reduce_only;
        it.position_side = self.ps.into();
        it.updated_at = Some(Timestamp::from_millis(self.at));
        it
    }

    fn fill(&self) -> Fill {
        let trade = OrderId::from(u64::try_from(self.t).unwrap_or(0));
        let mut it = Fill::new(
            self.s,
            (trade, OrderId::from(self.i)),
            self.side.into(),
            (self.last_price.0, self.last_quantity.0),
            Timestamp::from_millis(self.at),
        );
        it.client_order_id = self.client_order_id();
        it.fee = self.fee_asset.zip(self.fee.0).map(|(asset, amount)| Fee { asset, amount });
        it.maker = self.m;
        it.realized_pnl = self.rp.0;
        it
    }

    fn client_order_id(&self) -> Option<ClientOrderId> {
        self.original_client_id.or(self.c)
    }
}

/// What happened to the order just now. A liquidation is reported as calculated.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
enum Execution {
    #[serde(rename = "TRADE", alias = "CALCULATED")]
    Trade,
    #[serde(other)]
    Other,
}

/// spot, `outboundAccountPosition`: every balance that may have changed.
#[derive(Deserialize)]
pub(crate) struct SpotBalances {
    #[serde(rename = "B")]
    balances: Vec<SpotBalance>,
}

#[derive(Deserialize)]
struct SpotBalance {
    a: Asset,
    f: Number,
    l: Number,
}

impl SpotBalances {
    pub(crate) fn emit(&self, emit: Emit<'_>) {
        for SpotBalance { a, f, l } in &self.balances {
            let total = f.0.checked_add(l.0).unwrap_or(f.0);
            emit(Event::Balance(Balance { asset: *a, available: f.0, total }));
        }
    }
}

/// linear, `ORDER_TRADE_UPDATE`.
#[derive(Deserialize)]
pub(crate) struct LinearUpdate {
    o: OrderUpdate,
}

impl LinearUpdate {
    pub(crate) fn emit(&self, emit: Emit<'_>) {
        self.o.emit(emit);
    }
}

/// linear, `ALGO_UPDATE`. What fills, fills as the order it became, whose updates tell so.
#[derive(Deserialize)]
pub(crate) struct AlgoUpdate {
    #[serde(default, rename = "T")]
    at: Option<Integer>,
    o: Algo,
}

#[derive(Deserialize)]
struct Algo {
    s: Symbol,
    aid: u64,
    #[serde(default, deserialize_with = "lenient")]
    caid: Option<ClientOrderId>,
    /// The order it became, or nothing.
    #[serde(default, deserialize_with = "lenient")]
    ai: Option<OrderId>,
    #[serde(rename = "S")]
    side: Side_,
    #[serde(rename = "X")]
    status: AlgoStatus,
    #[serde(default, rename = "f")]
    time_in_force: Tif,
    q: Number,
    #[serde(default)]
    p: MaybeNumber,
    #[serde(default)]
    tp: MaybeNumber,
    #[serde(default, rename = "R")]
    reduce_only: bool,
    #[serde(default)]
    ps: PositionSide_,
}

impl AlgoUpdate {
    pub(crate) fn emit(&self, emit: Emit<'_>) {
        let o = &self.o;
        let mut it = OrderReport::new(o.s, OrderId::from(o.aid), o.side.into(), o.status.into());
        it.client_order_id = o.caid;
        it.quantity = Some(o.q.0);
        it.price = o.p.non_zero();
        it.trigger_price = o.tp.non_zero();
        it.time_in_force = o.time_in_force.into();
        it.reduce_only = o.reduce_only;
        it.position_side = o.ps.into();
        it.triggered_order_id = o.ai;
        it.updated_at = self.at.and_then(millis);
        emit(Event::Order(it));
    }
}

/// linear, `ACCOUNT_UPDATE`: the balances and positions that changed.
#[derive(Deserialize)]
pub(crate) struct AccountUpdate {
    #[serde(default, rename = "T")]
    at: Option<Integer>,
    a: Account,
}

#[derive(Deserialize)]
struct Account {
    #[serde(default, rename = "B")]
    balances: Vec<Wallet>,
    #[serde(default, rename = "P")]
    positions: Vec<PositionChange>,
}

#[derive(Deserialize)]
struct Wallet {
    a: Asset,
    /// Everything.
    wb: Number,
    /// What is not set aside for isolated positions. The margin of open orders and cross positions
    /// is not told here, so that less than this may be free.
    cw: Number,
}

#[derive(Deserialize)]
struct PositionChange {
    s: Symbol,
    pa: Number,
    #[serde(default)]
    ep: MaybeNumber,
    #[serde(default)]
    up: MaybeNumber,
    #[serde(default)]
    ps: PositionSide_,
}

impl AccountUpdate {
    pub(crate) fn emit(&self, emit: Emit<'_>) {
        for Wallet { a, wb, cw } in &self.a.balances {
            emit(Event::Balance(Balance { asset: *a, available: cw.0, total: wb.0 }));
        }
        for change in &self.a.positions {
            let hedge: Option<PositionSide> = change.ps.into();
            let amount = change.pa.0;
            let mut it = Position::new(change.s, side_of(amount, hedge), amount.abs());
            it.hedge = hedge.is_some();
            it.entry_price = change.ep.non_zero();
            it.unrealized_pnl = change.up.0;
            it.updated_at = self.at.and_then(millis);
            emit(Event::Position(it));
        }
    }
}
