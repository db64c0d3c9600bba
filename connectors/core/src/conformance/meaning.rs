use core::time::Duration;

use crate::{
    Decimal, MarginMode, NewOrder, Operation, OperationKind, OperationSet, OrderKind, OrderRef,
    PositionMode, PositionSide, PreparedOrder, Side, Size, Symbol, Timestamp,
};

use super::NOW;

/// How a request shows who sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// Not at all: neither key nor signature.
    Public,
    /// By the key, without a signature.
    Key,
    /// By a signature over everything that matters, which has been verified.
    Signed {
        /// The time it was signed for.
        at: Timestamp,
        /// How long after that the venue still takes it.
        window: Duration,
    },
}

/// A request as the venue understands it, in neutral words. What it does not speak of is absent.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Meaning {
    /// The operations which this request performs: more than one where the venue has one endpoint for
    /// several (last price and funding rate, an order by either id).
    pub serves: OperationSet,
    /// Who sends it.
    pub access: Access,
    /// The neutral symbol it is about; of orders placed, each has its own.
    pub symbol: Option<Symbol>,
    /// The orders it places, in their order, quantities in the base asset. An order of a hedge
    /// position has `position_side`; where the venue's own words leave open whether the account is in
    /// hedge mode, `position_mode` is absent.
    pub orders: Vec<NewOrder>,
    /// The order it cancels, changes or asks for.
    pub order: Option<OrderRef>,
    /// A side that is not an order's own, such as a change's.
    pub side: Option<Side>,
    /// The new quantity of a change, in the base asset.
    pub quantity: Option<Decimal>,
    /// The new price of a change.
    pub price: Option<Decimal>,
    /// From when.
    pub since: Option<Timestamp>,
    /// How many at most.
    pub limit: Option<u32>,
    /// Which page of a list, as the venue calls it.
    pub page: Option<String>,
    /// How many levels of a book.
    pub levels: Option<u32>,
    /// The leverage it sets.
    pub leverage: Option<u32>,
    /// The margin mode it sets, or sets the leverage for.
    pub margin_mode: Option<MarginMode>,
    /// The position mode it sets.
    pub position_mode: Option<PositionMode>,
    /// The position it sets the leverage for.
    pub position_side: Option<PositionSide>,
    /// The listen key it extends or ends.
    pub listen_key: Option<String>,
}

impl Meaning {
    /// A request that performs `operations`; set the other fields as they are told.
    pub fn new(operations: &[OperationKind], access: Access) -> Self {
        Self {
            serves: OperationSet::of(operations),
            access,
            symbol: None,
            orders: Vec::new(),
            order: None,
            side: None,
            quantity: None,
            price: None,
            since: None,
            limit: None,
            page: None,
            levels: None,
            leverage: None,
            margin_mode: None,
            position_mode: None,
            position_side: None,
            listen_key: None,
        }
    }
}

/// In which the request for `op` differs from what was asked.
pub(super) fn differences(
    op: &Operation<'_>,
    meaning: &Meaning,
    window: Duration,
    contract_size: Option<Decimal>,
) -> Vec<String> {
    let mut problems = Vec::new();
    let kind = op.kind();
    if !meaning.serves.contains(kind) {
        problems.push(format!("is no {}", kind.as_str()));
    }
    access(kind, meaning, window, &mut problems);
    let mut same = |field: &str, right: bool, read: String| {
        if !right {
            problems.push(format!("{field} is read as {read}"));
        }
    };
    // Where a request may speak of more than was asked for: a read whose reply the caller filters, a
    // setting that a venue has for the whole account, an order named by an id of the whole account.
    let symbol_is = |asked: Symbol, may_be_absent: bool| match meaning.symbol {
        Some(symbol) => symbol == asked,
        None => may_be_absent,
    };
    let symbol_text = format!("{:?}", meaning.symbol);
    let base = |quantity: Decimal| in_base(quantity, contract_size);
    // The place where a page ended may say from when it goes on.
    let since_is = |since: Option<Timestamp>, page: Option<&str>| match meaning.since {
        None => since.is_none() || page.is_some(),
        read => read == since,
    };
    // What the page is called is the venue's affair; which one it is, the case on pages asks.
    let same_page = |page: Option<&str>, same: &mut dyn FnMut(&str, bool, String)| {
        same("page", meaning.page.is_some() == page.is_some(), format!("{:?}", meaning.page));
    };
    match op {
        Operation::Place(order) => {
            orders(core::slice::from_ref(*order), &meaning.orders, contract_size, &mut problems);
        }
        Operation::PlaceBatch(batch) => {
            orders(batch, &meaning.orders, contract_size, &mut problems);
        }
        Operation::Amend(it) => {
            same("symbol", symbol_is(it.symbol, false), symbol_text);
            same("order", meaning.order == Some(it.order), format!("{:?}", meaning.order));
            same(
                "side",
                meaning.side.is_none_or(|side| side == it.side),
                format!("{:?}", meaning.side),
            );
            let quantity = it.quantity.map(base);
            same("quantity", meaning.quantity == quantity, format!("{:?}", meaning.quantity));
            same("price", meaning.price == it.price, format!("{:?}", meaning.price));
        }
        Operation::Cancel { symbol, order, .. } | Operation::Order { symbol, order, .. } => {
            same("symbol", symbol_is(*symbol, true), symbol_text);
            same("order", meaning.order == Some(*order), format!("{:?}", meaning.order));
        }
        Operation::OpenOrders { symbol, page, .. } => {
            same("symbol", meaning.symbol == *symbol, symbol_text);
            same("order", meaning.order.is_none(), format!("{:?}", meaning.order));
            same_page(*page, &mut same);
        }
        Operation::CancelAll { symbol, .. } => {
            same("symbol", meaning.symbol == *symbol, symbol_text);
            same("order", meaning.order.is_none(), format!("{:?}", meaning.order));
        }
        Operation::OrderHistory { symbol, order, since, limit, page } => {
            same("symbol", symbol_is(*symbol, false), symbol_text);
            same("order", meaning.order == *order, format!("{:?}", meaning.order));
            same("since", since_is(*since, *page), format!("{:?}", meaning.since));
            same("limit", meaning.limit == *limit, format!("{:?}", meaning.limit));
            same_page(*page, &mut same);
        }
        Operation::Fills { symbol, order, since, limit, page } => {
            same("symbol", symbol_is(*symbol, order.is_some()), symbol_text);
            let order = order.map(OrderRef::Id);
            same("order", meaning.order == order, format!("{:?}", meaning.order));
            // The executions of one order are few: a venue that lists them all needs no bounds.
            let bounded = order.is_none() || meaning.since.is_some() || meaning.limit.is_some();
            same("since", !bounded || since_is(*since, *page), format!("{:?}", meaning.since));
            same("limit", !bounded || meaning.limit == *limit, format!("{:?}", meaning.limit));
            same_page(*page, &mut same);
        }
        Operation::Positions { symbol, page } | Operation::Instruments { symbol, page } => {
            let right = meaning.symbol.is_none() || meaning.symbol == *symbol;
            same("symbol", right, symbol_text);
            same_page(*page, &mut same);
        }
        Operation::SetLeverage { symbol, leverage, margin_mode, position_side } => {
            same("symbol", symbol_is(*symbol, false), symbol_text);
            let read = meaning.leverage;
            same("leverage", read == Some(*leverage), format!("{read:?}"));
            let read = meaning.margin_mode;
            same("margin mode", read.is_none() || read == *margin_mode, format!("{read:?}"));
            let read = meaning.position_side;
            same("position side", read.is_none() || read == *position_side, format!("{read:?}"));
        }
        Operation::SetMarginMode { symbol, mode } => {
            same("symbol", symbol_is(*symbol, true), symbol_text);
            let read = meaning.margin_mode;
            same("margin mode", read == Some(*mode), format!("{read:?}"));
        }
        Operation::SetPositionMode { symbol, mode } => {
            same("symbol", meaning.symbol.is_none() || meaning.symbol == *symbol, symbol_text);
            let read = meaning.position_mode;
            same("position mode", read == Some(*mode), format!("{read:?}"));
        }
        Operation::Ticker { symbol }
        | Operation::BookTop { symbol }
        | Operation::FundingRate { symbol } => {
            same("symbol", symbol_is(*symbol, false), symbol_text);
        }
        Operation::Depth { symbol, levels } => {
            same("symbol", symbol_is(*symbol, false), symbol_text);
            let read = meaning.levels;
            same("levels", read.is_some_and(|read| read >= *levels), format!("{read:?}"));
        }
        Operation::ExtendListenKey { key } | Operation::CloseListenKey { key } => {
            let read = meaning.listen_key.as_deref();
            // One key per account need not be named.
            same("listen key", read.is_none_or(|read| read == *key), format!("{read:?}"));
        }
        Operation::Balances | Operation::ServerTime | Operation::CreateListenKey => {
            same("symbol", meaning.symbol.is_none(), symbol_text);
        }
    }
    let places = matches!(op, Operation::Place(_) | Operation::PlaceBatch(_));
    if !places && !meaning.orders.is_empty() {
        problems.push("places orders".into());
    }
    problems
}

fn access(
    kind: OperationKind,
    meaning: &Meaning,
    expected_window: Duration,
    problems: &mut Vec<String>,
) {
    use OperationKind as Kind;
    let access = meaning.access;
    let right = match kind {
        Kind::Instruments
        | Kind::Ticker
        | Kind::BookTop
        | Kind::Depth
        | Kind::FundingRate
        | Kind::ServerTime => access == Access::Public,
        Kind::CreateListenKey | Kind::ExtendListenKey | Kind::CloseListenKey => {
            access != Access::Public
        }
        _ => matches!(access, Access::Signed { .. }),
    };
    if !right {
        problems.push(format!("is sent with access {access:?}"));
    }
    if let Access::Signed { at, window } = access {
        if at != NOW {
            problems.push(format!("was signed for {at}, not for the present"));
        }
        if window != expected_window {
            let (real, told) = (window.as_millis(), expected_window.as_millis());
            problems.push(format!("stays valid for {real} ms, recv_window() says {told} ms"));
        }
    }
}

fn orders(
    asked: &[PreparedOrder],
    read: &[NewOrder],
    contract_size: Option<Decimal>,
    problems: &mut Vec<String>,
) {
    if asked.len() != read.len() {
        problems.push(format!("places {} orders instead of {}", read.len(), asked.len()));
    }
    for (asked, read) in asked.iter().zip(read) {
        let asked = neutral(asked.order(), contract_size);
        let mut same = |field: &str, right: bool, text: String| {
            if !right {
                problems.push(format!("the order's {field} is read as {text}"));
            }
        };
        same("symbol", asked.symbol == read.symbol, format!("{}", read.symbol));
        same("side", asked.side == read.side, format!("{}", read.side));
        same("kind", asked.kind == read.kind, format!("{:?}, not {:?}", read.kind, asked.kind));
        let (ours, theirs) = (asked.client_order_id, read.client_order_id);
        same("client order id", ours == theirs, format!("{theirs:?}"));
        same("effect", reduces(&asked) == reduces(read), format!("reduces: {}", reduces(read)));
        let hedge = asked.hedge_side();
        let right = match hedge {
            Some(position) => read.position_side == Some(position),
            None => read.position_mode != Some(PositionMode::Hedge),
        };
        same("position", right, format!("{:?}", read.position_side));
        same("attached", asked.attached == read.attached, format!("{:?}", read.attached));
        if asked.margin_mode.is_some() {
            let right = read.margin_mode.is_none() || read.margin_mode == asked.margin_mode;
            same("margin mode", right, format!("{:?}", read.margin_mode));
        }
        let right = read.leverage.is_none() || read.leverage == asked.leverage;
        same("leverage", right, format!("{:?}", read.leverage));
    }
}

/// Whether an order makes a position smaller: in hedge mode its side and its position say so.
fn reduces(order: &NewOrder) -> bool {
    match (order.position_mode, order.position_side) {
        (Some(PositionMode::Hedge), Some(position)) => order.side == position.closing_side(),
        _ => order.reduce_only,
    }
}

/// A prepared order with its quantity in the base asset again.
fn neutral(order: &NewOrder, contract_size: Option<Decimal>) -> NewOrder {
    let mut order = *order;
    match &mut order.kind {
        OrderKind::Market { size: Size::Base(quantity) }
        | OrderKind::Limit { quantity, .. }
        | OrderKind::TriggerMarket { quantity, .. }
        | OrderKind::TriggerLimit { quantity, .. }
        | OrderKind::TrailingStop { quantity, .. } => *quantity = in_base(*quantity, contract_size),
        OrderKind::Market { size: Size::Quote(_) } => {}
    }
    order
}

fn in_base(quantity: Decimal, contract_size: Option<Decimal>) -> Decimal {
    contract_size.and_then(|size| quantity.checked_mul(size)).unwrap_or(quantity)
}
