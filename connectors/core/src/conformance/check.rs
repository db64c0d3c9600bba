use crate::{
    Amendment, Asked, Attached, ClientOrderId, Decimal, EncodeError, ExchangeProvider, Headers,
    Instrument, NewOrder, Operation, OperationKind, OrderKind, PreparedOrder, Reply, RequestBuf,
    Response, Side, Size, Symbol, VenueError,
};

use super::{Harness, Meaning, NOW, Scenario, Verdict, meaning};

/// The most failures of one case that are kept.
const FAILURES_MAX: usize = 25;

/// One case at work: what it has checked, and what was wrong.
pub struct Check<'h> {
    harness: &'h dyn Harness,
    checks: usize,
    not_supported: bool,
    failures: Vec<String>,
}

impl core::fmt::Debug for Check<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { checks, failures, .. } = self;
        f.debug_struct("Check").field("checks", checks).field("failures", failures).finish()
    }
}

impl<'h> Check<'h> {
    pub(super) fn new(harness: &'h dyn Harness) -> Self {
        Self { harness, checks: 0, not_supported: false, failures: Vec::new() }
    }

    pub(super) fn verdict(self) -> Verdict {
        if !self.failures.is_empty() {
            return Verdict::Failed(self.failures);
        }
        match (self.not_supported, self.checks) {
            (true, _) => Verdict::NotSupported,
            (false, 0) => Verdict::Failed(vec!["nothing was checked".into()]),
            (false, checks) => Verdict::Passed { checks },
        }
    }

    pub(super) fn harness(&self) -> &'h dyn Harness {
        self.harness
    }

    pub(super) fn provider(&self) -> &'h dyn ExchangeProvider {
        self.harness.provider()
    }

    pub(super) fn supports(&self, kind: OperationKind) -> bool {
        self.provider().capabilities().supports(kind)
    }

    pub(super) fn supported(&self, kinds: &[OperationKind]) -> Vec<OperationKind> {
        kinds.iter().copied().filter(|kind| self.supports(*kind)).collect()
    }

    pub(super) fn instrument(&self) -> Instrument {
        self.harness.instrument()
    }

    pub(super) fn symbol(&self) -> Symbol {
        self.harness.instrument().symbol
    }

    /// Counts something checked, and keeps what is wrong with it.
    pub(super) fn claim(&mut self, right: bool, problem: impl FnOnce() -> String) {
        self.checks += 1;
        if !right && self.failures.len() < FAILURES_MAX {
            self.failures.push(problem());
        }
    }

    pub(super) fn fail(&mut self, problem: String) {
        self.claim(false, || problem);
    }

    /// The market has nothing of the kind.
    pub(super) fn set_not_supported(&mut self) {
        self.not_supported = true;
    }

    /// Encodes `op`, has it read back and compares; whether it was understood. `None` if it is
    /// refused as not supported.
    pub(super) fn ask(&mut self, label: &str, op: &Operation<'_>) -> Option<Meaning> {
        let mut buf = RequestBuf::new();
        let provider = self.provider();
        let request = match provider.encode(op, NOW, &mut buf) {
            Ok(request) => request,
            Err(EncodeError::NotSupported { venue, .. }) => {
                let ours = provider.venue();
                self.claim(venue == ours, || format!("{label}: refused in the name of {venue}"));
                return None;
            }
            Err(error) => {
                self.fail(format!("{label}: {error}"));
                return None;
            }
        };
        match self.harness.understand(request) {
            Ok(meaning) => {
                let window = provider.recv_window();
                let contract_size = self.instrument().contract_size;
                let problems = meaning::differences(op, &meaning, window, contract_size);
                self.claim(problems.is_empty(), || format!("{label}: {}", problems.join("; ")));
                Some(meaning)
            }
            Err(problem) => {
                self.fail(format!("{label}: not understood: {problem}"));
                None
            }
        }
    }

    /// What an operation or a feature is: there, then at least one of `ops` must be understood, or
    /// not there, then all must be refused as not supported.
    pub(super) fn ask_all(&mut self, there: bool, ops: &[(String, Operation<'_>)]) {
        let mut understood = 0;
        for (label, op) in ops {
            let failures = self.failures.len();
            let answered = self.ask(label, op).is_some() || self.failures.len() > failures;
            self.claim(there || !answered, || {
                format!("{label}: the capabilities deny it, but encoding does not refuse it")
            });
            understood += usize::from(answered);
        }
        if there {
            let label = ops.first().map_or("", |(label, _)| label);
            self.claim(understood > 0, || {
                format!("{label}: the capabilities promise it, but encoding refuses it")
            });
        }
    }

    /// Asks for the placing of orders; see [`ask_all`](Self::ask_all).
    pub(super) fn place_all(&mut self, there: bool, orders: &[NewOrder]) {
        let prepared: Vec<_> = orders.iter().filter_map(|order| self.prepare(order)).collect();
        let ops: Vec<_> = prepared
            .iter()
            .map(|order| (describe(order.order()), Operation::Place(order)))
            .collect();
        self.ask_all(there, &ops);
    }

    /// Rounds an order by the harness's instrument.
    pub(super) fn prepare(&mut self, order: &NewOrder) -> Option<PreparedOrder> {
        match self.instrument().prepare(order, Some(self.harness.price())) {
            Ok(prepared) => Some(prepared),
            Err(error) => {
                self.fail(format!("the harness's quantity or price does not do: {error}"));
                None
            }
        }
    }

    /// Reads the harness's answer; `None` if it has none.
    pub(super) fn read(
        &mut self,
        kind: OperationKind,
        scenario: &Scenario<'_>,
    ) -> Option<Result<Reply, VenueError>> {
        self.harness.answer(scenario).map(|answer| self.decode(kind, answer))
    }

    pub(super) fn decode(
        &self,
        kind: OperationKind,
        answer: Response,
    ) -> Result<Reply, VenueError> {
        self.decode_as(&self.asked(kind), answer)
    }

    pub(super) fn decode_as(
        &self,
        asked: &Asked<'_>,
        mut answer: Response,
    ) -> Result<Reply, VenueError> {
        let status = answer.status;
        answer.read(|headers, body| self.provider().decode(asked, status, headers, body))
    }

    pub(super) fn decode_bytes(
        &self,
        kind: OperationKind,
        status: u16,
        body: &[u8],
    ) -> Result<Reply, VenueError> {
        self.provider().decode(&self.asked(kind), status, Headers::none(), &mut body.to_vec())
    }

    /// That `kind` was asked of the harness's symbol.
    fn asked(&self, kind: OperationKind) -> Asked<'static> {
        Asked { symbol: Some(self.symbol()), ..Asked::from(kind) }
    }

    /// A limit order at the market price, with an id.
    pub(super) fn limit(&self, side: Side) -> NewOrder {
        let (quantity, price) = (self.harness.quantity(), self.harness.price());
        self.with_id(NewOrder::limit(self.symbol(), side, quantity, price))
    }

    /// A market order of a kind the market takes: by base quantity, or else by quote amount.
    pub(super) fn new_order(&self, side: Side, kind: OrderKind) -> NewOrder {
        self.with_id(NewOrder::new(self.symbol(), side, kind))
    }

    pub(super) fn with_id(&self, order: NewOrder) -> NewOrder {
        match client_order_id("conformance-1") {
            Some(id) => order.client_order_id(id),
            None => order,
        }
    }

    /// An amendment of the harness's order to twice the quantity, in the venue's unit, at the
    /// market price.
    pub(super) fn amendment(&mut self, order: crate::OrderRef) -> Option<Amendment> {
        let twice = self.harness.quantity().checked_mul(Decimal::TWO)?;
        let order_at = NewOrder::limit(self.symbol(), Side::Buy, twice, self.harness.price());
        let prepared = self.prepare(&order_at)?;
        Some(Amendment {
            symbol: self.symbol(),
            order,
            side: Side::Buy,
            quantity: prepared.order().kind.quantity(),
            price: prepared.price(),
        })
    }
}

/// An id of the suite's; every text here is a valid one.
pub(super) fn client_order_id(text: &str) -> Option<ClientOrderId> {
    ClientOrderId::portable(text).ok()
}

/// An order in a few words.
pub(super) fn describe(order: &NewOrder) -> String {
    let kind = match order.kind {
        OrderKind::Market { size: Size::Base(_) } => "market by base quantity".to_owned(),
        OrderKind::Market { size: Size::Quote(_) } => "market by quote amount".to_owned(),
        OrderKind::Limit { time_in_force, .. } => format!("limit {time_in_force:?}"),
        OrderKind::TriggerMarket { trigger, .. } => format!("{:?} at market", trigger.kind),
        OrderKind::TriggerLimit { trigger, time_in_force, .. } => {
            format!("{:?} at limit {time_in_force:?}", trigger.kind)
        }
        OrderKind::TrailingStop { activate_price: None, .. } => "trailing stop".to_owned(),
        OrderKind::TrailingStop { .. } => "trailing stop with activation".to_owned(),
    };
    let mut text = format!("{} {kind}", order.side);
    if order.reduce_only {
        text.push_str(", reduce-only");
    }
    if let Some(position) = order.hedge_side() {
        text.push_str(&format!(", {position:?} position"));
    }
    let Attached { take_profit, stop_loss } = order.attached;
    if take_profit.is_some() {
        text.push_str(", take-profit");
    }
    if stop_loss.is_some() {
        text.push_str(", stop-loss");
    }
    text
}
