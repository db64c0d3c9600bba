use std::collections::HashSet;

use super::Client;
use crate::stream::BookUpdate;
use crate::{
    Balance, BookTop, Change, ClientOrderId, Clock, Error, ExchangeProvider, Fill, Instruments,
    Malformed, Operation, OrderClass, OrderRef, OrderReport, Page, Position, Reply, Symbol, Ticker,
    Timestamp, Transport, UnknownCause,
};

/// The most pages of one list that are read: the longest there is, 500 open orders in pages of 20,
/// takes half as many.
const PAGES_MAX: usize = 50;

/// How many executions a page has at most; a venue with smaller pages gives as many as it can.
const FILLS_PAGE: u32 = 500;

/// The questions, and the settings.
impl<P: ExchangeProvider, T: Transport, C: Clock> Client<P, T, C> {
    /// The order with our id, or `None` if the venue says there is none. That is final only after
    /// [`Unknown::final_after`](crate::Unknown::final_after) and the venue's visibility delay.
    ///
    /// # Errors
    /// [`Error`] if the venue did not answer the question.
    pub async fn find(
        &self,
        symbol: Symbol,
        id: ClientOrderId,
        class: OrderClass,
    ) -> Result<Option<OrderReport>, Error> {
        let op = Operation::Order { symbol, order: OrderRef::Client(id), class };
        match self.call(&op).await {
            Ok(Reply::Order(report)) => Ok(Some(report)),
            Ok(Reply::Orders(reports)) => Ok(reports.into_iter().next()),
            Ok(_) => Err(mismatch(&op)),
            Err(error) if error.is_unknown_order() => self.find_closed(symbol, id).await,
            Err(error) => Err(error),
        }
    }

    /// Looks in the history, where the venue forgets closed orders elsewhere.
    async fn find_closed(
        &self,
        symbol: Symbol,
        id: ClientOrderId,
    ) -> Result<Option<OrderReport>, Error> {
        if !self.provider.capabilities().closed_orders_in_history {
            return Ok(None);
        }
        let order = Some(OrderRef::Client(id));
        let op = Operation::OrderHistory { symbol, order, since: None, limit: None, page: None };
        match self.call(&op).await {
            Ok(Reply::Orders(page)) => {
                Ok(page.into_iter().find(|report| report.client_order_id == Some(id)))
            }
            Ok(_) => Err(mismatch(&op)),
            Err(error) if error.is_unknown_order() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The open orders of a symbol, from as many pages as there are.
    ///
    /// # Errors
    /// [`Error`], also if the pages do not end.
    pub async fn open_orders(&self, symbol: Symbol) -> Result<Vec<OrderReport>, Error> {
        let (symbol, class) = (Some(symbol), OrderClass::Plain);
        let op = Operation::OpenOrders { symbol, class, page: None };
        let mut orders = self
            .pages(&op, |reply| match reply {
                Reply::Orders(page) => Some(page),
                _ => None,
            })
            .await?;
        // An order that closes while the pages are read moves others to the page before.
        let mut seen = HashSet::new();
        orders.retain(|order: &OrderReport| seen.insert(order.order_id));
        Ok(orders)
    }

    /// The executions of one order, with their fees, from as many pages as there are.
    ///
    /// # Errors
    /// [`Error`], also if the pages do not end.
    pub async fn fills(&self, symbol: Symbol, order: crate::OrderId) -> Result<Vec<Fill>, Error> {
        let order = Some(order);
        let op = Operation::Fills { symbol, order, since: None, limit: None, page: None };
        self.pages(&op, |reply| match reply {
            Reply::Fills(page) => Some(page),
            _ => None,
        })
        .await
    }

    /// The executions of a symbol from `since` on, by the venue's clock, from as many pages as there
    /// are.
    ///
    /// # Errors
    /// [`Error`], also if the pages do not end.
    pub async fn fills_since(&self, symbol: Symbol, since: Timestamp) -> Result<Vec<Fill>, Error> {
        let limit = Some(FILLS_PAGE);
        let op = Operation::Fills { symbol, order: None, since: Some(since), limit, page: None };
        self.pages(&op, |reply| match reply {
            Reply::Fills(page) => Some(page),
            _ => None,
        })
        .await
    }

    /// The positions, of one symbol or of all, from as many pages as there are.
    ///
    /// # Errors
    /// [`Error`], also if the pages do not end.
    pub async fn positions(&self, symbol: Option<Symbol>) -> Result<Vec<Position>, Error> {
        let op = Operation::Positions { symbol, page: None };
        let mut positions = self
            .pages(&op, |reply| match reply {
                Reply::Positions(page) => Some(page),
                _ => None,
            })
            .await?;
        // Some venues answer for the whole account whatever is asked.
        positions.retain(|position: &Position| symbol.is_none_or(|it| it == position.symbol));
        Ok(positions)
    }

    /// The balances.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn balances(&self) -> Result<Vec<Balance>, Error> {
        match self.call(&Operation::Balances).await? {
            Reply::Balances(balances) => Ok(balances),
            _ => Err(mismatch(&Operation::Balances)),
        }
    }

    /// Changes a setting: leverage, margin mode or position mode. "It is so already" is success.
    ///
    /// # Errors
    /// [`Error`]; after [`Error::Unknown`] the setting may or may not have changed.
    pub async fn set(&self, op: &Operation<'_>) -> Result<Change, Error> {
        match self.call(op).await? {
            Reply::Changed(change) => Ok(change),
            _ => Err(mismatch(op)),
        }
    }

    /// Every instrument of the market, from as many pages as there are.
    ///
    /// # Errors
    /// [`Error`], also if the pages do not end.
    pub async fn instruments(&self) -> Result<Instruments, Error> {
        let op = Operation::Instruments { symbol: None, page: None };
        let mut all: Option<Instruments> = None;
        for _ in 0..PAGES_MAX {
            let page = all.as_ref().and_then(|it| it.next.clone());
            let Reply::Instruments(page) = self.call(&op.on_page(page.as_deref())).await? else {
                return Err(mismatch(&op));
            };
            let so_far = match all.take() {
                Some(before) => before.followed_by(page),
                None => page,
            };
            if so_far.next.is_none() {
                return Ok(so_far);
            }
            all = Some(so_far);
        }
        Err(endless(&op))
    }

    /// The rows of all pages of a list: part of a list is never taken for the whole.
    pub(crate) async fn pages<R>(
        &self,
        op: &Operation<'_>,
        page_of: impl Fn(Reply) -> Option<Page<R>>,
    ) -> Result<Vec<R>, Error> {
        let mut rows = Vec::new();
        let mut next = None;
        for _ in 0..PAGES_MAX {
            let reply = self.call(&op.on_page(next.as_deref())).await?;
            let page = page_of(reply).ok_or_else(|| mismatch(op))?;
            rows.extend(page.rows);
            next = page.next;
            if next.is_none() {
                return Ok(rows);
            }
        }
        Err(endless(op))
    }

    /// Last and mark price of a symbol.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn ticker(&self, symbol: Symbol) -> Result<Ticker, Error> {
        match self.call(&Operation::Ticker { symbol }).await? {
            Reply::Ticker(ticker) => Ok(ticker),
            _ => Err(mismatch(&Operation::Ticker { symbol })),
        }
    }

    /// Best bid and ask of a symbol.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn book_top(&self, symbol: Symbol) -> Result<BookTop, Error> {
        match self.call(&Operation::BookTop { symbol }).await? {
            Reply::BookTop(top) => Ok(top),
            _ => Err(mismatch(&Operation::BookTop { symbol })),
        }
    }

    /// The order book of a symbol as it is now, at least `levels` deep where the venue has as many.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn depth(&self, symbol: Symbol, levels: u32) -> Result<BookUpdate, Error> {
        let op = Operation::Depth { symbol, levels };
        match self.call(&op).await? {
            Reply::Depth(book) => Ok(book),
            _ => Err(mismatch(&op)),
        }
    }
}

pub(super) fn unexpected(op: &Operation<'_>) -> Malformed {
    let problem = "a reply to another question".into();
    Malformed { operation: op.kind(), field: ".".into(), problem }
}

fn endless(op: &Operation<'_>) -> Error {
    let problem = "the pages of the list do not end".into();
    let malformed = Malformed { operation: op.kind(), field: ".".into(), problem };
    Error::Unknown(UnknownCause::Malformed(malformed))
}

pub(super) fn mismatch(op: &Operation<'_>) -> Error {
    Error::Unknown(UnknownCause::Malformed(unexpected(op)))
}
