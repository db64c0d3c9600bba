use core::time::Duration;

use crate::{Cost, OperationSet, RateUsage, ThrottleKind};

/// What a rule counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counted {
    /// Request weight.
    Weight,
    /// Orders.
    Orders,
    /// Requests, a batch as many as it holds.
    Calls,
    /// Requests, a batch as one.
    Requests,
}

/// Whom a rule counts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CountedBy {
    /// All requests from one IP address.
    Address,
    /// All requests of one account.
    Account,
}

/// How a rule's windows follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Span {
    /// Fixed windows that begin at whole multiples of their length since 1970, by the venue's clock.
    Calendar,
    /// Every stretch of that length. What keeps this keeps fixed windows too, wherever they begin.
    Rolling,
}

/// One limit of a venue, as its documentation states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateRule {
    /// What is counted.
    pub counted: Counted,
    /// For whom.
    pub by: CountedBy,
    /// Of which operations, all together.
    pub operations: OperationSet,
    /// In which windows.
    pub span: Span,
    /// How long they are.
    pub window: Duration,
    /// How much one window takes.
    pub limit: u32,
}

impl RateRule {
    /// A rule for every operation.
    pub const fn new(
        counted: Counted,
        by: CountedBy,
        span: Span,
        window: Duration,
        limit: u32,
    ) -> Self {
        let operations = OperationSet::of(crate::OperationKind::ALL);
        Self { counted, by, operations, span, window, limit }
    }

    /// The rule for these operations only: an endpoint with a limit of its own.
    #[must_use]
    pub const fn of(mut self, operations: OperationSet) -> Self {
        self.operations = operations;
        self
    }

    /// How much of the limit a request takes.
    pub(super) fn units(&self, cost: Cost) -> u32 {
        match self.counted {
            Counted::Weight => cost.weight,
            Counted::Orders => cost.orders,
            Counted::Calls => cost.orders.max(1),
            Counted::Requests => 1,
        }
    }

    /// What a venue would call a request beyond the limit.
    pub(super) fn throttle(&self) -> ThrottleKind {
        match self.counted {
            Counted::Weight | Counted::Calls | Counted::Requests => ThrottleKind::RequestRate,
            Counted::Orders => ThrottleKind::OrderRate,
        }
    }

    /// Whether both are the same rule, perhaps with another limit.
    pub(super) fn is(&self, other: &Self) -> bool {
        Self { limit: other.limit, ..*self } == *other
    }

    /// Whether `usage` speaks of this rule, or of another with the same window.
    pub(super) fn matches(&self, usage: &RateUsage) -> bool {
        let same = match self.counted {
            Counted::Weight => !usage.orders,
            Counted::Orders | Counted::Calls => usage.orders,
            // No venue tells these.
            Counted::Requests => false,
        };
        same && usage.window == self.window
    }
}
