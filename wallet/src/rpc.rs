//! JSON-RPC 2.0 to the nodes of one chain, over any [`Transport`].

mod answer;
mod endpoint;
mod question;
pub(crate) mod simulation;
mod url;

use core::fmt;
use core::pin::pin;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::Arc;

use alloy_primitives::{B256, Bytes, U64};
use futures_util::future::{join_all, select};
use hoox_connector::{Clock, Method, RequestBuf, Transport, TransportError};
use serde_json::value::RawValue;
use thiserror::Error;

use endpoint::{Checked, Endpoint};

pub use answer::{FeeHistory, Log, NodeError, Receipt};
pub use question::{BlockTag, Question};
pub use url::{RpcUrl, UrlError};

/// The most questions in one batch; nodes refuse longer ones.
const BATCH_MAX: usize = 100;

/// The longest reply of a node that is read, in bytes: a batch of receipts with their logs. For
/// transports that can stop at a length.
pub const REPLY_MAX: usize = 8 * 1024 * 1024;

/// How long the first pause between two rounds through the endpoints is; each is twice the last.
const PAUSE: Duration = Duration::from_millis(100);

/// How long nodes are waited for that have not told their chain id before something is signed. One that
/// tells it later, or never, is asked again before its first use.
const CHECK_WAIT: Duration = Duration::from_secs(2);

/// Why a node gave no usable answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RpcError {
    /// There is no endpoint.
    #[error("no endpoint is configured for the chain")]
    NoEndpoint,
    /// The endpoint serves another chain. Nothing was signed for it, and nothing sent to it.
    #[error("the endpoint serves chain {reported}, not {expected}")]
    WrongChain {
        /// The chain that was asked for.
        expected: u64,
        /// The chain that the node reports.
        reported: u64,
    },
    /// No byte left this process.
    #[error("not sent: {0}")]
    NotSent(String),
    /// What was sent may have arrived.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// The answer is not one of JSON-RPC, is too long, or answers something else.
    #[error("unreadable answer: {0}")]
    Unreadable(&'static str),
    /// The node answers with an error.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// More questions than a batch takes.
    #[error("a batch has at most {BATCH_MAX} questions")]
    BatchTooLong,
}

impl RpcError {
    /// Whether another node, or the same one later, may answer what this one did not.
    fn is_worth_another_try(&self) -> bool {
        match self {
            Self::Node(error) => error.is_of_the_node(),
            Self::NoEndpoint | Self::BatchTooLong => false,
            _ => true,
        }
    }
}

/// The nodes of one chain.
///
/// Reads are asked of one endpoint after the other until one answers, for as many rounds as
/// configured; a transaction is sent once. The first that is asked is the one that answered last, so
/// that what is sent again after a silence goes to another. Each endpoint is asked for its chain id
/// before its first use, of whatever kind, and is not used if it is wrong. Clones share what they know
/// of the endpoints.
#[derive(Clone)]
pub struct Rpc<T, C> {
    transport: T,
    clock: C,
    chain_id: u64,
    endpoints: Arc<[Endpoint]>,
    /// The endpoint that is asked first.
    first: Arc<AtomicUsize>,
    next_id: Arc<AtomicU64>,
    rounds: u32,
}

impl<T: Transport, C: Clock> Rpc<T, C> {
    /// The nodes of chain `chain_id`, in the order in which they are asked.
    pub fn new(transport: T, clock: C, chain_id: u64, urls: Vec<RpcUrl>) -> Self {
        let endpoints = urls.into_iter().map(Endpoint::new).collect();
        Self {
            transport,
            clock,
            chain_id,
            endpoints,
            first: Arc::default(),
            next_id: Arc::new(AtomicU64::new(1)),
            rounds: 3,
        }
    }

    /// The same, with this many rounds through the endpoints before a read fails. Default 3.
    #[must_use]
    pub fn with_rounds(mut self, rounds: u32) -> Self {
        self.rounds = rounds.max(1);
        self
    }

    /// The chain.
    pub fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// How many endpoints there are.
    pub fn endpoints(&self) -> usize {
        self.endpoints.len()
    }

    /// The clock that pauses are slept on.
    pub fn clock(&self) -> &C {
        &self.clock
    }

    /// Asks one question and reads its answer.
    ///
    /// # Errors
    /// [`RpcError`] of the last endpoint that was asked.
    pub async fn ask<R: serde::de::DeserializeOwned>(
        &self,
        question: Question,
    ) -> Result<R, RpcError> {
        let answers = self.ask_all(core::slice::from_ref(&question)).await?;
        answers.into_iter().next().ok_or(RpcError::Unreadable("no answer"))?.read()
    }

    /// Asks several questions at once; the answers are in their order. Some may be errors of the
    /// node, for that question alone.
    ///
    /// # Errors
    /// [`RpcError`] of the last endpoint that was asked, if none answered at all.
    pub async fn ask_all(&self, questions: &[Question]) -> Result<Vec<Answer>, RpcError> {
        let mut last = RpcError::NoEndpoint;
        for round in 0..self.rounds {
            if round > 0 {
                self.clock.sleep(PAUSE * 2_u32.saturating_pow(round - 1)).await;
            }
            for (at, endpoint) in self.in_order() {
                match self.ask_endpoint(endpoint, questions).await {
                    Ok(answers) => {
                        self.first.store(at, Ordering::Relaxed);
                        return Ok(answers);
                    }
                    // A wrong chain is the graver news: it must not hide behind a timeout.
                    Err(_) if matches!(last, RpcError::WrongChain { .. }) => {}
                    Err(error) => last = error,
                }
                if !last.is_worth_another_try() {
                    return Err(last);
                }
            }
            if matches!(last, RpcError::WrongChain { .. }) {
                break;
            }
        }
        Err(last)
    }

    /// Asks every endpoint the same, once: for what one node alone is not to be believed in. The
    /// answers are in the order of the endpoints.
    pub async fn ask_each(&self, questions: &[Question]) -> Vec<Result<Vec<Answer>, RpcError>> {
        let each = self.endpoints.iter().map(|endpoint| self.ask_endpoint(endpoint, questions));
        join_all(each).await
    }

    /// Hands signed bytes to the first endpoint that can be reached, once. After
    /// [`RpcError::NoAnswer`] or [`RpcError::Unreadable`] they may be with the node: ask for the hash.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn broadcast(&self, raw: &Bytes) -> Result<B256, RpcError> {
        let question = [Question::send(raw)];
        let mut last = RpcError::NoEndpoint;
        for (at, endpoint) in self.in_order() {
            // Before anything is sent, so that a failure here leaves nothing in doubt.
            let checked = match self.check(endpoint).await {
                Ok(checked) => checked,
                Err(error) => {
                    last = match error {
                        RpcError::WrongChain { .. } => error,
                        other => RpcError::NotSent(other.to_string()),
                    };
                    continue;
                }
            };
            match self.send(checked, &question).await {
                Err(RpcError::NotSent(reason)) => last = RpcError::NotSent(reason),
                Err(error) => {
                    self.first.store(at + 1, Ordering::Relaxed);
                    return Err(error);
                }
                Ok(answers) => {
                    let answer = answers.into_iter().next();
                    return answer.ok_or(RpcError::Unreadable("no answer"))?.read();
                }
            }
        }
        Err(last)
    }

    /// Asks every endpoint for its chain id that was not asked yet, all at once, and waits 2 seconds at
    /// most: for what comes before a signature. One that does not answer is asked again before its
    /// first use.
    ///
    /// # Errors
    /// [`RpcError::WrongChain`] if one serves another chain.
    pub async fn check_all(&self) -> Result<(), RpcError> {
        let new = self
            .endpoints
            .iter()
            .filter(|endpoint| endpoint.checked(self.chain_id).is_none() && endpoint.begin());
        let checks: Vec<_> = new.map(|endpoint| self.check(endpoint)).collect();
        if !checks.is_empty() {
            let wait = pin!(self.clock.sleep(CHECK_WAIT));
            select(join_all(checks), wait).await;
        }
        self.endpoints.iter().try_for_each(|it| it.is_right_or_silent(self.chain_id))
    }

    /// Every endpoint once, with its number.
    fn in_order(&self) -> impl Iterator<Item = (usize, &Endpoint)> {
        let all = self.endpoints.iter().enumerate();
        let first = self.first.load(Ordering::Relaxed) % self.endpoints.len().max(1);
        all.clone().skip(first).chain(all.take(first))
    }

    async fn ask_endpoint(
        &self,
        endpoint: &Endpoint,
        questions: &[Question],
    ) -> Result<Vec<Answer>, RpcError> {
        let answers = self.send(self.check(endpoint).await?, questions).await?;
        // A node that is busy with one of them is as good as one that is busy with all.
        let busy = answers.iter().find_map(|answer| match &answer.0 {
            Err(error) if error.is_of_the_node() => Some(error.clone()),
            _ => None,
        });
        busy.map_or(Ok(answers), |error| Err(error.into()))
    }

    /// The endpoint as one that may be used, after it has told the right chain id.
    async fn check<'e>(&self, endpoint: &'e Endpoint) -> Result<Checked<'e>, RpcError> {
        if let Some(checked) = endpoint.checked(self.chain_id) {
            return Ok(checked);
        }
        let answers = self.post(endpoint.url(), &[Question::chain_id()]).await?;
        let answer = answers.into_iter().next().ok_or(RpcError::Unreadable("no answer"))?;
        endpoint.tells(answer.read::<U64>()?.to(), self.chain_id)
    }

    async fn send(
        &self,
        endpoint: Checked<'_>,
        questions: &[Question],
    ) -> Result<Vec<Answer>, RpcError> {
        self.post(endpoint.url(), questions).await
    }

    async fn post(&self, url: &RpcUrl, questions: &[Question]) -> Result<Vec<Answer>, RpcError> {
        if questions.len() > BATCH_MAX {
            return Err(RpcError::BatchTooLong);
        }
        let count = u64::try_from(questions.len()).unwrap_or(u64::MAX);
        let first = self.next_id.fetch_add(count, Ordering::Relaxed);
        let mut buf = RequestBuf::new();
        buf.begin(Method::Post);
        let body = buf.push(&question::encode(questions, first));
        buf.set_body(body);
        buf.constant_header("content-type", "application/json");
        // The whole URL is the base: its path often is a key, and a request shows its path.
        let response = self.transport.send(url.expose(), buf.request()).await;
        let response = response.map_err(|error| match error {
            TransportError::NotSent(reason) => RpcError::NotSent(reason),
            TransportError::MaybeSent(reason) => RpcError::NoAnswer(reason),
            other => RpcError::NoAnswer(other.to_string()),
        })?;
        if response.body.len() > REPLY_MAX {
            return Err(RpcError::Unreadable("it is too long"));
        }
        let answers = answer::decode(&response.body, first, questions.len());
        match answers {
            // Nodes answer errors with any status; a proxy's page is no answer.
            Err(_) if response.status != 200 => {
                Err(RpcError::NoAnswer(format!("HTTP status {}", response.status)))
            }
            answers => answers.map(|all| all.into_iter().map(Answer).collect()),
        }
    }
}

impl<T, C> fmt::Debug for Rpc<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rpc")
            .field("chain_id", &self.chain_id)
            .field("endpoints", &self.endpoints.iter().map(Endpoint::url).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// The answer to one question.
#[derive(Debug, Clone)]
pub struct Answer(Result<Box<RawValue>, NodeError>);

impl Answer {
    /// Reads the result.
    ///
    /// # Errors
    /// [`RpcError::Node`] if the node answered with an error, [`RpcError::Unreadable`] if the result
    /// is of another kind.
    pub fn read<R: serde::de::DeserializeOwned>(&self) -> Result<R, RpcError> {
        let raw = self.0.as_ref().map_err(|error| RpcError::Node(error.clone()))?;
        serde_json::from_str(raw.get())
            .map_err(|_| RpcError::Unreadable("the result is of another kind"))
    }
}
