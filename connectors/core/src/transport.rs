use core::fmt;

use thiserror::Error;

use crate::{Headers, Request};

/// The longest reply that is read: the largest instrument list is a few megabytes.
#[cfg_attr(not(any(feature = "reqwest", feature = "pinned")), expect(dead_code))]
pub(crate) const REPLY_MAX: usize = 32 * 1024 * 1024;

/// Sends one request and waits for the reply.
///
/// An implementation tells apart what decides an order's fate: [`TransportError::NotSent`] only if
/// no byte of the request can have left. It never sends a request twice.
///
/// # Errors
/// [`TransportError`]; any complete HTTP answer, whatever its status, is a [`Response`].
pub trait Transport {
    /// Sends `request` to `base_url` (scheme and host, and a path prefix if there is one).
    fn send(
        &self,
        base_url: &str,
        request: Request<'_>,
    ) -> impl Future<Output = Result<Response, TransportError>>;
}

impl<T: Transport> Transport for &T {
    fn send(
        &self,
        base_url: &str,
        request: Request<'_>,
    ) -> impl Future<Output = Result<Response, TransportError>> {
        T::send(self, base_url, request)
    }
}

/// A complete HTTP answer.
#[derive(Clone, Default)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: http::HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// An answer without headers.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: http::HeaderMap::new(), body: body.into() }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: http::HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Calls `read` with the headers and the body, which it may overwrite.
    pub fn read<R>(&mut self, read: impl FnOnce(Headers<'_>, &mut [u8]) -> R) -> R {
        let headers = &self.headers;
        let find = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        read(Headers::new(&find), &mut self.body)
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("body_len", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Why there is no reply. The text names the cause, never the URL, a header or the body.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TransportError {
    /// No byte of the request left this process.
    #[error("not sent: {0}")]
    NotSent(String),
    /// The request, or a part of it, may have arrived.
    #[error("maybe sent: {0}")]
    MaybeSent(String),
    /// The reply is longer than is read of any. The request has arrived and may have been executed.
    #[error("the reply is longer than {max} bytes")]
    ReplyTooLong {
        /// The most that is read, in bytes.
        max: usize,
    },
}
