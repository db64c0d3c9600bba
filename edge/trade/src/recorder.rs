//! The transport of one account, whose requests are kept for the archive.

use hoox_connector::{Request, Response, Transport, TransportError, Venue};
use hoox_edge::{FetchTransport, WorkerClock};
use hoox_router::send_watched;

/// `fetch`, which remembers what it sends where that is watched.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    inner: FetchTransport,
    account: (Venue, bool),
}

impl Recorder {
    /// For an account, live or test.
    pub(crate) fn new(venue: Venue, test: bool) -> Self {
        Self { inner: FetchTransport::default(), account: (venue, test) }
    }
}

impl Transport for Recorder {
    async fn send(&self, base_url: &str, request: Request<'_>) -> Result<Response, TransportError> {
        send_watched(&self.inner, &WorkerClock, self.account, base_url, request).await
    }
}
