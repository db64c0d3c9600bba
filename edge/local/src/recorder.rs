//! A transport that remembers what it sent, secrets redacted.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use hoox_connector::{
    Clock, Request, ReqwestTransport, Response, SystemClock, Transport, TransportError, Venue,
};
use hoox_router::Exchanged;

use crate::archive;

/// How many requests are remembered.
const REMEMBERED: usize = 64;

/// The native transport, with a memory if it is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    inner: ReqwestTransport,
    sent: Option<Arc<Mutex<VecDeque<Sent>>>>,
    /// Whose requests it sends, live or test.
    account: Option<(Venue, bool)>,
}

/// A request as it was sent, keys and signatures replaced.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Sent {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Recorder {
    /// Without a memory.
    pub(crate) fn silent() -> Result<Self, TransportError> {
        Ok(Self { inner: ReqwestTransport::new()?, sent: None, account: None })
    }

    /// With one.
    pub(crate) fn remembering() -> Result<Self, TransportError> {
        Ok(Self { inner: ReqwestTransport::new()?, sent: Some(Arc::default()), account: None })
    }

    /// The same for one account, whose requests are kept for the archive.
    pub(crate) fn of(&self, venue: Venue, test: bool) -> Self {
        Self { account: Some((venue, test)), ..self.clone() }
    }

    /// The last request whose path ends in `path`.
    pub(crate) fn last(&self, path: &str) -> Option<Sent> {
        let sent = self.sent.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        sent.iter().rev().find(|sent| sent.path.ends_with(path)).cloned()
    }
}

impl Transport for Recorder {
    async fn send(&self, base_url: &str, request: Request<'_>) -> Result<Response, TransportError> {
        if let Some(sent) = &self.sent {
            let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
            if sent.len() == REMEMBERED {
                sent.pop_front();
            }
            sent.push_back(Sent::new(request));
        }
        let Some(account) = self.account.filter(|_| archive::is_watched()) else {
            return self.inner.send(base_url, request).await;
        };
        let exchanged = Exchanged::new(&request, SystemClock.now());
        let sent = Instant::now();
        let result = self.inner.send(base_url, request).await;
        archive::saw(account, exchanged.answered(&result, sent.elapsed()));
        result
    }
}

impl Sent {
    fn new(request: Request<'_>) -> Self {
        let redact = |text: &str| match request.signature() {
            "" => text.to_owned(),
            signature => text.replace(signature, "[redacted]"),
        };
        let headers = request.headers().map(|(name, value)| {
            let secret = name != "Content-Type";
            (name.to_owned(), if secret { "[redacted]".into() } else { value.to_owned() })
        });
        Self {
            method: request.method().as_str(),
            path: request.path().to_owned(),
            query: redact(request.query()),
            headers: headers.collect(),
            body: redact(request.body()),
        }
    }
}
