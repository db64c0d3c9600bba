//! The asynchronous half: a dialect behind a [`Client`], against a venue that answers.
//!
//! For a simulator or a testnet, with an account of its own: the cases place, fill and cancel real
//! orders, leave nothing open, and on futures close what they opened. Each is run on its own and must
//! not depend on another; the market may move, but a limit buy at half the price has to rest.
//!
//! ```no_run
//! use hoox_connector::conformance::live::{Stage, run};
//! use hoox_connector::*;
//!
//! async fn against_a_testnet<P: ExchangeProvider, T: Transport, C: Clock>(
//!     client: Client<P, T, C>,
//!     clock: C,
//! ) -> Result<(), Box<dyn std::error::Error>> {
//!     let instruments = client.instruments().await?;
//!     let instrument = instruments.find(&Symbol::new("BTCUSDT")?).ok_or("not listed")?;
//!     let stage = Stage::new(instrument.clone(), Decimal::new(1, 2), "run-1");
//!     let report = run(&client, &clock, &stage).await;
//!     assert!(report.is_conformant(), "{report}");
//!     Ok(())
//! }
//! ```

mod account;
#[cfg(all(feature = "websocket", not(target_arch = "wasm32")))]
pub mod sessions;
mod stage;
mod trading;

use core::future::Future;

use crate::{Client, Clock, ExchangeProvider, Transport};

use super::{Report, Verdict};

pub use stage::Stage;

/// Why a case did not pass.
enum Stop {
    /// The market has nothing of the kind.
    NotSupported,
    /// What is wrong.
    Failed(String),
}

type Step<T = ()> = Result<T, Stop>;

/// Fails with `problem` unless `right`.
fn ensure(right: bool, problem: impl FnOnce() -> String) -> Step {
    if right { Ok(()) } else { Err(Stop::Failed(problem())) }
}

/// What an error says, in the case's words.
fn failed<E: core::fmt::Display>(what: &'static str) -> impl FnOnce(E) -> Stop {
    move |error| Stop::Failed(format!("{what}: {error}"))
}

macro_rules! live_cases {
    ($($variant:ident = $name:literal => $check:path),+ $(,)?) => {
        /// A requirement on a dialect, its client, its transport and a venue together.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum LiveCase { $(#[doc = $name] $variant),+ }

        /// Every case, in the order they are run.
        pub const CASES: &[LiveCase] = &[$(LiveCase::$variant),+];

        impl LiveCase {
            /// The requirement as a sentence.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }

        async fn step<P: ExchangeProvider, T: Transport, C: Clock>(
            case: LiveCase,
            at: &stage::At<'_, P, T, C>,
        ) -> Step {
            match case { $(LiveCase::$variant => $check(at).await),+ }
        }
    };
}

live_cases! {
    Clock = "the venue's clock is known" => account::clock,
    Instrument = "the instrument is listed with the rules the caller has" => account::instrument,
    Prices = "prices are there, the bid below the ask" => account::prices,
    Balances = "balances are there, none with more available than there is" => account::balances,
    Settings = "a setting takes effect, and once more is no error" => account::settings,
    Limit = "a limit order rests, is found, and is gone once cancelled" => trading::limit,
    Unknown = "an order nobody placed is not found" => trading::unknown,
    CancelTwice = "cancelling an order that is gone is refused as unknown" => trading::cancel_twice,
    Market = "a market order fills, and its executions add up" => trading::market,
    ByQuote = "a market order by quote amount spends no more than that" => trading::by_quote,
    PostOnly = "a post-only order that would take does not fill" => trading::post_only,
    Immediate = "an immediate order that cannot fill does not rest" => trading::immediate,
    Duplicate = "the same client order id twice makes one order" => trading::duplicate,
    Invalid = "an order for a symbol that does not exist is refused" => trading::invalid,
    Amend = "an open order is changed" => trading::amend,
    Batch = "a batch of orders rests" => trading::batch,
    CancelAll = "cancelling all leaves nothing open" => trading::cancel_all,
    Trigger = "a stop waits, is found, and is gone once cancelled" => trading::trigger,
    Position = "a position opens, shows, and closes with a reduce-only order" => account::position,
    ReduceOnly = "a reduce-only order without a position is refused" => account::reduce_only,
}

/// Runs one case.
pub async fn check<P: ExchangeProvider, T: Transport, C: Clock>(
    case: LiveCase,
    client: &Client<P, T, C>,
    clock: &C,
    stage: &Stage,
) -> Verdict {
    let at = stage::At { client, clock, stage };
    let verdict = verdict(step(case, &at)).await;
    // Whatever became of it, nothing may be left for the next case to find.
    at.clear().await;
    verdict
}

/// Runs every case, one after the other.
pub async fn run<P: ExchangeProvider, T: Transport, C: Clock>(
    client: &Client<P, T, C>,
    clock: &C,
    stage: &Stage,
) -> Report {
    let provider = client.provider();
    let mut report = Report::new(format!("{} {}, live", provider.venue(), provider.market()));
    for case in CASES {
        let verdict = check(*case, client, clock, stage).await;
        report.add(case.name(), verdict, stage.deviation(case.name()));
    }
    report
}

async fn verdict(step: impl Future<Output = Step>) -> Verdict {
    match step.await {
        Ok(()) => Verdict::Passed { checks: 1 },
        Err(Stop::NotSupported) => Verdict::NotSupported,
        Err(Stop::Failed(problem)) => Verdict::Failed(vec![problem]),
    }
}
