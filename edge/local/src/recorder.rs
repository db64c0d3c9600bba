//! A transport that remembers what it sent, secrets redacted.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use hoox_connector::{
    PinnedTransport, Request, Response, SystemClock, Transport, TransportError, Venue,
};
use hoox_router::send_watched;

/// How many requests are remembered.
const REMEMBERED: usize = 64;

/// A base URL, and the connections to it.
type Host = (Box<str>, Arc<PinnedTransport>);

/// Kept connections to the hosts of the accounts, over HTTP/1.1 without a proxy, with a memory if it is
/// asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recorder {
    hosts: Arc<RwLock<Vec<Host>>>,
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
    pub(crate) fn silent() -> Self {
        Self::default()
    }

    /// With one.
    pub(crate) fn remembering() -> Self {
        Self { sent: Some(Arc::default()), ..Self::default() }
    }

    /// The same for one account, whose requests are kept for the archive.
    pub(crate) fn of(&self, venue: Venue, test: bool) -> Self {
        Self { account: Some((venue, test)), ..self.clone() }
    }

    /// The connections to a host, which are opened as they are needed.
    fn host(&self, base_url: &str) -> Result<Arc<PinnedTransport>, TransportError> {
        let find = |hosts: &[Host]| {
            let (_, found) = hosts.iter().find(|(of, _)| **of == *base_url)?;
            Some(Arc::clone(found))
        };
        if let Some(found) = find(&self.hosts.read().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(found);
        }
        let mut hosts = self.hosts.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = find(&hosts) {
            return Ok(found);
        }
        let host = Arc::new(PinnedTransport::new(base_url)?);
        hosts.push((base_url.into(), Arc::clone(&host)));
        Ok(host)
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
        let host = self.host(base_url)?;
        match self.account {
            Some(account) => send_watched(&*host, &SystemClock, account, base_url, request).await,
            None => host.send(base_url, request).await,
        }
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
