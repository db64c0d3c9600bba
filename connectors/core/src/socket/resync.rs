//! What is read over REST after a gap in the account's stream.

use std::collections::HashSet;

use crate::session::Known;
use crate::{
    Balance, Client, ClientOrderId, Clock, Error, ExchangeProvider, Fill, NotSent, Operation,
    OperationKind, OrderClass, OrderRef, OrderReport, Page, Position, Reply, Symbol, Timestamp,
    Transport,
};

/// The account as REST tells it.
pub(super) struct Account {
    pub(super) fills: Vec<Fill>,
    pub(super) open_orders: Vec<OrderReport>,
    /// What was placed since that moment, and may have ended already.
    pub(super) past_orders: Vec<OrderReport>,
    pub(super) positions: Vec<Position>,
    pub(super) balances: Vec<Balance>,
}

/// Reads everything: the fills and the orders since a moment of every symbol that may have had one, and
/// what is open now. Fills come oldest first.
pub(super) async fn read_account<P: ExchangeProvider, T: Transport, C: Clock>(
    client: &Client<P, T, C>,
    symbols: &HashSet<Symbol>,
    since: Timestamp,
) -> Result<Account, Error> {
    let supports = |kind| client.provider().capabilities().supports(kind);
    let mut fills = Vec::new();
    for symbol in symbols.iter().copied() {
        let (order, since) = (None, Some(since));
        let op = Operation::Fills { symbol, order, since, limit: None, page: None };
        fills.extend(client.pages(&op, rows_of_fills).await?);
    }
    fills.sort_by_key(|fill| fill.at);
    let mut open_orders = read_open(client, symbols, OrderClass::Plain).await?;
    if supports(OperationKind::OpenConditionalOrders) {
        open_orders.extend(read_open(client, symbols, OrderClass::Conditional).await?);
    }
    let mut past_orders = Vec::new();
    if supports(OperationKind::OrderHistory) {
        for symbol in symbols.iter().copied() {
            let (order, since) = (None, Some(since));
            let op = Operation::OrderHistory { symbol, order, since, limit: None, page: None };
            past_orders.extend(client.pages(&op, rows_of_orders).await?);
        }
    }
    let positions = match supports(OperationKind::Positions) {
        true => client.positions(None).await?,
        false => Vec::new(),
    };
    let balances = client.balances().await?;
    Ok(Account { fills, open_orders, past_orders, positions, balances })
}

/// The open orders of the account; symbol by symbol where the venue wants to be told one.
async fn read_open<P: ExchangeProvider, T: Transport, C: Clock>(
    client: &Client<P, T, C>,
    symbols: &HashSet<Symbol>,
    class: OrderClass,
) -> Result<Vec<OrderReport>, Error> {
    let op = Operation::OpenOrders { symbol: None, class, page: None };
    match client.pages(&op, rows_of_orders).await {
        Err(Error::NotSent(NotSent::Encode(_))) => {}
        answered => return answered,
    }
    let mut orders = Vec::new();
    for symbol in symbols.iter().copied() {
        let op = Operation::OpenOrders { symbol: Some(symbol), class, page: None };
        orders.extend(client.pages(&op, rows_of_orders).await?);
    }
    Ok(orders)
}

/// Reads what became of orders that are no longer open. One that the venue does not know any more is
/// left out.
pub(super) async fn read_ended<P: ExchangeProvider, T: Transport, C: Clock>(
    client: &Client<P, T, C>,
    ended: &[Known],
) -> Result<Vec<OrderReport>, Error> {
    let mut reports = Vec::new();
    for known in ended {
        reports.extend(read_one(client, known).await?);
    }
    Ok(reports)
}

async fn read_one<P: ExchangeProvider, T: Transport, C: Clock>(
    client: &Client<P, T, C>,
    known: &Known,
) -> Result<Option<OrderReport>, Error> {
    let apart = client.provider().capabilities().supports(OperationKind::ConditionalOrder);
    let class = if known.triggered && apart { OrderClass::Conditional } else { OrderClass::Plain };
    // By our id the client looks into the history too, where the venue needs that.
    if let Some(id) = known.client_order_id.filter(is_ours) {
        return client.find(known.symbol, id, class).await;
    }
    let op = Operation::Order { symbol: known.symbol, order: OrderRef::Id(known.order_id), class };
    match client.call(&op).await {
        Ok(Reply::Order(report)) => Ok(Some(report)),
        Ok(Reply::Orders(page)) => Ok(page.rows.into_iter().next()),
        Ok(_) => Ok(None),
        Err(error) if error.is_unknown_order() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether an id is one that a venue takes back, rather than one of its own making.
fn is_ours(id: &ClientOrderId) -> bool {
    id.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn rows_of_orders(reply: Reply) -> Option<Page<OrderReport>> {
    match reply {
        Reply::Orders(page) => Some(page),
        _ => None,
    }
}

fn rows_of_fills(reply: Reply) -> Option<Page<Fill>> {
    match reply {
        Reply::Fills(page) => Some(page),
        _ => None,
    }
}
