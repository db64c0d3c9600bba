use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use crate::{
    Client, ClientOrderId, Clock, Decimal, EncodeError, Error, ExchangeProvider, Instrument,
    NewOrder, NotSent, Operation, OperationKind, OrderClass, OrderReport, Outcome, PreparedOrder,
    Refused, Side, Symbol, Transport,
};

use crate::conformance::Deviation;

use super::{Step, Stop, ensure, failed};

/// How often a read is repeated while the venue catches up.
const READS_MAX: u32 = 40;

/// What the live cases trade.
#[derive(Debug)]
pub struct Stage {
    instrument: Instrument,
    quantity: Decimal,
    prefix: String,
    next: AtomicU32,
    deviations: Vec<Deviation>,
}

impl Stage {
    /// Trades `quantity` of the base asset of `instrument`: on its step, worth three times the
    /// smallest order, and paid for ten times over by the account.
    ///
    /// `prefix` begins every client order id; at most 20 characters of `[A-Za-z0-9_-]`, and another
    /// one for each run, for some venues never take an id twice.
    pub fn new(instrument: Instrument, quantity: Decimal, prefix: impl Into<String>) -> Self {
        Self {
            instrument,
            quantity,
            prefix: prefix.into(),
            next: AtomicU32::new(0),
            deviations: Vec::new(),
        }
    }

    /// Names a case that is known to fail here: what the other side cannot do yet.
    #[must_use]
    pub fn deviating(mut self, deviation: Deviation) -> Self {
        self.deviations.push(deviation);
        self
    }

    pub(super) fn deviation(&self, case: &str) -> Option<&'static str> {
        self.deviations.iter().find(|it| it.case == case).map(|it| it.reason)
    }
}

/// One case at work.
pub(super) struct At<'a, P, T, C> {
    pub(super) client: &'a Client<P, T, C>,
    pub(super) clock: &'a C,
    pub(super) stage: &'a Stage,
}

impl<P: ExchangeProvider, T: Transport, C: Clock> At<'_, P, T, C> {
    pub(super) fn symbol(&self) -> Symbol {
        self.stage.instrument.symbol
    }

    pub(super) fn instrument(&self) -> &Instrument {
        &self.stage.instrument
    }

    pub(super) fn quantity(&self) -> Decimal {
        self.stage.quantity
    }

    /// Ends the case unless the market has the operation.
    pub(super) fn needs(&self, kind: OperationKind) -> Step {
        if self.client.provider().capabilities().supports(kind) {
            return Ok(());
        }
        Err(Stop::NotSupported)
    }

    /// Ends the case unless the market has the feature.
    pub(super) fn needs_feature(&self, there: bool) -> Step {
        if there { Ok(()) } else { Err(Stop::NotSupported) }
    }

    /// An id that no order of this stage has.
    pub(super) fn id(&self) -> Step<ClientOrderId> {
        let number = self.stage.next.fetch_add(1, Ordering::Relaxed);
        let text = format!("{}-{number}", self.stage.prefix);
        ClientOrderId::portable(&text).map_err(failed("the prefix of client order ids"))
    }

    /// The market price.
    pub(super) async fn price(&self) -> Step<Decimal> {
        let ticker = self.client.ticker(self.symbol()).await.map_err(failed("ticker"))?;
        let price = ticker.last_price.or(ticker.mark_price);
        price.ok_or_else(|| Stop::Failed("the ticker has no price".into()))
    }

    /// A multiple of the market price, in percent.
    pub(super) async fn price_at(&self, percent: i64) -> Step<Decimal> {
        let price = self.price().await?;
        let scaled = price.checked_mul(Decimal::new(percent, 2));
        scaled.ok_or_else(|| Stop::Failed(format!("{price} cannot be scaled")))
    }

    pub(super) fn prepare(&self, order: &NewOrder) -> Step<PreparedOrder> {
        self.stage.instrument.prepare(order, None).map_err(failed("the order breaks a rule"))
    }

    /// A limit order at `percent` of the market price, with an id of its own.
    pub(super) async fn limit_at(&self, side: Side, percent: i64) -> Step<NewOrder> {
        let price = self.price_at(percent).await?;
        let order = NewOrder::limit(self.symbol(), side, self.quantity(), price);
        Ok(order.client_order_id(self.id()?))
    }

    /// A market order for `quantity`: by base quantity, or where that cannot be bought, by what it
    /// costs.
    pub(super) async fn market_order(&self, side: Side) -> Step<NewOrder> {
        let order = NewOrder::market(self.symbol(), side, self.quantity());
        let prepared = self.prepare(&order)?;
        let op = Operation::Place(&prepared);
        let now = self.client.venue_now();
        let mut buf = crate::RequestBuf::new();
        let encoded = self.client.provider().encode(&op, now, &mut buf);
        let order = match encoded {
            Err(EncodeError::NotSupported { .. }) => {
                let amount = self.quantity().checked_mul(self.price().await?);
                let amount = amount.ok_or_else(|| Stop::Failed("too large an amount".into()))?;
                NewOrder::market_quote(self.symbol(), side, amount)
            }
            _ => order,
        };
        Ok(order.client_order_id(self.id()?))
    }

    /// Places an order that must be taken.
    pub(super) async fn place(&self, order: &NewOrder) -> Step<ClientOrderId> {
        let prepared = self.prepare(order)?;
        let id = order.client_order_id.ok_or_else(|| Stop::Failed("no client order id".into()))?;
        match self.client.place(&prepared).await {
            Ok(Outcome::Acknowledged(report)) => {
                let read = report.client_order_id;
                ensure(read == Some(id), || format!("{read:?} is acknowledged, not {id}"))?;
                Ok(id)
            }
            Ok(Outcome::Accepted(_)) => Ok(id),
            Ok(Outcome::Unknown(unknown)) => {
                Err(Stop::Failed(format!("the order's fate is unknown: {}", unknown.cause)))
            }
            Err(refused) => Err(Stop::Failed(format!("the order is refused: {refused}"))),
        }
    }

    /// Places an order that must not come to anything: refused, or over without a fill.
    pub(super) async fn place_in_vain(&self, order: &NewOrder) -> Step<Option<Refused>> {
        let prepared = self.prepare(order)?;
        let id = order.client_order_id.ok_or_else(|| Stop::Failed("no client order id".into()))?;
        match self.client.place(&prepared).await {
            Err(Refused::NotSent(cause)) => Err(Stop::Failed(format!("not sent: {cause}"))),
            Err(refused) => Ok(Some(refused)),
            Ok(Outcome::Unknown(unknown)) => {
                Err(Stop::Failed(format!("the order's fate is unknown: {}", unknown.cause)))
            }
            Ok(_) => {
                let report = self.find_once(id, |report| !report.status.is_open()).await?;
                let filled = report.filled_quantity;
                ensure(filled.is_zero(), || format!("{filled} filled"))?;
                Ok(None)
            }
        }
    }

    /// The order with this id, once `ready` says so, for as long as the venue may take to show it.
    pub(super) async fn find_once(
        &self,
        id: ClientOrderId,
        ready: impl Fn(&OrderReport) -> bool,
    ) -> Step<OrderReport> {
        self.find_of(id, OrderClass::Plain, ready).await
    }

    pub(super) async fn find_of(
        &self,
        id: ClientOrderId,
        class: OrderClass,
        ready: impl Fn(&OrderReport) -> bool,
    ) -> Step<OrderReport> {
        let mut last = None;
        for _ in 0..READS_MAX {
            let found = self.client.find(self.symbol(), id, class).await;
            match found.map_err(failed("asking for the order"))? {
                Some(report) if ready(&report) => return Ok(report),
                found => last = found,
            }
            self.pause().await;
        }
        Err(Stop::Failed(format!("the order {id} does not come to be: {last:?}")))
    }

    pub(super) async fn cancel(&self, id: ClientOrderId, class: OrderClass) -> Step {
        match self.client.cancel(self.symbol(), id, class).await {
            Ok(Outcome::Unknown(unknown)) => {
                Err(Stop::Failed(format!("the cancellation is unknown: {}", unknown.cause)))
            }
            Ok(_) => Ok(()),
            Err(refused) => Err(Stop::Failed(format!("the cancellation is refused: {refused}"))),
        }
    }

    /// Waits a fraction of the time an order may stay invisible.
    pub(super) async fn pause(&self) {
        let delay = self.client.provider().capabilities().visibility_delay;
        self.clock.sleep((delay / READS_MAX).max(Duration::from_millis(10))).await;
    }

    /// Cancels what a failed case left open. That it cannot be is the next case's finding.
    pub(super) async fn clear(&self) {
        let symbol = Some(self.symbol());
        for class in [OrderClass::Plain, OrderClass::Conditional] {
            let op = Operation::CancelAll { symbol, class };
            if self.client.provider().capabilities().supports(op.kind()) {
                let _: Result<_, Error> = self.client.call(&op).await;
            }
        }
    }
}

/// Whether nothing was sent because the venue has no such thing.
pub(super) fn is_not_supported(error: &Error) -> bool {
    matches!(error, Error::NotSent(NotSent::Encode(EncodeError::NotSupported { .. })))
}
