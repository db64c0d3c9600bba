//! Whether the conformance suite finds what it is there to find: dialects with one fault each.

use hoox_connector::conformance::{CASES, Harness, Meaning, Scenario, Verdict};
use hoox_connector::{OperationKind as Kind, RateRule, *};

use crate::Venue as Right;

/// What is wrong with a dialect.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    OtherSide,
    MoreThanAsked,
    NoClientOrderId,
    ReduceOnlyLost,
    OtherSymbolCancelled,
    StaleTimestamp,
    ClaimsMore,
    ClaimsLess,
    UnknownIsRejected,
    ThrottledAtOnce,
    FilledLost,
    CutIsAccepted,
}

struct Faulty {
    right: Right,
    fault: Fault,
    capabilities: Capabilities,
}

impl Faulty {
    fn new(fault: Fault) -> Self {
        let right = Right::new(Market::Linear);
        let mut capabilities = *right.provider().capabilities();
        match fault {
            Fault::ClaimsMore => capabilities.attached = true,
            Fault::ClaimsLess => capabilities.triggers = false,
            _ => {}
        }
        Self { right, fault, capabilities }
    }
}

impl ExchangeProvider for Faulty {
    fn venue(&self) -> Venue {
        self.right.provider().venue()
    }

    fn market(&self) -> Market {
        self.right.provider().market()
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn base_url(&self) -> &str {
        self.right.provider().base_url()
    }

    fn recv_window(&self) -> std::time::Duration {
        self.right.provider().recv_window()
    }

    fn encode<'b>(
        &self,
        op: &Operation<'_>,
        mut at: Timestamp,
        buf: &'b mut RequestBuf,
    ) -> Result<Request<'b>, EncodeError> {
        if self.fault == Fault::StaleTimestamp {
            at = Timestamp::from_millis(at.as_millis() - 1);
        }
        let mut op = *op;
        let changed;
        if let Operation::Place(order) = op {
            changed = PreparedOrder::as_written(&self.change(*order.order())).unwrap();
            op = Operation::Place(&changed);
        }
        if let (Fault::OtherSymbolCancelled, Operation::CancelAll { symbol, .. }) =
            (self.fault, &mut op)
        {
            *symbol = Some(Symbol::new("ETHUSDT").unwrap());
        }
        self.right.provider().encode(&op, at, buf)
    }

    fn decode(
        &self,
        asked: &Asked<'_>,
        status: u16,
        headers: Headers<'_>,
        body: &mut [u8],
    ) -> Result<Reply, VenueError> {
        let read = self.right.provider().decode(asked, status, headers, body);
        match (self.fault, read) {
            (Fault::UnknownIsRejected, Err(VenueError::Unknown(_))) => {
                Err(VenueError::Rejected(Rejection::new(RejectReason::Other, 0, "")))
            }
            (Fault::ThrottledAtOnce, Err(VenueError::Throttled(it))) => {
                Err(VenueError::Throttled(Throttle::new(it.kind)))
            }
            (Fault::FilledLost, Ok(Reply::Order(mut report))) => {
                if report.status == OrderStatus::Canceled {
                    report.filled_quantity = Decimal::ZERO;
                }
                Ok(Reply::Order(report))
            }
            (Fault::CutIsAccepted, Err(VenueError::Malformed(_))) if asked.kind == Kind::Place => {
                Ok(Reply::Accepted(Accepted::default()))
            }
            (_, read) => read,
        }
    }

    fn cost(&self, op: &Operation<'_>) -> Cost {
        self.right.provider().cost(op)
    }

    fn rate_rules(&self) -> Vec<RateRule> {
        self.right.provider().rate_rules()
    }
}

impl Faulty {
    fn change(&self, mut order: NewOrder) -> NewOrder {
        match self.fault {
            Fault::OtherSide => order.side = order.side.opposite(),
            Fault::NoClientOrderId => order.client_order_id = None,
            Fault::ReduceOnlyLost => order.reduce_only = false,
            Fault::MoreThanAsked => {
                if let OrderKind::Limit { quantity, .. } = &mut order.kind {
                    *quantity += Decimal::new(1, 8);
                }
            }
            _ => {}
        }
        order
    }
}

impl Harness for Faulty {
    fn provider(&self) -> &dyn ExchangeProvider {
        self
    }

    fn instrument(&self) -> Instrument {
        self.right.instrument()
    }

    fn price(&self) -> Decimal {
        self.right.price()
    }

    fn quantity(&self) -> Decimal {
        self.right.quantity()
    }

    fn understand(&self, request: Request<'_>) -> Result<Meaning, String> {
        self.right.understand(request)
    }

    fn answer(&self, scenario: &Scenario<'_>) -> Option<Response> {
        self.right.answer(scenario)
    }
}

/// Whether the case that is about `fault` finds it, and nothing but it.
fn finds(fault: Fault, case: &str) {
    let verdict =
        |harness: &dyn Harness| CASES.iter().find(|it| it.name == case).map(|it| it.run(harness));
    let right = verdict(&Right::new(Market::Linear));
    let passed = matches!(right, Some(Verdict::Passed { .. } | Verdict::NotSupported));
    assert!(passed, "without {fault:?}: {right:?}");
    let found = verdict(&Faulty::new(fault));
    assert!(matches!(found, Some(Verdict::Failed(_))), "{fault:?}: {found:?}");
}

#[test]
fn orders_that_mean_something_else_are_found() {
    finds(Fault::OtherSide, "a market order is understood by its base quantity");
    finds(Fault::MoreThanAsked, "a limit order is understood in every time in force");
    finds(Fault::NoClientOrderId, "an order carries its client order id");
    finds(Fault::ReduceOnlyLost, "a reduce-only order is understood, or not supported");
}

#[test]
fn requests_about_something_else_are_found() {
    finds(Fault::OtherSymbolCancelled, "cancelling all stays within the symbol");
    finds(Fault::StaleTimestamp, "positions and balances are asked for");
}

#[test]
fn capabilities_that_are_not_so_are_found() {
    let case = "take-profit and stop-loss on an order are understood, or not supported";
    finds(Fault::ClaimsMore, case);
    finds(Fault::ClaimsLess, "stop and take-profit orders are understood, or not supported");
}

#[test]
fn replies_read_as_something_else_are_found() {
    finds(Fault::UnknownIsRejected, "an order the venue does not know the fate of is unknown");
    finds(Fault::UnknownIsRejected, "a gateway's page leaves an order's fate open");
    finds(Fault::ThrottledAtOnce, "a throttled request tells how long to wait");
    finds(Fault::FilledLost, "a cancelled order keeps what had filled");
    finds(Fault::CutIsAccepted, "a cut reply is never an answer");
}

/// A harness that does not verify signatures is found too.
#[test]
fn a_venue_that_takes_anything_is_found() {
    struct Gullible(Right);

    impl Harness for Gullible {
        fn provider(&self) -> &dyn ExchangeProvider {
            self.0.provider()
        }

        fn instrument(&self) -> Instrument {
            self.0.instrument()
        }

        fn price(&self) -> Decimal {
            self.0.price()
        }

        fn quantity(&self) -> Decimal {
            self.0.quantity()
        }

        fn understand(&self, request: Request<'_>) -> Result<Meaning, String> {
            let access = hoox_connector::conformance::Access::Signed {
                at: hoox_connector::conformance::NOW,
                window: std::time::Duration::from_secs(3),
            };
            self.0.understand(request).or(Ok(Meaning::new(&[Kind::Balances], access)))
        }

        fn answer(&self, scenario: &Scenario<'_>) -> Option<Response> {
            self.0.answer(scenario)
        }
    }

    let case = CASES.iter().find(|it| it.name == "the signature covers every byte that matters");
    let verdict = case.map(|it| it.run(&Gullible(Right::new(Market::Linear))));
    assert!(matches!(verdict, Some(Verdict::Failed(_))), "{verdict:?}");
}
