//! The conformance suite: a list of named [`CASES`] that every wire dialect has to pass (feature
//! `conformance`).
//!
//! A dialect is right if a venue would read its requests as they were meant, and if it reads the
//! venue's replies as the venue means them. The suite holds the neutral half of that sentence: it
//! asks for operations and says what the venue answers. A [`Harness`], written once per market, holds
//! the venue's half: it reads requests back ([`Harness::understand`]) and words replies
//! ([`Harness::answer`]). Write it from the venue's documentation, never from the dialect, and with
//! the dialect's own helpers out of reach, or an error in the one will be repeated by the other.
//!
//! For each operation and each feature of an order the dialect has two ways to pass: it says in its
//! [`Capabilities`](crate::Capabilities) that it can, and the request is understood; or encoding is
//! refused with [`EncodeError::NotSupported`](crate::EncodeError::NotSupported). Nothing in between.
//!
//! # A dialect of your own
//!
//! 1. Enable the feature for tests: `hoox-connector = { version = "…", features = ["conformance"] }`
//!    under `[dev-dependencies]`.
//! 2. Write a harness per market in `tests/conformance/main.rs`. [`wire`] has the readers for it: forms and
//!    flat JSON objects whose fields are taken one by one, so that a parameter nobody expected is an
//!    error; decimals in plain notation; HMAC.
//! 3. Run the suite, and let the report be the test's message.
//! 4. If a case fails for a reason that cannot be mended now, name it in [`Harness::deviations`]: the
//!    report shows it, and the day it passes the test fails until the line is gone.
//! 5. Run [`live`] against a simulator or a testnet: the same dialect behind a
//!    [`Client`](crate::Client), placing and finding real orders.
//!
//! ```
//! use hoox_connector::conformance::{Access, Harness, Meaning, Scenario, run, wire};
//! use hoox_connector::*;
//! use std::time::Duration;
//!
//! struct MyHarness<P> {
//!     dialect: P,
//!     secret: String,
//! }
//!
//! impl<P: ExchangeProvider> Harness for MyHarness<P> {
//!     fn provider(&self) -> &dyn ExchangeProvider {
//!         &self.dialect
//!     }
//!
//!     fn instrument(&self) -> Instrument {
//!         let symbol = Symbol::new("BTCUSDT").unwrap();
//!         let mut instrument = Instrument::new(Venue::Binance, Market::Spot, symbol);
//!         instrument.tick_size = Some(Decimal::new(1, 2));
//!         instrument
//!     }
//!
//!     fn price(&self) -> Decimal {
//!         Decimal::from(43_000)
//!     }
//!
//!     fn quantity(&self) -> Decimal {
//!         Decimal::new(1, 2)
//!     }
//!
//!     fn understand(&self, request: Request<'_>) -> Result<Meaning, String> {
//!         let (signed, signature) =
//!             request.query().split_once("&signature=").ok_or("not signed")?;
//!         if signature != wire::hmac_sha256_hex(&self.secret, signed) {
//!             return Err("bad signature".into());
//!         }
//!         let mut form = wire::Fields::form(signed)?;
//!         let access = Access::Signed {
//!             at: Timestamp::from_millis(form.integer("timestamp")?),
//!             window: Duration::from_millis(form.integer("recvWindow")?),
//!         };
//!         match (request.method(), request.path()) {
//!             (Method::Get, "/account") => {
//!                 form.end()?;
//!                 Ok(Meaning::new(&[OperationKind::Balances], access))
//!             }
//!             // … one arm per endpoint
//!             other => Err(format!("no such endpoint: {other:?}")),
//!         }
//!     }
//!
//!     fn answer(&self, scenario: &Scenario<'_>) -> Option<Response> {
//!         match scenario {
//!             Scenario::Reply(OperationKind::ServerTime, Reply::ServerTime(time)) => {
//!                 Some(Response::new(200, format!(r#"{{"serverTime":{time}}}"#)))
//!             }
//!             Scenario::Rejected(_, RejectReason::BadSignature) => {
//!                 Some(Response::new(401, r#"{"code":-1022,"msg":"Bad signature."}"#))
//!             }
//!             // … whatever else the venue can say
//!             _ => None,
//!         }
//!     }
//! }
//!
//! fn my_dialect_conforms<P: ExchangeProvider>(dialect: P, secret: String) {
//!     let report = run(&MyHarness { dialect, secret });
//!     assert!(report.is_conformant(), "{report}");
//! }
//! ```
//!
//! The harnesses of this workspace, in `tests/conformance` of each connector, are whole examples.

mod check;
mod hostile;
pub mod live;
mod meaning;
mod operations;
mod orders;
mod refusals;
mod replies;
mod report;
mod requests;
mod told;
pub mod wire;

use core::fmt;

use crate::{
    Decimal, ExchangeProvider, Instrument, OperationKind, OrderId, RejectReason, Reply, Request,
    Response, ThrottleKind, Timestamp,
};

pub use check::Check;
pub use meaning::{Access, Meaning};
pub use report::{Entry, Report, Verdict};

/// The moment, by the venue's clock, at which every request of the suite is made.
pub const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// A venue's half of the suite, for one market: how it reads requests, how it words replies.
pub trait Harness {
    /// The dialect under test, with a key that [`understand`](Self::understand) knows.
    fn provider(&self) -> &dyn ExchangeProvider;

    /// An instrument of the venue that trades, with every rule the venue's metadata states; the
    /// replies about instruments are asked for with this one.
    fn instrument(&self) -> Instrument;

    /// The instrument's market price; a limit order at this price and at half as much or half more
    /// again keeps the instrument's rules.
    fn price(&self) -> Decimal;

    /// A quantity of the base asset on the instrument's step, of which one to ten times may be
    /// ordered at [`price`](Self::price).
    fn quantity(&self) -> Decimal;

    /// An order id as the venue writes it. The default is a number beyond 2^53, which a reader that
    /// goes through floating point would change.
    fn order_id(&self) -> OrderId {
        OrderId::from(9_007_199_254_740_993)
    }

    /// What the venue calls the page behind a page of rows with the
    /// [`order_id`](Self::order_id), or with trades up to number 8; `None` if the list has no pages.
    fn next_page(&self, kind: OperationKind) -> Option<String> {
        let _ = kind;
        None
    }

    /// Reads a request as the venue would, from its method, path, query, body and headers alone
    /// (never [`Request::signed_payload`] or [`Request::signature`], which the venue does not see).
    ///
    /// # Errors
    /// What the venue would refuse, in words: an unknown endpoint or parameter, a missing one, a key
    /// it does not know, a signature that does not cover the request.
    fn understand(&self, request: Request<'_>) -> Result<Meaning, String>;

    /// What the venue answers in `scenario`, status, headers (names in lower case) and body; `None`
    /// if it has no way to say that.
    fn answer(&self, scenario: &Scenario<'_>) -> Option<Response>;

    /// The cases that are known to fail, and why.
    fn deviations(&self) -> &[Deviation] {
        &[]
    }
}

/// A case that a dialect is known not to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deviation {
    /// The [`Case::name`].
    pub case: &'static str,
    /// Why, for the report.
    pub reason: &'static str,
}

/// Something a venue may answer.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Scenario<'a> {
    /// The operation was done; the reply says just this. Quantities are in the base asset. What the
    /// venue never tells (a fee, a mark price) may be left out.
    Reply(OperationKind, &'a Reply),
    /// A definite no.
    Rejected(OperationKind, RejectReason),
    /// Turned away, not executed; if the venue can say so, with a wait of `wait_seconds` from
    /// [`NOW`].
    Throttled {
        /// What was asked.
        kind: OperationKind,
        /// Why it was turned away.
        reason: ThrottleKind,
        /// How long to wait.
        wait_seconds: u64,
    },
    /// The venue says that it does not know what became of the request.
    Unknown(OperationKind),
}

/// One named requirement.
#[derive(Clone, Copy)]
pub struct Case {
    /// The requirement as a sentence.
    pub name: &'static str,
    check: fn(&mut Check<'_>),
}

impl Case {
    /// Runs this case alone.
    pub fn run(&self, harness: &dyn Harness) -> Verdict {
        let mut check = Check::new(harness);
        (self.check)(&mut check);
        check.verdict()
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("name", &self.name).finish_non_exhaustive()
    }
}

macro_rules! cases {
    ($($name:literal => $check:path),+ $(,)?) => {
        /// Every case, in the order they are run.
        pub const CASES: &[Case] = &[$(Case { name: $name, check: $check }),+];
    };
}

cases! {
    "a limit order is understood in every time in force" => orders::limit,
    "a market order is understood by its base quantity" => orders::market,
    "a market order by quote amount is understood, or not supported" => orders::market_by_quote,
    "stop and take-profit orders are understood, or not supported" => orders::triggers,
    "a trailing stop is understood, or not supported" => orders::trailing_stop,
    "take-profit and stop-loss on an order are understood, or not supported" => orders::attached,
    "a reduce-only order is understood, or not supported" => orders::reduce_only,
    "an order of one of two positions is understood, or not supported" => orders::hedge,
    "margin mode and leverage go with an order where the venue takes them" => orders::margin,
    "an order carries its client order id" => orders::plain_client_order_id,
    "a conditional order carries its client order id" => orders::conditional_client_order_id,
    "a client order id that does not fit is refused" => orders::unfit_client_order_id,
    "numbers are written in full, without exponent or loss" => orders::numbers,
    "a batch holds its orders in their order, or is not supported" => orders::batch,
    "an open order is changed as asked, or not supported" => operations::amend,
    "one order is cancelled, and no other" => operations::cancel,
    "cancelling all stays within the symbol" => operations::cancel_all,
    "an order is asked for by either id" => operations::order,
    "open and past orders are asked for" => operations::lists,
    "executions are asked for" => operations::fills,
    "a list is read on where its page ended" => operations::pages,
    "a closed order is looked for where the venue keeps it" => operations::closed_order,
    "positions and balances are asked for" => operations::account,
    "settings are changed as asked, or not supported" => operations::settings,
    "market data is asked for without the key" => operations::market_data,
    "listen keys are kept, or not supported" => operations::listen_keys,
    "the signature covers every byte that matters" => requests::signature,
    "a request does not depend on what the buffer held" => requests::buffer,
    "a symbol of any characters arrives whole, or is refused" => requests::symbols,
    "no id, page or key adds a parameter" => requests::injection,
    "an order takes a permit" => requests::cost,
    "a placed order's reply tells the order" => replies::placed,
    "every status of an order is read as what it is" => replies::statuses,
    "a status this version does not know is open and unrecognized" => replies::unrecognized,
    "a cancelled order keeps what had filled" => replies::canceled,
    "a cancellation's reply is read" => replies::cancellation,
    "a conditional order is read back with its trigger" => replies::conditional,
    "lists of orders are read whole" => replies::lists,
    "a batch's reply tells each order's fate" => replies::batch,
    "executions are read with their fees" => replies::fills,
    "positions are read with side and size" => replies::positions,
    "balances are read" => replies::balances,
    "a changed setting is read as changed" => replies::settings,
    "a setting that is so already is no error" => replies::unchanged,
    "an instrument is read with all its rules" => replies::instruments,
    "market data is read" => replies::market_data,
    "a listen key is read" => replies::listen_key,
    "every rejection has its neutral reason" => refusals::reasons,
    "an order that does not exist is not found" => refusals::not_found,
    "a throttled request tells how long to wait" => refusals::throttled,
    "an order the venue does not know the fate of is unknown" => refusals::unknown,
    "a gateway's page leaves an order's fate open" => hostile::gateway_pages,
    "a cut reply is never an answer" => hostile::cut_replies,
    "a reply to another question is never an order" => hostile::other_replies,
    "no reply, however broken, breaks the reader" => hostile::broken_replies,
}

/// Runs every case.
pub fn run(harness: &dyn Harness) -> Report {
    let provider = harness.provider();
    let mut report = Report::new(format!("{} {}", provider.venue(), provider.market()));
    for case in CASES {
        let deviation = harness.deviations().iter().find(|it| it.case == case.name);
        report.add(case.name, case.run(harness), deviation.map(|it| it.reason));
    }
    for deviation in harness.deviations() {
        if !CASES.iter().any(|case| case.name == deviation.case) {
            let problem = "a deviation names a case that does not exist".to_owned();
            report.add(deviation.case, Verdict::Failed(vec![problem]), None);
        }
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> = CASES.iter().map(|case| case.name).collect();
        assert_eq!(names.len(), CASES.len());
    }

    /// A kind added to the list needs a case that asks for it and one that reads its reply.
    #[test]
    fn the_cases_know_every_kind_of_operation() {
        assert_eq!(OperationKind::ALL.len(), 29);
    }
}
